/* The proxy: what goes on, what is refused, what becomes of servers that fail, tunnels. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "http_proxy_driver.h"

/* --- requests and answers --------------------------------------------------------------------- */

static void test_forward(void **state)
{
	(void)state;
	say(GET("/x?a=b") "Via: 1.0 other\r\nConnection: X-Mine\r\nX-Mine: 1\r\nX-Yours: 2\r\n"
			  "Proxy-Authorization: Basic eA==\r\nTE: trailers\r\n"
			  "Authorization: Basic eQ==\r\n" END);
	drv_expect_value(&d, "http.proxy.cache-miss", "reason", "it is not stored");
	drv_expect_value(&d, "http.proxy.forward-headers", "removed",
			 "Connection, X-Mine, Proxy-Authorization, TE");
	server_gets("10.0.0.1", 80,
		    "GET /x?a=b HTTP/1.1\r\nHost: 10.0.0.1\r\n|Via: 1.0 other\r\n|Via: 1.1 px\r\n|"
		    "X-Yours: 2\r\n|Authorization: Basic eQ==\r\n|Connection: close\r\n\r\n|"
		    "!X-Mine|!Proxy-|!TE:|!Content-Length");
	answer("HTTP/1.1 200 OK\r\nConnection: close, X-Theirs\r\nX-Theirs: 1\r\nServer: them\r\n"
	       "Content-Length: 5\r\n\r\nhel");
	drv_expect_value(&d, "http.proxy.forward-headers", "removed", "Connection, X-Theirs");
	drv_expect_value(&d, "http.proxy.cache-refuse", "reason",
			 "the request carries credentials");
	browser_gets(
		"HTTP/1.1 200 OK\r\nServer: them\r\nVia: 1.1 px\r\nContent-Length: 5\r\n\r\nhel|"
		"!X-Theirs|!Connection");
	answer("lo");
	drv_expect_value(&d, "http.proxy.relayed", "bytes", "5");
	browser_gets("lo");
	drv_expect_column(&d, "http_exchange", "proxy 10.0.0.2:40000", "role", "proxy");
	/* The same connection again, and two at once. */
	say(GET("/1") END GET("/2") END);
	server_gets("10.0.0.1", 80, "GET /1 ");
	answer(OK(""));
	server_gets("10.0.0.1", 80, "GET /2 ");
	answer("HTTP/1.1 100 Continue\r\n\r\n");
	drv_expect_none(&d, FX_WRITE);
	answer(OK(""));
	browser_gets("HTTP/1.1 200 OK\r\n|hello");
}

