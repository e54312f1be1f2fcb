/* types.h: the few types that everything else speaks.
 *
 * Time is int64 nanoseconds of lab time (base: the lab's epoch) everywhere; names end in _ns.
 * An address is a value: family plus 16 octets in network order; IPv4 uses the first four. */
#ifndef LABD_BASE_TYPES_H
#define LABD_BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int64_t nsec_t;

#define NSEC  ((nsec_t)1)
#define USEC  (1000 * NSEC)
#define MSEC  (1000 * USEC)
#define SEC   (1000 * MSEC)
#define NEVER INT64_MAX /* no deadline */

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n)	      (1u << (n))

struct mac {
	uint8_t b[6];
};

/* An IPv4 or IPv6 address; family 0 means "none". */
struct addr {
	uint8_t family; /* 0, 4 or 6 */
	uint8_t b[16];	/* network order */
};

/* A transport endpoint. */
struct ep {
	struct addr addr;
	uint16_t port; /* host order */
};

/* How a device's own clock goes: lab time plus an offset, which a slew moves at CLOCK_SLEW_PPM. */
enum clock_trust {
	CLOCK_UNSET, /* nobody has set it */
	CLOCK_SET,   /* by hand, or by a source that it follows */
	CLOCK_LOST,  /* its source is lost: it runs on */
};

struct device_clock {
	int64_t offset_ns;   /* at slew_from_ns */
	int64_t slew_ns;     /* what is to be added to the offset, bit by bit */
	nsec_t slew_from_ns; /* lab time */
	enum clock_trust trust;
};

#define CLOCK_SLEW_PPM 500 /* RFC 5905 §11.3 */

enum device_kind {
	KIND_PC,
	KIND_SERVER,
	KIND_ROUTER,
	KIND_SWITCH,
	KIND_HUB,
	KIND_PHONE,
	KIND_LINUX,
	N_KINDS
};

#define KIND_BIT(k) BIT(k)
#define KINDS_HOST  (BIT(KIND_PC) | BIT(KIND_SERVER) | BIT(KIND_PHONE) | BIT(KIND_LINUX))
#define KINDS_L3    (KINDS_HOST | BIT(KIND_ROUTER))
#define KINDS_ALL   (BIT(N_KINDS) - 1)

const char *device_kind_name(enum device_kind kind);
/* 0, or -EINVAL for an unknown word. */
int device_kind_parse(const char *text, enum device_kind *ret);

/* The address helpers (addr.c). Text buffers: ADDR_TEXT_LEN and MAC_TEXT_LEN octets. */
#define ADDR_TEXT_LEN 46
#define MAC_TEXT_LEN  18

struct addr addr4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);
struct addr addr4_from_u32(uint32_t host_order);
uint32_t addr4_u32(const struct addr *a); /* host order; 0 unless IPv4 */
bool addr_is_set(const struct addr *a);
bool addr_equal(const struct addr *a, const struct addr *b);
bool addr_is_any(const struct addr *a); /* 0.0.0.0, :: or unset */
bool addr_is_multicast(const struct addr *a);
bool addr4_is_limited_broadcast(const struct addr *a);
bool addr_in_prefix(const struct addr *a, const struct addr *net, unsigned plen);
struct addr addr_mask(const struct addr *a, unsigned plen); /* host bits cleared */
struct addr addr4_broadcast(const struct addr *a, unsigned plen);
struct addr addr4_netmask(unsigned plen);
/* Prefix length of a contiguous IPv4 mask, or -EINVAL. */
int addr4_mask_plen(const struct addr *mask);
/* 0 or -EINVAL. Strict dotted quad (no leading zeros, no octal) or RFC 4291 text. */
int addr_parse(const char *text, struct addr *ret);
const char *addr_format(const struct addr *a, char out[static ADDR_TEXT_LEN]);
/* aa:bb:.., aa-bb-.. or aabb.ccdd.eeff. */
int mac_parse(const char *text, struct mac *ret);
const char *mac_format(const struct mac *m, char out[static MAC_TEXT_LEN]);
bool mac_equal(const struct mac *a, const struct mac *b);
bool mac_is_broadcast(const struct mac *m);
extern const struct mac mac_broadcast;

#endif
