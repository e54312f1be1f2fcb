/* The origin server's machine: listener, connections, events and timers. */
#include "http/http_server.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/pages.h"

enum {
	ASK_SLOT_BITS = 10,
	ASK_SEQ_MASK = (1 << 20) - 1, /* ids of gateways are above INT32_MAX */
	/* A peer that reads or sends fewer octets a second than this is given up. */
	RATE_MIN = 1000,
	KEEP_IN_MAX = 64 << 10, /* octets of an empty buffer that are kept for the next request */
};
static_assert(HTTP_CONNECTIONS_MAX <= 1 << ASK_SLOT_BITS, "an ask id holds a connection's slot");

#define ASK_WAIT       (60 * SEC) /* for another machine's answer */
#define HANDSHAKE_WAIT (10 * SEC) /* for the end of TLS's handshake */

/* --- connections ---------------------------------------------------------------------------- */

static const unsigned legal_moves[N_CONN_STATES] = {
	[CONN_HANDSHAKE] = BIT(CONN_IDLE) | BIT(CONN_CLOSED),
	[CONN_IDLE] = BIT(CONN_HEAD) | BIT(CONN_LOGIN) | BIT(CONN_BODY) | BIT(CONN_FULL) |
		      BIT(CONN_CLOSED),
	[CONN_HEAD] = BIT(CONN_IDLE) | BIT(CONN_LOGIN) | BIT(CONN_BODY) | BIT(CONN_FULL) |
		      BIT(CONN_CLOSED),
	[CONN_LOGIN] = BIT(CONN_IDLE) | BIT(CONN_BODY) | BIT(CONN_FULL) | BIT(CONN_CLOSED),
	[CONN_BODY] = BIT(CONN_IDLE) | BIT(CONN_FILE) | BIT(CONN_GATEWAY) | BIT(CONN_FULL) |
		      BIT(CONN_CLOSED),
	[CONN_FILE] = BIT(CONN_IDLE) | BIT(CONN_FULL) | BIT(CONN_CLOSED),
	[CONN_GATEWAY] = BIT(CONN_IDLE) | BIT(CONN_FULL) | BIT(CONN_CLOSED),
	[CONN_FULL] = BIT(CONN_IDLE) | BIT(CONN_CLOSED),
	[CONN_CLOSED] = 0,
};

void http_conn_to(struct conn *c, enum conn_state to)
{
	if (c->state == to)
		return;
	if (!(legal_moves[c->state] & BIT(to)))
		abort();
	c->state = to;
}

static struct conn *conn_find(const struct http_server *s, uint32_t sock)
{
	struct conn *c;

	HASH_FIND_INT(s->conns, &sock, c);
	return c;
}

static int free_slot(const struct http_server *s)
{
	for (unsigned i = 0; i < HTTP_CONNECTIONS_MAX; i++)
		if (!s->slots[i])
			return (int)i;
	return -ENOBUFS;
}

static struct conn *conn_new(struct http_server *s, const struct ev *ev, unsigned slot)
{
	struct conn *c = calloc(1, sizeof(*c));
	char addr[ADDR_TEXT_LEN];

	if (!c)
		abort();
	c->sock = ev->opened.sock;
	c->slot = slot;
	c->peer = ev->opened.peer;
	c->local = ev->opened.local;
	c->opened_ns = c->active_ns = ev->now;
	c->in = SBUF(IN_MAX);
	c->secure = http_listen_is_secure(ev->opened.listener);
	c->state = c->secure ? CONN_HANDSHAKE : CONN_IDLE;
	snprintf(c->key, sizeof(c->key), "%s:%u", addr_format(&c->peer.addr, addr), c->peer.port);
	HASH_ADD_INT(s->conns, sock, c);
	s->slots[slot] = c;
	s->n_conns++;
	return c;
}

static void conn_free(struct http_server *s, struct conn *c)
{
	timer_clear(&s->timers, &c->timer);
	HASH_DEL(s->conns, c);
	s->slots[c->slot] = NULL;
	s->n_conns--;
	sbuf_done(&c->in);
	free(c);
}

void http_conn_close(struct conn *c, struct fx *fx, enum close_how how)
{
	if (c->state == CONN_CLOSED)
		return;
	fx_close(fx, c->sock, how);
	http_conn_to(c, CONN_CLOSED);
}

void http_conn_ask(struct http_server *s, struct conn *c, enum conn_state state,
		   const struct ask *ask, struct fx *fx)
{
	s->ask_seq = (s->ask_seq + 1) & ASK_SEQ_MASK;
	c->ask_id = (s->ask_seq << ASK_SLOT_BITS | c->slot) + 1;
	http_conn_to(c, state);
	fx_ask(fx, c->ask_id, ask);
}

