/* What the server does besides answering: it remembers, names its clients in DNS, writes bindings,
 * and tells the person at its console. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dhcp4_server_driver.h"

/* --- another life ------------------------------------------------------------------------- */

/* Gives a fact of the window back to the new machine. */
static void restore(struct drv *d, const struct fact_kind *kind, const char *key, const char *addr,
		    unsigned n, const char *state, nsec_t expires)
{
	const struct val columns[] = { V_ADDR("addr", drv_a(addr)),
				       V_MAC("mac", t_mac(n)),
				       V_NULL("client_id"),
				       V_TEXT("hostname", "pc"),
				       V_TEXT("state", state),
				       expires == NEVER ? V_NULL("expires")
							: V_TIME("expires", expires),
				       V_TEXT("pool", "LAN"),
				       V_TEXT("type", "dynamic"),
				       V_ADDR("server", drv_a("10.0.0.1")),
				       V_TEXT("method", "ping"),
				       V_END };

	drv_restore(d, kind, key, columns, 0);
}

static void leases_outlive_a_restart(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	drv_reborn(&d);
	restore(&d, &dhcp4_lease_fact, "10.0.0.100", "10.0.0.100", 1, "bound", 3600 * SEC);
	restore(&d, &dhcp4_lease_fact, "10.0.0.101", "10.0.0.101", 2, "released", NEVER);
	restore(&d, &dhcp4_lease_fact, "10.0.0.102", "10.0.0.102", 3, "offered", 30 * SEC);
	restore(&d, &dhcp4_conflict_fact, "10.0.0.103", "10.0.0.103", 4, "", NEVER);
	restore(&d, &dhcp4_lease_fact, "10.9.0.1", "10.9.0.1", 5, "bound", 3600 * SEC);
	restore(&d, &dhcp4_lease_fact, "bad", "0.0.0.0", 6, "bound", 3600 * SEC);
	drv_event(&d, (struct ev){ .kind = EV_START });
	drv_timer(&d);
	drv_expect_fact(&d, FX_FACT_END, "dhcp4_lease", "10.9.0.1"); /* its pool is gone */
	request(&d, 1, "10.0.0.100", NULL);
	drv_expect_decision(&d, "dhcp4.server.ack-request");
	discover(&d, 2);
	expect_offer(&d, "dhcp4.server.offer-previous", "10.0.0.101");
	discover(&d, 9);
	expect_offer(&d, "dhcp4.server.offer-available", "10.0.0.104");
	drv_timer_until(&d, 40 * SEC);
	drv_expect_decision(&d, "dhcp4.server.offer-hold-expiry");
	drv_command(&d, "show ip dhcp conflict");
	drv_expect_output(&d, "10.0.0.103");
	drv_done(&d);
}

static void a_removed_pool_ends_its_leases(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	drv_expect_fact(&d, FX_FACT_BEGIN, "dhcp4_pool", "LAN");
	bind_client(&d, 1, "10.0.0.100");
	drv_conf(&d, "ip dhcp pool LAN\n domain-name other.test\n");
	assert_null(drv_fact(&d, FX_FACT_END, "dhcp4_lease", NULL));
	drv_conf(&d, "no ip dhcp pool LAN\nip dhcp pool HALF\n network 10.0.0.0 /26\n");
	drv_expect_fact(&d, FX_FACT_END, "dhcp4_pool", "LAN");
	request(&d, 1, "10.0.0.100", NULL); /* already unknown, though its fact still stands */
	drv_expect_decision(&d, "dhcp4.server.drop-request-no-record");
	drv_timer(&d);
	drv_expect_fact(&d, FX_FACT_END, "dhcp4_lease", "10.0.0.100");
	drv_done(&d);
}

/* --- names in DNS, bindings as a file -------------------------------------------------------- */

static void a_lease_updates_dns(void **state)
{
	const struct fx_effect *e;
	struct dhcp4_msg m;
	uint8_t answer[12] = { 0 };
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	drv_conf(&d, "ip dhcp pool LAN\n update dns\n");
	discover(&d, 1);
	t_request(&m, DHCP4_REQUEST, 1);
	t_put_addr(&m, OPT4_REQUESTED, "10.0.0.100");
	t_put_addr(&m, OPT4_SERVER, "10.0.0.1");
	dhcp4_put_text(&m, OPT4_HOSTNAME, "pc1");
	t_broadcast(&d, &m);
	drv_expect_value(&d, "dhcp4.server.dns-update", "name", "pc1.campus.test");
	drv_next_send(&d);
	e = drv_next_send(&d);
	t_expect_addr(&e->send.dst.addr, "10.0.1.10");
	assert_int_equal(e->send.dst.port, 53);
	assert_int_equal(((const uint8_t *)e->send.data)[2], 0x28); /* UPDATE */
	assert_int_equal(((const uint8_t *)e->send.data)[9], 2);    /* two records */
	memcpy(answer, e->send.data, 4);
	answer[2] |= 0x80;
	answer[3] = 5;
	drv_timer_until(&d, 3 * SEC);
	drv_expect_decision(&d, "dhcp4.server.dns-update");
	drv_datagram(&d, T_DDNS_SOCK, drv_ep("10.0.1.10", 53), drv_ep("10.0.0.1", 4000), 2, answer,
		     sizeof(answer));
	drv_expect_value(&d, "dhcp4.server.dns-update-result", "result", "REFUSED");
	release(&d, 1, "10.0.0.100", "10.0.0.1");
	drv_expect_value(&d, "dhcp4.server.dns-update", "what", "loses");
	drv_timer_until(&d, 60 * SEC);
	drv_expect_value(&d, "dhcp4.server.dns-update-result", "result", "no answer");
	drv_done(&d);
}

