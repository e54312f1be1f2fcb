#include <string.h>

#include "labd/log/info.h"

enum {
	ICMP_NAME_WIDTH = 20, /* Wireshark pads the type to this */
	ND_OPT_SOURCE_MAC = 1,
	ND_OPT_TARGET_MAC = 2,
};

static const char *const icmp_types[256] = {
	[0] = "Echo (ping) reply",
	[3] = "Destination unreachable",
	[4] = "Source quench (flow control)",
	[5] = "Redirect",
	[8] = "Echo (ping) request",
	[9] = "Router advertisement",
	[10] = "Router solicitation",
	[11] = "Time-to-live exceeded",
	[12] = "Parameter problem",
	[13] = "Timestamp request",
	[14] = "Timestamp reply",
	[15] = "Information request",
	[16] = "Information reply",
	[17] = "Address mask request",
	[18] = "Address mask reply",
};

static const char *const unreachable_codes[] = {
	"Network unreachable",
	"Host unreachable",
	"Protocol unreachable",
	"Port unreachable",
	"Fragmentation needed",
	"Source route failed",
	"Destination network unknown",
	"Destination host unknown",
	"Source host isolated",
	"Network administratively prohibited",
	"Host administratively prohibited",
	"Network unreachable for TOS",
	"Host unreachable for TOS",
	"Communication administratively filtered",
	"Host precedence violation",
	"Precedence cutoff in effect",
};

static const char *const redirect_codes[] = {
	"Redirect for network",
	"Redirect for host",
	"Redirect for TOS and network",
	"Redirect for TOS and host",
};

static const char *const exceeded_codes[] = {
	"Time to live exceeded in transit",
	"Fragment reassembly time exceeded",
};

#define NAME_AT(table, i) ((i) < ARRAY_SIZE(table) ? (table)[i] : NULL)

static const char *icmp_code_name(const struct pkt *pkt)
{
	switch (pkt->icmp_type) {
	case 3:
		return NAME_AT(unreachable_codes, pkt->icmp_code);
	case 5:
		return NAME_AT(redirect_codes, pkt->icmp_code);
	case 11:
		return NAME_AT(exceeded_codes, pkt->icmp_code);
	default:
		return NULL;
	}
}

static void line_padded(struct line *l, const char *text, uint32_t width)
{
	uint32_t start = l->len;

	line_str(l, text);
	while (l->len - start < width)
		line_put(l, " ", 1);
}

/* Identifier and sequence number; the latter in both byte orders, as ping programs differ. */
static void echo_numbers(const struct pkt *pkt, struct line *l, bool both_orders)
{
	const uint8_t *h = pkt->data + pkt->l4_off + 4;

	if (pkt->l4_off + 8 > pkt->cap_len)
		return;
	line_str(l, " id=0x");
	line_hex(l, (uint32_t)(h[0] << 8 | h[1]), 4);
	line_str(l, ", seq=");
	line_u64(l, (uint32_t)(h[2] << 8 | h[3]));
	if (both_orders) {
		line_put(l, "/", 1);
		line_u64(l, (uint32_t)(h[3] << 8 | h[2]));
	}
}

void info_icmp(const struct pkt *pkt, struct info *ret)
{
	const char *type = icmp_types[pkt->icmp_type];
	const char *code = icmp_code_name(pkt);

	ret->protocol = "ICMP";
	line_padded(&ret->text, type ? type : "Unknown ICMP (obsolete or malformed?)",
		    ICMP_NAME_WIDTH);
	if (code) {
		line_str(&ret->text, " (");
		line_str(&ret->text, code);
		line_str(&ret->text, ")");
	}
	if (pkt->icmp_type == 0 || pkt->icmp_type == 8) {
		echo_numbers(pkt, &ret->text, true);
		line_str(&ret->text, ", ttl=");
		line_u64(&ret->text, pkt->ttl);
	}
}

/* ---- ICMPv6 (RFC 4443, 4861, 2710, 3810) ---- */

static const char *icmp6_type_name(uint8_t type)
{
	switch (type) {
	case 1:
		return "Destination Unreachable";
	case 2:
		return "Packet Too Big";
	case 3:
		return "Time Exceeded";
	case 4:
		return "Parameter Problem";
	case 128:
		return "Echo (ping) request";
	case 129:
		return "Echo (ping) reply";
	case 130:
		return "Multicast Listener Query";
	case 131:
		return "Multicast Listener Report";
	case 132:
		return "Multicast Listener Done";
	case 133:
		return "Router Solicitation";
	case 134:
		return "Router Advertisement";
	case 135:
		return "Neighbor Solicitation";
	case 136:
		return "Neighbor Advertisement";
	case 137:
		return "Redirect";
	case 143:
		return "Multicast Listener Report Message v2";
	default:
		return "Unknown";
	}
}

static const char *icmp6_code_name(const struct pkt *pkt)
{
	static const char *const unreachable[] = {
		"no route to destination",
		"Administratively prohibited",
		"Beyond scope of source address",
		"Address unreachable",
		"Port unreachable",
		"Source address failed ingress/egress policy",
		"Reject route to destination",
	};
	static const char *const exceeded[] = {
		"hop limit exceeded in transit",
		"fragment reassembly time exceeded",
	};

	if (pkt->icmp_type == 1)
		return NAME_AT(unreachable, pkt->icmp_code);
	if (pkt->icmp_type == 3)
		return NAME_AT(exceeded, pkt->icmp_code);
	return NULL;
}

