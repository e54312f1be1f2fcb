#include "labd/log/flow.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define BUCKETS_MIN 1024u
#define PORT_NONE   0

struct flows {
	struct flow **flow_buckets;
	struct conv **conv_buckets;
	uint32_t n_buckets; /* of both; a power of two */
	uint32_t n_flows;
	uint64_t next_id;
	struct flow *newest, *oldest;
	void (*forget)(void *arg, struct conv *conv);
	void *forget_arg;
};

/* The key octets of a flow, without holes, for hashing and comparing. */
struct key {
	uint8_t b[64];
	uint32_t len;
};

static void key_put(struct key *k, const void *data, uint32_t len)
{
	memcpy(k->b + k->len, data, len);
	k->len += len;
}

static void key_ep(struct key *k, const struct ep *ep)
{
	uint32_t len = ep->addr.family == 6 ? 16 : ep->addr.family == 4 ? 4 : 0;

	key_put(k, ep->addr.b, len);
	key_put(k, &ep->port, sizeof(ep->port));
}

static uint32_t key_hash(const struct key *k)
{
	return (uint32_t)hash_bytes(0x666c6f77, k->b, k->len);
}

static uint32_t flow_hash_of(uint32_t way, const struct pkt *pkt)
{
	struct key k = { .len = 0 };

	key_put(&k, &way, sizeof(way));
	key_put(&k, pkt->src_mac.b, 6);
	key_put(&k, pkt->dst_mac.b, 6);
	key_put(&k, &pkt->ether_type, sizeof(pkt->ether_type));
	key_put(&k, &pkt->ip_proto, 1);
	key_ep(&k, &pkt->src);
	key_ep(&k, &pkt->dst);
	return key_hash(&k);
}

static bool ep_equal(const struct ep *a, const struct ep *b)
{
	return a->port == b->port && addr_equal(&a->addr, &b->addr);
}

static bool flow_is(const struct flow *f, uint32_t way, const struct pkt *pkt)
{
	return f->way == way && f->ip_proto == pkt->ip_proto && f->ether_type == pkt->ether_type &&
	       f->vlan == pkt->vlan && ep_equal(&f->src, &pkt->src) &&
	       ep_equal(&f->dst, &pkt->dst) && mac_equal(&f->src_mac, &pkt->src_mac) &&
	       mac_equal(&f->dst_mac, &pkt->dst_mac);
}

/* The same for both directions: a sum of the hashes of both ends. Without IP the link addresses
 * are the ends. */
static uint32_t conv_hash_of(uint32_t link, const struct pkt *pkt)
{
	struct key a = { .len = 0 }, b = { .len = 0 };
	struct key k = { .len = 0 };
	uint32_t ends;

	key_ep(&a, &pkt->src);
	key_ep(&b, &pkt->dst);
	if (pkt->ip_version == 0) {
		key_put(&a, pkt->src_mac.b, 6);
		key_put(&b, pkt->dst_mac.b, 6);
	}
	ends = key_hash(&a) + key_hash(&b);
	key_put(&k, &link, sizeof(link));
	key_put(&k, &pkt->ether_type, sizeof(pkt->ether_type));
	key_put(&k, &pkt->ip_proto, 1);
	key_put(&k, &ends, sizeof(ends));
	return key_hash(&k);
}

/* 0 or 1: which end of the conversation sent this frame; -1: another conversation. */
static int conv_dir(const struct conv *c, uint32_t link, const struct pkt *pkt)
{
	if (c->link != link || c->ip_proto != pkt->ip_proto || c->ether_type != pkt->ether_type)
		return -1;
	for (int d = 0; d < 2; d++) {
		if (!ep_equal(&c->end[d], &pkt->src) || !ep_equal(&c->end[!d], &pkt->dst))
			continue;
		if (pkt->ip_version != 0 ||
		    (mac_equal(&c->mac[d], &pkt->src_mac) && mac_equal(&c->mac[!d], &pkt->dst_mac)))
			return d;
	}
	return -1;
}

/* Who serves: the one that a SYN was sent to; without one, the lower port. */
static uint8_t server_of(const struct pkt *pkt)
{
	if (!pkt->has_ports)
		return 2;
	if (pkt->ip_proto == IPPROTO_NUM_TCP && (pkt->tcp_flags & TCP_SYN))
		return pkt->tcp_flags & TCP_ACK ? 0 : 1;
	if (pkt->src.port == pkt->dst.port)
		return 1;
	return pkt->dst.port < pkt->src.port ? 1 : 0;
}

