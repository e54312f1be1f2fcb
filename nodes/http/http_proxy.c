/* The proxy's machine: listeners, connections of browsers, events, timers. */
#include "http/http_proxy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_WAIT   (60 * SEC)
#define TUNNEL_WAIT (600 * SEC)

/* --- connections ------------------------------------------------------------------------------ */

static const unsigned legal_moves[N_PX_STATES] = {
	[PX_HEAD] = BIT(PX_BODY) | BIT(PX_RESOLVING) | BIT(PX_CONNECTING) | BIT(PX_CLOSED),
	[PX_BODY] = BIT(PX_HEAD) | BIT(PX_RESOLVING) | BIT(PX_CONNECTING) | BIT(PX_CLOSED),
	[PX_RESOLVING] = BIT(PX_HEAD) | BIT(PX_CONNECTING) | BIT(PX_CLOSED),
	[PX_CONNECTING] = BIT(PX_HEAD) | BIT(PX_WAITING) | BIT(PX_TUNNEL) | BIT(PX_CLOSED),
	[PX_WAITING] = BIT(PX_HEAD) | BIT(PX_RELAYING) | BIT(PX_CLOSED),
	[PX_RELAYING] = BIT(PX_HEAD) | BIT(PX_CLOSED),
	[PX_TUNNEL] = BIT(PX_CLOSED),
	[PX_CLOSED] = 0,
};

void http_px_to(struct px *x, enum px_state to)
{
	if (x->state == to)
		return;
	if (!(legal_moves[x->state] & BIT(to)))
		abort();
	x->state = to;
}

static struct px *by_sock(const struct http_proxy *p, uint32_t sock)
{
	struct px *x;

	HASH_FIND_INT(p->conns, &sock, x);
	return x;
}

/* Connections are few: a walk finds the server's. */
static struct px *by_up(const struct http_proxy *p, uint32_t up)
{
	struct px *x, *next;

	HASH_ITER(hh, p->conns, x, next)
	if (x->up == up && up)
		return x;
	return NULL;
}

static struct px *by_ask(const struct http_proxy *p, uint32_t ask_id)
{
	struct px *x, *next;

	HASH_ITER(hh, p->conns, x, next)
	if (x->ask_id == ask_id && ask_id)
		return x;
	return NULL;
}

static struct px *px_new(struct http_proxy *p, const struct ev *ev)
{
	struct px *x = calloc(1, sizeof(*x));
	char addr[ADDR_TEXT_LEN];

	if (!x)
		abort();
	x->sock = ev->opened.sock;
	x->peer = ev->opened.peer;
	x->active_ns = ev->now;
	x->in.max = PROXY_IN_MAX;
	x->request.max = FX_STREAM_UNSENT_MAX;
	x->raw.max = HTTP_HEAD_MAX + (128 << 10);
	x->copy.max = HTTP_PAGE_MAX;
	snprintf(x->key, sizeof(x->key), "proxy %s:%u", addr_format(&x->peer.addr, addr),
		 x->peer.port);
	HASH_ADD_INT(p->conns, sock, x);
	p->n_conns++;
	return x;
}

static void px_free(struct http_proxy *p, struct px *x)
{
	timer_clear(&p->timers, &x->timer);
	HASH_DEL(p->conns, x);
	p->n_conns--;
	sbuf_done(&x->in);
	sbuf_done(&x->request);
	sbuf_done(&x->raw);
	sbuf_done(&x->copy);
	free(x);
}

void http_px_close(struct px *x, struct fx *fx, enum close_how how)
{
	http_px_drop_up(x, fx);
	if (x->state == PX_CLOSED)
		return;
	fx_close(fx, x->sock, how);
	http_px_to(x, PX_CLOSED);
}

uint32_t http_proxy_number(struct http_proxy *p)
{
	p->seq = (p->seq + 1) & 0xffffff;
	return PROXY_ORIGIN + p->seq;
}

/* --- passing on ------------------------------------------------------------------------------- */

