#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"
#include "base/types.h"
#include "labd/ctl/moment.h"
#include "labd/ctl/why.h"
#include "labd/log/db_read.h"

#define WINDOW_NS   (10 * SEC) /* how long a packet may be on its way, before and after */
#define SEEN_MAX    2000       /* candidates that are compared */
#define SAME_MAX    400
#define NOT_ARRIVED (1 | 16 | 32) /* packet.fate: lost, queue-drop, link-down */

/* A candidate, with what the story says of it. */
struct crossing {
	struct sighting s;
	struct frame_key key;
	char *sender, *receiver, *from, *to, *link, *protocol, *info, *fates, *kind;
	int64_t length, fate, delay_ns;
};

struct crossings {
	struct crossing *all;
	size_t n, asked;
};

enum {
	ID,
	TIME,
	WAY,
	SENDER,
	SENDER_IF,
	RECEIVER,
	RECEIVER_IF,
	LINK,
	PROTOCOL,
	INFO,
	LENGTH,
	FATE,
	DELAY,
	FATES,
	KIND,
	BYTES,
};

/* Frames of the same addresses and ports in the same moments, on any link; nearest first when there
 * are too many. */
static const char candidates_sql[] =
	"WITH asked AS (SELECT f.*, p.time_ns AS t, p.payload AS size, p.tcp_flags AS flags "
	"FROM packet p JOIN flow f ON f.id = p.flow WHERE p.id = ?1), "
	"near AS (SELECT p.*, f.way FROM asked a JOIN flow f "
	"ON f.src IS a.src AND f.dst IS a.dst AND f.ether_type IS a.ether_type "
	"AND f.ip_proto IS a.ip_proto AND f.src_port IS a.src_port AND f.dst_port IS a.dst_port "
	"AND (a.src IS NOT NULL OR (f.src_mac = a.src_mac AND f.dst_mac = a.dst_mac)) "
	"JOIN packet_run r ON r.flow = f.id AND r.last_ns >= a.t - ?2 AND r.first_ns <= a.t + ?2 "
	"JOIN packet p ON p.id BETWEEN r.first AND r.last AND p.run = r.id "
	"WHERE p.payload IS a.size AND p.tcp_flags IS a.flags AND abs(p.time_ns - a.t) <= ?2 "
	"ORDER BY abs(p.time_ns - a.t) LIMIT ?3) "
	"SELECT n.id, n.time_ns, n.way, w.sender, w.sender_interface, w.receiver, "
	"w.receiver_interface, w.link_name, n.protocol, n.info, n.length, coalesce(n.fate, 0), "
	"n.delay_ns, "
	"(SELECT group_concat(name, ', ') FROM packet_fate WHERE bit & n.fate), d.kind, "
	"(SELECT substr(bytes, (n.bytes_at & 65535) + 1, min(coalesce(n.captured, n.length), ?4)) "
	"FROM packet_block WHERE id = n.bytes_at >> 16) "
	"FROM near n JOIN way w ON w.id = n.way JOIN device d ON d.name = w.receiver ORDER BY n.id";

static char *column(const struct dbr_rows *rows, int i)
{
	return why_format("%s", dbr_text(rows, i));
}

static void read_crossing(const struct dbr_rows *rows, struct crossing *c)
{
	*c = (struct crossing){ .sender = column(rows, SENDER),
				.receiver = column(rows, RECEIVER),
				.from = column(rows, SENDER_IF),
				.to = column(rows, RECEIVER_IF),
				.link = column(rows, LINK),
				.protocol = column(rows, PROTOCOL),
				.info = column(rows, INFO),
				.fates = column(rows, FATES),
				.kind = column(rows, KIND),
				.length = dbr_int(rows, LENGTH),
				.fate = dbr_int(rows, FATE),
				.delay_ns = dbr_type(rows, DELAY) == DBR_NULL
						    ? -1
						    : dbr_int(rows, DELAY) };
	c->s = (struct sighting){ .id = dbr_int(rows, ID),
				  .time_ns = dbr_int(rows, TIME),
				  .way = dbr_int(rows, WAY),
				  .sender = c->sender,
				  .receiver = c->receiver,
				  .arrived = !(c->fate & NOT_ARRIVED) };
	if (dbr_len(rows, BYTES) > 0)
		frame_key(dbr_blob(rows, BYTES), dbr_len(rows, BYTES), &c->key);
}

static void free_crossing(struct crossing *c)
{
	free(c->sender);
	free(c->receiver);
	free(c->from);
	free(c->to);
	free(c->link);
	free(c->protocol);
	free(c->info);
	free(c->fates);
	free(c->kind);
}

static void free_crossings(struct crossings *x)
{
	for (size_t i = 0; i < x->n; i++)
		free_crossing(&x->all[i]);
	free(x->all);
}

/* Frames whose octets were not kept are told apart by what was said of them. */
static bool is_same(const struct crossing *a, const struct crossing *b)
{
	if (a->key.len > 0 && b->key.len > 0)
		return frame_key_equal(&a->key, &b->key);
	return strcmp(a->info, b->info) == 0;
}

