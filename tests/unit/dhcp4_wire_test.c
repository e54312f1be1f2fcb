#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cur.h"
#include "base/inet.h"
#include "base/sbuf.h"
#include "dhcp4/dhcp4_option.h"
#include "dhcp4/dhcp4_wire.h"

/* --- the messages of a typical session (RFC 2131 figures; client 00:05:3c:04:8d:59) -------- */

static const uint8_t vector_chaddr[6] = { 0x00, 0x05, 0x3c, 0x04, 0x8d, 0x59 };

struct vector {
	const char *name;
	uint8_t op;
	uint8_t yiaddr[4];
	uint8_t options[32];
	size_t options_len;
	const char *info;
};

/* clang-format off */
static const struct vector vectors[] = {
	{ "discover", 1, { 0 }, { 53, 1, 1, 50, 4, 192, 168, 1, 100, 255 }, 10,
	  "DHCP Discover - Transaction ID 0x3903f326" },
	{ "offer", 2, { 192, 168, 1, 100 },
	  { 53, 1, 2, 1, 4, 255, 255, 255, 0, 3, 4, 192, 168, 1, 1, 51, 4, 0, 1, 0x51, 0x80,
	    54, 4, 192, 168, 1, 1, 255 }, 28,
	  "DHCP Offer    - Transaction ID 0x3903f326" },
	{ "request", 1, { 0 },
	  { 53, 1, 3, 50, 4, 192, 168, 1, 100, 54, 4, 192, 168, 1, 1, 255 }, 16,
	  "DHCP Request  - Transaction ID 0x3903f326" },
	{ "ack", 2, { 192, 168, 1, 100 },
	  { 53, 1, 5, 1, 4, 255, 255, 255, 0, 3, 4, 192, 168, 1, 1, 51, 4, 0, 1, 0x51, 0x80,
	    54, 4, 192, 168, 1, 1, 255 }, 28,
	  "DHCP ACK      - Transaction ID 0x3903f326" },
};
/* clang-format on */

static size_t vector_bytes(const struct vector *v, uint8_t out[static DHCP4_LEN_MIN])
{
	static const uint8_t head[] = { 0x00, 0x01, 0x06, 0x00, 0x39, 0x03, 0xf3, 0x26 };
	static const uint8_t cookie[] = { 99, 130, 83, 99 };

	memset(out, 0, DHCP4_LEN_MIN);
	memcpy(out, head, sizeof(head));
	out[0] = v->op;
	memcpy(out + 16, v->yiaddr, 4);
	memcpy(out + 28, vector_chaddr, sizeof(vector_chaddr));
	memcpy(out + 236, cookie, sizeof(cookie));
	memcpy(out + 240, v->options, v->options_len);
	return DHCP4_LEN_MIN;
}

/* Builds the same message with the functions that the machines use. */
static void vector_build(const struct vector *v, struct dhcp4_msg *m)
{
	const struct addr server = addr4(192, 168, 1, 1), client = addr4(192, 168, 1, 100),
			  mask = addr4(255, 255, 255, 0);

	dhcp4_init(m, v->op, v->options[2]);
	m->htype = 1;
	m->hlen = 6;
	m->xid = 0x3903f326;
	memcpy(m->chaddr, vector_chaddr, sizeof(vector_chaddr));
	if (v->op == DHCP4_BOOTREPLY) {
		m->yiaddr = client;
		dhcp4_put_addr(m, OPT4_MASK, &mask);
		dhcp4_put_addrs(m, OPT4_ROUTER, &server, 1);
		dhcp4_put_u32(m, OPT4_LEASE, 86400);
	} else {
		dhcp4_put_addr(m, OPT4_REQUESTED, &client);
	}
	if (m->type != DHCP4_DISCOVER)
		dhcp4_put_addr(m, OPT4_SERVER, &server);
}

static void the_session_is_encoded_octet_for_octet(void **state)
{
	uint8_t want[DHCP4_LEN_MIN], got[DHCP4_LEN_DEFAULT];
	struct dhcp4_msg m;
	unsigned left_out;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		size_t len = vector_bytes(&vectors[i], want);

		vector_build(&vectors[i], &m);
		assert_int_equal(dhcp4_encode(&m, got, sizeof(got), &left_out), len);
		assert_int_equal(left_out, 0);
		assert_memory_equal(got, want, len);
	}
}

