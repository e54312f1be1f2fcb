#include "labd/wires/feed.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FEED_MAGIC   0x4c424644u /* "LBFD" */
#define FEED_VERSION 1u
#define FEED_HEADER_BYTES \
	65536u /* the largest page size in use, so that the ring can be mapped alone */
#define FEED_ALIGN 8u

/* The first bytes of the memfd. Each side writes its own cache line and only that. */
struct feed_shared {
	uint32_t magic;
	uint32_t version;
	uint64_t size;
	alignas(64) _Atomic uint64_t head; /* producer: end of the last committed record */
	_Atomic uint32_t producer_waits;   /* set by the producer, cleared by who wakes it */
	alignas(64) _Atomic uint64_t tail; /* consumer: everything before it was given back */
	_Atomic uint32_t consumer_sleeps;  /* set by the consumer, cleared by who wakes it */
};
static_assert(sizeof(struct feed_shared) <= FEED_HEADER_BYTES, "header fits");
static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "positions are lock-free");

/* In front of each record in the ring; copied in and out, never pointed at. */
struct record_head {
	uint32_t len; /* of the whole record, a multiple of FEED_ALIGN */
	uint32_t body_len;
	uint32_t type;
	uint32_t zero;
};

/* The body of a frame record; the frame's bytes follow. */
struct frame_head {
	int64_t rx_ns;
	int64_t due_ns;
	uint32_t link;
	uint32_t orig_len;
	uint32_t cap_len;
	uint32_t flip_bit;
	uint16_t fate;
	uint8_t dir;
	uint8_t zero[5];
};

struct counter_body {
	uint64_t n;
	int64_t held_ns;
	int64_t since_ns;
	int64_t until_ns;
	uint32_t link;
	uint16_t kind;
	uint8_t dir;
	uint8_t zero;
};
static_assert(sizeof(struct record_head) + sizeof(struct frame_head) + FEED_ALIGN <=
		      FEED_FRAME_BYTES(0),
	      "FEED_FRAME_BYTES is enough");
static_assert(FEED_FRAME_BYTES(FEED_FRAME_MAX) <= FEED_MIN_BYTES / 4,
	      "a quarter of the smallest ring holds the largest record");

struct feed {
	struct feed_fds fds; /* borrowed */
	struct feed_shared *shared;
	uint8_t *ring; /* size bytes, mapped twice in a row */
	uint64_t size;
	uint64_t pos;  /* producer: its head; consumer: the record to be peeked next */
	uint64_t len;  /* producer: of the reserved record; consumer: of the peeked one */
	uint64_t tail; /* producer: the consumer's tail as last seen */
	struct feed_stats stats;
};

static uint64_t align_up(uint64_t n)
{
	return (n + FEED_ALIGN - 1) & ~(uint64_t)(FEED_ALIGN - 1);
}

static uint64_t round_size(size_t size)
{
	uint64_t n = FEED_MIN_BYTES;

	if (size == 0)
		size = FEED_DEFAULT_BYTES;
	while (n < size && n < FEED_MAX_BYTES)
		n <<= 1;
	return n;
}

static int write_header(int fd, uint64_t size)
{
	struct feed_shared shared = { .magic = FEED_MAGIC, .version = FEED_VERSION, .size = size };

	if (ftruncate(fd, (off_t)(FEED_HEADER_BYTES + size)) < 0)
		return -errno;
	if (pwrite(fd, &shared, sizeof(shared), 0) != (ssize_t)sizeof(shared))
		return errno ? -errno : -EIO;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	return 0;
}

void feed_fds_close(struct feed_fds *fds)
{
	int *all[] = { &fds->mem, &fds->data, &fds->space };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (*all[i] >= 0)
			close(*all[i]);
		*all[i] = -1;
	}
}

