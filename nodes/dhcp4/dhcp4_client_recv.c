/* What a client hears: the checks, then one function a message type (RFC 2131 §4.4). */
#include "dhcp4/dhcp4_client.h"

#include <string.h>

#include "dhcp4/dhcp4_option.h"

#define NAK_WAIT (10 * SEC) /* a second NAK in a row: two servers disagree, do not hurry them */

/* --- checks ------------------------------------------------------------------------------- */

static void drop_invalid(const struct dhcp4_client_if *ci, const struct ev *ev, const char *why,
			 struct fx *fx)
{
	decide(fx, "dhcp4.client.drop-invalid", V_TEXT("if", c4_ifname(ci)), V_TEXT("why", why),
	       V_ADDR("src", ev->dgram.src.addr), V_INT("len", ev->dgram.len));
}

/* What makes a decodable message no reply of DHCP, or NULL. */
static const char *not_a_reply(const struct dhcp4_client_if *ci, const struct dhcp4_msg *m)
{
	if (m->op != DHCP4_BOOTREPLY)
		return "op is not 2 (reply)";
	if (m->htype != 1 || m->hlen != 6)
		return "not for an Ethernet address (htype, hlen)";
	if (ci->mode == DHCP4_IF_BOOTP)
		return NULL;
	if (!m->cookie)
		return "no magic cookie";
	return m->type == DHCP4_NO_TYPE ? "option 53 (message type) is missing" : NULL;
}

/* Frames of a raw socket may be for anybody. */
static bool frame_is_ours(const struct dhcp4_client_if *ci, const struct ev *ev)
{
	const struct mac own = c4_mac(ci);

	if (ev->dgram.sock % SOCKS4_PER_IF != SOCK4_RAW)
		return true;
	return mac_equal(&ev->dgram.dst_mac, &own) || mac_is_broadcast(&ev->dgram.dst_mac);
}

static bool chaddr_is_ours(const struct dhcp4_client_if *ci, const struct dhcp4_msg *m)
{
	const struct mac own = c4_mac(ci), client = dhcp4_mac(m);

	return mac_equal(&own, &client);
}

/* RFC 6842 §3: a reply that names another identifier is somebody else's. */
static bool client_id_is_ours(const struct dhcp4_client_if *ci, const struct dhcp4_msg *m)
{
	const struct dhcp4_opt *o = dhcp4_get(m, OPT4_CLIENT_ID);
	const struct dhcp4_if_conf *conf = c4_conf(ci);
	const struct mac mac = c4_mac(ci);

	if (!o)
		return true;
	if (conf && conf->client_id_len)
		return o->len == conf->client_id_len &&
		       memcmp(o->data, conf->client_id, o->len) == 0;
	return o->len == 7 && o->data[0] == 1 && memcmp(o->data + 1, mac.b, sizeof(mac.b)) == 0;
}

static bool xid_is_ours(const struct dhcp4_client_if *ci, const struct dhcp4_msg *m)
{
	return (ci->xid && m->xid == ci->xid) || (ci->inform.active && m->xid == ci->inform.xid);
}

/* True when the message is for this client; otherwise the drop is decided. */
static bool accepted(struct dhcp4_client_if *ci, const struct ev *ev, const struct dhcp4_msg *m,
		     struct fx *fx)
{
	const struct dhcp4_opt *id = dhcp4_get(m, OPT4_CLIENT_ID);

	if (!frame_is_ours(ci, ev) || !chaddr_is_ours(ci, m)) {
		decide(fx, "dhcp4.client.drop-bad-mac", V_TEXT("if", c4_ifname(ci)),
		       V_MAC("chaddr", dhcp4_mac(m)), V_MAC("dst", ev->dgram.dst_mac),
		       V_MAC("own", c4_mac(ci)));
		return false;
	}
	if (!client_id_is_ours(ci, m)) {
		decide(fx, "dhcp4.client.drop-client-id-mismatch", V_TEXT("if", c4_ifname(ci)),
		       V_BYTES("client_id", id->data, id->len));
		return false;
	}
	if (!xid_is_ours(ci, m)) {
		decide(fx, "dhcp4.client.drop-xid-mismatch", V_TEXT("if", c4_ifname(ci)),
		       V_XID("xid", m->xid), V_XID("own", ci->xid));
		return false;
	}
	return true;
}

static bool usable(const struct addr *a)
{
	return !addr_is_any(a) && a->b[0] != 127 && !addr_is_multicast(a) && a->b[0] < 240;
}

/* True when yiaddr can be given to an interface; otherwise the drop is decided. */
static bool address_usable(struct dhcp4_client_if *ci, const struct dhcp4_msg *m, struct fx *fx)
{
	if (usable(&m->yiaddr))
		return true;
	decide(fx, "dhcp4.client.drop-unusable-address", V_TEXT("if", c4_ifname(ci)),
	       V_ADDR("addr", m->yiaddr));
	return false;
}

