/* One TLS connection as octets in and octets out: OpenSSL over two memory BIOs.
 *
 * TLS 1.2 and 1.3 with AEAD ciphers and ephemeral keys only (RFC 9325 §3.1, §4.2); no resumption,
 * no renegotiation: each handshake is a whole one that can be looked at. */
#include "shell_tls_int.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CIPHERS_12    "ECDHE+AESGCM:ECDHE+CHACHA20"
#define NONCE_GCM_12  8	 /* octets before the ciphertext (RFC 5288 §3) */
#define TAG_BYTES     16 /* of each AEAD used */
#define CTX_SLOTS     4
#define REASON_ALERTS 1000 /* SSL_AD_REASON_OFFSET: reasons above are alerts of the peer */

struct tls_conn {
	SSL *ssl;
	BIO *in, *out; /* owned by ssl */
	bool done, untrusted, goodbye;
	char name[ASK_NAME_MAX]; /* expected of the peer; "" = nobody */
	char why[TLS_WHY_MAX];
};

/* --- contexts ----------------------------------------------------------------------------- */

static SSL_CTX *ctx_new(const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	if (!ctx)
		return NULL;
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) &&
	    SSL_CTX_set_cipher_list(ctx, CIPHERS_12) && SSL_CTX_set_num_tickets(ctx, 0))
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

/* A device has few identities: the last ones are kept ready. */
struct slot {
	struct tls_identity id;
	struct tls_seeds seeds;
	SSL_CTX *ctx;
};

static struct slot slots[CTX_SLOTS];
static unsigned next_slot;

static SSL_CTX *server_ctx_new(const struct tls_seeds *seeds, const struct tls_identity *id)
{
	SSL_CTX *ctx = ctx_new(TLS_server_method());
	X509 *cert = tls_cert(seeds, id);
	EVP_PKEY *key = tls_key(seeds->own);
	bool ok = ctx && cert && key && SSL_CTX_use_certificate(ctx, cert) == 1 &&
		  SSL_CTX_use_PrivateKey(ctx, key) == 1;

	X509_free(cert);
	EVP_PKEY_free(key);
	if (ok)
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

static SSL_CTX *server_ctx(const struct tls_seeds *seeds, const struct tls_identity *id)
{
	struct slot *s;

	for (s = slots; s < slots + CTX_SLOTS; s++)
		if (s->ctx && memcmp(&s->seeds, seeds, sizeof(*seeds)) == 0 &&
		    memcmp(&s->id, id, sizeof(*id)) == 0)
			return s->ctx;
	s = &slots[next_slot++ % CTX_SLOTS];
	SSL_CTX_free(s->ctx);
	s->id = *id;
	s->seeds = *seeds;
	s->ctx = server_ctx_new(seeds, id);
	return s->ctx;
}

static SSL_CTX *client_ctx(const struct tls_seeds *seeds)
{
	static SSL_CTX *ctx;
	static uint64_t of_ca;
	X509 *ca;

	if (ctx && of_ca == seeds->ca)
		return ctx;
	SSL_CTX_free(ctx);
	ctx = ctx_new(TLS_client_method());
	ca = ctx ? tls_ca_cert(seeds->ca) : NULL;
	of_ca = seeds->ca;
	if (!ca || !X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca)) {
		SSL_CTX_free(ctx);
		ctx = NULL;
	}
	X509_free(ca);
	return ctx;
}

/* --- whom to trust ------------------------------------------------------------------------ */

static void put_time(const ASN1_TIME *t, char *out, size_t size)
{
	struct tm tm = { 0 };

	(void)ASN1_TIME_to_tm(t, &tm);
	strftime(out, size, "%Y-%m-%d", &tm);
}

static void tell_wrong_name(struct tls_conn *c, X509 *cert)
{
	char names[TLS_WHY_MAX / 2];

	tls_cert_names(cert, names, sizeof(names));
	snprintf(c->why, sizeof(c->why), "the certificate is for %.*s, not for %.80s",
		 (int)sizeof(names), names, c->name);
}

