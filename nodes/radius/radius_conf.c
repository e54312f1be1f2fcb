/* Configuration lines and commands. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"
#include "base/secret.h"
#include "radius/radius.h"

static void *conf_new(const struct device *dev)
{
	struct radius_conf *c = calloc(1, sizeof(*c));

	(void)dev;
	if (c) {
		c->timeout_s = RADIUS_TIMEOUT_S;
		c->retransmit = RADIUS_RETRANSMIT;
	}
	return c;
}

static void conf_free(void *conf)
{
	struct radius_conf *c = conf;

	if (!c)
		return;
	free(c->servers);
	free(c->clients);
	free(c->users);
	free(c);
}

static int number(const struct call *call, unsigned n, int otherwise)
{
	return call_arg(call, n) ? (int)call->args[n].number : otherwise;
}

/* [0|7] TEXT from the n-th captured word on. */
static int read_key(const struct call *call, unsigned n, char *out, size_t size)
{
	const struct arg *first = call_arg(call, n), *second = call_arg(call, n + 1);

	if (second && strcmp(first->text, "7") == 0)
		return secret_unhide(second->text, out, size) < 0
			       ? call_refuse(call,
					     "this is no hidden key of kind 7, or it is too long")
			       : 0;
	if (second && strcmp(first->text, "0") != 0)
		return call_refuse(call, "a key's kind is 0 (in clear) or 7 (hidden)");
	if (!str_copy(out, size, second ? second->text : first->text))
		return call_refuse(call, "the key is too long");
	return 0;
}

#define HIDDEN_LEN (3 + 2 * RADIUS_PASSWORD_MAX)

/* The running configuration shows secrets hidden, as IOS does with service password-encryption. */
static void show_hidden(const struct call *call, const char *secret)
{
	char hidden[HIDDEN_LEN] = "";

	secret_hide(secret, hidden, sizeof(hidden)); /* it fits: no secret is longer */
	sbuf_printf(call->retline, "7 %s", hidden);
}

/* --- servers to ask ----------------------------------------------------------------------- */

static const struct radius_server_conf new_server = { .auth_port = RADIUS_AUTH_PORT,
						      .acct_port = RADIUS_ACCT_PORT,
						      .timeout_s = -1,
						      .retransmit = -1 };

/* By name, or where that is "" by address. */
static struct radius_server_conf *find_server(struct radius_conf *c, const char *name,
					      const struct addr *a)
{
	for (unsigned i = 0; i < c->n_servers; i++)
		if (strcmp(c->servers[i].name, name) == 0 &&
		    (*name || addr_equal(&c->servers[i].addr, a)))
			return &c->servers[i];
	return NULL;
}

static struct radius_server_conf *add_server(struct radius_conf *c)
{
	if (!c->servers)
		c->servers = calloc(RADIUS_SERVERS_MAX, sizeof(*c->servers));
	if (!c->servers)
		abort();
	return c->n_servers < RADIUS_SERVERS_MAX ? &c->servers[c->n_servers++] : NULL;
}

static void remove_server(struct radius_conf *c, struct radius_server_conf *s)
{
	size_t after = (size_t)(c->servers + c->n_servers - (s + 1));

	memmove(s, s + 1, after * sizeof(*s));
	c->n_servers--;
}

static int store_server(struct radius_conf *c, const struct call *call,
			const struct radius_server_conf *want)
{
	struct radius_server_conf *s = find_server(c, want->name, &want->addr);

	s = s ? s : add_server(c);
	if (!s)
		return call_refuse(call, "8 servers are the most");
	*s = *want;
	return 0;
}

static void show_host(const struct call *call, const struct radius_server_conf *s)
{
	char addr[ADDR_TEXT_LEN];

	sbuf_printf(call->retline, "radius-server host %s", addr_format(&s->addr, addr));
	if (s->auth_port != RADIUS_AUTH_PORT)
		sbuf_printf(call->retline, " auth-port %u", s->auth_port);
	if (s->acct_port != RADIUS_ACCT_PORT)
		sbuf_printf(call->retline, " acct-port %u", s->acct_port);
	if (s->timeout_s >= 0)
		sbuf_printf(call->retline, " timeout %d", s->timeout_s);
	if (s->retransmit >= 0)
		sbuf_printf(call->retline, " retransmit %d", s->retransmit);
	sbuf_puts(call->retline, " key ");
	show_hidden(call, s->key);
}

