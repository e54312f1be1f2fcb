/* Addresses, paths and the values of header fields. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "http/http_wire.h"

/* --- addresses --- */

static const struct {
	const char *text;
	int result;
	const char *whole, *host;
	unsigned port;
} urls[] = {
	{ "http://www.campus.test/index.html", 0, "http://www.campus.test/index.html",
	  "www.campus.test", 80 },
	{ "10.0.0.1", 0, "http://10.0.0.1/", "10.0.0.1", 80 },
	{ "WWW.Campus.Test:8080/A?b#c", 0, "http://www.campus.test:8080/A?b", "www.campus.test",
	  8080 },
	{ " HTTP://a/../b/./c/.. ", 0, "http://a/b/", "a", 80 },
	{ "https://a/", 0, "https://a/", "a", 443 },
	{ "https://a:80/", 0, "https://a:80/", "a", 80 },
	{ "2001:db8::1", 0, "http://[2001:db8::1]/", "2001:db8::1", 80 },
	{ "[2001:DB8::1]:81/x", 0, "http://[2001:db8::1]:81/x", "2001:db8::1", 81 },
	{ "http://u:p%40w@a/x y\"", 0, "http://a/x%20y%22", "a", 80 },
	{ "a?q", 0, "http://a/?q", "a", 80 },
	{ "", -EPROTONOSUPPORT, NULL, NULL, 0 },
	{ "  ", -EPROTONOSUPPORT, NULL, NULL, 0 },
	{ "ftp://a/", -EPROTONOSUPPORT, NULL, NULL, 0 },
	{ "mailto:a@b", -EPROTONOSUPPORT, NULL, NULL, 0 },
	{ "javascript:alert(1)", -EPROTONOSUPPORT, NULL, NULL, 0 },
	{ "http:a", -EINVAL, NULL, NULL, 0 },
	{ "http://", -EINVAL, NULL, NULL, 0 },
	{ "http:///x", -EINVAL, NULL, NULL, 0 },
	{ "http://a:0/", -EINVAL, NULL, NULL, 0 },
	{ "http://a:99999/", -EINVAL, NULL, NULL, 0 },
	{ "http://a b/", -EINVAL, NULL, NULL, 0 },
	{ "http://[::1/", -EINVAL, NULL, NULL, 0 },
};

static void test_urls(void **state)
{
	char text[HTTP_URL_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
		struct http_url u = { 0 };
		const char *why = NULL;
		int r = http_url_parse(urls[i].text, strlen(urls[i].text), &u, &why);

		if (r != urls[i].result)
			fail_msg("%s: %d %s", urls[i].text, r, why ? why : "");
		if (r < 0) {
			assert_non_null(why);
			continue;
		}
		http_url_format(&u, text, sizeof(text));
		assert_string_equal(text, urls[i].whole);
		assert_string_equal(u.host, urls[i].host);
		assert_int_equal(u.port, urls[i].port);
	}
}

/* RFC 3986 §5.4, without the query in its base that HTTP does not forbid. */
static const struct {
	const char *ref, *whole;
} references[] = {
	{ "g", "http://a/b/c/g" },
	{ "./g", "http://a/b/c/g" },
	{ "g/", "http://a/b/c/g/" },
	{ "/g", "http://a/g" },
	{ "//g", "http://g/" },
	{ "?y", "http://a/b/c/d;p?y" },
	{ "g?y", "http://a/b/c/g?y" },
	{ "#s", "http://a/b/c/d;p?q" },
	{ "g#s", "http://a/b/c/g" },
	{ ";x", "http://a/b/c/;x" },
	{ "", "http://a/b/c/d;p?q" },
	{ ".", "http://a/b/c/" },
	{ "..", "http://a/b/" },
	{ "../g", "http://a/b/g" },
	{ "../..", "http://a/" },
	{ "../../g", "http://a/g" },
	{ "../../../g", "http://a/g" },
	{ "/./g", "http://a/g" },
	{ "/../g", "http://a/g" },
	{ "g.", "http://a/b/c/g." },
	{ "..g", "http://a/b/c/..g" },
	{ "./../g", "http://a/b/g" },
	{ "g/./h", "http://a/b/c/g/h" },
	{ "g;x=1/../y", "http://a/b/c/y" },
	{ "g?y/../x", "http://a/b/c/g?y/../x" },
	{ "http://h:8080/", "http://h:8080/" },
};

