#include "labd/log/info.h"

static const char *ip_proto_name(uint8_t proto)
{
	switch (proto) {
	case 1:
		return "ICMP";
	case 2:
		return "IGMP";
	case 6:
		return "TCP";
	case 17:
		return "UDP";
	case 41:
		return "IPv6";
	case 47:
		return "GRE";
	case 50:
		return "ESP";
	case 51:
		return "AH";
	case 58:
		return "ICMPv6";
	case 88:
		return "EIGRP";
	case 89:
		return "OSPF";
	case 103:
		return "PIM";
	case 112:
		return "VRRP";
	case 132:
		return "SCTP";
	default:
		return NULL;
	}
}

static void info_fragment(const struct pkt *pkt, struct info *ret)
{
	struct line *l = &ret->text;
	const char *name = ip_proto_name(pkt->ip_proto);

	ret->protocol = pkt->ip_version == 6 ? "IPv6" : "IPv4";
	line_str(l,
		 pkt->ip_version == 6 ? "IPv6 fragment (nxt=" : "Fragmented IP protocol (proto=");
	if (name) {
		line_str(l, name);
		line_put(l, " ", 1);
	}
	line_u64(l, pkt->ip_proto);
	line_str(l, ", off=");
	line_u64(l, pkt->frag_off);
	line_str(l, ", ID=");
	line_hex(l, pkt->ip_id, pkt->ip_version == 6 ? 8 : 4);
	line_str(l, ")");
}

static void info_other_ip(const struct pkt *pkt, struct info *ret)
{
	const char *name = ip_proto_name(pkt->ip_proto);

	ret->protocol = name ? name : pkt->ip_version == 6 ? "IPv6" : "IPv4";
	line_str(&ret->text, name ? name : "Protocol");
	line_str(&ret->text, " (");
	line_u64(&ret->text, pkt->ip_proto);
	line_str(&ret->text, ")");
}

static void info_ip(struct apps *a, const struct pkt *pkt, struct flow *flow,
		    const struct tcp_seen *tcp, int64_t now_ns, struct info *ret)
{
	if (pkt->fragment) {
		info_fragment(pkt, ret);
	} else if (pkt->has_ports) {
		if (info_app(a, pkt, flow, tcp, now_ns, ret))
			return;
		if (pkt->ip_proto == IPPROTO_NUM_UDP)
			info_udp(pkt, ret);
		else
			info_tcp(pkt, tcp, ret);
	} else if (pkt->ip_version == 4 && pkt->ip_proto == IPPROTO_NUM_ICMP) {
		info_icmp(pkt, ret);
	} else if (pkt->ip_version == 6 && pkt->ip_proto == IPPROTO_NUM_ICMP6) {
		info_icmp6(pkt, ret);
	} else if (pkt->ip_version == 4 && pkt->ip_proto == IPPROTO_NUM_IGMP) {
		info_igmp(pkt, ret);
	} else {
		info_other_ip(pkt, ret);
	}
}

void pkt_info(struct apps *a, const struct pkt *pkt, struct flow *flow, const struct tcp_seen *tcp,
	      int64_t now_ns, struct info *ret)
{
	static const struct tcp_seen nothing;

	ret->malformed = NULL;
	ret->codec = NULL;
	line_reset(&ret->text);
	if (pkt->ip_version != 0) {
		info_ip(a, pkt, flow, tcp ? tcp : &nothing, now_ns, ret);
	} else if (pkt->ether_type == ETH_TYPE_ARP) {
		info_arp(pkt, ret);
	} else if (pkt->ether_type == ETH_TYPE_IP4 || pkt->ether_type == ETH_TYPE_IP6) {
		ret->protocol = pkt->ether_type == ETH_TYPE_IP4 ? "IPv4" : "IPv6";
	} else {
		info_other_link(pkt, ret);
	}
	if (!ret->malformed)
		ret->malformed = pkt->malformed;
	if (ret->malformed)
		line_str(&ret->text, "[Malformed Packet]");
	else if (pkt_is_cut(pkt) && ret->text.len == 0)
		line_str(&ret->text, "[Packet size limited during capture]");
}
