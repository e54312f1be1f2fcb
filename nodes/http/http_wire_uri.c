/* Addresses and paths (RFC 3986, RFC 9110 §4.2). */
#include "http/http_wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/sbuf.h"

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c);
}

static int hex(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One octet, perhaps an escape; moves *i on. -EINVAL for a broken escape or a NUL. */
static int decoded_octet(struct http_str s, size_t *i)
{
	char c = s.p[(*i)++];
	int hi, lo;

	if (c != '%')
		return c ? (uint8_t)c : -EINVAL;
	if (s.len - *i < 2)
		return -EINVAL;
	hi = hex(s.p[*i]);
	lo = hex(s.p[*i + 1]);
	*i += 2;
	return hi < 0 || lo < 0 || (hi | lo) == 0 ? -EINVAL : hi << 4 | lo;
}

static ssize_t decode(struct http_str text, bool plus_is_blank, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len;) {
		bool blank = plus_is_blank && text.p[i] == '+';
		int c = decoded_octet(text, &i);

		if (c < 0)
			return c;
		if (n + 1 >= size)
			return -ENOBUFS;
		out[n++] = blank ? ' ' : (char)c;
	}
	out[n] = '\0';
	return (ssize_t)n;
}

ssize_t http_form_decode(struct http_str text, char *out, size_t size)
{
	return decode(text, /* plus_is_blank= */ true, out, size);
}

/* --- host[:port] ------------------------------------------------------------------------------ */

/* What RFC 3986 allows in a registered name: unreserved, sub-delims; escapes are not names. */
static bool is_name_octet(char c)
{
	return is_alpha(c) || is_digit(c) || is_one_of(c, "-._~!$&'()*+,;=");
}

static bool is_bracketed_address(struct http_str s)
{
	char text[ADDR_TEXT_LEN];
	struct addr a;

	if (s.len < 2 || s.len - 2 >= sizeof(text) || s.p[0] != '[' || s.p[s.len - 1] != ']')
		return false;
	memcpy(text, s.p + 1, s.len - 2);
	text[s.len - 2] = '\0';
	return addr_parse(text, &a) == 0 && a.family == 6;
}

/* Cuts host and port apart. False when there is no host or the port is not a number. */
static bool split_authority(struct http_str s, struct http_str *ret_host, struct http_str *ret_port)
{
	const char *start = s.len > 0 && s.p[0] == '[' ? memchr(s.p, ']', s.len) : s.p;
	const char *colon = start ? memchr(start, ':', s.len - (size_t)(start - s.p)) : NULL;

	if (!start)
		return false;
	*ret_host = (struct http_str){ s.p, colon ? (size_t)(colon - s.p) : s.len };
	*ret_port = (struct http_str){ NULL, 0 };
	if (colon)
		*ret_port = (struct http_str){ colon + 1, s.len - ret_host->len - 1 };
	for (size_t i = 0; i < ret_port->len; i++)
		if (!is_digit(ret_port->p[i]))
			return false;
	return ret_host->len > 0;
}

static int port_of(struct http_str s, uint16_t *ret)
{
	uint64_t v;

	if (http_digits(s, &v) < 0 || v == 0 || v > UINT16_MAX)
		return -EINVAL;
	*ret = (uint16_t)v;
	return 0;
}

bool http_is_authority(struct http_str s)
{
	struct http_str host, port;
	uint16_t number;

	if (s.len == 0 || s.len > HTTP_HOST_MAX || !split_authority(s, &host, &port))
		return false;
	if (port.len > 0 && port_of(port, &number) < 0)
		return false;
	if (host.p[0] == '[')
		return is_bracketed_address(host);
	for (size_t i = 0; i < host.len; i++)
		if (!is_name_octet(host.p[i]))
			return false;
	return true;
}

/* --- URLs ------------------------------------------------------------------------------------- */

static int fail(int err, const char *why, const char **ret_why)
{
	*ret_why = why;
	return err;
}

