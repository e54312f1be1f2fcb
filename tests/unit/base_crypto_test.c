/* Digests, with the test suites of their RFCs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/crypto.h"

static void expect_hex(const uint8_t *got, size_t len, const char *want)
{
	char text[2 * SHA1_LEN + 1];

	for (size_t i = 0; i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", got[i]);
	assert_string_equal(text, want);
}

/* RFC 1321 §A.5 */
static void md5(void **state)
{
	static const struct {
		const char *a, *b, *digest;
	} rows[] = {
		{ "", "", "d41d8cd98f00b204e9800998ecf8427e" },
		{ "a", "bc", "900150983cd24fb0d6963f7d28e17f72" },
		{ "message digest", "", "f96b697d7cb7938d525a2f31aaf161d0" },
		{ "1234567890123456789012345678901234567890",
		  "1234567890123456789012345678901234567890", "57edf4a22be3c955ac49da2e2107b67a" },
	};
	uint8_t out[MD5_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		crypto_md5(rows[i].a, strlen(rows[i].a), rows[i].b, strlen(rows[i].b), out);
		expect_hex(out, sizeof(out), rows[i].digest);
	}
}

/* RFC 3174 §7.3 */
static void sha1(void **state)
{
	uint8_t out[SHA1_LEN];

	(void)state;
	crypto_sha1("ab", 2, "c", 1, out);
	expect_hex(out, sizeof(out), "a9993e364706816aba3e25717850c26c9cd0d89d");
	crypto_sha1("abcdbcdecdefdefgefghfghighijhijk", 32, "ijkljklmklmnlmnomnopnopq", 24, out);
	expect_hex(out, sizeof(out), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
}

static void equal(void **state)
{
	(void)state;
	assert_true(crypto_equal("abc", "abd", 2));
	assert_false(crypto_equal("abc", "abd", 3));
	assert_false(crypto_equal("xbc", "abc", 3));
	assert_true(crypto_equal("x", "y", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(md5), cmocka_unit_test(sha1),
					    cmocka_unit_test(equal) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
