#include "labd/ctl/answer.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"
#include "base/types.h"
#include "labd/ctl/moment.h"
#include "labd/ctl/table.h"
#include "labd/lab/diag.h"
#include "labd/lab/suggest.h"
#include "labd/log/db_read.h"

#define JSON_HELD_MAX	(64u << 20) /* octets gathered before the first is written */
#define BLOB_SHOWN	16	    /* octets of one in a table */
#define VALUE_TEXT_MAX	(16u << 20)
#define COLUMN_NAME_MAX 256

int64_t answer_epoch(struct dbr *db)
{
	return dbr_int_of(db, "SELECT epoch_ns FROM lab", 0);
}

static void put_blob(struct sbuf *out, const struct dbr_rows *rows, int column, size_t max)
{
	const unsigned char *bytes = dbr_blob(rows, column);
	size_t len = dbr_len(rows, column);

	for (size_t i = 0; i < len && i < max; i++)
		sbuf_printf(out, "%02x", bytes[i]);
	if (len > max)
		sbuf_printf(out, "... (%zu octets)", len);
}

void answer_value(struct sbuf *out, const struct dbr_rows *rows, int column,
		  const struct answer_style *style)
{
	enum moment_kind kind = style->raw ? MOMENT_NONE : moment_kind(dbr_name(rows, column));

	switch (dbr_type(rows, column)) {
	case DBR_NULL:
		return;
	case DBR_INT:
		moment_put(out, kind, dbr_int(rows, column), style->epoch_ns);
		return;
	case DBR_REAL:
		if (kind == MOMENT_NONE)
			sbuf_printf(out, "%.6g", dbr_real(rows, column));
		else
			moment_put(out, kind, (int64_t)dbr_real(rows, column), style->epoch_ns);
		return;
	case DBR_TEXT:
		sbuf_put(out, dbr_text(rows, column), dbr_len(rows, column));
		return;
	case DBR_BLOB:
		put_blob(out, rows, column, BLOB_SHOWN);
		return;
	}
}

static int print_table(struct dbr_rows *rows, const struct answer_style *style, FILE *out,
		       size_t *ret_n)
{
	struct table *t = table_new(out);
	struct sbuf text = SBUF(VALUE_TEXT_MAX);
	int r, n = dbr_columns(rows);

	for (int i = 0; i < n; i++)
		table_column(t, dbr_name(rows, i), false);
	while ((r = dbr_next(rows)) == 1) {
		for (int i = 0; i < n && i < TABLE_COLUMNS_MAX; i++) {
			enum dbr_type type = dbr_type(rows, i);

			sbuf_reset(&text);
			answer_value(&text, rows, i, style);
			table_cell(t, sbuf_text(&text), text.len,
				   type == DBR_INT || type == DBR_REAL);
		}
	}
	*ret_n = table_rows(t);
	dbr_rows_close(rows);
	sbuf_done(&text);
	if (style->lines)
		table_end_lines(t);
	else
		table_end(t);
	return r;
}

/* --- JSON ----------------------------------------------------------------------------------- */

static json_t *json_value(const struct dbr_rows *rows, int column)
{
	struct sbuf text = SBUF(VALUE_TEXT_MAX);
	json_t *v = NULL;

	switch (dbr_type(rows, column)) {
	case DBR_NULL:
		v = json_null();
		break;
	case DBR_INT:
		v = json_integer(dbr_int(rows, column));
		break;
	case DBR_REAL:
		v = json_real(dbr_real(rows, column));
		break;
	case DBR_TEXT:
		v = json_stringn(dbr_text(rows, column), dbr_len(rows, column));
		if (!v) { /* no UTF-8 */
			show_text(&text, dbr_text(rows, column), dbr_len(rows, column));
			v = json_string(sbuf_text(&text));
		}
		break;
	case DBR_BLOB:
		put_blob(&text, rows, column, SIZE_MAX);
		v = json_string(sbuf_text(&text));
		break;
	}
	sbuf_done(&text);
	return v ? v : json_null();
}

/* Two columns of one name are told apart as SQLite itself does it: name, name:1. */
static json_t *json_row(const struct dbr_rows *rows)
{
	json_t *o = json_object();

	for (int i = 0; i < dbr_columns(rows); i++) {
		char name[COLUMN_NAME_MAX];

		str_copy(name, sizeof(name), dbr_name(rows, i));
		for (int k = 1; json_object_get(o, name); k++)
			snprintf(name, sizeof(name), "%.200s:%d", dbr_name(rows, i), k);
		json_object_set_new(o, name, json_value(rows, i));
	}
	return o;
}

static void flush_held(struct sbuf *held, FILE *out)
{
	fwrite(sbuf_text(held), 1, held->len, out);
	sbuf_reset(held);
}

