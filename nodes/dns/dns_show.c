/* show hosts, clear host, ipconfig /displaydns and /flushdns, show ip dns ... */
#include "dns/dns_resolver.h"
#include "dns/dns_server.h"

#include <string.h>

enum { RULER = 40 };

static void put_data(const struct dns_entry *e, struct sbuf *out)
{
	struct dns_record r;
	size_t pos = 0;
	bool first = true;

	for (; dns_rrset_next(&e->set, &pos, &r); first = false) {
		(void)sbuf_puts(out, first ? "" : "\n                                      ");
		dns_rdata_text(e->type, r.data, r.len, out);
	}
}

/* --- show hosts, as IOS prints it --- */

static void print_host_head(const struct dns_resolver *r, uint32_t call, struct fx *fx)
{
	struct addr servers[DNS_SERVERS_MAX];
	char text[DNS_TEXT_LEN], addr[ADDR_TEXT_LEN];
	unsigned n = dns_default_servers(r, servers);
	struct dns_name domain;

	if (dns_default_domain(r, &domain))
		fx_print(fx, call, "Default domain is %s\n", dns_name_text(&domain, text));
	else
		fx_print(fx, call, "Default domain is not set\n");
	fx_print(fx, call, "Name/address lookup uses %s\nName servers are ",
		 r->conf->lookup ? "domain service" : "static mappings");
	for (unsigned i = 0; i < n; i++)
		fx_print(fx, call, "%s%s", i ? ", " : "", addr_format(&servers[i], addr));
	fx_print(fx, call, "%s\n\n", n ? "" : "not set");
	fx_print(fx, call,
		 "Codes: UN - unknown, EX - expired, OK - OK, ?? - revalidate\n"
		 "       temp - temporary, perm - permanent\n"
		 "       NA - Not Applicable None - Not defined\n\n");
	fx_print(fx, call, "%-25s %-5s %-11s %-4s %-5s %s\n", "Host", "Port", "Flags", "Age",
		 "Type", "Address(es)");
}

static void print_host(const struct dns_host *host, uint32_t call, struct fx *fx)
{
	char text[DNS_TEXT_LEN], addr[ADDR_TEXT_LEN];

	for (unsigned i = 0; i < host->n_addrs; i++)
		fx_print(fx, call, "%-25s %-5s %-11s %-4s %-5s %s\n",
			 i ? "" : dns_name_text(&host->name, text), i ? "" : "None",
			 i ? "" : "(perm, OK)", i ? "" : "0",
			 host->addrs[i].family == 6 ? "IPV6" : "IP",
			 addr_format(&host->addrs[i], addr));
}

static void print_temporary(const struct dns_entry *e, uint32_t call, struct fx *fx)
{
	struct sbuf data = SBUF(DNS_RRSET_BYTES_MAX * 4);
	char text[DNS_TEXT_LEN], type[12];
	const char *kind = e->type == DNS_A	 ? "IP"
			   : e->type == DNS_AAAA ? "IPV6"
						 : dns_type_text(e->type, type);

	if (e->kind != DNS_POSITIVE || e->cleared)
		return;
	put_data(e, &data);
	fx_print(fx, call, "%-25s %-5s %-11s %-4s %-5s %s\n", dns_name_text(&e->name, text), "None",
		 "(temp, OK)", "0", kind, sbuf_text(&data));
	sbuf_done(&data);
}

void dns_run_show_hosts(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	const struct dns_resolver *r = machine;

	(void)now;
	print_host_head(r, call->id, fx);
	for (size_t i = 0; i < r->conf->n_hosts; i++)
		print_host(r->conf->hosts[i], call->id, fx);
	for (const struct dns_entry *e = r->cache.first; e; e = e->next)
		print_temporary(e, call->id, fx);
	fx_cmd_done(fx, call->id, 0);
}

