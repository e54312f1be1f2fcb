/* What a person reads of a message: the line, the fields, the options, recorded packets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/inet.h"
#include "base/sbuf.h"
#include "dhcp4/dhcp4_option.h"
#include "dhcp4_vectors.h"

/* --- the codec ---------------------------------------------------------------------------- */

static void info_is_worded_as_wiresharks(void **state)
{
	uint8_t bytes[DHCP4_LEN_MIN];
	struct codec_in in = { .data = bytes, .len = sizeof(bytes) };
	struct sbuf out = SBUF(256);
	const char *why;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		vector_bytes(&vectors[i], bytes);
		sbuf_reset(&out);
		assert_int_equal(dhcp4_codec.info(&in, &out, &why), 0);
		assert_string_equal(sbuf_text(&out), vectors[i].info);
	}
	memset(bytes + 236, 0, 64);
	bytes[0] = 1;
	sbuf_reset(&out);
	assert_int_equal(dhcp4_codec.info(&in, &out, &why), 0);
	assert_string_equal(sbuf_text(&out),
			    "Boot Request from 00:05:3c:04:8d:59 (00:05:3c:04:8d:59)");
	bytes[0] = 2;
	sbuf_reset(&out);
	assert_int_equal(dhcp4_codec.info(&in, &out, &why), 0);
	assert_string_equal(sbuf_text(&out), "Boot Reply");
	bytes[0] = 9;
	sbuf_reset(&out);
	assert_int_equal(dhcp4_codec.info(&in, &out, &why), -EBADMSG);
	assert_string_equal(sbuf_text(&out), "Unknown BOOTP message type (9)");
	sbuf_done(&out);
}

static void a_cut_message_is_not_malformed(void **state)
{
	uint8_t bytes[DHCP4_LEN_MIN];
	struct codec_in in = { .data = bytes, .len = 100, .cut = true };
	struct sbuf out = SBUF(256);
	const char *why;

	(void)state;
	vector_bytes(&vectors[0], bytes);
	assert_int_equal(dhcp4_codec.info(&in, &out, &why), 0);
	in.cut = false;
	assert_int_equal(dhcp4_codec.info(&in, &out, &why), -EBADMSG);
	sbuf_done(&out);
}

struct field_log {
	struct sbuf text;
	size_t next; /* where the next field should start */
};

static void log_field(void *arg, const char *field, const char *value, size_t offset, size_t len)
{
	struct field_log *log = arg;

	assert_true(offset >= log->next);
	log->next = offset + len;
	sbuf_printf(&log->text, "%s: %s\n", field, value);
}

static void fields_are_told_in_order(void **state)
{
	uint8_t bytes[DHCP4_LEN_MIN];
	struct codec_in in = { .data = bytes, .len = sizeof(bytes) };
	struct field_log log = { .text = SBUF(8192) };

	(void)state;
	vector_bytes(&vectors[1], bytes);
	assert_int_equal(dhcp4_codec.fields(&in, log_field, &log), 0);
	assert_string_equal(sbuf_text(&log.text),
			    "Message type: Boot Reply (2)\n"
			    "Hardware type: 0x01\n"
			    "Hardware address length: 6\n"
			    "Hops: 0\n"
			    "Transaction ID: 0x3903f326\n"
			    "Seconds elapsed: 0\n"
			    "Bootp flags: 0x0000\n"
			    "Client IP address: 0.0.0.0\n"
			    "Your (client) IP address: 192.168.1.100\n"
			    "Next server IP address: 0.0.0.0\n"
			    "Relay agent IP address: 0.0.0.0\n"
			    "Client hardware address: 00:05:3c:04:8d:59 (00:05:3c:04:8d:59)\n"
			    "Server host name: \n"
			    "Boot file name: \n"
			    "Magic cookie: DHCP\n"
			    "Option: (53) DHCP Message Type: Offer (2)\n"
			    "Option: (1) Subnet Mask: 255.255.255.0\n"
			    "Option: (3) Router: 192.168.1.1\n"
			    "Option: (51) IP Address Lease Time: 86400 s\n"
			    "Option: (54) DHCP Server Identifier: 192.168.1.1\n"
			    "Option: (255) End: \n");
	sbuf_done(&log.text);
}

struct shown {
	uint8_t code;
	const char *bytes;
	size_t len;
	const char *text;
};

