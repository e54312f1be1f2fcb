/* labnode-tls.so: certificates that follow from seeds, and handshakes without a socket. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "shell/shell_tls_lib.h"

#define NOW_S 1767254400 /* 2026-01-01 */

extern const struct tls_lib tls_lib;

static const struct tls_seeds seeds = { .ca = 0x1f3a, .own = 77 };

static struct tls_identity identity(enum tls_cert_kind kind)
{
	struct tls_identity id;

	memset(&id, 0, sizeof(id));
	id.kind = kind;
	id.n_names = 2;
	strcpy(id.names[0], "www");
	strcpy(id.names[1], "www.lab.test");
	id.n_addrs = 2;
	id.addrs[0] = addr4(10, 0, 0, 1);
	id.addrs[1] = (struct addr){ .family = 6, .b = { 0xfd, [15] = 1 } };
	return id;
}

/* --- certificates ------------------------------------------------------------------------- */

static void test_certificates(void **state)
{
	struct tls_identity id = identity(TLS_CERT_LAB);
	const struct tls_seeds other = { .ca = 0x1f3a, .own = 78 };
	struct answer a, b;

	(void)state;
	assert_int_equal(tls_lib.certificate(&seeds, &id, &a), 0);
	assert_string_equal(a.certificate.subject, "www");
	assert_string_equal(a.certificate.issuer, "Lab CA 1f3a");
	assert_string_equal(a.certificate.names, "www, www.lab.test, 10.0.0.1, fd00::1");
	assert_int_equal(a.certificate.from_s, 946684800);
	assert_int_equal(a.certificate.to_s, 2524607999);
	/* The same of the same, in this process as in every other. */
	assert_int_equal(tls_lib.certificate(&seeds, &id, &b), 0);
	assert_string_equal(a.certificate.fingerprint, b.certificate.fingerprint);
	assert_string_equal(a.certificate.fingerprint,
			    "af303fdfc5d1662a6e89eb06af818fc817fe0a25aaffdd3c61cbcbedfcec870d");
	assert_int_equal(tls_lib.certificate(&other, &id, &b), 0);
	assert_string_not_equal(a.certificate.fingerprint, b.certificate.fingerprint);
	id.kind = TLS_CERT_SELF_SIGNED;
	assert_int_equal(tls_lib.certificate(&seeds, &id, &b), 0);
	assert_string_equal(b.certificate.issuer, "www");
	id.kind = TLS_CERT_FOREIGN;
	assert_int_equal(tls_lib.certificate(&seeds, &id, &b), 0);
	assert_string_equal(b.certificate.issuer, "Lab CA e0c5");
	id.kind = TLS_CERT_EXPIRED;
	assert_int_equal(tls_lib.certificate(&seeds, &id, &b), 0);
	assert_int_equal(b.certificate.to_s, 978307200);
}

static void test_ca(void **state)
{
	char pem[2][4096];

	(void)state;
	assert_int_equal(tls_lib.ca_pem(7, pem[0], sizeof(pem[0])), 0);
	assert_int_equal(tls_lib.ca_pem(7, pem[1], sizeof(pem[1])), 0);
	assert_string_equal(pem[0], pem[1]);
	assert_memory_equal(pem[0], "-----BEGIN CERTIFICATE-----\n", 28);
	assert_null(strstr(pem[0], "PRIVATE"));
	assert_int_equal(tls_lib.ca_pem(8, pem[1], sizeof(pem[1])), 0);
	assert_string_not_equal(pem[0], pem[1]);
}

/* --- handshakes --------------------------------------------------------------------------- */

struct pair {
	struct tls_conn *server, *client;
};

/* What one has for the other; octets. */
static size_t carry(struct tls_conn *from, struct tls_conn *to)
{
	uint8_t buf[512]; /* records in pieces */
	size_t n, all = 0;

	while ((n = tls_lib.take(from, buf, sizeof(buf))) > 0) {
		assert_int_equal(tls_lib.feed(to, buf, n), 0);
		all += n;
	}
	return all;
}

/* 1 = both are done, -1 = one has failed. */
static int shake_hands(struct pair *p)
{
	int s = 0, c = 0;

	for (int i = 0; i < 10 && s >= 0 && c >= 0 && (s == 0 || c == 0); i++) {
		c = tls_lib.handshake(p->client);
		carry(p->client, p->server);
		s = tls_lib.handshake(p->server);
		carry(p->server, p->client);
	}
	return s < 0 || c < 0 ? -1 : s && c;
}

static struct pair pair_new(enum tls_cert_kind kind, const char *name, uint64_t ca, int64_t now_s)
{
	struct tls_identity id = identity(kind);
	const struct tls_seeds of_client = { .ca = ca, .own = 5 };
	struct pair p = { tls_lib.server(&seeds, &id), tls_lib.client(&of_client, name, now_s) };

	assert_non_null(p.server);
	assert_non_null(p.client);
	return p;
}

static void pair_free(struct pair *p)
{
	tls_lib.free(p->server);
	tls_lib.free(p->client);
}