/* What a person needs to hear; else OpenSSL's own words. */
static void tell_untrusted(struct tls_conn *c, int err, X509 *cert)
{
	char when[32], issuer[80] = "somebody";

	switch (err) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		tell_wrong_name(c, cert);
		return;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		put_time(X509_get0_notAfter(cert), when, sizeof(when));
		snprintf(c->why, sizeof(c->why), "the certificate expired on %s", when);
		return;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		put_time(X509_get0_notBefore(cert), when, sizeof(when));
		snprintf(c->why, sizeof(c->why), "the certificate is not valid before %s", when);
		return;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		snprintf(c->why, sizeof(c->why),
			 "the certificate is signed by itself, not by the lab's CA");
		return;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		(void)X509_NAME_get_text_by_NID(X509_get_issuer_name(cert), NID_commonName, issuer,
						sizeof(issuer));
		snprintf(c->why, sizeof(c->why),
			 "the certificate is signed by %s, which is not the lab's CA", issuer);
		return;
	}
	snprintf(c->why, sizeof(c->why), "%s", X509_verify_cert_error_string(err));
}

static int on_verify(int ok, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_conn *c = SSL_get_app_data(ssl);
	X509 *cert = X509_STORE_CTX_get_current_cert(store);

	if (!ok && !c->untrusted && cert) {
		c->untrusted = true;
		tell_untrusted(c, X509_STORE_CTX_get_error(store), cert);
	}
	return ok;
}

static bool expect(struct tls_conn *c, int64_t now_s)
{
	X509_VERIFY_PARAM *p = SSL_get0_param(c->ssl);
	bool address;

	if (!c->name[0])
		return true;
	X509_VERIFY_PARAM_set_time(p, (time_t)now_s);
	address = X509_VERIFY_PARAM_set1_ip_asc(p, c->name) == 1;
	if (!address && (X509_VERIFY_PARAM_set1_host(p, c->name, 0) != 1 ||
			 !SSL_set_tlsext_host_name(c->ssl, c->name)))
		return false;
	SSL_set_verify(c->ssl, SSL_VERIFY_PEER, on_verify);
	return true;
}

/* --- birth and end ------------------------------------------------------------------------ */

static void conn_free(struct tls_conn *c)
{
	if (!c)
		return;
	SSL_free(c->ssl); /* and its BIOs */
	free(c);
}

static struct tls_conn *conn_new(SSL_CTX *ctx)
{
	struct tls_conn *c = ctx ? calloc(1, sizeof(*c)) : NULL;

	if (!c)
		return NULL;
	c->ssl = SSL_new(ctx);
	c->in = BIO_new(BIO_s_mem());
	c->out = BIO_new(BIO_s_mem());
	if (!c->ssl || !c->in || !c->out) {
		BIO_free(c->in);
		BIO_free(c->out);
		conn_free(c);
		return NULL;
	}
	BIO_set_mem_eof_return(c->in, -1); /* empty is not the end */
	SSL_set_bio(c->ssl, c->in, c->out);
	SSL_set_app_data(c->ssl, c);
	return c;
}

static struct tls_conn *server_new(const struct tls_seeds *seeds, const struct tls_identity *id)
{
	struct tls_conn *c = conn_new(server_ctx(seeds, id));

	if (c)
		SSL_set_accept_state(c->ssl);
	return c;
}

static struct tls_conn *client_new(const struct tls_seeds *seeds, const char *name, int64_t now_s)
{
	struct tls_conn *c = conn_new(client_ctx(seeds));

	if (!c)
		return NULL;
	snprintf(c->name, sizeof(c->name), "%s", name);
	SSL_set_connect_state(c->ssl);
	if (expect(c, now_s))
		return c;
	conn_free(c);
	return NULL;
}

/* --- failures ----------------------------------------------------------------------------- */

/* The reasons that a lab meets, in words that say what the peer did. */
static const char *known_reason(int reason)
{
	switch (reason) {
	case SSL_R_HTTP_REQUEST:
	case SSL_R_HTTPS_PROXY_REQUEST:
		return "it speaks plain HTTP";
	case SSL_R_WRONG_VERSION_NUMBER:
		return "what it sends is no TLS";
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:
		return "it offers no version of TLS that is safe (1.2 or 1.3)";
	case SSL_R_NO_SHARED_CIPHER:
		return "no cipher that both sides know";
	}
	return NULL;
}

static int fail(struct tls_conn *c)
{
	unsigned long e = ERR_get_error();
	int reason = ERR_GET_REASON(e);
	const char *own = ERR_reason_error_string(e), *known = known_reason(reason);

	ERR_clear_error();
	if (c->untrusted) /* told already */
		return -1;
	if (!own)
		own = "no reason is known";
	if (ERR_GET_LIB(e) == ERR_LIB_SSL && reason > REASON_ALERTS)
		snprintf(c->why, sizeof(c->why), "the peer refuses: %s", own);
	else if (known)
		snprintf(c->why, sizeof(c->why), "%s (%s)", known, own);
	else
		snprintf(c->why, sizeof(c->why), "%s", own);
	return -1;
}

