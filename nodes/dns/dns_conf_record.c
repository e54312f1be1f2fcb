/* The server's configuration lines: records, in a zone's section or by themselves. */
#include "dns/dns_conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RECORDS_SEED 0 /* the owners come from the lab file: nobody chooses them to collide */

/* --- records --- */

static struct dns_conf_record *next_of(struct dns_link *l, const struct dns_name *owner)
{
	for (; l; l = dns_table_next(l)) {
		struct dns_conf_record *r = (struct dns_conf_record *)(void *)l;

		if (dns_name_equal(&r->owner, owner))
			return r;
	}
	return NULL;
}

static struct dns_conf_record *first_record(const struct dns_conf *conf,
					    const struct dns_name *owner)
{
	return next_of(dns_table_first(&conf->records_by_owner, dns_name_hash(RECORDS_SEED, owner)),
		       owner);
}

static struct dns_conf_record *next_record(struct dns_conf_record *r)
{
	return next_of(dns_table_next(&r->link), &r->owner);
}

bool dns_conf_is_alias(const struct dns_conf *conf, const struct dns_name *name)
{
	const struct dns_conf_record *r = first_record(conf, name);

	return r && r->type == DNS_CNAME;
}

static bool host_has(const struct dns_conf *conf, const struct dns_name *owner, uint16_t type,
		     const uint8_t *data, size_t len)
{
	const struct dns_host *host = dns_conf_host(conf, owner);
	struct addr a;

	if (!host || !dns_rdata_addr(type, data, len, &a))
		return false;
	for (unsigned i = 0; i < host->n_addrs; i++)
		if (addr_equal(&host->addrs[i], &a))
			return true;
	return false;
}

bool dns_conf_has_record(const struct dns_conf *conf, const struct dns_name *owner, uint16_t type,
			 const uint8_t *data, size_t len)
{
	for (struct dns_conf_record *r = first_record(conf, owner); r; r = next_record(r))
		if (r->type == type && dns_rdata_equal(type, r->data, r->len, data, len))
			return true;
	return host_has(conf, owner, type, data, len);
}

/* One record as a line gives it. */
struct line_record {
	struct dns_conf_zone *zone;
	struct dns_name owner;
	bool has_ttl;
	uint32_t ttl;
	uint16_t type;
	struct dns_rdata data;
};

static struct dns_conf_record *same_record(const struct dns_conf *conf,
					   const struct line_record *line)
{
	struct dns_conf_record *r = first_record(conf, &line->owner);

	for (; r; r = next_record(r))
		if (r->zone == line->zone && r->type == line->type &&
		    dns_rdata_equal(r->type, r->data, r->len, line->data.b, line->data.len))
			return r;
	return NULL;
}

/* An alias is alone at its name (RFC 1034 §3.6.2), and there is one of it (RFC 2181 §10.1). */
static int check_alias(const struct dns_conf *conf, const struct line_record *line,
		       const struct call *call)
{
	const struct dns_conf_zone *zone = dns_conf_zone(conf, &line->owner);
	char name[DNS_TEXT_LEN];

	(void)dns_name_text(&line->owner, name);
	if (line->type == DNS_CNAME && zone && zone->has_soa)
		return call_refuse(call, "%s is a zone and cannot be an alias", name);
	for (struct dns_conf_record *r = first_record(conf, &line->owner); r; r = next_record(r)) {
		if (line->type == DNS_CNAME && r->type == DNS_CNAME)
			return call_refuse(call, "%s is an alias already: a name has one CNAME",
					   name);
		if (line->type == DNS_CNAME || r->type == DNS_CNAME)
			return call_refuse(call, "%s: a CNAME stands alone at its name", name);
	}
	return 0;
}

static int add_record(struct dns_conf *conf, const struct line_record *line,
		      const struct call *call)
{
	struct dns_conf_record *r = same_record(conf, line);

	if (!r && check_alias(conf, line, call))
		return -EINVAL;
	if (!r && conf->n_records >= DNS_RECORDS_MAX)
		return call_refuse(call, "at most %d records can be configured", DNS_RECORDS_MAX);
	if (!r) {
		r = dns_alloc(sizeof(*r) + line->data.len);
		r->zone = line->zone;
		r->owner = line->owner;
		r->type = line->type;
		r->len = line->data.len;
		memcpy(r->data, line->data.b, r->len);
		if (conf->n_records == conf->records_size) {
			conf->records_size = conf->records_size ? 2 * conf->records_size : 64;
			conf->records =
				dns_realloc(conf->records,
					    conf->records_size * sizeof(struct dns_conf_record *));
		}
		conf->records[conf->n_records++] = r;
		dns_table_add(&conf->records_by_owner, &r->link,
			      dns_name_hash(RECORDS_SEED, &r->owner));
	}
	r->has_ttl = line->has_ttl;
	r->ttl = line->ttl;
	return 0;
}

static void remove_at(struct dns_conf *conf, size_t at)
{
	struct dns_conf_record *r = conf->records[at];

	dns_table_del(&conf->records_by_owner, &r->link);
	conf->n_records--;
	memmove(&conf->records[at], &conf->records[at + 1],
		(conf->n_records - at) * sizeof(conf->records[0]));
	free(r);
}

static void remove_record(struct dns_conf *conf, const struct dns_conf_record *r)
{
	for (size_t i = 0; i < conf->n_records; i++) {
		if (conf->records[i] == r) {
			remove_at(conf, i);
			return;
		}
	}
}

