/* HTTPS at the server: certificate, listeners, handshakes. TLS itself is the shell's. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "http_server_driver.h"

#define TLS_LISTENER 3

static uint32_t cert_ask;

/* The shell has made what was asked for. */
static void give_certificate(void)
{
	struct answer a = { .err = 0 };

	str_copy(a.certificate.subject, sizeof(a.certificate.subject), "dut");
	str_copy(a.certificate.issuer, sizeof(a.certificate.issuer), "Lab CA 1f3a");
	str_copy(a.certificate.names, sizeof(a.certificate.names), "dut, 10.0.0.1");
	str_copy(a.certificate.fingerprint, sizeof(a.certificate.fingerprint), "ab");
	a.certificate.from_s = 946684800; /* 2000-01-01 */
	a.certificate.to_s = 2524607999;
	drv_answer(&d, cert_ask, &a);
}

static const struct tls_identity *asked_identity(void)
{
	const struct fx_effect *e = drv_next_ask(&d);

	assert_non_null(e);
	assert_int_equal(e->ask.ask->kind, ASK_CERTIFICATE);
	cert_ask = e->ask.ask_id;
	return e->ask.ask->certificate;
}

static void start_secure(const char *more)
{
	drv_conf(&d, config);
	drv_conf(&d, "ip http secure-server\n");
	if (more)
		drv_conf(&d, more);
	drv_start(&d, "http.server");
	asked_identity();
	give_certificate();
}

static void open_secure(void)
{
	drv_opened(&d, SOCK, TLS_LISTENER, drv_ep("10.0.0.1", 443), drv_ep("10.0.0.2", 40000));
	sent = 0;
}

static void shake_hands(const char *name)
{
	const struct ev_tls tls = { "TLSv1.3", "TLS_AES_256_GCM_SHA384", name };

	drv_event(&d, (struct ev){ .kind = EV_OPENED, .opened = { .sock = SOCK, .tls = &tls } });
}

static void test_certificate(void **state)
{
	const struct tls_identity *id;
	const struct fx_effect *e;

	(void)state;
	drv_conf(&d, "ip http secure-server\nip http secure-name www.lab.test\n");
	drv_start(&d, "http.server");
	id = asked_identity();
	assert_int_equal(id->kind, TLS_CERT_LAB);
	assert_int_equal(id->n_names, 2);
	assert_string_equal(id->names[0], "dut");
	assert_string_equal(id->names[1], "www.lab.test");
	assert_int_equal(id->n_addrs, 1);
	drv_expect_none(&d, FX_LISTEN); /* not before there is a certificate */
	give_certificate();
	drv_expect_value(&d, "http.https.certificate", "until", "2049-12-31");
	drv_expect_decision(&d, "http.server.listen");
	assert_int_equal(drv_want(&d, FX_LISTEN, "listen")->listen.local.port, 443);
	e = drv_expect_fact(&d, FX_FACT_BEGIN, "http_certificate", "https");
	assert_string_equal(drv_value(e, "names"), "dut, 10.0.0.1");
	/* Another address: another certificate, while the listener stays. */
	drv_addr_event(&d);
	drv_expect_none(&d, FX_ASK);
	drv_addr(&d, 1, "10.9.0.1/24");
	drv_addr_event(&d);
	assert_int_equal(asked_identity()->n_addrs, 2);
	give_certificate();
	drv_expect_none(&d, FX_LISTEN);
}

static void test_no_certificate(void **state)
{
	struct answer a = { .err = -ENOSYS, .why = "TLS is not to be had here" };

	(void)state;
	drv_conf(&d, "ip http secure-server\n");
	drv_start(&d, "http.server");
	asked_identity();
	drv_answer(&d, cert_ask, &a);
	drv_expect_value(&d, "http.https.no-certificate", "reason", "TLS is not to be had here");
	drv_expect_none(&d, FX_LISTEN);
}