const char *http_conn_data(const struct conn *c)
{
	return sbuf_text(&c->in) + c->in_pos;
}

size_t http_conn_len(const struct conn *c)
{
	return c->in.len - c->in_pos;
}

void http_conn_consume(struct conn *c, size_t n)
{
	c->in_pos += n;
	c->in_offset += n;
	c->scan = 0;
	if (c->in_pos < c->in.len)
		return;
	c->in_pos = 0;
	if (c->in.size > KEEP_IN_MAX)
		sbuf_done(&c->in);
	else
		sbuf_reset(&c->in);
}

/* Appends what came; moves the rest of the buffer to its front when that is worth it. */
static int conn_take(struct conn *c, const void *data, size_t len)
{
	if (c->in_pos > 0 && (c->in_pos >= c->in.len / 2 || c->in.len + len > IN_MAX)) {
		sbuf_consume(&c->in, c->in_pos);
		c->in_pos = 0;
	}
	if (sbuf_put(&c->in, data, len) < 0)
		return -ENOBUFS;
	c->req.head.base = http_conn_data(c);
	return 0;
}

/* The moment at which patience with this connection ends. */
static nsec_t conn_due(const struct http_server *s, const struct conn *c)
{
	nsec_t due = c->active_ns + s->conf->idle_ns, late = NEVER;

	switch (c->state) {
	case CONN_HANDSHAKE:
		due = c->opened_ns + HANDSHAKE_WAIT;
		break;
	case CONN_IDLE:
		if (s->conf->life_ns != NEVER)
			late = c->opened_ns + s->conf->life_ns;
		break;
	case CONN_LOGIN:
	case CONN_FILE:
		due = c->active_ns + ASK_WAIT;
		break;
	case CONN_GATEWAY: /* its own timer ends it sooner */
		due = c->active_ns + s->conf->gateway_ns + ASK_WAIT;
		break;
	case CONN_FULL:
		due += (nsec_t)(c->owed / RATE_MIN) * SEC;
		break;
	case CONN_HEAD: /* octet by octet, for ever, is too slow */
		late = c->head_ns + s->conf->idle_ns;
		break;
	case CONN_BODY:
		late = c->req.start_ns + s->conf->idle_ns +
		       (nsec_t)(c->req.raw_len / RATE_MIN) * SEC;
		break;
	case CONN_CLOSED:
	case N_CONN_STATES:
		break;
	}
	return due < late ? due : late;
}

/* A connection's timer is only moved when it fires too early: most requests leave it alone. */
static void arm(struct http_server *s, struct conn *c, nsec_t now)
{
	nsec_t due = conn_due(s, c);

	if (!timer_is_set(&c->timer) || c->timer.at_ns > due || c->timer.at_ns <= now)
		timer_set(&s->timers, &c->timer, due);
}

/* Ends what is over: an answered request whose peer still has to read, a half-closed stream. */
void http_conn_settle(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx)
{
	if (c->state == CONN_IDLE && c->owed >= FX_STREAM_UNSENT_MAX / 4)
		http_conn_to(c, CONN_FULL);
	if (c->peer_closed && (c->state == CONN_HANDSHAKE || c->state == CONN_IDLE ||
			       c->state == CONN_HEAD || c->state == CONN_BODY))
		http_conn_close(c, fx, CLOSE_FLUSH);
	if (c->state == CONN_CLOSED) {
		if (c->gateway)
			http_gateway_abort(s, c, fx);
		if (c->n_requests > 0)
			fx_fact_end(fx, &http_exchange_fact, c->key, "connection closed");
		conn_free(s, c);
		return;
	}
	arm(s, c, now);
}

void http_conn_run(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx)
{
	unsigned budget = REQUESTS_PER_TURN;
	bool more = true;

	while (more) {
		if (c->state == CONN_BODY) {
			more = http_request_body(s, c, now, fx);
		} else if ((c->state == CONN_IDLE || c->state == CONN_HEAD) &&
			   c->owed < FX_STREAM_UNSENT_MAX / 4) {
			if (budget-- == 0) {
				timer_set(&s->timers, &c->timer, now);
				return;
			}
			more = http_request_begin(s, c, now, fx);
		} else {
			more = false;
		}
	}
	http_conn_settle(s, c, now, fx);
}

/* --- events ----------------------------------------------------------------------------------- */

static void refuse_connection(struct http_server *s, const struct ev *ev, struct fx *fx)
{
	static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"
				     "Content-Length: 0\r\nConnection: close\r\n\r\n";

	s->stats.refused++;
	decide(fx, "http.server.too-many", V_ADDR("client", ev->opened.peer.addr),
	       V_INT("limit", s->conf->max_connections));
	if (!http_listen_is_secure(ev->opened.listener))
		fx_write(fx, ev->opened.sock, answer, sizeof(answer) - 1);
	fx_close(fx, ev->opened.sock, CLOSE_FLUSH);
}

