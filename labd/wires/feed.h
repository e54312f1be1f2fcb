/*
 * The feed: how the wires process tells the log process about every frame, before it forwards it.
 *
 * One ring of bytes in a memfd that both processes map, one producer (wires), one consumer (log),
 * no lock. Positions are 64-bit byte counts that never wrap; each is written by one side only and
 * lives in the shared memory, so either side may die and be started anew: the new consumer goes on
 * at the first record that was not given back, the new producer behind the last committed one.
 * The ring is mapped twice in a row, so that a record is always contiguous.
 *
 * Two eventfds wake a sleeper and are written only while somebody sleeps: `data` wakes the
 * consumer, `space` a producer that found the ring full.
 *
 * Neither side trusts the other's memory. The consumer copies a record's header, checks it, and
 * skips to the producer's position when it makes no sense; the producer takes a senseless position
 * of the consumer for a full ring. The memfd is sealed against shrinking, so no access can fault.
 *
 * Ownership: feed_create() makes the three descriptors, and whoever called it closes them.
 * feed_open() borrows them: they must stay open as long as the feed. Errors are negative errno.
 * Times are nanoseconds of CLOCK_REALTIME.
 *
 * The consumer's loop:
 *
 *	for (;;) {
 *		while ((r = feed_peek(f, &rec)) != -EAGAIN) {
 *			if (r == 0) { ...; feed_next(f); }	// -EBADMSG: a gap, already skipped
 *		}
 *		commit what was written; feed_release(f);
 *		if (feed_wait_prepare(f)) poll(fds.data) ...; then feed_wait_done(f);
 *	}
 */
#ifndef LABD_WIRES_FEED_H
#define LABD_WIRES_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FEED_DEFAULT_BYTES (32u << 20)
#define FEED_MIN_BYTES	   (1u << 20)
#define FEED_MAX_BYTES	   (1u << 30)
#define FEED_FRAME_MAX	   (65536u + 64u) /* bytes of one frame: 64 KiB and its link headers */
/* What a frame of cap_len bytes takes in the ring at most. */
#define FEED_FRAME_BYTES(cap_len) ((size_t)(cap_len) + 64u)

/* What became of a frame, or-ed together; 0 means that it was carried unharmed. */
enum wire_fate {
	WIRE_LOST = 1 << 0,	  /* the wire lost it; due_ns is 0 */
	WIRE_DUPLICATE = 1 << 1,  /* this record is the second copy; the first has a record too */
	WIRE_REORDERED = 1 << 2,  /* taken out of its order: ahead of, or behind, its neighbours */
	WIRE_CORRUPTED = 1 << 3,  /* one bit was turned; the bytes are those that leave */
	WIRE_QUEUE_DROP = 1 << 4, /* the rate-limited queue was full; due_ns is 0 */
	WIRE_DOWN = 1 << 5,	  /* the link was down; due_ns is 0 */
};
/* Any of these: the frame does not leave. */
#define WIRE_GONE (WIRE_LOST | WIRE_QUEUE_DROP | WIRE_DOWN)

struct feed_frame {
	uint32_t link;	      /* the lab's link id */
	uint8_t dir;	      /* 0 = from end a to end b, 1 = from b to a */
	uint16_t fate;	      /* enum wire_fate */
	int64_t rx_ns;	      /* when labd took it from the sending device */
	int64_t due_ns;	      /* when it leaves for the receiving device; 0 if it does not */
	uint32_t orig_len;    /* length on the wire */
	uint32_t cap_len;     /* length of bytes, at most orig_len */
	uint32_t flip_bit;    /* WIRE_CORRUPTED: the turned bit, counted from the frame's start */
	const uint8_t *bytes; /* in the ring until feed_release(); copy before parsing twice */
};

