#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "netns_box.h"

#include "netns/addr.h"
#include "netns/watch.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/route.h>
#include <netlink/socket.h>
#include <poll.h>

#define SEC INT64_C(1000000000)

static struct nl_ip ip(const char *text)
{
	struct nl_ip r;

	assert_true(nl_ip_parse(text, &r));
	return r;
}

/* Two namespaces with a veth "eth0" each; the index in the first. */
struct pair {
	struct box_ns a, b;
	int index, peer_index;
};

static struct pair pair_new(void)
{
	struct pair p = { .a = box_ns_new(), .b = box_ns_new() };

	box_veth(&p.a, "eth0", &p.b, "eth0");
	assert_done(nl_link_index(p.a.h, "eth0", &p.index, &box_err));
	assert_done(nl_link_index(p.b.h, "eth0", &p.peer_index, &box_err));
	return p;
}

static void pair_done(struct pair *p)
{
	box_ns_done(&p->a);
	box_ns_done(&p->b);
}

static void add_address(struct nl_h *h, int index, const char *text, uint8_t prefix_len)
{
	const struct nl_ifaddr a = {
		.index = index,
		.ip = ip(text),
		.prefix_len = prefix_len,
		.flags = strchr(text, ':') ? IFA_F_NODAD : 0,
	};

	assert_done(nl_ifaddr_add(h, &a, &box_err));
}

static void test_ip_text(void **state)
{
	static const struct {
		const char *text, *back; /* NULL: not an address */
	} rows[] = {
		{ "10.0.0.1", "10.0.0.1" },
		{ "fd77:0::1", "fd77::1" },
		{ "::", "::" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "10.0.0", NULL },
		{ "10.0.0.256", NULL },
		{ "", NULL },
		{ "fd77::1::", NULL },
		{ "r1", NULL },
	};
	char buf[NL_IP_TEXT_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct nl_ip r = { 0 };

		assert_int_equal(nl_ip_parse(rows[i].text, &r), rows[i].back != NULL);
		assert_string_equal(nl_ip_text(&r, buf), rows[i].back ? rows[i].back : "-");
	}
	assert_true(nl_ip_equal(&(struct nl_ip){ AF_INET, { 10, 0, 0, 1 } },
				&(struct nl_ip){ AF_INET, { 10, 0, 0, 1, 9 } }));
}

/* libnl reads back what was written. */
static unsigned oracle_addresses(const struct box_ns *ns, const char *want, uint32_t *ret_valid)
{
	struct nl_sock *sock = nl_socket_alloc();
	struct nl_cache *cache;
	struct ns_guard guard;
	unsigned n = 0;

	assert_done(ns_enter(ns->fd, &guard, &box_err));
	assert_int_equal(nl_connect(sock, NETLINK_ROUTE), 0);
	ns_leave(&guard);
	assert_int_equal(rtnl_addr_alloc_cache(sock, &cache), 0);
	for (struct nl_object *o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
		struct rtnl_addr *a = (struct rtnl_addr *)o;
		char text[64];

		nl_addr2str(rtnl_addr_get_local(a), text, sizeof(text));
		if (strcmp(text, want))
			continue;
		n++;
		*ret_valid = rtnl_addr_get_valid_lifetime(a);
	}
	nl_cache_free(cache);
	nl_socket_free(sock);
	return n;
}

