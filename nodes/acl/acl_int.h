/* acl_int.h: what the files of this folder share among themselves. */
#ifndef LABD_NODES_ACL_INT_H
#define LABD_NODES_ACL_INT_H

#include "acl/acl.h"

/* ---- acl_names.c: the words IOS has for numbers ---- */

/* Words may be abbreviated where that is unambiguous. 0, -ENOENT, or -ENOTUNIQ. */
int acl_protocol_parse(const char *word, uint8_t *ret);
const char *acl_protocol_name(uint8_t protocol); /* NULL: it has only a number */
int acl_port_parse(uint8_t protocol, const char *word, uint16_t *ret);
const char *acl_port_name(uint8_t protocol, uint16_t port); /* NULL: it has only a number */
/* *ret_code is -1 where the name stands for all codes. */
int acl_icmp_parse(const char *word, int16_t *ret_type, int16_t *ret_code);
const char *acl_icmp_name(int type, int code);

/* ---- acl_text.c: a line's text, without its number ---- */

/* What stands behind "permit" or "deny". 0, or -EINVAL with a sentence in reterr; fills everything
 * but seq, id and action. retwarn: accepted, but (or nothing). */
int acl_line_parse(const char *text, bool extended, struct acl_line *ret, struct sbuf *reterr,
		   struct sbuf *retwarn);
/* "permit udp any eq bootpc any", as the running configuration has it. */
void acl_line_print(const struct acl_line *line, bool extended, struct sbuf *out);
/* The same as show access-lists has it. */
void acl_line_show(const struct acl_line *line, bool extended, struct sbuf *out);
bool acl_line_same(const struct acl_line *a, const struct acl_line *b); /* but for seq and id */

/* ---- acl_list.c: the configuration object ---- */

struct acl_conf {
	struct acl_lists lists;
	uint64_t last_id; /* of lines and revisions */
	unsigned n_lines;
};

void *acl_conf_new(const struct device *dev);
void acl_conf_free(void *conf);
/* NULL when there are too many. */
struct acl_list *acl_list_get(struct acl_conf *conf, const char *name, bool extended,
			      bool numbered);
void acl_list_remove(struct acl_conf *conf, const char *name);
/* Takes a line in; seq 0: behind the last one. 0 with the number it has (that of an equal line,
 * when there is one), or -EINVAL with a sentence. */
int acl_list_add(struct acl_conf *conf, struct acl_list *list, const struct acl_line *line,
		 uint32_t *ret_seq, struct sbuf *reterr);
bool acl_list_drop(struct acl_conf *conf, struct acl_list *list, uint32_t seq);
const struct acl_line *acl_list_like(const struct acl_list *list, const struct acl_line *line);
/* Binds (name) or frees (NULL). 0, or -ENOSPC. */
int acl_use_set(struct acl_conf *conf, uint32_t ifid, bool out, const char *name);
const struct acl_use *acl_use_find(const struct acl_lists *lists, uint32_t ifid, bool out);

/* ---- acl_verdict.c: which rule a report is ---- */

void acl_decide_report(const struct acl_lists *lists, const struct device *dev,
		       const struct acl_report *r, const struct acl_packet *p, struct fx *fx);

/* ---- acl_tally.c: how often each line matched ----
 *
 * The kernel counts from 0 whenever a set is applied. What it had counted before is carried on here
 * for lines that are still the same; `clear` only remembers where to count from. */

struct acl_tallies;

struct acl_tallies *acl_tallies_new(void);
void acl_tallies_free(struct acl_tallies *t);
/* The kernel's counters just before a new set: carries them, forgets lines that are gone. */
void acl_tallies_carry(struct acl_tallies *t, const struct acl_lists *lists, const struct answer *a,
		       struct fx *fx);
/* The new set was refused: the kernel goes on counting. */
void acl_tallies_undo(struct acl_tallies *t);
/* The kernel's counters as they are now. */
void acl_tallies_read(struct acl_tallies *t, const struct answer *a);
uint64_t acl_tally_of(struct acl_tallies *t, const char *list, uint32_t seq);
void acl_tallies_clear(struct acl_tallies *t, const char *list); /* NULL: all lists */
/* Begins a fact for each line whose count has changed since its last one. */
void acl_tallies_tell(struct acl_tallies *t, const struct acl_lists *lists, struct fx *fx);
extern const struct fact_kind acl_hit_fact;

/* ---- acl_log.c: the entries' "log" ---- */

struct acl_log;

struct acl_log *acl_log_new(void);
void acl_log_free(struct acl_log *log);
void acl_log_packet(struct acl_log *log, const struct acl_report *r, const struct acl_packet *p,
		    nsec_t now, struct fx *fx);
void acl_log_timer(struct acl_log *log, nsec_t now, struct fx *fx);
nsec_t acl_log_deadline(const struct acl_log *log);

/* ---- acl_show.c ---- */

#define ACL_WAITING_MAX 16 /* commands that wait for counters */

enum acl_asked { ACL_ASK_SHOW, ACL_ASK_CLEAR, ACL_ASK_CARRY, ACL_ASK_HITS };
#define ACL_ASK_SHIFT 24 /* command ids stay below 1 << 24; the reason stands above */

struct acl_filter;

struct acl_waiting {
	uint32_t call;		      /* 0 = free */
	char list[ACL_LIST_NAME_LEN]; /* "" = all */
};

void acl_show_run(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void acl_clear_run(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void acl_show_answer(struct acl_filter *f, enum acl_asked why, uint32_t call,
		     const struct answer *a, struct fx *fx);
void acl_ask_counters(enum acl_asked why, uint32_t call, struct fx *fx);

/* ---- acl_filter.c ---- */

struct acl_filter {
	const struct acl_conf *conf;
	const struct device *dev;
	struct acl_bound *bound; /* what the kernel was told */
	unsigned n_bound;
	uint32_t effect; /* the last FX_ACL; 0 = none */
	struct acl_tallies *tallies;
	struct acl_log *log;
	nsec_t tell_at_ns; /* when counts become facts; NEVER = nothing is new */
	struct acl_waiting waiting[ACL_WAITING_MAX];
};

#endif
