#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sbuf.h"
#include "labd/lab/lab.h"

enum { TEXT_MAX = 4 * 1024 * 1024 };

/* Reads a lab that must be valid. */
static struct lab *parse(const char *text)
{
	struct diag diag = { 0 };
	struct lab *lab = NULL;
	int r = lab_parse("t.yaml", text, strlen(text), &lab, &diag);

	if (r < 0)
		diag_print(stderr, &diag);
	diag_done(&diag);
	assert_int_equal(r, 0);
	return lab;
}

/* The first error of a lab that must not be valid. */
static void expect_error(const char *text, const char *message)
{
	struct diag diag = { 0 };
	struct lab *lab = NULL;

	assert_int_equal(lab_parse("t.yaml", text, strlen(text), &lab, &diag), -EINVAL);
	assert_null(lab);
	assert_true(diag.n_entries > 0);
	if (!strstr(diag.entries[0].message, message))
		fail_msg("expected '%s', got '%s'", message, diag.entries[0].message);
	diag_done(&diag);
}

static void the_smallest_lab_has_defaults(void **state)
{
	struct lab *lab = parse("name: a\ntopology: { nodes: { pc1: { kind: pc } } }\n");

	(void)state;
	assert_string_equal(lab->name, "a");
	assert_false(lab->seed_given);
	assert_true(lab->seed > 0 && lab->seed <= UINT32_MAX);
	assert_false(lab->has_epoch);
	assert_int_equal(lab->log.payload, LOG_PAYLOAD_FULL);
	assert_int_equal(lab->log.size_bytes, 0);
	assert_false(lab->log.power_safe);
	assert_int_equal(lab->n_nodes, 1);
	assert_int_equal(lab->nodes[0].kind, KIND_PC);
	assert_null(lab->nodes[0].config.text);
	assert_int_equal(lab->n_links + lab->n_steps + lab->n_expects, 0);
	lab_free(lab);
}

static void the_lab_takes_its_options(void **state)
{
	struct lab *lab = parse("name: a\nseed: 18446744073709551615\nepoch: 2026-01-01T08:00:00Z\n"
				"log: { payload: 128 bytes, size: 2GiB, durability: power }\n"
				"topology: { nodes: { pc1: { kind: pc } } }\nsteps:\nexpect:\n");

	(void)state;
	assert_true(lab->seed_given);
	assert_true(lab->seed == UINT64_MAX);
	assert_true(lab->has_epoch);
	assert_true(lab->epoch_ns == 1767254400 * SEC);
	assert_int_equal(lab->log.payload, LOG_PAYLOAD_BYTES);
	assert_int_equal(lab->log.payload_bytes, 128);
	assert_true(lab->log.size_bytes == 2ull << 30);
	assert_true(lab->log.power_safe);
	lab_free(lab);
}

static void devices_keep_what_they_are_given(void **state)
{
	struct lab *lab = parse("name: a\ntopology:\n  nodes:\n"
				"    R1:\n      kind: router\n      config: |\n        hostname x\n"
				"      exec: [ \"ip link\", 'true' ]\n"
				"      env: { LANG: C, N: 5, EMPTY: }\n"
				"      mac: 0200.0000.0010\n      mtu: 1400\n"
				"    sw-1: { kind: hub, ports: 48, exec: date }\n");
	const struct lab_node *r1 = &lab->nodes[0], *hub = &lab->nodes[1];

	(void)state;
	assert_string_equal(r1->name, "R1");
	assert_int_equal(r1->pos.line, 4);
	assert_int_equal(r1->pos.col, 5);
	assert_int_equal(r1->kind, KIND_ROUTER);
	assert_string_equal(r1->config.text, "hostname x\n");
	assert_null(r1->config_file);
	assert_int_equal(r1->n_exec, 2);
	assert_string_equal(r1->exec[1].text, "true");
	assert_int_equal(r1->n_env, 3);
	assert_string_equal(r1->env[1].name, "N");
	assert_string_equal(r1->env[1].value, "5");
	assert_string_equal(r1->env[2].value, "");
	assert_true(r1->has_mac);
	assert_int_equal(r1->mac.b[5], 0x10);
	assert_int_equal(r1->mtu, 1400);
	assert_int_equal(hub->kind, KIND_HUB);
	assert_int_equal(hub->ports, 48);
	assert_string_equal(hub->exec[0].text, "date");
	lab_free(lab);
}

