#include "labd/lab/load.h"

#include <string.h>
#include <strings.h>

#include "labd/lab/suggest.h"

enum { STEP_KEYS_MAX = 4 }; /* a main word and the three beside it; more is an error */

static const nsec_t step_max_ns = 365 * 86400 * SEC;

/* What a step's first word may be, apart from a device. */
static const struct step_word {
	const char *word;
	enum lab_step_kind kind;
} step_words[] = {
	{ "until", STEP_UNTIL },     { "wait", STEP_WAIT },   { "expect", STEP_EXPECT },
	{ "stop", STEP_STOP },	     { "start", STEP_START }, { "link down", STEP_LINK_DOWN },
	{ "link up", STEP_LINK_UP },
};

/* What may stand beside it. */
static const char *const side_words[] = { "within", "fails", "why" };

static const struct step_word *find_step_word(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(step_words); i++)
		if (strcmp(step_words[i].word, word) == 0)
			return &step_words[i];
	return NULL;
}

static bool is_side_word(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(side_words); i++)
		if (strcmp(side_words[i], word) == 0)
			return true;
	return false;
}

bool load_is_step_word(const char *word)
{
	return find_step_word(word) || is_side_word(word);
}

/* The statements that answer and change nothing. */
static bool is_query(const char *sql)
{
	static const char *const first[] = { "SELECT", "WITH", "VALUES" };

	sql += strspn(sql, " \t\n");
	for (size_t i = 0; i < ARRAY_SIZE(first); i++) {
		size_t len = strlen(first[i]);

		if (strncasecmp(sql, first[i], len) == 0 && strchr(" \t\n(*", sql[len]))
			return true;
	}
	return false;
}

static void check_query(struct load *l, const yaml_node_t *node, const struct lab_text *sql)
{
	if (!is_query(sql->text))
		load_error(l, node,
			   "'%.40s': only questions are possible here, and they begin with "
			   "SELECT, such as SELECT count(*) = 1 FROM packets",
			   sql->text);
}

static void read_query(struct load *l, const struct entry *e, struct lab_text *ret)
{
	if (load_text(l, e, LAB_SQL_MAX, ret))
		check_query(l, e->value, ret);
}

static void read_why(struct load *l, const struct entry *e, void *object)
{
	const char *text = load_scalar(l, e, "a sentence");

	if (text && load_check_line(l, e->value, text))
		*(const char **)object = text;
}

/* --- steps ---------------------------------------------------------------------------------- */

static int named_link(struct load *l, const struct entry *e)
{
	const char *text = load_scalar(l, e, "a link's name, or one of its ends");
	struct suggest s = suggest_for(text ? text : "");
	int i;

	if (!text)
		return 0;
	i = lab_find_link(l->lab, text);
	if (i >= 0)
		return i;
	for (size_t k = 0; k < l->lab->n_links; k++)
		suggest_offer(&s, l->lab->links[k].name);
	load_error(l, e->value,
		   "unknown link '%s'%s%s%s; a link is known by its name or by an end "
		   "such as pc1:eth0",
		   text, s.best ? ", did you mean '" : "", s.best ? s.best : "", s.best ? "'" : "");
	return 0;
}

static int named_device(struct load *l, const struct entry *e)
{
	const char *text = load_scalar(l, e, "a device");
	int i = text ? load_device(l, e->value, text) : -1;

	return i < 0 ? 0 : i;
}

/* The word's own value. */
static void read_word(struct load *l, const struct entry *e, struct lab_step *step)
{
	switch (step->kind) {
	case STEP_UNTIL:
	case STEP_EXPECT:
		read_query(l, e, &step->text);
		return;
	case STEP_WAIT:
		load_duration(l, e, step_max_ns, &step->time_ns);
		return;
	case STEP_STOP:
	case STEP_START:
		step->node = (uint32_t)named_device(l, e);
		return;
	case STEP_LINK_DOWN:
	case STEP_LINK_UP:
		step->link = (uint32_t)named_link(l, e);
		return;
	case STEP_COMMAND:
		return; /* read_commands() */
	}
}

static void read_side(struct load *l, const struct entry *e, struct lab_step *step)
{
	if (strcmp(e->name, "why") == 0)
		read_why(l, e, &step->why);
	else if (strcmp(e->name, "within") == 0 && step->kind == STEP_UNTIL)
		load_duration(l, e, step_max_ns, &step->time_ns);
	else if (strcmp(e->name, "fails") == 0 && step->kind == STEP_COMMAND)
		load_bool(l, e, &step->fails);
	else
		load_error(l, e->key, "'%s' belongs to %s", e->name,
			   strcmp(e->name, "fails") == 0 ? "a command (DEVICE: COMMAND)"
							 : "'until'");
}

/* One command, or a list of them: each is a step. */
static void read_commands(struct load *l, const struct entry *e, const struct lab_step *step)
{
	bool single = e->value->type != YAML_SEQUENCE_NODE;
	size_t n = single ? 1 : doc_size(e->value);

	if (n == 0)
		load_error(l, e->key, "there is no command for '%s'", e->name);
	if (n > LAB_STEPS_MAX - l->lab->n_steps) {
		load_error(l, e->key, "too many steps: the most is %d", LAB_STEPS_MAX);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		yaml_node_t *item = single ? e->value : doc_item(l->doc, e->value, i);
		struct lab_step *command = &l->lab->steps[l->lab->n_steps++];

		*command = *step;
		if (load_item_text(l, "a command", item, LAB_COMMAND_MAX, &command->text))
			load_check_line(l, item, command->text.text);
		if (!single)
			command->pos = doc_pos(l->doc, item);
	}
}

