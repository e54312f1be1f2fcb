#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"
#include "labd/log/db_sql.h"
#include "labd/log/describe.h"

enum {
	SQL_TEXT_MAX = 16384,
	/* The columns that every fact has, in front of its own. */
	AT_DEVICE = 1,
	AT_SINCE,
	AT_KEY,
	AT_PACKET,
	AT_DECISION,
	AT_OWN,
	VALUE_TEXT_MAX = 4 * VAL_TEXT_MAX + 1,
};

static const char *const fixed_columns[] = { "id",  "device", "since",	  "until",
					     "key", "packet", "decision", "ended" };

struct fact_table {
	const struct describe_fact *kind;
	sqlite3_stmt *begin, *end;
	sqlite3_stmt *end_all;
	struct sbuf text[VAL_LIST_MAX]; /* of the row being written */
};

static const char *sql_type(enum val_type type)
{
	switch (type) {
	case VT_INT:
	case VT_TIME:
	case VT_DURATION:
		return "INTEGER";
	case VT_TEXT:
	case VT_ADDR:
	case VT_MAC:
	case VT_BYTES:
	case VT_NULL:
	case VT_END:
		break;
	}
	return "TEXT";
}

static bool is_fixed(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(fixed_columns); i++)
		if (strcmp(fixed_columns[i], name) == 0)
			return true;
	return false;
}

static void create_sql(const struct describe_fact *kind, struct sbuf *sql)
{
	sbuf_printf(
		sql,
		"CREATE TABLE IF NOT EXISTS \"%s\" (id INTEGER PRIMARY KEY, device TEXT NOT NULL, "
		"since INTEGER NOT NULL, until INTEGER, key TEXT NOT NULL, "
		"packet INTEGER REFERENCES packet, decision INTEGER REFERENCES decision, "
		"ended TEXT",
		kind->table);
	for (unsigned i = 0; i < kind->n_columns; i++)
		sbuf_printf(sql, ", \"%s\" %s", kind->columns[i].name,
			    sql_type(kind->columns[i].type));
	sbuf_printf(sql, ") STRICT;");
	/* Only the open ones are looked for by name, so only they are in the index. */
	sbuf_printf(sql,
		    "CREATE INDEX IF NOT EXISTS \"%s_open\" ON \"%s\" (device, key) "
		    "WHERE until IS NULL;",
		    kind->table, kind->table);
}

static void insert_sql(const struct describe_fact *kind, struct sbuf *sql)
{
	sbuf_printf(sql, "INSERT INTO \"%s\" (device, since, key, packet, decision", kind->table);
	for (unsigned i = 0; i < kind->n_columns; i++)
		sbuf_printf(sql, ", \"%s\"", kind->columns[i].name);
	sbuf_puts(sql, ") VALUES (?,?,?,?,?");
	for (unsigned i = 0; i < kind->n_columns; i++)
		sbuf_puts(sql, ",?");
	sbuf_puts(sql, ")");
}

static int prepare(struct db *db, const struct sbuf *sql, sqlite3_stmt **ret)
{
	if (sql->full)
		return -ENOBUFS;
	return db_errno(sqlite3_prepare_v3(db->sql, sbuf_text(sql), (int)sql->len + 1,
					   SQLITE_PREPARE_PERSISTENT, ret, NULL));
}

static int create_table(struct db *db, const struct describe_fact *kind)
{
	struct sbuf sql = SBUF(SQL_TEXT_MAX);
	int r;

	create_sql(kind, &sql);
	r = sql.full ? -ENOBUFS : db_exec(db, sbuf_text(&sql));
	sbuf_done(&sql);
	return r;
}

/* When it is written to for the first time: of most kinds a lab has no fact. */
static int prepare_table(struct db *db, struct fact_table *t)
{
	const struct describe_fact *kind = t->kind;
	struct sbuf sql = SBUF(SQL_TEXT_MAX);
	int r;

	if (t->end_all)
		return 0;
	insert_sql(kind, &sql);
	r = prepare(db, &sql, &t->begin);
	if (r == 0) {
		sbuf_reset(&sql);
		sbuf_printf(&sql,
			    "UPDATE \"%s\" SET until = ?, ended = ? "
			    "WHERE device = ? AND key = ? AND until IS NULL",
			    kind->table);
		r = prepare(db, &sql, &t->end);
	}
	if (r == 0) {
		sbuf_reset(&sql);
		sbuf_printf(&sql,
			    "UPDATE \"%s\" SET until = ?, ended = ? "
			    "WHERE device = ? AND until IS NULL",
			    kind->table);
		r = prepare(db, &sql, &t->end_all);
	}
	sbuf_done(&sql);
	return r;
}

static int list_kind(struct db *db, unsigned number, const struct describe_fact *kind)
{
	struct sbuf columns = SBUF(SQL_TEXT_MAX);
	sqlite3_stmt *s;
	int r = db_errno(sqlite3_prepare_v2(
		db->sql, "INSERT OR REPLACE INTO fact_kind VALUES (?,?,?,?,?)", -1, &s, NULL));

	if (r < 0)
		return r;
	for (unsigned i = 0; i < kind->n_columns; i++)
		sbuf_printf(&columns, "%s%s", i ? ", " : "", kind->columns[i].name);
	sqlite3_bind_int64(s, 1, number);
	bind_text(s, 2, kind->table);
	bind_text(s, 3, kind->help);
	sqlite3_bind_int(s, 4, kind->durable);
	bind_text(s, 5, sbuf_text(&columns));
	r = db_step(db, s);
	sqlite3_finalize(s);
	sbuf_done(&columns);
	return r;
}

