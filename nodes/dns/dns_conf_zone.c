/* The server's configuration lines, continued: zones, transfers, whom to ask, limits. */
#include "dns/dns_conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What IOS gives a zone whose line leaves the numbers out: seconds. */
enum { SOA_REFRESH = 21600, SOA_RETRY = 900, SOA_EXPIRE = 7776000, SOA_MINIMUM = 86400 };

/* --- zones --- */

static struct dns_conf_zone *zone_get(struct dns_conf *conf, const struct dns_name *name)
{
	struct dns_conf_zone *zone = dns_conf_zone(conf, name);

	if (zone || conf->n_zones >= DNS_ZONES_MAX)
		return zone;
	zone = dns_alloc(sizeof(*zone));
	zone->name = *name;
	conf->zones[conf->n_zones++] = zone;
	return zone;
}

/* A zone lives as long as a line speaks of it. */
static void zone_put(struct dns_conf *conf, struct dns_conf_zone *zone)
{
	if (zone->section || zone->has_soa)
		return;
	for (unsigned i = 0; i < conf->n_zones; i++) {
		if (conf->zones[i] != zone)
			continue;
		conf->n_zones--;
		memmove(&conf->zones[i], &conf->zones[i + 1],
			(conf->n_zones - i) * sizeof(conf->zones[0]));
		break;
	}
	free(zone);
}

static uint32_t number_or(const struct call *call, unsigned i, uint32_t otherwise)
{
	return call_arg(call, i) ? (uint32_t)call->args[i].number : otherwise;
}

static int parse_soa(const struct call *call, unsigned first, const struct dns_name *origin,
		     struct dns_soa *soa)
{
	int err = dns_arg_name(call, first, origin, &soa->mname);

	/* A mailbox is often written with its @ (RFC 1035 §8: the first label is the user). */
	if (!err && strchr(call->args[first + 1].text, '@'))
		return call_refuse(call, "write the mailbox %s with a period in place of the @",
				   call->args[first + 1].text);
	return err ? err : dns_arg_name(call, first + 1, origin, &soa->rname);
}

static void take_times(const struct call *call, unsigned first, struct dns_soa *soa)
{
	soa->refresh = number_or(call, first, SOA_REFRESH);
	soa->retry = number_or(call, first + 1, SOA_RETRY);
	soa->expire = number_or(call, first + 2, SOA_EXPIRE);
	soa->minimum = number_or(call, first + 3, SOA_MINIMUM);
}

static int give_soa(struct dns_conf *conf, const struct dns_name *name, const struct dns_soa *soa,
		    bool has_serial, const struct call *call)
{
	struct dns_conf_zone *zone;

	if (dns_conf_is_alias(conf, name))
		return call_refuse(call, "the name is an alias and cannot be a zone");
	zone = zone_get(conf, name);
	if (!zone)
		return call_refuse(call, "at most %d zones can be configured", DNS_ZONES_MAX);
	zone->soa = *soa;
	zone->has_soa = true;
	zone->has_serial = has_serial;
	return 0;
}

/* ip dns primary ZONE soa MNAME RNAME [REFRESH [RETRY [EXPIRE [MINIMUM]]]] */
int dns_set_primary(void *arg, const struct call *call)
{
	struct dns_conf *conf = arg;
	struct dns_soa soa = { 0 };
	struct dns_conf_zone *zone;
	struct dns_name name;
	int err = dns_arg_name(call, 0, &dns_root, &name);

	conf->changes++;
	if (err)
		return err;
	if (call->no) {
		zone = dns_conf_zone(conf, &name);
		if (zone) {
			zone->has_soa = false;
			zone_put(conf, zone);
		}
		return 0;
	}
	err = parse_soa(call, 1, &dns_root, &soa);
	if (err)
		return err;
	take_times(call, 3, &soa);
	return give_soa(conf, &name, &soa, false, call);
}

