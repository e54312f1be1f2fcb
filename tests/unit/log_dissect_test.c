/* Frames taken apart and put into words; where the recorded captures are at hand, line by line. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "labd/log/info.h"
#include "tests/unit/log_maker.h"
#include "tests/unit/log_pcap.h"

struct dissector {
	struct flows *flows;
	struct apps *apps;
	uint64_t id;
	struct info info;
	struct pkt pkt;
	struct tcp_seen seen;
};

static int set_up(void **state)
{
	struct dissector *d = calloc(1, sizeof(*d));

	d->flows = flows_new(1);
	d->apps = apps_new();
	*state = d;
	return 0;
}

static int tear_down(void **state)
{
	struct dissector *d = *state;

	flows_free(d->flows);
	apps_free(d->apps);
	free(d);
	return 0;
}

static const char *words(struct dissector *d, const uint8_t *data, uint32_t cap_len, uint32_t len,
			 int64_t at_ns)
{
	static char line[LINE_MAX_BYTES + 32];
	const struct tcp_seen *tcp = NULL;
	struct flow *flow;
	bool is_new;

	pkt_parse(&d->pkt, data, cap_len, len);
	flow = flow_find(d->flows, 2, &d->pkt, &is_new);
	if (is_new)
		apps_assign(d->apps, flow->conv, at_ns);
	d->id++;
	if (flow->conv->tcp && d->pkt.tcp_hdr_len) {
		tcp_watch(flow->conv->tcp, flow->dir, &d->pkt, at_ns, d->id, &d->seen);
		tcp = &d->seen;
	}
	pkt_info(d->apps, &d->pkt, flow, tcp, at_ns, &d->info);
	snprintf(line, sizeof(line), "%s: %s", d->info.protocol, d->info.text.text);
	return line;
}

static const char *words_of(struct dissector *d, const struct frame *f, int64_t at_ns)
{
	return words(d, f->b, f->len, f->len, at_ns);
}

/* ---- ARP, ICMP, UDP ---- */

static void says_arp(void **state)
{
	struct dissector *d = *state;
	struct ep a = maker_ep(0, 1, 0), b = maker_ep(0, 2, 0),
		  none = { .addr = addr4(0, 0, 0, 0) };
	struct frame f = maker_arp(1, 0, ARP_REQUEST, a, b);

	assert_string_equal(words_of(d, &f, 0), "ARP: Who has 10.0.0.2? Tell 10.0.0.1");
	f = maker_arp(3, 1, ARP_REPLY, b, a);
	assert_string_equal(words_of(d, &f, 0), "ARP: 10.0.0.2 is at 02:00:00:00:00:03");
	f = maker_arp(1, 0, ARP_REQUEST, none, b);
	assert_string_equal(words_of(d, &f, 0), "ARP: Who has 10.0.0.2? (ARP Probe)");
	f = maker_arp(1, 0, ARP_REQUEST, a, a);
	assert_string_equal(words_of(d, &f, 0), "ARP: ARP Announcement for 10.0.0.1");
}

static void says_icmp(void **state)
{
	struct dissector *d = *state;
	static const uint8_t echo[] = { 0x12, 0x34, 0, 5, 'x' };
	struct frame udp = maker_udp(1, 3, maker_ep(0, 1, 5000), maker_ep(0, 2, 9), "x", 1, 42);
	uint8_t body[4 + 28] = { 0 };
	struct pkt quoted;
	struct frame f = maker_icmp(1, 3, maker_ep(0, 1, 0), maker_ep(0, 2, 0), 8, 0, echo, 5, 64);

	assert_string_equal(words_of(d, &f, 0),
			    "ICMP: Echo (ping) request  id=0x1234, seq=5/1280, ttl=64");
	memcpy(body + 4, udp.b + ETH_HDR_LEN, 28);
	f = maker_icmp(3, 1, maker_ep(0, 2, 0), maker_ep(0, 1, 0), 3, 3, body, sizeof(body), 64);
	assert_string_equal(words_of(d, &f, 0), "ICMP: Destination unreachable (Port unreachable)");
	assert_int_equal(pkt_quoted(&d->pkt, &quoted), 0);
	assert_int_equal(quoted.src.port, 5000);
	assert_int_equal(quoted.dst.port, 9);
	assert_int_equal(quoted.ip_id, 42);
	assert_int_equal(quoted.payload_len, 1);
}