static void send_on(struct way *w, uint32_t to, uint32_t from, const void *data, size_t len,
		    struct fx *fx)
{
	fx_write(fx, to, data, len);
	w->owed += len;
	w->total += len;
	if (w->owed < PROXY_OWED_MAX || w->paused || !from)
		return;
	w->paused = true;
	fx_pause(fx, from, true);
}

void http_px_down(struct px *x, const void *data, size_t len, struct fx *fx)
{
	send_on(&x->down, x->sock, x->up, data, len, fx);
}

void http_px_up(struct px *x, const void *data, size_t len, struct fx *fx)
{
	send_on(&x->upward, x->up, x->sock, data, len, fx);
}

static void drained(struct way *w, uint32_t from, struct fx *fx)
{
	w->owed = 0;
	if (w->paused && from)
		fx_pause(fx, from, false);
	w->paused = false;
}

/* --- going on --------------------------------------------------------------------------------- */

void http_px_finish(struct px *x, bool keep, struct fx *fx)
{
	http_px_drop_up(x, fx);
	if (!keep) {
		http_px_close(x, fx, CLOSE_FLUSH);
		return;
	}
	sbuf_consume(&x->in, x->raw_len);
	x->in_offset += x->raw_len;
	x->raw_len = 0;
	x->scan = 0;
	http_px_to(x, PX_HEAD);
}

static nsec_t due(const struct http_proxy *p, const struct px *x)
{
	switch (x->state) {
	case PX_RESOLVING:
	case PX_CONNECTING:
	case PX_WAITING:
		return x->request_ns + p->conf->timeout_ns;
	case PX_RELAYING:
		return x->active_ns + p->conf->timeout_ns;
	case PX_TUNNEL:
		return x->active_ns + TUNNEL_WAIT;
	case PX_HEAD:
	case PX_BODY:
	case PX_CLOSED:
	case N_PX_STATES:
		break;
	}
	return x->active_ns + IDLE_WAIT;
}

static void settle(struct http_proxy *p, struct px *x, struct fx *fx)
{
	/* A browser that will say nothing more may have said several things before. */
	if (x->peer_closed && x->down.owed < PROXY_OWED_MAX &&
	    (x->state == PX_HEAD || x->state == PX_BODY))
		http_px_close(x, fx, CLOSE_FLUSH);
	if (x->state != PX_CLOSED) {
		timer_set(&p->timers, &x->timer, due(p, x));
		return;
	}
	http_px_drop_up(x, fx);
	if (x->n_requests > 0)
		fx_fact_end(fx, &http_exchange_fact, x->key, "connection closed");
	px_free(p, x);
}

void http_px_run(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx)
{
	bool more = true;

	while (more) {
		if (x->state == PX_HEAD && x->down.owed < PROXY_OWED_MAX)
			more = http_px_begin(p, x, now, fx);
		else if (x->state == PX_BODY)
			more = http_px_body(p, x, now, fx);
		else
			more = false;
	}
	settle(p, x, fx);
}

/* --- events ----------------------------------------------------------------------------------- */

static void on_opened(struct http_proxy *p, const struct ev *ev, struct fx *fx)
{
	static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"
				   "Content-Length: 0\r\nConnection: close\r\n\r\n";
	struct px *x = by_up(p, ev->opened.sock);

	if (x) {
		x->active_ns = ev->now;
		http_px_connected(p, x, ev->now, fx);
		http_px_run(p, x, ev->now, fx);
		return;
	}
	if (ev->opened.listener != PROXY_LISTENER && ev->opened.listener != PROXY_LISTENER6)
		return;
	if (p->n_conns == PROXY_CONNECTIONS_MAX) {
		decide(fx, "http.proxy.too-many", V_ADDR("client", ev->opened.peer.addr),
		       V_INT("limit", PROXY_CONNECTIONS_MAX));
		fx_write(fx, ev->opened.sock, busy, sizeof(busy) - 1);
		fx_close(fx, ev->opened.sock, CLOSE_FLUSH);
		return;
	}
	settle(p, px_new(p, ev), fx);
}

