/* What a wire does to frames, by numbers: shares within binomial bounds, exact rates, order kept
 * unless asked otherwise, and draws that depend on nothing but a frame's own conversation. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "labd/wires/feed.h"
#include "labd/wires/queue.h"

#define PERCENT	  (PPB_ONE / 100)
#define FRAME_LEN 100

/* A UDP frame of conversation `port`. */
static void make_udp(uint8_t *frame, size_t len, uint16_t port)
{
	static const uint8_t start[] = {
		2, 0, 0, 0, 0, 2,  2,  0, 0, 0,	 0, 1, 8, 0,  0x45, 0, 0,
		0, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0,    0, 2,
	};

	memset(frame, 0, len);
	memcpy(frame, start, len < sizeof(start) ? len : sizeof(start));
	if (len >= 36) {
		frame[34] = (uint8_t)(port >> 8);
		frame[35] = (uint8_t)port;
	}
}

static struct queue_verdict judge_udp(struct wire_queue *q, uint16_t port, size_t len,
				      nsec_t now_ns)
{
	struct queue_verdict verdict;
	uint8_t frame[2000];

	make_udp(frame, len, port);
	queue_judge(q, frame, len, now_ns, &verdict);
	return verdict;
}

static struct wire_queue make_queue(const struct wire_spec *spec)
{
	struct wire_queue q;
	char why[100] = "";

	if (queue_spec_check(spec, why, sizeof(why)) < 0)
		fail_msg("%s", why);
	assert_int_equal(queue_init(&q, 7, 3, 0, spec), 0);
	return q;
}

/* Five standard deviations: a right build fails once in a million seeds, and the seed is fixed. */
static void assert_share(const char *what, uint64_t n_hit, uint64_t n, uint32_t ppb)
{
	double p = (double)ppb / PPB_ONE, mean = (double)n * p;
	double bound = 5 * sqrt((double)n * p * (1 - p));

	if (fabs((double)n_hit - mean) > bound)
		fail_msg("%s: %d of %d, expected %.0f +- %.0f", what, (int)n_hit, (int)n, mean,
			 bound);
}

static void shares_are_binomial(void **state)
{
	static const uint32_t shares[] = {
		0, PERCENT / 2, PERCENT, 10 * PERCENT, PERCENT * 50, PERCENT * 99, PERCENT * 100
	};
	static const uint16_t n_conversations[] = { 1, 50, 20000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(shares) * ARRAY_SIZE(n_conversations); i++) {
		uint32_t ppb = shares[i % ARRAY_SIZE(shares)];
		uint16_t n_ports = n_conversations[i / ARRAY_SIZE(shares)];
		struct wire_spec spec = { .loss_ppb = ppb };
		struct wire_spec others = { .delay_ns = MSEC,
					    .duplicate_ppb = ppb,
					    .reorder_ppb = ppb,
					    .corrupt_ppb = ppb };
		struct wire_queue lossy = make_queue(&spec), q = make_queue(&others);
		uint64_t n_lost = 0, n_dup = 0, n_reordered = 0, n_corrupted = 0, n = 20000;

		for (uint64_t f = 0; f < n; f++) {
			struct queue_verdict v = judge_udp(&lossy, (uint16_t)(f % n_ports), 60, 1);

			n_lost += v.frame.fate == WIRE_LOST && v.frame.due_ns == 0;
			v = judge_udp(&q, (uint16_t)(f % n_ports), 60, 1);
			n_dup += v.copy.fate != 0;
			n_reordered += (v.frame.fate & WIRE_REORDERED) != 0;
			n_corrupted += (v.frame.fate & WIRE_CORRUPTED) != 0;
		}
		assert_share("loss", n_lost, n, ppb);
		assert_share("duplicate", n_dup, n, ppb);
		assert_share("reorder", n_reordered, n, ppb);
		assert_share("corrupt", n_corrupted, n, ppb);
		assert_int_equal(lossy.stats.n_lost, n_lost);
		assert_int_equal(q.stats.n_duplicated, n_dup);
		assert_int_equal(q.stats.n_reordered, n_reordered);
		assert_int_equal(q.stats.n_corrupted, n_corrupted);
		queue_done(&lossy);
		queue_done(&q);
	}
}

