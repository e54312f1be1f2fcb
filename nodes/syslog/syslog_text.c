/* How an event is written: for people at the device as IOS does, for servers as RFC 3164 has it. */
#include "syslog/syslog.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

static void put_datetime(const struct syslog_conf *conf, const struct syslog_line *line,
			 struct sbuf *out)
{
	char stamp[SYSLOG_TIME_LEN + 1];
	time_t seconds = (time_t)(line->unix_ns / SEC);
	struct tm tm = { 0 };

	syslog_time(line->unix_ns, stamp);
	(void)gmtime_r(&seconds, &tm);
	sbuf_printf(out, "%s%.6s ", line->mark, stamp);
	if (conf->year)
		sbuf_printf(out, "%d ", tm.tm_year + 1900);
	sbuf_puts(out, stamp + 7);
	if (conf->msec)
		sbuf_printf(out, ".%03u", (unsigned)(line->unix_ns / MSEC % 1000));
	sbuf_puts(out, conf->zone ? " UTC: " : ": ");
}

/* hh:mm:ss, from a day on 1d02h, from a week on 3w4d, as IOS has it. */
static void put_uptime(nsec_t up_ns, struct sbuf *out)
{
	unsigned s = (unsigned)(up_ns / SEC), h = s / 3600;

	if (h < 24)
		sbuf_printf(out, "%02u:%02u:%02u: ", h, s / 60 % 60, s % 60);
	else if (h < 7 * 24)
		sbuf_printf(out, "%ud%02uh: ", h / 24, h % 24);
	else
		sbuf_printf(out, "%uw%ud: ", h / 168, h / 24 % 7);
}

static void put_event(const struct log_event *e, struct sbuf *out)
{
	sbuf_printf(out, "%%%s-%u-%s: %s", e->facility, (unsigned)e->severity, e->mnemonic,
		    e->text);
}

/* What could move a terminal's cursor, or end a message, becomes a blank. */
static void blank_controls(struct sbuf *s)
{
	for (size_t i = 0; i < s->len; i++)
		if ((unsigned char)s->data[i] < ' ' || s->data[i] == 0x7f)
			s->data[i] = ' ';
}

void syslog_local_text(const struct syslog_conf *conf, const struct syslog_line *line,
		       struct sbuf *out)
{
	if (conf->numbers)
		sbuf_printf(out, "%06" PRIu64 ": ", line->number);
	if (conf->stamps == SYSLOG_STAMP_DATETIME)
		put_datetime(conf, line, out);
	else if (conf->stamps == SYSLOG_STAMP_UPTIME)
		put_uptime(line->up_ns, out);
	put_event(line->event, out);
	blank_controls(out);
	sbuf_puts(out, "\n");
}

/* At most `max` octets, and no character of UTF-8 cut in two. */
static void cut(struct sbuf *s, size_t max)
{
	if (s->len <= max)
		return;
	while (max > 0 && ((unsigned char)s->data[max] & 0xc0) == 0x80)
		max--;
	s->len = max;
	s->data[max] = '\0';
}

void syslog_remote_text(const struct syslog_conf *conf, const char *host,
			const struct syslog_line *line, struct sbuf *out)
{
	char stamp[SYSLOG_TIME_LEN + 1];

	syslog_time(line->unix_ns, stamp);
	sbuf_printf(out, "<%u>%s %s %s", conf->facility * 8u + line->event->severity, stamp, host,
		    line->mark);
	put_event(line->event, out);
	blank_controls(out);
	cut(out, SYSLOG_SEND_MAX);
}
