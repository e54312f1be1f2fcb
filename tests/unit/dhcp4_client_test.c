/* From nothing to a lease, and what is not taken on the way. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dhcp4_client_driver.h"

#include "base/inet.h"

/* --- getting a lease ---------------------------------------------------------------------- */

static void discover_asks_everybody(void **state)
{
	static const uint8_t pc[] = { 1, 3, 6, 15, 51, 58, 59, 44, 252 };
	const struct fx_effect *e;
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup(&d, "");
	e = drv_next_bind(&d);
	assert_int_equal(e->bind.kind, SOCK_UDP_RAW);
	assert_int_equal(e->bind.local.port, 68);
	assert_int_equal(e->bind.ifid, 1);
	e = t_sent(&d, &m);
	assert_string_equal(t_reason(&d, e), "dhcp4.client.send-discover");
	drv_expect_decision(&d, "dhcp4.client.request-parameters");
	drv_expect_no_decision(&d, "dhcp4.client.unicast-unknown");
	drv_expect_no_decision(&d, "dhcp4.client.discover-last-ip");
	t_expect_addr(&e->send.src.addr, "0.0.0.0");
	t_expect_addr(&e->send.dst.addr, "255.255.255.255");
	assert_int_equal(e->send.src.port, 68);
	assert_int_equal(e->send.dst.port, 67);
	assert_true(e->send.has_mac && mac_is_broadcast(&e->send.dst_mac));
	assert_int_equal(m.op, DHCP4_BOOTREQUEST);
	assert_int_equal(m.type, DHCP4_DISCOVER);
	assert_true(m.xid != 0);
	assert_int_equal(m.flags, 0);
	assert_memory_equal(m.chaddr, d.ifaces[0].mac.b, 6);
	assert_memory_equal(dhcp4_get(&m, OPT4_HOSTNAME)->data, "dut", 3);
	assert_int_equal(dhcp4_get(&m, OPT4_PARAMS)->len, sizeof(pc));
	assert_memory_equal(dhcp4_get(&m, OPT4_PARAMS)->data, pc, sizeof(pc));
	assert_memory_equal(dhcp4_get(&m, OPT4_CLIENT_ID)->data, "\x01\x02\x00\x00\x00\x00\x01", 7);
	assert_null(dhcp4_get(&m, OPT4_REQUESTED));
	drv_expect_column(&d, "dhcp4_client", "eth0", "state", "selecting");
	drv_done(&d);
}

static void phones_and_routers_ask_for_boot_files(void **state)
{
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup_kind(&d, KIND_PHONE, "interface eth0\n ip address dhcp\n");
	t_sent(&d, &m);
	assert_true(dhcp4_wants(&m, OPT4_TFTP_ADDRS));
	assert_true(dhcp4_wants(&m, OPT4_TFTP_NAME));
	assert_false(dhcp4_wants(&m, OPT4_NETBIOS));
	drv_done(&d);
}

static void the_configuration_shapes_the_messages(void **state)
{
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup(&d, "interface eth0\n"
		  " ip dhcp client broadcast-flag\n"
		  " ip dhcp client hostname printer\n"
		  " ip dhcp client client-id ascii floor1\n");
	drv_expect_decision(&d, "dhcp4.client.unicast-unknown");
	t_sent(&d, &m);
	assert_int_equal(m.flags, DHCP4_FLAG_BROADCAST);
	assert_memory_equal(dhcp4_get(&m, OPT4_HOSTNAME)->data, "printer", 7);
	assert_memory_equal(dhcp4_get(&m, OPT4_CLIENT_ID)->data, "\0floor1", 7);
	drv_done(&d);
}

/* Clients that ask begin in an order; the others side by side. */
static void who_asks_first_says_so(void **state)
{
	static const struct {
		const char *conf;
		bool asks;
	} t[] = {
		{ "", false },
		{ "interface eth0\n ip dhcp client start-delay\n", false },
		{ "interface eth0\n ip address dhcp\n", true },
		{ "interface eth1\n ip address bootp\n", true },
		{ "interface eth0\n ip address dhcp\n no ip address dhcp\n", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct drv d;

		setup_kind(&d, KIND_PC, t[i].conf);
		assert_int_equal(d.cls->asks_first(d.machine), t[i].asks);
		drv_done(&d);
	}
}

static void the_first_message_may_wait(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, "interface eth0\n ip dhcp client start-delay\n");
	drv_expect_none(&d, FX_SEND);
	assert_true(drv_deadline(&d) >= 1 * SEC && drv_deadline(&d) <= 10 * SEC);
	drv_timer(&d);
	drv_expect_decision(&d, "dhcp4.client.send-discover");
	drv_done(&d);
}

