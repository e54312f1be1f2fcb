#include "labd/lab/load.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "labd/lab/suggest.h"

/* What a device is given comes in layers, and the later one wins: topology.defaults,
 * topology.kinds.KIND, the device itself. */
enum layer { LAYER_NONE, LAYER_DEFAULTS, LAYER_KIND, LAYER_NODE };

struct draft {
	struct lab_node node;
	enum layer layer;	/* being read */
	enum layer config_from; /* where node.config comes from */
};

static void set_config(struct load *l, const struct entry *e, struct draft *draft,
		       const struct lab_text *text, const char *file)
{
	if (draft->config_from == draft->layer) {
		load_error(l, e->key, "both 'config' and 'config-file' are given; keep one");
		return;
	}
	draft->config_from = draft->layer;
	draft->node.config = *text;
	draft->node.config_file = file;
}

static bool check_config_text(struct load *l, const struct entry *e, const char *text)
{
	for (const char *p = text; *p; p++)
		if (((unsigned char)*p < 0x20 && !strchr("\t\r\n", *p)) || *p == 0x7f) {
			load_error(l, e->value, "a configuration holds no control characters");
			return false;
		}
	return true;
}

static void read_config(struct load *l, const struct entry *e, void *object)
{
	struct lab_text text;

	if (!load_text(l, e, LAB_CONFIG_MAX, &text) || !check_config_text(l, e, text.text))
		return;
	if (e->value->data.scalar.style == YAML_FOLDED_SCALAR_STYLE)
		load_error(l, e->value, "'>' joins the lines of a configuration; write '|'");
	set_config(l, e, object, &text, NULL);
}

static void read_config_file(struct load *l, const struct entry *e, void *object)
{
	struct lab_text text;

	if (load_config_file(l, e, &text))
		set_config(l, e, object, &text, doc_scalar(e->value));
}

static void read_files(struct load *l, const struct entry *e, void *object)
{
	struct draft *draft = object;

	draft->node.files = load_directory(l, e);
}

/* A list of command lines; one alone needs no list. */
static void read_exec(struct load *l, const struct entry *e, void *object)
{
	bool single = e->value->type == YAML_SCALAR_NODE;
	struct draft *draft = object;
	struct lab_text *lines;
	size_t n = 1;

	if (!single && !load_list(l, e, LAB_EXEC_MAX, &n))
		return;
	lines = arena_array(l->arena, n, sizeof(*lines));
	for (size_t i = 0; i < n; i++) {
		yaml_node_t *item = single ? e->value : doc_item(l->doc, e->value, i);

		if (!load_item_text(l, "a command of 'exec'", item, LAB_EXEC_LINE_MAX, &lines[i]))
			return;
	}
	draft->node.exec = lines;
	draft->node.n_exec = n;
}

static bool is_env_name(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && !isdigit((unsigned char)text[0]) &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
		       len;
}

static void read_env_entry(struct load *l, const struct entry *e, struct lab_env *ret)
{
	const char *value = doc_scalar(e->value);

	if (!is_env_name(e->name))
		load_error(l, e->key,
			   "'%s' cannot be the name of a variable: letters, digits and "
			   "'_' only",
			   e->name);
	if (!value)
		load_error(l, e->value, "the variable '%s' must be text, not %s", e->name,
			   doc_type(e->value));
	else
		load_check_line(l, e->value, value);
	*ret = (struct lab_env){ e->name, value };
}

static void read_env(struct load *l, const struct entry *e, void *object)
{
	struct draft *draft = object;
	size_t n = doc_size(e->value);
	struct lab_env *env;

	if (e->value->type != YAML_MAPPING_NODE || n > LAB_ENV_MAX) {
		load_error(l, e->key, "'env' must be a map of at most %d variables", LAB_ENV_MAX);
		return;
	}
	env = arena_array(l->arena, n, sizeof(*env));
	for (size_t i = 0; i < n; i++) {
		struct entry variable = { doc_key(l->doc, e->value, i),
					  doc_value(l->doc, e->value, i) };

		variable.name = doc_scalar(variable.key);
		read_env_entry(l, &variable, &env[i]);
	}
	draft->node.env = env;
	draft->node.n_env = n;
}

static void read_mac(struct load *l, const struct entry *e, void *object)
{
	const char *text = load_scalar(l, e, "an address such as 02:00:00:00:00:01");
	struct draft *draft = object;
	static const struct mac zero;
	struct mac mac;

	if (!text)
		return;
	if (mac_parse(text, &mac) < 0) {
		load_error(l, e->value,
			   "'mac' must be an address such as 02:00:00:00:00:01, not '%s'", text);
		return;
	}
	if (mac.b[0] & 1 || mac_equal(&mac, &zero))
		load_error(l, e->value,
			   "'%s' is no interface's address: the first byte must be "
			   "even, and not all may be zero",
			   text);
	draft->node.mac = mac;
	draft->node.has_mac = true;
}

