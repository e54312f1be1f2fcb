/* DISCOVER: which address a client is offered, and the probe before it is (RFC 2131 §4.3.1). */
#include "dhcp4/dhcp4_server.h"

#include <stdlib.h>
#include <string.h>

#include "base/cur.h"
#include "base/inet.h"

#define ICMP_ECHO_REQUEST 8
#define ICMP_ECHO_REPLY	  0
#define ICMP_LEN	  40 /* header and 32 octets */

/* --- the offer ---------------------------------------------------------------------------- */

/* How the pool lets addresses: for ever, or for a time. */
static void decide_allocation(const struct dhcp4_request *q, const struct dhcp4_lease *x,
			      nsec_t lease_ns, struct fx *fx)
{
	const struct addr addr = addr4_from_u32(x->addr);

	if (x->pool->manual)
		return;
	if (lease_ns == NEVER)
		decide(fx, "dhcp4.server.alloc-automatic", V_MAC("client", q->mac),
		       V_ADDR("addr", addr), V_TEXT("pool", x->pool->conf.name));
	else
		decide(fx, "dhcp4.server.alloc-dynamic", V_MAC("client", q->mac),
		       V_ADDR("addr", addr), V_TEXT("pool", x->pool->conf.name),
		       V_DUR("lease", lease_ns));
}

/* The decision that explains the OFFER. */
static void decide_offer(const struct dhcp4_request *q, const struct dhcp4_lease *x,
			 enum dhcp4_found found, struct fx *fx)
{
	const struct addr addr = addr4_from_u32(x->addr);
	const struct val client = V_MAC("client", q->mac);
	const char *pool = x->pool->conf.name;

	switch (found) {
	case FOUND_MANUAL:
		decide(fx, "dhcp4.server.alloc-manual", client, V_ADDR("addr", addr),
		       V_TEXT("pool", pool));
		break;
	case FOUND_LEASE:
		decide(fx, "dhcp4.server.offer-existing-lease", client, V_ADDR("addr", addr),
		       V_TEXT("pool", pool), V_TEXT("state", dhcp4_lease_state_name(x->state)));
		break;
	case FOUND_PREVIOUS:
		decide(fx, "dhcp4.server.offer-previous", client, V_ADDR("addr", addr),
		       V_TEXT("pool", pool));
		break;
	case FOUND_REQUESTED:
		decide(fx, "dhcp4.server.grant-last-ip", client, V_ADDR("addr", addr),
		       V_TEXT("pool", pool));
		break;
	case FOUND_FREE:
		decide(fx, "dhcp4.server.offer-available", client, V_ADDR("addr", addr),
		       V_TEXT("pool", pool));
		break;
	}
}

/* Offers the record's address and keeps it for the client; a bound lease stays bound. */
static void offer(struct dhcp4_server *s, struct dhcp4_request *q, struct dhcp4_lease *x,
		  enum dhcp4_found found, struct fx *fx)
{
	nsec_t lease_ns = dhcp4_server_lease_ns(q, x->pool);
	bool known = x->state == L4_BOUND || x->state == L4_OFFERED;
	struct dhcp4_reply reply;

	if (x->state != L4_BOUND) {
		dhcp4_lease_move(&s->leases, x, L4_OFFERED, q->now);
		timer_set(&s->leases.timers, &x->timer, q->now + DHCP4_OFFER_HOLD);
	}
	x->ifid = q->in->id;
	if (!known || !addr_is_set(&x->server))
		x->server = q->local;
	dhcp4_server_reply(s, q, DHCP4_OFFER, x, lease_ns, &reply, fx);
	if (!known)
		decide_allocation(q, x, lease_ns, fx);
	decide_offer(q, x, found, fx);
	if (!known)
		dhcp4_server_tell(s, x, fx);
	fx_send(fx, &reply.send);
}

/* --- the echo probe ----------------------------------------------------------------------- */

