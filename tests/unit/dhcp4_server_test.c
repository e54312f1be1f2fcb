#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dhcp4_driver.h"

#include "base/inet.h"

static const char *const lan_conf = "ip dhcp excluded-address 10.0.0.1 10.0.0.99\n"
				    "ip dhcp ping packets 0\n"
				    "ip dhcp pool LAN\n"
				    " network 10.0.0.0 255.255.255.0\n"
				    " default-router 10.0.0.1\n"
				    " dns-server 10.0.1.10 10.0.1.11\n"
				    " domain-name campus.test\n"
				    " netbios-name-server 10.0.1.20\n"
				    " lease 0 1\n";

static void setup(struct drv *d, const char *conf)
{
	drv_init(d, t_proto(), KIND_ROUTER, 2);
	drv_addr(d, 1, "10.0.0.1/24");
	drv_addr(d, 2, "10.0.1.1/24");
	drv_conf(d, conf);
	drv_start(d, "dhcp4.server");
}

static void discover(struct drv *d, unsigned n)
{
	struct dhcp4_msg m;

	t_request(&m, DHCP4_DISCOVER, n);
	t_broadcast(d, &m);
}

/* The REQUEST that follows an offer. */
static void request(struct drv *d, unsigned n, const char *addr, const char *server)
{
	struct dhcp4_msg m;

	t_request(&m, DHCP4_REQUEST, n);
	t_put_addr(&m, OPT4_REQUESTED, addr);
	if (server)
		t_put_addr(&m, OPT4_SERVER, server);
	t_broadcast(d, &m);
}

static void bind_client(struct drv *d, unsigned n, const char *addr)
{
	discover(d, n);
	request(d, n, addr, "10.0.0.1");
	drv_expect_decision(d, "dhcp4.server.bind");
}

/* --- the four messages -------------------------------------------------------------------- */

static void discover_is_offered_a_free_address(void **state)
{
	const struct fx_effect *e;
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	discover(&d, 1);
	drv_expect_decision(&d, "dhcp4.server.dispatch-type");
	drv_expect_decision(&d, "dhcp4.server.config-by-chaddr");
	drv_expect_decision(&d, "dhcp4.server.alloc-dynamic");
	assert_string_equal(drv_value(drv_expect_decision(&d, "dhcp4.server.multihomed"), "by"),
			    "receiving interface");
	e = t_sent(&d, &m);
	assert_string_equal(t_reason(&d, e), "dhcp4.server.offer-available");
	assert_int_equal(m.op, DHCP4_BOOTREPLY);
	assert_int_equal(m.type, DHCP4_OFFER);
	assert_int_equal(m.xid, 1);
	t_expect_addr(&m.yiaddr, "10.0.0.100");
	t_expect_opt_addr(&m, OPT4_SERVER, "10.0.0.1");
	t_expect_opt_addr(&m, OPT4_MASK, "255.255.255.0");
	t_expect_opt_addr(&m, OPT4_ROUTER, "10.0.0.1");
	t_expect_opt_u32(&m, OPT4_LEASE, 3600);
	t_expect_opt_u32(&m, OPT4_T1, 1800);
	t_expect_opt_u32(&m, OPT4_T2, 3150);
	assert_int_equal(dhcp4_get(&m, OPT4_DNS)->len, 8);
	assert_string_equal(
		drv_value(drv_expect_fact(&d, FX_FACT_BEGIN, "dhcp4_lease", "10.0.0.100"), "state"),
		"offered");
	/* Unicast to a client that has no address yet: by its MAC address, UDP 67 to 68. */
	assert_true(e->send.has_mac);
	assert_int_equal(e->send.dst_mac.b[5], 1);
	t_expect_addr(&e->send.dst.addr, "10.0.0.100");
	t_expect_addr(&e->send.src.addr, "10.0.0.1");
	assert_int_equal(e->send.src.port, 67);
	assert_int_equal(e->send.dst.port, 68);
	assert_int_equal(e->send.ifid, 1);
	drv_done(&d);
}

static void the_broadcast_flag_is_honoured(void **state)
{
	const struct fx_effect *e;
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	t_request(&m, DHCP4_DISCOVER, 1);
	m.flags = DHCP4_FLAG_BROADCAST;
	t_broadcast(&d, &m);
	assert_string_equal(
		drv_value(drv_expect_decision(&d, "dhcp4.server.reply-destination"), "how"),
		"broadcast");
	e = t_sent(&d, &m);
	assert_false(e->send.has_mac);
	t_expect_addr(&e->send.dst.addr, "255.255.255.255");
	assert_int_equal(m.flags, DHCP4_FLAG_BROADCAST);
	drv_done(&d);
}

static void request_is_acknowledged_and_bound(void **state)
{
	const struct fx_effect *e;
	struct dhcp4_msg m;
	uint32_t ack_id;
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	discover(&d, 1);
	request(&d, 1, "10.0.0.100", "10.0.0.1");
	e = t_sent(&d, &m);
	ack_id = e->id;
	assert_string_equal(t_reason(&d, e), "dhcp4.server.ack-request");
	assert_int_equal(m.type, DHCP4_ACK);
	t_expect_addr(&m.yiaddr, "10.0.0.100");
	t_expect_opt_u32(&m, OPT4_LEASE, 3600);
	drv_expect_decision(&d, "dhcp4.server.bind");
	e = drv_expect_fact(&d, FX_FACT_BEGIN, "dhcp4_lease", "10.0.0.100");
	assert_string_equal(drv_value(e, "state"), "bound");
	assert_string_equal(drv_value(e, "pool"), "LAN");
	assert_string_equal(drv_value(e, "type"), "dynamic");
	assert_int_equal(val_find(e->fact.columns, "expires")->i, 3600 * SEC);
	assert_true(e->id < ack_id); /* kept before the client hears of it */
	drv_done(&d);
}

/* Only what the client asked for, mask and times besides. */
static void the_parameter_list_is_followed(void **state)
{
	const uint8_t wanted[] = { OPT4_ROUTER, OPT4_NETBIOS };
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	t_request(&m, DHCP4_DISCOVER, 1);
	dhcp4_put(&m, OPT4_PARAMS, wanted, sizeof(wanted));
	t_broadcast(&d, &m);
	drv_expect_decision(&d, "dhcp4.server.netbios");
	t_sent(&d, &m);
	assert_null(dhcp4_get(&m, OPT4_DNS));
	assert_null(dhcp4_get(&m, OPT4_DOMAIN));
	t_expect_opt_addr(&m, OPT4_ROUTER, "10.0.0.1");
	t_expect_opt_addr(&m, OPT4_NETBIOS, "10.0.1.20");
	drv_done(&d);
}

