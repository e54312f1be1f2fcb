#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "tests/unit/log_maker.h"

#define MS MSEC

struct lab {
	char path[64];
	struct log_args args;
	struct engine *e;
	int node; /* the node's end of r1's journal */
	int log_end;
};

static int set_up(void **state)
{
	struct lab *l = calloc(1, sizeof(*l));
	int fds[2];

	maker_path(l->path);
	l->args = maker_args(l->path);
	l->e = maker_engine(&l->args);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	l->node = fds[0];
	l->log_end = fds[1];
	assert_int_equal(engine_set_journal(l->e, R1, fds[1]), 0);
	*state = l;
	return 0;
}

static int tear_down(void **state)
{
	struct lab *l = *state;

	engine_free(l->e);
	close(l->node);
	close(l->log_end);
	maker_remove(l->path);
	free(l);
	return 0;
}

static void say(struct lab *l, const struct journal_record *rec)
{
	uint8_t buf[JOURNAL_RECORD_MAX];
	struct wr w;

	wr_init(&w, buf, sizeof(buf));
	journal_write(&w, rec);
	assert_false(w.err);
	assert_int_equal(send(l->node, buf, wr_len(&w), 0), (ssize_t)wr_len(&w));
	assert_true(journal_in_read(engine_journal(l->e, R1)) >= 0);
}

static void settle(struct lab *l, int64_t at_ns)
{
	engine_seen(l->e, WALL0 + at_ns);
	engine_commit(l->e);
}

static const char *ask(struct lab *l, const char *sql)
{
	return maker_ask(l->path, sql);
}

static struct pkt_key key_of(const struct frame *f, uint8_t dir, uint32_t ifid, int64_t stamp_ns)
{
	struct pkt pkt;

	pkt_parse(&pkt, f->b, f->len, f->len);
	return (struct pkt_key){ .dir = dir,
				 .proto = pkt.ip_proto,
				 .ether_type = pkt.ether_type,
				 .ifid = ifid,
				 .src = pkt.src,
				 .dst = pkt.dst,
				 .len = (uint16_t)pkt.payload_len,
				 .checksum = pkt.checksum,
				 .stamp_ns = WALL0 + stamp_ns };
}

static void decide(struct lab *l, uint32_t number, const struct pkt_key *key, int64_t at_ns)
{
	struct val values[] = { V_ADDR("address", addr4(10, 0, 0, 101)),
				V_MAC("client", maker_mac(PC1_ETH0)), V_END };
	struct journal_record rec = { .type = JR_DECISION,
				      .at_ns = at_ns,
				      .wall_ns = WALL0 + at_ns,
				      .decision = number,
				      .count = 1,
				      .values = values };

	if (key)
		rec.key = *key;
	say(l, &rec);
}

static void sent(struct lab *l, uint32_t number, const struct pkt_key *key, int64_t at_ns)
{
	struct journal_record rec = { .type = JR_SENT,
				      .at_ns = at_ns,
				      .wall_ns = WALL0 + at_ns,
				      .decision = number,
				      .key = *key };

	say(l, &rec);
}

/* ---- the plan and frames ---- */

static void writes_the_plan(void **state)
{
	struct lab *l = *state;

	assert_string_equal(ask(l, "SELECT count(*) FROM device"), "5");
	assert_string_equal(ask(l, "SELECT sender || '>' || receiver FROM way WHERE id = 7"),
			    "sw1>r1");
	assert_string_equal(ask(l, "SELECT receiver_interface FROM way WHERE id = 7"), "eth0");
	assert_string_equal(ask(l, "SELECT name FROM rule WHERE id = 0"), "dhcp4.server.offer");
	assert_string_equal(ask(l, "SELECT inferred FROM rule WHERE name = 'kernel.bridge.flood'"),
			    "1");
	assert_string_equal(ask(l, "PRAGMA user_version"), "1");
	assert_string_equal(ask(l, "SELECT kind FROM rule WHERE name LIKE '%.drop-short'"), "drop");
	assert_string_equal(ask(l, "SELECT count(*) FROM rule WHERE (name LIKE '%.drop-%') <> "
				   "(kind = 'drop')"),
			    "0");
}

