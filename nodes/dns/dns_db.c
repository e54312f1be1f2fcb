#include "dns/dns_db.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct dns_db *dns_db_new(uint64_t seed)
{
	struct dns_db *db = dns_alloc(sizeof(*db));

	db->seed = seed;
	return db;
}

static void node_free(struct dns_node *node)
{
	for (unsigned i = 0; i < node->n_sets; i++)
		dns_rrset_done(&node->sets[i]);
	free(node->sets);
	free(node);
}

struct dns_db *dns_db_free(struct dns_db *db)
{
	if (!db)
		return NULL;
	for (size_t i = 0; i < db->n_nodes; i++)
		node_free(db->nodes[i]);
	free(db->nodes);
	dns_table_done(&db->table);
	free(db);
	return NULL;
}

static struct dns_node *find_hashed(const struct dns_db *db, const struct dns_name *name,
				    uint64_t hash)
{
	struct dns_link *l = dns_table_first(&db->table, hash);

	for (; l; l = dns_table_next(l)) {
		struct dns_node *node = (struct dns_node *)(void *)l;

		if (dns_name_equal(&node->name, name))
			return node;
	}
	return NULL;
}

struct dns_node *dns_db_find(const struct dns_db *db, const struct dns_name *name)
{
	return db->table.n ? find_hashed(db, name, dns_name_hash(db->seed, name)) : NULL;
}

const struct dns_node *dns_db_closest(const struct dns_db *db, const struct dns_name *name)
{
	const struct dns_node *node = dns_db_find(db, name);
	struct dns_name up;

	if (node || !db->table.n)
		return node;
	up = *name;
	while (!node && dns_name_parent(&up, &up))
		node = dns_db_find(db, &up);
	return node;
}

const struct dns_node *dns_db_wildcard(const struct dns_db *db, const struct dns_node *encloser)
{
	struct dns_name star = { .len = 3, .b = { 1, '*' } };

	if (dns_name_append(&star, &encloser->name))
		return NULL;
	return dns_db_find(db, &star);
}

static struct dns_node *node_new(struct dns_db *db, const struct dns_name *name, uint64_t hash)
{
	struct dns_node *node = dns_alloc(sizeof(*node));

	node->name = *name;
	if (db->n_nodes == db->nodes_size) {
		db->nodes_size = db->nodes_size ? 2 * db->nodes_size : 64;
		db->nodes = dns_realloc(db->nodes, db->nodes_size * sizeof(struct dns_node *));
	}
	db->nodes[db->n_nodes++] = node;
	dns_table_add(&db->table, &node->link, hash);
	return node;
}

/* The node of this name, made together with all above it; NULL when there are too many. */
static struct dns_node *node_get(struct dns_db *db, const struct dns_name *name)
{
	struct dns_name up = *name;
	struct dns_node *first = NULL, *below = NULL;

	do {
		uint64_t hash = dns_name_hash(db->seed, &up);
		struct dns_node *node = find_hashed(db, &up, hash);
		bool known = node != NULL;

		if (!known && db->n_nodes >= DNS_NODES_MAX)
			return NULL;
		if (!known)
			node = node_new(db, &up, hash);
		if (below)
			below->parent = node;
		if (!first)
			first = node;
		if (known)
			break;
		below = node;
	} while (dns_name_parent(&up, &up));
	return first;
}

struct dns_rrset *dns_node_set(const struct dns_node *node, uint16_t type)
{
	for (unsigned i = 0; i < node->n_sets; i++)
		if (node->sets[i].type == type)
			return &node->sets[i];
	return NULL;
}

static struct dns_rrset *set_get(struct dns_node *node, uint16_t type)
{
	struct dns_rrset *set = dns_node_set(node, type);

	if (set || node->n_sets >= DNS_NODE_SETS_MAX)
		return set;
	node->sets = dns_realloc(node->sets, (node->n_sets + 1) * sizeof(*node->sets));
	set = &node->sets[node->n_sets++];
	*set = (struct dns_rrset){ .type = type };
	return set;
}

int dns_db_add(struct dns_db *db, const struct dns_name *owner, uint16_t type, const uint32_t *ttl,
	       const uint8_t *data, size_t len)
{
	struct dns_node *node = node_get(db, owner);
	struct dns_rrset *set = node ? set_get(node, type) : NULL;
	int err = set ? dns_rrset_add(set, data, len) : -ENOSPC;

	if (set && ttl)
		dns_rrset_set_ttl(set, *ttl);
	if (!err)
		db->n_records++;
	return err;
}

/* RFC 2308 §3 and §4: a negative answer lives for the lower of the SOA's TTL and its minimum. */
static void read_apex(struct dns_node *node, const struct dns_rrset *set)
{
	struct dns_record r = { 0 };
	struct dns_soa soa;
	size_t pos = 0;

	if (!dns_rrset_next(set, &pos, &r) || !dns_soa_read(r.data, r.len, &soa))
		return;
	node->minimum = soa.minimum;
	node->neg_ttl = set->has_ttl && set->ttl < soa.minimum ? set->ttl : soa.minimum;
}

/* Up from the node to its apex; the last delegation met on the way is the one that counts, since
 * what lies below it is no longer this zone's. */
static void link_node(struct dns_node *node)
{
	struct dns_node *at = node;

	node->apex = node->cut = NULL;
	for (; at; at = at->parent) {
		if (dns_node_set(at, DNS_SOA)) {
			node->apex = at;
			return;
		}
		if (dns_node_set(at, DNS_NS))
			node->cut = at;
	}
}

void dns_db_link(struct dns_db *db)
{
	db->n_zones = 0;
	for (size_t i = 0; i < db->n_nodes; i++) {
		const struct dns_rrset *soa = dns_node_set(db->nodes[i], DNS_SOA);

		if (soa)
			read_apex(db->nodes[i], soa);
		db->n_zones += soa != NULL;
		link_node(db->nodes[i]);
	}
}

uint32_t dns_node_ttl(const struct dns_node *node, const struct dns_rrset *set, uint32_t otherwise)
{
	if (set->has_ttl)
		return set->ttl;
	return node->apex ? node->apex->minimum : otherwise;
}
