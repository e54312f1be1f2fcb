#include "http/http_wire.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

const struct http_limits http_limits_default = { .target = HTTP_TARGET_MAX,
						 .section = HTTP_SECTION_MAX };

static_assert(HTTP_HEAD_MAX <= UINT16_MAX, "offsets within a head are 16 bits wide");
static_assert(HTTP_FIELDS_MAX < UINT8_MAX, "places of fields are 8 bits wide");

enum { TOKEN = BIT(0), TARGET = BIT(1), VALUE = BIT(2) };

/* RFC 9110 §5.6.2 (token), §5.5 (field value), RFC 3986 without '#' (target). */
#define T (TOKEN | TARGET | VALUE)
#define V (TARGET | VALUE)
/* clang-format off */
static const uint8_t class_of[256] = {
	['\t'] = VALUE, [' '] = VALUE,
	['!'] = T, ['"'] = V, ['#'] = VALUE, ['$'] = T, ['%'] = T, ['&'] = T, ['\''] = T,
	['('] = V, [')'] = V, ['*'] = T, ['+'] = T, [','] = V, ['-'] = T, ['.'] = T, ['/'] = V,
	['0' ... '9'] = T,
	[':'] = V, [';'] = V, ['<'] = V, ['='] = V, ['>'] = V, ['?'] = V, ['@'] = V,
	['A' ... 'Z'] = T,
	['['] = V, ['\\'] = V, [']'] = V, ['^'] = T, ['_'] = T, ['`'] = T,
	['a' ... 'z'] = T,
	['{'] = V, ['|'] = T, ['}'] = V, ['~'] = T,
	[0x80 ... 0xff] = VALUE,
};
/* clang-format on */
#undef T
#undef V

static bool is(char c, uint8_t what)
{
	return class_of[(uint8_t)c] & what;
}

/* --- the parts of a head -------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static int bad(struct http_head *h, enum http_fault fault, const char *why)
{
	h->fault = fault;
	h->why = why;
	return -EBADMSG;
}

struct http_str http_method_text(const struct http_head *h)
{
	return (struct http_str){ h->base, h->method_len };
}

struct http_str http_target(const struct http_head *h)
{
	return (struct http_str){ h->base + h->target, h->target_len };
}

struct http_str http_reason(const struct http_head *h)
{
	return (struct http_str){ h->base + h->reason, h->reason_len };
}

struct http_str http_field_name(const struct http_head *h, const struct http_field *f)
{
	return (struct http_str){ h->base + f->name, f->name_len };
}

struct http_str http_field_value(const struct http_head *h, const struct http_field *f)
{
	return (struct http_str){ h->base + f->value, f->value_len };
}

struct http_str http_value(const struct http_head *h, enum http_field_id id)
{
	if (h->first[id] == 0)
		return (struct http_str){ NULL, 0 };
	return http_field_value(h, &h->fields[h->first[id] - 1]);
}

bool http_has_token(const struct http_head *h, enum http_field_id id, const char *token)
{
	for (unsigned i = 0, left = h->count[id]; left > 0 && i < h->n_fields; i++) {
		struct http_str list, item;

		if (h->fields[i].id != id)
			continue;
		left--;
		list = http_field_value(h, &h->fields[i]);
		while (http_list_next(&list, &item))
			if (http_str_is_nocase(item, token))
				return true;
	}
	return false;
}

static bool named_in_connection(const struct http_head *h, struct http_str name)
{
	for (unsigned i = 0; i < h->n_fields; i++) {
		struct http_str list = http_field_value(h, &h->fields[i]), item;

		if (h->fields[i].id != HTTP_CONNECTION)
			continue;
		while (http_list_next(&list, &item))
			if (http_str_same_nocase(item, name))
				return true;
	}
	return false;
}

bool http_is_hop_field(const struct http_head *h, const struct http_field *f)
{
	switch (f->id) {
	case HTTP_CONNECTION:
	case HTTP_KEEP_ALIVE:
	case HTTP_PROXY_CONNECTION:
	case HTTP_PROXY_AUTHENTICATE:
	case HTTP_PROXY_AUTHORIZATION:
	case HTTP_TE:
	case HTTP_TRAILER:
	case HTTP_TRANSFER_ENCODING:
	case HTTP_UPGRADE:
		return true;
	}
	return named_in_connection(h, http_field_name(h, f));
}

/* --- finding a head ------------------------------------------------------------------------- */

