/* The NTP client with one server: each rule of ntp.client, by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ntp_driver.h"

#define NOTHING_CONFIGURED ""
#define ONE_SERVER	   "ntp server " T_SERVER "\n"
#define SIGNED                                                                       \
	"ntp authenticate\nntp authentication-key 1 md5 secret\nntp trusted-key 1\n" \
	"ntp server " T_SERVER " key 1\n"

static const struct ntp_key key1 = { 1, NTP_MD5, "secret" };

static void nothing_configured(void **state)
{
	struct drv d;

	(void)state;
	t_setup(&d, KIND_PC, NOTHING_CONFIGURED);
	assert_null(drv_after_effect(&d, NULL)); /* an idle device does nothing at all */
	assert_int_equal(drv_deadline(&d), NEVER);
	drv_conf(&d, ONE_SERVER);
	t_poll(&d);
	drv_conf(&d, "no ntp server " T_SERVER "\n");
	drv_expect_decision(&d, "ntp.client.no-server");
	drv_expect_fact(&d, FX_FACT_END, "ntp_peer", T_SERVER);
	assert_int_equal(drv_deadline(&d), NEVER);
	drv_done(&d);
}

static void the_first_exchange(void **state)
{
	struct t_request r;
	struct ntp_packet p;
	struct drv d;

	(void)state;
	t_setup(&d, KIND_PC, ONE_SERVER);
	drv_expect_column(&d, "clock", "clock", "state", "unsynchronized");
	drv_expect_column(&d, "clock", "clock", "why", "no server has answered");
	r = t_poll(&d);
	assert_true(d.now < 1100 * MSEC);
	drv_expect_value(&d, "ntp.client.send-request", "server", T_SERVER);
	assert_int_equal(drv_next_bind(&d)->bind.local.port, 0); /* a fresh port: RFC 9109 */
	assert_int_equal(r.p.mode, NTP_CLIENT);
	assert_int_equal(r.p.version, 4);
	assert_int_equal(r.p.poll, 6);
	assert_int_equal(r.p.leap, 3);
	assert_int_equal(r.p.stratum, 0);
	assert_true(r.p.auth == NTP_AUTH_NONE);
	/* exact to 5 us, and nobody knows the rest */
	assert_true(llabs(ntp_to_unix(r.p.transmit) - device_clock_ns(&d.dev, d.now)) < 5 * USEC);
	drv_expect_column(&d, "ntp_peer", T_SERVER, "state", "init");
	d.now += 10 * MSEC;
	p = t_reply(&d, &r, 3600 * SEC);
	p.receive = p.transmit = ntp_from_unix(d.dev.epoch_ns + d.now - 5 * MSEC + 3600 * SEC);
	t_answer(&d, &r, &p, NULL);
	drv_expect_value(&d, "ntp.client.accept-unauth", "stratum", "2");
	drv_expect_value(&d, "ntp.client.offset-delay", "offset", "1 h");
	drv_expect_value(&d, "ntp.client.offset-delay", "delay", "10 ms");
	drv_expect_value(&d, "ntp.client.select-server", "because", "the only one");
	drv_expect_value(&d, "ntp.client.step-or-slew", "how", "set the clock at once");
	drv_expect_value(&d, "ntp.client.step-or-slew", "stratum", "3");
	assert_int_equal(t_ahead(&d), 3600 * SEC);
	assert_string_equal(device_clock_mark(&d.dev), "");
	drv_expect_log(&d, "%NTP-5-PEERSYNC: NTP synced to peer " T_SERVER);
	drv_expect_column(&d, "clock", "clock", "state", "synchronized");
	drv_expect_column(&d, "clock", "clock", "source", T_SERVER);
	drv_expect_column(&d, "clock", "clock", "stratum", "3");
	drv_expect_column(&d, "clock", "clock", "ahead", "1 h");
	drv_expect_column(&d, "ntp_peer", T_SERVER, "state", "followed");
	drv_expect_column(&d, "ntp_peer", T_SERVER, "refid", "192.0.2.1");
	drv_expect_column(&d, "ntp_peer", T_SERVER, "reach", "1");
	drv_expect_column(&d, "ntp_peer", T_SERVER, "authenticated", "0");
	assert_int_equal(drv_want(&d, FX_CLOSE, "close")->close.sock, r.sock);
	t_answer(&d, &r, &p, NULL); /* the same once more: that port is closed */
	drv_expect_none(&d, FX_CLOCK);
	assert_null(drv_after_effect(&d, NULL));
	drv_done(&d);
}

