#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/ifname.h"

struct good {
	const char *text, *display, *kernel;
	enum if_family family;
	bool physical;
};

// clang-format off
static const struct good goods[] = {
	{ "GigabitEthernet0/0",    "GigabitEthernet0/0",    "gi0-0",    IF_GIGABIT,    true  },
	{ "gi0/0",                 "GigabitEthernet0/0",    "gi0-0",    IF_GIGABIT,    true  },
	{ "Gig0/0",                "GigabitEthernet0/0",    "gi0-0",    IF_GIGABIT,    true  },
	{ "g0/0",                  "GigabitEthernet0/0",    "gi0-0",    IF_GIGABIT,    true  },
	{ "gi0-0",                 "GigabitEthernet0/0",    "gi0-0",    IF_GIGABIT,    true  },
	{ "GIG 0/0",               "GigabitEthernet0/0",    "gi0-0",    IF_GIGABIT,    true  },
	{ "gigabitEthernet  1/0/24", "GigabitEthernet1/0/24", "gi1-0-24", IF_GIGABIT,  true  },
	{ "gi0/0.10",              "GigabitEthernet0/0.10", "gi0-0.10", IF_GIGABIT,    false },
	{ "FastEthernet0/1",       "FastEthernet0/1",       "fa0-1",    IF_FAST,       true  },
	{ "fa0/1",                 "FastEthernet0/1",       "fa0-1",    IF_FAST,       true  },
	{ "Fa00/01",               "FastEthernet0/1",       "fa0-1",    IF_FAST,       true  },
	{ "TenGig1/1",             "TenGigabitEthernet1/1", "te1-1",    IF_TENGIGABIT, true  },
	{ "Serial0/0/0",           "Serial0/0/0",           "se0-0-0",  IF_SERIAL,     true  },
	{ "s0/0/0",                "Serial0/0/0",           "se0-0-0",  IF_SERIAL,     true  },
	{ "eth0",                  "eth0",                  "eth0",     IF_ETHERNET,   true  },
	{ "ETH0",                  "eth0",                  "eth0",     IF_ETHERNET,   true  },
	{ "Ethernet0",             "eth0",                  "eth0",     IF_ETHERNET,   true  },
	{ "e0",                    "eth0",                  "eth0",     IF_ETHERNET,   true  },
	{ "eth0.5",                "eth0.5",                "eth0.5",   IF_ETHERNET,   false },
	{ "Ethernet0/0",           "Ethernet0/0",           "et0-0",    IF_ETHERNET,   true  },
	{ "e0/0",                  "Ethernet0/0",           "et0-0",    IF_ETHERNET,   true  },
	{ "1",                     "1",                     "p1",       IF_PORT,       true  },
	{ "01",                    "1",                     "p1",       IF_PORT,       true  },
	{ "p1",                    "1",                     "p1",       IF_PORT,       true  },
	{ "port 48",               "48",                    "p48",      IF_PORT,       true  },
	{ "Loopback0",             "Loopback0",             "lo0",      IF_LOOPBACK,   false },
	{ "lo0",                   "Loopback0",             "lo0",      IF_LOOPBACK,   false },
	{ "vlan 1",                "Vlan1",                 "vlan1",    IF_VLAN,       false },
	{ "Tunnel0",               "Tunnel0",               "tun0",     IF_TUNNEL,     false },
	{ "wlan0",                 "wlan0",                 "wlan0",    IF_OTHER,      true  },
	{ "ens3",                  "ens3",                  "ens3",     IF_OTHER,      true  },
	{ "enp0s31f6",             "enp0s31f6",             "enp0s31f6", IF_OTHER,     true  },
	{ "lan",                   "lan",                   "lan",      IF_OTHER,      true  },
	{ "gi",                    "gi",                    "gi",       IF_OTHER,      true  },
	{ "te255/255/255",         "TenGigabitEthernet255/255/255", "te255-255-255", IF_TENGIGABIT, true },
};

