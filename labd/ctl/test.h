/* test.h: a lab as a test: its steps in order, then its expectations.
 *
 *   test_run.c     one lab: up, steps, barrier, expectations, down
 *   test_check.c   a question that must be true, and the rows that prove the answer
 *   test_report.c  what came out: for people, as TAP, JUnit or JSON
 *
 * A lab passes when every step and expectation does. One that fails makes it FAIL; whatever the log
 * could not see in the lab's time (capture_gap) makes what depends on it INCONCLUSIVE. */
#ifndef LABD_CTL_TEST_H
#define LABD_CTL_TEST_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "labd/lab/lab.h"

struct dbr;

enum verdict { VERDICT_PASS, VERDICT_FAIL, VERDICT_INCONCLUSIVE, VERDICT_NOT_RUN };

/* One step or expectation. */
struct test_item {
	char *what; /* as written: "pc1: ping www" */
	char *why;  /* what it shows, or NULL */
	char *file;
	uint32_t line;
	enum verdict verdict;
	bool by_log;  /* it was answered by the database */
	char *detail; /* output, reason, rows; lines of text, or NULL */
	int64_t took_ns;
};

struct test_lab {
	char *file, *name;
	enum verdict verdict;
	char *note; /* what concerns the whole lab: it did not come up, gaps; or NULL */
	char run[PATH_MAX];
	struct test_item *items;
	size_t n_items;
	int64_t took_ns;
};

const char *verdict_name(enum verdict v); /* "PASS" */

/* test_run.c: always returns with the lab down. */
void test_run(const char *file, struct test_lab *ret);
void test_done(struct test_lab *t);
/* Set by a signal: no further step, no further lab. */
extern volatile int test_interrupted;
/* Called in a signal handler: ends a request that is waiting for its answer. */
void test_interrupt(void);

/* test_check.c */
struct sbuf;
/* 1: true, 0: not, -EINVAL: the question is wrong. `proof` gets lines of text: what it was, the
 * rows that it selects. */
int check_query(struct dbr *db, const struct lab_text *sql, struct sbuf *proof);
/* Only whether it is true. */
int check_is_true(struct dbr *db, const struct lab_text *sql);
/* What a question of the form SELECT count(..) = n FROM x WHERE y counts: "count(..)" and
 * "FROM x WHERE y" as parts of it. False for another form. Pure. */
struct check_count {
	const char *expr, *from;
	size_t expr_len;
};
bool check_split(const char *sql, struct check_count *ret);

/* test_report.c */
enum report_kind { REPORT_PEOPLE, REPORT_TAP, REPORT_JSON };
void report_begin(enum report_kind kind);
void report_lab(enum report_kind kind, const struct test_lab *t, bool verbose);
void report_end(enum report_kind kind, const struct test_lab *labs, size_t n);
/* 0, or -errno. */
int report_junit(const char *path, const struct test_lab *labs, size_t n);

#endif
