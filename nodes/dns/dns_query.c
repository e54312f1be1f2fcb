#include "dns/dns_query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dns/dns_table.h"

enum {
	PORT_MIN = 1024,
	PORT_MAX = 65535,
	REBINDS = 8,	 /* ports drawn before a query gives up */
	QUERY_LEN = 512, /* a header, the longest name and its type always fit */
};

void dns_asker_init(struct dns_asker *a, uint64_t seed, struct timer_heap *timers,
		    uint32_t sock_base, unsigned max)
{
	rng_seed(&a->rng, seed);
	a->timers = timers;
	a->sock_base = sock_base;
	a->generation = 0;
	a->max = max < DNS_QUERIES_MAX ? max : DNS_QUERIES_MAX;
	a->n_busy = 0;
	memset(a->queries, 0, sizeof(a->queries));
}

void dns_asker_done(struct dns_asker *a)
{
	for (unsigned i = 0; i < a->max; i++) {
		if (!a->queries[i])
			continue;
		timer_clear(a->timers, &a->queries[i]->timer.t);
		sbuf_done(&a->queries[i]->in);
		free(a->queries[i]);
	}
}

/* Numbers carry their query's place, and differ from those of closed sockets whose last events may
 * still be on the way. */
static uint32_t new_sock(struct dns_asker *a, unsigned slot)
{
	uint32_t rounds = (SOCK_ACCEPTED - a->sock_base) / a->max;

	a->generation = (a->generation + 1) % rounds;
	return a->sock_base + a->generation * a->max + slot;
}

static struct dns_query *by_sock(const struct dns_asker *a, uint32_t sock)
{
	struct dns_query *q;

	if (sock < a->sock_base || sock >= SOCK_ACCEPTED)
		return NULL;
	q = a->queries[(sock - a->sock_base) % a->max];
	return q && q->state != DNS_Q_FREE && q->sock == sock ? q : NULL;
}

static unsigned slot_of(const struct dns_asker *a, const struct dns_query *q)
{
	return (q->sock - a->sock_base) % a->max;
}

static struct dns_query *take_free(struct dns_asker *a)
{
	for (unsigned i = 0; i < a->max; i++) {
		struct dns_query *q = a->queries[i];

		if (q && q->state != DNS_Q_FREE)
			continue;
		if (!q) {
			q = a->queries[i] = dns_alloc(sizeof(*q));
			q->timer.kind = DNS_TIMER_QUERY;
			q->in = SBUF(2 + DNS_MSG_MAX);
		}
		q->sock = new_sock(a, i);
		a->n_busy++;
		return q;
	}
	return NULL;
}

/* --- sending --- */

static void bind_fresh_port(struct dns_asker *a, struct dns_query *q, struct fx *fx)
{
	struct fx_bind b = { .sock = q->sock, .kind = SOCK_UDP };

	q->port = (uint16_t)(PORT_MIN + rng_below(&a->rng, PORT_MAX - PORT_MIN + 1));
	b.local = (struct ep){ .addr = { .family = q->server.family }, .port = q->port };
	fx_bind(fx, &b);
}

static size_t build(const struct dns_query *q, uint8_t *buf, size_t size, bool stream)
{
	struct dns_out o;

	dns_out_begin(&o, buf, size, size, stream);
	o.id = q->id;
	o.flags = q->rd ? DNS_RD : 0;
	dns_out_question(&o, &q->name, q->type, DNS_CLASS_IN);
	return dns_out_end(&o);
}

static void send_udp(struct dns_query *q, struct fx *fx, nsec_t now, struct dns_asker *a)
{
	uint8_t buf[QUERY_LEN];
	struct fx_send s = { .sock = q->sock, .dst = { q->server, DNS_PORT }, .data = buf };

	s.len = build(q, buf, sizeof(buf), false);
	fx_send(fx, &s);
	timer_set(a->timers, &q->timer.t, now + q->timeout_ns);
}

struct dns_query *dns_ask(struct dns_asker *a, struct fx *fx, nsec_t now, const struct dns_ask *ask)
{
	struct dns_query *q = take_free(a);
	char name[DNS_TEXT_LEN], type[12];

	if (!q)
		return NULL;
	q->state = DNS_Q_UDP;
	q->server = ask->server;
	q->name = ask->name;
	q->zone = ask->zone;
	q->type = ask->type;
	q->rd = ask->rd;
	q->patient = ask->patient;
	q->tries_left = ask->repeats;
	q->rebinds_left = REBINDS;
	q->timeout_ns = ask->timeout_ns;
	q->owner = ask->owner;
	q->id = (uint16_t)rng_u32(&a->rng);
	decide(fx, "dns.resolver.create-query", V_TEXT("name", dns_name_text(&q->name, name)),
	       V_TEXT("rd", q->rd ? "yes" : "no"));
	bind_fresh_port(a, q, fx);
	decide(fx, "dns.resolver.random-id", V_INT("id", q->id), V_INT("port", q->port));
	decide(fx, "dns.resolver.type-a", V_TEXT("type", dns_type_text(q->type, type)));
	decide(fx, "dns.resolver.send-udp", V_TEXT("name", name), V_ADDR("server", q->server),
	       V_INT("id", q->id));
	send_udp(q, fx, now, a);
	return q;
}

