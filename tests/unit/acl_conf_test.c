#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "acl/acl_int.h"
#include "machine_driver.h"

/* drv_init() knows lines in interfaces, not the line that enters them. */
static int set_interface(void *conf, const struct call *call)
{
	(void)conf, (void)call;
	return 0;
}

static const struct cmd interface_rows[] = {
	{ MODE_CONFIG, "interface IFNAME", "Configure an interface", .enters = MODE_IF,
	  .set = set_interface },
	{ 0 },
};

static void setup(struct drv *d)
{
	const struct grammar_table tables[] = { { acl_proto.cmds, 0 }, { interface_rows, 0 } };

	drv_init(d, &acl_proto, KIND_ROUTER, 2);
	grammar_free(d->grammar);
	d->grammar = grammar_new(tables, ARRAY_SIZE(tables), KIND_ROUTER, &drv_grammar_ifaces);
}

static const struct acl_lists *lists_of(const struct drv *d)
{
	return &((const struct acl_conf *)d->conf)->lists;
}

static void expect_running(struct drv *d, const char *expected)
{
	assert_string_equal(drv_running(d), expected);
}

/* The printed configuration, read by another device, gives the same lists and prints the same. */
static void expect_stable(struct drv *d)
{
	char *text = strdup(drv_running(d));
	struct drv other;

	setup(&other);
	drv_conf(&other, text);
	assert_string_equal(drv_running(&other), text);
	assert_int_equal(lists_of(&other)->n_lists, lists_of(d)->n_lists);
	for (unsigned i = 0; i < lists_of(d)->n_lists; i++) {
		const struct acl_list *a = &lists_of(d)->lists[i];
		const struct acl_list *b = acl_list_find(lists_of(&other), a->name);

		assert_non_null(b);
		assert_int_equal(a->n_lines, b->n_lines);
		for (unsigned k = 0; k < a->n_lines; k++) {
			assert_true(acl_line_same(&a->lines[k], &b->lines[k]));
			if (!a->numbered)
				assert_int_equal(a->lines[k].seq, b->lines[k].seq);
		}
	}
	free(text);
	drv_done(&other);
}

static void the_example_of_the_lesson(void **state)
{
	struct drv d;

	(void)state;
	setup(&d);
	drv_conf(&d, "ip access-list extended DHCP\n"
		     "10 permit udp host 0.0.0.0 eq bootpc host 10.32.73.129 eq bootps\n"
		     "20 permit udp 10.32.73.128 0.0.0.63 eq bootpc host 10.32.73.129 eq bootps\n"
		     "30 permit udp any eq bootpc host 255.255.255.255 eq bootps\n");
	expect_running(
		&d, "!\nip access-list extended DHCP\n"
		    " 10 permit udp host 0.0.0.0 eq bootpc host 10.32.73.129 eq bootps\n"
		    " 20 permit udp 10.32.73.128 0.0.0.63 eq bootpc host 10.32.73.129 eq bootps\n"
		    " 30 permit udp any eq bootpc host 255.255.255.255 eq bootps\n!\nend\n");
	expect_stable(&d);
	drv_done(&d);
}

static void numbered_lists(void **state)
{
	const struct acl_list *list;
	struct drv d;

	(void)state;
	setup(&d);
	drv_conf(&d, "access-list 101 remark for the campus\n"
		     "access-list 101 permit udp host 0.0.0.0 eq 68 host 10.32.73.129 eq 67\n"
		     "access-list 101 den tcp any any eq 23 log\n"
		     "access-list 101 permit ip any any\n"
		     "access-list 101 permit ip any any\n"
		     "access-list 10 permit 10.0.0.7 0.0.0.255\n"
		     "access-list 2000 permit ip any any\n"
		     "access-list 1300 permit any\n");
	expect_running(
		&d,
		"access-list 101 remark for the campus\n"
		"access-list 101 permit udp host 0.0.0.0 eq bootpc host 10.32.73.129 eq bootps\n"
		"access-list 101 deny tcp any any eq telnet log\n"
		"access-list 101 permit ip any any\n"
		"access-list 10 permit 10.0.0.0 0.0.0.255\n"
		"access-list 2000 permit ip any any\n"
		"access-list 1300 permit any\n!\nend\n");
	expect_stable(&d);
	list = acl_list_find(lists_of(&d), "101");
	assert_int_equal(list->n_lines, 3);
	assert_int_equal(list->lines[0].seq, 10);
	assert_int_equal(list->lines[2].seq, 30);
	assert_true(list->extended);
	assert_false(acl_list_find(lists_of(&d), "10")->extended);
	/* As on the real device: any "no" line takes the whole list. */
	drv_conf(&d, "no access-list 101 permit ip any any\nno access-list 10\n");
	assert_null(acl_list_find(lists_of(&d), "101"));
	expect_running(&d, "access-list 2000 permit ip any any\naccess-list 1300 permit any\n"
			   "!\nend\n");
	drv_conf(&d, "no access-list 101\n");
	drv_done(&d);
}