static void identifier_and_relay_information_are_echoed(void **state)
{
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	t_request(&m, DHCP4_DISCOVER, 1);
	m.giaddr = drv_a("10.0.0.9");
	dhcp4_put(&m, OPT4_CLIENT_ID, "\x00pc1", 4);
	dhcp4_put(&m, OPT4_RELAY_INFO, "\x01\x01x", 3);
	t_hear(&d, 2, "10.0.0.9", "10.0.1.1", &m);
	drv_expect_decision(&d, "dhcp4.server.echo-client-id");
	drv_expect_decision(&d, "dhcp4.server.echo-relay-info");
	t_sent(&d, &m);
	assert_memory_equal(dhcp4_get(&m, OPT4_CLIENT_ID)->data, "\x00pc1", 4);
	assert_int_equal(m.opts[m.n_opts - 1].code, OPT4_RELAY_INFO);
	assert_memory_equal(m.opts[m.n_opts - 1].data, "\x01\x01x", 3);
	drv_done(&d);
}

static void a_relayed_request_goes_back_to_the_relay(void **state)
{
	const struct fx_effect *e;
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup(&d, "ip dhcp ping packets 0\nip dhcp pool FAR\n network 192.168.5.0 255.255.255.0\n");
	t_request(&m, DHCP4_DISCOVER, 1);
	m.giaddr = drv_a("192.168.5.1");
	m.hops = 1;
	t_hear(&d, 2, "192.168.5.1", "10.0.1.1", &m);
	assert_string_equal(drv_value(drv_expect_decision(&d, "dhcp4.server.multihomed"), "by"),
			    "giaddr");
	drv_expect_decision(&d, "dhcp4.transport.relay-port");
	e = t_sent(&d, &m);
	t_expect_addr(&m.yiaddr, "192.168.5.2");
	t_expect_addr(&e->send.dst.addr, "192.168.5.1");
	assert_int_equal(e->send.dst.port, 67);
	t_expect_opt_addr(&m, OPT4_SERVER, "10.0.1.1");
	t_expect_addr(&m.giaddr, "192.168.5.1");
	drv_done(&d);
}

/* --- which address ------------------------------------------------------------------------ */

static const char *offered(struct drv *d, char out[static ADDR_TEXT_LEN], const char *rule)
{
	struct dhcp4_msg m;
	const struct fx_effect *e = t_sent(d, &m);

	assert_string_equal(t_reason(d, e), rule);
	assert_int_equal(m.type, DHCP4_OFFER);
	return addr_format(&m.yiaddr, out);
}

static void a_client_keeps_its_address(void **state)
{
	char addr[ADDR_TEXT_LEN];
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	bind_client(&d, 1, "10.0.0.100");
	bind_client(&d, 2, "10.0.0.101");
	discover(&d, 1);
	assert_string_equal(offered(&d, addr, "dhcp4.server.offer-existing-lease"), "10.0.0.100");
	/* Another offer does not shorten the lease. */
	drv_expect_none(&d, FX_FACT_BEGIN);
	drv_timer_until(&d, 120 * SEC);
	drv_expect_no_decision(&d, "dhcp4.server.offer-hold-expiry");
	drv_timer_until(&d, 3600 * SEC);
	drv_expect_decision(&d, "dhcp4.server.lease-expiry");
	assert_string_equal(
		drv_value(drv_expect_fact(&d, FX_FACT_BEGIN, "dhcp4_lease", "10.0.0.100"), "state"),
		"expired");
	discover(&d, 2);
	assert_string_equal(offered(&d, addr, "dhcp4.server.offer-previous"), "10.0.0.101");
	drv_done(&d);
}

static void the_requested_address_is_granted_if_it_can_be(void **state)
{
	static const struct {
		const char *wanted, *given, *rule, *also;
	} rows[] = {
		{ "10.0.0.200", "10.0.0.200", "dhcp4.server.grant-last-ip", NULL },
		{ "10.0.0.50", "10.0.0.101", "dhcp4.server.offer-available",
		  "dhcp4.specific-address-excluded" },
		{ "10.0.0.100", "10.0.0.101", "dhcp4.server.offer-available",
		  "dhcp4.server.unique-address" },
		{ "10.0.0.1", "10.0.0.101", "dhcp4.server.offer-available", NULL },
		{ "10.0.0.255", "10.0.0.101", "dhcp4.server.offer-available", NULL },
		{ "10.9.9.9", "10.0.0.101", "dhcp4.server.offer-available", NULL },
	};
	char addr[ADDR_TEXT_LEN];
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		setup(&d, lan_conf);
		bind_client(&d, 1, "10.0.0.100");
		t_request(&m, DHCP4_DISCOVER, 2);
		t_put_addr(&m, OPT4_REQUESTED, rows[i].wanted);
		t_broadcast(&d, &m);
		if (rows[i].also)
			drv_expect_decision(&d, rows[i].also);
		assert_string_equal(offered(&d, addr, rows[i].rule), rows[i].given);
		drv_done(&d);
	}
}

static void one_address_serves_one_of_three_clients(void **state)
{
	char addr[ADDR_TEXT_LEN];
	struct drv d;

	(void)state;
	setup(&d, "ip dhcp excluded-address 10.0.0.1 10.0.0.99\n"
		  "ip dhcp excluded-address 10.0.0.101 10.0.0.254\n"
		  "ip dhcp ping packets 0\n"
		  "ip dhcp pool ONE\n network 10.0.0.0 /24\n lease 0 0 10\n");
	bind_client(&d, 1, "10.0.0.100");
	for (unsigned n = 2; n <= 3; n++) {
		discover(&d, n);
		drv_expect_decision(&d, "dhcp4.server.drop-pool-exhausted");
		drv_expect_none(&d, FX_SEND);
	}
	/* The one that has it is answered all the same, and keeps it by renewing. */
	discover(&d, 1);
	assert_string_equal(offered(&d, addr, "dhcp4.server.offer-existing-lease"), "10.0.0.100");
	drv_timer_until(&d, 600 * SEC);
	drv_expect_decision(&d, "dhcp4.server.lease-expiry");
	discover(&d, 2);
	assert_string_equal(offered(&d, addr, "dhcp4.server.offer-available"), "10.0.0.100");
	discover(&d, 3);
	drv_expect_decision(&d, "dhcp4.server.drop-pool-exhausted");
	/* Client 2 never asks for it: after the hold client 3 gets its turn. */
	drv_timer_until(&d, 660 * SEC);
	drv_expect_decision(&d, "dhcp4.server.offer-hold-expiry");
	drv_expect_fact(&d, FX_FACT_END, "dhcp4_lease", "10.0.0.100");
	discover(&d, 3);
	assert_string_equal(offered(&d, addr, "dhcp4.server.offer-available"), "10.0.0.100");
	request(&d, 1, "10.0.0.100", NULL);
	drv_expect_decision(&d, "dhcp4.server.nak-reassigned");
	drv_done(&d);
}

static void our_own_address_is_never_offered(void **state)
{
	char addr[ADDR_TEXT_LEN];
	struct drv d;

	(void)state;
	setup(&d, "ip dhcp ping packets 0\nip dhcp pool LAN\n network 10.0.0.0 /30\n");
	discover(&d, 1);
	assert_string_equal(offered(&d, addr, "dhcp4.server.offer-available"), "10.0.0.2");
	discover(&d, 2);
	drv_expect_decision(&d, "dhcp4.server.drop-pool-exhausted");
	drv_done(&d);
}

