/* Each entry against real packets: addresses, ports, directions, TCP, ICMP, fragments, IPv6. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "netns_acl_world.h"

/* ---- one row, one packet ---- */

static const struct acl_entry rows_entries[] = {
	/* clang-format off */
	{ .seq = 10, .permit = true, .protocol = IPPROTO_UDP, .src = HOST(10, 0, 0, 2), .dst = ANY,
	  .dst_port = { ACL_PORT_EQ, 53, 0 } },
	{ .seq = 20, .permit = false, .protocol = IPPROTO_UDP, .src = ANY, .dst = HOST(10, 0, 1, 2),
	  .src_port = { ACL_PORT_RANGE, 3000, 3010 } },
	{ .seq = 30, .permit = true, .protocol = IPPROTO_UDP, .src = ANY, .dst = ANY,
	  .src_port = { ACL_PORT_LT, 1000, 0 } },
	{ .seq = 40, .permit = true, .protocol = IPPROTO_UDP, .src = ANY, .dst = ANY,
	  .src_port = { ACL_PORT_GT, 60000, 0 } },
	/* the odd wildcard: any host whose last byte is even, in any net 10.x.1 */
	{ .seq = 50, .permit = true, .protocol = IPPROTO_UDP, .src = ANY,
	  .dst = { .bytes = { 10, 0, 1, 0 }, .wildcard = { 0, 255, 0, 254 } },
	  .dst_port = { ACL_PORT_NEQ, 99, 0 } },
	/* clang-format on */
};

static const struct {
	uint16_t src_port, dst_port;
	uint32_t seq;
	bool permit;
} rows[] = {
	{ 5000, 53, 10, true },	 { 3000, 53, 10, true },  { 2999, 7, 50, true },
	{ 3000, 7, 20, false },	 { 3005, 7, 20, false },  { 3010, 7, 20, false },
	{ 3011, 7, 50, true },	 { 999, 99, 30, true },	  { 1000, 99, 0, false },
	{ 60001, 99, 40, true }, { 60000, 99, 0, false }, { 4000, 98, 50, true },
};

static void test_rows(void **state)
{
	const struct acl acl = { "101", AF_INET, rows_entries,
				 sizeof(rows_entries) / sizeof(*rows_entries) };
	struct world w = world_new();

	(void)state;
	apply(&w, &acl, "eth0", ACL_IN);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct acl_hit hit = pc_to_server(&w, rows[i].src_port, rows[i].dst_port);

		if (hit.seq != rows[i].seq || hit.permit != rows[i].permit)
			fail_msg("%u -> %u: entry %u, %s", rows[i].src_port, rows[i].dst_port,
				 hit.seq, hit.permit ? "permit" : "deny");
	}
	world_done(&w);
}

/* The lines of an anti-spoofing list for DHCP: what a client sends before it has an address. */
static void test_dhcp_example(void **state)
{
	static const struct acl_entry entries[] = {
		{ .seq = 10,
		  .permit = true,
		  .protocol = IPPROTO_UDP,
		  .src = HOST(0, 0, 0, 0),
		  .dst = HOST(255, 255, 255, 255),
		  .src_port = { ACL_PORT_EQ, 68, 0 },
		  .dst_port = { ACL_PORT_EQ, 67, 0 } },
		{ .seq = 20,
		  .permit = true,
		  .protocol = ACL_PROTO_ANY,
		  .src = { .bytes = { 10, 0, 0, 0 }, .wildcard = { 0, 0, 0, 63 } },
		  .dst = ANY },
	};
	const struct acl acl = { "anti-spoofing", AF_INET, entries, 2 };
	struct world w = world_new();
	const struct end all = end_of("255.255.255.255", 67);
	struct nflog_packet packet;
	int server, client, one = 1;
	struct nl_ifaddr mine = { .prefix_len = 24 };

	(void)state;
	apply(&w, &acl, "eth0", ACL_IN);
	assert_int_equal(pc_to_server(&w, 9, 9).seq, 20);
	server = bound(&w.router, SOCK_DGRAM, "0.0.0.0", 67);
	/* Without an address the client's datagram carries 0.0.0.0. */
	assert_done(nl_link_index(w.pc.h, "eth0", &mine.index, &box_err));
	assert_done(nl_ifaddr_flush(w.pc.h, mine.index, AF_INET, &box_err));
	client = bound(&w.pc, SOCK_DGRAM, "0.0.0.0", 68);
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one)), 0);
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_BINDTODEVICE, "eth0", 5), 0);
	assert_int_equal(sendto(client, "x", 1, 0, &all.sa, all.len), 1);
	assert_int_equal(next_hit(&w, &packet).seq, 10);
	assert_true(readable(server, WAIT_MS));
	(void)close(client);
	(void)close(server);
	world_done(&w);
}

