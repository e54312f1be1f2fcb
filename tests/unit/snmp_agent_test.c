/* The agent: every rule, with requests as managers send them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "snmp_driver.h"

#define CONF                                                  \
	"snmp-server community public ro\n"                   \
	"snmp-server community private RW\n"                  \
	"snmp-server community sys view only-system ro\n"     \
	"snmp-server community listed ro 10\n"                \
	"snmp-server view only-system system included\n"      \
	"snmp-server view only-system sysLocation excluded\n" \
	"snmp-server contact the people\n"                    \
	"snmp-server location rack 1\n"

static int set_up(void **state)
{
	struct drv *d = calloc(1, sizeof(*d));

	drv_init(d, &snmp_proto, KIND_ROUTER, 2);
	drv_addr(d, 1, "10.0.0.1/24");
	drv_conf(d, CONF);
	drv_start(d, "snmp.agent");
	*state = d;
	return 0;
}

static int tear_down(void **state)
{
	drv_done(*state);
	free(*state);
	return 0;
}

static void deliver(struct drv *d, const void *data, size_t len)
{
	drv_datagram(d, SNMP_SOCK_AGENT, drv_ep("10.0.0.2", 4000), drv_ep("10.0.0.1", SNMP_PORT), 1,
		     data, len);
}

static void request(struct drv *d, int32_t version, uint8_t pdu, int32_t n1, int32_t n2,
		    const char *community, const char *const *binds)
{
	snmp_make(
		(struct snmp_msg){
			.version = version, .pdu = pdu, .id = 42, .error = n1, .index = n2 },
		community, binds);
	deliver(d, snmp_made.octets, snmp_made_len);
}

#define BINDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* Asks, answers for the kernel; the bindings of the response as text. */
static const char *ask(struct drv *d, int32_t version, uint8_t pdu, const char *community,
		       const char *const *binds)
{
	request(d, version, pdu, 0, 5, community, binds);
	drv_expect_decision(d, "snmp.agent.check-pdu");
	snmp_answer_tables(d);
	return snmp_read(drv_next_send(d));
}

static void expect(int32_t error, int32_t index)
{
	assert_int_equal(snmp_got.pdu, SNMP_RESPONSE);
	assert_int_equal(snmp_got.id, 42);
	assert_int_equal(snmp_got.error, error);
	assert_int_equal(snmp_got.index, index);
}

/* --- Get ---------------------------------------------------------------------------------- */

static void values_of_the_moment(void **state)
{
	struct drv *d = *state;

	d->now = 90 * SEC;
	assert_string_equal(
		ask(d, SNMP_V2C, SNMP_GET, "public",
		    BINDS("sysName.0", "sysUpTime.0", "ifInOctets.1", "ifHCInOctets.1",
			  "ifAdminStatus.2", "ipInReceives.0", "udpInDatagrams.0")),
		"sysName.0 = dut, sysUpTime.0 = (9000) 0:01:30.00, ifInOctets.1 = 5, "
		"ifHCInOctets.1 = 4294967301, ifAdminStatus.2 = 2, ipInReceives.0 = 77, "
		"udpInDatagrams.0 = 12");
	expect(SNMP_NO_ERROR, 0);
	drv_expect_value(d, "snmp.agent.mib-update", "rows", "9");
	drv_expect_value(d, "snmp.agent.lookup-oid", "n", "7");
	drv_expect_decision(d, "snmp.agent.get");
	drv_expect_value(d, "snmp.agent.reply-source", "address", "10.0.0.1");
	drv_expect_column(d, "snmp_request", "agent 1", "community", "public");
	assert_string_equal(
		ask(d, SNMP_V1, SNMP_GET, "public",
		    BINDS("ipAdEntNetMask.10.0.0.1", "ipRouteNextHop.0.0.0.0",
			  "ipRouteMetric1.10.0.0.0", "ipNetToMediaPhysAddress.1.10.0.0.2",
			  "snmpInPkts.0", "snmpInGetRequests.0", "tcpMaxConn.0")),
		"ipAdEntNetMask.10.0.0.1 = 255.255.255.0, ipRouteNextHop.0.0.0.0 = 10.0.0.9, "
		"ipRouteMetric1.10.0.0.0 = 0, ipNetToMediaPhysAddress.1.10.0.0.2 = "
		"02:00:00:00:00:02, snmpInPkts.0 = 2, snmpInGetRequests.0 = 2, tcpMaxConn.0 = -1");
}

