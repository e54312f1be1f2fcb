/* HTTP for the log's dissector: one segment's payload in, the words of tshark's Info column out. */
#include "http/http_wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/sbuf.h"
#include "base/val.h"

enum { FIELD_VALUE_MAX = 512 };

struct first_line {
	size_t len; /* without its line end */
	bool response;
};

/* Does the segment start a message? tshark too needs the whole first line to say so. */
static int find_first_line(const char *p, size_t len, struct first_line *ret)
{
	size_t window = len < HTTP_TARGET_MAX ? len : HTTP_TARGET_MAX;
	const char *lf = memchr(p, '\n', window), *version;

	if (!lf)
		return -EAGAIN;
	ret->len = (size_t)(lf - p);
	if (ret->len > 0 && p[ret->len - 1] == '\r')
		ret->len--;
	ret->response = ret->len > 5 && memcmp(p, "HTTP/", 5) == 0;
	if (ret->response)
		return 0;
	version = memmem(p, ret->len, " HTTP/", 6);
	for (const char *c = p; version && c < version && *c != ' '; c++)
		if (*c < 'A' || *c > 'Z')
			return -EAGAIN;
	return version && version > p ? 0 : -EAGAIN;
}

static int read_head(const struct codec_in *in, const struct first_line *first, struct http_head *h)
{
	const char *p = (const char *)in->data;
	size_t scan = 0;
	ssize_t n;

	h->n_fields = 0;
	n = http_head_find(p, in->len, &http_limits_default, &scan, h);
	if (n == 0) /* the rest is in segments to come */
		return -EAGAIN;
	if (n < 0)
		return -EBADMSG;
	return first->response ? http_response_parse(p, (size_t)n, HTTP_GET, h)
			       : http_request_parse(p, (size_t)n, h);
}

static void put_text(struct sbuf *out, const char *p, size_t len)
{
	const struct val v = V_TEXTN("", p, len);

	val_format(&v, out);
}

/* The media type without its parameters, when some of the body is in sight. */
static void put_type(struct sbuf *out, const struct http_head *h, size_t len)
{
	struct http_str type = http_value(h, HTTP_CONTENT_TYPE);
	const char *end = type.p ? memchr(type.p, ';', type.len) : NULL;

	if (end)
		type.len = (size_t)(end - type.p);
	type = http_str_trim(type);
	if (type.len == 0 || h->len >= len || h->framing == HTTP_NO_BODY)
		return;
	sbuf_puts(out, "  (");
	put_text(out, type.p, type.len);
	sbuf_puts(out, ")");
}

static int http_info(const struct codec_in *in, struct sbuf *out, const char **ret_why)
{
	const char *p = (const char *)in->data;
	struct first_line first;
	struct http_head h;
	int r = find_first_line(p, in->len, &first);

	if (r < 0)
		return r;
	r = read_head(in, &first, &h);
	if (r == -EBADMSG) {
		*ret_why = h.why;
		return r;
	}
	while (first.len > 0 && p[first.len - 1] == ' ')
		first.len--;
	put_text(out, p, first.len);
	if (r == 0)
		put_type(out, &h, in->len);
	return 0;
}

/* --- details -------------------------------------------------------------------------------- */

struct sink {
	codec_field_fn fn;
	void *arg;
	const char *base;
};

static void put_field(const struct sink *s, const char *name, struct http_str text)
{
	char buf[FIELD_VALUE_MAX];
	struct sbuf out = SBUF(sizeof(buf) - 1);

	put_text(&out, text.p, text.len < sizeof(buf) / 4 ? text.len : sizeof(buf) / 4);
	str_copy(buf, sizeof(buf), sbuf_text(&out));
	sbuf_done(&out);
	s->fn(s->arg, name, buf, (size_t)(text.p - s->base), text.len);
}

static void put_start_line(const struct sink *s, const struct http_head *h, bool response)
{
	struct http_str version = { h->base, 8 }, code = { h->base + 9, 3 };

	if (response) {
		put_field(s, "Response Version", version);
		put_field(s, "Status Code", code);
		put_field(s, "Response Phrase", http_reason(h));
		return;
	}
	version.p = h->base + h->target + h->target_len + 1;
	put_field(s, "Request Method", http_method_text(h));
	put_field(s, "Request URI", http_target(h));
	put_field(s, "Request Version", version);
}

/* Of credentials only their kind: a row of the log is read by more people than the capture is. */
static struct http_str shown(const struct http_head *h, const struct http_field *f)
{
	struct http_str v = http_field_value(h, f);
	const char *blank = v.len > 0 ? memchr(v.p, ' ', v.len) : NULL;

	if ((f->id == HTTP_AUTHORIZATION || f->id == HTTP_PROXY_AUTHORIZATION) && blank)
		v.len = (size_t)(blank - v.p);
	return v;
}

static int http_fields(const struct codec_in *in, codec_field_fn fn, void *arg)
{
	struct sink s = { fn, arg, (const char *)in->data };
	struct first_line first;
	struct http_head h;
	int r = find_first_line(s.base, in->len, &first);

	if (r == 0)
		r = read_head(in, &first, &h);
	if (r < 0)
		return r;
	put_start_line(&s, &h, first.response);
	for (unsigned i = 0; i < h.n_fields; i++) {
		struct http_str word = http_field_name(&h, &h.fields[i]);
		char name[64];

		str_copy_n(name, sizeof(name), word.p, word.len);
		put_field(&s, name, shown(&h, &h.fields[i]));
	}
	if (h.len < in->len && h.framing != HTTP_NO_BODY)
		put_field(&s, "File Data", (struct http_str){ s.base + h.len, in->len - h.len });
	return 0;
}

const struct codec http_codec = {
	.name = "HTTP",
	.tcp_ports = { HTTP_PORT, 8080 },
	.info = http_info,
	.fields = http_fields,
};
