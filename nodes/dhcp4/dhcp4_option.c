#include "dhcp4/dhcp4_option.h"

#include "base/cur.h"
#include "base/sbuf.h"

/* clang-format off */
static const struct dhcp4_option options[] = {
	{ 1, FMT4_ADDR, true, "Subnet Mask", "option 1 (subnet mask) is not 4 octets" },
	{ 2, FMT4_U32, false, "Time Offset", NULL },
	{ 3, FMT4_ADDRS, true, "Router", "option 3 (router) is no list of addresses" },
	{ 4, FMT4_ADDRS, false, "Time Server", NULL },
	{ 5, FMT4_ADDRS, false, "Name Server", NULL },
	{ 6, FMT4_ADDRS, true, "Domain Name Server", "option 6 (DNS) is no list of addresses" },
	{ 7, FMT4_ADDRS, false, "Log Server", NULL },
	{ 12, FMT4_TEXT, false, "Host Name", NULL },
	{ 13, FMT4_U16, false, "Boot File Size", NULL },
	{ 15, FMT4_TEXT, false, "Domain Name", NULL },
	{ 17, FMT4_TEXT, false, "Root Path", NULL },
	{ 19, FMT4_BOOL, false, "IP Forwarding", NULL },
	{ 23, FMT4_U8, false, "Default IP TTL", NULL },
	{ 26, FMT4_U16, false, "Interface MTU", NULL },
	{ 28, FMT4_ADDR, false, "Broadcast Address", NULL },
	{ 31, FMT4_BOOL, false, "Perform Router Discover", NULL },
	{ 33, FMT4_ADDR_PAIRS, false, "Static Route", NULL },
	{ 42, FMT4_ADDRS, false, "Network Time Protocol Servers", NULL },
	{ 43, FMT4_BYTES, false, "Vendor-Specific Information", NULL },
	{ 44, FMT4_ADDRS, true, "NetBIOS over TCP/IP Name Server", "option 44 (NetBIOS name server) is no list of addresses" },
	{ 46, FMT4_U8, false, "NetBIOS over TCP/IP Node Type", NULL },
	{ 50, FMT4_ADDR, true, "Requested IP Address", "option 50 (requested address) is not 4 octets" },
	{ 51, FMT4_SECONDS, true, "IP Address Lease Time", "option 51 (lease time) is not 4 octets" },
	{ 52, FMT4_U8, true, "Option Overload", "option 52 (overload) is not one octet" },
	{ 53, FMT4_MSG_TYPE, true, "DHCP Message Type", "option 53 (message type) is not one octet" },
	{ 54, FMT4_ADDR, true, "DHCP Server Identifier", "option 54 (server identifier) is not 4 octets" },
	{ 55, FMT4_CODES, true, "Parameter Request List", "option 55 (parameter request list) is empty" },
	{ 56, FMT4_TEXT, false, "Message", NULL },
	{ 57, FMT4_U16, true, "Maximum DHCP Message Size", "option 57 (maximum size) is not 2 octets" },
	{ 58, FMT4_SECONDS, true, "Renewal Time Value", "option 58 (T1) is not 4 octets" },
	{ 59, FMT4_SECONDS, true, "Rebinding Time Value", "option 59 (T2) is not 4 octets" },
	{ 60, FMT4_TEXT, false, "Vendor class identifier", NULL },
	{ 61, FMT4_ID, true, "Client identifier", "option 61 (client identifier) is empty" },
	{ 66, FMT4_TEXT, false, "TFTP Server Name", NULL },
	{ 67, FMT4_TEXT, false, "Bootfile name", NULL },
	{ 69, FMT4_ADDRS, false, "SMTP Server", NULL },
	{ 70, FMT4_ADDRS, false, "POP3 Server", NULL },
	{ 77, FMT4_BYTES, false, "User Class Information", NULL },
	{ 81, FMT4_BYTES, false, "Client Fully Qualified Domain Name", NULL },
	{ 82, FMT4_BYTES, false, "Agent Information Option", NULL },
	{ 93, FMT4_BYTES, false, "Client System Architecture", NULL },
	{ 100, FMT4_TEXT, false, "PCode", NULL },
	{ 101, FMT4_TEXT, false, "TCode", NULL },
	{ 116, FMT4_BOOL, false, "DHCP Auto-Configuration", NULL },
	{ 118, FMT4_ADDR, false, "Subnet Selection Option", NULL },
	{ 119, FMT4_BYTES, false, "Domain Search", NULL },
	{ 121, FMT4_BYTES, false, "Classless Static Route", NULL },
	{ 150, FMT4_ADDRS, true, "TFTP Server Address", "option 150 (TFTP servers) is no list of addresses" },
	{ 252, FMT4_TEXT, false, "Private/Proxy autodiscovery", NULL },
};

