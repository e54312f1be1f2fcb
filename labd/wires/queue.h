/*
 * What a wire does to the frames of one direction, and when each leaves. Pure: the time comes in,
 * fates and due times come out; no clock, no descriptor, no number that the seed did not give.
 *
 * A frame goes through these steps, in this order:
 *
 *   limit      on a capped link, at most `limit` frames wait for their turn (the one being sent
 *              included); a frame too many is dropped. Frames in flight for a delay do not count.
 *   rate       it takes length x 8 / rate to be sent, after the one before it; fractions of a
 *              nanosecond are carried on, so a long run is exact. Counted is what a capture shows:
 *              no preamble, no frame check sequence.
 *   loss       a lost frame has used its time on the wire.
 *   corrupt    one bit behind the Ethernet header turns.
 *   delay      plus a jitter drawn evenly from -jitter..+jitter. A frame never overtakes the one
 *              before it: jitter alone does not reorder, it waits.
 *   reorder    a chosen frame overtakes: it leaves without the delay. Where there is no delay to
 *              skip, it is held back REORDER_LATE_NS instead, and the others do not wait for it.
 *   duplicate  a second copy, with the same bytes, directly behind; on a capped link it takes its
 *              own turn, and the full queue drops it like any frame.
 *
 * Draws are by (seed, link, direction, conversation, n-th frame of it), see flow.h.
 *
 * Frames wait in three lanes, each first in first out with due times that never fall: the common
 * one, those that overtake, those held back. So putting and taking are O(1).
 *
 * Ownership: frames that queue_put() took are given back by queue_take(); queue_done() needs the
 * lanes empty. Times are nanoseconds of the lab's monotonic clock.
 */
#ifndef LABD_WIRES_QUEUE_H
#define LABD_WIRES_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "labd/lab/spec.h"
#include "labd/wires/flow.h"
#include "labd/wires/frame.h"

#define QUEUE_LIMIT_DEFAULT 1000u
#define QUEUE_LIMIT_MAX	    65536u
#define QUEUE_DELAY_MAX_NS  (600 * SEC)
/* The longest queue of the longest frames at this rate still ends within int64 nanoseconds. */
#define QUEUE_RATE_MIN_BPS 64
#define QUEUE_RATE_MAX_BPS UINT64_C(1000000000000)
#define REORDER_LATE_NS	   (5 * MSEC)

enum queue_lane {
	LANE_COMMON,
	LANE_AHEAD,
	LANE_LATE,
	N_LANES,
};

struct queue_lane_state {
	struct wire_frame *first;
	struct wire_frame *last; /* meaningless when first is NULL */
	nsec_t last_due_ns;
};

struct queue_stats {
	uint64_t n_frames; /* judged, copies not counted */
	uint64_t n_bytes;
	uint64_t n_lost;
	uint64_t n_duplicated;
	uint64_t n_reordered;
	uint64_t n_corrupted;
	uint64_t n_queue_drops;
};

struct wire_queue {
	struct wire_spec spec;
	uint64_t seed; /* of this link and direction */
	struct flow_table flows;
	struct queue_lane_state lanes[N_LANES];
	uint64_t n_put; /* frames ever put: the order among equal due times */
	uint32_t n_waiting;
	/* Rate: the turns not yet over, a ring of turn_size, oldest at turn_first. */
	nsec_t *turn_ends_ns;
	uint32_t turn_size;
	uint32_t turn_first;
	uint32_t n_turns;
	nsec_t free_ns;	    /* end of the last turn */
	uint64_t remainder; /* of the last division by the rate */
	struct queue_stats stats;
};

/* One frame or its copy. */
struct queue_fate {
	uint16_t fate; /* enum wire_fate */
	nsec_t due_ns; /* 0 if it does not leave */
	uint8_t lane;  /* enum queue_lane, for queue_put() */
};

struct queue_verdict {
	struct queue_fate frame;
	struct queue_fate copy; /* fate 0 = there is none */
	uint32_t flip_bit;	/* WIRE_CORRUPTED: for queue_flip_bit() */
};

/* -ERANGE and a sentence, when the queue cannot do what the spec says. */
int queue_spec_check(const struct wire_spec *spec, char *reterr, size_t reterr_size);
/* The spec must have passed. -ENOMEM. */
int queue_init(struct wire_queue *queue, uint64_t lab_seed, uint32_t link, unsigned dir,
	       const struct wire_spec *spec);
void queue_done(struct wire_queue *queue);
/* From the next frame on; those in flight keep their time. -ENOMEM leaves everything as it was. */
int queue_set_spec(struct wire_queue *queue, const struct wire_spec *spec);

void queue_judge(struct wire_queue *queue, const uint8_t *bytes, size_t len, nsec_t now_ns,
		 struct queue_verdict *ret_verdict);
void queue_flip_bit(uint8_t *bytes, size_t len, uint32_t flip_bit);

/* May a frame due now leave at once, with none before it? */
bool queue_is_empty(const struct wire_queue *queue);
void queue_put(struct wire_queue *queue, struct wire_frame *frame, const struct queue_fate *fate);
/* NEVER when empty. */
nsec_t queue_deadline_ns(const struct wire_queue *queue);
/* The next frame that is due at now_ns, or NULL. */
struct wire_frame *queue_take(struct wire_queue *queue, nsec_t now_ns);

#endif