/* The same packet, at most SAME_MAX sightings around the one that was asked about. */
static void keep_same(struct crossings *x)
{
	bool *same = calloc(x->n, sizeof(*same));
	size_t asked = x->asked, kept = 0;

	if (!same)
		abort();
	for (size_t i = 0; i < x->n; i++) {
		size_t away = i < asked ? asked - i : i - asked;

		same[i] =
			i == asked || (away < SAME_MAX / 2 && is_same(&x->all[i], &x->all[asked]));
	}
	for (size_t i = 0; i < x->n; i++) {
		if (i == asked)
			x->asked = kept;
		if (same[i])
			x->all[kept++] = x->all[i];
		else
			free_crossing(&x->all[i]);
	}
	x->n = kept;
	free(same);
}

static int find_crossings(struct dbr *db, int64_t id, struct crossings *x)
{
	struct dbr_rows *rows;
	bool found = false;
	int r = dbr_query(db, candidates_sql, &rows, "iiii", id, (int64_t)WINDOW_NS,
			  (int64_t)SEEN_MAX, (int64_t)FRAME_KEY_BYTES);

	if (r < 0)
		return r;
	x->all = calloc(SEEN_MAX, sizeof(*x->all));
	if (!x->all)
		abort();
	while (x->n < SEEN_MAX && (r = dbr_next(rows)) == 1) {
		read_crossing(rows, &x->all[x->n]);
		if (x->all[x->n].s.id == id) {
			x->asked = x->n;
			found = true;
		}
		x->n++;
	}
	dbr_rows_close(rows);
	if (r >= 0 && found)
		keep_same(x);
	return r < 0 ? r : found ? 0 : -ENOENT;
}

/* --- telling it ----------------------------------------------------------------------------- */

static char *crossing_more(const struct crossing *c)
{
	struct sbuf text = SBUF(4096);
	char *more;

	if (c->fates[0])
		sbuf_printf(&text, "the wire: %s", c->fates);
	if (c->delay_ns > 0) {
		sbuf_puts(&text, c->fates[0] ? "; kept for " : "the wire kept it for ");
		moment_duration(&text, c->delay_ns);
	}
	more = text.len ? why_format("%s", sbuf_text(&text)) : NULL;
	sbuf_done(&text);
	return more;
}

static void tell_crossing(struct story *s, const struct crossing *c, bool marked)
{
	struct story_item item = {
		.kind = STORY_PACKET,
		.id = c->s.id,
		.time_ns = c->s.time_ns,
		.device = why_format("%s:%s -> %s:%s", c->sender, c->from, c->receiver, c->to),
		.text = why_format("packet %" PRId64 ", %s, %" PRId64 " octets: %s", c->s.id,
				   c->protocol, c->length, c->info),
		.more = crossing_more(c),
		.marked = marked
	};

	story_add(s, &item);
}

static bool is_bridge(const struct crossing *c)
{
	return strcmp(c->kind, "switch") == 0 || strcmp(c->kind, "hub") == 0;
}

/* No decision is tied to a packet that came here: who knows why? */
static void tell_unseen(struct story *s, const struct crossing *c, bool goes_on)
{
	if (goes_on && is_bridge(c))
		story_unseen(s, c->receiver,
			     "no decision is tied to this packet: it was carried by the kernel's "
			     "bridge");
	else if (goes_on)
		story_unseen(s, c->receiver,
			     "no decision is tied to this packet: it was forwarded by the kernel's "
			     "IP layer");
	else if (is_bridge(c))
		story_unseen(
			s, c->receiver,
			"no decision is tied to this packet, and it did not leave the %s: what "
			"the kernel's bridge did with it cannot be seen",
			c->kind);
	else
		story_unseen(
			s, c->receiver,
			"no decision is tied to this packet: it ended in the kernel (Ethernet, "
			"ARP, IP, TCP) or in a program of the host, and neither tells why");
}

static int tell_one(struct dbr *db, struct story *s, const struct crossing *c, bool first,
		    bool marked, bool goes_on)
{
	int sent = story_decisions(db, s,
				   "WHERE d.id IN (SELECT decision FROM sent WHERE packet = ?1) "
				   "ORDER BY d.id",
				   "i", c->s.id, NULL);
	int decided;

	if (sent < 0)
		return sent;
	if (sent == 0 && first)
		story_unseen(
			s, c->sender,
			"no decision is tied to this packet's sending: it comes from the kernel "
			"(ARP, ICMP, TCP) or from a program of the host");
	tell_crossing(s, c, marked);
	decided = story_decisions(db, s, "WHERE d.packet = ?1 ORDER BY d.id", "i", c->s.id, NULL);
	if (decided == 0 && c->s.arrived)
		tell_unseen(s, c, goes_on);
	return decided < 0 ? decided : 0;
}

static int tell_journey(struct dbr *db, struct story *s, const struct crossings *x)
{
	struct sighting *seen = calloc(x->n, sizeof(*seen));
	bool *in = calloc(x->n, sizeof(*in)), first = true;
	int r = 0;

	if (!seen || !in)
		abort();
	for (size_t i = 0; i < x->n; i++)
		seen[i] = x->all[i].s;
	journey_find(seen, x->n, x->asked, in);
	for (size_t i = 0; r == 0 && i < x->n; i++) {
		if (!in[i])
			continue;
		r = tell_one(db, s, &x->all[i], first, i == x->asked,
			     journey_goes_on(seen, x->n, i, in));
		first = false;
	}
	free(seen);
	free(in);
	return r;
}

int why_packet(struct dbr *db, int64_t id, struct story *s)
{
	struct crossings x = { 0 };
	int r = find_crossings(db, id, &x);

	if (r == 0)
		r = tell_journey(db, s, &x);
	free_crossings(&x);
	return r;
}
