/* What the log concludes from frames alone. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/log_maker.h"

#define MS MSEC

/* Ways: link * 2 from the first-named end. */
enum {
	PC1_SW1 = 2,
	SW1_PC1,
	PC2_SW1,
	SW1_PC2,
	R1_SW1,
	SW1_R1,
	R1_WWW,
	WWW_R1,
};

struct lab {
	char path[64];
	struct log_args args;
	struct engine *e;
};

static int set_up(void **state)
{
	struct lab *l = calloc(1, sizeof(*l));

	maker_path(l->path);
	l->args = maker_args(l->path);
	l->e = maker_engine(&l->args);
	*state = l;
	return 0;
}

/* Tells `make check` which rules were taken. */
static void note_rules(struct lab *l)
{
	const char *path = getenv("RULES_SEEN"), *ids;
	FILE *f = path ? fopen(path, "a") : NULL;

	if (!f)
		return;
	ids = maker_ask(l->path, "SELECT group_concat(DISTINCT r.name) FROM decision d "
				 "JOIN rule r ON r.id = d.rule WHERE r.inferred");
	for (; *ids; ids++)
		fputc(*ids == ',' ? '\n' : *ids, f);
	fputc('\n', f);
	fclose(f);
}

static int tear_down(void **state)
{
	struct lab *l = *state;

	note_rules(l);
	engine_free(l->e);
	maker_remove(l->path);
	free(l);
	return 0;
}

static void settle(struct lab *l, int64_t at_ns)
{
	engine_seen(l->e, WALL0 + at_ns);
	engine_commit(l->e);
}

/* Rules of one device (or of wires, ""), in order, with cause and consequence: "rule 1>2 ...". */
static const char *story(struct lab *l, const char *device)
{
	char sql[512];

	snprintf(sql, sizeof(sql),
		 "SELECT group_concat(r.name || ' ' || coalesce(d.packet, '-') || "
		 "coalesce('>' || (SELECT packet FROM sent WHERE decision = d.id), ''), ', ') "
		 "FROM decision d JOIN rule r ON r.id = d.rule "
		 "LEFT JOIN device v ON v.id = d.device WHERE coalesce(v.name, '') = '%s'",
		 device);
	return maker_ask(l->path, sql);
}

static struct frame echo(uint8_t from, uint8_t to, struct ep src, struct ep dst, uint8_t type)
{
	static const uint8_t body[] = { 0, 7, 0, 1, 'a', 'b', 'c', 'd' };

	return maker_icmp(from, to, src, dst, type, 0, body, sizeof(body), 64);
}

static void a_switch_floods_learns_and_forwards(void **state)
{
	struct lab *l = *state;
	struct ep pc1 = maker_ep(0, 1, 0), pc2 = maker_ep(0, 2, 0);
	struct frame ask = maker_arp(PC1_ETH0, 0, ARP_REQUEST, pc1, pc2);
	struct frame reply = maker_arp(PC2_ETH0, PC1_ETH0, ARP_REPLY, pc2, pc1);

	maker_show(l->e, PC1_SW1, &ask, 1 * MS);
	maker_show(l->e, SW1_PC2, &ask, 1 * MS + 5000);
	maker_show(l->e, SW1_R1, &ask, 1 * MS + 6000);
	maker_show(l->e, PC2_SW1, &reply, 2 * MS);
	maker_show(l->e, SW1_PC1, &reply, 2 * MS + 5000);
	settle(l, 100 * MS);
	assert_string_equal(story(l, "sw1"), "kernel.bridge.learn 1, kernel.bridge.learn 4, "
					     "kernel.bridge.flood 1, kernel.bridge.forward 4>5");
	assert_string_equal(maker_ask(l->path,
				      "SELECT d.sentence FROM decision d JOIN rule r ON "
				      "r.id = d.rule WHERE r.name = 'kernel.bridge.flood'"),
			    "ff:ff:ff:ff:ff:ff is broadcast: sent from port 1 to 2 other ports");
	assert_string_equal(maker_ask(l->path,
				      "SELECT d.sentence FROM decision d JOIN rule r ON "
				      "r.id = d.rule WHERE r.name = 'kernel.bridge.forward'"),
			    "02:00:00:00:00:01 is known: sent from port 2 to port 1 only");
	assert_string_equal(story(l, "pc2"), "kernel.arp.reply 2>4");
}

