/* dhcp4_option.h: what the DHCP options are: names, formats, text (RFC 2132 and later ones).
 *
 * One table row an option; decoding takes the length rules from it, the dissector the words. Pure.
 */
#ifndef LABD_DHCP4_OPTION_H
#define LABD_DHCP4_OPTION_H

#include "base/types.h"

struct sbuf;

enum dhcp4_format {
	FMT4_BYTES, /* opaque: shown as hex */
	FMT4_TEXT,
	FMT4_ADDR,  /* exactly one */
	FMT4_ADDRS, /* one or more */
	FMT4_ADDR_PAIRS,
	FMT4_U8,
	FMT4_U16,
	FMT4_U32,
	FMT4_SECONDS,
	FMT4_BOOL,
	FMT4_MSG_TYPE,
	FMT4_CODES, /* a list of option codes */
	FMT4_ID,    /* option 61: type and address, or opaque */
};

struct dhcp4_option {
	uint8_t code;
	enum dhcp4_format format;
	bool strict;	  /* a wrong length makes the whole message malformed */
	const char *name; /* as Wireshark prints it */
	const char *why;  /* strict: what to say about a wrong length */
};

/* The row, or NULL for a code that the table does not know. */
const struct dhcp4_option *dhcp4_option(uint8_t code);
bool dhcp4_option_len_ok(const struct dhcp4_option *o, size_t len);
/* The value as a person reads it; bytes with a wrong length as hex. */
void dhcp4_option_format(uint8_t code, const uint8_t *data, size_t len, struct sbuf *out);
/* "Discover", ...; NULL for an unknown number. */
const char *dhcp4_type_name(unsigned type);

#endif
