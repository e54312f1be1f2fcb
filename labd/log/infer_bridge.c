/* Switches and hubs: what went in, what came out, what they learned from it. */
#include "labd/log/infer_in.h"

#include <string.h>

#include "base/hash.h"

#define FDB_AGE_NS (300 * SEC) /* the kernel's default */

enum { PRINT_BYTES = 192 /* of a frame: enough to tell two apart */ };

static uint64_t print_of(const struct pkt *pkt)
{
	uint32_t n = pkt->cap_len < PRINT_BYTES ? pkt->cap_len : PRINT_BYTES;

	return infer_hash(pkt->len, pkt->data, n);
}

/* IEEE 802.1D §7.12.6: 01:80:c2:00:00:00 to 0f end at the first bridge. */
static bool is_link_local(const struct mac *m)
{
	static const uint8_t prefix[5] = { 0x01, 0x80, 0xc2, 0x00, 0x00 };

	return memcmp(m->b, prefix, sizeof(prefix)) == 0 && m->b[5] <= 0x0f;
}

static bool is_group(const struct mac *m)
{
	return m->b[0] & 1;
}

/* The address's place, or the free one that it would take; NULL: the table is full. */
static struct fdb_entry *fdb_find(struct infer_dev *d, const struct mac *mac)
{
	uint64_t h = infer_hash(0, mac->b, sizeof(mac->b));

	for (unsigned i = 0; i < 16; i++) {
		struct fdb_entry *e = &d->fdb[(h + i) % FDB_SIZE];

		if (e->way == 0 || mac_equal(&e->mac, mac))
			return e;
	}
	return NULL;
}

static void learn(struct infer *x, const struct infer_frame *f)
{
	const struct mac *mac = &f->f.pkt->src_mac;
	uint32_t way = f->f.flow->way, device = x->env.ways[way].receiver;
	struct fdb_entry *e = fdb_find(&x->devs[device], mac);
	struct conclusion c = { .rule = INFER_BRIDGE_LEARN,
				.device = device,
				.packet = f->f.packet,
				.time_ns = f->time_ns,
				.at_ns = f->f.arrive_ns };
	bool known;

	if (!e || is_group(mac))
		return;
	known = e->way != 0 && f->f.arrive_ns - e->seen_ns < FDB_AGE_NS;
	if (known && e->way != way) {
		c.rule = INFER_BRIDGE_MOVE;
		conclude(x, &c, V_MAC("mac", *mac), V_TEXT("port", infer_port_in(x, way)),
			 V_TEXT("old", infer_port_in(x, e->way)));
	} else if (!known) {
		conclude(x, &c, V_MAC("mac", *mac), V_TEXT("port", infer_port_in(x, way)));
	}
	*e = (struct fdb_entry){ .mac = *mac, .way = way, .seen_ns = f->f.arrive_ns };
}

/* Is the address the switch's own? */
static bool is_own(const struct infer *x, uint32_t ifid, const struct mac *to)
{
	const struct mac *own = infer_iface_mac(x, ifid);

	return own && mac_equal(own, to);
}

void bridge_in(struct infer *x, const struct infer_frame *f)
{
	const struct pkt *pkt = f->f.pkt;
	uint32_t way = f->f.flow->way, device = x->env.ways[way].receiver;
	struct infer_dev *d = &x->devs[device];
	struct conclusion c = { .rule = INFER_BRIDGE_CONSUME,
				.device = device,
				.packet = f->f.packet,
				.time_ns = f->time_ns,
				.at_ns = f->f.arrive_ns };
	struct fdb_entry *e;
	struct pending *p;

	learn(x, f);
	if (is_link_local(&pkt->dst_mac) ||
	    is_own(x, x->env.ways[way].receiver_if, &pkt->dst_mac)) {
		conclude(x, &c, V_MAC("to", pkt->dst_mac));
		return;
	}
	p = infer_wait(x, f, print_of(pkt));
	p->bridge = true;
	e = is_group(&pkt->dst_mac) ? NULL : fdb_find(d, &pkt->dst_mac);
	p->known_port = e && e->way != 0 && f->f.arrive_ns - e->seen_ns < FDB_AGE_NS;
	p->same_port = p->known_port && e->way == way;
}

void bridge_out(struct infer *x, const struct infer_frame *f)
{
	uint32_t way = f->f.flow->way;
	struct pending *p =
		infer_find(x, x->env.ways[way].sender, print_of(f->f.pkt), f->f.sent_ns);

	if (!p || p->way / 2 == way / 2)
		return;
	p->n_out++;
	p->out_way = way;
	p->out_packet = f->f.packet;
}

void bridge_settle(struct infer *x, const struct pending *p)
{
	struct conclusion c = {
		.device = p->device, .packet = p->packet, .time_ns = p->time_ns, .at_ns = p->at_ns
	};
	const char *from = infer_port_in(x, p->way);

	if (p->n_out == 0) {
		c.rule = p->same_port ? INFER_BRIDGE_SAME_PORT : INFER_BRIDGE_NOT_FORWARDED;
		conclude(x, &c, V_MAC("to", p->dst_mac), V_TEXT("from", from));
	} else if (p->n_out == 1 && p->known_port) {
		c.rule = INFER_BRIDGE_FORWARD;
		c.sent = p->out_packet;
		conclude(x, &c, V_MAC("to", p->dst_mac), V_TEXT("from", from),
			 V_TEXT("port", infer_port_out(x, p->out_way)));
	} else {
		c.rule = INFER_BRIDGE_FLOOD;
		c.sent = p->n_out == 1 ? p->out_packet : 0;
		conclude(x, &c, V_MAC("to", p->dst_mac), V_TEXT("from", from),
			 V_TEXT("what", mac_is_broadcast(&p->dst_mac) ? "broadcast"
					: is_group(&p->dst_mac)	      ? "multicast"
								      : "unknown"),
			 V_INT("ports", p->n_out));
	}
}
