#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/base64.h"

static const struct {
	const char *plain, *coded;
} pairs[] = { /* RFC 4648 §10 */
	      { "", "" },
	      { "f", "Zg==" },
	      { "fo", "Zm8=" },
	      { "foo", "Zm9v" },
	      { "foob", "Zm9vYg==" },
	      { "fooba", "Zm9vYmE=" },
	      { "foobar", "Zm9vYmFy" },
	      /* RFC 7617 §2 */
	      { "Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ==" },
	      { "test:123\xc2\xa3", "dGVzdDoxMjPCow==" },
	      { "\xfb\xff\xfe", "+//+" }
};

static void test_pairs(void **state)
{
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		size_t plain = strlen(pairs[i].plain), coded = strlen(pairs[i].coded);

		assert_int_equal(base64_encode(pairs[i].plain, plain, out, sizeof(out)), coded);
		assert_string_equal(out, pairs[i].coded);
		assert_int_equal(base64_encode(pairs[i].plain, plain, out, coded), -ENOBUFS);
		assert_int_equal(base64_decode(pairs[i].coded, coded, out, sizeof(out)), plain);
		assert_memory_equal(out, pairs[i].plain, plain);
		if (plain > 0)
			assert_int_equal(base64_decode(pairs[i].coded, coded, out, plain - 1),
					 -ENOBUFS);
	}
}

static void test_refused(void **state)
{
	static const char *const bad[] = { "Z",	   "Zg",       "Zg=",  "Zh==",	"Zm9=", "Z===",
					   "====", "Zg==Zg==", "Zm 9", "Zm9\n", "Zm-_", "Zm9v=" };
	char out[16];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(base64_decode(bad[i], strlen(bad[i]), out, sizeof(out)), -EINVAL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_pairs),
						   cmocka_unit_test(test_refused) };

	return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
