#include "echo/echo.h"

#include <stdlib.h>

static void *conf_new(const struct device *dev)
{
	(void)dev;
	return calloc(1, sizeof(struct echo_conf));
}

static int set_service(void *conf, const struct call *call)
{
	((struct echo_conf *)conf)->on = !call->no;
	return 0;
}

static const struct cmd cmds[] = {
	{ MODE_CONFIG, "service echo", "Send back what comes to port 7 (RFC 862)", KINDS_L3, CMD_NO,
	  .set = set_service },
	{ 0 },
};

#define RULE RULE_ROW
static const struct rule rules[] = {
#include "echo/echo_rules.def"
};
#undef RULE

static const struct machine_class *const machines[] = { &echo_server_class, NULL };

const struct proto echo_proto = {
	.name = "echo",
	.title = "Echo (RFC 862)",
	.rules = rules,
	.n_rules = ARRAY_SIZE(rules),
	.machines = machines,
	.cmds = cmds,
	.conf_new = conf_new,
	.conf_free = free,
};
