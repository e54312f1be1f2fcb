/* Octets and structures: requests, responses, bodies; what a person reads of them; captures. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/sbuf.h"
#include "http/http_wire.h"

static struct http_head head;

/* Finds and reads a head that arrives octet by octet. */
static int read_slowly(const char *text, size_t len, bool response)
{
	size_t scan = 0;
	ssize_t n = 0;

	for (size_t have = 0; have <= len && n == 0; have++)
		n = http_head_find(text, have, &http_limits_default, &scan, &head);
	if (n <= 0)
		return n < 0 ? (int)n : -EAGAIN;
	return response ? http_response_parse(text, (size_t)n, HTTP_GET, &head)
			: http_request_parse(text, (size_t)n, &head);
}

#define H "Host: a\r\n"

/* --- requests --- */

static const struct {
	const char *text;
	int result;
	enum http_fault fault;
	enum http_framing framing;
	uint64_t length;
	bool close;
} requests[] = {
	/* clang-format off */
	{ "GET / HTTP/1.1\r\n" H "\r\n", 0, HTTP_OK, HTTP_NO_BODY, 0, false },
	{ "GET / HTTP/1.1\n" "Host: a\n" "\n", 0, HTTP_OK, HTTP_NO_BODY, 0, false },
	{ "GET / HTTP/1.0\r\n\r\n", 0, HTTP_OK, HTTP_NO_BODY, 0, true },
	{ "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", 0, HTTP_OK, HTTP_NO_BODY, 0, false },
	{ "GET / HTTP/1.1\r\n" H "Connection: foo, Close\r\n\r\n", 0, HTTP_OK, HTTP_NO_BODY, 0, true },
	{ "GET http://a:80/x?y HTTP/1.1\r\n" H "\r\n", 0, HTTP_OK, HTTP_NO_BODY, 0, false },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 42\r\n\r\n", 0, HTTP_OK, HTTP_BY_LENGTH, 42, false },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 7, 7\r\n\r\n", 0, HTTP_OK, HTTP_BY_LENGTH, 7, false },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", 0, HTTP_OK, HTTP_NO_BODY, 0, false },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\tchunked \r\n\r\n", 0, HTTP_OK, HTTP_CHUNKED, 0, false },
	/* the request line */
	{ "GET  / HTTP/1.1\r\n" H "\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "GET /  HTTP/1.1\r\n" H "\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "GET / HTTP/1.1 \r\n" H "\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "GET /\r\n\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "GET\r\n\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "G(T / HTTP/1.1\r\n" H "\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "\x16\x03\x01\x02", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ " GET / HTTP/1.1\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "GET /\x01 HTTP/1.1\r\n" H "\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "GET /#f HTTP/1.1\r\n" H "\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "GET / http/1.1\r\n" H "\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "GET / HTTP/1.10\r\n" H "\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "GET / HTTP/2.0\r\n" H "\r\n", -EBADMSG, HTTP_FAULT_VERSION },
	{ "GET / HTTP/0.9\r\n\r\n", -EBADMSG, HTTP_FAULT_VERSION },
	/* header lines */
	{ "GET / HTTP/1.1\r\nHost : a\r\n\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "GET / HTTP/1.1\r\n " H "\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "GET / HTTP/1.1\r\n" H "nonsense\r\n\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "GET / HTTP/1.1\r\n" H ": x\r\n\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "GET / HTTP/1.1\r\n" H "X: a\x07\r\n\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	/* Host */
	{ "GET / HTTP/1.1\r\n\r\n", -EBADMSG, HTTP_FAULT_HOST },
	{ "GET / HTTP/1.1\r\n" H H "\r\n", -EBADMSG, HTTP_FAULT_HOST },
	{ "GET / HTTP/1.1\r\nHost:\r\n\r\n", 0, HTTP_OK, HTTP_NO_BODY, 0, false },
	{ "GET / HTTP/1.1\r\nHost: a:\r\n\r\n", 0, HTTP_OK, HTTP_NO_BODY, 0, false },
	{ "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", -EBADMSG, HTTP_FAULT_HOST },
	{ "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", -EBADMSG, HTTP_FAULT_HOST },
	{ "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", -EBADMSG, HTTP_FAULT_HOST },
	{ "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", -EBADMSG, HTTP_FAULT_HOST },
	{ "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", -EBADMSG, HTTP_FAULT_HOST },
	{ "GET / HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n", 0, HTTP_OK, HTTP_NO_BODY, 0, false },
	/* two ways to see where the body ends (RFC 9112 §11.2) */
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 4\r\n\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: +3\r\n\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 3 3\r\n\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 0x3\r\n\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: ,\r\n\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \x0b" "chunked\r\n\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", -EBADMSG, HTTP_FAULT_CODING },
	{ "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", -EBADMSG, HTTP_FAULT_SYNTAX },
	{ "GET / HTTP/1.1\r\n" H, -EAGAIN, HTTP_OK },
	/* clang-format on */
};

static void test_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		memset(&head, 0, sizeof(head));
		int r = read_slowly(requests[i].text, strlen(requests[i].text), false);

		if (r != requests[i].result || head.fault != requests[i].fault)
			fail_msg("request %zu: %d, fault %d, %s\n%s", i, r, head.fault,
				 head.why ? head.why : "", requests[i].text);
		if (r < 0)
			continue;
		assert_int_equal(head.framing, requests[i].framing);
		assert_int_equal(head.length, requests[i].length);
		assert_int_equal(head.close, requests[i].close);
		assert_int_equal(head.len, strlen(requests[i].text));
	}
}

