#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/sbuf.h"
#include "base/types.h"
#include "labd/ctl/ctl.h"
#include "labd/ctl/test.h"
#include "labd/ctl/words.h"

static const struct {
	const char *args;
	const char *given[4]; /* ended by NULL */
	bool option;
	const char *choices; /* with blanks between */
} lines[] = {
	{ "FILE|NAME [--wait]", { NULL }, false, "FILE NAME" },
	{ "FILE|NAME [--wait]", { NULL }, true, "--wait" },
	{ "FILE|NAME [--wait]", { "--wait" }, false, "FILE NAME" },
	{ "FILE|NAME [--wait]", { "x" }, false, "" },
	{ "FILE...", { "a", "b" }, false, "FILE" },
	{ "LINK up|down", { "a" }, false, "up down" },
	{ "[QUESTION] [--run RUN] [--raw]", { "--run" }, false, "RUN" },
	{ "[QUESTION] [--run RUN] [--raw]", { "--run", "x" }, false, "QUESTION" },
	{ "[QUESTION] [--run RUN] [--raw]", { NULL }, true, "--run --raw" },
	{ "DEVICE [--] PROGRAM [ARG...]", { "pc1" }, false, "PROGRAM" },
	{ "DEVICE [--] PROGRAM [ARG...]", { "pc1", "--", "ls" }, false, "ARG" },
	{ "DEVICE[:IF]|LINK|all [-w FILE]", { NULL }, false, "DEVICE DEVICE:IF LINK all" },
	{ "DEVICE[:IF]|LINK|all [-w FILE]", { "-w" }, false, "FILE" },
	{ "RUN...|--older DAYS|--all", { NULL }, true, "--older --all" },
	{ "RUN...|--older DAYS|--all", { "--older" }, false, "DAYS" },
	{ "RUN...|--older DAYS|--all", { "a", "b" }, false, "RUN" },
	{ "", { NULL }, false, "" },
};

static void test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct sbuf got = SBUF(256);
		const char *out[16];
		char *given[4];
		struct words w;
		size_t n = 0, k;

		for (; n < 4 && lines[i].given[n]; n++)
			given[n] = (char *)(uintptr_t)lines[i].given[n];
		words_parse(lines[i].args, &w);
		k = words_next(&w, given, n, lines[i].option, out, 16);
		for (size_t x = 0; x < k; x++)
			sbuf_printf(&got, "%s%s", x ? " " : "", out[x]);
		if (strcmp(sbuf_text(&got), lines[i].choices) != 0)
			fail_msg("line %zu: '%s' instead of '%s'", i, sbuf_text(&got),
				 lines[i].choices);
		sbuf_done(&got);
	}
}

/* Which part of a question is counted. */
static void test_split(void **state)
{
	static const struct {
		const char *sql, *expr, *from;
	} rows[] = {
		{ "SELECT count(*) = 0 FROM x WHERE y", "count(*)", "FROM x WHERE y" },
		{ " select\ncount ( DISTINCT a ) >= 4\nfrom x", "count ( DISTINCT a )", "from x" },
		{ "SELECT count(CASE a WHEN ')' THEN 1 END) = 2 FROM x",
		  "count(CASE a WHEN ')' THEN 1 END)", "FROM x" },
		{ "SELECT count(*) = (SELECT count(*) FROM a) FROM b", "count(*)", "FROM b" },
		{ "SELECT sum(a) = 1 FROM x", NULL, NULL },
		{ "SELECT count(*) = 1", NULL, NULL },
		{ "SELECT count", NULL, NULL },
		{ "SELECT counted = 1 FROM x", NULL, NULL },
		{ "SELECT count((((", NULL, NULL },
		{ "SELECT count(*) = 'FROM", NULL, NULL },
		{ "", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct check_count count;
		bool is = check_split(rows[i].sql, &count);

		assert_int_equal(is, rows[i].expr != NULL);
		if (!is)
			continue;
		assert_int_equal(count.expr_len, strlen(rows[i].expr));
		assert_memory_equal(count.expr, rows[i].expr, count.expr_len);
		assert_string_equal(count.from, rows[i].from);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_lines),
						   cmocka_unit_test(test_split) };

	return cmocka_run_group_tests_name("ctl words", tests, NULL, NULL);
}
