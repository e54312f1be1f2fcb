#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dhcp4_driver.h"

#include "base/inet.h"

enum { RAW = 1, ARP = 3 };

static const struct mac stranger = { { 2, 0, 0, 0, 9, 9 } };

static void setup(struct drv *d, const char *more)
{
	drv_init(d, t_proto(), KIND_PC, 1);
	drv_conf(d, "interface eth0\n ip address dhcp\n");
	drv_conf(d, more);
	drv_start(d, "dhcp4.client");
}

static void arp_from(struct drv *d, const struct mac *mac, uint16_t op, const struct addr *sender,
		     const struct addr *target)
{
	struct arp a = { .op = op, .sender_mac = *mac, .sender = *sender, .target = *target };
	uint8_t bytes[ARP_LEN];

	arp_build(&a, bytes);
	drv_frame(d, ARP, (struct ep){ 0 }, (struct ep){ 0 }, 1, *mac, mac_broadcast, bytes,
		  sizeof(bytes));
}

/* The ARP packet that the window sent; false when it sent none. */
static bool arp_sent(struct drv *d, struct arp *ret)
{
	const struct fx_effect *e;

	while ((e = drv_next(d, FX_SEND)))
		if (e->send.sock == ARP)
			return arp_parse(e->send.data, e->send.len, ret) == 0;
	return false;
}

/* Runs timers one by one until this is decided. */
static const struct fx_effect *run_to(struct drv *d, const char *rule)
{
	for (int i = 0; i < 100; i++) {
		const struct fx_effect *e;

		drv_timer(d);
		e = drv_decision(d, rule);
		if (e)
			return e;
	}
	fail_msg("%s was never decided", rule);
	return NULL;
}

/* The candidate that is being probed for. */
static struct addr candidate(struct drv *d)
{
	return val_find(run_to(d, "dhcp4.client.autoconf-probe")->decide.values, "addr")->addr;
}

static void no_answer_makes_the_host_choose(void **state)
{
	struct addr addr, zero = { .family = 4 };
	const struct fx_effect *e;
	nsec_t start, last;
	struct arp a;
	struct drv d;

	(void)state;
	setup(&d, "");
	drv_timer(&d);
	drv_expect_no_decision(&d, "dhcp4.client.no-reply-autoconf"); /* one unanswered */
	drv_timer(&d);
	e = drv_expect_decision(&d, "dhcp4.client.no-reply-autoconf");
	assert_string_equal(drv_value(e, "n"), "2");
	assert_true(d.now >= 10 * SEC && d.now <= 14 * SEC);
	drv_expect_decision(&d, "dhcp4.client.retry-schedule"); /* DISCOVERs go on */
	start = last = d.now;
	for (int n = 1; n <= 3; n++) {
		e = run_to(&d, "dhcp4.client.autoconf-probe");
		addr = val_find(e->decide.values, "addr")->addr;
		assert_true(arp_sent(&d, &a));
		assert_int_equal(a.op, ARP_REQUEST);
		assert_true(addr_equal(&a.sender, &zero));
		assert_true(addr_equal(&a.target, &addr));
		assert_int_equal(addr.b[0] << 8 | addr.b[1], 169 << 8 | 254);
		assert_true(addr.b[2] >= 1 && addr.b[2] <= 254);
		if (n == 1)
			assert_true(d.now - start <= 1 * SEC);
		else
			assert_true(d.now - last >= 1 * SEC && d.now - last <= 2 * SEC);
		last = d.now;
	}
	run_to(&d, "dhcp4.client.autoconf-assign");
	assert_int_equal(d.now - last, 2 * SEC);
	e = drv_want(&d, FX_ADDR, "address");
	assert_true(e->addr.add);
	assert_true(addr_equal(&e->addr.addr, &addr));
	assert_int_equal(e->addr.plen, 16);
	drv_expect_none(&d, FX_ROUTE);
	drv_expect_fact(&d, FX_FACT_BEGIN, "dhcp4_autoconf", "eth0");
	assert_true(arp_sent(&d, &a)); /* first announcement */
	assert_true(addr_equal(&a.sender, &addr) && addr_equal(&a.target, &addr));
	last = d.now;
	e = run_to(&d, "dhcp4.client.autoconf-probe");
	assert_string_equal(drv_value(e, "what"), "announcement");
	assert_int_equal(d.now - last, 2 * SEC);
	e = run_to(&d, "dhcp4.client.autoconf-keep-discover");
	assert_string_equal(drv_value(e, "n"), "4");
	drv_done(&d);
}

