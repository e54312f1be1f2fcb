#include "labd/wires/forward.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "labd/wires/feed.h"
#include "labd/wires/forward_int.h"

#define EVENTS_MAX 64
/* epoll's number for a descriptor: link slot times 2 plus end, or one of these. */
#define KEY_TIMER   UINT64_MAX
#define KEY_SPACE   (UINT64_MAX - 1)
#define KEY_WATCHED (UINT64_MAX - 2)

/* ---- time ---- */

static int64_t clock_now(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return now.tv_sec * SEC + now.tv_nsec;
}

struct moment forward_now(const struct forwarder *fw)
{
	struct moment now;

	/* In this order: who is interrupted in between takes frames for younger, never for older.
	 */
	now.real_ns = clock_now(CLOCK_REALTIME);
	now.mono_ns = clock_now(CLOCK_MONOTONIC);
	now.lab_ns = clock_lab_now(fw->clock, now.mono_ns);
	return now;
}

void forward_touch(struct forwarder *fw, int64_t mono_ns)
{
	if (fw->report_at_ns == NEVER)
		fw->report_at_ns = mono_ns + FORWARD_REPORT_NS;
}

static void arm_timer(struct forwarder *fw)
{
	int64_t at_ns = clock_mono_at(fw->clock, timers_deadline(&fw->timers));
	struct itimerspec spec = { 0 };

	if (fw->report_at_ns < at_ns)
		at_ns = fw->report_at_ns;
	if (at_ns == fw->armed_ns)
		return;
	if (at_ns != NEVER) {
		spec.it_value.tv_sec = at_ns / SEC;
		spec.it_value.tv_nsec = at_ns % SEC;
		/* Zero would disarm; any time that has passed fires at once. */
		if (at_ns <= 0)
			spec.it_value = (struct timespec){ .tv_nsec = 1 };
	}
	timerfd_settime(fw->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
	fw->armed_ns = at_ns;
}

static void run_timers(struct forwarder *fw)
{
	nsec_t lab_ns = forward_now(fw).lab_ns;
	struct timer *timer;

	if (fw->paused)
		return;
	while ((timer = timers_pop(&fw->timers, lab_ns)) != NULL)
		forward_run(fw, timer_owner(timer, struct wire_dir, timer));
}

/* ---- descriptors ---- */

static int epoll_set(struct forwarder *fw, int op, int fd, uint32_t events, uint64_t key)
{
	struct epoll_event event = { .events = events, .data.u64 = key };

	return epoll_ctl(fw->epoll_fd, op, fd, &event) < 0 ? -errno : 0;
}

static uint64_t port_key(const struct wire_dir *dir)
{
	return (uint64_t)dir->link->slot * 2 + dir->dir;
}

void forward_watch_dir(struct forwarder *fw, struct wire_dir *dir)
{
	struct port *port = &dir->link->ports[dir->dir];
	bool want = dir->hold == HOLD_NOT && !fw->paused && !port->dead;

	if (port->dead && port->fd >= 0)
		epoll_ctl(fw->epoll_fd, EPOLL_CTL_DEL, port->fd, NULL);
	else if (want != dir->watched)
		epoll_set(fw, EPOLL_CTL_MOD, port->fd, want ? EPOLLIN : 0, port_key(dir));
	dir->watched = want;
}

int forwarder_watch(struct forwarder *fw, int fd, uint32_t events)
{
	int op = fw->watched_fd == fd ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	fw->watched_fd = fd;
	return epoll_set(fw, op, fd, events, KEY_WATCHED);
}

/* ---- birth and death ---- */

static int open_descriptors(struct forwarder *fw, bool single_calls)
{
	int r;

	fw->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	fw->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fw->epoll_fd < 0 || fw->timer_fd < 0)
		return -errno;
	/* Edge-triggered: each setting fires once and need not be read. */
	r = epoll_set(fw, EPOLL_CTL_ADD, fw->timer_fd, EPOLLIN | EPOLLET, KEY_TIMER);
	if (r == 0)
		r = epoll_set(fw, EPOLL_CTL_ADD, fw->feed_space_fd, EPOLLIN, KEY_SPACE);
	if (r == 0)
		r = port_space_init(&fw->space, single_calls);
	return r;
}

