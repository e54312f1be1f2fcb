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

/* Into the parameters from `at` on. */
static void bind_packet(sqlite3_stmt *s, int at, const struct db_packet *p)
{
	sqlite3_bind_int64(s, at, (int64_t)p->id);
	sqlite3_bind_int64(s, at + 1, p->time_ns);
	sqlite3_bind_int64(s, at + 2, (int64_t)p->flow);
	bind_text(s, at + 3, p->protocol);
	sqlite3_bind_int64(s, at + 4, (int64_t)p->run);
	sqlite3_bind_int64(s, at + 5, p->length);
	bind_int_or_null(s, at + 6, p->captured < p->length ? (int64_t)p->captured : -1);
	bind_int_or_null(s, at + 7, p->bytes_at);
	bind_int_or_null(s, at + 8, p->fate ? p->fate : -1);
	bind_int_or_null(s, at + 9, p->delay_ns);
	bind_int_or_null(s, at + 10, p->payload);
	bind_int_or_null(s, at + 11, p->tcp_flags);
	bind_int_or_null(s, at + 12, p->note ? (int64_t)p->note : -1);
	bind_int_or_null(s, at + 13, p->rtt_ns ? p->rtt_ns : -1);
	sqlite3_bind_text(s, at + 14, p->info, (int)p->info_len, SQLITE_STATIC);
	bind_text(s, at + 15, p->malformed);
}

static int put_all(struct db *db)
{
	sqlite3_stmt *s = db_stmt(db, ST_PACKETS);

	for (int i = 0; i < DB_PACKETS_A_STEP; i++)
		bind_packet(s, 1 + i * DB_PACKET_COLUMNS, &db->packets[i].row);
	return db_step(db, s);
}

int db_flush_packets(struct db *db)
{
	sqlite3_stmt *s = db_stmt(db, ST_PACKET);
	unsigned n = db->n_packets;
	int r = 0;

	db->n_packets = 0;
	if (n == DB_PACKETS_A_STEP)
		return put_all(db);
	for (unsigned i = 0; r == 0 && i < n; i++) {
		bind_packet(s, 1, &db->packets[i].row);
		r = db_step(db, s);
	}
	return r;
}

int db_put_packet(struct db *db, const struct db_packet *p)
{
	struct waiting_packet *w = &db->packets[db->n_packets++];
	uint32_t len = p->info_len < sizeof(w->text) ? p->info_len : (uint32_t)sizeof(w->text);

	w->row = *p;
	memcpy(w->text, p->info, len);
	w->row.info = w->text;
	w->row.info_len = len;
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
