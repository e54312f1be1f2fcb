#include "labd/log/describe.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static enum val_type type_of(const char *name)
{
	static const struct {
		const char *name;
		enum val_type type;
	} types[] = {
		{ "int", VT_INT },     { "text", VT_TEXT }, { "addr", VT_ADDR },
		{ "mac", VT_MAC },     { "time", VT_TIME }, { "duration", VT_DURATION },
		{ "bytes", VT_BYTES },
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(types[i].name, name) == 0)
			return types[i].type;
	return VT_TEXT;
}

static int read_rules(const json_t *list, struct describe *d, struct sbuf *reterr)
{
	size_t n = json_array_size(list);

	if (n > DESCRIBE_RULES_MAX) {
		sbuf_printf(reterr, "%zu rules, at most %u", n, DESCRIBE_RULES_MAX);
		return -EINVAL;
	}
	d->rules = calloc(n + 1, sizeof(*d->rules));
	if (!d->rules)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const json_t *rule = json_array_get(list, i);

		d->rules[i] = (struct describe_rule){ .id = text_of(rule, "id"),
						      .kind = text_of(rule, "kind"),
						      .sentence = text_of(rule, "sentence"),
						      .source = text_of(rule, "source"),
						      .protocol = text_of(rule, "protocol") };
	}
	d->n_rules = n;
	return 0;
}

/* A table or column name that can stand in SQL without surprises. */
static bool is_sql_name(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return len > 0 && len < 64 && name[len] == '\0' && (name[0] < '0' || name[0] > '9');
}

static int read_columns(const json_t *list, struct describe_fact *f, struct sbuf *reterr)
{
	size_t n = json_array_size(list);

	if (n > VAL_LIST_MAX) {
		sbuf_printf(reterr, "%s has %zu columns, at most %d", f->table, n, VAL_LIST_MAX);
		return -EINVAL;
	}
	for (size_t i = 0; i < n; i++) {
		const json_t *c = json_array_get(list, i);

		f->columns[i] = (struct describe_column){ .name = text_of(c, "name"),
							  .help = text_of(c, "help"),
							  .type = type_of(text_of(c, "type")) };
		if (!is_sql_name(f->columns[i].name)) {
			sbuf_printf(reterr, "'%s' of %s is no column name", f->columns[i].name,
				    f->table);
			return -EINVAL;
		}
	}
	f->n_columns = (unsigned)n;
	return 0;
}

static int read_facts(const json_t *list, struct describe *d, struct sbuf *reterr)
{
	size_t n = json_array_size(list);
	int r = 0;

	if (n > DESCRIBE_FACTS_MAX) {
		sbuf_printf(reterr, "%zu kinds of facts, at most %u", n, DESCRIBE_FACTS_MAX);
		return -EINVAL;
	}
	d->facts = calloc(n + 1, sizeof(*d->facts));
	if (!d->facts)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < n; i++) {
		const json_t *kind = json_array_get(list, i);
		struct describe_fact *f = &d->facts[i];

		f->table = text_of(kind, "table");
		f->help = text_of(kind, "help");
		f->durable = json_is_true(json_object_get(kind, "durable"));
		if (!is_sql_name(f->table)) {
			sbuf_printf(reterr, "'%s' is no table name", f->table);
			return -EINVAL;
		}
		r = read_columns(json_object_get(kind, "columns"), f, reterr);
	}
	d->n_facts = n;
	return r;
}

int describe_read(const char *text, size_t len, struct describe *ret, struct sbuf *reterr)
{
	struct describe d = { 0 };
	json_error_t error;
	int r;

	d.json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!d.json) {
		sbuf_printf(reterr, "the devices' description, line %d: %s", error.line,
			    error.text);
		return -EINVAL;
	}
	r = read_rules(json_object_get(d.json, "rules"), &d, reterr);
	if (r == 0)
		r = read_facts(json_object_get(d.json, "facts"), &d, reterr);
	if (r < 0) {
		describe_done(&d);
		return r;
	}
	*ret = d;
	return 0;
}

void describe_done(struct describe *d)
{
	free(d->rules);
	free(d->facts);
	json_decref(d->json);
	*d = (struct describe){ 0 };
}
