#include "conf_set.h"

#include <errno.h>
#include <string.h>

#include "base/sbuf.h"

static uint32_t find_iface(const struct device *dev, const char *name,
			   char display[static IFNAME_DISPLAY_MAX])
{
	const struct iface *f = device_iface_by_name(dev, name);

	if (!f)
		return 0;
	str_copy(display, IFNAME_DISPLAY_MAX, f->name);
	return f->id;
}

static const char *iface_name(const struct device *dev, unsigned i)
{
	return i < dev->n_ifaces ? dev->ifaces[i].name : NULL;
}

/* One grammar per kind of device, made at its first use and never freed: read-only, so that nodes
 * share what the zygote made. */
static struct grammar *grammars[N_KINDS];

const struct grammar *conf_grammar(enum device_kind kind)
{
	static const struct grammar_ifaces ifaces = { .find = find_iface, .name = iface_name };
	struct grammar_table tables[CONF_PROTOS_MAX];
	size_t n = 0;

	for (unsigned i = 0; i < CONF_PROTOS_MAX && protos[i] && !grammars[kind]; i++)
		if (protos[i]->cmds)
			tables[n++] = (struct grammar_table){ .rows = protos[i]->cmds, .owner = i };
	if (!grammars[kind])
		grammars[kind] = grammar_new(tables, n, kind, &ifaces);
	return grammars[kind];
}

int conf_set_open(struct conf_set *set, const struct device *dev)
{
	*set = (struct conf_set){ .dev = dev };
	for (unsigned i = 0; i < CONF_PROTOS_MAX && protos[i]; i++) {
		if (!protos[i]->conf_new)
			continue;
		set->confs[i] = protos[i]->conf_new(dev);
		if (!set->confs[i])
			return -ENOMEM;
	}
	set->grammar = conf_grammar(dev->kind);
	set->tree = conf_tree_new();
	return set->grammar && set->tree ? 0 : -ENOMEM;
}

void conf_set_close(struct conf_set *set)
{
	for (unsigned i = 0; i < CONF_PROTOS_MAX && protos[i]; i++)
		if (protos[i]->conf_free)
			protos[i]->conf_free(set->confs[i]);
	conf_tree_free(set->tree);
	*set = (struct conf_set){ 0 };
}

struct conf_target conf_set_target(const struct conf_set *set)
{
	return (struct conf_target){
		.grammar = set->grammar, .tree = set->tree, .confs = set->confs, .dev = set->dev
	};
}

int conf_set_check(const struct conf_set *set, struct sbuf *reterr)
{
	for (unsigned i = 0; i < CONF_PROTOS_MAX && protos[i]; i++)
		if (protos[i]->conf_check && protos[i]->conf_check(set->confs[i], reterr) < 0)
			return -EINVAL;
	return 0;
}

int conf_set_read(struct conf_set *set, const char *text, conf_issue_fn issue,
		  conf_line_fn accepted, void *arg)
{
	struct conf_target t = conf_set_target(set);
	struct sbuf why = SBUF(1024);
	int r = conf_read(&t, text, issue, accepted, arg);

	if (r == 0 && conf_set_check(set, &why) < 0) {
		struct conf_issue whole = { .text = sbuf_text(&why) };

		issue(arg, &whole);
		r = -EINVAL;
	}
	sbuf_done(&why);
	return r;
}
