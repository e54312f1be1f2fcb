/* grammar.h: one line of text to one row of a command table, by the patterns of cmd.h.
 *
 * A grammar is made once from the tables of all protocols for one kind of device; afterwards it is
 * read-only and may be shared by forks. Words are matched position by position: a literal typed in
 * full beats abbreviations, an abbreviation must have one meaning, a literal beats a typed word, a
 * narrow type (an address) beats a wide one (WORD). Literals ignore case. "Double quotes" make one
 * word of several; inside them \" and \\ stand for themselves.
 *
 * Pure but for memory; a match owns everything it points to except its row. Columns count octets
 * from 1. */
#ifndef LABD_BASE_GRAMMAR_H
#define LABD_BASE_GRAMMAR_H

#include "base/cmd.h"
#include "base/ifname.h"

#define GRAMMAR_WORDS_MAX 64

/* `rows` end with mode NULL; `owner` comes back with each match (the place of a protocol). */
struct grammar_table {
	const struct cmd *rows;
	unsigned owner;
};

/* How the grammar asks about a device's interfaces, which base does not know. */
struct grammar_ifaces {
	/* Id of the interface that is spelled so, and its display name; 0 = it has none such. */
	uint32_t (*find)(const struct device *dev, const char *name,
			 char display[static IFNAME_DISPLAY_MAX]);
	/* Display name of the i-th interface, NULL past the last. */
	const char *(*name)(const struct device *dev, unsigned i);
};

struct grammar;

/* Aborts on a pattern that pattern_check() refuses: that is a fault in a table. */
struct grammar *grammar_new(const struct grammar_table *tables, size_t n_tables,
			    enum device_kind kind, const struct grammar_ifaces *ifaces);
void grammar_free(struct grammar *g);
bool grammar_has_mode(const struct grammar *g, const char *mode);
/* 0, or -EINVAL with *ret_why = a constant sentence. */
int pattern_check(const char *pattern, const char **ret_why);

struct grammar_match {
	const struct cmd *cmd;
	unsigned owner;
	bool no;
	struct arg args[ARGS_MAX];	  /* texts live in `store` */
	unsigned n_args;		  /* captured words of the pattern, absent ones included */
	char canonical[2 * LINE_MAX_LEN]; /* the line in full words; starts with "no " if it did */
	char key[LINE_MAX_LEN]; /* the pattern's literals outside [...]: what a line replaces */
	char store[2 * LINE_MAX_LEN];
};

enum grammar_status {
	GRAMMAR_OK,
	GRAMMAR_EMPTY,	    /* nothing but blanks */
	GRAMMAR_INVALID,    /* no row goes on with the word at `column` */
	GRAMMAR_AMBIGUOUS,  /* the abbreviation at `column` has several meanings */
	GRAMMAR_INCOMPLETE, /* every row that fits wants more */
	GRAMMAR_TOO_LONG,
};

struct grammar_error {
	enum grammar_status status;
	unsigned column;    /* where; past the end of the line when incomplete */
	char got[64];	    /* the word there, "" = end of line */
	char expected[256]; /* "A.B.C.D, dhcp or <cr>" */
	char hint[40];	    /* a literal that was perhaps meant, or "" */
};

/* 0 with *ret, or negative errno with *reterr: -EINVAL invalid, -ENOTUNIQ ambiguous, -ENODATA
 * empty or incomplete, -E2BIG too long. `dev` may be NULL (no interfaces then). */
int grammar_parse(const struct grammar *g, const char *mode, const char *line,
		  const struct device *dev, struct grammar_match *ret,
		  struct grammar_error *reterr);
/* As IOS says it: the caret below the word (indent = width of the prompt), then the sentence. */
void grammar_error_ios(const struct grammar_error *e, const char *line, unsigned indent,
		       struct sbuf *out);
/* For --check: one sentence without the place. */
void grammar_error_sentence(const struct grammar_error *e, struct sbuf *out);

typedef void (*grammar_item_fn)(void *arg, const char *word, const char *help);
/* What may come next (`?`): each word with its help, in a fixed order, "<cr>" last. With no blank
 * at the end of `partial`, the words that may complete its last word. The number of items, or
 * negative errno as grammar_parse() when the words before do not fit. */
int grammar_help(const struct grammar *g, const char *mode, const char *partial,
		 const struct device *dev, grammar_item_fn fn, void *arg);
/* What Tab may put in place of the last word: literals and interface names, in a fixed order. */
int grammar_complete(const struct grammar *g, const char *mode, const char *partial,
		     const struct device *dev, grammar_item_fn fn, void *arg);

#endif
