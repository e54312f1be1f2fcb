#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "http_site.h"

static struct drv d;
static uint32_t sock;	  /* of the connection under way */
static uint64_t received; /* octets of its stream so far */

static int setup(void **state)
{
	(void)state;
	drv_init(&d, &http_proto, KIND_PC, 1);
	drv_addr(&d, 1, "10.0.0.2/24");
	drv_start(&d, "http.client");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	drv_done(&d);
	site_clear();
	return 0;
}

/* A connect is under way in the window: it succeeds. The request, to be freed. */
static char *accept_connect(const char *addr, uint16_t port)
{
	const struct fx_effect *e = drv_next_connect(&d);
	char text[ADDR_TEXT_LEN];

	assert_string_equal(addr_format(&e->connect.peer.addr, text), addr);
	assert_int_equal(e->connect.peer.port, port);
	sock = e->connect.sock;
	received = 0;
	drv_opened(&d, sock, 0, drv_ep("10.0.0.2", 5000), e->connect.peer);
	return drv_written(&d, sock, NULL);
}

static void request_of(char *got, const char *parts)
{
	char part[300];

	while (*parts) {
		size_t n = strcspn(parts, "|");

		str_copy_n(part, sizeof(part), parts, n);
		if (part[0] == '!' ? strstr(got, part + 1) != NULL : !strstr(got, part))
			fail_msg("\"%s\" against\n%s", part, got);
		parts += n + (parts[n] == '|');
	}
	free(got);
}

static void respond_len(const char *text, size_t len)
{
	drv_bytes(&d, sock, text, len, received);
	received += len;
}

static void respond(const char *text)
{
	respond_len(text, strlen(text));
}

/* A command, its connection, and what it asks. */
static void ask(const char *command, const char *parts)
{
	drv_command(&d, command);
	request_of(accept_connect("10.0.0.1", 80), parts);
}

static const char ok[] =
	"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";

/* --- addresses -------------------------------------------------------------------------------- */

