#include "dns/dns_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { CHANGES_MAX = 8192 };

struct dns_change {
	struct dns_link link; /* by owner and type */
	struct dns_change *prev, *next;
	struct dns_name owner;
	uint16_t type;
	bool add; /* else a configured record that is taken away */
	uint32_t ttl;
	uint16_t len;
	uint8_t data[];
};

static uint64_t change_hash(const struct dns_server *s, const struct dns_name *owner, uint16_t type)
{
	return hash_mix(dns_name_hash(s->seed, owner), type);
}

static struct dns_change *find(const struct dns_server *s, const struct dns_name *owner,
			       uint16_t type, const uint8_t *data, uint16_t len)
{
	struct dns_link *l;

	if (!s->overlay.n)
		return NULL;
	for (l = dns_table_first(&s->overlay, change_hash(s, owner, type)); l;
	     l = dns_table_next(l)) {
		struct dns_change *c = (struct dns_change *)(void *)l;

		if (c->type == type && dns_name_equal(&c->owner, owner) &&
		    dns_rdata_equal(type, c->data, c->len, data, len))
			return c;
	}
	return NULL;
}

bool dns_overlay_removed(const struct dns_server *s, const struct dns_name *owner, uint16_t type,
			 const uint8_t *data, uint16_t len)
{
	const struct dns_change *c = find(s, owner, type, data, len);

	return c && !c->add;
}

bool dns_overlay_added(const struct dns_server *s, const struct dns_name *owner, uint16_t type,
		       const uint8_t *data, uint16_t len)
{
	const struct dns_change *c = find(s, owner, type, data, len);

	return c && c->add;
}

static void forget(struct dns_server *s, struct dns_change *c)
{
	dns_table_del(&s->overlay, &c->link);
	if (c->prev)
		c->prev->next = c->next;
	else
		s->first_change = c->next;
	if (c->next)
		c->next->prev = c->prev;
	else
		s->last_change = c->prev;
	free(c);
}

static struct dns_change *change_new(struct dns_server *s, const struct dns_name *owner,
				     uint16_t type, const uint8_t *data, uint16_t len)
{
	struct dns_change *c = dns_alloc(sizeof(*c) + len);

	c->owner = *owner;
	c->type = type;
	c->len = len;
	memcpy(c->data, data, len);
	c->prev = s->last_change;
	if (s->last_change)
		s->last_change->next = c;
	else
		s->first_change = c;
	s->last_change = c;
	dns_table_add(&s->overlay, &c->link, change_hash(s, owner, type));
	return c;
}

/* Only what differs from the configuration is kept. */
int dns_overlay_change(struct dns_server *s, bool add, const struct dns_name *owner, uint16_t type,
		       uint32_t ttl, const uint8_t *data, uint16_t len)
{
	bool configured = dns_conf_has_record(s->conf, owner, type, data, len);
	struct dns_change *c = find(s, owner, type, data, len);

	if (c && (!c->add || !add)) {
		forget(s, c);
		c = NULL;
	}
	if (add == configured)
		return 0;
	if (!c && s->overlay.n >= CHANGES_MAX)
		return -ENOSPC;
	if (!c)
		c = change_new(s, owner, type, data, len);
	c->add = add;
	c->ttl = ttl;
	return 0;
}

void dns_overlay_add(const struct dns_server *s, struct dns_db *db)
{
	for (const struct dns_change *c = s->first_change; c; c = c->next)
		if (c->add)
			(void)dns_db_add(db, &c->owner, c->type, &c->ttl, c->data, c->len);
}

void dns_overlay_done(struct dns_server *s)
{
	while (s->first_change)
		forget(s, s->first_change);
	dns_table_done(&s->overlay);
}
