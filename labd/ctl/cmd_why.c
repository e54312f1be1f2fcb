/* labctl why: the story behind a packet, a device, or a word. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"
#include "labd/ctl/answer.h"
#include "labd/ctl/run.h"
#include "labd/ctl/why.h"
#include "labd/log/db_read.h"

#define LIMIT_GIVEN   20 /* decisions shown */
#define LIMIT_MAX     100000
#define PACKETS_SHOWN 5
#define PATTERN_MAX   1024

struct question {
	struct dbr *db;
	const char *text;
	int64_t limit;
	struct story story;
};

/* --- a packet ------------------------------------------------------------------------------- */

/* "57", "packet 57" or "#57". */
static bool is_packet(const char *text, int64_t *ret)
{
	uint64_t id;

	if (strncmp(text, "packet", 6) == 0)
		text += 6 + (text[6] == ' ' || text[6] == ':');
	text += *text == '#';
	if (str_to_u64(text, INT64_MAX, &id) < 0)
		return false;
	*ret = (int64_t)id;
	return true;
}

static int about_packet(struct question *q, int64_t id)
{
	int r = why_packet(q->db, id, &q->story);

	if (r == -ENOENT)
		return ctl_fail("there is no packet %" PRId64 "; the last one is %" PRId64, id,
				dbr_int_of(q->db, "SELECT max(id) FROM packet", 0));
	return r;
}

/* --- a device ------------------------------------------------------------------------------- */

static bool is_device(struct question *q)
{
	struct dbr_rows *rows;
	bool found;

	if (dbr_query(q->db, "SELECT 1 FROM device WHERE name = ?1", &rows, "s", q->text) < 0)
		return false;
	found = dbr_next(rows) == 1;
	dbr_rows_close(rows);
	return found;
}

/* Starts, ends and crashes, from the first decision shown on. */
static void add_events(struct question *q)
{
	struct dbr_rows *rows;
	int64_t from = q->story.n > 0 ? q->story.items[0].time_ns : INT64_MIN;

	if (dbr_query(q->db,
		      "SELECT e.time_ns, e.event, e.detail FROM node_event e JOIN device d "
		      "ON d.id = e.device WHERE d.name = ?1 AND e.time_ns >= ?2 ORDER BY e.id",
		      &rows, "si", q->text, from) < 0)
		return;
	while (dbr_next(rows) == 1) {
		struct story_item item = { .kind = STORY_EVENT,
					   .time_ns = dbr_int(rows, 0),
					   .device = why_format("%s", q->text),
					   .text = why_format("%s%s%s", dbr_text(rows, 1),
							      dbr_text(rows, 2)[0] ? ": " : "",
							      dbr_text(rows, 2)) };

		story_add(&q->story, &item);
	}
	dbr_rows_close(rows);
}

