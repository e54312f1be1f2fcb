/* The values of fields: dates, entity tags, byte ranges, credentials. */
#include "http/http_wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"

/* --- dates (RFC 9110 §5.6.7) ------------------------------------------------------------------ */

static const char week[7][10] = { "Sunday",   "Monday", "Tuesday", "Wednesday",
				  "Thursday", "Friday", "Saturday" };
static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
				    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

struct civil {
	int64_t year;
	int month, day; /* month 0-11, day 1-31 */
};

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Days since 1970-01-01 in the Gregorian calendar, counted in years that begin on 1 March, so that
 * the leap day is the last one of its year. */
static int64_t days_of(struct civil c)
{
	int64_t y = c.year - (c.month < 2);
	int64_t era = floor_div(y, 400), of_era = y - era * 400;
	int64_t of_year = (153 * ((c.month + 10) % 12) + 2) / 5 + c.day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static struct civil civil_of(int64_t days)
{
	int64_t z = days + 719468, era = floor_div(z, 146097), of_era = z - era * 146097;
	int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * y + y / 4 - y / 100), m = (5 * of_year + 2) / 153;
	struct civil c = { .day = (int)(of_year - (153 * m + 2) / 5 + 1),
			   .month = (int)((m + 2) % 12) };

	c.year = y + era * 400 + (c.month < 2);
	return c;
}

void http_date_format(int64_t unix_s, char out[static HTTP_DATE_LEN])
{
	int64_t days, s;
	struct civil c;

	/* The format has four digits for the year. */
	unix_s = unix_s < 0 ? 0 : unix_s > 253402300799 ? 253402300799 : unix_s;
	days = unix_s / 86400;
	s = unix_s % 86400;
	c = civil_of(days);
	snprintf(out, HTTP_DATE_LEN, "%.3s, %02d %s %04d %02d:%02d:%02d GMT", week[(days + 4) % 7],
		 c.day, months[c.month], (int)c.year, (int)(s / 3600), (int)(s / 60 % 60),
		 (int)(s % 60));
}

struct words {
	const char *p, *end;
	bool err;
};

static void expect(struct words *w, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(w->end - w->p) < len || memcmp(w->p, text, len) != 0)
		w->err = true;
	else
		w->p += len;
}

static int number(struct words *w, unsigned digits)
{
	int v = 0;

	for (; digits > 0; digits--) {
		if (w->err || w->p == w->end || *w->p < '0' || *w->p > '9') {
			w->err = true;
			return 0;
		}
		v = v * 10 + (*w->p++ - '0');
	}
	return v;
}

static int month(struct words *w)
{
	for (int i = 0; i < 12; i++)
		if (w->end - w->p >= 3 && memcmp(w->p, months[i], 3) == 0) {
			w->p += 3;
			return i;
		}
	w->err = true;
	return 0;
}

/* A day's full name leads an RFC 850 date; three letters lead the other two. */
static bool weekday(struct words *w, bool *ret_full)
{
	for (int i = 0; i < 7; i++) {
		size_t full = strlen(week[i]), left = (size_t)(w->end - w->p);

		if (left >= full && memcmp(w->p, week[i], full) == 0) {
			*ret_full = true;
			w->p += full;
			return true;
		}
		if (left >= 3 && memcmp(w->p, week[i], 3) == 0) {
			*ret_full = false;
			w->p += 3;
			return true;
		}
	}
	return false;
}

static int64_t time_of_day(struct words *w)
{
	int h = number(w, 2), m, s;

	expect(w, ":");
	m = number(w, 2);
	expect(w, ":");
	s = number(w, 2);
	if (h > 23 || m > 59 || s > 60) /* 60: a leap second */
		w->err = true;
	return h * 3600 + m * 60 + s;
}

/* 06-Nov-94: a year that seems more than 50 years ahead is in the past (RFC 9110 §5.6.7). */
static int64_t century(int two_digits, int64_t now_s)
{
	int64_t year_now = civil_of(floor_div(now_s, 86400)).year;
	int64_t year = floor_div(year_now, 100) * 100 + two_digits;

	return year > year_now + 50 ? year - 100 : year;
}

static int64_t rfc850_rest(struct words *w, int64_t now_s, struct civil *c)
{
	int64_t s;

	expect(w, ", ");
	c->day = number(w, 2);
	expect(w, "-");
	c->month = month(w);
	expect(w, "-");
	c->year = century(number(w, 2), now_s);
	expect(w, " ");
	s = time_of_day(w);
	expect(w, " GMT");
	return s;
}

static int64_t fixdate_rest(struct words *w, struct civil *c)
{
	int64_t s;

	expect(w, ", ");
	c->day = number(w, 2);
	expect(w, " ");
	c->month = month(w);
	expect(w, " ");
	c->year = number(w, 4);
	expect(w, " ");
	s = time_of_day(w);
	expect(w, " GMT");
	return s;
}

static int64_t asctime_rest(struct words *w, struct civil *c)
{
	int64_t s;

	expect(w, " ");
	c->month = month(w);
	expect(w, " ");
	if (w->p < w->end && *w->p == ' ') {
		w->p++;
		c->day = number(w, 1);
	} else {
		c->day = number(w, 2);
	}
	expect(w, " ");
	s = time_of_day(w);
	expect(w, " ");
	c->year = number(w, 4);
	return s;
}