int feed_create(size_t size, struct feed_fds *ret_fds)
{
	struct feed_fds fds = { -1, -1, -1 };
	int r = 0;

	if (size > FEED_MAX_BYTES)
		return -EINVAL;
	fds.mem = memfd_create("labd-feed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	fds.data = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fds.space = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fds.mem < 0 || fds.data < 0 || fds.space < 0)
		r = -errno;
	if (r == 0)
		r = write_header(fds.mem, round_size(size));
	if (r < 0) {
		feed_fds_close(&fds);
		return r;
	}
	*ret_fds = fds;
	return 0;
}

/* The ring's size as the memfd's own length says it, checked against the header by the caller. */
static int memfd_ring_bytes(int fd, uint64_t *ret_size)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0)
		return -errno;
	if (!(seals & F_SEAL_SHRINK))
		return -EINVAL;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < (off_t)(FEED_HEADER_BYTES + FEED_MIN_BYTES) ||
	    st.st_size > (off_t)(FEED_HEADER_BYTES + FEED_MAX_BYTES))
		return -EINVAL;
	*ret_size = (uint64_t)st.st_size - FEED_HEADER_BYTES;
	return 0;
}

static int map_twice(int fd, uint64_t size, uint8_t **ret_base)
{
	size_t all = FEED_HEADER_BYTES + 2 * size;
	uint8_t *base =
		mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	void *first, *second;

	if (base == MAP_FAILED)
		return -errno;
	first = mmap(base, FEED_HEADER_BYTES + size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		     fd, 0);
	second = mmap(base + FEED_HEADER_BYTES + size, size, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_FIXED, fd, FEED_HEADER_BYTES);
	if (first == MAP_FAILED || second == MAP_FAILED) {
		int r = -errno;

		munmap(base, all);
		return r;
	}
	*ret_base = base;
	return 0;
}

static void event_write(int fd)
{
	uint64_t one = 1;
	/* A full counter (EAGAIN) is readable too, so the sleeper wakes in any case. */
	ssize_t n = write(fd, &one, sizeof(one));

	(void)n;
}

static void event_read(int fd)
{
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));

	(void)n;
}

/* Takes up where the side's last process stopped. It may have died before a wake-up it owed. */
static void attach(struct feed *feed, enum feed_role role)
{
	feed->tail = atomic_load(&feed->shared->tail);
	if (role == FEED_PRODUCER) {
		feed->pos = atomic_load(&feed->shared->head);
		atomic_store(&feed->shared->producer_waits, 0);
		event_write(feed->fds.data);
	} else {
		feed->pos = feed->tail;
		atomic_store(&feed->shared->consumer_sleeps, 0);
		event_write(feed->fds.space);
	}
}

int feed_open(const struct feed_fds *fds, enum feed_role role, struct feed **ret_feed)
{
	struct feed *feed;
	uint8_t *base = NULL;
	uint64_t size = 0;
	int r = memfd_ring_bytes(fds->mem, &size);

	if (r < 0)
		return r;
	r = map_twice(fds->mem, size, &base);
	if (r < 0)
		return r;
	feed = calloc(1, sizeof(*feed));
	if (feed == NULL) {
		munmap(base, FEED_HEADER_BYTES + 2 * size);
		return -ENOMEM;
	}
	feed->fds = *fds;
	feed->shared = (struct feed_shared *)(void *)base;
	feed->ring = base + FEED_HEADER_BYTES;
	feed->size = size;
	if (feed->shared->magic != FEED_MAGIC || feed->shared->version != FEED_VERSION ||
	    feed->shared->size != size || (size & (size - 1)) != 0) {
		feed_close(feed);
		return -EINVAL;
	}
	attach(feed, role);
	*ret_feed = feed;
	return 0;
}

struct feed *feed_close(struct feed *feed)
{
	if (feed != NULL) {
		munmap(feed->shared, FEED_HEADER_BYTES + 2 * feed->size);
		free(feed);
	}
	return NULL;
}

/* ---- producer ---- */

/* Free bytes; a tail that no honest consumer can have written counts as a full ring. */
size_t feed_room(struct feed *feed)
{
	uint64_t used;

	feed->tail = atomic_load_explicit(&feed->shared->tail, memory_order_acquire);
	used = feed->pos - feed->tail;
	return used > feed->size ? 0 : feed->size - used;
}

