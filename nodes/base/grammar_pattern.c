#include "base/grammar_pattern.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"

static const struct {
	const char *text;
	enum typed_word typed;
} typed_words[] = {
	{ "WORD", T_WORD },	 { "LINE", T_LINE },
	{ "A.B.C.D", T_ADDR4 },	 { "A.B.C.D/M", T_PREFIX4 },
	{ "X:X::X:X", T_ADDR6 }, { "X:X::X:X/M", T_PREFIX6 },
	{ "IP", T_IP },		 { "MAC", T_MAC },
	{ "IFNAME", T_IFNAME },	 { "HOST", T_HOST },
};

/* What is being compiled. */
struct compiler {
	struct row *row;
	struct element e[ELEMENTS_MAX];
	unsigned n;
	unsigned open[ELEMENTS_MAX]; /* places of the groups not yet closed */
	unsigned depth;
	bool leading; /* only literals so far */
	const char *why;
};

static int fail(struct compiler *c, const char *why)
{
	c->why = why;
	return -EINVAL;
}

static int add(struct compiler *c, struct element e)
{
	bool captured = e.kind == E_TYPED || e.kind == E_CHOICE;

	if (c->n == ELEMENTS_MAX)
		return fail(c, "too many words");
	if (captured && c->row->n_args == ARGS_MAX)
		return fail(c, "too many captured words");
	if (captured)
		e.arg = c->row->n_args++;
	if (e.kind != E_LITERAL)
		c->leading = false;
	else if (c->leading)
		c->row->n_leading++;
	c->e[c->n++] = e;
	return 0;
}

/* <a-b> */
static int add_range(struct compiler *c, char *word)
{
	char copy[64];
	char *dash, *end;
	uint64_t min, max;

	if (!str_copy(copy, sizeof(copy), word))
		return fail(c, "a range is too long");
	dash = strchr(copy, '-');
	end = strchr(copy, '>');
	if (!dash || !end || end[1] != '\0')
		return fail(c, "a range is <a-b>");
	*dash = *end = '\0';
	if (str_to_u64(copy + 1, INT64_MAX, &min) < 0 ||
	    str_to_u64(dash + 1, INT64_MAX, &max) < 0 || min > max)
		return fail(c, "a range is <a-b>, two numbers in order");
	return add(c, (struct element){ .kind = E_TYPED,
					.typed = T_NUMBER,
					.text = word,
					.min = (int64_t)min,
					.max = (int64_t)max });
}

/* (a|b|c) */
static int add_choice(struct compiler *c, char *word)
{
	size_t len = strlen(word);
	size_t n = 0;
	const char **choices;
	char *rest;

	if (len < 3 || word[len - 1] != ')')
		return fail(c, "a choice is (a|b) without blanks");
	word[len - 1] = '\0';
	choices = calloc(CHOICES_MAX + 1, sizeof(*choices));
	if (!choices)
		abort();
	for (char *at = strtok_r(word + 1, "|", &rest); at; at = strtok_r(NULL, "|", &rest)) {
		if (n == CHOICES_MAX) {
			free(choices);
			return fail(c, "a choice has too many words");
		}
		choices[n++] = at;
	}
	if (add(c, (struct element){ .kind = E_CHOICE, .choices = choices }) == 0)
		return 0;
	free(choices);
	return -EINVAL;
}

static int add_word(struct compiler *c, char *word)
{
	if (*word == '<')
		return add_range(c, word);
	if (*word == '(')
		return add_choice(c, word);
	for (size_t i = 0; i < ARRAY_SIZE(typed_words); i++)
		if (strcmp(word, typed_words[i].text) == 0)
			return add(c, (struct element){ .kind = E_TYPED,
							.typed = typed_words[i].typed,
							.text = word });
	for (const char *p = word; *p; p++)
		if (isupper((unsigned char)*p))
			return fail(c, "an unknown typed word, or a literal in upper case");
	return add(c, (struct element){ .kind = E_LITERAL, .text = word });
}