static void test_references(void **state)
{
	static const char base_text[] = "http://a/b/c/d;p?q";
	char text[HTTP_URL_TEXT_MAX];
	struct http_url base, u;
	const char *why;

	(void)state;
	assert_int_equal(http_url_parse(base_text, strlen(base_text), &base, &why), 0);
	for (size_t i = 0; i < ARRAY_SIZE(references); i++) {
		const char *ref = references[i].ref;

		assert_int_equal(http_url_resolve(&base, ref, strlen(ref), &u, &why), 0);
		http_url_format(&u, text, sizeof(text));
		if (strcmp(text, references[i].whole) != 0)
			fail_msg("%s: %s", ref, text);
	}
	assert_int_equal(http_url_resolve(&base, "ftp://x/", 8, &u, &why), -EPROTONOSUPPORT);
}

static const struct {
	const char *target;
	ssize_t result; /* < 0, or the length of path */
	const char *path, *query;
	bool dir;
} paths[] = {
	{ "/", 0, "", NULL, true },
	{ "/index.html", 10, "index.html", NULL, false },
	{ "/a/b/", 3, "a/b", NULL, true },
	{ "//a///b", 3, "a/b", NULL, false },
	{ "/a/./b/../c?x=1?2", 3, "a/c", "x=1?2", false },
	{ "/a/..", 0, "", NULL, true },
	{ "/a/b/.", 3, "a/b", NULL, true },
	{ "/%41%2fb", 3, "A/b", NULL, false },
	{ "http://h/x?", 1, "x", "", false },
	{ "http://h", 0, "", NULL, true },
	{ "/...", 3, "...", NULL, false },
	{ "/a/..b", 5, "a/..b", NULL, false },
	{ "/..", -EXDEV, NULL, NULL, false },
	{ "/../etc/passwd", -EXDEV, NULL, NULL, false },
	{ "/a/../../x", -EXDEV, NULL, NULL, false },
	{ "/%2e%2e/x", -EXDEV, NULL, NULL, false },
	{ "/a/..%2f..%2fx", -EXDEV, NULL, NULL, false },
	{ "/%", -EINVAL, NULL, NULL, false },
	{ "/%4", -EINVAL, NULL, NULL, false },
	{ "/%zz", -EINVAL, NULL, NULL, false },
	{ "/a%00b", -EINVAL, NULL, NULL, false },
	{ "a:80", -EINVAL, NULL, NULL, false },
	{ "/0123456789012345678901234567890123456789", -ENAMETOOLONG, NULL, NULL, false },
};

static void test_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct http_str target = { paths[i].target, strlen(paths[i].target) }, query;
		char out[32];
		bool dir;
		ssize_t n = http_path_decode(target, out, sizeof(out), &dir, &query);

		if (n != paths[i].result)
			fail_msg("%s: %zd", paths[i].target, n);
		if (n < 0)
			continue;
		assert_string_equal(out, paths[i].path);
		assert_int_equal(dir, paths[i].dir);
		assert_int_equal(query.p != NULL, paths[i].query != NULL);
		if (query.p)
			assert_true(http_str_is(query, paths[i].query));
	}
}

static void test_escapes(void **state)
{
	char out[32];

	(void)state;
	assert_int_equal(http_form_decode(HTTP_STR("a+b%2Bc"), out, sizeof(out)), 5);
	assert_string_equal(out, "a b+c");
	assert_int_equal(http_form_decode(HTTP_STR("abc"), out, 3), -ENOBUFS);
	assert_int_equal(http_path_encode("a b/\xc3\xa4%", 7, out, sizeof(out)), 15);
	assert_string_equal(out, "a%20b/%C3%A4%25");
	assert_int_equal(http_path_encode("   ", 3, out, 9), -ENOBUFS);
}

/* --- values --- */

