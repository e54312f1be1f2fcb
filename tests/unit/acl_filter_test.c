/* Lists on their way to the kernel, and what the kernel's reports become. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "acl_driver.h"

/* ---- the lists on their way down ---- */

static void nothing_is_opened_without_a_binding(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, EXAMPLE);
	drv_expect_none(&d, FX_ACL);
	drv_expect_none(&d, FX_ASK);
	drv_conf(&d, "ip access-list extended DHCP\n 40 permit icmp any any\n");
	drv_expect_none(&d, FX_ACL);
	assert_int_equal(drv_deadline(&d), NEVER);
	drv_done(&d);
}

/* A line's access-class: only where somebody comes from counts. */
static void others_ask_about_addresses(void **state)
{
	static const struct {
		const char *list, *src;
		int err;
	} rows[] = {
		{ "10", "10.0.0.5", -EACCES },	   { "10", "10.0.0.6", 0 },
		{ "10", "192.168.0.1", -EACCES },  { "EMPTY", "10.0.0.5", 0 },
		{ "no-such-list", "10.0.0.5", 0 },
	};
	struct drv d;

	(void)state;
	setup(&d, "access-list 10 deny 10.0.0.5\naccess-list 10 permit 10.0.0.0 0.0.0.255\n"
		  "ip access-list standard EMPTY");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ask a = { .kind = ASK_ACL, .acl.src = drv_a(rows[i].src) };

		str_copy(a.acl.list, sizeof(a.acl.list), rows[i].list);
		drv_ask(&d, 1, &a);
		assert_int_equal(drv_want(&d, FX_ANSWER, "answer")->answer.answer->err,
				 rows[i].err);
	}
	drv_done(&d);
}

static void what_is_bound_goes_to_the_kernel(void **state)
{
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	setup(&d, EXAMPLE "interface eth0\n ip access-group DHCP in\n");
	e = drv_expect_decision(&d, "acl.list.bound");
	assert_string_equal(drv_value(e, "list"), "DHCP");
	assert_string_equal(drv_value(e, "interface"), "eth0");
	assert_string_equal(drv_value(e, "direction"), "in");
	assert_string_equal(drv_value(e, "entries"), "3");
	/* The old counters are read before the new set begins. */
	answer(&d, drv_next_ask(&d), NULL, 0);
	drv_conf(&d, "ip access-list extended DHCP\n 40 remark no entry\n");
	drv_expect_decision(&d, "acl.list.changed");
	drv_conf(&d, "ip access-list extended DHCP\n 50 permit icmp any any\n");
	e = drv_expect_decision(&d, "acl.list.changed");
	assert_string_equal(drv_value(e, "entries"), "4");
	e = drv_want(&d, FX_ACL, "access list");
	assert_ptr_equal(e->acl.lists, &((struct acl_conf *)d.conf)->lists);
	assert_int_equal(e->acl.lists->n_uses, 1);
	drv_conf(&d, "ip access-list extended DHCP\n 50 permit icmp any any\n");
	drv_expect_none(&d, FX_ACL);
	drv_conf(&d, "ip access-list extended OTHER\n permit icmp any any\n");
	drv_expect_none(&d, FX_ACL);
	drv_done(&d);
}

static void each_change_of_a_binding_is_told(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, EXAMPLE "interface eth0\n ip access-group DHCP in\n");
	drv_conf(&d, "interface eth0\n ip access-group NONE in\n");
	drv_expect_decision(&d, "acl.list.unbound");
	drv_expect_decision(&d, "acl.list.missing");
	drv_want(&d, FX_ACL, "access list");
	drv_conf(&d, "ip access-list extended NONE\n");
	drv_expect_decision(&d, "acl.list.empty");
	drv_conf(&d, "ip access-list extended NONE\n permit ip any any\n");
	drv_expect_decision(&d, "acl.list.changed");
	drv_conf(&d, "interface eth0\n no ip access-group NONE in\n");
	drv_expect_decision(&d, "acl.list.unbound");
	assert_int_equal(drv_want(&d, FX_ACL, "access list")->acl.lists->n_uses, 0);
	drv_conf(&d, "no ip access-list extended NONE\n");
	drv_expect_none(&d, FX_ACL);
	drv_done(&d);
}

