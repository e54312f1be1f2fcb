/* Messages and record data: bytes to struct and back; the log's line against what tshark prints. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "dns_msgs.h"

/* Text to data to text. */
static void data_of_every_shape(void **state)
{
	static const struct {
		const char *type, *in, *out;
	} rows[] = {
		{ "A", "10.0.0.1", "10.0.0.1" },
		{ "AAAA", "2001:DB8::1", "2001:db8::1" },
		{ "CNAME", "www", "www.a.test" },
		{ "NS", "ns.b.", "ns.b" },
		{ "MX", "10 mail", "10 mail.a.test" },
		{ "SOA", "ns root 1 2 3 4 5", "ns.a.test root.a.test 1 2 3 4 5" },
		{ "TXT", "hello", "\"hello\"" },
		{ "TXT", "\"two words\" \"a\\\"b\"", "\"two words\" \"a\\\"b\"" },
		{ "SRV", "1 2 3 h", "1 2 3 h.a.test" },
		{ "HINFO", "PC \"Linux 6\"", "\"PC\" \"Linux 6\"" },
		{ "NAPTR", "1 2 u E2U+sip \"\" .", "1 2 \"u\" \"E2U+sip\" \"\" ." },
		{ "SSHFP", "1 1 00ff", "1 1 00ff" },
		{ "CAA", "0 issue \"ca.test; x\"", "0 \"issue\" \"ca.test; x\"" },
		{ "URI", "1 2 http://a.test/", "1 2 \"http://a.test/\"" },
		{ "TYPE4711", "\\# 3 01 02 ff", "\\# 3 0102ff" },
		{ "TYPE4711", "\\# 0", "\\# 0" },
		{ "TYPE4711", "0102 ff", "\\# 3 0102ff" },
		/* The general form is good for every type, and must fit it (RFC 3597 §5). */
		{ "A", "\\# 4 0A000001", "10.0.0.1" },
		{ "TYPE257", "\\# 9 000569737375656162", "0 \"issue\" \"ab\"" },
		{ "MX", "\\# 5 000a 01 62 00", "10 b" },
		{ "TYPE4711", "\\# 3 0102", NULL },
		{ "TYPE4711", "\\# 3", NULL },
		{ "TYPE4711", "\\# x 0102", NULL },
		{ "A", "\\# 3 0a0000", NULL },
		{ "MX", "\\# 4 000ac002", NULL },
		{ "A", "\\#", NULL },
		/* Escapes in texts (RFC 1035 §5.1). */
		{ "TXT", "\"a\\010\\195\\164\\000z\"", "\"a\\010\\195\\164\\000z\"" },
		{ "TXT", "a\\ b\\\"c", "\"a b\\\"c\"" },
		{ "TXT", "\\# 3 026162", "\"ab\"" },
		{ "TXT", "\"\\# 3\" 026162", "\"# 3\" \"026162\"" },
		{ "TYPE4711", "", NULL },
		{ "A", "10.0.0", NULL },
		{ "A", "fd00::1", NULL },
		{ "A", "10.0.0.1 x", NULL },
		{ "A", "", NULL },
		{ "MX", "70000 x", NULL },
		{ "MX", "mail", NULL },
		{ "TXT", "\"open", NULL },
		{ "CNAME", "a..b", NULL },
		{ "SSHFP", "1 1 0g", NULL },
	};
	struct dns_name origin = dm_name("a.test");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sbuf text = SBUF(4096);
		struct dns_rdata data;
		const char *why = NULL;
		uint16_t type;
		int err;

		assert_int_equal(dns_type_parse(rows[i].type, &type), 0);
		err = dns_rdata_parse(type, rows[i].in, &origin, &data, &why);
		if (!rows[i].out) {
			assert_int_equal(err, -EINVAL);
			assert_non_null(why);
			continue;
		}
		assert_int_equal(err, 0);
		dns_rdata_text(type, data.b, data.len, &text);
		assert_string_equal(sbuf_text(&text), rows[i].out);
		sbuf_done(&text);
	}
}

