/*
 * The wires process: forwards the frames of every `wire` link of a lab.
 *
 * The supervisor forks it with everything open: the feed, the clock page's memfd, a control socket
 * (SOCK_SEQPACKET), and the ends of the links, or hands the ends over later by control messages. It
 * then gives up every capability and every system call that it does not need, and runs until the
 * control socket closes. It parses foreign bytes (flow.c looks into headers), so it holds no power:
 * its descriptors are all that it can reach.
 *
 * When it dies the supervisor starts it anew with the same descriptors and `restarted`: the frames
 * in flight are lost, and a FEED_RESTARTED record says so. So the supervisor keeps its own copies
 * of all of them.
 *
 * Messages for people go to standard error, one line each, with a syslog level in front: "<3>...".
 */
#ifndef LABD_WIRES_WIRES_H
#define LABD_WIRES_WIRES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "labd/wires/feed.h"
#include "labd/wires/forward.h"

struct wires_args {
	uint64_t seed; /* the lab's */
	struct feed_fds feed;
	int clock_fd;			  /* memfd with a struct clock_page */
	int control_fd;			  /* see control.h */
	const struct forward_link *links; /* may be NULL: they come by CONTROL_ADD_LINK */
	size_t n_links;
	size_t pool_bytes; /* memory for frames that wait; 0 = FORWARD_POOL_BYTES */
	bool single_calls; /* as on a kernel without io_uring */
	bool restarted;	   /* the last process died */
	bool no_sandbox;   /* for sanitizers, which need more system calls */
};

/* The process' whole life. 0: the control socket was closed; negative errno: it could not start. */
int wires_main(const struct wires_args *args);

/* sandbox.c: no capability, no new ones, no system call but those of the loop. */
int wires_sandbox(void);

#endif
