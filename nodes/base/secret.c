#include "base/secret.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/cur.h"
#include "base/sbuf.h"

#define SALT_MAX 8
#define ROUNDS	 1000

static const char digits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* What one round digests: at most three passwords or digests and a salt. */
struct text {
	uint8_t octets[3 * SECRET_LEN_MAX + SALT_MAX + 2 * MD5_LEN];
	struct wr w;
};

static void text_begin(struct text *t)
{
	wr_init(&t->w, t->octets, sizeof(t->octets));
}

static void text_digest(struct text *t, uint8_t out[static MD5_LEN])
{
	crypto_md5(t->octets, wr_len(&t->w), "", 0, out);
}

static void first_digest(const char *pw, size_t pw_len, const char *salt, size_t salt_len,
			 uint8_t out[static MD5_LEN])
{
	uint8_t mixed[MD5_LEN];
	struct text t;

	text_begin(&t);
	wr_bytes(&t.w, pw, pw_len);
	wr_bytes(&t.w, salt, salt_len);
	wr_bytes(&t.w, pw, pw_len);
	text_digest(&t, mixed);
	text_begin(&t);
	wr_bytes(&t.w, pw, pw_len);
	wr_bytes(&t.w, "$1$", 3);
	wr_bytes(&t.w, salt, salt_len);
	for (size_t left = pw_len; left > 0; left -= left > MD5_LEN ? MD5_LEN : left)
		wr_bytes(&t.w, mixed, left > MD5_LEN ? MD5_LEN : left);
	for (size_t i = pw_len; i > 0; i >>= 1)
		wr_u8(&t.w, i & 1 ? 0 : (uint8_t)pw[0]);
	text_digest(&t, out);
}

static void stretch(const char *pw, size_t pw_len, const char *salt, size_t salt_len,
		    uint8_t digest[static MD5_LEN])
{
	struct text t;

	for (unsigned i = 0; i < ROUNDS; i++) {
		text_begin(&t);
		wr_bytes(&t.w, i & 1 ? (const void *)pw : digest, i & 1 ? pw_len : MD5_LEN);
		if (i % 3)
			wr_bytes(&t.w, salt, salt_len);
		if (i % 7)
			wr_bytes(&t.w, pw, pw_len);
		wr_bytes(&t.w, i & 1 ? (const void *)digest : pw, i & 1 ? MD5_LEN : pw_len);
		text_digest(&t, digest);
	}
}

static char *put_digits(char *out, uint32_t v, int n)
{
	for (; n > 0; n--, v >>= 6)
		*out++ = digits[v & 63];
	return out;
}

/* crypt(3)'s MD5 method (Poul-Henning Kamp, 1994), octet for octet. */
static int hash_with(const char *pw, const char *salt, size_t salt_len,
		     char out[static SECRET_HASH_LEN])
{
	static const uint8_t order[5][3] = {
		{ 0, 6, 12 }, { 1, 7, 13 }, { 2, 8, 14 }, { 3, 9, 15 }, { 4, 10, 5 }
	};
	size_t pw_len = strlen(pw);
	uint8_t d[MD5_LEN];
	char *p = out;

	if (pw_len > SECRET_LEN_MAX || salt_len > SALT_MAX)
		return -EINVAL;
	first_digest(pw, pw_len, salt, salt_len, d);
	stretch(pw, pw_len, salt, salt_len, d);
	p += snprintf(p, 3 + SALT_MAX + 2, "$1$%.*s$", (int)salt_len, salt);
	for (int i = 0; i < 5; i++)
		p = put_digits(p,
			       (uint32_t)d[order[i][0]] << 16 | (uint32_t)d[order[i][1]] << 8 |
				       d[order[i][2]],
			       4);
	*put_digits(p, d[11], 2) = '\0';
	return 0;
}

int secret_hash(const char *password, uint64_t salt, char out[static SECRET_HASH_LEN])
{
	char text[4];

	put_digits(text, (uint32_t)(salt ^ salt >> 32), sizeof(text));
	return hash_with(password, text, sizeof(text), out);
}

bool secret_matches(const char *password, const char *hash)
{
	char again[SECRET_HASH_LEN];

	return strncmp(hash, "$1$", 3) == 0 && strlen(hash) < sizeof(again) &&
	       hash_with(password, hash + 3, strcspn(hash + 3, "$"), again) == 0 &&
	       strlen(again) == strlen(hash) && crypto_equal(again, hash, strlen(hash));
}

static const char key[] = "dsfd;kfoA,.iyewrkldJKDHSUBsgvca69834ncxv9873254k;fg87";

/* Where in the key it begins is no matter; the same text is always hidden in the same way. */
int secret_hide(const char *text, char *out, size_t size)
{
	size_t len = strlen(text), at = len * 7 % 16;

	if (2 * len + 3 > size)
		return -EINVAL;
	snprintf(out, 3, "%02u", (unsigned)at);
	for (size_t i = 0; i < len; i++)
		snprintf(out + 2 + 2 * i, 3, "%02X",
			 (unsigned char)text[i] ^ (unsigned char)key[(at + i) % (sizeof(key) - 1)]);
	return 0;
}

int secret_unhide(const char *text, char *out, size_t size)
{
	size_t len = strlen(text);
	unsigned at, octet;

	if (len < 4 || len % 2 != 0 || (len - 2) / 2 >= size ||
	    strspn(text, "0123456789abcdefABCDEF") != len || sscanf(text, "%2u", &at) != 1)
		return -EINVAL;
	for (size_t i = 2; i < len; i += 2) {
		if (sscanf(text + i, "%2x", &octet) != 1)
			return -EINVAL;
		out[i / 2 - 1] =
			(char)(octet ^ (unsigned char)key[(at + i / 2 - 1) % (sizeof(key) - 1)]);
	}
	out[(len - 2) / 2] = '\0';
	return 0;
}
