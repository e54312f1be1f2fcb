#include "login/login.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "base/hash.h"
#include "base/sbuf.h"

static void *conf_new(const struct device *dev)
{
	struct login_conf *c = calloc(1, sizeof(*c));

	(void)dev;
	if (c)
		c->n_lines = LOGIN_LINES;
	return c;
}

static void conf_free(void *conf)
{
	struct login_conf *c = conf;

	if (c) {
		free(c->users);
		free(c->lines);
		free(c->banners[0]);
		free(c->banners[1]);
		free(c->lists);
	}
	free(c);
}

static int refuse(const struct call *call, const char *why)
{
	sbuf_puts(call->reterr, why);
	return -EINVAL;
}

#define SHOWN_LEN 144 /* "5 " and a secret */

/* --- secrets ------------------------------------------------------------------------------ */

bool login_secret_matches(const struct login_secret *s, const char *password)
{
	return s->hashed ? secret_matches(password, s->text) : strcmp(s->text, password) == 0;
}

const struct login_secret *login_enable_secret(const struct login_conf *c)
{
	return c->enable_secret.is_set ? &c->enable_secret : &c->enable_password;
}

/* [0|5|7] TEXT. A secret that comes in clear is kept as its hash; *ret_text: what the configuration
 * shows in its place ("5 $1$..."), or "" when the line may stand. */
static int read_secret(const struct call *call, unsigned i, bool hash, struct login_secret *ret,
		       char *ret_text, size_t size)
{
	const char *kind = call_word(call, i + 1) ? call_word(call, i) : "0";
	const char *text = call_word(call, i + 1) ? call_word(call, i + 1) : call_word(call, i);
	struct login_secret s = { .is_set = true };

	*ret_text = '\0';
	if (strcmp(kind, "5") == 0) {
		s.hashed = true;
		if (strncmp(text, "$1$", 3) != 0 || !str_copy(s.text, SECRET_HASH_LEN, text))
			return refuse(call, "a secret of kind 5 begins with $1$");
	} else if (strcmp(kind, "7") == 0) {
		if (secret_unhide(text, s.text, sizeof(s.text)) < 0)
			return refuse(call, "this is no hidden password of kind 7");
	} else if (strcmp(kind, "0") != 0) {
		return refuse(call, "a secret's kind is 0 (in clear), 5 (hashed) or 7 (hidden)");
	} else if (!str_copy(s.text, sizeof(s.text), text)) {
		return refuse(call, "the secret is too long");
	} else if (hash) {
		uint64_t salt = hash_string(hash_string(0, call->dev->name), text);

		s.hashed = true;
		if (secret_hash(text, salt, s.text) < 0)
			return refuse(call, "the secret cannot be hashed");
		snprintf(ret_text, size, "5 %s", s.text);
	}
	*ret = s;
	return 0;
}

static int set_enable(const struct call *call, bool hash, struct login_secret *s)
{
	char shown[SHOWN_LEN];
	int r;

	if (call->no) {
		*s = (struct login_secret){ 0 };
		return 0;
	}
	r = read_secret(call, 0, hash, s, shown, sizeof(shown));
	if (r == 0 && *shown)
		sbuf_printf(call->retline, "enable secret %s", shown);
	return r;
}

static int set_enable_secret(void *conf, const struct call *call)
{
	return set_enable(call, true, &((struct login_conf *)conf)->enable_secret);
}

static int set_enable_password(void *conf, const struct call *call)
{
	return set_enable(call, false, &((struct login_conf *)conf)->enable_password);
}

/* --- users -------------------------------------------------------------------------------- */

static struct login_user *find_user(struct login_conf *c, const char *name)
{
	for (unsigned i = 0; i < c->n_users; i++)
		if (strcmp(c->users[i].name, name) == 0)
			return &c->users[i];
	return NULL;
}

static struct login_user *new_user(struct login_conf *c)
{
	if (!c->users)
		c->users = calloc(LOGIN_USERS_MAX, sizeof(*c->users));
	if (!c->users)
		abort();
	return c->n_users < LOGIN_USERS_MAX ? &c->users[c->n_users++] : NULL;
}