static void the_first_offer_is_requested(void **state)
{
	struct dhcp4_msg m, r, discover;
	const struct fx_effect *e;
	uint8_t wanted[16];
	size_t n_wanted;
	struct drv d;

	(void)state;
	setup(&d, "");
	d.now = 2 * SEC;
	t_sent(&d, &discover);
	n_wanted = dhcp4_get(&discover, OPT4_PARAMS)->len;
	memcpy(wanted, dhcp4_get(&discover, OPT4_PARAMS)->data, n_wanted);
	grant(&discover, &r, DHCP4_OFFER);
	hear(&d, &r);
	drv_expect_decision(&d, "dhcp4.client.dispatch-type");
	drv_expect_decision(&d, "dhcp4.client.select-one");
	e = t_sent(&d, &m);
	assert_string_equal(t_reason(&d, e), "dhcp4.client.offer-send-request");
	t_expect_addr(&e->send.dst.addr, "255.255.255.255");
	assert_int_equal(m.type, DHCP4_REQUEST);
	assert_int_equal(m.xid, discover.xid);
	assert_int_equal(m.secs, discover.secs);
	t_expect_opt_addr(&m, OPT4_REQUESTED, "10.0.0.100");
	t_expect_opt_addr(&m, OPT4_SERVER, "10.0.0.1");
	assert_int_equal(addr4_u32(&m.ciaddr), 0);
	assert_int_equal(dhcp4_get(&m, OPT4_PARAMS)->len, n_wanted);
	assert_memory_equal(dhcp4_get(&m, OPT4_PARAMS)->data, wanted, n_wanted);
	/* A slower server's offer. */
	hear(&d, &r);
	drv_expect_decision(&d, "dhcp4.client.drop-late-offer");
	drv_expect_none(&d, FX_SEND);
	drv_done(&d);
}

static void offers_that_cannot_be_taken(void **state)
{
	static const struct {
		const char *yiaddr, *server, *rule;
	} rows[] = {
		{ "10.0.0.100", NULL, "dhcp4.client.drop-offer-no-server-id" },
		{ "0.0.0.0", "10.0.0.1", "dhcp4.client.drop-unusable-address" },
		{ "127.0.0.1", "10.0.0.1", "dhcp4.client.drop-unusable-address" },
		{ "224.0.0.5", "10.0.0.1", "dhcp4.client.drop-unusable-address" },
		{ "255.255.255.255", "10.0.0.1", "dhcp4.client.drop-unusable-address" },
	};
	struct dhcp4_msg m, r;
	struct drv d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		setup(&d, "");
		t_sent(&d, &m);
		reply_to(&m, &r, DHCP4_OFFER);
		r.yiaddr = drv_a(rows[i].yiaddr);
		if (rows[i].server)
			t_put_addr(&r, OPT4_SERVER, rows[i].server);
		hear(&d, &r);
		drv_expect_decision(&d, rows[i].rule);
		drv_expect_none(&d, FX_SEND);
		drv_done(&d);
	}
}

static void an_ack_is_probed_then_configured(void **state)
{
	const struct fx_effect *e;
	struct dhcp4_msg m;
	struct arp arp;
	struct drv d;

	(void)state;
	setup(&d, "");
	d.now = 5 * SEC;
	up_to_ack(&d, &m);
	drv_expect_decision(&d, "dhcp4.client.ack-defaults"); /* T1, T2 are not there */
	drv_expect_decision(&d, "dhcp4.client.ack-probe");
	assert_int_equal(drv_next_bind(&d)->bind.kind, SOCK_ARP);
	e = drv_next_send(&d);
	assert_int_equal(arp_parse(e->send.data, e->send.len, &arp), 0);
	assert_int_equal(addr4_u32(&arp.sender), 0);
	t_expect_addr(&arp.target, "10.0.0.100");
	drv_expect_none(&d, FX_ADDR);
	drv_timer(&d);
	assert_int_equal(d.now, 6 * SEC);
	drv_expect_decision(&d, "dhcp4.client.ack-configure");
	drv_expect_decision(&d, "dhcp4.client.obtain-parameters");
	e = drv_want(&d, FX_ADDR, "address");
	assert_true(e->addr.add);
	t_expect_addr(&e->addr.addr, "10.0.0.100");
	assert_int_equal(e->addr.plen, 24);
	e = drv_want(&d, FX_ROUTE, "route");
	t_expect_addr(&e->route.via, "10.0.0.1");
	e = drv_want(&d, FX_RESOLVER, "resolver");
	assert_string_equal(e->resolver.source, "dhcp4:eth0");
	assert_string_equal(e->resolver.domain, "campus.test");
	t_expect_addr(&e->resolver.servers[0], "10.0.1.10");
	e = drv_expect_fact(&d, FX_FACT_BEGIN, "dhcp4_client_lease", "eth0");
	assert_int_equal(val_find(e->fact.columns, "expires")->i, (5 + 3600) * SEC);
	assert_int_equal(val_find(e->fact.columns, "renews")->i, (5 + 1800) * SEC);
	assert_int_equal(val_find(e->fact.columns, "rebinds")->i, (5 + 3150) * SEC);
	/* The whole frames end, the kernel's UDP takes over; the neighbours are told. */
	assert_int_equal(drv_next_bind(&d)->bind.kind, SOCK_UDP);
	e = drv_next_send(&d);
	assert_int_equal(arp_parse(e->send.data, e->send.len, &arp), 0);
	t_expect_addr(&arp.sender, "10.0.0.100");
	drv_done(&d);
}

