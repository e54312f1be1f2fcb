#include "http/http_reader.h"

#include <errno.h>
#include <string.h>

enum { READ_AHEAD_MAX = 64 << 10 }; /* octets of one feed beyond a head */

void http_reader_begin(struct http_reader *r, enum http_method to, size_t content_max)
{
	r->to = to;
	r->raw.max = HTTP_HEAD_MAX + READ_AHEAD_MAX;
	r->content.max = content_max;
	sbuf_reset(&r->raw);
	sbuf_reset(&r->content);
	r->scan = 0;
	r->has_head = false;
	r->head.len = 0;
	r->content_max = content_max;
	r->content_len = 0;
	r->n_interim = 0;
	r->any = r->cut = false;
	r->left = 0;
	r->why = NULL;
}

void http_reader_done(struct http_reader *r)
{
	sbuf_done(&r->raw);
	sbuf_done(&r->content);
}

static enum reader_got bad(struct http_reader *r, const char *why)
{
	r->why = why;
	return READER_BAD;
}

static void keep_content(struct http_reader *r, struct http_str piece)
{
	size_t room = r->content_max - r->content.len;

	r->content_len += piece.len;
	sbuf_put(&r->content, piece.p, piece.len < room ? piece.len : room);
}

static enum reader_got read_body(struct http_reader *r, const char *data, size_t len)
{
	while (len > 0 && !r->body.done) {
		struct http_str piece;
		ssize_t n = http_body_take(&r->body, data, len, &piece);

		if (n < 0)
			return bad(r, r->body.why);
		keep_content(r, piece);
		data += n;
		len -= (size_t)n;
	}
	r->left = len;
	return r->body.done ? READER_DONE : READER_MORE;
}

/* The head is whole: `n` octets of raw. */
static enum reader_got take_head(struct http_reader *r, size_t n)
{
	size_t ahead = r->raw.len - n;

	http_unfold(r->raw.data, n);
	if (http_response_parse(r->raw.data, n, r->to, &r->head) < 0)
		return bad(r, r->head.why);
	if (r->head.status >= 200) {
		r->has_head = true;
		http_body_init(&r->body, r->head.framing, r->head.length);
		r->raw.len = n;
		return read_body(r, r->raw.data + n, ahead);
	}
	/* 101 would change the protocol, which nobody asked for (RFC 9110 §15.2.2). */
	if (r->head.status == 101 || ++r->n_interim > READER_INTERIM_MAX)
		return bad(r, r->head.status == 101 ? "101 without a request to upgrade"
						    : "too many interim responses");
	return READER_INTERIM;
}

/* The start of a record, an alert mostly: what a port of HTTPS has to say to plain HTTP. */
static bool is_tls(const struct sbuf *raw)
{
	const uint8_t *p = (const uint8_t *)raw->data;

	return raw->len >= 2 && (p[0] == 21 || p[0] == 22) && p[1] == 3;
}

enum reader_got http_reader_feed(struct http_reader *r, const void *data, size_t len)
{
	ssize_t n;

	r->any |= len > 0;
	if (r->has_head)
		return read_body(r, data, len);
	if (r->n_interim > 0 && r->head.len > 0) { /* the interim head was looked at */
		sbuf_consume(&r->raw, r->head.len);
		r->head.len = 0;
		r->scan = 0;
	}
	if (sbuf_put(&r->raw, data, len) < 0)
		return bad(r, "the header section is over the limit");
	if (is_tls(&r->raw))
		return bad(r, "the server speaks TLS: https:// may be meant");
	n = http_head_find(sbuf_text(&r->raw), r->raw.len, &http_limits_default, &r->scan,
			   &r->head);
	if (n < 0)
		return bad(r, r->head.why);
	return n == 0 ? READER_MORE : take_head(r, (size_t)n);
}

enum reader_got http_reader_end(struct http_reader *r)
{
	if (r->has_head && (r->body.done || (r->head.framing == HTTP_UNTIL_CLOSE && !r->cut)))
		return READER_DONE;
	r->why = !r->any	? "the connection closed before a response"
		 : !r->has_head ? "the connection closed inside the header section"
		 : r->head.framing == HTTP_UNTIL_CLOSE
			 ? "the connection was cut, without TLS's goodbye"
		 : r->head.framing == HTTP_CHUNKED
			 ? "the connection closed before the last chunk"
			 : "the connection closed before Content-Length octets";
	return READER_CUT;
}
