/* A request that everything is there for, and its response. */
#include "snmp/snmp.h"

#include <stdlib.h>
#include <string.h>

#define BINDS_TEXT 900 /* octets of what decisions and facts tell of bindings */

/* One answer in the making. */
struct reply {
	struct snmp_agent *agent;
	struct snmp_job *job;
	const struct snmp_community *community;
	struct snmp_msg m; /* the request */
	struct snmp_out *out;
	struct sbuf told; /* "sysName.0 = r1, ..." */
	int32_t error, index;
	struct fx *fx;
};

#define MANAGER(r) V_ADDR("manager", (r)->job->src.addr)

bool snmp_in_view(const struct snmp_conf *conf, const char *view, const struct snmp_oid *oid)
{
	const struct snmp_view_line *best = NULL;

	/* RFC 3415 §3.2: the longest subtree decides; what no line names is out. */
	for (unsigned i = 0; *view && i < conf->n_views; i++) {
		const struct snmp_view_line *l = &conf->views[i];

		if (strcmp(l->name, view) == 0 && snmp_oid_under(oid, &l->root) &&
		    (!best || l->root.n > best->root.n))
			best = l;
	}
	return !*view || (best && best->included);
}

/* --- what decisions say ------------------------------------------------------------------- */

static void say_unknown(struct reply *r, const struct snmp_oid *oid, const char *what)
{
	struct sbuf name = SBUF(SNMP_NAME_MAX);

	snmp_name_format(oid, &name);
	decide(r->fx, "snmp.agent.oid-unknown", MANAGER(r), V_TEXT("oid", sbuf_text(&name)),
	       V_TEXT("answer", what));
	sbuf_done(&name);
}

static void say_view(struct reply *r, const struct snmp_oid *oid, const char *deed)
{
	struct sbuf name = SBUF(SNMP_NAME_MAX);

	snmp_name_format(oid, &name);
	decide(r->fx, "snmp.agent.view", MANAGER(r), V_TEXT("oid", sbuf_text(&name)),
	       V_TEXT("view", r->community->view), V_TEXT("deed", deed));
	sbuf_done(&name);
}

static void say_counter64(struct reply *r, const struct snmp_oid *oid, const char *deed)
{
	struct sbuf name = SBUF(SNMP_NAME_MAX);

	snmp_name_format(oid, &name);
	decide(r->fx, "snmp.agent.counter64-v1", MANAGER(r), V_TEXT("oid", sbuf_text(&name)),
	       V_TEXT("deed", deed));
	sbuf_done(&name);
}

static void tell(struct reply *r, const struct snmp_bind *b)
{
	if (r->told.len > 0)
		sbuf_puts(&r->told, ", ");
	snmp_name_format(&b->name, &r->told);
	sbuf_puts(&r->told, " = ");
	snmp_value_format(&b->value, &r->told);
}

/* --- looking up --------------------------------------------------------------------------- */

static bool v1(const struct reply *r)
{
	return r->m.version == SNMP_V1;
}

/* What Get says of a name: a value, or an exception as its type. */
static void look_up(struct reply *r, struct snmp_bind *b)
{
	struct snmp_instance at;
	enum snmp_found found = snmp_mib_find(&r->job->mib, &b->name, &at);
	const char *what = v1(r) ? "noSuchName" : "noSuchObject";

	b->value = (struct snmp_value){ .type = SNMP_NO_OBJECT };
	if (!snmp_in_view(r->job->mib.conf, r->community->view, &b->name)) {
		say_view(r, &b->name, what);
	} else if (found == SNMP_FOUND_NO_OBJECT) {
		say_unknown(r, &b->name, what);
	} else if (found == SNMP_FOUND_NO_INSTANCE) {
		b->value.type = SNMP_NO_INSTANCE;
		say_unknown(r, &b->name, v1(r) ? what : "noSuchInstance");
	} else if (v1(r) && at.object->type == SNMP_COUNTER64) {
		say_counter64(r, &b->name, "noSuchName");
	} else {
		snmp_mib_value(&r->job->mib, &at, &b->value);
	}
}

