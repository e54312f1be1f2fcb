/*
 * Netlink: one handle, one socket, one namespace.
 *
 * A handle is opened while the thread is inside a network namespace and keeps working on that
 * namespace afterwards, from any other. Its owner closes it; one thread uses it at a time.
 *
 * Requests are built by the functions of link.h, bridge.h, addr.h and route.h. Each of them sends
 * its message and waits for the kernel's answer, unless the handle is between nlh_begin() and
 * nlh_commit(): then messages are only queued, and sent many at a time. A failing message does not
 * keep the later ones of a batch from taking effect; nlh_commit() reports the first failure.
 *
 * Everything is libmnl: a request's acknowledgement carries the kernel's own words
 * (NETLINK_EXT_ACK), which libnl 3.7 drops, and those words are the reason that a device's log
 * shows. The same decoders serve lists and events. A process with libnl-route has 302 kB PSS, one
 * with libmnl 168. The tests read back with libnl what was written here.
 *
 * A request that is not answered within NLH_TIMEOUT_S seconds is an error (-ETIMEDOUT); the lock
 * that it waits for is one for the whole machine.
 *
 * For those who add a request: nlh_put() starts a message with the object's name for errors,
 * libmnl's mnl_attr_put*() fill it (at most NLH_MSG_MAX bytes), nlh_done() ends it.
 */
#ifndef NETNS_NL_H
#define NETNS_NL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct netns_err;
struct nlmsghdr;
struct nl_h;

#define NLH_TIMEOUT_S 30
#define NLH_MSG_MAX   1024	/* bytes of one request */
#define NLH_DUMP_MAX  (1 << 20) /* objects of one dump */

/* |bus|: NETLINK_ROUTE or NETLINK_NETFILTER; |ns_fd| may be NS_CURRENT. */
int nlh_open(int ns_fd, int bus, struct nl_h **ret_h, struct netns_err *err);
struct nl_h *nlh_close(struct nl_h *h); /* NULL is fine; returns NULL */
int nlh_fd(const struct nl_h *h);

void nlh_begin(struct nl_h *h);
int nlh_commit(struct nl_h *h, struct netns_err *err);

/* ---- building requests ---- */

/* |flags| are added to NLM_F_REQUEST and NLM_F_ACK; the text names object and deed. */
struct nlmsghdr *nlh_put(struct nl_h *h, uint16_t type, uint16_t flags, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* An errno (positive) that is no failure for the message just built. */
void nlh_tolerate(struct nl_h *h, int errno_value);

int nlh_done(struct nl_h *h, struct netns_err *err);

/* The first of |n| sequence numbers for messages that the caller sends itself. */
uint32_t nlh_seq_block(struct nl_h *h, uint32_t n);

/*
 * Decodes one answer into |ret_item|: 1 keep it, 0 skip it, negative errno: give up. The item is
 * zeroed before.
 */
typedef int nlh_decode_fn(const struct nlmsghdr *msg, void *ctx, void *ret_item);

struct nlh_query {
	nlh_decode_fn *decode;
	void *ctx;
	size_t item_len;
};

/*
 * Sends the message just built as a question (a dump, or a get with one answer) and collects the
 * items into an array that the caller frees; NULL when there are none. A dump that the kernel marks
 * as inconsistent is asked again. Never batched.
 */
int nlh_collect(struct nl_h *h, const struct nlh_query *q, void *ret_items, size_t *ret_n,
		struct netns_err *err);

/* ---- answers, shared with the readers of events ---- */

/*
 * One datagram from the kernel, or -EAGAIN, -ENOBUFS, ...; datagrams of other processes are
 * skipped. |ret_nsid| (or NULL): the peer namespace it came from, -1 for the socket's own.
 */
ssize_t nlh_recv(int fd, void *buf, size_t buf_len, int flags, int *ret_nsid);

/* The error an acknowledgement carries (0: none), and the kernel's words or "". */
int nlh_ack_error(const struct nlmsghdr *msg, char *text, size_t text_len, uint32_t *ret_offset);

#endif
