/* Links: made in place, both ends by one request, when both devices have their namespaces. */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "labd/supervisor/supervisor.h"
#include "labd/wires/control.h"
#include "netns/bridge.h"
#include "netns/err.h"
#include "netns/link.h"
#include "netns/nl.h"
#include "netns/ns.h"
#include "netns/tap.h"

#define IFINDEX_FIRST	  100	    /* of a device's interfaces; the kernel's own count from 1 */
#define GROUP_LAB	  77	    /* links of switches: deleted in one message */
#define TAP_QUEUE_FRAMES  5000	    /* a burst waits in the interface until labd reads it */
#define STP_FORWARD_DELAY (2 * SEC) /* the least that 802.1D allows */
#define STP_HELLO	  (1 * SEC)
#define STP_MAX_AGE	  (6 * SEC)

static bool is_bridge(const struct sup_device *d)
{
	return d->plan->kind == KIND_SWITCH || d->plan->kind == KIND_HUB;
}

static int fail(struct sup_device *d, const struct netns_err *err)
{
	sup_fail(d->sup, "%s: %s", d->plan->name, err->text);
	return err->code;
}

/* Requests in the device's namespace; opened when the first is made: most devices need none. */
static struct nl_h *nl_of(struct sup_device *d, struct netns_err *err)
{
	if (!d->nl && nlh_open(d->net_ns, NETLINK_ROUTE, &d->nl, err) < 0)
		return NULL;
	return d->nl;
}

/* A hub is a bridge that forgets at once: every frame goes everywhere. */
static int make_bridge(struct sup_device *d)
{
	struct nl_bridge_conf conf = { .name = BRIDGE_NAME, .up = true, .stp = d->plan->stp };
	struct netns_err err = { 0 };
	int r;

	if (conf.stp) {
		conf.forward_delay_ns = STP_FORWARD_DELAY;
		conf.hello_ns = STP_HELLO;
		conf.max_age_ns = STP_MAX_AGE;
	}
	if (d->plan->kind == KIND_HUB)
		conf.ageing_ns = 10 * MSEC;
	r = nl_of(d, &err) ? nl_bridge_add(d->nl, &conf, &err) : err.code;
	if (r == 0)
		r = nl_link_index(d->nl, BRIDGE_NAME, &d->bridge_index, &err);
	return r < 0 ? fail(d, &err) : 0;
}

int link_ifindex(const struct sup_device *d, uint32_t iface)
{
	for (size_t i = 0; i < d->plan->n_ifaces; i++)
		if (d->plan->ifaces[i] == iface)
			return IFINDEX_FIRST + (int)i;
	return 0;
}

struct ends {
	struct sup_device *dev[2];
	const struct plan_iface *iface[2];
};

static struct ends ends_of(struct sup *s, const struct plan_link *l)
{
	struct ends e;

	for (int i = 0; i < 2; i++) {
		e.iface[i] = &s->plan->ifaces[l->iface[i]];
		e.dev[i] = &s->devices[e.iface[i]->device];
	}
	return e;
}

/* The port of a switch that was not born in its bridge. */
static int join_bridge(struct sup_device *d, const char *name, struct netns_err *err)
{
	struct nl_link_change c = { .set = NL_SET_MASTER | NL_SET_UP | NL_SET_GROUP,
				    .master = d->bridge_index,
				    .group = GROUP_LAB,
				    .up = true };

	return nl_link_change(d->nl, name, &c, err);
}

/* The end that is a switch's goes first: only the first end may be born up and in its bridge. */
static int make_veth(struct sup_link *l, const struct ends *e)
{
	int a = is_bridge(e->dev[0]) || !is_bridge(e->dev[1]) ? 0 : 1, b = !a;
	struct netns_err err = { 0 };
	struct nl_veth v = { .a = { .name = e->iface[a]->kernel,
				    .ns_fd = NS_CURRENT,
				    .mac = e->iface[a]->mac.b,
				    .index = (uint32_t)link_ifindex(e->dev[a], l->plan->iface[a]) },
			     .b = { .name = e->iface[b]->kernel,
				    .ns_fd = e->dev[b]->net_ns,
				    .mac = e->iface[b]->mac.b,
				    .index = (uint32_t)link_ifindex(e->dev[b], l->plan->iface[b]) },
			     .mtu = l->plan->mtu,
			     .a_up = true };
	int r;

	if (is_bridge(e->dev[a])) {
		v.master = e->dev[a]->bridge_index;
		v.group = GROUP_LAB;
	}
	r = nl_of(e->dev[a], &err) ? nl_veth_add(e->dev[a]->nl, &v, &err) : err.code;
	if (r == 0 && is_bridge(e->dev[b]))
		r = join_bridge(e->dev[b], v.b.name, &err);
	return r < 0 ? fail(e->dev[a], &err) : 0;
}

/* --- wires -------------------------------------------------------------------------------- */

static int make_tap_end(struct sup_link *l, const struct ends *e, int i, struct netns_err *err)
{
	struct nl_link_change c = { .set = NL_SET_MAC | NL_SET_MTU | NL_SET_TXQLEN,
				    .mac = e->iface[i]->mac.b,
				    .mtu = l->plan->mtu,
				    .tx_queue_len = TAP_QUEUE_FRAMES };
	struct nl_tap tap;
	int r = nl_tap_open(e->dev[i]->net_ns, e->iface[i]->kernel, &tap, err);

	if (r < 0)
		return r;
	l->fds[i] = tap.fd;
	r = nl_of(e->dev[i], err) ? nl_link_change(e->dev[i]->nl, e->iface[i]->kernel, &c, err)
				  : err->code;
	if (r == 0 && is_bridge(e->dev[i]))
		r = join_bridge(e->dev[i], e->iface[i]->kernel, err);
	return r;
}

