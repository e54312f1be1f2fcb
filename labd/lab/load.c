#include "labd/lab/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "labd/lab/file.h"
#include "labd/lab/units.h"

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
