/* HTTPS at the browser: names, handshakes that fail, what is kept apart from plain HTTP. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "http_client_driver.h"

/* TCP connects; what the browser wants of TLS. */
static const struct fx_tls *connect_secure(uint16_t port)
{
	const struct fx_effect *e = drv_next_connect(&d);

	assert_non_null(e);
	assert_int_equal(e->connect.peer.port, port);
	sock = e->connect.sock;
	received = 0;
	drv_opened(&d, sock, 0, drv_ep("10.0.0.2", 5000), e->connect.peer);
	drv_expect_none(&d, FX_WRITE);
	e = drv_next(&d, FX_STARTTLS);
	assert_non_null(e);
	assert_null(e->starttls.tls->identity);
	return e->starttls.tls;
}

/* The request that follows a handshake; to be freed. */
static char *shake_hands(void)
{
	const struct ev_tls tls = { "TLSv1.3", "TLS_AES_128_GCM_SHA256", "www" };

	drv_event(&d, (struct ev){ .kind = EV_OPENED, .opened = { .sock = sock, .tls = &tls } });
	drv_expect_decision(&d, "http.https.same");
	return drv_written(&d, sock, NULL);
}

static void fail_hands(int err, const char *why)
{
	drv_event(&d, (struct ev){ .kind = EV_CLOSED,
				   .closed = { .sock = sock, .err = err, .why = why } });
}

static void test_get(void **state)
{
	(void)state;
	drv_command(&d, "http get https://10.0.0.1/x");
	drv_expect_value(&d, "http.client.connect-port", "reason", "the port of https");
	assert_string_equal(connect_secure(443)->name, "10.0.0.1");
	drv_expect_no_decision(&d, "http.https.sni"); /* an address is none */
	request_of(shake_hands(), "GET /x HTTP/1.1\r\nHost: 10.0.0.1\r\n");
	respond(ok);
	assert_string_equal(drv_output(&d), "hello\n");
	/* The connection is kept, for https alone. */
	drv_command(&d, "http get http://10.0.0.1:443/x");
	drv_expect_no_decision(&d, "http.client.reuse-connection");
	request_of(accept_connect("10.0.0.1", 443), "GET /x HTTP/1.1\r\nHost: 10.0.0.1:443\r\n");
	respond(ok);
	drv_command(&d, "http reload https://10.0.0.1/x");
	drv_expect_decision(&d, "http.client.reuse-connection");
}

static void test_name(void **state)
{
	const struct fx_effect *e;
	struct answer a = { .err = 0 };

	(void)state;
	drv_command(&d, "http get https://www.lab.test:8443/");
	e = drv_next_ask(&d);
	a.resolve.addrs[0] = drv_a("10.0.0.1");
	a.resolve.n_addrs = 1;
	drv_answer(&d, e->ask.ask_id, &a);
	drv_expect_value(&d, "http.client.connect-port", "reason", "the address names it");
	assert_string_equal(connect_secure(8443)->name, "www.lab.test");
	drv_expect_value(&d, "http.https.sni", "name", "www.lab.test");
	request_of(shake_hands(), "Host: www.lab.test:8443\r\n");
}

static void test_failures(void **state)
{
	(void)state;
	drv_command(&d, "http get https://10.0.0.1/");
	connect_secure(443);
	fail_hands(EKEYREJECTED, "the certificate expired on 2001-01-01");
	drv_expect_value(&d, "http.https.client-verify", "reason",
			 "the certificate expired on 2001-01-01");
	drv_expect_none(&d, FX_WRITE);
	drv_expect_output(&d, "Your Connection Is Not Private\nhttps://10.0.0.1/\n"
			      "the certificate expired on 2001-01-01\n");
	assert_int_equal(d.status, 1);
	drv_command(&d, "http get https://10.0.0.1/");
	connect_secure(443);
	fail_hands(EPROTO, "what it sends is no TLS");
	drv_expect_value(&d, "http.https.client-failed", "reason", "what it sends is no TLS");
	drv_expect_output(&d, "Secure Connection Failed\n");
	drv_command(&d, "http get https://10.0.0.1/");
	connect_secure(443);
	fail_hands(ECONNRESET, NULL);
	drv_expect_value(&d, "http.https.client-failed", "reason", strerror(ECONNRESET));
	drv_command(&d, "http get https://10.0.0.1/");
	connect_secure(443);
	drv_timer_until(&d, d.now + 30 * SEC);
	drv_expect_decision(&d, "http.client.timeout");
	assert_int_equal(d.status, 1);
}

static void test_wrong_scheme(void **state)
{
	(void)state;
	ask("http get http://10.0.0.1/", "GET / HTTP/1.1\r\n");
	respond_len("\x15\x03\x03\x00\x02\x02\x0a", 7);
	drv_expect_value(&d, "http.client.invalid-response", "reason",
			 "the server speaks TLS: https:// may be meant");
	assert_int_equal(d.status, 1);
}

