#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"
#include "base/types.h"
#include "labd/ctl/table.h"
#include "labd/ctl/test.h"
#include "labd/lab/utf8.h"

#define WHAT_SHOWN 100 /* characters of a step that passed */
#define TEXT_MAX   (1u << 20)

const char *verdict_name(enum verdict v)
{
	switch (v) {
	case VERDICT_PASS:
		return "PASS";
	case VERDICT_FAIL:
		return "FAIL";
	case VERDICT_INCONCLUSIVE:
		return "INCONCLUSIVE";
	case VERDICT_NOT_RUN:
		return "not run";
	}
	return "";
}

static double seconds(int64_t ns)
{
	return (double)ns / SEC;
}

/* On one line: blanks for line ends, control octets visible. The caller frees. */
static char *one_line(const char *text, uint32_t max_chars)
{
	struct sbuf plain = SBUF(TEXT_MAX), shown = SBUF(TEXT_MAX);
	char *line;

	for (const char *p = text; *p; p++) {
		bool blank = *p == ' ' || *p == '\n' || *p == '\t';

		if (!blank)
			sbuf_put(&plain, p, 1);
		else if (plain.len > 0 && sbuf_text(&plain)[plain.len - 1] != ' ')
			sbuf_puts(&plain, " ");
	}
	while (plain.len > 0 && sbuf_text(&plain)[plain.len - 1] == ' ')
		plain.data[--plain.len] = '\0';
	if (max_chars > 0 && utf8_count(sbuf_text(&plain), plain.len) > max_chars) {
		plain.len = utf8_offset(plain.data, plain.len, max_chars - 3);
		plain.data[plain.len] = '\0';
		sbuf_puts(&plain, "...");
	}
	show_text(&shown, sbuf_text(&plain), plain.len);
	line = strdup(sbuf_text(&shown));
	sbuf_done(&plain);
	sbuf_done(&shown);
	if (!line)
		abort();
	return line;
}

/* Every line of a text behind a mark. */
static void print_lines(FILE *out, const char *mark, const char *text)
{
	while (text && *text) {
		size_t n = strcspn(text, "\n");
		struct sbuf line = SBUF(TEXT_MAX);

		show_text(&line, text, n);
		fprintf(out, "%s%s\n", mark, sbuf_text(&line));
		sbuf_done(&line);
		text += n + (text[n] == '\n');
	}
}

/* --- for people ----------------------------------------------------------------------------- */

static void people_item(const struct test_item *item, bool verbose)
{
	bool passed = item->verdict == VERDICT_PASS;
	bool not_run = item->verdict == VERDICT_NOT_RUN;
	char *what = one_line(item->what, passed || not_run ? WHAT_SHOWN : 0);

	if (passed)
		printf("  ok   :%-4u %s  (%.3g s)\n", item->line, what, seconds(item->took_ns));
	else if (not_run)
		printf("  --   :%-4u %s  (not run)\n", item->line, what);
	else
		printf("  %s %s:%u: %s\n", verdict_name(item->verdict), item->file, item->line,
		       what);
	if (!passed && !not_run && item->why)
		printf("       it was to show: %s\n", item->why);
	else if (verbose && item->why)
		printf("             %s\n", item->why);
	if ((!passed || verbose) && item->detail)
		print_lines(stdout, "       | ", item->detail);
	free(what);
}

static void people_lab(const struct test_lab *t, bool verbose)
{
	printf("%s (%s)\n", t->name, t->file);
	for (size_t i = 0; i < t->n_items; i++)
		people_item(&t->items[i], verbose);
	if (t->note)
		printf("  %s\n", t->note);
	if (t->verdict != VERDICT_PASS && t->run[0])
		printf("  its database: %s/log.db\n", t->run);
	printf("%s %s, %.3g s\n\n", verdict_name(t->verdict), t->name, seconds(t->took_ns));
}

static void people_end(const struct test_lab *labs, size_t n)
{
	size_t count[VERDICT_NOT_RUN + 1] = { 0 };

	for (size_t i = 0; i < n; i++)
		count[labs[i].verdict]++;
	printf("%zu lab%s: %zu passed, %zu failed, %zu inconclusive\n", n, n == 1 ? "" : "s",
	       count[VERDICT_PASS], count[VERDICT_FAIL], count[VERDICT_INCONCLUSIVE]);
}

/* --- TAP ------------------------------------------------------------------------------------ */

static size_t tap_n;

static void tap_item(const struct test_lab *t, const struct test_item *item)
{
	char *what = one_line(item->what, 0);

	/* A '#' would begin a directive. */
	for (char *p = what; *p; p++)
		if (*p == '#')
			*p = '+';
	printf("%s %zu - %s:%u %s%s\n", item->verdict == VERDICT_PASS ? "ok" : "not ok", ++tap_n,
	       t->name, item->line, what,
	       item->verdict == VERDICT_NOT_RUN ? " # SKIP an earlier step failed" : "");
	if (item->verdict == VERDICT_INCONCLUSIVE)
		printf("# inconclusive: %s\n", t->note ? t->note : "");
	if (item->verdict != VERDICT_PASS)
		print_lines(stdout, "# ", item->detail);
	free(what);
}

static void tap_lab(const struct test_lab *t)
{
	for (size_t i = 0; i < t->n_items; i++)
		tap_item(t, &t->items[i]);
	printf("%s %zu - %s\n", t->verdict == VERDICT_PASS ? "ok" : "not ok", ++tap_n, t->name);
	if (t->note)
		print_lines(stdout, "# ", t->note);
}

/* --- JSON ----------------------------------------------------------------------------------- */