static void test_addresses(void **state)
{
	static const struct {
		const char *command, *rule;
	} rows[] = {
		{ "http get", "http.client.drop-non-http" },
		{ "http get ftp://10.0.0.1/", "http.client.drop-non-http" },
		{ "http browse javascript:x", "http.client.drop-non-http" },
		{ "http get http://a:b/", "http.client.drop-bad-address" },
		{ "http get https://10.0.0.1/", "http.client.drop-no-tls" },
		{ "http reload", "http.client.drop-non-http" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		drv_command(&d, rows[i].command);
		drv_expect_decision(&d, rows[i].rule);
		drv_expect_none(&d, FX_CONNECT);
		drv_expect_none(&d, FX_ASK);
		drv_expect_output(&d, "% The address was not opened: ");
		assert_int_equal(d.status, 1);
	}
}

static void test_get(void **state)
{
	const struct fx_effect *e;

	(void)state;
	drv_command(&d, "http get 10.0.0.1/x?a=b");
	drv_expect_decision(&d, "http.client.accept-address");
	drv_expect_decision(&d, "http.client.parse-name");
	drv_expect_decision(&d, "http.client.name-known");
	drv_expect_decision(&d, "http.client.connect-port");
	request_of(accept_connect("10.0.0.1", 80),
		   "GET /x?a=b HTTP/1.1\r\nHost: 10.0.0.1\r\n|User-Agent: labd\r\n|"
		   "Accept-Language: en\r\n|\r\n\r\n|!Authorization|!Referer|!Connection|!If-");
	drv_expect_decision(&d, "http.client.send-request");
	drv_expect_decision(&d, "http.client.start-timer");
	d.now += 20 * MSEC;
	respond(ok);
	drv_expect_decision(&d, "http.client.ok-display");
	assert_string_equal(drv_output(&d), "hello\n");
	assert_int_equal(d.status, 0);
	e = drv_expect_fact(&d, FX_FACT_BEGIN, "http_exchange", NULL);
	assert_string_equal(drv_value(e, "role"), "client");
	assert_string_equal(drv_value(e, "url"), "http://10.0.0.1/x?a=b");
	assert_string_equal(drv_value(e, "status"), "200");
	assert_string_equal(drv_value(e, "bytes"), "5");
	assert_string_equal(drv_value(e, "duration"), "20 ms");
	drv_expect_fact(&d, FX_FACT_END, "http_exchange", NULL);
	drv_expect_none(&d, FX_CLOSE); /* the connection is kept */
}

static void test_names(void **state)
{
	struct answer a = { .resolve = { .n_addrs = 1, .from_cache = true } };
	const struct fx_effect *e;

	(void)state;
	a.resolve.addrs[0] = drv_a("10.0.0.1");
	drv_command(&d, "http get www.campus.test:8080");
	drv_expect_decision(&d, "http.client.resolve-dns");
	e = drv_next_ask(&d);
	assert_int_equal(e->ask.ask->kind, ASK_RESOLVE);
	assert_string_equal(e->ask.ask->resolve.name, "www.campus.test");
	assert_int_equal(e->ask.ask->resolve.type, 1);
	drv_answer(&d, e->ask.ask_id, &a);
	drv_expect_decision(&d, "http.client.name-known");
	request_of(accept_connect("10.0.0.1", 8080), "Host: www.campus.test:8080\r\n");
	respond(ok);
	assert_int_equal(d.status, 0);

	/* IPv6 when there is no IPv4; the second address when the first does not answer. */
	a = (struct answer){ .err = -ENOENT };
	drv_command(&d, "http get six.test");
	e = drv_next_ask(&d);
	drv_answer(&d, e->ask.ask_id, &a);
	e = drv_next_ask(&d);
	assert_int_equal(e->ask.ask->resolve.type, 28);
	a = (struct answer){ .resolve = { .n_addrs = 2 } };
	a.resolve.addrs[0] = drv_a("2001:db8::1");
	a.resolve.addrs[1] = drv_a("2001:db8::2");
	drv_answer(&d, e->ask.ask_id, &a);
	drv_expect_no_decision(&d, "http.client.name-known");
	drv_closed(&d, drv_next_connect(&d)->connect.sock, EHOSTUNREACH);
	request_of(accept_connect("2001:db8::2", 80), "Host: six.test\r\n");
	respond(ok);
	assert_int_equal(d.status, 0);

	a = (struct answer){ .err = -ENOENT, .why = "no such name" };
	drv_command(&d, "http get nowhere.test");
	drv_answer(&d, drv_next_ask(&d)->ask.ask_id, &a);
	drv_answer(&d, drv_next_ask(&d)->ask.ask_id, &a);
	drv_expect_decision(&d, "http.client.resolve-fail");
	drv_expect_output(&d, "Host Name Unresolved\nhttp://nowhere.test/\nno such name\n");
	assert_int_equal(d.status, 1);
}

/* --- what goes wrong -------------------------------------------------------------------------- */

static void test_no_server(void **state)
{
	const struct fx_effect *e;

	(void)state;
	drv_command(&d, "http get 10.0.0.1");
	drv_closed(&d, drv_next_connect(&d)->connect.sock, ECONNREFUSED);
	drv_expect_decision(&d, "http.client.connect-refused");
	drv_expect_output(&d, "Server Reset Connection\n");
	assert_int_equal(d.status, 1);
	e = drv_expect_fact(&d, FX_FACT_BEGIN, "http_exchange", NULL);
	assert_int_equal(val_find(e->fact.columns, "status")->type, VT_NULL);

	drv_command(&d, "http get 10.0.0.1");
	e = drv_next_connect(&d);
	drv_failed(&d, e, e->connect.sock, ENETUNREACH);
	drv_expect_decision(&d, "http.client.unreachable");
	drv_expect_output(&d, "Host Unreachable\n");

	drv_command(&d, "http get 10.0.0.1"); /* the SYN is never answered */
	drv_timer_until(&d, d.now + 31 * SEC);
	drv_expect_decision(&d, "http.client.timeout");
	drv_expect_output(&d, "Request Timeout\n");
	drv_command(&d, "http get 10.0.0.1");
	drv_closed(&d, drv_next_connect(&d)->connect.sock, ETIMEDOUT);
	drv_expect_decision(&d, "http.client.timeout");

	drv_conf(&d, "ip http client response timeout 3\n");
	ask("http get 10.0.0.1", "GET");
	drv_timer_until(&d, d.now + 2 * SEC);
	assert_int_equal(d.status, -1);
	drv_timer_until(&d, d.now + 2 * SEC);
	drv_expect_decision(&d, "http.client.timeout");
	assert_int_equal(drv_want(&d, FX_CLOSE, "close")->close.sock, sock);

	ask("http get 10.0.0.1", "GET");
	drv_closed(&d, sock, ECONNRESET);
	drv_expect_decision(&d, "http.client.connect-refused");
}

static void test_bad_responses(void **state)
{
	static const struct {
		const char *response, *rule, *output;
	} rows[] = {
		{ "nonsense\r\n\r\n", "http.client.invalid-response", "Invalid Response" },
		{ "HTTP/2.0 200 OK\r\n\r\n", "http.client.invalid-response", "Invalid Response" },
		{ "HTTP/1.1 200 OK\r\nX : y\r\n\r\n", "http.client.invalid-response", "colon" },
		{ "HTTP/1.1 101 Switching\r\n\r\n", "http.client.invalid-response", "upgrade" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3z\r\n",
		  "http.client.invalid-response", "hexadecimal" },
		{ "", "http.client.invalid-response", "before a response" },
		{ "HTTP/1.1 200 OK\r\nConte", "http.client.incomplete", "header section" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "http.client.incomplete",
		  "Incomplete Response" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		  "http.client.incomplete", "last chunk" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool ended;

		ask("http get 10.0.0.1", "GET");
		respond(rows[i].response);
		ended = d.status >= 0;
		if (!ended)
			drv_closed(&d, sock, 0);
		drv_expect_decision(&d, rows[i].rule);
		drv_expect_output(&d, rows[i].output);
		assert_int_equal(d.status, 1);
		assert_int_equal(drv_count(&d, FX_CLOSE), 1);
		drv_command(&d, "show http cache");
		drv_expect_output(&d, "0 pages");
	}
}

static void test_error_pages(void **state)
{
	static const struct {
		const char *response, *output;
	} rows[] = {
		{ "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc",
		  "Error 404 Not Found\nhttp://10.0.0.1/\n" },
		{ "HTTP/1.1 500 \r\nContent-Length: 0\r\n\r\n",
		  "Error 500 Internal Server Error\n" },
		{ "HTTP/1.1 304 Not Modified\r\n\r\n", "Error 304 Not Modified\n" },
		{ "HTTP/1.1 300 Many\r\nContent-Length: 0\r\n\r\n", "Error 300 Many\n" },
		{ "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", "does not say where to" },
		{ "HTTP/1.1 302 Found\r\nLocation: ftp://x/\r\nContent-Length: 0\r\n\r\n",
		  "neither http nor https" },
		{ "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: "
		  "0\r\n\r\n",
		  "Error 401 No\n" },
	};

	(void)state;
	drv_conf(&d, "ip http client connection forceclose\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ask("http get 10.0.0.1", "Connection: close\r\n");
		respond(rows[i].response);
		drv_expect_decision(&d, "http.client.error-page");
		drv_expect_decision(&d, "http.nonpersistent");
		drv_expect_output(&d, rows[i].output);
		assert_int_equal(d.status, 1);
	}
}

/* --- what is followed ------------------------------------------------------------------------- */

static void test_redirects(void **state)
{
	static const struct {
		const char *command, *response, *request;
	} rows[] = {
		{ "http get 10.0.0.1/a/b", "HTTP/1.1 301 M\r\nLocation: ../c?d\r\n",
		  "GET /c?d HTTP" },
		{ "http get 10.0.0.1/a", "HTTP/1.1 307 M\r\nLocation: /b#x\r\n", "GET /b HTTP" },
		{ "http head 10.0.0.1/a", "HTTP/1.1 303 M\r\nLocation: /b\r\n", "HEAD /b HTTP" },
		{ "http post 10.0.0.1/a x=y", "HTTP/1.1 302 M\r\nLocation: /b\r\n",
		  "GET /b HTTP|!x=y|!Content-" },
		{ "http post 10.0.0.1/a x=y", "HTTP/1.1 303 M\r\nLocation: /b\r\n", "GET /b HTTP" },
		{ "http post 10.0.0.1/a x=y", "HTTP/1.1 308 M\r\nLocation: /b\r\n",
		  "POST /b HTTP|\r\n\r\nx=y" },
	};
	char text[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		drv_command(&d, rows[i].command);
		if (i == 0)
			free(accept_connect("10.0.0.1", 80));
		snprintf(text, sizeof(text), "%s%s\r\n", rows[i].response,
			 i == 2 ? "" : "Content-Length: 0\r\n");
		respond(text);
		drv_expect_decision(&d, "http.client.redirect");
		drv_expect_decision(&d, "http.client.reuse-connection");
		request_of(drv_written(&d, sock, NULL), rows[i].request);
		respond(i == 2 ? "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" : ok);
		assert_int_equal(d.status, 0);
	}
}

static void test_redirect_loops(void **state)
{
	char text[200];

	(void)state;
	ask("http get 10.0.0.1/a", "GET /a");
	respond("HTTP/1.1 302 F\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n");
	respond("HTTP/1.1 302 F\r\nLocation: /a\r\nContent-Length: 0\r\n\r\n");
	drv_expect_decision(&d, "http.client.error-page");
	drv_expect_output(&d, "round in a circle");
	drv_command(&d, "http get 10.0.0.1/0");
	for (int i = 1; i <= 11; i++) {
		snprintf(text, sizeof(text),
			 "HTTP/1.1 302 F\r\nLocation: /%d\r\nContent-Length: 0\r\n\r\n", i);
		respond(text);
	}
	drv_expect_output(&d, "more than 10 redirects");
	assert_int_equal(d.status, 1);
}

static const char challenge[] = "HTTP/1.1 401 Unauthorized\r\n"
				"WWW-Authenticate: Digest realm=\"d\", Basic realm=\"b\"\r\n"
				"Content-Length: 0\r\n\r\n";

static void test_credentials(void **state)
{
	static const char auth[] = "Authorization: Basic YW5uOnNlY3JldA==\r\n";

	(void)state;
	ask("http get 10.0.0.1/p ann secret", "!Authorization");
	respond(challenge);
	drv_expect_decision(&d, "http.client.authenticate");
	request_of(drv_written(&d, sock, NULL), auth);
	respond(challenge); /* refused again */
	drv_expect_decision(&d, "http.client.error-page");
	drv_expect_output(&d, "Error 401 Unauthorized");
	assert_int_equal(d.status, 1);

	drv_command(&d, "http get http://ann:secret@10.0.0.1/p");
	respond(challenge);
	request_of(drv_written(&d, sock, NULL), auth);
	respond(ok);
	assert_int_equal(d.status, 0);
	assert_string_equal(
		drv_value(drv_expect_fact(&d, FX_FACT_BEGIN, "http_exchange", NULL), "user"),
		"ann");

	drv_conf(&d, "ip http client username ann\nip http client password secret\n");
	drv_command(&d, "http get 10.0.0.1/p2");
	respond("HTTP/1.1 401 U\r\nWWW-Authenticate: Basic realm=\"b\"\r\nConnection: close\r\n"
		"Content-Length: 0\r\n\r\n");
	request_of(accept_connect("10.0.0.1", 80), auth); /* on a new connection */
	/* Another server does not get them. */
	respond("HTTP/1.1 302 F\r\nLocation: http://10.0.0.9/\r\nContent-Length: 0\r\n\r\n");
	request_of(accept_connect("10.0.0.9", 80), "!Authorization");
	respond(challenge);
	assert_int_equal(d.status, 1);
}

static void test_interim(void **state)
{
	(void)state;
	ask("http get 10.0.0.1", "GET");
	respond("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 "
		"200");
	drv_expect_decision(&d, "http.client.interim");
	respond(" OK\r\nContent-Length: 2\r\n\r\nhi");
	assert_string_equal(drv_output(&d), "hi\n");
}

/* --- connections ------------------------------------------------------------------------------ */

static void test_connections(void **state)
{
	(void)state;
	ask("http get 10.0.0.1/1", "GET /1");
	respond(ok);
	drv_command(&d, "http get 10.0.0.1/2");
	drv_expect_decision(&d, "http.client.reuse-connection");
	request_of(drv_written(&d, sock, NULL), "GET /2");
	respond("HTTP/1.0 200 OK\r\n\r\nuntil the ");
	respond("end");
	drv_closed(&d, sock, 0);
	drv_expect_decision(&d, "http.nonpersistent");
	assert_string_equal(drv_output(&d), "until the end\n");
	assert_int_equal(drv_count(&d, FX_CLOSE), 1);

	/* A kept connection that died meanwhile. */
	ask("http get 10.0.0.1/3", "GET /3");
	respond(ok);
	drv_command(&d, "http get 10.0.0.1/4");
	drv_closed(&d, sock, ECONNRESET);
	drv_expect_decision(&d, "http.client.retry");
	request_of(accept_connect("10.0.0.1", 80), "GET /4");
	drv_closed(&d, sock, ECONNRESET); /* and once is enough */
	assert_int_equal(d.status, 1);

	/* Each of the two requests that a 401 makes may meet a connection that died. */
	ask("http get 10.0.0.1/7", "GET /7");
	respond(ok);
	drv_command(&d, "http get 10.0.0.1/8 ann secret");
	drv_closed(&d, sock, ECONNRESET);
	drv_expect_decision(&d, "http.client.retry");
	request_of(accept_connect("10.0.0.1", 80), "GET /8");
	respond(challenge);
	drv_expect_decision(&d, "http.client.reuse-connection");
	drv_closed(&d, sock, ECONNRESET);
	drv_expect_decision(&d, "http.client.retry");
	request_of(accept_connect("10.0.0.1", 80), "Authorization: Basic");
	respond(ok);
	assert_int_equal(d.status, 0);
	drv_closed(&d, sock, 0);

	/* A POST is not repeated. */
	ask("http get 10.0.0.1/5", "GET /5");
	respond(ok);
	drv_command(&d, "http post 10.0.0.1/6 a=b");
	drv_closed(&d, sock, 0);
	drv_expect_none(&d, FX_CONNECT);
	assert_int_equal(d.status, 1);

	/* Idle ones are closed; so are those that talk unasked. */
	ask("http get 10.0.0.1/7", "GET /7");
	respond(ok);
	drv_command(&d, "show ip http client");
	drv_expect_output(&d, "Kept connection: 10.0.0.1 (10.0.0.1:80), 15 s left\n");
	drv_timer_until(&d, d.now + 16 * SEC);
	assert_int_equal(drv_want(&d, FX_CLOSE, "close")->close.sock, sock);
	ask("http get 10.0.0.1/8", "GET /8");
	respond(ok);
	respond("more");
	assert_int_equal(drv_want(&d, FX_CLOSE, "close")->close.sock, sock);
	ask("http get 10.0.0.1/9", "GET /9");
	respond(ok);
	drv_closed(&d, sock, 0);
	assert_int_equal(drv_want(&d, FX_CLOSE, "close")->close.sock, sock);
	/* The ninth makes the first of eight go. */
	for (int i = 0; i < 9; i++) {
		char command[40];

		snprintf(command, sizeof(command), "http get 10.0.0.%d", 20 + i);
		drv_command(&d, command);
		sock = drv_next_connect(&d)->connect.sock;
		drv_opened(&d, sock, 0, drv_ep("10.0.0.2", 5000), drv_ep("10.0.0.1", 80));
		received = 0;
		respond(ok);
		assert_int_equal(drv_count(&d, FX_CLOSE), i == 8);
	}
	drv_stop(&d);
	assert_int_equal(drv_count(&d, FX_CLOSE), 8);
}

static void test_busy(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++)
		drv_command(&d, "http get 10.0.0.1");
	drv_command(&d, "http get 10.0.0.1");
	drv_expect_decision(&d, "http.client.busy");
	assert_int_equal(d.status, 1);
	drv_stop(&d);
	assert_int_equal(d.n_running, 0);
}

/* --- the cache -------------------------------------------------------------------------------- */

#define DATE "Date: Thu, 01 Jan 2026 08:00:00 GMT\r\n"

static void get_page(const char *path, const char *fields)
{
	char text[600];

	snprintf(text, sizeof(text), "http get 10.0.0.1%s", path);
	drv_command(&d, text);
	if (drv_count(&d, FX_CONNECT))
		free(accept_connect("10.0.0.1", 80));
	snprintf(text, sizeof(text),
		 "HTTP/1.1 200 OK\r\n%sContent-Type: text/plain\r\nContent-Length: 4\r\n\r\npage",
		 fields);
	respond(text);
}

static void test_cache_hit(void **state)
{
	const struct fx_effect *e;

	(void)state;
	get_page("/f", DATE "Cache-Control: max-age=60\r\nETag: \"1\"\r\n");
	drv_expect_decision(&d, "http.client.cache-store");
	e = drv_expect_fact(&d, FX_FACT_BEGIN, "http_cache", "http://10.0.0.1/f");
	assert_string_equal(drv_value(e, "hits"), "0");
	assert_string_equal(drv_value(e, "etag"), "\"1\"");
	d.now = 59 * SEC;
	drv_command(&d, "http get http://10.0.0.1/f");
	drv_expect_decision(&d, "http.client.cache-hit");
	drv_expect_none(&d, FX_CONNECT);
	assert_string_equal(drv_output(&d), "page\n");
	assert_int_equal(d.status, 0);
	e = drv_expect_fact(&d, FX_FACT_BEGIN, "http_cache", NULL);
	assert_string_equal(drv_value(e, "hits"), "1");
	drv_command(&d, "show http cache");
	drv_expect_output(&d, "1 pages, 4 of 1048576 octets\n");
	drv_expect_output(&d, "http://10.0.0.1/f");
	drv_timer_until(&d, 61 * SEC);
	drv_command(&d, "http get 10.0.0.1/f");
	drv_expect_decision(&d, "http.client.cache-revalidate");
	request_of(accept_connect("10.0.0.1", 80), "If-None-Match: \"1\"\r\n|!Cache-Control");
	respond("HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=5\r\nETag: \"1\"\r\n\r\n");
	drv_expect_decision(&d, "http.client.cache-validated");
	assert_string_equal(drv_output(&d), "page\n");
	assert_int_equal(d.status, 0);
	drv_command(&d, "http get 10.0.0.1/f"); /* fresh again */
	drv_expect_decision(&d, "http.client.cache-hit");
	drv_command(&d, "clear http cache");
	drv_expect_fact(&d, FX_FACT_END, "http_cache", "http://10.0.0.1/f");
}

static void test_cache_reload(void **state)
{
	(void)state;
	get_page("/f", "Expires: Thu, 01 Jan 2026 09:00:00 GMT\r\n"
		       "Last-Modified: Wed, 31 Dec 2025 08:00:00 GMT\r\n");
	drv_command(&d, "http reload 10.0.0.1/f");
	drv_expect_decision(&d, "http.client.cache-revalidate");
	request_of(drv_written(&d, sock, NULL), "Cache-Control: max-age=0\r\n|If-Modified-Since: "
						"Wed, 31 Dec 2025 08:00:00 GMT\r\n");
	respond(ok); /* replaced */
	assert_string_equal(drv_output(&d), "hello\n");
	drv_command(&d, "http reload 10.0.0.1/other");
	request_of(drv_written(&d, sock, NULL), "Cache-Control: no-cache\r\n|!If-");
	respond(ok);
}

static void test_cache_refusals(void **state)
{
	static const char *const fields[] = {
		"Cache-Control: max-age=60, no-store\r\n",
		"Cache-Control: max-age=60\r\nVary: *\r\n",
		"",
		DATE "Expires: 0\r\n",
		"Cache-Control: no-cache\r\n",
		"Cache-Control: max-age=60, max-age=70\r\n",
		"Cache-Control: max-age=60\r\nAge: 60\r\n",
		"Date: Thu, 01 Jan 2026 07:58:00 GMT\r\nCache-Control: max-age=60\r\n",
		"Date: Thu, 01 Jan 2026 07:58:00 GMT\r\nExpires: Thu, 01 Jan 2026 07:59:00 GMT\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		get_page("/r", fields[i]);
		drv_expect_decision(&d, "http.client.cache-refuse");
		assert_null(drv_fact(&d, FX_FACT_BEGIN, "http_cache", NULL));
	}
	drv_conf(&d, "ip http client cache memory pool 0\n");
	get_page("/r", "Cache-Control: max-age=60\r\n");
	drv_expect_decision(&d, "http.client.cache-refuse");
}

static void test_cache_bounds(void **state)
{
	char path[40];

	(void)state;
	for (int i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "/%d", i);
		get_page(path, "Cache-Control: max-age=\"60\"\r\n");
	}
	drv_command(&d, "show http cache");
	drv_expect_output(&d, "256 pages, 1024 of");
	assert_null(strstr(drv_output(&d), "10.0.0.1/1 ")); /* the oldest went */
	drv_expect_output(&d, "10.0.0.1/299 ");
	drv_conf(&d, "ip http client cache memory pool 0\n");
	drv_command(&d, "show http cache");
	drv_expect_output(&d, "0 pages");
}

