#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/types.h"

static struct addr a(const char *text)
{
	struct addr out = { 0 };

	assert_int_equal(addr_parse(text, &out), 0);
	return out;
}

static void text_both_ways(void **state)
{
	static const struct {
		const char *text, *canonical; /* NULL = refused */
	} rows[] = {
		{ "10.0.0.1", "10.0.0.1" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "0.0.0.0", "0.0.0.0" },
		{ "::", "::" },
		{ "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
		{ "fe80::1", "fe80::1" },
		{ "::ffff:10.0.0.1", "::ffff:10.0.0.1" },
		{ "10.0.0", NULL },
		{ "10.0.0.1.2", NULL },
		{ "10.0.0.256", NULL },
		{ "010.0.0.1", NULL },
		{ "10.0.0.1 ", NULL },
		{ "0x10.0.0.1", NULL },
		{ "", NULL },
		{ "1", NULL },
		{ "::1::", NULL },
		{ "fe80::1%eth0", NULL },
		{ ":", NULL },
	};
	char out[ADDR_TEXT_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct addr x = { .family = 77 };
		int r = addr_parse(rows[i].text, &x);

		assert_int_equal(r, rows[i].canonical ? 0 : -EINVAL);
		if (rows[i].canonical)
			assert_string_equal(addr_format(&x, out), rows[i].canonical);
		else
			assert_int_equal(x.family, 77);
	}
	assert_string_equal(addr_format(&(struct addr){ 0 }, out), "none");
}

static void numbers(void **state)
{
	struct addr x = addr4(10, 1, 2, 3), y = addr4_from_u32(0x0a010203);

	(void)state;
	assert_true(addr_equal(&x, &y));
	assert_int_equal(addr4_u32(&x), 0x0a010203);
	y = a("::1");
	assert_int_equal(addr4_u32(&y), 0);
	assert_false(addr_equal(&x, &y));
}

static void kinds_of_addresses(void **state)
{
	static const struct {
		const char *text;
		bool any, multicast, broadcast;
	} rows[] = {
		{ "0.0.0.0", true, false, false },    { "::", true, false, false },
		{ "224.0.0.1", false, true, false },  { "239.255.255.255", false, true, false },
		{ "240.0.0.1", false, false, false }, { "ff02::1", false, true, false },
		{ "fe80::1", false, false, false },   { "255.255.255.255", false, false, true },
		{ "10.0.0.1", false, false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct addr x = a(rows[i].text);

		assert_true(addr_is_set(&x));
		assert_int_equal(addr_is_any(&x), rows[i].any);
		assert_int_equal(addr_is_multicast(&x), rows[i].multicast);
		assert_int_equal(addr4_is_limited_broadcast(&x), rows[i].broadcast);
	}
	assert_false(addr_is_set(&(struct addr){ 0 }));
	assert_true(addr_is_any(&(struct addr){ 0 }));
}

static void prefixes(void **state)
{
	static const struct {
		const char *addr, *net;
		unsigned plen;
		bool in;
		const char *masked;
	} rows[] = {
		{ "10.0.0.130", "10.0.0.129", 25, true, "10.0.0.128" },
		{ "10.0.0.127", "10.0.0.129", 25, false, "10.0.0.0" },
		{ "10.0.0.1", "10.0.0.1", 32, true, "10.0.0.1" },
		{ "10.0.0.1", "192.168.0.1", 0, true, "0.0.0.0" },
		{ "10.0.0.1", "10.0.0.1", 99, true, "10.0.0.1" },
		{ "2001:db8:1::5", "2001:db8:1::", 48, true, "2001:db8:1::" },
		{ "2001:db8:2::5", "2001:db8:1::", 48, false, "2001:db8:2::" },
		{ "2001:db8:2::5", "10.0.0.1", 0, false, "::" },
	};
	char out[ADDR_TEXT_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct addr x = a(rows[i].addr), net = a(rows[i].net), masked;

		assert_int_equal(addr_in_prefix(&x, &net, rows[i].plen), rows[i].in);
		masked = addr_mask(&x, rows[i].plen);
		assert_string_equal(addr_format(&masked, out), rows[i].masked);
	}
	assert_false(addr_in_prefix(&(struct addr){ 0 }, &(struct addr){ 0 }, 0));
}

static void masks(void **state)
{
	char out[ADDR_TEXT_LEN];
	struct addr x, bad = a("255.0.255.0"), six = a("ffff::");

	(void)state;
	for (unsigned plen = 0; plen <= 32; plen++) {
		x = addr4_netmask(plen);
		assert_int_equal(addr4_mask_plen(&x), plen);
	}
	assert_int_equal(addr4_mask_plen(&bad), -EINVAL);
	assert_int_equal(addr4_mask_plen(&six), -EINVAL);
	x = addr4(10, 0, 0, 5);
	x = addr4_broadcast(&x, 24);
	assert_string_equal(addr_format(&x, out), "10.0.0.255");
	x = addr4_broadcast(&x, 0);
	assert_string_equal(addr_format(&x, out), "255.255.255.255");
	x = addr4(10, 0, 0, 5);
	x = addr4_broadcast(&x, 32);
	assert_string_equal(addr_format(&x, out), "10.0.0.5");
}

static void macs(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
		{ "02:00:5e:00:53:af", true },	   { "02-00-5E-00-53-AF", true },
		{ "0200.5e00.53af", true },	   { "02:00:5e:00:53", false },
		{ "02:00:5e:00:53:af:00", false }, { "02:00:5e:00:53:a", false },
		{ "0200:5e00:53af", false },	   { "02:00-5e:00:53:af", false },
		{ "0200.5e00.53ag", false },	   { "", false },
		{ "02:00:5e:00:53:af ", false },
	};
	char out[MAC_TEXT_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct mac m;

		assert_int_equal(mac_parse(rows[i].text, &m), rows[i].good ? 0 : -EINVAL);
		if (rows[i].good)
			assert_string_equal(mac_format(&m, out), "02:00:5e:00:53:af");
	}
	assert_true(mac_is_broadcast(&mac_broadcast));
	assert_false(mac_is_broadcast(&(struct mac){ { 0 } }));
	assert_false(mac_equal(&mac_broadcast, &(struct mac){ { 0xff } }));
}

static void device_kinds(void **state)
{
	(void)state;
	for (int k = 0; k < N_KINDS; k++) {
		enum device_kind kind;

		assert_int_equal(device_kind_parse(device_kind_name((enum device_kind)k), &kind),
				 0);
		assert_int_equal(kind, k);
	}
	assert_int_equal(device_kind_parse("toaster", &(enum device_kind){ 0 }), -EINVAL);
	assert_string_equal(device_kind_name(N_KINDS), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_both_ways),
		cmocka_unit_test(numbers),
		cmocka_unit_test(kinds_of_addresses),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(masks),
		cmocka_unit_test(macs),
		cmocka_unit_test(device_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