/* username WORD [privilege <0-15>] [(password|secret) WORD [WORD]] */
static int set_user(void *conf, const struct call *call)
{
	struct login_conf *c = conf;
	const char *kind = call_word(call, 2);
	bool hash = kind && strcmp(kind, "secret") == 0;
	struct login_user u = { .privilege = 1 }, *old = find_user(c, call->args[0].text);
	char shown[SHOWN_LEN] = "";
	int r;

	if (call->no) {
		if (old)
			*old = c->users[--c->n_users];
		return 0;
	}
	if (!str_copy(u.name, sizeof(u.name), call->args[0].text))
		return refuse(call, "the name is too long");
	if (call_word(call, 1))
		u.privilege = (int)call->args[1].number;
	r = kind ? read_secret(call, 3, hash, &u.secret, shown, sizeof(shown)) : 0;
	if (r < 0)
		return r;
	old = old ? old : new_user(c);
	if (!old)
		return refuse(call, "at most 64 users can be configured");
	*old = u;
	if (*shown && call_word(call, 1))
		sbuf_printf(call->retline, "username %s privilege %d secret %s", u.name,
			    u.privilege, shown);
	else if (*shown)
		sbuf_printf(call->retline, "username %s secret %s", u.name, shown);
	return 0;
}

/* --- lines -------------------------------------------------------------------------------- */

struct login_line login_line_default(void)
{
	return (struct login_line){ .login = LOGIN_PASSWORD,
				    .timeout_ns = LOGIN_TIMEOUT_NS,
				    .transports = LOGIN_TELNET | LOGIN_SSH,
				    .privilege = 1 };
}

struct login_line login_line_of(const struct login_conf *c, unsigned line)
{
	return c->lines ? c->lines[line] : login_line_default();
}

/* "0 4" or "3"; con and aux are no lines of ours. False: none. */
static bool range_of(const char *section, unsigned *ret_first, unsigned *ret_last)
{
	int n = sscanf(section, "%2u %2u", ret_first, ret_last);

	if (n == 1)
		*ret_last = *ret_first;
	return n >= 1 && *ret_first <= *ret_last && *ret_last < LOGIN_LINES_MAX &&
	       strspn(section, "0123456789 ") == strlen(section);
}

static int set_vty(void *conf, const struct call *call)
{
	struct login_conf *c = conf;
	unsigned first, last;

	if (!range_of(call->args[0].text, &first, &last))
		return refuse(call, "lines are 0 to 15: line vty 0 4");
	if (call->no) {
		c->n_lines = first > LOGIN_LINES ? first : LOGIN_LINES;
		return 0;
	}
	if (!c->lines)
		c->lines = calloc(LOGIN_LINES_MAX, sizeof(*c->lines));
	if (!c->lines)
		abort();
	for (unsigned i = 0; i < LOGIN_LINES_MAX; i++)
		if (c->lines[i].privilege == 0 && c->lines[i].transports == 0)
			c->lines[i] = login_line_default();
	if (last >= c->n_lines)
		c->n_lines = last + 1;
	return 0;
}

/* banner motd #Keep out!#: the text stands between two of the character it begins with; ^C is one.
 */
static int set_banner(char **banner, const struct call *call)
{
	const char *text = call->no ? "" : call->args[0].text, *end;
	char mark[3] = { text[0], '\0', '\0' };
	char *copy = NULL;

	if (strncmp(text, "^C", 2) == 0)
		mark[1] = 'C';
	if (!call->no) {
		text += strlen(mark);
		end = *mark ? strstr(text, mark) : NULL;
		if (!end || end == text)
			return refuse(call,
				      "the text stands on one line, between two of the character "
				      "that it begins with: #Keep out!#");
		if (end - text >= BANNER_MAX)
			return refuse(call, "the text is too long");
		copy = strndup(text, (size_t)(end - text));
		if (!copy)
			abort();
	}
	free(*banner);
	*banner = copy;
	return 0;
}

static int set_motd(void *conf, const struct call *call)
{
	return set_banner(&((struct login_conf *)conf)->banners[0], call);
}