static void without_a_pool_it_is_silent(void **state)
{
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	t_request(&m, DHCP4_DISCOVER, 1);
	t_hear(&d, 2, "0.0.0.0", "255.255.255.255", &m);
	drv_expect_decision(&d, "dhcp4.server.drop-no-pool-for-subnet");
	t_request(&m, DHCP4_DISCOVER, 1);
	m.giaddr = drv_a("172.16.0.1");
	t_hear(&d, 2, "172.16.0.1", "10.0.1.1", &m);
	drv_expect_decision(&d, "dhcp4.server.drop-no-pool-for-subnet");
	drv_expect_none(&d, FX_SEND);
	drv_done(&d);
}

/* --- manual and automatic allocation, BOOTP ------------------------------------------------- */

static const char *const manual_conf = "ip dhcp ping packets 0\n"
				       "ip dhcp pool LAN\n"
				       " network 10.0.0.0 255.255.255.0\n"
				       " default-router 10.0.0.1\n"
				       " lease infinite\n"
				       "ip dhcp pool PRINTER\n"
				       " host 10.0.0.7 255.255.255.0\n"
				       " hardware-address 0200.0000.0007\n"
				       " client-name printer\n"
				       " bootfile /boot/printer.img\n"
				       " next-server 10.0.0.1\n"
				       "ip dhcp pool BYID\n"
				       " host 10.0.0.8\n"
				       " client-identifier 0102.0000.0000.08\n";

static void a_manual_binding_comes_first(void **state)
{
	char addr[ADDR_TEXT_LEN];
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup(&d, manual_conf);
	discover(&d, 7);
	drv_expect_decision(&d, "dhcp4.static-first");
	assert_string_equal(offered(&d, addr, "dhcp4.server.alloc-manual"), "10.0.0.7");
	request(&d, 7, "10.0.0.7", "10.0.0.1");
	t_sent(&d, &m);
	assert_int_equal(m.type, DHCP4_ACK);
	t_expect_opt_u32(&m, OPT4_LEASE, DHCP4_INFINITE);
	t_expect_opt_addr(&m, OPT4_MASK, "255.255.255.0");
	t_expect_opt_addr(&m, OPT4_ROUTER, "10.0.0.1"); /* of the network around it */
	assert_string_equal(m.file, "/boot/printer.img");
	t_expect_addr(&m.siaddr, "10.0.0.1");
	assert_int_equal(dhcp4_get(&m, OPT4_HOSTNAME)->len, 7);
	discover(&d, 7);
	assert_string_equal(offered(&d, addr, "dhcp4.server.offer-existing-lease"), "10.0.0.7");
	/* By identifier, sent or made of type and address. */
	discover(&d, 8);
	assert_string_equal(offered(&d, addr, "dhcp4.server.alloc-manual"), "10.0.0.8");
	/* Another address than its own is refused. */
	request(&d, 7, "10.0.0.9", "10.0.0.1");
	drv_expect_decision(&d, "dhcp4.server.nak-reassigned");
	drv_done(&d);
}

static void automatic_allocation_is_for_ever(void **state)
{
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup(&d, manual_conf);
	discover(&d, 1);
	drv_expect_decision(&d, "dhcp4.server.alloc-automatic");
	request(&d, 1, "10.0.0.2", "10.0.0.1");
	t_sent(&d, &m);
	t_expect_opt_u32(&m, OPT4_LEASE, DHCP4_INFINITE);
	assert_null(dhcp4_get(&m, OPT4_T1));
	assert_string_equal(
		drv_value(drv_expect_fact(&d, FX_FACT_BEGIN, "dhcp4_lease", "10.0.0.2"), "type"),
		"automatic");
	assert_true(drv_deadline(&d) == NEVER);
	/* The manual addresses are never given to others. */
	for (unsigned n = 10; n < 20; n++) {
		discover(&d, n);
		t_sent(&d, &m);
		assert_true(m.yiaddr.b[3] != 7 && m.yiaddr.b[3] != 8 && m.yiaddr.b[3] != 1);
	}
	drv_done(&d);
}

static void a_bootp_client_is_served_from_the_table(void **state)
{
	const struct fx_effect *e;
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup(&d, manual_conf);
	t_request(&m, DHCP4_NO_TYPE, 7);
	t_broadcast(&d, &m);
	drv_expect_decision(&d, "dhcp4.server.bootp-compat");
	drv_expect_decision(&d, "bootp.server.lookup");
	e = t_sent(&d, &m);
	assert_string_equal(t_reason(&d, e), "bootp.server.reply");
	assert_int_equal(m.type, DHCP4_NO_TYPE);
	assert_null(dhcp4_get(&m, OPT4_LEASE));
	assert_null(dhcp4_get(&m, OPT4_SERVER));
	t_expect_addr(&m.yiaddr, "10.0.0.7");
	t_expect_addr(&m.siaddr, "10.0.0.1");
	assert_string_equal(m.sname, "dut");
	assert_string_equal(m.file, "/boot/printer.img");
	t_expect_opt_addr(&m, OPT4_ROUTER, "10.0.0.1");
	assert_int_equal(e->send.len, DHCP4_LEN_MIN);
	e = drv_expect_fact(&d, FX_FACT_BEGIN, "dhcp4_lease", "10.0.0.7");
	assert_string_equal(drv_value(e, "type"), "bootp");
	/* A client without vendor options, and its operating system with an identifier later on. */
	t_request(&m, DHCP4_NO_TYPE, 7);
	m.cookie = false;
	t_broadcast(&d, &m);
	drv_expect_decision(&d, "bootp.server.reply");
	t_request(&m, DHCP4_DISCOVER, 7);
	dhcp4_put(&m, OPT4_CLIENT_ID, "\x00os", 3);
	t_broadcast(&d, &m);
	drv_expect_decision(&d, "dhcp4.server.alloc-manual");
	t_request(&m, DHCP4_NO_TYPE, 99);
	t_broadcast(&d, &m);
	drv_expect_decision(&d, "bootp.server.drop-unknown-mac");
	drv_expect_none(&d, FX_SEND);
	drv_done(&d);
}

/* --- the probe ---------------------------------------------------------------------------- */

static const char *const probe_conf = "ip dhcp excluded-address 10.0.0.1 10.0.0.99\n"
				      "ip dhcp pool LAN\n network 10.0.0.0 /24\n";

/* The answer to an echo request. */
static void echo_reply(struct drv *d, const struct fx_effect *e)
{
	uint8_t icmp[64];
	struct ep from = e->send.dst;

	memcpy(icmp, e->send.data, e->send.len);
	icmp[0] = 0;
	drv_datagram(d, T_ICMP_SOCK, from, drv_ep("10.0.0.1", 0), 1, icmp, e->send.len);
}

