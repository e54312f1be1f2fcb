/* inet.h: Ethernet, ARP, IPv4/IPv6, UDP and ICMP framing, as pure functions over bytes. */
#ifndef LABD_BASE_INET_H
#define LABD_BASE_INET_H

#include "base/types.h"

#define ETH_HDR_LEN	  14
#define ETH_TYPE_IP4	  0x0800
#define ETH_TYPE_ARP	  0x0806
#define ETH_TYPE_IP6	  0x86dd
#define IP4_HDR_LEN	  20
#define UDP_HDR_LEN	  8
#define IPPROTO_NUM_ICMP  1
#define IPPROTO_NUM_TCP	  6
#define IPPROTO_NUM_UDP	  17
#define IPPROTO_NUM_ICMP6 58

/* RFC 1071; `sum` chains partial sums (start with 0), inet_sum_fold() finishes. */
uint32_t inet_sum(uint32_t sum, const void *data, size_t len);
uint16_t inet_sum_fold(uint32_t sum);
/* UDP or TCP checksum over pseudo header and segment (its checksum field counted as it stands:
 * zero it first to compute, leave it to verify, then the result is 0). Never returns 0 for UDP. */
uint16_t inet_l4_sum(const struct addr *src, const struct addr *dst, uint8_t proto,
		     const void *segment, size_t len);
/* The checksum that a UDP datagram with this payload carries. */
uint16_t inet_udp_sum(const struct ep *src, const struct ep *dst, const void *payload, size_t len);

struct udp_frame {
	struct mac src_mac, dst_mac;
	struct ep src, dst;
	uint8_t ttl;
	uint16_t ip_id;
	const uint8_t *payload;
	size_t payload_len;
};

/* Ethernet + IPv4 + UDP. Length written, or -ENOBUFS. */
int udp_frame_build(const struct udp_frame *f, void *buf, size_t size);
/* 0, or -EBADMSG with *ret_why = the check that failed (a static string). Payload points into
 * the frame. Checksums are verified; a zero UDP checksum is accepted (RFC 768). */
int udp_frame_parse(const void *frame, size_t len, struct udp_frame *ret, const char **ret_why);

/* RFC 826 for Ethernet and IPv4. */
#define ARP_LEN	    28
#define ARP_REQUEST 1
#define ARP_REPLY   2
struct arp {
	uint16_t op;
	struct mac sender_mac, target_mac;
	struct addr sender, target;
};
void arp_build(const struct arp *a, uint8_t out[static ARP_LEN]);
int arp_parse(const void *data, size_t len, struct arp *ret); /* 0 or -EBADMSG */

#endif
