/* What the kernel tells of an access list, how one is replaced, and what is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "netns_acl_world.h"

/* ---- reports, counters, replacing ---- */

static void test_report(void **state)
{
	struct world w = world_new();
	struct nflog_packet p;
	struct nl_link pc;
	struct acl_hit hit;
	const struct end e = end_of("10.0.1.2", 54);
	int fd = bound(&w.pc, SOCK_DGRAM, "10.0.0.2", 1234);
	char data[200] = "payload";
	struct nflog *second;

	(void)state;
	assert_done(nl_link_get(w.pc.h, "eth0", &pc, &box_err));
	apply(&w, &acl_53, "eth0", ACL_IN);
	assert_int_equal(sendto(fd, data, sizeof(data), 0, &e.sa, e.len), sizeof(data));
	hit = next_hit(&w, &p);
	assert_false(hit.permit);
	assert_string_equal(p.prefix, "acl in eth0 0 deny only 53");
	assert_int_equal(p.in_index, w.eth0);
	assert_int_equal(p.out_index, 0);
	assert_int_equal(p.hook, NF_INET_PRE_ROUTING);
	assert_int_equal(p.protocol, ETH_P_IP);
	assert_int_equal(p.mac_len, NL_MAC_LEN);
	assert_memory_equal(p.mac, pc.mac, NL_MAC_LEN);
	assert_int_equal(p.payload_len, 64); /* as asked for, of 228 */
	assert_memory_equal(p.payload + 16, &e.v4.sin_addr, 4);
	assert_string_equal((const char *)p.payload + 28, "payload");
	assert_true(p.time_ns == 0 || p.time_ns / 1000000000 <= time(NULL) + 1);
	assert_int_equal(nflog_next(w.log, &p, &box_err), 0);
	assert_int_equal(nflog_open(w.router.fd, GROUP, 64, &second, &box_err), -EPERM);
	assert_non_null(strstr(box_err.text, "another reader"));
	(void)close(fd);
	world_done(&w);
}

/* A transaction that fails at its last message, after it has deleted the table. */
static void apply_broken(struct nl_h *h)
{
	struct nlmsghdr *rule;
	struct nft t;

	nft_begin(&t, nlh_seq_block(h, NFT_MESSAGES_MAX));
	nft_table(&t, NFT_MSG_DELTABLE, 0, "acl");
	nft_table(&t, NFT_MSG_NEWTABLE, NLM_F_CREATE, "acl");
	rule = nft_rule(&t, "acl", "no such chain", "access list x entry 5");
	nft_counter(rule);
	nft_rule_end(&t, rule, NULL);
	assert_int_equal(nft_commit(&t, h, &box_err), -ENOENT);
	assert_non_null(strstr(box_err.text, "access list x entry 5: No such file"));
	nft_done(&t);
}

static void test_counts_and_replace(void **state)
{
	const struct acl empty = { "empty", AF_INET, NULL, 0 };
	const struct acl_binding b = { .interface = "eth0", .acl = &empty };
	const struct acl_set set = { .bindings = &b, .n_bindings = 1, .group = GROUP };
	struct world w = world_new();
	struct acl_count *counts;
	size_t n;
	int server, client;
	const struct end e = end_of("10.0.1.2", 54);

	(void)state;
	assert_done(acl_counts(w.nf, &counts, &n, &box_err));
	assert_int_equal(n, 0);
	assert_done(acl_remove(w.nf, &box_err)); /* nothing there is fine */
	apply(&w, &acl_53, "eth0", ACL_IN);
	for (int i = 0; i < 3; i++)
		(void)pc_to_server(&w, 9, 53);
	(void)pc_to_server(&w, 9, 54);
	assert_done(acl_counts(w.nf, &counts, &n, &box_err));
	assert_int_equal(n, 2);
	assert_int_equal(counts[0].rule.seq, 10);
	assert_true(counts[0].rule.permit);
	assert_int_equal(counts[0].n_packets, 3);
	assert_int_equal(counts[0].n_bytes, 3 * 29);
	assert_int_equal(counts[1].rule.seq, 0);
	assert_int_equal(counts[1].n_packets, 1);
	free(counts);

	/* A set that the kernel does not take leaves the old one in force, counters and all. */
	apply_broken(w.nf);
	assert_int_equal(count_of(&w, 10), 3);
	assert_false(pc_to_server(&w, 9, 54).permit);

	assert_done(acl_apply(w.nf, &set, &box_err));
	assert_done(acl_counts(w.nf, &counts, &n, &box_err));
	assert_int_equal(n, 0);
	apply(&w, &acl_53, "eth0", ACL_IN);
	assert_done(acl_remove(w.nf, &box_err));
	server = bound(&w.server, SOCK_DGRAM, "10.0.1.2", 54);
	client = bound(&w.pc, SOCK_DGRAM, "10.0.0.2", 9);
	assert_int_equal(sendto(client, "x", 1, 0, &e.sa, e.len), 1);
	assert_true(readable(server, WAIT_MS));
	(void)close(client);
	(void)close(server);
	world_done(&w);
}