int http_date_parse(struct http_str text, int64_t now_s, int64_t *ret_unix_s)
{
	struct words w = { text.p, text.p + text.len, false };
	struct civil c = { .day = 1 };
	bool full;
	int64_t s;

	if (!weekday(&w, &full))
		return -EINVAL;
	if (full)
		s = rfc850_rest(&w, now_s, &c);
	else if (w.p < w.end && *w.p == ',')
		s = fixdate_rest(&w, &c);
	else
		s = asctime_rest(&w, &c);
	if (w.err || w.p != w.end || c.day < 1 || c.day > 31)
		return -EINVAL;
	*ret_unix_s = days_of(c) * 86400 + s;
	return 0;
}

/* --- entity tags and ranges ------------------------------------------------------------------- */

static bool is_weak(const char *tag, size_t len)
{
	return len > 2 && tag[0] == 'W' && tag[1] == '/';
}

bool http_etag_in_list(struct http_str list, const char *etag, bool weak)
{
	bool own_weak = is_weak(etag, strlen(etag));
	struct http_str item;

	while (http_list_next(&list, &item)) {
		bool w = is_weak(item.p, item.len);

		if (http_str_is(item, "*"))
			return true;
		if ((w || own_weak) && !weak)
			continue;
		if (w)
			item.p += 2, item.len -= 2;
		if (http_str_is(item, own_weak ? etag + 2 : etag))
			return true;
	}
	return false;
}

int http_range_parse(struct http_str text, uint64_t size, uint64_t *ret_first, uint64_t *ret_len)
{
	struct http_str first, last;
	uint64_t a = 0, b = 0;
	const char *dash;

	if (text.len < 6 || !http_str_is_nocase((struct http_str){ text.p, 6 }, "bytes="))
		return -EINVAL;
	first = http_str_trim((struct http_str){ text.p + 6, text.len - 6 });
	dash = memchr(first.p, '-', first.len);
	if (!dash)
		return -EINVAL;
	last = (struct http_str){ dash + 1, (size_t)(first.p + first.len - dash - 1) };
	first.len = (size_t)(dash - first.p);
	if ((first.len > 0 && http_digits(first, &a) == -EINVAL) ||
	    (last.len > 0 && http_digits(last, &b) == -EINVAL) || first.len + last.len == 0)
		return -EINVAL;
	if (first.len == 0) { /* the last b octets */
		if (http_digits(last, &b) == -ERANGE || b > size)
			b = size;
		if (b == 0)
			return -ERANGE;
		*ret_first = size - b;
		*ret_len = b;
		return 0;
	}
	if (last.len == 0 || http_digits(last, &b) == -ERANGE)
		b = UINT64_MAX;
	if (http_digits(first, &a) == -ERANGE)
		return -ERANGE;
	if (b < a)
		return -EINVAL;
	if (a >= size)
		return -ERANGE;
	*ret_first = a;
	*ret_len = (b < size ? b + 1 : size) - a;
	return 0;
}

/* --- Basic (RFC 7617) ------------------------------------------------------------------------- */

int http_basic_parse(struct http_str text, char *user, size_t user_size, char *password,
		     size_t password_size)
{
	char plain[256];
	const char *colon;
	size_t user_len, password_len;
	ssize_t n;

	if (text.len < 6 || !http_str_is_nocase((struct http_str){ text.p, 6 }, "basic "))
		return -EINVAL;
	text = http_str_trim((struct http_str){ text.p + 6, text.len - 6 });
	n = base64_decode(text.p, text.len, plain, sizeof(plain));
	colon = n > 0 ? memchr(plain, ':', (size_t)n) : NULL;
	if (!colon || memchr(plain, '\0', (size_t)n))
		return -EINVAL;
	user_len = (size_t)(colon - plain);
	password_len = (size_t)n - user_len - 1;
	if (user_len >= user_size || password_len >= password_size)
		return -EINVAL;
	memcpy(user, plain, user_len);
	user[user_len] = '\0';
	memcpy(password, colon + 1, password_len);
	password[password_len] = '\0';
	return 0;
}

int http_basic_format(const char *user, const char *password, char *out, size_t size)
{
	char plain[256];
	int n = snprintf(plain, sizeof(plain), "%s:%s", user, password);

	if (n < 0 || (size_t)n >= sizeof(plain) || size < 7)
		return -ENOBUFS;
	memcpy(out, "Basic ", 6);
	return base64_encode(plain, (size_t)n, out + 6, size - 6) < 0 ? -ENOBUFS : 0;
}

/* A list element begins a challenge when its first word is followed by a blank or by nothing
 * rather than by '=' (RFC 9110 §11.6.1). */
bool http_offers_basic(struct http_str challenges)
{
	struct http_str item;

	while (http_list_next(&challenges, &item)) {
		if (item.len >= 5 && http_str_is_nocase((struct http_str){ item.p, 5 }, "basic") &&
		    (item.len == 5 || item.p[5] == ' '))
			return true;
	}
	return false;
}