static void test_fields(void **state)
{
	static const char text[] =
		"BREW /pot?a=1 HTTP/1.1\r\nhOST: h\r\nIf-None-Match: \"a\", \"b\"\r\n"
		"X-Own: \t x y \t\r\nIf-none-match: W/\"c\"\r\n"
		"Connection: x-own\r\nTE: trailers\r\n\r\n";

	(void)state;
	assert_int_equal(read_slowly(text, strlen(text), false), 0);
	assert_int_equal(head.method, HTTP_METHOD_OTHER);
	assert_true(http_str_is(http_method_text(&head), "BREW"));
	assert_true(http_str_is(http_target(&head), "/pot?a=1"));
	assert_true(http_str_is(http_value(&head, HTTP_HOST), "h"));
	assert_null(http_value(&head, HTTP_RANGE).p);
	assert_int_equal(head.count[HTTP_IF_NONE_MATCH], 2);
	assert_true(http_has_token(&head, HTTP_IF_NONE_MATCH, "W/\"c\""));
	assert_false(http_has_token(&head, HTTP_IF_NONE_MATCH, "\"d\""));
	assert_true(http_str_is(http_field_value(&head, &head.fields[2]), "x y"));
	assert_true(http_is_hop_field(&head, &head.fields[2])); /* named in Connection */
	assert_true(http_is_hop_field(&head, &head.fields[5])); /* TE */
	assert_false(http_is_hop_field(&head, &head.fields[0]));
}

