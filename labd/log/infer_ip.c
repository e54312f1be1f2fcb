/* Hosts and routers: ARP, forwarding, ICMP errors, checksums, refused connections. */
#include <string.h>

#include "base/hash.h"
#include "labd/log/infer_in.h"

#define ARP_GIVE_UP_NS (1200 * MSEC) /* after the last request: the kernel asks once a second */
#define ARP_FORGET_NS  (5 * SEC)

enum {
	ARP_TRIES = 3,
	ICMP_ECHO_REPLY = 0,
	ICMP_UNREACHABLE = 3,
	ICMP_ECHO = 8,
	ICMP_EXCEEDED = 11,
	ICMP6_UNREACHABLE = 1,
	ICMP6_TOO_BIG = 2,
	ICMP6_EXCEEDED = 3,
	ICMP6_ECHO = 128,
	ICMP6_ECHO_REPLY = 129,
	ICMP6_SOLICIT = 135,
	ICMP6_ADVERTISE = 136,
};

/* ---- keys of packets that something may be said about later ---- */

enum key_kind { KEY_QUOTE = 1, KEY_ECHO, KEY_ARP, KEY_SYN, KEY_SOLICIT };

static uint64_t key_start(enum key_kind kind, uint32_t device)
{
	return hash_mix(kind, device);
}

static uint64_t key_addr(uint64_t key, const struct addr *a)
{
	return infer_hash(key, a->b, a->family == 6 ? 16 : 4);
}

/* What an ICMP error quotes of a packet, and the packet itself has too. */
static uint64_t quote_key(uint32_t device, const struct pkt *pkt)
{
	uint64_t key = key_start(KEY_QUOTE, device);

	key = key_addr(key_addr(key, &pkt->src.addr), &pkt->dst.addr);
	key = hash_mix(key, (uint64_t)pkt->ip_proto << 32 | pkt->ip_id);
	key = hash_mix(key, (uint64_t)pkt->src.port << 16 | pkt->dst.port);
	return hash_mix(key, pkt->ip_proto == IPPROTO_NUM_TCP ? pkt->seq : pkt->checksum);
}

/* Identifier and sequence number of an echo, from who asks to who answers. */
static uint64_t echo_key(uint32_t device, const struct pkt *pkt, bool reply)
{
	const struct addr *from = reply ? &pkt->dst.addr : &pkt->src.addr;
	const struct addr *to = reply ? &pkt->src.addr : &pkt->dst.addr;
	uint64_t key = key_addr(key_addr(key_start(KEY_ECHO, device), from), to);

	if (pkt->l4_off + 8 > pkt->cap_len)
		return key;
	return infer_hash(key, pkt->data + pkt->l4_off + 4, 4);
}

static uint64_t arp_key(uint32_t device, const struct addr *asks, const struct addr *target)
{
	return key_addr(key_addr(key_start(KEY_ARP, device), asks), target);
}

static uint64_t syn_key(uint32_t device, const struct ep *from, const struct ep *to, uint32_t seq)
{
	uint64_t key = key_addr(key_addr(key_start(KEY_SYN, device), &from->addr), &to->addr);

	return hash_mix(hash_mix(key, (uint64_t)from->port << 16 | to->port), seq);
}

/* The target of a neighbour solicitation or advertisement. */
static uint64_t solicit_key(uint32_t device, const struct pkt *pkt)
{
	if (pkt->l4_off + 24 > pkt->cap_len)
		return 0;
	return infer_hash(key_start(KEY_SOLICIT, device), pkt->data + pkt->l4_off + 8, 16);
}

/* What of a routed packet stays the same: all but TTL and header checksum. */
static uint64_t route_print(const struct pkt *pkt)
{
	uint64_t h = key_addr(key_addr(pkt->l4_len, &pkt->src.addr), &pkt->dst.addr);
	uint32_t n = pkt->l4_off < pkt->cap_len ? pkt->cap_len - pkt->l4_off : 0;

	n = n < pkt->l4_len ? n : pkt->l4_len;
	h = hash_mix(h, (uint64_t)pkt->frag_off << 32 | pkt->ip_id);
	return infer_hash(h, pkt->data + pkt->l4_off, n < 64 ? n : 64);
}

