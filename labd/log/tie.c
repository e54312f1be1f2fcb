#include "labd/log/tie.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum {
	FRAME_BUCKETS = 16384,
	STREAM_BUCKETS = 16384,
	SENT_BUCKETS = 4096,
	WALK_MAX = 32768, /* frames looked at for one answer */
	DEVICE_PORTS_MAX = 1024,
};

/* Copies of one frame closer than this are taken in their order. */
#define BACK_TO_BACK_NS (100 * USEC)
/* Stamps of sender and link are taken by different processors. */
#define STAMP_SLACK_NS (2 * USEC)
/* A segment this much older than the question is another one. */
#define SEGMENT_AGE_NS (10 * SEC)

static const char why_never_seen[] = "no such frame was seen on the link";
static const char why_too_old[] = "its segment was seen too long ago";
static const char why_not_kept[] = "the frame was counted, not stored";
static const char why_many[] = "too many packets of this kind were waited for";

/* What is remembered of a frame; a ring, so that old ones go by themselves. */
struct seen {
	uint64_t seq;  /* its place in the order; 0 = empty */
	uint64_t prev; /* seq of the next older one in its bucket */
	uint64_t packet;
	int64_t sent_ns, arrive_ns;
	int64_t taken_stamp_ns; /* received: the stamp it was given to; 0 = none */
	uint32_t way;
	uint16_t ether_type, len, checksum;
	uint8_t proto;
	bool lost, taken_out;
	struct ep src, dst;
};

struct stream_entry {
	struct stream_entry *next;
	struct conv *conv;
};

struct waiting {
	struct waiting *next; /* in its bucket */
	struct waiting *later, *earlier;
	uint32_t bucket;
	struct tie_sent s;
};

struct tie {
	const struct tie_way *ways;
	uint32_t n_ways;
	tie_sent_fn fn;
	void *arg;
	uint64_t last_seq;
	struct seen *ring;
	uint64_t frames[FRAME_BUCKETS]; /* newest seq of each chain */
	struct stream_entry *streams[STREAM_BUCKETS];
	struct waiting *sent[SENT_BUCKETS];
	struct waiting *oldest, *newest;
	unsigned n_waiting;
};

/* A key of a TCP segment with its checksum names that one frame, not an octet of the stream. */
static bool is_stream(const struct pkt_key *key)
{
	return key->proto == IPPROTO_NUM_TCP && key->checksum == 0;
}

/* Ports, protocol and length: what every key has, and every frame. Streams: ports alone. */
static uint64_t shape_of(uint8_t proto, uint16_t ether_type, uint16_t src_port, uint16_t dst_port,
			 uint16_t len)
{
	uint64_t ports = (uint64_t)src_port << 16 | dst_port;
	uint64_t rest = proto ? proto : (uint64_t)ether_type << 8;

	if (proto == IPPROTO_NUM_TCP)
		len = 0;
	return hash_mix(ports << 32 | rest, len);
}

static uint64_t shape_of_key(const struct pkt_key *k)
{
	return shape_of(k->proto, k->ether_type, k->src.port, k->dst.port, k->len);
}

/* The length that a key would give: of the UDP payload, the ICMP message, the ARP packet. */
static uint16_t len_of(const struct pkt *pkt)
{
	if (pkt->ip_version == 0)
		return (uint16_t)pkt->payload_len;
	return (uint16_t)(pkt->has_ports ? pkt->payload_len : pkt->l4_len);
}

static bool ep_fits(const struct ep *key, const struct ep *frame)
{
	if (key->addr.family != 0 && !addr_equal(&key->addr, &frame->addr))
		return false;
	return key->port == 0 || key->port == frame->port;
}

/* The frame's direction and interface as that device sees them. */
static bool way_fits(const struct tie *t, uint32_t way, uint32_t device, const struct pkt_key *key)
{
	const struct tie_way *w = &t->ways[way];
	uint32_t dev = key->dir == PKT_IN ? w->receiver : w->sender;
	uint32_t ifid = key->dir == PKT_IN ? w->receiver_if : w->sender_if;

	return dev == device && (key->ifid == 0 || key->ifid == ifid);
}

static bool fits(const struct tie *t, const struct seen *s, uint32_t device,
		 const struct pkt_key *key)
{
	if (s->proto != key->proto || s->len != key->len)
		return false;
	if (key->proto == 0 && s->ether_type != key->ether_type)
		return false;
	/* Zero on the wire: the sender made none (RFC 768), while the node computed one. */
	if (key->checksum != 0 && s->checksum != 0 && key->checksum != s->checksum)
		return false;
	return way_fits(t, s->way, device, key) && ep_fits(&key->src, &s->src) &&
	       ep_fits(&key->dst, &s->dst);
}