static void stores_a_frame_with_its_octets(void **state)
{
	struct lab *l = *state;
	struct frame f =
		maker_udp(PC1_ETH0, 0, maker_ep(0, 1, 40000), maker_ep(0, 2, 9), "hello", 5, 1);

	maker_show(l->e, 2, &f, 10 * MS);
	settle(l, 100 * MS);
	assert_string_equal(ask(l, "SELECT info FROM packet"), "40000 → 9 Len=5");
	assert_string_equal(ask(l, "SELECT time_ns FROM packet"), "10000000");
	assert_string_equal(ask(l, "SELECT protocol || ttl || ' ' || packets FROM packet_run"),
			    "UDP64 1");
	assert_string_equal(ask(l, "SELECT src || ':' || src_port || '>' || dst || ' ' || "
				   "to_server || src_mac FROM flow"),
			    "10.0.0.1:40000>10.0.0.2 102:00:00:00:00:01");
	assert_string_equal(
		ask(l, "SELECT substr(b.bytes, (p.bytes_at & 65535) + 43, 5) FROM packet p "
		       "JOIN packet_block b ON b.id = p.bytes_at >> 16"),
		"hello");
}

static void runs_hold_what_lies_together(void **state)
{
	struct lab *l = *state;
	struct frame a = maker_udp(PC1_ETH0, 0, maker_ep(0, 1, 1), maker_ep(0, 2, 9), "a", 1, 1);
	struct frame b = maker_udp(PC1_ETH0, 0, maker_ep(0, 1, 2), maker_ep(0, 2, 9), "b", 1, 1);

	for (int i = 0; i < 300; i++)
		maker_show(l->e, 2, i % 50 == 0 ? &a : &b, i * MS);
	settle(l, 1000 * MS);
	assert_string_equal(ask(l, "SELECT count(*) FROM packet"), "300");
	assert_string_equal(ask(l, "SELECT count(*) FROM packet_run"), "2");
	assert_string_equal(ask(l, "SELECT sum(packets) FROM packet_run"), "300");
	assert_string_equal(ask(l,
				"SELECT count(*) FROM packet p JOIN packet_run r ON r.id = p.run "
				"WHERE p.id BETWEEN r.first AND r.last"),
			    "300");
}

static void a_new_syn_is_a_new_conversation(void **state)
{
	struct lab *l = *state;
	struct ep c = maker_ep(0, 1, 40000), s = maker_ep(1, 10, 80);
	struct maker_tcp syn = { .seq = 100, .flags = TCP_SYN }, again = syn, next = syn;
	struct frame f = maker_tcp(PC1_ETH0, R1_ETH0, c, s, syn);

	maker_show(l->e, 2, &f, 1 * MS);
	f = maker_tcp(PC1_ETH0, R1_ETH0, c, s, again);
	maker_show(l->e, 2, &f, 1000 * MS);
	next.seq = 5000;
	f = maker_tcp(PC1_ETH0, R1_ETH0, c, s, next);
	maker_show(l->e, 2, &f, 2000 * MS);
	settle(l, 3000 * MS);
	assert_string_equal(ask(l, "SELECT count(DISTINCT conversation) FROM flow"), "2");
	assert_string_equal(ask(l, "SELECT info FROM packet WHERE id = 2"),
			    "[TCP Retransmission] 40000 → 80 [SYN] Seq=0 Win=64240 Len=0");
	assert_string_equal(ask(l, "SELECT info FROM packet WHERE id = 3"),
			    "40000 → 80 [SYN] Seq=0 Win=64240 Len=0");
}

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

