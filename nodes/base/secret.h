/* secret.h: passwords as devices keep them. */
#ifndef LABD_BASE_SECRET_H
#define LABD_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECRET_LEN_MAX	127 /* octets of a password */
#define SECRET_HASH_LEN 40  /* "$1$", a salt of at most 8, "$", 22 and the NUL */

/* IOS's "secret 5": crypt(3) with MD5, of a salt of four drawn from |salt|. 0 or -EINVAL. */
int secret_hash(const char *password, uint64_t salt, char out[static SECRET_HASH_LEN]);
bool secret_matches(const char *password, const char *hash);
/* IOS's "password 7", which hides and does not protect. 0, or -EINVAL. */
int secret_hide(const char *text, char *out, size_t size);
int secret_unhide(const char *text, char *out, size_t size);

#endif
