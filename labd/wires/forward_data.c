/* The way of a frame: read, judged, reported, sent. */
#include "labd/wires/forward_int.h"

#include <errno.h>
#include <string.h>

#include "labd/wires/feed.h"

/* Frames of a ring that are sent at a time: with what the receiver's kernel does for each they take
 * 10 us, in which the sender may fill a ring that is to be read. */
#define RING_SENDS 16u

#define READS_A_TURN 4u	 /* batches of one end */
#define READS_HURRY  64u /* when its order or the room in front depends on it */
/* For one sync, so that a flood cannot hold it up for ever: more than any queue in front holds. */
#define SYNC_READS_MAX 512u

/* Frames that leave at once, from where they are, in order. */
struct outgoing {
	struct port_frame frames[2 * PORT_BATCH];
	nsec_t due_ns[2 * PORT_BATCH];
	unsigned n;
};

static struct port *source(struct wire_dir *dir)
{
	return &dir->link->ports[dir->dir];
}

static struct port *target(struct wire_dir *dir)
{
	return &dir->link->ports[1 - dir->dir];
}

/* ---- room ---- */

static unsigned pool_room(const struct forwarder *fw, const struct wire_dir *dir, size_t frame_max)
{
	size_t free_bytes = fw->pool.limit_bytes - fw->pool.used_bytes;
	size_t share = free_bytes > dir->pooled_bytes ? free_bytes - dir->pooled_bytes : 0;
	size_t n = share / (2 * frame_pool_cost(frame_max));

	return n < PORT_BATCH ? (unsigned)n : PORT_BATCH;
}

/* Each frame may need a record for itself and one for its copy. */
static unsigned feed_frames(struct forwarder *fw, size_t frame_max)
{
	size_t n = feed_room(fw->feed) / (2 * FEED_FRAME_BYTES(frame_max));

	return n < PORT_BATCH ? (unsigned)n : PORT_BATCH;
}

static void hold(struct forwarder *fw, struct wire_dir *dir, enum hold why)
{
	struct moment now = forward_now(fw);

	dir->hold = why;
	dir->held_since_ns = now.mono_ns;
	if (why == HOLD_FEED) {
		dir->stats.n_held++;
		fw->n_feed_held++;
	} else {
		dir->stats.n_pool_held++;
		fw->n_pool_held++;
	}
	forward_watch_dir(fw, dir);
	forward_touch(fw, now.mono_ns);
}

void forward_end_hold(struct forwarder *fw, struct wire_dir *dir)
{
	if (dir->hold == HOLD_FEED) {
		dir->stats.held_ns += forward_now(fw).mono_ns - dir->held_since_ns;
		fw->n_feed_held--;
	} else if (dir->hold == HOLD_POOL) {
		fw->n_pool_held--;
	}
	dir->hold = HOLD_NOT;
	forward_watch_dir(fw, dir);
}

void forward_release_feed_held(struct forwarder *fw)
{
	for (uint32_t i = 0; i < fw->n_slots && fw->n_feed_held > 0; i++)
		for (unsigned d = 0; fw->links[i] != NULL && d < 2; d++)
			if (fw->links[i]->dirs[d].hold == HOLD_FEED)
				forward_end_hold(fw, &fw->links[i]->dirs[d]);
}

void forward_release_pool_held(struct forwarder *fw)
{
	for (uint32_t i = 0; i < fw->n_slots && fw->n_pool_held > 0; i++) {
		for (unsigned d = 0; fw->links[i] != NULL && d < 2; d++) {
			struct wire_dir *dir = &fw->links[i]->dirs[d];

			/* Half a batch, so that it does not stop and go for single frames. */
			if (dir->hold == HOLD_POOL &&
			    pool_room(fw, dir, source(dir)->frame_max) >= PORT_BATCH / 2)
				forward_end_hold(fw, dir);
		}
	}
}

