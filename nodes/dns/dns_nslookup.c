/* nslookup [-type=TYPE] NAME|ADDRESS [SERVER], in the words of the Windows program. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "dns/dns_resolver.h"

/* --- output --- */

/* How the answers name the server: as typed, or its address in brackets when nobody gave a name. */
static void put_server(const struct dns_lookup *l, struct sbuf *out)
{
	char addr[ADDR_TEXT_LEN];
	struct addr a;

	if (*l->other && addr_parse(l->other, &a))
		(void)sbuf_puts(out, l->other);
	else
		(void)sbuf_printf(out, "[%s]", addr_format(&l->servers[l->at_server], addr));
}

static void print_server(const struct dns_lookup *l, struct fx *fx)
{
	struct sbuf server = SBUF(ASK_NAME_MAX);
	char addr[ADDR_TEXT_LEN];

	put_server(l, &server);
	fx_print(fx, l->id, "Server:  %s\nAddress:  %s\n\n", sbuf_text(&server),
		 addr_format(&l->servers[0], addr));
	sbuf_done(&server);
}

/* The end of the chain of aliases, and the names passed on the way. */
static void follow_aliases(const struct dns_msg *m, struct dns_name *at, struct sbuf *aliases)
{
	char text[DNS_TEXT_LEN];

	for (unsigned link = 0; link < DNS_CHAIN_MAX; link++) {
		struct dns_rrset set;
		struct dns_record r;
		size_t pos = 0;
		bool more;

		dns_rrset_from(m, DNS_ANSWER, at, DNS_CNAME, &set);
		more = dns_rrset_next(&set, &pos, &r);
		if (more)
			(void)sbuf_printf(aliases, "%s%s\n",
					  aliases->len ? "          " : "Aliases:  ",
					  dns_name_text(at, text));
		more = more && dns_rdata_name(DNS_CNAME, r.data, r.len, at);
		dns_rrset_done(&set);
		if (!more)
			return;
	}
}

static void print_addresses(const struct dns_lookup *l, const struct dns_msg *m, struct fx *fx)
{
	struct sbuf aliases = SBUF(16384), text = SBUF(16384);
	struct dns_name at = l->names[l->at_name];
	char name[DNS_TEXT_LEN];
	struct dns_rrset set;
	struct dns_record r;
	size_t pos = 0;

	follow_aliases(m, &at, &aliases);
	dns_rrset_from(m, DNS_ANSWER, &at, l->type, &set);
	while (dns_rrset_next(&set, &pos, &r)) {
		(void)sbuf_puts(&text, text.len ? "          " : "");
		dns_rdata_text(l->type, r.data, r.len, &text);
		(void)sbuf_puts(&text, "\n");
	}
	fx_print(fx, l->id, "Name:    %s\n%s  %s%s\n", dns_name_text(&at, name),
		 set.n > 1 ? "Addresses:" : "Address:", sbuf_text(&text), sbuf_text(&aliases));
	dns_rrset_done(&set);
	sbuf_done(&aliases);
	sbuf_done(&text);
}

static void print_soa(const struct dns_rdata *d, struct dns_lookup *l, struct fx *fx)
{
	char mname[DNS_TEXT_LEN], rname[DNS_TEXT_LEN];
	struct dns_soa soa;

	if (!dns_soa_read(d->b, d->len, &soa))
		return;
	fx_print(fx, l->id, "\n\tprimary name server = %s\n\tresponsible mail addr = %s\n",
		 dns_name_text(&soa.mname, mname), dns_name_text(&soa.rname, rname));
	fx_print(fx, l->id, "\tserial  = %u\n\trefresh = %u\n\tretry   = %u\n\texpire  = %u\n",
		 soa.serial, soa.refresh, soa.retry, soa.expire);
	fx_print(fx, l->id, "\tdefault TTL = %u\n", soa.minimum);
}

static void print_srv(const struct dns_rdata *d, struct dns_lookup *l, struct fx *fx)
{
	struct dns_name target;
	char text[DNS_TEXT_LEN];
	struct rd r;
	unsigned priority, weight, port;

	rd_init(&r, d->b, d->len);
	priority = rd_u16(&r);
	weight = rd_u16(&r);
	port = rd_u16(&r);
	if (!dns_rdata_name(DNS_SRV, d->b, d->len, &target))
		return;
	fx_print(fx, l->id,
		 "\tSRV service location:\n\t  priority       = %u\n\t  weight         = %u\n",
		 priority, weight);
	fx_print(fx, l->id, "\t  port           = %u\n\t  svr hostname   = %s\n", port,
		 dns_name_text(&target, text));
}

