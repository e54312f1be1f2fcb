/* How often each line of each list matched, over the kernel's restarts of its counters. */
#include "acl/acl_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct tally_key {
	char list[ACL_LIST_NAME_LEN];
	uint32_t seq; /* 0: the implicit deny */
};

struct tally {
	struct tally_key key;
	uint64_t id;	   /* of the line; another one: the line is another one */
	uint64_t carried;  /* from sets before the one in force */
	uint64_t added;	   /* of these, by the last carry */
	uint64_t current;  /* of the set in force, when last read */
	uint64_t baseline; /* `clear` counts from here */
	uint64_t told;	   /* in the last fact */
	UT_hash_handle hh;
};

struct acl_tallies {
	struct tally *all;
};

static const struct fact_column hit_columns[] = {
	{ "list", VT_TEXT, "the access list" },
	{ "entry", VT_INT, "number of the entry; 0 is the implicit deny" },
	{ "action", VT_TEXT, "permit or deny" },
	{ "line", VT_TEXT, "the entry's words" },
	{ "matches", VT_INT, "packets so far" },
	{ 0 },
};

const struct fact_kind acl_hit_fact = {
	.table = "acl_hit",
	.help = "How often each entry of an access list has matched",
	.columns = hit_columns,
};

struct acl_tallies *acl_tallies_new(void)
{
	return calloc(1, sizeof(struct acl_tallies));
}

static void drop(struct acl_tallies *t, struct tally *x)
{
	HASH_DEL(t->all, x);
	free(x);
}

void acl_tallies_free(struct acl_tallies *t)
{
	struct tally *x, *next;

	if (!t)
		return;
	HASH_ITER(hh, t->all, x, next)
	{
		drop(t, x);
	}
	free(t);
}

static struct tally *find(struct acl_tallies *t, const char *list, uint32_t seq)
{
	struct tally_key key;
	struct tally *x;

	memset(&key, 0, sizeof(key)); /* the hash takes the padding too */
	str_copy(key.list, sizeof(key.list), list);
	key.seq = seq;
	HASH_FIND(hh, t->all, &key, sizeof(key), x);
	return x;
}

/* Bounded by the lines and lists there may be. */
static struct tally *get(struct acl_tallies *t, const char *list, uint32_t seq, uint64_t id)
{
	struct tally *x = find(t, list, seq);

	if (x)
		return x;
	x = calloc(1, sizeof(*x));
	if (!x)
		abort();
	str_copy(x->key.list, sizeof(x->key.list), list);
	x->key.seq = seq;
	x->id = id;
	HASH_ADD(hh, t->all, key, sizeof(x->key), x);
	return x;
}

static uint64_t total(const struct tally *x)
{
	return x->carried + x->current - x->baseline;
}

static void fact_key(const struct tally *x, char *out, size_t size)
{
	snprintf(out, size, "%s/%u", x->key.list, x->key.seq);
}

/* ---- reading ---- */

void acl_tallies_read(struct acl_tallies *t, const struct answer *a)
{
	for (struct tally *x = t->all; x; x = x->hh.next)
		x->current = 0;
	for (size_t i = 0; a->err == 0 && i < a->kernel.n_rows; i++) {
		const struct kernel_row *row = &a->kernel.rows[i];
		struct tally *x = find(t, row->text, (uint32_t)row->n2);

		if (x)
			x->current += (uint64_t)row->n1;
	}
}

uint64_t acl_tally_of(struct acl_tallies *t, const char *list, uint32_t seq)
{
	const struct tally *x = find(t, list, seq);

	return x ? total(x) : 0;
}

void acl_tallies_clear(struct acl_tallies *t, const char *list)
{
	for (struct tally *x = t->all; x; x = x->hh.next)
		if (!list || strcmp(x->key.list, list) == 0)
			x->baseline = x->carried + x->current;
}

/* ---- a new set ---- */

/* What stands in the lists at the tally's place: its id, or 0 = nothing any more. */
static uint64_t id_there(const struct acl_lists *lists, const struct tally *x)
{
	const struct acl_list *list = acl_list_find(lists, x->key.list);
	const struct acl_line *line;

	if (!list || x->key.seq == 0)
		return list ? x->id : 0;
	line = acl_line_find(list, x->key.seq);
	return line && line->action != ACL_REMARK ? line->id : 0;
}

static void carry(struct acl_tallies *t, const struct acl_lists *lists, struct fx *fx)
{
	struct tally *x, *next;
	char key[ACL_LIST_NAME_LEN + 12];

	HASH_ITER(hh, t->all, x, next)
	{
		x->added = x->current;
		x->carried += x->current;
		x->current = 0;
		if (id_there(lists, x) == x->id && x->id != 0)
			continue;
		fact_key(x, key, sizeof(key));
		if (x->told > 0)
			fx_fact_end(fx, &acl_hit_fact, key, "the entry was taken away");
		drop(t, x);
	}
}

void acl_tallies_carry(struct acl_tallies *t, const struct acl_lists *lists, const struct answer *a,
		       struct fx *fx)
{
	acl_tallies_read(t, a);
	carry(t, lists, fx);
	for (unsigned i = 0; i < lists->n_lists; i++) {
		const struct acl_list *list = &lists->lists[i];

		(void)get(t, list->name, 0, UINT64_MAX);
		for (unsigned k = 0; k < list->n_lines; k++)
			if (list->lines[k].action != ACL_REMARK)
				(void)get(t, list->name, list->lines[k].seq, list->lines[k].id);
	}
}

void acl_tallies_undo(struct acl_tallies *t)
{
	for (struct tally *x = t->all; x; x = x->hh.next) {
		x->carried -= x->added;
		x->added = 0;
	}
}

/* ---- facts ---- */

static void tell(const struct acl_lists *lists, struct tally *x, struct fx *fx)
{
	const struct acl_list *list = acl_list_find(lists, x->key.list);
	const struct acl_line *line = list && x->key.seq ? acl_line_find(list, x->key.seq) : NULL;
	char key[ACL_LIST_NAME_LEN + 12];
	struct sbuf text = SBUF(512);

	if (line)
		acl_line_print(line, list->extended, &text);
	else
		sbuf_puts(&text, "deny what no entry matches");
	fact_key(x, key, sizeof(key));
	fact_begin(fx, &acl_hit_fact, key, V_TEXT("list", x->key.list), V_INT("entry", x->key.seq),
		   V_TEXT("action", line && line->action == ACL_PERMIT ? "permit" : "deny"),
		   V_TEXT("line", sbuf_text(&text)), V_INT("matches", total(x)));
	x->told = total(x);
	sbuf_done(&text);
}

void acl_tallies_tell(struct acl_tallies *t, const struct acl_lists *lists, struct fx *fx)
{
	for (struct tally *x = t->all; x; x = x->hh.next)
		if (total(x) != x->told)
			tell(lists, x, fx);
}