static struct val server_of(const struct dhcp4_msg *m)
{
	struct addr a;

	return dhcp4_get_addr(m, OPT4_SERVER, &a) ? V_ADDR("server", a) : V_NULL("server");
}

/* --- OFFER -------------------------------------------------------------------------------- */

static void on_offer(struct dhcp4_client_if *ci, const struct dhcp4_msg *m, nsec_t now,
		     struct fx *fx)
{
	const char *defaults;

	if (ci->state != C4_SELECTING) {
		decide(fx, "dhcp4.client.drop-late-offer", V_TEXT("if", c4_ifname(ci)),
		       V_ADDR("addr", m->yiaddr), server_of(m),
		       V_TEXT("state", c4_state_name(ci->state)));
		return;
	}
	if (!dhcp4_get(m, OPT4_SERVER)) {
		decide(fx, "dhcp4.client.drop-offer-no-server-id", V_TEXT("if", c4_ifname(ci)),
		       V_ADDR("addr", m->yiaddr));
		return;
	}
	if (!address_usable(ci, m, fx))
		return;
	c4_params_read(m, &ci->offer, &defaults);
	decide(fx, "dhcp4.client.select-one", V_TEXT("if", c4_ifname(ci)),
	       V_ADDR("addr", ci->offer.addr), V_ADDR("server", ci->offer.server));
	c4_request_offer(ci, now, fx);
}

/* --- ACK ---------------------------------------------------------------------------------- */

static void on_inform_ack(struct dhcp4_client_if *ci, const struct dhcp4_msg *m, struct fx *fx)
{
	struct c4_params p;
	const char *defaults;
	char dns[128];

	c4_params_read(m, &p, &defaults);
	decide(fx, "dhcp4.client.inform-ack", V_TEXT("if", c4_ifname(ci)),
	       V_ADDR("server", p.server),
	       V_TEXT("dns", p.n_dns ? c4_addrs_text(p.dns, p.n_dns, dns, sizeof(dns)) : "none"),
	       V_TEXT("domain", p.domain), V_TEXT("wpad", p.wpad));
	if (!ci->leased)
		c4_set_resolver(ci, &p, fx);
	c4_inform_ended(ci, &p, fx);
}

/* The number of ARP probes before an acknowledged address is used. */
static unsigned arp_probes(const struct dhcp4_client_if *ci)
{
	const struct dhcp4_if_conf *conf = c4_conf(ci);

	return conf && conf->arp_probes >= 0 ? (unsigned)conf->arp_probes : 1;
}

static void keep_server_mac(struct dhcp4_client_if *ci, const struct ev *ev)
{
	if (ev->dgram.sock % SOCKS4_PER_IF != SOCK4_RAW)
		return;
	ci->server_mac = ev->dgram.src_mac;
	ci->has_server_mac = true;
}

static void on_ack(struct dhcp4_client_if *ci, const struct ev *ev, const struct dhcp4_msg *m,
		   struct fx *fx)
{
	bool first = ci->state == C4_REQUESTING || ci->state == C4_REBOOTING;
	const char *defaults;

	if (ci->inform.active && m->xid == ci->inform.xid) {
		on_inform_ack(ci, m, fx);
		return;
	}
	if (!first && ci->state != C4_RENEWING && ci->state != C4_REBINDING) {
		decide(fx, "dhcp4.client.drop-unexpected-ack", V_TEXT("if", c4_ifname(ci)),
		       V_ADDR("addr", m->yiaddr), V_TEXT("state", c4_state_name(ci->state)));
		return;
	}
	if (!address_usable(ci, m, fx))
		return;
	c4_params_read(m, &ci->offer, &defaults);
	if (!dhcp4_get(m, OPT4_SERVER))
		ci->offer.server = ev->dgram.src.addr;
	if (defaults)
		decide(fx, "dhcp4.client.ack-defaults", V_TEXT("if", c4_ifname(ci)),
		       V_TEXT("missing", defaults), V_INT("plen", ci->offer.plen),
		       ci->offer.lease_ns == NEVER ? V_TEXT("lease", "for ever")
						   : V_DUR("lease", ci->offer.lease_ns));
	keep_server_mac(ci, ev);
	if (first && arp_probes(ci) > 0)
		c4_check(ci, ev->now, fx);
	else
		c4_take(ci, ev->now, fx);
}

