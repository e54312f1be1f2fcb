#include "dhcp4/dhcp4_leases.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "dhcp4/dhcp4_wire.h"

#define BUCKETS_MIN 64
#define KEY_IS_ID   1

/* --- keys --------------------------------------------------------------------------------- */

static void key_put(struct dhcp4_key *k, const void *data, size_t len)
{
	if (len > sizeof(k->bytes) - k->len)
		len = sizeof(k->bytes) - k->len;
	memcpy(k->bytes + k->len, data, len);
	k->len = (uint16_t)(k->len + len);
}

void dhcp4_key_of(const struct dhcp4_msg *m, struct dhcp4_key *ret)
{
	const struct dhcp4_opt *id = dhcp4_get(m, OPT4_CLIENT_ID);

	ret->len = 0;
	key_put(ret, &(uint8_t){ id ? KEY_IS_ID : 0 }, 1);
	if (id) {
		key_put(ret, id->data, id->len);
		return;
	}
	key_put(ret, &m->htype, 1);
	key_put(ret, m->chaddr, m->hlen);
}

void dhcp4_key_make(struct dhcp4_key *ret, const uint8_t *id, size_t id_len, const struct mac *mac)
{
	ret->len = 0;
	key_put(ret, &(uint8_t){ id_len ? KEY_IS_ID : 0 }, 1);
	if (id_len) {
		key_put(ret, id, id_len);
		return;
	}
	key_put(ret, &(uint8_t){ 1 }, 1);
	key_put(ret, mac->b, sizeof(mac->b));
}

const uint8_t *dhcp4_lease_id(const struct dhcp4_lease *lease, size_t *ret_len)
{
	if (lease->key_len == 0 || lease->key[0] != KEY_IS_ID)
		return NULL;
	*ret_len = lease->key_len - 1u;
	return lease->key + 1;
}

bool dhcp4_lease_is(const struct dhcp4_lease *lease, const struct dhcp4_key *key)
{
	return lease->key_len == key->len && memcmp(lease->key, key->bytes, key->len) == 0;
}

/* --- hash tables -------------------------------------------------------------------------- */

static size_t addr_bucket(const struct dhcp4_leases *l, uint32_t addr)
{
	return hash_mix(l->seed, addr) & (l->n_buckets - 1);
}

static size_t client_bucket(const struct dhcp4_leases *l, const uint8_t *key, size_t len)
{
	return hash_bytes(l->seed, key, len) & (l->n_buckets - 1);
}

static void hash_in(struct dhcp4_leases *l, struct dhcp4_lease *lease)
{
	size_t a = addr_bucket(l, lease->addr), c = client_bucket(l, lease->key, lease->key_len);

	lease->next_addr = l->by_addr[a];
	l->by_addr[a] = lease;
	lease->next_client = l->by_client[c];
	l->by_client[c] = lease;
}

static void hash_out(struct dhcp4_leases *l, struct dhcp4_lease *lease)
{
	struct dhcp4_lease **p = &l->by_addr[addr_bucket(l, lease->addr)];

	while (*p != lease)
		p = &(*p)->next_addr;
	*p = lease->next_addr;
	p = &l->by_client[client_bucket(l, lease->key, lease->key_len)];
	while (*p != lease)
		p = &(*p)->next_client;
	*p = lease->next_client;
}

/* New tables of this many buckets with all records in them. */
static void hash_resize(struct dhcp4_leases *l, size_t n_buckets)
{
	struct dhcp4_lease **old = l->by_addr;
	size_t n_old = l->n_buckets;

	free(l->by_client);
	l->n_buckets = n_buckets;
	l->by_addr = calloc(n_buckets, sizeof(struct dhcp4_lease *));
	l->by_client = calloc(n_buckets, sizeof(struct dhcp4_lease *));
	if (!l->by_addr || !l->by_client)
		abort();
	for (size_t i = 0; i < n_old; i++) {
		for (struct dhcp4_lease *x = old[i], *next; x; x = next) {
			next = x->next_addr;
			hash_in(l, x);
		}
	}
	free(old);
}

