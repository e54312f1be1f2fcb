/* The prompt of `labctl sql`: line editing and history by libedit, Tab for names, a few commands
 * that begin with a dot as in sqlite3. */
#include "labd/ctl/sql.h"

#include <ctype.h>
#include <errno.h>
#include <histedit.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"
#include "base/types.h"
#include "labd/ctl/answer.h"
#include "labd/ctl/run.h"
#include "labd/lab/suggest.h"
#include "labd/log/db_read.h"

#define HISTORY_LINES  1000
#define STATEMENT_MAX  (1u << 20)
#define COMPLETION_MAX 64 /* names shown */

struct prompt {
	struct dbr *db;
	struct answer_style *style;
	EditLine *el;
	History *history;
	char history_path[PATH_MAX];
	struct sbuf statement; /* lines of one that is not whole yet */
	bool done;
};

static char *prompt_text(EditLine *el)
{
	static char first[] = "lab> ", more[] = " ... ";
	struct prompt *p;

	el_get(el, EL_CLIENTDATA, &p);
	return p->statement.len ? more : first;
}

/* --- Tab ------------------------------------------------------------------------------------ */

static const char names_sql[] =
	"WITH t AS (SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') "
	"AND name NOT LIKE 'sqlite_%') "
	"SELECT name FROM t WHERE substr(name, 1, length(?1)) = ?1 UNION "
	"SELECT c.name FROM t, pragma_table_info(t.name) c WHERE substr(c.name, 1, length(?1)) = "
	"?1 "
	"ORDER BY 1 LIMIT 64";

static size_t word_before(const LineInfo *li, char *out, size_t size)
{
	const char *p = li->cursor;

	while (p > li->buffer && (isalnum((unsigned char)p[-1]) || p[-1] == '_'))
		p--;
	str_copy_n(out, size, p, (size_t)(li->cursor - p));
	return strlen(out);
}

static size_t common_start(const char *a, const char *b)
{
	size_t n = 0;

	while (a[n] && a[n] == b[n])
		n++;
	return n;
}

static unsigned char complete(EditLine *el, int ch)
{
	char word[128], common[128] = "", list[COMPLETION_MAX][64];
	struct dbr_rows *rows;
	struct prompt *p;
	size_t n = 0, len;

	(void)ch;
	el_get(el, EL_CLIENTDATA, &p);
	len = word_before(el_line(el), word, sizeof(word));
	if (len == 0 || dbr_query(p->db, names_sql, &rows, "s", word) < 0)
		return CC_ERROR;
	while (n < COMPLETION_MAX && dbr_next(rows) == 1) {
		str_copy(list[n], sizeof(list[n]), dbr_text(rows, 0));
		if (n == 0)
			str_copy(common, sizeof(common), list[0]);
		common[common_start(common, list[n++])] = '\0';
	}
	dbr_rows_close(rows);
	if (n == 0)
		return CC_ERROR;
	if (strlen(common) > len || n == 1) {
		el_insertstr(el, common + len);
		if (n == 1)
			el_insertstr(el, " ");
		return CC_REFRESH;
	}
	putchar('\n');
	for (size_t i = 0; i < n; i++)
		printf("%s%s", list[i], i + 1 < n ? "  " : "\n");
	fflush(stdout);
	return CC_REDISPLAY;
}

/* --- dot commands --------------------------------------------------------------------------- */

static void dot_help(struct prompt *p, const char *arg);

static void print_schema(struct prompt *p, const char *sql, const char *arg)
{
	struct dbr_rows *rows;
	size_t n = 0;

	if (dbr_query(p->db, sql, &rows, "s", arg) < 0)
		return;
	for (; dbr_next(rows) == 1; n++)
		printf("%s\n", dbr_text(rows, 0));
	dbr_rows_close(rows);
	if (n == 0)
		printf("there is no table or view %s; .tables lists them\n", arg);
}

static void dot_tables(struct prompt *p, const char *arg)
{
	(void)arg;
	sql_run(p->db, ".tables",
		"SELECT type, group_concat(name, '  ') AS names FROM (SELECT type, name FROM "
		"sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' "
		"ORDER BY type, name) GROUP BY type",
		&(struct answer_style){ .lines = true });
}

static void dot_schema(struct prompt *p, const char *arg)
{
	print_schema(p,
		     "SELECT sql || ';' FROM sqlite_schema WHERE sql IS NOT NULL AND "
		     "(?1 = '' OR tbl_name = ?1 OR name = ?1) ORDER BY rowid",
		     arg);
}

static void dot_json(struct prompt *p, const char *arg)
{
	(void)arg;
	p->style->json = !p->style->json;
}

static void dot_lines(struct prompt *p, const char *arg)
{
	(void)arg;
	p->style->lines = !p->style->lines;
}

static void dot_raw(struct prompt *p, const char *arg)
{
	(void)arg;
	p->style->raw = !p->style->raw;
}

static void dot_quit(struct prompt *p, const char *arg)
{
	(void)arg;
	p->done = true;
}

