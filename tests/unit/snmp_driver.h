/* snmp_driver.h: messages of SNMP for tests, and a shell that answers for the kernel. Include after
 * cmocka.h. */
#ifndef LABD_TESTS_SNMP_DRIVER_H
#define LABD_TESTS_SNMP_DRIVER_H

#include "machine_driver.h"
#include "snmp/snmp.h"

static struct snmp_out snmp_made; /* by make() */
static size_t snmp_made_len;
static struct snmp_msg snmp_got; /* by got() */
static char snmp_got_text[4096]; /* its bindings: "sysName.0 = r1, ..." */

/* "NAME TYPE VALUE": i 5, s text, n (NULL), o OID, a ADDRESS, t TICKS, c COUNTER; empty = no value.
 */
static inline void snmp_bind_of(const char *text, struct snmp_bind *b)
{
	static char value[512];
	char name[128], type = 'n';
	struct addr a;

	memset(b, 0, sizeof(*b));
	value[0] = '\0';
	assert_true(sscanf(text, "%127s %c %511[^\n]", name, &type, value) >= 1);
	assert_int_equal(snmp_name_parse(name, &b->name), 0);
	b->value.data = (const uint8_t *)value;
	b->value.len = strlen(value);
	b->value.i = atoi(value);
	b->value.u = strtoull(value, NULL, 10);
	b->value.type = type == 'i'   ? SNMP_INTEGER
			: type == 's' ? SNMP_STRING
			: type == 'o' ? SNMP_OID
			: type == 'a' ? SNMP_IPADDRESS
			: type == 't' ? SNMP_TIMETICKS
			: type == 'c' ? SNMP_COUNTER32
				      : SNMP_NULL;
	if (type == 'o')
		assert_int_equal(snmp_name_parse(value, &b->value.oid), 0);
	if (type == 'a') {
		a = drv_a(value);
		memcpy(value, a.b, 4);
		b->value.len = 4;
	}
}

/* A message in snmp_made; `binds` ends with NULL. */
static inline void snmp_make(struct snmp_msg head, const char *community, const char *const *binds)
{
	struct snmp_bind b;

	head.community = community;
	head.community_len = strlen(community);
	snmp_begin(&snmp_made, &head);
	for (; binds && *binds; binds++) {
		snmp_bind_of(*binds, &b);
		assert_true(snmp_put_bind(&snmp_made, &b, SNMP_MESSAGE_MAX));
	}
	snmp_made_len = snmp_end(&snmp_made, SNMP_MESSAGE_MAX);
	assert_true(snmp_made_len > 0);
}

/* Decodes the octets of a send into snmp_got; the bindings as text. */
static inline const char *snmp_read(const struct fx_effect *e)
{
	struct sbuf text = SBUF(sizeof(snmp_got_text) - 1);
	const char *why;

	assert_int_equal(snmp_decode_header(e->send.data, e->send.len, &snmp_got, &why), 0);
	assert_int_equal(snmp_decode_pdu(&snmp_got, &why), 0);
	snmp_binds_format(snmp_got.binds, true, &text);
	str_copy(snmp_got_text, sizeof(snmp_got_text), sbuf_text(&text));
	sbuf_done(&text);
	return snmp_got_text;
}

/* --- the kernel --------------------------------------------------------------------------- */

static inline struct kernel_row snmp_statistic(const char *group, const char *name, int64_t n)
{
	struct kernel_row r = { .n1 = n };

	str_copy(r.state, sizeof(r.state), group);
	str_copy(r.text, sizeof(r.text), name);
	return r;
}

static inline size_t snmp_kernel(enum kernel_table table, struct kernel_row *rows)
{
	if (table == KERNEL_COUNTERS) {
		rows[0] = (struct kernel_row){ .ifname = "eth0", .state = "up" };
		rows[0].counters = (struct kernel_counters){ .rx_frames = 10,
							     .rx_multicast = 3,
							     .rx_bytes = (1ull << 32) + 5 };
		rows[1] = (struct kernel_row){ .ifname = "eth1", .state = "shut down" };
		return 2;
	}
	if (table == KERNEL_STATISTICS) {
		rows[0] = snmp_statistic("Ip", "InReceives", 77);
		rows[1] = snmp_statistic("Udp", "InDatagrams", 12);
		rows[2] = snmp_statistic("Tcp", "MaxConn", -1);
		return 3;
	}
	rows[0] = (struct kernel_row){
		.ifname = "eth0", .addr = drv_a("10.0.0.0"), .plen = 24, .is_local = true
	};
	if (table == KERNEL_ROUTES) {
		rows[1] = (struct kernel_row){ .ifname = "eth0",
					       .addr = drv_a("0.0.0.0"),
					       .via = drv_a("10.0.0.9") };
		rows[2] = rows[0]; /* a second route to the same network */
		rows[2].n1 = 5;
		return 3;
	}
	rows[0].addr = drv_a("10.0.0.2");
	rows[0].mac = drv_mac("02:00:00:00:00:02");
	str_copy(rows[0].state, sizeof(rows[0].state), "reachable");
	return 1;
}

/* Answers the tables that the window asked for, then what comes of it is the window. */
static inline void snmp_answer_tables(struct drv *d)
{
	struct kernel_row rows[3];
	const struct fx_effect *e;
	uint32_t ids[SNMP_ASKS];
	enum kernel_table tables[SNMP_ASKS];
	unsigned n = 0;

	while ((e = drv_next(d, FX_ASK))) {
		assert_int_equal(e->ask.ask->kind, ASK_KERNEL);
		assert_true(n < SNMP_ASKS);
		ids[n] = e->ask.ask_id;
		tables[n++] = e->ask.ask->kernel.table;
	}
	assert_int_equal(n, SNMP_ASKS);
	for (unsigned i = 0; i < n; i++) {
		struct answer a = { 0 };

		a.kernel.n_rows = snmp_kernel(tables[i], rows);
		a.kernel.rows = rows;
		drv_answer(d, ids[i], &a);
	}
}

#endif
