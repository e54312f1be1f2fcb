/* SearchDnsRecursively and CnameSearchRecursively: what database and cache know of a name. */
#include "dns/dns_server.h"

#include <string.h>

/* --- where a name is --- */

static void locate(const struct dns_server *s, struct dns_frame *f)
{
	f->closest = dns_db_closest(s->db, &f->name);
	f->exists = f->closest && dns_name_equal(&f->closest->name, &f->name);
	f->apex = f->closest ? f->closest->apex : NULL;
	f->cut = f->closest ? f->closest->cut : NULL;
	/* A DS record stands above the delegation that it speaks of (RFC 4035 §3.1.4.1). */
	if (f->type == DNS_DS && f->exists && f->cut == f->closest)
		f->cut = NULL;
}

/* In a zone of ours and not given away to others. */
static bool authoritative(const struct dns_frame *f)
{
	return f->apex && !f->cut;
}

static struct dns_found_set *add_set(struct dns_found *ret, const struct dns_frame *f,
				     const struct dns_rrset *set, uint32_t ttl)
{
	struct dns_found_set *out = &ret->sets[ret->n++];

	out->owner = f->name;
	out->set = set;
	out->ttl = ttl;
	return out;
}

static void add_local(const struct dns_server *s, struct dns_found *ret, const struct dns_frame *f,
		      const struct dns_node *node, const struct dns_rrset *set)
{
	if (ret->n >= DNS_FOUND_SETS_MAX)
		return;
	if (ret->n == 0) {
		ret->aa = !f->cut;
		ret->local = true;
		ret->soa_ttl = node->apex != NULL;
	}
	add_set(ret, f, set, dns_node_ttl(node, set, s->conf->default_ttl));
}

static void add_cached(struct dns_found *ret, const struct dns_frame *f, const struct dns_entry *e,
		       nsec_t now)
{
	if (ret->n >= DNS_FOUND_SETS_MAX)
		return;
	if (ret->n == 0)
		ret->aa = ret->local = false;
	add_set(ret, f, &e->set, dns_entry_ttl(e, now));
}

/* --- looking up --- */

/* The node whose records answer for the name: its own, or a wildcard's (RFC 4592 §3.3). Records at
 * or below a delegation are glue: they answer only those who cannot be referred. */
static const struct dns_node *answering_node(const struct dns_server *s, const struct dns_frame *f,
					     bool *ret_wildcard)
{
	*ret_wildcard = false;
	if (f->cut && !(f->rd && s->conf->recursion))
		return NULL;
	if (f->exists)
		return f->closest;
	if (!authoritative(f))
		return NULL;
	*ret_wildcard = true;
	return dns_db_wildcard(s->db, f->closest);
}

static bool add_node_sets(const struct dns_server *s, struct dns_found *ret,
			  const struct dns_frame *f, const struct dns_node *node, uint16_t type)
{
	unsigned before = ret->n;
	const struct dns_rrset *set;

	if (type != DNS_ANY) {
		set = dns_node_set(node, type);
		if (set && set->n)
			add_local(s, ret, f, node, set);
		return ret->n > before;
	}
	for (unsigned i = 0; i < node->n_sets; i++)
		if (node->sets[i].n)
			add_local(s, ret, f, node, &node->sets[i]);
	return ret->n > before;
}

static bool add_cache_set(const struct dns_server *s, struct dns_found *ret,
			  const struct dns_frame *f, uint16_t type, nsec_t now)
{
	const struct dns_entry *e = dns_cache_get(&s->cache, now, &f->name, type);

	/* What came as an addition is no answer (RFC 2181 §5.4.1). */
	if (!e || e->kind != DNS_POSITIVE || (e->rank < DNS_RANK_ANSWER && !f->glue))
		return false;
	add_cached(ret, f, e, now);
	return true;
}

static void note_case(const struct dns_frame *f, const struct dns_node *node, struct fx *fx)
{
	char found[DNS_TEXT_LEN];

	if (f->exists && !dns_name_same_case(&f->name, &node->name))
		decide(fx, "dns.name.case", V_TEXT("asked", f->text),
		       V_TEXT("found", dns_name_text(&node->name, found)));
}

static void note_wildcard(const struct dns_frame *f, const struct dns_node *node, struct fx *fx)
{
	char star[DNS_TEXT_LEN];

	decide(fx, "dns.server.wildcard", V_TEXT("name", f->text),
	       V_TEXT("wildcard", dns_name_text(&node->name, star)));
}

