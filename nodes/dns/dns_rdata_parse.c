/* Record data from the text of zone files and configuration lines (RFC 1035 §5.1, RFC 3597 §5). */
#include "dns/dns_rdata.h"

#include <errno.h>
#include <string.h>

#include "base/cur.h"
#include "base/sbuf.h"

enum { WORD_MAX = 1024 }; /* 255 octets of four characters each, and a little */

struct words {
	const char *p;
	char word[WORD_MAX];
	bool quoted;
};

/* The next word, escapes and all; quoted ones may hold blanks.
 * 0, -ENODATA at the end, -EINVAL for an unclosed quote or a word that is too long. */
static int next_word(struct words *w)
{
	size_t n = 0;

	while (*w->p == ' ' || *w->p == '\t')
		w->p++;
	w->quoted = *w->p == '"';
	if (!*w->p)
		return -ENODATA;
	w->p += w->quoted;
	while (*w->p && (w->quoted ? *w->p != '"' : *w->p != ' ' && *w->p != '\t')) {
		size_t part = *w->p == '\\' && w->p[1] ? 2 : 1;

		if (n + part >= sizeof(w->word))
			return -EINVAL;
		memcpy(w->word + n, w->p, part);
		n += part;
		w->p += part;
	}
	w->word[n] = '\0';
	if (w->quoted && *w->p++ != '"')
		return -EINVAL;
	return 0;
}

static int parse_number(const char *text, char field, struct wr *out, const char **reterr)
{
	uint64_t max = field == 'b' ? UINT8_MAX : field == 's' ? UINT16_MAX : UINT32_MAX, v;

	*reterr = max > UINT16_MAX  ? "a number from 0 to 4294967295 is expected"
		  : max > UINT8_MAX ? "a number from 0 to 65535 is expected"
				    : "a number from 0 to 255 is expected";
	if (str_to_u64(text, max, &v))
		return -EINVAL;
	if (field == 'b')
		wr_u8(out, (uint8_t)v);
	else if (field == 's')
		wr_u16(out, (uint16_t)v);
	else
		wr_u32(out, (uint32_t)v);
	return 0;
}

static int parse_addr(const char *text, char field, struct wr *out, const char **reterr)
{
	struct addr a;

	*reterr = field == '4' ? "an IPv4 address is expected" : "an IPv6 address is expected";
	if (addr_parse(text, &a) || a.family != (field == '4' ? 4 : 6))
		return -EINVAL;
	wr_bytes(out, a.b, field == '4' ? 4 : 16);
	return 0;
}

static int parse_name(const char *text, const struct dns_name *origin, struct wr *out,
		      const char **reterr)
{
	struct dns_name n;
	int err = dns_name_parse_in(text, origin, &n, reterr);

	if (!err)
		wr_bytes(out, n.b, n.len);
	return err;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The octet of "\\DDD", or -EINVAL. */
static int decimal_escape(const char *text)
{
	int value;

	if (text[0] != '\\' || !is_digit(text[1]) || !is_digit(text[2]) || !is_digit(text[3]))
		return -EINVAL;
	value = (text[1] - '0') * 100 + (text[2] - '0') * 10 + text[3] - '0';
	return value <= UINT8_MAX ? value : -EINVAL;
}

/* The octets that a text stands for: \DDD and \X are one each (RFC 1035 §5.1). How many. */
static size_t unescape(const char *text, char *out)
{
	size_t n = 0;

	for (; *text; text++) {
		int octet = decimal_escape(text);

		if (octet >= 0)
			text += 3;
		else if (text[0] == '\\' && text[1])
			text++;
		out[n++] = octet >= 0 ? (char)octet : *text;
	}
	return n;
}

/* Long text becomes several strings of at most 255 octets. */
static int parse_string(const char *text, size_t len, bool several, struct wr *out,
			const char **reterr)
{
	*reterr = "a text is longer than 255 octets";
	if (len > 255 && !several)
		return -EINVAL;
	do {
		size_t part = len > 255 ? 255 : len;

		wr_u8(out, (uint8_t)part);
		wr_bytes(out, text, part);
		text += part;
		len -= part;
	} while (len);
	return 0;
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | 0x20) : NULL;

	return at ? (int)(at - digits) : -EINVAL;
}

