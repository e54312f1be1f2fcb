/* Configuration lines and commands of interfaces, addresses and static routes. */
#include "ip/ip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"
#include "base/sbuf.h"

#define ROUTES_BYTES (IP_ROUTES_MAX * sizeof(struct ip_route))

static const struct rule rules[] = {
#define RULE RULE_ROW
#include "ip/ip_rules.def"
#undef RULE
};

static void conf_free(void *conf)
{
	struct ip_conf *c = conf;

	if (!c)
		return;
	free(c->ifs);
	pages_free(c->routes, ROUTES_BYTES);
	free(c);
}

static void *conf_new(const struct device *dev)
{
	struct ip_conf *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->max_ifs = dev->n_ifaces;
	c->ifs = calloc(c->max_ifs + 1, sizeof(*c->ifs));
	c->routes = pages_new(ROUTES_BYTES);
	if (c->ifs && c->routes)
		return c;
	conf_free(c);
	return NULL;
}

static struct ip_if_conf *if_conf(struct ip_conf *conf, const struct call *call)
{
	for (unsigned i = 0; i < conf->n_ifs; i++)
		if (conf->ifs[i].ifid == call->section_ifid)
			return &conf->ifs[i];
	if (conf->n_ifs == conf->max_ifs)
		return NULL;
	conf->ifs[conf->n_ifs].ifid = call->section_ifid;
	return &conf->ifs[conf->n_ifs++];
}

static int set_interface(void *conf, const struct call *call)
{
	(void)conf;
	if (call->args[0].ifid != 0)
		return 0;
	sbuf_printf(call->reterr, "%s has no interface %s; it has", call->dev->name,
		    call->args[0].text);
	for (unsigned i = 0; i < call->dev->n_ifaces && i < 16; i++)
		sbuf_printf(call->reterr, "%s %s", i ? "," : "", call->dev->ifaces[i].name);
	if (call->dev->n_ifaces == 0)
		sbuf_puts(call->reterr, " none (links give a device its interfaces)");
	return -EINVAL;
}

static int check_address(const struct call *call, const struct addr *a, int plen)
{
	struct addr net, broadcast;

	if (plen < 1)
		return call_refuse(call, "the mask is not a row of ones followed by zeros");
	net = addr_mask(a, (unsigned)plen);
	broadcast = addr4_broadcast(a, (unsigned)plen);
	if (addr_is_any(a) || addr_is_multicast(a) || addr4_is_limited_broadcast(a) ||
	    a->b[0] == 127)
		return call_refuse(call, "that is not the address of a host");
	if (plen < 31 && addr_equal(a, &net))
		return call_refuse(
			call, "that is the address of the network itself, not of a host in it");
	if (plen < 31 && addr_equal(a, &broadcast))
		return call_refuse(call, "that is the broadcast address of the network");
	return 0;
}

static int remove_address(struct ip_if_conf *c, const struct call *call)
{
	if (call->n_args == 0 || call->args[0].type != ARG_ADDR) {
		c->n_addrs = 0;
		return 0;
	}
	for (unsigned i = 0; i < c->n_addrs; i++)
		if (addr_equal(&c->addrs[i].addr, &call->args[0].addr)) {
			memmove(&c->addrs[i], &c->addrs[i + 1],
				(c->n_addrs - i - 1) * sizeof(c->addrs[0]));
			c->n_addrs--;
			return 0;
		}
	return 0;
}

static int set_address(void *conf, const struct call *call)
{
	struct ip_if_conf *c = if_conf(conf, call);
	struct iface_addr a;
	int plen, r;

	if (!c)
		return call_refuse(call, "too many interfaces");
	if (call->no)
		return remove_address(c, call);
	plen = addr4_mask_plen(&call->args[1].addr);
	r = check_address(call, &call->args[0].addr, plen);
	if (r < 0)
		return r;
	a = (struct iface_addr){ .addr = call->args[0].addr, .plen = (uint8_t)plen };
	c->addrs[0] = a;
	if (c->n_addrs == 0)
		c->n_addrs = 1;
	return 0;
}

static int set_secondary(void *conf, const struct call *call)
{
	struct ip_if_conf *c = if_conf(conf, call);
	int plen, r;

	if (!c)
		return call_refuse(call, "too many interfaces");
	if (call->no)
		return remove_address(c, call);
	plen = addr4_mask_plen(&call->args[1].addr);
	r = check_address(call, &call->args[0].addr, plen);
	if (r < 0)
		return r;
	if (c->n_addrs == 0)
		return call_refuse(call, "a secondary address needs a primary one before it");
	if (c->n_addrs == IP_ADDRS_MAX)
		return call_refuse(call, "too many addresses on this interface");
	c->addrs[c->n_addrs++] =
		(struct iface_addr){ .addr = call->args[0].addr, .plen = (uint8_t)plen };
	return 0;
}

