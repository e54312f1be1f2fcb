/* Requests that another server answers (`ip http app-server PATH URL`): a gateway (RFC 9110 §3.7).
 *
 * The request goes on whole, over a connection of its own; the answer comes back whole, with a Via.
 * 502 when the other server cannot be reached or talks nonsense, 504 when it is too slow, 503 when
 * too many such requests are under way. */
#include "http/http_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REQUEST_MAX = HTTP_HEAD_MAX + HTTP_URL_TARGET_MAX + HTTP_BODY_MAX };
#define ASK_GATEWAY 0x80000000u

enum gateway_state { GW_FREE, GW_RESOLVING, GW_CONNECTING, GW_WAITING };

struct gateway {
	enum gateway_state state;
	struct conn *conn; /* whose request this is */
	uint32_t sock, ask_id;
	uint16_t asked_type, port; /* DNS type 1 or 28 */
	bool https;
	char host[HTTP_HOST_MAX + 1];
	struct addr addrs[ANSWER_ADDRS_MAX]; /* to try, in order */
	unsigned n_addrs, next_addr;
	struct timer timer;
	struct sbuf request;
	struct http_reader reader;
};

/* --- the table -------------------------------------------------------------------------------- */

static struct gateway *gateway_new(struct http_server *s)
{
	if (!s->gateways)
		s->gateways = calloc(GATEWAYS_MAX, sizeof(*s->gateways));
	if (!s->gateways)
		abort();
	for (unsigned i = 0; i < GATEWAYS_MAX; i++)
		if (s->gateways[i].state == GW_FREE)
			return &s->gateways[i];
	return NULL;
}

static struct gateway *by_sock(const struct http_server *s, uint32_t sock)
{
	for (unsigned i = 0; s->gateways && i < GATEWAYS_MAX; i++)
		if (s->gateways[i].state > GW_RESOLVING && s->gateways[i].sock == sock)
			return &s->gateways[i];
	return NULL;
}

static struct gateway *by_ask(const struct http_server *s, uint32_t ask_id)
{
	for (unsigned i = 0; s->gateways && i < GATEWAYS_MAX; i++)
		if (s->gateways[i].state == GW_RESOLVING && s->gateways[i].ask_id == ask_id)
			return &s->gateways[i];
	return NULL;
}

bool http_gateway_owns(const struct http_server *s, const struct timer *t)
{
	for (unsigned i = 0; s->gateways && i < GATEWAYS_MAX; i++)
		if (t == &s->gateways[i].timer)
			return true;
	return false;
}

void http_gateways_free(struct http_server *s)
{
	for (unsigned i = 0; s->gateways && i < GATEWAYS_MAX; i++) {
		sbuf_done(&s->gateways[i].request);
		http_reader_done(&s->gateways[i].reader);
	}
	free(s->gateways);
	s->gateways = NULL;
}

static uint32_t next_number(struct http_server *s)
{
	s->upstream_seq = (s->upstream_seq + 1) & 0xffffff;
	return s->upstream_seq;
}

/* The connection is the gateway's client no more; returns it. */
static struct conn *release(struct http_server *s, struct gateway *g, struct fx *fx)
{
	struct conn *c = g->conn;

	if (g->state == GW_CONNECTING || g->state == GW_WAITING)
		fx_close(fx, g->sock, CLOSE_FLUSH);
	timer_clear(&s->timers, &g->timer);
	g->state = GW_FREE;
	g->conn = NULL;
	c->gateway = NULL;
	return c;
}

void http_gateway_abort(struct http_server *s, struct conn *c, struct fx *fx)
{
	(void)release(s, c->gateway, fx);
}

/* --- the request ------------------------------------------------------------------------------ */

/* A request that passed this server before would go round for ever (RFC 9110 §7.6.3). */
static bool is_loop(const struct http_server *s, const struct request *r)
{
	for (unsigned i = 0; i < r->head.n_fields; i++) {
		struct http_str list = http_field_value(&r->head, &r->head.fields[i]), item;

		if (r->head.fields[i].id != HTTP_VIA)
			continue;
		while (http_list_next(&list, &item)) {
			const char *blank = memchr(item.p, ' ', item.len);
			struct http_str by = { item.p, 0 };

			if (!blank)
				continue;
			by = http_str_trim((struct http_str){
				blank + 1, (size_t)(item.p + item.len - blank - 1) });
			if (http_str_is_nocase(by, s->dev->hostname))
				return true;
		}
	}
	return false;
}

/* The application's own address, and what the request names below it. */
static void put_request_line(const struct request *r, const struct http_app *app, struct sbuf *out)
{
	const char *base = app->url->target, *rest = r->path + strlen(app->path);
	struct http_str m = http_method_text(&r->head), query = http_request_query(r);
	bool slashed = base[strlen(base) - 1] == '/';
	char path[3 * ASK_PATH_MAX];

	while (*rest == '/')
		rest++;
	(void)http_path_encode(rest, strlen(rest), path, sizeof(path));
	sbuf_printf(out, "%.*s %s%s%s%s%s%.*s HTTP/1.1\r\n", (int)m.len, m.p, base,
		    !slashed && (*rest || r->dir) ? "/" : "", path, r->dir && *rest ? "/" : "",
		    query.len ? "?" : "", (int)query.len, query.p);
}

