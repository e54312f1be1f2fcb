/* The wires process: started, given its links, asked. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "labd/supervisor/process.h"
#include "labd/wires/control.h"
#include "labd/wires/wires.h"

#define ROOM_WAIT_MS 5000 /* for the process to take a link */
/* Memory of the rings of all wires together, and of one: a TCP that doubles its window sends a
 * thousand frames at once, and what finds no room is lost before the wire has seen it. */
#define RINGS_BYTES    (64u << 20)
#define RING_BYTES_MIN (128u << 10)
#define RING_BYTES_MAX (8u << 20)

static void on_wires(evutil_socket_t fd, short what, void *arg)
{
	struct sup *s = arg;
	struct control_msg msg;
	int fds[CONTROL_FDS], r;

	(void)what;
	while ((r = control_recv(fd, &msg, fds)) == 0) {
		if (msg.type == CONTROL_ANSWER)
			s->wires_answered = msg.seq;
		if (msg.type == CONTROL_ANSWER && msg.answer.error < 0)
			fprintf(stderr, "<4>wires: %s\n", msg.answer.text);
		else if (msg.type == CONTROL_ANSWER_SYNC)
			sync_wires_answered(s, msg.synced.n);
	}
	if (r != -EAGAIN)
		event_del(s->wires.ev);
	devices_begin(s);
}

/* Making rings takes a while (memory that the host had taken back), in which no frame is moved. */
bool wires_have_links(const struct sup *s)
{
	return s->wires.pid <= 0 || (int32_t)(s->wires_answered - s->wires_added) >= 0;
}

static _Noreturn void run_wires(struct sup *s, int fd, bool restarted)
{
	struct wires_args args = { .seed = s->plan->seed,
				   .feed = s->feed,
				   .clock_fd = s->clock_fd,
				   .control_fd = fd,
				   .restarted = restarted,
				   .no_sandbox = !s->birth->sandbox };

	prctl(PR_SET_NAME, "labd-wires");
	process_use_cpu(1);
	process_keep(
		(const int[]){ fd, s->clock_fd, s->feed.mem, s->feed.data, s->feed.space, -1 });
	exit(wires_main(&args) < 0);
}

uint32_t wires_count(const struct sup *s)
{
	uint32_t n = 0;

	for (size_t i = 0; i < s->plan->n_links; i++)
		n += s->plan->links[i].carrier != CARRIER_VETH;
	return n;
}

static uint32_t ring_share(const struct sup *s)
{
	uint32_t share = RINGS_BYTES / (2 * wires_count(s));

	if (share < RING_BYTES_MIN)
		return RING_BYTES_MIN;
	return share > RING_BYTES_MAX ? RING_BYTES_MAX : share;
}

static int start(struct sup *s, bool restarted)
{
	int fd, r = process_fork(s, &s->wires, 0, on_wires, &fd);

	if (r == 1)
		run_wires(s, fd, restarted);
	return r;
}

int wires_start(struct sup *s)
{
	return wires_count(s) > 0 ? start(s, false) : 0;
}

int wires_start_again(struct sup *s)
{
	int r = start(s, true);

	for (size_t i = 0; r == 0 && i < s->plan->n_links; i++) {
		struct sup_link *l = &s->links[i];

		if (l->fds[0] < 0 || l->fds[1] < 0)
			continue;
		/* Drops until now were the last process's to tell, or are among what went with it.
		 */
		for (int end = 0; end < 2; end++)
			l->drops_told[end] = link_drops(s, l, end);
		(void)wires_add_link(s, l);
	}
	if (r == 0)
		sync_wires_new(s);
	return r;
}

/* Waits for room in the channel, and takes answers meanwhile, so that neither waits for the other.
 */
static int send_patiently(struct sup *s, const struct control_msg *msg, const int *fds)
{
	int r;

	while ((r = control_send(s->wires.fd, msg, fds, fds ? 2 : 0)) == -EAGAIN) {
		struct pollfd p = { .fd = s->wires.fd, .events = POLLIN | POLLOUT };

		if (poll(&p, 1, ROOM_WAIT_MS) <= 0)
			return -ETIMEDOUT;
		if (p.revents & POLLIN)
			on_wires(s->wires.fd, EV_READ, s);
	}
	return r;
}

/* While there is no process it is no error: the next one is told of every link. */
static int unless_gone(int r)
{
	return r == -EPIPE || r == -ECONNRESET || r == -ECONNREFUSED ? 0 : r;
}

int wires_add_link(struct sup *s, struct sup_link *l)
{
	struct control_msg msg = { .type = CONTROL_ADD_LINK,
				   .seq = ++s->wires_seq,
				   .link = l->plan->id };

	s->wires_added = msg.seq;
	msg.add.carrier = l->carrier;
	msg.add.mtu = l->plan->mtu;
	msg.add.ring_bytes = ring_share(s);
	msg.add.up = !l->down;
	memcpy(msg.add.spec, l->plan->wire, sizeof(msg.add.spec));
	return unless_gone(send_patiently(s, &msg, l->fds));
}

int wires_set_up(struct sup *s, const struct sup_link *l, bool up)
{
	struct control_msg msg = {
		.type = CONTROL_SET_UP, .seq = ++s->wires_seq, .link = l->plan->id, .up = up
	};

	return s->wires.pid > 0 ? unless_gone(send_patiently(s, &msg, NULL)) : 0;
}

int wires_barrier(struct sup *s, uint64_t n)
{
	struct control_msg msg = { .type = CONTROL_SYNC, .seq = ++s->wires_seq, .sync_n = n };

	wires_tell_drops(s);
	return s->wires.pid > 0 ? control_send(s->wires.fd, &msg, NULL, 0) : -ENOTCONN;
}

static void tell_drops(struct sup *s, const struct sup_link *l, int end)
{
	int64_t n = link_drops(s, l, end) - l->drops_told[end];
	struct control_msg msg = { .type = CONTROL_DROPS,
				   .seq = ++s->wires_seq,
				   .link = l->plan->id,
				   .drops = { .dir = (uint32_t)end, .n_total = (uint64_t)n } };

	if (n > 0)
		(void)control_send(s->wires.fd, &msg, NULL, 0);
}

void wires_tell_drops(struct sup *s)
{
	for (size_t i = 0; s->wires.pid > 0 && i < s->plan->n_links; i++)
		for (int end = 0; end < 2 && s->links[i].made; end++)
			tell_drops(s, &s->links[i], end);
}
