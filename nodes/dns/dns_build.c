/* The server's database, made of the configuration and of what updates have changed since. */
#include "dns/dns_server.h"

/* A serial grows with each change; one that is configured, with each dynamic update. */
static void add_soa(struct dns_db *db, const struct dns_conf_zone *zone, uint32_t serial,
		    uint32_t n_updates)
{
	struct dns_soa soa = zone->soa;
	struct dns_rdata data;

	soa.serial = zone->has_serial ? soa.serial + n_updates : serial;
	dns_soa_write(&soa, &data);
	(void)dns_db_add(db, &zone->name, DNS_SOA, zone->has_ttl ? &zone->ttl : NULL, data.b,
			 data.len);
}

/* A zone has at least one name server (RFC 1034 §4.2.1): the one its SOA names, if nothing else. */
static void add_missing_ns(struct dns_db *db, const struct dns_conf_zone *zone)
{
	const struct dns_node *apex = dns_db_find(db, &zone->name);

	if (!dns_node_set(apex, DNS_NS))
		(void)dns_db_add(db, &zone->name, DNS_NS, zone->has_ttl ? &zone->ttl : NULL,
				 zone->soa.mname.b, zone->soa.mname.len);
}

static void add_record(const struct dns_server *s, struct dns_db *db,
		       const struct dns_conf_record *r)
{
	const uint32_t *ttl = NULL;

	if (dns_overlay_removed(s, &r->owner, r->type, r->data, r->len))
		return;

	if (r->has_ttl)
		ttl = &r->ttl;
	else if (r->zone && r->zone->has_ttl)
		ttl = &r->zone->ttl;
	(void)dns_db_add(db, &r->owner, r->type, ttl, r->data, r->len);
}

static void add_host(const struct dns_server *s, struct dns_db *db, const struct dns_host *host)
{
	for (unsigned i = 0; i < host->n_addrs; i++) {
		bool v6 = host->addrs[i].family == 6;
		uint16_t type = v6 ? DNS_AAAA : DNS_A, len = v6 ? 16 : 4;

		if (!dns_overlay_removed(s, &host->name, type, host->addrs[i].b, len))
			(void)dns_db_add(db, &host->name, type, NULL, host->addrs[i].b, len);
	}
}

struct dns_db *dns_build(const struct dns_server *s)
{
	const struct dns_conf *conf = s->conf;
	uint32_t serial = 1 + conf->changes - s->changes_at_start + s->n_updates;
	struct dns_db *db = dns_db_new(s->seed);

	for (unsigned i = 0; i < conf->n_zones; i++)
		if (conf->zones[i]->has_soa)
			add_soa(db, conf->zones[i], serial, s->n_updates);
	for (size_t i = 0; i < conf->n_records; i++)
		add_record(s, db, conf->records[i]);
	for (size_t i = 0; i < conf->n_hosts; i++)
		add_host(s, db, conf->hosts[i]);
	dns_overlay_add(s, db);
	for (unsigned i = 0; i < conf->n_zones; i++)
		if (conf->zones[i]->has_soa)
			add_missing_ns(db, conf->zones[i]);
	dns_db_link(db);
	return db;
}
