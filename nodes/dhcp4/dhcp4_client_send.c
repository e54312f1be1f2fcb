/* What a client sends (RFC 2131 §4.4, table 5; RFC 951 §7). */
#include "dhcp4/dhcp4_client.h"

#include <string.h>

#define MAX_LEN 1500 /* option 57: the largest message we take, IP and UDP included */

/* --- retransmission ----------------------------------------------------------------------- */

nsec_t c4_retry_delay(struct dhcp4_client_if *ci, unsigned n_sent)
{
	nsec_t delay = n_sent > 5 ? C4_RETRY_LAST : C4_RETRY_FIRST << (n_sent - 1);

	if (delay > C4_RETRY_LAST)
		delay = C4_RETRY_LAST;
	return delay + rng_jitter(&ci->client->rng, C4_RETRY_JITTER);
}

uint32_t c4_new_xid(struct dhcp4_client *c)
{
	uint32_t xid;

	do
		xid = rng_u32(&c->rng);
	while (xid == 0);
	return xid;
}

static uint16_t seconds_since(nsec_t start_ns, nsec_t now)
{
	nsec_t s = (now - start_ns) / SEC;

	return s > UINT16_MAX ? UINT16_MAX : (uint16_t)s;
}

/* --- contents ----------------------------------------------------------------------------- */

/* Option 55: what every device uses, then what this kind of device uses as well. */
static size_t wanted_options(const struct dhcp4_client_if *ci, uint8_t out[static 16])
{
	static const uint8_t always[] = { OPT4_MASK,  OPT4_ROUTER, OPT4_DNS, OPT4_DOMAIN,
					  OPT4_LEASE, OPT4_T1,	   OPT4_T2 };
	static const uint8_t host[] = { OPT4_NETBIOS, OPT4_WPAD };
	static const uint8_t boots[] = { OPT4_TFTP_NAME, OPT4_BOOTFILE, OPT4_TFTP_ADDRS };
	enum device_kind kind = ci->client->dev->kind;
	bool is_host = kind == KIND_PC || kind == KIND_SERVER || kind == KIND_LINUX;
	const uint8_t *more = is_host ? host : boots;
	size_t n_more = is_host ? sizeof(host) : sizeof(boots);

	memcpy(out, always, sizeof(always));
	memcpy(out + sizeof(always), more, n_more);
	return sizeof(always) + n_more;
}

static void put_client_id(const struct dhcp4_client_if *ci, struct dhcp4_msg *m)
{
	const struct dhcp4_if_conf *conf = c4_conf(ci);
	const struct mac mac = c4_mac(ci);
	uint8_t id[1 + sizeof(mac.b)] = { 1 };

	memcpy(id + 1, mac.b, sizeof(mac.b));
	if (conf && conf->client_id_len)
		dhcp4_put(m, OPT4_CLIENT_ID, conf->client_id, conf->client_id_len);
	else
		dhcp4_put(m, OPT4_CLIENT_ID, id, sizeof(id));
}

static const char *hostname_of(const struct dhcp4_client_if *ci)
{
	const struct dhcp4_if_conf *conf = c4_conf(ci);

	return conf && conf->hostname[0] ? conf->hostname : ci->client->dev->hostname;
}

static void header(const struct dhcp4_client_if *ci, struct dhcp4_msg *m, enum dhcp4_type type,
		   uint32_t xid, uint16_t secs)
{
	const struct mac mac = c4_mac(ci);

	dhcp4_init(m, DHCP4_BOOTREQUEST, type);
	m->htype = 1;
	m->hlen = sizeof(mac.b);
	m->xid = xid;
	m->secs = secs;
	memcpy(m->chaddr, mac.b, sizeof(mac.b));
}