void c4_check(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	if (ci->state != C4_CHECKING) {
		ci->n_arp = 0;
		c4_move(ci, C4_CHECKING, fx);
	}
	if (ci->n_arp >= arp_probes(ci)) {
		c4_take(ci, now, fx);
		return;
	}
	ci->n_arp++;
	decide(fx, "dhcp4.client.ack-probe", V_TEXT("if", c4_ifname(ci)),
	       V_ADDR("addr", ci->offer.addr), V_INT("n", ci->n_arp), V_INT("of", arp_probes(ci)));
	c4_arp_send(ci, NULL, &ci->offer.addr, fx);
	c4_set_timer(ci, C4_RETRY, now + C4_PROBE_WAIT);
}

/* --- NAK ---------------------------------------------------------------------------------- */

static void on_nak(struct dhcp4_client_if *ci, const struct dhcp4_msg *m, nsec_t now, struct fx *fx)
{
	bool expected = ci->state == C4_REQUESTING || ci->state == C4_REBOOTING ||
			ci->state == C4_RENEWING || ci->state == C4_REBINDING;
	char text[128];

	dhcp4_get_text(m, OPT4_MESSAGE, text, sizeof(text));
	if (!expected) {
		decide(fx, "dhcp4.client.drop-unexpected-nak", V_TEXT("if", c4_ifname(ci)),
		       server_of(m), V_TEXT("state", c4_state_name(ci->state)));
		return;
	}
	decide(fx, "dhcp4.client.nak-restart", V_TEXT("if", c4_ifname(ci)), server_of(m),
	       V_ADDR("addr", ci->state == C4_REQUESTING ? ci->offer.addr : ci->lease.addr),
	       V_TEXT("message", text));
	c4_unbind(ci, "refused by the server (NAK)", fx);
	ci->last_addr = (struct addr){ 0 };
	ci->n_naks++;
	c4_restart(ci, ci->n_naks > 1 ? NAK_WAIT : 0, now, fx);
}

/* --- BOOTREPLY ---------------------------------------------------------------------------- */

static void on_bootreply(struct dhcp4_client_if *ci, const struct ev *ev, const struct dhcp4_msg *m,
			 struct fx *fx)
{
	struct c4_params p;
	const char *defaults;

	if (!frame_is_ours(ci, ev) || !chaddr_is_ours(ci, m) || m->xid != ci->xid ||
	    ci->state != C4_BOOTP) {
		decide(fx, "bootp.client.drop-mismatch", V_TEXT("if", c4_ifname(ci)),
		       V_XID("xid", m->xid), V_MAC("chaddr", dhcp4_mac(m)),
		       V_TEXT("state", c4_state_name(ci->state)));
		return;
	}
	if (!address_usable(ci, m, fx))
		return;
	c4_params_read(m, &p, &defaults);
	/* Even a DHCP server's reply is a lease without end to a BOOTP client (RFC 1534 §3). */
	p.lease_ns = p.t1_ns = p.t2_ns = NEVER;
	if (addr_is_any(&p.server))
		p.server = ev->dgram.src.addr;
	c4_take_bootp(ci, &p, ev->now, fx);
}

/* --- the door ----------------------------------------------------------------------------- */

static void dispatch(struct dhcp4_client_if *ci, const struct ev *ev, const struct dhcp4_msg *m,
		     struct fx *fx)
{
	const char *name = dhcp4_type_name(m->type);

	decide(fx, "dhcp4.client.dispatch-type", V_TEXT("if", c4_ifname(ci)),
	       V_TEXT("type", name ? name : "unknown"), V_INT("number", m->type),
	       V_XID("xid", m->xid));
	switch (m->type) {
	case DHCP4_OFFER:
		on_offer(ci, m, ev->now, fx);
		return;
	case DHCP4_ACK:
		on_ack(ci, ev, m, fx);
		return;
	case DHCP4_NAK:
		on_nak(ci, m, ev->now, fx);
		return;
	case DHCP4_NO_TYPE:
	case DHCP4_DISCOVER:
	case DHCP4_REQUEST:
	case DHCP4_DECLINE:
	case DHCP4_RELEASE:
	case DHCP4_INFORM:
		break;
	}
	decide(fx, "dhcp4.client.drop-other-type", V_TEXT("if", c4_ifname(ci)),
	       V_INT("type", m->type));
}

void c4_received(struct dhcp4_client_if *ci, const struct ev *ev, struct fx *fx)
{
	struct dhcp4_msg m;
	const char *why = NULL;

	if (dhcp4_decode(ev->dgram.data, ev->dgram.len, &m, &why) == 0)
		why = not_a_reply(ci, &m);
	if (why)
		drop_invalid(ci, ev, why, fx);
	else if (ci->mode == DHCP4_IF_BOOTP && !(ci->inform.active && m.xid == ci->inform.xid))
		on_bootreply(ci, ev, &m, fx);
	else if (accepted(ci, ev, &m, fx))
		dispatch(ci, ev, &m, fx);
}