static void a_sections_entries_have_numbers(void **state)
{
	struct drv d;

	(void)state;
	setup(&d);
	drv_conf(&d, "ip access-list extended WEB\n"
		     " remark only the web\n"
		     " permit tcp any any eq www\n"
		     " permit icmp any any\n"
		     " 15 deny icmp any host 10.0.0.1\n"
		     " 40 remark the rest\n"
		     " deny ip any any\n");
	expect_running(&d, "!\nip access-list extended WEB\n remark only the web\n"
			   " 10 permit tcp any any eq www\n 20 permit icmp any any\n"
			   " 15 deny icmp any host 10.0.0.1\n 40 remark the rest\n"
			   " 50 deny ip any any\n!\nend\n");
	expect_stable(&d);
	/* By number, by words, and the number of a remark. */
	drv_conf(&d,
		 "ip access-list extended WEB\n no 20\n no deny icmp any host 10.0.0.1\n no 40\n"
		 " no remark only the web\n");
	expect_running(&d, "!\nip access-list extended WEB\n 10 permit tcp any any eq www\n"
			   " 50 deny ip any any\n!\nend\n");
	expect_stable(&d);
	/* An equal entry is taken in silence, wherever it is put. */
	drv_conf(&d, "ip access-list extended WEB\n permit tcp any any eq 80\n"
		     " 70 deny ip any any\n no 50 deny ip any any\n");
	expect_running(&d,
		       "!\nip access-list extended WEB\n 10 permit tcp any any eq www\n!\nend\n");
	drv_conf(&d, "no ip access-list extended WEB\n");
	assert_int_equal(lists_of(&d)->n_lists, 0);
	expect_running(&d, "!\nend\n");
	drv_done(&d);
}

static void standard_sections(void **state)
{
	struct drv d;

	(void)state;
	setup(&d);
	drv_conf(&d, "ip access-list standard 20\n permit host 10.0.0.1\n deny 10.0.0.0 0.0.0.255\n"
		     " permit any log\n");
	expect_running(&d, "!\nip access-list standard 20\n 10 permit 10.0.0.1\n"
			   " 20 deny 10.0.0.0 0.0.0.255\n 30 permit any log\n!\nend\n");
	expect_stable(&d);
	drv_done(&d);
}

static void bindings(void **state)
{
	const struct acl_use *use;
	struct drv d;

	(void)state;
	setup(&d);
	drv_conf(&d, "interface eth0\n ip access-group 101 in\n ip access-group WEB out\n"
		     "interface eth1\n ip access-group 101 in\n");
	assert_int_equal(lists_of(&d)->n_uses, 3);
	drv_conf(&d, "interface eth0\n ip access-group 102 in\n");
	use = acl_use_find(lists_of(&d), 1, false);
	assert_string_equal(use->list, "102");
	assert_string_equal(acl_use_find(lists_of(&d), 1, true)->list, "WEB");
	expect_running(&d, "!\ninterface eth0\n ip access-group 102 in\n ip access-group WEB out\n"
			   "!\ninterface eth1\n ip access-group 101 in\n!\nend\n");
	expect_stable(&d);
	drv_conf(&d, "interface eth0\n no ip access-group 102 in\n no ip access-group WEB OUT\n");
	assert_int_equal(lists_of(&d)->n_uses, 1);
	expect_running(&d,
		       "!\ninterface eth0\n!\ninterface eth1\n ip access-group 101 in\n!\nend\n");
	drv_done(&d);
}

