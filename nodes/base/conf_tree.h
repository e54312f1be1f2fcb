/* conf_tree.h: the running configuration of a device, as a tree of accepted lines.
 *
 * Lines are kept in canonical form (full words, canonical interface names) below the line that
 * entered their mode. The tree knows what a new line replaces and what a "no" line takes away, and
 * prints itself as IOS does; reading the printed text again gives the same tree. It calls no
 * protocol: conf_reader.h does. The tree owns its nodes; a node's `cmd` is a table's. */
#ifndef LABD_BASE_CONF_TREE_H
#define LABD_BASE_CONF_TREE_H

#include "base/grammar.h"

#define CONF_LINES_MAX 65536

struct conf_node {
	char *text;  /* canonical */
	char *key;   /* grammar_match.key */
	char *first; /* text of the first argument, "" = none */
	uint64_t text_hash, key_hash;
	const struct cmd *cmd;
	unsigned owner;
	bool no; /* a default that is switched off: text starts with "no " */
	struct conf_node *children, *next;
};

struct conf_tree;

struct conf_tree *conf_tree_new(void);
void conf_tree_free(struct conf_tree *t);
/* Not a line itself: its children are the lines of MODE_CONFIG. */
struct conf_node *conf_tree_root(struct conf_tree *t);
size_t conf_tree_n_lines(const struct conf_tree *t);

/* The child with this canonical text, or NULL. */
struct conf_node *conf_node_find(const struct conf_node *parent, const char *text);
/* Takes an accepted line in: adds, replaces or removes. 0, or -ENOSPC. */
int conf_tree_accept(struct conf_tree *t, struct conf_node *parent, const struct grammar_match *m);
void conf_tree_remove(struct conf_tree *t, struct conf_node *parent, struct conf_node *node);
/* The whole configuration: single lines first, hostname foremost, then a "!" before each section,
 * its lines indented by a blank, and "end". */
void conf_tree_print(const struct conf_tree *t, struct sbuf *out);

#endif