/* Room for every address of the pools; only while restoring is there more than that. */
static size_t buckets_for(const struct dhcp4_leases *l)
{
	size_t wanted = l->n_leases, n = BUCKETS_MIN;

	for (unsigned i = 0; i < l->n_pools; i++)
		wanted += l->pools[i]->n_total;
	while (n < wanted && n < DHCP4_LEASES_MAX)
		n *= 2;
	return n;
}

static struct dhcp4_lease *find(struct dhcp4_leases *l, uint32_t addr)
{
	struct dhcp4_lease *x = l->by_addr[addr_bucket(l, addr)];

	for (; x && x->addr != addr; x = x->next_addr)
		l->n_looks++;
	l->n_looks++;
	return x;
}

struct dhcp4_lease *dhcp4_lease_at(struct dhcp4_leases *l, uint32_t addr)
{
	struct dhcp4_lease *x = find(l, addr);

	return x && x->pool ? x : NULL;
}

/* How well a record answers "which address is this client's?" */
static unsigned usefulness(const struct dhcp4_lease *x)
{
	static const unsigned of_state[N_L4_STATES] = {
		[L4_BOUND] = 4,	  [L4_OFFERED] = 3,  [L4_PROBING] = 2,
		[L4_EXPIRED] = 1, [L4_RELEASED] = 1,
	};

	return of_state[x->state];
}

struct dhcp4_lease *dhcp4_lease_of(struct dhcp4_leases *l, const struct dhcp4_key *key,
				   uint32_t network, uint32_t mask)
{
	struct dhcp4_lease *best = NULL;

	for (struct dhcp4_lease *x = l->by_client[client_bucket(l, key->bytes, key->len)]; x;
	     x = x->next_client) {
		l->n_looks++;
		if ((x->addr & mask) != network || !dhcp4_lease_is(x, key) || !x->pool ||
		    usefulness(x) == 0)
			continue;
		if (!best || usefulness(x) > usefulness(best) ||
		    (usefulness(x) == usefulness(best) && x->since_ns > best->since_ns))
			best = x;
	}
	return best;
}

struct dhcp4_lease *dhcp4_lease_next(const struct dhcp4_leases *l, const struct dhcp4_lease *prev)
{
	size_t i = 0;

	if (prev && prev->next_addr)
		return prev->next_addr;
	if (prev)
		i = addr_bucket(l, prev->addr) + 1;
	while (i < l->n_buckets && !l->by_addr[i])
		i++;
	return i < l->n_buckets ? l->by_addr[i] : NULL;
}

/* --- a pool's addresses ------------------------------------------------------------------- */

static bool in_pool(const struct dhcp4_pool *p, uint32_t addr)
{
	return (addr & p->mask) == p->network;
}

static bool is_excluded(const struct dhcp4_leases *l, uint32_t addr)
{
	for (unsigned i = 0; i < l->n_excluded; i++)
		if (addr >= addr4_u32(&l->excluded[i].low) &&
		    addr <= addr4_u32(&l->excluded[i].high))
			return true;
	return false;
}

struct dhcp4_pool *dhcp4_pool_for(const struct dhcp4_leases *l, uint32_t addr)
{
	for (unsigned i = 0; i < l->n_pools; i++)
		if (!l->pools[i]->manual && in_pool(l->pools[i], addr))
			return l->pools[i];
	return NULL;
}

struct dhcp4_pool *dhcp4_pool_of_host(const struct dhcp4_leases *l, uint32_t addr)
{
	for (unsigned i = 0; i < l->n_pools; i++)
		if (l->pools[i]->manual && addr4_u32(&l->pools[i]->conf.host) == addr)
			return l->pools[i];
	return NULL;
}

/* Does the manual binding name this client? Its MAC address does whatever identifier is sent; an
 * identifier of hardware type and address is also met by a client that sends none. */
static bool names_client(const struct dhcp4_pool_conf *c, const struct dhcp4_key *key,
			 const struct mac *mac)
{
	if (c->has_mac && mac_equal(&c->mac, mac))
		return true;
	return c->id_len && key->len == c->id_len + 1u &&
	       memcmp(key->bytes + 1, c->id, c->id_len) == 0;
}