static void test_unreachable_and_quiet(void **state)
{
	struct acl_entry entries[] = {
		{ .seq = 10,
		  .permit = true,
		  .protocol = IPPROTO_UDP,
		  .src = acl_addr_any(),
		  .dst = acl_addr_any(),
		  .dst_port = { ACL_PORT_EQ, 53, 0 } },
		{ .seq = 20,
		  .permit = true,
		  .protocol = IPPROTO_UDP,
		  .src = acl_addr_any(),
		  .dst = acl_addr_any(),
		  .dst_port = { ACL_PORT_EQ, 54, 0 },
		  .log = true },
	};
	const struct acl acl = { "q", AF_INET, entries, 2 };
	const struct acl_binding b = { .interface = "eth0", .acl = &acl };
	const struct acl_set set = { .bindings = &b,
				     .n_bindings = 1,
				     .group = GROUP,
				     .log = ACL_LOG_MARKED,
				     .unreachable = true };
	struct world w = world_new();
	const struct end to_53 = end_of("10.0.1.2", 53), to_99 = end_of("10.0.1.2", 99);
	const struct end to_54 = end_of("10.0.1.2", 54);
	struct pollfd pfd = { .events = POLLIN };
	struct nflog_packet p;
	char c;

	(void)state;
	assert_done(acl_apply(w.nf, &set, &box_err));
	pfd.fd = bound(&w.pc, SOCK_DGRAM, "10.0.0.2", 9);
	assert_int_equal(sendto(pfd.fd, "x", 1, 0, &to_53.sa, to_53.len), 1);
	assert_int_equal(connect(pfd.fd, &to_99.sa, to_99.len), 0);
	assert_int_equal(send(pfd.fd, "x", 1, 0), 1);
	assert_true(poll(&pfd, 1, WAIT_MS) > 0);
	assert_true(recv(pfd.fd, &c, 1, 0) < 0 && errno == EHOSTUNREACH);
	(void)close(pfd.fd);
	assert_int_equal(count_of(&w, 10), 1);
	assert_int_equal(count_of(&w, 0), 1);
	/* Neither was reported: the first report is of the entry that says "log". */
	pfd.fd = bound(&w.pc, SOCK_DGRAM, "10.0.0.2", 9);
	assert_int_equal(sendto(pfd.fd, "x", 1, 0, &to_54.sa, to_54.len), 1);
	assert_int_equal(next_hit(&w, &p).seq, 20);
	(void)close(pfd.fd);
	world_done(&w);
}

/* As many entries as may be: more than one small buffer, one transaction. */
static void test_many(void **state)
{
	static struct acl_entry many[ACL_ENTRIES_MAX + 1];
	struct acl acl = { "many", AF_INET, many, 400 };
	const struct acl_binding b = { .interface = "eth0", .acl = &acl };
	const struct acl_set set = { .bindings = &b, .n_bindings = 1 };
	struct world w = world_new();
	struct acl_count *counts;
	size_t n;

	(void)state;
	for (size_t i = 0; i < ACL_ENTRIES_MAX + 1; i++)
		many[i] = (struct acl_entry){ .seq = (uint32_t)i + 1,
					      .protocol = IPPROTO_TCP,
					      .src = acl_addr4(0x0a000000, 0xff),
					      .dst = acl_addr4(0x0b000000 + (uint32_t)i, 0),
					      .dst_port = { ACL_PORT_EQ, 80, 0 } };
	assert_done(acl_apply(w.nf, &set, &box_err));
	assert_done(acl_counts(w.nf, &counts, &n, &box_err));
	assert_int_equal(n, 401);
	for (size_t i = 0; i < 400; i++)
		assert_int_equal(counts[i].rule.seq, i + 1);
	free(counts);
	acl.n_entries = ACL_ENTRIES_MAX + 1;
	assert_int_equal(acl_apply(w.nf, &set, &box_err), -E2BIG);
	acl.n_entries = ACL_ENTRIES_MAX;
	if (acl_apply(w.nf, &set, &box_err) < 0) { /* a host with a small wmem_max */
		print_message("%s\n", box_err.text);
		assert_int_equal(box_err.code, -EMSGSIZE);
		assert_int_equal(count_of(&w, 400), 0);
	}
	world_done(&w);
}