static void test_addresses(void **state)
{
	struct pair p = pair_new();
	struct nl_ifaddr a = {
		.index = p.index,
		.ip = ip("10.0.0.1"),
		.prefix_len = 22,
		.valid_ns = 600 * SEC,
		.preferred_ns = 900 * SEC, /* more than valid: cut */
	};
	struct nl_ifaddr *list;
	uint32_t valid = 0;
	size_t n;

	(void)state;
	assert_done(nl_ifaddr_add(p.a.h, &a, &box_err));
	assert_int_equal(oracle_addresses(&p.a, "10.0.0.1/22", &valid), 1);
	assert_in_range(valid, 598, 600);
	assert_done(nl_ifaddr_dump(p.a.h, p.index, AF_INET, &list, &n, &box_err));
	assert_int_equal(n, 1);
	assert_int_equal(list[0].prefix_len, 22);
	assert_true(nl_ip_equal(&list[0].broadcast, &(struct nl_ip){ AF_INET, { 10, 0, 3, 255 } }));
	assert_true(list[0].valid_ns <= 600 * SEC && list[0].valid_ns >= 598 * SEC);
	free(list);
	a.valid_ns = a.preferred_ns = NL_FOREVER; /* a lease renewed */
	assert_done(nl_ifaddr_add(p.a.h, &a, &box_err));
	assert_int_equal(oracle_addresses(&p.a, "10.0.0.1/22", &valid), 1);
	assert_int_equal(valid, UINT32_MAX);

	add_address(p.a.h, p.index, "10.0.0.2", 22);
	add_address(p.a.h, p.index, "10.9.0.1", 31);
	add_address(p.a.h, p.index, "fd77::1", 64);
	assert_done(nl_ifaddr_dump(p.a.h, p.index, AF_INET, &list, &n, &box_err));
	assert_int_equal(n, 3);
	assert_int_equal(list[2].broadcast.family == 0 || list[1].broadcast.family == 0, 1);
	free(list);
	assert_done(nl_ifaddr_delete(
		p.a.h,
		&(struct nl_ifaddr){ .index = p.index, .ip = ip("10.9.0.1"), .prefix_len = 31 },
		&box_err));
	assert_done(nl_ifaddr_flush(p.a.h, p.index, AF_INET, &box_err));
	assert_done(nl_ifaddr_dump(p.a.h, p.index, AF_INET, &list, &n, &box_err));
	assert_int_equal(n, 0);
	assert_null(list);
	assert_done(nl_ifaddr_dump(p.a.h, 0, 0, &list, &n, &box_err));
	assert_true(n >= 1); /* IPv6 stays */
	free(list);
	assert_int_equal(nl_ifaddr_delete(p.a.h, &a, &box_err), -EADDRNOTAVAIL);
	assert_non_null(strstr(box_err.text, "address 10.0.0.1/22"));
	a.prefix_len = 33;
	assert_int_equal(nl_ifaddr_add(p.a.h, &a, &box_err), -EINVAL);
	a.ip.family = 0;
	assert_int_equal(nl_ifaddr_add(p.a.h, &a, &box_err), -EINVAL);
	pair_done(&p);
}

static const struct nl_route *find_route(const struct nl_route *list, size_t n, const char *text)
{
	char buf[80];

	for (size_t i = 0; i < n; i++)
		if (!strcmp(nl_route_text(&list[i], buf, sizeof(buf)), text))
			return &list[i];
	return NULL;
}