size_t http_skip_empty_lines(const char *data, size_t len)
{
	size_t n = 0;

	while (n < len) {
		if (data[n] == '\n')
			n++;
		else if (data[n] == '\r' && n + 1 < len && data[n + 1] == '\n')
			n += 2;
		else
			break;
	}
	return n;
}

/* The start line is not whole yet, or it is the line of `line_len` octets. */
static int check_start_line(const char *data, size_t line_len, const struct http_limits *limits,
			    struct http_head *h)
{
	if (line_len > 0 && !is(data[0], TOKEN))
		return bad(h, HTTP_FAULT_SYNTAX, "the start line does not begin with a method");
	if (line_len > limits->target + (size_t)HTTP_METHOD_MAX + 12)
		return bad(h, HTTP_FAULT_TARGET, "the request target is longer than the limit");
	return 0;
}

ssize_t http_head_find(const char *data, size_t len, const struct http_limits *limits, size_t *scan,
		       struct http_head *h)
{
	const char *start = memchr(data, '\n', len);
	size_t line_len = start ? (size_t)(start - data) : len;
	const char *p = data + *scan;

	if (len == 1 && data[0] == '\r') /* half of an empty line */
		return 0;
	if (check_start_line(data, line_len, limits, h) < 0)
		return -EBADMSG;
	while ((p = memchr(p, '\n', len - (size_t)(p - data))) != NULL) {
		size_t left = len - (size_t)(++p - data), end = 0;

		if (left >= 1 && p[0] == '\n')
			end = 1;
		else if (left >= 2 && p[0] == '\r' && p[1] == '\n')
			end = 2;
		if (end && (size_t)(p - data) - line_len - 1 <= limits->section)
			return p - data + (ssize_t)end;
		if (end || (size_t)(p - data) - line_len - 1 > limits->section)
			return bad(h, HTTP_FAULT_SECTION, "the header section is over the limit");
		*scan = (size_t)(p - data) - 1;
	}
	if (len - line_len > limits->section + 3)
		return bad(h, HTTP_FAULT_SECTION, "the header section is over the limit");
	return 0;
}

void http_unfold(char *data, size_t len)
{
	for (size_t i = 0; i + 1 < len; i++) {
		if (data[i] != '\n' || !is_blank(data[i + 1]))
			continue;
		data[i] = ' ';
		if (i > 0 && data[i - 1] == '\r')
			data[i - 1] = ' ';
	}
}

/* --- reading a head ------------------------------------------------------------------------- */

struct line {
	const char *p, *end; /* without the line end */
};

/* The line at *pos; a head ends in an empty line, so there always is one. */
static struct line next_line(const char *data, size_t len, size_t *pos)
{
	struct line l = { data + *pos, NULL };
	const char *lf = memchr(l.p, '\n', len - *pos);

	l.end = lf ? lf : data + len;
	*pos = (size_t)(l.end - data) + (lf ? 1 : 0);
	if (l.end > l.p && l.end[-1] == '\r')
		l.end--;
	return l;
}

static int parse_version(const char *p, size_t len, struct http_head *h)
{
	if (len != 8 || memcmp(p, "HTTP/", 5) != 0 || p[5] < '0' || p[5] > '9' || p[6] != '.' ||
	    p[7] < '0' || p[7] > '9')
		return bad(h, HTTP_FAULT_SYNTAX, "the version is not HTTP/ digit . digit");
	h->major = (uint8_t)(p[5] - '0');
	h->minor = (uint8_t)(p[7] - '0');
	return h->major == 1 ? 0 : bad(h, HTTP_FAULT_VERSION, "the major version is not 1");
}

static int parse_request_line(struct line l, struct http_head *h)
{
	const char *p = l.p, *target;

	while (p < l.end && is(*p, TOKEN))
		p++;
	if (p == l.end || *p != ' ' || p == l.p)
		return bad(h, HTTP_FAULT_SYNTAX, "the request line has no method and one blank");
	h->method_len = (uint16_t)(p - l.p);
	h->method = http_method_id(http_method_text(h));
	target = ++p;
	while (p < l.end && is(*p, TARGET))
		p++;
	if (p == target || p == l.end || *p != ' ')
		return bad(
			h, HTTP_FAULT_SYNTAX,
			"the request line is not method, target and version with one blank each");
	h->target = (uint16_t)(target - h->base);
	h->target_len = (uint16_t)(p - target);
	return parse_version(p + 1, (size_t)(l.end - p - 1), h);
}

