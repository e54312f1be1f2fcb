/* 169.254/16 while no server answers (RFC 3927), and what ARP says about our addresses (RFC 5227).
 *
 *   LL_OFF -> LL_PROBING: wait, 3 probes, wait -> LL_ASSIGNED: 2 announcements, then defence
 *
 * A conflict while probing takes the next candidate; DISCOVERs go on all the time, beside this. */
#include "dhcp4/dhcp4_client.h"

#include "base/hash.h"
#include "base/inet.h"

/* RFC 3927 §9 */
#define PROBE_WAIT_MS	    1000
#define PROBE_NUM	    3
#define PROBE_MIN	    (1 * SEC)
#define PROBE_SPREAD_MS	    1000 /* PROBE_MAX - PROBE_MIN */
#define ANNOUNCE_WAIT	    (2 * SEC)
#define ANNOUNCE_NUM	    2
#define ANNOUNCE_INTERVAL   (2 * SEC)
#define MAX_CONFLICTS	    10
#define RATE_LIMIT_INTERVAL (60 * SEC)
#define DEFEND_INTERVAL	    (10 * SEC)

#define LL_NET	0xa9fe0000u
#define LL_PLEN 16

/* --- ARP ---------------------------------------------------------------------------------- */

/* A request for `target`. Without sender it is a probe; with target as sender an announcement. */
void c4_arp_send(struct dhcp4_client_if *ci, const struct addr *sender, const struct addr *target,
		 struct fx *fx)
{
	struct arp arp = { .op = ARP_REQUEST, .sender_mac = c4_mac(ci), .target = *target };
	struct fx_send s = { .sock = c4_sock(ci, SOCK4_ARP), .ifid = ci->ifid, .has_mac = true };
	bool borrowed = !ci->arp_open;
	uint8_t bytes[ARP_LEN];

	arp.sender = sender ? *sender : addr4(0, 0, 0, 0);
	arp_build(&arp, bytes);
	s.dst_mac = mac_broadcast;
	s.data = bytes;
	s.len = sizeof(bytes);
	if (borrowed)
		fx_bind(fx,
			&(struct fx_bind){ .sock = s.sock, .kind = SOCK_ARP, .ifid = ci->ifid });
	fx_send(fx, &s);
	if (borrowed)
		fx_close(fx, s.sock, CLOSE_RESET);
}

/* --- candidates --------------------------------------------------------------------------- */

static nsec_t random_ms(struct rng *rng, uint32_t below)
{
	return (nsec_t)rng_below(rng, below + 1) * MSEC;
}

static void seed(struct dhcp4_client_if *ci)
{
	const struct mac mac = c4_mac(ci);

	if (!ci->ll.seeded)
		rng_seed(&ci->ll.rng, hash_bytes(0, mac.b, sizeof(mac.b)));
	ci->ll.seeded = true;
}

/* The next pseudo-random address; the first and the last 256 are reserved (RFC 3927 §2.1). */
static void choose(struct dhcp4_client_if *ci, struct fx *fx)
{
	uint32_t host;

	for (;;) {
		host = rng_below(&ci->ll.rng, 0x10000);
		if (host >= 0x100 && host < 0xff00)
			break;
		decide(fx, "dhcp4.client.autoconf-range", V_TEXT("if", c4_ifname(ci)),
		       V_ADDR("addr", addr4_from_u32(LL_NET | host)));
	}
	ci->ll.addr = addr4_from_u32(LL_NET | host);
}

static void ll_move(struct dhcp4_client_if *ci, enum ll_state to, struct fx *fx)
{
	ci->ll.state = to;
	c4_update_sockets(ci, fx);
}

static void probe_from(struct dhcp4_client_if *ci, nsec_t at_ns, struct fx *fx)
{
	choose(ci, fx);
	ci->ll.n_probes = 0;
	ll_move(ci, LL_PROBING, fx);
	c4_set_timer(ci, C4_AUTOCONF, at_ns);
}

