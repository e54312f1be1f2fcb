/* Lines, commands and facts. Users and lines (vty) are login's. */
#include "telnet/telnet.h"

#include <stdlib.h>

static void *conf_new(const struct device *dev)
{
	struct telnet_conf *c = calloc(1, sizeof(*c));

	if (c)
		c->server = dev->kind == KIND_ROUTER;
	return c;
}

static int set_server(void *conf, const struct call *call)
{
	((struct telnet_conf *)conf)->server = !call->no;
	return 0;
}

static const struct fact_column session_columns[] = {
	{ "role", VT_TEXT, "server or client: which side tells it" },
	{ "peer", VT_ADDR, "the other side" },
	{ "port", VT_INT, "its port" },
	{ "line", VT_INT, "server: the line (vty); NULL when it got none" },
	{ "user", VT_TEXT, "server: who logged in, where users are asked for" },
	{ "terminal", VT_TEXT, "server: what the client says its terminal is" },
	{ "window", VT_TEXT, "server: columns x rows" },
	{ "lines", VT_INT, "server: lines typed" },
	{ "typed", VT_TEXT, "server: the lines, the first 900 octets of them; secrets as ***" },
	{ "result", VT_TEXT, "open, or how it ended" },
	{ NULL, VT_END, NULL },
};

const struct fact_kind telnet_session_fact = {
	.table = "telnet_session",
	.help = "A Telnet connection; the row with until NULL is its last state, and `since` of "
		"that "
		"is when it ended",
	.columns = session_columns,
};

#define SERVERS (KIND_BIT(KIND_SERVER) | KIND_BIT(KIND_ROUTER))

/* clang-format off */
static const struct cmd cmds[] = {
	{ MODE_CONFIG, "ip telnet server", "Let people log in by Telnet (routers: the default)", SERVERS, CMD_NO, .set = set_server },
	{ MODE_EXEC, "telnet HOST [<1-65535>]", "Log in at another device, or talk to a server of a text protocol", KINDS_L3, .machine = "telnet.client", .run = telnet_run },
	{ MODE_EXEC, "clear line vty <0-15>", "End the Telnet session at a line", SERVERS, .machine = "telnet.server", .run = telnet_run_clear },
	{ MODE_EXEC, "show sessions", "Show the connections opened from here", KINDS_L3, .machine = "telnet.client", .run = telnet_run_sessions },
	{ MODE_EXEC, "resume [<1-4294967295>]", "Go back to a connection that was left by the escape sequence", KINDS_L3, .machine = "telnet.client", .run = telnet_run_resume },
	{ MODE_EXEC, "disconnect [<1-4294967295>]", "Close a connection that was left by the escape sequence", KINDS_L3, .machine = "telnet.client", .run = telnet_run_disconnect },
	{ 0 },
};
/* clang-format on */

#define RULE RULE_ROW
static const struct rule rules[] = {
#include "telnet/telnet_rules.def"
};
#undef RULE

static const struct machine_class *const machines[] = { &telnet_server_class, &telnet_client_class,
							NULL };
static const struct fact_kind *const facts[] = { &telnet_session_fact, NULL };

const struct proto telnet_proto = {
	.name = "telnet",
	.title = "Telnet",
	.rules = rules,
	.n_rules = ARRAY_SIZE(rules),
	.machines = machines,
	.cmds = cmds,
	.facts = facts,
	.conf_new = conf_new,
	.conf_free = free,
};
