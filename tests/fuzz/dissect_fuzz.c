/* Captures as input: every frame is taken apart, put into words and tied, as the log process does
 * it before a row is written. A pcap file is read as such (recorded ones serve as seeds); its
 * lengths may be nonsense and are then cut to what is there. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "labd/log/info.h"
#include "labd/log/tie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_HEADER = 24, RECORD_HEADER = 16, FRAMES_MAX = 400 };

#define CHECK(condition)          \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

struct fuzz {
	struct flows *flows;
	struct apps *apps;
	struct tie *tie;
	uint64_t id;
	int64_t now_ns;
	struct info info;
};

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static void on_sent(void *arg, const struct tie_sent *s, uint64_t packet, const char *why)
{
	struct fuzz *z = arg;

	CHECK(packet <= z->id && (packet != 0) == (why == NULL) && s->device == 1);
}

static void on_field(void *arg, const char *field, const char *value, size_t offset, size_t len)
{
	const struct codec_in *in = arg;

	CHECK(field && *field && value);
	CHECK(offset <= in->len && len <= in->len - offset);
}

static void fields(const struct fuzz *z, const struct pkt *pkt)
{
	struct codec_in in = { .data = pkt->data + pkt->payload_off,
			       .len = pkt->payload_cap,
			       .src = pkt->src,
			       .dst = pkt->dst,
			       .tcp = pkt->ip_proto == IPPROTO_NUM_TCP };

	if (z->info.codec && z->info.codec->fields)
		(void)z->info.codec->fields(&in, on_field, &in);
}

/* What a node could have told of this frame; the answer must be a frame that was shown. */
static void ask(struct fuzz *z, const struct pkt *pkt)
{
	struct pkt_key key = { .dir = PKT_IN,
			       .proto = pkt->ip_proto,
			       .ether_type = pkt->ether_type,
			       .src = pkt->src,
			       .dst = pkt->dst,
			       .len = (uint16_t)pkt->payload_len,
			       .checksum = pkt->checksum,
			       .stamp_ns = z->now_ns,
			       .offset = pkt->seq % 64 };
	struct tie_sent sent = { .decision = 1, .device = 1, .key = key };
	uint64_t packet = 0;
	const char *why = NULL;

	if (tie_received(z->tie, 2, &key, &packet, &why) == 0)
		CHECK(packet != 0 && packet <= z->id);
	else
		CHECK(why != NULL);
	sent.key.dir = PKT_OUT;
	sent.key.stamp_ns -= (int64_t)(pkt->ip_id % 3);
	tie_sent(z->tie, &sent);
}

static void frame(struct fuzz *z, const uint8_t *data, uint32_t cap_len, uint32_t len)
{
	struct tcp_seen seen, *tcp = NULL;
	struct pkt pkt, quoted;
	struct flow *flow;
	bool is_new;

	pkt_parse(&pkt, data, cap_len, len);
	CHECK(pkt.payload_off + pkt.payload_cap <= pkt.cap_len || pkt.payload_cap == 0);
	(void)pkt_quoted(&pkt, &quoted);
	flow = flow_find(z->flows, 2, &pkt, &is_new);
	CHECK(flow && flow->conv);
	if (is_new)
		apps_assign(z->apps, flow->conv, z->now_ns);
	z->id++;
	z->now_ns += 1 + (cap_len % 7) * 1000000;
	if (flow->conv->tcp && pkt.has_ports && pkt.tcp_hdr_len) {
		tcp = &seen;
		tcp_watch(flow->conv->tcp, flow->dir, &pkt, z->now_ns, z->id, tcp);
	}
	pkt_info(z->apps, &pkt, flow, tcp, z->now_ns, &z->info);
	CHECK(z->info.protocol && z->info.protocol[0]);
	CHECK(strlen(z->info.text.text) <= z->info.text.len);
	fields(z, &pkt);
	tie_frame(z->tie, &(struct tie_frame){ .packet = z->id,
					       .pkt = &pkt,
					       .flow = flow,
					       .tcp = tcp,
					       .sent_ns = z->now_ns,
					       .arrive_ns = z->now_ns + (cap_len & 1),
					       .lost = len % 5 == 0 });
	ask(z, &pkt);
}

static void all_frames(struct fuzz *z, const uint8_t *data, size_t size)
{
	size_t at = FILE_HEADER;

	for (int i = 0; i < FRAMES_MAX && at + RECORD_HEADER < size; i++) {
		uint32_t left = (uint32_t)(size - at - RECORD_HEADER);
		uint32_t cap_len = get32(data + at + 8), len = get32(data + at + 12);
		uint8_t *exact;

		cap_len = cap_len < left ? cap_len : left;
		if (cap_len > PKT_FRAME_MAX)
			cap_len = PKT_FRAME_MAX;
		/* A buffer of just that size, so that one octet too many is seen. */
		exact = malloc(cap_len ? cap_len : 1);
		CHECK(exact);
		memcpy(exact, data + at + RECORD_HEADER, cap_len);
		frame(z, exact, cap_len, len > PKT_FRAME_MAX ? cap_len : len);
		free(exact);
		at += RECORD_HEADER + cap_len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct tie_way ways[4] = { [2] = { 1, 1, 2, 2 }, [3] = { 2, 2, 1, 1 } };
	struct fuzz z = { .flows = flows_new(1), .apps = apps_new(), .now_ns = 1 };

	z.tie = tie_new(ways, ARRAY_SIZE(ways), on_sent, &z);
	CHECK(z.flows && z.apps && z.tie);
	flows_on_forget(z.flows, tie_forget, z.tie);
	all_frames(&z, data, size);
	tie_expire(z.tie, z.now_ns + 100 * SEC);
	flows_free(z.flows);
	tie_free(z.tie);
	apps_free(z.apps);
	return 0;
}