/* --- octets ------------------------------------------------------------------------------- */

static int conn_feed(struct tls_conn *c, const void *data, size_t len)
{
	return BIO_write(c->in, data, (int)len) == (int)len ? 0 : -1;
}

static int conn_handshake(struct tls_conn *c)
{
	int r;

	ERR_clear_error();
	r = SSL_do_handshake(c->ssl);
	if (r == 1) {
		c->done = true;
		return 1;
	}
	r = SSL_get_error(c->ssl, r);
	return r == SSL_ERROR_WANT_READ || r == SSL_ERROR_WANT_WRITE ? 0 : fail(c);
}

static ssize_t conn_read(struct tls_conn *c, void *out, size_t size)
{
	int n;

	ERR_clear_error();
	n = SSL_read(c->ssl, out, (int)size);
	if (n > 0)
		return n;
	switch (SSL_get_error(c->ssl, n)) {
	case SSL_ERROR_ZERO_RETURN:
		c->goodbye = true;
		return 0;
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return 0;
	}
	return fail(c);
}

static int conn_write(struct tls_conn *c, const void *data, size_t len)
{
	ERR_clear_error();
	return SSL_write(c->ssl, data, (int)len) == (int)len ? 0 : fail(c);
}

static void conn_goodbye(struct tls_conn *c)
{
	ERR_clear_error();
	if (c->done)
		(void)SSL_shutdown(c->ssl);
	ERR_clear_error();
}

static size_t conn_take(struct tls_conn *c, void *out, size_t size)
{
	int n = BIO_read(c->out, out, (int)size);

	return n > 0 ? (size_t)n : 0;
}

/* --- what came of it ---------------------------------------------------------------------- */

static bool conn_said_goodbye(const struct tls_conn *c)
{
	return c->goodbye;
}

static const char *conn_protocol(const struct tls_conn *c)
{
	return SSL_get_version(c->ssl);
}

static const char *conn_cipher(const struct tls_conn *c)
{
	return SSL_CIPHER_get_name(SSL_get_current_cipher(c->ssl));
}

static const char *conn_name(const struct tls_conn *c)
{
	static char subject[TLS_WHY_MAX];
	const char *asked;
	X509 *cert;

	if (SSL_is_server(c->ssl)) {
		asked = SSL_get_servername(c->ssl, TLSEXT_NAMETYPE_host_name);
		return asked ? asked : "";
	}
	cert = SSL_get0_peer_certificate(c->ssl);
	subject[0] = '\0';
	if (cert)
		tls_cert_names(cert, subject, sizeof(subject));
	return subject;
}

static bool is_gcm_12(const struct tls_conn *c)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(c->ssl);

	return SSL_version(c->ssl) == TLS1_2_VERSION && cipher &&
	       SSL_CIPHER_get_cipher_nid(cipher) != NID_chacha20_poly1305;
}

static size_t conn_record_head(const struct tls_conn *c)
{
	return TLS_HEADER + (is_gcm_12(c) ? NONCE_GCM_12 : 0);
}

/* TLS 1.3 hides the type behind the plaintext (RFC 8446 §5.2). */
static size_t conn_record_extra(const struct tls_conn *c)
{
	return conn_record_head(c) + TAG_BYTES + (SSL_version(c->ssl) == TLS1_3_VERSION ? 1 : 0);
}

static const char *conn_why(const struct tls_conn *c)
{
	return c->why;
}

static bool conn_untrusted(const struct tls_conn *c)
{
	return c->untrusted;
}

extern const struct tls_lib tls_lib;
__attribute__((visibility("default"))) const struct tls_lib tls_lib = {
	.version = TLS_LIB_VERSION,
	.certificate = tls_certificate,
	.ca_pem = tls_ca_pem,
	.cert_pem = tls_cert_pem,
	.server = server_new,
	.client = client_new,
	.free = conn_free,
	.feed = conn_feed,
	.handshake = conn_handshake,
	.read = conn_read,
	.said_goodbye = conn_said_goodbye,
	.write = conn_write,
	.goodbye = conn_goodbye,
	.take = conn_take,
	.protocol = conn_protocol,
	.cipher = conn_cipher,
	.name = conn_name,
	.record_head = conn_record_head,
	.record_extra = conn_record_extra,
	.why = conn_why,
	.untrusted = conn_untrusted,
};
