#include "labd/log/line.h"

#include <string.h>

static const char hex_digits[] = "0123456789abcdef";

void line_reset(struct line *l)
{
	l->len = 0;
	l->text[0] = '\0';
}

/* Never ends within a UTF-8 character: SQLite and terminals want whole ones. */
static size_t whole_chars(const char *text, size_t len)
{
	while (len > 0 && ((uint8_t)text[len] & 0xc0) == 0x80)
		len--;
	return len;
}

void line_put(struct line *l, const char *text, size_t len)
{
	size_t room = sizeof(l->text) - 1 - l->len;

	if (len > room)
		len = whole_chars(text, room);
	memcpy(l->text + l->len, text, len);
	l->len += (uint32_t)len;
	l->text[l->len] = '\0';
}

void line_str(struct line *l, const char *text)
{
	line_put(l, text, strlen(text));
}

void line_u64(struct line *l, uint64_t n)
{
	char digits[20];
	size_t i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	line_put(l, digits + i, sizeof(digits) - i);
}

void line_hex(struct line *l, uint32_t n, unsigned digits)
{
	char out[8];

	if (digits > sizeof(out))
		digits = sizeof(out);
	for (unsigned i = 0; i < digits; i++)
		out[i] = hex_digits[n >> 4 * (digits - 1 - i) & 0xf];
	line_put(l, out, digits);
}

void line_addr(struct line *l, const struct addr *a)
{
	char text[ADDR_TEXT_LEN];

	if (a->family != 4) {
		line_str(l, addr_format(a, text));
		return;
	}
	for (unsigned i = 0; i < 4; i++) {
		if (i)
			line_put(l, ".", 1);
		line_u64(l, a->b[i]);
	}
}

void line_mac(struct line *l, const struct mac *m)
{
	char text[MAC_TEXT_LEN];

	line_str(l, mac_format(m, text));
}

void line_wire(struct line *l, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = (char)data[i];
		char esc[4] = { '\\', 'x', hex_digits[data[i] >> 4], hex_digits[data[i] & 15] };

		if (data[i] >= 0x20 && data[i] < 0x7f)
			line_put(l, &c, 1);
		else
			line_put(l, esc, sizeof(esc));
	}
}
