#include "labd/wires/flow.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cur.h"
#include "base/hash.h"
#include "base/inet.h"

#define ETH_ADDRS_LEN 12
#define ETH_TYPE_VLAN 0x8100
#define ETH_TYPE_QINQ 0x88a8
#define VLAN_TAGS_MAX 2
#define IP6_HDR_LEN   40
#define IP4_FRAGMENT  0x3fff /* more fragments, or an offset */

/* What tells one conversation from another: at most 12 + 2 + 2 x 4 + 33 + 4 bytes. */
struct flow_key {
	uint8_t bytes[64];
	size_t len;
};

/* The next n bytes of the frame go into the key; nothing does when fewer are left. */
static void key_take(struct flow_key *key, struct rd *in, size_t n)
{
	const uint8_t *at = rd_view(in, n);

	if (at != NULL) {
		memcpy(key->bytes + key->len, at, n);
		key->len += n;
	}
}

static uint16_t key_take_type(struct flow_key *key, struct rd *in)
{
	struct rd peek = *in;

	key_take(key, in, 2);
	return rd_u16(&peek);
}

/* What follows the IP header, as far as one conversation can be told from another by it. */
static void key_transport(struct flow_key *key, uint8_t proto, struct rd *in)
{
	switch (proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_DCCP:
	case IPPROTO_SCTP:
	case IPPROTO_UDPLITE:
		key_take(key, in, 4); /* ports */
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		key_take(key, in, 2); /* type and code */
		break;
	}
}

static void key_ip4(struct flow_key *key, struct rd *in)
{
	size_t start = rd_pos(in);
	size_t header_len = (rd_u8(in) & 15u) * 4u;
	uint16_t fragment;
	struct rd proto;

	rd_skip(in, 5);
	fragment = rd_u16(in) & IP4_FRAGMENT;
	rd_skip(in, 1);
	proto = *in;
	key_take(key, in, 1);
	rd_skip(in, 2);
	key_take(key, in, 8);
	if (fragment != 0 || header_len < IP4_HDR_LEN)
		return;
	rd_seek(in, start + header_len);
	key_transport(key, rd_u8(&proto), in);
}

static void key_ip6(struct flow_key *key, struct rd *in)
{
	struct rd next;

	rd_skip(in, 6);
	next = *in;
	key_take(key, in, 1);
	rd_skip(in, 1);
	key_take(key, in, 32);
	key_transport(key, rd_u8(&next), in);
}

static void key_frame(struct flow_key *key, struct rd *in)
{
	uint16_t type;

	key_take(key, in, ETH_ADDRS_LEN);
	type = key_take_type(key, in);
	for (int i = 0; i < VLAN_TAGS_MAX && (type == ETH_TYPE_VLAN || type == ETH_TYPE_QINQ);
	     i++) {
		key_take(key, in, 2);
		type = key_take_type(key, in);
	}
	switch (type) {
	case ETH_TYPE_IP4:
		key_ip4(key, in);
		break;
	case ETH_TYPE_IP6:
		key_ip6(key, in);
		break;
	case ETH_TYPE_ARP:
		rd_skip(in, 6);
		key_take(key, in, 2); /* request or reply */
		break;
	}
}

uint64_t flow_hash(uint64_t seed, const uint8_t *frame, size_t len)
{
	struct flow_key key = { .len = 0 };
	uint64_t hash;
	struct rd in;

	rd_init(&in, frame, len);
	key_frame(&key, &in);
	hash = hash_bytes(seed, key.bytes, key.len);
	return hash ? hash : 1;
}

/* The conversation's slot, or the free one where it belongs. There is always a free slot. */
static struct flow_slot *find_slot(struct flow_slot *slots, uint32_t n_slots, uint64_t hash)
{
	uint32_t i = (uint32_t)hash & (n_slots - 1);

	while (slots[i].hash != 0 && slots[i].hash != hash)
		i = (i + 1) & (n_slots - 1);
	return &slots[i];
}

static bool grow(struct flow_table *table)
{
	uint32_t n_slots = table->n_slots ? table->n_slots * 2 : 16;
	struct flow_slot *slots = calloc(n_slots, sizeof(*slots));

	if (slots == NULL)
		return false;
	for (uint32_t i = 0; i < table->n_slots; i++)
		if (table->slots[i].hash != 0)
			*find_slot(slots, n_slots, table->slots[i].hash) = table->slots[i];
	free(table->slots);
	table->slots = slots;
	table->n_slots = n_slots;
	return true;
}

uint64_t flow_count(struct flow_table *table, uint64_t hash)
{
	struct flow_slot *slot = NULL;

	if (table->n_slots > 0)
		slot = find_slot(table->slots, table->n_slots, hash);
	if (slot != NULL && slot->hash == hash)
		return ++slot->n;
	if (table->n_used >= FLOW_MAX)
		return ++table->shared[hash % FLOW_SHARED];
	/* At most half full, so that a search ends soon. */
	if (table->n_used * 2 >= table->n_slots) {
		if (!grow(table))
			return ++table->shared[hash % FLOW_SHARED];
		slot = find_slot(table->slots, table->n_slots, hash);
	}
	table->n_used++;
	*slot = (struct flow_slot){ .hash = hash, .n = 1 };
	return 1;
}

void flow_table_done(struct flow_table *table)
{
	free(table->slots);
	*table = (struct flow_table){ 0 };
}
