/* Frames through real interfaces on both carriers: nothing missing, nothing changed, each in the
 * feed before it arrives, and everything that did not arrive is counted. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "wires_lab.h"

#define ROUND 100 /* frames under way at once: fewer than a TAP's queue holds */

static size_t frame_len(uint32_t n, size_t max_len)
{
	return 60 + (n * 7919u) % (max_len - 59);
}

static void set_down(int ns_fd, const char *name)
{
	struct nl_h *h;

	must(nlh_open(ns_fd, 0, &h, err));
	must(nl_link_down(h, name, err));
	nlh_close(h);
}

static enum carrier carrier_of(void **state)
{
	return *(const enum carrier *)*state;
}

static void pumps_both_ways(void **state)
{
	struct lab_spec spec = { .carrier = carrier_of(state) };
	struct feed_totals totals = { 0 };
	struct lab lab;
	uint32_t n = 0;

	lab_start(&lab, &spec);
	for (; n < 3000; n += ROUND) {
		for (uint32_t k = n; k < n + ROUND; k++) {
			dev_send(&lab, 0, k, frame_len(k, 1514));
			dev_send(&lab, 1, k, frame_len(k + 3, 1514));
		}
		for (uint32_t k = n; k < n + ROUND; k++) {
			dev_expect(&lab, 1, k, frame_len(k, 1514));
			dev_expect(&lab, 0, k, frame_len(k + 3, 1514));
		}
		/* What has arrived was in the feed before. */
		feed_sum(&lab, &totals);
		assert_true(totals.n_frames[0] >= n + ROUND && totals.n_frames[1] >= n + ROUND);
	}
	assert_int_equal(lab_sync(&lab, 42).n_in_flight, 0);
	feed_sum(&lab, &totals);
	assert_int_equal(totals.sync_n, 42);
	for (unsigned d = 0; d < 2; d++) {
		struct forward_stats stats = lab_stats(&lab, d);

		assert_int_equal(totals.n_frames[d], n);
		assert_int_equal(stats.n_sent, n);
		assert_int_equal(stats.queue.n_frames, n);
		assert_int_equal(totals.n_counted[FEED_DEVICE_DROPS][d], 0);
		for (unsigned b = 0; b < 16; b++)
			assert_int_equal(totals.n_fate[d][b], 0);
	}
	lab_stop(&lab);
}

static void feed_has_the_bytes(void **state)
{
	struct lab_spec spec = { .carrier = carrier_of(state) };
	uint8_t want[2048];
	struct feed_record rec;
	struct lab lab;

	lab_start(&lab, &spec);
	for (uint32_t n = 0; n < 50; n++) {
		int64_t sent_ns = clock_now(CLOCK_REALTIME);

		dev_send(&lab, 0, n, frame_len(n, 1514));
		dev_expect(&lab, 1, n, frame_len(n, 1514));
		assert_int_equal(feed_peek(lab.feed, &rec), 0);
		assert_int_equal(rec.type, FEED_FRAME);
		assert_int_equal(rec.frame.cap_len, frame_len(n, 1514));
		make_frame(want, n, 0, rec.frame.cap_len);
		assert_memory_equal(rec.frame.bytes, want, rec.frame.cap_len);
		/* On the clock by which a device stamps what it sends and receives. */
		assert_true(rec.frame.rx_ns >= sent_ns);
		assert_true(rec.frame.due_ns <= clock_now(CLOCK_REALTIME));
		feed_advance(lab.feed);
	}
	lab_stop(&lab);
}

/* Frames with a fate: what arrives is what the feed says leaves, copies and turned bits included.
 */