static void a_decision_waits_for_its_frame(void **state)
{
	struct lab *l = *state;
	struct frame f = maker_udp(PC1_ETH0, 0, maker_ep(0, 1, 68), maker_ep(0, 4, 67), "x", 1, 1);
	struct pkt_key key = key_of(&f, PKT_IN, R1_ETH0, 10 * MS);

	decide(l, 1, &key, 11 * MS);
	settle(l, 9 * MS);
	assert_string_equal(ask(l, "SELECT count(*) FROM decision"), "0");
	maker_show(l->e, 7, &f, 10 * MS);
	settle(l, 10 * MS);
	assert_string_equal(ask(l, "SELECT packet FROM decision"), "1");
}

static void a_decision_waits_for_a_later_frame_like_it(void **state)
{
	struct lab *l = *state;
	struct frame f = maker_udp(PC1_ETH0, 0, maker_ep(0, 1, 68), maker_ep(0, 4, 67), "x", 1, 1);
	struct pkt_key key = key_of(&f, PKT_IN, R1_ETH0, 10 * MS);

	maker_show(l->e, 7, &f, 5 * MS);
	decide(l, 1, &key, 11 * MS);
	settle(l, 9 * MS);
	maker_show(l->e, 7, &f, 10 * MS);
	settle(l, 10 * MS);
	assert_string_equal(ask(l, "SELECT packet FROM decision"), "2");
}

