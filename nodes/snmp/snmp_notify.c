/* Traps and informs: what happens on the device, told to hosts (RFC 1157 §4.1.6; RFC 3416 §4.2.6
 * and §4.2.7). An inform is sent again until its host has answered. */
#include "snmp/snmp.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#define INFORMS_MAX  32
#define INFORM_TRIES 4 /* the first and three more */
#define INFORM_NS    (15 * SEC)

const char *const snmp_event_names[SNMP_N_EVENTS] = {
	[SNMP_COLD_START] = "coldStart",
	[SNMP_WARM_START] = "warmStart",
	[SNMP_LINK_DOWN] = "linkDown",
	[SNMP_LINK_UP] = "linkUp",
	[SNMP_AUTH_FAILURE] = "authenticationFailure",
};

struct snmp_inform {
	struct snmp_inform *next;
	struct timer timer;
	enum snmp_event event;
	int32_t id;
	unsigned tries;
	uint32_t cause, sock;
	struct ep host;
	size_t len;
	uint8_t octets[SNMP_MESSAGE_MAX];
};

void snmp_event(struct snmp_agent *a, enum snmp_event event, uint32_t ifid, struct fx *fx)
{
	struct snmp_job *job;

	if (!(a->conf->events & BIT(event)) || a->conf->n_hosts == 0)
		return;
	job = snmp_job_new(a, SNMP_JOB_EVENT);
	if (!job) {
		decide(fx, "snmp.agent.trap-lost", V_TEXT("trap", snmp_event_names[event]),
		       V_INT("max", SNMP_JOBS_MAX));
		return;
	}
	job->event = event;
	job->ifid = ifid;
	snmp_job_start(a, job, fx);
}

/* --- what is in it ------------------------------------------------------------------------ */

static struct snmp_oid oid_of(const uint32_t *ids, unsigned n)
{
	struct snmp_oid oid = { .n = n };

	memcpy(oid.id, ids, n * sizeof(*ids));
	return oid;
}

/* sysUpTime.0 and snmpTrapOID.0, which take the place of v1's head. */
static void put_head_v2(struct snmp_out *o, const struct snmp_job *job, uint64_t uptime)
{
	static const uint32_t up[] = { 1, 3, 6, 1, 2, 1, 1, 3, 0 };
	static const uint32_t trap[] = { 1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0 };
	const uint32_t which[] = { 1, 3, 6, 1, 6, 3, 1, 1, 5, (uint32_t)job->event + 1 };
	struct snmp_bind b = { .name = oid_of(up, ARRAY_SIZE(up)),
			       .value = { .type = SNMP_TIMETICKS, .u = uptime } };

	snmp_put_bind(o, &b, SNMP_MESSAGE_MAX);
	b.name = oid_of(trap, ARRAY_SIZE(trap));
	b.value = (struct snmp_value){ .type = SNMP_OID, .oid = oid_of(which, ARRAY_SIZE(which)) };
	snmp_put_bind(o, &b, SNMP_MESSAGE_MAX);
}

/* RFC 2863: ifIndex, ifAdminStatus, ifOperStatus; and which it is in words, as IOS adds it. The
 * operational status is that of the event, whatever has happened since. */
static void put_link(struct snmp_out *o, struct snmp_job *job)
{
	static const uint32_t columns[] = { 1, 7, 8, 2 };
	uint32_t ids[] = { 1, 3, 6, 1, 2, 1, 2, 2, 1, 0, 0 };

	for (unsigned i = 0; i < job->mib.dev->n_ifaces; i++)
		if (job->mib.dev->ifaces[i].id == job->ifid)
			ids[10] = i + 1;
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		struct snmp_instance at;
		struct snmp_bind b;

		ids[9] = columns[i];
		b.name = oid_of(ids, ARRAY_SIZE(ids));
		if (snmp_mib_find(&job->mib, &b.name, &at) != SNMP_FOUND)
			continue;
		snmp_mib_value(&job->mib, &at, &b.value);
		if (columns[i] == 8)
			b.value.i = job->event == SNMP_LINK_UP ? 1 : 2;
		snmp_put_bind(o, &b, SNMP_MESSAGE_MAX);
	}
}

