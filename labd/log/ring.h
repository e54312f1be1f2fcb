/* ring.h: the packet ring of one network namespace, and the numbers of its interfaces.
 *
 * One AF_PACKET socket sees every interface of its namespace in both directions. Frames are read in
 * place, in the order in which the kernel took them; blocks that were read go back to the kernel by
 * ring_release(), when their frames are safe elsewhere: a reader that dies before finds them again.
 * A filter in the kernel lets only those interfaces through whose links are
 * captured here, and cuts frames to what is kept of them.
 *
 * The socket may have had a ring in an earlier life of this process; then that ring is taken over
 * with what is still in it. The caller owns the descriptors. Errors are negative errno; times are
 * CLOCK_REALTIME nanoseconds. */
#ifndef LABD_LOG_RING_H
#define LABD_LOG_RING_H

#include "base/types.h"

#define RING_BYTES_MIN	   (128u << 10)
#define RING_BYTES_MAX	   (64u << 20)
#define RING_FIRST_BYTES   (2u << 20) /* of a large ring's forerunner */
#define RING_RETIRE_MS	   20 /* a frame waits no longer than this in a block that does not fill */
#define RING_IFINDEXES_MAX 1024u

struct ring;

struct ring_frame {
	const uint8_t *data;
	uint32_t cap_len, len;
	int64_t wall_ns;
	int ifindex;
	bool outgoing; /* leaving this namespace */
};

struct ring_stats {
	uint64_t n_frames; /* that passed the filter since the ring was opened */
	uint64_t n_drops;  /* of these, how many found no room */
};

/* How a ring of about so many octets is laid out. Its socket may be given the ring, be bound and so
 * begin to keep frames before this process sees it: ring_open() then takes it as it is. */
struct ring_shape {
	uint32_t block_bytes, n_blocks, frame_bytes, retire_ms;
};
struct ring_shape ring_shape(size_t bytes);
/* Memory that the host has taken back costs 2 ms a MB at first use: a lab that comes up begins with
 * a small ring where a large one (of so many octets) is to follow. */
size_t ring_first_bytes(size_t bytes);
/* What follows one of |bytes| where |last| octets are what it may have in the end. In two steps:
 * the first is there soon, even where all processors are busy. */
size_t ring_larger(size_t bytes, size_t last);
/* bytes: rounded down to a power of two between RING_BYTES_MIN and _MAX. */
int ring_open(int fd, size_t bytes, struct ring **ret);
struct ring *ring_close(struct ring *r);
/* Hears nothing any more, and gives its memory back; its socket stays the caller's. Takes the
 * kernel some ms. NULL. */
struct ring *ring_retire(struct ring *r);
int ring_fd(const struct ring *r);
size_t ring_bytes(const struct ring *r);
bool ring_was_taken_over(const struct ring *r); /* it was there before */
/* Which interfaces pass, and how much of each frame. n = 0: none; more than RING_IFINDEXES_MAX, or
 * `all`: every one. */
int ring_filter(struct ring *r, const int *ifindexes, size_t n, bool all, uint32_t snap_len);
/* The next frame, valid until ring_next(); false = none is ready. */
bool ring_peek(struct ring *r, struct ring_frame *ret);
void ring_next(struct ring *r);
/* Gives back what was passed. */
void ring_release(struct ring *r);
/* How much of the ring waits to be read or to be released, in percent. */
unsigned ring_fill(const struct ring *r);
unsigned ring_held(const struct ring *r); /* read, not released */
struct ring_stats ring_stats(struct ring *r);
/* Every frame that the kernel has counted was passed: also its open block is empty. Only of a ring
 * that nobody else has read before. */
bool ring_is_drained(struct ring *r);

/* ring_links.c: the interfaces of a namespace as its own kernel tells them */
struct ring_link {
	int ifindex;
	char name[16];
	uint64_t rx_frames, tx_frames;
};
/* Asks through a NETLINK_ROUTE socket; at most `max` of them. Their number, or negative errno. */
int ring_links(int netlink_fd, struct ring_link *out, size_t max);

#endif
