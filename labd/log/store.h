/* store.h: rows on their way into the database: ids, runs, frame blocks, transactions, gaps.
 *
 * One transaction is open at a time, from the first row on; store_commit() ends it. Within it,
 * packets of one flow and protocol share a run, and the octets of many
 * frames share a block (see schema/002_packet.sql for why).
 *
 * A full disk never stops anything: room is watched, payloads are shortened while it gets scarce,
 * then frames are only counted, per link and direction, and the count becomes capture_gap rows as
 * soon as a row fits again. A small file beside the database holds room for those rows.
 *
 * Errors never leave this module, except from store_open(). */
#ifndef LABD_LOG_STORE_H
#define LABD_LOG_STORE_H

#include "labd/log/db.h"
#include "labd/log/info.h"

#define STORE_TX_PACKETS  8192u	 /* in one transaction at most */
#define STORE_BLOCK_BYTES 15900u /* of frames in one row: about a page */
#define STORE_SHORT_BYTES 128u	 /* of a frame, when there is little room */

struct store;

struct store_options {
	struct db_options db;
	uint64_t size_limit_bytes; /* 0 = none */
	uint32_t payload_bytes;	   /* as in struct log_args */
	uint32_t n_ways;	   /* highest way id + 1 */
};

/* How much is kept of each frame. */
enum store_room {
	ROOM_PLENTY,
	ROOM_SHORT, /* payloads are shortened */
	ROOM_NONE,  /* frames are counted only */
};

struct store_frame {
	const struct pkt *pkt;
	struct flow *flow;	    /* its row is written when it has none */
	const struct tcp_seen *tcp; /* or NULL */
	const struct info *info;
	nsec_t time_ns;
	int64_t wall_ns;
	uint16_t fate;
	int64_t delay_ns; /* -1: not by a wire */
};

struct store_stats {
	uint64_t n_packets, n_bytes, n_counted_only, n_shortened, n_decisions, n_commits;
	int64_t worst_commit_ns;
	uint64_t db_bytes, wal_bytes;
	enum store_room room;
};

int store_open(const struct store_options *o, struct store **ret, struct sbuf *reterr);
struct store *store_close(struct store *s);	       /* commits */
struct db *store_db(struct store *s);		       /* for rows that need no care */
const struct db_ids *store_ids(const struct store *s); /* as they were when it was opened */

/* The id that the next frame will have. */
uint64_t store_next_packet(const struct store *s);
/* Its packet id, or 0 when there was no room for it (then it is counted). */
uint64_t store_frame(struct store *s, const struct store_frame *f);
void store_field(struct store *s, uint64_t packet, unsigned n, const char *field, const char *value,
		 size_t offset, size_t len);
/* Returns the decision's id; 0 = it could not be written. */
uint64_t store_decision(struct store *s, struct db_decision *d);
void store_sent(struct store *s, struct db_sent *d);
void store_gap(struct store *s, const struct db_gap *g);
/* For rows written straight through store_db(): opens the transaction; false = there is none. */
bool store_ready(struct store *s);
/* The result of such a write; a failure costs the transaction. */
void store_check(struct store *s, int r);
void store_feed_pos(struct store *s, uint64_t pos);
void store_event(struct store *s, nsec_t time_ns, int64_t wall_ns, int64_t device,
		 const char *event, const char *detail);

/* Is a transaction open, and since when (monotonic)? */
bool store_is_dirty(const struct store *s);
bool store_is_full_tx(const struct store *s); /* time to commit */
void store_commit(struct store *s, nsec_t time_ns);
/* Once a second: looks at the disk, the size limit, the write-ahead log. `pressure` = the rings are
 * filling up: shorten payloads. */
void store_watch(struct store *s, nsec_t time_ns, int64_t wall_ns);
void store_pressure(struct store *s, bool high);
uint32_t store_payload_limit(const struct store *s); /* octets of a frame that are kept */
/* A transaction was rolled back: flows may have lost their rows. Cleared by reading. */
bool store_lost_flows(struct store *s);
struct store_stats store_stats(struct store *s);

#endif
