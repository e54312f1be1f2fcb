#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/types.h"
#include "labd/ctl/capture.h"
#include "labd/log/db_read.h"

#define BATCH		256	      /* packets in one look at the database */
#define NOT_ARRIVED	(1 | 16 | 32) /* packet.fate: lost, queue-drop, link-down */
#define FRAME_BYTES_MAX 65549

struct frame {
	int64_t id, time_ns, fate, delay_ns;
	struct capture_way way;
	uint32_t length, captured;
	uint8_t *bytes;
	struct sbuf comment;
};

/* A frame on its way through a wire, until it comes out. */
struct held {
	struct timer timer; /* lab time */
	struct frame frame;
};

struct batch {
	struct frame frames[BATCH];
	size_t n;
	size_t n_rows;	     /* also of what is not wanted */
	int64_t first, last; /* packet ids looked at */
};

static void frame_done(struct frame *f)
{
	free(f->bytes);
	sbuf_done(&f->comment);
}

/* --- reading -------------------------------------------------------------------------------- */

enum { ID, TIME, WAY, LENGTH, FATE, DELAY, FATES, BYTES };

static const char frames_sql[] =
	"SELECT p.id, p.time_ns, f.way, p.length, coalesce(p.fate, 0), coalesce(p.delay_ns, 0), "
	"(SELECT group_concat(name, ', ') FROM packet_fate WHERE bit & p.fate), "
	"(SELECT substr(bytes, (p.bytes_at & 65535) + 1, coalesce(p.captured, p.length)) "
	"FROM packet_block WHERE id = p.bytes_at >> 16) "
	"FROM packet p JOIN flow f ON f.id = p.flow "
	"WHERE p.id > ?1 AND p.id <= ?2 ORDER BY p.id LIMIT ?3";

static bool is_wanted(const struct capture *c, const struct dbr_rows *rows,
		      struct capture_way *ret_way)
{
	int64_t way = dbr_int(rows, WAY);

	if (way < 0 || (size_t)way >= c->n_ways || c->ways[way].iface < 0)
		return false;
	*ret_way = c->ways[way];
	return !(c->at_device && ret_way->direction == PCAPNG_IN &&
		 (dbr_int(rows, FATE) & NOT_ARRIVED));
}

static void read_frame(const struct dbr_rows *rows, struct capture_way way, struct frame *f)
{
	size_t len = dbr_len(rows, BYTES);

	*f = (struct frame){ .id = dbr_int(rows, ID),
			     .time_ns = dbr_int(rows, TIME),
			     .fate = dbr_int(rows, FATE),
			     .delay_ns = dbr_int(rows, DELAY),
			     .way = way,
			     .length = (uint32_t)dbr_int(rows, LENGTH),
			     .comment = SBUF(2 * PCAPNG_COMMENT_MAX) };
	if (dbr_text(rows, FATES)[0])
		sbuf_printf(&f->comment, "the wire: %s", dbr_text(rows, FATES));
	if (len == 0 || len > FRAME_BYTES_MAX)
		return;
	f->bytes = malloc(len);
	if (!f->bytes)
		abort();
	memcpy(f->bytes, dbr_blob(rows, BYTES), len);
	f->captured = (uint32_t)len;
}

static int read_frames(struct capture *c, int64_t until, struct batch *b)
{
	struct dbr_rows *rows;
	int r = dbr_query(c->db, frames_sql, &rows, "iii", c->done_id, until, (int64_t)BATCH);

	if (r < 0)
		return r;
	b->first = c->done_id + 1;
	b->last = c->done_id;
	while ((r = dbr_next(rows)) == 1) {
		struct capture_way way;

		b->n_rows++;
		b->last = dbr_int(rows, ID);
		c->last_ns = dbr_int(rows, TIME);
		if (is_wanted(c, rows, &way))
			read_frame(rows, way, &b->frames[b->n++]);
	}
	dbr_rows_close(rows);
	return r;
}

/* --- comments ------------------------------------------------------------------------------- */

static const char sent_sql[] =
	"SELECT s.packet, coalesce(dev.name, 'the wire'), d.sentence, r.name FROM sent s "
	"JOIN decision d ON d.id = s.decision JOIN rule r ON r.id = d.rule "
	"LEFT JOIN device dev ON dev.id = d.device WHERE s.packet BETWEEN ?1 AND ?2 "
	"ORDER BY s.packet, s.id";
