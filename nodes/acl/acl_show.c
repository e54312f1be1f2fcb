/* show access-lists, clear access-list counters.
 *
 * Both need the kernel's counters, which come as an answer: the ask's id is the command's, plus
 * what it is for. The list's name waits here meanwhile. */
#include "acl/acl_int.h"

#include <string.h>

void acl_ask_counters(enum acl_asked why, uint32_t call, struct fx *fx)
{
	struct ask ask = { .kind = ASK_KERNEL, .kernel = { .table = KERNEL_ACL } };

	fx_ask(fx, (uint32_t)why << ACL_ASK_SHIFT | call, &ask);
}

static struct acl_waiting *waiting_find(struct acl_filter *f, uint32_t call)
{
	for (size_t i = 0; i < ACL_WAITING_MAX; i++)
		if (f->waiting[i].call == call)
			return &f->waiting[i];
	return NULL;
}

static void run(struct acl_filter *f, enum acl_asked why, const struct call *call, struct fx *fx)
{
	const char *name = call->n_args && call->args[0].type != ARG_NONE ? call->args[0].text : "";
	struct acl_waiting *w = waiting_find(f, 0);

	if (!w || (*name && !acl_list_find(&f->conf->lists, name))) {
		if (w)
			fx_print(fx, call->id, "%% There is no access list %s\n", name);
		else
			fx_print(fx, call->id, "%% Too many commands wait for the counters\n");
		fx_cmd_done(fx, call->id, 1);
		return;
	}
	w->call = call->id;
	str_copy(w->list, sizeof(w->list), name);
	acl_ask_counters(why, call->id, fx);
}

void acl_show_run(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	(void)now;
	run(machine, ACL_ASK_SHOW, call, fx);
}

void acl_clear_run(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	(void)now;
	run(machine, ACL_ASK_CLEAR, call, fx);
}

static void show_line(struct acl_filter *f, uint32_t call, const struct acl_list *list,
		      const struct acl_line *line, struct fx *fx)
{
	uint64_t n = acl_tally_of(f->tallies, list->name, line->seq);
	struct sbuf text = SBUF(512);

	acl_line_show(line, list->extended, &text);
	fx_print(fx, call, "    %u %s", line->seq, sbuf_text(&text));
	if (n > 0)
		fx_print(fx, call, " (%llu match%s)", (unsigned long long)n, n == 1 ? "" : "es");
	fx_print(fx, call, "\n");
	sbuf_done(&text);
}

static void show_list(struct acl_filter *f, uint32_t call, const struct acl_list *list,
		      struct fx *fx)
{
	fx_print(fx, call, "%s IP access list %s\n", list->extended ? "Extended" : "Standard",
		 list->name);
	for (unsigned i = 0; i < list->n_lines; i++)
		if (list->lines[i].action != ACL_REMARK)
			show_line(f, call, list, &list->lines[i], fx);
}

static void show(struct acl_filter *f, uint32_t call, const char *name, struct fx *fx)
{
	const struct acl_lists *lists = &f->conf->lists;
	unsigned n = 0;

	for (unsigned i = 0; i < lists->n_lists; i++)
		n += !*name || strcmp(lists->lists[i].name, name) == 0;
	decide(fx, "acl.show.lists", V_INT("count", n));
	for (unsigned i = 0; i < lists->n_lists; i++)
		if (!*name || strcmp(lists->lists[i].name, name) == 0)
			show_list(f, call, &lists->lists[i], fx);
}

static void clear(struct acl_filter *f, const char *name, struct fx *fx)
{
	decide(fx, "acl.counters.clear", V_TEXT("list", *name ? name : "all access lists"));
	acl_tallies_clear(f->tallies, *name ? name : NULL);
}

void acl_show_answer(struct acl_filter *f, enum acl_asked why, uint32_t call,
		     const struct answer *a, struct fx *fx)
{
	struct acl_waiting *w = waiting_find(f, call);

	if (!w)
		return;
	if (a->err) {
		fx_print(fx, call, "%% The kernel's counters cannot be read: %s\n", a->why);
	} else {
		acl_tallies_read(f->tallies, a);
		if (why == ACL_ASK_SHOW)
			show(f, call, w->list, fx);
		else
			clear(f, w->list, fx);
	}
	w->call = 0;
	fx_cmd_done(fx, call, a->err ? 1 : 0);
}
