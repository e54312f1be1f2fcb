/* From an address to a request: cache, name, connection, request. */
#include "http/http_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

/* --- the address ------------------------------------------------------------------------------ */

static void refuse(struct http_client *c, struct fetch *f, const char *why, struct fx *fx)
{
	fx_print(fx, f->call, "%% The address was not opened: %s\n", why);
	http_fetch_done(c, f, 1, fx);
}

/* Credentials in the address go before those of the configuration, and those of the command line
 * before both. */
static void choose_user(const struct http_client *c, struct fetch *f)
{
	if (f->user.name[0])
		return;
	if (f->url.has_user) {
		str_copy(f->user.name, sizeof(f->user.name), f->url.user);
		str_copy(f->user.password, sizeof(f->user.password), f->url.password);
	} else {
		f->user = c->conf->user;
	}
}

/* How long is what is to be sent? */
static void ask_file(struct http_client *c, struct fetch *f, struct fx *fx)
{
	struct ask ask = { .kind = ASK_FILE, .file = { .op = FILE_STAT } };

	str_copy(ask.file.path, sizeof(ask.file.path), f->file);
	f->ask_id = http_client_number(c);
	http_fetch_to(f, FETCH_FILE);
	fx_ask(fx, f->ask_id, &ask);
}

void http_fetch_start(struct http_client *c, struct fetch *f, const char *address, nsec_t now,
		      struct fx *fx)
{
	const char *why = "";
	int r = http_url_parse(address, strlen(address), &f->url, &why);

	if (r == -EPROTONOSUPPORT) {
		decide(fx, "http.client.drop-non-http", V_TEXT("address", address),
		       V_TEXT("reason", why));
		refuse(c, f, why, fx);
	} else if (r < 0) {
		decide(fx, "http.client.drop-bad-address", V_TEXT("address", address),
		       V_TEXT("reason", why));
		refuse(c, f, why, fx);
	} else {
		decide(fx, "http.client.accept-address", V_TEXT("address", address));
		choose_user(c, f);
		if (f->file[0])
			ask_file(c, f, fx);
		else
			http_fetch_go(c, f, now, fx);
	}
}

/* --- the cache -------------------------------------------------------------------------------- */

static struct cache_entry *stored(const struct http_client *c, const struct fetch *f)
{
	return http_cache_find(&c->cache, f->url_text, f->user.name);
}

/* True when the page was shown from the cache. A page that needed credentials is never shown
 * without asking: only the server knows whether they still hold. */
static bool from_cache(struct http_client *c, struct fetch *f, nsec_t now, struct fx *fx)
{
	struct cache_entry *e;

	f->validating = false;
	if (f->method != HTTP_GET)
		return false;
	e = stored(c, f);
	if (!e)
		e = http_cache_find(&c->cache, f->url_text, "");
	if (!e)
		return false;
	if (!f->reload && !e->user[0] && http_cache_is_fresh(e, now)) {
		decide(fx, "http.client.cache-hit", V_TEXT("url", f->url_text),
		       V_DUR("fresh_for", e->fresh_until_ns - now));
		http_cache_hit(&c->cache, e, fx);
		http_response_cached(c, f, e, fx);
		return true;
	}
	f->validating = http_cache_can_validate(e);
	if (f->validating)
		decide(fx, "http.client.cache-revalidate", V_TEXT("url", f->url_text),
		       V_TEXT("etag", e->etag ? e->etag : "none"),
		       V_TEXT("reason", f->reload ? "the user reloads" : "the copy is stale"));
	return false;
}

/* --- the server or the proxy ------------------------------------------------------------------ */

const char *http_fetch_host(const struct http_client *c, const struct fetch *f)
{
	return f->proxied ? c->conf->proxy : f->url.host;
}

uint16_t http_fetch_port(const struct http_client *c, const struct fetch *f)
{
	return f->proxied ? c->conf->proxy_port : f->url.port;
}

/* --- the name --------------------------------------------------------------------------------- */

