#include "dns/dns_table.h"

#include <stdlib.h>

enum { BUCKETS_FIRST = 64 };

void *dns_alloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		abort();
	return p;
}

void *dns_realloc(void *p, size_t size)
{
	p = realloc(p, size);
	if (!p)
		abort();
	return p;
}

static void put(struct dns_table *t, struct dns_link *link)
{
	struct dns_link **bucket = &t->buckets[link->hash & (t->n_buckets - 1)];

	link->next = *bucket;
	*bucket = link;
}

static void grow(struct dns_table *t)
{
	struct dns_link **old = t->buckets;
	size_t n_old = t->n_buckets;

	t->n_buckets = n_old ? 2 * n_old : BUCKETS_FIRST;
	t->buckets = dns_alloc(t->n_buckets * sizeof(*t->buckets));
	for (size_t i = 0; i < n_old; i++) {
		while (old[i]) {
			struct dns_link *link = old[i];

			old[i] = link->next;
			put(t, link);
		}
	}
	free(old);
}

void dns_table_add(struct dns_table *t, struct dns_link *link, uint64_t hash)
{
	if (t->n >= t->n_buckets)
		grow(t);
	link->hash = hash;
	put(t, link);
	t->n++;
}

void dns_table_del(struct dns_table *t, struct dns_link *link)
{
	struct dns_link **at = &t->buckets[link->hash & (t->n_buckets - 1)];

	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
	link->next = NULL;
	t->n--;
}

static struct dns_link *with_hash(struct dns_link *link, uint64_t hash)
{
	while (link && link->hash != hash)
		link = link->next;
	return link;
}

struct dns_link *dns_table_first(const struct dns_table *t, uint64_t hash)
{
	return t->n ? with_hash(t->buckets[hash & (t->n_buckets - 1)], hash) : NULL;
}

struct dns_link *dns_table_next(const struct dns_link *link)
{
	return with_hash(link->next, link->hash);
}

void dns_table_done(struct dns_table *t)
{
	free(t->buckets);
	*t = (struct dns_table){ 0 };
}
