/* What an earlier life of this node left in the kernel.
 *
 * A node that is started anew finds its device's namespace as it was, in use: others' packets go
 * through it all the while. So nothing is flushed first. What was there is noted, what machines set
 * again or know of by a restored fact is crossed out, and what is left when every service has
 * started is taken away. In a namespace that is new there is nothing to note. */
#include "shell.h"

#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "netns/acl.h"
#include "netns/addr.h"
#include "netns/err.h"
#include "netns/nl.h"
#include "netns/ns.h"

struct stale {
	struct nl_ifaddr *addrs;
	size_t n_addrs;
	struct nl_route *routes;
	size_t n_routes;
	bool keep_down[DEVICE_IFACES_MAX]; /* the configuration shuts it down */
};

/* The loopback interface is set up in a node's first life. */
static bool is_new(struct node *n)
{
	struct netns_err err = { 0 };
	struct nl_link lo;

	return nl_link_get(n->nl, "lo", &lo, &err) < 0 || !(lo.flags & IFF_UP);
}

void stale_find(struct node *n)
{
	struct netns_err err = { 0 };

	n->reborn = !is_new(n);
	if (!n->reborn)
		return;
	n->stale = calloc(1, sizeof(*n->stale));
	if (!n->stale)
		abort();
	if (nl_ifaddr_dump(n->nl, 0, AF_INET, &n->stale->addrs, &n->stale->n_addrs, &err) < 0 ||
	    nl_route_dump(n->nl, AF_INET, 0, &n->stale->routes, &n->stale->n_routes, &err) < 0)
		journal_refused(n, "what an earlier process left", err.text);
}

static bool same_addr(const struct nl_ifaddr *a, const struct nl_ifaddr *b)
{
	return a->index == b->index && a->prefix_len == b->prefix_len &&
	       nl_ip_equal(&a->ip, &b->ip);
}

void stale_keep_addr(struct node *n, const struct nl_ifaddr *addr)
{
	for (size_t i = 0; n->stale && i < n->stale->n_addrs; i++)
		if (same_addr(&n->stale->addrs[i], addr))
			n->stale->addrs[i].index = 0;
}

/* A route set anew replaces the one to the same network with the same metric. */
void stale_keep_route(struct node *n, const struct nl_route *route)
{
	for (size_t i = 0; n->stale && i < n->stale->n_routes; i++) {
		struct nl_route *r = &n->stale->routes[i];

		if (r->dst_len == route->dst_len && r->metric == route->metric &&
		    nl_ip_equal(&r->dst, &route->dst))
			r->index = 0;
	}
}

void stale_keep_link(struct node *n, uint32_t ifid, bool up)
{
	for (unsigned i = 0; n->stale && i < n->dev.n_ifaces; i++)
		if (n->dev.ifaces[i].id == ifid)
			n->stale->keep_down[i] = !up;
}

/* A machine that was told of a fact takes away itself what belongs to it. */
void stale_keep_named(struct node *n, const struct val *columns)
{
	for (const struct val *v = columns; n->stale && v && v->name; v++) {
		struct nl_ip ip;

		if (v->type != VT_ADDR || !addr_is_set(&v->addr))
			continue;
		ip = nl_from_addr(&v->addr);
		for (size_t i = 0; i < n->stale->n_addrs; i++)
			if (nl_ip_equal(&n->stale->addrs[i].ip, &ip))
				n->stale->addrs[i].index = 0;
		for (size_t i = 0; i < n->stale->n_routes; i++)
			if (nl_ip_equal(&n->stale->routes[i].via, &ip))
				n->stale->routes[i].index = 0;
	}
}

static void sweep_addrs(struct node *n, const struct stale *s)
{
	struct netns_err err = { 0 };

	for (size_t i = 0; i < s->n_addrs; i++)
		if (ifmap_by_index(n, s->addrs[i].index) &&
		    nl_ifaddr_delete(n->nl, &s->addrs[i], &err) < 0)
			journal_refused(n, "a stale address", err.text);
}

/* Only what a node sets: routes to connected networks are the kernel's own. */
static void sweep_routes(struct node *n, const struct stale *s)
{
	struct netns_err err = { 0 };

	for (size_t i = 0; i < s->n_routes; i++)
		if (s->routes[i].protocol == RTPROT_STATIC && ifmap_by_index(n, s->routes[i].index))
			(void)nl_route_delete(n->nl, &s->routes[i], &err);
}

static void sweep_lists(struct node *n)
{
	struct netns_err err = { 0 };
	struct nl_h *nf;

	if (n->acl || nlh_open(NS_CURRENT, NETLINK_NETFILTER, &nf, &err) < 0)
		return;
	(void)acl_remove(nf, &err);
	nlh_close(nf);
}

static void raise_links(struct node *n, const struct stale *s)
{
	struct netns_err err = { 0 };

	for (unsigned i = 0; i < n->dev.n_ifaces; i++)
		if (n->ifmap[i].ifindex && !s->keep_down[i] &&
		    nl_link_up(n->nl, n->dev.ifaces[i].kname, &err) < 0)
			journal_refused(n, n->dev.ifaces[i].name, err.text);
}

void stale_sweep(struct node *n)
{
	struct stale *s = n->stale;

	if (!s)
		return;
	sweep_addrs(n, s);
	sweep_routes(n, s);
	sweep_lists(n);
	raise_links(n, s);
	if (n->dev.n_resolvers == 0)
		kernel_write_resolv_conf(n);
	free(s->addrs);
	free(s->routes);
	free(s);
	n->stale = NULL;
}
