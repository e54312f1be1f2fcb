#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/inet.h"

/* "hello" from 10.0.0.2:4000 to 10.0.0.1:7, its checksums by other means. */
static const uint8_t known[] = {
	0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x02,
	0x08, 0x00, 0x45, 0x00, 0x00, 0x21, 0x12, 0x34, 0x00, 0x00, 0x40, 0x11,
	0x54, 0x96, 0x0a, 0x00, 0x00, 0x02, 0x0a, 0x00, 0x00, 0x01, 0x0f, 0xa0,
	0x00, 0x07, 0x00, 0x0d, 0x98, 0x58, 0x68, 0x65, 0x6c, 0x6c, 0x6f,
};

static struct udp_frame hello(void)
{
	return (struct udp_frame){
		.dst_mac = { { 2, 0, 0, 0, 0, 1 } },
		.src_mac = { { 2, 0, 0, 0, 0, 2 } },
		.src = { addr4(10, 0, 0, 2), 4000 },
		.dst = { addr4(10, 0, 0, 1), 7 },
		.ip_id = 0x1234,
		.payload = (const uint8_t *)"hello",
		.payload_len = 5,
	};
}

/* The example of RFC 1071 §3, whole and in pieces. */
static void rfc1071(void **state)
{
	static const uint8_t data[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	(void)state;
	assert_int_equal(inet_sum_fold(inet_sum(0, data, 8)), (uint16_t)~0xddf2);
	assert_int_equal(inet_sum_fold(inet_sum(inet_sum(0, data, 4), data + 4, 4)),
			 (uint16_t)~0xddf2);
	assert_int_equal(inet_sum_fold(inet_sum(0, data, 0)), 0xffff);
	assert_int_equal(inet_sum_fold(inet_sum(0, "\x12", 1)), (uint16_t)~0x1200);
	assert_int_equal(inet_sum_fold(inet_sum(UINT32_MAX, data, 8)), (uint16_t)~0xddf2);
}

/* Every length and alignment, against the definition. */
static void sums_as_defined(void **state)
{
	uint8_t data[80];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 151 + 201);
	for (size_t at = 0; at < 8; at++)
		for (size_t len = 0; at + len <= sizeof(data); len++) {
			uint32_t sum = 0xfffe;

			for (size_t i = 0; i < len; i++)
				sum += (uint32_t)data[at + i] << (i % 2 ? 0 : 8);
			assert_int_equal(inet_sum_fold(inet_sum(0xfffe, data + at, len)),
					 inet_sum_fold(sum));
		}
}

static void builds_the_known_frame(void **state)
{
	struct udp_frame f = hello();
	uint8_t buf[64];

	(void)state;
	assert_int_equal(udp_frame_build(&f, buf, sizeof(buf)), sizeof(known));
	assert_memory_equal(buf, known, sizeof(known));
	assert_int_equal(udp_frame_build(&f, buf, sizeof(known)), sizeof(known));
	assert_int_equal(udp_frame_build(&f, buf, sizeof(known) - 1), -ENOBUFS);
	f.payload_len = 65508;
	assert_int_equal(udp_frame_build(&f, buf, sizeof(buf)), -ENOBUFS);
}

static void parses_the_known_frame(void **state)
{
	uint8_t padded[60] = { 0 };
	struct udp_frame f, sent = hello();
	const char *why;

	(void)state;
	memcpy(padded, known, sizeof(known));
	assert_int_equal(udp_frame_parse(padded, sizeof(padded), &f, &why), 0);
	assert_int_equal(f.payload_len, 5);
	assert_memory_equal(f.payload, "hello", 5);
	assert_int_equal(f.src.port, 4000);
	assert_int_equal(f.dst.port, 7);
	assert_int_equal(addr4_u32(&f.src.addr), 0x0a000002);
	assert_int_equal(f.ttl, 64);
	assert_int_equal(f.ip_id, 0x1234);
	assert_true(mac_equal(&f.src_mac, &sent.src_mac));
}

/* Checksums find every single wrong octet behind the Ethernet header. */
static void finds_any_wrong_octet(void **state)
{
	(void)state;
	for (size_t i = ETH_HDR_LEN; i < sizeof(known); i++) {
		uint8_t frame[sizeof(known)];
		struct udp_frame f;
		const char *why = NULL;

		memcpy(frame, known, sizeof(known));
		frame[i] ^= 0x10;
		assert_int_equal(udp_frame_parse(frame, sizeof(frame), &f, &why), -EBADMSG);
		assert_non_null(why);
	}
	for (size_t len = 0; len < sizeof(known); len++) {
		struct udp_frame f;
		const char *why;

		assert_int_equal(udp_frame_parse(known, len, &f, &why), -EBADMSG);
	}
}

