/* What the supervisor says to the log process, and its answers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "labd/log/log_in.h"

#define SENT_PATIENCE_NS (60 * MSEC) /* at a barrier, for packets that are about to leave */

void log_tell(struct log_proc *p, enum log_msg_type type, uint32_t id, int status, const char *text)
{
	struct log_msg msg = { .type = type, .id = id, .status = status, .text = text };

	(void)log_msg_send(p->args->control_fd, &msg);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int watch_fd(struct log_proc *p, int fd, uint32_t events, uint64_t tag)
{
	struct epoll_event ev = { .events = events, .data.u64 = tag };

	return epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

void device_drop(struct log_proc *p, uint32_t device)
{
	struct log_fds *f;

	if (device >= p->n_fds)
		return;
	f = &p->fds[device];
	if (f->journal >= 0)
		journal_read_all(p, device);
	p->n_paused -= f->paused;
	f->paused = false;
	(void)engine_set_journal(p->engine, device, -1);
	sources_remove(p->sources, device);
	close_fd(&f->journal);
	close_fd(&f->capture);
	close_fd(&f->next);
	close_fd(&f->netlink);
}

int device_add(struct log_proc *p, const struct log_device_fds *d)
{
	struct log_fds *f;
	int r = 0;

	if (d->device >= p->n_fds || !engine_device(p->engine, d->device))
		return -ENODEV;
	device_drop(p, d->device);
	f = &p->fds[d->device];
	f->journal = d->journal;
	f->capture = d->capture;
	f->netlink = d->netlink;
	f->paused = false;
	if (f->journal >= 0)
		r = engine_set_journal(p->engine, d->device, f->journal);
	if (r == 0 && f->journal >= 0)
		r = watch_fd(p, f->journal, EPOLLIN, EPOLL_JOURNAL | d->device);
	if (r == 0 && f->capture >= 0)
		r = sources_add(p->sources, d->device, f->capture, f->netlink, p->n_rings_planned);
	/* Edge-triggered: blocks that were read and are kept until the commit stay readable. */
	if (r == 0 && f->capture >= 0)
		r = watch_fd(p, f->capture, EPOLLIN | EPOLLET, EPOLL_RING | d->device);
	return r;
}

/* A larger ring for a device that has one: which of them is read is the sources' business. */
static int add_ring(struct log_proc *p, const struct log_msg *msg)
{
	int fd = msg->fds[1], r = -ENODEV;

	if (fd >= 0 && msg->device < p->n_fds)
		r = sources_grow(p->sources, msg->device, fd);
	if (r == 0)
		r = watch_fd(p, fd, EPOLLIN | EPOLLET, EPOLL_RING | msg->device);
	if (r < 0) {
		if (fd >= 0)
			close(fd);
		return r;
	}
	p->fds[msg->device].next = fd;
	p->fds[msg->device].next_id = msg->id;
	return 0;
}

void rings_look(struct log_proc *p)
{
	uint32_t device;

	while ((device = sources_retired(p->sources)) != 0) {
		struct log_fds *f = &p->fds[device];

		close_fd(&f->capture);
		f->capture = f->next;
		f->next = -1;
		log_tell(p, LM_DONE, f->next_id, 0, NULL);
	}
}

/* Takes everything in that the device has told so far, as far as the queue allows. */
void journal_read_all(struct log_proc *p, uint32_t device)
{
	struct journal_in *j = engine_journal(p->engine, device);
	int r = 1;

	while (j && r == 1)
		r = journal_in_read(j);
	if (r == -ENOBUFS || r == -EPIPE)
		journal_pause(p, device, r == -ENOBUFS);
}

/* A queue that is full, or a socket without a node behind it, is not waited for. */
void journal_pause(struct log_proc *p, uint32_t device, bool for_now)
{
	struct epoll_event ev = { .events = 0, .data.u64 = EPOLL_JOURNAL | device };

	(void)epoll_ctl(p->epoll_fd, for_now ? EPOLL_CTL_MOD : EPOLL_CTL_DEL,
			p->fds[device].journal, &ev);
	p->fds[device].paused = for_now;
	p->n_paused += for_now;
}

void journals_resume(struct log_proc *p)
{
	for (uint32_t d = 0; d < p->n_fds && p->n_paused > 0; d++) {
		struct epoll_event ev = { .events = EPOLLIN, .data.u64 = EPOLL_JOURNAL | d };
		struct journal_in *j = engine_journal(p->engine, d);

		if (!p->fds[d].paused || (j && !journal_in_is_empty(j)))
			continue;
		(void)epoll_ctl(p->epoll_fd, EPOLL_CTL_MOD, p->fds[d].journal, &ev);
		p->fds[d].paused = false;
		p->n_paused--;
	}
}

static int on_event(struct log_proc *p, const struct log_msg *msg)
{
	if (msg->device && !engine_device(p->engine, msg->device))
		return -ENODEV;
	if (msg->device)
		journal_read_all(p, msg->device);
	engine_event(p->engine, msg->device, msg->text ? msg->text : "event", msg->detail);
	return 0;
}

static int on_refused(struct log_proc *p, const struct log_msg *msg)
{
	struct store *s = engine_store(p->engine);

	if (store_ready(s))
		store_check(s, db_put_refused(store_db(s), labtime_now(engine_time(p->engine)),
					      msg->device ? (int64_t)msg->device : -1, msg->text,
					      msg->detail));
	return 0;
}

static int on_barrier(struct log_proc *p, const struct log_msg *msg)
{
	if (p->n_barriers == LOG_BARRIERS_MAX)
		return -EBUSY;
	for (uint32_t d = 0; d < p->n_fds; d++)
		if (p->fds[d].journal >= 0)
			journal_read_all(p, d);
	sources_settle(p->sources);
	p->barriers[p->n_barriers++] =
		(struct barrier){ .id = msg->id,
				  .wall_ns = labtime_wall_now(),
				  .give_up_ns = labtime_mono_now() + SENT_PATIENCE_NS };
	return 0;
}

static void on_stats(struct log_proc *p, const struct log_msg *msg)
{
	struct store_stats st = store_stats(engine_store(p->engine));
	static const char *const rooms[] = { "plenty", "short", "none" };
	char text[1024];

	(void)snprintf(text, sizeof(text),
		       "{\"packets\": %llu, \"bytes\": %llu, \"counted_only\": %llu, "
		       "\"shortened\": %llu, \"decisions\": %llu, \"commits\": %llu, "
		       "\"worst_commit_ns\": %lld, \"db_bytes\": %llu, \"wal_bytes\": %llu, "
		       "\"room\": \"%s\", \"ring_bytes\": %llu, \"ring_drops\": %llu}",
		       (unsigned long long)st.n_packets, (unsigned long long)st.n_bytes,
		       (unsigned long long)st.n_counted_only, (unsigned long long)st.n_shortened,
		       (unsigned long long)st.n_decisions, (unsigned long long)st.n_commits,
		       (long long)st.worst_commit_ns, (unsigned long long)st.db_bytes,
		       (unsigned long long)st.wal_bytes, rooms[st.room],
		       (unsigned long long)sources_ring_bytes(p->sources),
		       (unsigned long long)sources_drops(p->sources));
	log_tell(p, LM_STATS_REPLY, msg->id, 0, text);
}

static int on_device(struct log_proc *p, const struct log_msg *msg)
{
	struct log_device_fds d = { .device = msg->device,
				    .journal = msg->fds[0],
				    .capture = msg->fds[1],
				    .netlink = msg->fds[2] };
	int r = device_add(p, &d);

	if (r == -ENODEV)
		for (unsigned i = 0; i < LOG_MSG_FDS; i++)
			if (msg->fds[i] >= 0)
				close(msg->fds[i]);
	return r;
}

/* True: it is answered later. */
static bool handle(struct log_proc *p, const struct log_msg *msg)
{
	int r = 0;

	switch (msg->type) {
	case LM_DEVICE:
		r = on_device(p, msg);
		break;
	case LM_DEVICE_GONE:
		journal_read_all(p, msg->device);
		engine_event(p->engine, msg->device, "gone", NULL);
		device_drop(p, msg->device);
		break;
	case LM_RING:
		r = add_ring(p, msg);
		if (r == 0)
			return true;
		break;
	case LM_IFINDEX:
		r = sources_set_ifindex(p->sources, msg->iface, (int)msg->number);
		break;
	case LM_BARRIER:
		r = on_barrier(p, msg);
		if (r == 0)
			return true;
		break;
	case LM_STATS:
		on_stats(p, msg);
		break;
	case LM_EVENT:
		r = on_event(p, msg);
		break;
	case LM_REFUSED:
		r = on_refused(p, msg);
		break;
	case LM_STOP:
		p->stop = true;
		p->stop_id = msg->id;
		return true;
	case LM_DONE:
	case LM_STATS_REPLY:
	case LM_NOTE:
	case LM_READY:
		r = -EBADMSG;
		break;
	}
	if (msg->id != 0 || r < 0) /* who gave no number waits for no answer */
		log_tell(p, LM_DONE, msg->id, r, r < 0 ? strerror(-r) : NULL);
	return false;
}

void control_read(struct log_proc *p)
{
	static uint8_t buf[LOG_MSG_MAX];
	struct log_msg msg;
	int r;

	while (!p->stop && (r = log_msg_recv(p->args->control_fd, buf, &msg)) != -EAGAIN) {
		if (r == -EBADMSG)
			continue;
		if (r < 0) { /* the supervisor is gone: so is the lab */
			p->stop = true;
			return;
		}
		(void)handle(p, &msg);
	}
}

static bool is_reached(struct log_proc *p, const struct barrier *b)
{
	if (sources_seen_ns(p->sources) < b->wall_ns ||
	    !sources_are_compared(p->sources, b->wall_ns))
		return false;
	if (p->n_paused > 0 || !engine_journals_empty(p->engine))
		return false;
	return engine_waiting(p->engine, b->wall_ns) == 0 || labtime_mono_now() >= b->give_up_ns;
}

void barriers_look(struct log_proc *p)
{
	unsigned n = 0;

	while (n < p->n_barriers && is_reached(p, &p->barriers[n]))
		n++;
	if (n == 0)
		return;
	log_watch(p);
	log_commit(p);
	for (unsigned i = 0; i < n; i++)
		log_tell(p, LM_DONE, p->barriers[i].id, 0, NULL);
	p->n_barriers -= n;
	memmove(p->barriers, p->barriers + n, p->n_barriers * sizeof(p->barriers[0]));
}
