#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dhcp4_driver.h"

static const struct dhcp4_conf *conf_of(const struct drv *d)
{
	return d->conf;
}

static void a_whole_configuration(void **state)
{
	static const char *const text = "service dhcp\n"
					"ip dhcp excluded-address 10.0.0.1 10.0.0.99\n"
					"ip dhcp excluded-address 10.0.0.200\n"
					"ip dhcp ping packets 3\n"
					"ip dhcp ping timeout 250\n"
					"ip dhcp database flash:/dhcp write-delay 60\n"
					"ip dhcp relay information option\n"
					"ip dhcp pool LAN\n"
					" network 10.0.0.0 255.255.255.0\n"
					" default-router 10.0.0.1 10.0.0.2\n"
					" dns-server 10.0.1.10\n"
					" domain-name campus.test\n"
					" netbios-name-server 10.0.1.20\n"
					" netbios-node-type h-node\n"
					" option 150 ip 10.0.1.30 10.0.1.31\n"
					" option 66 ascii \"tftp.campus.test\"\n"
					" option 43 hex f104.0a00.0001\n"
					" bootfile boot.img\n"
					" next-server 10.0.1.30\n"
					" lease 2 3 4\n"
					" update dns\n"
					"interface eth0\n"
					" ip address dhcp\n"
					" ip dhcp client hostname pc\n"
					" ip dhcp client client-id hex 01.02\n"
					" ip helper-address 10.9.0.1\n";
	const struct dhcp4_pool_conf *p;
	const struct dhcp4_pool_opt *o;
	struct drv d;

	(void)state;
	drv_init(&d, t_proto(), KIND_ROUTER, 1);
	drv_conf(&d, text);
	assert_int_equal(drv_conf_check(&d), 0);
	assert_int_equal(conf_of(&d)->n_excluded, 2);
	assert_int_equal(conf_of(&d)->ping_packets, 3);
	assert_int_equal(conf_of(&d)->ping_timeout_ns, 250 * MSEC);
	assert_int_equal(conf_of(&d)->database_delay_ns, 60 * SEC);
	assert_true(conf_of(&d)->relay_info);
	p = conf_of(&d)->pools[0];
	assert_string_equal(p->name, "LAN");
	assert_int_equal(p->plen, 24);
	assert_int_equal(p->lease_ns, (2 * 86400 + 3 * 3600 + 4 * 60) * SEC);
	assert_true(p->update_dns);
	assert_int_equal(dhcp4_pool_opt(p, OPT4_ROUTER)->len, 8);
	assert_int_equal(dhcp4_pool_opt(p, OPT4_TFTP_ADDRS)->len, 8);
	assert_int_equal(dhcp4_pool_opt(p, OPT4_NETBIOS_TYPE)->data[0], 8);
	o = dhcp4_pool_opt(p, OPT4_TFTP_NAME);
	assert_int_equal(o->len, 16);
	assert_memory_equal(o->data, "tftp.campus.test", 16);
	o = dhcp4_pool_opt(p, 43);
	assert_memory_equal(o->data, "\xf1\x04\x0a\x00\x00\x01", 6);
	for (unsigned i = 1; i < p->n_opts; i++)
		assert_true(p->opts[i - 1].code < p->opts[i].code);
	assert_int_equal(dhcp4_if_conf(conf_of(&d), 1)->mode, DHCP4_IF_DHCP);
	assert_int_equal(dhcp4_if_conf(conf_of(&d), 1)->n_helpers, 1);
	assert_int_equal(dhcp4_if_conf(conf_of(&d), 1)->client_id_len, 2);
	drv_done(&d);
}

