/* The messages that a server has taken: a ring of the last SYSLOG_TABLE_MAX, and of
 * SYSLOG_TABLE_BYTES octets at most. Each is a fact with its number as key. */
#include "syslog/syslog.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"

struct entry {
	nsec_t at;
	struct addr sender;
	uint8_t facility, severity;
	bool truncated;
	uint16_t time_len, host_len, text_len;
	char octets[]; /* time, host, text */
};

struct syslog_table {
	struct entry **ring; /* SYSLOG_TABLE_MAX */
	unsigned n;
	uint64_t first; /* number of the oldest, from 1 */
	size_t octets;
};

#define RING_BYTES (SYSLOG_TABLE_MAX * sizeof(struct entry *))

struct syslog_table *syslog_table_new(void)
{
	struct syslog_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->first = 1;
	t->ring = pages_new(RING_BYTES);
	if (t->ring)
		return t;
	free(t);
	return NULL;
}

uint64_t syslog_table_taken(const struct syslog_table *t)
{
	return t ? t->first + t->n - 1 : 0;
}

static struct entry **place(const struct syslog_table *t, uint64_t number)
{
	return &t->ring[number % SYSLOG_TABLE_MAX];
}

static size_t size_of(const struct entry *e)
{
	return sizeof(*e) + e->time_len + e->host_len + e->text_len;
}

/* Takes the oldest out. */
static void drop_first(struct syslog_table *t)
{
	struct entry **e = place(t, t->first);

	t->octets -= size_of(*e);
	free(*e);
	*e = NULL;
	t->first++;
	t->n--;
}

void syslog_table_free(struct syslog_table *t)
{
	if (!t)
		return;
	while (t->n > 0)
		drop_first(t);
	pages_free(t->ring, RING_BYTES);
	free(t);
}

static void end_first(struct syslog_table *t, const char *why, struct fx *fx)
{
	char key[24];

	snprintf(key, sizeof(key), "%" PRIu64, t->first);
	fx_fact_end(fx, &syslog_fact, key, why);
	drop_first(t);
}

unsigned syslog_table_clear(struct syslog_table *t, struct fx *fx)
{
	unsigned n = t->n;

	while (t->n > 0)
		end_first(t, "the table was cleared", fx);
	return n;
}

/* Text that cannot move a terminal's cursor: control octets become \xNN, as in values. */
static void put_printable(struct syslog_span s, struct sbuf *out)
{
	struct val v = V_TEXTN("", s.text, s.len);

	v.len = (uint16_t)s.len;
	val_format(&v, out);
}

static struct entry *entry_new(const struct syslog_taken *m, const char *time, const char *host,
			       const struct sbuf *text)
{
	size_t time_len = strlen(time), host_len = strlen(host);
	struct entry *e = malloc(sizeof(*e) + time_len + host_len + text->len);

	if (!e)
		abort();
	*e = (struct entry){ .at = m->at,
			     .sender = m->sender,
			     .facility = m->msg->facility,
			     .severity = m->msg->severity,
			     .truncated = m->truncated,
			     .time_len = (uint16_t)time_len,
			     .host_len = (uint16_t)host_len,
			     .text_len = (uint16_t)text->len };
	memcpy(e->octets, time, time_len);
	memcpy(e->octets + time_len, host, host_len);
	memcpy(e->octets + time_len + host_len, sbuf_text(text), text->len);
	return e;
}

static struct val span(const char *name, struct syslog_span s)
{
	return V_TEXTN(name, s.text, s.len);
}

static void begin_fact(uint64_t number, const struct entry *e, const struct syslog_msg *m,
		       const char *time, const char *host, const struct sbuf *text, struct fx *fx)
{
	char key[24];

	snprintf(key, sizeof(key), "%" PRIu64, number);
	fact_begin(fx, &syslog_fact, key, V_ADDR("sender", e->sender),
		   V_TEXT("facility", syslog_facility_name(e->facility)),
		   V_INT("severity", e->severity), V_TEXT("level", syslog_severities[e->severity]),
		   V_TEXT("time", time), V_TEXT("host", host), span("app", m->app),
		   span("procid", m->procid), span("msgid", m->msgid), span("data", m->data),
		   span("mnemonic", m->mnemonic), V_TEXTN("message", sbuf_text(text), text->len),
		   V_INT("octets", m->text.len), V_INT("truncated", e->truncated));
}

