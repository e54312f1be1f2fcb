/* radius_wire.h: RADIUS packets (RFC 2865, 2866, 5997): octets to structs and back, hidden
 * passwords, authenticators, Message-Authenticator (RFC 3579 §3.2).
 *
 * Pure: nothing allocates; a packet points into the octets that it was read from. */
#ifndef LABD_RADIUS_WIRE_H
#define LABD_RADIUS_WIRE_H

#include "base/crypto.h"
#include "base/types.h"

#define RADIUS_AUTH_PORT     1812
#define RADIUS_ACCT_PORT     1813
#define RADIUS_OLD_AUTH_PORT 1645 /* RFC 2865 §3: of the first implementations */
#define RADIUS_OLD_ACCT_PORT 1646
#define RADIUS_HEADER_LEN    20
#define RADIUS_PACKET_MAX    4096
#define RADIUS_VALUE_MAX     253
#define RADIUS_PASSWORD_MAX  128
#define RADIUS_VENDOR_CISCO  9
#define RADIUS_CISCO_AVPAIR  1
#define RADIUS_MA_LEN	     18 /* a Message-Authenticator attribute */

enum radius_code {
	RADIUS_ACCESS_REQUEST = 1,
	RADIUS_ACCESS_ACCEPT = 2,
	RADIUS_ACCESS_REJECT = 3,
	RADIUS_ACCOUNTING_REQUEST = 4,
	RADIUS_ACCOUNTING_RESPONSE = 5,
	RADIUS_ACCESS_CHALLENGE = 11,
	RADIUS_STATUS_SERVER = 12,
};

enum radius_type {
	RADIUS_USER_NAME = 1,
	RADIUS_USER_PASSWORD = 2,
	RADIUS_CHAP_PASSWORD = 3,
	RADIUS_NAS_IP_ADDRESS = 4,
	RADIUS_NAS_PORT = 5,
	RADIUS_SERVICE_TYPE = 6,
	RADIUS_REPLY_MESSAGE = 18,
	RADIUS_VENDOR_SPECIFIC = 26,
	RADIUS_CALLING_STATION_ID = 31,
	RADIUS_NAS_IDENTIFIER = 32,
	RADIUS_PROXY_STATE = 33,
	RADIUS_ACCT_STATUS_TYPE = 40,
	RADIUS_ACCT_SESSION_ID = 44,
	RADIUS_ACCT_SESSION_TIME = 46,
	RADIUS_CHAP_CHALLENGE = 60,
	RADIUS_NAS_PORT_TYPE = 61,
	RADIUS_EAP_MESSAGE = 79,
	RADIUS_MESSAGE_AUTHENTICATOR = 80,
	RADIUS_NAS_IPV6_ADDRESS = 95, /* RFC 3162 */
};

enum radius_service { RADIUS_LOGIN = 1, RADIUS_ADMINISTRATIVE = 6, RADIUS_NAS_PROMPT = 7 };

struct radius_packet {
	uint8_t code, id;
	const uint8_t *octets;	      /* from its first one on, */
	size_t len;		      /* as the length field says */
	const uint8_t *authenticator; /* 16 octets */
};

struct radius_attr {
	uint8_t type, len; /* of the value */
	const uint8_t *value;
	size_t at; /* of the attribute's first octet in the packet; 0 = before the first one */
};

const char *radius_code_name(unsigned code); /* as Wireshark: "Access-Request" */

/* 0, or -EBADMSG with the reason. Octets behind the length field's are ignored. */
int radius_decode(const uint8_t *data, size_t len, struct radius_packet *ret, const char **ret_why);
/* The next attribute; *a is all zero before the first. */
bool radius_next(const struct radius_packet *p, struct radius_attr *a);
bool radius_find(const struct radius_packet *p, uint8_t type, struct radius_attr *ret);
unsigned radius_count(const struct radius_packet *p, uint8_t type);
/* The number in an attribute of four octets, or `otherwise`. */
uint32_t radius_number(const struct radius_packet *p, uint8_t type, uint32_t otherwise);
/* As text; NUL octets end it. False when there is none. */
bool radius_text(const struct radius_packet *p, uint8_t type, char *out, size_t size);
/* The privilege that an Access-Accept gives: shell:priv-lvl=N of Cisco's pair, else -1. */
int radius_privilege(const struct radius_packet *p);

/* RFC 2865 §5.2. hide: password of 1 to 128 octets; out: RADIUS_PASSWORD_MAX; the hidden length.
 * unhide: the length without the padding, -EBADMSG when it cannot be. Result NUL-terminated. */
size_t radius_hide(const char *secret, const uint8_t authenticator[static 16], const char *password,
		   uint8_t *out);
int radius_unhide(const char *secret, const uint8_t authenticator[static 16],
		  const struct radius_attr *a, char out[static RADIUS_PASSWORD_MAX + 1]);
/* RFC 2865 §2.2, §5.3: does CHAP-Password answer the challenge with this password? */
bool radius_chap_matches(const struct radius_packet *p, const char *password);

enum radius_ma { RADIUS_MA_NONE, RADIUS_MA_RIGHT, RADIUS_MA_WRONG };
/* `authenticator`: that of the request, for a reply as well. */
enum radius_ma radius_check_ma(const struct radius_packet *p, const char *secret,
			       const uint8_t authenticator[static 16]);
/* The Response Authenticator (RFC 2865 §3); with `authenticator` all zero the Request
 * Authenticator of accounting (RFC 2866 §3). */
bool radius_check_authenticator(const struct radius_packet *p, const char *secret,
				const uint8_t authenticator[static 16]);

/* A packet that is being built. */
struct radius_out {
	size_t len, ma_at;
	bool full; /* an attribute had no place, and was left out */
	uint8_t octets[RADIUS_PACKET_MAX];
};

/* With a Message-Authenticator as its first attribute, if wanted. */
void radius_begin(struct radius_out *o, enum radius_code code, uint8_t id, bool with_ma);
void radius_put(struct radius_out *o, uint8_t type, const void *value, size_t len);
void radius_put_text(struct radius_out *o, uint8_t type, const char *text);
void radius_put_u32(struct radius_out *o, uint8_t type, uint32_t value);
void radius_put_privilege(struct radius_out *o, int level);
/* Fills in length, Message-Authenticator and authenticator. A request's authenticator is the one
 * given; a reply's is made of it. Accounting requests: seal_reply with zeros. */
void radius_seal_request(struct radius_out *o, const char *secret,
			 const uint8_t authenticator[static 16]);
void radius_seal_reply(struct radius_out *o, const char *secret,
		       const uint8_t authenticator[static 16]);

struct fact_kind;
struct codec;
extern const struct fact_kind aaa_request_fact;
extern const struct codec radius_codec;

#endif
