#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "http_site.h"

#define LISTENER 1
#define SOCK	 (SOCK_ACCEPTED + 1)

static const char config[] =
	"ip http server\n"
	"ip http user ann password secret\n"
	"ip http user bob password hidden\n"
	"ip http protect /private\n"
	"ip http protect /private/ann user ann\n"
	"ip http protect /upload/safe\n"
	"ip http writable /upload\n"
	"ip http type lab application/x-lab\n"
	"ip http script /hello.cgi <p>Hello {form.name} from {client}, {not.mine}</p>\n"
	"ip http script /book.cgi @insert guests\n"
	"ip http script /book.cgi @each guests <li>{row.number} {row.name}</li>\n"
	"ip http script /find.cgi @type text/plain\n"
	"ip http script /find.cgi {count.guests} of {host}:\n"
	"ip http script /find.cgi @match guests name {row.number}={row.name}\n"
	"ip http script /mute.cgi @insert log\n"
	"ip http script /silent.cgi @type text/plain\n";

static struct drv d;
static uint64_t sent; /* octets of the stream so far */
static unsigned n_peers;

static void open_as(uint32_t sock, const char *peer)
{
	drv_opened(&d, sock, LISTENER, drv_ep("10.0.0.1", 80),
		   drv_ep(peer, (uint16_t)(40000 + n_peers++)));
	sent = 0;
}

static int setup(void **state)
{
	char big[40000];

	(void)state;
	drv_init(&d, &http_proto, KIND_SERVER, 1);
	drv_addr(&d, 1, "10.0.0.1/24");
	site_text("index.html", "<h1>Home</h1>\n");
	site_text("a/b c.txt", "text\n");
	site_text("a/index.html", "in a\n");
	site_dir("a");
	site_dir("empty");
	site_put("logo.png", "\x89PNG", 4);
	site_text("data.bin", "0123456789");
	site_text("x.lab", "lab\n");
	site_text("none.html", "");
	memset(big, 'x', sizeof(big));
	site_put("big.dat", big, sizeof(big));
	site_text("private/index.html", "for users\n");
	site_text("private/ann/x.html", "for ann\n");
	site_text("upload/old.txt", "old\n");
	site_dir("upload/dir");
	site_error("outside.html", -EACCES);
	site_error("broken.html", -EIO);
	site_error("upload/full.txt", -ENOSPC);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	drv_done(&d);
	site_clear();
	return 0;
}

static void start(const char *more)
{
	drv_conf(&d, config);
	if (more)
		drv_conf(&d, more);
	drv_start(&d, "http.server");
	drv_expect_decision(&d, "http.server.listen");
	assert_int_equal(drv_want(&d, FX_LISTEN, "listen")->listen.local.port, 80);
	open_as(SOCK, "10.0.0.2");
}

/* Octets in; all that is written, as text; the caller frees. Files answer at once. */
static char *say_len(uint32_t sock, const char *text, size_t len)
{
	drv_bytes(&d, sock, text, len, sent);
	sent += len;
	site_answer(&d);
	return drv_written(&d, sock, NULL);
}

static char *say(const char *text)
{
	return say_len(SOCK, text, strlen(text));
}

static const char *row_now = ""; /* what is being tried, for messages */

static void must_hold(const char *got, const char *part)
{
	if (!strstr(got, part))
		fail_msg("%s: no \"%s\" in:\n%s", row_now, part, got);
}

static bool closed_now(void)
{
	return drv_count(&d, FX_CLOSE) > 0;
}

/* --- transcripts ---------------------------------------------------------------------------- */

#define HOST   "Host: www\r\n"
#define GET(x) "GET " x " HTTP/1.1\r\n" HOST
#define END    "\r\n"
#define ANN    "Authorization: Basic YW5uOnNlY3JldA==\r\n"
#define WRONG  "Authorization: Basic YW5uOndyb25n\r\n"
#define BOB    "Authorization: Basic Ym9iOmhpZGRlbg==\r\n"
#define FORM   "Content-Type: application/x-www-form-urlencoded\r\n"

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