static void later_layers_win(void **state)
{
	struct lab *lab = parse("name: a\ntopology:\n"
				"  defaults: { kind: pc, mtu: 1300, ports: 8, config: d }\n"
				"  kinds: { switch: { mtu: 1400 }, pc: { config: k } }\n"
				"  nodes:\n"
				"    pc1: {}\n"
				"    pc2: { mtu: 1500, config: n }\n"
				"    sw1: { kind: switch }\n");

	(void)state;
	assert_int_equal(lab->nodes[0].kind, KIND_PC);
	assert_int_equal(lab->nodes[0].mtu, 1300);
	assert_int_equal(lab->nodes[0].ports, 0);
	assert_string_equal(lab->nodes[0].config.text, "k");
	assert_int_equal(lab->nodes[1].mtu, 1500);
	assert_string_equal(lab->nodes[1].config.text, "n");
	assert_int_equal(lab->nodes[2].mtu, 1400);
	assert_int_equal(lab->nodes[2].ports, 8);
	assert_string_equal(lab->nodes[2].config.text, "d");
	lab_free(lab);
}

static const char three[] =
	"name: a\ntopology:\n"
	"  links:\n" /* before the nodes: the order is free */
	"    - endpoints: [ \"r1:gi0/0\", \"sw1:1\" ]\n"
	"    - { name: up, mtu: 9000, endpoints: [ pc1:eth0, sw1:2 ], wire: {} }\n"
	"  nodes: { r1: {kind: router}, sw1: {kind: switch}, pc1: {kind: pc} }\n";

static void links_join_interfaces(void **state)
{
	struct lab *lab = parse(three);

	(void)state;
	assert_int_equal(lab->n_links, 2);
	assert_string_equal(lab->links[0].name, "r1:GigabitEthernet0/0--sw1:1");
	assert_int_equal(lab->links[0].carrier, CARRIER_VETH);
	assert_int_equal(lab->links[0].pos.line, 4);
	assert_int_equal(lab->links[0].end[0].node, 0);
	assert_string_equal(lab->links[0].end[0].name.kernel, "gi0-0");
	assert_string_equal(lab->links[0].end[1].name.kernel, "p1");
	assert_string_equal(lab->links[1].name, "up");
	assert_int_equal(lab->links[1].carrier, CARRIER_AUTO);
	assert_int_equal(lab->links[1].mtu, 9000);
	assert_int_equal(lab->nodes[1].n_links, 2);
	lab_free(lab);
}

static void links_are_found_by_any_of_their_names(void **state)
{
	static const struct {
		const char *name;
		int link;
	} rows[] = {
		{ "r1:GigabitEthernet0/0--sw1:1", 0 },
		{ "r1:gi0/0--sw1:1", 0 },
		{ "sw1:p1--r1:Gig0/0", 0 },
		{ "r1:gi0-0", 0 },
		{ "sw1:1", 0 },
		{ "up", 1 },
		{ "sw1:2", 1 },
		{ "pc1:eth0--sw1:2", 1 },
		{ "pc1:eth0--sw1:1", -ENOENT },
		{ "sw1:3", -ENOENT },
		{ "down", -ENOENT },
		{ "", -ENOENT },
		{ "--", -ENOENT },
		{ ":", -ENOENT },
	};
	struct lab *lab = parse(three);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (lab_find_link(lab, rows[i].name) != rows[i].link)
			fail_msg("'%s' is not link %d", rows[i].name, rows[i].link);
	assert_int_equal(lab_find_node(lab, "sw1"), 1);
	assert_int_equal(lab_find_node(lab, "sw2"), -ENOENT);
	lab_free(lab);
}

static struct lab *with_wire(const char *wire)
{
	char text[600];

	(void)snprintf(text, sizeof(text),
		       "name: a\ntopology:\n  nodes: { a1: { kind: pc }, b1: { kind: pc } }\n"
		       "  links:\n    - endpoints: [ \"a1:eth0\", \"b1:eth0\" ]\n      wire: %s\n",
		       wire);
	return parse(text);
}