static void the_session_is_decoded(void **state)
{
	uint8_t bytes[DHCP4_LEN_MIN];
	struct dhcp4_msg m;
	const char *why;
	struct addr a;
	uint32_t lease;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		const struct vector *v = &vectors[i];

		assert_int_equal(dhcp4_decode(bytes, vector_bytes(v, bytes), &m, &why), 0);
		assert_int_equal(m.type, v->options[2]);
		assert_int_equal(m.xid, 0x3903f326);
		assert_memory_equal(m.chaddr, vector_chaddr, 6);
		assert_int_equal(addr4_u32(&m.giaddr), 0);
		if (v->op == DHCP4_BOOTREPLY) {
			assert_int_equal(addr4_u32(&m.yiaddr), 0xc0a80164);
			assert_true(dhcp4_get_u32(&m, OPT4_LEASE, &lease));
			assert_int_equal(lease, 86400);
		} else {
			assert_true(dhcp4_get_addr(&m, OPT4_REQUESTED, &a));
			assert_int_equal(addr4_u32(&a), 0xc0a80164);
		}
		assert_int_equal(dhcp4_get_addrs(&m, OPT4_SERVER, &a, 1), m.type != DHCP4_DISCOVER);
	}
}

/* --- what is refused ---------------------------------------------------------------------- */

struct bad {
	const char *why;
	size_t at; /* octet changed */
	uint8_t value;
	size_t len; /* 0 = DHCP4_LEN_MIN */
};

static const struct bad bads[] = {
	{ "shorter than the fixed header", 0, 1, 235 },
	{ "op is neither 1 (request) nor 2 (reply)", 0, 3, 0 },
	{ "op is neither 1 (request) nor 2 (reply)", 0, 0, 0 },
	{ "hlen is above 16", 2, 17, 0 },
	{ "an Ethernet address of other than 6 octets (hlen)", 2, 7, 0 },
	{ "an option is longer than the rest of the message", 244, 255, 0 },
	{ "option 50 (requested address) is not 4 octets", 244, 5, 0 },
	{ "option 53 (message type) is 0", 242, 0, 0 },
};

static void malformed_messages_are_refused_with_the_reason(void **state)
{
	uint8_t bytes[DHCP4_LEN_MIN];
	struct dhcp4_msg m;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bads); i++) {
		const char *why = "";

		vector_bytes(&vectors[0], bytes);
		bytes[bads[i].at] = bads[i].value;
		assert_int_equal(
			dhcp4_decode(bytes, bads[i].len ? bads[i].len : sizeof(bytes), &m, &why),
			-EBADMSG);
		assert_string_equal(why, bads[i].why);
	}
}

static void a_repeated_message_type_is_refused(void **state)
{
	uint8_t bytes[DHCP4_LEN_MIN];
	struct dhcp4_msg m;
	const char *why = "";

	(void)state;
	vector_bytes(&vectors[0], bytes);
	memcpy(bytes + 240, "\x35\x01\x01\x35\x01\x03\xff", 7);
	assert_int_equal(dhcp4_decode(bytes, sizeof(bytes), &m, &why), -EBADMSG);
	assert_string_equal(why, "option 53 (message type) is not one octet");
}

static void too_long_a_message_is_refused(void **state)
{
	static uint8_t bytes[DHCP4_LEN_MAX + 1];
	struct dhcp4_msg m;
	const char *why = "";

	(void)state;
	vector_bytes(&vectors[0], bytes);
	assert_int_equal(dhcp4_decode(bytes, DHCP4_LEN_MAX, &m, &why), 0);
	assert_int_equal(dhcp4_decode(bytes, sizeof(bytes), &m, &why), -EBADMSG);
	assert_string_equal(why, "longer than 2048 octets");
}

static void without_cookie_it_is_bootp(void **state)
{
	uint8_t bytes[DHCP4_LEN_MIN], again[DHCP4_LEN_MIN];
	struct dhcp4_msg m;
	const char *why;

	(void)state;
	vector_bytes(&vectors[0], bytes);
	memset(bytes + 236, 0, 64);
	for (size_t len = DHCP4_HEADER_LEN; len <= DHCP4_LEN_MIN; len += 64) {
		assert_int_equal(dhcp4_decode(bytes, len, &m, &why), 0);
		assert_false(m.cookie);
		assert_int_equal(m.type, DHCP4_NO_TYPE);
		assert_int_equal(dhcp4_encode(&m, again, sizeof(again), NULL), DHCP4_LEN_MIN);
		assert_memory_equal(again, bytes, sizeof(bytes));
	}
}

/* --- overload and long options ------------------------------------------------------------ */