static int open_group(struct compiler *c)
{
	c->open[c->depth++] = c->n;
	return add(c, (struct element){ .kind = E_OPEN });
}

static int close_group(struct compiler *c)
{
	if (c->depth == 0)
		return fail(c, "a ] without its [");
	if (add(c, (struct element){ .kind = E_CLOSE }) < 0)
		return -EINVAL;
	c->e[c->open[--c->depth]].jump = c->n;
	return 0;
}

/* One blank-separated piece of the pattern: brackets around at most one word. */
static int add_piece(struct compiler *c, char *piece)
{
	size_t len, closing = 0;
	int r = 0;

	for (; *piece == '[' && r == 0; piece++)
		r = open_group(c);
	len = strlen(piece);
	while (len > 0 && piece[len - 1] == ']') {
		piece[--len] = '\0';
		closing++;
	}
	if (r == 0 && len > 0)
		r = add_word(c, piece);
	for (; closing > 0 && r == 0; closing--)
		r = close_group(c);
	return r;
}

/* LINE takes the rest, so only the ends of groups may follow it. */
static int check_line_is_last(struct compiler *c)
{
	for (unsigned i = 0; i < c->n; i++) {
		if (c->e[i].kind != E_TYPED || c->e[i].typed != T_LINE)
			continue;
		for (unsigned k = i + 1; k < c->n; k++)
			if (c->e[k].kind != E_CLOSE)
				return fail(c, "LINE must be the last word");
	}
	return 0;
}

static int compile(struct compiler *c, char *pattern)
{
	char *rest;
	int r = 0;

	for (char *p = strtok_r(pattern, " ", &rest); p && r == 0; p = strtok_r(NULL, " ", &rest))
		r = add_piece(c, p);
	if (r < 0)
		return r;
	if (c->depth > 0)
		return fail(c, "a [ without its ]");
	if (c->n == 0 || c->e[0].kind == E_OPEN)
		return fail(c, "a pattern starts with a word that must be there");
	r = check_line_is_last(c);
	return r < 0 ? r : add(c, (struct element){ .kind = E_END });
}

int row_compile(const char *pattern, struct row *ret, const char **ret_why)
{
	struct row row = { .pattern = strdup(pattern) };
	struct compiler c = { .row = &row, .leading = true };
	int r;

	if (!row.pattern)
		abort();
	r = compile(&c, row.pattern);
	row.elements = calloc(c.n + 1, sizeof(*row.elements));
	if (!row.elements)
		abort();
	memcpy(row.elements, c.e, c.n * sizeof(*row.elements)); /* E_END is 0 */
	if (r < 0) {
		row_done(&row);
		*ret_why = c.why;
		return r;
	}
	row.cmd = ret->cmd;
	row.owner = ret->owner;
	*ret = row;
	return 0;
}

void row_done(struct row *row)
{
	for (const struct element *e = row->elements; e && e->kind != E_END; e++)
		free(e->choices);
	free(row->elements);
	free(row->pattern);
	row->elements = NULL;
	row->pattern = NULL;
}

int pattern_check(const char *pattern, const char **ret_why)
{
	struct row row = { 0 };
	int r = row_compile(pattern, &row, ret_why);

	if (r == 0)
		row_done(&row);
	return r;
}

unsigned row_leaves(const struct row *row, unsigned pos, unsigned out[static ELEMENTS_MAX])
{
	unsigned n = 0;

	/* Inside a group or past it: the inside comes first, the rest is where the jump leads. */
	while (row->elements[pos].kind == E_CLOSE)
		pos++;
	while (row->elements[pos].kind == E_OPEN) {
		unsigned inner[ELEMENTS_MAX];
		unsigned n_inner = row_leaves(row, pos + 1, inner);

		for (unsigned i = 0; i < n_inner && n < ELEMENTS_MAX; i++)
			out[n++] = inner[i];
		pos = row->elements[pos].jump;
		while (row->elements[pos].kind == E_CLOSE)
			pos++;
	}
	if (n < ELEMENTS_MAX)
		out[n++] = pos;
	return n;
}
