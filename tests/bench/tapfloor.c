/* The floor of a wire: two namespaces, a TAP in each, and a plain loop that reads a frame here and
 * writes it there. The same interface settings as a lab's wire; no queue, no log, nothing else.
 *
 *   tapfloor SERVER ARGS... -- CLIENT ARGS...
 *
 * runs SERVER beside 10.9.0.2 and CLIENT beside 10.9.0.1, until CLIENT ends; then prints
 * "forwarded=N per_second=N". */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "netns/addr.h"
#include "netns/err.h"
#include "netns/link.h"
#include "netns/nl.h"
#include "netns/ns.h"
#include "netns/sysctl.h"
#include "netns/tap.h"

#define FRAME_MAX 2048
#define BATCH	  64   /* frames of one side before the other is looked at */
#define QUEUE	  5000 /* as labd sets it */

struct side {
	int ns, fd;
	uint64_t n;
	pid_t pid;
};

#define must(call)                                                              \
	do {                                                                    \
		struct netns_err err_ = { 0 }, *err = &err_;                    \
		if ((call) < 0) {                                               \
			fprintf(stderr, "tapfloor: %s %s\n", #call, err->text); \
			exit(1);                                                \
		}                                                               \
	} while (0)

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void make_side(struct side *s, uint8_t host)
{
	struct nl_link_change c = { .set = NL_SET_TXQLEN | NL_SET_UP,
				    .tx_queue_len = QUEUE,
				    .up = true };
	struct nl_ifaddr a = { .ip = { .family = 2, .bytes = { 10, 9, 0, host } },
			       .prefix_len = 24 };
	struct nl_tap tap;
	struct nl_h *h;

	must(ns_create(&s->ns, err));
	must(ns_sysctl_apply(s->ns, NS_ROLE_HOST | NS_ROLE_NO_IPV6, NULL, NULL, err));
	must(nl_tap_open(s->ns, "eth0", &tap, err));
	must(nlh_open(s->ns, 0, &h, err));
	must(nl_offload_off(h, "eth0", err));
	must(nl_link_change(h, "eth0", &c, err));
	a.index = tap.index;
	must(nl_ifaddr_add(h, &a, err));
	nlh_close(h);
	s->fd = tap.fd;
}

static pid_t start(const struct side *s, char **argv)
{
	struct ns_guard guard;
	pid_t pid = fork();

	if (pid == 0) {
		must(ns_enter(s->ns, &guard, err));
		execvp(argv[0], argv);
		_exit(127);
	}
	return pid;
}

static void forward(struct side *from, const struct side *to)
{
	static uint8_t frame[FRAME_MAX];

	for (int i = 0; i < BATCH; i++) {
		ssize_t len = read(from->fd, frame, sizeof(frame));

		if (len <= 0)
			return;
		if (write(to->fd, frame, (size_t)len) == len)
			from->n++;
	}
}

static volatile sig_atomic_t child_ended;

static void on_child(int sig)
{
	(void)sig;
	child_ended = 1;
}

static bool has_ended(struct side *s)
{
	if (!child_ended)
		return false;
	child_ended = 0;
	return waitpid(s->pid, NULL, WNOHANG) == s->pid;
}

static void turn(struct side *sides, int wait_ms)
{
	struct pollfd p[2] = { { sides[0].fd, POLLIN, 0 }, { sides[1].fd, POLLIN, 0 } };

	(void)poll(p, 2, wait_ms);
	for (int i = 0; i < 2; i++)
		if (p[i].revents & POLLIN)
			forward(&sides[i], &sides[!i]);
}

static void run(struct side *sides, char **client)
{
	double start_s = now(), took_s;
	uint64_t n;

	/* The server binds its port. */
	while (now() < start_s + 0.3)
		turn(sides, 10);
	sides[0].pid = start(&sides[0], client);
	sides[0].n = 0;
	start_s = now();
	while (!has_ended(&sides[0]))
		turn(sides, 50);
	took_s = now() - start_s;
	n = sides[0].n;
	/* What is under way arrives, and the server says its piece. */
	while (now() < start_s + took_s + 1.5 && kill(sides[1].pid, 0) == 0)
		turn(sides, 10);
	printf("forwarded=%llu per_second=%.0f\n", (unsigned long long)n, (double)n / took_s);
}

int main(int argc, char **argv)
{
	struct side sides[2] = { 0 };
	int middle = 1;

	while (middle < argc && strcmp(argv[middle], "--") != 0)
		middle++;
	if (middle < 2 || middle + 1 >= argc)
		return fprintf(stderr, "tapfloor SERVER ARGS... -- CLIENT ARGS...\n"), 2;
	argv[middle] = NULL;
	(void)signal(SIGCHLD, on_child);
	make_side(&sides[0], 1);
	make_side(&sides[1], 2);
	sides[1].pid = start(&sides[1], argv + 1);
	run(sides, argv + middle + 1);
	(void)kill(sides[1].pid, SIGTERM);
	(void)waitpid(sides[1].pid, NULL, 0);
	return 0;
}
