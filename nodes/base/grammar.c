#include "base/grammar_pattern.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/sbuf.h"

enum { STATES_MAX = 65536 };

static struct mode *mode_get(struct grammar *g, const char *name)
{
	struct mode *modes;

	for (size_t i = 0; i < g->n_modes; i++)
		if (strcmp(g->modes[i].name, name) == 0)
			return &g->modes[i];
	modes = reallocarray(g->modes, g->n_modes + 1, sizeof(*modes));
	if (!modes)
		abort();
	g->modes = modes;
	modes[g->n_modes] = (struct mode){ .name = name };
	return &modes[g->n_modes++];
}

static void mode_add(struct mode *m, const struct cmd *cmd, unsigned owner)
{
	struct row row = { .cmd = cmd, .owner = owner };
	const char *why;

	if (row_compile(cmd->pattern, &row, &why) < 0) {
		fprintf(stderr, "the pattern \"%s\" is wrong: %s\n", cmd->pattern, why);
		abort();
	}
	if (m->n == m->size) {
		m->size = m->size ? 2 * m->size : 16;
		m->rows = reallocarray(m->rows, m->size, sizeof(*m->rows));
		if (!m->rows)
			abort();
	}
	m->rows[m->n++] = row;
}

struct grammar *grammar_new(const struct grammar_table *tables, size_t n_tables,
			    enum device_kind kind, const struct grammar_ifaces *ifaces)
{
	struct grammar *g = calloc(1, sizeof(*g));

	if (!g)
		abort();
	if (ifaces)
		g->ifaces = *ifaces;
	for (size_t i = 0; i < n_tables; i++) {
		for (const struct cmd *c = tables[i].rows; c && c->mode; c++)
			if (c->kinds == 0 || (c->kinds & KIND_BIT(kind)))
				mode_add(mode_get(g, c->mode), c, tables[i].owner);
	}
	return g;
}

void grammar_free(struct grammar *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->n_modes; i++) {
		for (size_t k = 0; k < g->modes[i].n; k++)
			row_done(&g->modes[i].rows[k]);
		free(g->modes[i].rows);
	}
	free(g->modes);
	free(g);
}

const struct mode *mode_find(const struct grammar *g, const char *name)
{
	for (size_t i = 0; i < g->n_modes; i++)
		if (strcmp(g->modes[i].name, name) == 0)
			return &g->modes[i];
	return NULL;
}

bool grammar_has_mode(const struct grammar *g, const char *mode)
{
	return mode_find(g, mode) != NULL;
}

static void push(struct states *all, const struct state *s)
{
	if (all->n == all->size) {
		all->size = all->size ? 2 * all->size : 64;
		all->s = reallocarray(all->s, all->size, sizeof(*all->s));
		if (!all->s)
			abort();
	}
	all->s[all->n++] = *s;
}

/* "no" is a prefix of configuration lines only. */
static bool takes_no(const char *mode)
{
	return strcmp(mode, MODE_EXEC) != 0;
}

int lookup_init(struct lookup *l, const struct grammar *g, const char *mode, const char *line,
		const struct device *dev)
{
	int r;

	memset(&l->states, 0, sizeof(l->states));
	l->g = g;
	l->dev = dev;
	l->mode = mode_find(g, mode);
	r = words_split(line, &l->words);
	if (r < 0)
		return r;
	l->no = takes_no(mode) && l->words.n > 0 && !l->words.w[0].quoted &&
		strcasecmp(l->words.w[0].text, "no") == 0;
	l->first = l->no;
	for (size_t i = 0; l->mode && i < l->mode->n; i++) {
		const struct row *row = &l->mode->rows[i];

		if (l->no && !(row->cmd->flags & CMD_NO))
			continue;
		push(&l->states,
		     &(struct state){ .row = row, .parent = -1, .element = ELEMENT_NONE });
	}
	return 0;
}

void lookup_done(struct lookup *l)
{
	free(l->states.s);
	l->states.s = NULL;
}

bool state_complete(const struct lookup *l, const struct state *s)
{
	unsigned leaves[ELEMENTS_MAX];
	unsigned n = row_leaves(s->row, s->pos, leaves);

	if (s->skip > 0)
		return false;
	if (l->no && s->pos >= s->row->n_leading && s->pos > 0)
		return true;
	for (unsigned i = 0; i < n; i++)
		if (s->row->elements[leaves[i]].kind == E_END)
			return true;
	return false;
}