int forwarder_new(const struct forwarder_args *args, struct forwarder **ret_fw)
{
	size_t pool_bytes = args->pool_bytes ? args->pool_bytes : FORWARD_POOL_BYTES;
	struct forwarder *fw;
	int r;

	if (pool_bytes < FORWARD_POOL_BYTES_MIN)
		return -ERANGE;
	fw = calloc(1, sizeof(*fw));
	if (fw == NULL)
		return -ENOMEM;
	fw->feed = args->feed;
	fw->feed_space_fd = args->feed_space_fd;
	fw->clock = args->clock;
	fw->seed = args->seed;
	fw->epoll_fd = fw->timer_fd = fw->watched_fd = -1;
	fw->armed_ns = fw->report_at_ns = NEVER;
	frame_pool_init(&fw->pool, pool_bytes);
	r = open_descriptors(fw, args->single_calls);
	if (r < 0) {
		forwarder_free(fw);
		return r;
	}
	forwarder_clock_changed(fw);
	*ret_fw = fw;
	return 0;
}

static void free_link(struct forwarder *fw, struct wire_link *link)
{
	for (unsigned i = 0; i < 2; i++) {
		forward_flush(fw, &link->dirs[i]);
		queue_done(&link->dirs[i].queue);
		/* Closing takes it out of the epoll set, unless its other owner still has it open.
		 */
		if (link->ports[i].fd >= 0)
			epoll_ctl(fw->epoll_fd, EPOLL_CTL_DEL, link->ports[i].fd, NULL);
		port_close(&link->ports[i]);
	}
	free(link);
}

struct forwarder *forwarder_free(struct forwarder *fw)
{
	if (fw == NULL)
		return NULL;
	for (uint32_t i = 0; i < fw->n_slots; i++)
		if (fw->links[i] != NULL)
			free_link(fw, fw->links[i]);
	free(fw->links);
	timers_done(&fw->timers);
	frame_pool_trim(&fw->pool);
	port_space_done(&fw->space);
	if (fw->epoll_fd >= 0)
		close(fw->epoll_fd);
	if (fw->timer_fd >= 0)
		close(fw->timer_fd);
	free(fw);
	return NULL;
}

/* ---- links ---- */

static struct wire_link *find_link(const struct forwarder *fw, uint32_t id)
{
	for (uint32_t i = 0; i < fw->n_slots; i++)
		if (fw->links[i] != NULL && fw->links[i]->id == id)
			return fw->links[i];
	return NULL;
}

/* A free place for one more link. */
static int find_slot(struct forwarder *fw, uint32_t *ret_slot)
{
	uint32_t slot = 0, n_slots = fw->n_slots ? fw->n_slots * 2 : 16;
	struct wire_link **links;

	while (slot < fw->n_slots && fw->links[slot] != NULL)
		slot++;
	if (slot == fw->n_slots) {
		if (n_slots > FORWARD_LINKS_MAX)
			return -ENOSPC;
		links = reallocarray(fw->links, n_slots, sizeof(struct wire_link *));
		if (links == NULL)
			return -ENOMEM;
		for (uint32_t i = fw->n_slots; i < n_slots; i++)
			links[i] = NULL;
		fw->links = links;
		fw->n_slots = n_slots;
	}
	*ret_slot = slot;
	return 0;
}

