#include "base/cur.h"

#include <string.h>

void rd_init(struct rd *r, const void *data, size_t len)
{
	static const uint8_t nothing[1];

	r->start = data ? data : nothing;
	r->p = r->start;
	r->end = r->start + (data ? len : 0);
	r->err = false;
}

size_t rd_left(const struct rd *r)
{
	return r->err ? 0 : (size_t)(r->end - r->p);
}

size_t rd_pos(const struct rd *r)
{
	return (size_t)(r->p - r->start);
}

void rd_seek(struct rd *r, size_t pos)
{
	if (pos > (size_t)(r->end - r->start))
		r->err = true;
	else if (!r->err)
		r->p = r->start + pos;
}

/* The next n octets, stepped over; NULL and in error when fewer are left. */
static const uint8_t *take(struct rd *r, size_t n)
{
	const uint8_t *p = r->p;

	if (r->err || n > (size_t)(r->end - p)) {
		r->err = true;
		return NULL;
	}
	r->p += n;
	return p;
}

void rd_skip(struct rd *r, size_t n)
{
	take(r, n);
}

/* n octets (at most 8) as a number, most significant first. */
static uint64_t take_be(struct rd *r, size_t n)
{
	const uint8_t *p = take(r, n);
	uint64_t v = 0;

	for (size_t i = 0; p && i < n; i++)
		v = v << 8 | p[i];
	return v;
}

static uint64_t take_le(struct rd *r, size_t n)
{
	const uint8_t *p = take(r, n);
	uint64_t v = 0;

	for (size_t i = n; p && i > 0; i--)
		v = v << 8 | p[i - 1];
	return v;
}

uint8_t rd_u8(struct rd *r)
{
	const uint8_t *p = take(r, 1);

	return p ? p[0] : 0;
}

uint16_t rd_u16(struct rd *r)
{
	const uint8_t *p = take(r, 2);

	return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

uint32_t rd_u32(struct rd *r)
{
	return (uint32_t)take_be(r, 4);
}

uint64_t rd_u64(struct rd *r)
{
	return take_be(r, 8);
}

uint16_t rd_u16_le(struct rd *r)
{
	return (uint16_t)take_le(r, 2);
}

uint32_t rd_u32_le(struct rd *r)
{
	return (uint32_t)take_le(r, 4);
}

uint64_t rd_u64_le(struct rd *r)
{
	return take_le(r, 8);
}

void rd_bytes(struct rd *r, void *out, size_t n)
{
	const uint8_t *p = take(r, n);

	if (n == 0)
		return;
	if (p)
		memcpy(out, p, n);
	else
		memset(out, 0, n);
}

const uint8_t *rd_view(struct rd *r, size_t n)
{
	return take(r, n);
}

struct rd rd_sub(struct rd *r, size_t n)
{
	const uint8_t *p = take(r, n);
	struct rd sub;

	rd_init(&sub, p, n);
	sub.err = !p;
	return sub;
}

void wr_init(struct wr *w, void *buf, size_t size)
{
	w->start = buf;
	w->p = buf;
	w->end = w->start + size;
	w->err = false;
}

size_t wr_len(const struct wr *w)
{
	return (size_t)(w->p - w->start);
}

size_t wr_left(const struct wr *w)
{
	return w->err ? 0 : (size_t)(w->end - w->p);
}

/* Room for n octets, stepped over; NULL and in error when there is none. */
static uint8_t *room(struct wr *w, size_t n)
{
	uint8_t *p = w->p;

	if (w->err || n > (size_t)(w->end - p)) {
		w->err = true;
		return NULL;
	}
	w->p += n;
	return p;
}

static void put_be(struct wr *w, uint64_t v, size_t n)
{
	uint8_t *p = room(w, n);

	for (size_t i = n; p && i > 0; i--, v >>= 8)
		p[i - 1] = (uint8_t)v;
}

static void put_le(struct wr *w, uint64_t v, size_t n)
{
	uint8_t *p = room(w, n);

	for (size_t i = 0; p && i < n; i++, v >>= 8)
		p[i] = (uint8_t)v;
}

void wr_u8(struct wr *w, uint8_t v)
{
	uint8_t *p = room(w, 1);

	if (p)
		p[0] = v;
}

void wr_u16(struct wr *w, uint16_t v)
{
	uint8_t *p = room(w, 2);

	if (!p)
		return;
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void wr_u32(struct wr *w, uint32_t v)
{
	put_be(w, v, 4);
}

void wr_u64(struct wr *w, uint64_t v)
{
	put_be(w, v, 8);
}

void wr_u16_le(struct wr *w, uint16_t v)
{
	put_le(w, v, 2);
}

void wr_u32_le(struct wr *w, uint32_t v)
{
	put_le(w, v, 4);
}

void wr_u64_le(struct wr *w, uint64_t v)
{
	put_le(w, v, 8);
}

void wr_bytes(struct wr *w, const void *data, size_t n)
{
	uint8_t *p = room(w, n);

	if (p && n > 0)
		memcpy(p, data, n);
}

void wr_zero(struct wr *w, size_t n)
{
	uint8_t *p = room(w, n);

	if (p && n > 0)
		memset(p, 0, n);
}

void wr_patch_u16(struct wr *w, size_t pos, uint16_t v)
{
	if (w->err || wr_len(w) < 2 || pos > wr_len(w) - 2) {
		w->err = true;
		return;
	}
	w->start[pos] = (uint8_t)(v >> 8);
	w->start[pos + 1] = (uint8_t)v;
}