static const char *words_of(uint16_t type)
{
	switch (type) {
	case DNS_CNAME:
		return "canonical name = ";
	case DNS_NS:
		return "nameserver = ";
	case DNS_PTR:
		return "name = ";
	case DNS_A:
		return "internet address = ";
	case DNS_AAAA:
		return "AAAA IPv6 address = ";
	case DNS_TXT:
		return "text =\n\n\t";
	default:
		return NULL;
	}
}

static void print_record(struct dns_lookup *l, const struct dns_rr *rr, const struct dns_rdata *d,
			 struct fx *fx)
{
	struct sbuf text = SBUF(16384);
	char owner[DNS_TEXT_LEN], type[12], target[DNS_TEXT_LEN];
	struct dns_name exchange;

	fx_print(fx, l->id, "%s", dns_name_text(&rr->owner, owner));
	if (rr->type == DNS_SOA) {
		print_soa(d, l, fx);
	} else if (rr->type == DNS_SRV) {
		print_srv(d, l, fx);
	} else if (rr->type == DNS_MX && dns_rdata_name(DNS_MX, d->b, d->len, &exchange)) {
		fx_print(fx, l->id, "\tMX preference = %u, mail exchanger = %s\n",
			 (unsigned)d->b[0] << 8 | d->b[1], dns_name_text(&exchange, target));
	} else {
		dns_rdata_text(rr->type, d->b, d->len, &text);
		if (words_of(rr->type))
			fx_print(fx, l->id, "\t%s%s\n", words_of(rr->type), sbuf_text(&text));
		else
			fx_print(fx, l->id, "\t%s = %s\n", dns_type_text(rr->type, type),
				 sbuf_text(&text));
	}
	sbuf_done(&text);
}

static void print_records(struct dns_lookup *l, const struct dns_msg *m, struct fx *fx)
{
	struct dns_rdata data;
	struct dns_rrs it;
	struct dns_rr rr;

	dns_rrs(m, &it);
	while (dns_rr_next(&it, &rr) && rr.section == DNS_ANSWER)
		if (!dns_rr_data(m, &rr, &data))
			print_record(l, &rr, &data, fx);
	fx_print(fx, l->id, "\n");
}

static void print_reverse(struct dns_lookup *l, const struct dns_msg *m, struct fx *fx)
{
	char name[DNS_TEXT_LEN], addr[ADDR_TEXT_LEN];
	struct dns_name target;
	struct dns_rrset set;
	struct dns_record r;
	size_t pos = 0;

	dns_rrset_from(m, DNS_ANSWER, &l->names[0], DNS_PTR, &set);
	if (dns_rrset_next(&set, &pos, &r) && dns_rdata_name(DNS_PTR, r.data, r.len, &target))
		fx_print(fx, l->id, "Name:    %s\nAddress:  %s\n\n", dns_name_text(&target, name),
			 addr_format(&l->reverse_addr, addr));
	else /* behind an alias (RFC 2317) */
		print_records(l, m, fx);
	dns_rrset_done(&set);
}

void dns_nslookup_answered(struct dns_resolver *r, struct dns_lookup *l, const struct dns_msg *m,
			   struct fx *fx)
{
	(void)r;
	if (!(m->flags & DNS_AA))
		fx_print(fx, l->id, "Non-authoritative answer:\n");
	if (l->reverse)
		print_reverse(l, m, fx);
	else if (l->type == DNS_A || l->type == DNS_AAAA)
		print_addresses(l, m, fx);
	else
		print_records(l, m, fx);
	fx_cmd_done(fx, l->id, 0);
}

void dns_nslookup_failed(struct dns_resolver *r, struct dns_lookup *l, struct fx *fx)
{
	struct sbuf server = SBUF(ASK_NAME_MAX);
	char type[12];

	if (l->n_servers)
		put_server(l, &server);
	if (l->err == -ENOENT)
		fx_print(fx, l->id, "*** %s can't find %s: Non-existent domain\n",
			 sbuf_text(&server), l->text);
	else if (l->err == -ENODATA)
		fx_print(fx, l->id, "*** No %s records available for %s\n",
			 l->type == DNS_A ? "address (A)" : dns_type_text(l->type, type), l->text);
	else if (l->err == -ETIMEDOUT)
		fx_print(fx, l->id,
			 "DNS request timed out.\n    timeout was %u seconds.\n*** Request to %s "
			 "timed-out\n",
			 (unsigned)(r->conf->timeout_ns / SEC), sbuf_text(&server));
	else if (l->err == -EDESTADDRREQ)
		fx_print(fx, l->id, "*** Default servers are not available: %s\n", l->why);
	else
		fx_print(fx, l->id, "*** %s can't find %s: %s\n", sbuf_text(&server), l->text,
			 l->why);
	sbuf_done(&server);
	fx_cmd_done(fx, l->id, 1);
}

/* --- input --- */

struct nslookup {
	char name[ASK_NAME_MAX], server[ASK_NAME_MAX];
	unsigned n_words;
	uint16_t type;
	bool type_given;
};