static int set_login_banner(void *conf, const struct call *call)
{
	return set_banner(&((struct login_conf *)conf)->banners[1], call);
}

/* What con and aux are told has no effect: the console is open to whoever runs the lab. */
static int set_without_effect(void *conf, const struct call *call)
{
	(void)conf, (void)call;
	return 0;
}

static int each_line(void *conf, const struct call *call,
		     void (*set)(struct login_line *l, const struct call *call,
				 const struct login_line *with),
		     const struct login_line *with)
{
	struct login_conf *c = conf;
	unsigned first, last;

	if (c->lines && range_of(call->section, &first, &last))
		for (unsigned i = first; i <= last; i++)
			set(&c->lines[i], call, with);
	return 0;
}

static void put_login(struct login_line *l, const struct call *call, const struct login_line *with)
{
	l->login = call->no ? LOGIN_NONE : with->login;
}

static int set_login(void *conf, const struct call *call)
{
	return each_line(conf, call, put_login, &(struct login_line){ .login = LOGIN_PASSWORD });
}

static int set_login_local(void *conf, const struct call *call)
{
	return each_line(conf, call, put_login, &(struct login_line){ .login = LOGIN_LOCAL });
}

static void put_password(struct login_line *l, const struct call *call,
			 const struct login_line *with)
{
	(void)call;
	l->password = with->password;
}

static int set_password(void *conf, const struct call *call)
{
	struct login_line with = { 0 };
	char shown[SHOWN_LEN];
	int r = call->no ? 0 : read_secret(call, 0, false, &with.password, shown, sizeof(shown));

	return r < 0 ? r : each_line(conf, call, put_password, &with);
}

static void put_timeout(struct login_line *l, const struct call *call,
			const struct login_line *with)
{
	(void)call;
	l->timeout_ns = with->timeout_ns;
}

static int set_timeout(void *conf, const struct call *call)
{
	struct login_line with = { .timeout_ns = LOGIN_TIMEOUT_NS };

	if (!call->no)
		with.timeout_ns = call->args[0].number * 60 * SEC +
				  (call_word(call, 1) ? call->args[1].number * SEC : 0);
	return each_line(conf, call, put_timeout, &with);
}

static void put_transports(struct login_line *l, const struct call *call,
			   const struct login_line *with)
{
	(void)call;
	l->transports = with->transports;
}

static int set_transport(void *conf, const struct call *call)
{
	struct login_line with = { 0 };
	const char *p = call->no ? "all" : call->args[0].text;

	while (*p) {
		size_t len = strcspn(p, " ");

		if (len == 6 && strncmp(p, "telnet", len) == 0)
			with.transports |= LOGIN_TELNET;
		else if (len == 3 && strncmp(p, "ssh", len) == 0)
			with.transports |= LOGIN_SSH;
		else if (len == 3 && strncmp(p, "all", len) == 0)
			with.transports |= LOGIN_TELNET | LOGIN_SSH;
		else if (len != 4 || strncmp(p, "none", len) != 0)
			return refuse(call, "transports are telnet, ssh, all and none");
		p += len;
		p += strspn(p, " ");
	}
	return each_line(conf, call, put_transports, &with);
}

static void put_access(struct login_line *l, const struct call *call, const struct login_line *with)
{
	(void)call;
	str_copy(l->access_class, sizeof(l->access_class), with->access_class);
}

static int set_access(void *conf, const struct call *call)
{
	struct login_line with = { 0 };

	if (!call->no &&
	    !str_copy(with.access_class, sizeof(with.access_class), call->args[0].text))
		return refuse(call, "the list's name is too long");
	if (!call->no && call->args[1].number == 1)
		return 0; /* out: where sessions may be opened to from here */
	return each_line(conf, call, put_access, &with);
}

static void put_privilege(struct login_line *l, const struct call *call,
			  const struct login_line *with)
{
	(void)call;
	l->privilege = with->privilege;
}

static int set_privilege(void *conf, const struct call *call)
{
	struct login_line with = { .privilege = call->no ? 1 : (int)call->args[0].number };

	return each_line(conf, call, put_privilege, &with);
}

