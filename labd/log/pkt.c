#include "labd/log/pkt.h"

#include <errno.h>
#include <string.h>

enum {
	ETH_TYPE_MIN = 0x0600, /* below: an 802.3 length */
	ETH_TYPE_VLAN = 0x8100,
	ETH_TYPE_QINQ = 0x88a8,
	VLAN_TAG_LEN = 4,
	IP6_HDR_LEN = 40,
	IP6_EXT_MAX = 8, /* extension headers followed; more are hostile */
	EXT_HOP_BY_HOP = 0,
	EXT_ROUTING = 43,
	EXT_FRAGMENT = 44,
	EXT_AUTH = 51,
	EXT_DEST = 60,
	TCP_HDR_LEN = 20,
	ICMP_HDR_LEN = 8,
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/* n octets at off, or NULL. When the frame itself is that short, it is malformed; when only the
 * capture is, it is not. */
static const uint8_t *need(struct pkt *pkt, uint32_t off, uint32_t n, const char *why)
{
	if (off <= pkt->cap_len && n <= pkt->cap_len - off)
		return pkt->data + off;
	if (!pkt->malformed && (off > pkt->len || n > pkt->len - off))
		pkt->malformed = why;
	return NULL;
}

static void set_payload(struct pkt *pkt, uint32_t off, uint32_t len)
{
	uint32_t have = off < pkt->cap_len ? pkt->cap_len - off : 0;

	pkt->payload_off = off;
	pkt->payload_len = len;
	pkt->payload_cap = have < len ? have : len;
}

/* The sum over the transport header and payload, when all of it is there. */
static void check_l4_sum(struct pkt *pkt, uint8_t proto)
{
	if (pkt->fragment || pkt->l4_off + pkt->l4_len > pkt->cap_len)
		return;
	if (proto == IPPROTO_NUM_ICMP) {
		uint32_t sum = inet_sum(0, pkt->data + pkt->l4_off, pkt->l4_len);

		pkt->l4_sum = inet_sum_fold(sum) == 0 ? SUM_OK : SUM_BAD;
		return;
	}
	pkt->l4_sum = inet_l4_sum(&pkt->src.addr, &pkt->dst.addr, proto, pkt->data + pkt->l4_off,
				  pkt->l4_len) == 0
			      ? SUM_OK
			      : SUM_BAD;
}

static void parse_udp(struct pkt *pkt)
{
	const uint8_t *h = need(pkt, pkt->l4_off, UDP_HDR_LEN, "UDP header cut short");
	uint32_t len;

	if (!h)
		return;
	pkt->has_ports = true;
	pkt->src.port = get16(h);
	pkt->dst.port = get16(h + 2);
	len = get16(h + 4);
	pkt->checksum = get16(h + 6);
	if (pkt->l4_len < UDP_HDR_LEN || len < UDP_HDR_LEN ||
	    (!pkt->fragment && len > pkt->l4_len)) {
		pkt->malformed = "UDP length does not fit the IP packet";
		len = pkt->l4_len < UDP_HDR_LEN ? UDP_HDR_LEN : pkt->l4_len;
	} else if (!pkt->fragment) {
		pkt->l4_len = len;
	}
	/* The first fragment tells the whole datagram's length and holds a part of it. */
	set_payload(pkt, pkt->l4_off + UDP_HDR_LEN, len - UDP_HDR_LEN);
	if (pkt->l4_len >= UDP_HDR_LEN && pkt->payload_cap > pkt->l4_len - UDP_HDR_LEN)
		pkt->payload_cap = pkt->l4_len - UDP_HDR_LEN;
	/* RFC 768: zero means that the sender made none; RFC 8200 §8.1 forbids that in IPv6. */
	if (pkt->checksum != 0 || pkt->ip_version == 6)
		check_l4_sum(pkt, IPPROTO_NUM_UDP);
}

static void parse_tcp(struct pkt *pkt)
{
	const uint8_t *h = need(pkt, pkt->l4_off, TCP_HDR_LEN, "TCP header cut short");
	uint32_t hdr_len;

	if (!h)
		return;
	pkt->has_ports = true;
	pkt->src.port = get16(h);
	pkt->dst.port = get16(h + 2);
	pkt->seq = get32(h + 4);
	pkt->ack = get32(h + 8);
	hdr_len = (uint32_t)(h[12] >> 4) * 4;
	pkt->tcp_flags = h[13];
	pkt->window = get16(h + 14);
	pkt->checksum = get16(h + 16);
	if (hdr_len < TCP_HDR_LEN || hdr_len > pkt->l4_len) {
		pkt->malformed = "TCP header length out of range";
		hdr_len = TCP_HDR_LEN;
		if (pkt->l4_len < TCP_HDR_LEN)
			return;
	}
	pkt->tcp_hdr_len = (uint8_t)hdr_len;
	set_payload(pkt, pkt->l4_off + hdr_len, pkt->l4_len - hdr_len);
	check_l4_sum(pkt, IPPROTO_NUM_TCP);
}

static void parse_icmp(struct pkt *pkt, uint8_t proto)
{
	const uint8_t *h = need(pkt, pkt->l4_off, 4, "ICMP header cut short");

	if (!h)
		return;
	pkt->icmp_type = h[0];
	pkt->icmp_code = h[1];
	pkt->checksum = get16(h + 2);
	if (pkt->l4_len < ICMP_HDR_LEN) {
		pkt->malformed = "ICMP message cut short";
		return;
	}
	set_payload(pkt, pkt->l4_off + ICMP_HDR_LEN, pkt->l4_len - ICMP_HDR_LEN);
	check_l4_sum(pkt, proto);
}

static void parse_l4(struct pkt *pkt)
{
	set_payload(pkt, pkt->l4_off, pkt->l4_len);
	if (pkt->frag_off != 0)
		return;
	if (pkt->ip_proto == IPPROTO_NUM_UDP)
		parse_udp(pkt);
	else if (pkt->ip_proto == IPPROTO_NUM_TCP)
		parse_tcp(pkt);
	else if (pkt->ip_proto == (pkt->ip_version == 6 ? IPPROTO_NUM_ICMP6 : IPPROTO_NUM_ICMP))
		parse_icmp(pkt, pkt->ip_proto);
}

/* `total` is what the IP header claims; the frame may be longer (padding), never shorter. */
static void set_l4(struct pkt *pkt, uint32_t off, uint32_t total)
{
	if (pkt->l3_off + total > pkt->len) {
		pkt->malformed = "IP length exceeds the frame";
		total = pkt->len - pkt->l3_off;
	}
	pkt->l4_off = off;
	pkt->l4_len = pkt->l3_off + total > off ? pkt->l3_off + total - off : 0;
}

static void addr_from(struct addr *a, uint8_t family, const uint8_t *p)
{
	a->family = family;
	memcpy(a->b, p, family == 6 ? 16 : 4);
}

/* Everything of an IPv4 header but what depends on the frame around it. Its length, or 0. */
static uint32_t read_ip4(struct pkt *pkt, const uint8_t *h)
{
	uint32_t hdr_len = (uint32_t)(h[0] & 0x0f) * 4;
	uint16_t frag = get16(h + 6);

	if (h[0] >> 4 != 4 || hdr_len < IP4_HDR_LEN) {
		pkt->malformed = "IPv4 header length out of range";
		return 0;
	}
	pkt->ip_version = 4;
	pkt->tos = h[1];
	pkt->ip_id = get16(h + 4);
	pkt->frag_off = (uint16_t)((frag & 0x1fff) * 8);
	pkt->fragment = (frag & 0x3fff) != 0;
	pkt->ttl = h[8];
	pkt->ip_proto = h[9];
	addr_from(&pkt->src.addr, 4, h + 12);
	addr_from(&pkt->dst.addr, 4, h + 16);
	return hdr_len;
}

static void parse_ip4(struct pkt *pkt)
{
	const uint8_t *h = need(pkt, pkt->l3_off, IP4_HDR_LEN, "IPv4 header cut short");
	uint32_t hdr_len, total;

	if (!h)
		return;
	hdr_len = read_ip4(pkt, h);
	if (hdr_len == 0)
		return;
	total = get16(h + 2);
	if (total < hdr_len) {
		pkt->malformed = "IPv4 total length below the header's";
		return;
	}
	if (need(pkt, pkt->l3_off, hdr_len, "IPv4 header cut short"))
		pkt->ip_sum = inet_sum_fold(inet_sum(0, h, hdr_len)) == 0 ? SUM_OK : SUM_BAD;
	set_l4(pkt, pkt->l3_off + hdr_len, total);
	parse_l4(pkt);
}

/* Past the extension headers from `off` on; sets ip_proto and the fragment's place (RFC 8200 §4).
 * Where the transport header begins. */
static uint32_t skip_ip6_ext(struct pkt *pkt, uint8_t next, uint32_t off)
{
	for (unsigned i = 0; i < IP6_EXT_MAX; i++) {
		const uint8_t *h;
		uint32_t len;

		if (next != EXT_HOP_BY_HOP && next != EXT_ROUTING && next != EXT_FRAGMENT &&
		    next != EXT_DEST && next != EXT_AUTH)
			break;
		h = need(pkt, off, 8, "IPv6 extension header cut short");
		if (!h)
			break;
		len = next == EXT_AUTH ? ((uint32_t)h[1] + 2) * 4 : ((uint32_t)h[1] + 1) * 8;
		if (next == EXT_FRAGMENT) {
			len = 8;
			pkt->frag_off = get16(h + 2) & 0xfff8;
			pkt->fragment = (get16(h + 2) & 0xfff9) != 0;
			pkt->ip_id = get32(h + 4);
		}
		next = h[0];
		off += len;
		if (pkt->frag_off != 0)
			break;
	}
	pkt->ip_proto = next;
	return off;
}

static uint32_t read_ip6(struct pkt *pkt, const uint8_t *h)
{
	if (h[0] >> 4 != 6) {
		pkt->malformed = "not IPv6 by its version";
		return 0;
	}
	pkt->ip_version = 6;
	pkt->tos = (uint8_t)(get16(h) >> 4);
	pkt->ttl = h[7];
	addr_from(&pkt->src.addr, 6, h + 8);
	addr_from(&pkt->dst.addr, 6, h + 24);
	return skip_ip6_ext(pkt, h[6], pkt->l3_off + IP6_HDR_LEN);
}

static void parse_ip6(struct pkt *pkt)
{
	const uint8_t *h = need(pkt, pkt->l3_off, IP6_HDR_LEN, "IPv6 header cut short");
	uint32_t off;

	if (!h)
		return;
	off = read_ip6(pkt, h);
	if (off == 0)
		return;
	set_l4(pkt, off, IP6_HDR_LEN + get16(h + 4));
	parse_l4(pkt);
}

static void parse_arp(struct pkt *pkt)
{
	const uint8_t *h = need(pkt, pkt->l3_off, ARP_LEN, "ARP packet cut short");
	struct arp arp;

	if (!h)
		return;
	if (arp_parse(h, ARP_LEN, &arp) < 0) {
		pkt->malformed = "ARP for other than Ethernet and IPv4";
		return;
	}
	pkt->arp_op = arp.op;
	pkt->arp_sender = arp.sender_mac;
	pkt->arp_target = arp.target_mac;
	pkt->src.addr = arp.sender;
	pkt->dst.addr = arp.target;
	set_payload(pkt, pkt->l3_off, ARP_LEN);
}

static void parse_ethernet(struct pkt *pkt)
{
	const uint8_t *h = need(pkt, 0, ETH_HDR_LEN, "Ethernet header cut short");
	uint16_t type;

	if (!h)
		return;
	memcpy(pkt->dst_mac.b, h, 6);
	memcpy(pkt->src_mac.b, h + 6, 6);
	pkt->l3_off = ETH_HDR_LEN;
	type = get16(h + 12);
	if (type == ETH_TYPE_VLAN || type == ETH_TYPE_QINQ) {
		h = need(pkt, ETH_HDR_LEN, VLAN_TAG_LEN, "VLAN tag cut short");
		if (!h)
			return;
		pkt->vlan = (int16_t)(get16(h) & 0x0fff);
		type = get16(h + 2);
		pkt->l3_off += VLAN_TAG_LEN;
	}
	pkt->ether_type = type >= ETH_TYPE_MIN ? type : 0;
	set_payload(pkt, pkt->l3_off, pkt->len - pkt->l3_off);
}

void pkt_parse(struct pkt *pkt, const uint8_t *data, uint32_t cap_len, uint32_t len)
{
	*pkt = (struct pkt){
		.data = data, .cap_len = cap_len, .len = len < cap_len ? cap_len : len, .vlan = -1
	};
	parse_ethernet(pkt);
	if (pkt->ether_type == ETH_TYPE_IP4)
		parse_ip4(pkt);
	else if (pkt->ether_type == ETH_TYPE_IP6)
		parse_ip6(pkt);
	else if (pkt->ether_type == ETH_TYPE_ARP)
		parse_arp(pkt);
}

static bool is_icmp_error(const struct pkt *pkt)
{
	if (pkt->frag_off != 0)
		return false;
	if (pkt->ip_version == 4 && pkt->ip_proto == IPPROTO_NUM_ICMP) /* RFC 792 */
		return pkt->icmp_type == 3 || pkt->icmp_type == 4 || pkt->icmp_type == 5 ||
		       pkt->icmp_type == 11 || pkt->icmp_type == 12;
	/* RFC 4443 §2.1: errors are the types below 128. */
	return pkt->ip_version == 6 && pkt->ip_proto == IPPROTO_NUM_ICMP6 && pkt->icmp_type < 128;
}

/* RFC 792 quotes 8 octets of the transport header, RFC 1812 as much as fits: ports, and for UDP
 * and ICMP the checksum. */
static void read_quoted_l4(struct pkt *q)
{
	const uint8_t *h = q->data + q->l4_off;

	if (q->frag_off != 0)
		return;
	if (q->ip_proto == IPPROTO_NUM_UDP || q->ip_proto == IPPROTO_NUM_TCP) {
		q->has_ports = true;
		q->src.port = get16(h);
		q->dst.port = get16(h + 2);
		if (q->ip_proto == IPPROTO_NUM_TCP) {
			q->seq = get32(h + 4);
			return;
		}
		q->checksum = get16(h + 6);
		q->payload_len = get16(h + 4) >= UDP_HDR_LEN ? get16(h + 4) - UDP_HDR_LEN : 0;
	} else if (q->ip_proto == IPPROTO_NUM_ICMP || q->ip_proto == IPPROTO_NUM_ICMP6) {
		q->icmp_type = h[0];
		q->icmp_code = h[1];
		q->checksum = get16(h + 2);
	}
}

int pkt_quoted(const struct pkt *pkt, struct pkt *ret)
{
	struct pkt q = { .vlan = -1 };
	uint32_t off, min = pkt->ip_version == 6 ? IP6_HDR_LEN : IP4_HDR_LEN;

	if (!is_icmp_error(pkt) || pkt->payload_cap < min + ICMP_HDR_LEN)
		return -ENOENT;
	q.data = pkt->data + pkt->payload_off;
	q.cap_len = pkt->payload_cap;
	q.len = pkt->payload_cap;
	off = pkt->ip_version == 6 ? read_ip6(&q, q.data) : read_ip4(&q, q.data);
	if (off == 0 || off > q.cap_len || q.cap_len - off < ICMP_HDR_LEN)
		return -ENOENT;
	q.l4_off = off;
	q.l4_len = q.cap_len - off;
	q.ether_type = pkt->ether_type;
	read_quoted_l4(&q);
	*ret = q;
	return 0;
}
