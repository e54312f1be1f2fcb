#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/heap.h"
#include "base/rng.h"

enum { N = 2000 };

struct thing {
	int n;
	struct timer timer;
};

static void pops_in_order(void **state)
{
	static const nsec_t at[] = { 50, 10, 40, 10, 30, 20 };
	struct thing things[ARRAY_SIZE(at)] = { 0 };
	struct timer_heap h = { 0 };
	nsec_t last = 0;
	struct timer *t;
	unsigned n = 0;

	(void)state;
	assert_true(timers_deadline(&h) == NEVER);
	assert_null(timers_pop(&h, NEVER));
	for (size_t i = 0; i < ARRAY_SIZE(at); i++)
		timer_set(&h, &things[i].timer, at[i]);
	assert_true(timers_deadline(&h) == 10);
	assert_null(timers_pop(&h, 9));
	for (; (t = timers_pop(&h, 40)) != NULL; n++) {
		struct thing *owner = timer_owner(t, struct thing, timer);

		assert_true(owner >= things && owner < things + ARRAY_SIZE(at));
		assert_true(t->at_ns >= last);
		assert_false(timer_is_set(t));
		last = t->at_ns;
	}
	assert_int_equal(n, 5);
	assert_true(timers_deadline(&h) == 50);
	timers_done(&h);
}

static void moves_and_clears(void **state)
{
	struct thing a = { 0 }, b = { 0 };
	struct timer_heap h = { 0 };

	(void)state;
	timer_clear(&h, &a.timer);
	timer_set(&h, &a.timer, 10);
	timer_set(&h, &b.timer, 20);
	timer_set(&h, &a.timer, 30);
	assert_true(timers_deadline(&h) == 20);
	timer_set(&h, &a.timer, 5);
	assert_true(timers_deadline(&h) == 5);
	timer_clear(&h, &a.timer);
	timer_clear(&h, &a.timer);
	assert_false(timer_is_set(&a.timer));
	assert_true(timers_deadline(&h) == 20);
	timer_clear(&h, &b.timer);
	assert_true(timers_deadline(&h) == NEVER);
	timers_done(&h);
}

/* Against the plain way: a walk over all. */
static nsec_t earliest(const struct thing *things)
{
	nsec_t best = NEVER;

	for (int i = 0; i < N; i++)
		if (timer_is_set(&things[i].timer) && things[i].timer.at_ns < best)
			best = things[i].timer.at_ns;
	return best;
}

static void agrees_with_a_walk(void **state)
{
	struct thing *things = calloc(N, sizeof(*things));
	struct timer_heap h = { 0 };
	struct rng rng;

	(void)state;
	rng_seed(&rng, 1);
	for (int step = 0; step < 20000; step++) {
		struct timer *t = &things[rng_below(&rng, N)].timer;
		uint32_t what = rng_below(&rng, 4);

		if (what == 0)
			timer_clear(&h, t);
		else if (what == 1)
			timers_pop(&h, rng_below(&rng, 1000));
		else
			timer_set(&h, t, rng_below(&rng, 1000));
		if (step % 16 == 0)
			assert_true(timers_deadline(&h) == earliest(things));
	}
	timers_done(&h);
	free(things);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pops_in_order),
		cmocka_unit_test(moves_and_clears),
		cmocka_unit_test(agrees_with_a_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
