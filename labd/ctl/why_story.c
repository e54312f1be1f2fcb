#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"
#include "labd/ctl/moment.h"
#include "labd/ctl/table.h"
#include "labd/ctl/why.h"
#include "labd/lab/utf8.h"
#include "labd/log/db_read.h"

#define SENT_SHOWN 4
#define SQL_MAX	   4096
#define DEVICE_MAX 40 /* characters of a device's column */

char *why_format(const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	return text;
}

void story_add(struct story *s, const struct story_item *item)
{
	if (s->n == s->size) {
		s->size = s->size ? 2 * s->size : 32;
		s->items = realloc(s->items, s->size * sizeof(*s->items));
		if (!s->items)
			abort();
	}
	s->items[s->n++] = *item;
}

void story_unseen(struct story *s, const char *device, const char *fmt, ...)
{
	struct story_item item = { .kind = STORY_UNSEEN,
				   .time_ns = -1,
				   .device = why_format("%s", device) };
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&item.text, fmt, ap) < 0)
		abort();
	va_end(ap);
	story_add(s, &item);
}

bool story_has_decision(const struct story *s, int64_t id)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->items[i].kind == STORY_DECISION && s->items[i].id == id)
			return true;
	return false;
}

void story_done(struct story *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->items[i].device);
		free(s->items[i].text);
		free(s->items[i].rule);
		free(s->items[i].more);
	}
	free(s->items);
	*s = (struct story){ 0 };
}

/* --- decisions from the database ------------------------------------------------------------ */

enum { ID, TIME, DEVICE, COUNT, PACKET, NO_PACKET, SENTENCE, RULE, SOURCE, INFERRED, INFO };

static const char decision_columns[] =
	"SELECT d.id, d.time_ns, coalesce(dev.name, 'the wire'), d.count, d.packet, d.no_packet, "
	"d.sentence, r.name, r.source, r.inferred, p.info "
	"FROM decision d JOIN rule r ON r.id = d.rule LEFT JOIN device dev ON dev.id = d.device "
	"LEFT JOIN packet p ON p.id = d.packet ";

static void put_sent(struct dbr *db, int64_t decision, struct sbuf *out)
{
	struct dbr_rows *rows;
	int n = 0;

	if (dbr_query(db,
		      "SELECT s.packet, s.no_packet, p.info FROM sent s "
		      "LEFT JOIN packet p ON p.id = s.packet WHERE s.decision = ?1 ORDER BY s.id",
		      &rows, "i", decision) < 0)
		return;
	for (; dbr_next(rows) == 1; n++) {
		if (n >= SENT_SHOWN)
			continue;
		if (dbr_type(rows, 0) == DBR_NULL)
			sbuf_printf(out, "\nsent a packet that was not found on the link: %s",
				    dbr_text(rows, 1));
		else
			sbuf_printf(out, "\nsent packet %" PRId64 ": %s", dbr_int(rows, 0),
				    dbr_text(rows, 2));
	}
	if (n > SENT_SHOWN)
		sbuf_printf(out, "\n... and %d more", n - SENT_SHOWN);
	dbr_rows_close(rows);
}

/* The packet just above needs not be named again. */
static bool is_just_told(const struct story *s, int64_t packet)
{
	for (size_t i = s->n; i > 0; i--)
		if (s->items[i - 1].kind == STORY_PACKET)
			return s->items[i - 1].id == packet;
	return false;
}

static char *decision_more(struct dbr *db, const struct story *s, const struct dbr_rows *rows)
{
	struct sbuf more = SBUF(65536);
	char *text;

	sbuf_printf(&more, "%s%s%s%s", dbr_text(rows, RULE),
		    dbr_int(rows, INFERRED) ? ", inferred" : "",
		    dbr_text(rows, SOURCE)[0] ? ", " : "", dbr_text(rows, SOURCE));
	if (dbr_int(rows, COUNT) > 1)
		sbuf_printf(&more, "; stands for %" PRId64 " alike", dbr_int(rows, COUNT));
	if (dbr_type(rows, PACKET) != DBR_NULL && !is_just_told(s, dbr_int(rows, PACKET)))
		sbuf_printf(&more, "\nbecause of packet %" PRId64 ": %s", dbr_int(rows, PACKET),
			    dbr_text(rows, INFO));
	else if (dbr_type(rows, PACKET) == DBR_NULL && dbr_text(rows, NO_PACKET)[0])
		sbuf_printf(&more, "\n%s", dbr_text(rows, NO_PACKET));
	put_sent(db, dbr_int(rows, ID), &more);
	text = why_format("%s", sbuf_text(&more));
	sbuf_done(&more);
	return text;
}

