/* Interfaces, routes and probes: each rule of nodes/ip and nodes/bridge, by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/inet.h"
#include "bridge/bridge.h"
#include "ip/ip.h"
#include "machine_driver.h"

static void setup(struct drv *d, enum device_kind kind)
{
	drv_init(d, &ip_proto, kind, 2);
	drv_start(d, "ip.host");
}

static void addresses_follow_the_configuration(void **state)
{
	struct drv d;
	const struct fx_effect *e;

	(void)state;
	setup(&d, KIND_ROUTER);
	drv_conf(&d, "interface eth0\n ip address 10.0.0.1 255.255.255.0\n");
	drv_expect_decision(&d, "ip.address.set");
	e = drv_want(&d, FX_ADDR, "an address");
	assert_true(e->addr.add);
	assert_int_equal(e->addr.plen, 24);
	drv_conf(&d, "interface eth0\n ip address 10.0.9.1 255.255.0.0\n");
	drv_expect_decision(&d, "ip.address.remove");
	drv_expect_decision(&d, "ip.address.set");
	assert_int_equal(drv_count(&d, FX_ADDR), 2);
	drv_conf(&d, "interface eth0\n shutdown\n");
	drv_expect_decision(&d, "ip.interface.shutdown");
	assert_false(drv_want(&d, FX_LINK, "a link change")->link.up);
	drv_conf(&d, "interface eth0\n no shutdown\n");
	drv_expect_decision(&d, "ip.interface.enable");
	drv_done(&d);
}

static void a_refused_address_is_told(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, KIND_ROUTER);
	drv_conf(&d, "interface eth0\n ip address 10.0.0.1 255.255.255.0\n");
	drv_failed(&d, drv_want(&d, FX_ADDR, "an address"), 0, EPERM);
	drv_expect_decision(&d, "ip.address.refused");
	drv_done(&d);
}

static void lines_that_are_refused(void **state)
{
	static const struct {
		const char *line, *why;
	} rows[] = {
		{ "interface eth9\n", "no interface eth9" },
		{ "interface eth0\n ip address 10.0.0.1 255.0.255.0\n", "row of ones" },
		{ "interface eth0\n ip address 10.0.0.0 255.255.255.0\n", "the network itself" },
		{ "interface eth0\n ip address 10.0.0.255 255.255.255.0\n", "broadcast address" },
		{ "interface eth0\n ip address 127.0.0.1 255.0.0.0\n",
		  "not the address of a host" },
		{ "ip route 10.1.2.3 255.0.0.0 10.0.0.2\n", "bits set" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct drv d;
		const char *why;

		drv_init(&d, &ip_proto, KIND_ROUTER, 1);
		why = drv_conf_refused(&d, rows[i].line);
		if (!strstr(why, rows[i].why))
			fail_msg("%s: %s", rows[i].line, why);
		drv_done(&d);
	}
}

static void routes_wait_for_their_next_hop(void **state)
{
	struct drv d;
	const struct fx_effect *e;

	(void)state;
	setup(&d, KIND_ROUTER);
	drv_conf(&d, "ip route 10.9.0.0 255.255.0.0 10.0.0.2 5\n");
	drv_expect_decision(&d, "ip.route.set");
	e = drv_want(&d, FX_ROUTE, "a route");
	assert_int_equal(e->route.metric, 5);
	drv_failed(&d, e, 0, ENETUNREACH);
	drv_expect_decision(&d, "ip.route.waits");
	drv_addr(&d, 1, "10.0.0.1/24");
	drv_addr_event(&d);
	assert_true(drv_want(&d, FX_ROUTE, "the route again")->route.add);
	drv_conf(&d, "no ip route 10.9.0.0 255.255.0.0 10.0.0.2\n");
	drv_expect_decision(&d, "ip.route.remove");
	assert_false(drv_want(&d, FX_ROUTE, "its removal")->route.add);
	drv_done(&d);
}

/* --- ping ---------------------------------------------------------------------------------- */

/* An echo reply to the request in `send`. */
static void reply(struct drv *d, const struct fx_send *send)
{
	uint8_t b[64];
	uint16_t sum;

	memcpy(b, send->data, send->len);
	b[0] = 0;
	b[2] = b[3] = 0;
	sum = inet_sum_fold(inet_sum(0, b, send->len));
	b[2] = (uint8_t)(sum >> 8);
	b[3] = (uint8_t)sum;
	drv_datagram(d, send->sock, (struct ep){ .addr = send->dst.addr }, drv_ep("10.0.0.1", 0), 1,
		     b, send->len);
}

/* An error of this type about the request, as a router quotes it. */
static void error(struct drv *d, const struct fx_send *send, uint8_t type, uint8_t code)
{
	uint8_t b[8 + IP4_HDR_LEN + 8] = { type, code };

	b[8] = 0x45;
	b[8 + 9] = IPPROTO_NUM_ICMP;
	memcpy(b + 8 + IP4_HDR_LEN, send->data, 8);
	drv_datagram(d, send->sock, drv_ep("10.0.0.254", 0), drv_ep("10.0.0.1", 0), 1, b,
		     sizeof(b));
}

