/* A small ring's larger successor.
 *
 * A socket cannot be given another ring while frames come. So for a while two sockets hear the same
 * frames, each in a ring of its own, and at a cut, a moment that both have passed, the log goes
 * over from one to the other: what is stamped up to the cut is read from the first, what is stamped
 * later from the second. Each socket stamps its copy itself, some 100 ns apart: a cut where nothing
 * is near is exact. When frames never pause it is made at the stamp of one that was read: the
 * kernel gives a frame to the socket that came last first, so that of one flow no frame is lost or
 * read twice. Of two processors' one may be: the interfaces' counters are compared then.
 *
 * (PACKET_FANOUT with a filter as its switch would be exact always. It costs whoever sends 4 % of
 * its rate, for good.) */
#include <errno.h>

#include "labd/log/sources_in.h"

#define SETTLE_NS   (2 * MSEC) /* a frame may be under way to the sockets so long */
#define QUIET_NS    (5 * MSEC)
#define PATIENCE_NS (100 * MSEC)
#define HURRY_AT    50 /* percent of the first ring */

int sources_grow(struct sources *s, uint32_t device, int capture_fd)
{
	struct ring_source *r = NULL;
	int err;

	for (uint32_t i = 0; i < s->n_rings; i++)
		if (s->rings[i]->device == device)
			r = s->rings[i];
	if (!r)
		return -ENODEV;
	if (r->next || r->old)
		return -EBUSY;
	err = ring_open(capture_fd, s->ring_budget, &r->next);
	if (err < 0)
		return err;
	s->ring_used += ring_bytes(r->next);
	r->next_since_ns = labtime_wall_now();
	r->cut_ns = 0;
	return ring_set_filter(s, r);
}

static void pass_on(struct sources *s, struct ring_source *r)
{
	r->old = r->ring;
	r->ring = r->next;
	r->next = NULL;
	r->skip_ns = r->cut_ns;
	r->drops_before += ring_stats(r->old).n_drops;
	s->press_for_ns = 0; /* the larger one may have room for whole frames */
}

bool ring_passes_on(struct sources *s, struct ring_source *r, int64_t wall_ns)
{
	if (!r->next || r->cut_ns == 0 || wall_ns <= r->cut_ns)
		return false;
	pass_on(s, r);
	return true;
}

void ring_may_cut(struct ring_source *r, int64_t wall_ns)
{
	r->shown_ns = wall_ns;
	if (!r->next || r->cut_ns != 0 || wall_ns < r->next_since_ns + SETTLE_NS)
		return;
	if (ring_fill(r->ring) < HURRY_AT && wall_ns < r->next_since_ns + PATIENCE_NS)
		return;
	r->cut_ns = wall_ns;
	r->unsettled = true;
}

static bool is_quiet(const struct ring_source *r, int64_t at_ns)
{
	return at_ns - r->shown_ns >= QUIET_NS &&
	       (r->head_ns == INT64_MAX || r->head_ns - at_ns >= QUIET_NS);
}

void ring_grow(struct sources *s, struct ring_source *r, int64_t limit_ns)
{
	if (r->next && r->cut_ns == 0 && limit_ns >= r->next_since_ns + SETTLE_NS &&
	    is_quiet(r, limit_ns))
		r->cut_ns = limit_ns;
	if (r->next && r->cut_ns != 0 && r->cut_ns <= limit_ns)
		pass_on(s, r);
	/* Nothing waits to be committed, so no commit will come that gives it up. */
	if (r->old && !store_is_dirty(engine_store(s->e)))
		ring_retire_old(s, r);
}

void ring_retire_old(struct sources *s, struct ring_source *r)
{
	if (!r->old || s->retired != 0)
		return;
	s->ring_used -= ring_bytes(r->old);
	r->old = ring_retire(r->old);
	s->retired = r->device;
}

uint32_t sources_retired(struct sources *s)
{
	uint32_t device = s->retired;

	s->retired = 0;
	return device;
}
