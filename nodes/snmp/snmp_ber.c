/* BER, read and written. */
#include "snmp/snmp_ber.h"

#include <string.h>

#define LENGTH_OCTETS_MAX 4 /* of the long form; more could tell of nothing that UDP carries */

static bool fail(struct rd *r)
{
	r->err = true;
	return false;
}

/* 0x80 alone is the indefinite form, which RFC 3417 §8 (1) forbids. */
static bool read_length(struct rd *r, size_t *ret)
{
	unsigned first = rd_u8(r), n = first & 0x7f;
	size_t len = 0;

	if (first < 0x80) {
		*ret = first;
		return !r->err;
	}
	if (n == 0 || n > LENGTH_OCTETS_MAX)
		return fail(r);
	while (n-- > 0)
		len = len << 8 | rd_u8(r);
	*ret = len;
	return !r->err;
}

bool ber_next(struct rd *r, uint8_t *ret_tag, struct rd *ret_content)
{
	size_t len;

	*ret_tag = rd_u8(r);
	if ((*ret_tag & 0x1f) == 0x1f || !read_length(r, &len) || len > rd_left(r))
		return fail(r);
	*ret_content = rd_sub(r, len);
	return !r->err;
}

bool ber_want(struct rd *r, uint8_t tag, struct rd *ret_content)
{
	uint8_t got;

	return ber_next(r, &got, ret_content) && (got == tag || fail(r));
}

bool ber_int(struct rd content, int32_t *ret)
{
	size_t len = rd_left(&content);
	uint64_t value = len > 0 && (*content.p & 0x80) ? UINT64_MAX : 0;

	if (content.err || len == 0 || len > 8)
		return false;
	while (len-- > 0)
		value = value << 8 | rd_u8(&content);
	*ret = (int32_t)value;
	return (int64_t)value == *ret;
}

bool ber_unsigned(struct rd content, uint64_t max, uint64_t *ret)
{
	size_t len = rd_left(&content);

	if (content.err || len == 0 || len > 9 || (*content.p & 0x80) || (len == 9 && *content.p))
		return false;
	*ret = 0;
	while (len-- > 0)
		*ret = *ret << 8 | rd_u8(&content);
	return *ret <= max;
}

/* X.690 §8.19: seven bits an octet; the first number holds two sub-identifiers. */
static bool read_sub_id(struct rd *r, uint32_t *ret)
{
	uint64_t id = 0;
	uint8_t octet;

	do {
		octet = rd_u8(r);
		id = id << 7 | (octet & 0x7f);
	} while ((octet & 0x80) && !r->err && id <= UINT32_MAX);
	*ret = (uint32_t)id;
	return !r->err && id <= UINT32_MAX;
}

bool ber_oid(struct rd content, struct snmp_oid *ret)
{
	uint32_t id;

	ret->n = 0;
	if (content.err || rd_left(&content) == 0 || !read_sub_id(&content, &id))
		return false;
	ret->id[0] = id < 80 ? id / 40 : 2;
	ret->id[1] = id - 40 * ret->id[0];
	for (ret->n = 2; rd_left(&content) > 0; ret->n++)
		if (ret->n == SNMP_OID_MAX || !read_sub_id(&content, &ret->id[ret->n]))
			return false;
	return true;
}

/* --- writing ------------------------------------------------------------------------------ */

size_t ber_open(struct wr *w, uint8_t tag)
{
	wr_u8(w, tag);
	wr_u8(w, 0);
	return wr_len(w);
}

/* One octet stands before the content for its length; longer lengths push the content on. */
void ber_close(struct wr *w, size_t at)
{
	size_t len = wr_len(w) - at;
	size_t more = len < 0x80 ? 0 : len < 0x100 ? 1 : 2;
	uint8_t *content;

	wr_zero(w, more);
	if (w->err)
		return;
	content = w->start + at;
	memmove(content + more, content, len);
	if (more == 0) {
		content[-1] = (uint8_t)len;
		return;
	}
	content[-1] = (uint8_t)(0x80 | more);
	for (size_t i = 0; i < more; i++)
		content[i] = (uint8_t)(len >> 8 * (more - 1 - i));
}

static void put_number(struct wr *w, uint8_t tag, uint64_t value, unsigned octets)
{
	wr_u8(w, tag);
	wr_u8(w, (uint8_t)octets);
	if (octets == 9)
		wr_u8(w, 0);
	for (unsigned i = octets == 9 ? 8 : octets; i-- > 0;)
		wr_u8(w, (uint8_t)(value >> 8 * i));
}

void ber_put_int(struct wr *w, uint8_t tag, int64_t value)
{
	unsigned octets = 1;

	while (octets < 8 && (value >> (8 * octets - 1)) != 0 && (value >> (8 * octets - 1)) != -1)
		octets++;
	put_number(w, tag, (uint64_t)value, octets);
}

void ber_put_unsigned(struct wr *w, uint8_t tag, uint64_t value)
{
	unsigned octets = 1;

	while (octets < 9 && value >> (8 * octets - 1) != 0)
		octets++;
	put_number(w, tag, value, octets);
}

void ber_put_octets(struct wr *w, uint8_t tag, const void *data, size_t len)
{
	size_t at = ber_open(w, tag);

	wr_bytes(w, data, len);
	ber_close(w, at);
}

static void put_sub_id(struct wr *w, uint32_t id)
{
	for (unsigned shift = 28; shift > 0; shift -= 7)
		if (id >> shift)
			wr_u8(w, (uint8_t)(0x80 | (id >> shift & 0x7f)));
	wr_u8(w, id & 0x7f);
}

void ber_put_oid(struct wr *w, const struct snmp_oid *oid)
{
	size_t at = ber_open(w, SNMP_OID);

	put_sub_id(w, (oid->n > 0 ? oid->id[0] : 0) * 40 + (oid->n > 1 ? oid->id[1] : 0));
	for (unsigned i = 2; i < oid->n; i++)
		put_sub_id(w, oid->id[i]);
	ber_close(w, at);
}
