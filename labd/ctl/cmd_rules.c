/* labctl rules: a protocol's flowchart, as text or for Graphviz, with how often each branch was
 * taken. The branches come from those who have them: `labnode --describe`, and the log process for
 * what it concludes from frames. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/rule.h"
#include "base/sbuf.h"
#include "base/types.h"
#include "labd/ctl/run.h"
#include "labd/ctl/table.h"
#include "labd/lab/suggest.h"
#include "labd/lab/utf8.h"
#include "labd/log/db_read.h"

#define RULES_MAX     8192
#define PROTOCOLS_MAX 128
#define WIDTH	      100
#define ROLE_LEN      64

static const struct rule inferred_rules[] = {
#define RULE RULE_ROW
#include "labd/log/infer_rules.def"
#undef RULE
};

static const char *const inferred_protocols[][2] = {
	{ "kernel", "What the devices' kernels do, concluded from frames" },
	{ "wire", "What wires do to frames" },
};

struct rule_row {
	const char *id, *kind, *sentence, *source, *protocol;
	int64_t taken; /* -1: no run to count in */
};

struct rule_list {
	struct rule_row *rows;
	size_t n;
	struct {
		const char *name, *title;
	} protocols[PROTOCOLS_MAX];
	size_t n_protocols;
	json_t *describe; /* owns the texts */
	struct run run;
	bool counted;
};

/* --- gathering ------------------------------------------------------------------------------ */

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

static void add_row(struct rule_list *l, struct rule_row row)
{
	if (l->n < RULES_MAX)
		l->rows[l->n++] = row;
}

static void add_protocol(struct rule_list *l, const char *name, const char *title)
{
	if (l->n_protocols < PROTOCOLS_MAX) {
		l->protocols[l->n_protocols].name = name;
		l->protocols[l->n_protocols++].title = title;
	}
}

static void add_described(struct rule_list *l)
{
	size_t i;
	json_t *o;

	json_array_foreach(json_object_get(l->describe, "protocols"), i, o)
		add_protocol(l, text_of(o, "name"), text_of(o, "title"));
	json_array_foreach(json_object_get(l->describe, "rules"), i, o)
		add_row(l, (struct rule_row){ .id = text_of(o, "id"),
					      .kind = text_of(o, "kind"),
					      .sentence = text_of(o, "sentence"),
					      .source = text_of(o, "source"),
					      .protocol = text_of(o, "protocol"),
					      .taken = -1 });
}

static void add_inferred(struct rule_list *l)
{
	for (size_t p = 0; p < ARRAY_SIZE(inferred_protocols); p++) {
		const char *name = inferred_protocols[p][0];
		size_t len = strlen(name);

		add_protocol(l, name, inferred_protocols[p][1]);
		for (size_t i = 0; i < ARRAY_SIZE(inferred_rules); i++) {
			const struct rule *r = &inferred_rules[i];

			if (strncmp(r->id, name, len) == 0 && r->id[len] == '.')
				add_row(l, (struct rule_row){ r->id, rule_kind_name(r->kind),
							      r->sentence, r->source, name, -1 });
		}
	}
}

/* The run to count in: the one that is asked for, else the newest, if there is any. */
static bool find_run(const struct ctl *c, const char *which, struct run *ret)
{
	struct run *runs;
	size_t n;
	bool found = false;

	if (which || c->lab)
		return run_find(c, which, ret) == 0;
	n = runs_list(NULL, &runs);
	for (size_t i = 0; i < n; i++)
		if (runs[i].live || i + 1 == n) {
			*ret = runs[i];
			found = true;
			break;
		}
	free(runs);
	return found;
}

static void count_taken(struct rule_list *l, struct dbr *db)
{
	struct dbr_rows *rows;

	if (dbr_query(db,
		      "SELECT r.name, sum(d.count) FROM decision d JOIN rule r ON r.id = d.rule "
		      "GROUP BY d.rule",
		      &rows, "") < 0)
		return;
	for (size_t i = 0; i < l->n; i++)
		l->rows[i].taken = 0;
	while (dbr_next(rows) == 1)
		for (size_t i = 0; i < l->n; i++)
			if (strcmp(l->rows[i].id, dbr_text(rows, 0)) == 0)
				l->rows[i].taken = dbr_int(rows, 1);
	dbr_rows_close(rows);
	l->counted = true;
}

static int gather(const struct ctl *c, const char *which, struct rule_list *l)
{
	struct dbr *db;

	l->rows = calloc(RULES_MAX, sizeof(*l->rows));
	l->describe = describe_load();
	if (!l->rows || !l->describe)
		return 1;
	add_described(l);
	add_inferred(l);
	if (!find_run(c, which, &l->run))
		return which || c->lab ? 1 : 0;
	db = run_open_db(&l->run);
	if (db)
		count_taken(l, db);
	dbr_close(db);
	return 0;
}

