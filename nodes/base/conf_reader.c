#include "base/conf_reader.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/sbuf.h"

const char *conf_ctx_mode(const struct conf_ctx *ctx)
{
	return ctx->depth ? ctx->level[ctx->depth - 1].mode : MODE_CONFIG;
}

const char *conf_ctx_line(const struct conf_ctx *ctx)
{
	return ctx->depth ? ctx->level[ctx->depth - 1].line : "";
}

bool conf_ctx_leave(struct conf_ctx *ctx)
{
	if (ctx->depth == 0)
		return false;
	ctx->depth--;
	return true;
}

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t\r");
}

/* Are the line's words these, in full or (the last one) cut short after `min` letters? */
static bool is_word(const char *line, const char *word, size_t min)
{
	size_t len = strcspn(line, " \t\r");

	return len >= min && len <= strlen(word) && strncasecmp(line, word, len) == 0 &&
	       *skip_blanks(line + len) == '\0';
}

static bool is_exit(const char *line)
{
	return is_word(line, "exit", 2);
}

static bool is_end(const char *line)
{
	return is_word(line, "end", 3);
}

static bool is_configure_terminal(const char *line)
{
	size_t len = strcspn(line, " \t\r");

	return len >= 4 && len <= strlen("configure") && strncasecmp(line, "configure", len) == 0 &&
	       is_word(skip_blanks(line + len), "terminal", 1);
}

static bool is_header(const char *line)
{
	static const char *const starts[] = { "version ", "Building configuration",
					      "Current configuration", "Using " };

	for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
		if (strncasecmp(line, starts[i], strlen(starts[i])) == 0)
			return strcmp(starts[i], "version ") != 0 ||
			       isdigit((unsigned char)*skip_blanks(line + strlen("version ")));
	return false;
}

bool line_is_noise(const char *line)
{
	line = skip_blanks(line);
	return *line == '\0' || *line == '!' || is_header(line) || is_exit(line) || is_end(line) ||
	       is_word(line, "enable", 2) || is_configure_terminal(line);
}

static void act_on_noise(struct conf_ctx *ctx, const char *line)
{
	line = skip_blanks(line);
	if (is_exit(line))
		conf_ctx_leave(ctx);
	else if (is_end(line))
		ctx->depth = 0;
}

/* The tree's node for a depth of the context; NULL when another session took the section away. */
static struct conf_node *node_at(const struct conf_target *t, const struct conf_ctx *ctx,
				 unsigned depth)
{
	struct conf_node *node = conf_tree_root(t->tree);

	for (unsigned i = 0; i < depth && node; i++)
		node = conf_node_find(node, ctx->level[i].line);
	return node;
}

static const char *mode_at(const struct conf_ctx *ctx, unsigned depth)
{
	return depth ? ctx->level[depth - 1].mode : MODE_CONFIG;
}

/* Did the section of this depth end with this indentation? (UINT_MAX, from a console, ends none.)
 */
static bool is_over(const struct conf_ctx *ctx, unsigned depth, unsigned indent)
{
	return depth > 0 && ctx->level[depth - 1].indented &&
	       indent <= ctx->level[depth - 1].indent;
}

/* The depths to try, best first: from the inside out, those that are over after the others. */
static unsigned order_depths(const struct conf_ctx *ctx, unsigned indent,
			     unsigned out[static CONF_DEPTH_MAX + 1])
{
	unsigned n = 0;

	for (int over = 0; over <= 1; over++)
		for (unsigned i = 0; i <= ctx->depth; i++)
			if (is_over(ctx, ctx->depth - i, indent) == (over != 0))
				out[n++] = ctx->depth - i;
	return n;
}

/* Parses the line at the first depth that knows it. Keeps the error that came furthest. */
static int find_depth(const struct conf_target *t, const struct conf_ctx *ctx, const char *line,
		      unsigned indent, struct grammar_match *m, struct grammar_error *reterr,
		      unsigned *ret_depth)
{
	unsigned depths[CONF_DEPTH_MAX + 1];
	unsigned n = order_depths(ctx, indent, depths);
	int result = 0;

	for (unsigned i = 0; i < n; i++) {
		struct grammar_error e;
		int r = grammar_parse(t->grammar, mode_at(ctx, depths[i]), line, t->dev, m, &e);

		if (r == 0) {
			*ret_depth = depths[i];
			return 0;
		}
		if (i == 0 || e.column > reterr->column) {
			*reterr = e;
			result = r;
		}
	}
	return result;
}

/* The sentences a set() has for us, into the result. */
struct words_back {
	struct sbuf err, warn, line;
};

static void words_back_done(struct words_back *back)
{
	sbuf_done(&back->err);
	sbuf_done(&back->warn);
	sbuf_done(&back->line);
}