/* Every known name is found by its own text, whatever its case. */
static void test_field_names(void **state)
{
	static const char *const names[HTTP_N_FIELD_IDS] = {
		[HTTP_TE] = "TE",
		[HTTP_AGE] = "Age",
		[HTTP_VIA] = "Via",
		[HTTP_DATE] = "Date",
		[HTTP_ETAG] = "ETag",
		[HTTP_HOST] = "Host",
		[HTTP_VARY] = "Vary",
		[HTTP_ALLOW] = "Allow",
		[HTTP_RANGE] = "Range",
		[HTTP_COOKIE] = "Cookie",
		[HTTP_EXPECT] = "Expect",
		[HTTP_SERVER] = "Server",
		[HTTP_EXPIRES] = "Expires",
		[HTTP_REFERER] = "Referer",
		[HTTP_TRAILER] = "Trailer",
		[HTTP_UPGRADE] = "Upgrade",
		[HTTP_IF_MATCH] = "If-Match",
		[HTTP_IF_RANGE] = "If-Range",
		[HTTP_LOCATION] = "Location",
		[HTTP_CONNECTION] = "Connection",
		[HTTP_KEEP_ALIVE] = "Keep-Alive",
		[HTTP_SET_COOKIE] = "Set-Cookie",
		[HTTP_USER_AGENT] = "User-Agent",
		[HTTP_CONTENT_TYPE] = "Content-Type",
		[HTTP_ACCEPT_RANGES] = "Accept-Ranges",
		[HTTP_AUTHORIZATION] = "Authorization",
		[HTTP_CACHE_CONTROL] = "Cache-Control",
		[HTTP_CONTENT_RANGE] = "Content-Range",
		[HTTP_IF_NONE_MATCH] = "If-None-Match",
		[HTTP_LAST_MODIFIED] = "Last-Modified",
		[HTTP_CONTENT_LENGTH] = "Content-Length",
		[HTTP_ACCEPT_ENCODING] = "Accept-Encoding",
		[HTTP_PROXY_CONNECTION] = "Proxy-Connection",
		[HTTP_WWW_AUTHENTICATE] = "WWW-Authenticate",
		[HTTP_IF_MODIFIED_SINCE] = "If-Modified-Since",
		[HTTP_TRANSFER_ENCODING] = "Transfer-Encoding",
		[HTTP_PROXY_AUTHENTICATE] = "Proxy-Authenticate",
		[HTTP_IF_UNMODIFIED_SINCE] = "If-Unmodified-Since",
		[HTTP_PROXY_AUTHORIZATION] = "Proxy-Authorization",
	};

	(void)state;
	for (unsigned i = 0; i < HTTP_N_FIELD_IDS; i++)
		assert_int_equal(http_field_id((struct http_str){ names[i], strlen(names[i]) }), i);
	assert_int_equal(http_field_id(HTTP_STR("X")), HTTP_FIELD_OTHER);
	assert_int_equal(http_field_id(HTTP_STR("Content-Lengthy-Thing-That-Is-Long")),
			 HTTP_FIELD_OTHER);
}

static void test_limits(void **state)
{
	static char text[2 * HTTP_HEAD_MAX];
	size_t n, scan = 0;

	(void)state;
	n = (size_t)snprintf(text, sizeof(text), "GET /");
	memset(text + n, 'a', HTTP_TARGET_MAX + 100);
	assert_int_equal(
		http_head_find(text, n + HTTP_TARGET_MAX + 100, &http_limits_default, &scan, &head),
		-EBADMSG);
	assert_int_equal(head.fault, HTTP_FAULT_TARGET);
	scan = 0;
	n = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nX: ");
	memset(text + n, 'a', HTTP_SECTION_MAX);
	assert_int_equal(
		http_head_find(text, n + HTTP_SECTION_MAX - 10, &http_limits_default, &scan, &head),
		0);
	assert_int_equal(
		http_head_find(text, n + HTTP_SECTION_MAX + 8, &http_limits_default, &scan, &head),
		-EBADMSG);
	assert_int_equal(head.fault, HTTP_FAULT_SECTION);
	n = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" H);
	for (int i = 0; i < HTTP_FIELDS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "X%d: %d\r\n", i, i);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "\r\n");
	assert_int_equal(read_slowly(text, n, false), -EBADMSG);
	assert_int_equal(head.fault, HTTP_FAULT_SECTION);
}

/* --- responses --- */

