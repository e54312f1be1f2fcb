#include "dns/dns_server.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

/* --- servers to ask --- */

bool dns_server_is_self(const struct dns_server *s, const struct addr *a)
{
	static const uint8_t loopback6[16] = { [15] = 1 };

	if (a->family == 4 ? a->b[0] == 127 : !memcmp(a->b, loopback6, sizeof(loopback6)))
		return true;
	return device_has_addr(s->dev, a);
}

static void add_forwarder(struct dns_server *s, const struct addr *a)
{
	for (unsigned i = 0; i < s->n_forwarders; i++)
		if (addr_equal(&s->forwarders[i], a))
			return;
	if (s->n_forwarders < DNS_SERVERS_MAX && !dns_server_is_self(s, a))
		s->forwarders[s->n_forwarders++] = *a;
}

/* ip dns forwarder; else ip name-server, as IOS does; else, with no root hints to go by, the
 * servers that the device has learned. */
static void find_forwarders(struct dns_server *s)
{
	const struct dns_conf *conf = s->conf;

	s->n_forwarders = 0;
	for (unsigned i = 0; i < conf->n_forwarders; i++)
		add_forwarder(s, &conf->forwarders[i]);
	for (unsigned i = 0; i < conf->n_name_servers && !conf->n_forwarders; i++)
		add_forwarder(s, &conf->name_servers[i]);
	if (s->n_forwarders || conf->n_hints)
		return;
	for (unsigned i = 0; i < s->dev->n_resolvers; i++)
		for (unsigned k = 0; k < s->dev->resolvers[i].n_servers; k++)
			add_forwarder(s, &s->dev->resolvers[i].servers[k]);
}

/* --- sockets --- */

static void bind_udp(struct fx *fx, uint32_t sock, uint8_t family)
{
	struct fx_bind b = { .sock = sock,
			     .kind = SOCK_UDP,
			     .local = { { .family = family }, DNS_PORT } };

	fx_bind(fx, &b);
}

static void listen_tcp(struct fx *fx, uint32_t sock, uint8_t family)
{
	struct ep local = { { .family = family }, DNS_PORT };

	fx_listen(fx, sock, &local);
}

/* UDP stays bound while the service is off, so that a query meets a decision and not an ICMP error;
 * TCP does not listen then. */
static void sockets(struct dns_server *s, struct fx *fx)
{
	if (!s->bound) {
		bind_udp(fx, DNS_SOCK_UDP4, 4);
		bind_udp(fx, DNS_SOCK_UDP6, 6);
		s->bound = true;
	}
	if (s->conf->server == s->listening)
		return;
	s->listening = s->conf->server;
	if (s->listening) {
		listen_tcp(fx, DNS_SOCK_TCP4, 4);
		listen_tcp(fx, DNS_SOCK_TCP6, 6);
		return;
	}
	fx_close(fx, DNS_SOCK_TCP4, CLOSE_FLUSH);
	fx_close(fx, DNS_SOCK_TCP6, CLOSE_FLUSH);
	dns_stream_close_all(s, fx);
}

void dns_server_rebuild(struct dns_server *s, struct fx *fx)
{
	dns_axfr_abort(s, fx);
	dns_db_free(s->db);
	s->db = dns_build(s);
	if (s->conf->server || s->n_published) {
		dns_publish_begin(s);
		dns_publish(s, fx);
	}
}

static void configure(struct dns_server *s, struct fx *fx)
{
	find_forwarders(s);
	sockets(s, fx);
	dns_server_rebuild(s, fx);
}

/* --- a message --- */

static void drop(struct dns_server *s, const struct dns_request *req, const char *why,
		 struct fx *fx)
{
	s->stats.dropped++;
	decide_at(fx, "dns.server.drop-invalid", req->offset, V_ADDR("client", req->client.addr),
		  V_TEXT("reason", why));
	if (req->tcp)
		dns_stream_answered(s, req->sock, fx);
}

/* Who sent an OPT record gets one, in an error too (RFC 6891 §6.1.1). */
static void reply_error(struct dns_server *s, struct dns_request *req, struct dns_msg *m,
			unsigned rcode, struct fx *fx)
{
	const char *why;

	if (!dns_msg_read(m, &why) && m->edns.present) {
		req->edns = true;
		req->udp_size = m->edns.udp_size;
	}
	s->stats.failures++;
	dns_reply_code(s, req, rcode, false, fx);
}

/* The header, then all of it; true when a question may be answered. */
static bool readable(struct dns_server *s, struct dns_request *req, struct dns_msg *m,
		     const uint8_t *data, size_t len, struct fx *fx)
{
	const char *why = "the question count is not 1";

	if (dns_msg_header(data, len, m)) {
		drop(s, req, "shorter than a DNS header", fx);
		return false;
	}
	req->id = m->id;
	req->flags = m->flags;
	if (m->flags & DNS_QR) {
		drop(s, req, "it is a response", fx);
		return false;
	}
	if (dns_opcode(m->flags) != DNS_QUERY &&
	    !(dns_opcode(m->flags) == DNS_UPDATE && dns_update_enabled(s))) {
		decide_at(fx, "dns.server.notimp", req->offset,
			  V_INT("opcode", dns_opcode(m->flags)),
			  V_ADDR("client", req->client.addr));
		reply_error(s, req, m, DNS_NOTIMP, fx);
		return false;
	}
	if (m->n_question != 1 || dns_msg_read(m, &why)) {
		decide_at(fx, "dns.server.formerr", req->offset, V_TEXT("reason", why),
			  V_ADDR("client", req->client.addr));
		reply_error(s, req, m, DNS_FORMERR, fx);
		return false;
	}
	return true;
}

