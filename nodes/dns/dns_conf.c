/* The language of DNS on a device: the resolver's lines, the commands, the protocol's tables. */
#include "dns/dns_conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"

#define KINDS_SERVER (BIT(KIND_SERVER) | BIT(KIND_ROUTER))

/* The defaults of IOS. */
enum { RETRY_DEFAULT = 2, TIMEOUT_DEFAULT = 3 };

#define HOSTS_SEED 0 /* as for records: the names come from the lab file */

/* --- helpers of all lines --- */

int dns_arg_name(const struct call *call, unsigned i, const struct dns_name *origin,
		 struct dns_name *ret)
{
	const char *text = call_arg(call, i) ? call->args[i].text : "", *why = "";

	if (dns_name_parse_in(text, origin, ret, &why))
		return call_refuse(call, "\"%s\" is not a domain name: %s", text, why);
	return 0;
}

static void change_addr(struct addr *list, unsigned *n, const struct addr *a, bool no)
{
	unsigned i = 0;

	while (i < *n && !addr_equal(&list[i], a))
		i++;
	if (!no && i == *n)
		list[(*n)++] = *a;
	if (no && i < *n)
		memmove(&list[i], &list[i + 1], (--*n - i) * sizeof(*list));
}

int dns_change_addrs(struct addr *list, unsigned *n, unsigned max, unsigned first,
		     const struct call *call)
{
	for (unsigned i = first; i < call->n_args && call_arg(call, i); i++) {
		const struct addr *a = &call->args[i].addr;

		if (!call->no && *n == max)
			return call_refuse(call, "at most %u addresses can be given", max);
		if (addr_is_any(a) || addr_is_multicast(a))
			return call_refuse(call, "%s is not the address of a host",
					   call->args[i].text);
		change_addr(list, n, a, call->no);
	}
	return 0;
}

/* --- the object --- */

struct tables {
	struct dns_conf_zone *zones[DNS_ZONES_MAX];
	struct dns_hint hints[DNS_HINTS_MAX];
};

struct dns_conf *dns_conf_new(void)
{
	struct dns_conf *conf = dns_alloc(sizeof(*conf));
	struct tables *tables = pages_new(sizeof(*tables));

	if (!tables)
		abort();
	conf->zones = tables->zones;
	conf->hints = tables->hints;
	conf->lookup = true;
	conf->retry = RETRY_DEFAULT;
	conf->timeout_ns = TIMEOUT_DEFAULT * SEC;
	conf->recursion = true;
	conf->default_ttl = DNS_TTL_DEFAULT;
	conf->idle_ns = DNS_IDLE_DEFAULT * SEC;
	conf->failed_ns = DNS_FAILED_DEFAULT * SEC;
	conf->search_ns = DNS_SEARCH_DEFAULT * SEC;
	conf->search_queries = DNS_SEARCH_QUERIES_DEFAULT;
	return conf;
}

struct dns_conf *dns_conf_free(struct dns_conf *conf)
{
	if (!conf)
		return NULL;
	for (size_t i = 0; i < conf->n_hosts; i++)
		free(conf->hosts[i]);
	free(conf->hosts);
	dns_table_done(&conf->hosts_by_name);
	dns_conf_done_zones(conf);
	pages_free(conf->zones, sizeof(struct tables)); /* they come first */
	free(conf);
	return NULL;
}

static struct dns_host *find_host(const struct dns_conf *conf, const struct dns_name *name)
{
	struct dns_link *l = dns_table_first(&conf->hosts_by_name, dns_name_hash(HOSTS_SEED, name));

	for (; l; l = dns_table_next(l)) {
		struct dns_host *host = (struct dns_host *)(void *)l;

		if (dns_name_equal(&host->name, name))
			return host;
	}
	return NULL;
}

const struct dns_host *dns_conf_host(const struct dns_conf *conf, const struct dns_name *name)
{
	return find_host(conf, name);
}

