/* What a reply holds and where it goes (RFC 2131 §4.1, §4.3.1, table 3; RFC 3046; RFC 6842). */
#include "dhcp4/dhcp4_server.h"

#include <string.h>

#include "base/sbuf.h"

#define IP_UDP_LEN    28
#define REPLY_MAX     1472 /* octets: one Ethernet frame */
#define MAX_LEN_FLOOR 576  /* option 57 below this is wrong (RFC 2132 §9.10) */

/* --- lease times -------------------------------------------------------------------------- */

static nsec_t pool_lease(const struct dhcp4_pool *pool)
{
	if (pool->conf.has_lease)
		return pool->conf.lease_ns;
	return pool->manual ? NEVER : DHCP4_LEASE_DEFAULT;
}

nsec_t dhcp4_server_lease_ns(const struct dhcp4_request *q, const struct dhcp4_pool *pool)
{
	nsec_t lease = pool_lease(pool), wanted;
	uint32_t seconds;

	/* A client may ask for less, not for more. */
	if (!dhcp4_get_u32(q->m, OPT4_LEASE, &seconds) || seconds == DHCP4_INFINITE)
		return lease;
	wanted = seconds * SEC;
	if (wanted < DHCP4_LEASE_SHORTEST)
		wanted = DHCP4_LEASE_SHORTEST;
	return wanted < lease ? wanted : lease;
}

static void put_lease(struct dhcp4_msg *m, nsec_t lease_ns)
{
	nsec_t seconds = lease_ns / SEC;

	if (lease_ns == NEVER) {
		dhcp4_put_u32(m, OPT4_LEASE, DHCP4_INFINITE);
		return;
	}
	dhcp4_put_u32(m, OPT4_LEASE, (uint32_t)seconds);
	dhcp4_put_u32(m, OPT4_T1, (uint32_t)(seconds / 2));
	dhcp4_put_u32(m, OPT4_T2, (uint32_t)(seconds * 7 / 8));
}

/* --- contents ----------------------------------------------------------------------------- */

static void begin(const struct dhcp4_request *q, struct dhcp4_msg *m, enum dhcp4_type type)
{
	dhcp4_init(m, DHCP4_BOOTREPLY, type);
	m->htype = q->m->htype;
	m->hlen = q->m->hlen;
	m->xid = q->m->xid;
	m->flags = q->m->flags;
	m->giaddr = q->m->giaddr;
	memcpy(m->chaddr, q->m->chaddr, sizeof(m->chaddr));
}

static void put_pool_option(const struct dhcp4_request *q, const struct dhcp4_pool_opt *o,
			    struct dhcp4_msg *m, struct fx *fx)
{
	if (!dhcp4_wants(q->m, o->code) || dhcp4_get(m, o->code))
		return;
	dhcp4_put(m, o->code, o->data, o->len);
	if (o->code == OPT4_NETBIOS)
		decide(fx, "dhcp4.server.netbios", V_MAC("client", q->mac),
		       V_ADDR("server", addr4(o->data[0], o->data[1], o->data[2], o->data[3])),
		       V_INT("n_servers", o->len / 4));
}

/* Options of the pool that the client asked for; all of them when it sent no list. A manual binding
 * also has those of the network around it. */
static void put_pool_options(struct dhcp4_server *s, const struct dhcp4_request *q,
			     const struct dhcp4_pool *pool, struct dhcp4_msg *m, struct fx *fx)
{
	const struct dhcp4_pool *around =
		pool->manual ? dhcp4_pool_for(&s->leases, addr4_u32(&pool->conf.host)) : NULL;

	for (unsigned i = 0; i < pool->conf.n_opts; i++)
		put_pool_option(q, &pool->conf.opts[i], m, fx);
	for (unsigned i = 0; around && i < around->conf.n_opts; i++)
		put_pool_option(q, &around->conf.opts[i], m, fx);
}

