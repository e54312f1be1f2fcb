/* Lines, facts and tables. */
#include "ftp/ftp_client.h"
#include "ftp/ftp_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hash.h"
#include "base/secret.h"

static void *conf_new(const struct device *dev)
{
	struct ftp_conf *c = calloc(1, sizeof(*c));

	if (c)
		*c = (struct ftp_conf){ .server = dev->kind == KIND_SERVER,
					.quota = FTP_QUOTA,
					.idle_ns = FTP_IDLE_NS };
	return c;
}

static void conf_free(void *conf)
{
	struct ftp_conf *c = conf;

	if (c) {
		free(c->users);
		free(c->names);
	}
	free(c);
}

const struct ftp_names *ftp_names(const struct ftp_conf *c)
{
	static const struct ftp_names none;

	return c->names ? c->names : &none;
}

/* To be changed. */
static struct ftp_names *own_names(void *conf)
{
	struct ftp_conf *c = conf;

	if (!c->names)
		c->names = calloc(1, sizeof(*c->names));
	if (!c->names)
		abort();
	return c->names;
}

/* --- users -------------------------------------------------------------------------------- */

static const char right_letters[] = "rwdnl"; /* in the order of enum ftp_right */

const char *ftp_rights_format(unsigned rights, char out[static 8])
{
	size_t n = 0;

	for (size_t i = 0; right_letters[i]; i++)
		if (rights & BIT(i))
			out[n++] = right_letters[i];
	out[n] = '\0';
	return out;
}

static int rights_parse(const char *text, unsigned *ret)
{
	for (*ret = 0; *text; text++) {
		const char *at = strchr(right_letters, *text);

		if (!at)
			return -EINVAL;
		*ret |= BIT(at - right_letters);
	}
	return 0;
}

const struct ftp_user *ftp_user_find(const struct ftp_conf *c, const char *name)
{
	for (unsigned i = 0; i < c->n_users; i++)
		if (strcmp(c->users[i].name, name) == 0)
			return &c->users[i];
	return NULL;
}

bool ftp_user_matches(const struct ftp_user *u, const char *password)
{
	return u->hashed ? secret_matches(password, u->password)
			 : strcmp(u->password, password) == 0;
}

/* (password|secret) [0|5|7] TEXT: what comes in clear as a secret is kept as its hash. */
static int read_password(const struct call *call, struct ftp_user *u, char *shown, size_t size)
{
	bool secret = call->args[1].number == 1;
	const char *kind = call_word(call, 3) ? call_word(call, 2) : "0";
	const char *text = call_word(call, 3) ? call_word(call, 3) : call_word(call, 2);

	u->hashed = secret;
	if (strcmp(kind, "7") == 0 && !secret)
		return secret_unhide(text, u->password, sizeof(u->password)) < 0
			       ? call_refuse(call, "this is no hidden password of kind 7")
			       : 0;
	if (strcmp(kind, "5") == 0 && secret && strncmp(text, "$1$", 3) == 0)
		return str_copy(u->password, SECRET_HASH_LEN, text)
			       ? 0
			       : call_refuse(call, "this is no hash of kind 5");
	if (strcmp(kind, "0") != 0)
		return call_refuse(call, "before the text: 0 (in clear), 7 (password, hidden) or 5 "
					 "(secret, hashed: $1$...)");
	if (strlen(text) > SECRET_LEN_MAX)
		return call_refuse(call, "the password is too long");
	if (!secret) {
		str_copy(u->password, sizeof(u->password), text);
		return 0;
	}
	if (secret_hash(text, hash_string(hash_string(0, call->dev->name), text), u->password) < 0)
		return call_refuse(call, "the secret cannot be hashed");
	snprintf(shown, size, "secret 5 %.*s", SECRET_HASH_LEN, u->password);
	return 0;
}

static struct ftp_user *room_for_user(struct ftp_conf *c, const char *name)
{
	struct ftp_user *old = (struct ftp_user *)(uintptr_t)ftp_user_find(c, name);

