#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "netns_box.h"

#include "netns/bridge.h"
#include "netns/sysctl.h"
#include "netns/watch.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>

#define SEC INT64_C(1000000000)

static const uint8_t host_mac[NL_MAC_LEN] = { 2, 0, 0, 0, 0, 0x11 };

/* A switch in a namespace of its own, with quiet IPv6. */
static struct box_ns switch_new(const struct nl_bridge_conf *conf, int *ret_index)
{
	struct box_ns ns = box_ns_new();

	(void)ns_sysctl_apply(ns.fd, NS_ROLE_BRIDGE | NS_ROLE_NO_IPV6, NULL, NULL, &box_err);
	assert_done(nl_bridge_add(ns.h, conf, &box_err));
	assert_done(nl_link_index(ns.h, conf->name, ret_index, &box_err));
	return ns;
}

static void plug(struct box_ns *sw, int bridge, const char *port, struct box_ns *host,
		 const uint8_t *mac)
{
	const struct nl_veth veth = {
		.a = { .name = port, .ns_fd = NS_CURRENT },
		.b = { .name = "eth0", .ns_fd = host->fd, .mac = mac },
		.master = bridge,
		.a_up = true,
	};

	(void)ns_sysctl_apply(host->fd, NS_ROLE_NO_IPV6, NULL, NULL, &box_err);
	assert_done(nl_veth_add(sw->h, &veth, &box_err));
	assert_done(nl_link_up(host->h, "eth0", &box_err));
}

static int packet_socket(const struct box_ns *ns)
{
	struct sockaddr_ll sll = { .sll_family = AF_PACKET, .sll_protocol = htons(0x88b5) };
	int fd = box_socket(ns, AF_PACKET, SOCK_RAW, htons(0x88b5)); /* local experiments */

	assert_done(nl_link_index(ns->h, "eth0", &sll.sll_ifindex, &box_err));
	assert_int_equal(bind(fd, (void *)&sll, sizeof(sll)), 0);
	return fd;
}

static void broadcast(int fd)
{
	uint8_t frame[60] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	memcpy(frame + 6, host_mac, NL_MAC_LEN);
	frame[12] = 0x88;
	frame[13] = 0xb5;
	assert_int_equal(send(fd, frame, sizeof(frame), 0), sizeof(frame));
}

static const struct nl_fdb *find_mac(const struct nl_fdb *fdb, size_t n, const uint8_t *mac)
{
	for (size_t i = 0; i < n; i++)
		if (!memcmp(fdb[i].mac, mac, NL_MAC_LEN))
			return &fdb[i];
	return NULL;
}

/* Without spanning tree a frame passes at once, and the switch learns its sender. */
static void test_learning(void **state)
{
	const struct nl_bridge_conf conf = { .name = "br0", .up = true, .ageing_ns = 100 * SEC };
	struct box_ns a = box_ns_new(), b = box_ns_new(), sw;
	struct pollfd pfd = { .events = POLLIN };
	const struct nl_fdb *entry;
	struct nl_watch *watch;
	struct nl_port *ports;
	struct nl_bridge br;
	struct nl_fdb *fdb;
	struct nl_event ev = { 0 };
	int index, port, fd;
	size_t n;

	(void)state;
	sw = switch_new(&conf, &index);
	plug(&sw, index, "p1", &a, host_mac);
	plug(&sw, index, "p2", &b, NULL);
	assert_done(nl_link_index(sw.h, "p1", &port, &box_err));
	assert_done(nl_bridge_get(sw.h, "br0", &br, &box_err));
	assert_false(br.stp);
	assert_int_equal(br.ageing_ns, 100 * SEC);
	assert_int_equal(br.id.priority, NL_BRIDGE_DEFAULT_PRIORITY);

	assert_done(nl_watch_open(sw.fd, NL_WATCH_NEIGHBOURS, false, &watch, &box_err));
	pfd.fd = packet_socket(&b);
	fd = packet_socket(&a);
	/* The kernel may need a second until a new link carries frames; what is sent before is
	 * lost. */
	for (int i = 0; i < 50 && !(pfd.revents & POLLIN); i++) {
		broadcast(fd);
		assert_true(poll(&pfd, 1, 100) >= 0);
	}
	assert_true(pfd.revents & POLLIN);
	assert_done(nl_bridge_ports(sw.h, index, &ports, &n, &box_err));
	assert_int_equal(n, 2);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(nl_port_state_name(ports[i].state), "forwarding");
	free(ports);
	while (nl_watch_next(watch, &ev, &box_err) > 0)
		if (ev.kind == NL_EVENT_FDB && !memcmp(ev.fdb.entry.mac, host_mac, NL_MAC_LEN))
			break;
	assert_int_equal(ev.kind, NL_EVENT_FDB);
	assert_int_equal(ev.fdb.bridge, index);
	assert_int_equal(ev.fdb.entry.port, port);
	watch = nl_watch_close(watch);

	assert_done(nl_bridge_fdb(sw.h, index, &fdb, &n, &box_err));
	entry = find_mac(fdb, n, host_mac);
	assert_non_null(entry);
	assert_int_equal(entry->port, port);
	assert_false(entry->local || entry->is_static);
	assert_true(entry->age_ns >= 0 && entry->age_ns < 5 * SEC);
	assert_non_null(find_mac(fdb, n, br.id.mac));
	assert_true(find_mac(fdb, n, br.id.mac)->local);
	free(fdb);

	assert_done(nl_bridge_flush(sw.h, "br0", &box_err));
	assert_done(nl_bridge_fdb(sw.h, index, &fdb, &n, &box_err));
	assert_null(find_mac(fdb, n, host_mac));
	free(fdb);
	assert_int_equal(nl_bridge_get(sw.h, "p1", &br, &box_err), -ENODEV);
	(void)close(fd);
	(void)close(pfd.fd);
	box_ns_done(&a);
	box_ns_done(&b);
	box_ns_done(&sw);
}

