/* Configuration lines and commands, as IOS spells them.
 *
 * A numbered list is kept by its lines, a named one by a section; the running configuration shows
 * each entry with the words in full, those of a section with their numbers, so that `no 20` finds
 * the entry that was typed without one. Remarks without a number are text and nothing else. */
#include "acl/acl_int.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MODE_EXTENDED "config-ext-nacl"
#define MODE_STANDARD "config-std-nacl"

static const struct rule rules[] = {
#define RULE RULE_ROW
#include "acl/acl_rules.def"
#undef RULE
};

__attribute__((format(printf, 2, 3))) static int refuse(const struct call *call, const char *fmt,
							...)
{
	va_list ap;

	va_start(ap, fmt);
	sbuf_vprintf(call->reterr, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* ---- names ---- */

static bool is_standard_number(uint64_t n)
{
	return (n >= 1 && n <= 99) || (n >= 1300 && n <= 1999);
}

static bool is_extended_number(uint64_t n)
{
	return (n >= 100 && n <= 199) || (n >= 2000 && n <= 2699);
}

static int check_name(const struct call *call, const char *name)
{
	if (strlen(name) >= ACL_LIST_NAME_LEN)
		return refuse(call, "a list's name has at most %d characters",
			      ACL_LIST_NAME_LEN - 1);
	for (const char *p = name; *p; p++)
		if (!isgraph((unsigned char)*p) || *p == '"' || *p == '?')
			return refuse(call, "a list's name has letters, digits and signs only");
	if (!isalnum((unsigned char)name[0]))
		return refuse(call, "a list's name begins with a letter or is a number");
	return 0;
}

/* The name of a section: IOS keeps the numbers of one kind from being the other. */
static int check_section_name(const struct call *call, const char *name, bool extended)
{
	uint64_t n;
	int r = check_name(call, name);

	if (r < 0 || !isdigit((unsigned char)name[0]))
		return r;
	if (str_to_u64(name, UINT32_MAX, &n) < 0)
		return refuse(call, "a list's name begins with a letter or is a number");
	if (extended ? is_extended_number(n) : is_standard_number(n))
		return 0;
	return refuse(call, extended ? "extended lists have the numbers 100-199 and 2000-2699"
				     : "standard lists have the numbers 1-99 and 1300-1999");
}

/* ---- access-list N ... ---- */

static int remove_numbered(struct acl_conf *conf, const struct call *call, const char *name)
{
	const struct acl_list *list = acl_list_find(&conf->lists, name);

	if (list && !list->numbered)
		return refuse(call,
			      "list %s is a section: take it away with no ip access-list %s %s",
			      name, list->extended ? "extended" : "standard", name);
	acl_list_remove(conf, name);
	sbuf_printf(call->retline, "no access-list %s",
		    name); /* whatever stood behind the number */
	return 0;
}

static int add_numbered(struct acl_conf *conf, const struct call *call, const char *name,
			bool extended)
{
	struct acl_line line = { .action = (enum acl_action)call->args[1].number };
	struct acl_list *list;
	uint32_t seq;
	int r = acl_line_parse(call->args[2].text, extended, &line, call->reterr, call->retwarn);

	if (r < 0)
		return r;
	list = acl_list_get(conf, name, extended, true);
	if (!list)
		return refuse(call, "the device has as many access lists as are allowed");
	if (!list->numbered)
		return refuse(call, "list %s is a section: go on with ip access-list %s %s", name,
			      extended ? "extended" : "standard", name);
	r = acl_list_add(conf, list, &line, &seq, call->reterr);
	if (r < 0 && list->n_lines == 0)
		acl_list_remove(conf, name);
	if (r < 0)
		return r;
	sbuf_printf(call->retline, "access-list %s ", name);
	acl_line_print(&line, extended, call->retline);
	return 0;
}

static int set_numbered(void *conf, const struct call *call)
{
	uint64_t n = (uint64_t)call->args[0].number;
	char name[ACL_LIST_NAME_LEN];

	if (call->args[0].type == ARG_NONE)
		return refuse(call, "say which list: no access-list NUMBER");
	if (!is_standard_number(n) && !is_extended_number(n))
		return refuse(call, "IPv4 lists have the numbers 1-199 and 1300-2699");
	snprintf(name, sizeof(name), "%u", (unsigned)n);
	if (call->no)
		return remove_numbered(conf, call, name);
	if (call->args[1].number == ACL_REMARK)
		return 0;
	return add_numbered(conf, call, name, is_extended_number(n));
}

/* ---- ip access-list ... ---- */

static int set_section(void *conf, const struct call *call, bool extended)
{
	const char *name = call->args[0].text;
	const struct acl_list *list;
	int r;

	if (call->args[0].type == ARG_NONE)
		return refuse(call, "say which list");
	r = check_section_name(call, name, extended);
	if (r < 0)
		return r;
	list = acl_list_find(&((struct acl_conf *)conf)->lists, name);
	if (list && list->numbered)
		return refuse(call, "list %s is kept by access-list lines: no access-list %s first",
			      name, name);
	if (list && list->extended != extended)
		return refuse(call, "list %s is %s", name,
			      list->extended ? "an extended one" : "a standard one");
	if (call->no)
		acl_list_remove(conf, name);
	else if (!acl_list_get(conf, name, extended, false))
		return refuse(call, "the device has as many access lists as are allowed");
	return 0;
}

static int set_extended(void *conf, const struct call *call)
{
	return set_section(conf, call, true);
}

static int set_standard(void *conf, const struct call *call)
{
	return set_section(conf, call, false);
}

/* ---- a section's lines ---- */

static int drop_seq(struct acl_conf *conf, struct acl_list *list, const struct call *call,
		    uint32_t seq)
{
	if (!acl_list_drop(conf, list, seq))
		return refuse(call, "access list %s has no entry %u", list->name, seq);
	sbuf_printf(call->retline, "no %u", seq);
	return 0;
}

/* The three words of an entry: the number may be left out, and of a "no" line all but one. */
struct entry_args {
	uint32_t seq; /* 0 = none */
	const struct arg *action, *text;
};

static int remove_line(struct acl_conf *conf, struct acl_list *list, const struct call *call,
		       const struct entry_args *args)
{
	struct acl_line line = { 0 };
	const struct acl_line *like;
	int r;

	if (args->seq)
		return drop_seq(conf, list, call, args->seq);
	if (args->action->number == ACL_REMARK)
		return 0;
	if (args->text->type == ARG_NONE)
		return refuse(call, "say which entry, by its number or its words");
	line.action = (enum acl_action)args->action->number;
	r = acl_line_parse(args->text->text, list->extended, &line, call->reterr, NULL);
	if (r < 0)
		return r;
	like = acl_list_like(list, &line);
	if (!like)
		return refuse(call, "access list %s has no such entry", list->name);
	return drop_seq(conf, list, call, like->seq);
}

static int add_line(struct acl_conf *conf, struct acl_list *list, const struct call *call,
		    const struct entry_args *args)
{
	struct acl_line line = { .seq = args->seq,
				 .action = (enum acl_action)args->action->number };
	uint32_t seq;
	int r = 0;

	if (line.action == ACL_REMARK && line.seq == 0)
		return 0;
	if (line.action != ACL_REMARK)
		r = acl_line_parse(args->text->text, list->extended, &line, call->reterr,
				   call->retwarn);
	if (r == 0)
		r = acl_list_add(conf, list, &line, &seq, call->reterr);
	if (r < 0 || line.action == ACL_REMARK)
		return r;
	sbuf_printf(call->retline, "%u ", seq);
	acl_line_print(&line, list->extended, call->retline);
	return 0;
}

static int set_entry(struct acl_conf *conf, const struct call *call, const struct entry_args *args)
{
	/* The section's own line has made the list. */
	const struct acl_list *there = acl_list_find(&conf->lists, call->section);
	struct acl_list *list =
		there ? acl_list_get(conf, call->section, there->extended, false) : NULL;

	if (!list)
		return refuse(call, "list %s does not exist any more", call->section);
	return call->no ? remove_line(conf, list, call, args) : add_line(conf, list, call, args);
}

static int set_line(void *conf, const struct call *call)
{
	return set_entry(conf, call, &(struct entry_args){ 0, &call->args[0], &call->args[1] });
}

static int set_numbered_line(void *conf, const struct call *call)
{
	return set_entry(conf, call,
			 &(struct entry_args){ (uint32_t)call->args[0].number, &call->args[1],
					       &call->args[2] });
}

/* ---- ip access-group ... ---- */

static bool last_word_is(const char *line, const char *word)
{
	size_t len = strlen(line), word_len = strlen(word);

	while (len > 0 && isspace((unsigned char)line[len - 1]))
		len--;
	return len > word_len && isspace((unsigned char)line[len - word_len - 1]) &&
	       strncasecmp(line + len - word_len, word, word_len) == 0;
}

static int remove_group(struct acl_conf *conf, const struct call *call, bool out)
{
	const struct acl_use *use = acl_use_find(&conf->lists, call->section_ifid, out);
	const char *name = call->args[0].text;
	const char *dir = out ? "out" : "in";

	if (call->args[0].type == ARG_NONE || !last_word_is(call->line, dir))
		return refuse(call, "say which: no ip access-group LIST in or out");
	if (!use || strcmp(use->list, name) != 0)
		return refuse(call, "access list %s is not bound %s here", name, dir);
	return acl_use_set(conf, call->section_ifid, out, NULL);
}

static int set_group(struct acl_conf *conf, const struct call *call, bool out)
{
	int r;

	if (call->no)
		return remove_group(conf, call, out);
	r = check_name(call, call->args[0].text);
	if (r < 0)
		return r;
	if (acl_use_set(conf, call->section_ifid, out, call->args[0].text) < 0)
		return refuse(call, "as many access lists are bound as are allowed");
	return 0;
}

static int set_group_in(void *conf, const struct call *call)
{
	return set_group(conf, call, false);
}

static int set_group_out(void *conf, const struct call *call)
{
	return set_group(conf, call, true);
}

/* clang-format off */
static const struct cmd cmds[] = {
	{ .mode = MODE_CONFIG, .pattern = "access-list <1-2699> (deny|permit|remark) LINE",
	  .help = "Entry of a numbered list: 1-99 [host] SOURCE; 100-199 PROTOCOL SOURCE [PORT] DESTINATION [PORT]",
	  .kinds = KINDS_L3, .flags = CMD_NO | CMD_MULTI, .set = set_numbered },
	{ .mode = MODE_CONFIG, .pattern = "ip access-list extended WORD",
	  .help = "Configure a list that looks at protocol, source, destination and ports",
	  .kinds = KINDS_L3, .flags = CMD_NO | CMD_MULTI, .enters = MODE_EXTENDED, .set = set_extended },
	{ .mode = MODE_CONFIG, .pattern = "ip access-list standard WORD",
	  .help = "Configure a list that looks at the source only",
	  .kinds = KINDS_L3, .flags = CMD_NO | CMD_MULTI, .enters = MODE_STANDARD, .set = set_standard },
	{ .mode = MODE_EXTENDED, .pattern = "(deny|permit|remark) LINE",
	  .help = "Entry: PROTOCOL SOURCE [eq PORT] DESTINATION [eq PORT] [established] [log]",
	  .kinds = KINDS_L3, .flags = CMD_NO | CMD_MULTI, .set = set_line },
	{ .mode = MODE_EXTENDED, .pattern = "<1-2147483647> (deny|permit|remark) LINE",
	  .help = "The same at that place of the list",
	  .kinds = KINDS_L3, .flags = CMD_NO | CMD_MULTI, .set = set_numbered_line },
	{ .mode = MODE_STANDARD, .pattern = "(deny|permit|remark) LINE",
	  .help = "Entry: any, a host's address, or an address and a wildcard",
	  .kinds = KINDS_L3, .flags = CMD_NO | CMD_MULTI, .set = set_line },
	{ .mode = MODE_STANDARD, .pattern = "<1-2147483647> (deny|permit|remark) LINE",
	  .help = "The same at that place of the list",
	  .kinds = KINDS_L3, .flags = CMD_NO | CMD_MULTI, .set = set_numbered_line },
	{ .mode = MODE_IF, .pattern = "ip access-group WORD in",
	  .help = "Filter what comes in by an access list", .kinds = KINDS_L3, .flags = CMD_NO,
	  .set = set_group_in },
	{ .mode = MODE_IF, .pattern = "ip access-group WORD out",
	  .help = "Filter what is forwarded out by an access list", .kinds = KINDS_L3, .flags = CMD_NO,
	  .set = set_group_out },

	{ .mode = MODE_EXEC, .pattern = "show access-lists [WORD]", .help = "Show access lists and their matches",
	  .kinds = KINDS_L3, .machine = "acl.filter", .run = acl_show_run },
	{ .mode = MODE_EXEC, .pattern = "show ip access-lists [WORD]", .help = "Show access lists and their matches",
	  .kinds = KINDS_L3, .machine = "acl.filter", .run = acl_show_run },
	{ .mode = MODE_EXEC, .pattern = "clear access-list counters [WORD]", .help = "Count matches from zero",
	  .kinds = KINDS_L3, .machine = "acl.filter", .run = acl_clear_run },
	{ .mode = MODE_EXEC, .pattern = "clear ip access-list counters [WORD]", .help = "Count matches from zero",
	  .kinds = KINDS_L3, .machine = "acl.filter", .run = acl_clear_run },
	{ .mode = NULL },
};
/* clang-format on */

static const struct machine_class *const machines[] = { &acl_filter_class, NULL };
static const struct fact_kind *const facts[] = { &acl_hit_fact, NULL };

const struct proto acl_proto = {
	.name = "acl",
	.title = "Access lists",
	.rules = rules,
	.n_rules = ARRAY_SIZE(rules),
	.machines = machines,
	.cmds = cmds,
	.facts = facts,
	.conf_new = acl_conf_new,
	.conf_free = acl_conf_free,
};
