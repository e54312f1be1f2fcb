#include "labd/lab/doc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/types.h"

/* What a node is known to be while the document is looked over. */
enum visit { VISIT_NEW, VISIT_OPEN, VISIT_DONE };

struct lint {
	struct doc *doc;
	struct diag *diag;
	uint8_t *visits; /* enum visit by node number */
};

static struct lab_pos mark_pos(const struct lab_source *source, const yaml_mark_t *mark)
{
	return (struct lab_pos){ source, (uint32_t)mark->line + 1, (uint32_t)mark->column + 1, 1 };
}

struct lab_pos doc_pos(const struct doc *doc, const yaml_node_t *node)
{
	struct lab_pos pos = mark_pos(doc->source, &node->start_mark);

	if (node->type != YAML_SCALAR_NODE)
		return pos;
	if (node->end_mark.line == node->start_mark.line)
		pos.len = (uint32_t)(node->end_mark.column - node->start_mark.column);
	else if (node->data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE ||
		 node->data.scalar.style == YAML_SINGLE_QUOTED_SCALAR_STYLE ||
		 node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		pos.len = UINT32_MAX; /* to the end of the line */
	return pos;
}

const char *doc_type(const yaml_node_t *node)
{
	switch (node->type) {
	case YAML_MAPPING_NODE:
		return "a map";
	case YAML_SEQUENCE_NODE:
		return "a list";
	case YAML_SCALAR_NODE:
		return doc_is_null(node) ? "nothing" : "text";
	case YAML_NO_NODE:
		break;
	}
	return "nothing";
}

const char *doc_scalar(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

bool doc_is_null(const yaml_node_t *node)
{
	const char *text = doc_scalar(node);

	return text && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (!*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

size_t doc_size(const yaml_node_t *node)
{
	if (node->type == YAML_MAPPING_NODE)
		return (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
	if (node->type == YAML_SEQUENCE_NODE)
		return (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
	return 0;
}

yaml_node_t *doc_key(struct doc *doc, const yaml_node_t *map, size_t i)
{
	return yaml_document_get_node(&doc->yaml, map->data.mapping.pairs.start[i].key);
}

yaml_node_t *doc_value(struct doc *doc, const yaml_node_t *map, size_t i)
{
	return yaml_document_get_node(&doc->yaml, map->data.mapping.pairs.start[i].value);
}

yaml_node_t *doc_item(struct doc *doc, const yaml_node_t *list, size_t i)
{
	return yaml_document_get_node(&doc->yaml, list->data.sequence.items.start[i]);
}

yaml_node_t *doc_find(struct doc *doc, const yaml_node_t *map, const char *key,
		      yaml_node_t **ret_key)
{
	for (size_t i = 0; i < doc_size(map); i++) {
		yaml_node_t *node = doc_key(doc, map, i);

		if (strcmp(doc_scalar(node), key) != 0)
			continue;
		if (ret_key)
			*ret_key = node;
		return doc_value(doc, map, i);
	}
	return NULL;
}

/* --- before libyaml reads it ---------------------------------------------------------------- */

/* The line breaks that YAML knows and nothing else does would shift every later line number. */
static const char *bad_bytes(const struct lab_source *source, size_t i)
{
	const unsigned char *p = (const unsigned char *)source->text + i;
	size_t left = source->len - i;

	if (p[0] == 0)
		return "a zero byte: is this a text file in UTF-8?";
	if (p[0] == '\r' && (left < 2 || p[1] != '\n'))
		return "a carriage return in the middle of a line";
	if (left >= 2 && p[0] == 0xc2 && p[1] == 0x85)
		return "a next-line character (U+0085); write a plain line break";
	if (left >= 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9))
		return "a Unicode line separator; write a plain line break";
	return NULL;
}

static int check_bytes(const struct lab_source *source, struct diag *diag)
{
	struct lab_pos pos = { source, 1, 1, 1 };

	if (source->len > DOC_BYTES_MAX) {
		diag_error(diag, (struct lab_pos){ .source = source },
			   "larger than %d MiB; move long configurations into files of their own "
			   "(config-file)",
			   DOC_BYTES_MAX / 1024 / 1024);
		return -EINVAL;
	}
	for (size_t i = 0; i < source->len; i++) {
		const char *why = bad_bytes(source, i);

		if (why) {
			diag_error(diag, pos, "%s", why);
			return -EINVAL;
		}
		if (source->text[i] == '\n') {
			pos.line++;
			pos.col = 1;
		} else {
			pos.col += (source->text[i] & 0xc0) != 0x80;
		}
	}
	return 0;
}

static void start_parser(yaml_parser_t *parser, const struct lab_source *source)
{
	if (!yaml_parser_initialize(parser))
		abort(); /* out of memory is all it can say */
	yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(parser, (const unsigned char *)source->text, source->len);
}

/* Counts depth and anchors; returns why the token is one too many. */
static const char *count_token(const yaml_token_t *token, int *depth, int *anchors)
{
	switch (token->type) {
	case YAML_BLOCK_SEQUENCE_START_TOKEN:
	case YAML_BLOCK_MAPPING_START_TOKEN:
	case YAML_FLOW_SEQUENCE_START_TOKEN:
	case YAML_FLOW_MAPPING_START_TOKEN:
		return ++*depth > DOC_DEPTH_MAX ? "nested too deeply" : NULL;
	case YAML_BLOCK_END_TOKEN:
	case YAML_FLOW_SEQUENCE_END_TOKEN:
	case YAML_FLOW_MAPPING_END_TOKEN:
		--*depth;
		return NULL;
	case YAML_ANCHOR_TOKEN:
		return ++*anchors > DOC_ANCHORS_MAX ? "too many anchors (&name)" : NULL;
	default: /* the other tokens cannot make a document expensive */
		return NULL;
	}
}

/* Reads the tokens once: libyaml's own time grows with the square of depth and anchors. What is
 * wrong otherwise is left for the loader to say. */
static int check_tokens(const struct lab_source *source, struct diag *diag)
{
	int depth = 0, anchors = 0;
	const char *why = NULL;
	yaml_parser_t parser;
	yaml_token_t token;
	bool end = false;

	start_parser(&parser, source);
	while (!end && !why && yaml_parser_scan(&parser, &token)) {
		why = count_token(&token, &depth, &anchors);
		if (why)
			diag_error(diag, mark_pos(source, &token.start_mark), "%s", why);
		end = token.type == YAML_STREAM_END_TOKEN || token.type == YAML_NO_TOKEN;
		yaml_token_delete(&token);
	}
	yaml_parser_delete(&parser);
	return why ? -EINVAL : 0;
}

/* --- after it is read ----------------------------------------------------------------------- */

static void lint_node(struct lint *lint, yaml_node_t *node);

struct key_ref {
	const char *text;
	const yaml_node_t *node;
};

static int by_text_then_place(const void *a, const void *b)
{
	const struct key_ref *x = a, *y = b;
	int r = strcmp(x->text, y->text);

	if (r == 0)
		r = (x->node->start_mark.index > y->node->start_mark.index) -
		    (x->node->start_mark.index < y->node->start_mark.index);
	return r;
}

static void lint_duplicates(struct lint *lint, struct key_ref *keys, size_t n)
{
	const struct key_ref *first = keys;

	qsort(keys, n, sizeof(*keys), by_text_then_place);
	for (size_t i = 1; i < n; i++) {
		if (strcmp(keys[i].text, first->text) == 0)
			diag_error(lint->diag, doc_pos(lint->doc, keys[i].node),
				   "duplicate '%s' (first at line %zu)", keys[i].text,
				   first->node->start_mark.line + 1);
		else
			first = &keys[i];
	}
}

static void lint_map(struct lint *lint, yaml_node_t *map)
{
	size_t n = doc_size(map), n_keys = 0;
	struct key_ref *keys = calloc(n ? n : 1, sizeof(*keys));

	if (!keys)
		abort();
	for (size_t i = 0; i < n; i++) {
		yaml_node_t *key = doc_key(lint->doc, map, i);
		const char *text = doc_scalar(key);

		lint_node(lint, key);
		if (!text)
			diag_error(lint->diag, doc_pos(lint->doc, key),
				   "a key must be a word, not %s", doc_type(key));
		else if (strcmp(text, "<<") == 0)
			diag_error(lint->diag, doc_pos(lint->doc, key),
				   "merge keys ('<<') are not supported; topology.defaults and "
				   "topology.kinds give devices common keys");
		else
			keys[n_keys++] = (struct key_ref){ text, key };
		lint_node(lint, doc_value(lint->doc, map, i));
	}
	if (n_keys > 1)
		lint_duplicates(lint, keys, n_keys);
	free(keys);
}

static bool is_plain_tag(const yaml_node_t *node)
{
	const char *tag = (const char *)node->tag;

	return !tag || strcmp(tag, YAML_STR_TAG) == 0 || strcmp(tag, YAML_SEQ_TAG) == 0 ||
	       strcmp(tag, YAML_MAP_TAG) == 0;
}

static void lint_scalar(struct lint *lint, const yaml_node_t *node)
{
	if (memchr(node->data.scalar.value, 0, node->data.scalar.length))
		diag_error(lint->diag, doc_pos(lint->doc, node),
			   "a zero byte (\\0) cannot be part of a text");
}

/* As deep as the tokens were allowed to be: an alias leads to what was looked over before. */
static void lint_node(struct lint *lint, yaml_node_t *node)
{
	uint8_t *visit = &lint->visits[node - lint->doc->yaml.nodes.start];

	if (*visit == VISIT_OPEN)
		diag_error(lint->diag, doc_pos(lint->doc, node),
			   "an alias inside of this refers to the whole of it");
	if (*visit != VISIT_NEW)
		return;
	*visit = VISIT_OPEN;
	if (!is_plain_tag(node))
		diag_error(lint->diag, doc_pos(lint->doc, node), "tags (%s) have no meaning here",
			   (const char *)node->tag);
	if (node->type == YAML_MAPPING_NODE)
		lint_map(lint, node);
	for (size_t i = 0; node->type == YAML_SEQUENCE_NODE && i < doc_size(node); i++)
		lint_node(lint, doc_item(lint->doc, node, i));
	if (node->type == YAML_SCALAR_NODE)
		lint_scalar(lint, node);
	*visit = VISIT_DONE;
}

static int lint_doc(struct doc *doc, struct diag *diag)
{
	size_t n_nodes = (size_t)(doc->yaml.nodes.top - doc->yaml.nodes.start);
	struct lint lint = { doc, diag, calloc(n_nodes + 1, 1) };
	uint32_t before = diag->n_errors;

	if (!lint.visits)
		abort();
	lint_node(&lint, doc->root);
	free(lint.visits);
	return diag->n_errors == before ? 0 : -EINVAL;
}

/* --- reading -------------------------------------------------------------------------------- */

static void syntax_error(const yaml_parser_t *parser, const struct lab_source *source,
			 struct diag *diag)
{
	const char *problem = parser->problem ? parser->problem : "this is not YAML";
	struct lab_pos pos = mark_pos(source, &parser->problem_mark);

	if (parser->error == YAML_READER_ERROR) { /* it knows a byte offset only */
		pos = (struct lab_pos){ source, 1, 1, 1 };
		for (size_t i = 0; i < parser->problem_offset && i < source->len; i++) {
			pos.col += (source->text[i] & 0xc0) != 0x80;
			if (source->text[i] == '\n') {
				pos.line++;
				pos.col = 1;
			}
		}
	}
	if (parser->context)
		diag_error(diag, pos, "%s: %s", parser->context, problem);
	else
		diag_error(diag, pos, "%s", problem);
}

/* Is there a second document? A syntax error behind the first counts as well. */
static int check_end(yaml_parser_t *parser, const struct lab_source *source, struct diag *diag)
{
	yaml_document_t more;
	yaml_node_t *root;

	if (!yaml_parser_load(parser, &more)) {
		syntax_error(parser, source, diag);
		return -EINVAL;
	}
	root = yaml_document_get_root_node(&more);
	if (root)
		diag_error(diag, mark_pos(source, &more.start_mark),
			   "a second document; a lab file holds one lab");
	yaml_document_delete(&more);
	return root ? -EINVAL : 0;
}

static int load_yaml(struct doc *doc, struct diag *diag)
{
	yaml_parser_t parser;
	int r = 0;

	start_parser(&parser, doc->source);
	if (!yaml_parser_load(&parser, &doc->yaml)) {
		syntax_error(&parser, doc->source, diag);
		yaml_parser_delete(&parser);
		return -EINVAL;
	}
	doc->root = yaml_document_get_root_node(&doc->yaml);
	if (!doc->root) {
		diag_error(diag, (struct lab_pos){ .source = doc->source },
			   "the file is empty; a lab needs 'name' and 'topology'");
		r = -EINVAL;
	} else {
		r = check_end(&parser, doc->source, diag);
	}
	yaml_parser_delete(&parser);
	if (r == 0)
		r = lint_doc(doc, diag);
	if (r < 0)
		yaml_document_delete(&doc->yaml);
	return r;
}

int doc_load(const struct lab_source *source, struct diag *diag, struct doc **ret)
{
	struct doc *doc;

	if (check_bytes(source, diag) < 0 || check_tokens(source, diag) < 0)
		return -EINVAL;
	doc = calloc(1, sizeof(*doc));
	if (!doc)
		abort();
	doc->source = source;
	if (load_yaml(doc, diag) < 0) {
		free(doc);
		return -EINVAL;
	}
	*ret = doc;
	return 0;
}

struct doc *doc_free(struct doc *doc)
{
	if (!doc)
		return NULL;
	yaml_document_delete(&doc->yaml);
	free(doc);
	return NULL;
}
