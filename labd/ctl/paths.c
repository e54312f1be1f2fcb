/* Where things are: sockets in $XDG_RUNTIME_DIR/labd/NAME, runs in $XDG_STATE_HOME/labd/NAME. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "labd/ctl/ctl.h"

/* Made with every directory above it, for the owner alone. */
static int make_dirs(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST && access(path, X_OK) < 0) {
			int r = -errno;

			*slash = '/';
			return r;
		}
		*slash = '/';
	}
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static int put(char buf[PATH_MAX], const char *dir, const char *lab)
{
	int n = snprintf(buf, PATH_MAX, "%s/labd%s%s", dir, lab ? "/" : "", lab ? lab : "");

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : make_dirs(buf);
}

static int put_file(char buf[PATH_MAX], const char *file)
{
	size_t at = strlen(buf);
	int n;

	if (!file)
		return 0;
	n = snprintf(buf + at, PATH_MAX - at, "/%s", file);
	return n < 0 || (size_t)n >= PATH_MAX - at ? -ENAMETOOLONG : 0;
}

int path_runtime(const char *lab, const char *file, char buf[PATH_MAX])
{
	const char *dir = getenv("XDG_RUNTIME_DIR");
	char own[64];
	struct stat st;
	int r;

	if (!dir || *dir != '/' || access(dir, W_OK) < 0) {
		/* A login without a runtime directory (su, cron, a container). */
		snprintf(own, sizeof(own), "/tmp/labd-%u", (unsigned)getuid());
		if (mkdir(own, 0700) < 0 && errno != EEXIST)
			return -errno;
		if (lstat(own, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != getuid() ||
		    (st.st_mode & 077))
			return -EPERM; /* somebody else made it: not ours to trust */
		dir = own;
	}
	r = put(buf, dir, lab);
	return r < 0 ? r : put_file(buf, file);
}

int path_socket(const char *lab, struct sockaddr_un *ret)
{
	char path[PATH_MAX];
	int r = path_runtime(lab, "ctl", path);

	if (r < 0)
		return r;
	if (strlen(path) >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(ret->sun_path, path, strlen(path) + 1);
	return 0;
}

int path_state(const char *lab, const char *file, char buf[PATH_MAX])
{
	const char *dir = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char own[PATH_MAX];
	int r;

	if (!dir || *dir != '/') {
		if (!home || *home != '/')
			return -ENOENT;
		snprintf(own, sizeof(own), "%s/.local/state", home);
		dir = own;
	}
	r = put(buf, dir, lab);
	return r < 0 ? r : put_file(buf, file);
}

int path_run_file(const char *lab, const char *run, const char *file, char buf[PATH_MAX])
{
	char tail[PATH_MAX];

	snprintf(tail, sizeof(tail), "%s/%s", run ? run : "latest", file);
	return path_state(lab, tail, buf);
}

int path_program(const char *name, char buf[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", buf, PATH_MAX - 1);
	char *slash;

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	slash = strrchr(buf, '/');
	if (!slash || (size_t)(slash - buf) + strlen(name) + 2 > PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(slash + 1, name, strlen(name) + 1);
	return access(buf, X_OK) < 0 ? -errno : 0;
}

/* Examples: beside a source tree's build/, or installed. */
int path_lab_file(const char *what, char buf[PATH_MAX])
{
	static const char *const places[] = { "../../scripts/labs", "../share/labd/labs" };
	char program[PATH_MAX], path[2 * PATH_MAX];

	if (access(what, R_OK) == 0)
		return realpath(what, buf) ? 0 : -errno;
	if (strchr(what, '/') || path_program("labctl", program) < 0)
		return -ENOENT;
	*strrchr(program, '/') = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s/%s.yaml", program, places[i], what);
		if (access(path, R_OK) == 0)
			return realpath(path, buf) ? 0 : -errno;
	}
	return -ENOENT;
}

/* A socket outlives the lock by a moment: the kernel closes both when labd has ended. */
bool lab_is_alive(const char *lab)
{
	int fd = lab_is_locked(lab) ? client_connect(lab) : -ENOENT;

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

size_t labs_alive(struct lab_name *out, size_t max)
{
	char path[PATH_MAX];
	DIR *dir = path_runtime(NULL, NULL, path) == 0 ? opendir(path) : NULL;
	struct dirent *de;
	size_t n = 0;

	while (dir && n < max && (de = readdir(dir)) != NULL)
		if (de->d_name[0] != '.' && strlen(de->d_name) < sizeof(out[n].text) &&
		    lab_is_alive(de->d_name))
			snprintf(out[n++].text, sizeof(out[0].text), "%.63s", de->d_name);
	if (dir)
		closedir(dir);
	return n;
}

static int pick_alive(const struct ctl *c, struct lab_name *ret)
{
	struct lab_name labs[64];
	size_t n;

	if (c->lab) {
		snprintf(ret->text, sizeof(ret->text), "%s", c->lab);
		return lab_is_alive(c->lab) ? 0 : -ENOENT;
	}
	n = labs_alive(labs, 64);
	if (n == 1)
		*ret = labs[0];
	return n == 0 ? -ENOENT : n > 1 ? -ENOTUNIQ : 0;
}

static int several(void)
{
	struct lab_name labs[64];
	size_t n = labs_alive(labs, 64);

	fprintf(stderr, "labctl: several labs run; say which with --lab NAME:");
	for (size_t i = 0; i < n; i++)
		fprintf(stderr, " %s", labs[i].text);
	fputc('\n', stderr);
	return -1;
}

int ctl_pick_lab(const struct ctl *c, struct lab_name *ret)
{
	int r = pick_alive(c, ret);

	if (r == -ENOTUNIQ)
		return several();
	if (r < 0 && c->lab)
		ctl_fail("the lab %s does not run; `labctl up` starts one", c->lab);
	else if (r < 0)
		ctl_fail("no lab runs; `labctl up FILE` starts one");
	return r < 0 ? -1 : 0;
}

/* The lab whose newest run began last. */
static int newest(struct lab_name *ret)
{
	char path[PATH_MAX], link[2 * PATH_MAX];
	DIR *dir = path_state(NULL, NULL, path) == 0 ? opendir(path) : NULL;
	struct dirent *de;
	struct stat st, best = { 0 };
	int r = -ENOENT;

	while (dir && (de = readdir(dir)) != NULL) {
		snprintf(link, sizeof(link), "%s/%s/latest", path, de->d_name);
		if (de->d_name[0] == '.' || lstat(link, &st) < 0 || st.st_mtime < best.st_mtime)
			continue;
		best = st;
		snprintf(ret->text, sizeof(ret->text), "%.63s", de->d_name);
		r = 0;
	}
	if (dir)
		closedir(dir);
	return r;
}

int ctl_pick_lab_or_run(const struct ctl *c, struct lab_name *ret)
{
	int r = pick_alive(c, ret);

	if (r == -ENOTUNIQ)
		return several();
	if (r < 0 && c->lab) {
		char path[PATH_MAX];

		if (path_state(c->lab, "latest", path) == 0 && access(path, F_OK) == 0)
			return 0;
		ctl_fail("no run of a lab %s is kept; `labctl runs` lists them", c->lab);
		return -1;
	}
	if (r < 0 && newest(ret) < 0) {
		ctl_fail("no lab runs and no run is kept; `labctl up FILE` starts one");
		return -1;
	}
	return 0;
}