static void parts_are_joined_over_all_areas(void **state)
{
	uint8_t bytes[DHCP4_LEN_MIN];
	struct dhcp4_msg m;
	const char *why;
	char text[64];

	(void)state;
	vector_bytes(&vectors[0], bytes);
	memcpy(bytes + 240,
	       "\x35\x01\x02\x34\x01\x03\x0c\x03pc-\x0f\x04"
	       "camp\xff",
	       18);
	memcpy(bytes + 108, "\x0c\x02one\xff", 6);
	bytes[110] = 'o';
	memcpy(bytes + 108, "\x0c\x02on\x0f\x03us.\xff", 10);
	memcpy(bytes + 44, "\x0c\x01\x65\x0f\x04test\xff", 10);
	assert_int_equal(dhcp4_decode(bytes, sizeof(bytes), &m, &why), 0);
	dhcp4_get_text(&m, OPT4_HOSTNAME, text, sizeof(text));
	assert_string_equal(text, "pc-one");
	dhcp4_get_text(&m, OPT4_DOMAIN, text, sizeof(text));
	assert_string_equal(text, "campus.test");
	assert_string_equal(m.file, "");
	assert_string_equal(m.sname, "");
	assert_null(dhcp4_get(&m, OPT4_OVERLOAD));
}

static void overload_has_three_values(void **state)
{
	uint8_t bytes[DHCP4_LEN_MIN];
	struct dhcp4_msg m;

	(void)state;
	for (unsigned v = 0; v < 6; v++) {
		const char *why = "";

		vector_bytes(&vectors[0], bytes);
		memcpy(bytes + 240, "\x35\x01\x02\x34\x01\x00\xff", 7);
		bytes[245] = (uint8_t)v;
		assert_int_equal(dhcp4_decode(bytes, sizeof(bytes), &m, &why),
				 v >= 1 && v <= 3 ? 0 : -EBADMSG);
	}
}

static void fill_options(struct dhcp4_msg *m, unsigned n, size_t len)
{
	uint8_t data[400];

	memset(data, 'x', sizeof(data));
	dhcp4_init(m, DHCP4_BOOTREPLY, DHCP4_ACK);
	m->htype = 1;
	m->hlen = 6;
	for (unsigned i = 0; i < n; i++)
		dhcp4_put(m, (uint8_t)(200 + i), data, len);
	dhcp4_put(m, OPT4_RELAY_INFO, "\x01\x02hi", 4);
}

static void a_long_reply_overloads_file_and_sname(void **state)
{
	uint8_t bytes[DHCP4_LEN_DEFAULT];
	struct dhcp4_msg m, back;
	unsigned left_out;
	const char *why;

	(void)state;
	fill_options(&m, 8, 50);
	assert_int_equal(dhcp4_encode(&m, bytes, sizeof(bytes), &left_out), 513);
	assert_int_equal(left_out, 0);
	assert_int_equal(dhcp4_decode(bytes, sizeof(bytes), &back, &why), 0);
	assert_int_equal(back.n_opts, m.n_opts);
	for (unsigned i = 0; i < m.n_opts; i++) {
		const struct dhcp4_opt *o = dhcp4_get(&back, m.opts[i].code);

		assert_non_null(o);
		assert_int_equal(o->len, m.opts[i].len);
		assert_memory_equal(o->data, m.opts[i].data, o->len);
	}
	/* Option 82 stays where a relay agent finds it. */
	assert_true(dhcp4_raw_remove_option(bytes, sizeof(bytes), OPT4_RELAY_INFO) < sizeof(bytes));
}

static void what_has_no_room_is_counted(void **state)
{
	uint8_t bytes[DHCP4_LEN_MIN];
	struct dhcp4_msg m, back;
	unsigned left_out;
	const char *why;

	(void)state;
	fill_options(&m, 6, 50);
	str_copy(m.file, sizeof(m.file), "/boot/kernel");
	assert_int_equal(dhcp4_encode(&m, bytes, sizeof(bytes), &left_out), sizeof(bytes));
	assert_int_equal(left_out, 5);
	assert_int_equal(dhcp4_decode(bytes, sizeof(bytes), &back, &why), 0);
	assert_string_equal(back.file, "/boot/kernel");
	assert_int_equal(dhcp4_encode(&m, bytes, DHCP4_LEN_MIN - 1, &left_out), -EMSGSIZE);
}

