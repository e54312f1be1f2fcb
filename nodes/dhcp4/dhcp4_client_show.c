/* The client's commands: ipconfig as Windows prints it, `show dhcp lease` as IOS does. */
#include "dhcp4/dhcp4_client.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/sbuf.h"

#define TEXT_MAX 65536

/* --- ipconfig ----------------------------------------------------------------------------- */

/* One "Label . . . . : value" line; the label is padded as Windows pads it. */
static void line(struct sbuf *out, const char *label, const char *value)
{
	static const char dots[] = " . . . . . . . . . . . . . . . . . . ";
	size_t n = strlen(label);

	/* Dots stand in odd columns whatever the label's length. */
	sbuf_printf(out, "   %s%.*s: %s\n", label, n < 34 ? (int)(34 - n) : 0,
		    dots + (n % 2 ? 0 : 1), value);
}

static void line_addr(struct sbuf *out, const char *label, const struct addr *a, const char *after)
{
	char text[ADDR_TEXT_LEN + 16];
	char addr[ADDR_TEXT_LEN];

	snprintf(text, sizeof(text), "%s%s", addr_format(a, addr), after);
	line(out, label, text);
}

static void line_addrs(struct sbuf *out, const char *label, const struct addr *list, unsigned n)
{
	char text[ADDR_TEXT_LEN];

	for (unsigned i = 0; i < n; i++) {
		if (i == 0)
			line(out, label, addr_format(&list[i], text));
		else
			sbuf_printf(out, "%39s%s\n", "", addr_format(&list[i], text));
	}
}

static void line_time(struct sbuf *out, const struct device *dev, const char *label, nsec_t at)
{
	time_t seconds = (time_t)(device_clock_ns(dev, at) / SEC);
	char text[64];
	struct tm tm;

	if (gmtime_r(&seconds, &tm) &&
	    strftime(text, sizeof(text), "%A, %B %-d, %Y %-I:%M:%S %p", &tm) > 0)
		line(out, label, text);
}

static bool is_autoconf(const struct addr *a)
{
	return a->family == 4 && a->b[0] == 169 && a->b[1] == 254;
}

/* The addresses that the interface has once this turn's effects are carried out. */
static unsigned addresses_of(const struct iface *i, const struct dhcp4_client_if *ci,
			     struct iface_addr out[IFACE_ADDRS_MAX + 2])
{
	unsigned n = 0;
	bool has_lease = false;

	for (unsigned k = 0; k < i->n_addrs; k++) {
		const struct addr *a = &i->addrs[k].addr;

		if (ci && addr_is_set(&ci->gone_addr) && addr_equal(a, &ci->gone_addr))
			continue;
		has_lease = has_lease || (ci && ci->applied && addr_equal(a, &ci->lease.addr));
		out[n++] = i->addrs[k];
	}
	if (ci && ci->applied && !has_lease)
		out[n++] = (struct iface_addr){ .addr = ci->lease.addr, .plen = ci->lease.plen };
	return n;
}

static void put_addresses(struct sbuf *out, const struct iface *i, const struct dhcp4_client_if *ci,
			  bool all)
{
	struct iface_addr list[IFACE_ADDRS_MAX + 2];
	unsigned n = addresses_of(i, ci, list);
	const char *after = all ? "(Preferred)" : "";

	for (unsigned k = 0; k < n; k++) {
		const struct addr *a = &list[k].addr;
		struct addr mask;

		if (a->family == 6) {
			line_addr(out,
				  a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80
					  ? "Link-local IPv6 Address"
					  : "IPv6 Address",
				  a, after);
			continue;
		}
		mask = addr4_netmask(list[k].plen);
		line_addr(out, is_autoconf(a) ? "Autoconfiguration IPv4 Address" : "IPv4 Address",
			  a, after);
		line_addr(out, "Subnet Mask", &mask, "");
	}
}