static void check_parts(const char *got, const char *parts)
{
	char part[400];

	while (*parts) {
		size_t n = strcspn(parts, "|");

		str_copy_n(part, sizeof(part), parts, n);
		if (part[0] != '!')
			must_hold(got, part);
		else if (strstr(got, part + 1))
			fail_msg("%s: \"%s\" in:\n%s", row_now, part + 1, got);
		parts += n + (parts[n] == '|');
	}
}

/* Every row in turn on one connection; a closed one is opened again. */
static void test_transcripts(void **state)
{
	(void)state;
	start(NULL);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *got = say(rows[i].request);

		row_now = rows[i].request;
		drv_expect_decision(&d, rows[i].rule);
		check_parts(got, rows[i].response);
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
		check_parts(sbuf_text(&all), rows[i].response);
		assert_int_equal(closed, rows[i].closes);
		sbuf_done(&all);
		if (closed)
			open_as(SOCK, "10.0.0.2");
	}
}

/* --- single cases ----------------------------------------------------------------------------- */

static void test_off(void **state)
{
	(void)state;
	drv_conf(&d, "no ip http server\n");
	drv_start(&d, "http.server");
	drv_expect_decision(&d, "http.server.service-disabled");
	drv_expect_none(&d, FX_LISTEN);
	drv_conf(&d, "ip http server\n");
	drv_expect_decision(&d, "http.server.listen");
	drv_conf(&d, "ip http port 8080\n");
	drv_expect_decision(&d, "http.server.moved");
	assert_int_equal(drv_count(&d, FX_CLOSE), 2); /* both listeners */
	assert_int_equal(drv_want(&d, FX_LISTEN, "listen")->listen.local.port, 8080);
	assert_int_equal(drv_want(&d, FX_LISTEN, "listen")->listen.local.addr.family, 6);
	open_as(SOCK, "10.0.0.2");
	drv_conf(&d, "no ip http server\n");
	drv_expect_decision(&d, "http.server.service-disabled");
	assert_int_equal(drv_count(&d, FX_CLOSE), 3); /* the connection, the listeners */
	drv_conf(&d, "ip http server\n");
	drv_failed(&d, drv_want(&d, FX_LISTEN, "listen"), LISTENER + 1, EAFNOSUPPORT);
	drv_expect_no_decision(&d, "http.server.no-listener");
	drv_conf(&d, "no ip http server\n");
	assert_int_equal(drv_count(&d, FX_CLOSE), 1);
	drv_conf(&d, "ip http server\n");
	drv_failed(&d, drv_want(&d, FX_LISTEN, "listen"), LISTENER, EADDRINUSE);
	drv_expect_decision(&d, "http.server.no-listener");
	drv_stop(&d);
}

static void test_exchange_fact(void **state)
{
	const struct fx_effect *e;
	char *got;

	(void)state;
	start(NULL);
	d.now = 5 * SEC;
	got = say(GET("/private/?q") ANN "Referer: http://www/index.html\r\n" END);
	free(got);
	e = drv_expect_fact(&d, FX_FACT_BEGIN, "http_exchange", NULL);
	assert_string_equal(drv_value(e, "url"), "http://www/private/?q");
	assert_string_equal(drv_value(e, "method"), "GET");
	assert_string_equal(drv_value(e, "status"), "200");
	assert_string_equal(drv_value(e, "referrer"), "http://www/index.html");
	assert_string_equal(drv_value(e, "user"), "ann");
	assert_string_equal(drv_value(e, "bytes"), "10");
	assert_string_equal(drv_value(e, "peer"), "10.0.0.2");
	drv_closed(&d, SOCK, 0);
	drv_expect_fact(&d, FX_FACT_END, "http_exchange", NULL);
	assert_true(closed_now());
}

