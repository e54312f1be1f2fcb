/* Interfaces, addresses and static routes: the configuration carried to the kernel. */
#include "ip/ip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"
#include "base/sbuf.h"

/* A route that the kernel has, or refused for now. */
struct applied_route {
	struct ip_route route;
	uint32_t effect; /* its last request; 0 = none under way */
	bool refused;
};

#define ROUTES_BYTES (IP_ROUTES_MAX * sizeof(struct applied_route))

struct ip_host {
	const struct ip_conf *conf;
	const struct device *dev;
	struct ip_probes *probes;
	unsigned n_routes;
	struct ip_facts facts;
	struct ip_if_conf *applied;   /* an interface each: what the kernel was told */
	struct applied_route *routes; /* IP_ROUTES_MAX */
};

struct ip_probes *ip_host_probes(struct ip_host *host)
{
	return host->probes;
}

static const struct ip_if_conf *conf_of(const struct ip_conf *conf, uint32_t ifid)
{
	for (unsigned i = 0; i < conf->n_ifs; i++)
		if (conf->ifs[i].ifid == ifid)
			return &conf->ifs[i];
	return NULL;
}

static bool has_addr(const struct ip_if_conf *c, const struct iface_addr *a)
{
	for (unsigned i = 0; c && i < c->n_addrs; i++)
		if (c->addrs[i].plen == a->plen && addr_equal(&c->addrs[i].addr, &a->addr))
			return true;
	return false;
}

static void change_addr(const struct iface *f, const struct iface_addr *a, bool add, struct fx *fx)
{
	struct fx_addr x = { .add = add, .ifid = f->id, .addr = a->addr, .plen = a->plen };

	if (add)
		decide(fx, "ip.address.set", V_TEXT("interface", f->name), V_ADDR("addr", a->addr),
		       V_INT("plen", a->plen));
	else
		decide(fx, "ip.address.remove", V_TEXT("interface", f->name),
		       V_ADDR("addr", a->addr), V_INT("plen", a->plen));
	fx_addr(fx, &x);
}

static void change_link(const struct iface *f, bool shutdown, struct fx *fx)
{
	if (shutdown)
		decide(fx, "ip.interface.shutdown", V_TEXT("interface", f->name));
	else
		decide(fx, "ip.interface.enable", V_TEXT("interface", f->name));
	fx_link(fx, f->id, !shutdown);
}

static void apply_iface(const struct iface *f, const struct ip_if_conf *want,
			struct ip_if_conf *have, struct fx *fx)
{
	static const struct ip_if_conf nothing;

	if (!want)
		want = &nothing;
	for (unsigned i = 0; i < have->n_addrs; i++)
		if (!has_addr(want, &have->addrs[i]))
			change_addr(f, &have->addrs[i], false, fx);
	for (unsigned i = 0; i < want->n_addrs; i++)
		if (!has_addr(have, &want->addrs[i]))
			change_addr(f, &want->addrs[i], true, fx);
	if (want->shutdown != have->shutdown)
		change_link(f, want->shutdown, fx);
	*have = *want;
}

static bool route_equal(const struct ip_route *a, const struct ip_route *b)
{
	return a->plen == b->plen && a->ifid == b->ifid && a->metric == b->metric &&
	       addr_equal(&a->net, &b->net) && addr_equal(&a->via, &b->via);
}

static uint32_t send_route(const struct ip_route *r, bool add, struct fx *fx)
{
	struct fx_route x = { .add = add,
			      .net = r->net,
			      .plen = r->plen,
			      .via = r->via,
			      .ifid = r->ifid,
			      .metric = r->metric };

	return fx_route(fx, &x);
}

static void remove_stale_routes(struct ip_host *h, struct fx *fx)
{
	for (unsigned i = 0; i < h->n_routes;) {
		struct ip_route *r = &h->routes[i].route;
		bool wanted = false;

		for (unsigned k = 0; k < h->conf->n_routes && !wanted; k++)
			wanted = route_equal(r, &h->conf->routes[k]);
		if (wanted) {
			i++;
			continue;
		}
		if (!h->routes[i].refused) {
			decide(fx, "ip.route.remove", V_ADDR("net", r->net), V_INT("plen", r->plen),
			       V_ADDR("via", r->via));
			send_route(r, false, fx);
		}
		h->routes[i] = h->routes[--h->n_routes];
	}
}

