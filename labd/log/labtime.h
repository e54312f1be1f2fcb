/* labtime.h: from the wall-clock stamps of frames to lab time.
 *
 * Frames are read some time after they were stamped, and the lab's clock may have been paused or
 * advanced in between: the clock's last courses are remembered, each with the moment it began.
 * Stamps of CLOCK_REALTIME become CLOCK_MONOTONIC ones by the offset at the last labtime_update().
 * Without a page, lab time is the time since the lab was started. */
#ifndef LABD_LOG_LABTIME_H
#define LABD_LOG_LABTIME_H

#include "base/clock.h"

#define LABTIME_COURSES 16

struct labtime {
	const struct clock_page *page;		    /* or NULL */
	struct clock_page courses[LABTIME_COURSES]; /* the newest last */
	unsigned n;
	int64_t wall_minus_mono_ns;
};

/* `started_wall_ns`: lab time 0 when there is no page. */
void labtime_init(struct labtime *t, const struct clock_page *page, int64_t started_wall_ns);
/* Once a turn. */
void labtime_update(struct labtime *t);
nsec_t labtime_of_wall(const struct labtime *t, int64_t wall_ns);
nsec_t labtime_now(const struct labtime *t);
int64_t labtime_wall_now(void); /* CLOCK_REALTIME */
int64_t labtime_mono_now(void);

#endif