static void fates_in_the_feed_are_what_happens(void **state)
{
	struct wire_spec wire = { .delay_ns = 20 * MSEC,
				  .jitter_ns = MSEC,
				  .loss_ppb = PPB_ONE / 10,
				  .duplicate_ppb = PPB_ONE / 10,
				  .reorder_ppb = PPB_ONE / 10,
				  .corrupt_ppb = PPB_ONE / 10 };
	struct lab_spec spec = { .carrier = carrier_of(state), .wire = { wire, { 0 } } };
	uint64_t n_arrived = 0, n_changed = 0, n_overtaken = 0, n_leaving, n_lost, n_dup,
		 n_corrupted;
	uint32_t last = 0;
	struct feed_totals totals = { 0 };
	struct lab lab;

	lab_start(&lab, &spec);
	for (uint32_t n = 0; n < 2000; n++) {
		dev_send(&lab, 0, n, 200);
		if (n % ROUND == ROUND - 1)
			lab_sync(&lab, n);
		feed_sum(&lab, &totals);
	}
	feed_sum(&lab, &totals);
	n_lost = totals.n_fate[0][0];
	n_dup = totals.n_fate[0][1];
	n_corrupted = totals.n_fate[0][3];
	n_leaving = totals.n_frames[0] - n_lost;
	assert_int_equal(totals.n_frames[0], 2000 + n_dup);
	assert_in_range(n_lost, 130, 270);
	assert_in_range(n_dup, 110, 250);
	while (n_arrived < n_leaving) {
		uint8_t got[2048], want[2048];
		size_t len = dev_recv(&lab, 1, got, sizeof(got), WAIT_MS);

		if (len == 0)
			fail_msg("%d of %d arrived", (int)n_arrived, (int)n_leaving);
		make_frame(want, frame_number(got), 0, 200);
		n_changed += memcmp(got, want, 200) != 0;
		if (memcmp(got, want, 200) == 0) {
			n_overtaken += frame_number(got) < last;
			last = frame_number(got) > last ? frame_number(got) : last;
		}
		n_arrived++;
	}
	dev_expect_none(&lab, 1, 20);
	/* A turned bit may fall on the frame's number: then it differs from what it says it is. */
	assert_in_range(n_changed, n_corrupted - 10, n_corrupted);
	assert_true(n_overtaken > 20);
	lab_stop(&lab);
}

#define N_STALLED 240

/* By number, what the feed says about when it leaves. Returns how many. */
static unsigned take_due_times(struct lab *lab, int64_t *due_ns)
{
	struct feed_record rec;
	unsigned n = 0;

	while (feed_peek(lab->feed, &rec) == 0) {
		if (rec.type == FEED_FRAME && rec.frame.dir == 0) {
			due_ns[frame_number(rec.frame.bytes)] = rec.frame.due_ns;
			n++;
		}
		feed_advance(lab->feed);
	}
	return n;
}

/* A wire that did not get the processor for longer than its delay finds frames that are due in
 * another order than they came: they leave in that which the feed tells. */
static void late_reading_keeps_the_order(void **state)
{
	struct wire_spec wire = { .delay_ns = 30 * MSEC, .reorder_ppb = PPB_ONE / 5 };
	struct lab_spec spec = { .carrier = carrier_of(state), .wire = { wire, { 0 } } };
	struct timespec pause = { .tv_nsec = 500 * USEC };
	int64_t due_ns[N_STALLED] = { 0 };
	uint32_t before = 0, highest = 0, n_overtaken = 0;
	struct lab lab;

	lab_start(&lab, &spec);
	assert_int_equal(kill(lab.pid, SIGSTOP), 0);
	for (uint32_t n = 0; n < N_STALLED; n++) {
		dev_send(&lab, 0, n, 100);
		nanosleep(&pause, NULL);
	}
	assert_int_equal(kill(lab.pid, SIGCONT), 0);
	lab_sync(&lab, 1);
	assert_int_equal(take_due_times(&lab, due_ns), N_STALLED);
	for (uint32_t i = 0; i < N_STALLED; i++) {
		uint8_t got[2048];
		uint32_t n;

		assert_int_equal(dev_recv(&lab, 1, got, sizeof(got), WAIT_MS), 100);
		n = frame_number(got);
		assert_in_range(n, 0, N_STALLED - 1);
		if (i > 0 && due_ns[n] < due_ns[before])
			fail_msg("frame %u came after %u, which was due %d us later", n, before,
				 (int)((due_ns[before] - due_ns[n]) / 1000));
		n_overtaken += n < highest;
		highest = n > highest ? n : highest;
		before = n;
	}
	assert_true(n_overtaken > 10);
	lab_stop(&lab);
}

