/* Configuration lines, show, facts, tables. */
#include "snmp/snmp_manager.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_NS (1 * SEC)
#define RETRIES	   3

static void *conf_new(const struct device *dev)
{
	struct snmp_conf *c = calloc(1, sizeof(*c));

	(void)dev;
	if (!c)
		return NULL;
	c->timeout_ns = TIMEOUT_NS;
	c->retries = RETRIES;
	return c;
}

static void conf_free(void *conf)
{
	struct snmp_conf *c = conf;

	if (!c)
		return;
	free(c->contact);
	free(c->location);
	free(c->communities);
	free(c->hosts);
	free(c->views);
	free(c->agents);
	free(c->proxies);
	free(c);
}

/* --- text --------------------------------------------------------------------------------- */

static int set_text(char **text, const struct call *call)
{
	const struct arg *a = call_arg(call, 0);

	if (!call->no && strlen(a->text) > SNMP_TEXT_MAX)
		return call_refuse(call, "255 characters are the most");
	free(*text);
	*text = call->no ? NULL : strdup(a->text);
	return call->no || *text ? 0 : -ENOMEM;
}

static int set_contact(void *conf, const struct call *call)
{
	return set_text(&((struct snmp_conf *)conf)->contact, call);
}

static int set_location(void *conf, const struct call *call)
{
	return set_text(&((struct snmp_conf *)conf)->location, call);
}

/* --- communities -------------------------------------------------------------------------- */

static struct snmp_community *community_of(struct snmp_conf *c, const char *name)
{
	for (unsigned i = 0; i < c->n_communities; i++)
		if (strcmp(c->communities[i].name, name) == 0)
			return &c->communities[i];
	return NULL;
}

static int community_new(struct snmp_conf *c, const struct call *call, struct snmp_community **ret)
{
	if (c->n_communities == SNMP_COMMUNITIES_MAX)
		return call_refuse(call, "16 communities are the most");
	if (!c->communities)
		c->communities = calloc(SNMP_COMMUNITIES_MAX, sizeof(*c->communities));
	if (!c->communities)
		return -ENOMEM;
	*ret = &c->communities[c->n_communities++];
	return 0;
}

/* snmp-server community NAME [view NAME] [(ro|rw)] [LIST] */
static int set_community(void *conf, const struct call *call)
{
	struct snmp_conf *c = conf;
	const struct arg *view = call_arg(call, 1), *how = call_arg(call, 2),
			 *list = call_arg(call, 3);
	struct snmp_community *p = community_of(c, call->args[0].text);
	int r;

	if (call->no && p)
		*p = c->communities[--c->n_communities];
	if (call->no)
		return 0;
	if (strlen(call->args[0].text) > SNMP_COMMUNITY_MAX)
		return call_refuse(call, "64 characters are the most");
	if (!p && (r = community_new(c, call, &p)) < 0)
		return r;
	*p = (struct snmp_community){ .writes = how && (how->number == 1 || how->number == 3) };
	str_copy(p->name, sizeof(p->name), call->args[0].text);
	if (view && !str_copy(p->view, sizeof(p->view), view->text))
		return call_refuse(call, "the name of the view is too long");
	if (list && !str_copy(p->list, sizeof(p->list), list->text))
		return call_refuse(call, "the name of the access list is too long");
	return 0;
}

/* --- views -------------------------------------------------------------------------------- */

static void remove_view(struct snmp_conf *c, const char *name, const struct snmp_oid *root)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->n_views; i++)
		if (strcmp(c->views[i].name, name) != 0 ||
		    (root && snmp_oid_compare(&c->views[i].root, root) != 0))
			c->views[n++] = c->views[i];
	c->n_views = n;
}

static int set_view(void *conf, const struct call *call)
{
	struct snmp_conf *c = conf;
	const struct arg *root = call_arg(call, 1), *how = call_arg(call, 2);
	struct snmp_view_line line = { .included = how && how->number == 0 };

	if (!str_copy(line.name, sizeof(line.name), call->args[0].text))
		return call_refuse(call, "the name is too long");
	if (root && snmp_name_parse(root->text, &line.root) < 0)
		return call_refuse(call, "that is no OID, nor a name that this device knows");
	remove_view(c, line.name, root ? &line.root : NULL);
	if (call->no)
		return 0;
	if (c->n_views == SNMP_VIEWS_MAX)
		return call_refuse(call, "64 lines of views are the most");
	if (!c->views)
		c->views = calloc(SNMP_VIEWS_MAX, sizeof(*c->views));
	if (!c->views)
		return -ENOMEM;
	c->views[c->n_views++] = line;
	return 0;
}

