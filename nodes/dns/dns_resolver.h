/* dns_resolver.h: the inside of the machine dns.resolver, shared by its files.
 *
 * A look-up is one wish of another machine (ASK_RESOLVE) or of a person (nslookup): up to two
 * spellings of the name (with and without the domain suffix), each asked of the servers in turn,
 * one query at a time. It ends in exactly one of answered(), failed() of dns_resolver.c, which tell
 * whoever asked. At most DNS_LOOKUPS_MAX wait at once. */
#ifndef LABD_DNS_RESOLVER_H
#define LABD_DNS_RESOLVER_H

#include "dns/dns.h"
#include "dns/dns_cache.h"
#include "dns/dns_query.h"
#include "dns/dns_rrset.h"

#define DNS_LOOKUPS_MAX 64
#define DNS_CHAIN_MAX	16 /* links of a chain of CNAMEs */

enum dns_lookup_kind {
	DNS_FOR_ASK,	  /* id: of the ask */
	DNS_FOR_NSLOOKUP, /* id: of the command */
	DNS_FOR_SERVER,	  /* the same: the address of the server that nslookup was told to ask */
};

struct dns_lookup {
	unsigned slot;
	enum dns_lookup_kind kind;
	uint32_t id;
	char text[ASK_NAME_MAX]; /* as asked for */
	/* DNS_FOR_NSLOOKUP: the server as it was typed, "" = the default one. DNS_FOR_SERVER: the
	 * name to be asked for once the server's address is known, and its type. */
	char other[ASK_NAME_MAX];
	uint16_t other_type;
	uint16_t type;
	bool direct; /* neither hosts table nor cache, as nslookup does */
	bool reverse;
	struct addr reverse_addr;
	struct dns_name names[2];
	unsigned n_names, at_name;
	struct addr servers[DNS_SERVERS_MAX];
	unsigned n_servers, at_server;
	struct dns_query *query;
	int err; /* of the name tried last: negative errno */
	char why[ANSWER_WHY_MAX];
	bool pending; /* a fact says that it waits */
};

struct dns_resolver {
	const struct device *dev;
	const struct dns_conf *conf;
	struct timer_heap timers;
	struct dns_cache cache;
	struct dns_asker asker;
	struct dns_lookup *lookups[DNS_LOOKUPS_MAX];
	struct fx_resolver told; /* the servers we gave the device last */
	uint16_t nslookup_type;
};

/* dns_resolver.c. NULL when too many wait. */
struct dns_lookup *dns_lookup_new(struct dns_resolver *r, enum dns_lookup_kind kind, uint32_t id,
				  const char *text, uint16_t type);
void dns_lookup_start(struct dns_resolver *r, struct dns_lookup *l, nsec_t now, struct fx *fx);
/* The servers to ask by default, in order. */
unsigned dns_default_servers(const struct dns_resolver *r, struct addr out[static DNS_SERVERS_MAX]);
/* The domain suffix; false when there is none. */
bool dns_default_domain(const struct dns_resolver *r, struct dns_name *ret);

/* dns_hosts.c */
/* Fills l->names. 0, or -EINVAL with the decision made and the reason in *reterr. */
int dns_names_to_try(const struct dns_resolver *r, struct dns_lookup *l, struct fx *fx,
		     const char **reterr);
/* An address needs no look-up (RFC 1123 §2.1); ip host is this device's hosts table. Why it is the
 * answer, or NULL. */
const char *dns_answer_without_query(const struct dns_resolver *r, const struct dns_lookup *l,
				     struct answer *a);

/* dns_nslookup.c: what nslookup prints. |m| NULL: the look-up failed before any response. */
void dns_nslookup_answered(struct dns_resolver *r, struct dns_lookup *l, const struct dns_msg *m,
			   struct fx *fx);
void dns_nslookup_failed(struct dns_resolver *r, struct dns_lookup *l, struct fx *fx);
/* The server's name is resolved (or not, then |a| is NULL): go on. */
void dns_nslookup_server(struct dns_resolver *r, struct dns_lookup *l, const struct addr *a,
			 nsec_t now, struct fx *fx);

/* dns_answer.c: reading answers. */

/* Fills |a| from records of |type|: addresses, the name of a PTR, the exchanges of an MX. */
void dns_answer_fill(struct answer *a, const struct dns_rrset *set, const struct dns_name *owner,
		     nsec_t ttl_ns);
/* Follows the aliases in the answer section from |name| and puts each step into the cache. 0 with
 * |a| filled, or -ENODATA when no record of the type stands at their end. */
int dns_answer_read(struct dns_cache *c, const struct dns_msg *m, const struct dns_name *name,
		    uint16_t type, nsec_t now, struct fx *fx, struct answer *a);
/* The same from the cache alone. */
int dns_answer_cached(const struct dns_cache *c, const struct dns_name *name, uint16_t type,
		      nsec_t now, struct answer *a);

#endif
