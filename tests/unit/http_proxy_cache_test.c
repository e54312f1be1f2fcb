/* The proxy's cache (RFC 9111): what is stored, given, asked about, forgotten. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "http_proxy_driver.h"

static void expect_miss(const char *request)
{
	say(request);
	drv_expect_no_decision(&d, "http.proxy.cache-hit");
	server_gets("10.0.0.1", 80, "/");
	answer(OK(""));
}

static void expect_hit(const char *request, const char *parts)
{
	say(request);
	drv_expect_decision(&d, "http.proxy.cache-hit");
	drv_expect_none(&d, FX_CONNECT);
	browser_gets(parts);
}

static void test_hit(void **state)
{
	(void)state;
	fetch(GET("/") END,
	      OK(FRESH "Date: Thu, 01 Jan 2026 07:59:50 GMT\r\nConnection: x\r\nX: 1\r\n"));
	drv_expect_value(&d, "http.proxy.cache-store", "fresh_for", "50");
	drv_expect_column(&d, "http_proxy_cache", "http://10.0.0.1/", "bytes", "5");
	d.now += 20 * SEC;
	expect_hit(GET("/") END, "HTTP/1.1 200 OK\r\n|ETag: \"a\"\r\n|Via: 1.1 px\r\n|Age: 30\r\n|"
				 "Content-Length: 5\r\n\r\nhello|!X: 1");
	drv_expect_value(&d, "http.proxy.cache-hit", "age", "30");
	drv_expect_column(&d, "http_proxy_cache", "http://10.0.0.1/", "hits", "1");
	expect_hit("HEAD http://10.0.0.1/ HTTP/1.1\r\nHost: a\r\n\r\n",
		   "Content-Length: 5\r\n\r\n|!hello");
	/* The browser has it, too. */
	expect_hit(GET("/") "If-None-Match: \"a\"\r\n" END, "HTTP/1.1 304 Not Modified\r\n|!hello");
	expect_hit(GET("/") "If-None-Match: \"b\"\r\n" END, "HTTP/1.1 200 OK\r\n|hello");
	/* A browser that wants a younger one, or a new one. */
	say(GET("/") "Cache-Control: max-age=10\r\n" END);
	drv_expect_value(&d, "http.proxy.cache-revalidate", "reason",
			 "the browser wants a younger one");
	server_gets("10.0.0.1", 80, "GET / ");
	answer(NOT_CHANGED);
	say(GET("/") "Pragma: no-cache\r\n" END);
	drv_expect_value(&d, "http.proxy.cache-revalidate", "reason", "the browser wants it anew");
	server_gets("10.0.0.1", 80, "GET / ");
	answer(NOT_CHANGED);
	drv_command(&d, "show ip http proxy");
	drv_expect_value(&d, "http.proxy.benefits", "hits", "6");
	drv_expect_output(&d, "http://10.0.0.1/");
	drv_command(&d, "clear ip http proxy cache");
	drv_expect_fact(&d, FX_FACT_END, "http_proxy_cache", "http://10.0.0.1/");
	say(GET("/") "Cache-Control: only-if-cached\r\n" END);
	drv_expect_value(&d, "http.proxy.refuse", "status", "504");
}

