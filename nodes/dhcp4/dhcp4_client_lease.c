/* What a client was given: read from a reply, put on the interface, kept as a fact. */
#include "dhcp4/dhcp4_client.h"

#include <stdio.h>
#include <string.h>

#include "base/sbuf.h"
#include "dhcp4/dhcp4_option.h"

#define ROUTE_METRIC 254       /* as IOS: a static route is preferred */
#define RENEW_PAUSE  (1 * SEC) /* a lease of no length does not make a storm */

/* --- reading a reply ---------------------------------------------------------------------- */

static nsec_t seconds_ns(uint32_t s)
{
	return s == DHCP4_INFINITE ? NEVER : s * SEC;
}

static uint8_t class_plen(const struct addr *a)
{
	return a->b[0] < 128 ? 8 : a->b[0] < 192 ? 16 : 24;
}

/* Lease, T1 and T2; false when one had to be filled in (RFC 2131 §4.4.5). */
static bool read_times(const struct dhcp4_msg *m, struct c4_params *p)
{
	uint32_t lease, t1, t2;
	bool has_lease = dhcp4_get_u32(m, OPT4_LEASE, &lease) && lease > 0;
	bool has_t1 = dhcp4_get_u32(m, OPT4_T1, &t1), has_t2 = dhcp4_get_u32(m, OPT4_T2, &t2);

	p->lease_ns = has_lease ? seconds_ns(lease) : C4_LEASE_DEFAULT;
	if (p->lease_ns == NEVER) {
		p->t1_ns = p->t2_ns = NEVER;
		return true;
	}
	p->t1_ns = has_t1 ? seconds_ns(t1) : p->lease_ns / 2;
	p->t2_ns = has_t2 ? seconds_ns(t2) : p->lease_ns / 8 * 7;
	if (p->t1_ns <= p->t2_ns && p->t2_ns <= p->lease_ns)
		return has_lease && has_t1 && has_t2;
	/* Out of order they would end the lease before it is renewed. */
	p->t1_ns = p->lease_ns / 2;
	p->t2_ns = p->lease_ns / 8 * 7;
	return false;
}

/* The mask; false when the message has none, or a broken one. */
static bool read_mask(const struct dhcp4_msg *m, struct c4_params *p)
{
	struct addr mask;
	int plen = -1;

	if (dhcp4_get_addr(m, OPT4_MASK, &mask))
		plen = addr4_mask_plen(&mask);
	p->plen = plen > 0 ? (uint8_t)plen : class_plen(&p->addr);
	return plen > 0;
}

void c4_params_read(const struct dhcp4_msg *m, struct c4_params *p, const char **ret_defaults)
{
	bool mask, times;

	memset(p, 0, sizeof(*p));
	p->addr = m->yiaddr;
	mask = read_mask(m, p);
	times = m->type == DHCP4_NO_TYPE || read_times(m, p);
	if (m->type == DHCP4_NO_TYPE)
		p->lease_ns = p->t1_ns = p->t2_ns = NEVER;
	if (!dhcp4_get_addr(m, OPT4_SERVER, &p->server))
		p->server = m->siaddr;
	p->next_server = m->siaddr;
	p->n_routers = dhcp4_get_addrs(m, OPT4_ROUTER, p->routers, C4_ADDRS_MAX);
	p->n_dns = dhcp4_get_addrs(m, OPT4_DNS, p->dns, C4_ADDRS_MAX);
	p->n_netbios = dhcp4_get_addrs(m, OPT4_NETBIOS, p->netbios, C4_ADDRS_MAX);
	p->n_tftp = dhcp4_get_addrs(m, OPT4_TFTP_ADDRS, p->tftp, C4_ADDRS_MAX);
	dhcp4_get_text(m, OPT4_DOMAIN, p->domain, sizeof(p->domain));
	dhcp4_get_text(m, OPT4_TFTP_NAME, p->tftp_name, sizeof(p->tftp_name));
	dhcp4_get_text(m, OPT4_WPAD, p->wpad, sizeof(p->wpad));
	dhcp4_get_text(m, OPT4_BOOTFILE, p->boot_file, sizeof(p->boot_file));
	if (p->boot_file[0] == '\0')
		str_copy(p->boot_file, sizeof(p->boot_file), m->file);
	*ret_defaults = mask && times ? NULL
			: mask	      ? "lease times"
			: times	      ? "the subnet mask"
				      : "the subnet mask and lease times";
}