static void when_it_asks(void **state)
{
	static const nsec_t gaps[] = { 2, 2, 2, 64, 128, 256, 512, 1024, 1024 };
	struct drv d;
	nsec_t last;

	(void)state;
	t_setup(&d, KIND_PC, ONE_SERVER);
	t_exchange(&d, 0);
	drv_expect_no_decision(&d, "ntp.client.poll-backoff");
	for (size_t i = 0; i < ARRAY_SIZE(gaps); i++) {
		last = d.now;
		t_exchange(&d, 0);
		assert_int_equal(d.now - last, gaps[i] * SEC);
	}
	drv_expect_column(&d, "ntp_peer", T_SERVER, "reach", "255");
	t_poll(&d);
	drv_expect_value(&d, "ntp.client.poll-backoff", "reach", "376");
	drv_expect_value(&d, "ntp.client.poll-backoff", "interval", "17 min 4 s");
	/* After a step: 64 s again. */
	t_exchange(&d, 10 * SEC);
	drv_timer(&d);
	last = d.now;
	drv_timer(&d);
	assert_int_equal(d.now - last, 64 * SEC);
	drv_done(&d);
}

static void bounds_of_polling(void **state)
{
	struct drv d;
	nsec_t last;

	(void)state;
	t_setup(&d, KIND_PC, "ntp server " T_SERVER " version 3 minpoll 4 maxpoll 5 prefer\n");
	for (int i = 0; i < 4; i++)
		assert_int_equal(t_poll(&d).p.version, 3);
	for (int i = 0; i < 4; i++) {
		last = d.now;
		t_poll(&d);
		assert_int_equal(d.now - last, (i == 0 ? 16 : 32) * SEC);
	}
	drv_done(&d);
}

static void step_or_slew(void **state)
{
	static const struct {
		int64_t off;
		bool step;
	} rows[] = { { 1 * MSEC, false },	{ -1 * MSEC, false },  { 128 * MSEC, false },
		     { 129 * MSEC, true },	{ -129 * MSEC, true }, { 2000 * SEC, true },
		     { -800000000 * SEC, true } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct drv d;
		int64_t before;

		t_setup(&d, KIND_PC, ONE_SERVER);
		t_exchange(&d, 5 * MSEC);
		drv_expect_value(&d, "ntp.client.step-or-slew", "how", "set the clock at once");
		before = t_ahead(&d);
		assert_int_equal(before / USEC, 5000);
		t_exchange(&d, before + rows[i].off);
		drv_expect_value(&d, "ntp.client.step-or-slew", "how",
				 rows[i].step ? "set the clock at once"
					      : "slews the clock, 500 ppm");
		if (rows[i].step) {
			assert_int_equal(t_ahead(&d), before + rows[i].off);
			assert_string_equal(drv_want(&d, FX_LOG, "log")->log.mnemonic,
					    "CLOCKUPDATE");
			drv_expect_fact(&d, FX_FACT_BEGIN, "clock", "clock");
		} else {
			assert_int_equal(t_ahead(&d), before);
			d.now += SEC;
			assert_int_equal(t_ahead(&d) - before, rows[i].off > 500 * USEC ? 500 * USEC
							       : rows[i].off < -500 * USEC
								       ? -500 * USEC
								       : rows[i].off);
			d.now += 300 * SEC;
			assert_int_equal(t_ahead(&d), before + rows[i].off);
		}
		drv_done(&d);
	}
}

/* The sample with the smallest delay counts, also when it is not the last one. */
static void the_quickest_answer_counts(void **state)
{
	struct t_request r;
	struct ntp_packet p;
	struct drv d;

	(void)state;
	t_setup(&d, KIND_PC, ONE_SERVER);
	t_exchange(&d, 20 * MSEC);
	assert_int_equal(t_ahead(&d), 20 * MSEC);
	r = t_poll(&d);
	d.now += 100 * MSEC; /* all of it on the way back: 50 ms wrong */
	p = t_reply(&d, &r, 20 * MSEC - 100 * MSEC);
	t_answer(&d, &r, &p, NULL);
	drv_expect_value(&d, "ntp.client.offset-delay", "delay", "100 ms");
	drv_expect_no_decision(&d, "ntp.client.step-or-slew");
	drv_expect_none(&d, FX_CLOCK);
	drv_expect_column(&d, "ntp_peer", T_SERVER, "offset", "0 s");
	drv_expect_column(&d, "ntp_peer", T_SERVER, "jitter", "50 ms");
	/* But when the server's clock is set, what it said before is void. */
	r = t_poll(&d);
	d.now += 100 * MSEC;
	p = t_reply(&d, &r, 500 * SEC - 50 * MSEC);
	t_answer(&d, &r, &p, NULL);
	drv_expect_decision(&d, "ntp.client.step-or-slew");
	assert_int_equal(t_ahead(&d) / SEC, 500);
	drv_expect_column(&d, "ntp_peer", T_SERVER, "jitter", "1 us");
	drv_done(&d);
}