static void silence_is_followed_by_the_offer(void **state)
{
	const struct fx_effect *e;
	char addr[ADDR_TEXT_LEN];
	struct drv d;

	(void)state;
	setup(&d, probe_conf);
	discover(&d, 1);
	drv_expect_decision(&d, "dhcp4.server.probe-address");
	assert_int_equal(drv_next_bind(&d)->bind.kind, SOCK_ICMP);
	e = drv_next_send(&d);
	t_expect_addr(&e->send.dst.addr, "10.0.0.100");
	assert_int_equal(inet_sum_fold(inet_sum(0, e->send.data, e->send.len)), 0);
	drv_expect_none(&d, FX_FACT_BEGIN);
	/* Asking again meanwhile changes nothing. */
	discover(&d, 1);
	drv_expect_decision(&d, "dhcp4.server.probe-running");
	drv_timer_until(&d, 500 * MSEC);
	assert_string_equal(drv_value(drv_expect_decision(&d, "dhcp4.server.probe-address"), "n"),
			    "2");
	drv_timer_until(&d, 1000 * MSEC);
	assert_string_equal(offered(&d, addr, "dhcp4.server.offer-available"), "10.0.0.100");
	/* It is the second DISCOVER's doing, though time brought it. */
	assert_int_equal(drv_expect_decision(&d, "dhcp4.server.offer-available")->decide.cause, 2);
	assert_int_equal(drv_count(&d, FX_CLOSE), 1);
	/* The held offer is not probed again. */
	discover(&d, 1);
	assert_string_equal(offered(&d, addr, "dhcp4.server.offer-existing-lease"), "10.0.0.100");
	drv_done(&d);
}

static void an_address_that_answers_is_a_conflict(void **state)
{
	const struct fx_effect *e;
	char addr[ADDR_TEXT_LEN];
	struct drv d;

	(void)state;
	setup(&d, probe_conf);
	discover(&d, 1);
	e = drv_next_send(&d);
	echo_reply(&d, e);
	drv_expect_decision(&d, "dhcp4.server.probe-before-offer");
	drv_expect_decision(&d, "dhcp4.rogue-static");
	e = drv_expect_fact(&d, FX_FACT_BEGIN, "dhcp4_conflict", "10.0.0.100");
	assert_string_equal(drv_value(e, "method"), "ping");
	t_expect_addr(&drv_next_send(&d)->send.dst.addr, "10.0.0.101");
	drv_timer_until(&d, 2 * SEC);
	assert_string_equal(offered(&d, addr, "dhcp4.server.offer-available"), "10.0.0.101");
	/* It is requested all the same: refused. */
	request(&d, 2, "10.0.0.100", "10.0.0.1");
	drv_expect_decision(&d, "dhcp4.server.nak-reassigned");
	drv_command(&d, "show ip dhcp conflict");
	drv_expect_output(&d, "10.0.0.100        Ping               Jan 01 2026 08:00 AM");
	drv_command(&d, "clear ip dhcp conflict 10.0.0.100");
	drv_expect_fact(&d, FX_FACT_END, "dhcp4_conflict", "10.0.0.100");
	discover(&d, 3);
	drv_timer_until(&d, 4 * SEC);
	assert_string_equal(offered(&d, addr, "dhcp4.server.offer-available"), "10.0.0.100");
	drv_done(&d);
}

static void strangers_echo_replies_are_ignored(void **state)
{
	uint8_t icmp[8] = { 0 };
	struct drv d;

	(void)state;
	setup(&d, probe_conf);
	discover(&d, 1);
	for (size_t len = 0; len <= sizeof(icmp); len++) {
		drv_datagram(&d, T_ICMP_SOCK, drv_ep("10.0.0.100", 0), drv_ep("10.0.0.1", 0), 1,
			     icmp, len);
		drv_expect_no_decision(&d, "dhcp4.server.probe-before-offer");
	}
	drv_done(&d);
}

static void unlogged_conflicts_are_forgotten_after_a_while(void **state)
{
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup(&d, "no ip dhcp conflict logging\nip dhcp pool LAN\n network 10.0.0.0 /24\n");
	assert_string_equal(
		drv_value(drv_expect_decision(&d, "dhcp4.ios.conflict-logging"), "what"),
		"not logged");
	discover(&d, 1);
	echo_reply(&d, drv_next_send(&d));
	drv_expect_decision(&d, "dhcp4.server.probe-before-offer");
	drv_expect_no_decision(&d, "dhcp4.rogue-static");
	assert_null(drv_fact(&d, FX_FACT_BEGIN, "dhcp4_conflict", NULL));
	drv_command(&d, "show ip dhcp conflict");
	assert_null(strstr(drv_output(&d), "10.0.0.2"));
	drv_timer_until(&d, 700 * SEC);
	t_request(&m, DHCP4_DISCOVER, 5);
	t_put_addr(&m, OPT4_REQUESTED, "10.0.0.2");
	t_broadcast(&d, &m);
	drv_timer_until(&d, 702 * SEC);
	drv_expect_decision(&d, "dhcp4.server.grant-last-ip");
	drv_done(&d);
}

/* --- requests in every state ---------------------------------------------------------------- */

static void another_server_was_chosen(void **state)
{
	char addr[ADDR_TEXT_LEN];
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	discover(&d, 1);
	request(&d, 1, "10.0.0.33", "10.0.0.2");
	drv_expect_decision(&d, "dhcp4.server.request-other-server");
	drv_expect_fact(&d, FX_FACT_END, "dhcp4_lease", "10.0.0.100");
	drv_expect_none(&d, FX_SEND);
	discover(&d, 2);
	assert_string_equal(offered(&d, addr, "dhcp4.server.offer-available"), "10.0.0.100");
	drv_done(&d);
}

static void a_withdrawn_offer_of_an_old_lease_is_remembered(void **state)
{
	char addr[ADDR_TEXT_LEN];
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	bind_client(&d, 1, "10.0.0.100");
	drv_timer_until(&d, 3600 * SEC);
	discover(&d, 1);
	request(&d, 1, "10.0.0.33", "10.0.0.2");
	assert_string_equal(
		drv_value(drv_expect_fact(&d, FX_FACT_BEGIN, "dhcp4_lease", "10.0.0.100"), "state"),
		"expired");
	discover(&d, 1);
	assert_string_equal(offered(&d, addr, "dhcp4.server.offer-previous"), "10.0.0.100");
	drv_timer_until(&d, 3700 * SEC);
	drv_expect_decision(&d, "dhcp4.server.offer-hold-expiry");
	discover(&d, 1);
	assert_string_equal(offered(&d, addr, "dhcp4.server.offer-previous"), "10.0.0.100");
	drv_done(&d);
}

static void init_reboot(void **state)
{
	static const struct {
		unsigned client;
		const char *addr, *rule;
		bool answered;
	} rows[] = {
		{ 1, "10.0.0.100", "dhcp4.server.ack-request", true },
		{ 1, "10.0.0.105", "dhcp4.server.nak-reassigned", true },
		{ 2, "10.0.0.100", "dhcp4.server.nak-reassigned", true },
		{ 2, "10.0.0.105", "dhcp4.server.drop-request-no-record", false },
		{ 1, "192.168.9.9", "dhcp4.server.nak-wrong-subnet", true },
		{ 2, "192.168.9.9", "dhcp4.server.nak-wrong-subnet", true },
	};
	struct drv d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		setup(&d, lan_conf);
		bind_client(&d, 1, "10.0.0.100");
		request(&d, rows[i].client, rows[i].addr, NULL);
		drv_expect_decision(&d, rows[i].rule);
		assert_int_equal(t_count_sent(&d), rows[i].answered);
		drv_done(&d);
	}
}