struct dns_conf_zone *dns_conf_zone(const struct dns_conf *conf, const struct dns_name *name)
{
	for (unsigned i = 0; i < conf->n_zones; i++)
		if (dns_name_equal(&conf->zones[i]->name, name))
			return conf->zones[i];
	return NULL;
}

/* --- the resolver's lines --- */

static int set_name_server(void *arg, const struct call *call)
{
	struct dns_conf *conf = arg;

	if (!call_arg(call, 0)) {
		conf->n_name_servers = 0;
		return 0;
	}
	return dns_change_addrs(conf->name_servers, &conf->n_name_servers, RESOLVER_SERVERS_MAX, 0,
				call);
}

static int set_domain(void *arg, const struct call *call)
{
	struct dns_conf *conf = arg;
	struct dns_name name;
	int err;

	if (call->no) {
		conf->has_domain = false;
		return 0;
	}
	err = dns_arg_name(call, 0, &dns_root, &name);
	if (err)
		return err;
	conf->domain = name;
	conf->has_domain = true;
	return 0;
}

static int set_lookup(void *arg, const struct call *call)
{
	struct dns_conf *conf = arg;

	conf->lookup = !call->no;
	return 0;
}

static int set_retry(void *arg, const struct call *call)
{
	struct dns_conf *conf = arg;

	conf->retry = call->no ? RETRY_DEFAULT : (unsigned)call->args[0].number;
	return 0;
}

static int set_timeout(void *arg, const struct call *call)
{
	struct dns_conf *conf = arg;

	conf->timeout_ns = (call->no ? TIMEOUT_DEFAULT : call->args[0].number) * SEC;
	return 0;
}

static void remove_host(struct dns_conf *conf, struct dns_host *host)
{
	size_t i = 0;

	while (conf->hosts[i] != host)
		i++;
	conf->n_hosts--;
	memmove(&conf->hosts[i], &conf->hosts[i + 1], (conf->n_hosts - i) * sizeof(conf->hosts[0]));
	dns_table_del(&conf->hosts_by_name, &host->link);
	free(host);
}

static struct dns_host *new_host(struct dns_conf *conf, const struct dns_name *name)
{
	struct dns_host *host = dns_alloc(sizeof(*host));

	host->name = *name;
	if (conf->n_hosts == conf->hosts_size) {
		conf->hosts_size = conf->hosts_size ? 2 * conf->hosts_size : 16;
		conf->hosts =
			dns_realloc(conf->hosts, conf->hosts_size * sizeof(struct dns_host *));
	}
	conf->hosts[conf->n_hosts++] = host;
	dns_table_add(&conf->hosts_by_name, &host->link, dns_name_hash(HOSTS_SEED, name));
	return host;
}

/* A line with the same name replaces the addresses of the one before. */
static int set_host(void *arg, const struct call *call)
{
	struct dns_conf *conf = arg;
	struct dns_host *host, line = { 0 };
	int err = dns_arg_name(call, 0, &dns_root, &line.name);

	conf->changes++;
	if (err)
		return err;
	host = find_host(conf, &line.name);
	if (call->no) {
		if (host)
			remove_host(conf, host);
		return 0;
	}
	err = dns_change_addrs(line.addrs, &line.n_addrs, DNS_HOST_ADDRS_MAX, 1, call);
	if (err)
		return err;
	if (!host && conf->n_hosts >= DNS_HOSTS_MAX)
		return call_refuse(call, "at most %d hosts can be configured", DNS_HOSTS_MAX);
	if (!host)
		host = new_host(conf, &line.name);
	memcpy(host->addrs, line.addrs, sizeof(host->addrs));
	host->n_addrs = line.n_addrs;
	return 0;
}

/* --- the tables --- */

