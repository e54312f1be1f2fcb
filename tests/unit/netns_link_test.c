#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "netns_box.h"

#include "netns/addr.h"
#include "netns/sysctl.h"
#include "netns/tap.h"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/socket.h>
#include <sys/wait.h>

static const uint8_t mac_a[NL_MAC_LEN] = { 2, 0, 0, 0, 0, 0xa };
static const uint8_t mac_b[NL_MAC_LEN] = { 2, 0, 0, 0, 0, 0xb };

static void test_namespaces(void **state)
{
	uint64_t home, other, again;
	struct ns_guard guard;
	int home_fd, fd, here_fd;

	(void)state;
	assert_done(ns_open_current(&home_fd, &box_err));
	assert_done(ns_create(&fd, &box_err));
	assert_done(ns_inode(home_fd, &home, &box_err));
	assert_done(ns_inode(fd, &other, &box_err));
	assert_true(home != other);
	assert_done(ns_enter(fd, &guard, &box_err));
	assert_done(ns_open_current(&here_fd, &box_err));
	assert_done(ns_inode(here_fd, &again, &box_err));
	assert_true(again == other);
	ns_leave(&guard);
	(void)close(here_fd);
	assert_done(ns_open_pid(getpid(), "net", &here_fd, &box_err));
	assert_done(ns_inode(here_fd, &again, &box_err));
	assert_true(again == home);
	(void)close(here_fd);
	(void)close(fd);
	(void)close(home_fd);
}

/* An independent reader of the same kernel state: libnl. */
static struct nl_cache *oracle(const struct box_ns *ns, struct nl_sock **ret_sock)
{
	struct nl_sock *sock = nl_socket_alloc();
	struct nl_cache *cache = NULL;
	struct ns_guard guard;

	assert_done(ns_enter(ns->fd, &guard, &box_err));
	assert_int_equal(nl_connect(sock, NETLINK_ROUTE), 0);
	ns_leave(&guard);
	assert_int_equal(rtnl_link_alloc_cache(sock, AF_UNSPEC, &cache), 0);
	*ret_sock = sock;
	return cache;
}

static void test_veth_in_place(void **state)
{
	struct box_ns a = box_ns_new(), b = box_ns_new();
	const struct nl_veth veth = {
		.a = { .name = "gi0-0", .ns_fd = a.fd, .mac = mac_a },
		.b = { .name = "eth0", .ns_fd = b.fd, .mac = mac_b },
		.mtu = 1400,
		.group = 77,
		.a_up = true,
	};
	struct nl_sock *sock;
	struct nl_cache *cache;
	struct rtnl_link *link;
	struct nl_h *third;
	struct nl_link mine;

	(void)state;
	/* Asked for by a handle of neither namespace. */
	assert_done(nlh_open(NS_CURRENT, NETLINK_ROUTE, &third, &box_err));
	assert_done(nl_veth_add(third, &veth, &box_err));
	third = nlh_close(third);

	cache = oracle(&a, &sock);
	link = rtnl_link_get_by_name(cache, "gi0-0");
	assert_non_null(link);
	assert_string_equal(rtnl_link_get_type(link), "veth");
	assert_int_equal(rtnl_link_get_mtu(link), 1400);
	assert_int_equal(rtnl_link_get_group(link), 77);
	assert_true(rtnl_link_get_flags(link) & IFF_UP);
	assert_memory_equal(nl_addr_get_binary_addr(rtnl_link_get_addr(link)), mac_a, NL_MAC_LEN);
	rtnl_link_put(link);
	nl_cache_free(cache);
	nl_socket_free(sock);

	assert_done(nl_link_get(b.h, "eth0", &mine, &box_err));
	assert_int_equal(mine.mtu, 1400);
	assert_false(mine.flags & IFF_UP);
	assert_memory_equal(mine.mac, mac_b, NL_MAC_LEN);
	assert_string_equal(mine.kind, "veth");
	assert_done(nl_link_up(b.h, "eth0", &box_err));
	assert_done(nl_link_get(b.h, "eth0", &mine, &box_err));
	assert_true(mine.flags & IFF_LOWER_UP);

	assert_done(nl_link_delete_group(a.h, 77, &box_err));
	assert_int_equal(nl_link_get(b.h, "eth0", &mine, &box_err), -ENODEV);
	assert_done(nl_link_delete_group(a.h, 77, &box_err)); /* none left is fine */
	assert_int_equal(nl_link_delete_group(a.h, 0, &box_err), -EINVAL);
	box_ns_done(&a);
	box_ns_done(&b);
}