/* Default gateways by the kernel's table; of a lease also before the kernel has them. */
static void put_gateways(struct sbuf *out, const struct iface *i, const struct dhcp4_client_if *ci,
			 const struct answer *routes)
{
	struct addr list[8];
	unsigned n = 0;

	for (size_t k = 0; !routes->err && k < routes->kernel.n_rows && n < ARRAY_SIZE(list); k++) {
		const struct kernel_row *row = &routes->kernel.rows[k];

		if (row->plen == 0 && addr_is_set(&row->via) && strcmp(row->ifname, i->name) == 0)
			list[n++] = row->via;
	}
	if (n == 0 && ci && ci->applied && ci->lease.n_routers)
		list[n++] = ci->lease.routers[0];
	if (n == 0)
		line(out, "Default Gateway", "");
	else
		line_addrs(out, "Default Gateway", list, n);
}

static void put_physical(struct sbuf *out, const struct iface *i, const struct dhcp4_client_if *ci)
{
	char text[24];
	const uint8_t *b = i->mac.b;
	bool dhcp = ci && ci->mode != DHCP4_IF_OTHER;

	snprintf(text, sizeof(text), "%02X-%02X-%02X-%02X-%02X-%02X", b[0], b[1], b[2], b[3], b[4],
		 b[5]);
	line(out, "Description", i->kname);
	line(out, "Physical Address", text);
	line(out, "DHCP Enabled", dhcp ? "Yes" : "No");
	line(out, "Autoconfiguration Enabled", dhcp ? "Yes" : "No");
}

static void put_servers(struct sbuf *out, const struct device *dev,
			const struct dhcp4_client_if *ci)
{
	if (ci && ci->applied && ci->mode != DHCP4_IF_OTHER) {
		line_addr(out, "DHCP Server", &ci->lease.server, "");
		line_addrs(out, "DNS Servers", ci->lease.dns, ci->lease.n_dns);
		line_addrs(out, "Primary WINS Server", ci->lease.netbios, ci->lease.n_netbios);
		return;
	}
	for (unsigned k = 0; k < dev->n_resolvers; k++)
		if (strcmp(dev->resolvers[k].source, "static") == 0)
			line_addrs(out, "DNS Servers", dev->resolvers[k].servers,
				   dev->resolvers[k].n_servers);
}

static void put_adapter(struct sbuf *out, const struct dhcp4_client *c, const struct iface *i,
			const struct dhcp4_client_if *ci, const struct answer *routes, bool all)
{
	bool leased = ci && ci->applied;

	sbuf_printf(out, "\nEthernet adapter %s:\n\n", i->name);
	if (!i->up)
		line(out, "Media State", "Media disconnected");
	line(out, "Connection-specific DNS Suffix ", leased ? ci->lease.domain : "");
	if (all)
		put_physical(out, i, ci);
	if (!i->up)
		return;
	put_addresses(out, i, ci, all);
	if (all && leased && ci->expires_at != NEVER) {
		line_time(out, c->dev, "Lease Obtained", ci->obtained_ns);
		line_time(out, c->dev, "Lease Expires", ci->expires_at);
	}
	put_gateways(out, i, ci, routes);
	if (all)
		put_servers(out, c->dev, ci);
}

static void put_all(struct sbuf *out, struct dhcp4_client *c, const struct answer *routes, bool all)
{
	const struct device *dev = c->dev;

	sbuf_puts(out, "\nWindows IP Configuration\n");
	if (all) {
		sbuf_puts(out, "\n");
		line(out, "Host Name", dev->hostname);
		line(out, "Primary Dns Suffix ", dev->n_resolvers ? dev->resolvers[0].domain : "");
		line(out, "Node Type", "Hybrid");
		line(out, "IP Routing Enabled", "No");
		line(out, "WINS Proxy Enabled", "No");
	}
	for (unsigned k = 0; k < dev->n_ifaces; k++)
		put_adapter(out, c, &dev->ifaces[k], c4_by_ifid(c, dev->ifaces[k].id), routes, all);
}