static void probes_can_be_switched_off(void **state)
{
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup(&d, "interface eth0\n ip dhcp client arp-probes 0\n");
	up_to_ack(&d, &m);
	drv_expect_decision(&d, "dhcp4.client.ack-configure");
	drv_done(&d);
	setup(&d, "interface eth0\n ip dhcp client arp-probes 3\n");
	up_to_ack(&d, &m);
	drv_timer_until(&d, 2500 * MSEC);
	drv_expect_no_decision(&d, "dhcp4.client.ack-configure");
	drv_timer_until(&d, 3 * SEC);
	drv_expect_decision(&d, "dhcp4.client.ack-configure");
	drv_expect_log(&d, "%DHCP-6-ADDRESS_ASSIGN: Interface eth0 assigned DHCP address "
			   "10.0.0.100, mask 255.255.255.0, hostname dut");
	drv_done(&d);
}

static void defaults_fill_what_is_missing(void **state)
{
	struct dhcp4_msg m, r;
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	setup(&d, "interface eth0\n ip dhcp client arp-probes 0\n");
	t_sent(&d, &m);
	reply_to(&m, &r, DHCP4_OFFER);
	r.yiaddr = drv_a("172.16.9.9");
	t_put_addr(&r, OPT4_SERVER, "172.16.0.1");
	hear(&d, &r);
	t_sent(&d, &m);
	reply_to(&m, &r, DHCP4_ACK);
	r.yiaddr = drv_a("172.16.9.9");
	dhcp4_put_u32(&r, OPT4_T1, 5000); /* later than T2: not to be believed */
	dhcp4_put_u32(&r, OPT4_T2, 4000);
	hear(&d, &r);
	drv_expect_decision(&d, "dhcp4.client.ack-defaults");
	e = drv_expect_fact(&d, FX_FACT_BEGIN, "dhcp4_client_lease", "eth0");
	assert_string_equal(drv_value(e, "plen"), "16");
	assert_int_equal(val_find(e->fact.columns, "expires")->i, 3600 * SEC);
	assert_int_equal(val_find(e->fact.columns, "renews")->i, 1800 * SEC);
	drv_done(&d);
}

static void an_infinite_lease_is_never_renewed(void **state)
{
	struct dhcp4_msg m, r;
	struct drv d;

	(void)state;
	setup(&d, "interface eth0\n ip dhcp client arp-probes 0\n");
	t_sent(&d, &m);
	grant(&m, &r, DHCP4_OFFER);
	hear(&d, &r);
	t_sent(&d, &m);
	reply_to(&m, &r, DHCP4_ACK);
	r.yiaddr = drv_a("10.0.0.100");
	t_put_addr(&r, OPT4_SERVER, "10.0.0.1");
	t_put_addr(&r, OPT4_MASK, "255.255.255.0");
	dhcp4_put_u32(&r, OPT4_LEASE, DHCP4_INFINITE);
	hear(&d, &r);
	drv_expect_decision(&d, "dhcp4.client.ack-configure");
	assert_true(drv_deadline(&d) == NEVER);
	drv_done(&d);
}

/* --- what is not for us ------------------------------------------------------------------- */

