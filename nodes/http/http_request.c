/* One request from its first octet to the moment it may act.
 *
 * A head passes the checks of `checks` in order; each lets it pass, answers it, or waits. Only then
 * is a body asked for (100-continue) and read. */
#include "http/http_server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

/* --- its parts ----------------------------------------------------------------------------------
 */

struct http_str http_request_query(const struct request *r)
{
	return (struct http_str){ r->head.base + r->query, r->query_len };
}

struct http_str http_request_content(const struct conn *c)
{
	return (struct http_str){ http_conn_data(c) + c->req.head.len, c->req.body_len };
}

/* --- refusals --------------------------------------------------------------------------------- */

struct val http_v_method(const struct request *r)
{
	struct http_str m = http_method_text(&r->head);

	return V_TEXTN("method", m.p, m.len < 32 ? m.len : 32);
}

struct val http_v_target(const struct request *r)
{
	struct http_str t = http_target(&r->head);

	return V_TEXTN("path", t.p, t.len);
}

static void refuse_fault(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx)
{
	struct request *r = &c->req;
	unsigned status = 400;

	switch (r->head.fault) {
	case HTTP_FAULT_SYNTAX:
		decide_at(fx, "http.server.bad-request", r->at, V_ADDR("client", c->peer.addr),
			  V_TEXT("reason", r->head.why));
		break;
	case HTTP_FAULT_HOST:
		decide_at(fx, "http.msg.host-required", r->at, V_ADDR("client", c->peer.addr),
			  V_TEXT("reason", r->head.why));
		break;
	case HTTP_FAULT_TARGET:
	case HTTP_FAULT_SECTION:
		status = r->head.fault == HTTP_FAULT_TARGET ? 414 : 431;
		decide_at(fx, "http.server.too-large", r->at, V_INT("status", status),
			  V_TEXT("reason", r->head.why));
		break;
	case HTTP_FAULT_CODING:
		status = 501;
		decide_at(fx, "http.server.unknown-coding", r->at, V_TEXT("reason", r->head.why));
		break;
	case HTTP_FAULT_VERSION:
		status = 505;
		decide_at(fx, "http.server.version", r->at, V_INT("major", r->head.major),
			  V_INT("minor", r->head.minor));
		break;
	case HTTP_OK:
		break;
	}
	http_reply_error(s, c, status, r->head.why, true, NULL, now, fx);
}

static void refuse_too_large(struct http_server *s, struct conn *c, unsigned status,
			     const char *why, nsec_t now, struct fx *fx)
{
	decide_at(fx, "http.server.too-large", c->req.at, V_INT("status", status),
		  V_TEXT("reason", why));
	http_reply_error(s, c, status, why, true, NULL, now, fx);
}

static void refuse_method(struct http_server *s, struct conn *c, unsigned status, const char *why,
			  nsec_t now, struct fx *fx)
{
	struct request *r = &c->req;
	char allow[128], field[160];

	decide_at(fx, "http.server.other-method", r->at, http_v_method(r), http_v_target(r),
		  V_INT("status", status), V_TEXT("reason", why));
	http_access_allow(s, r, allow, sizeof(allow));
	snprintf(field, sizeof(field), "Allow: %s\r\n", allow);
	http_reply_error(s, c, status, why, r->head.method == HTTP_CONNECT,
			 status == 405 ? field : NULL, now, fx);
}

/* --- the checks ------------------------------------------------------------------------------- */

/* Each: true = the request passes, false = it was answered or waits. */
typedef bool (*check_fn)(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx);

static bool check_sizes(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx)
{
	struct request *r = &c->req;

	if (r->head.target_len > s->conf->limits.target) {
		refuse_too_large(s, c, 414, "the request target is longer than the limit", now, fx);
		return false;
	}
	if (r->head.framing == HTTP_BY_LENGTH && r->head.length > s->conf->body_limit) {
		refuse_too_large(s, c, 413, "the body is larger than the limit", now, fx);
		return false;
	}
	return true;
}

static bool check_method(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx)
{
	if (c->req.head.method == HTTP_METHOD_OTHER)
		refuse_method(s, c, 501, "this server does not know the method", now, fx);
	else if (c->req.head.method == HTTP_CONNECT)
		refuse_method(s, c, 405, "CONNECT is for proxies, this is an origin server", now,
			      fx);
	else
		return true;
	return false;
}

static void refuse_path(struct http_server *s, struct conn *c, int err, nsec_t now, struct fx *fx)
{
	const char *why = err == -EINVAL  ? "the request target cannot be decoded"
			  : err == -EXDEV ? "the path leaves the document root"
					  : "the path is longer than any file's";
	unsigned status = err == -EINVAL ? 400 : 404;

	decide_at(fx, "http.server.path-escape", c->req.at, http_v_target(&c->req),
		  V_INT("status", status), V_TEXT("reason", why));
	http_reply_error(s, c, status, why, status == 400, NULL, now, fx);
}

