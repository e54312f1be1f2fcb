#include "dns/dns_resolver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { SOCK_FIRST = 16 };

/* --- a look-up ends --- */

static void forget(struct dns_resolver *r, struct dns_lookup *l, struct fx *fx, const char *why)
{
	struct sbuf key = SBUF(ASK_NAME_MAX + 64);

	if (l->query)
		dns_query_end(&r->asker, fx, l->query);
	if (l->pending) {
		(void)sbuf_printf(&key, "client %u %s", l->slot, l->text);
		fx_fact_end(fx, &dns_pending_fact, sbuf_text(&key), why);
		sbuf_done(&key);
	}
	r->lookups[l->slot] = NULL;
	free(l);
}

static void answered(struct dns_resolver *r, struct dns_lookup *l, const struct answer *a,
		     const struct dns_msg *m, nsec_t now, struct fx *fx)
{
	switch (l->kind) {
	case DNS_FOR_ASK:
		fx_answer(fx, l->id, a);
		break;
	case DNS_FOR_NSLOOKUP:
		dns_nslookup_answered(r, l, m, fx);
		break;
	case DNS_FOR_SERVER:
		dns_nslookup_server(r, l, &a->resolve.addrs[0], now, fx);
		break;
	}
	forget(r, l, fx, "answered");
}

static void failed(struct dns_resolver *r, struct dns_lookup *l, nsec_t now, struct fx *fx)
{
	struct answer a = { .err = l->err };

	switch (l->kind) {
	case DNS_FOR_ASK:
		(void)str_copy(a.why, sizeof(a.why), l->why);
		fx_answer(fx, l->id, &a);
		break;
	case DNS_FOR_NSLOOKUP:
		dns_nslookup_failed(r, l, fx);
		break;
	case DNS_FOR_SERVER:
		dns_nslookup_server(r, l, NULL, now, fx);
		break;
	}
	forget(r, l, fx, l->why);
}

static void blame(struct dns_lookup *l, int err, const char *why)
{
	/* That the name exists says more than that its other spelling does not. */
	if (l->err == -ENODATA && err == -ENOENT)
		return;
	l->err = err;
	(void)str_copy(l->why, sizeof(l->why), why);
}

/* --- asking --- */

static void try_name(struct dns_resolver *r, struct dns_lookup *l, nsec_t now, struct fx *fx);

static void begin_pending(struct dns_lookup *l, const char *name, struct fx *fx)
{
	struct sbuf key = SBUF(ASK_NAME_MAX + 64);
	char type[12];

	(void)sbuf_printf(&key, "client %u %s", l->slot, l->text);
	fact_begin(fx, &dns_pending_fact, sbuf_text(&key), V_TEXT("role", "client"),
		   V_TEXT("name", name), V_TEXT("type", dns_type_text(l->type, type)),
		   V_ADDR("server", l->servers[l->at_server]), V_INT("clients", 1));
	l->pending = true;
	sbuf_done(&key);
}

static void ask_server(struct dns_resolver *r, struct dns_lookup *l, nsec_t now, struct fx *fx)
{
	struct dns_ask ask = { .name = l->names[l->at_name],
			       .type = l->type,
			       .server = l->servers[l->at_server],
			       .zone = dns_root,
			       .rd = true,
			       .repeats = r->conf->retry,
			       .timeout_ns = r->conf->timeout_ns,
			       .owner = l };
	char name[DNS_TEXT_LEN];

	l->query = dns_ask(&r->asker, fx, now, &ask);
	begin_pending(l, dns_name_text(&ask.name, name), fx);
}

/* The next server gets the same question; false when there is none. */
static bool next_server(struct dns_resolver *r, struct dns_lookup *l, nsec_t now, struct fx *fx)
{
	if (l->at_server + 1 >= l->n_servers)
		return false;
	l->at_server++;
	ask_server(r, l, now, fx);
	return true;
}

/* This spelling of the name led nowhere: the next one, or the end. */
static void next_name(struct dns_resolver *r, struct dns_lookup *l, nsec_t now, struct fx *fx)
{
	if (l->at_name + 1 >= l->n_names) {
		failed(r, l, now, fx);
		return;
	}
	l->at_name++;
	l->at_server = 0;
	try_name(r, l, now, fx);
}

