#include "labd/log/db_read.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/sbuf.h"
#include "labd/log/db.h"

#define BUSY_WAIT_MS 5000

struct dbr {
	sqlite3 *sql;
	struct dbr_rows *version;
};

struct dbr_rows {
	sqlite3_stmt *stmt;
};

static int to_errno(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_ERROR:
	case SQLITE_AUTH:
	case SQLITE_READONLY:
	case SQLITE_MISMATCH:
	case SQLITE_RANGE:
	case SQLITE_TOOBIG:
		return -EINVAL;
	case SQLITE_INTERRUPT:
		return -EINTR;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return -EBADMSG;
	default:
		return -EIO;
	}
}

static int open_connection(struct dbr *db, const char *path)
{
	int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
	int r = to_errno(sqlite3_open_v2(path, &db->sql, flags, NULL));

	if (r == 0) {
		sqlite3_extended_result_codes(db->sql, 1);
		sqlite3_busy_timeout(db->sql, BUSY_WAIT_MS);
		r = to_errno(sqlite3_exec(db->sql,
					  "PRAGMA query_only = 1; PRAGMA trusted_schema = 0", NULL,
					  NULL, NULL));
	}
	/* Only now the file is read. */
	if (r == 0)
		r = to_errno(sqlite3_exec(db->sql, "SELECT count(*) FROM sqlite_schema", NULL, NULL,
					  NULL));
	return r;
}

int dbr_open(const char *path, struct dbr **ret, struct sbuf *reterr)
{
	struct dbr *db;
	struct stat st;
	int r;

	if (stat(path, &st) < 0) {
		r = -errno;
		sbuf_printf(reterr, "%s: %s", path, strerror(errno));
		return r;
	}
	db = calloc(1, sizeof(*db));
	if (!db)
		return -ENOMEM;
	r = open_connection(db, path);
	if (r < 0) {
		sbuf_printf(reterr, "%s: %s", path, db->sql ? sqlite3_errmsg(db->sql) : "");
		dbr_close(db);
		return r;
	}
	*ret = db;
	return 0;
}

bool dbr_is_current(struct dbr *db)
{
	return dbr_int_of(db, "PRAGMA application_id", 0) == DB_APPLICATION_ID &&
	       dbr_int_of(db, "PRAGMA user_version", 0) == DB_USER_VERSION;
}

struct dbr *dbr_close(struct dbr *db)
{
	if (!db)
		return NULL;
	dbr_rows_close(db->version);
	sqlite3_close(db->sql);
	free(db);
	return NULL;
}

int64_t dbr_version(struct dbr *db)
{
	int64_t version;
	int r = 0;

	if (!db->version)
		r = dbr_prepare(db, "PRAGMA data_version", &db->version, NULL);
	if (r < 0)
		return r;
	r = dbr_next(db->version);
	version = r == 1 ? dbr_int(db->version, 0) : r < 0 ? r : -EIO;
	sqlite3_reset(db->version->stmt);
	return version;
}

void dbr_interrupt(struct dbr *db)
{
	sqlite3_interrupt(db->sql);
}

const char *dbr_why(struct dbr *db)
{
	return sqlite3_errmsg(db->sql);
}

int dbr_why_at(struct dbr *db)
{
	return sqlite3_error_offset(db->sql);
}

bool dbr_has(struct dbr *db, const char *name)
{
	struct dbr_rows *rows;
	bool has;

	if (dbr_query(db,
		      "SELECT 1 FROM sqlite_schema WHERE name = ?1 AND type IN ('table', 'view')",
		      &rows, "s", name) < 0)
		return false;
	has = dbr_next(rows) == 1;
	dbr_rows_close(rows);
	return has;
}

bool dbr_is_complete(const char *sql)
{
	return sqlite3_complete(sql) == 1;
}

int dbr_prepare(struct dbr *db, const char *sql, struct dbr_rows **ret, size_t *ret_used)
{
	sqlite3_stmt *stmt = NULL;
	const char *tail = sql;
	int r = to_errno(sqlite3_prepare_v2(db->sql, sql, -1, &stmt, &tail));

	if (r < 0)
		return r;
	if (ret_used)
		*ret_used = (size_t)(tail - sql);
	if (!stmt) {
		*ret = NULL;
		return 0;
	}
	*ret = calloc(1, sizeof(**ret));
	if (!*ret) {
		sqlite3_finalize(stmt);
		return -ENOMEM;
	}
	(*ret)->stmt = stmt;
	return 0;
}

