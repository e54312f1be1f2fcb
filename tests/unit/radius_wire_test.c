/* RADIUS packets: the examples of RFC 2865 §7, what is refused, and signatures. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/codec.h"
#include "base/sbuf.h"
#include "radius/radius_wire.h"

#define SECRET "xyzzy5461"

/* RFC 2865 §7.1: nemo, whose password is "arctangent". */
static const uint8_t nemo[] = {
	0x01, 0x00, 0x00, 0x38, 0x0f, 0x40, 0x3f, 0x94, 0x73, 0x97, 0x80, 0x57, 0xbd, 0x83,
	0xd5, 0xcb, 0x98, 0xf4, 0x22, 0x7a, 0x01, 0x06, 0x6e, 0x65, 0x6d, 0x6f, 0x02, 0x12,
	0x0d, 0xbe, 0x70, 0x8d, 0x93, 0xd4, 0x13, 0xce, 0x31, 0x96, 0xe4, 0x3f, 0x78, 0x2a,
	0x0a, 0xee, 0x04, 0x06, 0xc0, 0xa8, 0x01, 0x10, 0x05, 0x06, 0x00, 0x00, 0x00, 0x03,
};
static const uint8_t nemo_accept[] = {
	0x02, 0x00, 0x00, 0x26, 0x86, 0xfe, 0x22, 0x0e, 0x76, 0x24, 0xba, 0x2a, 0x10,
	0x05, 0xf6, 0xbf, 0x9b, 0x55, 0xe0, 0xb2, 0x06, 0x06, 0x00, 0x00, 0x00, 0x01,
	0x0f, 0x06, 0x00, 0x00, 0x00, 0x00, 0x0e, 0x06, 0xc0, 0xa8, 0x01, 0x03,
};
/* §7.2: flopsy, with CHAP and the same password. */
static const uint8_t flopsy[] = {
	0x01, 0x01, 0x00, 0x47, 0x2a, 0xee, 0x86, 0xf0, 0x8d, 0x0d, 0x55, 0x96, 0x9c, 0xa5, 0x97,
	0x8e, 0x0d, 0x33, 0x67, 0xa2, 0x01, 0x08, 0x66, 0x6c, 0x6f, 0x70, 0x73, 0x79, 0x03, 0x13,
	0x16, 0xe9, 0x75, 0x57, 0xc3, 0x16, 0x18, 0x58, 0x95, 0xf2, 0x93, 0xff, 0x63, 0x44, 0x07,
	0x72, 0x75, 0x04, 0x06, 0xc0, 0xa8, 0x01, 0x10, 0x05, 0x06, 0x00, 0x00, 0x00, 0x14, 0x06,
	0x06, 0x00, 0x00, 0x00, 0x02, 0x07, 0x06, 0x00, 0x00, 0x00, 0x01,
};

static struct radius_packet decoded(const uint8_t *octets, size_t len)
{
	struct radius_packet p;
	const char *why;

	assert_int_equal(radius_decode(octets, len, &p, &why), 0);
	return p;
}

static void examples_of_the_rfc(void **state)
{
	struct radius_packet p = decoded(nemo, sizeof(nemo));
	char text[RADIUS_PASSWORD_MAX + 1];
	uint8_t hidden[RADIUS_PASSWORD_MAX];
	struct radius_attr a;

	(void)state;
	assert_true(radius_text(&p, RADIUS_USER_NAME, text, sizeof(text)));
	assert_string_equal(text, "nemo");
	assert_true(radius_find(&p, RADIUS_USER_PASSWORD, &a));
	assert_int_equal(radius_unhide(SECRET, p.authenticator, &a, text), 10);
	assert_string_equal(text, "arctangent");
	assert_int_equal(radius_hide(SECRET, p.authenticator, "arctangent", hidden), 16);
	assert_memory_equal(hidden, a.value, 16);
	assert_int_equal(radius_number(&p, RADIUS_NAS_PORT, 99), 3);
	assert_int_equal(radius_number(&p, RADIUS_SERVICE_TYPE, 99), 99);
	p = decoded(nemo_accept, sizeof(nemo_accept));
	assert_true(radius_check_authenticator(&p, SECRET, nemo + 4));
	assert_false(radius_check_authenticator(&p, "other", nemo + 4));
	p = decoded(flopsy, sizeof(flopsy));
	assert_true(radius_chap_matches(&p, "arctangent"));
	assert_false(radius_chap_matches(&p, "arctangents"));
}

static void long_passwords(void **state)
{
	static const char password[] = "a password of more than sixteen octets, and of two blocks";
	uint8_t octets[2 + RADIUS_PASSWORD_MAX] = { RADIUS_USER_PASSWORD };
	char text[RADIUS_PASSWORD_MAX + 1];
	struct radius_attr a = { .value = octets };

	(void)state;
	a.len = (uint8_t)radius_hide("k", nemo + 4, password, octets);
	assert_int_equal(a.len, 64);
	assert_int_equal(radius_unhide("k", nemo + 4, &a, text), sizeof(password) - 1);
	assert_string_equal(text, password);
	a.len = 15;
	assert_int_equal(radius_unhide("k", nemo + 4, &a, text), -EBADMSG);
	a.len = 0;
	assert_int_equal(radius_unhide("k", nemo + 4, &a, text), -EBADMSG);
	a.len = 144;
	assert_int_equal(radius_unhide("k", nemo + 4, &a, text), -EBADMSG);
	assert_int_equal(radius_hide("k", nemo + 4, "", octets), 16);
}

