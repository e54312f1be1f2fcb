/* The NTP server: each rule of ntp.server, by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ntp_driver.h"

enum { SOCK4 = 1 };

#define KEYS "ntp authentication-key 1 md5 secret\nntp authentication-key 2 sha1 other\n"

static const struct ntp_packet request = {
	.version = 4, .mode = NTP_CLIENT, .poll = 7, .transmit = 0x1234567812345678
};

static void request_octets(struct drv *d, const uint8_t *octets, size_t len)
{
	drv_datagram(d, SOCK4, drv_ep("10.0.0.77", 40000), drv_ep("10.0.0.9", 123), 1, octets, len);
}

static void ask(struct drv *d, const struct ntp_packet *p, const struct ntp_key *key)
{
	uint8_t octets[NTP_PACKET_MAX];
	size_t len = NTP_HEADER_LEN;

	ntp_encode(p, octets);
	if (key)
		len = ntp_sign(key, octets, len);
	request_octets(d, octets, len);
}

/* The answer; its octets live as long as the window. */
static struct ntp_packet answer(struct drv *d, const struct fx_effect **ret_send)
{
	const struct fx_effect *e = drv_next_send(d);
	struct ntp_packet p;
	const char *why;

	assert_int_equal(e->send.dst.port, 40000);
	assert_int_equal(e->send.src.port, 123);
	assert_true(addr_equal(&e->send.src.addr, &(struct addr){ 4, { 10, 0, 0, 9 } }));
	assert_int_equal(ntp_decode(e->send.data, e->send.len, &p, &why), 0);
	assert_int_equal(p.mode, NTP_SERVER);
	*ret_send = e;
	return p;
}

static void off(void **state)
{
	struct drv d;

	(void)state;
	t_setup(&d, KIND_PC, "");
	drv_expect_none(&d, FX_BIND);
	drv_done(&d);
	t_setup(&d, KIND_SERVER, ""); /* a server holds the port, to say that it drops */
	assert_int_equal(drv_next_bind(&d)->bind.local.port, 123);
	ask(&d, &request, NULL);
	drv_expect_value(&d, "ntp.server.drop-disabled", "client", "10.0.0.77");
	drv_expect_none(&d, FX_SEND);
	drv_conf(&d, "ntp master\n");
	assert_int_equal(drv_next_bind(&d)->bind.local.addr.family, 6);
	assert_int_equal(drv_count(&d, FX_BIND), 1);
	ask(&d, &request, NULL);
	drv_expect_decision(&d, "ntp.server.reply");
	drv_conf(&d, "no ntp master\n");
	drv_expect_column(&d, "clock", "clock", "state", "unsynchronized");
	ask(&d, &request, NULL);
	drv_expect_decision(&d, "ntp.server.drop-disabled");
	drv_failed(&d, &(struct fx_effect){ .kind = FX_BIND, .id = 1 }, SOCK4, EADDRINUSE);
	drv_expect_decision(&d, "ntp.server.no-port");
	drv_done(&d);
}

static void its_own_clock(void **state)
{
	const struct fx_effect *e;
	struct ntp_packet p;
	struct drv d;

	(void)state;
	t_setup(&d, KIND_ROUTER, "ntp master\n");
	assert_int_equal(drv_next_bind(&d)->bind.local.port, 123);
	drv_expect_value(&d, "ntp.server.master", "stratum", "8");
	drv_expect_decision(&d, "ntp.client.no-server");
	drv_expect_column(&d, "clock", "clock", "source", "own clock");
	assert_string_equal(device_clock_mark(&d.dev), "");
	d.now = 5 * SEC;
	ask(&d, &request, NULL);
	drv_expect_value(&d, "ntp.server.reply", "stratum", "8");
	drv_expect_value(&d, "ntp.server.reply", "time", "2026-01-01 08:00:05.000000");
	p = answer(&d, &e);
	assert_int_equal(e->send.len, 48);
	assert_int_equal(p.leap, 0);
	assert_int_equal(p.version, 4);
	assert_int_equal(p.stratum, 8);
	assert_int_equal(p.poll, 7);
	assert_memory_equal(p.refid, "\x7f\x7f\x01\x01", 4);
	assert_true(p.origin == request.transmit);
	assert_true(p.receive == ntp_from_unix(DRV_EPOCH_NS + 5 * SEC) && p.transmit == p.receive);
	assert_true(p.reference == ntp_from_unix(DRV_EPOCH_NS + 1 * SEC));
	drv_conf(&d, "ntp master 3\n");
	drv_expect_value(&d, "ntp.server.master", "stratum", "3");
	drv_command(&d, "show ntp associations");
	drv_expect_output(&d, "\n*~127.127.1.1     .LOCL.           2 ");
	drv_command(&d, "show ntp status");
	drv_expect_output(&d, "Clock is synchronized, stratum 3, reference is 127.127.1.1\n");
	drv_command(&d, "show clock detail");
	drv_expect_output(&d, "Time source is its own clock (ntp master)");
	drv_command(&d, "clock set 12:00:00 1 jan 2020");
	ask(&d, &request, NULL);
	drv_expect_value(&d, "ntp.server.reply", "time", "2020-01-01 12:00:00.000000");
	drv_done(&d);
}

