/* moment.h: times as people read them. Lab times are shown as the lab's own clocks show them, in
 * UTC; without the date while that is the day the lab began. Pure. */
#ifndef LABD_CTL_MOMENT_H
#define LABD_CTL_MOMENT_H

#include <stdint.h>

struct sbuf;

/* What a column of the database means, by its name. */
enum moment_kind {
	MOMENT_NONE,	 /* no time */
	MOMENT_LAB,	 /* lab time: time_ns, since, until */
	MOMENT_UNIX,	 /* nanoseconds since 1970: wall_ns, epoch_ns */
	MOMENT_DURATION, /* any other ..._ns */
};
enum moment_kind moment_kind(const char *column);

/* "08:00:01.234567", or "2026-01-02 08:00:01.234567" on another day. */
void moment_lab(struct sbuf *out, int64_t lab_ns, int64_t epoch_ns);
/* "2026-01-01 08:00:01.234567". */
void moment_unix(struct sbuf *out, int64_t unix_ns);
/* "85 us", "20.3 ms", "1.5 s", "2 h 3 min". */
void moment_duration(struct sbuf *out, int64_t ns);
/* By its kind; a number for MOMENT_NONE. */
void moment_put(struct sbuf *out, enum moment_kind kind, int64_t ns, int64_t epoch_ns);

#endif