static void test_trust(void **state)
{
	static const struct {
		enum tls_cert_kind kind;
		const char *name;
		uint64_t ca;
		int64_t now_s;
		const char *why; /* NULL = it is trusted */
	} rows[] = {
		{ TLS_CERT_LAB, "www", 0x1f3a, NOW_S, NULL },
		{ TLS_CERT_LAB, "WWW.lab.test", 0x1f3a, NOW_S, NULL },
		{ TLS_CERT_LAB, "10.0.0.1", 0x1f3a, NOW_S, NULL },
		{ TLS_CERT_LAB, "fd00::1", 0x1f3a, NOW_S, NULL },
		{ TLS_CERT_LAB, "", 0x1f3a, NOW_S, NULL },
		{ TLS_CERT_SELF_SIGNED, "", 0x1f3a, NOW_S, NULL },
		{ TLS_CERT_LAB, "mail.lab.test", 0x1f3a, NOW_S,
		  "the certificate is for www, www.lab.test, 10.0.0.1, fd00::1, not for "
		  "mail.lab.test" },
		{ TLS_CERT_LAB, "10.0.0.2", 0x1f3a, NOW_S,
		  "the certificate is for www, www.lab.test, 10.0.0.1, fd00::1, not for 10.0.0.2" },
		{ TLS_CERT_EXPIRED, "www", 0x1f3a, NOW_S, "the certificate expired on 2001-01-01" },
		{ TLS_CERT_EXPIRED, "www", 0x1f3a, 960000000, NULL }, /* by the lab's clock */
		{ TLS_CERT_LAB, "www", 0x1f3a, 900000000,
		  "the certificate is not valid before 2000-01-01" },
		{ TLS_CERT_SELF_SIGNED, "www", 0x1f3a, NOW_S,
		  "the certificate is signed by itself, not by the lab's CA" },
		{ TLS_CERT_FOREIGN, "www", 0x1f3a, NOW_S,
		  "the certificate is signed by Lab CA e0c5, which is not the lab's CA" },
		{ TLS_CERT_LAB, "www", 0xbeef, NOW_S,
		  "the certificate is signed by Lab CA 1f3a, which is not the lab's CA" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair p = pair_new(rows[i].kind, rows[i].name, rows[i].ca, rows[i].now_s);
		int r = shake_hands(&p);

		if (r != (rows[i].why ? -1 : 1))
			fail_msg("row %zu: %d, %s", i, r, tls_lib.why(p.client));
		if (rows[i].why) {
			assert_string_equal(tls_lib.why(p.client), rows[i].why);
			assert_true(tls_lib.untrusted(p.client));
			assert_memory_equal(tls_lib.why(p.server), "the peer refuses: ", 18);
			assert_false(tls_lib.untrusted(p.server));
		}
		pair_free(&p);
	}
}

/* Where each octet is on the wire: what ties of decisions rely on. */
static void test_records(void **state)
{
	static const size_t sizes[] = { 1, 100, TLS_RECORD_MAX };
	static uint8_t text[TLS_RECORD_MAX], got[TLS_RECORD_MAX];
	struct pair p = pair_new(TLS_CERT_LAB, "www", 0x1f3a, NOW_S);

	(void)state;
	assert_int_equal(shake_hands(&p), 1);
	assert_string_equal(tls_lib.protocol(p.client), "TLSv1.3");
	assert_string_equal(tls_lib.name(p.server), "www");
	assert_string_equal(tls_lib.name(p.client), "www, www.lab.test, 10.0.0.1, fd00::1");
	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(tls_lib.write(p.client, text, sizes[i]), 0);
		assert_int_equal(carry(p.client, p.server),
				 sizes[i] + tls_lib.record_extra(p.client));
		assert_int_equal(tls_lib.read(p.server, got, sizeof(got)), sizes[i]);
		assert_memory_equal(got, text, sizes[i]);
		assert_int_equal(tls_lib.read(p.server, got, sizeof(got)), 0);
	}
	assert_false(tls_lib.said_goodbye(p.server));
	tls_lib.goodbye(p.client);
	carry(p.client, p.server);
	assert_int_equal(tls_lib.read(p.server, got, sizeof(got)), 0);
	assert_true(tls_lib.said_goodbye(p.server));
	pair_free(&p);
}

static void test_strangers(void **state)
{
	static const struct {
		const char *says;
		size_t len;
		const char *why;
	} rows[] = {
#define SAYS(text) text, sizeof(text) - 1
		{ SAYS("GET / HTTP/1.1\r\n\r\n"), "it speaks plain HTTP (http request)" },
		{ SAYS("CONNECT a:443 HTTP/1.1\r\n\r\n"),
		  "it speaks plain HTTP (https proxy request)" },
		{ SAYS("SSH-2.0-OpenSSH_9.2\r\n"),
		  "what it sends is no TLS (wrong version number)" },
		/* A hello of TLS 1.0 with one cipher, and no extension for a later one. */
		{ SAYS("\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x01"
		       "0123456789abcdef0123456789abcdef"
		       "\x00\x00\x02\x00\x2f\x01\x00"),
		  "it offers no version of TLS that is safe (1.2 or 1.3) (unsupported protocol)" },
		/* The same of TLS 1.2: RSA key exchange is not spoken. */
		{ SAYS("\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x03"
		       "0123456789abcdef0123456789abcdef"
		       "\x00\x00\x02\x00\x2f\x01\x00"),
		  "no cipher that both sides know (no shared cipher)" },
	};
	struct tls_identity id = identity(TLS_CERT_LAB);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tls_conn *c = tls_lib.server(&seeds, &id);

		assert_non_null(c);
		assert_int_equal(tls_lib.feed(c, rows[i].says, rows[i].len), 0);
		assert_int_equal(tls_lib.handshake(c), -1);
		assert_string_equal(tls_lib.why(c), rows[i].why);
		tls_lib.free(c);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_certificates), cmocka_unit_test(test_ca),
		cmocka_unit_test(test_trust),	     cmocka_unit_test(test_records),
		cmocka_unit_test(test_strangers),
	};

	return cmocka_run_group_tests_name("shell_tls", tests, NULL, NULL);
}
