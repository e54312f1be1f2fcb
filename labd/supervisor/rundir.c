/* The files of a run: RUN/devices/NAME holds what the node keeps, and in its folder `files` what it
 * serves: the lab's `files:` copied, so that a device may write there and the lab stays as it was.
 * Without them the node makes that folder when it first needs one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "labd/supervisor/supervisor.h"

#define COPY_DEPTH_MAX 16
#define COPY_FILES_MAX 100000

static int make_dir(int at, const char *name)
{
	int fd;

	if (mkdirat(at, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

int rundir_open(struct sup *s)
{
	s->run_fd = open(s->birth->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->run_fd < 0)
		return -errno;
	s->devices_fd = make_dir(s->run_fd, "devices");
	return s->devices_fd < 0 ? s->devices_fd : 0;
}

int rundir_copy_file(int from_dir, int to_dir, const char *name, const struct stat *st)
{
	int in = openat(from_dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), out, r = 0;
	off_t left = st->st_size;
	struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (in < 0)
		return -errno;
	out = openat(to_dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (out < 0)
		r = -errno;
	while (r == 0 && left > 0) {
		ssize_t n = sendfile(out, in, NULL, (size_t)left);

		if (n <= 0)
			r = n < 0 ? -errno : -EIO;
		else
			left -= n;
	}
	if (out >= 0) {
		(void)futimens(out, times); /* Last-Modified is the file's, not the copy's */
		close(out);
	}
	close(in);
	return r;
}

static int copy_tree(int from, int to, unsigned depth, unsigned *n_files);

static int copy_entry(int from, int to, const char *name, unsigned depth, unsigned *n_files)
{
	struct stat st;
	int a, b, r;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISREG(st.st_mode))
		return ++*n_files > COPY_FILES_MAX ? -EFBIG : rundir_copy_file(from, to, name, &st);
	if (!S_ISDIR(st.st_mode) || depth >= COPY_DEPTH_MAX)
		return 0; /* links, devices and sockets are no pages */
	a = openat(from, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (a < 0)
		return -errno;
	b = make_dir(to, name);
	r = b < 0 ? b : copy_tree(a, b, depth + 1, n_files);
	if (b >= 0)
		close(b);
	close(a);
	return r;
}

static int copy_tree(int from, int to, unsigned depth, unsigned *n_files)
{
	DIR *dir = fdopendir(dup(from));
	struct dirent *de;
	int r = 0;

	if (!dir)
		return -errno;
	while (r == 0 && (de = readdir(dir)) != NULL)
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			r = copy_entry(from, to, de->d_name, depth, n_files);
	closedir(dir);
	return r;
}

static int copy_files(struct sup_device *d)
{
	unsigned n_files = 0;
	int from = open(d->plan->files, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int to = from < 0 ? -1 : make_dir(d->state_fd, "files"), r;

	if (from < 0)
		return -errno;
	r = to < 0 ? to : copy_tree(from, to, 0, &n_files);
	if (to >= 0)
		close(to);
	close(from);
	return r;
}

int rundir_device(struct sup_device *d)
{
	d->state_fd = make_dir(d->sup->devices_fd, d->plan->name);
	if (d->state_fd < 0)
		return d->state_fd;
	return d->plan->files ? copy_files(d) : 0;
}