static void probe_send(struct dhcp4_server *s, struct dhcp4_lease *x, nsec_t now, struct fx *fx)
{
	struct fx_send send = { .sock = SOCK4_ICMP };
	uint8_t icmp[ICMP_LEN] = { 0 };
	struct wr w;

	wr_init(&w, icmp, sizeof(icmp));
	wr_u8(&w, ICMP_ECHO_REQUEST);
	wr_zero(&w, 3);
	wr_u16(&w, s->probe_id);
	wr_u16(&w, x->probe->seq);
	wr_patch_u16(&w, 2, inet_sum_fold(inet_sum(0, icmp, sizeof(icmp))));
	x->probe->n_sent++;
	send.dst.addr = addr4_from_u32(x->addr);
	send.data = icmp;
	send.len = sizeof(icmp);
	decide(fx, "dhcp4.server.probe-address", V_ADDR("addr", send.dst.addr),
	       V_MAC("client", x->mac), V_INT("n", x->probe->n_sent),
	       V_INT("of", s->conf->ping_packets));
	fx_send(fx, &send);
	timer_set(&s->leases.timers, &x->timer, now + s->conf->ping_timeout_ns);
}

/* Keeps the request until the probe is over. */
static void probe_keep(struct dhcp4_probe *p, const struct dhcp4_request *q)
{
	p->ifid = q->in->id;
	p->cause = q->cause;
	p->src = q->src;
	p->dst = q->dst;
	p->broadcast = q->broadcast;
	p->len = q->len;
	memcpy(p->data, q->data, q->len);
}

static void probe_start(struct dhcp4_server *s, struct dhcp4_request *q, struct dhcp4_lease *x,
			enum dhcp4_found found, struct fx *fx)
{
	dhcp4_lease_move(&s->leases, x, L4_PROBING, q->now);
	x->probe = calloc(1, sizeof(*x->probe));
	if (!x->probe)
		abort();
	x->probe->found = found;
	x->probe->seq = ++s->probe_seq;
	probe_keep(x->probe, q);
	s->n_probes++;
	if (!s->icmp_bound) {
		s->icmp_bound = true;
		fx_bind(fx, &(struct fx_bind){ .sock = SOCK4_ICMP, .kind = SOCK_ICMP });
	}
	probe_send(s, x, q->now, fx);
}

void dhcp4_server_probe_end(struct dhcp4_server *s, struct dhcp4_lease *x, struct fx *fx)
{
	if (!x->probe)
		return;
	free(x->probe);
	x->probe = NULL;
	s->n_probes--;
	if (s->n_probes == 0 && s->icmp_bound) {
		s->icmp_bound = false;
		fx_close(fx, SOCK4_ICMP, CLOSE_RESET);
	}
}

/* A free address: probed first, unless that is switched off or the request is too long to keep. */
static void offer_free(struct dhcp4_server *s, struct dhcp4_request *q, struct dhcp4_lease *x,
		       enum dhcp4_found found, struct fx *fx)
{
	if (s->conf->ping_packets == 0 || q->len > DHCP4_PROBE_BYTES)
		offer(s, q, x, found, fx);
	else if (s->n_probes < DHCP4_PROBES_MAX)
		probe_start(s, q, x, found, fx);
	else
		offer(s, q, x, found, fx);
}

/* --- choosing ----------------------------------------------------------------------------- */

static void drop_exhausted(const struct dhcp4_request *q, const struct dhcp4_pool *pool,
			   struct fx *fx)
{
	decide(fx, "dhcp4.server.drop-pool-exhausted", V_MAC("client", q->mac),
	       V_TEXT("pool", pool->conf.name), V_INT("total", pool->n_total),
	       V_INT("bound", pool->n_bound));
}

/* A record of this client's for an address that nobody has; ends the fact of whoever had it. */
static struct dhcp4_lease *take_address(struct dhcp4_server *s, struct dhcp4_request *q,
					uint32_t addr, struct dhcp4_pool *pool, struct fx *fx)
{
	struct dhcp4_lease *old = dhcp4_lease_at(&s->leases, addr), *x;

	if (old && dhcp4_lease_is(old, &q->key))
		return old;
	if (old)
		dhcp4_server_end(s, old, "the address goes to another client", fx);
	x = dhcp4_lease_new(&s->leases, addr, pool, &q->key, &q->mac);
	if (!x)
		drop_exhausted(q, pool, fx);
	return x;
}

