#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/pages.h"

#define PAGES 64

/* How many of them are in memory. */
static unsigned resident(void *at, size_t octets)
{
	unsigned char in[PAGES];
	unsigned n = 0;

	assert_int_equal(mincore(at, octets, in), 0);
	for (size_t i = 0; i < octets / (size_t)getpagesize(); i++)
		n += in[i] & 1;
	return n;
}

static void a_page_is_taken_when_it_is_written(void **state)
{
	size_t page = (size_t)getpagesize(), octets = PAGES * page;
	uint8_t *p = pages_new(octets);

	(void)state;
	assert_non_null(p);
	assert_int_equal(resident(p, octets), 0);
	p[5 * page] = 1;
	assert_int_equal(resident(p, octets), 1);
	for (size_t i = 0; i < octets; i++)
		assert_int_equal(p[i], i == 5 * page);
	pages_free(p, octets);
	pages_free(NULL, octets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_is_taken_when_it_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
