/* Dynamic updates (RFC 2136): who may, whether what they rely on holds, what changes. Off unless a
 * zone has an allow-update line. An SOA in an update is passed over: serials are ours. */
#include "dns/dns_server.h"

enum {
	RCODE_YXDOMAIN = 6,
	RCODE_YXRRSET = 7,
	RCODE_NXRRSET = 8,
	RCODE_NOTZONE = 10,
	RECORDS_MAX = 256, /* in one message */
};

struct update {
	struct dns_server *s;
	const struct dns_msg *m;
	const struct dns_node *apex;
	struct fx *fx;
	unsigned n_added, n_removed;
	bool dirty; /* the overlay is ahead of the database */
};

bool dns_permits(const struct dns_server *s, const struct dns_transfers *t, bool by_default,
		 const struct addr *who)
{
	bool connected = t->connected || (by_default && !t->none && !t->n_nets);

	if (t->any)
		return true;
	for (unsigned i = 0; i < t->n_nets; i++)
		if (addr_in_prefix(who, &t->nets[i].net, t->nets[i].plen))
			return true;
	return connected && (device_iface_for(s->dev, who) || dns_server_is_self(s, who));
}

bool dns_update_enabled(const struct dns_server *s)
{
	for (unsigned i = 0; i < s->conf->n_zones; i++) {
		const struct dns_transfers *t = &s->conf->zones[i]->updates;

		if (t->any || t->connected || t->n_nets)
			return true;
	}
	return false;
}

/* --- what is there --- */

static const struct dns_node *node_of(const struct update *u, const struct dns_name *name)
{
	const struct dns_node *node = dns_db_find(u->s->db, name);

	return node && node->n_sets ? node : NULL;
}

static const struct dns_rrset *set_of(const struct update *u, const struct dns_name *name,
				      uint16_t type)
{
	const struct dns_node *node = node_of(u, name);

	return node ? dns_node_set(node, type) : NULL;
}

static bool is_meta(uint16_t type)
{
	return type == DNS_OPT || (type >= 249 && type <= 255);
}

/* --- prerequisites (§3.2) --- */

/* All records that the message demands of this set, and no others, are there. */
static bool same_set(const struct update *u, const struct dns_rr *rr)
{
	const struct dns_rrset *set = set_of(u, &rr->owner, rr->type);
	struct dns_rrset wanted;
	struct dns_record r;
	size_t pos = 0;
	bool same;

	dns_rrset_from(u->m, DNS_ANSWER, &rr->owner, rr->type, &wanted);
	same = set && set->n == wanted.n;
	while (same && dns_rrset_next(set, &pos, &r))
		same = dns_rrset_remove(&wanted, r.data, r.len);
	dns_rrset_done(&wanted);
	return same;
}

static unsigned check_prerequisite(struct update *u, const struct dns_rr *rr)
{
	bool any = rr->type == DNS_ANY;

	if (rr->ttl || (rr->rdlength && rr->class != DNS_CLASS_IN))
		return DNS_FORMERR;
	if (!dns_name_in(&rr->owner, &u->apex->name))
		return RCODE_NOTZONE;
	switch (rr->class) {
	case DNS_CLASS_ANY:
		if (any)
			return node_of(u, &rr->owner) ? DNS_NOERROR : DNS_NXDOMAIN;
		return set_of(u, &rr->owner, rr->type) ? DNS_NOERROR : RCODE_NXRRSET;
	case DNS_CLASS_NONE:
		if (any)
			return node_of(u, &rr->owner) ? RCODE_YXDOMAIN : DNS_NOERROR;
		return set_of(u, &rr->owner, rr->type) ? RCODE_YXRRSET : DNS_NOERROR;
	case DNS_CLASS_IN:
		return same_set(u, rr) ? DNS_NOERROR : RCODE_NXRRSET;
	default:
		return DNS_FORMERR;
	}
}

/* --- the update section (§3.4) --- */

