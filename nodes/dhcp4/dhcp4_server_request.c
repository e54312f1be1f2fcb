/* REQUEST, RELEASE, DECLINE, INFORM (RFC 2131 §4.3.2-§4.3.5). */
#include "dhcp4/dhcp4_server.h"

#include <string.h>

/* The client states that send a REQUEST; the fields tell them apart (RFC 2131 §4.3.2, table 4). */
enum phase { SELECTING, INIT_REBOOT, RENEWING, REBINDING };

struct asked {
	enum phase phase;
	struct addr addr; /* option 50, else ciaddr */
	uint32_t v;	  /* the same, host order */
};

static enum phase phase_of(const struct dhcp4_request *q)
{
	if (dhcp4_get(q->m, OPT4_SERVER))
		return SELECTING;
	if (addr_is_any(&q->m->ciaddr))
		return INIT_REBOOT;
	return q->broadcast || !addr_is_any(&q->m->giaddr) ? REBINDING : RENEWING;
}

/* Does option 54 name this device? False as well when it is absent. */
static bool names_us(const struct dhcp4_server *s, const struct dhcp4_request *q)
{
	struct addr server;

	return dhcp4_get_addr(q->m, OPT4_SERVER, &server) && device_has_addr(s->dev, &server);
}

static struct val server_named(const struct dhcp4_request *q)
{
	struct addr server;

	return dhcp4_get_addr(q->m, OPT4_SERVER, &server) ? V_ADDR("server", server)
							  : V_NULL("server");
}

/* --- binding ------------------------------------------------------------------------------ */

void dhcp4_server_bind(struct dhcp4_server *s, struct dhcp4_request *q, struct dhcp4_lease *x,
		       nsec_t lease_ns, struct fx *fx)
{
	dhcp4_server_probe_end(s, x, fx);
	dhcp4_lease_move(&s->leases, x, L4_BOUND, q->now);
	x->expires_ns = lease_ns == NEVER ? NEVER : q->now + lease_ns;
	if (x->expires_ns != NEVER)
		timer_set(&s->leases.timers, &x->timer, x->expires_ns);
	x->ifid = q->in->id;
	x->mac = q->mac;
	dhcp4_get_text(q->m, OPT4_HOSTNAME, x->hostname, sizeof(x->hostname));
	decide(fx, "dhcp4.server.bind", V_MAC("client", q->mac),
	       V_ADDR("addr", addr4_from_u32(x->addr)),
	       lease_ns == NEVER ? V_TEXT("lease", "for ever") : V_DUR("lease", lease_ns));
	dhcp4_server_tell(s, x, fx);
	dhcp4_server_file_changed(s, q->now);
}

static void decide_ack(const struct dhcp4_request *q, const struct asked *a,
		       const struct dhcp4_lease *x, struct fx *fx)
{
	const struct val client = V_MAC("client", q->mac), addr = V_ADDR("addr", a->addr),
			 pool = V_TEXT("pool", x->pool->conf.name);

	switch (a->phase) {
	case SELECTING:
	case INIT_REBOOT:
		decide(fx, "dhcp4.server.ack-request", client, addr, pool,
		       V_TEXT("phase", a->phase == SELECTING ? "the offered address"
							     : "the address of an earlier lease"));
		break;
	case RENEWING:
		decide(fx, "dhcp4.server.renew-ack", client, addr, pool);
		break;
	case REBINDING:
		decide(fx, "dhcp4.server.rebind-any", client, addr, pool);
		break;
	}
}

static void ack(struct dhcp4_server *s, struct dhcp4_request *q, const struct asked *a,
		struct dhcp4_lease *x, struct fx *fx)
{
	nsec_t lease_ns = dhcp4_server_lease_ns(q, x->pool);
	struct dhcp4_reply reply;

	if (!addr_is_set(&x->server))
		x->server = q->local;
	dhcp4_server_reply(s, q, DHCP4_ACK, x, lease_ns, &reply, fx);
	dhcp4_server_bind(s, q, x, lease_ns, fx); /* on disk before the client hears of it */
	decide_ack(q, a, x, fx);
	fx_send(fx, &reply.send);
	dhcp4_server_ddns(s, x, true, q->now, fx);
}

/* --- refusing ----------------------------------------------------------------------------- */

static void drop_unavailable(const struct dhcp4_request *q, const struct asked *a, const char *why,
			     struct fx *fx)
{
	decide(fx, "dhcp4.server.drop-unavailable-request", V_MAC("client", q->mac),
	       V_ADDR("addr", a->addr), V_TEXT("why", why));
}

