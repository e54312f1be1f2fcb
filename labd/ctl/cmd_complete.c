/* labctl complete: what could stand at the end of a command line; for the shell's completion. */
#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"
#include "labd/ctl/run.h"
#include "labd/ctl/words.h"
#include "labd/log/db_read.h"

#define CHOICES_MAX 64

/* Lines for the shell itself: it knows files and programs. */
#define SHELL_FILES    "@files"
#define SHELL_PROGRAMS "@programs"

struct completion {
	const struct ctl *ctl;
	const char *prefix;
	const struct words *words;
};

static void offer(const struct completion *c, const char *word)
{
	if (strncmp(word, c->prefix, strlen(c->prefix)) == 0)
		puts(word);
}

/* --- kinds of words ------------------------------------------------------------------------- */

/* The database that the command would look at; never complains. */
static struct dbr *open_quietly(const struct completion *c)
{
	struct run *runs;
	size_t n = runs_list(c->ctl->lab, &runs);
	struct sbuf why = SBUF(256), path = SBUF(PATH_MAX + 16);
	struct dbr *db = NULL;
	const struct run *best = NULL;

	for (size_t i = 0; i < n; i++)
		if (!best || runs[i].live >= best->live)
			best = &runs[i];
	if (best) {
		sbuf_printf(&path, "%s/log.db", best->dir);
		(void)dbr_open(sbuf_text(&path), &db, &why);
	}
	free(runs);
	sbuf_done(&why);
	sbuf_done(&path);
	return db;
}

static void offer_query(const struct completion *c, const char *sql)
{
	struct dbr *db = open_quietly(c);
	struct dbr_rows *rows;

	if (db && dbr_query(db, sql, &rows, "") == 0) {
		while (dbr_next(rows) == 1)
			offer(c, dbr_text(rows, 0));
		dbr_rows_close(rows);
	}
	dbr_close(db);
}

static void offer_devices(const struct completion *c)
{
	offer_query(c, "SELECT name FROM device ORDER BY id");
}

static void offer_interfaces(const struct completion *c)
{
	if (strchr(c->prefix, ':'))
		offer_query(c, "SELECT d.name || ':' || i.kname FROM interface i JOIN device d ON "
			       "d.id = i.device ORDER BY i.id");
}

static void offer_links(const struct completion *c)
{
	offer_query(c, "SELECT name FROM link ORDER BY id");
}

static void offer_questions(const struct completion *c)
{
	offer_query(c, "SELECT name FROM sqlite_schema WHERE type IN ('view', 'table') AND "
		       "name NOT LIKE 'sqlite_%' ORDER BY type DESC, name");
}

static void offer_runs(const struct completion *c)
{
	struct run *runs;
	size_t n = runs_list(c->ctl->lab, &runs);

	for (size_t i = 0; i < n; i++) {
		struct sbuf name = SBUF(256);

		sbuf_printf(&name, "%s/%s", runs[i].lab, runs[i].name);
		offer(c, sbuf_text(&name));
		sbuf_done(&name);
	}
	free(runs);
}

/* The lab files that come with labd. */
static void offer_examples(const struct completion *c)
{
	struct dirent *de;
	char path[PATH_MAX];
	char *slash;
	DIR *dir;

	if (path_lab_file("campus", path) < 0 || !(slash = strrchr(path, '/')))
		return;
	*slash = '\0';
	dir = opendir(path);
	while (dir && (de = readdir(dir)) != NULL) {
		char *end = strrchr(de->d_name, '.');

		if (end && strcmp(end, ".yaml") == 0) {
			*end = '\0';
			offer(c, de->d_name);
		}
	}
	if (dir)
		closedir(dir);
}

static void offer_labs(const struct completion *c)
{
	struct lab_name labs[64];
	size_t n = labs_alive(labs, 64);

	for (size_t i = 0; i < n; i++)
		offer(c, labs[i].text);
}

static bool has_choice(const struct words *w, const char *choice)
{
	for (size_t i = 0; i < w->n_places; i++)
		for (size_t k = 0; k < w->places[i].n; k++)
			if (strcmp(w->places[i].choices[k], choice) == 0)
				return true;
	return false;
}

