/* What the client knows before it asks anybody: which names to try, addresses in text, the hosts
 * table. */
#include "dns/dns_resolver.h"

#include <string.h>
#include <strings.h>

/* --- the names to try --- */

bool dns_default_domain(const struct dns_resolver *r, struct dns_name *ret)
{
	const char *why;

	if (r->conf->has_domain) {
		*ret = r->conf->domain;
		return true;
	}
	for (unsigned i = 0; i < r->dev->n_resolvers; i++)
		if (*r->dev->resolvers[i].domain &&
		    !dns_name_parse(r->dev->resolvers[i].domain, ret, &why))
			return true;
	return false;
}

/* RFC 1123 §6.1.4.3: one label is likely to be a host of this domain, several are likely to be a
 * whole name already. */
static void add_suffix(struct dns_lookup *l, const struct dns_name *domain, struct fx *fx)
{
	struct dns_name whole = l->names[0];
	bool suffix_first = dns_name_labels(&whole) == 1;
	char first[DNS_TEXT_LEN], second[DNS_TEXT_LEN];

	if (dns_name_append(&whole, domain))
		return;
	l->names[suffix_first ? 1 : 0] = l->names[0];
	l->names[suffix_first ? 0 : 1] = whole;
	l->n_names = 2;
	decide(fx, "dns.resolver.search-suffix", V_TEXT("name", l->text),
	       V_TEXT("first", dns_name_text(&l->names[0], first)),
	       V_TEXT("then", dns_name_text(&l->names[1], second)));
}

int dns_names_to_try(const struct dns_resolver *r, struct dns_lookup *l, struct fx *fx,
		     const char **reterr)
{
	struct dns_name domain;
	int err = dns_name_parse(l->text, &l->names[0], reterr);

	l->n_names = 1;
	if (err) {
		decide(fx, "dns.name.drop-long-label", V_TEXT("name", l->text),
		       V_TEXT("reason", *reterr));
	} else if (dns_text_is_absolute(l->text)) {
		decide(fx, "dns.name.fqdn", V_TEXT("name", l->text));
	} else if (dns_default_domain(r, &domain) && !dns_name_is_root(&domain)) {
		add_suffix(l, &domain, fx);
	}
	return err;
}

/* --- without the network --- */

static void host_answer(const struct dns_host *host, uint16_t type, struct answer *a)
{
	*a = (struct answer){ 0 };
	a->resolve.ttl_ns = 0;
	for (unsigned i = 0; i < host->n_addrs; i++)
		if (host->addrs[i].family == (type == DNS_AAAA ? 6 : 4))
			a->resolve.addrs[a->resolve.n_addrs++] = host->addrs[i];
}

static bool host_has(const struct dns_host *host, const struct addr *addr)
{
	for (unsigned i = 0; i < host->n_addrs; i++)
		if (addr_equal(&host->addrs[i], addr))
			return true;
	return false;
}

static const struct dns_host *host_by_addr(const struct dns_conf *conf, const struct addr *addr)
{
	for (size_t i = 0; i < conf->n_hosts; i++)
		if (host_has(conf->hosts[i], addr))
			return conf->hosts[i];
	return NULL;
}

/* RFC 6761 §6.3: this name never leaves the device. */
static bool is_localhost(const struct dns_lookup *l, struct answer *a)
{
	bool v6 = l->type == DNS_AAAA;

	if ((!v6 && l->type != DNS_A) ||
	    (strcasecmp(l->text, "localhost") && strcasecmp(l->text, "localhost.")))
		return false;
	*a = (struct answer){ 0 };
	a->resolve.n_addrs = 1;
	a->resolve.addrs[0] = v6 ? (struct addr){ .family = 6, .b[15] = 1 } : addr4(127, 0, 0, 1);
	(void)str_copy(a->resolve.name, sizeof(a->resolve.name), "localhost");
	return true;
}

static const struct dns_host *host_for(const struct dns_resolver *r, const struct dns_lookup *l)
{
	const struct dns_host *host = NULL;

	if (l->reverse)
		return host_by_addr(r->conf, &l->reverse_addr);
	for (unsigned i = 0; i < l->n_names && !host; i++)
		host = dns_conf_host(r->conf, &l->names[i]);
	return host;
}

const char *dns_answer_without_query(const struct dns_resolver *r, const struct dns_lookup *l,
				     struct answer *a)
{
	const struct dns_host *host;
	char text[DNS_TEXT_LEN];

	*a = (struct answer){ 0 };
	if (l->type != DNS_PTR && !addr_parse(l->text, &a->resolve.addrs[0])) {
		a->resolve.n_addrs = 1;
		(void)str_copy(a->resolve.name, sizeof(a->resolve.name), l->text);
		return "it is an address";
	}
	if (is_localhost(l, a))
		return "it is this device";
	host = l->type == DNS_A || l->type == DNS_AAAA || l->reverse ? host_for(r, l) : NULL;
	if (!host)
		return NULL;
	host_answer(host, l->type, a);
	if (!a->resolve.n_addrs && !l->reverse)
		return NULL;
	(void)str_copy(a->resolve.name, sizeof(a->resolve.name), dns_name_text(&host->name, text));
	return "it stands in the hosts table";
}
