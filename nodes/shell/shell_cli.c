/* One line in, text and a status out: the device's command language.
 *
 * The grammar finds the row; a protocol's machine or the shell runs it. Words that belong to no
 * protocol (modes, running-config, reload) are the shell's own, in the table at the end. */
#include "shell.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct rule rules[] = {
#define RULE RULE_ROW
#include "shell_rules.def"
#undef RULE
};

void session_init(struct session *s)
{
	*s = (struct session){ .level = 15, .from = "console" };
}

const char *session_mode(const struct session *s)
{
	return s->configuring ? conf_ctx_mode(&s->place) : MODE_EXEC;
}

void session_prompt(const struct node *n, const struct session *s, struct sbuf *out)
{
	if (!s->configuring)
		sbuf_printf(out, "%s%c ", n->dev.hostname,
			    n->dev.kind == KIND_PC || s->level < 15 ? '>' : '#');
	else
		sbuf_printf(out, "%s(%s)# ", n->dev.hostname, session_mode(s));
}

static void say(struct session *s, const char *text)
{
	s->output(s, text, strlen(text));
}

static void end_line(struct session *s, int status)
{
	s->busy = false;
	s->done(s, status);
}

/* --- running a command -------------------------------------------------------------------- */

static struct call_slot *call_find(struct node *n, uint32_t id)
{
	for (unsigned i = 0; id != 0 && i < NODE_CALLS_MAX; i++)
		if (n->calls[i].id == id)
			return &n->calls[i];
	return NULL;
}

static struct call_slot *call_new(struct node *n, struct session *s)
{
	for (unsigned i = 0; i < NODE_CALLS_MAX; i++) {
		if (n->calls[i].id != 0)
			continue;
		n->next_call = n->next_call % ((1u << 24) - 1) + 1; /* below 1 << 24, never 0 */
		n->calls[i] = (struct call_slot){ .id = n->next_call, .session = s };
		return &n->calls[i];
	}
	return NULL;
}

static void leave_configuration(struct node *n, struct session *s)
{
	s->place = (struct conf_ctx){ 0 };
	s->configuring = false;
	shell_log(n, SEVERITY_NOTICE, "SYS", "CONFIG_I", "Configured from console by %s", s->from);
}

static struct call_slot *call_of(struct node *n, const struct session *s)
{
	for (unsigned i = 0; i < NODE_CALLS_MAX; i++)
		if (n->calls[i].id != 0 && n->calls[i].session == s)
			return &n->calls[i];
	return NULL;
}

static void tell_typed(struct node *n, struct call_slot *slot, const char *text, size_t len,
		       enum input_how how)
{
	char *copy = calloc(1, len + 1);
	struct ev ev = { .kind = EV_INPUT,
			 .input = { .call = slot->id, .text = copy, .len = len, .how = how } };

	if (!copy)
		abort();
	memcpy(copy, text, len);
	if (n->in_turn) {
		deliver_later(slot->machine, &ev, NULL, copy);
		return;
	}
	deliver(slot->machine, &ev, NULL);
	free(copy);
}

void session_typed(struct node *n, struct session *s, const char *text, size_t len,
		   enum input_how how)
{
	struct call_slot *slot = call_of(n, s);

	if (slot && slot->machine)
		tell_typed(n, slot, text, len, how);
}

void session_gone(struct node *n, struct session *s)
{
	if (s->configuring)
		leave_configuration(n, s);
	for (struct call_slot *slot; (slot = call_of(n, s)) != NULL;) {
		slot->session = NULL; /* it runs on; nobody listens */
		if (slot->asking)
			tell_typed(n, slot, "", 0, INPUT_CANCELLED);
	}
}

static void ask_input(struct node *n, struct call_slot *slot, const struct fx_effect *e)
{
	struct session *s = slot->session;

	slot->asking = true;
	if (s && s->input)
		s->input(s, e->input.mode, e->input.prompt);
	else if (slot->machine)
		tell_typed(n, slot, "", 0, INPUT_NOBODY);
}

void cli_effect(struct machine *m, const struct fx_effect *e)
{
	struct node *n = m->node;
	uint32_t id = e->kind == FX_PRINT      ? e->print.call
		      : e->kind == FX_INPUT    ? e->input.call
		      : e->kind == FX_LEVEL    ? e->level.call
		      : e->kind == FX_TERMINAL ? 0
					       : e->cmd_done.call;
	struct call_slot *slot = call_find(n, id);
	struct session *s = slot ? slot->session : NULL;

	if (e->kind == FX_TERMINAL)
		terminal_open(m, e);
	if (!slot)
		return;
	if (e->kind == FX_PRINT) {
		if (s)
			s->output(s, e->print.text, e->print.len);
		return;
	}
	if (e->kind == FX_INPUT) {
		ask_input(n, slot, e);
		return;
	}
	if (e->kind == FX_LEVEL) {
		if (s)
			s->level = e->level.level;
		return;
	}
	*slot = (struct call_slot){ 0 };
	if (s)
		end_line(s, e->cmd_done.status);
}