void dns_query_repeat(struct dns_asker *a, struct fx *fx, nsec_t now, struct dns_query *q,
		      nsec_t timeout_ns)
{
	q->timeout_ns = timeout_ns;
	send_udp(q, fx, now, a);
}

void dns_query_end(struct dns_asker *a, struct fx *fx, struct dns_query *q)
{
	timer_clear(a->timers, &q->timer.t);
	fx_close(fx, q->sock, CLOSE_FLUSH);
	sbuf_done(&q->in);
	q->in = SBUF(2 + DNS_MSG_MAX);
	q->state = DNS_Q_FREE;
	q->owner = NULL;
	a->n_busy--;
}

/* --- over TCP --- */

/* RFC 7766 §5: the same question again, over a connection. */
static void go_tcp(struct dns_asker *a, struct dns_query *q, nsec_t now, struct fx *fx)
{
	struct ep peer = { q->server, DNS_PORT };

	decide(fx, "dns.resolver.truncated", V_ADDR("server", q->server), V_INT("id", q->id));
	fx_close(fx, q->sock, CLOSE_FLUSH);
	q->sock = new_sock(a, slot_of(a, q));
	q->state = DNS_Q_CONNECTING;
	q->tries_left = 0;
	fx_connect(fx, q->sock, &peer);
	timer_set(a->timers, &q->timer.t, now + q->timeout_ns);
}

static void opened(struct dns_asker *a, struct dns_query *q, nsec_t now, struct fx *fx)
{
	uint8_t buf[QUERY_LEN];

	q->state = DNS_Q_TCP;
	fx_write(fx, q->sock, buf, build(q, buf, sizeof(buf), true));
	timer_set(a->timers, &q->timer.t, now + q->timeout_ns);
}

/* --- hearing --- */

/* Every reason that a message is not the answer to a query of ours is a decision of its own. */
static void drop_invalid(struct fx *fx, const struct addr *from, const char *why)
{
	decide(fx, "dns.resolver.drop-invalid", V_ADDR("from", *from), V_TEXT("reason", why));
}

static bool id_is_pending(const struct dns_asker *a, uint16_t id)
{
	for (unsigned i = 0; i < a->max; i++) {
		const struct dns_query *q = a->queries[i];

		if (q && q->state != DNS_Q_FREE && q->id == id)
			return true;
	}
	return false;
}

/* What of |m| is not as asked (RFC 5452 §9.1); NULL when all is. A server that could not read the
 * question may leave it out of its error (RFC 1035 §7.3). */
static const char *mismatch(const struct dns_query *q, const struct dns_msg *m,
			    const struct ep *from)
{
	if (!addr_equal(&from->addr, &q->server))
		return "the address is not the server's";
	if (from->port != DNS_PORT)
		return "the port is not 53";
	if (m->id != q->id)
		return "the id belongs to another port";
	if (m->n_question == 0 && dns_rcode(m->flags) != DNS_NOERROR)
		return NULL;
	if (m->n_question != 1 || m->q.type != q->type || m->q.class != DNS_CLASS_IN ||
	    !dns_name_equal(&m->q.name, &q->name))
		return "the question is another";
	return NULL;
}

/* Decodes and checks; true when the message is the response to |q|. */
static bool acceptable(const struct dns_asker *a, const struct dns_query *q, const struct ep *from,
		       struct dns_msg *m, struct fx *fx)
{
	const char *why = "shorter than a DNS header";
	int err = m->data ? dns_msg_header(m->data, m->len, m) : -EBADMSG;

	if (!err && !(m->flags & DNS_QR)) {
		why = "it is a query";
		err = -EBADMSG;
	}
	/* A truncated message may end anywhere; what matters of it is its TC bit. */
	if (!err && dns_msg_read(m, &why) && !(m->flags & DNS_TC))
		err = -EBADMSG;
	if (err) {
		drop_invalid(fx, &from->addr, why);
		return false;
	}
	if (!id_is_pending(a, m->id)) {
		decide(fx, "dns.resolver.drop-id-mismatch", V_ADDR("from", from->addr),
		       V_INT("id", m->id));
		return false;
	}
	why = mismatch(q, m, from);
	if (why) {
		decide(fx, "dns.resolver.drop-source-mismatch", V_ADDR("from", from->addr),
		       V_INT("id", m->id), V_TEXT("reason", why));
		return false;
	}
	decide(fx, "dns.resolver.id-match", V_INT("id", m->id));
	return true;
}