/* Two lists at once, each with its own counters. */
static void test_two_bindings(void **state)
{
	const struct acl_binding b[] = {
		{ .interface = "eth0", .dir = ACL_IN, .acl = &acl_53 },
		{ .interface = "eth1", .dir = ACL_OUT, .acl = &acl_53 },
	};
	const struct acl_set set = { .bindings = b, .n_bindings = 2, .group = GROUP };
	struct world w = world_new();
	struct nflog_packet p;
	struct acl_count *counts;
	size_t n;

	(void)state;
	assert_done(acl_apply(w.nf, &set, &box_err));
	assert_int_equal(pc_to_server(&w, 9, 53).dir, ACL_IN);
	assert_int_equal(next_hit(&w, &p).dir, ACL_OUT);
	assert_int_equal(p.out_index, w.eth1);
	assert_done(acl_counts(w.nf, &counts, &n, &box_err));
	assert_int_equal(n, 4);
	free(counts);
	world_done(&w);
}

/* ---- what is refused, and the words of a prefix ---- */

static void test_refused(void **state)
{
	static const struct {
		struct acl_entry entry;
		const char *part;
	} bad[] = {
		{ { .seq = 0 }, "begin at 1" },
		{ { .seq = 1, .dst_port = { ACL_PORT_EQ, 5, 0 } }, "ports need" },
		{ { .seq = 1, .protocol = IPPROTO_UDP, .established = true }, "established" },
		{ { .seq = 1, .protocol = IPPROTO_TCP, .has_icmp_type = true }, "needs icmp" },
		{ { .seq = 1, .protocol = IPPROTO_ICMP, .has_icmp_code = true }, "needs a type" },
		{ { .seq = 1, .protocol = IPPROTO_UDP, .src_port = { ACL_PORT_RANGE, 9, 8 } },
		  "above its end" },
	};
	struct box_ns ns = box_ns_new();
	const struct acl_binding twice[] = { { "eth0", ACL_IN, &acl_53 },
					     { "eth0", ACL_IN, &acl_53 } };
	const struct acl_set set = { .bindings = twice, .n_bindings = 2 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const struct acl acl = { "bad", AF_INET, &bad[i].entry, 1 };
		const struct acl_binding b = { .interface = "eth0", .acl = &acl };
		const struct acl_set one = { .bindings = &b, .n_bindings = 1 };

		assert_int_equal(acl_apply(ns.h, &one, &box_err), -EINVAL);
		assert_non_null(strstr(box_err.text, bad[i].part));
		assert_non_null(strstr(box_err.text, "access list bad entry"));
	}
	assert_int_equal(acl_apply(ns.h, &set, &box_err), -EINVAL);
	assert_non_null(strstr(box_err.text, "two access lists"));
	box_ns_done(&ns);
}

static void test_prefix(void **state)
{
	static const struct {
		const char *prefix;
		bool good;
		struct acl_hit hit;
	} p[] = {
		{ "acl in eth0 10 permit 101", true, { ACL_IN, true, 10, "eth0", "101" } },
		{ "acl out gi0-0 0 deny my list", true, { ACL_OUT, false, 0, "gi0-0", "my list" } },
		{ "acl up eth0 10 permit 101", false, { 0 } },
		{ "acl in eth0 10 maybe 101", false, { 0 } },
		{ "acl in eth0 10 permit ", false, { 0 } },
		{ "acl in eth0 ten permit 101", false, { 0 } },
		{ "acl in a-name-that-is-too-long 1 permit 1", false, { 0 } },
		{ "", false, { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(p) / sizeof(*p); i++) {
		struct acl_hit hit = { 0 };

		assert_int_equal(acl_hit_parse(p[i].prefix, &hit), p[i].good);
		assert_int_equal(hit.seq, p[i].hit.seq);
		assert_int_equal(hit.permit, p[i].hit.permit);
		assert_string_equal(hit.name, p[i].hit.name);
		assert_string_equal(hit.interface, p[i].hit.interface);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_counts_and_replace),
		cmocka_unit_test(test_unreachable_and_quiet),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_two_bindings),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_prefix),
	};

	box_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
