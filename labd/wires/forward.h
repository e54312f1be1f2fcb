/*
 * The loop that moves frames from one end of each wire link to the other.
 *
 * A frame that comes in is judged (queue.h), written to the feed with its fate, and only then sent
 * on, now or when it is due. What can leave at once is sent from where it was received; only a
 * frame that has to wait is copied. One epoll set holds every end, one timerfd the next due time;
 * nothing in here sleeps or blocks elsewhere.
 *
 * Nothing is dropped for want of room. Before reading, the loop asks how many frames the feed and
 * the frame pool can take at worst, and reads no more. With none, the direction holds: its end is
 * not read until there is room, and how often and how long is counted. One direction may take of
 * the pool as much as it leaves free, so that no link starves the others. An interface that takes
 * no more now is tried again RETRY_NS later, in order.
 *
 * Time is the lab's (base/clock.h): while it stands still no end is read and no frame leaves. Times
 * in the feed are CLOCK_REALTIME, as the kernel's own stamps are.
 *
 * Ownership: links own their descriptors. The feed, the clock page and the control descriptor are
 * the caller's and outlive the forwarder. Errors are negative errno.
 */
#ifndef LABD_WIRES_FORWARD_H
#define LABD_WIRES_FORWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "labd/lab/spec.h"
#include "labd/wires/queue.h"

#define FORWARD_POOL_BYTES     (256u << 20)
#define FORWARD_POOL_BYTES_MIN (8u << 20)
#define FORWARD_LINKS_MAX      8192u
#define FORWARD_RETRY_NS       (500 * USEC)
#define FORWARD_REPORT_NS      SEC /* counters go into the feed this often, when they changed */

struct clock_page;
struct feed;
struct forwarder;

struct forward_link {
	uint32_t id;
	enum carrier carrier; /* CARRIER_TAP or CARRIER_RING */
	uint32_t mtu;	      /* of both ends */
	uint32_t ring_bytes;  /* kernel memory for each end; 0 = PORT_RING_BYTES */
	bool up;
	int fds[2];		  /* ends a and b; owned from the call on, also when it fails */
	struct wire_spec spec[2]; /* of a -> b and b -> a */
};

/* Of one direction, since the link was added. */
struct forward_stats {
	struct queue_stats queue;
	uint64_t n_sent;	 /* frames that the receiving interface took, copies included */
	uint64_t n_down;	 /* came while the link was down */
	uint64_t n_flushed;	 /* in flight when it went down */
	uint64_t n_refused;	 /* not taken by the receiving interface, or longer than the MTU */
	uint64_t n_retries;	 /* how often the receiving interface was full */
	uint64_t n_device_drops; /* dropped in the sending device's queue, before labd */
	uint64_t n_held;	 /* how often the wire stood still for a full feed */
	int64_t held_ns;
	uint64_t n_pool_held; /* how often it waited for frames in flight to leave */
	int64_t max_late_ns;  /* the most that a frame left after its due time */
};

struct forward_sync {
	uint64_t n;
	uint64_t n_in_flight; /* frames still waiting for their due time */
	nsec_t next_due_ns;   /* lab time of the next one; NEVER = none */
};

struct forwarder_args {
	struct feed *feed; /* producer */
	int feed_space_fd;
	const struct clock_page *clock;
	uint64_t seed;
	size_t pool_bytes; /* 0 = FORWARD_POOL_BYTES */
	bool single_calls; /* as on a kernel without io_uring */
};

int forwarder_new(const struct forwarder_args *args, struct forwarder **ret_fw);
struct forwarder *forwarder_free(struct forwarder *fw);

/* -EEXIST, -ENOSPC (too many), -ERANGE with a sentence, or what the descriptors say. */
int forwarder_add_link(struct forwarder *fw, const struct forward_link *link, char *reterr,
		       size_t reterr_size);
/* The rest: -ENOENT for a link that is not there. Frames in flight are lost, and counted. */
int forwarder_remove_link(struct forwarder *fw, uint32_t id);
/* Going down loses what is in flight, and counts it. */
int forwarder_set_up(struct forwarder *fw, uint32_t id, bool up);
int forwarder_set_spec(struct forwarder *fw, uint32_t id, unsigned dir,
		       const struct wire_spec *spec, char *reterr, size_t reterr_size);
/* The sending interface's own count of drops (tx_dropped), ever growing, as the owner read it. */
int forwarder_set_drops(struct forwarder *fw, uint32_t id, unsigned dir, uint64_t n_total);
int forwarder_stats(const struct forwarder *fw, uint32_t id, struct forward_stats ret_stats[2]);

/* The clock page was paused, resumed or advanced. */
void forwarder_clock_changed(struct forwarder *fw);

/* Once every frame readable now is in the feed, and the counters too, a FEED_SYNC record follows.
 * -EBUSY: the one before is still open. */
int forwarder_sync(struct forwarder *fw, uint64_t n);
/* true, once, when it is done. */
bool forwarder_take_sync(struct forwarder *fw, struct forward_sync *ret_sync);

/* Also wait for this descriptor; the caller reads it. events are EPOLLIN, EPOLLOUT. */
int forwarder_watch(struct forwarder *fw, int fd, uint32_t events);
/* Waits for something to do and does it. ret_events: what happened on the watched descriptor. */
int forwarder_turn(struct forwarder *fw, uint32_t *ret_events);

#endif
