/*
 * Access lists, as an IOS router has them, enforced by nftables.
 *
 * A list is an ordered table of entries; the first that matches decides, and what matches none is
 * denied (the implicit deny). A list takes effect where it is bound: to an interface and a
 * direction.
 *
 *   ACL_IN   everything received on the interface, for the router itself and to be forwarded
 *            (hook prerouting, before address translation)
 *   ACL_OUT  what is forwarded out of the interface (hook forward). What the router itself sends is
 *            not filtered: IOS does not filter it either.
 *
 * As in IOS: a bound list without entries permits everything; a fragment that is not the first has
 * no ports, so that a permit entry with ports, flags or an ICMP type also permits the later
 * fragments that match its protocol and addresses, and a deny entry with them does not touch these;
 * an IPv6 list permits neighbour discovery (ND-NS, ND-NA) before its implicit deny; a denied packet
 * is answered with "administratively prohibited" when |unreachable| is set.
 *
 * Packet sockets see frames before any list does. An ordinary UDP server does not see what a list
 * denied.
 *
 * Each rule counts and, by the set's |log|, tells an NFLOG group about the packet (nflog.h); the
 * prefix names direction, interface, entry, verdict and list (acl_hit_parse()).
 *
 * acl_apply() replaces the namespace's whole set in one transaction: a packet meets the old set or
 * the new one, never half of either; counters begin at 0. When it fails, the old set stays. The
 * handle is on NETLINK_NETFILTER. The structs are values that are only read during the call.
 * A set is one message to the kernel, which takes as much as the host's net.core.wmem_max allows;
 * an entry has about 0.65 kB: 600 entries where that is 212992, 4096 where it is 4 MiB
 * (Linux 6.17).
 */
#ifndef NETNS_ACL_H
#define NETNS_ACL_H

#include "netns/link.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ACL_NAME_LEN	64   /* with the NUL */
#define ACL_ENTRIES_MAX 4096 /* of a set, all bindings together */
#define ACL_PROTO_ANY	0    /* "ip", "ipv6" */

enum acl_dir {
	ACL_IN,
	ACL_OUT,
};

enum acl_op {
	ACL_PORT_ANY,
	ACL_PORT_EQ,
	ACL_PORT_NEQ,
	ACL_PORT_LT,
	ACL_PORT_GT,
	ACL_PORT_RANGE, /* both ends belong to it */
};

struct acl_port {
	enum acl_op op;
	uint16_t port, last; /* |last|: for ACL_PORT_RANGE */
};

/* A bit set in |wildcard| is not compared; any pattern will do. IPv4 uses the first four bytes. */
struct acl_addr {
	uint8_t bytes[16], wildcard[16];
};

struct acl_entry {
	uint32_t seq; /* 1 and up */
	bool permit;
	uint8_t protocol; /* IPPROTO_*, or ACL_PROTO_ANY */
	struct acl_addr src, dst;
	struct acl_port src_port, dst_port; /* TCP, UDP, SCTP */
	bool has_icmp_type, has_icmp_code;  /* ICMP, ICMPv6 */
	uint8_t icmp_type, icmp_code;
	bool established; /* TCP with ACK or RST */
	bool log;	  /* the entry says "log" */
};

struct acl {
	const char *name; /* "101", "campus-in" */
	uint8_t family;	  /* AF_INET or AF_INET6 */
	const struct acl_entry *entries;
	size_t n_entries;
};

struct acl_binding {
	const char *interface; /* need not exist yet */
	enum acl_dir dir;
	const struct acl *acl;
};

enum acl_log {
	ACL_LOG_ALL,	/* every packet that a rule decides about */
	ACL_LOG_DENIED, /* those denied, and those of entries with "log" */
	ACL_LOG_MARKED, /* entries with "log" only */
};

struct acl_set {
	const struct acl_binding *bindings;
	size_t n_bindings;
	uint16_t group; /* NFLOG group */
	enum acl_log log;
	bool unreachable; /* answer denied packets */
};

struct acl_addr acl_addr_any(void);
struct acl_addr acl_addr4(uint32_t host_order, uint32_t wildcard);

int acl_apply(struct nl_h *h, const struct acl_set *set, struct netns_err *err);
int acl_remove(struct nl_h *h, struct netns_err *err);

/* What a prefix of NFLOG and a counter are about. */
struct acl_hit {
	enum acl_dir dir;
	bool permit;
	uint32_t seq; /* 0: the implicit end of the list */
	char interface[NL_NAME_LEN];
	char name[ACL_NAME_LEN];
};

bool acl_hit_parse(const char *prefix, struct acl_hit *ret_hit);

struct acl_count {
	struct acl_hit rule;
	uint64_t n_packets, n_bytes;
};

/* In the order of the rules; the array is the caller's to free. No set: none. */
int acl_counts(struct nl_h *h, struct acl_count **ret_counts, size_t *ret_n, struct netns_err *err);

#endif
