/* The server's answer on its way to the browser, and tunnels. */
#include "http/http_proxy.h"

#include <stdio.h>
#include <string.h>

/* --- the exchange as a fact ------------------------------------------------------------------- */

void http_px_note(struct px *x, unsigned status, uint64_t bytes, nsec_t now, struct fx *fx)
{
	struct http_str m = http_method_text(&x->head), ref = http_value(&x->head, HTTP_REFERER);

	fact_begin(fx, &http_exchange_fact, x->key, V_TEXT("role", "proxy"),
		   V_ADDR("peer", x->peer.addr),
		   m.len > 0 ? V_TEXTN("method", m.p, m.len < 32 ? m.len : 32) : V_NULL("method"),
		   V_TEXT("url", x->url_text[0] ? x->url_text : NULL), V_INT("status", status),
		   ref.p ? V_TEXTN("referrer", ref.p, ref.len) : V_NULL("referrer"), V_NULL("user"),
		   V_INT("bytes", bytes), V_DUR("duration", now - x->start_ns));
}

/* --- the end ---------------------------------------------------------------------------------- */

static const char last_chunk[] = "0\r\n\r\n";

/* RFC 9111 §4.4: what changed at the server is not true here any more. */
static void invalidate(struct http_proxy *p, struct px *x, struct fx *fx)
{
	enum http_method m = x->head.method;
	bool unsafe = m == HTTP_PUT || m == HTTP_POST || m == HTTP_DELETE;

	if (!unsafe || x->answer.status >= 400)
		return;
	if (!http_proxy_forget(p, x->url_text, "the page was changed", fx))
		return;
	decide(fx, "http.proxy.invalidate", V_TEXT("url", x->url_text),
	       V_TEXT("method", http_method_name(m)));
}

static void keep_copy(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx)
{
	const char *why = http_proxy_refusal(p, x, x->copy.len, now);
	const struct proxy_entry *e;

	if (why) /* it grew too large */
		return;
	e = http_proxy_store(p, x, now, fx);
	decide(fx, "http.proxy.cache-store", V_TEXT("url", x->url_text), V_INT("bytes", e->len),
	       V_INT("fresh_for", (e->fresh_until_ns - now) / SEC));
}

static void finish_answer(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx)
{
	bool keep = x->keep;

	p->stats.bytes_fetched += x->down.total;
	decide(fx, "http.proxy.relayed", V_INT("status", x->answer.status),
	       V_TEXT("url", x->url_text), V_ADDR("client", x->peer.addr),
	       V_INT("bytes", x->down.total));
	if (x->storing)
		keep_copy(p, x, now, fx);
	http_px_note(x, x->answer.status, x->down.total, now, fx);
	if (x->chunked)
		fx_write(fx, x->sock, last_chunk, sizeof(last_chunk) - 1);
	http_px_finish(x, keep, fx);
}

/* --- its head --------------------------------------------------------------------------------- */

/* How the browser will know where the content ends (RFC 9112 §6.3). */
static void put_framing(struct px *x, struct sbuf *out)
{
	const struct http_head *a = &x->answer;
	struct http_str length = http_value(a, HTTP_CONTENT_LENGTH);
	bool old = x->head.minor == 0;

	x->keep = !x->head.close;
	x->chunked = false;
	if (a->framing == HTTP_CHUNKED || a->framing == HTTP_UNTIL_CLOSE) {
		x->chunked = !old;
		x->keep &= !old;
	}
	if (x->chunked)
		sbuf_puts(out, "Transfer-Encoding: chunked\r\n");
	else if (length.p && a->framing != HTTP_CHUNKED)
		sbuf_printf(out, "Content-Length: %.*s\r\n", (int)length.len, length.p);
	sbuf_puts(out, !x->keep ? "Connection: close\r\n\r\n"
		       : old	? "Connection: keep-alive\r\n\r\n"
				: "\r\n");
}

static void send_head(struct http_proxy *p, struct px *x, struct fx *fx)
{
	const struct http_head *a = &x->answer;
	struct http_str reason = http_reason(a);
	struct sbuf removed = SBUF(1024);
	char via[100];

	sbuf_reset(&p->out);
	sbuf_printf(&p->out, "HTTP/1.1 %u %.*s\r\n", a->status, (int)reason.len, reason.p);
	http_px_fields(p, a, false, &p->out, &removed);
	if (http_value(a, HTTP_AGE).p)
		sbuf_printf(&p->out, "Age: %.*s\r\n", (int)http_value(a, HTTP_AGE).len,
			    http_value(a, HTTP_AGE).p);
	put_framing(x, &p->out);
	http_px_via(p, a, via, sizeof(via));
	decide(fx, "http.proxy.forward-headers", V_TEXT("what", "the answer"),
	       V_TEXT("url", x->url_text), V_TEXT("via", via),
	       V_TEXT("removed", removed.len > 0 ? sbuf_text(&removed) : "anything"));
	fx_write(fx, x->sock, p->out.data, p->out.len);
	sbuf_done(&removed);
}

/* A 304 to the proxy's own question: the copy is right. */
static bool is_validated(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx)
{
	struct proxy_entry *e =
		x->validating && x->answer.status == 304 ? http_proxy_find(p, x) : NULL;

	if (!e)
		return false;
	p->stats.hits++;
	p->stats.bytes_saved += e->len;
	http_proxy_refresh(p, x, e, now, fx);
	decide(fx, "http.proxy.cache-validated", V_TEXT("url", x->url_text),
	       V_ADDR("client", x->peer.addr));
	http_px_entry(p, x, e, now, fx);
	return true;
}