/* static-first: the manual binding decides, if there is one. */
static bool offer_manual(struct dhcp4_server *s, struct dhcp4_request *q, struct fx *fx)
{
	struct dhcp4_lease *x;
	bool held;

	if (!q->manual)
		return false;
	decide(fx, "dhcp4.static-first", V_MAC("client", q->mac),
	       V_TEXT("pool", q->manual->conf.name), V_ADDR("addr", q->manual->conf.host));
	x = dhcp4_server_manual_record(s, q, fx);
	if (!x) {
		drop_exhausted(q, q->manual, fx);
		return true;
	}
	held = x->state == L4_BOUND || x->state == L4_OFFERED;
	offer(s, q, x, held ? FOUND_LEASE : FOUND_MANUAL, fx);
	return true;
}

/* The client's own record: what it has, or what it had and is still free. */
static bool offer_own(struct dhcp4_server *s, struct dhcp4_request *q, struct fx *fx)
{
	struct dhcp4_lease *x = dhcp4_lease_of(&s->leases, &q->key, q->network, q->mask);

	if (!x)
		return false;
	if (x->state == L4_PROBING) {
		decide(fx, "dhcp4.server.probe-running", V_MAC("client", q->mac),
		       V_ADDR("addr", addr4_from_u32(x->addr)));
		if (q->len <= DHCP4_PROBE_BYTES)
			probe_keep(x->probe, q);
		return true;
	}
	if (!dhcp4_lease_over(x)) {
		offer(s, q, x, FOUND_LEASE, fx);
		return true;
	}
	if (!dhcp4_pool_may_lease(&s->leases, x->pool, x->addr) || x->pool->manual)
		return false;
	offer_free(s, q, x, FOUND_PREVIOUS, fx);
	return true;
}

/* An address of this device, or of the relay that the request came through. */
static bool is_routers(const struct dhcp4_server *s, const struct dhcp4_request *q, uint32_t addr)
{
	const struct addr a = addr4_from_u32(addr);

	return device_has_addr(s->dev, &a) || addr_equal(&a, &q->m->giaddr);
}

/* Option 50, if that address may be given away. */
static bool offer_requested(struct dhcp4_server *s, struct dhcp4_request *q, struct fx *fx)
{
	struct dhcp4_lease *x;
	struct addr wanted;
	uint32_t addr;

	if (!dhcp4_get_addr(q->m, OPT4_REQUESTED, &wanted))
		return false;
	addr = addr4_u32(&wanted);
	if (!dhcp4_pool_may_lease(&s->leases, q->pool, addr) || is_routers(s, q, addr)) {
		if (dhcp4_excluded(s->conf, &wanted))
			decide(fx, "dhcp4.specific-address-excluded", V_MAC("client", q->mac),
			       V_ADDR("addr", wanted), V_TEXT("pool", q->pool->conf.name));
		return false;
	}
	x = dhcp4_lease_at(&s->leases, addr);
	if (!dhcp4_lease_over(x)) {
		dhcp4_server_taken(q, x, fx);
		return false;
	}
	x = take_address(s, q, addr, q->pool, fx);
	if (x)
		offer_free(s, q, x, FOUND_REQUESTED, fx);
	return true;
}

/* Any free address; those of routers are marked as taken when they are met. */
static uint32_t pick(struct dhcp4_server *s, struct dhcp4_request *q, struct fx *fx)
{
	uint32_t addr;

	while ((addr = dhcp4_pool_pick(q->pool)) && is_routers(s, q, addr)) {
		struct dhcp4_lease *x = dhcp4_lease_at(&s->leases, addr);

		if (x)
			dhcp4_server_end(s, x, "the address is a router's", fx);
		dhcp4_pool_take(q->pool, addr);
	}
	return addr;
}

static void offer_any(struct dhcp4_server *s, struct dhcp4_request *q, struct fx *fx)
{
	uint32_t addr = pick(s, q, fx);
	struct dhcp4_lease *x;

	if (addr == 0) {
		drop_exhausted(q, q->pool, fx);
		return;
	}
	x = take_address(s, q, addr, q->pool, fx);
	if (x)
		offer_free(s, q, x, FOUND_FREE, fx);
}

