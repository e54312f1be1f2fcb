#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/sbuf.h"
#include "labd/ctl/pcapng.h"

static const uint8_t *octets(const struct sbuf *s)
{
	return (const uint8_t *)s->data;
}

static uint32_t u32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t u16(const uint8_t *p)
{
	return p[0] | p[1] << 8;
}

/* The value of an option in a block, or NULL. */
static const uint8_t *option(const uint8_t *p, const uint8_t *end, uint32_t code, uint32_t *ret_len)
{
	while (p + 4 <= end && u16(p) != 0) {
		uint32_t len = u16(p + 2);

		if (u16(p) == code) {
			*ret_len = len;
			return p + 4;
		}
		p += 4 + (len + 3) / 4 * 4;
	}
	return NULL;
}

/* Every block's length stands at both ends and is a multiple of four. */
static size_t check_blocks(const struct sbuf *s)
{
	size_t at = 0, n = 0;

	for (; at < s->len; n++) {
		uint32_t len = u32(octets(s) + at + 4);

		assert_true(len >= 12 && len % 4 == 0 && at + len <= s->len);
		assert_int_equal(u32(octets(s) + at + len - 4), len);
		at += len;
	}
	assert_int_equal(at, s->len);
	return n;
}

static void test_section(void **state)
{
	static const uint8_t head[] = { 0x0a, 0x0d, 0x0d, 0x0a };
	struct sbuf out = SBUF(65536);
	const uint8_t *p;
	uint32_t len;

	(void)state;
	assert_int_equal(pcapng_section(&out, "labctl", "a lab"), 0);
	assert_int_equal(check_blocks(&out), 1);
	p = octets(&out);
	assert_memory_equal(p, head, 4);
	assert_int_equal(u32(p + 8), 0x1a2b3c4d);
	assert_int_equal(u16(p + 12), 1);
	p = option(p + 24, p + out.len, 4, &len);
	assert_non_null(p);
	assert_int_equal(len, 6);
	assert_memory_equal(p, "labctl\0\0", 8);
	sbuf_done(&out);
}

static void test_interface(void **state)
{
	struct sbuf out = SBUF(65536);
	const uint8_t *p, *v;
	uint32_t len;

	(void)state;
	assert_int_equal(pcapng_interface(&out, "pc1:eth0", NULL), 0);
	assert_int_equal(check_blocks(&out), 1);
	p = octets(&out);
	assert_int_equal(u32(p), 1);
	assert_int_equal(u16(p + 8), 1); /* Ethernet */
	v = option(p + 16, p + out.len, 2, &len);
	assert_non_null(v);
	assert_memory_equal(v, "pc1:eth0", 8);
	v = option(p + 16, p + out.len, 9, &len);
	assert_non_null(v);
	assert_int_equal(*v, 9);
	assert_null(option(p + 16, p + out.len, 3, &len));
	sbuf_done(&out);
}

static void test_frame(void **state)
{
	const struct pcapng_frame f = { .iface = 3,
					.unix_ns = 0x0123456789abcdef,
					.bytes = "frame",
					.captured = 5,
					.length = 60,
					.direction = PCAPNG_OUT,
					.comment = "why" };
	struct sbuf out = SBUF(65536);
	const uint8_t *p, *v;
	uint32_t len;

	(void)state;
	assert_int_equal(pcapng_frame(&out, &f), 0);
	assert_int_equal(check_blocks(&out), 1);
	p = octets(&out);
	assert_int_equal(u32(p), 6);
	assert_int_equal(u32(p + 8), 3);
	assert_int_equal(u32(p + 12), 0x01234567);
	assert_int_equal(u32(p + 16), 0x89abcdef);
	assert_int_equal(u32(p + 20), 5);
	assert_int_equal(u32(p + 24), 60);
	assert_memory_equal(p + 28, "frame\0\0\0", 8);
	v = option(p + 36, p + out.len, 1, &len);
	assert_non_null(v);
	assert_int_equal(len, 3);
	v = option(p + 36, p + out.len, 2, &len);
	assert_non_null(v);
	assert_int_equal(u32(v), 2);
	sbuf_done(&out);
}

/* A long comment ends at a whole character; an empty frame is one. */
static void test_limits(void **state)
{
	static char comment[2 * PCAPNG_COMMENT_MAX + 2];
	struct pcapng_frame f = { .comment = comment };
	struct sbuf out = SBUF(65536), small = SBUF(64);
	const uint8_t *p, *v;
	uint32_t len;

	(void)state;
	comment[0] = 'a';
	for (size_t i = 1; i + 2 < sizeof(comment); i += 2)
		memcpy(comment + i, "ü", 2);
	assert_int_equal(pcapng_frame(&out, &f), 0);
	p = octets(&out);
	v = option(p + 28, p + out.len, 1, &len);
	assert_non_null(v);
	assert_int_equal(len, PCAPNG_COMMENT_MAX - 1);
	sbuf_done(&out);

	f.comment = NULL;
	assert_int_equal(pcapng_frame(&small, &f), 0);
	len = (uint32_t)small.len;
	f.bytes = comment;
	f.captured = 100;
	assert_int_equal(pcapng_frame(&small, &f), -ENOBUFS);
	assert_int_equal(small.len, len);
	assert_int_equal(check_blocks(&small), 1);
	sbuf_done(&small);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_section),
		cmocka_unit_test(test_interface),
		cmocka_unit_test(test_frame),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests_name("pcapng", tests, NULL, NULL);
}