static void test_timeouts(void **state)
{
	char *got;

	(void)state;
	start("ip http timeout-policy idle 10 life 100 requests 3\n");
	got = say(GET("/") END);
	free(got);
	drv_timer_until(&d, 9 * SEC);
	assert_false(closed_now());
	drv_timer_until(&d, 11 * SEC);
	drv_expect_decision(&d, "http.persistent.close-timeout");
	assert_true(closed_now());

	open_as(SOCK, "10.0.0.2");
	got = say("GET / HT");
	free(got);
	drv_timer_until(&d, 30 * SEC);
	drv_expect_decision(&d, "http.server.request-timeout");
	got = drv_written(&d, SOCK, NULL);
	must_hold(got, "HTTP/1.1 408 Request Timeout");
	free(got);

	/* Octet by octet, just in time each, it takes too long all the same. */
	open_as(SOCK, "10.0.0.2");
	for (int i = 0; i < 3 && !closed_now(); i++) {
		free(say("X"));
		drv_timer_until(&d, d.now + 9 * SEC);
	}
	drv_expect_decision(&d, "http.server.request-timeout");
	open_as(SOCK, "10.0.0.2");
	free(say("PUT /upload/x HTTP/1.1\r\n" HOST "Content-Length: 99\r\n" END));
	for (int i = 0; i < 3 && !closed_now(); i++) {
		free(say("X"));
		drv_timer_until(&d, d.now + 9 * SEC);
	}
	drv_expect_decision(&d, "http.server.request-timeout");

	open_as(SOCK, "10.0.0.2");
	for (int i = 0; i < 3; i++) {
		got = say(GET("/") END);
		assert_int_equal(closed_now(), i == 2);
		free(got);
	}
	drv_expect_decision(&d, "http.server.close");
}

/* A file store or a login service that says nothing does not hold the client for ever. */
static void test_no_answer(void **state)
{
	char *got;

	(void)state;
	start(NULL);
	drv_bytes(&d, SOCK, GET("/") END, strlen(GET("/") END), 0);
	drv_timer_until(&d, 61 * SEC);
	drv_expect_decision(&d, "http.server.no-answer");
	got = drv_written(&d, SOCK, NULL);
	must_hold(got, "503 Service Unavailable");
	free(got);
}

static void test_too_large(void **state)
{
	static char text[2 << 20];
	struct sbuf b = { .max = 3 << 20 };
	char *got;
	size_t n;

	(void)state;
	start("ip http limit target 100\nip http limit header 300\nip http limit body 1000\n");
	memset(text, 'a', sizeof(text) - 1);

	sbuf_printf(&b, "GET /%.200s HTTP/1.1\r\n" HOST END, text);
	got = say(sbuf_text(&b));
	drv_expect_decision(&d, "http.server.too-large");
	must_hold(got, "414 URI Too Long");
	assert_true(closed_now());
	free(got);

	open_as(SOCK, "10.0.0.2");
	sbuf_reset(&b);
	sbuf_printf(&b, GET("/") "X: %.400s", text);
	got = say(sbuf_text(&b));
	must_hold(got, "431 Request Header Fields Too Large");
	free(got);

	open_as(SOCK, "10.0.0.2");
	got = say("PUT /upload/x HTTP/1.1\r\n" HOST "Content-Length: 1001\r\n" END);
	must_hold(got, "413 Content Too Large");
	assert_true(closed_now());
	free(got);

	open_as(SOCK, "10.0.0.2");
	sbuf_reset(&b);
	sbuf_printf(&b,
		    "PUT /upload/x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n" END
		    "7d0\r\n%.2000s\r\n",
		    text);
	got = say(sbuf_text(&b));
	must_hold(got, "413 Content Too Large");
	free(got);

	/* More behind an unanswered request than any client needs to send. */
	open_as(SOCK, "10.0.0.2");
	drv_bytes(&d, SOCK, GET("/") END, strlen(GET("/") END), 0);
	for (n = 0; n < 30 && !closed_now(); n++)
		drv_bytes(&d, SOCK, text, 65536, 100 + n * 65536);
	drv_expect_decision(&d, "http.server.drop-flood");
	assert_true(n < 30);
	sbuf_done(&b);
}

