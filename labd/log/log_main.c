#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/sbuf.h"
#include "labd/log/infer.h"
#include "labd/log/log_in.h"

/* From a frame's stamp to its commit: SOURCES_LAG_NS, then at most this, is below 100 ms. */
#define COMMIT_NS      (50 * MSEC)
#define WATCH_NS       (1 * SEC)
#define PRESS_LOOK_NS  (20 * MSEC)
#define CRASH_AGAIN_NS (10 * SEC)

enum {
	FRAMES_PER_TURN = 512,
	EVENTS_PER_TURN = 64,
	REASON_MAX = 512,
	/* Sleeping times, ms: frames wait for their turn; things are to be settled; nothing is. */
	NAP_MS = 8,
	SETTLE_MS = 100,
	IDLE_MS = 1000,
};

void log_commit(struct log_proc *p)
{
	engine_commit(p->engine);
	sources_release(p->sources);
	p->dirty_since_ns = 0;
}

/* Looks after room, drops and gaps. */
void log_watch(struct log_proc *p)
{
	struct labtime *t = engine_time(p->engine);

	sources_watch(p->sources);
	store_watch(engine_store(p->engine), labtime_now(t), labtime_wall_now());
	p->watched_ns = labtime_mono_now();
}

static void maybe_commit(struct log_proc *p, int64_t now_ns)
{
	struct store *s = engine_store(p->engine);

	if (!store_is_dirty(s))
		return;
	if (p->dirty_since_ns == 0)
		p->dirty_since_ns = now_ns;
	if (now_ns - p->dirty_since_ns >= COMMIT_NS || store_is_full_tx(s) ||
	    sources_want_commit(p->sources))
		log_commit(p);
}

static void maybe_watch(struct log_proc *p, int64_t now_ns)
{
	if (now_ns - p->watched_ns >= WATCH_NS) {
		log_watch(p);
	} else if (now_ns - p->pressed_ns >= PRESS_LOOK_NS) {
		sources_watch(p->sources);
		p->pressed_ns = now_ns;
	}
}

static void look_careful(struct log_proc *p)
{
	if (p->careful_until_ns != 0 && sources_seen_ns(p->sources) >= p->careful_until_ns) {
		engine_careful(p->engine, false);
		p->careful_until_ns = 0;
	}
}

/* Everything there is to do right now. True: there is more. */
static bool turn(struct log_proc *p)
{
	bool more;
	int64_t now_ns;

	labtime_update(engine_time(p->engine));
	more = sources_run(p->sources, FRAMES_PER_TURN);
	sources_press(p->sources);
	engine_seen(p->engine, sources_seen_ns(p->sources));
	journals_resume(p);
	look_careful(p);
	now_ns = labtime_mono_now();
	maybe_commit(p, now_ns);
	maybe_watch(p, now_ns);
	rings_look(p);
	barriers_look(p);
	if (more)
		p->active_ns = now_ns;
	return more;
}

/* ---- waiting ---- */

static int nap_ms(struct log_proc *p, bool more)
{
	int64_t idle_ns = labtime_mono_now() - p->active_ns;

	if (more)
		return 0;
	if (p->n_barriers > 0 || store_is_dirty(engine_store(p->engine)) ||
	    !sources_are_empty(p->sources) || !engine_journals_empty(p->engine) ||
	    idle_ns < 100 * MSEC)
		return NAP_MS;
	return idle_ns < TIE_STREAM_WAIT_NS + 5 * SEC ? SETTLE_MS : IDLE_MS;
}

static void on_ready(struct log_proc *p, const struct epoll_event *ev)
{
	uint64_t tag = ev->data.u64;

	p->active_ns = labtime_mono_now();
	if (tag == EPOLL_CONTROL)
		control_read(p);
	else if (tag == EPOLL_FEED)
		sources_slept(p->sources);
	else if (tag >= EPOLL_JOURNAL)
		journal_read_all(p, (uint32_t)tag);
}

static void wait_and_read(struct log_proc *p, bool more)
{
	struct epoll_event events[EVENTS_PER_TURN];
	int ms = nap_ms(p, more), n;

	/* The feed wakes us only when it is empty; with frames waiting for their turn we nap. */
	if (ms >= SETTLE_MS && !sources_may_sleep(p->sources))
		ms = 0;
	n = epoll_wait(p->epoll_fd, events, EVENTS_PER_TURN, ms);
	for (int i = 0; i < n && !p->stop; i++)
		on_ready(p, &events[i]);
}

/* Frames and records up to now may still be on their way: wait for them, then settle everything. */
static void finish(struct log_proc *p)
{
	int64_t now_ns;

	for (uint32_t d = 0; d < p->n_fds; d++)
		if (p->fds[d].journal >= 0)
			journal_read_all(p, d);
	sources_settle(p->sources);
	now_ns = labtime_wall_now();
	p->stop = false;
	p->n_barriers = 0;
	(void)epoll_ctl(p->epoll_fd, EPOLL_CTL_DEL, p->args->control_fd, NULL); /* it has ended */
	while (!sources_are_drained(p->sources) &&
	       (sources_seen_ns(p->sources) < now_ns || !sources_are_compared(p->sources, now_ns)))
		wait_and_read(p, turn(p));
	engine_seen(p->engine, now_ns + INFER_ROUTE_WAIT_NS + 2 * INFER_WAIT_NS);
	log_watch(p);
	log_commit(p);
}

/* ---- birth ---- */

static int map_clock(struct log_proc *p, struct sbuf *reterr)
{
	void *map;

	if (p->args->clock_fd < 0)
		return 0;
	map = mmap(NULL, sizeof(struct clock_page), PROT_READ, MAP_SHARED, p->args->clock_fd, 0);
	if (map == MAP_FAILED) {
		sbuf_printf(reterr, "the lab's clock cannot be mapped: %s", strerror(errno));
		return -errno;
	}
	p->clock = map;
	return 0;
}

