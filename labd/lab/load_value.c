/* Maps by their tables of keys, and values with what is wrong about each. */
#include "labd/lab/load.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "base/sbuf.h"
#include "labd/lab/suggest.h"
#include "labd/lab/units.h"

enum {
	KEYS_TEXT_MAX = 200,
	UNKNOWN_MAX = 20, /* reported in one map */
};

/* --- tables of keys ------------------------------------------------------------------------- */

void load_error(struct load *l, const yaml_node_t *node, const char *fmt, ...)
{
	char message[DIAG_MESSAGE_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	diag_error(l->diag, doc_pos(l->doc, node), "%s", message);
}

static const struct load_key *find_key(const struct load_key *keys, size_t n_keys, const char *name)
{
	for (size_t i = 0; i < n_keys; i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

void load_unknown_key(struct load *l, yaml_node_t *key, const struct load_key *keys, size_t n_keys)
{
	struct suggest s = suggest_for(doc_scalar(key));
	char known[KEYS_TEXT_MAX] = "";
	size_t len = 0;

	for (size_t i = 0; i < n_keys; i++) {
		suggest_offer(&s, keys[i].name);
		if (len < sizeof(known))
			len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s",
						i ? ", " : "", keys[i].name);
	}
	if (s.best)
		load_error(l, key, "unknown key '%s', did you mean '%s'?", s.word, s.best);
	else
		load_error(l, key, "unknown key '%s'; known here: %s", s.word, known);
}

static void unknown_keys(struct load *l, yaml_node_t *map, const struct load_key *keys,
			 size_t n_keys)
{
	size_t n = 0;

	for (size_t i = 0; i < doc_size(map) && n < UNKNOWN_MAX; i++) {
		yaml_node_t *key = doc_key(l->doc, map, i);

		if (find_key(keys, n_keys, doc_scalar(key)))
			continue;
		load_unknown_key(l, key, keys, n_keys);
		n++;
	}
}

bool load_has_typo(struct load *l, yaml_node_t *map, const char *name)
{
	for (size_t i = 0; i < doc_size(map) && i < UNKNOWN_MAX; i++) {
		struct suggest s = suggest_for(doc_scalar(doc_key(l->doc, map, i)));

		suggest_offer(&s, name);
		if (s.best)
			return true;
	}
	return false;
}

bool load_map(struct load *l, yaml_node_t *map, struct lab_pos at, const char *what,
	      const struct load_key *keys, size_t n_keys, void *object)
{
	if (map->type != YAML_MAPPING_NODE) {
		diag_error(l->diag, at, "%s must be a map of keys and values, not %s", what,
			   doc_type(map));
		return false;
	}
	unknown_keys(l, map, keys, n_keys);
	if (doc_size(map) > n_keys + UNKNOWN_MAX) /* an alias could bring it here many times */
		return false;
	for (size_t i = 0; i < n_keys; i++) {
		struct entry e = { .name = keys[i].name };

		e.value = doc_find(l->doc, map, keys[i].name, &e.key);
		if (e.value && keys[i].read)
			keys[i].read(l, &e, object);
		else if (!e.value && keys[i].required && !load_has_typo(l, map, e.name))
			diag_error(l->diag, at, "%s needs '%s'", what, keys[i].name);
	}
	return true;
}

/* --- scalars -------------------------------------------------------------------------------- */

const char *load_scalar(struct load *l, const struct entry *e, const char *expected)
{
	const char *text = doc_scalar(e->value);

	if (text && !doc_is_null(e->value))
		return text;
	load_error(l, doc_is_null(e->value) ? e->key : e->value, "'%s' must be %s, not %s", e->name,
		   expected, doc_type(e->value));
	return NULL;
}

static enum lab_text_style text_style(const yaml_node_t *node)
{
	switch (node->data.scalar.style) {
	case YAML_LITERAL_SCALAR_STYLE:
	case YAML_FOLDED_SCALAR_STYLE:
		return LAB_TEXT_BLOCK;
	case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
		return LAB_TEXT_DOUBLE;
	case YAML_SINGLE_QUOTED_SCALAR_STYLE:
		return LAB_TEXT_SINGLE;
	default: /* libyaml's enum; it reads nothing else */
		return LAB_TEXT_PLAIN;
	}
}

bool load_item_text(struct load *l, const char *what, yaml_node_t *item, size_t max,
		    struct lab_text *ret)
{
	const char *text = doc_scalar(item);
	size_t len = text ? strlen(text) : 0;

	if (!text || doc_is_null(item)) {
		load_error(l, item, "%s must be text, not %s", what, doc_type(item));
		return false;
	}
	if (text[strspn(text, " \t\n")] == '\0') {
		load_error(l, item, "%s is empty", what);
		return false;
	}
	if (len > max) {
		load_error(l, item, "%s is %zu bytes long; the most is %zu", what, len, max);
		return false;
	}
	*ret = (struct lab_text){ text, len, doc_pos(l->doc, item), text_style(item) };
	return true;
}

bool load_text(struct load *l, const struct entry *e, size_t max, struct lab_text *ret)
{
	char what[KEYS_TEXT_MAX];

	(void)snprintf(what, sizeof(what), "'%s'", e->name);
	if (doc_is_null(e->value)) {
		load_error(l, e->key, "%s must be text, not nothing", what);
		return false;
	}
	return load_item_text(l, what, e->value, max, ret);
}

bool load_check_line(struct load *l, yaml_node_t *node, const char *text)
{
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f) {
			load_error(l, node, "this must be one line without control characters");
			return false;
		}
	return true;
}

bool load_uint(struct load *l, const struct entry *e, uint64_t min, uint64_t max, uint64_t *ret)
{
	const char *text = load_scalar(l, e, "a number");
	uint64_t value;

	if (!text)
		return false;
	if (str_to_u64(text, max, &value) < 0 || value < min) {
		load_error(l, e->value, "'%s' must be a number from %llu to %llu, not '%s'",
			   e->name, (unsigned long long)min, (unsigned long long)max, text);
		return false;
	}
	*ret = value;
	return true;
}

bool load_bool(struct load *l, const struct entry *e, bool *ret)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on" };
	const char *text = load_scalar(l, e, "yes or no");

	if (!text)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcasecmp(text, words[i]) == 0) {
			*ret = i % 2 == 1;
			return true;
		}
	load_error(l, e->value, "'%s' must be yes or no, not '%s'", e->name, text);
	return false;
}