static void checks_sums(void **state)
{
	struct dissector *d = *state;
	struct frame f = maker_udp(1, 3, maker_ep(0, 1, 5000), maker_ep(0, 2, 9), "xyz", 3, 1);

	(void)words_of(d, &f, 0);
	assert_int_equal(d->pkt.ip_sum, SUM_OK);
	assert_int_equal(d->pkt.l4_sum, SUM_OK);
	f.b[f.len - 1] ^= 4;
	(void)words_of(d, &f, 0);
	assert_int_equal(d->pkt.ip_sum, SUM_OK);
	assert_int_equal(d->pkt.l4_sum, SUM_BAD);
	f.b[40] = f.b[41] = 0; /* the sender made none */
	(void)words_of(d, &f, 0);
	assert_int_equal(d->pkt.l4_sum, SUM_UNKNOWN);
}

/* Cut by the capture is not malformed; cut on the wire is. */
static void tells_cut_from_malformed(void **state)
{
	struct dissector *d = *state;
	struct frame f = maker_udp(1, 3, maker_ep(0, 1, 5000), maker_ep(0, 2, 9), "xyz", 3, 1);

	for (uint32_t cap = 0; cap < f.len; cap++) {
		(void)words(d, f.b, cap, f.len, 0);
		assert_null(d->info.malformed);
	}
	assert_string_equal(words(d, f.b, 42, f.len, 0), "UDP: 5000 → 9 Len=3");
	assert_int_equal(d->pkt.l4_sum, SUM_UNKNOWN);
	for (uint32_t len = 1; len < f.len; len++) {
		(void)words(d, f.b, len, len, 0);
		assert_non_null(d->info.malformed);
	}
}

/* ---- TCP ---- */

struct segment {
	bool back;
	int64_t at_ms;
	struct maker_tcp t;
	const char *says;
};

