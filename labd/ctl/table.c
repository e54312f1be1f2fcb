#include "labd/ctl/table.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"
#include "labd/lab/utf8.h"

#define GAP 2 /* blanks between columns */

struct cell {
	size_t at, len;
	uint32_t width; /* characters */
};

struct table {
	FILE *out;
	char *names[TABLE_COLUMNS_MAX];
	uint32_t widths[TABLE_COLUMNS_MAX];
	bool words[TABLE_COLUMNS_MAX]; /* it holds something else than numbers */
	int n_columns;
	struct sbuf text; /* of all cells */
	struct cell *cells;
	size_t n_cells, size;
	size_t n_printed; /* rows */
	bool titled;
};

/* C1 controls (U+0080 to U+009F) move cursors as well. */
static bool is_control(const char *p, size_t len)
{
	unsigned char c = (unsigned char)*p;

	if (len == 1)
		return c < 0x20 || c == 0x7f;
	return len == 2 && c == 0xc2 && (unsigned char)p[1] < 0xa0;
}

void show_text(struct sbuf *out, const char *text, size_t len)
{
	while (len > 0) {
		size_t n = utf8_length(text, len), step = n ? n : 1;

		if (n > 0 && !is_control(text, n))
			sbuf_put(out, text, n);
		else if (*text == '\n' || *text == '\t')
			sbuf_puts(out, *text == '\n' ? "\\n" : "\\t");
		else
			for (size_t i = 0; i < step; i++)
				sbuf_printf(out, "\\x%02x", (unsigned char)text[i]);
		text += step;
		len -= step;
	}
}

struct table *table_new(FILE *out)
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		abort();
	t->out = out;
	t->text = SBUF(2 * (size_t)TABLE_BYTES_MAX);
	return t;
}

void table_column(struct table *t, const char *name, bool capitals)
{
	struct sbuf shown = SBUF(4096);
	int i = t->n_columns;

	if (i == TABLE_COLUMNS_MAX)
		return;
	show_text(&shown, name, strlen(name));
	t->widths[i] = utf8_count(sbuf_text(&shown), shown.len);
	t->names[i] = strdup(sbuf_text(&shown));
	for (char *p = t->names[i]; capitals && p && *p; p++)
		*p = (char)toupper((unsigned char)*p);
	sbuf_done(&shown);
	t->n_columns++;
}

static void put_blanks(FILE *out, uint32_t n)
{
	fprintf(out, "%*s", (int)n, "");
}

static void print_cell(const struct table *t, int column, const char *text, size_t len,
		       uint32_t width)
{
	bool last = column + 1 == t->n_columns;
	uint32_t fill = t->widths[column] - width;

	if (!t->words[column])
		put_blanks(t->out, fill);
	fwrite(text, 1, len, t->out);
	if (t->words[column] && !last)
		put_blanks(t->out, fill);
	if (!last)
		put_blanks(t->out, GAP);
}

static void print_title(struct table *t)
{
	for (int i = 0; i < t->n_columns; i++) {
		const char *name = t->names[i] ? t->names[i] : "";

		print_cell(t, i, name, strlen(name), utf8_count(name, strlen(name)));
	}
	putc('\n', t->out);
	t->titled = true;
}

static void print_rows(struct table *t)
{
	size_t n = t->n_columns ? t->n_cells / (size_t)t->n_columns : 0;

	if (n > 0 && !t->titled)
		print_title(t);
	for (size_t i = 0; i < n * (size_t)t->n_columns; i++) {
		const struct cell *c = &t->cells[i];
		int column = (int)(i % (size_t)t->n_columns);

		print_cell(t, column, sbuf_text(&t->text) + c->at, c->len, c->width);
		if (column + 1 == t->n_columns)
			putc('\n', t->out);
	}
	t->n_printed += n;
	t->n_cells = 0;
	sbuf_reset(&t->text);
}

static struct cell *next_cell(struct table *t)
{
	if (t->n_cells == t->size) {
		t->size = t->size ? 2 * t->size : 256;
		t->cells = realloc(t->cells, t->size * sizeof(*t->cells));
		if (!t->cells)
			abort();
	}
	return &t->cells[t->n_cells++];
}

void table_cell(struct table *t, const char *text, size_t len, bool number)
{
	struct cell *c;
	int column;

	if (t->n_columns == 0)
		return;
	column = (int)(t->n_cells % (size_t)t->n_columns);
	if (column == 0 && t->text.len + t->n_cells * sizeof(*c) > TABLE_BYTES_MAX)
		print_rows(t);
	c = next_cell(t);
	c->at = t->text.len;
	show_text(&t->text, text, len);
	c->len = t->text.len - c->at;
	c->width = utf8_count(sbuf_text(&t->text) + c->at, c->len);
	/* A column that was printed already keeps its width; what is wider sticks out. */
	if (c->width > t->widths[column]) {
		if (t->titled)
			c->width = t->widths[column];
		else
			t->widths[column] = c->width;
	}
	if (!number && len > 0)
		t->words[column] = true;
}

void table_text(struct table *t, const char *text)
{
	table_cell(t, text ? text : "", text ? strlen(text) : 0, false);
}

void table_int(struct table *t, long long value)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%lld", value);

	table_cell(t, text, (size_t)n, true);
}

void table_printf(struct table *t, const char *fmt, ...)
{
	struct sbuf text = SBUF(1u << 20);
	va_list ap;

	va_start(ap, fmt);
	sbuf_vprintf(&text, fmt, ap);
	va_end(ap);
	table_cell(t, sbuf_text(&text), text.len, false);
	sbuf_done(&text);
}

size_t table_rows(const struct table *t)
{
	return t->n_printed + (t->n_columns ? t->n_cells / (size_t)t->n_columns : 0);
}

static struct table *table_free(struct table *t)
{
	for (int i = 0; i < t->n_columns; i++)
		free(t->names[i]);
	free(t->cells);
	sbuf_done(&t->text);
	free(t);
	return NULL;
}

struct table *table_end(struct table *t)
{
	print_rows(t);
	return table_free(t);
}

struct table *table_end_lines(struct table *t)
{
	uint32_t widest = 0;

	for (int i = 0; i < t->n_columns; i++) {
		uint32_t width = utf8_count(t->names[i], strlen(t->names[i]));

		widest = width > widest ? width : widest;
	}
	for (size_t i = 0; i < t->n_cells; i++) {
		const struct cell *c = &t->cells[i];
		const char *name = t->names[i % (size_t)t->n_columns];

		if (i > 0 && i % (size_t)t->n_columns == 0)
			putc('\n', t->out);
		fputs(name, t->out);
		put_blanks(t->out, widest - utf8_count(name, strlen(name)) + GAP);
		fwrite(sbuf_text(&t->text) + c->at, 1, c->len, t->out);
		putc('\n', t->out);
	}
	return table_free(t);
}
