/* Configuration lines and commands of the log of a device, and of the server. */
#include "syslog/syslog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEVELS                                                                        \
	"(0|1|2|3|4|5|6|7|emergencies|alerts|critical|errors|warnings|notifications|" \
	"informational|debugging)"
#define FACILITIES                                                                           \
	"(kern|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|local0|local1|local2|local3|" \
	"local4|"                                                                            \
	"local5|local6|local7)"

static void *conf_new(const struct device *dev)
{
	struct syslog_conf *c = calloc(1, sizeof(*c));

	(void)dev;
	if (!c)
		return NULL;
	c->trap = SEVERITY_INFORMATIONAL;
	c->console = c->monitor = c->buffer = SEVERITY_DEBUG;
	c->facility = SYSLOG_LOCAL7;
	c->stamps = SYSLOG_STAMP_DATETIME;
	c->msec = true;
	c->buffer_size = SYSLOG_BUFFER_DEFAULT;
	return c;
}

static void conf_free(void *conf)
{
	struct syslog_conf *c = conf;

	if (c)
		free(c->hosts);
	free(c);
}

static int set_on(void *conf, const struct call *call)
{
	((struct syslog_conf *)conf)->off = call->no;
	return 0;
}

/* A level by name or number; the configuration keeps the name. */
static int8_t level_of(const struct call *call, unsigned n, enum severity otherwise,
		       const char *words)
{
	const struct arg *a = call_arg(call, n);
	unsigned level = a ? (unsigned)(a->number % N_SEVERITIES) : (unsigned)otherwise;

	if (call->no)
		return SYSLOG_LEVEL_OFF;
	if (a && a->number < N_SEVERITIES)
		sbuf_printf(call->retline, "%s %s", words, syslog_severities[level]);
	return (int8_t)level;
}

static int set_console(void *conf, const struct call *call)
{
	struct syslog_conf *c = conf;

	c->console = level_of(call, 0, SEVERITY_DEBUG, "logging console");
	return 0;
}

static int set_monitor(void *conf, const struct call *call)
{
	struct syslog_conf *c = conf;

	c->monitor = level_of(call, 0, SEVERITY_DEBUG, "logging monitor");
	return 0;
}

static int set_trap(void *conf, const struct call *call)
{
	struct syslog_conf *c = conf;

	c->trap = level_of(call, 0, SEVERITY_INFORMATIONAL, "logging trap");
	return 0;
}

static int set_buffered(void *conf, const struct call *call)
{
	struct syslog_conf *c = conf;
	const struct arg *size = call_arg(call, 0);
	int64_t octets = size ? size->number : SYSLOG_BUFFER_DEFAULT;
	char words[64];

	if (octets > SYSLOG_BUFFER_MAX) {
		sbuf_printf(call->retwarn, "the buffer has %u octets, which is the most",
			    SYSLOG_BUFFER_MAX);
		octets = SYSLOG_BUFFER_MAX;
	}
	if (size)
		snprintf(words, sizeof(words), "logging buffered %lld", (long long)size->number);
	else
		str_copy(words, sizeof(words), "logging buffered");
	c->buffer = level_of(call, 1, SEVERITY_DEBUG, words);
	c->buffer_size = call->no ? SYSLOG_BUFFER_DEFAULT : (uint32_t)octets;
	return 0;
}

static int set_facility(void *conf, const struct call *call)
{
	struct syslog_conf *c = conf;
	const struct arg *a = call_arg(call, 0);

	c->facility = SYSLOG_LOCAL7;
	for (unsigned i = 0; a && !call->no && i < SYSLOG_FACILITIES; i++)
		if (strcmp(a->text, syslog_facility_name(i)) == 0)
			c->facility = (uint8_t)i;
	return 0;
}

static int set_source(void *conf, const struct call *call)
{
	struct syslog_conf *c = conf;

	if (call->no) {
		c->source_ifid = 0;
		return 0;
	}
	if (call->args[0].ifid == 0)
		return call_refuse(call, "this device has no such interface");
	c->source_ifid = call->args[0].ifid;
	return 0;
}

static void remove_host(struct syslog_conf *c, const struct ep *ep)
{
	for (unsigned i = 0; i < c->n_hosts; i++) {
		if (!addr_equal(&c->hosts[i].addr, &ep->addr) || c->hosts[i].port != ep->port)
			continue;
		memmove(&c->hosts[i], &c->hosts[i + 1], (c->n_hosts - i - 1) * sizeof(c->hosts[0]));
		c->n_hosts--;
		return;
	}
}

static int set_host(void *conf, const struct call *call)
{
	struct syslog_conf *c = conf;
	const struct arg *port = call_arg(call, 1);
	struct ep ep = { .addr = call->args[0].addr,
			 .port = port ? (uint16_t)port->number : SYSLOG_PORT };
	char a[ADDR_TEXT_LEN];

	if (!port) /* "logging ADDRESS" is the older way to say it */
		sbuf_printf(call->retline, "logging host %s", addr_format(&ep.addr, a));
	remove_host(c, &ep);
	if (call->no)
		return 0;
	if (addr_is_any(&ep.addr) || addr_is_multicast(&ep.addr))
		return call_refuse(call, "that is not the address of a host");
	if (c->n_hosts == SYSLOG_HOSTS_MAX)
		return call_refuse(call, "16 servers are the most");
	if (!c->hosts)
		c->hosts = calloc(SYSLOG_HOSTS_MAX, sizeof(*c->hosts));
	if (!c->hosts)
		return -ENOMEM;
	c->hosts[c->n_hosts++] = ep;
	return 0;
}

