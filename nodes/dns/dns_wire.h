/* dns_wire.h: DNS messages, bytes <-> struct (RFC 1035 §4, RFC 6891).
 *
 * Reading: dns_msg_header() takes the first 12 octets; dns_msg_read() walks the whole message once,
 * so that afterwards dns_rr_next() cannot fail. A struct dns_msg points into the caller's bytes and
 * owns nothing. Writing: a struct dns_out writes into the caller's buffer, compresses names, and
 * takes records whole or not at all: one that does not fit sets `cut` and leaves no trace.
 * Pure functions; no allocation, no state. Errors: -EBADMSG with a constant reason. */
#ifndef LABD_DNS_WIRE_H
#define LABD_DNS_WIRE_H

#include "base/codec.h"
#include "base/cur.h"
#include "dns/dns_rdata.h"

#define DNS_PORT	 53
#define DNS_HEADER_LEN	 12
#define DNS_UDP_MAX	 512   /* RFC 1035 §4.2.1, without EDNS */
#define DNS_EDNS_UDP_MAX 1232  /* what we offer and honour: no fragments on any common path */
#define DNS_MSG_MAX	 65535 /* over TCP */
#define DNS_COMPRESS_MAX 96    /* places that later names may point to */

enum dns_flag {
	DNS_QR = 0x8000,
	DNS_AA = 0x0400,
	DNS_TC = 0x0200,
	DNS_RD = 0x0100,
	DNS_RA = 0x0080,
	DNS_AD = 0x0020,
	DNS_CD = 0x0010,
};

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_NOTAUTH = 9,
	DNS_BADVERS = 16, /* upper eight bits in the OPT record */
};

enum dns_opcode { DNS_QUERY = 0, DNS_IQUERY = 1, DNS_STATUS = 2, DNS_NOTIFY = 4, DNS_UPDATE = 5 };

enum dns_section { DNS_ANSWER, DNS_AUTHORITY, DNS_ADDITIONAL, DNS_N_SECTIONS };

struct dns_question {
	struct dns_name name;
	uint16_t type, class;
};

struct dns_edns {
	bool present;
	uint16_t udp_size;
	uint8_t ext_rcode, version;
};

struct dns_msg {
	const uint8_t *data;
	size_t len;
	uint16_t id, flags;
	uint16_t n_question;
	uint16_t n_rr[DNS_N_SECTIONS];
	struct dns_question q; /* the first; filled when n_question > 0 */
	struct dns_edns edns;
	size_t rrs_pos; /* where the records begin */
};

struct dns_rr {
	enum dns_section section;
	struct dns_name owner;
	uint16_t type, class;
	uint32_t ttl;
	size_t pos; /* of the record in the message */
	size_t rdata_pos;
	uint16_t rdlength;
};

struct dns_rrs {
	const struct dns_msg *m;
	struct rd r;
	unsigned section;
	uint32_t left;
};

static inline unsigned dns_opcode(uint16_t flags)
{
	return flags >> 11 & 15;
}

static inline unsigned dns_rcode(uint16_t flags)
{
	return flags & 15;
}

/* The header alone: -EBADMSG when there are fewer than 12 octets. */
int dns_msg_header(const void *data, size_t len, struct dns_msg *ret);
/* The rest, after dns_msg_header(). Octets behind the last record are left alone. */
int dns_msg_read(struct dns_msg *m, const char **ret_why);
/* The records one after the other, OPT among them. */
void dns_rrs(const struct dns_msg *m, struct dns_rrs *ret);
bool dns_rr_next(struct dns_rrs *it, struct dns_rr *ret);
/* Flat data of a record; -ENOBUFS when it is longer than DNS_RDATA_MAX. */
int dns_rr_data(const struct dns_msg *m, const struct dns_rr *rr, struct dns_rdata *ret);
/* NOERROR, "NXDOMAIN", ... or "RCODE11" in |buf|. */
const char *dns_rcode_text(unsigned rcode, char buf[static 12]);

struct dns_out {
	struct wr w;
	uint16_t names[DNS_COMPRESS_MAX]; /* offsets of names that stand in the message */
	unsigned n_names;
	uint16_t counts[1 + DNS_N_SECTIONS];
	uint16_t id, flags;
	size_t base; /* where the message begins in the buffer: 2 with a TCP length */
	size_t max;  /* octets the message may have */
	bool cut;    /* a record did not fit */
};

/* Begins a message of at most |max| octets. |stream|: two octets of length go before it. */
void dns_out_begin(struct dns_out *o, void *buf, size_t size, size_t max, bool stream);
void dns_out_question(struct dns_out *o, const struct dns_name *name, uint16_t type,
		      uint16_t class);
/* |owner| and the names in the data are compressed. False when it does not fit. */
bool dns_out_rr(struct dns_out *o, enum dns_section section, const struct dns_name *owner,
		uint16_t type, uint16_t class, uint32_t ttl, const uint8_t *data, size_t len);
/* The OPT record; 11 octets, kept free with dns_out_reserve(). */
#define DNS_OPT_LEN 11
void dns_out_opt(struct dns_out *o, uint16_t udp_size, uint8_t ext_rcode);
/* Writes header and length; the octets to send, or 0 when not even the question fitted. */
size_t dns_out_end(struct dns_out *o);

extern const struct codec dns_codec;

#endif
