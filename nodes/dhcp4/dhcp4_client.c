#include "dhcp4/dhcp4_client.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define START_DELAY_MIN	      (1 * SEC) /* RFC 2131 §4.4.1 */
#define START_DELAY_SPREAD_MS 9000

/* --- an interface's part ------------------------------------------------------------------ */

const struct iface *c4_iface(const struct dhcp4_client_if *ci)
{
	return device_iface(ci->client->dev, ci->ifid);
}

struct mac c4_mac(const struct dhcp4_client_if *ci)
{
	const struct iface *i = c4_iface(ci);

	return i ? i->mac : (struct mac){ { 0 } };
}

const char *c4_ifname(const struct dhcp4_client_if *ci)
{
	const struct iface *i = c4_iface(ci);

	return i ? i->name : "?";
}

const struct dhcp4_if_conf *c4_conf(const struct dhcp4_client_if *ci)
{
	return dhcp4_if_conf(ci->client->conf, ci->ifid);
}

struct dhcp4_client_if *c4_by_ifid(struct dhcp4_client *c, uint32_t ifid)
{
	for (unsigned i = 0; i < c->n_ifs; i++)
		if (c->ifs[i]->ifid == ifid)
			return c->ifs[i];
	return NULL;
}

struct dhcp4_client_if *c4_get(struct dhcp4_client *c, uint32_t ifid)
{
	struct dhcp4_client_if *ci = c4_by_ifid(c, ifid);

	if (ci)
		return ci;
	ci = calloc(1, sizeof(*ci));
	c->ifs = reallocarray(c->ifs, c->n_ifs + 1, sizeof(struct dhcp4_client_if *));
	if (!ci || !c->ifs)
		abort();
	ci->client = c;
	ci->ifid = ifid;
	ci->slot = c->n_ifs;
	ci->ll.defended_ns = -1;
	ci->t1_at = ci->t2_at = ci->expires_at = NEVER;
	for (unsigned k = 0; k < N_C4_TIMERS; k++)
		ci->timers[k] = (struct c4_timer){ .ci = ci, .kind = k };
	c->ifs[c->n_ifs++] = ci;
	return ci;
}

void c4_set_timer(struct dhcp4_client_if *ci, enum c4_timer_kind kind, nsec_t at_ns)
{
	if (at_ns == NEVER)
		c4_clear_timer(ci, kind);
	else
		timer_set(&ci->client->timers, &ci->timers[kind].timer, at_ns);
}

void c4_clear_timer(struct dhcp4_client_if *ci, enum c4_timer_kind kind)
{
	timer_clear(&ci->client->timers, &ci->timers[kind].timer);
}

/* --- states and sockets ------------------------------------------------------------------- */

static const char *const state_names[N_C4_STATES] = {
	[C4_OFF] = "off",
	[C4_WAITING] = "init",
	[C4_SELECTING] = "selecting",
	[C4_REQUESTING] = "requesting",
	[C4_REBOOTING] = "rebooting",
	[C4_CHECKING] = "checking",
	[C4_BOUND] = "bound",
	[C4_RENEWING] = "renewing",
	[C4_REBINDING] = "rebinding",
	[C4_RELEASED] = "released",
	[C4_BOOTP] = "bootp",
	[C4_BOOTP_BOUND] = "bootp-bound",
};

#define ANY_STOP  (BIT(C4_OFF) | BIT(C4_RELEASED))
#define ANY_START (BIT(C4_WAITING) | BIT(C4_SELECTING) | BIT(C4_REBOOTING) | BIT(C4_BOOTP))

