#include "labd/lab/diag.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "labd/lab/utf8.h"

enum {
	EXCERPT_MAX = 110, /* characters; what a terminal shows in one line */
	EXCERPT_BEFORE = 60,
};

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

void diag_done(struct diag *diag)
{
	for (uint32_t i = 0; i < diag->n_entries; i++) {
		free(diag->entries[i].file);
		free(diag->entries[i].message);
		free(diag->entries[i].excerpt);
	}
	free(diag->entries);
	*diag = (struct diag){ 0 };
}

bool source_line(const struct lab_source *source, uint32_t line, size_t *ret_start, size_t *ret_end)
{
	size_t start = 0;
	const char *nl;

	for (uint32_t at = 1; at < line; at++) {
		nl = memchr(source->text + start, '\n', source->len - start);
		if (!nl)
			return false;
		start = (size_t)(nl - source->text) + 1;
	}
	nl = memchr(source->text + start, '\n', source->len - start);
	*ret_start = start;
	*ret_end = nl ? (size_t)(nl - source->text) : source->len;
	if (*ret_end > start && source->text[*ret_end - 1] == '\r')
		(*ret_end)--;
	return line > 0;
}

/* Control characters (C1, U+0080 to U+009F, as well), what is no UTF-8, and the characters that
 * break a line or turn the direction of writing (U+2028 to U+202E, U+2066 to U+2069). */
static bool is_printable(const char *p, size_t len)
{
	unsigned char first = (unsigned char)p[0];

	if (len == 1)
		return first == '\t' || (first >= 0x20 && first < 0x7f);
	if (len == 2)
		return first != 0xc2 || (unsigned char)p[1] >= 0xa0;
	if (len == 3 && memcmp(p, "\xe2\x80", 2) == 0)
		return (unsigned char)p[2] < 0xa8 || (unsigned char)p[2] > 0xae;
	if (len == 3 && memcmp(p, "\xe2\x81", 2) == 0)
		return (unsigned char)p[2] < 0xa6 || (unsigned char)p[2] > 0xa9;
	return true;
}

/* A terminal must not obey what a file says: one '?' for each character of that kind. */
static void make_printable(char *text)
{
	size_t left = strlen(text), len;
	char *to = text;

	for (const char *p = text; left > 0; p += len, left -= len) {
		len = utf8_step(p, left);
		if (!is_printable(p, len)) {
			*to++ = '?';
			continue;
		}
		memmove(to, p, len);
		to += len;
	}
	*to = '\0';
}

/* Copies the line, or what of it stands around the column, and finds the marks in it. */
static void take_excerpt(struct diag_entry *entry, const struct lab_pos *pos)
{
	uint32_t col = pos->col ? pos->col - 1 : 0;
	uint32_t n_chars, from = 0;
	size_t start, end, first, last;
	const char *line;

	if (!source_line(pos->source, pos->line, &start, &end))
		return;
	line = pos->source->text + start;
	n_chars = utf8_count(line, end - start);
	if (col > n_chars)
		col = n_chars;
	if (n_chars > EXCERPT_MAX && col > EXCERPT_BEFORE)
		from = col - EXCERPT_BEFORE;
	first = utf8_offset(line, end - start, from);
	last = first + utf8_offset(line + first, end - start - first, EXCERPT_MAX);
	entry->excerpt = must(strndup(line + first, last - first));
	make_printable(entry->excerpt);
	entry->mark = col - from;
	n_chars = utf8_count(entry->excerpt, strlen(entry->excerpt));
	entry->n_mark = pos->len;
	if (entry->mark > n_chars)
		entry->mark = n_chars;
	if (entry->n_mark > n_chars - entry->mark)
		entry->n_mark = n_chars - entry->mark;
	if (entry->n_mark == 0)
		entry->n_mark = 1;
}