static void test_framing(void **state)
{
	(void)state;
	/* Chunks stay chunks, an open end becomes chunks. */
	fetch(GET("/") END, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
			    "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n");
	browser_gets("Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n");
	fetch(GET("/") END, "HTTP/1.0 200 OK\r\n\r\nhel");
	browser_gets("Via: 1.0 px\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n");
	drv_closed(&d, up, 0);
	browser_gets("0\r\n\r\n");
	/* A browser of old reads to the end of the connection. */
	fetch("GET http://10.0.0.1/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
	browser_gets("Connection: close\r\n\r\nhello|!chunked");
	assert_int_equal(drv_count(&d, FX_CLOSE), 2);
	open_browser();
	say("HEAD http://10.0.0.1/ HTTP/1.1\r\nHost: a\r\n\r\n");
	server_gets("10.0.0.1", 80, "HEAD / HTTP/1.1\r\nHost: 10.0.0.1\r\n");
	answer("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n");
	browser_gets("Content-Length: 500\r\n\r\n");
	drv_expect_decision(&d, "http.proxy.relayed");
	say("POST http://10.0.0.1/f HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n");
	browser_gets("HTTP/1.1 100 Continue\r\n\r\n");
	say("3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n");
	server_gets("10.0.0.1", 80,
		    "POST /f HTTP/1.1\r\n|Content-Length: 4\r\n|\r\n\r\nabcd|!Expect");
	answer("HTTP/1.1 204 No Content\r\n\r\n");
	browser_gets("HTTP/1.1 204 No Content\r\n|!Content-Length|!chunked");
}

static void test_refusals(void **state)
{
	static const struct {
		const char *request, *status, *why;
	} rows[] = {
		{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "400", "a request names the whole address" },
		{ "GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400", "CONNECT" },
		{ "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400", "" },
		{ "GET http://a/ HTTP/1.1\r\n\r\n", "400", "" },
		{ "GET http://a/ HTTP/3.0\r\n\r\n", "505", "" },
		{ "nonsense\r\n\r\n", "400", "" },
		{ "PUT http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n", "413",
		  "" },
		{ "PUT http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		  "400", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char start[32];

		say(rows[i].request);
		drv_expect_value(&d, "http.proxy.refuse", "status", rows[i].status);
		snprintf(start, sizeof(start), "HTTP/1.1 %s ", rows[i].status);
		browser_gets(start);
		browser_gets("Connection: close\r\n");
		if (!strstr(drv_value(drv_decision(&d, "http.proxy.refuse"), "reason"),
			    rows[i].why))
			fail_msg("row %zu", i);
		open_browser();
	}
	say(GET("/") "Via: 1.1 a, 1.0 px (labd), 1.1 b\r\n" END);
	drv_expect_no_decision(&d, "http.proxy.loop"); /* a comment makes it another word */
	server_gets("10.0.0.1", 80, "GET /");
	answer(OK(""));
	say(GET("/") "Via: 1.1 a, 1.0 PX\r\n" END);
	drv_expect_decision(&d, "http.proxy.loop");
	browser_gets("HTTP/1.1 502 Bad Gateway\r\n");
}

static void test_max_forwards(void **state)
{
	(void)state;
	say("OPTIONS http://10.0.0.1 HTTP/1.1\r\nHost: a\r\nMax-Forwards: 3\r\n\r\n");
	server_gets("10.0.0.1", 80, "OPTIONS * HTTP/1.1\r\n|Max-Forwards: 2\r\n|!Max-Forwards: 3");
	answer("HTTP/1.1 200 OK\r\nAllow: GET\r\nContent-Length: 0\r\n\r\n");
	browser_gets("Allow: GET\r\n");
	say("TRACE http://10.0.0.1/ HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n");
	drv_expect_decision(&d, "http.proxy.max-forwards");
	browser_gets("HTTP/1.1 405 ");
	open_browser();
	say("OPTIONS http://10.0.0.1/x HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n");
	drv_expect_decision(&d, "http.proxy.max-forwards");
	browser_gets("HTTP/1.1 200 ");
}

/* --- servers that fail ------------------------------------------------------------------------ */

static void test_origin_failed(void **state)
{
	struct answer nobody = { .err = -ENOENT, .why = "no such name" };
	struct answer two = { .err = 0 };

	(void)state;
	say("GET http://www.lab.test/ HTTP/1.1\r\nHost: www.lab.test\r\n\r\n");
	drv_answer(&d, drv_next_ask(&d)->ask.ask_id, &nobody);
	drv_answer(&d, drv_next_ask(&d)->ask.ask_id, &nobody); /* AAAA */
	drv_expect_value(&d, "http.proxy.origin-failed", "reason",
			 "the name of the server has no address");
	browser_gets("HTTP/1.1 502 Bad Gateway\r\n|The proxy px");
	say("GET http://www.lab.test/ HTTP/1.1\r\nHost: www.lab.test\r\n\r\n");
	two.resolve.addrs[0] = drv_a("10.0.0.7");
	two.resolve.addrs[1] = drv_a("10.0.0.8");
	two.resolve.n_addrs = 2;
	drv_answer(&d, drv_next_ask(&d)->ask.ask_id, &two);
	drv_closed(&d, drv_next_connect(&d)->connect.sock, ECONNREFUSED);
	server_gets("10.0.0.8", 80, "GET / HTTP/1.1\r\nHost: www.lab.test\r\n");
	drv_closed(&d, up, 0);
	drv_expect_value(&d, "http.proxy.origin-failed", "reason",
			 "it closed the connection without an answer");
	fetch(GET("/") END, "nonsense\r\n\r\n");
	drv_expect_value(&d, "http.proxy.origin-failed", "status", "502");
	fetch(GET("/") END, "HTTP/1.1 101 Switching Protocols\r\n\r\n");
	drv_expect_value(&d, "http.proxy.origin-failed", "status", "502");
	say(GET("/") END);
	server_gets("10.0.0.1", 80, "GET / ");
	drv_timer_until(&d, d.now + 30 * SEC);
	drv_expect_value(&d, "http.proxy.origin-failed", "status", "504");
	browser_gets("HTTP/1.1 504 Gateway Timeout\r\n");
}

static void test_cut(void **state)
{
	(void)state;
	fetch(GET("/") END, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
	drv_closed(&d, up, 0);
	drv_expect_value(&d, "http.proxy.cut", "reason", "the server closed before the end");
	drv_expect_no_decision(&d, "http.proxy.cache-store");
	assert_int_equal(drv_count(&d, FX_CLOSE), 2);
	open_browser();
	fetch(GET("/") END, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n");
	drv_expect_decision(&d, "http.proxy.cut");
	open_browser();
	fetch(GET("/") END, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
	drv_timer_until(&d, d.now + 31 * SEC);
	drv_expect_decision(&d, "http.proxy.timeout");
}

/* The browser goes while the server works: nobody needs the answer. */
static void test_browser_gone(void **state)
{
	(void)state;
	say(GET("/") END);
	server_gets("10.0.0.1", 80, "GET / ");
	drv_closed(&d, SOCK, ECONNRESET);
	assert_int_equal(drv_next(&d, FX_CLOSE)->close.sock, up);
	answer(OK(""));
	drv_expect_none(&d, FX_WRITE);
	open_browser();
	drv_timer_until(&d, d.now + 60 * SEC);
	drv_expect_decision(&d, "http.proxy.timeout");
	assert_int_equal(drv_next(&d, FX_CLOSE)->close.sock, SOCK);
}

/* It said two things and closed its side: both are answered. */
static void test_half_closed(void **state)
{
	(void)state;
	say(GET("/1") END GET("/2") END);
	server_gets("10.0.0.1", 80, "GET /1 ");
	drv_closed(&d, SOCK, 0);
	answer(OK(""));
	browser_gets("HTTP/1.1 200 OK\r\n|!Connection: close");
	server_gets("10.0.0.1", 80, "GET /2 ");
	answer(OK(""));
	browser_gets("HTTP/1.1 200 OK\r\n");
	assert_int_equal(drv_count(&d, FX_CLOSE), 2);
}

/* A server that is faster than the browser waits for it. */
static void test_pause(void **state)
{
	static char much[100000];
	const struct fx_effect *e;

	(void)state;
	memset(much, 'x', sizeof(much));
	fetch(GET("/") END, "HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n");
	for (int i = 0; i < 2; i++) {
		answer_len(much, sizeof(much));
		drv_expect_none(&d, FX_PAUSE);
	}
	answer_len(much, sizeof(much));
	e = drv_next(&d, FX_PAUSE);
	assert_non_null(e);
	assert_int_equal(e->pause.sock, up);
	assert_true(e->pause.on);
	drv_drained(&d, SOCK);
	e = drv_next(&d, FX_PAUSE);
	assert_int_equal(e->pause.sock, up);
	assert_false(e->pause.on);
	answer_len(much, sizeof(much));
	answer_len(much, sizeof(much));
	drv_expect_decision(&d, "http.proxy.relayed");
}

/* --- tunnels ---------------------------------------------------------------------------------- */

static void test_tunnel(void **state)
{
	char *got;

	(void)state;
	say("CONNECT 10.0.0.1:443 HTTP/1.1\r\nHost: 10.0.0.1:443\r\n\r\nearly");
	up = drv_next_connect(&d)->connect.sock;
	drv_opened(&d, up, 0, drv_ep("10.0.0.3", 5000), drv_ep("10.0.0.1", 443));
	drv_expect_value(&d, "http.method.connect", "status", "200");
	browser_gets("HTTP/1.1 200 Connection established\r\n\r\n");
	got = drv_written(&d, up, NULL);
	assert_string_equal(got, "early");
	free(got);
	say("GET / HTTP/1.1\r\n");
	got = drv_written(&d, up, NULL);
	assert_string_equal(got, "GET / HTTP/1.1\r\n");
	free(got);
	received = 0;
	answer("\x16\x03");
	browser_gets("\x16\x03");
	drv_closed(&d, up, 0);
	drv_expect_value(&d, "http.proxy.tunnel-end", "up", "21");
	drv_expect_value(&d, "http.proxy.tunnel-end", "down", "2");
	assert_int_equal(drv_count(&d, FX_CLOSE), 2);
	open_browser();
	say("CONNECT 10.0.0.1:443 HTTP/1.1\r\nHost: 10.0.0.1:443\r\n\r\n");
	drv_opened(&d, drv_next_connect(&d)->connect.sock, 0, drv_ep("10.0.0.3", 5000),
		   drv_ep("10.0.0.1", 443));
	drv_timer_until(&d, d.now + 600 * SEC);
	drv_expect_value(&d, "http.proxy.tunnel-end", "reason",
			 "nothing passed through it for long");
}

static void test_tunnel_refused(void **state)
{
	static const struct {
		const char *target, *status;
	} rows[] = { { "10.0.0.1:25", "403" },
		     { "10.0.0.1", "400" },
		     { "10.0.0.1:99999", "400" },
		     { "http://10.0.0.1/", "400" } };
	char line[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(line, sizeof(line), "CONNECT %s HTTP/1.1\r\nHost: a\r\n\r\n",
			 rows[i].target);
		say(line);
		drv_expect_value(&d, "http.method.connect", "status", rows[i].status);
		drv_expect_none(&d, FX_CONNECT);
		open_browser();
	}
	say("CONNECT 10.0.0.1:443 HTTP/1.1\r\nHost: a\r\n\r\n");
	drv_closed(&d, drv_next_connect(&d)->connect.sock, ECONNREFUSED);
	drv_expect_value(&d, "http.method.connect", "status", "502");
	browser_gets("HTTP/1.1 502 ");
	open_browser();
	say("CONNECT 10.0.0.1:443 HTTP/1.1\r\nHost: a\r\n\r\n");
	drv_timer_until(&d, d.now + 30 * SEC);
	drv_expect_value(&d, "http.method.connect", "status", "504");
	drv_conf(&d, "ip http proxy connect-port 25\n");
	open_browser();
	say("CONNECT 10.0.0.1:25 HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_non_null(drv_next_connect(&d));
	drv_conf(&d, "no ip http proxy connect-port 25\n");
}

/* --- the listener ----------------------------------------------------------------------------- */

static void test_listener(void **state)
{
	static char flood[1 << 20];

	(void)state;
	drv_conf(&d, "ip http proxy-port 3128\n");
	assert_int_equal(drv_want(&d, FX_LISTEN, "listen")->listen.local.port, 3128);
	drv_failed(&d, drv_want(&d, FX_LISTEN, "listen"), LISTENER + 1, EAFNOSUPPORT);
	drv_expect_no_decision(&d, "http.proxy.no-listener");
	drv_conf(&d, "no ip http proxy-server\n");
	drv_expect_value(&d, "http.proxy.off", "port", "3128");
	drv_conf(&d, "ip http proxy-server\n");
	drv_failed(&d, drv_want(&d, FX_LISTEN, "listen"), LISTENER, EADDRINUSE);
	drv_expect_decision(&d, "http.proxy.no-listener");
	for (uint32_t i = 0; i < 257; i++)
		drv_opened(&d, SOCK + i, LISTENER, drv_ep("10.0.0.3", 8080),
			   drv_ep("10.0.0.2", (uint16_t)(40000 + i)));
	drv_expect_decision(&d, "http.proxy.too-many");
	say(GET("/") END);
	assert_non_null(drv_next_connect(&d));
	memset(flood, 'x', sizeof(flood));
	say_len(flood, sizeof(flood));
	say_len(flood, sizeof(flood));
	drv_expect_decision(&d, "http.proxy.drop-flood");
	drv_stop(&d);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_forward),      T(test_framing),	      T(test_refusals),
		T(test_max_forwards), T(test_origin_failed),  T(test_cut),
		T(test_browser_gone), T(test_half_closed),    T(test_pause),
		T(test_tunnel),	      T(test_tunnel_refused), T(test_listener),
	};

	return cmocka_run_group_tests_name("http_proxy", tests, NULL, NULL);
}