static int call_set(const struct conf_target *t, const struct conf_level *level,
		    const struct grammar_match *m, const char *line, struct words_back *back)
{
	struct call call = {
		.no = m->no,
		.section = level ? level->section : "",
		.section_ifid = level ? level->section_ifid : 0,
		.args = m->args,
		.n_args = m->n_args,
		.line = line,
		.dev = t->dev,
		.reterr = &back->err,
		.retwarn = &back->warn,
		.retline = &back->line,
	};

	if (!m->cmd->set)
		return 0;
	return m->cmd->set(t->confs ? t->confs[m->owner] : NULL, &call);
}

/* Runs a line of the tree once more, as it stands or with "no" before it. */
static void call_again(const struct conf_target *t, const struct conf_level *level,
		       const struct conf_node *node, bool no)
{
	struct words_back back = { SBUF(512), SBUF(512), SBUF(2 * LINE_MAX_LEN) };
	char line[2 * LINE_MAX_LEN + 4];
	struct grammar_match *m = malloc(sizeof(*m));
	struct grammar_error e;

	if (!m)
		abort();
	str_copy(line, sizeof(line), no ? "no " : "");
	str_copy(line + strlen(line), sizeof(line) - strlen(line), node->text);
	if (grammar_parse(t->grammar, level ? level->mode : MODE_CONFIG, line, t->dev, m, &e) == 0)
		call_set(t, level, m, line, &back);
	words_back_done(&back);
	free(m);
}

/* Is this a line that m->cmd->replaces speaks of? Lines of m's own row are the tree's business. */
static bool is_replaced(const struct conf_node *n, const struct cmd *by)
{
	size_t len = strlen(by->replaces);

	return n->cmd != by && !n->no && !n->cmd->enters && (n->cmd->flags & CMD_NO) &&
	       strncmp(n->text, by->replaces, len) == 0 &&
	       (n->text[len] == ' ' || n->text[len] == '\0');
}

/* Takes the replaced lines' effect back, or (no = false) restores it. */
static void call_replaced(const struct conf_target *t, const struct conf_level *level,
			  const struct conf_node *parent, const struct cmd *by, bool no,
			  uint64_t *changed)
{
	if (!by->replaces)
		return;
	for (const struct conf_node *n = parent->children; n; n = n->next) {
		if (!is_replaced(n, by))
			continue;
		call_again(t, level, n, no);
		*changed |= UINT64_C(1) << n->owner;
	}
}

static void remove_replaced(struct conf_tree *tree, struct conf_node *parent, const struct cmd *by)
{
	struct conf_node *next;

	for (struct conf_node *n = parent->children; n && by->replaces; n = next) {
		next = n->next;
		if (is_replaced(n, by))
			conf_tree_remove(tree, parent, n);
	}
}

static void enter(struct conf_ctx *ctx, const struct grammar_match *m, unsigned indent)
{
	struct conf_level *level = &ctx->level[ctx->depth++];

	*level = (struct conf_level){ .mode = m->cmd->enters, .indent = indent };
	str_copy(level->line, sizeof(level->line), m->canonical);
	str_copy(level->section, sizeof(level->section), m->n_args ? m->args[0].text : "");
	for (unsigned i = 0; i < m->n_args; i++)
		if (level->section_ifid == 0)
			level->section_ifid = m->args[i].ifid;
}

/* What the grammar cannot know: is there room for the line in tree and context? */
static const char *no_room(const struct conf_target *t, const struct conf_ctx *ctx, unsigned depth,
			   const struct grammar_match *m)
{
	if (m->owner >= CONF_OWNERS_MAX)
		return "its table has a number above the maximum";
	if (!node_at(t, ctx, depth))
		return "its section does not exist any more";
	if (conf_tree_n_lines(t->tree) >= CONF_LINES_MAX && !m->no)
		return "the configuration has as many lines as are allowed";
	if (!m->cmd->enters || m->no)
		return NULL;
	if (depth == CONF_DEPTH_MAX)
		return "sections are nested too deep";
	return strlen(m->canonical) < CONF_SECTION_MAX ? NULL : "the section's name is too long";
}

static void show_line(const struct grammar_match *m, struct conf_result *ret)
{
	struct sbuf line = SBUF(sizeof(ret->line) - 1);

	if (m->cmd->flags & CMD_SECRET)
		sbuf_printf(&line, "%s%s ***", m->no ? "no " : "", m->key);
	else
		sbuf_puts(&line, m->canonical);
	str_copy(ret->line, sizeof(ret->line), sbuf_text(&line));
	sbuf_done(&line);
}

/* A line and how many blanks it starts with; UINT_MAX = a person typed it, blanks mean nothing. */
struct source {
	const char *line;
	unsigned indent;
};

/* The line is understood: object first, tree after it. */
static int carry_out(const struct conf_target *t, struct conf_ctx *ctx, unsigned depth,
		     struct grammar_match *m, const struct source *src, struct words_back *back,
		     struct conf_result *ret)
{
	const struct conf_level *level = depth ? &ctx->level[depth - 1] : NULL;
	const char *why = no_room(t, ctx, depth, m);
	struct conf_node *parent = node_at(t, ctx, depth);
	int r;

