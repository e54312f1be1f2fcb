/* The lab's CA and the certificates that it signs: P-256, X.509 version 3 (RFC 5280).
 *
 * Everything follows from seeds, signatures too: OpenSSL 3.0 draws an ECDSA nonce at random, so
 * sign() derives one from key and message instead, in the way of RFC 6979 (with a hash of our own
 * choice). Whoever has the lab file has the CA's key: it is good for this lab and nothing else. */
#include "shell_tls_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define FROM	     "20000101000000Z" /* whatever the lab's clock and the host's say, it is valid */
#define TO	     "20491231235959Z"
#define TO_EXPIRED   "20010101000000Z"
#define HASH_BYTES   32
#define NUMBER_BYTES 32 /* of P-256 */
#define SERIAL_BYTES 16

/* --- keys --------------------------------------------------------------------------------- */

struct curve {
	EC_GROUP *group;
	BN_CTX *bn;
	BIGNUM *below; /* the group's order less one */
};

static void curve_done(struct curve *c)
{
	EC_GROUP_free(c->group);
	BN_CTX_free(c->bn);
	BN_free(c->below);
}

static bool curve_open(struct curve *c)
{
	c->group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	c->bn = BN_CTX_new();
	c->below = c->group ? BN_dup(EC_GROUP_get0_order(c->group)) : NULL;
	if (c->bn && c->below && BN_sub_word(c->below, 1))
		return true;
	curve_done(c);
	return false;
}

/* A number from 1 to the order less one that follows from the octets. */
static BIGNUM *number_from(const struct curve *c, const void *data, size_t len)
{
	uint8_t hash[64];
	BIGNUM *x = NULL;

	if (EVP_Q_digest(NULL, "SHA512", NULL, data, len, hash, NULL))
		x = BN_bin2bn(hash, sizeof(hash), NULL);
	if (x && BN_mod(x, x, c->below, c->bn) && BN_add_word(x, 1))
		return x;
	BN_free(x);
	return NULL;
}

static BIGNUM *private_number(const struct curve *c, uint64_t seed)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "labd key %016llx", (unsigned long long)seed);

	return number_from(c, text, (size_t)n);
}

static size_t public_point(const struct curve *c, const BIGNUM *d, uint8_t *out, size_t size)
{
	EC_POINT *p = EC_POINT_new(c->group);
	size_t n = 0;

	if (p && EC_POINT_mul(c->group, p, d, NULL, NULL, c->bn))
		n = EC_POINT_point2oct(c->group, p, POINT_CONVERSION_UNCOMPRESSED, out, size,
				       c->bn);
	EC_POINT_free(p);
	return n;
}

static EVP_PKEY *key_of(const BIGNUM *d, const uint8_t *point, size_t len)
{
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	if (b && OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) &&
	    OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, len) &&
	    OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, d))
		params = OSSL_PARAM_BLD_to_param(b);
	if (params && ctx && EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(b);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

EVP_PKEY *tls_key(uint64_t seed)
{
	struct curve c;
	uint8_t point[1 + 2 * NUMBER_BYTES];
	EVP_PKEY *key = NULL;
	BIGNUM *d;
	size_t n;

	if (!curve_open(&c))
		return NULL;
	d = private_number(&c, seed);
	n = d ? public_point(&c, d, point, sizeof(point)) : 0;
	if (n > 0)
		key = key_of(d, point, n);
	BN_free(d);
	curve_done(&c);
	return key;
}

/* --- signatures --------------------------------------------------------------------------- */

/* k of this key and this hash, never the same for two hashes. */
static BIGNUM *nonce(const struct curve *c, const BIGNUM *d, const uint8_t hash[HASH_BYTES])
{
	uint8_t text[NUMBER_BYTES + HASH_BYTES];
	BIGNUM *k = NULL;

	if (BN_bn2binpad(d, text, NUMBER_BYTES) == NUMBER_BYTES) {
		memcpy(text + NUMBER_BYTES, hash, HASH_BYTES);
		k = number_from(c, text, sizeof(text));
	}
	OPENSSL_cleanse(text, sizeof(text));
	return k;
}

/* r = (kG).x mod n, s = (z + r d) / k mod n (FIPS 186-5 §6.4.1). */
static bool sign_hash(const struct curve *c, const BIGNUM *d, const uint8_t hash[HASH_BYTES],
		      BIGNUM *r, BIGNUM *s)
{
	const BIGNUM *n = EC_GROUP_get0_order(c->group);
	BIGNUM *k = nonce(c, d, hash), *z = BN_bin2bn(hash, HASH_BYTES, NULL);
	EC_POINT *p = EC_POINT_new(c->group);
	bool ok = k && z && p && EC_POINT_mul(c->group, p, k, NULL, NULL, c->bn) &&
		  EC_POINT_get_affine_coordinates(c->group, p, r, NULL, c->bn) &&
		  BN_nnmod(r, r, n, c->bn) && BN_mod_mul(s, r, d, n, c->bn) &&
		  BN_mod_add(s, s, z, n, c->bn) && BN_mod_inverse(k, k, n, c->bn) &&
		  BN_mod_mul(s, s, k, n, c->bn);

	BN_clear_free(k);
	BN_free(z);
	EC_POINT_free(p);
	return ok;
}

/* The signature of the hash as DER; its length, 0 on failure. |*ret| by OPENSSL_free(). */
static int signature(uint64_t seed, const uint8_t hash[HASH_BYTES], uint8_t **ret)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_new(), *s = BN_new(), *d = NULL;
	struct curve c;
	int n = 0;

	if (sig && r && s && curve_open(&c)) {
		d = private_number(&c, seed);
		if (d && sign_hash(&c, d, hash, r, s) && ECDSA_SIG_set0(sig, r, s)) {
			r = s = NULL; /* the signature's now */
			n = i2d_ECDSA_SIG(sig, ret);
		}
		curve_done(&c);
	}
	BN_clear_free(d);
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return n > 0 ? n : 0;
}

