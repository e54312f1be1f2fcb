/* The entries' counters: shown, cleared, kept through a change, told as facts. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "acl_driver.h"

/* ---- counters ---- */

static void show(struct drv *d, const char *line, const struct counted *rows, size_t n,
		 const char *expected)
{
	drv_command(d, line);
	answer(d, drv_next_ask(d), rows, n);
	assert_int_equal(d->status, 0);
	assert_string_equal(drv_output(d), expected);
}

static void shows_lists_and_matches(void **state)
{
	static const struct counted rows[] = {
		{ "101", 10, 1 }, { "101", 20, 3 }, { "101", 20, 2 },
		{ "101", 0, 7 },  { "gone", 1, 1 },
	};
	struct drv d;

	(void)state;
	setup(&d, "access-list 101 permit tcp any any eq www\naccess-list 101 deny ip any any log\n"
		  "access-list 10 permit 10.0.0.0 0.0.0.255\naccess-list 10 permit host 10.0.1.1\n"
		  "ip access-list extended X\n 5 remark nothing\n"
		  "interface eth0\n ip access-group 101 in\n ip access-group 101 out\n");
	answer(&d, drv_next_ask(&d), NULL, 0);
	show(&d, "show access-lists", rows, ARRAY_SIZE(rows),
	     "Extended IP access list 101\n"
	     "    10 permit tcp any any eq www (1 match)\n"
	     "    20 deny ip any any log (5 matches)\n"
	     "Standard IP access list 10\n"
	     "    10 permit 10.0.0.0, wildcard bits 0.0.0.255\n"
	     "    20 permit 10.0.1.1\n"
	     "Extended IP access list X\n");
	drv_expect_decision(&d, "acl.show.lists");
	show(&d, "show ip access-list 10", NULL, 0,
	     "Standard IP access list 10\n"
	     "    10 permit 10.0.0.0, wildcard bits 0.0.0.255\n"
	     "    20 permit 10.0.1.1\n");
	drv_command(&d, "show access-lists 99");
	assert_int_equal(d.status, 1);
	assert_string_equal(drv_output(&d), "% There is no access list 99\n");
	drv_done(&d);
}

static void an_unreadable_counter_is_told(void **state)
{
	struct answer a = { .err = -EPERM, .why = "no permission" };
	struct drv d;

	(void)state;
	setup(&d, "access-list 101 permit ip any any\n");
	drv_command(&d, "show access-lists");
	drv_answer(&d, drv_next_ask(&d)->ask.ask_id, &a);
	assert_int_equal(d.status, 1);
	assert_string_equal(drv_output(&d),
			    "% The kernel's counters cannot be read: no permission\n");
	drv_answer(&d, 7, &a); /* nobody waits for that one */
	drv_done(&d);
}

static void commands_wait_in_a_bounded_place(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, "access-list 101 permit ip any any\n");
	for (int i = 0; i < ACL_WAITING_MAX; i++)
		drv_command(&d, "show access-lists");
	drv_command(&d, "show access-lists");
	assert_int_equal(d.status, 1);
	assert_string_equal(drv_output(&d), "% Too many commands wait for the counters\n");
	drv_done(&d);
}

static void counts_outlive_a_change(void **state)
{
	static const struct counted before[] = { { "101", 10, 4 }, { "101", 20, 6 } };
	static const struct counted after[] = { { "101", 10, 1 }, { "101", 20, 1 } };
	struct drv d;

	(void)state;
	setup(&d, "ip access-list extended 101\n permit tcp any any\n permit udp any any\n"
		  "interface eth0\n ip access-group 101 in\n");
	answer(&d, drv_next_ask(&d), NULL, 0);
	/* Entry 20 becomes another one, entry 10 stays. */
	drv_conf(&d, "ip access-list extended 101\n no 20\n 20 permit icmp any any\n");
	answer(&d, drv_next_ask(&d), before, 2);
	show(&d, "show access-lists", after, 2,
	     "Extended IP access list 101\n    10 permit tcp any any (5 matches)\n"
	     "    20 permit icmp any any (1 match)\n");
	/* A refused set: the kernel goes on counting where it was. */
	drv_conf(&d, "ip access-list extended 101\n 30 permit gre any any\n");
	{
		const struct fx_effect *acl = drv_want(&d, FX_ACL, "access list");
		struct fx_effect copy = *acl;

		answer(&d, drv_next_ask(&d), after, 2);
		drv_failed(&d, &copy, 0, ENOBUFS);
	}
	show(&d, "show access-lists", after, 2,
	     "Extended IP access list 101\n    10 permit tcp any any (5 matches)\n"
	     "    20 permit icmp any any (1 match)\n    30 permit gre any any\n");
	drv_done(&d);
}