static int open_end(struct forwarder *fw, struct wire_link *link, const struct forward_link *spec,
		    unsigned i, char *reterr, size_t reterr_size)
{
	struct wire_dir *dir = &link->dirs[i];
	struct moment now;
	int r;

	*dir = (struct wire_dir){ .link = link, .dir = (uint8_t)i };
	now = forward_now(fw);
	dir->reported_ns = now.real_ns;
	dir->empty_ns = now.mono_ns;
	r = port_open(&link->ports[i], spec->carrier, spec->fds[i], spec->mtu, spec->ring_bytes);
	if (r == 0)
		r = queue_init(&dir->queue, fw->seed, spec->id, i, &spec->spec[i]);
	if (r == 0)
		r = epoll_set(fw, EPOLL_CTL_ADD, spec->fds[i], 0, port_key(dir));
	if (r < 0)
		snprintf(reterr, reterr_size,
			 "link %u: end %c (%s, MTU %u): not a descriptor that this carrier can use",
			 spec->id, "ab"[i], spec -> carrier == CARRIER_TAP ? "tap" : "ring",
			 spec->mtu);
	return r;
}

static int check_link(const struct forwarder *fw, const struct forward_link *spec, char *reterr,
		      size_t reterr_size)
{
	int r = 0;

	if (find_link(fw, spec->id) != NULL) {
		snprintf(reterr, reterr_size, "link %u: is there already", spec->id);
		return -EEXIST;
	}
	for (unsigned i = 0; r == 0 && i < 2; i++)
		r = queue_spec_check(&spec->spec[i], reterr, reterr_size);
	return r;
}