static void ask_name(struct http_client *c, struct fetch *f, uint16_t type, struct fx *fx)
{
	struct ask ask = { .kind = ASK_RESOLVE, .resolve = { .type = type } };

	str_copy(ask.resolve.name, sizeof(ask.resolve.name), http_fetch_host(c, f));
	f->asked_type = type;
	f->ask_id = http_client_number(c);
	http_fetch_to(f, FETCH_RESOLVING);
	fx_ask(fx, f->ask_id, &ask);
}

void http_fetch_go(struct http_client *c, struct fetch *f, nsec_t now, struct fx *fx)
{
	http_url_format(&f->url, f->url_text, sizeof(f->url_text));
	f->visited[f->n_redirects] = hash_string(f->method, f->url_text);
	decide(fx, "http.client.parse-name", V_TEXT("name", f->url.host),
	       V_TEXT("address", f->url_text));
	if (from_cache(c, f, now, fx))
		return;
	f->retried = false;
	f->proxied = c->conf->proxy[0] != '\0';
	if (f->proxied)
		decide(fx, "http.client.use-proxy", V_TEXT("url", f->url_text),
		       V_TEXT("proxy", c->conf->proxy), V_INT("port", c->conf->proxy_port));
	if (!c->conf->force_close && http_client_reuse(c, f, fx)) {
		http_fetch_send(c, f, now, fx);
		return;
	}
	f->n_addrs = f->next_addr = 0;
	f->reused = false;
	if (addr_parse(http_fetch_host(c, f), &f->addrs[0]) == 0) {
		f->n_addrs = 1;
		decide(fx, "http.client.name-known", V_TEXT("name", http_fetch_host(c, f)),
		       V_ADDR("addr", f->addrs[0]), V_TEXT("how", "it is an address"));
		http_fetch_connect(c, f, now, fx);
		return;
	}
	decide(fx, "http.client.resolve-dns", V_TEXT("name", http_fetch_host(c, f)));
	ask_name(c, f, 1, fx);
}

static void name_answer(struct http_client *c, struct fetch *f, const struct answer *a, nsec_t now,
			struct fx *fx)
{
	unsigned n = a->err < 0 ? 0 : a->resolve.n_addrs;

	if (n == 0 && f->asked_type == 1) {
		ask_name(c, f, 28, fx);
		return;
	}
	if (n == 0) {
		const char *why = a->err < 0 && a->why[0] ? a->why : "the name has no address";

		decide(fx, "http.client.resolve-fail", V_TEXT("name", http_fetch_host(c, f)),
		       V_TEXT("reason", why));
		http_response_fail(c, f, "Host Name Unresolved", why, now, fx);
		return;
	}
	f->n_addrs = n < ANSWER_ADDRS_MAX ? n : ANSWER_ADDRS_MAX;
	memcpy(f->addrs, a->resolve.addrs, f->n_addrs * sizeof(f->addrs[0]));
	if (a->resolve.from_cache)
		decide(fx, "http.client.name-known", V_TEXT("name", http_fetch_host(c, f)),
		       V_ADDR("addr", f->addrs[0]),
		       V_TEXT("how", "it stood in the hosts table or the resolver's cache"));
	http_fetch_connect(c, f, now, fx);
}

static void file_answer(struct http_client *c, struct fetch *f, const struct answer *a, nsec_t now,
			struct fx *fx)
{
	const char *why = a->err < 0 ? a->why : a->file.is_dir ? "that is a directory" : NULL;

	http_fetch_to(f, FETCH_NEW);
	f->content_len = a->file.size;
	if (!why) {
		http_fetch_go(c, f, now, fx);
		return;
	}
	decide(fx, "http.client.no-file", V_TEXT("file", f->file), V_TEXT("reason", why));
	fx_print(fx, f->call, "%% %s cannot be sent: %s\n", f->file, why);
	http_fetch_done(c, f, 1, fx);
}

void http_fetch_answer(struct http_client *c, struct fetch *f, const struct answer *a, nsec_t now,
		       struct fx *fx)
{
	f->ask_id = 0;
	if (f->state == FETCH_FILE)
		file_answer(c, f, a, now, fx);
	else
		name_answer(c, f, a, now, fx);
}