static const struct segment handshake_and_losses[] = {
	{ false, 0, { .seq = 99, .flags = TCP_SYN }, "[SYN] Seq=0 Win=64240 Len=0" },
	{ true,
	  10,
	  { .seq = 499, .ack = 100, .flags = TCP_SYN | TCP_ACK },
	  "[SYN, ACK] Seq=0 Ack=1 Win=64240 Len=0" },
	{ false,
	  20,
	  { .seq = 100, .ack = 500, .flags = TCP_ACK },
	  "[ACK] Seq=1 Ack=1 Win=64240 Len=0" },
	{ false,
	  30,
	  { .seq = 100, .ack = 500, .flags = TCP_ACK, .payload = "aaaa" },
	  "[ACK] Seq=1 Ack=1 Win=64240 Len=4" },
	{ false,
	  31,
	  { .seq = 108, .ack = 500, .flags = TCP_ACK, .payload = "cccc" },
	  "lost-segment [ACK] Seq=9 Ack=1 Win=64240 Len=4" },
	{ true,
	  40,
	  { .seq = 500, .ack = 104, .flags = TCP_ACK },
	  "[ACK] Seq=1 Ack=5 Win=64240 Len=0" },
	{ true,
	  41,
	  { .seq = 500, .ack = 104, .flags = TCP_ACK },
	  "[TCP Dup ACK 6#1] [ACK] Seq=1 Ack=5 Win=64240 Len=0" },
	{ true,
	  42,
	  { .seq = 500, .ack = 104, .flags = TCP_ACK },
	  "[TCP Dup ACK 6#2] [ACK] Seq=1 Ack=5 Win=64240 Len=0" },
	{ false,
	  43,
	  { .seq = 104, .ack = 500, .flags = TCP_ACK, .payload = "bbbb" },
	  "[TCP Fast Retransmission] [ACK] Seq=5 Ack=1 Win=64240 Len=4" },
	{ true,
	  50,
	  { .seq = 500, .ack = 112, .flags = TCP_ACK },
	  "[ACK] Seq=1 Ack=13 Win=64240 Len=0" },
	{ false,
	  300,
	  { .seq = 100, .ack = 500, .flags = TCP_ACK, .payload = "aaaa" },
	  "[TCP Spurious Retransmission] [ACK] Seq=1 Ack=1 Win=64240 Len=4" },
	{ true,
	  310,
	  { .seq = 500, .ack = 112, .flags = TCP_ACK, .window = 1000 },
	  "[TCP Window Update] [ACK] Seq=1 Ack=13 Win=1000 Len=0" },
	{ false,
	  400,
	  { .seq = 111, .ack = 500, .flags = TCP_ACK },
	  "[TCP Keep-Alive] [ACK] Seq=12 Ack=1 Win=64240 Len=0" },
	{ true,
	  410,
	  { .seq = 500, .ack = 112, .flags = TCP_ACK, .window = 1000 },
	  "[TCP Keep-Alive ACK] [ACK] Seq=1 Ack=13 Win=1000 Len=0" },
	{ false,
	  500,
	  { .seq = 112, .ack = 500, .flags = TCP_FIN | TCP_ACK },
	  "[FIN, ACK] Seq=13 Ack=1 Win=64240 Len=0" },
	{ true, 510, { .seq = 500, .ack = 113, .flags = TCP_RST }, "[RST] Seq=1 Win=64240 Len=0" },
};

static void marks_tcp(void **state)
{
	struct dissector *d = *state;
	struct ep c = maker_ep(0, 1, 40000), s = maker_ep(0, 2, 7777);

	for (size_t i = 0; i < ARRAY_SIZE(handshake_and_losses); i++) {
		const struct segment *g = &handshake_and_losses[i];
		struct frame f =
			g->back ? maker_tcp(3, 1, s, c, g->t) : maker_tcp(1, 3, c, s, g->t);
		const char *last = strrchr(g->says, (int)'[');
		char want[256], mark[64] = "";

		/* What stands before the flags goes before the ports. */
		if (strncmp(g->says, "lost-segment ", 13) == 0)
			strcpy(mark, "[TCP Previous segment not captured] ");
		else
			str_copy_n(mark, sizeof(mark), g->says, (size_t)(last - g->says));
		snprintf(want, sizeof(want), "TCP: %s%s %s", mark,
			 g->back ? "7777 → 40000" : "40000 → 7777", last);
		assert_string_equal(words_of(d, &f, g->at_ms * MSEC), want);
	}
}

static void times_round_trips(void **state)
{
	struct dissector *d = *state;
	struct ep c = maker_ep(0, 1, 40000), s = maker_ep(0, 2, 7777);
	struct frame f = maker_tcp(1, 3, c, s, (struct maker_tcp){ .seq = 9, .flags = TCP_SYN });

	(void)words_of(d, &f, 5 * MSEC);
	f = maker_tcp(3, 1, s, c,
		      (struct maker_tcp){ .seq = 1, .ack = 10, .flags = TCP_SYN | TCP_ACK });
	(void)words_of(d, &f, 12 * MSEC);
	assert_int_equal(d->seen.rtt_ns, 7 * MSEC);
	f = maker_tcp(1, 3, c, s, (struct maker_tcp){ .seq = 10, .ack = 2, .flags = TCP_ACK });
	(void)words_of(d, &f, 13 * MSEC);
	assert_int_equal(d->seen.rtt_ns, 1 * MSEC);
}

