/* rng.h: random numbers that a seed decides (xoshiro256**, seeded by splitmix64).
 *
 * The same seed gives the same numbers on every run and machine. Not for secrets. */
#ifndef LABD_BASE_RNG_H
#define LABD_BASE_RNG_H

#include "base/types.h"

struct rng {
	uint64_t s[4];
};

void rng_seed(struct rng *r, uint64_t seed);
uint64_t rng_u64(struct rng *r);
uint32_t rng_u32(struct rng *r);
/* Uniform in [0, n); n > 0. */
uint32_t rng_below(struct rng *r, uint32_t n);
/* Uniform in [-span, +span]. */
nsec_t rng_jitter(struct rng *r, nsec_t span_ns);

#endif
