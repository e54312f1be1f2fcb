#include "dhcp4/dhcp4_bits.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FULL UINT64_MAX

static uint64_t bit(uint32_t i)
{
	return (uint64_t)1 << (i % 64);
}

/* Bits past the end count as taken, so that a full word is FULL on every level. */
static void mark_end(struct dhcp4_bits *b, unsigned level, size_t n_bits)
{
	if (n_bits % 64)
		b->level[level][n_bits / 64] = FULL << (n_bits % 64);
}

void dhcp4_bits_init(struct dhcp4_bits *b, uint32_t n)
{
	size_t n_bits = n;

	*b = (struct dhcp4_bits){ .n = n };
	do {
		unsigned k = b->n_levels++;

		assert(k < DHCP4_BITS_LEVELS);
		b->n_words[k] = (n_bits + 63) / 64;
		b->level[k] = calloc(b->n_words[k] ? b->n_words[k] : 1, sizeof(uint64_t));
		if (!b->level[k])
			abort();
		mark_end(b, k, n_bits);
		n_bits = b->n_words[k];
	} while (n_bits > 1);
	if (n == 0)
		b->level[0][0] = FULL;
}

void dhcp4_bits_done(struct dhcp4_bits *b)
{
	for (unsigned k = 0; k < b->n_levels; k++)
		free(b->level[k]);
	*b = (struct dhcp4_bits){ 0 };
}

void dhcp4_bits_set(struct dhcp4_bits *b, uint32_t i)
{
	for (unsigned k = 0; k < b->n_levels; k++, i /= 64) {
		b->level[k][i / 64] |= bit(i);
		if (b->level[k][i / 64] != FULL)
			return;
	}
}

void dhcp4_bits_set_range(struct dhcp4_bits *b, uint32_t low, uint32_t high)
{
	uint32_t i = low;

	while (i <= high && i < b->n) {
		if (i % 64 || high - i < 63) {
			dhcp4_bits_set(b, i++);
			continue;
		}
		b->level[0][i / 64] = FULL;
		dhcp4_bits_set(b, i); /* tells the levels above */
		if (high - i == 63)
			return;
		i += 64;
	}
}

void dhcp4_bits_clear(struct dhcp4_bits *b, uint32_t i)
{
	for (unsigned k = 0; k < b->n_levels; k++, i /= 64)
		b->level[k][i / 64] &= ~bit(i);
}

bool dhcp4_bits_test(const struct dhcp4_bits *b, uint32_t i)
{
	return b->level[0][i / 64] & bit(i);
}

int64_t dhcp4_bits_first_free(const struct dhcp4_bits *b)
{
	uint32_t i = 0;

	for (unsigned k = b->n_levels; k-- > 0;) {
		uint64_t word = b->level[k][i];

		if (word == FULL)
			return -1;
		i = i * 64 + (uint32_t)__builtin_ctzll(~word);
	}
	return i;
}

uint32_t dhcp4_bits_count(const struct dhcp4_bits *b)
{
	size_t count = 0, past = b->n % 64 ? 64 - b->n % 64 : 0;

	for (size_t i = 0; i < b->n_words[0]; i++)
		count += (size_t)__builtin_popcountll(b->level[0][i]);
	return (uint32_t)(count - past);
}