/* A question for every type is answered with what the cache happens to hold (RFC 8482 §4.1). */
static bool add_cache_any(const struct dns_server *s, struct dns_found *ret,
			  const struct dns_frame *f, nsec_t now)
{
	static const uint16_t types[] = { DNS_A,  DNS_NS,  DNS_CNAME, DNS_SOA, DNS_PTR,
					  DNS_MX, DNS_TXT, DNS_AAAA,  DNS_SRV };
	unsigned before = ret->n;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		(void)add_cache_set(s, ret, f, types[i], now);
	return ret->n > before;
}

/* Records of |type| for the name, from database, then cache. */
static bool find(const struct dns_server *s, const struct dns_frame *f, const struct dns_node *node,
		 uint16_t type, nsec_t now, struct dns_found *ret)
{
	if (node && add_node_sets(s, ret, f, node, type))
		return true;
	if (authoritative(f))
		return false;
	return type == DNS_ANY ? add_cache_any(s, ret, f, now)
			       : add_cache_set(s, ret, f, type, now);
}

static unsigned known(const struct dns_server *s, nsec_t now, const struct dns_name *name,
		      uint16_t type, struct addr *out, unsigned max)
{
	const struct dns_node *node = dns_db_find(s->db, name);
	const struct dns_rrset *set = node ? dns_node_set(node, type) : NULL;
	const struct dns_entry *e;
	struct dns_record r;
	unsigned n = 0;
	size_t pos = 0;

	if (!set) {
		e = dns_cache_get(&s->cache, now, name, type);
		set = e && e->kind == DNS_POSITIVE ? &e->set : NULL;
	}
	while (set && n < max && dns_rrset_next(set, &pos, &r))
		n += dns_rdata_addr(type, r.data, r.len, &out[n]);
	return n;
}

unsigned dns_known_addrs(const struct dns_server *s, nsec_t now, const struct dns_name *name,
			 struct addr *out, unsigned max)
{
	unsigned n = known(s, now, name, DNS_A, out, max);

	return n ? n : known(s, now, name, DNS_AAAA, out, max);
}

/* --- negative answers --- */

static void set_local_soa(struct dns_found *ret, const struct dns_node *apex)
{
	ret->soa_owner = &apex->name;
	ret->soa = dns_node_set(apex, DNS_SOA);
	ret->soa_ttl_secs = apex->neg_ttl;
}

/* Our zone, so our word: no other server is asked (catalogue: dns-own-zone). */
static enum dns_outcome negative(struct dns_frame *f, bool wildcard, struct fx *fx,
				 struct dns_found *ret)
{
	char zone[DNS_TEXT_LEN];
	bool exists = f->exists || wildcard;

	decide(fx, "dns.search.authoritative-negative", V_TEXT("name", f->text),
	       V_TEXT("zone", dns_name_text(&f->apex->name, zone)),
	       V_TEXT("result", exists ? "the name has no such record" : "there is no such name"));
	if (ret->n == 0)
		ret->aa = ret->local = true;
	set_local_soa(ret, f->apex);
	return exists ? DNS_NO_DATA : DNS_NO_NAME;
}

static bool cached_negative(const struct dns_server *s, const struct dns_frame *f, nsec_t now,
			    struct fx *fx, struct dns_found *ret, enum dns_outcome *outcome)
{
	const struct dns_entry *e = dns_cache_get(&s->cache, now, &f->name, f->type);

	if (!e || e->kind == DNS_POSITIVE)
		return false;
	decide(fx, "dns.search.cached-negative", V_TEXT("name", f->text),
	       V_TEXT("result",
		      e->kind == DNS_NX ? "there is no such name" : "it has no such record"));
	ret->soa = NULL;
	if (e->set.n) {
		ret->soa = &e->set;
		ret->soa_owner = &e->soa_owner;
		ret->soa_ttl_secs = dns_entry_ttl(e, now);
	}
	*outcome = e->kind == DNS_NX ? DNS_NO_NAME : DNS_NO_DATA;
	return true;
}

/* --- aliases --- */

static bool in_chain(const struct dns_frame *f, const struct dns_name *target)
{
	for (; f; f = f->links ? f->up : NULL)
		if (dns_name_equal(&f->name, target))
			return true;
	return false;
}

