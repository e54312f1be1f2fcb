#include "dhcp4/dhcp4_relay.h"

#include <string.h>

#include "dhcp4/dhcp4_wire.h"

#define RELAYED_MAX 1472 /* octets: what an Ethernet frame holds after IP and UDP */

/* Sub-options of option 82 (RFC 3046 §3). */
enum { CIRCUIT_ID = 1, REMOTE_ID = 2 };

bool dhcp4_relay_configured(const struct dhcp4_conf *conf)
{
	for (unsigned i = 0; i < conf->n_ifs; i++)
		if (conf->ifs[i].n_helpers)
			return true;
	return false;
}

static bool is_broadcast(const struct dhcp4_relay *r)
{
	if (addr4_is_limited_broadcast(&r->dst))
		return true;
	for (unsigned i = 0; i < r->in->n_addrs; i++) {
		const struct iface_addr *a = &r->in->addrs[i];
		struct addr b = addr4_broadcast(&a->addr, a->plen);

		if (a->addr.family == 4 && addr_equal(&b, &r->dst))
			return true;
	}
	return false;
}

bool dhcp4_relay_takes(const struct dhcp4_relay *r)
{
	const struct dhcp4_if_conf *c = r->in ? dhcp4_if_conf(r->conf, r->in->id) : NULL;

	if (!c || c->n_helpers == 0)
		return false;
	if (addr_is_any(&r->m->giaddr))
		return is_broadcast(r);
	return !device_has_addr(r->dev, &r->m->giaddr);
}

/* --- requests ----------------------------------------------------------------------------- */

/* Writes the two sub-options that tell where the client is: interface and relay. Octets written. */
static size_t write_info(const struct iface *in, uint8_t out[static 64])
{
	size_t name_len = strlen(in->name), n = 0;

	out[n++] = CIRCUIT_ID;
	out[n++] = (uint8_t)name_len;
	memcpy(out + n, in->name, name_len);
	n += name_len;
	out[n++] = REMOTE_ID;
	out[n++] = sizeof(in->mac.b);
	memcpy(out + n, in->mac.b, sizeof(in->mac.b));
	return n + sizeof(in->mac.b);
}

/* Applies `ip dhcp relay information ...`. New length, or 0: the policy drops the request. A
 * message that has no room for the option goes on without it (RFC 3046 §2.1). */
static size_t put_info(const struct dhcp4_relay *r, uint8_t *data, size_t len, size_t size,
		       struct fx *fx)
{
	bool has = dhcp4_get(r->m, OPT4_RELAY_INFO) != NULL;
	uint8_t info[64];
	int added;

	if (!r->conf->relay_info || !r->m->cookie ||
	    (has && r->conf->relay_policy == DHCP4_INFO_KEEP))
		return len;
	if (has && r->conf->relay_policy == DHCP4_INFO_DROP)
		return 0;
	if (has)
		len = dhcp4_raw_remove_option(data, len, OPT4_RELAY_INFO);
	added = dhcp4_raw_add_option(data, len, size, OPT4_RELAY_INFO, info,
				     write_info(r->in, info));
	if (added < 0)
		return len;
	decide(fx, "dhcp4.relay.info-option", V_TEXT("what", "adds"), V_TEXT("if", r->in->name),
	       V_MAC("client", dhcp4_mac(r->m)));
	return (size_t)added;
}

static void send_to_helpers(const struct dhcp4_relay *r, const struct addr *src,
			    const uint8_t *data, size_t len, struct fx *fx)
{
	const struct dhcp4_if_conf *c = dhcp4_if_conf(r->conf, r->in->id);
	struct fx_send s = { .sock = r->sock, .data = data, .len = len };

	s.src = (struct ep){ .addr = *src, .port = DHCP4_SERVER_PORT };
	for (unsigned i = 0; i < c->n_helpers; i++) {
		const struct iface *out = device_iface_for(r->dev, &c->helpers[i]);
		struct iface_addr a = out ? iface_addr4(out) : (struct iface_addr){ 0 };
		struct addr b = addr4_broadcast(&a.addr, a.plen);

		s.dst = (struct ep){ .addr = c->helpers[i], .port = DHCP4_SERVER_PORT };
		/* A helper may be the broadcast address of a network with several servers. */
		s.ifid = out && addr_equal(&b, &c->helpers[i]) ? out->id : 0;
		fx_send(fx, &s);
	}
}

/* The reason to drop the request, taken as a decision; false when there is none. */
static bool dropped(const struct dhcp4_relay *r, const struct addr *own, struct fx *fx)
{
	const struct dhcp4_msg *m = r->m;

	if (m->hops > r->conf->relay_hops) {
		decide(fx, "dhcp4.relay.drop-hops", V_MAC("client", dhcp4_mac(m)),
		       V_INT("hops", m->hops), V_INT("limit", r->conf->relay_hops));
		return true;
	}
	if (addr_is_any(&m->giaddr) && dhcp4_get(m, OPT4_RELAY_INFO) && !r->conf->relay_trust) {
		decide(fx, "dhcp4.relay.drop-untrusted-info", V_MAC("client", dhcp4_mac(m)),
		       V_TEXT("if", r->in->name));
		return true;
	}
	if (!addr_is_set(own)) {
		decide(fx, "dhcp4.relay.drop-no-address", V_MAC("client", dhcp4_mac(m)),
		       V_TEXT("if", r->in->name));
		return true;
	}
	return false;
}