static void a_switch_filters_and_moves(void **state)
{
	struct lab *l = *state;
	struct frame a =
		maker_udp(PC1_ETH0, PC2_ETH0, maker_ep(0, 1, 1), maker_ep(0, 2, 9), "x", 1, 1);
	struct frame b =
		maker_udp(PC2_ETH0, PC1_ETH0, maker_ep(0, 2, 1), maker_ep(0, 1, 9), "y", 1, 1);

	/* Both behind port 1, as with a hub there. */
	maker_show(l->e, PC1_SW1, &b, 1 * MS);
	maker_show(l->e, PC1_SW1, &a, 2 * MS);
	settle(l, 100 * MS);
	/* PC2 moves to its own port; nothing of this frame leaves. */
	maker_show(l->e, PC2_SW1, &b, 200 * MS);
	settle(l, 300 * MS);
	assert_string_equal(story(l, "sw1"),
			    "kernel.bridge.learn 1, kernel.bridge.learn 2, "
			    "kernel.bridge.drop-not-forwarded 1, kernel.bridge.drop-same-port 2, "
			    "kernel.bridge.move 3, kernel.bridge.drop-not-forwarded 3");
}

static void a_bpdu_ends_at_the_switch(void **state)
{
	struct lab *l = *state;
	struct frame f = { .len = 60 };
	static const uint8_t head[] = { 0x01, 0x80, 0xc2, 0, 0,	 0,    0x02, 0, 0,
					0,    0,    9,	  0, 38, 0x42, 0x42, 3 };

	memcpy(f.b, head, sizeof(head));
	maker_show(l->e, PC1_SW1, &f, 1 * MS);
	settle(l, 100 * MS);
	assert_string_equal(story(l, "sw1"), "kernel.bridge.learn 1, kernel.bridge.consume 1");
	assert_string_equal(maker_ask(l->path, "SELECT protocol || ': ' || info FROM packet"),
			    "STP: Conf. Root = 0/0/00:00:00:00:00:00  Cost = 0  Port = 0x0000");
}

static void a_flooded_frame_is_ignored_by_others(void **state)
{
	struct lab *l = *state;
	struct frame a =
		maker_udp(PC1_ETH0, R1_ETH0, maker_ep(0, 1, 1), maker_ep(0, 4, 9), "x", 1, 1);

	maker_show(l->e, SW1_PC2, &a, 1 * MS);
	settle(l, 100 * MS);
	assert_string_equal(story(l, "pc2"), "kernel.eth.drop-other-host 1");
}

static void a_router_forwards(void **state)
{
	struct lab *l = *state;
	struct frame in =
		maker_udp(PC1_ETH0, R1_ETH0, maker_ep(0, 1, 40000), maker_ep(1, 10, 9), "x", 1, 7);
	struct frame out = maker_hop(in, R1_ETH1, WWW_ETH0);

	maker_show(l->e, SW1_R1, &in, 1 * MS);
	maker_show(l->e, R1_WWW, &out, 1 * MS + 8000);
	settle(l, 5000 * MS);
	assert_string_equal(story(l, "r1"), "kernel.ip.forward 1>2");
	assert_string_equal(maker_ask(l->path, "SELECT sentence FROM decision WHERE packet = 1"),
			    "forwarded from eth0 to eth1 with TTL 63");
}