/* How many frames may be read now; with none, the direction holds. */
static unsigned admit(struct forwarder *fw, struct wire_dir *dir)
{
	size_t frame_max = source(dir)->frame_max;
	unsigned by_feed = feed_frames(fw, frame_max);
	unsigned by_pool = pool_room(fw, dir, frame_max);

	if (by_pool == 0)
		hold(fw, dir, HOLD_POOL);
	else if (by_feed == 0 && feed_space_prepare(fw->feed))
		hold(fw, dir, HOLD_FEED);
	return by_feed < by_pool ? by_feed : by_pool;
}

/* ---- waiting ---- */

static struct wire_frame *copy_frame(struct forwarder *fw, struct wire_dir *dir,
				     const struct port_frame *in)
{
	struct wire_frame *frame = frame_get(&fw->pool, in->len);

	if (frame == NULL) {
		/* admit() saw to the limit; this is the machine's memory. */
		dir->stats.n_refused++;
		return NULL;
	}
	memcpy(frame->bytes, in->bytes, in->len);
	dir->pooled_bytes += frame_pool_cost(in->len);
	dir->n_pooled++;
	return frame;
}

static void release_frame(struct forwarder *fw, struct wire_dir *dir, struct wire_frame *frame)
{
	dir->pooled_bytes -= frame_pool_cost(frame->len);
	dir->n_pooled--;
	frame_put(&fw->pool, frame);
}

static void stuck_append(struct wire_dir *dir, struct wire_frame *frame)
{
	frame->next = NULL;
	if (dir->stuck_first == NULL)
		dir->stuck_first = frame;
	else
		dir->stuck_last->next = frame;
	dir->stuck_last = frame;
}

static struct wire_frame *stuck_take(struct wire_dir *dir)
{
	struct wire_frame *frame = dir->stuck_first;

	if (frame != NULL)
		dir->stuck_first = frame->next;
	return frame;
}

void forward_flush(struct forwarder *fw, struct wire_dir *dir)
{
	struct wire_frame *frame;

	while ((frame = stuck_take(dir)) != NULL ||
	       (frame = queue_take(&dir->queue, NEVER)) != NULL) {
		release_frame(fw, dir, frame);
		dir->stats.n_flushed++;
	}
	timer_clear(&fw->timers, &dir->timer);
}

/* ---- sending ---- */

static void note_late(struct wire_dir *dir, const nsec_t *due_ns, unsigned n, nsec_t lab_ns)
{
	for (unsigned i = 0; i < n; i++)
		if (lab_ns - due_ns[i] > dir->stats.max_late_ns)
			dir->stats.max_late_ns = lab_ns - due_ns[i];
}

/* Returns how many are done with, sent or refused; fewer than all: the interface takes no more. */
static unsigned send_batch(struct forwarder *fw, struct wire_dir *dir, const struct outgoing *out)
{
	struct moment now = forward_now(fw);
	unsigned refused;
	unsigned done = port_write(target(dir), &fw->space, out->frames, out->n, &refused);

	note_late(dir, out->due_ns, done, now.lab_ns);
	dir->stats.n_sent += done - refused;
	dir->stats.n_refused += refused;
	dir->stats.n_retries += done < out->n;
	if (refused > 0)
		forward_touch(fw, now.mono_ns);
	return done;
}

/* Straight from where they were received. */
static void send_now(struct forwarder *fw, struct wire_dir *dir, struct outgoing *out)
{
	for (unsigned i = send_batch(fw, dir, out); i < out->n; i++) {
		struct wire_frame *frame = copy_frame(fw, dir, &out->frames[i]);

		if (frame != NULL) {
			frame->due_ns = out->due_ns[i];
			stuck_append(dir, frame);
		}
	}
	out->n = 0;
}

