#include "base/base64.h"

#include <errno.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

ssize_t base64_encode(const void *data, size_t len, char *out, size_t size)
{
	const uint8_t *p = data;
	char *o = out;

	if (len >= SIZE_MAX / 2 || BASE64_LEN(len) >= size)
		return -ENOBUFS;
	for (; len > 0; p += 3, len = len > 3 ? len - 3 : 0) {
		uint32_t v = (uint32_t)p[0] << 16;

		v |= len > 1 ? (uint32_t)p[1] << 8 : 0;
		v |= len > 2 ? p[2] : 0;
		*o++ = alphabet[v >> 18];
		*o++ = alphabet[v >> 12 & 63];
		*o++ = len > 1 ? alphabet[v >> 6 & 63] : '=';
		*o++ = len > 2 ? alphabet[v & 63] : '=';
	}
	*o = '\0';
	return o - out;
}

/* 0-63, or -1. */
static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* One group of n significant characters (2 to 4): the octets in the low 24 bits, or -EINVAL. */
static int32_t group(const char *text, size_t n)
{
	static const int32_t stray[] = { [2] = 0xffff, [3] = 0xff, [4] = 0 };
	int32_t v = 0;

	for (size_t i = 0; i < 4; i++) {
		int c = i < n ? value_of(text[i]) : 0;

		if (c < 0)
			return -EINVAL;
		v = v << 6 | c;
	}
	return v & stray[n] ? -EINVAL : v;
}

ssize_t base64_decode(const char *text, size_t len, void *out, size_t size)
{
	uint8_t *o = out;
	size_t done = 0;

	if (len % 4 != 0)
		return -EINVAL;
	for (; len > 0; text += 4, len -= 4) {
		size_t n = len > 4 || text[3] != '=' ? 4 : text[2] != '=' ? 3 : 2;
		int32_t v = group(text, n);

		if (v < 0)
			return -EINVAL;
		for (size_t i = 0; i + 1 < n; i++) {
			if (done == size)
				return -ENOBUFS;
			o[done++] = (uint8_t)(v >> (16 - 8 * i));
		}
	}
	return (ssize_t)done;
}