static void delay_is_kept(void **state)
{
	struct lab_spec spec = { .carrier = carrier_of(state),
				 .wire = { { .delay_ns = 20 * MSEC }, { .delay_ns = 5 * MSEC } } };
	struct forward_stats stats;
	struct lab lab;
	nsec_t best_ns[2] = { SEC, SEC };

	lab_start(&lab, &spec);
	for (uint32_t n = 0; n < 20; n++) {
		for (unsigned d = 0; d < 2; d++) {
			nsec_t sent_ns = clock_now(CLOCK_MONOTONIC), took_ns;

			dev_send(&lab, d, n, 100);
			dev_expect(&lab, 1 - d, n, 100);
			took_ns = clock_now(CLOCK_MONOTONIC) - sent_ns;
			if (took_ns < spec.wire[d].delay_ns)
				fail_msg("%d us", (int)(took_ns / 1000));
			best_ns[d] = took_ns < best_ns[d] ? took_ns : best_ns[d];
		}
	}
	/* The best of twenty, so that a busy machine does not count. */
	assert_true(best_ns[0] < 22 * MSEC && best_ns[1] < 7 * MSEC);
	stats = lab_stats(&lab, 0);
	assert_true(stats.max_late_ns > 0);
	lab_stop(&lab);
}

/* The log process does not read: the wire stands still, and goes on when it does. */
static void full_feed_holds_the_wire(void **state)
{
	struct lab_spec spec = { .carrier = carrier_of(state), .feed_bytes = FEED_MIN_BYTES };
	struct feed_totals totals = { 0 };
	uint8_t frame[2048];
	uint32_t n_arrived = 0;
	struct lab lab;

	lab_start(&lab, &spec);
	for (uint32_t n = 0; n < 1100; n++) {
		dev_send(&lab, 0, n, 1000);
		/* As long as the wire goes on, in small steps; then what is left fits its queue. */
		if (n % 50 == 49 && n < 900)
			while (n_arrived <= n &&
			       dev_recv(&lab, 1, frame, sizeof(frame), WAIT_MS) > 0)
				assert_int_equal(frame_number(frame), n_arrived++);
	}
	while (dev_recv(&lab, 1, frame, sizeof(frame), 100) > 0)
		assert_int_equal(frame_number(frame), n_arrived++);
	assert_in_range(n_arrived, 900, 1090);
	assert_int_equal(lab_stats(&lab, 0).n_held, 1);
	while (n_arrived < 1100) {
		feed_sum(&lab, &totals);
		dev_expect(&lab, 1, n_arrived++, 1000);
	}
	lab_sync(&lab, 1);
	feed_sum(&lab, &totals);
	assert_int_equal(totals.n_frames[0], 1100);
	assert_true(totals.n_counted[FEED_HELD][0] >= 1);
	assert_true(totals.held_ns[0] >= 50 * MSEC);
	assert_int_equal(totals.n_counted[FEED_HELD][1], 0);
	assert_int_equal(totals.n_counted[FEED_DEVICE_DROPS][0], 0);
	lab_stop(&lab);
}

/* More in flight than the pool holds: the wire waits, and nothing is lost. */
static void full_pool_holds_the_wire(void **state)
{
	struct lab_spec spec = { .carrier = carrier_of(state),
				 .mtu = 9000,
				 .pool_bytes = FORWARD_POOL_BYTES_MIN,
				 .ring_bytes = 16 << 20,
				 .wire = { { .delay_ns = 300 * MSEC }, { 0 } } };
	struct feed_totals totals = { 0 };
	struct lab lab;

	lab_start(&lab, &spec);
	for (uint32_t n = 0; n < 600; n++) {
		dev_send(&lab, 0, n, 9000);
		if (n % 50 == 49)
			poll(NULL, 0, 1);
	}
	for (uint32_t n = 0; n < 600; n++) {
		dev_expect(&lab, 1, n, 9000);
		feed_sum(&lab, &totals);
	}
	assert_true(lab_stats(&lab, 0).n_pool_held > 0);
	feed_sum(&lab, &totals);
	assert_int_equal(totals.n_frames[0], 600);
	lab_stop(&lab);
}

static void long_frames_pass(void **state)
{
	/* The longest that both kinds of interface take. */
	static const uint32_t mtus[] = { 68, 9000, 65521 };

	for (size_t i = 0; i < ARRAY_SIZE(mtus); i++) {
		struct lab_spec spec = { .carrier = carrier_of(state), .mtu = mtus[i] };
		struct lab lab;

		lab_start(&lab, &spec);
		for (uint32_t n = 0; n < 20; n++) {
			dev_send(&lab, n % 2, n, mtus[i] + 14);
			dev_expect(&lab, 1 - n % 2, n, mtus[i] + 14);
		}
		lab_stop(&lab);
	}
}