/* Length of "scheme:" at the start of text, or 0. "host:80" is no scheme, nor is "::1". */
static size_t scheme_len(struct http_str s)
{
	size_t n = 0;

	if (s.len == 0 || !is_alpha(s.p[0]))
		return 0;
	while (n < s.len && (is_alpha(s.p[n]) || is_digit(s.p[n]) || is_one_of(s.p[n], "+-.")))
		n++;
	if (n == s.len || s.p[n] != ':')
		return 0;
	n++;
	for (size_t i = n; i < s.len && s.p[i] != '/' && s.p[i] != '?' && s.p[i] != '#'; i++)
		if (!is_digit(s.p[i]))
			return n; /* not a port */
	return n < s.len && is_digit(s.p[n]) ? 0 : n;
}

static int set_user(struct http_str s, struct http_url *u)
{
	const char *colon = memchr(s.p, ':', s.len);
	size_t user_len = colon ? (size_t)(colon - s.p) : s.len;
	struct http_str user = { s.p, user_len };
	struct http_str password = { s.p + user_len + 1, colon ? s.len - user_len - 1 : 0 };

	u->has_user = true;
	if (decode(user, false, u->user, sizeof(u->user)) < 0)
		return -EINVAL;
	if (colon && decode(password, false, u->password, sizeof(u->password)) < 0)
		return -EINVAL;
	return 0;
}

/* A bare IPv6 address, as people type it. */
static bool set_bare_address(struct http_str s, struct http_url *u)
{
	char text[ADDR_TEXT_LEN];
	struct addr a;

	if (s.len >= sizeof(text) || !memchr(s.p, ':', s.len))
		return false;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	return addr_parse(text, &a) == 0 && addr_format(&a, u->host);
}

static int set_authority(struct http_str s, struct http_url *u, const char **ret_why)
{
	const char *at = NULL;
	struct http_str host, port;
	bool bracket;

	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] == '@')
			at = s.p + i;
	if (at) {
		if (set_user((struct http_str){ s.p, (size_t)(at - s.p) }, u) < 0)
			return fail(-EINVAL, "user name or password is too long", ret_why);
		s.len -= (size_t)(at + 1 - s.p);
		s.p = at + 1;
	}
	u->port = u->https ? HTTPS_PORT : HTTP_PORT;
	if (set_bare_address(s, u))
		return 0;
	if (!http_is_authority(s) || !split_authority(s, &host, &port))
		return fail(-EINVAL, "the host name or port is malformed", ret_why);
	if (port.len > 0)
		(void)port_of(port, &u->port);
	bracket = host.p[0] == '[';
	str_copy_n(u->host, sizeof(u->host), host.p + bracket, host.len - 2 * bracket);
	for (char *c = u->host; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + 32);
	return 0;
}

/* Copies a target and escapes what must not stand in a request line; a fragment is left out. */
static int put_target(struct http_str s, char *out, size_t size, size_t *len)
{
	for (size_t i = 0; i < s.len && s.p[i] != '#'; i++) {
		uint8_t c = (uint8_t)s.p[i];
		bool plain = c > ' ' && c < 0x7f && !is_one_of((char)c, "\"<>\\^`{|}");

		if (*len + (plain ? 1 : 3) >= size)
			return -ENOBUFS;
		if (plain)
			out[(*len)++] = (char)c;
		else
			*len += (size_t)snprintf(out + *len, 4, "%%%02X", c);
	}
	out[*len] = '\0';
	return 0;
}

/* Removes "." and ".." from the path part, in place (RFC 3986 §5.2.4). */
static void remove_dots(char *target)
{
	char *query = target + strcspn(target, "?"), *out = target, *in = target;

	while (in < query) {
		char *end = in + 1;
		size_t len;

		while (end < query && *end != '/')
			end++;
		len = (size_t)(end - in); /* "/segment" */
		if (len == 3 && memcmp(in, "/..", 3) == 0) {
			while (out > target && *--out != '/')
				;
			if (end == query)
				*out++ = '/';
		} else if (len == 2 && memcmp(in, "/.", 2) == 0) {
			if (end == query)
				*out++ = '/';
		} else {
			memmove(out, in, len);
			out += len;
		}
		in = end;
	}
	if (out == target)
		*out++ = '/';
	memmove(out, query, strlen(query) + 1);
}

