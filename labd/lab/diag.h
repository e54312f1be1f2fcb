/* diag.h: errors in files, shown the way compilers show them.
 *
 *   campus.yaml:4:5: error: unknown key 'kidn', did you mean 'kind'?
 *       4 |     kidn: router
 *         |     ^^^^
 *
 * A struct diag collects what a whole run finds; it copies the text it shows, so it outlives the
 * files. One complaint about one place is kept once; beyond DIAG_ENTRIES_MAX they are counted.
 * Lines and columns are 1-based, columns count characters (UTF-8), line 0 means the whole file. */
#ifndef LABD_LAB_DIAG_H
#define LABD_LAB_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { DIAG_ENTRIES_MAX = 100, DIAG_MESSAGE_MAX = 400 };

/* A text with a name. */
struct lab_source {
	const char *file; /* as the user would type it */
	const char *text;
	size_t len;
};

struct lab_pos {
	const struct lab_source *source; /* NULL: nowhere in particular */
	uint32_t line, col;
	uint32_t len; /* characters to underline; cut at the end of the line, 0 counts as 1 */
};

enum diag_severity { DIAG_ERROR, DIAG_WARNING };

struct diag_entry {
	enum diag_severity severity;
	char *file;
	uint32_t line, col;
	char *message;
	char *excerpt;	       /* the line, or the part of it around col; NULL without a line */
	uint32_t mark, n_mark; /* which characters of the excerpt, from 0 */
};

struct diag {
	struct diag_entry *entries;
	uint32_t n_entries;
	uint32_t n_errors; /* also those that were only counted */
	uint32_t n_dropped;
};

void diag_done(struct diag *diag); /* a zeroed struct diag is a new one; done makes it new again */

void diag_error(struct diag *diag, struct lab_pos pos, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void diag_warn(struct diag *diag, struct lab_pos pos, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Everything found, in the order of the file. Unprintable characters are shown as '?'. */
void diag_print(FILE *out, struct diag *diag);

/* Byte range of a 1-based line, without its end. False when there is no such line. */
bool source_line(const struct lab_source *source, uint32_t line, size_t *ret_start,
		 size_t *ret_end);

#endif
