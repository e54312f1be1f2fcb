/*
 * Which user and group ids exist inside a user namespace.
 *
 * A plan is decided first (idmap_plan, idmap_nested) and then written to a process that is in a new
 * user namespace and has none yet (idmap_apply; ns_fork() does it). Three kinds for the outermost
 * one, by what the host allows:
 *
 *   IDMAP_ROOT   the caller is root: every id it has, each as itself
 *   IDMAP_RANGE  newuidmap, newgidmap and a range in /etc/subuid and /etc/subgid: 0 is the caller,
 *                1 and up are its subordinate ids, so that daemons which change user work
 *   IDMAP_ONE    only 0, the caller; setgroups(2) is denied, as the kernel demands
 *
 * and IDMAP_NESTED for a namespace inside one's own: all of one's ids, each as itself; it needs
 * CAP_SETUID, CAP_SETGID and CAP_SETFCAP in the current user namespace.
 *
 * A plan is a value: no memory is owned. `reason` is one sentence for a person.
 */
#ifndef NETNS_IDMAP_H
#define NETNS_IDMAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct netns_err;

#define IDMAP_ROWS_MAX	 16
#define IDMAP_REASON_LEN 256

enum idmap_kind {
	IDMAP_ROOT,
	IDMAP_RANGE,
	IDMAP_ONE,
	IDMAP_NESTED,
};

struct idmap_row {
	uint32_t inside;  /* first id in the new namespace */
	uint32_t outside; /* the id it is in the namespace of the one who writes the map */
	uint32_t count;
};

struct idmap {
	enum idmap_kind kind;
	struct idmap_row uid[IDMAP_ROWS_MAX], gid[IDMAP_ROWS_MAX];
	unsigned n_uid, n_gid;
	bool deny_setgroups;
	char reason[IDMAP_REASON_LEN];
};

/* What a plan is decided from; idmap_plan() reads it from the system. Texts are whole files. */
struct idmap_facts {
	uint32_t uid, gid;
	const char *user;      /* login name, or NULL when the id has none */
	bool may_map;	       /* CAP_SETUID, CAP_SETGID and CAP_SETFCAP are effective */
	const char *no_helper; /* why newuidmap and newgidmap cannot be used; NULL: they can */
	const char *subuid;    /* /etc/subuid; "" when absent */
	const char *subgid;    /* /etc/subgid */
	const char *uid_map;   /* /proc/self/uid_map */
	const char *gid_map;   /* /proc/self/gid_map */
};

const char *idmap_kind_name(enum idmap_kind kind);

/* The pure decision; never fails, since IDMAP_ONE needs nothing. */
void idmap_decide(const struct idmap_facts *facts, struct idmap *ret_map);

/* The decision for the calling process. */
int idmap_plan(struct idmap *ret_map, struct netns_err *err);

/* All ids of the caller's own user namespace, as themselves. */
int idmap_nested(struct idmap *ret_map, struct netns_err *err);

/* Falls back to IDMAP_ONE, with |why| as its reason. */
void idmap_reduce(struct idmap *map, const char *why);

/* Writes the map of |pid|: by newuidmap and newgidmap for IDMAP_RANGE, else directly. */
int idmap_apply(const struct idmap *map, pid_t pid, struct netns_err *err);

/* Ids 0..n-1 that exist without a hole, the smaller of users and groups. */
uint32_t idmap_span(const struct idmap *map);

/* The highest group id g such that 0..g exist without a hole in the caller's user namespace. */
int idmap_top_gid(uint32_t *ret_gid, struct netns_err *err);

#endif