void syslog_table_put(struct syslog_table *t, const struct syslog_taken *m, struct fx *fx)
{
	char time[64], host[256], a[ADDR_TEXT_LEN], now[SYSLOG_TIME_LEN + 1];
	struct sbuf text = SBUF(4 * SYSLOG_RECEIVE_MAX);
	const struct syslog_msg *msg = m->msg;
	uint64_t number = t->first + t->n;
	struct entry *e;

	syslog_time(device_clock_ns(m->dev, m->at), now);
	str_copy_n(time, sizeof(time), msg->time.text ? msg->time.text : now,
		   msg->time.text ? msg->time.len : SYSLOG_TIME_LEN);
	addr_format(&m->sender, a);
	str_copy_n(host, sizeof(host), msg->host.text ? msg->host.text : a,
		   msg->host.text ? msg->host.len : strlen(a));
	put_printable(msg->text, &text);
	e = entry_new(m, time, host, &text);
	while (t->n > 0 &&
	       (t->n == SYSLOG_TABLE_MAX || t->octets + size_of(e) > SYSLOG_TABLE_BYTES))
		end_first(t, "made room for a later message", fx);
	*place(t, number) = e;
	t->n++;
	t->octets += size_of(e);
	begin_fact(number, e, msg, time, host, &text, fx);
	sbuf_done(&text);
}

/* --- show --------------------------------------------------------------------------------- */

static void put_entry(const struct entry *e, const struct device *dev, struct sbuf *out)
{
	char now[SYSLOG_TIME_LEN + 1], a[ADDR_TEXT_LEN], what[32];

	syslog_time(device_clock_ns(dev, e->at), now);
	snprintf(what, sizeof(what), "%s.%s", syslog_facility_name(e->facility),
		 syslog_severities[e->severity]);
	sbuf_printf(out, "%s  %-15s  %-22s  %-15.*s  %-12.*s  %.*s%s\n", now,
		    addr_format(&e->sender, a), what, (int)e->time_len, e->octets, (int)e->host_len,
		    e->octets + e->time_len, (int)e->text_len,
		    e->octets + e->time_len + e->host_len, e->truncated ? " [truncated]" : "");
}

void syslog_table_show(const struct syslog_table *t, const struct device *dev, unsigned last,
		       uint32_t call, struct fx *fx)
{
	struct sbuf out = SBUF(1u << 20);
	uint64_t from = t->n > last ? t->first + t->n - last : t->first;

	sbuf_printf(&out, "%-15s  %-15s  %-22s  %-15s  %-12s  %s\n", "Received", "Sender",
		    "Facility.Severity", "Time", "Host", "Message");
	for (uint64_t i = from; i < t->first + t->n; i++)
		put_entry(*place(t, i), dev, &out);
	fx_print_text(fx, call, sbuf_text(&out), out.len);
	sbuf_done(&out);
}

/* --- the facts ---------------------------------------------------------------------------- */

static const struct fact_column columns[] = {
	{ "sender", VT_ADDR, "whose datagram or connection it came by" },
	{ "facility", VT_TEXT, "which part of a system: kern, ..., local7" },
	{ "severity", VT_INT, "0 (emergencies) to 7 (debugging)" },
	{ "level", VT_TEXT, "the severity's name" },
	{ "time", VT_TEXT, "as the sender wrote it; the time of receipt where it wrote none" },
	{ "host", VT_TEXT, "as the sender wrote it; its address where it wrote none" },
	{ "app", VT_TEXT, "the program: tag (RFC 3164) or APP-NAME (RFC 5424)" },
	{ "procid", VT_TEXT, "its process" },
	{ "msgid", VT_TEXT, "the kind of message (RFC 5424)" },
	{ "data", VT_TEXT, "structured data (RFC 5424)" },
	{ "mnemonic", VT_TEXT, "of an IOS message: LINK-3-UPDOWN" },
	{ "message", VT_TEXT, "the text; of long ones the first 1024 octets" },
	{ "octets", VT_INT, "of the text as it came" },
	{ "truncated", VT_INT, "1: it was longer than a server keeps" },
	{ NULL, VT_END, NULL },
};

const struct fact_kind syslog_fact = {
	.table = "syslog",
	.help = "Messages that syslog servers have taken; `since` is when; `until` when it left "
		"the "
		"server's table, which holds the last 1000",
	.columns = columns,
};
