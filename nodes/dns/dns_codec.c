/* What the log prints of a DNS message: one line, worded as Wireshark's Info column, and the fields
 * in order. Both read as far as the bytes allow, so that a cut or malformed message still shows
 * what it holds. */
#include <errno.h>
#include <string.h>

#include "base/sbuf.h"
#include "dns/dns_wire.h"

/* --- words --- */

static const char *opcode_words(unsigned opcode)
{
	static const char *const words[] = { "Standard query",		 "Inverse query",
					     "Server status request",	 NULL,
					     "Zone change notification", "Dynamic update",
					     "DNS Stateful operations" };

	return opcode < ARRAY_SIZE(words) ? words[opcode] : NULL;
}

static const char *rcode_words(unsigned rcode)
{
	static const char *const words[] = {
		"No error",	     "Format error",	 "Server failure",
		"No such name",	     "Not implemented",	 "Refused",
		"Name exists",	     "RRset exists",	 "RRset does not exist",
		"Not authoritative", "Name out of zone", "DSO-Type Not implemented"
	};

	return rcode < ARRAY_SIZE(words) ? words[rcode] : NULL;
}

static void put_number_word(struct sbuf *out, const char *word, const char *what, unsigned number)
{
	if (word)
		(void)sbuf_puts(out, word);
	else
		(void)sbuf_printf(out, "%s (%u)", what, number);
}

static const char *name_words(const struct dns_name *n, char text[static DNS_TEXT_LEN])
{
	return dns_name_is_root(n) ? "<Root>" : dns_name_text(n, text);
}

static void put_type(struct sbuf *out, uint16_t type)
{
	const char *name = dns_type_name(type);

	(void)sbuf_puts(out, " ");
	put_number_word(out, name ? name : type ? NULL : "Unused", "Unknown", type);
}

/* --- the info line --- */

static void info_header(const struct dns_msg *m, struct sbuf *out)
{
	unsigned rcode = dns_rcode(m->flags);

	put_number_word(out, opcode_words(dns_opcode(m->flags)), "Unknown operation",
			dns_opcode(m->flags));
	(void)sbuf_printf(out, "%s 0x%04x", m->flags & DNS_QR ? " response" : "", m->id);
	if (!(m->flags & DNS_QR) || rcode == DNS_NOERROR)
		return;
	(void)sbuf_puts(out, " ");
	put_number_word(out, rcode_words(rcode), "Unknown error", rcode);
}

static void put_string(struct rd *r, struct sbuf *out)
{
	uint8_t len = rd_u8(r);
	const uint8_t *p = rd_view(r, len);

	(void)sbuf_puts(out, " ");
	if (p)
		(void)sbuf_put(out, p, strnlen((const char *)p, len));
}

/* The leading numbers and the first name of the data: MX 10 mail.example.com. */
static void info_numbers_and_name(const struct dns_rr *rr, struct rd *r, struct sbuf *out)
{
	char text[DNS_TEXT_LEN];
	struct dns_name name;
	const char *f = dns_type_shape(rr->type), *why;

	for (; *f == 's'; f++)
		(void)sbuf_printf(out, " %u", rd_u16(r));
	if (!dns_name_read(r, &name, &why))
		(void)sbuf_printf(out, " %s", name_words(&name, text));
}

static void info_addr(uint16_t type, struct rd *r, struct sbuf *out)
{
	struct addr a = { .family = type == DNS_AAAA ? 6 : 4 };
	char text[ADDR_TEXT_LEN];

	rd_bytes(r, a.b, type == DNS_AAAA ? 16 : 4);
	if (!r->err)
		(void)sbuf_printf(out, " %s", addr_format(&a, text));
}

static void info_data(const struct dns_msg *m, const struct dns_rr *rr, struct sbuf *out)
{
	struct rd r;

	rd_init(&r, m->data, m->len);
	rd_seek(&r, rr->rdata_pos);
	switch (rr->type) {
	case DNS_A:
	case DNS_AAAA:
	case 11: /* WKS */
		info_addr(rr->type, &r, out);
		break;
	case DNS_NS:
	case DNS_CNAME:
	case DNS_SOA:
	case DNS_PTR:
	case DNS_MX:
	case DNS_SRV:
	case 39: /* DNAME */
	case 47: /* NSEC */
		info_numbers_and_name(rr, &r, out);
		break;
	case 13: /* HINFO */
		put_string(&r, out);
		put_string(&r, out);
		break;
	case 35: /* NAPTR */
		(void)sbuf_printf(out, " %u", rd_u16(&r));
		(void)sbuf_printf(out, " %u", rd_u16(&r));
		put_string(&r, out);
		break;
	default:
		break;
	}
}

