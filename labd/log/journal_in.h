/* journal_in.h: what one device tells, in its order: decisions, packets sent, facts, lines.
 *
 * Datagrams are taken in as they come and kept (at most JOURNAL_QUEUE_MAX octets a device; beyond
 * that they stay in the socket and the node waits). journal_run() turns records into rows. A
 * decision whose packet has not been seen yet holds up those behind it, until every frame up to its
 * stamp was seen: then it has none. A fact names the decision that explains it, and by that its
 * packet. The bytes are hostile. */
#ifndef LABD_LOG_JOURNAL_IN_H
#define LABD_LOG_JOURNAL_IN_H

#include "base/journal.h"
#include "labd/log/describe.h"
#include "labd/log/labtime.h"
#include "labd/log/store.h"
#include "labd/log/tie.h"

#define JOURNAL_QUEUE_MAX (4u << 20)
#define JOURNAL_DECISIONS 1024u /* of a device that later records may refer to */

struct journal_in;

/* All of it outlives the journal. */
struct journal_env {
	struct store *store;
	struct tie *tie;
	const struct describe *describe;
	const struct labtime *time;
	struct sbuf *sentence, *json; /* scratch, shared by all devices */
	/* A decision got its packet: for what is inferred where no device decided. May be NULL. */
	void (*decided)(void *arg, uint32_t device, uint64_t packet);
	/* The device holds this address (a fact of table ip_address began). May be NULL. */
	void (*has_address)(void *arg, uint32_t device, const struct addr *addr);
	void *arg;
};

struct journal_in *journal_in_new(const struct journal_env *env, uint32_t device, const char *name,
				  int fd);
struct journal_in *journal_in_free(struct journal_in *j);
int journal_in_fd(const struct journal_in *j);
uint32_t journal_in_device(const struct journal_in *j);
/* Takes in what is there. 1: there may be more; 0: no more now; -ENOBUFS: the queue is full, read
 * on after journal_in_run(); -EPIPE: the node's end is closed. */
int journal_in_read(struct journal_in *j);
/* `seen_ns`: every frame stamped up to then was shown to the tie. */
void journal_in_run(struct journal_in *j, int64_t seen_ns);
bool journal_in_is_empty(const struct journal_in *j);
/* The node process has ended: what it told is written, its facts end (the next one restores durable
 * ones: they stay unless `all`), and decisions count from 1 again. */
void journal_in_ended(struct journal_in *j, const char *why, bool all);

/* Values as a JSON object. */
void journal_json(const struct val *values, struct sbuf *out);

#endif
