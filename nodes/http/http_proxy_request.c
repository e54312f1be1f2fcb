/* One request of a browser, from its first octet to the cache or to the server. */
#include "http/http_proxy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- fields that go on ------------------------------------------------------------------------ */

void http_px_via(const struct http_proxy *p, const struct http_head *h, char *out, size_t size)
{
	snprintf(out, size, "%u.%u %s", h->major, h->minor, p->dev->hostname);
}

/* Fields about one connection, and those that are made anew for each. */
static bool stays_here(const struct http_head *h, const struct http_field *f, bool request)
{
	if (request && (f->id == HTTP_HOST || f->id == HTTP_EXPECT))
		return true;
	if (!request && f->id == HTTP_AGE)
		return true;
	return f->id == HTTP_CONTENT_LENGTH || http_is_hop_field(h, f);
}

void http_px_fields(const struct http_proxy *p, const struct http_head *h, bool request,
		    struct sbuf *out, struct sbuf *removed)
{
	char via[100];

	for (unsigned i = 0; i < h->n_fields; i++) {
		const struct http_field *f = &h->fields[i];
		struct http_str name = http_field_name(h, f);

		if (!stays_here(h, f, request)) {
			sbuf_put(out, h->base + f->name,
				 (size_t)(f->value + f->value_len - f->name));
			sbuf_puts(out, "\r\n");
		} else if (removed && http_is_hop_field(h, f)) {
			sbuf_printf(removed, "%s%.*s", removed->len > 0 ? ", " : "", (int)name.len,
				    name.p);
		}
	}
	http_px_via(p, h, via, sizeof(via));
	sbuf_printf(out, "Via: %s\r\n", via);
}

/* --- refusals --------------------------------------------------------------------------------- */

static unsigned fault_status(enum http_fault fault)
{
	switch (fault) {
	case HTTP_FAULT_TARGET:
		return 414;
	case HTTP_FAULT_SECTION:
		return 431;
	case HTTP_FAULT_CODING:
		return 501;
	case HTTP_FAULT_VERSION:
		return 505;
	case HTTP_OK:
	case HTTP_FAULT_SYNTAX:
	case HTTP_FAULT_HOST:
		break;
	}
	return 400;
}

/* Has it been here before (RFC 9110 §7.6.3)? */
static bool is_loop(const struct http_proxy *p, const struct http_head *h)
{
	for (unsigned i = 0; i < h->n_fields; i++) {
		struct http_str list = http_field_value(h, &h->fields[i]), item;

		if (h->fields[i].id != HTTP_VIA)
			continue;
		while (http_list_next(&list, &item)) {
			const char *blank = memchr(item.p, ' ', item.len);
			struct http_str by = { item.p, 0 };

			if (!blank)
				continue;
			by = http_str_trim((struct http_str){
				blank + 1, (size_t)(item.p + item.len - blank - 1) });
			if (http_str_is_nocase(by, p->dev->hostname))
				return true;
		}
	}
	return false;
}

/* Max-Forwards of OPTIONS and TRACE; -1 = there is none. */
static int64_t max_forwards(const struct http_head *h)
{
	uint64_t n;

	if (h->method != HTTP_OPTIONS && h->method != HTTP_TRACE)
		return -1;
	for (unsigned i = 0; i < h->n_fields; i++)
		if (http_str_is_nocase(http_field_name(h, &h->fields[i]), "max-forwards") &&
		    http_digits(http_field_value(h, &h->fields[i]), &n) == 0)
			return (int64_t)(n < INT32_MAX ? n : INT32_MAX);
	return -1;
}

static bool answer_last(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx)
{
	const struct http_head *h = &x->head;

	if (max_forwards(h) != 0)
		return false;
	decide_at(fx, "http.proxy.max-forwards", x->at,
		  V_TEXT("method", http_method_name(h->method)), V_TEXT("url", x->url_text));
	http_px_error(p, x, h->method == HTTP_OPTIONS ? 200 : 405,
		      "this is the last server that the request may reach", true, now, fx);
	return true;
}

