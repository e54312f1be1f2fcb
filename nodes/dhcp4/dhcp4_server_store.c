/* What the server knows: records and their facts, the configuration, what an earlier life left. */
#include "dhcp4/dhcp4_server.h"

#include <string.h>

#include "base/sbuf.h"
#include "dhcp4/dhcp4_option.h"
#include "dhcp4/dhcp4_relay.h"

/* --- records and facts -------------------------------------------------------------------- */

const char *dhcp4_server_lease_type(const struct dhcp4_lease *x)
{
	if (x->bootp)
		return "bootp";
	if (x->pool && x->pool->manual)
		return "manual";
	return x->state == L4_BOUND && x->expires_ns == NEVER ? "automatic" : "dynamic";
}

static const char *addr_key(uint32_t addr, char out[static ADDR_TEXT_LEN])
{
	const struct addr a = addr4_from_u32(addr);

	return addr_format(&a, out);
}

/* End of the state; a lease that is over keeps the time at which it ended. */
static nsec_t end_of(const struct dhcp4_lease *x)
{
	if (x->state == L4_BOUND)
		return x->expires_ns;
	return x->state == L4_OFFERED ? x->timer.at_ns : x->since_ns;
}

void dhcp4_server_tell(struct dhcp4_server *s, const struct dhcp4_lease *lease, struct fx *fx)
{
	struct dhcp4_lease *x = dhcp4_lease_at(&s->leases, lease->addr);
	const struct iface *in = device_iface(s->dev, x->ifid);
	char key[ADDR_TEXT_LEN];
	size_t id_len = 0;
	const uint8_t *id = dhcp4_lease_id(x, &id_len);

	x->told = true;
	fact_begin(fx, &dhcp4_lease_fact, addr_key(x->addr, key),
		   V_ADDR("addr", addr4_from_u32(x->addr)), V_MAC("mac", x->mac),
		   id ? V_BYTES("client_id", id, id_len) : V_NULL("client_id"),
		   V_TEXT("hostname", x->hostname),
		   V_TEXT("state", dhcp4_lease_state_name(x->state)),
		   end_of(x) == NEVER ? V_NULL("expires") : V_TIME("expires", end_of(x)),
		   V_TEXT("pool", x->pool ? x->pool->conf.name : ""),
		   V_TEXT("type", dhcp4_server_lease_type(x)),
		   V_TEXT("interface", in ? in->name : ""), V_ADDR("server", x->server));
}

void dhcp4_server_end(struct dhcp4_server *s, struct dhcp4_lease *x, const char *why, struct fx *fx)
{
	char key[ADDR_TEXT_LEN];

	dhcp4_server_probe_end(s, x, fx);
	if (x->told)
		fx_fact_end(fx, x->state == L4_CONFLICT ? &dhcp4_conflict_fact : &dhcp4_lease_fact,
			    addr_key(x->addr, key), why);
	dhcp4_lease_forget(&s->leases, x);
}

/* A record that keeps the address of x from everybody; takes the place of x. */
static struct dhcp4_lease *conflict_record(struct dhcp4_server *s, struct dhcp4_lease *x,
					   const char *method, nsec_t now, struct fx *fx)
{
	struct dhcp4_pool *pool = x->pool;
	const struct dhcp4_key nobody = { 0 };
	uint32_t addr = x->addr;
	struct mac mac = x->mac;

	dhcp4_server_end(s, x, "another host uses the address", fx);
	x = dhcp4_lease_new(&s->leases, addr, pool, &nobody, &mac);
	if (!x)
		return NULL;
	x->method = method;
	dhcp4_lease_move(&s->leases, x, L4_CONFLICT, now);
	return x;
}

static void log_conflict(const struct dhcp4_lease *x, const char *method, struct fx *fx)
{
	struct addr addr = addr4_from_u32(x->addr);
	char a[ADDR_TEXT_LEN], m[MAC_TEXT_LEN];

	if (strcmp(method, "ping") == 0)
		fx_log(fx, SEVERITY_WARNING, "DHCPD", "PING_CONFLICT",
		       "DHCP address conflict: server pinged %s", addr_format(&addr, a));
	else
		fx_log(fx, SEVERITY_WARNING, "DHCPD", "DECLINE_CONFLICT",
		       "DHCP address conflict: client %s declined %s", mac_format(&x->mac, m),
		       addr_format(&addr, a));
}

