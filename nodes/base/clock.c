#include "base/clock.h"

/* The writer holds the page for a few stores only, so this never spins long. */
struct clock_page clock_read(const struct clock_page *page)
{
	struct clock_page copy;
	uint32_t seq;

	do {
		do {
			seq = __atomic_load_n(&page->seq, __ATOMIC_ACQUIRE);
		} while (seq & 1);
		copy.seq = seq;
		copy.paused = __atomic_load_n(&page->paused, __ATOMIC_RELAXED);
		copy.lab_ns = __atomic_load_n(&page->lab_ns, __ATOMIC_RELAXED);
		copy.mono_ns = __atomic_load_n(&page->mono_ns, __ATOMIC_RELAXED);
		copy.epoch_ns = __atomic_load_n(&page->epoch_ns, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (__atomic_load_n(&page->seq, __ATOMIC_RELAXED) != seq);
	return copy;
}

static void page_write(struct clock_page *page, const struct clock_page *next)
{
	uint32_t seq = __atomic_load_n(&page->seq, __ATOMIC_RELAXED);

	__atomic_store_n(&page->seq, seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&page->paused, next->paused, __ATOMIC_RELAXED);
	__atomic_store_n(&page->lab_ns, next->lab_ns, __ATOMIC_RELAXED);
	__atomic_store_n(&page->mono_ns, next->mono_ns, __ATOMIC_RELAXED);
	__atomic_store_n(&page->epoch_ns, next->epoch_ns, __ATOMIC_RELAXED);
	__atomic_store_n(&page->seq, seq + 2, __ATOMIC_RELEASE);
}

static nsec_t lab_now(const struct clock_page *copy, int64_t mono_ns)
{
	return copy->paused ? copy->lab_ns : copy->lab_ns + (mono_ns - copy->mono_ns);
}

/* Starts a new course at `lab_ns`. */
static void restart(struct clock_page *page, nsec_t lab_ns, int64_t mono_ns, bool paused)
{
	struct clock_page next = clock_read(page);

	next.lab_ns = lab_ns;
	next.mono_ns = mono_ns;
	next.paused = paused;
	page_write(page, &next);
}

void clock_init(struct clock_page *page, int64_t epoch_ns, int64_t lab_ns, int64_t mono_ns)
{
	struct clock_page first = { .lab_ns = lab_ns, .mono_ns = mono_ns, .epoch_ns = epoch_ns };

	page->seq = 0;
	page_write(page, &first);
}

void clock_pause(struct clock_page *page, int64_t mono_ns)
{
	restart(page, clock_lab_now(page, mono_ns), mono_ns, true);
}

void clock_resume(struct clock_page *page, int64_t mono_ns)
{
	restart(page, clock_lab_now(page, mono_ns), mono_ns, false);
}

void clock_advance(struct clock_page *page, int64_t by_ns, int64_t mono_ns)
{
	struct clock_page copy = clock_read(page);

	if (by_ns > 0)
		restart(page, lab_now(&copy, mono_ns) + by_ns, mono_ns, copy.paused);
}

nsec_t clock_lab_now(const struct clock_page *page, int64_t mono_ns)
{
	struct clock_page copy = clock_read(page);

	return lab_now(&copy, mono_ns);
}

bool clock_is_paused(const struct clock_page *page)
{
	return clock_read(page).paused;
}

int64_t clock_epoch(const struct clock_page *page)
{
	return clock_read(page).epoch_ns;
}

int64_t clock_mono_at(const struct clock_page *page, nsec_t at_ns)
{
	struct clock_page copy = clock_read(page);

	if (copy.paused || at_ns == NEVER)
		return NEVER;
	return copy.mono_ns + (at_ns - copy.lab_ns);
}

uint32_t clock_course(const struct clock_page *page)
{
	return clock_read(page).seq;
}
