/* db.h: the lab's database, written by this process alone. Only db*.c know SQLite.
 *
 * One connection, one transaction at a time: db_begin(), any number of rows, db_commit(). Rows are
 * appended with ids that the caller counts; db_last_ids() tells where an earlier life stopped.
 * Readers (sqlite3, labctl) may look at any moment and see whole transactions only.
 *
 * Errors are negative errno: -ENOSPC when the disk or the size limit is reached, -EIO otherwise;
 * after one the transaction is to be rolled back. db_error() has SQLite's words.
 *
 * The write-ahead log is copied back in slices of one transaction; a reader that holds it up makes
 * it grow, see struct db_wal. */
#ifndef LABD_LOG_DB_H
#define LABD_LOG_DB_H

#include "labd/log/flow.h"
#include "labd/log/log.h"

#define DB_APPLICATION_ID 0x6c616264 /* "labd" */
#define DB_USER_VERSION	  1
#define DB_WAL_MAX_BYTES  (256ull << 20)
#define DB_SEGMENT_SHIFT  16 /* packets of one segment of the index: 65536 */

struct db;
struct sbuf;

struct db_options {
	const char *path;
	bool power_safe; /* every commit survives a power cut */
};

/* The highest ids in use. */
struct db_ids {
	uint64_t packet, flow, run, block, decision, sent;
	int64_t last_wall_ns; /* of the last packet; 0 = none */
	int64_t last_time_ns;
	uint64_t feed_pos;    /* of the wires' feed: records before it are stored */
	int64_t restarted_ns; /* wall time of the log's last restart; 0 = none */
};

struct db_wal {
	uint64_t bytes;	     /* of the write-ahead log */
	uint64_t held_bytes; /* that a reader keeps from being copied back */
	int64_t reader_pid;  /* of such a reader; 0 = none, -1 = not visible from here */
};

struct db_packet {
	uint64_t id;
	nsec_t time_ns;
	uint64_t flow, run;
	const char *protocol;
	uint32_t length, captured;
	int64_t bytes_at; /* -1: no octets kept */
	uint16_t fate;
	int64_t delay_ns; /* -1: not by a wire */
	int64_t payload;  /* -1: neither TCP nor UDP */
	int tcp_flags;	  /* -1: not TCP */
	uint32_t note;
	int64_t rtt_ns; /* 0: none */
	const char *info;
	uint32_t info_len;
	const char *malformed; /* or NULL */
};

struct db_run {
	uint64_t id, flow;
	const char *protocol;
	uint64_t first, last;
	uint32_t packets;
	uint64_t bytes;
	nsec_t first_ns, last_ns, offset_ns;
	bool is_ip;
	uint8_t ttl, tos;
};

struct db_gap {
	int64_t way;	/* -1: not known */
	int64_t device; /* -1: none */
	nsec_t since_ns, until_ns;
	const char *what, *reason;
	int64_t missing; /* -1: not known */
};

struct db_decision {
	uint64_t id;
	nsec_t time_ns;
	int64_t wall_ns;
	int64_t device; /* -1: a wire */
	unsigned rule;
	uint32_t count;
	uint64_t packet;       /* 0: none */
	const char *no_packet; /* why */
	int64_t number;	       /* -1: inferred */
	const char *sentence, *values;
};

struct db_sent {
	uint64_t id, decision, packet; /* packet 0: not found */
	nsec_t time_ns;
	const char *no_packet;
};

/* db.c */
int db_open(const struct db_options *o, struct db **ret, struct sbuf *reterr);
struct db *db_close(struct db *db);
/* db_template.c: what a database is made of before it knows anything of its lab; 0 = not known. */
uint64_t db_template_key(const char *describe, size_t len);
/* Makes a database that is not there yet a copy of the template, if that was made of the same. */
bool db_template_use(const char *template, uint64_t key, const char *db_path);
/* What is committed becomes the template. */
void db_template_keep(struct db *db, const char *template, uint64_t key);
int db_begin(struct db *db);
int db_commit(struct db *db);
void db_rollback(struct db *db);
/* Copies the write-ahead log back into the file as far as readers allow. */
void db_checkpoint(struct db *db);
struct db_wal db_wal(struct db *db); /* asks: copies back what it can */
uint64_t db_wal_bytes(const struct db *db);
uint64_t db_bytes(struct db *db); /* of the database, what is still in the log included */
const char *db_error(struct db *db);
int db_ids(struct db *db, struct db_ids *ret);

/* db_lab.c: what was built; each once */
int db_put_lab(struct db *db, const struct log_lab *lab);
int db_put_device(struct db *db, const struct log_device *d);
int db_put_iface(struct db *db, const struct log_iface *i);
int db_put_link(struct db *db, const struct log_link *l);
void db_plan_done(struct db *db); /* no more of these rows */
int db_put_rule(struct db *db, unsigned id, const char *name, const char *protocol,
		const char *kind, const char *sentence, const char *source, bool inferred);

/* db_packet.c */
int db_put_flow(struct db *db, const struct flow *f);
int db_put_run(struct db *db, const struct db_run *r);
/* Written with others, at the latest by db_commit(); an error may be an earlier one's. */
int db_put_packet(struct db *db, const struct db_packet *p);
int db_put_block(struct db *db, uint64_t id, const void *bytes, size_t len);
int db_put_field(struct db *db, uint64_t packet, unsigned n, const char *field, const char *value,
		 size_t offset, size_t len);
int db_put_gap(struct db *db, const struct db_gap *g);
int db_put_progress(struct db *db, const char *name, int64_t value);

/* db_journal.c */
int db_put_decision(struct db *db, const struct db_decision *d);
int db_put_sent(struct db *db, const struct db_sent *s);
int db_put_config(struct db *db, nsec_t time_ns, uint32_t device, const char *section,
		  const char *line);
int db_put_refused(struct db *db, nsec_t time_ns, int64_t device, const char *object,
		   const char *text);
int db_put_event(struct db *db, nsec_t time_ns, int64_t wall_ns, int64_t device, const char *event,
		 const char *detail);

/* db_fact.c: one table a kind */
struct fact_table;
struct describe_fact;
/* `exists`: it is in the database as this program makes it. */
int db_make_fact_table(struct db *db, unsigned number, const struct describe_fact *kind,
		       bool exists, struct sbuf *reterr);
struct db_fact {
	unsigned kind;
	const char *device;
	const char *key;
	nsec_t at_ns;
	uint64_t packet;   /* 0: none */
	uint64_t decision; /* 0: none */
	const struct val *columns;
	const char *why; /* how it ended */
};
/* Ends an open fact of that name and begins this one. */
int db_fact_begin(struct db *db, const struct db_fact *f);
int db_fact_end(struct db *db, const struct db_fact *f);
/* All facts of a device that are open, but durable kinds when `keep_durable`. */
int db_facts_end_all(struct db *db, const char *device, nsec_t at_ns, const char *why,
		     bool keep_durable);

#endif