static void read_ports(struct load *l, const struct entry *e, void *object)
{
	struct draft *draft = object;
	uint64_t n;

	if (!load_uint(l, e, 1, LAB_SWITCH_IFACES_MAX, &n))
		return;
	if (draft->layer == LAYER_NODE && draft->node.kind != KIND_SWITCH &&
	    draft->node.kind != KIND_HUB)
		load_error(l, e->key, "only a switch or a hub has 'ports'");
	draft->node.ports = (uint32_t)n;
}

static void read_mtu(struct load *l, const struct entry *e, void *object)
{
	struct draft *draft = object;
	uint64_t mtu;

	if (load_uint(l, e, LAB_MTU_MIN, LAB_MTU_MAX, &mtu))
		draft->node.mtu = (uint32_t)mtu;
}

/* 'kind' is read before all others: it decides the layers. */
static const struct load_key node_keys[] = {
	{ "kind" },
	{ "config", read_config },
	{ "config-file", read_config_file },
	{ "files", read_files },
	{ "exec", read_exec },
	{ "env", read_env },
	{ "mac", read_mac },
	{ "ports", read_ports },
	{ "mtu", read_mtu },
};

static void unknown_kind(struct load *l, const yaml_node_t *node, const char *text)
{
	struct suggest s = suggest_for(text);

	for (unsigned int kind = 0; kind < N_KINDS; kind++)
		suggest_offer(&s, device_kind_name(kind));
	if (s.best)
		load_error(l, node, "unknown kind '%s', did you mean '%s'?", text, s.best);
	else
		load_error(l, node,
			   "unknown kind '%s'; there are pc, server, router, switch, hub, "
			   "phone and linux",
			   text);
}

/* False after an error. */
static bool read_kind(struct load *l, yaml_node_t *map, enum device_kind *ret)
{
	struct entry e = { .name = "kind" };
	const char *text;

	e.value = doc_find(l->doc, map, "kind", &e.key);
	text = e.value ? load_scalar(l, &e, "a word such as pc") : NULL;
	if (!text)
		return false;
	if (device_kind_parse(text, ret) < 0) {
		unknown_kind(l, e.value, text);
		return false;
	}
	return true;
}

struct layers {
	yaml_node_t *defaults, *kinds; /* may be NULL */
};

static bool find_kind(struct load *l, yaml_node_t *map, struct lab_pos at, const char *what,
		      const struct layers *layers, enum device_kind *ret)
{
	if (doc_find(l->doc, map, "kind", NULL))
		return read_kind(l, map, ret);
	if (layers->defaults && doc_find(l->doc, layers->defaults, "kind", NULL))
		return read_kind(l, layers->defaults, ret);
	if (!load_has_typo(l, map, "kind"))
		diag_error(l->diag, at,
			   "%s needs a 'kind': pc, server, router, switch, hub, phone or linux",
			   what);
	return false;
}

static void read_layer(struct load *l, yaml_node_t *map, enum layer layer, struct lab_pos at,
		       const char *what, struct draft *draft)
{
	draft->layer = layer;
	load_map(l, map, at, what, node_keys, ARRAY_SIZE(node_keys), draft);
}

static void read_node(struct load *l, const struct entry *e, const struct layers *layers,
		      struct lab_node *ret)
{
	const char *what = arena_printf(l->arena, "device '%s'", e->name);
	struct lab_pos at = doc_pos(l->doc, e->key);
	struct draft draft = { .node = { .name = e->name, .pos = at } };
	yaml_node_t *kind;

	*ret = draft.node;
	if (e->value->type != YAML_MAPPING_NODE) {
		load_error(l, e->key, "%s must be a map such as { kind: pc }, not %s", what,
			   doc_type(e->value));
		return;
	}
	if (find_kind(l, e->value, at, what, layers, &draft.node.kind)) {
		kind = layers->kinds ? doc_find(l->doc, layers->kinds,
						device_kind_name(draft.node.kind), NULL)
				     : NULL;
		if (layers->defaults)
			read_layer(l, layers->defaults, LAYER_DEFAULTS, at, what, &draft);
		if (kind && kind->type == YAML_MAPPING_NODE)
			read_layer(l, kind, LAYER_KIND, at, what, &draft);
	}
	read_layer(l, e->value, LAYER_NODE, at, what, &draft);
	if (draft.node.kind != KIND_SWITCH && draft.node.kind != KIND_HUB)
		draft.node.ports = 0; /* from the defaults: not meant for it */
	*ret = draft.node;
}

