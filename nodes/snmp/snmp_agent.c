/* The agent: requests come in, are checked, and wait in a queue for the tables of the kernel. */
#include "snmp/snmp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MANAGER(ev) V_ADDR("manager", (ev)->dgram.src.addr)

const struct snmp_community *snmp_find_community(const struct snmp_conf *conf, const char *name,
						 size_t len)
{
	for (unsigned i = 0; i < conf->n_communities; i++)
		if (strlen(conf->communities[i].name) == len &&
		    memcmp(conf->communities[i].name, name, len) == 0)
			return &conf->communities[i];
	return NULL;
}

/* --- the queue ---------------------------------------------------------------------------- */

static void job_free(struct snmp_job *job)
{
	snmp_mib_done(&job->mib);
	free(job->response);
	free(job->data);
	free(job);
}

struct snmp_job *snmp_job_new(struct snmp_agent *a, enum snmp_job_kind kind)
{
	struct snmp_job *job = a->n_jobs < SNMP_JOBS_MAX ? calloc(1, sizeof(*job)) : NULL;

	if (job)
		job->kind = kind;
	return job;
}

static void ask_tables(struct snmp_agent *a, struct snmp_job *job, struct fx *fx)
{
	job->stage = SNMP_STAGE_TABLES;
	job->waiting = SNMP_ASKS;
	a->first_ask = a->next_ask;
	for (unsigned i = 0; i < SNMP_ASKS; i++) {
		struct ask ask = { .kind = ASK_KERNEL, .kernel.table = snmp_asks[i] };

		fx_ask(fx, a->next_ask++, &ask);
	}
}

static void ask_acl(struct snmp_agent *a, struct snmp_job *job, const char *list, struct fx *fx)
{
	struct ask ask = { .kind = ASK_ACL, .acl.src = job->src.addr };

	job->stage = SNMP_STAGE_LIST;
	job->waiting = 1;
	a->first_ask = a->next_ask++;
	str_copy(ask.acl.list, sizeof(ask.acl.list), list);
	fx_ask(fx, a->first_ask, &ask);
}

/* The PDU of a request whose sender may ask. False: it was dropped. */
static bool check_pdu(struct snmp_agent *a, const struct addr *from, struct snmp_msg *head,
		      struct fx *fx)
{
	struct snmp_msg m = *head;
	struct val manager = V_ADDR("manager", *from);
	const char *why, *name = snmp_pdu_name(m.pdu);

	if (m.pdu == SNMP_GETBULK && m.version == SNMP_V1) {
		a->counts.n[SNMP_IN_PARSE_ERRORS]++;
		decide(fx, "snmp.agent.drop-getbulk-v1", manager);
	} else if (m.pdu > SNMP_GETBULK || m.pdu == SNMP_RESPONSE || m.pdu == SNMP_TRAP_V1 ||
		   !name) {
		a->counts.n[SNMP_IN_RESPONSES] += m.pdu == SNMP_RESPONSE;
		a->counts.n[SNMP_IN_TRAPS] += m.pdu == SNMP_TRAP_V1 || m.pdu == SNMP_TRAP;
		decide(fx, "snmp.agent.drop-other-pdu", manager,
		       V_TEXT("pdu", name ? name : "an unknown PDU"));
	} else if (snmp_decode_pdu(&m, &why) < 0) {
		a->counts.n[SNMP_IN_PARSE_ERRORS]++;
		decide(fx, "snmp.agent.drop-bad-pdu", manager, V_TEXT("reason", why));
	} else {
		decide(fx, "snmp.agent.check-pdu", manager, V_TEXT("pdu", name),
		       V_TEXT("version", snmp_version_name(m.version)), V_INT("id", m.id));
		*head = m;
		return true;
	}
	return false;
}