static void long_text_is_split(void **state)
{
	struct dns_rdata data;
	const char *why;
	char text[601];

	(void)state;
	memset(text, 'x', 600);
	text[600] = '\0';
	assert_int_equal(dns_rdata_parse(DNS_TXT, text, &dns_root, &data, &why), 0);
	assert_int_equal(data.len, 603);
	assert_int_equal(data.b[0], 255);
	assert_int_equal(data.b[512], 90);
}

#define RECORDS                                               \
	"an www.a.test 300 CNAME web.a.test\n"                \
	"an web.a.test 60 A 10.0.0.1\n"                       \
	"ns a.test 60 NS ns1.a.test\n"                        \
	"ns a.test 60 SOA ns1.a.test root.a.test 1 2 3 4 5\n" \
	"ar ns1.a.test 60 AAAA fd00::1\n"                     \
	"ar a.test 60 MX 10 ns1.a.test\n"                     \
	"ar _s._udp.a.test 60 SRV 1 2 3 ns1.a.test\n"

static void round_trip(void **state)
{
	uint8_t buf[1024];
	size_t len = dm_build(buf, sizeof(buf), 0xabcd, DNS_QR | DNS_AA, "www.a.test A", RECORDS);

	(void)state;
	assert_string_equal(dm_show(buf, len), "0xabcd qr aa NOERROR\nq www.a.test A\n" RECORDS);
	/* Each name is written once; SRV targets whole (RFC 2782). */
	assert_int_equal(len, 12 + 16 + 18 + 16 + 18 + 41 + 28 + 16 + 38);
}

/* A record goes in whole or leaves no trace. */
static void no_room(void **state)
{
	struct dns_name n = dm_name("a.test");
	uint8_t buf[64], data[100] = { 0 };
	struct dns_out o;
	size_t len;

	(void)state;
	dns_out_begin(&o, buf, sizeof(buf), 39, false);
	dns_out_question(&o, &n, DNS_A, DNS_CLASS_IN);
	len = wr_len(&o.w);
	assert_false(
		dns_out_rr(&o, DNS_ANSWER, &n, DNS_A, DNS_CLASS_IN, 1, data, 4)); /* 40 octets */
	assert_true(o.cut);
	assert_int_equal(wr_len(&o.w), len);
	o.max = 40;
	assert_true(dns_out_rr(&o, DNS_ANSWER, &n, DNS_A, DNS_CLASS_IN, 1, data, 4));
	o.max = 1000;
	assert_false(dns_out_rr(&o, DNS_ANSWER, &n, 99, DNS_CLASS_IN, 1, data, 100));
	assert_int_equal(dns_out_end(&o), 40);
}

/* Every prefix of a message is refused or shorter by whole records; none is read past its end. */
static void prefixes(void **state)
{
	uint8_t buf[1024];
	size_t len = dm_build(buf, sizeof(buf), 1, DNS_QR, "www.a.test A", RECORDS);

	(void)state;
	for (size_t n = 0; n < len; n++) {
		uint8_t *copy = malloc(n ? n : 1);
		struct dns_msg m;
		const char *why = NULL;

		memcpy(copy, buf, n);
		if (!dns_msg_header(copy, n, &m)) {
			assert_int_equal(dns_msg_read(&m, &why), -EBADMSG);
			assert_non_null(why);
		}
		free(copy);
	}
}