/* Fields about this hop, and those that are made anew. */
static bool is_dropped(const struct http_head *h, const struct http_field *f)
{
	return f->id == HTTP_HOST || f->id == HTTP_CONTENT_LENGTH || f->id == HTTP_EXPECT ||
	       http_is_hop_field(h, f);
}

static void put_fields(const struct http_head *h, struct sbuf *out)
{
	for (unsigned i = 0; i < h->n_fields; i++) {
		const struct http_field *f = &h->fields[i];

		if (is_dropped(h, f))
			continue;
		sbuf_put(out, h->base + f->name, (size_t)(f->value + f->value_len - f->name));
		sbuf_puts(out, "\r\n");
	}
}

static void make_request(const struct http_server *s, struct gateway *g, const struct http_app *app)
{
	const struct conn *c = g->conn;
	const struct request *r = &c->req;
	struct http_str content = http_request_content(c);
	char authority[HTTP_HOST_MAX + 16];

	g->request.max = REQUEST_MAX;
	sbuf_reset(&g->request);
	put_request_line(r, app, &g->request);
	http_url_authority(app->url, authority, sizeof(authority));
	sbuf_printf(&g->request, "Host: %s\r\n", authority);
	put_fields(&r->head, &g->request);
	sbuf_printf(&g->request, "Via: 1.%u %s\r\nConnection: close\r\n", r->head.minor,
		    s->dev->hostname);
	if (r->head.framing != HTTP_NO_BODY || r->head.method == HTTP_POST ||
	    r->head.method == HTTP_PUT)
		sbuf_printf(&g->request, "Content-Length: %zu\r\n", content.len);
	sbuf_puts(&g->request, "\r\n");
	sbuf_put(&g->request, content.p, content.len);
}

/* --- failures --------------------------------------------------------------------------------- */

static void refuse(struct http_server *s, struct conn *c, unsigned status, const char *why,
		   nsec_t now, struct fx *fx)
{
	decide_at(fx, "http.server.app-failed", c->req.at, http_v_target(&c->req),
		  V_INT("status", status), V_TEXT("reason", why));
	http_reply_error(s, c, status,
			 "the application server behind this one did not answer as it should",
			 false, NULL, now, fx);
}

static void fail(struct http_server *s, struct gateway *g, unsigned status, const char *why,
		 nsec_t now, struct fx *fx)
{
	struct conn *c = release(s, g, fx);

	refuse(s, c, status, why, now, fx);
	http_conn_run(s, c, now, fx);
}

/* --- there ------------------------------------------------------------------------------------ */

static void ask_name(struct http_server *s, struct gateway *g, uint16_t type, struct fx *fx)
{
	struct ask ask = { .kind = ASK_RESOLVE, .resolve = { .type = type } };

	str_copy(ask.resolve.name, sizeof(ask.resolve.name), g->host);
	g->asked_type = type;
	g->ask_id = ASK_GATEWAY | next_number(s);
	g->state = GW_RESOLVING;
	fx_ask(fx, g->ask_id, &ask);
}

static void connect_next(struct http_server *s, struct gateway *g, const char *why, nsec_t now,
			 struct fx *fx)
{
	struct ep peer = { .port = g->port };

	if (g->next_addr == g->n_addrs) {
		fail(s, g, 502, why, now, fx);
		return;
	}
	peer.addr = g->addrs[g->next_addr++];
	g->sock = SERVER_UPSTREAM + next_number(s);
	g->state = GW_CONNECTING;
	fx_connect(fx, g->sock, &peer);
}

void http_gateway_begin(struct http_server *s, struct conn *c, const struct http_app *app,
			nsec_t now, struct fx *fx)
{
	struct gateway *g = gateway_new(s);
	char url[HTTP_URL_TEXT_MAX];

	if (!g || is_loop(s, &c->req)) {
		refuse(s, c, g ? 502 : 503,
		       g ? "the request has passed this server before"
			 : "too many requests for application servers are under way",
		       now, fx);
		return;
	}
	g->conn = c;
	c->gateway = g;
	g->port = app->url->port;
	g->https = app->url->https;
	str_copy(g->host, sizeof(g->host), app->url->host);
	make_request(s, g, app);
	if (g->request.len > FX_STREAM_UNSENT_MAX) {
		refuse(s, release(s, g, fx), 413, "the request is too large to be handed on", now,
		       fx);
		return;
	}
	http_reader_begin(&g->reader, c->req.head.method, GATEWAY_PAGE_MAX);
	timer_set(&s->timers, &g->timer, now + s->conf->gateway_ns);
	http_conn_to(c, CONN_GATEWAY);
	http_url_format(app->url, url, sizeof(url));
	decide_at(fx, "http.server.app-server", c->req.at, http_v_method(&c->req),
		  http_v_target(&c->req), V_TEXT("server", url));
	g->n_addrs = g->next_addr = 0;
	if (addr_parse(g->host, &g->addrs[0]) == 0) {
		g->n_addrs = 1;
		connect_next(s, g, "", now, fx);
	} else {
		ask_name(s, g, 1, fx);
	}
}