static uint8_t *put(uint8_t *at, const uint8_t *data, int len)
{
	memcpy(at, data, (size_t)len);
	return at + len;
}

/* SEQUENCE { tbs, alg, BIT STRING { sig } } (RFC 5280 §4.1). */
static X509 *assemble(const uint8_t *tbs, int n_tbs, const uint8_t *alg, int n_alg,
		      const uint8_t *sig, int n_sig)
{
	int inner = n_tbs + n_alg + ASN1_object_size(0, n_sig + 1, V_ASN1_BIT_STRING);
	int total = ASN1_object_size(1, inner, V_ASN1_SEQUENCE);
	uint8_t *der = OPENSSL_malloc((size_t)total), *at = der;
	const uint8_t *in = der;
	X509 *x;

	if (!der)
		return NULL;
	ASN1_put_object(&at, 1, inner, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
	at = put(at, tbs, n_tbs);
	at = put(at, alg, n_alg);
	ASN1_put_object(&at, 0, n_sig + 1, V_ASN1_BIT_STRING, V_ASN1_UNIVERSAL);
	*at++ = 0; /* no unused bits */
	put(at, sig, n_sig);
	x = d2i_X509(NULL, &in, total);
	OPENSSL_free(der);
	return x;
}

/* A number that follows from what the certificate says. */
static bool set_serial(X509 *x)
{
	uint8_t *tbs = NULL, hash[HASH_BYTES];
	int n = i2d_re_X509_tbs(x, &tbs);
	BIGNUM *serial = NULL;
	bool ok = false;

	if (n > 0 && EVP_Q_digest(NULL, "SHA256", NULL, tbs, (size_t)n, hash, NULL)) {
		hash[0] = (hash[0] & 0x7f) | 1; /* positive, not 0 (RFC 5280 §4.1.2.2) */
		serial = BN_bin2bn(hash, SERIAL_BYTES, NULL);
	}
	if (serial)
		ok = BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x)) != NULL;
	BN_free(serial);
	OPENSSL_free(tbs);
	return ok;
}

/* Signs it with the key of |seed|; returns the signed one and frees |x|. */
static X509 *sign(X509 *x, uint64_t seed)
{
	uint8_t *tbs = NULL, *alg = NULL, *sig = NULL, hash[HASH_BYTES];
	EVP_PKEY *key = tls_key(seed);
	X509 *signed_one = NULL;
	int n_tbs = 0, n_alg = 0, n_sig;

	/* The first signature sets the algorithm; serial number and signature are replaced. */
	if (key && ASN1_INTEGER_set(X509_get_serialNumber(x), 1) &&
	    X509_sign(x, key, EVP_sha256()) && set_serial(x)) {
		n_tbs = i2d_re_X509_tbs(x, &tbs);
		n_alg = i2d_X509_ALGOR(X509_get0_tbs_sigalg(x), &alg);
	}
	if (n_tbs > 0 && n_alg > 0 &&
	    EVP_Q_digest(NULL, "SHA256", NULL, tbs, (size_t)n_tbs, hash, NULL)) {
		n_sig = signature(seed, hash, &sig);
		if (n_sig > 0)
			signed_one = assemble(tbs, n_tbs, alg, n_alg, sig, n_sig);
	}
	OPENSSL_free(tbs);
	OPENSSL_free(alg);
	OPENSSL_free(sig);
	EVP_PKEY_free(key);
	X509_free(x);
	return signed_one;
}

