/* What a node tells the log: decisions, the packets they sent, facts, configuration lines.
 *
 * Above RATE_PER_WINDOW decisions of one rule in one window, further ones become one record with a
 * count when the window ends, explained by shell.rate-limit; RATE_BEHIND while the log is behind.
 */
#include "shell.h"

#include <stdlib.h>
#include <string.h>

#define RATE_WINDOW	(100 * MSEC)
#define RATE_PER_WINDOW 100 /* 1,000 a second */
#define RATE_BEHIND	10
#define HELD_VALUES_MAX 512
#define RATES_MORE	16 /* so many at a time: a device takes few of all rules */

/* One rule's limit; `values` are those of the last decision held back. */
struct held {
	uint32_t count;
	uint16_t values_len;
	uint8_t values[HELD_VALUES_MAX];
};

struct rate {
	nsec_t window_start_ns;
	uint32_t in_window;
	uint16_t number; /* of the rule */
	struct held *held;
};

struct journal {
	uint16_t *places;    /* by rule number: its rate is that one, from 1; 0 = was never taken */
	struct rate **rates; /* in pieces of RATES_MORE, which stay where they are */
	unsigned n_rules, n_rates;
	unsigned n_holding; /* rules with something held back */
	uint8_t held_in_turn[FX_MAX / 8 + 1];
	bool any_held_in_turn;
};

static struct journal *journal_of(const struct node *n)
{
	return n->journal;
}

static nsec_t journal_now(const struct node *n)
{
	return n->in_turn ? n->turn_now : node_now(n);
}

static void *alloc_or_abort(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p)
		abort();
	return p;
}

void journal_init(struct node *n)
{
	struct journal *j = alloc_or_abort(1, sizeof(*j));

	while (rule_by_number(j->n_rules))
		j->n_rules++;
	j->places = alloc_or_abort(j->n_rules + 1, sizeof(*j->places));
	j->rates = alloc_or_abort(j->n_rules / RATES_MORE + 1, sizeof(*j->rates));
	n->journal = j;
	channel_init(n);
	facts_init(n);
}

static struct rate *rate_at(const struct journal *j, unsigned i)
{
	return &j->rates[i / RATES_MORE][i % RATES_MORE];
}

static struct rate *rate_of(const struct node *n, unsigned number)
{
	struct journal *j = journal_of(n);

	if (j->places[number] == 0) {
		if (j->n_rates % RATES_MORE == 0)
			j->rates[j->n_rates / RATES_MORE] =
				alloc_or_abort(RATES_MORE, sizeof(struct rate));
		rate_at(j, j->n_rates)->number = (uint16_t)number;
		j->places[number] = (uint16_t)++j->n_rates;
	}
	return rate_at(j, j->places[number] - 1u);
}

static void put(struct node *n, const struct journal_record *rec)
{
	if (!n->quiet)
		channel_put(n, rec);
}

/* --- decisions ---------------------------------------------------------------------------- */

static void set_held(struct journal *j, uint32_t in_turn, bool held)
{
	if (!held || in_turn >= FX_MAX)
		return;
	if (!j->any_held_in_turn)
		memset(j->held_in_turn, 0, sizeof(j->held_in_turn));
	j->any_held_in_turn = true;
	j->held_in_turn[in_turn / 8] |= (uint8_t)BIT(in_turn % 8);
}

static bool was_held(const struct journal *j, uint32_t in_turn)
{
	return j->any_held_in_turn && in_turn < FX_MAX &&
	       (j->held_in_turn[in_turn / 8] & BIT(in_turn % 8));
}

static void write_held(struct node *n, unsigned number)
{
	struct journal *j = journal_of(n);
	struct held *h = rate_of(n, number)->held;
	struct val values[VAL_LIST_MAX + 1];
	char names[VAL_LIST_MAX][32];
	struct journal_record rec = { .type = JR_DECISION,
				      .at_ns = journal_now(n),
				      .wall_ns = wall_now_ns(),
				      .decision = ++n->n_decisions,
				      .number = (uint16_t)number };
	struct rd r;

	rec.count = h->count;
	rd_init(&r, h->values, h->values_len);
	if (val_list_read(&r, values, names) == 0)
		rec.values = values;
	put(n, &rec);
	h->count = 0;
	j->n_holding--;
}

static void end_window(struct node *n, unsigned number, nsec_t now)
{
	struct rate *rate = rate_of(n, number);

	if (rate->held && rate->held->count > 0)
		write_held(n, number);
	rate->window_start_ns = now;
	rate->in_window = 0;
}

static unsigned limit_now(const struct node *n)
{
	return channel_is_behind(n) ? RATE_BEHIND : RATE_PER_WINDOW;
}

static void tell_limit(struct node *n, unsigned number, nsec_t now)
{
	struct val values[] = { V_TEXT("rule", rule_by_number(number)->id),
				V_INT("limit", limit_now(n)), V_END };
	struct journal_record rec = { .type = JR_DECISION,
				      .at_ns = now,
				      .wall_ns = wall_now_ns(),
				      .decision = ++n->n_decisions,
				      .number = (uint16_t)rule_number("shell.rate-limit"),
				      .count = 1,
				      .values = values };

	put(n, &rec);
}

static void hold(struct node *n, unsigned number, const struct val *values, nsec_t now)
{
	struct journal *j = journal_of(n);
	struct rate *rate = rate_of(n, number);
	struct wr w;

	if (!rate->held)
		rate->held = alloc_or_abort(1, sizeof(*rate->held));
	if (rate->held->count++ == 0) {
		j->n_holding++;
		tell_limit(n, number, now);
		wr_init(&w, rate->held->values, sizeof(rate->held->values));
		val_list_write(&w, values);
		rate->held->values_len = w.err ? 0 : (uint16_t)wr_len(&w);
	}
}