/* The next step of a request. False: it was dropped. */
static bool go_on(struct snmp_agent *a, struct snmp_job *job, struct fx *fx)
{
	const struct snmp_community *c;
	struct snmp_msg m;
	const char *why;

	fx_because(fx, job->cause);
	if (job->kind == SNMP_JOB_REQUEST) {
		if (snmp_decode_header(job->data, job->len, &m, &why) < 0)
			return false;
		c = snmp_find_community(a->conf, m.community, m.community_len);
		if (!c)
			return false;
		if (*c->list && !job->allowed) {
			ask_acl(a, job, c->list, fx);
			return true;
		}
		if (!check_pdu(a, &job->src.addr, &m, fx))
			return false;
	}
	ask_tables(a, job, fx);
	return true;
}

static void job_pop(struct snmp_agent *a)
{
	struct snmp_job *job = a->jobs;

	a->jobs = job->next;
	if (!a->jobs)
		a->jobs_end = &a->jobs;
	a->n_jobs--;
	job_free(job);
}

static void next_job(struct snmp_agent *a, struct fx *fx)
{
	while (a->jobs && !go_on(a, a->jobs, fx))
		job_pop(a);
}

void snmp_job_done(struct snmp_agent *a, struct fx *fx)
{
	job_pop(a);
	next_job(a, fx);
}

void snmp_job_start(struct snmp_agent *a, struct snmp_job *job, struct fx *fx)
{
	bool first = !a->jobs;

	if (first)
		a->jobs_end = &a->jobs;
	*a->jobs_end = job;
	a->jobs_end = &job->next;
	a->n_jobs++;
	if (first)
		next_job(a, fx);
}

/* --- answers of the shell ----------------------------------------------------------------- */

static void keep_table(struct snmp_mib *m, unsigned i, const struct answer *answer)
{
	size_t n = answer->err ? 0 : answer->kernel.n_rows;

	m->kernel[i] = malloc((n + 1) * sizeof(*m->kernel[i]));
	if (!m->kernel[i])
		abort();
	if (n > 0)
		memcpy(m->kernel[i], answer->kernel.rows, n * sizeof(*m->kernel[i]));
	m->n_kernel[i] = n;
}

static void tables_came(struct snmp_agent *a, struct snmp_job *job, nsec_t now, struct fx *fx)
{
	job->mib.dev = a->dev;
	job->mib.conf = a->conf;
	job->mib.counts = &a->counts;
	job->mib.changed = a->changed;
	job->mib.now = now;
	job->mib.since = a->since;
	snmp_mib_index(&job->mib);
	if (job->kind == SNMP_JOB_REQUEST)
		snmp_answer(a, job, fx);
	else
		snmp_notify(a, job, now, fx);
	if (job->waiting == 0)
		snmp_job_done(a, fx);
}

static void acl_came(struct snmp_agent *a, struct snmp_job *job, const struct answer *answer,
		     struct fx *fx)
{
	job->allowed = !answer->err;
	if (answer->err) {
		decide(fx, "snmp.agent.drop-unauthorized-manager", V_ADDR("manager", job->src.addr),
		       V_TEXT("reason", answer->why));
		snmp_job_done(a, fx);
	} else {
		next_job(a, fx);
	}
}

static void on_answer(struct snmp_agent *a, const struct ev *ev, struct fx *fx)
{
	uint32_t n = ev->answer.ask_id - a->first_ask;
	struct snmp_job *job = a->jobs;

	if (!job || n >= SNMP_ASKS || job->waiting == 0)
		return;
	fx_because(fx, job->cause);
	job->waiting--;
	switch (job->stage) {
	case SNMP_STAGE_LIST:
		acl_came(a, job, ev->answer.answer, fx);
		break;
	case SNMP_STAGE_TABLES:
		keep_table(&job->mib, n, ev->answer.answer);
		if (job->waiting == 0)
			tables_came(a, job, ev->now, fx);
		break;
	case SNMP_STAGE_SET:
		snmp_answer_set(a, job, ev->answer.answer, fx);
		snmp_job_done(a, fx);
		break;
	case SNMP_STAGE_QUEUED:
		break;
	}
}