static void refusals(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "access-list 200 permit ip any any\n",
		  "1:13: IPv4 lists have the numbers 1-199 and 1300-2699" },
		{ "access-list 101 permit tcp any any eq bogus\n",
		  "1:13: expected a port (0-65535 or a name), not 'bogus'" },
		{ "access-list 10 permit ip any any\n",
		  "1:13: expected any, host or an address, not 'ip'" },
		{ "no access-list\n", "1:1: say which list: no access-list NUMBER" },
		{ "ip access-list extended 10\n",
		  "1:25: extended lists have the numbers 100-199 and 2000-2699" },
		{ "ip access-list standard 101\n",
		  "1:25: standard lists have the numbers 1-99 and 1300-1999" },
		{ "ip access-list extended 1st\n",
		  "1:25: a list's name begins with a letter or is a number" },
		{ "ip access-list extended \"a b\"\n",
		  "1:26: a list's name has letters, digits and signs only" },
		{ "ip access-list extended .x\n",
		  "1:25: a list's name begins with a letter or is a number" },
		{ "ip access-list extended FIXED\n 10 permit udp any any\n",
		  "2:2: access list FIXED has an entry 10 already: take it away first (no 10)" },
		{ "ip access-list standard FIXED\n", "1:25: list FIXED is an extended one" },
		{ "ip access-list extended FIXED\n no 30\n",
		  "2:5: access list FIXED has no entry 30" },
		{ "ip access-list extended FIXED\n no permit udp any any\n",
		  "2:5: access list FIXED has no such entry" },
		{ "ip access-list extended FIXED\n no permit\n",
		  "2:5: say which entry, by its number or its words" },
		{ "ip access-list extended FIXED\n 2147483647 deny udp any any\n permit gre any "
		  "any\n",
		  "3:2: no number is left behind the last entry of the list" },
		{ "access-list 150 permit ip any any\nip access-list extended 150\n",
		  "2:25: list 150 is kept by access-list lines: no access-list 150 first" },
		{ "ip access-list extended 151\n permit ip any any\n!\naccess-list 151 deny ip any "
		  "any\n",
		  "4:13: list 151 is a section: go on with ip access-list extended 151" },
		{ "ip access-list extended 152\n!\nno access-list 152\n",
		  "3:16: list 152 is a section: take it away with no ip access-list extended 152" },
		{ "interface eth0\n no ip access-group\n",
		  "2:2: say which: no ip access-group LIST in or out" },
		{ "interface eth0\n no ip access-group 101\n",
		  "2:21: say which: no ip access-group LIST in or out" },
		{ "interface eth0\n no ip access-group 101 in\n",
		  "2:21: access list 101 is not bound in here" },
	};
	struct drv d;

	(void)state;
	setup(&d);
	drv_conf(&d, "ip access-list extended FIXED\n permit tcp any any\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(drv_conf_refused(&d, rows[i].text), rows[i].why);
	drv_done(&d);
}

static void there_are_maxima(void **state)
{
	struct sbuf text = SBUF(1 << 20);
	struct drv d;

	(void)state;
	setup(&d);
	sbuf_puts(&text, "ip access-list extended BIG\n");
	for (unsigned i = 1; i <= ACL_LINES_MAX; i++)
		sbuf_printf(&text, " permit ip host 10.0.%u.%u any\n", i / 256, i % 256);
	drv_conf(&d, sbuf_text(&text));
	assert_non_null(strstr(drv_conf_refused(&d, "access-list 101 permit ip any any\n"),
			       "as many lines as are allowed"));
	drv_conf(&d, "no ip access-list extended BIG\nno access-list 101\n");
	sbuf_reset(&text);
	for (unsigned i = 0; i < ACL_LISTS_MAX; i++)
		sbuf_printf(&text, "ip access-list standard L%u\n", i);
	drv_conf(&d, sbuf_text(&text));
	assert_non_null(strstr(drv_conf_refused(&d, "ip access-list standard M\n"),
			       "as many access lists as are allowed"));
	sbuf_done(&text);
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_the_lesson),
		cmocka_unit_test(numbered_lists),
		cmocka_unit_test(a_sections_entries_have_numbers),
		cmocka_unit_test(standard_sections),
		cmocka_unit_test(bindings),
		cmocka_unit_test(refusals),
		cmocka_unit_test(there_are_maxima),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