/* ---- what is known of a device ---- */

static bool is_own(const struct infer_dev *d, const struct addr *a)
{
	for (unsigned i = 0; i < d->n_own; i++)
		if (addr_equal(&d->own[i], a))
			return true;
	return false;
}

/* A device names its own address when it asks or answers by ARP, and its node tells it. */
static void learn_own(struct infer_dev *d, const struct addr *a)
{
	if (addr_is_any(a) || is_own(d, a))
		return;
	d->own[d->next_own] = *a;
	d->next_own = (d->next_own + 1) % OWN_ADDRS_MAX;
	if (d->n_own < OWN_ADDRS_MAX)
		d->n_own++;
}

void infer_own_address(struct infer *x, uint32_t device, const struct addr *addr)
{
	learn_own(&x->devs[device], addr);
}

static struct conclusion about(const struct infer_frame *f, enum infer_rule rule, uint32_t device)
{
	return (struct conclusion){ .rule = rule,
				    .device = device,
				    .packet = f->f.packet,
				    .time_ns = f->time_ns,
				    .at_ns = f->f.arrive_ns };
}

/* `f` is what went out because of the packet `cause`. */
static struct conclusion answer_to(const struct infer_frame *f, enum infer_rule rule,
				   const struct recent *cause)
{
	struct conclusion c = about(f, rule, 0);

	c.packet = cause->packet;
	c.sent = f->f.packet;
	c.at_ns = f->f.sent_ns;
	return c;
}

/* ---- ARP ---- */

static struct arp_wait *arp_waiting(struct infer *x, uint32_t way, const struct addr *target)
{
	struct arp_wait *free_place = NULL;

	for (unsigned i = 0; i < ARP_MAX; i++) {
		struct arp_wait *a = &x->arp[i];

		if (a->way == way && addr_equal(&a->target, target))
			return a;
		if (a->way == 0 && !free_place)
			free_place = a;
	}
	return free_place;
}

static void arp_out(struct infer *x, const struct infer_frame *f, uint32_t device)
{
	const struct pkt *pkt = f->f.pkt;
	const struct recent *asked;
	struct arp_wait *a;

	learn_own(&x->devs[device], &pkt->src.addr);
	if (pkt->arp_op == ARP_REPLY) {
		asked = infer_recall(x, arp_key(device, &pkt->dst.addr, &pkt->src.addr));
		if (asked) {
			struct conclusion c = answer_to(f, INFER_ARP_REPLY, asked);

			c.device = device;
			conclude(x, &c, V_ADDR("target", pkt->src.addr),
				 V_MAC("mac", pkt->arp_sender));
		}
		return;
	}
	if (pkt->arp_op != ARP_REQUEST || addr_equal(&pkt->src.addr, &pkt->dst.addr) ||
	    addr_is_any(&pkt->src.addr))
		return;
	a = arp_waiting(x, f->f.flow->way, &pkt->dst.addr);
	if (!a)
		return;
	a->n = a->way ? a->n + 1 : 1;
	a->way = f->f.flow->way;
	a->target = pkt->dst.addr;
	a->packet = f->f.packet;
	a->time_ns = f->time_ns;
	a->at_ns = f->f.sent_ns;
}

static void arp_in(struct infer *x, const struct infer_frame *f, uint32_t device)
{
	const struct pkt *pkt = f->f.pkt;

	if (pkt->arp_op == ARP_REQUEST) {
		infer_remember(x, arp_key(device, &pkt->src.addr, &pkt->dst.addr), f);
	} else if (pkt->arp_op == ARP_REPLY) {
		struct arp_wait *a = arp_waiting(x, f->f.flow->way ^ 1, &pkt->src.addr);

		if (a)
			a->way = 0;
	}
}

