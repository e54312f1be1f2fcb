#include <stdlib.h>
#include <string.h>

#include "labd/log/tie.h"

enum { SEGMENTS_FIRST = 8 };

struct segment {
	uint64_t offset;
	uint64_t packet;
	int64_t arrive_ns;
	uint32_t len;
};

/* The newest segments, a ring that grows to TIE_SEGMENTS_MAX. */
struct stream_map {
	struct segment *ring;
	uint32_t size, first, n;
	uint64_t forgotten; /* offsets below may have been dropped from the ring */
	uint64_t syn_packet, end_packet;
	int64_t syn_ns, end_ns; /* arrival */
	uint64_t end_offset;
	bool has_end;
};

static struct segment *at(const struct stream_map *m, uint32_t i)
{
	return &m->ring[(m->first + i) % m->size];
}

static bool grow(struct stream_map *m)
{
	uint32_t size = m->size ? m->size * 2 : SEGMENTS_FIRST;
	struct segment *ring;

	if (m->size >= TIE_SEGMENTS_MAX)
		return false;
	ring = calloc(size, sizeof(*ring));
	if (!ring)
		return false;
	for (uint32_t i = 0; i < m->n; i++)
		ring[i] = *at(m, i);
	free(m->ring);
	m->ring = ring;
	m->size = size;
	m->first = 0;
	return true;
}

static void add_segment(struct stream_map *m, const struct tie_frame *f)
{
	struct segment *s;

	if (m->n == m->size && !grow(m)) {
		if (m->size == 0)
			return;
		s = at(m, 0);
		if (s->offset + s->len > m->forgotten)
			m->forgotten = s->offset + s->len;
		m->first = (m->first + 1) % m->size;
		m->n--;
	}
	s = at(m, m->n++);
	*s = (struct segment){ .offset = f->tcp->offset,
			       .packet = f->packet,
			       .arrive_ns = f->arrive_ns,
			       .len = f->pkt->payload_len };
}

void stream_segment(struct stream_map **map, const struct tie_frame *f)
{
	uint8_t flags = f->pkt->tcp_flags;
	struct stream_map *m = *map;

	if (f->lost || (!f->tcp->has_offset && !(flags & (TCP_SYN | TCP_FIN | TCP_RST))))
		return;
	if (!m)
		m = *map = calloc(1, sizeof(*m));
	if (!m)
		return;
	if ((flags & TCP_SYN) && m->syn_packet == 0) {
		m->syn_packet = f->packet;
		m->syn_ns = f->arrive_ns;
	}
	if (f->tcp->has_offset)
		add_segment(m, f);
	if ((flags & (TCP_FIN | TCP_RST)) && !m->has_end) {
		m->has_end = true;
		m->end_offset = f->tcp->offset + f->pkt->payload_len;
		m->end_packet = f->packet;
		m->end_ns = f->arrive_ns;
	}
}

struct stream_map *stream_free(struct stream_map *m)
{
	if (m) {
		free(m->ring);
		free(m);
	}
	return NULL;
}

uint64_t stream_packet(const struct stream_map *m, uint64_t offset, int64_t until_ns,
		       bool data_only)
{
	for (uint32_t i = 0; i < m->n; i++) {
		const struct segment *s = at(m, i);

		if (offset >= s->offset && offset - s->offset < s->len && s->arrive_ns <= until_ns)
			return s->packet;
	}
	if (data_only)
		return 0;
	if (m->has_end && offset >= m->end_offset && m->end_ns <= until_ns)
		return m->end_packet;
	return offset == 0 && m->syn_ns <= until_ns ? m->syn_packet : 0;
}

bool stream_is_past(const struct stream_map *m, uint64_t offset)
{
	return offset < m->forgotten;
}