static void bad_data(void **state)
{
	static const struct {
		const char *what;
		size_t at;
		uint8_t value;
	} rows[] = {
		{ "record data that does not fit its type", 35, 5 },	  /* A of 5 octets... */
		{ "record data beyond the end of the packet", 34, 0x10 }, /* ...of 4100 */
		{ "record data that does not fit its type", 35, 3 },
	};
	uint8_t buf[512];
	size_t len = dm_build(buf, sizeof(buf), 1, DNS_QR, "a.test A",
			      "an a.test 60 A 10.0.0.1\nan a.test 60 TXT \"ab\"\n");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t copy[512];
		struct dns_msg m;
		const char *why = "";

		memcpy(copy, buf, len);
		copy[rows[i].at] = rows[i].value;
		assert_int_equal(dns_msg_header(copy, len, &m), 0);
		assert_int_equal(dns_msg_read(&m, &why), -EBADMSG);
		assert_string_equal(why, rows[i].what);
	}
}

/* RFC 2181 §8: a TTL with the top bit set is zero. */
static void huge_ttl(void **state)
{
	uint8_t buf[512];
	size_t len = dm_build(buf, sizeof(buf), 1, DNS_QR, "a.test A",
			      "an a.test 2147483647 A 10.0.0.1\n");

	(void)state;
	assert_non_null(strstr(dm_show(buf, len), " 2147483647 A"));
	buf[len - 10] = 0x80;
	assert_non_null(strstr(dm_show(buf, len), " 0 A"));
}

/* --- the line --- */

static const char *info(const void *data, size_t len, bool tcp, bool cut, int *err)
{
	static char text[4096];
	struct sbuf out = SBUF(sizeof(text) - 1);
	struct codec_in in = { .data = data, .len = len, .tcp = tcp, .cut = cut };
	const char *why = "";

	*err = dns_codec.info(&in, &out, &why);
	str_copy(text, sizeof(text), sbuf_text(&out));
	sbuf_done(&out);
	return text;
}

/* Recorded, with the line that tshark prints. */
static const struct {
	const char *hex, *line;
} recorded[] = {
	{ "593401200001000000000001037777770774637064756d70036f72670000010001000029100000000000"
	  "000c000a000842f5d00996f90b13",
	  "Standard query 0x5934 A www.tcpdump.org OPT" },
	{ "593485000001000200020005037777770774637064756d70036f72670000010001c00c00010001000000"
	  "3c0004c08b2e42c00c000100010000003c0004c6c75868c0100002000100015180001203736e7308636f"
	  "6f7065726978036e657400c01000020001000151800012036e69630973616e64656c6d616e02636100c0"
	  "6b000100010000012c0004d157f912c06b001c00010000012c00102607f0b0000f000000000000babef0"
	  "0dc04d0001000100001c200004616b850fc04d001c000100001c20001026003c0300000000f03c91fffe"
	  "96e8ef0000291000000000000000",
	  "Standard query response 0x5934 A www.tcpdump.org A 192.139.46.66 A "
	  "198.199.88.104 NS sns.cooperix.net NS nic.sandelman.ca A 209.87.249.18 AAAA "
	  "2607:f0b0:f::babe:f00d A 97.107.133.15 AAAA 2600:3c03::f03c:91ff:fe96:e8ef OPT" },
	{ "6daf8500000100030005000504666c6b720a5f646f6d61696e6b657906666c69636b7203636f6d000010"
	  "0001c00c000500010000038400070466613134c011c0380005000100000384001804666131340a5f646f"
	  "6d61696e6b6579057961686f6fc023c04b0010000100001c2000e37f6b3d7273613b20703d4d4947664d"
	  "413047435371475349623344514542415155414134474e4144434269514b4267514450645066794a4d32"
	  "523247714d795a4d31666c547a46654449552b65374b6d694b527735797a335868742b6367454969486d"
	  "6d356c49474275574363357274697930436378655070716363504b6a6e624853724449323350552b484f"
	  "75714a366572674531494f734c364c4f4567473659543533764d62385a36556942537359506c72444543"
	  "2b384355496b544c4d4c584a6175524b35624e524b56314154477a4746706633546a5a74577749444151"
	  "4142c050000200010002a3000006036e7335c05bc050000200010002a3000006036e7334c05bc0500002"
	  "00010002a3000006036e7333c05bc050000200010002a3000006036e7332c05bc050000200010002a300"
	  "0006036e7331c05bc1a60001000100127500000444b48310c19400010001001275000004448eff10c182"
	  "00010001001275000004cb54dd35c17000010001001275000004628a0b9dc15e00010001001275000004"
	  "77a0f77c",
	  "Standard query response 0x6daf TXT flkr._domainkey.flickr.com CNAME "
	  "fa14._domainkey.flickr.com CNAME fa14._domainkey.yahoo.com TXT NS ns5.yahoo.com "
	  "NS ns4.yahoo.com NS ns3.yahoo.com NS ns2.yahoo.com NS ns1.yahoo.com A "
	  "68.180.131.16 A 68.142.255.16 A 203.84.221.53 A 98.138.11.157 A 119.160.247.124" },
};