	if (!c->users)
		c->users = calloc(FTP_USERS_MAX, sizeof(*c->users));
	if (!c->users)
		abort();
	if (old)
		return old;
	return c->n_users < FTP_USERS_MAX ? &c->users[c->n_users++] : NULL;
}

/* ip ftp server user WORD (password|secret) WORD [WORD] [rights WORD] */
static int set_user(void *conf, const struct call *call)
{
	struct ftp_conf *c = conf;
	struct ftp_user u = { .rights = FTP_RIGHTS_READER }, *to;
	char shown[SECRET_HASH_LEN + 16] = "";
	int r;

	if (call->no) {
		to = (struct ftp_user *)(uintptr_t)ftp_user_find(c, call->args[0].text);
		if (to)
			*to = c->users[--c->n_users];
		return 0;
	}
	if (!str_copy(u.name, sizeof(u.name), call->args[0].text))
		return call_refuse(call, "the name is too long");
	if (call_word(call, 4) && rights_parse(call_word(call, 4), &u.rights) < 0)
		return call_refuse(call,
				   "rights are letters: r(ead) w(rite) d(elete) n(ame) l(ist)");
	r = read_password(call, &u, shown, sizeof(shown));
	if (r < 0)
		return r;
	to = room_for_user(c, u.name);
	if (!to)
		return call_refuse(call, "at most 64 users can be configured");
	*to = u;
	if (*shown)
		sbuf_printf(call->retline, "ip ftp server user %s %s%s%s", u.name, shown,
			    call_word(call, 4) ? " rights " : "",
			    call_word(call, 4) ? call_word(call, 4) : "");
	return 0;
}

/* --- other lines -------------------------------------------------------------------------- */

static int set_server(void *conf, const struct call *call)
{
	struct ftp_conf *c = conf;

	c->server = !call->no;
	c->server_mentioned = true;
	return 0;
}

static int set_path(void *conf, const struct call *call)
{
	struct ftp_names *c = own_names(conf);
	return call_folder(call, c->root, sizeof(c->root));
}

static int set_anonymous(void *conf, const struct call *call)
{
	((struct ftp_conf *)conf)->anonymous = !call->no;
	return 0;
}

static int set_quota(void *conf, const struct call *call)
{
	((struct ftp_conf *)conf)->quota =
		call->no ? FTP_QUOTA : (uint64_t)call->args[0].number << 20;
	return 0;
}

static int set_idle(void *conf, const struct call *call)
{
	((struct ftp_conf *)conf)->idle_ns = call->no ? FTP_IDLE_NS : call->args[0].number * SEC;
	return 0;
}

/* --- the client's lines ------------------------------------------------------------------- */

static int set_username(void *conf, const struct call *call)
{
	struct ftp_names *c = own_names(conf);

	return str_copy(c->username, sizeof(c->username), call->no ? "" : call->args[0].text)
		       ? 0
		       : call_refuse(call, "the name is too long");
}

/* ip ftp password [0|7] TEXT */
static int set_password(void *conf, const struct call *call)
{
	struct ftp_names *c = own_names(conf);
	const char *kind = call_word(call, 1) ? call_word(call, 0) : "0";
	const char *text = call_word(call, 1) ? call_word(call, 1) : call_word(call, 0);

	if (call->no)
		c->password[0] = '\0';
	else if (strcmp(kind, "7") == 0)
		return secret_unhide(text, c->password, sizeof(c->password)) < 0
			       ? call_refuse(call, "this is no hidden password of kind 7")
			       : 0;
	else if (strcmp(kind, "0") != 0)
		return call_refuse(call, "a password's kind is 0 (in clear) or 7 (hidden)");
	else if (!str_copy(c->password, sizeof(c->password), text))
		return call_refuse(call, "the password is too long");
	return 0;
}

static int set_passive(void *conf, const struct call *call)
{
	((struct ftp_conf *)conf)->active = call->no;
	return 0;
}

