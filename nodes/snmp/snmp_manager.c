/* Queries: from a command to requests, and from responses to the query they belong to. */
#include "snmp/snmp_manager.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#define AGENT(q) V_ADDR("agent", (q)->agent.addr)

/* --- the end ------------------------------------------------------------------------------ */

static void query_free(struct snmp_manager *m, struct snmp_query *q)
{
	struct snmp_query **at = &m->queries;

	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
	m->n_queries--;
	timer_clear(&m->timers, &q->timer);
	free(q);
}

void snmp_query_end(struct snmp_manager *m, struct snmp_query *q, int status, struct fx *fx)
{
	fx_cmd_done(fx, q->call, status);
	query_free(m, q);
}

static void give_up(struct snmp_manager *m, struct snmp_query *q, const char *why, struct fx *fx)
{
	fx_print(fx, q->call, "%% snmp: %s\n", why);
	snmp_query_end(m, q, 1, fx);
}

/* --- the request -------------------------------------------------------------------------- */

static struct snmp_msg head_of(const struct snmp_query *q)
{
	bool bulk = q->pdu == SNMP_GETBULK;

	return (struct snmp_msg){ .version = q->version,
				  .community = q->community,
				  .community_len = strlen(q->community),
				  .pdu = q->pdu,
				  .id = q->id,
				  .error = bulk ? q->once : 0,
				  .index = bulk ? q->times : 0,
				  .n_binds = q->n_names };
}

/* False when it does not fit into a message. */
static bool compose(struct snmp_query *q)
{
	struct snmp_out *o = malloc(sizeof(*o));
	struct snmp_msg head = head_of(q);
	bool fits = true;

	if (!o)
		abort();
	snmp_begin(o, &head);
	for (unsigned i = 0; i < q->n_names; i++) {
		struct snmp_bind b = { .name = q->names[i], .value.type = SNMP_NULL };

		if (q->op == SNMP_OP_SET)
			b.value = q->value;
		fits = fits && snmp_put_bind(o, &b, SNMP_MESSAGE_MAX);
	}
	q->len = snmp_end(o, SNMP_MESSAGE_MAX);
	memcpy(q->octets, o->octets, q->len);
	free(o);
	return fits && q->len > 0;
}

static uint32_t sock_for(struct snmp_manager *m, const struct addr *to, struct fx *fx)
{
	for (unsigned i = 0; i < 2 && !m->bound; i++)
		fx_bind(fx, &(struct fx_bind){ .sock = SNMP_SOCK_QUERIES + i,
					       .kind = SOCK_UDP,
					       .local.addr.family = i ? 6 : 4 });
	m->bound = true;
	return to->family == 6 ? SNMP_SOCK_QUERIES6 : SNMP_SOCK_QUERIES;
}

static void send_once(struct snmp_manager *m, struct snmp_query *q, nsec_t now, struct fx *fx)
{
	uint32_t sock = sock_for(m, &q->agent.addr, fx);

	q->tries++;
	fx_send(fx, &(struct fx_send){
			    .sock = sock, .dst = q->agent, .data = q->octets, .len = q->len });
	timer_set(&m->timers, &q->timer, now + m->conf->timeout_ns);
}

static int32_t next_id(struct snmp_manager *m)
{
	struct rng r;

	if (m->next_id == 0) {
		rng_seed(&r, m->seed);
		m->next_id = (int32_t)(rng_u32(&r) >> 2);
	}
	return ++m->next_id;
}

/* What the query is at, in the version that it speaks. */
static uint8_t pdu_of(const struct snmp_query *q)
{
	switch (q->op) {
	case SNMP_OP_GET:
		return SNMP_GET;
	case SNMP_OP_GETNEXT:
		return SNMP_GETNEXT;
	case SNMP_OP_SET:
		return SNMP_SET;
	case SNMP_OP_WALK:
		return q->version == SNMP_V1 ? SNMP_GETNEXT : SNMP_GETBULK;
	case SNMP_OP_GETBULK:
		break;
	}
	return SNMP_GETBULK;
}

