/* What the log prints of a TFTP packet, worded as Wireshark words it. */
#include "tftp/tftp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/codec.h"

static const char *op_name(unsigned op)
{
	static const char *const names[] = {
		[TFTP_RRQ] = "Read Request", [TFTP_WRQ] = "Write Request",
		[TFTP_DATA] = "Data Packet", [TFTP_ACK] = "Acknowledgement",
		[TFTP_ERROR] = "Error Code", [TFTP_OACK] = "Option Acknowledgement",
	};

	return op < ARRAY_SIZE(names) ? names[op] : NULL;
}

static void put_options(const struct tftp_msg *m, struct sbuf *out)
{
	for (unsigned i = 0; i < m->n_options; i++)
		sbuf_printf(out, ", %s=%s", m->options[i].name, m->options[i].value);
}

static void put_message(const struct tftp_msg *m, const struct codec_in *in, struct sbuf *out)
{
	switch (m->op) {
	case TFTP_RRQ:
	case TFTP_WRQ:
		sbuf_printf(out, ", File: %s, Transfer type: %s", m->file, m->mode_text);
		put_options(m, out);
		break;
	case TFTP_DATA:
		sbuf_printf(out, ", Block: %u%s", m->block,
			    !in->cut && m->len < TFTP_BLKSIZE ? " (last)" : "");
		break;
	case TFTP_ACK:
		sbuf_printf(out, ", Block: %u", m->block);
		break;
	case TFTP_ERROR:
		sbuf_printf(out, ", Code: %s, Message: %s", tftp_code_name(m->code), m->text);
		break;
	case TFTP_OACK:
		put_options(m, out);
		break;
	default:
		break;
	}
}

static int info(const struct codec_in *in, struct sbuf *out, const char **ret_why)
{
	struct tftp_msg m = { 0 };
	int err = tftp_decode(in->data, in->len, &m, ret_why);
	const char *name = op_name(m.op);

	if (name)
		sbuf_puts(out, name);
	else
		sbuf_printf(out, "Unknown (0x%04x)", m.op);
	if (err == 0)
		put_message(&m, in, out);
	return err;
}

/* --- fields ------------------------------------------------------------------------------- */

struct teller {
	const struct codec_in *in;
	codec_field_fn fn;
	void *arg;
};

static void tell(const struct teller *t, const char *field, const char *value, size_t at,
		 size_t len)
{
	t->fn(t->arg, field, value, at, len);
}

static void tell_number(const struct teller *t, const char *field, unsigned value, size_t at)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	tell(t, field, text, at, 2);
}

static void tell_text(const struct teller *t, const char *field, const char *text)
{
	tell(t, field, text, (size_t)((const uint8_t *)text - t->in->data), strlen(text) + 1);
}

static void tell_message(const struct teller *t, const struct tftp_msg *m)
{
	char text[64];

	if (m->op == TFTP_RRQ || m->op == TFTP_WRQ) {
		tell_text(t, m->op == TFTP_RRQ ? "Source File" : "Destination File", m->file);
		tell_text(t, "Type", m->mode_text);
	} else if (m->op == TFTP_DATA || m->op == TFTP_ACK) {
		tell_number(t, "Block", m->block, 2);
	} else if (m->op == TFTP_ERROR) {
		snprintf(text, sizeof(text), "%s (%u)", tftp_code_name(m->code), m->code);
		tell(t, "Error code", text, 2, 2);
		if (*m->text)
			tell_text(t, "Error message", m->text);
	}
	for (unsigned i = 0; i < m->n_options; i++) {
		tell_text(t, "Option name", m->options[i].name);
		tell_text(t, "Option value", m->options[i].value);
	}
	if (m->op == TFTP_DATA) {
		snprintf(text, sizeof(text), "%zu bytes", m->len);
		tell(t, "Data", text, TFTP_HEADER, m->len);
	}
}

static int fields(const struct codec_in *in, codec_field_fn fn, void *arg)
{
	struct teller t = { in, fn, arg };
	struct tftp_msg m = { 0 };
	const char *why;
	int err = tftp_decode(in->data, in->len, &m, &why);
	const char *name = op_name(m.op);
	char text[48];

	if (in->len < 2)
		return err;
	snprintf(text, sizeof(text), "%s (%u)", name ? name : "Unknown", m.op);
	tell(&t, "Opcode", text, 0, 2);
	if (err == 0)
		tell_message(&t, &m);
	return err;
}

const struct codec tftp_codec = {
	.name = "TFTP",
	.udp_ports = { TFTP_PORT },
	.info = info,
	.fields = fields,
};