void arp_settle(struct infer *x, int64_t seen_ns)
{
	for (unsigned i = 0; i < ARP_MAX; i++) {
		struct arp_wait *a = &x->arp[i];
		struct conclusion c = { .rule = INFER_ARP_UNANSWERED,
					.packet = a->packet,
					.time_ns = a->time_ns,
					.at_ns = a->at_ns };

		if (a->way == 0 || seen_ns - a->at_ns < ARP_GIVE_UP_NS)
			continue;
		if (a->n < ARP_TRIES && seen_ns - a->at_ns < ARP_FORGET_NS)
			continue;
		c.device = x->env.ways[a->way].sender;
		if (a->n >= ARP_TRIES)
			conclude(x, &c, V_INT("n", a->n), V_ADDR("target", a->target));
		a->way = 0;
	}
}

/* ---- ICMP errors: the device says itself why it dropped a packet ---- */

static bool rule_of_error(const struct pkt *icmp, enum infer_rule *ret)
{
	static const enum infer_rule v4[] = {
		INFER_IP_NO_ROUTE,     INFER_IP_HOST_UNREACHABLE, INFER_IP_NO_PROTOCOL,
		INFER_UDP_NO_LISTENER, INFER_IP_TOO_BIG,
	};
	static const enum infer_rule v6[] = {
		INFER_IP_NO_ROUTE,	   INFER_IP_PROHIBITED,	  INFER_IP_NO_ROUTE,
		INFER_IP_HOST_UNREACHABLE, INFER_UDP_NO_LISTENER,
	};

	if (icmp->ip_version == 6) {
		if (icmp->icmp_type == ICMP6_UNREACHABLE && icmp->icmp_code < ARRAY_SIZE(v6))
			*ret = v6[icmp->icmp_code];
		else if (icmp->icmp_type == ICMP6_TOO_BIG)
			*ret = INFER_IP_TOO_BIG;
		else if (icmp->icmp_type == ICMP6_EXCEEDED && icmp->icmp_code == 0)
			*ret = INFER_IP_TTL;
		else
			return false;
		return true;
	}
	if (icmp->icmp_type == ICMP_EXCEEDED && icmp->icmp_code == 0)
		*ret = INFER_IP_TTL;
	else if (icmp->icmp_type == ICMP_UNREACHABLE && icmp->icmp_code < ARRAY_SIZE(v4))
		*ret = v4[icmp->icmp_code];
	else if (icmp->icmp_type == ICMP_UNREACHABLE &&
		 (icmp->icmp_code == 9 || icmp->icmp_code == 10 || icmp->icmp_code == 13))
		*ret = INFER_IP_PROHIBITED;
	else
		return false;
	return true;
}

static void icmp_error_out(struct infer *x, const struct infer_frame *f, uint32_t device)
{
	const struct recent *cause;
	enum infer_rule rule;
	struct conclusion c;
	struct pkt quoted;

	if (!rule_of_error(f->f.pkt, &rule) || pkt_quoted(f->f.pkt, &quoted) < 0)
		return;
	/* A router passes on what others say; only its own word explains its own drop. */
	if (x->devs[device].n_own > 0 && !is_own(&x->devs[device], &f->f.pkt->src.addr))
		return;
	cause = infer_recall(x, quote_key(device, &quoted));
	if (!cause)
		return;
	infer_decided(x, device, cause->packet);
	c = answer_to(f, rule, cause);
	c.device = device;
	conclude(x, &c, V_ADDR("to", f->f.pkt->dst.addr), V_ADDR("dst", quoted.dst.addr),
		 V_INT("port", quoted.dst.port), V_INT("protocol", quoted.ip_proto),
		 V_INT("ttl", cause->ttl));
}

