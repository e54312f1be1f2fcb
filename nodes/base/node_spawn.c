#include "base/node_spawn.h"

#include <errno.h>
#include <string.h>

static void put_text(struct wr *w, const char *text)
{
	size_t len = strnlen(text, UINT16_MAX);

	wr_u16(w, (uint16_t)len);
	wr_bytes(w, text, len);
	wr_u8(w, 0);
}

/* The text stays where it is: it ends with a NUL. */
static const char *get_text(struct rd *r)
{
	uint16_t len = rd_u16(r);
	const uint8_t *text = rd_view(r, (size_t)len + 1);

	if (text && text[len] == '\0')
		return (const char *)text;
	r->err = true;
	return "";
}

void node_ring_write(struct wr *w, const struct node_ring *ring)
{
	wr_u32(w, ring->block_bytes);
	wr_u32(w, ring->n_blocks);
	wr_u32(w, ring->frame_bytes);
	wr_u32(w, ring->retire_ms);
}

void node_ring_read(struct rd *r, struct node_ring *ret)
{
	*ret = (struct node_ring){ .block_bytes = rd_u32(r) };
	ret->n_blocks = rd_u32(r);
	ret->frame_bytes = rd_u32(r);
	ret->retire_ms = rd_u32(r);
}

void node_spawn_write(struct wr *w, const struct node_spawn *s)
{
	wr_u8(w, (uint8_t)s->kind);
	wr_u8(w, s->quiet);
	wr_u64(w, s->seed);
	wr_u64(w, s->ca_seed);
	node_ring_write(w, &s->ring);
	wr_u16(w, s->n_ifaces);
	put_text(w, s->name);
	put_text(w, s->uid_map);
	put_text(w, s->gid_map);
}

void node_spawn_write_iface(struct wr *w, const struct node_spawn_iface *f)
{
	wr_u32(w, f->id);
	wr_u32(w, f->mtu);
	wr_bytes(w, f->mac.b, sizeof(f->mac.b));
	put_text(w, f->name);
	put_text(w, f->kname);
}

int node_spawn_read(struct rd *r, struct node_spawn *ret)
{
	uint8_t kind = rd_u8(r);

	*ret = (struct node_spawn){ .kind = kind };
	ret->quiet = rd_u8(r) != 0;
	ret->seed = rd_u64(r);
	ret->ca_seed = rd_u64(r);
	node_ring_read(r, &ret->ring);
	ret->n_ifaces = rd_u16(r);
	ret->name = get_text(r);
	ret->uid_map = get_text(r);
	ret->gid_map = get_text(r);
	return r->err || kind >= N_KINDS ? -EBADMSG : 0;
}

int node_spawn_read_iface(struct rd *r, struct node_spawn_iface *ret)
{
	*ret = (struct node_spawn_iface){ .id = rd_u32(r) };
	ret->mtu = rd_u32(r);
	rd_bytes(r, ret->mac.b, sizeof(ret->mac.b));
	ret->name = get_text(r);
	ret->kname = get_text(r);
	return r->err ? -EBADMSG : 0;
}
