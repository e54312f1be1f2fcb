/* Searches that wait: for a secondary query or for another search. */
#include "dns/dns_server.h"

#include <stdlib.h>

#include "base/hash.h"

enum { WAITERS_PER_JOB = 128, RUNS_PER_EVENT = 16 };

/* RFC 1035 §4.2.1: no less than 2 to 5 s before a query is repeated, and the other servers first.
 * RFC 9520 §3.1: a server gets at most three; here two, the second with twice the time. */
#define ANSWER_NS (2 * SEC)
#define REPEAT_NS (4 * SEC)

static uint64_t job_hash(const struct dns_server *s, const struct dns_name *name, uint16_t type)
{
	return hash_mix(dns_name_hash(s->seed, name), type);
}

struct dns_job *dns_job_find(const struct dns_server *s, const struct dns_name *name, uint16_t type)
{
	struct dns_link *l = dns_table_first(&s->jobs, job_hash(s, name, type));

	for (; l; l = dns_table_next(l)) {
		struct dns_job *job = (struct dns_job *)(void *)l;

		if (job->type == type && dns_name_equal(&job->name, name))
			return job;
	}
	return NULL;
}

/* --- facts --- */

static void job_key(const struct dns_job *job, struct sbuf *key)
{
	char name[DNS_TEXT_LEN], type[12];

	(void)sbuf_printf(key, "server %s %s", dns_name_text(&job->name, name),
			  dns_type_text(job->type, type));
}

void dns_job_show(struct dns_job *job, struct fx *fx)
{
	struct sbuf key = SBUF(DNS_TEXT_LEN + 64);
	char name[DNS_TEXT_LEN], type[12];

	job->shown = true;
	job_key(job, &key);
	fact_begin(fx, &dns_pending_fact, sbuf_text(&key), V_TEXT("role", "server"),
		   V_TEXT("name", dns_name_text(&job->name, name)),
		   V_TEXT("type", dns_type_text(job->type, type)),
		   job->query ? V_ADDR("server", job->query->server) : V_NULL("server"));
	sbuf_done(&key);
}

/* --- making and waiting --- */

struct dns_job *dns_job_of(struct dns_server *s, struct dns_frame *f, nsec_t now, struct fx *fx)
{
	struct dns_job *job = f->job;

	if (job)
		return job;
	if (s->jobs.n >= DNS_JOBS_MAX) {
		decide(fx, "dns.search.too-many", V_TEXT("name", f->text),
		       V_INT("searches", s->jobs.n));
		return NULL;
	}
	job = dns_alloc(sizeof(*job));
	job->timer.kind = DNS_TIMER_JOB;
	job->name = f->name;
	job->type = f->type;
	job->glue = f->glue;
	dns_table_add(&s->jobs, &job->link, job_hash(s, &job->name, job->type));
	timer_set(&s->timers, &job->timer.t, now + s->conf->search_ns);
	f->job = job;
	return job;
}

bool dns_job_needs(const struct dns_job *job, const struct dns_frame *f)
{
	for (; job; job = job->child)
		for (const struct dns_frame *up = f; up; up = up->up)
			if (up->job == job)
				return true;
	return false;
}

void dns_job_wait(struct dns_job *parent, struct dns_job *child)
{
	parent->child = child;
	parent->next_parent = child->parents;
	child->parents = parent;
	parent->n_queries++;
}

static void stop_waiting(struct dns_job *parent)
{
	struct dns_job **at;

	if (!parent->child)
		return;
	at = &parent->child->parents;
	while (*at != parent)
		at = &(*at)->next_parent;
	*at = parent->next_parent;
	parent->child = NULL;
	parent->next_parent = NULL;
}

bool dns_job_may_ask(const struct dns_server *s, const struct dns_job *job)
{
	if (job->n_queries >= s->conf->search_queries)
		return false;
	for (const struct dns_job *p = job->parents; p; p = p->next_parent)
		if (!dns_job_may_ask(s, p))
			return false;
	return true;
}

static void charge(struct dns_job *job)
{
	job->n_queries++;
	for (struct dns_job *p = job->parents; p; p = p->next_parent)
		charge(p);
}

