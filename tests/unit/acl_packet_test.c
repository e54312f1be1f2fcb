#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "acl_packets.h"

/* From the exact number of octets, so that a sanitizer sees reads past the end. */
static int read_exact(const uint8_t *data, size_t len, struct acl_packet *p)
{
	uint8_t *copy = malloc(len ? len : 1);
	int r;

	memcpy(copy, data, len);
	r = acl_packet_read(copy, len, p);
	free(copy);
	return r;
}

static void udp_is_read(void **state)
{
	struct raw raw = raw_udp("0.0.0.0", 68, "255.255.255.255", 67, 300);
	struct acl_packet p;

	(void)state;
	assert_int_equal(read_exact(raw.data, raw.len, &p), 0);
	assert_int_equal(p.src, 0);
	assert_int_equal(p.dst, UINT32_MAX);
	assert_int_equal(p.protocol, 17);
	assert_int_equal(p.id, RAW_ID);
	assert_true(p.has_ports);
	assert_int_equal(p.src_port, 68);
	assert_int_equal(p.dst_port, 67);
	assert_int_equal(p.payload_len, 300);
	assert_int_equal(p.checksum, RAW_CHECKSUM);
	assert_int_equal(p.icmp_type, -1);
	assert_false(p.later_fragment);
}

static void tcp_and_icmp_are_read(void **state)
{
	struct raw tcp = raw_tcp("10.0.0.2", 4000, "10.0.0.1", 80, 0x12, 100);
	struct raw icmp = raw_icmp("10.0.0.2", "10.0.0.1", 8, 0, 56);
	struct acl_packet p;

	(void)state;
	assert_int_equal(read_exact(tcp.data, tcp.len, &p), 0);
	assert_true(p.has_ports && p.has_flags);
	assert_int_equal(p.src_port, 4000);
	assert_int_equal(p.tcp_flags, 0x12);
	assert_int_equal(p.payload_len, 100);
	assert_int_equal(p.checksum, RAW_CHECKSUM);
	assert_int_equal(read_exact(icmp.data, icmp.len, &p), 0);
	assert_int_equal(p.icmp_type, 8);
	assert_int_equal(p.icmp_code, 0);
	assert_int_equal(p.payload_len, 64);
	assert_int_equal(p.checksum, RAW_CHECKSUM);
	assert_false(p.has_ports);
}

static void options_are_skipped(void **state)
{
	struct raw raw = raw_udp("10.0.0.2", 4000, "10.0.0.1", 53, 10);
	struct acl_packet p;

	(void)state;
	memmove(raw.data + 24, raw.data + 20, 8);
	memset(raw.data + 20, 1, 4);
	raw.data[0] = 0x46;
	raw.data[3] = (uint8_t)(raw.data[3] + 4);
	assert_int_equal(read_exact(raw.data, raw.len + 4, &p), 0);
	assert_int_equal(p.dst_port, 53);
	assert_int_equal(p.payload_len, 10);
}

static void later_fragments_have_no_ports(void **state)
{
	struct raw raw = raw_udp("10.0.0.2", 4000, "10.0.0.1", 53, 1400);
	struct acl_packet p;

	(void)state;
	raw.data[7] = 185;
	assert_int_equal(read_exact(raw.data, raw.len, &p), 0);
	assert_true(p.later_fragment);
	assert_false(p.has_ports);
	raw.data[6] = 0x20; /* first of several: its ports are there */
	raw.data[7] = 0;
	assert_int_equal(read_exact(raw.data, raw.len, &p), 0);
	assert_false(p.later_fragment);
	assert_true(p.has_ports);
}

static void short_packets_are_read_as_far_as_they_go(void **state)
{
	struct raw all[] = {
		raw_udp("10.0.0.2", 4000, "10.0.0.1", 53, 10),
		raw_tcp("10.0.0.2", 4000, "10.0.0.1", 80, 0x02, 0),
		raw_icmp("10.0.0.2", "10.0.0.1", 8, 0, 0),
	};
	struct acl_packet p;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		for (size_t len = 0; len <= all[i].len; len++)
			assert_int_equal(read_exact(all[i].data, len, &p), len < 20 ? -EBADMSG : 0);
	assert_int_equal(read_exact(all[0].data, 22, &p), 0);
	assert_false(p.has_ports);
	assert_int_equal(read_exact(all[1].data, 30, &p), 0);
	assert_true(p.has_ports);
	assert_false(p.has_flags);
	assert_int_equal(read_exact(all[2].data, 21, &p), 0);
	assert_int_equal(p.icmp_type, -1);
}

