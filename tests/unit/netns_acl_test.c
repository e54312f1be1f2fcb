#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "netns_box.h"

#include "netns/acl.h"
#include "netns/addr.h"
#include "netns/nflog.h"
#include "netns/nft.h"
#include "netns/sysctl.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#define GROUP	7
#define WAIT_MS 3000 /* for what must come */

/*
 * pc 10.0.0.2 -- eth0 router eth1 -- 10.0.1.2 server, new for each test, with the router's handle
 * on netfilter and its NFLOG reader.
 */
struct world {
	struct box_ns pc, router, server;
	struct nl_h *nf;
	struct nflog *log;
	int eth0, eth1; /* the router's */
};

static void address(struct box_ns *ns, const char *name, const char *ip4, const char *ip6)
{
	struct nl_ifaddr a4 = { .prefix_len = 24 };
	struct nl_ifaddr a6 = { .prefix_len = 64, .flags = IFA_F_NODAD };

	assert_done(nl_link_index(ns->h, name, &a4.index, &box_err));
	a6.index = a4.index;
	assert_true(nl_ip_parse(ip4, &a4.ip));
	assert_true(nl_ip_parse(ip6, &a6.ip));
	assert_done(nl_ifaddr_add(ns->h, &a4, &box_err));
	assert_done(nl_ifaddr_add(ns->h, &a6, &box_err));
}

static void default_routes(struct box_ns *ns, const char *via4, const char *via6)
{
	struct nl_route r4 = { .dst = { .family = AF_INET } };
	struct nl_route r6 = { .dst = { .family = AF_INET6 } };

	assert_true(nl_ip_parse(via4, &r4.via));
	assert_true(nl_ip_parse(via6, &r6.via));
	assert_done(nl_route_add(ns->h, &r4, &box_err));
	assert_done(nl_route_add(ns->h, &r6, &box_err));
}

static struct world world_new(void)
{
	struct world w = { .pc = box_ns_new(), .router = box_ns_new(), .server = box_ns_new() };

	(void)ns_sysctl_apply(w.pc.fd, NS_ROLE_HOST | NS_ROLE_IPV6, NULL, NULL, NULL);
	(void)ns_sysctl_apply(w.router.fd, NS_ROLE_ROUTER | NS_ROLE_IPV6, NULL, NULL, NULL);
	(void)ns_sysctl_apply(w.server.fd, NS_ROLE_HOST | NS_ROLE_IPV6, NULL, NULL, NULL);
	box_veth(&w.router, "eth0", &w.pc, "eth0");
	box_veth(&w.router, "eth1", &w.server, "eth0");
	address(&w.pc, "eth0", "10.0.0.2", "fd00::2");
	address(&w.router, "eth0", "10.0.0.1", "fd00::1");
	address(&w.router, "eth1", "10.0.1.1", "fd01::1");
	address(&w.server, "eth0", "10.0.1.2", "fd01::2");
	default_routes(&w.pc, "10.0.0.1", "fd00::1");
	default_routes(&w.server, "10.0.1.1", "fd01::1");
	assert_done(nl_link_index(w.router.h, "eth0", &w.eth0, &box_err));
	assert_done(nl_link_index(w.router.h, "eth1", &w.eth1, &box_err));
	assert_done(nlh_open(w.router.fd, NETLINK_NETFILTER, &w.nf, &box_err));
	assert_done(nflog_open(w.router.fd, GROUP, 64, &w.log, &box_err));
	return w;
}

static void world_done(struct world *w)
{
	w->log = nflog_close(w->log);
	w->nf = nlh_close(w->nf);
	box_ns_done(&w->pc);
	box_ns_done(&w->router);
	box_ns_done(&w->server);
}

static void apply(struct world *w, const struct acl *acl, const char *interface, enum acl_dir dir)
{
	const struct acl_binding b = { .interface = interface, .dir = dir, .acl = acl };
	const struct acl_set set = { .bindings = &b, .n_bindings = 1, .group = GROUP };

	assert_done(acl_apply(w->nf, &set, &box_err));
}

/* ---- traffic ---- */

struct end {
	union {
		struct sockaddr sa;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
	socklen_t len;
};

static struct end end_of(const char *ip, uint16_t port)
{
	struct end e = { .len = sizeof(e.v4) };

