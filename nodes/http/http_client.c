/* The browser's machine: events, timers, connections that are kept. */
#include "http/http_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- fetches ---------------------------------------------------------------------------------- */

static const unsigned legal_moves[N_FETCH_STATES] = {
	[FETCH_NEW] =
		BIT(FETCH_FILE) | BIT(FETCH_RESOLVING) | BIT(FETCH_CONNECTING) | BIT(FETCH_WAITING),
	[FETCH_FILE] = BIT(FETCH_NEW),
	[FETCH_RESOLVING] = BIT(FETCH_CONNECTING),
	[FETCH_CONNECTING] = BIT(FETCH_WAITING) | BIT(FETCH_SECURING) | BIT(FETCH_TUNNELING),
	[FETCH_TUNNELING] = BIT(FETCH_SECURING),
	[FETCH_SECURING] = BIT(FETCH_WAITING),
	[FETCH_WAITING] = BIT(FETCH_READ) | BIT(FETCH_NEW), /* NEW: a kept connection was dead */
	[FETCH_READ] = BIT(FETCH_NEW) | BIT(FETCH_WAITING),
};

void http_fetch_to(struct fetch *f, enum fetch_state to)
{
	if (f->state == to)
		return;
	if (!(legal_moves[f->state] & BIT(to)))
		abort();
	f->state = to;
}

struct fetch *http_fetch_new(struct http_client *c, uint32_t call)
{
	for (unsigned i = 0; i < FETCHES_MAX; i++) {
		if (c->fetches[i])
			continue;
		c->fetches[i] = calloc(1, sizeof(*c->fetches[i]));
		if (!c->fetches[i])
			abort();
		c->fetches[i]->call = call;
		return c->fetches[i];
	}
	return NULL;
}

static void fetch_free(struct http_client *c, struct fetch *f)
{
	timer_clear(&c->timers, &f->timer);
	http_reader_done(&f->reader);
	for (unsigned i = 0; i < FETCHES_MAX; i++)
		if (c->fetches[i] == f)
			c->fetches[i] = NULL;
	free(f);
}

void http_fetch_done(struct http_client *c, struct fetch *f, int status, struct fx *fx)
{
	char key[32];

	if (f->sock)
		fx_close(fx, f->sock, CLOSE_FLUSH);
	snprintf(key, sizeof(key), "command %u", f->call);
	if (f->noted)
		fx_fact_end(fx, &http_exchange_fact, key, "command ended");
	fx_cmd_done(fx, f->call, status);
	fetch_free(c, f);
}

static struct fetch *by_sock(const struct http_client *c, uint32_t sock)
{
	for (unsigned i = 0; i < FETCHES_MAX; i++)
		if (c->fetches[i] && c->fetches[i]->sock == sock && sock)
			return c->fetches[i];
	return NULL;
}

static struct fetch *by_ask(const struct http_client *c, uint32_t ask_id)
{
	for (unsigned i = 0; i < FETCHES_MAX; i++)
		if (c->fetches[i] && c->fetches[i]->ask_id == ask_id && ask_id)
			return c->fetches[i];
	return NULL;
}

uint32_t http_client_number(struct http_client *c)
{
	c->seq = c->seq % (SOCK_ACCEPTED - 1) + 1;
	return c->seq;
}

/* --- kept connections ------------------------------------------------------------------------- */

static void kept_drop(struct http_client *c, struct kept *k, struct fx *fx)
{
	fx_close(fx, k->sock, CLOSE_FLUSH);
	timer_clear(&c->timers, &k->timer);
	k->sock = 0;
}

/* A free place, or that of the connection which would be closed first. */
static struct kept *kept_place(struct http_client *c, struct fx *fx)
{
	struct kept *oldest = &c->kept[0];

	for (unsigned i = 0; i < KEPT_MAX; i++) {
		struct kept *k = &c->kept[i];

		if (!k->sock)
			return k;
		if (k->timer.at_ns < oldest->timer.at_ns)
			oldest = k;
	}
	kept_drop(c, oldest, fx);
	return oldest;
}

void http_client_keep(struct http_client *c, struct fetch *f, nsec_t now, struct fx *fx)
{
	struct kept *k = kept_place(c, fx);

	k->sock = f->sock;
	k->https = f->url.https;
	k->proxied = f->proxied;
	k->peer = f->peer;
	/* Within a tunnel it is the server's, not the proxy's. */
	k->port = f->url.https ? f->url.port : http_fetch_port(c, f);
	str_copy(k->host, sizeof(k->host), f->url.https ? f->url.host : http_fetch_host(c, f));
	timer_set(&c->timers, &k->timer, now + c->conf->idle_ns);
	f->sock = 0;
}

static bool leads_to(const struct http_client *c, const struct kept *k, const struct fetch *f)
{
	bool tunnel = f->url.https;

	return k->sock && k->https == tunnel && k->proxied == f->proxied &&
	       k->port == (tunnel ? f->url.port : http_fetch_port(c, f)) &&
	       strcmp(k->host, tunnel ? f->url.host : http_fetch_host(c, f)) == 0;
}

bool http_client_reuse(struct http_client *c, struct fetch *f, struct fx *fx)
{
	for (unsigned i = 0; i < KEPT_MAX; i++) {
		struct kept *k = &c->kept[i];

		if (!leads_to(c, k, f))
			continue;
		decide(fx, "http.client.reuse-connection", V_TEXT("name", k->host),
		       V_ADDR("addr", k->peer), V_INT("port", k->port));
		f->sock = k->sock;
		f->peer = k->peer;
		f->port = k->port;
		f->reused = true;
		timer_clear(&c->timers, &k->timer);
		k->sock = 0;
		return true;
	}
	return false;
}

