#include "base/rng.h"

/* xoshiro256** 1.0 (Blackman and Vigna, 2018), its state filled by splitmix64 as they advise. */

static uint64_t rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static uint64_t splitmix(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

void rng_seed(struct rng *r, uint64_t seed)
{
	for (unsigned i = 0; i < 4; i++)
		r->s[i] = splitmix(&seed);
}

uint64_t rng_u64(struct rng *r)
{
	uint64_t *s = r->s;
	uint64_t result = rotate(s[1] * 5, 7) * 9;
	uint64_t carry = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= carry;
	s[3] = rotate(s[3], 45);
	return result;
}

uint32_t rng_u32(struct rng *r)
{
	return (uint32_t)(rng_u64(r) >> 32);
}

/* Uniform in [0, n): draws from the incomplete last round of n are thrown away. */
static uint64_t below(struct rng *r, uint64_t n)
{
	uint64_t first_good = -n % n; /* 2^64 mod n */
	uint64_t v;

	do
		v = rng_u64(r);
	while (v < first_good);
	return v % n;
}

uint32_t rng_below(struct rng *r, uint32_t n)
{
	return (uint32_t)below(r, n ? n : 1);
}

nsec_t rng_jitter(struct rng *r, nsec_t span_ns)
{
	if (span_ns <= 0)
		return 0;
	if (span_ns > INT64_MAX / 2)
		span_ns = INT64_MAX / 2;
	return (nsec_t)below(r, 2 * (uint64_t)span_ns + 1) - span_ns;
}