/* A page that needed credentials is not shown to whoever types its address. */
static void test_cache_users(void **state)
{
	(void)state;
	ask("http get 10.0.0.1/p ann secret", "GET");
	respond(challenge);
	respond("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nETag: \"u\"\r\n"
		"Content-Length: 3\r\n\r\nann");
	drv_expect_fact(&d, FX_FACT_BEGIN, "http_cache", "http://10.0.0.1/p for ann");
	drv_command(&d, "http get 10.0.0.1/p");
	drv_expect_no_decision(&d, "http.client.cache-hit");
	request_of(drv_written(&d, sock, NULL), "!If-None-Match");
	respond(challenge);
	assert_int_equal(d.status, 1);
	drv_command(&d, "http get 10.0.0.1/p ann secret");
	request_of(drv_written(&d, sock, NULL), "If-None-Match: \"u\"\r\n");
	respond(challenge);
	respond("HTTP/1.1 304 Not Modified\r\n\r\n");
	assert_string_equal(drv_output(&d), "ann\n");
}

static void test_cache_forget(void **state)
{
	(void)state;
	get_page("/w", "Cache-Control: max-age=60\r\n");
	drv_command(&d, "http delete 10.0.0.1/w");
	request_of(drv_written(&d, sock, NULL), "DELETE /w HTTP");
	respond("HTTP/1.1 204 No Content\r\n\r\n");
	drv_expect_decision(&d, "http.client.cache-forget");
	drv_expect_fact(&d, FX_FACT_END, "http_cache", "http://10.0.0.1/w");
	drv_expect_output(&d, "204 No Content\n");
}