static bool has_room(struct feed *feed, uint64_t bytes)
{
	/* The tail seen last can only be behind the real one: enough there is enough. */
	uint64_t used = feed->pos - feed->tail;

	if (used <= feed->size && feed->size - used >= bytes)
		return true;
	return feed_room(feed) >= bytes;
}

static int reserve(struct feed *feed, uint32_t type, size_t body_len, uint8_t **ret_place)
{
	uint64_t len = align_up(sizeof(struct record_head) + body_len);
	struct record_head head = { .len = (uint32_t)len,
				    .body_len = (uint32_t)body_len,
				    .type = type };
	uint8_t *place = feed->ring + (feed->pos & (feed->size - 1));

	if (len > feed->size / 4)
		return -EMSGSIZE;
	if (!has_room(feed, len))
		return -EAGAIN;
	memcpy(place, &head, sizeof(head));
	feed->len = len;
	*ret_place = place + sizeof(head);
	return 0;
}

static void commit(struct feed *feed)
{
	feed->pos += feed->len;
	feed->len = 0;
	atomic_store_explicit(&feed->shared->head, feed->pos, memory_order_release);
}

int feed_put_frame(struct feed *feed, const struct feed_frame *frame)
{
	struct frame_head head = {
		.rx_ns = frame->rx_ns,
		.due_ns = frame->due_ns,
		.link = frame->link,
		.orig_len = frame->orig_len,
		.cap_len = frame->cap_len,
		.flip_bit = frame->flip_bit,
		.fate = frame->fate,
		.dir = frame->dir,
	};
	uint8_t *place;
	int r;

	if (frame->cap_len > FEED_FRAME_MAX || frame->cap_len > frame->orig_len)
		return -EMSGSIZE;
	r = reserve(feed, FEED_FRAME, sizeof(head) + frame->cap_len, &place);
	if (r < 0)
		return r;
	memcpy(place, &head, sizeof(head));
	memcpy(place + sizeof(head), frame->bytes, frame->cap_len);
	commit(feed);
	return 0;
}

int feed_put_counter(struct feed *feed, const struct feed_counter *counter)
{
	struct counter_body body = {
		.n = counter->n,
		.held_ns = counter->held_ns,
		.since_ns = counter->since_ns,
		.until_ns = counter->until_ns,
		.link = counter->link,
		.kind = counter->kind,
		.dir = counter->dir,
	};
	uint8_t *place;
	int r = reserve(feed, FEED_COUNTER, sizeof(body), &place);

	if (r < 0)
		return r;
	memcpy(place, &body, sizeof(body));
	commit(feed);
	return 0;
}

void feed_wake(struct feed *feed)
{
	/* Against feed_wait_prepare(): either we see its flag, or it sees our head. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&feed->shared->consumer_sleeps, memory_order_relaxed) != 0 &&
	    atomic_exchange(&feed->shared->consumer_sleeps, 0) != 0)
		event_write(feed->fds.data);
}

bool feed_space_prepare(struct feed *feed)
{
	atomic_store(&feed->shared->producer_waits, 1);
	atomic_thread_fence(memory_order_seq_cst);
	/* A quarter, here and in feed_release(): enough for any record, and few wake-ups. */
	if (feed_room(feed) < feed->size / 4)
		return true;
	atomic_store(&feed->shared->producer_waits, 0);
	return false;
}

void feed_space_done(struct feed *feed)
{
	atomic_store(&feed->shared->producer_waits, 0);
	event_read(feed->fds.space);
}

/* ---- consumer ---- */

static int skip_to(struct feed *feed, uint64_t head)
{
	feed->stats.n_corrupt++;
	feed->stats.skipped_bytes += head - feed->pos > feed->size ? 0 : head - feed->pos;
	feed->pos = head;
	feed->len = 0;
	feed_release(feed);
	return -EBADMSG;
}

static int read_frame(const uint8_t *body, size_t len, struct feed_frame *ret)
{
	struct frame_head head;

	if (len < sizeof(head))
		return -EBADMSG;
	memcpy(&head, body, sizeof(head));
	if (head.cap_len > FEED_FRAME_MAX || len - sizeof(head) != head.cap_len ||
	    head.orig_len < head.cap_len || head.dir > 1)
		return -EBADMSG;
	*ret = (struct feed_frame){
		.link = head.link,
		.dir = head.dir,
		.fate = head.fate,
		.rx_ns = head.rx_ns,
		.due_ns = head.due_ns,
		.orig_len = head.orig_len,
		.cap_len = head.cap_len,
		.flip_bit = head.flip_bit,
		.bytes = body + sizeof(head),
	};
	return 0;
}