static void test_settings(void **state)
{
	struct nl_bridge_conf conf = {
		.name = "br0",
		.mac = host_mac,
		.stp = true,
		.priority = 4096,
		.forward_delay_ns = 4 * SEC,
		.hello_ns = 1 * SEC,
		.max_age_ns = 6 * SEC,
		.group = 3,
	};
	struct box_ns a = box_ns_new(), sw;
	struct nl_port *ports;
	struct nl_bridge br;
	char value[NS_SYSCTL_VALUE_LEN];
	int index;
	size_t n;

	(void)state;
	sw = switch_new(&conf, &index);
	assert_done(nl_bridge_get(sw.h, "br0", &br, &box_err));
	assert_true(br.stp);
	assert_int_equal(br.id.priority, 4096);
	assert_memory_equal(br.id.mac, host_mac, NL_MAC_LEN);
	assert_int_equal(br.forward_delay_ns, 4 * SEC);
	assert_int_equal(br.hello_ns, 1 * SEC);
	assert_int_equal(br.max_age_ns, 6 * SEC);
	conf.mac = NULL;
	conf.priority = 8192;
	assert_done(nl_bridge_set(sw.h, &conf, &box_err));
	assert_done(nl_bridge_get(sw.h, "br0", &br, &box_err));
	assert_int_equal(br.id.priority, 8192);
	conf.forward_delay_ns = 1 * SEC; /* below 802.1D's range */
	assert_int_equal(nl_bridge_set(sw.h, &conf, &box_err), -ERANGE);
	assert_non_null(strstr(box_err.text, "bridge br0: change"));

	assert_done(nl_link_delete_group(sw.h, 99, &box_err));
	plug(&sw, index, "p1", &a, NULL);
	assert_done(nl_port_set(sw.h, "p1", 42, 7, &box_err));
	assert_done(nl_bridge_ports(sw.h, 0, &ports, &n, &box_err));
	assert_int_equal(n, 1);
	assert_int_equal(ports[0].cost, 42);
	assert_int_equal(ports[0].priority, 7);
	assert_int_equal(ports[0].bridge, index);
	free(ports);
	assert_done(nl_link_change(sw.h, "p1", &(struct nl_link_change){ .set = NL_SET_MASTER },
				   &box_err));
	assert_done(nl_bridge_ports(sw.h, index, &ports, &n, &box_err));
	assert_int_equal(n, 0);
	assert_done(nl_bridge_add_port(sw.h, index, "p1", &box_err));
	assert_done(nl_bridge_ports(sw.h, index, &ports, &n, &box_err));
	assert_int_equal(n, 1);
	free(ports);
	if (ns_sysctl_read(sw.fd, "net/bridge/bridge-nf-call-iptables", value, sizeof(value),
			   NULL) == 0)
		assert_string_equal(value, "0");
	box_ns_done(&a);
	box_ns_done(&sw);
}

static bool has_blocking(struct box_ns *sw, int index)
{
	struct nl_port *ports;
	bool found = false;
	size_t n;

	assert_done(nl_bridge_ports(sw->h, index, &ports, &n, &box_err));
	for (size_t i = 0; i < n; i++)
		found |= ports[i].state == NL_PORT_BLOCKING;
	free(ports);
	return found;
}

/* Two switches, two cables: the one that is not the root blocks a port, told by an event. */
static void test_spanning_tree(void **state)
{
	struct nl_bridge_conf conf = { .name = "br0",
				       .up = true,
				       .stp = true,
				       .priority = 4096,
				       .hello_ns = 1 * SEC,
				       .forward_delay_ns = 2 * SEC };
	struct pollfd pfd = { .events = POLLIN };
	struct box_ns one, two;
	struct nl_bridge root, leaf;
	struct nl_watch *watch;
	struct nl_event ev;
	int index_one, index_two;

	(void)state;
	one = switch_new(&conf, &index_one);
	conf.priority = 0; /* the default: above 4096 */
	two = switch_new(&conf, &index_two);
	assert_done(nl_watch_open(two.fd, NL_WATCH_LINKS, false, &watch, &box_err));
	for (int i = 0; i < 2; i++) {
		char name[NL_NAME_LEN];
		const struct nl_veth veth = {
			.a = { .name = name, .ns_fd = NS_CURRENT },
			.b = { .name = name, .ns_fd = two.fd },
			.master = index_one,
			.a_up = true,
		};
		const struct nl_link_change join = { .set = NL_SET_MASTER | NL_SET_UP,
						     .master = index_two,
						     .up = true };

		(void)snprintf(name, sizeof(name), "p%d", i);
		assert_done(nl_veth_add(one.h, &veth, &box_err));
		assert_done(nl_link_change(two.h, name, &join, &box_err));
	}
	pfd.fd = nl_watch_fd(watch);
	while (!has_blocking(&two, index_two)) {
		assert_int_equal(poll(&pfd, 1, 5000), 1);
		while (nl_watch_next(watch, &ev, &box_err) > 0)
			;
	}
	assert_false(has_blocking(&one, index_one));
	assert_done(nl_bridge_get(one.h, "br0", &root, &box_err));
	assert_done(nl_bridge_get(two.h, "br0", &leaf, &box_err));
	assert_int_equal(root.root_port, 0);
	assert_true(leaf.root_port > 0);
	assert_memory_equal(&leaf.root, &root.id, sizeof(root.id));
	assert_true(leaf.root_path_cost > 0);
	watch = nl_watch_close(watch);
	box_ns_done(&one);
	box_ns_done(&two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_learning),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_spanning_tree),
	};

	box_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
