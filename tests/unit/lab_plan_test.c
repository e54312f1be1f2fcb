#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "labd/lab/lab.h"
#include "labd/lab/plan.h"

static struct plan *plan_of(const char *text)
{
	struct diag diag = { 0 };
	struct lab *lab = NULL;
	struct plan *plan;

	if (lab_parse("/nowhere/t.yaml", text, strlen(text), &lab, &diag) < 0)
		diag_print(stderr, &diag);
	diag_done(&diag);
	assert_non_null(lab);
	plan = plan_from_lab(lab);
	lab_free(lab);
	return plan;
}

static const char small[] =
	"name: small\nseed: 7\nepoch: 2026-01-01T08:00:00Z\n"
	"log: { payload: headers, size: 1GiB }\n"
	"topology:\n  nodes:\n"
	"    pc1: { kind: pc, config: \"hostname x\", exec: [ a, b ], env: { A: b } }\n"
	"    sw1: { kind: switch, ports: 8 }\n"
	"    r1:\n      kind: router\n      config: |\n        hostname y\n"
	"  links:\n"
	"    - endpoints: [ \"pc1:eth0\", \"sw1:1\" ]\n"
	"    - { name: up, mtu: 1400, endpoints: [ \"sw1:2\", \"r1:gi0/0\" ],\n"
	"        wire: { delay: 1ms, loss: 1%, carrier: tap, b-to-a: { rate: 1mbit } } }\n";

static void ids_count_in_the_order_of_the_file(void **state)
{
	struct plan *plan = plan_of(small);

	(void)state;
	assert_string_equal(plan->name, "small");
	assert_string_equal(plan->lab_file, "/nowhere/t.yaml");
	assert_int_equal(plan->n_devices, 3);
	assert_int_equal(plan->n_ifaces, 4);
	assert_int_equal(plan->n_links, 2);
	for (uint32_t i = 0; i < plan->n_devices; i++)
		assert_int_equal(plan->devices[i].id, i + 1);
	for (uint32_t i = 0; i < plan->n_ifaces; i++) {
		const struct plan_iface *iface = &plan->ifaces[i];

		assert_int_equal(iface->id, i + 1);
		assert_int_equal(plan->links[iface->link].iface[iface->end], i);
	}
	assert_int_equal(plan->devices[1].n_ifaces, 2);
	assert_int_equal(plan->devices[1].ifaces[0], 1);
	assert_int_equal(plan->devices[1].ifaces[1], 2);
	assert_string_equal(plan->ifaces[3].name, "GigabitEthernet0/0");
	assert_string_equal(plan->ifaces[3].kernel, "gi0-0");
	assert_int_equal(plan->ifaces[3].device, 2);
	assert_ptr_equal(plan_find_device(plan, "r1"), &plan->devices[2]);
	assert_ptr_equal(plan_find_link(plan, "up"), &plan->links[1]);
	assert_null(plan_find_device(plan, "r2"));
	assert_null(plan_find_link(plan, "down"));
	plan_free(plan);
}

static void a_device_knows_where_its_configuration_stands(void **state)
{
	struct plan *plan = plan_of(small);

	(void)state;
	assert_string_equal(plan->devices[0].config, "hostname x");
	assert_int_equal(plan->devices[0].config_line, 7);
	assert_string_equal(plan->devices[2].config, "hostname y\n");
	assert_int_equal(plan->devices[2].config_line, 12);
	assert_string_equal(plan->devices[2].config_file, "/nowhere/t.yaml");
	assert_null(plan->devices[1].config);
	assert_int_equal(plan->devices[1].ports, 8);
	assert_string_equal(plan->devices[0].exec[1], "b");
	assert_string_equal(plan->devices[0].env[0].value, "b");
	plan_free(plan);
}

