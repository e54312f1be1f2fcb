/* cur.h: reading and writing bytes through a cursor with a sticky error.
 *
 * Read or write freely and check once at the end: after the first overrun every read yields zero
 * and every write is dropped, and `err` says so. Nothing allocates; the caller owns the bytes.
 * All integers are in network order unless the name ends in _le. */
#ifndef LABD_BASE_CUR_H
#define LABD_BASE_CUR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rd {
	const uint8_t *start;
	const uint8_t *p;
	const uint8_t *end;
	bool err;
};

void rd_init(struct rd *r, const void *data, size_t len);
size_t rd_left(const struct rd *r);
size_t rd_pos(const struct rd *r);
void rd_seek(struct rd *r, size_t pos); /* from start; sets err when beyond the end */
void rd_skip(struct rd *r, size_t n);
uint8_t rd_u8(struct rd *r);
uint16_t rd_u16(struct rd *r);
uint32_t rd_u32(struct rd *r);
uint64_t rd_u64(struct rd *r);
uint16_t rd_u16_le(struct rd *r);
uint32_t rd_u32_le(struct rd *r);
uint64_t rd_u64_le(struct rd *r);
void rd_bytes(struct rd *r, void *out, size_t n); /* zero-fills out on error */
/* A view of the next n octets, or NULL (and err) when fewer are left. */
const uint8_t *rd_view(struct rd *r, size_t n);
/* A cursor over the next n octets; empty and in error when fewer are left. */
struct rd rd_sub(struct rd *r, size_t n);

struct wr {
	uint8_t *start;
	uint8_t *p;
	uint8_t *end;
	bool err;
};

void wr_init(struct wr *w, void *buf, size_t size);
size_t wr_len(const struct wr *w);
size_t wr_left(const struct wr *w);
void wr_u8(struct wr *w, uint8_t v);
void wr_u16(struct wr *w, uint16_t v);
void wr_u32(struct wr *w, uint32_t v);
void wr_u64(struct wr *w, uint64_t v);
void wr_u16_le(struct wr *w, uint16_t v);
void wr_u32_le(struct wr *w, uint32_t v);
void wr_u64_le(struct wr *w, uint64_t v);
void wr_bytes(struct wr *w, const void *data, size_t n);
void wr_zero(struct wr *w, size_t n);
/* Overwrites two octets written earlier; for lengths and checksums. */
void wr_patch_u16(struct wr *w, size_t pos, uint16_t v);

#endif
