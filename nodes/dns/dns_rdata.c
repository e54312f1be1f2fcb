#include "dns/dns_rdata.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cur.h"
#include "base/sbuf.h"

struct type_row {
	uint16_t type;
	const char *name, *shape;
};

/* Only the types of RFC 1035 may have compressed names in their data (RFC 3597 §4). */
static const struct type_row types[] = {
	/* clang-format off */
	{ 1, "A", "4" }, { 2, "NS", "n" }, { 3, "MD", "n" },
	{ 4, "MF", "n" }, { 5, "CNAME", "n" }, { 6, "SOA", "nnlllll" },
	{ 7, "MB", "n" }, { 8, "MG", "n" }, { 9, "MR", "n" },
	{ 10, "NULL", "x" }, { 11, "WKS", "4bx" }, { 12, "PTR", "n" },
	{ 13, "HINFO", "tt" }, { 14, "MINFO", "nn" }, { 15, "MX", "sn" },
	{ 16, "TXT", "T" }, { 17, "RP", "NN" }, { 18, "AFSDB", "sN" },
	{ 24, "SIG", "x" }, { 25, "KEY", "x" }, { 28, "AAAA", "6" },
	{ 29, "LOC", "x" }, { 30, "NXT", "x" }, { 33, "SRV", "sssN" },
	{ 35, "NAPTR", "sstttN" }, { 36, "KX", "sN" }, { 37, "CERT", "x" },
	{ 39, "DNAME", "N" }, { 41, "OPT", "x" }, { 43, "DS", "sbbx" },
	{ 44, "SSHFP", "bbx" }, { 45, "IPSECKEY", "x" }, { 46, "RRSIG", "x" },
	{ 47, "NSEC", "Nx" }, { 48, "DNSKEY", "sbbx" }, { 50, "NSEC3", "x" },
	{ 51, "NSEC3PARAM", "x" }, { 52, "TLSA", "bbbx" }, { 59, "CDS", "sbbx" },
	{ 60, "CDNSKEY", "sbbx" }, { 64, "SVCB", "x" }, { 65, "HTTPS", "x" },
	{ 99, "SPF", "T" }, { 249, "TKEY", "x" }, { 250, "TSIG", "x" },
	{ 251, "IXFR", "x" }, { 252, "AXFR", "x" }, { 253, "MAILB", "x" },
	{ 254, "MAILA", "x" }, { 255, "ANY", "x" }, { 256, "URI", "ssq" },
	{ 257, "CAA", "btq" },
	/* clang-format on */
};

static const struct type_row *type_row(uint16_t type)
{
	size_t low = 0, high = ARRAY_SIZE(types);

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (types[mid].type == type)
			return &types[mid];
		if (types[mid].type < type)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const char *dns_type_shape(uint16_t type)
{
	const struct type_row *row = type_row(type);

	return row ? row->shape : "x";
}

const char *dns_type_name(uint16_t type)
{
	const struct type_row *row = type_row(type);

	return row ? row->name : NULL;
}

const char *dns_type_text(uint16_t type, char buf[static 12])
{
	const char *name = dns_type_name(type);

	if (name)
		return name;
	(void)snprintf(buf, 12, "TYPE%u", type);
	return buf;
}

int dns_type_parse(const char *text, uint16_t *ret)
{
	uint64_t number;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (!strcasecmp(text, types[i].name)) {
			*ret = types[i].type;
			return 0;
		}
	}
	if (strncasecmp(text, "TYPE", 4) || str_to_u64(text + 4, UINT16_MAX, &number))
		return -EINVAL;
	*ret = (uint16_t)number;
	return 0;
}

/* --- from the wire --- */

static void copy_octets(struct rd *r, size_t end, size_t len, struct wr *out)
{
	const uint8_t *p = len <= end - rd_pos(r) ? rd_view(r, len) : NULL;

	if (!p)
		r->err = true;
	else if (out)
		wr_bytes(out, p, len);
}