/* All that is left: octets in hexadecimal, with blanks between some of them. */
static int parse_hex(struct words *w, struct wr *out, const char **reterr)
{
	*reterr = "hexadecimal octets are expected";
	for (; *w->p; w->p++) {
		int high = hex_digit(w->p[0]), low = high < 0 ? -EINVAL : hex_digit(w->p[1]);

		if (*w->p == ' ' || *w->p == '\t')
			continue;
		if (low < 0)
			return -EINVAL;
		wr_u8(out, (uint8_t)(high << 4 | low));
		w->p++;
	}
	return 0;
}

static int parse_field(const char *word, char field, const struct dns_name *origin, struct wr *out,
		       const char **reterr)
{
	char octets[WORD_MAX];

	switch (field) {
	case '4':
	case '6':
		return parse_addr(word, field, out, reterr);
	case 'b':
	case 's':
	case 'l':
		return parse_number(word, field, out, reterr);
	case 'n':
	case 'N':
		return parse_name(word, origin, out, reterr);
	case 't':
	case 'T':
		return parse_string(octets, unescape(word, octets), field == 'T', out, reterr);
	default:
		wr_bytes(out, octets, unescape(word, octets));
		return 0;
	}
}

/* The words that belong to one field: one, or all that are left for T. */
static int parse_words(struct words *w, char field, const struct dns_name *origin, struct wr *out,
		       const char **reterr)
{
	unsigned n = 0;
	int err;

	do {
		*reterr = n ? "a quote is not closed, or a word is too long"
			    : "the record's data is not complete";
		err = next_word(w);
		if (err == -ENODATA && n)
			return 0;
		if (!err)
			err = parse_field(w->word, field, origin, out, reterr);
		n++;
	} while (!err && field == 'T');
	return err ? -EINVAL : 0;
}

/* What follows "\#": a number of octets and these octets, which must fit a type that has a row in
 * the table (RFC 3597 §5). */
static int parse_generic(uint16_t type, struct words *w, struct wr *out, const char **reterr)
{
	uint8_t octets[DNS_RDATA_MAX];
	struct rd r;
	struct wr whole;
	uint64_t len;

	wr_init(&whole, octets, sizeof(octets));
	*reterr = "\\# is followed by the number of octets, and as many in hexadecimal";
	if (next_word(w) || str_to_u64(w->word, sizeof(octets), &len) ||
	    parse_hex(w, &whole, reterr))
		return -EINVAL;
	*reterr = "the number behind \\# is not that of the octets";
	if (whole.err || wr_len(&whole) != len)
		return -EINVAL;
	rd_init(&r, octets, len);
	return dns_rdata_read(&r, type, (uint16_t)len, out, reterr) ? -EINVAL : 0;
}

static int parse_fields(uint16_t type, struct words *w, const struct dns_name *origin,
			struct wr *out, const char **reterr)
{
	int err = 0;

	for (const char *f = dns_type_shape(type); *f && !err; f++)
		err = *f == 'x' && next_word(&(struct words){ .p = w->p }) != -ENODATA
			      ? parse_hex(w, out, reterr)
			      : parse_words(w, *f, origin, out, reterr);
	return err;
}

int dns_rdata_parse(uint16_t type, const char *text, const struct dns_name *origin,
		    struct dns_rdata *ret, const char **reterr)
{
	struct words w = { .p = text }, ahead = w;
	struct dns_rdata data;
	struct wr out;
	int err;

	wr_init(&out, data.b, sizeof(data.b));
	if (!next_word(&ahead) && !ahead.quoted && !strcmp(ahead.word, "\\#")) {
		w = ahead;
		err = parse_generic(type, &w, &out, reterr);
	} else {
		err = parse_fields(type, &w, origin, &out, reterr);
	}
	if (err)
		return err;
	*reterr = "there is more text than the record's type has data";
	if (next_word(&w) != -ENODATA || out.err)
		return -EINVAL;
	ret->len = (uint16_t)wr_len(&out);
	memcpy(ret->b, data.b, ret->len);
	return 0;
}