static void a_router_that_does_not_forward(void **state)
{
	struct lab *l = *state;
	struct frame in =
		maker_udp(PC1_ETH0, R1_ETH0, maker_ep(0, 1, 40000), maker_ep(1, 10, 9), "x", 1, 7);
	struct frame own =
		maker_udp(PC1_ETH0, R1_ETH0, maker_ep(0, 1, 40000), maker_ep(0, 4, 9), "x", 1, 8);
	struct frame arp =
		maker_arp(R1_ETH0, PC1_ETH0, ARP_REPLY, maker_ep(0, 4, 0), maker_ep(0, 1, 0));

	maker_show(l->e, SW1_R1, &in, 1 * MS);
	maker_show(l->e, R1_SW1, &arp, 2 * MS); /* 10.0.0.4 is its own address */
	maker_show(l->e, SW1_R1, &own, 3 * MS);
	settle(l, 30000 * MS);
	assert_string_equal(story(l, "r1"), "kernel.ip.drop-not-forwarded 1");
}

/* A neighbour solicitation (type 135) or advertisement (136) for fe80::2. */
static struct frame neighbour(uint8_t from, uint8_t to, uint8_t type)
{
	struct addr src = { .family = 6, .b = { 0xfe, 0x80, [15] = from } };
	struct addr target = { .family = 6, .b = { 0xfe, 0x80, [15] = 2 } };
	struct addr dst = { .family = 6, .b = { 0xfe, 0x80, [15] = to } };
	struct frame f = { .len = 0 };
	struct wr w;

	wr_init(&w, f.b, sizeof(f.b));
	maker_eth(&w, from, to, ETH_TYPE_IP6);
	wr_u32(&w, 0x60000000);
	wr_u16(&w, 24);
	wr_u8(&w, IPPROTO_NUM_ICMP6);
	wr_u8(&w, 255);
	wr_bytes(&w, src.b, 16);
	wr_bytes(&w, dst.b, 16);
	wr_u8(&w, type);
	wr_zero(&w, 7);
	wr_bytes(&w, target.b, 16);
	wr_patch_u16(&w, 56, inet_l4_sum(&src, &dst, IPPROTO_NUM_ICMP6, f.b + 54, 24));
	f.len = (uint32_t)wr_len(&w);
	return f;
}

static void a_neighbour_is_found(void **state)
{
	struct lab *l = *state;
	struct frame ask = neighbour(PC1_ETH0, PC2_ETH0, 135);
	struct frame reply = neighbour(PC2_ETH0, PC1_ETH0, 136);

	maker_show(l->e, SW1_PC2, &ask, 1 * MS);
	maker_show(l->e, PC2_SW1, &reply, 2 * MS);
	settle(l, 100 * MS);
	assert_string_equal(story(l, "pc2"), "kernel.nd.reply 1>2");
	assert_string_equal(maker_ask(l->path, "SELECT info FROM packet WHERE id = 1"),
			    "Neighbor Solicitation for fe80::2");
}

/* An ICMP error of r1's that quotes `in`. */
static struct frame error_about(const struct frame *in, uint8_t type, uint8_t code)
{
	uint8_t body[4 + 28] = { 0 };

	memcpy(body + 4, in->b + ETH_HDR_LEN, 28);
	return maker_icmp(R1_ETH0, PC1_ETH0, maker_ep(0, 4, 0), maker_ep(0, 1, 0), type, code, body,
			  sizeof(body), 64);
}

struct error_case {
	uint8_t type, code;
	const char *story;
};

