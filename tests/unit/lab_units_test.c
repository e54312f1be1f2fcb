#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "labd/lab/units.h"

struct row {
	const char *text;
	int result;
	int64_t value;
};

// clang-format off
static const struct row durations[] = {
	{ "10ms", 0, 10 * MSEC }, { "5us", 0, 5 * USEC }, { "5\xc2\xb5s", 0, 5 * USEC },
	{ "2s", 0, 2 * SEC }, { "1.5s", 0, 1500 * MSEC }, { "0.000001ms", 0, 1 }, { "7ns", 0, 7 },
	{ "1m30s", 0, 90 * SEC }, { "2 min", 0, 120 * SEC }, { "1h", 0, 3600 * SEC },
	{ "1H30M", 0, 5400 * SEC }, { "1h 30m", -EINVAL, 0 }, { "0", 0, 0 }, { "0.0", 0, 0 }, { "0s", 0, 0 },
	{ "9223372036s", 0, 9223372036 * SEC },
	{ "9223372037s", -ERANGE, 0 }, { "99999999999999999999s", -ERANGE, 0 },
	{ "9223372036s1s", -ERANGE, 0 }, { "0.0000001s", -ERANGE, 0 },
	{ "", -EINVAL, 0 }, { "5", -EINVAL, 0 }, { "ms", -EINVAL, 0 }, { "-5ms", -EINVAL, 0 },
	{ "5 parsecs", -EINVAL, 0 }, { "5ms!", -EINVAL, 0 }, { "5.ms", -EINVAL, 0 },
	{ ".5s", -EINVAL, 0 }, { " 5s", -EINVAL, 0 }, { "1,5s", -EINVAL, 0 }, { "1e3s", -EINVAL, 0 },
};
static const struct row percents[] = {
	{ "0.5%", 0, 5000000 }, { "100%", 0, 1000000000 }, { "0%", 0, 0 }, { "0", 0, 0 },
	{ "0.000001%", 0, 10 }, { "33.333333%", 0, 333333330 }, { "1 %", 0, 10000000 },
	{ "100.000001%", -ERANGE, 0 }, { "0.0000001%", -ERANGE, 0 },
	{ "0.5", -EINVAL, 0 }, { "1", -EINVAL, 0 }, { "%", -EINVAL, 0 }, { "1%%", -EINVAL, 0 },
	{ "-1%", -EINVAL, 0 }, { "", -EINVAL, 0 },
};
static const struct row rates[] = {
	{ "10mbit", 0, 10000000 }, { "1gbit", 0, 1000000000 }, { "100kbit", 0, 100000 },
	{ "1.5Mbps", 0, 1500000 }, { "64 kbit/s", 0, 64000 }, { "9600bps", 0, 9600 },
	{ "99999999999gbit", -ERANGE, 0 },
	{ "10", -EINVAL, 0 }, { "10mb", -EINVAL, 0 }, { "10mbit/m", -EINVAL, 0 }, { "", -EINVAL, 0 },
};
static const struct row sizes[] = {
	{ "64KiB", 0, 65536 }, { "2GiB", 0, 2147483648 }, { "1500", 0, 1500 }, { "1500B", 0, 1500 },
	{ "256 bytes", 0, 256 }, { "10MB", 0, 10000000 }, { "1.5kib", 0, 1536 },
	{ "1TiB", 0, 1099511627776 },
	{ "99999999999TiB", -ERANGE, 0 },
	{ "64KiBs", -EINVAL, 0 }, { "x", -EINVAL, 0 }, { "", -EINVAL, 0 }, { "-1", -EINVAL, 0 },
};
static const struct row times[] = {
	{ "1970-01-01T00:00:00Z", 0, 0 },
	{ "2026-01-01T08:00:00Z", 0, 1767254400 * SEC },
	{ "2026-01-01 08:00:00z", 0, 1767254400 * SEC },
	{ "2026-01-01T10:30:00+02:30", 0, 1767254400 * SEC },
	{ "2026-01-01T03:00:00-05:00", 0, 1767254400 * SEC },
	{ "2026-01-01T08:00:00.5Z", 0, 1767254400 * SEC + 500 * MSEC },
	{ "2026-01-01T08:00:00.123456789Z", 0, 1767254400 * SEC + 123456789 },
	{ "2026-01-01T08:00:00.1234567899Z", 0, 1767254400 * SEC + 123456789 },
	{ "2000-02-29T00:00:00Z", 0, 951782400 * SEC },
	{ "2024-12-31T23:59:59Z", 0, 1735689599 * SEC },
	{ "2100-03-01T00:00:00Z", 0, 4107542400 * SEC },
	{ "2261-12-31T23:59:59Z", 0, 9214646399 * SEC },
	{ "2262-01-01T00:00:00Z", -ERANGE, 0 }, { "1969-12-31T23:59:59Z", -ERANGE, 0 },
	{ "1970-01-01T00:00:00+00:01", -ERANGE, 0 },
	{ "2026-02-29T00:00:00Z", -EINVAL, 0 }, { "2100-02-29T00:00:00Z", -EINVAL, 0 },
	{ "2026-13-01T00:00:00Z", -EINVAL, 0 }, { "2026-00-01T00:00:00Z", -EINVAL, 0 },
	{ "2026-04-31T00:00:00Z", -EINVAL, 0 }, { "2026-01-00T00:00:00Z", -EINVAL, 0 },
	{ "2026-01-01T24:00:00Z", -EINVAL, 0 }, { "2026-01-01T08:60:00Z", -EINVAL, 0 },
	{ "2026-01-01T08:00:60Z", -EINVAL, 0 }, { "2026-01-01T08:00:00", -EINVAL, 0 },
	{ "2026-01-01T08:00Z", -EINVAL, 0 }, { "2026-01-01", -EINVAL, 0 },
	{ "2026-01-01T08:00:00Zulu", -EINVAL, 0 }, { "2026-01-01T08:00:00.Z", -EINVAL, 0 },
	{ "2026-01-01T08:00:00+24:00", -EINVAL, 0 }, { "2026-01-01T08:00:00+0200", -EINVAL, 0 },
	{ "2026-1-1T08:00:00Z", -EINVAL, 0 }, { "", -EINVAL, 0 }, { "now", -EINVAL, 0 },
};
// clang-format on