static void no_takes_everything_back(void **state)
{
	const struct dhcp4_if_conf *c;
	const struct dhcp4_pool_conf *p;
	struct drv d;

	(void)state;
	drv_init(&d, t_proto(), KIND_ROUTER, 1);
	drv_conf(&d, "ip dhcp pool LAN\n network 10.0.0.0 /24\n default-router 10.0.0.1\n"
		     " dns-server 10.0.1.10\n domain-name x.test\n lease infinite\n"
		     " option 150 ip 10.0.1.30\n bootfile b\n next-server 10.0.0.9\n update dns\n"
		     " netbios-name-server 10.0.0.3\n netbios-node-type b-node\n"
		     "ip dhcp pool ONE\n host 10.0.0.7 /24\n hardware-address 0200.0000.0007\n"
		     " client-identifier 01.02\n client-name pc\n"
		     "interface eth0\n ip address bootp\n ip dhcp client broadcast-flag\n"
		     " ip dhcp client start-delay\n ip dhcp client autoconfig 3\n"
		     " ip dhcp client arp-probes 2\n ip dhcp client hostname x\n"
		     " ip dhcp client client-id ascii abc\n ip helper-address 10.9.0.1\n"
		     " ip helper-address 10.9.0.2\n");
	drv_conf(&d, "ip dhcp pool LAN\n no network\n no default-router\n no dns-server\n"
		     " no domain-name\n no lease\n no option 150\n no bootfile\n no next-server\n"
		     " no update dns\n no netbios-name-server\n no netbios-node-type\n"
		     "ip dhcp pool ONE\n no host\n no hardware-address\n no client-identifier\n"
		     " no client-name\n"
		     "interface eth0\n no ip address bootp\n no ip dhcp client broadcast-flag\n"
		     " no ip dhcp client start-delay\n no ip dhcp client autoconfig\n"
		     " no ip dhcp client arp-probes\n no ip dhcp client hostname\n"
		     " no ip dhcp client client-id\n no ip helper-address 10.9.0.1\n");
	p = conf_of(&d)->pools[0];
	assert_false(addr_is_set(&p->network));
	assert_int_equal(p->n_opts, 0);
	assert_false(p->has_lease || p->update_dns || p->bootfile[0]);
	p = conf_of(&d)->pools[1];
	assert_false(addr_is_set(&p->host) || p->has_mac || p->id_len || p->client_name[0]);
	c = dhcp4_if_conf(conf_of(&d), 1);
	assert_int_equal(c->mode, DHCP4_IF_OTHER);
	assert_false(c->broadcast_flag || c->start_delay || c->hostname[0] || c->client_id_len);
	assert_int_equal(c->autoconfig, 0);
	assert_int_equal(c->n_helpers, 1);
	drv_conf(&d, "no ip dhcp pool ONE\nno ip dhcp pool LAN\n");
	assert_int_equal(conf_of(&d)->n_pools, 0);
	drv_done(&d);
}

/* A line of one kind takes the place of the other. */
static void running_configuration_keeps_one_of_each(void **state)
{
	struct drv d;

	(void)state;
	drv_init(&d, t_proto(), KIND_ROUTER, 1);
	drv_conf(&d, "ip dhcp pool LAN\n lease 1\n lease infinite\n"
		     "interface eth0\n ip address dhcp\n ip address bootp\n");
	assert_true(conf_of(&d)->pools[0]->lease_ns == NEVER);
	assert_true(conf_of(&d)->pools[0]->has_lease);
	assert_int_equal(dhcp4_if_conf(conf_of(&d), 1)->mode, DHCP4_IF_BOOTP);
	drv_running(&d);
	assert_null(strstr(drv_output(&d), "lease 1"));
	assert_null(strstr(drv_output(&d), "ip address dhcp"));
	drv_expect_output(&d, " lease infinite\n");
	drv_expect_output(&d, " ip address bootp\n");
	drv_done(&d);
}

static void masks_in_three_spellings(void **state)
{
	static const struct {
		const char *line;
		int plen;
	} rows[] = {
		{ " network 10.0.0.0 255.255.0.0\n", 16 },
		{ " network 10.0.0.0 /20\n", 20 },
		{ " network 10.1.2.3\n", 8 },
		{ " network 172.16.0.0\n", 16 },
		{ " network 192.168.1.0\n", 24 },
	};
	struct drv d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		drv_init(&d, t_proto(), KIND_ROUTER, 1);
		drv_conf(&d, "ip dhcp pool P\n");
		drv_conf(&d, "ip dhcp pool P\n");
		char text[80];

		snprintf(text, sizeof(text), "ip dhcp pool P\n%s", rows[i].line);
		drv_conf(&d, text);
		assert_int_equal(conf_of(&d)->pools[0]->plen, rows[i].plen);
		drv_done(&d);
	}
}