static int set_shutdown(void *conf, const struct call *call)
{
	struct ip_if_conf *c = if_conf(conf, call);

	if (!c)
		return call_refuse(call, "too many interfaces");
	c->shutdown = !call->no;
	return 0;
}

/* Lines of real devices that a virtual link has no use for; a pasted configuration keeps them. */
static int set_without_effect(void *conf, const struct call *call)
{
	(void)conf;
	if (call->retwarn && strncmp(call->line, "description", 11) != 0)
		sbuf_puts(call->retwarn, "accepted; a virtual link has nothing to set there");
	return 0;
}

static int remove_route(struct ip_conf *conf, const struct ip_route *r)
{
	for (unsigned i = 0; i < conf->n_routes;) {
		struct ip_route *x = &conf->routes[i];
		bool same = x->plen == r->plen && addr_equal(&x->net, &r->net) &&
			    (!addr_is_set(&r->via) || addr_equal(&x->via, &r->via));

		if (same)
			*x = conf->routes[--conf->n_routes];
		else
			i++;
	}
	return 0;
}

static int put_route(struct ip_conf *conf, const struct call *call, const struct ip_route *r)
{
	for (unsigned i = 0; i < conf->n_routes; i++)
		if (conf->routes[i].plen == r->plen && addr_equal(&conf->routes[i].net, &r->net) &&
		    addr_equal(&conf->routes[i].via, &r->via)) {
			conf->routes[i] = *r;
			return 0;
		}
	if (conf->n_routes == IP_ROUTES_MAX)
		return call_refuse(call, "too many static routes");
	conf->routes[conf->n_routes++] = *r;
	return 0;
}

/* ip route NET MASK (ADDRESS|INTERFACE) [DISTANCE] */
static int set_route(void *conf, const struct call *call)
{
	struct ip_route r = { .net = call->args[0].addr };
	int plen = addr4_mask_plen(&call->args[1].addr);
	struct addr net;

	if (plen < 0)
		return call_refuse(call, "the mask is not a row of ones followed by zeros");
	r.plen = (uint8_t)plen;
	net = addr_mask(&r.net, r.plen);
	if (!addr_equal(&net, &r.net))
		return call_refuse(call, "the network has bits set that its mask leaves to hosts");
	if (call->n_args > 2 && call->args[2].type == ARG_ADDR)
		r.via = call->args[2].addr;
	if (call->n_args > 3 && call->args[3].type == ARG_NUMBER)
		r.metric = (uint32_t)call->args[3].number;
	return call->no ? remove_route(conf, &r) : put_route(conf, call, &r);
}

static int set_route_dev(void *conf, const struct call *call)
{
	struct ip_route r = { .net = call->args[0].addr };
	int plen = addr4_mask_plen(&call->args[1].addr);

	if (plen < 0)
		return call_refuse(call, "the mask is not a row of ones followed by zeros");
	r.plen = (uint8_t)plen;
	r.net = addr_mask(&r.net, r.plen);
	if (call->n_args > 2)
		r.ifid = call->args[2].ifid;
	if (!call->no && r.ifid == 0)
		return call_refuse(call, "this device has no such interface");
	return call->no ? remove_route(conf, &r) : put_route(conf, call, &r);
}

static int set_gateway(void *conf, const struct call *call)
{
	struct ip_route r = { .net = addr4(0, 0, 0, 0) };
	struct ip_conf *c = conf;

	/* One default gateway: a new one takes the place of the old. */
	if (call->no && (call->n_args == 0 || call->args[0].type == ARG_NONE))
		return remove_route(c, &r);
	r.via = call->args[0].addr;
	if (call->no)
		return remove_route(c, &r);
	remove_route(c, &(struct ip_route){ .net = r.net });
	return put_route(c, call, &r);
}