static int set_target(struct http_str s, struct http_url *u, const char **ret_why)
{
	size_t len = 0;

	if (s.len == 0 || s.p[0] != '/')
		u->target[len++] = '/';
	if (put_target(s, u->target, sizeof(u->target) - 1, &len) < 0)
		return fail(-EINVAL, "the address is too long", ret_why);
	remove_dots(u->target);
	return 0;
}

static struct http_str after(struct http_str s, size_t n)
{
	return (struct http_str){ s.p + n, s.len - n };
}

static int set_scheme(struct http_str *s, size_t len, struct http_url *u, const char **ret_why)
{
	u->https = http_str_is_nocase((struct http_str){ s->p, len }, "https:");
	if (!u->https && !http_str_is_nocase((struct http_str){ s->p, len }, "http:"))
		return fail(-EPROTONOSUPPORT, "the scheme is neither http nor https", ret_why);
	if (s->len < len + 2 || memcmp(s->p + len, "//", 2) != 0)
		return fail(-EINVAL, "two slashes are missing after the scheme", ret_why);
	*s = after(*s, len + 2);
	return 0;
}

static int parse_rest(struct http_str s, struct http_url *u, const char **ret_why)
{
	size_t n = 0;
	int r;

	while (n < s.len && s.p[n] != '/' && s.p[n] != '?' && s.p[n] != '#')
		n++;
	r = set_authority((struct http_str){ s.p, n }, u, ret_why);
	return r < 0 ? r : set_target(after(s, n), u, ret_why);
}

int http_url_parse(const char *text, size_t len, struct http_url *ret, const char **ret_why)
{
	struct http_str s = http_str_trim((struct http_str){ text, len });
	size_t scheme = scheme_len(s);
	struct http_url u = { 0 };
	int r = 0;

	if (s.len == 0)
		return fail(-EPROTONOSUPPORT, "the address is empty", ret_why);
	if (scheme > 0)
		r = set_scheme(&s, scheme, &u, ret_why);
	if (r == 0)
		r = parse_rest(s, &u, ret_why);
	if (r == 0)
		*ret = u;
	return r;
}

/* path + reference: what stands after the last slash of the path is replaced. */
static int merge(const struct http_url *base, struct http_str ref, struct http_url *u,
		 const char **ret_why)
{
	size_t path_len = strcspn(base->target, "?"), len = 0;
	struct http_str kept = { base->target, path_len };
	char joined[HTTP_URL_TARGET_MAX];

	if (ref.len == 0 || ref.p[0] == '#')
		kept.len = strlen(base->target);
	else if (ref.p[0] != '?')
		while (kept.len > 0 && kept.p[kept.len - 1] != '/')
			kept.len--;
	if (put_target(kept, joined, sizeof(joined), &len) < 0 ||
	    put_target(ref, joined, sizeof(joined), &len) < 0)
		return fail(-EINVAL, "the address is too long", ret_why);
	return set_target((struct http_str){ joined, len }, u, ret_why);
}

int http_url_resolve(const struct http_url *base, const char *text, size_t len,
		     struct http_url *ret, const char **ret_why)
{
	struct http_str s = http_str_trim((struct http_str){ text, len });
	size_t scheme = scheme_len(s);
	struct http_url u = *base;
	int r;

	if (scheme > 0)
		return http_url_parse(s.p, s.len, ret, ret_why);
	if (s.len >= 2 && memcmp(s.p, "//", 2) == 0) {
		u = (struct http_url){ .https = base->https };
		r = parse_rest(after(s, 2), &u, ret_why);
	} else if (s.len > 0 && s.p[0] == '/') {
		r = set_target(s, &u, ret_why);
	} else {
		r = merge(base, s, &u, ret_why);
	}
	if (r == 0)
		*ret = u;
	return r;
}

void http_url_authority(const struct http_url *u, char *out, size_t size)
{
	bool v6 = strchr(u->host, ':') != NULL;
	char port[8] = "";

	if (u->port != (u->https ? HTTPS_PORT : HTTP_PORT))
		snprintf(port, sizeof(port), ":%u", u->port);
	snprintf(out, size, "%s%s%s%s", v6 ? "[" : "", u->host, v6 ? "]" : "", port);
}