/* The successor that this manager may see; endOfMibView when there is none. */
static void look_next(struct reply *r, struct snmp_bind *b)
{
	struct snmp_oid oid = b->name, next;
	struct snmp_instance at;
	bool hidden = false, wide = false;

	while (snmp_mib_next(&r->job->mib, &oid, &next, &at)) {
		bool out = !snmp_in_view(r->job->mib.conf, r->community->view, &next);
		bool skip = v1(r) && at.object->type == SNMP_COUNTER64;

		if (out && !hidden)
			say_view(r, &next, "passed over");
		if (skip && !out && !wide)
			say_counter64(r, &next, "passed over");
		hidden |= out;
		wide |= skip && !out;
		oid = next;
		if (out || skip)
			continue;
		b->name = next;
		snmp_mib_value(&r->job->mib, &at, &b->value);
		return;
	}
	b->value = (struct snmp_value){ .type = SNMP_END_OF_VIEW };
}

/* --- the three readings ------------------------------------------------------------------- */

static void begin(struct reply *r, int32_t error, int32_t index)
{
	struct snmp_msg head = r->m;

	head.pdu = SNMP_RESPONSE;
	head.error = r->error = error;
	head.index = r->index = index;
	snmp_begin(r->out, &head);
}

static void fail(struct reply *r, int32_t error, int32_t index)
{
	struct rd binds = r->m.binds;
	struct snmp_bind b;

	begin(r, error, index);
	sbuf_reset(&r->told);
	while (snmp_bind_next(&binds, &b) && snmp_put_bind(r->out, &b, SNMP_MESSAGE_MAX))
		tell(r, &b);
}

static void too_big(struct reply *r)
{
	decide(r->fx, "snmp.agent.too-big", MANAGER(r), V_INT("max", SNMP_MESSAGE_MAX),
	       V_TEXT("bindings", v1(r) ? "the bindings of the request" : "no bindings"));
	if (v1(r))
		fail(r, SNMP_TOO_BIG, 0);
	else
		begin(r, SNMP_TOO_BIG, 0);
}

static bool is_exception(const struct snmp_value *v)
{
	return v->type >= SNMP_NO_OBJECT;
}

static void say_missing(struct reply *r, const struct snmp_bind *b)
{
	struct sbuf name = SBUF(SNMP_NAME_MAX);

	snmp_name_format(&b->name, &name);
	decide(r->fx, "snmp.agent.get-missing-object", MANAGER(r), V_TEXT("oid", sbuf_text(&name)),
	       V_INT("n", r->m.n_binds),
	       V_TEXT("deed",
		      v1(r) ? "none of the others is answered" : "the others are answered"));
	sbuf_done(&name);
}

static void answer_each(struct reply *r, void (*look)(struct reply *r, struct snmp_bind *b))
{
	struct rd binds = r->m.binds;
	struct snmp_bind b;

	begin(r, SNMP_NO_ERROR, 0);
	for (int32_t i = 1; snmp_bind_next(&binds, &b); i++) {
		look(r, &b);
		if (is_exception(&b.value) && look == look_up && r->m.n_binds > 1)
			say_missing(r, &b);
		if (is_exception(&b.value) && v1(r)) {
			fail(r, SNMP_NO_SUCH_NAME, i);
			return;
		}
		tell(r, &b);
		if (!snmp_put_bind(r->out, &b, SNMP_MESSAGE_MAX)) {
			too_big(r);
			return;
		}
	}
}

static int32_t clamp(int32_t n, int32_t max)
{
	return n < 0 ? 0 : n > max ? max : n;
}