static void set_timer(struct forwarder *fw, struct wire_dir *dir, nsec_t lab_ns)
{
	nsec_t at_ns = queue_deadline_ns(&dir->queue);

	if (dir->stuck_first != NULL)
		at_ns = lab_ns + FORWARD_RETRY_NS;
	else if (at_ns <= lab_ns) /* more than a batch was due */
		at_ns = lab_ns + 1;
	if (at_ns != NEVER)
		timer_set(&fw->timers, &dir->timer, at_ns);
	else
		timer_clear(&fw->timers, &dir->timer);
}

/* Due frames in their order: those that were refused last time come first. */
static unsigned gather(struct wire_dir *dir, nsec_t lab_ns, struct wire_frame **frames,
		       struct outgoing *out)
{
	unsigned max = target(dir)->carrier == CARRIER_RING ? RING_SENDS : ARRAY_SIZE(out->frames);

	out->n = 0;
	while (out->n < max) {
		struct wire_frame *frame = stuck_take(dir);

		if (frame == NULL)
			frame = queue_take(&dir->queue, lab_ns);
		if (frame == NULL)
			break;
		frames[out->n] = frame;
		out->due_ns[out->n] = frame->due_ns;
		out->frames[out->n++] = (struct port_frame){ frame->bytes, frame->len, 0 };
	}
	return out->n;
}

/* Puts the frames that were not taken back in front of the stuck ones. */
static void put_back(struct wire_dir *dir, struct wire_frame **frames, unsigned n)
{
	struct wire_frame *rest = dir->stuck_first, *last = dir->stuck_last;

	if (n == 0)
		return;
	dir->stuck_first = NULL;
	for (unsigned i = 0; i < n; i++)
		stuck_append(dir, frames[i]);
	if (rest != NULL) {
		dir->stuck_last->next = rest;
		dir->stuck_last = last;
	}
}

/* One batch: between two of them the loop looks at the ends that are read. */
void forward_run(struct forwarder *fw, struct wire_dir *dir)
{
	struct wire_frame *frames[2 * PORT_BATCH];
	nsec_t lab_ns = forward_now(fw).lab_ns;
	struct outgoing out;
	unsigned done = 0;

	if (gather(dir, lab_ns, frames, &out) > 0)
		done = send_batch(fw, dir, &out);
	for (unsigned i = 0; i < done; i++)
		release_frame(fw, dir, frames[i]);
	put_back(dir, frames + done, out.n - done);
	set_timer(fw, dir, lab_ns);
}

/* ---- receiving ---- */

static void report(struct forwarder *fw, const struct wire_dir *dir, const struct port_frame *in,
		   const struct queue_fate *fate, uint32_t flip_bit, const struct moment *now)
{
	bool leaves = !(fate->fate & WIRE_GONE);
	struct feed_frame record = {
		.link = dir->link->id,
		.dir = dir->dir,
		.fate = fate->fate,
		.rx_ns = in->rx_ns,
		.due_ns = leaves ? now->real_ns + (fate->due_ns - now->lab_ns) : 0,
		.orig_len = in->len,
		.cap_len = in->len,
		.flip_bit = flip_bit,
		.bytes = in->bytes,
	};

	/* admit() made sure of the room. */
	feed_put_frame(fw->feed, &record);
}

/* Of a backlog that is read late, a frame read later may be due earlier: then all are sorted. */
static bool may_be_overtaken(const struct wire_dir *dir)
{
	return dir->queue.spec.reorder_ppb > 0;
}

static void pass_on(struct forwarder *fw, struct wire_dir *dir, const struct port_frame *in,
		    const struct queue_fate *fate, nsec_t lab_ns, struct outgoing *out)
{
	struct wire_frame *frame;

	if (fate->fate & WIRE_GONE)
		return;
	if (fate->due_ns <= lab_ns && queue_is_empty(&dir->queue) && dir->stuck_first == NULL &&
	    !may_be_overtaken(dir)) {
		out->due_ns[out->n] = fate->due_ns;
		out->frames[out->n++] = *in;
		return;
	}
	frame = copy_frame(fw, dir, in);
	if (frame != NULL)
		queue_put(&dir->queue, frame, fate);
}