static int read_counter(const uint8_t *body, size_t len, struct feed_counter *ret)
{
	struct counter_body in;

	if (len != sizeof(in))
		return -EBADMSG;
	memcpy(&in, body, sizeof(in));
	if (in.kind == 0 || in.kind > FEED_COUNTER_MAX || in.dir > 1)
		return -EBADMSG;
	*ret = (struct feed_counter){
		.kind = in.kind,
		.link = in.link,
		.dir = in.dir,
		.n = in.n,
		.held_ns = in.held_ns,
		.since_ns = in.since_ns,
		.until_ns = in.until_ns,
	};
	return 0;
}

/* avail: committed bytes from the record on, at most the ring's size. */
static int read_record(struct feed *feed, uint64_t avail, struct feed_record *ret)
{
	const uint8_t *place = feed->ring + (feed->pos & (feed->size - 1));
	struct feed_record rec = { .pos = feed->pos };
	struct record_head head;
	int r = -EBADMSG;

	if (avail < sizeof(head))
		return -EBADMSG;
	memcpy(&head, place, sizeof(head));
	if (head.len > avail || head.len < sizeof(head) || head.len > feed->size / 4 ||
	    head.len != align_up(sizeof(head) + (uint64_t)head.body_len))
		return -EBADMSG;
	if (head.type == FEED_FRAME)
		r = read_frame(place + sizeof(head), head.body_len, &rec.frame);
	else if (head.type == FEED_COUNTER)
		r = read_counter(place + sizeof(head), head.body_len, &rec.counter);
	if (r < 0)
		return r;
	rec.type = (enum feed_type)head.type;
	feed->len = head.len;
	*ret = rec;
	return 0;
}

int feed_peek(struct feed *feed, struct feed_record *ret_record)
{
	uint64_t head = atomic_load_explicit(&feed->shared->head, memory_order_acquire);
	uint64_t avail = head - feed->pos;

	if (avail == 0)
		return -EAGAIN;
	/* What was passed but not given back still fills the ring. */
	if (avail > feed->size || read_record(feed, avail, ret_record) < 0)
		return skip_to(feed, head);
	return 0;
}

void feed_next(struct feed *feed)
{
	feed->pos += feed->len;
	feed->len = 0;
}

void feed_release(struct feed *feed)
{
	uint64_t used;

	atomic_store_explicit(&feed->shared->tail, feed->pos, memory_order_release);
	/* Against feed_space_prepare(): either we see its flag, or it sees our tail. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&feed->shared->producer_waits, memory_order_relaxed) == 0)
		return;
	used = atomic_load(&feed->shared->head) - feed->pos;
	if (used > feed->size - feed->size / 4)
		return;
	if (atomic_exchange(&feed->shared->producer_waits, 0) != 0)
		event_write(feed->fds.space);
}

void feed_advance(struct feed *feed)
{
	feed_next(feed);
	feed_release(feed);
}

bool feed_wait_prepare(struct feed *feed)
{
	atomic_store(&feed->shared->consumer_sleeps, 1);
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load(&feed->shared->head) == feed->pos)
		return true;
	atomic_store(&feed->shared->consumer_sleeps, 0);
	return false;
}

void feed_wait_done(struct feed *feed)
{
	atomic_store(&feed->shared->consumer_sleeps, 0);
	event_read(feed->fds.data);
}

uint64_t feed_backlog(const struct feed *feed)
{
	uint64_t used = atomic_load(&feed->shared->head) - atomic_load(&feed->shared->tail);

	return used > feed->size ? feed->size : used;
}

size_t feed_size(const struct feed *feed)
{
	return feed->size;
}

struct feed_stats feed_stats(const struct feed *feed)
{
	return feed->stats;
}
