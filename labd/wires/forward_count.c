/* Counters into the feed, and the barrier `sync n`. */
#include "labd/wires/forward_int.h"

#include <errno.h>

#include "labd/wires/feed.h"

/* Brings the counters up to now. */
static void settle(struct wire_dir *dir, const struct moment *now)
{
	dir->stats.n_device_drops += port_take_drops(&dir->link->ports[dir->dir]);
	if (dir->hold == HOLD_FEED) {
		dir->stats.held_ns += now->mono_ns - dir->held_since_ns;
		dir->held_since_ns = now->mono_ns;
	}
}

/* One record, if the count changed. false: no room in the feed. */
static bool put_count(struct forwarder *fw, struct wire_dir *dir, enum feed_counter_kind kind,
		      uint64_t count, uint64_t *reported, const struct moment *now)
{
	struct feed_counter counter = {
		.kind = kind,
		.link = dir->link->id,
		.dir = dir->dir,
		.n = count - *reported,
		.since_ns = dir->reported_ns,
		.until_ns = now->real_ns,
	};

	if (kind == FEED_HELD)
		counter.held_ns = dir->stats.held_ns - dir->reported.held_ns;
	if (counter.n == 0 && counter.held_ns == 0)
		return true;
	if (feed_put_counter(fw->feed, &counter) < 0)
		return false;
	*reported = count;
	if (kind == FEED_HELD)
		dir->reported.held_ns = dir->stats.held_ns;
	return true;
}

bool forward_report_dir(struct forwarder *fw, struct wire_dir *dir, const struct moment *now)
{
	const struct {
		enum feed_counter_kind kind;
		const uint64_t *count;
		uint64_t *reported;
	} rows[] = {
		{ FEED_DEVICE_DROPS, &dir->stats.n_device_drops, &dir->reported.n_device_drops },
		{ FEED_HELD, &dir->stats.n_held, &dir->reported.n_held },
		{ FEED_FLUSHED, &dir->stats.n_flushed, &dir->reported.n_flushed },
		{ FEED_REFUSED, &dir->stats.n_refused, &dir->reported.n_refused },
	};

	settle(dir, now);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!put_count(fw, dir, rows[i].kind, *rows[i].count, rows[i].reported, now))
			return false;
	dir->reported_ns = now->real_ns;
	return true;
}

bool forward_report(struct forwarder *fw)
{
	struct moment now = forward_now(fw);
	bool all = true;

	for (uint32_t i = 0; i < fw->n_slots; i++) {
		for (unsigned d = 0; fw->links[i] != NULL && d < 2; d++)
			if (!forward_report_dir(fw, &fw->links[i]->dirs[d], &now))
				all = false;
	}
	return all;
}

/* ---- sync ---- */

/* false: a direction holds, so there may be frames that nobody has read. */
static bool read_everything(struct forwarder *fw)
{
	bool all = true;

	for (uint32_t i = 0; i < fw->n_slots; i++)
		for (unsigned d = 0; fw->links[i] != NULL && d < 2; d++)
			if (!forward_read_all(fw, &fw->links[i]->dirs[d]))
				all = false;
	return all;
}

static void count_in_flight(struct forwarder *fw)
{
	fw->sync.n_in_flight = 0;
	for (uint32_t i = 0; i < fw->n_slots; i++)
		for (unsigned d = 0; fw->links[i] != NULL && d < 2; d++)
			fw->sync.n_in_flight += fw->links[i]->dirs[d].n_pooled;
	fw->sync.next_due_ns = timers_deadline(&fw->timers);
}

/* Everything that was counted, then the mark. false: no room in the feed. */
static bool put_mark(struct forwarder *fw)
{
	struct feed_counter mark = { .kind = FEED_SYNC, .link = FEED_NO_LINK, .n = fw->sync.n };

	mark.since_ns = mark.until_ns = forward_now(fw).real_ns;
	return forward_report(fw) && feed_put_counter(fw->feed, &mark) == 0;
}

void forward_try_sync(struct forwarder *fw)
{
	if (!fw->sync_open || fw->sync_done)
		return;
	/* While the lab stands still, what has not been read has not happened. */
	if (!fw->paused && !read_everything(fw))
		return;
	while (!put_mark(fw))
		if (feed_space_prepare(fw->feed))
			return; /* the turn that finds room tries again */
	count_in_flight(fw);
	fw->sync_done = true;
}

int forwarder_sync(struct forwarder *fw, uint64_t n)
{
	if (fw->sync_open)
		return -EBUSY;
	fw->sync_open = true;
	fw->sync_done = false;
	fw->sync.n = n;
	return 0;
}

bool forwarder_take_sync(struct forwarder *fw, struct forward_sync *ret_sync)
{
	if (!fw->sync_done)
		return false;
	fw->sync_open = fw->sync_done = false;
	*ret_sync = fw->sync;
	return true;
}