/* What could not become a frame record, always as a number for one link and direction. */
enum feed_counter_kind {
	FEED_DEVICE_DROPS =
		1,	/* n frames that the device's own queue dropped before labd saw them */
	FEED_HELD,	/* the wire stood still n times, held_ns in all, for a full feed */
	FEED_FLUSHED,	/* n frames in flight that went with a link set down or removed */
	FEED_REFUSED,	/* n frames that the receiving interface did not take (down, too long) */
	FEED_RESTARTED, /* wires was started anew: frames in flight were lost, n not known */
	FEED_SYNC,	/* answer to `sync n`: every frame readable then stands before this */
	FEED_COUNTER_MAX = FEED_SYNC,
};

struct feed_counter {
	uint16_t kind;	  /* enum feed_counter_kind */
	uint32_t link;	  /* FEED_NO_LINK for RESTARTED and SYNC */
	uint8_t dir;	  /* as in struct feed_frame */
	uint64_t n;	  /* since the last record of this kind, link and direction */
	int64_t held_ns;  /* FEED_HELD only */
	int64_t since_ns; /* the window that n counts in */
	int64_t until_ns;
};
#define FEED_NO_LINK UINT32_MAX

enum feed_type {
	FEED_FRAME = 1,
	FEED_COUNTER,
};

struct feed_record {
	enum feed_type type;
	uint64_t pos; /* where the record stands; grows for ever, so it can mark what was stored */
	union {
		struct feed_frame frame;
		struct feed_counter counter;
	};
};

struct feed_fds {
	int mem;   /* sealed memfd */
	int data;  /* eventfd, nonblocking: wakes the consumer */
	int space; /* eventfd, nonblocking: wakes the producer */
};

enum feed_role {
	FEED_PRODUCER,
	FEED_CONSUMER,
};

struct feed_stats {
	uint64_t n_corrupt;	/* how often a record made no sense (consumer) */
	uint64_t skipped_bytes; /* what was passed over for it */
};

struct feed;

/* size: bytes of the ring, rounded up to a power of two; 0 = FEED_DEFAULT_BYTES. */
int feed_create(size_t size, struct feed_fds *ret_fds);
void feed_fds_close(struct feed_fds *fds);
/* -EBADF, -EINVAL: not such a memfd. */
int feed_open(const struct feed_fds *fds, enum feed_role role, struct feed **ret_feed);
struct feed *feed_close(struct feed *feed);

/* ---- producer ---- */

/* Free bytes now; records to come take FEED_FRAME_BYTES() each. */
size_t feed_room(struct feed *feed);
/* After 0 the consumer can see the record. -EAGAIN: full; -EMSGSIZE: longer than FEED_FRAME_MAX. */
int feed_put_frame(struct feed *feed, const struct feed_frame *frame);
int feed_put_counter(struct feed *feed, const struct feed_counter *counter);
/* Once per turn of the loop, after the last record of it: wakes the consumer if it sleeps. */
void feed_wake(struct feed *feed);
/* After -EAGAIN: true = sleep until fds.space is readable; false = there is room again. */
bool feed_space_prepare(struct feed *feed);
void feed_space_done(struct feed *feed);

/* ---- consumer ---- */

/* The next record. -EAGAIN: none; -EBADMSG: memory made no sense, skipped, a gap to be logged. */
int feed_peek(struct feed *feed, struct feed_record *ret_record);
/* Go past the peeked record, but keep its bytes and, after a crash, see it again. */
void feed_next(struct feed *feed);
/* Give back the room of everything passed by feed_next(). */
void feed_release(struct feed *feed);
/* feed_next() and feed_release(). */
void feed_advance(struct feed *feed);
/* true = nothing there: sleep until fds.data is readable; false = go on reading. */
bool feed_wait_prepare(struct feed *feed);
void feed_wait_done(struct feed *feed);

/* Bytes committed and not yet given back. */
uint64_t feed_backlog(const struct feed *feed);
size_t feed_size(const struct feed *feed);
struct feed_stats feed_stats(const struct feed *feed);

#endif