/* -type=MX, -q=MX, -querytype=MX; the minus is not needed after "set". 0 = not an option. */
static int take_type(const char *word, struct nslookup *n)
{
	static const char *const keys[] = { "type=", "q=", "querytype=" };

	word += *word == '-';
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		size_t len = strlen(keys[i]);

		if (strncasecmp(word, keys[i], len))
			continue;
		n->type_given = true;
		return dns_type_parse(word + len, &n->type) ? -EINVAL : 1;
	}
	return 0;
}

static int take_word(const char *word, struct nslookup *n)
{
	int option = take_type(word, n);

	if (option)
		return option < 0 ? option : 0;
	if (*word == '-' || n->n_words == 2)
		return -EINVAL;
	if (!str_copy(n->n_words++ ? n->server : n->name, ASK_NAME_MAX, word))
		return -EINVAL;
	return 0;
}

static void begin(struct dns_resolver *r, uint32_t call, const struct nslookup *n,
		  const struct addr *server, nsec_t now, struct fx *fx)
{
	struct dns_lookup *l = dns_lookup_new(r, DNS_FOR_NSLOOKUP, call, n->name, n->type);

	if (!l) {
		fx_print(fx, call, "*** Too many names are being looked up; try again\n");
		fx_cmd_done(fx, call, 1);
		return;
	}
	l->direct = true;
	(void)str_copy(l->other, sizeof(l->other), n->server);
	if (server)
		l->servers[l->n_servers++] = *server;
	else
		l->n_servers = dns_default_servers(r, l->servers);
	if (l->n_servers)
		print_server(l, fx);
	dns_lookup_start(r, l, now, fx);
}

void dns_nslookup_server(struct dns_resolver *r, struct dns_lookup *l, const struct addr *a,
			 nsec_t now, struct fx *fx)
{
	struct nslookup n = { .type = l->other_type };

	if (!a) {
		fx_print(fx, l->id, "*** Can't find address for server %s: %s\n", l->text, l->why);
		fx_cmd_done(fx, l->id, 1);
		return;
	}
	(void)str_copy(n.name, sizeof(n.name), l->other);
	(void)str_copy(n.server, sizeof(n.server), l->text);
	begin(r, l->id, &n, a, now, fx);
}

static void resolve_server(struct dns_resolver *r, uint32_t call, const struct nslookup *n,
			   nsec_t now, struct fx *fx)
{
	struct dns_lookup *l = dns_lookup_new(r, DNS_FOR_SERVER, call, n->server, DNS_A);

	if (!l) {
		fx_print(fx, call, "*** Too many names are being looked up; try again\n");
		fx_cmd_done(fx, call, 1);
		return;
	}
	(void)str_copy(l->other, sizeof(l->other), n->name);
	l->other_type = n->type;
	dns_lookup_start(r, l, now, fx);
}

/* No name: the default server; or, after "set", the type for the look-ups to come. */
static void without_name(struct dns_resolver *r, uint32_t call, const struct nslookup *n,
			 struct fx *fx)
{
	struct addr servers[DNS_SERVERS_MAX];
	char addr[ADDR_TEXT_LEN];

	if (n->type_given)
		r->nslookup_type = n->type;
	else if (!dns_default_servers(r, servers))
		fx_print(fx, call, "*** Default servers are not available\n");
	else
		fx_print(fx, call, "Default Server:  [%s]\nAddress:  %s\n",
			 addr_format(&servers[0], addr), addr);
	fx_cmd_done(fx, call, 0);
}

static int parse(const char *line, struct nslookup *n)
{
	char words[LINE_MAX_LEN], *save = NULL;
	int err = 0;

	(void)str_copy(words, sizeof(words), line);
	for (char *w = strtok_r(words, " \t", &save); w && !err; w = strtok_r(NULL, " \t", &save))
		err = !strcasecmp(w, "set") && !n->n_words ? 0 : take_word(w, n);
	return err;
}

void dns_run_nslookup(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct dns_resolver *r = machine;
	struct nslookup n = { .type = r->nslookup_type };
	struct addr server;

	if (call->n_args && call->args[0].type == ARG_LINE && parse(call->args[0].text, &n)) {
		fx_print(fx, call->id,
			 "Usage: nslookup [-type=TYPE] NAME|ADDRESS [SERVER]\n"
			 "       nslookup set type=TYPE\n");
		fx_cmd_done(fx, call->id, 1);
	} else if (!n.n_words) {
		without_name(r, call->id, &n, fx);
	} else if (n.n_words < 2) {
		begin(r, call->id, &n, NULL, now, fx);
	} else if (!addr_parse(n.server, &server)) {
		begin(r, call->id, &n, &server, now, fx);
	} else {
		resolve_server(r, call->id, &n, now, fx);
	}
}
