#include "dns/dns_resolver.h"

#include <errno.h>
#include <string.h>

static void name_into(char *out, size_t size, const struct dns_name *name)
{
	char text[DNS_TEXT_LEN];

	(void)str_copy(out, size, dns_name_text(name, text));
}

/* Lowest preference first (RFC 5321 §5.1); equal ones in the order of the answer. */
static void add_mx(struct answer *a, const struct dns_record *r)
{
	uint16_t preference = (uint16_t)(r->data[0] << 8 | r->data[1]);
	struct dns_name exchange;
	unsigned at = 0;

	if (a->resolve.n_mx == ANSWER_MX_MAX || !dns_rdata_name(DNS_MX, r->data, r->len, &exchange))
		return;
	while (at < a->resolve.n_mx && a->resolve.mx[at].preference <= preference)
		at++;
	memmove(&a->resolve.mx[at + 1], &a->resolve.mx[at],
		(a->resolve.n_mx - at) * sizeof(a->resolve.mx[0]));
	a->resolve.mx[at].preference = preference;
	name_into(a->resolve.mx[at].name, sizeof(a->resolve.mx[at].name), &exchange);
	a->resolve.n_mx++;
}

static void add_record(struct answer *a, uint16_t type, const struct dns_record *r)
{
	struct dns_name name;
	struct addr addr;

	if (dns_rdata_addr(type, r->data, r->len, &addr)) {
		if (a->resolve.n_addrs < ANSWER_ADDRS_MAX)
			a->resolve.addrs[a->resolve.n_addrs++] = addr;
	} else if (type == DNS_MX && r->len > 2) {
		add_mx(a, r);
	} else if (type == DNS_PTR && dns_rdata_name(type, r->data, r->len, &name)) {
		name_into(a->resolve.name, sizeof(a->resolve.name), &name);
	}
}

void dns_answer_fill(struct answer *a, const struct dns_rrset *set, const struct dns_name *owner,
		     nsec_t ttl_ns)
{
	struct dns_record r;
	size_t pos = 0;

	*a = (struct answer){ 0 };
	a->resolve.ttl_ns = ttl_ns;
	name_into(a->resolve.name, sizeof(a->resolve.name), owner);
	while (dns_rrset_next(set, &pos, &r))
		add_record(a, set->type, &r);
}

static bool target_of(const struct dns_rrset *cname, struct dns_name *ret)
{
	struct dns_record r;
	size_t pos = 0;

	return dns_rrset_next(cname, &pos, &r) && dns_rdata_name(DNS_CNAME, r.data, r.len, ret);
}

int dns_answer_read(struct dns_cache *c, const struct dns_msg *m, const struct dns_name *name,
		    uint16_t type, nsec_t now, struct fx *fx, struct answer *a)
{
	struct dns_name at = *name, next;
	uint32_t ttl = UINT32_MAX;
	struct dns_rrset set;

	for (unsigned link = 0; link <= DNS_CHAIN_MAX; link++) {
		bool more;

		dns_rrset_from(m, DNS_ANSWER, &at, type, &set);
		if (set.n) {
			ttl = set.ttl < ttl ? set.ttl : ttl;
			dns_answer_fill(a, &set, &at, ttl * SEC);
			(void)dns_cache_put(c, fx, now, &at, DNS_RANK_ANSWER, &set);
			return 0;
		}
		dns_rrset_from(m, DNS_ANSWER, &at, DNS_CNAME, &set);
		more = target_of(&set, &next);
		if (!more)
			break;
		ttl = set.ttl < ttl ? set.ttl : ttl;
		(void)dns_cache_put(c, fx, now, &at, DNS_RANK_ANSWER, &set);
		at = next;
	}
	dns_rrset_done(&set);
	return -ENODATA;
}

int dns_answer_cached(const struct dns_cache *c, const struct dns_name *name, uint16_t type,
		      nsec_t now, struct answer *a)
{
	struct dns_name at = *name;
	nsec_t until = INT64_MAX;

	for (unsigned link = 0; link <= DNS_CHAIN_MAX; link++) {
		const struct dns_entry *e = dns_cache_get(c, now, &at, type);

		if (e && e->expires_ns < until)
			until = e->expires_ns;
		if (e) {
			dns_answer_fill(a, &e->set, &at, until - now);
			a->resolve.from_cache = true;
			return 0;
		}
		e = dns_cache_get(c, now, &at, DNS_CNAME);
		if (!e || !target_of(&e->set, &at))
			break;
		if (e->expires_ns < until)
			until = e->expires_ns;
	}
	return -ENODATA;
}
