/* mac.h: MAC addresses as numbers, to count and compare them. */
#ifndef LABD_LAB_MAC_H
#define LABD_LAB_MAC_H

#include "base/types.h"

static inline uint64_t mac_number(const struct mac *mac)
{
	uint64_t value = 0;

	for (int i = 0; i < 6; i++)
		value = value << 8 | mac->b[i];
	return value;
}

static inline struct mac mac_of(uint64_t value)
{
	struct mac mac;

	for (int i = 5; i >= 0; i--, value >>= 8)
		mac.b[i] = (uint8_t)value;
	return mac;
}

#endif