/* Ends a message that did not fit between two characters. */
static void cut_message(char message[static DIAG_MESSAGE_MAX])
{
	size_t len = DIAG_MESSAGE_MAX - 4;

	while (len > 0 && (message[len] & 0xc0) == 0x80)
		len--;
	memcpy(message + len, "...", 4);
}

static bool is_known(const struct diag *diag, const char *file, const struct lab_pos *pos,
		     const char *message)
{
	for (uint32_t i = 0; i < diag->n_entries; i++) {
		const struct diag_entry *e = &diag->entries[i];

		if (e->line == pos->line && e->col == pos->col && strcmp(e->file, file) == 0 &&
		    strcmp(e->message, message) == 0)
			return true;
	}
	return false;
}

static void diag_add(struct diag *diag, enum diag_severity severity, struct lab_pos pos,
		     const char *fmt, va_list ap)
{
	const char *file = pos.source ? pos.source->file : "";
	char message[DIAG_MESSAGE_MAX];
	struct diag_entry *entry;

	if (vsnprintf(message, sizeof(message), fmt, ap) >= (int)sizeof(message))
		cut_message(message);
	make_printable(message);
	if (is_known(diag, file, &pos, message))
		return;
	diag->n_errors += severity == DIAG_ERROR;
	if (diag->n_entries == DIAG_ENTRIES_MAX) {
		diag->n_dropped++;
		return;
	}
	if (!diag->entries)
		diag->entries = must(calloc(DIAG_ENTRIES_MAX, sizeof(*diag->entries)));
	entry = &diag->entries[diag->n_entries++];
	*entry = (struct diag_entry){ .severity = severity, .line = pos.line, .col = pos.col };
	entry->file = must(strdup(file));
	entry->message = must(strdup(message));
	if (pos.source && pos.line > 0)
		take_excerpt(entry, &pos);
}

void diag_error(struct diag *diag, struct lab_pos pos, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	diag_add(diag, DIAG_ERROR, pos, fmt, ap);
	va_end(ap);
}

void diag_warn(struct diag *diag, struct lab_pos pos, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	diag_add(diag, DIAG_WARNING, pos, fmt, ap);
	va_end(ap);
}

static int by_place(const void *a, const void *b)
{
	const struct diag_entry *x = a, *y = b;
	int r = strcmp(x->file, y->file);

	if (r == 0)
		r = (x->line > y->line) - (x->line < y->line);
	if (r == 0)
		r = (x->col > y->col) - (x->col < y->col);
	return r ? r : strcmp(x->message, y->message);
}

/* The line under the source line. Tabs are repeated, so that the marks stand where they should. */
static void print_marks(FILE *out, const struct diag_entry *entry)
{
	const char *p = entry->excerpt;

	fputs("      | ", out);
	for (uint32_t i = 0; i < entry->mark; i++) {
		size_t step = utf8_offset(p, strlen(p), 1);

		fputc(*p == '\t' ? '\t' : ' ', out);
		p += step;
	}
	for (uint32_t i = 0; i < entry->n_mark; i++)
		fputc('^', out);
	fputc('\n', out);
}

static void print_entry(FILE *out, const struct diag_entry *entry)
{
	fprintf(out, "%s", entry->file);
	if (entry->line > 0)
		fprintf(out, ":%u:%u", entry->line, entry->col ? entry->col : 1);
	fprintf(out, "%s%s: %s\n", *entry->file ? ": " : "",
		entry->severity == DIAG_ERROR ? "error" : "warning", entry->message);
	if (!entry->excerpt)
		return;
	fprintf(out, "%5u | %s\n", entry->line, entry->excerpt);
	print_marks(out, entry);
}

void diag_print(FILE *out, struct diag *diag)
{
	if (diag->n_entries > 1)
		qsort(diag->entries, diag->n_entries, sizeof(*diag->entries), by_place);
	for (uint32_t i = 0; i < diag->n_entries; i++)
		print_entry(out, &diag->entries[i]);
	if (diag->n_dropped > 0)
		fprintf(out, "and %u more\n", diag->n_dropped);
}