/* --- hosts -------------------------------------------------------------------------------- */

static void remove_host(struct snmp_conf *c, const struct ep *ep)
{
	for (unsigned i = 0; i < c->n_hosts; i++) {
		if (!addr_equal(&c->hosts[i].ep.addr, &ep->addr) || c->hosts[i].ep.port != ep->port)
			continue;
		c->hosts[i] = c->hosts[--c->n_hosts];
		return;
	}
}

static int put_host(struct snmp_conf *c, const struct call *call, const struct snmp_host *h,
		    const char *community)
{
	struct snmp_host *at;

	if (addr_is_any(&h->ep.addr) || addr_is_multicast(&h->ep.addr))
		return call_refuse(call, "that is not the address of a host");
	if (h->inform && h->version == SNMP_V1)
		return call_refuse(call, "version 1 has no informs");
	if (strlen(community) > SNMP_COMMUNITY_MAX)
		return call_refuse(call, "64 characters are the most");
	if (c->n_hosts == SNMP_HOSTS_MAX)
		return call_refuse(call, "16 hosts are the most");
	if (!c->hosts)
		c->hosts = calloc(SNMP_HOSTS_MAX, sizeof(*c->hosts));
	if (!c->hosts)
		return -ENOMEM;
	at = &c->hosts[c->n_hosts++];
	*at = *h;
	str_copy(at->community, sizeof(at->community), community);
	return 0;
}

/* A host A.B.C.D, then as set_host(), set_informs() say. */
static int host_line(void *conf, const struct call *call, bool inform)
{
	struct snmp_conf *c = conf;
	const struct arg *version = call_arg(call, 1), *community = call_arg(call, 2);
	const struct arg *port = call_arg(call, 3);
	struct snmp_host h = { .ep = { call->args[0].addr, SNMP_TRAP_PORT },
			       .version = inform ? SNMP_V2C : SNMP_V1,
			       .inform = inform };

	if (version)
		h.version = version->number == 0 ? SNMP_V1 : SNMP_V2C;
	if (port)
		h.ep.port = (uint16_t)port->number;
	remove_host(c, &h.ep);
	return call->no ? 0 : put_host(c, call, &h, community->text);
}

static int set_host(void *conf, const struct call *call)
{
	return host_line(conf, call, false);
}

static int set_informs(void *conf, const struct call *call)
{
	return host_line(conf, call, true);
}

/* --- traps -------------------------------------------------------------------------------- */

static int change_events(struct snmp_conf *c, const struct call *call, unsigned which)
{
	c->events = call->no ? c->events & ~which : c->events | which;
	return 0;
}

static int set_traps(void *conf, const struct call *call)
{
	return change_events(conf, call, BIT(SNMP_N_EVENTS) - 1);
}

/* Each word that is given; none: all of them. */
static int set_traps_snmp(void *conf, const struct call *call)
{
	static const enum snmp_event words[] = { SNMP_AUTH_FAILURE, SNMP_LINK_DOWN, SNMP_LINK_UP,
						 SNMP_COLD_START, SNMP_WARM_START };
	unsigned which = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		if (call_arg(call, i))
			which |= BIT(words[i]);
	return change_events(conf, call, which ? which : BIT(SNMP_N_EVENTS) - 1);
}

/* --- the manager -------------------------------------------------------------------------- */

static int set_manager(void *conf, const struct call *call)
{
	((struct snmp_conf *)conf)->manager = !call->no;
	return 0;
}

static int set_version(void *conf, const struct call *call)
{
	struct snmp_conf *c = conf;

	c->version_set = !call->no;
	c->version = call_arg(call, 0) && call->args[0].number == 0 ? SNMP_V1 : SNMP_V2C;
	return 0;
}

static int set_timeout(void *conf, const struct call *call)
{
	((struct snmp_conf *)conf)->timeout_ns = call->no ? TIMEOUT_NS : call->args[0].number * SEC;
	return 0;
}

static int set_retries(void *conf, const struct call *call)
{
	((struct snmp_conf *)conf)->retries = call->no ? RETRIES : (unsigned)call->args[0].number;
	return 0;
}

