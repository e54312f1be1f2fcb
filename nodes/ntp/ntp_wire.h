/* ntp_wire.h: NTP packets (RFC 5905 §7.3), their authenticators, and NTP's way to write times.
 *
 * Pure: octets in, numbers out. Times are kept as they travel (64 bits, seconds since 1900 and a
 * fraction); those of 1970 to 2106 become Unix nanoseconds and back. */
#ifndef LABD_NTP_WIRE_H
#define LABD_NTP_WIRE_H

#include "base/types.h"

#define NTP_PORT	123
#define NTP_HEADER_LEN	48
#define NTP_VERSION	4
#define NTP_PACKET_MAX	(NTP_HEADER_LEN + 24)
#define NTP_STRATUM_MAX 16 /* and more: unsynchronized */

enum ntp_mode {
	NTP_RESERVED,
	NTP_SYMMETRIC_ACTIVE,
	NTP_SYMMETRIC_PASSIVE,
	NTP_CLIENT,
	NTP_SERVER,
	NTP_BROADCAST,
	NTP_CONTROL,
	NTP_PRIVATE,
};

enum { NTP_LEAP_NONE = 0, NTP_LEAP_UNSYNC = 3 };

enum ntp_digest { NTP_NO_DIGEST, NTP_MD5, NTP_SHA1 };

/* What stands behind the header. */
enum ntp_auth { NTP_AUTH_NONE, NTP_AUTH_NAK, NTP_AUTH_MAC };

struct ntp_packet {
	uint8_t leap, version, mode, stratum;
	int8_t poll, precision;		      /* log2 of seconds */
	uint32_t root_delay, root_dispersion; /* seconds, 16 bits of fraction */
	uint8_t refid[4];
	uint64_t reference, origin, receive, transmit;
	enum ntp_auth auth;
	uint32_t key_id;       /* NTP_AUTH_MAC */
	const uint8_t *digest; /* points into the octets */
	size_t digest_len;     /* 16 or 20 */
	size_t covered;	       /* octets that it covers: header and extension fields */
};

/* 0, or -EBADMSG with *ret_why. Mode and version are whatever they are. */
int ntp_decode(const uint8_t *data, size_t len, struct ntp_packet *ret, const char **ret_why);
/* The header; NTP_HEADER_LEN octets. */
void ntp_encode(const struct ntp_packet *p, uint8_t out[static NTP_HEADER_LEN]);

struct ntp_key {
	uint32_t id; /* 0 = none */
	enum ntp_digest digest;
	char secret[65];
};

/* Appends key id and digest to the `len` octets in `out`; how many there are then. */
size_t ntp_sign(const struct ntp_key *key, uint8_t out[static NTP_PACKET_MAX], size_t len);
/* Was p, made of `data`, signed with this key? */
bool ntp_verify(const struct ntp_key *key, const uint8_t *data, const struct ntp_packet *p);

uint64_t ntp_from_unix(int64_t unix_ns);
int64_t ntp_to_unix(uint64_t time);
uint32_t ntp_short_from_ns(int64_t ns); /* cut off at 65535 s, and at 0 */
int64_t ntp_short_to_ns(uint32_t value);

#endif
