/* clock.h: the lab's clock, one shared page.
 *
 * labd's supervisor owns a memfd with one struct clock_page and maps it for writing; wires, log and
 * nodes map it read-only. Lab time is nanoseconds since the lab's epoch; it runs with
 * CLOCK_MONOTONIC from the point (mono_ns, lab_ns), or stands still at lab_ns while paused. The
 * writer makes `seq` odd, changes the rest, and makes it even again (a sequence lock), so that a
 * reader never mixes two courses.
 *
 * Pure functions over the mapped page: the caller brings CLOCK_MONOTONIC as a number. The page is
 * the owner's to map and unmap. */
#ifndef LABD_BASE_CLOCK_H
#define LABD_BASE_CLOCK_H

#include "base/types.h"

#define CLOCK_PAGE_BYTES 4096

struct clock_page {
	uint32_t seq;	  /* odd while it is being written */
	uint32_t paused;  /* 1 = lab time stands at lab_ns */
	int64_t lab_ns;	  /* lab time at mono_ns */
	int64_t mono_ns;  /* CLOCK_MONOTONIC at that moment */
	int64_t epoch_ns; /* Unix time of lab time 0 */
};

/* The writer's side: the clock starts at lab time `lab_ns`. */
void clock_init(struct clock_page *page, int64_t epoch_ns, int64_t lab_ns, int64_t mono_ns);
void clock_pause(struct clock_page *page, int64_t mono_ns);
void clock_resume(struct clock_page *page, int64_t mono_ns);
/* Lab time jumps forward by `by_ns` (never backward). */
void clock_advance(struct clock_page *page, int64_t by_ns, int64_t mono_ns);

/* The reader's side. */
struct clock_page clock_read(const struct clock_page *page); /* a consistent copy */
nsec_t clock_lab_now(const struct clock_page *page, int64_t mono_ns);
bool clock_is_paused(const struct clock_page *page);
int64_t clock_epoch(const struct clock_page *page);
/* The CLOCK_MONOTONIC time at which lab time `at_ns` will come; NEVER while paused. */
int64_t clock_mono_at(const struct clock_page *page, nsec_t at_ns);
/* Changes with every pause, resume and advance. */
uint32_t clock_course(const struct clock_page *page);

#endif
