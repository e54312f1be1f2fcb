/* What the log prints of an SNMP message, worded as Wireshark words it. */
#include "snmp/snmp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/codec.h"

/* get-request 1.3.6.1.2.1.1.5.0 1.3.6.1.2.1.1.6.0 */
static void put_info(const struct snmp_msg *m, struct sbuf *out)
{
	char text[SNMP_OID_TEXT_MAX];
	const char *name = snmp_pdu_name(m->pdu);
	struct rd binds = m->binds;
	struct snmp_bind b;

	sbuf_puts(out, name ? name : "unknown");
	if (m->pdu == SNMP_TRAP_V1) { /* Wireshark names the first number of this one */
		snmp_oid_format(&m->enterprise, text);
		sbuf_printf(out, " %s%s", strncmp(text, "1.", 2) == 0 ? "iso." : "",
			    text + (strncmp(text, "1.", 2) == 0 ? 2 : 0));
	}
	while (snmp_bind_next(&binds, &b) && !out->full)
		sbuf_printf(out, " %s", snmp_oid_format(&b.name, text));
}

static int decode(const struct codec_in *in, struct snmp_msg *m, const char **why)
{
	int err = snmp_decode_header(in->data, in->len, m, why);

	return err ? err : snmp_decode_pdu(m, why);
}

static int info(const struct codec_in *in, struct sbuf *out, const char **ret_why)
{
	struct snmp_msg m;
	int err = decode(in, &m, ret_why);

	if (err == -EPROTONOSUPPORT && m.version == SNMP_V3) {
		sbuf_puts(out, "SNMPv3");
		return 0;
	}
	if (err == 0)
		put_info(&m, out);
	return err ? -EBADMSG : 0;
}

/* --- fields ------------------------------------------------------------------------------- */

struct teller {
	const struct codec_in *in;
	codec_field_fn fn;
	void *arg;
};

static void tell(const struct teller *t, const char *field, const struct sbuf *value,
		 const uint8_t *at, size_t len)
{
	t->fn(t->arg, field, sbuf_text(value), (size_t)(at - t->in->data), len);
}

static void tell_number(const struct teller *t, const char *field, int64_t value, const char *name,
			const struct snmp_msg *m)
{
	struct sbuf text = SBUF(64);

	if (name)
		sbuf_printf(&text, "%s (%" PRId64 ")", name, value);
	else
		sbuf_printf(&text, "%" PRId64, value);
	tell(t, field, &text, m->body.start, 0);
	sbuf_done(&text);
}

static void tell_head(const struct teller *t, const struct snmp_msg *m)
{
	struct sbuf text = SBUF(512);

	sbuf_printf(&text, "%s (%d)", snmp_version_name(m->version), m->version);
	tell(t, "version", &text, t->in->data, 0);
	sbuf_reset(&text);
	sbuf_put(&text, m->community, m->community_len);
	tell(t, "community", &text, (const uint8_t *)m->community, m->community_len);
	sbuf_reset(&text);
	sbuf_printf(&text, "%s (%d)", snmp_pdu_name(m->pdu), m->pdu - SNMP_GET);
	tell(t, "data", &text, t->in->data + m->pdu_at, 0);
	sbuf_done(&text);
}

static void tell_numbers(const struct teller *t, const struct snmp_msg *m)
{
	bool bulk = m->pdu == SNMP_GETBULK;

	if (m->pdu == SNMP_TRAP_V1) {
		tell_number(t, "generic-trap", m->generic, snmp_generic_name(m->generic), m);
		tell_number(t, "specific-trap", m->specific, NULL, m);
		tell_number(t, "time-stamp", (int64_t)m->uptime, NULL, m);
		return;
	}
	tell_number(t, "request-id", m->id, NULL, m);
	tell_number(t, bulk ? "non-repeaters" : "error-status", m->error,
		    bulk ? NULL : snmp_error_name(m->error), m);
	tell_number(t, bulk ? "max-repetitions" : "error-index", m->index, NULL, m);
}

static void tell_binds(const struct teller *t, const struct snmp_msg *m)
{
	struct rd binds = m->binds;
	struct snmp_bind b;

	for (const uint8_t *at = binds.p; snmp_bind_next(&binds, &b); at = binds.p) {
		struct sbuf text = SBUF(4096);

		snmp_name_format(&b.name, &text);
		sbuf_printf(&text, ": %s ", snmp_type_name(b.value.type));
		snmp_value_format(&b.value, &text);
		tell(t, "variable-binding", &text, at, (size_t)(binds.p - at));
		sbuf_done(&text);
	}
}

static int fields(const struct codec_in *in, codec_field_fn fn, void *arg)
{
	struct teller t = { in, fn, arg };
	struct snmp_msg m;
	const char *why;
	int err = decode(in, &m, &why);

	if (err == -EPROTONOSUPPORT && m.version == SNMP_V3)
		return 0;
	if (err)
		return -EBADMSG;
	tell_head(&t, &m);
	tell_numbers(&t, &m);
	tell_binds(&t, &m);
	return 0;
}

const struct codec snmp_codec = {
	.name = "SNMP",
	.udp_ports = { SNMP_PORT, SNMP_TRAP_PORT },
	.info = info,
	.fields = fields,
};