struct change {
	size_t at;
	uint8_t value;
	const char *why;
};

/* Changes the known frame, then makes the IP header's checksum right again. */
static int parse_changed(const struct change *c, const char **ret_why)
{
	uint8_t frame[sizeof(known)];
	struct udp_frame f;
	uint16_t sum;

	memcpy(frame, known, sizeof(known));
	frame[c->at] = c->value;
	frame[24] = frame[25] = 0;
	sum = inet_sum_fold(inet_sum(0, frame + ETH_HDR_LEN, IP4_HDR_LEN));
	frame[24] = (uint8_t)(sum >> 8);
	frame[25] = (uint8_t)sum;
	return udp_frame_parse(frame, sizeof(frame), &f, ret_why);
}

static void says_what_is_wrong(void **state)
{
	static const struct change rows[] = {
		{ 13, 0x06, "not IPv4" },
		{ 14, 0x65, "bad IP version or header length" },
		{ 14, 0x44, "bad IP version or header length" },
		{ 17, 0x22, "bad IP total length" },
		{ 17, 0x13, "bad IP total length" },
		{ 17, 0x1b, "shorter than a UDP header" },
		{ 20, 0x20, "an IP fragment" },
		{ 21, 0x01, "an IP fragment" },
		{ 23, 0x06, "the IP protocol is not UDP" },
		{ 39, 0x0e, "bad UDP length" },
		{ 39, 0x07, "bad UDP length" },
		{ 46, 0x00, "bad UDP checksum" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *why = "accepted";

		assert_int_equal(parse_changed(&rows[i], &why), -EBADMSG);
		assert_string_equal(why, rows[i].why);
	}
}

static void udp_without_checksum(void **state)
{
	uint8_t frame[sizeof(known)];
	struct udp_frame f;
	const char *why;

	(void)state;
	memcpy(frame, known, sizeof(known));
	frame[40] = frame[41] = 0;
	assert_int_equal(udp_frame_parse(frame, sizeof(frame), &f, &why), 0);
}

static void ip6_sum(void **state)
{
	struct ep src = { .port = 4000 }, dst = { .port = 7 };

	(void)state;
	addr_parse("2001:db8::2", &src.addr);
	addr_parse("2001:db8::1", &dst.addr);
	assert_int_equal(inet_udp_sum(&src, &dst, "hello", 5), 0x50e6);
}

/* A sum that comes out as zero is sent as all ones. */
static void never_zero(void **state)
{
	struct ep src = { addr4(0, 0, 0, 0), 0 }, dst = { addr4(0, 0, 0, 0), 0 };
	/* pseudo header 0x11 + 10, header 10: together with this word 0xffff */
	static const uint8_t word[] = { 0xff, 0xda };

	(void)state;
	assert_int_equal(inet_udp_sum(&src, &dst, word, 2), 0xffff);
}

static void arp_both_ways(void **state)
{
	struct arp a = { .op = ARP_REPLY,
			 .sender_mac = { { 2, 0, 0, 0, 0, 1 } },
			 .target_mac = { { 2, 0, 0, 0, 0, 2 } },
			 .sender = addr4(10, 0, 0, 1),
			 .target = addr4(10, 0, 0, 2) };
	static const uint8_t expected[ARP_LEN] = { 0,  1, 8, 0, 6, 4, 0, 2, 2, 0, 0,  0, 0, 1,
						   10, 0, 0, 1, 2, 0, 0, 0, 0, 2, 10, 0, 0, 2 };
	uint8_t buf[ARP_LEN];
	struct arp b;

	(void)state;
	arp_build(&a, buf);
	assert_memory_equal(buf, expected, ARP_LEN);
	assert_int_equal(arp_parse(buf, ARP_LEN, &b), 0);
	assert_int_equal(b.op, ARP_REPLY);
	assert_true(addr_equal(&a.sender, &b.sender) && addr_equal(&a.target, &b.target));
	assert_true(mac_equal(&a.sender_mac, &b.sender_mac));
	assert_int_equal(arp_parse(buf, ARP_LEN - 1, &b), -EBADMSG);
	for (size_t i = 0; i < 6; i++) {
		buf[i] ^= 1;
		assert_int_equal(arp_parse(buf, ARP_LEN, &b), -EBADMSG);
		buf[i] ^= 1;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc1071),
		cmocka_unit_test(sums_as_defined),
		cmocka_unit_test(builds_the_known_frame),
		cmocka_unit_test(parses_the_known_frame),
		cmocka_unit_test(finds_any_wrong_octet),
		cmocka_unit_test(says_what_is_wrong),
		cmocka_unit_test(udp_without_checksum),
		cmocka_unit_test(ip6_sum),
		cmocka_unit_test(never_zero),
		cmocka_unit_test(arp_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
