#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/cur.h"
#include "base/rule.h"
#include "base/sbuf.h"
#include "base/val.h"

static const uint8_t four[] = { 0xde, 0xad, 0xbe, 0xef };

static void formats(void **state)
{
	const struct {
		struct val v;
		const char *text;
	} rows[] = {
		{ V_INT("x", -5), "-5" },
		{ V_INT("x", INT64_MIN), "-9223372036854775808" },
		{ V_TEXT("x", "plain"), "plain" },
		{ V_TEXT("x", "h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
		  "h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80" },
		{ V_TEXT("x", "a\nb\x1b[31m\x7f"), "a\\x0ab\\x1b[31m\\x7f" },
		{ V_TEXT("x", "\xc2\x9b"
			      "2J"),
		  "\\xc2\\x9b2J" },
		{ V_TEXT("x", "\xff\xc3"), "\\xff\\xc3" },
		{ V_TEXT("x", "\xed\xa0\x80"), "\\xed\\xa0\\x80" },
		{ V_TEXT("x", "\xc0\xaf"), "\\xc0\\xaf" },
		{ V_TEXTN("x", "a\0b", 3), "a\\x00b" },
		{ V_TEXT("x", NULL), "none" },
		{ V_ADDR("x", addr4(10, 0, 0, 1)), "10.0.0.1" },
		{ V_ADDR("x", ((struct addr){ 0 })), "none" },
		{ V_MAC("x", ((struct mac){ { 2, 0, 0, 0, 0, 1 } })), "02:00:00:00:00:01" },
		{ V_TIME("x", 1500 * MSEC), "t=1.5 s" },
		{ V_TIME("x", -250 * MSEC), "t=-0.25 s" },
		{ V_TIME("x", NEVER), "never" },
		{ V_DUR("x", 0), "0 s" },
		{ V_DUR("x", 999), "999 ns" },
		{ V_DUR("x", 1500), "1.5 us" },
		{ V_DUR("x", 20 * MSEC), "20 ms" },
		{ V_DUR("x", 1500 * MSEC), "1.5 s" },
		{ V_DUR("x", -3 * SEC), "-3 s" },
		{ V_DUR("x", 119 * SEC), "119 s" },
		{ V_DUR("x", 120 * SEC), "2 min" },
		{ V_DUR("x", 86400 * SEC), "1 d" },
		{ V_DUR("x", 90061 * SEC), "1 d 1 h 1 min 1 s" },
		{ V_DUR("x", NEVER), "forever" },
		{ V_DUR("x", INT64_MIN), "-106751 d 23 h 47 min 16 s" },
		{ V_BYTES("x", four, 4), "deadbeef" },
		{ V_BYTES("x", NULL, 4), "none" },
		{ V_NULL("x"), "none" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sbuf out = SBUF(1000);

		val_format(&rows[i].v, &out);
		assert_string_equal(sbuf_text(&out), rows[i].text);
		sbuf_done(&out);
	}
}

static void long_text_is_cut_between_characters(void **state)
{
	char text[VAL_TEXT_MAX + 10];

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(V_TEXTN("x", text, sizeof(text)).len, VAL_TEXT_MAX);
	assert_int_equal(V_BYTES("x", text, sizeof(text)).len, VAL_TEXT_MAX);
	memcpy(text + VAL_TEXT_MAX - 2, "\xe2\x82\xac", 3);
	assert_int_equal(V_TEXTN("x", text, sizeof(text)).len, VAL_TEXT_MAX - 2);
	memset(text, 0x80, sizeof(text));
	assert_int_equal(V_TEXTN("x", text, sizeof(text)).len, VAL_TEXT_MAX);
}

static void finds_by_name(void **state)
{
	const struct val list[] = { V_INT("a", 1), V_INT("b", 2), V_END };

	(void)state;
	assert_int_equal(val_count(list), 2);
	assert_int_equal(val_count(NULL), 0);
	assert_int_equal(val_find(list, "b")->i, 2);
	assert_null(val_find(list, "c"));
}

static bool same(const struct val *a, const struct val *b)
{
	struct sbuf x = SBUF(4000), y = SBUF(4000);
	bool equal;

	val_format(a, &x);
	val_format(b, &y);
	equal = a->type == b->type && strcmp(a->name, b->name) == 0 &&
		strcmp(sbuf_text(&x), sbuf_text(&y)) == 0;
	sbuf_done(&x);
	sbuf_done(&y);
	return equal;
}

static void bytes_both_ways(void **state)
{
	struct addr six = { .family = 6, .b = { 0x20, 0x01, [15] = 1 } };
	const struct val list[] = {
		V_INT("int", -1),
		V_TEXT("text", "t\xc3\xa9xt"),
		V_TEXT("empty", ""),
		V_ADDR("four", addr4(1, 2, 3, 4)),
		V_ADDR("six", six),
		V_ADDR("unset", ((struct addr){ 0 })),
		V_MAC("mac", mac_broadcast),
		V_TIME("time", 5 * SEC),
		V_DUR("duration", NEVER),
		V_BYTES("bytes", four, 4),
		V_NULL("null"),
		V_END,
	};
	struct val out[VAL_LIST_MAX + 1];
	char names[VAL_LIST_MAX][32];
	uint8_t buf[1000];
	struct wr w;
	struct rd r;

	(void)state;
	wr_init(&w, buf, sizeof(buf));
	val_list_write(&w, list);
	assert_false(w.err);
	for (size_t len = 0; len < wr_len(&w); len++) {
		rd_init(&r, buf, len);
		assert_true(val_list_read(&r, out, names) < 0);
	}
	rd_init(&r, buf, wr_len(&w));
	assert_int_equal(val_list_read(&r, out, names), 0);
	assert_int_equal(rd_left(&r), 0);
	assert_int_equal(val_count(out), val_count(list));
	for (size_t i = 0; i < val_count(list); i++)
		assert_true(same(&out[i], &list[i]));
	assert_string_equal(out[1].text, "t\xc3\xa9xt");
}

static void hostile_bytes_are_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {
		{ "", 0 },
		{ "\x19", 1 }, /* 25 values */
		{ "\x01\x00\x01"
		  "a",
		  4 }, /* type END */
		{ "\x01\x09\x01"
		  "a",
		  4 }, /* no such type */
		{ "\x01\x08\x20"
		  "01234567890123456789012345678901",
		  35 }, /* name too long */
		{ "\x01\x02\x01"
		  "a\x00\x02"
		  "xyz",
		  9 }, /* text without its NUL */
		{ "\x01\x02\x01"
		  "a\x04\x01",
		  6 }, /* text longer than the maximum */
		{ "\x01\x03\x01"
		  "a\x05"
		  "1234",
		  9 }, /* family 5 */
	};
	struct val out[VAL_LIST_MAX + 1];
	char names[VAL_LIST_MAX][32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct rd r;

		rd_init(&r, rows[i].bytes, rows[i].len);
		assert_int_equal(val_list_read(&r, out, names), -EBADMSG);
		assert_int_equal(out[0].type, VT_END);
	}
}

static void sentences(void **state)
{
	const struct val values[] = { V_ADDR("addr", addr4(10, 0, 0, 1)), V_TEXT("pool", "LAN"),
				      V_TEXT("po", "no"), V_END };
	static const struct {
		const char *sentence, *out;
	} rows[] = {
		{ "offered {addr} from pool {pool}", "offered 10.0.0.1 from pool LAN" },
		{ "{pool}{pool}", "LANLAN" },
		{ "no {such} value", "no {such} value" },
		{ "an open {brace", "an open {brace" },
		{ "{}", "{}" },
		{ "a } alone", "a } alone" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sbuf out = SBUF(1000);

		rule_sentence(rows[i].sentence, values, &out);
		assert_string_equal(sbuf_text(&out), rows[i].out);
		sbuf_done(&out);
	}
}

static void sentence_without_values(void **state)
{
	struct sbuf out = SBUF(1000);

	(void)state;
	rule_sentence("a {b} c", NULL, &out);
	assert_string_equal(sbuf_text(&out), "a {b} c");
	sbuf_done(&out);
	assert_string_equal(rule_kind_name(RULE_DROP), "drop");
	assert_string_equal(rule_kind_name((enum rule_kind)99), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats),
		cmocka_unit_test(long_text_is_cut_between_characters),
		cmocka_unit_test(finds_by_name),
		cmocka_unit_test(bytes_both_ways),
		cmocka_unit_test(hostile_bytes_are_refused),
		cmocka_unit_test(sentences),
		cmocka_unit_test(sentence_without_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
