/* The feed: records come out as they went in, a full ring says so, broken memory costs no more than
 * its records, and both sides survive the other's restart. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "labd/wires/feed.h"

/* Where feed.c keeps the ring and the producer's position; the tests that break memory need it. */
#define RING_AT 65536
#define HEAD_AT 64
#define TAIL_AT 128

struct pair {
	struct feed_fds fds;
	struct feed *producer;
	struct feed *consumer;
};

static int setup(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));

	assert_int_equal(feed_create(1 << 20, &p->fds), 0);
	assert_int_equal(feed_open(&p->fds, FEED_PRODUCER, &p->producer), 0);
	assert_int_equal(feed_open(&p->fds, FEED_CONSUMER, &p->consumer), 0);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct pair *p = *state;

	feed_close(p->producer);
	feed_close(p->consumer);
	feed_fds_close(&p->fds);
	free(p);
	return 0;
}

/* Frame number n: its length and every byte follow from n, so the reader can check all of them. */
static struct feed_frame make_frame(uint32_t n, uint8_t *bytes, size_t max_len)
{
	uint32_t len = n * 7919 % (max_len + 1);

	memset(bytes, (int)(n & 0xff), len);
	return (struct feed_frame){
		.link = n,
		.dir = n & 1,
		.fate = (uint16_t)(n % 64),
		.rx_ns = (int64_t)n * 1000,
		.due_ns = (int64_t)n * 1000 + 7,
		.orig_len = len + n % 3,
		.cap_len = len,
		.flip_bit = n * 3,
		.bytes = bytes,
	};
}

static void assert_frame(const struct feed_record *rec, uint32_t n, size_t max_len)
{
	static uint8_t bytes[FEED_FRAME_MAX];
	struct feed_frame want = make_frame(n, bytes, max_len);

	assert_int_equal(rec->type, FEED_FRAME);
	assert_int_equal(rec->frame.link, want.link);
	assert_int_equal(rec->frame.dir, want.dir);
	assert_int_equal(rec->frame.fate, want.fate);
	assert_int_equal(rec->frame.rx_ns, want.rx_ns);
	assert_int_equal(rec->frame.due_ns, want.due_ns);
	assert_int_equal(rec->frame.orig_len, want.orig_len);
	assert_int_equal(rec->frame.cap_len, want.cap_len);
	assert_int_equal(rec->frame.flip_bit, want.flip_bit);
	assert_memory_equal(rec->frame.bytes, bytes, want.cap_len);
}

static int put(struct feed *feed, uint32_t n, size_t max_len)
{
	static uint8_t bytes[FEED_FRAME_MAX];
	struct feed_frame frame = make_frame(n, bytes, max_len);

	return feed_put_frame(feed, &frame);
}

static void records_come_out_as_they_went_in(void **state)
{
	struct pair *p = *state;
	struct feed_record rec;

	/* Far more than the ring holds, in bursts, so that records cross its end at every phase. */
	for (uint32_t n = 0, seen = 0; n < 20000; seen = n) {
		for (uint32_t burst = n % 37; burst > 0; burst--)
			if (put(p->producer, n, 3000) == 0)
				n++;
		assert_int_equal(put(p->producer, n, 3000), 0);
		n++;
		for (; seen < n; seen++) {
			assert_int_equal(feed_peek(p->consumer, &rec), 0);
			assert_frame(&rec, seen, 3000);
			feed_advance(p->consumer);
		}
		assert_int_equal(feed_peek(p->consumer, &rec), -EAGAIN);
	}
}

static void counters_and_the_largest_frame(void **state)
{
	struct pair *p = *state;
	struct feed_counter c = { FEED_HELD, 7, 1, 3, 400, 1000, 2000 };
	static uint8_t big[FEED_FRAME_MAX + 1];
	struct feed_frame frame = { .orig_len = FEED_FRAME_MAX,
				    .cap_len = FEED_FRAME_MAX,
				    .bytes = big };
	struct feed_record rec;

	assert_int_equal(feed_put_counter(p->producer, &c), 0);
	assert_int_equal(feed_put_frame(p->producer, &frame), 0);
	frame.orig_len = ++frame.cap_len;
	assert_int_equal(feed_put_frame(p->producer, &frame), -EMSGSIZE);
	assert_int_equal(feed_peek(p->consumer, &rec), 0);
	assert_int_equal(rec.type, FEED_COUNTER);
	assert_int_equal(rec.counter.kind, FEED_HELD);
	assert_int_equal(rec.counter.link, 7);
	assert_int_equal(rec.counter.dir, 1);
	assert_int_equal(rec.counter.n, 3);
	assert_int_equal(rec.counter.held_ns, 400);
	assert_int_equal(rec.counter.since_ns, 1000);
	assert_int_equal(rec.counter.until_ns, 2000);
	feed_advance(p->consumer);
	assert_int_equal(feed_peek(p->consumer, &rec), 0);
	assert_int_equal(rec.frame.cap_len, FEED_FRAME_MAX);
}

