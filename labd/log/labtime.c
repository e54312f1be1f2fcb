#include "labd/log/labtime.h"

#include <string.h>
#include <time.h>

#define OFFSET_STEP_NS (2 * USEC)

static int64_t now_of(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * SEC + ts.tv_nsec;
}

int64_t labtime_wall_now(void)
{
	return now_of(CLOCK_REALTIME);
}

int64_t labtime_mono_now(void)
{
	return now_of(CLOCK_MONOTONIC);
}

static void add_course(struct labtime *t, const struct clock_page *course)
{
	if (t->n == LABTIME_COURSES) {
		memmove(t->courses, t->courses + 1, (LABTIME_COURSES - 1) * sizeof(t->courses[0]));
		t->n--;
	}
	t->courses[t->n++] = *course;
}

/* The two clocks are read one after the other; of three tries the quickest is the best. */
static int64_t sample_offset(void)
{
	int64_t best = INT64_MAX, offset = 0;

	for (int i = 0; i < 3; i++) {
		int64_t before = labtime_mono_now();
		int64_t wall = labtime_wall_now();
		int64_t took = labtime_mono_now() - before;

		if (took < best) {
			best = took;
			offset = wall - before - took / 2;
		}
	}
	return offset;
}

void labtime_init(struct labtime *t, const struct clock_page *page, int64_t started_wall_ns)
{
	struct clock_page course = { 0 };

	*t = (struct labtime){ .page = page };
	t->wall_minus_mono_ns = sample_offset();
	if (page)
		course = clock_read(page);
	else
		course.mono_ns = started_wall_ns - t->wall_minus_mono_ns;
	add_course(t, &course);
}

void labtime_update(struct labtime *t)
{
	int64_t offset = sample_offset();
	struct clock_page now;

	/* Not for every tremble of the measurement: runs of packets share the difference. */
	if (offset > t->wall_minus_mono_ns + OFFSET_STEP_NS ||
	    offset < t->wall_minus_mono_ns - OFFSET_STEP_NS)
		t->wall_minus_mono_ns = offset;
	if (!t->page)
		return;
	now = clock_read(t->page);
	if (now.seq != t->courses[t->n - 1].seq)
		add_course(t, &now);
}

static nsec_t at_mono(const struct labtime *t, int64_t mono_ns)
{
	unsigned i = t->n - 1;
	const struct clock_page *c;

	while (i > 0 && t->courses[i].mono_ns > mono_ns)
		i--;
	c = &t->courses[i];
	return c->paused ? c->lab_ns : c->lab_ns + (mono_ns - c->mono_ns);
}

nsec_t labtime_of_wall(const struct labtime *t, int64_t wall_ns)
{
	return at_mono(t, wall_ns - t->wall_minus_mono_ns);
}

nsec_t labtime_now(const struct labtime *t)
{
	return at_mono(t, labtime_mono_now());
}