/* --- commands --------------------------------------------------------------------------------- */

static void test_browse(void **state)
{
	static const char page[] =
		"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nConnection: "
		"close\r\n\r\n"
		"<html><head><title>T</title><style>x{}</style></head><body>\n"
		"<h1>Home &amp; more</h1><p>See <a href=\"b.html\">the second</a> page,\n"
		"<a href=http://10.0.0.9/?a&amp;b>that</a>.<br>End\x1b[2J<script>1<2</script>"
		"<ul><li>one<li>two</ul><img src=x.png alt=\"a cat\"></body>";

	(void)state;
	ask("http browse 10.0.0.1/a/", "GET /a/");
	respond(page);
	drv_closed(&d, sock, 0);
	assert_string_equal(drv_output(&d),
			    "T\n\nHome & more\n\nSee the second[1] page, that[2].\nEnd?[2J\n\n"
			    "  * one\n  * two\n\n[image: a cat]\n\n"
			    "[1] http://10.0.0.1/a/b.html\n[2] http://10.0.0.9/?a&b\n");
	drv_command(&d, "http follow 1");
	drv_expect_decision(&d, "http.jumps");
	request_of(accept_connect("10.0.0.1", 80),
		   "GET /a/b.html HTTP|Referer: http://10.0.0.1/a/\r\n");
	respond(ok);
	assert_string_equal(
		drv_value(drv_expect_fact(&d, FX_FACT_BEGIN, "http_exchange", NULL), "referrer"),
		"http://10.0.0.1/a/");
	drv_command(&d, "http follow 3");
	drv_expect_output(&d, "has 2 links");
	assert_int_equal(d.status, 1);
	/* The source as it came. */
	drv_command(&d, "http get 10.0.0.1/a/");
	respond("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 22\r\n\r\n"
		"<h1>Hi</h1>\n<a href=/x>");
	drv_expect_output(&d, "<h1>Hi</h1>\n<a href=/x");
}