static bool check_target(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx)
{
	struct request *r = &c->req;
	struct http_str target = http_target(&r->head), query;
	ssize_t n;

	if (http_str_is(target, "*")) {
		str_copy(r->path, sizeof(r->path), "*");
		if (r->head.method == HTTP_OPTIONS)
			return true;
		refuse_path(s, c, -EINVAL, now, fx);
		return false;
	}
	n = http_path_decode(target, r->path, sizeof(r->path), &r->dir, &query);
	if (n < 0) {
		refuse_path(s, c, (int)n, now, fx);
		return false;
	}
	if (query.p) {
		r->query = (uint16_t)(query.p - r->head.base);
		r->query_len = (uint16_t)query.len;
	}
	return true;
}

static bool check_expect(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx)
{
	struct request *r = &c->req;

	if (r->head.count[HTTP_EXPECT] == 0 || r->head.minor == 0)
		return true;
	if (http_str_is_nocase(http_value(&r->head, HTTP_EXPECT), "100-continue")) {
		r->expects = !r->body.done;
		return true;
	}
	decide_at(fx, "http.server.unknown-expectation", r->at, http_v_method(r), http_v_target(r));
	http_reply_error(s, c, 417, "only 100-continue can be expected", true, NULL, now, fx);
	return false;
}

static bool check_allowed(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx)
{
	struct request *r = &c->req;
	const char *why = r->head.method == HTTP_TRACE ? "TRACE is switched off"
						       : "writing is not enabled for this path";

	/* Whether a POST finds a file that takes none, or no file, shows later. */
	if (r->head.method == HTTP_POST || http_access_allows(s, r, r->head.method))
		return true;
	refuse_method(s, c, 405, why, now, fx);
	return false;
}

static const check_fn checks[] = { check_sizes,	 check_method,	check_target,
				   check_expect, check_allowed, http_access_check };

/* --- from head to deed ------------------------------------------------------------------------ */

void http_request_proceed(struct http_server *s, struct conn *c, struct fx *fx)
{
	struct request *r = &c->req;

	if (r->expects && http_conn_len(c) <= r->head.len) {
		decide_at(fx, "http.server.expect-continue", r->at, http_v_method(r),
			  http_v_target(r), V_INT("status", 100));
		http_reply_continue(s, c, fx);
	}
	r->expects = false;
	http_conn_to(c, CONN_BODY);
}

/* Only for http.stateless, which shows that nothing is remembered: a fingerprint of who asked for
 * what, so that a repetition can be pointed out. No answer depends on it. */
static void point_out_repetition(struct http_server *s, const struct conn *c, struct fx *fx)
{
	const struct request *r = &c->req;
	struct http_str t = http_target(&r->head);
	uint64_t print = hash_mix(hash_bytes(s->seed, t.p, t.len),
				  hash_bytes(s->seed, c->peer.addr.b, sizeof(c->peer.addr.b)));
	uint64_t *place = &s->recent[print % RECENT_MAX];

	if (*place == print && (r->head.method == HTTP_GET || r->head.method == HTTP_HEAD))
		decide_at(fx, "http.stateless", r->at, V_ADDR("client", c->peer.addr),
			  http_v_target(r));
	*place = print;
}

static void request_init(struct conn *c, nsec_t now)
{
	struct request *r = &c->req;

	r->at = c->in_offset;
	r->start_ns = now;
	r->path[0] = r->user[0] = '\0';
	r->dir = r->expects = r->answered = r->replaces = false;
	r->query = r->query_len = 0;
	r->body_len = 0;
	r->size = 0;
	r->mtime_ns = 0;
}

bool http_request_begin(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx)
{
	struct request *r = &c->req;
	ssize_t n;

	http_conn_consume(c, http_skip_empty_lines(http_conn_data(c), http_conn_len(c)));
	if (http_conn_len(c) == 0) {
		http_conn_to(c, CONN_IDLE);
		return false;
	}
	n = http_head_find(http_conn_data(c), http_conn_len(c), &s->conf->limits, &c->scan,
			   &r->head);
	if (n == 0) {
		if (c->state != CONN_HEAD)
			c->head_ns = now;
		http_conn_to(c, CONN_HEAD);
		return false;
	}
	request_init(c, now);
	c->n_requests++;
	s->stats.requests++;
	decide_at(fx, "http.server.gate", r->at, V_ADDR("client", c->peer.addr),
		  V_INT("request", c->n_requests));
	if (n < 0) {
		enum http_fault fault = r->head.fault;
		const char *why = r->head.why;

		(void)http_request_parse("", 0, &r->head); /* nothing of it is known */
		r->head.fault = fault;
		r->head.why = why;
	}
	if (n < 0 || http_request_parse(http_conn_data(c), (size_t)n, &r->head) < 0) {
		refuse_fault(s, c, now, fx);
		return true;
	}
	r->raw_len = r->head.len;
	http_body_init(&r->body, r->head.framing, r->head.length);
	point_out_repetition(s, c, fx);
	for (unsigned i = 0; i < ARRAY_SIZE(checks); i++)
		if (!checks[i](s, c, now, fx))
			return true;
	http_request_proceed(s, c, fx);
	return true;
}

