#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"

/* The generator's own first numbers from the state 1, 2, 3, 4; any implementation gives these. */
static void known_sequence(void **state)
{
	static const uint64_t expected[] = { 11520, 0, 1509978240, 1215971899390074240 };
	struct rng r = { { 1, 2, 3, 4 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		assert_true(rng_u64(&r) == expected[i]);
}

/* splitmix64 from 0. */
static void known_seed(void **state)
{
	struct rng r;

	(void)state;
	rng_seed(&r, 0);
	assert_true(r.s[0] == 0xe220a8397b1dcdaf);
	assert_true(r.s[1] == 0x6e789e6aa1b965f4);
	assert_true(r.s[2] == 0x06c45d188009454f);
	assert_true(r.s[3] == 0xf88bb8a8724c81ec);
}

static void same_seed_same_numbers(void **state)
{
	struct rng a, b, c;
	int differ = 0;

	(void)state;
	rng_seed(&a, 42);
	rng_seed(&b, 42);
	rng_seed(&c, 43);
	for (int i = 0; i < 100; i++) {
		uint32_t x = rng_u32(&a);

		assert_int_equal(x, rng_u32(&b));
		differ += x != rng_u32(&c);
	}
	assert_true(differ > 90);
}

static void below_is_even(void **state)
{
	unsigned counts[6] = { 0 };
	struct rng r;

	(void)state;
	rng_seed(&r, 1);
	for (int i = 0; i < 60000; i++)
		counts[rng_below(&r, 6)]++;
	for (int i = 0; i < 6; i++)
		assert_in_range(counts[i], 9600, 10400);
	assert_int_equal(rng_below(&r, 1), 0);
	assert_int_equal(rng_below(&r, 0), 0);
}

static void jitter_stays_in_its_span(void **state)
{
	nsec_t low = 0, high = 0;
	struct rng r;

	(void)state;
	rng_seed(&r, 1);
	for (int i = 0; i < 10000; i++) {
		nsec_t j = rng_jitter(&r, SEC);

		assert_true(j >= -SEC && j <= SEC);
		low = j < low ? j : low;
		high = j > high ? j : high;
	}
	assert_true(low < -990 * MSEC && high > 990 * MSEC);
	assert_true(rng_jitter(&r, 0) == 0);
	assert_true(rng_jitter(&r, -5) == 0);
	rng_jitter(&r, NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_sequence),	    cmocka_unit_test(known_seed),
		cmocka_unit_test(same_seed_same_numbers),   cmocka_unit_test(below_is_even),
		cmocka_unit_test(jitter_stays_in_its_span),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
