/* The failed queries list: what a server did not answer it is not asked again for a while. */
#include "dns/dns_server.h"

#include <stdlib.h>

#include "base/hash.h"

static uint64_t failure_hash(const struct dns_server *s, const struct dns_name *name, uint16_t type,
			     const struct addr *server)
{
	uint64_t hash = hash_mix(dns_name_hash(s->seed, name), type);

	return hash_mix(hash, hash_bytes(s->seed, server->b, sizeof(server->b)));
}

static struct dns_failure *find(const struct dns_server *s, const struct dns_name *name,
				uint16_t type, const struct addr *server)
{
	struct dns_link *l = dns_table_first(&s->failures, failure_hash(s, name, type, server));

	for (; l; l = dns_table_next(l)) {
		struct dns_failure *f = (struct dns_failure *)(void *)l;

		if (f->type == type && addr_equal(&f->server, server) &&
		    dns_name_equal(&f->name, name))
			return f;
	}
	return NULL;
}

bool dns_failed_has(const struct dns_server *s, const struct dns_name *name, uint16_t type,
		    const struct addr *server)
{
	return s->failures.n && find(s, name, type, server);
}

static void failure_key(const struct dns_failure *f, struct sbuf *key)
{
	char name[DNS_TEXT_LEN], type[12], addr[ADDR_TEXT_LEN];

	(void)sbuf_printf(key, "%s %s %s", dns_name_text(&f->name, name),
			  dns_type_text(f->type, type), addr_format(&f->server, addr));
}

/* |fx| NULL when the machine ends. */
static void failure_free(struct dns_server *s, struct dns_failure *f, const char *why,
			 struct fx *fx)
{
	struct sbuf key = SBUF(DNS_TEXT_LEN + 80);

	failure_key(f, &key);
	if (fx)
		fx_fact_end(fx, &dns_failed_fact, sbuf_text(&key), why);
	sbuf_done(&key);
	timer_clear(&s->timers, &f->timer.t);
	dns_table_del(&s->failures, &f->link);
	if (f->prev)
		f->prev->next = f->next;
	else
		s->first_failure = f->next;
	if (f->next)
		f->next->prev = f->prev;
	else
		s->last_failure = f->prev;
	free(f);
}

static struct dns_failure *failure_new(struct dns_server *s, const struct dns_name *name,
				       uint16_t type, const struct addr *server, struct fx *fx)
{
	struct dns_failure *f;

	if (s->failures.n >= DNS_FAILURES_MAX)
		failure_free(s, s->first_failure, "the list is full", fx);
	f = dns_alloc(sizeof(*f));
	f->timer.kind = DNS_TIMER_FAILED;
	f->name = *name;
	f->type = type;
	f->server = *server;
	f->prev = s->last_failure;
	if (s->last_failure)
		s->last_failure->next = f;
	else
		s->first_failure = f;
	s->last_failure = f;
	dns_table_add(&s->failures, &f->link, failure_hash(s, name, type, server));
	return f;
}

void dns_failed_add(struct dns_server *s, const struct dns_name *name, uint16_t type,
		    const struct addr *server, const char *why, nsec_t now, struct fx *fx)
{
	struct dns_failure *f = find(s, name, type, server);
	struct sbuf key = SBUF(DNS_TEXT_LEN + 80);
	char text[DNS_TEXT_LEN], type_text[12];

	if (!f)
		f = failure_new(s, name, type, server, fx);
	timer_set(&s->timers, &f->timer.t, now + s->conf->failed_ns);
	failure_key(f, &key);
	fact_begin(fx, &dns_failed_fact, sbuf_text(&key), V_TEXT("name", dns_name_text(name, text)),
		   V_TEXT("type", dns_type_text(type, type_text)), V_ADDR("server", *server),
		   V_TEXT("reason", why), V_TIME("expires", now + s->conf->failed_ns));
	sbuf_done(&key);
}

void dns_failed_expire(struct dns_server *s, struct dns_timer *t, struct fx *fx)
{
	struct dns_failure *f = dns_timer_owner(t, struct dns_failure);
	char name[DNS_TEXT_LEN];

	decide(fx, "dns.resolver.server.failed-expiry",
	       V_TEXT("name", dns_name_text(&f->name, name)), V_ADDR("server", f->server));
	failure_free(s, f, "old enough to try again", fx);
}

void dns_failed_clear(struct dns_server *s, struct fx *fx)
{
	while (s->first_failure)
		failure_free(s, s->first_failure, "cleared", fx);
	if (!fx)
		dns_table_done(&s->failures);
}
