/* acl_driver.h: a router with the machine acl.filter, and the kernel that answers and reports to
 * it. */
#ifndef LABD_TESTS_ACL_DRIVER_H
#define LABD_TESTS_ACL_DRIVER_H

#include "acl_packets.h"
#include "machine_driver.h"

#define EXAMPLE                                                                        \
	"ip access-list extended DHCP\n"                                               \
	" 10 permit udp host 0.0.0.0 eq bootpc host 10.32.73.129 eq bootps\n"          \
	" 20 permit udp 10.32.73.128 0.0.0.63 eq bootpc host 10.32.73.129 eq bootps\n" \
	" 30 permit udp any eq bootpc host 255.255.255.255 eq bootps\n"

static inline int set_interface(void *conf, const struct call *call)
{
	(void)conf, (void)call;
	return 0;
}

static const struct cmd interface_rows[] = {
	{ MODE_CONFIG, "interface IFNAME", "Configure an interface", .enters = MODE_IF,
	  .set = set_interface },
	{ 0 },
};

/* The machine, started with this configuration; eth0 is 1, eth1 is 2. */
static inline void setup(struct drv *d, const char *conf)
{
	const struct grammar_table tables[] = { { acl_proto.cmds, 0 }, { interface_rows, 0 } };

	drv_init(d, &acl_proto, KIND_ROUTER, 2);
	grammar_free(d->grammar);
	d->grammar = grammar_new(tables, ARRAY_SIZE(tables), KIND_ROUTER, &drv_grammar_ifaces);
	drv_addr(d, 1, "10.32.73.129/26");
	drv_addr(d, 2, "10.0.1.1/24");
	drv_conf(d, conf);
	drv_start(d, "acl.filter");
}

struct counted {
	const char *list;
	uint32_t seq;
	uint64_t n;
};

/* The kernel's counters, in answer to the machine's question. */
static inline void answer(struct drv *d, const struct fx_effect *ask, const struct counted *rows,
			  size_t n)
{
	struct kernel_row table[16];
	struct answer a = { .kernel = { .rows = table, .n_rows = n } };

	assert_int_equal(ask->ask.ask->kind, ASK_KERNEL);
	assert_int_equal(ask->ask.ask->kernel.table, KERNEL_ACL);
	assert_true(n <= ARRAY_SIZE(table));
	for (size_t i = 0; i < n; i++) {
		table[i] = (struct kernel_row){ .n1 = (int64_t)rows[i].n, .n2 = rows[i].seq };
		str_copy(table[i].text, sizeof(table[i].text), rows[i].list);
	}
	drv_answer(d, ask->ask.ask_id, &a);
}

static inline void report(struct drv *d, struct acl_report r, const char *list,
			  const struct raw *raw)
{
	uint8_t data[ACL_REPORT_MAX];
	struct ep none = { 0 };
	struct wr w;

	str_copy(r.list, sizeof(r.list), list);
	r.packet = raw->data;
	r.packet_len = raw->len;
	wr_init(&w, data, sizeof(data));
	acl_report_write(&w, &r);
	drv_datagram(d, ACL_SOCK_REPORTS, none, none, 1, data, wr_len(&w));
}

#endif