static void the_count_is_configurable(void **state)
{
	static const struct {
		const char *conf;
		int after; /* unanswered DISCOVERs; 0 = never */
	} rows[] = {
		{ "interface eth0\n ip dhcp client autoconfig 1\n", 1 },
		{ "interface eth0\n ip dhcp client autoconfig\n", 2 },
		{ "interface eth0\n ip dhcp client autoconfig 4\n", 4 },
		{ "interface eth0\n no ip dhcp client autoconfig\n", 0 },
	};
	struct drv d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		setup(&d, rows[i].conf);
		for (int n = 1; n <= 5; n++) {
			if (rows[i].after && n > rows[i].after)
				break;
			drv_timer(&d);
			assert_int_equal(drv_decision(&d, "dhcp4.client.no-reply-autoconf") != NULL,
					 n == rows[i].after);
		}
		drv_done(&d);
	}
}

/* The candidates of many hosts: none in the first and last 256, and some had to be passed over. */
static void reserved_addresses_are_never_chosen(void **state)
{
	unsigned n_passed = 0;
	struct drv d;

	(void)state;
	for (unsigned n = 0; n < 300; n++) {
		struct addr a;

		drv_init(&d, t_proto(), KIND_PC, 1);
		d.ifaces[0].mac = t_mac(n);
		drv_conf(&d, "interface eth0\n ip address dhcp\n");
		drv_start(&d, "dhcp4.client");
		run_to(&d, "dhcp4.client.no-reply-autoconf");
		n_passed += drv_decision(&d, "dhcp4.client.autoconf-range") != NULL;
		a = candidate(&d);
		assert_true(a.b[2] != 0 && a.b[2] != 255);
		drv_done(&d);
	}
	assert_true(n_passed > 0);
}

static void a_host_prefers_the_same_address_always(void **state)
{
	struct addr first = { 0 }, a;
	struct drv d;

	(void)state;
	for (unsigned seed = 1; seed <= 3; seed++) {
		drv_init(&d, t_proto(), KIND_PC, 1);
		d.seed = seed;
		drv_conf(&d, "interface eth0\n ip address dhcp\n");
		drv_start(&d, "dhcp4.client");
		a = candidate(&d);
		if (seed == 1)
			first = a;
		assert_true(addr_equal(&a, &first));
		drv_done(&d);
	}
}

static void a_taken_candidate_is_left(void **state)
{
	static const struct {
		uint16_t op;
		bool probe; /* sender 0.0.0.0, target the candidate */
	} rows[] = { { ARP_REPLY, false }, { ARP_REQUEST, false }, { ARP_REQUEST, true } };
	const struct addr zero = { .family = 4 };
	struct addr a, b;
	struct drv d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		setup(&d, "");
		a = candidate(&d);
		arp_from(&d, &d.ifaces[0].mac, ARP_REQUEST, &a, &a); /* our own echo */
		assert_null(drv_after_effect(&d, NULL));
		arp_from(&d, &stranger, rows[i].op, rows[i].probe ? &zero : &a, &a);
		drv_expect_decision(&d, "dhcp4.client.autoconf-conflict");
		b = candidate(&d);
		assert_false(addr_equal(&a, &b));
		run_to(&d, "dhcp4.client.autoconf-assign");
		assert_true(addr_equal(&drv_want(&d, FX_ADDR, "address")->addr.addr, &b));
		drv_done(&d);
	}
}

static void many_conflicts_slow_it_down(void **state)
{
	struct addr a;
	struct drv d;

	(void)state;
	setup(&d, "interface eth0\n ip dhcp client autoconfig 1\n");
	for (int n = 1; n <= 11; n++) {
		nsec_t from = d.now;

		a = candidate(&d);
		if (n == 11)
			assert_true(d.now - from >= 60 * SEC);
		arp_from(&d, &stranger, ARP_REPLY, &a, &a);
		drv_expect_decision(&d, "dhcp4.client.autoconf-conflict");
	}
	drv_done(&d);
}

static struct addr assigned(struct drv *d)
{
	const struct fx_effect *e = run_to(d, "dhcp4.client.autoconf-assign");
	struct addr a = val_find(e->decide.values, "addr")->addr;

	drv_addr(d, 1, "169.254.0.0/16");
	d->ifaces[0].addrs[0].addr = a;
	return a;
}