static void test_revalidate(void **state)
{
	(void)state;
	fetch(GET("/") END,
	      OK(FRESH "Last-Modified: Wed, 31 Dec 2025 08:00:00 GMT\r\nX-Old: 1\r\n"));
	d.now += 61 * SEC;
	say(GET("/") "If-None-Match: \"mine\"\r\n" END);
	drv_expect_value(&d, "http.proxy.cache-revalidate", "reason", "the copy is stale");
	server_gets("10.0.0.1", 80,
		    "If-None-Match: \"a\"\r\n|If-Modified-Since: Wed, 31 Dec 2025 08:00:00 GMT\r\n|"
		    "!mine");
	answer("HTTP/1.1 304 Not Modified\r\nETag: \"b\"\r\nCache-Control: max-age=30\r\nX-New: "
	       "2\r\n\r\n");
	drv_expect_decision(&d, "http.proxy.cache-validated");
	browser_gets("HTTP/1.1 200 OK\r\n|ETag: \"b\"\r\n|max-age=30|X-Old: 1\r\n|X-New: 2\r\n|"
		     "\r\n\r\nhello|!max-age=60|!\"a\"");
	d.now += 29 * SEC;
	expect_hit(GET("/") END, "hello");
	d.now += 2 * SEC;
	say(GET("/") END);
	server_gets("10.0.0.1", 80, "If-None-Match: \"b\"\r\n");
	answer("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nCache-Control: max-age=9\r\n\r\nnew");
	drv_expect_decision(&d, "http.proxy.cache-store");
	expect_hit(GET("/") END, "\r\n\r\nnew");
	d.now += 20 * SEC;
	say(GET("/") END); /* without a validator there is nothing to ask about */
	drv_expect_value(&d, "http.proxy.cache-miss", "reason", "the copy is stale");
}