static void test_dates(void **state)
{
	static const struct {
		const char *text;
		int64_t unix_s; /* -1 = refused */
	} dates[] = {
		{ "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
		{ "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
		{ "Sun Nov  6 08:49:37 1994", 784111777 },
		{ "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
		{ "Tue, 29 Feb 2000 12:00:00 GMT", 951825600 },
		{ "Fri, 31 Dec 2049 23:59:59 GMT", 2524607999 },
		{ "Friday, 31-Dec-49 23:59:59 GMT", 2524607999 },
		{ "Sun, 6 Nov 1994 08:49:37 GMT", -1 },
		{ "Sun, 06 Nov 1994 08:49:37 UTC", -1 },
		{ "Sun, 06 Nov 1994 24:00:00 GMT", -1 },
		{ "Sun, 06 Nov 1994 08:49:37 GMTx", -1 },
		{ "0", -1 },
		{ "-1", -1 },
		{ "", -1 },
	};
	char out[HTTP_DATE_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(dates); i++) {
		struct http_str s = { dates[i].text, strlen(dates[i].text) };
		int64_t got = -2;
		int r = http_date_parse(s, 1767254400, &got);

		assert_int_equal(r, dates[i].unix_s < 0 ? -EINVAL : 0);
		if (r == 0)
			assert_int_equal(got, dates[i].unix_s);
	}
	http_date_format(784111777, out);
	assert_string_equal(out, "Sun, 06 Nov 1994 08:49:37 GMT");
	for (int64_t t = 0; t < 253402300800; t += 86399 * 1789) {
		int64_t back;

		http_date_format(t, out);
		assert_int_equal(http_date_parse((struct http_str){ out, strlen(out) }, 0, &back),
				 0);
		assert_int_equal(back, t);
	}
}

static void test_etags(void **state)
{
	(void)state;
	assert_true(http_etag_in_list(HTTP_STR("\"a\", \"b\""), "\"b\"", false));
	assert_true(http_etag_in_list(HTTP_STR("*"), "\"b\"", false));
	assert_false(http_etag_in_list(HTTP_STR("\"a\""), "\"b\"", true));
	assert_false(http_etag_in_list(HTTP_STR("W/\"b\""), "\"b\"", false));
	assert_true(http_etag_in_list(HTTP_STR("W/\"b\""), "\"b\"", true));
	assert_true(http_etag_in_list(HTTP_STR("\"x,\\\"y\",\"b\""), "\"b\"", false));
}

static void test_ranges(void **state)
{
	static const struct {
		const char *text;
		uint64_t size;
		int result;
		uint64_t first, len;
	} ranges[] = {
		{ "bytes=0-0", 10, 0, 0, 1 },
		{ "bytes=0-499", 10, 0, 0, 10 },
		{ "bytes=3-", 10, 0, 3, 7 },
		{ "bytes=-4", 10, 0, 6, 4 },
		{ "bytes=-400", 10, 0, 0, 10 },
		{ "Bytes= 2-3", 10, 0, 2, 2 },
		{ "bytes=10-", 10, -ERANGE, 0, 0 },
		{ "bytes=10-20", 10, -ERANGE, 0, 0 },
		{ "bytes=-0", 10, -ERANGE, 0, 0 },
		{ "bytes=0-", 0, -ERANGE, 0, 0 },
		{ "bytes=-5", 0, -ERANGE, 0, 0 },
		{ "bytes=5-4", 10, -EINVAL, 0, 0 },
		{ "bytes=0-1,3-4", 10, -EINVAL, 0, 0 },
		{ "lines=0-1", 10, -EINVAL, 0, 0 },
		{ "bytes=", 10, -EINVAL, 0, 0 },
		{ "bytes=-", 10, -EINVAL, 0, 0 },
		{ "bytes=a-b", 10, -EINVAL, 0, 0 },
		{ "bytes=1", 10, -EINVAL, 0, 0 },
		{ "bytes=1-99999999999999999999999", 10, 0, 1, 9 },
		{ "bytes=99999999999999999999999-", 10, -ERANGE, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		struct http_str s = { ranges[i].text, strlen(ranges[i].text) };
		uint64_t first = 0, len = 0;

		if (http_range_parse(s, ranges[i].size, &first, &len) != ranges[i].result)
			fail_msg("%s", ranges[i].text);
		assert_int_equal(first, ranges[i].first);
		assert_int_equal(len, ranges[i].len);
	}
}

static void test_basic(void **state)
{
	char user[16], password[16], text[64];

	(void)state;
	assert_int_equal(http_basic_parse(HTTP_STR("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), user, 16,
					  password, 16),
			 0);
	assert_string_equal(user, "Aladdin");
	assert_string_equal(password, "open sesame");
	assert_int_equal(http_basic_format("Aladdin", "open sesame", text, sizeof(text)), 0);
	assert_string_equal(text, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
	assert_int_equal(http_basic_parse(HTTP_STR("Bearer abc"), user, 16, password, 16), -EINVAL);
	assert_int_equal(http_basic_parse(HTTP_STR("Basic !!!"), user, 16, password, 16), -EINVAL);
	assert_int_equal(http_basic_parse(HTTP_STR("Basic Zm9v"), user, 16, password, 16), -EINVAL);
	assert_int_equal(http_basic_parse(HTTP_STR("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), user, 4,
					  password, 16),
			 -EINVAL);
	assert_true(http_offers_basic(HTTP_STR("Basic realm=\"x\"")));
	assert_true(http_offers_basic(HTTP_STR("Digest realm=\"a, Basic b\", nonce=\"c\", basic")));
	assert_false(http_offers_basic(HTTP_STR("Digest realm=\"Basic x\"")));
	assert_false(http_offers_basic(HTTP_STR("Basics x")));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls),   cmocka_unit_test(test_references),
		cmocka_unit_test(test_paths),  cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_dates),  cmocka_unit_test(test_etags),
		cmocka_unit_test(test_ranges), cmocka_unit_test(test_basic),
	};

	return cmocka_run_group_tests_name("http_text", tests, NULL, NULL);
}