static bool from_cache(struct dns_resolver *r, struct dns_lookup *l, nsec_t now, struct fx *fx)
{
	const struct dns_name *name = &l->names[l->at_name];
	char text[DNS_TEXT_LEN], type[12];
	struct answer a;

	if (l->direct || dns_answer_cached(&r->cache, name, l->type, now, &a))
		return false;
	decide(fx, "dns.client.cache-hit", V_TEXT("name", dns_name_text(name, text)),
	       V_TEXT("type", dns_type_text(l->type, type)), V_DUR("ttl", a.resolve.ttl_ns));
	answered(r, l, &a, NULL, now, fx);
	return true;
}

static void no_server(struct dns_resolver *r, struct dns_lookup *l, nsec_t now, struct fx *fx)
{
	bool off = !r->conf->lookup;

	decide(fx, "dns.resolver.no-server", V_TEXT("name", l->text),
	       V_TEXT("reason",
		      off ? "domain lookup is switched off" : "no DNS server is configured"));
	blame(l, -EDESTADDRREQ,
	      off ? "domain lookup is switched off" : "no DNS server is configured");
	failed(r, l, now, fx);
}

static void try_name(struct dns_resolver *r, struct dns_lookup *l, nsec_t now, struct fx *fx)
{
	if (from_cache(r, l, now, fx))
		return;
	if (!l->n_servers)
		no_server(r, l, now, fx);
	else
		ask_server(r, l, now, fx);
}

/* --- a look-up begins --- */

static bool from_hosts(struct dns_resolver *r, struct dns_lookup *l, nsec_t now, struct fx *fx)
{
	struct answer a;
	const char *reason = l->direct ? NULL : dns_answer_without_query(r, l, &a);

	if (!reason)
		return false;
	decide(fx, "dns.client.hosts-table", V_TEXT("name", l->text), V_TEXT("reason", reason));
	answered(r, l, &a, NULL, now, fx);
	return true;
}

/* False when the text is no name. */
static bool choose_names(struct dns_resolver *r, struct dns_lookup *l, struct fx *fx)
{
	const char *why = "";
	int err = dns_names_to_try(r, l, fx, &why);

	if (err)
		blame(l, err, why);
	return !err;
}

unsigned dns_default_servers(const struct dns_resolver *r, struct addr out[static DNS_SERVERS_MAX])
{
	unsigned n = 0;

	if (!r->conf->lookup)
		return 0;
	for (unsigned i = 0; i < r->dev->n_resolvers; i++) {
		const struct fx_resolver *res = &r->dev->resolvers[i];

		for (unsigned k = 0; k < res->n_servers && n < DNS_SERVERS_MAX; k++)
			out[n++] = res->servers[k];
	}
	return n;
}

static bool is_address(const struct dns_lookup *l)
{
	struct addr a;

	return !addr_parse(l->text, &a);
}

static void make_reverse(struct dns_lookup *l, struct fx *fx)
{
	char name[DNS_TEXT_LEN];

	(void)addr_parse(l->text, &l->reverse_addr);
	l->type = DNS_PTR;
	l->reverse = true;
	l->n_names = 1;
	dns_name_reverse(&l->reverse_addr, &l->names[0]);
	decide(fx, "dns.resolver.reverse", V_ADDR("addr", l->reverse_addr),
	       V_TEXT("name", dns_name_text(&l->names[0], name)));
}

void dns_lookup_start(struct dns_resolver *r, struct dns_lookup *l, nsec_t now, struct fx *fx)
{
	char type[12];

	decide(fx, "dns.client.get-resolver", V_TEXT("name", l->text),
	       V_TEXT("type", dns_type_text(l->type, type)));
	if (!l->n_servers)
		l->n_servers = dns_default_servers(r, l->servers);
	if (is_address(l) && (l->type == DNS_PTR || l->direct)) {
		make_reverse(l, fx);
	} else if (!is_address(l) && !choose_names(r, l, fx)) {
		failed(r, l, now, fx);
		return;
	}
	if (from_hosts(r, l, now, fx))
		return;
	try_name(r, l, now, fx);
}

struct dns_lookup *dns_lookup_new(struct dns_resolver *r, enum dns_lookup_kind kind, uint32_t id,
				  const char *text, uint16_t type)
{
	for (unsigned i = 0; i < DNS_LOOKUPS_MAX; i++) {
		struct dns_lookup *l;

		if (r->lookups[i])
			continue;
		l = r->lookups[i] = dns_alloc(sizeof(*l));
		l->slot = i;
		l->kind = kind;
		l->id = id;
		l->type = type;
		(void)str_copy(l->text, sizeof(l->text), text);
		return l;
	}
	return NULL;
}

