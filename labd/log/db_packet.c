#include "labd/log/db_sql.h"

#include <string.h>

/* Texts made for one row; bound until the step is done. */
struct flow_text {
	char src_mac[MAC_TEXT_LEN], dst_mac[MAC_TEXT_LEN];
	char src[ADDR_TEXT_LEN], dst[ADDR_TEXT_LEN];
};

static int to_server(const struct flow *f)
{
	if (f->conv->server > 1)
		return -1;
	return f->dir != f->conv->server;
}

int db_put_flow(struct db *db, const struct flow *f)
{
	sqlite3_stmt *s = db_stmt(db, ST_FLOW);
	bool has_ports = f->src.port || f->dst.port;
	struct flow_text t;

	sqlite3_bind_int64(s, 1, (int64_t)f->id);
	sqlite3_bind_int64(s, 2, (int64_t)f->conv->id);
	sqlite3_bind_int64(s, 3, f->way);
	bind_text(s, 4, mac_format(&f->src_mac, t.src_mac));
	bind_text(s, 5, mac_format(&f->dst_mac, t.dst_mac));
	bind_int_or_null(s, 6, f->vlan);
	bind_int_or_null(s, 7, f->ether_type ? f->ether_type : -1);
	bind_int_or_null(s, 8, f->conv->ip_proto ? f->ip_proto : -1);
	bind_text(s, 9, f->src.addr.family ? addr_format(&f->src.addr, t.src) : NULL);
	bind_text(s, 10, f->dst.addr.family ? addr_format(&f->dst.addr, t.dst) : NULL);
	bind_int_or_null(s, 11, has_ports ? f->src.port : -1);
	bind_int_or_null(s, 12, has_ports ? f->dst.port : -1);
	bind_int_or_null(s, 13, to_server(f));
	return db_step(db, s);
}

int db_put_run(struct db *db, const struct db_run *r)
{
	sqlite3_stmt *s = db_stmt(db, ST_RUN);

	sqlite3_bind_int64(s, 1, (int64_t)r->id);
	sqlite3_bind_int64(s, 2, (int64_t)r->flow);
	bind_text(s, 3, r->protocol);
	sqlite3_bind_int64(s, 4, (int64_t)r->first);
	sqlite3_bind_int64(s, 5, (int64_t)r->last);
	sqlite3_bind_int64(s, 6, r->packets);
	sqlite3_bind_int64(s, 7, (int64_t)r->bytes);
	sqlite3_bind_int64(s, 8, r->first_ns);
	sqlite3_bind_int64(s, 9, r->last_ns);
	sqlite3_bind_int64(s, 10, r->offset_ns);
	bind_int_or_null(s, 11, r->is_ip ? r->ttl : -1);
	bind_int_or_null(s, 12, r->is_ip ? r->tos : -1);
	sqlite3_bind_int64(s, 13, (int64_t)(r->first >> DB_SEGMENT_SHIFT));
	return db_step(db, s);
}

/* ---- packets: many to a step, each value bound only when it differs from the one that its place
 * had before, which in a flood is most of them: a call to bind costs as much as the rest of a
 * column's way into the row ---- */

#define NO_VALUE INT64_MIN

static int64_t or_null(int64_t n)
{
	return n < 0 ? NO_VALUE : n;
}

static void numbers_of(const struct db_packet *p, int64_t out[DB_PACKET_COLUMNS])
{
	out[PACKET_ID] = (int64_t)p->id;
	out[PACKET_TIME] = p->time_ns;
	out[PACKET_FLOW] = (int64_t)p->flow;
	out[PACKET_RUN] = (int64_t)p->run;
	out[PACKET_LENGTH] = p->length;
	out[PACKET_CAPTURED] = p->captured < p->length ? (int64_t)p->captured : NO_VALUE;
	out[PACKET_BYTES_AT] = or_null(p->bytes_at);
	out[PACKET_FATE] = p->fate ? p->fate : NO_VALUE;
	out[PACKET_DELAY] = or_null(p->delay_ns);
	out[PACKET_PAYLOAD] = or_null(p->payload);
	out[PACKET_TCP_FLAGS] = or_null(p->tcp_flags);
	out[PACKET_NOTE] = p->note ? (int64_t)p->note : NO_VALUE;
	out[PACKET_RTT] = p->rtt_ns ? p->rtt_ns : NO_VALUE;
	out[PACKET_PROTOCOL] = out[PACKET_INFO] = out[PACKET_MALFORMED] = NO_VALUE;
}

static void bind_number(sqlite3_stmt *s, int at, int64_t n)
{
	if (n == NO_VALUE)
		sqlite3_bind_null(s, at);
	else
		sqlite3_bind_int64(s, at, n);
}

