/* db_read.h: looking into a run's database, live or finished, without ever changing it.
 *
 * A reader may open the file at any moment; it sees whole transactions. While a statement is open
 * it holds a snapshot, and the writer's log grows: gather what is needed, close, then print.
 *
 *   struct dbr_rows *rows;
 *   dbr_query(db, "SELECT name FROM device WHERE kind = ?1", &rows, reterr, "s", kind);
 *   while (dbr_next(rows) == 1)
 *           puts(dbr_text(rows, 0));
 *   dbr_rows_close(rows);
 *
 * Columns count from 0, as in SQLite. Texts live until the next dbr_next() or the close. Errors are
 * negative errno: -EINVAL for a statement that is wrong (dbr_why() says how and where), -EINTR when
 * interrupted, -ENOENT for a missing file, -EIO else. */
#ifndef LABD_LOG_DB_READ_H
#define LABD_LOG_DB_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sbuf;
struct dbr;	 /* an open database */
struct dbr_rows; /* an open statement */

enum dbr_type { DBR_NULL, DBR_INT, DBR_REAL, DBR_TEXT, DBR_BLOB };

/* Read-only; the reason of a failure goes to reterr. */
int dbr_open(const char *path, struct dbr **ret, struct sbuf *reterr);
/* Was it written by this version's log process? Another's tables may look different. */
bool dbr_is_current(struct dbr *db);
struct dbr *dbr_close(struct dbr *db); /* accepts NULL, returns NULL */
/* Changes with every transaction that somebody commits. Negative errno. */
int64_t dbr_version(struct dbr *db);
/* Ends what the database is computing; from a signal handler too. */
void dbr_interrupt(struct dbr *db);
/* The last error in SQLite's words, and at which octet of the statement (-1 = nowhere). */
const char *dbr_why(struct dbr *db);
int dbr_why_at(struct dbr *db);
bool dbr_has(struct dbr *db, const char *table_or_view);
/* Does the text end with a whole statement? */
bool dbr_is_complete(const char *sql);

/* The first statement of |sql|. *ret is NULL when there is only white space and comments; ret_used:
 * the octets it took. A statement that would write is -EINVAL. */
int dbr_prepare(struct dbr *db, const char *sql, struct dbr_rows **ret, size_t *ret_used);
/* Values for ?1, ?2, ... by a letter each: i int64_t, s const char * or NULL. */
int dbr_query(struct dbr *db, const char *sql, struct dbr_rows **ret, const char *types, ...);
int dbr_next(struct dbr_rows *rows); /* 1: a row; 0: the end */
struct dbr_rows *dbr_rows_close(struct dbr_rows *rows);
/* The first column of the first row; `otherwise` when there is none or it is NULL. */
int64_t dbr_int_of(struct dbr *db, const char *sql, int64_t otherwise);

int dbr_columns(const struct dbr_rows *rows);
const char *dbr_name(const struct dbr_rows *rows, int column);
/* The table and column that it comes from unchanged; NULL when it is computed. */
const char *dbr_origin_table(const struct dbr_rows *rows, int column);
const char *dbr_origin_column(const struct dbr_rows *rows, int column);
enum dbr_type dbr_type(const struct dbr_rows *rows, int column);
int64_t dbr_int(const struct dbr_rows *rows, int column);
double dbr_real(const struct dbr_rows *rows, int column);
const char *dbr_text(const struct dbr_rows *rows, int column); /* "" for NULL */
const void *dbr_blob(const struct dbr_rows *rows, int column); /* NULL when empty */
size_t dbr_len(const struct dbr_rows *rows, int column);       /* octets of text or blob */

/* Has the library what the database needs (STRICT tables, write-ahead log, shared memory)? Its
 * version, or what is missing, goes to text. */
bool dbr_library_is_fine(char *text, size_t size);

/* Appends a name as SQL wants it: "dhcp4_lease". */
void dbr_quote_name(struct sbuf *sql, const char *name);

#endif
