#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dhcp4_driver.h"

static const char *const relay_conf = "interface eth0\n"
				      " ip helper-address 10.0.2.10\n"
				      " ip helper-address 10.0.2.11\n";

/* eth0: clients, 10.0.0.1; eth1: towards the servers, 10.0.1.1. */
static void setup(struct drv *d, const char *more)
{
	drv_init(d, t_proto(), KIND_ROUTER, 2);
	drv_addr(d, 1, "10.0.0.1/24");
	drv_addr(d, 2, "10.0.1.1/24");
	drv_conf(d, relay_conf);
	drv_conf(d, more);
	drv_start(d, "dhcp4.server");
}

static void a_request_goes_to_every_helper(void **state)
{
	static const char *const to[] = { "10.0.0.255", "255.255.255.255" };
	const struct fx_effect *e;
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(to); i++) {
		setup(&d, "");
		t_request(&m, DHCP4_DISCOVER, 1);
		t_hear(&d, 1, "0.0.0.0", to[i], &m);
		assert_int_equal(t_count_sent(&d), 2);
		e = t_sent(&d, &m);
		assert_string_equal(t_reason(&d, e), "dhcp4.relay.forward");
		t_expect_addr(&m.giaddr, "10.0.0.1");
		assert_int_equal(m.hops, 1);
		assert_int_equal(m.xid, 1);
		t_expect_addr(&e->send.dst.addr, "10.0.2.10");
		assert_int_equal(e->send.dst.port, 67);
		assert_int_equal(e->send.src.port, 67);
		assert_null(dhcp4_get(&m, OPT4_RELAY_INFO));
		t_expect_addr(&t_sent(&d, &m)->send.dst.addr, "10.0.2.11");
		/* No pool here: that is not worth a word when the relay has taken it. */
		drv_expect_no_decision(&d, "dhcp4.server.drop-no-pool-for-subnet");
		drv_done(&d);
	}
}

static void a_helper_may_be_a_broadcast_address(void **state)
{
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	drv_init(&d, t_proto(), KIND_ROUTER, 2);
	drv_addr(&d, 1, "10.0.0.1/24");
	drv_addr(&d, 2, "10.0.1.1/24");
	drv_conf(&d, "interface eth0\n ip helper-address 10.0.1.255\n");
	drv_start(&d, "dhcp4.server");
	t_request(&m, DHCP4_DISCOVER, 1);
	t_broadcast(&d, &m);
	assert_int_equal(t_sent(&d, &m)->send.ifid, 2);
	drv_done(&d);
}

static void another_relays_giaddr_is_kept(void **state)
{
	const struct fx_effect *e;
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup(&d, "ip dhcp relay information option\nip dhcp relay information policy keep\n");
	t_request(&m, DHCP4_DISCOVER, 1);
	m.giaddr = drv_a("172.16.0.1");
	m.hops = 3;
	dhcp4_put(&m, OPT4_RELAY_INFO, "\x01\x01x", 3);
	t_hear(&d, 1, "172.16.0.1", "10.0.0.1", &m);
	e = t_sent(&d, &m);
	assert_string_equal(t_reason(&d, e), "dhcp4.relay.keep-giaddr");
	t_expect_addr(&m.giaddr, "172.16.0.1");
	assert_int_equal(m.hops, 4);
	assert_memory_equal(dhcp4_get(&m, OPT4_RELAY_INFO)->data, "\x01\x01x", 3);
	drv_done(&d);
}

static void loops_end(void **state)
{
	static const struct {
		const char *conf;
		uint8_t hops;
		bool dropped;
	} rows[] = {
		{ "", 16, false },
		{ "", 17, true },
		{ "", 255, true },
		{ "ip dhcp relay max-hops 4\n", 4, false },
		{ "ip dhcp relay max-hops 4\n", 5, true },
	};
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		setup(&d, rows[i].conf);
		t_request(&m, DHCP4_DISCOVER, 1);
		m.hops = rows[i].hops;
		t_broadcast(&d, &m);
		if (rows[i].dropped)
			drv_expect_decision(&d, "dhcp4.relay.drop-hops");
		assert_int_equal(t_count_sent(&d), rows[i].dropped ? 0 : 2);
		drv_done(&d);
	}
}

