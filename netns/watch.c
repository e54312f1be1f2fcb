#include "netns/watch.h"

#include "netns/attr.h"
#include "netns/err.h"
#include "netns/nl.h"
#include "netns/ns.h"

#include <errno.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#define WATCH_RECV_LEN	   (32 * 1024)
#define WATCH_RCVBUF_BYTES (4 * 1024 * 1024)

struct nl_watch {
	struct mnl_socket *sock;
	int nsid;  /* of the datagram in |buf| */
	size_t at; /* first byte not yet decoded */
	size_t len;
	char *buf; /* WATCH_RECV_LEN, while something is there to be read */
};

static const char *const event_names[] = {
	[NL_EVENT_LINK] = "link",	   [NL_EVENT_LINK_GONE] = "link gone",
	[NL_EVENT_ADDRESS] = "address",	   [NL_EVENT_ADDRESS_GONE] = "address gone",
	[NL_EVENT_ROUTE] = "route",	   [NL_EVENT_ROUTE_GONE] = "route gone",
	[NL_EVENT_NEIGH] = "neighbour",	   [NL_EVENT_NEIGH_GONE] = "neighbour gone",
	[NL_EVENT_FDB] = "bridge entry",   [NL_EVENT_FDB_GONE] = "bridge entry gone",
	[NL_EVENT_RESYNC] = "events lost",
};

const char *nl_event_kind_name(enum nl_event_kind kind)
{
	return event_names[kind];
}

static const struct {
	unsigned subject;
	int group;
} watch_groups[] = {
	{ NL_WATCH_LINKS, RTNLGRP_LINK },
	{ NL_WATCH_ADDRESSES, RTNLGRP_IPV4_IFADDR },
	{ NL_WATCH_ADDRESSES, RTNLGRP_IPV6_IFADDR },
	{ NL_WATCH_ROUTES, RTNLGRP_IPV4_ROUTE },
	{ NL_WATCH_ROUTES, RTNLGRP_IPV6_ROUTE },
	{ NL_WATCH_NEIGHBOURS, RTNLGRP_NEIGH },
};

static int watch_join(int fd, unsigned subjects)
{
	for (size_t i = 0; i < sizeof(watch_groups) / sizeof(*watch_groups); i++) {
		if (!(subjects & watch_groups[i].subject))
			continue;
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &watch_groups[i].group,
			       sizeof(int)) < 0)
			return -errno;
	}
	return 0;
}

