/* node_spawn.h: what a zygote is told of a device that it is to bear (the text of NM_SPAWN).
 *
 * Bytes, not text to be parsed: the zygote forks after each, and what it touches costs it a page.
 * u8 kind, u8 quiet, u64 seed, u64 seed of the lab's CA, four u32 of the ring, u16 number of
 * interfaces, then name, uid_map, gid_map (u16 length, octets, NUL each), then per interface u32
 * id, u32 mtu, six octets MAC, name, kname. */
#ifndef LABD_BASE_NODE_SPAWN_H
#define LABD_BASE_NODE_SPAWN_H

#include "base/cur.h"
#include "base/types.h"

/* The packet ring that reads the device's frames for the log; n_blocks 0: none is wanted. */
struct node_ring {
	uint32_t block_bytes, n_blocks, frame_bytes, retire_ms;
};

struct node_spawn {
	enum device_kind kind;
	bool quiet;
	uint64_t seed, ca_seed;
	struct node_ring ring;
	uint16_t n_ifaces;
	const char *name;
	const char *uid_map, *gid_map; /* as /proc/PID/uid_map takes them */
};

struct node_spawn_iface {
	uint32_t id, mtu;
	struct mac mac;
	const char *name, *kname;
};

void node_ring_write(struct wr *w, const struct node_ring *ring);
void node_ring_read(struct rd *r, struct node_ring *ret);
void node_spawn_write(struct wr *w, const struct node_spawn *s);
void node_spawn_write_iface(struct wr *w, const struct node_spawn_iface *f);
/* What they return points into the bytes. 0 or -EBADMSG. */
int node_spawn_read(struct rd *r, struct node_spawn *ret);
int node_spawn_read_iface(struct rd *r, struct node_spawn_iface *ret);

#endif
