/* The machine: hands the lists to the kernel when they change, and decides what it reports. */
#include "acl/acl_int.h"

#include <stdio.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/inet.h"

#define PORT_BOOTPS   67
#define PORT_BOOTPC   68
#define TELL_AFTER_NS SEC /* counts become facts this long after the first new match */

/* A binding as the kernel was told of it. */
struct acl_bound {
	uint32_t ifid;
	bool out;
	char list[ACL_LIST_NAME_LEN];
	uint64_t revision; /* 0: there was no such list */
};

static uint64_t revision_of(const struct acl_filter *f, const struct acl_use *use)
{
	const struct acl_list *list = acl_list_find(&f->conf->lists, use->list);

	return list ? list->revision : 0;
}

static const struct acl_bound *bound_find(const struct acl_filter *f, uint32_t ifid, bool out)
{
	for (unsigned i = 0; i < f->n_bound; i++)
		if (f->bound[i].ifid == ifid && f->bound[i].out == out)
			return &f->bound[i];
	return NULL;
}

/* ---- what has changed ---- */

/* Of the list that the kernel has for this use: NULL when it is bound anew. */
static const struct acl_bound *bound_before(const struct acl_filter *f, const struct acl_use *use)
{
	const struct acl_bound *b = bound_find(f, use->ifid, use->out);

	return b && strcmp(b->list, use->list) == 0 ? b : NULL;
}

static bool is_news(const struct acl_filter *f, const struct acl_use *use)
{
	const struct acl_bound *b = bound_before(f, use);

	return !b || b->revision != revision_of(f, use);
}

static bool anything_new(const struct acl_filter *f)
{
	const struct acl_lists *lists = &f->conf->lists;

	if (lists->n_uses != f->n_bound)
		return true;
	for (unsigned i = 0; i < lists->n_uses; i++)
		if (is_news(f, &lists->uses[i]))
			return true;
	return false;
}

static const char *iface_text(const struct acl_filter *f, uint32_t ifid)
{
	const struct iface *i = device_iface(f->dev, ifid);

	return i ? i->name : "an interface";
}

static const char *dir_text(bool out)
{
	return out ? "out" : "in";
}

static void decide_unbound(const struct acl_filter *f, struct fx *fx)
{
	for (unsigned i = 0; i < f->n_bound; i++) {
		const struct acl_bound *b = &f->bound[i];
		const struct acl_use *use = acl_use_find(&f->conf->lists, b->ifid, b->out);

		if (!use || strcmp(use->list, b->list) != 0)
			decide(fx, "acl.list.unbound", V_TEXT("list", b->list),
			       V_TEXT("direction", dir_text(b->out)),
			       V_TEXT("interface", iface_text(f, b->ifid)));
	}
}

static unsigned count_entries(const struct acl_list *list)
{
	unsigned n = 0;

	for (unsigned i = 0; i < list->n_lines; i++)
		n += list->lines[i].action != ACL_REMARK;
	return n;
}

static const char *rule_of(const struct acl_filter *f, const struct acl_use *use,
			   const struct acl_list *list)
{
	if (!list)
		return "acl.list.missing";
	if (acl_list_is_empty(list))
		return "acl.list.empty";
	return bound_before(f, use) ? "acl.list.changed" : "acl.list.bound";
}

/* ---- the three lines that DHCP needs ---- */

static const struct acl_line *dhcp_line(const struct acl_list *list, const struct acl_match *src,
					const struct acl_match *dst)
{
	for (unsigned i = 0; i < list->n_lines; i++) {
		const struct acl_line *l = &list->lines[i];

		if (l->action == ACL_PERMIT && l->protocol == IPPROTO_NUM_UDP &&
		    l->src_ports.cmp == ACL_CMP_EQ && l->src_ports.first == PORT_BOOTPC &&
		    l->dst_ports.cmp == ACL_CMP_EQ && l->dst_ports.first == PORT_BOOTPS &&
		    (!src || (l->src.addr == src->addr && l->src.wildcard == src->wildcard)) &&
		    l->dst.wildcard == 0 && (!dst || l->dst.addr == dst->addr))
			return l;
	}
	return NULL;
}

/* The line from a pool, which is a network, to this server in it. */
static const struct acl_line *pool_line(const struct acl_list *list, const struct acl_match *server)
{
	for (unsigned i = 0; i < list->n_lines; i++) {
		const struct acl_match *src = &list->lines[i].src;
		struct addr mask = addr4_from_u32(~src->wildcard);
		int plen = addr4_mask_plen(&mask);

		if (plen > 0 && plen < 32 && (server->addr & ~src->wildcard) == src->addr &&
		    dhcp_line(list, src, server))
			return &list->lines[i];
	}
	return NULL;
}

