#include "base/val.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cur.h"
#include "base/sbuf.h"

enum { NAME_SIZE = 32 };

/* Octets of the well-formed UTF-8 character at p (1-4), or 0 (RFC 3629). */
static size_t utf8_len(const uint8_t *p, size_t left)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (n == 0 || n > left || p[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

/* The longest length of at most VAL_TEXT_MAX that does not cut a character in two. */
static size_t text_limit(const char *text, size_t len)
{
	size_t cut = VAL_TEXT_MAX;

	if (len <= VAL_TEXT_MAX)
		return len;
	while (cut > VAL_TEXT_MAX - 4 && ((uint8_t)text[cut] & 0xc0) == 0x80)
		cut--;
	return ((uint8_t)text[cut] & 0xc0) == 0x80 ? VAL_TEXT_MAX : cut;
}

struct val val_text_n(const char *name, const char *text, size_t len)
{
	if (!text)
		return V_NULL(name);
	return (struct val){
		.name = name, .type = VT_TEXT, .len = (uint16_t)text_limit(text, len), .text = text
	};
}

struct val val_text(const char *name, const char *text)
{
	return val_text_n(name, text, text ? strlen(text) : 0);
}

struct val val_bytes(const char *name, const void *bytes, size_t len)
{
	if (!bytes)
		return V_NULL(name);
	return (struct val){ .name = name,
			     .type = VT_BYTES,
			     .len = (uint16_t)(len < VAL_TEXT_MAX ? len : VAL_TEXT_MAX),
			     .bytes = bytes };
}

size_t val_count(const struct val *list)
{
	size_t n = 0;

	while (list && n < VAL_LIST_MAX && list[n].type != VT_END)
		n++;
	return n;
}

const struct val *val_find(const struct val *list, const char *name)
{
	size_t n = val_count(list);

	for (size_t i = 0; i < n; i++)
		if (list[i].name && strcmp(list[i].name, name) == 0)
			return &list[i];
	return NULL;
}

/* Text that cannot move a terminal's cursor: control octets, C1 controls and octets that are not
 * UTF-8 become \xNN. */
static void format_text(const char *text, size_t len, struct sbuf *out)
{
	const uint8_t *p = (const uint8_t *)text;

	for (size_t i = 0; i < len;) {
		size_t n = utf8_len(p + i, len - i);

		if (n == 0 || (n == 1 && (p[i] < 0x20 || p[i] == 0x7f))) {
			sbuf_printf(out, "\\x%02x", p[i]);
			i++;
		} else if (n == 2 && p[i] == 0xc2 && p[i + 1] < 0xa0) {
			sbuf_printf(out, "\\xc2\\x%02x", p[i + 1]);
			i += 2;
		} else {
			sbuf_put(out, p + i, n);
			i += n;
		}
	}
}

static void format_bytes(const uint8_t *bytes, size_t len, struct sbuf *out)
{
	for (size_t i = 0; i < len; i++)
		sbuf_printf(out, "%02x", bytes[i]);
}

/* value / unit with at most three decimals, trailing zeros left out. */
static void format_decimal(uint64_t value, uint64_t unit, struct sbuf *out)
{
	uint64_t thousandths = value % unit * 1000 / unit;
	int digits = 3;

	sbuf_printf(out, "%" PRIu64, value / unit);
	if (thousandths == 0)
		return;
	for (; thousandths % 10 == 0; digits--)
		thousandths /= 10;
	sbuf_printf(out, ".%0*" PRIu64, digits, thousandths);
}

/* From two minutes on: 1 d 2 h 3 min 4 s, without the parts that are zero. */
static void format_long(uint64_t seconds, struct sbuf *out)
{
	static const struct {
		uint64_t seconds;
		const char *name;
	} units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
	const char *sep = "";

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (seconds < units[i].seconds)
			continue;
		sbuf_printf(out, "%s%" PRIu64 " %s", sep, seconds / units[i].seconds,
			    units[i].name);
		seconds %= units[i].seconds;
		sep = " ";
	}
}

static void format_duration(int64_t ns, struct sbuf *out)
{
	uint64_t v = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
	uint64_t unit = v < USEC ? NSEC : v < MSEC ? USEC : v < SEC ? MSEC : SEC;

	if (ns == NEVER) {
		sbuf_puts(out, "forever");
		return;
	}
	if (ns < 0)
		sbuf_puts(out, "-");
	if (v >= 120 * (uint64_t)SEC) {
		format_long(v / SEC, out);
		return;
	}
	if (v == 0)
		unit = SEC;
	format_decimal(v, unit, out);
	sbuf_puts(out, unit == NSEC ? " ns" : unit == USEC ? " us" : unit == MSEC ? " ms" : " s");
}

static void format_time(int64_t ns, struct sbuf *out)
{
	if (ns == NEVER) {
		sbuf_puts(out, "never");
		return;
	}
	sbuf_puts(out, ns < 0 ? "t=-" : "t=");
	format_decimal(ns < 0 ? -(uint64_t)ns : (uint64_t)ns, SEC, out);
	sbuf_puts(out, " s");
}

void val_format(const struct val *v, struct sbuf *out)
{
	char text[ADDR_TEXT_LEN];

	switch (v->type) {
	case VT_END:
		break;
	case VT_INT:
		sbuf_printf(out, "%" PRId64, v->i);
		break;
	case VT_TEXT:
		format_text(v->text, v->len, out);
		break;
	case VT_ADDR:
		sbuf_puts(out, addr_format(&v->addr, text));
		break;
	case VT_MAC:
		sbuf_puts(out, mac_format(&v->mac, text));
		break;
	case VT_TIME:
		format_time(v->i, out);
		break;
	case VT_DURATION:
		format_duration(v->i, out);
		break;
	case VT_BYTES:
		format_bytes(v->bytes, v->len, out);
		break;
	case VT_NULL:
		sbuf_puts(out, "none");
		break;
	}
}

void wr_addr(struct wr *w, const struct addr *a)
{
	uint8_t family = a->family == 4 || a->family == 6 ? a->family : 0;

	wr_u8(w, family);
	wr_bytes(w, a->b, family == 4 ? 4 : family == 6 ? 16 : 0);
}

int rd_addr(struct rd *r, struct addr *ret)
{
	struct addr a = { .family = rd_u8(r) };

	if (a.family != 0 && a.family != 4 && a.family != 6)
		return -EBADMSG;
	rd_bytes(r, a.b, a.family == 4 ? 4 : a.family == 6 ? 16 : 0);
	*ret = a;
	return 0;
}

static void val_write(struct wr *w, const struct val *v)
{
	size_t name_len = v->name ? strnlen(v->name, NAME_SIZE - 1) : 0;

	wr_u8(w, (uint8_t)v->type);
	wr_u8(w, (uint8_t)name_len);
	wr_bytes(w, v->name, name_len);
	switch (v->type) {
	case VT_END:
	case VT_NULL:
		break;
	case VT_INT:
	case VT_TIME:
	case VT_DURATION:
		wr_u64(w, (uint64_t)v->i);
		break;
	case VT_TEXT: /* with a final NUL, so that the reader has a C string in place */
		wr_u16(w, v->len);
		wr_bytes(w, v->text, v->len);
		wr_u8(w, 0);
		break;
	case VT_BYTES:
		wr_u16(w, v->len);
		wr_bytes(w, v->bytes, v->len);
		break;
	case VT_ADDR:
		wr_addr(w, &v->addr);
		break;
	case VT_MAC:
		wr_bytes(w, v->mac.b, sizeof(v->mac.b));
		break;
	}
}

/* u8 count, then for each: u8 type, u8 length of name, name, value. */
void val_list_write(struct wr *w, const struct val *list)
{
	size_t n = val_count(list);

	wr_u8(w, (uint8_t)n);
	for (size_t i = 0; i < n; i++)
		val_write(w, &list[i]);
}

static int read_text(struct rd *r, struct val *v)
{
	v->len = rd_u16(r);
	v->text = (const char *)rd_view(r, v->len);
	if (v->len > VAL_TEXT_MAX || !v->text || rd_u8(r) != 0)
		return -EBADMSG;
	return 0;
}

static int read_bytes(struct rd *r, struct val *v)
{
	v->len = rd_u16(r);
	v->bytes = rd_view(r, v->len);
	return v->len > VAL_TEXT_MAX || !v->bytes ? -EBADMSG : 0;
}

static int read_value(struct rd *r, struct val *v)
{
	switch (v->type) {
	case VT_END:
		return -EBADMSG;
	case VT_NULL:
		return 0;
	case VT_INT:
	case VT_TIME:
	case VT_DURATION:
		v->i = (int64_t)rd_u64(r);
		return 0;
	case VT_TEXT:
		return read_text(r, v);
	case VT_BYTES:
		return read_bytes(r, v);
	case VT_ADDR:
		return rd_addr(r, &v->addr);
	case VT_MAC:
		rd_bytes(r, v->mac.b, sizeof(v->mac.b));
		return 0;
	}
	return -EBADMSG;
}

static int val_read(struct rd *r, struct val *v, char name[NAME_SIZE])
{
	size_t name_len;
	uint8_t type = rd_u8(r);

	if (type > VT_NULL)
		return -EBADMSG;
	name_len = rd_u8(r);
	if (name_len >= NAME_SIZE)
		return -EBADMSG;
	rd_bytes(r, name, name_len);
	name[name_len] = '\0';
	*v = (struct val){ .name = name, .type = (enum val_type)type };
	return read_value(r, v);
}

int val_list_read(struct rd *r, struct val *out, char names[][32])
{
	size_t n = rd_u8(r);
	int err = n > VAL_LIST_MAX ? -EBADMSG : 0;

	for (size_t i = 0; i < n && err == 0; i++) {
		err = val_read(r, &out[i], names[i]);
		if (r->err)
			err = -EBADMSG;
	}
	if (r->err)
		err = -EBADMSG;
	out[err ? 0 : n] = V_END;
	return err;
}