/* A name beside a file is an example's, else a lab's that runs. */
static void offer_names(const struct completion *c)
{
	if (has_choice(c->words, "FILE"))
		offer_examples(c);
	else
		offer_labs(c);
}

static void offer_protocols(const struct completion *c)
{
	json_t *describe = describe_load(), *o;
	size_t i;

	json_array_foreach(json_object_get(describe, "protocols"), i, o)
		offer(c, json_string_value(json_object_get(o, "name")));
	json_decref(describe);
	offer(c, "kernel");
	offer(c, "wire");
}

/* First words of the commands that a person may give to some device. */
static void offer_commands(const struct completion *c)
{
	json_t *describe = describe_load(), *o;
	char last[64] = "";
	size_t i;

	json_array_foreach(json_object_get(describe, "commands"), i, o)
	{
		const char *pattern = json_string_value(json_object_get(o, "pattern"));
		char word[64];

		if (!pattern || json_is_true(json_object_get(o, "configuration")) ||
		    !islower((unsigned char)*pattern))
			continue;
		str_copy_n(word, sizeof(word), pattern, strcspn(pattern, " "));
		if (strcmp(word, last) != 0)
			offer(c, word);
		str_copy(last, sizeof(last), word);
	}
	json_decref(describe);
}

static void offer_files(const struct completion *c)
{
	(void)c;
	puts(SHELL_FILES);
}

static void offer_programs(const struct completion *c)
{
	(void)c;
	puts(SHELL_PROGRAMS);
}

static const struct kind {
	const char *name;
	void (*offer)(const struct completion *c);
} kinds[] = {
	{ "FILE", offer_files },       { "NAME", offer_names },
	{ "DEVICE", offer_devices },   { "DEVICE:IF", offer_interfaces },
	{ "LINK", offer_links },       { "QUESTION", offer_questions },
	{ "RUN", offer_runs },	       { "PROTOCOL", offer_protocols },
	{ "COMMAND", offer_commands }, { "PROGRAM", offer_programs },
	{ "ARG", offer_files },
};

static void offer_choice(const struct completion *c, const char *choice)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, choice) == 0) {
			kinds[i].offer(c);
			return;
		}
	if (!isupper((unsigned char)*choice))
		offer(c, choice);
}

/* --- the line ------------------------------------------------------------------------------- */

static void offer_subcommands(const struct completion *c)
{
	static const char *const options[] = { "--lab", "--json", "--help", "--version" };

	for (const struct subcommand *s = subcommands; s->name; s++)
		if (s->help)
			offer(c, s->name);
	for (size_t i = 0; c->prefix[0] == '-' && i < sizeof(options) / sizeof(options[0]); i++)
		offer(c, options[i]);
}

static void offer_arguments(struct completion *c, const struct subcommand *s, char *const *given,
			    size_t n)
{
	const char *choices[CHOICES_MAX];
	struct words words;
	size_t n_choices;

	words_parse(s->args, &words);
	c->words = &words;
	n_choices = words_next(&words, given, n, c->prefix[0] == '-', choices, CHOICES_MAX);
	for (size_t i = 0; i < n_choices; i++)
		offer_choice(c, choices[i]);
	if (c->prefix[0] == '-') {
		offer(c, "--help");
		offer(c, "--json");
		offer(c, "--lab");
	}
}

/* `labctl complete WORD...`: the words of the line so far, the last one being typed. */
int cmd_complete(struct ctl *ctl)
{
	struct completion c = { .ctl = ctl, .prefix = "" };
	int first = 1, last = ctl->argc - 1;
	const struct subcommand *s;

	if (ctl->argc < 2)
		return ctl_usage(ctl);
	c.prefix = ctl->argv[last];
	if (last > 1 && strcmp(ctl->argv[last - 1], "--lab") == 0) {
		offer_labs(&c);
		return 0;
	}
	ctl->lab = ctl_take_value(ctl, "--lab");
	last = ctl->argc - 1;
	while (first < last && ctl->argv[first][0] == '-')
		first++;
	if (first == last) {
		offer_subcommands(&c);
		return 0;
	}
	s = subcommand_find(ctl->argv[first]);
	if (s)
		offer_arguments(&c, s, ctl->argv + first + 1, (size_t)(last - first - 1));
	return 0;
}