static bool same_request(const struct dns_request *a, const struct dns_request *b)
{
	return a->id == b->id && a->sock == b->sock && !a->tcp && !b->tcp &&
	       a->client.port == b->client.port && addr_equal(&a->client.addr, &b->client.addr);
}

bool dns_job_add_waiter(struct dns_server *s, struct dns_job *job, const struct dns_request *req)
{
	struct dns_waiter *w;

	for (w = job->waiters; w; w = w->next)
		if (same_request(&w->req, req))
			return true; /* asked again while it waits */
	if (s->n_waiters >= DNS_WAITERS_MAX || job->n_waiters >= WAITERS_PER_JOB)
		return false;
	w = dns_alloc(sizeof(*w));
	w->req = *req;
	w->next = job->waiters;
	job->waiters = w;
	job->n_waiters++;
	s->n_waiters++;
	return true;
}

static struct dns_query **find_late(struct dns_job *job, const struct addr *server)
{
	for (unsigned i = 0; i < job->n_late; i++)
		if (addr_equal(&job->late[i]->server, server))
			return &job->late[i];
	return NULL;
}

bool dns_job_is_late(const struct dns_job *job, const struct addr *server)
{
	return job && !job->again && find_late((struct dns_job *)(uintptr_t)job, server);
}

static void unlist_late(struct dns_job *job, struct dns_query **at)
{
	*at = job->late[--job->n_late];
}

bool dns_job_ask(struct dns_server *s, struct dns_job *job, const struct addr *server,
		 const struct dns_name *zone, bool rd, nsec_t now, struct fx *fx)
{
	struct dns_ask ask = { .name = job->name,
			       .type = job->type,
			       .server = *server,
			       .zone = *zone,
			       .rd = rd,
			       .patient = true,
			       .repeats = 1,
			       .timeout_ns = ANSWER_NS,
			       .owner = job };
	struct dns_query **late = find_late(job, server);

	if (late) {
		job->query = *late;
		unlist_late(job, late);
		dns_query_repeat(&s->asker, fx, now, job->query, REPEAT_NS);
		charge(job);
		return true;
	}
	job->query = dns_ask(&s->asker, fx, now, &ask);
	if (!job->query) {
		decide(fx, "dns.search.too-many", V_TEXT("name", "all names"),
		       V_INT("searches", s->asker.n_busy));
		return false;
	}
	s->stats.secondary++;
	charge(job);
	return true;
}

/* --- ending --- */

static void make_ready(struct dns_server *s, struct dns_job *job)
{
	if (job->ready)
		return;
	job->ready = true;
	job->next_ready = NULL;
	if (s->last_ready)
		s->last_ready->next_ready = job;
	else
		s->ready = job;
	s->last_ready = job;
}

static struct dns_job *take_ready(struct dns_server *s)
{
	struct dns_job *job = s->ready;

	if (!job)
		return NULL;
	s->ready = job->next_ready;
	if (!s->ready)
		s->last_ready = NULL;
	job->ready = false;
	return job;
}

static void unready(struct dns_server *s, struct dns_job *job)
{
	struct dns_job *left = s->ready;

	if (!job->ready)
		return;
	s->ready = s->last_ready = NULL;
	while (left) {
		struct dns_job *next = left->next_ready;

		left->ready = false;
		if (left != job)
			make_ready(s, left);
		left = next;
	}
}

static void free_waiters(struct dns_server *s, struct dns_job *job)
{
	while (job->waiters) {
		struct dns_waiter *w = job->waiters;

		job->waiters = w->next;
		free(w);
		s->n_waiters--;
	}
	job->n_waiters = 0;
}

static void end_queries(struct dns_server *s, struct dns_job *job, struct fx *fx)
{
	if (job->query)
		dns_query_end(&s->asker, fx, job->query);
	job->query = NULL;
	while (job->n_late > 0)
		dns_query_end(&s->asker, fx, job->late[--job->n_late]);
	job->again = false;
}

static void job_free(struct dns_server *s, struct dns_job *job, const char *why, struct fx *fx);

