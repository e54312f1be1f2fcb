/* What must hold for the tables of every protocol in protos.def. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/grammar.h"
#include "proto.h"

static void both_ways_from_rule_to_number(void **state)
{
	unsigned n = 0;

	(void)state;
	for (const struct proto *const *p = protos; *p; p++) {
		assert_ptr_equal(proto_find((*p)->name), *p);
		for (size_t i = 0; i < (*p)->n_rules; i++, n++) {
			assert_ptr_equal(rule_by_number(n), &(*p)->rules[i]);
			if (rule_number((*p)->rules[i].id) != (int)n)
				fail_msg("the rule %s is listed twice", (*p)->rules[i].id);
		}
	}
	assert_true(n > 0);
	assert_null(rule_by_number(n));
	assert_int_equal(rule_number("no.such.rule"), -1);
	assert_null(proto_find("no-such-protocol"));
}

static void both_ways_from_fact_to_number(void **state)
{
	unsigned n = 0;

	(void)state;
	for (const struct proto *const *p = protos; *p; p++)
		for (const struct fact_kind *const *f = (*p)->facts; f && *f; f++, n++) {
			assert_int_equal(fact_number(*f), n);
			assert_ptr_equal(fact_by_number(n), *f);
		}
	assert_null(fact_by_number(n));
	assert_int_equal(fact_number(&(const struct fact_kind){ 0 }), -1);
}

static void check_rule(const struct rule *r)
{
	const char *last = strrchr(r->id, '.');
	bool named_drop = last && strncmp(last + 1, "drop-", 5) == 0;

	if (!last || strspn(r->id, "abcdefghijklmnopqrstuvwxyz0123456789.-") != strlen(r->id))
		fail_msg("%s: an id is words of a-z, 0-9 and '-' joined by dots", r->id);
	if (named_drop != (r->kind == RULE_DROP))
		fail_msg("%s: \"drop-\" and the kind DROP go together", r->id);
	if (!r->sentence || !*r->sentence || !r->source)
		fail_msg("%s: has no sentence or no source (which may be \"\")", r->id);
	for (const char *p = strchr(r->sentence, '{'); p; p = strchr(p + 1, '{'))
		if (p[strcspn(p, "} ")] != '}' || p[1] == '}')
			fail_msg("%s: a {name} of its sentence is not closed", r->id);
}

static void rules_are_well_formed(void **state)
{
	(void)state;
	for (const struct proto *const *p = protos; *p; p++)
		for (size_t i = 0; i < (*p)->n_rules; i++)
			check_rule(&(*p)->rules[i]);
}

static const struct machine_class *find_class(const struct proto *p, const char *name)
{
	for (const struct machine_class *const *c = p->machines; c && *c; c++)
		if (strcmp((*c)->name, name) == 0)
			return *c;
	return NULL;
}

static void check_row(const struct proto *p, const struct cmd *c)
{
	bool exec = strcmp(c->mode, MODE_EXEC) == 0;
	const struct machine_class *cls = c->machine ? find_class(p, c->machine) : NULL;
	unsigned kinds = c->kinds ? c->kinds : KINDS_ALL;
	const char *why;

	if (pattern_check(c->pattern, &why) < 0)
		fail_msg("%s: \"%s\": %s", p->name, c->pattern, why);
	if (!c->help || !*c->help)
		fail_msg("%s: \"%s\" has no help", p->name, c->pattern);
	if (!exec && (!c->set || !p->conf_new || !p->conf_free))
		fail_msg("%s: \"%s\" is a configuration line without set() or object", p->name,
			 c->pattern);
	if (c->machine && !cls)
		fail_msg("%s: \"%s\": there is no machine %s", p->name, c->pattern, c->machine);
	if (exec && c->machine && !c->run)
		fail_msg("%s: \"%s\" is a command without run()", p->name, c->pattern);
	if (cls && (kinds & ~cls->kinds))
		fail_msg("%s: \"%s\" exists on kinds that have no machine %s", p->name, c->pattern,
			 c->machine);
}

static void command_rows_are_well_formed(void **state)
{
	(void)state;
	for (const struct proto *const *p = protos; *p; p++)
		for (const struct cmd *c = (*p)->cmds; c && c->mode; c++)
			check_row(*p, c);
}

/* Two rows with one pattern on one kind of device: the second would never be found. */
static void no_line_has_two_owners(void **state)
{
	(void)state;
	for (const struct proto *const *p = protos; *p; p++)
		for (const struct cmd *c = (*p)->cmds; c && c->mode; c++)
			for (const struct proto *const *q = protos; *q; q++)
				for (const struct cmd *d = (*q)->cmds; d && d->mode; d++)
					if (c != d && strcmp(c->mode, d->mode) == 0 &&
					    strcmp(c->pattern, d->pattern) == 0 &&
					    ((c->kinds ? c->kinds : KINDS_ALL) &
					     (d->kinds ? d->kinds : KINDS_ALL)))
						fail_msg("\"%s\" belongs to %s and to %s",
							 c->pattern, (*p)->name, (*q)->name);
}

/* A mode that is entered has lines, and a mode with lines can be entered. */
static bool is_entered(const char *mode)
{
	for (const struct proto *const *p = protos; *p; p++)
		for (const struct cmd *c = (*p)->cmds; c && c->mode; c++)
			if (c->enters && strcmp(c->enters, mode) == 0)
				return true;
	return strcmp(mode, MODE_EXEC) == 0 || strcmp(mode, MODE_CONFIG) == 0;
}

static void modes_can_be_entered(void **state)
{
	(void)state;
	for (const struct proto *const *p = protos; *p; p++)
		for (const struct cmd *c = (*p)->cmds; c && c->mode; c++)
			if (!is_entered(c->mode))
				fail_msg("%s: nothing enters the mode %s", (*p)->name, c->mode);
}

static void machines_are_complete(void **state)
{
	(void)state;
	for (const struct proto *const *p = protos; *p; p++) {
		assert_non_null((*p)->title);
		for (const struct machine_class *const *c = (*p)->machines; c && *c; c++)
			if (!(*c)->name || !(*c)->kinds || !(*c)->create || !(*c)->destroy ||
			    !(*c)->event)
				fail_msg("%s: a machine lacks what proto.h says it MUST have",
					 (*p)->name);
	}
}

static void fact_kinds_are_well_formed(void **state)
{
	static const char sql[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

	(void)state;
	for (unsigned n = 0; fact_by_number(n); n++) {
		const struct fact_kind *f = fact_by_number(n);
		unsigned columns = 0;

		for (const struct fact_column *c = f->columns; c && c->name; c++, columns++)
			if (strspn(c->name, sql) != strlen(c->name) || c->type == VT_END ||
			    strlen(c->name) > 31)
				fail_msg("%s.%s: not a column", f->table, c->name);
		if (strspn(f->table, sql) != strlen(f->table) || columns > VAL_LIST_MAX)
			fail_msg("%s: not a table", f->table);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways_from_rule_to_number),
		cmocka_unit_test(both_ways_from_fact_to_number),
		cmocka_unit_test(rules_are_well_formed),
		cmocka_unit_test(command_rows_are_well_formed),
		cmocka_unit_test(no_line_has_two_owners),
		cmocka_unit_test(modes_can_be_entered),
		cmocka_unit_test(machines_are_complete),
		cmocka_unit_test(fact_kinds_are_well_formed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
