/* answer.h: the rows of one statement, for people or for programs. */
#ifndef LABD_CTL_ANSWER_H
#define LABD_CTL_ANSWER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct dbr;
struct dbr_rows;
struct sbuf;

struct answer_style {
	bool json;	  /* one array of objects */
	bool raw;	  /* numbers as they are stored: no times, no durations */
	bool lines;	  /* a column per line, for records that are wide */
	int64_t epoch_ns; /* of the lab's clock */
};

/* Where this database's lab time 0 is. */
int64_t answer_epoch(struct dbr *db);
/* Prints the rows and closes the statement. 0, or the negative errno that ended it early (what came
 * before is printed). ret_n: rows. */
int answer_print(struct dbr_rows *rows, const struct answer_style *style, FILE *out, size_t *ret_n);
/* One value as a table shows it. */
void answer_value(struct sbuf *out, const struct dbr_rows *rows, int column,
		  const struct answer_style *style);
/* Says on standard error what is wrong with a statement, and where. |name|: what it is called. */
void answer_error(struct dbr *db, const char *name, const char *sql);

#endif
