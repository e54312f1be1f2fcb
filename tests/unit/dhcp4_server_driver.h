/* dhcp4_server_driver.h: a router whose DHCP server is asked on eth0, 10.0.0.1/24, and on eth1,
 * 10.0.1.1/24, where it has no pool. Clients are numbers. */
#ifndef LABD_TESTS_DHCP4_SERVER_DRIVER_H
#define LABD_TESTS_DHCP4_SERVER_DRIVER_H

#include "dhcp4_driver.h"

static const char *const lan_conf = "ip dhcp excluded-address 10.0.0.1 10.0.0.99\n"
				    "ip dhcp ping packets 0\n"
				    "ip dhcp pool LAN\n"
				    " network 10.0.0.0 255.255.255.0\n"
				    " default-router 10.0.0.1\n"
				    " dns-server 10.0.1.10 10.0.1.11\n"
				    " domain-name campus.test\n"
				    " netbios-name-server 10.0.1.20\n"
				    " lease 0 1\n";

static inline void setup(struct drv *d, const char *conf)
{
	drv_init(d, t_proto(), KIND_ROUTER, 2);
	drv_addr(d, 1, "10.0.0.1/24");
	drv_addr(d, 2, "10.0.1.1/24");
	drv_conf(d, conf);
	drv_start(d, "dhcp4.server");
}

static inline void discover(struct drv *d, unsigned n)
{
	struct dhcp4_msg m;

	t_request(&m, DHCP4_DISCOVER, n);
	t_broadcast(d, &m);
}

/* The REQUEST that follows an offer. */
static inline void request(struct drv *d, unsigned n, const char *addr, const char *server)
{
	struct dhcp4_msg m;

	t_request(&m, DHCP4_REQUEST, n);
	t_put_addr(&m, OPT4_REQUESTED, addr);
	if (server)
		t_put_addr(&m, OPT4_SERVER, server);
	t_broadcast(d, &m);
}

static inline void bind_client(struct drv *d, unsigned n, const char *addr)
{
	discover(d, n);
	request(d, n, addr, "10.0.0.1");
	drv_expect_decision(d, "dhcp4.server.bind");
}

/* The next message is an OFFER of this address, because of this rule. */
static inline void expect_offer(struct drv *d, const char *rule, const char *addr)
{
	struct dhcp4_msg m;
	const struct fx_effect *e = t_sent(d, &m);

	assert_string_equal(t_reason(d, e), rule);
	assert_int_equal(m.type, DHCP4_OFFER);
	t_expect_addr(&m.yiaddr, addr);
}

static inline void release(struct drv *d, unsigned n, const char *ciaddr, const char *server)
{
	struct dhcp4_msg m;

	t_request(&m, DHCP4_RELEASE, n);
	m.ciaddr = drv_a(ciaddr);
	if (server)
		t_put_addr(&m, OPT4_SERVER, server);
	t_hear(d, 1, ciaddr, "10.0.0.1", &m);
}

#endif