void dns_run_clear_host(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct dns_resolver *r = machine;
	struct dns_name name;
	const char *why, *text = call->args[0].text;
	int status = 0;

	if (!strcmp(text, "*")) {
		(void)dns_cache_flush(&r->cache, fx, now, NULL);
	} else if (dns_name_parse(text, &name, &why)) {
		fx_print(fx, call->id, "%% %s is not a domain name: %s\n", text, why);
		status = 1;
	} else if (!dns_cache_flush(&r->cache, fx, now, &name)) {
		fx_print(fx, call->id, "%% %s is not in the cache\n", text);
		status = 1;
	}
	fx_cmd_done(fx, call->id, status);
}

/* --- ipconfig, as Windows prints it --- */

static const char *record_words(uint16_t type)
{
	switch (type) {
	case DNS_A:
		return "A (Host) Record . . . : ";
	case DNS_AAAA:
		return "AAAA Record . . . . . : ";
	case DNS_CNAME:
		return "CNAME Record  . . . . : ";
	case DNS_PTR:
		return "PTR Record  . . . . . : ";
	case DNS_MX:
		return "MX Record . . . . . . : ";
	case DNS_NS:
		return "NS Record . . . . . . : ";
	default:
		return "Record Data . . . . . : ";
	}
}

static void display_entry(const struct dns_entry *e, uint32_t call, nsec_t now, struct fx *fx)
{
	struct sbuf data = SBUF(DNS_RDATA_MAX * 5);
	char name[DNS_TEXT_LEN];
	struct dns_record r;
	size_t pos = 0;

	(void)dns_name_text(&e->name, name);
	fx_print(fx, call, "    %s\n    %.*s\n", name, RULER,
		 "----------------------------------------");
	while (dns_rrset_next(&e->set, &pos, &r)) {
		sbuf_reset(&data);
		dns_rdata_text(e->type, r.data, r.len, &data);
		fx_print(fx, call,
			 "    Record Name . . . . . : %s\n    Record Type . . . . . : %u\n", name,
			 e->type);
		fx_print(fx, call,
			 "    Time To Live  . . . . : %u\n    Data Length . . . . . : %u\n",
			 dns_entry_ttl(e, now), r.len);
		fx_print(fx, call, "    Section . . . . . . . : Answer\n    %s%s\n\n\n",
			 record_words(e->type), sbuf_text(&data));
	}
	sbuf_done(&data);
}

void dns_run_displaydns(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	const struct dns_resolver *r = machine;

	fx_print(fx, call->id, "\nWindows IP Configuration\n\n");
	for (const struct dns_entry *e = r->cache.first; e; e = e->next)
		if (e->kind == DNS_POSITIVE && e->expires_ns >= now)
			display_entry(e, call->id, now, fx);
	fx_cmd_done(fx, call->id, 0);
}

void dns_run_flushdns(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct dns_resolver *r = machine;

	(void)dns_cache_flush(&r->cache, fx, now, NULL);
	fx_print(fx, call->id,
		 "\nWindows IP Configuration\n\nSuccessfully flushed the DNS Resolver Cache.\n");
	fx_cmd_done(fx, call->id, 0);
}

/* --- show ip dns --- */

static void print_zone(const struct dns_node *apex, uint32_t call, struct fx *fx)
{
	const struct dns_rrset *set = dns_node_set(apex, DNS_SOA);
	char zone[DNS_TEXT_LEN], mname[DNS_TEXT_LEN], rname[DNS_TEXT_LEN];
	struct dns_record r;
	struct dns_soa soa;
	size_t pos = 0;

	if (!set || !dns_rrset_next(set, &pos, &r) || !dns_soa_read(r.data, r.len, &soa))
		return;
	fx_print(fx, call, "Primary for zone %s:\n  SOA information:\n",
		 dns_name_text(&apex->name, zone));
	fx_print(fx, call, "  Zone primary (MNAME): %s\n  Zone contact (RNAME): %s\n",
		 dns_name_text(&soa.mname, mname), dns_name_text(&soa.rname, rname));
	fx_print(fx, call, "  Serial:               %u\n  Refresh (seconds):    %u\n", soa.serial,
		 soa.refresh);
	fx_print(fx, call, "  Retry (seconds):      %u\n  Expire (seconds):     %u\n", soa.retry,
		 soa.expire);
	fx_print(fx, call, "  Minimum (seconds):    %u\n\n", soa.minimum);
}

