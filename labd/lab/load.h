/* load.h: private to labd/lab: from the YAML document to struct lab.
 *
 * load.c       the file, the keys on top
 * load_value.c tables of keys, scalars, devices by name, with their errors
 * load_node.c  devices: defaults, kinds, nodes
 * load_file.c  what lies beside the lab file: config-file, files
 * load_link.c  links and their ends
 * load_wire.c  what a wire does
 * load_step.c  steps and expectations
 *
 * A reader never returns an error: it reports to the diag and goes on, so that one run finds all.
 * Whether the lab is valid is the diag's count at the end. */
#ifndef LABD_LAB_LOAD_H
#define LABD_LAB_LOAD_H

#include "labd/lab/arena.h"
#include "labd/lab/doc.h"
#include "labd/lab/lab.h"

struct config_file;

struct load {
	struct lab *lab;
	struct doc *doc;
	struct diag *diag;
	struct arena *arena;
	const char *dir;	   /* of the lab file */
	struct config_file *files; /* read so far; a list in the arena */
	size_t files_bytes;
};

/* One key of a map, and its value. */
struct entry {
	yaml_node_t *key, *value;
	const char *name; /* the key's text */
};

typedef void (*load_reader)(struct load *l, const struct entry *e, void *object);

struct load_key {
	const char *name;
	load_reader read; /* NULL: known, and read by other means */
	bool required;
};

/* Reads a map by its table, in the table's order. |what| names the map in errors ("device 'r1'"),
 * which point at |at|. False when it is no map at all. */
bool load_map(struct load *l, yaml_node_t *map, struct lab_pos at, const char *what,
	      const struct load_key *keys, size_t n_keys, void *object);
void load_unknown_key(struct load *l, yaml_node_t *key, const struct load_key *keys, size_t n_keys);

/* Is there a key that looks like |name|? Then that |name| is missing has been said already. */
bool load_has_typo(struct load *l, yaml_node_t *map, const char *name);

void load_error(struct load *l, const yaml_node_t *node, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Scalars. Each reports what is wrong and then returns NULL or false, *ret untouched. */
const char *load_scalar(struct load *l, const struct entry *e, const char *expected);
bool load_text(struct load *l, const struct entry *e, size_t max, struct lab_text *ret);
bool load_item_text(struct load *l, const char *what, yaml_node_t *item, size_t max,
		    struct lab_text *ret);
bool load_uint(struct load *l, const struct entry *e, uint64_t min, uint64_t max, uint64_t *ret);
bool load_bool(struct load *l, const struct entry *e, bool *ret);
bool load_duration(struct load *l, const struct entry *e, nsec_t max_ns, nsec_t *ret);
/* A list, at most |max| long; else false. */
bool load_list(struct load *l, const struct entry *e, size_t max, size_t *ret_n);
/* Printable characters of one line. */
bool load_check_line(struct load *l, yaml_node_t *node, const char *text);

/* The readers of the keys on top. |object| is the struct lab. */
void load_nodes(struct load *l, const struct entry *nodes, yaml_node_t *defaults,
		yaml_node_t *kinds);
void load_links(struct load *l, const struct entry *e);
void load_steps(struct load *l, const struct entry *e, void *object);
void load_expects(struct load *l, const struct entry *e, void *object);

/* `wire:` of a link whose ends are known. */
void load_wire(struct load *l, const struct entry *e, struct lab_link *link);

/* The text of a file below the lab's folder. */
bool load_config_file(struct load *l, const struct entry *e, struct lab_text *ret);
/* The absolute path of a folder below the lab's folder. */
const char *load_directory(struct load *l, const struct entry *e);

/* The index of a device, or -1 after an error with a suggestion. */
int load_device(struct load *l, const yaml_node_t *node, const char *name);

/* Words that begin a step and so cannot be a device's name. */
bool load_is_step_word(const char *word);

#endif
