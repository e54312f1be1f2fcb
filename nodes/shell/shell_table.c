/* ASK_KERNEL: tables of the device's kernel as rows that a machine can print. */
#include "shell.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netns/addr.h"
#include "netns/bridge.h"
#include "netns/err.h"
#include "netns/link.h"
#include "shell_acl.h"

#define STATISTICS_MAX 256
#define ROWS_MAX       8192 /* as many as access lists may have entries, and their implicit ends */

struct rows {
	struct kernel_row *list;
	size_t n;
};

static struct kernel_row *row_new(struct rows *rows, size_t count)
{
	if (!rows->list)
		rows->list = calloc((count < ROWS_MAX ? count : ROWS_MAX) + 1, sizeof(*rows->list));
	if (!rows->list)
		abort();
	return rows->n < count && rows->n < ROWS_MAX ? &rows->list[rows->n++]
						     : &rows->list[rows->n];
}

static void name_of(struct node *n, int ifindex, char *out, size_t size)
{
	const struct if_index *map = ifmap_by_index(n, ifindex);
	const struct iface *f = map ? node_iface(n, map->ifid) : NULL;

	if (f)
		str_copy(out, size, f->name);
	else
		snprintf(out, size, "%d", ifindex);
}

static int neighbours(struct node *n, struct rows *rows, struct netns_err *err)
{
	struct nl_neigh *list;
	size_t count;
	int r = nl_neigh_dump(n->nl, 0, AF_INET, &list, &count, err);

	for (size_t i = 0; r == 0 && i < count; i++) {
		struct kernel_row *row;

		if (list[i].state == NUD_NOARP)
			continue;
		row = row_new(rows, count);
		name_of(n, list[i].index, row->ifname, sizeof(row->ifname));
		row->addr = addr_from_nl(&list[i].ip);
		memcpy(row->mac.b, list[i].mac, 6);
		row->is_static = list[i].state == NUD_PERMANENT;
		str_copy(row->state, sizeof(row->state), nl_neigh_state_name(list[i].state));
	}
	if (r == 0)
		free(list);
	return r;
}

static int routes(struct node *n, struct rows *rows, struct netns_err *err)
{
	struct nl_route *list;
	size_t count;
	int r = nl_route_dump(n->nl, AF_INET, 0, &list, &count, err);

	for (size_t i = 0; r == 0 && i < count; i++) {
		struct kernel_row *row = row_new(rows, count);

		name_of(n, list[i].index, row->ifname, sizeof(row->ifname));
		row->addr = addr_from_nl(&list[i].dst);
		row->plen = list[i].dst_len;
		row->via = addr_from_nl(&list[i].via);
		row->is_local = list[i].protocol == RTPROT_KERNEL;
		row->n1 = list[i].metric;
	}
	if (r == 0)
		free(list);
	return r;
}

static int counters(struct node *n, struct rows *rows, struct netns_err *err)
{
	struct nl_link *list;
	size_t count;
	int r = nl_link_dump(n->nl, &list, &count, err);

	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct nl_link *l = &list[i];
		struct kernel_row *row;

		if (!ifmap_by_index(n, l->index))
			continue;
		row = row_new(rows, count);
		name_of(n, l->index, row->ifname, sizeof(row->ifname));
		memcpy(row->mac.b, l->mac, 6);
		str_copy(row->state, sizeof(row->state),
			 !(l->flags & IFF_UP) ? "shut down"
			 : !(l->flags & IFF_LOWER_UP) || l->operstate == IF_OPER_DORMANT ? "down"
											 : "up");
		row->n1 = (int64_t)l->counters.rx_frames;
		row->n2 = (int64_t)l->counters.tx_frames;
		row->counters = (struct kernel_counters){
			.rx_frames = l->counters.rx_frames,
			.tx_frames = l->counters.tx_frames,
			.rx_bytes = l->counters.rx_bytes,
			.tx_bytes = l->counters.tx_bytes,
			.rx_errors = l->counters.rx_errors,
			.tx_errors = l->counters.tx_errors,
			.rx_dropped = l->counters.rx_dropped,
			.tx_dropped = l->counters.tx_dropped,
			.rx_multicast = l->counters.rx_multicast,
		};
		snprintf(row->text, sizeof(row->text),
			 "MTU %u, %llu bytes in, %llu bytes out, %llu drops", l->mtu,
			 (unsigned long long)l->counters.rx_bytes,
			 (unsigned long long)l->counters.tx_bytes,
			 (unsigned long long)(l->counters.rx_dropped + l->counters.tx_dropped));
	}
	if (r == 0)
		free(list);
	return r;
}

static int mac_table(struct node *n, struct rows *rows, struct netns_err *err)
{
	struct nl_fdb *list;
	size_t count;
	int r = nl_bridge_fdb(n->nl, 0, &list, &count, err);

	for (size_t i = 0; r == 0 && i < count; i++) {
		struct kernel_row *row = row_new(rows, count);

		name_of(n, list[i].port, row->ifname, sizeof(row->ifname));
		memcpy(row->mac.b, list[i].mac, 6);
		row->is_local = list[i].local;
		row->is_static = list[i].is_static;
		row->n1 = list[i].age_ns;
	}
	if (r == 0)
		free(list);
	return r;
}

