/* Configuration lines and commands of NTP and of the clock. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"
#include "ntp/ntp_host.h"

static void *conf_new(const struct device *dev)
{
	(void)dev;
	return calloc(1, sizeof(struct ntp_conf));
}

static void conf_free(void *conf)
{
	struct ntp_conf *c = conf;

	if (!c)
		return;
	free(c->servers);
	free(c->keys);
	free(c->trusted);
	free(c);
}

const struct ntp_key *ntp_conf_key(const struct ntp_conf *conf, uint32_t id)
{
	for (unsigned i = 0; i < conf->n_keys; i++)
		if (conf->keys[i].id == id)
			return &conf->keys[i];
	return NULL;
}

bool ntp_conf_trusts(const struct ntp_conf *conf, uint32_t id)
{
	for (unsigned i = 0; i < conf->n_trusted; i++)
		if (id >= conf->trusted[i].first && id <= conf->trusted[i].last)
			return true;
	return false;
}

/* Takes the i-th of n elements out. */
static void take_out(void *list, unsigned *n, unsigned i, size_t size)
{
	char *p = list;

	memmove(p + i * size, p + (i + 1) * size, (*n - i - 1) * size);
	(*n)--;
}

/* --- servers ------------------------------------------------------------------------------ */

static struct ntp_server_conf *server_find(struct ntp_conf *c, const struct addr *a)
{
	for (unsigned i = 0; i < c->n_servers; i++)
		if (addr_equal(&c->servers[i].addr, a))
			return &c->servers[i];
	return NULL;
}

enum {
	ARG_ADDRESS,
	ARG_VERSION,
	ARG_KEY,
	ARG_SOURCE,
	ARG_IBURST,
	ARG_MINPOLL,
	ARG_MAXPOLL,
	ARG_PREFER
};

static int read_server(const struct call *call, struct ntp_server_conf *ret)
{
	const struct arg *source = call_arg(call, ARG_SOURCE);

	*ret = (struct ntp_server_conf){
		.addr = call->args[ARG_ADDRESS].addr,
		.version = (uint8_t)call_number(call, ARG_VERSION, NTP_VERSION),
		.key = (uint32_t)call_number(call, ARG_KEY, 0),
		.source_ifid = source ? source->ifid : 0,
		.minpoll = (uint8_t)call_number(call, ARG_MINPOLL, NTP_MINPOLL),
		.maxpoll = (uint8_t)call_number(call, ARG_MAXPOLL, NTP_MAXPOLL),
		.prefer = call_arg(call, ARG_PREFER) != NULL,
	};
	if (addr_is_any(&ret->addr) || addr_is_multicast(&ret->addr))
		return call_refuse(call, "that is not the address of a host");
	if (source && source->ifid == 0)
		return call_refuse(call, "this device has no such interface");
	if (!call_arg(call, ARG_MAXPOLL) && ret->maxpoll < ret->minpoll)
		ret->maxpoll = ret->minpoll;
	if (!call_arg(call, ARG_MINPOLL) && ret->minpoll > ret->maxpoll)
		ret->minpoll = ret->maxpoll;
	if (ret->minpoll > ret->maxpoll)
		return call_refuse(call, "minpoll is above maxpoll");
	return 0;
}

static int set_server(void *conf, const struct call *call)
{
	struct ntp_conf *c = conf;
	struct ntp_server_conf *s = server_find(c, &call->args[ARG_ADDRESS].addr), want;
	int r;

	if (call->no) {
		if (s)
			take_out(c->servers, &c->n_servers, (unsigned)(s - c->servers), sizeof(*s));
		return 0;
	}
	r = read_server(call, &want);
	if (r < 0)
		return r;
	if (!s && c->n_servers == NTP_PEERS_MAX)
		return call_refuse(call, "8 servers are the most");
	if (!c->servers)
		c->servers = calloc(NTP_PEERS_MAX, sizeof(*c->servers));
	if (!c->servers)
		return -ENOMEM;
	want.written = ++c->written;
	if (!s)
		s = &c->servers[c->n_servers++];
	*s = want;
	return 0;
}

/* --- keys --------------------------------------------------------------------------------- */

static int set_authenticate(void *conf, const struct call *call)
{
	((struct ntp_conf *)conf)->authenticate = !call->no;
	return 0;
}

static void remove_key(struct ntp_conf *c, uint32_t id)
{
	const struct ntp_key *k = ntp_conf_key(c, id);

	if (k)
		take_out(c->keys, &c->n_keys, (unsigned)(k - c->keys), sizeof(*k));
}

/* ntp authentication-key N md5|sha1 SECRET [7] */
static int set_key(void *conf, const struct call *call)
{
	struct ntp_conf *c = conf;
	struct ntp_key k = { .id = (uint32_t)call->args[0].number };

	if (call->no) {
		remove_key(c, k.id);
		return 0;
	}
	k.digest = call->args[1].number == 1 ? NTP_SHA1 : NTP_MD5;
	if (!str_copy(k.secret, sizeof(k.secret), call->args[2].text))
		return call_refuse(call, "a secret has 64 octets at most");
	remove_key(c, k.id);
	if (c->n_keys == NTP_KEYS_MAX)
		return call_refuse(call, "32 keys are the most");
	if (!c->keys)
		c->keys = calloc(NTP_KEYS_MAX, sizeof(*c->keys));
	if (!c->keys)
		return -ENOMEM;
	c->keys[c->n_keys++] = k;
	return 0;
}