/* A client that cannot hear unicast before it has an address asks for broadcast replies. */
static void put_broadcast_flag(const struct dhcp4_client_if *ci, struct dhcp4_msg *m, struct fx *fx)
{
	const struct dhcp4_if_conf *conf = c4_conf(ci);

	if (!conf || !conf->broadcast_flag || !addr_is_any(&m->ciaddr))
		return;
	m->flags |= DHCP4_FLAG_BROADCAST;
	decide(fx, "dhcp4.client.unicast-unknown", V_TEXT("if", c4_ifname(ci)));
}

/* Identifier, name, wishes: the same in every message of one exchange. */
static void put_wishes(const struct dhcp4_client_if *ci, struct dhcp4_msg *m, struct fx *fx)
{
	uint8_t codes[16];
	size_t n = wanted_options(ci, codes);

	put_client_id(ci, m);
	dhcp4_put_u16(m, OPT4_MAX_LEN, MAX_LEN);
	if (hostname_of(ci)[0])
		dhcp4_put_text(m, OPT4_HOSTNAME, hostname_of(ci));
	dhcp4_put(m, OPT4_PARAMS, codes, n);
	decide(fx, "dhcp4.client.request-parameters", V_TEXT("if", c4_ifname(ci)),
	       V_BYTES("options", codes, n), V_INT("n", n));
}

/* --- ways out ----------------------------------------------------------------------------- */

static void send_bytes(struct dhcp4_client_if *ci, struct fx_send *s, const struct dhcp4_msg *m,
		       struct fx *fx)
{
	uint8_t bytes[DHCP4_LEN_DEFAULT];
	int len = dhcp4_encode(m, bytes, sizeof(bytes), NULL);

	s->src.port = DHCP4_CLIENT_PORT;
	s->dst.port = DHCP4_SERVER_PORT;
	s->data = bytes;
	s->len = len > 0 ? (size_t)len : 0;
	s->ifid = ci->ifid;
	fx_send(fx, s);
}

/* From our address, or from 0.0.0.0 as a whole frame when there is none yet. */
static void broadcast(struct dhcp4_client_if *ci, const struct dhcp4_msg *m, struct fx *fx)
{
	struct fx_send s = { .sock = c4_sock(ci, ci->raw_open ? SOCK4_RAW : SOCK4_UDP) };

	s.src.addr = addr_is_any(&m->ciaddr) ? addr4(0, 0, 0, 0) : m->ciaddr;
	s.dst.addr = addr4(255, 255, 255, 255);
	if (ci->raw_open) {
		s.dst_mac = mac_broadcast;
		s.has_mac = true;
	}
	send_bytes(ci, &s, m, fx);
}

static void unicast(struct dhcp4_client_if *ci, const struct dhcp4_msg *m,
		    const struct addr *server, struct fx *fx)
{
	struct fx_send s = { .sock = c4_sock(ci, SOCK4_UDP) };

	s.src.addr = m->ciaddr;
	s.dst.addr = *server;
	send_bytes(ci, &s, m, fx);
}

/* --- a message that is sent until it is answered -------------------------------------------- */

static void begin(struct dhcp4_client_if *ci, enum c4_state state, nsec_t now, struct fx *fx)
{
	ci->xid = c4_new_xid(ci->client);
	ci->start_ns = now;
	ci->n_sent = 0;
	c4_move(ci, state, fx);
}

static void next_try(struct dhcp4_client_if *ci, struct dhcp4_msg *m, enum dhcp4_type type,
		     nsec_t now, struct fx *fx)
{
	ci->n_sent++;
	ci->secs = seconds_since(ci->start_ns, now);
	header(ci, m, type, ci->xid, ci->secs);
	put_broadcast_flag(ci, m, fx);
}

static void broadcast_try(struct dhcp4_client_if *ci, const struct dhcp4_msg *m, nsec_t now,
			  struct fx *fx)
{
	broadcast(ci, m, fx);
	c4_set_timer(ci, C4_RETRY, now + c4_retry_delay(ci, ci->n_sent));
}

/* --- DISCOVER ----------------------------------------------------------------------------- */