/* The states that follow state `at` (a number, since the array may move) through one word. */
static void step_state(struct lookup *l, size_t at, unsigned word)
{
	struct state s = l->states.s[at];
	unsigned leaves[ELEMENTS_MAX];
	unsigned n, span;

	if (s.skip > 0) {
		s.skip--;
		s.parent = (int)at;
		s.element = ELEMENT_NONE;
		s.fit = FIT_EXACT;
		push(&l->states, &s);
		return;
	}
	n = row_leaves(s.row, s.pos, leaves);
	for (unsigned i = 0; i < n; i++) {
		const struct element *e = &s.row->elements[leaves[i]];

		for (unsigned option = 0; option == 0 || element_literal(e, option); option++) {
			enum fit fit = element_fit(l, e, option, word, &span);

			if (fit == FIT_NONE)
				continue;
			push(&l->states, &(struct state){ .row = s.row,
							  .pos = leaves[i] + 1,
							  .skip = span - 1,
							  .rank = s.rank,
							  .fit = fit,
							  .parent = (int)at,
							  .element = leaves[i],
							  .word = word,
							  .span = span,
							  .choice = option });
			if (e->kind != E_CHOICE)
				break;
		}
	}
}

static const char *state_literal(const struct state *s)
{
	if (s->element == ELEMENT_NONE)
		return NULL;
	return element_literal(&s->row->elements[s->element], s->choice);
}

/* Does one of the states from `from` on have this fit? */
static bool has_fit(const struct states *all, size_t from, enum fit fit)
{
	for (size_t i = from; i < all->n; i++)
		if (all->s[i].fit == fit)
			return true;
	return false;
}

/* Do the abbreviated literals among the new states name more than one word? */
static bool prefixes_differ(const struct states *all, size_t from)
{
	const char *seen = NULL;

	for (size_t i = from; i < all->n; i++) {
		const char *literal = state_literal(&all->s[i]);

		if (all->s[i].fit != FIT_PREFIX || !literal)
			continue;
		if (seen && strcmp(seen, literal) != 0)
			return true;
		seen = literal;
	}
	return false;
}

static void drop_prefixes(struct states *all, size_t from)
{
	size_t to = from;

	for (size_t i = from; i < all->n; i++)
		if (all->s[i].fit != FIT_PREFIX)
			all->s[to++] = all->s[i];
	all->n = to;
}

static int better(const void *a, const void *b)
{
	const struct state *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	if (x->fit != y->fit)
		return x->fit > y->fit ? -1 : 1;
	/* Table order, then order within the row: the parents' order is theirs. */
	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	return x->element < y->element ? -1 : x->element > y->element;
}

/* Sorts the new states, best first, and ranks them anew. */
static void rank_states(struct states *all, size_t from)
{
	struct state *s = all->s + from;
	size_t n = all->n - from;
	unsigned rank = 0, last_rank = 0;

	qsort(s, n, sizeof(*s), better);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && (s[i].rank != last_rank || s[i].fit != s[i - 1].fit))
			rank++;
		last_rank = s[i].rank;
		s[i].rank = rank;
	}
}

/* One word on. -EINVAL, -ENOTUNIQ or -E2BIG; then the states before it are still in place. */
static int step(struct lookup *l, unsigned word)
{
	struct states *all = &l->states;
	size_t before = all->from, from = all->n;

	for (size_t i = before; i < from && all->n < STATES_MAX; i++)
		step_state(l, i, word);
	if (all->n >= STATES_MAX)
		return -E2BIG;
	if (all->n == from)
		return -EINVAL;
	if (has_fit(all, from, FIT_EXACT)) {
		drop_prefixes(all, from);
	} else if (prefixes_differ(all, from)) {
		drop_prefixes(all, from);
		if (all->n == from)
			return -ENOTUNIQ;
	}
	rank_states(all, from);
	all->from = from;
	return 0;
}

static size_t distance(const char *a, const char *b)
{
	size_t row[33], n = strlen(b);

	if (n > 32 || strlen(a) > 32)
		return SIZE_MAX;
	for (size_t k = 0; k <= n; k++)
		row[k] = k;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t k = 1; k <= n; k++) {
			size_t best = diagonal + (strncasecmp(&a[i], &b[k - 1], 1) != 0);

			diagonal = row[k];
			if (row[k] + 1 < best)
				best = row[k] + 1;
			if (row[k - 1] + 1 < best)
				best = row[k - 1] + 1;
			row[k] = best;
		}
	}
	return row[n];
}

static void hint_item(void *arg, const char *word, const char *help)
{
	struct grammar_error *e = arg;
	size_t limit = strlen(e->got) < 5 ? 1 : 2;
	size_t d = distance(e->got, word);

	(void)help;
	if (*word == '<' || (*word >= 'A' && *word <= 'Z'))
		return; /* a typed word */
	if (d <= limit && (e->hint[0] == '\0' || d < distance(e->got, e->hint)))
		str_copy(e->hint, sizeof(e->hint), word);
}