void dhcp4_server_discover(struct dhcp4_server *s, struct dhcp4_request *q, struct fx *fx)
{
	const struct dhcp4_opt *id = dhcp4_get(q->m, OPT4_CLIENT_ID);

	if (!dhcp4_server_locate(s, q, fx))
		return;
	decide(fx, "dhcp4.server.config-by-chaddr", V_MAC("client", q->mac),
	       V_TEXT("by", id ? "client identifier" : "hardware address"),
	       id ? V_BYTES("client_id", id->data, id->len) : V_NULL("client_id"));
	if (offer_manual(s, q, fx) || offer_own(s, q, fx))
		return;
	if (!q->pool)
		dhcp4_server_no_pool(q, fx);
	else if (!offer_requested(s, q, fx))
		offer_any(s, q, fx);
}

/* --- answers and silence ------------------------------------------------------------------ */

/* Reads the kept request again. False when its interface is gone. */
static bool kept_request(struct dhcp4_server *s, const struct dhcp4_probe *p, struct dhcp4_msg *m,
			 struct dhcp4_request *q, nsec_t now)
{
	const char *why;

	*q = (struct dhcp4_request){ .m = m,
				     .data = p->data,
				     .len = p->len,
				     .src = p->src,
				     .dst = p->dst,
				     .broadcast = p->broadcast,
				     .cause = p->cause,
				     .now = now };
	q->in = device_iface(s->dev, p->ifid);
	if (!q->in || dhcp4_decode(p->data, p->len, m, &why) < 0)
		return false;
	dhcp4_key_of(m, &q->key);
	q->mac = dhcp4_mac(m);
	return true;
}

void dhcp4_server_probe_timeout(struct dhcp4_server *s, struct dhcp4_lease *x, nsec_t now,
				struct fx *fx)
{
	struct dhcp4_probe kept = *x->probe;
	struct dhcp4_request q;
	struct dhcp4_msg m;

	fx_because(fx, kept.cause);
	if (x->probe->n_sent < s->conf->ping_packets) {
		probe_send(s, x, now, fx);
		fx_because(fx, 0);
		return;
	}
	dhcp4_server_probe_end(s, x, fx);
	if (kept_request(s, &kept, &m, &q, now) && dhcp4_server_locate(s, &q, NULL))
		offer(s, &q, x, kept.found, fx);
	else
		dhcp4_server_end(s, x, "the interface is gone", fx);
	fx_because(fx, 0);
}

/* The record whose probe this echo reply answers, or NULL. */
static struct dhcp4_lease *probed(struct dhcp4_server *s, const struct ev *ev)
{
	struct dhcp4_lease *x;
	struct rd r;

	rd_init(&r, ev->dgram.data, ev->dgram.len);
	if (rd_u8(&r) != ICMP_ECHO_REPLY)
		return NULL;
	rd_skip(&r, 3);
	if (rd_u16(&r) != s->probe_id || r.err)
		return NULL;
	x = dhcp4_lease_at(&s->leases, addr4_u32(&ev->dgram.src.addr));
	return x && x->state == L4_PROBING && rd_u16(&r) == x->probe->seq ? x : NULL;
}

void dhcp4_server_icmp(struct dhcp4_server *s, const struct ev *ev, struct fx *fx)
{
	struct dhcp4_lease *x = probed(s, ev);
	struct dhcp4_probe kept;
	struct dhcp4_request q;
	struct dhcp4_msg m;

	if (!x)
		return;
	kept = *x->probe;
	decide(fx, "dhcp4.server.probe-before-offer", V_ADDR("addr", addr4_from_u32(x->addr)),
	       V_MAC("client", x->mac), V_TEXT("pool", x->pool->conf.name));
	dhcp4_server_conflict(s, x, "ping", ev->now, fx);
	if (kept_request(s, &kept, &m, &q, ev->now))
		dhcp4_server_discover(s, &q, fx);
}
