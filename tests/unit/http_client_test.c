/* One request and all that may become of it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "http_client_driver.h"

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
	drv_expect_column(&d, "http_exchange", NULL, "user", "ann");

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

static void test_connection_is_used_again(void **state)
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
}

/* A kept connection that died meanwhile. */
static void test_dead_connection(void **state)
{
	(void)state;
	ask("http get 10.0.0.1/3", "GET /3");
	respond(ok);
	drv_command(&d, "http get 10.0.0.1/4");
	drv_closed(&d, sock, ECONNRESET);
	drv_expect_decision(&d, "http.client.retry");
	request_of(accept_connect("10.0.0.1", 80), "GET /4");
	drv_closed(&d, sock, ECONNRESET); /* and once is enough */
	assert_int_equal(d.status, 1);
}

/* Each of the two requests that a 401 makes may meet a connection that died. */
static void test_dead_connection_with_credentials(void **state)
{
	(void)state;
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
}

static void test_post_is_not_repeated(void **state)
{
	(void)state;
	ask("http get 10.0.0.1/5", "GET /5");
	respond(ok);
	drv_command(&d, "http post 10.0.0.1/6 a=b");
	drv_closed(&d, sock, 0);
	drv_expect_none(&d, FX_CONNECT);
	assert_int_equal(d.status, 1);
}

/* Idle ones are closed; so are those that talk unasked. */
static void test_idle_connections(void **state)
{
	(void)state;
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
}

/* The ninth makes the first of eight go. */
static void test_ninth_connection(void **state)
{
	(void)state;
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
		T(test_connection_is_used_again),
		T(test_dead_connection),
		T(test_dead_connection_with_credentials),
		T(test_post_is_not_repeated),
		T(test_idle_connections),
		T(test_ninth_connection),
		T(test_busy),
	};

	return cmocka_run_group_tests_name("http_client", tests, NULL, NULL);
}
