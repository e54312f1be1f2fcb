/* labctl doctor: what this host allows, each problem with its one-line remedy. */
#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/sbuf.h"
#include "base/types.h"
#include "labd/ctl/ctl.h"
#include "labd/ctl/table.h"
#include "labd/log/db_read.h"
#include "netns/probe.h"

#define FILES_WANTED  4096u /* a device takes about ten */
#define ROOM_WANTED   (256u << 20)
#define TEXT_LEN      512
#define CHECKS_MAX    (PROBE_N + 16)
#define KERNEL_LIMITS 3

enum finding { FINDING_OK, FINDING_LESS, FINDING_NO };

struct check {
	char name[64];
	enum finding finding;
	char why[TEXT_LEN], remedy[TEXT_LEN];
	bool needed; /* without it no lab runs */
};

struct doctor {
	struct check checks[CHECKS_MAX];
	size_t n;
};

static struct check *add(struct doctor *d, const char *name, enum finding finding, bool needed)
{
	static struct check spare;
	struct check *c = d->n < CHECKS_MAX ? &d->checks[d->n++] : &spare;

	*c = (struct check){ .finding = finding, .needed = needed };
	str_copy(c->name, sizeof(c->name), name);
	return c;
}

static void say(char text[TEXT_LEN], const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(char text[TEXT_LEN], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, TEXT_LEN, fmt, ap);
	va_end(ap);
}

/* --- the kernel ----------------------------------------------------------------------------- */

/* A wire may ride on packet rings instead of TAP; without an id range some programs do not run. */
static bool is_needed(enum probe_id id)
{
	switch (id) {
	case PROBE_USER_NAMESPACE:
	case PROBE_NESTED:
	case PROBE_VETH:
	case PROBE_PACKET_RING:
		return true;
	default:
		return false;
	}
}

static void check_kernel(struct doctor *d)
{
	static struct probe_result results[PROBE_N];

	probe_run_all(results);
	for (int i = 0; i < PROBE_N; i++) {
		const struct probe_result *p = &results[i];
		struct check *c = add(d, probe_name(i),
				      p->answer == PROBE_YES	? FINDING_OK
				      : p->answer == PROBE_LESS ? FINDING_LESS
								: FINDING_NO,
				      is_needed(i));

		if (p->answer == PROBE_YES)
			say(c->why, "%s", p->why);
		else
			say(c->why, "%s%s%s", p->why,
			    p->why[0] ? "; without it: " : "without it: ", probe_purpose(i));
		say(c->remedy, "%s", p->remedy);
	}
}

/* --- the host ------------------------------------------------------------------------------- */

static void check_newuidmap(struct doctor *d)
{
	static const char *const programs[] = { "newuidmap", "newgidmap" };
	struct passwd *pw = getpwuid(getuid());

	if (getuid() == 0)
		return; /* root maps ids itself */
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		char path[64];
		struct stat st;
		struct check *c;
		bool there;

		snprintf(path, sizeof(path), "/usr/bin/%s", programs[i]);
		there = stat(path, &st) == 0;
		c = add(d, programs[i], there ? FINDING_OK : FINDING_LESS, false);
		if (there)
			continue;
		say(c->why,
		    "%s is not installed: devices get one user id, so programs that change "
		    "user (nginx, sshd, dovecot) fail under exec",
		    path);
		say(c->remedy,
		    "apt-get install uidmap; then usermod --add-subuids 100000-165535 "
		    "--add-subgids 100000-165535 %s",
		    pw ? pw->pw_name : "YOU");
	}
}

static void check_files(struct doctor *d)
{
	struct rlimit rl;
	struct check *c;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0)
		return;
	c = add(d, "open files", rl.rlim_max >= FILES_WANTED ? FINDING_OK : FINDING_LESS, false);
	say(c->why, "at most %llu for a process", (unsigned long long)rl.rlim_max);
	if (c->finding != FINDING_OK)
		say(c->remedy,
		    "ulimit -Hn %u, or a `hard nofile` line in "
		    "/etc/security/limits.conf: a lab takes about ten for a device",
		    FILES_WANTED);
}

/* Limits that end a lab of hundreds of devices half-way. */
static void check_kernel_limits(struct doctor *d)
{
	static const struct {
		const char *path, *name;
		long wanted;
	} limits[KERNEL_LIMITS] = {
		{ "/proc/sys/user/max_net_namespaces", "user.max_net_namespaces", 1024 },
		{ "/proc/sys/user/max_user_namespaces", "user.max_user_namespaces", 1024 },
		{ "/proc/sys/user/max_inotify_instances", "user.max_inotify_instances", 64 },
	};

	for (size_t i = 0; i < KERNEL_LIMITS; i++) {
		FILE *f = fopen(limits[i].path, "re");
		char text[32] = "";
		struct check *c;
		long value;

		if (!f)
			continue;
		value = fgets(text, sizeof(text), f) ? strtol(text, NULL, 10) : 0;
		fclose(f);
		c = add(d, limits[i].name, value >= limits[i].wanted ? FINDING_OK : FINDING_LESS,
			false);
		say(c->why, "%ld", value);
		if (c->finding != FINDING_OK)
			say(c->remedy, "sysctl %s=%ld", limits[i].name, limits[i].wanted);
	}
}

