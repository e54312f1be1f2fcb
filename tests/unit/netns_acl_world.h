/* netns_acl_world.h: a router between two hosts in real namespaces, what they send each other, and
 * what the router decides about it. */
#ifndef LABD_TESTS_NETNS_ACL_WORLD_H
#define LABD_TESTS_NETNS_ACL_WORLD_H

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

static inline void address(struct box_ns *ns, const char *name, const char *ip4, const char *ip6)
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

static inline void default_routes(struct box_ns *ns, const char *via4, const char *via6)
{
	struct nl_route r4 = { .dst = { .family = AF_INET } };
	struct nl_route r6 = { .dst = { .family = AF_INET6 } };

	assert_true(nl_ip_parse(via4, &r4.via));
	assert_true(nl_ip_parse(via6, &r6.via));
	assert_done(nl_route_add(ns->h, &r4, &box_err));
	assert_done(nl_route_add(ns->h, &r6, &box_err));
}

static inline struct world world_new(void)
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

static inline void world_done(struct world *w)
{
	w->log = nflog_close(w->log);
	w->nf = nlh_close(w->nf);
	box_ns_done(&w->pc);
	box_ns_done(&w->router);
	box_ns_done(&w->server);
}

static inline void apply(struct world *w, const struct acl *acl, const char *interface,
			 enum acl_dir dir)
{
	const struct acl_binding b = { .interface = interface, .dir = dir, .acl = acl };
	const struct acl_set set = { .bindings = &b, .n_bindings = 1, .group = GROUP };

	assert_done(acl_apply(w->nf, &set, &box_err));
}

struct end {
	union {
		struct sockaddr sa;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
	socklen_t len;
};

static inline struct end end_of(const char *ip, uint16_t port)
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

static inline int bound(const struct box_ns *ns, int type, const char *ip, uint16_t port)
{
	const struct end e = end_of(ip, port);
	int fd = box_socket(ns, e.sa.sa_family, type, 0), one = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(fd, &e.sa, e.len), 0);
	return fd;
}

static inline bool readable(int fd, int wait_ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, wait_ms) > 0;
}

/* The next decision that the router reports about anything but IPv6's own upkeep. */
static inline struct acl_hit next_hit(struct world *w, struct nflog_packet *ret_packet)
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
static inline struct acl_hit send_udp(struct world *w, const struct box_ns *from, const char *src,
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

static inline struct acl_hit pc_to_server(struct world *w, uint16_t src_port, uint16_t dst_port)
{
	return send_udp(w, &w->pc, "10.0.0.2", src_port, &w->server, "10.0.1.2", dst_port);
}

#define ANY                                        \
	{                                          \
		.wildcard = { 255, 255, 255, 255 } \
	}
#define HOST(...)                        \
	{                                \
		.bytes = { __VA_ARGS__ } \
	}

static inline uint64_t count_of(struct world *w, uint32_t seq)
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

static const struct acl_entry permit_53[] = {
	{ .seq = 10,
	  .permit = true,
	  .protocol = IPPROTO_UDP,
	  .src = ANY,
	  .dst = ANY,
	  .dst_port = { ACL_PORT_EQ, 53, 0 } },
};
static const struct acl acl_53 = { "only 53", AF_INET, permit_53, 1 };

#endif