/* The link address in an option of that type, from `off` of the frame on (RFC 4861 §4.6). */
static bool nd_option_mac(const struct pkt *pkt, uint32_t off, uint8_t type, struct mac *ret)
{
	uint32_t end = pkt->l4_off + pkt->l4_len;

	if (end > pkt->cap_len)
		end = pkt->cap_len;
	while (off + 8 <= end) {
		uint32_t len = (uint32_t)pkt->data[off + 1] * 8;

		if (len == 0)
			return false;
		if (pkt->data[off] == type && off + 8 <= end) {
			memcpy(ret->b, pkt->data + off + 2, sizeof(ret->b));
			return true;
		}
		off += len;
	}
	return false;
}

static bool nd_target(const struct pkt *pkt, struct addr *ret)
{
	if (pkt->l4_off + 24 > pkt->cap_len || pkt->l4_len < 24)
		return false;
	ret->family = 6;
	memcpy(ret->b, pkt->data + pkt->l4_off + 8, 16);
	return true;
}

static void nd_from(const struct pkt *pkt, uint32_t options_at, struct line *l)
{
	struct mac mac;

	if (!nd_option_mac(pkt, pkt->l4_off + options_at, ND_OPT_SOURCE_MAC, &mac))
		return;
	line_str(l, " from ");
	line_mac(l, &mac);
}

static void nd_flags(uint8_t flags, struct line *l)
{
	static const struct {
		uint8_t bit;
		const char *name;
	} names[] = { { 0x80, "rtr" }, { 0x40, "sol" }, { 0x20, "ovr" } };
	bool any = false;

	if (!(flags & 0xe0))
		return;
	line_str(l, " (");
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (!(flags & names[i].bit))
			continue;
		if (any)
			line_str(l, ", ");
		line_str(l, names[i].name);
		any = true;
	}
	line_str(l, ")");
}

static void info_neighbour(const struct pkt *pkt, struct line *l)
{
	struct addr target;
	struct mac mac;

	if (!nd_target(pkt, &target))
		return;
	if (pkt->icmp_type == 135) {
		line_str(l, " for ");
		line_addr(l, &target);
		nd_from(pkt, 24, l);
		return;
	}
	line_put(l, " ", 1);
	line_addr(l, &target);
	nd_flags(pkt->data[pkt->l4_off + 4], l);
	if (nd_option_mac(pkt, pkt->l4_off + 24, ND_OPT_TARGET_MAC, &mac)) {
		line_str(l, " is at ");
		line_mac(l, &mac);
	}
}

void info_icmp6(const struct pkt *pkt, struct info *ret)
{
	const char *code = icmp6_code_name(pkt);
	struct line *l = &ret->text;

	ret->protocol = "ICMPv6";
	line_str(l, icmp6_type_name(pkt->icmp_type));
	if (code) {
		line_str(l, " (");
		line_str(l, code);
		line_str(l, ")");
	}
	switch (pkt->icmp_type) {
	case 128:
	case 129:
		echo_numbers(pkt, l, false);
		line_str(l, ", hop limit=");
		line_u64(l, pkt->ttl);
		break;
	case 133:
		nd_from(pkt, 8, l);
		break;
	case 134:
		nd_from(pkt, 16, l);
		break;
	case 135:
	case 136:
		info_neighbour(pkt, l);
		break;
	default:
		break;
	}
}

/* ---- IGMP (RFC 2236, 3376) ---- */

static void igmp3_record(const struct pkt *pkt, struct line *l)
{
	const uint8_t *h = pkt->data + pkt->payload_off;
	struct addr group = { .family = 4 };
	bool leave;

	if (pkt->payload_cap < 16 || h[7] != 1)
		return;
	memcpy(group.b, h + 12, 4);
	if (h[10] || h[11])
		return;
	leave = h[8] == 3 || h[8] == 1; /* include nothing: left (RFC 3376 §5.1) */
	line_str(l, leave ? " / Leave group " : " / Join group ");
	line_addr(l, &group);
	if (!leave)
		line_str(l, " for any sources");
}

void info_igmp(const struct pkt *pkt, struct info *ret)
{
	const uint8_t *h = pkt->data + pkt->payload_off;
	struct addr group = { .family = 4 };
	struct line *l = &ret->text;

	ret->protocol = "IGMPv2";
	if (pkt->payload_cap < 8) {
		line_str(l, "IGMP");
		return;
	}
	memcpy(group.b, h + 4, 4);
	switch (h[0]) {
	case 0x11:
		ret->protocol = pkt->payload_len >= 12 ? "IGMPv3" : h[1] ? "IGMPv2" : "IGMPv1";
		line_str(l, "Membership Query");
		line_str(l, addr_is_any(&group) ? ", general" : ", specific for group ");
		if (!addr_is_any(&group))
			line_addr(l, &group);
		break;
	case 0x12:
		ret->protocol = "IGMPv1";
		line_str(l, "Membership Report");
		break;
	case 0x16:
		line_str(l, "Membership Report group ");
		line_addr(l, &group);
		break;
	case 0x17:
		line_str(l, "Leave Group ");
		line_addr(l, &group);
		break;
	case 0x22:
		ret->protocol = "IGMPv3";
		line_str(l, "Membership Report");
		igmp3_record(pkt, l);
		break;
	default:
		line_str(l, "Unknown Type:0x");
		line_hex(l, h[0], 2);
		break;
	}
}
