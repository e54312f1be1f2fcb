/* doc.h: one YAML document, read with libyaml and made safe to walk.
 *
 * doc_load() reports syntax errors, and what YAML allows but a lab file does not: aliases that
 * contain themselves, keys given twice, keys that are not words, merge keys, tags, more than one
 * document, too deep or too many of anything. After that a walk is bounded by the file's length.
 * Nodes belong to the document; scalars are zero-terminated and hold no zero byte. The source must
 * outlive the document. */
#ifndef LABD_LAB_DOC_H
#define LABD_LAB_DOC_H

#include <yaml.h>

#include "labd/lab/diag.h"

enum {
	DOC_BYTES_MAX = 2 * 1024 * 1024,
	DOC_DEPTH_MAX = 32,    /* maps and lists inside each other */
	DOC_ANCHORS_MAX = 256, /* libyaml compares each with all others */
};

struct doc {
	yaml_document_t yaml;
	yaml_node_t *root;
	const struct lab_source *source;
};

/* 0, or -EINVAL with everything in |diag|; then there is nothing to free. */
int doc_load(const struct lab_source *source, struct diag *diag, struct doc **ret);
struct doc *doc_free(struct doc *doc); /* accepts NULL, returns NULL */

/* Where a node stands. */
struct lab_pos doc_pos(const struct doc *doc, const yaml_node_t *node);

/* A word for messages: "text", "a map", "a list". */
const char *doc_type(const yaml_node_t *node);

/* NULL unless the node is a scalar. */
const char *doc_scalar(const yaml_node_t *node);

/* Nothing behind the colon, `~` or `null`, without quotes. */
bool doc_is_null(const yaml_node_t *node);

/* Maps and lists by index; key and value are never NULL below the size. */
size_t doc_size(const yaml_node_t *node);
yaml_node_t *doc_key(struct doc *doc, const yaml_node_t *map, size_t i);
yaml_node_t *doc_value(struct doc *doc, const yaml_node_t *map, size_t i);
yaml_node_t *doc_item(struct doc *doc, const yaml_node_t *list, size_t i);

/* The value under |key|, or NULL; *ret_key may be NULL. */
yaml_node_t *doc_find(struct doc *doc, const yaml_node_t *map, const char *key,
		      yaml_node_t **ret_key);

#endif
