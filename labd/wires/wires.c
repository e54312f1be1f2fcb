#include "labd/wires/wires.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched/types.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "labd/wires/control.h"

#define TURN_NS (100 * USEC) /* of the processor, the least that the kernel takes */

struct wires {
	const struct wires_args *args;
	struct feed *feed;
	const struct clock_page *clock;
	struct forwarder *fw;
	/* Answers that the full control socket did not take. While there are any no request is
	 * read, so there can only be one to a request and one to the open sync. */
	struct control_msg waiting[2];
	unsigned n_waiting;
	uint32_t sync_seq;
};

static int complain(const char *what, int error)
{
	fprintf(stderr, "<3>wires: %s: %s\n", what, strerror(-error));
	return error;
}

/* ---- control ---- */

/* 0, or -EPIPE: the supervisor has gone. */
static int answer(struct wires *w, const struct control_msg *msg)
{
	int r = w->n_waiting > 0 ? -EAGAIN : control_send(w->args->control_fd, msg, NULL, 0);

	if (r != -EAGAIN)
		return r;
	if (w->n_waiting == ARRAY_SIZE(w->waiting))
		return -EOVERFLOW;
	w->waiting[w->n_waiting++] = *msg;
	return forwarder_watch(w->fw, w->args->control_fd, EPOLLOUT);
}

static int answer_error(struct wires *w, const struct control_msg *request, int error,
			const char *text)
{
	struct control_msg msg = { .type = CONTROL_ANSWER,
				   .seq = request->seq,
				   .link = request->link,
				   .answer.error = error };

	if (error < 0)
		snprintf(msg.answer.text, sizeof(msg.answer.text), "%s%s%s", text,
			 *text ? ": " : "", strerror(-error));
	return answer(w, &msg);
}

static int add_link(struct wires *w, const struct control_msg *msg, const int *fds, char *why,
		    size_t why_size)
{
	struct forward_link link = {
		.id = msg->link,
		.carrier = msg->add.carrier < N_CARRIERS ? (enum carrier)msg->add.carrier
							 : CARRIER_VETH,
		.mtu = msg->add.mtu,
		.ring_bytes = msg->add.ring_bytes,
		.up = msg->add.up != 0,
		.fds = { fds[0], fds[1] },
		.spec = { msg->add.spec[0], msg->add.spec[1] },
	};

	return forwarder_add_link(w->fw, &link, why, why_size);
}

static int answer_stats(struct wires *w, const struct control_msg *request)
{
	struct control_msg msg = { .type = CONTROL_ANSWER_STATS,
				   .seq = request->seq,
				   .link = request->link };
	int r = forwarder_stats(w->fw, request->link, msg.stats);

	return r < 0 ? answer_error(w, request, r, "") : answer(w, &msg);
}

static int start_sync(struct wires *w, const struct control_msg *request)
{
	int r = forwarder_sync(w->fw, request->sync_n);

	if (r < 0)
		return answer_error(w, request, r, "the sync before is still open");
	w->sync_seq = request->seq;
	return 0;
}

static int request(struct wires *w, const struct control_msg *msg, const int *fds)
{
	char why[CONTROL_TEXT_LEN] = "";
	int r = 0;

	switch ((enum control_type)msg->type) {
	case CONTROL_ADD_LINK:
		r = add_link(w, msg, fds, why, sizeof(why));
		break;
	case CONTROL_REMOVE_LINK:
		r = forwarder_remove_link(w->fw, msg->link);
		break;
	case CONTROL_SET_SPEC:
		r = forwarder_set_spec(w->fw, msg->link, msg->spec.dir, &msg->spec.spec, why,
				       sizeof(why));
		break;
	case CONTROL_SET_UP:
		r = forwarder_set_up(w->fw, msg->link, msg->up != 0);
		break;
	case CONTROL_DROPS:
		r = forwarder_set_drops(w->fw, msg->link, msg->drops.dir, msg->drops.n_total);
		break;
	case CONTROL_CLOCK:
		forwarder_clock_changed(w->fw);
		break;
	case CONTROL_SYNC:
		return start_sync(w, msg);
	case CONTROL_STATS:
		return answer_stats(w, msg);
	case CONTROL_ANSWER:
	case CONTROL_ANSWER_SYNC:
	case CONTROL_ANSWER_STATS:
		r = -EINVAL;
		break;
	}
	return answer_error(w, msg, r, why);
}

static int retry_answers(struct wires *w)
{
	while (w->n_waiting > 0) {
		int r = control_send(w->args->control_fd, &w->waiting[0], NULL, 0);

		if (r < 0)
			return r == -EAGAIN ? 0 : r;
		w->waiting[0] = w->waiting[1];
		w->n_waiting--;
	}
	return forwarder_watch(w->fw, w->args->control_fd, EPOLLIN);
}