static const char caused_sql[] =
	"SELECT d.packet, coalesce(dev.name, 'the wire'), d.sentence, r.name FROM decision d "
	"JOIN rule r ON r.id = d.rule LEFT JOIN device dev ON dev.id = d.device "
	"WHERE d.packet BETWEEN ?1 AND ?2 ORDER BY d.packet, d.id";

static struct frame *frame_by_id(struct batch *b, int64_t id)
{
	size_t low = 0, high = b->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (b->frames[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < b->n && b->frames[low].id == id ? &b->frames[low] : NULL;
}

static int comment(struct capture *c, struct batch *b, const char *sql, const char *before)
{
	struct dbr_rows *rows;
	int r = dbr_query(c->db, sql, &rows, "ii", b->first, b->last);

	if (r < 0)
		return r;
	while ((r = dbr_next(rows)) == 1) {
		struct frame *f = frame_by_id(b, dbr_int(rows, 0));

		if (f)
			sbuf_printf(&f->comment, "%s%s%s: %s (%s)", f->comment.len ? "\n" : "",
				    before, dbr_text(rows, 1), dbr_text(rows, 2),
				    dbr_text(rows, 3));
	}
	dbr_rows_close(rows);
	return r;
}

/* --- writing -------------------------------------------------------------------------------- */

static void write_frame(struct capture *c, struct frame *f, int64_t at_ns, struct sbuf *out)
{
	struct pcapng_frame p = { .iface = (uint32_t)f->way.iface,
				  .unix_ns = c->epoch_ns + at_ns,
				  .bytes = f->bytes,
				  .captured = f->captured,
				  .length = f->length,
				  .direction = f->way.direction,
				  .comment = f->comment.len ? sbuf_text(&f->comment) : NULL };

	if (pcapng_frame(out, &p) == 0)
		c->n_frames++;
	frame_done(f);
}

void capture_release(struct capture *c, int64_t now_ns, struct sbuf *out)
{
	struct timer *t;

	while ((t = timers_pop(&c->held, now_ns)) != NULL) {
		struct held *h = timer_owner(t, struct held, timer);

		write_frame(c, &h->frame, t->at_ns, out);
		free(h);
		c->n_held--;
	}
}

static void hold(struct capture *c, const struct frame *f, int64_t at_ns)
{
	struct held *h = calloc(1, sizeof(*h));

	if (!h)
		abort();
	h->frame = *f;
	timer_set(&c->held, &h->timer, at_ns);
	c->n_held++;
}

static void put_frame(struct capture *c, struct frame *f, struct sbuf *out)
{
	bool later = c->at_device && f->way.direction == PCAPNG_IN && f->delay_ns > 0;

	capture_release(c, f->time_ns, out);
	if (later && c->n_held < CAPTURE_HELD_MAX)
		hold(c, f, f->time_ns + f->delay_ns);
	else
		write_frame(c, f, later ? f->time_ns + f->delay_ns : f->time_ns, out);
}

int capture_read(struct capture *c, int64_t until, struct sbuf *out)
{
	struct batch *b = calloc(1, sizeof(*b));
	bool full;
	int r;

	if (!b)
		abort();
	r = read_frames(c, until, b);
	if (r == 0 && b->n > 0)
		r = comment(c, b, sent_sql, "sent because ");
	if (r == 0 && b->n > 0)
		r = comment(c, b, caused_sql, "");
	for (size_t i = 0; i < b->n; i++)
		put_frame(c, &b->frames[i], out);
	full = b->n_rows == BATCH;
	if (r == 0 && b->n_rows > 0)
		c->done_id = full ? b->last : until;
	free(b);
	return r < 0 ? r : full;
}

void capture_done(struct capture *c)
{
	struct sbuf rest = SBUF(1);

	capture_release(c, NEVER, &rest);
	sbuf_done(&rest);
	timers_done(&c->held);
	for (size_t i = 0; i < c->n_ifaces; i++) {
		free(c->ifaces[i].name);
		free(c->ifaces[i].description);
	}
	free(c->ifaces);
	free(c->ways);
}
