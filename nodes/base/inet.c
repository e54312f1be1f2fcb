#include "base/inet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/cur.h"

enum {
	IP4_MORE_FRAGMENTS = 0x2000,
	IP4_OFFSET_MASK = 0x1fff,
	DEFAULT_TTL = 64,
	ARP_HW_ETHERNET = 1,
};

/* Eight octets at a time, in this machine's order: the sum of swapped words is the swapped sum (RFC
 * 1071 §1.2B). Returns how many octets it took. */
static size_t sum_wide(const uint8_t *p, size_t len, uint64_t *sum)
{
	uint64_t low = 0, high = 0, word, all;
	size_t i;

	for (i = 0; i + sizeof(word) <= len; i += sizeof(word)) {
		memcpy(&word, p + i, sizeof(word));
		low += (uint32_t)word;
		high += word >> 32;
	}
	for (all = low + high; all >> 16;)
		all = (all & 0xffff) + (all >> 16);
	*sum += ntohs((uint16_t)all);
	return i;
}

uint32_t inet_sum(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t wide = sum;
	size_t i = sum_wide(p, len, &wide);

	for (; i + 1 < len; i += 2)
		wide += (uint32_t)p[i] << 8 | p[i + 1];
	if (i < len)
		wide += (uint32_t)p[i] << 8;
	while (wide >> 32)
		wide = (wide & 0xffffffff) + (wide >> 32);
	return (uint32_t)wide;
}

uint16_t inet_sum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* RFC 768 and RFC 9293 §3.1 for IPv4; RFC 8200 §8.1 for IPv6: the same sum, since only the widths
 * of the fields differ. */
static uint32_t pseudo_sum(const struct addr *src, const struct addr *dst, uint8_t proto,
			   size_t len)
{
	size_t addr_len = src->family == 6 ? 16 : 4;
	uint32_t sum = inet_sum(0, src->b, addr_len);

	sum = inet_sum(sum, dst->b, addr_len);
	return sum + proto + (uint32_t)(len >> 16) + (uint32_t)(len & 0xffff);
}

/* RFC 768: a computed sum of zero goes out as all ones. */
static uint16_t udp_nonzero(uint16_t sum)
{
	return sum == 0 ? 0xffff : sum;
}

uint16_t inet_l4_sum(const struct addr *src, const struct addr *dst, uint8_t proto,
		     const void *segment, size_t len)
{
	uint32_t sum = inet_sum(pseudo_sum(src, dst, proto, len), segment, len);

	return inet_sum_fold(sum);
}

uint16_t inet_udp_sum(const struct ep *src, const struct ep *dst, const void *payload, size_t len)
{
	size_t udp_len = UDP_HDR_LEN + len;
	uint32_t sum = pseudo_sum(&src->addr, &dst->addr, IPPROTO_NUM_UDP, udp_len);

	sum += (uint32_t)src->port + dst->port + (uint32_t)(udp_len & 0xffff);
	return udp_nonzero(inet_sum_fold(inet_sum(sum, payload, len)));
}

static void write_ip4(struct wr *w, const struct udp_frame *f, size_t total_len)
{
	size_t at = wr_len(w);

	wr_u8(w, 0x45);
	wr_u8(w, 0);
	wr_u16(w, (uint16_t)total_len);
	wr_u16(w, f->ip_id);
	wr_u16(w, 0);
	wr_u8(w, f->ttl ? f->ttl : DEFAULT_TTL);
	wr_u8(w, IPPROTO_NUM_UDP);
	wr_u16(w, 0);
	wr_bytes(w, f->src.addr.b, 4);
	wr_bytes(w, f->dst.addr.b, 4);
	if (!w->err)
		wr_patch_u16(w, at + 10, inet_sum_fold(inet_sum(0, w->start + at, IP4_HDR_LEN)));
}

int udp_frame_build(const struct udp_frame *f, void *buf, size_t size)
{
	size_t total_len = IP4_HDR_LEN + UDP_HDR_LEN + f->payload_len;
	struct wr w;

	if (f->payload_len > UINT16_MAX - IP4_HDR_LEN - UDP_HDR_LEN)
		return -ENOBUFS;
	wr_init(&w, buf, size);
	wr_bytes(&w, f->dst_mac.b, 6);
	wr_bytes(&w, f->src_mac.b, 6);
	wr_u16(&w, ETH_TYPE_IP4);
	write_ip4(&w, f, total_len);
	wr_u16(&w, f->src.port);
	wr_u16(&w, f->dst.port);
	wr_u16(&w, (uint16_t)(UDP_HDR_LEN + f->payload_len));
	wr_u16(&w, inet_udp_sum(&f->src, &f->dst, f->payload, f->payload_len));
	wr_bytes(&w, f->payload, f->payload_len);
	return w.err ? -ENOBUFS : (int)wr_len(&w);
}