static json_t *json_text(const char *text)
{
	json_t *o = text ? json_string(text) : json_null();
	struct sbuf shown = SBUF(TEXT_MAX);

	if (o)
		return o;
	show_text(&shown, text, strlen(text)); /* no UTF-8 */
	o = json_string(sbuf_text(&shown));
	sbuf_done(&shown);
	return o ? o : json_null();
}

static json_t *json_lab(const struct test_lab *t)
{
	json_t *items = json_array();

	for (size_t i = 0; i < t->n_items; i++) {
		const struct test_item *it = &t->items[i];

		json_array_append_new(
			items, json_pack("{s:o, s:o, s:s, s:i, s:s, s:o, s:f}", "what",
					 json_text(it->what), "why", json_text(it->why), "file",
					 it->file, "line", (int)it->line, "verdict",
					 verdict_name(it->verdict), "detail", json_text(it->detail),
					 "seconds", seconds(it->took_ns)));
	}
	return json_pack("{s:s, s:s, s:s, s:o, s:s, s:f, s:o}", "lab", t->name, "file", t->file,
			 "verdict", verdict_name(t->verdict), "note", json_text(t->note), "run",
			 t->run, "seconds", seconds(t->took_ns), "steps", items);
}

static void json_end(const struct test_lab *labs, size_t n)
{
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(all, json_lab(&labs[i]));
	json_dumpf(all, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(all);
}

/* --- JUnit ---------------------------------------------------------------------------------- */

/* XML 1.0 has no control characters, not even escaped ones: show_text() makes \xNN of them. */
static void xml_text(FILE *out, const char *text)
{
	struct sbuf shown = SBUF(TEXT_MAX);

	for (const char *line = text; *line; line += strcspn(line, "\n")) {
		if (*line == '\n') {
			sbuf_puts(&shown, "\n");
			line++;
		}
		show_text(&shown, line, strcspn(line, "\n"));
	}
	for (const char *p = sbuf_text(&shown); *p; p++) {
		if (*p == '<')
			fputs("&lt;", out);
		else if (*p == '>')
			fputs("&gt;", out);
		else if (*p == '&')
			fputs("&amp;", out);
		else if (*p == '"')
			fputs("&quot;", out);
		else
			putc(*p, out);
	}
	sbuf_done(&shown);
}

static void junit_outcome(FILE *f, const char *tag, const char *message, const char *detail)
{
	fprintf(f, "      <%s message=\"", tag);
	xml_text(f, message);
	fputs("\">", f);
	xml_text(f, detail ? detail : "");
	fprintf(f, "</%s>\n", tag);
}

static void junit_item(FILE *f, const struct test_lab *t, const struct test_item *item)
{
	char *what = one_line(item->what, 0);

	fputs("    <testcase classname=\"", f);
	xml_text(f, t->name);
	fputs("\" name=\"", f);
	xml_text(f, what);
	fputs("\" file=\"", f);
	xml_text(f, item->file);
	fprintf(f, "\" line=\"%u\" time=\"%.3f\">\n", item->line, seconds(item->took_ns));
	if (item->verdict == VERDICT_FAIL)
		junit_outcome(f, "failure", item->why ? item->why : "failed", item->detail);
	else if (item->verdict == VERDICT_INCONCLUSIVE)
		junit_outcome(f, "error", t->note ? t->note : "inconclusive", item->detail);
	else if (item->verdict == VERDICT_NOT_RUN)
		fputs("      <skipped/>\n", f);
	fputs("    </testcase>\n", f);
	free(what);
}

/* What concerns the lab as a whole is a case of its own. */
static void junit_whole(FILE *f, const struct test_lab *t)
{
	struct test_item whole = { .what = (char *)(uintptr_t) "the lab as a whole",
				   .file = t->file,
				   .line = 1,
				   .verdict = t->verdict,
				   .took_ns = t->took_ns,
				   .detail = t->note };

	junit_item(f, t, &whole);
}

static void junit_lab(FILE *f, const struct test_lab *t)
{
	size_t count[VERDICT_NOT_RUN + 1] = { 0 };

	for (size_t i = 0; i < t->n_items; i++)
		count[t->items[i].verdict]++;
	count[t->verdict]++;
	fputs("  <testsuite name=\"", f);
	xml_text(f, t->name);
	fprintf(f,
		"\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"%.3f\">\n",
		t->n_items + 1, count[VERDICT_FAIL], count[VERDICT_INCONCLUSIVE],
		count[VERDICT_NOT_RUN], seconds(t->took_ns));
	for (size_t i = 0; i < t->n_items; i++)
		junit_item(f, t, &t->items[i]);
	junit_whole(f, t);
	fputs("  </testsuite>\n", f);
}

int report_junit(const char *path, const struct test_lab *labs, size_t n)
{
	FILE *f = fopen(path, "we");
	int r = 0;

	if (!f)
		return -errno;
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n", f);
	for (size_t i = 0; i < n; i++)
		junit_lab(f, &labs[i]);
	fputs("</testsuites>\n", f);
	if (ferror(f))
		r = -EIO;
	if (fclose(f) != 0)
		r = -errno;
	return r;
}

/* --- all ------------------------------------------------------------------------------------ */

void report_begin(enum report_kind kind)
{
	if (kind == REPORT_TAP)
		puts("TAP version 13");
}

void report_lab(enum report_kind kind, const struct test_lab *t, bool verbose)
{
	if (kind == REPORT_PEOPLE)
		people_lab(t, verbose);
	else if (kind == REPORT_TAP)
		tap_lab(t);
	fflush(stdout);
}

void report_end(enum report_kind kind, const struct test_lab *labs, size_t n)
{
	if (kind == REPORT_PEOPLE && n > 1)
		people_end(labs, n);
	else if (kind == REPORT_TAP)
		printf("1..%zu\n", tap_n);
	else if (kind == REPORT_JSON)
		json_end(labs, n);
}
