/* The proxy agent: a manager of version 2c before it, an agent of version 1 behind it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "snmp/snmp_manager.h"
#include "snmp_driver.h"

#define BINDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define CONF	   "snmp-server proxy old 10.0.0.9 secret\nsnmp-server host 10.0.0.2 version 2c mine\n"

static void begin(struct drv *d, const char *machine)
{
	drv_init(d, &snmp_proto, KIND_ROUTER, 1);
	drv_addr(d, 1, "10.0.0.1/24");
	drv_conf(d, CONF);
	drv_start(d, machine);
}

static void request(struct drv *d, int32_t version, uint8_t pdu, const char *const *binds)
{
	snmp_make((struct snmp_msg){ .version = version,
				     .pdu = pdu,
				     .id = 42,
				     .error = pdu == SNMP_GETBULK,
				     .index = pdu == SNMP_GETBULK ? 10 : 0 },
		  "old", binds);
	drv_datagram(d, SNMP_SOCK_AGENT, drv_ep("10.0.0.2", 4000), drv_ep("10.0.0.1", SNMP_PORT), 1,
		     snmp_made.octets, snmp_made_len);
}

static void respond(struct drv *d, int32_t id, int32_t error, const char *const *binds)
{
	snmp_make(
		(struct snmp_msg){
			.version = SNMP_V1, .pdu = SNMP_RESPONSE, .id = id, .error = error },
		"secret", binds);
	drv_datagram(d, SNMP_SOCK_TRAPS, drv_ep("10.0.0.9", SNMP_PORT), drv_ep("10.0.0.1", 5000), 1,
		     snmp_made.octets, snmp_made_len);
}

static void there_and_back(void **state)
{
	struct drv d;
	const struct fx_effect *e;

	(void)state;
	begin(&d, "snmp.agent");
	request(&d, SNMP_V2C, SNMP_GET, BINDS("sysName.0"));
	drv_expect_decision(&d, "snmp.proxy.accept");
	drv_expect_value(&d, "snmp.proxy.forward-unchanged", "pdu", "get-request");
	e = drv_next_send(&d);
	assert_string_equal(snmp_read(e), "sysName.0 = NULL");
	assert_int_equal(e->send.dst.port, SNMP_PORT);
	assert_int_equal(snmp_got.version, SNMP_V1);
	assert_int_equal(snmp_got.pdu, SNMP_GET);
	assert_memory_equal(snmp_got.community, "secret", 6);
	respond(&d, snmp_got.id + 1, 0, NULL);
	drv_expect_decision(&d, "snmp.agent.drop-inform-response");
	respond(&d, snmp_got.id, SNMP_NO_ERROR, BINDS("sysName.0 s theirs"));
	drv_expect_value(&d, "snmp.proxy.response", "id", "42");
	e = drv_next_send(&d);
	assert_string_equal(snmp_read(e), "sysName.0 = theirs");
	assert_int_equal(e->send.dst.port, 4000);
	assert_int_equal(e->send.src.port, SNMP_PORT);
	assert_int_equal(snmp_got.version, SNMP_V2C);
	assert_int_equal(snmp_got.id, 42);
	assert_memory_equal(snmp_got.community, "old", 3);
	assert_true(drv_deadline(&d) == NEVER);
	drv_done(&d);
}

static void bulk_and_too_big(void **state)
{
	struct drv d;

	(void)state;
	begin(&d, "snmp.agent");
	request(&d, SNMP_V2C, SNMP_GETBULK, BINDS("ifDescr", "ifType"));
	drv_expect_value(&d, "snmp.proxy.getbulk-to-getnext", "n", "2");
	assert_string_equal(snmp_read(drv_next_send(&d)), "ifDescr = NULL, ifType = NULL");
	assert_int_equal(snmp_got.pdu, SNMP_GETNEXT);
	assert_int_equal(snmp_got.error, 0);
	assert_int_equal(snmp_got.index, 0);
	respond(&d, snmp_got.id, SNMP_TOO_BIG, BINDS("ifDescr", "ifType"));
	assert_string_equal(snmp_read(drv_next_send(&d)), "");
	assert_int_equal(snmp_got.error, SNMP_TOO_BIG);
	/* Version 1 keeps them. */
	request(&d, SNMP_V1, SNMP_SET, BINDS("sysName.0 s x"));
	snmp_read(drv_next_send(&d));
	respond(&d, snmp_got.id, SNMP_TOO_BIG, BINDS("sysName.0 s x"));
	assert_string_equal(snmp_read(drv_next_send(&d)), "sysName.0 = x");
	assert_int_equal(snmp_got.version, SNMP_V1);
	request(&d, SNMP_V1, SNMP_GETBULK, BINDS("ifDescr"));
	drv_expect_decision(&d, "snmp.agent.drop-getbulk-v1");
	drv_expect_none(&d, FX_SEND);
	drv_done(&d);
}

