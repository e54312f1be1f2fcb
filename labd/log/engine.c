#include "labd/log/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/sbuf.h"
#include "labd/log/engine_in.h"

enum {
	SENTENCE_MAX = 2048,
	JSON_MAX = 16384,
	/* Rows of message fields: many a message has dozens, so a flood gets none. */
	FIELDS_PER_SECOND = 20000,
	FIELDS_BURST = 50000,
	FIELDS_PER_PACKET = 512,
	FIELD_TEXT_MAX = 1024,
};

/* ---- message fields ---- */

struct field_sink {
	struct engine *e;
	uint64_t packet;
	uint32_t payload_off;
	unsigned n;
};

static void put_field(void *arg, const char *field, const char *value, size_t offset, size_t len)
{
	struct field_sink *sink = arg;

	if (sink->n >= FIELDS_PER_PACKET)
		return;
	store_field(sink->e->store, sink->packet, sink->n++, field, value ? value : "",
		    sink->payload_off + offset, len);
}

static bool may_put_fields(struct engine *e, int64_t wall_ns)
{
	int64_t passed = wall_ns - e->fields_at_ns;

	if (passed > 0) {
		passed = passed > 10 * SEC ? 10 * SEC : passed;
		e->fields_left += passed * FIELDS_PER_SECOND / SEC;
		if (e->fields_left > FIELDS_BURST)
			e->fields_left = FIELDS_BURST;
		e->fields_at_ns = wall_ns;
	}
	return e->fields_left > 0;
}

static void put_fields(struct engine *e, const struct pkt *pkt, const struct info *info,
		       uint64_t packet, int64_t wall_ns)
{
	struct field_sink sink = { .e = e, .packet = packet, .payload_off = pkt->payload_off };
	struct codec_in in = { .data = pkt->data + pkt->payload_off,
			       .len = pkt->payload_cap,
			       .src = pkt->src,
			       .dst = pkt->dst,
			       .tcp = pkt->ip_proto == IPPROTO_NUM_TCP,
			       .cut = pkt->payload_cap < pkt->payload_len };

	if (packet == 0 || !info->codec || !info->codec->fields || !may_put_fields(e, wall_ns))
		return;
	(void)info->codec->fields(&in, put_field, &sink);
	e->fields_left -= sink.n;
}

/* ---- frames ---- */

static const struct tcp_seen *watch_tcp(struct engine *e, const struct pkt *pkt, struct flow *flow,
					int64_t wall_ns, struct tcp_seen *seen)
{
	if (!flow->conv->tcp || !pkt->has_ports || pkt->ip_proto != IPPROTO_NUM_TCP ||
	    pkt->tcp_hdr_len == 0)
		return NULL;
	/* A damaged segment was not there for its receiver: it says nothing about the connection.
	 */
	if (pkt->l4_sum == SUM_BAD || pkt->ip_sum == SUM_BAD) {
		*seen = (struct tcp_seen){ .window = pkt->window };
		return seen;
	}
	tcp_watch(flow->conv->tcp, flow->dir, pkt, wall_ns, store_next_packet(e->store), seen);
	return seen;
}

static void show_frame(struct engine *e, const struct engine_frame *f, const struct store_frame *s,
		       uint64_t packet)
{
	struct infer_frame x = {
		.f = { .packet = packet,
		       .pkt = s->pkt,
		       .flow = s->flow,
		       .tcp = s->tcp,
		       .sent_ns = f->wall_ns,
		       .arrive_ns = f->wall_ns + (f->delay_ns > 0 ? f->delay_ns : 0),
		       .lost = f->fate & (WIRE_LOST | WIRE_QUEUE_DROP | WIRE_DOWN) },
		.time_ns = s->time_ns,
		.fate = f->fate,
	};

	tie_frame(e->tie, &x.f);
	infer_frame(e->infer, &x);
}

