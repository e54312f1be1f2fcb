/* Decisions and their packets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/log_lab.h"

/* ---- decisions and their packets ---- */

/* r1 gets the same datagram `n` times at the given moments and decides about one of them. */
struct tie_case {
	const char *name;
	int64_t at_ms[3];
	unsigned n;
	int64_t stamp_ms[3];
	unsigned n_decisions;
	const char *packets; /* in order of the decisions */
	bool lost_first;     /* the wire lost the first copy */
};

static const struct tie_case received_cases[] = {
	{ "one", { 10 }, 1, { 10 }, 1, "1", false },
	{ "identical retransmissions, each seen", { 10, 1010 }, 2, { 10, 1010 }, 2, "1,2", false },
	{ "only the second reached the node", { 10, 1010 }, 2, { 1010 }, 1, "2", false },
	{ "only the first did", { 10, 1010 }, 2, { 11 }, 1, "1", false },
	{ "two decisions about one packet", { 10, 11 }, 2, { 12, 12 }, 2, "2,2", false },
	{ "the wire lost the first", { 10, 1010 }, 2, { 1010 }, 1, "2", true },
	{ "stamped before any frame: none", { 10 }, 1, { 5 }, 1, "-", false },
};

static void run_received(const struct tie_case *c)
{
	struct lab *l;
	void *state = NULL;
	struct frame f = maker_udp(PC1_ETH0, 0, maker_ep(0, 1, 68), maker_ep(0, 4, 67), "x", 1, 1);

	set_up(&state);
	l = state;
	for (unsigned i = 0; i < c->n; i++)
		maker_show_fate(l->e, 7, &f, c->at_ms[i] * MS,
				c->lost_first && i == 0 ? WIRE_LOST : 0, -1);
	for (unsigned i = 0; i < c->n_decisions; i++) {
		struct pkt_key key = key_of(&f, PKT_IN, R1_ETH0, c->stamp_ms[i] * MS);

		decide(l, i + 1, &key, c->stamp_ms[i] * MS);
	}
	settle(l, 2000 * MS);
	if (strcmp(ask(l, "SELECT group_concat(coalesce(packet, '-')) FROM decision "
			  "WHERE number IS NOT NULL"),
		   c->packets) != 0)
		fail_msg("%s: expected %s, got %s", c->name, c->packets,
			 ask(l, "SELECT group_concat(coalesce(packet, '-')) FROM decision "
				"WHERE number IS NOT NULL"));
	tear_down(&state);
}

static void ties_what_was_received(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(received_cases); i++)
		run_received(&received_cases[i]);
}

static void a_decision_has_its_sentence_and_reason(void **state)
{
	struct lab *l = *state;

	decide(l, 1, NULL, 5 * MS);
	settle(l, 100 * MS);
	assert_string_equal(ask(l, "SELECT sentence FROM decision"),
			    "offered 10.0.0.101 to 02:00:00:00:00:01");
	assert_string_equal(ask(l, "SELECT json_extract(\"values\", '$.address') FROM decision"),
			    "10.0.0.101");
	assert_string_equal(ask(l, "SELECT no_packet FROM decision"), "not caused by a packet");
	assert_string_equal(ask(l, "SELECT d.name FROM decision JOIN device d ON d.id = device"),
			    "r1");
}

/* A decision at 11 ms about what came at 10 ms, or what it sent at 10 ms: it is not written before
 * all frames until then were seen. */
struct wait_case {
	const char *name;
	struct {
		uint32_t way;
		int64_t at_ns; /* 0: no more */
	} before[3], after;    /* frames, all alike: seen until 9 ms, and after that */
	bool sends;
	const char *packet;
};

static const struct wait_case wait_cases[] = {
	{ "for its frame", { { 0 } }, { 7, 10 * MS }, false, "1" },
	{ "for a later frame like it", { { 7, 5 * MS } }, { 7, 10 * MS }, false, "2" },
	/* The same broadcast on three links: r1 means the one on its own. */
	{ "three hops", { { 2, 9 * MS }, { 5, 9 * MS + 1 } }, { 7, 9 * MS + 2 }, false, "3" },
	/* Two equal ones: the first was sent by an earlier decision. */
	{ "for what it sent", { { 6, 5 * MS } }, { 6, 12 * MS }, true, "2" },
};

static void run_wait(const struct wait_case *c)
{
	struct lab *l;
	void *state = NULL;
	const char *rows = c->sends ? "SELECT count(*) FROM sent"
				    : "SELECT count(*) FROM decision WHERE number = 1";
	const char *packet = c->sends ? "SELECT packet FROM sent"
				      : "SELECT packet FROM decision WHERE number = 1";
	struct frame f =
		c->sends
			? maker_udp(R1_ETH0, 0, maker_ep(0, 4, 67), maker_ep(0, 255, 68), "o", 1, 1)
			: maker_udp(PC1_ETH0, 0, maker_ep(0, 1, 68), maker_ep(0, 4, 67), "x", 1, 1);
	struct pkt_key key = key_of(&f, c->sends ? PKT_OUT : PKT_IN, R1_ETH0, 10 * MS);

	set_up(&state);
	l = state;
	for (size_t i = 0; i < ARRAY_SIZE(c->before) && c->before[i].at_ns; i++)
		maker_show(l->e, c->before[i].way, &f, c->before[i].at_ns);
	decide(l, 1, c->sends ? NULL : &key, 11 * MS);
	if (c->sends)
		sent(l, 1, &key, 10 * MS);
	settle(l, 9 * MS);
	if (strcmp(ask(l, rows), "0") != 0)
		fail_msg("%s: it did not wait", c->name);
	maker_show(l->e, c->after.way, &f, c->after.at_ns);
	settle(l, 20 * MS);
	if (strcmp(ask(l, packet), c->packet) != 0)
		fail_msg("%s: expected %s, got %s", c->name, c->packet, ask(l, packet));
	tear_down(&state);
}