/* --- the connection --------------------------------------------------------------------------- */

static const char *port_reason(const struct fetch *f)
{
	if (f->proxied)
		return "the proxy's";
	if (f->url.port != (f->url.https ? HTTPS_PORT : HTTP_PORT))
		return "the address names it";
	return f->url.https ? "the port of https" : "the port of http";
}

/* To the next address that was not tried yet; there is one. */
void http_fetch_connect(struct http_client *c, struct fetch *f, nsec_t now, struct fx *fx)
{
	struct ep peer = { .addr = f->addrs[f->next_addr++], .port = http_fetch_port(c, f) };

	f->peer = peer.addr;
	f->port = peer.port;
	f->sock = http_client_number(c);
	f->request_ns = now;
	http_fetch_to(f, FETCH_CONNECTING);
	timer_set(&c->timers, &f->timer, now + c->conf->timeout_ns);
	decide(fx, "http.client.connect-port", V_ADDR("addr", peer.addr), V_INT("port", peer.port),
	       V_TEXT("reason", port_reason(f)));
	fx_connect(fx, f->sock, &peer);
}

/* SNI is for names, not for addresses (RFC 6066 §3). */
static void secure(struct fetch *f, struct fx *fx)
{
	struct fx_tls tls = { .identity = NULL };
	struct addr a;

	if (addr_parse(f->url.host, &a) < 0)
		decide(fx, "http.https.sni", V_TEXT("name", f->url.host));
	str_copy(tls.name, sizeof(tls.name), f->url.host);
	http_fetch_to(f, FETCH_SECURING);
	fx_starttls(fx, f->sock, &tls);
}

/* Through a proxy nobody but the server shall read what follows (RFC 9110 §9.3.6). */
static void ask_tunnel(struct http_client *c, struct fetch *f, struct fx *fx)
{
	char target[HTTP_HOST_MAX + 16];
	bool v6 = strchr(f->url.host, ':') != NULL;

	snprintf(target, sizeof(target), v6 ? "[%s]:%u" : "%s:%u", f->url.host, f->url.port);
	decide(fx, "http.client.ask-tunnel", V_TEXT("target", target), V_ADDR("addr", f->peer));
	sbuf_reset(&c->out);
	sbuf_printf(&c->out, "CONNECT %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: labd\r\n\r\n", target,
		    target);
	http_reader_begin(&f->reader, HTTP_CONNECT, HTTP_PAGE_MAX);
	http_fetch_to(f, FETCH_TUNNELING);
	fx_write(fx, f->sock, c->out.data, c->out.len);
}

static void tunnel_refused(struct http_client *c, struct fetch *f, const char *why, nsec_t now,
			   struct fx *fx)
{
	decide(fx, "http.client.tunnel-refused", V_TEXT("url", f->url_text),
	       V_ADDR("addr", f->peer), V_TEXT("reason", why));
	http_response_fail(c, f, "Proxy Refused", why, now, fx);
}

void http_fetch_tunnel_bytes(struct http_client *c, struct fetch *f, const void *data, size_t len,
			     nsec_t now, struct fx *fx)
{
	enum reader_got got = http_reader_feed(&f->reader, data, len);
	unsigned status = f->reader.head.status;
	char why[64];

	while (got == READER_INTERIM)
		got = http_reader_feed(&f->reader, NULL, 0);
	if (got == READER_MORE)
		return;
	if (got == READER_DONE && status < 300 && f->reader.left == 0) {
		secure(f, fx);
		return;
	}
	snprintf(why, sizeof(why), "%u %s", status, http_status_reason(status));
	tunnel_refused(c, f, got == READER_DONE ? why : f->reader.why, now, fx);
}