static void test_big_file(void **state)
{
	const struct fx_effect *e;
	char *got;

	(void)state;
	start(NULL);
	got = say(GET("/big.dat") "Range: bytes=100-\r\n" END GET("/") END);
	must_hold(got, "206 Partial Content");
	must_hold(got, "Content-Length: 39900\r\n");
	assert_null(strstr(got, "Home"));
	free(got);
	e = drv_want(&d, FX_SEND_FILE, "send_file");
	assert_string_equal(e->send_file.path, "big.dat");
	assert_int_equal(e->send_file.offset, 100);
	assert_int_equal(e->send_file.len, 39900);
	/* The next request waits until the file has left. */
	drv_drained(&d, SOCK);
	site_answer(&d);
	got = drv_written(&d, SOCK, NULL);
	must_hold(got, "Home");
	free(got);
	/* A peer that reads nothing is given up in the end. */
	got = say(GET("/big.dat") END);
	free(got);
	drv_timer_until(&d, d.now + 3600 * SEC);
	drv_expect_decision(&d, "http.server.peer-stuck");
	assert_true(closed_now());
	/* A file that went away in between leaves a hole: the stream is reset. */
	open_as(SOCK, "10.0.0.2");
	got = say(GET("/big.dat") END);
	free(got);
	drv_failed(&d, drv_want(&d, FX_SEND_FILE, "send_file"), SOCK, ENOENT);
	drv_expect_decision(&d, "http.server.send-failed");
	assert_int_equal(drv_want(&d, FX_CLOSE, "close")->close.how, CLOSE_RESET);
}

/* Pipelined requests without end are served a bounded number in a turn, and all in the end. */
static void test_pipeline(void **state)
{
	struct sbuf b = { .max = 1 << 20 };
	size_t n = 0;
	char *got, *p;

	(void)state;
	start(NULL);
	for (int i = 0; i < 100; i++)
		sbuf_puts(&b, "OPTIONS / HTTP/1.1\r\n" HOST END);
	got = say(sbuf_text(&b));
	for (p = got; (p = strstr(p, "HTTP/1.1 200")) != NULL; p++)
		n++;
	free(got);
	assert_in_range(n, 1, 99);
	while (n < 100) {
		drv_timer(&d);
		got = drv_written(&d, SOCK, NULL);
		for (p = got; (p = strstr(p, "HTTP/1.1 200")) != NULL; p++)
			n++;
		free(got);
	}
	assert_int_equal(n, 100);
	assert_true(drv_deadline(&d) > d.now);
	sbuf_done(&b);
}

static void test_too_many(void **state)
{
	char *got;

	(void)state;
	start("ip http max-connections 1\n");
	open_as(SOCK + 1, "10.0.0.3");
	drv_expect_decision(&d, "http.server.too-many");
	got = drv_written(&d, SOCK + 1, NULL);
	must_hold(got, "503 Service Unavailable");
	free(got);
	drv_closed(&d, SOCK, ECONNRESET);
	open_as(SOCK + 2, "10.0.0.3");
	drv_expect_no_decision(&d, "http.server.too-many");
}

static void test_trace(void **state)
{
	char *got;

	(void)state;
	start("ip http trace\n");
	got = say("TRACE /x HTTP/1.1\r\n" HOST ANN "Cookie: a=b\r\nX-Mine: 1\r\n" END);
	drv_expect_decision(&d, "http.method.trace");
	check_parts(got, "200 OK|Content-Type: message/http\r\n|"
			 "\r\n\r\nTRACE /x HTTP/1.1\r\nHost: www\r\nX-Mine: 1\r\n\r\n|!YW5u|!a=b");
	free(got);
}