static void refuse_subnet(struct dhcp4_server *s, const struct dhcp4_request *q,
			  const struct asked *a, struct fx *fx)
{
	struct dhcp4_reply reply;

	if (!s->conf->authoritative) {
		drop_unavailable(q, a, "it is not an address of this network", fx);
		return;
	}
	dhcp4_server_nak(s, q, "address is not of this network", &reply, fx);
	decide(fx, "dhcp4.server.nak-wrong-subnet", V_MAC("client", q->mac),
	       V_ADDR("addr", a->addr), V_ADDR("network", addr4_from_u32(q->network)));
	fx_send(fx, &reply.send);
}

static void refuse_address(struct dhcp4_server *s, const struct dhcp4_request *q,
			   const struct asked *a, const char *why, struct fx *fx)
{
	struct dhcp4_reply reply;

	if (!s->conf->authoritative) {
		drop_unavailable(q, a, why, fx);
		return;
	}
	dhcp4_server_nak(s, q, "address is not available", &reply, fx);
	decide(fx, "dhcp4.server.nak-reassigned", V_MAC("client", q->mac), V_ADDR("addr", a->addr),
	       V_TEXT("why", why));
	fx_send(fx, &reply.send);
}

static void no_record(const struct dhcp4_request *q, const struct asked *a, struct fx *fx)
{
	decide(fx, "dhcp4.server.drop-request-no-record", V_MAC("client", q->mac),
	       V_ADDR("addr", a->addr));
}

/* The client took another server's offer: ours goes back to the pool. */
static void other_server(struct dhcp4_server *s, struct dhcp4_request *q, struct fx *fx)
{
	struct dhcp4_lease *x;

	decide(fx, "dhcp4.server.request-other-server", V_MAC("client", q->mac), server_named(q));
	if (!dhcp4_server_locate(s, q, NULL))
		return;
	x = dhcp4_lease_of(&s->leases, &q->key, q->network, q->mask);
	if (!x || (x->state != L4_OFFERED && x->state != L4_PROBING))
		return;
	dhcp4_server_probe_end(s, x, fx);
	if (!x->was_bound) {
		dhcp4_server_end(s, x, "the client took another server's offer", fx);
		return;
	}
	dhcp4_lease_move(&s->leases, x, L4_EXPIRED, q->now);
	dhcp4_server_tell(s, x, fx);
}

/* --- REQUEST ------------------------------------------------------------------------------ */

/* The client has a manual binding: that address and no other. */
static void request_manual(struct dhcp4_server *s, struct dhcp4_request *q, const struct asked *a,
			   struct fx *fx)
{
	struct dhcp4_lease *x;

	decide(fx, "dhcp4.static-first", V_MAC("client", q->mac),
	       V_TEXT("pool", q->manual->conf.name), V_ADDR("addr", q->manual->conf.host));
	if (addr4_u32(&q->manual->conf.host) != a->v) {
		refuse_address(s, q, a, "the client has a manual binding", fx);
		return;
	}
	x = dhcp4_server_manual_record(s, q, fx);
	if (x)
		ack(s, q, a, x, fx);
	else
		refuse_address(s, q, a, "another host has the address", fx);
}

/* A free address that the client wants of us, though we offered none: after a restart, say. */
static void request_free(struct dhcp4_server *s, struct dhcp4_request *q, const struct asked *a,
			 struct dhcp4_lease *x, struct fx *fx)
{
	if (!q->pool || !dhcp4_pool_may_lease(&s->leases, q->pool, a->v) ||
	    device_has_addr(s->dev, &a->addr)) {
		refuse_address(s, q, a, "the address is never leased", fx);
		return;
	}
	if (x)
		dhcp4_server_end(s, x, "the address goes to another client", fx);
	x = dhcp4_lease_new(&s->leases, a->v, q->pool, &q->key, &q->mac);
	if (x)
		ack(s, q, a, x, fx);
	else
		no_record(q, a, fx);
}

/* The client has no record for this address. */
static void request_other(struct dhcp4_server *s, struct dhcp4_request *q, const struct asked *a,
			  struct dhcp4_lease *x, struct fx *fx)
{
	const struct dhcp4_lease *own = dhcp4_lease_of(&s->leases, &q->key, q->network, q->mask);

	if (!dhcp4_lease_over(x))
		refuse_address(s, q, a,
			       x->state == L4_CONFLICT ? "another host uses the address"
						       : "another client has the address",
			       fx);
	else if (own && !dhcp4_lease_over(own))
		refuse_address(s, q, a, "another address is recorded for this client", fx);
	else if (a->phase == SELECTING)
		request_free(s, q, a, x, fx);
	else
		no_record(q, a, fx);
}

static void request_known(struct dhcp4_server *s, struct dhcp4_request *q, const struct asked *a,
			  struct fx *fx)
{
	struct dhcp4_lease *x = dhcp4_lease_at(&s->leases, a->v);