int dns_set_zone(void *arg, const struct call *call)
{
	struct dns_conf *conf = arg;
	struct dns_conf_zone *zone;
	struct dns_name name;
	int err = dns_arg_name(call, 0, &dns_root, &name);

	conf->changes++;
	if (err)
		return err;
	zone = call->no ? dns_conf_zone(conf, &name) : zone_get(conf, &name);
	if (!zone)
		return call->no ? 0
				: call_refuse(call, "at most %d zones can be configured",
					      DNS_ZONES_MAX);
	zone->section = !call->no;
	if (call->no) {
		dns_conf_remove_records(conf, zone);
		zone->has_soa = zone->has_ttl = false;
		zone_put(conf, zone);
	}
	return 0;
}

/* soa MNAME RNAME [SERIAL [REFRESH [RETRY [EXPIRE [MINIMUM]]]]] */
int dns_set_zone_soa(void *arg, const struct call *call)
{
	struct dns_conf *conf = arg;
	struct dns_conf_zone *zone = dns_section_zone(conf, call);
	struct dns_soa soa = { 0 };
	int err;

	if (!zone)
		return call_refuse(call, "the zone is gone");
	conf->changes++;
	if (call->no) {
		zone->has_soa = false;
		return 0;
	}
	err = parse_soa(call, 0, &zone->name, &soa);
	if (err)
		return err;
	soa.serial = number_or(call, 2, 0);
	take_times(call, 3, &soa);
	return give_soa(conf, &zone->name, &soa, call_arg(call, 2), call);
}

int dns_set_zone_ttl(void *arg, const struct call *call)
{
	struct dns_conf *conf = arg;
	struct dns_conf_zone *zone = dns_section_zone(conf, call);

	if (!zone)
		return call_refuse(call, "the zone is gone");
	conf->changes++;
	zone->has_ttl = !call->no;
	zone->ttl = call->no ? 0 : (uint32_t)call->args[0].number;
	return 0;
}

/* An address is a net of one. */
static int parse_net(const char *text, struct dns_transfer *ret)
{
	char addr[ADDR_TEXT_LEN];
	const char *slash = strchr(text, '/');
	uint64_t plen;

	if (!str_copy_n(addr, sizeof(addr), text, slash ? (size_t)(slash - text) : strlen(text)) ||
	    addr_parse(addr, &ret->net))
		return -EINVAL;
	plen = ret->net.family == 4 ? 32 : 128;
	if (slash && str_to_u64(slash + 1, plen, &plen))
		return -EINVAL;
	ret->plen = (uint8_t)plen;
	return 0;
}

static int change_nets(struct dns_transfers *t, const struct dns_transfer *net,
		       const struct call *call)
{
	unsigned i = 0;

	while (i < t->n_nets &&
	       !(addr_equal(&t->nets[i].net, &net->net) && t->nets[i].plen == net->plen))
		i++;
	if (i < t->n_nets && call->no)
		t->nets[i] = t->nets[--t->n_nets];
	if (i < t->n_nets || call->no)
		return 0;
	if (t->n_nets == DNS_TRANSFERS_MAX)
		return call_refuse(call, "at most %d such lines a zone", DNS_TRANSFERS_MAX);
	t->nets[t->n_nets++] = *net;
	return 0;
}

/* One word of an allow- line. */
static int change_permit(struct dns_transfers *t, const struct call *call)
{
	const char *who = call_arg(call, 0) ? call->args[0].text : "";
	struct dns_transfer net;

	if (!*who)
		*t = (struct dns_transfers){ 0 };
	else if (!strcasecmp(who, "any"))
		t->any = !call->no;
	else if (!strcasecmp(who, "none"))
		t->none = !call->no;
	else if (!strcasecmp(who, "connected"))
		t->connected = !call->no;
	else if (parse_net(who, &net))
		return call_refuse(
			call, "expected any, none, connected, an address or a prefix, not \"%s\"",
			who);
	else
		return change_nets(t, &net, call);
	return 0;
}

