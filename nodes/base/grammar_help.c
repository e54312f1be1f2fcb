#include "base/grammar_pattern.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/sbuf.h"

enum { ITEMS_MAX = 1024, HELP_LEN = 64 };

static const char carriage_return[] = "<cr>";

/* One thing a line may go on with. */
struct item {
	const char *word;
	const struct row *row;
	unsigned pos; /* the element after it */
	bool typed;
};

struct items {
	struct item *items;
	size_t n, size;
};

static void add(struct items *all, const struct item *item)
{
	if (all->n == ITEMS_MAX)
		return;
	if (all->n == all->size) {
		all->size = all->size ? 2 * all->size : 32;
		all->items = reallocarray(all->items, all->size, sizeof(*all->items));
		if (!all->items)
			abort();
	}
	all->items[all->n++] = *item;
}

static void add_element(struct items *all, const struct row *row, unsigned pos)
{
	const struct element *e = &row->elements[pos];

	if (e->kind == E_TYPED) {
		add(all, &(struct item){ e->text, row, pos + 1, true });
		return;
	}
	for (unsigned option = 0; element_literal(e, option); option++)
		add(all, &(struct item){ element_literal(e, option), row, pos + 1, false });
}

/* What may follow the element before `pos`, without the end of the line. */
static void add_leaves(struct items *all, const struct row *row, unsigned pos)
{
	unsigned leaves[ELEMENTS_MAX];
	unsigned n = row_leaves(row, pos, leaves);

	for (unsigned i = 0; i < n; i++)
		add_element(all, row, leaves[i]);
}

/* By word; equal words in the order of the tables. */
static int by_word(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int r = strcmp(x->word, y->word);

	if (r == 0 && x->row != y->row)
		r = x->row < y->row ? -1 : 1;
	return r;
}

static void sort(struct items *all)
{
	if (all->n > 1)
		qsort(all->items, all->n, sizeof(*all->items), by_word);
}

/* The items from i on that have the same word: one past the last. */
static size_t group_end(const struct items *all, size_t i)
{
	size_t end = i + 1;

	while (end < all->n && strcmp(all->items[end].word, all->items[i].word) == 0)
		end++;
	return end;
}

/* A word of several rows is explained by what may follow it. */
static void help_of_group(const struct items *all, size_t from, size_t to,
			  char help[static HELP_LEN])
{
	struct sbuf text = SBUF(HELP_LEN - 5);
	struct items next = { 0 };

	for (size_t i = from; i < to; i++)
		add_leaves(&next, all->items[i].row, all->items[i].pos);
	sort(&next);
	for (size_t i = 0; i < next.n; i = group_end(&next, i)) {
		if (text.len + strlen(next.items[i].word) + 2 > text.max) {
			text.full = true;
			break;
		}
		sbuf_printf(&text, "%s%s", text.len ? ", " : "", next.items[i].word);
	}
	snprintf(help, HELP_LEN, "%s%s", sbuf_text(&text), text.full ? ", ..." : "");
	free(next.items);
	sbuf_done(&text);
}

static void tell_group(const struct items *all, size_t from, size_t to, grammar_item_fn fn,
		       void *arg)
{
	const struct item *first = &all->items[from];
	char help[HELP_LEN];

	for (size_t i = from + 1; i < to; i++) {
		if (all->items[i].row == first->row)
			continue;
		help_of_group(all, from, to, help);
		fn(arg, first->word, help);
		return;
	}
	fn(arg, first->word, first->row->cmd->help ? first->row->cmd->help : "");
}

static bool wanted(const struct item *item, const char *prefix)
{
	if (!prefix || !*prefix)
		return true;
	return !item->typed && strncasecmp(item->word, prefix, strlen(prefix)) == 0;
}

int lookup_items(const struct lookup *l, size_t from, size_t to, const char *prefix,
		 grammar_item_fn fn, void *arg)
{
	struct items all = { 0 };
	bool may_end = false;
	int n = 0;

	for (size_t i = from; i < to; i++) {
		const struct state *s = &l->states.s[i];

		if (s->skip == 0)
			add_leaves(&all, s->row, s->pos);
		may_end |= state_complete(l, s);
	}
	sort(&all);
	for (size_t i = 0; i < all.n; i = group_end(&all, i)) {
		if (!wanted(&all.items[i], prefix))
			continue;
		tell_group(&all, i, group_end(&all, i), fn, arg);
		n++;
	}
	free(all.items);
	if (may_end && (!prefix || !*prefix)) {
		fn(arg, carriage_return, "");
		n++;
	}
	return n;
}