static void give_address(struct nl_h *h, const char *name, uint32_t ip)
{
	struct nl_ifaddr a = { .ip = nl_ip4(ip), .prefix_len = 24 };

	assert_done(nl_link_index(h, name, &a.index, &box_err));
	assert_done(nl_ifaddr_add(h, &a, &box_err));
}

static int device_waits(void *arg)
{
	const int *fds = arg;
	char c;

	(void)close(fds[1]);
	return read(fds[0], &c, 1) != 0; /* until the test lets go */
}

/* A device lives in a user namespace of its own; its keeper, outside, works on its network. */
static void test_inner_namespace(void **state)
{
	int fds[2], status;
	struct ns_fork how = { .flags = CLONE_NEWUSER | CLONE_NEWNET, .child = device_waits };
	struct box_ns dev, other = box_ns_new();
	struct netns_err why = { 0 };
	struct nl_tap tap;
	struct idmap map;
	pid_t pid;
	int r;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	how.arg = fds;
	assert_done(idmap_nested(&map, &box_err));
	assert_done(ns_fork(&how, &map, &pid, NULL, &box_err));
	assert_done(ns_open_pid(pid, "net", &dev.fd, &box_err));
	assert_done(nlh_open(dev.fd, NETLINK_ROUTE, &dev.h, &box_err));
	box_veth(&other, "p0", &dev, "eth0");
	give_address(dev.h, "eth0", 0x0a000005);
	assert_done(nl_offload_off(dev.h, "eth0", &box_err));
	assert_done(ns_sysctl_write(dev.fd, "net/ipv4/ip_unprivileged_port_start", "0", &box_err));
	r = nl_tap_open(dev.fd, "tap0", &tap, &why);
	if (r >= 0)
		(void)close(tap.fd);
	else
		assert_non_null(strstr(why.text, "/dev/net/tun"));
	(void)close(fds[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(fds[0]);
	box_ns_done(&dev);
	box_ns_done(&other);
}

static void test_change(void **state)
{
	const struct nl_link_change change = {
		.set = NL_SET_UP | NL_SET_MAC | NL_SET_MTU | NL_SET_ALIAS | NL_SET_GROUP,
		.up = true,
		.mac = mac_a,
		.mtu = 1280,
		.alias = "GigabitEthernet0/0",
		.group = 5,
	};
	const struct nl_link_change no_alias = { .set = NL_SET_ALIAS, .alias = "" };
	struct box_ns ns = box_ns_new(), other = box_ns_new();
	struct nl_link link;
	int index;

	(void)state;
	box_veth(&ns, "p0", &other, "p0");
	assert_done(nl_link_index(ns.h, "p0", &index, &box_err));
	assert_done(nl_link_down(ns.h, "p0", &box_err));
	assert_done(nl_link_rename(ns.h, "p0", "gi0-0", &box_err));
	assert_done(nl_link_change(ns.h, "gi0-0", &change, &box_err));
	assert_done(nl_link_get(ns.h, "gi0-0", &link, &box_err));
	assert_int_equal(link.index, index);
	assert_int_equal(link.mtu, 1280);
	assert_int_equal(link.group, 5);
	assert_string_equal(link.alias, "GigabitEthernet0/0");
	assert_memory_equal(link.mac, mac_a, NL_MAC_LEN);
	assert_true(link.flags & IFF_UP);
	assert_done(nl_link_change(ns.h, "gi0-0", &no_alias, &box_err));
	assert_done(nl_link_get(ns.h, "gi0-0", &link, &box_err));
	assert_string_equal(link.alias, "");
	assert_done(nl_link_delete(ns.h, "gi0-0", &box_err));
	assert_int_equal(nl_link_delete(ns.h, "gi0-0", &box_err), -ENODEV);
	assert_non_null(strstr(box_err.text, "gi0-0: delete"));
	box_ns_done(&ns);
	box_ns_done(&other);
}

static void test_names(void **state)
{
	static const struct {
		const char *name;
		int r;
	} rows[] = {
		{ "eth0", 0 },
		{ "gi0-0", 0 },
		{ "123456789012345", 0 },
		{ "", -EINVAL },
		{ "1234567890123456", -EINVAL },
		{ "Gi0/0", -EINVAL },
		{ "a b", -EINVAL },
		{ "a\n", -EINVAL },
		{ ".", -EINVAL },
		{ "..", -EINVAL },
		{ "a:1", -EINVAL },
		{ NULL, -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(nl_name_check(rows[i].name, &box_err), rows[i].r);
}

/* 150 pairs need several sends; the one that fails is named, and the others exist. */
static void test_batch(void **state)
{
	struct box_ns ns = box_ns_new(), other = box_ns_new();
	struct nl_link *links;
	size_t n;
	int r;

	(void)state;
	nlh_begin(ns.h);
	for (int i = 0; i < 150; i++) {
		char name[NL_NAME_LEN], peer[NL_NAME_LEN];
		const struct nl_veth veth = {
			.a = { .name = name, .ns_fd = NS_CURRENT },
			.b = { .name = peer, .ns_fd = other.fd },
			.group = 9,
		};

		(void)snprintf(name, sizeof(name), "p%d", i == 99 ? 98 : i);
		(void)snprintf(peer, sizeof(peer), "q%d", i);
		assert_done(nl_veth_add(ns.h, &veth, &box_err));
	}
	r = nlh_commit(ns.h, &box_err);
	assert_int_equal(r, -EEXIST);
	assert_int_equal(box_err.code, -EEXIST);
	assert_non_null(strstr(box_err.text, "veth p98 - q99: create: File exists"));
	assert_done(nl_link_dump(ns.h, &links, &n, &box_err));
	assert_int_equal(n, 150); /* lo and 149 */
	free(links);
	nlh_begin(ns.h);
	assert_done(nl_link_delete_group(ns.h, 9, &box_err));
	assert_done(nlh_commit(ns.h, &box_err));
	assert_done(nl_link_dump(ns.h, &links, &n, &box_err));
	assert_int_equal(n, 1);
	free(links);
	box_ns_done(&ns);
	box_ns_done(&other);
}

/* A list inside a batch sees what was queued before it. */
static void test_list_in_batch(void **state)
{
	struct box_ns ns = box_ns_new(), other = box_ns_new();
	const struct nl_veth veth = {
		.a = { .name = "p0", .ns_fd = NS_CURRENT },
		.b = { .name = "p0", .ns_fd = other.fd },
	};
	struct nl_link link;

	(void)state;
	nlh_begin(ns.h);
	assert_done(nl_veth_add(ns.h, &veth, &box_err));
	assert_done(nl_link_get(ns.h, "p0", &link, &box_err));
	assert_done(nlh_commit(ns.h, &box_err));
	box_ns_done(&ns);
	box_ns_done(&other);
}

/* The kernel's own words are in the sentence. */
static void test_kernel_words(void **state)
{
	struct box_ns ns = box_ns_new();
	const struct nl_link_change mtu = { .set = NL_SET_MTU, .mtu = 7 };
	const struct nl_veth veth = {
		.a = { .name = "p0", .ns_fd = NS_CURRENT },
		.b = { .name = "p1", .ns_fd = NS_CURRENT },
	};

	(void)state;
	assert_done(nl_veth_add(ns.h, &veth, &box_err));
	assert_int_equal(nl_link_change(ns.h, "p0", &mtu, &box_err), -EINVAL);
	assert_string_equal(box_err.text, "interface p0: change: Invalid argument: mtu less than "
					  "device minimum");
	box_ns_done(&ns);
}

static void test_tap(void **state)
{
	struct box_ns ns = box_ns_new();
	struct nl_link link;
	struct nl_tap tap = { .fd = -1 };
	int r = nl_tap_open(ns.fd, "tap0", &tap, &box_err);

	(void)state;
	if (r < 0) { /* the host keeps /dev/net/tun to itself: then the sentence must say so */
		print_message("%s\n", box_err.text);
		assert_true(r == -EACCES || r == -EPERM || r == -ENOENT);
		assert_non_null(strstr(box_err.text, "/dev/net/tun"));
		assert_int_equal(tap.fd, -1);
		box_ns_done(&ns);
		return;
	}
	assert_done(nl_link_up(ns.h, "tap0", &box_err));
	assert_done(nl_link_get(ns.h, "tap0", &link, &box_err));
	assert_int_equal(link.index, tap.index);
	assert_string_equal(link.kind, "tun");
	assert_true(fcntl(tap.fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(nl_tap_open(ns.fd, "tap0", &(struct nl_tap){ 0 }, &box_err), -EBUSY);
	(void)close(tap.fd);
	assert_int_equal(nl_link_get(ns.h, "tap0", &link, &box_err), -ENODEV);
	box_ns_done(&ns);
}

/* ---- what a capture shows ---- */

struct seen {
	unsigned n_frames, n_wrong; /* TCP and UDP over IPv4 */
	size_t longest;
};

static uint32_t sum16(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	return sum;
}

/* RFC 793, RFC 768: pseudo header and segment sum up to all ones. */
static bool checksum_right(const uint8_t *ip, size_t len)
{
	size_t head = (ip[0] & 15u) * 4;
	uint32_t sum = sum16(ip + 12, 8, 0);

	sum += ip[9] + (uint32_t)(len - head);
	sum = sum16(ip + head, len - head, sum);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

static void look(int fd, struct seen *seen)
{
	static uint8_t buf[70000];
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		const uint8_t *ip = buf + ETH_HLEN;
		size_t len = (size_t)n < ETH_HLEN + 20 ? 0 : (size_t)(ip[2] << 8 | ip[3]);

		if (len < 28 || (ip[9] != IPPROTO_TCP && ip[9] != IPPROTO_UDP) ||
		    len + ETH_HLEN > (size_t)n)
			continue;
		seen->n_frames++;
		seen->n_wrong += !checksum_right(ip, len);
		if ((size_t)n > seen->longest)
			seen->longest = (size_t)n;
	}
}

static struct sockaddr_in address(const char *text, uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };

	assert_int_equal(inet_pton(AF_INET, text, &sa.sin_addr), 1);
	return sa;
}

static void send_tcp(const struct box_ns *from, const struct box_ns *to, int capture,
		     struct seen *seen)
{
	struct sockaddr_in sa = address("10.0.0.2", 7000);
	int listener = box_socket(to, AF_INET, SOCK_STREAM, 0);
	int client = box_socket(from, AF_INET, SOCK_STREAM, 0), server;
	static uint8_t data[100000];
	size_t sent = 0;
	int one = 1;

	(void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(listener, (void *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(connect(client, (void *)&sa, sizeof(sa)), 0);
	server = accept(listener, NULL, NULL);
	assert_true(server >= 0);
	while (sent < 5 * sizeof(data)) {
		static uint8_t sink[200000];
		ssize_t n = send(client, data, sizeof(data), MSG_DONTWAIT);

		sent += n > 0 ? (size_t)n : 0;
		(void)recv(server, sink, sizeof(sink), MSG_DONTWAIT);
		look(capture, seen);
	}
	(void)close(server);
	(void)close(client);
	(void)close(listener);
	look(capture, seen);
}

/* One send that the kernel cuts into datagrams as late as it can (UDP_SEGMENT). */
static void send_udp_segments(const struct box_ns *from, int capture, struct seen *seen)
{
	struct sockaddr_in sa = address("10.0.0.2", 7001);
	int fd = box_socket(from, AF_INET, SOCK_DGRAM, 0), size = 1000;
	static uint8_t data[10000];

	assert_int_equal(setsockopt(fd, IPPROTO_UDP, 103 /* UDP_SEGMENT */, &size, sizeof(size)),
			 0);
	assert_int_equal(connect(fd, (void *)&sa, sizeof(sa)), 0);
	assert_int_equal(send(fd, data, sizeof(data), 0), sizeof(data));
	(void)close(fd);
	look(capture, seen);
}

static void test_offloads(void **state)
{
	struct box_ns a = box_ns_new(), b = box_ns_new();
	struct seen before = { 0 }, after = { 0 };
	int capture, size = 8 << 20;

	(void)state;
	box_veth(&a, "eth0", &b, "eth0");
	give_address(a.h, "eth0", 0x0a000001);
	give_address(b.h, "eth0", 0x0a000002);
	assert_done(nl_link_up(a.h, "lo", &box_err));
	capture = box_socket(&a, AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	(void)setsockopt(capture, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	send_tcp(&a, &b, capture, &before);
	send_udp_segments(&a, capture, &before);
	/* Without this the test would prove nothing: the kernel does not fill sums in by itself. */
	assert_true(before.n_wrong > 0);
	assert_true(before.longest > 1514);

	assert_done(nl_offload_off(a.h, "eth0", &box_err));
	assert_done(nl_offload_off(b.h, "eth0", &box_err));
	send_tcp(&a, &b, capture, &after);
	send_udp_segments(&a, capture, &after);
	print_message("offloads on: %u frames, %u wrong, longest %zu; off: %u, %u, %zu\n",
		      before.n_frames, before.n_wrong, before.longest, after.n_frames,
		      after.n_wrong, after.longest);
	assert_true(after.n_frames > 100);
	assert_int_equal(after.n_wrong, 0);
	assert_true(after.longest <= 1514);
	assert_int_equal(nl_offload_off(a.h, "nothing", &box_err), -ENODEV);
	(void)close(capture);
	box_ns_done(&a);
	box_ns_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_namespaces),    cmocka_unit_test(test_veth_in_place),
		cmocka_unit_test(test_change),	      cmocka_unit_test(test_inner_namespace),
		cmocka_unit_test(test_names),	      cmocka_unit_test(test_batch),
		cmocka_unit_test(test_list_in_batch), cmocka_unit_test(test_kernel_words),
		cmocka_unit_test(test_tap),	      cmocka_unit_test(test_offloads),
	};

	box_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
