/* To the server: its name, a connection, the request; and what becomes of it when there is none. */
#include "http/http_proxy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void http_px_drop_up(struct px *x, struct fx *fx)
{
	if (x->up)
		fx_close(fx, x->up, CLOSE_FLUSH);
	x->up = x->ask_id = 0;
	x->down.paused = false;
	x->upward.owed = 0;
	if (x->upward.paused && x->state != PX_CLOSED)
		fx_pause(fx, x->sock, false);
	x->upward.paused = false;
}

/* --- failures --------------------------------------------------------------------------------- */

static bool serve_stale(struct http_proxy *p, struct px *x, const char *why, nsec_t now,
			struct fx *fx)
{
	struct proxy_entry *e = x->cacheable ? http_proxy_find(p, x) : NULL;

	if (!e || p->conf->no_stale || e->must_revalidate || e->no_cache || x->asked.no_cache)
		return false;
	decide_at(fx, "http.proxy.serve-stale", x->at, V_ADDR("client", x->peer.addr),
		  V_TEXT("url", x->url_text), V_INT("age", http_proxy_age_s(e, now)),
		  V_TEXT("reason", why));
	http_px_entry(p, x, e, now, fx);
	return true;
}

static void tunnel_failed(struct http_proxy *p, struct px *x, unsigned status, const char *why,
			  nsec_t now, struct fx *fx)
{
	decide_at(fx, "http.method.connect", x->at, V_TEXT("target", x->url_text),
		  V_ADDR("client", x->peer.addr), V_INT("status", status), V_TEXT("outcome", why));
	http_px_error(p, x, status, why, true, now, fx);
}

void http_px_failed(struct http_proxy *p, struct px *x, unsigned status, const char *why,
		    nsec_t now, struct fx *fx)
{
	http_px_drop_up(x, fx);
	if (x->head.method == HTTP_CONNECT) {
		tunnel_failed(p, x, status, why, now, fx);
		return;
	}
	if (serve_stale(p, x, why, now, fx))
		return;
	decide_at(fx, "http.proxy.origin-failed", x->at, V_ADDR("client", x->peer.addr),
		  V_INT("status", status), V_TEXT("url", x->url_text), V_TEXT("reason", why));
	http_px_error(p, x, status, why, false, now, fx);
}

/* --- the request ------------------------------------------------------------------------------ */

/* The copy's validators in place of the browser's (RFC 9111 §4.3.1). */
static void put_conditions(const struct proxy_entry *e, struct sbuf *out)
{
	if (e->etag)
		sbuf_printf(out, "If-None-Match: %s\r\n", e->etag);
	if (e->modified)
		sbuf_printf(out, "If-Modified-Since: %s\r\n", e->modified);
}

/* Takes fields of this name out of header lines. */
static void strip(struct sbuf *lines, const char *name)
{
	size_t at = 0, n = strlen(name);

	while (at < lines->len) {
		char *line = lines->data + at, *end = memmem(line, lines->len - at, "\r\n", 2);
		size_t len = end ? (size_t)(end + 2 - line) : lines->len - at;
		bool is = len > n && line[n] == ':' &&
			  http_str_is_nocase((struct http_str){ line, n }, name);

		if (is) {
			memmove(line, line + len, lines->len - at - len);
			lines->len -= len;
		} else {
			at += len;
		}
	}
}

/* One hop less (RFC 9110 §7.6.2). */
static void put_max_forwards(const struct http_head *h, struct sbuf *lines)
{
	uint64_t n;

	if (h->method != HTTP_OPTIONS && h->method != HTTP_TRACE)
		return;
	for (unsigned i = 0; i < h->n_fields; i++)
		if (http_str_is_nocase(http_field_name(h, &h->fields[i]), "max-forwards") &&
		    http_digits(http_field_value(h, &h->fields[i]), &n) == 0 && n > 0) {
			strip(lines, "max-forwards");
			sbuf_printf(lines, "Max-Forwards: %llu\r\n", (unsigned long long)(n - 1));
			return;
		}
}