/* --- parts of an id: protocol.role.branch --------------------------------------------------- */

static void role_of(const struct rule_row *r, char out[ROLE_LEN])
{
	const char *first = strchr(r->id, '.'), *second = first ? strchr(first + 1, '.') : NULL;

	if (second)
		str_copy_n(out, ROLE_LEN, first + 1, (size_t)(second - first - 1));
	else
		str_copy(out, ROLE_LEN, r->protocol);
}

static const char *branch_of(const struct rule_row *r)
{
	const char *last = strrchr(r->id, '.');

	return last ? last + 1 : r->id;
}

/* --- text ----------------------------------------------------------------------------------- */

static uint32_t page_width(void)
{
	struct winsize size;

	if (isatty(1) && ioctl(1, TIOCGWINSZ, &size) == 0 && size.ws_col >= 60)
		return size.ws_col;
	return WIDTH;
}

/* Words, broken at the page's width; further lines begin below the first. */
static void print_wrapped(const char *text, uint32_t indent, uint32_t width)
{
	uint32_t at = indent;

	while (*text) {
		size_t n = strcspn(text, " ");
		uint32_t chars = utf8_count(text, n);

		if (at > indent && at + 1 + chars > width) {
			printf("\n%*s", (int)indent, "");
			at = indent;
		}
		at += (uint32_t)printf("%s", at > indent ? " " : "") + chars;
		fwrite(text, 1, n, stdout);
		text += n;
		text += strspn(text, " ");
	}
	putchar('\n');
}

static uint32_t longest_branch(const struct rule_list *l, const char *protocol)
{
	uint32_t longest = 0;

	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->rows[i].protocol, protocol) == 0) {
			uint32_t n = (uint32_t)strlen(branch_of(&l->rows[i]));

			longest = n > longest ? n : longest;
		}
	return longest;
}

static void print_rule(const struct rule_row *r, uint32_t branch_width, uint32_t width)
{
	struct sbuf text = SBUF(8192);
	char taken[24] = "";

	if (r->taken > 0)
		snprintf(taken, sizeof(taken), "%" PRId64 "x", r->taken);
	printf(" |-- %-8s%-*s %7s  ", r->kind, (int)branch_width, branch_of(r), taken);
	sbuf_puts(&text, r->sentence);
	if (r->source[0])
		sbuf_printf(&text, " [%s]", r->source);
	print_wrapped(sbuf_text(&text), 5 + 8 + branch_width + 1 + 7 + 2, width);
	sbuf_done(&text);
}

static void print_text(const struct rule_list *l, const char *protocol, const char *title)
{
	uint32_t branch_width = longest_branch(l, protocol), width = page_width();
	char role[ROLE_LEN], last[ROLE_LEN] = "";

	printf("%s: %s\n", protocol, title);
	if (l->counted)
		printf("(how often: in %s, run %s)\n", l->run.lab, l->run.name);
	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->rows[i].protocol, protocol) != 0)
			continue;
		role_of(&l->rows[i], role);
		if (strcmp(role, last) != 0)
			printf("\n%s\n", role);
		str_copy(last, sizeof(last), role);
		print_rule(&l->rows[i], branch_width, width);
	}
}

/* --- Graphviz ------------------------------------------------------------------------------- */

static void dot_text(const char *text)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
}

