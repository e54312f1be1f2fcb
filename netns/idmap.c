#include "netns/idmap.h"

#include "netns/err.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define IDMAP_FILE_MAX	 (64 * 1024) /* bytes of /etc/subuid that are read */
#define IDMAP_HELPER_MAX 64

static const char *const idmap_kind_names[] = {
	[IDMAP_ROOT] = "every id of root",
	[IDMAP_RANGE] = "own id and a subordinate range",
	[IDMAP_ONE] = "one id",
	[IDMAP_NESTED] = "every id of the outer namespace",
};

const char *idmap_kind_name(enum idmap_kind kind)
{
	return idmap_kind_names[kind];
}

/* One line of text, without its newline; false at the end. */
static bool idmap_line(const char **io_text, char *buf, size_t buf_len)
{
	const char *end = strchrnul(*io_text, '\n');
	size_t len = (size_t)(end - *io_text);

	if (!**io_text)
		return false;
	if (len >= buf_len)
		len = 0; /* longer than any valid line: reads as empty */
	memcpy(buf, *io_text, len);
	buf[len] = 0;
	*io_text = *end ? end + 1 : end;
	return true;
}

static bool idmap_number(const char *text, const char **ret_end, uint32_t *ret)
{
	unsigned long long v;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno || v > UINT32_MAX)
		return false;
	*ret = (uint32_t)v;
	*ret_end = end;
	return true;
}

/* A line of subuid(5): owner:first:count, where the owner is a login name or a number. */
static bool idmap_sub_line(const char *line, const char *user, uint32_t id, struct idmap_row *ret)
{
	const char *colon = strchr(line, ':'), *end;
	uint32_t owner, first, count;
	size_t len;

	if (!colon)
		return false;
	len = (size_t)(colon - line);
	if (!(user && strlen(user) == len && !memcmp(line, user, len)) &&
	    !(idmap_number(line, &end, &owner) && end == colon && owner == id))
		return false;
	if (!idmap_number(colon + 1, &end, &first) || *end != ':' ||
	    !idmap_number(end + 1, &end, &count) || *end || !count)
		return false;
	*ret = (struct idmap_row){ .outside = first, .count = count };
	return true;
}

/* Row 0 is the caller as 0; its ranges follow without a hole. Returns the number of rows. */
static unsigned idmap_ranges(const char *text, const struct idmap_facts *facts, uint32_t self,
			     struct idmap_row *rows)
{
	uint64_t next = 1;
	unsigned n = 1;
	char line[256];

	rows[0] = (struct idmap_row){ 0, self, 1 };
	while (n < IDMAP_ROWS_MAX && idmap_line(&text, line, sizeof(line))) {
		if (!idmap_sub_line(line, facts->user, facts->uid, &rows[n]))
			continue;
		if (next + rows[n].count > UINT32_MAX)
			break;
		rows[n].inside = (uint32_t)next;
		next += rows[n++].count;
	}
	return n;
}

/* The caller's own map gives the ids that exist for it: each becomes itself. */
static unsigned idmap_identity(const char *text, struct idmap_row *rows)
{
	unsigned n = 0;
	char line[128];

	while (n < IDMAP_ROWS_MAX && idmap_line(&text, line, sizeof(line))) {
		struct idmap_row row;

		if (sscanf(line, "%" SCNu32 " %" SCNu32 " %" SCNu32, &row.inside, &row.outside,
			   &row.count) != 3)
			continue;
		row.outside = row.inside;
		rows[n++] = row;
	}
	return n;
}

static void idmap_set_one(struct idmap *map, uint32_t uid, uint32_t gid, const char *reason)
{
	map->kind = IDMAP_ONE;
	map->uid[0] = (struct idmap_row){ 0, uid, 1 };
	map->gid[0] = (struct idmap_row){ 0, gid, 1 };
	map->n_uid = map->n_gid = 1;
	map->deny_setgroups = true;
	(void)snprintf(map->reason, sizeof(map->reason), "%s", reason);
}