static void say_request(const struct snmp_query *q, struct fx *fx)
{
	struct sbuf names = SBUF(900);
	struct val text;

	for (unsigned i = 0; i < q->n_names; i++) {
		sbuf_puts(&names, i ? ", " : "");
		snmp_name_format(&q->names[i], &names);
	}
	text = V_TEXT("names", sbuf_text(&names));
	if (q->pdu == SNMP_GET)
		decide(fx, "snmp.manager.get", AGENT(q), text);
	else if (q->pdu == SNMP_GETNEXT || q->op == SNMP_OP_WALK)
		decide(fx, "snmp.manager.getnext", AGENT(q), text,
		       V_TEXT("pdu", snmp_pdu_name(q->pdu)));
	else if (q->pdu == SNMP_SET)
		decide(fx, "snmp.manager.set", AGENT(q), text);
	else
		decide(fx, "snmp.manager.getbulk-version", AGENT(q), text, V_INT("once", q->once),
		       V_INT("times", q->times));
	decide(fx, "snmp.manager.credentials", AGENT(q), V_TEXT("community", q->community));
	decide(fx, "snmp.manager.commands", AGENT(q), V_TEXT("pdu", snmp_pdu_name(q->pdu)),
	       V_INT("id", q->id), V_TEXT("version", snmp_version_name(q->version)));
	sbuf_done(&names);
}

void snmp_query_send(struct snmp_manager *m, struct snmp_query *q, nsec_t now, struct fx *fx)
{
	q->pdu = pdu_of(q);
	if (q->pdu == SNMP_GETBULK && q->version == SNMP_V1) {
		decide(fx, "snmp.manager.drop-getbulk-v1", AGENT(q));
		give_up(m, q, "version 1 has no GetBulk", fx);
		return;
	}
	if (q->op == SNMP_OP_WALK)
		q->times = SNMP_REPETITIONS;
	q->id = next_id(m);
	q->tries = 0;
	if (!compose(q)) {
		give_up(m, q, "that does not fit into a message", fx);
		return;
	}
	say_request(q, fx);
	send_once(m, q, now, fx);
}

/* --- which version ------------------------------------------------------------------------ */

static const struct snmp_known *find_known(const struct snmp_known *list, unsigned n,
					   const struct addr *agent)
{
	for (unsigned i = 0; i < n; i++)
		if (addr_equal(&list[i].agent, agent))
			return &list[i];
	return NULL;
}

static void choose_version(struct snmp_manager *m, struct snmp_query *q, struct fx *fx)
{
	const struct snmp_conf *c = m->conf;
	const struct snmp_known *k = find_known(c->agents, c->n_agents, &q->agent.addr);
	const char *why = "the configuration names its version";

	if (!k && c->version_set) {
		q->version = c->version;
		why = "the configuration says so for all agents";
	} else if (!k && (k = find_known(m->known, m->n_known, &q->agent.addr))) {
		why = "it answered in it before";
	}
	if (k)
		q->version = k->version;
	if (!k && !c->version_set) {
		q->version = SNMP_V2C;
		q->guessed = true;
		decide(fx, "snmp.bilingual.unknown", AGENT(q), V_TEXT("version", "v2c"));
		return;
	}
	decide(fx, "snmp.bilingual.choose", AGENT(q), V_TEXT("why", why),
	       V_TEXT("version", snmp_version_name(q->version)));
}

/* The oldest goes when there is no room. */
static void remember(struct snmp_manager *m, const struct snmp_query *q, struct fx *fx)
{
	if (!q->guessed || find_known(m->known, m->n_known, &q->agent.addr))
		return;
	if (!m->known)
		m->known = calloc(SNMP_AGENTS_MAX, sizeof(*m->known));
	if (!m->known)
		abort();
	if (m->n_known == SNMP_AGENTS_MAX)
		memmove(m->known, m->known + 1, --m->n_known * sizeof(*m->known));
	m->known[m->n_known++] = (struct snmp_known){ q->agent.addr, q->version };
	decide(fx, "snmp.bilingual.support", AGENT(q),
	       V_TEXT("version", snmp_version_name(q->version)));
}

