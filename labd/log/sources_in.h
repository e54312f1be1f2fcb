/* sources_in.h: the inside of the sources, shared by sources*.c. */
#ifndef LABD_LOG_SOURCES_IN_H
#define LABD_LOG_SOURCES_IN_H

#include "labd/log/ring.h"
#include "labd/log/sources.h"

/* A veth counts a frame as received before its kernel takes it from the processor's backlog and the
 * ring gets it: what counters say is compared when frames stamped so much later were shown. */
#define COUNTED_AHEAD_NS (10 * MSEC)

/* An interface whose link is captured in this device. */
struct port {
	uint32_t ifid;
	int ifindex; /* 0: not known yet */
	uint32_t way_out, way_in;
	uint64_t seen[2]; /* frames out of, into the device */
	uint64_t base[2]; /* the interface's counters when we began */
	uint64_t told[2]; /* missing frames that have a row */
	int64_t base_ns;  /* frames stamped before are in `base`; 0: no counters known */
};

struct ring_source {
	uint32_t device;
	struct ring *ring;
	/* Its successor, which hears the same: see sources_grow.c. */
	struct ring *next;
	int64_t next_since_ns; /* wall; every frame from then on is in it */
	int64_t cut_ns;	       /* frames stamped later are read from it; 0 = not decided */
	struct ring *old;      /* its forerunner, until what was read of it is committed */
	int64_t shown_ns;      /* the last frame's stamp */
	int64_t skip_ns;       /* frames stamped up to then were read from the forerunner */
	uint64_t drops_before; /* by forerunners */
	bool from_first; /* nobody read it before: it has every frame since its links are there */
	int netlink_fd;
	struct port *ports;
	uint32_t n_ports;
	uint32_t last_port; /* looked at first */
	uint64_t drops;
	uint64_t drops_told; /* that have rows */
	int64_t head_ns;     /* of the frame on top; INT64_MAX = none */
	int64_t gap_since_ns;
	/* counters read at mark_ns, to be compared when every frame up to then was shown */
	int64_t mark_ns;		  /* 0 = none */
	int64_t compared_ns;		  /* the last that was compared */
	uint64_t *marked, *marked_before; /* [2 * n_ports]: these counters, and the last ones */
	int64_t looked_ns;		  /* when its links were last asked for */
	int64_t watched_ns;		  /* when its drops were last read */
	/* A comparison under way misses what came between counting and marking: after one that
	 * found something, more follow until one finds that everything is told. */
	bool unsettled;
};

struct sources {
	struct engine *e;
	struct ring_source **rings;
	uint32_t n_rings;
	struct feed *feed;
	struct feed_fds feed_fds;
	uint64_t feed_top;   /* position of the record on top */
	uint64_t feed_shown; /* every record below it was shown */
	uint64_t feed_skip;  /* records below are stored already */
	bool feed_moved;
	size_t ring_budget, ring_used;
	uint32_t retired; /* device whose first ring was given up; 0 = none */
	int64_t seen_ns, skip_ns;
	bool pressed, resumed;
	int64_t pressed_ns, press_for_ns; /* monotonic: since when, for how long at least */
};

/* sources_grow.c */
/* Frames up to `limit_ns` were shown, and there are no more of them. */
void ring_grow(struct sources *s, struct ring_source *r, int64_t limit_ns);
/* Was this frame of the ring, on top of it, read from its successor, too? Then that is the ring. */
bool ring_passes_on(struct sources *s, struct ring_source *r, int64_t wall_ns);
/* The frame on top was shown. */
void ring_may_cut(struct ring_source *r, int64_t wall_ns);
void ring_retire_old(struct sources *s, struct ring_source *r);

/* sources_count.c */
bool ring_all_known(const struct ring_source *r);
void ring_find_ports(struct sources *s, struct ring_source *r);
/* The port's index, before its interface is set up. */
void ring_port_is(struct ring_source *r, struct port *p, int ifindex);
struct port *ring_port(struct ring_source *r, int ifindex);
int ring_set_filter(struct sources *s, struct ring_source *r);
/* `settle`: compare now, even if another comparison waits. */
void ring_watch(struct sources *s, struct ring_source *r, bool settle);
void ring_compare(struct sources *s, struct ring_source *r);
void feed_count(struct sources *s, const struct feed_counter *c);

#endif
