#include "labd/log/tcp.h"

#include <string.h>

#define OUT_OF_ORDER_NS	   (3 * MSEC) /* later than this it is a retransmission */
#define FAST_RETRANSMIT_NS (20 * MSEC)

enum {
	OPT_END = 0,
	OPT_NOP = 1,
	OPT_WINDOW_SCALE = 3,
	SCALE_MAX = 14, /* RFC 7323 §2.3 */
};

/* RFC 9293 §3.4: comparison modulo 2^32. */
static bool seq_lt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static bool seq_le(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}

/* The window scale that a SYN asks for, 0 without the option. */
static uint8_t syn_scale(const struct pkt *pkt)
{
	const uint8_t *p = pkt->data + pkt->l4_off + 20;
	const uint8_t *end = pkt->data + pkt->l4_off + pkt->tcp_hdr_len;

	if (pkt->l4_off + pkt->tcp_hdr_len > pkt->cap_len)
		return 0;
	while (p < end && *p != OPT_END) {
		if (*p == OPT_NOP) {
			p++;
			continue;
		}
		if (end - p < 2 || p[1] < 2 || p[1] > end - p)
			break;
		if (p[0] == OPT_WINDOW_SCALE && p[1] == 3)
			return p[2] > SCALE_MAX ? SCALE_MAX : p[2];
		p += p[1];
	}
	return 0;
}

bool tcp_is_new_connection(const struct tcp_conv *tc, unsigned dir, const struct pkt *pkt)
{
	const struct tcp_dir *d = &tc->dir[dir];

	if (!(pkt->tcp_flags & TCP_SYN) || (pkt->tcp_flags & TCP_ACK) || !d->seen)
		return false;
	/* A repeated SYN has the old initial number. */
	return pkt->seq != d->base_seq;
}

struct view {
	struct tcp_dir *fwd, *rev;
	const struct pkt *pkt;
	uint32_t len; /* octets of sequence space without SYN and FIN */
	int64_t at_ns;
	struct tcp_conv *tc;
	bool plain; /* none of SYN, FIN, RST */
};

static uint32_t end_seq(const struct view *v)
{
	uint32_t end = v->pkt->seq + v->len;

	if (v->pkt->tcp_flags & TCP_SYN)
		end++;
	if (v->pkt->tcp_flags & TCP_FIN)
		end++;
	return end;
}

static void set_base(struct tcp_dir *d, uint32_t base_seq)
{
	d->base_seq = base_seq;
	d->based = true;
}

/* In the middle of a connection, relative numbers count from what the other side acknowledged, or
 * from this very segment. */
static void begin_dir(const struct view *v)
{
	struct tcp_dir *d = v->fwd;
	bool syn = v->pkt->tcp_flags & TCP_SYN;

	d->seen = true;
	if (syn || !d->based)
		set_base(d, syn ? v->pkt->seq : v->pkt->seq - 1);
	d->next_seq = v->pkt->seq + syn;
	d->next_off = 0;
}

static uint32_t marks_of_probe(const struct view *v)
{
	const struct tcp_dir *fwd = v->fwd, *rev = v->rev;

	if (!v->plain)
		return 0;
	if (v->len == 1 && v->pkt->seq == fwd->next_seq && rev->acked && rev->window == 0)
		return NOTE_ZERO_WINDOW_PROBE;
	if (v->len <= 1 && v->pkt->seq == fwd->next_seq - 1)
		return NOTE_KEEP_ALIVE;
	return 0;
}

/* Pure ACKs: window update, answer to a keep-alive, duplicate. */
static uint32_t marks_of_ack(const struct view *v)
{
	const struct tcp_dir *fwd = v->fwd, *rev = v->rev;
	uint32_t window = v->pkt->window;

	if (!v->plain || v->len != 0 || !(v->pkt->tcp_flags & TCP_ACK) || !fwd->acked ||
	    v->pkt->seq != fwd->next_seq || v->pkt->ack != fwd->last_ack || window == 0)
		return 0;
	if (fwd->scale_known && rev->scale_known)
		window <<= fwd->scale;
	if (rev->last_note & NOTE_KEEP_ALIVE)
		return NOTE_KEEP_ALIVE_ACK;
	return window == fwd->window ? NOTE_DUP_ACK : NOTE_WINDOW_UPDATE;
}

