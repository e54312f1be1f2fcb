/* Which address a client is offered, and what is done to know that it is free. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dhcp4_server_driver.h"

#include "base/inet.h"

/* --- which address ------------------------------------------------------------------------ */

static void a_client_keeps_its_address(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	bind_client(&d, 1, "10.0.0.100");
	bind_client(&d, 2, "10.0.0.101");
	discover(&d, 1);
	expect_offer(&d, "dhcp4.server.offer-existing-lease", "10.0.0.100");
	/* Another offer does not shorten the lease. */
	drv_expect_none(&d, FX_FACT_BEGIN);
	drv_timer_until(&d, 120 * SEC);
	drv_expect_no_decision(&d, "dhcp4.server.offer-hold-expiry");
	drv_timer_until(&d, 3600 * SEC);
	drv_expect_decision(&d, "dhcp4.server.lease-expiry");
	drv_expect_column(&d, "dhcp4_lease", "10.0.0.100", "state", "expired");
	discover(&d, 2);
	expect_offer(&d, "dhcp4.server.offer-previous", "10.0.0.101");
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
		expect_offer(&d, rows[i].rule, rows[i].given);
		drv_done(&d);
	}
}

static void one_address_serves_one_of_three_clients(void **state)
{
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
	expect_offer(&d, "dhcp4.server.offer-existing-lease", "10.0.0.100");
	drv_timer_until(&d, 600 * SEC);
	drv_expect_decision(&d, "dhcp4.server.lease-expiry");
	discover(&d, 2);
	expect_offer(&d, "dhcp4.server.offer-available", "10.0.0.100");
	discover(&d, 3);
	drv_expect_decision(&d, "dhcp4.server.drop-pool-exhausted");
	/* Client 2 never asks for it: after the hold client 3 gets its turn. */
	drv_timer_until(&d, 660 * SEC);
	drv_expect_decision(&d, "dhcp4.server.offer-hold-expiry");
	drv_expect_fact(&d, FX_FACT_END, "dhcp4_lease", "10.0.0.100");
	discover(&d, 3);
	expect_offer(&d, "dhcp4.server.offer-available", "10.0.0.100");
	request(&d, 1, "10.0.0.100", NULL);
	drv_expect_decision(&d, "dhcp4.server.nak-reassigned");
	drv_done(&d);
}

static void our_own_address_is_never_offered(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, "ip dhcp ping packets 0\nip dhcp pool LAN\n network 10.0.0.0 /30\n");
	discover(&d, 1);
	expect_offer(&d, "dhcp4.server.offer-available", "10.0.0.2");
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
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup(&d, manual_conf);
	discover(&d, 7);
	drv_expect_decision(&d, "dhcp4.static-first");
	expect_offer(&d, "dhcp4.server.alloc-manual", "10.0.0.7");
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
	expect_offer(&d, "dhcp4.server.offer-existing-lease", "10.0.0.7");
	/* By identifier, sent or made of type and address. */
	discover(&d, 8);
	expect_offer(&d, "dhcp4.server.alloc-manual", "10.0.0.8");
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
	drv_expect_column(&d, "dhcp4_lease", "10.0.0.2", "type", "automatic");
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
	drv_expect_value(&d, "dhcp4.server.probe-address", "n", "2");
	drv_timer_until(&d, 1000 * MSEC);
	expect_offer(&d, "dhcp4.server.offer-available", "10.0.0.100");
	/* It is the second DISCOVER's doing, though time brought it. */
	assert_int_equal(drv_expect_decision(&d, "dhcp4.server.offer-available")->decide.cause, 2);
	assert_int_equal(drv_count(&d, FX_CLOSE), 1);
	/* The held offer is not probed again. */
	discover(&d, 1);
	expect_offer(&d, "dhcp4.server.offer-existing-lease", "10.0.0.100");
	drv_done(&d);
}

static void an_address_that_answers_is_a_conflict(void **state)
{
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	setup(&d, probe_conf);
	discover(&d, 1);
	e = drv_next_send(&d);
	echo_reply(&d, e);
	drv_expect_decision(&d, "dhcp4.server.probe-before-offer");
	drv_expect_decision(&d, "dhcp4.rogue-static");
	drv_expect_log(&d,
		       "%DHCPD-4-PING_CONFLICT: DHCP address conflict: server pinged 10.0.0.100");
	e = drv_expect_fact(&d, FX_FACT_BEGIN, "dhcp4_conflict", "10.0.0.100");
	assert_string_equal(drv_value(e, "method"), "ping");
	t_expect_addr(&drv_next_send(&d)->send.dst.addr, "10.0.0.101");
	drv_timer_until(&d, 2 * SEC);
	expect_offer(&d, "dhcp4.server.offer-available", "10.0.0.101");
	/* It is requested all the same: refused. */
	request(&d, 2, "10.0.0.100", "10.0.0.1");
	drv_expect_decision(&d, "dhcp4.server.nak-reassigned");
	drv_command(&d, "show ip dhcp conflict");
	drv_expect_output(&d, "10.0.0.100        Ping               Jan 01 2026 08:00 AM");
	drv_command(&d, "clear ip dhcp conflict 10.0.0.100");
	drv_expect_fact(&d, FX_FACT_END, "dhcp4_conflict", "10.0.0.100");
	discover(&d, 3);
	drv_timer_until(&d, 4 * SEC);
	expect_offer(&d, "dhcp4.server.offer-available", "10.0.0.100");
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
	drv_expect_value(&d, "dhcp4.ios.conflict-logging", "what", "not logged");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