static void clear_counts_from_zero(void **state)
{
	static const struct counted rows[] = { { "101", 10, 4 }, { "102", 10, 6 } };
	static const struct counted later[] = { { "101", 10, 5 }, { "102", 10, 8 } };
	struct drv d;

	(void)state;
	setup(&d, "access-list 101 permit ip any any\naccess-list 102 permit ip any any\n"
		  "interface eth0\n ip access-group 101 in\n ip access-group 102 out\n");
	answer(&d, drv_next_ask(&d), NULL, 0);
	show(&d, "clear access-list counters 101", rows, 2, "");
	drv_expect_decision(&d, "acl.counters.clear");
	show(&d, "show access-lists", later, 2,
	     "Extended IP access list 101\n    10 permit ip any any (1 match)\n"
	     "Extended IP access list 102\n    10 permit ip any any (8 matches)\n");
	show(&d, "clear ip access-list counters", later, 2, "");
	show(&d, "show access-lists", later, 2,
	     "Extended IP access list 101\n    10 permit ip any any\n"
	     "Extended IP access list 102\n    10 permit ip any any\n");
	drv_done(&d);
}

static void matches_become_facts(void **state)
{
	const struct raw www = raw_tcp("10.0.0.2", 4000, "10.0.1.10", 80, 2, 0);
	static const struct counted first[] = { { "101", 10, 4 }, { "101", 0, 1 } };
	static const struct counted then[] = { { "101", 10, 6 }, { "101", 0, 1 } };
	static const struct acl_report r = { .permit = true, .seq = 10, .ifid = 1 };
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	setup(&d, "ip access-list extended 101\n permit ip any any\n"
		  "interface eth0\n ip access-group 101 in\n");
	answer(&d, drv_next_ask(&d), NULL, 0);
	report(&d, r, "101", &www);
	report(&d, r, "101", &www);
	assert_int_equal(drv_deadline(&d), SEC);
	drv_timer(&d);
	answer(&d, drv_next_ask(&d), first, 2);
	e = drv_expect_fact(&d, FX_FACT_BEGIN, "acl_hit", "101/10");
	assert_string_equal(drv_value(e, "matches"), "4");
	assert_string_equal(drv_value(e, "action"), "permit");
	assert_string_equal(drv_value(e, "line"), "permit ip any any");
	e = drv_expect_fact(&d, FX_FACT_BEGIN, "acl_hit", "101/0");
	assert_string_equal(drv_value(e, "action"), "deny");
	/* Only what has changed; nothing when nothing was reported. */
	assert_int_equal(drv_deadline(&d), NEVER);
	report(&d, r, "101", &www);
	drv_timer(&d);
	answer(&d, drv_next_ask(&d), then, 2);
	assert_int_equal(drv_count(&d, FX_FACT_BEGIN), 1);
	/* The entry goes, and its fact with it. */
	drv_conf(&d, "ip access-list extended 101\n no 10\n 10 deny ip any any\n");
	answer(&d, drv_next_ask(&d), then, 2);
	drv_expect_fact(&d, FX_FACT_END, "acl_hit", "101/10");
	assert_int_equal(drv_count(&d, FX_FACT_END), 1);
	drv_conf(&d,
		 "interface eth0\n no ip access-group 101 in\nno ip access-list extended 101\n");
	answer(&d, drv_next_ask(&d), NULL, 0);
	drv_expect_fact(&d, FX_FACT_END, "acl_hit", "101/0");
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_lists_and_matches),
		cmocka_unit_test(an_unreadable_counter_is_told),
		cmocka_unit_test(commands_wait_in_a_bounded_place),
		cmocka_unit_test(counts_outlive_a_change),
		cmocka_unit_test(clear_counts_from_zero),
		cmocka_unit_test(matches_become_facts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