/* --- parts of a certificate --------------------------------------------------------------- */

static bool add_name(X509_NAME *name, const char *field, const char *text)
{
	return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const uint8_t *)text, -1, -1,
					  0);
}

/* "O = labd, CN = Lab CA 1f3a": which lab's it is shows. */
static bool set_ca_name(X509_NAME *name, uint64_t ca_seed)
{
	char cn[32];

	snprintf(cn, sizeof(cn), "Lab CA %04x", (unsigned)(ca_seed & 0xffff));
	return name && add_name(name, "O", "labd") && add_name(name, "CN", cn);
}

/* CN is at most 64 octets (RFC 5280, ub-common-name); the names count, not it. */
static bool set_subject(X509_NAME *name, const struct tls_identity *id)
{
	char cn[65];

	snprintf(cn, sizeof(cn), "%.64s", id->names[0]);
	return name && (cn[0] == '\0' || add_name(name, "CN", cn));
}

static bool set_period(X509 *x, const char *from, const char *to)
{
	ASN1_TIME *t = ASN1_TIME_new();
	bool ok = t && ASN1_TIME_set_string_X509(t, from) && X509_set1_notBefore(x, t) &&
		  ASN1_TIME_set_string_X509(t, to) && X509_set1_notAfter(x, t);

	ASN1_TIME_free(t);
	return ok;
}

static bool add_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;
	bool ok;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = e && X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	return ok;
}

static bool push_general(GENERAL_NAMES *all, int type, ASN1_STRING *s)
{
	GENERAL_NAME *one = GENERAL_NAME_new();

	if (one && s) {
		GENERAL_NAME_set0_value(one, type, s);
		if (sk_GENERAL_NAME_push(all, one) > 0)
			return true;
		s = NULL; /* freed with `one` */
	}
	GENERAL_NAME_free(one);
	ASN1_STRING_free(s);
	return false;
}

static bool push_text(GENERAL_NAMES *all, int type, int asn1_type, const void *data, int len)
{
	ASN1_STRING *s = ASN1_STRING_type_new(asn1_type);

	if (s && ASN1_STRING_set(s, data, len))
		return push_general(all, type, s);
	ASN1_STRING_free(s);
	return false;
}

static bool add_alt_names(X509 *x, const struct tls_identity *id)
{
	GENERAL_NAMES *all = sk_GENERAL_NAME_new_null();
	bool ok = all != NULL;

	for (unsigned i = 0; ok && i < id->n_names; i++)
		ok = push_text(all, GEN_DNS, V_ASN1_IA5STRING, id->names[i],
			       (int)strlen(id->names[i]));
	for (unsigned i = 0; ok && i < id->n_addrs; i++)
		ok = push_text(all, GEN_IPADD, V_ASN1_OCTET_STRING, id->addrs[i].b,
			       id->addrs[i].family == 4 ? 4 : 16);
	if (ok && sk_GENERAL_NAME_num(all) > 0)
		ok = X509_add1_ext_i2d(x, NID_subject_alt_name, all, 0, 0) == 1;
	sk_GENERAL_NAME_pop_free(all, GENERAL_NAME_free);
	return ok;
}

/* Version 3, of the key of |seed|, for the time from FROM. */
static X509 *blank(uint64_t seed, const char *to)
{
	X509 *x = X509_new();
	EVP_PKEY *key = tls_key(seed);

	if (x && key && X509_set_version(x, X509_VERSION_3) && X509_set_pubkey(x, key) &&
	    set_period(x, FROM, to)) {
		EVP_PKEY_free(key);
		return x;
	}
	EVP_PKEY_free(key);
	X509_free(x);
	return NULL;
}

/* --- certificates ------------------------------------------------------------------------- */

