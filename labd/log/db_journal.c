#include "labd/log/db_sql.h"

int db_put_decision(struct db *db, const struct db_decision *d)
{
	sqlite3_stmt *s = db_stmt(db, ST_DECISION);

	sqlite3_bind_int64(s, 1, (int64_t)d->id);
	sqlite3_bind_int64(s, 2, d->time_ns);
	sqlite3_bind_int64(s, 3, d->wall_ns);
	bind_int_or_null(s, 4, d->device);
	sqlite3_bind_int64(s, 5, d->rule);
	sqlite3_bind_int64(s, 6, d->count);
	bind_int_or_null(s, 7, d->packet ? (int64_t)d->packet : -1);
	bind_text(s, 8, d->packet ? NULL : d->no_packet);
	bind_int_or_null(s, 9, d->number);
	bind_text(s, 10, d->sentence);
	bind_text(s, 11, d->values);
	return db_step(db, s);
}

int db_put_sent(struct db *db, const struct db_sent *d)
{
	sqlite3_stmt *s = db_stmt(db, ST_SENT);

	sqlite3_bind_int64(s, 1, (int64_t)d->id);
	sqlite3_bind_int64(s, 2, (int64_t)d->decision);
	bind_int_or_null(s, 3, d->packet ? (int64_t)d->packet : -1);
	sqlite3_bind_int64(s, 4, d->time_ns);
	bind_text(s, 5, d->packet ? NULL : d->no_packet);
	return db_step(db, s);
}

int db_put_config(struct db *db, nsec_t time_ns, uint32_t device, const char *section,
		  const char *line)
{
	sqlite3_stmt *s = db_stmt(db, ST_CONFIG);

	sqlite3_bind_int64(s, 1, time_ns);
	sqlite3_bind_int64(s, 2, device);
	bind_text(s, 3, section ? section : "");
	bind_text(s, 4, line ? line : "");
	return db_step(db, s);
}

int db_put_refused(struct db *db, nsec_t time_ns, int64_t device, const char *object,
		   const char *text)
{
	sqlite3_stmt *s = db_stmt(db, ST_REFUSED);

	sqlite3_bind_int64(s, 1, time_ns);
	bind_int_or_null(s, 2, device);
	bind_text(s, 3, object ? object : "");
	bind_text(s, 4, text ? text : "");
	return db_step(db, s);
}

int db_put_event(struct db *db, nsec_t time_ns, int64_t wall_ns, int64_t device, const char *event,
		 const char *detail)
{
	sqlite3_stmt *s = db_stmt(db, ST_EVENT);

	sqlite3_bind_int64(s, 1, time_ns);
	sqlite3_bind_int64(s, 2, wall_ns);
	bind_int_or_null(s, 3, device);
	bind_text(s, 4, event);
	bind_text(s, 5, detail);
	return db_step(db, s);
}