static struct seen *seen_at(struct tie *t, uint64_t seq)
{
	struct seen *s = &t->ring[seq % TIE_FRAMES];

	return seq != 0 && s->seq == seq ? s : NULL;
}

/* ---- received ---- */

/* Whole microseconds: the kernel's reports about access lists have no finer stamps, so that the
 * node sends the last nanosecond of theirs. */
static bool is_coarse(int64_t stamp_ns)
{
	return stamp_ns % USEC == USEC - 1;
}

/* Are these two stamps of one frame? */
static bool same_stamp(int64_t a_ns, int64_t b_ns)
{
	return a_ns == b_ns || ((is_coarse(a_ns) || is_coarse(b_ns)) && a_ns / USEC == b_ns / USEC);
}

static struct seen *find_received(struct tie *t, uint32_t device, const struct pkt_key *key)
{
	struct seen *best = NULL;
	unsigned n = 0;
	struct seen *s = seen_at(t, t->frames[shape_of_key(key) % FRAME_BUCKETS]);

	for (; s && n < WALK_MAX; s = seen_at(t, s->prev), n++) {
		if (s->proto == IPPROTO_NUM_TCP && s->arrive_ns < key->stamp_ns - SEGMENT_AGE_NS)
			break;
		if (s->lost || s->arrive_ns > key->stamp_ns + STAMP_SLACK_NS ||
		    !fits(t, s, device, key))
			continue;
		if (same_stamp(s->taken_stamp_ns, key->stamp_ns))
			return s; /* another decision about the same event */
		if (best && best->arrive_ns - s->arrive_ns > BACK_TO_BACK_NS)
			break;
		if (s->taken_stamp_ns == 0)
			best = s;
		if (best && best->arrive_ns == key->stamp_ns)
			break;
	}
	return best;
}

static struct conv *find_stream(struct tie *t, uint32_t device, const struct pkt_key *key,
				uint8_t *ret_dir)
{
	struct stream_entry *e = t->streams[shape_of_key(key) % STREAM_BUCKETS];

	for (; e; e = e->next) {
		struct conv *c = e->conv;

		for (uint8_t d = 0; d < 2; d++) {
			/* end[0] sent the first frame: which direction of the link was that? */
			uint32_t way = c->link * 2 + (c->first_dir ^ d);

			if (ep_fits(&key->src, &c->end[d]) && ep_fits(&key->dst, &c->end[!d]) &&
			    way_fits(t, way, device, key)) {
				*ret_dir = d;
				return c;
			}
		}
	}
	return NULL;
}

static int stream_received(struct tie *t, uint32_t device, const struct pkt_key *key,
			   uint64_t *ret_packet, const char **ret_why)
{
	uint8_t dir = 0;
	struct conv *c = find_stream(t, device, key, &dir);
	uint64_t packet;

	*ret_why = why_never_seen;
	if (!c || !c->stream[dir])
		return -ENOENT;
	packet = stream_packet(c->stream[dir], key->offset,
			       key->stamp_ns ? key->stamp_ns + STAMP_SLACK_NS : INT64_MAX, false);
	if (packet == 0) {
		if (stream_is_past(c->stream[dir], key->offset))
			*ret_why = why_too_old;
		return -ENOENT;
	}
	*ret_packet = packet;
	return 0;
}

int tie_received(struct tie *t, uint32_t device, const struct pkt_key *key, uint64_t *ret_packet,
		 const char **ret_why)
{
	struct seen *s;

	if (is_stream(key))
		return stream_received(t, device, key, ret_packet, ret_why);
	*ret_why = why_never_seen;
	s = find_received(t, device, key);
	if (!s)
		return -ENOENT;
	s->taken_stamp_ns = key->stamp_ns;
	if (s->packet == 0) {
		*ret_why = why_not_kept;
		return -ENOENT;
	}
	*ret_packet = s->packet;
	return 0;
}

/* ---- sent ---- */

static struct seen *find_sent(struct tie *t, const struct tie_sent *q)
{
	struct seen *best = NULL;
	unsigned n = 0;
	struct seen *s = seen_at(t, t->frames[shape_of_key(&q->key) % FRAME_BUCKETS]);

