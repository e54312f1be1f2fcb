#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/cur.h"

static void reads_both_orders(void **state)
{
	static const uint8_t bytes[] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
					 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f };
	struct rd r;

	(void)state;
	rd_init(&r, bytes, sizeof(bytes));
	assert_int_equal(rd_u8(&r), 0x01);
	assert_int_equal(rd_u16(&r), 0x0203);
	assert_int_equal(rd_u32(&r), 0x04050607);
	assert_true(rd_u64(&r) == 0x08090a0b0c0d0e0f);
	assert_int_equal(rd_left(&r), 0);
	assert_false(r.err);
	rd_seek(&r, 1);
	assert_int_equal(rd_u16_le(&r), 0x0302);
	assert_int_equal(rd_u32_le(&r), 0x07060504);
	assert_true(rd_u64_le(&r) == 0x0f0e0d0c0b0a0908);
	assert_int_equal(rd_pos(&r), 15);
}

static void overrun_sticks(void **state)
{
	static const uint8_t bytes[] = { 1, 2, 3 };
	uint8_t out[4] = { 9, 9, 9, 9 };
	struct rd r;

	(void)state;
	rd_init(&r, bytes, sizeof(bytes));
	assert_int_equal(rd_u32(&r), 0);
	assert_true(r.err);
	assert_int_equal(rd_u8(&r), 0);
	assert_int_equal(rd_left(&r), 0);
	rd_bytes(&r, out, sizeof(out));
	assert_memory_equal(out, "\0\0\0\0", 4);
	assert_null(rd_view(&r, 0));
	rd_seek(&r, 0);
	assert_true(r.err);
}

static void seek_and_skip_are_bounded(void **state)
{
	static const struct {
		size_t seek, skip;
		int err;
	} rows[] = {
		{ 0, 0, 0 }, { 0, 3, 0 },	 { 3, 0, 0 },	     { 4, 0, 1 },
		{ 1, 3, 1 }, { 0, SIZE_MAX, 1 }, { SIZE_MAX, 0, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rd r;

		rd_init(&r, "abc", 3);
		rd_seek(&r, rows[i].seek);
		rd_skip(&r, rows[i].skip);
		assert_int_equal(r.err, rows[i].err);
	}
}

static void sub_cursor_ends_early(void **state)
{
	struct rd r, sub;

	(void)state;
	rd_init(&r, "abcdef", 6);
	sub = rd_sub(&r, 2);
	assert_int_equal(rd_u8(&sub), 'a');
	assert_int_equal(rd_u16(&sub), 0);
	assert_true(sub.err);
	assert_false(r.err);
	assert_int_equal(rd_u8(&r), 'c');
	sub = rd_sub(&r, 4);
	assert_true(sub.err && r.err);
}

static void nothing_to_read(void **state)
{
	struct rd r;

	(void)state;
	rd_init(&r, NULL, 5);
	assert_int_equal(rd_left(&r), 0);
	assert_int_equal(rd_u8(&r), 0);
	assert_true(r.err);
}

static void writes_both_orders(void **state)
{
	static const uint8_t expected[] = { 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0,   0,	  4, 5, 0,
					    6, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 'x', 'y', 0, 0 };
	uint8_t buf[sizeof(expected)];
	struct wr w;

	(void)state;
	wr_init(&w, buf, sizeof(buf));
	wr_u8(&w, 1);
	wr_u16(&w, 2);
	wr_u32(&w, 3);
	wr_u64(&w, 4);
	wr_u16_le(&w, 5);
	wr_u32_le(&w, 6);
	wr_u64_le(&w, 7);
	wr_bytes(&w, "xy", 2);
	wr_zero(&w, 2);
	assert_false(w.err);
	assert_int_equal(wr_left(&w), 0);
	assert_int_equal(wr_len(&w), sizeof(expected));
	assert_memory_equal(buf, expected, sizeof(expected));
}

static void full_buffer_sticks(void **state)
{
	uint8_t buf[4] = { 0 };
	struct wr w;

	(void)state;
	wr_init(&w, buf, 3);
	wr_u16(&w, 0x0102);
	wr_u16(&w, 0x0304);
	assert_true(w.err);
	wr_u8(&w, 9);
	assert_int_equal(wr_len(&w), 2);
	assert_memory_equal(buf, "\1\2\0\0", 4);
}

static void patches_what_was_written(void **state)
{
	static const struct {
		size_t len, pos;
		int err;
	} rows[] = { { 2, 0, 0 }, { 4, 2, 0 }, { 4, 3, 1 }, { 1, 0, 1 }, { 0, SIZE_MAX, 1 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t buf[4];
		struct wr w;

		wr_init(&w, buf, sizeof(buf));
		wr_zero(&w, rows[i].len);
		wr_patch_u16(&w, rows[i].pos, 0xabcd);
		assert_int_equal(w.err, rows[i].err);
		if (!w.err)
			assert_memory_equal(buf + rows[i].pos, "\xab\xcd", 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_both_orders),
		cmocka_unit_test(overrun_sticks),
		cmocka_unit_test(seek_and_skip_are_bounded),
		cmocka_unit_test(sub_cursor_ends_early),
		cmocka_unit_test(nothing_to_read),
		cmocka_unit_test(writes_both_orders),
		cmocka_unit_test(full_buffer_sticks),
		cmocka_unit_test(patches_what_was_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