static void what_is_not_there(void **state)
{
	struct drv *d = *state;

	assert_string_equal(
		ask(d, SNMP_V2C, SNMP_GET, "public", BINDS("sysName.1", "sysName.0", "cisco.1")),
		"sysName.1 = noSuchInstance, sysName.0 = dut, cisco.1 = noSuchObject");
	expect(SNMP_NO_ERROR, 0);
	drv_expect_decision(d, "snmp.agent.oid-unknown");
	drv_expect_value(d, "snmp.agent.get-missing-object", "deed", "the others are answered");
	assert_string_equal(ask(d, SNMP_V1, SNMP_GET, "public", BINDS("sysName.0", "cisco.1")),
			    "sysName.0 = NULL, cisco.1 = NULL");
	expect(SNMP_NO_SUCH_NAME, 2);
	drv_expect_no_decision(d, "snmp.agent.get");
	assert_string_equal(ask(d, SNMP_V1, SNMP_GET, "public", BINDS("ifHCInOctets.1")),
			    "ifHCInOctets.1 = NULL");
	expect(SNMP_NO_SUCH_NAME, 1);
	drv_expect_value(d, "snmp.agent.counter64-v1", "deed", "noSuchName");
}

static void a_view_hides(void **state)
{
	struct drv *d = *state;

	assert_string_equal(
		ask(d, SNMP_V2C, SNMP_GET, "sys",
		    BINDS("sysName.0", "ifNumber.0", "sysLocation.0")),
		"sysName.0 = dut, ifNumber.0 = noSuchObject, sysLocation.0 = noSuchObject");
	drv_expect_value(d, "snmp.agent.view", "view", "only-system");
	assert_string_equal(
		ask(d, SNMP_V2C, SNMP_GETNEXT, "sys", BINDS("sysName.0", "sysServices")),
		"sysServices.0 = 76, sysServices.0 = 76");
	drv_expect_value(d, "snmp.agent.view", "deed", "passed over");
	assert_string_equal(ask(d, SNMP_V2C, SNMP_GETNEXT, "sys", BINDS("sysServices.0")),
			    "sysServices.0 = endOfMibView");
}

/* --- GetNext, GetBulk --------------------------------------------------------------------- */

static void successors(void **state)
{
	struct drv *d = *state;

	assert_string_equal(ask(d, SNMP_V1, SNMP_GETNEXT, "public",
				BINDS("iso", "sysDescr.0", "ifDescr.1", "ifDescr.2")),
			    "sysDescr.0 = labd, router dut, sysObjectID.0 = cisco.1.1, ifDescr.2 = "
			    "eth1, ifType.1 = 6");
	expect(SNMP_NO_ERROR, 0);
	drv_expect_decision(d, "snmp.agent.getnext");
	assert_string_equal(ask(d, SNMP_V1, SNMP_GETNEXT, "public", BINDS("ifInMulticastPkts.2")),
			    "ifHighSpeed.1 = 1000");
	drv_expect_value(d, "snmp.agent.counter64-v1", "deed", "passed over");
	ask(d, SNMP_V1, SNMP_GETNEXT, "public", BINDS("ifHighSpeed.2"));
	expect(SNMP_NO_SUCH_NAME, 1);
	assert_string_equal(ask(d, SNMP_V2C, SNMP_GETNEXT, "public", BINDS("ifHighSpeed.2")),
			    "ifHighSpeed.2 = endOfMibView");
	expect(SNMP_NO_ERROR, 0);
}

