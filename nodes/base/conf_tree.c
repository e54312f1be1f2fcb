#include "base/conf_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/sbuf.h"

struct conf_tree {
	struct conf_node root;
	size_t n_lines;
};

struct conf_tree *conf_tree_new(void)
{
	struct conf_tree *t = calloc(1, sizeof(*t));

	if (!t)
		abort();
	return t;
}

/* Frees a node and what is below it; returns how many lines that were. */
static size_t node_free(struct conf_node *node)
{
	size_t n = 1;

	while (node->children) {
		struct conf_node *child = node->children;

		node->children = child->next;
		n += node_free(child);
	}
	free(node->text);
	free(node->key);
	free(node->first);
	free(node);
	return n;
}

void conf_tree_free(struct conf_tree *t)
{
	if (!t)
		return;
	while (t->root.children)
		conf_tree_remove(t, &t->root, t->root.children);
	free(t);
}

struct conf_node *conf_tree_root(struct conf_tree *t)
{
	return &t->root;
}

size_t conf_tree_n_lines(const struct conf_tree *t)
{
	return t->n_lines;
}

static uint64_t hash(const char *text)
{
	return hash_string(0, text);
}

struct conf_node *conf_node_find(const struct conf_node *parent, const char *text)
{
	uint64_t h = hash(text);

	for (struct conf_node *n = parent->children; n; n = n->next)
		if (n->text_hash == h && strcmp(n->text, text) == 0)
			return n;
	return NULL;
}

void conf_tree_remove(struct conf_tree *t, struct conf_node *parent, struct conf_node *node)
{
	struct conf_node **link = &parent->children;

	while (*link && *link != node)
		link = &(*link)->next;
	if (!*link)
		return;
	*link = node->next;
	t->n_lines -= node_free(node);
}

static char *copy(const char *text)
{
	char *p = strdup(text);

	if (!p)
		abort();
	return p;
}

static const char *first_arg(const struct grammar_match *m)
{
	return m->n_args ? m->args[0].text : "";
}

static void node_set(struct conf_node *node, const struct grammar_match *m)
{
	free(node->text);
	free(node->key);
	free(node->first);
	node->text = copy(m->canonical);
	node->key = copy(m->key);
	node->first = copy(first_arg(m));
	node->text_hash = hash(node->text);
	node->key_hash = hash(node->key);
	node->cmd = m->cmd;
	node->owner = m->owner;
	node->no = m->no;
}

static int append(struct conf_tree *t, struct conf_node *parent, const struct grammar_match *m)
{
	struct conf_node **link = &parent->children;
	struct conf_node *node;

	if (t->n_lines >= CONF_LINES_MAX)
		return -ENOSPC;
	node = calloc(1, sizeof(*node));
	if (!node)
		abort();
	node_set(node, m);
	while (*link)
		link = &(*link)->next;
	*link = node;
	t->n_lines++;
	return 0;
}

/* Does the line stand where m would go: same literals, and for keyed ones the same first word? */
static bool same_place(const struct conf_node *n, const struct grammar_match *m, uint64_t key_hash)
{
	if (n->key_hash != key_hash || strcmp(n->key, m->key) != 0)
		return false;
	if (!(m->cmd->flags & CMD_MULTI))
		return true;
	return (m->cmd->flags & CMD_KEYED) && strcmp(n->first, first_arg(m)) == 0;
}

static int put(struct conf_tree *t, struct conf_node *parent, const struct grammar_match *m)
{
	uint64_t key_hash = hash(m->key);

	if (conf_node_find(parent, m->canonical))
		return 0;
	for (struct conf_node *n = parent->children; n && !m->cmd->enters; n = n->next) {
		if (same_place(n, m, key_hash)) {
			node_set(n, m);
			return 0;
		}
	}
	return append(t, parent, m);
}

/* Is `text` the words of `prefix`, or those and more? */
static bool starts_with_words(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(text, prefix, len) == 0 && (text[len] == '\0' || text[len] == ' ');
}

/* Does "no ..." take this line away? */
static bool taken_away(const struct conf_node *n, const struct grammar_match *m, uint64_t key_hash)
{
	bool keyed = (m->cmd->flags & CMD_KEYED) && m->n_args && m->args[0].type != ARG_NONE;

	if (n->key_hash != key_hash || n->no || strcmp(n->key, m->key) != 0)
		return false;
	if (keyed)
		return strcmp(n->first, first_arg(m)) == 0;
	if (!(m->cmd->flags & CMD_MULTI) && !m->cmd->enters)
		return true;
	return starts_with_words(n->text, m->canonical + strlen("no "));
}

static void take_away(struct conf_tree *t, struct conf_node *parent, const struct grammar_match *m)
{
	uint64_t key_hash = hash(m->key);
	struct conf_node *next;

	for (struct conf_node *n = parent->children; n; n = next) {
		next = n->next;
		if (taken_away(n, m, key_hash))
			conf_tree_remove(t, parent, n);
	}
}

/* A line without arguments is a switch, perhaps one that is on by default: its "no" form is kept.
 */
static bool is_switch(const struct grammar_match *m)
{
	return m->n_args == 0 && !m->cmd->enters && !(m->cmd->flags & CMD_MULTI);
}

int conf_tree_accept(struct conf_tree *t, struct conf_node *parent, const struct grammar_match *m)
{
	if (!m->no || is_switch(m))
		return put(t, parent, m);
	take_away(t, parent, m);
	return 0;
}

static bool is_hostname(const struct conf_node *n)
{
	return strcmp(n->key, "hostname") == 0;
}

static void print_line(const struct conf_node *n, unsigned depth, struct sbuf *out)
{
	sbuf_printf(out, "%*s%s\n", (int)depth, "", n->text);
}

/* Single lines come before all sections: after a section's lines they might be read as its own. */
static void print_children(const struct conf_node *parent, unsigned depth, struct sbuf *out)
{
	for (const struct conf_node *n = parent->children; n; n = n->next)
		if (!n->cmd->enters && is_hostname(n))
			print_line(n, depth, out);
	for (const struct conf_node *n = parent->children; n; n = n->next)
		if (!n->cmd->enters && !is_hostname(n))
			print_line(n, depth, out);
	for (const struct conf_node *n = parent->children; n; n = n->next) {
		if (!n->cmd->enters)
			continue;
		if (depth == 0)
			sbuf_puts(out, "!\n");
		print_line(n, depth, out);
		print_children(n, depth + 1, out);
	}
}

void conf_tree_print(const struct conf_tree *t, struct sbuf *out)
{
	print_children(&t->root, 0, out);
	sbuf_puts(out, "!\nend\n");
}
