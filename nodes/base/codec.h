/* codec.h: what the log's dissector needs of a protocol's wire codec.
 *
 * A codec is pure: bytes in, words out, no allocation but the sbuf's, no state. PROTO_wire.c ends
 * with `const struct codec PROTO_codec`. */
#ifndef LABD_BASE_CODEC_H
#define LABD_BASE_CODEC_H

#include "base/types.h"

struct sbuf;

struct codec_in {
	const uint8_t *data; /* UDP payload, or the stream bytes of one TCP segment */
	size_t len;
	struct ep src, dst;
	bool tcp;
	bool cut; /* the capture is shorter than the packet was */
};

/* One field of the packet details; offset and len are octets within `data`. */
typedef void (*codec_field_fn)(void *arg, const char *field, const char *value, size_t offset,
			       size_t len);

struct codec {
	const char *name;      /* as Wireshark spells it: DHCP, DNS, HTTP */
	uint16_t udp_ports[4]; /* 0 = unused */
	uint16_t tcp_ports[4];
	/* The info line, worded as Wireshark's. 0, or -EBADMSG with *ret_why (static text) when
	 * malformed, or -EAGAIN when a TCP segment does not start a message of this protocol. */
	int (*info)(const struct codec_in *in, struct sbuf *out, const char **ret_why);
	/* Every field, in order; NULL = none yet. Same results as info(). */
	int (*fields)(const struct codec_in *in, codec_field_fn fn, void *arg);
};

#endif
