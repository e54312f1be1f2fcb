/* The plan: who is where, by number; and its rows in a new database. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/rule.h"
#include "base/sbuf.h"
#include "labd/log/engine_in.h"

uint32_t engine_n_ways(const struct engine *e)
{
	return e->n_ways;
}

const struct tie_way *engine_ways(const struct engine *e)
{
	return e->ways;
}

uint32_t engine_way_out(const struct engine *e, uint32_t ifid)
{
	for (uint32_t way = 0; way < e->n_ways; way++)
		if (e->ways[way].sender_if == ifid && ifid != 0)
			return way;
	return 0;
}

/* Ids count from 1 in the order of the arrays nearly always: look there first. */
const struct log_device *engine_device(const struct engine *e, uint32_t id)
{
	const struct log_args *a = e->args;

	if (id >= 1 && id <= a->n_devices && a->devices[id - 1].id == id)
		return &a->devices[id - 1];
	for (size_t i = 0; i < a->n_devices; i++)
		if (a->devices[i].id == id)
			return &a->devices[i];
	return NULL;
}

const struct log_iface *engine_iface(const struct engine *e, uint32_t id)
{
	const struct log_args *a = e->args;

	if (id >= 1 && id <= a->n_ifaces && a->ifaces[id - 1].id == id)
		return &a->ifaces[id - 1];
	for (size_t i = 0; i < a->n_ifaces; i++)
		if (a->ifaces[i].id == id)
			return &a->ifaces[i];
	return NULL;
}

const struct log_link *engine_link(const struct engine *e, uint32_t id)
{
	const struct log_args *a = e->args;

	if (id >= 1 && id <= a->n_links && a->links[id - 1].id == id)
		return &a->links[id - 1];
	for (size_t i = 0; i < a->n_links; i++)
		if (a->links[i].id == id)
			return &a->links[i];
	return NULL;
}

static void set_way(struct engine *e, uint32_t way, const struct log_iface *from,
		    const struct log_iface *to)
{
	e->ways[way] = (struct tie_way){ .sender = from->device,
					 .sender_if = from->id,
					 .receiver = to->device,
					 .receiver_if = to->id };
}

int engine_make_ways(struct engine *e, struct sbuf *reterr)
{
	const struct log_args *a = e->args;
	uint32_t top = 0;

	for (size_t i = 0; i < a->n_links; i++)
		top = a->links[i].id > top ? a->links[i].id : top;
	if (top > LOG_LINKS_MAX) {
		sbuf_printf(reterr, "link ids go up to %u, at most %u", top, LOG_LINKS_MAX);
		return -EINVAL;
	}
	e->n_ways = top * 2 + 2;
	e->ways = calloc(e->n_ways, sizeof(*e->ways));
	if (!e->ways)
		return -ENOMEM;
	for (size_t i = 0; i < a->n_links; i++) {
		const struct log_link *l = &a->links[i];
		const struct log_iface *ia = engine_iface(e, l->a), *ib = engine_iface(e, l->b);

		if (!ia || !ib || l->id == 0) {
			sbuf_printf(reterr, "link %s has an end that does not exist", l->name);
			return -EINVAL;
		}
		set_way(e, l->id * 2, ia, ib);
		set_way(e, l->id * 2 + 1, ib, ia);
	}
	return 0;
}

static int put_plan(struct engine *e, struct sbuf *reterr)
{
	const struct log_args *a = e->args;
	struct db *db = store_db(e->store);
	int r = db_put_lab(db, &a->lab);

	(void)reterr;
	for (size_t i = 0; r == 0 && i < a->n_devices; i++)
		r = db_put_device(db, &a->devices[i]);
	for (size_t i = 0; r == 0 && i < a->n_ifaces; i++)
		r = db_put_iface(db, &a->ifaces[i]);
	for (size_t i = 0; r == 0 && i < a->n_links; i++)
		r = db_put_link(db, &a->links[i]);
	return r;
}

static int put_rules(struct engine *e)
{
	struct db *db = store_db(e->store);
	const struct describe *d = &e->describe;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < d->n_rules; i++)
		r = db_put_rule(db, i, d->rules[i].id, d->rules[i].protocol, d->rules[i].kind,
				d->rules[i].sentence, d->rules[i].source, false);
	for (unsigned i = 0; r == 0 && i < N_INFER_RULES; i++) {
		const struct rule *rule = &infer_rules[i];
		char protocol[32];

		str_copy_n(protocol, sizeof(protocol), rule->id, strcspn(rule->id, "."));
		r = db_put_rule(db, (unsigned)d->n_rules + i, rule->id, protocol,
				rule_kind_name(rule->kind), rule->sentence, rule->source, true);
	}
	return r;
}

static int put_fact_tables(struct engine *e, struct sbuf *reterr)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < e->describe.n_facts; i++)
		r = db_make_fact_table(store_db(e->store), i, &e->describe.facts[i],
				       e->from_template, reterr);
	return r;
}

/* What is the same for every lab. */
static int put_constants(struct engine *e, struct sbuf *reterr)
{
	int r = e->from_template ? 0 : put_rules(e);

	return r < 0 ? r : put_fact_tables(e, reterr);
}

/* One transaction. */
static int put(struct engine *e, int (*rows)(struct engine *e, struct sbuf *reterr),
	       struct sbuf *reterr)
{
	int r = store_ready(e->store) ? 0 : -EIO;

	if (r == 0)
		r = rows(e, reterr);
	store_check(e->store, r);
	if (r < 0 && reterr->len == 0)
		sbuf_printf(reterr, "the lab could not be written: %s",
			    db_error(store_db(e->store)));
	if (r == 0)
		store_commit(e->store, 0);
	return r;
}

int engine_fill_database(struct engine *e, struct sbuf *reterr)
{
	int r = put(e, put_constants, reterr);

	if (r == 0 && e->args->template_path && !e->args->resumed && !e->from_template)
		db_template_keep(store_db(e->store), e->args->template_path, e->template_key);
	if (r == 0)
		r = put(e, put_plan, reterr);
	db_plan_done(store_db(e->store));
	return r;
}
