/* labctl capture: frames to a file, a pipe or Wireshark. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/types.h"
#include "labd/ctl/capture.h"
#include "labd/ctl/run.h"
#include "labd/ctl/watch.h"
#include "labd/log/db_read.h"

#define OUT_MAX (96u << 20) /* a batch of the longest frames and what a wire held */

/* A decision may be written a moment after the packet that caused it. */
#define COMMENT_WAIT_NS (300 * MSEC)
#define LOOK_NS		SEC /* is the lab alive, is the reader there? */

struct output {
	int fd;
	pid_t wireshark; /* 0 = none */
	bool gone;	 /* nobody reads any more */
	int error;	 /* errno of a write, but EPIPE */
};

static void put_out(struct output *o, struct sbuf *buf)
{
	size_t done = 0;

	while (done < buf->len && !o->gone && !o->error) {
		ssize_t n = write(o->fd, buf->data + done, buf->len - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno == EPIPE)
			o->gone = true;
		else if (errno != EINTR)
			o->error = errno;
	}
	sbuf_reset(buf);
}

/* The other end of a pipe was closed. */
static void look_for_reader(struct output *o)
{
	struct pollfd p = { .fd = o->fd };

	if (poll(&p, 1, 0) == 1 && (p.revents & (POLLERR | POLLHUP)))
		o->gone = true;
}

static int64_t newest(struct dbr *db)
{
	return dbr_int_of(db, "SELECT max(id) FROM packet", 0);
}

static int copy_until(struct capture *c, int64_t until, struct output *o)
{
	struct sbuf buf = SBUF(OUT_MAX);
	int r = 1;

	while (r == 1 && !o->gone && !o->error) {
		r = capture_read(c, until, &buf);
		put_out(o, &buf);
	}
	sbuf_done(&buf);
	return r < 0 ? r : 0;
}

static void release(struct capture *c, int64_t now_ns, struct output *o)
{
	struct sbuf buf = SBUF(OUT_MAX);

	capture_release(c, now_ns, &buf);
	put_out(o, &buf);
	sbuf_done(&buf);
}

/* --- following a lab ------------------------------------------------------------------------ */

static volatile sig_atomic_t stopped;

static void on_stop(int sig)
{
	(void)sig;
	stopped = 1;
}

static bool is_over(const struct run *run, struct output *o)
{
	look_for_reader(o);
	return stopped || o->gone || o->error || !lab_is_alive(run->lab);
}

/* Packets are written when they are COMMENT_WAIT_NS old: then their decisions are there too. */
static int follow(struct capture *c, const struct run *run, struct output *o)
{
	int64_t ready = 0, ready_at = 0, read_at = 0, look_at = mono_now() + LOOK_NS;
	struct watch w;
	int r = watch_open(&w, run->dir, c->db);

	while (r >= 0 && !stopped) {
		int64_t now = mono_now();

		if (ready > c->done_id && now >= ready_at) {
			r = copy_until(c, ready, o);
			read_at = now;
		} else if (ready <= c->done_id) {
			ready = newest(c->db);
			ready_at = now + COMMENT_WAIT_NS;
			release(c, c->last_ns + (now - read_at) - LOOK_NS, o);
		}
		if (r < 0 || o->gone || o->error)
			break;
		if (now >= look_at && is_over(run, o))
			break;
		if (now >= look_at)
			look_at = now + LOOK_NS;
		r = watch_wait(&w, ready > c->done_id ? ready_at : look_at);
		if (r == -EINTR)
			r = 0;
	}
	watch_close(&w);
	return r < 0 ? r : 0;
}

/* --- where to ------------------------------------------------------------------------------- */

static int refuse_terminal(void)
{
	ctl_fail("a capture is no text for a terminal. Write it to a file with -w FILE, or show "
		 "it:\n"
		 "  labctl capture pc1:eth0 | wireshark -k -i -\n"
		 "  labctl capture --wireshark\n"
		 "  labctl capture all | tshark -r -");
	return 2;
}

