/* telnet_wire.h: the octets of a Telnet connection (RFC 854, 855): data with commands in between.
 * Pure; allocates nothing. */
#ifndef LABD_TELNET_WIRE_H
#define LABD_TELNET_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TELNET_PORT   23
#define TELNET_SB_MAX 512 /* octets of a subnegotiation */

enum telnet_command {
	TELNET_EOF = 236, /* the first octet that may follow IAC */
	TELNET_SE = 240,
	TELNET_NOP,
	TELNET_DM,
	TELNET_BRK,
	TELNET_IP,
	TELNET_AO,
	TELNET_AYT,
	TELNET_EC,
	TELNET_EL,
	TELNET_GA,
	TELNET_SB,
	TELNET_WILL,
	TELNET_WONT,
	TELNET_DO,
	TELNET_DONT,
	TELNET_IAC
};

enum telnet_option {
	TELNET_OPT_ECHO = 1,   /* RFC 857 */
	TELNET_OPT_SGA = 3,    /* RFC 858 */
	TELNET_OPT_TTYPE = 24, /* RFC 1091 */
	TELNET_OPT_NAWS = 31   /* RFC 1073 */
};

enum { TELNET_TTYPE_IS, TELNET_TTYPE_SEND };

enum telnet_item_kind {
	TELNET_DATA,	/* data, len; escaped: it was IAC IAC */
	TELNET_CONTROL, /* command */
	TELNET_OPTION,	/* command (WILL ... DONT), option */
	TELNET_SUB,	/* option, data, len: a whole subnegotiation, unescaped */
	TELNET_BAD,	/* why */
};

struct telnet_item {
	enum telnet_item_kind kind;
	uint8_t command, option;
	bool escaped;
	const uint8_t *data; /* until the next call */
	size_t len;
	const char *why;
};

struct telnet_reader {
	enum { AT_DATA, AT_IAC, AT_OPTION, AT_SUB, AT_SUB_IAC, AT_SKIP, AT_SKIP_IAC } at;
	uint8_t command;
	uint8_t sub[TELNET_SB_MAX];
	size_t sub_len;
};

/* Takes octets from the front of (*data, *len); true with an item, false when all are taken. What
 * is not whole yet is kept in the reader. */
bool telnet_next(struct telnet_reader *r, const uint8_t **data, size_t *len,
		 struct telnet_item *ret);

/* The line ends of what is received: CR LF, CR NUL and LF are one each, and come out as '\n'; a CR
 * before anything else is one too. */
struct telnet_eol {
	bool cr;
};

/* At most as many octets as there are; how many. */
size_t telnet_lines(struct telnet_eol *e, const uint8_t *data, size_t len, uint8_t *out);
/* Text for the wire: IAC doubled, a CR without LF as CR NUL. out: room for 2 * len + 1. *cr: the
 * last octet was a CR whose companion follows; kept between calls. *ret_escaped: how many IACs. */
size_t telnet_escape(const uint8_t *data, size_t len, bool *cr, uint8_t *out,
		     unsigned *ret_escaped);

const char *telnet_command_name(uint8_t command); /* NULL: it has none */
const char *telnet_option_name(uint8_t option);	  /* NULL */

#endif