static void test_routes(void **state)
{
	struct pair p = pair_new();
	char text[80];
	struct nl_route def = { .dst = { .family = AF_INET }, .via = ip("10.0.0.9"), .metric = 5 };
	struct nl_route net = { .dst = ip("10.2.0.0"),
				.dst_len = 16,
				.index = p.index,
				.prefsrc = ip("10.0.0.1"),
				.protocol = RTPROT_DHCP };
	struct nl_route onlink = { .dst = ip("10.3.0.0"),
				   .dst_len = 16,
				   .index = p.index,
				   .via = ip("192.0.2.1"),
				   .onlink = true };
	struct nl_route hole = { .dst = ip("10.4.0.0"), .dst_len = 16, .type = RTN_BLACKHOLE };
	struct nl_route v6 = { .dst = ip("fd78::"), .dst_len = 32, .via = ip("fd77::9") };
	const struct nl_route *r;
	struct nl_route *list;
	size_t n;

	(void)state;
	add_address(p.a.h, p.index, "10.0.0.1", 24);
	add_address(p.a.h, p.index, "fd77::1", 64);
	nlh_begin(p.a.h);
	assert_done(nl_route_add(p.a.h, &def, &box_err));
	assert_done(nl_route_add(p.a.h, &net, &box_err));
	assert_done(nl_route_add(p.a.h, &onlink, &box_err));
	assert_done(nl_route_add(p.a.h, &hole, &box_err));
	assert_done(nl_route_add(p.a.h, &v6, &box_err));
	assert_done(nlh_commit(p.a.h, &box_err));

	assert_done(nl_route_dump(p.a.h, 0, 0, &list, &n, &box_err));
	(void)snprintf(text, sizeof(text), "default via 10.0.0.9 dev %d", p.index);
	r = find_route(list, n, text);
	assert_non_null(r);
	assert_int_equal(r->metric, 5);
	assert_int_equal(r->protocol, RTPROT_STATIC);
	assert_int_equal(r->n_paths, 1);
	(void)snprintf(text, sizeof(text), "10.2.0.0/16 dev %d", p.index);
	r = find_route(list, n, text);
	assert_non_null(r);
	assert_int_equal(r->protocol, RTPROT_DHCP);
	assert_true(nl_ip_equal(&r->prefsrc, &net.prefsrc));
	(void)snprintf(text, sizeof(text), "10.3.0.0/16 via 192.0.2.1 dev %d", p.index);
	r = find_route(list, n, text);
	assert_non_null(r);
	assert_true(r->onlink);
	r = find_route(list, n, "10.4.0.0/16");
	assert_non_null(r);
	assert_int_equal(r->type, RTN_BLACKHOLE);
	(void)snprintf(text, sizeof(text), "fd78::/32 via fd77::9 dev %d", p.index);
	assert_non_null(find_route(list, n, text));
	free(list);
	pair_done(&p);
}

static void test_route_changes(void **state)
{
	struct pair p = pair_new();
	struct nl_route def = { .dst = { .family = AF_INET }, .via = ip("10.0.0.9"), .metric = 5 };
	struct nl_route hole = { .dst = ip("10.4.0.0"), .dst_len = 16, .type = RTN_BLACKHOLE };
	struct nl_route far = { .dst = ip("10.5.0.0"), .dst_len = 16, .via = ip("10.99.0.1") };
	struct nl_route *list;
	size_t n;

	(void)state;
	add_address(p.a.h, p.index, "10.0.0.1", 24);
	add_address(p.a.h, p.index, "fd77::1", 64);
	assert_done(nl_route_add(p.a.h, &def, &box_err));
	assert_done(nl_route_add(p.a.h, &hole, &box_err));
	def.via = ip("10.0.0.8");
	assert_int_equal(nl_route_add(p.a.h, &def, &box_err), -EEXIST);
	assert_done(nl_route_replace(p.a.h, &def, &box_err));
	assert_done(nl_route_delete(p.a.h, &def, &box_err));
	assert_int_equal(nl_route_delete(p.a.h, &def, &box_err), -ESRCH);
	assert_done(nl_route_delete(p.a.h, &hole, &box_err));
	assert_int_equal(nl_route_add(p.a.h, &far, &box_err), -ENETUNREACH);
	assert_string_equal(box_err.text, "route 10.5.0.0/16 via 10.99.0.1: add: Network is "
					  "unreachable: Nexthop has invalid gateway");
	far.via = ip("fd77::1");
	assert_int_equal(nl_route_add(p.a.h, &far, &box_err), -EINVAL);
	assert_done(nl_route_dump(p.a.h, AF_INET, RT_TABLE_LOCAL, &list, &n, &box_err));
	assert_true(n >= 2);
	free(list);
	pair_done(&p);
}

static void put_path(struct nlmsghdr *msg, int index, const char *via)
{
	struct rtnexthop nh = { .rtnh_len = sizeof(nh) + MNL_ATTR_HDRLEN + 4,
				.rtnh_ifindex = index };
	struct nl_ip gateway = ip(via);

	memcpy(mnl_nlmsg_put_extra_header(msg, sizeof(nh)), &nh, sizeof(nh));
	mnl_attr_put(msg, RTA_GATEWAY, 4, gateway.bytes);
}