	if (q->manual)
		request_manual(s, q, a, fx);
	else if (!x || !dhcp4_lease_is(x, &q->key))
		request_other(s, q, a, x, fx);
	else if (dhcp4_lease_over(x) && !dhcp4_pool_may_lease(&s->leases, x->pool, a->v))
		refuse_address(s, q, a, "the address is no longer leased", fx);
	else
		ack(s, q, a, x, fx);
}

void dhcp4_server_request(struct dhcp4_server *s, struct dhcp4_request *q, struct fx *fx)
{
	struct asked a = { .phase = phase_of(q), .addr = q->m->ciaddr };

	(void)dhcp4_get_addr(q->m, OPT4_REQUESTED, &a.addr);
	a.v = addr4_u32(&a.addr);
	if (a.v == 0) {
		decide(fx, "dhcp4.server.drop-invalid",
		       V_TEXT("why", "a REQUEST without an address (option 50 or ciaddr)"),
		       V_ADDR("src", q->src), V_INT("len", q->len));
		return;
	}
	if (a.phase == SELECTING && !names_us(s, q)) {
		other_server(s, q, fx);
		return;
	}
	if (!dhcp4_server_locate(s, q, fx))
		return;
	if ((a.v & q->mask) == q->network)
		request_known(s, q, &a, fx);
	else if (a.phase == RENEWING)
		no_record(q, &a, fx);
	else
		refuse_subnet(s, q, &a, fx);
}

/* --- RELEASE, DECLINE, INFORM --------------------------------------------------------------- */

void dhcp4_server_release(struct dhcp4_server *s, struct dhcp4_request *q, struct fx *fx)
{
	struct dhcp4_lease *x = dhcp4_lease_at(&s->leases, addr4_u32(&q->m->ciaddr));
	const struct val client = V_MAC("client", q->mac), addr = V_ADDR("addr", q->m->ciaddr);

	if (!x || x->state != L4_BOUND || !dhcp4_lease_is(x, &q->key) || !names_us(s, q)) {
		decide(fx, "dhcp4.server.drop-release-unbound", client, addr, server_named(q),
		       V_TEXT("why", names_us(s, q) ? "the address is not bound to this client"
						    : "option 54 does not name this server"));
		return;
	}
	decide(fx, "dhcp4.server.release-unbind", client, addr, V_TEXT("pool", x->pool->conf.name));
	dhcp4_server_ddns(s, x, false, q->now, fx);
	dhcp4_lease_move(&s->leases, x, L4_RELEASED, q->now);
	dhcp4_server_tell(s, x, fx);
	dhcp4_server_file_changed(s, q->now);
}

void dhcp4_server_decline(struct dhcp4_server *s, struct dhcp4_request *q, struct fx *fx)
{
	const struct val client = V_MAC("client", q->mac);
	struct dhcp4_lease *x = NULL;
	struct addr addr = { .family = 4 };

	if (dhcp4_get_addr(q->m, OPT4_REQUESTED, &addr))
		x = dhcp4_lease_at(&s->leases, addr4_u32(&addr));
	if (!x || (x->state != L4_OFFERED && x->state != L4_BOUND) || !dhcp4_lease_is(x, &q->key) ||
	    !names_us(s, q)) {
		decide(fx, "dhcp4.server.drop-decline-unbound", client, V_ADDR("addr", addr),
		       server_named(q),
		       V_TEXT("why", names_us(s, q) ? "the address was not given to this client"
						    : "option 54 does not name this server"));
		return;
	}
	decide(fx, "dhcp4.server.decline", client, V_ADDR("addr", addr),
	       V_TEXT("pool", x->pool->conf.name));
	dhcp4_server_conflict(s, x, "decline", q->now, fx);
}

void dhcp4_server_inform(struct dhcp4_server *s, struct dhcp4_request *q, struct fx *fx)
{
	struct dhcp4_reply reply;

	if (addr_is_any(&q->m->ciaddr)) {
		decide(fx, "dhcp4.server.drop-invalid",
		       V_TEXT("why", "an INFORM without the client's address (ciaddr)"),
		       V_ADDR("src", q->src), V_INT("len", q->len));
		return;
	}
	if (!dhcp4_server_locate(s, q, fx))
		return;
	if (!q->pool && !q->manual) {
		dhcp4_server_no_pool(q, fx);
		return;
	}
	dhcp4_server_reply(s, q, DHCP4_ACK, NULL, 0, &reply, fx);
	decide(fx, "dhcp4.server.inform-ack", V_MAC("client", q->mac), V_ADDR("addr", q->m->ciaddr),
	       V_TEXT("pool", q->pool ? q->pool->conf.name : q->manual->conf.name));
	fx_send(fx, &reply.send);
}