static void decide_forward(const struct http_proxy *p, const struct px *x, const struct sbuf *out,
			   struct fx *fx)
{
	char via[100];

	http_px_via(p, &x->head, via, sizeof(via));
	decide_at(fx, "http.proxy.forward-headers", x->at, V_TEXT("what", "the request"),
		  V_TEXT("url", x->url_text), V_TEXT("via", via),
		  V_TEXT("removed", out->len > 0 ? sbuf_text(out) : "anything"));
}

/* OPTIONS of an address without a path is about the server as a whole (RFC 9112 §3.2.4). */
static bool asks_server(const struct px *x)
{
	struct http_str t = http_target(&x->head);

	return x->head.method == HTTP_OPTIONS && strcmp(x->url.target, "/") == 0 &&
	       t.p[t.len - 1] != '/';
}

static void make_request(const struct http_proxy *p, struct px *x, struct fx *fx)
{
	const struct proxy_entry *e = x->validating ? http_proxy_find(p, x) : NULL;
	struct sbuf fields = SBUF(HTTP_HEAD_MAX + 512), removed = SBUF(1024);
	struct http_str m = http_method_text(&x->head);
	char authority[HTTP_HOST_MAX + 16];

	http_url_authority(&x->url, authority, sizeof(authority));
	http_px_fields(p, &x->head, true, &fields, &removed);
	put_max_forwards(&x->head, &fields);
	if (e) {
		strip(&fields, "if-none-match");
		strip(&fields, "if-modified-since");
		put_conditions(e, &fields);
	}
	sbuf_reset(&x->request);
	sbuf_printf(&x->request, "%.*s %s HTTP/1.1\r\nHost: %s\r\n", (int)m.len, m.p,
		    asks_server(x) ? "*" : x->url.target, authority);
	sbuf_put(&x->request, fields.data, fields.len);
	if (x->head.framing != HTTP_NO_BODY)
		sbuf_printf(&x->request, "Content-Length: %zu\r\n", x->body_len);
	sbuf_puts(&x->request, "Connection: close\r\n\r\n");
	sbuf_put(&x->request, x->in.data + x->head.len, x->body_len);
	decide_forward(p, x, &removed, fx);
	sbuf_done(&fields);
	sbuf_done(&removed);
}

/* --- there ------------------------------------------------------------------------------------ */

static void connect_next(struct http_proxy *p, struct px *x, const char *why, nsec_t now,
			 struct fx *fx)
{
	struct ep peer = { .port = x->url.port };

	x->up = 0;
	if (x->next_addr == x->n_addrs) {
		http_px_failed(p, x, 502, why, now, fx);
		return;
	}
	peer.addr = x->addrs[x->next_addr++];
	x->up = http_proxy_number(p);
	http_px_to(x, PX_CONNECTING);
	fx_connect(fx, x->up, &peer);
}

static void ask_name(struct http_proxy *p, struct px *x, uint16_t type, struct fx *fx)
{
	struct ask ask = { .kind = ASK_RESOLVE, .resolve = { .type = type } };

	str_copy(ask.resolve.name, sizeof(ask.resolve.name), x->url.host);
	x->asked_type = type;
	x->ask_id = http_proxy_number(p);
	http_px_to(x, PX_RESOLVING);
	fx_ask(fx, x->ask_id, &ask);
}

/* To the server that x->url names. */
static void go(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx)
{
	x->request_ns = now;
	x->n_addrs = x->next_addr = 0;
	if (addr_parse(x->url.host, &x->addrs[0]) < 0) {
		ask_name(p, x, 1, fx);
		return;
	}
	x->n_addrs = 1;
	connect_next(p, x, "", now, fx);
}

void http_px_resolved(struct http_proxy *p, struct px *x, const struct answer *a, nsec_t now,
		      struct fx *fx)
{
	unsigned n = a->err < 0 ? 0 : a->resolve.n_addrs;