/* The columns from `first` on; column c is parameter at + c. */
static void bind_packet(sqlite3_stmt *s, int at, int first, const struct waiting_packet *w,
			struct bound_packet *b)
{
	for (int i = first; i < DB_PACKET_COLUMNS; i++)
		if (!b->any || w->numbers[i] != b->numbers[i])
			bind_number(s, at + i, w->numbers[i]);
	memcpy(b->numbers, w->numbers, sizeof(b->numbers));
	/* Names of protocols are constants, or interned: the same place is the same name. */
	if (w->protocol != b->protocol)
		bind_text(s, at + PACKET_PROTOCOL, w->protocol);
	b->protocol = w->protocol;
	sqlite3_bind_text(s, at + PACKET_INFO, w->text, (int)w->text_len, SQLITE_STATIC);
	if (w->malformed || b->malformed)
		bind_text(s, at + PACKET_MALFORMED, w->malformed);
	b->malformed = w->malformed != NULL;
	b->any = true;
}

/* Their ids are the next ones: known once one row of the transaction has said its own. */
static int put_all(struct db *db)
{
	sqlite3_stmt *s = db_stmt(db, ST_PACKETS);

	for (int i = 0; i < DB_PACKETS_A_STEP; i++)
		bind_packet(s, i * (DB_PACKET_COLUMNS - 1), PACKET_ID + 1, &db->packets[i],
			    &db->bound[i]);
	return db_step(db, s);
}

static int put_each(struct db *db, unsigned n)
{
	sqlite3_stmt *s = db_stmt(db, ST_PACKET);
	int r = 0;

	for (unsigned i = 0; r == 0 && i < n; i++) {
		bind_packet(s, 1, PACKET_ID, &db->packets[i], &db->bound_one);
		r = db_step(db, s);
	}
	return r;
}

int db_flush_packets(struct db *db)
{
	unsigned n = db->n_packets;
	int64_t first, last;
	bool follow;

	if (n == 0)
		return 0;
	first = db->packets[0].numbers[PACKET_ID];
	last = db->packets[n - 1].numbers[PACKET_ID];
	follow = first == db->next_id && last - first == DB_PACKETS_A_STEP - 1;
	db->n_packets = 0;
	db->next_id = last + 1;
	return follow ? put_all(db) : put_each(db, n);
}

int db_put_packet(struct db *db, const struct db_packet *p)
{
	struct waiting_packet *w = &db->packets[db->n_packets++];

	numbers_of(p, w->numbers);
	w->protocol = p->protocol;
	w->malformed = p->malformed;
	w->text_len = p->info_len < sizeof(w->text) ? p->info_len : (uint32_t)sizeof(w->text);
	memcpy(w->text, p->info, w->text_len);
	return db->n_packets == DB_PACKETS_A_STEP ? db_flush_packets(db) : 0;
}

int db_put_block(struct db *db, uint64_t id, const void *bytes, size_t len)
{
	sqlite3_stmt *s = db_stmt(db, ST_BLOCK);

	sqlite3_bind_int64(s, 1, (int64_t)id);
	sqlite3_bind_blob(s, 2, bytes, (int)len, SQLITE_STATIC);
	return db_step(db, s);
}

int db_put_field(struct db *db, uint64_t packet, unsigned n, const char *field, const char *value,
		 size_t offset, size_t len)
{
	sqlite3_stmt *s = db_stmt(db, ST_FIELD);

	sqlite3_bind_int64(s, 1, (int64_t)packet);
	sqlite3_bind_int64(s, 2, n);
	bind_text(s, 3, field);
	bind_text(s, 4, value);
	sqlite3_bind_int64(s, 5, (int64_t)offset);
	sqlite3_bind_int64(s, 6, (int64_t)len);
	return db_step(db, s);
}

int db_put_gap(struct db *db, const struct db_gap *g)
{
	sqlite3_stmt *s = db_stmt(db, ST_GAP);

	bind_int_or_null(s, 1, g->way);
	bind_int_or_null(s, 2, g->device);
	sqlite3_bind_int64(s, 3, g->since_ns);
	sqlite3_bind_int64(s, 4, g->until_ns);
	bind_text(s, 5, g->what);
	bind_int_or_null(s, 6, g->missing);
	bind_text(s, 7, g->reason);
	return db_step(db, s);
}

int db_put_progress(struct db *db, const char *name, int64_t value)
{
	sqlite3_stmt *s = db_stmt(db, ST_PROGRESS);

	bind_text(s, 1, name);
	sqlite3_bind_int64(s, 2, value);
	return db_step(db, s);
}