static int bad(const char **ret_why, const char *why)
{
	*ret_why = why;
	return -EBADMSG;
}

/* On success *ret_ip is limited to the IP payload: Ethernet may have padded the frame. */
static int parse_ip4(struct rd *r, struct udp_frame *f, struct rd *ret_ip, const char **ret_why)
{
	const uint8_t *start = r->p;
	uint8_t version_ihl = rd_u8(r);
	size_t header_len = (size_t)(version_ihl & 15) * 4;
	size_t total_len;
	uint16_t fragment;

	rd_skip(r, 1);
	total_len = rd_u16(r);
	f->ip_id = rd_u16(r);
	fragment = rd_u16(r);
	f->ttl = rd_u8(r);
	if (rd_u8(r) != IPPROTO_NUM_UDP && !r->err)
		return bad(ret_why, "the IP protocol is not UDP");
	rd_skip(r, 2);
	f->src.addr = f->dst.addr = (struct addr){ .family = 4 };
	rd_bytes(r, f->src.addr.b, 4);
	rd_bytes(r, f->dst.addr.b, 4);
	if (r->err)
		return bad(ret_why, "shorter than an IP header");
	if (version_ihl >> 4 != 4 || header_len < IP4_HDR_LEN)
		return bad(ret_why, "bad IP version or header length");
	if (total_len < header_len || total_len > (size_t)(r->end - start))
		return bad(ret_why, "bad IP total length");
	if (inet_sum_fold(inet_sum(0, start, header_len)) != 0)
		return bad(ret_why, "bad IP header checksum");
	if (fragment & (IP4_MORE_FRAGMENTS | IP4_OFFSET_MASK))
		return bad(ret_why, "an IP fragment");
	rd_init(ret_ip, start + header_len, total_len - header_len);
	return 0;
}

static int parse_udp(struct rd *r, struct udp_frame *f, const char **ret_why)
{
	size_t ip_len = rd_left(r);
	uint16_t len, sum;

	f->src.port = rd_u16(r);
	f->dst.port = rd_u16(r);
	len = rd_u16(r);
	sum = rd_u16(r);
	if (r->err)
		return bad(ret_why, "shorter than a UDP header");
	if (len < UDP_HDR_LEN || len > ip_len)
		return bad(ret_why, "bad UDP length");
	if (sum != 0 &&
	    inet_l4_sum(&f->src.addr, &f->dst.addr, IPPROTO_NUM_UDP, r->start, len) != 0)
		return bad(ret_why, "bad UDP checksum");
	f->payload_len = len - UDP_HDR_LEN;
	f->payload = rd_view(r, f->payload_len);
	return 0;
}

int udp_frame_parse(const void *frame, size_t len, struct udp_frame *ret, const char **ret_why)
{
	struct udp_frame f = { 0 };
	struct rd r, ip;
	uint16_t type;
	int err;

	rd_init(&r, frame, len);
	rd_bytes(&r, f.dst_mac.b, 6);
	rd_bytes(&r, f.src_mac.b, 6);
	type = rd_u16(&r);
	if (r.err)
		return bad(ret_why, "shorter than an Ethernet header");
	if (type != ETH_TYPE_IP4)
		return bad(ret_why, "not IPv4");
	err = parse_ip4(&r, &f, &ip, ret_why);
	if (err == 0)
		err = parse_udp(&ip, &f, ret_why);
	if (err == 0)
		*ret = f;
	return err;
}

void arp_build(const struct arp *a, uint8_t out[static ARP_LEN])
{
	struct wr w;

	wr_init(&w, out, ARP_LEN);
	wr_u16(&w, ARP_HW_ETHERNET);
	wr_u16(&w, ETH_TYPE_IP4);
	wr_u8(&w, 6);
	wr_u8(&w, 4);
	wr_u16(&w, a->op);
	wr_bytes(&w, a->sender_mac.b, 6);
	wr_bytes(&w, a->sender.b, 4);
	wr_bytes(&w, a->target_mac.b, 6);
	wr_bytes(&w, a->target.b, 4);
}

int arp_parse(const void *data, size_t len, struct arp *ret)
{
	struct arp a = { .sender.family = 4, .target.family = 4 };
	bool ethernet_ip4;
	struct rd r;

	rd_init(&r, data, len);
	ethernet_ip4 = rd_u16(&r) == ARP_HW_ETHERNET;
	ethernet_ip4 &= rd_u16(&r) == ETH_TYPE_IP4;
	ethernet_ip4 &= rd_u16(&r) == (6 << 8 | 4);
	a.op = rd_u16(&r);
	rd_bytes(&r, a.sender_mac.b, 6);
	rd_bytes(&r, a.sender.b, 4);
	rd_bytes(&r, a.target_mac.b, 6);
	rd_bytes(&r, a.target.b, 4);
	if (r.err || !ethernet_ip4)
		return -EBADMSG;
	*ret = a;
	return 0;
}