static unsigned check_change(struct update *u, const struct dns_rr *rr)
{
	if (!dns_name_in(&rr->owner, &u->apex->name))
		return RCODE_NOTZONE;
	switch (rr->class) {
	case DNS_CLASS_IN:
		return is_meta(rr->type) ? DNS_FORMERR : DNS_NOERROR;
	case DNS_CLASS_ANY:
		return rr->ttl || rr->rdlength || (is_meta(rr->type) && rr->type != DNS_ANY)
			       ? DNS_FORMERR
			       : DNS_NOERROR;
	case DNS_CLASS_NONE:
		return rr->ttl || is_meta(rr->type) ? DNS_FORMERR : DNS_NOERROR;
	default:
		return DNS_FORMERR;
	}
}

/* The database as the records before this one have left it. */
static void catch_up(struct update *u)
{
	const struct dns_name apex = u->apex->name;

	if (!u->dirty)
		return;
	dns_axfr_abort(u->s, u->fx);
	dns_db_free(u->s->db);
	u->s->db = dns_build(u->s);
	u->apex = dns_db_find(u->s->db, &apex);
	u->dirty = false;
}

static unsigned change(struct update *u, bool add, const struct dns_name *owner, uint16_t type,
		       uint32_t ttl, const uint8_t *data, uint16_t len)
{
	if (dns_overlay_change(u->s, add, owner, type, ttl, data, len))
		return DNS_SERVFAIL;
	u->dirty = true;
	if (add)
		u->n_added++;
	else
		u->n_removed++;
	return DNS_NOERROR;
}

/* An alias stays alone at its name (§3.4.2.2). */
static bool fits(const struct update *u, const struct dns_rr *rr)
{
	const struct dns_node *node = node_of(u, &rr->owner);
	bool alias = node && dns_node_set(node, DNS_CNAME);

	return !node || alias == (rr->type == DNS_CNAME);
}

static unsigned add(struct update *u, const struct dns_rr *rr)
{
	struct dns_rdata d;

	if (rr->type == DNS_SOA || !fits(u, rr))
		return DNS_NOERROR;
	if (dns_rr_data(u->m, rr, &d))
		return DNS_FORMERR;
	return change(u, true, &rr->owner, rr->type, rr->ttl, d.b, d.len);
}

/* SOA and the last NS of the zone stay (§3.4.2.3, §3.4.2.4). */
static bool stays(const struct update *u, const struct dns_name *owner, const struct dns_rrset *set)
{
	return dns_name_equal(owner, &u->apex->name) &&
	       (set->type == DNS_SOA || (set->type == DNS_NS && set->n == 1));
}

static unsigned remove_set(struct update *u, const struct dns_name *owner,
			   const struct dns_rrset *set)
{
	bool apex_ns = set->type == DNS_NS && dns_name_equal(owner, &u->apex->name);
	unsigned rcode = DNS_NOERROR;
	struct dns_record r;
	size_t pos = 0;

	if (apex_ns || stays(u, owner, set))
		return rcode;
	while (!rcode && dns_rrset_next(set, &pos, &r))
		rcode = change(u, false, owner, set->type, 0, r.data, r.len);
	return rcode;
}

static unsigned remove_name(struct update *u, const struct dns_rr *rr)
{
	const struct dns_node *node = node_of(u, &rr->owner);
	unsigned rcode = DNS_NOERROR;

	for (unsigned i = 0; node && i < node->n_sets && !rcode; i++)
		if (rr->type == DNS_ANY || rr->type == node->sets[i].type)
			rcode = remove_set(u, &rr->owner, &node->sets[i]);
	return rcode;
}