	x->ask_id = 0;
	if (n == 0 && x->asked_type == 1) {
		ask_name(p, x, 28, fx);
		return;
	}
	x->n_addrs = n < ANSWER_ADDRS_MAX ? n : ANSWER_ADDRS_MAX;
	memcpy(x->addrs, a->resolve.addrs, x->n_addrs * sizeof(x->addrs[0]));
	connect_next(p, x, "the name of the server has no address", now, fx);
}

void http_px_forward(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx)
{
	make_request(p, x, fx);
	go(p, x, now, fx);
}

static void open_tunnel(struct px *x, struct fx *fx)
{
	static const char ok[] = "HTTP/1.1 200 Connection established\r\n\r\n";
	size_t ahead = x->in.len - x->head.len;

	decide_at(fx, "http.method.connect", x->at, V_TEXT("target", x->url_text),
		  V_ADDR("client", x->peer.addr), V_INT("status", 200),
		  V_TEXT("outcome", "a tunnel is open"));
	fx_write(fx, x->sock, ok, sizeof(ok) - 1);
	http_px_to(x, PX_TUNNEL);
	if (ahead > 0) /* the browser did not wait */
		http_px_up(x, x->in.data + x->head.len, ahead, fx);
	sbuf_done(&x->in);
	x->in.max = PROXY_IN_MAX;
}

void http_px_connected(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx)
{
	(void)now;
	if (x->state != PX_CONNECTING)
		return;
	if (x->head.method == HTTP_CONNECT) {
		p->stats.tunnels++;
		open_tunnel(x, fx);
		return;
	}
	http_px_to(x, PX_WAITING);
	fx_write(fx, x->up, x->request.data, x->request.len);
}

void http_px_up_closed(struct http_proxy *p, struct px *x, int err, nsec_t now, struct fx *fx)
{
	switch (x->state) {
	case PX_CONNECTING:
		connect_next(p, x, strerror(err ? err : ECONNABORTED), now, fx);
		break;
	case PX_TUNNEL:
		http_px_tunnel_end(x, "the server closed", fx);
		break;
	case PX_WAITING:
	case PX_RELAYING:
		if (err)
			x->up = 0; /* it is gone: nothing to close */
		http_px_up_end(p, x, now, fx);
		break;
	case PX_HEAD:
	case PX_BODY:
	case PX_RESOLVING:
	case PX_CLOSED:
	case N_PX_STATES:
		break;
	}
}

/* --- tunnels ---------------------------------------------------------------------------------- */

static bool is_permitted(const struct http_proxy_conf *conf, uint16_t port)
{
	if (conf->n_tunnels == 0)
		return port == HTTPS_PORT;
	for (unsigned i = 0; i < conf->n_tunnels; i++)
		if (conf->tunnels[i] == port)
			return true;
	return false;
}

/* host:port, the port always named (RFC 9110 §9.3.6). */
static bool read_authority(struct px *x)
{
	struct http_str t = http_target(&x->head);
	char text[HTTP_HOST_MAX + 32];
	const char *why;
	int n = snprintf(text, sizeof(text), "http://%.*s/", (int)t.len, t.p);

	str_copy_n(x->url_text, sizeof(x->url_text), t.p, t.len < 300 ? t.len : 300);
	if (n < 0 || (size_t)n >= sizeof(text) || !http_is_authority(t) || t.p[t.len - 1] == ']' ||
	    !memchr(t.p, ':', t.len))
		return false;
	return http_url_parse(text, (size_t)n, &x->url, &why) == 0;
}

void http_px_tunnel(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx)
{
	if (!read_authority(x))
		tunnel_failed(p, x, 400, "the target is no HOST:PORT", now, fx);
	else if (!is_permitted(p->conf, x->url.port))
		tunnel_failed(p, x, 403, "tunnels to that port are not permitted", now, fx);
	else
		go(p, x, now, fx);
}
