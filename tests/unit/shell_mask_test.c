/* What may be told of a line that somebody typed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "shell/shell.h"

static struct node *node_new(void)
{
	struct node *n = calloc(1, sizeof(*n));

	assert_non_null(n);
	n->dev.kind = KIND_ROUTER;
	n->conf = calloc(1, sizeof(*n->conf));
	assert_non_null(n->conf);
	assert_int_equal(conf_set_open(n->conf, &n->dev), 0);
	return n;
}

static void node_free(struct node *n)
{
	conf_set_close(n->conf);
	free(n->conf);
	free(n);
}

static void secrets_are_masked(void **state)
{
	static const struct {
		bool configuring, masked;
		const char *line, *told;
	} rows[] = {
		{ false, false, "show version", "show version" },
		{ false, false, "", "" },
		{ true, false, "hostname R1", "hostname R1" },
		{ true, true, "enable secret class", "enable secret ***" },
		{ true, true, "username ann privilege 15 secret lab", "username ***" },
		{ true, true, "no username ann", "username ***" },
		{ true, true, "user ann pass lab", "username ***" },
		{ true, false, "do show version", "do show version" },
		{ false, true, "copy ftp://ann:lab@10.0.0.1/x flash:x",
		  "copy ftp://ann:***@10.0.0.1/x flash:x" },
		{ false, true, "copy ftp://a:b@h/x ftp://c:d:e@h/y",
		  "copy ftp://a:***@h/x ftp://c:***@h/y" },
		{ false, false, "copy tftp://10.0.0.1:69/a@b:c flash:x",
		  "copy tftp://10.0.0.1:69/a@b:c flash:x" },
		{ false, false, "copy tftp: flash:", "copy tftp: flash:" },
		{ false, false, "http get http://www/x", "http get http://www/x" },
		{ false, true, "http get http://www/x ann lab", "http get ***" },
		/* Behind a word that is not understood anything may stand. */
		{ false, true, "enabel secret class", "enabel ***" },
		{ true, true, "enable secrte class", "enable secrte ***" },
		{ true, true, "do reloda my-password", "do reloda ***" },
	};
	struct node *n = node_new();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct session s = { .configuring = rows[i].configuring };
		struct sbuf out = SBUF(LINE_MAX_LEN);

		assert_int_equal(session_mask(n, &s, rows[i].line, &out), rows[i].masked);
		assert_string_equal(sbuf_text(&out), rows[i].told);
		sbuf_done(&out);
	}
	node_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secrets_are_masked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