static void icmp_errors_name_their_cause(void **state)
{
	static const struct error_case cases[] = {
		{ 11, 0, "kernel.ip.drop-ttl-exceeded 1>2" },
		{ 3, 0, "kernel.ip.drop-no-route 1>2" },
		{ 3, 1, "kernel.ip.drop-host-unreachable 1>2" },
		{ 3, 2, "kernel.ip.drop-no-protocol 1>2" },
		{ 3, 3, "kernel.udp.drop-no-listener 1>2" },
		{ 3, 4, "kernel.ip.drop-too-big 1>2" },
		{ 3, 13, "kernel.ip.drop-prohibited 1>2" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		void *one = NULL;
		struct lab *l;
		struct frame in = maker_udp(PC1_ETH0, R1_ETH0, maker_ep(0, 1, 40000),
					    maker_ep(1, 10, 9), "x", 1, 7);
		struct frame out = error_about(&in, cases[i].type, cases[i].code);

		set_up(&one);
		l = one;
		maker_show(l->e, SW1_R1, &in, 1 * MS);
		maker_show(l->e, R1_SW1, &out, 1 * MS + 9000);
		settle(l, 5000 * MS);
		assert_string_equal(story(l, "r1"), cases[i].story);
		tear_down(&one);
	}
}

static void a_ping_is_answered(void **state)
{
	struct lab *l = *state;
	struct frame ask = echo(PC1_ETH0, PC2_ETH0, maker_ep(0, 1, 0), maker_ep(0, 2, 0), 8);
	struct frame reply = echo(PC2_ETH0, PC1_ETH0, maker_ep(0, 2, 0), maker_ep(0, 1, 0), 0);

	maker_show(l->e, SW1_PC2, &ask, 1 * MS);
	maker_show(l->e, PC2_SW1, &reply, 1 * MS + 3000);
	settle(l, 100 * MS);
	assert_string_equal(story(l, "pc2"), "kernel.icmp.echo-reply 1>2");
	assert_string_equal(maker_ask(l->path, "SELECT info FROM packet WHERE id = 1"),
			    "Echo (ping) request  id=0x0007, seq=1/256, ttl=64");
}

static void a_port_without_a_listener_refuses(void **state)
{
	struct lab *l = *state;
	struct ep c = maker_ep(0, 1, 40000), s = maker_ep(0, 2, 81);
	struct frame syn = maker_tcp(PC1_ETH0, PC2_ETH0, c, s,
				     (struct maker_tcp){ .seq = 99, .flags = TCP_SYN });
	struct frame rst =
		maker_tcp(PC2_ETH0, PC1_ETH0, s, c,
			  (struct maker_tcp){ .seq = 0, .ack = 100, .flags = TCP_RST | TCP_ACK });

	maker_show(l->e, SW1_PC2, &syn, 1 * MS);
	maker_show(l->e, PC2_SW1, &rst, 1 * MS + 3000);
	settle(l, 100 * MS);
	assert_string_equal(story(l, "pc2"), "kernel.tcp.reset-no-listener 1>2");
	assert_string_equal(maker_ask(l->path, "SELECT sentence FROM decision WHERE packet = 1"),
			    "refused: nothing listens on TCP port 81");
}

static void nobody_answers_arp(void **state)
{
	struct lab *l = *state;
	struct frame ask =
		maker_arp(PC1_ETH0, 0, ARP_REQUEST, maker_ep(0, 1, 0), maker_ep(0, 99, 0));

	for (int i = 0; i < 3; i++)
		maker_show(l->e, PC1_SW1, &ask, i * 1000 * MS);
	settle(l, 2500 * MS);
	assert_string_equal(story(l, "pc1"), "");
	settle(l, 4000 * MS);
	assert_string_equal(story(l, "pc1"), "kernel.arp.drop-unanswered 3");
	assert_string_equal(
		maker_ask(l->path, "SELECT d.sentence FROM decision d JOIN rule r ON r.id = d.rule "
				   "WHERE r.name = 'kernel.arp.drop-unanswered'"),
		"nobody answered 3 ARP requests for 10.0.0.99: what waited for it was dropped");
}

static void wrong_checksums_are_drops(void **state)
{
	struct lab *l = *state;
	struct frame udp =
		maker_udp(PC1_ETH0, PC2_ETH0, maker_ep(0, 1, 1), maker_ep(0, 2, 9), "xx", 2, 1);
	struct frame ip = udp, version = udp;
	struct frame icmp = echo(PC1_ETH0, PC2_ETH0, maker_ep(0, 1, 0), maker_ep(0, 2, 0), 8);
	struct frame tcp = maker_tcp(PC1_ETH0, PC2_ETH0, maker_ep(0, 1, 1), maker_ep(0, 2, 80),
				     (struct maker_tcp){ .seq = 1, .flags = TCP_SYN });

	udp.b[udp.len - 1] ^= 1;
	ip.b[ETH_HDR_LEN + 8] ^= 1;
	version.b[ETH_HDR_LEN] ^= 0x80;
	icmp.b[icmp.len - 1] ^= 1;
	tcp.b[ETH_HDR_LEN + 20 + 4] ^= 1;
	maker_show(l->e, SW1_PC2, &udp, 1 * MS);
	maker_show(l->e, SW1_PC2, &ip, 2 * MS);
	maker_show(l->e, SW1_PC2, &icmp, 3 * MS);
	maker_show(l->e, SW1_PC2, &tcp, 4 * MS);
	maker_show(l->e, SW1_PC2, &version, 5 * MS);
	settle(l, 100 * MS);
	assert_string_equal(story(l, "pc2"),
			    "kernel.udp.drop-bad-checksum 1, kernel.ip.drop-bad-checksum 2, "
			    "kernel.icmp.drop-bad-checksum 3, kernel.tcp.drop-bad-checksum 4, "
			    "kernel.ip.drop-malformed 5");
	assert_string_equal(maker_ask(l->path, "SELECT count(*) FROM packet WHERE note & 2048"),
			    "4");
}

static void wires_have_their_say(void **state)
{
	struct lab *l = *state;
	struct frame f =
		maker_udp(R1_ETH1, WWW_ETH0, maker_ep(1, 1, 1), maker_ep(1, 10, 9), "x", 1, 1);
	static const uint16_t fates[] = { WIRE_LOST,	  WIRE_QUEUE_DROP, WIRE_DOWN,
					  WIRE_DUPLICATE, WIRE_REORDERED,  WIRE_CORRUPTED };

	for (size_t i = 0; i < ARRAY_SIZE(fates); i++)
		maker_show_fate(l->e, R1_WWW, &f, (int64_t)i * MS, fates[i], 0);
	settle(l, 100 * MS);
	assert_string_equal(story(l, ""),
			    "wire.drop-lost 1, wire.drop-queue-full 2, wire.drop-link-down 3, "
			    "wire.duplicate 4, wire.reorder 5, wire.corrupt 6");
}

/* Thousands of one kind in a moment: 100 rows, then one with the count of the rest. */
static void many_of_a_kind_are_counted(void **state)
{
	struct lab *l = *state;
	struct frame f =
		maker_udp(R1_ETH1, WWW_ETH0, maker_ep(1, 1, 1), maker_ep(1, 10, 9), "x", 1, 1);

	for (int i = 0; i < 1000; i++)
		maker_show_fate(l->e, R1_WWW, &f, i * 1000, WIRE_LOST, 0);
	settle(l, 500 * MS);
	assert_string_equal(maker_ask(l->path, "SELECT count(*) || ' ' || sum(count) FROM decision "
					       "WHERE device IS NULL"),
			    "101 1000");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_switch_floods_learns_and_forwards),
		T(a_switch_filters_and_moves),
		T(a_bpdu_ends_at_the_switch),
		T(a_flooded_frame_is_ignored_by_others),
		T(a_router_forwards),
		T(a_router_that_does_not_forward),
		T(a_neighbour_is_found),
		cmocka_unit_test(icmp_errors_name_their_cause),
		T(a_ping_is_answered),
		T(a_port_without_a_listener_refuses),
		T(nobody_answers_arp),
		T(wrong_checksums_are_drops),
		T(wires_have_their_say),
		T(many_of_a_kind_are_counted),
	};

	return cmocka_run_group_tests_name("log_infer", tests, NULL, NULL);
}
