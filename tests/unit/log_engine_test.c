/* Rows: the plan, frames, facts, configuration; and a writer that is killed or has no room. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/log_lab.h"

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

/* Rows are written many at a time; none may take a value from the one that had its place before. */
static void rows_of_many_at_a_time_are_their_own(void **state)
{
	struct lab *l = *state;
	struct frame udp = maker_udp(PC1_ETH0, 0, maker_ep(0, 1, 1), maker_ep(0, 2, 9), "a", 1, 1);
	struct frame tcp = maker_tcp(PC1_ETH0, R1_ETH0, maker_ep(0, 1, 40000), maker_ep(1, 10, 80),
				     (struct maker_tcp){ .seq = 1, .flags = TCP_ACK });

	for (int i = 0; i < 330; i++) {
		if (i % 3 == 0)
			maker_show(l->e, 2, &tcp, i * MS);
		else
			maker_show_fate(l->e, 2, &udp, i * MS, i % 5 == 0 ? WIRE_LOST : 0, -1);
		if (i == 100)
			engine_commit(l->e);
	}
	settle(l, 1000 * MS);
	assert_string_equal(ask(l, "SELECT count(*) || ' ' || max(id) FROM packet WHERE id = "
				   "time_ns / 1000000 + 1"),
			    "330 330");
	assert_string_equal(ask(l, "SELECT count(*) FROM packet WHERE (id - 1) % 3 = 0 AND "
				   "protocol = 'TCP' AND tcp_flags = 16 AND fate IS NULL AND "
				   "payload = 0 AND info LIKE '%40000 → 80 [ACK]%'"),
			    "110");
	assert_string_equal(ask(l, "SELECT count(*) || ' ' || sum(fate) FROM packet WHERE "
				   "(id - 1) % 3 <> 0 AND protocol = 'UDP' AND tcp_flags IS NULL "
				   "AND payload = 1 AND info = '1 → 9 Len=1' AND "
				   "(fate IS NULL) = ((id - 1) % 5 <> 0)"),
			    "220 44");
}

/* A transaction that fails ends at once, here after 50 frames: what was lost with it leaves a
 * hole in the numbers, and later ones stay their own. */
static void ids_go_on_behind_a_lost_transaction(void **state)
{
	struct lab *l = *state;
	struct frame f = maker_udp(PC1_ETH0, 0, maker_ep(0, 1, 1), maker_ep(0, 2, 9), "a", 1, 1);

	for (int i = 0; i < 300; i++) {
		maker_show(l->e, 2, &f, i * MS);
		if (i == 149)
			store_check(engine_store(l->e), -EIO);
		if (i % 100 == 99)
			engine_commit(l->e);
	}
	settle(l, 1000 * MS);
	assert_string_equal(ask(l,
				"SELECT count(*) || ' ' || min(id) || ' ' || max(id) FROM packet "
				"WHERE id = time_ns / 1000000 + 1"),
			    "250 1 300");
	assert_string_equal(ask(l, "SELECT count(*) FROM packet"), "250");
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

/* ---- facts and configuration ---- */

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
		T(rows_of_many_at_a_time_are_their_own),
		T(ids_go_on_behind_a_lost_transaction),
		T(a_new_syn_is_a_new_conversation),
		T(facts_begin_change_and_end),
		T(a_crash_ends_facts_but_durable_ones),
		T(broken_records_cost_a_row),
		T(configuration_and_refusals_are_rows),
		cmocka_unit_test(keeps_what_was_committed_when_killed),
		cmocka_unit_test(a_size_limit_counts_instead),
	};

	return cmocka_run_group_tests_name("log_engine", tests, NULL, NULL);
}
