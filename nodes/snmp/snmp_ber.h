/* snmp_ber.h: the part of ASN.1's Basic Encoding Rules that SNMP uses (RFC 3417 §8).
 *
 * Definite lengths only, in the short or the long form, which need not be minimal; primitive tags
 * of one octet. A reader's error is sticky, as that of every cursor. A writer opens a constructed
 * value, writes what is in it and closes it: only then its length is known, and is written
 * minimally. */
#ifndef LABD_SNMP_BER_H
#define LABD_SNMP_BER_H

#include "base/cur.h"
#include "base/types.h"

#define SNMP_OID_MAX 128 /* sub-identifiers: RFC 2578 §3.5 */

struct snmp_oid {
	unsigned n;
	uint32_t id[SNMP_OID_MAX];
};

enum snmp_type {
	SNMP_INTEGER = 0x02,
	SNMP_STRING = 0x04,
	SNMP_NULL = 0x05,
	SNMP_OID = 0x06,
	SNMP_SEQUENCE = 0x30,
	SNMP_IPADDRESS = 0x40,
	SNMP_COUNTER32 = 0x41,
	SNMP_GAUGE32 = 0x42,
	SNMP_TIMETICKS = 0x43,
	SNMP_OPAQUE = 0x44,
	SNMP_COUNTER64 = 0x46,
	SNMP_NO_OBJECT = 0x80, /* exceptions of v2, RFC 3416 §3 */
	SNMP_NO_INSTANCE = 0x81,
	SNMP_END_OF_VIEW = 0x82,
};

/* The next value: its tag, and a cursor over its content. False (and r->err) when it is cut short
 * or its length has no form that is allowed. */
bool ber_next(struct rd *r, uint8_t *ret_tag, struct rd *ret_content);
/* The same of one tag; anything else is an error. */
bool ber_want(struct rd *r, uint8_t tag, struct rd *ret_content);
/* Content of INTEGER (32 bits), of the unsigned types (up to `max`), of OBJECT IDENTIFIER. */
bool ber_int(struct rd content, int32_t *ret);
bool ber_unsigned(struct rd content, uint64_t max, uint64_t *ret);
bool ber_oid(struct rd content, struct snmp_oid *ret);

size_t ber_open(struct wr *w, uint8_t tag); /* for ber_close() */
void ber_close(struct wr *w, size_t at);
void ber_put_int(struct wr *w, uint8_t tag, int64_t value);
void ber_put_unsigned(struct wr *w, uint8_t tag, uint64_t value);
void ber_put_octets(struct wr *w, uint8_t tag, const void *data, size_t len);
void ber_put_oid(struct wr *w, const struct snmp_oid *oid);

/* snmp_oid.c */
#define SNMP_OID_TEXT_MAX 1424 /* 128 times a dot and ten digits, and a NUL */
int snmp_oid_compare(const struct snmp_oid *a, const struct snmp_oid *b);     /* <0, 0, >0 */
bool snmp_oid_under(const struct snmp_oid *oid, const struct snmp_oid *root); /* root, or below */
/* "1.3.6.1", with or without a dot before it. 0 or -EINVAL. */
int snmp_oid_parse(const char *text, struct snmp_oid *ret);
const char *snmp_oid_format(const struct snmp_oid *oid, char out[static SNMP_OID_TEXT_MAX]);
bool snmp_oid_add(struct snmp_oid *oid, uint32_t id); /* false: it is full */

#endif
