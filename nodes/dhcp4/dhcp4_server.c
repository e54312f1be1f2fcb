#include "dhcp4/dhcp4_server.h"

#include <stdlib.h>
#include <string.h>

#include "base/pages.h"
#include "dhcp4/dhcp4_option.h"
#include "dhcp4/dhcp4_relay.h"

/* --- where a client is -------------------------------------------------------------------- */

static uint32_t mask_of(unsigned plen)
{
	return plen ? UINT32_MAX << (32 - plen) : 0;
}

/* The network of this address, by the pool or the manual binding that knows it. */
static bool locate_by(struct dhcp4_server *s, struct dhcp4_request *q, const struct addr *a)
{
	uint32_t v = addr4_u32(a);
	const struct dhcp4_pool *p = q->pool = dhcp4_pool_for(&s->leases, v);

	for (unsigned i = 0; !p && i < s->leases.n_pools; i++) {
		const struct dhcp4_pool *m = s->leases.pools[i];

		if (m->manual && (v & m->mask) == m->network)
			p = m;
	}
	if (!p)
		return false;
	q->network = p->network;
	q->mask = p->mask;
	return true;
}

/* The network of the receiving interface: of its addresses the first that has a pool, else the
 * first one. */
static bool locate_by_interface(struct dhcp4_server *s, struct dhcp4_request *q)
{
	const struct iface_addr *best = NULL;

	for (unsigned i = 0; i < q->in->n_addrs; i++) {
		const struct iface_addr *a = &q->in->addrs[i];

		if (a->addr.family != 4)
			continue;
		q->pool = dhcp4_pool_for(&s->leases, addr4_u32(&a->addr));
		if (!best || q->pool)
			best = a;
		if (q->pool)
			break;
	}
	if (!best)
		return false;
	q->local = best->addr;
	q->mask = mask_of(best->plen);
	q->network = addr4_u32(&best->addr) & q->mask;
	return true;
}

void dhcp4_server_no_pool(const struct dhcp4_request *q, struct fx *fx)
{
	const struct dhcp4_msg *m = q->m;

	decide(fx, "dhcp4.server.drop-no-pool-for-subnet", V_MAC("client", q->mac),
	       V_TEXT("if", q->in->name),
	       addr_is_any(&m->giaddr) ? V_NULL("giaddr") : V_ADDR("giaddr", m->giaddr),
	       V_ADDR("network", addr4_from_u32(q->network)));
}

/* RFC 2131 §4.3.1: giaddr, else the address that a renewal came from, else the interface. */
bool dhcp4_server_locate(struct dhcp4_server *s, struct dhcp4_request *q, struct fx *fx)
{
	const struct dhcp4_msg *m = q->m;
	const char *by = "receiving interface";
	bool found;

	if (device_has_addr(s->dev, &q->dst))
		q->local = q->dst;
	else
		q->local = iface_addr4(q->in).addr;
	if (!addr_is_any(&m->giaddr)) {
		by = "giaddr";
		found = locate_by(s, q, &m->giaddr);
	} else if (!q->broadcast && !addr_is_any(&m->ciaddr) && locate_by(s, q, &m->ciaddr)) {
		by = "ciaddr";
		found = true;
	} else {
		found = locate_by_interface(s, q);
	}
	if (found)
		q->manual = dhcp4_pool_manual(&s->leases, &q->key, &q->mac, q->network, q->mask);
	found = found && (q->pool || q->manual || m->type == DHCP4_NO_TYPE) &&
		addr_is_set(&q->local);
	if (fx && found)
		decide(fx, "dhcp4.server.multihomed", V_MAC("client", q->mac), V_TEXT("by", by),
		       V_ADDR("network", addr4_from_u32(q->network)), V_TEXT("if", q->in->name),
		       V_ADDR("local", q->local));
	else if (fx)
		dhcp4_server_no_pool(q, fx);
	return found;
}

