/*
 * Addresses, routes and neighbours of one namespace.
 *
 * Structs are values; every array returned is one allocation that the caller frees. Requests can be
 * batched (nl.h); lists and flushes cannot. An interface is given by its index, 0 means every one.
 * Times are nanoseconds; -1 is for ever.
 *
 * The same structs come out of events (watch.h): the *_decode() functions return 1 when the message
 * was of their kind, 0 when not, and a negative errno when it is damaged.
 */
#ifndef NETNS_ADDR_H
#define NETNS_ADDR_H

#include "netns/ip.h"
#include "netns/link.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NL_FOREVER (-1)

/* ---- addresses: addr.c ---- */

struct nl_ifaddr {
	int index;
	struct nl_ip ip;
	uint8_t prefix_len;
	uint8_t scope;		/* RT_SCOPE_*; as read */
	struct nl_ip broadcast; /* IPv4; adding: no family: the prefix's last address */
	uint32_t flags;		/* IFA_F_*, such as IFA_F_NODAD */
	int64_t valid_ns;	/* adding: 0 is taken as for ever */
	int64_t preferred_ns;
};

/* Adds, or changes the lifetimes of one that is there. */
int nl_ifaddr_add(struct nl_h *h, const struct nl_ifaddr *a, struct netns_err *err);
int nl_ifaddr_delete(struct nl_h *h, const struct nl_ifaddr *a, struct netns_err *err);
int nl_ifaddr_dump(struct nl_h *h, int index, uint8_t family, struct nl_ifaddr **ret, size_t *ret_n,
		   struct netns_err *err);
/* Deletes all of |family| (0: both) on an interface. */
int nl_ifaddr_flush(struct nl_h *h, int index, uint8_t family, struct netns_err *err);
int nl_ifaddr_decode(const struct nlmsghdr *msg, struct nl_ifaddr *ret);

/* ---- routes: route.c ---- */

struct nl_route {
	struct nl_ip dst; /* the family is always set; with dst_len 0 the default route */
	uint8_t dst_len;
	uint8_t type;	  /* RTN_*; adding: 0 is RTN_UNICAST */
	uint8_t protocol; /* RTPROT_*: who set it; adding: 0 is RTPROT_STATIC */
	uint8_t scope;	  /* as read */
	uint8_t n_paths;  /* as read: 2 and more when the kernel shares out between next hops */
	bool onlink;	  /* the next hop is reached directly whatever the addresses say */
	struct nl_ip via; /* no family: directly connected */
	struct nl_ip prefsrc;
	int index;
	uint32_t metric;
	uint32_t table; /* 0: main */
};

int nl_route_add(struct nl_h *h, const struct nl_route *route, struct netns_err *err);
int nl_route_replace(struct nl_h *h, const struct nl_route *route, struct netns_err *err);
int nl_route_delete(struct nl_h *h, const struct nl_route *route, struct netns_err *err);
/* |table| 0: main; RT_TABLE_LOCAL has the addresses and broadcasts. |family| 0: both. */
int nl_route_dump(struct nl_h *h, uint8_t family, uint32_t table, struct nl_route **ret,
		  size_t *ret_n, struct netns_err *err);
int nl_route_decode(const struct nlmsghdr *msg, struct nl_route *ret);
/* "10.0.0.0/8 via 10.1.1.1", "default"; into |buf|, which is returned. */
const char *nl_route_text(const struct nl_route *route, char *buf, size_t buf_len);

/* ---- neighbours (ARP and ND caches): neigh.c ---- */

struct nl_neigh {
	int index;
	struct nl_ip ip;
	bool has_mac;
	uint8_t mac[NL_MAC_LEN];
	uint16_t state; /* NUD_*; adding: 0 is NUD_PERMANENT */
	uint8_t flags;	/* NTF_PROXY, NTF_ROUTER */
	uint32_t n_probes;
	int64_t used_ns, confirmed_ns, updated_ns; /* ago; as read */
};

int nl_neigh_add(struct nl_h *h, const struct nl_neigh *neigh, struct netns_err *err);
int nl_neigh_replace(struct nl_h *h, const struct nl_neigh *neigh, struct netns_err *err);
int nl_neigh_delete(struct nl_h *h, const struct nl_neigh *neigh, struct netns_err *err);
int nl_neigh_dump(struct nl_h *h, int index, uint8_t family, struct nl_neigh **ret, size_t *ret_n,
		  struct netns_err *err);
/* Deletes learned entries; permanent ones too when |permanent_too|. */
int nl_neigh_flush(struct nl_h *h, int index, uint8_t family, bool permanent_too,
		   struct netns_err *err);
int nl_neigh_decode(const struct nlmsghdr *msg, struct nl_neigh *ret);
const char *nl_neigh_state_name(uint16_t state);

/* How long and how often; 0 leaves a value alone. Whole milliseconds. */
struct nl_neigh_params {
	int64_t retrans_ns;	     /* between two requests; the kernel's 1 s */
	int64_t base_reachable_ns;   /* 30 s */
	int64_t stale_ns;	     /* before a stale entry may be dropped; 60 s */
	int64_t delay_first_ns;	     /* before a stale entry is probed; 5 s */
	uint32_t n_unicast_probes;   /* 3 */
	uint32_t n_multicast_probes; /* 3 */
};

/* |index| 0: for interfaces to come. */
int nl_neigh_set_params(struct nl_h *h, int index, uint8_t family,
			const struct nl_neigh_params *params, struct netns_err *err);

#endif
