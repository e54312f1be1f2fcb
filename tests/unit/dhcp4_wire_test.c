/* Octets and structures: a session both ways, what is refused, overload, changes in place. */
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

/* --- the messages of a typical session (RFC 2131 figures; client 00:05:3c:04:8d:59) -------- */

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
