/* engine.h: from a frame or a journal record to rows; everything but where they come from.
 *
 *   frame -> pkt_parse -> flow -> tcp_watch -> words -> store -> tie -> infer
 *   record -> (waits for its frame) -> store
 *
 * sources.c calls engine_frame() in order of time, then engine_seen() with the moment up to which
 * every frame was shown. Single-threaded; the engine owns the store, the tables and the journals,
 * the caller what struct log_args points to, which outlives it. */
#ifndef LABD_LOG_ENGINE_H
#define LABD_LOG_ENGINE_H

#include "labd/log/journal_in.h"
#include "labd/log/log.h"
#include "labd/log/store.h"

struct engine;
struct sbuf;

struct engine_frame {
	uint32_t way;
	const uint8_t *data;
	uint32_t cap_len, len;
	int64_t wall_ns;
	int64_t delay_ns; /* how long the wire keeps it; -1: no wire */
	uint16_t fate;	  /* enum wire_fate */
};

int engine_new(const struct log_args *args, const struct clock_page *clock, struct engine **ret,
	       struct sbuf *reterr);
struct engine *engine_free(struct engine *e);
struct store *engine_store(struct engine *e);
struct labtime *engine_time(struct engine *e);

/* Careful: no codec reads it. For frames that may have killed an earlier life of this process. */
void engine_careful(struct engine *e, bool careful);
void engine_frame(struct engine *e, const struct engine_frame *f);
void engine_seen(struct engine *e, int64_t seen_ns);
void engine_commit(struct engine *e);

uint32_t engine_n_ways(const struct engine *e);
const struct tie_way *engine_ways(const struct engine *e);
/* The way of frames that leave the device at this interface; the ones that come in: ^ 1. 0: no
 * such interface, or its link is not captured. */
uint32_t engine_way_out(const struct engine *e, uint32_t ifid);
const struct log_device *engine_device(const struct engine *e, uint32_t id); /* or NULL */
const struct log_iface *engine_iface(const struct engine *e, uint32_t id);   /* or NULL */
const struct log_link *engine_link(const struct engine *e, uint32_t id);     /* or NULL */

/* A device's journal; -1 takes it away. */
int engine_set_journal(struct engine *e, uint32_t device, int fd);
struct journal_in *engine_journal(const struct engine *e, uint32_t device);
bool engine_journals_empty(const struct engine *e);
/* Questions about sent packets asked before that are still without an answer. */
unsigned engine_waiting(const struct engine *e, int64_t asked_ns);
/* A row of node_event, with what follows from it. */
void engine_event(struct engine *e, uint32_t device, const char *event, const char *detail);

#endif
