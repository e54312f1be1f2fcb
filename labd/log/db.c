#include "labd/log/db.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sbuf.h"
#include "labd/log/db_sql.h"

enum {
	CACHE_KIB = 8192,
	/* Copied back from the write-ahead log after a commit that made it longer than this: a few
	 * milliseconds' work at most. */
	CHECKPOINT_PAGES = 96,
	/* With so much in it, insist that it starts from its front again. */
	RESTART_PAGES = 4096,
	READER_WAIT_MS = 5,
	WRITER_WAIT_MS = 1000,
};

#define PACKET_ROW "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
/* Without an id: the next one. Looking whether it is there already would cost as much as a seventh
 * of the row. */
#define NEXT_ROW     "(NULL,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
#define PACKET_ROWS4 NEXT_ROW "," NEXT_ROW "," NEXT_ROW "," NEXT_ROW
#define PACKET_ROWS8 PACKET_ROWS4 "," PACKET_ROWS4
static_assert(DB_PACKETS_A_STEP == 32 && DB_PACKET_COLUMNS == 16, "as ST_PACKETS has them");

static const char *const stmt_sql[N_STMTS] = {
	[ST_BEGIN] = "BEGIN IMMEDIATE",
	[ST_COMMIT] = "COMMIT",
	[ST_ROLLBACK] = "ROLLBACK",
	[ST_PAGES] = "PRAGMA page_count",
	[ST_FLOW] = "INSERT OR IGNORE INTO flow SELECT ?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,"
		    "link_name, sender, receiver FROM way WHERE id = ?3",
	[ST_RUN] = "INSERT INTO packet_run VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[ST_PACKET] = "INSERT INTO packet VALUES " PACKET_ROW,
	[ST_PACKETS] = "INSERT INTO packet VALUES " PACKET_ROWS8 "," PACKET_ROWS8 "," PACKET_ROWS8
		       "," PACKET_ROWS8,
	[ST_BLOCK] = "INSERT INTO packet_block VALUES (?,?)",
	[ST_FIELD] = "INSERT OR IGNORE INTO packet_field VALUES (?,?,?,?,?,?)",
	[ST_GAP] = "INSERT INTO capture_gap VALUES (NULL,?,?,?,?,?,?,?)",
	[ST_PROGRESS] = "INSERT INTO progress VALUES (?,?) "
			"ON CONFLICT (name) DO UPDATE SET value = excluded.value",
	[ST_DECISION] = "INSERT INTO decision VALUES (?,?,?,?,?,?,?,?,?,?,?)",
	[ST_SENT] = "INSERT INTO sent VALUES (?,?,?,?,?)",
	[ST_CONFIG] = "INSERT INTO config_line VALUES (NULL,?,?,?,?)",
	[ST_REFUSED] = "INSERT INTO refused VALUES (NULL,?,?,?,?)",
	[ST_EVENT] = "INSERT INTO node_event VALUES (NULL,?,?,?,?,?)",
};

int db_errno(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	default:
		return -EIO;
	}
}

const char *db_error(struct db *db)
{
	return sqlite3_errmsg(db->sql);
}

int db_exec(struct db *db, const char *sql)
{
	return db_errno(sqlite3_exec(db->sql, sql, NULL, NULL, NULL));
}

sqlite3_stmt *db_stmt(struct db *db, enum db_stmt which)
{
	return db->stmts[which];
}

int db_step(struct db *db, sqlite3_stmt *stmt)
{
	int code = sqlite3_step(stmt);

	(void)db;
	sqlite3_reset(stmt);
	/* A write that the system refuses for lack of room may come as an I/O error. */
	if ((code & 0xff) == SQLITE_IOERR &&
	    sqlite3_system_errno(sqlite3_db_handle(stmt)) == ENOSPC)
		return -ENOSPC;
	return db_errno(code);
}

void bind_text(sqlite3_stmt *s, int at, const char *text)
{
	if (text)
		sqlite3_bind_text(s, at, text, -1, SQLITE_STATIC);
	else
		sqlite3_bind_null(s, at);
}

void bind_int_or_null(sqlite3_stmt *s, int at, int64_t n)
{
	if (n < 0)
		sqlite3_bind_null(s, at);
	else
		sqlite3_bind_int64(s, at, n);
}

/* One number from a query that always has one; `otherwise` when it fails. */
static int64_t query_int(struct db *db, const char *sql, int64_t otherwise)
{
	sqlite3_stmt *s = NULL;
	int64_t n = otherwise;

	if (sqlite3_prepare_v2(db->sql, sql, -1, &s, NULL) == SQLITE_OK &&
	    sqlite3_step(s) == SQLITE_ROW)
		n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return n;
}

