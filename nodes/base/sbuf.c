#include "base/sbuf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SIZE = 64 };

void sbuf_done(struct sbuf *s)
{
	free(s->data);
	s->data = NULL;
	s->len = s->size = 0;
}

void sbuf_reset(struct sbuf *s)
{
	s->len = 0;
	s->full = false;
	if (s->data)
		s->data[0] = '\0';
}

/* Makes room for n more octets and the NUL. */
static int reserve(struct sbuf *s, size_t n)
{
	size_t size = s->size ? s->size : FIRST_SIZE;
	char *data;

	if (n > s->max - s->len) {
		s->full = true;
		return -ENOBUFS;
	}
	while (size < s->len + n + 1)
		size *= 2;
	if (size > s->max + 1)
		size = s->max + 1;
	if (size <= s->size)
		return 0;
	data = realloc(s->data, size);
	if (!data)
		abort();
	s->data = data;
	s->size = size;
	return 0;
}

int sbuf_put(struct sbuf *s, const void *data, size_t len)
{
	int r = reserve(s, len);

	if (r < 0)
		return r;
	if (len > 0)
		memcpy(s->data + s->len, data, len);
	s->len += len;
	s->data[s->len] = '\0';
	return 0;
}

int sbuf_puts(struct sbuf *s, const char *text)
{
	return sbuf_put(s, text, strlen(text));
}

int sbuf_printf(struct sbuf *s, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = sbuf_vprintf(s, fmt, ap);
	va_end(ap);
	return r;
}

int sbuf_vprintf(struct sbuf *s, const char *fmt, va_list ap)
{
	size_t space = s->size - s->len;
	va_list again;
	int n, r;

	va_copy(again, ap);
	n = vsnprintf(s->data ? s->data + s->len : NULL, space, fmt, ap);
	if (n >= 0 && (size_t)n < space) {
		s->len += (size_t)n;
		va_end(again);
		return 0;
	}
	if (s->data)
		s->data[s->len] = '\0';
	r = n < 0 ? -EINVAL : reserve(s, (size_t)n);
	if (r == 0) {
		vsnprintf(s->data + s->len, (size_t)n + 1, fmt, again);
		s->len += (size_t)n;
	}
	va_end(again);
	return r;
}

void sbuf_consume(struct sbuf *s, size_t n)
{
	if (n == 0)
		return;
	if (n > s->len)
		n = s->len;
	memmove(s->data, s->data + n, s->len - n);
	s->len -= n;
	s->data[s->len] = '\0';
}

const char *sbuf_text(const struct sbuf *s)
{
	return s->data ? s->data : "";
}

bool str_copy_n(char *out, size_t size, const char *text, size_t len)
{
	size_t n = strnlen(text, len);
	bool whole = n < size;

	if (size == 0)
		return false;
	if (!whole)
		n = size - 1;
	memcpy(out, text, n);
	out[n] = '\0';
	return whole;
}

bool str_copy(char *out, size_t size, const char *text)
{
	return str_copy_n(out, size, text, strlen(text));
}

int str_to_u64(const char *text, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (*text == '\0')
		return -EINVAL;
	for (const char *p = text; *p; p++)
		if (*p < '0' || *p > '9')
			return -EINVAL;
	for (const char *p = text; *p; p++) {
		uint64_t digit = (uint64_t)(*p - '0');

		if (value > (UINT64_MAX - digit) / 10)
			return -ERANGE;
		value = value * 10 + digit;
		if (value > max)
			return -ERANGE;
	}
	*ret = value;
	return 0;
}