static void links_carry_their_wire(void **state)
{
	struct plan *plan = plan_of(small);
	const struct plan_link *veth = &plan->links[0], *wire = &plan->links[1];

	(void)state;
	assert_int_equal(veth->carrier, CARRIER_VETH);
	assert_int_equal(veth->mtu, 1500);
	assert_int_equal(veth->capture, 1);
	assert_int_equal(wire->carrier, CARRIER_TAP);
	assert_int_equal(wire->mtu, 1400);
	assert_int_equal(plan->ifaces[3].mtu, 1400);
	assert_true(wire->wire[0].delay_ns == MSEC);
	assert_true(wire->wire[0].rate_bps == 0);
	assert_true(wire->wire[1].rate_bps == 1000000);
	assert_true(wire->seed[0] != wire->seed[1]);
	plan_free(plan);
}

/* What a lab derives from its seed is the same in every release. */
static void derived_numbers_are_pinned(void **state)
{
	struct plan *plan = plan_of(small);
	char mac[MAC_TEXT_LEN];

	(void)state;
	assert_true(plan->seed == 7);
	assert_true(plan->devices[0].seed == 0x0f63dfd024e02aeb);
	assert_string_equal(mac_format(&plan->ifaces[0].mac, mac), "02:11:82:3f:47:23");
	assert_true(plan->links[1].seed[0] == 0xe12bd0e89c82926e);
	plan_free(plan);
}

/* Nothing of pc1 changes when devices and links are added, and a link is turned round and named. */
static void one_device_more_changes_no_other(void **state)
{
	static const char grown[] =
		"name: other\nseed: 7\n"
		"topology:\n  nodes:\n"
		"    pc0: { kind: pc }\n    sw1: { kind: switch }\n    r1: { kind: router }\n"
		"    pc1: { kind: pc }\n"
		"  links:\n"
		"    - endpoints: [ \"pc0:eth0\", \"sw1:9\" ]\n"
		"    - { name: n, endpoints: [ \"r1:GigabitEthernet0/0\", \"sw1:2\" ], wire: {} }\n"
		"    - endpoints: [ \"sw1:1\", \"pc1:eth0\" ]\n";
	struct plan *a = plan_of(small), *b = plan_of(grown);
	const struct plan_device *pc1 = plan_find_device(b, "pc1");

	(void)state;
	assert_true(a->devices[0].seed == pc1->seed);
	assert_true(mac_equal(&a->ifaces[0].mac, &b->ifaces[pc1->ifaces[0]].mac));
	assert_true(a->links[1].seed[0] == b->links[1].seed[1]);
	assert_true(a->links[1].seed[1] == b->links[1].seed[0]);
	plan_free(a);
	plan_free(b);
}

static void another_seed_changes_everything(void **state)
{
	static const char other[] = "name: small\nseed: 8\ntopology:\n"
				    "  nodes: { pc1: { kind: pc }, sw1: { kind: switch } }\n"
				    "  links: [ { endpoints: [ \"pc1:eth0\", \"sw1:1\" ] } ]\n";
	struct plan *a = plan_of(small), *b = plan_of(other);

	(void)state;
	assert_true(a->devices[0].seed != b->devices[0].seed);
	assert_false(mac_equal(&a->ifaces[0].mac, &b->ifaces[0].mac));
	assert_true(a->links[0].seed[0] != b->links[0].seed[0]);
	plan_free(a);
	plan_free(b);
}

/* --- MAC addresses -------------------------------------------------------------------------- */

/* |n| PCs on hubs of ports enough; the first PC's address is given. */
static struct plan *many(unsigned int n, const char *mac)
{
	char *text = NULL;
	struct plan *plan;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	fprintf(f, "name: many\nseed: 1\ntopology:\n  nodes:\n    h1: { kind: hub }\n");
	for (unsigned int i = 1; i <= n; i++)
		fprintf(f, "    pc%u: { kind: pc%s%s }\n", i, i == 1 && mac ? ", mac: " : "",
			i == 1 && mac ? mac : "");
	fprintf(f, "  links:\n");
	for (unsigned int i = 1; i <= n; i++)
		fprintf(f, "    - endpoints: [ \"pc%u:eth0\", \"h1:%u\" ]\n", i, i);
	fclose(f);
	plan = plan_of(text);
	free(text);
	return plan;
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct mac));
}