void http_fetch_opened(struct http_client *c, struct fetch *f, const struct ev *ev, struct fx *fx)
{
	const struct ev_tls *tls = ev->opened.tls;

	if (f->state == FETCH_CONNECTING && f->url.https) {
		if (f->proxied)
			ask_tunnel(c, f, fx);
		else
			secure(f, fx);
		return;
	}
	if (f->state != FETCH_CONNECTING && f->state != FETCH_SECURING)
		return;
	if (tls)
		decide(fx, "http.https.same", V_ADDR("peer", f->peer),
		       V_TEXT("version", tls->version), V_TEXT("cipher", tls->cipher),
		       V_TEXT("name", tls->name));
	http_fetch_send(c, f, ev->now, fx);
}

/* The server is not whom the address names, or cannot talk: no request was sent. */
static void handshake_failed(struct http_client *c, struct fetch *f, int err, const char *why,
			     nsec_t now, struct fx *fx)
{
	f->sock = 0;
	if (err == EKEYREJECTED) {
		decide(fx, "http.https.client-verify", V_TEXT("name", f->url.host),
		       V_ADDR("addr", f->peer), V_TEXT("reason", why));
		http_response_fail(c, f, "Your Connection Is Not Private", why, now, fx);
		return;
	}
	decide(fx, "http.https.client-failed", V_ADDR("addr", f->peer), V_INT("port", f->port),
	       V_TEXT("reason", why));
	http_response_fail(c, f, "Secure Connection Failed", why, now, fx);
}

static bool is_idempotent(enum http_method m)
{
	return m != HTTP_POST;
}

/* RFC 9112 §9.3.1: a kept connection may have been closed just as it was used again. */
static bool retry(struct http_client *c, struct fetch *f, nsec_t now, struct fx *fx)
{
	if (!f->reused || f->retried || f->reader.any || !is_idempotent(f->method))
		return false;
	decide(fx, "http.client.retry", V_TEXT("url", f->url_text));
	fx_close(fx, f->sock, CLOSE_FLUSH);
	f->sock = 0;
	f->reused = false;
	f->retried = true;
	f->addrs[0] = f->peer;
	f->n_addrs = 1;
	f->next_addr = 0;
	http_fetch_to(f, FETCH_NEW);
	http_fetch_connect(c, f, now, fx);
	return true;
}

static void connect_failed(struct http_client *c, struct fetch *f, int err, nsec_t now,
			   struct fx *fx)
{
	f->sock = 0;
	if (f->next_addr < f->n_addrs && err != ETIMEDOUT) {
		http_fetch_connect(c, f, now, fx);
	} else if (err == ECONNREFUSED || err == ECONNRESET) {
		decide(fx, "http.client.connect-refused", V_ADDR("addr", f->peer),
		       V_INT("port", f->port));
		http_response_fail(c, f, "Server Reset Connection", strerror(err), now, fx);
	} else if (err == ETIMEDOUT) {
		http_fetch_timeout(c, f, now, fx);
	} else {
		decide(fx, "http.client.unreachable", V_ADDR("addr", f->peer),
		       V_TEXT("reason", strerror(err)));
		http_response_fail(c, f, "Host Unreachable", strerror(err), now, fx);
	}
}

void http_fetch_closed(struct http_client *c, struct fetch *f, int err, const char *why, nsec_t now,
		       struct fx *fx)
{
	if (f->state == FETCH_CONNECTING) {
		connect_failed(c, f, err, now, fx);
	} else if (f->state == FETCH_TUNNELING) {
		if (err)
			f->sock = 0;
		tunnel_refused(c, f, err ? strerror(err) : "it closed the connection", now, fx);
	} else if (f->state == FETCH_SECURING) {
		handshake_failed(c, f, err, why ? why : strerror(err), now, fx);
	} else if (retry(c, f, now, fx)) {
		return;
	} else if (err && !f->reader.any) {
		f->sock = 0;
		decide(fx, "http.client.connect-refused", V_ADDR("addr", f->peer),
		       V_INT("port", f->port));
		http_response_fail(c, f, "Server Reset Connection", strerror(err), now, fx);
	} else {
		if (err)
			f->sock = 0;
		http_response_got(c, f, http_reader_end(&f->reader), now, fx);
	}
}

