/*
 * Frames on their way, and the pool that bounds how much memory they take.
 *
 * A frame is copied once when it has to wait (for its delay, for its turn on a capped link, for a
 * receiver that takes no more) and freed when it left. The pool counts bytes of buffers for the
 * whole process; with nothing left frame_get() returns NULL and the wire stops reading until
 * frames have left. Freed buffers of the usual sizes are kept for the next frame.
 *
 * Ownership: who takes a frame out of a queue gives it to frame_put().
 */
#ifndef LABD_WIRES_FRAME_H
#define LABD_WIRES_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_N_SIZES 4

struct wire_frame {
	struct wire_frame *next;
	int64_t due_ns; /* lab's monotonic clock, see struct wires_clock */
	uint64_t seq;	/* order of arrival within the queue */
	uint32_t len;
	uint8_t size; /* index of its buffer size */
	uint8_t bytes[];
};

struct frame_pool {
	size_t limit_bytes;
	size_t used_bytes; /* handed out */
	size_t kept_bytes; /* in the free lists */
	struct wire_frame *kept[FRAME_N_SIZES];
};

void frame_pool_init(struct frame_pool *pool, size_t limit_bytes);
/* Frees the kept buffers: at the end, when all frames are back, or after a burst. */
void frame_pool_trim(struct frame_pool *pool);
/* What a frame of this length takes of the limit; 0 = longer than a link carries. */
size_t frame_pool_cost(size_t len);
/* A frame of len bytes, not yet filled; NULL: pool exhausted, or longer than a link carries. */
struct wire_frame *frame_get(struct frame_pool *pool, size_t len);
void frame_put(struct frame_pool *pool, struct wire_frame *frame);

#endif
