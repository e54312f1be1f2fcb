/*
 * What supervisor and wires say to each other.
 *
 * One SEQPACKET message each, a fixed struct whose length follows from its type; the reader checks
 * it. Every request carries a number and gets exactly one answer with the same number; SYNC gets it
 * when the barrier is reached, the others at once and in order. Descriptors ride along by
 * SCM_RIGHTS (ADD_LINK: ends a and b). Both processes are the same program, so the bytes are the
 * structs.
 *
 * Errors are negative errno.
 */
#ifndef LABD_WIRES_CONTROL_H
#define LABD_WIRES_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include "labd/wires/forward.h"

#define CONTROL_TEXT_LEN 160
#define CONTROL_FDS	 2

enum control_type {
	/* supervisor -> wires */
	CONTROL_ADD_LINK = 1, /* .add, two descriptors */
	CONTROL_REMOVE_LINK,
	CONTROL_SET_SPEC, /* .spec */
	CONTROL_SET_UP,	  /* .up */
	CONTROL_DROPS,	  /* .drops: what the device's interface counted */
	CONTROL_CLOCK,	  /* the clock page was paused, resumed or advanced */
	CONTROL_SYNC,	  /* .sync_n */
	CONTROL_STATS,
	/* wires -> supervisor */
	CONTROL_ANSWER,	      /* .answer */
	CONTROL_ANSWER_SYNC,  /* .synced */
	CONTROL_ANSWER_STATS, /* .stats */
	CONTROL_TYPE_MAX = CONTROL_ANSWER_STATS,
};

struct control_add {
	uint32_t carrier; /* enum carrier */
	uint32_t mtu;
	uint32_t ring_bytes;
	uint32_t up;
	struct wire_spec spec[2];
};

struct control_spec {
	uint32_t dir;
	struct wire_spec spec;
};

struct control_drops {
	uint32_t dir;
	uint64_t n_total;
};

struct control_answer {
	int32_t error;		     /* 0 or negative errno */
	char text[CONTROL_TEXT_LEN]; /* a sentence; "" without an error */
};

struct control_msg {
	uint32_t type; /* enum control_type */
	uint32_t seq;  /* of the request */
	uint32_t link; /* where one is meant */
	union {
		struct control_add add;
		struct control_spec spec;
		uint32_t up;
		struct control_drops drops;
		uint64_t sync_n;
		struct control_answer answer;
		struct forward_sync synced;
		struct forward_stats stats[2];
	};
};

/* Descriptors stay the caller's. -EAGAIN: the channel is full. */
int control_send(int fd, const struct control_msg *msg, const int *fds, size_t n_fds);
/*
 * The descriptors become the caller's; unused places are -1. -EAGAIN: none; -EPIPE: the other side
 * has gone; -EBADMSG: not a message, or more descriptors than CONTROL_FDS (all closed).
 */
int control_recv(int fd, struct control_msg *ret_msg, int ret_fds[CONTROL_FDS]);

#endif
