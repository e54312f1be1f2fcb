/* What a person at the host says and sees; BOOTP. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dhcp4_client_driver.h"

/* --- commands ----------------------------------------------------------------------------- */

/* Answers the question for the routing table that a command asked. */
static void routes(struct drv *d)
{
	struct kernel_row row = { .ifname = "eth1", .via = drv_a("192.168.1.1") };
	struct answer a = { .kernel = { .rows = &row, .n_rows = 1 } };
	const struct fx_effect *e = drv_next_ask(d);

	assert_int_equal(e->ask.ask->kernel.table, KERNEL_ROUTES);
	drv_answer(d, e->ask.ask_id, &a);
}

static void ipconfig(void **state)
{
	struct drv d;

	(void)state;
	bound(&d);
	drv_addr(&d, 2, "192.168.1.7/24");
	drv_command(&d, "ipconfig");
	routes(&d);
	assert_string_equal(drv_output(&d), "\nWindows IP Configuration\n"
					    "\nEthernet adapter eth0:\n\n"
					    "   Connection-specific DNS Suffix  . : campus.test\n"
					    "   IPv4 Address. . . . . . . . . . . : 10.0.0.100\n"
					    "   Subnet Mask . . . . . . . . . . . : 255.255.255.0\n"
					    "   Default Gateway . . . . . . . . . : 10.0.0.1\n"
					    "\nEthernet adapter eth1:\n\n"
					    "   Connection-specific DNS Suffix  . : \n"
					    "   IPv4 Address. . . . . . . . . . . : 192.168.1.7\n"
					    "   Subnet Mask . . . . . . . . . . . : 255.255.255.0\n"
					    "   Default Gateway . . . . . . . . . : 192.168.1.1\n");
	assert_int_equal(d.status, 0);
	d.ifaces[1].up = false;
	drv_command(&d, "ipconfig /all");
	routes(&d);
	drv_expect_output(&d, "   Host Name . . . . . . . . . . . . : dut\n");
	drv_expect_output(&d, "   Physical Address. . . . . . . . . : 02-00-00-00-00-01\n"
			      "   DHCP Enabled. . . . . . . . . . . : Yes\n");
	drv_expect_output(&d, "   IPv4 Address. . . . . . . . . . . : 10.0.0.100(Preferred)\n");
	drv_expect_output(&d, "   Lease Expires . . . . . . . . . . : Thursday, January 1, 2026 "
			      "9:00:00 AM\n");
	drv_expect_output(&d, "   DHCP Server . . . . . . . . . . . : 10.0.0.1\n"
			      "   DNS Servers . . . . . . . . . . . : 10.0.1.10\n");
	drv_expect_output(&d, "   Media State . . . . . . . . . . . : Media disconnected\n");
	drv_done(&d);
}

static void ipconfig_waits_in_bounds(void **state)
{
	struct drv d;

	(void)state;
	bound(&d);
	for (int i = 0; i < 8; i++)
		drv_command(&d, "ipconfig");
	assert_int_equal(d.status, -1);
	drv_command(&d, "ipconfig");
	assert_int_equal(d.status, 1);
	drv_done(&d);
}

static void release_and_renew(void **state)
{
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	bound(&d);
	drv_command(&d, "ipconfig /release");
	drv_expect_decision(&d, "dhcp4.client.release");
	t_sent(&d, &m);
	assert_int_equal(m.type, DHCP4_RELEASE);
	routes(&d);
	assert_null(strstr(drv_output(&d), "10.0.0.100"));
	assert_int_equal(d.status, 0);
	drv_addr_clear(&d, 1);
	assert_true(drv_deadline(&d) == NEVER);

	drv_command(&d, "ipconfig /renew eth0");
	drv_expect_decision(&d, "dhcp4.client.send-discover");
	assert_int_equal(d.status, -1);
	up_to_ack(&d, &m);
	assert_int_equal(d.status, -1);
	drv_timer_until(&d, d.now + 1 * SEC);
	routes(&d);
	drv_expect_output(&d, "10.0.0.100");
	assert_int_equal(d.status, 0);
	drv_done(&d);
}

