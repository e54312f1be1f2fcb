/* The words that the log prints for a message: the info line and the fields, worded as Wireshark's.
 */
#include "dhcp4/dhcp4_wire.h"

#include <stdio.h>
#include <string.h>

#include "base/cur.h"
#include "base/sbuf.h"
#include "dhcp4/dhcp4_option.h"

#define VALUE_MAX 4096 /* octets of one field's text */

/* What the info line needs; read leniently, so that a malformed message still gets its line. */
struct glance {
	uint8_t op, htype, hlen;
	uint32_t xid;
	uint8_t chaddr[16];
	bool dhcp; /* option 53 was found */
	uint8_t type;
};

static void find_type(struct rd *r, struct glance *g)
{
	while (rd_left(r) >= 2) {
		uint8_t code = rd_u8(r);
		struct rd value;

		if (code == OPT4_END)
			return;
		if (code == OPT4_PAD)
			continue;
		value = rd_sub(r, rd_u8(r));
		if (code != OPT4_TYPE || rd_left(&value) == 0)
			continue;
		g->dhcp = true;
		g->type = rd_u8(&value);
		return;
	}
}

static struct glance glance(const uint8_t *data, size_t len)
{
	struct glance g = { 0 };
	struct rd r;

	rd_init(&r, data, len);
	g.op = rd_u8(&r);
	g.htype = rd_u8(&r);
	g.hlen = rd_u8(&r);
	rd_skip(&r, 1);
	g.xid = rd_u32(&r);
	rd_skip(&r, 20);
	rd_bytes(&r, g.chaddr, sizeof(g.chaddr));
	rd_skip(&r, DHCP4_SNAME_LEN + DHCP4_FILE_LEN);
	if (rd_u32(&r) == DHCP4_COOKIE)
		find_type(&r, &g);
	return g;
}

static void put_hardware_address(const struct glance *g, struct sbuf *out)
{
	char text[MAC_TEXT_LEN];
	struct mac mac;

	if (g->hlen == sizeof(mac.b)) {
		memcpy(mac.b, g->chaddr, sizeof(mac.b));
		mac_format(&mac, text);
		sbuf_printf(out, "%s (%s)", text, text);
		return;
	}
	for (unsigned i = 0; i < g->hlen && i < sizeof(g->chaddr); i++)
		sbuf_printf(out, "%02x", g->chaddr[i]);
}

static void put_info(const struct glance *g, struct sbuf *out)
{
	const char *name = dhcp4_type_name(g->type);

	if (g->dhcp && name) {
		sbuf_printf(out, "DHCP %-8s - Transaction ID 0x%x", name, g->xid);
	} else if (g->dhcp) {
		sbuf_printf(out, "DHCP Unknown Message Type (0x%02x) - Transaction ID 0x%x",
			    g->type, g->xid);
	} else if (g->op == DHCP4_BOOTREQUEST) {
		sbuf_puts(out, "Boot Request from ");
		put_hardware_address(g, out);
	} else if (g->op == DHCP4_BOOTREPLY) {
		sbuf_puts(out, "Boot Reply");
	} else {
		sbuf_printf(out, "Unknown BOOTP message type (%u)", g->op);
	}
}

/* 0, or -EBADMSG; of a message that was cut while capturing nothing is held against it. */
static int judge(const struct codec_in *in, const char **ret_why)
{
	struct dhcp4_msg m;

	return in->cut ? 0 : dhcp4_decode(in->data, in->len, &m, ret_why);
}

static int info(const struct codec_in *in, struct sbuf *out, const char **ret_why)
{
	struct glance g = glance(in->data, in->len);

	put_info(&g, out);
	return judge(in, ret_why);
}

/* --- the fields --------------------------------------------------------------------------- */

struct lister {
	codec_field_fn fn;
	void *arg;
	const uint8_t *data;
	size_t len;
	struct sbuf text; /* value of the field being told */
};

static void tell(struct lister *l, const char *field, size_t offset, size_t len)
{
	l->fn(l->arg, field, sbuf_text(&l->text), offset, len);
	sbuf_reset(&l->text);
}

/* A cursor at this place of the message; NULL when the message ends before `len` octets. */
static bool at(struct lister *l, size_t offset, size_t len, struct rd *ret)
{
	if (offset + len > l->len)
		return false;
	rd_init(ret, l->data + offset, len);
	return true;
}