static const struct {
	const char *text, *why;
} refusals[] = {
	{ "ip dhcp pool A\n network 10.0.0.0 255.0.255.0\n", "255.0.255.0 is no mask" },
	{ "ip dhcp pool A\n network 10.0.0.0 /31\n", "a pool's mask is /8 to /30" },
	{ "ip dhcp pool A\n network 1.0.0.0 /4\n", "a pool's mask is /8 to /30" },
	{ "ip dhcp pool A\n network 127.0.0.0 /24\n", "no network of hosts" },
	{ "ip dhcp pool A\n network 10.0.0.0 /24\nip dhcp pool B\n network 10.0.0.128 /25\n",
	  "overlaps the network of pool A" },
	{ "ip dhcp pool A\n host 10.0.0.1\n network 10.0.0.0 /24\n", "a pool of its own" },
	{ "ip dhcp pool A\n network 10.0.0.0 /24\n host 10.0.0.1\n", "a pool of its own" },
	{ "ip dhcp pool A\n default-router 224.0.0.1\n", "not the address of a host" },
	{ "ip dhcp pool A\n dns-server 0.0.0.0\n", "not the address of a host" },
	{ "ip dhcp pool A\n lease 0\n", "a lease of no time" },
	{ "ip dhcp pool A\n option 51 hex 00\n", "written by the server itself" },
	{ "ip dhcp pool A\n option 255 hex 00\n", "written by the server itself" },
	{ "ip dhcp pool A\n option 150 ip 10.0.0\n", "not ip" },
	{ "ip dhcp pool A\n option 43 hex 0\n", "not hex" },
	{ "ip dhcp pool A\n option 43 hex 0g\n", "not hex" },
	{ "ip dhcp pool A\n option 3 ascii abc\n", "no list of addresses" },
	{ "ip dhcp pool A\n client-identifier xyz\n", "no hexadecimal identifier" },
	{ "no ip dhcp pool A\n", "there is no DHCP pool A" },
	{ "ip dhcp excluded-address 10.0.0.9 10.0.0.1\n", "above" },
	{ "no ip dhcp excluded-address 10.0.0.9\n", "not excluded" },
	{ "ip dhcp database nowhere\n", "no URL" },
	{ "interface eth0\n ip helper-address 255.255.255.255\n", "not the address of a server" },
	{ "interface eth0\n ip helper-address 127.0.0.1\n", "not the address of a server" },
	{ "interface eth0\n no ip helper-address 10.0.0.1\n", "no helper address" },
	{ "interface eth0\n ip dhcp client client-id hex 0\n", "no identifier" },
};

static void refusals_say_why(void **state)
{
	struct drv d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		drv_init(&d, t_proto(), KIND_ROUTER, 1);
		if (!strstr(drv_conf_refused(&d, refusals[i].text), refusals[i].why))
			fail_msg("\"%s\": %s", refusals[i].text, d.refused);
		drv_done(&d);
	}
}

static void lists_are_bounded(void **state)
{
	struct sbuf text = SBUF(1 << 20);
	struct drv d;

	(void)state;
	drv_init(&d, t_proto(), KIND_ROUTER, 1);
	for (int i = 0; i <= DHCP4_POOLS_MAX; i++)
		sbuf_printf(&text, "ip dhcp pool P%d\n", i);
	assert_non_null(strstr(drv_conf_refused(&d, sbuf_text(&text)), "more than 128 DHCP pools"));
	sbuf_reset(&text);
	for (int i = 0; i <= DHCP4_EXCLUDED_MAX; i++)
		sbuf_printf(&text, "ip dhcp excluded-address 10.0.1.%d\n", i);
	assert_non_null(strstr(drv_conf_refused(&d, sbuf_text(&text)), "more than 128 excluded"));
	sbuf_reset(&text);
	sbuf_puts(&text, "interface eth0\n");
	for (int i = 0; i <= DHCP4_HELPERS_MAX; i++)
		sbuf_printf(&text, " ip helper-address 10.0.1.%d\n", i + 1);
	assert_non_null(strstr(drv_conf_refused(&d, sbuf_text(&text)), "more than 8 helper"));
	sbuf_reset(&text);
	sbuf_puts(&text, "ip dhcp pool P1\n");
	for (int i = 0; i <= DHCP4_POOL_OPTS_MAX; i++)
		sbuf_printf(&text, " option %d hex 00\n", 160 + i);
	assert_non_null(strstr(drv_conf_refused(&d, sbuf_text(&text)), "has 24 options already"));
	sbuf_done(&text);
	drv_done(&d);
}