/* The gateways are in the kernel's table: the output waits for it. */
static void show(struct dhcp4_client *c, uint32_t call, bool all, int status, struct fx *fx)
{
	const struct ask ask = { .kind = ASK_KERNEL, .kernel = { .table = KERNEL_ROUTES } };

	for (unsigned k = 0; k < C4_CALLS_MAX; k++) {
		if (c->shows[k].call)
			continue;
		c->shows[k] = (struct c4_show){
			.call = call, .ask_id = ++c->next_ask, .all = all, .status = status
		};
		fx_ask(fx, c->next_ask, &ask);
		return;
	}
	fx_print(fx, call, "Too many commands wait for the routing table; try again.\n");
	fx_cmd_done(fx, call, 1);
}

void c4_show_answer(struct dhcp4_client *c, const struct ev *ev, struct fx *fx)
{
	for (unsigned k = 0; k < C4_CALLS_MAX; k++) {
		struct c4_show *s = &c->shows[k];
		struct sbuf out = SBUF(TEXT_MAX);

		if (!s->call || s->ask_id != ev->answer.ask_id)
			continue;
		put_all(&out, c, ev->answer.answer, s->all);
		fx_print_text(fx, s->call, sbuf_text(&out), out.len);
		fx_cmd_done(fx, s->call, s->status);
		sbuf_done(&out);
		s->call = 0;
	}
}

void dhcp4_client_ipconfig(void *m, const struct call *call, nsec_t now, struct fx *fx)
{
	(void)now;
	show(m, call->id, false, 0, fx);
}

void dhcp4_client_ipconfig_all(void *m, const struct call *call, nsec_t now, struct fx *fx)
{
	(void)now;
	show(m, call->id, true, 0, fx);
}

/* --- /release and /renew ------------------------------------------------------------------ */

/* Is this interface meant by the command: named, or any client's when none is named? */
static bool meant(const struct dhcp4_client_if *ci, const struct call *call)
{
	if (ci->mode == DHCP4_IF_OTHER)
		return false;
	return call->n_args == 0 || call->args[0].type == ARG_NONE ||
	       call->args[0].ifid == ci->ifid;
}

static unsigned n_meant(const struct dhcp4_client *c, const struct call *call)
{
	unsigned n = 0;

	for (unsigned k = 0; k < c->n_ifs; k++)
		n += meant(c->ifs[k], call);
	return n;
}

static void no_adapter(const struct call *call, struct fx *fx)
{
	fx_print(fx, call->id,
		 "The operation failed as no adapter is in the state permissible for this "
		 "operation.\n");
	fx_cmd_done(fx, call->id, 1);
}

static void release(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	if (ci->state == C4_OFF || ci->state == C4_RELEASED)
		return;
	if (c4_has_address(ci) && ci->state != C4_BOOTP_BOUND) {
		decide(fx, "dhcp4.client.release", V_TEXT("if", c4_ifname(ci)),
		       V_ADDR("addr", ci->lease.addr), V_ADDR("server", ci->lease.server),
		       V_TEXT("why", "ipconfig /release"));
		c4_send_release(ci, now, fx);
	}
	ll_stop(ci, "released", fx);
	c4_unbind(ci, "released", fx);
	c4_clear_timer(ci, C4_RETRY);
	c4_move(ci, C4_RELEASED, fx);
	c4_renew_ended(ci, false, fx);
}

void dhcp4_client_release(void *m, const struct call *call, nsec_t now, struct fx *fx)
{
	struct dhcp4_client *c = m;

	if (n_meant(c, call) == 0) {
		no_adapter(call, fx);
		return;
	}
	for (unsigned k = 0; k < c->n_ifs; k++)
		if (meant(c->ifs[k], call))
			release(c->ifs[k], now, fx);
	show(c, call->id, false, 0, fx);
}

static void renew(struct dhcp4_client_if *ci, uint32_t call, nsec_t now, struct fx *fx)
{
	ci->renew_call = call;
	ci->renew_failed = false;
	c4_set_timer(ci, C4_COMMAND, now + C4_COMMAND_WAIT);
	if (ci->state == C4_OFF)
		c4_renew_ended(ci, false, fx);
	else if (ci->state == C4_BOUND || ci->state == C4_RENEWING || ci->state == C4_REBINDING)
		c4_renew(ci, now, fx);
	else
		c4_begin(ci, now, fx);
}

