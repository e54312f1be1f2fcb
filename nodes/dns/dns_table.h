/* dns_table.h: a hash table of objects that embed their link.
 *
 * The table owns only its array of buckets; the objects are the caller's, who also compares keys:
 * dns_table_first() and dns_table_next() give the objects whose hash is equal. Hashes come from
 * hash_bytes() under a seed, so that hostile names do not collide on purpose. Grows by doubling;
 * the caller bounds the number of objects. */
#ifndef LABD_DNS_TABLE_H
#define LABD_DNS_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct dns_link {
	struct dns_link *next;
	uint64_t hash;
};

struct dns_table {
	struct dns_link **buckets;
	size_t n_buckets; /* 0 or a power of two */
	size_t n;
};

void dns_table_add(struct dns_table *t, struct dns_link *link, uint64_t hash);
void dns_table_del(struct dns_table *t, struct dns_link *link);
struct dns_link *dns_table_first(const struct dns_table *t, uint64_t hash);
struct dns_link *dns_table_next(const struct dns_link *link);
void dns_table_done(struct dns_table *t);

/* Memory that is there or the node ends; labd starts it again. */
void *dns_alloc(size_t size);
void *dns_realloc(void *p, size_t size);

#endif
