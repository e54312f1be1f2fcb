/* From the result of a search to the octets of a reply. */
#include "dns/dns_server.h"

struct reply {
	struct dns_server *s;
	const struct dns_request *req;
	const struct dns_found *found;
	nsec_t now;
	struct fx *fx;
	struct dns_out out;
	uint8_t *buf;
	unsigned rcode;
	bool cut; /* records that belong in do not fit */
};

uint8_t *dns_big_buffer(struct dns_server *s)
{
	if (!s->big)
		s->big = dns_alloc(2 + DNS_MSG_MAX);
	return s->big;
}

/* What the asker can take (RFC 6891 §6.2.5), its OPT record included. */
static size_t max_len(const struct dns_request *req)
{
	size_t max = req->udp_size;

	if (req->tcp)
		return DNS_MSG_MAX;
	if (!req->edns || max < DNS_UDP_MAX)
		return DNS_UDP_MAX;
	return max < DNS_EDNS_UDP_MAX ? max : DNS_EDNS_UDP_MAX;
}

static void begin(struct dns_out *out, const struct dns_request *req, uint8_t *buf, size_t size)
{
	size_t max = max_len(req);

	dns_out_begin(out, buf, size, req->edns ? max - DNS_OPT_LEN : max, req->tcp);
	out->id = req->id;
	out->flags = (uint16_t)(DNS_QR | (req->flags & (0x7800 | DNS_RD)));
}

/* The OPT record goes last, into the room kept for it. */
static size_t end(struct dns_server *s, struct dns_out *out, const struct dns_request *req,
		  unsigned rcode)
{
	out->flags |= rcode & 15;
	if (s->conf->recursion)
		out->flags |= DNS_RA;
	if (req->edns)
		dns_out_opt(out, DNS_EDNS_UDP_MAX, (uint8_t)(rcode >> 4));
	return dns_out_end(out);
}

void dns_send(struct dns_server *s, const struct dns_request *req, const uint8_t *data, size_t len,
	      struct fx *fx)
{
	struct fx_send send = {
		.sock = req->sock, .src = req->local, .dst = req->client, .data = data, .len = len
	};

	if (!len)
		return;
	if (!req->tcp) {
		fx_send(fx, &send);
		return;
	}
	if (!dns_stream_find(s, req->sock))
		return;
	fx_write(fx, req->sock, data, len);
	dns_stream_answered(s, req->sock, fx);
}

void dns_reply_code(struct dns_server *s, const struct dns_request *req, unsigned rcode,
		    bool with_question, struct fx *fx)
{
	uint8_t small[DNS_EDNS_UDP_MAX + 2];
	struct dns_out out;

	begin(&out, req, small, sizeof(small));
	if (with_question)
		dns_out_question(&out, &req->q.name, req->q.type, req->q.class);
	dns_send(s, req, small, end(s, &out, req, rcode), fx);
}

/* --- records --- */

static bool put_set(struct reply *r, enum dns_section section, const struct dns_name *owner,
		    const struct dns_rrset *set, uint32_t ttl)
{
	struct dns_record rec;
	size_t pos = 0;

	while (dns_rrset_next(set, &pos, &rec))
		if (!dns_out_rr(&r->out, section, owner, set->type, DNS_CLASS_IN, ttl, rec.data,
				rec.len))
			return false;
	return true;
}

static void put_answers(struct reply *r)
{
	for (unsigned i = 0; i < r->found->n && !r->cut; i++) {
		const struct dns_found_set *set = &r->found->sets[i];

		r->cut = !put_set(r, DNS_ANSWER, &set->owner, set->set, set->ttl);
	}
}

static void put_soa(struct reply *r)
{
	const struct dns_found *f = r->found;

	if (f->soa && !r->cut)
		r->cut = !put_set(r, DNS_AUTHORITY, f->soa_owner, f->soa, f->soa_ttl_secs);
}

