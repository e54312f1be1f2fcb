#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/sbuf.h"
#include "base/types.h"
#include "labd/ctl/answer.h"
#include "labd/ctl/table.h"
#include "labd/ctl/test.h"
#include "labd/log/db_read.h"

#define PROOF_ROWS 5
#define QUERY_MAX  (2 * LAB_SQL_MAX)
#define PROOF_MAX  65536
#define VALUE_MAX  4096

/* --- the form SELECT count(..) = n FROM .. -------------------------------------------------- */

/* Steps over a quoted text, a parenthesis with all in it, or one octet. */
static const char *skip_one(const char *p)
{
	if (*p == '\'' || *p == '"') {
		const char *end = strchr(p + 1, *p);

		return end ? end + 1 : p + strlen(p);
	}
	if (*p == '(') {
		for (p++; *p && *p != ')';)
			p = skip_one(p);
		return *p ? p + 1 : p;
	}
	return p + 1;
}

static bool is_word_at(const char *start, const char *p, const char *word)
{
	size_t n = strlen(word);

	return strncasecmp(p, word, n) == 0 && !isalnum((unsigned char)p[n]) && p[n] != '_' &&
	       (p == start || (!isalnum((unsigned char)p[-1]) && p[-1] != '_'));
}

bool check_split(const char *sql, struct check_count *ret)
{
	const char *p = sql + strspn(sql, " \t\n");

	if (!is_word_at(sql, p, "SELECT"))
		return false;
	p += 6;
	p += strspn(p, " \t\n");
	if (!is_word_at(sql, p, "count"))
		return false;
	ret->expr = p;
	p += 5;
	p += strspn(p, " \t\n");
	if (*p != '(')
		return false;
	p = skip_one(p);
	ret->expr_len = (size_t)(p - ret->expr);
	while (*p && !is_word_at(sql, p, "FROM"))
		p = skip_one(p);
	ret->from = p;
	return *p != '\0';
}

/* --- proof ---------------------------------------------------------------------------------- */

/* A table as lines of text. */
static void print_rows(struct dbr *db, const char *sql, struct sbuf *out)
{
	struct answer_style style = { .epoch_ns = answer_epoch(db) };
	struct dbr_rows *rows;
	char *text = NULL;
	size_t len = 0;
	FILE *f;

	if (dbr_prepare(db, sql, &rows, NULL) < 0 || !rows)
		return;
	f = open_memstream(&text, &len);
	if (f) {
		(void)answer_print(rows, &style, f, NULL);
		fclose(f);
		(void)sbuf_put(out, text, len);
		free(text);
	} else {
		dbr_rows_close(rows);
	}
}

static void print_counted(struct dbr *db, const struct check_count *count, struct sbuf *proof)
{
	struct sbuf sql = SBUF(QUERY_MAX);
	int64_t n;

	sbuf_printf(&sql, "SELECT %.*s %s", (int)count->expr_len, count->expr, count->from);
	n = dbr_int_of(db, sbuf_text(&sql), -1);
	if (n >= 0)
		sbuf_printf(proof, "%.*s is %lld\n", (int)count->expr_len, count->expr,
			    (long long)n);
	sbuf_reset(&sql);
	sbuf_printf(&sql, "SELECT * %.*s LIMIT %d", (int)strcspn(count->from, ";"), count->from,
		    PROOF_ROWS);
	if (n != 0 && !sql.full)
		print_rows(db, sbuf_text(&sql), proof);
	if (n > PROOF_ROWS)
		sbuf_printf(proof, "... and %lld more\n", (long long)n - PROOF_ROWS);
	sbuf_done(&sql);
}

static void prove(struct dbr *db, const char *sql, struct sbuf *proof)
{
	struct check_count count;

	if (check_split(sql, &count))
		print_counted(db, &count, proof);
	else
		print_rows(db, sql, proof);
}

/* --- the answer ----------------------------------------------------------------------------- */

static bool is_true(const struct dbr_rows *rows)
{
	return dbr_type(rows, 0) != DBR_NULL && dbr_real(rows, 0) != 0;
}

/* Every row's first column must be true, and there must be a row. */
static int evaluate(struct dbr_rows *rows)
{
	bool all = true;
	size_t n = 0;
	int r;

	for (; (r = dbr_next(rows)) == 1; n++)
		all = all && is_true(rows);
	return r < 0 ? r : n > 0 && all;
}

/* Line and column of an octet of the question, in the lab file. */
static void put_place(const struct lab_text *sql, int at, struct sbuf *out)
{
	struct lab_pos pos = sql->pos;
	uint32_t line = 1, col = 1;

	for (int i = 0; i < at && (size_t)i < sql->len; i++) {
		bool end = sql->text[i] == '\n';

		line += end;
		col = end ? 1 : col + (((unsigned char)sql->text[i] & 0xc0) != 0x80);
	}
	if (at >= 0)
		pos = lab_text_at(sql, line, col);
	sbuf_printf(out, "%s:%u:%u: ", pos.source ? pos.source->file : "", pos.line, pos.col);
}

static int wrong(struct dbr *db, const struct lab_text *sql, struct sbuf *proof)
{
	put_place(sql, dbr_why_at(db), proof);
	sbuf_printf(proof, "%s\n", dbr_why(db));
	return -EINVAL;
}

int check_query(struct dbr *db, const struct lab_text *sql, struct sbuf *proof)
{
	struct dbr_rows *rows;
	int r = dbr_prepare(db, sql->text, &rows, NULL);

	if (r < 0 || !rows)
		return wrong(db, sql, proof);
	r = evaluate(rows);
	if (r < 0)
		(void)wrong(db, sql, proof);
	dbr_rows_close(rows);
	if (r >= 0)
		prove(db, sql->text, proof);
	return r < 0 ? -EINVAL : r;
}

int check_is_true(struct dbr *db, const struct lab_text *sql)
{
	struct dbr_rows *rows;
	int r = dbr_prepare(db, sql->text, &rows, NULL);

	if (r < 0 || !rows)
		return -EINVAL;
	r = evaluate(rows);
	dbr_rows_close(rows);
	return r < 0 ? -EINVAL : r;
}
