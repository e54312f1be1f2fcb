/* dns_conf.h: the parts of the configuration language, shared by the files that make it up.
 *
 *   dns_conf.c        the object, the resolver's lines, the protocol's tables
 *   dns_conf_record.c the server's lines: records
 *   dns_conf_zone.c   the server's lines: zones, whom to ask, limits
 *
 * A line's handler changes the object or refuses with a sentence in call->reterr. */
#ifndef LABD_DNS_CONF_H
#define LABD_DNS_CONF_H

#include "base/sbuf.h"
#include "dns/dns.h"

/* A name from the i-th argument, relative to |origin|. */
int dns_arg_name(const struct call *call, unsigned i, const struct dns_name *origin,
		 struct dns_name *ret);

/* Adds (or, in the "no" form, takes away) the addresses from the |first| argument on. */
int dns_change_addrs(struct addr *list, unsigned *n, unsigned max, unsigned first,
		     const struct call *call);

#define DNS_IDLE_DEFAULT	   10 /* seconds */
#define DNS_FAILED_DEFAULT	   30
#define DNS_SEARCH_DEFAULT	   8 /* less than the 9 that a client of ours waits */
#define DNS_SEARCH_QUERIES_DEFAULT 40

/* dns_conf_record.c */
int dns_set_zone_record(void *conf, const struct call *call);
int dns_set_record(void *conf, const struct call *call);
int dns_set_host_ns(void *conf, const struct call *call);
int dns_set_host_mx(void *conf, const struct call *call);
int dns_set_host_srv(void *conf, const struct call *call);
/* The zone in whose section the line stands. */
struct dns_conf_zone *dns_section_zone(const struct dns_conf *conf, const struct call *call);
bool dns_conf_is_alias(const struct dns_conf *conf, const struct dns_name *name);
/* All records of one section; NULL: those at top level. */
void dns_conf_remove_records(struct dns_conf *conf, const struct dns_conf_zone *zone);

/* dns_conf_zone.c */
int dns_set_server(void *conf, const struct call *call);
int dns_set_primary(void *conf, const struct call *call);
int dns_set_zone(void *conf, const struct call *call);
int dns_set_zone_soa(void *conf, const struct call *call);
int dns_set_zone_ttl(void *conf, const struct call *call);
int dns_set_zone_transfer(void *conf, const struct call *call);
int dns_set_zone_update(void *conf, const struct call *call);
int dns_set_forwarder(void *conf, const struct call *call);
int dns_set_root_hint(void *conf, const struct call *call);
int dns_set_recursion(void *conf, const struct call *call);
int dns_set_default_ttl(void *conf, const struct call *call);
int dns_set_idle(void *conf, const struct call *call);
int dns_set_failed(void *conf, const struct call *call);
int dns_set_search_limit(void *conf, const struct call *call);
void dns_conf_done_zones(struct dns_conf *conf);

#endif