/* ---- directions ---- */

/* Inbound: what is for the router itself as well as what it forwards; nothing else. */
static void test_in(void **state)
{
	struct world w = world_new();
	struct acl_hit hit;

	(void)state;
	apply(&w, &acl_53, "eth0", ACL_IN);
	hit = send_udp(&w, &w.pc, "10.0.0.2", 9, &w.router, "10.0.0.1", 54);
	assert_false(hit.permit);
	assert_int_equal(hit.seq, 0);
	assert_string_equal(hit.name, "only 53");
	assert_string_equal(hit.interface, "eth0");
	assert_int_equal(hit.dir, ACL_IN);
	assert_true(send_udp(&w, &w.pc, "10.0.0.2", 9, &w.router, "10.0.0.1", 53).permit);
	assert_true(pc_to_server(&w, 9, 53).permit);
	assert_false(pc_to_server(&w, 9, 54).permit);
	world_done(&w);
}

/* Outbound: what is forwarded; not what the router sends by itself, nor what it receives there. */
static void test_out(void **state)
{
	struct world w = world_new();
	const struct end e = end_of("10.0.1.2", 54);
	int server, router;

	(void)state;
	apply(&w, &acl_53, "eth1", ACL_OUT);
	assert_false(pc_to_server(&w, 9, 54).permit);
	assert_int_equal(pc_to_server(&w, 9, 53).dir, ACL_OUT);
	assert_int_equal(count_of(&w, 0), 1);
	server = bound(&w.server, SOCK_DGRAM, "10.0.1.2", 54);
	router = bound(&w.router, SOCK_DGRAM, "10.0.1.1", 9);
	assert_int_equal(sendto(router, "x", 1, 0, &e.sa, e.len), 1);
	assert_true(readable(server, WAIT_MS));
	assert_int_equal(count_of(&w, 0), 1);
	(void)close(server);
	(void)close(router);
	world_done(&w);
}

/* ---- TCP, ICMP, fragments, IPv6 ---- */

