/* What a response brings: lines for the person, facts, and perhaps the next request of a walk. */
#include "snmp/snmp_manager.h"

#include <string.h>

#define AGENT(q) V_ADDR("agent", (q)->agent.addr)

static void put_fact(const struct snmp_query *q, const struct snmp_bind *b, const char *name,
		     struct fx *fx)
{
	char numbers[SNMP_OID_TEXT_MAX], agent[ADDR_TEXT_LEN];
	struct sbuf key = SBUF(VAL_TEXT_MAX), value = SBUF(VAL_TEXT_MAX);

	sbuf_printf(&key, "%s %s", addr_format(&q->agent.addr, agent),
		    snmp_oid_format(&b->name, numbers));
	snmp_value_format(&b->value, &value);
	if (!key.full)
		fact_begin(fx, &snmp_mib_value_fact, sbuf_text(&key), AGENT(q),
			   V_TEXT("oid", numbers), V_TEXT("name", name),
			   V_TEXT("type", snmp_type_name(b->value.type)),
			   V_TEXT("value", sbuf_text(&value)));
	sbuf_done(&key);
	sbuf_done(&value);
}

static bool is_exception(const struct snmp_value *v)
{
	return v->type >= SNMP_NO_OBJECT;
}

/* sysName.0 = STRING: r1 */
static void show_bind(struct snmp_query *q, const struct snmp_bind *b, struct fx *fx)
{
	struct sbuf name = SBUF(SNMP_NAME_MAX), line = SBUF(16384);

	snmp_name_format(&b->name, &name);
	sbuf_printf(&line, "%s = ", sbuf_text(&name));
	if (!is_exception(&b->value) && b->value.type != SNMP_NULL)
		sbuf_printf(&line, "%s: ", snmp_type_name(b->value.type));
	snmp_value_format(&b->value, &line);
	sbuf_puts(&line, "\n");
	fx_print_text(fx, q->call, sbuf_text(&line), line.len);
	if (!is_exception(&b->value))
		put_fact(q, b, sbuf_text(&name), fx);
	sbuf_done(&line);
	sbuf_done(&name);
	q->n_shown++;
}

/* --- errors ------------------------------------------------------------------------------- */

static void show_error(struct snmp_manager *m, struct snmp_query *q, const struct snmp_msg *r,
		       struct fx *fx)
{
	struct rd binds = r->binds;
	struct snmp_bind b;
	struct sbuf name = SBUF(SNMP_NAME_MAX);
	const char *error = snmp_error_name(r->error);

	for (int32_t i = 1; snmp_bind_next(&binds, &b); i++)
		if (i == r->index)
			snmp_name_format(&b.name, &name);
	decide(fx, "snmp.manager.error-display", AGENT(q), V_TEXT("error", error),
	       V_INT("status", r->error),
	       V_TEXT("oid", name.len ? sbuf_text(&name) : "no binding"));
	fx_print(fx, q->call, "%% snmp: %s%s%s\n", error, name.len ? ": " : "", sbuf_text(&name));
	sbuf_done(&name);
	snmp_query_end(m, q, 1, fx);
}

/* --- a walk ------------------------------------------------------------------------------- */

enum walk { WALK_ON, WALK_END, WALK_WRONG };

static enum walk walk_bind(struct snmp_query *q, const struct snmp_bind *b, struct fx *fx)
{
	struct snmp_oid *last = &q->names[0];

	if (is_exception(&b->value) || !snmp_oid_under(&b->name, &q->root))
		return WALK_END;
	if (snmp_oid_compare(&b->name, last) <= 0)
		return WALK_WRONG;
	show_bind(q, b, fx);
	*last = b->name;
	return q->n_shown < SNMP_WALK_MAX ? WALK_ON : WALK_END;
}

static void walk_wrong(struct snmp_manager *m, struct snmp_query *q, struct fx *fx)
{
	struct sbuf name = SBUF(SNMP_NAME_MAX);

	snmp_name_format(&q->names[0], &name);
	decide(fx, "snmp.manager.walk-not-increasing", AGENT(q), V_TEXT("oid", sbuf_text(&name)));
	fx_print(fx, q->call, "%% snmp: the agent's names do not increase after %s\n",
		 sbuf_text(&name));
	sbuf_done(&name);
	snmp_query_end(m, q, 1, fx);
}

static void say_shown(const struct snmp_query *q, unsigned n, struct fx *fx)
{
	decide(fx, "snmp.manager.result-display", AGENT(q), V_INT("n", n));
}

/* An empty response would make it ask for the same for ever. */
static void walk_on(struct snmp_manager *m, struct snmp_query *q, const struct snmp_msg *r,
		    nsec_t now, struct fx *fx)
{
	enum walk state = r->n_binds > 0 ? WALK_ON : WALK_END;
	unsigned before = q->n_shown;
	struct rd binds = r->binds;
	struct snmp_bind b;

	while (state == WALK_ON && snmp_bind_next(&binds, &b))
		state = walk_bind(q, &b, fx);
	say_shown(q, q->n_shown - before, fx);
	if (state == WALK_WRONG) {
		walk_wrong(m, q, fx);
	} else if (state == WALK_ON) {
		snmp_query_send(m, q, now, fx);
	} else {
		if (q->n_shown == 0)
			fx_print(fx, q->call, "%% snmp: the agent has nothing below that name\n");
		snmp_query_end(m, q, q->n_shown > 0 ? 0 : 1, fx);
	}
}

/* --- all of them -------------------------------------------------------------------------- */

static void show_all(struct snmp_manager *m, struct snmp_query *q, const struct snmp_msg *r,
		     struct fx *fx)
{
	struct rd binds = r->binds;
	struct snmp_bind b;

	say_shown(q, r->n_binds, fx);
	while (snmp_bind_next(&binds, &b))
		show_bind(q, &b, fx);
	snmp_query_end(m, q, 0, fx);
}

void snmp_query_result(struct snmp_manager *m, struct snmp_query *q, const struct snmp_msg *r,
		       nsec_t now, struct fx *fx)
{
	bool end_of_v1 =
		q->op == SNMP_OP_WALK && q->version == SNMP_V1 && r->error == SNMP_NO_SUCH_NAME;
	struct snmp_msg asked = *r;
	struct sbuf told = SBUF(900);

	asked.pdu = q->pdu;
	snmp_binds_format(r->binds, true, &told);
	if (r->error == SNMP_NO_ERROR)
		decide(fx, "snmp.manager.process-varbinds", AGENT(q), V_INT("n", r->n_binds),
		       V_TEXT("binds", sbuf_text(&told)));
	snmp_fact(fx, "manager", ++m->n_requests, &q->agent, &asked, sbuf_text(&told), r->error,
		  r->index);
	sbuf_done(&told);
	if (end_of_v1) {
		asked.n_binds = 0;
		walk_on(m, q, &asked, now, fx);
	} else if (r->error != SNMP_NO_ERROR) {
		show_error(m, q, r, fx);
	} else if (q->op == SNMP_OP_WALK) {
		walk_on(m, q, r, now, fx);
	} else {
		show_all(m, q, r, fx);
	}
}