static bool loops(const struct dns_frame *f, const struct dns_name *target, struct fx *fx)
{
	char text[DNS_TEXT_LEN];

	if (f->links < DNS_LINKS_MAX && f->depth < DNS_DEPTH_MAX && !in_chain(f, target))
		return false;
	decide(fx, "dns.cname.loop", V_TEXT("name", f->text),
	       V_TEXT("target", dns_name_text(target, text)), V_INT("links", f->links + 1));
	return true;
}

/* The search for an alias's target, in the same request. */
static enum dns_outcome search_target(struct dns_server *s, struct dns_frame *f,
				      const struct dns_name *target, nsec_t now, struct fx *fx,
				      struct dns_found *ret)
{
	char text[DNS_TEXT_LEN];
	struct dns_frame sub = { .name = *target,
				 .text = dns_name_text(target, text),
				 .type = f->type,
				 .rd = f->rd,
				 .glue = f->glue,
				 .depth = f->depth + 1,
				 .links = f->links + 1,
				 .up = f };
	enum dns_outcome outcome;
	struct dns_job *mine;

	decide(fx, "dns.cname.search", V_TEXT("target", text));
	outcome = dns_search(s, &sub, now, fx, ret);
	if (outcome != DNS_PENDING)
		return outcome;
	mine = dns_job_of(s, f, now, fx);
	if (!mine)
		return DNS_FAILURE;
	dns_job_wait(mine, ret->waits_for);
	ret->waits_for = mine;
	return DNS_PENDING;
}

/* The alias is the answer, whatever its target lacks (RFC 2308 §2, RFC 6604 §3). */
static enum dns_outcome alias_alone(struct dns_found *ret, unsigned n, enum dns_outcome outcome,
				    const struct dns_name *target, struct fx *fx)
{
	char text[DNS_TEXT_LEN];
	bool unknown = outcome == DNS_REFUSE || outcome == DNS_REFER;

	decide(fx, "dns.cname.empty", V_TEXT("target", dns_name_text(target, text)),
	       V_TEXT("reason", outcome == DNS_NO_NAME ? "it does not exist"
				: unknown	       ? "it is not ours to follow"
						       : "it has no such record"));
	if (unknown) {
		ret->n = n;
		ret->soa = NULL;
		return DNS_FOUND;
	}
	return outcome;
}

static enum dns_outcome follow(struct dns_server *s, struct dns_frame *f,
			       const struct dns_name *target, nsec_t now, struct fx *fx,
			       struct dns_found *ret)
{
	enum dns_outcome outcome;
	char text[DNS_TEXT_LEN], type[12];
	unsigned n = ret->n;

	outcome = search_target(s, f, target, now, fx, ret);
	switch (outcome) {
	case DNS_FOUND:
		decide(fx, "dns.cname.match-initial", V_TEXT("target", dns_name_text(target, text)),
		       V_TEXT("type", dns_type_text(f->type, type)));
		decide(fx, "dns.search.cname-found", V_TEXT("name", f->text),
		       V_INT("sets", ret->n));
		return outcome;
	case DNS_PENDING:
		return outcome;
	case DNS_CYCLE: /* the target's own search waits for this one */
		decide(fx, "dns.cname.loop", V_TEXT("name", f->text),
		       V_TEXT("target", dns_name_text(target, text)), V_INT("links", f->links + 1));
		break;
	case DNS_FAILURE:
		break;
	case DNS_NO_DATA:
	case DNS_NO_NAME:
	case DNS_REFER:
	case DNS_REFUSE:
		return alias_alone(ret, n, outcome, target, fx);
	}
	ret->n = n;
	ret->soa = NULL;
	return DNS_FAILURE;
}

static enum dns_outcome cname_search(struct dns_server *s, struct dns_frame *f, nsec_t now,
				     struct fx *fx, struct dns_found *ret)
{
	const struct dns_rrset *set = ret->sets[ret->n - 1].set;
	enum dns_outcome outcome;
	char text[DNS_TEXT_LEN];
	struct dns_name target;
	struct dns_record r;
	size_t pos = 0;