/* The bridge in one row with text, then its ports. */
static int stp(struct node *n, struct rows *rows, struct netns_err *err)
{
	struct nl_bridge bridge;
	struct nl_port *list;
	size_t count;
	char root[MAC_TEXT_LEN], own[MAC_TEXT_LEN];
	struct kernel_row *row;
	int r = nl_bridge_get(n->nl, "br0", &bridge, err);

	if (r == 0)
		r = nl_bridge_ports(n->nl, bridge.index, &list, &count, err);
	if (r < 0)
		return r;
	row = row_new(rows, count + 1);
	snprintf(row->text, sizeof(row->text), "%s; root %u.%s%s, this bridge %u.%s",
		 bridge.stp ? "STP" : "no STP", bridge.root.priority,
		 mac_format((const struct mac *)bridge.root.mac, root),
		 bridge.root_port == 0 ? " (this bridge)" : "", bridge.id.priority,
		 mac_format((const struct mac *)bridge.id.mac, own));
	for (size_t i = 0; i < count; i++) {
		row = row_new(rows, count + 1);
		name_of(n, list[i].index, row->ifname, sizeof(row->ifname));
		str_copy(row->state, sizeof(row->state), nl_port_state_name(list[i].state));
		row->n1 = list[i].cost;
	}
	free(list);
	return 0;
}

/* A row for each entry of each binding; acl/acl.h tells what stands where. */
static int acl(struct node *n, struct rows *rows, struct netns_err *err)
{
	struct acl_count *list;
	size_t count;
	int r = shell_acl_counts(n, &list, &count, err);

	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct acl_hit *rule = &list[i].rule;
		struct kernel_row *row = row_new(rows, count);
		const struct iface *f = node_iface(n, ifid_by_kname(n, rule->interface));

		str_copy(row->ifname, sizeof(row->ifname), f ? f->name : rule->interface);
		str_copy(row->text, sizeof(row->text), rule->name);
		str_copy(row->state, sizeof(row->state), rule->permit ? "permit" : "deny");
		row->is_local = rule->dir == ACL_IN;
		row->n1 = (int64_t)list[i].n_packets;
		row->n2 = rule->seq;
	}
	if (r == 0)
		free(list);
	return r;
}

/* "Udp: InDatagrams NoPorts ..." and below it "Udp: 12 0 ...": a row for each pair. */
static void statistics_of(char *names, char *values, struct rows *rows)
{
	char *name_at, *value_at;
	const char *group = strtok_r(names, ": ", &name_at), *name, *value;

	(void)strtok_r(values, ": ", &value_at);
	while (group && (name = strtok_r(NULL, " ", &name_at)) &&
	       (value = strtok_r(NULL, " ", &value_at))) {
		struct kernel_row *row = row_new(rows, STATISTICS_MAX);

		str_copy(row->state, sizeof(row->state), group);
		str_copy(row->text, sizeof(row->text), name);
		row->n1 = strtoll(value, NULL, 10);
	}
}

/* No netlink message carries these. The folder was opened before the node left its root. */
static int statistics(struct node *n, struct rows *rows, struct netns_err *err)
{
	int fd = openat(n->net_fd, "snmp", O_RDONLY | O_CLOEXEC);
	char text[8192], *names, *values, *at;
	ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	int r = len < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	if (r < 0) {
		str_copy(err->text, sizeof(err->text), strerror(-r));
		return r;
	}
	text[len] = '\0';
	names = strtok_r(text, "\n", &at);
	while (names && (values = strtok_r(NULL, "\n", &at))) {
		statistics_of(names, values, rows);
		names = strtok_r(NULL, "\n", &at);
	}
	return 0;
}

static int read_table(struct node *n, enum kernel_table table, struct rows *rows,
		      struct netns_err *err)
{
	switch (table) {
	case KERNEL_NEIGHBOURS:
		return neighbours(n, rows, err);
	case KERNEL_ROUTES:
		return routes(n, rows, err);
	case KERNEL_COUNTERS:
		return counters(n, rows, err);
	case KERNEL_MAC_TABLE:
		return mac_table(n, rows, err);
	case KERNEL_STP:
		return stp(n, rows, err);
	case KERNEL_ACL:
		return acl(n, rows, err);
	case KERNEL_STATISTICS:
		return statistics(n, rows, err);
	}
	return -EOPNOTSUPP;
}

void table_answer(struct machine *m, uint32_t ask_id, const struct ask_kernel *ask)
{
	struct netns_err err = { 0 };
	struct rows rows = { 0 };
	struct answer a = { 0 };

	a.err = read_table(m->node, ask->table, &rows, &err);
	if (a.err)
		str_copy(a.why, sizeof(a.why), err.text);
	a.kernel.rows = rows.list;
	a.kernel.n_rows = rows.n;
	queue_answer(m, ask_id, &a, m->node->turn_cause, rows.list, rows.n * sizeof(*rows.list));
	free(rows.list);
}