static void on_opened(struct http_server *s, const struct ev *ev, struct fx *fx)
{
	int slot = free_slot(s);
	struct conn *c = ev->opened.tls ? conn_find(s, ev->opened.sock) : NULL;

	if (c) {
		http_secure_done(s, c, ev, fx);
		return;
	}
	if (!http_listen_owns(ev->opened.listener)) {
		http_gateway_event(s, ev, fx);
		return;
	}
	if (slot < 0 || s->n_conns >= s->conf->max_connections) {
		refuse_connection(s, ev, fx);
		return;
	}
	s->stats.connections++;
	c = conn_new(s, ev, (unsigned)slot);
	if (c->secure)
		http_secure_begin(s, c, fx);
	arm(s, c, ev->now);
}

static void on_bytes(struct http_server *s, const struct ev *ev, struct fx *fx)
{
	struct conn *c = conn_find(s, ev->bytes.sock);

	if (!c) {
		http_gateway_event(s, ev, fx);
		return;
	}
	c->active_ns = ev->now;
	if (conn_take(c, ev->bytes.data, ev->bytes.len) < 0) {
		decide_at(fx, "http.server.drop-flood", ev->bytes.offset,
			  V_ADDR("client", c->peer.addr), V_INT("limit", IN_MAX));
		http_conn_close(c, fx, CLOSE_RESET);
	}
	http_conn_run(s, c, ev->now, fx);
}

static void on_drained(struct http_server *s, const struct ev *ev, struct fx *fx)
{
	struct conn *c = conn_find(s, ev->closed.sock);

	if (!c)
		return;
	c->owed = 0;
	c->active_ns = ev->now;
	if (c->state == CONN_FULL)
		http_conn_to(c, CONN_IDLE);
	http_conn_run(s, c, ev->now, fx);
}

static void on_closed(struct http_server *s, const struct ev *ev, struct fx *fx)
{
	struct conn *c = conn_find(s, ev->closed.sock);

	if (!c) {
		http_gateway_event(s, ev, fx);
		return;
	}
	if (ev->closed.err && c->state == CONN_HANDSHAKE)
		http_secure_failed(c, ev->closed.why ? ev->closed.why : strerror(ev->closed.err),
				   fx);
	if (ev->closed.err == 0)
		c->peer_closed = true;
	else
		http_conn_to(c, CONN_CLOSED);
	http_conn_run(s, c, ev->now, fx);
}

/* What was asked for a connection that is gone by now is of no use to anyone. */
static void on_answer(struct http_server *s, const struct ev *ev, struct fx *fx)
{
	uint32_t id = ev->answer.ask_id;
	struct conn *c = id ? s->slots[(id - 1) % HTTP_CONNECTIONS_MAX] : NULL;

	if (http_listen_answer(s, id, ev->answer.answer, fx))
		return;
	if (id > INT32_MAX) {
		http_gateway_event(s, ev, fx);
		return;
	}
	if (!c || c->ask_id != id)
		return;
	c->ask_id = 0;
	if (c->state == CONN_LOGIN)
		http_access_login_answer(s, c, ev->answer.answer, ev->now, fx);
	else if (c->state == CONN_FILE)
		http_file_answer(s, c, ev->answer.answer, ev->now, fx);
	http_conn_run(s, c, ev->now, fx);
}

static void on_done(struct http_server *s, const struct ev *ev, struct fx *fx)
{
	struct conn *c = conn_find(s, ev->done.sock);

	if (http_listen_failed(s, ev, fx))
		return;
	if (c) { /* a write or a file that failed: the stream has a hole */
		decide(fx, "http.server.send-failed", V_ADDR("client", c->peer.addr),
		       V_TEXT("reason", ev->done.text));
		http_conn_close(c, fx, CLOSE_RESET);
		http_conn_run(s, c, ev->now, fx);
	} else {
		http_gateway_event(s, ev, fx);
	}
}