static const struct shown shown[] = {
	{ OPT4_PARAMS, "\x01\x03\xfe", 3, "(1) Subnet Mask, (3) Router, (254) Unknown" },
	{ OPT4_CLIENT_ID, "\x01\x02\x00\x00\x00\x00\x01", 7, "Ethernet 02:00:00:00:00:01" },
	{ OPT4_CLIENT_ID, "\x00pc", 3, "007063" },
	{ OPT4_HOSTNAME, "pc\x1b[1m\0", 7, "pc\\x1b[1m" },
	{ OPT4_LEASE, "\xff\xff\xff\xff", 4, "infinity" },
	{ OPT4_DNS, "\x0a\x00\x00\x01\x0a\x00\x00\x02", 8, "10.0.0.1, 10.0.0.2" },
	{ OPT4_DNS, "\x0a\x00\x00", 3, "0a0000" },
	{ OPT4_MAX_LEN, "\x05\xdc", 2, "1500" },
	{ 19, "\x01", 1, "1" },
	{ 2, "\x00\x00\x0e\x10", 4, "3600" },
	{ 53, "\x63", 1, "Unknown (99)" },
	{ 222, "\xde\xad", 2, "dead" },
};

static void option_values_are_shown(void **state)
{
	struct sbuf out = SBUF(512);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++) {
		sbuf_reset(&out);
		dhcp4_option_format(shown[i].code, (const uint8_t *)shown[i].bytes, shown[i].len,
				    &out);
		assert_string_equal(sbuf_text(&out), shown[i].text);
	}
	sbuf_done(&out);
}

static void the_option_table_is_sorted(void **state)
{
	(void)state;
	for (unsigned code = 1; code < 255; code++) {
		const struct dhcp4_option *o = dhcp4_option((uint8_t)code);

		if (!o)
			continue;
		assert_int_equal(o->code, code);
		assert_true(!o->strict || o->why);
	}
	assert_non_null(dhcp4_option(OPT4_WPAD));
	assert_non_null(dhcp4_option(OPT4_MASK));
}

/* --- recorded packets (skipped where the captures are not there) --------------------------- */

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* Info lines of all DHCP datagrams of a little-endian Ethernet pcap file, one a line. */
static bool capture_info(const char *path, struct sbuf *out)
{
	static uint8_t file[1 << 20];
	FILE *f = fopen(path, "rb");
	size_t len, at = 24;

	if (!f)
		return false;
	len = fread(file, 1, sizeof(file), f);
	fclose(f);
	while (at + 16 <= len) {
		size_t frame_len = le32(file + at + 8);
		struct udp_frame u;
		struct codec_in in = { 0 };
		const char *why = "";

		at += 16;
		if (frame_len > len - at)
			break;
		if (udp_frame_parse(file + at, frame_len, &u, &why) == 0) {
			in.data = u.payload;
			in.len = u.payload_len;
			if (dhcp4_codec.info(&in, out, &why) < 0)
				sbuf_printf(out, " [%s]", why);
			sbuf_puts(out, "\n");
		}
		at += frame_len;
	}
	return true;
}

static const struct {
	const char *path;
	const char *info;
} captures[] = {
	{ "tests/fuzz/corpus/dissect/dhcp-rfc3004.pcap",
	  "DHCP Discover - Transaction ID 0x6e32864\nDHCP Offer    - Transaction ID 0x6e32864\n"
	  "DHCP Request  - Transaction ID 0x6e32864\nDHCP ACK      - Transaction ID 0x6e32864\n" },
	{ "../shared/captures/tcpdump/dhcp-option-33.pcap", NULL },
	{ "../shared/captures/tcpdump/dhcp-mud.pcap", NULL },
	{ "../shared/captures/tcpdump/dhcp-rfc5859.pcap", NULL },
};

static void recorded_packets_read_as_wireshark_reads_them(void **state)
{
	struct sbuf out = SBUF(65536);
	unsigned n = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(captures); i++) {
		sbuf_reset(&out);
		if (!capture_info(captures[i].path, &out))
			continue;
		n++;
		if (captures[i].info)
			assert_string_equal(sbuf_text(&out), captures[i].info);
		else
			assert_non_null(strstr(sbuf_text(&out), "Transaction ID"));
	}
	sbuf_done(&out);
	if (n == 0)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(info_is_worded_as_wiresharks),
		cmocka_unit_test(a_cut_message_is_not_malformed),
		cmocka_unit_test(fields_are_told_in_order),
		cmocka_unit_test(option_values_are_shown),
		cmocka_unit_test(the_option_table_is_sorted),
		cmocka_unit_test(recorded_packets_read_as_wireshark_reads_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