static void what_is_no_ipv4_is_refused(void **state)
{
	struct raw raw = raw_udp("10.0.0.2", 4000, "10.0.0.1", 53, 10);
	struct acl_packet p;

	(void)state;
	raw.data[0] = 0x65;
	assert_int_equal(read_exact(raw.data, raw.len, &p), -EBADMSG);
	raw.data[0] = 0x44; /* a header of 16 octets */
	assert_int_equal(read_exact(raw.data, raw.len, &p), -EBADMSG);
	raw.data[0] = 0x45;
	raw.data[2] = 0;
	raw.data[3] = 19; /* shorter than its header */
	assert_int_equal(read_exact(raw.data, raw.len, &p), -EBADMSG);
}

static void lines_match(void **state)
{
	const struct raw udp = raw_udp("10.0.0.2", 4000, "10.0.1.10", 53, 10),
			 tcp = raw_tcp("10.0.0.2", 80, "10.0.1.10", 4000, 0x10, 0),
			 syn = raw_tcp("10.0.0.2", 4000, "10.0.1.10", 80, 0x02, 0),
			 echo = raw_icmp("10.0.0.2", "10.0.1.10", 8, 0, 8),
			 prohibited = raw_icmp("10.0.0.2", "10.0.1.10", 3, 13, 8);
	struct raw later = raw_udp("10.0.0.2", 4000, "10.0.1.10", 53, 100);
	const struct {
		const struct raw *packet;
		enum acl_action action;
		const char *line;
		bool matches;
	} rows[] = {
		{ &udp, ACL_PERMIT, "ip any any", true },
		{ &udp, ACL_PERMIT, "udp any any", true },
		{ &udp, ACL_PERMIT, "tcp any any", false },
		{ &udp, ACL_PERMIT, "ip host 10.0.0.2 any", true },
		{ &udp, ACL_PERMIT, "ip host 10.0.0.3 any", false },
		{ &udp, ACL_PERMIT, "ip 10.0.0.0 0.0.0.255 10.0.1.0 0.0.0.255", true },
		{ &udp, ACL_PERMIT, "ip 10.0.0.0 0.0.0.1 any", false },
		{ &udp, ACL_PERMIT, "ip 10.0.0.2 0.0.254.1 any", true },
		{ &udp, ACL_PERMIT, "udp any any eq domain", true },
		{ &udp, ACL_PERMIT, "udp any any eq tftp", false },
		{ &udp, ACL_PERMIT, "udp any neq 4000 any", false },
		{ &udp, ACL_PERMIT, "udp any neq 4001 any", true },
		{ &udp, ACL_PERMIT, "udp any gt 3999 any lt 54", true },
		{ &udp, ACL_PERMIT, "udp any gt 4000 any", false },
		{ &udp, ACL_PERMIT, "udp any any lt 53", false },
		{ &udp, ACL_PERMIT, "udp any range 4000 4001 any range 50 53", true },
		{ &udp, ACL_PERMIT, "udp any range 3998 3999 any", false },
		{ &tcp, ACL_PERMIT, "tcp any any established", true },
		{ &syn, ACL_PERMIT, "tcp any any established", false },
		{ &syn, ACL_PERMIT, "tcp any any eq www", true },
		{ &echo, ACL_PERMIT, "icmp any any echo", true },
		{ &echo, ACL_PERMIT, "icmp any any echo-reply", false },
		{ &prohibited, ACL_PERMIT, "icmp any any unreachable", true },
		{ &prohibited, ACL_PERMIT, "icmp any any administratively-prohibited", true },
		{ &prohibited, ACL_PERMIT, "icmp any any port-unreachable", false },
		/* A later fragment: a permit sees addresses only, a deny with ports lets it be. */
		{ &later, ACL_PERMIT, "udp any any eq tftp", true },
		{ &later, ACL_DENY, "udp any any eq domain", false },
		{ &later, ACL_DENY, "udp any any", true },
		{ &later, ACL_PERMIT, "tcp any any eq 53", false },
	};

	(void)state;
	later.data[7] = 10;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct acl_line l = { .action = rows[i].action };
		struct sbuf why = SBUF(200);
		struct acl_packet p;

		assert_int_equal(acl_line_parse(rows[i].line, true, &l, &why, NULL), 0);
		assert_int_equal(read_exact(rows[i].packet->data, rows[i].packet->len, &p), 0);
		if (acl_line_matches(&l, &p) != rows[i].matches)
			fail_msg("row %zu: %s", i, rows[i].line);
		sbuf_done(&why);
	}
	assert_false(acl_line_matches(&(struct acl_line){ .action = ACL_REMARK },
				      &(struct acl_packet){ 0 }));
}

