#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf_reader.h"
#include "base/sbuf.h"

/* A configuration object that remembers each call. */
struct notes {
	struct sbuf calls;
};

static int set(void *conf, const struct call *call)
{
	struct notes *notes = conf;

	sbuf_printf(&notes->calls, "[%s]%s", call->section, call->no ? " no" : "");
	for (unsigned i = 0; i < call->n_args; i++)
		sbuf_printf(&notes->calls, " %s",
			    call->args[i].type == ARG_NONE ? "-" : call->args[i].text);
	sbuf_puts(&notes->calls, "\n");
	if (call->n_args && strcmp(call->args[0].text, "bad") == 0) {
		sbuf_puts(call->reterr, "bad is not allowed");
		return -EINVAL;
	}
	if (call->n_args && strcmp(call->args[0].text, "worse") == 0)
		return -EINVAL;
	if (call->n_args && strcmp(call->args[0].text, "odd") == 0)
		sbuf_puts(call->retwarn, "odd is unusual");
	return 0;
}

/* Gives an entry without a number one, and finds "no entry WORD" by its word. */
static int set_entry(void *conf, const struct call *call)
{
	(void)conf;
	if (call->args[0].type == ARG_NUMBER)
		return 0;
	sbuf_printf(call->retline, call->no ? "no entry 7" : "entry 7 %s", call->args[1].text);
	return 0;
}

// clang-format off
static const struct cmd one[] = {
	{ MODE_CONFIG, "hostname WORD", "x", .flags = CMD_NO, .set = set },
	{ MODE_CONFIG, "interface IFNAME", "x", .flags = CMD_NO, .enters = MODE_IF, .set = set },
	{ MODE_CONFIG, "ip route A.B.C.D A.B.C.D A.B.C.D", "x", .flags = CMD_NO | CMD_MULTI, .set = set },
	{ MODE_CONFIG, "ip host WORD IP", "x", .flags = CMD_NO | CMD_MULTI | CMD_KEYED, .set = set },
	{ MODE_CONFIG, "ip domain lookup", "x", .flags = CMD_NO, .set = set },
	{ MODE_CONFIG, "username WORD password WORD", "x", .flags = CMD_NO | CMD_MULTI | CMD_KEYED | CMD_SECRET, .set = set },
	{ MODE_IF, "ip address A.B.C.D A.B.C.D", "x", .flags = CMD_NO, .replaces = "ip address", .set = set },
	{ MODE_IF, "description LINE", "x", .flags = CMD_NO, .set = set },
	{ MODE_IF, "shutdown", "x", .flags = CMD_NO, .set = set },
	{ MODE_EXEC, "show version", "x" },
	{ 0 },
};
static const struct cmd two[] = {
	{ MODE_IF, "ip address dhcp", "x", .flags = CMD_NO, .replaces = "ip address", .set = set },
	{ MODE_CONFIG, "ip dhcp pool WORD", "x", .flags = CMD_NO, .enters = "pool", .set = set },
	{ "pool", "network A.B.C.D A.B.C.D", "x", .flags = CMD_NO, .set = set },
	{ "pool", "option <1-254> WORD", "x", .flags = CMD_NO | CMD_MULTI | CMD_KEYED, .set = set },
	{ "pool", "entry [<1-99>] WORD", "x", .flags = CMD_NO | CMD_MULTI, .set = set_entry },
	{ "pool", "class WORD", "x", .flags = CMD_NO, .enters = "class", .set = set },
	{ "pool", "hostname WORD", "x", .flags = CMD_NO, .set = set },
	{ "pool", "remark WORD", "x", .flags = CMD_NO, .set = set },
	{ "class", "remark WORD", "x", .flags = CMD_NO, .set = set },
	{ "class", "range A.B.C.D A.B.C.D", "x", .flags = CMD_NO, .set = set },
	{ 0 },
};
// clang-format on

struct world {
	struct notes notes[2];
	void *confs[2];
	struct conf_target target;
	struct conf_ctx ctx;
	struct conf_result res;
	struct sbuf issues;
};

static void setup(struct world *w)
{
	const struct grammar_table tables[] = { { one, 0 }, { two, 1 } };

	*w = (struct world){ .notes = { { SBUF(100000) }, { SBUF(100000) } },
			     .issues = SBUF(100000) };
	w->confs[0] = &w->notes[0];
	w->confs[1] = &w->notes[1];
	w->target = (struct conf_target){
		.grammar = grammar_new(tables, 2, KIND_ROUTER, NULL),
		.tree = conf_tree_new(),
		.confs = w->confs,
	};
}

