#include "dns/dns_rrset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dns/dns_table.h"

bool dns_rrset_next(const struct dns_rrset *s, size_t *pos, struct dns_record *ret)
{
	if (*pos >= s->len)
		return false;
	memcpy(&ret->len, s->data + *pos, sizeof(ret->len));
	ret->data = s->data + *pos + sizeof(ret->len);
	*pos += sizeof(ret->len) + ret->len;
	return true;
}

/* The place of this data, or -ENOENT. */
static long find(const struct dns_rrset *s, const uint8_t *data, size_t len)
{
	struct dns_record r;

	for (size_t pos = 0, at = 0; dns_rrset_next(s, &pos, &r); at = pos)
		if (dns_rdata_equal(s->type, r.data, r.len, data, len))
			return (long)at;
	return -ENOENT;
}

int dns_rrset_add(struct dns_rrset *s, const uint8_t *data, size_t len)
{
	uint16_t len16 = (uint16_t)len;

	if (find(s, data, len) >= 0)
		return -EEXIST;
	if (s->n >= DNS_RRSET_RECORDS_MAX || s->len + 2 + len > DNS_RRSET_BYTES_MAX)
		return -ENOSPC;
	s->data = dns_realloc(s->data, s->len + 2 + len);
	memcpy(s->data + s->len, &len16, 2);
	memcpy(s->data + s->len + 2, data, len);
	s->len += 2 + (uint32_t)len;
	s->n++;
	return 0;
}

void dns_rrset_set_ttl(struct dns_rrset *s, uint32_t ttl)
{
	if (!s->has_ttl || ttl < s->ttl)
		s->ttl = ttl;
	s->has_ttl = true;
}

bool dns_rrset_remove(struct dns_rrset *s, const uint8_t *data, size_t len)
{
	long at = find(s, data, len);

	if (at < 0)
		return false;
	memmove(s->data + at, s->data + at + 2 + len, s->len - (size_t)at - 2 - len);
	s->len -= 2 + (uint32_t)len;
	s->n--;
	return true;
}

void dns_rrset_from(const struct dns_msg *m, enum dns_section section, const struct dns_name *owner,
		    uint16_t type, struct dns_rrset *ret)
{
	struct dns_rdata data;
	struct dns_rrs it;
	struct dns_rr rr;

	*ret = (struct dns_rrset){ .type = type };
	dns_rrs(m, &it);
	while (dns_rr_next(&it, &rr)) {
		if (rr.section != section || rr.type != type || rr.class != DNS_CLASS_IN ||
		    !dns_name_equal(&rr.owner, owner) || dns_rr_data(m, &rr, &data))
			continue;
		if (dns_rrset_add(ret, data.b, data.len) != -ENOSPC)
			dns_rrset_set_ttl(ret, rr.ttl);
	}
}

void dns_rrset_done(struct dns_rrset *s)
{
	free(s->data);
	*s = (struct dns_rrset){ 0 };
}
