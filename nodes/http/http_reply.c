/* Answers: the head, how the end of the content is told, whether the connection stays open. */
#include "http/http_server.h"

#include <stdio.h>
#include <string.h>

enum { URL_MAX = VAL_TEXT_MAX };

/* --- head ------------------------------------------------------------------------------------- */

static void put(struct sbuf *out, const char *text)
{
	sbuf_put(out, text, strlen(text));
}

/* One format a second, however many answers. */
static const char *date_now(struct http_server *s, nsec_t now)
{
	int64_t unix_s = http_server_unix_ns(s, now) / SEC;

	if (unix_s != s->date_s) {
		http_date_format(unix_s, s->date);
		s->date_s = unix_s;
	}
	return s->date;
}

static void put_number(struct sbuf *out, const char *name, uint64_t v)
{
	char text[64], *p = text + sizeof(text);

	*--p = '\n';
	*--p = '\r';
	do
		*--p = (char)('0' + v % 10);
	while (v /= 10);
	put(out, name);
	sbuf_put(out, p, (size_t)(text + sizeof(text) - p));
}

static void put_start(struct http_server *s, const struct reply *r, nsec_t now)
{
	if (r->status == 200)
		put(&s->out, "HTTP/1.1 200 OK\r\n");
	else
		sbuf_printf(&s->out, "HTTP/1.1 %u %s\r\n", r->status,
			    http_status_reason(r->status));
	if (!r->foreign) {
		put(&s->out, "Date: ");
		put(&s->out, date_now(s, now));
		put(&s->out, "\r\nServer: labd\r\n");
	}
	if (r->fields)
		sbuf_put(&s->out, r->fields, r->fields_len ? r->fields_len : strlen(r->fields));
	if (r->type) {
		put(&s->out, "Content-Type: ");
		put(&s->out, r->type);
		put(&s->out, "\r\n");
	}
}

/* --- rules of every answer -------------------------------------------------------------------- */

static void decide_length(const struct conn *c, const struct reply *r, bool *keep, struct fx *fx)
{
	const struct request *q = &c->req;

	if (r->no_length)
		return;
	if (!r->unknown_len) {
		decide_at(fx, "http.persistent.content-length", q->at, V_INT("bytes", r->len),
			  V_INT("status", r->status));
		return;
	}
	/* RFC 9112 §6.1: an HTTP/1.0 client cannot read chunks. */
	if (q->head.minor == 0)
		*keep = false;
	decide_at(fx, "http.persistent.unknown-length", q->at,
		  V_TEXT("how", q->head.minor == 0 ? "the connection closes after it"
						   : "it is sent in chunks"));
}

static bool may_stay(const struct http_server *s, const struct conn *c, nsec_t now)
{
	const struct http_server_conf *conf = s->conf;

	if (conf->max_requests && c->n_requests >= conf->max_requests)
		return false;
	return conf->life_ns == NEVER || now - c->opened_ns < conf->life_ns;
}

/* RFC 9112 §9.3. `keep`: nothing about this answer stands against it. */
static bool decide_connection(struct http_server *s, const struct conn *c, bool keep, nsec_t now,
			      struct fx *fx)
{
	const struct request *q = &c->req;

	if (!keep) {
		decide_at(fx, "http.server.close", q->at, V_ADDR("client", c->peer.addr),
			  V_TEXT("reason", "this answer ends the connection"));
	} else if (q->head.minor == 0 && q->head.close) {
		decide_at(fx, "http.nonpersistent", q->at, V_TEXT("peer", c->key),
			  V_TEXT("reason", "HTTP/1.0 without keep-alive"));
	} else if (q->head.close) {
		decide_at(fx, "http.persistent.close-request", q->at,
			  V_ADDR("client", c->peer.addr), V_INT("requests", c->n_requests));
	} else if (!may_stay(s, c, now)) {
		decide_at(fx, "http.server.close", q->at, V_ADDR("client", c->peer.addr),
			  V_TEXT("reason", "its time or its number of requests is used up"));
	} else {
		decide_at(fx, "http.persistent.keep-open", q->at, V_ADDR("client", c->peer.addr),
			  V_INT("request", c->n_requests));
		return true;
	}
	return false;
}

/* --- the exchange as a fact ------------------------------------------------------------------- */

/* http://host/target, as far as the request tells it. */
static size_t exchange_url(const struct conn *c, char out[static URL_MAX])
{
	const struct http_head *h = &c->req.head;
	struct http_str target = http_target(h), host = http_value(h, HTTP_HOST);
	char addr[ADDR_TEXT_LEN];
	size_t n = 0;

	if (target.len == 0)
		return 0;
	if (target.p[0] == '/') {
		if (host.len == 0)
			host = (struct http_str){ addr, strlen(addr_format(&c->local.addr, addr)) };
		size_t start = strlen(c->secure ? "https://" : "http://");

		memcpy(out, c->secure ? "https://" : "http://", start);
		n = start + (host.len < 300 ? host.len : 300);
		memcpy(out + start, host.p, n - start);
	}
	if (target.len > URL_MAX - n)
		target.len = URL_MAX - n;
	memcpy(out + n, target.p, target.len);
	return n + target.len;
}