/* The mask goes before the routers (RFC 2132 §3.3). */
static void put_parameters(struct dhcp4_server *s, const struct dhcp4_request *q,
			   const struct dhcp4_pool *pool, struct dhcp4_msg *m, struct fx *fx)
{
	dhcp4_put_u32(m, OPT4_MASK, pool->mask);
	put_pool_options(s, q, pool, m, fx);
	if (pool->conf.client_name[0] && dhcp4_wants(q->m, OPT4_HOSTNAME))
		dhcp4_put_text(m, OPT4_HOSTNAME, pool->conf.client_name);
	if (addr_is_set(&pool->conf.next_server))
		m->siaddr = pool->conf.next_server;
	str_copy(m->file, sizeof(m->file), pool->conf.bootfile);
}

/* What a server gives back unread: option 61, and option 82, which is the last one. */
static void put_echoes(const struct dhcp4_request *q, struct dhcp4_msg *m, struct fx *fx)
{
	const struct dhcp4_opt *o = dhcp4_get(q->m, OPT4_CLIENT_ID);

	if (o) {
		dhcp4_put(m, OPT4_CLIENT_ID, o->data, o->len);
		decide(fx, "dhcp4.server.echo-client-id", V_MAC("client", q->mac),
		       V_BYTES("client_id", o->data, o->len));
	}
	o = dhcp4_get(q->m, OPT4_RELAY_INFO);
	if (o && !addr_is_any(&q->m->giaddr)) {
		dhcp4_put(m, OPT4_RELAY_INFO, o->data, o->len);
		decide(fx, "dhcp4.server.echo-relay-info", V_MAC("client", q->mac),
		       V_ADDR("giaddr", q->m->giaddr), V_BYTES("info", o->data, o->len));
	}
}

/* --- destination -------------------------------------------------------------------------- */

static struct fx_send send_from(const struct dhcp4_request *q)
{
	struct fx_send x = { .sock = SOCK4_SERVER };

	x.src = (struct ep){ .addr = q->local, .port = DHCP4_SERVER_PORT };
	return x;
}

static struct fx_send to_relay(const struct dhcp4_request *q, struct fx *fx)
{
	struct fx_send x = send_from(q);

	x.dst = (struct ep){ .addr = q->m->giaddr, .port = DHCP4_SERVER_PORT };
	decide(fx, "dhcp4.transport.relay-port", V_ADDR("giaddr", q->m->giaddr),
	       V_INT("port", DHCP4_SERVER_PORT));
	return x;
}

static struct fx_send to_broadcast(const struct dhcp4_request *q)
{
	struct fx_send x = send_from(q);

	x.dst = (struct ep){ .addr = addr4(255, 255, 255, 255), .port = DHCP4_CLIENT_PORT };
	x.ifid = q->in->id;
	return x;
}

static struct fx_send to_hardware(const struct dhcp4_request *q, const struct addr *yiaddr)
{
	struct fx_send x = send_from(q);

	x.dst = (struct ep){ .addr = *yiaddr, .port = DHCP4_CLIENT_PORT };
	x.ifid = q->in->id;
	x.dst_mac = q->mac;
	x.has_mac = true;
	return x;
}

/* RFC 2131 §4.1, for everything but a NAK. An INFORM is answered at its ciaddr even when a relay
 * forwarded it (§4.3.5). */
static struct fx_send destination(const struct dhcp4_request *q, const struct addr *yiaddr,
				  struct fx *fx)
{
	const struct dhcp4_msg *m = q->m;
	struct fx_send x;
	bool unicast;

	if (!addr_is_any(&m->giaddr) && m->type != DHCP4_INFORM)
		return to_relay(q, fx);
	if (!addr_is_any(&m->ciaddr)) {
		x = send_from(q);
		x.dst = (struct ep){ .addr = m->ciaddr, .port = DHCP4_CLIENT_PORT };
		decide(fx, "dhcp4.server.reply-to-ciaddr", V_MAC("client", q->mac),
		       V_ADDR("addr", m->ciaddr));
		return x;
	}
	unicast = !dhcp4_wants_broadcast(m) && m->hlen == 6 && !addr_is_any(yiaddr);
	decide(fx, "dhcp4.server.reply-destination", V_MAC("client", q->mac),
	       V_ADDR("addr", *yiaddr), V_TEXT("flag", dhcp4_wants_broadcast(m) ? "set" : "clear"),
	       V_TEXT("how", unicast ? "unicast to its MAC address" : "broadcast"));
	return unicast ? to_hardware(q, yiaddr) : to_broadcast(q);
}

