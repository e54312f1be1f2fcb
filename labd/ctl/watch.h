/* watch.h: waiting for commits of a live database.
 *
 * The kernel tells when the write-ahead log is written to (inotify on the run's folder); SQLite
 * tells whether that was a whole transaction. Nothing is looked at meanwhile. Times are
 * CLOCK_MONOTONIC in nanoseconds. */
#ifndef LABD_CTL_WATCH_H
#define LABD_CTL_WATCH_H

#include <stdint.h>

struct dbr;

struct watch {
	int fd;
	struct dbr *db;
	int64_t version;
};

int64_t mono_now(void);

/* From this moment on; 0 or negative errno. */
int watch_open(struct watch *w, const char *run_dir, struct dbr *db);
/* 1: something was committed since the last 1; 0: `until_ns` has come; -EINTR after a signal. */
int watch_wait(struct watch *w, int64_t until_ns);
void watch_close(struct watch *w);

#endif
