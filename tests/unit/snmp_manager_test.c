/* The manager: commands, versions, responses; traps and informs of others. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "snmp/snmp_manager.h"
#include "snmp_driver.h"

#define BINDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static int set_up(void **state)
{
	struct drv *d = calloc(1, sizeof(*d));

	drv_init(d, &snmp_proto, KIND_PC, 1);
	drv_addr(d, 1, "10.0.0.2/24");
	drv_conf(d, "snmp-server manager\nsnmp manager agent 10.0.0.1 version 2c\nsnmp manager "
		    "agent 10.0.0.3 version 1\n");
	drv_start(d, "snmp.manager");
	*state = d;
	return 0;
}

static int tear_down(void **state)
{
	drv_done(*state);
	free(*state);
	return 0;
}

/* What was sent: its bindings as text. */
static const char *asked(struct drv *d, uint8_t pdu)
{
	const char *text = snmp_read(drv_next_send(d));

	assert_int_equal(snmp_got.pdu, pdu);
	return text;
}

static void deliver(struct drv *d, const char *from, uint16_t port)
{
	drv_datagram(d, SNMP_SOCK_QUERIES, drv_ep(from, port), drv_ep("10.0.0.2", 5000), 1,
		     snmp_made.octets, snmp_made_len);
}

/* The response to what snmp_got asks. */
static void respond_from(struct drv *d, const char *from, int32_t error, int32_t index,
			 const char *const *binds)
{
	snmp_make((struct snmp_msg){ .version = snmp_got.version,
				     .pdu = SNMP_RESPONSE,
				     .id = snmp_got.id,
				     .error = error,
				     .index = index },
		  "public", binds);
	deliver(d, from, SNMP_PORT);
}
#define respond(d, ...) respond_from((d), "10.0.0.1", 0, 0, BINDS(__VA_ARGS__))

static void expect_end(struct drv *d, int status, const char *output)
{
	assert_int_equal(d->n_running, 0);
	assert_int_equal(d->status, status);
	assert_string_equal(drv_output(d), output);
	assert_true(drv_deadline(d) == NEVER);
}

/* --- one request each --------------------------------------------------------------------- */

static void get(void **state)
{
	struct drv *d = *state;

	drv_command(d, "snmp get 10.0.0.1 public sysName.0 1.3.6.1.2.1.1.3.0");
	assert_string_equal(asked(d, SNMP_GET), "sysName.0 = NULL, sysUpTime.0 = NULL");
	assert_int_equal(snmp_got.version, SNMP_V2C);
	drv_expect_value(d, "snmp.manager.get", "names", "sysName.0, sysUpTime.0");
	drv_expect_value(d, "snmp.mib.name-or-oid", "oid", "1.3.6.1.2.1.1.5.0");
	drv_expect_value(d, "snmp.manager.credentials", "community", "public");
	drv_expect_decision(d, "snmp.manager.commands");
	drv_expect_value(d, "snmp.bilingual.choose", "version", "v2c");
	respond(d, "sysName.0 s r1", "sysUpTime.0 t 360123");
	drv_expect_value(d, "snmp.manager.process-varbinds", "n", "2");
	drv_expect_decision(d, "snmp.manager.result-display");
	drv_expect_column(d, "mib_value", "10.0.0.1 1.3.6.1.2.1.1.5.0", "value", "r1");
	drv_expect_column(d, "snmp_request", "manager 1", "varbinds",
			  "sysName.0 = r1, sysUpTime.0 = (360123) 1:00:01.23");
	expect_end(d, 0, "sysName.0 = STRING: r1\nsysUpTime.0 = Timeticks: (360123) 1:00:01.23\n");
}

static void errors(void **state)
{
	struct drv *d = *state;

	drv_command(d, "snmp getnext 10.0.0.3 public cisco sysName");
	assert_string_equal(asked(d, SNMP_GETNEXT), "cisco = NULL, sysName = NULL");
	assert_int_equal(snmp_got.version, SNMP_V1);
	drv_expect_value(d, "snmp.manager.getnext", "pdu", "get-next-request");
	respond_from(d, "10.0.0.3", SNMP_NO_SUCH_NAME, 1, BINDS("cisco", "sysName"));
	drv_expect_value(d, "snmp.manager.error-display", "error", "noSuchName");
	drv_expect_no_decision(d, "snmp.manager.process-varbinds");
	expect_end(d, 1, "% snmp: noSuchName: cisco\n");
	drv_command(d, "snmp get 10.0.0.1 public sysName.0");
	asked(d, SNMP_GET);
	respond_from(d, "10.0.0.1", 77, 9, NULL);
	expect_end(d, 1, "% snmp: an unknown error\n");
}