static void requests_that_are_none(void **state)
{
	static const struct {
		uint8_t version, mode;
		size_t len;
		const char *dst, *why;
	} rows[] = {
		{ 0, 3, 48, "10.0.0.9", "its version is not 1 to 4" },
		{ 5, 3, 48, "10.0.0.9", "its version is not 1 to 4" },
		{ 4, 4, 48, "10.0.0.9", "its mode is not 3" },
		{ 4, 6, 48, "10.0.0.9", "its mode is not 3" },
		{ 4, 7, 48, "10.0.0.9", "its mode is not 3" },
		{ 4, 3, 47, "10.0.0.9", "shorter than 48 octets" },
		{ 4, 3, 52, "10.0.0.9", "a crypto-NAK is no request" },
		{ 4, 3, 60, "10.0.0.9", "what follows the header is no authenticator" },
		{ 4, 3, 48, "10.0.0.255", "it was sent to many, who would all answer" },
	};
	uint8_t octets[64] = { 0 };
	struct drv d;

	(void)state;
	t_setup(&d, KIND_ROUTER, "ntp master\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ntp_packet p = { .version = rows[i].version, .mode = rows[i].mode };

		ntp_encode(&p, octets);
		drv_datagram(&d, SOCK4, drv_ep("10.0.0.77", 40000), drv_ep(rows[i].dst, 123), 1,
			     octets, rows[i].len);
		drv_expect_value(&d, "ntp.server.drop-invalid", "reason", rows[i].why);
		drv_expect_none(&d, FX_SEND);
	}
	for (uint8_t version = 1; version <= 4; version++) {
		const struct fx_effect *e;
		struct ntp_packet p = request;

		p.version = version;
		ask(&d, &p, NULL);
		assert_int_equal(answer(&d, &e).version, version);
	}
	drv_done(&d);
}

static void follows_nobody(void **state)
{
	const struct fx_effect *e;
	struct ntp_packet p;
	struct drv d;

	(void)state;
	t_setup(&d, KIND_ROUTER, "ntp server 10.0.0.1\n");
	ask(&d, &request, NULL);
	drv_expect_decision(&d, "ntp.server.unsynchronized");
	p = answer(&d, &e);
	assert_int_equal(p.leap, 3);
	assert_int_equal(p.stratum, 0);
	assert_memory_equal(p.refid, "INIT", 4);
	assert_true(p.reference == 0);
	/* Once it follows somebody, it passes the time on. */
	t_exchange(&d, 10 * SEC);
	d.now += 1000 * SEC;
	ask(&d, &request, NULL);
	p = answer(&d, &e);
	assert_int_equal(p.leap, 0);
	assert_int_equal(p.stratum, 3);
	assert_memory_equal(p.refid, "\x0a\x00\x00\x01", 4);
	/* 15 ppm of 1000 s */
	assert_in_range(ntp_short_to_ns(p.root_dispersion), 14 * MSEC, 16 * MSEC);
	drv_done(&d);
}

