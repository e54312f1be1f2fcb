/* Substitutions in the lines of a script page. */
#include "http/http_script.h"

#include <stdio.h>
#include <string.h>

bool http_script_field(struct http_str form, struct http_str name, char *out, size_t size)
{
	while (form.len > 0) {
		const char *amp = memchr(form.p, '&', form.len);
		struct http_str pair = { form.p, amp ? (size_t)(amp - form.p) : form.len };
		const char *eq = pair.len > 0 ? memchr(pair.p, '=', pair.len) : NULL;
		struct http_str key = { pair.p, eq ? (size_t)(eq - pair.p) : pair.len };
		struct http_str value = { pair.p + key.len, 0 };

		if (eq)
			value = (struct http_str){ eq + 1, pair.len - key.len - 1 };
		/* Names are compared as decoded; the value is decoded into the caller's buffer. */
		ssize_t n = http_form_decode(key, out, size);

		if (n >= 0 && (size_t)n == name.len && memcmp(out, name.p, name.len) == 0)
			return http_form_decode(value, out, size) >= 0;
		form.p += pair.len + (amp ? 1 : 0);
		form.len -= pair.len + (amp ? 1 : 0);
	}
	return false;
}

static void put_value(const struct script_input *in, const char *text, size_t len, struct sbuf *out)
{
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		const char *entity = !in->escape ? NULL
				     : c == '<'	 ? "&lt;"
				     : c == '>'	 ? "&gt;"
				     : c == '&'	 ? "&amp;"
				     : c == '"'	 ? "&quot;"
				     : c == '\'' ? "&#39;"
						 : NULL;

		if (entity)
			sbuf_puts(out, entity);
		else
			sbuf_put(out, &c, 1);
	}
}

static void put_text(const struct script_input *in, const char *text, struct sbuf *out)
{
	put_value(in, text, strlen(text), out);
}

static void put_count(const struct script_input *in, struct http_str list, struct sbuf *out)
{
	unsigned n = 0;

	for (unsigned i = 0; i < in->server->n_records; i++)
		n += http_str_is(list, in->server->records[i].list);
	sbuf_printf(out, "%u", n);
}

static void put_row(const struct script_input *in, struct http_str name, struct sbuf *out)
{
	char value[SCRIPT_VALUE_MAX];
	struct http_str fields;

	if (!in->row)
		return;
	fields = (struct http_str){ in->row->fields, strlen(in->row->fields) };
	if (http_str_is(name, "number"))
		sbuf_printf(out, "%lld", (long long)in->row->number);
	else if (http_script_field(fields, name, value, sizeof(value)))
		put_text(in, value, out);
}

static void put_form(const struct script_input *in, struct http_str name, struct sbuf *out)
{
	char value[SCRIPT_VALUE_MAX];

	if (http_script_field(in->form, name, value, sizeof(value)) ||
	    http_script_field(in->query, name, value, sizeof(value)))
		put_text(in, value, out);
}

static void put_time(const struct script_input *in, struct sbuf *out)
{
	char date[HTTP_DATE_LEN];

	http_date_format(http_server_unix_ns(in->server, in->now) / SEC, date);
	put_text(in, date, out);
}

static bool after_prefix(struct http_str s, const char *prefix, struct http_str *ret)
{
	size_t n = strlen(prefix);

	if (s.len <= n || memcmp(s.p, prefix, n) != 0)
		return false;
	*ret = (struct http_str){ s.p + n, s.len - n };
	return true;
}

/* One {name}. False when it is none of ours. */
static bool put_named(const struct script_input *in, struct http_str name, struct sbuf *out)
{
	const struct request *r = &in->conn->req;
	struct http_str m = http_method_text(&r->head), rest;
	char addr[ADDR_TEXT_LEN];

	if (after_prefix(name, "form.", &rest))
		put_form(in, rest, out);
	else if (after_prefix(name, "row.", &rest))
		put_row(in, rest, out);
	else if (after_prefix(name, "count.", &rest))
		put_count(in, rest, out);
	else if (http_str_is(name, "method"))
		put_value(in, m.p, m.len, out);
	else if (http_str_is(name, "path"))
		put_text(in, r->path, out);
	else if (http_str_is(name, "query"))
		put_value(in, in->query.p, in->query.len, out);
	else if (http_str_is(name, "client"))
		put_text(in, addr_format(&in->conn->peer.addr, addr), out);
	else if (http_str_is(name, "user"))
		put_text(in, r->user, out);
	else if (http_str_is(name, "host"))
		put_text(in, in->server->dev->hostname, out);
	else if (http_str_is(name, "time"))
		put_time(in, out);
	else
		return false;
	return true;
}

void http_script_text(const struct script_input *in, struct http_str text, struct sbuf *out)
{
	while (text.len > 0) {
		const char *open = memchr(text.p, '{', text.len);
		size_t before = open ? (size_t)(open - text.p) : text.len;
		const char *close = open ? memchr(open, '}', text.len - before) : NULL;
		size_t used = close ? (size_t)(close + 1 - text.p) : text.len;

		sbuf_put(out, text.p, before);
		if (open &&
		    (!close ||
		     !put_named(in, (struct http_str){ open + 1, (size_t)(close - open - 1) },
				out))) {
			sbuf_put(out, open, 1); /* a brace of the page's own */
			used = before + 1;
		}
		text.p += used;
		text.len -= used;
	}
	sbuf_put(out, "\n", 1);
}