static void remove_agent(struct snmp_conf *c, const struct addr *agent)
{
	for (unsigned i = 0; i < c->n_agents; i++)
		if (addr_equal(&c->agents[i].agent, agent)) {
			c->agents[i] = c->agents[--c->n_agents];
			return;
		}
}

static int set_agent(void *conf, const struct call *call)
{
	struct snmp_conf *c = conf;
	const struct arg *version = call_arg(call, 1);

	remove_agent(c, &call->args[0].addr);
	if (call->no)
		return 0;
	if (c->n_agents == SNMP_AGENTS_MAX)
		return call_refuse(call, "32 agents are the most");
	if (!c->agents)
		c->agents = calloc(SNMP_AGENTS_MAX, sizeof(*c->agents));
	if (!c->agents)
		return -ENOMEM;
	c->agents[c->n_agents++] = (struct snmp_known){ call->args[0].addr,
							version->number == 0 ? SNMP_V1 : SNMP_V2C };
	return 0;
}

/* --- the proxy ---------------------------------------------------------------------------- */

static void remove_proxy(struct snmp_conf *c, const char *community)
{
	for (unsigned i = 0; i < c->n_proxies; i++)
		if (strcmp(c->proxies[i].community, community) == 0) {
			c->proxies[i] = c->proxies[--c->n_proxies];
			return;
		}
}

static int set_proxy(void *conf, const struct call *call)
{
	struct snmp_conf *c = conf;
	const struct arg *agent = call_arg(call, 1), *remote = call_arg(call, 2);
	struct snmp_proxy p = { .agent = agent ? agent->addr : (struct addr){ 0 } };

	remove_proxy(c, call->args[0].text);
	if (call->no)
		return 0;
	if (!str_copy(p.community, sizeof(p.community), call->args[0].text) ||
	    !str_copy(p.remote, sizeof(p.remote), remote->text))
		return call_refuse(call, "64 characters are the most");
	if (c->n_proxies == SNMP_PROXIES_MAX)
		return call_refuse(call, "16 agents are the most");
	if (!c->proxies)
		c->proxies = calloc(SNMP_PROXIES_MAX, sizeof(*c->proxies));
	if (!c->proxies)
		return -ENOMEM;
	c->proxies[c->n_proxies++] = p;
	return 0;
}

/* --- facts -------------------------------------------------------------------------------- */

static const struct fact_column request_columns[] = {
	{ "role", VT_TEXT, "agent or manager: which side tells it" },
	{ "peer", VT_ADDR, "the other side" },
	{ "version", VT_TEXT, "v1, v2c" },
	{ "community", VT_TEXT, "in clear, as it crossed the network" },
	{ "operation", VT_TEXT, "get-request, get-next-request, getBulkRequest, set-request" },
	{ "request", VT_INT, "request-id" },
	{ "n", VT_INT, "bindings of the request" },
	{ "varbinds", VT_TEXT, "names and values of the response" },
	{ "error", VT_TEXT, "error-status of the response: noError, ...; or no response" },
	{ "error_index", VT_INT, "which binding is at fault, from 1" },
	{ NULL, VT_END, NULL },
};

const struct fact_kind snmp_request_fact = {
	.table = "snmp_request",
	.help = "A request of SNMP and its response; each is over when it is told",
	.columns = request_columns,
};

static const struct fact_column trap_columns[] = {
	{ "sender", VT_ADDR, "whom it came from" },
	{ "agent", VT_ADDR, "v1: who it says it is of" },
	{ "version", VT_TEXT, "v1, v2c" },
	{ "community", VT_TEXT, "in clear, as it crossed the network" },
	{ "how", VT_TEXT, "trap or inform" },
	{ "trap", VT_TEXT, "its name: linkDown, ..." },
	{ "uptime", VT_DURATION, "how long the agent has been running, it says" },
	{ "varbinds", VT_TEXT, "names and values" },
	{ NULL, VT_END, NULL },
};

const struct fact_kind snmp_trap_fact = {
	.table = "snmp_trap",
	.help = "A trap or inform of SNMP that this device took; each is over when it is told",
	.columns = trap_columns,
};