/* Losses of one kind must not go with losses of another, nor with the frame's number. */
static void draws_are_independent(void **state)
{
	struct wire_spec spec = { .delay_ns = MSEC,
				  .duplicate_ppb = 50 * PERCENT,
				  .corrupt_ppb = 50 * PERCENT };
	struct wire_queue q = make_queue(&spec);
	uint64_t n_both = 0, n_pairs = 0;
	bool last = false;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct queue_verdict v = judge_udp(&q, 1, 60, 1);
		bool dup = v.copy.fate != 0, corrupt = (v.frame.fate & WIRE_CORRUPTED) != 0;

		n_both += dup && corrupt;
		n_pairs += dup && last;
		last = dup;
	}
	assert_share("both", n_both, 20000, 25 * PERCENT);
	assert_share("two in a row", n_pairs, 20000, 25 * PERCENT);
	queue_done(&q);
}

static struct wire_spec everything(void)
{
	return (struct wire_spec){ .delay_ns = 20 * MSEC,
				   .jitter_ns = 5 * MSEC,
				   .loss_ppb = 10 * PERCENT,
				   .duplicate_ppb = 10 * PERCENT,
				   .reorder_ppb = 10 * PERCENT,
				   .corrupt_ppb = 10 * PERCENT };
}

/* The same conversation, alone and among others: the same fates. */
static void one_arp_more_shifts_nothing_else(void **state)
{
	static const uint8_t arp[42] = { 255, 255, 255, 255, 255, 255, 2, 0, 0, 0,
					 0,   1,   8,	6,   0,	  1,   8, 0, 6, 4 };
	struct wire_spec spec = everything();
	struct wire_queue alone = make_queue(&spec), among = make_queue(&spec);
	struct queue_verdict v;

	(void)state;
	spec.jitter_ns = 0; /* due times are clamped to the frame before, whoever sent it */
	queue_set_spec(&alone, &spec);
	queue_set_spec(&among, &spec);
	for (int i = 0; i < 2000; i++) {
		struct queue_verdict a, b;

		if (i % 7 == 0)
			queue_judge(&among, arp, sizeof(arp), i, &v);
		for (int j = 0; j < i % 3; j++)
			v = judge_udp(&among, (uint16_t)(2 + j), 80, i);
		a = judge_udp(&alone, 1, FRAME_LEN, i);
		b = judge_udp(&among, 1, FRAME_LEN, i);
		assert_int_equal(a.frame.fate, b.frame.fate);
		assert_int_equal(a.copy.fate, b.copy.fate);
		assert_int_equal(a.flip_bit, b.flip_bit);
		assert_int_equal(a.frame.due_ns, b.frame.due_ns);
	}
	queue_done(&alone);
	queue_done(&among);
}

static void seed_link_and_direction_each_matter(void **state)
{
	static const struct {
		uint64_t seed;
		uint32_t link;
		unsigned dir;
		bool same;
	} rows[] = {
		{ 7, 3, 0, true }, { 8, 3, 0, false }, { 7, 4, 0, false }, { 7, 3, 1, false }
	};
	struct wire_spec spec = { .loss_ppb = 50 * PERCENT };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct wire_queue a = make_queue(&spec), b;
		int n_same = 0;

		assert_int_equal(queue_init(&b, rows[i].seed, rows[i].link, rows[i].dir, &spec), 0);
		for (int f = 0; f < 1000; f++)
			n_same += judge_udp(&a, 1, 60, 1).frame.fate ==
				  judge_udp(&b, 1, 60, 1).frame.fate;
		if (rows[i].same)
			assert_int_equal(n_same, 1000);
		else
			assert_in_range(n_same, 400, 600);
		queue_done(&a);
		queue_done(&b);
	}
}