/* 64-bit offsets although the numbers wrap. */
static void counts_octets_past_the_wrap(void **state)
{
	struct dissector *d = *state;
	struct ep c = maker_ep(0, 1, 40000), s = maker_ep(0, 2, 7777);
	struct frame f =
		maker_tcp(1, 3, c, s, (struct maker_tcp){ .seq = 0xfffffffeu, .flags = TCP_SYN });

	(void)words_of(d, &f, 0);
	f = maker_tcp(1, 3, c, s,
		      (struct maker_tcp){
			      .seq = 0xffffffffu, .ack = 1, .flags = TCP_ACK, .payload = "abcd" });
	(void)words_of(d, &f, 0);
	assert_true(d->seen.has_offset);
	assert_int_equal(d->seen.offset, 0);
	f = maker_tcp(1, 3, c, s,
		      (struct maker_tcp){ .seq = 3, .ack = 1, .flags = TCP_ACK, .payload = "e" });
	(void)words_of(d, &f, 0);
	assert_int_equal(d->seen.offset, 4);
}

/* ---- applications ---- */

static void asks_the_codecs(void **state)
{
	struct dissector *d = *state;
	struct ep c = maker_ep(0, 1, 40000), s = maker_ep(0, 2, 80);
	struct frame f = maker_tcp(1, 3, c, s, (struct maker_tcp){ .seq = 9, .flags = TCP_SYN });
	static const uint8_t query[] = { 0x12, 0x34, 1,	  0, 0,	  1,   0,   0,	 0, 0, 0, 0, 3,
					 'w',  'w',  'w', 4, 't', 'e', 's', 't', 0, 0, 1, 0, 1 };

	(void)words_of(d, &f, 0);
	f = maker_tcp(1, 3, c, s,
		      (struct maker_tcp){ .seq = 10,
					  .ack = 1,
					  .flags = TCP_ACK | TCP_PSH,
					  .payload = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n" });
	assert_string_equal(words_of(d, &f, 0), "HTTP: GET /x HTTP/1.1");
	assert_string_equal(words_of(d, &f, SEC),
			    "TCP: [TCP Retransmission] 40000 → 80 [PSH, ACK] Seq=1 Ack=1 "
			    "Win=64240 Len=28");
	f = maker_udp(1, 3, maker_ep(0, 1, 5353), maker_ep(0, 2, 53), query, sizeof(query), 1);
	assert_string_equal(words_of(d, &f, 0), "DNS: Standard query 0x1234 A www.test");
	f = maker_udp(1, 3, maker_ep(0, 1, 5353), maker_ep(0, 2, 53), query, 14, 1);
	assert_non_null(strstr(words_of(d, &f, 0), "[Malformed Packet]"));
	assert_non_null(d->info.malformed);
}

/* An FTP server's answer announces a port; so does a TFTP request. */
static void knows_what_was_announced(void **state)
{
	struct dissector *d = *state;
	struct expects *x = expects_new();
	struct frame f = maker_tcp(
		3, 1, maker_ep(0, 2, 21), maker_ep(0, 1, 40000),
		(struct maker_tcp){ .flags = TCP_ACK,
				    .payload = "227 Entering Passive Mode (10,0,0,2,4,1)\r\n" });
	struct ep data = maker_ep(0, 2, 1025);

	pkt_parse(&d->pkt, f.b, f.len, f.len);
	expects_read_ftp(x, &d->pkt, 5);
	assert_int_equal(expects_find(x, IPPROTO_NUM_TCP, &data, 6)->kind, APP_FTP_DATA);
	data.port = 1026;
	assert_null(expects_find(x, IPPROTO_NUM_TCP, &data, 6));
	f = maker_tcp(
		1, 3, maker_ep(0, 1, 40000), maker_ep(0, 2, 21),
		(struct maker_tcp){ .flags = TCP_ACK, .payload = "EPRT |1|10.0.0.1|6000|\r\n" });
	pkt_parse(&d->pkt, f.b, f.len, f.len);
	expects_read_ftp(x, &d->pkt, 7);
	data = maker_ep(0, 1, 6000);
	assert_string_equal(expects_find(x, IPPROTO_NUM_TCP, &data, 8)->what, "(EPRT)");
	assert_null(expects_find(x, IPPROTO_NUM_TCP, &data, 1000 * SEC));
	expects_free(x);
}

static void hears_audio(void **state)
{
	struct dissector *d = *state;
	uint8_t rtp[172] = { 0x80, 0x80, 0, 7, 0, 0, 0, 160, 0xF6, 0xBF, 0x57, 0xE2 };
	struct frame f =
		maker_udp(1, 3, maker_ep(0, 1, 17000), maker_ep(0, 2, 18000), rtp, sizeof(rtp), 1);

	assert_string_equal(words_of(d, &f, 0),
			    "RTP: PT=ITU-T G.711 PCMU, SSRC=0xF6BF57E2, Seq=7, Time=160, Mark");
}

/* ---- recorded ---- */

struct recorded {
	const char *file;
	const char *lines; /* of the first packets, as tshark 4.0.17 words them */
};

static const struct recorded recordings[] = {
	{ "tcpdump/802.1w_rapid_STP.pcap",
	  "STP: RST. Root = 32768/1/00:19:06:ea:b8:80  Cost = 0  Port = 0x800c\n" },
	{ "zeek/pop3.pcap",
	  "TCP: 26242 → 110 [SYN] Seq=0 Win=8192 Len=0 MSS=1460 WS=4 SACK_PERM\n"
	  "TCP: 110 → 26242 [RST, ACK] Seq=1 Ack=1 Win=0 Len=0\n"
	  "TCP: [TCP Retransmission] 26242 → 110 [SYN] Seq=0 Win=8192 Len=0 MSS=1460 WS=4 "
	  "SACK_PERM\n" },
	{ "zeek/dhcp.pcap", "DHCP: DHCP Discover - Transaction ID 0x7c0\n"
			    "DHCP: DHCP Offer    - Transaction ID 0x7c0\n" },
	{ "tcpdump/icmpv6.pcap", "ICMPv6: Router Advertisement from b0:99:28:c8:d6:6c\n"
				 "ICMPv6: Multicast Listener Report Message v2\n"
				 "ICMPv6: Multicast Listener Query\n" },
};

static void play(const struct recorded *r)
{
	char path[256], got[4096] = "";
	struct pcap p;
	const uint8_t *data;
	uint32_t cap_len, len;
	int64_t at_ns;
	void *state = NULL;

	snprintf(path, sizeof(path), "../shared/captures/%s", r->file);
	if (!pcap_open(&p, path)) {
		pcap_close(&p);
		print_message("%s is not here: skipped\n", path);
		return;
	}
	set_up(&state);
	while (strlen(got) < strlen(r->lines) && pcap_next(&p, &data, &cap_len, &len, &at_ns)) {
		strncat(got, words(state, data, cap_len, len, at_ns),
			sizeof(got) - strlen(got) - 2);
		strcat(got, "\n");
	}
	assert_string_equal(got, r->lines);
	tear_down(&state);
	pcap_close(&p);
}

static void says_what_was_recorded(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(recordings); i++)
		play(&recordings[i]);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(says_arp),
		T(says_icmp),
		T(checks_sums),
		T(tells_cut_from_malformed),
		T(marks_tcp),
		T(times_round_trips),
		T(counts_octets_past_the_wrap),
		T(asks_the_codecs),
		T(knows_what_was_announced),
		T(hears_audio),
		cmocka_unit_test(says_what_was_recorded),
	};

	return cmocka_run_group_tests_name("log_dissect", tests, NULL, NULL);
}