static void asked(struct dns_resolver *r, const struct ev *ev, struct fx *fx)
{
	const struct ask_resolve *want = &ev->ask.ask->resolve;
	struct answer busy = { .err = -EBUSY, .why = "too many names are being looked up" };
	struct dns_lookup *l = dns_lookup_new(r, DNS_FOR_ASK, ev->ask.ask_id, want->name,
					      want->type ? want->type : DNS_A);

	if (l)
		dns_lookup_start(r, l, ev->now, fx);
	else
		fx_answer(fx, ev->ask.ask_id, &busy);
}

/* --- what came back --- */

static const char *rcode_reason(unsigned rcode)
{
	return rcode == DNS_NXDOMAIN ? "no such name" : "the name has no record of this type";
}

/* RFC 1123 §6.1.3.1: a server that cannot or will not answer is not the last word. */
static void server_cannot(struct dns_resolver *r, struct dns_lookup *l, unsigned rcode, nsec_t now,
			  struct fx *fx)
{
	char code[12], why[ANSWER_WHY_MAX];
	struct sbuf text = SBUF(sizeof(why) - 1);

	decide(fx, "dns.resolver.client.next-server", V_ADDR("server", l->servers[l->at_server]),
	       V_TEXT("rcode", dns_rcode_text(rcode, code)),
	       V_INT("servers_left", l->n_servers - l->at_server - 1));
	(void)sbuf_printf(&text, "the DNS server answered %s", dns_rcode_text(rcode, code));
	blame(l, rcode == DNS_REFUSED ? -ECONNREFUSED : -EAGAIN, sbuf_text(&text));
	sbuf_done(&text);
	if (!next_server(r, l, now, fx))
		next_name(r, l, now, fx);
}

static void no_answers(struct dns_resolver *r, struct dns_lookup *l, const struct dns_msg *m,
		       nsec_t now, struct fx *fx)
{
	unsigned rcode = dns_rcode(m->flags);
	char name[DNS_TEXT_LEN];

	decide(fx, "dns.resolver.client.no-answers",
	       V_TEXT("name", dns_name_text(&l->names[l->at_name], name)),
	       V_TEXT("reason", rcode_reason(rcode)));
	blame(l, rcode == DNS_NXDOMAIN ? -ENOENT : -ENODATA, rcode_reason(rcode));
	next_name(r, l, now, fx);
}

static void with_answers(struct dns_resolver *r, struct dns_lookup *l, const struct dns_msg *m,
			 nsec_t now, struct fx *fx)
{
	const struct dns_name *name = &l->names[l->at_name];
	struct answer a = { 0 };
	char text[DNS_TEXT_LEN], type[12];
	int err = dns_answer_read(&r->cache, m, name, l->type, now, fx, &a);

	if (l->type == DNS_ANY)
		err = 0; /* whatever there is */
	if (err) {
		decide(fx, "dns.resolver.client.no-ip", V_TEXT("name", dns_name_text(name, text)),
		       V_TEXT("type", dns_type_text(l->type, type)),
		       V_INT("answers", m->n_rr[DNS_ANSWER]));
		blame(l, dns_rcode(m->flags) == DNS_NXDOMAIN ? -ENOENT : -ENODATA,
		      rcode_reason(dns_rcode(m->flags)));
		next_name(r, l, now, fx);
		return;
	}
	decide(fx, "dns.resolver.client.success", V_TEXT("name", dns_name_text(name, text)),
	       V_TEXT("type", dns_type_text(l->type, type)),
	       a.resolve.n_addrs ? V_ADDR("addr", a.resolve.addrs[0])
				 : V_TEXT("addr", a.resolve.name),
	       V_INT("n", a.resolve.n_addrs));
	answered(r, l, &a, m, now, fx);
}

static void heard_answer(struct dns_resolver *r, struct dns_lookup *l, const struct dns_msg *m,
			 nsec_t now, struct fx *fx)
{
	unsigned rcode = dns_rcode(m->flags);

	decide(fx, "dns.resolver.client-owned", V_TEXT("name", l->text));
	if (rcode != DNS_NOERROR && rcode != DNS_NXDOMAIN)
		server_cannot(r, l, rcode, now, fx);
	else if (m->n_rr[DNS_ANSWER] == 0)
		no_answers(r, l, m, now, fx);
	else
		with_answers(r, l, m, now, fx);
}