static void run_row(struct node *n, struct session *s, const struct grammar_match *match,
		    const char *line)
{
	struct call_slot *slot = call_new(n, s);
	struct machine *m = match->cmd->machine ? machine_find(n, match->cmd->machine) : NULL;
	struct call call = { .section = "",
			     .args = match->args,
			     .n_args = match->n_args,
			     .line = line,
			     .columns = s->columns,
			     .rows = s->rows,
			     .level = s->level,
			     .dev = &n->dev };

	if (!slot || (match->cmd->machine && !m)) {
		say(s, slot ? "% This device does not have that service\n"
			    : "% Too many commands run on this device\n");
		if (slot)
			slot->id = 0;
		end_line(s, 1);
		return;
	}
	call.id = slot->id;
	slot->machine = m;
	command_turn(n, m, match->cmd, &call);
}

static void show_error(struct session *s, const struct grammar_error *e, const char *line)
{
	struct sbuf out = SBUF(4096);

	grammar_error_ios(e, line, s->prompt_width, &out);
	s->output(s, sbuf_text(&out), out.len);
	sbuf_done(&out);
}

/* What takes something away is privileged on every device, whoever's it is. */
static bool is_privileged(const struct cmd *cmd)
{
	return (cmd->flags & CMD_PRIVILEGED) || strncmp(cmd->pattern, "clear ", 6) == 0;
}

static void exec_line(struct node *n, struct session *s, const char *line)
{
	struct grammar_match *match = malloc(sizeof(*match));
	struct grammar_error err;
	int r;

	if (!match)
		abort();
	r = grammar_parse(n->conf->grammar, MODE_EXEC, line, &n->dev, match, &err);
	if (r == 0 && is_privileged(match->cmd) && s->level < 15) {
		err = (struct grammar_error){ .status = GRAMMAR_INVALID, .column = 1 };
		r = -EINVAL;
	}
	if (r == 0) {
		run_row(n, s, match, line);
	} else if (err.status == GRAMMAR_EMPTY) {
		end_line(s, 0);
	} else {
		show_error(s, &err, line);
		end_line(s, 2);
	}
	free(match);
}

static bool word_is(const char *line, const char *word)
{
	size_t len = strlen(word);

	return strncasecmp(line, word, len) == 0 &&
	       (line[len] == '\0' || isspace((unsigned char)line[len]));
}

/* The words that lead out of configuration modes. */
static bool leave_mode(struct node *n, struct session *s, const char *line)
{
	if (!word_is(line, "end") && !word_is(line, "exit"))
		return false;
	if (word_is(line, "end") || !conf_ctx_leave(&s->place))
		leave_configuration(n, s);
	return true;
}

static void config_line(struct node *n, struct session *s, const char *line)
{
	struct sbuf err = SBUF(4096), warn = SBUF(4096);
	int r = conf_line(n, s, line, &err, &warn);

	if (err.len > 0) {
		s->output(s, sbuf_text(&err), err.len);
		if (err.data[err.len - 1] != '\n')
			say(s, "\n");
	}
	if (warn.len > 0) {
		say(s, "% ");
		s->output(s, sbuf_text(&warn), warn.len);
		say(s, "\n");
	}
	sbuf_done(&err);
	sbuf_done(&warn);
	end_line(s, r < 0 ? 2 : 0);
}

/* The row of the line, in the modes in which it would be looked for. */
static int find_row(struct node *n, const struct session *s, const char *line,
		    struct grammar_match *ret, struct grammar_error *reterr)
{
	const char *mode = session_mode(s);
	bool exec = s->configuring && word_is(line, "do");
	struct grammar_error outer;
	int r;

	if (exec)
		mode = MODE_EXEC;
	r = grammar_parse(n->conf->grammar, mode, line + (exec ? 2 : 0), &n->dev, ret, reterr);
	reterr->column += exec ? 2 : 0;
	if (r < 0 && s->configuring && strcmp(mode, MODE_CONFIG) != 0)
		r = grammar_parse(n->conf->grammar, MODE_CONFIG, line, &n->dev, ret, &outer);
	return r;
}