/* radius-server host IP [auth-port N] [acct-port N] [timeout N] [retransmit N] [key [0|7] KEY] */
static int set_host(void *conf, const struct call *call)
{
	struct radius_conf *c = conf;
	struct radius_server_conf want = new_server, *old;
	int r = 0;

	want.addr = call->args[0].addr;
	if (call->no) {
		old = find_server(c, "", &want.addr);
		if (old)
			remove_server(c, old);
		return 0;
	}
	want.auth_port = (uint16_t)number(call, 1, RADIUS_AUTH_PORT);
	want.acct_port = (uint16_t)number(call, 2, RADIUS_ACCT_PORT);
	want.timeout_s = number(call, 3, -1);
	want.retransmit = number(call, 4, -1);
	if (addr_is_any(&want.addr) || addr_is_multicast(&want.addr))
		return call_refuse(call, "that is not the address of a host");
	if (call_arg(call, 5))
		r = read_key(call, 5, want.key, sizeof(want.key));
	r = r < 0 ? r : store_server(c, call, &want);
	if (r == 0 && call_arg(call, 5))
		show_host(call, &want);
	return r;
}

/* radius server NAME: its lines follow */
static int set_server(void *conf, const struct call *call)
{
	struct radius_conf *c = conf;
	struct radius_server_conf want = new_server, *old;

	if (!str_copy(want.name, sizeof(want.name), call->args[0].text))
		return call_refuse(call, "the name is too long");
	old = find_server(c, want.name, &want.addr);
	if (call->no && old)
		remove_server(c, old);
	return call->no || old ? 0 : store_server(c, call, &want);
}

static struct radius_server_conf *section(struct radius_conf *c, const struct call *call)
{
	static const struct addr none;

	return find_server(c, call->section, &none);
}

/* address ipv4|ipv6 IP [auth-port N] [acct-port N] */
static int set_address(void *conf, const struct call *call)
{
	struct radius_server_conf *s = section(conf, call);

	if (!s)
		return 0;
	if (!call->no &&
	    (addr_is_any(&call->args[1].addr) || addr_is_multicast(&call->args[1].addr)))
		return call_refuse(call, "that is not the address of a host");
	s->addr = call->no ? (struct addr){ 0 } : call->args[1].addr;
	s->auth_port = (uint16_t)(call->no ? RADIUS_AUTH_PORT : number(call, 2, RADIUS_AUTH_PORT));
	s->acct_port = (uint16_t)(call->no ? RADIUS_ACCT_PORT : number(call, 3, RADIUS_ACCT_PORT));
	return 0;
}

static int set_one_key(const struct call *call, const char *words, char *key, size_t size)
{
	int r;

	if (call->no) {
		*key = '\0';
		return 0;
	}
	r = read_key(call, 0, key, size);
	if (r == 0) {
		sbuf_printf(call->retline, "%s ", words);
		show_hidden(call, key);
	}
	return r;
}

static int set_server_key(void *conf, const struct call *call)
{
	struct radius_server_conf *s = section(conf, call);

	if (!s)
		return 0;
	return set_one_key(call, "key", s->key, sizeof(s->key));
}

static int set_server_timeout(void *conf, const struct call *call)
{
	struct radius_server_conf *s = section(conf, call);

	if (s)
		s->timeout_s = call->no ? -1 : number(call, 0, -1);
	return 0;
}

static int set_server_retransmit(void *conf, const struct call *call)
{
	struct radius_server_conf *s = section(conf, call);

	if (s)
		s->retransmit = call->no ? -1 : number(call, 0, -1);
	return 0;
}

/* --- all servers -------------------------------------------------------------------------- */

static int set_key(void *conf, const struct call *call)
{
	struct radius_conf *c = conf;

	return set_one_key(call, "radius-server key", c->key, sizeof(c->key));
}

static int set_timeout(void *conf, const struct call *call)
{
	struct radius_conf *c = conf;

	c->timeout_s = call->no ? RADIUS_TIMEOUT_S : number(call, 0, 0);
	return 0;
}

static int set_retransmit(void *conf, const struct call *call)
{
	struct radius_conf *c = conf;

	c->retransmit = call->no ? RADIUS_RETRANSMIT : number(call, 0, 0);
	return 0;
}

static int set_deadtime(void *conf, const struct call *call)
{
	struct radius_conf *c = conf;

	c->deadtime_min = call->no ? 0 : number(call, 0, 0);
	return 0;
}

static int set_require(void *conf, const struct call *call)
{
	((struct radius_conf *)conf)->require_ma = !call->no;
	return 0;
}

static int set_source(void *conf, const struct call *call)
{
	struct radius_conf *c = conf;

	if (!call->no && call->args[0].ifid == 0)
		return call_refuse(call, "this device has no such interface");
	c->source_ifid = call->no ? 0 : call->args[0].ifid;
	return 0;
}

/* --- the service -------------------------------------------------------------------------- */

static int set_service(void *conf, const struct call *call)
{
	((struct radius_conf *)conf)->service = !call->no;
	return 0;
}

static int set_accounting(void *conf, const struct call *call)
{
	((struct radius_conf *)conf)->accounting = !call->no;
	return 0;
}