static void table_free(struct fact_table *t)
{
	if (!t)
		return;
	sqlite3_finalize(t->begin);
	sqlite3_finalize(t->end);
	sqlite3_finalize(t->end_all);
	for (unsigned i = 0; i < VAL_LIST_MAX; i++)
		sbuf_done(&t->text[i]);
	free(t);
}

int db_make_fact_table(struct db *db, unsigned number, const struct describe_fact *kind,
		       bool exists, struct sbuf *reterr)
{
	struct fact_table *t;
	int r = 0;

	for (unsigned i = 0; i < kind->n_columns; i++) {
		if (is_fixed(kind->columns[i].name)) {
			sbuf_printf(reterr, "%s: every fact has a column '%s' already", kind->table,
				    kind->columns[i].name);
			return -EINVAL;
		}
	}
	if (number >= DB_FACT_KINDS_MAX)
		return -ENOSPC;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->kind = kind;
	for (unsigned i = 0; i < VAL_LIST_MAX; i++)
		t->text[i] = SBUF(VALUE_TEXT_MAX);
	if (!exists)
		r = create_table(db, kind);
	if (r == 0 && !exists)
		r = list_kind(db, number, kind);
	if (r < 0) {
		sbuf_printf(reterr, "table %s: %s", kind->table, sqlite3_errmsg(db->sql));
		table_free(t);
		return r;
	}
	table_free(db->facts[number]);
	db->facts[number] = t;
	return 0;
}

void db_fact_tables_free(struct db *db)
{
	for (unsigned i = 0; i < DB_FACT_KINDS_MAX; i++)
		table_free(db->facts[i]);
}

static bool is_number(enum val_type type)
{
	return type == VT_INT || type == VT_TIME || type == VT_DURATION;
}

/* A value goes into the column as that column's type says, whatever the node made of it. */
static void bind_value(struct fact_table *t, unsigned i, const struct val *v)
{
	sqlite3_stmt *s = t->begin;
	int at = AT_OWN + (int)i;

	if (!v || v->type == VT_NULL) {
		sqlite3_bind_null(s, at);
	} else if (is_number(t->kind->columns[i].type)) {
		if (is_number(v->type))
			sqlite3_bind_int64(s, at, v->i);
		else
			sqlite3_bind_null(s, at);
	} else {
		sbuf_reset(&t->text[i]);
		val_format(v, &t->text[i]);
		sqlite3_bind_text(s, at, sbuf_text(&t->text[i]), (int)t->text[i].len,
				  SQLITE_STATIC);
	}
}

/* The table of this kind, ready to be written to; NULL: there is none. */
static struct fact_table *table_of(struct db *db, unsigned kind)
{
	struct fact_table *t = kind < DB_FACT_KINDS_MAX ? db->facts[kind] : NULL;

	return t && prepare_table(db, t) == 0 ? t : NULL;
}

int db_fact_begin(struct db *db, const struct db_fact *f)
{
	struct fact_table *t = table_of(db, f->kind);
	struct db_fact old = *f;
	int r;

	if (!t)
		return -EINVAL;
	old.why = "changed";
	r = db_fact_end(db, &old);
	if (r < 0)
		return r;
	bind_text(t->begin, AT_DEVICE, f->device);
	sqlite3_bind_int64(t->begin, AT_SINCE, f->at_ns);
	bind_text(t->begin, AT_KEY, f->key);
	bind_int_or_null(t->begin, AT_PACKET, f->packet ? (int64_t)f->packet : -1);
	bind_int_or_null(t->begin, AT_DECISION, f->decision ? (int64_t)f->decision : -1);
	for (unsigned i = 0; i < t->kind->n_columns; i++)
		bind_value(t, i, val_find(f->columns, t->kind->columns[i].name));
	return db_step(db, t->begin);
}

int db_fact_end(struct db *db, const struct db_fact *f)
{
	struct fact_table *t = table_of(db, f->kind);

	if (!t)
		return -EINVAL;
	sqlite3_bind_int64(t->end, 1, f->at_ns);
	bind_text(t->end, 2, f->why);
	bind_text(t->end, 3, f->device);
	bind_text(t->end, 4, f->key);
	return db_step(db, t->end);
}

int db_facts_end_all(struct db *db, const char *device, nsec_t at_ns, const char *why,
		     bool keep_durable)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < DB_FACT_KINDS_MAX; i++) {
		struct fact_table *t = db->facts[i];

		if (!t || (keep_durable && t->kind->durable))
			continue;
		r = prepare_table(db, t);
		if (r < 0)
			break;
		sqlite3_bind_int64(t->end_all, 1, at_ns);
		bind_text(t->end_all, 2, why);
		bind_text(t->end_all, 3, device);
		r = db_step(db, t->end_all);
	}
	return r;
}
