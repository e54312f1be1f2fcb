/* spec.h: the words that the lab file and the plan share: carriers, impairments, log options.
 *
 * Times are int64 nanoseconds, probabilities parts per billion (0.5 % = 5,000,000), rates bits a
 * second. Zero means "none" throughout, so a zeroed wire_spec is a perfect wire. */
#ifndef LABD_LAB_SPEC_H
#define LABD_LAB_SPEC_H

#include "base/types.h"

#define PPB_ONE	    1000000000u /* certainty: 100 % */
#define PPB_PERCENT 10000000u

/* Who carries a link's frames. */
enum carrier {
	CARRIER_VETH, /* the kernel; nothing can be done to a frame */
	CARRIER_AUTO, /* a wire: TAP where /dev/net/tun exists, else rings */
	CARRIER_TAP,  /* a wire on two TAP devices */
	CARRIER_RING, /* a wire on packet rings */
	N_CARRIERS,
};

const char *carrier_name(enum carrier carrier);
int carrier_parse(const char *text, enum carrier *ret); /* 0 or -EINVAL */

/* What a wire does to the frames of one direction. */
struct wire_spec {
	nsec_t delay_ns;
	nsec_t jitter_ns; /* uniform, plus or minus; never more than the delay */
	uint32_t loss_ppb;
	uint32_t duplicate_ppb;
	uint32_t reorder_ppb; /* frames that overtake: sent without the delay */
	uint32_t corrupt_ppb; /* frames with one flipped bit */
	uint64_t rate_bps;    /* 0 = no cap */
	uint32_t limit;	      /* frames that may wait; 0 = the wire's own default */
};

enum log_payload {
	LOG_PAYLOAD_FULL,
	LOG_PAYLOAD_HEADERS,
	LOG_PAYLOAD_BYTES,
};

struct log_spec {
	enum log_payload payload;
	uint32_t payload_bytes; /* of each frame, LOG_PAYLOAD_BYTES only */
	uint64_t size_bytes;	/* the database's limit; 0 = what the disk has */
	bool power_safe;	/* durability: power */
};

#endif