const char *c4_addrs_text(const struct addr *list, unsigned n, char *out, size_t size)
{
	struct sbuf s = SBUF(size - 1);
	char text[ADDR_TEXT_LEN];

	for (unsigned i = 0; i < n; i++)
		sbuf_printf(&s, "%s%s", i ? ", " : "", addr_format(&list[i], text));
	str_copy(out, size, sbuf_text(&s));
	sbuf_done(&s);
	return out;
}

/* --- on and off the interface ------------------------------------------------------------- */

void c4_set_resolver(struct dhcp4_client_if *ci, const struct c4_params *p, struct fx *fx)
{
	struct fx_resolver r = { .n_servers = 0 };

	snprintf(r.source, sizeof(r.source), "dhcp4:%.25s", c4_ifname(ci));
	if (p) {
		r.n_servers = p->n_dns < RESOLVER_SERVERS_MAX ? p->n_dns : RESOLVER_SERVERS_MAX;
		memcpy(r.servers, p->dns, r.n_servers * sizeof(r.servers[0]));
		str_copy(r.domain, sizeof(r.domain), p->domain);
	}
	fx_resolver(fx, &r);
}

static void set_address(struct dhcp4_client_if *ci, const struct c4_params *p, bool add,
			struct fx *fx)
{
	fx_addr(fx, &(struct fx_addr){
			    .add = add, .ifid = ci->ifid, .addr = p->addr, .plen = p->plen });
}

static void set_route(struct dhcp4_client_if *ci, const struct c4_params *p, bool add,
		      struct fx *fx)
{
	if (p->n_routers == 0)
		return;
	fx_route(fx, &(struct fx_route){ .add = add,
					 .net = addr4(0, 0, 0, 0),
					 .via = p->routers[0],
					 .ifid = ci->ifid,
					 .metric = ROUTE_METRIC + ci->slot });
}

static bool same_router(const struct c4_params *a, const struct c4_params *b)
{
	return (a->n_routers > 0) == (b->n_routers > 0) &&
	       (a->n_routers == 0 || addr_equal(&a->routers[0], &b->routers[0]));
}

/* Goes from the lease on the interface to `p`, touching what differs. */
static void configure(struct dhcp4_client_if *ci, const struct c4_params *p, struct fx *fx)
{
	const struct c4_params *old = &ci->lease;
	bool same = ci->applied && addr_equal(&old->addr, &p->addr) && old->plen == p->plen;

	if (ci->applied && (!same || !same_router(old, p)))
		set_route(ci, old, false, fx);
	if (ci->applied && !same)
		set_address(ci, old, false, fx);
	if (!same)
		set_address(ci, p, true, fx);
	if (!same || !same_router(old, p))
		set_route(ci, p, true, fx);
	c4_set_resolver(ci, p, fx);
	ci->applied = true;
	ci->gone_addr = (struct addr){ 0 };
}

void c4_unconfigure(struct dhcp4_client_if *ci, struct fx *fx)
{
	if (!ci->applied)
		return;
	set_route(ci, &ci->lease, false, fx);
	set_address(ci, &ci->lease, false, fx);
	c4_set_resolver(ci, NULL, fx);
	ci->applied = false;
	ci->gone_addr = ci->lease.addr;
}

void c4_unbind(struct dhcp4_client_if *ci, const char *why, struct fx *fx)
{
	c4_unconfigure(ci, fx);
	c4_clear_timer(ci, C4_LEASE);
	if (!ci->leased)
		return;
	ci->leased = false;
	ci->last_addr = ci->lease.addr;
	fx_fact_end(fx, &dhcp4_client_lease_fact, c4_ifname(ci), why);
}

/* --- facts -------------------------------------------------------------------------------- */

static struct val time_or_null(const char *name, nsec_t at)
{
	return at == NEVER ? V_NULL(name) : V_TIME(name, at);
}