static unsigned remove_record(struct update *u, const struct dns_rr *rr)
{
	const struct dns_rrset *set = set_of(u, &rr->owner, rr->type);
	struct dns_rdata d;
	struct dns_record r;
	size_t pos = 0;

	if (!set || dns_rr_data(u->m, rr, &d) || stays(u, &rr->owner, set))
		return DNS_NOERROR;
	while (dns_rrset_next(set, &pos, &r))
		if (dns_rdata_equal(rr->type, r.data, r.len, d.b, d.len))
			return change(u, false, &rr->owner, rr->type, 0, r.data, r.len);
	return DNS_NOERROR;
}

static unsigned apply(struct update *u, const struct dns_rr *rr)
{
	catch_up(u);
	if (rr->class == DNS_CLASS_IN)
		return add(u, rr);
	return rr->class == DNS_CLASS_ANY ? remove_name(u, rr) : remove_record(u, rr);
}

typedef unsigned update_fn(struct update *u, const struct dns_rr *rr);

/* |fn| of each record of one section, until one objects. */
static unsigned each(struct update *u, enum dns_section section, update_fn *fn)
{
	unsigned rcode = DNS_NOERROR;
	struct dns_rrs it;
	struct dns_rr rr;

	dns_rrs(u->m, &it);
	while (!rcode && dns_rr_next(&it, &rr))
		if (rr.section == section)
			rcode = fn(u, &rr);
	return rcode;
}

/* --- all together --- */

static void refuse(struct dns_server *s, const struct dns_request *req, unsigned rcode,
		   const char *why, struct fx *fx)
{
	char zone[DNS_TEXT_LEN], code[12];

	s->stats.refused++;
	decide_at(fx, "dns.server.update-refused", req->offset, V_ADDR("client", req->client.addr),
		  V_TEXT("zone", dns_name_text(&req->q.name, zone)), V_TEXT("reason", why),
		  V_TEXT("rcode", dns_rcode_text(rcode, code)));
	dns_reply_code(s, req, rcode, true, fx);
}

static void run(struct dns_server *s, const struct dns_request *req, const struct dns_msg *m,
		const struct dns_node *apex, struct fx *fx)
{
	struct update u = { .s = s, .m = m, .apex = apex, .fx = fx };
	char zone[DNS_TEXT_LEN];
	unsigned rcode = each(&u, DNS_ANSWER, check_prerequisite);

	if (rcode) {
		refuse(s, req, rcode, "what it relies on does not hold", fx);
		return;
	}
	rcode = each(&u, DNS_AUTHORITY, check_change);
	if (rcode) {
		refuse(s, req, rcode, "a record that cannot be changed so", fx);
		return;
	}
	rcode = each(&u, DNS_AUTHORITY, apply);
	decide_at(fx, "dns.server.update", req->offset, V_ADDR("client", req->client.addr),
		  V_TEXT("zone", dns_name_text(&req->q.name, zone)), V_INT("added", u.n_added),
		  V_INT("removed", u.n_removed));
	if (u.n_added + u.n_removed) {
		s->n_updates++;
		dns_server_rebuild(s, fx);
	}
	dns_reply_code(s, req, rcode, true, fx);
}

void dns_update(struct dns_server *s, const struct dns_request *req, const struct dns_msg *m,
		struct fx *fx)
{
	const struct dns_node *apex = dns_db_find(s->db, &m->q.name);
	const struct dns_conf_zone *zone = dns_conf_zone(s->conf, &m->q.name);

	if (m->q.type != DNS_SOA || m->q.class != DNS_CLASS_IN)
		refuse(s, req, DNS_FORMERR, "the zone section does not name a zone", fx);
	else if (!apex || apex->apex != apex || !zone)
		refuse(s, req, DNS_NOTAUTH, "there is no such zone here", fx);
	else if (!dns_permits(s, &zone->updates, false, &req->client.addr))
		refuse(s, req, DNS_REFUSED, "the asker is not permitted", fx);
	else if (m->n_rr[DNS_ANSWER] + m->n_rr[DNS_AUTHORITY] > RECORDS_MAX)
		refuse(s, req, DNS_REFUSED, "it has too many records", fx);
	else
		run(s, req, m, apex, fx);
}
