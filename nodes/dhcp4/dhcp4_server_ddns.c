/* DNS updates for leases (RFC 2136): `update dns` in a pool that has a domain and a DNS server.
 *
 * The name is the client's (option 12, or client-name) within the pool's domain. A new lease
 * replaces the name's addresses, an ended one takes its own address away. An update is repeated
 * until the server answers, three times at most. */
#include "dhcp4/dhcp4_server.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/sbuf.h"
#include "dns/dns_wire.h"

#define TRIES	       3
#define TRY_INTERVAL   (3 * SEC)
#define UPDATE_TTL_MAX 3600 /* seconds */

/* --- names -------------------------------------------------------------------------------- */

/* The first label of a host name, if it is one (letters, digits, hyphens). */
static bool take_label(const char *hostname, char *out, size_t size)
{
	size_t n = strcspn(hostname, ".");

	if (n == 0 || n > 63 || n >= size)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)hostname[i]) && hostname[i] != '-')
			return false;
	return str_copy_n(out, size, hostname, n);
}

static bool take_option_text(const struct dhcp4_pool_opt *o, char *out, size_t size)
{
	return o && str_copy_n(out, size, (const char *)o->data, o->len);
}

static const struct dhcp4_pool_opt *option_of(const struct dhcp4_server *s,
					      const struct dhcp4_pool *pool, uint8_t code)
{
	const struct dhcp4_pool_opt *o = dhcp4_pool_opt(&pool->conf, code);
	const struct dhcp4_pool *around;

	if (o || !pool->manual)
		return o;
	around = dhcp4_pool_for(&s->leases, addr4_u32(&pool->conf.host));
	return around ? dhcp4_pool_opt(&around->conf, code) : NULL;
}

/* What to tell whom; false when the pool or the client does not say enough. */
static bool fill(const struct dhcp4_server *s, const struct dhcp4_lease *x, struct dhcp4_ddns *d)
{
	const char *host = x->pool->conf.client_name[0] ? x->pool->conf.client_name : x->hostname;
	const struct dhcp4_pool_opt *dns = option_of(s, x->pool, OPT4_DNS);
	char label[64];
	int n;

	if (!take_label(host, label, sizeof(label)) || !dns ||
	    !take_option_text(option_of(s, x->pool, OPT4_DOMAIN), d->zone, sizeof(d->zone)))
		return false;
	n = snprintf(d->name, sizeof(d->name), "%s.%s", label, d->zone);
	d->server = addr4(dns->data[0], dns->data[1], dns->data[2], dns->data[3]);
	d->addr = addr4_from_u32(x->addr);
	return n > 0 && (size_t)n < sizeof(d->name);
}

/* --- messages ----------------------------------------------------------------------------- */

/* Octets, or 0 when a name is none. Class ANY takes the whole set of addresses away, class NONE
 * this one (RFC 2136 §2.5.2, §2.5.4). */
static size_t build(const struct dhcp4_ddns *d, uint8_t *buf, size_t size)
{
	struct dns_name zone, name;
	struct dns_out o;
	const char *why;

	if (dns_name_parse(d->zone, &zone, &why) < 0 || dns_name_parse(d->name, &name, &why) < 0)
		return 0;
	dns_out_begin(&o, buf, size, size, false);
	o.id = d->id;
	o.flags = DNS_UPDATE << 11;
	dns_out_question(&o, &zone, DNS_SOA, DNS_CLASS_IN);
	if (d->add) {
		dns_out_rr(&o, DNS_AUTHORITY, &name, DNS_A, DNS_CLASS_ANY, 0, d->addr.b, 0);
		dns_out_rr(&o, DNS_AUTHORITY, &name, DNS_A, DNS_CLASS_IN, d->ttl, d->addr.b, 4);
	} else {
		dns_out_rr(&o, DNS_AUTHORITY, &name, DNS_A, DNS_CLASS_NONE, 0, d->addr.b, 4);
	}
	return dns_out_end(&o);
}

static void set_deadline(struct dhcp4_server *s)
{
	s->ddns_at = NEVER;
	for (unsigned i = 0; i < DHCP4_DDNS_MAX; i++)
		if (s->ddns[i].used && s->ddns[i].next_ns < s->ddns_at)
			s->ddns_at = s->ddns[i].next_ns;
}

