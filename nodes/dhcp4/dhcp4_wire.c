#include "dhcp4/dhcp4_wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cur.h"
#include "base/sbuf.h"
#include "dhcp4/dhcp4_option.h"

enum {
	AT_HOPS = 3,
	AT_GIADDR = 24,
	AT_CHADDR = 28,
	AT_SNAME = 44,
	AT_FILE = 108,
	AT_OPTIONS = DHCP4_HEADER_LEN + 4,
	OVERLOAD_FILE = 1,
	OVERLOAD_SNAME = 2,
	OVERLOAD_LEN = 3, /* octets of option 52 itself */
	PART_MAX = 255,	  /* octets of one part of an option */
};

/* --- walking over options ----------------------------------------------------------------- */

enum step { STEP_END, STEP_OPTION, STEP_OVERRUN };

/* The next option of an area. A missing end option is forgiven: the area's end will do. */
static enum step next_option(struct rd *r, struct dhcp4_opt *ret)
{
	uint8_t code;

	do {
		if (rd_left(r) == 0)
			return STEP_END;
		code = rd_u8(r);
	} while (code == OPT4_PAD);
	if (code == OPT4_END)
		return STEP_END;
	ret->code = code;
	ret->len = rd_u8(r);
	ret->data = rd_view(r, ret->len);
	return r->err ? STEP_OVERRUN : STEP_OPTION;
}

/* Where the options of one message may lie: its options field, file, sname (RFC 2131 §4.1). */
struct areas {
	struct rd at[3];
	unsigned n;
};

static void area_add(struct areas *a, const uint8_t *data, size_t len)
{
	rd_init(&a->at[a->n++], data, len);
}

/* --- decoding ----------------------------------------------------------------------------- */

struct collector {
	struct dhcp4_msg *m;
	uint8_t place[256]; /* code -> index in m->opts + 1 */
	bool split[DHCP4_OPTS_MAX];
	bool any_split;
	uint8_t overload;
	const char *why;
};

static bool collect_overload(struct collector *c, const struct dhcp4_opt *o)
{
	c->why = o->len != 1			    ? "option 52 (overload) is not one octet"
		 : o->data[0] < 1 || o->data[0] > 3 ? "option 52 (overload) is not 1, 2 or 3"
						    : NULL;
	if (!c->why)
		c->overload = o->data[0];
	return !c->why;
}

/* Enters one option, or adds the length of a further part of it. */
static void collect_option(struct collector *c, const struct dhcp4_opt *o)
{
	struct dhcp4_msg *m = c->m;
	unsigned i = c->place[o->code];

	if (i == 0) {
		m->opts[m->n_opts] = *o;
		c->place[o->code] = (uint8_t)++m->n_opts;
		return;
	}
	m->opts[i - 1].len = (uint16_t)(m->opts[i - 1].len + o->len);
	c->split[i - 1] = c->any_split = true;
}

static bool collect_area(struct collector *c, struct rd r, bool main_area)
{
	struct dhcp4_opt o;

	for (;;) {
		switch (next_option(&r, &o)) {
		case STEP_END:
			return true;
		case STEP_OVERRUN:
			c->why = "an option is longer than the rest of the message";
			return false;
		case STEP_OPTION:
			break;
		}
		if (o.code != OPT4_OVERLOAD)
			collect_option(c, &o);
		else if (main_area && !collect_overload(c, &o))
			return false;
	}
}

/* Joins the parts of repeated options, in the order of the areas (RFC 3396 §5, §7). */
static void join_parts(struct collector *c, const struct areas *areas)
{
	struct dhcp4_msg *m = c->m;
	uint16_t filled[DHCP4_OPTS_MAX] = { 0 };
	uint8_t *start[DHCP4_OPTS_MAX];
	struct dhcp4_opt o;

	for (unsigned i = 0; i < m->n_opts; i++) {
		if (!c->split[i])
			continue;
		start[i] = m->space + m->space_used;
		m->opts[i].data = start[i];
		m->space_used += m->opts[i].len;
	}
	for (unsigned k = 0; k < areas->n; k++) {
		struct rd r = areas->at[k];

		while (next_option(&r, &o) == STEP_OPTION) {
			unsigned i = c->place[o.code];

			if (i == 0 || !c->split[i - 1])
				continue;
			memcpy(start[i - 1] + filled[i - 1], o.data, o.len);
			filled[i - 1] = (uint16_t)(filled[i - 1] + o.len);
		}
	}
}