struct dhcp4_pool *dhcp4_pool_manual(const struct dhcp4_leases *l, const struct dhcp4_key *key,
				     const struct mac *mac, uint32_t network, uint32_t mask)
{
	for (unsigned i = 0; i < l->n_pools; i++) {
		struct dhcp4_pool *p = l->pools[i];

		if (p->manual && (addr4_u32(&p->conf.host) & mask) == network &&
		    names_client(&p->conf, key, mac))
			return p;
	}
	return NULL;
}

bool dhcp4_pool_may_lease(const struct dhcp4_leases *l, const struct dhcp4_pool *pool,
			  uint32_t addr)
{
	if (pool->manual)
		return addr4_u32(&pool->conf.host) == addr;
	return in_pool(pool, addr) && addr != pool->network &&
	       addr != (pool->network | ~pool->mask) && !is_excluded(l, addr) &&
	       !dhcp4_pool_of_host(l, addr);
}

uint32_t dhcp4_pool_pick(const struct dhcp4_pool *pool)
{
	int64_t i = pool->manual ? -1 : dhcp4_bits_first_free(&pool->taken);

	if (i >= 0)
		return pool->network + (uint32_t)i;
	return pool->free_head ? pool->free_head->addr : 0;
}

void dhcp4_pool_take(struct dhcp4_pool *pool, uint32_t addr)
{
	if (!pool->manual && in_pool(pool, addr))
		dhcp4_bits_set(&pool->taken, addr - pool->network);
}

static bool is_ended(const struct dhcp4_lease *x)
{
	return x->state == L4_EXPIRED || x->state == L4_RELEASED;
}

static void free_list_add(struct dhcp4_lease *x)
{
	struct dhcp4_pool *p = x->pool;

	x->free_next = NULL;
	x->free_prev = p->free_tail;
	if (p->free_tail)
		p->free_tail->free_next = x;
	else
		p->free_head = x;
	p->free_tail = x;
}

static void free_list_remove(struct dhcp4_lease *x)
{
	struct dhcp4_pool *p = x->pool;

	if (x->free_prev)
		x->free_prev->free_next = x->free_next;
	else
		p->free_head = x->free_next;
	if (x->free_next)
		x->free_next->free_prev = x->free_prev;
	else
		p->free_tail = x->free_prev;
	x->free_prev = x->free_next = NULL;
}

/* Enters the record into its pool's books, by its state; leave() takes it out again. */
static void enter(struct dhcp4_lease *x)
{
	if (!x->pool)
		return;
	dhcp4_pool_take(x->pool, x->addr);
	if (x->state == L4_BOUND)
		x->pool->n_bound++;
	if (is_ended(x))
		free_list_add(x);
}

static void leave(struct dhcp4_lease *x)
{
	if (x->pool && x->state == L4_BOUND)
		x->pool->n_bound--;
	if (x->pool && is_ended(x))
		free_list_remove(x);
}

/* --- records ------------------------------------------------------------------------------ */

static const char *const state_names[N_L4_STATES] = {
	[L4_NONE] = "none",	    [L4_PROBING] = "probing", [L4_OFFERED] = "offered",
	[L4_BOUND] = "bound",	    [L4_EXPIRED] = "expired", [L4_RELEASED] = "released",
	[L4_CONFLICT] = "conflict",
};