/* Octets that were passed already come again: why? */
static uint32_t marks_of_repeat(const struct view *v)
{
	const struct tcp_dir *fwd = v->fwd, *rev = v->rev;
	int64_t threshold = v->tc->first_rtt_ns > 0 ? v->tc->first_rtt_ns : OUT_OF_ORDER_NS;

	if (v->len > 0 && rev->acked && seq_le(v->pkt->seq + v->len, rev->last_ack))
		return NOTE_SPURIOUS | NOTE_RETRANSMISSION;
	if (rev->n_dup_acks >= 2 && rev->last_ack == v->pkt->seq &&
	    v->at_ns - rev->ack_at_ns < FAST_RETRANSMIT_NS)
		return NOTE_FAST_RETRANSMISSION | NOTE_RETRANSMISSION;
	if (v->at_ns - fwd->next_at_ns < threshold && end_seq(v) != fwd->next_seq)
		return NOTE_OUT_OF_ORDER;
	return NOTE_RETRANSMISSION;
}

static uint32_t marks_of_data(const struct view *v)
{
	const struct tcp_dir *fwd = v->fwd, *rev = v->rev;
	bool takes_room = v->len > 0 || (v->pkt->tcp_flags & (TCP_SYN | TCP_FIN));
	uint32_t note = 0;

	if (seq_lt(fwd->next_seq, v->pkt->seq) && !(v->pkt->tcp_flags & TCP_RST))
		note |= NOTE_LOST_SEGMENT;
	if (v->plain && v->len > 0 && rev->acked && rev->scale_known && rev->window > 0 &&
	    v->pkt->seq + v->len == rev->last_ack + rev->window)
		note |= NOTE_WINDOW_FULL;
	if (takes_room && seq_lt(v->pkt->seq, fwd->next_seq))
		note |= marks_of_repeat(v);
	return note;
}

static uint32_t marks(const struct view *v)
{
	uint32_t note = marks_of_probe(v);

	if (v->pkt->window == 0 && v->plain)
		note |= NOTE_ZERO_WINDOW;
	if ((v->pkt->tcp_flags & TCP_ACK) && v->rev->seen && seq_lt(v->rev->next_seq, v->pkt->ack))
		note |= NOTE_ACKED_UNSEEN;
	if (!(note & (NOTE_KEEP_ALIVE | NOTE_ZERO_WINDOW_PROBE)))
		note |= marks_of_data(v);
	if (note == 0 || note == NOTE_ACKED_UNSEEN)
		note |= marks_of_ack(v);
	return note;
}

static void time_segment(struct view *v, uint32_t note)
{
	struct tcp_dir *d = v->fwd;
	unsigned slot;

	if (end_seq(v) == v->pkt->seq)
		return;
	if (note & NOTE_RETRANSMISSION) { /* Karn: what was sent twice is not timed */
		d->n_unacked = 0;
		return;
	}
	if (d->n_unacked == TCP_UNACKED_MAX) {
		d->unacked_head = (d->unacked_head + 1) % TCP_UNACKED_MAX;
		d->n_unacked--;
	}
	slot = (d->unacked_head + d->n_unacked) % TCP_UNACKED_MAX;
	d->unacked[slot] = (struct tcp_unacked){ .end_seq = end_seq(v), .at_ns = v->at_ns };
	d->n_unacked++;
}

/* Time since the newest segment that this ACK covers was seen. */
static int64_t round_trip(struct view *v)
{
	struct tcp_dir *d = v->rev;
	int64_t rtt = 0;

	if (!(v->pkt->tcp_flags & TCP_ACK))
		return 0;
	while (d->n_unacked > 0 && seq_le(d->unacked[d->unacked_head].end_seq, v->pkt->ack)) {
		rtt = v->at_ns - d->unacked[d->unacked_head].at_ns;
		d->unacked_head = (d->unacked_head + 1) % TCP_UNACKED_MAX;
		d->n_unacked--;
	}
	return rtt > 0 ? rtt : 0;
}

