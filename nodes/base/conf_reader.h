/* conf_reader.h: configuration lines into configuration objects and the running configuration.
 *
 * One way in for all: `labnode --check`, start-up and a person in `configure terminal`. A line is
 * looked up in the current mode, then in the modes around it (which leaves the inner ones, as IOS
 * does); its row's set() changes the owner's object; then the tree takes it in. A refused line
 * changes nothing. In a text, a section that has had lines indented deeper than the line that
 * entered it ends for the reader where the indentation does.
 *
 * The place (struct conf_ctx) is a value: each session has its own, all zero = MODE_CONFIG. */
#ifndef LABD_BASE_CONF_READER_H
#define LABD_BASE_CONF_READER_H

#include "base/conf_tree.h"

#define CONF_DEPTH_MAX	 4
#define CONF_SECTION_MAX 256
#define CONF_OWNERS_MAX	 64
#define CONF_ISSUES_MAX	 100 /* told of one text */

/* What is configured. Borrowed; outlives the calls. */
struct conf_target {
	const struct grammar *grammar;
	struct conf_tree *tree;
	void *const *confs; /* by owner */
	const struct device *dev;
};

struct conf_level {
	const char *mode;
	char line[CONF_SECTION_MAX];	/* the line that entered it, canonical: "interface eth0" */
	char section[CONF_SECTION_MAX]; /* its argument: "eth0" */
	uint32_t section_ifid;
	/* Of a text: blanks before the line that entered it; it has had lines with more. */
	unsigned indent;
	bool indented;
};

struct conf_ctx {
	unsigned depth;
	struct conf_level level[CONF_DEPTH_MAX]; /* [depth - 1] is the innermost */
};

const char *conf_ctx_mode(const struct conf_ctx *ctx);
const char *conf_ctx_line(const struct conf_ctx *ctx); /* "interface eth0", "" at top */
bool conf_ctx_leave(struct conf_ctx *ctx);	       /* `exit`: false at top */

/* What became of a line. */
struct conf_result {
	bool noise; /* blank, comment, header: nothing to do */
	bool no;
	const struct cmd *cmd;		/* accepted or refused: its row */
	uint64_t changed;		/* BIT per owner whose object changed */
	char section[CONF_SECTION_MAX]; /* canonical line of the section it stands in, "" at top */
	char line[2 * LINE_MAX_LEN];	/* accepted: canonical; secrets as *** */
	unsigned column;		/* refused: where */
	char text[512];			/* refused: why; accepted: the warning, or "" */
	struct grammar_error error;	/* status GRAMMAR_OK when set() refused it */
};

/* 0, or negative errno: grammar_parse()'s, set()'s, -ENOSPC. */
int conf_apply(const struct conf_target *t, struct conf_ctx *ctx, const char *line,
	       struct conf_result *ret);

struct conf_issue {
	unsigned line, column; /* from 1; line 0 = the text as a whole */
	bool warning;
	const char *text;
};
typedef void (*conf_issue_fn)(void *arg, const struct conf_issue *issue);
/* Called for each accepted line; may be NULL. */
typedef void (*conf_line_fn)(void *arg, const struct conf_result *line);

/* A whole text. Goes on after errors, so that all are told. 0, or -EINVAL when there was one. */
int conf_read(const struct conf_target *t, const char *text, conf_issue_fn issue,
	      conf_line_fn accepted, void *arg);

/* Lines of a pasted configuration that configure nothing: blank, `!` comments, `version 15.1`,
 * "Building configuration...", "Current configuration : 1024 bytes", `enable`,
 * `configure terminal`, `end`, `exit`. The caller acts on the last two. */
bool line_is_noise(const char *line);

#endif