static void close_unused(const struct control_msg *msg, const int *fds)
{
	for (size_t i = 0; i < CONTROL_FDS; i++)
		if (msg->type != CONTROL_ADD_LINK && fds[i] >= 0)
			close(fds[i]);
}

/* Reads requests until there is none, or an answer has to wait. */
static int control_ready(struct wires *w)
{
	struct control_msg msg;
	int fds[CONTROL_FDS];
	int r = w->n_waiting > 0 ? retry_answers(w) : 0;

	while (r == 0 && w->n_waiting == 0) {
		r = control_recv(w->args->control_fd, &msg, fds);
		if (r == -EAGAIN)
			return 0;
		if (r == -EBADMSG) {
			complain("a control message that makes no sense was ignored", r);
			r = 0;
			continue;
		}
		if (r == 0) {
			close_unused(&msg, fds);
			r = request(w, &msg, fds);
		}
	}
	return r;
}

static int sync_ready(struct wires *w)
{
	struct control_msg msg = { .type = CONTROL_ANSWER_SYNC, .seq = w->sync_seq };

	return forwarder_take_sync(w->fw, &msg.synced) ? answer(w, &msg) : 0;
}

static int loop(struct wires *w)
{
	uint32_t events;
	int r;

	do {
		r = forwarder_turn(w->fw, &events);
		if (r == 0 && events != 0)
			r = control_ready(w);
		if (r == 0)
			r = sync_ready(w);
	} while (r == 0);
	return r == -EPIPE ? 0 : complain("the loop ended", r);
}

/* ---- start ---- */

static int put_restarted(struct feed *feed)
{
	struct feed_counter counter = { .kind = FEED_RESTARTED, .link = FEED_NO_LINK, .n = 1 };
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	counter.since_ns = counter.until_ns = now.tv_sec * SEC + now.tv_nsec;
	return feed_put_counter(feed, &counter);
}

static int map_clock(int fd, const struct clock_page **ret_page)
{
	void *page = mmap(NULL, CLOCK_PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0);

	if (page == MAP_FAILED)
		return -errno;
	*ret_page = page;
	return 0;
}

/* Two descriptors a link, and each may be open in the supervisor's copy too. */
static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* A frame that is due must not wait for a whole turn of another process: with a short turn of its
 * own a process is let in earlier (EEVDF, Linux 6.12; older kernels take no notice). */
static void take_short_turns(void)
{
	struct sched_attr attr = { .size = sizeof(attr), .sched_runtime = TURN_NS };

	(void)syscall(SYS_sched_setattr, 0, &attr, 0);
}

static int open_all(struct wires *w)
{
	const struct wires_args *args = w->args;
	struct forwarder_args fw = { .feed_space_fd = args->feed.space,
				     .seed = args->seed,
				     .pool_bytes = args->pool_bytes,
				     .single_calls = args->single_calls };
	int r = feed_open(&args->feed, FEED_PRODUCER, &w->feed);

	if (r < 0)
		return complain("feed", r);
	/* With a full feed the record is not written; the gap before it is larger than this. */
	if (args->restarted)
		put_restarted(w->feed);
	r = map_clock(args->clock_fd, &w->clock);
	if (r < 0)
		return complain("clock page", r);
	fw.feed = w->feed;
	fw.clock = w->clock;
	r = forwarder_new(&fw, &w->fw);
	if (r == 0)
		r = forwarder_watch(w->fw, args->control_fd, EPOLLIN);
	return r < 0 ? complain("loop", r) : 0;
}

/* Unless told otherwise all ends are there from the start; one that cannot be used ends nothing. */
static void add_links(struct wires *w)
{
	for (size_t i = 0; i < w->args->n_links; i++) {
		char why[CONTROL_TEXT_LEN] = "";
		int r = forwarder_add_link(w->fw, &w->args->links[i], why, sizeof(why));

		if (r < 0)
			complain(why, r);
	}
}

int wires_main(const struct wires_args *args)
{
	struct wires w = { .args = args };
	int r;

	signal(SIGPIPE, SIG_IGN);
	raise_fd_limit();
	take_short_turns();
	r = open_all(&w);
	if (r == 0)
		add_links(&w);
	if (r == 0 && !args->no_sandbox) {
		r = wires_sandbox();
		if (r < 0)
			complain("sandbox", r);
	}
	if (r == 0)
		r = loop(&w);
	forwarder_free(w.fw);
	if (w.clock != NULL)
		munmap((void *)(uintptr_t)w.clock, CLOCK_PAGE_BYTES);
	feed_close(w.feed);
	return r;
}
