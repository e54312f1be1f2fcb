#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"

#define EPOCH (1767254400 * SEC)

static void runs_with_the_monotonic_clock(void **state)
{
	struct clock_page page;

	(void)state;
	clock_init(&page, EPOCH, 0, 1000 * SEC);
	assert_int_equal(clock_lab_now(&page, 1000 * SEC), 0);
	assert_int_equal(clock_lab_now(&page, 1003 * SEC), 3 * SEC);
	assert_int_equal(clock_mono_at(&page, 5 * SEC), 1005 * SEC);
	assert_int_equal(clock_mono_at(&page, NEVER), NEVER);
	assert_int_equal(clock_epoch(&page), EPOCH);
}

static void stands_still_while_paused(void **state)
{
	struct clock_page page;
	uint32_t course;

	(void)state;
	clock_init(&page, EPOCH, 0, 1000 * SEC);
	course = clock_course(&page);
	clock_pause(&page, 1002 * SEC);
	assert_true(clock_is_paused(&page));
	assert_int_not_equal(clock_course(&page), course);
	assert_int_equal(clock_lab_now(&page, 1009 * SEC), 2 * SEC);
	assert_int_equal(clock_mono_at(&page, 3 * SEC), NEVER);
	clock_advance(&page, 4 * SEC, 1009 * SEC);
	assert_int_equal(clock_lab_now(&page, 1010 * SEC), 6 * SEC);
	clock_resume(&page, 1020 * SEC);
	assert_false(clock_is_paused(&page));
	assert_int_equal(clock_lab_now(&page, 1021 * SEC), 7 * SEC);
}

static void jumps_forward_only(void **state)
{
	struct clock_page page;

	(void)state;
	clock_init(&page, EPOCH, 10 * SEC, 0);
	clock_advance(&page, 3600 * SEC, 1 * SEC);
	assert_int_equal(clock_lab_now(&page, 2 * SEC), 3612 * SEC);
	clock_advance(&page, -1, 2 * SEC);
	assert_int_equal(clock_lab_now(&page, 2 * SEC), 3612 * SEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_with_the_monotonic_clock),
		cmocka_unit_test(stands_still_while_paused),
		cmocka_unit_test(jumps_forward_only),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