static const struct fact_column mib_value_columns[] = {
	{ "agent", VT_ADDR, "whose value it is" },
	{ "oid", VT_TEXT, "of the instance, in numbers" },
	{ "name", VT_TEXT, "the same with the name that this device knows" },
	{ "type", VT_TEXT, "INTEGER, STRING, Counter32, ..." },
	{ "value", VT_TEXT, "as the agent told it" },
	{ NULL, VT_END, NULL },
};

const struct fact_kind snmp_mib_value_fact = {
	.table = "mib_value",
	.help = "What an agent told this manager; the row with until NULL is what it told last",
	.columns = mib_value_columns,
};

void snmp_fact(struct fx *fx, const char *role, uint32_t number, const struct ep *peer,
	       const struct snmp_msg *m, const char *binds, int32_t error, int32_t index)
{
	struct sbuf key = SBUF(32);

	sbuf_printf(&key, "%s %u", role, number);
	fact_begin(fx, &snmp_request_fact, sbuf_text(&key), V_TEXT("role", role),
		   V_ADDR("peer", peer->addr), V_TEXT("version", snmp_version_name(m->version)),
		   V_TEXTN("community", m->community, m->community_len),
		   V_TEXT("operation", snmp_pdu_name(m->pdu)), V_INT("request", m->id),
		   V_INT("n", m->n_binds), V_TEXT("varbinds", binds),
		   V_TEXT("error", error < 0 ? "no response" : snmp_error_name(error)),
		   V_INT("error_index", index));
	fx_fact_end(fx, &snmp_request_fact, sbuf_text(&key), "answered");
	sbuf_done(&key);
}

/* --- show --------------------------------------------------------------------------------- */