	if (inet_pton(AF_INET, ip, &e.v4.sin_addr) == 1) {
		e.v4.sin_family = AF_INET;
		e.v4.sin_port = htons(port);
		return e;
	}
	e = (struct end){ .len = sizeof(e.v6) };
	assert_int_equal(inet_pton(AF_INET6, ip, &e.v6.sin6_addr), 1);
	e.v6.sin6_family = AF_INET6;
	e.v6.sin6_port = htons(port);
	return e;
}

static int bound(const struct box_ns *ns, int type, const char *ip, uint16_t port)
{
	const struct end e = end_of(ip, port);
	int fd = box_socket(ns, e.sa.sa_family, type, 0), one = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(fd, &e.sa, e.len), 0);
	return fd;
}

static bool readable(int fd, int wait_ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, wait_ms) > 0;
}

/* The next decision that the router reports about anything but IPv6's own upkeep. */
static struct acl_hit next_hit(struct world *w, struct nflog_packet *ret_packet)
{
	struct acl_hit hit;

	for (;;) {
		int r = nflog_next(w->log, ret_packet, &box_err);

		assert_done(r);
		if (r == 0) {
			assert_true(readable(nflog_fd(w->log), WAIT_MS));
			continue;
		}
		assert_true(acl_hit_parse(ret_packet->prefix, &hit));
		assert_int_equal(ret_packet->n_lost, 0);
		if (ret_packet->protocol == ETH_P_IPV6 && ret_packet->payload[6] != IPPROTO_UDP)
			continue;
		return hit;
	}
}

/*
 * Sends one datagram and returns what the router decided. Its arrival must agree: the verdict falls
 * behind the report, but within the same call of the kernel, so a denied one is never late.
 */
static struct acl_hit send_udp(struct world *w, const struct box_ns *from, const char *src,
			       uint16_t src_port, const struct box_ns *to, const char *dst,
			       uint16_t dst_port)
{
	const struct end e = end_of(dst, dst_port);
	int server = bound(to, SOCK_DGRAM, dst, dst_port);
	int client = bound(from, SOCK_DGRAM, src, src_port);
	struct nflog_packet packet;
	struct acl_hit hit;

	assert_int_equal(sendto(client, "x", 1, 0, &e.sa, e.len), 1);
	hit = next_hit(w, &packet);
	assert_int_equal(readable(server, hit.permit ? WAIT_MS : 20), hit.permit);
	(void)close(client);
	(void)close(server);
	return hit;
}

static struct acl_hit pc_to_server(struct world *w, uint16_t src_port, uint16_t dst_port)
{
	return send_udp(w, &w->pc, "10.0.0.2", src_port, &w->server, "10.0.1.2", dst_port);
}

/* ---- one row, one packet ---- */

#define ANY                                        \
	{                                          \
		.wildcard = { 255, 255, 255, 255 } \
	}
#define HOST(...)                        \
	{                                \
		.bytes = { __VA_ARGS__ } \
	}

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

static const struct acl_entry permit_53[] = {
	{ .seq = 10,
	  .permit = true,
	  .protocol = IPPROTO_UDP,
	  .src = ANY,
	  .dst = ANY,
	  .dst_port = { ACL_PORT_EQ, 53, 0 } },
};
static const struct acl acl_53 = { "only 53", AF_INET, permit_53, 1 };

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

