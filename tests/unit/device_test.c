#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto.h"

static struct iface ifaces[] = {
	{ .id = 10,
	  .name = "GigabitEthernet0/0",
	  .addrs = { { { .family = 6, .b = { 0xfe, 0x80 } }, 64 }, { { 4, { 10, 0, 0, 1 } }, 8 } },
	  .n_addrs = 2 },
	{ .id = 20, .name = "eth1", .addrs = { { { 4, { 10, 1, 0, 1 } }, 16 } }, .n_addrs = 1 },
	{ .id = 30, .name = "1" },
	{ .id = 40, .name = "wlan0" },
};
static const struct device dev = { .ifaces = ifaces, .n_ifaces = ARRAY_SIZE(ifaces) };

static uint32_t id_of(const struct iface *i)
{
	return i ? i->id : 0;
}

static void by_any_spelling(void **state)
{
	static const struct {
		const char *name;
		uint32_t id;
	} rows[] = {
		{ "GigabitEthernet0/0", 10 },
		{ "gi0/0", 10 },
		{ "gi0-0", 10 },
		{ "Gig 0/0", 10 },
		{ "gi0/1", 0 },
		{ "eth1", 20 },
		{ "Ethernet1", 20 },
		{ "e1", 20 },
		{ "1", 30 },
		{ "p1", 30 },
		{ "port 1", 30 },
		{ "wlan0", 40 },
		{ "wlan1", 0 },
		{ "", 0 },
		{ "///", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(id_of(device_iface_by_name(&dev, rows[i].name)), rows[i].id);
}

static void by_id(void **state)
{
	(void)state;
	assert_int_equal(id_of(device_iface(&dev, 20)), 20);
	assert_null(device_iface(&dev, 21));
	assert_null(device_iface(&dev, 0));
}

/* The longest prefix wins. */
static void by_address(void **state)
{
	static const struct {
		const char *addr;
		uint32_t id;
		bool own;
	} rows[] = {
		{ "10.2.3.4", 10, false },   { "10.1.3.4", 20, false }, { "10.1.0.1", 20, true },
		{ "11.0.0.1", 0, false },    { "fe80::5", 10, false },	{ "fe80::", 10, true },
		{ "2001:db8::1", 0, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct addr a;

		assert_int_equal(addr_parse(rows[i].addr, &a), 0);
		assert_int_equal(id_of(device_iface_for(&dev, &a)), rows[i].id);
		assert_int_equal(device_has_addr(&dev, &a), rows[i].own);
	}
}

static void first_ip4(void **state)
{
	struct iface_addr a = iface_addr4(&ifaces[0]);

	(void)state;
	assert_int_equal(addr4_u32(&a.addr), 0x0a000001);
	assert_int_equal(a.plen, 8);
	a = iface_addr4(&ifaces[2]);
	assert_false(addr_is_set(&a.addr));
}

static void its_clock(void **state)
{
	struct device d = { .epoch_ns = 1000 * SEC };

	(void)state;
	assert_int_equal(device_clock_ns(&d, 5 * SEC), 1005 * SEC);
	assert_string_equal(device_clock_mark(&d), "*");
	d.clock = (struct device_clock){ .offset_ns = -3 * SEC, .trust = CLOCK_SET };
	assert_int_equal(device_clock_ns(&d, 5 * SEC), 1002 * SEC);
	assert_string_equal(device_clock_mark(&d), "");
	/* 1 ms takes 2 s */
	d.clock = (struct device_clock){ .slew_ns = 1 * MSEC, .slew_from_ns = 10 * SEC };
	assert_int_equal(device_clock_offset(&d.clock, 10 * SEC), 0);
	assert_int_equal(device_clock_offset(&d.clock, 11 * SEC), 500 * USEC);
	assert_int_equal(device_clock_offset(&d.clock, 12 * SEC), 1 * MSEC);
	assert_int_equal(device_clock_offset(&d.clock, 100 * SEC), 1 * MSEC);
	d.clock.slew_ns = -1 * MSEC;
	assert_int_equal(device_clock_offset(&d.clock, 11 * SEC), -500 * USEC);
	assert_int_equal(device_clock_offset(&d.clock, 100 * SEC), -1 * MSEC);
	d.clock.trust = CLOCK_LOST;
	assert_string_equal(device_clock_mark(&d), ".");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_clock), cmocka_unit_test(by_any_spelling),
		cmocka_unit_test(by_id),     cmocka_unit_test(by_address),
		cmocka_unit_test(first_ip4),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
