/* The database as dns_record facts. After each change of the configuration every record is looked
 * at again, a piece an event: new ones begin, those that are gone end, the others stay as they are.
 */
#include "dns/dns_server.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum {
	RECORDS_PER_EVENT = 512,
	SERIAL_GAP_MAX = 1 << 16, /* further apart, the configuration has begun another numbering */
};

struct dns_published {
	struct dns_link link;
	uint32_t round; /* the look at the database that last met it */
	uint32_t ttl;
	char key[];
};

static struct dns_published *find(const struct dns_server *s, const char *key, uint64_t hash)
{
	struct dns_link *l = dns_table_first(&s->published, hash);

	for (; l; l = dns_table_next(l)) {
		struct dns_published *p = (struct dns_published *)(void *)l;

		if (!strcmp(p->key, key))
			return p;
	}
	return NULL;
}

static struct dns_published *remember(struct dns_server *s, const struct sbuf *key, uint64_t hash)
{
	struct dns_published *p = dns_alloc(sizeof(*p) + key->len + 1);

	memcpy(p->key, sbuf_text(key), key->len + 1);
	dns_table_add(&s->published, &p->link, hash);
	if (s->n_published == s->published_size) {
		s->published_size = s->published_size ? 2 * s->published_size : 64;
		s->published_list = dns_realloc(s->published_list,
						s->published_size * sizeof(struct dns_published *));
	}
	s->published_list[s->n_published++] = p;
	return p;
}

static void tell(struct dns_server *s, const struct dns_node *node, const struct dns_rrset *set,
		 const struct dns_record *r, struct fx *fx)
{
	char name[DNS_TEXT_LEN], zone[DNS_TEXT_LEN], type[12];
	struct sbuf key = SBUF(VAL_TEXT_MAX + DNS_TEXT_LEN + 32);
	uint32_t ttl = dns_node_ttl(node, set, s->conf->default_ttl);
	const char *type_text = dns_type_text(set->type, type);
	struct dns_published *p;
	bool dynamic = dns_overlay_added(s, &node->name, set->type, r->data, r->len);
	uint64_t hash;
	size_t data_at;

	(void)sbuf_printf(&key, "%s %s ", dns_name_text(&node->name, name), type_text);
	data_at = key.len;
	dns_rdata_text(set->type, r->data, r->len, &key);
	hash = hash_string(s->seed, sbuf_text(&key));
	p = find(s, sbuf_text(&key), hash);
	if (!p || p->ttl != ttl)
		fact_begin(
			fx, &dns_record_fact, sbuf_text(&key), V_TEXT("name", name),
			V_TEXT("zone", node->apex ? dns_name_text(&node->apex->name, zone) : NULL),
			V_TEXT("type", type_text), V_INT("ttl", ttl),
			V_TEXT("data", sbuf_text(&key) + data_at),
			V_TEXT("source", dynamic ? "dynamic" : "configured"));
	if (!p)
		p = remember(s, &key, hash);
	p->ttl = ttl;
	p->round = s->publish_round;
	sbuf_done(&key);
}

/* The record at the place of the look, which moves on; false when there is none left. */
static bool next_record(struct dns_server *s, const struct dns_node **ret_node,
			const struct dns_rrset **ret_set, struct dns_record *ret)
{
	/* A server that is switched off has no records. */
	while (s->conf->server && s->publish_node < s->db->n_nodes) {
		const struct dns_node *node = s->db->nodes[s->publish_node];

		if (s->publish_set >= node->n_sets) {
			s->publish_node++;
			s->publish_set = 0;
			s->publish_pos = 0;
			continue;
		}
		*ret_node = node;
		*ret_set = &node->sets[s->publish_set];
		if (dns_rrset_next(*ret_set, &s->publish_pos, ret))
			return true;
		s->publish_set++;
		s->publish_pos = 0;
	}
	return false;
}

static void forget(struct dns_server *s, size_t at, struct fx *fx)
{
	struct dns_published *p = s->published_list[at];

	fx_fact_end(fx, &dns_record_fact, p->key, "no longer configured");
	dns_table_del(&s->published, &p->link);
	s->published_list[at] = s->published_list[--s->n_published];
	free(p);
}