static void a_wire_is_the_same_both_ways_unless_told(void **state)
{
	struct lab *lab = with_wire("{ delay: 20ms, jitter: 5ms, loss: 0.5%, duplicate: 1%, "
				    "reorder: 2%, corrupt: 3%, rate: 10mbit, limit: 50, "
				    "carrier: ring }");
	const struct lab_link *link = &lab->links[0];

	(void)state;
	assert_int_equal(link->carrier, CARRIER_RING);
	for (int way = 0; way < 2; way++) {
		assert_true(link->wire[way].delay_ns == 20 * MSEC);
		assert_true(link->wire[way].jitter_ns == 5 * MSEC);
		assert_int_equal(link->wire[way].loss_ppb, 5000000);
		assert_int_equal(link->wire[way].duplicate_ppb, 10000000);
		assert_int_equal(link->wire[way].reorder_ppb, 20000000);
		assert_int_equal(link->wire[way].corrupt_ppb, 30000000);
		assert_true(link->wire[way].rate_bps == 10000000);
		assert_int_equal(link->wire[way].limit, 50);
	}
	lab_free(lab);
}

static void a_direction_overrides_the_rest(void **state)
{
	static const char *const ways[] = { "\"b1->a1\"", "b-to-a", "\"b1:e0 -> a1:Ethernet0\"" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		char wire[200];
		struct lab *lab;

		(void)snprintf(wire, sizeof(wire), "{ %s: { delay: 1s }, delay: 20ms, loss: 1%% }",
			       ways[i]);
		lab = with_wire(wire);
		assert_true(lab->links[0].wire[0].delay_ns == 20 * MSEC);
		assert_true(lab->links[0].wire[1].delay_ns == SEC);
		assert_int_equal(lab->links[0].wire[1].loss_ppb, 10000000);
		lab_free(lab);
	}
}

static const char steps[] = "name: a\ntopology:\n"
			    "  nodes: { pc1: { kind: pc }, pc2: { kind: pc } }\n"
			    "  links: [ { name: l, endpoints: [ \"pc1:eth0\", \"pc2:eth0\" ] } ]\n"
			    "steps:\n"
			    "  - pc2: ping 10.0.0.1\n"
			    "    fails: yes\n"
			    "    why: nobody is there\n"
			    "  - until: select 1\n"
			    "    within: 5s\n"
			    "  - wait: 2s\n"
			    "  - expect: WITH a AS (SELECT 1) SELECT * FROM a\n"
			    "  - stop: pc1\n"
			    "  - start: pc1\n"
			    "  - link down: pc2:eth0\n"
			    "  - link up: l\n"
			    "  - pc1: [ one, two ]\n"
			    "expect:\n"
			    "  - SELECT(1)\n"
			    "  - { sql: VALUES (1), why: it is so }\n";

static void steps_keep_their_order_and_places(void **state)
{
	static const enum lab_step_kind kinds[] = {
		STEP_COMMAND, STEP_UNTIL,     STEP_WAIT,    STEP_EXPECT,  STEP_STOP,
		STEP_START,   STEP_LINK_DOWN, STEP_LINK_UP, STEP_COMMAND, STEP_COMMAND,
	};
	struct lab *lab = parse(steps);

	(void)state;
	assert_int_equal(lab->n_steps, ARRAY_SIZE(kinds));
	for (size_t i = 0; i < lab->n_steps; i++)
		assert_int_equal(lab->steps[i].kind, kinds[i]);
	assert_int_equal(lab->steps[0].node, 1);
	assert_string_equal(lab->steps[0].text.text, "ping 10.0.0.1");
	assert_true(lab->steps[0].fails);
	assert_string_equal(lab->steps[0].why, "nobody is there");
	assert_int_equal(lab->steps[0].pos.line, 6);
	assert_string_equal(lab->steps[1].text.text, "select 1");
	assert_true(lab->steps[1].time_ns == 5 * SEC);
	assert_true(lab->steps[2].time_ns == 2 * SEC);
	assert_int_equal(lab->steps[4].node, 0);
	assert_int_equal(lab->steps[6].link, 0);
	assert_string_equal(lab->steps[9].text.text, "two");
	assert_false(lab->steps[9].fails);
	lab_free(lab);
}

static void expectations_may_say_why(void **state)
{
	struct lab *lab = parse(steps);

	(void)state;
	assert_int_equal(lab->n_expects, 2);
	assert_string_equal(lab->expects[0].sql.text, "SELECT(1)");
	assert_int_equal(lab->expects[0].sql.pos.line, 19);
	assert_null(lab->expects[0].why);
	assert_string_equal(lab->expects[1].sql.text, "VALUES (1)");
	assert_string_equal(lab->expects[1].why, "it is so");
	lab_free(lab);
}