static void on_client_bytes(struct px *x, const struct ev *ev, struct fx *fx)
{
	if (x->state == PX_TUNNEL) {
		http_px_up(x, ev->bytes.data, ev->bytes.len, fx);
	} else if (sbuf_put(&x->in, ev->bytes.data, ev->bytes.len) < 0) {
		decide_at(fx, "http.proxy.drop-flood", ev->bytes.offset,
			  V_ADDR("client", x->peer.addr), V_INT("limit", PROXY_IN_MAX));
		http_px_close(x, fx, CLOSE_RESET);
	} else {
		x->head.base = x->in.data;
	}
}

static void on_bytes(struct http_proxy *p, const struct ev *ev, struct fx *fx)
{
	struct px *x = by_sock(p, ev->bytes.sock), *up = x ? NULL : by_up(p, ev->bytes.sock);

	if (x)
		on_client_bytes(x, ev, fx);
	else if (up)
		http_px_up_bytes(p, up, ev->bytes.data, ev->bytes.len, ev->now, fx);
	x = x ? x : up;
	if (!x)
		return;
	x->active_ns = ev->now;
	http_px_run(p, x, ev->now, fx);
}

static void on_drained(struct http_proxy *p, const struct ev *ev, struct fx *fx)
{
	struct px *x = by_sock(p, ev->closed.sock), *up = x ? NULL : by_up(p, ev->closed.sock);

	if (x)
		drained(&x->down, x->up, fx);
	else if (up)
		drained(&up->upward, up->sock, fx);
	x = x ? x : up;
	if (!x)
		return;
	x->active_ns = ev->now;
	http_px_run(p, x, ev->now, fx);
}

/* err of a browser that is gone: nobody waits for the answer any more. */
static void on_client_closed(struct px *x, int err, struct fx *fx)
{
	x->peer_closed = true;
	if (x->state == PX_TUNNEL)
		http_px_tunnel_end(x, "the client closed", fx);
	else if (err) {
		http_px_drop_up(x, fx);
		http_px_to(x, PX_CLOSED);
	}
}

static void on_closed(struct http_proxy *p, uint32_t sock, int err, nsec_t now, struct fx *fx)
{
	struct px *x = by_sock(p, sock), *up = x ? NULL : by_up(p, sock);

	if (x)
		on_client_closed(x, err, fx);
	else if (up)
		http_px_up_closed(p, up, err, now, fx);
	x = x ? x : up;
	if (x)
		http_px_run(p, x, now, fx);
}

static void on_done(struct http_proxy *p, const struct ev *ev, struct fx *fx)
{
	if (ev->done.what == FX_LISTEN && ev->done.sock == PROXY_LISTENER6) {
		p->listening6 = false;
	} else if (ev->done.what == FX_LISTEN) {
		p->listening = false;
		decide(fx, "http.proxy.no-listener", V_INT("port", p->port),
		       V_TEXT("reason", ev->done.text));
	} else {
		on_closed(p, ev->done.sock, ev->done.err, ev->now, fx);
	}
}

static void timed_out(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx)
{
	switch (x->state) {
	case PX_RESOLVING:
	case PX_CONNECTING:
	case PX_WAITING:
		http_px_failed(p, x, 504, "the server did not answer in time", now, fx);
		return;
	case PX_TUNNEL:
		http_px_tunnel_end(x, "nothing passed through it for long", fx);
		return;
	case PX_HEAD:
	case PX_BODY:
	case PX_RELAYING:
	case PX_CLOSED:
	case N_PX_STATES:
		break;
	}
	decide(fx, "http.proxy.timeout", V_ADDR("client", x->peer.addr),
	       V_DUR("waited", now - x->active_ns));
	http_px_close(x, fx, x->state == PX_RELAYING ? CLOSE_RESET : CLOSE_FLUSH);
}

static void on_timer(struct http_proxy *p, nsec_t now, struct fx *fx)
{
	struct timer *t;

	for (unsigned n = 0; n < PROXY_CONNECTIONS_MAX && (t = timers_pop(&p->timers, now)); n++) {
		struct px *x = timer_owner(t, struct px, timer);

		if (due(p, x) <= now)
			timed_out(p, x, now, fx);
		http_px_run(p, x, now, fx);
	}
}