static void waits(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wait_cases); i++)
		run_wait(&wait_cases[i]);
}

static void ties_a_fragmented_datagram_by_its_first(void **state)
{
	struct lab *l = *state;
	struct frame f = maker_udp(PC1_ETH0, R1_ETH0, maker_ep(0, 1, 68), maker_ep(0, 4, 67),
				   "abcdefghijklmnopqrstuvwx", 24, 77);
	struct pkt_key key = key_of(&f, PKT_IN, R1_ETH0, 10 * MS);
	struct frame first = f, second = f;

	/* 8 octets of UDP header and 8 of payload, then the other 16. */
	first.b[16] = 0;
	first.b[17] = 20 + 16;
	first.b[20] = 0x20;
	first.len = 14 + 20 + 16;
	memcpy(second.b + 34, f.b + 50, 16);
	second.b[17] = 20 + 16;
	second.b[21] = 2;
	second.len = 14 + 20 + 16;
	maker_show(l->e, 7, &first, 9 * MS);
	maker_show(l->e, 7, &second, 9 * MS + 1);
	decide(l, 1, &key, 11 * MS);
	settle(l, 100 * MS);
	assert_string_equal(ask(l, "SELECT packet FROM decision WHERE number = 1"), "1");
}

static void gives_up_on_what_never_leaves(void **state)
{
	struct lab *l = *state;
	struct frame f = maker_udp(R1_ETH0, 0, maker_ep(0, 4, 67), maker_ep(0, 255, 68), "o", 1, 1);
	struct pkt_key key = key_of(&f, PKT_OUT, R1_ETH0, 10 * MS);

	decide(l, 1, NULL, 10 * MS);
	sent(l, 1, &key, 10 * MS);
	settle(l, 20 * MS);
	assert_int_equal(engine_waiting(l->e, WALL0 + 20 * MS), 1);
	settle(l, 4000 * MS);
	assert_string_equal(ask(l, "SELECT no_packet FROM sent WHERE packet IS NULL"),
			    "no such frame was seen on the link");
}

/* A connection to r1 whose first data segment is lost and sent again. */
static void ties_streams_by_offset(void **state)
{
	struct lab *l = *state;
	struct ep c = maker_ep(0, 1, 40000), s = maker_ep(0, 4, 80);
	struct frame f;
	struct pkt_key key = { .dir = PKT_IN,
			       .proto = IPPROTO_NUM_TCP,
			       .src = c,
			       .dst = s,
			       .stamp_ns = WALL0 + 60 * MS };
	struct pkt_key out = { .dir = PKT_OUT,
			       .proto = IPPROTO_NUM_TCP,
			       .src = s,
			       .dst = c,
			       .stamp_ns = WALL0 + 50 * MS };

	f = maker_tcp(1, 5, c, s, (struct maker_tcp){ .seq = 99, .flags = TCP_SYN });
	maker_show(l->e, 7, &f, 1 * MS);
	f = maker_tcp(5, 1, s, c,
		      (struct maker_tcp){ .seq = 499, .ack = 100, .flags = TCP_SYN | TCP_ACK });
	maker_show(l->e, 6, &f, 2 * MS);
	f = maker_tcp(1, 5, c, s,
		      (struct maker_tcp){ .seq = 100,
					  .ack = 500,
					  .flags = TCP_ACK | TCP_PSH,
					  .payload = "GET / HTTP/1.0\r\n" });
	maker_show_fate(l->e, 7, &f, 10 * MS, WIRE_LOST, 0);
	maker_show(l->e, 7, &f, 30 * MS);
	f = maker_tcp(
		1, 5, c, s,
		(struct maker_tcp){
			.seq = 116, .ack = 500, .flags = TCP_ACK | TCP_PSH, .payload = "\r\n" });
	maker_show(l->e, 7, &f, 31 * MS);
	decide(l, 1, &key, 60 * MS);
	key.offset = 17;
	decide(l, 2, &key, 60 * MS);
	key.offset = 0;
	key.stamp_ns = WALL0 + 3 * MS; /* accepted: before any data */
	decide(l, 3, &key, 60 * MS);
	sent(l, 2, &out, 50 * MS);
	settle(l, 61 * MS);
	f = maker_tcp(5, 1, s, c,
		      (struct maker_tcp){ .seq = 500,
					  .ack = 118,
					  .flags = TCP_ACK | TCP_PSH,
					  .payload = "HTTP/1.0 200 OK\r\n\r\n" });
	maker_show(l->e, 6, &f, 62 * MS);
	settle(l, 100 * MS);
	assert_string_equal(
		ask(l, "SELECT group_concat(packet) FROM decision WHERE number IS NOT NULL"),
		"4,5,1");
	assert_string_equal(ask(l, "SELECT packet FROM sent WHERE decision = 2 OR 1"), "6");
	assert_string_equal(ask(l, "SELECT note & 1 FROM packet WHERE id = 4"), "1");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ties_what_was_received),
		cmocka_unit_test(waits),
		T(a_decision_has_its_sentence_and_reason),
		T(ties_a_fragmented_datagram_by_its_first),
		T(gives_up_on_what_never_leaves),
		T(ties_streams_by_offset),
	};

	return cmocka_run_group_tests_name("log_tie", tests, NULL, NULL);
}