void http_url_format(const struct http_url *u, char *out, size_t size)
{
	char authority[HTTP_HOST_MAX + 16];

	http_url_authority(u, authority, sizeof(authority));
	snprintf(out, size, "%s://%s%s", u->https ? "https" : "http", authority, u->target);
}

bool http_url_same_origin(const struct http_url *a, const struct http_url *b)
{
	return a->https == b->https && a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* --- paths ------------------------------------------------------------------------------------ */

ssize_t http_path_encode(const char *path, size_t len, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		uint8_t c = (uint8_t)path[i];
		bool plain = is_alpha((char)c) || is_digit((char)c) ||
			     is_one_of((char)c, "/-._~!$&'()*+,;=:@");

		if (n + (plain ? 1 : 3) >= size)
			return -ENOBUFS;
		if (plain)
			out[n++] = (char)c;
		else
			n += (size_t)snprintf(out + n, 4, "%%%02X", c);
	}
	out[n] = '\0';
	return (ssize_t)n;
}

/* The path of origin-form and absolute-form (RFC 9112 §3.2). */
static int path_of(struct http_str target, struct http_str *ret, struct http_str *ret_query)
{
	const char *start = target.p, *end = target.p + target.len, *query;

	if (target.len > 0 && target.p[0] != '/') {
		size_t n = scheme_len(target);

		if (n == 0 || target.len < n + 2 || memcmp(target.p + n, "//", 2) != 0)
			return -EINVAL;
		for (start += n + 2; start < end && *start != '/' && *start != '?';)
			start++;
	}
	query = memchr(start, '?', (size_t)(end - start));
	*ret = (struct http_str){ start, (size_t)((query ? query : end) - start) };
	*ret_query = (struct http_str){ NULL, 0 };
	if (query)
		*ret_query = (struct http_str){ query + 1, (size_t)(end - query - 1) };
	return 0;
}

/* Drops the last segment of out[0..n]; -EXDEV when there is none. */
static ssize_t pop_segment(const char *out, size_t n)
{
	if (n == 0)
		return -EXDEV;
	while (n > 0 && out[n - 1] != '/')
		n--;
	return n > 0 ? (ssize_t)(n - 1) : 0;
}

/* The segment at `start` is whole: keeps it, or does what "." and ".." say. The new length. */
static ssize_t end_segment(const char *out, size_t n, size_t start)
{
	size_t len = n - start;
	size_t before = start > 0 ? start - 1 : 0;

	if (len == 1 && out[start] == '.')
		return (ssize_t)before;
	if (len == 2 && out[start] == '.' && out[start + 1] == '.')
		return pop_segment(out, before);
	return (ssize_t)n;
}

ssize_t http_path_decode(struct http_str target, char *out, size_t size, bool *ret_dir,
			 struct http_str *ret_query)
{
	struct http_str path;
	size_t start = 0;
	ssize_t n = 0;

	if (path_of(target, &path, ret_query) < 0)
		return -EINVAL;
	*ret_dir = true;
	for (size_t i = 0; i < path.len;) {
		int c = decoded_octet(path, &i);

		if (c < 0)
			return c;
		if (c == '/') {
			if (!*ret_dir)
				n = end_segment(out, (size_t)n, start);
			if (n < 0)
				return n;
			start = (size_t)n;
			*ret_dir = true;
			continue;
		}
		if (*ret_dir && n > 0) {
			out[n++] = '/';
			start = (size_t)n;
		}
		*ret_dir = false;
		if ((size_t)n + 2 >= size)
			return -ENAMETOOLONG;
		out[n++] = (char)c;
	}
	if (!*ret_dir) {
		size_t last = (size_t)n - start;

		*ret_dir = (last == 1 && out[start] == '.') ||
			   (last == 2 && memcmp(out + start, "..", 2) == 0);
		n = end_segment(out, (size_t)n, start);
	}
	if (n >= 0)
		out[n] = '\0';
	return n;
}