static void rates_are_exact(void **state)
{
	static const struct {
		uint64_t rate_bps;
		size_t len;
		int n;
		nsec_t end_ns; /* n x len x 8 / rate, rounded down */
	} rows[] = {
		{ 10000000, 1250, 1000, 1000 * MSEC },
		{ 7000000, 333, 700, 700 * 333 * 8 * SEC / 7000000 },
		{ 2200000000, 1514, 1000, 1000 * 1514 * 8 * 10 / 22 },
		{ 64, 60, 10, 75 * SEC },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct wire_spec spec = { .rate_bps = rows[i].rate_bps };
		struct wire_queue q;
		nsec_t due_ns = 0;

		assert_int_equal(queue_init(&q, 1, 1, 0, &spec), 0);
		for (int f = 0; f < rows[i].n; f++)
			due_ns = judge_udp(&q, 1, rows[i].len, 0).frame.due_ns;
		assert_int_equal(due_ns, rows[i].end_ns);
		queue_done(&q);
	}
}

/* An idle link starts a frame at once; a busy one after the last. */
static void idle_time_is_not_saved_up(void **state)
{
	struct wire_spec spec = { .rate_bps = 8000000, .delay_ns = 3 * MSEC };
	struct wire_queue q = make_queue(&spec);

	(void)state;
	assert_int_equal(judge_udp(&q, 1, 1000, 0).frame.due_ns, 4 * MSEC);
	assert_int_equal(judge_udp(&q, 1, 1000, 0).frame.due_ns, 5 * MSEC);
	assert_int_equal(judge_udp(&q, 1, 1000, 100 * MSEC).frame.due_ns, 104 * MSEC);
	queue_done(&q);
}