#define MODE_ZONE    "config-dns-zone"
#define SECS_UNTIL   "<0-2147483647>"
#define SOA_TIMES    "[" SECS_UNTIL " [" SECS_UNTIL " [" SECS_UNTIL " [" SECS_UNTIL "]]]]"
#define RUN_RESOLVER .machine = "dns.resolver"
#define RUN_SERVER   .machine = "dns.server"

static const struct cmd cmds[] = {
	/* clang-format off */
	{ MODE_CONFIG, "ip name-server IP [IP [IP [IP]]]", "DNS servers to ask, in this order",
	  .kinds = KINDS_L3, .flags = CMD_NO | CMD_MULTI, .set = set_name_server },
	{ MODE_CONFIG, "ip domain-name WORD", "Domain that names without a period belong to",
	  .kinds = KINDS_L3, .flags = CMD_NO, .set = set_domain, .replaces = "ip domain name" },
	{ MODE_CONFIG, "ip domain name WORD", "Domain that names without a period belong to",
	  .kinds = KINDS_L3, .flags = CMD_NO, .set = set_domain, .replaces = "ip domain-name" },
	{ MODE_CONFIG, "ip domain-lookup", "Ask DNS servers for names (on by default)",
	  .kinds = KINDS_L3, .flags = CMD_NO, .set = set_lookup },
	{ MODE_CONFIG, "ip domain lookup", "Ask DNS servers for names (on by default)",
	  .kinds = KINDS_L3, .flags = CMD_NO, .set = set_lookup },
	{ MODE_CONFIG, "ip domain retry <0-100>", "Repeats of an unanswered query (2)",
	  .kinds = KINDS_L3, .flags = CMD_NO, .set = set_retry },
	{ MODE_CONFIG, "ip domain timeout <1-3600>", "Seconds to wait for an answer (3)",
	  .kinds = KINDS_L3, .flags = CMD_NO, .set = set_timeout },
	{ MODE_CONFIG, "ip host WORD IP [IP [IP [IP [IP [IP [IP [IP]]]]]]]",
	  "A name of the hosts table and its addresses",
	  .kinds = KINDS_L3, .flags = CMD_NO | CMD_MULTI | CMD_KEYED, .set = set_host },
	{ MODE_CONFIG, "ip host WORD ns WORD", "Name server of a zone",
	  .kinds = KINDS_SERVER, .flags = CMD_NO | CMD_MULTI, .set = dns_set_host_ns },
	{ MODE_CONFIG, "ip host WORD mx <0-65535> WORD", "Mail exchange of a domain",
	  .kinds = KINDS_SERVER, .flags = CMD_NO | CMD_MULTI, .set = dns_set_host_mx },
	{ MODE_CONFIG, "ip host WORD srv <0-65535> <0-65535> <0-65535> WORD",
	  "Server of a service: priority, weight, port, host",
	  .kinds = KINDS_SERVER, .flags = CMD_NO | CMD_MULTI, .set = dns_set_host_srv },
	{ MODE_CONFIG, "ip dns server", "Answer DNS queries",
	  .kinds = KINDS_SERVER, .flags = CMD_NO, .set = dns_set_server },
	{ MODE_CONFIG, "ip dns primary WORD soa WORD WORD " SOA_TIMES,
	  "A zone: primary server, mailbox, refresh, retry, expire, minimum",
	  .kinds = KINDS_SERVER, .flags = CMD_NO | CMD_MULTI | CMD_KEYED, .set = dns_set_primary },
	{ MODE_CONFIG, "ip dns zone WORD", "A zone and its records",
	  .kinds = KINDS_SERVER, .flags = CMD_NO | CMD_MULTI, .enters = MODE_ZONE, .set = dns_set_zone },
	{ MODE_CONFIG, "ip dns record WORD LINE", "A record: name, [TTL] type, data",
	  .kinds = KINDS_SERVER, .flags = CMD_NO | CMD_MULTI, .set = dns_set_record },
	{ MODE_CONFIG, "ip dns forwarder IP [IP [IP [IP]]]", "Servers that get the queries we cannot answer",
	  .kinds = KINDS_SERVER, .flags = CMD_NO | CMD_MULTI, .set = dns_set_forwarder },
	{ MODE_CONFIG, "ip dns root-hint WORD IP", "A server of the root zone",
	  .kinds = KINDS_SERVER, .flags = CMD_NO | CMD_MULTI, .set = dns_set_root_hint },
	{ MODE_CONFIG, "ip dns recursion", "Ask other servers for clients (on by default)",
	  .kinds = KINDS_SERVER, .flags = CMD_NO, .set = dns_set_recursion },
	{ MODE_CONFIG, "ip dns default-ttl " SECS_UNTIL, "TTL in seconds of records outside zones (86400)",
	  .kinds = KINDS_SERVER, .flags = CMD_NO, .set = dns_set_default_ttl },
	{ MODE_CONFIG, "ip dns idle-timeout <1-3600>", "Seconds that an idle TCP connection stays open (10)",
	  .kinds = KINDS_SERVER, .flags = CMD_NO, .set = dns_set_idle },
	{ MODE_CONFIG, "ip dns failed-timeout <1-300>", "Seconds in the list of failed queries (30)",
	  .kinds = KINDS_SERVER, .flags = CMD_NO, .set = dns_set_failed },
	{ MODE_CONFIG, "ip dns search-limit <1-60> [<1-1000>]",
	  "Seconds (5) and queries (40) that one search may take",
	  .kinds = KINDS_SERVER, .flags = CMD_NO, .set = dns_set_search_limit },

	{ MODE_ZONE, "soa WORD WORD [<0-4294967295> " SOA_TIMES "]",
	  "Primary server, mailbox, serial, refresh, retry, expire, minimum",
	  .kinds = KINDS_SERVER, .flags = CMD_NO, .set = dns_set_zone_soa },
	{ MODE_ZONE, "ttl " SECS_UNTIL, "TTL in seconds of records without their own",
	  .kinds = KINDS_SERVER, .flags = CMD_NO, .set = dns_set_zone_ttl },
	{ MODE_ZONE, "record WORD LINE", "A record: name (@ = the zone), [TTL] type, data",
	  .kinds = KINDS_SERVER, .flags = CMD_NO | CMD_MULTI, .set = dns_set_zone_record },
	{ MODE_ZONE, "allow-transfer WORD", "Who may transfer: any, none, connected, address or prefix",
	  .kinds = KINDS_SERVER, .flags = CMD_NO | CMD_MULTI, .set = dns_set_zone_transfer },
	{ MODE_ZONE, "allow-update WORD", "Who may update: any, none, connected, address or prefix (nobody)",
	  .kinds = KINDS_SERVER, .flags = CMD_NO | CMD_MULTI, .set = dns_set_zone_update },

	{ MODE_EXEC, "nslookup [LINE]", "Ask a DNS server: [-type=TYPE] NAME|ADDRESS [SERVER]",
	  .kinds = KINDS_L3, RUN_RESOLVER, .run = dns_run_nslookup },
	{ MODE_EXEC, "show hosts", "Hosts table and cached names",
	  .kinds = KINDS_L3, RUN_RESOLVER, .run = dns_run_show_hosts },
	{ MODE_EXEC, "clear host WORD", "Remove a cached name, or all (*)",
	  .kinds = KINDS_L3, RUN_RESOLVER, .run = dns_run_clear_host },
	{ MODE_EXEC, "ipconfig /displaydns", "The resolver's cache",
	  .kinds = KINDS_HOST, RUN_RESOLVER, .run = dns_run_displaydns },
	{ MODE_EXEC, "ipconfig /flushdns", "Empty the resolver's cache",
	  .kinds = KINDS_HOST, RUN_RESOLVER, .run = dns_run_flushdns },
	{ MODE_EXEC, "show ip dns primary", "The zones and their SOA",
	  .kinds = KINDS_SERVER, RUN_SERVER, .run = dns_run_show_primary },
	{ MODE_EXEC, "show ip dns records", "Every record of the database",
	  .kinds = KINDS_SERVER, RUN_SERVER, .run = dns_run_show_records },
	{ MODE_EXEC, "show ip dns cache", "What other servers have answered",
	  .kinds = KINDS_SERVER, RUN_SERVER, .run = dns_run_show_cache },
	{ MODE_EXEC, "show ip dns statistics", "Counters of the server",
	  .kinds = KINDS_SERVER, RUN_SERVER, .run = dns_run_show_statistics },
	{ MODE_EXEC, "clear ip dns cache", "Empty the server's cache and its list of failed queries",
	  .kinds = KINDS_SERVER, RUN_SERVER, .run = dns_run_clear_cache },
	{ .mode = NULL },
	/* clang-format on */
};