static void option_82_is_added_and_taken_off(void **state)
{
	const struct fx_effect *e;
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup(&d, "ip dhcp relay information option\n");
	t_request(&m, DHCP4_DISCOVER, 1);
	t_broadcast(&d, &m);
	drv_expect_value(&d, "dhcp4.relay.info-option", "what", "adds");
	t_sent(&d, &m);
	assert_memory_equal(dhcp4_get(&m, OPT4_RELAY_INFO)->data,
			    "\x01\x04"
			    "eth0\x02\x06\x02\x00\x00\x00\x00\x01",
			    14);
	/* The server's answer, with the option as it was. */
	m.op = DHCP4_BOOTREPLY;
	m.yiaddr = drv_a("10.0.0.50");
	t_hear(&d, 2, "10.0.2.10", "10.0.0.1", &m);
	e = t_sent(&d, &m);
	assert_string_equal(t_reason(&d, e), "dhcp4.relay.to-client");
	assert_null(dhcp4_get(&m, OPT4_RELAY_INFO));
	drv_done(&d);
}

static void policies_for_an_option_that_is_there(void **state)
{
	static const struct {
		const char *conf, *rule;
		const char *info; /* what is sent on; NULL = nothing */
	} rows[] = {
		{ "ip dhcp relay information option\n"
		  "ip dhcp relay information trust-all\n"
		  "ip dhcp relay information policy drop\n",
		  "dhcp4.relay.drop-info-policy", NULL },
		{ "ip dhcp relay information option\n"
		  "ip dhcp relay information trust-all\n"
		  "ip dhcp relay information policy replace\n",
		  "dhcp4.relay.info-option", "\x01\x04" },
		{ "ip dhcp relay information option\n"
		  "ip dhcp relay information trust-all\n"
		  "ip dhcp relay information policy keep\n",
		  "dhcp4.relay.forward", "\x09\x01" },
		{ "", "dhcp4.relay.drop-untrusted-info", NULL },
		{ "ip dhcp relay information trust-all\n", "dhcp4.relay.forward", "\x09\x01" },
	};
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		setup(&d, rows[i].conf);
		t_request(&m, DHCP4_DISCOVER, 1);
		dhcp4_put(&m, OPT4_RELAY_INFO, "\x09\x01x", 3);
		t_broadcast(&d, &m);
		drv_expect_decision(&d, rows[i].rule);
		assert_int_equal(t_count_sent(&d), rows[i].info ? 2 : 0);
		if (rows[i].info) {
			t_sent(&d, &m);
			assert_memory_equal(dhcp4_get(&m, OPT4_RELAY_INFO)->data, rows[i].info, 2);
		}
		drv_done(&d);
	}
}

static void replies_reach_the_client(void **state)
{
	static const struct {
		uint16_t flags;
		const char *yiaddr, *ciaddr, *dst;
		bool has_mac;
	} rows[] = {
		{ 0, "10.0.0.50", "0.0.0.0", "10.0.0.50", true },
		{ DHCP4_FLAG_BROADCAST, "10.0.0.50", "0.0.0.0", "255.255.255.255", false },
		{ 0, "0.0.0.0", "0.0.0.0", "255.255.255.255", false },
		{ 0, "0.0.0.0", "10.0.0.51", "10.0.0.51", true },
	};
	const struct fx_effect *e;
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		setup(&d, "");
		t_request(&m, DHCP4_ACK, 1);
		m.op = DHCP4_BOOTREPLY;
		m.flags = rows[i].flags;
		m.giaddr = drv_a("10.0.0.1");
		m.yiaddr = drv_a(rows[i].yiaddr);
		m.ciaddr = drv_a(rows[i].ciaddr);
		t_hear(&d, 2, "10.0.2.10", "10.0.0.1", &m);
		drv_expect_decision(&d, "dhcp4.relay.to-client");
		e = t_sent(&d, &m);
		t_expect_addr(&e->send.dst.addr, rows[i].dst);
		assert_int_equal(e->send.dst.port, 68);
		assert_int_equal(e->send.ifid, 1);
		assert_int_equal(e->send.has_mac, rows[i].has_mac);
		t_expect_addr(&e->send.src.addr, "10.0.0.1");
		drv_done(&d);
	}
}

