/*
 * Namespaces.
 *
 * A network namespace is held by a file descriptor (close-on-exec) and by nothing else: no name, no
 * mount, so that it is gone when the last holder is gone. The caller owns every descriptor returned
 * here and closes it.
 *
 * Entering is a matter of one thread: setns(2) moves the calling thread only, and every function of
 * this library that works in another namespace enters it, does its work and comes back before it
 * returns. Coming back cannot be reported as an error, since whatever runs next would run in the
 * wrong network; ns_leave() aborts the process instead. Entering needs CAP_SYS_ADMIN over the user
 * namespace that owns the network namespace and over one's own.
 *
 * ns_fork() makes a process in new namespaces. It uses clone3(2) directly, so call it while the
 * process has one thread.
 */
#ifndef NETNS_NS_H
#define NETNS_NS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct idmap;
struct netns_err;

#define NS_CURRENT (-1) /* in place of a descriptor: the calling thread's own namespace */

struct ns_guard {
	int home_fd; /* -1: nothing was entered */
};

/* The calling thread's network namespace. */
int ns_open_current(int *ret_fd, struct netns_err *err);

/* A namespace of process |pid|: |kind| is "net", "user", "mnt", "pid", "uts" or "ipc". */
int ns_open_pid(pid_t pid, const char *kind, int *ret_fd, struct netns_err *err);

/* A new, empty network namespace, owned by the current user namespace; the thread stays at home. */
int ns_create(int *ret_fd, struct netns_err *err);

/* |fd| may be NS_CURRENT: then nothing moves and ns_leave() does nothing. */
int ns_enter(int fd, struct ns_guard *ret_guard, struct netns_err *err);
void ns_leave(struct ns_guard *guard);

/* The namespace's inode number: equal numbers, equal namespaces. */
int ns_inode(int fd, uint64_t *ret_inode, struct netns_err *err);

typedef int ns_child_fn(void *arg);

struct ns_fork {
	uint64_t flags;	      /* CLONE_NEW*; CLONE_NEWUSER needs a map */
	bool die_with_parent; /* SIGKILL for the child when the calling thread ends */
	ns_child_fn *child;   /* runs in the child; its result is the exit status */
	void *arg;
};

/*
 * Starts |how->child| in new namespaces, after its id map has been written. |io_map| (see idmap.h)
 * is NULL without CLONE_NEWUSER. When the helpers newuidmap and newgidmap fail, the child is made
 * again with a map of one id, and |io_map| says so and why. |ret_pidfd| may be NULL.
 * Errors: what clone3(2) says (EPERM, ENOSPC: see probe.h for their reasons), or the map's.
 */
int ns_fork(const struct ns_fork *how, struct idmap *io_map, pid_t *ret_pid, int *ret_pidfd,
	    struct netns_err *err);

#endif