bool load_duration(struct load *l, const struct entry *e, nsec_t max_ns, nsec_t *ret)
{
	const char *text = load_scalar(l, e, "a time such as 20ms");
	nsec_t value = 0;
	int r;

	if (!text)
		return false;
	r = parse_duration(text, &value);
	if (r == -EINVAL)
		load_error(l, e->value,
			   "'%s' must be a time with its unit, such as 20ms, 5us or 2s, not '%s'",
			   e->name, text);
	else if (r < 0 || value > max_ns)
		load_error(l, e->value,
			   "'%s' must be at most %lld s, with at most six decimals, not '%s'",
			   e->name, (long long)(max_ns / SEC), text);
	if (r < 0 || value > max_ns)
		return false;
	*ret = value;
	return true;
}

bool load_list(struct load *l, const struct entry *e, size_t max, size_t *ret_n)
{
	if (e->value->type != YAML_SEQUENCE_NODE) {
		load_error(l, doc_is_null(e->value) ? e->key : e->value,
			   "'%s' must be a list, not %s", e->name, doc_type(e->value));
		return false;
	}
	if (doc_size(e->value) > max) {
		load_error(l, e->key, "%zu %s; the most is %zu", doc_size(e->value), e->name, max);
		return false;
	}
	*ret_n = doc_size(e->value);
	return true;
}

int load_device(struct load *l, const yaml_node_t *node, const char *name)
{
	struct suggest s = suggest_for(name);
	int i = lab_find_node(l->lab, name);

	if (i >= 0)
		return i;
	for (size_t k = 0; k < l->lab->n_nodes; k++)
		suggest_offer(&s, l->lab->nodes[k].name);
	if (s.best)
		load_error(l, node, "unknown device '%s', did you mean '%s'?", name, s.best);
	else
		load_error(l, node, "unknown device '%s'; topology.nodes has no such name", name);
	return -1;
}