static void teardown(struct world *w)
{
	conf_tree_free(w->target.tree);
	grammar_free((struct grammar *)(uintptr_t)w->target.grammar);
	sbuf_done(&w->notes[0].calls);
	sbuf_done(&w->notes[1].calls);
	sbuf_done(&w->issues);
}

static void note_issue(void *arg, const struct conf_issue *issue)
{
	struct world *w = arg;

	sbuf_printf(&w->issues, "%u:%u: %s%s\n", issue->line, issue->column,
		    issue->warning ? "warning: " : "", issue->text);
}

static int read_text(struct world *w, const char *text)
{
	return conf_read(&w->target, text, note_issue, NULL, w);
}

static int line(struct world *w, const char *text)
{
	return conf_apply(&w->target, &w->ctx, text, &w->res);
}

static void expect_running(struct world *w, const char *expected)
{
	struct sbuf out = SBUF(100000);

	conf_tree_print(w->target.tree, &out);
	assert_string_equal(sbuf_text(&out), expected);
	sbuf_done(&out);
}

/* Reading what was printed gives the same again, and the same calls as any first reading. */
static void expect_replay(struct world *w)
{
	struct sbuf first = SBUF(100000), again = SBUF(100000);
	struct world copy;

	setup(&copy);
	conf_tree_print(w->target.tree, &first);
	assert_int_equal(read_text(&copy, sbuf_text(&first)), 0);
	conf_tree_print(copy.target.tree, &again);
	assert_string_equal(sbuf_text(&first), sbuf_text(&again));
	assert_int_equal(conf_tree_n_lines(w->target.tree), conf_tree_n_lines(copy.target.tree));
	teardown(&copy);
	sbuf_done(&first);
	sbuf_done(&again);
}

struct text_case {
	const char *text, *running;
};

