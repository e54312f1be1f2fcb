#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/types.h"
#include "labd/lab/diag.h"
#include "labd/lab/suggest.h"
#include "labd/lab/utf8.h"

static const char text[] = "one\n\ttwo three\r\n\nl\xc3\xa4st";
static const struct lab_source source = { "file", text, sizeof(text) - 1 };

static char *printed(struct diag *diag)
{
	char *out = NULL;
	size_t len;
	FILE *f = open_memstream(&out, &len);

	diag_print(f, diag);
	fclose(f);
	diag_done(diag);
	return out;
}

static void expect_print(struct diag *diag, const char *expected)
{
	char *out = printed(diag);

	assert_string_equal(out, expected);
	free(out);
}

static void entries_come_in_the_order_of_the_file(void **state)
{
	struct diag diag = { 0 };

	(void)state;
	diag_error(&diag, (struct lab_pos){ &source, 2, 6, 5 }, "%s", "second");
	diag_warn(&diag, (struct lab_pos){ &source, 1, 2, 1 }, "first");
	diag_error(&diag, (struct lab_pos){ &source, 2, 6, 5 }, "%s", "second");
	assert_int_equal(diag.n_errors, 1); /* the same place and words are one complaint */
	expect_print(&diag, "file:1:2: warning: first\n"
			    "    1 | one\n"
			    "      |  ^\n"
			    "file:2:6: error: second\n"
			    "    2 | \ttwo three\n"
			    "      | \t    ^^^^^\n");
}

static void places_at_the_edges_are_shown(void **state)
{
	struct diag diag = { 0 };

	(void)state;
	diag_error(&diag, (struct lab_pos){ .source = &source }, "whole file");
	diag_error(&diag, (struct lab_pos){ 0 }, "nowhere");
	diag_error(&diag, (struct lab_pos){ &source, 3, 1, 0 }, "empty line");
	diag_error(&diag, (struct lab_pos){ &source, 4, 2, UINT32_MAX }, "to the end");
	diag_error(&diag, (struct lab_pos){ &source, 4, 99, 9 }, "behind the end");
	diag_error(&diag, (struct lab_pos){ &source, 9, 1, 1 }, "no such line");
	expect_print(&diag, "error: nowhere\n"
			    "file: error: whole file\n"
			    "file:3:1: error: empty line\n"
			    "    3 | \n"
			    "      | ^\n"
			    "file:4:2: error: to the end\n"
			    "    4 | l\xc3\xa4st\n"
			    "      |  ^^^\n"
			    "file:4:99: error: behind the end\n"
			    "    4 | l\xc3\xa4st\n"
			    "      |     ^\n"
			    "file:9:1: error: no such line\n");
}

static void a_terminal_is_not_given_orders(void **state)
{
	static const char evil[] =
		"a\x1b[2Jb\xc2\x9b\x31mc\xff\x7f\xe2\x80\xae\xe2\x81\xa6\xe2\x80\xa8!";
	const struct lab_source hostile = { "h", evil, sizeof(evil) - 1 };
	struct diag diag = { 0 };

	(void)state;
	diag_error(&diag, (struct lab_pos){ &hostile, 1, 16, 1 }, "'%s'", evil);
	expect_print(&diag, "h:1:16: error: 'a?[2Jb?1mc?"
			    "?"
			    "?"
			    "?"
			    "?!'\n"
			    "    1 | a?[2Jb?1mc?"
			    "?"
			    "?"
			    "?"
			    "?!\n"
			    "      |                ^\n");
}

static void long_messages_end_between_characters(void **state)
{
	char word[2 * DIAG_MESSAGE_MAX + 1];
	struct diag diag = { 0 };
	char *out;

	(void)state;
	for (size_t i = 0; i < DIAG_MESSAGE_MAX; i++)
		memcpy(word + 2 * i, "\xc3\xa4", 3);
	diag_error(&diag, (struct lab_pos){ 0 }, "'%s'", word);
	out = printed(&diag);
	assert_true(strlen(out) < DIAG_MESSAGE_MAX + 20);
	assert_string_equal(out + strlen(out) - 6, "\xc3\xa4...\n");
	assert_null(strchr(out, '?'));
	free(out);
}

