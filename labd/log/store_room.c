/* Room on the disk, in the size limit and in the write-ahead log; what did not fit, counted. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "labd/log/store_in.h"

#define MIB (1ull << 20)

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void take_reserve(struct store *s)
{
	if (s->reserve_fd >= 0)
		(void)posix_fallocate(s->reserve_fd, 0, RESERVE_BYTES);
}

void store_room_open(struct store *s)
{
	char path[4096];

	if (snprintf(path, sizeof(path), "%s.reserve", s->o.db.path) >= (int)sizeof(path))
		return;
	s->reserve_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	/* Its name is of no use to anybody, and a crash then leaves nothing behind. */
	if (s->reserve_fd >= 0)
		(void)unlink(path);
	take_reserve(s);
}

void store_room_close(struct store *s)
{
	if (s->reserve_fd >= 0)
		close(s->reserve_fd);
	s->reserve_fd = -1;
}

void store_room_free_reserve(struct store *s)
{
	/* Nothing can be done about a failure: the rows wait until somebody else makes room. */
	if (s->reserve_fd >= 0 && ftruncate(s->reserve_fd, 0) < 0)
		return;
}

static enum store_room room_on_disk(const struct store *s)
{
	struct statvfs v;
	uint64_t total, left;

	if (statvfs(s->o.db.path, &v) < 0)
		return ROOM_PLENTY;
	total = (uint64_t)v.f_blocks * v.f_frsize;
	left = (uint64_t)v.f_bavail * v.f_frsize;
	if (left < min_u64(32 * MIB, total / 20))
		return ROOM_NONE;
	return left < min_u64(512 * MIB, total / 8) ? ROOM_SHORT : ROOM_PLENTY;
}

static enum store_room room_in_limit(struct store *s)
{
	uint64_t limit = s->o.size_limit_bytes, used;

	if (limit == 0)
		return ROOM_PLENTY;
	used = db_bytes(s->db);
	if (used + min_u64(limit / 20, 4 * MIB) >= limit)
		return ROOM_NONE;
	return used >= limit / 5 * 4 ? ROOM_SHORT : ROOM_PLENTY;
}

static enum store_room worse(enum store_room a, enum store_room b)
{
	return a > b ? a : b;
}

void store_room_look(struct store *s)
{
	enum store_room disk = room_on_disk(s), limit = room_in_limit(s);
	enum store_room now = worse(disk, limit);
	struct db_wal wal;

	if (db_wal_bytes(s->db) > DB_WAL_MAX_BYTES / 2) {
		wal = db_wal(s->db);
		if (wal.held_bytes > DB_WAL_MAX_BYTES / 16 * 13)
			now = ROOM_NONE;
		else if (wal.held_bytes > DB_WAL_MAX_BYTES / 2)
			now = worse(now, ROOM_SHORT);
	}
	if (now == ROOM_NONE)
		s->reason = disk == ROOM_NONE	 ? "the disk is nearly full"
			    : limit == ROOM_NONE ? "the log's size limit is reached"
						 : "a reader holds the write-ahead log";
	if (now == ROOM_PLENTY && s->room == ROOM_NONE)
		take_reserve(s);
	s->room = now;
}

void store_pressure(struct store *s, bool high)
{
	s->pressure = high;
}

/* ---- counting ---- */

static struct way_gap *gap_at(struct store *s, uint32_t way, nsec_t time_ns)
{
	struct way_gap *g = &s->gaps[way];

	if (g->missing == 0 && g->shortened == 0)
		g->since_ns = time_ns;
	g->until_ns = time_ns;
	s->any_gap = true;
	return g;
}

void store_count_missing(struct store *s, uint32_t way, nsec_t time_ns, uint64_t n)
{
	gap_at(s, way, time_ns)->missing += n;
	s->stats.n_counted_only += n;
}