	if (why) {
		sbuf_puts(&back->err, why);
		return -ENOSPC;
	}
	call_replaced(t, level, parent, m->cmd, true, &ret->changed);
	r = call_set(t, level, m, src->line, back);
	if (r < 0) {
		call_replaced(t, level, parent, m->cmd, false, &ret->changed);
		return r;
	}
	if (back->line.len > 0)
		str_copy(m->canonical, sizeof(m->canonical), sbuf_text(&back->line));
	remove_replaced(t->tree, parent, m->cmd);
	conf_tree_accept(t->tree, parent, m);
	ret->changed |= UINT64_C(1) << m->owner;
	str_copy(ret->section, sizeof(ret->section), level ? level->line : "");
	ctx->depth = depth;
	if (depth > 0 && src->indent != UINT_MAX && src->indent > ctx->level[depth - 1].indent)
		ctx->level[depth - 1].indented = true;
	if (m->cmd->enters && !m->no)
		enter(ctx, m, src->indent);
	return 0;
}

/* Column of the first argument, where a refused line is most likely wrong. */
static unsigned refused_column(const struct grammar_match *m, const char *line)
{
	const char *at = m->n_args && *m->args[0].text ? strcasestr(line, m->args[0].text) : NULL;

	return (unsigned)((at ? at : skip_blanks(line)) - line) + 1;
}

static int apply(const struct conf_target *t, struct conf_ctx *ctx, const struct source *src,
		 struct grammar_match *m, struct conf_result *ret)
{
	struct words_back back = { SBUF(sizeof(ret->text) - 1), SBUF(sizeof(ret->text) - 1),
				   SBUF(sizeof(m->canonical) - 1) };
	unsigned depth = 0;
	int r = find_depth(t, ctx, src->line, src->indent, m, &ret->error, &depth);

	if (r < 0) {
		grammar_error_sentence(&ret->error, &back.err);
		ret->column = ret->error.column;
	} else {
		ret->error = (struct grammar_error){ .status = GRAMMAR_OK };
		ret->cmd = m->cmd;
		ret->no = m->no;
		r = carry_out(t, ctx, depth, m, src, &back, ret);
		show_line(m, ret);
		if (r < 0)
			ret->column = refused_column(m, src->line);
	}
	if (r < 0 && back.err.len == 0)
		sbuf_printf(&back.err, "refused: %s", strerror(-r));
	str_copy(ret->text, sizeof(ret->text), sbuf_text(r < 0 ? &back.err : &back.warn));
	words_back_done(&back);
	return r;
}

static int apply_source(const struct conf_target *t, struct conf_ctx *ctx, const struct source *src,
			struct conf_result *ret)
{
	struct grammar_match *m;
	int r;

	*ret = (struct conf_result){ .noise = line_is_noise(src->line) };
	if (ret->noise) {
		act_on_noise(ctx, src->line);
		return 0;
	}
	m = calloc(1, sizeof(*m)); /* too large for the stack of a deep caller */
	if (!m)
		abort();
	r = apply(t, ctx, src, m, ret);
	free(m);
	return r;
}

int conf_apply(const struct conf_target *t, struct conf_ctx *ctx, const char *line,
	       struct conf_result *ret)
{
	return apply_source(t, ctx, &(struct source){ line, UINT_MAX }, ret);
}

/* One text being read. */
struct reading {
	const struct conf_target *t;
	struct conf_ctx ctx;
	conf_issue_fn issue;
	conf_line_fn accepted;
	void *arg;
	unsigned line_number, n_issues, n_errors;
};

static void tell(struct reading *rd, unsigned column, bool warning, const char *text)
{
	struct conf_issue issue = { rd->line_number, column, warning, text };

	rd->n_errors += !warning;
	if (++rd->n_issues == CONF_ISSUES_MAX)
		issue.text = "more issues follow that are not shown";
	if (rd->issue && rd->n_issues <= CONF_ISSUES_MAX)
		rd->issue(rd->arg, &issue);
}

static void read_line(struct reading *rd, const char *line)
{
	struct source src = { line, (unsigned)strspn(line, " \t") };
	struct conf_result res;
	int r = apply_source(rd->t, &rd->ctx, &src, &res);

	if (r < 0) {
		tell(rd, res.column, false, res.text);
		return;
	}
	if (res.noise)
		return;
	if (res.text[0])
		tell(rd, 1, true, res.text);
	if (rd->accepted)
		rd->accepted(rd->arg, &res);
}

int conf_read(const struct conf_target *t, const char *text, conf_issue_fn issue,
	      conf_line_fn accepted, void *arg)
{
	struct reading rd = { .t = t, .issue = issue, .accepted = accepted, .arg = arg };
	char line[LINE_MAX_LEN + 1];

	while (*text) {
		size_t len = strcspn(text, "\n");

		rd.line_number++;
		if (str_copy_n(line, sizeof(line), text, len))
			read_line(&rd, line);
		else
			tell(&rd, LINE_MAX_LEN, false, "the line is too long");
		text += len + (text[len] == '\n');
	}
	return rd.n_errors ? -EINVAL : 0;
}
