/* From nothing to `ready`. */
#include "labd/supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "netns/err.h"
#include "netns/link.h"
#include "netns/nl.h"
#include "netns/ns.h"
#include "netns/sysctl.h"

#define PROGRESS_EVERY_NS (100 * MSEC)

int64_t sup_mono_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SEC + ts.tv_nsec;
}

static int64_t real_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * SEC + ts.tv_nsec;
}

/* Remembers one more crash; true when there were too many within a minute. */
bool sup_too_many_crashes(int64_t crashes_ns[CRASHES_A_MINUTE])
{
	int64_t now = sup_mono_ns(), oldest = crashes_ns[0];

	memmove(crashes_ns, crashes_ns + 1, (CRASHES_A_MINUTE - 1) * sizeof(*crashes_ns));
	crashes_ns[CRASHES_A_MINUTE - 1] = now;
	return oldest != 0 && now - oldest < 60 * SEC;
}

void sup_fail(struct sup *s, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (s->failed || s->ending)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	s->failed = true;
	if (s->birth->status_fd >= 0)
		birth_status(s->birth->status_fd, "%s", text);
	else
		fprintf(stderr, "<3>labd: %s\n", text);
	sup_end(s);
}

/* A line for whoever waits: how far the lab has come. */
void sup_progress(struct sup *s)
{
	static int64_t last_ns;
	int64_t now = sup_mono_ns();

	if (s->birth->status_fd < 0 || now - last_ns < PROGRESS_EVERY_NS)
		return;
	last_ns = now;
	dprintf(s->birth->status_fd, "{\"devices\":%zu,\"of\":%zu,\"links\":%zu}\n", s->n_ready,
		s->plan->n_devices, s->n_links_made);
}

void sup_is_ready(struct sup *s)
{
	if (s->ready || s->ending || !s->devices_ready || !wires_have_links(s))
		return;
	if (s->listening_ns == 0) {
		s->listening_ns = sup_mono_ns();
		log_go(s);
		rings_grow(s);
	}
	if (!s->log_ready)
		return;
	s->ready = true;
	if (s->birth->status_fd >= 0) {
		dprintf(s->birth->status_fd, "{\"ready\":true,\"ms\":%lld}\n",
			(long long)((s->listening_ns - s->born_ns) / MSEC));
		close(s->birth->status_fd);
		s->birth->status_fd = -1;
	}
	control_ready(s);
	for (size_t i = 0; i < s->plan->n_devices; i++)
		enter_run_exec(&s->devices[i]);
}

/* --- the start ---------------------------------------------------------------------------- */

static int read_plan(struct sup *s)
{
	struct stat st;
	char why[256], *text;
	int r;

	if (fstat(s->birth->plan_fd, &st) < 0)
		return -errno;
	text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, s->birth->plan_fd, 0);
	if (text == MAP_FAILED)
		return -errno;
	r = plan_from_json(text, (size_t)st.st_size, &s->plan, why, sizeof(why));
	munmap(text, (size_t)st.st_size);
	if (r < 0)
		birth_status(s->birth->status_fd, "the plan cannot be read: %s", why);
	return r;
}

static int make_clock(struct sup *s)
{
	int64_t epoch = s->plan->has_epoch ? s->plan->epoch_ns : real_ns();

	s->clock_fd = memfd_create("labd-clock", MFD_CLOEXEC);
	if (s->clock_fd < 0 || ftruncate(s->clock_fd, CLOCK_PAGE_BYTES) < 0)
		return -errno;
	s->clock = mmap(NULL, CLOCK_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, s->clock_fd, 0);
	if (s->clock == MAP_FAILED)
		return -errno;
	clock_init(s->clock, epoch, 0, sup_mono_ns());
	return 0;
}

static int make_links_table(struct sup *s)
{
	s->links = calloc(s->plan->n_links + 1, sizeof(*s->links));
	if (!s->links)
		return -ENOMEM;
	for (size_t i = 0; i < s->plan->n_links; i++) {
		s->links[i].plan = &s->plan->links[i];
		s->links[i].fds[0] = s->links[i].fds[1] = -1;
	}
	return 0;
}

/* A lab of a thousand devices holds about ten descriptors for each. */
static void raise_limits(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &lim);
	}
}

static void reap(struct sup *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct sup_device *d = device_by_pid(s, pid);

		if (d)
			device_on_exit(d, status);
		else
			process_on_exit(s, pid, status);
		if (s->ending)
			return;
	}
}

static void on_child(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	reap(arg);
}

static void on_term(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	sup_end(arg);
}

static int watch_signals(struct sup *s)
{
	s->chld_ev = evsignal_new(s->base, SIGCHLD, on_child, s);
	s->term_ev = evsignal_new(s->base, SIGTERM, on_term, s);
	s->int_ev = evsignal_new(s->base, SIGINT, on_term, s);
	if (!s->chld_ev || !s->term_ev || !s->int_ev)
		return -ENOMEM;
	event_add(s->chld_ev, NULL);
	event_add(s->term_ev, NULL);
	event_add(s->int_ev, NULL);
	return 0;
}

struct step {
	const char *what;
	int (*run)(struct sup *s);
};

static int open_home(struct sup *s)
{
	struct netns_err err = { 0 };
	struct ns_sysctl_fresh fresh;
	int r = nlh_open(NS_CURRENT, NETLINK_ROUTE, &s->home, &err);

	if (r < 0)
		return r;
	s->fresh = ns_sysctl_survey();
	ns_sysctl_know(&fresh, s->fresh);
	/* Ends of wires live here: their only frames are those that a device sends. */
	(void)ns_sysctl_apply_fresh(&fresh, NS_ROLE_NO_IPV6, NULL, NULL);
	return nl_link_up(s->home, "lo", &err);
}

static int set_up(struct sup *s)
{
	static const struct step steps[] = {
		{ "the plan", read_plan },
		{ "the lab's clock", make_clock },
		{ "the run's folder", rundir_open },
		{ "its network namespace", open_home },
		{ "its links", make_links_table },
		{ "its devices", devices_init },
		{ "its signals", watch_signals },
		{ "its barrier", sync_init },
		{ "its control socket", control_init },
		{ "its processes", processes_start },
	};

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int r = steps[i].run(s);

		if (r < 0) {
			birth_status(s->birth->status_fd, "the lab cannot be set up: %s: %s",
				     steps[i].what, strerror(-r));
			return r;
		}
	}
	return 0;
}

/* --- the end ------------------------------------------------------------------------------ */

void sup_end(struct sup *s)
{
	s->ending = true;
	event_base_loopbreak(s->base);
}

int supervisor_main(struct birth *b)
{
	struct sup s = { .birth = b,
			 .born_ns = sup_mono_ns(),
			 .clock_fd = -1,
			 .zygote.fd = -1,
			 .wires.fd = -1,
			 .log.fd = -1,
			 .log_go_fd = -1 };

	raise_limits();
	s.base = event_base_new();
	if (!s.base || set_up(&s) < 0)
		return 1;
	devices_spawn_some(&s);
	s.devices_ready = s.plan->n_devices == 0;
	sup_is_ready(&s);
	if (!s.ending)
		event_base_dispatch(s.base);
	take_down(&s);
	return s.failed ? 1 : 0;
}