static void ties_over_three_hops_to_its_own(void **state)
{
	struct lab *l = *state;
	struct frame f = maker_udp(PC1_ETH0, 0, maker_ep(0, 1, 68), maker_ep(0, 4, 67), "x", 1, 1);
	struct pkt_key key = key_of(&f, PKT_IN, R1_ETH0, 10 * MS);

	/* The same broadcast on three links: r1 means the one on its own. */
	maker_show(l->e, 2, &f, 9 * MS);
	maker_show(l->e, 5, &f, 9 * MS + 1);
	maker_show(l->e, 7, &f, 9 * MS + 2);
	decide(l, 1, &key, 11 * MS);
	settle(l, 100 * MS);
	assert_string_equal(ask(l, "SELECT packet FROM decision WHERE number = 1"), "3");
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

static void ties_what_was_sent(void **state)
{
	struct lab *l = *state;
	struct frame f = maker_udp(R1_ETH0, 0, maker_ep(0, 4, 67), maker_ep(0, 255, 68), "o", 1, 1);
	struct pkt_key key = key_of(&f, PKT_OUT, R1_ETH0, 10 * MS);

	/* Two equal ones: the first was sent by an earlier decision. */
	maker_show(l->e, 6, &f, 5 * MS);
	decide(l, 1, NULL, 10 * MS);
	sent(l, 1, &key, 10 * MS);
	settle(l, 10 * MS);
	assert_string_equal(ask(l, "SELECT count(*) FROM sent"), "0");
	maker_show(l->e, 6, &f, 12 * MS);
	settle(l, 20 * MS);
	assert_string_equal(ask(l, "SELECT packet FROM sent"), "2");
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

static void facts_begin_change_and_end(void **state)
{
	struct lab *l = *state;
	struct frame f = maker_udp(PC1_ETH0, 0, maker_ep(0, 1, 68), maker_ep(0, 4, 67), "x", 1, 1);
	struct pkt_key key = key_of(&f, PKT_IN, R1_ETH0, 10 * MS);
	struct val offered[] = { V_ADDR("address", addr4(10, 0, 0, 101)),
				 V_TEXT("state", "offered"), V_TIME("expires", 60 * SEC), V_END };
	struct val bound[] = { V_ADDR("address", addr4(10, 0, 0, 101)), V_TEXT("state", "bound"),
			       V_TIME("expires", 3600 * SEC), V_END };
	struct journal_record rec = { .type = JR_FACT_BEGIN,
				      .at_ns = 11 * MS,
				      .decision = 1,
				      .number = 0,
				      .text = "LAN 02:00:00:00:00:01",
				      .values = offered };

	maker_show(l->e, 7, &f, 10 * MS);
	decide(l, 1, &key, 11 * MS);
	say(l, &rec);
	rec.at_ns = 20 * MS;
	rec.values = bound;
	rec.decision = 0;
	say(l, &rec);
	settle(l, 100 * MS);
	assert_string_equal(ask(l, "SELECT count(*) FROM dhcp4_lease"), "2");
	assert_string_equal(ask(l, "SELECT state || ' ' || address || ' ' || expires FROM "
				   "dhcp4_lease WHERE device = 'r1' AND until IS NULL"),
			    "bound 10.0.0.101 3600000000000");
	assert_string_equal(ask(l, "SELECT packet || ' ' || until || ' ' || ended FROM dhcp4_lease "
				   "WHERE state = 'offered'"),
			    "1 20000000 changed");
	rec.type = JR_FACT_END;
	rec.at_ns = 30 * MS;
	rec.section = "released";
	rec.values = NULL;
	say(l, &rec);
	settle(l, 200 * MS);
	assert_string_equal(ask(l, "SELECT count(*) FROM dhcp4_lease WHERE until IS NULL"), "0");
	assert_string_equal(ask(l, "SELECT ended FROM dhcp4_lease WHERE state = 'bound'"),
			    "released");
}

static void a_crash_ends_facts_but_durable_ones(void **state)
{
	struct lab *l = *state;
	struct val none[] = { V_END };
	struct journal_record rec = {
		.type = JR_FACT_BEGIN, .at_ns = MS, .number = 0, .text = "a", .values = none
	};

	say(l, &rec);
	rec.number = 1;
	say(l, &rec);
	settle(l, 10 * MS);
	engine_event(l->e, R1, "crashed", "signal 11");
	settle(l, 20 * MS);
	assert_string_equal(ask(l, "SELECT count(*) FROM dhcp4_lease WHERE until IS NULL"), "1");
	assert_string_equal(ask(l, "SELECT ended FROM dns_cache"), "crashed");
	assert_string_equal(ask(l, "SELECT detail FROM node_event WHERE event = 'crashed'"),
			    "signal 11");
}

static void broken_records_cost_a_row(void **state)
{
	struct lab *l = *state;
	static const uint8_t junk[] = { JR_DECISION, 1, 0, 7 };
	struct journal_record rec = { .type = JR_DECISION, .decision = 1, .number = 999 };

	assert_int_equal(send(l->node, junk, sizeof(junk), 0), sizeof(junk));
	say(l, &rec);
	settle(l, 10 * MS);
	assert_string_equal(ask(l, "SELECT count(*) FROM node_event "
				   "WHERE event = 'journal-malformed' AND device = 4"),
			    "2");
	assert_string_equal(ask(l, "SELECT count(*) FROM decision"), "0");
}

static void configuration_and_refusals_are_rows(void **state)
{
	struct lab *l = *state;
	struct journal_record line = { .type = JR_CONFIG,
				       .at_ns = MS,
				       .text = "ip address 10.0.0.1 255.255.255.0",
				       .section = "interface eth0" };
	struct journal_record no = { .type = JR_REFUSED,
				     .at_ns = MS,
				     .text = "route 10.9.0.0/16",
				     .section = "Nexthop has invalid gateway" };

	say(l, &line);
	say(l, &no);
	settle(l, 10 * MS);
	assert_string_equal(ask(l, "SELECT section || '|' || line FROM config_line"),
			    "interface eth0|ip address 10.0.0.1 255.255.255.0");
	assert_string_equal(ask(l, "SELECT object || ': ' || text FROM refused"),
			    "route 10.9.0.0/16: Nexthop has invalid gateway");
}

/* ---- a killed writer ---- */

static void keeps_what_was_committed_when_killed(void **state)
{
	char path[64];
	int pipe_fds[2], status;
	uint64_t committed = 0, n;
	pid_t pid;

	(void)state;
	maker_path(path);
	assert_int_equal(pipe(pipe_fds), 0);
	pid = fork();
	if (pid == 0) {
		struct log_args args = maker_args(path);
		struct engine *e = maker_engine(&args);
		struct frame f = maker_udp(1, 0, maker_ep(0, 1, 1), maker_ep(0, 2, 9), "a", 1, 1);

		for (uint64_t i = 1;; i++) {
			maker_show(e, 2, &f, (int64_t)i * USEC);
			if (i % 500 == 0) {
				engine_commit(e);
				if (write(pipe_fds[1], &i, sizeof(i)) < 0)
					_exit(1);
			}
		}
	}
	while (committed < 20000 && read(pipe_fds[0], &n, sizeof(n)) == sizeof(n))
		committed = n;
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_string_equal(maker_ask(path, "PRAGMA integrity_check"), "ok");
	assert_true(strtoull(maker_ask(path, "SELECT count(*) FROM packet"), NULL, 10) >=
		    committed);
	/* The next life goes on behind the last id. */
	{
		struct log_args args = maker_args(path);
		struct engine *e = maker_engine(&args);
		struct frame f = maker_udp(1, 0, maker_ep(0, 1, 1), maker_ep(0, 2, 9), "a", 1, 1);
		uint64_t before = strtoull(maker_ask(path, "SELECT max(id) FROM packet"), NULL, 10);

		maker_show(e, 2, &f, 10 * SEC);
		engine_commit(e);
		assert_int_equal(strtoull(maker_ask(path, "SELECT max(id) FROM packet"), NULL, 10),
				 before + 1);
		engine_free(e);
	}
	assert_string_equal(maker_ask(path, "PRAGMA integrity_check"), "ok");
	assert_string_equal(maker_ask(path, "SELECT count(*) FROM packet p LEFT JOIN packet_run r "
					    "ON r.id = p.run LEFT JOIN flow f ON f.id = r.flow "
					    "WHERE f.id IS NULL"),
			    "0");
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	maker_remove(path);
}

static void a_size_limit_counts_instead(void **state)
{
	char path[64], payload[1400];
	struct log_args args;
	struct engine *e;

	(void)state;
	memset(payload, 'x', sizeof(payload));
	maker_path(path);
	args = maker_args(path);
	args.size_limit_bytes = 2 << 20;
	e = maker_engine(&args);
	for (int i = 0; i < 4000; i++) {
		struct frame f = maker_udp(1, 0, maker_ep(0, 1, 1), maker_ep(0, 2, 9), payload,
					   sizeof(payload), (uint16_t)i);

		maker_show(e, 2, &f, i * MS);
		if (i % 100 == 99)
			engine_commit(e);
	}
	store_watch(engine_store(e), 5 * SEC, WALL0 + 5 * SEC);
	engine_commit(e);
	assert_string_equal(
		maker_ask(path, "SELECT (SELECT count(*) FROM packet) + (SELECT sum(missing) FROM "
				"capture_gap WHERE what = 'frames' AND way = 2)"),
		"4000");
	assert_true(atoi(maker_ask(path, "SELECT count(*) FROM packet")) < 4000);
	assert_true(atoi(maker_ask(path, "SELECT count(*) FROM packet WHERE captured = 128")) > 0);
	assert_string_equal(maker_ask(path, "SELECT reason FROM capture_gap WHERE what = 'frames'"),
			    "the log's size limit is reached");
	engine_free(e);
	maker_remove(path);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(writes_the_plan),
		T(stores_a_frame_with_its_octets),
		T(runs_hold_what_lies_together),
		T(a_new_syn_is_a_new_conversation),
		cmocka_unit_test(ties_what_was_received),
		T(a_decision_has_its_sentence_and_reason),
		T(a_decision_waits_for_its_frame),
		T(a_decision_waits_for_a_later_frame_like_it),
		T(ties_over_three_hops_to_its_own),
		T(ties_a_fragmented_datagram_by_its_first),
		T(ties_what_was_sent),
		T(gives_up_on_what_never_leaves),
		T(ties_streams_by_offset),
		T(facts_begin_change_and_end),
		T(a_crash_ends_facts_but_durable_ones),
		T(broken_records_cost_a_row),
		T(configuration_and_refusals_are_rows),
		cmocka_unit_test(keeps_what_was_committed_when_killed),
		cmocka_unit_test(a_size_limit_counts_instead),
	};

	return cmocka_run_group_tests_name("log_engine", tests, NULL, NULL);
}