static void an_assigned_address_is_defended_once(void **state)
{
	const struct addr zero = { .family = 4 };
	struct addr a, b;
	struct arp sent;
	struct drv d;

	(void)state;
	setup(&d, "");
	a = assigned(&d);
	arp_from(&d, &stranger, ARP_REQUEST, &zero, &a); /* a probe: the kernel answers it */
	assert_null(drv_after_effect(&d, NULL));
	arp_from(&d, &stranger, ARP_REQUEST, &a, &a);
	drv_expect_value(&d, "dhcp4.client.autoconf-defend", "what",
			 "defends it by an announcement");
	assert_true(arp_sent(&d, &sent));
	assert_true(addr_equal(&sent.sender, &a));
	drv_expect_none(&d, FX_ADDR);
	assert_string_equal(drv_want(&d, FX_LOG, "log")->log.mnemonic, "DUPADDR");
	d.now += 11 * SEC; /* long ago: defended again */
	arp_from(&d, &stranger, ARP_REQUEST, &a, &a);
	drv_expect_none(&d, FX_ADDR);
	d.now += 5 * SEC;
	arp_from(&d, &stranger, ARP_REQUEST, &a, &a);
	drv_expect_value(&d, "dhcp4.client.autoconf-defend", "what", "gives it up");
	assert_false(drv_want(&d, FX_ADDR, "address")->addr.add);
	drv_expect_fact(&d, FX_FACT_END, "dhcp4_autoconf", "eth0");
	b = candidate(&d);
	assert_false(addr_equal(&a, &b));
	drv_done(&d);
}

static void a_server_that_comes_late_replaces_it(void **state)
{
	struct dhcp4_msg m, r;
	uint8_t bytes[DHCP4_LEN_DEFAULT];
	const struct fx_effect *e;
	struct drv d;
	struct addr a;

	(void)state;
	setup(&d, "interface eth0\n ip dhcp client arp-probes 0\n");
	a = assigned(&d);
	run_to(&d, "dhcp4.client.autoconf-keep-discover");
	for (int type = DHCP4_OFFER; type <= DHCP4_ACK; type += DHCP4_ACK - DHCP4_OFFER) {
		int len;

		t_sent(&d, &m);
		dhcp4_init(&r, DHCP4_BOOTREPLY, type);
		r.htype = 1;
		r.hlen = 6;
		r.xid = m.xid;
		memcpy(r.chaddr, m.chaddr, sizeof(r.chaddr));
		r.yiaddr = drv_a("10.0.0.100");
		t_put_addr(&r, OPT4_SERVER, "10.0.0.1");
		len = dhcp4_encode(&r, bytes, sizeof(bytes), NULL);
		drv_frame(&d, RAW, drv_ep("10.0.0.1", 67), drv_ep("10.0.0.100", 68), 1, stranger,
			  d.ifaces[0].mac, bytes, (size_t)len);
	}
	drv_expect_decision(&d, "dhcp4.client.autoconf-replace");
	e = drv_want(&d, FX_ADDR, "address");
	assert_false(e->addr.add);
	assert_true(addr_equal(&e->addr.addr, &a));
	e = drv_want(&d, FX_ADDR, "address");
	assert_true(e->addr.add);
	t_expect_addr(&e->addr.addr, "10.0.0.100");
	drv_expect_fact(&d, FX_FACT_END, "dhcp4_autoconf", "eth0");
	/* A stranger's ARP packet is of no interest any more. */
	arp_from(&d, &stranger, ARP_REQUEST, &a, &a);
	assert_null(drv_after_effect(&d, NULL));
	drv_done(&d);
}

static void it_goes_with_the_link_and_by_command(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, "");
	assigned(&d);
	drv_link(&d, 1, false);
	assert_false(drv_want(&d, FX_ADDR, "address")->addr.add);
	drv_expect_fact(&d, FX_FACT_END, "dhcp4_autoconf", "eth0");
	drv_done(&d);
	setup(&d, "");
	assigned(&d);
	drv_command(&d, "ipconfig");
	drv_answer(&d, drv_next_ask(&d)->ask.ask_id, &(struct answer){ .err = -1 });
	drv_expect_output(&d, "   Autoconfiguration IPv4 Address. . : 169.254.");
	drv_command(&d, "ipconfig /release");
	drv_expect_fact(&d, FX_FACT_END, "dhcp4_autoconf", "eth0");
	assert_true(drv_deadline(&d) == NEVER);
	drv_answer(&d, drv_next_ask(&d)->ask.ask_id, &(struct answer){ .err = -1 });
	assert_null(strstr(drv_output(&d), "169.254."));
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_answer_makes_the_host_choose),
		cmocka_unit_test(the_count_is_configurable),
		cmocka_unit_test(reserved_addresses_are_never_chosen),
		cmocka_unit_test(a_host_prefers_the_same_address_always),
		cmocka_unit_test(a_taken_candidate_is_left),
		cmocka_unit_test(many_conflicts_slow_it_down),
		cmocka_unit_test(an_assigned_address_is_defended_once),
		cmocka_unit_test(a_server_that_comes_late_replaces_it),
		cmocka_unit_test(it_goes_with_the_link_and_by_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
