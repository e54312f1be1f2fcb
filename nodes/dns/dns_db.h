/* dns_db.h: the local database of a DNS server: every record of its configuration, by name.
 *
 * One tree holds all zones. Names above a record exist as nodes without records, up to the root. A
 * node with an SOA is the apex of a zone; a node with NS records and no SOA is a delegation. Each
 * node knows the zone it is in and the highest delegation at or above it within that zone, so that
 * a query costs one look-up when its name exists and one a label when it does not.
 *
 * The database owns everything in it. It is built once from the configuration, then read. */
#ifndef LABD_DNS_DB_H
#define LABD_DNS_DB_H

#include "dns/dns_rrset.h"
#include "dns/dns_table.h"

#define DNS_NODE_SETS_MAX 32
#define DNS_NODES_MAX	  131072

/* The name is last: what a query looks at lies together in front of it. */
struct dns_node {
	struct dns_link link;
	struct dns_rrset *sets;
	unsigned n_sets;
	uint32_t minimum, neg_ttl; /* an apex: seconds, from its SOA */
	struct dns_node *apex;	   /* of its zone; NULL = in no zone */
	struct dns_node *cut;	   /* the delegation it lies at or below; NULL = none */
	struct dns_node *parent;   /* NULL only for the root */
	struct dns_name name;
};

struct dns_db {
	uint64_t seed;
	struct dns_table table;
	struct dns_node **nodes; /* in the order of the configuration */
	size_t n_nodes, nodes_size;
	size_t n_zones, n_records;
};

struct dns_db *dns_db_new(uint64_t seed);
struct dns_db *dns_db_free(struct dns_db *db);
/* Adds one record. |ttl| NULL = the zone's. 0, -EEXIST, or -ENOSPC. */
int dns_db_add(struct dns_db *db, const struct dns_name *owner, uint16_t type, const uint32_t *ttl,
	       const uint8_t *data, size_t len);
/* Finds zones and delegations; MUST follow the last dns_db_add(). */
void dns_db_link(struct dns_db *db);

struct dns_node *dns_db_find(const struct dns_db *db, const struct dns_name *name);
/* The node of the name, or the nearest one above it. NULL when nothing is there, not even the root.
 */
const struct dns_node *dns_db_closest(const struct dns_db *db, const struct dns_name *name);
/* The wildcard that answers for names below |encloser| which do not exist (RFC 4592 §3.3.1). */
const struct dns_node *dns_db_wildcard(const struct dns_db *db, const struct dns_node *encloser);
struct dns_rrset *dns_node_set(const struct dns_node *node, uint16_t type);
/* Seconds that a record of this set lives in somebody's cache. */
uint32_t dns_node_ttl(const struct dns_node *node, const struct dns_rrset *set, uint32_t otherwise);

#endif
