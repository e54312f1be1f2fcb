/* rule.h: one branch of a protocol's flowchart.
 *
 * Each protocol folder lists its rules in PROTO_rules.def, one RULE() line each:
 *
 *   RULE("dhcp4.server.drop-pool-exhausted", DROP,
 *        "dropped {client}'s DISCOVER: pool {pool} has no free address", "RFC 2131 §4.3.1")
 *
 * The sentence is what a student reads; {name} is replaced by the value of that name given to
 * decide(). An id whose last part starts with "drop-" has kind DROP and the reverse. */
#ifndef LABD_BASE_RULE_H
#define LABD_BASE_RULE_H

#include <stddef.h>

enum rule_kind {
	RULE_ACCEPT,
	RULE_DROP,
	RULE_REPLY,
	RULE_SEND,
	RULE_TIMER,
	RULE_STATE,
	RULE_DISPLAY,
	RULE_CONFIG,
};

struct rule {
	const char *id;
	enum rule_kind kind;
	const char *sentence;
	const char *source;
};

/* For the .def files: #define RULE RULE_ROW, include, #undef RULE. */
#define RULE_ROW(rule_id, rule_kind_word, rule_sentence, rule_source) \
	{ .id = rule_id,                                              \
	  .kind = RULE_##rule_kind_word,                              \
	  .sentence = rule_sentence,                                  \
	  .source = rule_source },

struct val;
struct sbuf;

const char *rule_kind_name(enum rule_kind kind);
/* The sentence with its {names} filled in; an absent name shows as {name}. */
void rule_sentence(const char *sentence, const struct val *values, struct sbuf *out);

#endif