/* Where a record may go from each state; L4_BOUND to itself is a renewal. */
static const unsigned moves[N_L4_STATES] = {
	[L4_NONE] = BIT(L4_PROBING) | BIT(L4_OFFERED) | BIT(L4_BOUND) | BIT(L4_EXPIRED) |
		    BIT(L4_RELEASED) | BIT(L4_CONFLICT),
	[L4_PROBING] = BIT(L4_OFFERED) | BIT(L4_BOUND) | BIT(L4_EXPIRED) | BIT(L4_CONFLICT),
	[L4_OFFERED] = BIT(L4_OFFERED) | BIT(L4_BOUND) | BIT(L4_EXPIRED) | BIT(L4_CONFLICT),
	[L4_BOUND] = BIT(L4_BOUND) | BIT(L4_EXPIRED) | BIT(L4_RELEASED) | BIT(L4_CONFLICT),
	[L4_EXPIRED] = BIT(L4_PROBING) | BIT(L4_OFFERED) | BIT(L4_BOUND) | BIT(L4_CONFLICT),
	[L4_RELEASED] = BIT(L4_PROBING) | BIT(L4_OFFERED) | BIT(L4_BOUND) | BIT(L4_CONFLICT),
	[L4_CONFLICT] = 0,
};

const char *dhcp4_lease_state_name(enum dhcp4_lease_state state)
{
	return state_names[state];
}

bool dhcp4_lease_over(const struct dhcp4_lease *lease)
{
	return !lease || is_ended(lease);
}

void dhcp4_lease_move(struct dhcp4_leases *l, struct dhcp4_lease *lease, enum dhcp4_lease_state to,
		      nsec_t now)
{
	assert(moves[lease->state] & BIT(to));
	timer_clear(&l->timers, &lease->timer);
	leave(lease);
	lease->state = to;
	lease->since_ns = now;
	lease->cleared = false;
	if (to == L4_BOUND)
		lease->was_bound = true;
	enter(lease);
}

void dhcp4_lease_forget(struct dhcp4_leases *l, struct dhcp4_lease *lease)
{
	struct dhcp4_pool *p = lease->pool;

	timer_clear(&l->timers, &lease->timer);
	leave(lease);
	hash_out(l, lease);
	if (p && !p->manual && dhcp4_pool_may_lease(l, p, lease->addr))
		dhcp4_bits_clear(&p->taken, lease->addr - p->network);
	l->n_leases--;
	free(lease->probe);
	free(lease);
}

struct dhcp4_lease *dhcp4_lease_new(struct dhcp4_leases *l, uint32_t addr, struct dhcp4_pool *pool,
				    const struct dhcp4_key *key, const struct mac *mac)
{
	struct dhcp4_lease *old = find(l, addr), *x;

	if (old)
		dhcp4_lease_forget(l, old);
	if (l->n_leases == DHCP4_LEASES_MAX)
		return NULL;
	x = calloc(1, sizeof(*x) + key->len);
	if (!x)
		abort();
	x->addr = addr;
	x->pool = pool;
	x->mac = *mac;
	x->key_len = key->len;
	memcpy(x->key, key->bytes, key->len);
	if (l->n_leases > 4 * l->n_buckets)
		hash_resize(l, 4 * l->n_buckets);
	hash_in(l, x);
	l->n_leases++;
	return x;
}

/* --- configuration ------------------------------------------------------------------------ */

static uint32_t mask_of(unsigned plen)
{
	return plen ? UINT32_MAX << (32 - plen) : 0;
}

static void copy_conf(struct dhcp4_pool_conf *to, const struct dhcp4_pool_conf *from)
{
	*to = *from;
	to->opts = NULL;
	if (from->n_opts == 0)
		return;
	to->opts = calloc(from->n_opts, sizeof(from->opts[0]));
	if (!to->opts)
		abort();
	memcpy(to->opts, from->opts, from->n_opts * sizeof(from->opts[0]));
}

/* NULL for a pool that has neither network nor host yet. */
static struct dhcp4_pool *pool_new(const struct dhcp4_pool_conf *c)
{
	struct dhcp4_pool *p;

	if (!addr_is_set(&c->network) && !addr_is_set(&c->host))
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p)
		abort();
	copy_conf(&p->conf, c);
	p->manual = addr_is_set(&c->host);
	p->mask = mask_of(p->manual ? c->host_plen : c->plen);
	p->network = addr4_u32(p->manual ? &c->host : &c->network) & p->mask;
	if (!p->manual)
		dhcp4_bits_init(&p->taken, ~p->mask + 1);
	return p;
}

static void pool_free(struct dhcp4_pool *p)
{
	free(p->conf.opts);
	dhcp4_bits_done(&p->taken);
	free(p);
}