static int watch_setup(struct nl_watch *w, unsigned subjects, bool all_namespaces)
{
	const int one = 1, rcvbuf = WATCH_RCVBUF_BYTES;
	int fd = nl_watch_fd(w);

	/* Beyond net.core.rmem_max only for the host's root; a smaller buffer resyncs earlier. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	if (all_namespaces &&
	    setsockopt(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &one, sizeof(one)) < 0)
		return -errno;
	if (mnl_socket_bind(w->sock, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	return watch_join(fd, subjects);
}

int nl_watch_open(int ns_fd, unsigned subjects, bool all_namespaces, struct nl_watch **ret_watch,
		  struct netns_err *err)
{
	struct nl_watch *w = malloc(sizeof(*w));
	struct ns_guard guard;
	int r;

	if (!w)
		return netns_fail_errno(err, -ENOMEM, "watcher");
	r = ns_enter(ns_fd, &guard, err);
	if (r < 0) {
		free(w);
		return r;
	}
	w->at = w->len = 0;
	w->buf = NULL;
	w->nsid = -1;
	w->sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	r = w->sock ? watch_setup(w, subjects, all_namespaces) : -errno;
	ns_leave(&guard);
	if (r < 0) {
		(void)nl_watch_close(w);
		return netns_fail_errno(err, r, "watcher: open");
	}
	*ret_watch = w;
	return 0;
}

struct nl_watch *nl_watch_close(struct nl_watch *w)
{
	if (w && w->sock)
		(void)mnl_socket_close(w->sock);
	if (w)
		free(w->buf);
	free(w);
	return NULL;
}

int nl_watch_fd(const struct nl_watch *w)
{
	return mnl_socket_get_fd(w->sock);
}

static int watch_decode_neigh(const struct nlmsghdr *msg, struct nl_event *ev, bool gone)
{
	int r = nl_fdb_decode(msg, &ev->fdb.entry, &ev->fdb.bridge);

	if (r) {
		ev->kind = gone ? NL_EVENT_FDB_GONE : NL_EVENT_FDB;
		return r;
	}
	ev->kind = gone ? NL_EVENT_NEIGH_GONE : NL_EVENT_NEIGH;
	return nl_neigh_decode(msg, &ev->neigh);
}

/* 1: |ev| is filled; 0: a message of no interest. */
static int watch_decode(const struct nlmsghdr *msg, struct nl_event *ev)
{
	switch (msg->nlmsg_type) {
	case RTM_NEWLINK:
		ev->kind = NL_EVENT_LINK;
		return nl_link_decode(msg, &ev->link);
	case RTM_DELLINK:
		ev->kind = NL_EVENT_LINK_GONE;
		return nl_link_decode(msg, &ev->link);
	case RTM_NEWADDR:
		ev->kind = NL_EVENT_ADDRESS;
		return nl_ifaddr_decode(msg, &ev->address);
	case RTM_DELADDR:
		ev->kind = NL_EVENT_ADDRESS_GONE;
		return nl_ifaddr_decode(msg, &ev->address);
	case RTM_NEWROUTE:
		ev->kind = NL_EVENT_ROUTE;
		return nl_route_decode(msg, &ev->route);
	case RTM_DELROUTE:
		ev->kind = NL_EVENT_ROUTE_GONE;
		return nl_route_decode(msg, &ev->route);
	case RTM_NEWNEIGH:
		return watch_decode_neigh(msg, ev, false);
	case RTM_DELNEIGH:
		return watch_decode_neigh(msg, ev, true);
	}
	return 0;
}

/* The next event of the datagram in |buf|, if it has one more. */
static int watch_next_here(struct nl_watch *w, struct nl_event *ev)
{
	const struct nlmsghdr *msg = (const void *)(w->buf + w->at);
	int left = (int)(w->len - w->at);

	while (w->buf && mnl_nlmsg_ok(msg, left)) {
		const struct nlmsghdr *this = msg;

		msg = mnl_nlmsg_next(msg, &left);
		w->at = left > 0 ? w->len - (size_t)left : w->len;
		if (watch_decode(this, ev) > 0) {
			ev->nsid = w->nsid;
			return 1;
		}
	}
	w->at = w->len;
	return 0;
}

/* Hundreds of watchers are idle: one that has nothing to read keeps no buffer. */
static ssize_t watch_receive(struct nl_watch *w)
{
	ssize_t n;

	if (!w->buf)
		w->buf = malloc(WATCH_RECV_LEN);
	if (!w->buf)
		return -ENOMEM;
	n = nlh_recv(nl_watch_fd(w), w->buf, WATCH_RECV_LEN, 0, &w->nsid);
	if (n == -EAGAIN) {
		free(w->buf);
		w->buf = NULL;
	}
	return n;
}

int nl_watch_next(struct nl_watch *w, struct nl_event *ret_event, struct netns_err *err)
{
	struct nl_event ev;

	for (;;) {
		ssize_t n;

		if (watch_next_here(w, &ev)) {
			*ret_event = ev;
			return 1;
		}
		n = watch_receive(w);
		if (n == -EAGAIN)
			return 0;
		if (n == -ENOBUFS) {
			*ret_event = (struct nl_event){ .kind = NL_EVENT_RESYNC, .nsid = -1 };
			return 1;
		}
		if (n < 0)
			return netns_fail_errno(err, (int)n, "watcher: receive");
		w->at = 0;
		w->len = (size_t)n;
	}
}

int nl_nsid_set(struct nl_h *h, int ns_fd, int nsid, struct netns_err *err)
{
	struct nlmsghdr *msg = nlh_put(h, RTM_NEWNSID, 0, "namespace number %d: set", nsid);

	(void)mnl_nlmsg_put_extra_header(msg, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(msg, NETNSA_NSID, (uint32_t)nsid);
	mnl_attr_put_u32(msg, NETNSA_FD, (uint32_t)ns_fd);
	return nlh_done(h, err);
}