static void send_discover(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	struct dhcp4_msg m;

	next_try(ci, &m, DHCP4_DISCOVER, now, fx);
	if (addr_is_set(&ci->last_addr)) {
		dhcp4_put_addr(&m, OPT4_REQUESTED, &ci->last_addr);
		decide(fx, "dhcp4.client.discover-last-ip", V_TEXT("if", c4_ifname(ci)),
		       V_ADDR("addr", ci->last_addr));
	}
	put_wishes(ci, &m, fx);
	if (ci->n_sent == 1)
		decide(fx, "dhcp4.client.send-discover", V_TEXT("if", c4_ifname(ci)),
		       V_MAC("mac", c4_mac(ci)), V_XID("xid", ci->xid));
	else if (ci->ll.state == LL_ASSIGNED)
		decide(fx, "dhcp4.client.autoconf-keep-discover", V_TEXT("if", c4_ifname(ci)),
		       V_ADDR("addr", ci->ll.addr), V_INT("n", ci->n_sent));
	else
		decide(fx, "dhcp4.client.retry-schedule", V_TEXT("if", c4_ifname(ci)),
		       V_INT("n", ci->n_sent), V_INT("secs", ci->secs));
	broadcast_try(ci, &m, now, fx);
}

void c4_discover(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	begin(ci, C4_SELECTING, now, fx);
	send_discover(ci, now, fx);
}

static unsigned autoconf_after(const struct dhcp4_client_if *ci)
{
	const struct dhcp4_if_conf *conf = c4_conf(ci);

	if (conf && conf->autoconfig >= 0)
		return (unsigned)conf->autoconfig;
	return BIT(ci->client->dev->kind) & KINDS_HOST ? C4_AUTOCONF_AFTER : 0;
}

void c4_discover_again(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	unsigned after = autoconf_after(ci);

	if (after && ci->n_sent >= after && ci->ll.state == LL_OFF) {
		ll_start(ci, now, fx);
		c4_renew_ended(ci, false, fx);
	}
	send_discover(ci, now, fx);
}

/* --- REQUEST ------------------------------------------------------------------------------ */

/* The REQUEST of REQUESTING and REBOOTING; option 54 tells them apart (RFC 2131 §4.3.2). */
static void build_request(struct dhcp4_client_if *ci, struct dhcp4_msg *m, struct fx *fx)
{
	bool selecting = ci->state == C4_REQUESTING;

	header(ci, m, DHCP4_REQUEST, ci->xid, ci->secs);
	put_broadcast_flag(ci, m, fx);
	dhcp4_put_addr(m, OPT4_REQUESTED, selecting ? &ci->offer.addr : &ci->lease.addr);
	if (selecting)
		dhcp4_put_addr(m, OPT4_SERVER, &ci->offer.server);
	put_wishes(ci, m, fx);
}

void c4_request_offer(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	struct dhcp4_msg m;

	ci->n_sent = 1;
	ci->request_ns = now;
	c4_move(ci, C4_REQUESTING, fx);
	build_request(ci, &m, fx);
	decide(fx, "dhcp4.client.offer-send-request", V_TEXT("if", c4_ifname(ci)),
	       V_ADDR("addr", ci->offer.addr), V_ADDR("server", ci->offer.server));
	broadcast(ci, &m, fx);
	c4_set_timer(ci, C4_RETRY, now + c4_retry_delay(ci, 1));
}

void c4_reboot(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	struct dhcp4_msg m;

	ci->xid = c4_new_xid(ci->client);
	ci->start_ns = ci->request_ns = now;
	ci->secs = 0;
	ci->n_sent = 1;
	c4_move(ci, C4_REBOOTING, fx);
	build_request(ci, &m, fx);
	decide(fx, "dhcp4.client.init-reboot", V_TEXT("if", c4_ifname(ci)),
	       V_ADDR("addr", ci->lease.addr), V_XID("xid", ci->xid));
	broadcast(ci, &m, fx);
	c4_set_timer(ci, C4_RETRY, now + c4_retry_delay(ci, 1));
}