static void dns_updates_are_bounded(void **state)
{
	struct dhcp4_msg m;
	char name[16];
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	drv_conf(&d, "ip dhcp pool LAN\n update dns\n");
	for (unsigned n = 1; n <= 33; n++) {
		snprintf(name, sizeof(name), "pc%u", n);
		t_request(&m, DHCP4_REQUEST, n);
		dhcp4_put_u32(&m, OPT4_REQUESTED, 0x0a000063 + n);
		t_put_addr(&m, OPT4_SERVER, "10.0.0.1");
		dhcp4_put_text(&m, OPT4_HOSTNAME, name);
		t_broadcast(&d, &m);
		drv_expect_decision(&d, "dhcp4.server.bind");
	}
	drv_expect_decision(&d, "dhcp4.server.dns-update-busy");
	drv_done(&d);
}

static void bindings_are_written_to_flash(void **state)
{
	struct answer bad = { .err = -28, .why = "no space left" }, good = { 0 };
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	drv_conf(&d, "ip dhcp database flash:/bindings write-delay 10\n");
	drv_expect_decision(&d, "dhcp4.ios.database-agent");
	bind_client(&d, 1, "10.0.0.100");
	drv_expect_none(&d, FX_ASK);
	drv_timer_until(&d, 10 * SEC);
	drv_expect_decision(&d, "dhcp4.server.database-write");
	e = drv_next_ask(&d);
	assert_int_equal(e->ask.ask->file.op, FILE_WRITE);
	assert_string_equal(e->ask.ask->file.path, "bindings");
	assert_non_null(memmem(e->ask.ask->file.data, e->ask.ask->file.len,
			       "10.0.0.100          1     0200.0000.0001  Jan 01 2026 09:00 AM",
			       62));
	drv_answer(&d, e->ask.ask_id, &bad);
	drv_command(&d, "show ip dhcp database");
	drv_expect_output(&d, "no space left");
	drv_expect_output(&d, "Failures  :  1");
	bind_client(&d, 2, "10.0.0.101");
	drv_timer_until(&d, 20 * SEC);
	drv_answer(&d, drv_next_ask(&d)->ask.ask_id, &good);
	drv_command(&d, "show ip dhcp database");
	drv_expect_output(&d, "Last write succeeded");
	drv_done(&d);
}

/* --- commands ----------------------------------------------------------------------------- */

static void show_commands(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	bind_client(&d, 1, "10.0.0.100");
	bind_client(&d, 2, "10.0.0.101");
	drv_command(&d, "show ip dhcp binding");
	drv_expect_decision(&d, "dhcp4.address-roster");
	assert_string_equal(
		drv_output(&d),
		"Bindings from all pools not associated with VRF:\n"
		"IP address          Client-ID/              Lease expiration        Type\n"
		"                    Hardware address/\n"
		"                    User name\n"
		"10.0.0.100          0200.0000.0001          Jan 01 2026 09:00 AM    Automatic\n"
		"10.0.0.101          0200.0000.0002          Jan 01 2026 09:00 AM    Automatic\n");
	d.dev.clock.offset_ns = 86400 * SEC; /* as the device's clock has it */
	drv_command(&d, "show ip dhcp binding 10.0.0.101");
	drv_expect_output(&d, "Jan 02 2026 09:00 AM");
	assert_null(strstr(drv_output(&d), "10.0.0.100"));
	drv_command(&d, "show ip dhcp pool");
	drv_expect_output(&d, " Total addresses                : 155\n"
			      " Leased addresses               : 2\n");
	drv_expect_output(&d, " 10.0.0.102           10.0.0.1         - 10.0.0.254       2\n");
	drv_command(&d, "show ip dhcp pool NONE");
	assert_int_equal(d.status, 1);
	drv_command(&d, "show ip dhcp server statistics");
	drv_expect_output(&d, "Automatic bindings   2\n");
	drv_expect_output(&d, "DHCPDISCOVER         2\n");
	drv_expect_output(&d, "DHCPOFFER            2\n");
	drv_expect_output(&d, "DHCPACK              2\n");
	drv_command(&d, "clear ip dhcp server statistics");
	drv_command(&d, "show ip dhcp server statistics");
	drv_expect_output(&d, "DHCPDISCOVER         0\n");
	drv_done(&d);
}

static void clear_commands(void **state)
{
	char addr[ADDR_TEXT_LEN];
	struct drv d;

	(void)state;
	setup(&d, lan_conf);
	for (unsigned n = 1; n <= 3; n++) {
		snprintf(addr, sizeof(addr), "10.0.0.%u", 99 + n);
		bind_client(&d, n, addr);
	}
	drv_command(&d, "clear ip dhcp binding 10.0.0.100");
	assert_int_equal(d.status, 0);
	drv_expect_fact(&d, FX_FACT_END, "dhcp4_lease", "10.0.0.100");
	drv_command(&d, "clear ip dhcp binding 10.0.0.100");
	assert_int_equal(d.status, 1);
	drv_command(&d, "clear ip dhcp binding *");
	assert_int_equal(d.status, -1);
	drv_timer(&d);
	assert_int_equal(d.status, 0);
	assert_int_equal(drv_count(&d, FX_FACT_END), 2);
	drv_command(&d, "clear ip dhcp binding *");
	assert_int_equal(d.status, 0);
	drv_command(&d, "clear ip dhcp conflict *");
	assert_int_equal(d.status, 0);
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leases_outlive_a_restart),
		cmocka_unit_test(a_removed_pool_ends_its_leases),
		cmocka_unit_test(a_lease_updates_dns),
		cmocka_unit_test(dns_updates_are_bounded),
		cmocka_unit_test(bindings_are_written_to_flash),
		cmocka_unit_test(show_commands),
		cmocka_unit_test(clear_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