static void getbulk(void **state)
{
	struct drv *d = *state;

	drv_command(d, "snmp getbulk 10.0.0.1 public ifDescr");
	asked(d, SNMP_GETBULK);
	assert_int_equal(snmp_got.error, 0);
	assert_int_equal(snmp_got.index, 10);
	drv_expect_decision(d, "snmp.manager.getbulk-version");
	respond(d, "ifDescr.1 s eth0", "ifDescr.2 s eth1");
	expect_end(d, 0, "ifDescr.1 = STRING: eth0\nifDescr.2 = STRING: eth1\n");
	drv_command(d, "snmp getbulk 10.0.0.1 public ifDescr 20 1");
	asked(d, SNMP_GETBULK);
	assert_int_equal(snmp_got.error, 1);
	assert_int_equal(snmp_got.index, 20);
	drv_command(d, "snmp getbulk 10.0.0.3 public ifDescr");
	drv_expect_decision(d, "snmp.manager.drop-getbulk-v1");
	drv_expect_none(d, FX_SEND);
	assert_string_equal(drv_output(d), "% snmp: version 1 has no GetBulk\n");
}

static void set(void **state)
{
	static const struct {
		const char *words, *want;
	} rows[] = {
		{ "sysName.0 string router 7", "sysName.0 = router 7" },
		{ "ifAdminStatus.1 integer -2147483648", "ifAdminStatus.1 = -2147483648" },
		{ "ifPhysAddress.1 hex 02:00 ff0A", "ifPhysAddress.1 = 02:00:ff:0a" },
		{ "sysObjectID.0 oid linkUp", "sysObjectID.0 = linkUp" },
		{ "ipAdEntAddr.1.2.3.4 address 1.2.3.4", "ipAdEntAddr.1.2.3.4 = 1.2.3.4" },
		{ "ifSpeed.1 gauge 4294967295", "ifSpeed.1 = 4294967295" },
		{ "ifInOctets.1 counter 7", "ifInOctets.1 = 7" },
		{ "sysUpTime.0 timeticks 100", "sysUpTime.0 = (100) 0:00:01.00" },
	};
	static const char *const wrong[] = { "sysName integer 2147483648",
					     "sysName gauge -1",
					     "sysName hex 0",
					     "sysName hex 0g",
					     "sysName oid no",
					     "sysName address 1.2.3",
					     "noName string x",
					     "sysName integer x" };
	struct drv *d = *state;
	char line[128];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(line, sizeof(line), "snmp set 10.0.0.1 private %s", rows[i].words);
		drv_command(d, line);
		assert_string_equal(asked(d, SNMP_SET), rows[i].want);
		drv_expect_decision(d, "snmp.manager.set");
		respond_from(d, "10.0.0.1", SNMP_NOT_WRITABLE, 1, NULL);
		assert_int_equal(d->status, 1);
	}
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		snprintf(line, sizeof(line), "snmp set 10.0.0.1 private %s", wrong[i]);
		drv_command(d, line);
		drv_expect_none(d, FX_SEND);
		assert_int_equal(d->status, 1);
	}
}

/* --- walks -------------------------------------------------------------------------------- */