static void test_commands(void **state)
{
	char big[2000];
	size_t n;

	(void)state;
	ask("http head 10.0.0.1", "HEAD / HTTP");
	respond("HTTP/1.1 200 OK\r\nContent-Length: 99\r\nX: y\r\n\r\n");
	assert_string_equal(drv_output(&d), "HTTP/1.1 200 OK\nContent-Length: 99\nX: y\n");
	drv_command(&d, "http options 10.0.0.1");
	respond("HTTP/1.1 200 OK\r\nAllow: GET, HEAD\r\nContent-Length: 0\r\n\r\n");
	assert_string_equal(drv_output(&d), "Allow: GET, HEAD\n");
	drv_command(&d, "http trace 10.0.0.1");
	request_of(drv_written(&d, sock, NULL), "TRACE / HTTP");
	respond("HTTP/1.1 200 OK\r\nContent-Type: message/http\r\nContent-Length: 5\r\n\r\nTRACE");
	assert_string_equal(drv_output(&d), "TRACE\n");
	drv_command(&d, "http post 10.0.0.1/f name=Ann Lee&x=\xc3\xa4");
	request_of(drv_written(&d, sock, NULL),
		   "POST /f HTTP|Content-Type: application/x-www-form-urlencoded\r\n|"
		   "Content-Length: 21\r\n|\r\n\r\nname=Ann+Lee&x=%C3%A4");
	respond("HTTP/1.1 201 Created\r\nLocation: /f?record=1\r\nContent-Length: 0\r\n\r\n");
	assert_string_equal(drv_output(&d), "201 Created\nLocation: /f?record=1\n");
	drv_command(&d, "http get 10.0.0.1/x.png");
	respond("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 3\r\n\r\n\x89PN");
	assert_string_equal(drv_output(&d), "[image/png, 3 octets]\n");
	/* Coded, though nothing but identity was accepted. */
	drv_command(&d, "http get 10.0.0.1/x.gz");
	respond("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\n"
		"Content-Length: 3\r\n\r\n\x1f\x8b\x08");
	drv_expect_decision(&d, "http.client.cache-refuse");
	assert_string_equal(drv_output(&d), "[text/plain, coded as gzip, 3 octets]\n");
	/* More than is shown. */
	drv_command(&d, "http get 10.0.0.1/big");
	respond("HTTP/1.1 200 OK\r\nContent-Length: 1050000\r\n\r\n");
	memset(big, 'x', sizeof(big));
	for (n = 0; n < 1050000; n += 2000)
		respond_len(big, sizeof(big));
	drv_expect_output(&d, "\n[1424 octets more are not shown]\n");
	assert_int_equal(d.status, 0);
}