void dhcp4_client_renew(void *m, const struct call *call, nsec_t now, struct fx *fx)
{
	struct dhcp4_client *c = m;

	if (n_meant(c, call) == 0) {
		no_adapter(call, fx);
		return;
	}
	for (unsigned k = 0; k < c->n_ifs; k++) /* an earlier command that still waits */
		if (meant(c->ifs[k], call))
			c4_renew_ended(c->ifs[k], false, fx);
	c->renewing = true; /* the command ends once, after all interfaces were begun */
	for (unsigned k = 0; k < c->n_ifs; k++)
		if (meant(c->ifs[k], call))
			renew(c->ifs[k], call->id, now, fx);
	c->renewing = false;
	c4_renew_finish(c, call->id, fx);
}

/* Ends the command when no interface is under way for it any more. */
void c4_renew_finish(struct dhcp4_client *c, uint32_t call, struct fx *fx)
{
	bool failed = false;

	if (c->renewing)
		return;
	for (unsigned k = 0; k < c->n_ifs; k++) {
		if (c->ifs[k]->renew_call == call)
			return;
		if (c->ifs[k]->renewed_call == call)
			failed = failed || c->ifs[k]->renew_failed;
	}
	show(c, call, false, failed, fx);
}

void c4_renew_ended(struct dhcp4_client_if *ci, bool good, struct fx *fx)
{
	uint32_t call = ci->renew_call;

	if (!call)
		return;
	c4_clear_timer(ci, C4_COMMAND);
	ci->renew_call = 0;
	ci->renewed_call = call;
	ci->renew_failed = !good;
	if (!good)
		fx_print(fx, call, "An error occurred while renewing interface %s : %s\n",
			 c4_ifname(ci),
			 ci->state == C4_OFF
				 ? "the media is disconnected."
				 : "unable to contact your DHCP server. Request has timed out.");
	c4_renew_finish(ci->client, call, fx);
}

/* --- /inform ------------------------------------------------------------------------------ */

/* The named interface, or the first one with an address that a server would know. */
static const struct iface *inform_iface(const struct dhcp4_client *c, const struct call *call)
{
	if (call->n_args && call->args[0].type == ARG_IFNAME)
		return device_iface(c->dev, call->args[0].ifid);
	for (unsigned k = 0; k < c->dev->n_ifaces; k++) {
		const struct iface *i = &c->dev->ifaces[k];
		struct addr a = iface_addr4(i).addr;

		if (i->up && addr_is_set(&a) && !is_autoconf(&a))
			return i;
	}
	return NULL;
}

void dhcp4_client_inform(void *m, const struct call *call, nsec_t now, struct fx *fx)
{
	struct dhcp4_client *c = m;
	const struct iface *i = inform_iface(c, call);
	struct dhcp4_client_if *ci;
	struct iface_addr own = i ? iface_addr4(i) : (struct iface_addr){ 0 };

	if (!i || !i->up || !addr_is_set(&own.addr)) {
		no_adapter(call, fx);
		return;
	}
	ci = c4_get(c, i->id);
	if (ci->inform.active) {
		fx_print(fx, call->id, "A DHCPINFORM is under way on %s.\n", i->name);
		fx_cmd_done(fx, call->id, 1);
		return;
	}
	ci->inform = (struct c4_inform){ .active = true,
					 .xid = c4_new_xid(c),
					 .start_ns = now,
					 .addr = own.addr,
					 .call = call->id };
	c4_update_sockets(ci, fx);
	c4_send_inform(ci, now, fx);
}

static void print_informed(const struct c4_params *p, uint32_t call, struct fx *fx)
{
	struct sbuf out = SBUF(4096);

	sbuf_puts(&out, "\n");
	line_addr(&out, "DHCP Server", &p->server, "");
	line_addrs(&out, "Default Gateway", p->routers, p->n_routers);
	line_addrs(&out, "DNS Servers", p->dns, p->n_dns);
	line_addrs(&out, "Primary WINS Server", p->netbios, p->n_netbios);
	line(&out, "Connection-specific DNS Suffix ", p->domain);
	if (p->wpad[0])
		line(&out, "Proxy autodiscovery", p->wpad);
	fx_print_text(fx, call, sbuf_text(&out), out.len);
	sbuf_done(&out);
}