static void note_case(const struct dns_query *q, const struct dns_msg *m, struct fx *fx)
{
	char asked[DNS_TEXT_LEN], answered[DNS_TEXT_LEN];

	if (m->n_question && !dns_name_same_case(&q->name, &m->q.name))
		decide(fx, "dns.name.case", V_TEXT("asked", dns_name_text(&q->name, asked)),
		       V_TEXT("found", dns_name_text(&m->q.name, answered)));
}

static void heard(struct dns_asker *a, struct dns_query *q, const struct ep *from, bool tcp,
		  nsec_t now, struct fx *fx, struct dns_news *ret)
{
	decide(fx, "dns.resolver.receive", V_ADDR("from", from->addr));
	if (!acceptable(a, q, from, &ret->msg, fx))
		return;
	note_case(q, &ret->msg, fx);
	if (!tcp && ret->msg.flags & DNS_TC) {
		go_tcp(a, q, now, fx);
		return;
	}
	ret->query = q;
	ret->heard = DNS_HEARD_ANSWER;
}

static void silence(struct dns_news *ret, struct dns_query *q, const char *why)
{
	ret->query = q;
	ret->heard = DNS_HEARD_SILENCE;
	ret->why = why;
}

static void heard_bytes(struct dns_asker *a, struct dns_query *q, const struct ev *ev,
			struct fx *fx, struct dns_news *ret)
{
	struct ep from = { q->server, DNS_PORT };
	const uint8_t *in;
	size_t len;

	if (sbuf_put(&q->in, ev->bytes.data, ev->bytes.len)) {
		silence(ret, q, "the server sent more than one message");
		return;
	}
	in = (const uint8_t *)q->in.data;
	if (q->in.len < 2)
		return;
	len = (size_t)in[0] << 8 | in[1];
	if (q->in.len < 2 + len)
		return;
	ret->msg.data = in + 2;
	ret->msg.len = len;
	heard(a, q, &from, true, ev->now, fx, ret);
	if (ret->heard == DNS_HEARD_NOTHING) /* the connection is of no more use */
		silence(ret, q, "the answer over TCP cannot be used");
}

static void done(struct dns_asker *a, struct dns_query *q, const struct ev *ev, struct fx *fx,
		 struct dns_news *ret)
{
	if (ev->done.what == FX_BIND && ev->done.err == EADDRINUSE && q->rebinds_left) {
		/* Somebody has this port: another one, the same query. */
		q->rebinds_left--;
		q->sock = new_sock(a, slot_of(a, q));
		bind_fresh_port(a, q, fx);
		send_udp(q, fx, ev->now, a);
		return;
	}
	if (ev->done.what == FX_CLOSE)
		return;
	decide(fx, "dns.resolver.send-failed", V_ADDR("server", q->server),
	       V_TEXT("error", ev->done.text));
	silence(ret, q, ev->done.text);
}

void dns_asker_event(struct dns_asker *a, const struct ev *ev, struct fx *fx, struct dns_news *ret)
{
	struct dns_query *q;

	ret->heard = DNS_HEARD_NOTHING;
	if (ev->kind == EV_DATAGRAM && (q = by_sock(a, ev->dgram.sock)) != NULL) {
		ret->msg.data = ev->dgram.data;
		ret->msg.len = ev->dgram.len;
		heard(a, q, &ev->dgram.src, false, ev->now, fx, ret);
	} else if (ev->kind == EV_OPENED && (q = by_sock(a, ev->opened.sock)) != NULL) {
		opened(a, q, ev->now, fx);
	} else if (ev->kind == EV_BYTES && (q = by_sock(a, ev->bytes.sock)) != NULL) {
		heard_bytes(a, q, ev, fx, ret);
	} else if (ev->kind == EV_CLOSED && (q = by_sock(a, ev->closed.sock)) != NULL) {
		silence(ret, q, "the server closed the connection");
	} else if (ev->kind == EV_DONE && (q = by_sock(a, ev->done.sock)) != NULL) {
		done(a, q, ev, fx, ret);
	}
}

void dns_asker_timer(struct dns_asker *a, struct dns_timer *timer, nsec_t now, struct fx *fx,
		     struct dns_news *ret)
{
	struct dns_query *q = dns_timer_owner(timer, struct dns_query);
	char name[DNS_TEXT_LEN];

	ret->heard = DNS_HEARD_NOTHING;
	decide(fx, "dns.resolver.timeout", V_TEXT("name", dns_name_text(&q->name, name)),
	       V_ADDR("server", q->server), V_DUR("after", q->timeout_ns),
	       V_INT("repeats_left", q->tries_left));
	if (!q->tries_left) {
		silence(ret, q, "no answer in time");
		return;
	}
	q->tries_left--;
	if (q->patient) {
		ret->query = q;
		ret->heard = DNS_HEARD_LATE;
		return;
	}
	send_udp(q, fx, now, a);
}