static void a_server_that_is_not_authoritative_drops(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	drv_conf(&d, "no ip dhcp authoritative\n");
	bind_client(&d, 1, "10.0.0.100");
	request(&d, 2, "10.0.0.100", NULL);
	drv_expect_decision(&d, "dhcp4.server.drop-unavailable-request");
	drv_expect_none(&d, FX_SEND);
	request(&d, 2, "192.168.9.9", NULL);
	drv_expect_decision(&d, "dhcp4.server.drop-unavailable-request");
	drv_expect_none(&d, FX_SEND);
	drv_done(&d);
}

static void a_nak_goes_to_everybody_or_to_the_relay(void **state)
{
	const struct fx_effect *e;
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	t_request(&m, DHCP4_REQUEST, 1);
	t_put_addr(&m, OPT4_REQUESTED, "192.168.9.9");
	dhcp4_put(&m, OPT4_CLIENT_ID, "\x00pc1", 4);
	t_broadcast(&d, &m);
	drv_expect_decision(&d, "dhcp4.server.nak-destination");
	e = t_sent(&d, &m);
	assert_int_equal(m.type, DHCP4_NAK);
	t_expect_addr(&e->send.dst.addr, "255.255.255.255");
	assert_int_equal(addr4_u32(&m.yiaddr), 0);
	assert_int_equal(addr4_u32(&m.ciaddr), 0);
	assert_null(dhcp4_get(&m, OPT4_LEASE));
	assert_non_null(dhcp4_get(&m, OPT4_MESSAGE));
	assert_non_null(dhcp4_get(&m, OPT4_CLIENT_ID));
	t_expect_opt_addr(&m, OPT4_SERVER, "10.0.0.1");

	t_request(&m, DHCP4_REQUEST, 1);
	t_put_addr(&m, OPT4_REQUESTED, "192.168.9.9");
	m.giaddr = drv_a("10.0.0.9");
	t_hear(&d, 2, "10.0.0.9", "10.0.1.1", &m);
	e = t_sent(&d, &m);
	t_expect_addr(&e->send.dst.addr, "10.0.0.9");
	assert_int_equal(e->send.dst.port, 67);
	assert_int_equal(m.flags, DHCP4_FLAG_BROADCAST);
	drv_done(&d);
}

/* RENEWING by unicast, REBINDING by broadcast: ciaddr, no options 50 and 54. */
static void renewal_and_rebinding(void **state)
{
	static const struct {
		unsigned client;
		const char *ciaddr, *dst, *rule;
		bool answered;
	} rows[] = {
		{ 1, "10.0.0.100", "10.0.0.1", "dhcp4.server.renew-ack", true },
		{ 1, "10.0.0.100", "255.255.255.255", "dhcp4.server.rebind-any", true },
		{ 1, "10.0.0.100", "10.0.0.255", "dhcp4.server.rebind-any", true },
		{ 2, "10.0.0.110", "10.0.0.1", "dhcp4.server.drop-request-no-record", false },
		{ 2, "10.0.0.110", "255.255.255.255", "dhcp4.server.drop-request-no-record",
		  false },
		{ 2, "10.0.0.100", "10.0.0.1", "dhcp4.server.nak-reassigned", true },
		{ 2, "192.168.7.7", "10.0.0.1", "dhcp4.server.drop-request-no-record", false },
		{ 2, "192.168.7.7", "255.255.255.255", "dhcp4.server.nak-wrong-subnet", true },
	};
	const struct fx_effect *e;
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		setup(&d, lan_conf);
		bind_client(&d, 1, "10.0.0.100");
		drv_timer_until(&d, 1800 * SEC);
		t_request(&m, DHCP4_REQUEST, rows[i].client);
		m.ciaddr = drv_a(rows[i].ciaddr);
		t_hear(&d, 1, rows[i].ciaddr, rows[i].dst, &m);
		drv_expect_decision(&d, rows[i].rule);
		assert_int_equal(t_count_sent(&d), rows[i].answered);
		if (rows[i].client == 1) {
			e = t_sent(&d, &m);
			drv_expect_decision(&d, "dhcp4.server.reply-to-ciaddr");
			t_expect_addr(&e->send.dst.addr, "10.0.0.100");
			assert_false(e->send.has_mac);
			e = drv_expect_fact(&d, FX_FACT_BEGIN, "dhcp4_lease", "10.0.0.100");
			assert_int_equal(val_find(e->fact.columns, "expires")->i, 5400 * SEC);
			/* The old end has no effect any more. */
			drv_timer_until(&d, 3700 * SEC);
			drv_expect_no_decision(&d, "dhcp4.server.lease-expiry");
		}
		drv_done(&d);
	}
}

/* A renewal that was routed here: the pool is found by ciaddr. */
static void a_routed_renewal_finds_its_pool(void **state)
{
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	bind_client(&d, 1, "10.0.0.100");
	t_request(&m, DHCP4_REQUEST, 1);
	m.ciaddr = drv_a("10.0.0.100");
	t_hear(&d, 2, "10.0.0.100", "10.0.1.1", &m);
	assert_string_equal(drv_value(drv_expect_decision(&d, "dhcp4.server.multihomed"), "by"),
			    "ciaddr");
	drv_expect_decision(&d, "dhcp4.server.renew-ack");
	t_sent(&d, &m);
	t_expect_opt_addr(&m, OPT4_SERVER, "10.0.0.1"); /* one value in all messages of a lease */
	drv_done(&d);
}

static void a_free_address_is_acknowledged_without_an_offer(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	request(&d, 1, "10.0.0.150", "10.0.0.1");
	drv_expect_decision(&d, "dhcp4.server.ack-request");
	drv_expect_decision(&d, "dhcp4.server.bind");
	request(&d, 2, "10.0.0.50", "10.0.0.1"); /* excluded */
	drv_expect_decision(&d, "dhcp4.server.nak-reassigned");
	drv_done(&d);
}

static void a_client_may_ask_for_a_shorter_lease(void **state)
{
	static const struct {
		uint32_t asked, given;
	} rows[] = { { 600, 600 }, { 1, 60 }, { 7200, 3600 }, { DHCP4_INFINITE, 3600 } };
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		setup(&d, lan_conf);
		t_request(&m, DHCP4_DISCOVER, 1);
		dhcp4_put_u32(&m, OPT4_LEASE, rows[i].asked);
		t_broadcast(&d, &m);
		t_sent(&d, &m);
		t_expect_opt_u32(&m, OPT4_LEASE, rows[i].given);
		drv_done(&d);
	}
}

/* --- RELEASE, DECLINE, INFORM ---------------------------------------------------------------- */

static void release(struct drv *d, unsigned n, const char *ciaddr, const char *server)
{
	struct dhcp4_msg m;

	t_request(&m, DHCP4_RELEASE, n);
	m.ciaddr = drv_a(ciaddr);
	if (server)
		t_put_addr(&m, OPT4_SERVER, server);
	t_hear(d, 1, ciaddr, "10.0.0.1", &m);
}