static void take_range(struct dhcp4_pool *p, const struct dhcp4_range *r)
{
	uint32_t low = addr4_u32(&r->low), high = addr4_u32(&r->high);
	uint32_t last = p->network | ~p->mask;

	if (high < p->network || low > last)
		return;
	dhcp4_bits_set_range(&p->taken, low > p->network ? low - p->network : 0,
			     (high < last ? high : last) - p->network);
}

/* Marks what the pool never leases and counts the rest. A manual binding without a mask of its own
 * has that of the network around it, else that of its class. */
static void pool_prepare(const struct dhcp4_leases *l, struct dhcp4_pool *p)
{
	const struct dhcp4_pool *around;

	if (p->manual) {
		around = dhcp4_pool_for(l, addr4_u32(&p->conf.host));
		if (p->conf.host_plen == 0)
			p->mask = around		    ? around->mask
				  : p->conf.host.b[0] < 128 ? mask_of(8)
				  : p->conf.host.b[0] < 192 ? mask_of(16)
							    : mask_of(24);
		p->network = addr4_u32(&p->conf.host) & p->mask;
		p->n_total = 1;
		return;
	}
	dhcp4_bits_set(&p->taken, 0);
	dhcp4_bits_set(&p->taken, ~p->mask);
	for (unsigned i = 0; i < l->n_excluded; i++)
		take_range(p, &l->excluded[i]);
	for (unsigned i = 0; i < l->n_pools; i++)
		if (l->pools[i]->manual)
			dhcp4_pool_take(p, addr4_u32(&l->pools[i]->conf.host));
	p->n_total = p->taken.n - dhcp4_bits_count(&p->taken);
}

/* The pool that a record belongs to now; one in use may stay on an address excluded since. */
static struct dhcp4_pool *pool_of_record(const struct dhcp4_leases *l, const struct dhcp4_lease *x)
{
	struct dhcp4_pool *p = dhcp4_pool_of_host(l, x->addr);

	return p ? p : dhcp4_pool_for(l, x->addr);
}

void dhcp4_leases_configure(struct dhcp4_leases *l, const struct dhcp4_conf *conf)
{
	struct dhcp4_pool **old = l->pools;
	unsigned n_old = l->n_pools;

	l->pools = calloc(conf->n_pools + 1u, sizeof(struct dhcp4_pool *));
	if (!l->pools)
		abort();
	l->n_pools = 0;
	for (unsigned i = 0; i < conf->n_pools; i++) {
		struct dhcp4_pool *p = pool_new(conf->pools[i]);

		if (p)
			l->pools[l->n_pools++] = p;
	}
	l->n_excluded = conf->n_excluded;
	memcpy(l->excluded, conf->excluded, conf->n_excluded * sizeof(conf->excluded[0]));
	for (unsigned i = 0; i < l->n_pools; i++)
		pool_prepare(l, l->pools[i]);
	hash_resize(l, buckets_for(l));
	for (struct dhcp4_lease *x = dhcp4_lease_next(l, NULL); x; x = dhcp4_lease_next(l, x)) {
		x->free_prev = x->free_next = NULL;
		x->pool = pool_of_record(l, x);
		enter(x);
	}
	for (unsigned i = 0; i < n_old; i++)
		pool_free(old[i]);
	free(old);
}

void dhcp4_leases_init(struct dhcp4_leases *l, uint64_t seed)
{
	*l = (struct dhcp4_leases){ .seed = seed };
	hash_resize(l, BUCKETS_MIN);
}

void dhcp4_leases_done(struct dhcp4_leases *l)
{
	struct dhcp4_lease *next;

	for (struct dhcp4_lease *x = dhcp4_lease_next(l, NULL); x; x = next) {
		next = dhcp4_lease_next(l, x);
		dhcp4_lease_forget(l, x);
	}
	for (unsigned i = 0; i < l->n_pools; i++)
		pool_free(l->pools[i]);
	free(l->pools);
	free(l->by_addr);
	free(l->by_client);
	timers_done(&l->timers);
}