static int parse_status_line(struct line l, struct http_head *h)
{
	const char *p = l.p;

	if (l.end - p < 12 || p[8] != ' ')
		return bad(h, HTTP_FAULT_SYNTAX, "the status line is too short");
	if (parse_version(p, 8, h) < 0)
		return -EBADMSG;
	for (int i = 9; i < 12; i++) {
		if (p[i] < '0' || p[i] > '9')
			return bad(h, HTTP_FAULT_SYNTAX, "the status code is not three digits");
		h->status = (uint16_t)(h->status * 10 + (p[i] - '0'));
	}
	/* Codes from 600 on mean nothing, and are taken for server errors (RFC 9110 §15). */
	if (h->status < 100 || (l.end > p + 12 && p[12] != ' '))
		return bad(h, HTTP_FAULT_SYNTAX, "the status code is below 100");
	p += l.end > p + 12 ? 13 : 12;
	h->reason = (uint16_t)(p - h->base);
	h->reason_len = (uint16_t)(l.end - p);
	for (; p < l.end; p++)
		if (!is(*p, VALUE))
			return bad(h, HTTP_FAULT_SYNTAX, "a control octet in the reason phrase");
	return 0;
}

static int parse_field(struct line l, struct http_head *h)
{
	struct http_field *f = &h->fields[h->n_fields];
	const char *p = l.p, *value;

	if (is_blank(*p))
		return bad(h, HTTP_FAULT_SYNTAX,
			   h->n_fields ? "a folded header line"
				       : "a blank before the first header line");
	while (p < l.end && is(*p, TOKEN))
		p++;
	if (p == l.p || p == l.end || *p != ':')
		return bad(h, HTTP_FAULT_SYNTAX,
			   "a header line has no name directly before a colon");
	if (h->n_fields == HTTP_FIELDS_MAX)
		return bad(h, HTTP_FAULT_SECTION, "more than 100 header lines");
	f->name = (uint16_t)(l.p - h->base);
	f->name_len = (uint16_t)(p - l.p);
	for (value = ++p; p < l.end; p++)
		if (!is(*p, VALUE))
			return bad(h, HTTP_FAULT_SYNTAX, "a control octet in a header value");
	while (value < l.end && is_blank(*value))
		value++;
	while (l.end > value && is_blank(l.end[-1]))
		l.end--;
	f->value = (uint16_t)(value - h->base);
	f->value_len = (uint16_t)(l.end - value);
	f->id = http_field_id(http_field_name(h, f));
	h->n_fields++;
	if (f->id == HTTP_FIELD_OTHER)
		return 0;
	if (h->count[f->id]++ == 0)
		h->first[f->id] = (uint8_t)h->n_fields;
	return 0;
}

static int parse_fields(const char *data, size_t len, size_t pos, struct http_head *h)
{
	while (pos < len) {
		struct line l = next_line(data, len, &pos);

		if (l.p == l.end)
			return 0;
		if (parse_field(l, h) < 0)
			return -EBADMSG;
	}
	return 0;
}

/* --- framing -------------------------------------------------------------------------------- */

/* 1: chunked is the last coding and the only one; 0: no codings; else a fault. */
static int read_codings(struct http_head *h)
{
	unsigned n_chunked = 0, n_other = 0;
	bool last_chunked = false;

	for (unsigned i = 0; i < h->n_fields; i++) {
		struct http_str list = http_field_value(h, &h->fields[i]), item;

		if (h->fields[i].id != HTTP_TRANSFER_ENCODING)
			continue;
		while (http_list_next(&list, &item)) {
			last_chunked = http_str_is_nocase(item, "chunked");
			n_chunked += last_chunked;
			n_other += !last_chunked;
		}
	}
	if (!last_chunked || n_chunked > 1)
		return bad(h, HTTP_FAULT_SYNTAX,
			   "chunked is not the last transfer coding, or not the only time");
	return n_other ? bad(h, HTTP_FAULT_CODING, "a transfer coding other than chunked") : 1;
}

static int read_length(struct http_head *h)
{
	bool seen = false;

	for (unsigned i = 0; i < h->n_fields; i++) {
		struct http_str list = http_field_value(h, &h->fields[i]), item;
		uint64_t length;

		if (h->fields[i].id != HTTP_CONTENT_LENGTH)
			continue;
		if (list.len == 0)
			return bad(h, HTTP_FAULT_SYNTAX, "Content-Length is empty");
		while (http_list_next(&list, &item)) {
			if (http_digits(item, &length) < 0)
				return bad(h, HTTP_FAULT_SYNTAX, "Content-Length is not a number");
			if (seen && length != h->length)
				return bad(h, HTTP_FAULT_SYNTAX, "two Content-Length that differ");
			h->length = length;
			seen = true;
		}
		if (!seen)
			return bad(h, HTTP_FAULT_SYNTAX, "Content-Length is not a number");
	}
	return 0;
}