static const struct dot {
	const char *name, *help;
	void (*run)(struct prompt *p, const char *arg);
} dots[] = {
	{ ".tables", "the tables and views", dot_tables },
	{ ".schema", "[NAME]: how they were made, with a word on each column", dot_schema },
	{ ".lines", "a column per line, on and off", dot_lines },
	{ ".json", "answers as JSON, on and off", dot_json },
	{ ".raw", "times as nanoseconds, on and off", dot_raw },
	{ ".help", "this", dot_help },
	{ ".quit", "the end, as Ctrl-D", dot_quit },
	{ ".exit", NULL, dot_quit },
};

static void dot_help(struct prompt *p, const char *arg)
{
	(void)p;
	(void)arg;
	printf("A statement ends with a semicolon; the name of a view or table alone shows it.\n");
	for (size_t i = 0; i < ARRAY_SIZE(dots); i++)
		if (dots[i].help)
			printf("  %-8s %s\n", dots[i].name, dots[i].help);
}

static void run_dot(struct prompt *p, char *line)
{
	char *arg = line + strcspn(line, " \t");
	struct suggest s;

	if (*arg)
		*arg++ = '\0';
	arg += strspn(arg, " \t");
	s = suggest_for(line);
	for (size_t i = 0; i < ARRAY_SIZE(dots); i++) {
		if (strcmp(dots[i].name, line) == 0) {
			dots[i].run(p, arg);
			return;
		}
		suggest_offer(&s, dots[i].name);
	}
	printf("unknown command %s%s%s; .help lists them\n", line, s.best ? ", did you mean " : "",
	       s.best ? s.best : "");
}

/* --- lines ---------------------------------------------------------------------------------- */

static void end_statement(struct prompt *p)
{
	HistEvent ev;

	history(p->history, &ev, H_ENTER, sbuf_text(&p->statement));
	history(p->history, &ev, H_SAVE, p->history_path);
	sbuf_reset(&p->statement);
}

static void take_line(struct prompt *p, char *line)
{
	struct sbuf *s = &p->statement;
	struct sbuf whole = SBUF(STATEMENT_MAX);

	line[strcspn(line, "\r\n")] = '\0';
	if (s->len == 0 && line[strspn(line, " \t")] == '\0')
		return;
	if (s->len == 0 && line[0] == '.') {
		sbuf_puts(s, line);
		run_dot(p, line);
		end_statement(p);
		return;
	}
	sbuf_printf(s, "%s%s", s->len ? "\n" : "", line);
	if (dbr_has(p->db, sbuf_text(s))) {
		sbuf_puts(&whole, "SELECT * FROM ");
		dbr_quote_name(&whole, sbuf_text(s));
		sql_run(p->db, "sql", sbuf_text(&whole), p->style);
		end_statement(p);
	} else if (dbr_is_complete(sbuf_text(s)) || s->full) {
		sql_run(p->db, "sql", sbuf_text(s), p->style);
		end_statement(p);
	}
	sbuf_done(&whole);
}

static bool open_editor(struct prompt *p)
{
	HistEvent ev;

	p->el = el_init("labctl", stdin, stdout, stderr);
	p->history = history_init();
	if (!p->el || !p->history)
		return false;
	history(p->history, &ev, H_SETSIZE, HISTORY_LINES);
	history(p->history, &ev, H_SETUNIQUE, 1);
	if (path_state(NULL, "sql_history", p->history_path) == 0)
		history(p->history, &ev, H_LOAD, p->history_path);
	el_set(p->el, EL_CLIENTDATA, p);
	el_set(p->el, EL_PROMPT, prompt_text);
	el_set(p->el, EL_EDITOR, "emacs");
	el_set(p->el, EL_HIST, history, p->history);
	el_set(p->el, EL_ADDFN, "labctl-complete", "complete a name", complete);
	el_set(p->el, EL_BIND, "^I", "labctl-complete", NULL);
	el_source(p->el, NULL);
	return true;
}

int sql_prompt(struct dbr *db, const struct run *run, struct answer_style *style)
{
	struct prompt p = { .db = db, .style = style, .statement = SBUF(STATEMENT_MAX) };
	const char *line;
	int n;

	if (!open_editor(&p))
		return ctl_fail("no line editor for this terminal: give the question as a word");
	printf("%s/%s%s. .tables lists what there is, .help helps, Ctrl-D ends.\n", run->lab,
	       run->name, run->live ? ", running" : "");
	while (!p.done) {
		line = el_gets(p.el, &n);
		if (!line && errno == EINTR) {
			sbuf_reset(&p.statement); /* Ctrl-C: begin again */
			putchar('\n');
			continue;
		}
		if (!line || n <= 0)
			break;
		char *copy = strdup(line);

		if (copy)
			take_line(&p, copy);
		free(copy);
	}
	if (!p.done)
		putchar('\n');
	history_end(p.history);
	el_end(p.el);
	sbuf_done(&p.statement);
	return 0;
}
