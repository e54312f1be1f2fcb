/* dhcp4_client_driver.h: a host whose eth0 is configured by DHCP, and the server 10.0.0.1 that
 * grants it 10.0.0.100 for an hour. */
#ifndef LABD_TESTS_DHCP4_CLIENT_DRIVER_H
#define LABD_TESTS_DHCP4_CLIENT_DRIVER_H

#include "dhcp4_driver.h"

/* Socket numbers of the first interface that the client uses. */
enum { RAW = 1, UDP = 2, ARP = 3 };

static const struct mac server_mac = { { 2, 0, 0, 0, 9, 9 } };

static inline void setup_kind(struct drv *d, enum device_kind kind, const char *conf)
{
	drv_init(d, t_proto(), kind, 2);
	drv_conf(d, conf);
	drv_start(d, "dhcp4.client");
}

static inline void setup(struct drv *d, const char *more)
{
	drv_init(d, t_proto(), KIND_PC, 2);
	drv_conf(d, "interface eth0\n ip address dhcp\n");
	drv_conf(d, more);
	drv_start(d, "dhcp4.client");
}

/* A server's reply to this message of the client. */
static inline void reply_to(const struct dhcp4_msg *to, struct dhcp4_msg *m, enum dhcp4_type type)
{
	dhcp4_init(m, DHCP4_BOOTREPLY, type);
	m->htype = 1;
	m->hlen = 6;
	m->xid = to->xid;
	memcpy(m->chaddr, to->chaddr, sizeof(m->chaddr));
}

/* As the server 10.0.0.1 grants 10.0.0.100 for an hour. */
static inline void grant(const struct dhcp4_msg *to, struct dhcp4_msg *m, enum dhcp4_type type)
{
	reply_to(to, m, type);
	m->yiaddr = drv_a("10.0.0.100");
	t_put_addr(m, OPT4_SERVER, "10.0.0.1");
	t_put_addr(m, OPT4_MASK, "255.255.255.0");
	t_put_addr(m, OPT4_ROUTER, "10.0.0.1");
	t_put_addr(m, OPT4_DNS, "10.0.1.10");
	dhcp4_put_text(m, OPT4_DOMAIN, "campus.test");
	dhcp4_put_u32(m, OPT4_LEASE, 3600);
}

static inline void hear_on(struct drv *d, uint32_t sock, struct mac dst, const struct dhcp4_msg *m)
{
	uint8_t bytes[DHCP4_LEN_MAX];
	int len = dhcp4_encode(m, bytes, sizeof(bytes), NULL);

	assert_true(len > 0);
	drv_frame(d, sock, drv_ep("10.0.0.1", 67), drv_ep("255.255.255.255", 68), 1, server_mac,
		  dst, bytes, (size_t)len);
}

static inline void hear(struct drv *d, const struct dhcp4_msg *m)
{
	hear_on(d, RAW, d->ifaces[0].mac, m);
}

/* From the DISCOVER in the window to the ACK; the last message the client sent comes back in m. */
static inline void up_to_ack(struct drv *d, struct dhcp4_msg *m)
{
	struct dhcp4_msg r;

	t_sent(d, m);
	assert_int_equal(m->type, DHCP4_DISCOVER);
	grant(m, &r, DHCP4_OFFER);
	hear(d, &r);
	t_sent(d, m);
	assert_int_equal(m->type, DHCP4_REQUEST);
	grant(m, &r, DHCP4_ACK);
	hear(d, &r);
}

/* A PC that holds 10.0.0.100 from time 1 s on. */
static inline void bound(struct drv *d)
{
	struct dhcp4_msg m;

	setup(d, "");
	up_to_ack(d, &m);
	drv_timer_until(d, 1 * SEC);
	drv_expect_decision(d, "dhcp4.client.ack-configure");
	drv_addr(d, 1, "10.0.0.100/24");
}

#endif