static void what_is_too_much_is_counted(void **state)
{
	struct diag diag = { 0 };
	char *out;

	(void)state;
	for (uint32_t i = 0; i < DIAG_ENTRIES_MAX + 7; i++)
		diag_error(&diag, (struct lab_pos){ &source, 1, i + 1, 1 }, "no");
	assert_int_equal(diag.n_errors, DIAG_ENTRIES_MAX + 7);
	out = printed(&diag);
	assert_string_equal(out + strlen(out) - 11, "and 7 more\n");
	free(out);
}

static void a_long_line_is_shown_around_the_place(void **state)
{
	char line[3000];
	const struct lab_source wide = { "w", line, sizeof(line) };
	struct diag diag = { 0 };
	char *out;

	(void)state;
	memset(line, '.', sizeof(line));
	line[2000] = 'x';
	diag_error(&diag, (struct lab_pos){ &wide, 1, 2001, 1 }, "here");
	assert_int_equal(diag.entries[0].excerpt[diag.entries[0].mark], 'x');
	out = printed(&diag);
	assert_true(strlen(out) < 300);
	free(out);
}

// clang-format off
static const struct { const char *word, *best; } suggestions[] = {
	{ "kidn", "kind" }, { "knid", "kind" }, { "kin", "kind" }, { "kinds", "kind" },
	{ "KIND", "kind" }, { "konfig", "config" }, { "configfile", "config-file" },
	{ "endponits", NULL }, { "colour", NULL }, { "k", NULL }, { "", NULL }, { "mtt", "mtu" },
	{ "xyz", NULL }, { "rotuer", "router" },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL },
};
// clang-format on

static void near_words_are_suggested(void **state)
{
	static const char *const words[] = { "kind", "config", "config-file", "mtu", "router" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(suggestions); i++) {
		struct suggest s = suggest_for(suggestions[i].word);

		for (size_t k = 0; k < ARRAY_SIZE(words); k++)
			suggest_offer(&s, words[k]);
		if (!s.best != !suggestions[i].best)
			fail_msg("'%s' -> '%s'", s.word, s.best ? s.best : "nothing");
		if (s.best)
			assert_string_equal(s.best, suggestions[i].best);
	}
}

// clang-format off
static const struct { const char *text; size_t len; } characters[] = {
	{ "a", 1 }, { "\xc3\xa4", 2 }, { "\xe2\x82\xac", 3 }, { "\xf0\x9f\x98\x80", 4 },
	{ "\xc3", 0 }, { "\xe2\x82", 0 }, { "\xf0\x9f\x98", 0 }, { "\x80", 0 }, { "\xff", 0 },
	{ "\xc0\x80", 0 }, { "\xc1\xbf", 0 }, { "\xe0\x80\x80", 0 }, { "\xed\xa0\x80", 0 },
	{ "\xf0\x80\x80\x80", 0 }, { "\xf4\x90\x80\x80", 0 }, { "\xf5\x80\x80\x80", 0 },
	{ "\xc3(", 0 }, { "\xed\x9f\xbf", 3 }, { "\xf4\x8f\xbf\xbf", 4 },
};
// clang-format on

static void characters_are_counted_as_rfc3629_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(characters); i++)
		assert_int_equal(utf8_length(characters[i].text, strlen(characters[i].text)),
				 characters[i].len);
	assert_int_equal(utf8_count("a\xc3\xa4\xe2\x82\xac\xff", 7), 4);
	assert_int_equal(utf8_offset("a\xc3\xa4\xe2\x82\xac", 6, 2), 3);
	assert_int_equal(utf8_offset("a\xc3\xa4\xe2\x82\xac", 6, 9), 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_come_in_the_order_of_the_file),
		cmocka_unit_test(places_at_the_edges_are_shown),
		cmocka_unit_test(a_terminal_is_not_given_orders),
		cmocka_unit_test(long_messages_end_between_characters),
		cmocka_unit_test(what_is_too_much_is_counted),
		cmocka_unit_test(a_long_line_is_shown_around_the_place),
		cmocka_unit_test(near_words_are_suggested),
		cmocka_unit_test(characters_are_counted_as_rfc3629_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