/* --- aaa ---------------------------------------------------------------------------------- */

static int set_aaa(void *conf, const struct call *call)
{
	((struct login_conf *)conf)->aaa = !call->no;
	return 0;
}

/* The next blank-separated word; false: there is none, or it is too long. */
static bool next_word(const char **p, char *out, size_t size)
{
	size_t len;

	*p += strspn(*p, " ");
	len = strcspn(*p, " ");
	if (len == 0 || !str_copy_n(out, size, *p, len))
		return false;
	*p += len;
	return true;
}

static bool read_method(const char **p, struct login_method *m)
{
	static const struct {
		const char *word;
		enum login_method_kind kind;
	} words[] = { { "group", LOGIN_BY_GROUP },     { "local", LOGIN_BY_USER },
		      { "local-case", LOGIN_BY_USER }, { "line", LOGIN_BY_LINE },
		      { "enable", LOGIN_BY_ENABLE },   { "none", LOGIN_BY_NOBODY } };

	if (!next_word(p, m->text, sizeof(m->text)))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i].word, m->text) == 0) {
			m->kind = words[i].kind;
			return m->kind != LOGIN_BY_GROUP || next_word(p, m->text, sizeof(m->text));
		}
	return false;
}

static struct login_list *find_list(struct login_conf *c, const char *name)
{
	for (unsigned i = 0; i < c->n_lists; i++)
		if (strcmp(c->lists[i].name, name) == 0)
			return &c->lists[i];
	return NULL;
}

/* aaa authentication login NAME METHOD... */
static int set_list(void *conf, const struct call *call)
{
	struct login_conf *c = conf;
	struct login_list *old = find_list(c, call->args[0].text), want = { 0 };
	const char *p = call->no ? "" : call->args[1].text;

	if (call->no) {
		if (old)
			*old = c->lists[--c->n_lists];
		return 0;
	}
	if (!str_copy(want.name, sizeof(want.name), call->args[0].text))
		return refuse(call, "the list's name is too long");
	while (*p) {
		if (want.n_methods == LOGIN_METHODS_MAX ||
		    !read_method(&p, &want.methods[want.n_methods++]))
			return refuse(call, "at most four of: group NAME, local, local-case, line, "
					    "enable, none");
		p += strspn(p, " ");
	}
	if (!old && c->n_lists == LOGIN_LISTS_MAX)
		return refuse(call, "8 lists are the most");
	if (!c->lists)
		c->lists = calloc(LOGIN_LISTS_MAX, sizeof(*c->lists));
	if (!c->lists)
		return -ENOMEM;
	*(old ? old : &c->lists[c->n_lists++]) = want;
	return 0;
}

static void put_list(struct login_line *l, const struct call *call, const struct login_line *with)
{
	(void)call;
	str_copy(l->list, sizeof(l->list), with->list);
}

static int set_login_list(void *conf, const struct call *call)
{
	struct login_line with = { 0 };

	if (!call->no && !str_copy(with.list, sizeof(with.list), call->args[0].text))
		return refuse(call, "the list's name is too long");
	return each_line(conf, call, put_list, &with);
}

/* --- tables ------------------------------------------------------------------------------- */

#define MODE_LINE "config-line"
#define DEVICES	  (KIND_BIT(KIND_ROUTER) | KIND_BIT(KIND_SWITCH) | KIND_BIT(KIND_SERVER))
#define HAS_LINES (KIND_BIT(KIND_ROUTER) | KIND_BIT(KIND_SERVER))