static const char *const type_names[] = {
	[1] = "Discover", [2] = "Offer", [3] = "Request", [4] = "Decline", [5] = "ACK",
	[6] = "NAK", [7] = "Release", [8] = "Inform", [9] = "Force Renew", [10] = "Lease query",
	[11] = "Lease Unassigned", [12] = "Lease Unknown", [13] = "Lease Active",
	[14] = "Bulk Lease Query", [15] = "Lease Query Done", [16] = "Active LeaseQuery",
	[17] = "Lease Query Status", [18] = "TLS",
};
/* clang-format on */

const struct dhcp4_option *dhcp4_option(uint8_t code)
{
	size_t low = 0, high = ARRAY_SIZE(options);

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (options[mid].code == code)
			return &options[mid];
		if (options[mid].code < code)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const char *dhcp4_type_name(unsigned type)
{
	return type < ARRAY_SIZE(type_names) ? type_names[type] : NULL;
}

bool dhcp4_option_len_ok(const struct dhcp4_option *o, size_t len)
{
	switch (o->format) {
	case FMT4_BYTES:
	case FMT4_TEXT:
		return true;
	case FMT4_ADDR:
	case FMT4_U32:
	case FMT4_SECONDS:
		return len == 4;
	case FMT4_ADDRS:
		return len >= 4 && len % 4 == 0;
	case FMT4_ADDR_PAIRS:
		return len >= 8 && len % 8 == 0;
	case FMT4_U8:
	case FMT4_BOOL:
	case FMT4_MSG_TYPE:
		return len == 1;
	case FMT4_U16:
		return len == 2;
	case FMT4_CODES:
	case FMT4_ID:
		return len >= 1;
	}
	return false;
}

static void format_hex(struct rd *r, struct sbuf *out)
{
	while (rd_left(r))
		sbuf_printf(out, "%02x", rd_u8(r));
}

/* Printable ASCII as it is, the rest as \xNN; trailing NULs are not part of the text. */
static void format_text(const uint8_t *data, size_t len, struct sbuf *out)
{
	while (len && data[len - 1] == '\0')
		len--;
	for (size_t i = 0; i < len; i++) {
		if (data[i] >= 0x20 && data[i] < 0x7f && data[i] != '\\')
			sbuf_put(out, &data[i], 1);
		else
			sbuf_printf(out, "\\x%02x", data[i]);
	}
}

static void format_addrs(struct rd *r, struct sbuf *out)
{
	char text[ADDR_TEXT_LEN];

	for (const char *sep = ""; rd_left(r) >= 4; sep = ", ") {
		struct addr a = addr4_from_u32(rd_u32(r));

		sbuf_printf(out, "%s%s", sep, addr_format(&a, text));
	}
}

static void format_seconds(uint32_t s, struct sbuf *out)
{
	if (s == UINT32_MAX)
		sbuf_puts(out, "infinity");
	else
		sbuf_printf(out, "%u s", s);
}

static void format_type(uint8_t type, struct sbuf *out)
{
	const char *name = dhcp4_type_name(type);

	sbuf_printf(out, "%s (%u)", name ? name : "Unknown", type);
}

static void format_codes(struct rd *r, struct sbuf *out)
{
	for (const char *sep = ""; rd_left(r); sep = ", ") {
		uint8_t code = rd_u8(r);
		const struct dhcp4_option *o = dhcp4_option(code);

		sbuf_printf(out, "%s(%u) %s", sep, code, o ? o->name : "Unknown");
	}
}

static void format_id(struct rd *r, struct sbuf *out)
{
	struct mac mac;
	char text[MAC_TEXT_LEN];

	if (rd_left(r) == 7 && r->p[0] == 1) {
		rd_skip(r, 1);
		rd_bytes(r, mac.b, sizeof(mac.b));
		sbuf_printf(out, "Ethernet %s", mac_format(&mac, text));
		return;
	}
	format_hex(r, out);
}

void dhcp4_option_format(uint8_t code, const uint8_t *data, size_t len, struct sbuf *out)
{
	const struct dhcp4_option *o = dhcp4_option(code);
	enum dhcp4_format format = o && dhcp4_option_len_ok(o, len) ? o->format : FMT4_BYTES;
	struct rd r;

	rd_init(&r, data, len);
	switch (format) {
	case FMT4_BYTES:
		format_hex(&r, out);
		break;
	case FMT4_TEXT:
		format_text(data, len, out);
		break;
	case FMT4_ADDR:
	case FMT4_ADDRS:
	case FMT4_ADDR_PAIRS:
		format_addrs(&r, out);
		break;
	case FMT4_U8:
	case FMT4_BOOL:
		sbuf_printf(out, "%u", rd_u8(&r));
		break;
	case FMT4_U16:
		sbuf_printf(out, "%u", rd_u16(&r));
		break;
	case FMT4_U32:
		sbuf_printf(out, "%u", rd_u32(&r));
		break;
	case FMT4_SECONDS:
		format_seconds(rd_u32(&r), out);
		break;
	case FMT4_MSG_TYPE:
		format_type(rd_u8(&r), out);
		break;
	case FMT4_CODES:
		format_codes(&r, out);
		break;
	case FMT4_ID:
		format_id(&r, out);
		break;
	}
}