/* RFC 3416 §4.2.3. The names from which each repeater goes on are in `at`. */
static unsigned repeat(struct reply *r, struct snmp_bind *at, unsigned n, int32_t times)
{
	unsigned put = 0;
	bool more = n > 0;

	for (int32_t k = 0; more && k < times; k++) {
		more = false;
		for (unsigned i = 0; i < n; i++) {
			look_next(r, &at[i]);
			if (!snmp_put_bind(r->out, &at[i], SNMP_MESSAGE_MAX))
				return put;
			tell(r, &at[i]);
			put++;
			more |= !is_exception(&at[i].value);
		}
	}
	return put;
}

static void say_bulk(struct reply *r, int32_t once, int32_t times, unsigned put)
{
	bool partial = strstr(sbuf_text(&r->told), "endOfMibView") != NULL;

	decide(r->fx, "snmp.agent.getbulk", MANAGER(r), V_INT("once", once), V_INT("times", times),
	       V_INT("n", put));
	if (partial)
		decide(r->fx, "snmp.v2.getbulk-partial", MANAGER(r), V_INT("n", put));
}

static void answer_bulk(struct reply *r)
{
	int32_t once = clamp(r->m.error, (int32_t)r->m.n_binds);
	int32_t times = clamp(r->m.index, SNMP_REPETITIONS_MAX);
	struct snmp_bind *at = calloc(r->m.n_binds + 1, sizeof(*at));
	struct rd binds = r->m.binds;
	unsigned n = 0, put = 0;

	if (!at)
		abort();
	while (n < r->m.n_binds && snmp_bind_next(&binds, &at[n]))
		n++;
	begin(r, SNMP_NO_ERROR, 0);
	while (put < (unsigned)once) {
		look_next(r, &at[put]);
		if (!snmp_put_bind(r->out, &at[put], SNMP_MESSAGE_MAX))
			break;
		tell(r, &at[put++]);
	}
	if (put == (unsigned)once)
		put += repeat(r, at + once, n - (unsigned)once, times);
	free(at);
	say_bulk(r, once, times, put);
}

/* --- Set ---------------------------------------------------------------------------------- */

/* RFC 3584 §4.4: what v1 has no number for. */
static int32_t error_for_v1(enum snmp_error e)
{
	switch (e) {
	case SNMP_WRONG_TYPE:
	case SNMP_WRONG_LENGTH:
	case SNMP_WRONG_ENCODING:
	case SNMP_WRONG_VALUE:
	case SNMP_INCONSISTENT_VALUE:
		return SNMP_BAD_VALUE;
	case SNMP_NO_ACCESS:
	case SNMP_NOT_WRITABLE:
	case SNMP_NO_CREATION:
	case SNMP_INCONSISTENT_NAME:
		return SNMP_NO_SUCH_NAME;
	case SNMP_RESOURCE_UNAVAILABLE:
	case SNMP_COMMIT_FAILED:
	case SNMP_UNDO_FAILED:
		return SNMP_GEN_ERR;
	default:
		return (int32_t)e;
	}
}

static bool anybody_writes(const struct snmp_conf *conf)
{
	for (unsigned i = 0; i < conf->n_communities; i++)
		if (conf->communities[i].writes)
			return true;
	return false;
}

static void nth_bind(const struct snmp_msg *m, int32_t index, struct snmp_bind *ret)
{
	struct rd binds = m->binds;

	for (int32_t i = 0; i < index && snmp_bind_next(&binds, ret); i++)
		;
}

