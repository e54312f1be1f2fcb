#include "labd/lab/load.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hash.h"
#include "base/sbuf.h"
#include "labd/lab/file.h"
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

/* --- the keys on top ------------------------------------------------------------------------ */

static bool is_lab_name(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= LAB_NAME_MAX && text[0] != '-' &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static void read_name(struct load *l, const struct entry *e, void *object)
{
	const char *text = load_scalar(l, e, "a word");
	struct lab *lab = object;

	if (!text)
		return;
	if (!is_lab_name(text))
		load_error(l, e->value,
			   "a lab's name has 1 to %d of a-z, 0-9 and '-', and does not begin with "
			   "'-'; '%s' does not fit",
			   LAB_NAME_MAX, text);
	lab->name = text;
	lab->name_pos = doc_pos(l->doc, e->value);
}

static void read_seed(struct load *l, const struct entry *e, void *object)
{
	struct lab *lab = object;

	lab->seed_given = load_uint(l, e, 0, UINT64_MAX, &lab->seed);
}

static void read_epoch(struct load *l, const struct entry *e, void *object)
{
	const char *text = load_scalar(l, e, "a time such as 2026-01-01T08:00:00Z");
	struct lab *lab = object;

	if (!text)
		return;
	if (parse_time(text, &lab->epoch_ns) < 0)
		load_error(l, e->value,
			   "'epoch' must be a time from 1970 to 2261 with its zone, "
			   "such as 2026-01-01T08:00:00Z, not '%s'",
			   text);
	lab->has_epoch = true;
}

static void read_payload(struct load *l, const struct entry *e, void *object)
{
	static const char expected[] = "full, headers, or a number of bytes";
	const char *text = load_scalar(l, e, expected);
	struct log_spec *log = object;
	uint64_t bytes = 0;

	if (!text)
		return;
	if (strcmp(text, "full") == 0) {
		log->payload = LOG_PAYLOAD_FULL;
	} else if (strcmp(text, "headers") == 0) {
		log->payload = LOG_PAYLOAD_HEADERS;
	} else if (parse_size(text, &bytes) == 0 && bytes > 0 && bytes <= UINT16_MAX) {
		log->payload = LOG_PAYLOAD_BYTES;
		log->payload_bytes = (uint32_t)bytes;
	} else {
		load_error(l, e->value, "'payload' must be %s (1 to %d), not '%s'", expected,
			   UINT16_MAX, text);
	}
}

static void read_size(struct load *l, const struct entry *e, void *object)
{
	const char *text = load_scalar(l, e, "a size such as 2GiB");
	struct log_spec *log = object;

	if (!text)
		return;
	if (parse_size(text, &log->size_bytes) < 0 || log->size_bytes < 1024 * 1024 ||
	    log->size_bytes > INT64_MAX)
		load_error(l, e->value,
			   "'size' must be a size of at least 1MiB, such as 500MB or "
			   "2GiB, not '%s'",
			   text);
}

static void read_durability(struct load *l, const struct entry *e, void *object)
{
	const char *text = load_scalar(l, e, "kill or power");
	struct log_spec *log = object;

	if (!text)
		return;
	log->power_safe = strcmp(text, "power") == 0;
	if (!log->power_safe && strcmp(text, "kill") != 0)
		load_error(l, e->value,
			   "'durability' must be kill (a killed process loses 100 ms "
			   "at most) or power (so does a power cut), not '%s'",
			   text);
}

static const struct load_key log_keys[] = {
	{ "payload", read_payload },
	{ "size", read_size },
	{ "durability", read_durability },
};

static void read_log(struct load *l, const struct entry *e, void *object)
{
	struct lab *lab = object;

	load_map(l, e->value, doc_pos(l->doc, e->key), "'log'", log_keys, ARRAY_SIZE(log_keys),
		 &lab->log);
}

static const struct load_key topology_keys[] = {
	{ "defaults" },
	{ "kinds" },
	{ "nodes", .required = true },
	{ "links" },
};

/* Nodes before links, whatever the file's order. */
static void read_topology(struct load *l, const struct entry *e, void *object)
{
	struct entry nodes = { .name = "nodes" }, links = { .name = "links" };

	(void)object;
	if (!load_map(l, e->value, doc_pos(l->doc, e->key), "'topology'", topology_keys,
		      ARRAY_SIZE(topology_keys), NULL))
		return;
	nodes.value = doc_find(l->doc, e->value, nodes.name, &nodes.key);
	links.value = doc_find(l->doc, e->value, links.name, &links.key);
	if (nodes.value)
		load_nodes(l, &nodes, doc_find(l->doc, e->value, "defaults", NULL),
			   doc_find(l->doc, e->value, "kinds", NULL));
	if (links.value && !doc_is_null(links.value))
		load_links(l, &links);
}

/* In this order: steps and expectations name devices and links. */
static const struct load_key lab_keys[] = {
	{ "name", read_name, .required = true },
	{ "seed", read_seed },
	{ "epoch", read_epoch },
	{ "log", read_log },
	{ "topology", read_topology, .required = true },
	{ "steps", load_steps },
	{ "expect", load_expects },
};

/* --- the file ------------------------------------------------------------------------------- */

/* Without a seed in the file, the name gives one; 32 bits, so that a person can copy it. */
static uint64_t seed_from_name(const char *name)
{
	return hash_string(0, name) & UINT32_MAX;
}

static void load_all(struct load *l)
{
	struct lab_pos top = { l->lab->source, 1, 1, 1 };

	load_map(l, l->doc->root, top, "a lab", lab_keys, ARRAY_SIZE(lab_keys), l->lab);
	if (l->lab->name && !l->lab->seed_given)
		l->lab->seed = seed_from_name(l->lab->name);
}

static const char *dir_of(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return ".";
	return slash == path ? "/" : arena_strndup(arena, path, (size_t)(slash - path));
}

static struct lab *lab_new(const char *path, const char *text, size_t len)
{
	struct arena *arena = arena_new();
	struct lab *lab = arena_alloc(arena, sizeof(*lab));
	struct lab_source *source = arena_alloc(arena, sizeof(*source));

	source->file = arena_strdup(arena, path);
	source->text = arena_strndup(arena, text, len);
	source->len = len;
	lab->arena = arena;
	lab->source = source;
	return lab;
}

int lab_parse(const char *path, const char *text, size_t len, struct lab **ret, struct diag *diag)
{
	struct lab *lab = lab_new(path, text, len);
	uint32_t before = diag->n_errors;

	if (doc_load(lab->source, diag, &lab->doc) == 0) {
		struct load l = { lab, lab->doc, diag, lab->arena, dir_of(lab->arena, path) };

		load_all(&l);
	}
	if (diag->n_errors != before) {
		lab_free(lab);
		return -EINVAL;
	}
	*ret = lab;
	return 0;
}

int lab_load(const char *path, struct lab **ret, struct diag *diag)
{
	struct lab_source name = { .file = path };
	struct lab_pos whole = { .source = &name };
	char *text = NULL;
	size_t len;
	int r = file_read(path, DOC_BYTES_MAX, &text, &len);

	if (r < 0) {
		diag_error(diag, whole, "%s", file_why(r));
		return -EINVAL;
	}
	r = lab_parse(path, text, len, ret, diag);
	free(text);
	return r;
}

struct lab *lab_free(struct lab *lab)
{
	if (!lab)
		return NULL;
	doc_free(lab->doc);
	arena_free(lab->arena);
	return NULL;
}