static void foreign_replies_are_dropped(void **state)
{
	static const struct mac other = { { 2, 0, 0, 0, 5, 5 } };
	struct dhcp4_msg m, r;
	struct drv d;

	(void)state;
	setup(&d, "");
	t_sent(&d, &m);
	drv_frame(&d, RAW, drv_ep("10.0.0.1", 67), drv_ep("255.255.255.255", 68), 1, server_mac,
		  mac_broadcast, "x", 1);
	drv_expect_decision(&d, "dhcp4.client.drop-invalid");
	grant(&m, &r, DHCP4_OFFER);
	r.op = DHCP4_BOOTREQUEST;
	hear(&d, &r);
	drv_expect_decision(&d, "dhcp4.client.drop-invalid");
	reply_to(&m, &r, DHCP4_NO_TYPE);
	hear(&d, &r);
	drv_expect_decision(&d, "dhcp4.client.drop-invalid");
	r.cookie = false;
	hear(&d, &r);
	drv_expect_decision(&d, "dhcp4.client.drop-invalid");
	grant(&m, &r, DHCP4_OFFER);
	hear_on(&d, RAW, other, &r);
	drv_expect_decision(&d, "dhcp4.client.drop-bad-mac");
	r.chaddr[5] ^= 1;
	hear(&d, &r);
	drv_expect_decision(&d, "dhcp4.client.drop-bad-mac");
	grant(&m, &r, DHCP4_OFFER);
	r.xid++;
	hear(&d, &r);
	drv_expect_decision(&d, "dhcp4.client.drop-xid-mismatch");
	grant(&m, &r, DHCP4_OFFER);
	dhcp4_put(&r, OPT4_CLIENT_ID, "\x01\x02\x00\x00\x00\x00\x02", 7);
	hear(&d, &r);
	drv_expect_decision(&d, "dhcp4.client.drop-client-id-mismatch");
	grant(&m, &r, DHCP4_ACK);
	hear(&d, &r);
	drv_expect_decision(&d, "dhcp4.client.drop-unexpected-ack");
	grant(&m, &r, DHCP4_NAK);
	hear(&d, &r);
	drv_expect_decision(&d, "dhcp4.client.drop-unexpected-nak");
	for (int type = 1; type < 256; type += 1) {
		if (type == DHCP4_OFFER || type == DHCP4_ACK || type == DHCP4_NAK)
			continue;
		grant(&m, &r, (enum dhcp4_type)type);
		hear(&d, &r);
		drv_expect_decision(&d, "dhcp4.client.drop-other-type");
	}
	/* After all that the right one is still taken, a broadcast one too. */
	grant(&m, &r, DHCP4_OFFER);
	dhcp4_put(&r, OPT4_CLIENT_ID, "\x01\x02\x00\x00\x00\x00\x01", 7);
	hear_on(&d, RAW, mac_broadcast, &r);
	drv_expect_decision(&d, "dhcp4.client.offer-send-request");
	drv_done(&d);
}

/* --- silence ------------------------------------------------------------------------------ */

static void discover_is_repeated_on_the_schedule(void **state)
{
	static const int delays[] = { 4, 8, 16, 32, 64, 64, 64 };
	struct dhcp4_msg m;
	struct drv d;
	uint32_t xid;

	(void)state;
	setup_kind(&d, KIND_ROUTER, "interface eth0\n ip address dhcp\n");
	t_sent(&d, &m);
	xid = m.xid;
	for (size_t i = 0; i < ARRAY_SIZE(delays); i++) {
		nsec_t wait = drv_deadline(&d) - d.now;

		assert_true(wait >= (delays[i] - 1) * SEC && wait <= (delays[i] + 1) * SEC);
		drv_timer(&d);
		drv_expect_decision(&d, "dhcp4.client.retry-schedule");
		drv_expect_no_decision(&d, "dhcp4.client.no-reply-autoconf"); /* a router */
		t_sent(&d, &m);
		assert_int_equal(m.xid, xid);
		assert_int_equal(m.secs, d.now / SEC);
	}
	drv_done(&d);
}

static void an_unanswered_request_starts_over(void **state)
{
	struct dhcp4_msg m, r;
	nsec_t start;
	struct drv d;

	(void)state;
	setup(&d, "");
	t_sent(&d, &m);
	grant(&m, &r, DHCP4_OFFER);
	hear(&d, &r);
	start = d.now;
	for (int n = 2; n <= 4; n++) {
		drv_timer(&d);
		drv_expect_value(&d, "dhcp4.client.request-timeout", "what", "repeats it");
		t_sent(&d, &m);
		assert_int_equal(m.type, DHCP4_REQUEST);
		assert_int_equal(m.xid, r.xid);
	}
	drv_timer(&d);
	assert_true(d.now - start >= 56 * SEC && d.now - start <= 64 * SEC);
	drv_expect_decision(&d, "dhcp4.client.request-timeout");
	drv_expect_decision(&d, "dhcp4.client.send-discover");
	t_sent(&d, &m);
	assert_true(m.xid != r.xid);
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(discover_asks_everybody),
		cmocka_unit_test(phones_and_routers_ask_for_boot_files),
		cmocka_unit_test(the_configuration_shapes_the_messages),
		cmocka_unit_test(who_asks_first_says_so),
		cmocka_unit_test(the_first_message_may_wait),
		cmocka_unit_test(the_first_offer_is_requested),
		cmocka_unit_test(offers_that_cannot_be_taken),
		cmocka_unit_test(an_ack_is_probed_then_configured),
		cmocka_unit_test(probes_can_be_switched_off),
		cmocka_unit_test(defaults_fill_what_is_missing),
		cmocka_unit_test(an_infinite_lease_is_never_renewed),
		cmocka_unit_test(foreign_replies_are_dropped),
		cmocka_unit_test(discover_is_repeated_on_the_schedule),
		cmocka_unit_test(an_unanswered_request_starts_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
