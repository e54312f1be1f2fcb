/* run.h: finding a lab's run and opening its database. */
#ifndef LABD_CTL_RUN_H
#define LABD_CTL_RUN_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "labd/ctl/ctl.h"

#define RUN_NAME_MAX 64
#define RUNS_MAX     4096

struct dbr;

struct run {
	char lab[64];
	char name[RUN_NAME_MAX]; /* 2026-11-24T10-00-00 */
	char dir[PATH_MAX];
	bool latest; /* of its lab */
	bool live;
};

/* |which|: NULL for the lab that is meant (ctl_pick_lab_or_run) and its newest run; a run's name;
 * or LAB/RUN. 0, or -1 after saying why not. */
int run_find(const struct ctl *c, const char *which, struct run *ret);
/* All kept runs, oldest first; of one lab unless `lab` is NULL. The count; caller frees. */
size_t runs_list(const char *lab, struct run **ret);
/* Octets of all files of a run. */
uint64_t run_bytes(const struct run *run);
/* Removes a run's folder; `latest` then points at the newest that is left. 0 or negative errno. */
int run_remove(const struct run *run);

/* The database of a run; NULL after saying why not. Of a live lab it is first asked to write
 * everything that has happened, for a moment at most. */
struct dbr *run_open_db(const struct run *run);
/* Both in one: the usual beginning of a command. */
struct dbr *ctl_open_db(const struct ctl *c, const char *which, struct run *ret_run);
/* Takes "--NAME VALUE" out of the command's words: the value, or NULL. */
const char *ctl_take_value(struct ctl *c, const char *name);
/* Takes "--NAME" out: was it there? */
bool ctl_take_flag(struct ctl *c, const char *name);

#endif
