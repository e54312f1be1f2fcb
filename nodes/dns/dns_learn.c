/* What the response to a secondary query is worth: answers, a referral, the knowledge that there is
 * nothing, or a failure (RFC 1034 §5.3.3, RFC 2308 §2). Only what lies in the zone that the server
 * was asked for is believed (RFC 5452 §6). */
#include "dns/dns_server.h"

enum { LEARN_RECORDS_MAX = 256 };

struct lesson {
	struct dns_server *s;
	const struct dns_query *q;
	const struct dns_msg *m;
	nsec_t now;
	struct fx *fx;
	const char *name; /* asked for, in text */
	unsigned n_learned;
};

static bool believable(const struct lesson *l, const struct dns_name *owner)
{
	return dns_name_in(owner, &l->q->zone);
}

static void note_out_of_zone(struct lesson *l)
{
	char first[DNS_TEXT_LEN], zone[DNS_TEXT_LEN];
	struct dns_rrs it;
	struct dns_rr rr;
	unsigned n = 0;

	dns_rrs(l->m, &it);
	while (dns_rr_next(&it, &rr))
		if (rr.type != DNS_OPT && !believable(l, &rr.owner) && n++ == 0)
			(void)dns_name_text(&rr.owner, first);
	if (n)
		decide(l->fx, "dns.resolver.server.drop-out-of-zone", V_TEXT("record", first),
		       V_INT("n", n), V_TEXT("zone", dns_name_text(&l->q->zone, zone)),
		       V_ADDR("server", l->q->server));
}

static void failed(struct lesson *l, const char *why)
{
	decide(l->fx, "dns.resolver.server.failed-query", V_TEXT("name", l->name),
	       V_ADDR("server", l->q->server), V_TEXT("reason", why));
	dns_failed_add(l->s, &l->q->name, l->q->type, &l->q->server, why, l->now, l->fx);
}

/* Puts the set into the cache as far as there is room for its lesson; takes it over. */
static void keep(struct lesson *l, const struct dns_name *owner, enum dns_rank rank,
		 struct dns_rrset *set)
{
	if (l->n_learned + set->n > LEARN_RECORDS_MAX) {
		dns_rrset_done(set);
		return;
	}
	l->n_learned += set->n;
	(void)dns_cache_put(&l->s->cache, l->fx, l->now, owner, rank, set);
}

/* --- answers --- */

static bool learn_set(struct lesson *l, const struct dns_name *owner, uint16_t type)
{
	struct dns_rrset set;

	dns_rrset_from(l->m, DNS_ANSWER, owner, type, &set);
	if (!set.n)
		return false;
	keep(l, owner, DNS_RANK_ANSWER, &set);
	return true;
}

static bool learn_every_type(struct lesson *l)
{
	struct dns_rrs it;
	struct dns_rr rr;
	bool any = false;

	dns_rrs(l->m, &it);
	while (dns_rr_next(&it, &rr) && rr.section == DNS_ANSWER)
		if (dns_name_equal(&rr.owner, &l->q->name) &&
		    !dns_cache_get(&l->s->cache, l->now, &rr.owner, rr.type))
			any |= learn_set(l, &l->q->name, rr.type);
	return any;
}

static bool alias_target(const struct lesson *l, const struct dns_name *at, struct dns_name *ret)
{
	struct dns_rrset set;
	struct dns_record r;
	size_t pos = 0;
	bool ok;

	dns_rrset_from(l->m, DNS_ANSWER, at, DNS_CNAME, &set);
	ok = dns_rrset_next(&set, &pos, &r) && dns_rdata_name(DNS_CNAME, r.data, r.len, ret);
	dns_rrset_done(&set);
	return ok;
}

/* Records along the chain of aliases; *end is its last name. True when the type was found there. */
static bool learn_chain(struct lesson *l, struct dns_name *end)
{
	struct dns_name next;

	*end = l->q->name;
	for (unsigned link = 0; link <= DNS_LINKS_MAX && believable(l, end); link++) {
		if (learn_set(l, end, l->q->type))
			return true;
		if (l->q->type == DNS_CNAME || !alias_target(l, end, &next) ||
		    !learn_set(l, end, DNS_CNAME))
			return false;
		*end = next;
	}
	return false;
}

/* --- nothing --- */

/* The SOA that says so, and for how long (RFC 2308 §5). */
static bool find_soa(const struct lesson *l, const struct dns_name *name, struct dns_name *owner,
		     struct dns_rrset *set)
{
	struct dns_rdata data;
	struct dns_soa soa;
	struct dns_rrs it;
	struct dns_rr rr;

	*set = (struct dns_rrset){ .type = DNS_SOA };
	dns_rrs(l->m, &it);
	while (dns_rr_next(&it, &rr)) {
		if (rr.section != DNS_AUTHORITY || rr.type != DNS_SOA ||
		    !believable(l, &rr.owner) || !dns_name_in(name, &rr.owner) ||
		    dns_rr_data(l->m, &rr, &data) || !dns_soa_read(data.b, data.len, &soa))
			continue;
		*owner = rr.owner;
		(void)dns_rrset_add(set, data.b, data.len);
		dns_rrset_set_ttl(set, rr.ttl < soa.minimum ? rr.ttl : soa.minimum);
		return true;
	}
	return false;
}