static void decide_example(const struct acl_filter *f, const struct acl_use *use,
			   const struct acl_list *list, struct fx *fx)
{
	static const struct acl_match nobody = { 0, 0 }, anybody = { 0, ACL_WILD_ANY },
				      everybody = { UINT32_MAX, 0 };
	const struct acl_line *first = dhcp_line(list, &nobody, NULL);
	const struct acl_line *pool = first ? pool_line(list, &first->dst) : NULL;
	char net[ADDR_TEXT_LEN], text[ADDR_TEXT_LEN + 4];
	struct addr a, mask;

	if (use->out || !pool || !dhcp_line(list, &anybody, &everybody))
		return;
	a = addr4_from_u32(pool->src.addr);
	mask = addr4_from_u32(~pool->src.wildcard);
	snprintf(text, sizeof(text), "%s/%d", addr_format(&a, net), addr4_mask_plen(&mask));
	decide(fx, "acl.dhcp4.example", V_TEXT("list", list->name),
	       V_TEXT("interface", iface_text(f, use->ifid)), V_TEXT("pool", text),
	       V_ADDR("server", addr4_from_u32(first->dst.addr)));
}

static void decide_news(const struct acl_filter *f, const struct acl_use *use, struct fx *fx)
{
	const struct acl_list *list = acl_list_find(&f->conf->lists, use->list);
	const struct val values[] = {
		V_TEXT("list", use->list),
		V_TEXT("direction", dir_text(use->out)),
		V_TEXT("interface", iface_text(f, use->ifid)),
		V_INT("entries", list ? count_entries(list) : 0),
		V_END,
	};

	fx_decide(fx, rule_of(f, use, list), values);
	if (list)
		decide_example(f, use, list, fx);
}

/* ---- to the kernel ---- */

static void remember(struct acl_filter *f)
{
	const struct acl_lists *lists = &f->conf->lists;

	free(f->bound);
	f->bound = calloc(lists->n_uses + 1, sizeof(*f->bound));
	if (!f->bound)
		abort();
	f->n_bound = lists->n_uses;
	for (unsigned i = 0; i < lists->n_uses; i++) {
		const struct acl_use *use = &lists->uses[i];
		struct acl_bound *b = &f->bound[i];

		*b = (struct acl_bound){ .ifid = use->ifid,
					 .out = use->out,
					 .revision = revision_of(f, use) };
		str_copy(b->list, sizeof(b->list), use->list);
	}
}

/* The counters are asked for first: a new set begins them at 0. */
static void apply(struct acl_filter *f, struct fx *fx)
{
	const struct acl_lists *lists = &f->conf->lists;

	if (!anything_new(f))
		return;
	acl_ask_counters(ACL_ASK_CARRY, 0, fx);
	decide_unbound(f, fx);
	for (unsigned i = 0; i < lists->n_uses; i++)
		if (is_news(f, &lists->uses[i]))
			decide_news(f, &lists->uses[i], fx);
	remember(f);
	f->effect = fx_acl(fx, lists);
}

/* What the kernel did not take is told to it anew with the next change. */
static void refused(struct acl_filter *f, const struct ev *ev, struct fx *fx)
{
	if (ev->done.what != FX_ACL || ev->done.effect != f->effect)
		return;
	decide(fx, "acl.list.refused", V_TEXT("reason", ev->done.text));
	acl_tallies_undo(f->tallies);
	f->n_bound = 0;
}

/* ---- from the kernel ---- */

static bool wants_log(const struct acl_filter *f, const struct acl_report *r)
{
	const struct acl_list *list = acl_list_find(&f->conf->lists, r->list);
	const struct acl_line *line = list && r->seq ? acl_line_find(list, r->seq) : NULL;

	return line && line->log;
}

static void on_packet(struct acl_filter *f, const struct acl_report *r, nsec_t now, struct fx *fx)
{
	struct acl_packet p;

	if (acl_packet_read(r->packet, r->packet_len, &p) < 0) {
		decide(fx, "acl.report.drop-unreadable", V_TEXT("list", r->list));
		return;
	}
	acl_decide_report(&f->conf->lists, f->dev, r, &p, fx);
	if (wants_log(f, r))
		acl_log_packet(f->log, r, &p, now, fx);
	if (f->tell_at_ns == NEVER)
		f->tell_at_ns = now + TELL_AFTER_NS;
}

