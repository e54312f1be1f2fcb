/*
 * A box to test in: new user, network and mount namespaces with a map of one id, so that the same
 * test runs as root and as an ordinary user. The whole test program lives in it from main() on.
 */
#ifndef TESTS_UNIT_NETNS_BOX_H
#define TESTS_UNIT_NETNS_BOX_H

#include "netns/err.h"
#include "netns/idmap.h"
#include "netns/link.h"
#include "netns/nl.h"
#include "netns/ns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define assert_done(call) box_assert_done((call), &box_err, #call, __FILE__, __LINE__)

static struct netns_err box_err;

static inline void box_assert_done(int r, const struct netns_err *err, const char *call,
				   const char *file, int line)
{
	if (r >= 0)
		return;
	print_error("%s\n  %s\n", call, err->text);
	_fail(file, line);
}

static inline void box_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0) {
		fprintf(stderr, "box: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	(void)close(fd);
}

static inline void box_enter(void)
{
	char uid_map[32], gid_map[32];

	(void)snprintf(uid_map, sizeof(uid_map), "0 %u 1", geteuid());
	(void)snprintf(gid_map, sizeof(gid_map), "0 %u 1", getegid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) < 0) {
		fprintf(stderr, "box: unshare: %s\n", strerror(errno));
		exit(1);
	}
	box_write("/proc/self/setgroups", "deny");
	box_write("/proc/self/uid_map", uid_map);
	box_write("/proc/self/gid_map", gid_map);
}

/* A new namespace with a handle on it. */
struct box_ns {
	int fd;
	struct nl_h *h;
};

static inline struct box_ns box_ns_new(void)
{
	struct box_ns ns;

	assert_done(ns_create(&ns.fd, &box_err));
	assert_done(nlh_open(ns.fd, NETLINK_ROUTE, &ns.h, &box_err));
	return ns;
}

static inline void box_ns_done(struct box_ns *ns)
{
	ns->h = nlh_close(ns->h);
	(void)close(ns->fd);
}

/* |a|:name_a - |b|:name_b, both up. */
static inline void box_veth(struct box_ns *a, const char *name_a, struct box_ns *b,
			    const char *name_b)
{
	const struct nl_veth veth = {
		.a = { .name = name_a, .ns_fd = NS_CURRENT },
		.b = { .name = name_b, .ns_fd = b->fd },
		.a_up = true,
	};

	assert_done(nl_veth_add(a->h, &veth, &box_err));
	assert_done(nl_link_up(b->h, name_b, &box_err));
}

/* A socket made inside |ns|. */
static inline int box_socket(const struct box_ns *ns, int domain, int type, int protocol)
{
	struct ns_guard guard;
	int fd;

	assert_done(ns_enter(ns->fd, &guard, &box_err));
	fd = socket(domain, type | SOCK_CLOEXEC, protocol);
	ns_leave(&guard);
	assert_true(fd >= 0);
	return fd;
}

#endif
