/* labctl sql: a question to the database. */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sbuf.h"
#include "labd/ctl/answer.h"
#include "labd/ctl/run.h"
#include "labd/ctl/sql.h"
#include "labd/log/db_read.h"

#define QUESTION_MAX (1u << 20)

/* A word alone is the name of a view or table: `labctl sql top_talkers`. */
static bool is_name(const char *text)
{
	for (const char *p = text; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '_')
			return false;
	return *text && !isdigit((unsigned char)*text);
}

int sql_run(struct dbr *db, const char *name, const char *sql, const struct answer_style *style)
{
	struct dbr_rows *rows;
	size_t used;
	int r = 0;

	while (r == 0 && *sql) {
		r = dbr_prepare(db, sql, &rows, &used);
		if (r == 0 && rows)
			r = answer_print(rows, style, stdout, NULL);
		if (r == -EINTR)
			fprintf(stderr, "labctl: interrupted\n");
		else if (r < 0)
			answer_error(db, name, sql);
		else
			sql += used;
	}
	fflush(stdout);
	return r;
}

static void name_to_sql(struct sbuf *sql)
{
	char *name;

	if (!is_name(sbuf_text(sql)))
		return;
	name = strdup(sbuf_text(sql));
	if (!name)
		abort();
	sbuf_reset(sql);
	sbuf_puts(sql, "SELECT * FROM ");
	dbr_quote_name(sql, name);
	free(name);
}

static int read_stdin(struct sbuf *sql)
{
	char buf[8192];
	size_t n;

	while ((n = fread(buf, 1, sizeof(buf), stdin)) > 0)
		if (sbuf_put(sql, buf, n) < 0)
			return ctl_fail("the statements are too long: the most is %u octets",
					QUESTION_MAX);
	return 0;
}

/* Ctrl-C ends what is being computed, not the prompt. */
static struct dbr *volatile running;

static void on_interrupt(int sig)
{
	(void)sig;
	if (running)
		dbr_interrupt(running);
}

int sql_session(const struct run *run, struct answer_style *style, struct sbuf *question)
{
	struct dbr *db = run_open_db(run);
	struct sigaction sa = { .sa_handler = on_interrupt };
	int r;

	if (!db)
		return 1;
	style->epoch_ns = answer_epoch(db);
	running = db;
	sigaction(SIGINT, &sa, NULL);
	if (question) {
		r = sql_run(db, "question", sbuf_text(question), style);
	} else if (isatty(0)) {
		r = sql_prompt(db, run, style);
	} else {
		struct sbuf sql = SBUF(QUESTION_MAX);

		r = read_stdin(&sql);
		if (r == 0)
			r = sql_run(db, "stdin", sbuf_text(&sql), style);
		sbuf_done(&sql);
	}
	running = NULL;
	dbr_close(db);
	return r != 0;
}

int cmd_sql(struct ctl *c)
{
	struct answer_style style = { .json = c->json };
	struct sbuf question = SBUF(QUESTION_MAX);
	const char *which = ctl_take_value(c, "--run");
	struct run run;
	int r;

	style.raw = ctl_take_flag(c, "--raw");
	style.lines = ctl_take_flag(c, "--lines");
	if (c->argc > 1 && strncmp(c->argv[1], "--", 2) == 0 && is_name(c->argv[1] + 2))
		return ctl_usage(c);
	if (run_find(c, which, &run) < 0)
		return 1;
	for (int i = 1; i < c->argc; i++)
		sbuf_printf(&question, "%s%s", i > 1 ? " " : "", c->argv[i]);
	name_to_sql(&question);
	r = sql_session(&run, &style, c->argc > 1 ? &question : NULL);
	sbuf_done(&question);
	return r;
}