static void walk_in_bulk(void **state)
{
	struct drv *d = *state;

	drv_command(d, "snmp walk 10.0.0.1 public ifDescr");
	assert_string_equal(asked(d, SNMP_GETBULK), "ifDescr = NULL");
	respond(d, "ifDescr.1 s eth0", "ifDescr.2 s eth1");
	assert_string_equal(asked(d, SNMP_GETBULK), "ifDescr.2 = NULL");
	respond(d, "ifDescr.3 s eth2", "ifType.1 i 6", "ifType.2 i 6");
	expect_end(
		d, 0,
		"ifDescr.1 = STRING: eth0\nifDescr.2 = STRING: eth1\nifDescr.3 = STRING: eth2\n");
	drv_command(d, "snmp walk 10.0.0.1 public ifDescr");
	asked(d, SNMP_GETBULK);
	respond_from(d, "10.0.0.1", 0, 0, NULL);
	expect_end(d, 1, "% snmp: the agent has nothing below that name\n");
	drv_command(d, "snmp walk 10.0.0.1 public ifDescr");
	asked(d, SNMP_GETBULK);
	respond(d, "ifDescr.2 s a", "ifDescr.1 s b");
	drv_expect_decision(d, "snmp.manager.walk-not-increasing");
	expect_end(d, 1,
		   "ifDescr.2 = STRING: a\n% snmp: the agent's names do not increase after "
		   "ifDescr.2\n");
}

static void walk_step_by_step(void **state)
{
	struct drv *d = *state;

	drv_command(d, "snmp walk 10.0.0.3 public iso");
	assert_string_equal(asked(d, SNMP_GETNEXT), "1.0 = NULL");
	respond_from(d, "10.0.0.3", 0, 0, BINDS("sysDescr.0 s x"));
	assert_string_equal(asked(d, SNMP_GETNEXT), "sysDescr.0 = NULL");
	respond_from(d, "10.0.0.3", SNMP_NO_SUCH_NAME, 1, BINDS("sysDescr.0"));
	expect_end(d, 0, "sysDescr.0 = STRING: x\n");
}

/* --- versions, names, time ---------------------------------------------------------------- */

static void the_version_is_found_out(void **state)
{
	struct drv *d = *state;
	int32_t id;

	drv_command(d, "snmp get 10.0.0.7 public sysName.0");
	drv_expect_value(d, "snmp.bilingual.unknown", "version", "v2c");
	asked(d, SNMP_GET);
	id = snmp_got.id;
	drv_timer_until(d, 3 * SEC);
	for (unsigned i = 0; i < 3; i++) {
		asked(d, SNMP_GET);
		assert_int_equal(snmp_got.id, id);
	}
	drv_expect_value(d, "snmp.manager.no-response", "deed", "it is sent again");
	drv_timer_until(d, 4 * SEC);
	drv_expect_value(d, "snmp.manager.no-response", "deed", "version 1 is tried");
	drv_expect_value(d, "snmp.bilingual.unknown", "version", "v1");
	asked(d, SNMP_GET);
	assert_int_equal(snmp_got.version, SNMP_V1);
	respond_from(d, "10.0.0.7", 0, 0, BINDS("sysName.0 s old"));
	drv_expect_value(d, "snmp.bilingual.support", "version", "v1");
	expect_end(d, 0, "sysName.0 = STRING: old\n");
	drv_command(d, "snmp get 10.0.0.7 public sysName.0");
	drv_expect_value(d, "snmp.bilingual.choose", "why", "it answered in it before");
	asked(d, SNMP_GET);
	assert_int_equal(snmp_got.version, SNMP_V1);
}

static void nobody_answers(void **state)
{
	struct drv *d = *state;

	drv_conf(d, "snmp manager timeout 2\nsnmp manager retries 1\nsnmp manager version 1\n");
	drv_command(d, "snmp get 10.0.0.8 public sysName.0");
	drv_expect_value(d, "snmp.bilingual.choose", "why",
			 "the configuration says so for all agents");
	drv_timer_until(d, 4 * SEC);
	assert_int_equal(drv_count(d, FX_SEND), 1);
	drv_expect_column(d, "snmp_request", "manager 1", "error", "no response");
	expect_end(d, 1, "% snmp: Timeout: no response\n");
	drv_conf(d, "no snmp manager timeout\nno snmp manager retries\nno snmp manager version\nno "
		    "snmp manager agent 10.0.0.1\n");
	drv_command(d, "snmp get 10.0.0.1 public sysName.0");
	drv_expect_decision(d, "snmp.bilingual.unknown");
}