static int make_schema(struct db *db)
{
	int r = db_exec(db, "BEGIN");

	for (size_t i = 0; r == 0 && db_schema[i]; i++)
		r = db_exec(db, db_schema[i]);
	if (r == 0) {
		char version[64];

		(void)snprintf(version, sizeof(version),
			       "PRAGMA application_id = %d; PRAGMA user_version = %d",
			       DB_APPLICATION_ID, DB_USER_VERSION);
		r = db_exec(db, version);
	}
	return r < 0 ? r : db_exec(db, "COMMIT");
}

static int check_schema(struct db *db, struct sbuf *reterr)
{
	int64_t version = query_int(db, "PRAGMA user_version", -1);

	if (version == 0 && query_int(db, "SELECT count(*) FROM sqlite_schema", -1) == 0)
		return make_schema(db);
	if (version == DB_USER_VERSION &&
	    query_int(db, "PRAGMA application_id", 0) == DB_APPLICATION_ID)
		return 0;
	sbuf_printf(reterr, "it is not a labd database of version %d (found version %lld)",
		    DB_USER_VERSION, (long long)version);
	return -EPROTO;
}

static int set_pragmas(struct db *db, const struct db_options *o)
{
	char text[320];

	/* Automatic checkpoints would come at a moment of SQLite's choosing; see db_checkpoint().
	 */
	(void)snprintf(text, sizeof(text),
		       "PRAGMA synchronous = %s; PRAGMA page_size = 16384;"
		       "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;"
		       "PRAGMA cache_size = -%d; PRAGMA temp_store = MEMORY;"
		       "PRAGMA foreign_keys = OFF; PRAGMA trusted_schema = ON;"
		       "PRAGMA secure_delete = OFF",
		       o->power_safe ? "FULL" : "OFF", CACHE_KIB);
	return db_exec(db, text);
}

static int prepare_all(struct db *db)
{
	for (int i = 0; i < N_STMTS; i++) {
		int code = sqlite3_prepare_v3(db->sql, stmt_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
					      &db->stmts[i], NULL);

		if (code != SQLITE_OK)
			return db_errno(code);
	}
	return 0;
}

static int on_commit(void *arg, sqlite3 *sql, const char *name, int pages)
{
	struct db *db = arg;

	(void)sql;
	(void)name;
	db->wal_pages = pages;
	return SQLITE_OK;
}

static void open_shm(struct db *db)
{
	char path[4096];

	if (snprintf(path, sizeof(path), "%s-shm", db->path) < (int)sizeof(path))
		db->shm_fd = open(path, O_RDONLY | O_CLOEXEC);
}

static int open_all(struct db *db, const struct db_options *o, struct sbuf *reterr)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	int r = db_errno(sqlite3_open_v2(o->path, &db->sql, flags, NULL));

	if (r == 0)
		sqlite3_busy_timeout(db->sql, 1000);
	if (r == 0)
		r = set_pragmas(db, o);
	if (r == 0)
		r = check_schema(db, reterr);
	if (r == 0)
		r = prepare_all(db);
	if (r < 0)
		return r;
	sqlite3_wal_hook(db->sql, on_commit, db);
	db->page_bytes = (uint32_t)query_int(db, "PRAGMA page_size", 16384);
	open_shm(db);
	return 0;
}

int db_open(const struct db_options *o, struct db **ret, struct sbuf *reterr)
{
	struct db *db = calloc(1, sizeof(*db));
	int r;

	/* One thread, and nobody asks how much memory SQLite took: no locks around each allocation.
	 * A process that used SQLite before keeps what it has. */
	(void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);

	if (!db)
		return -ENOMEM;
	db->shm_fd = -1;
	db->path = strdup(o->path);
	r = db->path ? open_all(db, o, reterr) : -ENOMEM;
	if (r < 0) {
		if (r != -EPROTO && db->sql)
			sbuf_printf(reterr, "cannot open the database %s: %s", o->path,
				    sqlite3_errmsg(db->sql));
		db_close(db);
		return r;
	}
	*ret = db;
	return 0;
}

struct db *db_close(struct db *db)
{
	if (!db)
		return NULL;
	for (int i = 0; i < N_STMTS; i++)
		sqlite3_finalize(db->stmts[i]);
	db_plan_done(db);
	db_fact_tables_free(db);
	sqlite3_close(db->sql);
	/* Not before: closing any descriptor of a file ends this process's locks on it. */
	if (db->shm_fd >= 0)
		close(db->shm_fd);
	free(db->path);
	free(db);
	return NULL;
}

