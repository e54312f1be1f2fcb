#include <string.h>

#include "base/cur.h"
#include "labd/log/info.h"

enum {
	LLC_SAP_STP = 0x42,
	BPDU_CONF = 0x00,
	BPDU_RST = 0x02,
	BPDU_TCN = 0x80,
	BPDU_FLAG_TC = 0x01,
	BPDU_FLAG_TCA = 0x80,
};

static void arp_request(const struct pkt *pkt, struct line *l)
{
	if (addr_equal(&pkt->src.addr, &pkt->dst.addr)) {
		line_str(l, "ARP Announcement for ");
		line_addr(l, &pkt->dst.addr);
		return;
	}
	line_str(l, "Who has ");
	line_addr(l, &pkt->dst.addr);
	line_str(l, "? ");
	if (addr_is_any(&pkt->src.addr)) { /* RFC 5227 §1.1 */
		line_str(l, "(ARP Probe)");
		return;
	}
	line_str(l, "Tell ");
	line_addr(l, &pkt->src.addr);
}

void info_arp(const struct pkt *pkt, struct info *ret)
{
	struct line *l = &ret->text;

	ret->protocol = "ARP";
	if (pkt->payload_len != ARP_LEN || pkt->malformed) {
		line_str(l, "ARP");
	} else if (pkt->arp_op == ARP_REQUEST) {
		arp_request(pkt, l);
	} else if (pkt->arp_op == ARP_REPLY && addr_equal(&pkt->src.addr, &pkt->dst.addr)) {
		line_str(l, "Gratuitous ARP for ");
		line_addr(l, &pkt->src.addr);
		line_str(l, " (Reply)");
	} else if (pkt->arp_op == ARP_REPLY) {
		line_addr(l, &pkt->src.addr);
		line_str(l, " is at ");
		line_mac(l, &pkt->arp_sender);
	} else {
		line_str(l, "Unknown ARP opcode 0x");
		line_hex(l, pkt->arp_op, 4);
	}
}

/* IEEE 802.1D-2004 §9.2.5: four bits of priority, twelve of system id, the address. */
static void bridge_id(struct rd *r, struct line *l)
{
	uint16_t top = rd_u16(r);
	struct mac mac;

	rd_bytes(r, mac.b, sizeof(mac.b));
	line_u64(l, top & 0xf000);
	line_put(l, "/", 1);
	line_u64(l, top & 0x0fff);
	line_put(l, "/", 1);
	line_mac(l, &mac);
}

static void stp_root(struct rd *r, uint8_t flags, struct line *l)
{
	uint32_t cost;

	if ((flags & BPDU_FLAG_TC) && (flags & BPDU_FLAG_TCA))
		line_str(l, "TC + TCA + ");
	else if (flags & (BPDU_FLAG_TC | BPDU_FLAG_TCA))
		line_str(l, flags & BPDU_FLAG_TC ? "TC + " : "TCA + ");
	line_str(l, "Root = ");
	bridge_id(r, l);
	cost = rd_u32(r);
	rd_skip(r, 8);
	line_str(l, "  Cost = ");
	line_u64(l, cost);
	line_str(l, "  Port = 0x");
	line_hex(l, rd_u16(r), 4);
}

static void info_stp(const struct pkt *pkt, struct info *ret)
{
	uint8_t version, type;
	struct rd r;

	ret->protocol = "STP";
	rd_init(&r, pkt->data + pkt->l3_off + 3, pkt->cap_len - pkt->l3_off - 3);
	rd_skip(&r, 2);
	version = rd_u8(&r);
	type = rd_u8(&r);
	if (!r.err && type == BPDU_TCN) {
		line_str(&ret->text, "Topology Change Notification");
		return;
	}
	if (type != BPDU_CONF && type != BPDU_RST) {
		line_str(&ret->text, "Unknown BPDU type");
		return;
	}
	line_str(&ret->text, type == BPDU_CONF ? "Conf. " : version >= 3 ? "MST. " : "RST. ");
	stp_root(&r, rd_u8(&r), &ret->text);
	if (r.err && !pkt_is_cut(pkt))
		ret->malformed = "BPDU cut short";
}

static void info_llc(const struct pkt *pkt, struct info *ret)
{
	const uint8_t *h = pkt->data + pkt->l3_off;

	if (pkt->cap_len < pkt->l3_off + 3) {
		ret->protocol = "Ethernet";
		line_str(&ret->text, "Ethernet");
		return;
	}
	if (h[0] == LLC_SAP_STP && h[1] == LLC_SAP_STP) {
		info_stp(pkt, ret);
		return;
	}
	ret->protocol = "LLC";
	line_str(&ret->text, "DSAP 0x");
	line_hex(&ret->text, h[0] & 0xfe, 2);
	line_str(&ret->text, ", SSAP 0x");
	line_hex(&ret->text, h[1] & 0xfe, 2);
}

void info_other_link(const struct pkt *pkt, struct info *ret)
{
	struct line name = { .len = 0 };

	if (pkt->ether_type == 0) {
		info_llc(pkt, ret);
		return;
	}
	line_str(&name, "0x");
	line_hex(&name, pkt->ether_type, 4);
	ret->protocol = pkt->ether_type == 0x88cc ? "LLDP" : protocol_intern(name.text);
	line_str(&ret->text, "Ethernet II");
}

const char *protocol_intern(const char *text)
{
	static char names[INTERN_MAX][8];
	static unsigned n;

	for (unsigned i = 0; i < n; i++)
		if (strcmp(names[i], text) == 0)
			return names[i];
	if (n == INTERN_MAX || strlen(text) >= sizeof(names[0]))
		return "Ethernet";
	memcpy(names[n], text, strlen(text) + 1);
	return names[n++];
}
