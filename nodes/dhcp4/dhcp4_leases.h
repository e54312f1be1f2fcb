/* dhcp4_leases.h: the addresses of a server: pools, and who has or had which address.
 *
 * One record an address; it is found by address and by client through hash tables whose size is set
 * when the pools are (so that no event pays for growth), its timer lies in one heap, and the lowest
 * free address of a pool is found by dhcp4_bits. The cost of an event does not depend on how many
 * leases there are, but for the heap's logarithm.
 *
 * An ended lease is remembered as EXPIRED or RELEASED, for the same client to come back to; its
 * address is given to another one when the pool has no address that was never used, the one that
 * ended first before others. A CONFLICT record keeps an address from being leased.
 *
 * Knows no messages and has no effects: the server decides. Owns pools and records. */
#ifndef LABD_DHCP4_LEASES_H
#define LABD_DHCP4_LEASES_H

#include "base/heap.h"
#include "dhcp4/dhcp4.h"
#include "dhcp4/dhcp4_bits.h"

struct dhcp4_msg;
struct dhcp4_probe;

/* Who a client is: its identifier (option 61), else its hardware address (RFC 2131 §4.2). */
struct dhcp4_key {
	uint16_t len;
	uint8_t bytes[258]; /* [0]: 1 = identifier follows, 0 = hardware type and address */
};

enum dhcp4_lease_state {
	L4_NONE, /* a new record */
	L4_PROBING,
	L4_OFFERED,
	L4_BOUND,
	L4_EXPIRED,
	L4_RELEASED,
	L4_CONFLICT,
	N_L4_STATES
};

struct dhcp4_pool {
	struct dhcp4_pool_conf conf; /* a copy of its own */
	uint32_t network, mask;	     /* host order; of the network or around the manual address */
	bool manual;
	struct dhcp4_bits taken; /* not for manual ones: addresses with a record or never leased */
	struct dhcp4_lease *free_head, *free_tail; /* EXPIRED and RELEASED, the oldest first */
	uint32_t n_total;			   /* addresses that may be leased */
	uint32_t n_bound;
};

struct dhcp4_lease {
	uint32_t addr; /* host order */
	enum dhcp4_lease_state state;
	struct dhcp4_pool *pool; /* NULL: restored and not configured yet, or its pool is gone */
	struct timer timer;	 /* end of probe, offer or lease */
	nsec_t since_ns;	 /* of the state */
	nsec_t expires_ns;	 /* BOUND: NEVER = no end */
	bool was_bound;		 /* once: remembered when it ends */
	bool bootp;
	bool cleared;	    /* by command: ends with its next timer */
	bool told;	    /* it stands in the fact table */
	struct addr server; /* our identifier in every message of this lease */
	uint32_t ifid;	    /* where the client was heard */
	struct mac mac;
	char hostname[64];
	const char *method;			     /* CONFLICT: how it was found (static text) */
	struct dhcp4_probe *probe;		     /* PROBING */
	struct dhcp4_lease *next_addr, *next_client; /* hash chains */
	struct dhcp4_lease *free_prev, *free_next;   /* the pool's list */
	uint16_t key_len;
	uint8_t key[]; /* as struct dhcp4_key */
};

struct dhcp4_leases {
	struct dhcp4_pool **pools;
	unsigned n_pools;
	struct dhcp4_range excluded[DHCP4_EXCLUDED_MAX];
	unsigned n_excluded;
	struct dhcp4_lease **by_addr, **by_client;
	size_t n_buckets; /* a power of two */
	size_t n_leases;
	struct timer_heap timers;
	uint64_t seed;
	uint64_t n_looks; /* records looked at in the hash chains, ever */
};

void dhcp4_leases_init(struct dhcp4_leases *l, uint64_t seed);
void dhcp4_leases_done(struct dhcp4_leases *l);

/* Takes the pools of the configuration; records keep their addresses. A record that fits no pool
 * any more has pool NULL afterwards: it is not found any more and the caller's to forget. */
void dhcp4_leases_configure(struct dhcp4_leases *l, const struct dhcp4_conf *conf);

void dhcp4_key_of(const struct dhcp4_msg *m, struct dhcp4_key *ret);
/* From what a fact holds: identifier, else (length 0) an Ethernet address. */
void dhcp4_key_make(struct dhcp4_key *ret, const uint8_t *id, size_t id_len, const struct mac *mac);
/* The identifier within a record's key, or NULL. */
const uint8_t *dhcp4_lease_id(const struct dhcp4_lease *lease, size_t *ret_len);

/* The pool whose network holds the address, or NULL. */
struct dhcp4_pool *dhcp4_pool_for(const struct dhcp4_leases *l, uint32_t addr);
/* The manual binding of this client in this network, or NULL. */
struct dhcp4_pool *dhcp4_pool_manual(const struct dhcp4_leases *l, const struct dhcp4_key *key,
				     const struct mac *mac, uint32_t network, uint32_t mask);
/* A manual binding of this address, whoever it is for, or NULL. */
struct dhcp4_pool *dhcp4_pool_of_host(const struct dhcp4_leases *l, uint32_t addr);
/* May the pool lease this address at all? */
bool dhcp4_pool_may_lease(const struct dhcp4_leases *l, const struct dhcp4_pool *pool,
			  uint32_t addr);
/* An address nobody has: never used, else the one that is free the longest; 0 = none. */
uint32_t dhcp4_pool_pick(const struct dhcp4_pool *pool);
/* Keeps an address of the pool that turned out to be our own from being picked. */
void dhcp4_pool_take(struct dhcp4_pool *pool, uint32_t addr);

struct dhcp4_lease *dhcp4_lease_at(struct dhcp4_leases *l, uint32_t addr);
/* The client's record in this network; one that is in use before one that has ended. */
struct dhcp4_lease *dhcp4_lease_of(struct dhcp4_leases *l, const struct dhcp4_key *key,
				   uint32_t network, uint32_t mask);
bool dhcp4_lease_is(const struct dhcp4_lease *lease, const struct dhcp4_key *key);
/* Free for another client: no record, or one that has ended. */
bool dhcp4_lease_over(const struct dhcp4_lease *lease);
/* A new record in place of one that is over. NULL when DHCP4_LEASES_MAX are in use. */
struct dhcp4_lease *dhcp4_lease_new(struct dhcp4_leases *l, uint32_t addr, struct dhcp4_pool *pool,
				    const struct dhcp4_key *key, const struct mac *mac);
/* The only writer of lease->state; asserts that the move is a legal one. Clears the timer. */
void dhcp4_lease_move(struct dhcp4_leases *l, struct dhcp4_lease *lease, enum dhcp4_lease_state to,
		      nsec_t now);
void dhcp4_lease_forget(struct dhcp4_leases *l, struct dhcp4_lease *lease); /* frees it */
const char *dhcp4_lease_state_name(enum dhcp4_lease_state state);
/* Every record once: start with NULL. */
struct dhcp4_lease *dhcp4_lease_next(const struct dhcp4_leases *l, const struct dhcp4_lease *prev);

#endif
