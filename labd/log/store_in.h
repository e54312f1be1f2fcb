/* store_in.h: the inside of the store, shared by store*.c. */
#ifndef LABD_LOG_STORE_IN_H
#define LABD_LOG_STORE_IN_H

#include "labd/log/store.h"

#define RESERVE_BYTES (1u << 20)

/* What one direction of one link misses since the last capture_gap row. */
struct way_gap {
	uint32_t in_tx;	    /* frames in the open transaction: lost if it fails */
	uint64_t missing;   /* frames not stored */
	uint64_t shortened; /* frames stored with less payload than asked for */
	nsec_t since_ns, until_ns;
	bool pressed; /* shortened because frames came faster than they can be stored whole */
};

struct store {
	struct db *db;
	struct db_ids first; /* as found */
	struct store_options o;

	bool in_tx;
	bool failed; /* the transaction is lost; wait for its end */
	bool lost_flows;
	uint32_t tx_no; /* never 0 in a flow's run slots */
	uint32_t tx_packets, tx_rows;
	uint64_t next_packet, next_run, next_decision, next_sent, block_id;
	uint64_t feed_pos;
	bool feed_moved;

	struct db_run *runs; /* of the transaction, STORE_TX_PACKETS places */
	uint32_t n_runs;
	uint8_t block[PKT_FRAME_MAX + STORE_BLOCK_BYTES];
	uint32_t block_len;

	struct way_gap *gaps; /* by way id */
	uint32_t *touched;    /* ways with in_tx set */
	uint32_t n_touched;
	bool any_gap;
	uint64_t lost_decisions;
	const char *reason; /* why frames are not stored, for the rows */

	enum store_room room;
	bool pressure;
	int reserve_fd;
	int64_t reader_pid; /* that was named last */
	struct store_stats stats;
	int64_t told_commit_ns; /* the worst commit that has a row */
};

/* store_room.c */
void store_room_open(struct store *s);
void store_room_close(struct store *s);
void store_room_look(struct store *s);	       /* disk and limit: after each commit */
void store_room_free_reserve(struct store *s); /* the disk is full */
void store_count_missing(struct store *s, uint32_t way, nsec_t time_ns, uint64_t n);
void store_count_short(struct store *s, uint32_t way, nsec_t time_ns);
void store_write_gaps(struct store *s, nsec_t time_ns);

#endif