static void a_full_ring_refuses_and_loses_nothing(void **state)
{
	struct pair *p = *state;
	struct feed_record rec;
	uint32_t n = 0;

	while (put(p->producer, n, 1500) == 0)
		n++;
	assert_true(n > 1000);
	assert_true(feed_room(p->producer) < FEED_FRAME_BYTES(1500));
	assert_true(feed_backlog(p->producer) <= feed_size(p->producer));
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(feed_peek(p->consumer, &rec), 0);
		assert_frame(&rec, i, 1500);
		feed_next(p->consumer);
	}
	/* Passed, but not given back. */
	assert_int_equal(feed_peek(p->consumer, &rec), -EAGAIN);
	assert_true(feed_room(p->producer) < FEED_FRAME_BYTES(1500));
	feed_release(p->consumer);
	assert_int_equal(put(p->producer, n, 1500), 0);
}

static bool readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

static void wake_ups_happen_only_for_sleepers(void **state)
{
	struct pair *p = *state;
	struct feed_record rec;
	uint32_t n = 0;

	/* Opening wakes the other side once, for it may have missed something. */
	feed_wait_done(p->consumer);
	feed_space_done(p->producer);
	assert_int_equal(put(p->producer, n++, 1500), 0);
	feed_wake(p->producer);
	assert_false(readable(p->fds.data));
	assert_false(feed_wait_prepare(p->consumer));
	assert_int_equal(feed_peek(p->consumer, &rec), 0);
	feed_advance(p->consumer);
	assert_true(feed_wait_prepare(p->consumer));
	assert_int_equal(put(p->producer, n++, 1500), 0);
	feed_wake(p->producer);
	assert_true(readable(p->fds.data));
	feed_wait_done(p->consumer);
	assert_false(readable(p->fds.data));

	assert_false(feed_space_prepare(p->producer));
	while (put(p->producer, n, 1500) == 0)
		n++;
	assert_true(feed_space_prepare(p->producer));
	assert_int_equal(feed_peek(p->consumer, &rec), 0);
	feed_advance(p->consumer);
	assert_false(readable(p->fds.space)); /* a quarter must be free first */
	while (feed_peek(p->consumer, &rec) == 0)
		feed_advance(p->consumer);
	assert_true(readable(p->fds.space));
}

static void both_sides_survive_a_restart(void **state)
{
	struct pair *p = *state;
	struct feed_record rec;

	for (uint32_t n = 0; n < 10; n++)
		assert_int_equal(put(p->producer, n, 100), 0);
	for (uint32_t n = 0; n < 5; n++) {
		assert_int_equal(feed_peek(p->consumer, &rec), 0);
		feed_next(p->consumer);
		if (n == 2)
			feed_release(p->consumer);
	}
	feed_close(p->consumer);
	feed_close(p->producer);
	assert_int_equal(feed_open(&p->fds, FEED_PRODUCER, &p->producer), 0);
	assert_int_equal(put(p->producer, 10, 100), 0);
	assert_int_equal(feed_open(&p->fds, FEED_CONSUMER, &p->consumer), 0);
	for (uint32_t n = 3; n < 11; n++) { /* 3 and 4 were not given back: they come again */
		assert_int_equal(feed_peek(p->consumer, &rec), 0);
		assert_frame(&rec, n, 100);
		feed_advance(p->consumer);
	}
	assert_int_equal(feed_peek(p->consumer, &rec), -EAGAIN);
}

static void write_at(const struct pair *p, off_t at, const void *data, size_t len)
{
	assert_int_equal(pwrite(p->fds.mem, data, len, at), (ssize_t)len);
}

