/* labctl up: from a lab file to a lab that is ready. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "labd/ctl/ctl.h"
#include "netns/err.h"
#include "netns/idmap.h"
#include "labd/ctl/up.h"
#include "labd/lab/lab.h"
#include "labd/lab/plan.h"

#define LISTEN_BACKLOG 16

struct lab *load_checked(const char *what)
{
	char path[PATH_MAX];
	struct diag diag = { 0 };
	struct lab *lab = NULL;
	int r = path_lab_file(what, path);

	if (r < 0) {
		ctl_fail("%s: no such lab file or example: %s", what, strerror(-r));
		return NULL;
	}
	/* Errors name the file as the person did. */
	r = lab_load(access(what, R_OK) == 0 ? what : path, &lab, &diag);
	if (r == 0)
		r = check_configs(lab, &diag);
	diag_print(stderr, &diag);
	if (r < 0) {
		if (diag.n_errors > 0)
			ctl_fail("%s is not valid: nothing was started", what);
		else
			ctl_fail("%s cannot be checked: %s", what, strerror(-r));
		lab = lab_free(lab);
	}
	diag_done(&diag);
	return lab;
}

/* --- what labd inherits -------------------------------------------------------------------- */

static int text_memfd(const char *name, const char *text, size_t len)
{
	int fd = memfd_create(name, 0);

	if (fd >= 0 && write(fd, text, len) != (ssize_t)len) {
		close(fd);
		return -1;
	}
	return fd;
}

static int plan_memfd(const struct lab *lab)
{
	struct plan *plan = plan_from_lab(lab);
	char *text = NULL;
	size_t len;
	int fd = -1, r = plan_to_json(plan, &text, &len);

	if (r == 0)
		fd = text_memfd("plan", text, len);
	free(text);
	plan_free(plan);
	return fd;
}

static int listen_at(const char *lab)
{
	struct sockaddr_un un;
	int fd, r = path_socket(lab, &un);

	if (r < 0)
		return r;
	(void)unlink(
		un.sun_path); /* left by a lab that was killed: nobody listens there any more */
	fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&un, sizeof(un)) < 0 ||
	    listen(fd, LISTEN_BACKLOG) < 0)
		return -errno;
	(void)chmod(un.sun_path, 0600);
	return fd;
}

/* RUN = STATE/NAME/2026-11-24T10-00-00, and `latest` points at it. */
static int make_run(const char *lab, char path[PATH_MAX])
{
	char name[64], link[PATH_MAX], tmp[PATH_MAX + 8];
	time_t now = time(NULL);
	struct tm tm;
	int r = 0;

	gmtime_r(&now, &tm);
	for (int i = 0; i < 100; i++) {
		size_t n = strftime(name, sizeof(name), "%Y-%m-%dT%H-%M-%S", &tm);

		if (i > 0)
			snprintf(name + n, sizeof(name) - n, ".%d", i);
		r = path_state(lab, name, path);
		if (r < 0 || mkdir(path, 0700) == 0 || errno != EEXIST)
			break;
	}
	if (r < 0 || access(path, W_OK) < 0 || path_state(lab, "latest", link) < 0)
		return r < 0 ? r : -EACCES;
	snprintf(tmp, sizeof(tmp), "%s.new", link);
	(void)unlink(tmp);
	if (symlink(name, tmp) < 0 || rename(tmp, link) < 0)
		return -errno;
	return 0;
}

static void keep_lab_file(const struct lab *lab, const char *run)
{
	char path[PATH_MAX + 16];
	FILE *f;

	snprintf(path, sizeof(path), "%s/lab.yaml", run);
	f = fopen(path, "we");
	if (!f)
		return;
	fwrite(lab->source->text, 1, lab->source->len, f);
	fclose(f);
}

struct birth_fds {
	int plan, describe, listen, status, lock;
};

/* A lab outlives this command: what the caller has open (a lock, the far end of a pipe) is not kept
 * open by it. Kernels before 5.11 have only the loop. */
