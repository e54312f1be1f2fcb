/* NSSearchRecursively and forwarding: whom to ask when database and cache do not know. */
#include "dns/dns_server.h"

enum { NS_ADDRS_MAX = 8 };

/* --- nobody to ask --- */

/* RFC 1034 §4.3.2 without recursion: to those who know, if we know them; else it is not ours. */
static enum dns_outcome without_recursion(const struct dns_server *s, const struct dns_frame *f,
					  struct dns_found *ret)
{
	if (f->cut) {
		ret->refer = f->cut;
		return DNS_REFER;
	}
	if (s->db->n_zones)
		return DNS_REFUSE;
	if (s->conf->n_hints && s->conf->recursion) {
		ret->refer_root = true;
		return DNS_REFER;
	}
	if (s->n_forwarders)
		return DNS_FAILURE;
	return f->exists && f->closest->n_sets ? DNS_NO_DATA : DNS_NO_NAME;
}

/* A stand-alone database is the whole world of its clients: what it does not hold does not exist.
 * With a zone of its own it knows that there are others, and could not reach them. */
static enum dns_outcome nobody(const struct dns_server *s, const struct dns_frame *f)
{
	if (f->exists && f->closest->n_sets)
		return DNS_NO_DATA;
	return s->db->n_zones ? DNS_FAILURE : DNS_NO_NAME;
}

/* --- asking --- */

static enum dns_outcome ask(struct dns_server *s, struct dns_frame *f, const struct addr *server,
			    const struct dns_name *zone, bool rd, nsec_t now, struct fx *fx,
			    struct dns_found *ret)
{
	struct dns_job *job = dns_job_of(s, f, now, fx);

	if (!job || !dns_job_ask(s, job, server, zone, rd, now, fx))
		return DNS_FAILURE;
	ret->waits_for = job;
	return DNS_PENDING;
}

/* May the search go on? A decision says so when it may not. */
static bool within_limits(const struct dns_server *s, const struct dns_frame *f, struct fx *fx)
{
	for (const struct dns_frame *up = f; up; up = up->up) {
		if (!up->job || dns_job_may_ask(s, up->job))
			continue;
		decide(fx, "dns.search.limit", V_TEXT("name", f->text),
		       V_INT("queries", s->conf->search_queries));
		return false;
	}
	return true;
}

static enum dns_outcome forward(struct dns_server *s, struct dns_frame *f, nsec_t now,
				struct fx *fx, struct dns_found *ret)
{
	unsigned n_late = 0;

	for (unsigned i = 0; i < s->n_forwarders; i++) {
		const struct addr *server = &s->forwarders[i];

		if (dns_failed_has(s, &f->name, f->type, server))
			continue;
		if (dns_job_is_late(f->job, server)) {
			n_late++;
			continue;
		}
		decide(fx, "dns.search.forwarder", V_TEXT("name", f->text),
		       V_ADDR("server", *server));
		return ask(s, f, server, &dns_root, true, now, fx, ret);
	}
	if (!n_late)
		decide(fx, "dns.search.forwarders-failed", V_TEXT("name", f->text));
	return DNS_FAILURE;
}

/* --- name servers --- */

/* The servers of one zone, from database, cache or root hints, as a set of NS data. */
struct servers {
	struct dns_name zone;
	const struct dns_rrset *set; /* NULL = the root hints */
};

static bool find_servers(const struct dns_server *s, const struct dns_name *name, nsec_t now,
			 struct servers *ret)
{
	const struct dns_node *node = dns_db_find(s->db, name);
	const struct dns_entry *e;

	ret->zone = *name;
	ret->set = node ? dns_node_set(node, DNS_NS) : NULL;
	if (ret->set && ret->set->n)
		return true;
	/* What the root says of its own servers comes without their addresses: the hints have them.
	 */
	if (dns_name_is_root(name) && s->conf->n_hints) {
		ret->set = NULL;
		return true;
	}
	e = dns_cache_get(&s->cache, now, name, DNS_NS);
	ret->set = e && e->kind == DNS_POSITIVE ? &e->set : NULL;
	return ret->set != NULL;
}

/* What the name servers tried so far came to. */
struct tries {
	unsigned n_self, n_failed, n_late, n_unknown, n_waiting;
};

static void note_server(struct fx *fx, const char *rule, const char *ns, const struct addr *a)
{
	const struct val values[] = { V_TEXT("ns", ns), V_ADDR("server", *a), V_END };

	fx_decide(fx, rule, values);
}

/* One address of a name server. DNS_FAILURE: the next, please. */
static enum dns_outcome try_addr(struct dns_server *s, struct dns_frame *f,
				 const struct servers *zone, const char *ns, const struct addr *a,
				 struct tries *t, nsec_t now, struct fx *fx, struct dns_found *ret)
{
	char text[DNS_TEXT_LEN];
	enum dns_outcome outcome;

