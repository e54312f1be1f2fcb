/* NTP packets, times, authenticators, and how the log shows them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/sbuf.h"
#include "ntp/ntp.h"

static const struct ntp_packet sample = {
	.leap = 1,
	.version = 4,
	.mode = NTP_SERVER,
	.stratum = 2,
	.poll = 6,
	.precision = -20,
	.root_delay = 0x00010000,
	.root_dispersion = 0x00008000,
	.refid = { 10, 0, 0, 1 },
	.reference = 0x1111111122222222,
	.origin = 0x3333333344444444,
	.receive = 0x5555555566666666,
	.transmit = 0x7777777788888888,
};

static void there_and_back(void **state)
{
	uint8_t octets[NTP_PACKET_MAX];
	struct ntp_packet p;
	const char *why;

	(void)state;
	ntp_encode(&sample, octets);
	assert_memory_equal(octets,
			    "\x64\x02\x06\xec\x00\x01\x00\x00\x00\x00\x80\x00\x0a\x00\x00\x01", 16);
	assert_int_equal(ntp_decode(octets, NTP_HEADER_LEN, &p, &why), 0);
	assert_int_equal(p.leap, 1);
	assert_int_equal(p.version, 4);
	assert_int_equal(p.mode, NTP_SERVER);
	assert_int_equal(p.stratum, 2);
	assert_int_equal(p.poll, 6);
	assert_int_equal(p.precision, -20);
	assert_int_equal(p.root_delay, 0x00010000);
	assert_int_equal(p.root_dispersion, 0x00008000);
	assert_memory_equal(p.refid, sample.refid, 4);
	assert_true(p.reference == sample.reference && p.origin == sample.origin);
	assert_true(p.receive == sample.receive && p.transmit == sample.transmit);
	assert_int_equal(p.auth, NTP_AUTH_NONE);
}

/* What follows the header: octets of it, and what it is. */
static void tails(void **state)
{
	static const struct {
		size_t len;
		uint8_t head[4]; /* its first octets */
		int result;
		enum ntp_auth auth;
		const char *why;
	} rows[] = {
		{ 0, { 0 }, 0, NTP_AUTH_NONE, NULL },
		{ 4, { 0 }, 0, NTP_AUTH_NAK, NULL },
		{ 4, { 0, 0, 0, 1 }, -EBADMSG, 0, "a key id without a digest" },
		{ 20, { 0, 0, 0, 1 }, 0, NTP_AUTH_MAC, NULL },
		{ 24, { 0, 0, 0, 1 }, 0, NTP_AUTH_MAC, NULL },
		{ 8, { 0 }, -EBADMSG, 0, "what follows the header is no authenticator" },
		{ 21, { 0 }, -EBADMSG, 0, "what follows the header is no authenticator" },
		/* an extension field of 28 octets alone, and one with a digest behind it */
		{ 28, { 1, 4, 0, 28 }, 0, NTP_AUTH_NONE, NULL },
		{ 48, { 1, 4, 0, 28 }, 0, NTP_AUTH_MAC, NULL },
		{ 28, { 1, 4, 0, 32 }, -EBADMSG, 0, "an extension field is broken" },
		{ 28, { 1, 4, 0, 27 }, -EBADMSG, 0, "an extension field is broken" },
		{ 28, { 1, 4, 0, 12 }, -EBADMSG, 0, "an extension field is broken" },
		{ 28, { 1, 4, 0, 0 }, -EBADMSG, 0, "an extension field is broken" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t len = NTP_HEADER_LEN + rows[i].len;
		uint8_t *octets = calloc(1, len);
		struct ntp_packet p;
		const char *why;

		ntp_encode(&sample, octets);
		memcpy(octets + NTP_HEADER_LEN, rows[i].head, rows[i].len < 4 ? rows[i].len : 4);
		if (ntp_decode(octets, len, &p, &why) != rows[i].result)
			fail_msg("%zu octets: %s", rows[i].len, why);
		if (rows[i].result == 0)
			assert_int_equal(p.auth, rows[i].auth);
		else
			assert_string_equal(why, rows[i].why);
		free(octets);
	}
	struct ntp_packet p;
	const char *why;

	assert_int_equal(ntp_decode((const uint8_t *)"", 0, &p, &why), -EBADMSG);
	assert_string_equal(why, "shorter than 48 octets");
}

static void times(void **state)
{
	static const struct {
		int64_t unix_ns;
		uint64_t ntp;
	} rows[] = {
		{ 0, UINT64_C(2208988800) << 32 },
		{ 500 * MSEC, UINT64_C(2208988800) << 32 | 0x80000000 },
		{ 1767254400 * SEC, UINT64_C(3976243200) << 32 }, /* 2026-01-01 08:00 */
		{ INT64_C(2085978496) * SEC, 0 },		  /* 2036-02-07: the next era */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_true(ntp_from_unix(rows[i].unix_ns) == rows[i].ntp);
		assert_true(ntp_to_unix(rows[i].ntp) == rows[i].unix_ns);
	}
	for (int64_t t = 1; t < SEC; t = t * 3 + 1)
		assert_true(ntp_to_unix(ntp_from_unix(t)) == t);
	assert_int_equal(ntp_short_from_ns(1500 * MSEC), 0x00018000);
	assert_int_equal(ntp_short_from_ns(-5), 0);
	assert_int_equal(ntp_short_from_ns(INT64_MAX), 0xffff0000);
	assert_int_equal(ntp_short_to_ns(0x00018000), 1500 * MSEC);
}

/* The digest is that of secret and packet: RFC 5905 §7.3. */
static void authenticators(void **state)
{
	struct ntp_key md5 = { 7, NTP_MD5, "secret" }, sha1 = { 8, NTP_SHA1, "secret" };
	struct ntp_key other = { 7, NTP_MD5, "Secret" }, renamed = { 9, NTP_MD5, "secret" };
	uint8_t octets[NTP_PACKET_MAX];
	struct ntp_packet p;
	const char *why;

	(void)state;
	memset(octets, 0, sizeof(octets)); /* (printf secret; head -c 48 /dev/zero) | md5sum */
	assert_int_equal(ntp_sign(&md5, octets, NTP_HEADER_LEN), 68);
	assert_memory_equal(octets + 48, "\0\0\0\7", 4);
	assert_memory_equal(octets + 52,
			    "\xcf\xfb\x1b\x80\x6c\x04\x08\xd3\xfc\xf4\x21\xb9\x02\x06\xde\x76", 16);
	assert_int_equal(ntp_decode(octets, 68, &p, &why), 0);
	assert_true(ntp_verify(&md5, octets, &p));
	assert_false(ntp_verify(&other, octets, &p));
	assert_false(ntp_verify(&renamed, octets, &p));
	assert_false(ntp_verify(&sha1, octets, &p));
	octets[3] ^= 1;
	assert_false(ntp_verify(&md5, octets, &p));
	octets[3] ^= 1;
	assert_int_equal(ntp_sign(&sha1, octets, NTP_HEADER_LEN), 72);
	assert_int_equal(ntp_decode(octets, 72, &p, &why), 0);
	assert_int_equal(p.digest_len, 20);
	assert_true(ntp_verify(&sha1, octets, &p));
	octets[71] ^= 1;
	assert_false(ntp_verify(&sha1, octets, &p));
	p.auth = NTP_AUTH_NONE;
	assert_false(ntp_verify(&sha1, octets, &p));
}

static void put_field(void *arg, const char *field, const char *value, size_t offset, size_t len)
{
	sbuf_printf(arg, "%s=%s@%zu+%zu\n", field, value, offset, len);
}

static void log_lines(void **state)
{
	static const char *const infos[] = {
		"NTP Version 4, reserved",
		"NTP Version 4, symmetric active",
		"NTP Version 4, symmetric passive",
		"NTP Version 4, client",
		"NTP Version 4, server",
		"NTP Version 4, broadcast",
		"NTP Version 4, control",
		"NTP Version 4, private",
	};
	struct sbuf out = SBUF(4096);
	uint8_t octets[NTP_PACKET_MAX];
	struct codec_in in = { .data = octets, .len = NTP_HEADER_LEN };
	const char *why = NULL;

	(void)state;
	ntp_encode(&sample, octets);
	for (uint8_t mode = 0; mode < 8; mode++) {
		octets[0] = (uint8_t)(0x60 | mode);
		sbuf_reset(&out);
		assert_int_equal(ntp_codec.info(&in, &out, &why), 0);
		assert_string_equal(sbuf_text(&out), infos[mode]);
		assert_int_equal(ntp_codec.fields(&in, put_field, &out), 0);
	}
	in.len = 12; /* a control message may be short, another one not */
	assert_int_equal(ntp_codec.info(&in, &out, &why), 0);
	octets[0] = 0x23;
	assert_int_equal(ntp_codec.info(&in, &out, &why), -EBADMSG);
	assert_string_equal(why, "shorter than 48 octets");
	assert_int_equal(ntp_codec.fields(&in, put_field, &out), -EBADMSG);
	in.cut = true;
	assert_int_equal(ntp_codec.info(&in, &out, &why), 0);
	assert_int_equal(ntp_codec.fields(&in, put_field, &out), 0);
	in.len = 0;
	assert_int_equal(ntp_codec.info(&in, &out, &why), -EBADMSG);
	assert_int_equal(ntp_codec.fields(&in, put_field, &out), -EBADMSG);
	sbuf_done(&out);
}

static void log_fields(void **state)
{
	struct ntp_key key = { 7, NTP_MD5, "secret" };
	struct ntp_packet p = { .version = 4,
				.mode = NTP_CLIENT,
				.stratum = 1,
				.refid = "GPS",
				.transmit = UINT64_C(3976243200) << 32 };
	struct sbuf out = SBUF(4096);
	uint8_t octets[NTP_PACKET_MAX];
	struct codec_in in = { .data = octets };

	(void)state;
	ntp_encode(&p, octets);
	in.len = ntp_sign(&key, octets, NTP_HEADER_LEN);
	assert_int_equal(ntp_codec.fields(&in, put_field, &out), 0);
	assert_non_null(strstr(sbuf_text(&out),
			       "Flags=Leap Indicator: 0, Version number: 4, Mode: client@0+1\n"
			       "Peer Clock Stratum=1@1+1\n"));
	assert_non_null(strstr(sbuf_text(&out), "Reference ID=GPS@12+4\n"));
	assert_non_null(strstr(sbuf_text(&out), "Origin Timestamp=NULL@24+8\n"));
	assert_non_null(strstr(sbuf_text(&out),
			       "Transmit Timestamp=Jan  1, 2026 08:00:00.000000000 UTC@40+8\n"
			       "Key ID=0x00000007@48+4\n"
			       "Message Authentication Code="));
	sbuf_reset(&out);
	ntp_encode(&sample, octets);
	assert_int_equal(ntp_codec.fields(&in, put_field, &out), 0);
	assert_non_null(strstr(sbuf_text(&out), "Reference ID=10.0.0.1@12+4\n"));
	sbuf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back), cmocka_unit_test(tails),
		cmocka_unit_test(times),	  cmocka_unit_test(authenticators),
		cmocka_unit_test(log_lines),	  cmocka_unit_test(log_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