static void show_client(const struct call *call, const struct radius_client_conf *c)
{
	char addr[ADDR_TEXT_LEN];

	sbuf_printf(call->retline, "radius client %s %s key ", c->name,
		    addr_format(&c->addr, addr));
	show_hidden(call, c->key);
	if (call_arg(call, 4))
		sbuf_printf(call->retline, " type %s", call->args[4].text);
	if (c->require_ma)
		sbuf_puts(call->retline, " message-authenticator");
}

/* radius client NAME IP key [0|7] KEY [type radius|proxy|tacacs] [message-authenticator] */
static int set_client(void *conf, const struct call *call)
{
	struct radius_conf *c = conf;
	struct radius_client_conf want = { 0 }, *old = NULL;
	int r;

	for (unsigned i = 0; i < c->n_clients; i++)
		if (strcmp(c->clients[i].name, call->args[0].text) == 0)
			old = &c->clients[i];
	if (call->no) {
		if (old)
			*old = c->clients[--c->n_clients];
		return 0;
	}
	want.addr = call->args[1].addr;
	want.type = call_arg(call, 4) ? (enum radius_client_type)call->args[4].number
				      : RADIUS_TYPE_RADIUS;
	want.require_ma = call_arg(call, 5) != NULL;
	if (strpbrk(call->args[0].text, " \t\"") ||
	    !str_copy(want.name, sizeof(want.name), call->args[0].text))
		return call_refuse(call, "the name is too long, or has a blank");
	r = read_key(call, 2, want.key, sizeof(want.key));
	if (r < 0)
		return r;
	if (!old && c->n_clients == RADIUS_CLIENTS_MAX)
		return call_refuse(call, "64 clients are the most");
	if (!c->clients)
		c->clients = calloc(RADIUS_CLIENTS_MAX, sizeof(*c->clients));
	if (!c->clients)
		return -ENOMEM;
	*(old ? old : &c->clients[c->n_clients++]) = want;
	show_client(call, &want);
	return 0;
}

/* radius user NAME [privilege N] password [0|7] PASSWORD */
static int set_user(void *conf, const struct call *call)
{
	struct radius_conf *c = conf;
	struct radius_user want = { .privilege = number(call, 1, 1) }, *old = NULL;
	int r;

	for (unsigned i = 0; i < c->n_users; i++)
		if (strcmp(c->users[i].name, call->args[0].text) == 0)
			old = &c->users[i];
	if (call->no) {
		if (old)
			*old = c->users[--c->n_users];
		return 0;
	}
	if (strpbrk(call->args[0].text, " \t\"") ||
	    !str_copy(want.name, sizeof(want.name), call->args[0].text))
		return call_refuse(call, "the name is too long, or has a blank");
	r = read_key(call, 2, want.password, sizeof(want.password));
	if (r < 0)
		return r;
	if (!old && c->n_users == RADIUS_USERS_MAX)
		return call_refuse(call, "64 users are the most");
	if (!c->users)
		c->users = calloc(RADIUS_USERS_MAX, sizeof(*c->users));
	if (!c->users)
		return -ENOMEM;
	*(old ? old : &c->users[c->n_users++]) = want;
	sbuf_printf(call->retline, "radius user %s ", want.name);
	if (call_arg(call, 1))
		sbuf_printf(call->retline, "privilege %d ", want.privilege);
	sbuf_puts(call->retline, "password ");
	show_hidden(call, want.password);
	return 0;
}

/* --- tables ------------------------------------------------------------------------------- */

#define MODE_SERVER "config-radius-server"
#define DEVICES	    (KIND_BIT(KIND_ROUTER) | KIND_BIT(KIND_SWITCH) | KIND_BIT(KIND_SERVER))
#define ASKERS	    (KIND_BIT(KIND_ROUTER) | KIND_BIT(KIND_SERVER))
#define SERVERS	    KIND_BIT(KIND_SERVER)
#define PORTS	    "[auth-port <1-65535>] [acct-port <1-65535>]"

/* clang-format off */
#define ROW(row_mode, line, row_kinds, line_flags, handler, line_help) \
	{ .mode = (row_mode), .pattern = (line), .help = (line_help), .kinds = (row_kinds), .flags = CMD_NO | (line_flags), .set = (handler) }