static const char *check_lengths(const struct dhcp4_msg *m)
{
	for (unsigned i = 0; i < m->n_opts; i++) {
		const struct dhcp4_option *o = dhcp4_option(m->opts[i].code);

		if (o && o->strict && !dhcp4_option_len_ok(o, m->opts[i].len))
			return o->why;
	}
	return NULL;
}

static const char *decode_options(const uint8_t *data, size_t len, struct dhcp4_msg *m)
{
	struct collector c = { .m = m };
	struct areas areas = { 0 };
	const struct dhcp4_opt *type;

	area_add(&areas, data + AT_OPTIONS, len - AT_OPTIONS);
	if (!collect_area(&c, areas.at[0], true))
		return c.why;
	if (c.overload & OVERLOAD_FILE) {
		area_add(&areas, data + AT_FILE, DHCP4_FILE_LEN);
		m->file[0] = '\0';
	}
	if (c.overload & OVERLOAD_SNAME) {
		area_add(&areas, data + AT_SNAME, DHCP4_SNAME_LEN);
		m->sname[0] = '\0';
	}
	for (unsigned i = 1; i < areas.n; i++)
		if (!collect_area(&c, areas.at[i], false))
			return c.why;
	if (c.any_split)
		join_parts(&c, &areas);
	c.why = check_lengths(m);
	if (c.why)
		return c.why;
	type = dhcp4_get(m, OPT4_TYPE);
	m->type = type ? type->data[0] : DHCP4_NO_TYPE;
	return type && type->data[0] == 0 ? "option 53 (message type) is 0" : NULL;
}

static const char *decode_header(struct rd *r, struct dhcp4_msg *m)
{
	m->op = rd_u8(r);
	m->htype = rd_u8(r);
	m->hlen = rd_u8(r);
	m->hops = rd_u8(r);
	m->xid = rd_u32(r);
	m->secs = rd_u16(r);
	m->flags = rd_u16(r);
	m->ciaddr = addr4_from_u32(rd_u32(r));
	m->yiaddr = addr4_from_u32(rd_u32(r));
	m->siaddr = addr4_from_u32(rd_u32(r));
	m->giaddr = addr4_from_u32(rd_u32(r));
	rd_bytes(r, m->chaddr, sizeof(m->chaddr));
	rd_bytes(r, m->sname, DHCP4_SNAME_LEN);
	rd_bytes(r, m->file, DHCP4_FILE_LEN);
	if (m->op != DHCP4_BOOTREQUEST && m->op != DHCP4_BOOTREPLY)
		return "op is neither 1 (request) nor 2 (reply)";
	if (m->hlen > sizeof(m->chaddr))
		return "hlen is above 16";
	if (m->htype == 1 && m->hlen != 6)
		return "an Ethernet address of other than 6 octets (hlen)";
	return NULL;
}

int dhcp4_decode(const void *data, size_t len, struct dhcp4_msg *ret, const char **ret_why)
{
	const char *why;
	struct rd r;

	dhcp4_init(ret, 0, DHCP4_NO_TYPE);
	rd_init(&r, data, len);
	if (len < DHCP4_HEADER_LEN)
		why = "shorter than the fixed header";
	else if (len > DHCP4_LEN_MAX)
		why = "longer than 2048 octets";
	else
		why = decode_header(&r, ret);
	if (!why) {
		ret->cookie = rd_left(&r) >= 4 && rd_u32(&r) == DHCP4_COOKIE;
		if (ret->cookie)
			why = decode_options(data, len, ret);
	}
	if (why)
		*ret_why = why;
	return why ? -EBADMSG : 0;
}

/* --- encoding ----------------------------------------------------------------------------- */

static size_t encoded_len(const struct dhcp4_opt *o)
{
	size_t parts = o->len ? (o->len + PART_MAX - 1u) / PART_MAX : 1;

	return o->len + 2 * parts;
}

