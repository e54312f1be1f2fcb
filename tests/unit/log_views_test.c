/* Every view of the schema answers, and the main ones rightly, on a small story told in frames:
 * pc1 asks for a name that does not exist, is refused on a port, fetches a page that needs a
 * password, pings, and sends one datagram that the wire loses. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/log_maker.h"

#define MS MSEC

enum { PC1_SW1 = 2, SW1_PC1 = 3, R1_WWW = 8, WWW_R1 = 9 };

static char path[64];

static const uint8_t dns_query[] = { 0x12, 0x34, 1,   0, 0,   1,   0,	0,   0, 0, 0, 0, 3,
				     'w',  'w',	 'w', 4, 't', 'e', 's', 't', 0, 0, 1, 0, 1 };

static void dns(struct engine *e, int64_t at_ns)
{
	uint8_t answer[sizeof(dns_query)];
	struct ep c = maker_ep(0, 1, 40001), s = maker_ep(0, 53, 53);
	struct frame f = maker_udp(PC1_ETH0, R1_ETH0, c, s, dns_query, sizeof(dns_query), 1);

	memcpy(answer, dns_query, sizeof(answer));
	answer[2] = 0x81;
	answer[3] = 0x83; /* no such name */
	maker_show(e, PC1_SW1, &f, at_ns);
	f = maker_udp(R1_ETH0, PC1_ETH0, s, c, answer, sizeof(answer), 2);
	maker_show(e, SW1_PC1, &f, at_ns + 5 * MS);
}

static struct maker_tcp seg(uint32_t seq, uint32_t ack, uint8_t flags, const char *payload)
{
	return (struct maker_tcp){ .seq = seq, .ack = ack, .flags = flags, .payload = payload };
}

static void up(struct engine *e, struct ep s, uint16_t port, struct maker_tcp t, int64_t at_ns)
{
	struct frame f = maker_tcp(PC1_ETH0, R1_ETH0, maker_ep(0, 1, port), s, t);

	maker_show(e, PC1_SW1, &f, at_ns);
}

static void down(struct engine *e, struct ep s, uint16_t port, struct maker_tcp t, int64_t at_ns)
{
	struct frame f = maker_tcp(R1_ETH0, PC1_ETH0, s, maker_ep(0, 1, port), t);

	maker_show(e, SW1_PC1, &f, at_ns);
}

static void refused(struct engine *e, int64_t at_ns)
{
	struct ep s = maker_ep(1, 10, 81);

	up(e, s, 40002, seg(1, 0, TCP_SYN, NULL), at_ns);
	down(e, s, 40002, seg(0, 2, TCP_RST | TCP_ACK, NULL), at_ns + MS);
}

static void http(struct engine *e, int64_t at_ns)
{
	struct ep s = maker_ep(1, 10, 80);

	up(e, s, 40003, seg(99, 0, TCP_SYN, NULL), at_ns);
	down(e, s, 40003, seg(499, 100, TCP_SYN | TCP_ACK, NULL), at_ns + 20 * MS);
	up(e, s, 40003, seg(100, 500, TCP_ACK, NULL), at_ns + 21 * MS);
	up(e, s, 40003,
	   seg(100, 500, TCP_ACK | TCP_PSH,
	       "GET /secret HTTP/1.1\r\nHost: www.test\r\nReferer: http://a.test/\r\n"
	       "Authorization: Basic Ym9iOmJvYg==\r\n\r\n"),
	   at_ns + 30 * MS);
	down(e, s, 40003,
	     seg(500, 200, TCP_ACK | TCP_PSH,
		 "HTTP/1.1 401 Unauthorized\r\nServer: labd\r\nContent-Length: 0\r\n\r\n"),
	     at_ns + 70 * MS);
}

static void ping(struct engine *e, int64_t at_ns)
{
	static const uint8_t body[] = { 0, 7, 0, 1, 'a', 'b', 'c', 'd' };
	struct ep a = maker_ep(0, 1, 0), b = maker_ep(0, 4, 0);
	struct frame f = maker_icmp(PC1_ETH0, R1_ETH0, a, b, 8, 0, body, sizeof(body), 64);

	maker_show(e, PC1_SW1, &f, at_ns);
	f = maker_icmp(R1_ETH0, PC1_ETH0, b, a, 0, 0, body, sizeof(body), 64);
	maker_show(e, SW1_PC1, &f, at_ns + 2 * MS);
}

