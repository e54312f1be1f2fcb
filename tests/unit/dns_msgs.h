/* dns_msgs.h: DNS messages from and to text, for tests.
 *
 *   n = dm_build(buf, 0x1234, DNS_QR | DNS_AA, "www.a.test A",
 *                "an www.a.test 300 A 10.0.0.1\n"
 *                "ar ns.a.test 300 A 10.0.0.2\n");
 *   assert_string_equal(dm_show(data, len), "0x1234 qr aa NOERROR\n"
 *                                           "q www.a.test A\n"
 *                                           "an www.a.test 300 A 10.0.0.1\n");
 *
 * Flags in dm_show(): qr, opcode (when not 0), aa, tc, rd, ra; an OPT record is "opt SIZE". */
#ifndef LABD_TESTS_DNS_MSGS_H
#define LABD_TESTS_DNS_MSGS_H

#include <stdio.h>
#include <string.h>

#include "base/sbuf.h"
#include "dns/dns_wire.h"

static inline struct dns_name dm_name(const char *text)
{
	struct dns_name n;
	const char *why = "";

	if (dns_name_parse(text, &n, &why))
		fail_msg("%s: %s", text, why);
	return n;
}

static inline void dm_question(struct dns_out *o, const char *question)
{
	char name[256], type[32];
	struct dns_name n;
	uint16_t t;

	if (sscanf(question, "%255s %31s", name, type) != 2 || dns_type_parse(type, &t))
		fail_msg("bad question %s", question);
	n = dm_name(name);
	dns_out_question(o, &n, t, DNS_CLASS_IN);
}

static inline void dm_record(struct dns_out *o, const char *line)
{
	char section[4], name[256], type[32], data[512] = "";
	struct dns_rdata rdata;
	struct dns_name n;
	const char *why = "";
	unsigned ttl;
	uint16_t t;

	if (sscanf(line, "%3s %255s %u %31s %511[^\n]", section, name, &ttl, type, data) < 4 ||
	    dns_type_parse(type, &t))
		fail_msg("bad record %s", line);
	n = dm_name(name);
	if (dns_rdata_parse(t, data, &dns_root, &rdata, &why))
		fail_msg("%s: %s", line, why);
	if (!dns_out_rr(o,
			section[1] == 'n'   ? DNS_ANSWER
			: section[0] == 'n' ? DNS_AUTHORITY
					    : DNS_ADDITIONAL,
			&n, t, DNS_CLASS_IN, ttl, rdata.b, rdata.len))
		fail_msg("%s does not fit", line);
}

/* Records: lines of "an|ns|ar NAME TTL TYPE DATA", in this order of sections. */
static inline size_t dm_build(uint8_t *buf, size_t size, uint16_t id, uint16_t flags,
			      const char *question, const char *records)
{
	struct dns_out o;

	dns_out_begin(&o, buf, size, size, false);
	o.id = id;
	o.flags = flags;
	if (question)
		dm_question(&o, question);
	for (const char *p = records; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		dm_record(&o, p);
	return dns_out_end(&o);
}

/* A query with an OPT record of this size and version. */
static inline size_t dm_edns_query(uint8_t *buf, size_t size, uint16_t id, uint16_t flags,
				   const char *question, uint16_t udp_size, uint8_t version)
{
	struct dns_out o;
	size_t len;

	dns_out_begin(&o, buf, size, size, false);
	o.id = id;
	o.flags = flags;
	dm_question(&o, question);
	dns_out_opt(&o, udp_size, 0);
	len = dns_out_end(&o);
	buf[len - 5] = version;
	return len;
}

static inline void dm_show_flags(const struct dns_msg *m, struct sbuf *out)
{
	char code[12];

	sbuf_printf(out, "0x%04x", m->id);
	sbuf_puts(out, m->flags & DNS_QR ? " qr" : "");
	if (dns_opcode(m->flags))
		sbuf_printf(out, " op%u", dns_opcode(m->flags));
	sbuf_puts(out, m->flags & DNS_AA ? " aa" : "");
	sbuf_puts(out, m->flags & DNS_TC ? " tc" : "");
	sbuf_puts(out, m->flags & DNS_RD ? " rd" : "");
	sbuf_puts(out, m->flags & DNS_RA ? " ra" : "");
	sbuf_printf(out, " %s\n",
		    dns_rcode_text(dns_rcode(m->flags) | (unsigned)m->edns.ext_rcode << 4, code));
}

static inline void dm_show_rr(const struct dns_msg *m, const struct dns_rr *rr, struct sbuf *out)
{
	static const char *const sections[] = { "an", "ns", "ar" };
	char name[DNS_TEXT_LEN], type[12];
	struct dns_rdata data;

	if (rr->type == DNS_OPT) {
		sbuf_printf(out, "opt %u\n", rr->class);
		return;
	}
	assert_int_equal(dns_rr_data(m, rr, &data), 0);
	sbuf_printf(out, "%s %s %u %s ", sections[rr->section], dns_name_text(&rr->owner, name),
		    rr->ttl, dns_type_text(rr->type, type));
	dns_rdata_text(rr->type, data.b, data.len, out);
	sbuf_puts(out, "\n");
}

/* Valid until the next call. */
static inline const char *dm_show(const void *data, size_t len)
{
	static char text[65536];
	struct sbuf out = SBUF(sizeof(text) - 1);
	char name[DNS_TEXT_LEN], type[12];
	const char *why = "";
	struct dns_msg m;
	struct dns_rrs it;
	struct dns_rr rr;

	if (dns_msg_header(data, len, &m) || dns_msg_read(&m, &why))
		fail_msg("unreadable message: %s", why);
	dm_show_flags(&m, &out);
	if (m.n_question)
		sbuf_printf(&out, "q %s %s\n", dns_name_text(&m.q.name, name),
			    dns_type_text(m.q.type, type));
	dns_rrs(&m, &it);
	while (dns_rr_next(&it, &rr))
		dm_show_rr(&m, &rr, &out);
	str_copy(text, sizeof(text), sbuf_text(&out));
	sbuf_done(&out);
	return text;
}

#endif