static void add_decision(struct dbr *db, struct story *s, const struct dbr_rows *rows)
{
	struct story_item item = { .kind = STORY_DECISION,
				   .id = dbr_int(rows, ID),
				   .time_ns = dbr_int(rows, TIME),
				   .device = why_format("%s", dbr_text(rows, DEVICE)),
				   .text = why_format("%s", dbr_text(rows, SENTENCE)),
				   .rule = why_format("%s", dbr_text(rows, RULE)),
				   .more = decision_more(db, s, rows) };

	story_add(s, &item);
}

int story_decisions(struct dbr *db, struct story *s, const char *where, const char *types,
		    int64_t number, const char *text)
{
	struct sbuf sql = SBUF(SQL_MAX);
	struct dbr_rows *rows;
	int n = 0, r;

	sbuf_puts(&sql, decision_columns);
	sbuf_puts(&sql, where);
	r = strcmp(types, "si") == 0 ? dbr_query(db, sbuf_text(&sql), &rows, types, text, number)
				     : dbr_query(db, sbuf_text(&sql), &rows, types, number);
	sbuf_done(&sql);
	if (r < 0)
		return r;
	for (; (r = dbr_next(rows)) == 1; n++)
		if (!story_has_decision(s, dbr_int(rows, ID)))
			add_decision(db, s, rows);
	dbr_rows_close(rows);
	return r < 0 ? r : n;
}

/* --- for people ----------------------------------------------------------------------------- */

static uint32_t shown_width(const char *text)
{
	return utf8_count(text, strlen(text));
}

static uint32_t device_width(const struct story *s)
{
	uint32_t widest = 0;

	for (size_t i = 0; i < s->n; i++) {
		uint32_t w = shown_width(s->items[i].device);

		if (s->items[i].kind != STORY_PACKET && w > widest)
			widest = w;
	}
	return widest < DEVICE_MAX ? widest : DEVICE_MAX;
}

static uint32_t time_width(const struct story *s)
{
	uint32_t widest = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct sbuf text = SBUF(64);

		if (s->items[i].time_ns >= 0)
			moment_lab(&text, s->items[i].time_ns, s->epoch_ns);
		if (text.len > widest)
			widest = (uint32_t)text.len;
		sbuf_done(&text);
	}
	return widest;
}

static void print_shown(const char *text, size_t len)
{
	struct sbuf shown = SBUF(1u << 20);

	show_text(&shown, text, len);
	fputs(sbuf_text(&shown), stdout);
	sbuf_done(&shown);
}

/* The lines of a text, each behind the same blanks. */
static void print_more(const char *text, uint32_t indent)
{
	while (text && *text) {
		size_t n = strcspn(text, "\n");

		printf("%*s", (int)indent, "");
		print_shown(text, n);
		putchar('\n');
		text += n + (text[n] == '\n');
	}
}

static void print_item(const struct story *s, const struct story_item *item, uint32_t time_chars,
		       uint32_t device_chars)
{
	struct sbuf time = SBUF(64);
	bool packet = item->kind == STORY_PACKET;
	uint32_t fill = packet ? 0 : device_chars - shown_width(item->device);

	if (item->time_ns >= 0)
		moment_lab(&time, item->time_ns, s->epoch_ns);
	printf("%-*s  %s", (int)time_chars, sbuf_text(&time),
	       !packet	      ? "  "
	       : item->marked ? "* "
			      : "  ");
	print_shown(item->device, strlen(item->device));
	printf("%*s", (int)(fill < DEVICE_MAX ? fill : 0) + 2, "");
	print_shown(item->text, strlen(item->text));
	putchar('\n');
	print_more(item->more, time_chars + 4 + (packet ? 2 : device_chars + 2));
	sbuf_done(&time);
}

void story_print(const struct story *s)
{
	uint32_t device_chars = device_width(s), time_chars = time_width(s);

	for (size_t i = 0; i < s->n; i++)
		print_item(s, &s->items[i], time_chars, device_chars);
}

/* --- JSON ----------------------------------------------------------------------------------- */

static json_t *text_or_null(const char *text)
{
	json_t *o = text ? json_string(text) : NULL;

	return o ? o : json_null();
}

void story_print_json(const struct story *s)
{
	static const char *const kinds[] = { [STORY_DECISION] = "decision",
					     [STORY_PACKET] = "packet",
					     [STORY_EVENT] = "event",
					     [STORY_UNSEEN] = "unseen" };
	json_t *all = json_array();

	for (size_t i = 0; i < s->n; i++) {
		const struct story_item *it = &s->items[i];

		json_array_append_new(
			all, json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "kind",
				       kinds[it->kind], "time_ns",
				       it->time_ns < 0 ? json_null() : json_integer(it->time_ns),
				       "id", it->id ? json_integer(it->id) : json_null(), "device",
				       text_or_null(it->device), "text", text_or_null(it->text),
				       "rule", text_or_null(it->rule), "more",
				       text_or_null(it->more), "asked", it->marked));
	}
	json_dumpf(all, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(all);
}
