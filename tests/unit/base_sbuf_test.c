#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/sbuf.h"

static void grows_to_its_maximum(void **state)
{
	struct sbuf s = SBUF(100);

	(void)state;
	assert_string_equal(sbuf_text(&s), "");
	for (int i = 0; i < 10; i++)
		assert_int_equal(sbuf_puts(&s, "0123456789"), 0);
	assert_int_equal(s.len, 100);
	assert_false(s.full);
	assert_int_equal(sbuf_put(&s, "x", 1), -ENOBUFS);
	assert_true(s.full);
	assert_int_equal(strlen(sbuf_text(&s)), 100);
	sbuf_reset(&s);
	assert_false(s.full);
	assert_string_equal(sbuf_text(&s), "");
	sbuf_done(&s);
	assert_string_equal(sbuf_text(&s), "");
}

static void whole_or_nothing(void **state)
{
	struct sbuf s = SBUF(8);

	(void)state;
	assert_int_equal(sbuf_printf(&s, "%s", "12345"), 0);
	assert_int_equal(sbuf_printf(&s, "%d", 6789), -ENOBUFS);
	assert_string_equal(sbuf_text(&s), "12345");
	assert_int_equal(sbuf_printf(&s, "%d", 678), 0);
	assert_string_equal(sbuf_text(&s), "12345678");
	sbuf_done(&s);
}

static void prints_beyond_the_first_piece(void **state)
{
	struct sbuf s = SBUF(10000);
	char text[300];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[299] = '\0';
	assert_int_equal(sbuf_printf(&s, "%s", text), 0);
	assert_int_equal(sbuf_printf(&s, "%s", text), 0);
	assert_int_equal(s.len, 598);
	sbuf_done(&s);
}

static void holds_octets(void **state)
{
	struct sbuf s = SBUF(16);

	(void)state;
	sbuf_put(&s, "a\0b", 3);
	sbuf_put(&s, NULL, 0);
	assert_memory_equal(s.data, "a\0b", 4);
	sbuf_consume(&s, 2);
	assert_string_equal(sbuf_text(&s), "b");
	sbuf_consume(&s, 9);
	assert_int_equal(s.len, 0);
	sbuf_done(&s);
	sbuf_consume(&s, 0);
}

static void copies_are_bounded(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		bool whole;
		const char *out;
	} rows[] = {
		{ "", 1, true, "" },
		{ "abc", 4, true, "abc" },
		{ "abcd", 4, false, "abc" },
		{ "abc", 1, false, "" },
	};
	char out[8];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(str_copy(out, rows[i].size, rows[i].text), rows[i].whole);
		assert_string_equal(out, rows[i].out);
	}
	assert_true(str_copy_n(out, sizeof(out), "abcdef", 2));
	assert_string_equal(out, "ab");
	assert_false(str_copy(out, 0, "x"));
}

static void decimal_numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
		int r;
		uint64_t value;
	} rows[] = {
		{ "0", 10, 0, 0 },
		{ "10", 10, 0, 10 },
		{ "0010", 10, 0, 10 },
		{ "11", 10, -ERANGE, 0 },
		{ "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, -ERANGE, 0 },
		{ "99999999999999999999999", UINT64_MAX, -ERANGE, 0 },
		{ "", 10, -EINVAL, 0 },
		{ " 1", 10, -EINVAL, 0 },
		{ "+1", 10, -EINVAL, 0 },
		{ "-1", 10, -EINVAL, 0 },
		{ "1x", 10, -EINVAL, 0 },
		{ "999999999999999999999x", 10, -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t v = 77;

		assert_int_equal(str_to_u64(rows[i].text, rows[i].max, &v), rows[i].r);
		assert_true(v == (rows[i].r ? 77 : rows[i].value));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_to_its_maximum),
		cmocka_unit_test(whole_or_nothing),
		cmocka_unit_test(prints_beyond_the_first_piece),
		cmocka_unit_test(holds_octets),
		cmocka_unit_test(copies_are_bounded),
		cmocka_unit_test(decimal_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