void c4_request_again(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	unsigned tries = ci->state == C4_REQUESTING ? C4_REQUESTING_TRIES : C4_REBOOTING_TRIES;
	struct dhcp4_msg m;

	if (ci->n_sent >= tries) {
		decide(fx, "dhcp4.client.request-timeout", V_TEXT("if", c4_ifname(ci)),
		       V_TEXT("what", "gives up and starts anew"), V_INT("n", ci->n_sent));
		c4_unbind(ci, "no server confirmed it", fx);
		c4_discover(ci, now, fx);
		return;
	}
	ci->n_sent++;
	build_request(ci, &m, fx);
	decide(fx, "dhcp4.client.request-timeout", V_TEXT("if", c4_ifname(ci)),
	       V_TEXT("what", "repeats it"), V_INT("n", ci->n_sent));
	broadcast_try(ci, &m, now, fx);
}

/* The REQUEST of RENEWING and REBINDING: the address goes into ciaddr, options 50 and 54 stay out.
 */
static void build_renewal(struct dhcp4_client_if *ci, struct dhcp4_msg *m, nsec_t now,
			  struct fx *fx)
{
	header(ci, m, DHCP4_REQUEST, ci->xid, seconds_since(ci->start_ns, now));
	m->ciaddr = ci->lease.addr;
	put_wishes(ci, m, fx);
}

/* RFC 2131 §4.4.5: half of the time that is left, 60 s at least. */
static void set_renewal_retry(struct dhcp4_client_if *ci, nsec_t now)
{
	nsec_t end = ci->state == C4_RENEWING ? ci->t2_at : ci->expires_at;
	nsec_t wait = end == NEVER ? C4_RENEW_MIN : (end - now) / 2;

	c4_set_timer(ci, C4_RETRY, now + (wait < C4_RENEW_MIN ? C4_RENEW_MIN : wait));
}

static void begin_renewal(struct dhcp4_client_if *ci, nsec_t now)
{
	ci->xid = c4_new_xid(ci->client);
	ci->start_ns = ci->request_ns = now;
	ci->n_sent = 1;
}

void c4_renew(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	struct dhcp4_msg m;

	begin_renewal(ci, now);
	ci->renew_told = false;
	c4_move(ci, C4_RENEWING, fx);
	build_renewal(ci, &m, now, fx);
	decide(fx, "dhcp4.client.renew-t1", V_TEXT("if", c4_ifname(ci)),
	       V_ADDR("addr", ci->lease.addr), V_ADDR("server", ci->lease.server),
	       ci->expires_at == NEVER ? V_NULL("left") : V_DUR("left", ci->expires_at - now));
	unicast(ci, &m, &ci->lease.server, fx);
	set_renewal_retry(ci, now);
	c4_set_timer(ci, C4_LEASE, ci->t2_at > now ? ci->t2_at : ci->expires_at);
}

static void tell_unanswered(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	if (ci->state != C4_RENEWING || ci->renew_told)
		return;
	ci->renew_told = true;
	decide(fx, "dhcp4.client.renew-unanswered", V_TEXT("if", c4_ifname(ci)),
	       V_ADDR("addr", ci->lease.addr), V_ADDR("server", ci->lease.server),
	       ci->expires_at == NEVER ? V_NULL("left") : V_DUR("left", ci->expires_at - now));
}

void c4_rebind(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	struct dhcp4_msg m;

	tell_unanswered(ci, now, fx);
	begin_renewal(ci, now);
	c4_move(ci, C4_REBINDING, fx);
	build_renewal(ci, &m, now, fx);
	decide(fx, "dhcp4.client.rebind-t2", V_TEXT("if", c4_ifname(ci)),
	       V_ADDR("addr", ci->lease.addr), V_DUR("left", ci->expires_at - now));
	broadcast(ci, &m, fx);
	set_renewal_retry(ci, now);
	c4_set_timer(ci, C4_LEASE, ci->expires_at);
}