static void vlan_tags_stay(void **state)
{
	static const uint8_t tags[][8] = {
		{ 0x81, 0x00, 0x00, 0x05, 0x88, 0xb5 },
		{ 0x88, 0xa8, 0xe0, 0x07, 0x81, 0x00, 0x00, 0x05 },
	};
	struct lab_spec spec = { .carrier = carrier_of(state) };
	uint8_t frame[100], got[2048];
	struct feed_record rec;
	struct lab lab;

	lab_start(&lab, &spec);
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		make_frame(frame, (uint32_t)i, 0, sizeof(frame));
		memcpy(frame + 12, tags[i], sizeof(tags[i]));
		assert_int_equal(send(lab.dev[0].fd, frame, sizeof(frame), 0), sizeof(frame));
		assert_int_equal(dev_recv(&lab, 1, got, sizeof(got), WAIT_MS), sizeof(frame));
		assert_memory_equal(got, frame, sizeof(frame));
		assert_int_equal(feed_peek(lab.feed, &rec), 0);
		assert_int_equal(rec.frame.cap_len, sizeof(frame));
		assert_memory_equal(rec.frame.bytes, frame, sizeof(frame));
		feed_advance(lab.feed);
	}
	lab_stop(&lab);
}

/* A capped link: the receiver gets its frames at the rate, and those too many are dropped by name.
 */
static void rate_and_limit(void **state)
{
	/* 1000 bytes in 1 ms, at most 20 waiting. */
	struct lab_spec spec = { .carrier = carrier_of(state),
				 .wire = { { .rate_bps = 8000000, .limit = 20 }, { 0 } } };
	struct feed_totals totals = { 0 };
	uint64_t n_arrived = 0;
	uint8_t frame[2048];
	nsec_t start_ns, took_ns;
	struct lab lab;

	lab_start(&lab, &spec);
	start_ns = clock_now(CLOCK_MONOTONIC);
	for (uint32_t n = 0; n < 100; n++)
		dev_send(&lab, 0, n, 1000);
	lab_sync(&lab, 1);
	feed_sum(&lab, &totals);
	assert_int_equal(totals.n_frames[0], 100);
	while (n_arrived < 100 - totals.n_fate[0][4] &&
	       dev_recv(&lab, 1, frame, sizeof(frame), WAIT_MS) > 0)
		n_arrived++;
	took_ns = clock_now(CLOCK_MONOTONIC) - start_ns;
	assert_int_equal(n_arrived + totals.n_fate[0][4], 100);
	assert_int_equal(lab_stats(&lab, 0).queue.n_queue_drops, totals.n_fate[0][4]);
	assert_in_range(n_arrived, 20, 60);
	assert_true(took_ns >= (nsec_t)n_arrived * MSEC);
	lab_stop(&lab);
}

/* The receiving interface is down: nothing is said to have arrived that did not. */
static void refused_frames_are_counted(void **state)
{
	struct lab_spec spec = { .carrier = carrier_of(state) };
	struct feed_totals totals = { 0 };
	struct lab lab;

	lab_start(&lab, &spec);
	dev_send(&lab, 0, 0, 100);
	dev_expect(&lab, 1, 0, 100);
	if (spec.carrier == CARRIER_TAP)
		set_down(lab.ns[1], "eth0");
	else
		set_down(NS_CURRENT, "lab1");
	for (uint32_t n = 1; n <= 10; n++)
		dev_send(&lab, 0, n, 100);
	lab_sync(&lab, 1);
	feed_sum(&lab, &totals);
	assert_int_equal(totals.n_frames[0], 11);
	assert_int_equal(totals.n_counted[FEED_REFUSED][0], 10);
	assert_int_equal(lab_stats(&lab, 0).n_sent, 1);
	/* And it works again when the interface is up. */
	set_up(spec.carrier == CARRIER_TAP ? lab.ns[1] : NS_CURRENT,
	       spec.carrier == CARRIER_TAP ? "eth0" : "lab1", 1500);
	port_check(&lab.dev[1]);
	dev_send(&lab, 0, 11, 100);
	dev_expect(&lab, 1, 11, 100);
	lab_stop(&lab);
}

