/* The kernel of the device: addresses, routes, links and resolvers go down as effects; what changes
 * there, by us or by a program of the device's owner, comes up as EV_LINK and EV_ADDR. */
#include "shell.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netns/addr.h"
#include "netns/err.h"
#include "netns/link.h"
#include "netns/nl.h"
#include "netns/ns.h"
#include "netns/sysctl.h"
#include "netns/watch.h"
#include "shell_addr.h"

struct nl_ip nl_from_addr(const struct addr *a)
{
	struct nl_ip ip = { .family = a->family == 6 ? AF_INET6 : AF_INET };

	memcpy(ip.bytes, a->b, sizeof(ip.bytes));
	return ip;
}

struct addr addr_from_nl(const struct nl_ip *ip)
{
	struct addr a = { .family = ip->family == AF_INET6 ? 6 : ip->family == AF_INET ? 4 : 0 };

	memcpy(a.b, ip->bytes, sizeof(a.b));
	return a;
}

/* --- the start ---------------------------------------------------------------------------- */

static void note_refused(void *ctx, const struct ns_sysctl *row, int code,
			 const struct netns_err *why)
{
	struct sbuf *out = ctx;

	if (code != 0 && code != -ENOENT)
		sbuf_printf(out, "%s\t%s\n", row->key, why->text);
}

int kernel_baseline(struct node *n, const struct ns_sysctl_fresh *fresh)
{
	unsigned roles = NS_ROLE_NO_IPV6;
	struct netns_err err = { 0 };
	int r;

	if (n->dev.kind == KIND_ROUTER)
		roles |= NS_ROLE_ROUTER;
	else if (n->dev.kind == KIND_SWITCH || n->dev.kind == KIND_HUB)
		roles |= NS_ROLE_BRIDGE;
	else
		roles |= NS_ROLE_HOST;
	n->refused = SBUF(16384);
	r = fresh ? ns_sysctl_apply_fresh(fresh, roles, note_refused, &n->refused)
		  : ns_sysctl_apply(NS_CURRENT, roles, note_refused, &n->refused, &err);
	return r < 0 ? r : 0;
}

/* What the kernel refused before there was a journal becomes rows now. */
static void tell_refused(struct node *n)
{
	char *line = n->refused.data, *next, *why;

	for (; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		why = strchr(line, '\t');
		if (why)
			*why++ = '\0';
		journal_refused(n, line, why ? why : "");
	}
	sbuf_done(&n->refused);
}

static void take_link(struct node *n, const struct nl_link *link)
{
	for (unsigned i = 0; i < n->dev.n_ifaces; i++) {
		struct iface *f = &n->dev.ifaces[i];

		if (strcmp(f->kname, link->name) != 0)
			continue;
		n->ifmap[i].ifindex = link->index;
		memcpy(f->mac.b, link->mac, 6);
		f->mtu = link->mtu;
		f->up = (link->flags & IFF_UP) && (link->flags & IFF_LOWER_UP) &&
			link->operstate != IF_OPER_DORMANT;
	}
}