static const struct {
	const char *text;
	int result;
	unsigned status;
	enum http_framing framing;
	bool close;
} responses[] = {
	/* clang-format off */
	{ "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", 0, 200, HTTP_BY_LENGTH, false },
	{ "HTTP/1.1 200\r\n\r\n", 0, 200, HTTP_UNTIL_CLOSE, true },
	{ "HTTP/1.1 200 \r\n\r\n", 0, 200, HTTP_UNTIL_CLOSE, true },
	{ "HTTP/1.0 404 Not here\r\n\r\n", 0, 404, HTTP_UNTIL_CLOSE, true },
	{ "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n", 0, 204, HTTP_NO_BODY, false },
	{ "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", 0, 304, HTTP_NO_BODY, false },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0, 200, HTTP_CHUNKED, false },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 0, 200, HTTP_CHUNKED, true },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", -EBADMSG },
	{ "HTTP/1.1 2000 OK\r\n\r\n", -EBADMSG },
	{ "HTTP/1.1 099 OK\r\n\r\n", -EBADMSG },
	{ "HTTP/1.1 999 No\r\n\r\n", 0, 999, HTTP_UNTIL_CLOSE, true },
	{ "HTTP/1.1  200 OK\r\n\r\n", -EBADMSG },
	{ "HTTP/2.0 200 OK\r\n\r\n", -EBADMSG },
	{ "ICY 200 OK\r\n\r\n", -EBADMSG },
	{ "HTTP/1.1 200 O\x01K\r\n\r\n", -EBADMSG },
	/* clang-format on */
};

static void test_responses(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(responses); i++) {
		int r = read_slowly(responses[i].text, strlen(responses[i].text), true);

		if (r != responses[i].result)
			fail_msg("response %zu: %d, %s", i, r, head.why ? head.why : "");
		if (r < 0)
			continue;
		assert_int_equal(head.status, responses[i].status);
		assert_int_equal(head.framing, responses[i].framing);
		assert_int_equal(head.close, responses[i].close);
	}
	assert_int_equal(
		http_response_parse(responses[0].text, strlen(responses[0].text), HTTP_HEAD, &head),
		0);
	assert_int_equal(head.framing, HTTP_NO_BODY);
	assert_true(http_str_is(http_reason(&head), "OK"));
}

static void test_unfold(void **state)
{
	char text[] = "HTTP/1.1 200 OK\r\nA: b\r\n\tc\r\n\r\n";

	(void)state;
	http_unfold(text, strlen(text));
	assert_int_equal(read_slowly(text, strlen(text), true), 0);
	assert_int_equal(head.n_fields, 1);
	assert_true(http_str_is(http_field_value(&head, &head.fields[0]), "b  \tc"));
}

/* --- bodies --- */

static const struct {
	const char *text, *content, *rest; /* content NULL = refused */
} chunked[] = {
	{ "5\r\nhello\r\n0\r\n\r\nGET", "hello", "GET" },
	{ "3;x=\"y\"\r\nabc\r\n00a \r\n0123456789\r\n0\r\nX: y\r\nZ:\r\n\r\n", "abc0123456789",
	  "" },
	{ "0\r\n\r\n", "", "" },
	{ "3\r\nabc\r\n", "abc", "incomplete" },
	{ "3\nabc\r\n0\r\n\r\n", NULL, NULL },
	{ "3\r\nabcd\r\n0\r\n\r\n", NULL, NULL },
	{ "3\r\nabc\n0\r\n\r\n", NULL, NULL },
	{ "3\r\nabc\r\n0\r\n\n", NULL, NULL },
	{ "\r\nabc", NULL, NULL },
	{ ";x\r\nabc", NULL, NULL },
	{ "-3\r\nabc", NULL, NULL },
	{ "0x3\r\nabc", NULL, NULL },
	{ "3\r\rabc", NULL, NULL },
	{ "3;a\nb\r\nabc", NULL, NULL },
	{ "10000000000000000\r\n", NULL, NULL },
	{ "0\r\nX: y\nZ: 1\r\n\r\n", NULL, NULL },
};