static void release_unbinds(void **state)
{
	char addr[ADDR_TEXT_LEN];
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	bind_client(&d, 1, "10.0.0.100");
	release(&d, 2, "10.0.0.100", "10.0.0.1");
	drv_expect_decision(&d, "dhcp4.server.drop-release-unbound");
	release(&d, 1, "10.0.0.100", "10.0.0.77");
	drv_expect_decision(&d, "dhcp4.server.drop-release-unbound");
	release(&d, 1, "10.0.0.100", NULL);
	drv_expect_decision(&d, "dhcp4.server.drop-release-unbound");
	release(&d, 1, "10.0.0.101", "10.0.0.1");
	drv_expect_decision(&d, "dhcp4.server.drop-release-unbound");
	drv_expect_none(&d, FX_FACT_BEGIN);
	release(&d, 1, "10.0.0.100", "10.0.0.1");
	drv_expect_decision(&d, "dhcp4.server.release-unbind");
	assert_string_equal(
		drv_value(drv_expect_fact(&d, FX_FACT_BEGIN, "dhcp4_lease", "10.0.0.100"), "state"),
		"released");
	drv_expect_none(&d, FX_SEND);
	discover(&d, 1);
	assert_string_equal(offered(&d, addr, "dhcp4.server.offer-previous"), "10.0.0.100");
	drv_done(&d);
}

static void decline(struct drv *d, unsigned n, const char *addr, const char *server)
{
	struct dhcp4_msg m;

	t_request(&m, DHCP4_DECLINE, n);
	t_put_addr(&m, OPT4_REQUESTED, addr);
	t_put_addr(&m, OPT4_SERVER, server);
	t_broadcast(d, &m);
}

static void decline_marks_the_address(void **state)
{
	char addr[ADDR_TEXT_LEN];
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	bind_client(&d, 1, "10.0.0.100");
	decline(&d, 2, "10.0.0.100", "10.0.0.1");
	drv_expect_decision(&d, "dhcp4.server.drop-decline-unbound");
	decline(&d, 1, "10.0.0.100", "10.0.0.2");
	drv_expect_decision(&d, "dhcp4.server.drop-decline-unbound");
	decline(&d, 1, "10.0.0.100", "10.0.0.1");
	drv_expect_decision(&d, "dhcp4.server.decline");
	drv_expect_decision(&d, "dhcp4.rogue-static");
	drv_expect_fact(&d, FX_FACT_END, "dhcp4_lease", "10.0.0.100");
	assert_string_equal(
		drv_value(drv_expect_fact(&d, FX_FACT_BEGIN, "dhcp4_conflict", "10.0.0.100"),
			  "method"),
		"decline");
	drv_expect_none(&d, FX_SEND);
	discover(&d, 1);
	assert_string_equal(offered(&d, addr, "dhcp4.server.offer-available"), "10.0.0.101");
	drv_command(&d, "show ip dhcp conflict");
	drv_expect_output(&d, "10.0.0.100        Gratuitous ARP     ");
	drv_done(&d);
}

static void inform_gets_parameters_only(void **state)
{
	const struct fx_effect *e;
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	bind_client(&d, 1, "10.0.0.100");
	for (int relayed = 0; relayed < 2; relayed++) {
		t_request(&m, DHCP4_INFORM, 1);
		m.ciaddr = drv_a("10.0.0.100");
		if (relayed)
			m.giaddr = drv_a("10.0.0.9");
		t_broadcast(&d, &m);
		e = t_sent(&d, &m);
		assert_string_equal(t_reason(&d, e), "dhcp4.server.inform-ack");
		assert_int_equal(m.type, DHCP4_ACK);
		assert_int_equal(addr4_u32(&m.yiaddr), 0);
		assert_null(dhcp4_get(&m, OPT4_LEASE));
		assert_null(dhcp4_get(&m, OPT4_T1));
		assert_non_null(dhcp4_get(&m, OPT4_DNS));
		t_expect_addr(&e->send.dst.addr, "10.0.0.100");
		assert_int_equal(e->send.dst.port, 68);
		drv_expect_none(&d, FX_FACT_BEGIN);
	}
	/* The lease ends when it would have ended. */
	drv_timer_until(&d, 3600 * SEC);
	drv_expect_decision(&d, "dhcp4.server.lease-expiry");
	t_request(&m, DHCP4_INFORM, 1);
	m.ciaddr = drv_a("10.0.1.50");
	t_hear(&d, 2, "10.0.1.50", "10.0.1.1", &m);
	drv_expect_decision(&d, "dhcp4.server.drop-no-pool-for-subnet");
	drv_done(&d);
}

/* --- what is dropped ---------------------------------------------------------------------- */

static void malformed_and_foreign_messages(void **state)
{
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	drv_datagram(&d, T_SERVER_SOCK, drv_ep("0.0.0.0", 68), drv_ep("255.255.255.255", 67), 1,
		     "hello", 5);
	drv_expect_decision(&d, "dhcp4.server.drop-invalid");
	t_request(&m, DHCP4_REQUEST, 1);
	t_broadcast(&d, &m);
	drv_expect_decision(&d, "dhcp4.server.drop-invalid");
	t_request(&m, DHCP4_INFORM, 1);
	t_broadcast(&d, &m);
	drv_expect_decision(&d, "dhcp4.server.drop-invalid");
	for (int type = DHCP4_OFFER; type <= DHCP4_NAK; type++) {
		if (type != DHCP4_OFFER && type != DHCP4_ACK && type != DHCP4_NAK)
			continue;
		t_request(&m, type, 1);
		t_broadcast(&d, &m);
		drv_expect_decision(&d, "dhcp4.server.drop-server-messages");
		m.op = DHCP4_BOOTREPLY;
		t_broadcast(&d, &m);
		drv_expect_decision(&d, "dhcp4.server.drop-server-messages");
	}
	for (int type = DHCP4_INFORM + 1; type < 256; type += 61) {
		t_request(&m, (enum dhcp4_type)type, 1);
		t_broadcast(&d, &m);
		drv_expect_decision(&d, "dhcp4.server.drop-other-type");
	}
	drv_expect_none(&d, FX_SEND);
	drv_done(&d);
}

static void the_service_can_be_switched_off(void **state)
{
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	drv_init(&d, t_proto(), KIND_SERVER, 1);
	drv_start(&d, "dhcp4.server");
	drv_expect_none(&d, FX_BIND); /* never told about DHCP: the port is free */
	drv_conf(&d, "no service dhcp\n");
	drv_expect_decision(&d, "dhcp4.ios.service");
	assert_int_equal(drv_next_bind(&d)->bind.local.port, 67);
	discover(&d, 1);
	drv_expect_decision(&d, "dhcp4.server.drop-service-disabled");
	t_request(&m, DHCP4_ACK, 1);
	m.op = DHCP4_BOOTREPLY;
	t_broadcast(&d, &m);
	drv_expect_decision(&d, "dhcp4.server.drop-service-disabled");
	drv_done(&d);
}