/* True when this decision is one too many in its window. */
static bool over_rate(struct node *n, unsigned number, nsec_t now)
{
	struct rate *rate = rate_of(n, number);

	if (now - rate->window_start_ns >= RATE_WINDOW)
		end_window(n, number, now);
	return rate->in_window++ >= limit_now(n);
}

static void complete_key(const struct node *n, struct pkt_key *key, const struct fx_effect *e,
			 const struct cause *cause)
{
	const struct pkt_key *earlier = cause_key(n, e->decide.cause);

	*key = e->decide.no_cause ? (struct pkt_key){ 0 } : earlier ? *earlier : cause->key;
	if (key->proto == IPPROTO_TCP && e->decide.stream_offset + cause->shift > key->offset)
		key->offset = e->decide.stream_offset + cause->shift;
}

static void write_decision(struct node *n, const struct fx_effect *e, const struct cause *cause)
{
	int number = rule_number(e->decide.rule);
	nsec_t now = journal_now(n);
	struct journal_record rec = { .type = JR_DECISION,
				      .at_ns = now,
				      .decision = n->turn_base + e->decision,
				      .number = (uint16_t)number,
				      .count = 1,
				      .values = e->decide.values };

	if (n->n_decisions < rec.decision)
		n->n_decisions = rec.decision;
	if (number < 0) {
		journal_refused(n, e->decide.rule,
				"a decision names a rule that no protocol lists");
		return;
	}
	if (over_rate(n, (unsigned)number, now)) {
		set_held(journal_of(n), e->decision, true);
		hold(n, (unsigned)number, e->decide.values, now);
		return;
	}
	rec.wall_ns = wall_now_ns();
	complete_key(n, &rec.key, e, cause);
	put(n, &rec);
}

void journal_decide(struct node *n, const char *rule, const struct pkt_key *key,
		    const struct val *values)
{
	struct fx_effect e = { .kind = FX_DECIDE, .decision = 1 };
	struct cause cause = { .key = key ? *key : (struct pkt_key){ 0 } };

	e.decide.rule = rule;
	e.decide.values = values;
	n->turn_base = n->n_decisions;
	write_decision(n, &e, &cause);
}

bool journal_wants_sent(const struct node *n, const struct fx_effect *e)
{
	return !n->quiet && e->decision != 0 && !was_held(journal_of(n), e->decision);
}

void journal_sent(struct node *n, const struct fx_effect *e, const struct pkt_key *key)
{
	struct journal_record rec = { .type = JR_SENT, .key = *key };

	rec.at_ns = journal_now(n);
	rec.wall_ns = key->stamp_ns;
	rec.decision = n->turn_base + e->decision;
	put(n, &rec);
}

/* --- facts -------------------------------------------------------------------------------- */

static void write_fact(struct node *n, const struct fx_effect *e)
{
	int number = fact_number(e->fact.kind);
	struct journal_record rec = { .type = e->kind == FX_FACT_BEGIN ? JR_FACT_BEGIN
								       : JR_FACT_END,
				      .at_ns = journal_now(n),
				      .wall_ns = wall_now_ns(),
				      .number = (uint16_t)number,
				      .count = 1,
				      .text = e->fact.key,
				      .section = e->fact.why,
				      .values = e->fact.columns };

	if (number < 0) {
		journal_refused(n, e->fact.kind->table, "a fact of a kind that no protocol lists");
		return;
	}
	if (e->decision)
		rec.decision = n->turn_base + e->decision;
	put(n, &rec);
	if (e->fact.kind->durable)
		facts_keep(n, &rec);
}

void journal_effect(struct machine *m, const struct fx_effect *e, const struct cause *cause)
{
	if (e->kind == FX_DECIDE)
		write_decision(m->node, e, cause);
	else
		write_fact(m->node, e);
}

/* --- the rest ----------------------------------------------------------------------------- */

void journal_config(struct node *n, const char *section, const char *line)
{
	struct journal_record rec = { .type = JR_CONFIG,
				      .at_ns = journal_now(n),
				      .wall_ns = wall_now_ns(),
				      .text = line,
				      .section = section };

	put(n, &rec);
}

void journal_refused(struct node *n, const char *object, const char *why)
{
	struct journal_record rec = { .type = JR_REFUSED,
				      .at_ns = journal_now(n),
				      .wall_ns = wall_now_ns(),
				      .text = object,
				      .section = why };

	put(n, &rec);
}

void journal_ready(struct node *n)
{
	struct journal_record rec = { .type = JR_READY,
				      .at_ns = journal_now(n),
				      .wall_ns = wall_now_ns() };

	put(n, &rec);
}

static void end_windows(struct node *n)
{
	struct journal *j = journal_of(n);
	nsec_t now = journal_now(n);

	for (unsigned i = 0; i < j->n_rates && j->n_holding > 0; i++) {
		const struct rate *rate = rate_at(j, i);

		if (rate->held && rate->held->count > 0 &&
		    now - rate->window_start_ns >= RATE_WINDOW)
			end_window(n, rate->number, now);
	}
}

void journal_flush(struct node *n)
{
	struct journal *j = journal_of(n);

	if (j->n_holding > 0)
		end_windows(n);
	facts_flush(n);
	channel_flush(n);
	j->any_held_in_turn = false;
}

nsec_t journal_deadline(const struct node *n)
{
	const struct journal *j = journal_of(n);

	return j->n_holding > 0 ? node_now(n) + RATE_WINDOW : NEVER;
}

void journal_turn_begins(struct node *n)
{
	journal_of(n)->any_held_in_turn = false;
}
