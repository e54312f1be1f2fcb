#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/cur.h"
#include "dns/dns_name.h"

static struct dns_name name(const char *text)
{
	struct dns_name n;
	const char *why = "";

	if (dns_name_parse(text, &n, &why))
		fail_msg("%s: %s", text, why);
	return n;
}

static void text_and_back(void **state)
{
	static const struct {
		const char *in, *out;
		uint8_t len;
	} rows[] = {
		{ ".", ".", 1 },
		{ "a", "a", 3 },
		{ "www.a.test.", "www.a.test", 12 },
		{ "WWW.a.Test", "WWW.a.Test", 12 },
		{ "a\\.b.c", "a\\.b.c", 7 },
		{ "a\\255b", "a\\255b", 5 },
		{ "\\065b", "Ab", 4 },
		{ "*.a", "*.a", 5 },
		{ "a\\\\", "a\\\\", 4 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct dns_name n = name(rows[i].in);
		char text[DNS_TEXT_LEN];

		assert_string_equal(dns_name_text(&n, text), rows[i].out);
		assert_int_equal(n.len, rows[i].len);
	}
}

static void bad_text(void **state)
{
	static const char *const bad[] = {
		"",
		"a..b",
		".a",
		"a\\",
		"a\\25",
		"a\\256",
		"1234567890123456789012345678901234567890123456789012345678901234"
	};
	char longest[300] = "";
	struct dns_name n = { .len = 77 };
	const char *why;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(dns_name_parse(bad[i], &n, &why), -EINVAL);
	for (int i = 0; i < 126; i++)
		strcat(longest, i ? ".a" : "a");
	assert_int_equal(dns_name_parse(longest, &n, &why), 0); /* 253 octets */
	assert_int_equal(n.len, 253);
	strcat(longest, ".a");
	assert_int_equal(dns_name_parse(longest, &n, &why), 0); /* 255: the longest */
	assert_int_equal(n.len, 255);
	strcat(longest, ".");
	assert_int_equal(dns_name_parse(longest, &n, &why), 0);
	strcat(longest, "a");
	assert_int_equal(dns_name_parse(longest, &n, &why), -EINVAL);
}

static void relative_names(void **state)
{
	struct dns_name zone = name("a.test"), n;
	char text[DNS_TEXT_LEN];
	const char *why;

	(void)state;
	assert_int_equal(dns_name_parse_in("@", &zone, &n, &why), 0);
	assert_string_equal(dns_name_text(&n, text), "a.test");
	assert_int_equal(dns_name_parse_in("www", &zone, &n, &why), 0);
	assert_string_equal(dns_name_text(&n, text), "www.a.test");
	assert_int_equal(dns_name_parse_in("www.b.", &zone, &n, &why), 0);
	assert_string_equal(dns_name_text(&n, text), "www.b");
	assert_true(dns_text_is_absolute("a."));
	assert_true(dns_text_is_absolute("a\\\\."));
	assert_false(dns_text_is_absolute("a\\."));
	assert_false(dns_text_is_absolute(""));
}

static void relations(void **state)
{
	struct dns_name www = name("www.A.test"), zone = name("a.TEST"), other = name("ba.test"),
			up;

	(void)state;
	assert_true(dns_name_in(&www, &zone));
	assert_true(dns_name_in(&zone, &zone));
	assert_true(dns_name_in(&www, &dns_root));
	assert_false(dns_name_in(&zone, &www));
	assert_false(dns_name_in(&other, &zone)); /* a suffix of the octets, not of the labels */
	assert_true(dns_name_parent(&www, &up));
	assert_true(dns_name_equal(&up, &zone));
	assert_false(dns_name_same_case(&up, &zone));
	assert_int_equal(dns_name_hash(1, &up), dns_name_hash(1, &zone));
	assert_false(dns_name_parent(&dns_root, &up));
	assert_int_equal(dns_name_labels(&www), 3);
	assert_int_equal(dns_name_labels(&dns_root), 0);
}

static void reverse(void **state)
{
	struct dns_name n;
	struct addr a;
	char text[DNS_TEXT_LEN];

	(void)state;
	a = addr4(10, 0, 255, 1);
	dns_name_reverse(&a, &n);
	assert_string_equal(dns_name_text(&n, text), "1.255.0.10.in-addr.arpa");
	assert_int_equal(addr_parse("2001:db8::f", &a), 0);
	dns_name_reverse(&a, &n);
	assert_string_equal(
		dns_name_text(&n, text),
		"f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

struct wire_row {
	const char *bytes;
	size_t len, from, end; /* end 0: refused */
	const char *text;      /* or why */
};

static const struct wire_row wire_rows[] = {
	{ "\3www\1a\0", 7, 0, 7, "www.a" },
	{ "\0", 1, 0, 1, "." },
	{ "\1a\0\3www\xc0\0x", 10, 3, 9, "www.a" },
	{ "\1a\0\xc0\0\xc0\3", 7, 5, 7, "a" }, /* pointer to pointer, backwards */
	{ "\3ww", 3, 0, 0, "a name beyond the end of the packet" },
	{ "\3www", 4, 0, 0, "a name beyond the end of the packet" },
	{ "\xc0", 1, 0, 0, "a compression pointer that does not point backwards" },
	{ "\xc0\0", 2, 0, 0, "a compression pointer that does not point backwards" }, /* itself */
	{ "\1a\xc0\0", 4, 0, 0,
	  "a compression pointer that does not point backwards" }, /* a loop */
	{ "\xc0\2\1a\0", 5, 0, 0,
	  "a compression pointer that does not point backwards" }, /* forwards */
	{ "\x40x\0", 3, 0, 0, "a label of an unknown kind" },
	{ "\x80x\0", 3, 0, 0, "a label of an unknown kind" },
};

static void from_the_wire(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wire_rows); i++) {
		const struct wire_row *row = &wire_rows[i];
		char text[DNS_TEXT_LEN];
		struct dns_name n;
		const char *why = "";
		struct rd r;
		int err;

		rd_init(&r, row->bytes, row->len);
		rd_seek(&r, row->from);
		err = dns_name_read(&r, &n, &why);
		assert_int_equal(err, row->end ? 0 : -EBADMSG);
		assert_string_equal(err ? why : dns_name_text(&n, text), row->text);
		if (!err)
			assert_int_equal(rd_pos(&r), row->end);
	}
}

/* 255 octets are a name, 256 are not, however they are put together. */
static void longest_from_the_wire(void **state)
{
	uint8_t bytes[600] = { 0 };
	struct dns_name n;
	const char *why;
	struct rd r;

	(void)state;
	for (int len = 62; len <= 63; len++) {
		size_t at = 0;

		for (int i = 0; i < 4; i++) {
			bytes[at] = (uint8_t)(i < 3 ? 63 : len - 1);
			memset(bytes + at + 1, 'a', 63);
			at += 1u + bytes[at];
		}
		bytes[at++] = 0;
		rd_init(&r, bytes, at);
		assert_int_equal(dns_name_read(&r, &n, &why), len == 62 ? 0 : -EBADMSG);
	}
	assert_string_equal(why, "a name longer than 255 octets");
}

static void long_chains_end(void **state)
{
	uint8_t bytes[2 + 2 * 300];
	struct dns_name n;
	const char *why;
	struct rd r;

	(void)state;
	bytes[0] = bytes[1] = 0;
	for (int i = 0; i < 300; i++) {
		size_t to = i ? (size_t)(2 * i) : 0;

		bytes[2 + 2 * i] = (uint8_t)(0xc0 | to >> 8);
		bytes[3 + 2 * i] = (uint8_t)to;
	}
	rd_init(&r, bytes, sizeof(bytes));
	rd_seek(&r, sizeof(bytes) - 2);
	assert_int_equal(dns_name_read(&r, &n, &why), -EBADMSG);
	assert_string_equal(why, "too many compression pointers");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_and_back),
		cmocka_unit_test(bad_text),
		cmocka_unit_test(relative_names),
		cmocka_unit_test(relations),
		cmocka_unit_test(reverse),
		cmocka_unit_test(from_the_wire),
		cmocka_unit_test(longest_from_the_wire),
		cmocka_unit_test(long_chains_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