static void copy_strings(struct rd *r, size_t end, bool several, struct wr *out)
{
	do {
		uint8_t len = rd_pos(r) < end ? rd_u8(r) : 0;

		if (out)
			wr_u8(out, len);
		copy_octets(r, end, len, out);
	} while (several && !r->err && rd_pos(r) < end);
}

static int copy_name(struct rd *r, struct wr *out, const char **ret_why)
{
	struct dns_name name;
	int err = dns_name_read(r, &name, ret_why);

	if (!err && out)
		wr_bytes(out, name.b, name.len);
	return err;
}

static size_t field_len(char field)
{
	switch (field) {
	case 'b':
		return 1;
	case 's':
		return 2;
	case 'l':
	case '4':
		return 4;
	case '6':
		return 16;
	default:
		return 0;
	}
}

static int copy_field(struct rd *r, char field, size_t end, struct wr *out, const char **ret_why)
{
	if (field == 'n' || field == 'N')
		return copy_name(r, out, ret_why);
	if (field == 't' || field == 'T') {
		*ret_why = "a character string beyond its record";
		if (rd_pos(r) >= end)
			return -EBADMSG;
		copy_strings(r, end, field == 'T', out);
		return 0;
	}
	copy_octets(r, end, field == 'x' || field == 'q' ? end - rd_pos(r) : field_len(field), out);
	return 0;
}

int dns_rdata_read(struct rd *r, uint16_t type, uint16_t rdlength, struct wr *out,
		   const char **ret_why)
{
	size_t end = rd_pos(r) + rdlength;

	if (rdlength > rd_left(r)) {
		*ret_why = "record data beyond the end of the packet";
		return -EBADMSG;
	}
	for (const char *f = dns_type_shape(type); *f; f++) {
		int err = copy_field(r, *f, end, out, ret_why);

		if (err)
			return err;
		if (r->err || rd_pos(r) > end)
			break;
	}
	if (r->err || rd_pos(r) != end) {
		*ret_why = "record data that does not fit its type";
		return -EBADMSG;
	}
	if (out && out->err) {
		*ret_why = "record data longer than is kept";
		return -ENOBUFS;
	}
	return 0;
}

/* --- flat data --- */

/* A whole name at the cursor. */
static bool flat_name(struct rd *r, struct dns_name *ret)
{
	const char *why;

	return !dns_name_read(r, ret, &why);
}

bool dns_rdata_name(uint16_t type, const uint8_t *data, size_t len, struct dns_name *ret)
{
	struct rd r;

	rd_init(&r, data, len);
	for (const char *f = dns_type_shape(type); *f; f++) {
		if (*f == 'n' || *f == 'N')
			return flat_name(&r, ret);
		if (!field_len(*f))
			return false;
		rd_skip(&r, field_len(*f));
	}
	return false;
}

bool dns_rdata_addr(uint16_t type, const uint8_t *data, size_t len, struct addr *ret)
{
	if (!(type == DNS_A && len == 4) && !(type == DNS_AAAA && len == 16))
		return false;
	*ret = (struct addr){ .family = type == DNS_A ? 4 : 6 };
	memcpy(ret->b, data, len);
	return true;
}

bool dns_rdata_equal(uint16_t type, const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	struct dns_name x, y;

	if (a_len != b_len)
		return false;
	if (!memcmp(a, b, a_len))
		return true;
	/* Data that is one name compares without case; the rest octet by octet. */
	return !strcasecmp(dns_type_shape(type), "n") && dns_rdata_name(type, a, a_len, &x) &&
	       dns_rdata_name(type, b, b_len, &y) && dns_name_equal(&x, &y);
}

