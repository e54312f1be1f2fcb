/* heap.h: many deadlines, the earliest in O(1).
 *
 * An intrusive binary heap: the timed object embeds a struct timer. Not set = not in the heap.
 * The heap holds pointers; an object must be removed before it is freed. */
#ifndef LABD_BASE_HEAP_H
#define LABD_BASE_HEAP_H

#include "base/types.h"

struct timer {
	nsec_t at_ns;
	size_t slot; /* place in the heap + 1; 0 = not set */
};

struct timer_heap {
	struct timer **items;
	size_t n;
	size_t size;
};

void timers_done(struct timer_heap *h);
nsec_t timers_deadline(const struct timer_heap *h);		     /* NEVER when empty */
void timer_set(struct timer_heap *h, struct timer *t, nsec_t at_ns); /* also moves */
void timer_clear(struct timer_heap *h, struct timer *t);
bool timer_is_set(const struct timer *t);
/* Takes out and returns the earliest timer due at `now_ns`, or NULL. */
struct timer *timers_pop(struct timer_heap *h, nsec_t now_ns);

#define timer_owner(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