/* --- the agent's address ------------------------------------------------------------------ */

static void begin_at(struct snmp_manager *m, struct snmp_query *q, const struct addr *agent,
		     nsec_t now, struct fx *fx)
{
	q->agent = (struct ep){ *agent, SNMP_PORT };
	choose_version(m, q, fx);
	snmp_query_send(m, q, now, fx);
}

static void on_resolved(struct snmp_manager *m, const struct ev *ev, struct fx *fx)
{
	const struct answer *a = ev->answer.answer;
	struct snmp_query *q = m->queries;

	while (q && q->resolving != ev->answer.ask_id)
		q = q->next;
	if (!q)
		return;
	q->resolving = 0;
	if (a->err || a->resolve.n_addrs == 0) {
		decide(fx, "snmp.manager.no-host", V_TEXT("host", q->host),
		       V_TEXT("why", a->err ? a->why : "the name has no address"));
		give_up(m, q, a->err ? a->why : "the name has no address", fx);
		return;
	}
	begin_at(m, q, &a->resolve.addrs[0], ev->now, fx);
}

void snmp_run(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct snmp_manager *m = machine;
	struct ask ask = { .kind = ASK_RESOLVE, .resolve.type = 1 };
	struct snmp_query *q = m->n_queries < SNMP_QUERIES_MAX ? calloc(1, sizeof(*q)) : NULL;
	const char *why;
	struct addr a;

	if (!q) {
		fx_print(fx, call->id, "%% snmp: too many queries at a time\n");
		fx_cmd_done(fx, call->id, 1);
		return;
	}
	q->next = m->queries;
	m->queries = q;
	m->n_queries++;
	q->call = call->id;
	why = snmp_command_read(call, q, fx);
	if (why) {
		give_up(m, q, why, fx);
	} else if (addr_parse(q->host, &a) == 0) {
		begin_at(m, q, &a, now, fx);
	} else {
		str_copy(ask.resolve.name, sizeof(ask.resolve.name), q->host);
		q->resolving = ++m->next_ask;
		fx_ask(fx, q->resolving, &ask);
	}
}

/* --- responses, and none ------------------------------------------------------------------ */

/* `id` NULL: any request to this agent. */
static struct snmp_query *find_query(struct snmp_manager *m, const struct ep *agent,
				     const int32_t *id)
{
	struct snmp_query *q = m->queries;

	while (q && !(q->tries > 0 && q->agent.port == agent->port &&
		      addr_equal(&q->agent.addr, &agent->addr) && (!id || q->id == *id)))
		q = q->next;
	return q;
}

/* RFC 3416 §4.1: request-id and source address name the request. */
static void on_datagram(struct snmp_manager *m, const struct ev *ev, struct fx *fx)
{
	struct val agent = V_ADDR("agent", ev->dgram.src.addr);
	struct snmp_msg r;
	struct snmp_query *q;
	const char *why;

	if (snmp_decode_header(ev->dgram.data, ev->dgram.len, &r, &why) < 0) {
		decide(fx, "snmp.manager.drop-bad-header", agent, V_TEXT("reason", why));
	} else if (!find_query(m, &ev->dgram.src, NULL)) {
		decide(fx, "snmp.manager.drop-timeout", agent);
	} else if (snmp_decode_pdu(&r, &why) < 0) {
		decide(fx, "snmp.manager.drop-bad-pdu", agent, V_TEXT("reason", why));
	} else if (r.pdu != SNMP_RESPONSE) {
		decide(fx, "snmp.manager.drop-not-response", agent,
		       V_TEXT("pdu", snmp_pdu_name(r.pdu)));
	} else if (!(q = find_query(m, &ev->dgram.src, &r.id)) || q->version != r.version) {
		decide(fx, "snmp.manager.drop-timeout", agent);
	} else {
		remember(m, q, fx);
		timer_clear(&m->timers, &q->timer);
		snmp_query_result(m, q, &r, ev->now, fx);
	}
}