static struct conv *conv_new(struct flows *f, uint32_t way, const struct pkt *pkt, uint32_t hash)
{
	struct conv *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	if (pkt->ip_proto == IPPROTO_NUM_TCP && pkt->has_ports) {
		c->tcp = calloc(1, sizeof(*c->tcp));
		if (!c->tcp) {
			free(c);
			return NULL;
		}
	}
	c->hash = hash;
	c->link = way / 2;
	c->first_dir = way % 2;
	c->ether_type = pkt->ether_type;
	c->ip_proto = pkt->ip_proto;
	c->end[0] = pkt->src;
	c->end[1] = pkt->dst;
	c->mac[0] = pkt->src_mac;
	c->mac[1] = pkt->dst_mac;
	c->server = server_of(pkt);
	c->next = f->conv_buckets[hash & (f->n_buckets - 1)];
	f->conv_buckets[hash & (f->n_buckets - 1)] = c;
	return c;
}

static void conv_unlink(struct flows *f, struct conv *c)
{
	struct conv **at = &f->conv_buckets[c->hash & (f->n_buckets - 1)];

	while (*at && *at != c)
		at = &(*at)->next;
	if (*at)
		*at = c->next;
}

/* Its last flow is gone. */
static void conv_drop(struct flows *f, struct conv *c)
{
	if (!c->over)
		conv_unlink(f, c);
	if (f->forget)
		f->forget(f->forget_arg, c);
	free(c->tcp);
	free(c);
}

static void conv_leave(struct flows *f, struct flow *flow)
{
	struct conv *c = flow->conv;

	flow->conv = NULL;
	if (c && --c->n_flows == 0)
		conv_drop(f, c);
}

static struct conv *conv_find(struct flows *f, uint32_t way, const struct pkt *pkt,
			      uint8_t *ret_dir)
{
	uint32_t hash = conv_hash_of(way / 2, pkt);
	struct conv *c;

	for (c = f->conv_buckets[hash & (f->n_buckets - 1)]; c; c = c->next) {
		int dir = c->hash == hash ? conv_dir(c, way / 2, pkt) : -1;

		if (dir >= 0) {
			*ret_dir = (uint8_t)dir;
			return c;
		}
	}
	*ret_dir = 0;
	return conv_new(f, way, pkt, hash);
}

/* ---- flows ---- */

static void lru_take(struct flows *f, struct flow *flow)
{
	*(flow->newer ? &flow->newer->older : &f->newest) = flow->older;
	*(flow->older ? &flow->older->newer : &f->oldest) = flow->newer;
}

static void lru_put(struct flows *f, struct flow *flow)
{
	flow->newer = NULL;
	flow->older = f->newest;
	*(f->newest ? &f->newest->newer : &f->oldest) = flow;
	f->newest = flow;
}

static void forget_oldest(struct flows *f)
{
	struct flow *old = f->oldest;
	struct flow **at = &f->flow_buckets[old->hash & (f->n_buckets - 1)];

	while (*at != old)
		at = &(*at)->next;
	*at = old->next;
	lru_take(f, old);
	conv_leave(f, old);
	free(old);
	f->n_flows--;
}

/* Twice the buckets; without memory the chains just grow longer. */
static void grow(struct flows *f)
{
	uint32_t n = f->n_buckets * 2;
	struct flow **flows = calloc(n, sizeof(struct flow *));
	struct conv **convs = calloc(n, sizeof(struct conv *));

	if (!flows || !convs) {
		free(flows);
		free(convs);
		return;
	}
	for (uint32_t i = 0; i < f->n_buckets; i++) {
		for (struct flow *x = f->flow_buckets[i], *next; x; x = next) {
			next = x->next;
			x->next = flows[x->hash & (n - 1)];
			flows[x->hash & (n - 1)] = x;
		}
		for (struct conv *x = f->conv_buckets[i], *next; x; x = next) {
			next = x->next;
			x->next = convs[x->hash & (n - 1)];
			convs[x->hash & (n - 1)] = x;
		}
	}
	free(f->flow_buckets);
	free(f->conv_buckets);
	f->flow_buckets = flows;
	f->conv_buckets = convs;
	f->n_buckets = n;
}