static void learn_nothing(struct lesson *l, const struct dns_name *name, bool no_name)
{
	struct dns_name owner = dns_root;
	char text[DNS_TEXT_LEN];
	struct dns_rrset soa;
	bool has_soa = find_soa(l, name, &owner, &soa);
	uint32_t ttl = has_soa ? soa.ttl : 0;

	decide(l->fx, "dns.resolver.server.negative-cache",
	       V_TEXT("name", dns_name_text(name, text)),
	       V_TEXT("result", no_name ? "there is no such name" : "it has no such record"),
	       V_DUR("ttl", ttl * SEC));
	dns_cache_put_negative(&l->s->cache, l->fx, l->now, name, l->q->type,
			       no_name ? DNS_NX : DNS_NODATA, &owner, &soa, ttl);
}

/* --- referrals --- */

/* The delegated zone: nearer to the name than the one asked, and holding it. */
static bool find_referral(const struct lesson *l, struct dns_name *ret)
{
	struct dns_rrs it;
	struct dns_rr rr;

	dns_rrs(l->m, &it);
	while (dns_rr_next(&it, &rr)) {
		if (rr.section != DNS_AUTHORITY || rr.type != DNS_NS || !believable(l, &rr.owner) ||
		    rr.owner.len <= l->q->zone.len || !dns_name_in(&l->q->name, &rr.owner))
			continue;
		*ret = rr.owner;
		return true;
	}
	return false;
}

/* True when there was some. */
static bool learn_glue(struct lesson *l, const struct dns_name *ns)
{
	static const uint16_t types[] = { DNS_A, DNS_AAAA };
	bool any = false;

	for (size_t i = 0; i < ARRAY_SIZE(types) && believable(l, ns); i++) {
		struct dns_rrset set;

		dns_rrset_from(l->m, DNS_ADDITIONAL, ns, types[i], &set);
		if (!set.n)
			continue;
		keep(l, ns, DNS_RANK_GLUE, &set);
		any = true;
	}
	return any;
}

static void learn_referral(struct lesson *l, const struct dns_name *zone)
{
	char text[DNS_TEXT_LEN];
	struct dns_rrset set;
	struct dns_record r;
	struct dns_name ns;
	size_t pos = 0;
	const struct dns_entry *before = dns_cache_get(&l->s->cache, l->now, zone, DNS_NS);
	bool known = before && before->kind == DNS_POSITIVE, glue = false;

	dns_rrset_from(l->m, DNS_AUTHORITY, zone, DNS_NS, &set);
	decide(l->fx, "dns.resolver.server.referral", V_TEXT("name", l->name),
	       V_TEXT("zone", dns_name_text(zone, text)), V_INT("servers", set.n));
	while (dns_rrset_next(&set, &pos, &r))
		if (dns_rdata_name(DNS_NS, r.data, r.len, &ns))
			glue |= learn_glue(l, &ns);
	keep(l, zone, DNS_RANK_AUTHORITY, &set);
	if (known && !glue)
		failed(l, "a referral to servers that were known, without an address");
}

/* --- all together --- */

static void learn_without_answer(struct lesson *l)
{
	struct dns_name owner, zone;
	struct dns_rrset soa;

	if (dns_rcode(l->m->flags) == DNS_NXDOMAIN) {
		learn_nothing(l, &l->q->name, true);
	} else if (find_soa(l, &l->q->name, &owner, &soa)) {
		dns_rrset_done(&soa);
		learn_nothing(l, &l->q->name, false);
	} else if (!l->q->rd && find_referral(l, &zone)) {
		learn_referral(l, &zone);
	} else if (l->m->flags & DNS_AA) {
		learn_nothing(l, &l->q->name, false);
	} else {
		failed(l, "neither an answer nor a referral nearer to the name");
	}
}

/* The alias is known, and what the server says of its end. */
static void learn_end(struct lesson *l, const struct dns_name *end)
{
	struct dns_name owner;
	struct dns_rrset soa;

	if (!believable(l, end))
		return;
	if (dns_rcode(l->m->flags) == DNS_NXDOMAIN) {
		learn_nothing(l, end, true);
	} else if (find_soa(l, end, &owner, &soa)) {
		dns_rrset_done(&soa);
		learn_nothing(l, end, false);
	}
}

void dns_learn(struct dns_server *s, const struct dns_query *q, const struct dns_msg *m, nsec_t now,
	       struct fx *fx)
{
	char name[DNS_TEXT_LEN], code[12];
	struct lesson l = { .s = s, .q = q, .m = m, .now = now, .fx = fx };
	unsigned rcode = dns_rcode(m->flags);
	struct dns_name end;
	bool found;

	l.name = dns_name_text(&q->name, name);
	if (rcode != DNS_NOERROR && rcode != DNS_NXDOMAIN) {
		failed(&l, dns_rcode_text(rcode, code));
		return;
	}
	note_out_of_zone(&l);
	found = q->type == DNS_ANY ? learn_every_type(&l) : learn_chain(&l, &end);
	if (!l.n_learned) {
		learn_without_answer(&l);
		return;
	}
	decide(fx, "dns.resolver.server.cache-answers", V_TEXT("name", name),
	       V_INT("records", l.n_learned));
	if (!found)
		learn_end(&l, &end);
}
