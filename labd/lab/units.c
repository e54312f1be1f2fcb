#include "labd/lab/units.h"
#include "labd/lab/spec.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

enum { DECIMALS_MAX = 6 };

struct unit {
	const char *name;
	uint64_t factor; /* below 2^43, so that 10^6 of them fit 64 bits */
};

// clang-format off
static const struct unit durations[] = {
	{ "ns", NSEC }, { "us", USEC }, { "\xc2\xb5s", USEC }, { "ms", MSEC }, { "s", SEC },
	{ "m", 60 * SEC }, { "min", 60 * SEC }, { "h", 3600 * SEC }, { NULL, 0 },
};
static const struct unit percents[] = { { "%", PPB_PERCENT }, { NULL, 0 } };
static const struct unit rates[] = {
	{ "bit", 1 }, { "kbit", 1000 }, { "mbit", 1000000 }, { "gbit", 1000000000 },
	{ "bps", 1 }, { "kbps", 1000 }, { "mbps", 1000000 }, { "gbps", 1000000000 },
	{ "bit/s", 1 }, { "kbit/s", 1000 }, { "mbit/s", 1000000 }, { "gbit/s", 1000000000 },
	{ NULL, 0 },
};
static const struct unit sizes[] = {
	{ "", 1 }, { "b", 1 }, { "byte", 1 }, { "bytes", 1 },
	{ "kb", 1000 }, { "mb", 1000000 }, { "gb", 1000000000 }, { "tb", 1000000000000 },
	{ "kib", 1ull << 10 }, { "mib", 1ull << 20 }, { "gib", 1ull << 30 }, { "tib", 1ull << 40 },
	{ NULL, 0 },
};
// clang-format on

struct decimal {
	uint64_t whole;
	uint64_t part; /* |decimals| digits after the point */
	unsigned int decimals;
};

static int take_decimal(const char **at, struct decimal *ret)
{
	struct decimal d = { 0 };
	const char *p = *at;

	if (!isdigit((unsigned char)*p))
		return -EINVAL;
	for (; isdigit((unsigned char)*p); p++)
		if (__builtin_mul_overflow(d.whole, 10, &d.whole) ||
		    __builtin_add_overflow(d.whole, (uint64_t)(*p - '0'), &d.whole))
			return -ERANGE;
	if (*p == '.') {
		p++;
		if (!isdigit((unsigned char)*p))
			return -EINVAL;
		for (; isdigit((unsigned char)*p); p++, d.decimals++) {
			if (d.decimals == DECIMALS_MAX)
				return -ERANGE;
			d.part = d.part * 10 + (uint64_t)(*p - '0');
		}
	}
	*at = p;
	*ret = d;
	return 0;
}

static int scale(const struct decimal *d, uint64_t factor, uint64_t *ret)
{
	uint64_t whole, part = d->part * factor;

	if (__builtin_mul_overflow(d->whole, factor, &whole))
		return -ERANGE;
	for (unsigned int i = 0; i < d->decimals; i++)
		part /= 10;
	if (__builtin_add_overflow(whole, part, &whole))
		return -ERANGE;
	*ret = whole;
	return 0;
}

/* Letters, '%', '/' and bytes beyond ASCII (the micro sign). */
static size_t unit_length(const char *p)
{
	size_t len = 0;

	while (isalpha((unsigned char)p[len]) || p[len] == '%' || p[len] == '/' ||
	       (unsigned char)p[len] >= 0x80)
		len++;
	return len;
}

static const struct unit *take_unit(const char **at, const struct unit *units)
{
	const char *p = *at + strspn(*at, " ");
	size_t len = unit_length(p);

	for (; units->name; units++)
		if (strlen(units->name) == len && strncasecmp(units->name, p, len) == 0) {
			*at = p + len;
			return units;
		}
	return NULL;
}

/* One number and its unit. */
static int take_quantity(const char **at, const struct unit *units, uint64_t *ret)
{
	const struct unit *unit;
	const char *p = *at;
	struct decimal d;
	int r = take_decimal(&p, &d);

	if (r < 0)
		return r;
	unit = take_unit(&p, units);
	if (!unit) {
		if (*p || d.whole || d.part)
			return -EINVAL;
		*at = p;
		*ret = 0;
		return 0;
	}
	*at = p;
	return scale(&d, unit->factor, ret);
}

static int parse_quantity(const char *text, const struct unit *units, uint64_t *ret)
{
	uint64_t value;
	int r = take_quantity(&text, units, &value);

	if (r < 0)
		return r;
	if (*text)
		return -EINVAL;
	*ret = value;
	return 0;
}