void store_count_short(struct store *s, uint32_t way, nsec_t time_ns)
{
	struct way_gap *g = gap_at(s, way, time_ns);

	if (g->shortened++ == 0)
		g->pressed = false;
	g->pressed |= s->room == ROOM_PLENTY;
	s->stats.n_shortened++;
}

static void write_way_gap(struct store *s, uint32_t way)
{
	struct way_gap *g = &s->gaps[way];
	struct db_gap row = {
		.way = way, .device = -1, .since_ns = g->since_ns, .until_ns = g->until_ns
	};

	if (g->missing > 0) {
		row.what = "frames";
		row.missing = (int64_t)g->missing;
		row.reason = s->reason ? s->reason : "the database could not be written";
		store_gap(s, &row);
	}
	if (g->shortened > 0) {
		row.what = "payload";
		row.missing = (int64_t)g->shortened;
		row.reason = g->pressed
				     ? "frames came faster than they could be stored whole: "
				       "every frame has its row, but only its first octets"
				     : "room for the log is scarce: every frame has its row, but "
				       "only its first octets";
		store_gap(s, &row);
	}
}

static void clear_gaps(struct store *s)
{
	for (uint32_t way = 0; way < s->o.n_ways; way++)
		s->gaps[way].missing = s->gaps[way].shortened = 0;
	s->lost_decisions = 0;
	s->any_gap = false;
}

/* In a transaction of its own: it either stands or is tried again with what came until then. */
void store_write_gaps(struct store *s, nsec_t time_ns)
{
	struct db_gap lost = { .way = -1,
			       .device = -1,
			       .since_ns = time_ns,
			       .until_ns = time_ns,
			       .what = "decisions",
			       .missing = (int64_t)s->lost_decisions,
			       .reason = s->reason };

	if (!s->any_gap && s->lost_decisions == 0)
		return;
	store_commit(s, time_ns);
	if (!store_ready(s))
		return;
	for (uint32_t way = 0; way < s->o.n_ways; way++)
		write_way_gap(s, way);
	if (s->lost_decisions > 0)
		store_gap(s, &lost);
	if (!s->failed)
		store_check(s, db_commit(s->db));
	if (s->failed)
		db_rollback(s->db);
	else
		clear_gaps(s);
	s->in_tx = false;
	s->failed = false;
	s->tx_no++;
}

static void name_reader(struct store *s, nsec_t time_ns, int64_t wall_ns)
{
	struct db_wal wal = db_wal(s->db);
	char text[128];

	if (wal.held_bytes < DB_WAL_MAX_BYTES / 8) {
		s->reader_pid = 0;
		return;
	}
	if (s->reader_pid == wal.reader_pid)
		return;
	s->reader_pid = wal.reader_pid;
	if (wal.reader_pid > 0)
		(void)snprintf(
			text, sizeof(text),
			"process %lld reads the database in one long transaction; %llu MiB wait",
			(long long)wal.reader_pid, (unsigned long long)(wal.held_bytes / MIB));
	else
		(void)snprintf(
			text, sizeof(text),
			"a process outside the lab reads the database in one long transaction; "
			"%llu MiB wait",
			(unsigned long long)(wal.held_bytes / MIB));
	store_event(s, time_ns, wall_ns, -1, "log-held", text);
}

/* How long the writer stood still at worst, for whoever wants to know what his disk does. */
static void tell_worst_commit(struct store *s)
{
	int64_t worst_ns = s->stats.worst_commit_ns;

	if (worst_ns <= s->told_commit_ns || !store_ready(s))
		return;
	store_check(s, db_put_progress(s->db, "worst-commit-ns", worst_ns));
	s->told_commit_ns = worst_ns;
}

void store_watch(struct store *s, nsec_t time_ns, int64_t wall_ns)
{
	store_write_gaps(s, time_ns);
	tell_worst_commit(s);
	store_room_look(s);
	if (db_wal_bytes(s->db) > DB_WAL_MAX_BYTES / 8)
		name_reader(s, time_ns, wall_ns);
}
