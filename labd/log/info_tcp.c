#include "labd/log/info.h"

enum {
	OPT_END = 0,
	OPT_NOP = 1,
	OPT_MSS = 2,
	OPT_SCALE = 3,
	OPT_SACK_PERM = 4,
	OPT_SACK = 5,
	OPT_TIMESTAMP = 8,
	SCALE_MAX = 14,
};

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void ports(const struct pkt *pkt, struct line *l)
{
	line_u64(l, pkt->src.port);
	line_str(l, " → ");
	line_u64(l, pkt->dst.port);
}

void info_udp(const struct pkt *pkt, struct info *ret)
{
	ret->protocol = "UDP";
	if (!pkt->has_ports)
		return;
	ports(pkt, &ret->text);
	line_str(&ret->text, " Len=");
	line_u64(&ret->text, pkt->payload_len);
}

static void flags(uint8_t set, struct line *l)
{
	static const char *const names[] = {
		"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"
	};
	bool any = false;

	line_str(l, " [");
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (!(set & BIT(i)))
			continue;
		if (any)
			line_str(l, ", ");
		line_str(l, names[i]);
		any = true;
	}
	line_str(l, any ? "]" : "<None>]");
}

static void field(struct line *l, const char *name, uint64_t n)
{
	line_str(l, name);
	line_u64(l, n);
}

static void option(const uint8_t *p, uint8_t len, struct line *l)
{
	switch (p[0]) {
	case OPT_MSS:
		if (len == 4)
			field(l, " MSS=", (uint64_t)(p[2] << 8 | p[3]));
		break;
	case OPT_SCALE:
		if (len == 3)
			field(l, " WS=", 1u << (p[2] > SCALE_MAX ? SCALE_MAX : p[2]));
		break;
	case OPT_SACK_PERM:
		line_str(l, " SACK_PERM");
		break;
	case OPT_TIMESTAMP:
		if (len == 10) {
			field(l, " TSval=", get32(p + 2));
			field(l, " TSecr=", get32(p + 6));
		}
		break;
	default:
		break;
	}
}

/* SACK blocks are shown relative to what they acknowledge (RFC 2018 §3). */
static void sack(const uint8_t *p, uint8_t len, uint32_t base, struct line *l)
{
	for (uint8_t i = 2; i + 8 <= len; i += 8) {
		field(l, " SLE=", get32(p + i) - base);
		field(l, " SRE=", get32(p + i + 4) - base);
	}
}

static void options(const struct pkt *pkt, uint32_t ack_base, struct line *l)
{
	const uint8_t *p = pkt->data + pkt->l4_off + 20;
	const uint8_t *end = pkt->data + pkt->l4_off + pkt->tcp_hdr_len;

	if (pkt->l4_off + pkt->tcp_hdr_len > pkt->cap_len)
		return;
	while (p < end && *p != OPT_END) {
		if (*p == OPT_NOP) {
			p++;
			continue;
		}
		if (end - p < 2 || p[1] < 2 || p[1] > end - p)
			return;
		if (p[0] == OPT_SACK)
			sack(p, p[1], ack_base, l);
		else
			option(p, p[1], l);
		p += p[1];
	}
}

static void marks(const struct tcp_seen *tcp, struct line *l)
{
	uint32_t note = tcp->note;

	if (note & NOTE_PORT_REUSED)
		line_str(l, "[TCP Port numbers reused] ");
	if (note & NOTE_SPURIOUS)
		line_str(l, "[TCP Spurious Retransmission] ");
	else if (note & NOTE_FAST_RETRANSMISSION)
		line_str(l, "[TCP Fast Retransmission] ");
	else if (note & NOTE_RETRANSMISSION)
		line_str(l, "[TCP Retransmission] ");
	if (note & NOTE_OUT_OF_ORDER)
		line_str(l, "[TCP Out-Of-Order] ");
	if (note & NOTE_ACKED_UNSEEN)
		line_str(l, "[TCP ACKed unseen segment] ");
	if (note & NOTE_LOST_SEGMENT)
		line_str(l, "[TCP Previous segment not captured] ");
	if (note & NOTE_WINDOW_UPDATE)
		line_str(l, "[TCP Window Update] ");
	if (note & NOTE_WINDOW_FULL)
		line_str(l, "[TCP Window Full] ");
	if (note & NOTE_KEEP_ALIVE)
		line_str(l, "[TCP Keep-Alive] ");
	if (note & NOTE_KEEP_ALIVE_ACK)
		line_str(l, "[TCP Keep-Alive ACK] ");
	if (note & NOTE_DUP_ACK) {
		field(l, "[TCP Dup ACK ", tcp->dup_of);
		field(l, "#", tcp->n_dup);
		line_str(l, "] ");
	}
	if (note & NOTE_ZERO_WINDOW_PROBE)
		line_str(l, "[TCP ZeroWindowProbe] ");
	if (note & NOTE_ZERO_WINDOW)
		line_str(l, "[TCP ZeroWindow] ");
}

void info_tcp(const struct pkt *pkt, const struct tcp_seen *tcp, struct info *ret)
{
	struct line *l = &ret->text;

	ret->protocol = "TCP";
	if (!pkt->has_ports)
		return;
	marks(tcp, l);
	ports(pkt, l);
	flags(pkt->tcp_flags, l);
	field(l, " Seq=", tcp->rel_seq);
	if (pkt->tcp_flags & TCP_ACK)
		field(l, " Ack=", tcp->rel_ack);
	field(l, " Win=", tcp->window);
	field(l, " Len=", pkt->payload_len);
	options(pkt, pkt->ack - tcp->rel_ack, l);
}