static void a_name(void **state)
{
	struct drv *d = *state;
	const struct fx_effect *e;
	struct answer a = { .resolve = { .addrs = { drv_a("10.0.0.1") }, .n_addrs = 1 } };

	drv_command(d, "snmp get router public sysName.0");
	e = drv_next_ask(d);
	assert_string_equal(e->ask.ask->resolve.name, "router");
	drv_answer(d, e->ask.ask_id, &a);
	asked(d, SNMP_GET);
	drv_command(d, "snmp get nobody public sysName.0");
	drv_answer(d, drv_next_ask(d)->ask.ask_id,
		   &(struct answer){ .err = -2, .why = "no such name" });
	drv_expect_decision(d, "snmp.manager.no-host");
	assert_string_equal(drv_output(d), "% snmp: no such name\n");
}

/* --- what is dropped ---------------------------------------------------------------------- */

static void dropped(void **state)
{
	struct drv *d = *state;
	int32_t id;

	drv_command(d, "snmp get 10.0.0.1 public sysName.0");
	asked(d, SNMP_GET);
	id = snmp_got.id;
	drv_datagram(d, SNMP_SOCK_QUERIES, drv_ep("10.0.0.1", 161), drv_ep("10.0.0.2", 5000), 1,
		     "x", 1);
	drv_expect_decision(d, "snmp.manager.drop-bad-header");
	snmp_make((struct snmp_msg){ .version = SNMP_V2C, .pdu = SNMP_RESPONSE, .id = id },
		  "public", NULL);
	deliver(d, "10.0.0.9", SNMP_PORT);
	drv_expect_decision(d, "snmp.manager.drop-timeout");
	deliver(d, "10.0.0.1", 162);
	drv_expect_decision(d, "snmp.manager.drop-timeout");
	snmp_make((struct snmp_msg){ .version = SNMP_V2C, .pdu = SNMP_RESPONSE, .id = id + 1 },
		  "public", NULL);
	deliver(d, "10.0.0.1", SNMP_PORT);
	drv_expect_decision(d, "snmp.manager.drop-timeout");
	snmp_make((struct snmp_msg){ .version = SNMP_V1, .pdu = SNMP_RESPONSE, .id = id }, "public",
		  NULL);
	deliver(d, "10.0.0.1", SNMP_PORT);
	drv_expect_decision(d, "snmp.manager.drop-timeout");
	snmp_make((struct snmp_msg){ .version = SNMP_V2C, .pdu = SNMP_TRAP, .id = id }, "public",
		  NULL);
	deliver(d, "10.0.0.1", SNMP_PORT);
	drv_expect_value(d, "snmp.manager.drop-not-response", "pdu", "snmpV2-trap");
	snmp_make((struct snmp_msg){ .version = SNMP_V2C, .pdu = SNMP_RESPONSE, .id = id },
		  "public", BINDS("sysName.0 s a"));
	snmp_made.octets[snmp_made_len - 3] = 0x1f;
	deliver(d, "10.0.0.1", SNMP_PORT);
	drv_expect_decision(d, "snmp.manager.drop-bad-pdu");
	respond(d, "sysName.0 s r1"); /* the request still waits */
	expect_end(d, 0, "sysName.0 = STRING: r1\n");
	deliver(d, "10.0.0.1", SNMP_PORT);
	drv_expect_decision(d, "snmp.manager.drop-timeout");
}

static void too_many_queries(void **state)
{
	struct drv *d = *state;

	for (unsigned i = 0; i < SNMP_QUERIES_MAX; i++)
		drv_command(d, "snmp get 10.0.0.1 public sysName.0");
	drv_command(d, "snmp get 10.0.0.1 public sysName.0");
	assert_string_equal(drv_output(d), "% snmp: too many queries at a time\n");
}

/* --- port 162 ----------------------------------------------------------------------------- */

static void take(struct drv *d, struct snmp_msg head, const char *const *binds)
{
	snmp_make(head, "secret", binds);
	drv_datagram(d, SNMP_SOCK_162, drv_ep("10.0.0.1", 4000), drv_ep("10.0.0.2", SNMP_TRAP_PORT),
		     1, snmp_made.octets, snmp_made_len);
}