/* Takes a body in pieces of `step` octets. Octets left over, or -EBADMSG. */
static ssize_t take_all(struct http_body *b, const char *text, size_t step, struct sbuf *out)
{
	size_t len = strlen(text), pos = 0;

	while (pos < len && !b->done) {
		size_t piece = len - pos < step ? len - pos : step;
		struct http_str got;
		ssize_t n = http_body_take(b, text + pos, piece, &got);

		if (n < 0)
			return n;
		assert_true(n > 0);
		sbuf_put(out, got.p, got.len);
		pos += (size_t)n;
	}
	return (ssize_t)(len - pos);
}

static void test_chunked(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(chunked); i++)
		for (size_t step = 1; step < 20; step++) {
			struct http_body b;
			struct sbuf out = SBUF(100);
			ssize_t left;

			http_body_init(&b, HTTP_CHUNKED, 0);
			left = take_all(&b, chunked[i].text, step, &out);
			if (!chunked[i].content) {
				if (left != -EBADMSG)
					fail_msg("chunked %zu was taken", i);
				assert_non_null(b.why);
			} else {
				assert_string_equal(sbuf_text(&out), chunked[i].content);
				assert_int_equal(b.done,
						 strcmp(chunked[i].rest, "incomplete") != 0);
				if (b.done)
					assert_int_equal(left, strlen(chunked[i].rest));
			}
			sbuf_done(&out);
		}
}

static void test_other_bodies(void **state)
{
	struct sbuf out = SBUF(100);
	struct http_body b;
	char line[HTTP_CHUNK_HEAD_MAX + 1];

	(void)state;
	http_body_init(&b, HTTP_BY_LENGTH, 4);
	assert_int_equal(take_all(&b, "abcdef", 3, &out), 2);
	assert_string_equal(sbuf_text(&out), "abcd");
	http_body_init(&b, HTTP_UNTIL_CLOSE, 0);
	assert_int_equal(take_all(&b, "xyz", 2, &out), 0);
	assert_false(b.done);
	http_body_init(&b, HTTP_NO_BODY, 0);
	assert_true(b.done);
	sbuf_done(&out);
	line[http_chunk_head(0x1a2f, line)] = '\0';
	assert_string_equal(line, "1a2f\r\n");
	line[http_chunk_head(0, line)] = '\0';
	assert_string_equal(line, "0\r\n");
}

/* --- the codec --- */

static const struct {
	const char *text, *info; /* info NULL = malformed, "" = no start of a message */
} infos[] = {
	{ "GET /index.html HTTP/1.1\r\nHost: a\r\n\r\n", "GET /index.html HTTP/1.1" },
	{ "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: "
	  "3\r\n\r\nabc",
	  "HTTP/1.1 200 OK  (text/html)" },
	{ "HTTP/1.1 304 Not Modified\r\n\r\n", "HTTP/1.1 304 Not Modified" },
	{ "POST /f HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
	  "Content-Length: 3\r\n\r\na=b",
	  "POST /f HTTP/1.1  (application/x-www-form-urlencoded)" },
	{ "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK" },
	{ "<html>\n</html>\n", "" },
	{ "GET / HT", "" },
	{ "get x HTTP/1.1\r\n\r\n", "" },
	{ "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", NULL },
	{ "HTTP/1.1 OK\r\n\r\n", NULL },
};

static void count_field(void *arg, const char *field, const char *value, size_t offset, size_t len)
{
	unsigned *n = arg;

	assert_non_null(field);
	assert_non_null(value);
	assert_true(offset + len < 1000);
	(*n)++;
}

static void test_codec(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(infos); i++) {
		struct codec_in in = { .data = (const uint8_t *)infos[i].text,
				       .len = strlen(infos[i].text),
				       .tcp = true };
		struct sbuf out = SBUF(200);
		const char *why = NULL;
		unsigned n = 0;
		int r = http_codec.info(&in, &out, &why);

		if (!infos[i].info) {
			assert_int_equal(r, -EBADMSG);
			assert_non_null(why);
			assert_int_equal(http_codec.fields(&in, count_field, &n), -EBADMSG);
		} else {
			assert_int_equal(r, infos[i].info[0] ? 0 : -EAGAIN);
			assert_string_equal(sbuf_text(&out), infos[i].info);
			r = http_codec.fields(&in, count_field, &n);
			assert_int_equal(r == 0, n > 0);
		}
		sbuf_done(&out);
	}
}