static void read_connection(struct http_head *h)
{
	if (h->count[HTTP_CONNECTION]) {
		h->close = http_has_token(h, HTTP_CONNECTION, "close");
		h->keep_alive = http_has_token(h, HTTP_CONNECTION, "keep-alive");
	}
	if (h->minor == 0 && !h->keep_alive)
		h->close = true;
}

/* RFC 9112 §6.1, §6.3: anything that two readers could understand differently is refused. */
static int frame_request(struct http_head *h)
{
	if (h->count[HTTP_TRANSFER_ENCODING]) {
		if (h->count[HTTP_CONTENT_LENGTH])
			return bad(h, HTTP_FAULT_SYNTAX,
				   "Content-Length together with Transfer-Encoding");
		if (h->minor == 0)
			return bad(h, HTTP_FAULT_SYNTAX,
				   "Transfer-Encoding in an HTTP/1.0 request");
		if (read_codings(h) < 0)
			return -EBADMSG;
		h->framing = HTTP_CHUNKED;
		return 0;
	}
	if (read_length(h) < 0)
		return -EBADMSG;
	h->framing = h->length > 0 ? HTTP_BY_LENGTH : HTTP_NO_BODY;
	return 0;
}

static int check_host(struct http_head *h)
{
	if (h->count[HTTP_HOST] > 1)
		return bad(h, HTTP_FAULT_HOST, "more than one Host");
	if (h->count[HTTP_HOST] == 0)
		return h->minor == 0 ? 0 : bad(h, HTTP_FAULT_HOST, "no Host");
	/* Empty is right for an address without a host (RFC 9112 §3.2). */
	if (http_value(h, HTTP_HOST).len && !http_is_authority(http_value(h, HTTP_HOST)))
		return bad(h, HTTP_FAULT_HOST, "Host is not a host[:port]");
	return 0;
}

static void head_init(struct http_head *h, const char *data, size_t len)
{
	memset(h, 0, offsetof(struct http_head, fields));
	h->base = data;
	h->len = (uint32_t)len;
}

int http_request_parse(const char *data, size_t len, struct http_head *h)
{
	size_t pos = 0;

	head_init(h, data, len);
	if (len > HTTP_HEAD_MAX)
		return bad(h, HTTP_FAULT_SECTION, "the header section is over the limit");
	if (parse_request_line(next_line(data, len, &pos), h) < 0 ||
	    parse_fields(data, len, pos, h) < 0 || frame_request(h) < 0)
		return -EBADMSG;
	read_connection(h);
	return check_host(h);
}

static int frame_response(enum http_method to, struct http_head *h)
{
	if (to == HTTP_HEAD || h->status < 200 || h->status == 204 || h->status == 304 ||
	    (to == HTTP_CONNECT && h->status < 300)) {
		h->framing = HTTP_NO_BODY;
		return 0;
	}
	if (h->count[HTTP_TRANSFER_ENCODING]) {
		/* A length beside it is overruled; the connection is not to be trusted further. */
		h->close |= h->count[HTTP_CONTENT_LENGTH] > 0;
		h->framing = HTTP_CHUNKED;
		return read_codings(h) < 0 ? -EBADMSG : 0;
	}
	if (h->count[HTTP_CONTENT_LENGTH] == 0) {
		h->framing = HTTP_UNTIL_CLOSE;
		h->close = true;
		return 0;
	}
	if (read_length(h) < 0)
		return -EBADMSG;
	h->framing = h->length > 0 ? HTTP_BY_LENGTH : HTTP_NO_BODY;
	return 0;
}

int http_response_parse(const char *data, size_t len, enum http_method to, struct http_head *h)
{
	size_t pos = 0;

	head_init(h, data, len);
	if (len > HTTP_HEAD_MAX)
		return bad(h, HTTP_FAULT_SECTION, "the header section is over the limit");
	if (parse_status_line(next_line(data, len, &pos), h) < 0 ||
	    parse_fields(data, len, pos, h) < 0)
		return -EBADMSG;
	read_connection(h);
	return frame_response(to, h);
}