/* Octets that the client can take. */
static size_t reply_room(const struct dhcp4_request *q)
{
	uint16_t max;

	if (!dhcp4_get_u16(q->m, OPT4_MAX_LEN, &max) || max < MAX_LEN_FLOOR)
		return DHCP4_LEN_DEFAULT;
	max = (uint16_t)(max - IP_UDP_LEN);
	return max < REPLY_MAX ? max : REPLY_MAX;
}

static void finish(struct dhcp4_server *s, const struct dhcp4_msg *m, size_t room,
		   struct dhcp4_reply *ret)
{
	int len = dhcp4_encode(m, ret->bytes, room, NULL);

	ret->send.data = ret->bytes;
	ret->send.len = len > 0 ? (size_t)len : 0;
	s->stats.sent[m->type]++;
}

/* --- the replies -------------------------------------------------------------------------- */

void dhcp4_server_reply(struct dhcp4_server *s, const struct dhcp4_request *q, enum dhcp4_type type,
			const struct dhcp4_lease *x, nsec_t lease_ns, struct dhcp4_reply *ret,
			struct fx *fx)
{
	const struct dhcp4_pool *pool = x ? x->pool : q->manual ? q->manual : q->pool;
	struct dhcp4_msg m;

	begin(q, &m, type);
	dhcp4_put_addr(&m, OPT4_SERVER, x ? &x->server : &q->local);
	if (type == DHCP4_ACK)
		m.ciaddr = q->m->ciaddr;
	if (x) {
		m.yiaddr = addr4_from_u32(x->addr);
		put_lease(&m, lease_ns);
	}
	put_parameters(s, q, pool, &m, fx);
	put_echoes(q, &m, fx);
	ret->send = destination(q, &m.yiaddr, fx);
	finish(s, &m, reply_room(q), ret);
}

/* RFC 1534 §2: no options of DHCP; the vendor area is as large as the client's was. */
void dhcp4_server_bootreply(struct dhcp4_server *s, const struct dhcp4_request *q,
			    const struct dhcp4_lease *x, struct dhcp4_reply *ret, struct fx *fx)
{
	size_t room = q->len > DHCP4_LEN_MIN ? q->len : DHCP4_LEN_MIN;
	struct dhcp4_msg m;

	begin(q, &m, DHCP4_NO_TYPE);
	m.siaddr = q->local;
	m.ciaddr = q->m->ciaddr;
	m.yiaddr = addr4_from_u32(x->addr);
	put_parameters(s, q, x->pool, &m, fx);
	str_copy(m.sname, sizeof(m.sname), s->dev->hostname);
	if (m.file[0] == '\0')
		str_copy(m.file, sizeof(m.file), q->m->file);
	ret->send = destination(q, &m.yiaddr, fx);
	finish(s, &m, room < REPLY_MAX ? room : REPLY_MAX, ret);
}

void dhcp4_server_nak(struct dhcp4_server *s, const struct dhcp4_request *q, const char *why,
		      struct dhcp4_reply *ret, struct fx *fx)
{
	struct dhcp4_msg m;

	begin(q, &m, DHCP4_NAK);
	dhcp4_put_addr(&m, OPT4_SERVER, &q->local);
	dhcp4_put_text(&m, OPT4_MESSAGE, why);
	put_echoes(q, &m, fx);
	if (addr_is_any(&q->m->giaddr)) {
		ret->send = to_broadcast(q);
	} else {
		/* The client may have no address any more: its relay must broadcast. */
		m.flags |= DHCP4_FLAG_BROADCAST;
		ret->send = to_relay(q, fx);
	}
	decide(fx, "dhcp4.server.nak-destination", V_MAC("client", q->mac),
	       V_TEXT("how", addr_is_any(&q->m->giaddr) ? "broadcast" : "to the relay"),
	       V_ADDR("addr", ret->send.dst.addr));
	finish(s, &m, reply_room(q), ret);
}