static void test_refused(void **state)
{
	static const struct {
		const char *request, *response, *why;
	} rows[] = {
		{ GET("/") END, OK("Cache-Control: no-store, max-age=60\r\n"),
		  "its server forbids it (no-store)" },
		{ GET("/") END, OK("Cache-Control: private, max-age=60\r\n"),
		  "it is for one user alone (private)" },
		{ GET("/") "Authorization: Basic eQ==\r\n" END, OK(FRESH),
		  "the request carries credentials" },
		{ GET("/") "Cache-Control: no-store\r\n" END, OK(FRESH),
		  "its browser forbids it (no-store)" },
		{ GET("/") END, OK(FRESH "Vary: *\r\n"),
		  "it varies by more than the request (Vary: *)" },
		{ GET("/") END, OK(""), "it is stale and has no validator" },
		{ GET("/") END, OK("Cache-Control: max-age=60, s-maxage=0\r\n"),
		  "it is stale and has no validator" },
		{ GET("/") "Range: bytes=0-1\r\n" END,
		  "HTTP/1.1 206 Partial Content\r\n" FRESH "Content-Length: 2\r\n\r\nhe",
		  "only what answers a whole GET is stored" },
		{ GET("/") END, "HTTP/1.1 500 Oops\r\n" FRESH "Content-Length: 0\r\n\r\n",
		  "its status says that it is not for keeping" },
		{ GET("/") END, "HTTP/1.1 200 OK\r\n" FRESH "Content-Length: 600000\r\n\r\n",
		  "it is larger than the cache allows" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		fetch(rows[i].request, rows[i].response);
		drv_expect_value(&d, "http.proxy.cache-refuse", "reason", rows[i].why);
	}
}

static void test_stored_all_the_same(void **state)
{
	(void)state;
	fetch(GET("/1") "Authorization: Basic eQ==\r\n" END, OK("Cache-Control: s-maxage=60\r\n"));
	drv_expect_decision(&d, "http.proxy.cache-store");
	fetch(GET("/2") "Authorization: Basic eQ==\r\n" END,
	      OK("Cache-Control: public, max-age=60\r\n"));
	drv_expect_decision(&d, "http.proxy.cache-store");
	fetch(GET("/3") END, "HTTP/1.1 404 Not Found\r\n" FRESH "Content-Length: 2\r\n\r\nno");
	drv_expect_decision(&d, "http.proxy.cache-store");
	expect_hit(GET("/3") END, "HTTP/1.1 404 Not Found\r\n|\r\n\r\nno");
	fetch(GET("/4") END, OK("ETag: \"v\"\r\n")); /* stale, but can be asked about */
	drv_expect_value(&d, "http.proxy.cache-store", "fresh_for", "0");
	fetch(GET("/5") END, OK("Cache-Control: no-cache, max-age=60\r\nETag: \"v\"\r\n"));
	say(GET("/5") END);
	drv_expect_value(&d, "http.proxy.cache-revalidate", "reason",
			 "its server wants to be asked each time");
}

static void test_vary(void **state)
{
	(void)state;
	fetch(GET("/") "Accept-Language: en\r\n" END, OK(FRESH "Vary: accept-language, X\r\n"));
	expect_hit(GET("/") "Accept-Language: en\r\n" END, "hello");
	say(GET("/") "Accept-Language: de\r\n" END);
	server_gets("10.0.0.1", 80, "GET /");
	answer("HTTP/1.1 200 OK\r\n" FRESH
	       "Vary: accept-language, X\r\nContent-Length: 5\r\n\r\nhallo");
	drv_expect_decision(&d, "http.proxy.cache-store");
	expect_hit(GET("/") "Accept-Language: en\r\n" END, "hello");
	expect_hit(GET("/") "Accept-Language: de\r\n" END, "hallo");
	expect_miss(GET("/") "Accept-Language: de\r\nX: 1\r\n" END);
}

static void test_invalidate(void **state)
{
	(void)state;
	fetch(GET("/x") END, OK(FRESH));
	say("PUT http://10.0.0.1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
	server_gets("10.0.0.1", 80, "PUT /x ");
	answer("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
	drv_expect_no_decision(&d, "http.proxy.invalidate");
	say("DELETE http://10.0.0.1/x HTTP/1.1\r\nHost: a\r\n\r\n");
	server_gets("10.0.0.1", 80, "DELETE /x ");
	answer("HTTP/1.1 204 No Content\r\n\r\n");
	drv_expect_value(&d, "http.proxy.invalidate", "method", "DELETE");
	expect_miss(GET("/x") END);
}

static void test_stale(void **state)
{
	(void)state;
	fetch(GET("/") END, OK(FRESH));
	fetch(GET("/m") END, OK("Cache-Control: max-age=60, must-revalidate\r\nETag: \"m\"\r\n"));
	d.now += 100 * SEC;
	open_browser();
	say(GET("/") END);
	drv_closed(&d, drv_next_connect(&d)->connect.sock, ECONNREFUSED);
	drv_expect_value(&d, "http.proxy.serve-stale", "age", "100");
	browser_gets("HTTP/1.1 200 OK\r\n|Age: 100\r\n|hello");
	say(GET("/m") END);
	drv_closed(&d, drv_next_connect(&d)->connect.sock, ECONNREFUSED);
	drv_expect_decision(&d, "http.proxy.origin-failed");
	drv_conf(&d, "ip http proxy cache never-stale\n");
	say(GET("/") END);
	drv_closed(&d, drv_next_connect(&d)->connect.sock, ECONNREFUSED);
	drv_expect_decision(&d, "http.proxy.origin-failed");
}

/* The one used longest ago makes room. */
static void test_room(void **state)
{
	(void)state;
	drv_conf(&d, "ip http proxy cache memory pool 1\nip http proxy cache memory file 1\n");
	for (int i = 0; i < 300; i++) {
		char request[128];

		snprintf(request, sizeof(request), GET("/%d") END, i);
		fetch(request, OK(FRESH));
	}
	drv_expect_fact(&d, FX_FACT_END, "http_proxy_cache", NULL);
	expect_hit(GET("/299") END, "hello");
	expect_miss(GET("/3") END);
	drv_conf(&d, "ip http proxy cache memory pool 0\n");
	expect_miss(GET("/299") END);
	drv_conf(&d, "no ip http proxy cache memory pool\nno ip http proxy cache memory file\n"
		     "ip http proxy timeout 5\n");
	say(GET("/") END);
	server_gets("10.0.0.1", 80, "GET / ");
	drv_timer_until(&d, d.now + 5 * SEC);
	drv_expect_value(&d, "http.proxy.origin-failed", "status", "504");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_hit),  T(test_revalidate), T(test_refused), T(test_stored_all_the_same),
		T(test_vary), T(test_invalidate), T(test_stale),   T(test_room),
	};

	return cmocka_run_group_tests_name("http_proxy_cache", tests, NULL, NULL);
}
