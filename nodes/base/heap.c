#include "base/heap.h"

#include <stdlib.h>

/* Array heap: the children of place i are 2i + 1 and 2i + 2; timer->slot is place + 1. */

void timers_done(struct timer_heap *h)
{
	free(h->items);
	*h = (struct timer_heap){ 0 };
}

nsec_t timers_deadline(const struct timer_heap *h)
{
	return h->n ? h->items[0]->at_ns : NEVER;
}

static void place(struct timer_heap *h, size_t i, struct timer *t)
{
	h->items[i] = t;
	t->slot = i + 1;
}

static void sift_up(struct timer_heap *h, size_t i, struct timer *t)
{
	while (i > 0) {
		size_t parent = (i - 1) / 2;

		if (h->items[parent]->at_ns <= t->at_ns)
			break;
		place(h, i, h->items[parent]);
		i = parent;
	}
	place(h, i, t);
}

static void sift_down(struct timer_heap *h, size_t i, struct timer *t)
{
	size_t child;

	while ((child = 2 * i + 1) < h->n) {
		if (child + 1 < h->n && h->items[child + 1]->at_ns < h->items[child]->at_ns)
			child++;
		if (t->at_ns <= h->items[child]->at_ns)
			break;
		place(h, i, h->items[child]);
		i = child;
	}
	place(h, i, t);
}

/* Puts t where it belongs, starting at place i whose content may be overwritten. */
static void settle(struct timer_heap *h, size_t i, struct timer *t)
{
	if (i > 0 && t->at_ns < h->items[(i - 1) / 2]->at_ns)
		sift_up(h, i, t);
	else
		sift_down(h, i, t);
}

static void grow(struct timer_heap *h)
{
	size_t size = h->size ? 2 * h->size : 16;
	struct timer **items = reallocarray(h->items, size, sizeof(struct timer *));

	if (!items)
		abort();
	h->items = items;
	h->size = size;
}

void timer_set(struct timer_heap *h, struct timer *t, nsec_t at_ns)
{
	t->at_ns = at_ns;
	if (t->slot) {
		settle(h, t->slot - 1, t);
		return;
	}
	if (h->n == h->size)
		grow(h);
	h->n++;
	sift_up(h, h->n - 1, t);
}

void timer_clear(struct timer_heap *h, struct timer *t)
{
	size_t i = t->slot - 1;
	struct timer *last;

	if (!t->slot)
		return;
	t->slot = 0;
	last = h->items[--h->n];
	if (last != t)
		settle(h, i, last);
}

bool timer_is_set(const struct timer *t)
{
	return t->slot != 0;
}

struct timer *timers_pop(struct timer_heap *h, nsec_t now_ns)
{
	struct timer *t;

	if (timers_deadline(h) > now_ns || h->n == 0)
		return NULL;
	t = h->items[0];
	timer_clear(h, t);
	return t;
}