static void add_new_routes(struct ip_host *h, struct fx *fx)
{
	for (unsigned k = 0; k < h->conf->n_routes; k++) {
		const struct ip_route *r = &h->conf->routes[k];
		bool known = false;

		for (unsigned i = 0; i < h->n_routes && !known; i++)
			known = route_equal(r, &h->routes[i].route);
		if (known || h->n_routes == IP_ROUTES_MAX)
			continue;
		decide(fx, "ip.route.set", V_ADDR("net", r->net), V_INT("plen", r->plen),
		       V_ADDR("via", r->via));
		h->routes[h->n_routes++] =
			(struct applied_route){ .route = *r, .effect = send_route(r, true, fx) };
	}
}

/* A next hop that could not be reached may be reachable now. */
static void retry_routes(struct ip_host *h, struct fx *fx)
{
	for (unsigned i = 0; i < h->n_routes; i++) {
		struct applied_route *a = &h->routes[i];

		if (!a->refused)
			continue;
		a->refused = false;
		a->effect = send_route(&a->route, true, fx);
	}
}

static void apply(struct ip_host *h, struct fx *fx)
{
	for (unsigned i = 0; i < h->dev->n_ifaces; i++)
		apply_iface(&h->dev->ifaces[i], conf_of(h->conf, h->dev->ifaces[i].id),
			    &h->applied[i], fx);
	remove_stale_routes(h, fx);
	add_new_routes(h, fx);
}

static void route_failed(struct ip_host *h, const struct ev *ev, struct fx *fx)
{
	for (unsigned i = 0; i < h->n_routes; i++) {
		struct applied_route *a = &h->routes[i];

		if (a->effect != ev->done.effect || a->refused)
			continue;
		a->refused = true;
		decide(fx, "ip.route.waits", V_ADDR("what", a->route.net),
		       V_TEXT("reason", ev->done.text));
		return;
	}
}

static void on_done(struct ip_host *h, const struct ev *ev, struct fx *fx)
{
	if (ev->done.what == FX_ROUTE)
		route_failed(h, ev, fx);
	else if (ev->done.what == FX_ADDR || ev->done.what == FX_LINK)
		decide(fx, "ip.address.refused",
		       V_TEXT("what", ev->done.what == FX_ADDR ? "an address" : "a link change"),
		       V_TEXT("reason", ev->done.text));
	else
		ip_probes_event(h->probes, ev, fx);
}

static void host_destroy(void *machine)
{
	struct ip_host *h = machine;

	if (!h)
		return;
	ip_probes_free(h->probes);
	ip_facts_done(&h->facts);
	free(h->applied);
	pages_free(h->routes, ROUTES_BYTES);
	free(h);
}

static void *host_create(const struct machine_env *env)
{
	struct ip_host *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->conf = env->conf;
	h->dev = env->dev;
	h->probes = ip_probes_new(env->seed);
	h->applied = calloc(h->dev->n_ifaces + 1, sizeof(*h->applied));
	h->routes = pages_new(ROUTES_BYTES);
	if (h->probes && h->applied && h->routes)
		return h;
	host_destroy(h);
	return NULL;
}

static void host_event(void *machine, const struct ev *ev, struct fx *fx)
{
	struct ip_host *h = machine;

	switch (ev->kind) {
	case EV_START:
		ip_facts_update(&h->facts, h->dev, fx);
		apply(h, fx);
		break;
	case EV_CONF:
		apply(h, fx);
		break;
	case EV_ADDR:
		ip_facts_update(&h->facts, h->dev, fx);
		retry_routes(h, fx);
		break;
	case EV_LINK:
		retry_routes(h, fx);
		break;
	case EV_DONE:
		on_done(h, ev, fx);
		break;
	case EV_DATAGRAM:
	case EV_TIMER:
		ip_probes_event(h->probes, ev, fx);
		break;
	case EV_ANSWER:
		ip_probes_event(h->probes, ev, fx);
		ip_show_event(ev, fx);
		break;
	case EV_OPENED:
	case EV_BYTES:
	case EV_DRAINED:
	case EV_CLOSED:
	case EV_ASK:
	case EV_RESTORE:
	case EV_LOG:
	case EV_INPUT:
	case EV_LINE:
	case EV_STOP:
		break;
	}
}

static nsec_t host_deadline(const void *machine)
{
	return ip_probes_deadline(((const struct ip_host *)machine)->probes);
}

const struct machine_class ip_host_class = {
	.name = "ip.host",
	.kinds = KINDS_L3 | BIT(KIND_SWITCH) | BIT(KIND_HUB),
	.create = host_create,
	.destroy = host_destroy,
	.event = host_event,
	.deadline = host_deadline,
};
