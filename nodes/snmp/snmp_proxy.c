/* The proxy agent (RFC 3584 §4): speaks version 1 with an agent on behalf of managers that speak
 * 2c. A community stands for the agent; requests with it are passed on, and so is what comes back.
 * A trap of that agent goes to this device's hosts as one of version 2. */
#include "snmp/snmp_manager.h"

#include <stdlib.h>
#include <string.h>

#define FORWARDS_MAX 32
#define FORWARD_NS   (5 * SEC) /* for the agent's response */

/* A request on its way to the agent. */
struct snmp_forward {
	struct snmp_forward *next;
	struct timer timer;
	int32_t id; /* ours; the manager's is in its request */
	uint32_t cause, sock;
	struct ep agent, manager, local;
	size_t len;
	uint8_t request[]; /* as the manager sent it */
};

#define AGENT(f)   V_ADDR("agent", (f)->agent.addr)
#define MANAGER(f) V_ADDR("manager", (f)->manager.addr)

const struct snmp_proxy *snmp_find_proxy(const struct snmp_conf *conf, const char *name, size_t len)
{
	for (unsigned i = 0; i < conf->n_proxies; i++)
		if (strlen(conf->proxies[i].community) == len &&
		    memcmp(conf->proxies[i].community, name, len) == 0)
			return &conf->proxies[i];
	return NULL;
}

/* --- to the agent ------------------------------------------------------------------------- */

static struct snmp_forward *forward_new(struct snmp_agent *a, const struct ev *ev)
{
	struct snmp_forward *f = NULL;

	if (a->n_forwards < FORWARDS_MAX)
		f = calloc(1, sizeof(*f) + ev->dgram.len);
	if (!f)
		return NULL;
	f->cause = ev->cause;
	f->sock = ev->dgram.sock;
	f->manager = ev->dgram.src;
	f->local = ev->dgram.dst;
	f->len = ev->dgram.len;
	memcpy(f->request, ev->dgram.data, ev->dgram.len);
	f->next = a->forwards;
	a->forwards = f;
	a->n_forwards++;
	return f;
}

static void forward_free(struct snmp_agent *a, struct snmp_forward *f)
{
	struct snmp_forward **at = &a->forwards;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	a->n_forwards--;
	timer_clear(&a->forward_timers, &f->timer);
	free(f);
}

/* The message with another head and the same bindings; 0 = it does not fit. */
static size_t with_head(struct snmp_out *o, const struct snmp_msg *head)
{
	struct rd binds = head->binds;
	struct snmp_bind b;

	snmp_begin(o, head);
	while (snmp_bind_next(&binds, &b))
		if (!snmp_put_bind(o, &b, SNMP_MESSAGE_MAX))
			return 0;
	return snmp_end(o, SNMP_MESSAGE_MAX);
}

static void send_to(struct fx *fx, uint32_t sock, const struct ep *to, const struct snmp_out *o,
		    size_t len)
{
	fx_send(fx, &(struct fx_send){ .sock = sock, .dst = *to, .data = o->octets, .len = len });
}

/* RFC 3584 §4.4: GetBulk becomes GetNext, with both numbers zero. */
static void say_forward(const struct snmp_forward *f, const struct snmp_msg *m, struct fx *fx)
{
	if (m->pdu == SNMP_GETBULK)
		decide(fx, "snmp.proxy.getbulk-to-getnext", AGENT(f), MANAGER(f),
		       V_INT("n", m->n_binds));
	else
		decide(fx, "snmp.proxy.forward-unchanged", AGENT(f), MANAGER(f),
		       V_TEXT("pdu", snmp_pdu_name(m->pdu)));
}