static void on_report(struct acl_filter *f, const struct ev *ev, struct fx *fx)
{
	struct acl_report r;

	if (ev->dgram.sock != ACL_SOCK_REPORTS)
		return;
	if (acl_report_read(ev->dgram.data, ev->dgram.len, &r) < 0) {
		decide(fx, "acl.report.drop-unreadable", V_TEXT("list", "an access list"));
		return;
	}
	if (r.lost > 0)
		decide(fx, "acl.report.lost", V_INT("count", r.lost));
	on_packet(f, &r, ev->now, fx);
}

static void on_timer(struct acl_filter *f, nsec_t now, struct fx *fx)
{
	if (f->tell_at_ns <= now) {
		f->tell_at_ns = NEVER;
		acl_ask_counters(ACL_ASK_HITS, 0, fx);
	}
	acl_log_timer(f->log, now, fx);
}

static void on_answer(struct acl_filter *f, const struct ev *ev, struct fx *fx)
{
	const struct answer *a = ev->answer.answer;
	enum acl_asked why = ev->answer.ask_id >> ACL_ASK_SHIFT;

	if (why == ACL_ASK_CARRY) {
		acl_tallies_carry(f->tallies, &f->conf->lists, a, fx);
	} else if (why == ACL_ASK_HITS) {
		if (a->err)
			return;
		acl_tallies_read(f->tallies, a);
		acl_tallies_tell(f->tallies, &f->conf->lists, fx);
	} else {
		acl_show_answer(f, why, ev->answer.ask_id & ((1u << ACL_ASK_SHIFT) - 1), a, fx);
	}
}

/* ---- the machine ---- */

static void filter_destroy(void *machine)
{
	struct acl_filter *f = machine;

	if (!f)
		return;
	acl_tallies_free(f->tallies);
	acl_log_free(f->log);
	free(f->bound);
	free(f);
}

static void *filter_create(const struct machine_env *env)
{
	struct acl_filter *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->conf = env->conf;
	f->dev = env->dev;
	f->tell_at_ns = NEVER;
	f->tallies = acl_tallies_new();
	f->log = acl_log_new();
	if (!f->tallies || !f->log) {
		filter_destroy(f);
		return NULL;
	}
	return f;
}

/* May a packet from this address pass the list? One that does not exist, or has no line, denies
 * nobody. */
static bool permits(const struct acl_lists *lists, const struct ask_acl *q)
{
	const struct acl_list *list = acl_list_find(lists, q->list);
	struct acl_packet p = { .src = addr4_u32(&q->src), .icmp_type = -1, .icmp_code = -1 };

	if (!list || acl_list_is_empty(list))
		return true;
	for (unsigned i = 0; i < list->n_lines; i++)
		if (acl_line_matches(&list->lines[i], &p))
			return list->lines[i].action == ACL_PERMIT;
	return false;
}

static void on_ask(struct acl_filter *f, const struct ev *ev, struct fx *fx)
{
	struct answer a = { .err = permits(&f->conf->lists, &ev->ask.ask->acl) ? 0 : -EACCES };

	if (a.err)
		str_copy(a.why, sizeof(a.why), "the access list denies it");
	fx_answer(fx, ev->ask.ask_id, &a);
}

static void filter_event(void *machine, const struct ev *ev, struct fx *fx)
{
	struct acl_filter *f = machine;

	switch (ev->kind) {
	case EV_START:
	case EV_CONF:
		apply(f, fx);
		break;
	case EV_DATAGRAM:
		on_report(f, ev, fx);
		break;
	case EV_TIMER:
		on_timer(f, ev->now, fx);
		break;
	case EV_ANSWER:
		on_answer(f, ev, fx);
		break;
	case EV_ASK:
		on_ask(f, ev, fx);
		break;
	case EV_DONE:
		refused(f, ev, fx);
		break;
	case EV_OPENED:
	case EV_BYTES:
	case EV_DRAINED:
	case EV_CLOSED:
	case EV_LINK:
	case EV_ADDR:
	case EV_RESTORE:
	case EV_LOG:
	case EV_INPUT:
	case EV_LINE:
	case EV_STOP:
		break;
	}
}

static nsec_t filter_deadline(const void *machine)
{
	const struct acl_filter *f = machine;
	nsec_t log = acl_log_deadline(f->log);

	return log < f->tell_at_ns ? log : f->tell_at_ns;
}

const struct machine_class acl_filter_class = {
	.name = "acl.filter",
	.kinds = KINDS_L3,
	.answers = BIT(ASK_ACL),
	.create = filter_create,
	.destroy = filter_destroy,
	.event = filter_event,
	.deadline = filter_deadline,
};
