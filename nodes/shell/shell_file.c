/* ASK_FILE: the device's own files.
 *
 * The root is handed over as an open directory: the lab file's `files:` copied when the lab came
 * up, so that a device may write there. A path is resolved beneath the root by the kernel, so
 * neither ".." nor a symbolic link leads out (openat2, RESOLVE_BENEATH). Looking at a file is what
 * a web server does for every request: a path that led to this very inode before, unchanged since
 * (mode and owner too: ctime), needs no more than stat(2). */
#include "shell.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/hash.h"

#define LIST_MAX    4096
#define KNOWN_SLOTS 64

/* A path that was resolved beneath the root, and what was there. */
struct known_file {
	char *path;
	dev_t dev;
	ino_t ino;
	struct timespec changed;
};

struct known_files {
	struct known_file slots[KNOWN_SLOTS];
};

static int open_beneath(int root, const char *path, int flags)
{
	struct open_how how = { .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
				.mode = flags & O_CREAT ? 0644 : 0,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	long fd;

	if (root < 0)
		return -ENOENT;
	while (*path == '/')
		path++;
	fd = syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof(how));
	return fd < 0 ? -errno : (int)fd;
}

/* The folder of what the device serves; most devices never need one. */
static int files_root(struct node *n)
{
	if (n->files_fd < 0 && (mkdirat(n->state_fd, "files", 0755) == 0 || errno == EEXIST))
		n->files_fd =
			openat(n->state_fd, "files", O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return n->files_fd;
}

int file_open(struct node *n, const char *path, int flags)
{
	return open_beneath(files_root(n), path, flags);
}

static int tell_stat(const struct stat *st, struct answer *a)
{
	a->file.size = (uint64_t)st->st_size;
	a->file.mtime_ns = st->st_mtim.tv_sec * SEC + st->st_mtim.tv_nsec;
	a->file.is_dir = S_ISDIR(st->st_mode);
	return S_ISDIR(st->st_mode) || S_ISREG(st->st_mode) ? 0 : -EACCES;
}

static int stat_file(int fd, struct answer *a)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? -errno : tell_stat(&st, a);
}

static struct known_file *known_slot(struct node *n, const char *path)
{
	if (!n->known_files)
		n->known_files = calloc(1, sizeof(*n->known_files));
	if (!n->known_files)
		abort();
	return &n->known_files->slots[hash_string(n->seed, path) % KNOWN_SLOTS];
}

static bool is_known(const struct known_file *k, int root, const char *path, struct stat *st)
{
	return k->path && strcmp(k->path, path) == 0 && path[0] != '/' &&
	       fstatat(root, path, st, 0) == 0 && st->st_dev == k->dev && st->st_ino == k->ino &&
	       st->st_ctim.tv_sec == k->changed.tv_sec && st->st_ctim.tv_nsec == k->changed.tv_nsec;
}

static int stat_path(struct node *n, const char *path, struct answer *a)
{
	struct known_file *k = known_slot(n, path);
	struct stat st;
	int fd, r;

	if (is_known(k, files_root(n), path, &st))
		return tell_stat(&st, a);
	fd = file_open(n, path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return fd;
	r = fstat(fd, &st) < 0 ? -errno : tell_stat(&st, a);
	close(fd);
	if (r < 0)
		return r;
	free(k->path);
	*k = (struct known_file){
		.path = strdup(path), .dev = st.st_dev, .ino = st.st_ino, .changed = st.st_ctim
	};
	return 0;
}

/* Files up to what an answer may carry, from the offset. */
static int read_file(int fd, const struct ask_file *ask, struct answer *a, struct sbuf *out)
{
	size_t most = ask->len ? ask->len : FILE_READ_MAX;
	char chunk[16384];
	off_t at = (off_t)ask->offset;
	ssize_t got;
	int r = stat_file(fd, a);

	if (r < 0 || a->file.is_dir)
		return r < 0 ? r : -EISDIR;
	while (out->len + sizeof(chunk) <= FILE_READ_MAX && out->len < most &&
	       (got = pread(fd, chunk, MIN(sizeof(chunk), most - out->len), at)) > 0) {
		if (sbuf_put(out, chunk, (size_t)got) < 0)
			return -EFBIG;
		at += got;
	}
	return 0;
}

/* What is neither a file nor a directory is not shown. */
static void list_entry(int fd, const char *name, struct sbuf *out)
{
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !(S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)))
		return;
	sbuf_printf(out, "%c %lld %lld %s\n", S_ISDIR(st.st_mode) ? 'd' : '-',
		    (long long)st.st_size,
		    (long long)(st.st_mtim.tv_sec * SEC + st.st_mtim.tv_nsec), name);
}

static int list_dir(int fd, struct sbuf *out)
{
	DIR *dir = fdopendir(dup(fd));
	struct dirent *de;

	if (!dir)
		return -errno;
	for (int i = 0; i < LIST_MAX && (de = readdir(dir)) != NULL; i++)
		if (de->d_name[0] != '.')
			list_entry(fd, de->d_name, out);
	closedir(dir);
	return 0;
}

