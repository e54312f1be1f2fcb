/*
 * What the forwarder's files share: forward.c (links, loop, time), forward_data.c (the way of a
 * frame), forward_count.c (counters into the feed, sync).
 *
 * dirs[i] of a link reads ports[i] and writes ports[1 - i].
 */
#ifndef LABD_WIRES_FORWARD_INT_H
#define LABD_WIRES_FORWARD_INT_H

#include "base/heap.h"
#include "labd/wires/forward.h"
#include "labd/wires/frame.h"
#include "labd/wires/port.h"

enum hold {
	HOLD_NOT,
	HOLD_FEED, /* until the feed has room */
	HOLD_POOL, /* until frames in flight have left */
};

/* Counters that go into the feed as differences, see forward_count.c. */
struct reported {
	uint64_t n_device_drops;
	uint64_t n_held;
	int64_t held_ns;
	uint64_t n_flushed;
	uint64_t n_refused;
};

struct wire_dir {
	struct wire_link *link;
	uint8_t dir;
	struct wire_queue queue;
	struct timer timer; /* when dir_run() has something to do, lab time */
	/* Frames that were due and not taken by the interface, in order. */
	struct wire_frame *stuck_first;
	struct wire_frame *stuck_last;
	size_t pooled_bytes; /* what its waiting frames take of the pool */
	uint64_t n_pooled;
	enum hold hold;
	int64_t held_since_ns; /* CLOCK_MONOTONIC */
	bool watched;	       /* its reading end is in the epoll set for reading */
	int64_t empty_ns;      /* CLOCK_MONOTONIC: its reading end was last found empty */
	uint64_t interface_drops;
	struct forward_stats stats; /* without .queue, which the queue itself counts */
	struct reported reported;
	int64_t reported_ns; /* CLOCK_REALTIME of the last report */
};

struct wire_link {
	uint32_t id;
	uint32_t slot; /* in forwarder.links */
	bool up;
	struct port ports[2];
	struct wire_dir dirs[2];
};

/* One moment on the three clocks that matter here. */
struct moment {
	nsec_t lab_ns;
	int64_t mono_ns;
	int64_t real_ns;
};

struct forwarder {
	struct feed *feed;
	int feed_space_fd;
	const struct clock_page *clock;
	uint64_t seed;
	struct frame_pool pool;
	struct port_space space;
	struct timer_heap timers;
	int epoll_fd;
	int timer_fd;
	int64_t armed_ns;     /* what timer_fd is set to, CLOCK_MONOTONIC; NEVER = not set */
	int64_t report_at_ns; /* CLOCK_MONOTONIC; NEVER = nothing to report */
	int watched_fd;
	bool paused;
	nsec_t course_since_ns; /* lab time when the clock last changed its course */
	struct wire_link **links;
	uint32_t n_slots;
	uint32_t n_links;
	uint32_t n_feed_held;
	uint32_t n_pool_held;
	bool sync_open;
	bool sync_done;
	struct forward_sync sync;
};

struct moment forward_now(const struct forwarder *fw);
/* Reads the direction's end, or not, as hold, pause and the port's state want it. */
void forward_watch_dir(struct forwarder *fw, struct wire_dir *dir);
/* Something changed that has to be reported within FORWARD_REPORT_NS. */
void forward_touch(struct forwarder *fw, int64_t mono_ns);

/* ---- forward_data.c ---- */

/* Reads some batches, and sends what is due. */
void forward_read(struct forwarder *fw, struct wire_dir *dir);
/* All that is there. false: the direction holds, so there may be frames that nobody has read. */
bool forward_read_all(struct forwarder *fw, struct wire_dir *dir);
/* Sends what is due and sets the timer for the rest. */
void forward_run(struct forwarder *fw, struct wire_dir *dir);
/* Loses what is in flight. */
void forward_flush(struct forwarder *fw, struct wire_dir *dir);
/* Room has come: held directions are read again. */
void forward_release_feed_held(struct forwarder *fw);
void forward_release_pool_held(struct forwarder *fw);
void forward_end_hold(struct forwarder *fw, struct wire_dir *dir);

/* ---- forward_count.c ---- */

/* true: everything that changed is in the feed. */
bool forward_report(struct forwarder *fw);
/* For one direction, when its link goes. */
bool forward_report_dir(struct forwarder *fw, struct wire_dir *dir, const struct moment *now);
/* Goes on with an open sync as far as it gets. */
void forward_try_sync(struct forwarder *fw);

#endif
