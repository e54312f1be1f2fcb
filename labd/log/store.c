#include "labd/log/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "labd/log/store_in.h"

static int64_t mono_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SEC + ts.tv_nsec;
}

int store_open(const struct store_options *o, struct store **ret, struct sbuf *reterr)
{
	struct store *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->o = *o;
	s->reserve_fd = -1;
	s->tx_no = 1;
	s->runs = calloc(STORE_TX_PACKETS, sizeof(*s->runs));
	s->gaps = calloc(o->n_ways + 1, sizeof(*s->gaps));
	s->touched = calloc(o->n_ways + 1, sizeof(*s->touched));
	r = s->runs && s->gaps && s->touched ? db_open(&o->db, &s->db, reterr) : -ENOMEM;
	if (r < 0) {
		store_close(s);
		return r;
	}
	(void)db_ids(s->db, &s->first);
	s->next_packet = s->first.packet + 1;
	s->next_run = s->first.run + 1;
	s->next_decision = s->first.decision + 1;
	s->next_sent = s->first.sent + 1;
	s->block_id = s->first.block + 1;
	store_room_open(s);
	*ret = s;
	return 0;
}

struct store *store_close(struct store *s)
{
	if (!s)
		return NULL;
	if (s->db) {
		store_commit(s, s->first.last_time_ns);
		store_write_gaps(s, s->first.last_time_ns);
	}
	store_room_close(s);
	db_close(s->db);
	free(s->runs);
	free(s->gaps);
	free(s->touched);
	free(s);
	return NULL;
}

struct db *store_db(struct store *s)
{
	return s->db;
}

const struct db_ids *store_ids(const struct store *s)
{
	return &s->first;
}

uint64_t store_next_packet(const struct store *s)
{
	return s->next_packet;
}

bool store_is_dirty(const struct store *s)
{
	return s->in_tx || s->any_gap || s->feed_moved;
}

bool store_is_full_tx(const struct store *s)
{
	return s->failed || s->tx_packets >= STORE_TX_PACKETS || s->tx_rows >= 2 * STORE_TX_PACKETS;
}

void store_feed_pos(struct store *s, uint64_t pos)
{
	s->feed_pos = pos;
	s->feed_moved = true;
}

bool store_lost_flows(struct store *s)
{
	bool lost = s->lost_flows;

	s->lost_flows = false;
	return lost;
}

/* ---- transactions ---- */

static const char *reason_of(int r)
{
	if (r == -ENOSPC)
		return "the disk is full";
	if (r == -EBUSY)
		return "another program holds the database for writing";
	return "the database could not be written";
}

void store_check(struct store *s, int r)
{
	s->tx_rows++;
	if (r == 0 || s->failed)
		return;
	s->failed = true;
	s->reason = reason_of(r);
	if (r == -ENOSPC) {
		s->room = ROOM_NONE;
		store_room_free_reserve(s);
	}
}

bool store_ready(struct store *s)
{
	int r;

	if (s->in_tx)
		return !s->failed;
	r = db_begin(s->db);
	if (r < 0) {
		s->reason = reason_of(r);
		return false;
	}
	s->in_tx = true;
	s->failed = false;
	s->tx_packets = 0;
	s->tx_rows = 0;
	s->n_runs = 0;
	return true;
}

static void flush_block(struct store *s)
{
	if (s->block_len == 0)
		return;
	store_check(s, db_put_block(s->db, s->block_id, s->block, s->block_len));
	s->block_id++;
	s->block_len = 0;
}

static void flush_tx(struct store *s)
{
	flush_block(s);
	for (uint32_t i = 0; i < s->n_runs && !s->failed; i++)
		store_check(s, db_put_run(s->db, &s->runs[i]));
	if (s->feed_moved && !s->failed)
		store_check(s, db_put_progress(s->db, "feed", (int64_t)s->feed_pos));
}

/* The transaction's frames become counts. */
static void count_lost_tx(struct store *s, nsec_t time_ns)
{
	for (uint32_t i = 0; i < s->n_touched; i++)
		store_count_missing(s, s->touched[i], time_ns, s->gaps[s->touched[i]].in_tx);
	s->lost_flows = true;
	s->block_len = 0;
}

