/* dns.h: the domain name system: resolver of every host, server of servers and routers.
 *
 *   dns.resolver   answers ASK_RESOLVE of the device's other machines and runs nslookup: hosts
 *                  table, cache, then queries to the servers in device->resolvers
 *   dns.server     answers on UDP and TCP 53 from its database (zones, single records, ip host),
 *                  from its cache, and by secondary queries to forwarders or name servers
 *
 * ASK_RESOLVE fails with -ENOENT (no such name), -ENODATA (no record of that type), -ETIMEDOUT
 * (no server answered), -EAGAIN or -ECONNREFUSED (servers could not or would not), -EDESTADDRREQ
 * (no server to ask), -EINVAL (not a name), -EBUSY (too many look-ups at once).
 *
 * Both read one configuration object, which dns_conf.c fills line by line and owns; the server
 * makes its own index (dns_db.h) of it. A machine owns its cache, its queries and its timers.
 * Times are lab time in ns; TTLs are seconds as on the wire. Everything that grows has a maximum,
 * named here or at its table. Errors of the configuration are -EINVAL with a sentence. */
#ifndef LABD_DNS_H
#define LABD_DNS_H

#include "dns/dns_table.h"
#include "dns/dns_wire.h"
#include "proto.h"

#define DNS_HOST_ADDRS_MAX  8
#define DNS_HOSTS_MAX	    4096
#define DNS_ZONES_MAX	    256
#define DNS_RECORDS_MAX	    65536 /* of one device's configuration */
#define DNS_FORWARDERS_MAX  4
#define DNS_HINTS_MAX	    32
#define DNS_TRANSFERS_MAX   16
#define DNS_SERVERS_MAX	    8	  /* that a look-up may ask */
#define DNS_TTL_DEFAULT	    86400 /* seconds */
#define DNS_FAILED_MAX_SECS 300	  /* RFC 2308 §7.1 */

/* ip host: a name of the device's own hosts table. */
struct dns_host {
	struct dns_link link;
	struct dns_name name;
	struct addr addrs[DNS_HOST_ADDRS_MAX];
	unsigned n_addrs;
};

/* One record of the server's database. */
struct dns_conf_record {
	struct dns_link link;	    /* by owner name */
	struct dns_conf_zone *zone; /* the zone section it stands in; NULL = at top level */
	struct dns_name owner;
	uint16_t type;
	bool has_ttl;
	uint32_t ttl;
	uint16_t len;
	uint8_t data[];
};

struct dns_transfer {
	struct addr net;
	uint8_t plen;
};

/* Who may transfer a zone, or update it: those listed. With an empty list hosts directly connected
 * may transfer, and nobody may update. */
struct dns_transfers {
	bool any, none, connected;
	struct dns_transfer nets[DNS_TRANSFERS_MAX];
	unsigned n_nets;
};

struct dns_conf_zone {
	struct dns_name name;
	bool section; /* ip dns zone; else ip dns primary alone */
	bool has_soa, has_serial;
	struct dns_soa soa;
	bool has_ttl;
	uint32_t ttl; /* of records without their own; else the SOA's minimum */
	struct dns_transfers transfers, updates;
};

struct dns_hint {
	struct dns_name name;
	struct addr addr;
};

struct dns_conf {
	/* resolver */
	struct addr name_servers[RESOLVER_SERVERS_MAX];
	unsigned n_name_servers;
	bool has_domain;
	struct dns_name domain;
	bool lookup;
	unsigned retry;	   /* repeats of a query */
	nsec_t timeout_ns; /* before each */
	struct dns_table hosts_by_name;
	struct dns_host **hosts; /* in the order of the configuration */
	size_t n_hosts, hosts_size;
	/* server */
	bool server, recursion;
	struct dns_table records_by_owner;
	struct dns_conf_record **records;
	size_t n_records, records_size;
	uint32_t default_ttl;
	nsec_t idle_ns;	  /* of a TCP connection */
	nsec_t failed_ns; /* in the failed queries list */
	nsec_t search_ns; /* one client's search */
	unsigned search_queries;
	uint32_t changes; /* lines of the server taken so far */
	unsigned n_zones, n_forwarders, n_hints;
	struct addr forwarders[DNS_FORWARDERS_MAX];
	/* In one block of pages, most of which stay empty. */
	struct dns_conf_zone **zones; /* DNS_ZONES_MAX */
	struct dns_hint *hints;	      /* DNS_HINTS_MAX */
};

struct dns_conf *dns_conf_new(void);
struct dns_conf *dns_conf_free(struct dns_conf *conf);
const struct dns_host *dns_conf_host(const struct dns_conf *conf, const struct dns_name *name);
struct dns_conf_zone *dns_conf_zone(const struct dns_conf *conf, const struct dns_name *name);
/* Does a line say so? */
bool dns_conf_has_record(const struct dns_conf *conf, const struct dns_name *owner, uint16_t type,
			 const uint8_t *data, size_t len);

extern const struct machine_class dns_resolver_class;
extern const struct machine_class dns_server_class;
extern const struct proto dns_proto;

extern const struct fact_kind dns_record_fact, dns_cache_fact, dns_pending_fact, dns_failed_fact;

/* Commands, run by their machines (dns_show.c, dns_nslookup.c). */
void dns_run_nslookup(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void dns_run_show_hosts(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void dns_run_clear_host(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void dns_run_displaydns(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void dns_run_flushdns(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void dns_run_show_primary(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void dns_run_show_records(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void dns_run_show_cache(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void dns_run_show_statistics(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void dns_run_clear_cache(void *machine, const struct call *call, nsec_t now, struct fx *fx);

#endif