void dhcp4_relay_request(const struct dhcp4_relay *r, struct fx *fx)
{
	const struct dhcp4_if_conf *c = dhcp4_if_conf(r->conf, r->in->id);
	const struct addr own = iface_addr4(r->in).addr;
	bool first = addr_is_any(&r->m->giaddr);
	uint8_t hops = (uint8_t)(r->m->hops + 1), data[DHCP4_LEN_MAX];
	size_t size = r->len > RELAYED_MAX ? r->len : RELAYED_MAX, len;

	if (dropped(r, &own, fx))
		return;
	memcpy(data, r->data, r->len);
	len = put_info(r, data, r->len, size, fx);
	if (len == 0) {
		decide(fx, "dhcp4.relay.drop-info-policy", V_MAC("client", dhcp4_mac(r->m)),
		       V_TEXT("if", r->in->name));
		return;
	}
	dhcp4_raw_set_hops(data, hops);
	if (first) {
		dhcp4_raw_set_giaddr(data, &own);
		decide(fx, "dhcp4.relay.forward", V_MAC("client", dhcp4_mac(r->m)),
		       V_TEXT("if", r->in->name), V_ADDR("giaddr", own), V_INT("hops", hops),
		       V_ADDR("helper", c->helpers[0]), V_INT("n_helpers", c->n_helpers));
	} else {
		decide(fx, "dhcp4.relay.keep-giaddr", V_MAC("client", dhcp4_mac(r->m)),
		       V_TEXT("if", r->in->name), V_ADDR("giaddr", r->m->giaddr),
		       V_INT("hops", hops), V_ADDR("helper", c->helpers[0]),
		       V_INT("n_helpers", c->n_helpers));
	}
	send_to_helpers(r, &own, data, len, fx);
}

/* --- replies ------------------------------------------------------------------------------ */

static const struct iface *iface_with(const struct device *dev, const struct addr *a)
{
	for (unsigned i = 0; i < dev->n_ifaces; i++)
		for (unsigned k = 0; k < dev->ifaces[i].n_addrs; k++)
			if (addr_equal(&dev->ifaces[i].addrs[k].addr, a))
				return &dev->ifaces[i];
	return NULL;
}

/* To the client by its hardware address: it may have no IP address yet (RFC 1542 §4.1.2). */
static struct fx_send to_client(const struct dhcp4_relay *r, const struct iface *out)
{
	const struct dhcp4_msg *m = r->m;
	struct fx_send s = { .sock = r->sock, .ifid = out->id };
	const struct addr *client = addr_is_any(&m->yiaddr) ? &m->ciaddr : &m->yiaddr;

	s.src = (struct ep){ .addr = m->giaddr, .port = DHCP4_SERVER_PORT };
	s.dst = (struct ep){ .addr = addr4(255, 255, 255, 255), .port = DHCP4_CLIENT_PORT };
	if (dhcp4_wants_broadcast(m) || addr_is_any(client) || m->hlen != 6)
		return s;
	s.dst.addr = *client;
	s.dst_mac = dhcp4_mac(m);
	s.has_mac = true;
	return s;
}

void dhcp4_relay_reply(const struct dhcp4_relay *r, struct fx *fx)
{
	const struct iface *out = iface_with(r->dev, &r->m->giaddr);
	uint8_t data[DHCP4_LEN_MAX];
	struct fx_send s;

	if (!out) {
		decide(fx, "dhcp4.relay.drop-unknown-giaddr", V_ADDR("giaddr", r->m->giaddr),
		       V_MAC("client", dhcp4_mac(r->m)));
		return;
	}
	memcpy(data, r->data, r->len);
	s = to_client(r, out);
	s.data = data;
	s.len = r->len;
	if (r->conf->relay_info && dhcp4_get(r->m, OPT4_RELAY_INFO)) {
		s.len = dhcp4_raw_remove_option(data, r->len, OPT4_RELAY_INFO);
		decide(fx, "dhcp4.relay.info-option", V_TEXT("what", "removes"),
		       V_TEXT("if", out->name), V_MAC("client", dhcp4_mac(r->m)));
	}
	decide(fx, "dhcp4.relay.to-client", V_MAC("client", dhcp4_mac(r->m)),
	       V_ADDR("addr", r->m->yiaddr), V_TEXT("if", out->name),
	       V_TEXT("how", s.has_mac ? "unicast to its MAC address" : "broadcast"));
	fx_send(fx, &s);
}