/* --- messages ----------------------------------------------------------------------------- */

static void drop_invalid(struct dhcp4_server *s, const struct ev *ev, const char *why,
			 struct fx *fx)
{
	s->stats.malformed++;
	decide(fx, "dhcp4.server.drop-invalid", V_TEXT("why", why),
	       V_ADDR("src", ev->dgram.src.addr), V_INT("len", ev->dgram.len));
}

static bool sent_to_all(const struct iface *in, const struct addr *dst)
{
	if (addr4_is_limited_broadcast(dst))
		return true;
	for (unsigned i = 0; i < in->n_addrs; i++) {
		struct addr b = addr4_broadcast(&in->addrs[i].addr, in->addrs[i].plen);

		if (in->addrs[i].addr.family == 4 && addr_equal(&b, dst))
			return true;
	}
	return false;
}

/* A reply on the server's port: for a client behind us, if we are its relay. */
static void on_reply(struct dhcp4_server *s, const struct dhcp4_relay *r, struct fx *fx)
{
	const struct dhcp4_msg *m = r->m;

	if (!s->conf->service) {
		decide(fx, "dhcp4.server.drop-service-disabled", V_MAC("client", dhcp4_mac(m)),
		       V_TEXT("if", r->in->name));
		return;
	}
	if (!addr_is_any(&m->giaddr) &&
	    (device_has_addr(s->dev, &m->giaddr) || dhcp4_relay_configured(s->conf))) {
		dhcp4_relay_reply(r, fx);
		return;
	}
	decide(fx, "dhcp4.server.drop-server-messages", V_ADDR("server", r->src),
	       V_TEXT("type",
		      m->type <= DHCP4_INFORM && m->type ? dhcp4_type_name(m->type) : "Boot Reply"),
	       V_TEXT("if", r->in->name));
}

static void dispatch(struct dhcp4_server *s, struct dhcp4_request *q, struct fx *fx)
{
	const char *name = dhcp4_type_name(q->m->type);

	if (q->m->type == DHCP4_NO_TYPE) {
		dhcp4_server_bootp(s, q, fx);
		return;
	}
	decide(fx, "dhcp4.server.dispatch-type", V_TEXT("type", name ? name : "unknown"),
	       V_INT("number", q->m->type), V_MAC("client", q->mac), V_XID("xid", q->m->xid));
	switch (q->m->type) {
	case DHCP4_NO_TYPE:
		return;
	case DHCP4_DISCOVER:
		dhcp4_server_discover(s, q, fx);
		return;
	case DHCP4_REQUEST:
		dhcp4_server_request(s, q, fx);
		return;
	case DHCP4_DECLINE:
		dhcp4_server_decline(s, q, fx);
		return;
	case DHCP4_RELEASE:
		dhcp4_server_release(s, q, fx);
		return;
	case DHCP4_INFORM:
		dhcp4_server_inform(s, q, fx);
		return;
	case DHCP4_OFFER:
	case DHCP4_ACK:
	case DHCP4_NAK:
		decide(fx, "dhcp4.server.drop-server-messages", V_ADDR("server", q->src),
		       V_TEXT("type", name), V_TEXT("if", q->in->name));
		return;
	}
	decide(fx, "dhcp4.server.drop-other-type", V_MAC("client", q->mac),
	       V_INT("type", q->m->type));
}

/* Requests: the relay's business, ours, or both when the interface has a pool as well. */
static void on_request(struct dhcp4_server *s, const struct dhcp4_relay *r, nsec_t now,
		       struct fx *fx)
{
	struct dhcp4_request q = { .m = r->m,
				   .data = r->data,
				   .len = r->len,
				   .src = r->src,
				   .dst = r->dst,
				   .in = r->in,
				   .cause = r->cause,
				   .now = now };

