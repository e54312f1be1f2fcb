/* Text on data connections: line ends of TYPE A, and listings. */
#include "ftp/ftp_wire.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HALF_A_YEAR_S (182 * 86400)

int ftp_text_to_wire(const void *data, size_t len, struct sbuf *out)
{
	const char *p = data, *end = p + len, *lf;
	int r = 0;

	for (; p < end && r == 0; p = lf) {
		lf = memchr(p, '\n', (size_t)(end - p));
		r = sbuf_put(out, p, (size_t)((lf ? lf : end) - p));
		if (!lf)
			return r;
		if (r == 0)
			r = sbuf_puts(out, "\r\n");
		lf++;
	}
	return r;
}

int ftp_text_from_wire(struct ftp_text *t, const void *data, size_t len, struct sbuf *out)
{
	const char *p = data, *end = p + len;
	int r = 0;

	while (p < end && r == 0) {
		const char *cr = memchr(p, '\r', (size_t)(end - p));

		if (t->cr && *p != '\n')
			r = sbuf_puts(out, "\r");
		t->cr = false;
		if (r == 0)
			r = sbuf_put(out, p, (size_t)((cr ? cr : end) - p));
		t->cr = cr != NULL;
		p = cr ? cr + 1 : end;
	}
	return r;
}

void ftp_text_end(struct ftp_text *t, struct sbuf *out)
{
	if (t->cr)
		sbuf_puts(out, "\r");
	t->cr = false;
}

/* --- listings ----------------------------------------------------------------------------- */

bool ftp_entry_next(const char **p, const char *end, struct ftp_entry *ret)
{
	while (*p < end) {
		const char *lf = memchr(*p, '\n', (size_t)(end - *p));
		char line[512];
		long long size, mtime;
		int at = 0;

		str_copy_n(line, sizeof(line), *p, (size_t)((lf ? lf : end) - *p));
		*p = lf ? lf + 1 : end;
		if (sscanf(line, "%*c %lld %lld %n", &size, &mtime, &at) < 2 || at == 0)
			continue;
		ret->is_dir = line[0] == 'd';
		ret->size = (uint64_t)size;
		ret->mtime_s = mtime / SEC;
		/* A name that would break the listing's line is not shown. */
		if (str_copy(ret->name, sizeof(ret->name), line + at) && *ret->name &&
		    *ftp_path_base(ret->name))
			return true;
	}
	return false;
}

void ftp_entry_list(const struct ftp_entry *e, bool writable, int64_t now_s, struct sbuf *out)
{
	time_t t = (time_t)e->mtime_s;
	bool recent = e->mtime_s <= now_s + 3600 && e->mtime_s > now_s - HALF_A_YEAR_S;
	char date[32];
	struct tm tm;

	(void)gmtime_r(&t, &tm);
	strftime(date, sizeof(date), recent ? "%b %e %H:%M" : "%b %e  %Y", &tm);
	sbuf_printf(out, "%cr%c%cr-%cr-%c %3d ftp      ftp      %12" PRIu64 " %s %s\r\n",
		    e->is_dir ? 'd' : '-', writable ? 'w' : '-', e->is_dir ? 'x' : '-',
		    e->is_dir ? 'x' : '-', e->is_dir ? 'x' : '-', e->is_dir ? 2 : 1, e->size, date,
		    e->name);
}

void ftp_time_format(int64_t unix_s, char out[static 16])
{
	time_t t = (time_t)unix_s;
	struct tm tm;

	(void)gmtime_r(&t, &tm);
	if (strftime(out, 16, "%Y%m%d%H%M%S", &tm) == 0)
		out[0] = '\0';
}

void ftp_entry_facts(const struct ftp_entry *e, const char *perm, struct sbuf *out)
{
	char time[16];

	ftp_time_format(e->mtime_s, time);
	sbuf_printf(out, "type=%s;", e->is_dir ? "dir" : "file");
	if (!e->is_dir)
		sbuf_printf(out, "size=%" PRIu64 ";", e->size);
	sbuf_printf(out, "modify=%s;perm=%s; %s", time, perm, e->name);
}