static int start_wireshark(struct output *o)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return ctl_fail("no pipe: %s", strerror(errno));
	o->wireshark = fork();
	if (o->wireshark == 0) {
		dup2(fds[0], 0);
		execlp("wireshark", "wireshark", "-k", "-i", "-", (char *)NULL);
		fprintf(stderr,
			"labctl: wireshark cannot be started: %s; it is in the package wireshark\n",
			strerror(errno));
		_exit(127);
	}
	close(fds[0]);
	o->fd = fds[1];
	return o->wireshark < 0 ? ctl_fail("no process: %s", strerror(errno)) : 0;
}

static int open_output(struct output *o, const char *file, bool wireshark)
{
	if (wireshark)
		return start_wireshark(o);
	if (!file || strcmp(file, "-") == 0) {
		o->fd = 1;
		return isatty(1) ? refuse_terminal() : 0;
	}
	o->fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	return o->fd < 0 ? ctl_fail("%s cannot be written: %s", file, strerror(errno)) : 0;
}

/* Who reads a pipe wants to see what happens; a file is a picture of this moment. */
static bool is_pipe(const struct output *o)
{
	struct stat st;

	return fstat(o->fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

static int close_output(struct output *o, int r)
{
	int status;

	if (o->error)
		r = ctl_fail("the capture cannot be written: %s", strerror(o->error));
	if (o->fd > 1 && close(o->fd) < 0)
		r = ctl_fail("the capture cannot be written: %s", strerror(errno));
	if (o->wireshark > 0) {
		while (waitpid(o->wireshark, &status, 0) < 0 && errno == EINTR)
			;
		r |= WIFEXITED(status) && WEXITSTATUS(status) == 127;
	}
	return r;
}

static void begin(struct capture *c, const struct run *run, struct output *o)
{
	struct sbuf head = SBUF(16u << 20);

	capture_head(c, run->lab, run->name, &head);
	put_out(o, &head);
	sbuf_done(&head);
}

static int capture(struct capture *c, const struct run *run, struct output *o, bool live)
{
	int r;

	begin(c, run, o);
	r = live ? follow(c, run, o) : 0;
	if (r == 0 && !stopped && !o->gone)
		r = copy_until(c, newest(c->db), o);
	release(c, NEVER, o);
	return r < 0 ? ctl_fail("the database cannot be read: %s", dbr_why(c->db)) : 0;
}

static void catch_stops(void)
{
	struct sigaction sa = { .sa_handler = on_stop };

	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
}

int cmd_capture(struct ctl *ctl)
{
	const char *which = ctl_take_value(ctl, "--run"), *file = ctl_take_value(ctl, "-w");
	bool wireshark = ctl_take_flag(ctl, "--wireshark"), wanted = ctl_take_flag(ctl, "--follow");
	bool unwanted = ctl_take_flag(ctl, "--no-follow");
	struct output o = { .fd = -1 };
	struct capture c;
	struct run run;
	struct dbr *db;
	int r;

	if (ctl->argc > 2 || (ctl->argc == 2 && ctl->argv[1][0] == '-') || (file && wireshark))
		return ctl_usage(ctl);
	if (!file && !wireshark && isatty(1))
		return refuse_terminal();
	db = ctl_open_db(ctl, which, &run);
	if (!db)
		return 1;
	r = capture_select(&c, db, ctl->argc == 2 ? ctl->argv[1] : "all");
	if (r < 0 && r != -ENOENT)
		ctl_fail("the database cannot be read: %s", dbr_why(db));
	r = r < 0 ? 1 : open_output(&o, file, wireshark);
	if (r == 0) {
		catch_stops();
		r = capture(&c, &run, &o, run.live && !unwanted && (wanted || is_pipe(&o)));
		r = close_output(&o, r);
		if (file && r == 0 && o.fd > 1)
			fprintf(stderr, "%llu frames in %s\n", (unsigned long long)c.n_frames,
				file);
	}
	capture_done(&c);
	dbr_close(db);
	return r;
}
