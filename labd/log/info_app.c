#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/sbuf.h"
#include "labd/log/info.h"

#define PROTO(name) extern const struct codec name##_codec;
#define PROTO_WITHOUT_CODEC(name)
#include "protos.def"
#undef PROTO

#define PROTO(name) &name##_codec,
const struct codec *const info_codecs[] = {
#include "protos.def"
	NULL,
};
#undef PROTO
#undef PROTO_WITHOUT_CODEC

enum {
	N_PORTS = 65536,
	PORT_FTP = 21,
	PORT_TFTP = 69,
	/* Audio: even ports, its control on the odd one above (RFC 3550 §11). */
	RTP_PORT_MIN = 16384,
	RTP_PORT_MAX = 32767,
	RTP_HDR_LEN = 12,
};

struct apps {
	uint8_t udp[N_PORTS]; /* place in info_codecs + 1 */
	uint8_t tcp[N_PORTS];
	struct expects *expects;
	struct sbuf out;
};

static void claim(uint8_t *table, const uint16_t *ports, size_t n, uint8_t place)
{
	for (size_t i = 0; i < n; i++)
		if (ports[i] != 0 && table[ports[i]] == 0)
			table[ports[i]] = place;
}

struct apps *apps_new(void)
{
	struct apps *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->out = SBUF(LINE_MAX_BYTES);
	a->expects = expects_new();
	if (!a->expects)
		return apps_free(a);
	for (uint8_t i = 0; i < UINT8_MAX && info_codecs[i]; i++) {
		const struct codec *c = info_codecs[i];

		claim(a->udp, c->udp_ports, ARRAY_SIZE(c->udp_ports), i + 1);
		claim(a->tcp, c->tcp_ports, ARRAY_SIZE(c->tcp_ports), i + 1);
	}
	return a;
}

struct apps *apps_free(struct apps *a)
{
	if (a) {
		sbuf_done(&a->out);
		expects_free(a->expects);
		free(a);
	}
	return NULL;
}

static bool is_rtp_port(uint16_t port)
{
	return port >= RTP_PORT_MIN && port <= RTP_PORT_MAX;
}

static void assign_by_port(struct apps *a, struct conv *conv)
{
	const uint8_t *table = conv->ip_proto == IPPROTO_NUM_TCP ? a->tcp : a->udp;
	unsigned first = conv->server < 2 ? conv->server : 0;
	uint8_t place = table[conv->end[first].port];

	if (place == 0)
		place = table[conv->end[!first].port];
	if (place != 0) {
		conv->app.kind = APP_CODEC;
		conv->app.codec = info_codecs[place - 1];
	} else if (conv->ip_proto == IPPROTO_NUM_UDP && is_rtp_port(conv->end[0].port) &&
		   is_rtp_port(conv->end[1].port)) {
		conv->app.kind = conv->end[0].port % 2 == 0 ? APP_RTP : APP_RTCP;
	}
}

void apps_assign(struct apps *a, struct conv *conv, int64_t now_ns)
{
	conv->app.kind = APP_NONE;
	if (conv->ip_proto != IPPROTO_NUM_TCP && conv->ip_proto != IPPROTO_NUM_UDP)
		return;
	for (int i = 0; i < 2; i++) {
		const struct app *app =
			expects_find(a->expects, conv->ip_proto, &conv->end[i], now_ns);

		if (app) {
			conv->app = *app;
			return;
		}
	}
	assign_by_port(a, conv);
}

/* What this message announces for conversations to come. */
static void learn(struct apps *a, const struct pkt *pkt, struct conv *conv, int64_t now_ns)
{
	if (conv->ip_proto == IPPROTO_NUM_TCP &&
	    (conv->end[0].port == PORT_FTP || conv->end[1].port == PORT_FTP))
		expects_read_ftp(a->expects, pkt, now_ns);
	/* RFC 1350 §4: the server answers from a port of its own to the one that asked. */
	if (conv->ip_proto == IPPROTO_NUM_UDP && pkt->dst.port == PORT_TFTP)
		expects_add(a->expects, conv->ip_proto, &pkt->src, &conv->app, now_ns);
}

static bool info_codec(struct apps *a, const struct pkt *pkt, const struct codec *codec,
		       struct info *ret)
{
	struct codec_in in = { .data = pkt->data + pkt->payload_off,
			       .len = pkt->payload_cap,
			       .src = pkt->src,
			       .dst = pkt->dst,
			       .tcp = pkt->ip_proto == IPPROTO_NUM_TCP,
			       .cut = pkt->payload_cap < pkt->payload_len };
	const char *why = NULL;
	int r;