static size_t from_hex(const char *hex, uint8_t *out)
{
	size_t n = 0;

	for (unsigned v; sscanf(hex, "%2x", &v) == 1; hex += 2)
		out[n++] = (uint8_t)v;
	return n;
}

/* The line, and the same message when written again: no longer than the original. */
static void recorded_messages(void **state)
{
	uint8_t bytes[1024], again[1024];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(recorded); i++) {
		size_t len = from_hex(recorded[i].hex, bytes);
		const char *why;
		struct dns_rdata data;
		struct dns_out o;
		struct dns_msg m;
		struct dns_rrs it;
		struct dns_rr rr;
		int err;

		assert_string_equal(info(bytes, len, false, false, &err), recorded[i].line);
		assert_int_equal(err, 0);
		assert_int_equal(dns_msg_header(bytes, len, &m), 0);
		assert_int_equal(dns_msg_read(&m, &why), 0);
		dns_out_begin(&o, again, sizeof(again), sizeof(again), false);
		o.id = m.id;
		o.flags = m.flags;
		dns_out_question(&o, &m.q.name, m.q.type, m.q.class);
		dns_rrs(&m, &it);
		while (dns_rr_next(&it, &rr)) {
			assert_int_equal(dns_rr_data(&m, &rr, &data), 0);
			assert_true(dns_out_rr(&o, rr.section, &rr.owner, rr.type, rr.class, rr.ttl,
					       data.b, data.len));
		}
		assert_int_equal(dns_out_end(&o), len);
	}
}

