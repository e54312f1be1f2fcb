/*
 * Links: veth pairs, and everything that is set on or read from an interface.
 *
 * A veth pair is made in place by one request: both ends get their name, address, MTU and namespace
 * in it. Moving an interface afterwards costs about 20 times as much, since the kernel waits for
 * all its readers. The first end may be born up and in its bridge; the second cannot be (the kernel
 * answers ENOTCONN), so it is set up by a second message on a handle of its own namespace, best
 * together with its addresses in one batch.
 *
 * Interface names are at most 15 bytes without '/' and white space. `index` numbers are those of
 * the handle's namespace. Requests can be batched (nl.h).
 */
#ifndef NETNS_LINK_H
#define NETNS_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct netns_err;
struct nlmsghdr;
struct nl_h;

#define NL_NAME_LEN  16	 /* with the NUL */
#define NL_ALIAS_LEN 256 /* with the NUL */
#define NL_MAC_LEN   6

struct nl_counters {
	uint64_t rx_frames, tx_frames, rx_bytes, tx_bytes;
	uint64_t rx_errors, tx_errors, rx_dropped, tx_dropped;
	uint64_t rx_multicast;
};

struct nl_link {
	int index;
	int master;	/* index of its bridge; 0: none */
	int peer;	/* veth: index of the other end, in the other end's namespace */
	unsigned flags; /* IFF_UP, IFF_RUNNING, IFF_LOWER_UP, ... */
	uint32_t mtu;
	uint32_t group;
	uint8_t operstate; /* IF_OPER_*, RFC 2863 */
	uint8_t mac[NL_MAC_LEN];
	char name[NL_NAME_LEN];
	char kind[NL_NAME_LEN]; /* "veth", "bridge", "tun", ...; "" for lo */
	char alias[NL_ALIAS_LEN];
	struct nl_counters counters;
};

struct nl_veth_end {
	const char *name;
	int ns_fd;	    /* NS_CURRENT: the handle's own namespace */
	const uint8_t *mac; /* NL_MAC_LEN bytes; NULL: the kernel draws one */
	uint32_t index;	    /* 0: the kernel's choice */
};

struct nl_veth {
	struct nl_veth_end a, b;
	uint32_t mtu;	/* of both; 0: 1500 */
	uint32_t group; /* of |a|, so that nl_link_delete_group() finds it; 0: none */
	int master;	/* bridge index in the namespace of |a|; 0: none */
	bool a_up;
};

int nl_veth_add(struct nl_h *h, const struct nl_veth *veth, struct netns_err *err);

/* What nl_link_change() sets: the fields whose bit is in |set|. */
enum {
	NL_SET_UP = 1 << 0, /* flag: up or down */
	NL_SET_MAC = 1 << 1,
	NL_SET_MTU = 1 << 2,
	NL_SET_ALIAS = 1 << 3,
	NL_SET_MASTER = 1 << 4, /* 0 takes the port out of its bridge */
	NL_SET_GROUP = 1 << 5,
	NL_SET_PROMISC = 1 << 6,
	NL_SET_TXQLEN = 1 << 7,
	NL_SET_DORMANT = 1 << 8,
};

struct nl_link_change {
	unsigned set;
	bool up, promisc;
	bool dormant; /* RFC 2863: up, but its line is not; frames still go to the driver */
	const uint8_t *mac;
	uint32_t mtu, group;
	uint32_t tx_queue_len; /* frames that may wait in the interface */
	const char *alias;     /* "" removes it */
	int master;
};

int nl_link_change(struct nl_h *h, const char *name, const struct nl_link_change *change,
		   struct netns_err *err);
int nl_link_up(struct nl_h *h, const char *name, struct netns_err *err);
int nl_link_down(struct nl_h *h, const char *name, struct netns_err *err);
/* The interface must be down on kernels before 6.2. Not batched. */
int nl_link_rename(struct nl_h *h, const char *name, const char *new_name, struct netns_err *err);

/* Takes a veth's other end with it. */
int nl_link_delete(struct nl_h *h, const char *name, struct netns_err *err);
/* All of a group in one message and one wait for the kernel's readers; none is fine. */
int nl_link_delete_group(struct nl_h *h, uint32_t group, struct netns_err *err);

int nl_link_get(struct nl_h *h, const char *name, struct nl_link *ret_link, struct netns_err *err);
int nl_link_index(struct nl_h *h, const char *name, int *ret_index, struct netns_err *err);
/* The array is the caller's to free. */
int nl_link_dump(struct nl_h *h, struct nl_link **ret_links, size_t *ret_n, struct netns_err *err);

/*
 * Turns segmentation, receive merging and checksum offload off, so that a capture shows frames as a
 * wire would carry them: none above the MTU, each with its checksum filled in. Both ends of a veth
 * need it. A feature that a driver does not have is no error. Not a netlink message: done at once,
 * also inside a batch, so the link must exist by then.
 */
int nl_offload_off(struct nl_h *h, const char *name, struct netns_err *err);

/* 1: an RTM_NEWLINK or RTM_DELLINK was decoded; 0: it is about something else. */
int nl_link_decode(const struct nlmsghdr *msg, struct nl_link *ret_link);

/* -EINVAL with a sentence unless |name| can be an interface's name. */
int nl_name_check(const char *name, struct netns_err *err);

#endif
