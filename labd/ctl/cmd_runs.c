/* labctl runs, open, rm: what earlier runs left. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/sbuf.h"
#include "labd/ctl/answer.h"
#include "labd/ctl/run.h"
#include "labd/ctl/sql.h"
#include "labd/ctl/table.h"
#include "labd/log/db_read.h"

#define DAYS_MAX 36500

static void put_bytes(struct table *t, uint64_t bytes)
{
	if (bytes < 1u << 20)
		table_printf(t, "%" PRIu64 " kB", (bytes + 1023) >> 10);
	else
		table_printf(t, "%.1f MB", (double)bytes / (1u << 20));
}

/* --- runs ----------------------------------------------------------------------------------- */

static void print_runs_json(const struct run *runs, size_t n)
{
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:b, s:b, s:I}", "lab",
						     runs[i].lab, "run", runs[i].name, "dir",
						     runs[i].dir, "live", runs[i].live, "latest",
						     runs[i].latest, "bytes",
						     (json_int_t)run_bytes(&runs[i])));
	json_dumpf(all, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(all);
}

static void print_runs(const struct run *runs, size_t n)
{
	struct table *t = table_new(stdout);

	table_column(t, "LAB", true);
	table_column(t, "RUN", true);
	table_column(t, "SIZE", true);
	table_column(t, "", true);
	for (size_t i = 0; i < n; i++) {
		table_text(t, runs[i].lab);
		table_text(t, runs[i].name);
		put_bytes(t, run_bytes(&runs[i]));
		table_text(t, runs[i].live ? "running" : runs[i].latest ? "latest" : "");
	}
	table_end(t);
}

static int list_runs(const struct ctl *c)
{
	struct run *runs;
	size_t n = runs_list(c->lab, &runs);

	if (c->json)
		print_runs_json(runs, n);
	else if (n == 0)
		printf("no run is kept\n");
	else
		print_runs(runs, n);
	free(runs);
	return 0;
}

/* --- open ----------------------------------------------------------------------------------- */

static void print_open(const struct run *run)
{
	printf("lab        %s, run %s%s\n", run->lab, run->name, run->live ? ", running" : "");
	printf("database   %s/log.db\n", run->dir);
	printf("messages   %s/labd.log\n", run->dir);
	printf("lab file   %s/lab.yaml\n", run->dir);
	printf("devices    %s/devices\n", run->dir);
	printf("\n`labctl sql --run %s/%s` asks it, `sqlite3 -readonly %s/log.db` too.\n", run->lab,
	       run->name, run->dir);
}

static void print_open_json(const struct run *run)
{
	printf("{\"lab\":\"%s\",\"run\":\"%s\",\"live\":%s,\"database\":\"%s/log.db\","
	       "\"messages\":\"%s/labd.log\",\"file\":\"%s/lab.yaml\",\"devices\":\"%s/"
	       "devices\"}\n",
	       run->lab, run->name, run->live ? "true" : "false", run->dir, run->dir, run->dir,
	       run->dir);
}

static int open_run(struct ctl *c)
{
	bool sql = ctl_take_flag(c, "--sql"), path = ctl_take_flag(c, "--path");
	struct answer_style style = { .json = c->json };
	struct run run;

	if (c->argc > 2 || (c->argc == 2 && c->argv[1][0] == '-') || (sql && path))
		return ctl_usage(c);
	if (run_find(c, c->argc == 2 ? c->argv[1] : NULL, &run) < 0)
		return 1;
	if (sql)
		return sql_session(&run, &style, NULL);
	if (path)
		printf("%s/log.db\n", run.dir);
	else if (c->json)
		print_open_json(&run);
	else
		print_open(&run);
	return 0;
}

/* --- rm ------------------------------------------------------------------------------------- */

static int remove_one(const struct run *run, bool tell)
{
	int r = run_remove(run);

	if (r == -EBUSY)
		return ctl_fail("%s/%s is running: `labctl down %s` ends it", run->lab, run->name,
				run->lab);
	if (r < 0)
		return ctl_fail("%s cannot be removed: %s", run->dir, strerror(-r));
	if (tell)
		printf("removed %s/%s\n", run->lab, run->name);
	return 0;
}

/* The moment in a run's name; -1 for another name. */
static time_t run_began(const struct run *run)
{
	struct tm tm = { 0 };

	return strptime(run->name, "%Y-%m-%dT%H-%M-%S", &tm) ? timegm(&tm) : -1;
}

static int remove_older(const struct ctl *c, time_t before)
{
	struct run *runs;
	size_t n = runs_list(c->lab, &runs);
	int r = 0;

	for (size_t i = 0; i < n; i++)
		if (!runs[i].live && run_began(&runs[i]) < before)
			r |= remove_one(&runs[i], !c->json);
	free(runs);
	return r;
}

static int remove_runs(struct ctl *c)
{
	const char *older = ctl_take_value(c, "--older");
	bool all = ctl_take_flag(c, "--all");
	struct run run;
	uint64_t days = 0;
	int r = 0;

	if (older && str_to_u64(older, DAYS_MAX, &days) < 0)
		return ctl_fail("--older takes a number of days, not '%s'", older);
	if (older || all)
		return c->argc > 1 ? ctl_usage(c)
				   : remove_older(c, all ? time(NULL) + 86400
							 : time(NULL) - (time_t)days * 86400);
	if (c->argc < 2 || c->argv[1][0] == '-')
		return ctl_usage(c);
	for (int i = 1; i < c->argc; i++)
		r |= run_find(c, c->argv[i], &run) < 0 || remove_one(&run, !c->json);
	return r;
}

int cmd_runs(struct ctl *c)
{
	if (strcmp(c->argv[0], "open") == 0)
		return open_run(c);
	if (strcmp(c->argv[0], "rm") == 0)
		return remove_runs(c);
	return c->argc == 1 ? list_runs(c) : ctl_usage(c);
}