/* Each object is reached from the one before it, and none is passed over. */
static void a_walk_sees_everything_once(void **state)
{
	struct drv *d = *state;
	char at[SNMP_NAME_MAX] = "iso", seen[SNMP_NAME_MAX];
	struct snmp_oid last = { 0 };
	struct snmp_bind b;
	unsigned n = 0;

	for (;; n++) {
		struct rd binds;

		ask(d, SNMP_V2C, SNMP_GETNEXT, "public", BINDS(at));
		binds = snmp_got.binds;
		assert_true(snmp_bind_next(&binds, &b));
		if (b.value.type == SNMP_END_OF_VIEW)
			break;
		assert_true(snmp_oid_compare(&last, &b.name) < 0);
		last = b.name;
		snmp_oid_format(&b.name, seen);
		str_copy(at, sizeof(at), seen);
		assert_true(n < 500);
	}
	/* scalars once; 21 + 8 columns of 2 interfaces, 5 of an address, 7 of 2 routes, 4 of a
	 * neighbour */
	assert_int_equal(n, snmp_n_objects - 29 - 5 - 7 - 4 + 2 * 29 + 5 + 2 * 7 + 4);
}

static void bulk(void **state)
{
	struct drv *d = *state;

	request(d, SNMP_V2C, SNMP_GETBULK, 1, 2, "public",
		BINDS("sysUpTime", "ifIndex", "ifDescr"));
	snmp_answer_tables(d);
	assert_string_equal(snmp_read(drv_next_send(d)),
			    "sysUpTime.0 = (0) 0:00:00.00, ifIndex.1 = 1, ifDescr.1 = eth0, "
			    "ifIndex.2 = 2, ifDescr.2 = eth1");
	drv_expect_value(d, "snmp.agent.getbulk", "n", "5");
	drv_expect_no_decision(d, "snmp.v2.getbulk-partial");
	request(d, SNMP_V2C, SNMP_GETBULK, -1, 2000000, "public",
		BINDS("ifHighSpeed.1", "ifHighSpeed.2"));
	snmp_answer_tables(d);
	assert_string_equal(
		snmp_read(drv_next_send(d)),
		"ifHighSpeed.2 = 1000, ifHighSpeed.2 = endOfMibView, ifHighSpeed.2 = endOfMibView, "
		"ifHighSpeed.2 = endOfMibView");
	drv_expect_decision(d, "snmp.v2.getbulk-partial");
	request(d, SNMP_V2C, SNMP_GETBULK, 0, -5, "public", BINDS("iso"));
	snmp_answer_tables(d);
	assert_string_equal(snmp_read(drv_next_send(d)), "");
	expect(SNMP_NO_ERROR, 0);
	/* As much as fits. */
	request(d, SNMP_V2C, SNMP_GETBULK, 0, 100, "public", BINDS("iso"));
	snmp_answer_tables(d);
	{
		const struct fx_effect *e = drv_next_send(d);

		snmp_read(e);
		assert_in_range(e->send.len, SNMP_MESSAGE_MAX - 60, SNMP_MESSAGE_MAX);
	}
	expect(SNMP_NO_ERROR, 0);
	request(d, SNMP_V1, SNMP_GETBULK, 0, 5, "public", BINDS("iso"));
	drv_expect_decision(d, "snmp.agent.drop-getbulk-v1");
	drv_expect_none(d, FX_SEND);
}

static void too_big(void **state)
{
	struct drv *d = *state;
	const char *binds[101] = { NULL };

	drv_conf(d, "snmp-server contact "
		    "0123456789012345678901234567890123456789012345678901234567890123456789\n");
	for (unsigned i = 0; i < 40; i++)
		binds[i] = "sysContact.0";
	ask(d, SNMP_V2C, SNMP_GET, "public", binds);
	expect(SNMP_TOO_BIG, 0);
	assert_int_equal(snmp_got.n_binds, 0);
	drv_expect_decision(d, "snmp.agent.too-big");
	ask(d, SNMP_V1, SNMP_GET, "public", binds);
	expect(SNMP_TOO_BIG, 0);
	assert_int_equal(snmp_got.n_binds, 40);
	assert_string_equal(ask(d, SNMP_V1, SNMP_GET, "public", BINDS("snmpOutTooBigs.0")),
			    "snmpOutTooBigs.0 = 2");
}

/* --- Set ---------------------------------------------------------------------------------- */

static const char *merged(struct drv *d, uint32_t *ret_id)
{
	static char text[1024];
	const struct fx_effect *e = drv_next_ask(d);

	assert_int_equal(e->ask.ask->kind, ASK_CONF);
	assert_int_equal(e->ask.ask->conf.op, CONF_MERGE);
	str_copy_n(text, sizeof(text), (const char *)e->ask.ask->conf.data, e->ask.ask->conf.len);
	*ret_id = e->ask.ask_id;
	return text;
}