/* The target of a request to a proxy is a whole address (RFC 9112 §3.2.2). */
static bool read_target(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx)
{
	struct http_str t = http_target(&x->head);
	const char *why = "";
	bool whole = t.len > 7 && memmem(t.p, t.len, "://", 3);

	if (!whole)
		why = "this is a proxy: a request names the whole address, as in GET http://host/";
	else if (http_url_parse(t.p, t.len, &x->url, &why) == 0 && !x->url.https)
		why = NULL;
	else if (x->url.https && !*why)
		why = "https goes through a tunnel (CONNECT)";
	if (!why) {
		http_url_format(&x->url, x->url_text, sizeof(x->url_text));
		return true;
	}
	http_px_refuse(p, x, 400, why, true, now, fx);
	return false;
}

/* --- from head to deed ------------------------------------------------------------------------ */

static void request_init(struct px *x, nsec_t now)
{
	x->at = x->in_offset;
	x->start_ns = x->request_ns = now;
	x->raw_len = x->head.len;
	x->body_len = 0;
	x->cacheable = x->validating = x->has_answer = x->storing = false;
	x->url_text[0] = '\0';
	x->up_scan = 0;
	x->down.total = x->upward.total = 0;
	sbuf_reset(&x->raw);
	sbuf_reset(&x->copy);
	sbuf_reset(&x->request);
}

static bool passes(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx)
{
	const struct http_head *h = &x->head;

	if (!read_target(p, x, now, fx))
		return false;
	if (h->framing == HTTP_BY_LENGTH && h->length > PROXY_BODY_MAX) {
		http_px_refuse(p, x, 413, "the body is larger than the limit", true, now, fx);
		return false;
	}
	if (is_loop(p, h)) {
		decide_at(fx, "http.proxy.loop", x->at, V_ADDR("client", x->peer.addr),
			  V_TEXT("url", x->url_text));
		http_px_error(p, x, 502, "the request goes round in a circle", true, now, fx);
		return false;
	}
	return !answer_last(p, x, now, fx);
}

static void refuse_head(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx)
{
	const char *why = x->head.why;
	unsigned status = fault_status(x->head.fault);

	(void)http_request_parse("", 0, &x->head); /* nothing of it is known */
	x->raw_len = 0;
	http_px_refuse(p, x, status, why, true, now, fx);
}

bool http_px_begin(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	size_t empty = http_skip_empty_lines(sbuf_text(&x->in), x->in.len);
	ssize_t n;

	sbuf_consume(&x->in, empty);
	x->in_offset += empty;
	if (x->in.len == 0)
		return false;
	n = http_head_find(x->in.data, x->in.len, &http_limits_default, &x->scan, &x->head);
	if (n == 0)
		return false;
	p->stats.requests++;
	x->n_requests++;
	x->head.len = 0;
	request_init(x, now);
	if (n < 0 || http_request_parse(x->in.data, (size_t)n, &x->head) < 0) {
		refuse_head(p, x, now, fx);
		return true;
	}
	x->raw_len = x->head.len;
	x->asked = http_cache_control(&x->head);
	if (x->head.method == HTTP_CONNECT) {
		http_px_tunnel(p, x, now, fx);
		return true;
	}
	if (!passes(p, x, now, fx))
		return true;
	http_body_init(&x->body, x->head.framing, x->head.length);
	if (x->head.count[HTTP_EXPECT] && !x->body.done)
		fx_write(fx, x->sock, go_on, sizeof(go_on) - 1);
	http_px_to(x, PX_BODY);
	return true;
}