static void on_answer(struct http_server *s, struct gateway *g, const struct answer *a, nsec_t now,
		      struct fx *fx)
{
	unsigned n = a->err < 0 ? 0 : a->resolve.n_addrs;

	if (n == 0 && g->asked_type == 1) {
		ask_name(s, g, 28, fx);
		return;
	}
	g->n_addrs = n < ANSWER_ADDRS_MAX ? n : ANSWER_ADDRS_MAX;
	memcpy(g->addrs, a->resolve.addrs, g->n_addrs * sizeof(g->addrs[0]));
	connect_next(s, g, "its name has no address", now, fx);
}

/* --- and back --------------------------------------------------------------------------------- */

static void relay(struct http_server *s, struct gateway *g, nsec_t now, struct fx *fx)
{
	const struct http_head *h = &g->reader.head;
	struct sbuf fields = SBUF(HTTP_HEAD_MAX);
	struct conn *c = g->conn;
	struct reply reply = { .status = h->status, .foreign = true };
	struct http_str length = http_value(h, HTTP_CONTENT_LENGTH);

	put_fields(h, &fields);
	sbuf_printf(&fields, "Via: 1.%u %s\r\n", h->minor, s->dev->hostname);
	reply.fields = sbuf_text(&fields);
	reply.data = sbuf_text(&g->reader.content);
	reply.len = g->reader.content.len;
	reply.no_length = h->status == 204 || h->status == 304;
	if (c->req.head.method == HTTP_HEAD && !reply.no_length)
		reply.no_length = !length.p || http_digits(length, &reply.len) < 0;
	decide_at(fx, "http.server.app-answer", c->req.at, http_v_target(&c->req),
		  V_INT("status", h->status), V_INT("bytes", g->reader.content.len));
	(void)release(s, g, fx);
	http_reply_send(s, c, &reply, now, fx);
	sbuf_done(&fields);
	http_conn_run(s, c, now, fx);
}

static void on_got(struct http_server *s, struct gateway *g, enum reader_got got, nsec_t now,
		   struct fx *fx)
{
	while (got == READER_INTERIM) /* the client waits for the final answer */
		got = http_reader_feed(&g->reader, NULL, 0);
	switch (got) {
	case READER_MORE:
	case READER_INTERIM:
		return;
	case READER_BAD:
	case READER_CUT:
		fail(s, g, 502, g->reader.why, now, fx);
		return;
	case READER_DONE:
		break;
	}
	if (g->reader.content_len > g->reader.content.len)
		fail(s, g, 502, "its answer is larger than the limit", now, fx);
	else
		relay(s, g, now, fx);
}

/* |why|: of a handshake that failed, else NULL. */
static void on_closed(struct http_server *s, struct gateway *g, int err, const char *why,
		      nsec_t now, struct fx *fx)
{
	if (!why)
		why = strerror(err);
	if (g->state == GW_CONNECTING)
		connect_next(s, g, why, now, fx);
	else if (err)
		fail(s, g, 502, why, now, fx);
	else
		on_got(s, g, http_reader_end(&g->reader), now, fx);
}

static void on_opened(struct gateway *g, const struct ev *ev, struct fx *fx)
{
	struct fx_tls tls = { .identity = NULL };

	if (g->https && !ev->opened.tls) {
		str_copy(tls.name, sizeof(tls.name), g->host);
		fx_starttls(fx, g->sock, &tls);
		return;
	}
	g->state = GW_WAITING;
	fx_write(fx, g->sock, g->request.data, g->request.len);
}

void http_gateway_event(struct http_server *s, const struct ev *ev, struct fx *fx)
{
	struct gateway *g = ev->kind == EV_ANSWER   ? by_ask(s, ev->answer.ask_id)
			    : ev->kind == EV_OPENED ? by_sock(s, ev->opened.sock)
			    : ev->kind == EV_BYTES  ? by_sock(s, ev->bytes.sock)
			    : ev->kind == EV_DONE   ? by_sock(s, ev->done.sock)
						    : by_sock(s, ev->closed.sock);

	if (!g)
		return;
	if (ev->kind == EV_ANSWER) {
		on_answer(s, g, ev->answer.answer, ev->now, fx);
	} else if (ev->kind == EV_OPENED) {
		on_opened(g, ev, fx);
	} else if (ev->kind == EV_BYTES) {
		on_got(s, g, http_reader_feed(&g->reader, ev->bytes.data, ev->bytes.len), ev->now,
		       fx);
	} else if (ev->kind == EV_DONE) {
		on_closed(s, g, ev->done.err, NULL, ev->now, fx);
	} else if (ev->kind == EV_CLOSED) {
		g->reader.cut = ev->closed.cut;
		on_closed(s, g, ev->closed.err, ev->closed.why, ev->now, fx);
	}
}

void http_gateway_timer(struct http_server *s, struct timer *t, nsec_t now, struct fx *fx)
{
	struct gateway *g = timer_owner(t, struct gateway, timer);

	fail(s, g, 504, "it did not answer in time", now, fx);
}