/* The password of a URL, SCHEME://USER:PASSWORD@HOST, or NULL. */
static const char *url_password(const char *text, size_t *ret_len)
{
	const char *url = strstr(text, "://"), *colon, *at;
	size_t len;

	if (!url)
		return NULL;
	url += 3;
	len = strcspn(url, "/ ");
	at = memrchr(url, '@', len);
	colon = at ? memchr(url, ':', (size_t)(at - url)) : NULL;
	*ret_len = colon ? (size_t)(at - colon) - 1 : 0;
	return colon ? colon + 1 : NULL;
}

/* The line without the passwords of its URLs. True: there was one. */
static bool put_urls(const char *line, struct sbuf *out)
{
	bool masked = false;
	const char *password;
	size_t len;

	while ((password = url_password(line, &len)) != NULL) {
		sbuf_put(out, line, (size_t)(password - line));
		sbuf_puts(out, "***");
		line = password + len;
		masked = true;
	}
	sbuf_puts(out, line);
	return masked;
}

bool session_mask(struct node *n, const struct session *s, const char *line, struct sbuf *out)
{
	struct grammar_match *m = calloc(1, sizeof(*m));
	struct grammar_error err = { 0 };
	size_t known;
	bool masked;

	if (!m)
		abort();
	if (find_row(n, s, line, m, &err) == 0) {
		masked = m->cmd->flags & CMD_SECRET;
		if (masked)
			sbuf_printf(out, "%s ***", m->key);
		else
			masked = put_urls(line, out);
	} else {
		known = err.column > 0 ? err.column - 1 + strlen(err.got) : 0;
		known = known < strlen(line) ? known : strlen(line);
		masked = line[known + strspn(line + known, " ")] != '\0';
		sbuf_put(out, line, known);
		if (masked)
			sbuf_puts(out, out->len > 0 ? " ***" : "***");
	}
	free(m);
	return masked;
}

void session_line(struct node *n, struct session *s, const char *line)
{
	s->busy = true;
	while (isspace((unsigned char)*line))
		line++;
	if (!s->configuring)
		exec_line(n, s, line);
	else if (leave_mode(n, s, line))
		end_line(s, 0);
	else if (word_is(line, "do"))
		exec_line(n, s, line + 2);
	else
		config_line(n, s, line);
}

/* --- the shell's own commands ------------------------------------------------------------- */

static struct session *session_of(struct node *n, const struct call *call)
{
	struct call_slot *slot = call_find(n, call->id);

	return slot ? slot->session : NULL;
}

static void run_configure(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct session *s = session_of(machine, call);

	(void)now;
	if (s)
		s->configuring = true;
	fx_cmd_done(fx, call->id, 0);
}

static void run_nothing(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	(void)machine, (void)now;
	fx_cmd_done(fx, call->id, 0);
}

static void run_exit(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct session *s = session_of(machine, call);

	(void)now;
	if (s)
		s->wants_exit = true;
	fx_cmd_done(fx, call->id, 0);
}

static void set_monitor(struct node *n, const struct call *call, bool on, struct fx *fx)
{
	struct session *s = session_of(n, call);

	if (s)
		s->monitor = on;
	fx_cmd_done(fx, call->id, 0);
}

static void run_monitor(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	(void)now;
	set_monitor(machine, call, true, fx);
}

static void run_no_monitor(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	(void)now;
	set_monitor(machine, call, false, fx);
}

static void run_length(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct session *s = session_of(machine, call);

	(void)now;
	if (s)
		s->page = (unsigned)call->args[0].number;
	fx_cmd_done(fx, call->id, 0);
}

static void run_show_running(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct sbuf out = SBUF(OUTPUT_MAX);

	(void)now;
	conf_show(machine, &out);
	fx_print_text(fx, call->id, sbuf_text(&out), out.len);
	sbuf_done(&out);
	fx_cmd_done(fx, call->id, 0);
}

static void run_show_startup(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	char *text = conf_saved(machine, "startup-config");

	(void)now;
	if (text)
		fx_print_text(fx, call->id, text, strlen(text));
	else
		fx_print(fx, call->id, "%% There is no startup-config: write memory makes one\n");
	fx_cmd_done(fx, call->id, text ? 0 : 1);
	free(text);
}

static void run_write(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	int r = conf_save_startup(machine);

	(void)now;
	if (r == 0) {
		decide(fx, "shell.config.saved", V_TEXT("command", call->line));
		fx_print(fx, call->id, "Building configuration...\n[OK]\n");
	} else {
		fx_print(fx, call->id, "%% The configuration could not be saved: %s\n",
			 strerror(-r));
	}
	fx_cmd_done(fx, call->id, r == 0 ? 0 : 1);
}