static void test_max_age_and_root(void **state)
{
	char *got;

	(void)state;
	start("ip http cache max-age 60\nip http path /a\n");
	got = say(GET("/") END);
	check_parts(got, "200 OK|Cache-Control: max-age=60\r\n|in a\n");
	free(got);
	/* A file from the future has no date that could be told. */
	site_put("a/index.html", "new", 3)->mtime_ns = DRV_EPOCH_NS + 3600 * SEC;
	got = say(GET("/") END);
	check_parts(got, "200 OK|!Last-Modified|ETag: |\r\n\r\nnew");
	free(got);
	got = say(GET("/") "If-Modified-Since: Thu, 01 Jan 2026 09:00:00 GMT\r\n" END);
	check_parts(got, "200 OK");
	free(got);
}

/* --- the device's login ----------------------------------------------------------------------- */

static char *login_answer(const struct answer *a)
{
	const struct fx_effect *e = drv_next_ask(&d);

	assert_int_equal(e->ask.ask->kind, ASK_LOGIN);
	assert_string_equal(e->ask.ask->login.user, "ann");
	assert_string_equal(e->ask.ask->login.password, "secret");
	assert_string_equal(e->ask.ask->login.service, "http");
	drv_answer(&d, e->ask.ask_id, a);
	site_answer(&d);
	return drv_written(&d, SOCK, NULL);
}

static void test_login(void **state)
{
	static const char request[] = GET("/private/") ANN END;
	static const struct {
		int err;
		const char *rule, *response;
	} answers[] = { { 0, "http.server.authorized", "200 OK|for users" },
			{ -EACCES, "http.server.get-unauthorized", "401 Unauthorized" },
			{ -EIO, "http.server.login-failed", "503 Service Unavailable" } };

	(void)state;
	start("ip http authentication aaa\n");
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		struct answer a = { .err = answers[i].err };
		char *got;

		drv_bytes(&d, SOCK, request, strlen(request), sent);
		sent += strlen(request);
		drv_expect_decision(&d, "http.server.ask-login");
		got = login_answer(&a);
		drv_expect_decision(&d, answers[i].rule);
		check_parts(got, answers[i].response);
		free(got);
	}
	/* An answer that comes when the connection is gone. */
	drv_bytes(&d, SOCK, request, strlen(request), sent);
	uint32_t id = drv_next_ask(&d)->ask.ask_id;
	drv_closed(&d, SOCK, ECONNRESET);
	drv_answer(&d, id, &(struct answer){ 0 });
	drv_expect_none(&d, FX_WRITE);
}

/* --- scripts ---------------------------------------------------------------------------------- */

static void test_records(void **state)
{
	const struct val columns[] = { V_TEXT("list", "guests"), V_INT("number", 7),
				       V_TEXT("fields", "name=Old"), V_END };
	char *got;

	(void)state;
	drv_conf(&d, config);
	drv_create(&d, "http.server");
	drv_restore(&d, &http_record_fact, "guests/7", columns, 0);
	drv_event(&d, (struct ev){ .kind = EV_START });
	open_as(SOCK, "10.0.0.2");
	got = say("POST /book.cgi HTTP/1.1\r\n" HOST FORM "Content-Length: 8\r\n" END "name=New");
	check_parts(got, "201 Created|record=8|<li>7 Old</li>|<li>8 New</li>");
	free(got);
	assert_string_equal(
		drv_value(drv_expect_fact(&d, FX_FACT_BEGIN, "http_record", "guests/8"), "fields"),
		"name=New");
	for (unsigned i = 0; i < 1022; i++) {
		got = say("POST /mute.cgi HTTP/1.1\r\n" HOST FORM "Content-Length: 3\r\n" END
			  "a=b");
		must_hold(got, "201 Created");
		free(got);
	}
	got = say("POST /mute.cgi HTTP/1.1\r\n" HOST FORM "Content-Length: 3\r\n" END "a=b");
	drv_expect_decision(&d, "http.server.post-fail");
	must_hold(got, "500 Internal Server Error");
	free(got);
}