void dns_publish_begin(struct dns_server *s)
{
	s->publish_round++;
	s->publish_node = s->publish_pos = s->publish_sweep = 0;
	s->publish_set = 0;
	s->publishing = true;
}

void dns_publish(struct dns_server *s, struct fx *fx)
{
	const struct dns_rrset *set;
	const struct dns_node *node;
	struct dns_record r;

	for (unsigned n = 0; n < RECORDS_PER_EVENT; n++) {
		if (next_record(s, &node, &set, &r))
			tell(s, node, set, &r, fx);
		else if (s->publish_sweep == s->n_published)
			break;
		else if (s->published_list[s->publish_sweep]->round == s->publish_round)
			s->publish_sweep++;
		else
			forget(s, s->publish_sweep, fx);
	}
	s->publishing = s->publish_sweep < s->n_published;
}

void dns_publish_done(struct dns_server *s)
{
	for (size_t i = 0; i < s->n_published; i++)
		free(s->published_list[i]);
	free(s->published_list);
	dns_table_done(&s->published);
}

/* The words of a key are the record: "NAME TYPE DATA". */
static bool read_key(const char *key, struct dns_name *owner, uint16_t *type,
		     struct dns_rdata *data)
{
	char words[2][DNS_TEXT_LEN];
	const char *why, *at = key;

	for (int i = 0; i < 2; i++) {
		size_t len = strcspn(at, " ");

		if (!at[len] || !str_copy_n(words[i], sizeof(words[i]), at, len))
			return false;
		at += len + 1;
	}
	return !dns_name_parse(words[0], owner, &why) && !dns_type_parse(words[1], type) &&
	       !dns_rdata_parse(*type, at, &dns_root, data, &why);
}

static void restore_dynamic(struct dns_server *s, const char *key, uint32_t ttl)
{
	struct dns_rdata data;
	struct dns_name owner;
	uint16_t type;

	if (read_key(key, &owner, &type, &data))
		(void)dns_overlay_change(s, true, &owner, type, ttl, data.b, data.len);
}

/* How many changes lie between a zone's first serial and the one that an earlier life told. */
static uint32_t changes_told(const struct dns_server *s, const char *key)
{
	struct dns_rdata data;
	struct dns_name owner;
	struct dns_soa soa;
	uint16_t type;

	if (!strstr(key, " SOA ") || !read_key(key, &owner, &type, &data) || type != DNS_SOA ||
	    !dns_soa_read(data.b, data.len, &soa))
		return 0;
	for (unsigned i = 0; i < s->conf->n_zones; i++) {
		const struct dns_conf_zone *zone = s->conf->zones[i];
		uint32_t n = soa.serial - (zone->has_serial ? zone->soa.serial : 1);

		if (zone->has_soa && dns_name_equal(&zone->name, &owner))
			return n <= SERIAL_GAP_MAX ? n : 0;
	}
	return 0;
}

void dns_restore_serials(struct dns_server *s)
{
	for (size_t i = 0; i < s->n_published; i++) {
		uint32_t n = changes_told(s, s->published_list[i]->key);

		if (n > s->n_updates)
			s->n_updates = n;
	}
}

void dns_restore(struct dns_server *s, const struct ev *ev)
{
	const struct val *source = val_find(ev->restore.columns, "source");
	const struct val *ttl = val_find(ev->restore.columns, "ttl");
	struct sbuf key = SBUF(VAL_TEXT_MAX + DNS_TEXT_LEN + 32);
	struct dns_published *p;

	if (ev->restore.kind != &dns_record_fact || !ttl || ttl->type != VT_INT ||
	    sbuf_puts(&key, ev->restore.key))
		return;
	p = remember(s, &key, hash_string(s->seed, sbuf_text(&key)));
	p->ttl = (uint32_t)ttl->i;
	if (source && source->type == VT_TEXT && source->len == 7 &&
	    !memcmp(source->text, "dynamic", 7))
		restore_dynamic(s, sbuf_text(&key), p->ttl);
	sbuf_done(&key);
}
