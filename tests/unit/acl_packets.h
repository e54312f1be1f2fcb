/* acl_packets.h: IPv4 packets as a kernel reports them, made by hand. */
#ifndef LABD_TESTS_ACL_PACKETS_H
#define LABD_TESTS_ACL_PACKETS_H

#include "acl/acl_int.h"

#define RAW_ID	     0x1234
#define RAW_CHECKSUM 0xabcd

/* At most the headers: what a packet holds is cut off. */
struct raw {
	uint8_t data[64];
	size_t len;
};

static inline uint32_t raw_addr(const char *text)
{
	struct addr a = { 0 };

	assert_int_equal(addr_parse(text, &a), 0);
	return addr4_u32(&a);
}

static inline struct raw raw_ip(const char *src, const char *dst, uint8_t protocol,
				const uint8_t *next, size_t next_len)
{
	struct raw raw = { 0 };
	struct wr w;

	wr_init(&w, raw.data, sizeof(raw.data));
	wr_u16(&w, 0x4500);
	wr_u16(&w, (uint16_t)(20 + next_len));
	wr_u16(&w, RAW_ID);
	wr_u16(&w, 0);
	wr_u8(&w, 64);
	wr_u8(&w, protocol);
	wr_u16(&w, 0);
	wr_u32(&w, raw_addr(src));
	wr_u32(&w, raw_addr(dst));
	wr_bytes(&w, next, next_len);
	assert_false(w.err);
	raw.len = wr_len(&w);
	return raw;
}

/* The total length is that of the whole packet. */
static inline struct raw raw_longer(struct raw raw, size_t payload_len)
{
	size_t total = raw.len + payload_len;

	raw.data[2] = (uint8_t)(total >> 8);
	raw.data[3] = (uint8_t)total;
	return raw;
}

static inline struct raw raw_udp(const char *src, uint16_t src_port, const char *dst,
				 uint16_t dst_port, uint16_t payload_len)
{
	uint8_t next[8];
	struct wr w;

	wr_init(&w, next, sizeof(next));
	wr_u16(&w, src_port);
	wr_u16(&w, dst_port);
	wr_u16(&w, (uint16_t)(8 + payload_len));
	wr_u16(&w, RAW_CHECKSUM);
	return raw_longer(raw_ip(src, dst, 17, next, sizeof(next)), payload_len);
}

static inline struct raw raw_tcp(const char *src, uint16_t src_port, const char *dst,
				 uint16_t dst_port, uint8_t flags, uint16_t payload_len)
{
	uint8_t next[20] = { 0 };
	struct wr w;

	wr_init(&w, next, sizeof(next));
	wr_u16(&w, src_port);
	wr_u16(&w, dst_port);
	wr_zero(&w, 8);
	wr_u8(&w, 0x50);
	wr_u8(&w, flags);
	wr_u16(&w, 1024);
	wr_u16(&w, RAW_CHECKSUM);
	return raw_longer(raw_ip(src, dst, 6, next, sizeof(next)), payload_len);
}

static inline struct raw raw_icmp(const char *src, const char *dst, uint8_t type, uint8_t code,
				  uint16_t payload_len)
{
	uint8_t next[8] = { type, code, RAW_CHECKSUM >> 8, RAW_CHECKSUM & 0xff };

	return raw_longer(raw_ip(src, dst, 1, next, sizeof(next)), payload_len);
}

#endif