/* A route that somebody else shared out between two next hops. */
static void test_multipath(void **state)
{
	struct pair p = pair_new();
	const struct nl_ip dst = ip("10.7.0.0");
	struct nlmsghdr *msg;
	struct nlattr *nest;
	struct rtmsg *rtm;
	const struct nl_route *r;
	struct nl_route *list;
	char text[80];
	size_t n;

	(void)state;
	add_address(p.a.h, p.index, "10.0.0.1", 24);
	msg = nlh_put(p.a.h, RTM_NEWROUTE, NLM_F_CREATE, "two next hops");
	rtm = mnl_nlmsg_put_extra_header(msg, sizeof(*rtm));
	*rtm = (struct rtmsg){ .rtm_family = AF_INET,
			       .rtm_dst_len = 16,
			       .rtm_type = RTN_UNICAST,
			       .rtm_table = RT_TABLE_MAIN,
			       .rtm_protocol = RTPROT_STATIC };
	mnl_attr_put(msg, RTA_DST, 4, dst.bytes);
	nest = mnl_attr_nest_start(msg, RTA_MULTIPATH);
	put_path(msg, p.index, "10.0.0.9");
	put_path(msg, p.index, "10.0.0.8");
	mnl_attr_nest_end(msg, nest);
	assert_done(nlh_done(p.a.h, &box_err));
	assert_done(nl_route_dump(p.a.h, AF_INET, 0, &list, &n, &box_err));
	(void)snprintf(text, sizeof(text), "10.7.0.0/16 via 10.0.0.9 dev %d", p.index);
	r = find_route(list, n, text);
	assert_non_null(r);
	assert_int_equal(r->n_paths, 2);
	free(list);
	pair_done(&p);
}

static void test_neighbours(void **state)
{
	struct pair p = pair_new();
	struct nl_neigh fix = {
		.index = p.index, .ip = ip("10.0.0.9"), .has_mac = true, .mac = { 2, 0, 0, 0, 0, 9 }
	};
	struct nl_neigh stale = { .index = p.index,
				  .ip = ip("10.0.0.8"),
				  .has_mac = true,
				  .mac = { 2, 0, 0, 0, 0, 8 },
				  .state = NUD_STALE };
	const struct nl_neigh_params params = { .retrans_ns = 100000000,
						.n_unicast_probes = 2,
						.stale_ns = 7 * SEC };
	struct nl_neigh *list;
	size_t n;

	(void)state;
	assert_done(nl_neigh_add(p.a.h, &fix, &box_err));
	assert_int_equal(nl_neigh_add(p.a.h, &fix, &box_err), -EEXIST);
	fix.mac[5] = 10;
	assert_done(nl_neigh_replace(p.a.h, &fix, &box_err));
	assert_done(nl_neigh_add(p.a.h, &stale, &box_err));
	assert_done(nl_neigh_dump(p.a.h, p.index, AF_INET, &list, &n, &box_err));
	assert_int_equal(n, 2);
	for (size_t i = 0; i < n; i++) {
		bool is_fix = nl_ip_equal(&list[i].ip, &fix.ip);

		assert_memory_equal(list[i].mac, is_fix ? fix.mac : stale.mac, NL_MAC_LEN);
		assert_string_equal(nl_neigh_state_name(list[i].state),
				    is_fix ? "permanent" : "stale");
	}
	free(list);
	assert_done(nl_neigh_flush(p.a.h, p.index, AF_INET, false, &box_err));
	assert_done(nl_neigh_dump(p.a.h, p.index, AF_INET, &list, &n, &box_err));
	/* A deleted entry may linger as failed until its timer. */
	for (size_t i = 0; i < n; i++)
		assert_true(nl_ip_equal(&list[i].ip, &fix.ip) || list[i].state == NUD_FAILED);
	assert_true(n >= 1);
	free(list);
	assert_done(nl_neigh_delete(p.a.h, &fix, &box_err));
	assert_done(nl_neigh_set_params(p.a.h, p.index, AF_INET, &params, &box_err));
	assert_done(nl_neigh_set_params(p.a.h, p.index, AF_INET6, &params, &box_err));
	assert_int_equal(nl_neigh_set_params(p.a.h, 9999, AF_INET, &params, &box_err), -ENOENT);
	pair_done(&p);
}