static void tell(struct engine *e)
{
	struct frame arp =
		maker_arp(PC1_ETH0, 0, ARP_REQUEST, maker_ep(0, 1, 0), maker_ep(0, 9, 0));
	struct frame lost =
		maker_udp(R1_ETH1, WWW_ETH0, maker_ep(1, 1, 7), maker_ep(1, 10, 9), "x", 1, 1);
	struct db_gap gap = { .way = R1_WWW,
			      .device = -1,
			      .since_ns = 0,
			      .until_ns = 10 * SEC,
			      .what = "frames",
			      .missing = 3,
			      .reason = "test" };

	for (int i = 0; i < 3; i++)
		maker_show(e, PC1_SW1, &arp, i * 1000 * MS);
	dns(e, 3000 * MS);
	refused(e, 3100 * MS);
	http(e, 3200 * MS);
	ping(e, 3400 * MS);
	maker_show_fate(e, R1_WWW, &lost, 3500 * MS, WIRE_LOST, 0);
	engine_seen(e, WALL0 + 20 * SEC);
	store_gap(engine_store(e), &gap);
	engine_commit(e);
}

static int make(void **state)
{
	static struct log_args args;
	struct engine *e;

	(void)state;
	maker_path(path);
	args = maker_args(path);
	e = maker_engine(&args);
	tell(e);
	engine_free(e);
	return 0;
}

static int remove_all(void **state)
{
	(void)state;
	maker_remove(path);
	return 0;
}

struct question {
	const char *sql, *answer;
};

static const struct question questions[] = {
	{ "SELECT count(*) FROM packets", "15" },
	{ "SELECT time || ' ' || sender || '>' || receiver || ' ' || protocol FROM packets "
	  "WHERE id = 4",
	  "08:00:03.000000 pc1>sw1 DNS" },
	{ "SELECT fate FROM packets WHERE sender = 'r1' AND receiver = 'www'", "lost" },
	{ "SELECT ttl || ' ' || (wall_ns - 1767254400000000000) FROM packets WHERE id = 4",
	  "64 3000000000" },
	{ "SELECT number || ' ' || time || ' ' || source || ' ' || info FROM packet_list "
	  "WHERE link LIKE 'pc1%' AND protocol = 'HTTP' ORDER BY number LIMIT 1",
	  "11 3.23 10.0.0.1 GET /secret HTTP/1.1" },
	{ "SELECT bytes || ' ' || incomplete FROM link_rates WHERE link LIKE 'r1:eth1%'", "43 1" },
	{ "SELECT tx_packets || ' ' || rx_packets FROM top_talkers WHERE layer = 'IPv4' AND "
	  "address = '10.0.0.1' AND link LIKE 'pc1%'",
	  "6 5" },
	{ "SELECT packets FROM protocols WHERE application = 'DNS' AND port = 53", "2" },
	{ "SELECT peak_bps FROM app_bandwidth WHERE application = 'DNS'", "1088" },
	{ "SELECT name FROM hosts_communicating WHERE layer = 'IPv4' AND address = '10.0.0.1'",
	  "pc1" },
	{ "SELECT packets_ab || ' ' || packets_ba FROM conversations WHERE layer = 'tcp' AND "
	  "b_port = 80",
	  "3 2" },
	{ "SELECT packets FROM packet_lengths WHERE application = 'ARP' AND bucket = '40-79'",
	  "3" },
	{ "SELECT group_concat(packets) FROM (SELECT packets FROM traffic_timeseries WHERE "
	  "series = 'all' AND link LIKE 'pc1%' ORDER BY second)",
	  "1,1,1,11" },
	{ "SELECT share FROM app_vs_link_throughput WHERE application = 'ARP' AND second = 0",
	  "1.0" },
	{ "SELECT group_concat(kind || ' ' || count) FROM (SELECT kind, count FROM "
	  "connection_problems WHERE link LIKE 'pc1%' ORDER BY kind)",
	  "arp-unanswered 3,dns-failure 1,login-failure 1,refused 1" },
	{ "SELECT ms FROM answers WHERE service = 'dns'", "5.0" },
	{ "SELECT ms FROM answers WHERE service = 'http'", "40.0" },
	{ "SELECT ms FROM answers WHERE service = 'icmp'", "2.0" },
	{ "SELECT requests || ' ' || answered || ' ' || p95_ms || ' ' || above FROM "
	  "service_response_time WHERE service = 'tcp' AND server = '10.0.1.10'",
	  "2 1 20.0 0" },
	{ "SELECT method || ' ' || host || url || ' ' || status || ' ' || referrer FROM http_flows",
	  "GET www.test/secret 401 http://a.test/" },
	{ "SELECT target FROM http_referrals", "http://www.test/secret" },
	{ "SELECT class || ' ' || url FROM http_errors", "client http://www.test/secret" },
	{ "SELECT protocol || ' ' || kind || ' ' || secret FROM cleartext_credentials",
	  "HTTP basic ****" },
	{ "SELECT value FROM learned_config WHERE kind = 'version'", "labd" },
	{ "SELECT count(*) FROM learned_config WHERE kind = 'server' AND value = "
	  "'10.0.1.10:80/tcp'",
	  "1" },
	{ "SELECT problem || ' ' || host FROM misconfigured_hosts", "arp-unanswered 10.0.0.1" },
	{ "SELECT encrypted FROM cleartext_apps WHERE application = 'HTTP'", "no" },
	{ "SELECT window || ' ' || initial_ttl || ' ' || banner FROM passive_fingerprints WHERE "
	  "host = '10.0.1.10'",
	  "64240 64 labd" },
	{ "SELECT reason FROM unusual_ports WHERE port = 81", "unknown-port" },
	{ "SELECT text FROM startup_sequence WHERE device = 'pc1' AND n = 1",
	  "Who has 10.0.0.9? Tell 10.0.0.1" },
	{ "SELECT rule FROM drops WHERE device = 'the wire'", "wire.drop-lost" },
	{ "SELECT count(*) FROM explained WHERE rule = 'kernel.arp.drop-unanswered' AND packet = 3",
	  "1" },
	{ "SELECT kept || ' ' || missing FROM packet_bytes WHERE packet = 15", "43 0" },
	{ "SELECT dump FROM packet_bytes WHERE packet = 15",
	  "0000  02 00 00 00 00 08 02 00 00 00 00 07 08 00 45 00  ..............E.\n"
	  "0010  00 1d 00 01 00 00 40 11 64 c5 0a 00 01 01 0a 00  ......@.d.......\n"
	  "0020  01 0a 00 07 00 09 00 09 71 c1 78                 ........q.x" },
	{ "SELECT group_concat(layer || '.' || field || '=' || value, ' ') FROM packet_layers "
	  "WHERE "
	  "packet = 15 AND field IN ('Source Address', 'Destination Port', 'Time to Live', "
	  "'Source')",
	  "Ethernet.Source=02:00:00:00:00:07 IPv4.Time to Live=64 IPv4.Source Address=10.0.1.1 "
	  "UDP.Destination Port=9" },
	{ "SELECT value FROM packet_layers WHERE packet = 11 AND layer = 'HTTP' AND field = 'Host'",
	  "www.test" },
	{ "SELECT name FROM address_name WHERE address = '10.0.0.1'", "pc1" },
};

