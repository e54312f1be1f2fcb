/* The four messages as they go over the wire, and what is dropped. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dhcp4_server_driver.h"

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
	drv_expect_value(&d, "dhcp4.server.multihomed", "by", "receiving interface");
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
	drv_expect_column(&d, "dhcp4_lease", "10.0.0.100", "state", "offered");
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
	drv_expect_value(&d, "dhcp4.server.reply-destination", "how", "broadcast");
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
	drv_expect_value(&d, "dhcp4.server.multihomed", "by", "giaddr");
	drv_expect_decision(&d, "dhcp4.transport.relay-port");
	e = t_sent(&d, &m);
	t_expect_addr(&m.yiaddr, "192.168.5.2");
	t_expect_addr(&e->send.dst.addr, "192.168.5.1");
	assert_int_equal(e->send.dst.port, 67);
	t_expect_opt_addr(&m, OPT4_SERVER, "10.0.1.1");
	t_expect_addr(&m.giaddr, "192.168.5.1");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(discover_is_offered_a_free_address),
		cmocka_unit_test(the_broadcast_flag_is_honoured),
		cmocka_unit_test(request_is_acknowledged_and_bound),
		cmocka_unit_test(the_parameter_list_is_followed),
		cmocka_unit_test(identifier_and_relay_information_are_echoed),
		cmocka_unit_test(a_relayed_request_goes_back_to_the_relay),
		cmocka_unit_test(malformed_and_foreign_messages),
		cmocka_unit_test(the_service_can_be_switched_off),
		cmocka_unit_test(what_the_kernel_refuses_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