static struct kept *kept_by_sock(struct http_client *c, uint32_t sock)
{
	for (unsigned i = 0; i < KEPT_MAX; i++)
		if (c->kept[i].sock == sock && sock)
			return &c->kept[i];
	return NULL;
}

/* --- events ----------------------------------------------------------------------------------- */

static void on_bytes(struct http_client *c, const struct ev *ev, struct fx *fx)
{
	struct fetch *f = by_sock(c, ev->bytes.sock);
	struct kept *k = kept_by_sock(c, ev->bytes.sock);

	if (k) /* an answer that nobody asked for (RFC 9112 §6.3): not to be trusted */
		kept_drop(c, k, fx);
	if (f && f->state == FETCH_TUNNELING) {
		http_fetch_tunnel_bytes(c, f, ev->bytes.data, ev->bytes.len, ev->now, fx);
		return; /* a refused one has gone */
	}
	if (!f || f->state != FETCH_WAITING)
		return;
	if (!f->reader.any)
		f->rx_at = ev->bytes.offset;
	http_response_got(c, f, http_reader_feed(&f->reader, ev->bytes.data, ev->bytes.len),
			  ev->now, fx);
}

static void on_closed(struct http_client *c, uint32_t sock, int err, const char *why, nsec_t now,
		      struct fx *fx)
{
	struct fetch *f = by_sock(c, sock);
	struct kept *k = kept_by_sock(c, sock);

	if (k)
		kept_drop(c, k, fx);
	if (f)
		http_fetch_closed(c, f, err, why, now, fx);
}

static void on_timer(struct http_client *c, nsec_t now, struct fx *fx)
{
	struct timer *t;

	while ((t = timers_pop(&c->timers, now)) != NULL) {
		struct kept *k = NULL;

		for (unsigned i = 0; i < KEPT_MAX; i++)
			if (t == &c->kept[i].timer)
				k = &c->kept[i];
		if (k)
			kept_drop(c, k, fx);
		else
			http_fetch_timeout(c, timer_owner(t, struct fetch, timer), now, fx);
	}
}

static void stop(struct http_client *c, struct fx *fx)
{
	for (unsigned i = 0; i < FETCHES_MAX; i++)
		if (c->fetches[i])
			http_fetch_done(c, c->fetches[i], 1, fx);
	for (unsigned i = 0; i < KEPT_MAX; i++)
		if (c->kept[i].sock)
			kept_drop(c, &c->kept[i], fx);
	http_cache_clear(&c->cache, "the device stops", fx);
}

/* --- the machine ------------------------------------------------------------------------------ */

static void *client_create(const struct machine_env *env)
{
	const struct http_conf *conf = env->conf;
	struct http_client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->dev = env->dev;
	c->conf = &conf->client;
	c->out = SBUF(2 * HTTP_PAGE_MAX);
	return c;
}

static void client_destroy(void *machine)
{
	struct http_client *c = machine;

	if (!c)
		return;
	for (unsigned i = 0; i < FETCHES_MAX; i++)
		if (c->fetches[i])
			fetch_free(c, c->fetches[i]);
	http_cache_clear(&c->cache, NULL, NULL);
	http_page_links_clear(&c->links);
	timers_done(&c->timers);
	sbuf_done(&c->out);
	free(c);
}

static void client_event(void *machine, const struct ev *ev, struct fx *fx)
{
	struct http_client *c = machine;
	struct fetch *f;

	switch (ev->kind) {
	case EV_CONF:
		if (c->cache.bytes > c->conf->cache_max || c->conf->cache_max == 0)
			http_cache_clear(&c->cache, "the cache was made smaller", fx);
		break;
	case EV_OPENED:
		f = by_sock(c, ev->opened.sock);
		if (f)
			http_fetch_opened(c, f, ev, fx);
		break;
	case EV_BYTES:
		on_bytes(c, ev, fx);
		break;
	case EV_CLOSED:
		f = by_sock(c, ev->closed.sock);
		if (f)
			f->reader.cut = ev->closed.cut;
		on_closed(c, ev->closed.sock, ev->closed.err, ev->closed.why, ev->now, fx);
		break;
	case EV_DONE:
		if (ev->done.what != FX_CONNECT && ev->done.sock)
			fx_close(fx, ev->done.sock, CLOSE_RESET);
		on_closed(c, ev->done.sock, ev->done.err, NULL, ev->now, fx);
		break;
	case EV_TIMER:
		on_timer(c, ev->now, fx);
		break;
	case EV_ANSWER:
		f = by_ask(c, ev->answer.ask_id);
		if (f)
			http_fetch_answer(c, f, ev->answer.answer, ev->now, fx);
		break;
	case EV_LOG:
	case EV_STOP:
		stop(c, fx);
		break;
	case EV_START:
	case EV_DRAINED:
	case EV_DATAGRAM:
	case EV_LINK:
	case EV_ADDR:
	case EV_ASK:
	case EV_INPUT:
	case EV_LINE:
	case EV_RESTORE:
		break;
	}
}

static nsec_t client_deadline(const void *machine)
{
	const struct http_client *c = machine;

	return timers_deadline(&c->timers);
}

const struct machine_class http_client_class = {
	.name = "http.client",
	.kinds = KIND_BIT(KIND_PC) | KIND_BIT(KIND_SERVER) | KIND_BIT(KIND_ROUTER),
	.create = client_create,
	.destroy = client_destroy,
	.event = client_event,
	.deadline = client_deadline,
};