static void the_example_is_understood(void **state)
{
	static const struct {
		const char *conf;
		bool understood;
	} rows[] = {
		{ EXAMPLE "interface eth0\n ip access-group DHCP in\n", true },
		{ EXAMPLE "interface eth0\n ip access-group DHCP out\n", false },
		{ EXAMPLE "ip access-list extended DHCP\n no 10\ninterface eth0\n"
			  " ip access-group DHCP in\n",
		  false },
		{ EXAMPLE "ip access-list extended DHCP\n no 20\ninterface eth0\n"
			  " ip access-group DHCP in\n",
		  false },
		{ EXAMPLE "ip access-list extended DHCP\n no 30\ninterface eth0\n"
			  " ip access-group DHCP in\n",
		  false },
		{ "access-list 101 permit udp host 0.0.0.0 eq 68 host 10.0.0.1 eq 67\n"
		  "access-list 101 permit udp 10.0.0.0 0.0.0.255 eq 68 host 10.0.0.1 eq 67\n"
		  "access-list 101 permit udp any eq 68 host 255.255.255.255 eq 67\n"
		  "access-list 101 permit ip any any\n"
		  "interface eth0\n ip access-group 101 in\n",
		  true },
		{ "access-list 101 permit udp host 0.0.0.0 eq 68 host 10.0.1.1 eq 67\n"
		  "access-list 101 permit udp 10.0.0.0 0.0.0.255 eq 68 host 10.0.0.1 eq 67\n"
		  "access-list 101 permit udp any eq 68 host 255.255.255.255 eq 67\n"
		  "interface eth0\n ip access-group 101 in\n",
		  false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct fx_effect *e;
		struct drv d;

		setup(&d, rows[i].conf);
		e = drv_decision(&d, "acl.dhcp4.example");
		if (rows[i].understood != (e != NULL))
			fail_msg("row %zu", i);
		if (i == 0) {
			assert_string_equal(drv_value(e, "pool"), "10.32.73.128/26");
			assert_string_equal(drv_value(e, "server"), "10.32.73.129");
		}
		drv_done(&d);
	}
}

static void a_refusal_is_told_and_tried_again(void **state)
{
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	setup(&d, EXAMPLE "interface eth0\n ip access-group DHCP in\n");
	drv_failed(&d, drv_want(&d, FX_ACL, "access list"), 0, EPERM);
	e = drv_expect_decision(&d, "acl.list.refused");
	assert_string_equal(drv_value(e, "reason"), strerror(EPERM));
	drv_conf(&d, "access-list 1 permit any\n");
	drv_expect_decision(&d, "acl.list.bound");
	drv_want(&d, FX_ACL, "access list");
	drv_done(&d);
}

/* ---- reports ---- */

static void each_verdict_has_its_rule(void **state)
{
	static const char conf[] =
		EXAMPLE " 40 permit tcp any any eq www\n 50 deny tcp any any\n"
			"interface eth0\n ip access-group DHCP in\n ip access-group DHCP out\n";
	const struct raw discover = raw_udp("0.0.0.0", 68, "255.255.255.255", 67, 300),
			 renew = raw_udp("10.32.73.140", 68, "10.32.73.129", 67, 300),
			 offer = raw_udp("10.32.73.129", 67, "255.255.255.255", 68, 300),
			 relayed = raw_udp("10.0.9.1", 67, "10.32.73.129", 67, 300),
			 group = raw_udp("10.32.73.140", 68, "239.0.0.1", 67, 300),
			 dns = raw_udp("10.32.73.140", 4000, "10.0.1.10", 53, 30),
			 www = raw_tcp("10.32.73.140", 4000, "10.0.1.10", 80, 2, 0),
			 ospf = raw_ip("10.32.73.140", "224.0.0.5", 89, NULL, 0);
	const struct {
		const struct raw *raw;
		bool permit, out;
		uint32_t seq;
		const char *rule;
	} rows[] = {
		{ &discover, true, false, 30, "acl.dhcp4.in-any-broadcast" },
		{ &discover, true, true, 30, "acl.permit" },
		{ &renew, true, false, 20, "acl.dhcp4.in-pool-to-server" },
		{ &renew, true, true, 20, "acl.permit" },
		{ &offer, true, true, 30, "acl.dhcp4.out-server" },
		{ &offer, true, false, 30, "acl.permit" },
		{ &relayed, true, false, 30, "acl.permit" },
		{ &group, true, false, 30, "acl.permit" },
		{ &discover, false, false, 0, "acl.dhcp4.drop-not-permitted" },
		{ &offer, false, true, 0, "acl.dhcp4.drop-not-permitted" },
		{ &relayed, false, false, 0, "acl.dhcp4.drop-not-permitted" },
		{ &discover, false, false, 50, "acl.drop-denied" },
		{ &www, true, false, 40, "acl.permit" },
		{ &www, false, false, 50, "acl.drop-denied" },
		{ &www, false, false, 0, "acl.drop-implicit" },
		{ &dns, false, true, 0, "acl.drop-implicit" },
		{ &ospf, false, false, 0, "acl.drop-implicit" },
	};
	struct drv d;

	(void)state;
	setup(&d, conf);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		report(&d,
		       (struct acl_report){ .permit = rows[i].permit,
					    .out = rows[i].out,
					    .seq = rows[i].seq,
					    .ifid = 1 },
		       "DHCP", rows[i].raw);
		drv_expect_decision(&d, rows[i].rule);
		assert_int_equal(drv_count(&d, FX_DECIDE), 1);
	}
	drv_done(&d);
}

