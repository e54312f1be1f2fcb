/* A database as it is before it knows anything of its lab: tables, views, rules, the same for every
 * run of one build. Making it costs 10 ms, most of it reading 80 kB of SQL; so the first lab keeps
 * a copy, and others begin with that.
 *
 * The file is the database and behind it a mark: of what it was made, and how long it is. It comes
 * into its place by rename(), so it is there whole or not at all; one of another build is replaced.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "labd/log/db_sql.h"

struct mark {
	char magic[8];
	uint64_t key, bytes;
};

#define MAGIC	   "labdlog1"
#define HOLE_BYTES 4096u

uint64_t db_template_key(const char *describe, size_t len)
{
	uint64_t key = hash_bytes((uint64_t)sqlite3_libversion_number(), describe, len);
	struct stat st;

	/* Whatever else is written into it comes from this program. */
	if (stat("/proc/self/exe", &st) < 0)
		return 0;
	key = hash_mix(hash_mix(key, (uint64_t)st.st_dev), (uint64_t)st.st_ino);
	key = hash_mix(hash_mix(key, (uint64_t)st.st_size), (uint64_t)st.st_mtim.tv_sec);
	return hash_mix(key, (uint64_t)st.st_mtim.tv_nsec);
}

static bool is_made_of(int fd, uint64_t key, uint64_t *ret_bytes)
{
	struct mark m;
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof(m) ||
	    pread(fd, &m, sizeof(m), st.st_size - (off_t)sizeof(m)) != sizeof(m))
		return false;
	*ret_bytes = m.bytes;
	return memcmp(m.magic, MAGIC, sizeof(m.magic)) == 0 && m.key == key &&
	       m.bytes == (uint64_t)st.st_size - sizeof(m);
}

static bool copy_part(int from, int to, off_t at, off_t end)
{
	off_t to_at = at;

	while (at < end) {
		ssize_t n = copy_file_range(from, &at, to, &to_at, (size_t)(end - at), 0);

		if (n <= 0)
			return false;
	}
	return true;
}

/* The pages of empty tables are nearly all zeros: holes in the file, of which there is no need to
 * make memory. */
static bool copy(int from, int to, off_t bytes)
{
	off_t at, end = 0;

	while (end < bytes && (at = lseek(from, end, SEEK_DATA)) >= 0 && at < bytes) {
		end = lseek(from, at, SEEK_HOLE);
		if (end < 0 || !copy_part(from, to, at, end < bytes ? end : bytes))
			return false;
	}
	return ftruncate(to, bytes) == 0;
}

bool db_template_use(const char *template, uint64_t key, const char *db_path)
{
	int from = open(template, O_RDONLY | O_CLOEXEC), to = -1;
	bool whole = false;
	uint64_t bytes;

	if (from >= 0 && key != 0 && is_made_of(from, key, &bytes)) {
		to = open(db_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		whole = to >= 0 && copy(from, to, (off_t)bytes);
	}
	if (to >= 0 && !whole)
		(void)unlink(db_path);
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return whole;
}

static bool is_zero(const uint8_t *data, size_t len)
{
	return data[0] == 0 && memcmp(data, data + 1, len - 1) == 0;
}

/* With holes where there are zeros only. */
static bool write_image(int fd, const uint8_t *data, size_t len)
{
	for (size_t at = 0; at < len; at += HOLE_BYTES) {
		size_t n = len - at < HOLE_BYTES ? len - at : HOLE_BYTES;

		if (!is_zero(data + at, n) && pwrite(fd, data + at, n, (off_t)at) != (ssize_t)n)
			return false;
	}
	return true;
}

void db_template_keep(struct db *db, const char *template, uint64_t key)
{
	struct mark m = { .key = key };
	sqlite3_int64 bytes = 0;
	unsigned char *image;
	char path[4200];
	bool whole;
	int fd;

	if (key == 0 || snprintf(path, sizeof(path), "%s.template", db->path) >= (int)sizeof(path))
		return;
	image = sqlite3_serialize(db->sql, "main", &bytes, 0);
	if (!image)
		return;
	memcpy(m.magic, MAGIC, sizeof(m.magic));
	m.bytes = (uint64_t)bytes;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	whole = fd >= 0 && write_image(fd, image, (size_t)bytes) &&
		pwrite(fd, &m, sizeof(m), bytes) == sizeof(m);
	if (fd >= 0)
		close(fd);
	/* Without it the next lab makes its database itself. */
	if (fd >= 0 && (!whole || rename(path, template) < 0))
		(void)unlink(path);
	sqlite3_free(image);
}
