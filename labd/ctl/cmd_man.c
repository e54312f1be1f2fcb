/* labctl man: the manual pages, made from the tables that the programs themselves use: labctl.1
 * from the commands of labctl, labd-commands.7 from the devices' language, labd-rules.7 from their
 * rules. The output is man(7) source. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "labd/ctl/ctl.h"

/* Text of one paragraph: no line of it may look like a request. */
static void put_text(const char *text)
{
	bool start = true;

	for (const char *p = text; *p; p++) {
		if (start && (*p == '.' || *p == '\''))
			fputs("\\&", stdout);
		start = *p == '\n';
		if (*p == '\\')
			fputs("\\e", stdout);
		else if (*p == '-')
			fputs("\\-", stdout);
		else
			putchar(*p);
	}
}

static void put_line(const char *request, const char *text)
{
	printf("%s ", request);
	put_text(text);
	putchar('\n');
}

static void put_head(const char *name, int section, const char *purpose)
{
	printf(".TH %s %d \"\" \"labd " LABD_VERSION "\"\n.SH NAME\n", name, section);
	put_text(name);
	printf(" \\- %s\n", purpose);
}

/* --- labctl(1) ------------------------------------------------------------------------------ */

static void put_subcommand(const struct subcommand *s)
{
	printf(".SS ");
	put_text(s->name);
	putchar(' ');
	put_text(s->args);
	putchar('\n');
	put_text(s->help);
	puts(".");
	if (s->details) {
		puts(".PP");
		put_text(s->details);
		putchar('\n');
	}
}

static void page_labctl(void)
{
	put_head("labctl", 1, "virtual networks that you can query");
	puts(".SH SYNOPSIS\n.B labctl\n[\\fB\\-\\-lab\\fR NAME] [\\fB\\-\\-json\\fR] COMMAND "
	     "[ARGUMENT...]\n.SH DESCRIPTION");
	put_text("One YAML file describes a network; `labctl up` brings it up on the kernel's own "
		 "devices, without root. Every device runs the real protocols in a process of its "
		 "own, and everything that happens is a row in one SQLite file.\n");
	puts(".SH OPTIONS");
	puts(".TP\n\\fB\\-\\-lab\\fR NAME\nThe lab that is meant, where several run.");
	puts(".TP\n\\fB\\-\\-json\\fR\nThe answer as one JSON document, for programs.");
	puts(".TP\n\\fB\\-\\-help\\fR\nBehind a command: what it does.");
	puts(".SH COMMANDS");
	for (const struct subcommand *s = subcommands; s->name; s++)
		if (s->help)
			put_subcommand(s);
	puts(".SH FILES");
	puts(".TP\n\\fI$XDG_RUNTIME_DIR/labd/NAME\\fR\nThe lab's socket, its owner's alone.");
	puts(".TP\n\\fI$XDG_STATE_HOME/labd/NAME/\\fR\nIts runs; \\fIlatest\\fR points at the "
	     "newest. In each: log.db (the database), labd.log, lab.yaml, devices/.");
	puts(".SH EXIT STATUS\n0: done. 1: it failed, or the answer is no. 2: called wrongly. "
	     "\\fBrun\\fR and \\fBexec\\fR: the command's own.");
	puts(".SH SEE ALSO\n.BR labd\\-commands (7),\n.BR labd\\-rules (7)");
}

/* --- from labnode --describe ---------------------------------------------------------------- */

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

static void put_kinds(const json_t *command)
{
	json_t *kinds = json_object_get(command, "kinds"), *o;
	size_t i;

	json_array_foreach(kinds, i, o) printf("%s%s", i ? ", " : "", json_string_value(o));
}

static void put_command(const json_t *o)
{
	puts(".TP");
	printf("\\fB");
	if (json_is_true(json_object_get(o, "no")))
		printf("[no] ");
	put_text(text_of(o, "pattern"));
	printf("\\fR\n");
	put_text(text_of(o, "help"));
	printf(" (");
	if (json_is_true(json_object_get(o, "configuration")))
		printf("in mode %s; ", text_of(o, "mode"));
	put_kinds(o);
	puts(")");
}

static void page_commands(const json_t *describe)
{
	json_t *protocols = json_object_get(describe, "protocols"), *p, *o;
	size_t i, k;

	put_head("labd-commands", 7, "the language of labd's devices");
	puts(".SH DESCRIPTION");
	put_text("What a device of a lab understands: at its console, in the steps of a lab file, "
		 "by `labctl run`, and as its configuration. Words may be shortened while they are "
		 "unambiguous; words in capitals stand for values, [ ] for what may be left out, "
		 "( | ) for a choice, <a-b> for a number. Behind each command stand the kinds of "
		 "devices that have it.\n");
	json_array_foreach(protocols, i, p)
	{
		put_line(".SH", text_of(p, "title"));
		json_array_foreach(json_object_get(describe, "commands"), k,
				   o) if (strcmp(text_of(o, "protocol"), text_of(p, "name")) == 0)
			put_command(o);
	}
	puts(".SH SEE ALSO\n.BR labctl (1)");
}

static void page_rules(const json_t *describe)
{
	json_t *protocols = json_object_get(describe, "protocols"), *p, *o;
	size_t i, k;

	put_head("labd-rules", 7, "the decisions that labd's devices take");
	puts(".SH DESCRIPTION");
	put_text("Every branch of every protocol, by the id under which it is found in the "
		 "database. `labctl rules PROTOCOL` shows the same with how often each was "
		 "taken.\n");
	json_array_foreach(protocols, i, p)
	{
		put_line(".SH", text_of(p, "title"));
		json_array_foreach(json_object_get(describe, "rules"), k, o)
		{
			if (strcmp(text_of(o, "protocol"), text_of(p, "name")) != 0)
				continue;
			printf(".TP\n\\fB%s\\fR (%s)\n", text_of(o, "id"), text_of(o, "kind"));
			put_text(text_of(o, "sentence"));
			if (text_of(o, "source")[0]) {
				printf(" [");
				put_text(text_of(o, "source"));
				printf("]");
			}
			putchar('\n');
		}
	}
	puts(".SH SEE ALSO\n.BR labctl (1)");
}

int cmd_man(struct ctl *c)
{
	const char *page = c->argc > 1 ? c->argv[1] : NULL;
	json_t *describe;

	if (!page) {
		puts("labctl.1\nlabd-commands.7\nlabd-rules.7");
		return 0;
	}
	if (strcmp(page, "labctl.1") == 0) {
		page_labctl();
		return 0;
	}
	if (strcmp(page, "labd-commands.7") != 0 && strcmp(page, "labd-rules.7") != 0)
		return ctl_fail("there is no page %s; `labctl man` lists them", page);
	describe = describe_load();
	if (!describe)
		return 1;
	if (strcmp(page, "labd-commands.7") == 0)
		page_commands(describe);
	else
		page_rules(describe);
	json_decref(describe);
	return 0;
}