	sbuf_reset(&a->out);
	r = codec->info(&in, &a->out, &why);
	if (r != 0 && r != -EBADMSG)
		return false;
	line_put(&ret->text, sbuf_text(&a->out), a->out.len);
	ret->protocol = codec->name;
	ret->codec = codec;
	if (r == -EBADMSG && !in.cut)
		ret->malformed = why ? why : "message cannot be read";
	return true;
}

static bool info_ftp_data(const struct pkt *pkt, const struct app *app, struct info *ret)
{
	ret->protocol = "FTP-DATA";
	line_str(&ret->text, "FTP Data: ");
	line_u64(&ret->text, pkt->payload_len);
	line_str(&ret->text, " bytes ");
	line_str(&ret->text, app->what);
	return true;
}

static const char *rtp_payload_name(uint8_t type)
{
	switch (type) {
	case 0:
		return "ITU-T G.711 PCMU";
	case 3:
		return "GSM 06.10";
	case 8:
		return "ITU-T G.711 PCMA";
	case 9:
		return "ITU-T G.722";
	case 13:
		return "Comfort noise";
	case 18:
		return "ITU-T G.729";
	default:
		return NULL;
	}
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void line_hex_upper(struct line *l, uint32_t n)
{
	uint32_t start = l->len;

	line_hex(l, n, 8);
	for (uint32_t i = start; i < l->len; i++)
		if (l->text[i] >= 'a' && l->text[i] <= 'f')
			l->text[i] = (char)(l->text[i] - 'a' + 'A');
}

/* RFC 3550 §5.1: version 2 and a known kind of sound, or it is not taken for audio. */
static bool info_rtp(const struct pkt *pkt, struct info *ret)
{
	const uint8_t *h = pkt->data + pkt->payload_off;
	struct line *l = &ret->text;
	const char *name;

	if (pkt->payload_cap < RTP_HDR_LEN || h[0] >> 6 != 2)
		return false;
	name = rtp_payload_name(h[1] & 0x7f);
	if (!name && (h[1] & 0x7f) < 96)
		return false;
	ret->protocol = "RTP";
	line_str(l, "PT=");
	if (name) {
		line_str(l, name);
	} else {
		line_str(l, "DynamicRTP-Type-");
		line_u64(l, h[1] & 0x7f);
	}
	line_str(l, ", SSRC=0x");
	line_hex_upper(l, get32(h + 8));
	line_str(l, ", Seq=");
	line_u64(l, (uint32_t)(h[2] << 8 | h[3]));
	line_str(l, ", Time=");
	line_u64(l, get32(h + 4));
	if (h[1] & 0x80)
		line_str(l, ", Mark");
	return true;
}

static bool info_rtcp(const struct pkt *pkt, struct info *ret)
{
	static const char *const names[] = { "Sender Report", "Receiver Report",
					     "Source description", "Goodbye",
					     "Application specific" };
	const uint8_t *h = pkt->data + pkt->payload_off;

	if (pkt->payload_cap < 8 || h[0] >> 6 != 2 || h[1] < 200 || h[1] > 204)
		return false;
	ret->protocol = "RTCP";
	line_str(&ret->text, names[h[1] - 200]);
	line_str(&ret->text, "   ");
	return true;
}

/* Octets that came before are not a message once more. */
static bool is_repeat(const struct tcp_seen *tcp)
{
	return tcp->note &
	       (NOTE_RETRANSMISSION | NOTE_OUT_OF_ORDER | NOTE_KEEP_ALIVE | NOTE_ZERO_WINDOW_PROBE);
}

/* TCP's own marks stay out of the line (they are in packet.note): a message begins with its words.
 */
bool info_app(struct apps *a, const struct pkt *pkt, struct flow *flow, const struct tcp_seen *tcp,
	      int64_t now_ns, struct info *ret)
{
	struct conv *conv = flow->conv;
	bool done = false;

	if (conv->app.kind == APP_NONE || pkt->payload_cap == 0 || is_repeat(tcp))
		return false;
	switch (conv->app.kind) {
	case APP_CODEC:
		done = info_codec(a, pkt, conv->app.codec, ret);
		break;
	case APP_FTP_DATA:
		done = info_ftp_data(pkt, &conv->app, ret);
		break;
	case APP_RTP:
		done = info_rtp(pkt, ret);
		break;
	case APP_RTCP:
		done = info_rtcp(pkt, ret);
		break;
	case APP_NONE:
		break;
	}
	if (done)
		learn(a, pkt, conv, now_ns);
	return done;
}