/* clang-format off */
static const struct cmd cmds[] = {
	{ MODE_CONFIG, "enable secret WORD [WORD]", "What `enable` asks for, kept as a hash", DEVICES, CMD_NO | CMD_SECRET, .set = set_enable_secret },
	{ MODE_CONFIG, "enable password WORD [WORD]", "What `enable` asks for where there is no secret", DEVICES, CMD_NO | CMD_SECRET, .set = set_enable_password },
	{ MODE_CONFIG, "username WORD [privilege <0-15>] [(password|secret) WORD [WORD]]", "Somebody who may log in", DEVICES, CMD_NO | CMD_MULTI | CMD_KEYED | CMD_SECRET, .set = set_user },
	{ MODE_CONFIG, "banner motd LINE", "What people see before they log in: #TEXT#", DEVICES, CMD_NO, .set = set_motd },
	{ MODE_CONFIG, "banner login LINE", "What people see before they log in, after that of motd: #TEXT#", DEVICES, CMD_NO, .set = set_login_banner },
	{ MODE_CONFIG, "aaa new-model", "Lists of methods decide who may log in at a line", DEVICES, CMD_NO, .set = set_aaa },
	{ MODE_CONFIG, "aaa authentication login WORD LINE", "A list: group NAME, local, line, enable, none, in order", DEVICES, CMD_NO | CMD_MULTI | CMD_KEYED, .set = set_list },
	{ MODE_CONFIG, "aaa session-id common", "Kept for pasted configurations", DEVICES, CMD_NO, .set = set_without_effect },
	{ MODE_CONFIG, "service password-encryption", "Kept for pasted configurations", DEVICES, CMD_NO, .set = set_without_effect },
	{ MODE_CONFIG, "line vty LINE", "Lines for people who come over the network: line vty 0 4", DEVICES, CMD_NO | CMD_MULTI, .enters = MODE_LINE, .set = set_vty },
	{ MODE_CONFIG, "line (console|aux) <0-0>", "Kept for pasted configurations: the console is open", DEVICES, CMD_NO | CMD_MULTI, .enters = MODE_LINE, .set = set_without_effect },
	{ MODE_LINE, "login", "Ask for the line's password (the default)", DEVICES, CMD_NO, .replaces = "login", .set = set_login },
	{ MODE_LINE, "login local", "Ask for a user and his password", DEVICES, CMD_NO, .replaces = "login", .set = set_login_local },
	{ MODE_LINE, "login authentication WORD", "The list of methods that decides here (default)", DEVICES, CMD_NO, .replaces = "login", .set = set_login_list },
	{ MODE_LINE, "password WORD [WORD]", "The line's password", DEVICES, CMD_NO | CMD_SECRET, .set = set_password },
	{ MODE_LINE, "exec-timeout <0-35791> [<0-2147483>]", "Minutes and seconds without input until it is closed (10 0; 0 0 = never)", DEVICES, CMD_NO, .set = set_timeout },
	{ MODE_LINE, "transport input LINE", "Protocols that may use it: telnet, ssh, all, none", DEVICES, CMD_NO, .set = set_transport },
	{ MODE_LINE, "transport output LINE", "Kept for pasted configurations", DEVICES, CMD_NO, .set = set_without_effect },
	{ MODE_LINE, "access-class WORD (in|out)", "Access list of who may come", DEVICES, CMD_NO, .set = set_access },
	{ MODE_LINE, "privilege level <0-15>", "Privilege of who logs in by the line's password (1)", DEVICES, CMD_NO, .set = set_privilege },
	{ MODE_LINE, "logging synchronous", "Kept for pasted configurations", DEVICES, CMD_NO, .set = set_without_effect },
	{ MODE_LINE, "history size <0-256>", "Kept for pasted configurations", DEVICES, CMD_NO, .set = set_without_effect },
	{ MODE_EXEC, "enable", "Raise this session to privilege 15", HAS_LINES, .machine = "login.lines", .run = login_run_enable },
	{ MODE_EXEC, "disable", "Lower this session to privilege 1", HAS_LINES, .machine = "login.lines", .run = login_run_disable },
	{ MODE_EXEC, "show users", "Show who sits at the lines", HAS_LINES, .machine = "login.lines", .run = login_run_show_users },
	{ 0 },
};
/* clang-format on */

#define RULE RULE_ROW
static const struct rule rules[] = {
#include "login/login_rules.def"
};
#undef RULE

static const struct machine_class *const machines[] = { &login_lines_class, NULL };

const struct proto login_proto = {
	.name = "login",
	.title = "Users and lines",
	.rules = rules,
	.n_rules = ARRAY_SIZE(rules),
	.machines = machines,
	.cmds = cmds,
	.conf_new = conf_new,
	.conf_free = conf_free,
};