void dns_run_show_primary(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	const struct dns_server *s = machine;

	(void)now;
	for (size_t i = 0; i < s->db->n_nodes; i++)
		print_zone(s->db->nodes[i], call->id, fx);
	fx_cmd_done(fx, call->id, 0);
}

static void print_set(const struct dns_name *owner, const struct dns_rrset *set, uint32_t ttl,
		      const char *state, uint32_t call, struct fx *fx)
{
	struct sbuf line = SBUF(DNS_RDATA_MAX * 5);
	char name[DNS_TEXT_LEN], type[12];
	struct dns_record r;
	size_t pos = 0;

	(void)dns_name_text(owner, name);
	while (dns_rrset_next(set, &pos, &r)) {
		sbuf_reset(&line);
		dns_rdata_text(set->type, r.data, r.len, &line);
		fx_print(fx, call, "%-31s %-10u IN %-6s %s%s\n", name, ttl,
			 dns_type_text(set->type, type), sbuf_text(&line), state);
	}
	sbuf_done(&line);
}

void dns_run_show_records(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	const struct dns_server *s = machine;

	(void)now;
	for (size_t i = 0; i < s->db->n_nodes; i++) {
		const struct dns_node *node = s->db->nodes[i];

		for (unsigned k = 0; k < node->n_sets; k++)
			print_set(&node->name, &node->sets[k],
				  dns_node_ttl(node, &node->sets[k], s->conf->default_ttl), "",
				  call->id, fx);
	}
	fx_cmd_done(fx, call->id, 0);
}

void dns_run_show_cache(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	const struct dns_server *s = machine;
	char name[DNS_TEXT_LEN], type[12];

	for (const struct dns_entry *e = s->cache.first; e; e = e->next) {
		uint32_t ttl = dns_entry_ttl(e, now);

		if (e->cleared)
			continue;
		if (e->kind == DNS_POSITIVE)
			print_set(&e->name, &e->set, ttl, "", call->id, fx);
		else
			fx_print(fx, call->id, "%-31s %-10u IN %-6s ;%s\n",
				 dns_name_text(&e->name, name), ttl,
				 e->type ? dns_type_text(e->type, type) : "ANY",
				 e->kind == DNS_NX ? "no such name" : "no such type");
	}
	fx_cmd_done(fx, call->id, 0);
}

void dns_run_show_statistics(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	const struct dns_server *s = machine;
	const struct dns_stats *t = &s->stats;
	unsigned long long udp = t->udp, tcp = t->tcp;

	(void)now;
	fx_print(fx, call->id, "DNS requests received = %llu ( %llu + %llu )\n", udp + tcp, udp,
		 tcp);
	fx_print(fx, call->id, "DNS requests dropped  = %llu\n", (unsigned long long)t->dropped);
	fx_print(fx, call->id,
		 "DNS responses replied = %llu ( %llu answers, %llu negative, %llu failed, %llu "
		 "refused )\n",
		 (unsigned long long)(t->answers + t->negative + t->failures + t->refused),
		 (unsigned long long)t->answers, (unsigned long long)t->negative,
		 (unsigned long long)t->failures, (unsigned long long)t->refused);
	fx_print(fx, call->id, "Secondary queries sent = %llu, searches waiting = %zu\n",
		 (unsigned long long)t->secondary, s->jobs.n);
	fx_cmd_done(fx, call->id, 0);
}

void dns_run_clear_cache(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct dns_server *s = machine;

	(void)dns_cache_flush(&s->cache, fx, now, NULL);
	dns_failed_clear(s, fx);
	fx_cmd_done(fx, call->id, 0);
}