	for (; s && n < WALK_MAX; s = seen_at(t, s->prev), n++) {
		if (s->sent_ns < q->key.stamp_ns - STAMP_SLACK_NS)
			break;
		if (!s->taken_out && fits(t, s, q->device, &q->key))
			best = s;
	}
	return best;
}

static void answer(struct tie *t, const struct tie_sent *q, uint64_t packet)
{
	t->fn(t->arg, q, packet, packet ? NULL : why_not_kept);
}

static bool answer_now(struct tie *t, const struct tie_sent *q)
{
	struct seen *s;
	struct conv *c;
	uint8_t dir = 0;

	if (is_stream(&q->key)) {
		uint64_t packet;

		c = find_stream(t, q->device, &q->key, &dir);
		packet = c && c->stream[dir] && q->key.offset > 0
				 ? stream_packet(c->stream[dir], q->key.offset, INT64_MAX, true)
				 : 0;
		if (packet)
			answer(t, q, packet);
		return packet != 0;
	}
	s = find_sent(t, q);
	if (s) {
		s->taken_out = true;
		answer(t, q, s->packet);
	}
	return s != NULL;
}

void tie_sent(struct tie *t, const struct tie_sent *q)
{
	struct waiting *w;

	if (answer_now(t, q))
		return;
	w = t->n_waiting < TIE_SENT_MAX ? calloc(1, sizeof(*w)) : NULL;
	if (!w) {
		t->fn(t->arg, q, 0, why_many);
		return;
	}
	w->s = *q;
	w->bucket = (uint32_t)(shape_of_key(&q->key) % SENT_BUCKETS);
	w->next = t->sent[w->bucket];
	t->sent[w->bucket] = w;
	w->earlier = t->newest;
	*(t->newest ? &t->newest->later : &t->oldest) = w;
	t->newest = w;
	t->n_waiting++;
}

static void drop_waiting(struct tie *t, struct waiting *w)
{
	struct waiting **at = &t->sent[w->bucket];

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	*(w->earlier ? &w->earlier->later : &t->oldest) = w->later;
	*(w->later ? &w->later->earlier : &t->newest) = w->earlier;
	t->n_waiting--;
	free(w);
}

/* Does this segment, or SYN, hold what was asked for? */
static bool segment_fits(const struct tie *t, const struct tie_frame *f, const struct tie_sent *q)
{
	uint64_t offset = q->key.offset;

	if (f->lost || !way_fits(t, f->flow->way, q->device, &q->key) ||
	    !ep_fits(&q->key.src, &f->pkt->src) || !ep_fits(&q->key.dst, &f->pkt->dst))
		return false;
	return f->tcp && f->tcp->has_offset && offset >= f->tcp->offset &&
	       offset - f->tcp->offset < f->pkt->payload_len;
}

/* The questions that this frame answers: one for a datagram (the oldest), any number for a segment.
 * `s` is NULL for a segment. */
static void answer_waiting(struct tie *t, const struct tie_frame *f, struct seen *s, uint64_t shape)
{
	struct waiting *oldest = NULL;

	for (struct waiting *w = t->sent[shape % SENT_BUCKETS], *next; w; w = next) {
		next = w->next;
		if (s && fits(t, s, w->s.device, &w->s.key) &&
		    s->sent_ns >= w->s.key.stamp_ns - STAMP_SLACK_NS)
			oldest = w; /* the newest stand in front */
		if (!s && segment_fits(t, f, &w->s)) {
			answer(t, &w->s, f->packet);
			drop_waiting(t, w);
		}
	}
	if (oldest) {
		s->taken_out = true;
		answer(t, &oldest->s, s->packet);
		drop_waiting(t, oldest);
	}
}

/* Never later than 30 s (a segment waits for its window) or 3 s (a datagram for ARP). */
void tie_expire(struct tie *t, int64_t seen_ns)
{
	for (struct waiting *w = t->oldest, *later; w; w = later) {
		int64_t wait = is_stream(&w->s.key) ? TIE_STREAM_WAIT_NS : TIE_SENT_WAIT_NS;

		later = w->later;
		if (seen_ns - w->s.key.stamp_ns < TIE_SENT_WAIT_NS)
			break; /* the others were asked later still */
		if (seen_ns - w->s.key.stamp_ns < wait)
			continue;
		t->fn(t->arg, &w->s, 0, why_never_seen);
		drop_waiting(t, w);
	}
}