static void aliases_are_ordinary_values(void **state)
{
	struct lab *lab =
		parse("name: a\ntopology:\n  nodes:\n    pc1: &p { kind: pc, mtu: 1400 }\n"
		      "    pc2: *p\n");

	(void)state;
	assert_int_equal(lab->nodes[1].mtu, 1400);
	assert_string_equal(lab->nodes[1].name, "pc2");
	lab_free(lab);
}

static void a_device_without_a_link_is_a_warning(void **state)
{
	static const char text[] =
		"name: a\ntopology:\n  nodes: { a1: { kind: pc }, b1: { kind: pc },"
		" c1: { kind: pc } }\n  links: [ { endpoints: [ \"a1:eth0\", "
		"\"b1:eth0\" ] } ]\n";
	struct diag diag = { 0 };
	struct lab *lab = NULL;

	(void)state;
	assert_int_equal(lab_parse("t.yaml", text, strlen(text), &lab, &diag), 0);
	assert_int_equal(diag.n_errors, 0);
	assert_int_equal(diag.n_entries, 1);
	assert_string_equal(diag.entries[0].message, "'c1' has no link");
	diag_done(&diag);
	lab_free(lab);
}

/* --- limits --------------------------------------------------------------------------------- */

/* A lab with a hub of |n_ports| PCs, or |n_devices| PCs alone. */
static void star(struct sbuf *s, int n_devices, int n_links)
{
	sbuf_puts(s, "name: star\ntopology:\n  nodes:\n    sw1: { kind: switch }\n");
	for (int i = 1; i < n_devices; i++)
		sbuf_printf(s, "    pc%d: { kind: pc }\n", i);
	sbuf_puts(s, "  links:\n");
	for (int i = 1; i <= n_links; i++)
		sbuf_printf(s, "    - endpoints: [ \"pc%d:eth0\", \"sw1:%d\" ]\n", i, i);
}

static void a_thousand_pcs_on_a_switch_are_possible(void **state)
{
	struct sbuf s = SBUF(TEXT_MAX);
	struct lab *lab;

	(void)state;
	star(&s, 1 + LAB_SWITCH_IFACES_MAX, LAB_SWITCH_IFACES_MAX);
	lab = parse(sbuf_text(&s));
	assert_int_equal(lab->n_links, LAB_SWITCH_IFACES_MAX);
	lab_free(lab);
	sbuf_reset(&s);
	star(&s, 2 + LAB_SWITCH_IFACES_MAX, 1 + LAB_SWITCH_IFACES_MAX);
	expect_error(sbuf_text(&s), "more than 1023 links at 'sw1'");
	sbuf_done(&s);
}

static void a_lab_has_a_largest_size(void **state)
{
	struct sbuf s = SBUF(TEXT_MAX);

	(void)state;
	star(&s, 1 + LAB_DEVICES_MAX, 1);
	expect_error(sbuf_text(&s), "2049 devices; the most is 2048");
	sbuf_reset(&s);
	star(&s, 2, 0);
	for (int i = 0; i <= LAB_LINKS_MAX; i++)
		sbuf_puts(&s, "    - {}\n");
	expect_error(sbuf_text(&s), "8193 links; the most is 8192");
	sbuf_reset(&s);
	for (int i = 0; i < 300000; i++)
		sbuf_puts(&s, "# a comment\n");
	expect_error(sbuf_text(&s), "larger than 2 MiB");
	sbuf_done(&s);
}

static void steps_have_a_largest_number(void **state)
{
	struct sbuf s = SBUF(TEXT_MAX);
	struct lab *lab;

	(void)state;
	star(&s, 2, 1);
	sbuf_puts(&s, "steps:\n  - pc1: &many [ x");
	for (int i = 2; i < LAB_STEPS_MAX; i++)
		sbuf_puts(&s, ", x");
	sbuf_puts(&s, " ]\n  - pc1: last\n");
	lab = parse(sbuf_text(&s));
	assert_int_equal(lab->n_steps, LAB_STEPS_MAX);
	lab_free(lab);
	sbuf_puts(&s, "  - pc1: more\n");
	expect_error(sbuf_text(&s), "too many steps");
	sbuf_puts(&s, "  - pc1: *many\n");
	expect_error(sbuf_text(&s), "too many steps");
	sbuf_done(&s);
}