/* Addresses of a host that the reply names; what does not fit is left out (RFC 2181 §9). */
static void put_addresses(struct reply *r, const struct dns_name *host)
{
	static const uint16_t types[] = { DNS_A, DNS_AAAA };
	const struct dns_node *node = dns_db_find(r->s->db, host);

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		const struct dns_rrset *set = node ? dns_node_set(node, types[i]) : NULL;
		const struct dns_entry *e;

		if (set) {
			(void)put_set(r, DNS_ADDITIONAL, host, set,
				      dns_node_ttl(node, set, r->s->conf->default_ttl));
			continue;
		}
		e = dns_cache_get(&r->s->cache, r->now, host, types[i]);
		if (e && e->kind == DNS_POSITIVE)
			(void)put_set(r, DNS_ADDITIONAL, host, &e->set, dns_entry_ttl(e, r->now));
	}
}

static void put_addresses_of_set(struct reply *r, const struct dns_rrset *set)
{
	struct dns_record rec;
	struct dns_name host;
	size_t pos = 0;

	while (dns_rrset_next(set, &pos, &rec))
		if (dns_rdata_name(set->type, rec.data, rec.len, &host))
			put_addresses(r, &host);
}

/* RFC 1034 §4.3.2 step 6, RFC 2782: who asks for a server's name will ask for its address next. */
static void put_additional(struct reply *r)
{
	const struct dns_rrset *set = r->found->n ? r->found->sets[r->found->n - 1].set : NULL;

	if (set && (set->type == DNS_NS || set->type == DNS_MX || set->type == DNS_SRV))
		put_addresses_of_set(r, set);
}

static void put_referral(struct reply *r)
{
	const struct dns_node *cut = r->found->refer;
	const struct dns_rrset *set = dns_node_set(cut, DNS_NS);

	r->cut = !put_set(r, DNS_AUTHORITY, &cut->name, set,
			  dns_node_ttl(cut, set, r->s->conf->default_ttl));
	if (!r->cut)
		put_addresses_of_set(r, set);
}

static void put_root_referral(struct reply *r)
{
	const struct dns_conf *conf = r->s->conf;

	for (unsigned i = 0; i < conf->n_hints && !r->cut; i++)
		r->cut = !dns_out_rr(&r->out, DNS_AUTHORITY, &dns_root, DNS_NS, DNS_CLASS_IN,
				     conf->default_ttl, conf->hints[i].name.b,
				     conf->hints[i].name.len);
	for (unsigned i = 0; i < conf->n_hints && !r->cut; i++) {
		const struct dns_hint *h = &conf->hints[i];
		bool v6 = h->addr.family == 6;

		(void)dns_out_rr(&r->out, DNS_ADDITIONAL, &h->name, v6 ? DNS_AAAA : DNS_A,
				 DNS_CLASS_IN, conf->default_ttl, h->addr.b, v6 ? 16 : 4);
	}
}

/* --- decisions --- */

static void decide_ttl(const struct reply *r)
{
	const struct dns_found *f = r->found;
	uint32_t ttl;

	if (!f->n)
		return;
	ttl = f->sets[f->n - 1].ttl;
	if (f->local && f->soa_ttl)
		decide(r->fx, "dns.server.ttl-soa", V_INT("ttl", ttl));
	else
		decide(r->fx, "dns.server.ttl-default", V_INT("ttl", ttl),
		       V_TEXT("source",
			      f->local ? "the default" : "what is left of its time in the cache"));
}

static void decide_bits(const struct reply *r)
{
	decide(r->fx, "dns.server.aa-ra-bits", V_TEXT("aa", r->out.flags & DNS_AA ? "yes" : "no"),
	       V_TEXT("ra", r->s->conf->recursion ? "yes" : "no"));
	if (r->out.flags & DNS_TC)
		decide(r->fx, "dns.server.truncate", V_INT("max", max_len(r->req)));
}