static void test_request(void **state)
{
	const struct fx_effect *e;
	char *got;

	(void)state;
	start_secure(NULL);
	open_secure();
	e = drv_next(&d, FX_STARTTLS);
	assert_non_null(e);
	assert_string_equal(e->starttls.tls->identity->names[0], "dut");
	shake_hands("www");
	drv_expect_value(&d, "http.https.same", "name", "www");
	got = say(GET("/") END);
	must_hold(got, "HTTP/1.1 200 OK\r\n");
	must_hold(got, "<h1>Home</h1>\n");
	free(got);
	e = drv_expect_fact(&d, FX_FACT_BEGIN, "http_exchange", NULL);
	assert_string_equal(drv_value(e, "url"), "https://www/");
	drv_command(&d, "show ip http server all");
	drv_expect_output(&d, "HTTP secure server status: Enabled\n");
	drv_expect_output(&d, "10.0.0.1:443");
}

static void test_bad_handshakes(void **state)
{
	(void)state;
	start_secure(NULL);
	open_secure();
	drv_event(&d, (struct ev){ .kind = EV_CLOSED,
				   .closed = { .sock = SOCK,
					       .err = EPROTO,
					       .why = "it speaks plain HTTP (http request)" } });
	drv_expect_value(&d, "http.https.drop-bad-handshake", "reason",
			 "it speaks plain HTTP (http request)");
	drv_expect_none(&d, FX_WRITE);
	open_secure();
	drv_timer_until(&d, d.now + 10 * SEC);
	drv_expect_value(&d, "http.https.drop-bad-handshake", "reason", "no handshake in 10 s");
	assert_int_equal(drv_next(&d, FX_CLOSE)->close.how, CLOSE_RESET);
	open_secure();
	drv_closed(&d, SOCK, ECONNRESET);
	drv_expect_value(&d, "http.https.drop-bad-handshake", "reason", strerror(ECONNRESET));
}

static void test_switches(void **state)
{
	(void)state;
	start_secure("ip http max-connections 1\n");
	open_as(SOCK, "10.0.0.2");
	drv_conf(&d, "no ip http server\n"); /* closes its own connections */
	drv_expect_decision(&d, "http.server.service-disabled");
	open_secure();
	drv_opened(&d, SOCK + 1, TLS_LISTENER, drv_ep("10.0.0.1", 443), drv_ep("10.0.0.3", 4));
	drv_expect_decision(&d, "http.server.too-many");
	drv_expect_none(&d, FX_WRITE); /* who has no TLS yet cannot be told */
	drv_conf(&d, "ip http secure-port 8443\n");
	drv_expect_decision(&d, "http.server.moved");
	assert_int_equal(drv_want(&d, FX_LISTEN, "listen")->listen.local.port, 8443);
	drv_conf(&d, "no ip http secure-server\n");
	drv_expect_value(&d, "http.server.service-disabled", "port", "8443");
	drv_conf(&d, "ip http secure-server\nip http secure-certificate expired\n");
	assert_int_equal(asked_identity()->kind, TLS_CERT_EXPIRED);
	drv_conf(&d, "ip http secure-certificate self-signed\n");
	assert_int_equal(asked_identity()->kind, TLS_CERT_SELF_SIGNED);
	drv_conf(&d, "no ip http secure-certificate\nno ip http secure-port\n");
	assert_int_equal(asked_identity()->kind, TLS_CERT_LAB);
	drv_stop(&d);
}

static void test_names(void **state)
{
	(void)state;
	for (int i = 0; i < HTTP_NAMES_MAX; i++) {
		char line[64];

		snprintf(line, sizeof(line), "ip http secure-name n%d.test\n", i);
		drv_conf(&d, line);
	}
	drv_conf(&d, "ip http secure-name n1.test\n"); /* is there */
	must_hold(drv_conf_refused(&d, "ip http secure-name more.test\n"), "such lines already");
	must_hold(drv_conf_refused(&d, "ip http secure-name a_b\n"), "not a host name");
	drv_conf(&d, "no ip http secure-name n1.test\nip http secure-name more.test\n");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_certificate),	T(test_no_certificate), T(test_request),
		T(test_bad_handshakes), T(test_switches),	T(test_names),
	};

	return cmocka_run_group_tests_name("http_server_https", tests, NULL, NULL);
}