/* Without a goodbye of TLS the end may be an attacker's (RFC 9112 §9.8). */
static void test_cut(void **state)
{
	static const char open_end[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhel";

	(void)state;
	drv_command(&d, "http get https://10.0.0.1/");
	connect_secure(443);
	free(shake_hands());
	respond(open_end);
	drv_event(&d, (struct ev){ .kind = EV_CLOSED, .closed = { .sock = sock, .cut = true } });
	drv_expect_value(&d, "http.client.incomplete", "reason",
			 "the connection was cut, without TLS's goodbye");
	drv_command(&d, "http get https://10.0.0.1/");
	connect_secure(443);
	free(shake_hands());
	respond(open_end);
	drv_closed(&d, sock, 0);
	drv_expect_decision(&d, "http.client.ok-display");
}

static void test_redirect_and_referrer(void **state)
{
	(void)state;
	ask("http browse http://10.0.0.1/", "GET / HTTP/1.1\r\n");
	respond("HTTP/1.1 301 Moved Permanently\r\nLocation: https://10.0.0.1/s\r\n"
		"Content-Length: 0\r\nConnection: close\r\n\r\n");
	drv_expect_value(&d, "http.client.redirect", "to", "https://10.0.0.1/s");
	connect_secure(443);
	request_of(shake_hands(), "GET /s HTTP/1.1\r\n");
	respond("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 50\r\n"
		"Connection: close\r\n\r\n"
		"<a href=\"http://10.0.0.1/p\">p</a><a href=\"q\">q</a>");
	drv_command(&d, "http follow 1");
	request_of(accept_connect("10.0.0.1", 80), "GET /p HTTP/1.1\r\n|!Referer");
	respond(ok);
	drv_command(&d, "http follow 2");
	connect_secure(443);
	request_of(shake_hands(), "GET /q HTTP/1.1\r\n|Referer: https://10.0.0.1/s\r\n");
}

/* --- through a proxy -------------------------------------------------------------------------- */

static void test_proxy(void **state)
{
	(void)state;
	drv_conf(&d, "ip http client proxy-server 10.0.0.3\n");
	drv_command(&d, "http get http://www.lab.test/x");
	drv_expect_value(&d, "http.client.use-proxy", "port", "8080");
	drv_expect_none(&d, FX_ASK); /* the proxy finds the name */
	request_of(accept_connect("10.0.0.3", 8080),
		   "GET http://www.lab.test/x HTTP/1.1\r\nHost: www.lab.test\r\n");
	respond(ok);
	drv_command(&d, "http get http://other.lab.test/y");
	drv_expect_decision(&d, "http.client.reuse-connection");
	request_of(drv_written(&d, sock, NULL), "GET http://other.lab.test/y HTTP/1.1\r\n");
	respond(ok);
	drv_conf(&d, "no ip http client proxy-server\n");
	drv_command(&d, "http get http://10.0.0.3:8080/");
	drv_expect_no_decision(&d, "http.client.reuse-connection");
	drv_conf_refused(&d, "ip http client proxy-server a/b\n");
}

static void test_tunnel(void **state)
{
	(void)state;
	drv_conf(&d, "ip http client proxy-server 10.0.0.3 proxy-port 3128\n");
	drv_command(&d, "http get https://www.lab.test/");
	request_of(accept_connect("10.0.0.3", 3128),
		   "CONNECT www.lab.test:443 HTTP/1.1\r\nHost: www.lab.test:443\r\n");
	drv_expect_decision(&d, "http.client.ask-tunnel");
	respond("HTTP/1.1 200 Connection established\r\n\r\n");
	assert_string_equal(drv_next(&d, FX_STARTTLS)->starttls.tls->name, "www.lab.test");
	request_of(shake_hands(), "GET / HTTP/1.1\r\nHost: www.lab.test\r\n");
	respond(ok);
	assert_int_equal(d.status, 0);
	drv_command(&d, "http get https://www.lab.test/2");
	drv_expect_decision(&d, "http.client.reuse-connection");
	respond(ok);
	drv_command(&d, "http get https://10.0.0.9:25/");
	free(accept_connect("10.0.0.3", 3128));
	respond("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
	drv_expect_value(&d, "http.client.tunnel-refused", "reason", "403 Forbidden");
	drv_expect_output(&d, "Proxy Refused\n");
	drv_command(&d, "http get https://10.0.0.9/");
	free(accept_connect("10.0.0.3", 3128));
	drv_closed(&d, sock, 0);
	drv_expect_decision(&d, "http.client.tunnel-refused");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_get),	      T(test_name),   T(test_failures),
		T(test_wrong_scheme), T(test_cut),    T(test_redirect_and_referrer),
		T(test_proxy),	      T(test_tunnel),
	};

	return cmocka_run_group_tests_name("http_client_https", tests, NULL, NULL);
}
