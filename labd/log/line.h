/* line.h: one line of text in a fixed array, put together without printf: it is made for every
 * frame. What does not fit is cut. Always terminated; nothing allocates. */
#ifndef LABD_LOG_LINE_H
#define LABD_LOG_LINE_H

#include "base/types.h"

#define LINE_MAX_BYTES 512

struct line {
	char text[LINE_MAX_BYTES];
	uint32_t len;
};

void line_reset(struct line *l);
void line_put(struct line *l, const char *text, size_t len);
void line_str(struct line *l, const char *text);
void line_u64(struct line *l, uint64_t n);
void line_hex(struct line *l, uint32_t n, unsigned digits); /* lower case, zeros in front */
void line_addr(struct line *l, const struct addr *a);
void line_mac(struct line *l, const struct mac *m);
/* Octets from the wire: what is not printable ASCII becomes \xNN. */
void line_wire(struct line *l, const uint8_t *data, size_t len);

#endif