static void conn_timeout(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx)
{
	if (conn_due(s, c) > now) {
		http_conn_run(s, c, now, fx);
		return;
	}
	if (c->state == CONN_HANDSHAKE) {
		http_secure_failed(c, "no handshake in 10 s", fx);
		http_conn_close(c, fx, CLOSE_RESET);
	} else if (c->state == CONN_IDLE) {
		decide(fx, "http.persistent.close-timeout", V_ADDR("client", c->peer.addr),
		       V_DUR("idle", now - c->active_ns), V_INT("requests", c->n_requests));
		http_conn_close(c, fx, CLOSE_FLUSH);
	} else if (c->state == CONN_HEAD || (c->state == CONN_BODY && !c->req.answered)) {
		decide(fx, "http.server.request-timeout", V_ADDR("client", c->peer.addr),
		       V_DUR("waited", now - c->active_ns));
		http_reply_error(s, c, 408, "the rest of the request did not come in time", true,
				 NULL, now, fx);
	} else if (c->state == CONN_LOGIN || c->state == CONN_FILE) {
		decide(fx, "http.server.no-answer", V_ADDR("client", c->peer.addr),
		       V_DUR("waited", now - c->active_ns));
		c->ask_id = 0;
		http_reply_error(s, c, 503, "a part of this device does not answer", true, NULL,
				 now, fx);
	} else {
		decide(fx, "http.server.peer-stuck", V_ADDR("client", c->peer.addr),
		       V_DUR("waited", now - c->active_ns), V_INT("owed", c->owed));
		http_conn_close(c, fx, CLOSE_RESET);
	}
	http_conn_run(s, c, now, fx);
}

static void on_timer(struct http_server *s, nsec_t now, struct fx *fx)
{
	struct timer *t;

	for (unsigned n = 0; n < HTTP_CONNECTIONS_MAX && (t = timers_pop(&s->timers, now)); n++) {
		if (http_gateway_owns(s, t))
			http_gateway_timer(s, t, now, fx);
		else
			conn_timeout(s, timer_owner(t, struct conn, timer), now, fx);
	}
}

/* --- the machine ------------------------------------------------------------------------------ */

int64_t http_server_unix_ns(const struct http_server *s, nsec_t now)
{
	return s->dev->epoch_ns + now;
}

struct tables {
	struct conn *slots[HTTP_CONNECTIONS_MAX];
	struct stored_file *store[STORE_SLOTS];
	uint64_t recent[RECENT_MAX];
	struct record records[RECORDS_MAX];
};

static bool tables_open(struct http_server *s)
{
	struct tables *t = pages_new(sizeof(*t));

	if (!t)
		return false;
	s->slots = t->slots;
	s->store = t->store;
	s->recent = t->recent;
	s->records = t->records;
	return true;
}

static void *server_create(const struct machine_env *env)
{
	const struct http_conf *conf = env->conf;
	struct http_server *s = calloc(1, sizeof(*s));

	if (!s || !tables_open(s)) {
		free(s);
		return NULL;
	}
	s->dev = env->dev;
	s->conf = &conf->server;
	s->seed = env->seed;
	s->date_s = -1;
	s->faces[FACE_SECURE].told_off =
		true; /* only who has switched it on hears that it is off */
	s->out = SBUF(OUT_MAX);
	rng_seed(&s->rng, env->seed);
	return s;
}

static void server_destroy(void *machine)
{
	struct http_server *s = machine;
	struct conn *c, *next;

	if (!s)
		return;
	HASH_ITER(hh, s->conns, c, next)
	conn_free(s, c);
	http_store_clear(s);
	http_records_free(s);
	http_gateways_free(s);
	timers_done(&s->timers);
	sbuf_done(&s->out);
	free(s->identity);
	pages_free(s->slots, sizeof(struct tables)); /* they come first */
	free(s);
}

static void server_event(void *machine, const struct ev *ev, struct fx *fx)
{
	struct http_server *s = machine;

	switch (ev->kind) {
	case EV_START:
	case EV_CONF:
		http_store_clear(s);
		http_listen_apply(s, fx);
		break;
	case EV_ADDR:
		http_listen_apply(s, fx);
		break;
	case EV_OPENED:
		on_opened(s, ev, fx);
		break;
	case EV_BYTES:
		on_bytes(s, ev, fx);
		break;
	case EV_DRAINED:
		on_drained(s, ev, fx);
		break;
	case EV_CLOSED:
		on_closed(s, ev, fx);
		break;
	case EV_TIMER:
		on_timer(s, ev->now, fx);
		break;
	case EV_ANSWER:
		on_answer(s, ev, fx);
		break;
	case EV_DONE:
		on_done(s, ev, fx);
		break;
	case EV_RESTORE:
		if (ev->restore.kind == &http_record_fact)
			http_script_restore(s, ev->restore.key, ev->restore.columns);
		break;
	case EV_LOG:
	case EV_STOP:
		http_listen_close(s, fx);
		break;
	case EV_DATAGRAM:
	case EV_LINK:
	case EV_INPUT:
	case EV_LINE:
	case EV_ASK:
		break;
	}
}

static nsec_t server_deadline(const void *machine)
{
	const struct http_server *s = machine;

	return timers_deadline(&s->timers);
}

const struct machine_class http_server_class = {
	.name = "http.server",
	.kinds = KIND_BIT(KIND_SERVER) | KIND_BIT(KIND_ROUTER),
	.create = server_create,
	.destroy = server_destroy,
	.event = server_event,
	.deadline = server_deadline,
};