enum { UNTOUCHED = 77 };

static void check(const struct row *row, int result, int64_t value)
{
	if (result != row->result)
		fail_msg("'%s': result %d", row->text, result);
	if (value != (row->result == 0 ? row->value : UNTOUCHED))
		fail_msg("'%s': value %lld", row->text, (long long)value);
}

static void durations_are_nanoseconds(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(durations); i++) {
		nsec_t value = UNTOUCHED;
		int result = parse_duration(durations[i].text, &value);

		check(&durations[i], result, value);
	}
}

static void percents_are_parts_per_billion(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(percents); i++) {
		uint32_t value = UNTOUCHED;
		int result = parse_percent(percents[i].text, &value);

		check(&percents[i], result, value);
	}
}

static void rates_are_bits_a_second(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		uint64_t value = UNTOUCHED;
		int result = parse_rate(rates[i].text, &value);

		check(&rates[i], result, (int64_t)value);
	}
}

static void sizes_are_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t value = UNTOUCHED;
		int result = parse_size(sizes[i].text, &value);

		check(&sizes[i], result, (int64_t)value);
	}
}

static void times_are_nanoseconds_since_1970(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		int64_t value = UNTOUCHED;
		int result = parse_time(times[i].text, &value);

		check(&times[i], result, value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_are_nanoseconds),
		cmocka_unit_test(percents_are_parts_per_billion),
		cmocka_unit_test(rates_are_bits_a_second),
		cmocka_unit_test(sizes_are_bytes),
		cmocka_unit_test(times_are_nanoseconds_since_1970),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
