/* What a person says to the browser, and what is shown. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "http_client_driver.h"

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
	drv_expect_column(&d, "http_exchange", NULL, "referrer", "http://10.0.0.1/a/");
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
		T(test_browse),
		T(test_commands),
		T(test_put),
		T(test_defaults_return),
	};

	return cmocka_run_group_tests_name("http_client_command", tests, NULL, NULL);
}