/* Where boot files come from: option 150, else 66, else the next server. */
static const char *tftp_text(const struct c4_params *p, char *out, size_t size)
{
	if (p->n_tftp)
		return c4_addrs_text(p->tftp, p->n_tftp, out, size);
	if (p->tftp_name[0])
		return p->tftp_name;
	return c4_addrs_text(&p->next_server, !addr_is_any(&p->next_server), out, size);
}

static void tell_lease(struct dhcp4_client_if *ci, struct fx *fx)
{
	const struct c4_params *p = &ci->lease;
	char dns[128], netbios[128], tftp[128];

	fact_begin(fx, &dhcp4_client_lease_fact, c4_ifname(ci), V_TEXT("interface", c4_ifname(ci)),
		   V_ADDR("addr", p->addr), V_INT("plen", p->plen),
		   p->n_routers ? V_ADDR("router", p->routers[0]) : V_NULL("router"),
		   V_TEXT("dns_servers", c4_addrs_text(p->dns, p->n_dns, dns, sizeof(dns))),
		   V_TEXT("domain", p->domain),
		   V_TEXT("netbios_servers",
			  c4_addrs_text(p->netbios, p->n_netbios, netbios, sizeof(netbios))),
		   V_ADDR("server", p->server), time_or_null("expires", ci->expires_at),
		   time_or_null("renews", ci->t1_at), time_or_null("rebinds", ci->t2_at),
		   V_TEXT("protocol", ci->mode == DHCP4_IF_BOOTP ? "bootp" : "dhcp"),
		   V_TEXT("boot_file", p->boot_file),
		   V_TEXT("tftp_servers", tftp_text(p, tftp, sizeof(tftp))));
}

static void log_address(const struct dhcp4_client_if *ci, struct fx *fx)
{
	const struct c4_params *p = &ci->lease;
	struct addr mask = addr4_netmask(p->plen);
	char a[ADDR_TEXT_LEN], m[ADDR_TEXT_LEN];

	fx_log(fx, SEVERITY_INFORMATIONAL, "DHCP", "ADDRESS_ASSIGN",
	       "Interface %s assigned DHCP address %s, mask %s, hostname %s", c4_ifname(ci),
	       addr_format(&p->addr, a), addr_format(&mask, m), ci->client->dev->hostname);
}

static void tell_parameters(struct dhcp4_client_if *ci, struct fx *fx)
{
	const struct c4_params *p = &ci->lease;
	char dns[128], netbios[128];

	decide(fx, "dhcp4.client.obtain-parameters", V_TEXT("if", c4_ifname(ci)),
	       V_ADDR("addr", p->addr), V_INT("plen", p->plen),
	       p->n_routers ? V_ADDR("router", p->routers[0]) : V_TEXT("router", "none"),
	       V_TEXT("dns", p->n_dns ? c4_addrs_text(p->dns, p->n_dns, dns, sizeof(dns)) : "none"),
	       V_TEXT("domain", p->domain),
	       V_TEXT("netbios",
		      c4_addrs_text(p->netbios, p->n_netbios, netbios, sizeof(netbios))));
}

/* --- taking a lease ----------------------------------------------------------------------- */

static nsec_t after(nsec_t start, nsec_t span)
{
	return span == NEVER ? NEVER : start + span;
}

/* Puts `p` in place of what the interface had; the caller has decided. */
static void take(struct dhcp4_client_if *ci, const struct c4_params *p, nsec_t start_ns, nsec_t now,
		 struct fx *fx)
{
	if (ci->ll.state != LL_OFF) {
		decide(fx, "dhcp4.client.autoconf-replace", V_TEXT("if", c4_ifname(ci)),
		       V_ADDR("addr", p->addr), V_ADDR("old", ci->ll.addr));
		ll_stop(ci, "replaced by a leased address", fx);
	}
	configure(ci, p, fx);
	ci->lease = *p;
	ci->leased = true;
	ci->n_naks = 0;
	ci->last_addr = p->addr;
	ci->obtained_ns = now;
	ci->expires_at = after(start_ns, p->lease_ns);
	ci->t1_at = after(start_ns, p->t1_ns);
	if (ci->t1_at < now + RENEW_PAUSE)
		ci->t1_at = now + RENEW_PAUSE;
	ci->t2_at = after(start_ns, p->t2_ns);
	c4_clear_timer(ci, C4_RETRY);
	c4_clear_timer(ci, C4_LEASE);
	if (ci->t1_at != NEVER)
		c4_set_timer(ci, C4_LEASE, ci->t1_at);
	tell_lease(ci, fx);
}