static struct addr own_addr(const struct device *dev, const struct addr *host)
{
	const struct iface *f = device_iface_for(dev, host);
	struct addr a = f ? iface_addr4(f).addr : (struct addr){ 0 };

	for (unsigned i = 0; !addr_is_set(&a) && i < dev->n_ifaces; i++)
		a = iface_addr4(&dev->ifaces[i]).addr;
	return a;
}

static size_t compose(struct snmp_agent *a, struct snmp_job *job, const struct snmp_host *h,
		      int32_t id, struct snmp_out *o)
{
	uint64_t uptime = (uint32_t)((uint64_t)(job->mib.now - a->since) / (10 * MSEC));
	struct snmp_msg head = { .version = h->version,
				 .community = h->community,
				 .community_len = strlen(h->community),
				 .pdu = h->inform		? SNMP_INFORM
					: h->version == SNMP_V1 ? SNMP_TRAP_V1
								: SNMP_TRAP,
				 .id = id,
				 .enterprise = snmp_sys_object_id,
				 .agent = own_addr(a->dev, &h->ep.addr),
				 .generic = (int32_t)job->event,
				 .uptime = uptime };

	snmp_begin(o, &head);
	if (h->version != SNMP_V1)
		put_head_v2(o, job, uptime);
	if (job->event == SNMP_LINK_DOWN || job->event == SNMP_LINK_UP)
		put_link(o, job);
	return snmp_end(o, SNMP_MESSAGE_MAX);
}

/* --- sending ------------------------------------------------------------------------------ */

uint32_t snmp_trap_sock(struct snmp_agent *a, const struct addr *to, struct fx *fx)
{
	for (unsigned i = 0; i < 2 && !a->bound_traps; i++)
		fx_bind(fx, &(struct fx_bind){ .sock = SNMP_SOCK_TRAPS + i,
					       .kind = SOCK_UDP,
					       .local.addr.family = i ? 6 : 4 });
	a->bound_traps = true;
	return to->family == 6 ? SNMP_SOCK_TRAPS6 : SNMP_SOCK_TRAPS;
}

static void send_octets(struct fx *fx, uint32_t sock, const struct ep *to, const void *data,
			size_t len)
{
	fx_send(fx, &(struct fx_send){ .sock = sock, .dst = *to, .data = data, .len = len });
}

static void keep_inform(struct snmp_agent *a, const struct snmp_job *job, const struct ep *host,
			int32_t id, const struct snmp_out *o, size_t len, nsec_t now)
{
	struct snmp_inform *i = a->n_informs < INFORMS_MAX ? calloc(1, sizeof(*i)) : NULL;

	if (!i)
		return; /* it is sent once, as a trap is */
	i->next = a->informs;
	a->informs = i;
	a->n_informs++;
	i->event = job->event;
	i->id = id;
	i->tries = 1;
	i->cause = job->cause;
	i->sock = host->addr.family == 6 ? SNMP_SOCK_TRAPS6 : SNMP_SOCK_TRAPS;
	i->host = *host;
	i->len = len;
	memcpy(i->octets, o->octets, len);
	timer_set(&a->timers, &i->timer, now + INFORM_NS);
}

int32_t snmp_next_id(struct snmp_agent *a)
{
	struct rng r;

	if (a->next_id == 0) {
		rng_seed(&r, a->seed);
		a->next_id = (int32_t)(rng_u32(&r) >> 2);
	}
	return ++a->next_id;
}

