#include "dns/dns_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fx.h"
#include "base/hash.h"
#include "base/sbuf.h"
#include "dns/dns.h"

enum { FLUSH_FACTS = 1024 };

void dns_cache_init(struct dns_cache *c, const char *role, uint64_t seed, struct timer_heap *timers)
{
	*c = (struct dns_cache){ .seed = seed, .role = role, .timers = timers };
}

static uint64_t entry_hash(const struct dns_cache *c, const struct dns_name *name, uint16_t type)
{
	return hash_mix(dns_name_hash(c->seed, name), type);
}

static struct dns_entry *find(const struct dns_cache *c, const struct dns_name *name, uint16_t type)
{
	struct dns_link *l = dns_table_first(&c->table, entry_hash(c, name, type));

	for (; l; l = dns_table_next(l)) {
		struct dns_entry *e = (struct dns_entry *)(void *)l;

		if (e->type == type && dns_name_equal(&e->name, name))
			return e;
	}
	return NULL;
}

static const struct dns_entry *alive(const struct dns_entry *e, nsec_t now)
{
	return e && e->expires_ns >= now ? e : NULL;
}

const struct dns_entry *dns_cache_get(const struct dns_cache *c, nsec_t now,
				      const struct dns_name *name, uint16_t type)
{
	const struct dns_entry *e;

	if (!c->table.n)
		return NULL;
	e = alive(find(c, name, type), now);
	return e ? e : alive(find(c, name, 0), now);
}

uint32_t dns_entry_ttl(const struct dns_entry *e, nsec_t now)
{
	return e->expires_ns > now ? (uint32_t)((e->expires_ns - now) / SEC) : 0;
}

/* --- facts --- */

static const char *kind_text(enum dns_entry_kind kind)
{
	switch (kind) {
	case DNS_POSITIVE:
		return "record";
	case DNS_NODATA:
		return "no such type";
	case DNS_NX:
		return "no such name";
	}
	return "";
}

/* One fact a record; |data| NULL for a negative entry. */
static void fact(const struct dns_cache *c, struct fx *fx, const struct dns_entry *e,
		 const struct dns_record *r, const char *why)
{
	struct sbuf key = SBUF(VAL_TEXT_MAX + DNS_TEXT_LEN + 64);
	char name[DNS_TEXT_LEN], type[12];
	const char *data = NULL, *what = e->type ? dns_type_text(e->type, type) : "*";
	size_t at;

	(void)sbuf_printf(&key, "%s %s %s", c->role, dns_name_text(&e->name, name), what);
	at = key.len + 1;
	if (r) {
		(void)sbuf_puts(&key, " ");
		dns_rdata_text(e->type, r->data, r->len, &key);
		data = sbuf_text(&key) + at;
	}
	if (why)
		fx_fact_end(fx, &dns_cache_fact, sbuf_text(&key), why);
	else
		fact_begin(fx, &dns_cache_fact, sbuf_text(&key), V_TEXT("role", c->role),
			   V_TEXT("name", name), V_TEXT("type", what),
			   V_TEXT("state", kind_text(e->kind)), V_TEXT("data", data),
			   V_TIME("expires", e->expires_ns));
	sbuf_done(&key);
}

/* |why| NULL: they begin. */
static void facts(const struct dns_cache *c, struct fx *fx, const struct dns_entry *e,
		  const char *why)
{
	struct dns_record r;
	size_t pos = 0;

	if (e->kind != DNS_POSITIVE) {
		fact(c, fx, e, NULL, why);
		return;
	}
	while (dns_rrset_next(&e->set, &pos, &r))
		fact(c, fx, e, &r, why);
}

/* --- entries --- */

/* |fx| NULL when the machine ends: nothing is told any more. */
static void entry_free(struct dns_cache *c, struct fx *fx, struct dns_entry *e, const char *why)
{
	if (fx && e->shown)
		facts(c, fx, e, why);
	timer_clear(c->timers, &e->timer.t);
	dns_table_del(&c->table, &e->link);
	if (e->prev)
		e->prev->next = e->next;
	else
		c->first = e->next;
	if (e->next)
		e->next->prev = e->prev;
	else
		c->last = e->prev;
	dns_rrset_done(&e->set);
	free(e);
}

void dns_cache_done(struct dns_cache *c)
{
	while (c->first)
		entry_free(c, NULL, c->first, NULL);
	dns_table_done(&c->table);
}