static void send_update(struct dhcp4_server *s, struct dhcp4_ddns *d, nsec_t now, struct fx *fx)
{
	struct fx_send send = { .sock = SOCK4_DDNS };
	uint8_t bytes[DNS_UDP_MAX];

	send.len = build(d, bytes, sizeof(bytes));
	if (send.len == 0) {
		d->used = false;
		return;
	}
	if (!s->ddns_bound) {
		s->ddns_bound = true;
		fx_bind(fx, &(struct fx_bind){ .sock = SOCK4_DDNS,
					       .kind = SOCK_UDP,
					       .local = { .addr = addr4(0, 0, 0, 0) } });
	}
	send.data = bytes;
	send.dst = (struct ep){ .addr = d->server, .port = DNS_PORT };
	d->n_sent++;
	d->next_ns = now + TRY_INTERVAL;
	decide(fx, "dhcp4.server.dns-update", V_TEXT("name", d->name), V_ADDR("addr", d->addr),
	       V_TEXT("what", d->add ? "gets" : "loses"), V_ADDR("server", d->server),
	       V_INT("n", d->n_sent));
	fx_send(fx, &send);
}

static struct dhcp4_ddns *free_slot(struct dhcp4_server *s)
{
	for (unsigned i = 0; i < DHCP4_DDNS_MAX; i++)
		if (!s->ddns[i].used)
			return &s->ddns[i];
	return NULL;
}

/* A newer update of the same name replaces one that is still under way. */
static struct dhcp4_ddns *slot_for(struct dhcp4_server *s, const char *name)
{
	for (unsigned i = 0; i < DHCP4_DDNS_MAX; i++)
		if (s->ddns[i].used && strcmp(s->ddns[i].name, name) == 0)
			return &s->ddns[i];
	return free_slot(s);
}

static uint32_t ttl_of(const struct dhcp4_lease *x, nsec_t now)
{
	nsec_t left = x->expires_ns == NEVER ? NEVER : (x->expires_ns - now) / SEC;

	return left < UPDATE_TTL_MAX ? (uint32_t)(left > 0 ? left : 0) : UPDATE_TTL_MAX;
}

void dhcp4_server_ddns(struct dhcp4_server *s, const struct dhcp4_lease *x, bool add, nsec_t now,
		       struct fx *fx)
{
	struct dhcp4_ddns d = { .used = true, .add = add }, *slot;

	if (!x->pool || !x->pool->conf.update_dns || !fill(s, x, &d))
		return;
	slot = slot_for(s, d.name);
	if (!slot) {
		decide(fx, "dhcp4.server.dns-update-busy", V_TEXT("name", d.name),
		       V_INT("limit", DHCP4_DDNS_MAX));
		return;
	}
	d.id = (uint16_t)rng_u32(&s->rng);
	d.ttl = ttl_of(x, now);
	*slot = d;
	send_update(s, slot, now, fx);
	set_deadline(s);
}

static void finish(struct dhcp4_server *s, struct dhcp4_ddns *d, const char *how, struct fx *fx)
{
	decide(fx, "dhcp4.server.dns-update-result", V_TEXT("name", d->name),
	       V_ADDR("addr", d->addr), V_ADDR("server", d->server), V_TEXT("result", how));
	d->used = false;
	for (unsigned i = 0; i < DHCP4_DDNS_MAX; i++)
		if (s->ddns[i].used)
			return;
	fx_close(fx, SOCK4_DDNS, CLOSE_RESET);
	s->ddns_bound = false;
}

void dhcp4_server_ddns_timer(struct dhcp4_server *s, nsec_t now, struct fx *fx)
{
	for (unsigned i = 0; i < DHCP4_DDNS_MAX; i++) {
		struct dhcp4_ddns *d = &s->ddns[i];

		if (!d->used || d->next_ns > now)
			continue;
		if (d->n_sent < TRIES)
			send_update(s, d, now, fx);
		else
			finish(s, d, "no answer", fx);
	}
	set_deadline(s);
}

void dhcp4_server_ddns_answer(struct dhcp4_server *s, const struct ev *ev, struct fx *fx)
{
	struct dns_msg m;
	char text[12];

	if (dns_msg_header(ev->dgram.data, ev->dgram.len, &m) < 0 || !(m.flags & DNS_QR) ||
	    dns_opcode(m.flags) != DNS_UPDATE)
		return;
	for (unsigned i = 0; i < DHCP4_DDNS_MAX; i++) {
		struct dhcp4_ddns *d = &s->ddns[i];

		if (d->used && d->id == m.id && addr_equal(&d->server, &ev->dgram.src.addr)) {
			finish(s, d, dns_rcode_text(dns_rcode(m.flags), text), fx);
			break;
		}
	}
	set_deadline(s);
}