static void info_lines(void **state)
{
	static const struct {
		uint16_t flags;
		const char *question, *records, *line;
	} rows[] = {
		{ DNS_RD, "www.example.com A", NULL, "Standard query 0x1234 A www.example.com" },
		{ 0, ". NS", NULL, "Standard query 0x1234 NS <Root>" },
		{ DNS_QR, "www.example.com A",
		  "an www.example.com 60 CNAME w.example.com\n"
		  "an w.example.com 60 A 1.2.3.4\n",
		  "Standard query response 0x1234 A www.example.com CNAME w.example.com A "
		  "1.2.3.4" },
		{ DNS_QR | 3, "no.example.com A",
		  "ns example.com 60 SOA ns.example.com r.example.com 1 2 3 4 5\n",
		  "Standard query response 0x1234 No such name A no.example.com SOA "
		  "ns.example.com" },
		{ DNS_QR | 2, "x. A", NULL, "Standard query response 0x1234 Server failure A x" },
		{ DNS_QR, "example.com MX", "an example.com 60 MX 10 mail.example.com\n",
		  "Standard query response 0x1234 MX example.com MX 10 mail.example.com" },
		{ DNS_QR, "_s._udp.x SRV", "an _s._udp.x 60 SRV 1 2 5060 h.x\n",
		  "Standard query response 0x1234 SRV _s._udp.x SRV 1 2 5060 h.x" },
		{ DNS_QR, "x AAAA", "an x 60 AAAA fd00::1\n",
		  "Standard query response 0x1234 AAAA x AAAA fd00::1" },
		{ DNS_QR, "x TXT", "an x 60 TXT hello\n",
		  "Standard query response 0x1234 TXT x TXT" },
		{ DNS_QR, "x HINFO", "an x 60 HINFO PC Linux\n",
		  "Standard query response 0x1234 HINFO x HINFO PC Linux" },
		{ DNS_QR, "1.0.0.10.in-addr.arpa PTR", "an 1.0.0.10.in-addr.arpa 60 PTR h.x\n",
		  "Standard query response 0x1234 PTR 1.0.0.10.in-addr.arpa PTR h.x" },
		{ 5 << 11, "x SOA", NULL, "Dynamic update 0x1234 SOA x" },
		{ DNS_QR | 9 << 11 | 12, "x TYPE4711", NULL,
		  "Unknown operation (9) response 0x1234 Unknown error (12) Unknown (4711) x" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t buf[1024];
		size_t len = dm_build(buf, sizeof(buf), 0x1234, rows[i].flags, rows[i].question,
				      rows[i].records);
		int err;

		assert_string_equal(info(buf, len, false, false, &err), rows[i].line);
		assert_int_equal(err, 0);
	}
}

static void info_of_pieces(void **state)
{
	uint8_t buf[1024] = { 0 };
	size_t len = dm_build(buf + 2, 1000, 0x1234, DNS_QR, "x. A",
			      "an x 60 A 1.2.3.4\nan x 60 A 1.2.3.5\n");
	int err;

	(void)state;
	buf[1] = (uint8_t)len;
	assert_string_equal(info(buf, len + 2, true, false, &err),
			    "Standard query response 0x1234 A x A 1.2.3.4 A 1.2.3.5");
	assert_int_equal(err, 0);
	info(buf + 1, len + 1, true, false, &err); /* not where a message begins */
	assert_int_equal(err, -EAGAIN);
	assert_string_equal(info(buf + 2, len - 1, false, true, &err),
			    "Standard query response 0x1234 A x A 1.2.3.4");
	assert_int_equal(err, 0);
	assert_string_equal(info(buf + 2, len - 1, false, false, &err),
			    "Standard query response 0x1234 A x A 1.2.3.4");
	assert_int_equal(err, -EBADMSG);
	info(buf + 2, 11, false, false, &err);
	assert_int_equal(err, -EBADMSG);
}

static void note_field(void *arg, const char *name, const char *value, size_t offset, size_t len)
{
	sbuf_printf(arg, "%zu+%zu %s: %s\n", offset, len, name, value);
}

static void fields_in_order(void **state)
{
	uint8_t buf[1024];
	size_t len = dm_build(buf, sizeof(buf), 0x1234, DNS_QR | DNS_RA | DNS_RD, "a.x A",
			      "an a.x 60 A 1.2.3.4\n");
	struct codec_in in = { .data = buf, .len = len };
	struct sbuf out = SBUF(4096);

	(void)state;
	assert_int_equal(dns_codec.fields(&in, note_field, &out), 0);
	assert_string_equal(
		sbuf_text(&out),
		"0+2 Transaction ID: 0x1234\n"
		"2+2 Flags: 0x8180 Standard query response, No error, recursion desired, "
		"recursion available\n"
		"4+2 Questions: 1\n6+2 Answer RRs: 1\n8+2 Authority RRs: 0\n10+2 Additional RRs: "
		"0\n"
		"12+5 Query: a.x\n17+2 Type: A\n19+2 Class: IN\n"
		"21+2 Answer: a.x\n23+2 Type: A\n25+2 Class: IN\n27+4 Time to live: 60\n"
		"31+2 Data length: 4\n33+4 Data: 1.2.3.4\n");
	sbuf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_of_every_shape),
		cmocka_unit_test(long_text_is_split),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(no_room),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(bad_data),
		cmocka_unit_test(huge_ttl),
		cmocka_unit_test(info_lines),
		cmocka_unit_test(recorded_messages),
		cmocka_unit_test(info_of_pieces),
		cmocka_unit_test(fields_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