static void packets_that_are_no_replies(void **state)
{
	static const struct {
		const char *why;
		int what;
	} rows[] = {
		{ "its mode is not 4", 0 },
		{ "its version is not the request's", 1 },
		{ "its origin timestamp is not the request's transmit timestamp", 2 },
		{ "it has no transmit timestamp", 3 },
		{ "it is not from the server that was asked", 4 },
		{ "it is not from the server that was asked", 5 },
		{ "shorter than 48 octets", 6 },
		{ "what follows the header is no authenticator", 7 },
		{ "a crypto-NAK, but the request was not signed", 8 },
	};
	uint8_t octets[64] = { 0 };
	struct t_request r;
	struct ntp_packet p;
	struct drv d;

	(void)state;
	t_setup(&d, KIND_PC, ONE_SERVER);
	r = t_poll(&d);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ep from = { r.server, 123 };
		int what = rows[i].what;

		p = t_reply(&d, &r, 0);
		p.mode = what == 0 ? NTP_BROADCAST : p.mode;
		p.version = what == 1 ? 3 : p.version;
		p.origin += what == 2;
		p.transmit = what == 3 ? 0 : p.transmit;
		from.addr = what == 4 ? addr4(10, 0, 0, 2) : from.addr;
		from.port = what == 5 ? 124 : from.port;
		ntp_encode(&p, octets);
		drv_datagram(&d, r.sock, from, drv_ep("10.0.0.9", 50000), 1, octets,
			     what == 6	 ? 47
			     : what == 7 ? 56
			     : what == 8 ? 52
					 : 48);
		drv_expect_value(&d, "ntp.client.drop-invalid", "reason", rows[i].why);
		drv_expect_none(&d, FX_CLOCK);
		drv_expect_none(&d, FX_CLOSE); /* the reply may yet come */
	}
	p = t_reply(&d, &r, 0);
	t_answer(&d, &r, &p, NULL);
	drv_expect_decision(&d, "ntp.client.accept-unauth");
	drv_done(&d);
}

static void signed_times(void **state)
{
	struct t_request r;
	struct ntp_packet p;
	struct drv d;

	(void)state;
	t_setup(&d, KIND_PC, SIGNED);
	r = t_poll(&d);
	drv_expect_value(&d, "ntp.client.sign-request", "key", "1");
	assert_int_equal(r.len, 68);
	assert_true(t_is_signed(r.octets, r.len, &key1));
	p = t_reply(&d, &r, 7 * SEC);
	t_answer(&d, &r, &p, &key1);
	drv_expect_value(&d, "ntp.client.accept-auth", "key", "1");
	drv_expect_no_decision(&d, "ntp.client.accept-unauth");
	drv_expect_column(&d, "ntp_peer", T_SERVER, "authenticated", "1");
	assert_int_equal(t_ahead(&d) / SEC, 7);
	drv_done(&d);
}

/* A key at the server, none asked for here: its time is taken, signed or not (seed 000:409). */
static void nobody_asks_for_signatures(void **state)
{
	const struct ntp_key wrong = { 1, NTP_MD5, "wrong" };
	struct t_request r;
	struct ntp_packet p;
	struct drv d;

	(void)state;
	t_setup(&d, KIND_PC,
		"ntp authentication-key 1 md5 secret\nntp server " T_SERVER " key 1\n");
	r = t_poll(&d);
	drv_expect_decision(&d, "ntp.client.sign-request");
	p = t_reply(&d, &r, 0);
	t_answer(&d, &r, &p, &wrong);
	drv_expect_decision(&d, "ntp.client.accept-unauth");
	drv_conf(&d, "no ntp authentication-key 1\n");
	r = t_poll(&d); /* without its key it cannot sign */
	assert_int_equal(r.len, 48);
	drv_done(&d);
}

