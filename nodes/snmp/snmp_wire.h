/* snmp_wire.h: messages of SNMPv1 (RFC 1157) and SNMPv2c (RFC 1901, RFC 3416), read and written.
 *
 * Reading goes in two steps, as an agent takes them: the header (version, community), then the PDU.
 * Everything that is read is a view of the message. A PDU that was decoded is sound to its last
 * binding: snmp_bind_next() cannot fail on it other than at its end. */
#ifndef LABD_SNMP_WIRE_H
#define LABD_SNMP_WIRE_H

#include "snmp/snmp_ber.h"

#define SNMP_PORT	   161
#define SNMP_TRAP_PORT	   162
#define SNMP_MESSAGE_MAX   1472 /* octets that we send: one frame of Ethernet */
#define SNMP_BINDS_MAX	   256	/* of one message that we read */
#define SNMP_COMMUNITY_MAX 64

enum snmp_version { SNMP_V1 = 0, SNMP_V2C = 1, SNMP_V3 = 3 };

enum snmp_pdu {
	SNMP_GET = 0xa0,
	SNMP_GETNEXT,
	SNMP_RESPONSE,
	SNMP_SET,
	SNMP_TRAP_V1,
	SNMP_GETBULK,
	SNMP_INFORM,
	SNMP_TRAP,
	SNMP_REPORT,
};

/* RFC 3416 §3; the first six are v1's, too. */
enum snmp_error {
	SNMP_NO_ERROR,
	SNMP_TOO_BIG,
	SNMP_NO_SUCH_NAME,
	SNMP_BAD_VALUE,
	SNMP_READ_ONLY,
	SNMP_GEN_ERR,
	SNMP_NO_ACCESS,
	SNMP_WRONG_TYPE,
	SNMP_WRONG_LENGTH,
	SNMP_WRONG_ENCODING,
	SNMP_WRONG_VALUE,
	SNMP_NO_CREATION,
	SNMP_INCONSISTENT_VALUE,
	SNMP_RESOURCE_UNAVAILABLE,
	SNMP_COMMIT_FAILED,
	SNMP_UNDO_FAILED,
	SNMP_AUTHORIZATION_ERROR,
	SNMP_NOT_WRITABLE,
	SNMP_INCONSISTENT_NAME,
	SNMP_N_ERRORS
};

struct snmp_value {
	uint8_t type; /* enum snmp_type */
	int32_t i;    /* INTEGER */
	uint64_t u;   /* the unsigned types */
	const uint8_t *data;
	size_t len;	     /* strings, IpAddress: 4 octets */
	struct snmp_oid oid; /* OBJECT IDENTIFIER */
};

struct snmp_bind {
	struct snmp_oid name;
	struct snmp_value value;
};

struct snmp_msg {
	int32_t version;
	const char *community; /* not NUL-terminated */
	size_t community_len;
	uint8_t pdu;	/* its tag, whatever it is */
	struct rd body; /* of the PDU */
	size_t pdu_at;	/* octets before it */
	/* The PDU, when it was decoded: */
	int32_t id;		    /* request-id */
	int32_t error, index;	    /* GetBulk: non-repeaters, max-repetitions */
	struct snmp_oid enterprise; /* v1 trap, from here on */
	struct addr agent;
	int32_t generic, specific;
	uint64_t uptime; /* 1/100 s */
	struct rd binds;
	unsigned n_binds;
};

/* 0, or -EBADMSG with *ret_why (static text); -EPROTONOSUPPORT: a version that we do not speak (it
 * is in *ret). */
int snmp_decode_header(const uint8_t *data, size_t len, struct snmp_msg *ret, const char **ret_why);
int snmp_decode_pdu(struct snmp_msg *m, const char **ret_why);
/* False at the end of the list, or where it is malformed (binds->err). */
bool snmp_bind_next(struct rd *binds, struct snmp_bind *ret);

/* A message in the making. */
struct snmp_out {
	struct wr w;
	size_t message, pdu, binds; /* where they were opened */
	uint8_t octets[SNMP_MESSAGE_MAX + 16];
};

/* Message and PDU up to the list of bindings. */
void snmp_begin(struct snmp_out *o, const struct snmp_msg *head);
/* False when the message would be longer than `max` with it: then it is as it was before. */
bool snmp_put_bind(struct snmp_out *o, const struct snmp_bind *b, size_t max);
/* The octets are in o->octets: how many, or 0 when they are more than `max`. */
size_t snmp_end(struct snmp_out *o, size_t max);

/* snmp_names.c: words, as Wireshark has them. */
const char *snmp_pdu_name(uint8_t pdu); /* get-request, ...; NULL: there is none */
const char *snmp_error_name(int32_t error);
const char *snmp_generic_name(int32_t generic); /* coldStart, ... */
const char *snmp_version_name(int32_t version); /* v1, v2c, ... */

#endif
