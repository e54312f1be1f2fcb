/* How the log reads RADIUS, as Wireshark words it. */
#include <errno.h>
#include <stdio.h>

#include "base/codec.h"
#include "base/sbuf.h"
#include "radius/radius_wire.h"

enum form { HEX, TEXT, NUMBER, ADDRESS, HIDDEN };

static const struct {
	uint8_t type;
	enum form form;
	const char *name;
} types[] = {
	{ RADIUS_USER_NAME, TEXT, "User-Name" },
	{ RADIUS_USER_PASSWORD, HIDDEN, "User-Password" },
	{ RADIUS_CHAP_PASSWORD, HEX, "CHAP-Password" },
	{ RADIUS_NAS_IP_ADDRESS, ADDRESS, "NAS-IP-Address" },
	{ RADIUS_NAS_PORT, NUMBER, "NAS-Port" },
	{ RADIUS_SERVICE_TYPE, NUMBER, "Service-Type" },
	{ RADIUS_REPLY_MESSAGE, TEXT, "Reply-Message" },
	{ RADIUS_VENDOR_SPECIFIC, HEX, "Vendor-Specific" },
	{ RADIUS_CALLING_STATION_ID, TEXT, "Calling-Station-Id" },
	{ RADIUS_NAS_IDENTIFIER, TEXT, "NAS-Identifier" },
	{ RADIUS_PROXY_STATE, HEX, "Proxy-State" },
	{ RADIUS_ACCT_STATUS_TYPE, NUMBER, "Acct-Status-Type" },
	{ RADIUS_ACCT_SESSION_ID, TEXT, "Acct-Session-Id" },
	{ RADIUS_ACCT_SESSION_TIME, NUMBER, "Acct-Session-Time" },
	{ RADIUS_CHAP_CHALLENGE, HEX, "CHAP-Challenge" },
	{ RADIUS_NAS_PORT_TYPE, NUMBER, "NAS-Port-Type" },
	{ RADIUS_EAP_MESSAGE, HEX, "EAP-Message" },
	{ RADIUS_MESSAGE_AUTHENTICATOR, HEX, "Message-Authenticator" },
};

static int info(const struct codec_in *in, struct sbuf *out, const char **ret_why)
{
	struct radius_packet p;

	if (radius_decode(in->data, in->len, &p, ret_why) == 0 || (in->cut && in->len >= 2))
		return sbuf_printf(out, "%s id=%u", radius_code_name(in->data[0]), in->data[1]);
	if (in->cut)
		*ret_why = "cut off";
	return -EBADMSG;
}

static void put_hex(struct sbuf *out, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sbuf_printf(out, "%02x", p[i]);
}

static void put_value(struct sbuf *out, enum form form, const struct radius_attr *a)
{
	const uint8_t *v = a->value;

	if (form == HIDDEN)
		sbuf_puts(out, "Encrypted");
	else if (form == TEXT)
		sbuf_put(out, v, a->len);
	else if (form == NUMBER && a->len == 4)
		sbuf_printf(out, "%u",
			    (unsigned)v[0] << 24 | (unsigned)v[1] << 16 | (unsigned)v[2] << 8 |
				    v[3]);
	else if (form == ADDRESS && a->len == 4)
		sbuf_printf(out, "%u.%u.%u.%u", v[0], v[1], v[2], v[3]);
	else
		put_hex(out, v, a->len);
}

static void one_attribute(const struct radius_attr *a, codec_field_fn fn, void *arg)
{
	struct sbuf text = SBUF(1024);
	const char *name = "Unknown-Attribute";
	enum form form = HEX;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].type == a->type) {
			name = types[i].name;
			form = types[i].form;
		}
	sbuf_printf(&text, "t=%s(%u) l=%u val=", name, a->type, a->len + 2u);
	put_value(&text, form, a);
	fn(arg, "AVP", sbuf_text(&text), a->at, a->len + 2u);
	sbuf_done(&text);
}

static int fields(const struct codec_in *in, codec_field_fn fn, void *arg)
{
	struct radius_attr a = { 0 };
	struct radius_packet p;
	char text[48];
	const char *why;

	if (radius_decode(in->data, in->len, &p, &why) < 0)
		return in->cut ? 0 : -EBADMSG;
	snprintf(text, sizeof(text), "%s (%u)", radius_code_name(p.code), p.code);
	fn(arg, "Code", text, 0, 1);
	snprintf(text, sizeof(text), "0x%x (%u)", p.id, p.id);
	fn(arg, "Packet identifier", text, 1, 1);
	snprintf(text, sizeof(text), "%zu", p.len);
	fn(arg, "Length", text, 2, 2);
	for (unsigned i = 0; i < MD5_LEN; i++)
		snprintf(text + 2 * i, 3, "%02x", p.authenticator[i]);
	fn(arg, "Authenticator", text, 4, MD5_LEN);
	while (radius_next(&p, &a))
		one_attribute(&a, fn, arg);
	return 0;
}

const struct codec radius_codec = {
	.name = "RADIUS",
	.udp_ports = { RADIUS_AUTH_PORT, RADIUS_ACCT_PORT, RADIUS_OLD_AUTH_PORT,
		       RADIUS_OLD_ACCT_PORT },
	.info = info,
	.fields = fields,
};