/* The reference id of who is followed by IPv6: the beginning of a digest (RFC 5905 §7.3). */
static void follows_by_ipv6(void **state)
{
	const struct fx_effect *e;
	struct ntp_packet p;
	struct drv d;

	(void)state;
	t_setup(&d, KIND_ROUTER, "ntp server 2001:db8::1\n");
	drv_timer(&d);
	assert_int_equal(drv_next_bind(&d)->bind.local.addr.family, 6);
	t_exchange(&d, 10 * SEC);
	ask(&d, &request, NULL);
	p = answer(&d, &e);
	assert_int_equal(p.stratum, 3);
	/* printf '\x20\x01\x0d\xb8...\x01' | md5sum */
	assert_memory_equal(p.refid, "\x39\xab\x9b\x37", 4);
	drv_done(&d);
}

static void the_better_clock(void **state)
{
	struct drv d;

	(void)state;
	t_setup(&d, KIND_ROUTER, "ntp master 3\nntp server 10.0.0.1\n");
	t_exchange(&d, 10 * SEC); /* stratum 2: we are 3, as by our own clock; it is used */
	drv_expect_decision(&d, "ntp.client.select-server");
	drv_conf(&d, "ntp master 2\n");
	drv_expect_value(&d, "ntp.server.master", "stratum", "2");
	drv_expect_no_decision(&d, "ntp.client.lost-sync");
	drv_conf(&d, "no ntp server 10.0.0.1\n");
	drv_expect_no_decision(&d, "ntp.client.lost-sync");
	drv_done(&d);
}

static void signed_answers(void **state)
{
	static const struct ntp_key keys[] = { { 1, NTP_MD5, "secret" }, { 2, NTP_SHA1, "other" } };
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	t_setup(&d, KIND_ROUTER, "ntp master\n" KEYS);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		ask(&d, &request, &keys[i]);
		drv_expect_decision(&d, "ntp.server.sign-reply");
		drv_expect_decision(&d, "ntp.server.reply");
		(void)answer(&d, &e);
		assert_int_equal(e->send.len, i == 0 ? 68 : 72);
		assert_true(t_is_signed(e->send.data, e->send.len, &keys[i]));
	}
	drv_done(&d);
}

static void badly_signed_requests(void **state)
{
	static const struct ntp_key keys[] = { { 1, NTP_MD5, "wrong" },
					       { 3, NTP_MD5, "secret" },
					       { 1, NTP_SHA1, "secret" } };
	const struct fx_effect *e;
	struct ntp_packet p;
	struct drv d;

	(void)state;
	t_setup(&d, KIND_ROUTER, "ntp master\n" KEYS);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		ask(&d, &request, &keys[i]);
		drv_expect_decision(&d, "ntp.server.bad-mac");
		drv_expect_no_decision(&d, "ntp.server.reply");
		p = answer(&d, &e);
		assert_int_equal(p.auth, NTP_AUTH_NAK);
		assert_int_equal(e->send.len, 52);
		assert_true(p.origin == request.transmit);
	}
	drv_done(&d);
}

/* What one device is told by another: both ends of one exchange. */
static void two_devices(void **state)
{
	const struct fx_effect *e;
	struct t_request r;
	struct drv server, client;

	(void)state;
	t_setup(&server, KIND_ROUTER, "ntp master 1\n" KEYS);
	drv_command(&server, "clock set 12:00:00 1 jan 2000");
	t_setup(&client, KIND_PC,
		"ntp authenticate\nntp trusted-key 2\n" KEYS "ntp server 10.0.0.1 key 2\n");
	r = t_poll(&client);
	server.now = client.now;
	request_octets(&server, r.octets, r.len);
	(void)answer(&server, &e);
	drv_datagram(&client, r.sock, drv_ep("10.0.0.1", 123), drv_ep("10.0.0.9", 50000), 1,
		     e->send.data, e->send.len);
	drv_expect_decision(&client, "ntp.client.accept-auth");
	assert_int_equal(t_ahead(&client), t_ahead(&server));
	drv_done(&client);
	drv_done(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(off),
		cmocka_unit_test(its_own_clock),
		cmocka_unit_test(requests_that_are_none),
		cmocka_unit_test(follows_nobody),
		cmocka_unit_test(follows_by_ipv6),
		cmocka_unit_test(the_better_clock),
		cmocka_unit_test(signed_answers),
		cmocka_unit_test(badly_signed_requests),
		cmocka_unit_test(two_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