void snmp_proxy_request(struct snmp_agent *a, const struct ev *ev, const struct snmp_proxy *p,
			const struct snmp_msg *m, struct fx *fx)
{
	struct snmp_forward *f = forward_new(a, ev);
	struct snmp_out *o = malloc(sizeof(*o));
	struct snmp_msg head = *m;
	uint32_t sock;
	size_t len;

	if (!o)
		abort();
	head.version = SNMP_V1;
	head.community = p->remote;
	head.community_len = strlen(p->remote);
	head.id = snmp_next_id(a);
	head.error = head.index = 0;
	if (m->pdu == SNMP_GETBULK)
		head.pdu = SNMP_GETNEXT;
	len = with_head(o, &head);
	if (f && len > 0) {
		f->id = head.id;
		f->agent = (struct ep){ p->agent, SNMP_PORT };
		sock = snmp_trap_sock(a, &p->agent, fx);
		decide(fx, "snmp.proxy.accept", AGENT(f), MANAGER(f),
		       V_TEXT("version", snmp_version_name(m->version)),
		       V_TEXT("pdu", snmp_pdu_name(m->pdu)));
		say_forward(f, m, fx);
		a->counts.n[SNMP_OUT_PKTS]++;
		send_to(fx, sock, &f->agent, o, len);
		timer_set(&a->forward_timers, &f->timer, ev->now + FORWARD_NS);
	} else {
		a->counts.n[SNMP_PROXY_DROPS]++;
		decide(fx, "snmp.proxy.drop-busy", V_ADDR("manager", ev->dgram.src.addr),
		       V_TEXT("why",
			      f ? "it does not fit into a message" : "too many wait already"));
		if (f)
			forward_free(a, f);
	}
	free(o);
}

/* --- and back ----------------------------------------------------------------------------- */

/* tooBig of version 2 has no bindings. */
static void answer(struct snmp_agent *a, struct snmp_forward *f, const struct snmp_msg *r,
		   struct fx *fx)
{
	struct snmp_out *o = malloc(sizeof(*o));
	struct snmp_msg asked, head = *r;
	struct ep src = { { 0 }, 0 };
	const char *why;
	size_t len;

	if (device_has_addr(a->dev, &f->local.addr))
		src = f->local;
	if (!o)
		abort();
	if (snmp_decode_header(f->request, f->len, &asked, &why) == 0 &&
	    snmp_decode_pdu(&asked, &why) == 0) {
		head.version = asked.version;
		head.community = asked.community;
		head.community_len = asked.community_len;
		head.id = asked.id;
		if (r->error == SNMP_TOO_BIG && asked.version != SNMP_V1)
			rd_init(&head.binds, "", 0);
		len = with_head(o, &head);
		decide(fx, "snmp.proxy.response", AGENT(f), MANAGER(f),
		       V_TEXT("error", snmp_error_name(r->error)), V_INT("id", asked.id));
		a->counts.n[SNMP_OUT_PKTS]++;
		if (len > 0)
			fx_send(fx, &(struct fx_send){ .sock = f->sock,
						       .src = src,
						       .dst = f->manager,
						       .data = o->octets,
						       .len = len });
	}
	free(o);
}

bool snmp_proxy_response(struct snmp_agent *a, const struct ev *ev, const struct snmp_msg *r,
			 struct fx *fx)
{
	struct snmp_forward *f = a->forwards;

	while (f && !(f->id == r->id && f->agent.port == ev->dgram.src.port &&
		      addr_equal(&f->agent.addr, &ev->dgram.src.addr)))
		f = f->next;
	if (!f)
		return false;
	answer(a, f, r, fx);
	forward_free(a, f);
	return true;
}

/* No answer of the agent: none to the manager, whose own timer will tell. */
void snmp_proxy_timer(struct snmp_agent *a, nsec_t now, struct fx *fx)
{
	struct timer *t;

	while ((t = timers_pop(&a->forward_timers, now))) {
		struct snmp_forward *f = timer_owner(t, struct snmp_forward, timer);

		fx_because(fx, f->cause);
		a->counts.n[SNMP_PROXY_DROPS]++;
		decide(fx, "snmp.proxy.no-response", AGENT(f), MANAGER(f));
		forward_free(a, f);
	}
}

void snmp_proxy_free(struct snmp_agent *a)
{
	while (a->forwards)
		forward_free(a, a->forwards);
	timers_done(&a->forward_timers);
}