void dhcp4_server_conflict(struct dhcp4_server *s, struct dhcp4_lease *x, const char *method,
			   nsec_t now, struct fx *fx)
{
	char key[ADDR_TEXT_LEN];
	struct addr addr = addr4_from_u32(x->addr);

	if (x->state == L4_BOUND)
		dhcp4_server_ddns(s, x, false, now, fx);
	x = conflict_record(s, x, method, now, fx);
	if (!x)
		return;
	if (!s->conf->conflict_logging) {
		timer_set(&s->leases.timers, &x->timer, now + DHCP4_CONFLICT_HOLD);
		return;
	}
	decide(fx, "dhcp4.rogue-static", V_ADDR("addr", addr), V_TEXT("method", method),
	       V_MAC("client", x->mac));
	log_conflict(x, method, fx);
	x->told = true;
	fact_begin(fx, &dhcp4_conflict_fact, addr_key(x->addr, key), V_ADDR("addr", addr),
		   V_TEXT("method", method), V_MAC("mac", x->mac),
		   V_TEXT("pool", x->pool ? x->pool->conf.name : ""));
}

void dhcp4_server_taken(const struct dhcp4_request *q, const struct dhcp4_lease *x, struct fx *fx)
{
	decide(fx, "dhcp4.server.unique-address", V_MAC("client", q->mac),
	       V_ADDR("addr", addr4_from_u32(x->addr)), V_MAC("holder", x->mac),
	       V_TEXT("state", dhcp4_lease_state_name(x->state)));
}

/* The binding names the client, whichever identifier it sends this time: the boot ROM of a host
 * sends another one than its operating system. */
struct dhcp4_lease *dhcp4_server_manual_record(struct dhcp4_server *s, struct dhcp4_request *q,
					       struct fx *fx)
{
	uint32_t addr = addr4_u32(&q->manual->conf.host);
	struct dhcp4_lease *x = dhcp4_lease_at(&s->leases, addr);

	if (x && dhcp4_lease_is(x, &q->key))
		return x;
	if (x && !dhcp4_lease_over(x) &&
	    (x->state == L4_CONFLICT || x->pool != q->manual || !mac_equal(&x->mac, &q->mac))) {
		dhcp4_server_taken(q, x, fx);
		return NULL;
	}
	if (x)
		dhcp4_server_end(s, x, "the address goes to its manual binding", fx);
	return dhcp4_lease_new(&s->leases, addr, q->manual, &q->key, &q->mac);
}

/* --- configuration ------------------------------------------------------------------------ */

/* What the configuration lines did, told once. */
static void tell_note(const struct dhcp4_note *n, struct fx *fx)
{
	const struct val pool = V_TEXT("pool", n->pool), what = V_TEXT("value", n->text);

	switch (n->kind) {
	case DHCP4_NOTE_POOL:
		decide(fx, "dhcp4.ios.pool", pool, V_TEXT("what", n->off ? "removed" : "made"));
		return;
	case DHCP4_NOTE_NETWORK:
		decide(fx, "dhcp4.ios.pool-network", pool, what,
		       V_TEXT("what", n->off ? "leases no network" : "leases addresses of"));
		return;
	case DHCP4_NOTE_DNS:
		decide(fx, "dhcp4.ios.dns-server", pool, what);
		return;
	case DHCP4_NOTE_ROUTER:
		decide(fx, "dhcp4.ios.default-router", pool, what);
		return;
	case DHCP4_NOTE_EXCLUDED:
		decide(fx, "dhcp4.ios.excluded-address", what,
		       V_TEXT("what", n->off ? "may be leased again" : "is never leased"));
		return;
	case DHCP4_NOTE_SERVICE:
		decide(fx, "dhcp4.ios.service", V_TEXT("what", n->off ? "off" : "on"));
		return;
	case DHCP4_NOTE_DATABASE:
		decide(fx, "dhcp4.ios.database-agent", what,
		       V_TEXT("what", n->off ? "are no longer stored as a file" : "are stored at"));
		return;
	case DHCP4_NOTE_CONFLICT_LOGGING:
		decide(fx, "dhcp4.ios.conflict-logging",
		       V_TEXT("what", n->off ? "not logged" : "logged"));
		return;
	case DHCP4_NOTE_TYPO:
		decide(fx, "dhcp4.config-typo", pool, what);
		return;
	}
}