static const struct rule rules[] = {
#define RULE RULE_ROW
#include "dns/dns_rules.def"
#undef RULE
};

static const struct fact_column record_columns[] = {
	{ "name", VT_TEXT, "owner of the record" },
	{ "zone", VT_TEXT, "the zone it is in; NULL = none" },
	{ "type", VT_TEXT, "A, AAAA, CNAME, ..." },
	{ "ttl", VT_INT, "seconds" },
	{ "data", VT_TEXT, "as in a zone file" },
	{ "source", VT_TEXT, "configured or dynamic" },
	{ 0 },
};

static const struct fact_column cache_columns[] = {
	{ "role", VT_TEXT, "client or server: whose cache" },
	{ "name", VT_TEXT, "owner of the record" },
	{ "type", VT_TEXT, "A, AAAA, CNAME, ...; * = no such name" },
	{ "state", VT_TEXT, "record, no such type, no such name" },
	{ "data", VT_TEXT, "as in a zone file; NULL = there is none" },
	{ "expires", VT_TIME, "when its TTL runs out" },
	{ 0 },
};

static const struct fact_column pending_columns[] = {
	{ "role", VT_TEXT, "client or server: who waits" },
	{ "name", VT_TEXT, "asked for" },
	{ "type", VT_TEXT, "asked for" },
	{ "server", VT_ADDR, "asked now; NULL = waits for another search" },
	{ 0 },
};