int parse_duration(const char *text, nsec_t *ret_ns)
{
	uint64_t sum = 0, value;

	do {
		int r = take_quantity(&text, durations, &value);

		if (r < 0)
			return r;
		if (__builtin_add_overflow(sum, value, &sum) || sum > INT64_MAX)
			return -ERANGE;
	} while (*text);
	*ret_ns = (nsec_t)sum;
	return 0;
}

int parse_percent(const char *text, uint32_t *ret_ppb)
{
	uint64_t value;
	int r = parse_quantity(text, percents, &value);

	if (r < 0)
		return r;
	if (value > PPB_ONE)
		return -ERANGE;
	*ret_ppb = (uint32_t)value;
	return 0;
}

int parse_rate(const char *text, uint64_t *ret_bps)
{
	return parse_quantity(text, rates, ret_bps);
}

int parse_size(const char *text, uint64_t *ret_bytes)
{
	return parse_quantity(text, sizes, ret_bytes);
}

/* Exactly |n| digits. */
static int take_digits(const char **at, unsigned int n, int *ret)
{
	int value = 0;

	for (unsigned int i = 0; i < n; i++, (*at)++) {
		if (!isdigit((unsigned char)**at))
			return -EINVAL;
		value = value * 10 + (**at - '0');
	}
	*ret = value;
	return 0;
}

static bool take_char(const char **at, const char *one_of)
{
	if (**at == '\0' || !strchr(one_of, **at))
		return false;
	(*at)++;
	return true;
}

static int take_fraction(const char **at, int64_t *ret_ns)
{
	int64_t unit = SEC / 10;

	*ret_ns = 0;
	if (!take_char(at, "."))
		return 0;
	if (!isdigit((unsigned char)**at))
		return -EINVAL;
	for (; isdigit((unsigned char)**at); (*at)++, unit /= 10)
		*ret_ns += unit * (**at - '0');
	return 0;
}

static int take_offset(const char **at, int64_t *ret_s)
{
	int sign = **at == '-' ? -1 : 1;
	int hours, minutes;

	*ret_s = 0;
	if (take_char(at, "Zz"))
		return 0;
	if (!take_char(at, "+-") || take_digits(at, 2, &hours) < 0 || !take_char(at, ":") ||
	    take_digits(at, 2, &minutes) < 0 || hours > 23 || minutes > 59)
		return -EINVAL;
	*ret_s = sign * (hours * 3600 + minutes * 60);
	return 0;
}

static int days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

/* Days since 1970-01-01, for 1970 and later. */
static int64_t days_since_epoch(int year, int month, int day)
{
	int before = year - 1;
	int64_t days = 365 * (int64_t)(year - 1970) + (before / 4 - 1969 / 4) -
		       (before / 100 - 1969 / 100) + (before / 400 - 1969 / 400);

	for (int m = 1; m < month; m++)
		days += days_in_month(year, m);
	return days + day - 1;
}

static int take_date(const char **at, int64_t *ret_days)
{
	int year, month, day;

	if (take_digits(at, 4, &year) < 0 || !take_char(at, "-") ||
	    take_digits(at, 2, &month) < 0 || !take_char(at, "-") || take_digits(at, 2, &day) < 0)
		return -EINVAL;
	if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
		return -EINVAL;
	if (year < 1970 || year > 2261) /* 64 bits of nanoseconds end in 2262 */
		return -ERANGE;
	*ret_days = days_since_epoch(year, month, day);
	return 0;
}

int parse_time(const char *text, int64_t *ret_ns)
{
	int hour, minute, second;
	int64_t days, fraction_ns, offset_s, ns;
	int r = take_date(&text, &days);

	if (r < 0)
		return r;
	if (!take_char(&text, "Tt ") || take_digits(&text, 2, &hour) < 0 ||
	    !take_char(&text, ":") || take_digits(&text, 2, &minute) < 0 ||
	    !take_char(&text, ":") || take_digits(&text, 2, &second) < 0 ||
	    take_fraction(&text, &fraction_ns) < 0 || take_offset(&text, &offset_s) < 0 || *text)
		return -EINVAL;
	if (hour > 23 || minute > 59 || second > 59)
		return -EINVAL;
	ns = ((days * 24 + hour) * 3600 + minute * 60 + second - offset_s) * SEC + fraction_ns;
	if (ns < 0)
		return -ERANGE;
	*ret_ns = ns;
	return 0;
}