static void learn_ack(struct view *v, uint32_t note, uint64_t id, struct tcp_seen *ret)
{
	struct tcp_dir *d = v->fwd;

	if (note & NOTE_DUP_ACK) {
		ret->n_dup = ++d->n_dup_acks;
		ret->dup_of = d->last_new_ack;
	} else if (!(note & (NOTE_KEEP_ALIVE | NOTE_KEEP_ALIVE_ACK))) {
		d->n_dup_acks = 0;
		d->last_new_ack = id;
	}
	if (v->pkt->tcp_flags & TCP_ACK) {
		if (!d->acked || seq_lt(d->last_ack, v->pkt->ack) || (note & NOTE_DUP_ACK)) {
			d->last_ack = v->pkt->ack;
			d->ack_at_ns = v->at_ns;
		}
		d->acked = true;
	}
	d->window = ret->window;
	d->last_note = (uint8_t)note;
}

static void learn_data(struct view *v, uint32_t note)
{
	struct tcp_dir *d = v->fwd;
	uint32_t end = end_seq(v);

	if (seq_lt(d->next_seq, end) && !(note & NOTE_ZERO_WINDOW_PROBE)) {
		d->next_off += end - d->next_seq;
		d->next_seq = end;
		d->next_at_ns = v->at_ns;
	}
}

static void learn_syn(struct view *v)
{
	if (v->pkt->tcp_flags & TCP_SYN) {
		v->fwd->scale_known = true;
		v->fwd->scale = syn_scale(v->pkt);
		v->tc->syn_seen = true;
	}
	if (v->pkt->tcp_flags & (TCP_FIN | TCP_RST))
		v->tc->fin_seen = true;
}

static uint32_t scaled_window(const struct view *v)
{
	/* RFC 7323 §2.2: a SYN's own window is never scaled, and both sides must have asked. */
	if ((v->pkt->tcp_flags & TCP_SYN) || !v->fwd->scale_known || !v->rev->scale_known)
		return v->pkt->window;
	return (uint32_t)v->pkt->window << v->fwd->scale;
}

void tcp_watch(struct tcp_conv *tc, unsigned dir, const struct pkt *pkt, int64_t at_ns, uint64_t id,
	       struct tcp_seen *ret)
{
	struct view v = { .fwd = &tc->dir[dir],
			  .rev = &tc->dir[!dir],
			  .pkt = pkt,
			  .len = pkt->payload_len,
			  .at_ns = at_ns,
			  .tc = tc,
			  .plain = !(pkt->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST)) };
	bool first = !v.fwd->seen;

	*ret = (struct tcp_seen){ 0 };
	if (first)
		begin_dir(&v);
	learn_syn(&v);
	ret->note = first ? (pkt->window == 0 && v.plain ? NOTE_ZERO_WINDOW : 0) : marks(&v);
	ret->window = scaled_window(&v);
	ret->rel_seq = pkt->seq - v.fwd->base_seq;
	if (!v.rev->seen && (pkt->tcp_flags & TCP_ACK)) {
		/* The other direction has not been seen: count its numbers from what is
		 * acknowledged. */
		ret->rel_ack = 1;
		v.rev->base_seq = pkt->ack - 1;
	} else if (pkt->tcp_flags & TCP_ACK) {
		ret->rel_ack = pkt->ack - v.rev->base_seq;
	}
	ret->offset = v.fwd->next_off +
		      (uint64_t)(int64_t)(int32_t)(pkt->seq + !!(pkt->tcp_flags & TCP_SYN) -
						   v.fwd->next_seq);
	/* Offsets count from the SYN; without it nobody knows how much went before. */
	ret->has_offset = v.len > 0 && v.fwd->scale_known && (int64_t)ret->offset >= 0;
	ret->rtt_ns = round_trip(&v);
	if (tc->first_rtt_ns == 0 && (pkt->tcp_flags & TCP_SYN) && ret->rtt_ns)
		tc->first_rtt_ns = ret->rtt_ns;
	time_segment(&v, ret->note);
	learn_ack(&v, ret->note, id, ret);
	learn_data(&v, ret->note);
}
