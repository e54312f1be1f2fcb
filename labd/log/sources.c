#include "labd/log/sources.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"
#include "labd/log/sources_in.h"

/* Percent of the feed or of a ring that wait: payloads are shortened. A large ring is for floods,
 * which fill what is left of it in a tenth of a second; a small one is half full after any burst.
 */
#define PRESS_AT       75
#define PRESS_LARGE_AT 35
#define LARGE_BYTES    (16u << 20)
#define UNPRESS_AT     20
#define PRESS_NS       (500 * MSEC)
#define PRESS_MAX_NS   (8 * SEC)
/* Percent held for the next commit. Of a large ring less: what is held and what waits for its turn
 * together stay below PRESS_LARGE_AT as long as the writer keeps up. */
#define COMMIT_AT	25
#define COMMIT_LARGE_AT 8

struct sources *sources_new(struct engine *e, const struct feed_fds *feed, size_t ring_bytes,
			    struct sbuf *reterr)
{
	struct sources *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s)
		return NULL;
	s->e = e;
	s->feed_fds = *feed;
	s->ring_budget = ring_bytes ? ring_bytes : LOG_RING_BYTES;
	s->rings = calloc(LOG_DEVICES_MAX, sizeof(*s->rings));
	if (!s->rings)
		r = -ENOMEM;
	else if (feed->mem >= 0)
		r = feed_open(&s->feed_fds, FEED_CONSUMER, &s->feed);
	if (r < 0) {
		sbuf_printf(reterr, "the wires' feed cannot be opened: %s", strerror(-r));
		return sources_free(s);
	}
	return s;
}

static void ring_source_free(struct ring_source *r)
{
	ring_close(r->ring);
	ring_close(r->next);
	ring_close(r->old);
	free(r->ports);
	free(r->marked);
	free(r->marked_before);
	free(r);
}

struct sources *sources_free(struct sources *s)
{
	if (!s)
		return NULL;
	for (uint32_t i = 0; i < s->n_rings; i++)
		ring_source_free(s->rings[i]);
	feed_close(s->feed);
	free(s->rings);
	free(s);
	return NULL;
}

/* The interfaces of the device whose links are captured there. */
static int list_ports(struct sources *s, struct ring_source *r)
{
	const struct tie_way *ways = engine_ways(s->e);
	uint32_t n = 0;

	r->ports = calloc(engine_n_ways(s->e), sizeof(*r->ports));
	if (!r->ports)
		return -ENOMEM;
	for (uint32_t way = 2; way < engine_n_ways(s->e); way++) {
		const struct log_link *l = engine_link(s->e, way / 2);

		if (ways[way].sender != r->device || !l)
			continue;
		if (l->capture == LOG_CAPTURE_WIRES ||
		    ways[way].sender_if != (l->capture == LOG_CAPTURE_A ? l->a : l->b))
			continue;
		r->ports[n++] = (struct port){ .ifid = ways[way].sender_if,
					       .way_out = way,
					       .way_in = way ^ 1 };
	}
	r->n_ports = n;
	r->marked = calloc(2 * (size_t)n + 1, sizeof(*r->marked));
	r->marked_before = calloc(2 * (size_t)n + 1, sizeof(*r->marked));
	return r->marked && r->marked_before ? 0 : -ENOMEM;
}

int sources_add(struct sources *s, uint32_t device, int capture_fd, int netlink_fd,
		unsigned n_rings)
{
	struct ring_source *r;
	int err;

	if (capture_fd < 0)
		return 0;
	if (s->n_rings == LOG_DEVICES_MAX)
		return -ENOSPC;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->device = device;
	r->netlink_fd = netlink_fd;
	r->head_ns = INT64_MAX;
	err = list_ports(s, r);
	if (err == 0)
		err = ring_open(capture_fd, s->ring_budget / (n_rings ? n_rings : 1), &r->ring);
	if (err < 0) {
		ring_source_free(r);
		return err;
	}
	r->from_first = !s->resumed || !ring_was_taken_over(r->ring);
	s->rings[s->n_rings++] = r;
	s->ring_used += ring_bytes(r->ring);
	ring_find_ports(s, r);
	return ring_set_filter(s, r);
}

void sources_remove(struct sources *s, uint32_t device)
{
	for (uint32_t i = 0; i < s->n_rings; i++) {
		if (s->rings[i]->device != device)
			continue;
		s->ring_used -= ring_bytes(s->rings[i]->ring);
		ring_source_free(s->rings[i]);
		s->rings[i] = s->rings[--s->n_rings];
		return;
	}
}