static void icmp_out(struct infer *x, const struct infer_frame *f, uint32_t device)
{
	const struct pkt *pkt = f->f.pkt;
	bool v6 = pkt->ip_version == 6;
	const struct recent *cause = NULL;
	enum infer_rule rule = INFER_ICMP_ECHO_REPLY;

	if (pkt->icmp_type == (v6 ? ICMP6_ECHO_REPLY : ICMP_ECHO_REPLY)) {
		cause = infer_recall(x, echo_key(device, pkt, true));
	} else if (v6 && pkt->icmp_type == ICMP6_ADVERTISE) {
		rule = INFER_ND_REPLY;
		cause = infer_recall(x, solicit_key(device, pkt));
	} else {
		icmp_error_out(x, f, device);
		return;
	}
	if (cause) {
		struct conclusion c = answer_to(f, rule, cause);

		c.device = device;
		conclude(x, &c, V_ADDR("target", pkt->src.addr));
	}
}

/* RFC 9293 §3.10.7.1: <SEQ=0><ACK=SEG.SEQ+1><CTL=RST,ACK> answers a SYN that nobody waits for. */
static void tcp_out(struct infer *x, const struct infer_frame *f, uint32_t device)
{
	const struct pkt *pkt = f->f.pkt;
	const struct recent *syn;
	struct conclusion c;

	if ((pkt->tcp_flags & (TCP_RST | TCP_ACK)) != (TCP_RST | TCP_ACK) || pkt->seq != 0)
		return;
	syn = infer_recall(x, syn_key(device, &pkt->dst, &pkt->src, pkt->ack - 1));
	if (!syn)
		return;
	c = answer_to(f, INFER_TCP_NO_LISTENER, syn);
	c.device = device;
	conclude(x, &c, V_INT("port", pkt->src.port));
}

static void routed_out(struct infer *x, const struct infer_frame *f, uint32_t device)
{
	struct pending *p = infer_find(x, device, route_print(f->f.pkt), f->f.sent_ns);

	if (!p || p->bridge || f->f.pkt->ttl >= p->ttl)
		return;
	p->n_out++;
	p->out_way = f->f.flow->way;
	p->out_packet = f->f.packet;
}

void host_out(struct infer *x, const struct infer_frame *f)
{
	const struct pkt *pkt = f->f.pkt;
	uint32_t device = x->env.ways[f->f.flow->way].sender;

	if (pkt->ether_type == ETH_TYPE_ARP) {
		arp_out(x, f, device);
		return;
	}
	if (pkt->ip_version == 0)
		return;
	if (x->devs[device].routes)
		routed_out(x, f, device);
	if (pkt->frag_off != 0)
		return;
	if (pkt->ip_proto == IPPROTO_NUM_ICMP || pkt->ip_proto == IPPROTO_NUM_ICMP6)
		icmp_out(x, f, device);
	else if (pkt->ip_proto == IPPROTO_NUM_TCP)
		tcp_out(x, f, device);
}

/* ---- what comes in ---- */

/* True: the frame's story ends here. */
static bool for_other_host(struct infer *x, const struct infer_frame *f, uint32_t device)
{
	const struct pkt *pkt = f->f.pkt;
	uint32_t ifid = x->env.ways[f->f.flow->way].receiver_if;
	const struct mac *own = infer_iface_mac(x, ifid);
	struct conclusion c = about(f, INFER_ETH_OTHER_HOST, device);

	if ((pkt->dst_mac.b[0] & 1) || !own || mac_equal(own, &pkt->dst_mac))
		return false;
	conclude(x, &c, V_TEXT("device", x->devs[device].name), V_MAC("to", pkt->dst_mac),
		 V_TEXT("interface", infer_port_in(x, f->f.flow->way)), V_MAC("mac", *own));
	return true;
}

