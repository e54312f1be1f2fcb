#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"
#include "base/types.h"
#include "labd/ctl/moment.h"
#include "labd/ctl/table.h"

static FILE *open_text(char **text, size_t *len)
{
	FILE *f = open_memstream(text, len);

	assert_non_null(f);
	return f;
}

static void test_aligned(void **state)
{
	char *text;
	size_t len;
	FILE *f = open_text(&text, &len);
	struct table *t = table_new(f);

	(void)state;
	table_column(t, "device", true);
	table_column(t, "times", true);
	table_column(t, "why", true);
	table_text(t, "r1");
	table_int(t, 7);
	table_text(t, "short");
	table_text(t, "größer");
	table_int(t, 12345678);
	table_text(t, NULL);
	assert_int_equal(table_rows(t), 2);
	assert_null(table_end(t));
	fclose(f);
	assert_string_equal(text, "DEVICE     TIMES  WHY\n"
				  "r1             7  short\n"
				  "größer  12345678  \n");
	free(text);
}

static void test_lines(void **state)
{
	char *text;
	size_t len;
	FILE *f = open_text(&text, &len);
	struct table *t = table_new(f);

	(void)state;
	table_column(t, "a", false);
	table_column(t, "long", false);
	table_int(t, 1);
	table_text(t, "x");
	table_int(t, 2);
	table_text(t, "y");
	table_end_lines(t);
	fclose(f);
	assert_string_equal(text, "a     1\nlong  x\n\na     2\nlong  y\n");
	free(text);
}

/* Captured text must not reach the terminal as it is. */
static void test_shown(void **state)
{
	static const struct {
		const char *in;
		size_t len;
		const char *out;
	} rows[] = {
		{ "plain", 5, "plain" },
		{ "a\nb\tc", 5, "a\\nb\\tc" },
		{ "\x1b[2J", 4, "\\x1b[2J" },
		{ "a\0b", 3, "a\\x00b" },
		{ "\xff", 1, "\\xff" },
		{ "\xc2\x9b", 2, "\\xc2\\x9b" },
		{ "ü", 2, "ü" },
		{ "\xc3", 1, "\\xc3" },
		{ "\x7f", 1, "\\x7f" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sbuf out = SBUF(256);

		show_text(&out, rows[i].in, rows[i].len);
		assert_string_equal(sbuf_text(&out), rows[i].out);
		sbuf_done(&out);
	}
}

static void test_moments(void **state)
{
	static const int64_t epoch = 1767254400 * SEC; /* 2026-01-01 08:00:00 UTC */
	static const struct {
		const char *column;
		int64_t ns;
		const char *text;
	} rows[] = {
		{ "time_ns", 1234567890, "08:00:01.234567" },
		{ "since", 0, "08:00:00.000000" },
		{ "until", 86400 * SEC, "2026-01-02 08:00:00.000000" },
		{ "time_ns", -1, "07:59:59.999999" },
		{ "expires", NEVER, "never" },
		{ "epoch_ns", 1767254400 * SEC, "2026-01-01 08:00:00.000000" },
		{ "wall_ns", -1000, "1969-12-31 23:59:59.999999" },
		{ "delay_ns", 20300 * USEC, "20.3 ms" },
		{ "rtt_ns", 0, "0 ns" },
		{ "rtt_ns", 999, "999 ns" },
		{ "rtt_ns", 999499, "999 us" },
		{ "rtt_ns", 999500, "1 ms" },
		{ "rtt_ns", -5 * MSEC, "-5 ms" },
		{ "x_ns", 1500 * MSEC, "1.5 s" },
		{ "x_ns", 123 * SEC, "2 min 3 s" },
		{ "x_ns", 7380 * SEC, "2 h 3 min" },
		{ "x_ns", 90000 * SEC, "1 d 1 h" },
		{ "x_ns", INT64_MIN, "-106751 d 23 h" },
		{ "count", 42, "42" },
		{ "_ns", 42, "42" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sbuf out = SBUF(64);

		moment_put(&out, moment_kind(rows[i].column), rows[i].ns, epoch);
		assert_string_equal(sbuf_text(&out), rows[i].text);
		sbuf_done(&out);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aligned),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_shown),
		cmocka_unit_test(test_moments),
	};

	return cmocka_run_group_tests_name("ctl table", tests, NULL, NULL);
}
