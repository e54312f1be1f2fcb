/*
 * Kernel events: what changes in a namespace, as it changes.
 *
 * A watcher is a non-blocking netlink socket for an event loop: when nl_watch_fd() is readable,
 * call nl_watch_next() until it returns 0. When the kernel had to drop events (the reader was
 * slow), an NL_EVENT_RESYNC says so: what one knows is stale, and the lists of link.h, addr.h and
 * bridge.h give the truth again; events that follow it are newer than the loss.
 *
 * With |all_namespaces| one socket also sees every namespace that has a number here
 * (nl_nsid_set()); `nsid` of an event tells which.
 */
#ifndef NETNS_WATCH_H
#define NETNS_WATCH_H

#include "netns/addr.h"
#include "netns/bridge.h"
#include "netns/link.h"

#include <stdbool.h>

enum nl_event_kind {
	NL_EVENT_LINK, /* new or changed */
	NL_EVENT_LINK_GONE,
	NL_EVENT_ADDRESS,
	NL_EVENT_ADDRESS_GONE,
	NL_EVENT_ROUTE,
	NL_EVENT_ROUTE_GONE,
	NL_EVENT_NEIGH,
	NL_EVENT_NEIGH_GONE,
	NL_EVENT_FDB, /* a bridge learned, moved or refreshed an address */
	NL_EVENT_FDB_GONE,
	NL_EVENT_RESYNC, /* events were lost */
};

struct nl_event {
	enum nl_event_kind kind;
	int nsid; /* -1: the watcher's own namespace */
	union {
		struct nl_link link;
		struct nl_ifaddr address;
		struct nl_route route;
		struct nl_neigh neigh;
		struct {
			struct nl_fdb entry;
			int bridge;
		} fdb;
	};
};

/* Subjects, to be or'ed. */
enum {
	NL_WATCH_LINKS = 1 << 0,
	NL_WATCH_ADDRESSES = 1 << 1,
	NL_WATCH_ROUTES = 1 << 2,
	NL_WATCH_NEIGHBOURS = 1 << 3, /* bridges' tables too */
	NL_WATCH_EVERYTHING = (1 << 4) - 1,
};

struct nl_watch;

/* |ns_fd| may be NS_CURRENT. */
int nl_watch_open(int ns_fd, unsigned subjects, bool all_namespaces, struct nl_watch **ret_watch,
		  struct netns_err *err);
struct nl_watch *nl_watch_close(struct nl_watch *w); /* NULL is fine; returns NULL */
int nl_watch_fd(const struct nl_watch *w);

/* 1 and an event; 0: no more for now; negative errno. */
int nl_watch_next(struct nl_watch *w, struct nl_event *ret_event, struct netns_err *err);

const char *nl_event_kind_name(enum nl_event_kind kind);

/* Gives the namespace behind |ns_fd| the number |nsid| (0 and up) in the handle's namespace. */
int nl_nsid_set(struct nl_h *h, int ns_fd, int nsid, struct netns_err *err);

#endif