/* --- requests ----------------------------------------------------------------------------- */

static void bad_community(struct snmp_agent *a, const struct ev *ev, const struct snmp_msg *m,
			  struct fx *fx)
{
	a->counts.n[SNMP_IN_BAD_COMMUNITIES]++;
	decide(fx, "snmp.agent.drop-bad-community", MANAGER(ev),
	       V_TEXTN("community", m->community, m->community_len));
	if (!(a->conf->events & BIT(SNMP_AUTH_FAILURE)) || a->conf->n_hosts == 0)
		return;
	decide(fx, "snmp.agent.auth-failure-trap", MANAGER(ev), V_INT("hosts", a->conf->n_hosts));
	snmp_event(a, SNMP_AUTH_FAILURE, 0, fx);
}

static void take_request(struct snmp_agent *a, const struct ev *ev, struct fx *fx)
{
	struct snmp_job *job = snmp_job_new(a, SNMP_JOB_REQUEST);

	if (!job) {
		a->counts.n[SNMP_SILENT_DROPS]++;
		decide(fx, "snmp.agent.drop-busy", MANAGER(ev), V_INT("max", SNMP_JOBS_MAX));
		return;
	}
	job->cause = ev->cause;
	job->src = ev->dgram.src;
	job->dst = ev->dgram.dst;
	job->sock = ev->dgram.sock;
	job->data = malloc(ev->dgram.len + 1);
	if (!job->data)
		abort();
	memcpy(job->data, ev->dgram.data, ev->dgram.len);
	job->len = ev->dgram.len;
	snmp_job_start(a, job, fx);
}

static void take_for_another(struct snmp_agent *a, const struct ev *ev,
			     const struct snmp_proxy *proxy, struct snmp_msg *m, struct fx *fx)
{
	if (check_pdu(a, &ev->dgram.src.addr, m, fx))
		snmp_proxy_request(a, ev, proxy, m, fx);
}

static void on_datagram(struct snmp_agent *a, const struct ev *ev, struct fx *fx)
{
	const struct snmp_proxy *proxy;
	struct snmp_msg m;
	const char *why;
	int err = snmp_decode_header(ev->dgram.data, ev->dgram.len, &m, &why);

	a->counts.n[SNMP_IN_PKTS]++;
	a->counts.n[SNMP_IN_PARSE_ERRORS] += err == -EBADMSG;
	a->counts.n[SNMP_IN_BAD_VERSIONS] += err == -EPROTONOSUPPORT;
	if (err && m.version == SNMP_V3)
		decide(fx, "snmp.v3.drop-disabled", MANAGER(ev));
	else if (err)
		decide(fx, "snmp.agent.drop-bad-header", MANAGER(ev), V_TEXT("reason", why));
	else if ((proxy = snmp_find_proxy(a->conf, m.community, m.community_len)))
		take_for_another(a, ev, proxy, &m, fx);
	else if (!snmp_find_community(a->conf, m.community, m.community_len))
		bad_community(a, ev, &m, fx);
	else
		take_request(a, ev, fx);
}

/* --- the service -------------------------------------------------------------------------- */

static void bind_agent(struct snmp_agent *a, struct fx *fx)
{
	for (unsigned i = 0; i < 2 && !a->bound; i++)
		fx_bind(fx, &(struct fx_bind){ .sock = SNMP_SOCK_AGENT + i,
					       .kind = SOCK_UDP,
					       .local = { { .family = i ? 6 : 4 }, SNMP_PORT } });
	a->bound = true;
}

