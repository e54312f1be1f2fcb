/* What becomes of a lease: REQUEST in every state of the client, RELEASE, DECLINE, INFORM. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dhcp4_server_driver.h"

/* --- requests in every state ---------------------------------------------------------------- */

static void another_server_was_chosen(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	discover(&d, 1);
	request(&d, 1, "10.0.0.33", "10.0.0.2");
	drv_expect_decision(&d, "dhcp4.server.request-other-server");
	drv_expect_fact(&d, FX_FACT_END, "dhcp4_lease", "10.0.0.100");
	drv_expect_none(&d, FX_SEND);
	discover(&d, 2);
	expect_offer(&d, "dhcp4.server.offer-available", "10.0.0.100");
	drv_done(&d);
}

static void a_withdrawn_offer_of_an_old_lease_is_remembered(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	bind_client(&d, 1, "10.0.0.100");
	drv_timer_until(&d, 3600 * SEC);
	discover(&d, 1);
	request(&d, 1, "10.0.0.33", "10.0.0.2");
	drv_expect_column(&d, "dhcp4_lease", "10.0.0.100", "state", "expired");
	discover(&d, 1);
	expect_offer(&d, "dhcp4.server.offer-previous", "10.0.0.100");
	drv_timer_until(&d, 3700 * SEC);
	drv_expect_decision(&d, "dhcp4.server.offer-hold-expiry");
	discover(&d, 1);
	expect_offer(&d, "dhcp4.server.offer-previous", "10.0.0.100");
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
	drv_expect_value(&d, "dhcp4.server.multihomed", "by", "ciaddr");
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

/* Not the client's address, or not said to this server. */
static void release_of_what_is_not_bound(void **state)
{
	static const struct {
		unsigned client;
		const char *addr, *server;
	} rows[] = {
		{ 2, "10.0.0.100", "10.0.0.1" },
		{ 1, "10.0.0.100", "10.0.0.77" },
		{ 1, "10.0.0.100", NULL },
		{ 1, "10.0.0.101", "10.0.0.1" },
	};
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	bind_client(&d, 1, "10.0.0.100");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		release(&d, rows[i].client, rows[i].addr, rows[i].server);
		drv_expect_decision(&d, "dhcp4.server.drop-release-unbound");
		drv_expect_none(&d, FX_FACT_BEGIN);
		drv_expect_none(&d, FX_FACT_END);
	}
	drv_done(&d);
}

static void release_unbinds(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	bind_client(&d, 1, "10.0.0.100");
	release(&d, 1, "10.0.0.100", "10.0.0.1");
	drv_expect_decision(&d, "dhcp4.server.release-unbind");
	drv_expect_column(&d, "dhcp4_lease", "10.0.0.100", "state", "released");
	drv_expect_none(&d, FX_SEND);
	discover(&d, 1);
	expect_offer(&d, "dhcp4.server.offer-previous", "10.0.0.100");
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
	assert_string_equal(drv_want(&d, FX_LOG, "log")->log.mnemonic, "DECLINE_CONFLICT");
	drv_expect_fact(&d, FX_FACT_END, "dhcp4_lease", "10.0.0.100");
	drv_expect_column(&d, "dhcp4_conflict", "10.0.0.100", "method", "decline");
	drv_expect_none(&d, FX_SEND);
	discover(&d, 1);
	expect_offer(&d, "dhcp4.server.offer-available", "10.0.0.101");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_server_was_chosen),
		cmocka_unit_test(a_withdrawn_offer_of_an_old_lease_is_remembered),
		cmocka_unit_test(init_reboot),
		cmocka_unit_test(a_server_that_is_not_authoritative_drops),
		cmocka_unit_test(a_nak_goes_to_everybody_or_to_the_relay),
		cmocka_unit_test(renewal_and_rebinding),
		cmocka_unit_test(a_routed_renewal_finds_its_pool),
		cmocka_unit_test(a_free_address_is_acknowledged_without_an_offer),
		cmocka_unit_test(a_client_may_ask_for_a_shorter_lease),
		cmocka_unit_test(release_of_what_is_not_bound),
		cmocka_unit_test(release_unbinds),
		cmocka_unit_test(decline_marks_the_address),
		cmocka_unit_test(inform_gets_parameters_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