/* Nobody may be left who wants to know what that job finds. */
static void leave_child(struct dns_server *s, struct dns_job *job, struct fx *fx)
{
	struct dns_job *child = job->child;

	stop_waiting(job);
	if (child && !child->waiters && !child->parents && !child->ready)
		job_free(s, child, "not needed any more", fx);
}

static void job_free(struct dns_server *s, struct dns_job *job, const char *why, struct fx *fx)
{
	struct sbuf key = SBUF(DNS_TEXT_LEN + 64);

	end_queries(s, job, fx);
	job_key(job, &key);
	if (job->shown)
		fx_fact_end(fx, &dns_pending_fact, sbuf_text(&key), why);
	sbuf_done(&key);
	unready(s, job);
	timer_clear(&s->timers, &job->timer.t);
	dns_table_del(&s->jobs, &job->link);
	free_waiters(s, job);
	leave_child(s, job, fx);
	free(job);
}

void dns_job_discard(struct dns_server *s, struct dns_job *job, struct fx *fx)
{
	job_free(s, job, "given up at once", fx);
}

static const char *outcome_text(enum dns_outcome outcome)
{
	switch (outcome) {
	case DNS_FOUND:
		return "found";
	case DNS_NO_DATA:
		return "no such type";
	case DNS_NO_NAME:
		return "no such name";
	case DNS_PENDING:
	case DNS_FAILURE:
	case DNS_REFER:
	case DNS_REFUSE:
	case DNS_CYCLE:
		break;
	}
	return "failed";
}

/* Everybody who waited hears of it: clients by a reply, searches by running again. */
static void finish(struct dns_server *s, struct dns_job *job, enum dns_outcome outcome,
		   const struct dns_found *found, nsec_t now, struct fx *fx)
{
	while (job->waiters) {
		struct dns_waiter *w = job->waiters;

		job->waiters = w->next;
		job->n_waiters--;
		s->n_waiters--;
		s->n_replied++;
		if (s->by_timer)
			fx_because(fx, w->req.cause);
		dns_reply(s, &w->req, outcome, found, true, now, fx);
		free(w);
	}
	fx_because(fx, 0);
	while (job->parents) {
		struct dns_job *parent = job->parents;

		stop_waiting(parent);
		make_ready(s, parent);
	}
	job_free(s, job, outcome_text(outcome), fx);
}

/* The whole search again, now that more is known. */
static void run(struct dns_server *s, struct dns_job *job, nsec_t now, struct fx *fx)
{
	char text[DNS_TEXT_LEN];
	struct dns_frame f = { .name = job->name,
			       .text = dns_name_text(&job->name, text),
			       .type = job->type,
			       .rd = true,
			       .glue = job->glue,
			       .job = job };
	struct dns_found found;
	enum dns_outcome outcome;

	decide(fx, "dns.resolver.server.continue-search", V_TEXT("name", text));
	dns_found_init(&found);
	outcome = dns_search(s, &f, now, fx, &found);
	if (job->n_late > 0 && (outcome == DNS_FAILURE || outcome == DNS_CYCLE)) {
		job->again = true;
		dns_found_init(&found);
		outcome = dns_search(s, &f, now, fx, &found);
	}
	if (outcome == DNS_PENDING) {
		decide(fx, "dns.resolver.server.pending", V_TEXT("name", text),
		       V_INT("clients", job->n_waiters));
		return;
	}
	if (outcome != DNS_FAILURE && outcome != DNS_CYCLE)
		decide(fx, "dns.resolver.server.continue", V_TEXT("name", text));
	finish(s, job, outcome, &found, now, fx);
}

void dns_jobs_run(struct dns_server *s, nsec_t now, struct fx *fx)
{
	struct dns_job *job;

	for (unsigned n = 0; n < RUNS_PER_EVENT && s->n_replied < DNS_REPLIES_PER_EVENT; n++) {
		job = take_ready(s);
		if (!job)
			break;
		run(s, job, now, fx);
	}
}

/* --- events --- */

/* Other servers are asked while it is still listened to; if that is too much, it is repeated now.
 */
