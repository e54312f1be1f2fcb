/*
 * Many reads or writes of one descriptor by one system call, where the kernel has io_uring.
 *
 * A TAP gives and takes one frame a call, and the calls are most of what such a frame costs. A
 * batch hands over as many as there are at once. Each is tried in order, at once and without
 * waiting, as read(2) and write(2) of a descriptor with O_NONBLOCK would.
 *
 * The ring can read and write and nothing else (IORING_REGISTER_RESTRICTIONS): requests to it do
 * not pass the process' system call filter. A kernel without io_uring, without those restrictions
 * (before 5.10), or one that forbids it (kernel.io_uring_disabled, a filter around us) makes
 * batch_open() fail, and the caller goes on by single calls.
 *
 * Ownership: batch_open() makes it, batch_close() frees it. Errors are negative errno.
 */
#ifndef LABD_WIRES_BATCH_H
#define LABD_WIRES_BATCH_H

#include <stdint.h>
#include <sys/uio.h>

#define BATCH_MAX 128u

enum batch_op {
	BATCH_READ,
	BATCH_WRITE,
};

struct batch;

/* Any error: there is none, which is no reason to give up. */
int batch_open(struct batch **ret_batch);
/* NULL will do. Returns NULL. */
struct batch *batch_close(struct batch *batch);
/*
 * ret_results: the octets of each, or negative errno; -EAGAIN for those that the kernel did not
 * come to. n is at most BATCH_MAX. -EOPNOTSUPP: this descriptor cannot be used so (a TAP before
 * 5.11), and nothing was done.
 */
int batch_run(struct batch *batch, enum batch_op op, int fd, const struct iovec *parts, unsigned n,
	      int32_t *ret_results);

#endif