static void note_exchange(struct http_server *s, const struct conn *c, const struct reply *r,
			  uint64_t bytes, nsec_t now, struct fx *fx)
{
	const struct request *q = &c->req;
	struct http_str m = http_method_text(&q->head), ref = http_value(&q->head, HTTP_REFERER);
	char url[URL_MAX];
	size_t url_len = exchange_url(c, url);

	s->stats.bytes_out += bytes;
	s->stats.by_class[r->status / 100 % 6]++;
	fact_begin(fx, &http_exchange_fact, c->key, V_TEXT("role", "server"),
		   V_ADDR("peer", c->peer.addr), V_TEXTN("method", m.len ? m.p : NULL, m.len),
		   V_TEXTN("url", url_len ? url : NULL, url_len), V_INT("status", r->status),
		   V_TEXTN("referrer", ref.p, ref.len), V_TEXT("user", q->user[0] ? q->user : NULL),
		   V_INT("bytes", bytes), V_DUR("duration", now - q->start_ns));
}

/* --- sending ---------------------------------------------------------------------------------- */

static void put_chunks(struct sbuf *out, const char *data, uint64_t len)
{
	enum { CHUNK = 8192 };
	char head[HTTP_CHUNK_HEAD_MAX];

	while (len > 0) {
		size_t n = len < CHUNK ? (size_t)len : CHUNK;

		sbuf_put(out, head, http_chunk_head(n, head));
		sbuf_put(out, data, n);
		put(out, "\r\n");
		data += n;
		len -= n;
	}
	put(out, "0\r\n\r\n");
}

static void put_content(struct http_server *s, const struct conn *c, const struct reply *r)
{
	if (r->unknown_len && c->req.head.minor > 0)
		put_chunks(&s->out, r->data, r->len);
	else if (r->data && r->len > 0)
		sbuf_put(&s->out, r->data, (size_t)r->len);
}

static void put_framing(struct http_server *s, const struct conn *c, const struct reply *r,
			bool keep)
{
	if (!r->no_length && !r->unknown_len)
		put_number(&s->out, "Content-Length: ", r->len);
	else if (r->unknown_len && c->req.head.minor > 0)
		put(&s->out, "Transfer-Encoding: chunked\r\n");
	if (!keep)
		put(&s->out, "Connection: close\r\n");
	else if (c->req.head.minor == 0)
		put(&s->out, "Connection: keep-alive\r\n");
	put(&s->out, "\r\n");
}

static void write_out(struct http_server *s, struct conn *c, const struct reply *r, bool content,
		      struct fx *fx)
{
	fx_write(fx, c->sock, s->out.data, s->out.len);
	c->owed += s->out.len;
	if (content && r->file && r->len > 0) {
		fx_send_file(fx, c->sock, r->file, r->offset, r->len);
		c->owed += r->len + FX_STREAM_UNSENT_MAX;
	}
}

/* The connection after the answer: closed, reading on to the end of the body, or ready. */
static void after_answer(struct conn *c, bool keep, struct fx *fx)
{
	struct request *q = &c->req;

	if (!keep) {
		http_conn_close(c, fx, CLOSE_FLUSH);
	} else if (!q->body.done) {
		q->answered = true;
		http_conn_to(c, CONN_BODY);
	} else {
		http_conn_consume(c, q->raw_len);
		http_conn_to(c, CONN_IDLE);
	}
}

static void send_answer(struct http_server *s, struct conn *c, const struct reply *r, bool keep,
			nsec_t now, struct fx *fx)
{
	bool content = c->req.head.method != HTTP_HEAD && !r->no_length;

	decide_length(c, r, &keep, fx);
	keep = decide_connection(s, c, keep, now, fx);
	sbuf_reset(&s->out);
	put_start(s, r, now);
	put_framing(s, c, r, keep);
	if (content && !r->file)
		put_content(s, c, r);
	note_exchange(s, c, r, content ? r->len : 0, now, fx);
	write_out(s, c, r, content, fx);
	c->active_ns = now;
	after_answer(c, keep, fx);
}

void http_reply_send(struct http_server *s, struct conn *c, const struct reply *r, nsec_t now,
		     struct fx *fx)
{
	send_answer(s, c, r, true, now, fx);
}

void http_reply_error(struct http_server *s, struct conn *c, unsigned status, const char *why,
		      bool close, const char *fields, nsec_t now, struct fx *fx)
{
	struct request *q = &c->req;
	char page[512];
	struct reply r = { .status = status, .type = "text/html", .fields = fields, .data = page };
	int n = snprintf(page, sizeof(page),
			 "<!DOCTYPE html>\n<title>%u %s</title>\n<h1>%u %s</h1>\n<p>%s</p>\n",
			 status, http_status_reason(status), status, http_status_reason(status),
			 why);

	r.len = n < 0 ? 0 : (size_t)n < sizeof(page) ? (size_t)n : sizeof(page) - 1;
	if (q->expects) {
		/* The client may now send its body or not: only a new connection is sure. */
		decide_at(fx, "http.server.expect-continue", q->at, http_v_method(q),
			  http_v_target(q), V_INT("status", status));
		q->expects = false;
		close = true;
	}
	send_answer(s, c, &r, !close, now, fx);
}

void http_reply_continue(struct http_server *s, struct conn *c, struct fx *fx)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

	(void)s;
	fx_write(fx, c->sock, text, sizeof(text) - 1);
}