static void keep_nothing_open(void)
{
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return;
	for (int fd = 3; fd < sysconf(_SC_OPEN_MAX); fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static _Noreturn void exec_labd(const struct birth_fds *fds, const char *run, bool quiet)
{
	char labd[PATH_MAX], labnode[PATH_MAX], number[5][16], log[PATH_MAX + 16];
	const int list[5] = { fds->plan, fds->describe, fds->listen, fds->status, fds->lock };
	int null = open("/dev/null", O_RDWR), out;

	keep_nothing_open();
	for (int i = 0; i < 5; i++) {
		(void)fcntl(list[i], F_SETFD, 0);
		snprintf(number[i], sizeof(number[i]), "%d", list[i]);
	}
	snprintf(log, sizeof(log), "%s/labd.log", run);
	out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	dup2(null, 0);
	dup2(out, 1);
	dup2(out, 2);
	if (path_program("labd", labd) < 0 || path_program("labnode", labnode) < 0) {
		dprintf(fds->status,
			"{\"error\":\"%s is not there: labctl, labd and labnode belong "
			"in one folder\"}\n",
			labd);
		_exit(127);
	}
	execl(labd, "labd", "--plan", number[0], "--describe", number[1], "--listen", number[2],
	      "--status", number[3], "--lock", number[4], "--run", run, "--labnode", labnode,
	      quiet ? "--quiet" : NULL, (char *)NULL);
	_exit(127);
}

/* --- watching it come up -------------------------------------------------------------------- */

static void show_progress(const json_t *o, bool *shown)
{
	long long n = json_integer_value(json_object_get(o, "devices"));
	long long of = json_integer_value(json_object_get(o, "of"));

	if (!isatty(2) || of < 50)
		return;
	fprintf(stderr, "\r%lld of %lld devices are ready ", n, of);
	*shown = true;
}

/* Follows labd's progress lines. Milliseconds until ready, or -1 after saying what went wrong. */
static long long follow(int status_fd)
{
	FILE *f = fdopen(status_fd, "r");
	char *line = NULL;
	size_t size = 0;
	long long ms = -1;
	bool shown = false, told = false;

	while (f && getline(&line, &size, f) > 0) {
		json_error_t err;
		json_t *o = json_loads(line, 0, &err);
		const char *error = json_string_value(json_object_get(o, "error"));

		if (shown && (error || json_object_get(o, "ready")))
			fprintf(stderr, "\r\033[K");
		if (error)
			told = ctl_fail("%s", error) != 0;
		else if (json_object_get(o, "ready"))
			ms = json_integer_value(json_object_get(o, "ms"));
		else
			show_progress(o, &shown);
		json_decref(o);
	}
	free(line);
	if (f)
		fclose(f);
	if (ms < 0 && !told)
		ctl_fail("labd ended before the lab was ready; labd.log in the run's folder may "
			 "say why");
	return ms;
}

static long long start_labd(const struct lab *lab, int lock, char run[PATH_MAX], bool quiet)
{
	struct birth_fds fds = { .plan = plan_memfd(lab),
				 .describe = describe_memfd(),
				 .lock = lock };
	int pipe_fds[2], r = make_run(lab->name, run);
	pid_t pid;

	if (r < 0 || fds.plan < 0 || fds.describe < 0 || pipe2(pipe_fds, O_CLOEXEC) < 0) {
		ctl_fail("the run's folder cannot be made: %s", strerror(r < 0 ? -r : errno));
		return -1;
	}
	keep_lab_file(lab, run);
	fds.listen = listen_at(lab->name);
	if (fds.listen < 0) {
		ctl_fail("the lab's socket cannot be made: %s", strerror(-fds.listen));
		return -1;
	}
	fds.status = pipe_fds[1];
	pid = fork();
	if (pid == 0)
		exec_labd(&fds, run, quiet);
	close(pipe_fds[1]);
	close(fds.plan);
	close(fds.describe);
	close(fds.listen);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0); /* labd's parent half ends when the lab is born */
	return follow(pipe_fds[0]);
}

int lab_up(const struct lab *lab, char run[PATH_MAX], bool quiet, long long *ret_ms)
{
	int lock = lab_lock(lab->name);

	if (lock == -EAGAIN && lab_is_alive(lab->name))
		return ctl_fail("the lab %s runs already; `labctl down %s` ends it", lab->name,
				lab->name);
	if (lock == -EAGAIN)
		return ctl_fail("the lab %s is starting or ending just now", lab->name);
	if (lock < 0)
		return ctl_fail("the lab's lock cannot be made: %s", strerror(-lock));
	*ret_ms = start_labd(lab, lock, run, quiet);
	close(lock); /* labd has it now, until its end */
	return *ret_ms < 0 ? 1 : 0;
}

/* Labs run with a single user id, but not every program under exec does. */
static void tell_single_id(void)
{
	struct netns_err err;
	struct idmap map;

	if (idmap_plan(&map, &err) == 0 && map.kind == IDMAP_ONE)
		fprintf(stderr,
			"labctl: note: devices have no user but root (%s), so programs that change "
			"their user will not run under exec; `labctl doctor` says more\n",
			map.reason);
}

static void tell_up(const struct ctl *c, const struct lab *lab, const char *run, long long ms)
{
	if (c->json) {
		printf("{\"lab\":\"%s\",\"devices\":%zu,\"links\":%zu,\"ms\":%lld,\"run\":\"%s\"}"
		       "\n",
		       lab->name, lab->n_nodes, lab->n_links, ms, run);
		return;
	}
	printf("%s is up: %zu devices, %zu links, ready after %lld ms (seed %llu)\n", lab->name,
	       lab->n_nodes, lab->n_links, ms, (unsigned long long)lab->seed);
	tell_single_id();
}

int cmd_up(struct ctl *c)
{
	struct lab *lab;
	char run[PATH_MAX];
	const char *file = NULL;
	bool wait_leases = false, quiet = false;
	long long ms;
	int r;

	for (int i = 1; i < c->argc; i++) {
		if (strcmp(c->argv[i], "--wait") == 0)
			wait_leases = true;
		else if (strcmp(c->argv[i], "--no-log") == 0)
			quiet = true;
		else if (c->argv[i][0] == '-' || file)
			return ctl_usage(c);
		else
			file = c->argv[i];
	}
	if (!file)
		return ctl_usage(c);
	lab = load_checked(file);
	if (!lab)
		return 1;
	r = lab_up(lab, run, quiet, &ms);
	if (r == 0 && wait_leases)
		r = wait_for_leases(lab->name);
	if (r == 0)
		tell_up(c, lab, run, ms);
	lab_free(lab);
	return r;
}

int cmd_validate(struct ctl *c)
{
	struct lab *lab;
	int r = 0;

	if (c->argc < 2)
		return ctl_usage(c);
	for (int i = 1; i < c->argc; i++) {
		lab = load_checked(c->argv[i]);
		if (lab && !c->json)
			printf("%s: valid: lab %s, %zu devices, %zu links\n", c->argv[i], lab->name,
			       lab->n_nodes, lab->n_links);
		if (c->json)
			printf("{\"file\":\"%s\",\"valid\":%s}\n", c->argv[i],
			       lab ? "true" : "false");
		r |= lab == NULL;
		lab_free(lab);
	}
	return r;
}