	if (r->m->type <= DHCP4_INFORM)
		s->stats.received[r->m->type]++;
	q.mac = dhcp4_mac(r->m);
	if (!s->conf->service) {
		decide(fx, "dhcp4.server.drop-service-disabled", V_MAC("client", q.mac),
		       V_TEXT("if", r->in->name));
		return;
	}
	dhcp4_key_of(r->m, &q.key);
	q.broadcast = sent_to_all(r->in, &r->dst);
	if (dhcp4_relay_takes(r)) {
		dhcp4_relay_request(r, fx);
		if (!dhcp4_server_locate(s, &q, NULL) || !q.pool)
			return;
	}
	dispatch(s, &q, fx);
}

static void on_datagram(struct dhcp4_server *s, const struct ev *ev, struct fx *fx)
{
	struct dhcp4_msg m;
	struct dhcp4_relay r = { .conf = s->conf,
				 .dev = s->dev,
				 .sock = SOCK4_SERVER,
				 .m = &m,
				 .data = ev->dgram.data,
				 .len = ev->dgram.len,
				 .src = ev->dgram.src.addr,
				 .dst = ev->dgram.dst.addr,
				 .cause = ev->cause };
	const char *why;

	r.in = device_iface(s->dev, ev->dgram.ifid);
	if (!r.in)
		return; /* the interface was removed while this waited */
	if (dhcp4_decode(ev->dgram.data, ev->dgram.len, &m, &why) < 0)
		drop_invalid(s, ev, why, fx);
	else if (m.op == DHCP4_BOOTREPLY)
		on_reply(s, &r, fx);
	else
		on_request(s, &r, ev->now, fx);
}

/* --- time --------------------------------------------------------------------------------- */

static void lease_expired(struct dhcp4_server *s, struct dhcp4_lease *x, nsec_t now, struct fx *fx)
{
	s->stats.expired++;
	decide(fx, "dhcp4.server.lease-expiry", V_ADDR("addr", addr4_from_u32(x->addr)),
	       V_MAC("client", x->mac), V_TEXT("pool", x->pool->conf.name));
	dhcp4_server_ddns(s, x, false, now, fx);
	dhcp4_lease_move(&s->leases, x, L4_EXPIRED, now);
	dhcp4_server_tell(s, x, fx);
	dhcp4_server_file_changed(s, now);
}

static void offer_expired(struct dhcp4_server *s, struct dhcp4_lease *x, nsec_t now, struct fx *fx)
{
	decide(fx, "dhcp4.server.offer-hold-expiry", V_ADDR("addr", addr4_from_u32(x->addr)),
	       V_MAC("client", x->mac), V_TEXT("pool", x->pool->conf.name));
	if (!x->was_bound) {
		dhcp4_server_end(s, x, "no REQUEST followed the offer", fx);
		return;
	}
	dhcp4_lease_move(&s->leases, x, L4_EXPIRED, now);
	dhcp4_server_tell(s, x, fx);
}

static void cleared(struct dhcp4_server *s, struct dhcp4_lease *x, nsec_t now, struct fx *fx)
{
	dhcp4_server_ddns(s, x, false, now, fx);
	dhcp4_server_end(s, x, x->pool ? "cleared by command" : "its pool was removed", fx);
}

static void lease_timer(struct dhcp4_server *s, struct dhcp4_lease *x, nsec_t now, struct fx *fx)
{
	if (x->cleared) {
		cleared(s, x, now, fx);
		return;
	}
	switch (x->state) {
	case L4_PROBING:
		dhcp4_server_probe_timeout(s, x, now, fx);
		return;
	case L4_OFFERED:
		offer_expired(s, x, now, fx);
		return;
	case L4_BOUND:
		lease_expired(s, x, now, fx);
		return;
	case L4_CONFLICT:
		dhcp4_server_end(s, x, "kept long enough", fx);
		return;
	case L4_NONE:
	case L4_EXPIRED:
	case L4_RELEASED:
	case N_L4_STATES:
		return;
	}
}