void ll_start(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	seed(ci);
	ci->ll.n_conflicts = 0;
	ci->ll.defended_ns = -1;
	decide(fx, "dhcp4.client.no-reply-autoconf", V_TEXT("if", c4_ifname(ci)),
	       V_INT("n", ci->n_sent), V_DUR("waited", now - ci->start_ns));
	probe_from(ci, now + random_ms(&ci->client->rng, PROBE_WAIT_MS), fx);
}

static void set_address(struct dhcp4_client_if *ci, bool add, struct fx *fx)
{
	fx_addr(fx, &(struct fx_addr){
			    .add = add, .ifid = ci->ifid, .addr = ci->ll.addr, .plen = LL_PLEN });
}

static void give_up_address(struct dhcp4_client_if *ci, const char *why, struct fx *fx)
{
	if (ci->ll.state != LL_ASSIGNED)
		return;
	set_address(ci, false, fx);
	ci->gone_addr = ci->ll.addr;
	fx_fact_end(fx, &dhcp4_autoconf_fact, c4_ifname(ci), why);
}

void ll_stop(struct dhcp4_client_if *ci, const char *why, struct fx *fx)
{
	if (ci->ll.state == LL_OFF)
		return;
	give_up_address(ci, why, fx);
	c4_clear_timer(ci, C4_AUTOCONF);
	ll_move(ci, LL_OFF, fx);
}

/* --- time --------------------------------------------------------------------------------- */

static void announce(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	c4_arp_send(ci, &ci->ll.addr, &ci->ll.addr, fx);
	if (++ci->ll.n_announced < ANNOUNCE_NUM)
		c4_set_timer(ci, C4_AUTOCONF, now + ANNOUNCE_INTERVAL);
}

static void assign(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	decide(fx, "dhcp4.client.autoconf-assign", V_TEXT("if", c4_ifname(ci)),
	       V_ADDR("addr", ci->ll.addr));
	set_address(ci, true, fx);
	ci->ll.n_announced = 0;
	ll_move(ci, LL_ASSIGNED, fx);
	fact_begin(fx, &dhcp4_autoconf_fact, c4_ifname(ci), V_TEXT("interface", c4_ifname(ci)),
		   V_ADDR("addr", ci->ll.addr));
	announce(ci, now, fx);
}

static void probe(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	ci->ll.n_probes++;
	decide(fx, "dhcp4.client.autoconf-probe", V_TEXT("if", c4_ifname(ci)),
	       V_TEXT("what", "probe"), V_INT("n", ci->ll.n_probes), V_ADDR("addr", ci->ll.addr));
	c4_arp_send(ci, NULL, &ci->ll.addr, fx);
	if (ci->ll.n_probes < PROBE_NUM)
		c4_set_timer(ci, C4_AUTOCONF,
			     now + PROBE_MIN + random_ms(&ci->client->rng, PROBE_SPREAD_MS));
	else
		c4_set_timer(ci, C4_AUTOCONF, now + ANNOUNCE_WAIT);
}

void ll_timer(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	switch (ci->ll.state) {
	case LL_OFF:
		return;
	case LL_PROBING:
		if (ci->ll.n_probes < PROBE_NUM)
			probe(ci, now, fx);
		else
			assign(ci, now, fx);
		return;
	case LL_ASSIGNED:
		decide(fx, "dhcp4.client.autoconf-probe", V_TEXT("if", c4_ifname(ci)),
		       V_TEXT("what", "announcement"), V_INT("n", ci->ll.n_announced + 1),
		       V_ADDR("addr", ci->ll.addr));
		announce(ci, now, fx);
		return;
	}
}

/* --- other hosts' ARP packets ----------------------------------------------------------------- */

/* Does this packet of another host claim the address, or probe for it at the same time as we do? */
static bool claims(const struct arp *a, const struct addr *addr, bool probing)
{
	return addr_equal(&a->sender, addr) ||
	       (probing && a->op == ARP_REQUEST && addr_is_any(&a->sender) &&
		addr_equal(&a->target, addr));
}