void c4_take(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	const struct c4_params p = ci->offer;
	bool renewed = ci->state == C4_RENEWING || ci->state == C4_REBINDING;

	decide(fx, "dhcp4.client.ack-configure", V_TEXT("if", c4_ifname(ci)),
	       V_ADDR("addr", p.addr), V_INT("plen", p.plen), V_ADDR("server", p.server),
	       p.lease_ns == NEVER ? V_TEXT("lease", "for ever") : V_DUR("lease", p.lease_ns));
	take(ci, &p, ci->request_ns, now, fx);
	c4_move(ci, C4_BOUND, fx);
	tell_parameters(ci, fx);
	if (!renewed) {
		log_address(ci, fx);
		c4_arp_send(ci, &p.addr, &p.addr, fx); /* RFC 5227 §2.3: tell old caches */
	}
	c4_renew_ended(ci, true, fx);
}

void c4_take_bootp(struct dhcp4_client_if *ci, const struct c4_params *p, nsec_t now, struct fx *fx)
{
	char tftp[128];

	decide(fx, "bootp.client.configure", V_TEXT("if", c4_ifname(ci)), V_ADDR("addr", p->addr),
	       V_INT("plen", p->plen), V_ADDR("server", p->server));
	take(ci, p, now, now, fx);
	c4_move(ci, C4_BOOTP_BOUND, fx);
	if (p->boot_file[0])
		decide(fx, "bootp.client.boot-file", V_TEXT("if", c4_ifname(ci)),
		       V_TEXT("file", p->boot_file),
		       V_TEXT("server", tftp_text(p, tftp, sizeof(tftp))));
	c4_renew_ended(ci, true, fx);
}

/* --- what an earlier life left ------------------------------------------------------------- */

static nsec_t time_of(const struct val *columns, const char *name)
{
	const struct val *v = val_find(columns, name);

	return v && v->type == VT_TIME ? v->i : NEVER;
}

static struct addr addr_of(const struct val *columns, const char *name)
{
	const struct val *v = val_find(columns, name);

	return v && v->type == VT_ADDR ? v->addr : (struct addr){ 0 };
}

/* The stored lease is confirmed before it is used (INIT-REBOOT); its address may still be on the
 * interface, and is then taken off when nobody confirms it. */
void c4_restore(struct dhcp4_client *c, const struct ev *ev)
{
	const struct val *columns = ev->restore.columns;
	const struct val *name = val_find(columns, "interface"), *plen = val_find(columns, "plen");
	const struct iface *i = NULL;
	struct dhcp4_client_if *ci;

	if (ev->restore.kind != &dhcp4_client_lease_fact)
		return;
	if (name && name->type == VT_TEXT)
		i = device_iface_by_name(c->dev, name->text);
	if (!i || addr_of(columns, "addr").family != 4)
		return;
	ci = c4_get(c, i->id);
	ci->lease.addr = ci->last_addr = addr_of(columns, "addr");
	ci->lease.server = addr_of(columns, "server");
	ci->lease.routers[0] = addr_of(columns, "router");
	ci->lease.n_routers = addr_is_set(&ci->lease.routers[0]);
	ci->lease.plen = plen && plen->type == VT_INT && plen->i > 0 && plen->i <= 32
				 ? (uint8_t)plen->i
				 : class_plen(&ci->lease.addr);
	ci->expires_at = time_of(columns, "expires");
	ci->t1_at = time_of(columns, "renews");
	ci->t2_at = time_of(columns, "rebinds");
	ci->obtained_ns = ev->restore.since;
	ci->leased = true;
	ci->applied = device_has_addr(c->dev, &ci->lease.addr);
}