/* How long ago the frame came, by the kernel's stamp; not before the end was last found empty: a
 * wall clock that was set must not send frames back in time. */
static int64_t age_of(const struct wire_dir *dir, const struct port_frame *in,
		      const struct moment *now)
{
	int64_t age_ns = now->real_ns - in->rx_ns, max_ns = now->mono_ns - dir->empty_ns;

	if (age_ns < 0)
		return 0;
	return age_ns < max_ns ? age_ns : max_ns;
}

/* The lab time at which a frame of that age came. */
static nsec_t came_ns(const struct forwarder *fw, int64_t age_ns, const struct moment *now)
{
	if (now->lab_ns - age_ns < fw->course_since_ns)
		return fw->course_since_ns;
	return now->lab_ns - age_ns;
}

static void take_frame(struct forwarder *fw, struct wire_dir *dir, struct port_frame *in,
		       const struct moment *now, struct outgoing *out)
{
	struct queue_verdict verdict = { .frame.fate = WIRE_DOWN };
	int64_t age_ns = age_of(dir, in, now);

	in->rx_ns = now->real_ns - age_ns;
	if (dir->link->up)
		queue_judge(&dir->queue, in->bytes, in->len, came_ns(fw, age_ns, now), &verdict);
	else
		dir->stats.n_down++;
	if (verdict.frame.fate & WIRE_CORRUPTED)
		queue_flip_bit(in->bytes, in->len, verdict.flip_bit);
	report(fw, dir, in, &verdict.frame, verdict.flip_bit, now);
	if (verdict.copy.fate != 0)
		report(fw, dir, in, &verdict.copy, verdict.flip_bit, now);
	pass_on(fw, dir, in, &verdict.frame, now->lab_ns, out);
	if (verdict.copy.fate != 0)
		pass_on(fw, dir, in, &verdict.copy, now->lab_ns, out);
}

static void take_too_long(struct wire_dir *dir)
{
	dir->stats.n_refused += source(dir)->n_too_long;
	source(dir)->n_too_long = 0;
}

/* One batch. true: there may be more to read. What has to wait has no timer yet. */
static bool read_batch(struct forwarder *fw, struct wire_dir *dir)
{
	struct port_frame frames[PORT_BATCH];
	struct outgoing out;
	struct moment now;
	unsigned room = admit(fw, dir);
	int n;

	if (room == 0)
		return dir->hold == HOLD_NOT;
	n = port_read(source(dir), &fw->space, frames, room);
	now = forward_now(fw);
	out.n = 0;
	for (int i = 0; i < n; i++)
		take_frame(fw, dir, &frames[i], &now, &out);
	send_now(fw, dir, &out);
	port_release(source(dir));
	take_too_long(dir);
	forward_touch(fw, now.mono_ns);
	if (source(dir)->dead)
		forward_watch_dir(fw, dir);
	if (n < (int)room)
		dir->empty_ns = now.mono_ns;
	return n == (int)room;
}

/* What has to wait anyway is taken in quickly, before anything is sent: the kernel's queue in front
 * is short, and the order of what is due is known when all is read. */
void forward_read(struct forwarder *fw, struct wire_dir *dir)
{
	bool hurry = may_be_overtaken(dir);

	for (unsigned i = 0; i < (hurry ? READS_HURRY : READS_A_TURN) && dir->watched; i++) {
		if (!read_batch(fw, dir) || queue_is_empty(&dir->queue))
			break;
		hurry = hurry || port_is_filling(source(dir));
	}
	if (dir->n_pooled > 0)
		forward_run(fw, dir);
}

bool forward_read_all(struct forwarder *fw, struct wire_dir *dir)
{
	for (unsigned i = 0; i < SYNC_READS_MAX && dir->watched; i++)
		if (!read_batch(fw, dir))
			break;
	if (dir->n_pooled > 0)
		forward_run(fw, dir);
	return dir->hold == HOLD_NOT;
}