static void renew_with_a_lease_renews(void **state)
{
	struct dhcp4_msg m, r;
	struct drv d;

	(void)state;
	bound(&d);
	drv_command(&d, "ipconfig /renew");
	drv_expect_decision(&d, "dhcp4.client.renew-t1");
	t_sent(&d, &m);
	grant(&m, &r, DHCP4_ACK);
	hear_on(&d, UDP, (struct mac){ { 0 } }, &r);
	routes(&d);
	assert_int_equal(d.status, 0);
	drv_done(&d);
}

static void renew_without_a_server_fails(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, "");
	drv_command(&d, "ipconfig /renew");
	drv_timer_until(&d, 20 * SEC);
	routes(&d);
	drv_expect_output(&d, "An error occurred while renewing interface eth0 : unable to contact "
			      "your DHCP server. Request has timed out.\n");
	assert_int_equal(d.status, 1);
	drv_command(&d, "ipconfig /renew eth1");
	assert_int_equal(d.status, 1);
	drv_link(&d, 1, false);
	drv_command(&d, "ipconfig /renew");
	routes(&d);
	drv_expect_output(&d, "the media is disconnected.");
	assert_int_equal(d.status, 1);
	drv_done(&d);
}

/* Two interfaces, two people: each command ends once. */
static void renew_twice(void **state)
{
	struct drv d;

	(void)state;
	drv_init(&d, t_proto(), KIND_PC, 2);
	drv_conf(&d, "interface eth0\n ip address dhcp\ninterface eth1\n ip address dhcp\n");
	drv_start(&d, "dhcp4.client");
	drv_command(&d, "ipconfig /renew");
	drv_command(&d, "ipconfig /renew eth1");
	assert_int_equal(d.n_running, 2);
	assert_int_equal(drv_count(&d, FX_ASK), 0); /* eth0 still tries for the first one */
	drv_timer_until(&d, 20 * SEC);
	assert_int_equal(drv_count(&d, FX_ASK), 2);
	for (uint32_t id = 1; id <= 2; id++)
		drv_answer(&d, id, &(struct answer){ .err = -1 });
	assert_int_equal(d.n_running, 0);
	assert_int_equal(d.status, 1);
	drv_done(&d);
}

static void inform_asks_for_parameters(void **state)
{
	const struct fx_effect *e;
	struct dhcp4_msg m, r;
	struct drv d;

	(void)state;
	drv_init(&d, t_proto(), KIND_PC, 1);
	drv_addr(&d, 1, "10.0.0.50/24");
	drv_start(&d, "dhcp4.client");
	drv_command(&d, "ipconfig /inform");
	assert_int_equal(drv_next_bind(&d)->bind.kind, SOCK_UDP);
	e = t_sent(&d, &m);
	assert_string_equal(t_reason(&d, e), "dhcp4.client.inform");
	assert_int_equal(m.type, DHCP4_INFORM);
	t_expect_addr(&m.ciaddr, "10.0.0.50");
	t_expect_addr(&e->send.src.addr, "10.0.0.50");
	drv_command(&d, "ipconfig /inform");
	assert_int_equal(d.status, 1);
	reply_to(&m, &r, DHCP4_ACK);
	t_put_addr(&r, OPT4_SERVER, "10.0.0.1");
	t_put_addr(&r, OPT4_DNS, "10.0.1.10");
	dhcp4_put_text(&r, OPT4_WPAD, "http://wpad.test/proxy.pac");
	hear_on(&d, UDP, (struct mac){ { 0 } }, &r);
	drv_expect_decision(&d, "dhcp4.client.inform-ack");
	drv_expect_none(&d, FX_ADDR);
	assert_int_equal(drv_want(&d, FX_RESOLVER, "resolver")->resolver.n_servers, 1);
	drv_expect_output(&d, "http://wpad.test/proxy.pac");
	assert_int_equal(d.status, 0);
	assert_int_equal(drv_count(&d, FX_CLOSE), 1);
	/* Nobody answers. */
	drv_command(&d, "ipconfig /inform eth0");
	drv_timer_until(&d, 60 * SEC);
	assert_int_equal(t_count_sent(&d), 2);
	assert_int_equal(d.status, 1);
	drv_done(&d);
}