int dbr_query(struct dbr *db, const char *sql, struct dbr_rows **ret, const char *types, ...)
{
	int n = 1, r = dbr_prepare(db, sql, ret, NULL);
	va_list ap;

	if (r < 0)
		return r;
	va_start(ap, types);
	for (const char *t = types; *t; t++, n++) {
		if (*t == 'i')
			sqlite3_bind_int64((*ret)->stmt, n, va_arg(ap, int64_t));
		else
			sqlite3_bind_text((*ret)->stmt, n, va_arg(ap, const char *), -1,
					  SQLITE_TRANSIENT);
	}
	va_end(ap);
	return 0;
}

int dbr_next(struct dbr_rows *rows)
{
	int code = sqlite3_step(rows->stmt);

	return code == SQLITE_ROW ? 1 : to_errno(code);
}

struct dbr_rows *dbr_rows_close(struct dbr_rows *rows)
{
	if (rows) {
		sqlite3_finalize(rows->stmt);
		free(rows);
	}
	return NULL;
}

int64_t dbr_int_of(struct dbr *db, const char *sql, int64_t otherwise)
{
	struct dbr_rows *rows;
	int64_t value = otherwise;

	if (dbr_prepare(db, sql, &rows, NULL) < 0 || !rows)
		return otherwise;
	if (dbr_next(rows) == 1 && dbr_type(rows, 0) != DBR_NULL)
		value = dbr_int(rows, 0);
	dbr_rows_close(rows);
	return value;
}

int dbr_columns(const struct dbr_rows *rows)
{
	return sqlite3_column_count(rows->stmt);
}

const char *dbr_name(const struct dbr_rows *rows, int column)
{
	return sqlite3_column_name(rows->stmt, column);
}

const char *dbr_origin_table(const struct dbr_rows *rows, int column)
{
	return sqlite3_column_table_name(rows->stmt, column);
}

const char *dbr_origin_column(const struct dbr_rows *rows, int column)
{
	return sqlite3_column_origin_name(rows->stmt, column);
}

enum dbr_type dbr_type(const struct dbr_rows *rows, int column)
{
	switch (sqlite3_column_type(rows->stmt, column)) {
	case SQLITE_INTEGER:
		return DBR_INT;
	case SQLITE_FLOAT:
		return DBR_REAL;
	case SQLITE_TEXT:
		return DBR_TEXT;
	case SQLITE_BLOB:
		return DBR_BLOB;
	default:
		return DBR_NULL;
	}
}

int64_t dbr_int(const struct dbr_rows *rows, int column)
{
	return sqlite3_column_int64(rows->stmt, column);
}

double dbr_real(const struct dbr_rows *rows, int column)
{
	return sqlite3_column_double(rows->stmt, column);
}

const char *dbr_text(const struct dbr_rows *rows, int column)
{
	const char *text = (const char *)sqlite3_column_text(rows->stmt, column);

	return text ? text : "";
}

const void *dbr_blob(const struct dbr_rows *rows, int column)
{
	return sqlite3_column_blob(rows->stmt, column);
}

size_t dbr_len(const struct dbr_rows *rows, int column)
{
	return (size_t)sqlite3_column_bytes(rows->stmt, column);
}

bool dbr_library_is_fine(char *text, size_t size)
{
	const char *missing = NULL;

	if (sqlite3_libversion_number() < 3037000)
		missing = "STRICT tables (3.37)";
	else if (sqlite3_compileoption_used("OMIT_WAL"))
		missing = "the write-ahead log";
	else if (sqlite3_compileoption_used("OMIT_JSON"))
		missing = "JSON";
	snprintf(text, size, "%s%s%s", sqlite3_libversion(), missing ? ", without " : "",
		 missing ? missing : "");
	return missing == NULL;
}

void dbr_quote_name(struct sbuf *sql, const char *name)
{
	sbuf_puts(sql, "\"");
	for (; *name; name++)
		sbuf_puts(sql, *name == '"' ? "\"\"" : (const char[]){ *name, '\0' });
	sbuf_puts(sql, "\"");
}
