#include "labd/log/infer.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "labd/log/infer_in.h"
#include "labd/log/journal_in.h"

#define RATE_WINDOW_NS (100 * MSEC)
#define SENTENCE_MAX   1024
#define JSON_MAX       2048

#define RULE RULE_ROW
const struct rule infer_rules[N_INFER_RULES] = {
#include "labd/log/infer_rules.def"
};
#undef RULE

/* ---- names ---- */

static const char *iface_name(const struct infer *x, uint32_t ifid)
{
	return ifid < x->n_ifaces && x->ifaces[ifid] ? x->ifaces[ifid]->name : "?";
}

const char *infer_port_in(const struct infer *x, uint32_t way)
{
	return iface_name(x, x->env.ways[way].receiver_if);
}

const char *infer_port_out(const struct infer *x, uint32_t way)
{
	return iface_name(x, x->env.ways[way].sender_if);
}

const struct mac *infer_iface_mac(const struct infer *x, uint32_t ifid)
{
	return ifid < x->n_ifaces && x->ifaces[ifid] ? &x->ifaces[ifid]->mac : NULL;
}

uint64_t infer_hash(uint64_t seed, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t h = hash_mix(seed, len), word;

	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = hash_mix(h, word);
	}
	word = 0;
	memcpy(&word, p, len);
	return hash_mix(h, word);
}

/* ---- rows ---- */

static void write_row(struct infer *x, const struct conclusion *c, const struct val *values,
		      uint32_t count, const char *why)
{
	struct db_decision d = { .time_ns = c->time_ns,
				 .wall_ns = c->at_ns,
				 .device = c->device ? (int64_t)c->device : -1,
				 .rule = x->env.first_rule + c->rule,
				 .count = count,
				 .packet = c->packet,
				 .no_packet = why,
				 .number = -1 };
	struct db_sent sent = { .packet = c->sent, .time_ns = c->time_ns };

	sbuf_reset(&x->sentence);
	sbuf_reset(&x->json);
	rule_sentence(infer_rules[c->rule].sentence, values, &x->sentence);
	journal_json(values, &x->json);
	d.sentence = sbuf_text(&x->sentence);
	d.values = sbuf_text(&x->json);
	sent.decision = store_decision(x->env.store, &d);
	if (c->sent && sent.decision)
		store_sent(x->env.store, &sent);
}

static struct infer_rate *rate_of(struct infer *x, uint32_t device, enum infer_rule rule)
{
	return &x->rates[(size_t)device * N_INFER_RULES + rule];
}

static void end_window(struct infer *x, uint32_t device, enum infer_rule rule, int64_t at_ns,
		       nsec_t time_ns)
{
	struct infer_rate *r = rate_of(x, device, rule);
	struct conclusion c = {
		.rule = rule, .device = device, .time_ns = time_ns, .at_ns = at_ns
	};
	static const struct val none[] = { { .type = VT_END } };

	if (r->held > 0)
		write_row(x, &c, none, r->held, "stands for many, each with its own packet");
	*r = (struct infer_rate){ .window_ns = at_ns };
}

void infer_conclude(struct infer *x, const struct conclusion *c, const struct val *values)
{
	struct infer_rate *r = rate_of(x, c->device, c->rule);

	if (c->at_ns - r->window_ns >= RATE_WINDOW_NS)
		end_window(x, c->device, c->rule, c->at_ns, c->time_ns);
	if (r->in_window++ >= INFER_PER_WINDOW) {
		r->held++;
		return;
	}
	write_row(x, c, values, 1, c->packet ? NULL : "the frame was counted, not stored");
}

static void end_windows(struct infer *x, int64_t seen_ns, nsec_t time_ns)
{
	if (seen_ns - x->rates_looked_ns < RATE_WINDOW_NS)
		return;
	x->rates_looked_ns = seen_ns;
	for (uint32_t d = 0; d < x->n_devs; d++)
		for (int rule = 0; rule < N_INFER_RULES; rule++) {
			struct infer_rate *r = rate_of(x, d, (enum infer_rule)rule);

			if (r->held > 0 && seen_ns - r->window_ns >= RATE_WINDOW_NS)
				end_window(x, d, (enum infer_rule)rule, seen_ns, time_ns);
		}
}

/* ---- recent packets ---- */

