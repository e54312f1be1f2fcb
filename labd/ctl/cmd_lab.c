/* Commands that a running lab answers: down, ps, run, console, stop, start, link. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "base/types.h"
#include "labd/ctl/ctl.h"
#include "labd/ctl/up.h"
#include "labd/ctl/watch.h"

#define DOWN_WAIT_NS (30 * SEC)
#define LOCK_LOOK_US 1000

/* Opens the lab that is meant; -1 after saying why not. */
static int open_lab(const struct ctl *c)
{
	struct lab_name lab;

	return ctl_pick_lab(c, &lab) < 0 ? -1 : client_open(lab.text);
}

static int simple(const struct ctl *c, json_t *request)
{
	int fd = open_lab(c);
	json_t *o;

	if (fd < 0) {
		json_decref(request);
		return 1;
	}
	o = client_ask(fd, request, -1, NULL, NULL, NULL);
	close(fd);
	json_decref(o);
	return o ? 0 : 1;
}

/* --- down ----------------------------------------------------------------------------------- */

/* A connection on which the lab was asked to end; -1: nobody listens, yet or any more. */
static int ask_down(const char *name)
{
	int fd = client_connect(name);

	if (fd >= 0 && client_send(fd, json_pack("{s:s}", "do", "down"), -1) < 0) {
		close(fd);
		return -1;
	}
	return fd < 0 ? -1 : fd;
}

/* Until labd's end of the connection is closed, at most `wait_ms`. What it answers does not matter:
 * the lab's end is seen by its lock. False when the connection is still open. */
static bool wait_closed(int fd, int wait_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	json_t *o;

	if (poll(&p, 1, wait_ms) <= 0)
		return false;
	o = client_recv(fd, NULL);
	json_decref(o);
	return !o;
}

static void show_waiting(const char *name, int64_t ns, bool *shown)
{
	if (!isatty(2) || ns < SEC)
		return;
	fprintf(stderr, "\r%s has been ending for %lld s ", name, (long long)(ns / SEC));
	*shown = true;
}

int lab_down(const char *name)
{
	int64_t start_ns = mono_now(), ns = 0;
	bool asked = false, shown = false;
	int fd = -1;

	for (; lab_is_locked(name) && ns < DOWN_WAIT_NS; ns = mono_now() - start_ns) {
		if (!asked) /* once: the next one might be another lab of that name */
			asked = (fd = ask_down(name)) >= 0;
		if (fd < 0) {
			(void)usleep(LOCK_LOOK_US);
		} else if (wait_closed(fd, 1000)) {
			close(fd);
			fd = -1;
		}
		show_waiting(name, ns, &shown);
	}
	if (fd >= 0)
		close(fd);
	if (shown)
		fprintf(stderr, "\r\033[K");
	if (ns >= DOWN_WAIT_NS)
		return ctl_fail("the lab %s has not ended after %lld s: its labd does not answer",
				name, (long long)(DOWN_WAIT_NS / SEC));
	return 0;
}

/* One that is starting or ending counts, if it is named. */
static int pick_to_end(const struct ctl *c, struct lab_name *ret)
{
	if (!c->lab || !lab_is_locked(c->lab))
		return ctl_pick_lab(c, ret);
	snprintf(ret->text, sizeof(ret->text), "%s", c->lab);
	return 0;
}

int cmd_down(struct ctl *c)
{
	struct lab_name lab, all[64];
	size_t n = 1;
	int r = 0;

	if (c->argc == 2 && strcmp(c->argv[1], "--all") == 0)
		n = labs_alive(all, 64);
	else if (c->argc == 2 && c->argv[1][0] != '-')
		c->lab = c->argv[1];
	else if (c->argc != 1)
		return ctl_usage(c);
	if (c->argc < 2 || strcmp(c->argv[1], "--all") != 0) {
		if (pick_to_end(c, &lab) < 0)
			return 1;
		all[0] = lab;
	}
	for (size_t i = 0; i < n; i++) {
		int x = lab_down(all[i].text);

		if (x == 0 && !c->json)
			printf("%s is down\n", all[i].text);
		r |= x;
	}
	return r;
}

/* --- ps ------------------------------------------------------------------------------------- */

struct listing {
	json_t *devices, *links;
};

static void gather(void *arg, json_t *o)
{
	struct listing *l = arg;

	json_array_extend(l->devices, json_object_get(o, "devices"));
	json_array_extend(l->links, json_object_get(o, "links"));
}

static void print_devices(const struct listing *l)
{
	size_t i;
	json_t *d;

	printf("%-16s %-8s %-9s %6s %5s  %s\n", "DEVICE", "KIND", "STATE", "PID", "PORTS", "");
	json_array_foreach(l->devices, i, d) printf(
		"%-16s %-8s %-9s %6lld %5lld  %s\n", json_string_value(json_object_get(d, "name")),
		json_string_value(json_object_get(d, "kind")),
		json_string_value(json_object_get(d, "state")),
		(long long)json_integer_value(json_object_get(d, "pid")),
		(long long)json_integer_value(json_object_get(d, "interfaces")),
		json_string_value(json_object_get(d, "why")));
}

static void print_links(const struct listing *l)
{
	size_t i;
	json_t *x;

	printf("\n%-40s %-8s %s\n", "LINK", "CARRIER", "STATE");
	json_array_foreach(l->links, i, x)
		printf("%-40s %-8s %s\n", json_string_value(json_object_get(x, "name")),
		       json_string_value(json_object_get(x, "carrier")),
		       json_is_true(json_object_get(x, "up")) ? "up" : "down");
}