static void tell_notes(struct dhcp4_server *s, struct fx *fx)
{
	uint32_t n = s->conf->n_notes;

	if (n - s->notes_told > DHCP4_NOTES_MAX)
		s->notes_told = n - DHCP4_NOTES_MAX;
	for (; s->notes_told != n; s->notes_told++)
		tell_note(&s->conf->notes[s->notes_told % DHCP4_NOTES_MAX], fx);
}

static const char *option_text(const struct dhcp4_pool *p, uint8_t code, struct sbuf *out)
{
	const struct dhcp4_pool_opt *o = dhcp4_pool_opt(&p->conf, code);

	sbuf_reset(out);
	if (o)
		dhcp4_option_format(code, o->data, o->len, out);
	return sbuf_text(out);
}

static void tell_pool(const struct dhcp4_pool *p, struct fx *fx)
{
	struct sbuf routers = SBUF(512), dns = SBUF(512), domain = SBUF(256);
	nsec_t lease = p->conf.has_lease ? p->conf.lease_ns
		       : p->manual	 ? NEVER
					 : DHCP4_LEASE_DEFAULT;

	fact_begin(fx, &dhcp4_pool_fact, p->conf.name, V_TEXT("pool", p->conf.name),
		   V_ADDR("network", p->manual ? p->conf.host : p->conf.network),
		   V_INT("plen", __builtin_popcount(p->mask)), V_INT("total", p->n_total),
		   lease == NEVER ? V_NULL("lease") : V_DUR("lease", lease),
		   V_TEXT("routers", option_text(p, OPT4_ROUTER, &routers)),
		   V_TEXT("dns_servers", option_text(p, OPT4_DNS, &dns)),
		   V_TEXT("domain", option_text(p, OPT4_DOMAIN, &domain)));
	sbuf_done(&routers);
	sbuf_done(&dns);
	sbuf_done(&domain);
}

/* Pools that the configuration does not have any more. */
static void end_pool_facts(struct dhcp4_server *s, struct fx *fx)
{
	for (unsigned i = 0; i < s->leases.n_pools; i++) {
		const char *name = s->leases.pools[i]->conf.name;
		bool gone = true;

		for (unsigned k = 0; k < s->conf->n_pools; k++)
			gone = gone && strcmp(s->conf->pools[k]->name, name) != 0;
		if (gone)
			fx_fact_end(fx, &dhcp4_pool_fact, name, "removed");
	}
}

/* Records that no pool holds any more; their timers end them, a bounded number a turn. */
static void end_orphans(struct dhcp4_server *s, nsec_t now)
{
	for (struct dhcp4_lease *x = dhcp4_lease_next(&s->leases, NULL); x;
	     x = dhcp4_lease_next(&s->leases, x)) {
		if (x->pool)
			continue;
		x->cleared = true;
		timer_set(&s->leases.timers, &x->timer, now);
	}
}

static bool wants_socket(const struct dhcp4_server *s)
{
	const struct dhcp4_conf *c = s->conf;

	return c->service_line || c->n_pools > 0 || dhcp4_relay_configured(c);
}

static void update_socket(struct dhcp4_server *s, struct fx *fx)
{
	bool wanted = wants_socket(s);

	if (wanted && !s->bound)
		fx_bind(fx, &(struct fx_bind){ .sock = SOCK4_SERVER,
					       .kind = SOCK_UDP,
					       .local = { .addr = addr4(0, 0, 0, 0),
							  .port = DHCP4_SERVER_PORT },
					       .broadcast = true });
	else if (!wanted && s->bound)
		fx_close(fx, SOCK4_SERVER, CLOSE_RESET);
	s->bound = wanted;
}

