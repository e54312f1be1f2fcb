/* A request and its answer, row by row: files, conditions, ranges, methods, credentials, scripts,
 * errors. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "http_server_driver.h"

/* --- transcripts ---------------------------------------------------------------------------- */

struct row {
	const char *request;
	const char *rule;     /* decided in this exchange */
	const char *response; /* its parts, separated by | ; a part that starts with ! is absent */
	bool closes;
};

static const struct row rows[] = {
	/* clang-format off */
	/* files */
	{ GET("/") END, "http.server.get-directory",
	  "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 08:00:00 GMT\r\n|Content-Type: text/html\r\n|"
	  "Last-Modified: Wed, 31 Dec 2025 08:00:00 GMT\r\n|ETag: \"|Content-Length: 14\r\n|\r\n\r\n<h1>Home</h1>\n", false },
	{ GET("/index.html") END, "http.server.get-html-found", "200 OK|<h1>Home</h1>|!Connection:", false },
	{ GET("http://www/index.html") END, "http.server.get-html-found", "200 OK", false },
	{ GET("/nope.html") END, "http.server.get-html-missing", "HTTP/1.1 404 Not Found\r\n|<h1>404 Not Found</h1>", false },
	{ GET("/nope") END, "http.server.get-html-missing", "404 Not Found", false },
	{ GET("/logo.png") END, "http.server.get-image-found", "200 OK|Content-Type: image/png\r\n|\x89PNG", false },
	{ GET("/nope.gif") END, "http.server.get-image-missing", "404 Not Found", false },
	{ GET("/data.bin") END, "http.server.get-other-file", "200 OK|Content-Type: application/octet-stream\r\n|0123456789", false },
	{ GET("/x.lab") END, "http.server.get-other-file", "Content-Type: application/x-lab\r\n", false },
	{ GET("/none.html") END, "http.server.get-html-found", "200 OK|Content-Length: 0\r\n", false },
	{ GET("/a/b%20c.txt") END, "http.server.get-other-file", "200 OK|text/plain|text\n", false },
	{ GET("/a?x=1") END, "http.server.get-directory", "301 Moved Permanently|Location: /a/?x=1\r\n", false },
	{ GET("/a/") END, "http.server.get-directory", "200 OK|in a\n", false },
	{ GET("/a/./../a/index.html") END, "http.server.get-html-found", "200 OK|in a\n", false },
	{ GET("/empty/") END, "http.server.get-directory", "404 Not Found", false },
	{ GET("/empty/") END, "http.server.get-html-missing", "404 Not Found", false },
	{ GET("/index.html/") END, "http.server.get-html-missing", "404 Not Found", false },
	{ GET("/broken.html") END, "http.server.file-failed", "500 Internal Server Error", false },
	{ GET("/../etc/passwd") END, "http.server.path-escape", "404 Not Found", false },
	{ GET("/a/%2e%2e/%2E%2e/x") END, "http.server.path-escape", "404 Not Found", false },
	{ GET("/outside.html") END, "http.server.path-escape", "404 Not Found", false },
	{ GET("/%zz") END, "http.server.path-escape", "400 Bad Request", true },
	{ GET("/x%00") END, "http.server.path-escape", "400 Bad Request", true },
	{ GET("*") END, "http.server.path-escape", "400 Bad Request", true },
	/* conditions */
	{ GET("/index.html") "If-None-Match: \"no\", *\r\n" END, "http.server.not-modified", "304 Not Modified|ETag: |!Content-Length|!Home", false },
	{ GET("/index.html") "If-None-Match: \"no\"\r\n" END, "http.server.get-html-found", "200 OK", false },
	{ GET("/index.html") "If-Modified-Since: Wed, 31 Dec 2025 08:00:00 GMT\r\n" END, "http.server.not-modified", "304 Not Modified", false },
	{ GET("/index.html") "If-Modified-Since: Tue, 30 Dec 2025 08:00:00 GMT\r\n" END, "http.server.get-html-found", "200 OK", false },
	{ GET("/index.html") "If-None-Match: \"no\"\r\nIf-Modified-Since: Wed, 31 Dec 2025 08:00:00 GMT\r\n" END, "http.server.get-html-found", "200 OK", false },
	{ GET("/index.html") "If-Match: \"no\"\r\n" END, "http.server.precondition-failed", "412 Precondition Failed", false },
	{ GET("/index.html") "If-Unmodified-Since: Tue, 30 Dec 2025 08:00:00 GMT\r\n" END, "http.server.precondition-failed", "412 Precondition Failed", false },
	{ "HEAD /index.html HTTP/1.1\r\n" HOST "If-None-Match: *\r\n" END, "http.server.not-modified", "304 Not Modified", false },
	/* ranges */
	{ GET("/data.bin") "Range: bytes=2-4\r\n" END, "http.server.range", "206 Partial Content|Content-Range: bytes 2-4/10\r\n|Content-Length: 3\r\n|\r\n\r\n234", false },
	{ GET("/data.bin") "Range: bytes=-3\r\n" END, "http.server.range", "206|Content-Range: bytes 7-9/10\r\n|789", false },
	{ GET("/data.bin") "Range: bytes=10-\r\n" END, "http.server.range", "416 Range Not Satisfiable|Content-Range: bytes */10\r\n", false },
	{ GET("/data.bin") "Range: bytes=0-1,4-5\r\n" END, "http.server.get-other-file", "200 OK|0123456789", false },
	{ GET("/data.bin") "Range: bytes=2-4\r\nIf-Range: \"no\"\r\n" END, "http.server.get-other-file", "200 OK", false },
	{ GET("/data.bin") "Range: bytes=2-4\r\nIf-Range: Wed, 31 Dec 2025 08:00:00 GMT\r\n" END, "http.server.range", "206|234", false },
	{ "HEAD /data.bin HTTP/1.1\r\n" HOST "Range: bytes=2-4\r\n" END, "http.method.head", "200 OK|Content-Length: 10\r\n|!01234", false },
	/* other methods */
	{ "HEAD / HTTP/1.1\r\n" HOST END, "http.method.head", "200 OK|Content-Length: 14\r\n|!Home", false },
	{ "HEAD /nope HTTP/1.1\r\n" HOST END, "http.server.get-html-missing", "404|Content-Length: |!<h1>", false },
	{ "OPTIONS / HTTP/1.1\r\n" HOST END, "http.method.options", "200 OK|Allow: GET, HEAD, OPTIONS\r\n|Content-Length: 0\r\n", false },
	{ "OPTIONS * HTTP/1.1\r\n" HOST END, "http.method.options", "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS\r\n", false },
	{ "OPTIONS /upload/x HTTP/1.1\r\n" HOST END, "http.method.options", "Allow: GET, HEAD, PUT, DELETE, OPTIONS\r\n", false },
	{ "OPTIONS /hello.cgi HTTP/1.1\r\n" HOST END, "http.method.options", "Allow: GET, HEAD, POST, OPTIONS\r\n", false },
	{ "TRACE / HTTP/1.1\r\n" HOST END, "http.server.other-method", "405 Method Not Allowed|Allow: GET, HEAD, OPTIONS\r\n", false },
	{ "CONNECT www:443 HTTP/1.1\r\n" HOST END, "http.server.other-method", "405 Method Not Allowed|Allow: ", true },
	{ "BREW / HTTP/1.1\r\n" HOST END, "http.server.other-method", "501 Not Implemented", false },
	{ "get / HTTP/1.1\r\n" HOST END, "http.server.other-method", "501 Not Implemented", false },
	{ "PUT /x HTTP/1.1\r\n" HOST "Content-Length: 3\r\n" END "abc", "http.server.other-method", "405 Method Not Allowed|Allow: GET, HEAD, OPTIONS\r\n", false },
	{ "DELETE /index.html HTTP/1.1\r\n" HOST END, "http.server.other-method", "405 Method Not Allowed", false },
	{ "PUT /upload/new.txt HTTP/1.1\r\n" HOST "Content-Length: 3\r\n" END "abc", "http.method.put", "201 Created|Content-Length: 0\r\n", false },
	{ GET("/upload/new.txt") END, "http.server.get-other-file", "200 OK|\r\n\r\nabc", false },
	{ "PUT /upload/new.txt HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n" END "2\r\nxy\r\n3;q\r\nz12\r\n0\r\nT: 1\r\n\r\n", "http.method.put", "204 No Content|!Content-Length", false },
	{ GET("/upload/new.txt") END, "http.server.get-other-file", "200 OK|\r\n\r\nxyz12", false },
	{ "PUT /upload/new.txt HTTP/1.1\r\n" HOST "If-None-Match: *\r\nContent-Length: 1\r\n" END "q", "http.server.precondition-failed", "412", false },
	{ "PUT /upload/absent.txt HTTP/1.1\r\n" HOST "If-Match: *\r\nContent-Length: 1\r\n" END "q", "http.server.precondition-failed", "412", false },
	{ "PUT /upload/new.txt HTTP/1.1\r\n" HOST "Content-Range: bytes 0-0/5\r\nContent-Length: 1\r\n" END "q", "http.method.put", "400 Bad Request", false },
	{ "PUT /upload/dir HTTP/1.1\r\n" HOST "Content-Length: 1\r\n" END "q", "http.method.put", "409 Conflict", false },
	{ "PUT /upload/full.txt HTTP/1.1\r\n" HOST "Content-Length: 1\r\n" END "q", "http.method.put", "500 Internal Server Error", false },
	{ "PUT /upload/safe/x HTTP/1.1\r\n" HOST "Content-Length: 1\r\n" END "q", "http.server.get-unauthorized", "401 Unauthorized|WWW-Authenticate: Basic realm=\"/upload/safe\"", false },
	{ "PUT /upload/safe/x HTTP/1.1\r\n" HOST ANN "Content-Length: 1\r\n" END "q", "http.method.put", "201 Created", false },
	{ "DELETE /upload/new.txt HTTP/1.1\r\n" HOST END, "http.method.delete", "204 No Content", false },
	{ "DELETE /upload/new.txt HTTP/1.1\r\n" HOST END, "http.method.delete", "404 Not Found", false },
	/* credentials */
	{ GET("/private/") END, "http.server.get-unauthorized", "401 Unauthorized|WWW-Authenticate: Basic realm=\"/private\", charset=\"UTF-8\"\r\n|!for users", false },
	{ GET("/private/") WRONG END, "http.server.get-unauthorized", "401 Unauthorized|!for users", false },
	{ GET("/private/") "Authorization: Bearer x\r\n" END, "http.server.get-unauthorized", "401 Unauthorized", false },
	{ GET("/private/") ANN BOB END, "http.server.get-unauthorized", "401 Unauthorized", false },
	{ GET("/private/") ANN END, "http.server.authorized", "200 OK|for users", false },
	{ GET("/priv%61te/index.html") END, "http.server.get-unauthorized", "401", false },
	{ GET("/private/ann/x.html") BOB END, "http.server.forbidden", "403 Forbidden|!for ann", false },
	{ GET("/private/ann/x.html") ANN END, "http.server.get-html-found", "200 OK|for ann", false },
	{ GET("/index.html") WRONG END, "http.server.get-html-found", "200 OK", false },
	{ "POST /private/x HTTP/1.1\r\n" HOST "Content-Length: 1\r\n" END "q", "http.server.post-unauthorized", "401 Unauthorized", false },
	/* POST and scripts */
	{ GET("/hello.cgi?name=%3CEve%3E") END, "http.server.script", "200 OK|Transfer-Encoding: chunked\r\n|!Content-Length|<p>Hello &lt;Eve&gt; from 10.0.0.2, {not.mine}</p>\n\r\n0\r\n\r\n", false },
	{ GET("/hello.cgi") END, "http.persistent.unknown-length", "200 OK", false },
	{ "GET /hello.cgi HTTP/1.0\r\n\r\n", "http.persistent.unknown-length", "200 OK|!chunked|!Content-Length|Connection: close\r\n|Hello", true },
	{ "HEAD /hello.cgi HTTP/1.1\r\n" HOST END, "http.method.head", "200 OK|!Hello", false },
	{ "POST /hello.cgi HTTP/1.1\r\n" HOST FORM "Content-Length: 8\r\n" END "name=Ann", "http.server.post-ok", "200 OK|Hello Ann", false },
	{ "POST /book.cgi HTTP/1.1\r\n" HOST FORM "Content-Length: 8\r\n" END "name=Ann", "http.server.post-ok", "201 Created|Location: /book.cgi?record=1\r\n|<li>1 Ann</li>", false },
	{ "POST /book.cgi HTTP/1.1\r\n" HOST FORM "Content-Length: 8\r\n" END "name=Bob", "http.server.post-ok", "201 Created|record=2|<li>1 Ann</li>|<li>2 Bob</li>", false },
	{ GET("/book.cgi?record=2") END, "http.server.script", "200 OK|<li>2 Bob</li>|!Ann", false },
	{ GET("/find.cgi?name=Bob") END, "http.server.script", "text/plain|2 of dut:\n2=Bob\n|!1=", false },
	{ "POST /mute.cgi HTTP/1.1\r\n" HOST FORM "Content-Length: 3\r\n" END "a=b", "http.server.post-ok", "201 Created|Location: /mute.cgi?record=3", false },
	{ "POST /silent.cgi HTTP/1.1\r\n" HOST FORM "Content-Length: 3\r\n" END "a=b", "http.server.post-ok", "204 No Content|!Content-Type|!Transfer-Encoding", false },
	{ "POST /book.cgi HTTP/1.1\r\n" HOST "Content-Length: 3\r\n" END "a=b", "http.server.post-fail", "415 Unsupported Media Type", false },
	{ "POST /book.cgi HTTP/1.1\r\n" HOST FORM "Content-Length: 0\r\n" END, "http.server.post-fail", "400 Bad Request", false },
	{ "POST /nope HTTP/1.1\r\n" HOST "Content-Length: 3\r\n" END "a=b", "http.server.post-fail", "404 Not Found", false },
	{ "POST /index.html HTTP/1.1\r\n" HOST "Content-Length: 3\r\n" END "a=b", "http.server.post-fail", "405 Method Not Allowed|Allow: GET, HEAD, OPTIONS\r\n", false },
	{ "POST /upload/ HTTP/1.1\r\n" HOST "Content-Type: text/plain; charset=x\r\nContent-Length: 3\r\n" END "a=b", "http.server.post-ok", "201 Created|Location: /upload/post-|.txt\r\n", false },
	/* persistence */
	{ GET("/") END, "http.persistent.keep-open", "200 OK", false },
	{ GET("/") END, "http.persistent.content-length", "Content-Length: 14\r\n", false },
	{ GET("/") END, "http.stateless", "200 OK|<h1>Home</h1>", false },
	{ GET("/") "Connection: close\r\n" END, "http.persistent.close-request", "200 OK|Connection: close\r\n", true },
	{ "GET / HTTP/1.0\r\n\r\n", "http.nonpersistent", "HTTP/1.1 200 OK|Connection: close\r\n", true },
	{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "http.persistent.keep-open", "200 OK|Connection: keep-alive\r\n", false },
	{ GET("/") END GET("/data.bin") END GET("/nope") END, "http.server.gate", "200 OK|<h1>Home</h1>\nHTTP/1.1 200 OK|0123456789HTTP/1.1 404", false },
	{ "\r\n\n" GET("/") END, "http.server.gate", "200 OK", false },
	{ "GET / HTTP/1.1\nHost: www\n\n", "http.server.gate", "200 OK", false },
	/* errors of the message */
	{ "GET / HTTP/1.1\r\n\r\n", "http.msg.host-required", "400 Bad Request|Connection: close\r\n", true },
	{ GET("/") HOST END, "http.msg.host-required", "400 Bad Request", true },
	{ "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "http.msg.host-required", "400 Bad Request", true },
	{ "GET /\r\n\r\n", "http.server.bad-request", "400 Bad Request", true },
	{ "\x16\x03\x01", "http.server.bad-request", "400 Bad Request", true },
	{ GET("/") "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n" END "0\r\n\r\n", "http.server.bad-request", "400 Bad Request|Connection: close\r\n", true },
	{ GET("/") "Content-Length: 1\r\nContent-Length: 2\r\n" END, "http.server.bad-request", "400 Bad Request", true },
	{ "POST /hello.cgi HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n" END "x\r\n", "http.server.bad-request", "400 Bad Request", true },
	{ GET("/") "Transfer-Encoding: gzip, chunked\r\n" END, "http.server.unknown-coding", "501 Not Implemented", true },
	{ "GET / HTTP/2.0\r\n" HOST END, "http.server.version", "505 HTTP Version Not Supported", true },
	{ GET("/") "Expect: miracles\r\n" END, "http.server.unknown-expectation", "417 Expectation Failed", true },
	/* 100-continue */
	{ "PUT /upload/c.txt HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n" END, "http.server.expect-continue", "HTTP/1.1 100 Continue\r\n\r\n|!201", false },
	{ "abc", "http.method.put", "201 Created", false },
	{ "PUT /upload/c.txt HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n" END "abc", "http.method.put", "204 No Content|!100 Continue", false },
	{ "PUT /c.txt HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n" END, "http.server.expect-continue", "405 Method Not Allowed|!100 Continue|Connection: close\r\n", true },
	{ GET("/") "Expect: 100-continue\r\n" END, "http.server.get-html-found", "200 OK|!100 Continue", false },
	/* clang-format on */
};

/* Every row in turn on one connection; a closed one is opened again. */
static void test_transcripts(void **state)
{
	(void)state;
	start(NULL);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *got = say(rows[i].request);

		row_now = rows[i].request;
		drv_expect_decision(&d, rows[i].rule);
		site_expect_parts(row_now, got, rows[i].response);
		assert_int_equal(closed_now(), rows[i].closes);
		free(got);
		if (rows[i].closes)
			open_as(SOCK, "10.0.0.2");
	}
}

/* The same, octet by octet: the same answers. */
static void test_octet_by_octet(void **state)
{
	(void)state;
	start(NULL);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sbuf all = SBUF(100000);
		bool closed = false;

		row_now = rows[i].request;
		if (strstr(rows[i].request, "Expect: 100"))
			break; /* there the moment matters */
		for (const char *p = rows[i].request; *p && !closed; p++) {
			char *got = say_len(SOCK, p, 1);

			sbuf_puts(&all, got);
			free(got);
			closed = closed_now();
		}
		site_expect_parts(row_now, sbuf_text(&all), rows[i].response);
		assert_int_equal(closed, rows[i].closes);
		sbuf_done(&all);
		if (closed)
			open_as(SOCK, "10.0.0.2");
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_transcripts),
		T(test_octet_by_octet),
	};

	return cmocka_run_group_tests_name("http_server_transcript", tests, NULL, NULL);
}
