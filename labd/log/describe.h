/* describe.h: the rules and fact kinds of `labnode --describe`, by the numbers that nodes use.
 *
 * Journals carry places in that list instead of names. Read once at the start; owns its texts. */
#ifndef LABD_LOG_DESCRIBE_H
#define LABD_LOG_DESCRIBE_H

#include "base/val.h"

#define DESCRIBE_RULES_MAX 8192u
#define DESCRIBE_FACTS_MAX 512u

struct sbuf;

struct describe_rule {
	const char *id, *kind, *sentence, *source, *protocol;
};

struct describe_column {
	const char *name, *help;
	enum val_type type;
};

struct describe_fact {
	const char *table, *help;
	bool durable;
	struct describe_column columns[VAL_LIST_MAX];
	unsigned n_columns;
};

struct describe {
	struct describe_rule *rules;
	size_t n_rules;
	struct describe_fact *facts;
	size_t n_facts;
	void *json; /* owns the texts */
};

/* 0, or -EINVAL with the reason. */
int describe_read(const char *text, size_t len, struct describe *ret, struct sbuf *reterr);
void describe_done(struct describe *d);

#endif