static void an_option_over_255_octets_is_split(void **state)
{
	uint8_t bytes[1400];
	struct dhcp4_msg m, back;
	const char *why;
	int len;

	(void)state;
	fill_options(&m, 2, 400);
	len = dhcp4_encode(&m, bytes, sizeof(bytes), NULL);
	assert_true(len > 0);
	assert_int_equal(dhcp4_decode(bytes, (size_t)len, &back, &why), 0);
	assert_int_equal(dhcp4_get(&back, 200)->len, 400);
	assert_int_equal(dhcp4_get(&back, 201)->len, 400);
}

/* --- changing bytes in place -------------------------------------------------------------- */

static void a_relay_adds_and_removes_its_option(void **state)
{
	uint8_t bytes[DHCP4_LEN_DEFAULT] = { 0 }, before[DHCP4_LEN_MIN];
	const struct addr giaddr = addr4(10, 0, 0, 1);
	struct dhcp4_msg m;
	const char *why;
	int len;

	(void)state;
	vector_bytes(&vectors[0], bytes);
	memcpy(before, bytes, sizeof(before));
	dhcp4_raw_set_hops(bytes, 3);
	dhcp4_raw_set_giaddr(bytes, &giaddr);
	len = dhcp4_raw_add_option(bytes, DHCP4_LEN_MIN, sizeof(bytes), OPT4_RELAY_INFO,
				   "\x01\x02hi", 4);
	assert_int_equal(len, DHCP4_LEN_MIN);
	assert_int_equal(dhcp4_decode(bytes, (size_t)len, &m, &why), 0);
	assert_int_equal(m.hops, 3);
	assert_true(addr_equal(&m.giaddr, &giaddr));
	assert_int_equal(m.opts[m.n_opts - 1].code, OPT4_RELAY_INFO);

	len = (int)dhcp4_raw_remove_option(bytes, (size_t)len, OPT4_RELAY_INFO);
	assert_int_equal(len, DHCP4_LEN_MIN);
	dhcp4_raw_set_hops(bytes, 0);
	dhcp4_raw_set_giaddr(bytes, &(struct addr){ .family = 4 });
	assert_memory_equal(bytes, before, sizeof(before));
}

static void an_option_is_not_added_beyond_the_room(void **state)
{
	uint8_t bytes[DHCP4_LEN_MIN], opt[100] = { 0 };

	(void)state;
	vector_bytes(&vectors[0], bytes);
	assert_int_equal(dhcp4_raw_add_option(bytes, sizeof(bytes), sizeof(bytes), 82, opt, 100),
			 -EMSGSIZE);
	assert_int_equal(dhcp4_raw_add_option(bytes, sizeof(bytes), sizeof(bytes), 82, opt, 48),
			 DHCP4_LEN_MIN);
}

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
	{ "/work/shared/captures/tcpdump/dhcp-rfc3004.pcap",
	  "DHCP Discover - Transaction ID 0x6e32864\nDHCP Offer    - Transaction ID 0x6e32864\n"
	  "DHCP Request  - Transaction ID 0x6e32864\nDHCP ACK      - Transaction ID 0x6e32864\n" },
	{ "/work/shared/captures/tcpdump/dhcp-option-33.pcap", NULL },
	{ "/work/shared/captures/tcpdump/dhcp-mud.pcap", NULL },
	{ "/work/shared/captures/tcpdump/dhcp-rfc5859.pcap", NULL },
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
		cmocka_unit_test(the_session_is_encoded_octet_for_octet),
		cmocka_unit_test(the_session_is_decoded),
		cmocka_unit_test(malformed_messages_are_refused_with_the_reason),
		cmocka_unit_test(a_repeated_message_type_is_refused),
		cmocka_unit_test(too_long_a_message_is_refused),
		cmocka_unit_test(without_cookie_it_is_bootp),
		cmocka_unit_test(parts_are_joined_over_all_areas),
		cmocka_unit_test(overload_has_three_values),
		cmocka_unit_test(a_long_reply_overloads_file_and_sname),
		cmocka_unit_test(what_has_no_room_is_counted),
		cmocka_unit_test(an_option_over_255_octets_is_split),
		cmocka_unit_test(a_relay_adds_and_removes_its_option),
		cmocka_unit_test(an_option_is_not_added_beyond_the_room),
		cmocka_unit_test(info_is_worded_as_wiresharks),
		cmocka_unit_test(a_cut_message_is_not_malformed),
		cmocka_unit_test(fields_are_told_in_order),
		cmocka_unit_test(option_values_are_shown),
		cmocka_unit_test(the_option_table_is_sorted),
		cmocka_unit_test(recorded_packets_read_as_wireshark_reads_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