int dns_set_zone_transfer(void *arg, const struct call *call)
{
	struct dns_conf_zone *zone = dns_section_zone(arg, call);

	return zone ? change_permit(&zone->transfers, call) : call_refuse(call, "the zone is gone");
}

int dns_set_zone_update(void *arg, const struct call *call)
{
	struct dns_conf_zone *zone = dns_section_zone(arg, call);

	return zone ? change_permit(&zone->updates, call) : call_refuse(call, "the zone is gone");
}

/* --- the service --- */

int dns_set_server(void *arg, const struct call *call)
{
	struct dns_conf *conf = arg;

	conf->server = !call->no;
	return 0;
}

int dns_set_recursion(void *arg, const struct call *call)
{
	struct dns_conf *conf = arg;

	conf->recursion = !call->no;
	return 0;
}

int dns_set_forwarder(void *arg, const struct call *call)
{
	struct dns_conf *conf = arg;

	if (!call_arg(call, 0)) {
		conf->n_forwarders = 0;
		return 0;
	}
	return dns_change_addrs(conf->forwarders, &conf->n_forwarders, DNS_FORWARDERS_MAX, 0, call);
}

int dns_set_root_hint(void *arg, const struct call *call)
{
	struct dns_conf *conf = arg;
	struct dns_hint hint = { 0 };
	unsigned i = 0;
	int err;

	if (!call_arg(call, 0)) {
		conf->n_hints = 0;
		return 0;
	}
	err = dns_arg_name(call, 0, &dns_root, &hint.name);
	if (err)
		return err;
	hint.addr = call->args[1].addr;
	while (i < conf->n_hints && !(dns_name_equal(&conf->hints[i].name, &hint.name) &&
				      addr_equal(&conf->hints[i].addr, &hint.addr)))
		i++;
	if (call->no && i < conf->n_hints) {
		conf->n_hints--;
		memmove(&conf->hints[i], &conf->hints[i + 1],
			(conf->n_hints - i) * sizeof(conf->hints[0]));
	}
	if (call->no || i < conf->n_hints)
		return 0;
	if (conf->n_hints == DNS_HINTS_MAX)
		return call_refuse(call, "at most %d root hints can be configured", DNS_HINTS_MAX);
	conf->hints[conf->n_hints++] = hint;
	return 0;
}

int dns_set_default_ttl(void *arg, const struct call *call)
{
	struct dns_conf *conf = arg;

	conf->changes++;
	conf->default_ttl = call->no ? DNS_TTL_DEFAULT : (uint32_t)call->args[0].number;
	return 0;
}

int dns_set_idle(void *arg, const struct call *call)
{
	struct dns_conf *conf = arg;

	conf->idle_ns = (call->no ? DNS_IDLE_DEFAULT : call->args[0].number) * SEC;
	return 0;
}

int dns_set_failed(void *arg, const struct call *call)
{
	struct dns_conf *conf = arg;

	conf->failed_ns = (call->no ? DNS_FAILED_DEFAULT : call->args[0].number) * SEC;
	return 0;
}

int dns_set_search_limit(void *arg, const struct call *call)
{
	struct dns_conf *conf = arg;

	conf->search_ns = (call->no ? DNS_SEARCH_DEFAULT : call->args[0].number) * SEC;
	conf->search_queries = call->no ? DNS_SEARCH_QUERIES_DEFAULT
					: number_or(call, 1, DNS_SEARCH_QUERIES_DEFAULT);
	return 0;
}

void dns_conf_done_zones(struct dns_conf *conf)
{
	for (size_t i = 0; i < conf->n_records; i++)
		free(conf->records[i]);
	for (unsigned i = 0; i < conf->n_zones; i++)
		free(conf->zones[i]);
	free(conf->records);
	dns_table_done(&conf->records_by_owner);
}