static const char *dot_shape(const char *kind)
{
	static const char *const shapes[][2] = {
		{ "accept", "box" },   { "drop", "octagon" },	  { "reply", "cds" },
		{ "send", "cds" },     { "timer", "hexagon" },	  { "state", "ellipse" },
		{ "display", "note" }, { "config", "component" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		if (strcmp(kind, shapes[i][0]) == 0)
			return shapes[i][1];
	return "box";
}

/* Narrow boxes: a line of the label ends at about thirty octets. */
static void dot_label(const struct rule_row *r)
{
	size_t at = 0;

	dot_text(branch_of(r));
	fputs("\\n", stdout);
	for (const char *p = r->sentence; *p; p++) {
		if (*p == ' ' && at > 28) {
			fputs("\\n", stdout);
			at = 0;
			continue;
		}
		dot_text((const char[]){ *p, '\0' });
		at++;
	}
	if (r->source[0]) {
		fputs("\\n[", stdout);
		dot_text(r->source);
		putchar(']');
	}
	if (r->taken > 0)
		printf("\\n%" PRId64 "x", r->taken);
}

static void dot_node(const struct rule_row *r)
{
	bool drop = strcmp(r->kind, "drop") == 0;

	printf("    \"%s\" [shape=%s, style=\"filled%s\", fillcolor=\"%s\", label=\"", r->id,
	       dot_shape(r->kind), r->taken > 0 ? ",bold" : "",
	       r->taken <= 0 ? "#ffffff"
	       : drop	     ? "#ffd6d6"
			     : "#d8f0d8");
	dot_label(r);
	puts("\"];");
}

/* Branches of one role are looked at from the top down: what is not taken leads to the next. */
static void print_dot(const struct rule_list *l, const char *protocol, const char *title)
{
	const struct rule_row *before = NULL;
	char role[ROLE_LEN], last[ROLE_LEN] = "";

	printf("digraph \"%s\" {\n  label=\"", protocol);
	dot_text(title);
	puts("\";\n  rankdir=TB;\n  node [fontname=\"sans-serif\", fontsize=10];\n"
	     "  edge [style=dashed, color=gray50];");
	for (size_t i = 0; i < l->n; i++) {
		const struct rule_row *r = &l->rows[i];

		if (strcmp(r->protocol, protocol) != 0)
			continue;
		role_of(r, role);
		if (strcmp(role, last) != 0) {
			if (before)
				puts("  }");
			printf("  subgraph \"cluster_%s\" {\n    label=\"%s\";\n", role, role);
			before = NULL;
		}
		dot_node(r);
		if (before)
			printf("    \"%s\" -> \"%s\";\n", before->id, r->id);
		before = r;
		str_copy(last, sizeof(last), role);
	}
	puts(before ? "  }\n}" : "}");
}

/* --- JSON, and the list of protocols -------------------------------------------------------- */

static void print_json(const struct rule_list *l, const char *protocol)
{
	json_t *all = json_array();
	char role[ROLE_LEN];

	for (size_t i = 0; i < l->n; i++) {
		const struct rule_row *r = &l->rows[i];

		if (protocol && strcmp(r->protocol, protocol) != 0)
			continue;
		role_of(r, role);
		json_array_append_new(
			all, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "rule", r->id,
				       "protocol", r->protocol, "role", role, "kind", r->kind,
				       "sentence", r->sentence, "source", r->source, "taken",
				       r->taken < 0 ? json_null() : json_integer(r->taken)));
	}
	json_dumpf(all, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(all);
}

static void print_protocols(const struct rule_list *l)
{
	struct table *t = table_new(stdout);

	table_column(t, "PROTOCOL", true);
	table_column(t, "RULES", true);
	table_column(t, "TAKEN", true);
	table_column(t, "", true);
	for (size_t p = 0; p < l->n_protocols; p++) {
		size_t rules = 0, taken = 0;

		for (size_t i = 0; i < l->n; i++)
			if (strcmp(l->rows[i].protocol, l->protocols[p].name) == 0) {
				rules++;
				taken += l->rows[i].taken > 0;
			}
		table_text(t, l->protocols[p].name);
		table_int(t, (long long)rules);
		if (l->counted)
			table_int(t, (long long)taken);
		else
			table_text(t, NULL);
		table_text(t, l->protocols[p].title);
	}
	table_end(t);
}

static int unknown_protocol(const struct rule_list *l, const char *name)
{
	struct suggest s = suggest_for(name);

	for (size_t i = 0; i < l->n_protocols; i++)
		suggest_offer(&s, l->protocols[i].name);
	return ctl_fail("there is no protocol %s%s%s; `labctl rules` lists them", name,
			s.best ? ", did you mean " : "", s.best ? s.best : "");
}

static int print(const struct ctl *c, const struct rule_list *l, bool dot)
{
	const char *name = c->argc > 1 ? c->argv[1] : NULL;

	if (!name && c->json)
		print_json(l, NULL);
	else if (!name)
		print_protocols(l);
	if (!name)
		return 0;
	for (size_t i = 0; i < l->n_protocols; i++) {
		if (strcmp(l->protocols[i].name, name) != 0)
			continue;
		if (c->json)
			print_json(l, name);
		else if (dot)
			print_dot(l, name, l->protocols[i].title);
		else
			print_text(l, name, l->protocols[i].title);
		return 0;
	}
	return unknown_protocol(l, name);
}

int cmd_rules(struct ctl *c)
{
	const char *which = ctl_take_value(c, "--run");
	bool dot = ctl_take_flag(c, "--dot");
	static struct rule_list l;
	int r;

	if (c->argc > 2 || (c->argc == 2 && c->argv[1][0] == '-') || (dot && c->argc < 2))
		return ctl_usage(c);
	r = gather(c, which, &l);
	if (r == 0)
		r = print(c, &l, dot);
	json_decref(l.describe);
	free(l.rows);
	return r;
}