static void addresses_are_local_and_never_the_same(void **state)
{
	struct plan *plan = many(1000, NULL);
	struct mac *macs = calloc(plan->n_ifaces, sizeof(*macs));

	(void)state;
	for (size_t i = 0; i < plan->n_ifaces; i++) {
		macs[i] = plan->ifaces[i].mac;
		assert_int_equal(macs[i].b[0], 0x02);
	}
	qsort(macs, plan->n_ifaces, sizeof(*macs), by_bytes);
	for (size_t i = 1; i < plan->n_ifaces; i++)
		assert_false(mac_equal(&macs[i - 1], &macs[i]));
	free(macs);
	plan_free(plan);
}

/* The second PC's derived address is given to the first: the second must draw another. */
static void derived_addresses_keep_clear_of_given_ones(void **state)
{
	struct plan *before = many(2, NULL), *after;
	char mac[MAC_TEXT_LEN];

	(void)state;
	mac_format(&before->ifaces[2].mac, mac);
	after = many(2, mac);
	assert_true(mac_equal(&after->ifaces[0].mac, &before->ifaces[2].mac));
	assert_false(mac_equal(&after->ifaces[2].mac, &before->ifaces[2].mac));
	assert_true(mac_equal(&after->ifaces[1].mac, &before->ifaces[1].mac));
	plan_free(before);
	plan_free(after);
}

static void given_addresses_count_up(void **state)
{
	struct plan *plan =
		plan_of("name: a\ntopology:\n  nodes:\n"
			"    r1: { kind: router, mac: 00:11:22:33:44:fe }\n"
			"    a1: { kind: pc }\n    b1: { kind: pc }\n    c1: { kind: pc }\n"
			"  links:\n"
			"    - endpoints: [ \"a1:eth0\", \"r1:eth5\" ]\n"
			"    - endpoints: [ \"r1:eth1\", \"b1:eth0\" ]\n"
			"    - endpoints: [ \"r1:eth2\", \"c1:eth0\" ]\n");
	static const char *const expected[] = { "00:11:22:33:44:fe", "00:11:22:33:44:ff",
						"00:11:22:33:45:00" };
	char mac[MAC_TEXT_LEN];

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(mac_format(&plan->ifaces[plan->devices[0].ifaces[i]].mac, mac),
				    expected[i]);
	plan_free(plan);
}

/* --- choices -------------------------------------------------------------------------------- */