void store_commit(struct store *s, nsec_t time_ns)
{
	int64_t start = mono_now_ns(), took;

	if (!s->in_tx && !(s->feed_moved && store_ready(s)))
		return;
	if (!s->failed)
		flush_tx(s);
	if (!s->failed)
		store_check(s, db_commit(s->db));
	if (s->failed) {
		db_rollback(s->db);
		count_lost_tx(s, time_ns);
	} else {
		s->feed_moved = false;
	}
	for (uint32_t i = 0; i < s->n_touched; i++)
		s->gaps[s->touched[i]].in_tx = 0;
	s->n_touched = 0;
	s->next_run += s->n_runs;
	s->n_runs = 0;
	s->in_tx = false;
	s->failed = false;
	s->tx_no++;
	s->stats.n_commits++;
	took = mono_now_ns() - start;
	if (took > s->stats.worst_commit_ns)
		s->stats.worst_commit_ns = took;
	store_room_look(s);
}

/* ---- frames ---- */

static bool run_fits(const struct db_run *run, const struct store_frame *f)
{
	return run->flow == f->flow->id && run->protocol == f->info->protocol &&
	       run->ttl == f->pkt->ttl && run->tos == f->pkt->tos &&
	       run->offset_ns == f->wall_ns - f->time_ns;
}

static struct db_run *find_run(struct store *s, const struct store_frame *f, uint64_t id,
			       unsigned *ret_place)
{
	unsigned place = (unsigned)(id % FLOW_RUNS);

	for (unsigned i = 0; i < FLOW_RUNS; i++) {
		uint64_t at = f->flow->runs[i];

		if ((uint32_t)(at >> 32) != s->tx_no) {
			place = i;
			continue;
		}
		if (run_fits(&s->runs[(uint32_t)at], f))
			return &s->runs[(uint32_t)at];
	}
	*ret_place = place;
	return NULL;
}

static uint64_t add_to_run(struct store *s, const struct store_frame *f, uint64_t id)
{
	unsigned place = 0;
	struct db_run *run = find_run(s, f, id, &place);

	if (!run) {
		f->flow->runs[place] = (uint64_t)s->tx_no << 32 | s->n_runs;
		run = &s->runs[s->n_runs];
		*run = (struct db_run){ .id = s->next_run + s->n_runs,
					.flow = f->flow->id,
					.protocol = f->info->protocol,
					.first = id,
					.first_ns = f->time_ns,
					.offset_ns = f->wall_ns - f->time_ns,
					.is_ip = f->pkt->ip_version != 0,
					.ttl = f->pkt->ttl,
					.tos = f->pkt->tos };
		s->n_runs++;
	}
	run->last = id;
	run->last_ns = f->time_ns;
	run->packets++;
	run->bytes += f->pkt->len;
	return run->id;
}

uint32_t store_payload_limit(const struct store *s)
{
	uint32_t limit = s->o.payload_bytes;

	if (limit == LOG_KEEP_HEADERS)
		return STORE_SHORT_BYTES;
	if (limit == 0)
		limit = PKT_FRAME_MAX;
	if ((s->room != ROOM_PLENTY || s->pressure) && limit > STORE_SHORT_BYTES)
		return STORE_SHORT_BYTES;
	return limit;
}

static uint32_t octets_to_keep(struct store *s, const struct store_frame *f)
{
	const struct pkt *pkt = f->pkt;
	uint32_t limit = store_payload_limit(s);
	uint32_t wanted = s->o.payload_bytes;

	if (wanted == LOG_KEEP_HEADERS)
		return pkt->payload_off < pkt->cap_len ? pkt->payload_off : pkt->cap_len;
	if (wanted == 0 || wanted > pkt->len)
		wanted = pkt->len;
	if (limit < wanted || pkt->cap_len < wanted)
		store_count_short(s, f->flow->way, f->time_ns);
	return limit < pkt->cap_len ? limit : pkt->cap_len;
}

