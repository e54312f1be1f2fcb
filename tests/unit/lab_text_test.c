#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/types.h"
#include "labd/lab/lab.h"

static struct lab *parse(const char *text)
{
	struct diag diag = { 0 };
	struct lab *lab = NULL;

	if (lab_parse("t.yaml", text, strlen(text), &lab, &diag) < 0)
		diag_print(stderr, &diag);
	diag_done(&diag);
	assert_non_null(lab);
	return lab;
}

struct place {
	uint32_t line, col;	      /* in the configuration */
	uint32_t file_line, file_col; /* in the lab file */
	const char *word;	      /* what stands there */
};

struct row {
	const char *config; /* written after `config: ` */
	struct place places[4];
};

/* The configuration begins at line 6, column 15. */
// clang-format off
static const struct row rows[] = {
	{ "|\n        hostname r1\n        interface eth0\n          ip address dhcp\n",
	  { { 1, 1, 7, 9, "hostname" }, { 2, 11, 8, 19, "eth0" }, { 3, 3, 9, 11, "ip" },
	    { 3, 14, 9, 22, "dhcp" } } },
	{ "|+2\n        hostname r1\n\n        end\n",
	  { { 1, 1, 7, 9, " hostname" }, { 3, 1, 9, 9, "end" } } },
	{ "|   # with a comment\n\n        first\n", { { 2, 1, 8, 9, "first" } } },
	{ "&a |\n        first\n        second\n", { { 2, 1, 8, 9, "second" } } },
	{ "!!str\n        # between\n        |\n        first\n", { { 1, 1, 9, 9, "first" } } },
	{ "|\n        a \xc3\xa4\xc3\xb6 c\n", { { 1, 3, 7, 11, "\xc3\xa4\xc3\xb6" }, { 1, 6, 7, 14, "c" } } },
	{ "\"interface eth0\\n ip address dhcp\"\n",
	  { { 1, 1, 6, 16, "interface" }, { 1, 11, 6, 26, "eth0" }, { 2, 2, 6, 33, "ip" },
	    { 2, 13, 6, 44, "dhcp" } } },
	{ "\"\\x41\\u00e4\\\"b\\U0001F600 c\\n d\"\n",
	  { { 1, 1, 6, 16, "" }, { 1, 4, 6, 28, "" }, { 1, 7, 6, 40, "" }, { 2, 2, 6, 44, "" } } },
	{ "'it''s here'\n", { { 1, 1, 6, 16, "it's" }, { 1, 6, 6, 22, "here" } } },
	{ "hostname r1\n", { { 1, 1, 6, 15, "hostname" }, { 1, 10, 6, 24, "r1" } } },
	{ "&a \"hostname r1\"\n", { { 1, 10, 6, 28, "r1" } } },
	{ "\"over\n        two lines\"\n", { { 1, 6, 6, 15, "" } } },
};
// clang-format on

static void check_place(const struct lab_text *text, const struct place *p)
{
	struct lab_pos pos = lab_text_at(text, p->line, p->col);

	if (pos.line != p->file_line || pos.col != p->file_col)
		fail_msg("%.20s: %u:%u is at %u:%u", text->text, p->line, p->col, pos.line,
			 pos.col);
	if (text->style == LAB_TEXT_BLOCK && *p->word) {
		size_t start, end;

		assert_true(source_line(pos.source, pos.line, &start, &end));
		assert_non_null(strstr(pos.source->text + start, p->word));
	}
}

static void places_in_a_text_are_places_in_the_file(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[400];
		struct lab *lab;

		(void)snprintf(text, sizeof(text),
			       "name: a\ntopology:\n  nodes:\n    r1:\n      kind: router\n"
			       "      config: %s    r2: { kind: pc }\n",
			       rows[i].config);
		lab = parse(text);
		for (int k = 0; k < 4 && rows[i].places[k].line; k++)
			check_place(&lab->nodes[0].config, &rows[i].places[k]);
		lab_free(lab);
	}
}

static void words_are_underlined_to_their_end(void **state)
{
	struct lab *lab = parse("name: a\ntopology: { nodes: { r1: { kind: pc, "
				"config: \"ip addres dhcp\\nx\" } } }\n");
	const struct lab_text *config = &lab->nodes[0].config;

	(void)state;
	assert_int_equal(lab_text_at(config, 1, 4).len, 6);
	assert_int_equal(lab_text_at(config, 1, 11).len, 4);
	assert_int_equal(lab_text_at(config, 2, 1).len, 1);
	assert_int_equal(lab_text_at(config, 7, 7).len, 0);
	lab_free(lab);
}