static void answers_rightly(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
		const char *got = maker_ask(path, questions[i].sql);

		if (strcmp(got, questions[i].answer) != 0) {
			print_error("%s\n  expected: %s\n  got:      %s\n", questions[i].sql,
				    questions[i].answer, got);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

/* One view and one column after another, so that one that is never asked for is tried as well. */
static void every_view_answers(void **state)
{
	const char *names =
		maker_ask(path, "SELECT group_concat(name) FROM sqlite_schema WHERE type = 'view'");
	char list[4096], sql[256], *name, *rest = list;
	unsigned n = 0;

	(void)state;
	str_copy(list, sizeof(list), names);
	while ((name = strsep(&rest, ",")) != NULL) {
		if (strcmp(name, "leases") == 0) /* of a table that this test's devices lack */
			continue;
		snprintf(sql, sizeof(sql),
			 "SELECT max(n) FROM (SELECT count(*) OVER () AS n, * FROM %s)", name);
		(void)maker_ask(path, sql);
		n++;
	}
	assert_true(n > 35);
}

static void statistics_are_there(void **state)
{
	(void)state;
	assert_string_equal(maker_ask(path, "SELECT stat FROM sqlite_stat1 WHERE tbl = 'packet'"),
			    "1000000");
	assert_string_equal(maker_ask(path, "PRAGMA integrity_check"), "ok");
	assert_string_equal(maker_ask(path, "SELECT count(*) FROM pragma_foreign_key_check"), "0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_view_answers),
		cmocka_unit_test(answers_rightly),
		cmocka_unit_test(statistics_are_there),
	};

	return cmocka_run_group_tests_name("log_views", tests, make, remove_all);
}