struct expected_list {
	struct sbuf text;
	unsigned n, shown;
};

static void expected_item(void *arg, const char *word, const char *help)
{
	struct expected_list *list = arg;

	(void)help;
	list->n++;
	if (list->text.len + strlen(word) + 2 > list->text.max)
		return;
	sbuf_printf(&list->text, "%s%s", list->shown ? ", " : "", word);
	list->shown++;
}

/* Fills what might have stood at `word`. */
static void fill_expected(struct lookup *l, unsigned word, struct grammar_error *e)
{
	struct expected_list list = { .text = SBUF(sizeof(e->expected) - 20) };
	size_t to = l->states.n;

	if (word < l->words.n)
		str_copy(e->got, sizeof(e->got), l->words.w[word].text);
	e->column = word < l->words.n ? l->words.w[word].column : (unsigned)l->words.line_len + 2;
	lookup_items(l, l->states.from, to, NULL, expected_item, &list);
	lookup_items(l, l->states.from, to, NULL, hint_item, e);
	str_copy(e->expected, sizeof(e->expected), sbuf_text(&list.text));
	if (list.shown < list.n)
		snprintf(e->expected + strlen(e->expected),
			 sizeof(e->expected) - strlen(e->expected), " or %u more",
			 list.n - list.shown);
	sbuf_done(&list.text);
}

int lookup_run(struct lookup *l, unsigned n, struct grammar_error *reterr)
{
	for (unsigned word = l->first; word < n; word++) {
		size_t alive = l->states.n;
		int r = step(l, word);

		if (r == 0)
			continue;
		l->states.n = alive;
		reterr->status = r == -ENOTUNIQ ? GRAMMAR_AMBIGUOUS
				 : r == -E2BIG	? GRAMMAR_TOO_LONG
						: GRAMMAR_INVALID;
		fill_expected(l, word, reterr);
		return r;
	}
	return 0;
}

/* Appends to canonical or key: a word, quoted when it would otherwise be read as something else. */
static int put_word(struct sbuf *out, const char *word, bool quote)
{
	int r = out->len ? sbuf_puts(out, " ") : 0;

	if (!quote)
		return r ? r : sbuf_puts(out, word);
	r |= sbuf_puts(out, "\"");
	for (const char *p = word; *p; p++) {
		if (*p == '"' || *p == '\\')
			r |= sbuf_puts(out, "\\");
		r |= sbuf_put(out, p, 1);
	}
	return r | sbuf_puts(out, "\"");
}

static bool needs_quotes(const struct words *w, const struct state *s)
{
	return w->w[s->word].quoted && s->span == 1;
}

static int put_arg(struct sbuf *out, const struct words *w, const struct state *s,
		   const struct arg *arg)
{
	char text[ADDR_TEXT_LEN];
	struct sbuf word = SBUF(64);
	int r;

	switch (arg->type) {
	case ARG_ADDR:
		return put_word(out, addr_format(&arg->addr, text), false);
	case ARG_PREFIX:
		sbuf_printf(&word, "%s/%u", addr_format(&arg->addr, text), arg->plen);
		r = put_word(out, sbuf_text(&word), false);
		sbuf_done(&word);
		return r;
	case ARG_MAC:
		return put_word(out, mac_format(&arg->mac, text), false);
	case ARG_NUMBER:
		sbuf_printf(&word, "%lld", (long long)arg->number);
		r = put_word(out, sbuf_text(&word), false);
		sbuf_done(&word);
		return r;
	case ARG_NONE:
	case ARG_WORD:
	case ARG_LINE:
	case ARG_IFNAME:
	case ARG_HOST:
	case ARG_CHOICE:
		break;
	}
	return put_word(out, arg->text, needs_quotes(w, s));
}

static void put_key(const struct row *row, struct grammar_match *m)
{
	struct sbuf key = SBUF(sizeof(m->key) - 1);

	for (const struct element *e = row->elements; e->kind != E_END; e++) {
		if (e->kind == E_OPEN)
			e = row->elements + e->jump - 1; /* its E_CLOSE */
		else if (e->kind == E_LITERAL)
			put_word(&key, e->text, false);
	}
	str_copy(m->key, sizeof(m->key), sbuf_text(&key));
	sbuf_done(&key);
}

