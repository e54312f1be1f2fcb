/* pcapng.h: captured frames as Wireshark reads them (draft-ietf-opsawg-pcapng): one section, one
 * block per interface, one per frame. Little-endian. Pure: appends to a buffer, -ENOBUFS when it is
 * full (then nothing was put). Times are Unix nanoseconds. */
#ifndef LABD_CTL_PCAPNG_H
#define LABD_CTL_PCAPNG_H

#include <stddef.h>
#include <stdint.h>

struct sbuf;

#define PCAPNG_COMMENT_MAX 8192 /* octets; what is longer is cut */

enum pcapng_direction { PCAPNG_UNKNOWN, PCAPNG_IN, PCAPNG_OUT };

struct pcapng_frame {
	uint32_t iface; /* in the order of the interface blocks, from 0 */
	int64_t unix_ns;
	const void *bytes;
	uint32_t captured, length; /* octets given, octets on the wire */
	enum pcapng_direction direction;
	const char *comment; /* or NULL */
};

/* Which program wrote it, and what the whole capture is. */
int pcapng_section(struct sbuf *out, const char *program, const char *comment);
int pcapng_interface(struct sbuf *out, const char *name, const char *description);
int pcapng_frame(struct sbuf *out, const struct pcapng_frame *f);

#endif