static void only_waiting_frames_count_for_the_limit(void **state)
{
	static const struct {
		const char *name;
		struct wire_spec spec;
		int n;
		uint64_t n_drops;
	} rows[] = {
		{ "default limit", { .rate_bps = 1000000 }, 1500, 500 },
		{ "own limit", { .rate_bps = 1000000, .limit = 10 }, 100, 90 },
		{ "in flight, no cap", { .delay_ns = SEC, .limit = 10 }, 100, 0 },
		{ "cap and copies",
		  { .rate_bps = 1000000, .limit = 10, .duplicate_ppb = PPB_ONE },
		  10,
		  5 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct wire_queue q = make_queue(&rows[i].spec);

		for (int f = 0; f < rows[i].n; f++)
			judge_udp(&q, 1, 1000, 0);
		if (q.stats.n_queue_drops != rows[i].n_drops)
			fail_msg("%s: %d drops", rows[i].name, (int)q.stats.n_queue_drops);
		queue_done(&q);
	}
	/* A capped link with delay: a frame in flight has made room. */
	struct wire_spec spec = { .rate_bps = 8000000, .limit = 2, .delay_ns = SEC };
	struct wire_queue q = make_queue(&spec);

	for (int f = 0; f < 100; f++)
		assert_int_equal(judge_udp(&q, 1, 1000, f * MSEC).frame.fate, 0);
	queue_done(&q);
}

/* Puts what was judged into lanes, takes it out again as time goes by, and looks at the order. */
struct run {
	struct wire_queue q;
	struct frame_pool pool;
	uint32_t order[20000]; /* numbers of the frames as they left */
	nsec_t left_ns[20000];
	int n_left;
};

static void put(struct run *run, uint32_t number, const struct queue_fate *fate)
{
	struct wire_frame *frame = frame_get(&run->pool, 60);

	assert_non_null(frame);
	memcpy(frame->bytes, &number, sizeof(number));
	queue_put(&run->q, frame, fate);
}

static void take_all(struct run *run, nsec_t now_ns)
{
	struct wire_frame *frame;

	while ((frame = queue_take(&run->q, now_ns)) != NULL) {
		assert_true(run->n_left < 20000);
		memcpy(&run->order[run->n_left], frame->bytes, 4);
		run->left_ns[run->n_left++] = frame->due_ns;
		frame_put(&run->pool, frame);
	}
}

static struct run *run_frames(const struct wire_spec *spec, uint32_t n, nsec_t gap_ns)
{
	struct run *run = calloc(1, sizeof(*run));

	assert_non_null(run);
	run->q = make_queue(spec);
	frame_pool_init(&run->pool, 64 << 20);
	for (uint32_t i = 0; i < n; i++) {
		struct queue_verdict v = judge_udp(&run->q, (uint16_t)(i % 5), 60, i * gap_ns);

		if (!(v.frame.fate & WIRE_GONE))
			put(run, i, &v.frame);
		if (v.copy.fate != 0)
			put(run, i, &v.copy);
		take_all(run, i * gap_ns);
	}
	while (queue_deadline_ns(&run->q) != NEVER)
		take_all(run, queue_deadline_ns(&run->q));
	assert_int_equal(run->pool.used_bytes, 0);
	assert_true(queue_is_empty(&run->q));
	return run;
}

static void run_done(struct run *run)
{
	queue_done(&run->q);
	frame_pool_trim(&run->pool);
	free(run);
}

static void jitter_keeps_the_order(void **state)
{
	struct wire_spec spec = { .delay_ns = 10 * MSEC, .jitter_ns = 10 * MSEC };
	struct run *run = run_frames(&spec, 5000, 200 * USEC);
	nsec_t min_ns = NEVER, max_ns = 0;

	(void)state;
	assert_int_equal(run->n_left, 5000);
	for (int i = 0; i < run->n_left; i++) {
		nsec_t took_ns = run->left_ns[i] - i * 200 * USEC;

		assert_int_equal(run->order[i], i);
		min_ns = took_ns < min_ns ? took_ns : min_ns;
		max_ns = took_ns > max_ns ? took_ns : max_ns;
	}
	assert_true(min_ns >= 0 && max_ns <= 20 * MSEC);
	assert_true(max_ns - min_ns > 10 * MSEC);
	run_done(run);
	/* Far apart, the jitter is the drawn one: its mean is the delay. */
	run = run_frames(&spec, 5000, SEC);
	nsec_t sum_ns = 0;

	for (int i = 0; i < run->n_left; i++)
		sum_ns += run->left_ns[i] - i * SEC;
	assert_in_range(sum_ns / 5000, 9700 * USEC, 10300 * USEC);
	run_done(run);
}

static void reordering_overtakes(void **state)
{
	static const struct {
		const char *name;
		struct wire_spec spec;
	} rows[] = {
		{ "ahead of the delay", { .delay_ns = 10 * MSEC, .reorder_ppb = 5 * PERCENT } },
		{ "held back without delay", { .reorder_ppb = 5 * PERCENT } },
	};

	(void)state;
	for (size_t r = 0; r < ARRAY_SIZE(rows); r++) {
		struct run *run = run_frames(&rows[r].spec, 4000, MSEC);
		int n_inversions = 0;

		assert_int_equal(run->n_left, 4000);
		for (int i = 1; i < run->n_left; i++) {
			n_inversions += run->order[i] < run->order[i - 1];
			assert_true(run->left_ns[i] >= run->left_ns[i - 1]);
		}
		if (n_inversions < 100 || n_inversions > 300)
			fail_msg("%s: %d inversions", rows[r].name, n_inversions);
		run_done(run);
	}
}

static void copies_follow_directly(void **state)
{
	struct wire_spec spec = { .delay_ns = MSEC, .duplicate_ppb = PPB_ONE };
	struct run *run = run_frames(&spec, 100, 10);

	(void)state;
	assert_int_equal(run->n_left, 200);
	for (int i = 0; i < 200; i++)
		assert_int_equal(run->order[i], i / 2);
	run_done(run);
}

static void a_new_delay_does_not_overtake(void **state)
{
	struct wire_spec spec = { .delay_ns = 100 * MSEC };
	struct wire_queue q = make_queue(&spec);

	(void)state;
	assert_int_equal(judge_udp(&q, 1, 60, 0).frame.due_ns, 100 * MSEC);
	spec.delay_ns = MSEC;
	assert_int_equal(queue_set_spec(&q, &spec), 0);
	assert_int_equal(judge_udp(&q, 1, 60, MSEC).frame.due_ns, 100 * MSEC);
	assert_int_equal(judge_udp(&q, 1, 60, SEC).frame.due_ns, 1001 * MSEC);
	/* A cap set later, raised in its length while frames wait, and lowered again. */
	spec = (struct wire_spec){ .rate_bps = 8000, .limit = 3 };
	assert_int_equal(queue_set_spec(&q, &spec), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(judge_udp(&q, 1, 60, 2 * SEC).frame.fate,
				 i < 3 ? 0 : WIRE_QUEUE_DROP);
	spec.limit = 5;
	assert_int_equal(queue_set_spec(&q, &spec), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(judge_udp(&q, 1, 60, 2 * SEC).frame.fate,
				 i < 2 ? 0 : WIRE_QUEUE_DROP);
	spec.limit = 1;
	assert_int_equal(queue_set_spec(&q, &spec), 0);
	assert_int_equal(judge_udp(&q, 1, 60, 2 * SEC + 240 * MSEC).frame.fate, WIRE_QUEUE_DROP);
	assert_int_equal(judge_udp(&q, 1, 60, 2 * SEC + 300 * MSEC).frame.fate, 0);
	queue_done(&q);
}

static void corruption_turns_one_bit_behind_the_header(void **state)
{
	struct wire_spec spec = { .corrupt_ppb = PPB_ONE };
	struct wire_queue q = make_queue(&spec);
	uint32_t hits[FRAME_LEN * 8] = { 0 };
	uint8_t frame[FRAME_LEN], was[FRAME_LEN];

	(void)state;
	make_udp(was, FRAME_LEN, 9);
	for (int i = 0; i < 20000; i++) {
		struct queue_verdict v;
		int n_bits = 0;

		memcpy(frame, was, FRAME_LEN);
		queue_judge(&q, frame, FRAME_LEN, 1, &v);
		assert_memory_equal(frame, was, FRAME_LEN);
		queue_flip_bit(frame, FRAME_LEN, v.flip_bit);
		for (int b = 0; b < FRAME_LEN; b++)
			n_bits += __builtin_popcount(frame[b] ^ was[b]);
		assert_int_equal(n_bits, 1);
		assert_memory_equal(frame, was, 14);
		hits[v.flip_bit]++;
	}
	for (int b = 14 * 8; b < FRAME_LEN * 8; b++)
		assert_in_range(hits[b], 1, 80);		 /* mean 29 */
	assert_int_equal(judge_udp(&q, 1, 14, 1).frame.fate, 0); /* nothing behind the header */
	queue_done(&q);
}

static void wrong_specs_are_named(void **state)
{
	static const struct {
		struct wire_spec spec;
		const char *why;
	} rows[] = {
		{ { .loss_ppb = PPB_ONE + 1 }, "loss is more than 100%" },
		{ { .corrupt_ppb = UINT32_MAX }, "corrupt is more than 100%" },
		{ { .delay_ns = -1 }, "delay must be from 0 to 600 s" },
		{ { .delay_ns = 5, .jitter_ns = 6 }, "jitter must be from 0 to the delay" },
		{ { .rate_bps = 63 }, "rate must be from 64 bit/s to 1000 Gbit/s" },
		{ { .rate_bps = UINT64_MAX }, "rate must be from 64 bit/s to 1000 Gbit/s" },
		{ { .limit = 70000 }, "limit must be at most 65536 frames" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char why[100] = "";

		assert_int_equal(queue_spec_check(&rows[i].spec, why, sizeof(why)), -ERANGE);
		assert_string_equal(why, rows[i].why);
	}
}

static void the_pool_has_a_limit(void **state)
{
	struct frame_pool pool;
	struct wire_frame *frames[100];
	int n = 0;

	(void)state;
	frame_pool_init(&pool, 20480);
	assert_null(frame_get(&pool, FEED_FRAME_MAX));
	while (n < 100 && (frames[n] = frame_get(&pool, 1514)) != NULL)
		n++;
	assert_int_equal(n, 10);
	assert_int_equal(frame_pool_cost(1514), 2048);
	assert_int_equal(frame_pool_cost(FEED_FRAME_MAX + 1), 0);
	while (n > 0)
		frame_put(&pool, frames[--n]);
	/* What was kept for 1514 bytes makes room for other sizes. */
	while (n < 100 && (frames[n] = frame_get(&pool, 60)) != NULL)
		n++;
	assert_int_equal(n, 80);
	assert_true(pool.used_bytes + pool.kept_bytes <= pool.limit_bytes);
	while (n > 0)
		frame_put(&pool, frames[--n]);
	frame_pool_trim(&pool);
}

/* Frames cut at every length, and random ones: counted, never read beyond their end. */
static void hostile_frames_have_a_conversation(void **state)
{
	static const uint8_t v6_vlan[] = { 2,	 0,    0,    0, 1, 2, 2,    0,	  0,  0,
					   0,	 1,    0x81, 0, 0, 5, 0x88, 0xa8, 0,  6,
					   0x86, 0xdd, 0x60, 0, 0, 0, 0,    8,	  17, 64 };
	struct flow_table table = { 0 };

	(void)state;
	for (size_t len = 0; len <= 120; len++) {
		uint8_t *frame = calloc(1, len ? len : 1);

		memcpy(frame, v6_vlan, len < sizeof(v6_vlan) ? len : sizeof(v6_vlan));
		assert_true(flow_hash(1, frame, len) != 0);
		make_udp(frame, len, 7);
		assert_true(flow_hash(1, frame, len) != 0);
		for (int i = 0; i < 200; i++) {
			for (size_t b = 14; b < len; b++)
				frame[b] = (uint8_t)rand();
			assert_true(flow_count(&table, flow_hash(1, frame, len)) > 0);
		}
		free(frame);
	}
	assert_int_equal(table.n_used, FLOW_MAX);
	assert_true(table.n_slots <= 2 * FLOW_MAX);
	flow_table_done(&table);
}

static void conversations_are_told_apart(void **state)
{
	/* Byte turned in the frame below, and whether that makes another conversation. */
	static const struct {
		const char *name;
		size_t at;
		bool another;
	} rows[] = {
		{ "destination", 5, true }, { "source", 11, true }, { "IP length", 17, false },
		{ "IP id", 19, false },	    { "TTL", 22, false },   { "protocol", 23, true },
		{ "IP source", 29, true },  { "port", 35, true },   { "payload", 50, false },
	};
	uint8_t frame[60], other[60];

	(void)state;
	make_udp(frame, sizeof(frame), 7);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		memcpy(other, frame, sizeof(frame));
		other[rows[i].at] ^= 1;
		if ((flow_hash(1, frame, 60) != flow_hash(1, other, 60)) != rows[i].another)
			fail_msg("%s", rows[i].name);
	}
	/* Later fragments have no ports: the first counts with them. */
	frame[20] = 0x20;
	memcpy(other, frame, sizeof(frame));
	other[21] = 9;
	other[35] ^= 1;
	assert_true(flow_hash(1, frame, 60) == flow_hash(1, other, 60));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_are_binomial),
		cmocka_unit_test(draws_are_independent),
		cmocka_unit_test(one_arp_more_shifts_nothing_else),
		cmocka_unit_test(seed_link_and_direction_each_matter),
		cmocka_unit_test(rates_are_exact),
		cmocka_unit_test(idle_time_is_not_saved_up),
		cmocka_unit_test(only_waiting_frames_count_for_the_limit),
		cmocka_unit_test(jitter_keeps_the_order),
		cmocka_unit_test(reordering_overtakes),
		cmocka_unit_test(copies_follow_directly),
		cmocka_unit_test(a_new_delay_does_not_overtake),
		cmocka_unit_test(corruption_turns_one_bit_behind_the_header),
		cmocka_unit_test(wrong_specs_are_named),
		cmocka_unit_test(the_pool_has_a_limit),
		cmocka_unit_test(hostile_frames_have_a_conversation),
		cmocka_unit_test(conversations_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