static const struct text_case texts[] = {
	{ "", "!\nend\n" },
	{ "! a comment\nversion 15.1\n\nend\n", "!\nend\n" },
	{ "int gi0/0\n ip add 10.0.0.1 255.0.0.0\n desc to the  core\nhost r1\n",
	  "hostname r1\n!\ninterface GigabitEthernet0/0\n ip address 10.0.0.1 255.0.0.0\n"
	  " description to the  core\n!\nend\n" },
	/* one value replaces, several stand side by side, keyed ones replace their like */
	{ "hostname a\nhostname b\n", "hostname b\n!\nend\n" },
	{ "ip route 1.0.0.0 255.0.0.0 2.2.2.2\nip route 1.0.0.0 255.0.0.0 3.3.3.3\n"
	  "ip route 1.0.0.0 255.0.0.0 2.2.2.2\n",
	  "ip route 1.0.0.0 255.0.0.0 2.2.2.2\nip route 1.0.0.0 255.0.0.0 "
	  "3.3.3.3\n!\nend\n" },
	{ "ip host a 1.1.1.1\nip host b 2.2.2.2\nip host a 3.3.3.3\n",
	  "ip host a 3.3.3.3\nip host b 2.2.2.2\n!\nend\n" },
	/* no */
	{ "hostname a\nno hostname\n", "!\nend\n" },
	{ "hostname a\nno hostname b\n", "!\nend\n" },
	{ "ip route 1.0.0.0 255.0.0.0 2.2.2.2\nip route 1.0.0.0 255.0.0.0 3.3.3.3\n"
	  "no ip route 1.0.0.0 255.0.0.0 2.2.2.2\n",
	  "ip route 1.0.0.0 255.0.0.0 3.3.3.3\n!\nend\n" },
	{ "ip route 1.0.0.0 255.0.0.0 2.2.2.2\nip route 1.0.0.0 255.0.0.0 3.3.3.3\n"
	  "ip route 10.0.0.0 255.0.0.0 3.3.3.3\nno ip route 1.0.0.0\n",
	  "ip route 10.0.0.0 255.0.0.0 3.3.3.3\n!\nend\n" },
	{ "ip host a 1.1.1.1\nip host b 2.2.2.2\nno ip host a 9.9.9.9\n",
	  "ip host b 2.2.2.2\n!\nend\n" },
	{ "ip host a 1.1.1.1\nip host b 2.2.2.2\nno ip host\n", "!\nend\n" },
	/* switches keep their no form */
	{ "no ip domain lookup\n", "no ip domain lookup\n!\nend\n" },
	{ "no ip domain lookup\nip domain lookup\n", "ip domain lookup\n!\nend\n" },
	{ "int e0\n shut\n no shut\n", "!\ninterface eth0\n no shutdown\n!\nend\n" },
	/* sections */
	{ "ip dhcp pool A\n network 1.0.0.0 255.0.0.0\nip dhcp pool B\nip dhcp pool A\n"
	  " option 3 x\n option 4 y\n option 3 z\nno ip dhcp pool B\n",
	  "!\nip dhcp pool A\n network 1.0.0.0 255.0.0.0\n option 3 z\n option 4 "
	  "y\n!\nend\n" },
	{ "ip dhcp pool A\n class C\n  range 1.1.1.1 1.1.1.2\n hostname h\n",
	  "!\nip dhcp pool A\n hostname h\n class C\n  range 1.1.1.1 1.1.1.2\n!\nend\n" },
	{ "ip dhcp pool A\n class C\n  range 1.1.1.1 1.1.1.2\n remark h\n",
	  "!\nip dhcp pool A\n remark h\n class C\n  range 1.1.1.1 1.1.1.2\n!\nend\n" },
	{ "ip dhcp pool A\nclass C\nremark h\n",
	  "!\nip dhcp pool A\n class C\n  remark h\n!\nend\n" },
	/* what is known further out leaves the section; exit and end too */
	{ "int e0\nip route 1.0.0.0 255.0.0.0 2.2.2.2\nhostname x\n",
	  "hostname x\nip route 1.0.0.0 255.0.0.0 2.2.2.2\n!\ninterface eth0\n!\nend\n" },
	{ "ip dhcp pool A\nexit\nhostname x\n", "hostname x\n!\nip dhcp pool A\n!\nend\n" },
	{ "ip dhcp pool A\nclass C\nend\nhostname x\n",
	  "hostname x\n!\nip dhcp pool A\n class C\n!\nend\n" },
	/* in a section without indentation a line is the section's first ... */
	{ "ip dhcp pool A\nhostname x\n", "!\nip dhcp pool A\n hostname x\n!\nend\n" },
	/* ... in an indented one it is the top's */
	{ "ip dhcp pool A\n network 1.0.0.0 255.0.0.0\nhostname x\n",
	  "hostname x\n!\nip dhcp pool A\n network 1.0.0.0 255.0.0.0\n!\nend\n" },
	{ "ip dhcp pool A\n network 1.0.0.0 255.0.0.0\nclass C\n",
	  "!\nip dhcp pool A\n network 1.0.0.0 255.0.0.0\n class C\n!\nend\n" },
	/* one line takes the other's place, whoever owns it */
	{ "int e0\n ip address 1.1.1.1 255.0.0.0\n ip address dhcp\n",
	  "!\ninterface eth0\n ip address dhcp\n!\nend\n" },
	{ "int e0\n ip address dhcp\n ip address 1.1.1.1 255.0.0.0\n",
	  "!\ninterface eth0\n ip address 1.1.1.1 255.0.0.0\n!\nend\n" },
	{ "int e0\n ip address dhcp\n no ip address\n", "!\ninterface eth0\n!\nend\n" },
	{ "username a password \"b c\"\r\n", "username a password \"b c\"\n!\nend\n" },
};

static void texts_become_canonical(void **state)
{

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct world w;

		setup(&w);
		if (read_text(&w, texts[i].text) < 0)
			fail_msg("%s: %s", texts[i].text, sbuf_text(&w.issues));
		expect_running(&w, texts[i].running);
		expect_replay(&w);
		teardown(&w);
	}
}

static void owners_are_called(void **state)
{
	struct world w;

	(void)state;
	setup(&w);
	assert_int_equal(read_text(&w,
				   "interface e0\n ip address 1.1.1.1 255.0.0.0\n ip address dhcp\n"
				   " no ip address\n"),
			 0);
	assert_string_equal(sbuf_text(&w.notes[0].calls), "[] eth0\n[eth0] 1.1.1.1 255.0.0.0\n"
							  "[eth0] no 1.1.1.1 255.0.0.0\n"
							  "[eth0] no - -\n");
	assert_string_equal(sbuf_text(&w.notes[1].calls), "[eth0]\n[eth0] no\n");
	teardown(&w);
}