static void ping_counts_answers(void **state)
{
	struct drv d;
	struct fx_send send;

	(void)state;
	setup(&d, KIND_PC);
	drv_command(&d, "ping 10.0.0.2 3");
	drv_expect_decision(&d, "ip.ping.send");
	send = drv_next_send(&d)->send;
	assert_int_equal(((const uint8_t *)send.data)[0], 8);
	assert_int_equal(inet_sum_fold(inet_sum(0, send.data, send.len)), 0);
	reply(&d, &send);
	drv_expect_decision(&d, "ip.ping.reply");
	drv_expect_output(&d, "Reply from 10.0.0.2: bytes=32");
	drv_timer(&d);
	drv_next_send(&d);
	drv_timer(&d); /* nobody answers the second one */
	drv_expect_decision(&d, "ip.ping.timeout");
	send = drv_next_send(&d)->send;
	error(&d, &send, 3, 1);
	drv_expect_decision(&d, "ip.ping.unreachable");
	drv_timer(&d);
	drv_expect_output(&d, "Sent = 3, Received = 1, Lost = 2 (66% loss)");
	assert_int_equal(drv_want(&d, FX_CMD_DONE, "the end")->cmd_done.status, 0);
	drv_done(&d);
}

static void ping_asks_for_names(void **state)
{
	struct drv d;
	struct answer a = { .err = -ENOENT, .why = "no such name" };
	const struct fx_effect *e;

	(void)state;
	setup(&d, KIND_PC);
	drv_command(&d, "ping www.campus.test");
	e = drv_next_ask(&d);
	assert_string_equal(e->ask.ask->resolve.name, "www.campus.test");
	drv_answer(&d, e->ask.ask_id, &a);
	drv_expect_decision(&d, "ip.ping.unresolved");
	assert_int_equal(drv_want(&d, FX_CMD_DONE, "the end")->cmd_done.status, 1);
	drv_done(&d);
}

static void ping_without_a_route(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, KIND_PC);
	drv_command(&d, "ping 10.9.9.9 1");
	drv_failed(&d, drv_next_send(&d), 1, ENETUNREACH);
	drv_expect_decision(&d, "ip.ping.no-route");
	drv_timer(&d);
	assert_int_equal(drv_want(&d, FX_CMD_DONE, "the end")->cmd_done.status, 1);
	drv_done(&d);
}

static void trace_goes_hop_by_hop(void **state)
{
	struct drv d;
	struct fx_send send;

	(void)state;
	setup(&d, KIND_PC);
	drv_command(&d, "tracert 10.9.9.9");
	for (int i = 0; i < 3; i++) {
		send = drv_next_send(&d)->send;
		assert_int_equal(send.ttl, 1);
		error(&d, &send, 11, 0);
		drv_expect_decision(&d, "ip.ping.ttl-exceeded");
		drv_timer(&d);
	}
	for (int i = 0; i < 3; i++) {
		send = drv_next_send(&d)->send;
		assert_int_equal(send.ttl, 2);
		reply(&d, &send);
		if (i < 2)
			drv_timer(&d);
	}
	drv_expect_output(&d, "Trace complete.");
	assert_int_equal(drv_want(&d, FX_CMD_DONE, "the end")->cmd_done.status, 0);
	drv_done(&d);
}

static void damaged_messages_are_dropped(void **state)
{
	struct drv d;
	static const uint8_t b[40] = { 3, 1 };

	(void)state;
	setup(&d, KIND_PC);
	drv_command(&d, "ping 10.0.0.2 1");
	drv_datagram(&d, 1, drv_ep("10.0.0.2", 0), drv_ep("10.0.0.1", 0), 1, b, 4);
	drv_expect_decision(&d, "ip.icmp.drop-short");
	for (size_t len = 8; len <= sizeof(b); len++) /* quotes cut short */
		drv_datagram(&d, 1, drv_ep("10.0.0.2", 0), drv_ep("10.0.0.1", 0), 1, b, len);
	drv_done(&d);
}

/* --- tables -------------------------------------------------------------------------------- */

static void switches_show_their_tables(void **state)
{
	struct kernel_row rows[2] = { { .ifname = "1", .state = "forwarding", .n1 = 2 },
				      { .ifname = "2", .state = "blocking", .n1 = 2 } };
	struct answer a = { .kernel = { .rows = rows, .n_rows = 2 } };
	struct drv d;

	(void)state;
	drv_init(&d, &bridge_proto, KIND_SWITCH, 2);
	drv_start(&d, "bridge.switch");
	drv_command(&d, "show mac address-table");
	drv_answer(&d, drv_next_ask(&d)->ask.ask_id, &a);
	drv_expect_decision(&d, "bridge.show.mac-table");
	drv_expect_output(&d, "DYNAMIC     1");
	drv_command(&d, "show spanning-tree");
	drv_answer(&d, drv_next_ask(&d)->ask.ask_id, &a);
	drv_expect_decision(&d, "bridge.show.spanning-tree");
	drv_expect_output(&d, "blocking");
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_follow_the_configuration),
		cmocka_unit_test(a_refused_address_is_told),
		cmocka_unit_test(lines_that_are_refused),
		cmocka_unit_test(routes_wait_for_their_next_hop),
		cmocka_unit_test(ping_counts_answers),
		cmocka_unit_test(ping_asks_for_names),
		cmocka_unit_test(ping_without_a_route),
		cmocka_unit_test(trace_goes_hop_by_hop),
		cmocka_unit_test(damaged_messages_are_dropped),
		cmocka_unit_test(switches_show_their_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
