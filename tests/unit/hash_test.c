#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/hash.h"

/* The paper's appendix A: key 00..0f, message 00..0e. */
static void siphash_is_the_papers(void **state)
{
	uint8_t message[15];

	(void)state;
	for (uint8_t i = 0; i < sizeof(message); i++)
		message[i] = i;
	assert_true(hash_siphash(0x0706050403020100, 0x0f0e0d0c0b0a0908, message,
				 sizeof(message)) == 0xa129ca6149be45e5);
}

/* From the reference implementation's vectors: lengths 0, 1 and 8 under the same key. */
static void siphash_handles_every_tail(void **state)
{
	const uint8_t message[] = { 0, 1, 2, 3, 4, 5, 6, 7 };

	(void)state;
	assert_true(hash_siphash(0x0706050403020100, 0x0f0e0d0c0b0a0908, message, 0) ==
		    0x726fdb47dd0e0e31);
	assert_true(hash_siphash(0x0706050403020100, 0x0f0e0d0c0b0a0908, message, 1) ==
		    0x74f839c593dc67fd);
	assert_true(hash_siphash(0x0706050403020100, 0x0f0e0d0c0b0a0908, message, 8) ==
		    0x93f5f5799a932462);
}

/* What labs derive must not change between releases. */
static void derived_numbers_stay(void **state)
{
	(void)state;
	assert_true(hash_string(7, "pc1") == hash_bytes(7, "pc1", 3));
	assert_true(hash_string(7, "pc1") == hash_siphash(7, ~7ull, "pc1", 3));
	assert_true(hash_string(7, "pc1") != hash_string(8, "pc1"));
	assert_true(hash_mix(0, 0) == 0xe220a8397b1dcdaf); /* splitmix64's first number for 0 */
}

static void mix_depends_on_order_and_on_each_bit(void **state)
{
	(void)state;
	assert_true(hash_mix(1, 2) != hash_mix(2, 1));
	for (unsigned int bit = 0; bit < 64; bit++) {
		uint64_t flipped = hash_mix(5, 9) ^ hash_mix(5, 9 ^ 1ull << bit);
		uint64_t seeded = hash_mix(5, 9) ^ hash_mix(5 ^ 1ull << bit, 9);

		assert_in_range(__builtin_popcountll(flipped), 10, 54);
		assert_in_range(__builtin_popcountll(seeded), 10, 54);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash_is_the_papers),
		cmocka_unit_test(siphash_handles_every_tail),
		cmocka_unit_test(derived_numbers_stay),
		cmocka_unit_test(mix_depends_on_order_and_on_each_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