static void info_rr(const struct dns_msg *m, const struct dns_rr *rr, struct sbuf *out)
{
	put_type(out, rr->type);
	info_data(m, rr, out);
}

/* Questions again, as the message's struct keeps only the first. 0 or -EBADMSG. */
static int info_questions(const struct dns_msg *m, struct rd *r, struct sbuf *out,
			  const char **ret_why)
{
	char text[DNS_TEXT_LEN];

	for (unsigned i = 0; i < m->n_question; i++) {
		struct dns_name name;
		uint16_t type;
		int err = dns_name_read(r, &name, ret_why);

		type = rd_u16(r);
		rd_skip(r, 2);
		if (err)
			return err;
		*ret_why = "a question beyond the end of the packet";
		if (r->err)
			return -EBADMSG;
		put_type(out, type);
		(void)sbuf_printf(out, " %s", name_words(&name, text));
	}
	return 0;
}

/* The info of as many records as are whole. Lines have an end: so has this one. */
enum { INFO_RECORDS_MAX = 64 };

static void info_records(struct dns_msg *m, size_t pos, struct sbuf *out)
{
	struct dns_rrs it;
	struct dns_rr rr;

	m->rrs_pos = pos;
	dns_rrs(m, &it);
	for (unsigned n = 0; n < INFO_RECORDS_MAX && dns_rr_next(&it, &rr); n++)
		info_rr(m, &rr, out);
}

/* A TCP segment: the two octets of length come first. -EAGAIN when no message begins here. */
static int message_of(const struct codec_in *in, const uint8_t **ret_data, size_t *ret_len,
		      bool *ret_cut)
{
	size_t len;

	*ret_cut = in->cut;
	*ret_data = in->data;
	*ret_len = in->len;
	if (!in->tcp)
		return 0;
	if (in->len < 2 + DNS_HEADER_LEN)
		return -EAGAIN;
	len = (size_t)in->data[0] << 8 | in->data[1];
	if (len < DNS_HEADER_LEN || !opcode_words(in->data[4] >> 3 & 15) || in->data[6] ||
	    in->data[7] > 1)
		return -EAGAIN; /* an opcode or a question count that no message has */
	*ret_data = in->data + 2;
	*ret_len = in->len - 2;
	if (len < *ret_len)
		*ret_len = len;
	*ret_cut |= len > *ret_len;
	return 0;
}

static int dns_info(const struct codec_in *in, struct sbuf *out, const char **ret_why)
{
	const uint8_t *data;
	struct dns_msg m;
	struct rd r;
	size_t len;
	bool cut;
	int err = message_of(in, &data, &len, &cut);

	if (err)
		return err;
	*ret_why = "shorter than a DNS header";
	err = dns_msg_header(data, len, &m);
	if (err)
		return err;
	info_header(&m, out);
	rd_init(&r, data, len);
	rd_seek(&r, DNS_HEADER_LEN);
	err = info_questions(&m, &r, out, ret_why);
	if (!err)
		info_records(&m, rd_pos(&r), out);
	if (!err)
		err = dns_msg_read(&m, ret_why);
	return cut ? 0 : err;
}

/* --- the fields --- */

struct fields {
	codec_field_fn fn;
	void *arg;
	size_t base; /* of the message within the codec's bytes */
	struct sbuf text;
};

static void field(struct fields *f, const char *name, size_t from, size_t to)
{
	f->fn(f->arg, name, sbuf_text(&f->text), f->base + from, to - from);
	sbuf_reset(&f->text);
}

static void field_number(struct fields *f, const char *name, const char *fmt, unsigned value,
			 size_t from, size_t len)
{
	if (!strcmp(fmt, "hex"))
		(void)sbuf_printf(&f->text, "0x%04x", value);
	else
		(void)sbuf_printf(&f->text, "%u", value);
	field(f, name, from, from + len);
}

static void field_flags(struct fields *f, uint16_t flags)
{
	static const struct {
		uint16_t bit;
		const char *word;
	} bits[] = { { DNS_AA, "authoritative" },      { DNS_TC, "truncated" },
		     { DNS_RD, "recursion desired" },  { DNS_RA, "recursion available" },
		     { DNS_AD, "authenticated data" }, { DNS_CD, "checking disabled" } };

	(void)sbuf_printf(&f->text, "0x%04x ", flags);
	put_number_word(&f->text, opcode_words(dns_opcode(flags)), "Unknown operation",
			dns_opcode(flags));
	if (flags & DNS_QR) {
		(void)sbuf_puts(&f->text, " response, ");
		put_number_word(&f->text, rcode_words(dns_rcode(flags)), "Unknown error",
				dns_rcode(flags));
	}
	for (size_t i = 0; i < ARRAY_SIZE(bits); i++)
		if (flags & bits[i].bit)
			(void)sbuf_printf(&f->text, ", %s", bits[i].word);
	field(f, "Flags", 2, 4);
}