static void set_by_lines_of_the_configuration(void **state)
{
	struct drv *d = *state;
	uint32_t id;

	request(d, SNMP_V2C, SNMP_SET, 0, 0, "private",
		BINDS("sysContact.0 s me", "sysName.0 s r-7", "sysLocation.0 s",
		      "ifAdminStatus.2 i 1", "snmpEnableAuthenTraps.0 i 1"));
	snmp_answer_tables(d);
	assert_string_equal(merged(d, &id),
			    "snmp-server contact me\nhostname r-7\nno snmp-server location\n"
			    "interface eth1\n no shutdown\nexit\nsnmp-server enable traps snmp "
			    "authentication\n");
	drv_expect_none(d, FX_SEND);
	drv_answer(d, id, &(struct answer){ 0 });
	assert_string_equal(
		snmp_read(drv_next_send(d)),
		"sysContact.0 = me, sysName.0 = r-7, sysLocation.0 = , ifAdminStatus.2 = 1, "
		"snmpEnableAuthenTraps.0 = 1");
	expect(SNMP_NO_ERROR, 0);
	drv_expect_decision(d, "snmp.agent.set");
	request(d, SNMP_V2C, SNMP_SET, 0, 0, "private", BINDS("sysName.0 s r-8"));
	snmp_answer_tables(d);
	drv_expect_decision(d, "snmp.agent.set-atomic");
	merged(d, &id);
	drv_answer(d, id, &(struct answer){ .err = -22, .why = "no" });
	snmp_read(drv_next_send(d));
	expect(SNMP_COMMIT_FAILED, 1);
	drv_expect_decision(d, "snmp.agent.set-failed");
}

static void what_may_not_be_set(void **state)
{
	static const struct {
		const char *community, *bind;
		int32_t v2, v1;
		const char *rule;
	} rows[] = {
		{ "public", "sysName.0 s a", SNMP_NO_ACCESS, SNMP_NO_SUCH_NAME,
		  "snmp.agent.set-read-only" },
		{ "private", "sysDescr.0 s a", SNMP_NOT_WRITABLE, SNMP_NO_SUCH_NAME,
		  "snmp.agent.set-read-only" },
		{ "private", "cisco.1 i 1", SNMP_NOT_WRITABLE, SNMP_NO_SUCH_NAME,
		  "snmp.agent.oid-unknown" },
		{ "private", "sysName.1 s a", SNMP_NO_CREATION, SNMP_NO_SUCH_NAME,
		  "snmp.agent.oid-unknown" },
		{ "private", "sysName.0 i 1", SNMP_WRONG_TYPE, SNMP_BAD_VALUE,
		  "snmp.agent.set-bad-type" },
		{ "private", "sysName.0 s a b", SNMP_WRONG_VALUE, SNMP_BAD_VALUE,
		  "snmp.agent.set-bad-type" },
		{ "private", "sysName.0 s -a", SNMP_WRONG_VALUE, SNMP_BAD_VALUE,
		  "snmp.agent.set-bad-type" },
		{ "private", "sysContact.0 s a\tb", SNMP_WRONG_VALUE, SNMP_BAD_VALUE,
		  "snmp.agent.set-bad-type" },
		{ "private", "ifAdminStatus.1 i 3", SNMP_WRONG_VALUE, SNMP_BAD_VALUE,
		  "snmp.agent.set-bad-type" },
		{ "private", "ifAdminStatus.1 s up", SNMP_WRONG_TYPE, SNMP_BAD_VALUE,
		  "snmp.agent.set-bad-type" },
		{ "private", "snmpEnableAuthenTraps.0 i 0", SNMP_WRONG_VALUE, SNMP_BAD_VALUE,
		  "snmp.agent.set-bad-type" },
		{ "private",
		  "sysName.0 s 0123456789012345678901234567890123456789012345678901234567890123",
		  SNMP_WRONG_LENGTH, SNMP_BAD_VALUE, "snmp.agent.set-bad-type" },
	};
	struct drv *d = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		/* The binding before it is right: nothing of it may happen. */
		ask(d, SNMP_V2C, SNMP_SET, rows[i].community,
		    BINDS("sysLocation.0 s x", rows[i].bind) + (i == 0));
		expect(rows[i].v2, i == 0 ? 1 : 2);
		drv_expect_decision(d, rows[i].rule);
		drv_expect_none(d, FX_ASK);
		ask(d, SNMP_V1, SNMP_SET, rows[i].community, BINDS(rows[i].bind));
		expect(rows[i].v1, 1);
	}
	drv_conf(d, "no snmp-server community private\n");
	ask(d, SNMP_V2C, SNMP_SET, "public", BINDS("sysName.0 s a"));
	expect(SNMP_NO_ACCESS, 1);
	drv_expect_decision(d, "snmp.security.set-disabled");
	ask(d, SNMP_V2C, SNMP_SET, "public", NULL);
	expect(SNMP_NO_ERROR, 0);
	drv_expect_decision(d, "snmp.agent.set");
}