X509 *tls_ca_cert(uint64_t ca_seed)
{
	X509 *x = blank(ca_seed, TO);

	if (x && set_ca_name(X509_get_subject_name(x), ca_seed) &&
	    X509_set_issuer_name(x, X509_get_subject_name(x)) &&
	    add_ext(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
	    add_ext(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	    add_ext(x, x, NID_subject_key_identifier, "hash"))
		return sign(x, ca_seed);
	X509_free(x);
	return NULL;
}

static bool fill(X509 *x, X509 *issuer, const struct tls_identity *id)
{
	return set_subject(X509_get_subject_name(x), id) &&
	       X509_set_issuer_name(x, X509_get_subject_name(issuer)) &&
	       add_ext(x, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_ext(x, issuer, NID_key_usage, "critical,digitalSignature") &&
	       add_ext(x, issuer, NID_ext_key_usage, "serverAuth") &&
	       add_ext(x, issuer, NID_subject_key_identifier, "hash") &&
	       add_ext(x, issuer, NID_authority_key_identifier, "keyid") && add_alt_names(x, id);
}

X509 *tls_cert(const struct tls_seeds *seeds, const struct tls_identity *id)
{
	bool self = id->kind == TLS_CERT_SELF_SIGNED;
	uint64_t by = self ? seeds->own : id->kind == TLS_CERT_FOREIGN ? ~seeds->ca : seeds->ca;
	X509 *x = blank(seeds->own, id->kind == TLS_CERT_EXPIRED ? TO_EXPIRED : TO);
	X509 *ca = x && !self ? tls_ca_cert(by) : NULL;
	bool ok = x && (self || ca) && fill(x, self ? x : ca, id);

	X509_free(ca);
	if (ok)
		return sign(x, by);
	X509_free(x);
	return NULL;
}

/* --- what people may know ----------------------------------------------------------------- */

static void put_general(const GENERAL_NAME *one, char *out, size_t size)
{
	int type;
	const ASN1_STRING *s = GENERAL_NAME_get0_value(one, &type);
	const uint8_t *b = s ? ASN1_STRING_get0_data(s) : NULL;
	int n = s ? ASN1_STRING_length(s) : 0;
	size_t at = strlen(out);
	char text[INET6_ADDRSTRLEN] = "";

	if (at > 0 && at + 2 < size)
		at += (size_t)snprintf(out + at, size - at, ", ");
	if (type == GEN_DNS)
		snprintf(out + at, size - at, "%.*s", n, (const char *)b);
	if (type == GEN_IPADD && (n == 4 || n == 16)) {
		(void)inet_ntop(n == 4 ? AF_INET : AF_INET6, b, text, sizeof(text));
		snprintf(out + at, size - at, "%s", text);
	}
}

void tls_cert_names(X509 *cert, char *out, size_t size)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

	out[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++)
		put_general(sk_GENERAL_NAME_value(all, i), out, size);
	if (!out[0])
		(void)X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, out,
						(int)size);
	GENERAL_NAMES_free(all);
}

static int64_t unix_s(const ASN1_TIME *t)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0, seconds = 0;

	if (epoch)
		(void)ASN1_TIME_diff(&days, &seconds, epoch, t);
	ASN1_TIME_free(epoch);
	return (int64_t)days * 86400 + seconds;
}

static void tell(X509 *x, struct answer *a)
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	a->certificate.subject[0] = a->certificate.issuer[0] = '\0';
	(void)X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName,
					a->certificate.subject, sizeof(a->certificate.subject));
	(void)X509_NAME_get_text_by_NID(X509_get_issuer_name(x), NID_commonName,
					a->certificate.issuer, sizeof(a->certificate.issuer));
	tls_cert_names(x, a->certificate.names, sizeof(a->certificate.names));
	a->certificate.from_s = unix_s(X509_get0_notBefore(x));
	a->certificate.to_s = unix_s(X509_get0_notAfter(x));
	(void)X509_digest(x, EVP_sha256(), hash, &n);
	for (unsigned i = 0; i < n && i < HASH_BYTES; i++)
		snprintf(a->certificate.fingerprint + 2 * i, 3, "%02x", hash[i]);
}

int tls_certificate(const struct tls_seeds *seeds, const struct tls_identity *id,
		    struct answer *ret)
{
	X509 *x = tls_cert(seeds, id);

	*ret = (struct answer){ .err = x ? 0 : -ENOMEM };
	if (x)
		tell(x, ret);
	X509_free(x);
	return ret->err;
}

/* |key| may be NULL. */
static int pem(X509 *x, EVP_PKEY *key, char *out, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int n = -1;

	if (bio && x && PEM_write_bio_X509(bio, x) &&
	    (!key || PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)))
		n = BIO_read(bio, out, (int)size - 1);
	BIO_free(bio);
	if (n <= 0)
		return -1;
	out[n] = '\0';
	return 0;
}

int tls_ca_pem(uint64_t ca_seed, char *out, size_t size)
{
	X509 *x = tls_ca_cert(ca_seed);
	int r = pem(x, NULL, out, size);

	X509_free(x);
	return r;
}

int tls_cert_pem(const struct tls_seeds *seeds, const struct tls_identity *id, char *out,
		 size_t size)
{
	X509 *x = tls_cert(seeds, id);
	EVP_PKEY *key = tls_key(seeds->own);
	int r = key ? pem(x, key, out, size) : -1;

	X509_free(x);
	EVP_PKEY_free(key);
	return r;
}