static void traps(void **state)
{
	struct drv *d = *state;

	take(d,
	     (struct snmp_msg){
		     .pdu = SNMP_TRAP_V1, .generic = 2, .uptime = 500, .agent = drv_a("10.9.9.9") },
	     BINDS("ifIndex.1 i 1"));
	drv_expect_value(d, "snmp.manager.trap", "trap", "linkDown");
	drv_expect_column(d, "snmp_trap", "1", "agent", "10.9.9.9");
	drv_expect_column(d, "snmp_trap", "1", "uptime", "5 s");
	drv_expect_log(d, "%SNMP-5-TRAP: trap of 10.0.0.1: linkDown");
	drv_expect_none(d, FX_SEND);
	take(d,
	     (struct snmp_msg){ .pdu = SNMP_TRAP_V1,
				.generic = 6,
				.specific = 7,
				.enterprise = snmp_sys_object_id },
	     NULL);
	drv_expect_value(d, "snmp.manager.trap", "trap", "cisco.1.1.0.7");
	take(d, (struct snmp_msg){ .version = SNMP_V2C, .pdu = SNMP_TRAP },
	     BINDS("sysUpTime.0 t 100", "snmpTrapOID.0 o coldStart"));
	drv_expect_column(d, "snmp_trap", "3", "trap", "coldStart");
	drv_expect_none(d, FX_SEND);
	take(d, (struct snmp_msg){ .version = SNMP_V2C, .pdu = SNMP_TRAP }, NULL);
	drv_expect_column(d, "snmp_trap", "4", "trap", "no name");
}

static void informs(void **state)
{
	struct drv *d = *state;

	take(d, (struct snmp_msg){ .version = SNMP_V2C, .pdu = SNMP_INFORM, .id = 99 },
	     BINDS("sysUpTime.0 t 100", "snmpTrapOID.0 o linkUp"));
	drv_expect_column(d, "snmp_trap", "1", "how", "inform");
	drv_expect_value(d, "snmp.v2.inform", "id", "99");
	assert_string_equal(asked(d, SNMP_RESPONSE),
			    "sysUpTime.0 = (100) 0:00:01.00, snmpTrapOID.0 = linkUp");
	assert_int_equal(snmp_got.id, 99);
	assert_memory_equal(snmp_got.community, "secret", 6);
}

static void what_is_no_trap(void **state)
{
	struct drv *d = *state;

	take(d, (struct snmp_msg){ .version = SNMP_V2C, .pdu = SNMP_GET }, NULL);
	drv_expect_decision(d, "snmp.manager.drop-not-trap");
	take(d, (struct snmp_msg){ .version = SNMP_V1, .pdu = SNMP_INFORM }, NULL);
	drv_expect_decision(d, "snmp.manager.drop-not-trap");
	drv_datagram(d, SNMP_SOCK_162, drv_ep("10.0.0.1", 4000), drv_ep("10.0.0.2", 162), 1, "", 0);
	drv_expect_decision(d, "snmp.manager.drop-bad-header");
	snmp_make((struct snmp_msg){ .version = SNMP_V2C, .pdu = SNMP_TRAP }, "x",
		  BINDS("sysName.0 s a"));
	snmp_made.octets[snmp_made_len - 3] = 0x1f;
	drv_datagram(d, SNMP_SOCK_162, drv_ep("10.0.0.1", 4000), drv_ep("10.0.0.2", 162), 1,
		     snmp_made.octets, snmp_made_len);
	drv_expect_decision(d, "snmp.manager.drop-bad-pdu");
	drv_conf(d, "no snmp-server manager\n");
	take(d, (struct snmp_msg){ .version = SNMP_V2C, .pdu = SNMP_TRAP }, NULL);
	drv_expect_decision(d, "snmp.manager.drop-disabled");
}

static void a_port_that_is_taken(void **state)
{
	struct drv d;

	(void)state;
	drv_init(&d, &snmp_proto, KIND_PC, 1);
	drv_start(&d, "snmp.manager");
	drv_expect_none(&d, FX_BIND);
	drv_conf(&d, "snmp-server manager\n");
	drv_failed(&d, drv_next_bind(&d), SNMP_SOCK_162, 98);
	drv_expect_decision(&d, "snmp.manager.no-port");
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(get),
		T(errors),
		T(getbulk),
		T(set),
		T(walk_in_bulk),
		T(walk_step_by_step),
		T(the_version_is_found_out),
		T(nobody_answers),
		T(a_name),
		T(dropped),
		T(too_many_queries),
		T(traps),
		T(informs),
		T(what_is_no_trap),
		cmocka_unit_test(a_port_that_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