static void timed_out(struct snmp_manager *m, struct snmp_query *q, nsec_t now, struct fx *fx)
{
	struct snmp_msg head = head_of(q);
	bool again = q->tries <= m->conf->retries;
	bool other = !again && q->guessed && q->version == SNMP_V2C;

	decide(fx, "snmp.manager.no-response", AGENT(q), V_INT("id", q->id),
	       V_INT("tries", q->tries),
	       V_TEXT("deed", again   ? "it is sent again"
			      : other ? "version 1 is tried"
				      : "the query is over"));
	if (again) {
		send_once(m, q, now, fx);
	} else if (other) {
		q->version = SNMP_V1;
		decide(fx, "snmp.bilingual.unknown", AGENT(q), V_TEXT("version", "v1"));
		snmp_query_send(m, q, now, fx);
	} else {
		snmp_fact(fx, "manager", ++m->n_requests, &q->agent, &head, "", -1, 0);
		give_up(m, q, "Timeout: no response", fx);
	}
}

static void on_timer(struct snmp_manager *m, nsec_t now, struct fx *fx)
{
	struct timer *t;

	while ((t = timers_pop(&m->timers, now)))
		timed_out(m, timer_owner(t, struct snmp_query, timer), now, fx);
}

/* --- the machine -------------------------------------------------------------------------- */

/* Once it was on, the port stays bound: what comes then meets a decision and no ICMP error. */
static void follow_conf(struct snmp_manager *m, struct fx *fx)
{
	bool wanted = m->conf->manager || m->conf->n_proxies > 0;

	for (unsigned i = 0; i < 2 && wanted && !m->bound_traps; i++)
		fx_bind(fx,
			&(struct fx_bind){ .sock = SNMP_SOCK_162 + i,
					   .kind = SOCK_UDP,
					   .local = { { .family = i ? 6 : 4 }, SNMP_TRAP_PORT } });
	m->bound_traps |= wanted;
}

static void manager_event(void *machine, const struct ev *ev, struct fx *fx)
{
	struct snmp_manager *m = machine;

	if (ev->kind == EV_START || ev->kind == EV_CONF)
		follow_conf(m, fx);
	else if (ev->kind == EV_DATAGRAM && ev->dgram.sock <= SNMP_SOCK_QUERIES6)
		on_datagram(m, ev, fx);
	else if (ev->kind == EV_DATAGRAM)
		snmp_receive(m, ev, fx);
	else if (ev->kind == EV_ANSWER)
		on_resolved(m, ev, fx);
	else if (ev->kind == EV_TIMER)
		on_timer(m, ev->now, fx);
	else if (ev->kind == EV_DONE && ev->done.what == FX_BIND)
		decide(fx, "snmp.manager.no-port", V_TEXT("reason", ev->done.text));
}

static void *manager_create(const struct machine_env *env)
{
	struct snmp_manager *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->dev = env->dev;
	m->conf = env->conf;
	m->seed = env->seed;
	return m;
}

static void manager_destroy(void *machine)
{
	struct snmp_manager *m = machine;

	if (!m)
		return;
	while (m->queries)
		query_free(m, m->queries);
	timers_done(&m->timers);
	free(m->known);
	free(m);
}

static nsec_t manager_deadline(const void *machine)
{
	return timers_deadline(&((const struct snmp_manager *)machine)->timers);
}

const struct machine_class snmp_manager_class = {
	.name = "snmp.manager",
	.kinds = KINDS_L3,
	.create = manager_create,
	.destroy = manager_destroy,
	.event = manager_event,
	.deadline = manager_deadline,
};
