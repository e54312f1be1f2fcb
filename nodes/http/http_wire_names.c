/* The words of HTTP: methods, field names, reason phrases, and the text they are found in. */
#include "http/http_wire.h"

#include <errno.h>
#include <string.h>

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* --- text ----------------------------------------------------------------------------------- */

bool http_str_is(struct http_str s, const char *text)
{
	return s.p && strlen(text) == s.len && memcmp(s.p, text, s.len) == 0;
}

static bool same_nocase(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

bool http_str_is_nocase(struct http_str s, const char *text)
{
	return s.p && strlen(text) == s.len && same_nocase(s.p, text, s.len);
}

bool http_str_same_nocase(struct http_str a, struct http_str b)
{
	return a.len == b.len && same_nocase(a.p, b.p, a.len);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct http_str http_str_trim(struct http_str s)
{
	while (s.len > 0 && is_blank(s.p[0]))
		s.p++, s.len--;
	while (s.len > 0 && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

bool http_list_next(struct http_str *list, struct http_str *ret)
{
	while (list->len > 0) {
		struct http_str item = { list->p, 0 };
		bool quoted = false;

		while (item.len < list->len && (quoted || item.p[item.len] != ',')) {
			if (quoted && item.p[item.len] == '\\' && item.len + 1 < list->len)
				item.len++;
			else if (item.p[item.len] == '"')
				quoted = !quoted;
			item.len++;
		}
		list->p += item.len;
		list->len -= item.len;
		if (list->len > 0)
			list->p++, list->len--;
		item = http_str_trim(item);
		if (item.len > 0) {
			*ret = item;
			return true;
		}
	}
	return false;
}

int http_digits(struct http_str s, uint64_t *ret)
{
	uint64_t v = 0;

	if (s.len == 0)
		return -EINVAL;
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return -EINVAL;
	for (size_t i = 0; i < s.len; i++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
			return -ERANGE;
	*ret = v;
	return 0;
}

/* --- names ---------------------------------------------------------------------------------- */

static const char *const method_names[] = {
	[HTTP_GET] = "GET",	    [HTTP_HEAD] = "HEAD",     [HTTP_POST] = "POST",
	[HTTP_PUT] = "PUT",	    [HTTP_DELETE] = "DELETE", [HTTP_CONNECT] = "CONNECT",
	[HTTP_OPTIONS] = "OPTIONS", [HTTP_TRACE] = "TRACE",   [HTTP_METHOD_OTHER] = "other",
};

const char *http_method_name(enum http_method m)
{
	return method_names[m];
}

/* Methods are case-sensitive (RFC 9110 §9.1). */
enum http_method http_method_id(struct http_str s)
{
	for (unsigned m = 0; m < HTTP_METHOD_OTHER; m++)
		if (http_str_is(s, method_names[m]))
			return m;
	return HTTP_METHOD_OTHER;
}

/* clang-format off */
static const struct {
	uint8_t len;
	const char *name;
} field_names[] = {
#define NAME(id, text) [id] = { sizeof(text) - 1, text }
	NAME(HTTP_TE, "te"), NAME(HTTP_AGE, "age"), NAME(HTTP_VIA, "via"),
	NAME(HTTP_DATE, "date"), NAME(HTTP_ETAG, "etag"), NAME(HTTP_HOST, "host"),
	NAME(HTTP_VARY, "vary"), NAME(HTTP_ALLOW, "allow"), NAME(HTTP_RANGE, "range"),
	NAME(HTTP_COOKIE, "cookie"), NAME(HTTP_EXPECT, "expect"), NAME(HTTP_SERVER, "server"),
	NAME(HTTP_EXPIRES, "expires"), NAME(HTTP_REFERER, "referer"),
	NAME(HTTP_TRAILER, "trailer"), NAME(HTTP_UPGRADE, "upgrade"),
	NAME(HTTP_IF_MATCH, "if-match"), NAME(HTTP_IF_RANGE, "if-range"),
	NAME(HTTP_LOCATION, "location"), NAME(HTTP_CONNECTION, "connection"),
	NAME(HTTP_KEEP_ALIVE, "keep-alive"), NAME(HTTP_SET_COOKIE, "set-cookie"),
	NAME(HTTP_USER_AGENT, "user-agent"), NAME(HTTP_CONTENT_TYPE, "content-type"),
	NAME(HTTP_ACCEPT_RANGES, "accept-ranges"), NAME(HTTP_AUTHORIZATION, "authorization"),
	NAME(HTTP_CACHE_CONTROL, "cache-control"), NAME(HTTP_CONTENT_RANGE, "content-range"),
	NAME(HTTP_IF_NONE_MATCH, "if-none-match"), NAME(HTTP_LAST_MODIFIED, "last-modified"),
	NAME(HTTP_CONTENT_LENGTH, "content-length"),
	NAME(HTTP_ACCEPT_ENCODING, "accept-encoding"),
	NAME(HTTP_PROXY_CONNECTION, "proxy-connection"),
	NAME(HTTP_WWW_AUTHENTICATE, "www-authenticate"),
	NAME(HTTP_IF_MODIFIED_SINCE, "if-modified-since"),
	NAME(HTTP_TRANSFER_ENCODING, "transfer-encoding"),
	NAME(HTTP_PROXY_AUTHENTICATE, "proxy-authenticate"),
	NAME(HTTP_IF_UNMODIFIED_SINCE, "if-unmodified-since"),
	NAME(HTTP_PROXY_AUTHORIZATION, "proxy-authorization"),
#undef NAME
};

/* Where the names of each length begin. */
static const uint8_t of_length[] = {
	[0 ... 2] = HTTP_TE, [3] = HTTP_AGE, [4] = HTTP_DATE, [5] = HTTP_ALLOW, [6] = HTTP_COOKIE,
	[7] = HTTP_EXPIRES, [8] = HTTP_IF_MATCH, [9 ... 10] = HTTP_CONNECTION,
	[11 ... 12] = HTTP_CONTENT_TYPE, [13] = HTTP_ACCEPT_RANGES, [14] = HTTP_CONTENT_LENGTH,
	[15] = HTTP_ACCEPT_ENCODING, [16] = HTTP_PROXY_CONNECTION,
	[17] = HTTP_IF_MODIFIED_SINCE, [18] = HTTP_PROXY_AUTHENTICATE,
	[19] = HTTP_IF_UNMODIFIED_SINCE, [20] = HTTP_N_FIELD_IDS,
};
/* clang-format on */

uint8_t http_field_id(struct http_str name)
{
	if (name.len >= ARRAY_SIZE(of_length))
		return HTTP_FIELD_OTHER;
	for (unsigned i = of_length[name.len];
	     i < HTTP_N_FIELD_IDS && field_names[i].len <= name.len; i++)
		if (field_names[i].len == name.len &&
		    same_nocase(name.p, field_names[i].name, name.len))
			return (uint8_t)i;
	return HTTP_FIELD_OTHER;
}

const char *http_status_reason(unsigned status)
{
	/* clang-format off */
	switch (status) {
	case 100: return "Continue";
	case 101: return "Switching Protocols";
	case 200: return "OK";
	case 201: return "Created";
	case 202: return "Accepted";
	case 204: return "No Content";
	case 206: return "Partial Content";
	case 301: return "Moved Permanently";
	case 302: return "Found";
	case 303: return "See Other";
	case 304: return "Not Modified";
	case 307: return "Temporary Redirect";
	case 308: return "Permanent Redirect";
	case 400: return "Bad Request";
	case 401: return "Unauthorized";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 408: return "Request Timeout";
	case 409: return "Conflict";
	case 411: return "Length Required";
	case 412: return "Precondition Failed";
	case 413: return "Content Too Large";
	case 414: return "URI Too Long";
	case 415: return "Unsupported Media Type";
	case 416: return "Range Not Satisfiable";
	case 417: return "Expectation Failed";
	case 431: return "Request Header Fields Too Large";
	case 500: return "Internal Server Error";
	case 501: return "Not Implemented";
	case 502: return "Bad Gateway";
	case 503: return "Service Unavailable";
	case 504: return "Gateway Timeout";
	case 505: return "HTTP Version Not Supported";
	}
	/* clang-format on */
	return "Unknown";
}
