/* ctl.h: labctl, one file per command.
 *
 *   labctl_main.c   the table of commands: help, completion and manual pages are made from it
 *   say.c           what went wrong, for people
 *   paths.c         where a lab's socket and its runs are
 *   lab_lock.c      who has a lab: it runs as long as somebody has it
 *   client.c        one connection to a lab's labd
 *   node_tool.c     what `labnode --describe` and `--check` say
 *   run.c, tree.c   finding a run, its files, its database
 *   table.c, moment.c, answer.c   rows and times for people
 *   watch.c         waiting for commits
 *   words.c         what may stand behind a command
 *   why_*.c, test_*.c, capture_*.c, pcapng.c, sql_prompt.c, leases.c   parts of commands
 *   cmd_*.c         the commands
 *
 * A command returns labctl's exit status: 0 done, 1 it failed or the answer is no, 2 it was called
 * wrongly. It prints results to standard output, a table for people or, with --json, one JSON
 * document; what went wrong goes to standard error, with what to do about it. */
#ifndef LABD_CTL_CTL_H
#define LABD_CTL_CTL_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct sockaddr_un;

struct ctl {
	const char *lab; /* --lab NAME, or NULL: the one that runs */
	bool json;
	int argc; /* of the command: argv[0] is its name */
	char **argv;
};

struct subcommand {
	const char *name;
	const char *args;    /* "FILE|NAME [--wait]" */
	const char *help;    /* one sentence */
	const char *details; /* more, for --help and the manual page; may be NULL */
	int (*run)(struct ctl *c);
};

extern const struct subcommand subcommands[]; /* ended by name NULL */
const struct subcommand *subcommand_find(const char *name);
/* Says how the command is called; returns 2. */
int ctl_usage(const struct ctl *c);
/* "labctl: ..." on standard error; returns 1. */
int ctl_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* --- paths.c: all paths are absolute, into buf[PATH_MAX]; 0 or negative errno --------------- */

int path_runtime(const char *lab, const char *file, char buf[PATH_MAX]); /* made when absent */
int path_socket(const char *lab, struct sockaddr_un *ret);
int path_state(const char *lab, const char *file, char buf[PATH_MAX]);
/* A file of the newest run of a lab ("log.db"), or of one that is named. */
int path_run_file(const char *lab, const char *run, const char *file, char buf[PATH_MAX]);
/* The program beside labctl. */
int path_program(const char *name, char buf[PATH_MAX]);
/* A lab file by path or by the name of an example. */
int path_lab_file(const char *what, char buf[PATH_MAX]);
/* Names of labs with a live labd, at most `max`; the count. */
struct lab_name {
	char text[64];
};
size_t labs_alive(struct lab_name *out, size_t max);
bool lab_is_alive(const char *lab);
/* The lab that is meant: --lab, else the only one alive; else -1 after saying so. */
int ctl_pick_lab(const struct ctl *c, struct lab_name *ret);
/* The same, else the lab of the newest run. */
int ctl_pick_lab_or_run(const struct ctl *c, struct lab_name *ret);

/* --- lab_lock.c ---------------------------------------------------------------------------- */

/* A descriptor that holds the lab's lock until its last copy is closed; -EAGAIN: another has it. */
int lab_lock(const char *lab);
bool lab_is_locked(const char *lab);

/* --- client.c ------------------------------------------------------------------------------ */

/* Connects to a lab's labd: a descriptor, or negative errno. */
int client_connect(const char *lab);
/* The same, or -1 after saying why not. */
int client_open(const char *lab);
int client_send(int fd, json_t *request, int pass_fd); /* takes the request; pass_fd -1 = none */
/* The next answer, or NULL at the end; ret_fd may be NULL, gets -1 or a descriptor. */
json_t *client_recv(int fd, int *ret_fd);
/* One request, its last answer; other answers go to `each`. NULL after saying what went wrong. */
json_t *client_ask(int fd, json_t *request, int pass_fd, int *ret_fd,
		   void (*each)(void *arg, json_t *answer), void *arg);

/* --- node_tool.c --------------------------------------------------------------------------- */

struct lab;
struct diag;
/* A memfd with `labnode --describe`, or -1 after saying why not. */
int describe_memfd(void);
json_t *describe_load(void);
/* Every device's configuration, checked by labnode; 0, or -EINVAL with the reasons in diag. */
int check_configs(const struct lab *lab, struct diag *diag);

/* --- commands ------------------------------------------------------------------------------ */

int cmd_up(struct ctl *c);
int cmd_down(struct ctl *c);
int cmd_ps(struct ctl *c);
int cmd_run(struct ctl *c);
int cmd_exec(struct ctl *c);
int cmd_console(struct ctl *c);
int cmd_validate(struct ctl *c);
int cmd_stop(struct ctl *c); /* also `start` */
int cmd_link(struct ctl *c);
int cmd_sql(struct ctl *c);
int cmd_why(struct ctl *c);
int cmd_rules(struct ctl *c);
int cmd_capture(struct ctl *c);
int cmd_test(struct ctl *c);
int cmd_runs(struct ctl *c); /* also `open`, `rm` */
int cmd_doctor(struct ctl *c);
int cmd_complete(struct ctl *c);
int cmd_man(struct ctl *c);

#endif
