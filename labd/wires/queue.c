#include "labd/wires/queue.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "labd/wires/feed.h"

#define ETH_HDR_BITS (14u * 8u)
#define BIT_NS	     UINT64_C(1000000000)

/* One independent number per purpose. Adding a purpose at the end changes no lab. */
enum draw {
	DRAW_LOSS,
	DRAW_CORRUPT,
	DRAW_CORRUPT_BIT,
	DRAW_JITTER,
	DRAW_REORDER,
	DRAW_DUPLICATE,
};

static int refuse(char *reterr, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(char *reterr, size_t size, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(reterr, size, format, ap);
	va_end(ap);
	return -ERANGE;
}

int queue_spec_check(const struct wire_spec *spec, char *reterr, size_t reterr_size)
{
	const struct {
		const char *name;
		uint32_t ppb;
	} shares[] = {
		{ "loss", spec->loss_ppb },
		{ "duplicate", spec->duplicate_ppb },
		{ "reorder", spec->reorder_ppb },
		{ "corrupt", spec->corrupt_ppb },
	};

	for (size_t i = 0; i < ARRAY_SIZE(shares); i++)
		if (shares[i].ppb > PPB_ONE)
			return refuse(reterr, reterr_size, "%s is more than 100%%", shares[i].name);
	if (spec->delay_ns < 0 || spec->delay_ns > QUEUE_DELAY_MAX_NS)
		return refuse(reterr, reterr_size, "delay must be from 0 to %d s",
			      (int)(QUEUE_DELAY_MAX_NS / SEC));
	if (spec->jitter_ns < 0 || spec->jitter_ns > spec->delay_ns)
		return refuse(reterr, reterr_size, "jitter must be from 0 to the delay");
	if (spec->rate_bps != 0 &&
	    (spec->rate_bps < QUEUE_RATE_MIN_BPS || spec->rate_bps > QUEUE_RATE_MAX_BPS))
		return refuse(reterr, reterr_size, "rate must be from %d bit/s to 1000 Gbit/s",
			      (int)QUEUE_RATE_MIN_BPS);
	if (spec->limit > QUEUE_LIMIT_MAX)
		return refuse(reterr, reterr_size, "limit must be at most %u frames",
			      QUEUE_LIMIT_MAX);
	return 0;
}

static uint32_t limit_of(const struct wire_spec *spec)
{
	return spec->limit ? spec->limit : QUEUE_LIMIT_DEFAULT;
}

/* Room for the spec's limit, and for the turns that are under way already. */
static int resize_turns(struct wire_queue *queue, const struct wire_spec *spec)
{
	uint32_t size = limit_of(spec);
	nsec_t *ends;

	if (spec->rate_bps == 0 || size <= queue->turn_size)
		return 0;
	ends = calloc(size, sizeof(*ends));
	if (ends == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < queue->n_turns; i++)
		ends[i] = queue->turn_ends_ns[(queue->turn_first + i) % queue->turn_size];
	free(queue->turn_ends_ns);
	queue->turn_ends_ns = ends;
	queue->turn_size = size;
	queue->turn_first = 0;
	return 0;
}

int queue_set_spec(struct wire_queue *queue, const struct wire_spec *spec)
{
	int r = resize_turns(queue, spec);

	if (r < 0)
		return r;
	/* What is left of the division belongs to the old rate. */
	if (spec->rate_bps != queue->spec.rate_bps)
		queue->remainder = 0;
	queue->spec = *spec;
	return 0;
}

int queue_init(struct wire_queue *queue, uint64_t lab_seed, uint32_t link, unsigned dir,
	       const struct wire_spec *spec)
{
	*queue = (struct wire_queue){ .seed = hash_mix(hash_mix(lab_seed, link), dir) };
	return queue_set_spec(queue, spec);
}

void queue_done(struct wire_queue *queue)
{
	flow_table_done(&queue->flows);
	free(queue->turn_ends_ns);
	queue->turn_ends_ns = NULL;
}

/* ---- judging ---- */

static bool hit(uint64_t frame_seed, enum draw purpose, uint32_t ppb)
{
	uint64_t below = ((uint64_t)ppb << 32) / PPB_ONE;

	return ppb != 0 && hash_mix(frame_seed, purpose) >> 32 < below;
}

/* Even from 0 to n - 1. */
static uint64_t pick(uint64_t frame_seed, enum draw purpose, uint64_t n)
{
	return hash_mix(frame_seed, purpose) % n;
}

static void end_turns(struct wire_queue *queue, nsec_t now_ns)
{
	while (queue->n_turns > 0 && queue->turn_ends_ns[queue->turn_first] <= now_ns) {
		queue->turn_first = (queue->turn_first + 1) % queue->turn_size;
		queue->n_turns--;
	}
}

/* Is there a place among those that wait? If so, when has the frame been sent? */
static bool take_turn(struct wire_queue *queue, size_t len, nsec_t now_ns, nsec_t *ret_sent_ns)
{
	uint64_t work;

	if (queue->spec.rate_bps == 0) {
		*ret_sent_ns = now_ns;
		return true;
	}
	end_turns(queue, now_ns);
	if (queue->n_turns >= limit_of(&queue->spec))
		return false;
	if (queue->free_ns < now_ns) {
		queue->free_ns = now_ns;
		queue->remainder = 0;
	}
	work = len * 8 * BIT_NS + queue->remainder;
	queue->free_ns += (nsec_t)(work / queue->spec.rate_bps);
	queue->remainder = work % queue->spec.rate_bps;
	queue->turn_ends_ns[(queue->turn_first + queue->n_turns++) % queue->turn_size] =
		queue->free_ns;
	*ret_sent_ns = queue->free_ns;
	return true;
}

static nsec_t draw_delay(const struct wire_spec *spec, uint64_t frame_seed)
{
	uint64_t span = (uint64_t)spec->jitter_ns * 2 + 1;

	if (spec->jitter_ns == 0)
		return spec->delay_ns;
	return spec->delay_ns - spec->jitter_ns + (nsec_t)pick(frame_seed, DRAW_JITTER, span);
}

/* Due times of a lane never fall. */
static void enter_lane(struct wire_queue *queue, struct queue_fate *fate, uint8_t lane,
		       nsec_t due_ns)
{
	struct queue_lane_state *state = &queue->lanes[lane];

	if (due_ns < state->last_due_ns)
		due_ns = state->last_due_ns;
	state->last_due_ns = due_ns;
	fate->lane = lane;
	fate->due_ns = due_ns;
}

static void place(struct wire_queue *queue, uint64_t frame_seed, nsec_t sent_ns,
		  struct queue_fate *fate)
{
	const struct wire_spec *spec = &queue->spec;

	if (!hit(frame_seed, DRAW_REORDER, spec->reorder_ppb)) {
		enter_lane(queue, fate, LANE_COMMON, sent_ns + draw_delay(spec, frame_seed));
		return;
	}
	fate->fate |= WIRE_REORDERED;
	if (spec->delay_ns > 0)
		enter_lane(queue, fate, LANE_AHEAD, sent_ns);
	else
		enter_lane(queue, fate, LANE_LATE, sent_ns + REORDER_LATE_NS);
}

static void judge_corruption(struct wire_queue *queue, uint64_t frame_seed, size_t len,
			     struct queue_verdict *verdict)
{
	uint64_t bits = len * 8;

	if (bits <= ETH_HDR_BITS || !hit(frame_seed, DRAW_CORRUPT, queue->spec.corrupt_ppb))
		return;
	verdict->frame.fate |= WIRE_CORRUPTED;
	verdict->flip_bit =
		ETH_HDR_BITS + (uint32_t)pick(frame_seed, DRAW_CORRUPT_BIT, bits - ETH_HDR_BITS);
	queue->stats.n_corrupted++;
}

static void judge_copy(struct wire_queue *queue, uint64_t frame_seed, size_t len, nsec_t now_ns,
		       struct queue_verdict *verdict)
{
	nsec_t sent_ns;

	if (!hit(frame_seed, DRAW_DUPLICATE, queue->spec.duplicate_ppb))
		return;
	verdict->copy.fate = WIRE_DUPLICATE | (verdict->frame.fate & WIRE_CORRUPTED);
	queue->stats.n_duplicated++;
	if (take_turn(queue, len, now_ns, &sent_ns)) {
		place(queue, frame_seed, sent_ns, &verdict->copy);
	} else {
		verdict->copy.fate |= WIRE_QUEUE_DROP;
		queue->stats.n_queue_drops++;
	}
}

void queue_judge(struct wire_queue *queue, const uint8_t *bytes, size_t len, nsec_t now_ns,
		 struct queue_verdict *ret_verdict)
{
	uint64_t conversation = flow_hash(queue->seed, bytes, len);
	uint64_t n = flow_count(&queue->flows, conversation);
	uint64_t frame_seed = hash_mix(hash_mix(queue->seed, conversation), n);
	struct queue_verdict verdict = { 0 };
	nsec_t sent_ns = now_ns;

	queue->stats.n_frames++;
	queue->stats.n_bytes += len;
	if (!take_turn(queue, len, now_ns, &sent_ns)) {
		verdict.frame.fate = WIRE_QUEUE_DROP;
		queue->stats.n_queue_drops++;
	} else if (hit(frame_seed, DRAW_LOSS, queue->spec.loss_ppb)) {
		verdict.frame.fate = WIRE_LOST;
		queue->stats.n_lost++;
	} else {
		judge_corruption(queue, frame_seed, len, &verdict);
		place(queue, frame_seed, sent_ns, &verdict.frame);
		if (verdict.frame.fate & WIRE_REORDERED)
			queue->stats.n_reordered++;
		judge_copy(queue, frame_seed, len, now_ns, &verdict);
	}
	*ret_verdict = verdict;
}

void queue_flip_bit(uint8_t *bytes, size_t len, uint32_t flip_bit)
{
	if (flip_bit / 8 < len)
		bytes[flip_bit / 8] ^= (uint8_t)(0x80u >> flip_bit % 8);
}

/* ---- waiting ---- */

bool queue_is_empty(const struct wire_queue *queue)
{
	return queue->n_waiting == 0;
}

void queue_put(struct wire_queue *queue, struct wire_frame *frame, const struct queue_fate *fate)
{
	struct queue_lane_state *lane = &queue->lanes[fate->lane];

	frame->due_ns = fate->due_ns;
	frame->seq = queue->n_put++;
	frame->next = NULL;
	if (lane->first == NULL)
		lane->first = frame;
	else
		lane->last->next = frame;
	lane->last = frame;
	queue->n_waiting++;
}

/* The lane whose first frame leaves next, or NULL. */
static const struct queue_lane_state *next_lane(const struct wire_queue *queue)
{
	const struct queue_lane_state *best = NULL;

	if (queue->n_waiting == 0)
		return NULL;
	for (int i = 0; i < N_LANES; i++) {
		const struct wire_frame *frame = queue->lanes[i].first;

		if (frame == NULL)
			continue;
		if (best == NULL || frame->due_ns < best->first->due_ns ||
		    (frame->due_ns == best->first->due_ns && frame->seq < best->first->seq))
			best = &queue->lanes[i];
	}
	return best;
}

nsec_t queue_deadline_ns(const struct wire_queue *queue)
{
	const struct queue_lane_state *lane = next_lane(queue);

	return lane ? lane->first->due_ns : NEVER;
}

struct wire_frame *queue_take(struct wire_queue *queue, nsec_t now_ns)
{
	const struct queue_lane_state *next = next_lane(queue);
	struct queue_lane_state *lane;
	struct wire_frame *frame;

	if (next == NULL || next->first->due_ns > now_ns)
		return NULL;
	lane = &queue->lanes[next - queue->lanes];
	frame = lane->first;
	lane->first = frame->next;
	queue->n_waiting--;
	return frame;
}