void infer_remember(struct infer *x, uint64_t key, const struct infer_frame *f)
{
	struct recent *r = &x->recent[++x->next_recent % RECENT];

	*r = (struct recent){ .seq = x->next_recent,
			      .prev = x->recent_buckets[key % BUCKETS],
			      .key = key,
			      .packet = f->f.packet,
			      .ttl = f->f.pkt->ttl };
	x->recent_buckets[key % BUCKETS] = r->seq;
}

const struct recent *infer_recall(struct infer *x, uint64_t key)
{
	uint64_t seq = x->recent_buckets[key % BUCKETS];

	while (seq != 0) {
		const struct recent *r = &x->recent[seq % RECENT];

		if (r->seq != seq)
			return NULL;
		if (r->key == key)
			return r;
		seq = r->prev;
	}
	return NULL;
}

/* ---- frames on their way through a device ---- */

static void settle(struct infer *x, struct pending *p)
{
	if (p->bridge)
		bridge_settle(x, p);
	else
		route_settle(x, p);
	p->seq = 0;
}

static int64_t limit_ns(const struct pending *p)
{
	return p->bridge ? INFER_WAIT_NS : INFER_ROUTE_WAIT_NS;
}

static struct pending *pending_at(struct infer *x, uint64_t seq)
{
	struct pending *p = &x->pending[seq % INFER_PENDING];

	return seq != 0 && p->seq == seq ? p : NULL;
}

struct pending *infer_wait(struct infer *x, const struct infer_frame *f, uint64_t print)
{
	const struct pkt *pkt = f->f.pkt;
	uint32_t way = f->f.flow->way;
	struct pending *p;

	if (x->next_pending - x->first_pending == INFER_PENDING)
		settle(x, &x->pending[x->first_pending++ % INFER_PENDING]);
	p = &x->pending[x->next_pending % INFER_PENDING];
	*p = (struct pending){ .seq = x->next_pending,
			       .prev = x->pending_buckets[print % BUCKETS],
			       .print = print,
			       .device = x->env.ways[way].receiver,
			       .way = way,
			       .packet = f->f.packet,
			       .time_ns = f->time_ns,
			       .at_ns = f->f.arrive_ns,
			       .look_ns = f->f.arrive_ns,
			       .ttl = pkt->ttl,
			       .dst_mac = pkt->dst_mac,
			       .dst = pkt->dst.addr };
	x->pending_buckets[print % BUCKETS] = x->next_pending++;
	return p;
}

struct pending *infer_find(struct infer *x, uint32_t device, uint64_t print, int64_t at_ns)
{
	struct pending *p = pending_at(x, x->pending_buckets[print % BUCKETS]);

	for (; p; p = pending_at(x, p->prev))
		if (p->print == print && p->device == device && at_ns - p->at_ns <= limit_ns(p))
			return p;
	return NULL;
}

/* To the end of the queue: it may still come out. */
static void look_again(struct infer *x, struct pending *p, int64_t seen_ns)
{
	struct pending again = *p;
	uint64_t bucket = p->print % BUCKETS;

	p->seq = 0;
	again.seq = x->next_pending;
	again.prev = x->pending_buckets[bucket];
	again.look_ns = seen_ns;
	x->pending[x->next_pending % INFER_PENDING] = again;
	x->pending_buckets[bucket] = x->next_pending++;
}

void infer_decided(struct infer *x, uint32_t device, uint64_t packet)
{
	if (!x->devs[device].routes)
		return;
	for (uint64_t seq = x->first_pending; seq < x->next_pending; seq++) {
		struct pending *p = &x->pending[seq % INFER_PENDING];

		if (p->packet == packet && p->device == device)
			p->decided = true;
	}
}

void infer_settle(struct infer *x, int64_t seen_ns, nsec_t time_ns)
{
	while (x->first_pending < x->next_pending) {
		struct pending *p = &x->pending[x->first_pending % INFER_PENDING];

		if (seen_ns - p->look_ns <= INFER_WAIT_NS)
			break;
		x->first_pending++;
		if (p->n_out == 0 && seen_ns - p->at_ns <= limit_ns(p))
			look_again(x, p, seen_ns);
		else
			settle(x, p);
	}
	arp_settle(x, seen_ns);
	end_windows(x, seen_ns, time_ns);
}