int sources_set_ifindex(struct sources *s, uint32_t ifid, int ifindex)
{
	for (uint32_t i = 0; i < s->n_rings; i++)
		for (uint32_t p = 0; p < s->rings[i]->n_ports; p++)
			if (s->rings[i]->ports[p].ifid == ifid) {
				ring_port_is(s->rings[i], &s->rings[i]->ports[p], ifindex);
				/* Until all are known everything passes: one filter is enough. */
				return ring_all_known(s->rings[i]) ? ring_set_filter(s, s->rings[i])
								   : 0;
			}
	return 0; /* captured elsewhere: nothing to do with it */
}

void sources_resume(struct sources *s)
{
	s->resumed = true;
}

void sources_skip_until(struct sources *s, int64_t wall_ns, uint64_t feed_pos)
{
	s->skip_ns = wall_ns;
	s->feed_skip = feed_pos;
}

/* ---- the earliest frame ---- */

/* Fills head_ns; passes over frames of no captured interface and those stored already. */
static bool ring_head(struct sources *s, struct ring_source *r, struct ring_frame *f,
		      struct port **ret_port)
{
	while (ring_peek(r->ring, f)) {
		if (ring_passes_on(s, r, f->wall_ns))
			continue;
		*ret_port = ring_port(r, f->ifindex);
		if (!*ret_port) {
			ring_find_ports(s, r);
			*ret_port = ring_port(r, f->ifindex);
		}
		if (*ret_port && f->wall_ns > s->skip_ns && f->wall_ns > r->skip_ns) {
			r->head_ns = f->wall_ns;
			return true;
		}
		ring_next(r->ring);
	}
	r->head_ns = INT64_MAX;
	return false;
}

static void show_ring_frame(struct sources *s, struct ring_source *r)
{
	struct engine_frame ef = { .delay_ns = -1 };
	struct ring_frame f;
	struct port *p;

	if (!ring_head(s, r, &f, &p))
		return;
	if (r->mark_ns != 0 && f.wall_ns > r->mark_ns + COUNTED_AHEAD_NS)
		ring_compare(s, r);
	if (f.wall_ns > p->base_ns)
		p->seen[f.outgoing ? 0 : 1]++;
	ef.way = f.outgoing ? p->way_out : p->way_in;
	ef.data = f.data;
	ef.cap_len = f.cap_len;
	ef.len = f.len;
	ef.wall_ns = f.wall_ns;
	engine_frame(s->e, &ef);
	ring_may_cut(r, f.wall_ns);
	ring_next(r->ring);
	(void)ring_head(s, r, &f, &p);
}

static void feed_broken(struct sources *s)
{
	struct db_gap g = { .way = -1,
			    .device = -1,
			    .since_ns = labtime_now(engine_time(s->e)),
			    .until_ns = labtime_now(engine_time(s->e)),
			    .what = "frames",
			    .missing = -1,
			    .reason = "the wires' feed could not be read" };

	store_gap(engine_store(s->e), &g);
}

static bool way_exists(const struct sources *s, uint32_t link)
{
	return link != 0 && link < engine_n_ways(s->e) / 2 &&
	       engine_ways(s->e)[link * 2].sender_if != 0;
}

/* Past the record on top. */
static void feed_pass(struct sources *s)
{
	s->feed_shown = s->feed_top + 1;
	s->feed_moved = true;
	feed_next(s->feed);
	store_feed_pos(engine_store(s->e), s->feed_shown);
}

/* The time of the feed's next frame, INT64_MAX without one; counters are taken in passing. */
static int64_t feed_head(struct sources *s, struct feed_frame *ret)
{
	struct feed_record rec;
	int r;

	while (s->feed && (r = feed_peek(s->feed, &rec)) != -EAGAIN) {
		if (r < 0) {
			feed_broken(s);
			continue;
		}
		if (rec.pos >= s->feed_skip && rec.type == FEED_FRAME &&
		    way_exists(s, rec.frame.link)) {
			*ret = rec.frame;
			s->feed_top = rec.pos;
			return rec.frame.rx_ns;
		}
		if (rec.pos >= s->feed_skip && rec.type == FEED_COUNTER)
			feed_count(s, &rec.counter);
		s->feed_top = rec.pos;
		feed_pass(s);
	}
	return INT64_MAX;
}

static void show_feed_frame(struct sources *s, const struct feed_frame *f)
{
	struct engine_frame ef = { .way = f->link * 2 + f->dir,
				   .data = f->bytes,
				   .cap_len = f->cap_len,
				   .len = f->orig_len,
				   .wall_ns = f->rx_ns,
				   .delay_ns = f->due_ns ? f->due_ns - f->rx_ns : 0,
				   .fate = f->fate };

	engine_frame(s->e, &ef);
	feed_pass(s);
}

