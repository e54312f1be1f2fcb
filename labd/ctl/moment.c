#include "labd/ctl/moment.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/sbuf.h"
#include "base/types.h"

#define DAY (86400 * SEC)

enum moment_kind moment_kind(const char *column)
{
	static const char *const lab[] = {
		"time_ns", "since_ns", "until_ns", "first_ns", "last_ns",
		"at_ns",   "begin_ns", "end_ns",   "start_ns", "next_ns",
		"since",   "until",    "expires",  "renews",   "rebinds"
	};
	static const char *const unix_time[] = { "wall_ns", "epoch_ns", "started_wall_ns" };
	size_t len = strlen(column);

	for (size_t i = 0; i < ARRAY_SIZE(lab); i++)
		if (strcmp(column, lab[i]) == 0)
			return MOMENT_LAB;
	for (size_t i = 0; i < ARRAY_SIZE(unix_time); i++)
		if (strcmp(column, unix_time[i]) == 0)
			return MOMENT_UNIX;
	return len > 3 && strcmp(column + len - 3, "_ns") == 0 ? MOMENT_DURATION : MOMENT_NONE;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static void put_time(struct sbuf *out, int64_t unix_ns, bool date)
{
	time_t s = (time_t)floor_div(unix_ns, SEC);
	char text[64];
	struct tm tm;

	if (!gmtime_r(&s, &tm)) {
		sbuf_printf(out, "%" PRId64, unix_ns);
		return;
	}
	strftime(text, sizeof(text), date ? "%Y-%m-%d %H:%M:%S" : "%H:%M:%S", &tm);
	sbuf_printf(out, "%s.%06d", text, (int)((unix_ns - (int64_t)s * SEC) / USEC));
}

void moment_unix(struct sbuf *out, int64_t unix_ns)
{
	put_time(out, unix_ns, true);
}

void moment_lab(struct sbuf *out, int64_t lab_ns, int64_t epoch_ns)
{
	int64_t at;

	if (__builtin_add_overflow(lab_ns, epoch_ns, &at))
		sbuf_puts(out, "never");
	else if (floor_div(at, DAY) == floor_div(epoch_ns, DAY))
		put_time(out, at, false);
	else
		moment_unix(out, at);
}

/* Up to three digits that say something. */
static void put_unit(struct sbuf *out, double value, const char *unit)
{
	sbuf_printf(out, "%.3g %s", value, unit);
}

void moment_duration(struct sbuf *out, int64_t ns)
{
	uint64_t size = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
	uint64_t s = size / SEC;

	if (ns < 0)
		sbuf_puts(out, "-");
	if (size < USEC)
		sbuf_printf(out, "%" PRIu64 " ns", size);
	else if (size < 999500) /* else it would be shown as 1e+03 us */
		put_unit(out, (double)size / USEC, "us");
	else if (size < 999500 * USEC)
		put_unit(out, (double)size / MSEC, "ms");
	else if (s < 100)
		put_unit(out, (double)size / SEC, "s");
	else if (s < 3600)
		sbuf_printf(out, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
	else if (s < 86400)
		sbuf_printf(out, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s / 60 % 60);
	else
		sbuf_printf(out, "%" PRIu64 " d %" PRIu64 " h", s / 86400, s / 3600 % 24);
}

void moment_put(struct sbuf *out, enum moment_kind kind, int64_t ns, int64_t epoch_ns)
{
	switch (kind) {
	case MOMENT_NONE:
		sbuf_printf(out, "%" PRId64, ns);
		return;
	case MOMENT_LAB:
		moment_lab(out, ns, epoch_ns);
		return;
	case MOMENT_UNIX:
		moment_unix(out, ns);
		return;
	case MOMENT_DURATION:
		moment_duration(out, ns);
		return;
	}
}