void dhcp4_server_configure(struct dhcp4_server *s, nsec_t now, struct fx *fx)
{
	tell_notes(s, fx);
	if (!s->started || s->pools_seen != s->conf->pools_changed) {
		end_pool_facts(s, fx);
		dhcp4_leases_configure(&s->leases, s->conf);
		s->pools_seen = s->conf->pools_changed;
		end_orphans(s, now);
		for (unsigned i = 0; i < s->leases.n_pools; i++)
			tell_pool(s->leases.pools[i], fx);
	}
	s->started = true;
	update_socket(s, fx);
}

/* --- what an earlier life left ------------------------------------------------------------- */

static struct dhcp4_lease *restored(struct dhcp4_server *s, const struct val *columns)
{
	const struct val *addr = val_find(columns, "addr"), *mac = val_find(columns, "mac"),
			 *id = val_find(columns, "client_id");
	struct mac hw = { { 0 } };
	struct dhcp4_key key;
	struct dhcp4_lease *x;

	if (!addr || addr->type != VT_ADDR || addr4_u32(&addr->addr) == 0)
		return NULL;
	if (mac && mac->type == VT_MAC)
		hw = mac->mac;
	if (id && id->type == VT_BYTES)
		dhcp4_key_make(&key, id->bytes, id->len, &hw);
	else
		dhcp4_key_make(&key, NULL, 0, &hw);
	x = dhcp4_lease_new(&s->leases, addr4_u32(&addr->addr), NULL, &key, &hw);
	if (x)
		x->told = true;
	return x;
}

static enum dhcp4_lease_state state_of(const struct val *v)
{
	for (int state = L4_OFFERED; v && v->type == VT_TEXT && state <= L4_RELEASED; state++)
		if (strcmp(v->text, dhcp4_lease_state_name(state)) == 0)
			return state;
	return L4_RELEASED;
}

static void restore_lease(struct dhcp4_server *s, const struct ev *ev)
{
	const struct val *columns = ev->restore.columns, *v;
	struct dhcp4_lease *x = restored(s, columns);
	enum dhcp4_lease_state state = state_of(val_find(columns, "state"));

	if (!x)
		return;
	v = val_find(columns, "expires");
	x->expires_ns = v && v->type == VT_TIME ? v->i : NEVER;
	v = val_find(columns, "server");
	if (v && v->type == VT_ADDR)
		x->server = v->addr;
	v = val_find(columns, "hostname");
	if (v && v->type == VT_TEXT)
		str_copy(x->hostname, sizeof(x->hostname), v->text);
	v = val_find(columns, "type");
	x->bootp = v && v->type == VT_TEXT && strcmp(v->text, "bootp") == 0;
	dhcp4_lease_move(&s->leases, x, state, ev->restore.since);
	x->was_bound = state != L4_OFFERED;
	if ((state == L4_BOUND || state == L4_OFFERED) && x->expires_ns != NEVER)
		timer_set(&s->leases.timers, &x->timer, x->expires_ns);
}

static void restore_conflict(struct dhcp4_server *s, const struct ev *ev)
{
	const struct val *method = val_find(ev->restore.columns, "method");
	struct dhcp4_lease *x = restored(s, ev->restore.columns);

	if (!x)
		return;
	x->method = method && method->type == VT_TEXT && strcmp(method->text, "ping") == 0
			    ? "ping"
			    : "decline";
	dhcp4_lease_move(&s->leases, x, L4_CONFLICT, ev->restore.since);
}

void dhcp4_server_restore(struct dhcp4_server *s, const struct ev *ev)
{
	if (ev->restore.kind == &dhcp4_lease_fact)
		restore_lease(s, ev);
	else if (ev->restore.kind == &dhcp4_conflict_fact)
		restore_conflict(s, ev);
}