/* Once it was on, the port stays bound: what comes then meets a decision and no ICMP error. */
static void follow_conf(struct snmp_agent *a, bool start, struct fx *fx)
{
	bool asked = a->conf->n_communities > 0 || a->conf->n_proxies > 0;
	bool on = asked || a->conf->n_hosts > 0;

	if (asked)
		bind_agent(a, fx);
	if (on && !a->on && start)
		a->cold = true;
	else if (on && !a->on)
		snmp_event(a, SNMP_WARM_START, 0, fx);
	a->on = on;
}

static bool has_address(const struct device *dev)
{
	for (unsigned i = 0; i < dev->n_ifaces; i++)
		if (dev->ifaces[i].up && dev->ifaces[i].n_addrs > 0)
			return true;
	return false;
}

/* A trap that nobody could have got would not tell of the start. */
static void tell_start(struct snmp_agent *a, struct fx *fx)
{
	if (!a->cold || !has_address(a->dev))
		return;
	a->cold = false;
	snmp_event(a, SNMP_COLD_START, 0, fx);
}

static void on_link(struct snmp_agent *a, const struct ev *ev, struct fx *fx)
{
	if (!a->changed)
		a->changed = calloc(a->dev->n_ifaces + 1, sizeof(*a->changed));
	if (!a->changed)
		abort();
	for (unsigned i = 0; i < a->dev->n_ifaces; i++)
		if (a->dev->ifaces[i].id == ev->link.ifid)
			a->changed[i] = ev->now;
	snmp_event(a, ev->link.up ? SNMP_LINK_UP : SNMP_LINK_DOWN, ev->link.ifid, fx);
}

static void on_timer(struct snmp_agent *a, const struct ev *ev, struct fx *fx)
{
	snmp_informs_event(a, ev, fx);
	snmp_proxy_timer(a, ev->now, fx);
}

static void agent_event(void *machine, const struct ev *ev, struct fx *fx)
{
	struct snmp_agent *a = machine;

	if (ev->kind == EV_START)
		a->since = ev->now;
	if (ev->kind == EV_START || ev->kind == EV_CONF)
		follow_conf(a, ev->kind == EV_START, fx);
	if (ev->kind == EV_START || ev->kind == EV_ADDR || ev->kind == EV_LINK)
		tell_start(a, fx);
	if (!a->on && !a->bound)
		return;
	if (ev->kind == EV_LINK)
		on_link(a, ev, fx);
	else if (ev->kind == EV_ANSWER)
		on_answer(a, ev, fx);
	else if (ev->kind == EV_DATAGRAM && ev->dgram.sock <= SNMP_SOCK_AGENT6)
		on_datagram(a, ev, fx);
	else if (ev->kind == EV_DATAGRAM)
		snmp_informs_event(a, ev, fx);
	else if (ev->kind == EV_TIMER)
		on_timer(a, ev, fx);
	else if (ev->kind == EV_DONE && ev->done.what == FX_BIND)
		decide(fx, "snmp.agent.no-port", V_TEXT("reason", ev->done.text));
}

/* --- the machine -------------------------------------------------------------------------- */

static void *agent_create(const struct machine_env *env)
{
	struct snmp_agent *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->dev = env->dev;
	a->conf = env->conf;
	a->seed = env->seed;
	a->next_ask = a->first_ask = 1;
	return a;
}

static void agent_destroy(void *machine)
{
	struct snmp_agent *a = machine;

	if (!a)
		return;
	while (a->jobs)
		job_pop(a);
	snmp_informs_free(a);
	snmp_proxy_free(a);
	free(a->changed);
	free(a);
}

static nsec_t agent_deadline(const void *machine)
{
	const struct snmp_agent *a = machine;
	nsec_t informs = timers_deadline(&a->timers);
	nsec_t forwards = timers_deadline(&a->forward_timers);

	return informs < forwards ? informs : forwards;
}

const struct machine_class snmp_agent_class = {
	.name = "snmp.agent",
	.kinds = KINDS_L3,
	.create = agent_create,
	.destroy = agent_destroy,
	.event = agent_event,
	.deadline = agent_deadline,
};
