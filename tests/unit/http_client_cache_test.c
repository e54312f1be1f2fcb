/* Pages that are kept: when they are shown again, asked about, and let go. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "http_client_driver.h"

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

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_cache_hit),    T(test_cache_reload), T(test_cache_refusals),
		T(test_cache_bounds), T(test_cache_users),  T(test_cache_forget),
	};

	return cmocka_run_group_tests_name("http_client_cache", tests, NULL, NULL);
}