static void test_script_too_long(void **state)
{
	static const char post[] =
		"POST /book.cgi HTTP/1.1\r\n" HOST FORM "Content-Length: 900\r\n" END;
	char text[2000];
	char *got;

	(void)state;
	start(NULL);
	for (int i = 0; i < 300; i++) {
		size_t n = (size_t)snprintf(text, sizeof(text), "%sname=", post);

		memset(text + n, 'x', 895);
		got = say_len(SOCK, text, strlen(post) + 900);
		free(got);
		drv_drained(&d, SOCK);
	}
	got = say(GET("/book.cgi") END);
	drv_expect_decision(&d, "http.server.script-failed");
	must_hold(got, "500 Internal Server Error");
	free(got);
}

/* --- application servers ---------------------------------------------------------------------- */

static void app_start(void)
{
	start("ip http app-server /shop http://10.0.0.9:8000/base/\n"
	      "ip http app-server /bare http://10.0.0.9:8000/cgi\n"
	      "ip http app-server /named http://app.test\n"
	      "ip http timeout-policy app-server 5\n");
}

/* Sends a request for the application; its socket. */
static uint32_t app_request(const char *request)
{
	drv_bytes(&d, SOCK, request, strlen(request), sent);
	sent += strlen(request);
	drv_expect_decision(&d, "http.server.app-server");
	return drv_next_connect(&d)->connect.sock;
}

static char *app_open(uint32_t sock)
{
	drv_opened(&d, sock, 0, drv_ep("10.0.0.1", 5000), drv_ep("10.0.0.9", 8000));
	return drv_written(&d, sock, NULL);
}

static void test_app_server(void **state)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-A: b\r\n"
				     "Connection: close\r\n\r\nhello";
	uint32_t sock;
	char *got;

	(void)state;
	app_start();
	sock = app_request("POST /shop/buy%20it/?n=1 HTTP/1.1\r\n" HOST
			   "Content-Length: 3\r\nX-Own: 1\r\nX-Hop: 2\r\nConnection: x-hop\r\n" END
			   "a=b");
	got = app_open(sock);
	check_parts(got,
		    "POST /base/buy%20it/?n=1 HTTP/1.1\r\nHost: 10.0.0.9:8000\r\n|X-Own: 1\r\n|"
		    "Via: 1.1 dut\r\n|Content-Length: 3\r\n|\r\n\r\na=b|!X-Hop|!www");
	free(got);
	drv_bytes(&d, sock, "HTTP/1.1 100 Continue\r\n\r\n", 25, 0);
	drv_expect_none(&d, FX_WRITE);
	drv_bytes(&d, sock, answer, strlen(answer), 25);
	drv_expect_none(&d, FX_WRITE);
	drv_closed(&d, sock, 0);
	drv_expect_decision(&d, "http.server.app-answer");
	got = drv_written(&d, SOCK, NULL);
	check_parts(got,
		    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-A: b\r\nVia: 1.1 dut\r\n|"
		    "Content-Length: 5\r\n|\r\n\r\nhello|!Connection|!Server: labd");
	free(got);
	/* HEAD keeps the length that the answer would have. */
	sock = app_request("HEAD /shop HTTP/1.1\r\n" HOST END);
	got = app_open(sock);
	must_hold(got, "HEAD /base/ HTTP/1.1\r\n");
	free(got);
	drv_bytes(&d, sock, "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n", 39, 0);
	got = drv_written(&d, SOCK, NULL);
	check_parts(got, "200 OK|Content-Length: 77\r\n");
	free(got);
}

static void test_app_targets(void **state)
{
	static const struct {
		const char *request, *line;
	} targets[] = { { GET("/shop") END, "GET /base/ HTTP/1.1\r\n" },
			{ GET("/shop/") END, "GET /base/ HTTP/1.1\r\n" },
			{ GET("/shop/a/") END, "GET /base/a/ HTTP/1.1\r\n" },
			{ GET("/bare?q=1") END, "GET /cgi?q=1 HTTP/1.1\r\n" },
			{ GET("/bare/") END, "GET /cgi/ HTTP/1.1\r\n" },
			{ GET("/bare/x%20y/z?q") END, "GET /cgi/x%20y/z?q HTTP/1.1\r\n" } };

	(void)state;
	app_start();
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		char *got = app_open(app_request(targets[i].request));

		must_hold(got, targets[i].line);
		free(got);
		drv_closed(&d, SOCK, ECONNRESET);
		open_as(SOCK, "10.0.0.2");
	}
}