/* Makes the directories above path. */
static void make_parents(struct node *n, const char *path)
{
	char part[ASK_PATH_MAX];

	while (*path == '/')
		path++;
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		int dir;
		const char *name;

		if (!str_copy_n(part, sizeof(part), path, (size_t)(slash - path)))
			return;
		name = strrchr(part, '/');
		if (name) {
			char parent[ASK_PATH_MAX];

			str_copy_n(parent, sizeof(parent), part, (size_t)(name - part));
			dir = open_beneath(files_root(n), parent, O_PATH | O_DIRECTORY);
			name++;
		} else {
			dir = open_beneath(files_root(n), ".", O_PATH | O_DIRECTORY);
			name = part;
		}
		if (dir < 0)
			return;
		if (strcmp(name, "..") != 0)
			mkdirat(dir, name, 0755);
		close(dir);
	}
}

static int write_file(struct node *n, const struct ask_file *ask)
{
	size_t done = 0;
	int fd;

	make_parents(n, ask->path);
	fd = file_open(n, ask->path,
		       O_WRONLY | O_CREAT | (ask->op == FILE_APPEND ? O_APPEND : O_TRUNC));
	if (fd < 0)
		return fd;
	while (done < ask->len) {
		ssize_t w = write(fd, ask->data + done, ask->len - done);

		if (w < 0 && errno != EINTR) {
			int err = -errno;

			close(fd);
			return err;
		}
		done += w > 0 ? (size_t)w : 0;
	}
	close(fd);
	return 0;
}

/* Opens the directory that holds |path|; *ret_name = its last part. Negative errno. */
static int open_parent(struct node *n, const char *path, const char **ret_name)
{
	char parent[ASK_PATH_MAX];
	const char *name = strrchr(path, '/');

	str_copy_n(parent, sizeof(parent), path, name ? (size_t)(name - path) : 0);
	name = name ? name + 1 : path;
	if (!*name || strcmp(name, "..") == 0 || strcmp(name, ".") == 0)
		return -EINVAL;
	*ret_name = name;
	return open_beneath(files_root(n), parent, O_PATH | O_DIRECTORY);
}

/* Deletes a file or an empty directory, or makes a directory. */
static int change_entry(struct node *n, const struct ask_file *ask)
{
	const char *name;
	int dir = open_parent(n, ask->path, &name), r;

	if (dir < 0)
		return dir;
	if (ask->op == FILE_MKDIR)
		r = mkdirat(dir, name, 0755);
	else
		r = unlinkat(dir, name, ask->op == FILE_RMDIR ? AT_REMOVEDIR : 0);
	r = r < 0 ? -errno : 0;
	close(dir);
	return r;
}

static int rename_file(struct node *n, const struct ask_file *ask)
{
	const char *old_name, *new_name;
	char to[ASK_PATH_MAX];
	int from_dir, to_dir, r;

	if (!str_copy_n(to, sizeof(to), (const char *)ask->data, ask->len))
		return -ENAMETOOLONG;
	from_dir = open_parent(n, ask->path, &old_name);
	if (from_dir < 0)
		return from_dir;
	make_parents(n, to);
	to_dir = open_parent(n, to, &new_name);
	r = to_dir < 0 ? to_dir : 0;
	if (r == 0 && renameat(from_dir, old_name, to_dir, new_name) < 0)
		r = -errno;
	close(from_dir);
	if (to_dir >= 0)
		close(to_dir);
	return r;
}

static int run_open(struct node *n, const struct ask_file *ask, struct answer *a, struct sbuf *out)
{
	int fd = file_open(n, ask->path, O_RDONLY | O_NONBLOCK), r;

	if (fd < 0)
		return fd;
	if (ask->op == FILE_READ)
		r = read_file(fd, ask, a, out);
	else
		r = list_dir(fd, out);
	close(fd);
	return r;
}

void file_answer(struct machine *m, uint32_t ask_id, const struct ask_file *ask)
{
	struct answer a = { 0 };
	struct sbuf out = SBUF(FILE_READ_MAX + LIST_MAX);

	switch (ask->op) {
	case FILE_STAT:
		a.err = stat_path(m->node, ask->path, &a);
		break;
	case FILE_READ:
	case FILE_LIST:
		a.err = run_open(m->node, ask, &a, &out);
		break;
	case FILE_WRITE:
	case FILE_APPEND:
		a.err = write_file(m->node, ask);
		break;
	case FILE_DELETE:
	case FILE_MKDIR:
	case FILE_RMDIR:
		a.err = change_entry(m->node, ask);
		break;
	case FILE_RENAME:
		a.err = rename_file(m->node, ask);
		break;
	}
	if (a.err == -EXDEV) /* openat2's word for a path that leaves its root */
		a.err = -EACCES;
	if (a.err)
		str_copy(a.why, sizeof(a.why), strerror(-a.err));
	a.file.data = (const uint8_t *)out.data;
	a.file.len = out.len;
	queue_answer(m, ask_id, &a, m->node->turn_cause, out.data, out.len);
	sbuf_done(&out);
}
