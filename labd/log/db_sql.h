/* db_sql.h: what the db*.c files share among themselves. */
#ifndef LABD_LOG_DB_SQL_H
#define LABD_LOG_DB_SQL_H

#include <sqlite3.h>

#include "labd/log/db.h"
#include "labd/log/line.h"

#define DB_FACT_KINDS_MAX 512
#define DB_PACKETS_A_STEP 32 /* rows of one INSERT: a third faster than one by one */

enum db_stmt {
	ST_BEGIN,
	ST_COMMIT,
	ST_ROLLBACK,
	ST_PAGES,
	ST_FLOW,
	ST_RUN,
	ST_PACKET,
	ST_PACKETS,
	ST_BLOCK,
	ST_FIELD,
	ST_GAP,
	ST_PROGRESS,
	ST_DECISION,
	ST_SENT,
	ST_CONFIG,
	ST_REFUSED,
	ST_EVENT,
	N_STMTS,
};

/* The columns of `packet` in order. */
enum packet_column {
	PACKET_ID,
	PACKET_TIME,
	PACKET_FLOW,
	PACKET_PROTOCOL,
	PACKET_RUN,
	PACKET_LENGTH,
	PACKET_CAPTURED,
	PACKET_BYTES_AT,
	PACKET_FATE,
	PACKET_DELAY,
	PACKET_PAYLOAD,
	PACKET_TCP_FLAGS,
	PACKET_NOTE,
	PACKET_RTT,
	PACKET_INFO,
	PACKET_MALFORMED,
	DB_PACKET_COLUMNS
};

/* A packet's row that waits for others. */
struct waiting_packet {
	int64_t numbers[DB_PACKET_COLUMNS]; /* none for columns of text */
	const char *protocol, *malformed;
	uint32_t text_len;
	char text[LINE_MAX_BYTES]; /* info */
};

/* What a place in a statement is bound to. */
struct bound_packet {
	int64_t numbers[DB_PACKET_COLUMNS];
	const char *protocol;
	bool any, malformed;
};

/* db_lab.c: of the rows that say what was built */
enum db_plan_stmt {
	PLAN_LAB,
	PLAN_DEVICE,
	PLAN_IFACE,
	PLAN_LINK,
	PLAN_WAY,
	PLAN_RULE,
	N_PLAN_STMTS
};

struct db {
	sqlite3 *sql;
	sqlite3_stmt *stmts[N_STMTS];
	sqlite3_stmt *plan[N_PLAN_STMTS];	     /* while these rows are written */
	struct fact_table *facts[DB_FACT_KINDS_MAX]; /* by number in --describe */
	int wal_pages;				     /* after the last commit */
	uint32_t page_bytes;
	char *path;
	int shm_fd; /* to ask who holds the write-ahead log; -1 */
	struct waiting_packet packets[DB_PACKETS_A_STEP];
	unsigned n_packets;
	int64_t next_id; /* of packets; 0: none is in this transaction yet */
	struct bound_packet bound[DB_PACKETS_A_STEP], bound_one; /* in ST_PACKETS and ST_PACKET */
};

/* The prepared statement, with its bindings cleared. Never NULL after db_open(). */
sqlite3_stmt *db_stmt(struct db *db, enum db_stmt which);
/* Runs it to its end: 0 or a negative errno. */
int db_step(struct db *db, sqlite3_stmt *stmt);
int db_exec(struct db *db, const char *sql);
int db_errno(int sqlite_code);
void bind_text(sqlite3_stmt *s, int at, const char *text); /* NULL: NULL; must outlive the step */
/* NULL when n is below zero. */
void bind_int_or_null(sqlite3_stmt *s, int at, int64_t n);

/* db_packet.c: writes the rows that wait. */
int db_flush_packets(struct db *db);
/* db_schema.c: ended by NULL */
extern const char *const db_schema[];
/* db_fact.c */
void db_fact_tables_free(struct db *db);

#endif