/* ---- wires ---- */

static void wire_fate(struct infer *x, const struct infer_frame *f)
{
	static const struct {
		uint16_t bit;
		enum infer_rule rule;
	} fates[] = {
		{ WIRE_LOST, INFER_WIRE_LOST },		{ WIRE_QUEUE_DROP, INFER_WIRE_QUEUE },
		{ WIRE_DOWN, INFER_WIRE_DOWN },		{ WIRE_DUPLICATE, INFER_WIRE_DUPLICATE },
		{ WIRE_REORDERED, INFER_WIRE_REORDER }, { WIRE_CORRUPTED, INFER_WIRE_CORRUPT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(fates); i++) {
		struct conclusion c = { .rule = fates[i].rule,
					.packet = f->f.packet,
					.time_ns = f->time_ns,
					.at_ns = f->f.sent_ns };

		if (f->fate & fates[i].bit)
			conclude(x, &c);
	}
}

void infer_frame(struct infer *x, const struct infer_frame *f)
{
	const struct tie_way *w = &x->env.ways[f->f.flow->way];

	if (f->fate)
		wire_fate(x, f);
	/* The second copy left no device: the wire made it. */
	if (!(f->fate & WIRE_DUPLICATE)) {
		if (x->devs[w->sender].bridge)
			bridge_out(x, f);
		else
			host_out(x, f);
	}
	if (f->f.lost)
		return;
	if (x->devs[w->receiver].bridge)
		bridge_in(x, f);
	else
		host_in(x, f);
}

/* ---- set-up ---- */

static bool is_bridge(const char *kind)
{
	return strcmp(kind, "switch") == 0 || strcmp(kind, "hub") == 0;
}

static bool learn_plan(struct infer *x)
{
	const struct log_args *a = x->env.args;

	for (size_t i = 0; i < a->n_devices; i++) {
		struct infer_dev *d = &x->devs[a->devices[i].id];

		d->name = a->devices[i].name;
		d->bridge = is_bridge(a->devices[i].kind);
		d->routes = strcmp(a->devices[i].kind, "router") == 0;
		if (d->bridge)
			d->fdb = calloc(FDB_SIZE, sizeof(*d->fdb));
		if (d->bridge && !d->fdb)
			return false;
	}
	for (size_t i = 0; i < a->n_ifaces; i++)
		x->ifaces[a->ifaces[i].id] = &a->ifaces[i];
	return true;
}

struct infer *infer_new(const struct infer_env *env)
{
	struct infer *x = calloc(1, sizeof(*x));
	const struct log_args *a = env->args;

	if (!x)
		return NULL;
	x->env = *env;
	x->next_pending = x->first_pending = 1;
	for (size_t i = 0; i < a->n_devices; i++)
		x->n_devs = a->devices[i].id >= x->n_devs ? a->devices[i].id + 1 : x->n_devs;
	for (size_t i = 0; i < a->n_ifaces; i++)
		x->n_ifaces = a->ifaces[i].id >= x->n_ifaces ? a->ifaces[i].id + 1 : x->n_ifaces;
	x->n_devs = x->n_devs ? x->n_devs : 1;
	x->devs = calloc(x->n_devs, sizeof(*x->devs));
	x->ifaces = calloc(x->n_ifaces + 1, sizeof(*x->ifaces));
	x->rates = calloc((size_t)x->n_devs * N_INFER_RULES, sizeof(*x->rates));
	x->pending = calloc(INFER_PENDING, sizeof(*x->pending));
	x->recent = calloc(RECENT, sizeof(*x->recent));
	x->sentence = SBUF(SENTENCE_MAX);
	x->json = SBUF(JSON_MAX);
	if (!x->devs || !x->ifaces || !x->rates || !x->pending || !x->recent || !learn_plan(x))
		return infer_free(x);
	return x;
}

struct infer *infer_free(struct infer *x)
{
	if (!x)
		return NULL;
	for (uint32_t i = 0; x->devs && i < x->n_devs; i++)
		free(x->devs[i].fdb);
	free(x->devs);
	free(x->ifaces);
	free(x->rates);
	free(x->pending);
	free(x->recent);
	sbuf_done(&x->sentence);
	sbuf_done(&x->json);
	free(x);
	return NULL;
}