static void broken_memory_costs_its_records_only(void **state)
{
	/* One u32 of the first record or one position, set to a value that makes no sense. */
	static const struct {
		const char *name;
		off_t at;
		uint64_t value;
		size_t len;
	} rows[] = {
		{ "record length 0", RING_AT, 0, 4 },
		{ "record length not aligned", RING_AT, 17, 4 },
		{ "record length beyond the head", RING_AT, 0x10000, 4 },
		{ "record length huge", RING_AT, UINT32_MAX & ~7u, 4 },
		{ "body length huge", RING_AT + 4, UINT32_MAX, 4 },
		{ "body length beyond the record", RING_AT + 4, 4000, 4 },
		{ "unknown type", RING_AT + 8, 99, 4 },
		{ "captured more than the record holds", RING_AT + 16 + 24, 0xffff, 4 },
		{ "captured more than there was", RING_AT + 16 + 20, 1, 4 },
		{ "head far beyond the ring", HEAD_AT, UINT64_C(1) << 40, 8 },
		{ "head behind the tail", HEAD_AT, UINT64_MAX - 7, 8 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct feed_record rec;
		struct pair *p;

		setup((void **)&p);
		assert_int_equal(put(p->producer, 1, 3000), 0);
		assert_int_equal(put(p->producer, 2, 3000), 0);
		write_at(p, rows[i].at, &rows[i].value, rows[i].len);
		if (feed_peek(p->consumer, &rec) != -EBADMSG)
			fail_msg("%s: not noticed", rows[i].name);
		assert_int_equal(feed_peek(p->consumer, &rec), -EAGAIN);
		assert_int_equal(feed_stats(p->consumer).n_corrupt, 1);
		/* A producer that makes sense again is read again. */
		feed_close(p->producer);
		assert_int_equal(feed_open(&p->fds, FEED_PRODUCER, &p->producer), 0);
		assert_int_equal(put(p->producer, 3, 3000), 0);
		assert_int_equal(feed_peek(p->consumer, &rec), 0);
		assert_frame(&rec, 3, 3000);
		teardown((void **)&p);
	}
}

static void a_senseless_consumer_is_a_full_ring(void **state)
{
	struct pair *p = *state;
	uint64_t tail = UINT64_C(1) << 50;

	write_at(p, TAIL_AT, &tail, sizeof(tail));
	for (uint32_t n = 0; put(p->producer, n, 1500) == 0; n++)
		assert_true(n < 2000);
	assert_true(feed_space_prepare(p->producer));
}

/* Random bytes over header and ring: reads must stay inside and end. */
static void random_memory_is_survived(void **state)
{
	struct pair *p = *state;
	struct feed_record rec = { 0 };
	uint32_t x = 1;

	for (int round = 0; round < 3000; round++) {
		uint32_t junk[16];
		uint64_t sum = 0;

		for (size_t i = 0; i < 16; i++) {
			x = x * 1664525 + 1013904223;
			junk[i] = x >> (x >> 27);
		}
		put(p->producer, (uint32_t)round, 300);
		write_at(p, (off_t)(RING_AT + (x >> 8) % 4096 * 8), junk, sizeof(junk));
		if (round % 50 == 0)
			write_at(p, HEAD_AT, junk, 8);
		for (int i = 0; i < 100 && feed_peek(p->consumer, &rec) != -EAGAIN; i++) {
			if (rec.type == FEED_FRAME)
				for (uint32_t b = 0; b < rec.frame.cap_len; b++)
					sum += rec.frame.bytes[b];
			feed_advance(p->consumer);
		}
		assert_true(sum < UINT64_MAX);
	}
}

static void wrong_memfds_are_refused(void **state)
{
	struct feed_fds fds = { -1, -1, -1 };
	struct feed *feed = NULL;

	(void)state;
	assert_int_equal(feed_open(&fds, FEED_CONSUMER, &feed), -EBADF);
	fds.mem = memfd_create("unsealed", MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(fds.mem, RING_AT + (1 << 20)), 0);
	assert_int_equal(feed_open(&fds, FEED_CONSUMER, &feed), -EINVAL);
	assert_int_equal(fcntl(fds.mem, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_int_equal(feed_open(&fds, FEED_CONSUMER, &feed), -EINVAL); /* no header */
	assert_null(feed);
	close(fds.mem);
}

/* The consumer in a process of its own, sleeping and waking, the producer filling the ring. */
#define N_RACE 200000

static int consume_race(const struct feed_fds *fds)
{
	struct pollfd pfd = { .fd = fds->data, .events = POLLIN };
	struct feed_record rec;
	struct feed *feed;
	uint32_t n = 0;

	if (feed_open(fds, FEED_CONSUMER, &feed) < 0)
		return 1;
	while (n < N_RACE) {
		while (feed_peek(feed, &rec) == 0) {
			if (rec.frame.link != n ||
			    (rec.frame.cap_len && rec.frame.bytes[0] != (n & 0xff)))
				return 2;
			feed_next(feed);
			if (n++ % 64 == 0)
				feed_release(feed);
		}
		feed_release(feed);
		if (n < N_RACE && feed_wait_prepare(feed) && poll(&pfd, 1, 5000) != 1)
			return 3;
		feed_wait_done(feed);
	}
	return 0;
}

static void two_processes_miss_no_wake_up(void **state)
{
	struct pair *p = *state;
	struct pollfd pfd = { .fd = p->fds.space, .events = POLLIN };
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(consume_race(&p->fds));
	for (uint32_t n = 0; n < N_RACE;) {
		if (put(p->producer, n, 600) == 0) {
			n++;
			if (n % 16 == 0 || n == N_RACE)
				feed_wake(p->producer);
			continue;
		}
		feed_wake(p->producer);
		if (feed_space_prepare(p->producer) && poll(&pfd, 1, 5000) != 1)
			break;
		feed_space_done(p->producer);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(records_come_out_as_they_went_in, setup, teardown),
		cmocka_unit_test_setup_teardown(counters_and_the_largest_frame, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_ring_refuses_and_loses_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(wake_ups_happen_only_for_sleepers, setup, teardown),
		cmocka_unit_test_setup_teardown(both_sides_survive_a_restart, setup, teardown),
		cmocka_unit_test(broken_memory_costs_its_records_only),
		cmocka_unit_test_setup_teardown(a_senseless_consumer_is_a_full_ring, setup,
						teardown),
		cmocka_unit_test_setup_teardown(random_memory_is_survived, setup, teardown),
		cmocka_unit_test(wrong_memfds_are_refused),
		cmocka_unit_test_setup_teardown(two_processes_miss_no_wake_up, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