/* The word being typed: "" after a blank. */
static const char *partial_word(const struct lookup *l, unsigned *ret_before)
{
	const struct words *w = &l->words;
	bool blank_at_end = w->line[w->line_len] != '\0';

	*ret_before = w->n;
	if (w->n == 0 || blank_at_end)
		return "";
	*ret_before = w->n - 1;
	return w->w[w->n - 1].text;
}

/* "no" itself, before any row's word, where some row has that form. */
static bool offers_no(const struct lookup *l, unsigned before, const char *partial)
{
	if (before > 0 || strncasecmp("no", partial, strlen(partial)) != 0 || !l->mode ||
	    strcmp(l->mode->name, MODE_EXEC) == 0)
		return false;
	for (size_t i = 0; i < l->mode->n; i++)
		if (l->mode->rows[i].cmd->flags & CMD_NO)
			return true;
	return false;
}

/* Follows the words before the partial one. The states they lead to are then in l. */
static int follow(struct lookup *l, const struct grammar *g, const char *mode, const char *line,
		  const struct device *dev, const char **ret_partial, unsigned *ret_before)
{
	struct grammar_error e = { 0 };
	int r = lookup_init(l, g, mode, line, dev);

	if (r < 0)
		return r;
	*ret_partial = partial_word(l, ret_before);
	if (l->no && *ret_before == 0) { /* "no" is still being typed */
		lookup_done(l);
		r = lookup_init(l, g, mode, "", dev);
		*ret_partial = "no";
		l->no = false;
		return r;
	}
	return lookup_run(l, *ret_before, &e);
}

int grammar_help(const struct grammar *g, const char *mode, const char *partial,
		 const struct device *dev, grammar_item_fn fn, void *arg)
{
	struct lookup l;
	const char *word;
	unsigned before;
	int r = follow(&l, g, mode, partial, dev, &word, &before);

	if (r == 0) {
		r = lookup_items(&l, l.states.from, l.states.n, word, fn, arg);
		if (offers_no(&l, before, word)) {
			fn(arg, "no", "Negate a line or set its default");
			r++;
		}
	}
	lookup_done(&l);
	return r;
}

/* Items of help that a person can type. */
struct completion {
	grammar_item_fn fn;
	void *arg;
	int n;
	bool wants_ifname;
};

static void complete_item(void *arg, const char *word, const char *help)
{
	struct completion *c = arg;

	if (strcmp(word, "IFNAME") == 0)
		c->wants_ifname = true;
	if (*word == '<' || (*word >= 'A' && *word <= 'Z'))
		return;
	c->fn(c->arg, word, help);
	c->n++;
}

static void complete_ifnames(const struct lookup *l, const char *partial, struct completion *c)
{
	const char *name;

	if (!l->dev || !l->g->ifaces.name)
		return;
	for (unsigned i = 0; (name = l->g->ifaces.name(l->dev, i)) != NULL; i++) {
		if (strncasecmp(name, partial, strlen(partial)) != 0)
			continue;
		c->fn(c->arg, name, "");
		c->n++;
	}
}

static void note_ifname(void *arg, const char *word, const char *help)
{
	struct completion *c = arg;

	(void)help;
	if (strcmp(word, "IFNAME") == 0)
		c->wants_ifname = true;
}

int grammar_complete(const struct grammar *g, const char *mode, const char *partial,
		     const struct device *dev, grammar_item_fn fn, void *arg)
{
	struct completion c = { .fn = fn, .arg = arg };
	struct lookup l;
	const char *word;
	unsigned before;
	int r = follow(&l, g, mode, partial, dev, &word, &before);

	if (r == 0) {
		lookup_items(&l, l.states.from, l.states.n, word, complete_item, &c);
		lookup_items(&l, l.states.from, l.states.n, NULL, note_ifname, &c);
		if (c.wants_ifname)
			complete_ifnames(&l, word, &c);
		if (offers_no(&l, before, word)) {
			fn(arg, "no", "");
			c.n++;
		}
		r = c.n;
	}
	lookup_done(&l);
	return r;
}