	if (dns_server_is_self(s, a)) {
		note_server(fx, "dns.ns.skip-self", ns, a);
		t->n_self++;
		return DNS_FAILURE;
	}
	if (dns_failed_has(s, &f->name, f->type, a)) {
		note_server(fx, "dns.ns.skip-failed", ns, a);
		t->n_failed++;
		return DNS_FAILURE;
	}
	if (dns_job_is_late(f->job, a)) {
		note_server(fx, "dns.ns.skip-late", ns, a);
		t->n_late++;
		return DNS_FAILURE;
	}
	decide(fx, "dns.ns.send-query", V_TEXT("name", f->text), V_TEXT("ns", ns),
	       V_ADDR("server", *a), V_TEXT("zone", dns_name_text(&zone->zone, text)));
	outcome = ask(s, f, a, &zone->zone, false, now, fx, ret);
	return outcome == DNS_PENDING ? outcome : DNS_REFUSE;
}

static unsigned set_addrs(const struct dns_rrset *set, struct addr *out, unsigned max)
{
	struct dns_record r;
	unsigned n = 0;
	size_t pos = 0;

	while (n < max && dns_rrset_next(set, &pos, &r))
		n += dns_rdata_addr(set->type, r.data, r.len, &out[n]);
	return n;
}

/* The frame waits, through its job, for what |found| waits for. */
static enum dns_outcome wait_for(struct dns_server *s, struct dns_frame *f, struct dns_found *found,
				 nsec_t now, struct fx *fx, struct dns_found *ret)
{
	struct dns_job *mine = dns_job_of(s, f, now, fx);

	if (!mine)
		return DNS_FAILURE;
	dns_job_wait(mine, found->waits_for);
	ret->waits_for = mine;
	return DNS_PENDING;
}

/* The name server's name has no address here: search for one as for anything else. */
static enum dns_outcome search_ns_name(struct dns_server *s, struct dns_frame *f,
				       const struct dns_name *ns, const char *text,
				       struct addr *addrs, unsigned *n_addrs, nsec_t now,
				       struct fx *fx, struct dns_found *ret)
{
	struct dns_frame sub = { .name = *ns,
				 .text = text,
				 .type = DNS_A,
				 .rd = true,
				 .glue = true,
				 .depth = f->depth + 1,
				 .up = f };
	struct dns_found found;
	enum dns_outcome outcome;

	dns_found_init(&found);
	outcome = dns_search(s, &sub, now, fx, &found);
	if (outcome == DNS_PENDING)
		return wait_for(s, f, &found, now, fx, ret);
	if (outcome == DNS_FOUND)
		*n_addrs = set_addrs(found.sets[found.n - 1].set, addrs, NS_ADDRS_MAX);
	return outcome;
}

/* One NS record. DNS_FAILURE: the next, please; DNS_REFUSE: no more, the limits are reached. */
static enum dns_outcome try_server(struct dns_server *s, struct dns_frame *f,
				   const struct servers *zone, const struct dns_name *ns,
				   struct tries *t, nsec_t now, struct fx *fx,
				   struct dns_found *ret)
{
	struct addr addrs[NS_ADDRS_MAX];
	unsigned n = dns_known_addrs(s, now, ns, addrs, NS_ADDRS_MAX);
	enum dns_outcome outcome = DNS_FOUND;
	char text[DNS_TEXT_LEN];

	(void)dns_name_text(ns, text);
	decide(fx, "dns.ns.resolve-ns-name", V_TEXT("ns", text), V_INT("known", n));
	if (!n)
		outcome = search_ns_name(s, f, ns, text, addrs, &n, now, fx, ret);
	if (outcome == DNS_PENDING)
		return outcome;
	if (outcome == DNS_CYCLE) {
		decide(fx, "dns.ns.already-waiting", V_TEXT("name", f->text), V_TEXT("ns", text));
		t->n_waiting++;
		return DNS_FAILURE;
	}
	if (!n) {
		decide(fx, "dns.ns.resolve-fail", V_TEXT("ns", text));
		t->n_unknown++;
		return DNS_FAILURE;
	}
	outcome = DNS_FAILURE;
	for (unsigned i = 0; i < n && outcome == DNS_FAILURE; i++)
		outcome = try_addr(s, f, zone, text, &addrs[i], t, now, fx, ret);
	return outcome;
}

static enum dns_outcome try_hints(struct dns_server *s, struct dns_frame *f,
				  const struct servers *zone, struct tries *t, nsec_t now,
				  struct fx *fx, struct dns_found *ret)
{
	enum dns_outcome outcome = DNS_FAILURE;
	char text[DNS_TEXT_LEN];