static void expect_app_failure(const char *status)
{
	char *got = drv_written(&d, SOCK, NULL);

	drv_expect_decision(&d, "http.server.app-failed");
	must_hold(got, status);
	free(got);
}

static void test_app_failures(void **state)
{
	uint32_t sock;
	char *got;

	(void)state;
	app_start();
	sock = app_request(GET("/shop/x") END);
	drv_closed(&d, sock, ECONNREFUSED);
	expect_app_failure("502 Bad Gateway");

	sock = app_request(GET("/shop/x") END);
	free(app_open(sock));
	drv_bytes(&d, sock, "nonsense\r\n\r\n", 12, 0);
	expect_app_failure("502 Bad Gateway");

	sock = app_request(GET("/shop/x") END);
	free(app_open(sock));
	drv_bytes(&d, sock, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", 41, 0);
	drv_closed(&d, sock, 0);
	expect_app_failure("502 Bad Gateway");

	sock = app_request(GET("/shop/x") END);
	free(app_open(sock));
	drv_closed(&d, sock, ECONNRESET);
	expect_app_failure("502 Bad Gateway");

	app_request(GET("/shop/x") END);
	drv_timer_until(&d, d.now + 6 * SEC);
	expect_app_failure("504 Gateway Timeout");

	got = say(GET("/shop/x") "Via: 1.1 other, 1.1 DUT\r\n" END);
	free(got);
	expect_app_failure("502 Bad Gateway");

	/* More than a stream may owe at one time. */
	struct sbuf big = { .max = 2 << 20 };

	sbuf_printf(&big, "POST /shop/x HTTP/1.1\r\n" HOST "Content-Length: 1048576\r\n" END);
	while (big.len < (1 << 20) + 80)
		sbuf_puts(&big, "0123456789abcdef");
	got = say_len(SOCK, sbuf_text(&big),
		      (size_t)(strstr(sbuf_text(&big), "\r\n\r\n") + 4 - sbuf_text(&big)) +
			      (1 << 20));
	free(got);
	sbuf_done(&big);
	expect_app_failure("413 Content Too Large");

	/* The client goes away: so does the connection made for it. */
	sock = app_request(GET("/shop/x") END);
	drv_closed(&d, SOCK, ECONNRESET);
	assert_int_equal(drv_want(&d, FX_CLOSE, "close")->close.sock, sock);
	/* Too many at one time. */
	for (unsigned i = 0; i < 17; i++) {
		open_as(SOCK + 10 + i, "10.0.0.4");
		drv_bytes(&d, SOCK + 10 + i, GET("/shop/x") END, strlen(GET("/shop/x") END), 0);
	}
	drv_expect_decision(&d, "http.server.app-failed");
	got = drv_written(&d, SOCK + 26, NULL);
	must_hold(got, "503 Service Unavailable");
	free(got);
}

static void test_app_name(void **state)
{
	struct answer a = { .err = -ENOENT };
	const struct fx_effect *e;

	(void)state;
	app_start();
	drv_bytes(&d, SOCK, GET("/named") END, strlen(GET("/named") END), 0);
	e = drv_next_ask(&d);
	assert_string_equal(e->ask.ask->resolve.name, "app.test");
	drv_answer(&d, e->ask.ask_id, &a);
	e = drv_next_ask(&d);
	assert_int_equal(e->ask.ask->resolve.type, 28);
	drv_answer(&d, e->ask.ask_id, &a);
	expect_app_failure("502 Bad Gateway");

	drv_bytes(&d, SOCK, GET("/named") END, strlen(GET("/named") END), 100);
	a = (struct answer){ .resolve = { .n_addrs = 2 } };
	a.resolve.addrs[0] = drv_a("10.0.0.7");
	a.resolve.addrs[1] = drv_a("10.0.0.8");
	drv_answer(&d, drv_next_ask(&d)->ask.ask_id, &a);
	e = drv_next_connect(&d);
	drv_closed(&d, e->connect.sock, EHOSTUNREACH);
	e = drv_next_connect(&d);
	assert_true(addr_equal(&e->connect.peer.addr, &a.resolve.addrs[1]));
	assert_int_equal(e->connect.peer.port, 80);
}

/* --- configuration and show ------------------------------------------------------------------- */

static void test_refused_lines(void **state)
{
	static const char *const lines[] = { "ip http path ..",
					     "ip http protect /a/../..",
					     "ip http protect /%zz",
					     "ip http user a:b password c",
					     "ip http type lab nonsense",
					     "ip http app-server /x ftp://a",
					     "ip http app-server /x https://a",
					     "ip http app-server /x http://u:p@a" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		(void)drv_conf_refused(&d, lines[i]);
	for (int i = 0; i < 32; i++) {
		char line[64];

		snprintf(line, sizeof(line), "ip http writable /w%d", i);
		drv_conf(&d, line);
	}
	must_hold(drv_conf_refused(&d, "ip http writable /more"), "32");
}

static void test_no_forms(void **state)
{
	char *got;

	(void)state;
	start("ip http app-server /x http://a\nip http limit body 5\n");
	drv_conf(&d, "ip http port 81\n");
	drv_conf(&d, "no ip http protect /private\nno ip http script /hello.cgi\n"
		     "no ip http writable\nno ip http user ann\nno ip http type lab\n"
		     "no ip http app-server /x\nno ip http port\nno ip http limit body\n"
		     "no ip http timeout-policy idle\nno ip http max-connections\nno ip http path\n"
		     "no ip http authentication\nno ip http cache max-age\n");
	open_as(SOCK, "10.0.0.2");
	got = say(GET("/private/") END);
	must_hold(got, "200 OK");
	free(got);
	got = say(GET("/hello.cgi") END);
	must_hold(got, "404 Not Found");
	free(got);
	got = say("PUT /upload/x HTTP/1.1\r\n" HOST "Content-Length: 6\r\n" END "abcdef");
	must_hold(got, "405 Method");
	free(got);
}

static void test_show(void **state)
{
	char *got;

	(void)state;
	start("ip http app-server /x http://a:8080/y\nip http timeout-policy idle 5 life 6 "
	      "requests 7\n");
	got = say(GET("/") END);
	free(got);
	drv_command(&d, "show ip http server all");
	drv_expect_output(&d, "HTTP server status: Enabled\nHTTP server port: 80\n");
	drv_expect_output(&d, "Server life time-out: 6 seconds\n");
	drv_expect_output(&d, "Protected: /private/ann for ann\n");
	drv_expect_output(&d, "Application server: /x at a:8080/y\n");
	drv_expect_output(&d, "10.0.0.1:80");
	drv_expect_output(&d, "Answers 2xx: 1\n");
	assert_int_equal(d.status, 0);
	drv_command(&d, "show ip http server status");
	assert_null(strstr(drv_output(&d), "Answers"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_transcripts),   T(test_octet_by_octet), T(test_off),
		T(test_exchange_fact), T(test_timeouts),       T(test_no_answer),
		T(test_too_large),     T(test_big_file),       T(test_pipeline),
		T(test_too_many),      T(test_trace),	       T(test_max_age_and_root),
		T(test_login),	       T(test_records),	       T(test_script_too_long),
		T(test_app_server),    T(test_app_targets),    T(test_app_failures),
		T(test_app_name),      T(test_refused_lines),  T(test_no_forms),
		T(test_show),
	};

	return cmocka_run_group_tests_name("http_server", tests, NULL, NULL);
}
