#include "proto.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define PROTO(name)	    extern const struct proto name##_proto;
#define PROTO_WITHOUT_CODEC PROTO
#include "protos.def"
#undef PROTO

#define PROTO(name) &name##_proto,
const struct proto *const protos[] = {
#include "protos.def"
	NULL,
};
#undef PROTO_WITHOUT_CODEC
#undef PROTO

const struct proto *proto_find(const char *name)
{
	for (const struct proto *const *p = protos; *p; p++)
		if (strcmp((*p)->name, name) == 0)
			return *p;
	return NULL;
}

/* Both ways between a rule and its place, made at the first question (before the zygote forks). */
struct rule_entry {
	const struct rule *rule;
	int number;
	UT_hash_handle hh;
};

static struct {
	struct rule_entry *entries; /* by number; never freed: it lives as long as the program */
	size_t n;
	struct rule_entry *by_id;
} index_of;

static size_t count_rules(void)
{
	size_t n = 0;

	for (const struct proto *const *p = protos; *p; p++)
		n += (*p)->n_rules;
	return n;
}

static void build_index(void)
{
	struct rule_entry *e = calloc(count_rules() + 1, sizeof(*e));

	if (!e)
		abort();
	index_of.entries = e;
	for (const struct proto *const *p = protos; *p; p++) {
		for (size_t i = 0; i < (*p)->n_rules; i++, e++) {
			e->rule = &(*p)->rules[i];
			e->number = (int)index_of.n++;
			HASH_ADD_KEYPTR(hh, index_of.by_id, e->rule->id, strlen(e->rule->id), e);
		}
	}
}

int rule_number(const char *id)
{
	struct rule_entry *e;

	if (!index_of.entries)
		build_index();
	HASH_FIND_STR(index_of.by_id, id, e);
	return e ? e->number : -1;
}

const struct rule *rule_by_number(unsigned number)
{
	if (!index_of.entries)
		build_index();
	return number < index_of.n ? index_of.entries[number].rule : NULL;
}

/* Fact kinds are few (some dozens in all): a walk is enough. */
int fact_number(const struct fact_kind *kind)
{
	int number = 0;

	for (const struct proto *const *p = protos; *p; p++) {
		for (const struct fact_kind *const *f = (*p)->facts; f && *f; f++, number++)
			if (*f == kind)
				return number;
	}
	return -1;
}

const struct fact_kind *fact_by_number(unsigned number)
{
	for (const struct proto *const *p = protos; *p; p++) {
		for (const struct fact_kind *const *f = (*p)->facts; f && *f; f++)
			if (number-- == 0)
				return *f;
	}
	return NULL;
}