void engine_frame(struct engine *e, const struct engine_frame *f)
{
	struct tcp_seen seen;
	struct store_frame s = {
		.info = &e->info, .wall_ns = f->wall_ns, .fate = f->fate, .delay_ns = f->delay_ns
	};
	struct pkt pkt;
	uint64_t packet;
	bool is_new;

	s.time_ns = labtime_of_wall(&e->time, f->wall_ns);
	pkt_parse(&pkt, f->data, f->cap_len, f->len);
	s.pkt = &pkt;
	s.flow = flow_find(e->flows, f->way, &pkt, &is_new);
	if (!s.flow) {
		struct db_gap none = { .way = f->way,
				       .device = -1,
				       .since_ns = s.time_ns,
				       .until_ns = s.time_ns,
				       .what = "frames",
				       .missing = 1,
				       .reason = "the log process had no memory" };

		store_gap(e->store, &none);
		return;
	}
	if (is_new && !e->careful)
		apps_assign(e->apps, s.flow->conv, f->wall_ns);
	s.tcp = watch_tcp(e, &pkt, s.flow, f->wall_ns, &seen);
	pkt_info(e->apps, &pkt, s.flow, s.tcp, f->wall_ns, &e->info);
	packet = store_frame(e->store, &s);
	put_fields(e, &pkt, &e->info, packet, f->wall_ns);
	show_frame(e, f, &s, packet);
	if (store_lost_flows(e->store))
		flows_unstore(e->flows);
}

void engine_careful(struct engine *e, bool careful)
{
	e->careful = careful;
}

void engine_seen(struct engine *e, int64_t seen_ns)
{
	nsec_t time_ns = labtime_of_wall(&e->time, seen_ns);

	for (uint32_t i = 0; i < e->n_journals; i++)
		journal_in_run(e->journals[i], seen_ns);
	tie_expire(e->tie, seen_ns);
	infer_settle(e->infer, seen_ns, time_ns);
}

void engine_commit(struct engine *e)
{
	store_commit(e->store, labtime_now(&e->time));
	if (store_lost_flows(e->store))
		flows_unstore(e->flows);
}

/* ---- answers ---- */

static void on_sent(void *arg, const struct tie_sent *s, uint64_t packet, const char *why)
{
	struct engine *e = arg;
	struct db_sent row = {
		.decision = s->decision, .packet = packet, .time_ns = s->time_ns, .no_packet = why
	};

	store_sent(e->store, &row);
}

static void on_decided(void *arg, uint32_t device, uint64_t packet)
{
	struct engine *e = arg;

	infer_decided(e->infer, device, packet);
}

static void on_address(void *arg, uint32_t device, const struct addr *addr)
{
	struct engine *e = arg;

	infer_own_address(e->infer, device, addr);
}

/* ---- journals ---- */

static void drop_journal(struct engine *e, uint32_t place)
{
	journal_in_run(e->journals[place], INT64_MAX);
	journal_in_free(e->journals[place]);
	e->journals[place] = e->journals[--e->n_journals];
}

int engine_set_journal(struct engine *e, uint32_t device, int fd)
{
	const struct log_device *d = engine_device(e, device);
	struct journal_env env = { .store = e->store,
				   .tie = e->tie,
				   .describe = &e->describe,
				   .time = &e->time,
				   .sentence = &e->sentence,
				   .json = &e->json,
				   .decided = on_decided,
				   .has_address = on_address,
				   .arg = e };

	if (!d)
		return -ENODEV;
	for (uint32_t i = 0; i < e->n_journals; i++)
		if (journal_in_device(e->journals[i]) == device)
			drop_journal(e, i);
	if (fd < 0)
		return 0;
	e->journals[e->n_journals] = journal_in_new(&env, device, d->name, fd);
	if (!e->journals[e->n_journals])
		return -ENOMEM;
	e->n_journals++;
	return 0;
}

struct journal_in *engine_journal(const struct engine *e, uint32_t device)
{
	for (uint32_t i = 0; i < e->n_journals; i++)
		if (journal_in_device(e->journals[i]) == device)
			return e->journals[i];
	return NULL;
}

