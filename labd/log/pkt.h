/* pkt.h: one captured frame, taken apart as far as its headers go.
 *
 *   frame -> pkt_parse() -> struct pkt -> flow (flow.h) -> pkt_info() (info.h)
 *
 * Everything points into the frame, which the caller owns and keeps as long as the struct pkt.
 * Frames are hostile: nothing is read beyond cap_len, lengths in headers are only believed after
 * they were compared. What a header lacks stays zero, and `malformed` says what was wrong (a static
 * text, NULL = nothing). A frame that the capture cut short is not malformed for that. */
#ifndef LABD_LOG_PKT_H
#define LABD_LOG_PKT_H

#include "base/inet.h"
#include "base/types.h"

#define IPPROTO_NUM_IGMP 2
#define PKT_FRAME_MAX	 (65536u + 64u)

enum {
	TCP_FIN = 1,
	TCP_SYN = 2,
	TCP_RST = 4,
	TCP_PSH = 8,
	TCP_ACK = 16,
	TCP_URG = 32,
	TCP_ECE = 64,
	TCP_CWR = 128,
};

enum pkt_sum {
	SUM_UNKNOWN, /* none there, cut short, or a fragment */
	SUM_OK,
	SUM_BAD,
};

struct pkt {
	const uint8_t *data;
	uint32_t len;	  /* on the wire */
	uint32_t cap_len; /* in data */

	struct mac src_mac, dst_mac;
	uint16_t ether_type; /* 0: 802.3, then l3_off is the LLC header's place */
	int16_t vlan;	     /* -1: untagged */
	uint32_t l3_off;

	uint8_t ip_version; /* 0: not IP */
	uint8_t ip_proto;   /* after the extension headers */
	uint8_t ttl, tos;
	bool fragment;	   /* one of several, the first included */
	uint16_t frag_off; /* octets; 0 in the first */
	uint32_t ip_id;
	enum pkt_sum ip_sum;
	struct ep src, dst; /* ports 0 when there are none; ARP: sender and target */

	uint32_t l4_off, l4_len; /* as the IP header says; 0 = no IP */
	bool has_ports;
	uint16_t checksum; /* of TCP, UDP or ICMP as it stands there */
	enum pkt_sum l4_sum;
	uint32_t seq, ack;
	uint16_t window;
	uint8_t tcp_flags;
	uint8_t tcp_hdr_len;
	uint8_t icmp_type, icmp_code;

	uint32_t payload_off;
	uint32_t payload_len; /* on the wire, by the headers, Ethernet padding not counted */
	uint32_t payload_cap; /* how much of it is in data */

	uint16_t arp_op;
	struct mac arp_sender, arp_target;

	const char *malformed;
};

void pkt_parse(struct pkt *pkt, const uint8_t *data, uint32_t cap_len, uint32_t len);
/* The packet that an ICMP error quotes: headers only, ports where the quote has them. 0 or
 * -ENOENT: this is no ICMP error, or too little is quoted. */
int pkt_quoted(const struct pkt *pkt, struct pkt *ret);
/* Was the frame kept whole? */
static inline bool pkt_is_cut(const struct pkt *pkt)
{
	return pkt->cap_len < pkt->len;
}

#endif