static void write_option(struct wr *w, const struct dhcp4_opt *o)
{
	size_t done = 0;

	do {
		size_t part = o->len - done > PART_MAX ? PART_MAX : o->len - done;

		wr_u8(w, o->code);
		wr_u8(w, (uint8_t)part);
		wr_bytes(w, o->data + done, part);
		done += part;
	} while (done < o->len);
}

/* True when it was written; one octet is kept for the end option. */
static bool fits(struct wr *w, const struct dhcp4_opt *o, size_t reserved)
{
	if (!w->start || wr_left(w) < encoded_len(o) + 1 + reserved)
		return false;
	write_option(w, o);
	return true;
}

static void end_area(struct wr *w)
{
	if (!w->start)
		return;
	wr_u8(w, OPT4_END);
	wr_zero(w, wr_left(w));
}

/* The options do not fit into their field: file, then sname take what is left (RFC 2131 §4.1).
 * A relay agent looks for option 82 in the options field only, so its place is kept. */
static unsigned encode_overloaded(const struct dhcp4_msg *m, struct wr *w, uint8_t *buf)
{
	const struct dhcp4_opt *relay = dhcp4_get(m, OPT4_RELAY_INFO);
	size_t reserved = OVERLOAD_LEN + (relay ? encoded_len(relay) : 0);
	struct wr file = { 0 }, sname = { 0 };
	uint8_t used = 0;
	unsigned left_out = 0;

	if (m->file[0] == '\0')
		wr_init(&file, buf + AT_FILE, DHCP4_FILE_LEN);
	if (m->sname[0] == '\0')
		wr_init(&sname, buf + AT_SNAME, DHCP4_SNAME_LEN);
	for (unsigned i = 0; i < m->n_opts; i++) {
		const struct dhcp4_opt *o = &m->opts[i];

		if (o == relay && fits(w, o, OVERLOAD_LEN))
			reserved = OVERLOAD_LEN;
		else if (o != relay && fits(w, o, reserved))
			continue;
		else if (o != relay && fits(&file, o, 0))
			used |= OVERLOAD_FILE;
		else if (o != relay && fits(&sname, o, 0))
			used |= OVERLOAD_SNAME;
		else
			left_out++;
	}
	if (used & OVERLOAD_FILE)
		end_area(&file);
	if (used & OVERLOAD_SNAME)
		end_area(&sname);
	if (used)
		write_option(w,
			     &(struct dhcp4_opt){ .code = OPT4_OVERLOAD, .len = 1, .data = &used });
	return left_out;
}

static void encode_header(struct wr *w, const struct dhcp4_msg *m)
{
	size_t sname_len = strnlen(m->sname, DHCP4_SNAME_LEN);
	size_t file_len = strnlen(m->file, DHCP4_FILE_LEN);

	wr_u8(w, m->op);
	wr_u8(w, m->htype);
	wr_u8(w, m->hlen);
	wr_u8(w, m->hops);
	wr_u32(w, m->xid);
	wr_u16(w, m->secs);
	wr_u16(w, m->flags);
	wr_u32(w, addr4_u32(&m->ciaddr));
	wr_u32(w, addr4_u32(&m->yiaddr));
	wr_u32(w, addr4_u32(&m->siaddr));
	wr_u32(w, addr4_u32(&m->giaddr));
	wr_bytes(w, m->chaddr, sizeof(m->chaddr));
	wr_bytes(w, m->sname, sname_len);
	wr_zero(w, DHCP4_SNAME_LEN - sname_len);
	wr_bytes(w, m->file, file_len);
	wr_zero(w, DHCP4_FILE_LEN - file_len);
}

static unsigned encode_options(const struct dhcp4_msg *m, struct wr *w, uint8_t *buf)
{
	size_t total = 1;
	unsigned left_out = 0;

	wr_u32(w, DHCP4_COOKIE);
	for (unsigned i = 0; i < m->n_opts; i++)
		total += encoded_len(&m->opts[i]);
	if (total > wr_left(w)) {
		left_out = encode_overloaded(m, w, buf);
	} else {
		for (unsigned i = 0; i < m->n_opts; i++)
			write_option(w, &m->opts[i]);
	}
	wr_u8(w, OPT4_END);
	return left_out;
}

