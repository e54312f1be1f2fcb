/* --- the messages of a typical session (RFC 2131 figures; client 00:05:3c:04:8d:59) -------- */
#ifndef LABD_TESTS_DHCP4_VECTORS_H
#define LABD_TESTS_DHCP4_VECTORS_H

#include "base/cur.h"
#include "dhcp4/dhcp4_wire.h"

static const uint8_t vector_chaddr[6] = { 0x00, 0x05, 0x3c, 0x04, 0x8d, 0x59 };

struct vector {
	const char *name;
	uint8_t op;
	uint8_t yiaddr[4];
	uint8_t options[32];
	size_t options_len;
	const char *info;
};

/* clang-format off */
static const struct vector vectors[] = {
	{ "discover", 1, { 0 }, { 53, 1, 1, 50, 4, 192, 168, 1, 100, 255 }, 10,
	  "DHCP Discover - Transaction ID 0x3903f326" },
	{ "offer", 2, { 192, 168, 1, 100 },
	  { 53, 1, 2, 1, 4, 255, 255, 255, 0, 3, 4, 192, 168, 1, 1, 51, 4, 0, 1, 0x51, 0x80,
	    54, 4, 192, 168, 1, 1, 255 }, 28,
	  "DHCP Offer    - Transaction ID 0x3903f326" },
	{ "request", 1, { 0 },
	  { 53, 1, 3, 50, 4, 192, 168, 1, 100, 54, 4, 192, 168, 1, 1, 255 }, 16,
	  "DHCP Request  - Transaction ID 0x3903f326" },
	{ "ack", 2, { 192, 168, 1, 100 },
	  { 53, 1, 5, 1, 4, 255, 255, 255, 0, 3, 4, 192, 168, 1, 1, 51, 4, 0, 1, 0x51, 0x80,
	    54, 4, 192, 168, 1, 1, 255 }, 28,
	  "DHCP ACK      - Transaction ID 0x3903f326" },
};
/* clang-format on */

static inline size_t vector_bytes(const struct vector *v, uint8_t out[static DHCP4_LEN_MIN])
{
	static const uint8_t head[] = { 0x00, 0x01, 0x06, 0x00, 0x39, 0x03, 0xf3, 0x26 };
	static const uint8_t cookie[] = { 99, 130, 83, 99 };

	memset(out, 0, DHCP4_LEN_MIN);
	memcpy(out, head, sizeof(head));
	out[0] = v->op;
	memcpy(out + 16, v->yiaddr, 4);
	memcpy(out + 28, vector_chaddr, sizeof(vector_chaddr));
	memcpy(out + 236, cookie, sizeof(cookie));
	memcpy(out + 240, v->options, v->options_len);
	return DHCP4_LEN_MIN;
}

/* Builds the same message with the functions that the machines use. */
static inline void vector_build(const struct vector *v, struct dhcp4_msg *m)
{
	const struct addr server = addr4(192, 168, 1, 1), client = addr4(192, 168, 1, 100),
			  mask = addr4(255, 255, 255, 0);

	dhcp4_init(m, v->op, v->options[2]);
	m->htype = 1;
	m->hlen = 6;
	m->xid = 0x3903f326;
	memcpy(m->chaddr, vector_chaddr, sizeof(vector_chaddr));
	if (v->op == DHCP4_BOOTREPLY) {
		m->yiaddr = client;
		dhcp4_put_addr(m, OPT4_MASK, &mask);
		dhcp4_put_addrs(m, OPT4_ROUTER, &server, 1);
		dhcp4_put_u32(m, OPT4_LEASE, 86400);
	} else {
		dhcp4_put_addr(m, OPT4_REQUESTED, &client);
	}
	if (m->type != DHCP4_DISCOVER)
		dhcp4_put_addr(m, OPT4_SERVER, &server);
}

#endif
