/* engine_in.h: the inside of the engine. */
#ifndef LABD_LOG_ENGINE_IN_H
#define LABD_LOG_ENGINE_IN_H

#include "labd/log/describe.h"
#include "labd/log/engine.h"
#include "labd/log/infer.h"
#include "labd/log/info.h"
#include "labd/log/tie.h"

struct engine {
	const struct log_args *args;
	struct describe describe;
	struct labtime time;
	struct tie_way *ways; /* by way id; ids 0 and 1 are nobody's */
	uint32_t n_ways;
	struct store *store;
	uint64_t template_key;
	bool from_template; /* the database has all that does not depend on the lab */
	struct flows *flows;
	struct apps *apps;
	struct tie *tie;
	struct infer *infer;
	struct journal_in **journals;
	uint32_t n_journals;
	struct sbuf sentence, json; /* the journals' scratch */
	struct info info;
	bool careful;
	int64_t fields_left, fields_at_ns;
};

/* engine_plan.c */
int engine_make_ways(struct engine *e, struct sbuf *reterr);
/* Rules and the tables of facts, where they are not there yet; then the lab, its devices,
 * interfaces and links. */
int engine_fill_database(struct engine *e, struct sbuf *reterr);

#endif