/* Takes what is here of the body; it is decoded behind the head. 0, or -1 when it was refused. */
static int take_body(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx)
{
	while (!x->body.done && x->raw_len < x->in.len) {
		struct http_str piece;
		ssize_t n = http_body_take(&x->body, x->in.data + x->raw_len,
					   x->in.len - x->raw_len, &piece);

		if (n < 0 || x->body_len + piece.len > PROXY_BODY_MAX) {
			http_px_refuse(p, x, n < 0 ? 400 : 413,
				       n < 0 ? x->body.why : "the body is larger than the limit",
				       true, now, fx);
			return -1;
		}
		x->raw_len += (size_t)n;
		memmove(x->in.data + x->head.len + x->body_len, piece.p, piece.len);
		x->body_len += piece.len;
	}
	return 0;
}

/* --- the cache -------------------------------------------------------------------------------- */

/* What only the server can judge goes to it. */
static bool is_for_cache(const struct http_head *h)
{
	return (h->method == HTTP_GET || h->method == HTTP_HEAD) && !h->count[HTTP_RANGE] &&
	       !h->count[HTTP_IF_MATCH] && !h->count[HTTP_IF_UNMODIFIED_SINCE];
}

/* Why the stored answer may not be given as it is; NULL = it may. */
static const char *unusable(const struct px *x, const struct proxy_entry *e, nsec_t now)
{
	if (e->no_cache)
		return "its server wants to be asked each time";
	if (now >= e->fresh_until_ns)
		return "the copy is stale";
	if (x->asked.no_cache)
		return "the browser wants it anew";
	if (x->asked.has_max_age && http_proxy_age_s(e, now) > (int64_t)x->asked.max_age_s)
		return "the browser wants a younger one";
	return NULL;
}

static void hit(struct http_proxy *p, struct px *x, struct proxy_entry *e, nsec_t now,
		struct fx *fx)
{
	p->stats.hits++;
	p->stats.bytes_saved += e->len;
	decide_at(fx, "http.proxy.cache-hit", x->at, V_ADDR("client", x->peer.addr),
		  V_TEXT("url", x->url_text), V_INT("age", http_proxy_age_s(e, now)),
		  V_INT("fresh_for", (e->fresh_until_ns - now) / SEC),
		  V_INT("status", http_px_entry_status(p, x, e, now)));
	http_px_entry(p, x, e, now, fx);
}

static void miss(struct px *x, const char *why, struct fx *fx)
{
	decide_at(fx, "http.proxy.cache-miss", x->at, V_TEXT("server", x->url.host),
		  V_TEXT("url", x->url_text), V_TEXT("reason", why));
}

static void revalidate(struct px *x, const struct proxy_entry *e, const char *why, struct fx *fx)
{
	x->validating = true;
	decide_at(fx, "http.proxy.cache-revalidate", x->at, V_TEXT("server", x->url.host),
		  V_TEXT("url", x->url_text), V_TEXT("etag", e->etag ? e->etag : "none"),
		  V_TEXT("reason", why));
}

/* True when the request was answered without its server. */
static bool from_cache(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx)
{
	struct proxy_entry *e = x->cacheable ? http_proxy_find(p, x) : NULL;
	const char *why = e		 ? unusable(x, e, now)
			  : x->cacheable ? "it is not stored"
					 : "only its server can answer such a request";

	if (e && !why) {
		hit(p, x, e, now, fx);
		return true;
	}
	if (x->asked.only_if_cached) {
		http_px_refuse(p, x, 504,
			       "the browser wants it from the cache alone, which has not got it",
			       false, now, fx);
		return true;
	}
	if (e && (e->etag || e->modified))
		revalidate(x, e, why, fx);
	else
		miss(x, why, fx);
	return false;
}

bool http_px_body(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx)
{
	if (take_body(p, x, now, fx) < 0)
		return true;
	if (!x->body.done)
		return false;
	x->cacheable = is_for_cache(&x->head);
	if (!from_cache(p, x, now, fx))
		http_px_forward(p, x, now, fx);
	return true;
}