static void packets_in_words(void **state)
{
	struct raw later = raw_udp("10.0.0.2", 4000, "10.0.1.10", 53, 100);
	const struct {
		struct raw raw;
		const char *text;
	} rows[] = {
		{ raw_udp("0.0.0.0", 68, "255.255.255.255", 67, 1),
		  "udp 0.0.0.0(68) -> 255.255.255.255(67)" },
		{ raw_tcp("10.0.0.2", 4000, "10.0.1.10", 80, 2, 0),
		  "tcp 10.0.0.2(4000) -> 10.0.1.10(80)" },
		{ raw_icmp("10.0.0.2", "10.0.1.10", 8, 0, 8), "icmp 10.0.0.2 -> 10.0.1.10 (8/0)" },
		{ raw_ip("10.0.0.2", "10.0.1.10", 89, NULL, 0), "ospf 10.0.0.2 -> 10.0.1.10" },
		{ raw_ip("10.0.0.2", "10.0.1.10", 253, NULL, 0), "253 10.0.0.2 -> 10.0.1.10" },
	};
	struct acl_packet p;
	struct sbuf out = SBUF(200);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		sbuf_reset(&out);
		assert_int_equal(read_exact(rows[i].raw.data, rows[i].raw.len, &p), 0);
		acl_packet_print(&p, &out);
		assert_string_equal(sbuf_text(&out), rows[i].text);
	}
	later.data[7] = 1;
	sbuf_reset(&out);
	assert_int_equal(read_exact(later.data, later.len, &p), 0);
	acl_packet_print(&p, &out);
	assert_string_equal(sbuf_text(&out), "udp 10.0.0.2 -> 10.0.1.10 (a later fragment)");
	sbuf_done(&out);
}

static void reports_there_and_back(void **state)
{
	struct raw raw = raw_udp("10.0.0.2", 4000, "10.0.1.10", 53, 10);
	struct acl_report r = { .permit = true,
				.out = true,
				.seq = 4000000000u,
				.ifid = 7,
				.lost = 3,
				.list = "CAMPUS",
				.packet = raw.data,
				.packet_len = raw.len };
	struct acl_report back;
	uint8_t buf[ACL_REPORT_MAX];
	struct wr w;

	(void)state;
	wr_init(&w, buf, sizeof(buf));
	acl_report_write(&w, &r);
	assert_false(w.err);
	assert_int_equal(acl_report_read(buf, wr_len(&w), &back), 0);
	assert_true(back.permit && back.out);
	assert_int_equal(back.seq, 4000000000u);
	assert_int_equal(back.ifid, 7);
	assert_int_equal(back.lost, 3);
	assert_string_equal(back.list, "CAMPUS");
	assert_int_equal(back.packet_len, raw.len);
	assert_memory_equal(back.packet, raw.data, raw.len);
	for (size_t len = 0; len < 14 + strlen("CAMPUS"); len++)
		assert_int_equal(acl_report_read(buf, len, &back), -EBADMSG);
	buf[0] |= 0x80;
	assert_int_equal(acl_report_read(buf, wr_len(&w), &back), -EBADMSG);
	buf[0] = 0;
	buf[13] = ACL_LIST_NAME_LEN;
	assert_int_equal(acl_report_read(buf, sizeof(buf), &back), -EBADMSG);
}

static void long_packets_are_cut_in_reports(void **state)
{
	uint8_t packet[2000] = { 0 }, buf[ACL_REPORT_MAX];
	struct acl_report r = { .list = "1", .packet = packet, .packet_len = sizeof(packet) };
	struct acl_report back;
	struct wr w;

	(void)state;
	wr_init(&w, buf, sizeof(buf));
	acl_report_write(&w, &r);
	assert_false(w.err);
	assert_int_equal(acl_report_read(buf, wr_len(&w), &back), 0);
	assert_int_equal(back.packet_len, ACL_REPORT_MAX - 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(udp_is_read),
		cmocka_unit_test(tcp_and_icmp_are_read),
		cmocka_unit_test(options_are_skipped),
		cmocka_unit_test(later_fragments_have_no_ports),
		cmocka_unit_test(short_packets_are_read_as_far_as_they_go),
		cmocka_unit_test(what_is_no_ipv4_is_refused),
		cmocka_unit_test(lines_match),
		cmocka_unit_test(packets_in_words),
		cmocka_unit_test(reports_there_and_back),
		cmocka_unit_test(long_packets_are_cut_in_reports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