/* A packet socket on labd's end of a pair whose other end is the device's interface. */
static int open_port(int ifindex)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = ifindex };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1, r;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&ll, sizeof(ll)) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

static int make_ring_end(struct sup_link *l, const struct ends *e, int i, struct netns_err *err)
{
	char name[NL_NAME_LEN];
	struct nl_veth v = { .a = { .name = name, .ns_fd = NS_CURRENT },
			     .b = { .name = e->iface[i]->kernel,
				    .ns_fd = e->dev[i]->net_ns,
				    .mac = e->iface[i]->mac.b },
			     .mtu = l->plan->mtu,
			     .group = GROUP_LAB,
			     .a_up = true };
	struct sup *s = e->dev[i]->sup;
	int index, r;

	snprintf(name, sizeof(name), "w%u.%d", l->plan->id, i);
	r = nl_veth_add(s->home, &v, err);
	if (r == 0)
		r = nl_offload_off(s->home, name, err);
	if (r == 0)
		r = nl_link_index(s->home, name, &index, err);
	if (r < 0)
		return r;
	l->fds[i] = open_port(index);
	if (l->fds[i] < 0)
		return netns_fail_errno(err, l->fds[i], "%s: packet socket", l->plan->name);
	return is_bridge(e->dev[i]) ? join_bridge(e->dev[i], e->iface[i]->kernel, err) : 0;
}

static int make_wire(struct sup *s, struct sup_link *l, const struct ends *e)
{
	struct netns_err err = { 0 };
	int r = 0;

	l->carrier = l->plan->carrier;
	if (l->carrier == CARRIER_AUTO) {
		l->carrier = CARRIER_TAP;
		r = make_tap_end(l, e, 0, &err);
		if (r < 0) /* no TAP for us on this host: rings do the same */
			l->carrier = CARRIER_RING;
		else
			r = make_tap_end(l, e, 1, &err);
	} else if (l->carrier == CARRIER_TAP) {
		for (int i = 0; r == 0 && i < 2; i++)
			r = make_tap_end(l, e, i, &err);
	}
	if (l->carrier == CARRIER_RING)
		for (int i = r = 0; r == 0 && i < 2; i++)
			r = make_ring_end(l, e, i, &err);
	if (r < 0)
		return fail(e->dev[0], &err);
	return wires_add_link(s, l);
}

/* --- all of a device ---------------------------------------------------------------------- */

static bool has_spaces(const struct sup_device *d)
{
	return d->linkable;
}

static int make_link(struct sup *s, struct sup_link *l)
{
	struct ends e = ends_of(s, l->plan);
	int r;

	if (l->made || !has_spaces(e.dev[0]) || !has_spaces(e.dev[1]))
		return 0;
	r = l->plan->carrier == CARRIER_VETH ? make_veth(l, &e) : make_wire(s, l, &e);
	if (r < 0)
		return r;
	l->made = true;
	s->n_links_made++;
	for (int i = 0; i < 2; i++) {
		e.dev[i]->links_missing--;
		device_start_if_linked(e.dev[i]);
	}
	return 0;
}

int links_make_for(struct sup_device *d)
{
	struct sup *s = d->sup;
	int r = is_bridge(d) && !d->linkable ? make_bridge(d) : 0;

	d->linkable = true;
	for (size_t i = 0; r == 0 && i < d->plan->n_ifaces; i++)
		r = make_link(s, &s->links[s->plan->ifaces[d->plan->ifaces[i]].link]);
	return r;
}

/* A veth's interfaces go down: that takes the carrier from both. A wire's stay up but are told that
 * their line is not, so that what a device still sends comes to the wire and is a row. */
static int set_end_up(const struct ends *e, int i, bool wire, bool up, struct netns_err *err)
{
	struct nl_link_change c = { .set = wire ? NL_SET_DORMANT : NL_SET_UP,
				    .up = up,
				    .dormant = !up };
	struct nl_h *nl = nl_of(e->dev[i], err);

	return nl ? nl_link_change(nl, e->iface[i]->kernel, &c, err) : err->code;
}

int link_set_up(struct sup *s, struct sup_link *l, bool up, char *reterr, size_t size)
{
	struct ends e = ends_of(s, l->plan);
	bool wire = l->plan->carrier != CARRIER_VETH;
	struct netns_err err = { 0 };
	int r = 0;

	if (!l->made)
		return 0;
	if (wire && (r = wires_set_up(s, l, up)) < 0)
		netns_fail_errno(&err, r, "%s: the wires process", l->plan->name);
	for (int i = 0; r == 0 && i < 2; i++)
		r = set_end_up(&e, i, wire, up, &err);
	if (r < 0)
		snprintf(reterr, size, "%s", err.text);
	else
		l->down = !up;
	return r;
}

int64_t link_drops(struct sup *s, const struct sup_link *l, int end)
{
	struct ends e = ends_of(s, l->plan);
	struct netns_err err = { 0 };
	struct nl_link link;

	if (l->plan->carrier == CARRIER_VETH || !nl_of(e.dev[end], &err) ||
	    nl_link_get(e.dev[end]->nl, e.iface[end]->kernel, &link, &err) < 0)
		return 0;
	return (int64_t)link.counters.tx_dropped;
}

/* Before the namespaces end: the kernel takes links away much faster in one message than one by one
 * as they do. */
void links_delete(struct sup *s)
{
	struct netns_err err;

	for (size_t i = 0; s->devices && i < s->plan->n_devices; i++)
		if (s->devices[i].nl && is_bridge(&s->devices[i]))
			(void)nl_link_delete_group(s->devices[i].nl, GROUP_LAB, &err);
	if (s->home)
		(void)nl_link_delete_group(s->home, GROUP_LAB, &err);
}