static void refused_lines_change_nothing(void **state)
{
	struct world w;

	(void)state;
	setup(&w);
	assert_int_equal(line(&w, "hostname good"), 0);
	assert_int_equal(w.res.changed, 1);
	assert_string_equal(w.res.line, "hostname good");
	assert_int_equal(line(&w, "hostname bad"), -EINVAL);
	assert_string_equal(w.res.text, "bad is not allowed");
	assert_int_equal(w.res.column, 10);
	assert_int_equal(w.res.error.status, GRAMMAR_OK);
	assert_int_equal(line(&w, "hostname worse"), -EINVAL);
	assert_string_equal(w.res.text, "refused: Invalid argument");
	assert_int_equal(line(&w, "ip dhcp pool bad"), -EINVAL);
	assert_string_equal(conf_ctx_mode(&w.ctx), MODE_CONFIG);
	assert_int_equal(line(&w, "hostname odd"), 0);
	assert_string_equal(w.res.text, "odd is unusual");
	assert_int_equal(line(&w, "hostnaem x"), -EINVAL);
	assert_int_equal(w.res.error.status, GRAMMAR_INVALID);
	assert_int_equal(line(&w, "show version"), -EINVAL);
	expect_running(&w, "hostname odd\n!\nend\n");
	teardown(&w);
}

/* A line that is refused gives back what it would have replaced. */
static void refused_replacement_is_undone(void **state)
{
	static const struct cmd rows[] = {
		{ MODE_CONFIG, "use WORD", "x", .flags = CMD_NO, .replaces = "use", .set = set },
		{ MODE_CONFIG, "use number <1-9>", "x", .flags = CMD_NO, .replaces = "use",
		  .set = set },
		{ 0 },
	};
	const struct grammar_table table = { rows, 0 };
	struct world w;

	(void)state;
	setup(&w);
	grammar_free((struct grammar *)(uintptr_t)w.target.grammar);
	w.target.grammar = grammar_new(&table, 1, KIND_PC, NULL);
	assert_int_equal(line(&w, "use number 5"), 0);
	assert_int_equal(line(&w, "use bad"), -EINVAL);
	assert_string_equal(sbuf_text(&w.notes[0].calls), "[] 5\n[] no 5\n[] bad\n[] 5\n");
	expect_running(&w, "use number 5\n!\nend\n");
	assert_int_equal(line(&w, "use this"), 0);
	expect_running(&w, "use this\n!\nend\n");
	teardown(&w);
}

static void secrets_are_masked_in_results_only(void **state)
{
	struct world w;

	(void)state;
	setup(&w);
	assert_int_equal(line(&w, "username bob password hunter2"), 0);
	assert_null(strstr(w.res.line, "hunter2"));
	assert_string_equal(w.res.line, "username password ***");
	expect_running(&w, "username bob password hunter2\n!\nend\n");
	teardown(&w);
}

static void a_line_is_kept_in_the_words_its_owner_gives(void **state)
{
	struct world w;

	(void)state;
	setup(&w);
	assert_int_equal(read_text(&w, "ip dhcp pool LAN\n entry 5 five\n entry some\n"), 0);
	expect_running(&w, "!\nip dhcp pool LAN\n entry 5 five\n entry 7 some\n!\nend\n");
	assert_int_equal(line(&w, "ip dhcp pool LAN"), 0);
	assert_int_equal(line(&w, "no entry some"), 0);
	assert_string_equal(w.res.line, "no entry 7");
	expect_running(&w, "!\nip dhcp pool LAN\n entry 5 five\n!\nend\n");
	teardown(&w);
}

static void the_context_moves(void **state)
{
	struct conf_ctx other = { 0 };
	struct world w;

	(void)state;
	setup(&w);
	assert_string_equal(conf_ctx_mode(&w.ctx), MODE_CONFIG);
	assert_int_equal(line(&w, "ip dhcp pool A"), 0);
	assert_string_equal(conf_ctx_mode(&w.ctx), "pool");
	assert_string_equal(conf_ctx_line(&w.ctx), "ip dhcp pool A");
	assert_int_equal(line(&w, "class C"), 0);
	assert_string_equal(conf_ctx_mode(&w.ctx), "class");
	assert_string_equal(w.res.section, "ip dhcp pool A");
	assert_int_equal(line(&w, "network 1.0.0.0 255.0.0.0"), 0);
	assert_string_equal(conf_ctx_mode(&w.ctx), "pool");
	assert_true(conf_ctx_leave(&w.ctx));
	assert_false(conf_ctx_leave(&w.ctx));
	/* another session takes the section away */
	assert_int_equal(line(&w, "ip dhcp pool A"), 0);
	assert_int_equal(conf_apply(&w.target, &other, "no ip dhcp pool A", &w.res), 0);
	assert_int_equal(line(&w, "network 1.0.0.0 255.0.0.0"), -ENOSPC);
	assert_string_equal(w.res.text, "its section does not exist any more");
	assert_int_equal(line(&w, "exit"), 0);
	assert_int_equal(line(&w, "ip dhcp pool A"), 0);
	teardown(&w);
}