static void times_that_are_not_signed_well(void **state)
{
	static const struct ntp_key wrong = { 1, NTP_MD5, "wrong" }, two = { 2, NTP_MD5, "two" },
				    nine = { 9, NTP_MD5, "secret" },
				    sha = { 1, NTP_SHA1, "secret" };
	static const struct {
		const struct ntp_key *key;
		const char *conf, *rule, *why;
	} rows[] = {
		{ NULL, "", "ntp.client.drop-unauth-server", "its replies carry no digest" },
		{ &wrong, "", "ntp.client.drop-key-mismatch", "its key or secret is another one" },
		{ &sha, "", "ntp.client.drop-key-mismatch", "its key or secret is another one" },
		{ &two, "ntp authentication-key 2 md5 two\nntp trusted-key 2\n",
		  "ntp.client.drop-key-mismatch", "its key or secret is another one" },
		{ &nine, "", "ntp.client.drop-key-mismatch", "its key or secret is another one" },
		{ &key1, "no ntp trusted-key 1\nntp trusted-key 2 - 9\n",
		  "ntp.client.drop-untrusted", "its key is not trusted" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct t_request r;
		struct ntp_packet p;
		struct drv d;

		t_setup(&d, KIND_PC, SIGNED);
		r = t_poll(&d);
		p = t_reply(&d, &r, 5 * SEC);
		t_answer(&d, &r, &p, &key1);
		drv_expect_decision(&d, "ntp.client.accept-auth");
		drv_conf(&d, rows[i].conf);
		r = t_poll(&d);
		p = t_reply(&d, &r, 9 * SEC);
		t_answer(&d, &r, &p, rows[i].key);
		drv_expect_decision(&d, rows[i].rule);
		drv_expect_no_decision(&d, "ntp.client.accept-auth");
		drv_expect_value(&d, "ntp.client.lost-sync", "why", rows[i].why);
		drv_expect_log(&d, "%NTP-4-UNSYNC: NTP sync is lost");
		drv_expect_column(&d, "clock", "clock", "state", "unsynchronized");
		drv_expect_column(&d, "clock", "clock", "why", rows[i].why);
		drv_expect_column(&d, "ntp_peer", T_SERVER, "state", "not used");
		assert_int_equal(t_ahead(&d) / SEC, 5); /* it runs on as it was */
		assert_string_equal(device_clock_mark(&d.dev), ".");
		drv_done(&d);
	}
}

static void crypto_nak(void **state)
{
	uint8_t octets[52] = { 0 };
	struct t_request r;
	struct ntp_packet p;
	struct drv d;

	(void)state;
	t_setup(&d, KIND_PC, SIGNED);
	r = t_poll(&d);
	p = t_reply(&d, &r, 5 * SEC);
	t_answer(&d, &r, &p, &key1);
	r = t_poll(&d);
	p = t_reply(&d, &r, 5 * SEC);
	ntp_encode(&p, octets);
	drv_datagram(&d, r.sock, (struct ep){ r.server, 123 }, drv_ep("10.0.0.9", 50000), 1, octets,
		     sizeof(octets));
	drv_expect_value(&d, "ntp.client.drop-crypto-nak", "key", "1");
	drv_expect_decision(&d, "ntp.client.lost-sync");
	/* The next reply that is right makes it good. */
	r = t_poll(&d);
	p = t_reply(&d, &r, 5 * SEC);
	t_answer(&d, &r, &p, &key1);
	drv_expect_decision(&d, "ntp.client.accept-auth");
	drv_expect_decision(&d, "ntp.client.select-server");
	assert_string_equal(device_clock_mark(&d.dev), "");
	drv_done(&d);
}

static void kisses(void **state)
{
	static const struct {
		const char *code;
		int8_t poll;	 /* of the packet */
		nsec_t interval; /* 0 = never again */
	} rows[] = {
		{ "DENY", 6, 0 },	  { "RSTR", 6, 0 },	     { "RATE", 6, 128 * SEC },
		{ "RATE", 9, 512 * SEC }, { "RATE", -5, 128 * SEC }, { "RATE", 100, 128 * SEC }
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct t_request r;
		struct ntp_packet p;
		struct drv d;

		t_setup(&d, KIND_PC, ONE_SERVER);
		r = t_poll(&d);
		p = t_reply(&d, &r, 5 * SEC);
		p.stratum = 0;
		p.leap = 3;
		p.poll = rows[i].poll;
		memcpy(p.refid, rows[i].code, 4);
		t_answer(&d, &r, &p, NULL);
		drv_expect_value(&d, "ntp.client.kiss-code", "code", rows[i].code);
		drv_expect_none(&d, FX_CLOCK);
		if (rows[i].interval) {
			assert_int_equal(drv_deadline(&d) - d.now, rows[i].interval);
		} else {
			assert_int_equal(drv_deadline(&d), NEVER);
			drv_addr_event(&d); /* a new address changes nothing */
			drv_conf(&d, "ntp authenticate\n");
			assert_int_equal(drv_deadline(&d), NEVER);
			drv_conf(&d, ONE_SERVER); /* the line entered again does */
			t_poll(&d);
		}
		drv_done(&d);
	}
}

static void useless_times(void **state)
{
	static const struct {
		int what;
		const char *rule, *why;
	} rows[] = {
		{ 0, "ntp.client.drop-unusable", "its clock is not synchronized (leap 3)" },
		{ 1, "ntp.client.drop-unusable", "its stratum says that it follows nobody" },
		{ 2, "ntp.client.drop-unusable", "its stratum says that it follows nobody" },
		{ 3, "ntp.client.drop-unusable",
		  "it is too far from its reference (more than 1.5 s)" },
		{ 4, "ntp.client.drop-loop", "it follows this device" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct t_request r;
		struct ntp_packet p;
		struct drv d;

		t_setup(&d, KIND_PC, ONE_SERVER);
		r = t_poll(&d);
		p = t_reply(&d, &r, 5 * SEC);
		p.leap = rows[i].what == 0 ? 3 : p.leap;
		p.stratum = rows[i].what == 1 ? 0 : rows[i].what == 2 ? 16 : p.stratum;
		if (rows[i].what == 1)
			memcpy(p.refid, "INIT", 4);
		p.root_delay = rows[i].what == 3 ? 0x00020000 : 0; /* 2 s */
		p.root_dispersion = rows[i].what == 3 ? 0x00008100 : 0;
		if (rows[i].what == 4)
			memcpy(p.refid, "\x0a\x00\x09\x09", 4);
		t_answer(&d, &r, &p, NULL);
		drv_expect_decision(&d, rows[i].rule);
		drv_expect_none(&d, FX_CLOCK);
		drv_expect_column(&d, "ntp_peer", T_SERVER, "why", rows[i].why);
		drv_expect_column(&d, "ntp_peer", T_SERVER, "reach", "1"); /* it was reached */
		drv_expect_column(&d, "clock", "clock", "why", rows[i].why);
		t_exchange(&d, 5 * SEC);
		drv_expect_decision(&d, "ntp.client.select-server");
		drv_done(&d);
	}
}

static void silence(void **state)
{
	struct drv d;

	(void)state;
	t_setup(&d, KIND_PC, ONE_SERVER);
	t_exchange(&d, 5 * SEC);
	for (int i = 0; i < 7; i++)
		t_poll(&d);
	drv_expect_no_decision(&d, "ntp.client.lost-sync");
	t_poll(&d);
	drv_expect_value(&d, "ntp.client.lost-sync", "why", "no server answers any more");
	drv_expect_log(&d, "%NTP-4-PEERUNREACH: Peer " T_SERVER " is unreachable");
	drv_expect_log(&d, "%NTP-4-UNSYNC: NTP sync is lost");
	drv_expect_column(&d, "ntp_peer", T_SERVER, "state", "unreachable");
	assert_string_equal(device_clock_mark(&d.dev), ".");
	assert_int_equal(t_ahead(&d) / SEC, 5);
	drv_command(&d, "show clock detail");
	drv_expect_output(&d, ".");
	drv_expect_output(&d, "No time source");
	/* Another address: it asks at once, four times. */
	drv_addr_event(&d);
	assert_true(drv_deadline(&d) - d.now < 100 * MSEC);
	t_exchange(&d, 5 * SEC);
	drv_expect_decision(&d, "ntp.client.select-server");
	drv_addr_event(&d); /* all is well: nothing changes */
	assert_int_equal(drv_deadline(&d) - d.now, 2 * SEC);
	drv_done(&d);
}

static void a_request_that_does_not_leave(void **state)
{
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	t_setup(&d, KIND_PC, ONE_SERVER);
	drv_timer(&d);
	e = drv_next_send(&d);
	drv_failed(&d, e, e->send.sock, ENETUNREACH);
	drv_expect_value(&d, "ntp.client.send-failed", "server", T_SERVER);
	drv_failed(&d, e, 999, ENETUNREACH);
	assert_null(drv_after_effect(&d, NULL));
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_configured),
		cmocka_unit_test(the_first_exchange),
		cmocka_unit_test(when_it_asks),
		cmocka_unit_test(bounds_of_polling),
		cmocka_unit_test(step_or_slew),
		cmocka_unit_test(the_quickest_answer_counts),
		cmocka_unit_test(packets_that_are_no_replies),
		cmocka_unit_test(signed_times),
		cmocka_unit_test(nobody_asks_for_signatures),
		cmocka_unit_test(times_that_are_not_signed_well),
		cmocka_unit_test(crypto_nak),
		cmocka_unit_test(kisses),
		cmocka_unit_test(useless_times),
		cmocka_unit_test(silence),
		cmocka_unit_test(a_request_that_does_not_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