int db_begin(struct db *db)
{
	int r;

	/* Somebody who writes with sqlite3 is waited for; a checkpoint does not wait for readers.
	 */
	sqlite3_busy_timeout(db->sql, WRITER_WAIT_MS);
	r = db_step(db, db->stmts[ST_BEGIN]);
	sqlite3_busy_timeout(db->sql, READER_WAIT_MS);
	db->next_id = 0;
	return r;
}

int db_commit(struct db *db)
{
	int r = db_flush_packets(db);

	if (r == 0)
		r = db_step(db, db->stmts[ST_COMMIT]);

	if (r == 0 && db->wal_pages >= CHECKPOINT_PAGES)
		db_checkpoint(db);
	return r;
}

void db_rollback(struct db *db)
{
	db->n_packets = 0;
	/* Some errors have ended the transaction already. */
	if (!sqlite3_get_autocommit(db->sql))
		(void)db_step(db, db->stmts[ST_ROLLBACK]);
}

void db_checkpoint(struct db *db)
{
	int mode = db->wal_pages >= RESTART_PAGES ? SQLITE_CHECKPOINT_RESTART
						  : SQLITE_CHECKPOINT_PASSIVE;
	int pages = 0, copied = 0;

	(void)sqlite3_wal_checkpoint_v2(db->sql, NULL, mode, &pages, &copied);
}

/* WAL readers hold a shared lock on one of five octets of the -shm file (sqlite.org/walformat:
 * "WAL-Index Locks": octets 123 to 127). */
static int64_t reader_pid(struct db *db)
{
	enum { FIRST_READ_LOCK = 123, N_READ_LOCKS = 5 };

	for (int i = 0; i < N_READ_LOCKS; i++) {
		struct flock lock = { .l_type = F_WRLCK,
				      .l_whence = SEEK_SET,
				      .l_start = FIRST_READ_LOCK + i,
				      .l_len = 1 };

		if (fcntl(db->shm_fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
			return lock.l_pid > 0 ? lock.l_pid : -1;
	}
	return 0;
}

struct db_wal db_wal(struct db *db)
{
	struct db_wal wal = { .bytes = (uint64_t)db->wal_pages * db->page_bytes };
	int pages = 0, copied = 0;

	if (sqlite3_wal_checkpoint_v2(db->sql, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied) ==
		    SQLITE_OK &&
	    pages > copied) {
		wal.held_bytes = (uint64_t)(pages - copied) * db->page_bytes;
		wal.reader_pid = db->shm_fd >= 0 ? reader_pid(db) : -1;
	}
	return wal;
}

uint64_t db_wal_bytes(const struct db *db)
{
	return (uint64_t)db->wal_pages * db->page_bytes;
}

uint64_t db_bytes(struct db *db)
{
	sqlite3_stmt *s = db->stmts[ST_PAGES];
	uint64_t pages = 0;

	if (sqlite3_step(s) == SQLITE_ROW)
		pages = (uint64_t)sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	return pages * db->page_bytes;
}

int db_ids(struct db *db, struct db_ids *ret)
{
	*ret = (struct db_ids){
		.packet = (uint64_t)query_int(db, "SELECT max(id) FROM packet", 0),
		.flow = (uint64_t)query_int(db, "SELECT max(id) FROM flow", 0),
		.run = (uint64_t)query_int(db, "SELECT max(id) FROM packet_run", 0),
		.block = (uint64_t)query_int(db, "SELECT max(id) FROM packet_block", 0),
		.decision = (uint64_t)query_int(db, "SELECT max(id) FROM decision", 0),
		.sent = (uint64_t)query_int(db, "SELECT max(id) FROM sent", 0),
		.last_time_ns =
			query_int(db, "SELECT last_ns FROM packet_run ORDER BY id DESC LIMIT 1", 0),
		.last_wall_ns = query_int(
			db,
			"SELECT p.time_ns + r.offset_ns FROM packet p JOIN packet_run r ON "
			"r.id = p.run ORDER BY p.id DESC LIMIT 1",
			0),
		.feed_pos = (uint64_t)query_int(
			db, "SELECT value FROM progress WHERE name = 'feed'", 0),
		.restarted_ns =
			query_int(db, "SELECT value FROM progress WHERE name = 'restarted'", 0),
	};
	return 0;
}