/* A flood faster than labd: what the ring could not take is counted, and the sum is right. */
static void device_drops_are_counted(void **state)
{
	struct lab_spec spec = { .carrier = carrier_of(state), .feed_bytes = FEED_MIN_BYTES };
	struct feed_totals totals = { 0 };
	uint64_t n_sent = 0;
	struct lab lab;

	lab_start(&lab, &spec);
	/* Nobody reads the feed, so the wire stands still and its ring overflows. */
	for (uint32_t n = 0; n < 4000; n++, n_sent++)
		dev_send(&lab, 0, n, 1000);
	if (spec.carrier == CARRIER_TAP) {
		/* A TAP's drops are its interface's own, which the supervisor reads and tells. */
		struct nl_link link;
		struct nl_h *h;

		must(nlh_open(lab.ns[0], 0, &h, err));
		must(nl_link_get(h, "eth0", &link, err));
		nlh_close(h);
		assert_true(link.counters.tx_dropped > 0);
		lab_ask_ok(&lab, (struct control_msg){ .type = CONTROL_DROPS,
						       .link = LINK_ID,
						       .drops = { 0, link.counters.tx_dropped } });
	}
	for (int i = 0; i < 100 && totals.n_frames[0] < n_sent; i++) {
		if (!feed_sum(&lab, &totals) && i > 50)
			break;
		poll(NULL, 0, 2);
	}
	lab_sync(&lab, 1);
	feed_sum(&lab, &totals);
	assert_true(totals.n_counted[FEED_DEVICE_DROPS][0] > 0);
	assert_int_equal(totals.n_frames[0] + totals.n_counted[FEED_DEVICE_DROPS][0], n_sent);
	lab_stop(&lab);
}

/* A ring's socket that received before it had its ring: those frames are missing, and counted. */
static void early_frames_are_counted(void **state)
{
	struct lab_spec spec = { .carrier = CARRIER_RING };
	struct port_frame frame;
	struct lab lab;
	struct port port;
	int fd;

	(void)state;
	lab_start(&lab, &spec);
	fd = packet_socket(NS_CURRENT, "lab0");
	for (uint32_t n = 0; n < 3; n++) {
		dev_send(&lab, 0, n, 100);
		dev_expect(&lab, 1, n, 100);
	}
	for (int round = 0; round < 2; round++) { /* the second as after a restart */
		assert_int_equal(port_open(&port, CARRIER_RING, dup(fd), 1500, 0), 0);
		assert_int_equal(port_read(&port, NULL, &frame, 1), 0);
		assert_int_equal(port_take_drops(&port), round == 0 ? 3 : 0);
		assert_int_equal(port_take_drops(&port), 0);
		dev_send(&lab, 0, 3, 100);
		dev_expect(&lab, 1, 3, 100);
		assert_int_equal(port_read(&port, NULL, &frame, 1), 1);
		assert_int_equal(port_take_drops(&port), 0);
		port_close(&port);
	}
	close(fd);
	lab_stop(&lab);
}

static int without_batches(void **state)
{
	(void)state;
	single_calls = true;
	return 0;
}

static int with_batches(void **state)
{
	(void)state;
	single_calls = false;
	return 0;
}

#define RING(test)                                                                 \
	{                                                                          \
#test " (ring)", test, NULL, NULL, (void *)(uintptr_t)&carriers[0] \
	}
#define TAP(test, how, setup, teardown)                                                       \
	{                                                                                     \
#test " (tap" how ")", test, setup, teardown, (void *)(uintptr_t)&carriers[1] \
	}
#define EACH(test)                             \
	RING(test), TAP(test, "", NULL, NULL), \
		TAP(test, ", a call for each frame", without_batches, with_batches)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(pumps_both_ways),
		EACH(feed_has_the_bytes),
		EACH(fates_in_the_feed_are_what_happens),
		EACH(late_reading_keeps_the_order),
		EACH(delay_is_kept),
		EACH(full_feed_holds_the_wire),
		EACH(full_pool_holds_the_wire),
		EACH(long_frames_pass),
		EACH(vlan_tags_stay),
		EACH(rate_and_limit),
		EACH(refused_frames_are_counted),
		EACH(device_drops_are_counted),
		cmocka_unit_test(early_frames_are_counted),
	};
	int r = lab_isolate();

	if (r < 0) {
		print_message("skipped: no namespaces of one's own: %s\n", strerror(-r));
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