bool engine_journals_empty(const struct engine *e)
{
	for (uint32_t i = 0; i < e->n_journals; i++)
		if (!journal_in_is_empty(e->journals[i]))
			return false;
	return true;
}

unsigned engine_waiting(const struct engine *e, int64_t asked_ns)
{
	return tie_waiting(e->tie, asked_ns);
}

void engine_event(struct engine *e, uint32_t device, const char *event, const char *detail)
{
	static const char *const ends[] = { "crashed", "stopped", "reload", "gone" };
	struct journal_in *j = device ? engine_journal(e, device) : NULL;

	for (size_t i = 0; j && i < ARRAY_SIZE(ends); i++)
		if (strcmp(event, ends[i]) == 0)
			journal_in_ended(j, event, strcmp(event, "gone") == 0);
	store_event(e->store, labtime_now(&e->time), labtime_wall_now(),
		    device ? (int64_t)device : -1, event, detail);
}

struct store *engine_store(struct engine *e)
{
	return e->store;
}

struct labtime *engine_time(struct engine *e)
{
	return &e->time;
}

/* ---- birth ---- */

static int open_store(struct engine *e, struct sbuf *reterr)
{
	struct store_options o = { .db = { .path = e->args->db_path,
					   .power_safe = e->args->power_safe },
				   .size_limit_bytes = e->args->size_limit_bytes,
				   .payload_bytes = e->args->payload_bytes,
				   .n_ways = e->n_ways };
	const struct log_args *a = e->args;

	if (a->template_path && !a->resumed) {
		e->template_key = db_template_key(a->describe, a->describe_len);
		e->from_template = db_template_use(a->template_path, e->template_key, a->db_path);
	}
	return store_open(&o, &e->store, reterr);
}

static int make_tables(struct engine *e)
{
	struct infer_env env = { .args = e->args,
				 .ways = e->ways,
				 .n_ways = e->n_ways,
				 .first_rule = (unsigned)e->describe.n_rules,
				 .store = e->store };

	e->flows = flows_new(store_ids(e->store)->flow + 1);
	e->apps = apps_new();
	e->tie = tie_new(e->ways, e->n_ways, on_sent, e);
	e->infer = infer_new(&env);
	e->journals = calloc(LOG_DEVICES_MAX, sizeof(struct journal_in *));
	if (!e->flows || !e->apps || !e->tie || !e->infer || !e->journals)
		return -ENOMEM;
	flows_on_forget(e->flows, tie_forget, e->tie);
	return 0;
}

int engine_new(const struct log_args *args, const struct clock_page *clock, struct engine **ret,
	       struct sbuf *reterr)
{
	struct engine *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return -ENOMEM;
	e->args = args;
	e->sentence = SBUF(SENTENCE_MAX);
	e->json = SBUF(JSON_MAX);
	e->fields_left = FIELDS_BURST;
	labtime_init(&e->time, clock, args->lab.started_wall_ns);
	r = describe_read(args->describe, args->describe_len, &e->describe, reterr);
	if (r == 0)
		r = engine_make_ways(e, reterr);
	if (r == 0)
		r = open_store(e, reterr);
	if (r == 0)
		r = make_tables(e);
	if (r == 0)
		r = engine_fill_database(e, reterr);
	if (r < 0) {
		engine_free(e);
		return r;
	}
	*ret = e;
	return 0;
}

struct engine *engine_free(struct engine *e)
{
	if (!e)
		return NULL;
	while (e->journals && e->n_journals > 0)
		drop_journal(e, e->n_journals - 1);
	flows_free(e->flows); /* before the tie, which is told of each */
	tie_free(e->tie);
	infer_free(e->infer);
	apps_free(e->apps);
	store_close(e->store);
	describe_done(&e->describe);
	sbuf_done(&e->sentence);
	sbuf_done(&e->json);
	free(e->journals);
	free(e->ways);
	free(e);
	return NULL;
}