/* RFC 2131 figure 5; OFF, WAITING, CHECKING, RELEASED are the times between its states. */
static const unsigned moves[N_C4_STATES] = {
	[C4_OFF] = ANY_STOP | ANY_START,
	[C4_WAITING] = ANY_STOP | ANY_START,
	[C4_SELECTING] = ANY_STOP | ANY_START | BIT(C4_REQUESTING),
	[C4_REQUESTING] = ANY_STOP | ANY_START | BIT(C4_CHECKING) | BIT(C4_BOUND),
	[C4_REBOOTING] = ANY_STOP | ANY_START | BIT(C4_CHECKING) | BIT(C4_BOUND),
	[C4_CHECKING] = ANY_STOP | ANY_START | BIT(C4_BOUND),
	[C4_BOUND] = ANY_STOP | ANY_START | BIT(C4_RENEWING) | BIT(C4_REBINDING),
	[C4_RENEWING] = ANY_STOP | ANY_START | BIT(C4_BOUND) | BIT(C4_RENEWING) | BIT(C4_REBINDING),
	[C4_REBINDING] = ANY_STOP | ANY_START | BIT(C4_BOUND) | BIT(C4_RENEWING),
	[C4_RELEASED] = ANY_STOP | ANY_START,
	[C4_BOOTP] = ANY_STOP | ANY_START | BIT(C4_BOOTP_BOUND),
	[C4_BOOTP_BOUND] = ANY_STOP | ANY_START,
};

const char *c4_state_name(enum c4_state state)
{
	return state_names[state];
}

bool c4_has_address(const struct dhcp4_client_if *ci)
{
	return ci->state == C4_BOUND || ci->state == C4_RENEWING || ci->state == C4_REBINDING ||
	       ci->state == C4_BOOTP_BOUND;
}

uint32_t c4_sock(const struct dhcp4_client_if *ci, uint32_t which)
{
	return ci->slot * SOCKS4_PER_IF + which;
}

static void keep_socket(struct dhcp4_client_if *ci, bool *open, bool wanted, uint32_t which,
			enum sock_kind kind, struct fx *fx)
{
	struct fx_bind b = { .sock = c4_sock(ci, which), .kind = kind, .ifid = ci->ifid };

	if (*open == wanted)
		return;
	*open = wanted;
	if (!wanted) {
		fx_close(fx, b.sock, CLOSE_RESET);
		return;
	}
	if (kind != SOCK_ARP) {
		b.local = (struct ep){ .addr = addr4(0, 0, 0, 0), .port = DHCP4_CLIENT_PORT };
		b.broadcast = true;
	}
	fx_bind(fx, &b);
}

/* The port is held by one socket at a time: what is closed goes before what is opened. */
void c4_update_sockets(struct dhcp4_client_if *ci, struct fx *fx)
{
	bool raw = ci->state == C4_SELECTING || ci->state == C4_REQUESTING ||
		   ci->state == C4_REBOOTING || ci->state == C4_CHECKING || ci->state == C4_BOOTP;
	bool udp = !raw && (c4_has_address(ci) || ci->inform.active);
	bool arp = ci->state == C4_CHECKING || ci->ll.state != LL_OFF;

	if (!raw)
		keep_socket(ci, &ci->raw_open, false, SOCK4_RAW, SOCK_UDP_RAW, fx);
	keep_socket(ci, &ci->udp_open, udp, SOCK4_UDP, SOCK_UDP, fx);
	if (raw)
		keep_socket(ci, &ci->raw_open, true, SOCK4_RAW, SOCK_UDP_RAW, fx);
	keep_socket(ci, &ci->arp_open, arp, SOCK4_ARP, SOCK_ARP, fx);
}

static struct val address_in_question(const struct dhcp4_client_if *ci)
{
	if (ci->state == C4_REQUESTING || ci->state == C4_CHECKING)
		return V_ADDR("addr", ci->offer.addr);
	return ci->leased ? V_ADDR("addr", ci->lease.addr) : V_NULL("addr");
}

void c4_move(struct dhcp4_client_if *ci, enum c4_state to, struct fx *fx)
{
	enum c4_state from = ci->state;

	assert(moves[from] & BIT(to));
	ci->state = to;
	c4_update_sockets(ci, fx);
	if (to == C4_OFF && from != C4_OFF)
		fx_fact_end(fx, &dhcp4_client_fact, c4_ifname(ci), "off");
	else if (to != C4_OFF)
		fact_begin(fx, &dhcp4_client_fact, c4_ifname(ci),
			   V_TEXT("interface", c4_ifname(ci)), V_TEXT("state", c4_state_name(to)),
			   address_in_question(ci));
}