static void check_name(struct load *l, const struct entry *e)
{
	size_t len = strlen(e->name);

	if (len > LAB_DEVICE_NAME_MAX)
		load_error(l, e->key, "the name is %zu bytes long; the most is %d", len,
			   LAB_DEVICE_NAME_MAX);
	else if (len == 0 || !isalnum((unsigned char)e->name[0]) ||
		 e->name[strspn(e->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789-_")])
		load_error(l, e->key,
			   "a device's name has letters, digits, '-' and '_', and "
			   "begins with a letter or digit; '%s' does not fit",
			   e->name);
	else if (load_is_step_word(e->name))
		load_error(l, e->key, "'%s' is a word of the steps; the device needs another name",
			   e->name);
}

static int by_name(const void *a, const void *b)
{
	const struct lab_node *const *x = a, *const *y = b;
	int r = strcasecmp((*x)->name, (*y)->name);

	return r ? r : (*x > *y) - (*x < *y);
}

/* Hostnames do not know upper and lower case (RFC 4343), so names must differ in more. */
static void check_case(struct load *l)
{
	size_t n = l->lab->n_nodes;
	const struct lab_node **sorted = calloc(n, sizeof(*sorted));

	if (!sorted)
		abort();
	for (size_t i = 0; i < n; i++)
		sorted[i] = &l->lab->nodes[i];
	qsort(sorted, n, sizeof(*sorted), by_name);
	for (size_t i = 1; i < n; i++)
		if (strcasecmp(sorted[i - 1]->name, sorted[i]->name) == 0)
			diag_error(l->diag, sorted[i]->pos,
				   "'%s' and '%s' (line %u) differ in case only", sorted[i]->name,
				   sorted[i - 1]->name, sorted[i - 1]->pos.line);
	free(sorted);
}

/* Finds mistakes in layers that no device uses, and drops layers that are no maps. */
static void check_layer(struct load *l, yaml_node_t **layer, const char *what)
{
	struct draft draft = { .layer = LAYER_DEFAULTS };

	if (!*layer)
		return;
	if (!load_map(l, *layer, doc_pos(l->doc, *layer), what, node_keys, ARRAY_SIZE(node_keys),
		      &draft))
		*layer = NULL;
}

static void check_kinds(struct load *l, yaml_node_t **kinds)
{
	enum device_kind kind;

	if (!*kinds)
		return;
	if ((*kinds)->type != YAML_MAPPING_NODE) {
		load_error(l, *kinds, "'kinds' must be a map such as { pc: { mtu: 1400 } }, not %s",
			   doc_type(*kinds));
		*kinds = NULL;
		return;
	}
	for (size_t i = 0; i < doc_size(*kinds); i++) {
		yaml_node_t *key = doc_key(l->doc, *kinds, i);
		yaml_node_t *value = doc_value(l->doc, *kinds, i);

		if (device_kind_parse(doc_scalar(key), &kind) < 0)
			unknown_kind(l, key, doc_scalar(key));
		else
			check_layer(l, &value, "a kind");
		if (value && value->type == YAML_MAPPING_NODE &&
		    doc_find(l->doc, value, "kind", &key))
			load_error(l, key, "'kind' is known here already");
	}
}

void load_nodes(struct load *l, const struct entry *e, yaml_node_t *defaults, yaml_node_t *kinds)
{
	struct layers layers = { defaults, kinds };
	size_t n = doc_size(e->value);

	check_layer(l, &layers.defaults, "'defaults'");
	check_kinds(l, &layers.kinds);
	if (e->value->type != YAML_MAPPING_NODE || n == 0) {
		load_error(l, e->key,
			   "'nodes' must be a map with at least one device, such as "
			   "pc1: { kind: pc }");
		return;
	}
	if (n > LAB_DEVICES_MAX) {
		load_error(l, e->key, "%zu devices; the most is %d", n, LAB_DEVICES_MAX);
		return;
	}
	l->lab->nodes = arena_array(l->arena, n, sizeof(*l->lab->nodes));
	for (size_t i = 0; i < n; i++) {
		struct entry node = { doc_key(l->doc, e->value, i),
				      doc_value(l->doc, e->value, i) };

		node.name = doc_scalar(node.key);
		check_name(l, &node);
		read_node(l, &node, &layers, &l->lab->nodes[i]);
		l->lab->n_nodes = i + 1;
	}
	check_case(l);
}