static void set_outside_the_view(void **state)
{
	struct drv *d = *state;

	drv_conf(d, "snmp-server community half view only-system rw\n");
	ask(d, SNMP_V2C, SNMP_SET, "half", BINDS("snmpEnableAuthenTraps.0 i 1"));
	expect(SNMP_NO_ACCESS, 1);
	drv_expect_decision(d, "snmp.agent.view");
}

/* --- what is dropped ---------------------------------------------------------------------- */

static void dropped(void **state)
{
	static const uint8_t no_ber[] = "hello", v3[] = { 0x30, 3, 2, 1, 3 },
			     v9[] = { 0x30, 3, 2, 1, 9 };
	struct drv *d = *state;

	deliver(d, no_ber, sizeof(no_ber));
	drv_expect_decision(d, "snmp.agent.drop-bad-header");
	deliver(d, v9, sizeof(v9));
	drv_expect_value(d, "snmp.agent.drop-bad-header", "reason", "an unknown version");
	deliver(d, v3, sizeof(v3));
	drv_expect_decision(d, "snmp.v3.drop-disabled");
	request(d, SNMP_V2C, SNMP_GET, 0, 0, "guess", BINDS("sysName.0"));
	drv_expect_value(d, "snmp.agent.drop-bad-community", "community", "guess");
	drv_expect_no_decision(d, "snmp.agent.auth-failure-trap");
	request(d, SNMP_V2C, SNMP_RESPONSE, 0, 0, "public", BINDS("sysName.0"));
	drv_expect_value(d, "snmp.agent.drop-other-pdu", "pdu", "get-response");
	request(d, SNMP_V2C, SNMP_INFORM, 0, 0, "public", BINDS("sysName.0"));
	drv_expect_decision(d, "snmp.agent.drop-other-pdu");
	snmp_make((struct snmp_msg){ .version = SNMP_V1, .pdu = SNMP_GET }, "public",
		  BINDS("sysName.0"));
	snmp_made.octets[snmp_made_len - 2] = 0x1f; /* the tag of the value */
	deliver(d, snmp_made.octets, snmp_made_len);
	drv_expect_decision(d, "snmp.agent.drop-bad-pdu");
	drv_expect_none(d, FX_SEND);
	drv_expect_none(d, FX_ASK);
	assert_string_equal(
		ask(d, SNMP_V1, SNMP_GET, "public",
		    BINDS("snmpInASNParseErrs.0", "snmpInBadVersions.0",
			  "snmpInBadCommunityNames.0", "snmpInGetResponses.0")),
		"snmpInASNParseErrs.0 = 2, snmpInBadVersions.0 = 2, snmpInBadCommunityNames.0 = 1, "
		"snmpInGetResponses.0 = 1");
}

static void an_access_list_decides(void **state)
{
	struct drv *d = *state;
	const struct fx_effect *e;

	request(d, SNMP_V1, SNMP_GET, 0, 0, "listed", BINDS("sysName.0"));
	e = drv_next_ask(d);
	assert_string_equal(e->ask.ask->acl.list, "10");
	drv_answer(d, e->ask.ask_id, &(struct answer){ .err = -13, .why = "list 10 denies it" });
	drv_expect_decision(d, "snmp.agent.drop-unauthorized-manager");
	drv_expect_none(d, FX_ASK);
	request(d, SNMP_V1, SNMP_GET, 0, 0, "listed", BINDS("sysName.0"));
	drv_answer(d, drv_next_ask(d)->ask.ask_id, &(struct answer){ 0 });
	snmp_answer_tables(d);
	assert_string_equal(snmp_read(drv_next_send(d)), "sysName.0 = dut");
}