static void frames_are_read_at_the_busier_end(void **state)
{
	static const struct {
		const char *kind_a, *kind_b;
		int capture;
	} rows[] = {
		{ "pc", "switch", 1 }, { "switch", "pc", 0 },	{ "router", "switch", 1 },
		{ "pc", "router", 1 }, { "server", "pc", 0 },	{ "hub", "server", 0 },
		{ "pc", "pc", 0 },     { "phone", "linux", 0 }, { "router", "server", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct plan *plan;
		char text[300];

		(void)snprintf(
			text, sizeof(text),
			"name: a\ntopology:\n  nodes: { a1: { kind: %s }, b1: { kind: %s } }\n"
			"  links: [ { endpoints: [ \"a1:1\", \"b1:1\" ] } ]\n",
			rows[i].kind_a, rows[i].kind_b);
		plan = plan_of(text);
		if (plan->links[0].capture != rows[i].capture)
			fail_msg("%s - %s", rows[i].kind_a, rows[i].kind_b);
		plan_free(plan);
	}
}

static void among_equals_the_one_with_more_links_is_busier(void **state)
{
	struct plan *plan =
		plan_of("name: a\ntopology:\n  nodes: { s1: { kind: switch }, s2: { kind: "
			"switch }, s3: { kind: switch } }\n  links:\n"
			"    - endpoints: [ \"s1:1\", \"s2:1\" ]\n"
			"    - endpoints: [ \"s2:2\", \"s3:1\" ]\n");

	(void)state;
	assert_int_equal(plan->links[0].capture, 1);
	assert_int_equal(plan->links[1].capture, 0);
	plan_free(plan);
}

static void a_loop_turns_the_spanning_tree_on(void **state)
{
	static const struct {
		const char *links;
		bool stp;
	} rows[] = {
		{ "[ s1:1, s2:1 ]", false },
		{ "[ s1:1, s2:1 ], [ s1:2, s2:2 ]", true },
		{ "[ s1:1, s2:1 ], [ s2:2, s3:1 ]", false },
		{ "[ s1:1, s2:1 ], [ s2:2, s3:1 ], [ s3:2, s1:2 ]", true },
		{ "[ s1:1, h1:1 ], [ h1:2, s1:2 ]", true },
		{ "[ s1:1, r1:1 ], [ r1:2, s2:1 ], [ s1:2, s2:2 ]", false },
		{ "[ s1:1, r1:1 ], [ s1:2, r1:2 ]", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[600] = "name: a\ntopology:\n  nodes: { s1: { kind: switch }, s2: { kind: "
				 "switch }, "
				 "s3: { kind: switch }, h1: { kind: hub }, r1: { kind: router } "
				 "}\n  links:\n";
		const char *p = rows[i].links;
		struct plan *plan;

		while ((p = strchr(p, '['))) {
			size_t len = strlen(text);

			(void)snprintf(text + len, sizeof(text) - len, "    - endpoints: %.*s\n",
				       (int)(strchr(p, ']') - p) + 1, p);
			p++;
		}
		plan = plan_of(text);
		if (plan->stp != rows[i].stp)
			fail_msg("%s", rows[i].links);
		assert_int_equal(plan->devices[0].stp, rows[i].stp);
		assert_false(plan->devices[3].stp); /* a hub has none */
		plan_free(plan);
	}
}

static void the_mtu_is_the_links_or_the_smaller_devices(void **state)
{
	static const struct {
		const char *a, *b, *link;
		uint32_t mtu;
	} rows[] = {
		{ "", "", "", 1500 },
		{ ", mtu: 1400", "", "", 1400 },
		{ "", ", mtu: 9000", "", 9000 },
		{ ", mtu: 1400", ", mtu: 1300", "", 1300 },
		{ ", mtu: 1400", "", ", mtu: 600", 600 },
		{ "", "", ", mtu: 9000", 9000 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct plan *plan;
		char text[300];

		(void)snprintf(
			text, sizeof(text),
			"name: a\ntopology:\n  nodes: { a1: { kind: pc%s }, b1: { kind: pc%s } }\n"
			"  links: [ { endpoints: [ \"a1:e1\", \"b1:e1\" ]%s } ]\n",
			rows[i].a, rows[i].b, rows[i].link);
		plan = plan_of(text);
		assert_int_equal(plan->links[0].mtu, rows[i].mtu);
		assert_int_equal(plan->ifaces[0].mtu, rows[i].mtu);
		assert_int_equal(plan->ifaces[1].mtu, rows[i].mtu);
		plan_free(plan);
	}
}

/* --- JSON ----------------------------------------------------------------------------------- */

static void a_plan_survives_json(void **state)
{
	struct plan *plan = plan_of(small), *again = NULL;
	char *json, *json_again, why[200] = "";
	size_t len, len_again;

	(void)state;
	assert_int_equal(plan_to_json(plan, &json, &len), 0);
	if (plan_from_json(json, len, &again, why, sizeof(why)) < 0)
		fail_msg("%s", why);
	assert_int_equal(again->n_ifaces, 4);
	assert_true(again->devices[2].seed == plan->devices[2].seed);
	assert_true(again->epoch_ns == plan->epoch_ns);
	assert_int_equal(again->log.payload, LOG_PAYLOAD_HEADERS);
	assert_true(again->log.size_bytes == 1u << 30);
	assert_true(again->links[1].wire[0].delay_ns == MSEC);
	assert_true(again->links[1].wire[1].rate_bps == 1000000);
	assert_int_equal(again->links[1].wire[1].loss_ppb, PPB_PERCENT);
	assert_int_equal(again->devices[1].ifaces[1], 2);
	assert_int_equal(plan_to_json(again, &json_again, &len_again), 0);
	assert_string_equal(json, json_again);
	free(json);
	free(json_again);
	plan_free(plan);
	plan_free(again);
}

/* Replaces one text in the JSON of the small plan; the result must not be taken. */
static void a_damaged_plan_is_refused(void **state)
{
	static const struct {
		const char *from, *to, *why;
	} rows[] = {
		{ "{", "", "no JSON" },
		{ "\"kind\":\"pc\"", "\"kind\":\"cp\"", "'kind'" },
		{ "\"device\":2", "\"device\":3", "'device'" },
		{ "\"device\":0", "\"device\":-1", "'device'" },
		{ "\"kernel\":\"gi0-0\"", "\"kernel\":\"gi0/0\"", "'kernel'" },
		{ "\"kernel\":\"eth0\"", "\"kernel\":\"lo\"", "'kernel'" },
		{ "\"mac\":\"02", "\"mac\":\"x2", "'mac'" },
		{ "\"carrier\":\"tap\"", "\"carrier\":\"tape\"", "'carrier'" },
		{ "\"capture\":1", "\"capture\":2", "'capture'" },
		{ "\"loss_ppb\":10000000", "\"loss_ppb\":1000000001", "'loss_ppb'" },
		{ "\"delay_ns\":1000000", "\"delay_ns\":-1", "'delay_ns'" },
		{ "\"seed\":\"0000000000000007\"", "\"seed\":7", "'seed'" },
		{ "\"seed\":\"0000000000000007\"", "\"seed\":\"000000000000000G\"", "'seed'" },
		{ "\"has_epoch\":true", "\"has_epoch\":1", "'has_epoch'" },
		{ "\"payload\":\"headers\"", "\"payload\":\"tails\"", "'payload'" },
		{ "\"exec\":[\"a\"", "\"exec\":[5", "'exec'" },
		{ "\"env\":[[\"A\",\"b\"]]", "\"env\":[[\"A\"]]", "'env'" },
		{ "\"name\":\"pc1\"", "\"name\":\"../x\"", "'name of a device'" },
		{ "\"links\":[", "\"links\":[{},", "'ifaces'" },
		{ "\"links\":[", "\"lynx\":[", "'links'" },
		{ "\"devices\":[", "\"devices\":[],\"old\":[", "'devices'" },
	};
	struct plan *plan = plan_of(small), *again = NULL;
	char *json, why[200];
	size_t len;

	(void)state;
	assert_int_equal(plan_to_json(plan, &json, &len), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *at = strstr(json, rows[i].from);
		char *damaged = NULL;

		if (!at)
			fail_msg("the plan has no %s", rows[i].from);
		assert_true(asprintf(&damaged, "%.*s%s%s", (int)(at - json), json, rows[i].to,
				     at + strlen(rows[i].from)) > 0);
		if (plan_from_json(damaged, strlen(damaged), &again, why, sizeof(why)) != -EBADMSG)
			fail_msg("%s was taken", rows[i].to);
		if (!strstr(why, rows[i].why))
			fail_msg("%s: %s", rows[i].to, why);
		assert_null(again);
		free(damaged);
	}
	free(json);
	plan_free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_count_in_the_order_of_the_file),
		cmocka_unit_test(a_device_knows_where_its_configuration_stands),
		cmocka_unit_test(links_carry_their_wire),
		cmocka_unit_test(derived_numbers_are_pinned),
		cmocka_unit_test(one_device_more_changes_no_other),
		cmocka_unit_test(another_seed_changes_everything),
		cmocka_unit_test(addresses_are_local_and_never_the_same),
		cmocka_unit_test(derived_addresses_keep_clear_of_given_ones),
		cmocka_unit_test(given_addresses_count_up),
		cmocka_unit_test(frames_are_read_at_the_busier_end),
		cmocka_unit_test(among_equals_the_one_with_more_links_is_busier),
		cmocka_unit_test(a_loop_turns_the_spanning_tree_on),
		cmocka_unit_test(the_mtu_is_the_links_or_the_smaller_devices),
		cmocka_unit_test(a_plan_survives_json),
		cmocka_unit_test(a_damaged_plan_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