void c4_inform_ended(struct dhcp4_client_if *ci, const struct c4_params *p, struct fx *fx)
{
	uint32_t call = ci->inform.call;

	c4_clear_timer(ci, C4_INFORM);
	ci->inform = (struct c4_inform){ 0 };
	c4_update_sockets(ci, fx);
	if (p)
		print_informed(p, call, fx);
	else
		fx_print(fx, call, "No DHCP server answered on %s.\n", c4_ifname(ci));
	fx_cmd_done(fx, call, p ? 0 : 1);
}

/* --- show dhcp lease ---------------------------------------------------------------------- */

/* RFC 2131's states as IOS numbers them. */
static const char *ios_state(enum c4_state state)
{
	static const char *const names[N_C4_STATES] = {
		[C4_OFF] = "0 Initial",		[C4_WAITING] = "1 Initialize",
		[C4_SELECTING] = "2 Selecting", [C4_REQUESTING] = "3 Requesting",
		[C4_REBOOTING] = "9 Rebooting", [C4_CHECKING] = "4 Checking",
		[C4_BOUND] = "5 Bound",		[C4_RENEWING] = "6 Renewing",
		[C4_REBINDING] = "7 Rebinding", [C4_RELEASED] = "0 Initial",
		[C4_BOOTP] = "2 Selecting",	[C4_BOOTP_BOUND] = "5 Bound",
	};

	return names[state];
}

static void print_lease(const struct dhcp4_client_if *ci, nsec_t now, uint32_t call, struct fx *fx)
{
	const struct c4_params *p = &ci->lease;
	const struct addr mask = addr4_netmask(p->plen);
	char addr[ADDR_TEXT_LEN], mask_text[ADDR_TEXT_LEN], server[ADDR_TEXT_LEN];
	nsec_t next = ci->timers[C4_LEASE].timer.slot ? ci->timers[C4_LEASE].timer.at_ns - now : 0;

	fx_print(fx, call,
		 "Temp IP addr: %s  for peer on Interface: %s\n"
		 "Temp  sub net mask: %s\n"
		 "   DHCP Lease server: %s, state: %s\n"
		 "   DHCP transaction id: %" PRIX32 "\n",
		 addr_format(&p->addr, addr), c4_ifname(ci), addr_format(&mask, mask_text),
		 addr_format(&p->server, server), ios_state(ci->state), ci->xid);
	if (p->lease_ns == NEVER)
		fx_print(fx, call, "   Lease: infinite\n");
	else
		fx_print(fx, call,
			 "   Lease: %" PRId64 " secs,  Renewal: %" PRId64 " secs,  Rebind: %" PRId64
			 " secs\n",
			 p->lease_ns / SEC, p->t1_ns / SEC, p->t2_ns / SEC);
	if (p->n_routers)
		fx_print(fx, call, "Temp default-gateway addr: %s\n",
			 addr_format(&p->routers[0], addr));
	fx_print(fx, call, "   Next timer fires after: %02" PRId64 ":%02" PRId64 ":%02" PRId64 "\n",
		 next / (3600 * SEC), next / (60 * SEC) % 60, next / SEC % 60);
	fx_print(fx, call, "   Retry count: %u   Hostname: %s\n",
		 c4_has_address(ci) ? 0 : ci->n_sent, ci->client->dev->hostname);
}

void dhcp4_client_show_lease(void *m, const struct call *call, nsec_t now, struct fx *fx)
{
	struct dhcp4_client *c = m;

	for (unsigned k = 0; k < c->n_ifs; k++)
		if (c->ifs[k]->leased)
			print_lease(c->ifs[k], now, call->id, fx);
	fx_cmd_done(fx, call->id, 0);
}