/* Requests wait for one another; there is an end to it. */
static void requests_queue(void **state)
{
	struct drv *d = *state;
	struct answer none = { 0 };

	request(d, SNMP_V1, SNMP_GET, 0, 0, "public", BINDS("sysName.0"));
	assert_int_equal(drv_count(d, FX_ASK), SNMP_ASKS);
	for (unsigned i = 1; i < SNMP_JOBS_MAX; i++) {
		request(d, SNMP_V1, SNMP_GET, 0, 0, "public", BINDS("sysName.0"));
		drv_expect_none(d, FX_ASK);
		drv_expect_no_decision(d, "snmp.agent.drop-busy");
	}
	request(d, SNMP_V1, SNMP_GET, 0, 0, "public", BINDS("sysName.0"));
	drv_expect_decision(d, "snmp.agent.drop-busy");
	for (uint32_t id = 1; id <= SNMP_ASKS * SNMP_JOBS_MAX; id++) {
		drv_answer(d, id, &none);
		assert_int_equal(drv_count(d, FX_SEND), id % SNMP_ASKS == 0);
	}
	request(d, SNMP_V1, SNMP_GET, 0, 0, "public", BINDS("sysName.0"));
	drv_expect_decision(d, "snmp.agent.check-pdu");
}

/* --- configuration ------------------------------------------------------------------------ */

static void lines(void **state)
{
	struct drv *d = *state;
	char text[400];

	assert_non_null(strstr(drv_conf_refused(d, "snmp-server host 0.0.0.0 public\n"),
			       "address of a host"));
	assert_non_null(
		strstr(drv_conf_refused(d, "snmp-server host 10.0.0.9 informs version 1 public\n"),
		       "informs"));
	assert_non_null(strstr(drv_conf_refused(d, "snmp-server view v no-such-name included\n"),
			       "no OID"));
	snprintf(text, sizeof(text), "snmp-server contact %0300d\n", 1);
	assert_non_null(strstr(drv_conf_refused(d, text), "255"));
	for (unsigned i = 0; i < SNMP_COMMUNITIES_MAX - 4; i++) {
		snprintf(text, sizeof(text), "snmp-server community c%u\n", i);
		drv_conf(d, text);
	}
	assert_non_null(strstr(drv_conf_refused(d, "snmp-server community more\n"), "16"));
	drv_conf(d, "no snmp-server community c3\nsnmp-server community more rw\nno snmp-server "
		    "view only-system\n"
		    "no snmp-server contact\n");
	drv_command(d, "show snmp");
	drv_expect_output(d, "Location: rack 1");
	drv_expect_decision(d, "snmp.security.threats");
}

static void off_costs_nothing(void **state)
{
	struct drv d;

	(void)state;
	drv_init(&d, &snmp_proto, KIND_PC, 1);
	drv_addr(&d, 1, "10.0.0.1/24");
	drv_start(&d, "snmp.agent");
	assert_null(drv_after_effect(&d, NULL));
	drv_link(&d, 1, false);
	assert_null(drv_after_effect(&d, NULL));
	drv_conf(&d, "snmp-server community public\n");
	assert_int_equal(drv_next_bind(&d)->bind.local.port, SNMP_PORT);
	drv_failed(&d, drv_next_bind(&d), SNMP_SOCK_AGENT6, 98);
	drv_expect_decision(&d, "snmp.agent.no-port");
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(values_of_the_moment),
		T(what_is_not_there),
		T(a_view_hides),
		T(successors),
		T(a_walk_sees_everything_once),
		T(bulk),
		T(too_big),
		T(set_by_lines_of_the_configuration),
		T(what_may_not_be_set),
		T(set_outside_the_view),
		T(dropped),
		T(an_access_list_decides),
		T(requests_queue),
		T(lines),
		cmocka_unit_test(off_costs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