static uint64_t count_of(struct world *w, uint32_t seq)
{
	struct acl_count *counts;
	uint64_t found = UINT64_MAX;
	size_t n;

	assert_done(acl_counts(w->nf, &counts, &n, &box_err));
	for (size_t i = 0; i < n; i++)
		if (counts[i].rule.seq == seq)
			found = counts[i].n_packets;
	free(counts);
	return found;
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

/* ---- reports, counters, replacing ---- */

static void test_report(void **state)
{
	struct world w = world_new();
	struct nflog_packet p;
	struct nl_link pc;
	struct acl_hit hit;
	const struct end e = end_of("10.0.1.2", 54);
	int fd = bound(&w.pc, SOCK_DGRAM, "10.0.0.2", 1234);
	char data[200] = "payload";
	struct nflog *second;

	(void)state;
	assert_done(nl_link_get(w.pc.h, "eth0", &pc, &box_err));
	apply(&w, &acl_53, "eth0", ACL_IN);
	assert_int_equal(sendto(fd, data, sizeof(data), 0, &e.sa, e.len), sizeof(data));
	hit = next_hit(&w, &p);
	assert_false(hit.permit);
	assert_string_equal(p.prefix, "acl in eth0 0 deny only 53");
	assert_int_equal(p.in_index, w.eth0);
	assert_int_equal(p.out_index, 0);
	assert_int_equal(p.hook, NF_INET_PRE_ROUTING);
	assert_int_equal(p.protocol, ETH_P_IP);
	assert_int_equal(p.mac_len, NL_MAC_LEN);
	assert_memory_equal(p.mac, pc.mac, NL_MAC_LEN);
	assert_int_equal(p.payload_len, 64); /* as asked for, of 228 */
	assert_memory_equal(p.payload + 16, &e.v4.sin_addr, 4);
	assert_string_equal((const char *)p.payload + 28, "payload");
	assert_true(p.time_ns == 0 || p.time_ns / 1000000000 <= time(NULL) + 1);
	assert_int_equal(nflog_next(w.log, &p, &box_err), 0);
	assert_int_equal(nflog_open(w.router.fd, GROUP, 64, &second, &box_err), -EPERM);
	assert_non_null(strstr(box_err.text, "another reader"));
	(void)close(fd);
	world_done(&w);
}

/* A transaction that fails at its last message, after it has deleted the table. */
static void apply_broken(struct nl_h *h)
{
	struct nlmsghdr *rule;
	struct nft t;

	nft_begin(&t, nlh_seq_block(h, NFT_MESSAGES_MAX));
	nft_table(&t, NFT_MSG_DELTABLE, 0, "acl");
	nft_table(&t, NFT_MSG_NEWTABLE, NLM_F_CREATE, "acl");
	rule = nft_rule(&t, "acl", "no such chain", "access list x entry 5");
	nft_counter(rule);
	nft_rule_end(&t, rule, NULL);
	assert_int_equal(nft_commit(&t, h, &box_err), -ENOENT);
	assert_non_null(strstr(box_err.text, "access list x entry 5: No such file"));
	nft_done(&t);
}

static void test_counts_and_replace(void **state)
{
	const struct acl empty = { "empty", AF_INET, NULL, 0 };
	const struct acl_binding b = { .interface = "eth0", .acl = &empty };
	const struct acl_set set = { .bindings = &b, .n_bindings = 1, .group = GROUP };
	struct world w = world_new();
	struct acl_count *counts;
	size_t n;
	int server, client;
	const struct end e = end_of("10.0.1.2", 54);

	(void)state;
	assert_done(acl_counts(w.nf, &counts, &n, &box_err));
	assert_int_equal(n, 0);
	assert_done(acl_remove(w.nf, &box_err)); /* nothing there is fine */
	apply(&w, &acl_53, "eth0", ACL_IN);
	for (int i = 0; i < 3; i++)
		(void)pc_to_server(&w, 9, 53);
	(void)pc_to_server(&w, 9, 54);
	assert_done(acl_counts(w.nf, &counts, &n, &box_err));
	assert_int_equal(n, 2);
	assert_int_equal(counts[0].rule.seq, 10);
	assert_true(counts[0].rule.permit);
	assert_int_equal(counts[0].n_packets, 3);
	assert_int_equal(counts[0].n_bytes, 3 * 29);
	assert_int_equal(counts[1].rule.seq, 0);
	assert_int_equal(counts[1].n_packets, 1);
	free(counts);

	/* A set that the kernel does not take leaves the old one in force, counters and all. */
	apply_broken(w.nf);
	assert_int_equal(count_of(&w, 10), 3);
	assert_false(pc_to_server(&w, 9, 54).permit);

	assert_done(acl_apply(w.nf, &set, &box_err));
	assert_done(acl_counts(w.nf, &counts, &n, &box_err));
	assert_int_equal(n, 0);
	apply(&w, &acl_53, "eth0", ACL_IN);
	assert_done(acl_remove(w.nf, &box_err));
	server = bound(&w.server, SOCK_DGRAM, "10.0.1.2", 54);
	client = bound(&w.pc, SOCK_DGRAM, "10.0.0.2", 9);
	assert_int_equal(sendto(client, "x", 1, 0, &e.sa, e.len), 1);
	assert_true(readable(server, WAIT_MS));
	(void)close(client);
	(void)close(server);
	world_done(&w);
}

static void test_unreachable_and_quiet(void **state)
{
	struct acl_entry entries[] = {
		{ .seq = 10,
		  .permit = true,
		  .protocol = IPPROTO_UDP,
		  .src = acl_addr_any(),
		  .dst = acl_addr_any(),
		  .dst_port = { ACL_PORT_EQ, 53, 0 } },
		{ .seq = 20,
		  .permit = true,
		  .protocol = IPPROTO_UDP,
		  .src = acl_addr_any(),
		  .dst = acl_addr_any(),
		  .dst_port = { ACL_PORT_EQ, 54, 0 },
		  .log = true },
	};
	const struct acl acl = { "q", AF_INET, entries, 2 };
	const struct acl_binding b = { .interface = "eth0", .acl = &acl };
	const struct acl_set set = { .bindings = &b,
				     .n_bindings = 1,
				     .group = GROUP,
				     .log = ACL_LOG_MARKED,
				     .unreachable = true };
	struct world w = world_new();
	const struct end to_53 = end_of("10.0.1.2", 53), to_99 = end_of("10.0.1.2", 99);
	const struct end to_54 = end_of("10.0.1.2", 54);
	struct pollfd pfd = { .events = POLLIN };
	struct nflog_packet p;
	char c;

	(void)state;
	assert_done(acl_apply(w.nf, &set, &box_err));
	pfd.fd = bound(&w.pc, SOCK_DGRAM, "10.0.0.2", 9);
	assert_int_equal(sendto(pfd.fd, "x", 1, 0, &to_53.sa, to_53.len), 1);
	assert_int_equal(connect(pfd.fd, &to_99.sa, to_99.len), 0);
	assert_int_equal(send(pfd.fd, "x", 1, 0), 1);
	assert_true(poll(&pfd, 1, WAIT_MS) > 0);
	assert_true(recv(pfd.fd, &c, 1, 0) < 0 && errno == EHOSTUNREACH);
	(void)close(pfd.fd);
	assert_int_equal(count_of(&w, 10), 1);
	assert_int_equal(count_of(&w, 0), 1);
	/* Neither was reported: the first report is of the entry that says "log". */
	pfd.fd = bound(&w.pc, SOCK_DGRAM, "10.0.0.2", 9);
	assert_int_equal(sendto(pfd.fd, "x", 1, 0, &to_54.sa, to_54.len), 1);
	assert_int_equal(next_hit(&w, &p).seq, 20);
	(void)close(pfd.fd);
	world_done(&w);
}

/* As many entries as may be: more than one small buffer, one transaction. */
static void test_many(void **state)
{
	static struct acl_entry many[ACL_ENTRIES_MAX + 1];
	struct acl acl = { "many", AF_INET, many, 400 };
	const struct acl_binding b = { .interface = "eth0", .acl = &acl };
	const struct acl_set set = { .bindings = &b, .n_bindings = 1 };
	struct world w = world_new();
	struct acl_count *counts;
	size_t n;

	(void)state;
	for (size_t i = 0; i < ACL_ENTRIES_MAX + 1; i++)
		many[i] = (struct acl_entry){ .seq = (uint32_t)i + 1,
					      .protocol = IPPROTO_TCP,
					      .src = acl_addr4(0x0a000000, 0xff),
					      .dst = acl_addr4(0x0b000000 + (uint32_t)i, 0),
					      .dst_port = { ACL_PORT_EQ, 80, 0 } };
	assert_done(acl_apply(w.nf, &set, &box_err));
	assert_done(acl_counts(w.nf, &counts, &n, &box_err));
	assert_int_equal(n, 401);
	for (size_t i = 0; i < 400; i++)
		assert_int_equal(counts[i].rule.seq, i + 1);
	free(counts);
	acl.n_entries = ACL_ENTRIES_MAX + 1;
	assert_int_equal(acl_apply(w.nf, &set, &box_err), -E2BIG);
	acl.n_entries = ACL_ENTRIES_MAX;
	if (acl_apply(w.nf, &set, &box_err) < 0) { /* a host with a small wmem_max */
		print_message("%s\n", box_err.text);
		assert_int_equal(box_err.code, -EMSGSIZE);
		assert_int_equal(count_of(&w, 400), 0);
	}
	world_done(&w);
}

/* Two lists at once, each with its own counters. */
static void test_two_bindings(void **state)
{
	const struct acl_binding b[] = {
		{ .interface = "eth0", .dir = ACL_IN, .acl = &acl_53 },
		{ .interface = "eth1", .dir = ACL_OUT, .acl = &acl_53 },
	};
	const struct acl_set set = { .bindings = b, .n_bindings = 2, .group = GROUP };
	struct world w = world_new();
	struct nflog_packet p;
	struct acl_count *counts;
	size_t n;

	(void)state;
	assert_done(acl_apply(w.nf, &set, &box_err));
	assert_int_equal(pc_to_server(&w, 9, 53).dir, ACL_IN);
	assert_int_equal(next_hit(&w, &p).dir, ACL_OUT);
	assert_int_equal(p.out_index, w.eth1);
	assert_done(acl_counts(w.nf, &counts, &n, &box_err));
	assert_int_equal(n, 4);
	free(counts);
	world_done(&w);
}

/* ---- what is refused, and the words of a prefix ---- */

static void test_refused(void **state)
{
	static const struct {
		struct acl_entry entry;
		const char *part;
	} bad[] = {
		{ { .seq = 0 }, "begin at 1" },
		{ { .seq = 1, .dst_port = { ACL_PORT_EQ, 5, 0 } }, "ports need" },
		{ { .seq = 1, .protocol = IPPROTO_UDP, .established = true }, "established" },
		{ { .seq = 1, .protocol = IPPROTO_TCP, .has_icmp_type = true }, "needs icmp" },
		{ { .seq = 1, .protocol = IPPROTO_ICMP, .has_icmp_code = true }, "needs a type" },
		{ { .seq = 1, .protocol = IPPROTO_UDP, .src_port = { ACL_PORT_RANGE, 9, 8 } },
		  "above its end" },
	};
	struct box_ns ns = box_ns_new();
	const struct acl_binding twice[] = { { "eth0", ACL_IN, &acl_53 },
					     { "eth0", ACL_IN, &acl_53 } };
	const struct acl_set set = { .bindings = twice, .n_bindings = 2 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const struct acl acl = { "bad", AF_INET, &bad[i].entry, 1 };
		const struct acl_binding b = { .interface = "eth0", .acl = &acl };
		const struct acl_set one = { .bindings = &b, .n_bindings = 1 };

		assert_int_equal(acl_apply(ns.h, &one, &box_err), -EINVAL);
		assert_non_null(strstr(box_err.text, bad[i].part));
		assert_non_null(strstr(box_err.text, "access list bad entry"));
	}
	assert_int_equal(acl_apply(ns.h, &set, &box_err), -EINVAL);
	assert_non_null(strstr(box_err.text, "two access lists"));
	box_ns_done(&ns);
}

static void test_prefix(void **state)
{
	static const struct {
		const char *prefix;
		bool good;
		struct acl_hit hit;
	} p[] = {
		{ "acl in eth0 10 permit 101", true, { ACL_IN, true, 10, "eth0", "101" } },
		{ "acl out gi0-0 0 deny my list", true, { ACL_OUT, false, 0, "gi0-0", "my list" } },
		{ "acl up eth0 10 permit 101", false, { 0 } },
		{ "acl in eth0 10 maybe 101", false, { 0 } },
		{ "acl in eth0 10 permit ", false, { 0 } },
		{ "acl in eth0 ten permit 101", false, { 0 } },
		{ "acl in a-name-that-is-too-long 1 permit 1", false, { 0 } },
		{ "", false, { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(p) / sizeof(*p); i++) {
		struct acl_hit hit = { 0 };

		assert_int_equal(acl_hit_parse(p[i].prefix, &hit), p[i].good);
		assert_int_equal(hit.seq, p[i].hit.seq);
		assert_int_equal(hit.permit, p[i].hit.permit);
		assert_string_equal(hit.name, p[i].hit.name);
		assert_string_equal(hit.interface, p[i].hit.interface);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_dhcp_example),
		cmocka_unit_test(test_in),
		cmocka_unit_test(test_out),
		cmocka_unit_test(test_established),
		cmocka_unit_test(test_icmp),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_counts_and_replace),
		cmocka_unit_test(test_unreachable_and_quiet),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_two_bindings),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_prefix),
	};

	box_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
