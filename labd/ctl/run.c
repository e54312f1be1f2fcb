#include "labd/ctl/run.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/sbuf.h"
#include "labd/ctl/tree.h"
#include "labd/log/db_read.h"

#define SYNC_WAIT_S 2

/* --- the list ------------------------------------------------------------------------------- */

/* Runs are named after the moment they began. */
static bool is_run_name(const char *name)
{
	return strlen(name) < RUN_NAME_MAX && strspn(name, "0123456789") == 4 && name[4] == '-';
}

static void read_latest(const char *lab_dir, char out[RUN_NAME_MAX])
{
	char path[PATH_MAX + 16], target[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/latest", lab_dir);
	n = readlink(path, target, sizeof(target) - 1);
	out[0] = '\0';
	if (n > 0) {
		target[n] = '\0';
		str_copy(out, RUN_NAME_MAX, target);
	}
}

struct listing {
	struct run *runs;
	size_t n, size;
};

static void add_run(struct listing *l, const struct run *run)
{
	if (l->n == RUNS_MAX)
		return;
	if (l->n == l->size) {
		l->size = l->size ? 2 * l->size : 16;
		l->runs = realloc(l->runs, l->size * sizeof(*l->runs));
		if (!l->runs)
			abort();
	}
	l->runs[l->n++] = *run;
}

static void list_lab(struct listing *l, const char *state, const char *lab)
{
	char dir[PATH_MAX], latest[RUN_NAME_MAX];
	bool alive = lab_is_alive(lab);
	struct dirent *de;
	struct run run;
	DIR *d;

	if (snprintf(dir, sizeof(dir), "%s/%s", state, lab) >= (int)sizeof(dir) ||
	    !(d = opendir(dir)))
		return;
	read_latest(dir, latest);
	while ((de = readdir(d)) != NULL) {
		if (!is_run_name(de->d_name))
			continue;
		memset(&run, 0, sizeof(run));
		str_copy(run.lab, sizeof(run.lab), lab);
		str_copy(run.name, sizeof(run.name), de->d_name);
		run.latest = strcmp(latest, run.name) == 0;
		run.live = alive && run.latest;
		if (snprintf(run.dir, sizeof(run.dir), "%s/%s", dir, run.name) <
		    (int)sizeof(run.dir))
			add_run(l, &run);
	}
	closedir(d);
}

static int by_name(const void *a, const void *b)
{
	const struct run *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : strcmp(x->lab, y->lab);
}

size_t runs_list(const char *lab, struct run **ret)
{
	struct listing l = { 0 };
	char state[PATH_MAX];
	struct dirent *de;
	DIR *d;

	*ret = NULL;
	if (path_state(NULL, NULL, state) < 0 || !(d = opendir(state)))
		return 0;
	while ((de = readdir(d)) != NULL)
		if (de->d_name[0] != '.' && strlen(de->d_name) < sizeof(l.runs->lab) &&
		    (!lab || strcmp(lab, de->d_name) == 0))
			list_lab(&l, state, de->d_name);
	closedir(d);
	if (l.n > 0)
		qsort(l.runs, l.n, sizeof(*l.runs), by_name);
	*ret = l.runs;
	return l.n;
}

/* --- one ------------------------------------------------------------------------------------ */

static bool is_named(const struct run *run, const char *which)
{
	size_t n = strlen(run->lab);

	if (strcmp(run->name, which) == 0)
		return true;
	return strncmp(which, run->lab, n) == 0 && which[n] == '/' &&
	       (strcmp(which + n + 1, run->name) == 0 ||
		(run->latest && strcmp(which + n + 1, "latest") == 0));
}

static int find_named(const struct ctl *c, const char *which, struct run *ret)
{
	struct run *runs;
	size_t n = runs_list(c->lab, &runs), found = 0;

	for (size_t i = 0; i < n; i++)
		if (is_named(&runs[i], which)) {
			*ret = runs[i];
			found++;
		}
	free(runs);
	if (found == 1)
		return 0;
	if (found > 1)
		ctl_fail("several labs have a run %s; say which: LAB/%s", which, which);
	else
		ctl_fail("there is no run %s; `labctl runs` lists them", which);
	return -1;
}

static int find_latest(const char *lab, struct run *ret)
{
	struct run *runs;
	size_t n = runs_list(lab, &runs);
	int r = -1;

	for (size_t i = 0; i < n; i++)
		if (runs[i].latest) {
			*ret = runs[i];
			r = 0;
		}
	free(runs);
	if (r < 0)
		ctl_fail("no run of the lab %s is kept", lab);
	return r;
}

int run_find(const struct ctl *c, const char *which, struct run *ret)
{
	struct lab_name lab;

	if (which && strcmp(which, "latest") != 0)
		return find_named(c, which, ret);
	if (ctl_pick_lab_or_run(c, &lab) < 0)
		return -1;
	return find_latest(lab.text, ret);
}

/* --- removing ------------------------------------------------------------------------------- */

uint64_t run_bytes(const struct run *run)
{
	return tree_bytes(run->dir);
}

static int point_latest(const struct run *gone)
{
	char link[PATH_MAX], tmp[PATH_MAX + 8];
	struct run *runs;
	size_t n = runs_list(gone->lab, &runs);
	int r = path_state(gone->lab, "latest", link);

	if (r == 0 && n == 0) {
		(void)unlink(link);
	} else if (r == 0) {
		snprintf(tmp, sizeof(tmp), "%s.new", link);
		(void)unlink(tmp);
		if (symlink(runs[n - 1].name, tmp) < 0 || rename(tmp, link) < 0)
			r = -errno;
	}
	free(runs);
	if (r == 0 && n == 0 && path_state(gone->lab, NULL, link) == 0)
		(void)rmdir(link); /* only when nothing else is in it */
	return r;
}

int run_remove(const struct run *run)
{
	int r = run->live ? -EBUSY : tree_remove(run->dir);

	return r == 0 && run->latest ? point_latest(run) : r;
}

/* --- its database --------------------------------------------------------------------------- */

/* What a device did a moment ago is in the database when this returns. A lab that does not answer
 * in time is read as it is. */
static void sync_lab(const char *lab)
{
	struct timeval wait = { .tv_sec = SYNC_WAIT_S };
	int fd = client_open(lab);

	if (fd < 0)
		return;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (client_send(fd, json_pack("{s:s}", "do", "sync"), -1) == 0)
		json_decref(client_recv(fd, NULL));
	close(fd);
}

struct dbr *run_open_db(const struct run *run)
{
	char path[PATH_MAX + 16];
	struct sbuf why = SBUF(1024);
	struct dbr *db = NULL;

	if (run->live)
		sync_lab(run->lab);
	snprintf(path, sizeof(path), "%s/log.db", run->dir);
	if (dbr_open(path, &db, &why) < 0)
		ctl_fail("the run's database cannot be opened: %s", sbuf_text(&why));
	else if (!dbr_is_current(db))
		ctl_fail("warning: the run was written by another version of labd; what is asked "
			 "may not be there");
	sbuf_done(&why);
	return db;
}

struct dbr *ctl_open_db(const struct ctl *c, const char *which, struct run *ret_run)
{
	return run_find(c, which, ret_run) < 0 ? NULL : run_open_db(ret_run);
}

/* --- words ---------------------------------------------------------------------------------- */

static void take_words(struct ctl *c, int at, int n)
{
	for (int i = at; i + n <= c->argc; i++)
		c->argv[i] = c->argv[i + n];
	c->argc -= n;
}

const char *ctl_take_value(struct ctl *c, const char *name)
{
	for (int i = 1; i + 1 < c->argc; i++)
		if (strcmp(c->argv[i], name) == 0) {
			const char *value = c->argv[i + 1];

			take_words(c, i, 2);
			return value;
		}
	return NULL;
}

bool ctl_take_flag(struct ctl *c, const char *name)
{
	for (int i = 1; i < c->argc; i++)
		if (strcmp(c->argv[i], name) == 0) {
			take_words(c, i, 1);
			return true;
		}
	return false;
}