static void log_duplicate(const struct dhcp4_client_if *ci, const struct addr *addr,
			  const struct arp *a, struct fx *fx)
{
	char text[ADDR_TEXT_LEN], m[MAC_TEXT_LEN];

	fx_log(fx, SEVERITY_WARNING, "IP", "DUPADDR", "Duplicate address %s on %s, sourced by %s",
	       addr_format(addr, text), c4_ifname(ci), mac_format(&a->sender_mac, m));
}

static void candidate_conflict(struct dhcp4_client_if *ci, const struct arp *a, nsec_t now,
			       struct fx *fx)
{
	nsec_t wait = random_ms(&ci->client->rng, PROBE_WAIT_MS);

	ci->ll.n_conflicts++;
	decide(fx, "dhcp4.client.autoconf-conflict", V_TEXT("if", c4_ifname(ci)),
	       V_ADDR("addr", ci->ll.addr), V_MAC("holder", a->sender_mac),
	       V_INT("n", ci->ll.n_conflicts));
	if (ci->ll.n_conflicts >= MAX_CONFLICTS)
		wait = RATE_LIMIT_INTERVAL;
	probe_from(ci, now + wait, fx);
}

/* Defends once in 10 s; after a second conflict in that time the address is given up. */
static void assigned_conflict(struct dhcp4_client_if *ci, const struct arp *a, nsec_t now,
			      struct fx *fx)
{
	bool again = ci->ll.defended_ns >= 0 && now - ci->ll.defended_ns < DEFEND_INTERVAL;

	decide(fx, "dhcp4.client.autoconf-defend", V_TEXT("if", c4_ifname(ci)),
	       V_ADDR("addr", ci->ll.addr), V_MAC("holder", a->sender_mac),
	       V_TEXT("what", again ? "gives it up" : "defends it by an announcement"));
	log_duplicate(ci, &ci->ll.addr, a, fx);
	if (!again) {
		ci->ll.defended_ns = now;
		c4_arp_send(ci, &ci->ll.addr, &ci->ll.addr, fx);
		return;
	}
	give_up_address(ci, "another host has the address", fx);
	ci->ll.n_conflicts++;
	ci->ll.defended_ns = -1;
	probe_from(ci, now + random_ms(&ci->client->rng, PROBE_WAIT_MS), fx);
}

/* Another host uses the address that a server has just given us. */
static void leased_conflict(struct dhcp4_client_if *ci, const struct arp *a, nsec_t now,
			    struct fx *fx)
{
	decide(fx, "dhcp4.client.ack-conflict-decline", V_TEXT("if", c4_ifname(ci)),
	       V_ADDR("addr", ci->offer.addr), V_MAC("holder", a->sender_mac),
	       V_ADDR("server", ci->offer.server));
	log_duplicate(ci, &ci->offer.addr, a, fx);
	c4_unbind(ci, "another host has the address", fx);
	ci->last_addr = (struct addr){ 0 };
	c4_decline(ci, now, fx);
}

void c4_arp(struct dhcp4_client_if *ci, const struct ev *ev, struct fx *fx)
{
	const struct mac own = c4_mac(ci);
	struct arp a;

	if (arp_parse(ev->dgram.data, ev->dgram.len, &a) < 0 || mac_equal(&a.sender_mac, &own))
		return;
	if (ci->state == C4_CHECKING && claims(&a, &ci->offer.addr, true))
		leased_conflict(ci, &a, ev->now, fx);
	else if (ci->ll.state == LL_PROBING && claims(&a, &ci->ll.addr, true))
		candidate_conflict(ci, &a, ev->now, fx);
	else if (ci->ll.state == LL_ASSIGNED && claims(&a, &ci->ll.addr, false))
		assigned_conflict(ci, &a, ev->now, fx);
}