void c4_renew_again(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	struct dhcp4_msg m;

	tell_unanswered(ci, now, fx);
	ci->n_sent++;
	build_renewal(ci, &m, now, fx);
	decide(fx, "dhcp4.client.renew-retransmit", V_TEXT("if", c4_ifname(ci)),
	       V_ADDR("addr", ci->lease.addr), V_INT("n", ci->n_sent),
	       V_TEXT("how",
		      ci->state == C4_RENEWING ? "to the leasing server" : "to all servers"));
	if (ci->state == C4_RENEWING)
		unicast(ci, &m, &ci->lease.server, fx);
	else
		broadcast(ci, &m, fx);
	set_renewal_retry(ci, now);
}

/* --- DECLINE, RELEASE, INFORM ---------------------------------------------------------------- */

void c4_decline(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	struct dhcp4_msg m;

	header(ci, &m, DHCP4_DECLINE, c4_new_xid(ci->client), 0);
	dhcp4_put_addr(&m, OPT4_REQUESTED, &ci->offer.addr);
	dhcp4_put_addr(&m, OPT4_SERVER, &ci->offer.server);
	put_client_id(ci, &m);
	broadcast(ci, &m, fx);
	c4_restart(ci, C4_DECLINE_WAIT, now, fx);
}

/* To the server's next hop by its MAC address where that is known: the address is about to go, so
 * the kernel could not wait for an ARP reply any more. */
void c4_send_release(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	struct fx_send s = { .sock = c4_sock(ci, SOCK4_UDP) };
	struct dhcp4_msg m;

	(void)now;
	header(ci, &m, DHCP4_RELEASE, c4_new_xid(ci->client), 0);
	m.ciaddr = ci->lease.addr;
	dhcp4_put_addr(&m, OPT4_SERVER, &ci->lease.server);
	put_client_id(ci, &m);
	s.src.addr = m.ciaddr;
	s.dst.addr = ci->lease.server;
	s.has_mac = ci->has_server_mac;
	s.dst_mac = ci->server_mac;
	send_bytes(ci, &s, &m, fx);
}

void c4_send_inform(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	struct c4_inform *inform = &ci->inform;
	struct dhcp4_msg m;

	inform->n_sent++;
	header(ci, &m, DHCP4_INFORM, inform->xid, seconds_since(inform->start_ns, now));
	m.ciaddr = inform->addr;
	put_wishes(ci, &m, fx);
	decide(fx, "dhcp4.client.inform", V_TEXT("if", c4_ifname(ci)), V_ADDR("addr", inform->addr),
	       V_INT("n", inform->n_sent));
	broadcast(ci, &m, fx);
	c4_set_timer(ci, C4_INFORM, now + c4_retry_delay(ci, inform->n_sent));
}

/* --- BOOTP -------------------------------------------------------------------------------- */

static void send_bootrequest(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	struct dhcp4_msg m;

	next_try(ci, &m, DHCP4_NO_TYPE, now, fx);
	if (ci->n_sent == 1)
		decide(fx, "bootp.client.request", V_TEXT("if", c4_ifname(ci)),
		       V_MAC("mac", c4_mac(ci)), V_XID("xid", ci->xid));
	else
		decide(fx, "bootp.client.retransmit", V_TEXT("if", c4_ifname(ci)),
		       V_INT("n", ci->n_sent), V_INT("secs", ci->secs));
	broadcast_try(ci, &m, now, fx);
}

void c4_bootp(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	begin(ci, C4_BOOTP, now, fx);
	send_bootrequest(ci, now, fx);
}

void c4_bootp_again(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	if (ci->n_sent >= 2)
		c4_renew_ended(ci, false, fx);
	send_bootrequest(ci, now, fx);
}