static void idmap_set_range(struct idmap *map, const struct idmap_facts *facts)
{
	map->n_uid = idmap_ranges(facts->subuid, facts, facts->uid, map->uid);
	map->n_gid = idmap_ranges(facts->subgid, facts, facts->gid, map->gid);
	map->kind = IDMAP_RANGE;
	if (map->n_uid < 2 || map->n_gid < 2) {
		const char *file = map->n_uid < 2 ? "/etc/subuid" : "/etc/subgid";

		idmap_set_one(map, facts->uid, facts->gid, "");
		(void)snprintf(map->reason, sizeof(map->reason),
			       "%s has no line for %s (%" PRIu32 ")", file,
			       facts->user ? facts->user : "this user", facts->uid);
		return;
	}
	(void)snprintf(map->reason, sizeof(map->reason),
		       "newuidmap and the ranges of /etc/subuid and /etc/subgid give %" PRIu32
		       " ids",
		       idmap_span(map));
}

void idmap_decide(const struct idmap_facts *facts, struct idmap *ret_map)
{
	memset(ret_map, 0, sizeof(*ret_map));
	if (facts->uid == 0 && facts->may_map) {
		ret_map->kind = IDMAP_ROOT;
		ret_map->n_uid = idmap_identity(facts->uid_map, ret_map->uid);
		ret_map->n_gid = idmap_identity(facts->gid_map, ret_map->gid);
		(void)snprintf(ret_map->reason, sizeof(ret_map->reason),
			       "started by root, which keeps each of its ids");
		if (ret_map->n_uid && ret_map->n_gid)
			return;
	}
	if (facts->no_helper)
		idmap_set_one(ret_map, facts->uid, facts->gid, facts->no_helper);
	else
		idmap_set_range(ret_map, facts);
}

void idmap_reduce(struct idmap *map, const char *why)
{
	idmap_set_one(map, map->uid[0].outside, map->gid[0].outside, why);
}

static uint32_t idmap_rows_span(const struct idmap_row *rows, unsigned n)
{
	uint64_t next = 0;

	/* Rows may come in any order; each pass takes those that continue the span. */
	for (unsigned pass = 0; pass < n; pass++)
		for (unsigned i = 0; i < n; i++)
			if (rows[i].inside <= next &&
			    (uint64_t)rows[i].inside + rows[i].count > next)
				next = (uint64_t)rows[i].inside + rows[i].count;
	return next > UINT32_MAX ? UINT32_MAX : (uint32_t)next;
}

uint32_t idmap_span(const struct idmap *map)
{
	uint32_t u = idmap_rows_span(map->uid, map->n_uid);
	uint32_t g = idmap_rows_span(map->gid, map->n_gid);

	return u < g ? u : g;
}