/* What is neither a word of steps nor a device. */
static bool find_main_key(struct load *l, yaml_node_t *item, struct entry *ret,
			  struct lab_step *step)
{
	for (size_t i = 0; i < doc_size(item); i++) {
		struct entry e = { doc_key(l->doc, item, i), doc_value(l->doc, item, i) };
		const struct step_word *word;

		e.name = doc_scalar(e.key);
		word = find_step_word(e.name);
		if (is_side_word(e.name))
			continue;
		if (ret->key) {
			load_error(l, e.key, "'%s' is a step of its own: begin its line with '-'",
				   e.name);
			return false;
		}
		step->kind = word ? word->kind : STEP_COMMAND;
		*ret = e;
	}
	if (!ret->key)
		load_error(l, item,
			   "a step is DEVICE: COMMAND, until:, expect:, wait:, stop:, "
			   "start:, link down: or link up:");
	return ret->key;
}

/* The device of a command; a mistyped word of the steps is told from a mistyped device. */
static bool read_command_device(struct load *l, const struct entry *e, struct lab_step *step)
{
	struct suggest s = suggest_for(e->name);
	int i = lab_find_node(l->lab, e->name);

	if (i >= 0) {
		step->node = (uint32_t)i;
		return true;
	}
	for (size_t k = 0; k < ARRAY_SIZE(step_words); k++)
		suggest_offer(&s, step_words[k].word);
	for (size_t k = 0; k < l->lab->n_nodes; k++)
		suggest_offer(&s, l->lab->nodes[k].name);
	load_error(l, e->key, "'%s' is neither a device nor a word of the steps%s%s%s", e->name,
		   s.best ? ", did you mean '" : "", s.best ? s.best : "", s.best ? "'?" : "");
	return false;
}

static void read_sides(struct load *l, yaml_node_t *item, struct lab_step *step)
{
	for (size_t i = 0; i < doc_size(item); i++) {
		struct entry e = { doc_key(l->doc, item, i), doc_value(l->doc, item, i) };

		e.name = doc_scalar(e.key);
		if (is_side_word(e.name))
			read_side(l, &e, step);
	}
}

static void read_step(struct load *l, yaml_node_t *item)
{
	struct lab_step step = { .pos = doc_pos(l->doc, item) };
	struct entry first = { 0 };

	if (l->lab->n_steps == LAB_STEPS_MAX) {
		load_error(l, item, "too many steps: the most is %d", LAB_STEPS_MAX);
		return;
	}
	if (item->type != YAML_MAPPING_NODE) {
		load_error(l, item,
			   "a step is a key and a value, such as  pc1: ping www  (with a "
			   "blank behind the colon), not %s",
			   doc_type(item));
		return;
	}
	if (!find_main_key(l, item, &first, &step))
		return;
	if (step.kind == STEP_COMMAND && !read_command_device(l, &first, &step))
		return;
	read_sides(l, item, &step);
	if (step.kind == STEP_UNTIL && !doc_find(l->doc, item, "within", NULL))
		load_error(l, first.key,
			   "'until' needs 'within': how long to wait, such as "
			   "within: 5s");
	if (step.kind == STEP_COMMAND) {
		read_commands(l, &first, &step);
		return;
	}
	read_word(l, &first, &step);
	l->lab->steps[l->lab->n_steps++] = step;
}

/* Lists of commands take a step an item; what is too much is refused where it is read. */
static size_t count_steps(struct load *l, yaml_node_t *list)
{
	size_t n = doc_size(list);

	for (size_t i = 0; i < doc_size(list) && n < LAB_STEPS_MAX; i++) {
		yaml_node_t *item = doc_item(l->doc, list, i);

		if (item->type != YAML_MAPPING_NODE || doc_size(item) > STEP_KEYS_MAX)
			continue;
		for (size_t k = 0; k < doc_size(item); k++)
			n += doc_size(doc_value(l->doc, item, k));
	}
	return n < LAB_STEPS_MAX ? n : LAB_STEPS_MAX;
}

void load_steps(struct load *l, const struct entry *e, void *object)
{
	size_t n, n_all;

	(void)object;
	if (doc_is_null(e->value) || !load_list(l, e, LAB_STEPS_MAX, &n))
		return;
	n_all = count_steps(l, e->value);
	l->lab->steps = arena_array(l->arena, n_all, sizeof(*l->lab->steps));
	for (size_t i = 0; i < n; i++)
		read_step(l, doc_item(l->doc, e->value, i));
}

/* --- expectations --------------------------------------------------------------------------- */

static void read_sql(struct load *l, const struct entry *e, void *object)
{
	struct lab_expect *expect = object;

	read_query(l, e, &expect->sql);
}

static void read_expect_why(struct load *l, const struct entry *e, void *object)
{
	struct lab_expect *expect = object;

	read_why(l, e, &expect->why);
}

static const struct load_key expect_keys[] = {
	{ "sql", read_sql, .required = true },
	{ "why", read_expect_why },
};

static void read_expect(struct load *l, yaml_node_t *item, struct lab_expect *ret)
{
	if (item->type == YAML_MAPPING_NODE)
		load_map(l, item, doc_pos(l->doc, item), "an expectation", expect_keys,
			 ARRAY_SIZE(expect_keys), ret);
	else if (load_item_text(l, "an expectation", item, LAB_SQL_MAX, &ret->sql))
		check_query(l, item, &ret->sql);
}

void load_expects(struct load *l, const struct entry *e, void *object)
{
	size_t n;

	(void)object;
	if (doc_is_null(e->value) || !load_list(l, e, LAB_EXPECTS_MAX, &n))
		return;
	l->lab->expects = arena_array(l->arena, n, sizeof(*l->lab->expects));
	l->lab->n_expects = n;
	for (size_t i = 0; i < n; i++)
		read_expect(l, doc_item(l->doc, e->value, i), &l->lab->expects[i]);
}