/* Gives the flow its conversation and with it a new row. */
static bool join(struct flows *f, struct flow *flow, const struct pkt *pkt)
{
	struct conv *c = conv_find(f, flow->way, pkt, &flow->dir);

	if (!c)
		return false;
	flow->id = f->next_id++;
	if (c->id == 0)
		c->id = flow->id;
	c->n_flows++;
	flow->conv = c;
	flow->stored = false;
	memset(flow->runs, 0, sizeof(flow->runs));
	return true;
}

static struct flow *flow_new(struct flows *f, uint32_t way, const struct pkt *pkt, uint32_t hash)
{
	struct flow *flow;

	if (f->n_flows >= FLOWS_MAX)
		forget_oldest(f);
	if (f->n_flows >= f->n_buckets)
		grow(f);
	flow = calloc(1, sizeof(*flow));
	if (!flow)
		return NULL;
	flow->hash = hash;
	flow->way = way;
	flow->src_mac = pkt->src_mac;
	flow->dst_mac = pkt->dst_mac;
	flow->vlan = pkt->vlan;
	flow->ether_type = pkt->ether_type;
	flow->ip_proto = pkt->ip_proto;
	flow->src = pkt->src;
	flow->dst = pkt->dst;
	if (!join(f, flow, pkt)) {
		free(flow);
		return NULL;
	}
	flow->next = f->flow_buckets[hash & (f->n_buckets - 1)];
	f->flow_buckets[hash & (f->n_buckets - 1)] = flow;
	lru_put(f, flow);
	f->n_flows++;
	return flow;
}

/* A SYN with a new initial number: the old connection stays with its flows' old rows. */
static bool begins_anew(struct flows *f, struct flow *flow, const struct pkt *pkt)
{
	struct conv *c = flow->conv;

	if (!c || c->over)
		return true;
	if (!c->tcp || !tcp_is_new_connection(c->tcp, flow->dir, pkt))
		return false;
	conv_unlink(f, c);
	c->over = true;
	return true;
}

/* In a flood nearly every frame is of the flow that the frame before it was of. */
static struct flow *look_up(struct flows *f, uint32_t way, const struct pkt *pkt,
			    uint32_t *ret_hash)
{
	struct flow *flow = f->newest;

	if (flow && flow_is(flow, way, pkt))
		return flow;
	*ret_hash = flow_hash_of(way, pkt);
	flow = f->flow_buckets[*ret_hash & (f->n_buckets - 1)];
	while (flow && (flow->hash != *ret_hash || !flow_is(flow, way, pkt)))
		flow = flow->next;
	return flow;
}

struct flow *flow_find(struct flows *f, uint32_t way, const struct pkt *pkt, bool *ret_new)
{
	uint32_t hash = 0;
	struct flow *flow = look_up(f, way, pkt, &hash);

	*ret_new = false;
	if (!flow) {
		*ret_new = true;
		return flow_new(f, way, pkt, hash);
	}
	if (flow != f->newest) {
		lru_take(f, flow);
		lru_put(f, flow);
	}
	if (!begins_anew(f, flow, pkt))
		return flow;
	conv_leave(f, flow);
	*ret_new = true;
	return join(f, flow, pkt) ? flow : NULL;
}

struct flows *flows_new(uint64_t next_id)
{
	struct flows *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->n_buckets = BUCKETS_MIN;
	f->next_id = next_id;
	f->flow_buckets = calloc(f->n_buckets, sizeof(struct flow *));
	f->conv_buckets = calloc(f->n_buckets, sizeof(struct conv *));
	if (!f->flow_buckets || !f->conv_buckets)
		return flows_free(f);
	return f;
}

struct flows *flows_free(struct flows *f)
{
	if (!f)
		return NULL;
	while (f->oldest)
		forget_oldest(f);
	free(f->flow_buckets);
	free(f->conv_buckets);
	free(f);
	return NULL;
}

void flows_unstore(struct flows *f)
{
	for (struct flow *flow = f->newest; flow; flow = flow->older)
		flow->stored = false;
}

uint64_t flows_next_id(const struct flows *f)
{
	return f->next_id;
}

size_t flows_count(const struct flows *f)
{
	return f->n_flows;
}

void flows_on_forget(struct flows *f, void (*fn)(void *arg, struct conv *conv), void *arg)
{
	f->forget = fn;
	f->forget_arg = arg;
}
