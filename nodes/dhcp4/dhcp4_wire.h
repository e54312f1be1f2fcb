/* dhcp4_wire.h: a BOOTP or DHCP message as bytes and as a struct (RFC 951, 2131, 2132, 3396).
 *
 * Pure: no allocation, no state. A struct dhcp4_msg holds its options as a list in the order of the
 * bytes. Options of a decoded message point into those bytes, except those whose parts had to be
 * joined (RFC 3396); these, and all that dhcp4_put*() adds, lie in the struct's own `space`. So a
 * message lives no longer than the bytes it was decoded from, and is never copied by assignment.
 *
 * Decoding is strict about what the protocol relies on (header, length of the options that hold
 * numbers and addresses) and names the check that failed; unknown options pass. Encoding moves
 * options to the file and sname fields when the message would be too long (option 52).
 *
 * The dhcp4_raw_*() functions change single things in an encoded message and leave every other
 * octet as it was: a relay agent must not touch what is not its own (RFC 1542 §4.1.1). */
#ifndef LABD_DHCP4_WIRE_H
#define LABD_DHCP4_WIRE_H

#include "base/codec.h"
#include "base/types.h"
#include "base/val.h"

#define DHCP4_SERVER_PORT 67
#define DHCP4_CLIENT_PORT 68

#define DHCP4_HEADER_LEN     236 /* octets up to the magic cookie */
#define DHCP4_COOKIE	     0x63825363u
#define DHCP4_LEN_MIN	     300  /* what is sent is zero-padded to this (RFC 1542 §2.1) */
#define DHCP4_LEN_DEFAULT    548  /* what every client takes: 576 less IP and UDP (RFC 2131 §2) */
#define DHCP4_LEN_MAX	     2048 /* a longer one is refused */
#define DHCP4_OPTS_MAX	     254  /* every code once */
#define DHCP4_SPACE	     2304
#define DHCP4_SNAME_LEN	     64
#define DHCP4_FILE_LEN	     128
#define DHCP4_FLAG_BROADCAST 0x8000u
#define DHCP4_INFINITE	     0xffffffffu /* a lease without end, in seconds */

enum dhcp4_op { DHCP4_BOOTREQUEST = 1, DHCP4_BOOTREPLY = 2 };

enum dhcp4_type {
	DHCP4_NO_TYPE, /* BOOTP: option 53 is absent */
	DHCP4_DISCOVER,
	DHCP4_OFFER,
	DHCP4_REQUEST,
	DHCP4_DECLINE,
	DHCP4_ACK,
	DHCP4_NAK,
	DHCP4_RELEASE,
	DHCP4_INFORM,
};

/* The options that this folder's machines use; every other one is known to dhcp4_option.c. */
enum dhcp4_code {
	OPT4_PAD = 0,
	OPT4_MASK = 1,
	OPT4_ROUTER = 3,
	OPT4_DNS = 6,
	OPT4_HOSTNAME = 12,
	OPT4_DOMAIN = 15,
	OPT4_NETBIOS = 44,
	OPT4_NETBIOS_TYPE = 46,
	OPT4_REQUESTED = 50,
	OPT4_LEASE = 51,
	OPT4_OVERLOAD = 52,
	OPT4_TYPE = 53,
	OPT4_SERVER = 54,
	OPT4_PARAMS = 55,
	OPT4_MESSAGE = 56,
	OPT4_MAX_LEN = 57,
	OPT4_T1 = 58,
	OPT4_T2 = 59,
	OPT4_CLIENT_ID = 61,
	OPT4_TFTP_NAME = 66,
	OPT4_BOOTFILE = 67,
	OPT4_RELAY_INFO = 82,
	OPT4_TFTP_ADDRS = 150,
	OPT4_WPAD = 252,
	OPT4_END = 255,
};

struct dhcp4_opt {
	uint8_t code;
	uint16_t len;
	const uint8_t *data;
};

