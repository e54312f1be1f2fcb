/* libmd's, which every node has already: libedit needs it. */
#include "base/crypto.h"

#include <sys/types.h>
#include <md5.h>
#include <sha1.h>

void crypto_md5(const void *a, size_t a_len, const void *b, size_t b_len,
		uint8_t out[static MD5_LEN])
{
	MD5_CTX c;

	MD5Init(&c);
	MD5Update(&c, a, a_len);
	MD5Update(&c, b, b_len);
	MD5Final(out, &c);
}

void crypto_sha1(const void *a, size_t a_len, const void *b, size_t b_len,
		 uint8_t out[static SHA1_LEN])
{
	SHA1_CTX c;

	SHA1Init(&c);
	SHA1Update(&c, a, a_len);
	SHA1Update(&c, b, b_len);
	SHA1Final(out, &c);
}

bool crypto_equal(const void *a, const void *b, size_t len)
{
	const uint8_t *x = a, *y = b;
	uint8_t diff = 0;

	for (size_t i = 0; i < len; i++)
		diff |= x[i] ^ y[i];
	return diff == 0;
}
