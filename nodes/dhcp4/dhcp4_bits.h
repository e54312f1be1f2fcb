/* dhcp4_bits.h: the taken addresses of one pool, and the lowest free one in four steps.
 *
 * A bit an address, 1 = taken; above it a tree whose bits say "all 64 below are taken". Finding,
 * setting and clearing touch one word a level, whatever the size (at most 2^24 bits, four levels).
 * Owns its words. */
#ifndef LABD_DHCP4_BITS_H
#define LABD_DHCP4_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DHCP4_BITS_LEVELS 4

struct dhcp4_bits {
	uint64_t *level[DHCP4_BITS_LEVELS]; /* [0] = the addresses */
	size_t n_words[DHCP4_BITS_LEVELS];
	unsigned n_levels;
	uint32_t n;
};

void dhcp4_bits_init(struct dhcp4_bits *b, uint32_t n); /* all free */
void dhcp4_bits_done(struct dhcp4_bits *b);
void dhcp4_bits_set(struct dhcp4_bits *b, uint32_t i);
void dhcp4_bits_set_range(struct dhcp4_bits *b, uint32_t low, uint32_t high); /* both included */
void dhcp4_bits_clear(struct dhcp4_bits *b, uint32_t i);
bool dhcp4_bits_test(const struct dhcp4_bits *b, uint32_t i);
/* The lowest free one, or -1. */
int64_t dhcp4_bits_first_free(const struct dhcp4_bits *b);
uint32_t dhcp4_bits_count(const struct dhcp4_bits *b); /* taken ones; walks over all words */

#endif