/* --- starting and stopping ---------------------------------------------------------------- */

void c4_begin(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	c4_clear_timer(ci, C4_RETRY);
	if (ci->mode == DHCP4_IF_BOOTP) {
		c4_unbind(ci, "asked for again", fx);
		c4_bootp(ci, now, fx);
	} else if (ci->leased && ci->expires_at > now) {
		c4_reboot(ci, now, fx);
	} else {
		c4_unbind(ci, "expired while the device or the link was down", fx);
		c4_discover(ci, now, fx);
	}
}

void c4_restart(struct dhcp4_client_if *ci, nsec_t wait_ns, nsec_t now, struct fx *fx)
{
	c4_clear_timer(ci, C4_LEASE);
	if (wait_ns == 0) {
		c4_begin(ci, now, fx);
		return;
	}
	c4_move(ci, C4_WAITING, fx);
	c4_set_timer(ci, C4_RETRY, now + wait_ns);
}

/* With a random wait before the first message where that is configured. */
static void start(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	const struct dhcp4_if_conf *conf = c4_conf(ci);
	nsec_t wait = 0;

	ci->n_naks = 0;
	if (conf && conf->start_delay && !ci->leased)
		wait = START_DELAY_MIN +
		       (nsec_t)rng_below(&ci->client->rng, START_DELAY_SPREAD_MS + 1) * MSEC;
	c4_restart(ci, wait, now, fx);
}

/* Everything on the interface that is ours goes; a lease is kept for later unless it was ended. */
static void stop(struct dhcp4_client_if *ci, struct fx *fx)
{
	ll_stop(ci, "the client stopped", fx);
	c4_unconfigure(ci, fx);
	c4_clear_timer(ci, C4_RETRY);
	c4_clear_timer(ci, C4_LEASE);
	c4_move(ci, C4_OFF, fx);
	c4_renew_ended(ci, false, fx);
}

static bool is_up(const struct dhcp4_client_if *ci)
{
	const struct iface *i = c4_iface(ci);

	return i && i->up;
}

/* The configuration no longer says dhcp or bootp: the lease is given back. */
static void leave(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	if (c4_has_address(ci) && ci->state != C4_BOOTP_BOUND) {
		decide(fx, "dhcp4.client.release", V_TEXT("if", c4_ifname(ci)),
		       V_ADDR("addr", ci->lease.addr), V_ADDR("server", ci->lease.server),
		       V_TEXT("why", "the interface is configured otherwise"));
		c4_send_release(ci, now, fx);
	}
	c4_unbind(ci, "the interface is configured otherwise", fx);
	stop(ci, fx);
}

/* Brings one interface to what the configuration says. */
static void apply(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	const struct dhcp4_if_conf *conf = c4_conf(ci);
	enum dhcp4_if_mode mode = conf ? conf->mode : DHCP4_IF_OTHER;
	uint32_t line = conf ? conf->mode_line : 0;

	if (mode == ci->mode && (mode == DHCP4_IF_OTHER || line == ci->mode_line))
		return;
	if (ci->mode != DHCP4_IF_OTHER && ci->mode != mode)
		leave(ci, now, fx);
	ci->mode = mode;
	ci->mode_line = line;
	if (mode != DHCP4_IF_OTHER && is_up(ci) &&
	    (ci->state == C4_OFF || ci->state == C4_RELEASED))
		start(ci, now, fx);
}

static void on_conf(struct dhcp4_client *c, nsec_t now, struct fx *fx)
{
	const struct device *dev = c->dev;

	for (unsigned i = 0; i < dev->n_ifaces; i++) {
		const struct dhcp4_if_conf *conf = dhcp4_if_conf(c->conf, dev->ifaces[i].id);

		if (c4_by_ifid(c, dev->ifaces[i].id) || (conf && conf->mode != DHCP4_IF_OTHER))
			apply(c4_get(c, dev->ifaces[i].id), now, fx);
	}
}