static void decide_storing(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx)
{
	const struct http_head *a = &x->answer;
	const char *why =
		http_proxy_refusal(p, x, a->framing == HTTP_BY_LENGTH ? a->length : 0, now);

	x->storing = !why;
	if (why && x->head.method == HTTP_GET)
		decide(fx, "http.proxy.cache-refuse", V_TEXT("url", x->url_text),
		       V_TEXT("reason", why));
}

/* The head is whole: `n` octets of raw. False when the answer is done with. */
static bool take_head(struct http_proxy *p, struct px *x, size_t n, nsec_t now, struct fx *fx)
{
	http_unfold(x->raw.data, n);
	if (http_response_parse(x->raw.data, n, x->head.method, &x->answer) < 0 ||
	    x->answer.status == 101) {
		http_px_failed(p, x, 502,
			       x->answer.why ? x->answer.why : "101 without a request to upgrade",
			       now, fx);
		return false;
	}
	x->up_scan = 0;
	if (x->answer.status < 200) {
		sbuf_consume(&x->raw, n);
		return true;
	}
	if (is_validated(p, x, now, fx))
		return false;
	x->has_answer = true;
	http_body_init(&x->up_body, x->answer.framing, x->answer.length);
	http_px_to(x, PX_RELAYING);
	invalidate(p, x, fx);
	decide_storing(p, x, now, fx);
	send_head(p, x, fx);
	return true;
}

/* --- its body --------------------------------------------------------------------------------- */

static void pass_on(struct px *x, struct http_str piece, struct fx *fx)
{
	char size[HTTP_CHUNK_HEAD_MAX];

	if (piece.len == 0)
		return;
	if (x->storing && sbuf_put(&x->copy, piece.p, piece.len) < 0)
		x->storing = false;
	if (x->chunked)
		fx_write(fx, x->sock, size, http_chunk_head(piece.len, size));
	http_px_down(x, piece.p, piece.len, fx);
	if (x->chunked)
		fx_write(fx, x->sock, "\r\n", 2);
}

static void cut(struct px *x, const char *why, struct fx *fx)
{
	decide(fx, "http.proxy.cut", V_ADDR("client", x->peer.addr), V_TEXT("url", x->url_text),
	       V_TEXT("reason", why));
	/* A browser must see that something is missing. */
	http_px_close(x, fx,
		      x->answer.framing == HTTP_UNTIL_CLOSE && !x->chunked ? CLOSE_RESET
									   : CLOSE_FLUSH);
}

static void take_body(struct http_proxy *p, struct px *x, const char *data, size_t len, nsec_t now,
		      struct fx *fx)
{
	while (len > 0 && !x->up_body.done) {
		struct http_str piece;
		ssize_t n = http_body_take(&x->up_body, data, len, &piece);

		if (n < 0) {
			cut(x, x->up_body.why, fx);
			return;
		}
		pass_on(x, piece, fx);
		data += n;
		len -= (size_t)n;
	}
	if (x->up_body.done)
		finish_answer(p, x, now, fx);
}

/* Until the head is whole, or nothing more is here. */
static void take_heads(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx)
{
	while (x->state == PX_WAITING) {
		ssize_t n = http_head_find(sbuf_text(&x->raw), x->raw.len, &http_limits_default,
					   &x->up_scan, &x->answer);

		if (n < 0)
			http_px_failed(p, x, 502, x->answer.why, now, fx);
		if (n <= 0 || !take_head(p, x, (size_t)n, now, fx))
			return;
	}
	take_body(p, x, x->raw.data + x->answer.len, x->raw.len - x->answer.len, now, fx);
}

void http_px_up_bytes(struct http_proxy *p, struct px *x, const void *data, size_t len, nsec_t now,
		      struct fx *fx)
{
	if (x->state == PX_TUNNEL)
		http_px_down(x, data, len, fx);
	else if (x->state == PX_RELAYING)
		take_body(p, x, data, len, now, fx);
	else if (x->state != PX_WAITING)
		return;
	else if (sbuf_put(&x->raw, data, len) < 0)
		http_px_failed(p, x, 502, "the header section is over the limit", now, fx);
	else
		take_heads(p, x, now, fx);
}

void http_px_up_end(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx)
{
	if (x->state == PX_WAITING)
		http_px_failed(p, x, 502,
			       x->raw.len > 0 ? "it closed the connection inside its answer"
					      : "it closed the connection without an answer",
			       now, fx);
	else if (x->up_body.framing == HTTP_UNTIL_CLOSE)
		finish_answer(p, x, now, fx);
	else
		cut(x, "the server closed before the end", fx);
}

/* --- tunnels ---------------------------------------------------------------------------------- */

void http_px_tunnel_end(struct px *x, const char *why, struct fx *fx)
{
	decide(fx, "http.proxy.tunnel-end", V_ADDR("client", x->peer.addr),
	       V_TEXT("target", x->url_text), V_INT("up", x->upward.total),
	       V_INT("down", x->down.total), V_TEXT("reason", why));
	http_px_close(x, fx, CLOSE_FLUSH);
}