	for (unsigned i = 0; i < s->conf->n_hints && outcome == DNS_FAILURE; i++) {
		const struct dns_hint *hint = &s->conf->hints[i];

		outcome = try_addr(s, f, zone, dns_name_text(&hint->name, text), &hint->addr, t,
				   now, fx, ret);
	}
	return outcome;
}

static enum dns_outcome try_servers(struct dns_server *s, struct dns_frame *f,
				    const struct servers *zone, struct tries *t, nsec_t now,
				    struct fx *fx, struct dns_found *ret)
{
	enum dns_outcome outcome = DNS_FAILURE;
	struct dns_record r;
	struct dns_name ns;
	size_t pos = 0;

	if (!zone->set)
		return try_hints(s, f, zone, t, now, fx, ret);
	while (outcome == DNS_FAILURE && dns_rrset_next(zone->set, &pos, &r))
		if (dns_rdata_name(DNS_NS, r.data, r.len, &ns))
			outcome = try_server(s, f, zone, &ns, t, now, fx, ret);
	return outcome;
}

/* Some zone above the name has servers. DNS_CYCLE: none of them can be asked, because the address
 * of one can only be had from itself. */
static enum dns_outcome ask_servers(struct dns_server *s, struct dns_frame *f,
				    const struct servers *zone, nsec_t now, struct fx *fx,
				    struct dns_found *ret)
{
	struct tries t = { 0 };
	enum dns_outcome outcome;
	char text[DNS_TEXT_LEN];

	decide(fx, "dns.ns.add-answer", V_TEXT("zone", dns_name_text(&zone->zone, text)),
	       V_INT("servers", zone->set ? zone->set->n : s->conf->n_hints));
	outcome = try_servers(s, f, zone, &t, now, fx, ret);
	if (outcome == DNS_PENDING) {
		decide(fx, "dns.search.ns-sent", V_TEXT("name", f->text));
		return outcome;
	}
	if (t.n_late)
		return DNS_FAILURE; /* one that is overdue may know */
	if (t.n_self && !t.n_failed && !t.n_unknown && !t.n_waiting)
		return nobody(s, f); /* the only server to ask is this one */
	if (t.n_waiting)
		return DNS_CYCLE;
	if (t.n_failed)
		decide(fx, "dns.ns.all-failed", V_TEXT("name", f->text), V_TEXT("zone", text),
		       V_INT("failed", t.n_failed));
	return DNS_FAILURE;
}

/* From the name to the root: the nearest zone whose servers are known. When their own addresses are
 * known no more, the zone above it has them still (glue). */
static enum dns_outcome search_ns(struct dns_server *s, struct dns_frame *f, nsec_t now,
				  struct fx *fx, struct dns_found *ret)
{
	struct dns_name at = f->name, up;
	char name[DNS_TEXT_LEN], parent[DNS_TEXT_LEN];
	enum dns_outcome outcome = DNS_NO_NAME; /* no servers so far */
	struct servers zone;

	/* A DS record is with the servers of the zone above (RFC 4035 §4.2). */
	if (f->type == DNS_DS)
		(void)dns_name_parent(&f->name, &at);
	decide(fx, "dns.search.try-ns", V_TEXT("name", f->text));
	decide(fx, "dns.ns.add-waiting", V_TEXT("name", f->text));
	for (;;) {
		bool found = find_servers(s, &at, now, &zone);

		decide(fx, "dns.ns.find-ns", V_TEXT("name", dns_name_text(&at, name)),
		       V_TEXT("found", found ? "found" : "none"));
		if (found)
			outcome = ask_servers(s, f, &zone, now, fx, ret);
		if (found && outcome != DNS_CYCLE)
			return outcome;
		if (!dns_name_parent(&at, &up)) {
			if (outcome == DNS_CYCLE)
				return DNS_FAILURE;
			decide(fx, "dns.search.root-reached", V_TEXT("name", f->text));
			return nobody(s, f);
		}
		decide(fx, "dns.ns.parent", V_TEXT("name", name),
		       V_TEXT("parent", dns_name_text(&up, parent)));
		decide(fx, "dns.search.parent", V_TEXT("parent", parent));
		at = up;
	}
}

enum dns_outcome dns_search_elsewhere(struct dns_server *s, struct dns_frame *f, nsec_t now,
				      struct fx *fx, struct dns_found *ret)
{
	if (!f->rd || !s->conf->recursion)
		return without_recursion(s, f, ret);
	if (!within_limits(s, f, fx))
		return DNS_FAILURE;
	if (!f->cut && s->n_forwarders)
		return forward(s, f, now, fx, ret);
	return search_ns(s, f, now, fx, ret);
}