static struct ring_source *earliest_ring(struct sources *s)
{
	struct ring_source *best = NULL;

	for (uint32_t i = 0; i < s->n_rings; i++)
		if (!best || s->rings[i]->head_ns < best->head_ns)
			best = s->rings[i];
	return best;
}

/* The earliest of the other rings: until then the first one goes on by itself. */
static int64_t next_ring_ns(const struct sources *s, const struct ring_source *but)
{
	int64_t next = INT64_MAX;

	for (uint32_t i = 0; i < s->n_rings; i++)
		if (s->rings[i] != but && s->rings[i]->head_ns < next)
			next = s->rings[i]->head_ns;
	return next;
}

/* Shows frames of one ring while it is the earliest. */
static unsigned run_ring(struct sources *s, struct ring_source *r, int64_t until_ns,
			 unsigned budget)
{
	unsigned n = 0;

	while (n < budget && r->head_ns <= until_ns) {
		show_ring_frame(s, r);
		n++;
	}
	return n;
}

static int64_t min_ns(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* One frame, or several of one source. How many; 0 = nothing is due. */
static unsigned run_earliest(struct sources *s, int64_t limit_ns, unsigned budget)
{
	struct feed_frame f;
	int64_t feed_ns = feed_head(s, &f);
	struct ring_source *r = earliest_ring(s);

	if (r && r->head_ns <= feed_ns && r->head_ns <= limit_ns)
		return run_ring(s, r, min_ns(min_ns(next_ring_ns(s, r), feed_ns), limit_ns),
				budget);
	if (feed_ns > limit_ns)
		return 0;
	show_feed_frame(s, &f);
	return 1;
}

bool sources_run(struct sources *s, unsigned budget)
{
	int64_t limit_ns = labtime_wall_now() - SOURCES_LAG_NS;
	struct ring_frame f;
	struct port *p;
	unsigned n = 0, did = 1;

	for (uint32_t i = 0; i < s->n_rings; i++)
		(void)ring_head(s, s->rings[i], &f, &p);
	while (n < budget && did > 0) {
		did = run_earliest(s, limit_ns, budget - n);
		n += did;
		if (store_is_full_tx(engine_store(s->e)))
			break;
	}
	if (did == 0 && limit_ns > s->seen_ns)
		s->seen_ns = limit_ns;
	for (uint32_t i = 0; did == 0 && i < s->n_rings; i++) {
		if (s->rings[i]->mark_ns != 0 &&
		    s->rings[i]->mark_ns + COUNTED_AHEAD_NS <= s->seen_ns)
			ring_compare(s, s->rings[i]);
		ring_grow(s, s->rings[i], limit_ns);
	}
	return did > 0;
}

int64_t sources_seen_ns(const struct sources *s)
{
	return s->seen_ns;
}

bool sources_are_empty(struct sources *s)
{
	struct feed_frame f;

	if (feed_head(s, &f) != INT64_MAX)
		return false;
	for (uint32_t i = 0; i < s->n_rings; i++)
		if (s->rings[i]->head_ns != INT64_MAX)
			return false;
	return true;
}

bool sources_are_compared(const struct sources *s, int64_t wall_ns)
{
	for (uint32_t i = 0; i < s->n_rings; i++)
		if (s->rings[i]->mark_ns != 0 && s->rings[i]->mark_ns <= wall_ns)
			return false;
	return true;
}

bool sources_are_drained(struct sources *s)
{
	for (uint32_t i = 0; i < s->n_rings; i++) {
		struct ring_source *r = s->rings[i];

		if (!r->from_first || r->mark_ns != 0 || !ring_is_drained(r->ring))
			return false;
	}
	return sources_are_empty(s);
}

/* Frames passed over, by way. */
struct passed {
	uint64_t n;
	nsec_t since_ns, until_ns;
};

static void pass_over(struct sources *s, struct passed *by_way, uint32_t way, int64_t wall_ns)
{
	nsec_t at_ns = labtime_of_wall(engine_time(s->e), wall_ns);

	if (by_way[way].n++ == 0)
		by_way[way].since_ns = at_ns;
	by_way[way].until_ns = at_ns;
}

static void pass_over_all(struct sources *s, struct passed *by_way)
{
	struct feed_frame f;
	struct ring_frame rf;
	struct port *p;

	while (feed_head(s, &f) != INT64_MAX) {
		pass_over(s, by_way, f.link * 2 + f.dir, f.rx_ns);
		feed_pass(s);
	}
	for (uint32_t i = 0; i < s->n_rings; i++)
		while (ring_head(s, s->rings[i], &rf, &p)) {
			if (rf.wall_ns > p->base_ns)
				p->seen[rf.outgoing ? 0 : 1]++;
			pass_over(s, by_way, rf.outgoing ? p->way_out : p->way_in, rf.wall_ns);
			ring_next(s->rings[i]->ring);
		}
}

void sources_discard(struct sources *s, const char *why)
{
	uint32_t n_ways = engine_n_ways(s->e);
	struct passed *by_way = calloc(n_ways, sizeof(*by_way));
	struct db_gap g = { .device = -1, .what = "frames", .reason = why };

	if (!by_way)
		return;
	pass_over_all(s, by_way);
	for (uint32_t way = 0; way < n_ways; way++) {
		if (by_way[way].n == 0)
			continue;
		g.way = way;
		g.missing = (int64_t)by_way[way].n;
		g.since_ns = by_way[way].since_ns;
		g.until_ns = by_way[way].until_ns;
		store_gap(engine_store(s->e), &g);
	}
	free(by_way);
}

/* ---- what is held and given back ---- */

static unsigned feed_held(const struct sources *s)
{
	return s->feed ? (unsigned)(feed_backlog(s->feed) * 100 / feed_size(s->feed)) : 0;
}

void sources_release(struct sources *s)
{
	for (uint32_t i = 0; i < s->n_rings; i++) {
		ring_release(s->rings[i]->ring);
		ring_retire_old(s, s->rings[i]);
	}
	if (s->feed && s->feed_moved)
		feed_release(s->feed);
	s->feed_moved = false;
}

static bool is_large(const struct ring *r)
{
	return ring_bytes(r) >= LARGE_BYTES;
}

bool sources_want_commit(const struct sources *s)
{
	for (uint32_t i = 0; i < s->n_rings; i++) {
		const struct ring *r = s->rings[i]->ring;

		if (ring_held(r) >= (is_large(r) ? COMMIT_LARGE_AT : COMMIT_AT))
			return true;
	}
	return s->feed_moved && feed_held(s) >= COMMIT_AT;
}

/* Is the feed or a ring filled so far? */
static bool any_fill(const struct sources *s, unsigned at, unsigned large_at)
{
	for (uint32_t i = 0; i < s->n_rings; i++) {
		const struct ring *r = s->rings[i]->ring;

		if (ring_fill(r) >= (is_large(r) ? large_at : at))
			return true;
	}
	return feed_held(s) >= at;
}

static void set_pressure(struct sources *s, bool high)
{
	s->pressed = high;
	store_pressure(engine_store(s->e), high);
	for (uint32_t i = 0; i < s->n_rings; i++)
		(void)ring_set_filter(s, s->rings[i]);
}

/* Without pressure the same flood would fill the ring again at once: it is tried again after a
 * while, which doubles each time that it does not hold. */
static bool may_end_pressure(const struct sources *s, int64_t now_ns)
{
	return now_ns - s->pressed_ns >= s->press_for_ns && !any_fill(s, UNPRESS_AT, UNPRESS_AT);
}

static void begin_pressure(struct sources *s, int64_t now_ns)
{
	bool again = s->pressed_ns != 0 && now_ns - s->pressed_ns < 2 * s->press_for_ns;

	s->press_for_ns = again ? min_ns(2 * s->press_for_ns, PRESS_MAX_NS) : PRESS_NS;
	s->pressed_ns = now_ns;
	set_pressure(s, true);
}

void sources_press(struct sources *s)
{
	int64_t now_ns = labtime_mono_now();

	if (!s->pressed && any_fill(s, PRESS_AT, PRESS_LARGE_AT))
		begin_pressure(s, now_ns);
	else if (s->pressed && may_end_pressure(s, now_ns))
		set_pressure(s, false);
}

void sources_watch(struct sources *s)
{
	sources_press(s);
	for (uint32_t i = 0; i < s->n_rings; i++)
		ring_watch(s, s->rings[i], false);
}

void sources_settle(struct sources *s)
{
	for (uint32_t i = 0; i < s->n_rings; i++)
		ring_watch(s, s->rings[i], true);
}

int sources_feed_fd(const struct sources *s)
{
	return s->feed ? s->feed_fds.data : -1;
}

bool sources_may_sleep(struct sources *s)
{
	return !s->feed || feed_wait_prepare(s->feed);
}

void sources_slept(struct sources *s)
{
	if (s->feed)
		feed_wait_done(s->feed);
}

size_t sources_ring_bytes(const struct sources *s)
{
	return s->ring_used;
}

uint64_t sources_drops(const struct sources *s)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < s->n_rings; i++)
		n += s->rings[i]->drops;
	return n;
}