static int set_stamps(void *conf, const struct call *call)
{
	struct syslog_conf *c = conf;
	const struct arg *what = call_arg(call, 0);
	bool uptime = what && what->number == 1;

	c->stamps = call->no ? SYSLOG_STAMP_NONE
		    : uptime ? SYSLOG_STAMP_UPTIME
			     : SYSLOG_STAMP_DATETIME;
	c->msec = !uptime && call_arg(call, 1);
	c->zone = !uptime && call_arg(call, 3);
	c->year = !uptime && call_arg(call, 4);
	if (uptime &&
	    (call_arg(call, 1) || call_arg(call, 2) || call_arg(call, 3) || call_arg(call, 4)))
		return call_refuse(call, "the time since the start has no such parts");
	return 0;
}

static int set_numbers(void *conf, const struct call *call)
{
	((struct syslog_conf *)conf)->numbers = !call->no;
	return 0;
}

/* Lines of real devices; a pasted configuration keeps them. There is no debugging output. */
static int set_without_effect(void *conf, const struct call *call)
{
	(void)conf, (void)call;
	return 0;
}

static int set_server(void *conf, const struct call *call)
{
	((struct syslog_conf *)conf)->server = !call->no;
	return 0;
}

static int set_tcp(void *conf, const struct call *call)
{
	((struct syslog_conf *)conf)->tcp = !call->no;
	return 0;
}

/* clang-format off */
#define LINE(line, line_flags, handler, line_help) \
	{ .mode = MODE_CONFIG, .pattern = (line), .help = (line_help), .flags = CMD_NO | (line_flags), .set = (handler) }
#define SERVER_LINE(line, handler, line_help) \
	{ .mode = MODE_CONFIG, .pattern = (line), .help = (line_help), .kinds = BIT(KIND_SERVER), .flags = CMD_NO, .set = (handler) }

static const struct cmd cmds[] = {
	LINE("logging on", 0, set_on, "Log at all (on)"),
	LINE("logging console [" LEVELS "]", 0, set_console, "What the console is told: up to this severity"),
	LINE("logging monitor [" LEVELS "]", 0, set_monitor, "What terminals with `terminal monitor` are told"),
	LINE("logging buffered [<4096-2147483647>] [" LEVELS "]", 0, set_buffered,
	     "Octets of the log buffer, and what goes there"),
	LINE("logging trap [" LEVELS "]", 0, set_trap, "What servers are told: up to this severity"),
	LINE("logging facility " FACILITIES, 0, set_facility, "Facility of what servers are told (local7)"),
	LINE("logging source-interface IFNAME", 0, set_source, "Whose address servers see"),
	LINE("logging host IP", CMD_MULTI, set_host, "A syslog server (UDP port 514)"),
	LINE("logging host IP transport udp port <1-65535>", CMD_MULTI, set_host, "A syslog server, by another port"),
	LINE("logging IP", CMD_MULTI, set_host, "A syslog server"),
	LINE("logging userinfo", 0, set_without_effect, "Kept, without effect"),
	LINE("service timestamps log [(datetime|uptime)] [(msec)] [(localtime)] [(show-timezone)] [(year)]", 0, set_stamps,
	     "How events in console and buffer are dated"),
	LINE("service timestamps debug [(datetime|uptime)] [(msec)] [(localtime)] [(show-timezone)] [(year)]", 0,
	     set_without_effect, "Kept, without effect: there is no debugging output"),
	LINE("service sequence-numbers", 0, set_numbers, "Number the events in console and buffer"),
	SERVER_LINE("service syslog", set_server, "Take syslog messages on UDP port 514"),
	SERVER_LINE("service syslog tcp", set_tcp, "Take them on TCP port 514, too (RFC 6587)"),

	{ .mode = MODE_EXEC, .pattern = "show logging", .help = "Show what is logged where, and the log buffer",
	  .machine = "syslog.client", .run = syslog_client_show_run },
	{ .mode = MODE_EXEC, .pattern = "clear logging", .help = "Empty the log buffer",
	  .machine = "syslog.client", .run = syslog_client_clear_run },
	{ .mode = MODE_EXEC, .pattern = "send log [<0-7>] LINE", .help = "Put a message into the log",
	  .machine = "syslog.client", .run = syslog_client_send_run },
	{ .mode = MODE_EXEC, .pattern = "show syslog [<1-1000>]", .help = "Show the last messages that this server took",
	  .kinds = BIT(KIND_SERVER), .machine = "syslog.server", .run = syslog_server_show_run },
	{ .mode = MODE_EXEC, .pattern = "clear syslog", .help = "Forget the messages that this server took",
	  .kinds = BIT(KIND_SERVER), .machine = "syslog.server", .run = syslog_server_clear_run },
	{ .mode = NULL },
};
/* clang-format on */

#define RULE RULE_ROW
static const struct rule rules[] = {
#include "syslog/syslog_rules.def"
};
#undef RULE

static const struct machine_class *const machines[] = { &syslog_client_class, &syslog_server_class,
							NULL };
static const struct fact_kind *const facts[] = { &syslog_fact, NULL };

const struct proto syslog_proto = {
	.name = "syslog",
	.title = "Syslog",
	.rules = rules,
	.n_rules = ARRAY_SIZE(rules),
	.machines = machines,
	.cmds = cmds,
	.facts = facts,
	.conf_new = conf_new,
	.conf_free = conf_free,
};