static const struct { const char *text, *why; } bads[] = {
	{ "",                "an interface is a word and numbers" },
	{ " eth0",           "an interface is a word and numbers" },
	{ "0/1",             "a port has one number" },
	{ "1.5",             "a port has one number" },
	{ "port1/1",         "a port has one number" },
	{ "9999",            "an interface is a word and numbers" },
	{ "gi0/",            "letters, digits" },
	{ "gi0/0/0/0",       "letters, digits" },
	{ "gi0/0x",          "letters, digits" },
	{ "gi0/4096",        "letters, digits" },
	{ "gi/0",            "letters, digits" },
	{ "eth 0 0",         "letters, digits" },
	{ "w/0",             "letters, digits" },
	{ "lan\x01",         "letters, digits" },
	{ "lan\xc3\xa9",     "letters, digits" },
	{ "gi4095/4095/4095", "too long" },
	{ "te255/255/255.10", "too long" },
	{ "averyveryverylongname", "too long" },
	{ "lo",              "the kernel keeps" },
	{ "all",             "the kernel keeps" },
	{ "default",         "the kernel keeps" },
	{ "..",              "an interface is a word and numbers" },
	{ "-eth0",           "an interface is a word and numbers" },
};
// clang-format on

static void every_spelling_has_one_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
		struct ifname name;
		const char *why = "";

		if (ifname_parse(goods[i].text, &name, &why) != 0)
			fail_msg("%s: %s", goods[i].text, why);
		assert_string_equal(name.display, goods[i].display);
		assert_string_equal(name.kernel, goods[i].kernel);
		assert_int_equal(name.family, goods[i].family);
		assert_int_equal(ifname_is_physical(&name), goods[i].physical);
	}
}

static void canonical_names_parse_to_themselves(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
		struct ifname name, again;
		const char *why;

		assert_int_equal(ifname_parse(goods[i].text, &name, &why), 0);
		assert_int_equal(ifname_parse(name.display, &again, &why), 0);
		assert_true(ifname_equal(&name, &again));
		assert_int_equal(ifname_parse(name.kernel, &again, &why), 0);
		assert_true(ifname_equal(&name, &again));
		assert_string_equal(name.display, again.display);
	}
}

static void numbers_are_kept(void **state)
{
	struct ifname name;
	const char *why;

	(void)state;
	assert_int_equal(ifname_parse("Gi1/0/24.7", &name, &why), 0);
	assert_int_equal(name.n_numbers, 3);
	assert_int_equal(name.number[0], 1);
	assert_int_equal(name.number[1], 0);
	assert_int_equal(name.number[2], 24);
	assert_int_equal(name.sub, 7);
}

static void different_interfaces_differ(void **state)
{
	struct ifname a, b;
	const char *why;

	(void)state;
	assert_int_equal(ifname_parse("gi0/1", &a, &why), 0);
	assert_int_equal(ifname_parse("gi0/10", &b, &why), 0);
	assert_false(ifname_equal(&a, &b));
	assert_int_equal(ifname_parse("fa0/1", &b, &why), 0);
	assert_false(ifname_equal(&a, &b));
}

static void bad_names_say_why(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		struct ifname name = { .sub = 77 };
		const char *why = "";

		if (ifname_parse(bads[i].text, &name, &why) != -EINVAL)
			fail_msg("'%s' was taken as %s", bads[i].text, name.kernel);
		if (strncmp(why, bads[i].why, strlen(bads[i].why)) != 0)
			fail_msg("'%s': %s", bads[i].text, why);
		assert_int_equal(name.sub, 77); /* untouched */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_spelling_has_one_name),
		cmocka_unit_test(canonical_names_parse_to_themselves),
		cmocka_unit_test(numbers_are_kept),
		cmocka_unit_test(different_interfaces_differ),
		cmocka_unit_test(bad_names_say_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
