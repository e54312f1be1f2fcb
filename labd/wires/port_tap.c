/* The carrier of TAPs: one frame to a read or write, many of these to a system call where it goes.
 */
#include "labd/wires/port.h"

#include <assert.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "labd/wires/batch.h"

#define STRIDE_ALIGN 64u

int port_tap_open(struct port *port)
{
	struct ifreq ifr = { 0 };

	if (ioctl(port->fd, TUNGETIFF, &ifr) < 0)
		return -errno;
	if ((ifr.ifr_flags & (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)) != (IFF_TAP | IFF_NO_PI))
		return -EINVAL;
	port->expect = 1;
	return 0;
}

static int64_t real_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * SEC + now.tv_nsec;
}

/* What it was asked for did not happen: it is done frame by frame, now and from now on. */
static void give_up_batches(struct port_space *space)
{
	space->batch = batch_close(space->batch);
}

/* ---- reading ---- */

/* Octets, or negative errno. */
static int32_t read_one(int fd, const struct iovec *part)
{
	ssize_t len;

	do {
		len = read(fd, part->iov_base, part->iov_len);
	} while (len < 0 && errno == EINTR);
	return len < 0 ? -errno : (int32_t)len;
}

/* Returns how many readings were tried; results holds theirs. */
static unsigned read_some(const struct port *port, struct port_space *space,
			  const struct iovec *parts, unsigned n, int32_t *results)
{
	if (n > 1 && space->batch != NULL) {
		if (batch_run(space->batch, BATCH_READ, port->fd, parts, n, results) == 0)
			return n;
		give_up_batches(space);
	}
	results[0] = read_one(port->fd, parts);
	return 1;
}

/* Places next to each other, as far apart as this port's frames need. */
static void place_slots(const struct port *port, const struct port_space *space,
			struct iovec *parts, unsigned n)
{
	size_t stride = (port->frame_max + STRIDE_ALIGN) / STRIDE_ALIGN * STRIDE_ALIGN;

	for (unsigned i = 0; i < n; i++)
		parts[i] = (struct iovec){ space->bytes + i * stride, port->frame_max + 1 };
}

struct tap_reading {
	struct port_frame *frames;
	unsigned n_read;
	int error; /* of the first reading that brought none; 0 = there may be more */
};

/* After a reading in vain another may have brought a frame that came in between. */
static void take_results(struct port *port, struct tap_reading *in, const struct iovec *parts,
			 const int32_t *results, unsigned n)
{
	int64_t now_ns = real_now();

	for (unsigned i = 0; i < n; i++) {
		if (results[i] <= 0)
			in->error = results[i] == 0 ? -EAGAIN : results[i];
		else if ((uint32_t)results[i] > port->frame_max)
			port->n_too_long++;
		else
			in->frames[in->n_read++] =
				(struct port_frame){ parts[i].iov_base, (uint32_t)results[i],
						     now_ns };
	}
}

/* Asks for as many as came last time, then for half as many as have come, until one finds nothing:
 * a request in vain costs something too. */
int port_tap_read(struct port *port, struct port_space *space, struct port_frame *ret_frames,
		  unsigned n)
{
	struct tap_reading in = { .frames = ret_frames };
	struct iovec parts[PORT_BATCH];
	int32_t results[PORT_BATCH];
	unsigned n_tried = 0, want = port->expect;

	place_slots(port, space, parts, n);
	while (n_tried < n && in.error == 0) {
		unsigned n_now = want < n - n_tried ? want : n - n_tried;

		n_now = read_some(port, space, parts + n_tried, n_now, results);
		take_results(port, &in, parts + n_tried, results, n_now);
		n_tried += n_now;
		want = in.n_read / 2 + 1;
	}
	port->expect = in.n_read > 0 ? in.n_read : 1;
	if (in.error != 0 && in.error != -EAGAIN) {
		port->dead = true;
		return in.n_read > 0 ? (int)in.n_read : in.error;
	}
	return (int)in.n_read;
}

/* ---- writing ---- */

static int32_t write_one(int fd, const struct port_frame *frame)
{
	ssize_t len;

	do {
		len = write(fd, frame->bytes, frame->len);
	} while (len < 0 && errno == EINTR);
	return len < 0 ? -errno : (int32_t)len;
}

static bool is_full(int32_t result)
{
	return result == -EAGAIN || result == -ENOBUFS || result == -ENOMEM;
}

static unsigned write_singly(const struct port *port, const struct port_frame *frames, unsigned n,
			     unsigned *ret_refused)
{
	for (unsigned i = 0; i < n; i++) {
		int32_t result = write_one(port->fd, &frames[i]);

		if (is_full(result))
			return i;
		*ret_refused += result < 0;
	}
	return n;
}

/* A frame that found no room while one behind it did would come out of order: it is refused. */
static unsigned count_done(const int32_t *results, unsigned n, unsigned *ret_refused)
{
	while (n > 0 && is_full(results[n - 1]))
		n--;
	for (unsigned i = 0; i < n; i++)
		*ret_refused += results[i] < 0;
	return n;
}

unsigned port_tap_write(struct port *port, struct port_space *space,
			const struct port_frame *frames, unsigned n, unsigned *ret_refused)
{
	struct iovec parts[2 * PORT_BATCH];
	int32_t results[2 * PORT_BATCH];

	static_assert(2 * PORT_BATCH <= BATCH_MAX, "all by one batch");
	if (n < 2 || space->batch == NULL)
		return write_singly(port, frames, n, ret_refused);
	for (unsigned i = 0; i < n; i++)
		parts[i] = (struct iovec){ frames[i].bytes, frames[i].len };
	if (batch_run(space->batch, BATCH_WRITE, port->fd, parts, n, results) < 0) {
		give_up_batches(space);
		return write_singly(port, frames, n, ret_refused);
	}
	return count_done(results, n, ret_refused);
}