static void what_the_kernel_refuses_is_told(void **state)
{
	struct drv d;

	(void)state;
	drv_init(&d, t_proto(), KIND_SERVER, 1);
	drv_conf(&d, "service dhcp\n");
	drv_start(&d, "dhcp4.server");
	drv_failed(&d, drv_next_bind(&d), T_SERVER_SOCK, 98);
	drv_expect_decision(&d, "dhcp4.server.refused-by-kernel");
	drv_done(&d);
}

/* --- another life ------------------------------------------------------------------------- */

/* Gives a fact of the window back to the new machine. */
static void restore(struct drv *d, const struct fact_kind *kind, const char *key, const char *addr,
		    unsigned n, const char *state, nsec_t expires)
{
	const struct val columns[] = { V_ADDR("addr", drv_a(addr)),
				       V_MAC("mac", t_mac(n)),
				       V_NULL("client_id"),
				       V_TEXT("hostname", "pc"),
				       V_TEXT("state", state),
				       expires == NEVER ? V_NULL("expires")
							: V_TIME("expires", expires),
				       V_TEXT("pool", "LAN"),
				       V_TEXT("type", "dynamic"),
				       V_ADDR("server", drv_a("10.0.0.1")),
				       V_TEXT("method", "ping"),
				       V_END };

	drv_restore(d, kind, key, columns, 0);
}

static void leases_outlive_a_restart(void **state)
{
	char addr[ADDR_TEXT_LEN];
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	drv_reborn(&d);
	restore(&d, &dhcp4_lease_fact, "10.0.0.100", "10.0.0.100", 1, "bound", 3600 * SEC);
	restore(&d, &dhcp4_lease_fact, "10.0.0.101", "10.0.0.101", 2, "released", NEVER);
	restore(&d, &dhcp4_lease_fact, "10.0.0.102", "10.0.0.102", 3, "offered", 30 * SEC);
	restore(&d, &dhcp4_conflict_fact, "10.0.0.103", "10.0.0.103", 4, "", NEVER);
	restore(&d, &dhcp4_lease_fact, "10.9.0.1", "10.9.0.1", 5, "bound", 3600 * SEC);
	restore(&d, &dhcp4_lease_fact, "bad", "0.0.0.0", 6, "bound", 3600 * SEC);
	drv_event(&d, (struct ev){ .kind = EV_START });
	drv_timer(&d);
	drv_expect_fact(&d, FX_FACT_END, "dhcp4_lease", "10.9.0.1"); /* its pool is gone */
	request(&d, 1, "10.0.0.100", NULL);
	drv_expect_decision(&d, "dhcp4.server.ack-request");
	discover(&d, 2);
	assert_string_equal(offered(&d, addr, "dhcp4.server.offer-previous"), "10.0.0.101");
	discover(&d, 9);
	assert_string_equal(offered(&d, addr, "dhcp4.server.offer-available"), "10.0.0.104");
	drv_timer_until(&d, 40 * SEC);
	drv_expect_decision(&d, "dhcp4.server.offer-hold-expiry");
	drv_command(&d, "show ip dhcp conflict");
	drv_expect_output(&d, "10.0.0.103");
	drv_done(&d);
}

static void a_removed_pool_ends_its_leases(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	drv_expect_fact(&d, FX_FACT_BEGIN, "dhcp4_pool", "LAN");
	bind_client(&d, 1, "10.0.0.100");
	drv_conf(&d, "ip dhcp pool LAN\n domain-name other.test\n");
	assert_null(drv_fact(&d, FX_FACT_END, "dhcp4_lease", NULL));
	drv_conf(&d, "no ip dhcp pool LAN\nip dhcp pool HALF\n network 10.0.0.0 /26\n");
	drv_expect_fact(&d, FX_FACT_END, "dhcp4_pool", "LAN");
	request(&d, 1, "10.0.0.100", NULL); /* already unknown, though its fact still stands */
	drv_expect_decision(&d, "dhcp4.server.drop-request-no-record");
	drv_timer(&d);
	drv_expect_fact(&d, FX_FACT_END, "dhcp4_lease", "10.0.0.100");
	drv_done(&d);
}

/* --- names in DNS, bindings as a file -------------------------------------------------------- */

static void a_lease_updates_dns(void **state)
{
	const struct fx_effect *e;
	struct dhcp4_msg m;
	uint8_t answer[12] = { 0 };
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	drv_conf(&d, "ip dhcp pool LAN\n update dns\n");
	discover(&d, 1);
	t_request(&m, DHCP4_REQUEST, 1);
	t_put_addr(&m, OPT4_REQUESTED, "10.0.0.100");
	t_put_addr(&m, OPT4_SERVER, "10.0.0.1");
	dhcp4_put_text(&m, OPT4_HOSTNAME, "pc1");
	t_broadcast(&d, &m);
	assert_string_equal(drv_value(drv_expect_decision(&d, "dhcp4.server.dns-update"), "name"),
			    "pc1.campus.test");
	drv_next_send(&d);
	e = drv_next_send(&d);
	t_expect_addr(&e->send.dst.addr, "10.0.1.10");
	assert_int_equal(e->send.dst.port, 53);
	assert_int_equal(((const uint8_t *)e->send.data)[2], 0x28); /* UPDATE */
	assert_int_equal(((const uint8_t *)e->send.data)[9], 2);    /* two records */
	memcpy(answer, e->send.data, 4);
	answer[2] |= 0x80;
	answer[3] = 5;
	drv_timer_until(&d, 3 * SEC);
	drv_expect_decision(&d, "dhcp4.server.dns-update");
	drv_datagram(&d, T_DDNS_SOCK, drv_ep("10.0.1.10", 53), drv_ep("10.0.0.1", 4000), 2, answer,
		     sizeof(answer));
	assert_string_equal(
		drv_value(drv_expect_decision(&d, "dhcp4.server.dns-update-result"), "result"),
		"REFUSED");
	release(&d, 1, "10.0.0.100", "10.0.0.1");
	assert_string_equal(drv_value(drv_expect_decision(&d, "dhcp4.server.dns-update"), "what"),
			    "loses");
	drv_timer_until(&d, 60 * SEC);
	assert_string_equal(
		drv_value(drv_expect_decision(&d, "dhcp4.server.dns-update-result"), "result"),
		"no answer");
	drv_done(&d);
}

static void dns_updates_are_bounded(void **state)
{
	struct dhcp4_msg m;
	char name[16];
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	drv_conf(&d, "ip dhcp pool LAN\n update dns\n");
	for (unsigned n = 1; n <= 33; n++) {
		snprintf(name, sizeof(name), "pc%u", n);
		t_request(&m, DHCP4_REQUEST, n);
		dhcp4_put_u32(&m, OPT4_REQUESTED, 0x0a000063 + n);
		t_put_addr(&m, OPT4_SERVER, "10.0.0.1");
		dhcp4_put_text(&m, OPT4_HOSTNAME, name);
		t_broadcast(&d, &m);
		drv_expect_decision(&d, "dhcp4.server.bind");
	}
	drv_expect_decision(&d, "dhcp4.server.dns-update-busy");
	drv_done(&d);
}