static const struct cmd cmds[] = {
	ROW(MODE_CONFIG, "radius-server host IP " PORTS " [timeout <1-1000>] [retransmit <0-100>] [key WORD [WORD]]", DEVICES, CMD_MULTI | CMD_KEYED | CMD_SECRET, set_host, "A RADIUS server to ask about logins"),
	{ .mode = MODE_CONFIG, .pattern = "radius server WORD", .help = "A RADIUS server by name; its lines follow", .kinds = DEVICES, .flags = CMD_NO | CMD_MULTI, .enters = MODE_SERVER, .set = set_server },
	ROW(MODE_SERVER, "address (ipv4|ipv6) IP " PORTS, DEVICES, 0, set_address, "Where it is"),
	ROW(MODE_SERVER, "key WORD [WORD]", DEVICES, CMD_SECRET, set_server_key, "The key that both have"),
	ROW(MODE_SERVER, "timeout <1-1000>", DEVICES, 0, set_server_timeout, "Seconds until it is asked again"),
	ROW(MODE_SERVER, "retransmit <0-100>", DEVICES, 0, set_server_retransmit, "How often it is asked again"),
	ROW(MODE_CONFIG, "radius-server key WORD [WORD]", DEVICES, CMD_SECRET, set_key, "The key of servers that have none of their own"),
	ROW(MODE_CONFIG, "radius-server timeout <1-1000>", DEVICES, 0, set_timeout, "Seconds until a server is asked again (5)"),
	ROW(MODE_CONFIG, "radius-server retransmit <0-100>", DEVICES, 0, set_retransmit, "How often a server is asked again (3)"),
	ROW(MODE_CONFIG, "radius-server deadtime <1-1440>", DEVICES, 0, set_deadtime, "Minutes in which a server that did not answer is not asked"),
	ROW(MODE_CONFIG, "radius-server message-authenticator require", DEVICES, 0, set_require, "Drop answers that are not signed"),
	ROW(MODE_CONFIG, "ip radius source-interface IFNAME", DEVICES, 0, set_source, "Whose address requests come from"),
	ROW(MODE_CONFIG, "service radius", SERVERS, 0, set_service, "Answer RADIUS requests"),
	ROW(MODE_CONFIG, "service radius-accounting", SERVERS, 0, set_accounting, "Record sessions that clients report"),
	ROW(MODE_CONFIG, "radius client WORD IP key WORD [WORD] [type (radius|proxy|tacacs)] [(message-authenticator)]", SERVERS, CMD_MULTI | CMD_KEYED | CMD_SECRET, set_client, "A device that may ask, and the key that both have"),
	ROW(MODE_CONFIG, "radius user WORD [privilege <0-15>] password WORD [WORD]", SERVERS, CMD_MULTI | CMD_KEYED | CMD_SECRET, set_user, "Somebody whom clients may let in"),
	{ .mode = MODE_EXEC, .pattern = "test aaa group radius WORD WORD [(legacy|new-code)]", .help = "Ask the RADIUS servers about a user and a password", .kinds = ASKERS, .flags = CMD_PRIVILEGED | CMD_SECRET, .machine = "radius.client", .run = radius_run_test },
	{ .mode = MODE_EXEC, .pattern = "show aaa servers", .help = "Show the RADIUS servers, and what they answered", .kinds = ASKERS, .machine = "radius.client", .run = radius_run_show },
	{ .mode = MODE_EXEC, .pattern = "show radius server", .help = "Show whether RADIUS is served, and to whom", .kinds = SERVERS, .machine = "radius.server", .run = radius_run_show_server },
	{ .mode = NULL },
};
/* clang-format on */

static const struct fact_column request_columns[] = {
	{ "role", VT_TEXT, "client: this device asked; server: it answered" },
	{ "user", VT_TEXT, "about whom" },
	{ "server", VT_ADDR, "who was asked" },
	{ "service", VT_TEXT, "what the user came by; of a server the name of its client" },
	{ "result", VT_TEXT, "pending, accepted, rejected, error" },
	{ "reason", VT_TEXT, "why" },
	{ NULL, VT_END, NULL },
};

const struct fact_kind aaa_request_fact = {
	.table = "aaa_request",
	.help = "logins that servers were asked about",
	.columns = request_columns,
};

static const struct fact_column accounting_columns[] = {
	{ "client", VT_ADDR, "the device that reported it" },
	{ "user", VT_TEXT, "whose session" },
	{ "session", VT_TEXT, "its number there" },
	{ "status", VT_TEXT, "start, interim, stop" },
	{ "seconds", VT_INT, "how long it had lasted" },
	{ NULL, VT_END, NULL },
};

const struct fact_kind aaa_accounting_fact = {
	.table = "aaa_accounting",
	.help = "sessions that clients reported to this RADIUS server",
	.columns = accounting_columns,
};

#define RULE RULE_ROW
static const struct rule rules[] = {
#include "radius/radius_rules.def"
};
#undef RULE

static const struct machine_class *const machines[] = { &radius_client_class, &radius_server_class,
							NULL };
static const struct fact_kind *const facts[] = { &aaa_request_fact, &aaa_accounting_fact, NULL };

const struct proto radius_proto = {
	.name = "radius",
	.title = "RADIUS",
	.rules = rules,
	.n_rules = ARRAY_SIZE(rules),
	.machines = machines,
	.cmds = cmds,
	.facts = facts,
	.conf_new = conf_new,
	.conf_free = conf_free,
};
