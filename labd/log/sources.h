/* sources.h: where frames come from: packet rings and the wires' feed, merged by time.
 *
 * Each source is in order by itself. sources_run() always takes the earliest frame of all, but none
 * later than a bound that every source is known to have passed: a ring hands a frame over within
 * RING_RETIRE_MS, the feed at once. Frames stay in their source until sources_release(), which is
 * called when they are committed.
 *
 * What a ring had no room for is found by comparing the interfaces' own counters with the frames
 * that came, per link and direction, and becomes capture_gap rows; so do the wires' counters. */
#ifndef LABD_LOG_SOURCES_H
#define LABD_LOG_SOURCES_H

#include "labd/log/engine.h"

/* How long after its stamp a frame may still be on its way to us. */
#define SOURCES_LAG_NS (32 * MSEC)

struct sources;
struct sbuf;

struct sources *sources_new(struct engine *e, const struct feed_fds *feed, size_t ring_bytes,
			    struct sbuf *reterr);
struct sources *sources_free(struct sources *s);
/* fd -1: none. The device's ring begins to fill when the index of an interface is known: told by
 * sources_set_ifindex(), or found by name through the netlink socket. `n_rings`: how many rings
 * share the memory. */
int sources_add(struct sources *s, uint32_t device, int capture_fd, int netlink_fd,
		unsigned n_rings);
void sources_remove(struct sources *s, uint32_t device);
/* A larger ring for a device that has one already; it hears already. -EBUSY: it has one, too. */
int sources_grow(struct sources *s, uint32_t device, int capture_fd);
/* A device whose first ring is not needed any more, each once; 0: none. */
uint32_t sources_retired(struct sources *s);
int sources_set_ifindex(struct sources *s, uint32_t ifid, int ifindex);

/* Frames stamped up to and including that are stored already: pass over them in the rings. */
/* Before rings are added: an earlier process may have read them. */
void sources_resume(struct sources *s);
void sources_skip_until(struct sources *s, int64_t wall_ns, uint64_t feed_pos);
/* Passes over everything that waits, counting it. */
void sources_discard(struct sources *s, const char *why);

/* Shows at most `budget` frames to the engine. True: there may be more to do right now. */
bool sources_run(struct sources *s, unsigned budget);
/* Every frame stamped up to then was shown. */
int64_t sources_seen_ns(const struct sources *s);
/* Nothing waits in any source. */
bool sources_are_empty(struct sources *s);
/* What the interfaces had counted up to then, and was asked for, is told. */
bool sources_are_compared(const struct sources *s, int64_t wall_ns);
/* Nor is anything on its way, which a ring keeps for up to RING_RETIRE_MS, or to be compared. */
bool sources_are_drained(struct sources *s);
/* Frames that were shown may be forgotten. */
void sources_release(struct sources *s);
/* So much is held for the next commit that it should come now. */
bool sources_want_commit(const struct sources *s);
/* Often: payloads are shortened while sources fill up. */
void sources_press(struct sources *s);
/* Once a second and at barriers: drops and counters. */
void sources_watch(struct sources *s);
/* Whatever is missing until now is told before sources_seen_ns() passes now. */
void sources_settle(struct sources *s);

int sources_feed_fd(const struct sources *s); /* to wait on; -1 = no wires */
/* true: sleep, the fd will wake; false: something came in between. */
bool sources_may_sleep(struct sources *s);
void sources_slept(struct sources *s);
size_t sources_ring_bytes(const struct sources *s);
uint64_t sources_drops(const struct sources *s);

#endif