static struct dns_entry *entry_new(struct dns_cache *c, struct fx *fx, const struct dns_name *name,
				   uint16_t type)
{
	struct dns_entry *e;

	if (c->table.n >= DNS_CACHE_MAX)
		entry_free(c, fx, c->first, "the cache is full");
	e = dns_alloc(sizeof(*e));
	e->timer.kind = DNS_TIMER_CACHE;
	e->name = *name;
	e->type = type;
	e->prev = c->last;
	if (c->last)
		c->last->next = e;
	else
		c->first = e;
	c->last = e;
	dns_table_add(&c->table, &e->link, entry_hash(c, name, type));
	return e;
}

/* The timer is one tick late, so that the entry still serves the instant at which it ends. */
static void start(struct dns_cache *c, struct fx *fx, nsec_t now, struct dns_entry *e, uint32_t ttl)
{
	e->expires_ns = now + ttl * SEC;
	timer_set(c->timers, &e->timer.t, e->expires_ns + 1);
	e->shown = ttl > 0;
	if (e->shown)
		facts(c, fx, e, NULL);
}

static void forget(struct dns_cache *c, struct fx *fx, const struct dns_name *name, uint16_t type)
{
	struct dns_entry *e = find(c, name, type);

	if (e)
		entry_free(c, fx, e, "replaced");
}

bool dns_cache_put(struct dns_cache *c, struct fx *fx, nsec_t now, const struct dns_name *name,
		   enum dns_rank rank, struct dns_rrset *set)
{
	const struct dns_entry *old = alive(find(c, name, set->type), now);
	uint32_t ttl = set->ttl < DNS_CACHE_TTL_MAX ? set->ttl : DNS_CACHE_TTL_MAX;
	struct dns_entry *e;

	if (old && old->kind == DNS_POSITIVE && old->rank > rank) {
		dns_rrset_done(set);
		return false;
	}
	forget(c, fx, name, set->type);
	forget(c, fx, name, 0); /* the name exists after all */
	e = entry_new(c, fx, name, set->type);
	e->kind = DNS_POSITIVE;
	e->rank = rank;
	e->set = *set;
	*set = (struct dns_rrset){ 0 };
	start(c, fx, now, e, ttl);
	return true;
}

void dns_cache_put_negative(struct dns_cache *c, struct fx *fx, nsec_t now,
			    const struct dns_name *name, uint16_t type, enum dns_entry_kind kind,
			    const struct dns_name *soa_owner, struct dns_rrset *soa, uint32_t ttl)
{
	struct dns_entry *e;

	type = kind == DNS_NX ? 0 : type;
	forget(c, fx, name, type);
	e = entry_new(c, fx, name, type);
	e->kind = kind;
	e->rank = DNS_RANK_ANSWER;
	e->set = *soa;
	*soa = (struct dns_rrset){ 0 };
	if (e->set.n)
		e->soa_owner = *soa_owner;
	start(c, fx, now, e, ttl < DNS_CACHE_NEG_MAX ? ttl : DNS_CACHE_NEG_MAX);
}

unsigned dns_cache_expire(struct dns_cache *c, struct fx *fx, struct dns_timer *timer)
{
	struct dns_entry *e = dns_timer_owner(timer, struct dns_entry);
	char name[DNS_TEXT_LEN], type[12];
	unsigned n = 1u + e->set.n;

	if (e->shown && !e->cleared)
		decide(fx, "dns.cache.expiry", V_TEXT("role", c->role),
		       V_TEXT("name", dns_name_text(&e->name, name)),
		       V_TEXT("type", e->type ? dns_type_text(e->type, type) : "any"));
	entry_free(c, fx, e, e->cleared ? "cleared" : "its TTL ran out");
	return n;
}

/* Still there, but for nobody. */
static void clear_later(struct dns_cache *c, struct dns_entry *e, nsec_t now)
{
	e->cleared = true;
	e->expires_ns = -1;
	timer_set(c->timers, &e->timer.t, now);
}

size_t dns_cache_flush(struct dns_cache *c, struct fx *fx, nsec_t now, const struct dns_name *name)
{
	size_t n = 0, n_facts = 0;

	for (struct dns_entry *e = c->first, *next; e; e = next) {
		next = e->next;
		if (e->cleared || (name && !dns_name_equal(&e->name, name)))
			continue;
		n++;
		n_facts += 1u + e->set.n;
		if (n_facts <= FLUSH_FACTS)
			entry_free(c, fx, e, "cleared");
		else
			clear_later(c, e, now);
	}
	return n;
}