/* Gathered first: while somebody reads slowly, the statement is not to stay open. */
static int print_json(struct dbr_rows *rows, FILE *out, size_t *ret_n)
{
	struct sbuf held = SBUF(2 * (size_t)JSON_HELD_MAX);
	size_t n = 0;
	int r;

	while ((r = dbr_next(rows)) == 1) {
		json_t *o = json_row(rows);
		char *text = json_dumps(o, JSON_COMPACT);

		json_decref(o);
		if (held.len > JSON_HELD_MAX)
			flush_held(&held, out);
		sbuf_puts(&held, n++ ? ",\n " : "[");
		sbuf_puts(&held, text ? text : "null");
		free(text);
	}
	dbr_rows_close(rows);
	sbuf_puts(&held, n ? "]\n" : "[]\n");
	flush_held(&held, out);
	sbuf_done(&held);
	*ret_n = n;
	return r;
}

int answer_print(struct dbr_rows *rows, const struct answer_style *style, FILE *out, size_t *ret_n)
{
	size_t n = 0;
	int r;

	if (style->json)
		r = print_json(rows, out, &n);
	else
		r = print_table(rows, style, out, &n);
	if (ret_n)
		*ret_n = n;
	return r;
}

/* --- errors --------------------------------------------------------------------------------- */

/* The column exists, but not in what was asked. */
static void say_owner(struct dbr *db, const char *column, struct sbuf *out)
{
	static const char owners[] = "SELECT s.name FROM sqlite_schema s, "
				     "pragma_table_info(s.name) c WHERE s.type IN ('table', "
				     "'view') AND c.name = ?1 COLLATE NOCASE LIMIT 4";
	struct dbr_rows *rows;
	size_t n = 0;

	if (dbr_query(db, owners, &rows, "s", column) < 0)
		return;
	while (dbr_next(rows) == 1)
		sbuf_printf(out, "%s%s", n++ ? ", " : " here; there is one in ", dbr_text(rows, 0));
	dbr_rows_close(rows);
}

/* "no such table: packet_s" and "no such column: x": what is near. */
static void suggest_name(struct dbr *db, const char *why, struct sbuf *out)
{
	static const char tables[] =
		"SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')";
	static const char columns[] = "SELECT DISTINCT c.name FROM sqlite_schema s, "
				      "pragma_table_info(s.name) c "
				      "WHERE s.type IN ('table', 'view')";
	bool table = strncmp(why, "no such table: ", 15) == 0;
	bool column = strncmp(why, "no such column: ", 16) == 0;
	char *names[512];
	size_t n = 0;
	struct suggest s;
	struct dbr_rows *rows;

	if ((!table && !column) || dbr_query(db, table ? tables : columns, &rows, "") < 0)
		return;
	s = suggest_for(strrchr(why, '.') ? strrchr(why, '.') + 1 : strchr(why, ':') + 2);
	while (n < ARRAY_SIZE(names) && dbr_next(rows) == 1) {
		names[n] = strdup(dbr_text(rows, 0));
		if (names[n])
			suggest_offer(&s, names[n++]);
	}
	dbr_rows_close(rows);
	if (s.best && s.distance == 0)
		say_owner(db, s.best, out);
	else if (s.best)
		sbuf_printf(out, ", did you mean %s?", s.best);
	while (n > 0)
		free(names[--n]);
}

static struct lab_pos place(const struct lab_source *source, int at)
{
	struct lab_pos pos = { .source = source, .line = 1, .col = 1 };
	size_t word;

	for (int i = 0; i < at && (size_t)i < source->len; i++) {
		if (source->text[i] == '\n') {
			pos.line++;
			pos.col = 1;
		} else if (((unsigned char)source->text[i] & 0xc0) != 0x80) {
			pos.col++; /* columns count characters, not octets */
		}
	}
	word = strcspn(source->text + at, " \t\r\n,();=<>");
	pos.len = (uint32_t)(word ? word : 1);
	return pos;
}

void answer_error(struct dbr *db, const char *name, const char *sql)
{
	struct lab_source source = { name, sql, strlen(sql) };
	struct lab_pos pos = { .source = &source };
	struct sbuf why = SBUF(2048);
	struct diag diag = { 0 };
	int at = dbr_why_at(db);

	sbuf_puts(&why, dbr_why(db));
	if (at >= 0 && (size_t)at <= source.len)
		pos = place(&source, at);
	suggest_name(db, sbuf_text(&why), &why);
	diag_error(&diag, pos, "%s", sbuf_text(&why));
	diag_print(stderr, &diag);
	diag_done(&diag);
	sbuf_done(&why);
}
