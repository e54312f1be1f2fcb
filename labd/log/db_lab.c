#include <stdio.h>

#include "labd/log/db_sql.h"

/* Rows that are written once, at the start: a statement is prepared for the first of its kind and
 * kept until all are there. */
static int prepare(struct db *db, enum db_plan_stmt which, const char *sql, sqlite3_stmt **ret)
{
	int r = 0;

	if (!db->plan[which])
		r = db_errno(sqlite3_prepare_v2(db->sql, sql, -1, &db->plan[which], NULL));
	*ret = db->plan[which];
	return r;
}

static int finish(struct db *db, sqlite3_stmt *s)
{
	return db_step(db, s);
}

void db_plan_done(struct db *db)
{
	for (int i = 0; i < N_PLAN_STMTS; i++) {
		sqlite3_finalize(db->plan[i]);
		db->plan[i] = NULL;
	}
}

int db_put_lab(struct db *db, const struct log_lab *lab)
{
	sqlite3_stmt *s;
	int r = prepare(db, PLAN_LAB, "INSERT OR IGNORE INTO lab VALUES (1,?,?,?,?,?,?,?,?)", &s);

	if (r < 0)
		return r;
	bind_text(s, 1, lab->name);
	sqlite3_bind_int64(s, 2, (int64_t)lab->seed);
	sqlite3_bind_int64(s, 3, lab->epoch_ns);
	sqlite3_bind_int64(s, 4, lab->started_wall_ns);
	bind_text(s, 5, lab->file);
	bind_text(s, 6, lab->source);
	bind_text(s, 7, lab->host);
	bind_text(s, 8, lab->options);
	return finish(db, s);
}

int db_put_device(struct db *db, const struct log_device *d)
{
	sqlite3_stmt *s;
	int r = prepare(db, PLAN_DEVICE, "INSERT OR IGNORE INTO device VALUES (?,?,?)", &s);

	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, d->id);
	bind_text(s, 2, d->name);
	bind_text(s, 3, d->kind);
	return finish(db, s);
}

int db_put_iface(struct db *db, const struct log_iface *i)
{
	char mac[MAC_TEXT_LEN];
	sqlite3_stmt *s;
	int r = prepare(db, PLAN_IFACE, "INSERT OR IGNORE INTO interface VALUES (?,?,?,?,?)", &s);

	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, i->id);
	sqlite3_bind_int64(s, 2, i->device);
	bind_text(s, 3, i->name);
	bind_text(s, 4, i->kname);
	bind_text(s, 5, mac_format(&i->mac, mac));
	return finish(db, s);
}

/* The two rows of `way`, made from the interfaces that are there already. */
static int put_ways(struct db *db, const struct log_link *l)
{
	sqlite3_stmt *s;
	int r = prepare(db, PLAN_WAY,
			"INSERT OR IGNORE INTO way "
			"SELECT l.id * 2 + d.dir, l.id, l.name, sd.name, si.name, rd.name, ri.name "
			"FROM link l, (SELECT 0 AS dir UNION ALL SELECT 1) d "
			"JOIN interface si ON si.id = CASE d.dir WHEN 0 THEN l.a ELSE l.b END "
			"JOIN interface ri ON ri.id = CASE d.dir WHEN 0 THEN l.b ELSE l.a END "
			"JOIN device sd ON sd.id = si.device JOIN device rd ON rd.id = ri.device "
			"WHERE l.id = ?",
			&s);

	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, l->id);
	return finish(db, s);
}

int db_put_link(struct db *db, const struct log_link *l)
{
	static const char *const capture[] = {
		[LOG_CAPTURE_A] = "a", [LOG_CAPTURE_B] = "b", [LOG_CAPTURE_WIRES] = "wire"
	};
	sqlite3_stmt *s;
	int r = prepare(db, PLAN_LINK, "INSERT OR IGNORE INTO link VALUES (?,?,?,?,?,?,?)", &s);

	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, l->id);
	bind_text(s, 2, l->name);
	bind_text(s, 3, l->kind);
	sqlite3_bind_int64(s, 4, l->a);
	sqlite3_bind_int64(s, 5, l->b);
	bind_text(s, 6, capture[l->capture]);
	bind_text(s, 7, l->wire);
	r = finish(db, s);
	return r < 0 ? r : put_ways(db, l);
}

int db_put_rule(struct db *db, unsigned id, const char *name, const char *protocol,
		const char *kind, const char *sentence, const char *source, bool inferred)
{
	sqlite3_stmt *s;
	int r = prepare(db, PLAN_RULE, "INSERT OR IGNORE INTO rule VALUES (?,?,?,?,?,?,?)", &s);

	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, id);
	bind_text(s, 2, name);
	bind_text(s, 3, protocol);
	bind_text(s, 4, kind);
	bind_text(s, 5, sentence);
	bind_text(s, 6, source);
	sqlite3_bind_int(s, 7, inferred);
	return finish(db, s);
}