static void verdicts_tell_what_a_student_needs(void **state)
{
	const struct raw www = raw_tcp("10.32.73.140", 4000, "10.0.1.10", 80, 2, 0);
	const struct raw ospf = raw_ip("10.32.73.140", "224.0.0.5", 89, NULL, 0);
	static const struct acl_report r = { .permit = true, .seq = 10, .ifid = 2 };
	const struct fx_effect *e;
	struct sbuf text = SBUF(500);
	struct drv d;

	(void)state;
	setup(&d, "ip access-list extended WEB\n permit tcp any any eq 80\n");
	report(&d, r, "WEB", &www);
	e = drv_expect_decision(&d, "acl.permit");
	assert_string_equal(drv_value(e, "list"), "WEB");
	assert_string_equal(drv_value(e, "entry"), "10");
	assert_string_equal(drv_value(e, "line"), "permit tcp any any eq www");
	assert_string_equal(drv_value(e, "interface"), "eth1");
	assert_string_equal(drv_value(e, "protocol"), "tcp");
	assert_string_equal(drv_value(e, "src"), "10.32.73.140");
	assert_string_equal(drv_value(e, "dst"), "10.0.1.10");
	assert_string_equal(drv_value(e, "src_port"), "4000");
	assert_string_equal(drv_value(e, "dst_port"), "80");
	rule_sentence("{list} entry {entry} permitted {packet}", e->decide.values, &text);
	assert_string_equal(sbuf_text(&text),
			    "WEB entry 10 permitted tcp 10.32.73.140(4000) -> 10.0.1.10(80)");
	/* Without ports; and when the entry was taken away before its report came. */
	report(&d, r, "WEB", &ospf);
	assert_int_equal(
		val_find(drv_expect_decision(&d, "acl.permit")->decide.values, "src_port")->type,
		VT_NULL);
	drv_conf(&d, "ip access-list extended WEB\n no 10\n 10 deny ip any any\n");
	report(&d, r, "WEB", &www);
	e = drv_expect_decision(&d, "acl.permit");
	assert_string_equal(drv_value(e, "line"), "an entry that has been taken away since");
	drv_conf(&d, "no ip access-list extended WEB\n");
	report(&d, r, "WEB", &www);
	drv_expect_decision(&d, "acl.permit");
	sbuf_done(&text);
	drv_done(&d);
}

static void exceptions_for_special_addresses(void **state)
{
	const struct raw discover = raw_udp("0.0.0.0", 68, "255.255.255.255", 67, 300),
			 renew = raw_udp("10.32.73.140", 68, "10.32.73.129", 67, 300);
	static const struct acl_report r = { .permit = true, .seq = 30, .ifid = 1 };
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	setup(&d, EXAMPLE " 40 permit tcp any any\n");
	report(&d, r, "DHCP", &discover);
	drv_expect_no_decision(&d, "acl.dhcp4.special-addresses");
	drv_conf(&d, "ip access-list extended DHCP\n 90 deny ip host 0.0.0.0 any\n");
	report(&d, r, "DHCP", &discover);
	e = drv_expect_decision(&d, "acl.dhcp4.special-addresses");
	assert_string_equal(drv_value(e, "later"), "90");
	assert_string_equal(drv_value(e, "later_line"), "deny ip host 0.0.0.0 any");
	drv_expect_decision(&d, "acl.dhcp4.in-any-broadcast");
	drv_conf(&d, "ip access-list extended DHCP\n 80 permit udp any any\n 95 deny ip any any\n");
	report(&d, r, "DHCP", &discover);
	drv_expect_no_decision(&d, "acl.dhcp4.special-addresses");
	drv_conf(&d, "ip access-list extended DHCP\n no 80\n");
	report(&d, r, "DHCP", &renew);
	drv_expect_no_decision(&d, "acl.dhcp4.special-addresses");
	drv_done(&d);
}

static void odd_reports(void **state)
{
	const struct raw www = raw_tcp("10.32.73.140", 4000, "10.0.1.10", 80, 2, 0);
	struct ep none = { 0 };
	struct raw six = www;
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	setup(&d, EXAMPLE);
	report(&d, (struct acl_report){ .lost = 17 }, "DHCP", &www);
	e = drv_expect_decision(&d, "acl.report.lost");
	assert_string_equal(drv_value(e, "count"), "17");
	drv_expect_decision(&d, "acl.drop-implicit");
	six.data[0] = 0x60;
	report(&d, (struct acl_report){ 0 }, "DHCP", &six);
	drv_expect_decision(&d, "acl.report.drop-unreadable");
	drv_datagram(&d, ACL_SOCK_REPORTS, none, none, 1, "x", 1);
	drv_expect_decision(&d, "acl.report.drop-unreadable");
	drv_datagram(&d, ACL_SOCK_REPORTS + 1, none, none, 1, "x", 1);
	drv_expect_none(&d, FX_DECIDE);
	drv_done(&d);
}