/* Bounded: what is left is due at once, in the next turn. */
static void on_timer(struct dhcp4_server *s, nsec_t now, struct fx *fx)
{
	struct timer *t = NULL;

	for (unsigned i = 0; i < DHCP4_TIMERS_PER_TURN; i++) {
		t = timers_pop(&s->leases.timers, now);
		if (!t)
			break;
		lease_timer(s, timer_owner(t, struct dhcp4_lease, timer), now, fx);
	}
	if (!t && s->clear_call) {
		fx_cmd_done(fx, s->clear_call, 0);
		s->clear_call = 0;
	}
	if (s->ddns_at <= now)
		dhcp4_server_ddns_timer(s, now, fx);
	if (s->database_at <= now)
		dhcp4_server_file_timer(s, now, fx);
}

/* --- the machine -------------------------------------------------------------------------- */

static void *create(const struct machine_env *env)
{
	struct dhcp4_server *s = calloc(1, sizeof(*s));

	if (!s || !(s->ddns = pages_new(DHCP4_DDNS_MAX * sizeof(*s->ddns))))
		abort();
	s->dev = env->dev;
	s->conf = env->conf;
	rng_seed(&s->rng, env->seed);
	dhcp4_leases_init(&s->leases, rng_u64(&s->rng));
	s->probe_id = (uint16_t)rng_u32(&s->rng);
	s->ddns_at = s->database_at = NEVER;
	s->database_written = -1;
	return s;
}

static void destroy(void *machine)
{
	struct dhcp4_server *s = machine;

	if (!s)
		return;
	dhcp4_leases_done(&s->leases);
	pages_free(s->ddns, DHCP4_DDNS_MAX * sizeof(*s->ddns));
	free(s);
}

static void refused(const struct ev *ev, struct fx *fx)
{
	decide(fx, "dhcp4.server.refused-by-kernel",
	       V_TEXT("what", ev->done.what == FX_BIND ? "a socket" : "a datagram"),
	       V_TEXT("why", ev->done.text), V_INT("errno", ev->done.err));
}

static void event(void *machine, const struct ev *ev, struct fx *fx)
{
	struct dhcp4_server *s = machine;

	switch (ev->kind) {
	case EV_START:
	case EV_CONF:
		dhcp4_server_configure(s, ev->now, fx);
		break;
	case EV_DATAGRAM:
		if (ev->dgram.sock == SOCK4_SERVER)
			on_datagram(s, ev, fx);
		else if (ev->dgram.sock == SOCK4_ICMP)
			dhcp4_server_icmp(s, ev, fx);
		else if (ev->dgram.sock == SOCK4_DDNS)
			dhcp4_server_ddns_answer(s, ev, fx);
		break;
	case EV_TIMER:
		on_timer(s, ev->now, fx);
		break;
	case EV_ANSWER:
		dhcp4_server_file_answer(s, ev);
		break;
	case EV_DONE:
		refused(ev, fx);
		break;
	case EV_RESTORE:
		dhcp4_server_restore(s, ev);
		break;
	case EV_OPENED:
	case EV_BYTES:
	case EV_DRAINED:
	case EV_CLOSED:
	case EV_LINK:
	case EV_ADDR:
	case EV_ASK:
	case EV_LOG:
	case EV_INPUT:
	case EV_LINE:
	case EV_STOP:
		break;
	}
}

static nsec_t deadline(const void *machine)
{
	const struct dhcp4_server *s = machine;
	nsec_t at = timers_deadline(&s->leases.timers);

	if (s->ddns_at < at)
		at = s->ddns_at;
	return s->database_at < at ? s->database_at : at;
}

const struct machine_class dhcp4_server_class = {
	.name = "dhcp4.server",
	.kinds = BIT(KIND_ROUTER) | BIT(KIND_SERVER),
	.create = create,
	.destroy = destroy,
	.event = event,
	.deadline = deadline,
};