/* clang-format off */
static const struct cmd cmds[] = {
	{ .mode = MODE_CONFIG, .pattern = "interface IFNAME", .help = "Configure an interface",
	  .enters = MODE_IF, .set = set_interface },
	{ .mode = MODE_IF, .pattern = "ip address A.B.C.D A.B.C.D", .help = "IPv4 address and mask",
	  .flags = CMD_NO, .replaces = "ip address", .set = set_address },
	{ .mode = MODE_IF, .pattern = "ip address A.B.C.D A.B.C.D secondary", .help = "One more IPv4 address",
	  .flags = CMD_NO | CMD_MULTI | CMD_KEYED, .set = set_secondary },
	{ .mode = MODE_IF, .pattern = "shutdown", .help = "Switch the interface off",
	  .flags = CMD_NO, .set = set_shutdown },
	{ .mode = MODE_IF, .pattern = "description LINE", .help = "A note",
	  .flags = CMD_NO, .set = set_without_effect },
	{ .mode = MODE_IF, .pattern = "duplex (auto|full|half)", .help = "Kept, without effect",
	  .flags = CMD_NO, .set = set_without_effect },
	{ .mode = MODE_IF, .pattern = "speed (auto|10|100|1000)", .help = "Kept, without effect",
	  .flags = CMD_NO, .set = set_without_effect },
	{ .mode = MODE_IF, .pattern = "clock rate <1200-8000000>", .help = "Kept, without effect",
	  .flags = CMD_NO, .set = set_without_effect },
	{ .mode = MODE_IF, .pattern = "bandwidth <1-10000000>", .help = "Kept, without effect",
	  .flags = CMD_NO, .set = set_without_effect },
	{ .mode = MODE_CONFIG, .pattern = "ip route A.B.C.D A.B.C.D A.B.C.D [<1-255>]",
	  .help = "Static route to a network by a next hop", .flags = CMD_NO | CMD_MULTI, .set = set_route },
	{ .mode = MODE_CONFIG, .pattern = "ip route A.B.C.D A.B.C.D IFNAME [<1-255>]",
	  .help = "Static route out of an interface", .flags = CMD_NO | CMD_MULTI, .set = set_route_dev },
	{ .mode = MODE_CONFIG, .pattern = "ip default-gateway A.B.C.D", .help = "Default gateway",
	  .flags = CMD_NO, .set = set_gateway },
	{ .mode = MODE_CONFIG, .pattern = "ip routing", .help = "Forward packets (routers always do)",
	  .kinds = BIT(KIND_ROUTER), .set = set_without_effect },

	{ .mode = MODE_EXEC, .pattern = "ping HOST [<1-1000>]", .help = "Send echo requests",
	  .machine = "ip.host", .run = ip_ping_run },
	{ .mode = MODE_EXEC, .pattern = "ping -n <1-1000> HOST", .help = "Send that many echo requests",
	  .machine = "ip.host", .run = ip_ping_run },
	{ .mode = MODE_EXEC, .pattern = "tracert HOST", .help = "Show the routers on the way to a host",
	  .machine = "ip.host", .run = ip_trace_run },
	{ .mode = MODE_EXEC, .pattern = "traceroute HOST", .help = "Show the routers on the way to a host",
	  .machine = "ip.host", .run = ip_trace_run },
	{ .mode = MODE_EXEC, .pattern = "arp -a", .help = "Show the neighbours' addresses",
	  .machine = "ip.host", .run = ip_show_arp },
	{ .mode = MODE_EXEC, .pattern = "show arp", .help = "Show the neighbours' addresses",
	  .machine = "ip.host", .run = ip_show_arp },
	{ .mode = MODE_EXEC, .pattern = "show ip arp", .help = "Show the neighbours' addresses",
	  .machine = "ip.host", .run = ip_show_arp },
	{ .mode = MODE_EXEC, .pattern = "show ip route", .help = "Show the routing table",
	  .machine = "ip.host", .run = ip_show_route },
	{ .mode = MODE_EXEC, .pattern = "show ip interface brief", .help = "Show interfaces and addresses",
	  .machine = "ip.host", .run = ip_show_brief },
	{ .mode = MODE_EXEC, .pattern = "show interfaces", .help = "Show interfaces and their counters",
	  .machine = "ip.host", .run = ip_show_interfaces },
	{ .mode = NULL },
};
/* clang-format on */

static const struct machine_class *const machines[] = { &ip_host_class, NULL };
static const struct fact_kind *const facts[] = { &ip_address_fact, NULL };

const struct proto ip_proto = {
	.name = "ip",
	.title = "Interfaces, addresses and routes",
	.rules = rules,
	.n_rules = ARRAY_SIZE(rules),
	.machines = machines,
	.cmds = cmds,
	.facts = facts,
	.conf_new = conf_new,
	.conf_free = conf_free,
};
