#include "base/types.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct mac mac_broadcast = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };

static const char *const kind_names[N_KINDS] = {
	[KIND_PC] = "pc",	  [KIND_SERVER] = "server", [KIND_ROUTER] = "router",
	[KIND_SWITCH] = "switch", [KIND_HUB] = "hub",	    [KIND_PHONE] = "phone",
	[KIND_LINUX] = "linux",
};

const char *device_kind_name(enum device_kind kind)
{
	return (unsigned)kind < N_KINDS ? kind_names[kind] : "unknown";
}

int device_kind_parse(const char *text, enum device_kind *ret)
{
	for (unsigned i = 0; i < N_KINDS; i++) {
		if (strcmp(text, kind_names[i]) == 0) {
			*ret = (enum device_kind)i;
			return 0;
		}
	}
	return -EINVAL;
}

struct addr addr4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return (struct addr){ .family = 4, .b = { a, b, c, d } };
}

struct addr addr4_from_u32(uint32_t v)
{
	return addr4((uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v);
}

uint32_t addr4_u32(const struct addr *a)
{
	if (a->family != 4)
		return 0;
	return (uint32_t)a->b[0] << 24 | (uint32_t)a->b[1] << 16 | (uint32_t)a->b[2] << 8 | a->b[3];
}

/* Octets of an address of this family. */
static size_t family_len(uint8_t family)
{
	return family == 4 ? 4 : family == 6 ? 16 : 0;
}

bool addr_is_set(const struct addr *a)
{
	return a->family != 0;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && memcmp(a->b, b->b, family_len(a->family)) == 0;
}

bool addr_is_any(const struct addr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->b, zero, family_len(a->family)) == 0;
}

bool addr_is_multicast(const struct addr *a)
{
	return a->family == 4 ? a->b[0] >> 4 == 14 : a->family == 6 && a->b[0] == 0xff;
}

bool addr4_is_limited_broadcast(const struct addr *a)
{
	return a->family == 4 && addr4_u32(a) == 0xffffffff;
}

struct addr addr_mask(const struct addr *a, unsigned plen)
{
	struct addr net = { .family = a->family };
	size_t len = family_len(a->family);

	for (size_t i = 0; i < len && plen > 0; i++) {
		unsigned bits = plen < 8 ? plen : 8;

		net.b[i] = (uint8_t)(a->b[i] & 0xff << (8 - bits));
		plen -= bits;
	}
	return net;
}

bool addr_in_prefix(const struct addr *a, const struct addr *net, unsigned plen)
{
	struct addr x, y;

	if (a->family == 0 || a->family != net->family)
		return false;
	x = addr_mask(a, plen);
	y = addr_mask(net, plen);
	return addr_equal(&x, &y);
}

/* A shift by 32 is undefined, hence plen 0 apart. */
static uint32_t mask_u32(unsigned plen)
{
	return plen == 0 ? 0 : plen >= 32 ? UINT32_MAX : UINT32_MAX << (32 - plen);
}

struct addr addr4_netmask(unsigned plen)
{
	return addr4_from_u32(mask_u32(plen));
}

struct addr addr4_broadcast(const struct addr *a, unsigned plen)
{
	return addr4_from_u32(addr4_u32(a) | ~mask_u32(plen));
}

int addr4_mask_plen(const struct addr *mask)
{
	uint32_t v = addr4_u32(mask);

	if (mask->family != 4)
		return -EINVAL;
	for (unsigned plen = 0; plen <= 32; plen++)
		if (v == mask_u32(plen))
			return (int)plen;
	return -EINVAL;
}

int addr_parse(const char *text, struct addr *ret)
{
	struct addr a = { .family = strchr(text, ':') ? 6 : 4 };

	/* glibc's inet_pton takes four decimal octets without leading zeros and nothing else. */
	if (inet_pton(a.family == 6 ? AF_INET6 : AF_INET, text, a.b) != 1)
		return -EINVAL;
	*ret = a;
	return 0;
}

const char *addr_format(const struct addr *a, char out[static ADDR_TEXT_LEN])
{
	int af = a->family == 6 ? AF_INET6 : AF_INET;

	if (family_len(a->family) == 0 || !inet_ntop(af, a->b, out, ADDR_TEXT_LEN))
		memcpy(out, "none", sizeof("none"));
	return out;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Twelve hex digits with `sep` after each group of n. */
static int mac_parse_groups(const char *text, char sep, size_t n, struct mac *ret)
{
	struct mac m = { { 0 } };
	const char *p = text;

	for (size_t digit = 0; digit < 12; digit++) {
		int v;

		if (digit > 0 && digit % n == 0 && *p++ != sep)
			return -EINVAL;
		v = hex_digit(*p);
		if (v < 0)
			return -EINVAL;
		m.b[digit / 2] = (uint8_t)(m.b[digit / 2] << 4 | v);
		p++;
	}
	if (*p != '\0')
		return -EINVAL;
	*ret = m;
	return 0;
}

int mac_parse(const char *text, struct mac *ret)
{
	if (strchr(text, '.'))
		return mac_parse_groups(text, '.', 4, ret);
	return mac_parse_groups(text, strchr(text, '-') ? '-' : ':', 2, ret);
}

const char *mac_format(const struct mac *m, char out[static MAC_TEXT_LEN])
{
	snprintf(out, MAC_TEXT_LEN, "%02x:%02x:%02x:%02x:%02x:%02x", m->b[0], m->b[1], m->b[2],
		 m->b[3], m->b[4], m->b[5]);
	return out;
}

bool mac_equal(const struct mac *a, const struct mac *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

bool mac_is_broadcast(const struct mac *m)
{
	return mac_equal(m, &mac_broadcast);
}
