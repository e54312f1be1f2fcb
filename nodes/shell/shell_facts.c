/* Durable facts on disk: appended to one file of the state directory before the packet that tells a
 * peer about them leaves, so that a killed node comes back knowing what it promised.
 *
 * The file holds journal records, the last of a key counts. It is written anew with what is open
 * when a node starts, and when it has grown to several times that. */
#include "shell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FACTS_FILE  "facts"
#define FILE_MAX    (256u << 20)
#define PENDING_MAX (1u << 20)
#define GROWN_MIN   (16u << 20) /* octets below which a file is left as it is */
#define GROWN_TIMES 4

struct facts {
	struct sbuf pending; /* to append */
	struct sbuf anew;    /* part of the new file */
	bool whole;	     /* nothing is missing in it */
	int fd;		     /* -1: not needed yet */
	size_t size, live;   /* octets of the file, now and when it was last written anew */
};

void facts_init(struct node *n)
{
	struct facts *f = calloc(1, sizeof(*f));

	if (!f)
		abort();
	f->pending = SBUF(PENDING_MAX);
	f->fd = -1;
	n->facts = f;
}

void facts_done(struct node *n)
{
	sbuf_done(&n->facts->pending);
	if (n->facts->fd >= 0)
		close(n->facts->fd);
	free(n->facts);
	n->facts = NULL;
}

/* All of it, and empties it. False when something is missing: the disk is full, say. */
static bool write_out(int fd, struct sbuf *text)
{
	size_t done = 0, len = text->len;

	while (done < len && fd >= 0) {
		ssize_t n = write(fd, text->data + done, len - done);

		if (n <= 0 && errno != EINTR)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	sbuf_reset(text);
	return done == len;
}

void facts_keep(struct node *n, const struct journal_record *rec)
{
	struct facts *f = n->facts;
	uint8_t octets[JOURNAL_RECORD_MAX];
	struct wr w;

	wr_init(&w, octets, sizeof(octets));
	journal_write(&w, rec);
	if (w.err)
		return;
	if (sbuf_put(&f->pending, octets, wr_len(&w)) < 0) {
		facts_flush(n);
		(void)sbuf_put(&f->pending, octets, wr_len(&w));
	}
}

/* --- what is open ------------------------------------------------------------------------- */

struct kept {
	char *name; /* table and key */
	size_t at, len;
	bool open;
	UT_hash_handle hh;
};

static void note_kept(struct kept **table, const struct journal_record *rec, size_t at, size_t len)
{
	const struct fact_kind *kind = fact_by_number(rec->number);
	char name[VAL_TEXT_MAX + 80];
	struct kept *k;

	if (!kind)
		return;
	snprintf(name, sizeof(name), "%s %s", kind->table, rec->text ? rec->text : "");
	HASH_FIND_STR(*table, name, k);
	if (!k) {
		k = calloc(1, sizeof(*k));
		if (!k || !(k->name = strdup(name)))
			abort();
		HASH_ADD_KEYPTR(hh, *table, k->name, strlen(k->name), k);
	}
	k->open = rec->type == JR_FACT_BEGIN;
	k->at = at;
	k->len = len;
}

static void restore_one(struct node *n, const struct journal_record *rec)
{
	const struct fact_kind *kind = fact_by_number(rec->number);
	struct ev ev = { .kind = EV_RESTORE };

	ev.restore.kind = kind;
	ev.restore.key = rec->text;
	ev.restore.columns = rec->values;
	ev.restore.since = rec->at_ns;
	stale_keep_named(n, rec->values);
	for (unsigned i = 0; i < n->n_machines; i++) {
		const struct fact_kind *const *f = n->machines[i].proto->facts;

		for (; f && *f; f++)
			if (*f == kind)
				deliver(&n->machines[i], &ev, NULL);
	}
}

/* The record's octets go into the new file; they are restored as well, or not. */
static void keep_open(struct node *n, struct kept *k, const uint8_t *octets, int out_fd,
		      bool restore)
{
	struct facts *f = n->facts;
	struct journal_scratch scratch;
	struct journal_record rec;
	struct rd r;

	rd_init(&r, octets + k->at, k->len);
	if (!k->open || journal_read(&r, &rec, &scratch) < 0)
		return;
	if (sbuf_put(&f->anew, octets + k->at, k->len) < 0) {
		f->whole &= write_out(out_fd, &f->anew);
		(void)sbuf_put(&f->anew, octets + k->at, k->len);
	}
	f->live += k->len;
	if (restore)
		restore_one(n, &rec);
}

static void keep_all_open(struct node *n, struct kept *table, const uint8_t *octets, int out_fd,
			  bool restore)
{
	struct kept *k, *next;

	HASH_ITER(hh, table, k, next)
	{
		keep_open(n, k, octets, out_fd, restore);
		HASH_DEL(table, k);
		free(k->name);
		free(k);
	}
	n->facts->whole &= write_out(out_fd, &n->facts->anew);
	sbuf_done(&n->facts->anew);
}

/* The file as it is; NULL when there is nothing in it. */
static const uint8_t *map_file(struct node *n, size_t *ret_len)
{
	int fd = openat(n->state_fd, FACTS_FILE, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *map = MAP_FAILED;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && st.st_size > 0 && (size_t)st.st_size <= FILE_MAX)
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	*ret_len = map == MAP_FAILED ? 0 : (size_t)st.st_size;
	return map == MAP_FAILED ? NULL : map;
}

/* The new file takes the old one's place in one step. */
static int write_anew(struct node *n, bool restore)
{
	struct facts *f = n->facts;
	struct kept *table = NULL;
	struct journal_scratch scratch;
	struct journal_record rec;
	size_t len;
	const uint8_t *octets = map_file(n, &len);
	struct rd r;
	int fd;

	if (!octets)
		return 0;
	rd_init(&r, octets, len);
	for (size_t at = 0; journal_read(&r, &rec, &scratch) == 0; at = rd_pos(&r))
		note_kept(&table, &rec, at, rd_pos(&r) - at);
	fd = openat(n->state_fd, FACTS_FILE ".new",
		    O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	f->live = 0;
	f->whole = fd >= 0;
	f->anew = SBUF(PENDING_MAX);
	keep_all_open(n, table, octets, fd, restore);
	munmap((void *)(uintptr_t)octets, len);
	if (!f->whole || renameat(n->state_fd, FACTS_FILE ".new", n->state_fd, FACTS_FILE) < 0) {
		if (fd >= 0)
			close(fd);
		f->live = f->size; /* tried again when it has grown much more */
		return -EIO;
	}
	if (f->fd >= 0)
		close(f->fd);
	f->fd = fd;
	f->size = f->live;
	return 0;
}

int facts_restore(struct node *n)
{
	int r = write_anew(n, true);

	facts_flush(n);
	return r;
}

void facts_flush(struct node *n)
{
	struct facts *f = n->facts;

	if (f->pending.len == 0)
		return;
	if (f->fd < 0)
		f->fd = openat(n->state_fd, FACTS_FILE, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
			       0600);
	f->size += f->pending.len;
	(void)write_out(f->fd, &f->pending);
	if (f->size > GROWN_MIN && f->size > GROWN_TIMES * f->live)
		(void)write_anew(n, false);
}