/* --- traps -------------------------------------------------------------------------------- */

static const struct snmp_oid up_time = { 9, { 1, 3, 6, 1, 2, 1, 1, 3, 0 } };
static const struct snmp_oid trap_name = { 11, { 1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0 } };
static const struct snmp_oid trap_address = { 10, { 1, 3, 6, 1, 6, 3, 18, 1, 3, 0 } };
static const struct snmp_oid trap_community = { 10, { 1, 3, 6, 1, 6, 3, 18, 1, 4, 0 } };
static const struct snmp_oid trap_enterprise = { 11, { 1, 3, 6, 1, 6, 3, 1, 1, 4, 3, 0 } };

/* RFC 3584 §3.1: v1's head as bindings, and whom it was of. */
static size_t map_trap(const struct snmp_msg *t, const struct snmp_oid *name,
		       const struct snmp_host *h, int32_t id, struct snmp_out *o)
{
	struct snmp_msg head = { .version = SNMP_V2C,
				 .community = h->community,
				 .community_len = strlen(h->community),
				 .pdu = SNMP_TRAP,
				 .id = id };
	struct snmp_bind b = { .name = up_time,
			       .value = { .type = SNMP_TIMETICKS, .u = t->uptime } };
	struct rd binds = t->binds;
	bool fits;

	snmp_begin(o, &head);
	fits = snmp_put_bind(o, &b, SNMP_MESSAGE_MAX);
	b = (struct snmp_bind){ .name = trap_name, .value = { .type = SNMP_OID, .oid = *name } };
	fits = snmp_put_bind(o, &b, SNMP_MESSAGE_MAX) && fits;
	while (snmp_bind_next(&binds, &b))
		fits = snmp_put_bind(o, &b, SNMP_MESSAGE_MAX) && fits;
	b = (struct snmp_bind){ .name = trap_address,
				.value = { .type = SNMP_IPADDRESS, .data = t->agent.b, .len = 4 } };
	fits = snmp_put_bind(o, &b, SNMP_MESSAGE_MAX) && fits;
	b = (struct snmp_bind){ .name = trap_community,
				.value = { .type = SNMP_STRING,
					   .data = (const uint8_t *)t->community,
					   .len = t->community_len } };
	fits = snmp_put_bind(o, &b, SNMP_MESSAGE_MAX) && fits;
	b = (struct snmp_bind){ .name = trap_enterprise,
				.value = { .type = SNMP_OID, .oid = t->enterprise } };
	fits = snmp_put_bind(o, &b, SNMP_MESSAGE_MAX) && fits;
	return fits ? snmp_end(o, SNMP_MESSAGE_MAX) : 0;
}

static bool is_proxied(const struct snmp_conf *c, const struct addr *agent)
{
	for (unsigned i = 0; i < c->n_proxies; i++)
		if (addr_equal(&c->proxies[i].agent, agent))
			return true;
	return false;
}

bool snmp_proxy_trap(struct snmp_manager *m, const struct ev *ev, const struct snmp_msg *t,
		     const struct snmp_oid *name, struct fx *fx)
{
	struct snmp_out *o;

	if (t->pdu != SNMP_TRAP_V1 || !is_proxied(m->conf, &ev->dgram.src.addr))
		return false;
	o = malloc(sizeof(*o));
	if (!o)
		abort();
	for (unsigned i = 0; i < m->conf->n_hosts; i++) {
		const struct snmp_host *h = &m->conf->hosts[i];
		size_t len = map_trap(t, name, h, (int32_t)m->n_traps + 1, o);

		decide(fx, "snmp.proxy.trap-map", V_ADDR("agent", ev->dgram.src.addr),
		       V_ADDR("host", h->ep.addr),
		       V_TEXT("deed", len ? "sent" : "too long to be sent"));
		if (len > 0)
			send_to(fx, h->ep.addr.family == 6 ? SNMP_SOCK_162_6 : SNMP_SOCK_162,
				&h->ep, o, len);
	}
	free(o);
	return true;
}