/* ---- events ---- */

static bool wait_event(struct nl_watch *w, enum nl_event_kind kind, struct nl_event *ret)
{
	struct pollfd pfd = { .fd = nl_watch_fd(w), .events = POLLIN };

	do {
		int r;

		while ((r = nl_watch_next(w, ret, &box_err)) > 0)
			if (ret->kind == kind)
				return true;
		assert_done(r);
	} while (poll(&pfd, 1, 2000) > 0);
	return false;
}

static void test_events(void **state)
{
	struct box_ns a = box_ns_new(), b = box_ns_new();
	struct nl_neigh neigh = { .ip = ip("10.0.0.9"), .has_mac = true };
	struct nl_route route = { .dst = ip("10.2.0.0"), .dst_len = 16, .via = ip("10.0.0.9") };
	struct nl_watch *w;
	struct nl_event ev;
	int index;

	(void)state;
	assert_done(nl_watch_open(a.fd, NL_WATCH_EVERYTHING, false, &w, &box_err));
	assert_int_equal(nl_watch_next(w, &ev, &box_err), 0);
	box_veth(&a, "eth0", &b, "eth0");
	assert_done(nl_link_index(a.h, "eth0", &index, &box_err));
	assert_true(wait_event(w, NL_EVENT_LINK, &ev));
	assert_string_equal(ev.link.name, "eth0");
	assert_int_equal(ev.nsid, -1);
	add_address(a.h, index, "10.0.0.1", 24);
	assert_true(wait_event(w, NL_EVENT_ADDRESS, &ev));
	assert_true(nl_ip_equal(&ev.address.ip, &(struct nl_ip){ AF_INET, { 10, 0, 0, 1 } }));
	assert_true(wait_event(w, NL_EVENT_ROUTE, &ev));
	assert_done(nl_route_add(a.h, &route, &box_err));
	do
		assert_true(wait_event(w, NL_EVENT_ROUTE, &ev));
	while (!nl_ip_equal(&ev.route.via, &route.via));
	neigh.index = index;
	assert_done(nl_neigh_add(a.h, &neigh, &box_err));
	assert_true(wait_event(w, NL_EVENT_NEIGH, &ev));
	assert_true(nl_ip_equal(&ev.neigh.ip, &neigh.ip));
	assert_done(nl_route_delete(a.h, &route, &box_err));
	assert_true(wait_event(w, NL_EVENT_ROUTE_GONE, &ev));
	assert_done(nl_neigh_delete(a.h, &neigh, &box_err));
	assert_done(nl_ifaddr_flush(a.h, index, AF_INET, &box_err));
	assert_true(wait_event(w, NL_EVENT_ADDRESS_GONE, &ev));
	assert_done(nl_link_delete(a.h, "eth0", &box_err));
	assert_true(wait_event(w, NL_EVENT_LINK_GONE, &ev));
	assert_int_equal(ev.link.index, index);
	w = nl_watch_close(w);
	box_ns_done(&a);
	box_ns_done(&b);
}