/* A router that only forwards the packet does not look above IP. */
static bool has_bad_sum(struct infer *x, const struct infer_frame *f, uint32_t device)
{
	const struct pkt *pkt = f->f.pkt;
	const struct infer_dev *d = &x->devs[device];
	struct conclusion c = about(f, INFER_IP_BAD_SUM, device);

	if (pkt->ip_sum != SUM_BAD) {
		if (pkt->l4_sum != SUM_BAD || (d->routes && !is_own(d, &pkt->dst.addr)))
			return false;
		c.rule = pkt->ip_proto == IPPROTO_NUM_UDP   ? INFER_UDP_BAD_SUM
			 : pkt->ip_proto == IPPROTO_NUM_TCP ? INFER_TCP_BAD_SUM
							    : INFER_ICMP_BAD_SUM;
	}
	conclude(x, &c);
	return true;
}

static bool is_malformed(struct infer *x, const struct infer_frame *f, uint32_t device)
{
	const struct pkt *pkt = f->f.pkt;
	const struct infer_dev *d = &x->devs[device];
	struct conclusion c = about(f, INFER_IP_MALFORMED, device);

	if (!pkt->malformed || (pkt->ether_type != ETH_TYPE_IP4 && pkt->ether_type != ETH_TYPE_IP6))
		return false;
	if (pkt->ip_version != 0 && d->routes && !is_own(d, &pkt->dst.addr))
		return false;
	conclude(x, &c, V_TEXT("why", pkt->malformed));
	return true;
}

static void remember_ip(struct infer *x, const struct infer_frame *f, uint32_t device)
{
	const struct pkt *pkt = f->f.pkt;
	bool v6 = pkt->ip_version == 6;

	infer_remember(x, quote_key(device, pkt), f);
	if (pkt->frag_off != 0)
		return;
	if (pkt->ip_proto == IPPROTO_NUM_TCP && (pkt->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		infer_remember(x, syn_key(device, &pkt->src, &pkt->dst, pkt->seq), f);
	else if (pkt->ip_proto == IPPROTO_NUM_ICMP && pkt->icmp_type == ICMP_ECHO)
		infer_remember(x, echo_key(device, pkt, false), f);
	else if (v6 && pkt->ip_proto == IPPROTO_NUM_ICMP6 && pkt->icmp_type == ICMP6_ECHO)
		infer_remember(x, echo_key(device, pkt, false), f);
	else if (v6 && pkt->ip_proto == IPPROTO_NUM_ICMP6 && pkt->icmp_type == ICMP6_SOLICIT)
		infer_remember(x, solicit_key(device, pkt), f);
}

void host_in(struct infer *x, const struct infer_frame *f)
{
	const struct pkt *pkt = f->f.pkt;
	uint32_t device = x->env.ways[f->f.flow->way].receiver;
	struct infer_dev *d = &x->devs[device];

	if (for_other_host(x, f, device))
		return;
	if (pkt->ether_type == ETH_TYPE_ARP)
		arp_in(x, f, device);
	if (has_bad_sum(x, f, device) || is_malformed(x, f, device) || pkt->ip_version == 0)
		return;
	remember_ip(x, f, device);
	if (d->routes && !(pkt->dst_mac.b[0] & 1) && !addr_is_multicast(&pkt->dst.addr) &&
	    !is_own(d, &pkt->dst.addr))
		infer_wait(x, f, route_print(pkt));
}

void route_settle(struct infer *x, const struct pending *p)
{
	struct conclusion c = { .rule = INFER_IP_FORWARD,
				.device = p->device,
				.packet = p->packet,
				.sent = p->out_packet,
				.time_ns = p->time_ns,
				.at_ns = p->at_ns };

	if (p->n_out > 0) {
		conclude(x, &c, V_TEXT("from", infer_port_in(x, p->way)),
			 V_TEXT("port", infer_port_out(x, p->out_way)), V_INT("ttl", p->ttl - 1));
		return;
	}
	/* Its own address, perhaps, that it never named; a node's word settles it. */
	if (p->decided || is_own(&x->devs[p->device], &p->dst))
		return;
	c.rule = INFER_IP_NOT_FORWARDED;
	conclude(x, &c);
}