static void malformed(void **state)
{
	uint8_t octets[sizeof(nemo) + 4];
	struct radius_packet p;
	const char *why;

	(void)state;
	memcpy(octets, nemo, sizeof(nemo));
	assert_int_equal(radius_decode(octets, 19, &p, &why), -EBADMSG);
	assert_int_equal(radius_decode(octets, sizeof(nemo) - 1, &p, &why), -EBADMSG);
	assert_int_equal(radius_decode(octets, sizeof(nemo) + 4, &p, &why), 0);
	assert_int_equal(p.len, sizeof(nemo)); /* what is behind is padding */
	octets[21] = 1;
	assert_int_equal(radius_decode(octets, sizeof(nemo), &p, &why), -EBADMSG);
	octets[21] = 200;
	assert_int_equal(radius_decode(octets, sizeof(nemo), &p, &why), -EBADMSG);
	octets[21] = 6;
	octets[3] = 19;
	assert_int_equal(radius_decode(octets, sizeof(nemo), &p, &why), -EBADMSG);
	octets[3] = 21; /* one octet of an attribute */
	assert_int_equal(radius_decode(octets, sizeof(nemo), &p, &why), -EBADMSG);
	octets[2] = 0x10;
	octets[3] = 1;
	assert_int_equal(radius_decode(octets, sizeof(octets), &p, &why), -EBADMSG);
}

static void signatures(void **state)
{
	static const char long_secret[] =
		"a secret that is longer than one block of MD5, which has sixty-four octets";
	struct radius_packet p;
	struct radius_out o;

	(void)state;
	radius_begin(&o, RADIUS_ACCESS_REQUEST, 9, true);
	radius_put_text(&o, RADIUS_USER_NAME, "ann");
	radius_seal_request(&o, long_secret, nemo + 4);
	p = decoded(o.octets, o.len);
	assert_int_equal(radius_check_ma(&p, long_secret, p.authenticator), RADIUS_MA_RIGHT);
	assert_int_equal(radius_check_ma(&p, SECRET, p.authenticator), RADIUS_MA_WRONG);
	o.octets[o.len - 1] ^= 1;
	assert_int_equal(radius_check_ma(&p, long_secret, p.authenticator), RADIUS_MA_WRONG);
	p = decoded(nemo, sizeof(nemo));
	assert_int_equal(radius_check_ma(&p, SECRET, p.authenticator), RADIUS_MA_NONE);

	radius_begin(&o, RADIUS_ACCESS_ACCEPT, 9, true);
	radius_put_privilege(&o, 12);
	radius_seal_reply(&o, SECRET, nemo + 4);
	p = decoded(o.octets, o.len);
	assert_true(radius_check_authenticator(&p, SECRET, nemo + 4));
	assert_int_equal(radius_check_ma(&p, SECRET, nemo + 4), RADIUS_MA_RIGHT);
	assert_int_equal(radius_privilege(&p), 12);
	radius_put(&o, RADIUS_MESSAGE_AUTHENTICATOR, nemo, 16); /* a second one */
	radius_seal_reply(&o, SECRET, nemo + 4);
	p = decoded(o.octets, o.len);
	assert_int_equal(radius_check_ma(&p, SECRET, nemo + 4), RADIUS_MA_WRONG);
}

static void no_more_than_fits(void **state)
{
	static const uint8_t value[RADIUS_VALUE_MAX + 1];
	struct radius_out o;

	(void)state;
	radius_begin(&o, RADIUS_ACCESS_ACCEPT, 0, false);
	radius_put(&o, RADIUS_PROXY_STATE, value, sizeof(value));
	assert_true(o.full && o.len == RADIUS_HEADER_LEN);
	for (int i = 0; i < 20; i++)
		radius_put(&o, RADIUS_PROXY_STATE, value, RADIUS_VALUE_MAX);
	assert_int_equal(o.len, RADIUS_HEADER_LEN + 15 * 255);
	assert_int_equal(
		radius_privilege(&(struct radius_packet){ .octets = o.octets, .len = o.len }), -1);
}

static void collect(void *arg, const char *field, const char *value, size_t offset, size_t len)
{
	(void)offset, (void)len;
	sbuf_printf(arg, "%s: %s\n", field, value);
}

static void as_the_log_reads_it(void **state)
{
	struct codec_in in = { .data = nemo, .len = sizeof(nemo), .dst.port = RADIUS_AUTH_PORT };
	struct sbuf out = SBUF(4096);
	const char *why = NULL;

	(void)state;
	assert_int_equal(radius_codec.info(&in, &out, &why), 0);
	assert_string_equal(sbuf_text(&out), "Access-Request id=0");
	assert_int_equal(radius_codec.fields(&in, collect, &out), 0);
	assert_non_null(strstr(out.data, "Code: Access-Request (1)\n"));
	assert_non_null(strstr(out.data, "AVP: t=User-Name(1) l=6 val=nemo\n"));
	assert_non_null(strstr(out.data, "AVP: t=User-Password(2) l=18 val=Encrypted\n"));
	assert_non_null(strstr(out.data, "AVP: t=NAS-IP-Address(4) l=6 val=192.168.1.16\n"));
	assert_non_null(strstr(out.data, "AVP: t=NAS-Port(5) l=6 val=3\n"));
	sbuf_reset(&out);
	in.len = 30;
	assert_int_equal(radius_codec.info(&in, &out, &why), -EBADMSG);
	assert_int_equal(radius_codec.fields(&in, collect, &out), -EBADMSG);
	in.cut = true;
	assert_int_equal(radius_codec.info(&in, &out, &why), 0);
	assert_string_equal(radius_code_name(77), "Unknown Packet");
	sbuf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_of_the_rfc), cmocka_unit_test(long_passwords),
		cmocka_unit_test(malformed),	       cmocka_unit_test(signatures),
		cmocka_unit_test(no_more_than_fits),   cmocka_unit_test(as_the_log_reads_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