static void a_manual_binding_needs_a_client(void **state)
{
	struct drv d;

	(void)state;
	drv_init(&d, t_proto(), KIND_ROUTER, 1);
	drv_conf(&d, "ip dhcp pool A\n host 10.0.0.7\n");
	assert_true(drv_conf_check(&d) < 0);
	assert_non_null(strstr(d.refused, "host without hardware-address"));
	drv_done(&d);
}

/* The lines are told as decisions, once, when the server machine sees them. */
static void lines_become_decisions(void **state)
{
	static const char *const rules[] = {
		"dhcp4.ios.pool",	    "dhcp4.ios.pool-network",	  "dhcp4.ios.dns-server",
		"dhcp4.ios.default-router", "dhcp4.ios.excluded-address", "dhcp4.ios.service",
		"dhcp4.ios.database-agent", "dhcp4.ios.conflict-logging", "dhcp4.config-typo",
	};
	struct drv d;

	(void)state;
	drv_init(&d, t_proto(), KIND_ROUTER, 1);
	drv_conf(&d, "service dhcp\nip dhcp excluded-address 10.0.0.1 10.0.0.9\n"
		     "ip dhcp database tftp://10.0.0.9/x\nip dhcp conflict logging\n"
		     "ip dhcp pool LAN\n network 10.0.0.0 /24\n dns-server 10.0.1.10\n"
		     " default-router 10.7.0.1\n");
	drv_start(&d, "dhcp4.server");
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		drv_expect_decision(&d, rules[i]);
	assert_string_equal(
		drv_value(drv_decision(&d, "dhcp4.config-typo"), "value"),
		"accepted: router 10.7.0.1 is outside the network 10.0.0.0/24 of pool LAN");
	drv_event(&d, (struct ev){ .kind = EV_CONF });
	assert_null(drv_after_effect(&d, NULL));
	/* A refused line is told with the next accepted one. */
	drv_conf_refused(&d, "ip dhcp pool B\n network 10.0.0.0 /16\n");
	drv_conf(&d, "no ip dhcp excluded-address 10.0.0.1 10.0.0.9\n");
	drv_expect_decision(&d, "dhcp4.config-typo");
	drv_expect_value(&d, "dhcp4.ios.excluded-address", "what", "may be leased again");
	drv_done(&d);
}

/* More changes than the notes hold: the newest are told. */
static void notes_are_a_ring(void **state)
{
	struct sbuf text = SBUF(1 << 20);
	struct drv d;

	(void)state;
	for (int i = 0; i < 1000; i++)
		sbuf_printf(&text, "%sservice dhcp\n", i % 2 ? "no " : "");
	drv_init(&d, t_proto(), KIND_ROUTER, 1);
	drv_conf(&d, sbuf_text(&text));
	drv_start(&d, "dhcp4.server");
	assert_int_equal(drv_count(&d, FX_DECIDE), DHCP4_NOTES_MAX);
	sbuf_done(&text);
	drv_done(&d);
}

static void devices_know_their_part(void **state)
{
	struct drv d;

	(void)state;
	drv_init(&d, t_proto(), KIND_PC, 1);
	drv_conf_refused(&d, "ip dhcp pool A\n");
	drv_conf(&d, "interface eth0\n ip address dhcp\n");
	drv_done(&d);
	drv_init(&d, t_proto(), KIND_HUB, 1);
	drv_conf_refused(&d, "interface eth0\n ip address dhcp\n");
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_configuration),
		cmocka_unit_test(no_takes_everything_back),
		cmocka_unit_test(running_configuration_keeps_one_of_each),
		cmocka_unit_test(masks_in_three_spellings),
		cmocka_unit_test(refusals_say_why),
		cmocka_unit_test(lists_are_bounded),
		cmocka_unit_test(a_manual_binding_needs_a_client),
		cmocka_unit_test(lines_become_decisions),
		cmocka_unit_test(notes_are_a_ring),
		cmocka_unit_test(devices_know_their_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