static void test_put(void **state)
{
	const struct fx_effect *e;

	(void)state;
	site_text("docs/a.txt", "12345");
	site_dir("docs");
	drv_command(&d, "http put 10.0.0.1/up.txt docs/a.txt ann secret");
	site_answer(&d);
	request_of(accept_connect("10.0.0.1", 80), "PUT /up.txt HTTP|Content-Length: 5\r\n|!12345");
	e = drv_want(&d, FX_SEND_FILE, "send_file");
	assert_string_equal(e->send_file.path, "docs/a.txt");
	assert_int_equal(e->send_file.len, 5);
	respond("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
	assert_string_equal(drv_output(&d), "201 Created\n");
	drv_command(&d, "http put 10.0.0.1/up.txt nothing");
	site_answer(&d);
	drv_expect_decision(&d, "http.client.no-file");
	assert_int_equal(d.status, 1);
	drv_command(&d, "http put 10.0.0.1/up.txt docs");
	site_answer(&d);
	drv_expect_output(&d, "that is a directory");
	/* Refused before all of it was sent: that connection is not used again. */
	drv_command(&d, "http put 10.0.0.1/up.txt docs/a.txt");
	site_answer(&d);
	respond("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(drv_count(&d, FX_CLOSE), 1);
	/* The file went away in between. */
	drv_command(&d, "http put 10.0.0.1/up.txt docs/a.txt");
	site_answer(&d);
	free(accept_connect("10.0.0.1", 80));
	drv_failed(&d, drv_want(&d, FX_SEND_FILE, "send_file"), sock, ENOENT);
	assert_int_equal(d.status, 1);
	assert_int_equal(drv_want(&d, FX_CLOSE, "close")->close.how, CLOSE_RESET);
}

static void test_defaults_return(void **state)
{
	(void)state;
	drv_conf(&d,
		 "ip http client response timeout 3\nip http client connection forceclose\n"
		 "ip http client connection idle timeout 9\nip http client cache memory file 2\n"
		 "ip http client username a\nip http client password b\n");
	drv_conf(&d, "no ip http client response timeout\nno ip http client connection forceclose\n"
		     "no ip http client connection idle timeout\n"
		     "no ip http client cache memory file\nno ip http client cache memory pool\n"
		     "no ip http client username\nno ip http client password\n");
	drv_command(&d, "show ip http client");
	assert_string_equal(drv_output(&d),
			    "HTTP client response timeout: 30 seconds\n"
			    "HTTP client connections: persistent, idle timeout 15 seconds\n"
			    "HTTP client cache: 0 pages, 0 of 1048576 octets\n");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_addresses),
		T(test_get),
		T(test_names),
		T(test_no_server),
		T(test_bad_responses),
		T(test_error_pages),
		T(test_redirects),
		T(test_redirect_loops),
		T(test_credentials),
		T(test_interim),
		T(test_connections),
		T(test_busy),
		T(test_cache_hit),
		T(test_cache_reload),
		T(test_cache_refusals),
		T(test_cache_bounds),
		T(test_cache_users),
		T(test_cache_forget),
		T(test_browse),
		T(test_commands),
		T(test_put),
		T(test_defaults_return),
	};

	return cmocka_run_group_tests_name("http_client", tests, NULL, NULL);
}