static int by_time(const void *a, const void *b)
{
	const struct story_item *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static int about_device(struct question *q)
{
	int n = story_decisions(q->db, &q->story,
				"WHERE d.id IN (SELECT x.id FROM decision x JOIN device y "
				"ON y.id = x.device WHERE y.name = ?1 ORDER BY x.id DESC LIMIT ?2) "
				"ORDER BY d.id",
				"si", q->limit, q->text);

	if (n < 0)
		return n;
	add_events(q);
	if (q->story.n > 1)
		qsort(q->story.items, q->story.n, sizeof(*q->story.items), by_time);
	if (n == 0)
		story_unseen(&q->story, q->text,
			     "none of its services decided anything yet; what its kernel does "
			     "(Ethernet, ARP, IP, TCP) is seen in packets only: labctl capture %s",
			     q->text);
	return 0;
}

/* --- a word --------------------------------------------------------------------------------- */

/* %word%, its own % and _ taken as they are. */
static void put_pattern(struct sbuf *out, const char *text)
{
	sbuf_puts(out, "%");
	for (; *text; text++)
		sbuf_printf(out, "%s%c", strchr("%_\\", *text) ? "\\" : "", *text);
	sbuf_puts(out, "%");
}

static void add_packets(struct question *q, const char *pattern)
{
	struct dbr_rows *rows;

	if (dbr_query(
		    q->db,
		    "SELECT * FROM (SELECT p.id, p.time_ns, w.sender || ':' || w.sender_interface "
		    "|| ' -> ' || w.receiver || ':' || w.receiver_interface, p.protocol, p.info "
		    "FROM packet p JOIN flow f ON f.id = p.flow "
		    "JOIN way w ON w.id = f.way WHERE p.info LIKE ?1 ESCAPE '\\' OR "
		    "f.src LIKE ?1 ESCAPE '\\' OR f.dst LIKE ?1 ESCAPE '\\' OR "
		    "f.src_mac LIKE ?1 ESCAPE '\\' OR p.protocol LIKE ?1 ESCAPE '\\' "
		    "ORDER BY p.id DESC LIMIT ?2) ORDER BY 1",
		    &rows, "si", pattern, (int64_t)PACKETS_SHOWN) < 0)
		return;
	while (dbr_next(rows) == 1) {
		struct story_item item = { .kind = STORY_PACKET,
					   .id = dbr_int(rows, 0),
					   .time_ns = dbr_int(rows, 1),
					   .device = why_format("%s", dbr_text(rows, 2)),
					   .text = why_format("packet %" PRId64 ", %s: %s",
							      dbr_int(rows, 0), dbr_text(rows, 3),
							      dbr_text(rows, 4)) };

		story_add(&q->story, &item);
	}
	dbr_rows_close(rows);
}

static int about_text(struct question *q)
{
	struct sbuf pattern = SBUF(PATTERN_MAX);
	int n;

	put_pattern(&pattern, q->text);
	n = story_decisions(
		q->db, &q->story,
		"WHERE d.id IN (SELECT x.id FROM decision x JOIN rule y ON y.id = x.rule "
		"WHERE x.sentence LIKE ?1 ESCAPE '\\' OR x.\"values\" LIKE ?1 ESCAPE '\\' "
		"OR y.name LIKE ?1 ESCAPE '\\' ORDER BY x.id DESC LIMIT ?2) ORDER BY d.id",
		"si", q->limit, sbuf_text(&pattern));
	if (n == 0) {
		add_packets(q, sbuf_text(&pattern));
		story_unseen(
			&q->story, q->text,
			q->story.n > 0
				? "no decision speaks of it, but these packets do: kernels or "
				  "programs of the host exchanged them, and neither tells why; "
				  "`labctl why NUMBER` follows one"
				: "no decision and no packet of this run speaks of it; what "
				  "happens inside programs of the host cannot be seen");
	}
	sbuf_done(&pattern);
	return n < 0 ? n : 0;
}

/* --- any ------------------------------------------------------------------------------------ */

static int answer(struct question *q)
{
	int64_t id;

	if (is_device(q))
		return about_device(q);
	if (is_packet(q->text, &id))
		return about_packet(q, id);
	return about_text(q);
}

static int ask(const struct ctl *c, struct question *q)
{
	int r;

	q->story.epoch_ns = answer_epoch(q->db);
	r = answer(q);
	if (r < 0)
		r = ctl_fail("the database cannot be read: %s", dbr_why(q->db));
	q->db = dbr_close(q->db);
	if (r == 0 && c->json)
		story_print_json(&q->story);
	else if (r == 0)
		story_print(&q->story);
	story_done(&q->story);
	return r;
}

int cmd_why(struct ctl *c)
{
	const char *which = ctl_take_value(c, "--run");
	const char *limit = ctl_take_value(c, "-n");
	struct sbuf text = SBUF(PATTERN_MAX);
	struct question q = { .limit = LIMIT_GIVEN };
	uint64_t n = LIMIT_GIVEN;
	struct run run;
	int r;

	if (c->argc < 2 || c->argv[1][0] == '-' || (limit && str_to_u64(limit, LIMIT_MAX, &n) < 0))
		return ctl_usage(c);
	q.limit = (int64_t)n;
	q.db = ctl_open_db(c, which, &run);
	if (!q.db)
		return 1;
	for (int i = 1; i < c->argc; i++)
		sbuf_printf(&text, "%s%s", i > 1 ? " " : "", c->argv[i]);
	q.text = sbuf_text(&text);
	r = ask(c, &q);
	sbuf_done(&text);
	return r;
}