static int set_source(void *conf, const struct call *call)
{
	struct ftp_names *c = own_names(conf);

	str_copy(c->source, sizeof(c->source), call->no ? "" : call->args[0].text);
	return 0;
}

/* --- facts -------------------------------------------------------------------------------- */

static const struct fact_column session_columns[] = {
	{ "role", VT_TEXT, "server or client: which side tells it" },
	{ "peer", VT_ADDR, "the other side" },
	{ "user", VT_TEXT, "who is logged in; NULL = nobody yet" },
	{ "rights", VT_TEXT, "r(ead) w(rite) d(elete) (re)n(ame) l(ist); told by the server" },
	{ NULL, VT_END, NULL },
};

const struct fact_kind ftp_session_fact = {
	.table = "ftp_session",
	.help = "A control connection of FTP, while it lasts",
	.columns = session_columns,
};

void ftp_session_tell(const struct ftp_session *s, struct fx *fx)
{
	char key[32], rights[8];

	snprintf(key, sizeof(key), "server %u", s->number);
	fact_begin(fx, &ftp_session_fact, key, V_TEXT("role", "server"),
		   V_ADDR("peer", s->peer.addr),
		   s->logged_in ? V_TEXT("user", s->user) : V_NULL("user"),
		   s->logged_in ? V_TEXT("rights", ftp_rights_format(s->rights, rights))
				: V_NULL("rights"));
}

static const struct fact_column transfer_columns[] = {
	{ "role", VT_TEXT, "server or client: which side tells it" },
	{ "peer", VT_ADDR, "the other side" },
	{ "user", VT_TEXT, "whose session it is" },
	{ "command", VT_TEXT, "RETR, STOR, APPE, LIST, NLST or MLSD" },
	{ "file", VT_TEXT, "its path on the server" },
	{ "direction", VT_TEXT, "sent or received, by this device" },
	{ "type", VT_TEXT, "A (text: CR LF on the wire) or I (as it is)" },
	{ "mode", VT_TEXT, "active or passive: who opened the data connection" },
	{ "bytes", VT_INT, "octets on the data connection" },
	{ "result", VT_TEXT, "running, complete, or why it failed" },
	{ "duration", VT_DURATION, "since the data connection was open" },
	{ NULL, VT_END, NULL },
};

const struct fact_kind ftp_transfer_fact = {
	.table = "ftp_transfer",
	.help = "A file or listing that FTP carried, or tried to; the row with until NULL is its "
		"last state, and `since` of that is when it ended",
	.columns = transfer_columns,
};

void ftp_transfer_tell(const struct ftp_session *s, const char *result, nsec_t now, struct fx *fx)
{
	char key[32];

	snprintf(key, sizeof(key), "server %u", s->data.number);
	fact_begin(fx, &ftp_transfer_fact, key, V_TEXT("role", "server"),
		   V_ADDR("peer", s->peer.addr), V_TEXT("user", s->user),
		   V_TEXT("command", ftp_verb_name(s->verb)), V_TEXT("file", s->path),
		   V_TEXT("direction", s->data.sending ? "sent" : "received"),
		   V_TEXT("type", s->ascii ? "A" : "I"),
		   V_TEXT("mode", s->data.passive ? "passive" : "active"),
		   V_INT("bytes", s->data.bytes), V_TEXT("result", result),
		   V_DUR("duration", now - s->data.began_ns));
}

void ftp_client_tell(const struct ftp_connection *c, struct fx *fx)
{
	char key[32];

	snprintf(key, sizeof(key), "client %u", c->number);
	fact_begin(fx, &ftp_session_fact, key, V_TEXT("role", "client"),
		   V_ADDR("peer", c->peer.addr),
		   c->logged_in ? V_TEXT("user", c->user) : V_NULL("user"), V_NULL("rights"));
}

void ftp_client_tell_move(const struct ftp_connection *c, const char *result, nsec_t now,
			  struct fx *fx)
{
	const struct ftp_move *m = &c->move;
	char key[32];