/* RFC 6891 §6.1.3: other versions are answered with ours. */
static bool edns_ok(struct dns_server *s, struct dns_request *req, const struct dns_msg *m,
		    struct fx *fx)
{
	if (!m->edns.present)
		return true;
	req->edns = true;
	req->udp_size = m->edns.udp_size;
	decide(fx, "dns.server.edns", V_INT("version", m->edns.version),
	       V_INT("udp_size", req->udp_size));
	if (m->edns.version == 0)
		return true;
	s->stats.failures++;
	dns_reply_code(s, req, DNS_BADVERS, true, fx);
	return false;
}

/* Waits at the job that the search became; refuses when too many do. */
static void wait(struct dns_server *s, const struct dns_request *req, const struct dns_found *found,
		 nsec_t now, struct fx *fx)
{
	struct dns_job *job = found->waits_for;

	if (dns_job_add_waiter(s, job, req)) {
		decide(fx, "dns.server.pending", V_ADDR("client", req->client.addr),
		       V_INT("clients", job->n_waiters));
		return;
	}
	decide(fx, "dns.search.too-many", V_TEXT("name", "its clients"),
	       V_INT("searches", s->n_waiters));
	dns_reply(s, req, DNS_FAILURE, found, false, now, fx);
}

static void answer(struct dns_server *s, const struct dns_request *req, const char *text,
		   nsec_t now, struct fx *fx)
{
	struct dns_frame f = { .name = req->q.name,
			       .text = text,
			       .type = req->q.type,
			       .rd = (req->flags & DNS_RD) != 0 };
	struct dns_found found;
	enum dns_outcome outcome;

	dns_found_init(&found);
	decide(fx, "dns.server.search", V_TEXT("name", text));
	if (!f.rd)
		decide(fx, "dns.server.rd-clear", V_TEXT("name", text));
	outcome = dns_search(s, &f, now, fx, &found);
	if (outcome == DNS_PENDING)
		wait(s, req, &found, now, fx);
	else
		dns_reply(s, req, outcome, &found, false, now, fx);
}

static void refuse_class(struct dns_server *s, const struct dns_request *req, nsec_t now,
			 struct fx *fx)
{
	struct dns_found nothing;

	dns_found_init(&nothing);
	dns_reply(s, req, DNS_REFUSE, &nothing, false, now, fx);
}

void dns_server_message(struct dns_server *s, struct dns_request *req, const uint8_t *data,
			size_t len, nsec_t now, struct fx *fx)
{
	char text[DNS_TEXT_LEN], type[12];
	struct dns_msg m;

	if (req->tcp)
		s->stats.tcp++;
	if (!readable(s, req, &m, data, len, fx))
		return;
	req->q = m.q;
	decide_at(fx, "dns.server.extract-query", req->offset,
		  V_TEXT("name", dns_name_text(&m.q.name, text)),
		  V_TEXT("type", dns_type_text(m.q.type, type)), V_ADDR("client", req->client.addr),
		  V_INT("id", req->id));
	if (!edns_ok(s, req, &m, fx))
		return;
	if (dns_opcode(m.flags) == DNS_UPDATE)
		dns_update(s, req, &m, fx);
	else if (m.q.class != DNS_CLASS_IN)
		refuse_class(s, req, now, fx);
	else if (m.q.type == DNS_AXFR || m.q.type == DNS_IXFR)
		dns_axfr(s, req, &m, now, fx);
	else
		answer(s, req, text, now, fx);
}

static void datagram(struct dns_server *s, const struct ev *ev, struct fx *fx)
{
	struct dns_request req = { .client = ev->dgram.src,
				   .local = ev->dgram.dst,
				   .ifid = ev->dgram.ifid,
				   .sock = ev->dgram.sock,
				   .cause = ev->cause };

	if (!s->conf->server) {
		s->stats.dropped++;
		decide(fx, "dns.server.drop-disabled", V_ADDR("client", ev->dgram.src.addr));
		return;
	}
	/* A query to a broadcast address is answered from one that is ours. */
	if (!dns_server_is_self(s, &req.local.addr))
		req.local = (struct ep){ 0 };
	s->stats.udp++;
	dns_server_message(s, &req, ev->dgram.data, ev->dgram.len, ev->now, fx);
}

/* --- the machine --- */