void dns_conf_remove_records(struct dns_conf *conf, const struct dns_conf_zone *zone)
{
	size_t kept = 0;

	for (size_t i = 0; i < conf->n_records; i++) {
		struct dns_conf_record *r = conf->records[i];

		if (r->zone != zone) {
			conf->records[kept++] = r;
			continue;
		}
		dns_table_del(&conf->records_by_owner, &r->link);
		free(r);
	}
	conf->n_records = kept;
}

/* The words of a line, one after the other. */
static const char *take_word(const char *p, char *word, size_t size)
{
	size_t len;

	p += strspn(p, " \t");
	len = strcspn(p, " \t");
	(void)str_copy_n(word, size, p, len);
	return p + len;
}

/* [TTL] [IN] TYPE DATA, in the order of zone files. */
static int parse_record(const char *text, const struct dns_name *origin, struct line_record *line,
			const struct call *call)
{
	const char *why = "", *rest = text;
	char word[64];
	uint64_t ttl;

	rest = take_word(rest, word, sizeof(word));
	if (!str_to_u64(word, INT32_MAX, &ttl)) {
		line->has_ttl = true;
		line->ttl = (uint32_t)ttl;
		rest = take_word(rest, word, sizeof(word));
	}
	if (!strcasecmp(word, "IN"))
		rest = take_word(rest, word, sizeof(word));
	if (dns_type_parse(word, &line->type))
		return call_refuse(
			call,
			"\"%s\" is no record type (A, AAAA, CNAME, NS, MX, PTR, TXT, SRV, ...)",
			word);
	if (line->type == DNS_SOA)
		return call_refuse(call,
				   "a zone's SOA has a line of its own: soa, or ip dns primary");
	if (line->type == DNS_OPT || (line->type >= 249 && line->type <= 255))
		return call_refuse(call, "%s is a type of questions, not of records", word);
	if (dns_rdata_parse(line->type, rest, origin, &line->data, &why))
		return call_refuse(call, "%s record: %s", word, why);
	return 0;
}

static int change_record(struct dns_conf *conf, const struct line_record *line,
			 const struct call *call)
{
	struct dns_conf_record *r;

	if (!call->no)
		return add_record(conf, line, call);
	r = same_record(conf, line);
	if (r)
		remove_record(conf, r);
	return 0;
}

/* --- lines with records --- */

struct dns_conf_zone *dns_section_zone(const struct dns_conf *conf, const struct call *call)
{
	struct dns_name name;
	const char *why;

	return dns_name_parse(call->section, &name, &why) ? NULL : dns_conf_zone(conf, &name);
}

int dns_set_zone_record(void *arg, const struct call *call)
{
	struct dns_conf *conf = arg;
	struct line_record line = { .zone = dns_section_zone(conf, call) };
	int err;

	if (!line.zone)
		return call_refuse(call, "the zone is gone");
	conf->changes++;
	if (!call_arg(call, 0)) {
		dns_conf_remove_records(conf, line.zone);
		return 0;
	}
	if (!call_arg(call, 1))
		return call_refuse(call, "the record's type and data are missing");
	err = dns_arg_name(call, 0, &line.zone->name, &line.owner);
	if (!err && !dns_name_in(&line.owner, &line.zone->name))
		err = call_refuse(call, "%s is not in zone %s", call->args[0].text, call->section);
	if (!err)
		err = parse_record(call->args[1].text, &line.zone->name, &line, call);
	return err ? err : change_record(conf, &line, call);
}

int dns_set_record(void *arg, const struct call *call)
{
	struct dns_conf *conf = arg;
	struct line_record line = { .zone = NULL };
	int err;

	conf->changes++;
	if (!call_arg(call, 0)) {
		dns_conf_remove_records(conf, NULL);
		return 0;
	}
	if (!call_arg(call, 1))
		return call_refuse(call, "the record's type and data are missing");
	err = dns_arg_name(call, 0, &dns_root, &line.owner);
	if (!err)
		err = parse_record(call->args[1].text, &dns_root, &line, call);
	return err ? err : change_record(conf, &line, call);
}

/* ip host NAME ns|mx|srv ...: the arguments are the data, in order. */
static int set_host_record(struct dns_conf *conf, const struct call *call, uint16_t type)
{
	struct line_record line = { .type = type };
	struct sbuf text = SBUF(LINE_MAX_LEN);
	const char *why = "";
	int err = dns_arg_name(call, 0, &dns_root, &line.owner);

	conf->changes++;
	for (unsigned i = 1; i < call->n_args && call_arg(call, i); i++)
		(void)sbuf_printf(&text, "%s ", call->args[i].text);
	if (!err && dns_rdata_parse(type, sbuf_text(&text), &dns_root, &line.data, &why))
		err = call_refuse(call, "%s", why);
	sbuf_done(&text);
	return err ? err : change_record(conf, &line, call);
}

int dns_set_host_ns(void *arg, const struct call *call)
{
	return set_host_record(arg, call, DNS_NS);
}

int dns_set_host_mx(void *arg, const struct call *call)
{
	return set_host_record(arg, call, DNS_MX);
}

int dns_set_host_srv(void *arg, const struct call *call)
{
	return set_host_record(arg, call, DNS_SRV);
}