	for (bool first = true; dns_rrset_next(set, &pos, &r); first = false) {
		if (!dns_rdata_name(DNS_CNAME, r.data, r.len, &target))
			continue;
		(void)dns_name_text(&target, text);
		if (first)
			decide(fx, "dns.cname.first", V_TEXT("name", f->text),
			       V_TEXT("target", text));
		else
			decide(fx, "dns.cname.next", V_TEXT("name", f->text),
			       V_TEXT("target", text));
		if (loops(f, &target, fx))
			return DNS_FAILURE;
		outcome = follow(s, f, &target, now, fx, ret);
		if (outcome != DNS_FAILURE)
			return outcome;
	}
	decide(fx, "dns.cname.no-match", V_TEXT("name", f->text));
	return DNS_FAILURE;
}

/* False when the name has no alias; else *outcome is what following it came to. */
static bool try_cname(struct dns_server *s, struct dns_frame *f, const struct dns_node *node,
		      nsec_t now, struct fx *fx, struct dns_found *ret, enum dns_outcome *outcome)
{
	decide(fx, "dns.search.try-cname", V_TEXT("name", f->text));
	decide(fx, "dns.cname.find", V_TEXT("name", f->text));
	if (f->type == DNS_CNAME || f->type == DNS_ANY || !find(s, f, node, DNS_CNAME, now, ret)) {
		decide(fx, "dns.cname.none", V_TEXT("name", f->text));
		return false;
	}
	*outcome = cname_search(s, f, now, fx, ret);
	return true;
}

/* --- the search --- */

/* Waits for the search that is under way already, unless that one waits for us. */
static enum dns_outcome already_waiting(struct dns_frame *f, struct dns_job *job, struct fx *fx,
					struct dns_found *ret)
{
	if (dns_job_needs(job, f))
		return DNS_CYCLE;
	decide(fx, "dns.search.already-waiting", V_TEXT("name", f->text),
	       V_INT("clients", job->n_waiters));
	ret->waits_for = job;
	return DNS_PENDING;
}

static enum dns_outcome search(struct dns_server *s, struct dns_frame *f, nsec_t now, struct fx *fx,
			       struct dns_found *ret)
{
	const struct dns_node *node;
	enum dns_outcome outcome;
	bool wildcard, found;
	char buf[12];
	const char *type = dns_type_text(f->type, buf);

	locate(s, f);
	node = answering_node(s, f, &wildcard);
	found = find(s, f, node, f->type, now, ret);
	decide(fx, "dns.search.find-rrs", V_TEXT("name", f->text), V_TEXT("type", type),
	       V_TEXT("found", found ? "found" : "not found"));
	if (node && !wildcard)
		note_case(f, node, fx);
	if (node && wildcard)
		note_wildcard(f, node, fx);
	if (found) {
		decide(fx, "dns.search.a-found", V_TEXT("name", f->text), V_TEXT("type", type),
		       V_INT("records", ret->sets[ret->n - 1].set->n));
		return DNS_FOUND;
	}
	if (try_cname(s, f, node, now, fx, ret, &outcome))
		return outcome;
	if (authoritative(f))
		return negative(f, node && wildcard, fx, ret);
	if (cached_negative(s, f, now, fx, ret, &outcome))
		return outcome;
	return dns_search_elsewhere(s, f, now, fx, ret);
}

/* Is this the search for something that a search around it needs already? */
static bool in_search(const struct dns_frame *f)
{
	for (const struct dns_frame *up = f->up; up; up = up->up)
		if (up->type == f->type && dns_name_equal(&up->name, &f->name))
			return true;
	return false;
}

enum dns_outcome dns_search(struct dns_server *s, struct dns_frame *f, nsec_t now, struct fx *fx,
			    struct dns_found *ret)
{
	struct dns_job *job = s->jobs.n && f->rd ? dns_job_find(s, &f->name, f->type) : NULL;
	enum dns_outcome outcome;

	if (f->depth >= DNS_DEPTH_MAX)
		return DNS_FAILURE;
	if (in_search(f))
		return DNS_CYCLE;
	if (job && job != f->job)
		return already_waiting(f, job, fx, ret);
	if (!job)
		decide(fx, "dns.search.add-waiting", V_TEXT("name", f->text));
	outcome = search(s, f, now, fx, ret);
	if (outcome == DNS_PENDING) {
		ret->waits_for = f->job;
		dns_job_show(f->job, fx);
		return outcome;
	}
	decide(fx, "dns.search.remove-waiting", V_TEXT("name", f->text));
	if (f->job && f->job != job)
		dns_job_discard(s, f->job, fx);
	return outcome;
}