bool dns_soa_read(const uint8_t *data, size_t len, struct dns_soa *ret)
{
	struct rd r;

	rd_init(&r, data, len);
	if (!flat_name(&r, &ret->mname) || !flat_name(&r, &ret->rname))
		return false;
	ret->serial = rd_u32(&r);
	ret->refresh = rd_u32(&r);
	ret->retry = rd_u32(&r);
	ret->expire = rd_u32(&r);
	ret->minimum = rd_u32(&r);
	return !r.err;
}

void dns_soa_write(const struct dns_soa *soa, struct dns_rdata *ret)
{
	struct wr w;

	wr_init(&w, ret->b, sizeof(ret->b));
	wr_bytes(&w, soa->mname.b, soa->mname.len);
	wr_bytes(&w, soa->rname.b, soa->rname.len);
	wr_u32(&w, soa->serial);
	wr_u32(&w, soa->refresh);
	wr_u32(&w, soa->retry);
	wr_u32(&w, soa->expire);
	wr_u32(&w, soa->minimum);
	ret->len = (uint16_t)wr_len(&w);
}

/* --- to text --- */

static void put_quoted(struct rd *r, size_t len, struct sbuf *out)
{
	const uint8_t *p = rd_view(r, len);

	(void)sbuf_puts(out, "\"");
	for (size_t i = 0; p && i < len; i++) {
		if (p[i] < 0x20 || p[i] >= 0x7f)
			(void)sbuf_printf(out, "\\%03u", p[i]);
		else
			(void)sbuf_printf(out, p[i] == '"' || p[i] == '\\' ? "\\%c" : "%c", p[i]);
	}
	(void)sbuf_puts(out, "\"");
}

static void put_string(struct rd *r, struct sbuf *out)
{
	put_quoted(r, rd_u8(r), out);
}

static void put_rest(struct rd *r, bool whole, struct sbuf *out)
{
	size_t len = rd_left(r);
	const uint8_t *p = rd_view(r, len);

	if (whole) /* RFC 3597 §5 */
		(void)sbuf_printf(out, len ? "\\# %zu " : "\\# %zu", len);
	for (size_t i = 0; p && i < len; i++)
		(void)sbuf_printf(out, "%02x", p[i]);
}

static void put_addr(struct rd *r, char field, struct sbuf *out)
{
	struct addr a = { .family = field == '4' ? 4 : 6 };
	char text[ADDR_TEXT_LEN];

	rd_bytes(r, a.b, field_len(field));
	(void)sbuf_puts(out, addr_format(&a, text));
}

static void put_name(struct rd *r, struct sbuf *out)
{
	struct dns_name name;
	char text[DNS_TEXT_LEN];

	if (flat_name(r, &name))
		(void)sbuf_puts(out, dns_name_text(&name, text));
	else
		r->err = true;
}

static void put_field(struct rd *r, char field, bool whole, struct sbuf *out)
{
	switch (field) {
	case '4':
	case '6':
		put_addr(r, field, out);
		break;
	case 'b':
		(void)sbuf_printf(out, "%u", rd_u8(r));
		break;
	case 's':
		(void)sbuf_printf(out, "%u", rd_u16(r));
		break;
	case 'l':
		(void)sbuf_printf(out, "%u", rd_u32(r));
		break;
	case 'n':
	case 'N':
		put_name(r, out);
		break;
	case 't':
	case 'T':
		put_string(r, out);
		while (field == 'T' && !r->err && rd_left(r)) {
			(void)sbuf_puts(out, " ");
			put_string(r, out);
		}
		break;
	case 'q':
		put_quoted(r, rd_left(r), out);
		break;
	default:
		put_rest(r, whole, out);
	}
}

void dns_rdata_text(uint16_t type, const uint8_t *data, size_t len, struct sbuf *out)
{
	const char *shape = dns_type_shape(type);
	struct rd r;

	rd_init(&r, data, len);
	for (const char *f = shape; *f && !r.err; f++) {
		if (f != shape)
			(void)sbuf_puts(out, " ");
		put_field(&r, *f, *f == 'x' && f == shape, out);
	}
}
