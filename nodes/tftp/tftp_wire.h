/* tftp_wire.h: TFTP packets as bytes and as structs (RFC 1350 §5, RFC 2347). Pure; allocates
 * nothing; texts point into the packet. */
#ifndef LABD_TFTP_WIRE_H
#define LABD_TFTP_WIRE_H

#include "base/cur.h"
#include "base/sbuf.h"

#define TFTP_PORT	 69
#define TFTP_BLKSIZE	 512 /* octets of a block where nothing else was agreed */
#define TFTP_BLKSIZE_MIN 8   /* RFC 2348 */
#define TFTP_BLKSIZE_MAX 65464
#define TFTP_HEADER	 4 /* octets before the data of a block */
#define TFTP_OPTIONS_MAX 8 /* of a packet; further ones are left unread, as unknown ones are */

enum tftp_op { TFTP_RRQ = 1, TFTP_WRQ, TFTP_DATA, TFTP_ACK, TFTP_ERROR, TFTP_OACK };

enum tftp_code {
	TFTP_UNDEFINED,
	TFTP_NOT_FOUND,
	TFTP_ACCESS,
	TFTP_DISK_FULL,
	TFTP_ILLEGAL,
	TFTP_UNKNOWN_TID,
	TFTP_EXISTS,
	TFTP_NO_USER,
	TFTP_BAD_OPTION /* RFC 2347 */
};

enum tftp_mode { TFTP_OCTET, TFTP_NETASCII, TFTP_MAIL, TFTP_NO_MODE };

struct tftp_option {
	const char *name, *value;
};

struct tftp_msg {
	uint16_t op;		      /* enum tftp_op; other values are decoded too */
	const char *file, *mode_text; /* RRQ, WRQ */
	enum tftp_mode mode;	      /* RRQ, WRQ */
	struct tftp_option options[TFTP_OPTIONS_MAX]; /* RRQ, WRQ, OACK */
	unsigned n_options;
	uint16_t block; /* DATA, ACK */
	const uint8_t *data;
	size_t len;
	uint16_t code; /* ERROR */
	const char *text;
};

/* 0, or -EBADMSG with *ret_why = a constant sentence; ret->op is set from two octets on. */
int tftp_decode(const uint8_t *data, size_t len, struct tftp_msg *ret, const char **ret_why);

/* What we ask for or grant. A value that is not `has` is left out. */
struct tftp_terms {
	bool has_blksize, has_timeout, has_tsize;
	uint16_t blksize;
	uint8_t timeout; /* seconds */
	uint64_t tsize;	 /* octets */
};

/* Reads the options that we know and that are in range (RFC 2348, 2349); the others are not set.
 * The number of options that were in the packet but not taken. */
unsigned tftp_terms_read(const struct tftp_msg *m, struct tftp_terms *ret);

void tftp_put_request(struct wr *w, enum tftp_op op, const char *file, enum tftp_mode mode,
		      const struct tftp_terms *terms);
void tftp_put_block(struct wr *w, enum tftp_op op, uint16_t block); /* DATA's header, or ACK */
void tftp_put_error(struct wr *w, uint16_t code, const char *text);
void tftp_put_oack(struct wr *w, const struct tftp_terms *terms);

const char *tftp_mode_name(enum tftp_mode mode);
const char *tftp_code_name(uint16_t code); /* RFC 1350's appendix; "" for others */

/* netascii (RFC 764): a line ends with CR LF, a lone CR is CR NUL; files have LF. */
struct tftp_text {
	bool cr; /* the last octet of the block before was a CR */
};

void tftp_text_to_wire(const uint8_t *data, size_t len, struct sbuf *out);
void tftp_text_from_wire(struct tftp_text *t, const uint8_t *data, size_t len, struct sbuf *out);
void tftp_text_end(struct tftp_text *t, struct sbuf *out); /* the transfer is over */

#endif
