/* The lab's three helpers: zygote, wires, log. Each is started, listened to, and started anew when
 * it dies; every descriptor that one needs is kept here as well, so that a new one gets the same.
 * This file has what they share, and the zygote. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "labd/supervisor/process.h"

#define PAUSE_S 10 /* before one that died too often is started again */

void process_describe_exit(int status, char *out, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(out, size, "killed by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(out, size, "exit status %d", WEXITSTATUS(status));
}

void process_keep(const int *keep)
{
	unsigned from = 3;

	signal(SIGTERM, SIG_IGN); /* the supervisor decides when a lab ends */
	signal(SIGINT, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	while (from < 1u << 20) {
		unsigned next = 1u << 20;

		for (const int *k = keep; *k >= 0; k++)
			if ((unsigned)*k >= from && (unsigned)*k < next)
				next = (unsigned)*k;
		if (next > from)
			close_range(from, next - 1, 0);
		from = next + 1;
	}
}

void process_use_cpu(int which)
{
	cpu_set_t all, one;

	if (sched_getaffinity(0, sizeof(all), &all) < 0 || CPU_COUNT(&all) != 2)
		return;
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all) && which-- == 0)
			CPU_SET(cpu, &one);
	(void)sched_setaffinity(0, sizeof(one), &one);
}

int process_fork(struct sup *s, struct sup_process *p, int send_bytes, event_callback_fn heard,
		 int *ret_far_fd)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	(void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
	if (send_bytes > 0)
		(void)setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof(send_bytes));
	p->pid = fork();
	if (p->pid == 0) {
		*ret_far_fd = fds[1];
		return 1;
	}
	close(fds[1]);
	if (p->ev)
		event_free(p->ev);
	if (p->fd >= 0)
		close(p->fd);
	p->ev = NULL;
	p->fd = fds[0];
	if (p->pid < 0) {
		p->pid = 0;
		return -EAGAIN;
	}
	p->ev = event_new(s->base, fds[0], EV_READ | EV_PERSIST, heard, s);
	return p->ev && event_add(p->ev, NULL) == 0 ? 0 : -ENOMEM;
}

/* --- zygote ------------------------------------------------------------------------------- */

static void on_zygote(evutil_socket_t fd, short what, void *arg)
{
	static uint8_t buf[NODE_MSG_MAX];
	struct sup *s = arg;
	struct node_msg msg;

	(void)what;
	for (int i = 0; i < SPAWNS_AT_ONCE; i++) {
		int r = node_msg_recv(fd, buf, &msg);

		if (r == -EAGAIN)
			return;
		if (r < 0) {
			event_del(s->zygote.ev);
			return;
		}
		if (msg.type == NM_SPAWNED)
			device_on_spawned(s, &msg);
		else if (msg.type == NM_RING)
			device_on_ring(s, &msg);
		node_msg_close_fds(&msg);
		if (s->ending)
			return;
	}
}

static _Noreturn void exec_zygote(const struct sup *s, int fd)
{
	char number[16], fresh[24], kinds[16];
	unsigned mask = 0;

	for (size_t i = 0; i < s->plan->n_devices; i++)
		mask |= 1u << s->plan->devices[i].kind;
	snprintf(number, sizeof(number), "%d", fd);
	snprintf(fresh, sizeof(fresh), "%" PRIx64, s->fresh);
	snprintf(kinds, sizeof(kinds), "%x", mask);
	(void)fcntl(fd, F_SETFD, 0);
	execl(s->birth->labnode, "labnode", "--zygote", number, "--fresh", fresh, "--kinds", kinds,
	      s->birth->sandbox ? NULL : "--no-sandbox", (char *)NULL);
	_exit(127);
}

static int start_zygote(struct sup *s)
{
	int far_fd, r = process_fork(s, &s->zygote, 0, on_zygote, &far_fd);

	if (r == 1)
		exec_zygote(s, far_fd);
	return r;
}

static int start_zygote_again(struct sup *s)
{
	int r = start_zygote(s);

	if (r == 0)
		devices_ask_again(s);
	return r;
}

/* --- all ---------------------------------------------------------------------------------- */

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	devices_look(arg);
	wires_tell_drops(arg);
}

static int start_looking(struct sup *s)
{
	struct timeval second = { .tv_sec = 1 };

	s->look_ev = event_new(s->base, -1, EV_PERSIST, on_look, s);
	return s->look_ev && event_add(s->look_ev, &second) == 0 ? 0 : -ENOMEM;
}

int processes_start(struct sup *s)
{
	int r = start_zygote(s); /* what everything else waits for */

	if (r == 0)
		r = feed_create(0, &s->feed);
	if (r == 0)
		r = log_start(s);
	if (r == 0)
		r = wires_start(s);
	return r < 0 ? r : start_looking(s);
}

/* --- the next one ------------------------------------------------------------------------- */

struct helper {
	const char *name;
	struct sup_process *process;
	int (*start_again)(struct sup *s);
	event_callback_fn again; /* after a pause */
};

static void on_zygote_again(evutil_socket_t fd, short what, void *arg);
static void on_wires_again(evutil_socket_t fd, short what, void *arg);
static void on_log_again(evutil_socket_t fd, short what, void *arg);

static bool find_helper(struct sup *s, pid_t pid, struct helper *ret)
{
	const struct helper helpers[] = {
		{ "zygote", &s->zygote, start_zygote_again, on_zygote_again },
		{ "wires", &s->wires, wires_start_again, on_wires_again },
		{ "log", &s->log, log_start_again, on_log_again },
	};

	for (size_t i = 0; i < ARRAY_SIZE(helpers); i++)
		if (pid > 0 && helpers[i].process->pid == pid) {
			*ret = helpers[i];
			return true;
		}
	return false;
}

static void start_after(struct sup *s, const struct helper *h, int seconds)
{
	struct timeval pause = { .tv_sec = seconds };

	if (!h->process->again_ev)
		h->process->again_ev = evtimer_new(s->base, h->again, s);
	if (!h->process->again_ev || event_add(h->process->again_ev, &pause) < 0)
		sup_fail(s, "the lab's %s process cannot be started again: no memory", h->name);
}

static void started_again(struct sup *s, const char *name, int r)
{
	if (r < 0)
		sup_fail(s, "the lab's %s process cannot be started again: %s", name, strerror(-r));
}

static void on_zygote_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	started_again(arg, "zygote", start_zygote_again(arg));
}

static void on_wires_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	started_again(arg, "wires", wires_start_again(arg));
}

static void on_log_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	started_again(arg, "log", log_start_again(arg));
}

/* One that dies again and again gets a pause, and does not take the lab with it. */
void process_on_exit(struct sup *s, pid_t pid, int status)
{
	struct helper h;
	char why[128], what[32];

	if (!find_helper(s, pid, &h)) {
		s->exits[s->n_exits++ % EXITS_MAX] =
			(struct sup_exit){ .pid = pid, .status = status };
		return;
	}
	h.process->pid = 0;
	if (s->ending)
		return;
	process_describe_exit(status, why, sizeof(why));
	fprintf(stderr, "<4>the %s process: %s\n", h.name, why);
	if (sup_too_many_crashes(h.process->crashes_ns))
		start_after(s, &h, PAUSE_S);
	else
		started_again(s, h.name, h.start_again(s));
	snprintf(what, sizeof(what), "%s-crashed", h.name);
	log_event(s, what, why);
}