static void field_header(struct fields *f, const struct dns_msg *m)
{
	field_number(f, "Transaction ID", "hex", m->id, 0, 2);
	field_flags(f, m->flags);
	field_number(f, "Questions", "dec", m->n_question, 4, 2);
	field_number(f, "Answer RRs", "dec", m->n_rr[DNS_ANSWER], 6, 2);
	field_number(f, "Authority RRs", "dec", m->n_rr[DNS_AUTHORITY], 8, 2);
	field_number(f, "Additional RRs", "dec", m->n_rr[DNS_ADDITIONAL], 10, 2);
}

static void field_class(struct fields *f, uint16_t class, size_t from)
{
	if (class == DNS_CLASS_IN)
		(void)sbuf_puts(&f->text, "IN");
	else
		(void)sbuf_printf(&f->text, "%u", class);
	field(f, "Class", from, from + 2);
}

static void field_type(struct fields *f, uint16_t type, size_t from)
{
	char buf[12];

	(void)sbuf_puts(&f->text, dns_type_text(type, buf));
	field(f, "Type", from, from + 2);
}

static void field_rr(struct fields *f, const struct dns_msg *m, const struct dns_rr *rr)
{
	static const char *const sections[] = { "Answer", "Authority", "Additional" };
	char text[DNS_TEXT_LEN];
	struct dns_rdata data;
	size_t at = rr->rdata_pos;

	(void)sbuf_puts(&f->text, name_words(&rr->owner, text));
	field(f, sections[rr->section], rr->pos, at - 10);
	field_type(f, rr->type, at - 10);
	if (rr->type == DNS_OPT) {
		field_number(f, "UDP payload size", "dec", rr->class, at - 8, 2);
		field_number(f, "EDNS version", "dec", rr->ttl >> 16 & 255, at - 5, 1);
	} else {
		field_class(f, rr->class, at - 8);
		field_number(f, "Time to live", "dec", rr->ttl, at - 6, 4);
	}
	field_number(f, "Data length", "dec", rr->rdlength, at - 2, 2);
	if (rr->rdlength == 0 || dns_rr_data(m, rr, &data))
		return;
	dns_rdata_text(rr->type, data.b, data.len, &f->text);
	field(f, "Data", at, at + rr->rdlength);
}

static int field_questions(struct fields *f, const struct dns_msg *m, struct rd *r)
{
	char text[DNS_TEXT_LEN];
	struct dns_name name;
	const char *why;

	for (unsigned i = 0; i < m->n_question; i++) {
		size_t from = rd_pos(r), at;
		uint16_t type, class;
		int err = dns_name_read(r, &name, &why);

		at = rd_pos(r);
		type = rd_u16(r);
		class = rd_u16(r);
		if (err || r->err)
			return -EBADMSG;
		(void)sbuf_puts(&f->text, name_words(&name, text));
		field(f, "Query", from, at);
		field_type(f, type, at);
		field_class(f, class, at + 2);
	}
	return 0;
}

static void field_records(struct fields *f, struct dns_msg *m, size_t pos)
{
	struct dns_rrs it;
	struct dns_rr rr;

	m->rrs_pos = pos;
	dns_rrs(m, &it);
	while (dns_rr_next(&it, &rr))
		field_rr(f, m, &rr);
}

static int dns_fields(const struct codec_in *in, codec_field_fn fn, void *arg)
{
	struct fields f = { .fn = fn, .arg = arg, .base = in->tcp ? 2 : 0, .text = SBUF(65536) };
	const uint8_t *data;
	const char *why;
	struct dns_msg m;
	struct rd r;
	size_t len;
	bool cut;
	int err = message_of(in, &data, &len, &cut);

	if (!err)
		err = dns_msg_header(data, len, &m);
	if (err)
		return err;
	field_header(&f, &m);
	rd_init(&r, data, len);
	rd_seek(&r, DNS_HEADER_LEN);
	err = field_questions(&f, &m, &r);
	if (!err)
		field_records(&f, &m, rd_pos(&r));
	if (!err)
		err = dns_msg_read(&m, &why);
	sbuf_done(&f.text);
	return cut ? 0 : err;
}

const struct codec dns_codec = {
	.name = "DNS",
	.udp_ports = { DNS_PORT },
	.tcp_ports = { DNS_PORT },
	.info = dns_info,
	.fields = dns_fields,
};