static void put_aside(struct dns_server *s, struct dns_job *job, struct dns_query *q, nsec_t now,
		      struct fx *fx)
{
	if (job->n_late == DNS_LATE_MAX || s->asker.n_busy > s->asker.max / 2) {
		dns_query_repeat(&s->asker, fx, now, q, REPEAT_NS);
		return;
	}
	job->late[job->n_late++] = q;
	job->query = NULL;
	make_ready(s, job);
}

/* One server said what is of no use, or nothing. */
static void drop_query(struct dns_server *s, struct dns_job *job, struct dns_query *q,
		       struct fx *fx)
{
	if (q == job->query)
		job->query = NULL;
	else
		unlist_late(job, find_late(job, &q->server));
	dns_query_end(&s->asker, fx, q);
	if (!job->query && !job->child)
		make_ready(s, job);
}

static void hear(struct dns_server *s, struct dns_job *job, const struct dns_news *n, nsec_t now,
		 struct fx *fx)
{
	struct dns_query *q = n->query;
	char name[DNS_TEXT_LEN];

	(void)dns_name_text(&q->name, name);
	if (n->heard == DNS_HEARD_ANSWER) {
		decide(fx, "dns.resolver.server-owned", V_TEXT("name", name),
		       V_ADDR("server", q->server));
		decide(fx, "dns.resolver.server.clear-waiting", V_TEXT("name", name));
		dns_learn(s, q, &n->msg, now, fx);
	} else {
		decide(fx, "dns.resolver.server.timeout", V_TEXT("name", name),
		       V_ADDR("server", q->server), V_TEXT("reason", n->why));
		dns_failed_add(s, &q->name, q->type, &q->server, n->why, now, fx);
	}
	if (dns_failed_has(s, &q->name, q->type, &q->server)) {
		drop_query(s, job, q, fx);
		return;
	}
	end_queries(s, job, fx); /* the search goes on from here */
	leave_child(s, job, fx);
	make_ready(s, job);
}

void dns_jobs_news(struct dns_server *s, const struct dns_news *n, nsec_t now, struct fx *fx)
{
	struct dns_job *job;

	if (n->heard == DNS_HEARD_NOTHING)
		return;
	job = n->query->owner;
	if (n->heard == DNS_HEARD_LATE)
		put_aside(s, job, n->query, now, fx);
	else
		hear(s, job, n, now, fx);
	dns_jobs_run(s, now, fx);
}

/* The clients have waited long enough (RFC 1034 §5.3.3 bounds the work). */
void dns_jobs_timer(struct dns_server *s, struct dns_timer *t, nsec_t now, struct fx *fx)
{
	struct dns_job *job = dns_timer_owner(t, struct dns_job);
	char name[DNS_TEXT_LEN];
	struct dns_found nothing;

	decide(fx, "dns.resolver.server.limit", V_TEXT("name", dns_name_text(&job->name, name)),
	       V_DUR("after", s->conf->search_ns), V_INT("queries", job->n_queries));
	dns_found_init(&nothing);
	finish(s, job, DNS_FAILURE, &nothing, now, fx);
	dns_jobs_run(s, now, fx);
}

/* --- clean up --- */

static void drop_waiters_of(struct dns_server *s, struct dns_job *job, uint32_t sock)
{
	struct dns_waiter **at = &job->waiters;

	while (*at) {
		struct dns_waiter *w = *at;

		if (!w->req.tcp || w->req.sock != sock) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		free(w);
		job->n_waiters--;
		s->n_waiters--;
	}
}

void dns_jobs_drop_conn(struct dns_server *s, uint32_t sock)
{
	for (size_t b = 0; s->n_waiters && b < s->jobs.n_buckets; b++)
		for (struct dns_link *l = s->jobs.buckets[b]; l; l = l->next)
			drop_waiters_of(s, (struct dns_job *)(void *)l, sock);
}

void dns_jobs_done(struct dns_server *s)
{
	for (size_t b = 0; b < s->jobs.n_buckets; b++) {
		while (s->jobs.buckets[b]) {
			struct dns_job *job = (struct dns_job *)(void *)s->jobs.buckets[b];

			timer_clear(&s->timers, &job->timer.t);
			dns_table_del(&s->jobs, &job->link);
			free_waiters(s, job);
			free(job);
		}
	}
	dns_table_done(&s->jobs);
}