/* --- captures, judged by tshark ------------------------------------------------------------------
 */

#ifndef CAPTURES
#define CAPTURES "../shared/captures/"
#endif

/* What tshark 4.0.17 says of frames that hold a whole head; blanks at the end left out. */
static const struct {
	const char *file;
	unsigned frame;
	const char *info;
} frames[] = {
	{ "ndpi/http_auth.pcap", 4, "GET /password-ok.php HTTP/1.1" },
	{ "ndpi/http_connect.pcap", 4, "CONNECT apache.org:443 HTTP/1.1" },
	{ "ndpi/http_connect.pcap", 11, "HTTP/1.0 200 Connection Established" },
	{ "scapy/http_content_length.pcap", 4, "GET / HTTP/1.1" },
	{ "scapy/http_content_length.pcap", 16, "HTTP/1.1 204 No Content" },
	{ "scapy/http_compressed-brotli.pcap", 1, "HTTP/1.1 200 OK  (text/plain)" },
};

/* The TCP payload of an Ethernet frame, or 0. */
static size_t payload_of(const uint8_t *p, size_t len, const uint8_t **ret)
{
	size_t ip, tcp, total;

	if (len < 54 || p[12] != 0x08 || p[13] != 0x00 || p[23] != 6)
		return 0;
	ip = 4 * (size_t)(p[14] & 15);
	total = (size_t)p[16] << 8 | p[17];
	tcp = 14 + ip;
	if (tcp + 20 > len || total + 14 > len)
		return 0;
	tcp += 4 * (size_t)(p[tcp + 12] >> 4);
	*ret = p + tcp;
	return tcp <= total + 14 ? total + 14 - tcp : 0;
}

/* The n-th frame of a classic little-endian capture; its length, 0 when there is none. */
static size_t read_frame(const char *file, unsigned n, uint8_t *buf, size_t size)
{
	FILE *f = fopen(file, "rb");
	uint8_t h[24];
	size_t len = 0;

	if (!f)
		return 0;
	if (fread(h, 1, 24, f) == 24)
		while (n-- > 0 && fread(h, 1, 16, f) == 16) {
			len = (size_t)h[8] | (size_t)h[9] << 8 | (size_t)h[10] << 16;
			if (len > size || fread(buf, 1, len, f) != len)
				len = 0;
		}
	fclose(f);
	return len;
}

static void test_captures(void **state)
{
	static uint8_t frame[70000];
	FILE *f = fopen(CAPTURES "README.md", "r");

	(void)state;
	if (!f) {
		print_message("%s is absent: its captures were not looked at\n", CAPTURES);
		skip();
	}
	fclose(f);
	for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
		struct codec_in in = { .tcp = true };
		struct sbuf out = SBUF(400);
		const char *why = NULL;
		char path[200];
		size_t len;

		snprintf(path, sizeof(path), CAPTURES "%s", frames[i].file);
		len = read_frame(path, frames[i].frame, frame, sizeof(frame));
		in.len = payload_of(frame, len, &in.data);
		if (in.len == 0)
			fail_msg("%s has no payload in frame %u", path, frames[i].frame);
		assert_int_equal(http_codec.info(&in, &out, &why), 0);
		assert_string_equal(sbuf_text(&out), frames[i].info);
		sbuf_done(&out);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),    cmocka_unit_test(test_fields),
		cmocka_unit_test(test_field_names), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_responses),   cmocka_unit_test(test_unfold),
		cmocka_unit_test(test_chunked),	    cmocka_unit_test(test_other_bodies),
		cmocka_unit_test(test_codec),	    cmocka_unit_test(test_captures),
	};

	return cmocka_run_group_tests_name("http_wire", tests, NULL, NULL);
}