/* A restored lease of an interface that is no longer a client's. */
static void end_strays(struct dhcp4_client *c, struct fx *fx)
{
	for (unsigned i = 0; i < c->n_ifs; i++)
		if (c->ifs[i]->mode == DHCP4_IF_OTHER && c->ifs[i]->leased)
			c4_unbind(c->ifs[i], "the interface is configured otherwise", fx);
}

static void on_link(struct dhcp4_client *c, const struct ev *ev, struct fx *fx)
{
	struct dhcp4_client_if *ci = c4_by_ifid(c, ev->link.ifid);

	if (!ci || ci->mode == DHCP4_IF_OTHER)
		return;
	if (ev->link.up && ci->state == C4_OFF) {
		start(ci, ev->now, fx);
	} else if (!ev->link.up && ci->state != C4_OFF) {
		decide(fx, "dhcp4.client.link-down", V_TEXT("if", c4_ifname(ci)),
		       ci->leased ? V_ADDR("addr", ci->lease.addr) : V_TEXT("addr", "no address"));
		stop(ci, fx);
	}
}

/* The lease outlives the device: it is in the durable facts. */
static void on_stop(struct dhcp4_client *c, struct fx *fx)
{
	for (unsigned i = 0; i < c->n_ifs; i++)
		if (c->ifs[i]->leased)
			decide(fx, "dhcp4.client.keep-at-shutdown",
			       V_TEXT("if", c4_ifname(c->ifs[i])),
			       V_ADDR("addr", c->ifs[i]->lease.addr));
}

/* --- time --------------------------------------------------------------------------------- */

static void on_retry(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	switch (ci->state) {
	case C4_WAITING:
		c4_begin(ci, now, fx);
		return;
	case C4_SELECTING:
		c4_discover_again(ci, now, fx);
		return;
	case C4_REQUESTING:
	case C4_REBOOTING:
		c4_request_again(ci, now, fx);
		return;
	case C4_CHECKING:
		c4_check(ci, now, fx);
		return;
	case C4_RENEWING:
	case C4_REBINDING:
		c4_renew_again(ci, now, fx);
		return;
	case C4_BOOTP:
		c4_bootp_again(ci, now, fx);
		return;
	case C4_OFF:
	case C4_BOUND:
	case C4_RELEASED:
	case C4_BOOTP_BOUND:
	case N_C4_STATES:
		return;
	}
}

/* T1, T2 or the end of the lease; a late event may find several of them past. */
static void on_lease_timer(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	if (!c4_has_address(ci))
		return;
	if (now >= ci->expires_at) {
		decide(fx, "dhcp4.client.lease-expired", V_TEXT("if", c4_ifname(ci)),
		       V_ADDR("addr", ci->lease.addr), V_ADDR("server", ci->lease.server));
		c4_unbind(ci, "expired", fx);
		c4_restart(ci, 0, now, fx);
	} else if (now >= ci->t2_at && ci->state != C4_REBINDING) {
		c4_rebind(ci, now, fx);
	} else if (now >= ci->t1_at && ci->state == C4_BOUND) {
		c4_renew(ci, now, fx);
	}
}

static void on_inform_timer(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx)
{
	if (ci->inform.n_sent < C4_INFORM_TRIES)
		c4_send_inform(ci, now, fx);
	else
		c4_inform_ended(ci, NULL, fx);
}

static void on_timer(struct dhcp4_client *c, nsec_t now, struct fx *fx)
{
	struct timer *t;

	while ((t = timers_pop(&c->timers, now))) {
		struct c4_timer *x = timer_owner(t, struct c4_timer, timer);

		switch (x->kind) {
		case C4_RETRY:
			on_retry(x->ci, now, fx);
			break;
		case C4_LEASE:
			on_lease_timer(x->ci, now, fx);
			break;
		case C4_AUTOCONF:
			ll_timer(x->ci, now, fx);
			break;
		case C4_INFORM:
			on_inform_timer(x->ci, now, fx);
			break;
		case C4_COMMAND:
			c4_renew_ended(x->ci, false, fx);
			break;
		case N_C4_TIMERS:
			break;
		}
	}
}

