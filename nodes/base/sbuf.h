/* sbuf.h: a growing buffer with a maximum, for output text and for stream bytes.
 *
 * Created with its maximum; what does not fit is dropped as a whole and `full` is set. Always
 * NUL-terminated, so `data` is a C string when no NUL was put in. Owner calls sbuf_done(). */
#ifndef LABD_BASE_SBUF_H
#define LABD_BASE_SBUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sbuf {
	char *data; /* never NULL after the first put; see sbuf_text() */
	size_t len;
	size_t size;
	size_t max; /* octets of data, the final NUL not counted */
	bool full;
};

#define SBUF(maximum) ((struct sbuf){ .max = (maximum) })

void sbuf_done(struct sbuf *s);
void sbuf_reset(struct sbuf *s); /* empties, keeps the memory */
/* 0, or -ENOBUFS when the maximum would be passed (then nothing is put). */
int sbuf_put(struct sbuf *s, const void *data, size_t len);
int sbuf_puts(struct sbuf *s, const char *text);
int sbuf_printf(struct sbuf *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int sbuf_vprintf(struct sbuf *s, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Removes n octets at the front. */
void sbuf_consume(struct sbuf *s, size_t n);
const char *sbuf_text(const struct sbuf *s); /* "" when empty, never NULL */

/* Bounded copy of text into a fixed array; always terminates. False when it was cut. */
bool str_copy(char *out, size_t size, const char *text);
bool str_copy_n(char *out, size_t size, const char *text, size_t len);
/* Decimal without sign, blanks or overflow: 0, -EINVAL or -ERANGE. */
int str_to_u64(const char *text, uint64_t max, uint64_t *ret);

#endif