static void show_dhcp_lease(void **state)
{
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup_kind(&d, KIND_ROUTER,
		   "interface eth0\n ip address dhcp\n ip dhcp client arp-probes 0\n");
	up_to_ack(&d, &m);
	drv_command(&d, "show dhcp lease");
	drv_expect_output(&d, "Temp IP addr: 10.0.0.100  for peer on Interface: eth0\n"
			      "Temp  sub net mask: 255.255.255.0\n"
			      "   DHCP Lease server: 10.0.0.1, state: 5 Bound\n");
	drv_expect_output(&d, "   Lease: 3600 secs,  Renewal: 1800 secs,  Rebind: 3150 secs\n"
			      "Temp default-gateway addr: 10.0.0.1\n"
			      "   Next timer fires after: 00:30:00\n");
	drv_command(&d, "release dhcp eth0");
	drv_expect_decision(&d, "dhcp4.client.release");
	drv_done(&d);
}

/* --- BOOTP -------------------------------------------------------------------------------- */

static void bootp(void **state)
{
	const struct fx_effect *e;
	struct dhcp4_msg m, r;
	struct drv d;

	(void)state;
	setup_kind(&d, KIND_PC, "interface eth0\n ip address bootp\n");
	e = t_sent(&d, &m);
	assert_string_equal(t_reason(&d, e), "bootp.client.request");
	assert_int_equal(m.type, DHCP4_NO_TYPE);
	assert_int_equal(e->send.len, 300);
	drv_timer(&d);
	assert_true(d.now >= 3 * SEC && d.now <= 5 * SEC);
	drv_expect_decision(&d, "bootp.client.retransmit");
	t_sent(&d, &m);
	assert_int_equal(m.secs, d.now / SEC);
	reply_to(&m, &r, DHCP4_NO_TYPE);
	r.yiaddr = drv_a("10.0.0.7");
	r.siaddr = drv_a("10.0.0.1");
	t_put_addr(&r, OPT4_MASK, "255.255.255.0");
	t_put_addr(&r, OPT4_ROUTER, "10.0.0.1");
	str_copy(r.file, sizeof(r.file), "/boot/kernel");
	r.xid ^= 1;
	hear(&d, &r);
	drv_expect_decision(&d, "bootp.client.drop-mismatch");
	r.xid ^= 1;
	r.chaddr[0] ^= 2;
	hear(&d, &r);
	drv_expect_decision(&d, "bootp.client.drop-mismatch");
	r.chaddr[0] ^= 2;
	hear(&d, &r);
	drv_expect_decision(&d, "bootp.client.configure");
	e = drv_expect_decision(&d, "bootp.client.boot-file");
	assert_string_equal(drv_value(e, "file"), "/boot/kernel");
	assert_string_equal(drv_value(e, "server"), "10.0.0.1");
	t_expect_addr(&drv_want(&d, FX_ADDR, "address")->addr.addr, "10.0.0.7");
	e = drv_expect_fact(&d, FX_FACT_BEGIN, "dhcp4_client_lease", "eth0");
	assert_string_equal(drv_value(e, "protocol"), "bootp");
	assert_int_equal(val_find(e->fact.columns, "expires")->type, VT_NULL);
	assert_true(drv_deadline(&d) == NEVER);
	/* Renewing starts over; there is nothing to release. */
	drv_command(&d, "ipconfig /renew");
	drv_expect_decision(&d, "bootp.client.request");
	drv_command(&d, "ipconfig /release");
	drv_expect_no_decision(&d, "dhcp4.client.release");
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipconfig),
		cmocka_unit_test(ipconfig_waits_in_bounds),
		cmocka_unit_test(release_and_renew),
		cmocka_unit_test(renew_with_a_lease_renews),
		cmocka_unit_test(renew_without_a_server_fails),
		cmocka_unit_test(renew_twice),
		cmocka_unit_test(inform_asks_for_parameters),
		cmocka_unit_test(show_dhcp_lease),
		cmocka_unit_test(bootp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