int dhcp4_encode(const struct dhcp4_msg *m, uint8_t *buf, size_t size, unsigned *ret_left_out)
{
	unsigned left_out = 0;
	struct wr w;

	if (size < DHCP4_LEN_MIN)
		return -EMSGSIZE;
	wr_init(&w, buf, size);
	encode_header(&w, m);
	if (m->cookie)
		left_out = encode_options(m, &w, buf);
	if (wr_len(&w) < DHCP4_LEN_MIN)
		wr_zero(&w, DHCP4_LEN_MIN - wr_len(&w));
	if (ret_left_out)
		*ret_left_out = left_out;
	return w.err ? -EMSGSIZE : (int)wr_len(&w);
}

/* --- building ----------------------------------------------------------------------------- */

/* The two arrays are left as they are: their used parts are what the counters say. */
void dhcp4_init(struct dhcp4_msg *m, enum dhcp4_op op, enum dhcp4_type type)
{
	memset(m, 0, offsetof(struct dhcp4_msg, opts));
	m->space_used = 0;
	m->op = (uint8_t)op;
	m->cookie = true;
	m->type = type;
	if (type != DHCP4_NO_TYPE)
		dhcp4_put_u8(m, OPT4_TYPE, (uint8_t)type);
}

void dhcp4_put(struct dhcp4_msg *m, uint8_t code, const void *data, size_t len)
{
	uint8_t *at = m->space + m->space_used;

	if (m->n_opts == DHCP4_OPTS_MAX || len > DHCP4_SPACE - m->space_used)
		return;
	if (len)
		memcpy(at, data, len);
	m->space_used += len;
	m->opts[m->n_opts++] = (struct dhcp4_opt){ .code = code, .len = (uint16_t)len, .data = at };
}

void dhcp4_put_u8(struct dhcp4_msg *m, uint8_t code, uint8_t v)
{
	dhcp4_put(m, code, &v, sizeof(v));
}