static void show_counts(const struct snmp_agent *a, uint32_t call, struct fx *fx)
{
	static const struct {
		const char *text;
		unsigned id;
	} lines[] = {
		{ "SNMP packets input", SNMP_IN_PKTS },
		{ "    Bad SNMP version errors", SNMP_IN_BAD_VERSIONS },
		{ "    Unknown community name", SNMP_IN_BAD_COMMUNITIES },
		{ "    Encoding errors", SNMP_IN_PARSE_ERRORS },
		{ "    Number of requested variables", SNMP_IN_TOTAL_REQ_VARS },
		{ "    Number of altered variables", SNMP_IN_TOTAL_SET_VARS },
		{ "    Get-request PDUs", SNMP_IN_GETS },
		{ "    Get-next PDUs", SNMP_IN_GETNEXTS },
		{ "    Set-request PDUs", SNMP_IN_SETS },
		{ "SNMP packets output", SNMP_OUT_PKTS },
		{ "    Too big errors", SNMP_OUT_TOO_BIGS },
		{ "    No such name errors", SNMP_OUT_NO_SUCH_NAMES },
		{ "    Bad values errors", SNMP_OUT_BAD_VALUES },
		{ "    General errors", SNMP_OUT_GEN_ERRS },
		{ "    Response PDUs", SNMP_OUT_RESPONSES },
		{ "    Trap PDUs", SNMP_OUT_TRAPS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		fx_print(fx, call, "%u %s\n", a->counts.n[lines[i].id], lines[i].text);
}

void snmp_show_run(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	const struct snmp_agent *a = machine;
	const struct snmp_conf *c = a->conf;
	char text[ADDR_TEXT_LEN];

	(void)now;
	fx_print(fx, call->id, "SNMP agent: %s\nContact: %s\nLocation: %s\n",
		 c->n_communities ? "enabled" : "disabled", c->contact ? c->contact : "",
		 c->location ? c->location : "");
	show_counts(a, call->id, fx);
	for (unsigned i = 0; i < c->n_hosts; i++)
		fx_print(fx, call->id, "Logging to %s.%u, %s, %s\n",
			 addr_format(&c->hosts[i].ep.addr, text), c->hosts[i].ep.port,
			 snmp_version_name(c->hosts[i].version),
			 c->hosts[i].inform ? "informs" : "traps");
	if (a->n_informs || a->n_informs_failed)
		fx_print(fx, call->id, "%u informs pending, %u failed\n", a->n_informs,
			 (unsigned)a->n_informs_failed);
	decide(fx, "snmp.security.threats", V_INT("n", c->n_communities));
	if (c->n_communities)
		fx_print(fx, call->id,
			 "Communities cross the network in clear: whoever sees a packet knows "
			 "them\n");
	fx_cmd_done(fx, call->id, 0);
}

/* --- tables ------------------------------------------------------------------------------- */

/* clang-format off */
#define LINE(line, line_flags, handler, line_help) \
	{ .mode = MODE_CONFIG, .pattern = (line), .help = (line_help), .kinds = KINDS_L3, .flags = CMD_NO | (line_flags), .set = (handler) }

#define QUERY(line, line_help) \
	{ .mode = MODE_EXEC, .pattern = (line), .help = (line_help), .kinds = KINDS_L3, .machine = "snmp.manager", .run = snmp_run }

static const struct cmd cmds[] = {
	LINE("snmp-server community WORD [view WORD] [(ro|rw|RO|RW)] [WORD]", CMD_MULTI | CMD_KEYED, set_community,
	     "A community that may read (ro) or also set (rw), from addresses that an access list permits"),
	LINE("snmp-server view WORD WORD (included|excluded)", CMD_MULTI, set_view, "What a view shows: an OID and all below it"),
	LINE("snmp-server contact LINE", 0, set_contact, "Who looks after the device (sysContact)"),
	LINE("snmp-server location LINE", 0, set_location, "Where it stands (sysLocation)"),
	LINE("snmp-server host IP [version (1|2c)] WORD [udp-port <1-65535>]", CMD_MULTI, set_host, "A host that is sent traps"),
	LINE("snmp-server host IP traps [version (1|2c)] WORD [udp-port <1-65535>]", CMD_MULTI, set_host, "A host that is sent traps"),
	LINE("snmp-server host IP informs [version (1|2c)] WORD [udp-port <1-65535>]", CMD_MULTI, set_informs,
	     "A host that is sent informs, which it has to acknowledge"),
	LINE("snmp-server enable traps", 0, set_traps, "Tell hosts of all events"),
	LINE("snmp-server enable traps snmp [(authentication)] [(linkdown)] [(linkup)] [(coldstart)] [(warmstart)]", CMD_MULTI,
	     set_traps_snmp, "Tell hosts of these events"),

	LINE("snmp-server proxy WORD IP WORD", CMD_MULTI | CMD_KEYED, set_proxy,
	     "Requests with this community are for an agent of version 1, which knows the other community"),
	LINE("snmp-server manager", 0, set_manager, "Take traps and informs on UDP port 162"),
	LINE("snmp manager version (1|2c)", 0, set_version, "Speak this version with agents (else 2c is tried, then 1)"),
	LINE("snmp manager timeout <1-60>", 0, set_timeout, "Seconds to wait for a response (1)"),
	LINE("snmp manager retries <0-10>", 0, set_retries, "How often a request is sent again (3)"),
	LINE("snmp manager agent IP version (1|2c)", CMD_MULTI | CMD_KEYED, set_agent, "The version of one agent"),

	QUERY("snmp (get|getnext) HOST WORD WORD [WORD [WORD [WORD]]]", "Ask an agent for objects: HOST COMMUNITY OID ..."),
	QUERY("snmp (getbulk) HOST WORD WORD [<0-100> [<0-10>]]",
	      "Ask for the objects that follow: HOST COMMUNITY OID [MAX-REPETITIONS [NON-REPEATERS]]"),
	QUERY("snmp (walk) HOST WORD WORD", "Ask for all objects below a name: HOST COMMUNITY OID"),
	QUERY("snmp (set) HOST WORD WORD (integer|string|hex|oid|address|gauge|counter|timeticks) LINE",
	      "Set an object: HOST COMMUNITY OID TYPE VALUE"),
	{ .mode = MODE_EXEC, .pattern = "show snmp", .help = "Show what the agent has counted", .kinds = KINDS_L3,
	  .machine = "snmp.agent", .run = snmp_show_run },
	{ .mode = NULL },
};
/* clang-format on */

#define RULE RULE_ROW
static const struct rule rules[] = {
#include "snmp/snmp_rules.def"
};
#undef RULE

static const struct machine_class *const machines[] = { &snmp_agent_class, &snmp_manager_class,
							NULL };
static const struct fact_kind *const facts[] = { &snmp_request_fact, &snmp_trap_fact,
						 &snmp_mib_value_fact, NULL };

const struct proto snmp_proto = {
	.name = "snmp",
	.title = "SNMP",
	.rules = rules,
	.n_rules = ARRAY_SIZE(rules),
	.machines = machines,
	.cmds = cmds,
	.facts = facts,
	.conf_new = conf_new,
	.conf_free = conf_free,
};