/* Walks the winning path from its first word on. */
static int fill_path(const struct lookup *l, const struct state *last, struct grammar_match *m)
{
	const struct state *path[GRAMMAR_WORDS_MAX];
	struct sbuf canonical = SBUF(sizeof(m->canonical) - 1);
	char *store = m->store;
	unsigned n = 0;
	int r = l->no ? put_word(&canonical, "no", false) : 0;

	for (const struct state *s = last; s->parent >= 0; s = &l->states.s[s->parent])
		if (s->element != ELEMENT_NONE)
			path[n++] = s;
	while (n > 0 && r == 0) {
		const struct state *s = path[--n];
		const struct element *e = &s->row->elements[s->element];

		if (e->kind == E_LITERAL) {
			r = put_word(&canonical, e->text, false);
			continue;
		}
		arg_fill(l, s, &m->args[e->arg], &store);
		r = put_arg(&canonical, &l->words, s, &m->args[e->arg]);
	}
	str_copy(m->canonical, sizeof(m->canonical), sbuf_text(&canonical));
	sbuf_done(&canonical);
	return r < 0 ? -E2BIG : 0;
}

static int fill_match(const struct lookup *l, const struct state *last, struct grammar_match *m)
{
	m->cmd = last->row->cmd;
	m->owner = last->row->owner;
	m->no = l->no;
	m->n_args = last->row->n_args;
	for (unsigned i = 0; i < m->n_args; i++)
		m->args[i] = (struct arg){ .type = ARG_NONE, .text = "" };
	put_key(last->row, m);
	return fill_path(l, last, m);
}

static int finish(struct lookup *l, struct grammar_match *ret, struct grammar_error *reterr)
{
	for (size_t i = l->states.from; i < l->states.n; i++)
		if (state_complete(l, &l->states.s[i]))
			return fill_match(l, &l->states.s[i], ret);
	reterr->status = GRAMMAR_INCOMPLETE;
	fill_expected(l, l->words.n, reterr);
	return -ENODATA;
}

int grammar_parse(const struct grammar *g, const char *mode, const char *line,
		  const struct device *dev, struct grammar_match *ret, struct grammar_error *reterr)
{
	struct grammar_error e = { .status = GRAMMAR_OK, .column = 1 };
	struct lookup l;
	int r = lookup_init(&l, g, mode, line, dev);

	if (r < 0) {
		e.status = GRAMMAR_TOO_LONG;
	} else if (l.words.n == 0) {
		e.status = GRAMMAR_EMPTY;
		r = -ENODATA;
	} else {
		r = lookup_run(&l, l.words.n, &e);
		if (r == 0)
			r = finish(&l, ret, &e);
		if (r == -E2BIG)
			e.status = GRAMMAR_TOO_LONG;
	}
	lookup_done(&l);
	*reterr = e;
	return r;
}

void grammar_error_ios(const struct grammar_error *e, const char *line, unsigned indent,
		       struct sbuf *out)
{
	switch (e->status) {
	case GRAMMAR_OK:
	case GRAMMAR_EMPTY:
		break;
	case GRAMMAR_INVALID:
		sbuf_printf(out, "%*s^\n%% Invalid input detected at '^' marker.\n",
			    (int)(indent + e->column - 1), "");
		break;
	case GRAMMAR_AMBIGUOUS:
		sbuf_printf(out, "%% Ambiguous command:  \"%s\"\n", line);
		break;
	case GRAMMAR_INCOMPLETE:
		sbuf_puts(out, "% Incomplete command.\n");
		break;
	case GRAMMAR_TOO_LONG:
		sbuf_printf(out, "%% The line is too long: at most %u octets and %u words.\n",
			    LINE_MAX_LEN, GRAMMAR_WORDS_MAX);
		break;
	}
}

void grammar_error_sentence(const struct grammar_error *e, struct sbuf *out)
{
	switch (e->status) {
	case GRAMMAR_OK:
	case GRAMMAR_EMPTY:
		return;
	case GRAMMAR_INVALID:
		sbuf_printf(out, "\"%s\" is not known here", e->got);
		break;
	case GRAMMAR_AMBIGUOUS:
		sbuf_printf(out, "\"%s\" is short for several words", e->got);
		break;
	case GRAMMAR_INCOMPLETE:
		sbuf_puts(out, "the line is incomplete");
		break;
	case GRAMMAR_TOO_LONG:
		sbuf_printf(out, "the line is too long: at most %u octets and %u words",
			    LINE_MAX_LEN, GRAMMAR_WORDS_MAX);
		return;
	}
	if (e->expected[0])
		sbuf_printf(out, ": expected %s", e->expected);
	if (e->hint[0])
		sbuf_printf(out, "; did you mean \"%s\"?", e->hint);
}
