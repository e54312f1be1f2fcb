#include "labd/wires/batch.h"

#include <errno.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/types.h"

/* Two rings shared with the kernel, each with a position that we write and one that it writes. No
 * request is left over from one batch_run() to the next. */
struct batch {
	int fd;
	void *rings; /* requests' positions, and answers */
	size_t rings_bytes;
	struct io_uring_sqe *requests;
	size_t requests_bytes;
	uint32_t *request_head; /* the kernel's */
	uint32_t *request_tail; /* ours */
	uint32_t request_mask;
	const struct io_uring_cqe *answers;
	uint32_t *answer_head; /* ours */
	uint32_t *answer_tail; /* the kernel's */
	uint32_t answer_mask;
};

static const uint8_t op_codes[] = {
	[BATCH_READ] = IORING_OP_READ,
	[BATCH_WRITE] = IORING_OP_WRITE,
};

/* ---- birth and death ---- */

/* Reading and writing only, and no flag that would chain or delay. */
static int restrict_ring(int fd)
{
	struct io_uring_restriction allowed[ARRAY_SIZE(op_codes)] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(op_codes); i++) {
		allowed[i].opcode = IORING_RESTRICTION_SQE_OP;
		allowed[i].sqe_op = op_codes[i];
	}
	if (syscall(SYS_io_uring_register, fd, IORING_REGISTER_RESTRICTIONS, allowed,
		    ARRAY_SIZE(allowed)) < 0)
		return -errno;
	return syscall(SYS_io_uring_register, fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0) < 0
		       ? -errno
		       : 0;
}

static void *map_ring(int fd, size_t bytes, off_t what)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, what);

	return at == MAP_FAILED ? NULL : at;
}

static uint32_t *word_at(const struct batch *b, uint32_t offset)
{
	return (uint32_t *)(void *)((uint8_t *)b->rings + offset);
}

/* The n-th place always holds the n-th request. */
static void number_requests(const struct batch *b, const struct io_uring_params *p)
{
	uint32_t *numbers = word_at(b, p->sq_off.array);

	for (uint32_t i = 0; i < p->sq_entries; i++)
		numbers[i] = i;
}

static int map_rings(struct batch *b, const struct io_uring_params *p)
{
	size_t numbers_end = p->sq_off.array + p->sq_entries * sizeof(uint32_t);
	size_t answers_end = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);

	if (!(p->features & IORING_FEAT_SINGLE_MMAP))
		return -EOPNOTSUPP;
	b->rings_bytes = numbers_end > answers_end ? numbers_end : answers_end;
	b->rings = map_ring(b->fd, b->rings_bytes, IORING_OFF_SQ_RING);
	b->requests_bytes = p->sq_entries * sizeof(struct io_uring_sqe);
	b->requests = map_ring(b->fd, b->requests_bytes, IORING_OFF_SQES);
	if (b->rings == NULL || b->requests == NULL)
		return -ENOMEM;
	b->request_head = word_at(b, p->sq_off.head);
	b->request_tail = word_at(b, p->sq_off.tail);
	b->request_mask = p->sq_entries - 1;
	b->answers = (const struct io_uring_cqe *)(void *)word_at(b, p->cq_off.cqes);
	b->answer_head = word_at(b, p->cq_off.head);
	b->answer_tail = word_at(b, p->cq_off.tail);
	b->answer_mask = p->cq_entries - 1;
	number_requests(b, p);
	return 0;
}

int batch_open(struct batch **ret_batch)
{
	struct io_uring_params params = { .flags = IORING_SETUP_R_DISABLED };
	struct batch *b = calloc(1, sizeof(*b));
	int r;

	if (b == NULL)
		return -ENOMEM;
	b->fd = (int)syscall(SYS_io_uring_setup, BATCH_MAX, &params);
	r = b->fd < 0 ? -errno : restrict_ring(b->fd);
	if (r == 0)
		r = map_rings(b, &params);
	if (r < 0) {
		batch_close(b);
		return r;
	}
	*ret_batch = b;
	return 0;
}

struct batch *batch_close(struct batch *b)
{
	if (b == NULL)
		return NULL;
	if (b->rings != NULL)
		munmap(b->rings, b->rings_bytes);
	if (b->requests != NULL)
		munmap(b->requests, b->requests_bytes);
	if (b->fd >= 0)
		close(b->fd);
	free(b);
	return NULL;
}

/* ---- a batch ---- */

static void put_requests(struct batch *b, enum batch_op op, int fd, const struct iovec *parts,
			 unsigned n)
{
	uint32_t tail = *b->request_tail;

	for (unsigned i = 0; i < n; i++)
		b->requests[tail++ & b->request_mask] = (struct io_uring_sqe){
			.opcode = op_codes[op],
			.fd = fd,
			.off = UINT64_MAX, /* not at a place of a file */
			.addr = (uintptr_t)parts[i].iov_base,
			.len = (uint32_t)parts[i].iov_len,
			.rw_flags = RWF_NOWAIT,
			.user_data = i,
		};
	__atomic_store_n(b->request_tail, tail, __ATOMIC_RELEASE);
}

/* Takes back what the kernel does not want now. */
static unsigned withdraw_requests(struct batch *b)
{
	uint32_t head = __atomic_load_n(b->request_head, __ATOMIC_ACQUIRE);
	unsigned n_left = *b->request_tail - head;

	__atomic_store_n(b->request_tail, head, __ATOMIC_RELEASE);
	return n_left;
}

/* Returns how many requests the kernel took. None of them waits, so each has its answer by then. */
static unsigned submit(struct batch *b, unsigned n)
{
	unsigned n_taken = 0;

	while (n_taken < n) {
		long r = syscall(SYS_io_uring_enter, b->fd, n - n_taken, n - n_taken,
				 IORING_ENTER_GETEVENTS, NULL, 0);

		if (r > 0)
			n_taken += (unsigned)r;
		else if (r == 0 || errno != EINTR)
			break;
	}
	return n - withdraw_requests(b);
}

/* false: the kernel has not answered all yet. */
static bool take_answers(struct batch *b, unsigned n, int32_t *results, unsigned *n_answered)
{
	uint32_t head = *b->answer_head;
	uint32_t tail = __atomic_load_n(b->answer_tail, __ATOMIC_ACQUIRE);

	for (; head != tail; head++, ++*n_answered) {
		const struct io_uring_cqe *answer = &b->answers[head & b->answer_mask];

		if (answer->user_data < n)
			results[answer->user_data] = answer->res;
	}
	__atomic_store_n(b->answer_head, head, __ATOMIC_RELEASE);
	return *n_answered >= n;
}

static bool is_transient(int error)
{
	return error == EINTR || error == EAGAIN || error == EBUSY;
}

int batch_run(struct batch *b, enum batch_op op, int fd, const struct iovec *parts, unsigned n,
	      int32_t *ret_results)
{
	unsigned n_taken, n_answered = 0;

	if (n > BATCH_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < n; i++)
		ret_results[i] = -EAGAIN;
	put_requests(b, op, fd, parts, n);
	n_taken = submit(b, n);
	while (!take_answers(b, n_taken, ret_results, &n_answered))
		if (syscall(SYS_io_uring_enter, b->fd, 0, n_taken - n_answered,
			    IORING_ENTER_GETEVENTS, NULL, 0) < 0 &&
		    !is_transient(errno))
			break;
	return n_taken > 0 && ret_results[0] == -EOPNOTSUPP ? -EOPNOTSUPP : 0;
}