	snprintf(key, sizeof(key), "client %u", m->number);
	fact_begin(fx, &ftp_transfer_fact, key, V_TEXT("role", "client"),
		   V_ADDR("peer", c->peer.addr), V_TEXT("user", c->user),
		   V_TEXT("command", c->job == JOB_GET	 ? "RETR"
				     : c->job == JOB_PUT ? "STOR"
							 : "LIST"),
		   V_TEXT("file", m->remote), V_TEXT("direction", m->sending ? "sent" : "received"),
		   V_TEXT("type", m->ascii ? "A" : "I"),
		   V_TEXT("mode", c->active ? "active" : "passive"), V_INT("bytes", m->bytes),
		   V_TEXT("result", result), V_DUR("duration", now - m->began_ns));
}

/* --- tables ------------------------------------------------------------------------------- */

#define SERVERS (KIND_BIT(KIND_SERVER) | KIND_BIT(KIND_ROUTER))

/* clang-format off */
static const struct cmd cmds[] = {
	{ MODE_CONFIG, "ip ftp server", "Serve the device's files by FTP (servers do, unless told otherwise)", SERVERS, CMD_NO, .set = set_server },
	{ MODE_CONFIG, "ip ftp server path WORD", "Folder of the device's files that is served", SERVERS, CMD_NO, .set = set_path },
	{ MODE_CONFIG, "ip ftp server user WORD (password|secret) WORD [WORD] [rights WORD]", "Somebody who may log in; rights: rwdnl (read write delete rename list), rl otherwise", SERVERS, CMD_NO | CMD_MULTI | CMD_KEYED | CMD_SECRET, .set = set_user },
	{ MODE_CONFIG, "ip ftp server anonymous", "Let everybody read as user anonymous", SERVERS, CMD_NO, .set = set_anonymous },
	{ MODE_CONFIG, "ip ftp server quota <1-1000000>", "MiB that a stored file may have (100)", SERVERS, CMD_NO, .set = set_quota },
	{ MODE_CONFIG, "ip ftp server timeout <1-86400>", "Seconds without a command until a session is closed (300)", SERVERS, CMD_NO, .set = set_idle },
	{ MODE_CONFIG, "ip ftp username WORD", "Who logs in at servers where copy's URL does not say", KINDS_L3, CMD_NO, .set = set_username },
	{ MODE_CONFIG, "ip ftp password WORD [WORD]", "That user's password", KINDS_L3, CMD_NO | CMD_SECRET, .set = set_password },
	{ MODE_CONFIG, "ip ftp passive", "Open data connections to servers (the default); no: let servers open them", KINDS_L3, CMD_NO, .set = set_passive },
	{ MODE_CONFIG, "ip ftp source-interface IFNAME", "Interface whose address sessions come from", KINDS_L3, CMD_NO, .set = set_source },
	{ MODE_EXEC, "ftp HOST [<1-65535>]", "Work with the files of an FTP server", KINDS_HOST, .machine = "ftp.client", .run = ftp_run },
	{ MODE_EXEC, "show ip ftp server", "Show whether files are served, and sessions", SERVERS, .machine = "ftp.server", .run = ftp_run_show_server },
	{ 0 },
};
/* clang-format on */

#define RULE RULE_ROW
static const struct rule rules[] = {
#include "ftp/ftp_rules.def"
};
#undef RULE

static const struct machine_class *const machines[] = { &ftp_server_class, &ftp_client_class,
							NULL };
static const struct fact_kind *const facts[] = { &ftp_session_fact, &ftp_transfer_fact, NULL };

const struct proto ftp_proto = {
	.name = "ftp",
	.title = "FTP",
	.rules = rules,
	.n_rules = ARRAY_SIZE(rules),
	.machines = machines,
	.cmds = cmds,
	.facts = facts,
	.conf_new = conf_new,
	.conf_free = conf_free,
};