static void an_agent_that_is_silent(void **state)
{
	struct drv d;

	(void)state;
	begin(&d, "snmp.agent");
	for (unsigned i = 0; i < 32; i++)
		request(&d, SNMP_V2C, SNMP_GET, BINDS("sysName.0"));
	request(&d, SNMP_V2C, SNMP_GET, BINDS("sysName.0"));
	drv_expect_value(&d, "snmp.proxy.drop-busy", "why", "too many wait already");
	drv_expect_none(&d, FX_SEND);
	drv_timer_until(&d, 5 * SEC);
	drv_expect_decision(&d, "snmp.proxy.no-response");
	drv_expect_none(&d, FX_SEND);
	assert_true(drv_deadline(&d) == NEVER);
	request(&d, SNMP_V2C, SNMP_GET, BINDS("sysName.0")); /* left for the end of the machine */
	drv_expect_decision(&d, "snmp.proxy.accept");
	drv_done(&d);
}

static void trap(struct drv *d, const char *from)
{
	snmp_make((struct snmp_msg){ .pdu = SNMP_TRAP_V1,
				     .generic = 3,
				     .uptime = 100,
				     .agent = drv_a("10.9.9.9"),
				     .enterprise = snmp_sys_object_id },
		  "their", BINDS("ifIndex.2 i 2"));
	drv_datagram(d, SNMP_SOCK_162, drv_ep(from, 4000), drv_ep("10.0.0.1", SNMP_TRAP_PORT), 1,
		     snmp_made.octets, snmp_made_len);
}

static void traps_become_those_of_version_2(void **state)
{
	struct drv d;
	const struct fx_effect *e;

	(void)state;
	begin(&d, "snmp.manager");
	assert_int_equal(drv_next_bind(&d)->bind.local.port, SNMP_TRAP_PORT);
	trap(&d, "10.0.0.9");
	drv_expect_decision(&d, "snmp.proxy.trap-map");
	drv_expect_no_decision(&d, "snmp.manager.trap");
	e = drv_next_send(&d);
	assert_string_equal(
		snmp_read(e),
		"sysUpTime.0 = (100) 0:00:01.00, snmpTrapOID.0 = linkUp, ifIndex.2 = 2, "
		"1.3.6.1.6.3.18.1.3.0 = 10.9.9.9, 1.3.6.1.6.3.18.1.4.0 = their, "
		"snmpTrapEnterprise.0 = cisco.1.1");
	assert_int_equal(snmp_got.version, SNMP_V2C);
	assert_int_equal(snmp_got.pdu, SNMP_TRAP);
	assert_memory_equal(snmp_got.community, "mine", 4);
	assert_int_equal(e->send.dst.port, SNMP_TRAP_PORT);
	trap(&d, "10.0.0.8");
	drv_expect_no_decision(&d, "snmp.proxy.trap-map");
	drv_conf(&d, "snmp-server manager\n");
	trap(&d, "10.0.0.9");
	drv_expect_decision(&d, "snmp.proxy.trap-map");
	drv_expect_decision(&d, "snmp.manager.trap");
	drv_done(&d);
}

static void lines(void **state)
{
	struct drv d;
	char text[64];

	(void)state;
	begin(&d, "snmp.agent");
	for (unsigned i = 1; i < SNMP_PROXIES_MAX; i++) {
		snprintf(text, sizeof(text), "snmp-server proxy c%u 10.0.0.9 x\n", i);
		drv_conf(&d, text);
	}
	assert_non_null(strstr(drv_conf_refused(&d, "snmp-server proxy more 10.0.0.9 x\n"), "16"));
	drv_conf(&d, "no snmp-server proxy old\nsnmp-server proxy more 10.0.0.9 x\n");
	request(&d, SNMP_V2C, SNMP_GET, BINDS("sysName.0"));
	drv_expect_decision(&d, "snmp.agent.drop-bad-community");
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(bulk_and_too_big),
		cmocka_unit_test(an_agent_that_is_silent),
		cmocka_unit_test(traps_become_those_of_version_2),
		cmocka_unit_test(lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