static void anchors_have_a_largest_number(void **state)
{
	struct sbuf s = SBUF(TEXT_MAX);

	(void)state;
	sbuf_puts(&s, "name: a\ntopology: { nodes: { pc1: { kind: pc, exec: [");
	for (int i = 0; i < 257; i++)
		sbuf_printf(&s, "&a%d x, ", i);
	sbuf_puts(&s, "] } } }\n");
	expect_error(sbuf_text(&s), "too many anchors");
	sbuf_done(&s);
}

static void a_long_configuration_is_refused(void **state)
{
	struct sbuf s = SBUF(TEXT_MAX);

	(void)state;
	sbuf_puts(&s,
		  "name: a\ntopology:\n  nodes:\n    r1:\n      kind: router\n      config: |\n");
	for (int i = 0; i < LAB_CONFIG_MAX / 8; i++)
		sbuf_puts(&s, "        hostname\n");
	expect_error(sbuf_text(&s), "'config' is 147456 bytes long; the most is 131072");
	sbuf_done(&s);
}

/* --- files beside the lab file -------------------------------------------------------------- */

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void configurations_may_stand_in_files(void **state)
{
	static const char text[] = "name: a\ntopology:\n  nodes:\n"
				   "    r1: { kind: router, config-file: r.conf }\n"
				   "    r2: { kind: router, config-file: ./r.conf, files: . }\n";
	char dir[] = "/tmp/lab_load_test.XXXXXX", path[64], conf[64];
	struct diag diag = { 0 };
	struct lab *lab = NULL;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/t.yaml", dir);
	(void)snprintf(conf, sizeof(conf), "%s/r.conf", dir);
	write_file(path, text);
	write_file(conf, "hostname x\r\n! \xc3\xa4\r\n");
	assert_int_equal(lab_load(path, &lab, &diag), 0);
	assert_string_equal(lab->nodes[0].config.text, "hostname x\n! \xc3\xa4\n");
	assert_string_equal(lab->nodes[0].config.pos.source->file, conf);
	assert_string_equal(lab->nodes[0].config_file, "r.conf");
	assert_ptr_equal(lab->nodes[1].config.text, lab->nodes[0].config.text); /* read once */
	assert_string_equal(lab->nodes[1].files, dir);
	lab_free(lab);
	diag_done(&diag);
	(void)unlink(path);
	(void)unlink(conf);
	(void)rmdir(dir);
}

static void the_examples_are_valid(void **state)
{
	static const char *const paths[] = { "scripts/labs/campus.yaml", "scripts/labs/two.yaml",
					     "scripts/labs/loop.yaml", "scripts/labs/relay.yaml" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct diag diag = { 0 };
		struct lab *lab = NULL;

		if (lab_load(paths[i], &lab, &diag) < 0 || diag.n_entries > 0) {
			diag_print(stderr, &diag);
			fail_msg("%s", paths[i]);
		}
		lab_free(lab);
		diag_done(&diag);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_smallest_lab_has_defaults),
		cmocka_unit_test(the_lab_takes_its_options),
		cmocka_unit_test(devices_keep_what_they_are_given),
		cmocka_unit_test(later_layers_win),
		cmocka_unit_test(links_join_interfaces),
		cmocka_unit_test(links_are_found_by_any_of_their_names),
		cmocka_unit_test(a_wire_is_the_same_both_ways_unless_told),
		cmocka_unit_test(a_direction_overrides_the_rest),
		cmocka_unit_test(steps_keep_their_order_and_places),
		cmocka_unit_test(expectations_may_say_why),
		cmocka_unit_test(aliases_are_ordinary_values),
		cmocka_unit_test(a_device_without_a_link_is_a_warning),
		cmocka_unit_test(a_thousand_pcs_on_a_switch_are_possible),
		cmocka_unit_test(a_lab_has_a_largest_size),
		cmocka_unit_test(steps_have_a_largest_number),
		cmocka_unit_test(anchors_have_a_largest_number),
		cmocka_unit_test(a_long_configuration_is_refused),
		cmocka_unit_test(configurations_may_stand_in_files),
		cmocka_unit_test(the_examples_are_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
