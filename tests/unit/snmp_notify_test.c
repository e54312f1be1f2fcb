/* Traps and informs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "snmp_driver.h"

#define CONF "snmp-server community public\nsnmp-server enable traps\n"

static void begin(struct drv *d, const char *conf)
{
	drv_init(d, &snmp_proto, KIND_ROUTER, 2);
	drv_addr(d, 1, "10.0.0.1/24");
	drv_conf(d, CONF);
	drv_conf(d, conf);
	drv_start(d, "snmp.agent");
}

static void a_start_is_told_in_v1(void **state)
{
	struct drv d;
	const struct fx_effect *e;

	(void)state;
	begin(&d, "snmp-server host 10.0.0.9 secret\n");
	d.now = 2 * SEC;
	snmp_answer_tables(&d);
	drv_expect_value(&d, "snmp.agent.trap-send", "trap", "coldStart");
	e = drv_next_send(&d);
	assert_int_equal(e->send.dst.port, SNMP_TRAP_PORT);
	assert_string_equal(snmp_read(e), "");
	assert_int_equal(snmp_got.version, SNMP_V1);
	assert_int_equal(snmp_got.pdu, SNMP_TRAP_V1);
	assert_int_equal(snmp_got.generic, 0);
	assert_int_equal(snmp_got.uptime, 200);
	assert_int_equal(snmp_oid_compare(&snmp_got.enterprise, &snmp_sys_object_id), 0);
	assert_int_equal(addr4_u32(&snmp_got.agent), 0x0a000001);
	assert_memory_equal(snmp_got.community, "secret", 6);
	drv_done(&d);
}

/* Nobody could be told before there is an address. */
static void a_start_waits_for_an_address(void **state)
{
	struct drv d;

	(void)state;
	drv_init(&d, &snmp_proto, KIND_PC, 1);
	drv_conf(&d, CONF "snmp-server host 10.0.0.9 version 2c public udp-port 1162\n");
	drv_start(&d, "snmp.agent");
	drv_expect_none(&d, FX_ASK);
	drv_addr(&d, 1, "10.0.0.1/24");
	drv_addr_event(&d);
	snmp_answer_tables(&d);
	assert_int_equal(drv_next_send(&d)->send.dst.port, 1162);
	drv_addr_event(&d);
	drv_expect_none(&d, FX_ASK);
	drv_done(&d);
}

static void links(void **state)
{
	struct drv d;

	(void)state;
	begin(&d, "snmp-server host 10.0.0.9 version 2c public\nno snmp-server enable traps snmp "
		  "coldstart\n");
	drv_expect_none(&d, FX_ASK);
	d.now = 5 * SEC;
	drv_link(&d, 2, false);
	drv_link(&d, 2, true); /* queued behind it: each says what was then */
	for (uint32_t id = 1; id <= SNMP_ASKS; id++)
		drv_answer(&d, id, &(struct answer){ 0 });
	assert_string_equal(
		snmp_read(drv_next_send(&d)),
		"sysUpTime.0 = (500) 0:00:05.00, snmpTrapOID.0 = linkDown, ifIndex.2 = 2, "
		"ifAdminStatus.2 = 1, ifOperStatus.2 = 2, ifDescr.2 = eth1");
	assert_int_equal(snmp_got.pdu, SNMP_TRAP);
	snmp_answer_tables(&d);
	assert_string_equal(
		snmp_read(drv_next_send(&d)),
		"sysUpTime.0 = (500) 0:00:05.00, snmpTrapOID.0 = linkUp, ifIndex.2 = 2, "
		"ifAdminStatus.2 = 2, ifOperStatus.2 = 1, ifDescr.2 = eth1");
	drv_conf(&d, "no snmp-server enable traps snmp linkdown\n");
	drv_link(&d, 2, false);
	drv_expect_none(&d, FX_ASK);
	drv_done(&d);
}

static void a_wrong_community_is_told(void **state)
{
	struct drv d;

	(void)state;
	begin(&d, "no snmp-server enable traps\nsnmp-server enable traps snmp authentication\n"
		  "snmp-server host 10.0.0.9 traps version 1 public\nsnmp-server host 10.0.0.8 "
		  "traps version 2c public\n");
	snmp_make((struct snmp_msg){ .version = SNMP_V1, .pdu = SNMP_GET }, "guess", NULL);
	drv_datagram(&d, SNMP_SOCK_AGENT, drv_ep("10.0.0.2", 4000), drv_ep("10.0.0.1", SNMP_PORT),
		     1, snmp_made.octets, snmp_made_len);
	drv_expect_value(&d, "snmp.agent.auth-failure-trap", "hosts", "2");
	snmp_answer_tables(&d);
	snmp_read(drv_next_send(&d));
	assert_int_equal(snmp_got.generic, 4);
	assert_string_equal(snmp_read(drv_next_send(&d)),
			    "sysUpTime.0 = (0) 0:00:00.00, snmpTrapOID.0 = authenticationFailure");
	drv_done(&d);
}