static int find_links(struct node *n)
{
	struct netns_err err = { 0 };
	struct nl_link *links;
	size_t count;
	int r = nl_link_dump(n->nl, &links, &count, &err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		take_link(n, &links[i]);
	free(links);
	return 0;
}

/* Everything up in one batch; offload off, so that a capture shows what a wire carries. In a node
 * that is started anew an interface that is down stays so until its configuration is known. */
static void links_up(struct node *n)
{
	struct netns_err err = { 0 };

	nlh_begin(n->nl);
	(void)nl_link_up(n->nl, "lo", &err);
	for (unsigned i = 0; i < n->dev.n_ifaces && !n->stale; i++)
		if (n->ifmap[i].ifindex)
			(void)nl_link_up(n->nl, n->dev.ifaces[i].kname, &err);
	if (nlh_commit(n->nl, &err) < 0)
		journal_refused(n, "interface", err.text);
	for (unsigned i = 0; i < n->dev.n_ifaces; i++)
		if (n->ifmap[i].ifindex && nl_offload_off(n->nl, n->dev.ifaces[i].kname, &err) < 0)
			journal_refused(n, n->dev.ifaces[i].name, err.text);
}

static void take_events(struct node *n);
static void on_watch(evutil_socket_t fd, short what, void *arg);

static int watch(struct node *n)
{
	struct netns_err err = { 0 };
	int r = nl_watch_open(NS_CURRENT, NL_WATCH_LINKS | NL_WATCH_ADDRESSES, false, &n->watch,
			      &err);

	if (r < 0)
		return r;
	n->watch_ev = event_new(n->base, nl_watch_fd(n->watch), EV_READ | EV_PERSIST, on_watch, n);
	return n->watch_ev && event_add(n->watch_ev, NULL) == 0 ? 0 : -ENOMEM;
}

int kernel_init(struct node *n)
{
	struct netns_err err = { 0 };
	int r = nlh_open(NS_CURRENT, NETLINK_ROUTE, &n->nl, &err);

	if (r == 0)
		r = watch(n);
	if (r == 0)
		r = find_links(n);
	if (r < 0)
		return r;
	tell_refused(n);
	stale_find(n);
	links_up(n);
	if (!n->reborn) { /* what has changed since is all that there is */
		take_events(n);
		return 0;
	}
	r = find_links(n);
	return r < 0 ? r : kernel_read_addrs(n);
}

/* --- events ------------------------------------------------------------------------------- */

static struct iface *iface_by_index(struct node *n, int index)
{
	const struct if_index *map = ifmap_by_index(n, index);

	return map ? node_iface(n, map->ifid) : NULL;
}

static int addr_place(const struct iface *f, const struct addr *a, uint8_t plen)
{
	for (unsigned i = 0; i < f->n_addrs; i++)
		if (f->addrs[i].plen == plen && addr_equal(&f->addrs[i].addr, a))
			return (int)i;
	return -1;
}

/* False when nothing changed by it. */
static bool snapshot_addr(struct node *n, int index, const struct addr *a, uint8_t plen, bool add)
{
	struct iface *f = iface_by_index(n, index);
	int at = f ? addr_place(f, a, plen) : -1;

	n->source_dst = (struct addr){ 0 };
	if (!f || add == (at >= 0) || (add && f->n_addrs == IFACE_ADDRS_MAX))
		return false;
	if (add) {
		f->addrs[f->n_addrs++] = (struct iface_addr){ .addr = *a, .plen = plen };
		return true;
	}
	memmove(&f->addrs[at], &f->addrs[at + 1],
		(f->n_addrs - (unsigned)at - 1) * sizeof(f->addrs[0]));
	f->n_addrs--;
	return true;
}

int kernel_read_addrs(struct node *n)
{
	struct netns_err err = { 0 };
	struct nl_ifaddr *list;
	size_t count;
	int r = nl_ifaddr_dump(n->nl, 0, 0, &list, &count, &err);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < n->dev.n_ifaces; i++)
		n->dev.ifaces[i].n_addrs = 0;
	for (size_t i = 0; i < count; i++) {
		struct addr a = addr_from_nl(&list[i].ip);

		(void)snapshot_addr(n, list[i].index, &a, list[i].prefix_len, true);
	}
	free(list);
	return 0;
}

/* Before its services begin a machine sees how things are when it begins. */
static void tell_addr(struct node *n)
{
	if (!n->started)
		return;
	deliver_all_later(n, &(struct ev){ .kind = EV_ADDR });
}

static void on_link_event(struct node *n, const struct nl_link *link)
{
	struct iface *f = iface_by_index(n, link->index);
	bool was = f ? f->up : false;
	struct ev ev = { .kind = EV_LINK };

	take_link(n, link);
	if (!f || f->up == was || !n->started)
		return;
	ev.link.ifid = f->id;
	ev.link.up = f->up;
	deliver_all_later(n, &ev);
	shell_log_link(n, f, link->flags & IFF_UP);
}

static void on_addr_event(struct node *n, const struct nl_ifaddr *x, bool add)
{
	struct addr a = addr_from_nl(&x->ip);

	if (snapshot_addr(n, x->index, &a, x->prefix_len, add))
		tell_addr(n);
}

static void on_event(struct node *n, const struct nl_event *e)
{
	switch (e->kind) {
	case NL_EVENT_LINK:
		on_link_event(n, &e->link);
		break;
	case NL_EVENT_ADDRESS:
		on_addr_event(n, &e->address, true);
		break;
	case NL_EVENT_ADDRESS_GONE:
		on_addr_event(n, &e->address, false);
		break;
	case NL_EVENT_RESYNC:
		(void)find_links(n);
		(void)kernel_read_addrs(n);
		tell_addr(n);
		break;
	case NL_EVENT_LINK_GONE:
	case NL_EVENT_ROUTE:
	case NL_EVENT_ROUTE_GONE:
	case NL_EVENT_NEIGH:
	case NL_EVENT_NEIGH_GONE:
	case NL_EVENT_FDB:
	case NL_EVENT_FDB_GONE:
		break;
	}
}

static void take_events(struct node *n)
{
	struct netns_err err = { 0 };
	struct nl_event e;

	for (int i = 0; i < 256 && nl_watch_next(n->watch, &e, &err) == 1; i++)
		on_event(n, &e);
}

static void on_watch(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	take_events(arg);
}

/* --- effects ------------------------------------------------------------------------------ */

static void failed(struct machine *m, const struct fx_effect *e, int r, const struct netns_err *err)
{
	fail_effect(m, e, 0, -r, err->text);
}