static int list_labs(const struct ctl *c)
{
	struct lab_name labs[64];
	size_t n = labs_alive(labs, 64);

	if (c->json)
		printf("[");
	for (size_t i = 0; i < n; i++)
		printf(c->json ? "%s\"%s\"" : "%s%s\n", c->json && i ? "," : "", labs[i].text);
	if (c->json)
		printf("]\n");
	else if (n == 0)
		printf("no lab runs\n");
	return 0;
}

int cmd_ps(struct ctl *c)
{
	struct listing l = { json_array(), json_array() };
	struct lab_name labs[64];
	json_t *last;
	int fd;

	if (c->argc != 1)
		return ctl_usage(c);
	if (!c->lab && labs_alive(labs, 64) != 1)
		return list_labs(c);
	fd = open_lab(c);
	last = fd < 0 ? NULL : client_ask(fd, json_pack("{s:s}", "do", "ps"), -1, NULL, gather, &l);
	if (!last)
		return 1;
	gather(&l, last);
	json_object_set_new(last, "devices", l.devices);
	json_object_set_new(last, "links", l.links);
	json_object_del(last, "done");
	if (c->json) {
		json_dumpf(last, stdout, JSON_INDENT(1));
		putchar('\n');
	} else {
		printf("lab %s, %s\n\n", json_string_value(json_object_get(last, "lab")),
		       json_is_true(json_object_get(last, "ready")) ? "ready" : "coming up");
		print_devices(&l);
		print_links(&l);
	}
	json_decref(last);
	close(fd);
	return 0;
}

/* --- run ------------------------------------------------------------------------------------ */

static void print_output(void *arg, json_t *o)
{
	json_t *text = json_object_get(o, "output");

	(void)arg;
	fwrite(json_string_value(text), 1, json_string_length(text), stdout);
	fflush(stdout);
}

/* The words of a command line, with blanks between them. */
static char *join(char *const *words, int n)
{
	size_t len = 1;
	char *line;

	for (int i = 0; i < n; i++)
		len += strlen(words[i]) + 1;
	line = calloc(1, len);
	for (int i = 0; line && i < n; i++)
		snprintf(line + strlen(line), len - strlen(line), "%s%s", i ? " " : "", words[i]);
	return line;
}

int cmd_run(struct ctl *c)
{
	int fd, status = 1;
	char *line;
	json_t *o;

	if (c->argc < 3)
		return ctl_usage(c);
	fd = open_lab(c);
	if (fd < 0)
		return 1;
	line = join(c->argv + 2, c->argc - 2);
	o = client_ask(
		fd, json_pack("{s:s, s:s, s:s}", "do", "run", "device", c->argv[1], "line", line),
		-1, NULL, print_output, NULL);
	if (o)
		status = (int)json_integer_value(json_object_get(o, "status"));
	json_decref(o);
	free(line);
	close(fd);
	return status;
}

int cmd_stop(struct ctl *c)
{
	if (c->argc != 2)
		return ctl_usage(c);
	return simple(c, json_pack("{s:s, s:s}", "do", c->argv[0], "device", c->argv[1]));
}

int cmd_link(struct ctl *c)
{
	bool up;

	if (c->argc != 3)
		return ctl_usage(c);
	up = strcmp(c->argv[2], "up") == 0;
	if (!up && strcmp(c->argv[2], "down") != 0)
		return ctl_usage(c);
	return simple(c, json_pack("{s:s, s:s, s:b}", "do", "link", "link", c->argv[1], "up", up));
}

/* --- console -------------------------------------------------------------------------------- */

static struct termios saved_modes;

static void restore_terminal(void)
{
	tcsetattr(0, TCSANOW, &saved_modes);
}

static bool raw_terminal(void)
{
	struct termios raw;

	if (!isatty(0) || tcgetattr(0, &saved_modes) < 0)
		return false;
	raw = saved_modes;
	cfmakeraw(&raw);
	tcsetattr(0, TCSANOW, &raw);
	atexit(restore_terminal);
	return true;
}

static bool copy_some(int from, int to)
{
	char buf[4096];
	ssize_t n = read(from, buf, sizeof(buf)), done = 0;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	while (n > 0 && done < n) {
		ssize_t w = write(to, buf + done, (size_t)(n - done));

		if (w < 0 && errno != EINTR)
			return false;
		done += w > 0 ? w : 0;
	}
	return n > 0;
}

static void shuttle(int sock)
{
	struct pollfd p[2] = { { .fd = 0, .events = POLLIN }, { .fd = sock, .events = POLLIN } };

	while (poll(p, 2, -1) >= 0 || errno == EINTR) {
		if (p[1].revents && !copy_some(sock, 1))
			return;
		if (p[0].revents && !copy_some(0, sock)) {
			shutdown(sock, SHUT_WR); /* what was typed is still answered */
			p[0].fd = -1;
		}
	}
}

int cmd_console(struct ctl *c)
{
	struct winsize size = { .ws_col = 80, .ws_row = 24 };
	int fd, pair[2];
	bool terminal = isatty(0);
	json_t *o;

	if (c->argc != 2)
		return ctl_usage(c);
	fd = open_lab(c);
	if (fd < 0)
		return 1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return ctl_fail("no socket for the console: %s", strerror(errno));
	(void)ioctl(1, TIOCGWINSZ, &size);
	o = client_ask(fd,
		       json_pack("{s:s, s:s, s:b, s:i, s:i}", "do", "console", "device", c->argv[1],
				 "terminal", terminal, "columns", size.ws_col, "rows", size.ws_row),
		       pair[1], NULL, NULL, NULL);
	close(pair[1]);
	json_decref(o);
	if (!o)
		return 1;
	if (terminal)
		fprintf(stderr, "Console of %s. `exit` or Ctrl-D leaves it; ? helps.\n",
			c->argv[1]);
	signal(SIGPIPE, SIG_IGN);
	if (terminal)
		raw_terminal();
	shuttle(pair[0]);
	return 0;
}