static void *create(const struct machine_env *env)
{
	struct dns_server *s = dns_alloc(sizeof(*s));

	s->dev = env->dev;
	s->conf = env->conf;
	s->seed = hash_mix(env->seed, 3);
	s->db = dns_db_new(s->seed);
	dns_cache_init(&s->cache, "server", s->seed, &s->timers);
	dns_asker_init(&s->asker, hash_mix(env->seed, 4), &s->timers, DNS_SOCK_QUERIES,
		       DNS_QUERIES_MAX);
	return s;
}

static void destroy(void *machine)
{
	struct dns_server *s = machine;

	if (!s)
		return;
	dns_streams_done(s);
	dns_jobs_done(s);
	dns_failed_clear(s, NULL);
	dns_asker_done(&s->asker);
	dns_cache_done(&s->cache);
	dns_publish_done(s);
	dns_overlay_done(s);
	timers_done(&s->timers);
	dns_db_free(s->db);
	free(s->big);
	free(s);
}

static void timer(struct dns_server *s, struct dns_timer *t, nsec_t now, struct fx *fx)
{
	struct dns_news n;

	switch (t->kind) {
	case DNS_TIMER_CACHE:
		s->n_facts += dns_cache_expire(&s->cache, fx, t);
		break;
	case DNS_TIMER_QUERY:
		dns_asker_timer(&s->asker, t, now, fx, &n);
		dns_jobs_news(s, &n, now, fx);
		break;
	case DNS_TIMER_FAILED:
		dns_failed_expire(s, t, fx);
		break;
	case DNS_TIMER_JOB:
		dns_jobs_timer(s, t, now, fx);
		break;
	case DNS_TIMER_CONN:
		dns_stream_timer(s, t, now, fx);
		break;
	}
}

/* A bounded piece of what is due; deadline() stays in the past until all is done. */
static void timers(struct dns_server *s, nsec_t now, struct fx *fx)
{
	if (s->publishing)
		dns_publish(s, fx);
	if (s->ready)
		dns_jobs_run(s, now, fx);
	for (unsigned n = 0; n < DNS_TIMERS_PER_EVENT && s->n_replied < DNS_REPLIES_PER_EVENT &&
			     s->n_facts < DNS_FACTS_PER_EVENT;
	     n++) {
		struct dns_timer *t = (struct dns_timer *)(void *)timers_pop(&s->timers, now);

		if (!t)
			return;
		timer(s, t, now, fx);
	}
}

static void elsewhere(struct dns_server *s, const struct ev *ev, struct fx *fx)
{
	struct dns_news n;

	dns_asker_event(&s->asker, ev, fx, &n);
	dns_jobs_news(s, &n, ev->now, fx);
}

static bool is_accepted(uint32_t sock)
{
	return sock >= SOCK_ACCEPTED;
}

static void stream_event(struct dns_server *s, const struct ev *ev, struct fx *fx)
{
	if (ev->kind == EV_OPENED && ev->opened.listener)
		dns_stream_opened(s, ev, fx);
	else if (ev->kind == EV_BYTES && is_accepted(ev->bytes.sock))
		dns_stream_bytes(s, ev, fx);
	else if (ev->kind == EV_CLOSED && is_accepted(ev->closed.sock))
		dns_stream_closed(s, ev, fx);
	else
		elsewhere(s, ev, fx);
}

static void event(void *machine, const struct ev *ev, struct fx *fx)
{
	struct dns_server *s = machine;

	s->n_replied = s->n_facts = 0;
	s->by_timer = ev->kind == EV_TIMER;
	switch (ev->kind) {
	case EV_DATAGRAM:
		if (ev->dgram.sock < DNS_SOCK_QUERIES)
			datagram(s, ev, fx);
		else
			elsewhere(s, ev, fx);
		break;
	case EV_OPENED:
	case EV_BYTES:
	case EV_CLOSED:
		stream_event(s, ev, fx);
		break;
	case EV_DRAINED:
		dns_stream_drained(s, ev, fx);
		break;
	case EV_DONE:
		if (is_accepted(ev->done.sock))
			dns_stream_failed(s, ev, fx);
		else
			elsewhere(s, ev, fx);
		break;
	case EV_TIMER:
		timers(s, ev->now, fx);
		break;
	case EV_START:
		s->changes_at_start = s->conf->changes;
		dns_restore_serials(s);
		configure(s, fx);
		break;
	case EV_CONF:
		configure(s, fx);
		break;
	case EV_ADDR:
		find_forwarders(s);
		break;
	case EV_RESTORE:
		dns_restore(s, ev);
		break;
	case EV_LINK:
	case EV_ASK:
	case EV_ANSWER:
	case EV_LOG:
	case EV_INPUT:
	case EV_LINE:
	case EV_STOP:
		break;
	}
}

static nsec_t deadline(const void *machine)
{
	const struct dns_server *s = machine;

	return s->publishing || s->ready ? 0 : timers_deadline(&s->timers);
}

const struct machine_class dns_server_class = {
	.name = "dns.server",
	.kinds = BIT(KIND_SERVER) | BIT(KIND_ROUTER),
	.create = create,
	.destroy = destroy,
	.event = event,
	.deadline = deadline,
};