void kernel_addr(struct machine *m, const struct fx_effect *e)
{
	struct node *n = m->node;
	const struct if_index *map = ifmap_by_id(n, e->addr.ifid);
	struct netns_err err = { .text = "the device has no such interface" };
	struct nl_ifaddr a = { .ip = nl_from_addr(&e->addr.addr), .prefix_len = e->addr.plen };
	int r = map && map->ifindex ? 0 : -ENODEV;

	if (r == 0) {
		a.index = map->ifindex;
		r = e->addr.add ? nl_ifaddr_add(n->nl, &a, &err)
				: nl_ifaddr_delete(n->nl, &a, &err);
	}
	if (r < 0 && !(r == -EADDRNOTAVAIL && !e->addr.add)) {
		failed(m, e, r, &err);
		return;
	}
	stale_keep_addr(n, &a);
	if (snapshot_addr(n, a.index, &e->addr.addr, e->addr.plen, e->addr.add))
		tell_addr(n);
}

void kernel_route(struct machine *m, const struct fx_effect *e)
{
	struct node *n = m->node;
	const struct fx_route *x = &e->route;
	const struct if_index *map = ifmap_by_id(n, x->ifid);
	struct netns_err err = { 0 };
	struct nl_route r = { .dst = nl_from_addr(&x->net),
			      .dst_len = x->plen,
			      .index = map ? map->ifindex : 0,
			      .metric = x->metric };
	int code;

	n->source_dst = (struct addr){ 0 };
	if (addr_is_set(&x->via))
		r.via = nl_from_addr(&x->via);
	code = x->add ? nl_route_replace(n->nl, &r, &err) : nl_route_delete(n->nl, &r, &err);
	if (code < 0 && !(code == -ESRCH && !x->add))
		failed(m, e, code, &err);
	else
		stale_keep_route(n, &r);
}

void kernel_link(struct machine *m, const struct fx_effect *e)
{
	struct iface *f = node_iface(m->node, e->link.ifid);
	struct netns_err err = { .text = "the device has no such interface" };
	int r = -ENODEV;

	stale_keep_link(m->node, e->link.ifid, e->link.up);
	if (f)
		r = e->link.up ? nl_link_up(m->node->nl, f->kname, &err)
			       : nl_link_down(m->node->nl, f->kname, &err);
	if (r < 0)
		failed(m, e, r, &err);
}

/* Static entries stand before learned ones, in the order of their coming. */
static int resolver_place(const struct device *dev, const char *source)
{
	for (unsigned i = 0; i < dev->n_resolvers; i++)
		if (strcmp(dev->resolvers[i].source, source) == 0)
			return (int)i;
	return -1;
}

static void remove_resolver(struct device *dev, int at)
{
	memmove(&dev->resolvers[at], &dev->resolvers[at + 1],
		(dev->n_resolvers - (unsigned)at - 1) * sizeof(dev->resolvers[0]));
	dev->n_resolvers--;
}

void kernel_resolver(struct machine *m, const struct fx_effect *e)
{
	struct device *dev = &m->node->dev;
	const struct fx_resolver *r = &e->resolver;
	int at = resolver_place(dev, r->source);
	unsigned to;

	if (at >= 0)
		remove_resolver(dev, at);
	if ((r->n_servers > 0 || r->domain[0]) && dev->n_resolvers < ARRAY_SIZE(dev->resolvers)) {
		to = strcmp(r->source, "static") == 0 ? 0 : dev->n_resolvers;
		memmove(&dev->resolvers[to + 1], &dev->resolvers[to],
			(dev->n_resolvers - to) * sizeof(dev->resolvers[0]));
		dev->resolvers[to] = *r;
		dev->n_resolvers++;
	}
	kernel_write_resolv_conf(m->node);
	tell_addr(m->node);
}

/* For programs that run on the device by `exec`: in the state directory, bound over theirs. */
void kernel_write_resolv_conf(struct node *n)
{
	struct sbuf out = SBUF(8192);
	char a[ADDR_TEXT_LEN];

	for (unsigned i = 0; i < n->dev.n_resolvers; i++) {
		const struct fx_resolver *r = &n->dev.resolvers[i];

		if (r->domain[0] && i == 0)
			sbuf_printf(&out, "search %s\n", r->domain);
		for (unsigned k = 0; k < r->n_servers; k++)
			sbuf_printf(&out, "nameserver %s\n", addr_format(&r->servers[k], a));
	}
	state_rewrite(n, "resolv.conf", sbuf_text(&out), out.len);
	sbuf_done(&out);
}

struct addr kernel_source_for(struct node *n, const struct addr *dst)
{
	struct sockaddr_storage ss;
	struct ep to = { .addr = *dst, .port = 9 };
	socklen_t len = ep_to_sockaddr(&to, &ss);
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	if (dst->family != 4)
		return (struct addr){ 0 };
	if (addr_equal(dst, &n->source_dst))
		return n->source_src;
	n->source_dst = *dst;
	n->source_src = (struct addr){ 0 };
	(void)connect(n->probe_fd, &none, sizeof(none)); /* forgets the last answer */
	if (connect(n->probe_fd, (struct sockaddr *)&ss, len) == 0) {
		len = sizeof(ss);
		if (getsockname(n->probe_fd, (struct sockaddr *)&ss, &len) == 0)
			n->source_src = ep_from_sockaddr(&ss).addr;
	}
	return n->source_src;
}