static void replies_for_strangers_are_dropped(void **state)
{
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup(&d, "");
	t_request(&m, DHCP4_ACK, 1);
	m.op = DHCP4_BOOTREPLY;
	m.giaddr = drv_a("10.9.9.9");
	t_hear(&d, 2, "10.0.2.10", "10.0.1.1", &m);
	drv_expect_decision(&d, "dhcp4.relay.drop-unknown-giaddr");
	drv_expect_none(&d, FX_SEND);
	drv_done(&d);
}

static void an_interface_without_address_cannot_relay(void **state)
{
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	drv_init(&d, t_proto(), KIND_ROUTER, 1);
	drv_conf(&d, relay_conf);
	drv_start(&d, "dhcp4.server");
	t_request(&m, DHCP4_DISCOVER, 1);
	t_broadcast(&d, &m);
	drv_expect_decision(&d, "dhcp4.relay.drop-no-address");
	drv_expect_none(&d, FX_SEND);
	drv_done(&d);
}

/* Unicast to this device is for its own server; an interface without helpers relays nothing. */
static void what_is_not_relayed(void **state)
{
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup(&d, "ip dhcp ping packets 0\nip dhcp pool LAN\n network 10.0.0.0 /24\n");
	t_request(&m, DHCP4_REQUEST, 1);
	m.ciaddr = drv_a("10.0.0.77");
	t_hear(&d, 1, "10.0.0.77", "10.0.0.1", &m);
	drv_expect_no_decision(&d, "dhcp4.relay.forward");
	drv_expect_decision(&d, "dhcp4.server.drop-request-no-record");
	t_request(&m, DHCP4_DISCOVER, 1);
	t_hear(&d, 2, "0.0.0.0", "255.255.255.255", &m);
	drv_expect_no_decision(&d, "dhcp4.relay.forward");
	/* With a pool of its own the device does both. */
	t_request(&m, DHCP4_DISCOVER, 1);
	t_broadcast(&d, &m);
	drv_expect_decision(&d, "dhcp4.relay.forward");
	drv_expect_decision(&d, "dhcp4.server.offer-available");
	drv_done(&d);
}

static void the_service_switch_stops_the_relay_too(void **state)
{
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup(&d, "no service dhcp\n");
	t_request(&m, DHCP4_DISCOVER, 1);
	t_broadcast(&d, &m);
	drv_expect_decision(&d, "dhcp4.server.drop-service-disabled");
	drv_expect_none(&d, FX_SEND);
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_goes_to_every_helper),
		cmocka_unit_test(a_helper_may_be_a_broadcast_address),
		cmocka_unit_test(another_relays_giaddr_is_kept),
		cmocka_unit_test(loops_end),
		cmocka_unit_test(option_82_is_added_and_taken_off),
		cmocka_unit_test(policies_for_an_option_that_is_there),
		cmocka_unit_test(replies_reach_the_client),
		cmocka_unit_test(replies_for_strangers_are_dropped),
		cmocka_unit_test(an_interface_without_address_cannot_relay),
		cmocka_unit_test(what_is_not_relayed),
		cmocka_unit_test(the_service_switch_stops_the_relay_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