/* --- reports of a checker ------------------------------------------------------------------- */

static const char two_devices[] = "name: a\ntopology:\n  nodes:\n"
				  "    r1:\n      kind: router\n      config: |\n"
				  "        interface eth0\n         ip adress dhcp\n"
				  "    pc1: { kind: pc }\n"
				  "    pc2: { kind: pc, config: \"hostnam x\" }\n";

static void a_request_holds_what_is_needed_to_check(void **state)
{
	struct lab *lab = parse("name: a\ntopology:\n  nodes:\n"
				"    r1: { kind: router, config: \"hostname \\\"x\\\"\" }\n"
				"    pc1: { kind: pc }\n"
				"    pc2: { kind: pc, config: y }\n"
				"  links:\n"
				"    - endpoints: [ \"r1:gi0/1\", \"pc1:eth0\" ]\n"
				"    - endpoints: [ \"pc2:eth0\", \"r1:e0\" ]\n");
	size_t len;
	char *text;

	(void)state;
	assert_int_equal(lab_check_request(lab, &text, &len), 0);
	assert_int_equal(strlen(text), len);
	assert_string_equal(text,
			    "{\"devices\":["
			    "{\"name\":\"r1\",\"kind\":\"router\",\"ifaces\":"
			    "[\"GigabitEthernet0/1\",\"eth0\"],\"config\":\"hostname \\\"x\\\"\"},"
			    "{\"name\":\"pc2\",\"kind\":\"pc\",\"ifaces\":[\"eth0\"],"
			    "\"config\":\"y\"}]}");
	free(text);
	lab_free(lab);
}

static void a_report_names_the_lab_files_lines(void **state)
{
	static const char report[] =
		"r1:2:5: error: unknown word 'adress': did you mean 'address'?\n"
		"\npc2:1:9: warning: also  wrong\nr1:0:0: error: whole\n"
		"pc1:3:4: error: without configuration";
	struct lab *lab = parse(two_devices);
	struct diag diag = { 0 };

	(void)state;
	assert_int_equal(lab_check_report(lab, report, strlen(report), &diag), 3);
	assert_int_equal(diag.n_errors, 3);
	assert_int_equal(diag.entries[0].line, 8);
	assert_int_equal(diag.entries[0].col, 13);
	assert_int_equal(diag.entries[0].n_mark, 6);
	assert_string_equal(diag.entries[0].message,
			    "unknown word 'adress': did you mean 'address'?");
	assert_string_equal(diag.entries[0].excerpt, "         ip adress dhcp");
	assert_int_equal(diag.entries[1].severity, DIAG_WARNING);
	assert_int_equal(diag.entries[1].line, 10);
	assert_int_equal(diag.entries[1].col, 39);
	assert_string_equal(diag.entries[1].message, "also  wrong");
	assert_int_equal(diag.entries[2].line, 6);
	assert_int_equal(diag.entries[2].col, 15);
	assert_int_equal(diag.entries[3].line, 9);
	assert_int_equal(diag.entries[3].col, 5);
	diag_done(&diag);
	lab_free(lab);
}

static void what_is_no_report_is_refused(void **state)
{
	static const char *const bad[] = {
		"x",
		"r1",
		"r1:1:2",
		"r1:1:2:",
		"r1:1:2: error:",
		"r1:1:2: error: ",
		"r1:1:2: fatal: x",
		"r1:1:2: x",
		"r1::2: error: x",
		"r1:-1:2: error: x",
		"r9:1:2: error: x",
		":1:2: error: x",
		"r1:12345678901:2: error: x",
	};
	struct lab *lab = parse(two_devices);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct diag diag = { 0 };

		if (lab_check_report(lab, bad[i], strlen(bad[i]), &diag) != -EBADMSG)
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(diag.n_errors, 0);
	}
	assert_int_equal(lab_check_report(lab, "", 0, NULL), 0);
	lab_free(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_in_a_text_are_places_in_the_file),
		cmocka_unit_test(words_are_underlined_to_their_end),
		cmocka_unit_test(a_request_holds_what_is_needed_to_check),
		cmocka_unit_test(a_report_names_the_lab_files_lines),
		cmocka_unit_test(what_is_no_report_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
