/*
 * Hashes for everything a lab derives from its seed: MAC addresses, per-device and per-link seeds,
 * what a wire does to the n-th frame of a conversation. The same input gives the same number on
 * every machine and in every release; changing one of these functions changes every lab.
 *
 * hash_bytes() is SipHash-2-4 (Aumasson and Bernstein, 2012) keyed with the seed: it takes names
 * and hostile bytes. hash_mix() is the finaliser of splitmix64 (Steele, Lea and Flood, 2014): two
 * numbers into one, cheap enough for every frame. Neither is for secrets.
 *
 * Pure: no allocation, no state, cannot fail.
 */
#ifndef LABD_BASE_HASH_H
#define LABD_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* SipHash-2-4 of |len| bytes under the 128-bit key |k0|,|k1|. */
uint64_t hash_siphash(uint64_t k0, uint64_t k1, const void *data, size_t len);

/* The same, keyed with one seed. */
uint64_t hash_bytes(uint64_t seed, const void *data, size_t len);

/* hash_bytes() of a zero-terminated string, without the zero. */
uint64_t hash_string(uint64_t seed, const char *text);

/* Folds |value| into |seed|; chain it for a list: hash_mix(hash_mix(seed, link), direction). */
uint64_t hash_mix(uint64_t seed, uint64_t value);

#endif