void snmp_notify(struct snmp_agent *a, struct snmp_job *job, nsec_t now, struct fx *fx)
{
	struct snmp_out *o = malloc(sizeof(*o));

	if (!o)
		abort();
	for (unsigned k = 0; k < a->conf->n_hosts; k++) {
		const struct snmp_host *h = &a->conf->hosts[k];
		uint32_t sock = snmp_trap_sock(a, &h->ep.addr, fx);
		int32_t id = snmp_next_id(a);
		size_t len = compose(a, job, h, id, o);

		a->counts.n[SNMP_OUT_PKTS]++;
		a->counts.n[SNMP_OUT_TRAPS]++;
		decide(fx, "snmp.agent.trap-send", V_ADDR("host", h->ep.addr),
		       V_INT("port", h->ep.port), V_TEXT("trap", snmp_event_names[job->event]),
		       V_TEXT("how", h->inform ? "inform" : "trap"),
		       V_TEXT("version", snmp_version_name(h->version)));
		send_octets(fx, sock, &h->ep, o->octets, len);
		if (h->inform)
			keep_inform(a, job, &h->ep, id, o, len, now);
	}
	free(o);
}

/* --- informs ------------------------------------------------------------------------------ */

static void inform_free(struct snmp_agent *a, struct snmp_inform *i)
{
	struct snmp_inform **at = &a->informs;

	while (*at != i)
		at = &(*at)->next;
	*at = i->next;
	a->n_informs--;
	timer_clear(&a->timers, &i->timer);
	free(i);
}

static struct snmp_inform *inform_find(struct snmp_agent *a, const struct ep *host, int32_t id)
{
	struct snmp_inform *i = a->informs;

	while (i && !(i->id == id && i->host.port == host->port &&
		      addr_equal(&i->host.addr, &host->addr)))
		i = i->next;
	return i;
}

static void on_response(struct snmp_agent *a, const struct ev *ev, struct fx *fx)
{
	struct val host = V_ADDR("host", ev->dgram.src.addr);
	struct snmp_inform *i;
	struct snmp_msg m;
	const char *why = "it is no response";

	if (snmp_decode_header(ev->dgram.data, ev->dgram.len, &m, &why) < 0 ||
	    m.pdu != SNMP_RESPONSE || snmp_decode_pdu(&m, &why) < 0) {
		decide(fx, "snmp.agent.drop-inform-response", host, V_TEXT("reason", why));
		return;
	}
	a->counts.n[SNMP_IN_PKTS]++;
	a->counts.n[SNMP_IN_RESPONSES]++;
	if (snmp_proxy_response(a, ev, &m, fx))
		return;
	i = inform_find(a, &ev->dgram.src, m.id);
	if (!i) {
		decide(fx, "snmp.agent.drop-inform-response", host,
		       V_TEXT("reason", "no request waits for it"));
		return;
	}
	decide(fx, "snmp.agent.inform-answered", host, V_TEXT("trap", snmp_event_names[i->event]),
	       V_INT("id", i->id));
	inform_free(a, i);
}

static void inform_again(struct snmp_agent *a, struct snmp_inform *i, nsec_t now, struct fx *fx)
{
	bool again = i->tries < INFORM_TRIES;

	fx_because(fx, i->cause);
	decide(fx, "snmp.agent.inform-retry", V_ADDR("host", i->host.addr),
	       V_TEXT("trap", snmp_event_names[i->event]), V_INT("id", i->id),
	       V_INT("tries", i->tries), V_TEXT("deed", again ? "sent again" : "given up"));
	if (!again) {
		a->n_informs_failed++;
		inform_free(a, i);
		return;
	}
	i->tries++;
	a->counts.n[SNMP_OUT_PKTS]++;
	send_octets(fx, i->sock, &i->host, i->octets, i->len);
	timer_set(&a->timers, &i->timer, now + INFORM_NS);
}

void snmp_informs_event(struct snmp_agent *a, const struct ev *ev, struct fx *fx)
{
	struct timer *t;

	if (ev->kind == EV_DATAGRAM)
		on_response(a, ev, fx);
	else if (ev->kind == EV_TIMER)
		while ((t = timers_pop(&a->timers, ev->now)))
			inform_again(a, timer_owner(t, struct snmp_inform, timer), ev->now, fx);
}

void snmp_informs_free(struct snmp_agent *a)
{
	while (a->informs)
		inform_free(a, a->informs);
	timers_done(&a->timers);
}