static void close_both(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

int forwarder_add_link(struct forwarder *fw, const struct forward_link *spec, char *reterr,
		       size_t reterr_size)
{
	struct wire_link *link;
	uint32_t slot = 0;
	int r = check_link(fw, spec, reterr, reterr_size);

	if (r == 0)
		r = find_slot(fw, &slot);
	link = r == 0 ? calloc(1, sizeof(*link)) : NULL;
	if (link == NULL) {
		close_both(spec->fds);
		return r < 0 ? r : -ENOMEM;
	}
	*link = (struct wire_link){ .id = spec->id, .slot = slot, .up = spec->up };
	/* Until each end is opened, it owns its descriptor already. */
	for (unsigned i = 0; i < 2; i++)
		link->ports[i] = (struct port){ .fd = spec->fds[i] };
	for (unsigned i = 0; r == 0 && i < 2; i++)
		r = open_end(fw, link, spec, i, reterr, reterr_size);
	if (r < 0) {
		free_link(fw, link);
		return r;
	}
	fw->links[slot] = link;
	fw->n_links++;
	for (unsigned i = 0; i < 2; i++)
		forward_watch_dir(fw, &link->dirs[i]);
	return 0;
}

int forwarder_remove_link(struct forwarder *fw, uint32_t id)
{
	struct wire_link *link = find_link(fw, id);
	struct moment now = forward_now(fw);

	if (link == NULL)
		return -ENOENT;
	for (unsigned i = 0; i < 2; i++) {
		forward_flush(fw, &link->dirs[i]);
		/* With a full feed its last counts are lost: they cannot wait for it. */
		forward_report_dir(fw, &link->dirs[i], &now);
		forward_end_hold(fw, &link->dirs[i]);
	}
	fw->links[link->slot] = NULL;
	fw->n_links--;
	free_link(fw, link);
	return 0;
}

int forwarder_set_up(struct forwarder *fw, uint32_t id, bool up)
{
	struct wire_link *link = find_link(fw, id);

	if (link == NULL)
		return -ENOENT;
	link->up = up;
	for (unsigned i = 0; !up && i < 2; i++)
		forward_flush(fw, &link->dirs[i]);
	forward_touch(fw, forward_now(fw).mono_ns);
	return 0;
}

int forwarder_set_spec(struct forwarder *fw, uint32_t id, unsigned dir,
		       const struct wire_spec *spec, char *reterr, size_t reterr_size)
{
	struct wire_link *link = find_link(fw, id);
	int r;

	if (link == NULL || dir > 1)
		return -ENOENT;
	r = queue_spec_check(spec, reterr, reterr_size);
	return r < 0 ? r : queue_set_spec(&link->dirs[dir].queue, spec);
}

int forwarder_set_drops(struct forwarder *fw, uint32_t id, unsigned dir, uint64_t n_total)
{
	struct wire_link *link = find_link(fw, id);

	if (link == NULL || dir > 1)
		return -ENOENT;
	/* Less than before: the interface was made anew and counts from zero. */
	if (n_total < link->dirs[dir].interface_drops)
		link->dirs[dir].interface_drops = 0;
	link->dirs[dir].stats.n_device_drops += n_total - link->dirs[dir].interface_drops;
	link->dirs[dir].interface_drops = n_total;
	forward_touch(fw, forward_now(fw).mono_ns);
	return 0;
}

int forwarder_stats(const struct forwarder *fw, uint32_t id, struct forward_stats ret_stats[2])
{
	const struct wire_link *link = find_link(fw, id);

	if (link == NULL)
		return -ENOENT;
	for (unsigned i = 0; i < 2; i++) {
		ret_stats[i] = link->dirs[i].stats;
		ret_stats[i].queue = link->dirs[i].queue.stats;
	}
	return 0;
}

void forwarder_clock_changed(struct forwarder *fw)
{
	fw->paused = clock_is_paused(fw->clock);
	fw->course_since_ns = forward_now(fw).lab_ns;
	for (uint32_t i = 0; i < fw->n_slots; i++)
		for (unsigned d = 0; fw->links[i] != NULL && d < 2; d++)
			forward_watch_dir(fw, &fw->links[i]->dirs[d]);
}

/* ---- the loop ---- */

static void port_event(struct forwarder *fw, uint64_t key, uint32_t events)
{
	struct wire_link *link = key / 2 < fw->n_slots ? fw->links[key / 2] : NULL;
	struct wire_dir *dir;

	/* The link may have gone since the event was fetched. */
	if (link == NULL)
		return;
	dir = &link->dirs[key % 2];
	if (events & EPOLLERR) {
		port_check(&link->ports[dir->dir]);
		forward_watch_dir(fw, dir);
	}
	forward_read(fw, dir);
	run_timers(fw);
}

static void dispatch(struct forwarder *fw, const struct epoll_event *event, uint32_t *events)
{
	switch (event->data.u64) {
	case KEY_TIMER:
		fw->armed_ns = NEVER;
		break;
	case KEY_SPACE:
		feed_space_done(fw->feed);
		forward_release_feed_held(fw);
		break;
	case KEY_WATCHED:
		*events = event->events;
		break;
	default:
		port_event(fw, event->data.u64, event->events);
		break;
	}
}

static void report_if_due(struct forwarder *fw)
{
	int64_t mono_ns;

	if (fw->report_at_ns == NEVER)
		return;
	mono_ns = forward_now(fw).mono_ns;
	if (mono_ns < fw->report_at_ns)
		return;
	fw->report_at_ns = NEVER;
	if (!forward_report(fw))
		forward_touch(fw, mono_ns);
	if (fw->pool.used_bytes == 0)
		frame_pool_trim(&fw->pool);
}

int forwarder_turn(struct forwarder *fw, uint32_t *ret_events)
{
	struct epoll_event events[EVENTS_MAX];
	int n;

	*ret_events = 0;
	forward_try_sync(fw);
	/* Before sleeping, whatever was written since the last turn must have a reader awake. */
	feed_wake(fw->feed);
	arm_timer(fw);
	n = epoll_wait(fw->epoll_fd, events, EVENTS_MAX, fw->sync_done ? 0 : -1);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++)
		dispatch(fw, &events[i], ret_events);
	run_timers(fw);
	if (fw->n_pool_held > 0)
		forward_release_pool_held(fw);
	report_if_due(fw);
	return 0;
}
