/* capture.h: frames out of a run's database, as somebody at an interface would have captured them.
 *
 *   capture_select.c  which links and directions are meant, and which interfaces they become
 *   capture_read.c    frames in the order they were there, with the decisions as comments
 *   cmd_capture.c     to a file, a pipe or Wireshark; following a lab that runs
 *   pcapng.c          the format
 *
 * At a device's interface a frame that came through a wire appears when the wire let it out, and
 * one that the wire lost does not appear; a link, and `all`, show every frame when it was sent. */
#ifndef LABD_CTL_CAPTURE_H
#define LABD_CTL_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/sbuf.h"
#include "labd/ctl/pcapng.h"

struct dbr;

#define CAPTURE_HELD_MAX 65536 /* frames that are in a wire at one moment */

struct capture_iface {
	char *name, *description;
};

/* What becomes of the frames of one way (link and direction). */
struct capture_way {
	int32_t iface; /* -1: not wanted */
	enum pcapng_direction direction;
};

struct capture {
	struct dbr *db;
	int64_t epoch_ns;
	struct capture_iface *ifaces;
	size_t n_ifaces;
	struct capture_way *ways; /* by way id */
	size_t n_ways;
	bool at_device; /* arrival times; lost frames left out */

	int64_t done_id;	/* packets up to this one were read */
	int64_t last_ns;	/* lab time of the newest packet that was read */
	struct timer_heap held; /* struct held: frames that come out of a wire later */
	size_t n_held;
	uint64_t n_frames; /* written */
};

/* |what|: DEVICE, DEVICE:INTERFACE, LINK or "all". 0; -ENOENT after saying that there is none. */
int capture_select(struct capture *c, struct dbr *db, const char *what);
void capture_done(struct capture *c);
/* The section and the interfaces. */
void capture_head(const struct capture *c, const char *lab, const char *run, struct sbuf *out);
/* Appends frames of packets up to id |until|, some at a time; 1: there are more, 0: all, or
 * negative errno. */
int capture_read(struct capture *c, int64_t until, struct sbuf *out);
/* Appends what a wire held up to lab time |now_ns|. */
void capture_release(struct capture *c, int64_t now_ns, struct sbuf *out);

#endif