void dhcp4_put_u16(struct dhcp4_msg *m, uint8_t code, uint16_t v)
{
	const uint8_t b[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	dhcp4_put(m, code, b, sizeof(b));
}

void dhcp4_put_u32(struct dhcp4_msg *m, uint8_t code, uint32_t v)
{
	const struct addr a = addr4_from_u32(v);

	dhcp4_put(m, code, a.b, 4);
}

void dhcp4_put_text(struct dhcp4_msg *m, uint8_t code, const char *text)
{
	dhcp4_put(m, code, text, strlen(text));
}

void dhcp4_put_addr(struct dhcp4_msg *m, uint8_t code, const struct addr *a)
{
	dhcp4_put(m, code, a->b, 4);
}

void dhcp4_put_addrs(struct dhcp4_msg *m, uint8_t code, const struct addr *list, unsigned n)
{
	uint8_t b[PART_MAX / 4 * 4];
	size_t len = 0;

	for (unsigned i = 0; i < n && len < sizeof(b); i++, len += 4)
		memcpy(b + len, list[i].b, 4);
	dhcp4_put(m, code, b, len);
}

/* --- reading ------------------------------------------------------------------------------ */

const struct dhcp4_opt *dhcp4_get(const struct dhcp4_msg *m, uint8_t code)
{
	for (unsigned i = 0; i < m->n_opts; i++)
		if (m->opts[i].code == code)
			return &m->opts[i];
	return NULL;
}

bool dhcp4_get_u32(const struct dhcp4_msg *m, uint8_t code, uint32_t *ret)
{
	const struct dhcp4_opt *o = dhcp4_get(m, code);
	struct rd r;

	if (!o || o->len != 4)
		return false;
	rd_init(&r, o->data, o->len);
	*ret = rd_u32(&r);
	return true;
}

bool dhcp4_get_u16(const struct dhcp4_msg *m, uint8_t code, uint16_t *ret)
{
	const struct dhcp4_opt *o = dhcp4_get(m, code);

	if (!o || o->len != 2)
		return false;
	*ret = (uint16_t)(o->data[0] << 8 | o->data[1]);
	return true;
}

bool dhcp4_get_addr(const struct dhcp4_msg *m, uint8_t code, struct addr *ret)
{
	uint32_t v;

	if (!dhcp4_get_u32(m, code, &v))
		return false;
	*ret = addr4_from_u32(v);
	return true;
}

unsigned dhcp4_get_addrs(const struct dhcp4_msg *m, uint8_t code, struct addr *out, unsigned max)
{
	const struct dhcp4_opt *o = dhcp4_get(m, code);
	unsigned n = 0;
	struct rd r;

	if (!o)
		return 0;
	rd_init(&r, o->data, o->len);
	while (n < max && rd_left(&r) >= 4)
		out[n++] = addr4_from_u32(rd_u32(&r));
	return n;
}

void dhcp4_get_text(const struct dhcp4_msg *m, uint8_t code, char *out, size_t size)
{
	const struct dhcp4_opt *o = dhcp4_get(m, code);

	str_copy_n(out, size, o ? (const char *)o->data : "",
		   o ? strnlen((const char *)o->data, o->len) : 0);
}

bool dhcp4_wants(const struct dhcp4_msg *m, uint8_t code)
{
	const struct dhcp4_opt *o = dhcp4_get(m, OPT4_PARAMS);

	return !o || memchr(o->data, code, o->len) != NULL;
}

const char *dhcp4_xid_text(uint32_t xid, char out[static DHCP4_XID_TEXT_LEN])
{
	snprintf(out, DHCP4_XID_TEXT_LEN, "0x%x", xid);
	return out;
}

struct mac dhcp4_mac(const struct dhcp4_msg *m)
{
	struct mac mac;

	memcpy(mac.b, m->chaddr, sizeof(mac.b));
	return mac;
}

bool dhcp4_wants_broadcast(const struct dhcp4_msg *m)
{
	return m->flags & DHCP4_FLAG_BROADCAST;
}

/* --- changing an encoded message ---------------------------------------------------------- */

void dhcp4_raw_set_hops(uint8_t *data, uint8_t hops)
{
	data[AT_HOPS] = hops;
}

void dhcp4_raw_set_giaddr(uint8_t *data, const struct addr *giaddr)
{
	memcpy(data + AT_GIADDR, giaddr->b, 4);
}

/* Octets up to where the last option ends; what follows is the end option and padding. */
static size_t options_end(const uint8_t *data, size_t len)
{
	size_t end = AT_OPTIONS;
	struct dhcp4_opt o;
	struct rd r;

	rd_init(&r, data, len);
	rd_skip(&r, AT_OPTIONS);
	while (next_option(&r, &o) == STEP_OPTION)
		end = rd_pos(&r);
	return end;
}

int dhcp4_raw_add_option(uint8_t *data, size_t len, size_t size, uint8_t code, const void *opt,
			 size_t opt_len)
{
	struct dhcp4_opt o = { .code = code, .len = (uint16_t)opt_len, .data = opt };
	size_t end = options_end(data, len);
	struct wr w;

	if (opt_len > PART_MAX || end + encoded_len(&o) + 1 > size)
		return -EMSGSIZE;
	wr_init(&w, data + end, size - end);
	write_option(&w, &o);
	wr_u8(&w, OPT4_END);
	end += wr_len(&w);
	return (int)(end > len ? end : len);
}

size_t dhcp4_raw_remove_option(uint8_t *data, size_t len, uint8_t code)
{
	size_t floor = len < DHCP4_LEN_MIN ? len : DHCP4_LEN_MIN;
	struct dhcp4_opt o;
	size_t out = len;
	struct rd r;

	rd_init(&r, data, len);
	rd_skip(&r, AT_OPTIONS);
	while (next_option(&r, &o) == STEP_OPTION) {
		size_t at = rd_pos(&r) - o.len - 2, gone = o.len + 2u;

		if (o.code != code)
			continue;
		memmove(data + at, data + at + gone, out - at - gone);
		memset(data + out - gone, 0, gone);
		out -= gone;
		rd_init(&r, data, out);
		rd_seek(&r, at);
	}
	return out < floor ? floor : out;
}
