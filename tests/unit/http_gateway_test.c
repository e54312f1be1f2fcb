/* Programs behind the web server, asked over a stream of their own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "http_server_driver.h"

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
	site_expect_parts(
		row_now, got,
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
	site_expect_parts(
		row_now, got,
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
	site_expect_parts(row_now, got, "200 OK|Content-Length: 77\r\n");
	free(got);
}

/* An application that is asked over HTTPS has to show who it is. */
static void test_app_https(void **state)
{
	const struct ev_tls tls = { "TLSv1.3", "TLS_AES_256_GCM_SHA384", "app.test" };
	const struct fx_effect *e;
	uint32_t sock;
	char *got;

	(void)state;
	start("ip http app-server /s https://10.0.0.9/app\n");
	sock = app_request(GET("/s/x") END);
	free(app_open(sock));
	drv_expect_none(&d, FX_WRITE);
	e = drv_next(&d, FX_STARTTLS);
	assert_non_null(e);
	assert_string_equal(e->starttls.tls->name, "10.0.0.9");
	drv_event(&d, (struct ev){ .kind = EV_OPENED, .opened = { .sock = sock, .tls = &tls } });
	got = drv_written(&d, sock, NULL);
	must_hold(got, "GET /app/x HTTP/1.1\r\nHost: 10.0.0.9\r\n");
	free(got);
	drv_bytes(&d, sock, "HTTP/1.1 204 No Content\r\n\r\n", 27, 0);
	drv_expect_value(&d, "http.server.app-answer", "status", "204");
	sock = app_request(GET("/s/x") END);
	free(app_open(sock));
	drv_event(&d, (struct ev){ .kind = EV_CLOSED,
				   .closed = { .sock = sock,
					       .err = EKEYREJECTED,
					       .why = "the certificate expired" } });
	drv_expect_value(&d, "http.server.app-failed", "reason", "the certificate expired");
	drv_expect_value(&d, "http.server.app-failed", "status", "502");
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

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_app_server),   T(test_app_https), T(test_app_targets),
		T(test_app_failures), T(test_app_name),
	};

	return cmocka_run_group_tests_name("http_gateway", tests, NULL, NULL);
}
