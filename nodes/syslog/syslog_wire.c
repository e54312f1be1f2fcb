#include "syslog/syslog_wire.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* --- times -------------------------------------------------------------------------------- */

void syslog_time(int64_t unix_ns, char out[static SYSLOG_TIME_LEN + 1])
{
	time_t seconds = (time_t)(unix_ns / SEC);
	struct tm tm = { 0 };

	(void)gmtime_r(&seconds, &tm);
	snprintf(out, SYSLOG_TIME_LEN + 1, "%.3s %2u %02u:%02u:%02u", months + 3 * tm.tm_mon,
		 (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
		 (unsigned)tm.tm_sec % 100);
}

/* Does the text have this shape? 9 is a digit, 2 a digit or a blank; all else is itself. */
static bool has_shape(struct syslog_span s, const char *shape)
{
	size_t n = strlen(shape);

	for (size_t i = 0; i < n; i++) {
		unsigned char c = i < s.len ? (unsigned char)s.text[i] : 0;

		if (shape[i] == '9'   ? !isdigit(c)
		    : shape[i] == '2' ? !isdigit(c) && c != ' '
				      : c != (unsigned char)shape[i])
			return false;
	}
	return true;
}

static int two(const char *text)
{
	return (text[0] == ' ' ? 0 : text[0] - '0') * 10 + text[1] - '0';
}

static bool is_month(const char *text)
{
	for (const char *m = months; *m; m += 3)
		if (memcmp(m, text, 3) == 0)
			return true;
	return false;
}

/* "Mmm dd hh:mm:ss" (RFC 3164 §4.1.2); its length, or 0. */
static size_t bsd_time_len(struct syslog_span s)
{
	struct syslog_span rest = { s.text + 3, s.len - 3 };

	if (s.len < SYSLOG_TIME_LEN || !is_month(s.text) || !has_shape(rest, " 29 99:99:99"))
		return 0;
	if (two(s.text + 4) < 1 || two(s.text + 4) > 31 || two(s.text + 7) > 23 ||
	    two(s.text + 10) > 59 || two(s.text + 13) > 60)
		return 0;
	return SYSLOG_TIME_LEN;
}

/* RFC 3339 as RFC 5424 §6.2.3 has it; its length, or 0. */
static size_t iso_time_len(struct syslog_span s)
{
	size_t n = 19, digits = 0;
	struct syslog_span zone;

	if (!has_shape(s, "9999-99-99T99:99:99") || two(s.text + 5) < 1 || two(s.text + 5) > 12 ||
	    two(s.text + 8) < 1 || two(s.text + 8) > 31 || two(s.text + 11) > 23 ||
	    two(s.text + 14) > 59 || two(s.text + 17) > 60)
		return 0;
	if (n < s.len && s.text[n] == '.') {
		while (n + 1 + digits < s.len && isdigit((unsigned char)s.text[n + 1 + digits]))
			digits++;
		if (digits < 1 || digits > 6)
			return 0;
		n += 1 + digits;
	}
	zone = (struct syslog_span){ s.text + n, s.len - n };
	if (zone.len > 0 && zone.text[0] == 'Z')
		return n + 1;
	return has_shape(zone, "+99:99") || has_shape(zone, "-99:99") ? n + 6 : 0;
}

/* --- words -------------------------------------------------------------------------------- */

static struct syslog_span take(struct syslog_span *s, size_t n)
{
	struct syslog_span taken = { s->text, n };

	s->text += n;
	s->len -= n;
	return taken;
}

static bool take_blank(struct syslog_span *s)
{
	if (s->len == 0 || s->text[0] != ' ')
		return false;
	take(s, 1);
	return true;
}

/* Printable octets up to a blank: 1 to `max` of them, else len 0. */
static struct syslog_span take_word(struct syslog_span *s, size_t max)
{
	size_t n = 0;

	while (n < s->len && s->text[n] > ' ' && s->text[n] < 0x7f)
		n++;
	return take(s, n <= max ? n : 0);
}

static struct syslog_span unless_nil(struct syslog_span s)
{
	return s.len == 1 && s.text[0] == '-' ? (struct syslog_span){ 0 } : s;
}

/* --- RFC 5424 ----------------------------------------------------------------------------- */

/* The octets of one SD-ELEMENT at the front, or 0: a quoted value may hold an escaped bracket. */
static size_t element_len(struct syslog_span s)
{
	bool quoted = false;

	for (size_t i = 1; i < s.len; i++) {
		if (quoted && s.text[i] == '\\')
			i++;
		else if (s.text[i] == '"')
			quoted = !quoted;
		else if (s.text[i] == ']' && !quoted)
			return i + 1;
	}
	return 0;
}

static bool take_data(struct syslog_span *s, struct syslog_span *ret)
{
	struct syslog_span all = *s;

	if (s->len > 0 && s->text[0] == '-') {
		take(s, 1);
		*ret = (struct syslog_span){ 0 };
		return true;
	}
	while (s->len > 0 && s->text[0] == '[') {
		size_t n = element_len(*s);

		if (n == 0)
			return false;
		take(s, n);
	}
	*ret = (struct syslog_span){ all.text, (size_t)(s->text - all.text) };
	return ret->len > 0;
}

static bool take_header_word(struct syslog_span *s, size_t max, struct syslog_span *ret)
{
	struct syslog_span word = take_word(s, max);

	*ret = unless_nil(word);
	return word.len > 0 && take_blank(s);
}

/* VERSION SP TIMESTAMP SP HOSTNAME SP APP-NAME SP PROCID SP MSGID SP DATA [SP MSG]; false leaves
 * the message to be read in another way. */
static bool read_ietf(struct syslog_span s, struct syslog_msg *m)
{
	struct syslog_msg x = *m;
	size_t n;

	if (s.len < 2 || s.text[0] != '1' || s.text[1] != ' ')
		return false;
	take(&s, 2);
	n = s.len > 0 && s.text[0] == '-' ? 1 : iso_time_len(s);
	x.time = unless_nil(take(&s, n));
	if (n == 0 || !take_blank(&s) || !take_header_word(&s, 255, &x.host) ||
	    !take_header_word(&s, 48, &x.app) || !take_header_word(&s, 128, &x.procid) ||
	    !take_header_word(&s, 32, &x.msgid) || !take_data(&s, &x.data))
		return false;
	if (s.len > 0 && !take_blank(&s))
		return false;
	if (s.len >= 3 && memcmp(s.text, "\xef\xbb\xbf", 3) == 0)
		take(&s, 3); /* the mark of UTF-8 */
	x.text = s;
	x.form = SYSLOG_IETF;
	*m = x;
	return true;
}

/* --- RFC 3164 ----------------------------------------------------------------------------- */

/* TAG[PID]: in front of the text. What IOS writes there, %LINK-3-UPDOWN, is a mnemonic. */
static void read_tag(struct syslog_msg *m)
{
	struct syslog_span s = m->text;
	size_t n = 0, pid;

	while (n < s.len && n < 48 && s.text[n] > ' ' && s.text[n] < 0x7f &&
	       !strchr(":[]%", s.text[n]))
		n++;
	if (n == 0 || n == s.len)
		return;
	if (s.text[n] == '[') {
		for (pid = n + 1; pid < s.len && isalnum((unsigned char)s.text[pid]); pid++)
			continue;
		if (pid == s.len || s.text[pid] != ']' || pid == n + 1)
			return;
		m->procid = (struct syslog_span){ s.text + n + 1, pid - n - 1 };
	} else if (s.text[n] != ':') {
		return;
	}
	m->app = (struct syslog_span){ s.text, n };
}

/* A time, a blank, a host, a blank. A word with a colon at its end is no host but the tag of a
 * sender that leaves the host out. Some write the time as RFC 5424 has it. */
static bool read_bsd(struct syslog_span s, struct syslog_msg *m)
{
	size_t n = bsd_time_len(s);
	struct syslog_span time, host;

	if (n == 0)
		n = iso_time_len(s);
	time = take(&s, n);
	if (n == 0 || !take_blank(&s))
		return false;
	host = take_word(&s, 255);
	if (host.len == 0 || host.text[host.len - 1] == ':' || memchr(host.text, '[', host.len) ||
	    !take_blank(&s))
		return false;
	m->form = SYSLOG_BSD;
	m->time = time;
	m->host = host;
	m->text = s;
	return true;
}

/* --- IOS ---------------------------------------------------------------------------------- */

static size_t upper_len(struct syslog_span s)
{
	size_t n = 0;

	while (n < s.len && (isupper((unsigned char)s.text[n]) ||
			     isdigit((unsigned char)s.text[n]) || s.text[n] == '_'))
		n++;
	return n;
}

/* FACILITY-SEVERITY-MNEMONIC before a colon, or before the end where that is one; its length, or
 * 0. */
static size_t mnemonic_len(struct syslog_span s, bool may_end)
{
	size_t a = upper_len(s), b;
	struct syslog_span rest;

	if (a == 0 || s.len - a < 4 || s.text[a] != '-' || s.text[a + 1] < '0' ||
	    s.text[a + 1] > '7' || s.text[a + 2] != '-')
		return 0;
	rest = (struct syslog_span){ s.text + a + 3, s.len - a - 3 };
	b = upper_len(rest);
	if (b == 0 || (b == rest.len ? !may_end : rest.text[b] != ':'))
		return 0;
	return a + 3 + b;
}

static void mnemonic_in(struct syslog_msg *m, struct syslog_span s, bool may_end)
{
	const char *p;

	while (m->mnemonic.len == 0 && s.len > 0 && (p = memchr(s.text, '%', s.len)) != NULL) {
		take(&s, (size_t)(p - s.text) + 1);
		m->mnemonic.len = mnemonic_len(s, may_end);
		m->mnemonic.text = m->mnemonic.len > 0 ? s.text : NULL;
	}
}

/* In the text; in the program's name, where a relay took it for one (syslog-ng does). */
static void find_mnemonic(struct syslog_msg *m)
{
	mnemonic_in(m, m->text, false);
	if (m->mnemonic.len == 0)
		mnemonic_in(m, m->app, true);
}

/* --- messages ----------------------------------------------------------------------------- */

/* What several senders put behind a message: LF, CR LF, NUL. */
static void drop_end(struct syslog_span *s)
{
	while (s->len > 0 && memchr("\0\r\n", s->text[s->len - 1], 3))
		s->len--;
}

/* <0> to <191>, no leading zeros (RFC 5424 §6.2.1); NULL, or what is wrong. */
static const char *read_pri(struct syslog_span *s, struct syslog_msg *m)
{
	unsigned pri = 0;
	size_t n = 1;

	if (s->len == 0 || s->text[0] != '<')
		return "it does not start with <";
	while (n < s->len && n < 5 && isdigit((unsigned char)s->text[n]))
		pri = pri * 10 + (unsigned)(s->text[n++] - '0');
	if (n == 1)
		return "no number follows <";
	if (n == 5)
		return "the PRI has more than three digits";
	if (n == s->len || s->text[n] != '>')
		return "the PRI does not end with >";
	if (n > 2 && s->text[1] == '0')
		return "the PRI has a leading zero";
	if (pri > 191)
		return "the PRI is above 191";
	m->facility = (uint8_t)(pri / 8);
	m->severity = (uint8_t)(pri % 8);
	take(s, n + 1);
	return NULL;
}

int syslog_decode(const uint8_t *data, size_t len, struct syslog_msg *ret, const char **ret_why)
{
	struct syslog_span s = { (const char *)data, len };
	struct syslog_msg m = { 0 };

	drop_end(&s);
	*ret_why = read_pri(&s, &m);
	if (!*ret_why && s.len == 0)
		*ret_why = "nothing follows the PRI";
	if (*ret_why)
		return -EBADMSG;
	if (!read_ietf(s, &m) && !read_bsd(s, &m))
		m.text = s;
	if (m.form != SYSLOG_IETF)
		read_tag(&m);
	find_mnemonic(&m);
	*ret = m;
	return 0;
}

/* --- streams ------------------------------------------------------------------------------ */

/* LEN SP message (RFC 6587 §3.4.1). */
static int counted_frame(const uint8_t *data, size_t len, struct syslog_frame *ret,
			 const char **ret_why)
{
	size_t n = 0, count = 0;

	while (n < len && n < 6 && isdigit(data[n]))
		count = count * 10 + (size_t)(data[n++] - '0');
	if (n == 6)
		*ret_why = "the count has more than 5 digits";
	else if (count > SYSLOG_RECEIVE_MAX)
		*ret_why = "the count is above 8192";
	else if (n < len && data[n] != ' ')
		*ret_why = "no blank follows the count";
	else if (n == len || len - n - 1 < count)
		return 0;
	else
		*ret_why = NULL;
	if (*ret_why)
		return -EBADMSG;
	*ret = (struct syslog_frame){ data + n + 1, count, n + 1 + count, true };
	return 1;
}

/* Up to LF (RFC 6587 §3.4.2); some end with NUL. */
static int ended_frame(const uint8_t *data, size_t len, struct syslog_frame *ret,
		       const char **ret_why)
{
	size_t most = len < SYSLOG_RECEIVE_MAX + 1 ? len : SYSLOG_RECEIVE_MAX + 1, n = 0;

	while (n < most && data[n] != '\n' && data[n] != '\0')
		n++;
	if (n == most && most <= SYSLOG_RECEIVE_MAX)
		return 0;
	if (n == most) {
		*ret_why = "no LF after 8192 octets";
		return -EBADMSG;
	}
	*ret = (struct syslog_frame){ data, n, n + 1, false };
	return 1;
}

int syslog_frame(const uint8_t *data, size_t len, struct syslog_frame *ret, const char **ret_why)
{
	if (len == 0)
		return 0;
	if (data[0] >= '1' && data[0] <= '9')
		return counted_frame(data, len, ret, ret_why);
	if (data[0] == '<')
		return ended_frame(data, len, ret, ret_why);
	*ret_why = "it starts with neither a count nor <";
	return -EBADMSG;
}
