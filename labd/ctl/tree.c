#include "labd/ctl/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netns/err.h"
#include "netns/idmap.h"
#include "netns/ns.h"

#define DEPTH_MAX 64

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static uint64_t bytes_at(int at, const char *name, int depth)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	uint64_t sum = 0;
	struct dirent *de;
	struct stat st;

	while (d && (de = readdir(d)) != NULL) {
		if (is_dots(de->d_name) || fstatat(fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		sum += (uint64_t)st.st_blocks * 512;
		if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
			sum += bytes_at(fd, de->d_name, depth + 1);
	}
	if (d)
		closedir(d);
	return sum;
}

uint64_t tree_bytes(const char *path)
{
	return bytes_at(AT_FDCWD, path, 0);
}

static int remove_at(int at, const char *name, int depth);

static int remove_inside(int fd, DIR *d, int depth)
{
	struct dirent *de;
	int r = 0;

	while (r == 0 && (de = readdir(d)) != NULL) {
		if (is_dots(de->d_name) || unlinkat(fd, de->d_name, 0) == 0)
			continue;
		/* EPERM is what POSIX says of a directory. */
		r = errno == EISDIR || errno == EPERM ? remove_at(fd, de->d_name, depth + 1)
						      : -errno;
	}
	return r;
}

static int remove_at(int at, const char *name, int depth)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), r;
	DIR *d;

	if (fd < 0)
		return -errno;
	d = depth < DEPTH_MAX ? fdopendir(fd) : NULL;
	if (!d) {
		close(fd);
		return -ELOOP;
	}
	r = remove_inside(fd, d, depth);
	closedir(d);
	if (r == 0 && unlinkat(at, name, AT_REMOVEDIR) < 0)
		r = -errno;
	return r;
}

/* As root of a namespace in which the caller's subordinate ids exist. */
static int child(void *arg)
{
	return -remove_at(AT_FDCWD, arg, 0);
}

static int remove_as_root(const char *path)
{
	const struct ns_fork how = { .flags = CLONE_NEWUSER,
				     .die_with_parent = true,
				     .child = child,
				     .arg = (void *)(uintptr_t)path };
	struct netns_err err = { 0 };
	struct idmap map;
	int status, r = idmap_plan(&map, &err);
	pid_t pid;

	if (r == 0)
		r = ns_fork(&how, &map, &pid, NULL, &err);
	if (r < 0)
		return r;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

int tree_remove(const char *path)
{
	int r = remove_at(AT_FDCWD, path, 0);

	return r == -EACCES || r == -EPERM ? remove_as_root(path) : r;
}
