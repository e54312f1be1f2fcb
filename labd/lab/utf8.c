#include "labd/lab/utf8.h"

/* The first byte's own say; a table would not be shorter. */
static size_t announced_length(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Longer than needed, a surrogate, or beyond U+10FFFF: the second byte tells. */
static int is_forbidden(unsigned char first, unsigned char second)
{
	return (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
	       (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
}

size_t utf8_length(const char *p, size_t left)
{
	const unsigned char *byte = (const unsigned char *)p;
	size_t len = announced_length(byte[0]);

	if (len > left)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
	return len > 1 && is_forbidden(byte[0], byte[1]) ? 0 : len;
}

size_t utf8_step(const char *p, size_t left)
{
	size_t len = utf8_length(p, left);

	return len ? len : 1;
}

uint32_t utf8_count(const char *p, size_t len)
{
	uint32_t n = 0;

	for (size_t i = 0; i < len; i += utf8_step(p + i, len - i))
		n++;
	return n;
}

size_t utf8_offset(const char *p, size_t len, uint32_t n)
{
	size_t i = 0;

	for (; i < len && n > 0; n--)
		i += utf8_step(p + i, len - i);
	return i;
}
