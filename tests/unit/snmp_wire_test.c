/* BER, OIDs, messages, names; what the log prints. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/codec.h"
#include "snmp_driver.h"

#define TEXT(s) ((const uint8_t *)(s)), (sizeof(s) - 1)

static struct rd over(const char *octets, size_t len)
{
	struct rd r;

	rd_init(&r, octets, len);
	return r;
}
#define OVER(s) over((s), sizeof(s) - 1)

/* RFC 3417 §8: definite lengths, which need not be minimal. */
static void lengths(void **state)
{
	static const struct {
		const char *octets;
		size_t len;
		int content; /* -1: refused */
	} rows[] = {
		{ "\x04\x02"
		  "ab",
		  4, 2 },
		{ "\x04\x81\x02"
		  "ab",
		  5, 2 },
		{ "\x04\x84\x00\x00\x00\x02"
		  "ab",
		  8, 2 },
		{ "\x04\x85\x00\x00\x00\x00\x02"
		  "ab",
		  9, -1 },
		{ "\x04\x80"
		  "ab\x00\x00",
		  6, -1 }, /* indefinite */
		{ "\x04\x03"
		  "ab",
		  4, -1 },
		{ "\x04\x84\xff\xff\xff\xff"
		  "ab",
		  8, -1 },
		{ "\x04", 1, -1 },
		{ "\x1f\x20\x00", 3, -1 }, /* a tag of several octets */
		{ "", 0, -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct rd r = over(rows[i].octets, rows[i].len), content;
		uint8_t tag;
		bool ok = ber_next(&r, &tag, &content);

		assert_int_equal(ok, rows[i].content >= 0);
		assert_int_equal(r.err, !ok);
		if (ok)
			assert_int_equal(rd_left(&content), rows[i].content);
	}
}

static void integers(void **state)
{
	int32_t i;
	uint64_t u;

	(void)state;
	assert_true(ber_int(OVER("\xff"), &i) && i == -1);
	assert_true(ber_int(OVER("\x00\x00\x00\x00\x05"), &i) && i == 5);
	assert_true(ber_int(OVER("\x80\x00\x00\x00"), &i) && i == INT32_MIN);
	assert_false(ber_int(OVER("\x00\x80\x00\x00\x00"), &i));
	assert_false(ber_int(OVER(""), &i));
	assert_false(ber_int(OVER("\x00\x00\x00\x00\x00\x00\x00\x00\x01"), &i));
	assert_true(ber_unsigned(OVER("\x00\xff\xff\xff\xff"), UINT32_MAX, &u) && u == UINT32_MAX);
	assert_false(ber_unsigned(OVER("\xff\xff\xff\xff"), UINT32_MAX, &u));
	assert_false(ber_unsigned(OVER("\x01\x00\x00\x00\x00"), UINT32_MAX, &u));
	assert_true(ber_unsigned(OVER("\x00\xff\xff\xff\xff\xff\xff\xff\xff"), UINT64_MAX, &u) &&
		    u == UINT64_MAX);
	assert_false(ber_unsigned(OVER("\x01\xff\xff\xff\xff\xff\xff\xff\xff"), UINT64_MAX, &u));
}

static void what_is_written_is_read(void **state)
{
	static const int64_t numbers[] = { 0,	 1,   -1,  127,	  128,	     -128,
					   -129, 255, 256, 65535, INT32_MAX, INT32_MIN };
	static const uint64_t counters[] = { 0, 127, 128, UINT32_MAX, 1ull << 63, UINT64_MAX };
	uint8_t buf[4096];
	struct wr w;
	struct rd r, c;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		int32_t got;

		wr_init(&w, buf, sizeof(buf));
		ber_put_int(&w, SNMP_INTEGER, numbers[i]);
		rd_init(&r, buf, wr_len(&w));
		assert_true(ber_want(&r, SNMP_INTEGER, &c) && ber_int(c, &got) &&
			    got == numbers[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
		uint64_t got;

		wr_init(&w, buf, sizeof(buf));
		ber_put_unsigned(&w, SNMP_COUNTER64, counters[i]);
		rd_init(&r, buf, wr_len(&w));
		assert_true(ber_want(&r, SNMP_COUNTER64, &c) && ber_unsigned(c, UINT64_MAX, &got) &&
			    got == counters[i]);
	}
	for (size_t len = 0; len < 400; len++) {
		size_t head = len < 128 ? 2 : len < 256 ? 3 : 4;

		wr_init(&w, buf, sizeof(buf));
		ber_put_octets(&w, SNMP_STRING, memset(buf + 2048, 'x', 400), len);
		assert_int_equal(wr_len(&w), head + len);
		rd_init(&r, buf, wr_len(&w));
		assert_true(ber_want(&r, SNMP_STRING, &c) && rd_left(&c) == len);
	}
}

static void oids(void **state)
{
	static const char *const good[] = { "1.3.6.1", "0.0", "2.999.4294967295",
					    "1.3.128.16384.2097152.268435456" };
	static const char *const bad[] = { "",	  ".",	  "1..3",	    "1.3.",
					   "3.1", "1.40", "1.3.4294967296", "1.x",
					   "1.3 " };
	char text[SNMP_OID_TEXT_MAX];
	struct snmp_oid a, b;
	uint8_t buf[1024];
	struct wr w;
	struct rd r, c;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(snmp_oid_parse(good[i], &a), 0);
		wr_init(&w, buf, sizeof(buf));
		ber_put_oid(&w, &a);
		rd_init(&r, buf, wr_len(&w));
		assert_true(ber_want(&r, SNMP_OID, &c) && ber_oid(c, &b));
		assert_string_equal(snmp_oid_format(&b, text), good[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(snmp_oid_parse(bad[i], &a), -EINVAL);
	assert_false(ber_oid(OVER(""), &a));
	assert_false(ber_oid(OVER("\x2b\x86"), &a));		     /* ends within a number */
	assert_false(ber_oid(OVER("\x2b\x90\x80\x80\x80\x00"), &a)); /* more than 32 bits */
	memset(buf, 1, sizeof(buf));
	assert_true(ber_oid(over((char *)buf, SNMP_OID_MAX - 1), &a));
	assert_false(ber_oid(over((char *)buf, SNMP_OID_MAX), &a));
}

static void names(void **state)
{
	static const struct {
		const char *text, *oid, *name;
	} rows[] = {
		{ "sysName.0", "1.3.6.1.2.1.1.5.0", "sysName.0" },
		{ ".1.3.6.1.2.1.2.2.1.2.3", "1.3.6.1.2.1.2.2.1.2.3", "ifDescr.3" },
		{ "novellInput", "1.3.6.1.4.1.9.3.4.1", "novellInput" },
		{ "1.3.6.1.4.1.9.3.3.1.0", "1.3.6.1.4.1.9.3.3.1.0", "atInput.0" },
		{ "1.3.6.1.9.9", "1.3.6.1.9.9", "1.3.6.1.9.9" },
		{ "ipRouteMask.255.0.4294967295.1", "1.3.6.1.2.1.4.21.1.11.255.0.4294967295.1",
		  "ipRouteMask.255.0.4294967295.1" },
		{ "mib-2", "1.3.6.1.2.1", "mib-2" },
	};
	static const char *const bad[] = { "sysname",	 "sysName.",
					   "sysName..0", "sysName.4294967296",
					   "sysName.a",	 "no.1" };
	char text[SNMP_OID_TEXT_MAX];
	struct snmp_oid oid;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sbuf out = SBUF(SNMP_NAME_MAX);

		assert_int_equal(snmp_name_parse(rows[i].text, &oid), 0);
		assert_string_equal(snmp_oid_format(&oid, text), rows[i].oid);
		snmp_name_format(&oid, &out);
		assert_string_equal(sbuf_text(&out), rows[i].name);
		sbuf_done(&out);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(snmp_name_parse(bad[i], &oid), -EINVAL);
	/* The order of the objects is that of their OIDs: a walk depends on it. */
	for (size_t i = 1; i < snmp_n_objects; i++) {
		struct snmp_oid a, b;

		assert_int_equal(snmp_name_parse(snmp_objects[i - 1].name, &a), 0);
		assert_int_equal(snmp_name_parse(snmp_objects[i].name, &b), 0);
		assert_true(snmp_oid_compare(&a, &b) < 0);
	}
}

static int decode(const uint8_t *octets, size_t len, const char **why)
{
	struct snmp_msg m;
	int err = snmp_decode_header(octets, len, &m, why);

	return err ? err : snmp_decode_pdu(&m, why);
}

/* Cut anywhere, a message is refused; so is each octet that lies about a length. */
static void malformed(void **state)
{
	const char *why = NULL;

	(void)state;
	snmp_make((struct snmp_msg){ .version = SNMP_V2C, .pdu = SNMP_SET, .id = 7 }, "public",
		  (const char *const[]){ "sysName.0 s abc", "sysUpTime.0 t 5",
					 "snmpTrapOID.0 o linkUp", "ipAdEntAddr.1.2.3.4 a 1.2.3.4",
					 NULL });
	assert_int_equal(decode(snmp_made.octets, snmp_made_len, &why), 0);
	for (size_t len = 0; len < snmp_made_len; len++) {
		why = NULL;
		assert_int_equal(decode(snmp_made.octets, len, &why), -EBADMSG);
		assert_non_null(why);
	}
	assert_int_equal(decode(TEXT("\x30\x03\x02\x01\x00"), &why), -EBADMSG);
	assert_string_equal(why, "no community");
	assert_int_equal(decode(TEXT("\x30\x05\x02\x01\x00\x04\x00"), &why), -EBADMSG);
	assert_string_equal(why, "no PDU that fits the message");
	assert_int_equal(decode(TEXT("\x30\x07\x02\x01\x00\x04\x00\xa9\x00"), &why), -EBADMSG);
	assert_string_equal(why, "an unknown type of PDU");
	assert_int_equal(decode(TEXT("\x30\x07\x02\x01\x00\x04\x00\xa4\x00"), &why), -EBADMSG);
	assert_string_equal(why, "its head is none of a trap");
}

static void too_many_bindings(void **state)
{
	uint8_t buf[8192];
	struct wr w;
	size_t at[3];
	const char *why;

	(void)state;
	wr_init(&w, buf, sizeof(buf));
	at[0] = ber_open(&w, SNMP_SEQUENCE);
	ber_put_int(&w, SNMP_INTEGER, 0);
	ber_put_octets(&w, SNMP_STRING, "x", 1);
	at[1] = ber_open(&w, SNMP_GET);
	for (int i = 0; i < 3; i++)
		ber_put_int(&w, SNMP_INTEGER, 0);
	at[2] = ber_open(&w, SNMP_SEQUENCE);
	for (int i = 0; i <= SNMP_BINDS_MAX; i++)
		wr_bytes(&w, "\x30\x05\x06\x01\x2b\x05\x00", 7);
	for (int i = 2; i >= 0; i--)
		ber_close(&w, at[i]);
	assert_int_equal(decode(buf, wr_len(&w), &why), -EBADMSG);
	assert_string_equal(why, "more variable bindings than anybody asks for");
}

/* --- the log ------------------------------------------------------------------------------ */

static void expect_info(const char *want)
{
	struct codec_in in = { .data = snmp_made.octets, .len = snmp_made_len };
	struct sbuf out = SBUF(2048);
	const char *why;

	assert_int_equal(snmp_codec.info(&in, &out, &why), 0);
	assert_string_equal(sbuf_text(&out), want);
	sbuf_done(&out);
}

static void put_field(void *arg, const char *field, const char *value, size_t offset, size_t len)
{
	struct sbuf *out = arg;

	assert_true(offset + len <= snmp_made_len);
	sbuf_printf(out, "%s=%s; ", field, value);
}

static void what_the_log_prints(void **state)
{
	struct codec_in in = { .data = snmp_made.octets };
	struct sbuf out = SBUF(2048);
	const char *why;

	(void)state;
	snmp_make(
		(struct snmp_msg){ .version = SNMP_V2C, .pdu = SNMP_GETBULK, .id = 7, .index = 10 },
		"public", (const char *const[]){ "system", "ifDescr", NULL });
	expect_info("getBulkRequest 1.3.6.1.2.1.1 1.3.6.1.2.1.2.2.1.2");
	in.len = snmp_made_len;
	assert_int_equal(snmp_codec.fields(&in, put_field, &out), 0);
	assert_string_equal(sbuf_text(&out),
			    "version=v2c (1); community=public; data=getBulkRequest (5); "
			    "request-id=7; non-repeaters=0; "
			    "max-repetitions=10; variable-binding=system: NULL NULL; "
			    "variable-binding=ifDescr: NULL NULL; ");
	sbuf_reset(&out);
	snmp_make((struct snmp_msg){ .pdu = SNMP_TRAP_V1,
				     .generic = 3,
				     .uptime = 9,
				     .enterprise = snmp_sys_object_id },
		  "public", (const char *const[]){ "ifIndex.1 i 1", NULL });
	expect_info("trap iso.3.6.1.4.1.9.1.1 1.3.6.1.2.1.2.2.1.1.1");
	in.len = snmp_made_len;
	assert_int_equal(snmp_codec.fields(&in, put_field, &out), 0);
	assert_string_equal(sbuf_text(&out),
			    "version=v1 (0); community=public; data=trap (4); generic-trap=linkUp "
			    "(3); specific-trap=0; "
			    "time-stamp=9; variable-binding=ifIndex.1: INTEGER 1; ");
	in.len = 9;
	assert_int_equal(snmp_codec.info(&in, &out, &why), -EBADMSG);
	assert_int_equal(snmp_codec.fields(&in, put_field, &out), -EBADMSG);
	sbuf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths),
		cmocka_unit_test(integers),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(oids),
		cmocka_unit_test(names),
		cmocka_unit_test(malformed),
		cmocka_unit_test(too_many_bindings),
		cmocka_unit_test(what_the_log_prints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
