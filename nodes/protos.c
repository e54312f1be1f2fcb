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

/* A rule is nearly always named by a literal that the linker has merged with the one in its table:
 * then its address says which it is. */
struct rule_place {
	const char *id; /* NULL = free */
	int number;
};

static struct {
	struct rule_entry *entries; /* by number; never freed: it lives as long as the program */
	size_t n;
	struct rule_entry *by_id;
	struct rule_place *places; /* by address */
	size_t n_places;	   /* a power of two, at least twice as many as there are rules */
} index_of;

static struct rule_place *place_of(const char *id)
{
	size_t mask = index_of.n_places - 1;
	size_t i = ((uintptr_t)id * 0x9e3779b97f4a7c15 >> 32) & mask;

	while (index_of.places[i].id && index_of.places[i].id != id)
		i = (i + 1) & mask;
	return &index_of.places[i];
}

static size_t count_rules(void)
{
	size_t n = 0;

	for (const struct proto *const *p = protos; *p; p++)
		n += (*p)->n_rules;
	return n;
}

static void build_index(void)
{
	size_t n_rules = count_rules();
	struct rule_entry *e = calloc(n_rules + 1, sizeof(*e));

	for (index_of.n_places = 64; index_of.n_places < 2 * n_rules;)
		index_of.n_places *= 2;
	index_of.places = calloc(index_of.n_places, sizeof(*index_of.places));
	if (!e || !index_of.places)
		abort();
	index_of.entries = e;
	for (const struct proto *const *p = protos; *p; p++) {
		for (size_t i = 0; i < (*p)->n_rules; i++, e++) {
			e->rule = &(*p)->rules[i];
			e->number = (int)index_of.n++;
			HASH_ADD_KEYPTR(hh, index_of.by_id, e->rule->id, strlen(e->rule->id), e);
			*place_of(e->rule->id) = (struct rule_place){ e->rule->id, e->number };
		}
	}
}

int rule_number(const char *id)
{
	const struct rule_place *place;
	struct rule_entry *e;

	if (!index_of.entries)
		build_index();
	place = place_of(id);
	if (place->id)
		return place->number;
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