static void news(struct dns_resolver *r, const struct dns_news *n, nsec_t now, struct fx *fx)
{
	struct dns_query *q = n->query;
	struct dns_lookup *l;
	struct dns_msg m = n->msg;
	struct sbuf kept = SBUF(DNS_MSG_MAX);

	if (n->heard == DNS_HEARD_NOTHING)
		return;
	l = q->owner;
	l->query = NULL;
	if (n->heard == DNS_HEARD_ANSWER && q->state == DNS_Q_TCP) {
		/* The bytes are the query's, which ends before they are read. */
		(void)sbuf_put(&kept, m.data, m.len);
		m.data = (const uint8_t *)kept.data;
	}
	dns_query_end(&r->asker, fx, q);
	if (n->heard == DNS_HEARD_ANSWER) {
		heard_answer(r, l, &m, now, fx);
	} else {
		blame(l, -ETIMEDOUT, n->why);
		if (!next_server(r, l, now, fx))
			failed(r, l, now, fx);
	}
	sbuf_done(&kept);
}

/* --- the machine --- */

static void *create(const struct machine_env *env)
{
	struct dns_resolver *r = dns_alloc(sizeof(*r));

	r->dev = env->dev;
	r->conf = env->conf;
	r->nslookup_type = DNS_A;
	dns_cache_init(&r->cache, "client", hash_mix(env->seed, 1), &r->timers);
	dns_asker_init(&r->asker, hash_mix(env->seed, 2), &r->timers, SOCK_FIRST, DNS_LOOKUPS_MAX);
	return r;
}

static void destroy(void *machine)
{
	struct dns_resolver *r = machine;

	if (!r)
		return;
	for (unsigned i = 0; i < DNS_LOOKUPS_MAX; i++)
		free(r->lookups[i]);
	dns_asker_done(&r->asker);
	dns_cache_done(&r->cache);
	timers_done(&r->timers);
	free(r);
}

/* ip name-server and ip domain-name become the device's static resolver. */
static void tell_device(struct dns_resolver *r, struct fx *fx)
{
	struct fx_resolver mine;
	char domain[DNS_TEXT_LEN];

	memset(&mine, 0, sizeof(mine)); /* it is compared octet by octet */
	(void)str_copy(mine.source, sizeof(mine.source), "static");
	mine.n_servers = r->conf->n_name_servers;
	memcpy(mine.servers, r->conf->name_servers, sizeof(mine.servers));
	if (r->conf->has_domain)
		(void)str_copy(mine.domain, sizeof(mine.domain),
			       dns_name_text(&r->conf->domain, domain));
	if (!memcmp(&mine, &r->told, sizeof(mine)) || (!*r->told.source && !mine.n_servers))
		return;
	r->told = mine;
	fx_resolver(fx, &mine);
}

/* A bounded piece of what is due; deadline() stays in the past until all is done. */
static void timers(struct dns_resolver *r, nsec_t now, struct fx *fx)
{
	unsigned n_facts = 0;
	struct dns_timer *t;
	struct dns_news n;

	for (unsigned i = 0; i < DNS_TIMERS_PER_EVENT && n_facts < DNS_FACTS_PER_EVENT; i++) {
		t = (struct dns_timer *)(void *)timers_pop(&r->timers, now);
		if (!t)
			return;
		if (t->kind == DNS_TIMER_CACHE) {
			n_facts += dns_cache_expire(&r->cache, fx, t);
			continue;
		}
		dns_asker_timer(&r->asker, t, now, fx, &n);
		news(r, &n, now, fx);
	}
}

static void event(void *machine, const struct ev *ev, struct fx *fx)
{
	struct dns_resolver *r = machine;
	struct dns_news n;

	switch (ev->kind) {
	case EV_START:
	case EV_CONF:
		tell_device(r, fx);
		break;
	case EV_ASK:
		asked(r, ev, fx);
		break;
	case EV_TIMER:
		timers(r, ev->now, fx);
		break;
	case EV_DATAGRAM:
	case EV_OPENED:
	case EV_BYTES:
	case EV_CLOSED:
	case EV_DONE:
		dns_asker_event(&r->asker, ev, fx, &n);
		news(r, &n, ev->now, fx);
		break;
	case EV_DRAINED:
	case EV_LINK:
	case EV_ADDR:
	case EV_ANSWER:
	case EV_RESTORE:
	case EV_LOG:
	case EV_INPUT:
	case EV_LINE:
	case EV_STOP:
		break;
	}
}

static nsec_t deadline(const void *machine)
{
	const struct dns_resolver *r = machine;

	return timers_deadline(&r->timers);
}

const struct machine_class dns_resolver_class = {
	.name = "dns.resolver",
	.kinds = KINDS_L3,
	.answers = BIT(ASK_RESOLVE),
	.create = create,
	.destroy = destroy,
	.event = event,
	.deadline = deadline,
};
