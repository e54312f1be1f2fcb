/* sql.h: questions to a database, one by one or at a prompt. */
#ifndef LABD_CTL_SQL_H
#define LABD_CTL_SQL_H

struct answer_style;
struct dbr;
struct run;
struct sbuf;

/* Runs every statement of |sql|, printing each answer; stops at the first that is wrong, after
 * saying why. |name| is what the text is called in errors. 0 or negative errno. */
int sql_run(struct dbr *db, const char *name, const char *sql, const struct answer_style *style);
/* A prompt on the terminal (sql_prompt.c): history, Tab, dot commands. 0 at its end. */
int sql_prompt(struct dbr *db, const struct run *run, struct answer_style *style);
/* Opens a run's database for a question, or for a prompt (question NULL; statements from standard
 * input when that is no terminal). labctl's exit status. */
int sql_session(const struct run *run, struct answer_style *style, struct sbuf *question);

#endif