/* ---- the entries' log ---- */

static void log_entries_speak_as_ios_does(void **state)
{
	const struct raw telnet = raw_tcp("10.0.0.2", 4000, "10.0.1.10", 23, 2, 0),
			 other = raw_tcp("10.0.0.2", 4001, "10.0.1.10", 23, 2, 0),
			 echo = raw_icmp("10.0.0.2", "10.0.1.10", 8, 0, 8),
			 ospf = raw_ip("10.0.0.2", "10.0.1.10", 89, NULL, 0);
	static const struct acl_report r = { .seq = 10, .ifid = 1 };
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	setup(&d, "access-list 101 deny ip any any log\naccess-list 102 deny ip any any\n");
	report(&d, r, "101", &telnet);
	e = drv_expect_decision(&d, "acl.log.first");
	assert_string_equal(
		drv_value(e, "message"),
		"%SEC-6-IPACCESSLOGP: list 101 denied tcp 10.0.0.2(4000) -> 10.0.1.10(23), "
		"1 packet");
	drv_expect_log(&d, drv_value(e, "message"));
	report(&d, r, "101", &telnet);
	drv_expect_no_decision(&d, "acl.log.first");
	drv_expect_none(&d, FX_LOG);
	report(&d, r, "101", &telnet);
	report(&d, r, "101", &other);
	drv_expect_decision(&d, "acl.log.first");
	report(&d, r, "101", &echo);
	e = drv_expect_decision(&d, "acl.log.first");
	assert_string_equal(
		drv_value(e, "message"),
		"%SEC-6-IPACCESSLOGDP: list 101 denied icmp 10.0.0.2 -> 10.0.1.10 (8/0), "
		"1 packet");
	report(&d, r, "101", &ospf);
	e = drv_expect_decision(&d, "acl.log.first");
	assert_string_equal(
		drv_value(e, "message"),
		"%SEC-6-IPACCESSLOGRP: list 101 denied ospf 10.0.0.2 -> 10.0.1.10, 1 packet");
	report(&d, r, "102", &telnet);
	drv_expect_no_decision(&d, "acl.log.first");
	drv_timer_until(&d, 299 * SEC);
	drv_expect_no_decision(&d, "acl.log.again");
	drv_timer_until(&d, 300 * SEC);
	e = drv_expect_decision(&d, "acl.log.again");
	assert_string_equal(
		drv_value(e, "message"),
		"%SEC-6-IPACCESSLOGP: list 101 denied tcp 10.0.0.2(4000) -> 10.0.1.10(23), "
		"2 packets");
	assert_int_equal(drv_count(&d, FX_DECIDE), 1);
	drv_timer_until(&d, 601 * SEC);
	drv_expect_none(&d, FX_DECIDE);
	assert_int_equal(drv_deadline(&d), NEVER);
	/* Silent for an interval: the next packet is a first one. */
	report(&d, r, "101", &telnet);
	drv_expect_decision(&d, "acl.log.first");
	drv_done(&d);
}

static void many_conversations_make_room(void **state)
{
	static const struct acl_report r = { .seq = 10, .ifid = 1 };
	struct drv d;

	(void)state;
	setup(&d, "access-list 101 deny ip any any log\n");
	for (uint16_t i = 0; i < 300; i++) {
		const struct raw raw = raw_tcp("10.0.0.2", i, "10.0.1.10", 23, 2, 0);

		d.now += SEC / 10;
		report(&d, r, "101", &raw);
		drv_expect_decision(&d, "acl.log.first");
	}
	for (uint16_t i = 299; i > 43; i--) {
		const struct raw raw = raw_tcp("10.0.0.2", i, "10.0.1.10", 23, 2, 0);

		report(&d, r, "101", &raw);
		drv_expect_no_decision(&d, "acl.log.first");
	}
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_opened_without_a_binding),
		cmocka_unit_test(others_ask_about_addresses),
		cmocka_unit_test(what_is_bound_goes_to_the_kernel),
		cmocka_unit_test(each_change_of_a_binding_is_told),
		cmocka_unit_test(the_example_is_understood),
		cmocka_unit_test(a_refusal_is_told_and_tried_again),
		cmocka_unit_test(each_verdict_has_its_rule),
		cmocka_unit_test(verdicts_tell_what_a_student_needs),
		cmocka_unit_test(exceptions_for_special_addresses),
		cmocka_unit_test(odd_reports),
		cmocka_unit_test(log_entries_speak_as_ios_does),
		cmocka_unit_test(many_conversations_make_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