/* --- the machine -------------------------------------------------------------------------- */

static void *create(const struct machine_env *env)
{
	struct dhcp4_client *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	c->dev = env->dev;
	c->conf = env->conf;
	rng_seed(&c->rng, env->seed);
	return c;
}

static void destroy(void *machine)
{
	struct dhcp4_client *c = machine;

	if (!c)
		return;
	timers_done(&c->timers);
	for (unsigned i = 0; i < c->n_ifs; i++)
		free(c->ifs[i]);
	free(c->ifs);
	free(c);
}

static void on_datagram(struct dhcp4_client *c, const struct ev *ev, struct fx *fx)
{
	uint32_t slot = ev->dgram.sock / SOCKS4_PER_IF;

	if (slot >= c->n_ifs)
		return;
	if (ev->dgram.sock % SOCKS4_PER_IF == SOCK4_ARP)
		c4_arp(c->ifs[slot], ev, fx);
	else
		c4_received(c->ifs[slot], ev, fx);
}

/* What the kernel refused, in its own words. Setting what is there, or removing what is not, is no
 * failure: the device may have been restarted, or the link have gone down. */
static void refused(const struct ev *ev, struct fx *fx)
{
	const char *what = ev->done.what == FX_ADDR	  ? "an address"
			   : ev->done.what == FX_ROUTE	  ? "a route"
			   : ev->done.what == FX_RESOLVER ? "a resolver"
			   : ev->done.what == FX_BIND	  ? "a socket"
							  : "a datagram";

	if (ev->done.err == EEXIST || ev->done.err == ESRCH || ev->done.err == EADDRNOTAVAIL)
		return;
	decide(fx, "dhcp4.client.refused-by-kernel", V_TEXT("what", what),
	       V_TEXT("why", ev->done.text), V_INT("errno", ev->done.err));
}

static void event(void *machine, const struct ev *ev, struct fx *fx)
{
	struct dhcp4_client *c = machine;

	switch (ev->kind) {
	case EV_START:
		on_conf(c, ev->now, fx);
		end_strays(c, fx);
		break;
	case EV_CONF:
		on_conf(c, ev->now, fx);
		break;
	case EV_DATAGRAM:
		on_datagram(c, ev, fx);
		break;
	case EV_TIMER:
		on_timer(c, ev->now, fx);
		break;
	case EV_LINK:
		on_link(c, ev, fx);
		break;
	case EV_ANSWER:
		c4_show_answer(c, ev, fx);
		break;
	case EV_DONE:
		refused(ev, fx);
		break;
	case EV_RESTORE:
		c4_restore(c, ev);
		break;
	case EV_LOG:
	case EV_STOP:
		on_stop(c, fx);
		break;
	case EV_OPENED:
	case EV_BYTES:
	case EV_DRAINED:
	case EV_CLOSED:
	case EV_ADDR:
	case EV_INPUT:
	case EV_LINE:
	case EV_ASK:
		break;
	}
}

static nsec_t deadline(const void *machine)
{
	const struct dhcp4_client *c = machine;

	return timers_deadline(&c->timers);
}

static bool asks_first(const void *machine)
{
	const struct dhcp4_client *c = machine;

	for (unsigned i = 0; i < c->conf->n_ifs; i++)
		if (c->conf->ifs[i].mode != DHCP4_IF_OTHER)
			return true;
	return false;
}

const struct machine_class dhcp4_client_class = {
	.name = "dhcp4.client",
	.kinds = KINDS_L3 | BIT(KIND_SWITCH),
	.create = create,
	.destroy = destroy,
	.event = event,
	.deadline = deadline,
	.asks_first = asks_first,
};