static void issues_have_places(void **state)
{
	struct world w;

	(void)state;
	setup(&w);
	assert_int_equal(read_text(&w, "interface e0\n  ip adress 1.1.1.1 255.0.0.0\n"
				       " shutdown\nhostname odd\nhostname bad\n"),
			 -EINVAL);
	assert_string_equal(sbuf_text(&w.issues),
			    "2:6: \"adress\" is not known here: expected address; did you mean "
			    "\"address\"?\n"
			    "4:1: warning: odd is unusual\n"
			    "5:10: bad is not allowed\n");
	expect_running(&w, "hostname odd\n!\ninterface eth0\n shutdown\n!\nend\n");
	teardown(&w);
}

static void many_issues_are_summed_up(void **state)
{
	struct sbuf text = SBUF(100000);
	size_t n = 0;
	struct world w;

	(void)state;
	setup(&w);
	for (int i = 0; i < 300; i++)
		sbuf_puts(&text, "what\n");
	assert_int_equal(read_text(&w, sbuf_text(&text)), -EINVAL);
	for (const char *p = sbuf_text(&w.issues); (p = strchr(p, '\n')); p++)
		n++;
	assert_int_equal(n, CONF_ISSUES_MAX);
	assert_non_null(strstr(sbuf_text(&w.issues), "more issues follow"));
	sbuf_done(&text);
	teardown(&w);
}

static void long_lines_are_issues(void **state)
{
	struct sbuf text = SBUF(100000);
	struct world w;

	(void)state;
	setup(&w);
	for (int i = 0; i < 2000; i++)
		sbuf_puts(&text, "x");
	sbuf_puts(&text, "\nhostname a");
	assert_int_equal(read_text(&w, sbuf_text(&text)), -EINVAL);
	expect_running(&w, "hostname a\n!\nend\n");
	sbuf_reset(&text);
	sbuf_puts(&text, "ip dhcp pool ");
	for (int i = 0; i < 300; i++)
		sbuf_puts(&text, "x");
	assert_int_equal(line(&w, sbuf_text(&text)), -ENOSPC);
	sbuf_done(&text);
	teardown(&w);
}

static void noise(void **state)
{
	static const struct {
		const char *line;
		bool noise;
	} rows[] = {
		{ "", true },
		{ " \t\r", true },
		{ "!", true },
		{ " ! comment", true },
		{ "version 15.1", true },
		{ "version two", false },
		{ "Building configuration...", true },
		{ "Current configuration : 1024 bytes", true },
		{ "end", true },
		{ "exit", true },
		{ "exi", true },
		{ "enable", true },
		{ "enable secret x", false },
		{ "configure terminal", true },
		{ "conf t", true },
		{ "config-register 0x2102", false },
		{ "ending", false },
		{ "hostname x", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (line_is_noise(rows[i].line) != rows[i].noise)
			fail_msg("%s", rows[i].line);
}

static void count_accepted(void *arg, const struct conf_result *res)
{
	(void)res;
	*(int *)arg += 1;
}

static void many_lines(void **state)
{
	struct sbuf text = SBUF(1 << 20);
	struct world w;
	int n = 0;

	(void)state;
	setup(&w);
	for (int i = 0; i < 3000; i++)
		sbuf_printf(&text, "ip host h%d 10.0.%d.%d\n", i, i / 250, i % 250);
	assert_int_equal(conf_read(&w.target, sbuf_text(&text), NULL, count_accepted, &n), 0);
	assert_int_equal(n, 3000);
	assert_int_equal(conf_tree_n_lines(w.target.tree), 3000);
	sbuf_done(&text);
	teardown(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_become_canonical),
		cmocka_unit_test(owners_are_called),
		cmocka_unit_test(refused_lines_change_nothing),
		cmocka_unit_test(refused_replacement_is_undone),
		cmocka_unit_test(secrets_are_masked_in_results_only),
		cmocka_unit_test(a_line_is_kept_in_the_words_its_owner_gives),
		cmocka_unit_test(the_context_moves),
		cmocka_unit_test(issues_have_places),
		cmocka_unit_test(many_issues_are_summed_up),
		cmocka_unit_test(long_lines_are_issues),
		cmocka_unit_test(noise),
		cmocka_unit_test(many_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
