/* crypto.h: digests, as pure functions over octets.
 *
 * MD5 and SHA-1 are broken as signatures and here because protocols ask for them (RFC 5905 §7.3).
 */
#ifndef LABD_BASE_CRYPTO_H
#define LABD_BASE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MD5_LEN	 16
#define SHA1_LEN 20

/* Of the octets of `a` followed by those of `b`. */
void crypto_md5(const void *a, size_t a_len, const void *b, size_t b_len,
		uint8_t out[static MD5_LEN]);
void crypto_sha1(const void *a, size_t a_len, const void *b, size_t b_len,
		 uint8_t out[static SHA1_LEN]);
/* Do both hold the same octets? It takes as long whether they do or not. */
bool crypto_equal(const void *a, const void *b, size_t len);

#endif