static void bindings_are_written_to_flash(void **state)
{
	struct answer bad = { .err = -28, .why = "no space left" }, good = { 0 };
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	drv_conf(&d, "ip dhcp database flash:/bindings write-delay 10\n");
	drv_expect_decision(&d, "dhcp4.ios.database-agent");
	bind_client(&d, 1, "10.0.0.100");
	drv_expect_none(&d, FX_ASK);
	drv_timer_until(&d, 10 * SEC);
	drv_expect_decision(&d, "dhcp4.server.database-write");
	e = drv_next_ask(&d);
	assert_int_equal(e->ask.ask->file.op, FILE_WRITE);
	assert_string_equal(e->ask.ask->file.path, "bindings");
	assert_non_null(memmem(e->ask.ask->file.data, e->ask.ask->file.len,
			       "10.0.0.100          1     0200.0000.0001  Jan 01 2026 09:00 AM",
			       62));
	drv_answer(&d, e->ask.ask_id, &bad);
	drv_command(&d, "show ip dhcp database");
	drv_expect_output(&d, "no space left");
	drv_expect_output(&d, "Failures  :  1");
	bind_client(&d, 2, "10.0.0.101");
	drv_timer_until(&d, 20 * SEC);
	drv_answer(&d, drv_next_ask(&d)->ask.ask_id, &good);
	drv_command(&d, "show ip dhcp database");
	drv_expect_output(&d, "Last write succeeded");
	drv_done(&d);
}

/* --- commands ----------------------------------------------------------------------------- */

static void show_commands(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	bind_client(&d, 1, "10.0.0.100");
	bind_client(&d, 2, "10.0.0.101");
	drv_command(&d, "show ip dhcp binding");
	drv_expect_decision(&d, "dhcp4.address-roster");
	assert_string_equal(
		drv_output(&d),
		"Bindings from all pools not associated with VRF:\n"
		"IP address          Client-ID/              Lease expiration        Type\n"
		"                    Hardware address/\n"
		"                    User name\n"
		"10.0.0.100          0200.0000.0001          Jan 01 2026 09:00 AM    Automatic\n"
		"10.0.0.101          0200.0000.0002          Jan 01 2026 09:00 AM    Automatic\n");
	drv_command(&d, "show ip dhcp binding 10.0.0.101");
	assert_null(strstr(drv_output(&d), "10.0.0.100"));
	drv_command(&d, "show ip dhcp pool");
	drv_expect_output(&d, " Total addresses                : 155\n"
			      " Leased addresses               : 2\n");
	drv_expect_output(&d, " 10.0.0.102           10.0.0.1         - 10.0.0.254       2\n");
	drv_command(&d, "show ip dhcp pool NONE");
	assert_int_equal(d.status, 1);
	drv_command(&d, "show ip dhcp server statistics");
	drv_expect_output(&d, "Automatic bindings   2\n");
	drv_expect_output(&d, "DHCPDISCOVER         2\n");
	drv_expect_output(&d, "DHCPOFFER            2\n");
	drv_expect_output(&d, "DHCPACK              2\n");
	drv_command(&d, "clear ip dhcp server statistics");
	drv_command(&d, "show ip dhcp server statistics");
	drv_expect_output(&d, "DHCPDISCOVER         0\n");
	drv_done(&d);
}

static void clear_commands(void **state)
{
	char addr[ADDR_TEXT_LEN];
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	for (unsigned n = 1; n <= 3; n++) {
		snprintf(addr, sizeof(addr), "10.0.0.%u", 99 + n);
		bind_client(&d, n, addr);
	}
	drv_command(&d, "clear ip dhcp binding 10.0.0.100");
	assert_int_equal(d.status, 0);
	drv_expect_fact(&d, FX_FACT_END, "dhcp4_lease", "10.0.0.100");
	drv_command(&d, "clear ip dhcp binding 10.0.0.100");
	assert_int_equal(d.status, 1);
	drv_command(&d, "clear ip dhcp binding *");
	assert_int_equal(d.status, -1);
	drv_timer(&d);
	assert_int_equal(d.status, 0);
	assert_int_equal(drv_count(&d, FX_FACT_END), 2);
	drv_command(&d, "clear ip dhcp binding *");
	assert_int_equal(d.status, 0);
	drv_command(&d, "clear ip dhcp conflict *");
	assert_int_equal(d.status, 0);
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(discover_is_offered_a_free_address),
		cmocka_unit_test(the_broadcast_flag_is_honoured),
		cmocka_unit_test(request_is_acknowledged_and_bound),
		cmocka_unit_test(the_parameter_list_is_followed),
		cmocka_unit_test(identifier_and_relay_information_are_echoed),
		cmocka_unit_test(a_relayed_request_goes_back_to_the_relay),
		cmocka_unit_test(a_client_keeps_its_address),
		cmocka_unit_test(the_requested_address_is_granted_if_it_can_be),
		cmocka_unit_test(one_address_serves_one_of_three_clients),
		cmocka_unit_test(our_own_address_is_never_offered),
		cmocka_unit_test(without_a_pool_it_is_silent),
		cmocka_unit_test(a_manual_binding_comes_first),
		cmocka_unit_test(automatic_allocation_is_for_ever),
		cmocka_unit_test(a_bootp_client_is_served_from_the_table),
		cmocka_unit_test(silence_is_followed_by_the_offer),
		cmocka_unit_test(an_address_that_answers_is_a_conflict),
		cmocka_unit_test(strangers_echo_replies_are_ignored),
		cmocka_unit_test(unlogged_conflicts_are_forgotten_after_a_while),
		cmocka_unit_test(another_server_was_chosen),
		cmocka_unit_test(a_withdrawn_offer_of_an_old_lease_is_remembered),
		cmocka_unit_test(init_reboot),
		cmocka_unit_test(a_server_that_is_not_authoritative_drops),
		cmocka_unit_test(a_nak_goes_to_everybody_or_to_the_relay),
		cmocka_unit_test(renewal_and_rebinding),
		cmocka_unit_test(a_routed_renewal_finds_its_pool),
		cmocka_unit_test(a_free_address_is_acknowledged_without_an_offer),
		cmocka_unit_test(a_client_may_ask_for_a_shorter_lease),
		cmocka_unit_test(release_unbinds),
		cmocka_unit_test(decline_marks_the_address),
		cmocka_unit_test(inform_gets_parameters_only),
		cmocka_unit_test(malformed_and_foreign_messages),
		cmocka_unit_test(the_service_can_be_switched_off),
		cmocka_unit_test(what_the_kernel_refuses_is_told),
		cmocka_unit_test(leases_outlive_a_restart),
		cmocka_unit_test(a_removed_pool_ends_its_leases),
		cmocka_unit_test(a_lease_updates_dns),
		cmocka_unit_test(dns_updates_are_bounded),
		cmocka_unit_test(bindings_are_written_to_flash),
		cmocka_unit_test(show_commands),
		cmocka_unit_test(clear_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
