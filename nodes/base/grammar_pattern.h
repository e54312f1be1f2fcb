/* grammar_pattern.h: patterns compiled to elements; private to grammar*.c.
 *
 * A row is a flat list of elements that ends with E_END. [...] becomes E_OPEN ... E_CLOSE, and
 * E_OPEN knows the place after its E_CLOSE. Texts point into the row's copy of the pattern. */
#ifndef LABD_BASE_GRAMMAR_PATTERN_H
#define LABD_BASE_GRAMMAR_PATTERN_H

#include "base/grammar.h"

#define ELEMENTS_MAX 64
#define CHOICES_MAX  32

enum element_kind { E_END, E_LITERAL, E_TYPED, E_CHOICE, E_OPEN, E_CLOSE };

enum typed_word {
	T_WORD,
	T_LINE,
	T_ADDR4,
	T_PREFIX4,
	T_ADDR6,
	T_PREFIX6,
	T_IP,
	T_MAC,
	T_IFNAME,
	T_HOST,
	T_NUMBER,
};

struct element {
	enum element_kind kind;
	enum typed_word typed; /* E_TYPED */
	const char *text;      /* a literal; a typed word as the pattern spells it */
	const char **choices;  /* E_CHOICE: NULL-ended, owned */
	int64_t min, max;      /* T_NUMBER */
	unsigned arg;	       /* place among the captured words */
	unsigned jump;	       /* E_OPEN: the element after its E_CLOSE */
};

struct row {
	const struct cmd *cmd;
	unsigned owner;
	char *pattern;		  /* owned; cut up */
	struct element *elements; /* owned */
	unsigned n_leading;	  /* literals before the first other element */
	unsigned n_args;
};

/* 0, or -EINVAL with *ret_why; fills elements, pattern, n_leading, n_args. */
int row_compile(const char *pattern, struct row *ret, const char **ret_why);
void row_done(struct row *row);

struct mode {
	const char *name;
	struct row *rows;
	size_t n, size;
};

struct grammar {
	struct mode *modes;
	size_t n_modes;
	struct grammar_ifaces ifaces;
};

const struct mode *mode_find(const struct grammar *g, const char *name);

/* The places an element list may go on at from `pos`: into and around optional groups. Returns how
 * many were put into out[ELEMENTS_MAX]; E_END among them = the row may end here. */
unsigned row_leaves(const struct row *row, unsigned pos, unsigned out[static ELEMENTS_MAX]);

/* One word of a line. */
struct word {
	unsigned column;  /* of its first octet, from 1 */
	const char *text; /* quotes removed */
	size_t start;	  /* offset in the line */
	bool quoted;
};

struct words {
	struct word w[GRAMMAR_WORDS_MAX];
	unsigned n;
	char store[2 * LINE_MAX_LEN];
	const char *line;
	size_t line_len; /* without blanks at the end */
};

/* 0, or -E2BIG. */
int words_split(const char *line, struct words *ret);

/* How well a word fits an element, from worst to best. */
enum fit { FIT_NONE, FIT_WIDE, FIT_NARROW, FIT_PREFIX, FIT_EXACT };

/* A row being followed. */
struct state {
	const struct row *row;
	unsigned pos;	  /* next element */
	unsigned skip;	  /* words still covered by the last element */
	unsigned rank;	  /* smaller = better so far; equal = equally good */
	enum fit fit;	  /* of the last word */
	int parent;	  /* state before, -1 = none */
	unsigned element; /* matched to come here; ELEMENT_NONE = none */
	unsigned word;	  /* first word it covered */
	unsigned span;
	unsigned choice;
};
#define ELEMENT_NONE UINT32_MAX

struct states {
	struct state *s;
	size_t n, size;
	size_t from; /* [from, n) are alive after the words seen so far */
};

struct lookup {
	const struct grammar *g;
	const struct mode *mode;
	const struct device *dev;
	struct words words;
	unsigned first; /* word where the pattern starts: 1 after "no" */
	bool no;
	struct states states;
};

int lookup_init(struct lookup *l, const struct grammar *g, const char *mode, const char *line,
		const struct device *dev);
void lookup_done(struct lookup *l);
/* Follows words [first, n). 0, or negative errno with *reterr. */
int lookup_run(struct lookup *l, unsigned n, struct grammar_error *reterr);
/* The option-th literal an element accepts (a choice has several), or NULL. */
const char *element_literal(const struct element *e, unsigned option);
/* *ret_span = the words it covers. */
enum fit element_fit(const struct lookup *l, const struct element *e, unsigned option,
		     unsigned word, unsigned *ret_span);
/* May the line end in this state? */
bool state_complete(const struct lookup *l, const struct state *s);
/* Fills an argument from the words an element covered; text goes to store (bounded by construction:
 * it is never longer than the line). */
void arg_fill(const struct lookup *l, const struct state *s, struct arg *arg, char **store);

/* Calls fn for each distinct thing the states [from, to) may go on with, in a fixed order; only
 * words that begin with `prefix` when that is not NULL. Returns how many (grammar_help.c). */
int lookup_items(const struct lookup *l, size_t from, size_t to, const char *prefix,
		 grammar_item_fn fn, void *arg);

#endif