static unsigned count_rings(const struct log_args *a)
{
	unsigned n = 0;

	for (size_t d = 0; d < a->n_devices; d++)
		for (size_t i = 0; i < a->n_links; i++) {
			const struct log_link *l = &a->links[i];
			uint32_t ifid = l->capture == LOG_CAPTURE_A ? l->a : l->b;

			if (l->capture != LOG_CAPTURE_WIRES && ifid >= 1 && ifid <= a->n_ifaces &&
			    a->ifaces[ifid - 1].device == a->devices[d].id) {
				n++;
				break;
			}
		}
	return n;
}

static int make_epoll(struct log_proc *p)
{
	struct epoll_event control = { .events = EPOLLIN, .data.u64 = EPOLL_CONTROL };
	struct epoll_event feed = { .events = EPOLLIN, .data.u64 = EPOLL_FEED };
	int feed_fd = sources_feed_fd(p->sources);

	p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (p->epoll_fd < 0 ||
	    epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, p->args->control_fd, &control) < 0)
		return -errno;
	if (feed_fd >= 0 && epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, feed_fd, &feed) < 0)
		return -errno;
	return 0;
}

static int make_fds(struct log_proc *p)
{
	for (size_t i = 0; i < p->args->n_devices; i++)
		if (p->args->devices[i].id >= p->n_fds)
			p->n_fds = p->args->devices[i].id + 1;
	if (p->n_fds > LOG_DEVICES_MAX + 1)
		return -EINVAL;
	p->fds = calloc(p->n_fds + 1, sizeof(*p->fds));
	for (uint32_t i = 0; p->fds && i < p->n_fds; i++)
		p->fds[i] =
			(struct log_fds){ .journal = -1, .capture = -1, .netlink = -1, .next = -1 };
	return p->fds ? 0 : -ENOMEM;
}

static int add_devices(struct log_proc *p, struct sbuf *reterr)
{
	for (size_t i = 0; i < p->args->n_device_fds; i++) {
		int r = device_add(p, &p->args->device_fds[i]);

		if (r < 0) {
			sbuf_printf(reterr, "device %u: its descriptors cannot be used: %s",
				    p->args->device_fds[i].device, strerror(-r));
			return r;
		}
	}
	return 0;
}

/* After a restart: what is in rings and feed is read again, but with care: it may be what ended the
 * process before. The second time within a short while it is only counted. */
static void resume(struct log_proc *p)
{
	struct store *s = engine_store(p->engine);
	const struct db_ids *ids = store_ids(s);
	int64_t now_ns = labtime_wall_now();
	struct db_gap gap = { .way = -1,
			      .device = -1,
			      .since_ns = ids->last_time_ns,
			      .until_ns = labtime_now(engine_time(p->engine)),
			      .what = "decisions",
			      .missing = -1,
			      .reason = "the log process was started anew" };

	engine_event(p->engine, 0, "log-restarted", NULL);
	store_gap(s, &gap);
	sources_skip_until(p->sources, ids->last_wall_ns, ids->feed_pos);
	if (ids->restarted_ns != 0 && now_ns - ids->restarted_ns < CRASH_AGAIN_NS) {
		sources_discard(p->sources, "the log process died twice of them");
	} else {
		engine_careful(p->engine, true);
		p->careful_until_ns = now_ns;
	}
	if (store_ready(s))
		store_check(s, db_put_progress(store_db(s), "restarted", now_ns));
	log_commit(p);
}

static int begin(struct log_proc *p, struct sbuf *reterr)
{
	const struct log_args *a = p->args;
	int r = map_clock(p, reterr);

	if (r == 0)
		r = make_fds(p);
	if (r == 0)
		r = engine_new(a, p->clock, &p->engine, reterr);
	if (r < 0)
		return r;
	p->n_rings_planned = count_rings(a);
	p->sources = sources_new(p->engine, &a->feed, a->ring_bytes, reterr);
	if (!p->sources)
		return -ENOMEM;
	if (a->resumed)
		sources_resume(p->sources);
	r = make_epoll(p);
	if (r == 0 && a->sandbox)
		r = log_sandbox();
	if (r < 0)
		sbuf_printf(reterr, "%s", strerror(-r));
	if (r == 0)
		r = add_devices(p, reterr);
	if (r == 0 && a->resumed)
		resume(p);
	return r;
}

static void end(struct log_proc *p)
{
	for (uint32_t d = 0; p->sources && d < p->n_fds; d++)
		device_drop(p, d);
	sources_free(p->sources);
	engine_free(p->engine);
	free(p->fds);
	if (p->epoll_fd >= 0)
		close(p->epoll_fd);
	if (p->clock)
		munmap(p->clock, sizeof(*p->clock));
}

int log_main(const struct log_args *args)
{
	struct log_proc p = { .args = args, .epoll_fd = -1 };
	struct sbuf reason = SBUF(REASON_MAX);
	int r;

	signal(SIGPIPE, SIG_IGN);
	p.active_ns = labtime_mono_now();
	r = begin(&p, &reason);
	if (r == 0) {
		log_tell(&p, LM_READY, 0, 0, NULL);
		while (!p.stop)
			wait_and_read(&p, turn(&p));
		finish(&p);
	} else {
		log_tell(&p, LM_NOTE, 0, r, sbuf_text(&reason));
	}
	end(&p);
	if (r == 0 && p.stop_id)
		log_tell(&p, LM_DONE, p.stop_id, 0, NULL);
	sbuf_done(&reason);
	return r;
}
