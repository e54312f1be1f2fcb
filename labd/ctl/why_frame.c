#include <stdlib.h>
#include <string.h>

#include "labd/ctl/why.h"

#define ETHER_IPV4 0x0800
#define ETHER_ARP  0x0806
#define ETHER_VLAN 0x8100
#define ETHER_QINQ 0x88a8
#define ETHER_IPV6 0x86dd

#define MAC_BYTES	 12
#define ARP_BYTES	 28
#define L2_BYTES	 60	 /* of a frame that is neither IP nor ARP */
#define JOURNEY_SLACK_NS 1000000 /* clocks at two ends of a device, read in another order */
#define NO_PARENT	 ((size_t)-1)

static void put(struct frame_key *k, const uint8_t *bytes, size_t len)
{
	if (len > FRAME_KEY_MAX - k->len)
		len = FRAME_KEY_MAX - k->len;
	memcpy(k->bytes + k->len, bytes, len);
	k->len += len;
}

/* The transport header up to its checksum, which speaks for the rest. */
static void put_transport(struct frame_key *k, uint8_t proto, const uint8_t *p, size_t len)
{
	size_t want = proto == 6 ? 20 : proto == 17 || proto == 1 || proto == 58 ? 8 : 16;

	put(k, p, len < want ? len : want);
}

/* Length, id and fragment, protocol, addresses; not TOS, TTL and checksum (RFC 791 §3.1). */
static void key_ipv4(struct frame_key *k, const uint8_t *p, size_t len)
{
	size_t header = len > 0 ? (size_t)(p[0] & 0x0f) * 4 : 0;

	if (len < 20 || header < 20 || header > len) {
		put(k, p, len);
		return;
	}
	put(k, p + 2, 6);
	put(k, p + 9, 1);
	put(k, p + 12, 8);
	put_transport(k, p[9], p + header, len - header);
}

/* Length, next header, addresses; not traffic class and hop limit (RFC 8200 §3). */
static void key_ipv6(struct frame_key *k, const uint8_t *p, size_t len)
{
	if (len < 40) {
		put(k, p, len);
		return;
	}
	put(k, p + 4, 3);
	put(k, p + 8, 32);
	put_transport(k, p[6], p + 40, len - 40);
}

void frame_key(const void *frame, size_t len, struct frame_key *ret)
{
	const uint8_t *p = frame;
	size_t at = MAC_BYTES;
	unsigned type;

	memset(ret, 0, sizeof(*ret));
	if (len < MAC_BYTES + 2)
		return;
	while (at + 6 <= len &&
	       ((p[at] << 8 | p[at + 1]) == ETHER_VLAN || (p[at] << 8 | p[at + 1]) == ETHER_QINQ))
		at += 4;
	type = (unsigned)(p[at] << 8 | p[at + 1]);
	put(ret, p + at, 2);
	p += at + 2;
	len -= at + 2;
	if (type == ETHER_IPV4)
		key_ipv4(ret, p, len);
	else if (type == ETHER_IPV6)
		key_ipv6(ret, p, len);
	else if (type == ETHER_ARP)
		put(ret, p, len < ARP_BYTES ? len : ARP_BYTES);
	else {
		put(ret, frame, MAC_BYTES);
		put(ret, p, len < L2_BYTES ? len : L2_BYTES);
	}
}

bool frame_key_equal(const struct frame_key *a, const struct frame_key *b)
{
	return a->len > 0 && a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* --- journeys ------------------------------------------------------------------------------- */

static bool has_child_on(const size_t *parents, const struct sighting *s, size_t n, size_t parent,
			 int64_t way)
{
	for (size_t i = 0; i < n; i++)
		if (parents[i] == parent && s[i].way == way)
			return true;
	return false;
}

static size_t find_parent(const size_t *parents, const struct sighting *s, size_t n, size_t at)
{
	for (size_t i = 0; i < n; i++)
		if (i != at && s[i].arrived && strcmp(s[i].receiver, s[at].sender) == 0 &&
		    s[i].time_ns <= s[at].time_ns + JOURNEY_SLACK_NS && parents[i] != at &&
		    !has_child_on(parents, s, n, i, s[at].way))
			return i;
	return NO_PARENT;
}

static size_t root_of(const size_t *parents, size_t n, size_t at)
{
	for (size_t steps = 0; steps < n && parents[at] != NO_PARENT; steps++)
		at = parents[at];
	return at;
}

void journey_find(const struct sighting *s, size_t n, size_t asked, bool *ret_in)
{
	size_t *parents = calloc(n + 1, sizeof(*parents));

	if (!parents)
		abort();
	for (size_t i = 0; i < n; i++)
		parents[i] = NO_PARENT;
	for (size_t i = 0; i < n; i++)
		parents[i] = find_parent(parents, s, n, i);
	for (size_t i = 0; i < n; i++)
		ret_in[i] = root_of(parents, n, i) == root_of(parents, n, asked);
	free(parents);
}

bool journey_goes_on(const struct sighting *s, size_t n, size_t at, const bool *in)
{
	for (size_t i = 0; i < n; i++)
		if (in[i] && i != at && strcmp(s[i].sender, s[at].receiver) == 0 &&
		    s[i].time_ns + JOURNEY_SLACK_NS >= s[at].time_ns)
			return true;
	return false;
}
