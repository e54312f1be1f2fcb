/*
 * Interface names as people write them.
 *
 * `GigabitEthernet0/0`, `gi0/0`, `Gig 0/0` and `gi0-0` are one interface; so are `eth0` and
 * `Ethernet0`, and a switch's `1`, `p1` and `port 1`. ifname_parse() brings each spelling to one
 * display name (what `show` output and the database print) and one kernel name (at most 15 bytes,
 * never a '/', what `ip link` and Wireshark show). Two names are the same interface exactly when
 * their kernel names are equal, and parsing either canonical name gives the same result again.
 *
 * A word that belongs to no family (`wlan0`, `lan`) names itself, if the kernel would take it.
 * Words are compared without regard to case, and may be shortened as long as one family fits.
 *
 * Pure: no allocation, no state. Errors: -EINVAL with a sentence without the name itself.
 */
#ifndef LABD_BASE_IFNAME_H
#define LABD_BASE_IFNAME_H

#include <stdbool.h>
#include <stdint.h>

enum {
	IFNAME_KERNEL_MAX = 16,	 /* IFNAMSIZ, with the final zero */
	IFNAME_DISPLAY_MAX = 40, /* with the final zero */
	IFNAME_NUMBERS_MAX = 3,	 /* slot/subslot/port */
};

enum if_family {
	IF_OTHER, /* a kernel name without a meaning of its own */
	IF_PORT,  /* a switch's or hub's port: `1` */
	IF_ETHERNET,
	IF_FAST,
	IF_GIGABIT,
	IF_TENGIGABIT,
	IF_SERIAL,
	IF_LOOPBACK, /* `Loopback0`; the kernel's own `lo` is not a name a lab can use */
	IF_VLAN,
	IF_TUNNEL,
};

struct ifname {
	enum if_family family;
	char display[IFNAME_DISPLAY_MAX]; /* GigabitEthernet0/0 */
	char kernel[IFNAME_KERNEL_MAX];	  /* gi0-0 */
	uint16_t number[IFNAME_NUMBERS_MAX];
	uint8_t n_numbers; /* 0 for IF_OTHER */
	int32_t sub;	   /* the 10 of gi0/0.10, or -1 */
};

/* Fills *ret from |text|. On -EINVAL *reterr is a constant sentence that says what is wrong. */
int ifname_parse(const char *text, struct ifname *ret, const char **reterr);

/* One interface under two spellings? */
bool ifname_equal(const struct ifname *a, const struct ifname *b);

/* Can a cable be plugged in? Not into loopbacks, VLANs, tunnels and subinterfaces. */
bool ifname_is_physical(const struct ifname *name);

#endif