static const struct fact_column failed_columns[] = {
	{ "name", VT_TEXT, "asked for" },
	{ "type", VT_TEXT, "asked for" },
	{ "server", VT_ADDR, "that failed" },
	{ "reason", VT_TEXT, "its code, or why there was no answer" },
	{ "expires", VT_TIME, "when it may be asked again" },
	{ 0 },
};

const struct fact_kind dns_record_fact = { "dns_record", "A record of a DNS server's database",
					   .durable = true, .columns = record_columns };
const struct fact_kind dns_cache_fact = { "dns_cache",
					  "A cached record, or the knowledge of its absence",
					  .columns = cache_columns };
const struct fact_kind dns_pending_fact = { "dns_pending",
					    "A look-up or search that waits for an answer",
					    .columns = pending_columns };
const struct fact_kind dns_failed_fact = { "dns_failed", "A query that a server did not answer",
					   .columns = failed_columns };

static const struct fact_kind *const facts[] = { &dns_record_fact, &dns_cache_fact,
						 &dns_pending_fact, &dns_failed_fact, NULL };

static const struct machine_class *const machines[] = { &dns_resolver_class, &dns_server_class,
							NULL };

static void *conf_new(const struct device *dev)
{
	(void)dev;
	return dns_conf_new();
}

static void conf_free(void *conf)
{
	dns_conf_free(conf);
}

const struct proto dns_proto = {
	.name = "dns",
	.title = "Domain name system",
	.rules = rules,
	.n_rules = ARRAY_SIZE(rules),
	.machines = machines,
	.cmds = cmds,
	.facts = facts,
	.conf_new = conf_new,
	.conf_free = conf_free,
};