static void an_agent_that_is_turned_on_later(void **state)
{
	struct drv d;

	(void)state;
	drv_init(&d, &snmp_proto, KIND_ROUTER, 1);
	drv_addr(&d, 1, "10.0.0.1/24");
	drv_start(&d, "snmp.agent");
	drv_conf(&d, "snmp-server enable traps\nsnmp-server host 10.0.0.9 public\n");
	snmp_answer_tables(&d);
	drv_expect_value(&d, "snmp.agent.trap-send", "trap", "warmStart");
	drv_done(&d);
}

static void too_many_events(void **state)
{
	struct drv d;

	(void)state;
	begin(&d, "snmp-server host 10.0.0.9 public\n");
	for (unsigned i = 0; i < SNMP_JOBS_MAX; i++)
		drv_link(&d, 1, i % 2);
	drv_expect_decision(&d, "snmp.agent.trap-lost");
	drv_done(&d);
}

/* --- informs ------------------------------------------------------------------------------ */

static void respond(struct drv *d, const char *from, uint8_t pdu, int32_t id)
{
	snmp_make((struct snmp_msg){ .version = SNMP_V2C, .pdu = pdu, .id = id }, "public", NULL);
	drv_datagram(d, SNMP_SOCK_TRAPS, drv_ep(from, SNMP_TRAP_PORT), drv_ep("10.0.0.1", 5000), 1,
		     snmp_made.octets, snmp_made_len);
}

static void an_inform_is_answered(void **state)
{
	struct drv d;
	int32_t id;

	(void)state;
	begin(&d, "snmp-server host 10.0.0.9 informs public\n");
	snmp_answer_tables(&d);
	snmp_read(drv_next_send(&d));
	assert_int_equal(snmp_got.pdu, SNMP_INFORM);
	id = snmp_got.id;
	respond(&d, "10.0.0.9", SNMP_RESPONSE, id + 1);
	drv_expect_decision(&d, "snmp.agent.drop-inform-response");
	respond(&d, "10.0.0.8", SNMP_RESPONSE, id);
	drv_expect_decision(&d, "snmp.agent.drop-inform-response");
	respond(&d, "10.0.0.9", SNMP_GET, id);
	drv_expect_value(&d, "snmp.agent.drop-inform-response", "reason", "it is no response");
	respond(&d, "10.0.0.9", SNMP_RESPONSE, id);
	drv_expect_decision(&d, "snmp.agent.inform-answered");
	assert_true(drv_deadline(&d) == NEVER);
	drv_done(&d);
}

static void an_inform_is_sent_again(void **state)
{
	struct drv d;
	int32_t id;

	(void)state;
	begin(&d, "snmp-server host 10.0.0.9 informs public\n");
	snmp_answer_tables(&d);
	snmp_read(drv_next_send(&d));
	id = snmp_got.id;
	for (unsigned i = 1; i <= 3; i++) {
		drv_timer(&d);
		assert_int_equal(d.now, i * 15 * SEC);
		drv_expect_value(&d, "snmp.agent.inform-retry", "deed", "sent again");
		snmp_read(drv_next_send(&d));
		assert_int_equal(snmp_got.id, id);
	}
	drv_timer(&d);
	drv_expect_value(&d, "snmp.agent.inform-retry", "deed", "given up");
	drv_expect_none(&d, FX_SEND);
	assert_true(drv_deadline(&d) == NEVER);
	drv_command(&d, "show snmp");
	drv_expect_output(&d, "0 informs pending, 1 failed");
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_start_is_told_in_v1),
		cmocka_unit_test(a_start_waits_for_an_address),
		cmocka_unit_test(links),
		cmocka_unit_test(a_wrong_community_is_told),
		cmocka_unit_test(an_agent_that_is_turned_on_later),
		cmocka_unit_test(too_many_events),
		cmocka_unit_test(an_inform_is_answered),
		cmocka_unit_test(an_inform_is_sent_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
