#include "labd/ctl/watch.h"

#include <errno.h>
#include <poll.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "base/types.h"
#include "labd/log/db_read.h"

/* The log is written to a moment before the transaction counts (with `durability: power` the disk
 * is in between): look again soon after an event. */
#define SOON_NS	 (2 * MSEC)
#define SOON_MAX 25

/* A file system without events, or an event that was missed. */
#define AT_LATEST_NS (200 * MSEC)

int64_t mono_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SEC + ts.tv_nsec;
}

int watch_open(struct watch *w, const char *run_dir, struct dbr *db)
{
	*w = (struct watch){ .db = db };
	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->fd < 0)
		return -errno;
	if (inotify_add_watch(w->fd, run_dir, IN_MODIFY | IN_CREATE) < 0) {
		int r = -errno;

		watch_close(w);
		return r;
	}
	w->version = dbr_version(db);
	return 0;
}

/* True when there was an event. */
static int wait_event(struct watch *w, int64_t wait_ns)
{
	struct pollfd p = { .fd = w->fd, .events = POLLIN };
	struct timespec ts = { .tv_sec = wait_ns / SEC, .tv_nsec = wait_ns % SEC };
	char buf[4096] __attribute__((aligned(8)));
	int r = ppoll(&p, 1, &ts, NULL);

	if (r < 0)
		return -errno;
	while (r > 0 && read(w->fd, buf, sizeof(buf)) > 0)
		;
	return r > 0;
}

int watch_wait(struct watch *w, int64_t until_ns)
{
	int soon = 0;

	for (;;) {
		int64_t version = dbr_version(w->db), left = until_ns - mono_now();
		int64_t wait = soon > 0 ? SOON_NS : AT_LATEST_NS;
		int r;

		if (version != w->version) {
			w->version = version;
			return 1;
		}
		if (left <= 0)
			return 0;
		r = wait_event(w, left < wait ? left : wait);
		if (r < 0)
			return r;
		if (r > 0)
			soon = SOON_MAX;
		else if (soon > 0)
			soon--;
	}
}

void watch_close(struct watch *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}
