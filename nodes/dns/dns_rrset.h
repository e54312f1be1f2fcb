/* dns_rrset.h: the records of one name and type, as flat data in one piece of memory.
 *
 * Records come out in the order they were put in. The set owns its memory; dns_rrset_done() frees
 * it. A set has one TTL: the lowest given (RFC 2181 §5.2). */
#ifndef LABD_DNS_RRSET_H
#define LABD_DNS_RRSET_H

#include "dns/dns_wire.h"

#define DNS_RRSET_RECORDS_MAX 256
#define DNS_RRSET_BYTES_MAX   32768

struct dns_rrset {
	uint16_t type;
	uint16_t n;
	bool has_ttl;
	uint32_t ttl; /* seconds; of a set without one its zone decides */
	uint32_t len;
	uint8_t *data; /* n times: two octets of length in host order, then the data */
};

struct dns_record {
	const uint8_t *data;
	uint16_t len;
};

/* 0, -EEXIST when such data is there already (its TTL is still lowered), -ENOSPC when full. */
int dns_rrset_add(struct dns_rrset *s, const uint8_t *data, size_t len);
void dns_rrset_set_ttl(struct dns_rrset *s, uint32_t ttl);
/* The record at |*pos| (begin with 0), which moves on. False at the end. */
bool dns_rrset_next(const struct dns_rrset *s, size_t *pos, struct dns_record *ret);
/* True when such data was there. */
bool dns_rrset_remove(struct dns_rrset *s, const uint8_t *data, size_t len);
/* The records of one section of a message with this owner and type; empty when there are none. */
void dns_rrset_from(const struct dns_msg *m, enum dns_section section, const struct dns_name *owner,
		    uint16_t type, struct dns_rrset *ret);
void dns_rrset_done(struct dns_rrset *s);

#endif