static void send_options(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx)
{
	struct request *r = &c->req;
	char allow[128], field[160];
	struct reply reply = { .status = 200, .fields = field };

	http_access_allow(s, r, allow, sizeof(allow));
	snprintf(field, sizeof(field), "Allow: %s\r\n", allow);
	decide_at(fx, "http.method.options", r->at, http_v_target(r), V_TEXT("allow", allow));
	http_reply_send(s, c, &reply, now, fx);
}

/* The request as it came, without what must not be reflected (RFC 9110 §9.3.8). */
static void send_trace(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx)
{
	struct request *r = &c->req;
	struct sbuf echo = SBUF(HTTP_HEAD_MAX);
	struct reply reply = { .status = 200, .type = "message/http" };
	const struct http_head *h = &r->head;

	sbuf_put(&echo, h->base, h->target + h->target_len + 9u);
	sbuf_puts(&echo, "\r\n");
	for (unsigned i = 0; i < h->n_fields; i++) {
		const struct http_field *f = &h->fields[i];

		if (f->id == HTTP_AUTHORIZATION || f->id == HTTP_PROXY_AUTHORIZATION ||
		    f->id == HTTP_COOKIE)
			continue;
		sbuf_put(&echo, h->base + f->name, (size_t)(f->value + f->value_len - f->name));
		sbuf_puts(&echo, "\r\n");
	}
	sbuf_puts(&echo, "\r\n");
	reply.data = sbuf_text(&echo);
	reply.len = echo.len;
	decide_at(fx, "http.method.trace", r->at, V_INT("bytes", echo.len));
	http_reply_send(s, c, &reply, now, fx);
	sbuf_done(&echo);
}

/* The request is whole and may act. */
static void act(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx)
{
	struct request *r = &c->req;
	const struct http_app *app = http_access_app(s, r->path);
	const struct http_script *script = http_access_script(s, r->path);
	bool asterisk = http_str_is(http_target(&r->head), "*");

	if (r->head.method == HTTP_TRACE)
		send_trace(s, c, now, fx);
	else if (app && !asterisk)
		http_gateway_begin(s, c, app, now, fx);
	else if (r->head.method == HTTP_OPTIONS)
		send_options(s, c, now, fx);
	else if (script)
		http_script_run(s, c, script, now, fx);
	else if (r->head.method == HTTP_PUT)
		http_file_put(s, c, now, fx);
	else if (r->head.method == HTTP_POST)
		http_file_post(s, c, now, fx);
	else
		http_file_get(s, c, now, fx);
}

/* Takes what is here of the body. 0, or -1 when it was refused. */
static int take_body(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx)
{
	struct request *r = &c->req;

	while (!r->body.done && r->raw_len < http_conn_len(c)) {
		char *data = c->in.data + c->in_pos;
		struct http_str piece;
		ssize_t n = http_body_take(&r->body, data + r->raw_len,
					   http_conn_len(c) - r->raw_len, &piece);

		if (n < 0 && r->answered) {
			http_conn_close(c, fx, CLOSE_FLUSH);
			return -1;
		}
		if (n < 0) {
			r->head.fault = HTTP_FAULT_SYNTAX;
			r->head.why = r->body.why;
			refuse_fault(s, c, now, fx);
			return -1;
		}
		r->raw_len += (size_t)n;
		if (r->answered)
			continue;
		if (r->body_len + piece.len > s->conf->body_limit) {
			refuse_too_large(s, c, 413, "the body is larger than the limit", now, fx);
			return -1;
		}
		memmove(data + r->head.len + r->body_len, piece.p, piece.len);
		r->body_len += piece.len;
	}
	return 0;
}

bool http_request_body(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx)
{
	struct request *r = &c->req;

	if (take_body(s, c, now, fx) < 0)
		return true;
	if (!r->body.done)
		return false;
	if (r->answered) {
		http_conn_consume(c, r->raw_len);
		http_conn_to(c, CONN_IDLE);
	} else {
		act(s, c, now, fx);
	}
	return true;
}