/* ntp trusted-key N [- M] */
static int set_trusted(void *conf, const struct call *call)
{
	struct ntp_conf *c = conf;
	struct ntp_trust t = { .first = (uint32_t)call->args[0].number };

	t.last = (uint32_t)call_number(call, 1, t.first);
	if (t.last < t.first)
		return call_refuse(call, "the range ends before it begins");
	for (unsigned i = 0; i < c->n_trusted; i++)
		if (c->trusted[i].first == t.first && c->trusted[i].last == t.last)
			take_out(c->trusted, &c->n_trusted, i, sizeof(t));
	if (call->no)
		return 0;
	if (c->n_trusted == NTP_KEYS_MAX)
		return call_refuse(call, "32 trusted keys or ranges are the most");
	if (!c->trusted)
		c->trusted = calloc(NTP_KEYS_MAX, sizeof(*c->trusted));
	if (!c->trusted)
		return -ENOMEM;
	c->trusted[c->n_trusted++] = t;
	return 0;
}

/* --- the rest ----------------------------------------------------------------------------- */

static int set_master(void *conf, const struct call *call)
{
	struct ntp_conf *c = conf;

	c->master = call->no ? 0 : (uint8_t)call_number(call, 0, NTP_MASTER_STRATUM);
	return 0;
}

static int set_without_effect(void *conf, const struct call *call)
{
	(void)conf, (void)call;
	return 0;
}

static int set_source(void *conf, const struct call *call)
{
	struct ntp_conf *c = conf;

	if (!call->no && call->args[0].ifid == 0)
		return call_refuse(call, "this device has no such interface");
	c->source_ifid = call->no ? 0 : call->args[0].ifid;
	return 0;
}

/* clang-format off */
#define KINDS	(KINDS_L3 | BIT(KIND_SWITCH))
#define MONTHS	"(january|february|march|april|may|june|july|august|september|october|november|december)"
#define LINE(line, line_flags, handler, line_help) \
	{ .mode = MODE_CONFIG, .pattern = (line), .help = (line_help), .kinds = KINDS, .flags = CMD_NO | (line_flags), .set = (handler) }
#define COMMAND(line, handler, line_help) \
	{ .mode = MODE_EXEC, .pattern = (line), .help = (line_help), .kinds = KINDS, .machine = "ntp.host", .run = (handler) }

static const struct cmd cmds[] = {
	LINE("ntp server IP [version <1-4>] [key <1-4294967295>] [source IFNAME] [(iburst)] [minpoll <4-17>] "
	     "[maxpoll <4-17>] [(prefer)]", CMD_MULTI | CMD_KEYED, set_server, "A server whose time to follow"),
	LINE("ntp authenticate", 0, set_authenticate, "Follow servers only that sign by a trusted key"),
	LINE("ntp authentication-key <1-4294967295> (md5|sha1) WORD [(0|7)]", CMD_MULTI | CMD_KEYED | CMD_SECRET, set_key,
	     "A key by number, and its secret"),
	LINE("ntp trusted-key <1-4294967295>", CMD_MULTI, set_trusted, "A key that may sign times"),
	LINE("ntp trusted-key <1-4294967295> - <1-4294967295>", CMD_MULTI, set_trusted, "Keys that may sign times"),
	LINE("ntp master [<1-15>]", 0, set_master, "Serve the own clock, as that stratum (8)"),
	LINE("ntp update-calendar", 0, set_without_effect, "Kept, without effect: there is no second clock"),
	LINE("ntp source IFNAME", 0, set_source, "Whose address requests come from"),

	COMMAND("show ntp status", ntp_show_status_run, "Show whom the clock follows, and how well"),
	COMMAND("show ntp associations", ntp_show_associations_run, "Show the servers"),
	COMMAND("show clock [(detail)]", ntp_clock_show_run, "Show the time of the device's clock"),
	COMMAND("clock set WORD <1-31> " MONTHS " <1993-2035>", ntp_clock_set_run, "Set the clock: hh:mm:ss DAY MONTH YEAR"),
	COMMAND("clock set WORD " MONTHS " <1-31> <1993-2035>", ntp_clock_set2_run, "Set the clock: hh:mm:ss MONTH DAY YEAR"),
	{ .mode = NULL },
};
/* clang-format on */

#define RULE RULE_ROW
static const struct rule rules[] = {
#include "ntp/ntp_rules.def"
};
#undef RULE

static const struct machine_class *const machines[] = { &ntp_host_class, NULL };
static const struct fact_kind *const facts[] = { &ntp_peer_fact, &clock_fact, NULL };

const struct proto ntp_proto = {
	.name = "ntp",
	.title = "NTP",
	.rules = rules,
	.n_rules = ARRAY_SIZE(rules),
	.machines = machines,
	.cmds = cmds,
	.facts = facts,
	.conf_new = conf_new,
	.conf_free = conf_free,
};