static void tell_number(struct lister *l, const char *field, size_t offset, size_t len, bool hex)
{
	uint32_t v = 0;
	struct rd r;

	if (!at(l, offset, len, &r))
		return;
	while (rd_left(&r))
		v = v << 8 | rd_u8(&r);
	if (hex)
		sbuf_printf(&l->text, "0x%0*x", (int)len * 2, v);
	else
		sbuf_printf(&l->text, "%u", v);
	tell(l, field, offset, len);
}

static void tell_addr(struct lister *l, const char *field, size_t offset)
{
	char text[ADDR_TEXT_LEN];
	struct addr a;
	struct rd r;

	if (!at(l, offset, 4, &r))
		return;
	a = addr4_from_u32(rd_u32(&r));
	sbuf_puts(&l->text, addr_format(&a, text));
	tell(l, field, offset, 4);
}

static void tell_text(struct lister *l, const char *field, size_t offset, size_t len)
{
	struct rd r;

	if (!at(l, offset, len, &r))
		return;
	dhcp4_option_format(OPT4_HOSTNAME, r.p, strnlen((const char *)r.p, len), &l->text);
	tell(l, field, offset, len);
}

static void tell_header(struct lister *l)
{
	struct glance g = glance(l->data, l->len);

	if (l->len == 0)
		return;
	sbuf_printf(&l->text, "%s (%u)",
		    g.op == DHCP4_BOOTREQUEST ? "Boot Request"
		    : g.op == DHCP4_BOOTREPLY ? "Boot Reply"
					      : "Unknown",
		    g.op);
	tell(l, "Message type", 0, 1);
	tell_number(l, "Hardware type", 1, 1, true);
	tell_number(l, "Hardware address length", 2, 1, false);
	tell_number(l, "Hops", 3, 1, false);
	tell_number(l, "Transaction ID", 4, 4, true);
	tell_number(l, "Seconds elapsed", 8, 2, false);
	tell_number(l, "Bootp flags", 10, 2, true);
	tell_addr(l, "Client IP address", 12);
	tell_addr(l, "Your (client) IP address", 16);
	tell_addr(l, "Next server IP address", 20);
	tell_addr(l, "Relay agent IP address", 24);
	if (l->len >= 44) {
		put_hardware_address(&g, &l->text);
		tell(l, "Client hardware address", 28, 16);
	}
	tell_text(l, "Server host name", 44, DHCP4_SNAME_LEN);
	tell_text(l, "Boot file name", 108, DHCP4_FILE_LEN);
}

static void tell_option(struct lister *l, uint8_t code, const uint8_t *data, size_t len,
			size_t offset)
{
	const struct dhcp4_option *o = dhcp4_option(code);
	char field[64];

	snprintf(field, sizeof(field), "Option: (%u) %s", code, o ? o->name : "Unknown");
	dhcp4_option_format(code, data, len, &l->text);
	tell(l, field, offset, len + 2);
}

static void tell_options(struct lister *l)
{
	struct rd r;

	rd_init(&r, l->data, l->len);
	rd_skip(&r, DHCP4_HEADER_LEN);
	if (rd_u32(&r) != DHCP4_COOKIE)
		return;
	sbuf_puts(&l->text, "DHCP");
	tell(l, "Magic cookie", DHCP4_HEADER_LEN, 4);
	while (rd_left(&r)) {
		size_t offset = rd_pos(&r), len;
		uint8_t code = rd_u8(&r);
		const uint8_t *value;

		if (code == OPT4_PAD)
			continue;
		if (code == OPT4_END) {
			tell(l, "Option: (255) End", offset, 1);
			return;
		}
		len = rd_u8(&r);
		value = rd_view(&r, len);
		if (r.err)
			return;
		tell_option(l, code, value, len, offset);
	}
}

static int fields(const struct codec_in *in, codec_field_fn fn, void *arg)
{
	struct lister l = {
		.fn = fn, .arg = arg, .data = in->data, .len = in->len, .text = SBUF(VALUE_MAX)
	};
	const char *why;

	tell_header(&l);
	tell_options(&l);
	sbuf_done(&l.text);
	return judge(in, &why);
}

const struct codec dhcp4_codec = {
	.name = "DHCP",
	.udp_ports = { DHCP4_SERVER_PORT, DHCP4_CLIENT_PORT },
	.info = info,
	.fields = fields,
};
