/*
 * Conversations of one direction of a wire, counted: which frame of its conversation is this one?
 *
 * What a wire does to a frame is drawn by (seed, link, direction, conversation, n-th frame of it),
 * so that one ARP more shifts nothing else. A conversation here is one way: link addresses, VLAN,
 * type, and for IP the addresses, protocol and ports. Fragments count without ports, and so does
 * everything behind an IPv6 extension header.
 *
 * The table grows to FLOW_MAX conversations. Later ones share FLOW_SHARED counters by their hash:
 * their draws stay spread as they should be, but depend on each other's traffic.
 *
 * Ownership: flow_table_done() frees what the table holds. Pure; the bytes may be hostile.
 */
#ifndef LABD_WIRES_FLOW_H
#define LABD_WIRES_FLOW_H

#include <stddef.h>
#include <stdint.h>

#define FLOW_MAX    4096
#define FLOW_SHARED 64

struct flow_slot {
	uint64_t hash; /* 0 = free */
	uint64_t n;
};

struct flow_table {
	struct flow_slot *slots; /* open addressing, n_slots is a power of two or 0 */
	uint32_t n_slots;
	uint32_t n_used;
	uint64_t shared[FLOW_SHARED];
};

/* Never 0. */
uint64_t flow_hash(uint64_t seed, const uint8_t *frame, size_t len);
/* 1 for the first frame of the conversation. */
uint64_t flow_count(struct flow_table *table, uint64_t hash);
void flow_table_done(struct flow_table *table);

#endif