static void decide_answer(const struct reply *r, const char *rule)
{
	const struct dns_out *o = &r->out;
	char name[DNS_TEXT_LEN], type[12], code[12];
	const struct val values[] = { V_TEXT("name", dns_name_text(&r->req->q.name, name)),
				      V_TEXT("type", dns_type_text(r->req->q.type, type)),
				      V_TEXT("rcode", dns_rcode_text(r->rcode, code)),
				      V_INT("answers", o->counts[1 + DNS_ANSWER]),
				      V_ADDR("client", r->req->client.addr),
				      V_END };

	fx_decide(r->fx, rule, values);
}

/* --- one function an outcome --- */

static void reply_found(struct reply *r, bool resumed)
{
	put_answers(r);
	put_soa(r);
	if (!r->cut)
		put_additional(r);
	r->s->stats.answers++;
	decide_ttl(r);
	if (r->cut && !r->req->tcp)
		r->out.flags |= DNS_TC;
	decide_bits(r);
	if (resumed)
		decide_answer(r, "dns.resolver.server.success-response");
	else
		decide_answer(r, "dns.server.success-reply");
}

static void reply_nothing(struct reply *r, enum dns_outcome outcome, bool resumed)
{
	if (outcome != DNS_FAILURE)
		put_soa(r);
	if (outcome == DNS_FAILURE)
		r->s->stats.failures++;
	else
		r->s->stats.negative++;
	decide_bits(r);
	if (outcome == DNS_NO_DATA)
		decide_answer(r, "dns.server.nodata");
	else if (resumed)
		decide_answer(r, "dns.resolver.server.error-response");
	else
		decide_answer(r, "dns.server.failure-reply");
}

static void reply_refer(struct reply *r)
{
	if (r->found->refer_root)
		put_root_referral(r);
	else
		put_referral(r);
	if (r->cut && !r->req->tcp)
		r->out.flags |= DNS_TC;
	decide_bits(r);
	decide_answer(r, "dns.server.referral");
}

static void reply_refuse(struct reply *r)
{
	r->s->stats.refused++;
	decide_bits(r);
	decide_answer(r, "dns.server.refused");
}

static unsigned rcode_of(enum dns_outcome outcome)
{
	switch (outcome) {
	case DNS_FOUND:
	case DNS_NO_DATA:
	case DNS_REFER:
		return DNS_NOERROR;
	case DNS_NO_NAME:
		return DNS_NXDOMAIN;
	case DNS_REFUSE:
		return DNS_REFUSED;
	case DNS_FAILURE:
	case DNS_PENDING:
	case DNS_CYCLE:
		break;
	}
	return DNS_SERVFAIL;
}

void dns_reply(struct dns_server *s, const struct dns_request *req, enum dns_outcome outcome,
	       const struct dns_found *found, bool resumed, nsec_t now, struct fx *fx)
{
	uint8_t small[DNS_EDNS_UDP_MAX];
	struct reply r = { .s = s, .req = req, .found = found, .now = now, .fx = fx, .buf = small };
	bool alias = found->n && (outcome == DNS_NO_DATA || outcome == DNS_NO_NAME);

	if (outcome == DNS_CYCLE)
		outcome = DNS_FAILURE;
	if (req->tcp)
		r.buf = dns_big_buffer(s);
	begin(&r.out, req, r.buf, req->tcp ? 2 + DNS_MSG_MAX : sizeof(small));
	dns_out_question(&r.out, &req->q.name, req->q.type, req->q.class);
	r.rcode = rcode_of(outcome);
	if (found->aa && outcome != DNS_FAILURE)
		r.out.flags |= DNS_AA;
	if (outcome == DNS_FOUND || alias)
		reply_found(&r, resumed);
	else if (outcome == DNS_REFER)
		reply_refer(&r);
	else if (outcome == DNS_REFUSE)
		reply_refuse(&r);
	else
		reply_nothing(&r, outcome, resumed);
	dns_send(s, req, r.buf, end(s, &r.out, req, r.rcode), fx);
}