static bool connects(const struct box_ns *from, const char *dst, uint16_t port, int listener,
		     int wait_ms)
{
	const struct end e = end_of(dst, port);
	int fd = box_socket(from, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	bool up;

	assert_true(connect(fd, &e.sa, e.len) < 0 && errno == EINPROGRESS);
	up = poll(&pfd, 1, wait_ms) > 0 && (pfd.revents & POLLOUT) && !(pfd.revents & POLLERR);
	if (up)
		(void)close(accept(listener, NULL, NULL));
	(void)close(fd);
	return up;
}

/* Replies to a connection from inside pass, new ones from outside do not. */
static void test_established(void **state)
{
	static const struct acl_entry entries[] = {
		{ .seq = 10,
		  .permit = true,
		  .protocol = IPPROTO_TCP,
		  .src = ANY,
		  .dst = ANY,
		  .established = true },
	};
	const struct acl acl = { "110", AF_INET, entries, 1 };
	struct world w = world_new();
	int inside, outside;

	(void)state;
	inside = bound(&w.pc, SOCK_STREAM, "10.0.0.2", 80);
	outside = bound(&w.server, SOCK_STREAM, "10.0.1.2", 80);
	assert_int_equal(listen(inside, 1), 0);
	assert_int_equal(listen(outside, 1), 0);
	apply(&w, &acl, "eth1", ACL_IN);
	assert_true(connects(&w.pc, "10.0.1.2", 80, outside, WAIT_MS));
	assert_true(count_of(&w, 10) >= 1);
	assert_int_equal(count_of(&w, 0), 0);
	assert_false(connects(&w.server, "10.0.0.2", 80, inside, 50));
	assert_int_equal(count_of(&w, 0), 1);
	(void)close(inside);
	(void)close(outside);
	world_done(&w);
}

static void send_ping(int fd)
{
	struct icmphdr echo = { .type = ICMP_ECHO };
	const struct end e = end_of("10.0.1.2", 0);

	assert_int_equal(sendto(fd, &echo, sizeof(echo), 0, &e.sa, e.len), sizeof(echo));
}

static void test_icmp(void **state)
{
	static struct acl_entry entries[] = {
		{ .seq = 10,
		  .permit = true,
		  .protocol = IPPROTO_ICMP,
		  .src = ANY,
		  .dst = ANY,
		  .has_icmp_type = true,
		  .icmp_type = ICMP_ECHO,
		  .has_icmp_code = true },
	};
	const struct acl acl = { "120", AF_INET, entries, 1 };
	struct world w = world_new();
	int fd = box_socket(&w.pc, AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	char reply[64];

	(void)state;
	apply(&w, &acl, "eth0", ACL_IN);
	send_ping(fd);
	assert_true(readable(fd, WAIT_MS));
	assert_true(recv(fd, reply, sizeof(reply), 0) > 0);
	assert_int_equal(count_of(&w, 10), 1);
	entries[0].icmp_code = 1;
	apply(&w, &acl, "eth0", ACL_IN);
	send_ping(fd);
	assert_int_equal(count_of(&w, 10), 0);
	assert_int_equal(count_of(&w, 0), 1);
	entries[0].icmp_code = 0;
	entries[0].icmp_type = ICMP_ECHOREPLY;
	apply(&w, &acl, "eth0", ACL_IN);
	send_ping(fd);
	assert_int_equal(count_of(&w, 0), 1);
	(void)close(fd);
	world_done(&w);
}

static void send_big(const struct box_ns *from, const char *dst)
{
	static char data[4000]; /* three fragments */
	const struct end e = end_of(dst, 53);
	int fd = box_socket(from, e.sa.sa_family, SOCK_DGRAM, 0);

	assert_int_equal(sendto(fd, data, sizeof(data), 0, &e.sa, e.len), sizeof(data));
	(void)close(fd);
}

/* A permit entry with ports lets the later fragments through, a deny entry leaves them alone. */
static void test_fragments(void **state)
{
	static const char *const server_ips[] = { "10.0.1.2", "fd01::2" };
	struct acl_entry entries[] = {
		{ .seq = 10,
		  .permit = true,
		  .protocol = IPPROTO_UDP,
		  .src = acl_addr_any(),
		  .dst = acl_addr_any(),
		  .dst_port = { ACL_PORT_EQ, 53, 0 } },
		{ .seq = 20, .permit = true, .src = acl_addr_any(), .dst = acl_addr_any() },
	};
	struct world w = world_new();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct acl acl = { "f", i ? AF_INET6 : AF_INET, entries, 2 };
		int server = bound(&w.server, SOCK_DGRAM, server_ips[i], 53);

		entries[0].permit = true;
		apply(&w, &acl, "eth0", ACL_IN);
		send_big(&w.pc, server_ips[i]);
		assert_true(readable(server, WAIT_MS));
		assert_int_equal(count_of(&w, 10), 3);
		(void)close(server);

		entries[0].permit = false;
		apply(&w, &acl, "eth0", ACL_IN);
		send_big(&w.pc, server_ips[i]);
		assert_int_equal(count_of(&w, 10), 1);
		assert_int_equal(count_of(&w, 20) >= 2, 1); /* ICMPv6 may be there too */
	}
	world_done(&w);
}

static void test_ipv6(void **state)
{
	static const struct acl_entry entries[] = {
		{ .seq = 10,
		  .permit = true,
		  .protocol = IPPROTO_UDP,
		  .src = { .bytes = { 0xfd },
			   .wildcard = { [1] = 0, [8] = 255, 255, 255, 255, 255, 255, 255, 255 } },
		  .dst = { .bytes = { 0xfd, 1, [15] = 2 } },
		  .dst_port = { ACL_PORT_EQ, 53, 0 } },
	};
	const struct acl acl = { "six", AF_INET6, entries, 1 };
	struct world w = world_new();
	struct nl_neigh *neighs;
	size_t n;

	(void)state;
	apply(&w, &acl, "eth0", ACL_IN);
	/* Neighbour discovery works under a list that permits one port. */
	assert_true(send_udp(&w, &w.pc, "fd00::2", 9, &w.server, "fd01::2", 53).permit);
	assert_false(send_udp(&w, &w.pc, "fd00::2", 9, &w.server, "fd01::2", 54).permit);
	assert_done(nl_neigh_dump(w.router.h, w.eth0, AF_INET6, &neighs, &n, &box_err));
	assert_true(n >= 1);
	free(neighs);
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),	    cmocka_unit_test(test_dhcp_example),
		cmocka_unit_test(test_in),	    cmocka_unit_test(test_out),
		cmocka_unit_test(test_established), cmocka_unit_test(test_icmp),
		cmocka_unit_test(test_fragments),   cmocka_unit_test(test_ipv6),
	};

	box_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