static void say_refused(struct reply *r, const struct snmp_verdict *v)
{
	struct sbuf name = SBUF(SNMP_NAME_MAX);
	struct snmp_bind b = { 0 };
	struct snmp_instance at;
	struct val oid, error = V_TEXT("error", snmp_error_name(r->error));

	nth_bind(&r->m, v->index, &b);
	snmp_name_format(&b.name, &name);
	oid = V_TEXT("oid", sbuf_text(&name));
	if (v->error == SNMP_NO_ACCESS && !anybody_writes(r->agent->conf))
		decide(r->fx, "snmp.security.set-disabled", MANAGER(r), oid, error);
	else if (v->error == SNMP_NO_ACCESS && r->community->writes)
		say_view(r, &b.name, snmp_error_name(r->error));
	else if (v->error == SNMP_NO_ACCESS)
		decide(r->fx, "snmp.agent.set-read-only", MANAGER(r), oid, error,
		       V_TEXT("why", "the community may only read"));
	else if (v->error == SNMP_NO_CREATION ||
		 (v->error == SNMP_NOT_WRITABLE &&
		  snmp_mib_find(&r->job->mib, &b.name, &at) == SNMP_FOUND_NO_OBJECT))
		say_unknown(r, &b.name, snmp_error_name(r->error));
	else if (v->error == SNMP_NOT_WRITABLE)
		decide(r->fx, "snmp.agent.set-read-only", MANAGER(r), oid, error,
		       V_TEXT("why", "the object may only be read"));
	else
		decide(r->fx, "snmp.agent.set-bad-type", MANAGER(r), oid, error);
	sbuf_done(&name);
}

/* False: the configuration has to be asked first. */
static bool answer_set(struct reply *r)
{
	struct sbuf lines = SBUF(16384);
	struct snmp_verdict v = snmp_set_check(r->job, &r->m, r->community, &lines);
	struct ask ask = { .kind = ASK_CONF, .conf.op = CONF_MERGE };

	decide(r->fx, "snmp.agent.set-atomic", MANAGER(r), V_INT("n", r->m.n_binds));
	fail(r, v1(r) ? error_for_v1(v.error) : (int32_t)v.error, v.index);
	if (v.error != SNMP_NO_ERROR)
		say_refused(r, &v);
	else if (lines.len == 0)
		decide(r->fx, "snmp.agent.set", MANAGER(r), V_TEXT("binds", sbuf_text(&r->told)));
	if (v.error == SNMP_NO_ERROR && lines.len > 0) {
		ask.conf.data = (const uint8_t *)lines.data;
		ask.conf.len = lines.len;
		r->job->stage = SNMP_STAGE_SET;
		r->job->waiting = 1;
		r->agent->first_ask = r->agent->next_ask++;
		fx_ask(r->fx, r->agent->first_ask, &ask);
	}
	sbuf_done(&lines);
	return r->job->waiting == 0;
}

/* --- sending ------------------------------------------------------------------------------ */

static void count_out(struct snmp_counts *c, int32_t error)
{
	c->n[SNMP_OUT_PKTS]++;
	c->n[SNMP_OUT_RESPONSES]++;
	if (error == SNMP_TOO_BIG)
		c->n[SNMP_OUT_TOO_BIGS]++;
	else if (error == SNMP_NO_SUCH_NAME)
		c->n[SNMP_OUT_NO_SUCH_NAMES]++;
	else if (error == SNMP_BAD_VALUE)
		c->n[SNMP_OUT_BAD_VALUES]++;
	else if (error == SNMP_GEN_ERR)
		c->n[SNMP_OUT_GEN_ERRS]++;
}

/* Where it came to, unless that was many hosts' address. */
static struct ep own_address(const struct snmp_agent *a, const struct ep *dst)
{
	return device_has_addr(a->dev, &dst->addr) ? *dst : (struct ep){ 0 };
}

static void send(struct reply *r)
{
	size_t len = snmp_end(r->out, SNMP_MESSAGE_MAX);
	struct ep src = own_address(r->agent, &r->job->dst);

	if (len == 0) { /* a v1 request longer than any answer may be */
		r->agent->counts.n[SNMP_SILENT_DROPS]++;
		return;
	}
	count_out(&r->agent->counts, r->error);
	decide(r->fx, "snmp.agent.reply-source", MANAGER(r), V_INT("port", r->job->src.port),
	       V_ADDR("address", r->job->dst.addr));
	fx_send(r->fx, &(struct fx_send){ .sock = r->job->sock,
					  .src = src,
					  .dst = r->job->src,
					  .data = r->out->octets,
					  .len = len });
	snmp_fact(r->fx, "agent", ++r->agent->n_requests, &r->job->src, &r->m, sbuf_text(&r->told),
		  r->error, r->index);
}

