#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "labd/supervisor/supervisor.h"
#include "labd/supervisor/view.h"

#define PATH_LEN	4096
#define DEPTH_MAX	3 /* of folders below /etc, /run and /var */
#define PLACES_MAX	4000
#define FILES_MAX	4000
#define FILE_LEN_MAX	(128 << 10)
#define ACCOUNT_LEN_MAX 1024

/* --- the survey --------------------------------------------------------------------------- */

struct place {
	char *path; /* absolute; parents before their children */
	uid_t uid;
	gid_t gid;
	mode_t mode;
	bool closed; /* nobody of ours may look into it */
};

static struct place places[PLACES_MAX];
static size_t n_places;

/* The lab's user is root inside. */
static bool note(const char *path, const struct stat *st)
{
	struct place *p = &places[n_places];

	if (n_places == PLACES_MAX || !(p->path = strdup(path)))
		return false;
	p->uid = st->st_uid == geteuid() ? 0 : st->st_uid;
	p->gid = st->st_gid == getegid() ? 0 : st->st_gid;
	p->mode = st->st_mode & 07777;
	p->closed = access(path, R_OK | X_OK) < 0;
	n_places++;
	return true;
}

/* Folders that cannot be opened are noted, and what is in them stays unknown. */
static void survey(const char *path, unsigned depth)
{
	DIR *dir;
	struct dirent *de;
	struct stat st;

	if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode) || !note(path, &st) || depth == DEPTH_MAX)
		return;
	dir = opendir(path);
	while (dir && (de = readdir(dir)) != NULL) {
		char below[PATH_LEN];

		if (de->d_type == DT_DIR && strcmp(de->d_name, ".") != 0 &&
		    strcmp(de->d_name, "..") != 0 &&
		    snprintf(below, sizeof(below), "%s/%s", path, de->d_name) < PATH_LEN)
			survey(below, depth + 1);
	}
	if (dir)
		closedir(dir);
}

void view_survey(void)
{
	if (geteuid() == 0)
		return;
	survey("/etc", 0);
	survey("/run", 0);
	survey("/var", 0);
}

/* --- the copy ----------------------------------------------------------------------------- */

/* What the host has there stays behind it. */
static void hide(int host, const char *name)
{
	int fd = openat(host, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return;
	(void)fsetxattr(fd, "user.overlay.opaque", "y", 1, 0);
	close(fd);
}

static void make_folders(int host)
{
	for (size_t i = 0; i < n_places; i++) {
		const struct place *p = &places[i];
		const char *name = p->path + 1;

		if (mkdirat(host, name, 0700) < 0)
			continue;
		if (p->closed) /* else root of the device could not look into it either */
			hide(host, name);
		(void)!fchownat(host, name, p->uid, p->gid, AT_SYMLINK_NOFOLLOW);
		(void)!fchmodat(host, name, p->mode, 0);
	}
}

static void copy_file(int from, int to, const char *name, unsigned *n_files)
{
	struct stat st;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_size > FILE_LEN_MAX || faccessat(from, name, R_OK, 0) < 0 ||
	    ++*n_files > FILES_MAX)
		return;
	if (rundir_copy_file(from, to, name, &st) == 0)
		(void)!fchmodat(to, name, st.st_mode & 0777, 0);
}

static void copy_folder(int host, const char *path, unsigned *n_files)
{
	int to = openat(host, path + 1, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *from = opendir(path);
	struct dirent *de;

	while (to >= 0 && from && (de = readdir(from)) != NULL)
		if (de->d_type == DT_REG)
			copy_file(dirfd(from), to, de->d_name, n_files);
	if (from)
		closedir(from);
	if (to >= 0)
		close(to);
}

static void copy_etc(int host)
{
	unsigned n_files = 0;

	for (size_t i = 0; i < n_places; i++)
		if (strcmp(places[i].path, "/etc") == 0 || strncmp(places[i].path, "/etc/", 5) == 0)
			copy_folder(host, places[i].path, &n_files);
}

/* --- what cannot be copied ---------------------------------------------------------------- */

/* Accounts without a password, but not locked: sshd with a key lets them in. */
static void write_shadow(int host, const char *from, const char *to, const char *rest)
{
	FILE *in = fopen(from, "re"), *out = NULL;
	int fd = in ? openat(host, to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
	char line[ACCOUNT_LEN_MAX];

	if (fd >= 0 && !(out = fdopen(fd, "w")))
		close(fd);
	while (out && fgets(line, sizeof(line), in)) {
		line[strcspn(line, ":\n")] = '\0';
		fprintf(out, "%s:*:%s\n", line, rest);
	}
	if (out)
		fclose(out);
	if (in)
		fclose(in);
}

/* What useradd and its like want to open and only root may. */
static void write_account_files(int host)
{
	static const char *const names[] = { "etc/shadow-", "etc/gshadow-", "etc/.pwd.lock" };

	write_shadow(host, "/etc/passwd", "etc/shadow", "19000:0:99999:7:::");
	write_shadow(host, "/etc/group", "etc/gshadow", ":");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int fd = openat(host, names[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

		if (fd >= 0)
			close(fd);
	}
}

bool view_host(int run_fd)
{
	int host;

	if (n_places == 0)
		return false;
	if (faccessat(run_fd, "host", F_OK, 0) == 0)
		return true;
	if (mkdirat(run_fd, "host.new", 0755) < 0 && errno != EEXIST)
		return false;
	host = openat(run_fd, "host.new", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (host < 0)
		return false;
	make_folders(host);
	copy_etc(host);
	write_account_files(host);
	hide(host, "var/log");
	close(host);
	return renameat(run_fd, "host.new", run_fd, "host") == 0;
}
