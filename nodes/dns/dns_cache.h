/* dns_cache.h: what others said, for as long as they said it holds.
 *
 * An entry is all records of one name and type, or the knowledge that there are none: NODATA for a
 * type, NXDOMAIN for all types of a name, each with the SOA that came with it (RFC 2308 §5).
 * Entries live until expires_ns, that very instant included, so that even TTL 0 serves the question
 * it answered. Better sources replace worse ones, never the reverse (RFC 2181 §5.4.1).
 *
 * The cache owns its entries and puts them into the machine's timer heap; when a timer of kind
 * DNS_TIMER_CACHE is due the machine calls dns_cache_expire(). Each record is a dns_cache fact. */
#ifndef LABD_DNS_CACHE_H
#define LABD_DNS_CACHE_H

#include "dns/dns_rrset.h"
#include "dns/dns_table.h"
#include "dns/dns_timer.h"

struct fx;

#define DNS_CACHE_MAX	  4096
#define DNS_CACHE_TTL_MAX 604800 /* seconds: a week, as other servers do */
#define DNS_CACHE_NEG_MAX 10800	 /* RFC 2308 §5: one to three hours */

enum dns_rank { DNS_RANK_GLUE, DNS_RANK_AUTHORITY, DNS_RANK_ANSWER };
enum dns_entry_kind { DNS_POSITIVE, DNS_NODATA, DNS_NX };

struct dns_entry {
	struct dns_link link;
	struct dns_timer timer;
	struct dns_entry *prev, *next; /* all entries, oldest first */
	enum dns_entry_kind kind;
	enum dns_rank rank;
	struct dns_name name;
	uint16_t type; /* 0 of DNS_NX */
	nsec_t expires_ns;
	struct dns_rrset set;	   /* negative: the SOA, or empty */
	struct dns_name soa_owner; /* negative */
	bool shown;		   /* a fact says that it is here */
	bool cleared;		   /* by a person: it is dead, and waits to be freed */
};

struct dns_cache {
	uint64_t seed;
	const char *role; /* "client", "server"; begins the key of its facts */
	struct timer_heap *timers;
	struct dns_table table;
	struct dns_entry *first, *last;
};

void dns_cache_init(struct dns_cache *c, const char *role, uint64_t seed,
		    struct timer_heap *timers);
void dns_cache_done(struct dns_cache *c);
/* The unexpired entry for exactly this name and type; NXDOMAIN of the name serves every type. */
const struct dns_entry *dns_cache_get(const struct dns_cache *c, nsec_t now,
				      const struct dns_name *name, uint16_t type);
/* Takes over |set| (also when it keeps what it has). True when it is in the cache now. */
bool dns_cache_put(struct dns_cache *c, struct fx *fx, nsec_t now, const struct dns_name *name,
		   enum dns_rank rank, struct dns_rrset *set);
/* |soa| may be empty: known for this instant only. Takes it over. |ttl| in seconds. */
void dns_cache_put_negative(struct dns_cache *c, struct fx *fx, nsec_t now,
			    const struct dns_name *name, uint16_t type, enum dns_entry_kind kind,
			    const struct dns_name *soa_owner, struct dns_rrset *soa, uint32_t ttl);
/* The decision dns.cache.expiry, then it is gone. How many facts ended by it. */
unsigned dns_cache_expire(struct dns_cache *c, struct fx *fx, struct dns_timer *timer);
/* Entries of this name, or all (NULL) are dead; how many there were. A turn's list of effects has
 * an end: of many the last are freed by their timers, which are due at once. */
size_t dns_cache_flush(struct dns_cache *c, struct fx *fx, nsec_t now, const struct dns_name *name);
/* Seconds left, rounded down. */
uint32_t dns_entry_ttl(const struct dns_entry *e, nsec_t now);

#endif