struct dhcp4_msg {
	uint8_t op, htype, hlen, hops;
	uint32_t xid;
	uint16_t secs, flags;
	struct addr ciaddr, yiaddr, siaddr, giaddr; /* family 4 after decoding; unset = 0.0.0.0 */
	uint8_t chaddr[16];
	char sname[DHCP4_SNAME_LEN + 1]; /* "" when the field holds options */
	char file[DHCP4_FILE_LEN + 1];
	bool cookie;	      /* false: BOOTP without vendor options */
	enum dhcp4_type type; /* of option 53, which is in the list as well */
	unsigned n_opts;
	struct dhcp4_opt opts[DHCP4_OPTS_MAX];
	size_t space_used;
	uint8_t space[DHCP4_SPACE];
};

/* 0, or -EBADMSG with *ret_why = the check that failed (static text). */
int dhcp4_decode(const void *data, size_t len, struct dhcp4_msg *ret, const char **ret_why);

/* Writes at most `size` octets: the options that fit, in their order, then zeros up to
 * DHCP4_LEN_MIN. Length written, or -EMSGSIZE when size is below DHCP4_LEN_MIN. *ret_left_out (may
 * be NULL) counts the options for which there was no room. */
int dhcp4_encode(const struct dhcp4_msg *m, uint8_t *buf, size_t size, unsigned *ret_left_out);

/* An empty message with cookie; `type` DHCP4_NO_TYPE leaves option 53 out. */
void dhcp4_init(struct dhcp4_msg *m, enum dhcp4_op op, enum dhcp4_type type);

/* Adding an option copies its data; what does not fit into `space` is left out. */
void dhcp4_put(struct dhcp4_msg *m, uint8_t code, const void *data, size_t len);
void dhcp4_put_u8(struct dhcp4_msg *m, uint8_t code, uint8_t v);
void dhcp4_put_u16(struct dhcp4_msg *m, uint8_t code, uint16_t v);
void dhcp4_put_u32(struct dhcp4_msg *m, uint8_t code, uint32_t v);
void dhcp4_put_text(struct dhcp4_msg *m, uint8_t code, const char *text);
void dhcp4_put_addr(struct dhcp4_msg *m, uint8_t code, const struct addr *a);
void dhcp4_put_addrs(struct dhcp4_msg *m, uint8_t code, const struct addr *list, unsigned n);

/* Reading: false or 0 when the option is absent (decoding has checked its length). */
const struct dhcp4_opt *dhcp4_get(const struct dhcp4_msg *m, uint8_t code);
bool dhcp4_get_u32(const struct dhcp4_msg *m, uint8_t code, uint32_t *ret);
bool dhcp4_get_u16(const struct dhcp4_msg *m, uint8_t code, uint16_t *ret);
bool dhcp4_get_addr(const struct dhcp4_msg *m, uint8_t code, struct addr *ret);
unsigned dhcp4_get_addrs(const struct dhcp4_msg *m, uint8_t code, struct addr *out, unsigned max);
/* Text without trailing NULs; "" when absent. */
void dhcp4_get_text(const struct dhcp4_msg *m, uint8_t code, char *out, size_t size);
/* Does the client ask for this option? True as well when it sent no list (option 55). */
bool dhcp4_wants(const struct dhcp4_msg *m, uint8_t code);

/* As Wireshark writes it: 0x3903f326. */
#define DHCP4_XID_TEXT_LEN 11
const char *dhcp4_xid_text(uint32_t xid, char out[static DHCP4_XID_TEXT_LEN]);
/* A transaction id as a decision's value. */
#define V_XID(name, xid) V_TEXT((name), dhcp4_xid_text((xid), (char[DHCP4_XID_TEXT_LEN]){ 0 }))
struct mac dhcp4_mac(const struct dhcp4_msg *m); /* first six octets of chaddr */
bool dhcp4_wants_broadcast(const struct dhcp4_msg *m);

/* On a message that dhcp4_decode() took. */
void dhcp4_raw_set_hops(uint8_t *data, uint8_t hops);
void dhcp4_raw_set_giaddr(uint8_t *data, const struct addr *giaddr);
/* Appends an option after the others. New length, or -EMSGSIZE (then nothing is changed). */
int dhcp4_raw_add_option(uint8_t *data, size_t len, size_t size, uint8_t code, const void *opt,
			 size_t opt_len);
/* Takes every option of this code out of the options field. New length (never below
 * DHCP4_LEN_MIN if it was not before). */
size_t dhcp4_raw_remove_option(uint8_t *data, size_t len, uint8_t code);

extern const struct codec dhcp4_codec;

#endif
