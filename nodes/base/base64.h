/* base64.h: the base64 of RFC 4648 §4 (with padding), for logins and mail bodies.
 *
 * Pure; the caller owns both buffers. Decoding is strict: no blanks, no line ends, no missing
 * padding, no stray bits after the last octet, so that one text stands for one value. */
#ifndef LABD_BASE_BASE64_H
#define LABD_BASE_BASE64_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Characters that n octets become, the final NUL not counted. */
#define BASE64_LEN(n) (((n) + 2) / 3 * 4)

/* Characters written before the NUL, or -ENOBUFS. */
ssize_t base64_encode(const void *data, size_t len, char *out, size_t size);

/* Octets written, -EINVAL for text that is not base64, or -ENOBUFS. */
ssize_t base64_decode(const char *text, size_t len, void *out, size_t size);

#endif
