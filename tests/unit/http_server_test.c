/* What takes more than one request: time, size, order, users, records, configuration. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "http_server_driver.h"

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
	site_expect_parts(row_now, got,
			  "200 OK|Content-Type: message/http\r\n|"
			  "\r\n\r\nTRACE /x HTTP/1.1\r\nHost: www\r\nX-Mine: 1\r\n\r\n|!YW5u|!a=b");
	free(got);
}

static void test_max_age_and_root(void **state)
{
	char *got;

	(void)state;
	start("ip http cache max-age 60\nip http path /a\n");
	got = say(GET("/") END);
	site_expect_parts(row_now, got, "200 OK|Cache-Control: max-age=60\r\n|in a\n");
	free(got);
	/* A file from the future has no date that could be told. */
	site_put("a/index.html", "new", 3)->mtime_ns = DRV_EPOCH_NS + 3600 * SEC;
	got = say(GET("/") END);
	site_expect_parts(row_now, got, "200 OK|!Last-Modified|ETag: |\r\n\r\nnew");
	free(got);
	got = say(GET("/") "If-Modified-Since: Thu, 01 Jan 2026 09:00:00 GMT\r\n" END);
	site_expect_parts(row_now, got, "200 OK");
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
		site_expect_parts(row_now, got, answers[i].response);
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
	site_expect_parts(row_now, got, "201 Created|record=8|<li>7 Old</li>|<li>8 New</li>");
	free(got);
	drv_expect_column(&d, "http_record", "guests/8", "fields", "name=New");
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

/* --- configuration and show ------------------------------------------------------------------- */

static void test_refused_lines(void **state)
{
	static const char *const lines[] = { "ip http path ..",
					     "ip http protect /a/../..",
					     "ip http protect /%zz",
					     "ip http user a:b password c",
					     "ip http type lab nonsense",
					     "ip http app-server /x ftp://a",
					     "ip http app-server /x https://u:p@a",
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
		T(test_off),
		T(test_exchange_fact),
		T(test_timeouts),
		T(test_no_answer),
		T(test_too_large),
		T(test_big_file),
		T(test_pipeline),
		T(test_too_many),
		T(test_trace),
		T(test_max_age_and_root),
		T(test_login),
		T(test_records),
		T(test_script_too_long),
		T(test_refused_lines),
		T(test_no_forms),
		T(test_show),
	};

	return cmocka_run_group_tests_name("http_server", tests, NULL, NULL);
}
