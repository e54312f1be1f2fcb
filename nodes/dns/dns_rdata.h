/* dns_rdata.h: what stands behind a record's type, in bytes and in the text of zone files.
 *
 * One table says of each type how its data is built; reading, writing, printing and parsing all
 * follow that table. Inside the program record data is "flat": names in it are whole, never
 * compressed, so that it means the same outside its message.
 * Errors: -EBADMSG (from the wire) or -EINVAL (from text) with a constant reason. */
#ifndef LABD_DNS_RDATA_H
#define LABD_DNS_RDATA_H

#include "dns/dns_name.h"

struct sbuf;
struct rd;
struct wr;

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
	DNS_SRV = 33,
	DNS_OPT = 41,
	DNS_DS = 43,
	DNS_IXFR = 251,
	DNS_AXFR = 252,
	DNS_ANY = 255,
};

#define DNS_CLASS_IN   1
#define DNS_CLASS_NONE 254
#define DNS_CLASS_ANY  255
/* Octets of flat data that are stored; longer records are passed over. */
#define DNS_RDATA_MAX 4096

struct dns_rdata {
	uint16_t len;
	uint8_t b[DNS_RDATA_MAX];
};

/* Fields of the data, one letter each: 4 IPv4, 6 IPv6, b s l integers of 1, 2, 4 octets, n name
 * that may be compressed, N name that is written whole, t one character string, T several, x the
 * rest, q the rest as one text. "x" for types without a table row. */
const char *dns_type_shape(uint16_t type);
/* "A", or "TYPE4711" (RFC 3597 §5) in |buf|. */
const char *dns_type_text(uint16_t type, char buf[static 12]);
const char *dns_type_name(uint16_t type); /* NULL when it has none */
int dns_type_parse(const char *text, uint16_t *ret);

/* Reads rdlength octets at the message cursor into flat data; |out| NULL only checks. */
int dns_rdata_read(struct rd *r, uint16_t type, uint16_t rdlength, struct wr *out,
		   const char **ret_why);
/* As zone files have it: "10 mail.example.com". */
void dns_rdata_text(uint16_t type, const uint8_t *data, size_t len, struct sbuf *out);
int dns_rdata_parse(uint16_t type, const char *text, const struct dns_name *origin,
		    struct dns_rdata *ret, const char **reterr);
/* The first name in the data: a CNAME's target, an MX's exchange. False when there is none. */
bool dns_rdata_name(uint16_t type, const uint8_t *data, size_t len, struct dns_name *ret);
/* The address of an A or AAAA record; false for anything else. */
bool dns_rdata_addr(uint16_t type, const uint8_t *data, size_t len, struct addr *ret);
bool dns_rdata_equal(uint16_t type, const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);

struct dns_soa {
	struct dns_name mname, rname;
	uint32_t serial, refresh, retry, expire, minimum;
};

bool dns_soa_read(const uint8_t *data, size_t len, struct dns_soa *ret);
void dns_soa_write(const struct dns_soa *soa, struct dns_rdata *ret);

#endif