/* A whole small file as a string that the caller frees; "" when it does not exist. */
static int idmap_read(const char *path, char **ret_text, struct netns_err *err)
{
	char *text = malloc(IDMAP_FILE_MAX);
	size_t used = 0;
	ssize_t n = 0;
	int fd;

	if (!text)
		return netns_fail_errno(err, -ENOMEM, "%s", path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && used < IDMAP_FILE_MAX - 1) {
		n = read(fd, text + used, IDMAP_FILE_MAX - 1 - used);
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	if ((fd < 0 && errno != ENOENT) || n < 0) {
		int r = netns_fail_errno(err, -errno, "%s: read", path);

		if (fd >= 0)
			(void)close(fd);
		free(text);
		return r;
	}
	if (fd >= 0)
		(void)close(fd);
	text[used] = 0;
	*ret_text = text;
	return 0;
}

static bool idmap_may_map(void)
{
	struct __user_cap_header_struct hdr = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	const uint32_t need = 1u << CAP_SETUID | 1u << CAP_SETGID | 1u << CAP_SETFCAP;

	if (syscall(SYS_capget, &hdr, data) < 0)
		return false;
	return (data[0].effective & need) == need;
}

static const char *const idmap_helper_dirs[] = { "/usr/bin", "/bin", "/usr/local/bin",
						 "/run/wrappers/bin" };

/* A helper is of use only when executing it gains root's capabilities over ids. */
static const char *idmap_find_helper(const char *name, char *path, size_t path_len)
{
	bool seen = false;

	for (size_t i = 0; i < sizeof(idmap_helper_dirs) / sizeof(*idmap_helper_dirs); i++) {
		struct stat st;

		(void)snprintf(path, path_len, "%s/%s", idmap_helper_dirs[i], name);
		if (stat(path, &st) < 0 || access(path, X_OK) < 0)
			continue;
		seen = true;
		if ((st.st_mode & S_ISUID) || getxattr(path, "security.capability", NULL, 0) > 0)
			return NULL;
	}
	return seen ? "newuidmap is neither setuid nor has a file capability"
		    : "newuidmap and newgidmap (package uidmap) are not installed";
}

static const char *idmap_no_helper(void)
{
	char path[IDMAP_HELPER_MAX];
	const char *why = idmap_find_helper("newuidmap", path, sizeof(path));

	if (!why)
		why = idmap_find_helper("newgidmap", path, sizeof(path));
	if (!why && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		why = "no_new_privs is set, so that newuidmap gains no capability";
	return why;
}

struct idmap_files {
	char *subuid, *subgid, *uid_map, *gid_map;
};

static int idmap_files_read(struct idmap_files *f, struct netns_err *err)
{
	int r = idmap_read("/etc/subuid", &f->subuid, err);

	if (r >= 0)
		r = idmap_read("/etc/subgid", &f->subgid, err);
	if (r >= 0)
		r = idmap_read("/proc/self/uid_map", &f->uid_map, err);
	if (r >= 0)
		r = idmap_read("/proc/self/gid_map", &f->gid_map, err);
	return r;
}

static void idmap_files_done(struct idmap_files *f)
{
	free(f->subuid);
	free(f->subgid);
	free(f->uid_map);
	free(f->gid_map);
}

int idmap_plan(struct idmap *ret_map, struct netns_err *err)
{
	struct idmap_files f = { 0 };
	struct idmap_facts facts = { .uid = geteuid(), .gid = getegid() };
	struct passwd *pw = getpwuid(geteuid());
	int r = idmap_files_read(&f, err);

	if (r >= 0) {
		facts.user = pw ? pw->pw_name : NULL;
		facts.may_map = idmap_may_map();
		facts.no_helper = idmap_no_helper();
		facts.subuid = f.subuid;
		facts.subgid = f.subgid;
		facts.uid_map = f.uid_map;
		facts.gid_map = f.gid_map;
		idmap_decide(&facts, ret_map);
	}
	idmap_files_done(&f);
	return r;
}

int idmap_nested(struct idmap *ret_map, struct netns_err *err)
{
	struct idmap_files f = { 0 };
	struct idmap map = { .kind = IDMAP_NESTED };
	int r = idmap_files_read(&f, err);

	if (r >= 0) {
		map.n_uid = idmap_identity(f.uid_map, map.uid);
		map.n_gid = idmap_identity(f.gid_map, map.gid);
		(void)snprintf(map.reason, sizeof(map.reason), "inner namespace, %" PRIu32 " ids",
			       idmap_span(&map));
		if (!map.n_uid || !map.n_gid)
			r = netns_fail(err, -ENODATA, "id map: this user namespace has none");
		else
			*ret_map = map;
	}
	idmap_files_done(&f);
	return r;
}

int idmap_top_gid(uint32_t *ret_gid, struct netns_err *err)
{
	struct idmap_row rows[IDMAP_ROWS_MAX];
	uint32_t span;
	char *text;
	int r = idmap_read("/proc/self/gid_map", &text, err);

	if (r < 0)
		return r;
	span = idmap_rows_span(rows, idmap_identity(text, rows));
	free(text);
	if (!span)
		return netns_fail(err, -ENODATA, "id map: group 0 does not exist here");
	*ret_gid = span - 1;
	return 0;
}

static int idmap_write(pid_t pid, const char *file, const char *text, struct netns_err *err)
{
	char path[64];
	int fd, r = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return netns_fail_errno(err, -errno, "id map %s: open", path);
	/* The kernel takes a map by one write or not at all. */
	if (write(fd, text, strlen(text)) < 0)
		r = netns_fail_errno(err, -errno, "id map %s: write", path);
	(void)close(fd);
	return r;
}

static void idmap_text(const struct idmap_row *rows, unsigned n, char *text, size_t text_len)
{
	size_t used = 0;

	for (unsigned i = 0; i < n; i++)
		used += (size_t)snprintf(text + used, text_len - used,
					 "%" PRIu32 " %" PRIu32 " %" PRIu32 "\n", rows[i].inside,
					 rows[i].outside, rows[i].count);
}

static int idmap_apply_direct(const struct idmap *map, pid_t pid, struct netns_err *err)
{
	char text[IDMAP_ROWS_MAX * 36];
	int r = 0;

	/* user_namespaces(7): without CAP_SETGID a group map is taken only after "deny". */
	if (map->deny_setgroups)
		r = idmap_write(pid, "setgroups", "deny", err);
	idmap_text(map->uid, map->n_uid, text, sizeof(text));
	if (r >= 0)
		r = idmap_write(pid, "uid_map", text, err);
	idmap_text(map->gid, map->n_gid, text, sizeof(text));
	if (r >= 0)
		r = idmap_write(pid, "gid_map", text, err);
	return r;
}

struct idmap_argv {
	char words[2 + IDMAP_ROWS_MAX * 3][12];
	char *argv[3 + IDMAP_ROWS_MAX * 3];
};

static void idmap_fill_argv(struct idmap_argv *a, const char *name, pid_t pid,
			    const struct idmap_row *rows, unsigned n)
{
	unsigned k = 0;

	(void)snprintf(a->words[k++], sizeof(a->words[0]), "%s", name);
	(void)snprintf(a->words[k++], sizeof(a->words[0]), "%d", (int)pid);
	for (unsigned i = 0; i < n; i++) {
		const uint32_t v[3] = { rows[i].inside, rows[i].outside, rows[i].count };

		for (unsigned j = 0; j < 3; j++)
			(void)snprintf(a->words[k++], sizeof(a->words[0]), "%" PRIu32, v[j]);
	}
	for (unsigned i = 0; i < k; i++)
		a->argv[i] = a->words[i];
	a->argv[k] = NULL;
}

/* What the helper says on stderr, as one line. */
static void idmap_helper_words(int fd, char *text, size_t text_len)
{
	size_t used = 0;
	ssize_t n;

	while (used < text_len - 1 && (n = read(fd, text + used, text_len - 1 - used)) > 0)
		used += (size_t)n;
	text[used] = 0;
	text[strcspn(text, "\n")] = 0;
}

static void idmap_exec(const char *path, char *const *argv, int err_fd)
{
	char *const no_environment[] = { NULL };

	(void)dup2(err_fd, STDERR_FILENO);
	(void)execve(path, argv, no_environment);
	_exit(127);
}

static int idmap_run(const char *name, pid_t pid, const struct idmap_row *rows, unsigned n,
		     struct netns_err *err)
{
	char path[IDMAP_HELPER_MAX], words[160] = "";
	const char *why = idmap_find_helper(name, path, sizeof(path));
	struct idmap_argv a;
	int fds[2], status = 0;
	pid_t child;

	if (why)
		return netns_fail(err, -ENOENT, "%s", why);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return netns_fail_errno(err, -errno, "%s: pipe", name);
	idmap_fill_argv(&a, name, pid, rows, n);
	child = fork();
	if (child == 0)
		idmap_exec(path, a.argv, fds[1]);
	(void)close(fds[1]);
	if (child > 0)
		idmap_helper_words(fds[0], words, sizeof(words));
	(void)close(fds[0]);
	if (child < 0)
		return netns_fail_errno(err, -errno, "%s: fork", name);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return netns_fail_errno(err, -errno, "%s: wait", name);
	if (status)
		return netns_fail(err, -EPERM, "%s failed: %s", name,
				  *words ? words : "it says nothing");
	return 0;
}

int idmap_apply(const struct idmap *map, pid_t pid, struct netns_err *err)
{
	int r;

	if (map->kind != IDMAP_RANGE)
		return idmap_apply_direct(map, pid, err);
	r = idmap_run("newuidmap", pid, map->uid, map->n_uid, err);
	if (r < 0)
		return r;
	return idmap_run("newgidmap", pid, map->gid, map->n_gid, err);
}