static int64_t keep_octets(struct store *s, const struct pkt *pkt, uint32_t n)
{
	int64_t at;

	if (n == 0)
		return -1;
	if (s->block_len + n > STORE_BLOCK_BYTES)
		flush_block(s);
	at = (int64_t)(s->block_id << 16 | s->block_len);
	memcpy(s->block + s->block_len, pkt->data, n);
	s->block_len += n;
	return at;
}

static void touch_way(struct store *s, uint32_t way)
{
	if (s->gaps[way].in_tx++ == 0)
		s->touched[s->n_touched++] = way;
}

static void put_packet(struct store *s, const struct store_frame *f, uint64_t id)
{
	const struct pkt *pkt = f->pkt;
	uint32_t kept = octets_to_keep(s, f);
	struct db_packet p = {
		.id = id,
		.time_ns = f->time_ns,
		.flow = f->flow->id,
		.run = add_to_run(s, f, id),
		.protocol = f->info->protocol,
		.length = pkt->len,
		.captured = kept,
		.bytes_at = keep_octets(s, pkt, kept),
		.fate = f->fate,
		.delay_ns = f->delay_ns,
		.payload = pkt->has_ports ? (int64_t)pkt->payload_len : -1,
		.tcp_flags = f->tcp ? pkt->tcp_flags : -1,
		.note = f->tcp ? f->tcp->note : 0,
		.rtt_ns = f->tcp ? f->tcp->rtt_ns : 0,
		.info = f->info->text.text,
		.info_len = f->info->text.len,
		.malformed = f->info->malformed,
	};

	if (pkt->l4_sum == SUM_BAD || pkt->ip_sum == SUM_BAD)
		p.note |= NOTE_BAD_SUM;
	if (pkt->fragment)
		p.note |= NOTE_FRAGMENT;
	store_check(s, db_put_packet(s->db, &p));
}

uint64_t store_frame(struct store *s, const struct store_frame *f)
{
	uint32_t way = f->flow->way;

	if (s->in_tx && store_is_full_tx(s))
		store_commit(s, f->time_ns);
	if (s->room == ROOM_NONE || !store_ready(s)) {
		store_count_missing(s, way, f->time_ns, 1);
		return 0;
	}
	touch_way(s, way);
	if (!f->flow->stored) {
		store_check(s, db_put_flow(s->db, f->flow));
		f->flow->stored = true;
	}
	put_packet(s, f, s->next_packet);
	s->tx_packets++;
	s->stats.n_packets++;
	s->stats.n_bytes += f->pkt->len;
	return s->next_packet++;
}

void store_field(struct store *s, uint64_t packet, unsigned n, const char *field, const char *value,
		 size_t offset, size_t len)
{
	if (store_ready(s))
		store_check(s, db_put_field(s->db, packet, n, field, value, offset, len));
}

/* ---- decisions and the rest ---- */

uint64_t store_decision(struct store *s, struct db_decision *d)
{
	if (!store_ready(s)) {
		s->lost_decisions++;
		return 0;
	}
	d->id = s->next_decision++;
	store_check(s, db_put_decision(s->db, d));
	s->stats.n_decisions++;
	return d->id;
}

void store_sent(struct store *s, struct db_sent *d)
{
	if (!store_ready(s))
		return;
	d->id = s->next_sent++;
	store_check(s, db_put_sent(s->db, d));
}

void store_gap(struct store *s, const struct db_gap *g)
{
	if (store_ready(s))
		store_check(s, db_put_gap(s->db, g));
}

void store_event(struct store *s, nsec_t time_ns, int64_t wall_ns, int64_t device,
		 const char *event, const char *detail)
{
	if (store_ready(s))
		store_check(s, db_put_event(s->db, time_ns, wall_ns, device, event, detail));
}

struct store_stats store_stats(struct store *s)
{
	struct db_wal wal = db_wal(s->db);

	s->stats.db_bytes = db_bytes(s->db);
	s->stats.wal_bytes = wal.bytes;
	s->stats.room = s->room;
	return s->stats;
}