void http_fetch_timeout(struct http_client *c, struct fetch *f, nsec_t now, struct fx *fx)
{
	decide(fx, "http.client.timeout", V_TEXT("url", f->url_text), V_ADDR("addr", f->peer),
	       V_DUR("waited", now - f->request_ns));
	if (f->sock)
		fx_close(fx, f->sock, CLOSE_RESET);
	f->sock = 0;
	http_response_fail(c, f, "Request Timeout", "the server did not answer in time", now, fx);
}

/* --- the request ------------------------------------------------------------------------------ */

static void put_credentials(const struct fetch *f, struct sbuf *out)
{
	char text[400];

	if (f->authorized &&
	    http_basic_format(f->user.name, f->user.password, text, sizeof(text)) == 0)
		sbuf_printf(out, "Authorization: %s\r\n", text);
}

static void put_conditions(const struct http_client *c, const struct fetch *f, struct sbuf *out)
{
	const struct cache_entry *e = f->validating ? stored(c, f) : NULL;

	if (f->validating && !e)
		e = http_cache_find(&c->cache, f->url_text, "");
	if (f->reload)
		sbuf_puts(out, e ? "Cache-Control: max-age=0\r\n" : "Cache-Control: no-cache\r\n");
	if (e && e->etag)
		sbuf_printf(out, "If-None-Match: %s\r\n", e->etag);
	if (e && e->modified)
		sbuf_printf(out, "If-Modified-Since: %s\r\n", e->modified);
}

static void put_content_fields(const struct fetch *f, struct sbuf *out)
{
	if (f->method == HTTP_POST)
		sbuf_puts(out, "Content-Type: application/x-www-form-urlencoded\r\n");
	if (f->method == HTTP_POST || f->method == HTTP_PUT)
		sbuf_printf(out, "Content-Length: %llu\r\n", (unsigned long long)f->content_len);
}

static void make_request(const struct http_client *c, const struct fetch *f, struct sbuf *out)
{
	char authority[HTTP_HOST_MAX + 16];

	http_url_authority(&f->url, authority, sizeof(authority));
	sbuf_reset(out);
	sbuf_printf(out, "%s %s HTTP/1.1\r\nHost: %s\r\n", http_method_name(f->method),
		    f->proxied && !f->url.https ? f->url_text : f->url.target, authority);
	sbuf_puts(out, "User-Agent: labd\r\nAccept: text/html, text/plain;q=0.9, */*;q=0.8\r\n"
		       "Accept-Language: en\r\nAccept-Encoding: identity\r\n");
	/* Not from a page that came secured to one that does not (RFC 9110 §10.1.3). */
	if (f->referrer[0] && (f->url.https || strncmp(f->referrer, "https:", 6) != 0))
		sbuf_printf(out, "Referer: %s\r\n", f->referrer);
	put_credentials(f, out);
	put_conditions(c, f, out);
	put_content_fields(f, out);
	sbuf_puts(out, c->conf->force_close ? "Connection: close\r\n\r\n" : "\r\n");
	if (f->method == HTTP_POST)
		sbuf_put(out, f->form, (size_t)f->content_len);
}

void http_fetch_send(struct http_client *c, struct fetch *f, nsec_t now, struct fx *fx)
{
	make_request(c, f, &c->out);
	http_reader_begin(&f->reader, f->method, HTTP_PAGE_MAX);
	f->request_ns = now;
	http_fetch_to(f, FETCH_WAITING);
	decide(fx, "http.client.send-request", V_TEXT("method", http_method_name(f->method)),
	       V_TEXT("url", f->url_text), V_ADDR("addr", f->peer), V_INT("port", f->port));
	fx_write(fx, f->sock, c->out.data, c->out.len);
	if (f->method == HTTP_PUT && f->content_len > 0)
		fx_send_file(fx, f->sock, f->file, 0, f->content_len);
	decide(fx, "http.client.start-timer", V_DUR("timeout", c->conf->timeout_ns));
	timer_set(&c->timers, &f->timer, now + c->conf->timeout_ns);
}