/* False when its community is gone by now. */
static bool reply_begin(struct reply *r, struct snmp_agent *a, struct snmp_job *job, struct fx *fx)
{
	const char *why;

	*r = (struct reply){ .agent = a, .job = job, .fx = fx, .told = SBUF(BINDS_TEXT) };
	if (snmp_decode_header(job->data, job->len, &r->m, &why) < 0 ||
	    snmp_decode_pdu(&r->m, &why) < 0)
		return false;
	r->community = snmp_find_community(a->conf, r->m.community, r->m.community_len);
	r->out = job->response;
	return r->community != NULL;
}

static void count_in(struct snmp_counts *c, const struct snmp_msg *m)
{
	c->n[m->pdu == SNMP_SET ? SNMP_IN_TOTAL_SET_VARS : SNMP_IN_TOTAL_REQ_VARS] += m->n_binds;
	c->n[SNMP_IN_GETS] += m->pdu == SNMP_GET;
	c->n[SNMP_IN_GETNEXTS] += m->pdu == SNMP_GETNEXT;
	c->n[SNMP_IN_SETS] += m->pdu == SNMP_SET;
}

static void say_read(struct reply *r)
{
	struct val binds = V_TEXT("binds", sbuf_text(&r->told));

	if (r->error != SNMP_NO_ERROR)
		return; /* the decision before says why */
	if (r->m.pdu == SNMP_GET)
		decide(r->fx, "snmp.agent.get", MANAGER(r), binds);
	else if (r->m.pdu == SNMP_GETNEXT)
		decide(r->fx, "snmp.agent.getnext", MANAGER(r), binds);
}

static void look_up_all(struct reply *r)
{
	struct sbuf names = SBUF(BINDS_TEXT);
	size_t n_rows = 0;

	snmp_binds_format(r->m.binds, false, &names);
	for (unsigned i = 0; i < SNMP_ASKS; i++)
		n_rows += r->job->mib.n_kernel[i];
	decide(r->fx, "snmp.agent.lookup-oid", MANAGER(r), V_INT("n", r->m.n_binds),
	       V_TEXT("names", sbuf_text(&names)));
	decide(r->fx, "snmp.agent.mib-update", V_INT("rows", n_rows));
	sbuf_done(&names);
}

void snmp_answer(struct snmp_agent *a, struct snmp_job *job, struct fx *fx)
{
	struct reply r;
	bool done = true;

	job->response = malloc(sizeof(*job->response));
	if (!job->response)
		abort();
	if (reply_begin(&r, a, job, fx)) {
		count_in(&a->counts, &r.m);
		look_up_all(&r);
		if (r.m.pdu == SNMP_GET)
			answer_each(&r, look_up);
		else if (r.m.pdu == SNMP_GETNEXT)
			answer_each(&r, look_next);
		else if (r.m.pdu == SNMP_GETBULK)
			answer_bulk(&r);
		else
			done = answer_set(&r);
		say_read(&r);
		if (done)
			send(&r);
	}
	sbuf_done(&r.told);
}

void snmp_answer_set(struct snmp_agent *a, struct snmp_job *job, const struct answer *answer,
		     struct fx *fx)
{
	struct reply r;

	if (reply_begin(&r, a, job, fx)) {
		fail(&r, SNMP_NO_ERROR, 0);
		if (answer->err)
			fail(&r, v1(&r) ? SNMP_GEN_ERR : SNMP_COMMIT_FAILED, 1);
		if (answer->err)
			decide(fx, "snmp.agent.set-failed", MANAGER(&r),
			       V_TEXT("binds", sbuf_text(&r.told)), V_TEXT("why", answer->why));
		else
			decide(fx, "snmp.agent.set", MANAGER(&r),
			       V_TEXT("binds", sbuf_text(&r.told)));
		send(&r);
	}
	sbuf_done(&r.told);
}