/* --- places --------------------------------------------------------------------------------- */

static void check_room(struct doctor *d)
{
	char path[PATH_MAX];
	struct statvfs vfs;
	struct check *c;
	int r = path_state(NULL, NULL, path);
	unsigned long long room;

	if (r < 0) {
		c = add(d, "runs", FINDING_NO, true);
		say(c->why, "no folder for the runs: %s", strerror(-r));
		say(c->remedy, "export XDG_STATE_HOME=$HOME/.local/state");
		return;
	}
	if (statvfs(path, &vfs) < 0)
		return;
	room = (unsigned long long)vfs.f_bavail * vfs.f_frsize;
	c = add(d, "runs", room >= ROOM_WANTED ? FINDING_OK : FINDING_LESS, false);
	say(c->why, "%s, %llu MB free", path, room >> 20);
	if (c->finding != FINDING_OK)
		say(c->remedy, "labctl rm --older 7");
}

static void check_sockets(struct doctor *d)
{
	char path[PATH_MAX];
	int r = path_runtime(NULL, NULL, path);
	struct check *c = add(d, "sockets", r < 0 ? FINDING_NO : FINDING_OK, true);

	if (r == 0) {
		say(c->why, "%s", path);
	} else {
		say(c->why, "no folder for the labs' sockets: %s", strerror(-r));
		say(c->remedy, "export XDG_RUNTIME_DIR=$(mktemp -d)");
	}
}

static void check_programs(struct doctor *d)
{
	static const char *const programs[] = { "labd", "labnode" };

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		char path[PATH_MAX];
		bool there = path_program(programs[i], path) == 0;
		struct check *c = add(d, programs[i], there ? FINDING_OK : FINDING_NO, true);

		say(c->why, "%s", path);
		if (!there)
			say(c->remedy, "make, or make install: labctl, labd and labnode belong in "
				       "one folder");
	}
}

static void check_sqlite(struct doctor *d)
{
	char why[256] = "";
	bool fine = dbr_library_is_fine(why, sizeof(why));
	struct check *c = add(d, "SQLite", fine ? FINDING_OK : FINDING_NO, true);

	say(c->why, "%s", why);
	if (!fine)
		say(c->remedy, "apt-get install libsqlite3-0: version 3.37 or newer");
}

/* --- the report ----------------------------------------------------------------------------- */

static const char *finding_name(enum finding f)
{
	switch (f) {
	case FINDING_OK:
		return "ok";
	case FINDING_LESS:
		return "less";
	case FINDING_NO:
		return "NO";
	}
	return "";
}

static void print_people(const struct doctor *d, bool can_run)
{
	size_t less = 0;

	for (size_t i = 0; i < d->n; i++) {
		const struct check *c = &d->checks[i];

		printf("%-5s %-26s %s\n", finding_name(c->finding), c->name, c->why);
		if (c->finding != FINDING_OK && c->remedy[0])
			printf("      %-26s -> %s\n", "", c->remedy);
		less += c->finding != FINDING_OK;
	}
	if (!can_run)
		printf("\nlabs cannot run here; what is marked NO says why\n");
	else if (less > 0)
		printf("\nlabs run here, with %zu thing%s less than there could be\n", less,
		       less == 1 ? "" : "s");
	else
		printf("\nlabs run here, with everything\n");
}

static void print_json(const struct doctor *d, bool can_run)
{
	json_t *list = json_array();
	json_t *all;

	for (size_t i = 0; i < d->n; i++) {
		const struct check *c = &d->checks[i];

		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:b, s:s, s:s}", "name", c->name,
						"finding", finding_name(c->finding), "needed",
						c->needed, "why", c->why, "remedy", c->remedy));
	}
	all = json_pack("{s:b, s:o}", "can_run", can_run, "checks", list);
	json_dumpf(all, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(all);
}

int cmd_doctor(struct ctl *c)
{
	static struct doctor d;
	bool can_run = true;

	if (c->argc != 1)
		return ctl_usage(c);
	check_programs(&d);
	check_kernel(&d);
	check_newuidmap(&d);
	check_sqlite(&d);
	check_files(&d);
	check_kernel_limits(&d);
	check_room(&d);
	check_sockets(&d);
	for (size_t i = 0; i < d.n; i++) {
		if (d.checks[i].finding == FINDING_NO && !d.checks[i].needed)
			d.checks[i].finding = FINDING_LESS;
		can_run = can_run && d.checks[i].finding != FINDING_NO;
	}
	if (c->json)
		print_json(&d, can_run);
	else
		print_people(&d, can_run);
	return can_run ? 0 : 1;
}
