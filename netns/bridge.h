/*
 * Bridges: the kernel's Ethernet switch.
 *
 * Multicast snooping is always off: its cost per port grows with the number of ports, and a plain
 * flood is what a simple switch does. Without spanning tree a port forwards as soon as it is up.
 *
 * Times are nanoseconds here and hundredths of a second in the kernel, which rounds them down; with
 * spanning tree it takes forward delays of 2-30 s, hellos of 1-10 s and maximum ages of 6-40 s
 * (802.1D 8.10.2) and refuses others (ERANGE).
 */
#ifndef NETNS_BRIDGE_H
#define NETNS_BRIDGE_H

#include "netns/link.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NL_BRIDGE_DEFAULT_PRIORITY 32768

struct nl_bridge_conf {
	const char *name;
	const uint8_t *mac; /* NL_MAC_LEN bytes; NULL: the kernel takes the lowest of its ports */
	bool stp, up;
	uint16_t priority;	  /* 0: NL_BRIDGE_DEFAULT_PRIORITY */
	int64_t forward_delay_ns; /* 0: the kernel's 15 s */
	int64_t hello_ns;	  /* 0: 2 s */
	int64_t max_age_ns;	  /* 0: 20 s */
	int64_t ageing_ns;	  /* of the address table; 0: 300 s */
	uint32_t group;		  /* see nl_link_delete_group() */
};

struct nl_bridge_id {
	uint16_t priority;
	uint8_t mac[NL_MAC_LEN];
};

struct nl_bridge {
	int index;
	bool stp, topology_change;
	struct nl_bridge_id id, root;
	uint16_t root_port; /* port number; 0: this bridge is the root */
	uint32_t root_path_cost;
	int64_t forward_delay_ns, hello_ns, max_age_ns, ageing_ns;
	char name[NL_NAME_LEN];
};

enum nl_port_state { /* the kernel's numbers */
		     NL_PORT_DISABLED = 0,
		     NL_PORT_LISTENING = 1,
		     NL_PORT_LEARNING = 2,
		     NL_PORT_FORWARDING = 3,
		     NL_PORT_BLOCKING = 4,
};

struct nl_port {
	int index, bridge;
	enum nl_port_state state;
	uint16_t priority, number;
	uint32_t cost;
	struct nl_bridge_id designated_root, designated_bridge;
	uint16_t designated_port;
	char name[NL_NAME_LEN];
};

struct nl_fdb {
	uint8_t mac[NL_MAC_LEN];
	int port;	/* interface index */
	bool local;	/* the bridge's or a port's own address: never ages */
	bool is_static; /* set by hand: never ages */
	int64_t age_ns; /* since the address was last heard; 0 for those that never age */
};

const char *nl_port_state_name(enum nl_port_state state);

int nl_bridge_add(struct nl_h *h, const struct nl_bridge_conf *conf, struct netns_err *err);
/* The same settings on a bridge that exists; 0 fields and the name stay as they are. */
int nl_bridge_set(struct nl_h *h, const struct nl_bridge_conf *conf, struct netns_err *err);
int nl_bridge_add_port(struct nl_h *h, int bridge_index, const char *port, struct netns_err *err);
/* |cost| 0 and |priority| -1 leave that one alone; the priority is 0-63. */
int nl_port_set(struct nl_h *h, const char *port, uint32_t cost, int priority,
		struct netns_err *err);

int nl_bridge_get(struct nl_h *h, const char *name, struct nl_bridge *ret, struct netns_err *err);
/* Arrays are the caller's to free; |bridge_index| 0: of every bridge. */
int nl_bridge_ports(struct nl_h *h, int bridge_index, struct nl_port **ret_ports, size_t *ret_n,
		    struct netns_err *err);
int nl_bridge_fdb(struct nl_h *h, int bridge_index, struct nl_fdb **ret_fdb, size_t *ret_n,
		  struct netns_err *err);
/* Forgets every learned address. */
int nl_bridge_flush(struct nl_h *h, const char *name, struct netns_err *err);

/* 1: a neighbour message about a bridge's address table was decoded. */
int nl_fdb_decode(const struct nlmsghdr *msg, struct nl_fdb *ret_fdb, int *ret_bridge);

#endif
