/* From a response to a page, or to the next request. */
#include "http/http_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

/* --- the exchange as a fact ------------------------------------------------------------------- */

static void note_exchange(struct fetch *f, const struct http_head *h, nsec_t now, struct fx *fx)
{
	char key[32];

	snprintf(key, sizeof(key), "command %u", f->call);
	f->noted = true;
	fact_begin(fx, &http_exchange_fact, key, V_TEXT("role", "client"), V_ADDR("peer", f->peer),
		   V_TEXT("method", http_method_name(f->method)), V_TEXT("url", f->url_text),
		   h ? V_INT("status", h->status) : V_NULL("status"),
		   V_TEXT("referrer", f->referrer[0] ? f->referrer : NULL),
		   V_TEXT("user", f->authorized ? f->user.name : NULL),
		   V_INT("bytes", f->reader.content_len), V_DUR("duration", now - f->request_ns));
}

/* --- showing ---------------------------------------------------------------------------------- */

struct shown {
	unsigned status;
	struct http_str type, coding, data;
	uint64_t len; /* of the whole content */
};

static bool is_type(struct http_str type, const char *start)
{
	size_t n = strlen(start);

	return type.len >= n && http_str_is_nocase((struct http_str){ type.p, n }, start);
}

static bool is_text(struct http_str type)
{
	static const char *const texts[] = { "text/",
					     "message/",
					     "application/json",
					     "application/xml",
					     "application/javascript",
					     "application/x-www-form-urlencoded" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (is_type(type, texts[i]))
			return true;
	return type.len == 0;
}

/* The page that `http follow` and the Referer field speak of. */
static void remember_page(struct http_client *c, const struct fetch *f, const struct shown *s,
			  struct sbuf *out)
{
	str_copy(c->page, sizeof(c->page), f->url_text);
	http_page_links_clear(&c->links);
	http_page_text(s->data, &f->url, &c->links, out);
}

static void print_content(struct http_client *c, const struct fetch *f, const struct shown *s,
			  struct fx *fx)
{
	bool html = is_type(s->type, "text/html") && s->coding.len == 0;

	sbuf_reset(&c->out);
	if (html && f->method == HTTP_GET)
		remember_page(c, f, s, f->view == VIEW_TEXT ? &c->out : NULL);
	if (s->len == 0)
		fx_print(fx, f->call, "%u %s\n", s->status, http_status_reason(s->status));
	else if (s->coding.len > 0)
		fx_print(fx, f->call, "[%.*s, coded as %.*s, %llu octets]\n", (int)s->type.len,
			 s->type.p, (int)s->coding.len, s->coding.p, (unsigned long long)s->len);
	else if (!is_text(s->type))
		fx_print(fx, f->call, "[%.*s, %llu octets]\n", (int)s->type.len, s->type.p,
			 (unsigned long long)s->len);
	else if (!html || f->view != VIEW_TEXT)
		http_page_plain(s->data, &c->out);
	if (c->out.len > 0 && c->out.data[c->out.len - 1] != '\n')
		sbuf_puts(&c->out, "\n"); /* the prompt that follows starts a line */
	if (c->out.len > 0)
		fx_print_text(fx, f->call, c->out.data, c->out.len);
	if (s->len > s->data.len)
		fx_print(fx, f->call, "[%llu octets more are not shown]\n",
			 (unsigned long long)(s->len - s->data.len));
}

static void print_links(const struct http_client *c, const struct fetch *f, struct fx *fx)
{
	if (f->view != VIEW_TEXT || c->links.n == 0 || strcmp(c->page, f->url_text) != 0)
		return;
	fx_print(fx, f->call, "\n");
	for (unsigned i = 0; i < c->links.n; i++)
		fx_print(fx, f->call, "[%u] %s\n", i + 1, c->links.url[i]);
}

static void print_head(const struct fetch *f, struct fx *fx)
{
	const struct http_head *h = &f->reader.head;
	struct sbuf out = SBUF(HTTP_HEAD_MAX);
	size_t len = h->len;

	/* As it came, without its line ends' CR and the empty line. */
	for (size_t i = 0; i < len; i++)
		if (h->base[i] != '\r')
			sbuf_put(&out, h->base + i, 1);
	fx_print_text(fx, f->call, sbuf_text(&out), out.len > 0 ? out.len - 1 : 0);
	sbuf_done(&out);
}

static void print_location(const struct fetch *f, struct fx *fx)
{
	struct http_str location = http_value(&f->reader.head, HTTP_LOCATION);

	if (f->reader.head.status == 201 && location.len > 0)
		fx_print(fx, f->call, "Location: %.*s\n", (int)location.len, location.p);
}

void http_response_cached(struct http_client *c, struct fetch *f, struct cache_entry *e,
			  struct fx *fx)
{
	const struct shown s = { .status = e->status,
				 .type = { e->type, strlen(e->type) },
				 .data = { e->data, e->len },
				 .len = e->len };

	print_content(c, f, &s, fx);
	print_links(c, f, fx);
	http_fetch_done(c, f, 0, fx);
}

/* A coding that nobody asked for (we accept identity only), or nothing. */
static struct http_str content_coding(const struct http_head *h)
{
	for (unsigned i = 0; i < h->n_fields; i++) {
		struct http_str value = http_field_value(h, &h->fields[i]);

		if (http_str_is_nocase(http_field_name(h, &h->fields[i]), "content-encoding") &&
		    !http_str_is_nocase(value, "identity"))
			return value;
	}
	return (struct http_str){ NULL, 0 };
}

static void show_response(struct http_client *c, struct fetch *f, struct fx *fx)
{
	const struct http_head *h = &f->reader.head;
	const struct shown s = { .status = h->status,
				 .type = http_value(h, HTTP_CONTENT_TYPE),
				 .coding = content_coding(h),
				 .data = { sbuf_text(&f->reader.content), f->reader.content.len },
				 .len = f->reader.content_len };
	struct http_str allow = http_value(h, HTTP_ALLOW);

	decide_at(fx, "http.client.ok-display", f->rx_at, V_TEXT("url", f->url_text),
		  V_INT("status", h->status), V_INT("bytes", s.len));
	if (f->view == VIEW_HEAD) {
		print_head(f, fx);
	} else if (f->view == VIEW_ALLOW) {
		fx_print(fx, f->call, "Allow: %.*s\n", (int)allow.len, allow.p ? allow.p : "");
	} else {
		print_content(c, f, &s, fx);
		print_links(c, f, fx);
		print_location(f, fx);
	}
	http_fetch_done(c, f, 0, fx);
}

static void show_error(struct http_client *c, struct fetch *f, const char *why, struct fx *fx)
{
	const struct http_head *h = &f->reader.head;
	struct http_str reason = http_reason(h);
	struct sbuf text = SBUF(256);

	if (reason.len == 0 || reason.len > 100)
		reason = (struct http_str){ http_status_reason(h->status),
					    strlen(http_status_reason(h->status)) };
	http_page_plain(reason, &text);
	decide_at(fx, "http.client.error-page", f->rx_at, V_TEXT("url", f->url_text),
		  V_INT("status", h->status), V_TEXT("reason", why ? why : sbuf_text(&text)));
	if (f->view == VIEW_HEAD)
		print_head(f, fx);
	else
		fx_print(fx, f->call, "Error %u %s\n%s\n", h->status, sbuf_text(&text),
			 f->url_text);
	if (why)
		fx_print(fx, f->call, "%s\n", why);
	sbuf_done(&text);
	http_fetch_done(c, f, 1, fx);
}

void http_response_fail(struct http_client *c, struct fetch *f, const char *title, const char *why,
			nsec_t now, struct fx *fx)
{
	if (addr_is_set(&f->peer))
		note_exchange(f, NULL, now, fx);
	fx_print(fx, f->call, "%s\n%s\n%s\n", title, f->url_text, why);
	http_fetch_done(c, f, 1, fx);
}

/* --- the next request ------------------------------------------------------------------------- */

/* Why the redirect is not followed; NULL = f->url is where it leads. */
static const char *redirect_target(struct fetch *f, struct http_url *ret)
{
	struct http_str location = http_value(&f->reader.head, HTTP_LOCATION);
	const char *why = NULL;

	if (!location.p)
		return "the redirect does not say where to";
	if (f->n_redirects == REDIRECTS_MAX)
		return "more than 10 redirects";
	if (http_url_resolve(&f->url, location.p, location.len, ret, &why) < 0)
		return why;
	return NULL;
}

static enum http_method method_after(enum http_method m, unsigned status)
{
	if (status == 303 && m != HTTP_HEAD)
		return HTTP_GET;
	return m == HTTP_POST && (status == 301 || status == 302) ? HTTP_GET : m;
}

static void redirect(struct http_client *c, struct fetch *f, nsec_t now, struct fx *fx)
{
	unsigned status = f->reader.head.status;
	struct http_url to;
	const char *why = redirect_target(f, &to);
	enum http_method method = method_after(f->method, status);
	char text[HTTP_URL_TEXT_MAX];
	uint64_t print;

	if (why) {
		show_error(c, f, why, fx);
		return;
	}
	http_url_format(&to, text, sizeof(text));
	print = hash_string(method, text);
	for (unsigned i = 0; i <= f->n_redirects; i++)
		if (f->visited[i] == print) {
			show_error(c, f, "the redirects go round in a circle", fx);
			return;
		}
	decide_at(fx, "http.client.redirect", f->rx_at, V_TEXT("url", f->url_text),
		  V_INT("status", status), V_TEXT("to", text),
		  V_TEXT("method", http_method_name(method)));
	/* Credentials are for the server they were given for (RFC 9110 §15.4). */
	if (!http_url_same_origin(&f->url, &to))
		f->user = (struct http_user){ .name = "" };
	f->authorized = false;
	f->method = method;
	f->url = to;
	f->n_redirects++;
	http_fetch_to(f, FETCH_NEW);
	http_fetch_go(c, f, now, fx);
}

/* A 401 that can be answered with what is known. */
static bool can_authenticate(const struct fetch *f)
{
	const struct http_head *h = &f->reader.head;

	if (!f->user.name[0] || f->authorized)
		return false;
	for (unsigned i = 0; i < h->n_fields; i++)
		if (h->fields[i].id == HTTP_WWW_AUTHENTICATE &&
		    http_offers_basic(http_field_value(h, &h->fields[i])))
			return true;
	return false;
}

static void authenticate(struct http_client *c, struct fetch *f, nsec_t now, struct fx *fx)
{
	decide_at(fx, "http.client.authenticate", f->rx_at, V_TEXT("url", f->url_text),
		  V_TEXT("user", f->user.name));
	f->authorized = true;
	f->retried = false;
	if (f->sock == 0 && http_client_reuse(c, f, fx)) {
		http_fetch_send(c, f, now, fx);
		return;
	}
	f->addrs[0] = f->peer;
	f->n_addrs = 1;
	f->next_addr = 0;
	http_fetch_to(f, FETCH_NEW);
	http_fetch_connect(c, f, now, fx);
}

/* --- the cache -------------------------------------------------------------------------------- */

static struct cache_response as_cache_response(const struct http_client *c, const struct fetch *f,
					       nsec_t now)
{
	return (struct cache_response){ .head = &f->reader.head,
					.data = f->reader.content.data,
					.len = f->reader.content.len,
					.request_ns = f->request_ns,
					.response_ns = now,
					.epoch_ns = c->dev->epoch_ns };
}

static void store(struct http_client *c, const struct fetch *f, nsec_t now, struct fx *fx)
{
	struct cache_response r = as_cache_response(c, f, now);
	const char *user = f->authorized ? f->user.name : "";
	const char *why =
		f->reader.content_len > f->reader.content.len ? "it is larger than the cache allows"
		: content_coding(&f->reader.head).len > 0     ? "it is coded, and cannot be shown"
							      : http_cache_refusal(c->conf, &r);

	if (why) {
		http_cache_forget(&c->cache, f->url_text, "replaced by a page that is not kept",
				  fx);
		decide_at(fx, "http.client.cache-refuse", f->rx_at, V_TEXT("url", f->url_text),
			  V_TEXT("reason", why));
		return;
	}
	decide_at(fx, "http.client.cache-store", f->rx_at, V_TEXT("url", f->url_text),
		  V_INT("bytes", r.len));
	http_cache_store(&c->cache, c->conf, f->url_text, user, &r, fx);
}

/* 304: the copy is right, and is shown. */
static bool show_validated(struct http_client *c, struct fetch *f, nsec_t now, struct fx *fx)
{
	struct cache_response r = as_cache_response(c, f, now);
	struct cache_entry *e = http_cache_find(&c->cache, f->url_text, f->user.name);

	if (!e)
		e = http_cache_find(&c->cache, f->url_text, "");
	if (!f->validating || !e)
		return false;
	decide_at(fx, "http.client.cache-validated", f->rx_at, V_TEXT("url", f->url_text));
	http_cache_refresh(e, &r, fx);
	http_cache_hit(&c->cache, e, fx);
	http_response_cached(c, f, e, fx);
	return true;
}

/* RFC 9111 §4.4: what changed at the server is not true here any more. */
static void invalidate(struct http_client *c, const struct fetch *f, struct fx *fx)
{
	bool unsafe = f->method == HTTP_PUT || f->method == HTTP_POST || f->method == HTTP_DELETE;

	if (!unsafe || f->reader.head.status >= 400)
		return;
	decide_at(fx, "http.client.cache-forget", f->rx_at, V_TEXT("url", f->url_text),
		  V_TEXT("method", http_method_name(f->method)));
	http_cache_forget(&c->cache, f->url_text, "the page was changed", fx);
}

/* --- the response ----------------------------------------------------------------------------- */

/* What becomes of the connection. */
static void release_connection(struct http_client *c, struct fetch *f, nsec_t now, struct fx *fx)
{
	const struct http_head *h = &f->reader.head;
	bool half_sent = f->method == HTTP_PUT && h->status >= 400; /* answered before the end */
	bool close = h->close || c->conf->force_close;

	if (!f->sock)
		return;
	if (!close && !half_sent && f->reader.left == 0) {
		http_client_keep(c, f, now, fx);
		return;
	}
	if (close)
		decide_at(fx, "http.nonpersistent", f->rx_at, V_TEXT("peer", f->url.host),
			  V_TEXT("reason", c->conf->force_close ? "one connection per request"
					   : h->minor == 0	? "HTTP/1.0"
								: "the server closes"));
	fx_close(fx, f->sock, CLOSE_FLUSH);
	f->sock = 0;
}

static void handle(struct http_client *c, struct fetch *f, nsec_t now, struct fx *fx)
{
	unsigned status = f->reader.head.status;

	invalidate(c, f, fx);
	switch (status) {
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
		redirect(c, f, now, fx);
		return;
	case 304:
		if (!show_validated(c, f, now, fx))
			show_error(c, f, "nothing was asked that this could answer", fx);
		return;
	case 401:
		if (can_authenticate(f)) {
			authenticate(c, f, now, fx);
			return;
		}
		break;
	}
	if (status >= 300) {
		show_error(c, f, NULL, fx);
		return;
	}
	if (f->method == HTTP_GET)
		store(c, f, now, fx);
	show_response(c, f, fx);
}

static void broken(struct http_client *c, struct fetch *f, enum reader_got got, nsec_t now,
		   struct fx *fx)
{
	const char *why = f->reader.why;

	if (got == READER_CUT && f->reader.any) {
		decide_at(fx, "http.client.incomplete", f->rx_at, V_TEXT("url", f->url_text),
			  V_TEXT("reason", why), V_INT("bytes", f->reader.content_len));
		http_response_fail(c, f, "Incomplete Response", why, now, fx);
	} else {
		decide_at(fx, "http.client.invalid-response", f->rx_at, V_TEXT("url", f->url_text),
			  V_TEXT("reason", why));
		http_response_fail(c, f, "Invalid Response", why, now, fx);
	}
}

void http_response_got(struct http_client *c, struct fetch *f, enum reader_got got, nsec_t now,
		       struct fx *fx)
{
	while (got == READER_INTERIM) {
		decide_at(fx, "http.client.interim", f->rx_at,
			  V_INT("status", f->reader.head.status));
		got = http_reader_feed(&f->reader, NULL, 0);
	}
	switch (got) {
	case READER_MORE:
		timer_set(&c->timers, &f->timer, now + c->conf->timeout_ns);
		return;
	case READER_BAD:
	case READER_CUT:
		broken(c, f, got, now, fx);
		return;
	case READER_INTERIM:
	case READER_DONE:
		break;
	}
	http_fetch_to(f, FETCH_READ);
	timer_clear(&c->timers, &f->timer);
	note_exchange(f, &f->reader.head, now, fx);
	release_connection(c, f, now, fx);
	handle(c, f, now, fx);
}