unsigned tie_waiting(const struct tie *t, int64_t asked_ns)
{
	unsigned n = 0;

	for (const struct waiting *w = t->oldest; w && w->s.key.stamp_ns < asked_ns; w = w->later)
		n++;
	return n;
}

/* ---- frames ---- */

static struct seen *remember(struct tie *t, const struct tie_frame *f, uint64_t shape)
{
	const struct pkt *pkt = f->pkt;
	struct seen *s = &t->ring[++t->last_seq % TIE_FRAMES];

	*s = (struct seen){ .seq = t->last_seq,
			    .prev = t->frames[shape % FRAME_BUCKETS],
			    .packet = f->packet,
			    .sent_ns = f->sent_ns,
			    .arrive_ns = f->arrive_ns,
			    .way = f->flow->way,
			    .ether_type = pkt->ether_type,
			    .len = len_of(pkt),
			    .checksum = pkt->checksum,
			    .proto = pkt->ip_proto,
			    .lost = f->lost,
			    .src = pkt->src,
			    .dst = pkt->dst };
	t->frames[shape % FRAME_BUCKETS] = t->last_seq;
	return s;
}

/* Both directions of a connection stand in the table, each under its own ports. */
static void add_stream(struct tie *t, struct conv *c)
{
	for (int d = 0; d < 2; d++) {
		uint64_t shape = shape_of(IPPROTO_NUM_TCP, 0, c->end[d].port, c->end[!d].port, 0);
		struct stream_entry *e = calloc(1, sizeof(*e));

		if (!e)
			return;
		e->conv = c;
		e->next = t->streams[shape % STREAM_BUCKETS];
		t->streams[shape % STREAM_BUCKETS] = e;
	}
}

static void see_segment(struct tie *t, const struct tie_frame *f, uint64_t shape)
{
	struct conv *c = f->flow->conv;
	bool known = c->stream[0] || c->stream[1];

	stream_segment(&c->stream[f->flow->dir], f);
	if (!known && (c->stream[0] || c->stream[1]))
		add_stream(t, c);
	if (t->n_waiting > 0 && f->tcp->has_offset)
		answer_waiting(t, f, NULL, shape);
}

void tie_frame(struct tie *t, const struct tie_frame *f)
{
	const struct pkt *pkt = f->pkt;
	uint64_t shape;
	struct seen *s;

	if (pkt->frag_off != 0 || (pkt->ip_version == 0 && pkt->ether_type != ETH_TYPE_ARP))
		return;
	shape = shape_of(pkt->ip_proto, pkt->ether_type, pkt->src.port, pkt->dst.port, len_of(pkt));
	if (pkt->ip_proto == IPPROTO_NUM_TCP) {
		if (f->tcp && f->flow->conv)
			see_segment(t, f, shape);
		remember(t, f, shape);
		return;
	}
	s = remember(t, f, shape);
	if (t->n_waiting > 0)
		answer_waiting(t, f, s, shape);
}

static void remove_stream(struct tie *t, struct conv *c, int d)
{
	uint64_t shape = shape_of(IPPROTO_NUM_TCP, 0, c->end[d].port, c->end[!d].port, 0);
	struct stream_entry **at = &t->streams[shape % STREAM_BUCKETS];

	while (*at && (*at)->conv != c)
		at = &(*at)->next;
	if (*at) {
		struct stream_entry *e = *at;

		*at = e->next;
		free(e);
	}
}

void tie_forget(void *tie, struct conv *c)
{
	bool known = c->stream[0] || c->stream[1];

	for (int d = 0; d < 2; d++) {
		if (known)
			remove_stream(tie, c, d);
		c->stream[d] = stream_free(c->stream[d]);
	}
}

struct tie *tie_new(const struct tie_way *ways, uint32_t n_ways, tie_sent_fn fn, void *arg)
{
	struct tie *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->ways = ways;
	t->n_ways = n_ways;
	t->fn = fn;
	t->arg = arg;
	t->ring = calloc(TIE_FRAMES, sizeof(*t->ring));
	return t->ring ? t : tie_free(t);
}

struct tie *tie_free(struct tie *t)
{
	if (!t)
		return NULL;
	while (t->oldest)
		drop_waiting(t, t->oldest);
	for (unsigned i = 0; i < STREAM_BUCKETS; i++)
		for (struct stream_entry *e = t->streams[i], *next; e; e = next) {
			next = e->next;
			free(e);
		}
	free(t->ring);
	free(t);
	return NULL;
}