static void run_reload(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct node *n = machine;

	(void)now;
	decide(fx, "shell.config.reload", V_TEXT("command", call->line));
	fx_log(fx, SEVERITY_NOTICE, "SYS", "RELOAD",
	       "Reload requested by console. Reload Reason: Reload Command");
	fx_cmd_done(fx, call->id, 0);
	n->reload = true;
	n->stopping = true;
}

static void run_version(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	const struct device *dev = &((struct node *)machine)->dev;

	fx_print(fx, call->id, "labd %s, %s %s\nup for %lld s of lab time, %u interfaces\n",
		 LABD_VERSION, device_kind_name(dev->kind), dev->name, (long long)(now / SEC),
		 dev->n_ifaces);
	fx_cmd_done(fx, call->id, 0);
}

struct shell_conf {
	char hostname[64];
};

static void *shell_conf_new(const struct device *dev)
{
	struct shell_conf *c = calloc(1, sizeof(*c));

	if (c)
		str_copy(c->hostname, sizeof(c->hostname), dev->name);
	return c;
}

static void shell_conf_free(void *conf)
{
	free(conf);
}

static int set_hostname(void *conf, const struct call *call)
{
	struct shell_conf *c = conf;
	const char *name = call->no ? call->dev->name : call->args[0].text;

	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_') {
			sbuf_puts(call->reterr, "a host name has letters, digits and hyphens only");
			return -EINVAL;
		}
	return str_copy(c->hostname, sizeof(c->hostname), name) ? 0 : -EINVAL;
}

const char *shell_conf_hostname(const void *conf)
{
	return ((const struct shell_conf *)conf)->hostname;
}

/* clang-format off */
static const struct cmd cmds[] = {
	{ .mode = MODE_EXEC, .pattern = "configure terminal", .help = "Enter configuration mode", .flags = CMD_PRIVILEGED, .run = run_configure },
	{ .mode = MODE_EXEC, .pattern = "show running-config", .help = "Show the configuration in force", .flags = CMD_PRIVILEGED, .run = run_show_running },
	{ .mode = MODE_EXEC, .pattern = "show startup-config", .help = "Show what reload starts from", .flags = CMD_PRIVILEGED, .run = run_show_startup },
	{ .mode = MODE_EXEC, .pattern = "show version", .help = "Show program, kind and age", .run = run_version },
	{ .mode = MODE_EXEC, .pattern = "write memory", .help = "Save the running-config as startup-config", .flags = CMD_PRIVILEGED, .run = run_write },
	{ .mode = MODE_EXEC, .pattern = "copy running-config startup-config", .help = "Save the running-config", .flags = CMD_PRIVILEGED, .run = run_write },
	{ .mode = MODE_EXEC, .pattern = "reload", .help = "Start the device anew from its startup-config", .flags = CMD_PRIVILEGED, .run = run_reload },
	{ .mode = MODE_EXEC, .pattern = "enable", .help = "Kept for habit: the console is privileged", .kinds = KINDS_ALL & ~(KIND_BIT(KIND_ROUTER) | KIND_BIT(KIND_SERVER)), .run = run_nothing },
	{ .mode = MODE_EXEC, .pattern = "disable", .help = "Kept for habit", .kinds = KINDS_ALL & ~(KIND_BIT(KIND_ROUTER) | KIND_BIT(KIND_SERVER)), .run = run_nothing },
	{ .mode = MODE_EXEC, .pattern = "terminal monitor", .help = "See log messages here, too (the console always does)", .run = run_monitor },
	{ .mode = MODE_EXEC, .pattern = "terminal no monitor", .help = "See them no more", .run = run_no_monitor },
	{ .mode = MODE_EXEC, .pattern = "terminal length <0-512>", .help = "Lines of output until a key is waited for; 0 = none is", .run = run_length },
	{ .mode = MODE_EXEC, .pattern = "exit", .help = "Leave the console", .run = run_exit },
	{ .mode = MODE_EXEC, .pattern = "end", .help = "Stay here", .run = run_nothing },
	{ .mode = MODE_CONFIG, .pattern = "hostname WORD", .help = "Name of the device", .flags = CMD_NO, .set = set_hostname },
	{ .mode = NULL },
};
/* clang-format on */

const struct proto shell_proto = {
	.name = "shell",
	.title = "The device itself",
	.rules = rules,
	.n_rules = ARRAY_SIZE(rules),
	.cmds = cmds,
	.conf_new = shell_conf_new,
	.conf_free = shell_conf_free,
};