/* A reader that sleeps through a flood is told so, once, and then goes on. */
static void test_resync(void **state)
{
	struct pair p = pair_new();
	struct nl_route route = { .dst = ip("10.2.0.0"), .dst_len = 32, .index = p.index };
	unsigned n_resync = 0, n_routes = 0;
	struct nl_watch *w;
	struct nl_event ev;
	int small = 1;

	(void)state;
	assert_done(nl_watch_open(p.a.fd, NL_WATCH_ROUTES, false, &w, &box_err));
	assert_int_equal(setsockopt(nl_watch_fd(w), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)),
			 0);
	nlh_begin(p.a.h);
	for (unsigned i = 0; i < 200; i++) {
		route.dst.bytes[3] = (uint8_t)i;
		assert_done(nl_route_add(p.a.h, &route, &box_err));
	}
	assert_done(nlh_commit(p.a.h, &box_err));
	while (nl_watch_next(w, &ev, &box_err) > 0) {
		n_resync += ev.kind == NL_EVENT_RESYNC;
		n_routes += ev.kind == NL_EVENT_ROUTE;
	}
	assert_int_equal(n_resync, 1);
	assert_true(n_routes < 200);
	route.dst.bytes[3] = 250;
	assert_done(nl_route_add(p.a.h, &route, &box_err));
	assert_true(wait_event(w, NL_EVENT_ROUTE, &ev));
	w = nl_watch_close(w);
	pair_done(&p);
}

/* One socket at home hears two namespaces apart. */
static void test_all_namespaces(void **state)
{
	struct pair p = pair_new();
	struct nl_watch *w;
	struct nl_event ev;
	struct nl_h *home;

	(void)state;
	assert_done(nlh_open(NS_CURRENT, NETLINK_ROUTE, &home, &box_err));
	assert_done(nl_nsid_set(home, p.a.fd, 11, &box_err));
	assert_done(nl_nsid_set(home, p.b.fd, 12, &box_err));
	assert_done(nl_watch_open(NS_CURRENT, NL_WATCH_ADDRESSES, true, &w, &box_err));
	add_address(p.a.h, p.index, "10.0.0.1", 24);
	assert_true(wait_event(w, NL_EVENT_ADDRESS, &ev));
	assert_int_equal(ev.nsid, 11);
	add_address(p.b.h, p.peer_index, "10.0.0.2", 24);
	assert_true(wait_event(w, NL_EVENT_ADDRESS, &ev));
	assert_int_equal(ev.nsid, 12);
	w = nl_watch_close(w);
	home = nlh_close(home);
	pair_done(&p);
}

/* ---- damaged messages ---- */

static uint64_t draw(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Seeded noise over a well-formed frame: decoders may refuse, never read outside. */
static void test_damaged(void **state)
{
	static const uint16_t types[] = { RTM_NEWLINK, RTM_NEWADDR, RTM_NEWROUTE, RTM_NEWNEIGH };
	uint64_t seed = 0x5eed;
	unsigned n_taken = 0;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		size_t len = NLMSG_HDRLEN + draw(&seed) % 200;
		uint8_t *buf = malloc(len + 4); /* messages lie in aligned buffers */
		struct nlmsghdr *msg = (void *)buf;
		union {
			struct nl_link link;
			struct nl_ifaddr address;
			struct nl_route route;
			struct nl_neigh neigh;
			struct nl_fdb fdb;
		} out;
		int bridge;

		for (size_t i = 0; i < len + 4; i++)
			buf[i] = (uint8_t)(draw(&seed) % (i % 4 == 1 || i % 4 == 3 ? 2 : 256));
		msg->nlmsg_len = (uint32_t)len;
		msg->nlmsg_type = types[round % 4];
		if (len > NLMSG_HDRLEN)
			buf[NLMSG_HDRLEN] = draw(&seed) % 2 ? AF_INET : (uint8_t)(draw(&seed) % 12);
		n_taken += nl_link_decode(msg, &out.link) > 0;
		n_taken += nl_ifaddr_decode(msg, &out.address) > 0;
		n_taken += nl_route_decode(msg, &out.route) > 0;
		n_taken += nl_neigh_decode(msg, &out.neigh) > 0;
		n_taken += nl_fdb_decode(msg, &out.fdb, &bridge) > 0;
		free(buf);
	}
	assert_true(n_taken > 100); /* else the noise never gets past the door */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ip_text),	       cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_routes),	       cmocka_unit_test(test_route_changes),
		cmocka_unit_test(test_multipath),      cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_events),	       cmocka_unit_test(test_resync),
		cmocka_unit_test(test_all_namespaces), cmocka_unit_test(test_damaged),
	};

	box_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