/* --- the listener ----------------------------------------------------------------------------- */

static void close_all(struct http_proxy *p, struct fx *fx)
{
	struct px *x, *next;

	HASH_ITER(hh, p->conns, x, next)
	{
		http_px_close(x, fx, CLOSE_FLUSH);
		settle(p, x, fx);
	}
	if (p->listening)
		fx_close(fx, PROXY_LISTENER, CLOSE_FLUSH);
	if (p->listening6)
		fx_close(fx, PROXY_LISTENER6, CLOSE_FLUSH);
	p->listening = p->listening6 = false;
}

static void apply_conf(struct http_proxy *p, struct fx *fx)
{
	bool want = p->conf->enabled;
	struct ep any4 = { .addr = addr4(0, 0, 0, 0), .port = p->conf->port };
	struct ep any6 = { .addr = { .family = 6 }, .port = p->conf->port };

	if (p->listening && (!want || p->port != p->conf->port)) {
		close_all(p, fx);
		if (!want) /* whoever never had one does not hear of it */
			decide(fx, "http.proxy.off", V_INT("port", p->port));
	}
	if (p->bytes > p->conf->cache_max || p->conf->cache_max == 0 || !want)
		http_proxy_clear(p, "the cache was made smaller", fx);
	if (!want || p->listening)
		return;
	p->port = p->conf->port;
	p->listening = p->listening6 = true;
	decide(fx, "http.proxy.listen", V_INT("port", p->port));
	fx_listen(fx, PROXY_LISTENER, &any4);
	fx_listen(fx, PROXY_LISTENER6, &any6);
}

/* --- the machine ------------------------------------------------------------------------------ */

static void *proxy_create(const struct machine_env *env)
{
	const struct http_conf *conf = env->conf;
	struct http_proxy *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->dev = env->dev;
	p->conf = &conf->proxy;
	p->out.max = FX_STREAM_UNSENT_MAX;
	return p;
}

static void proxy_destroy(void *machine)
{
	struct http_proxy *p = machine;
	struct px *x, *next;

	if (!p)
		return;
	HASH_ITER(hh, p->conns, x, next)
	px_free(p, x);
	http_proxy_clear(p, NULL, NULL);
	timers_done(&p->timers);
	sbuf_done(&p->out);
	free(p);
}

static void proxy_event(void *machine, const struct ev *ev, struct fx *fx)
{
	struct http_proxy *p = machine;
	struct px *x;

	switch (ev->kind) {
	case EV_START:
	case EV_CONF:
		apply_conf(p, fx);
		break;
	case EV_OPENED:
		on_opened(p, ev, fx);
		break;
	case EV_BYTES:
		on_bytes(p, ev, fx);
		break;
	case EV_DRAINED:
		on_drained(p, ev, fx);
		break;
	case EV_CLOSED:
		on_closed(p, ev->closed.sock, ev->closed.err, ev->now, fx);
		break;
	case EV_TIMER:
		on_timer(p, ev->now, fx);
		break;
	case EV_ANSWER:
		x = by_ask(p, ev->answer.ask_id);
		if (!x)
			break;
		http_px_resolved(p, x, ev->answer.answer, ev->now, fx);
		http_px_run(p, x, ev->now, fx);
		break;
	case EV_DONE:
		on_done(p, ev, fx);
		break;
	case EV_STOP:
		close_all(p, fx);
		http_proxy_clear(p, "the device stops", fx);
		break;
	case EV_DATAGRAM:
	case EV_LINK:
	case EV_ADDR:
	case EV_ASK:
	case EV_INPUT:
	case EV_LINE:
	case EV_LOG:
	case EV_RESTORE:
		break;
	}
}

static nsec_t proxy_deadline(const void *machine)
{
	const struct http_proxy *p = machine;

	return timers_deadline(&p->timers);
}

const struct machine_class http_proxy_class = {
	.name = "http.proxy",
	.kinds = KIND_BIT(KIND_SERVER) | KIND_BIT(KIND_ROUTER),
	.create = proxy_create,
	.destroy = proxy_destroy,
	.event = proxy_event,
	.deadline = proxy_deadline,
};
