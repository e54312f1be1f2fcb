#include "labd/wires/frame.h"

#include <stdlib.h>

#include "labd/wires/feed.h"

/* Most frames are acknowledgements or full; the others are rare enough to round up. */
static const uint32_t sizes[FRAME_N_SIZES] = { 256, 2048, 10240, FEED_FRAME_MAX };

static unsigned size_for(size_t len)
{
	unsigned i = 0;

	while (i < FRAME_N_SIZES && sizes[i] < len)
		i++;
	return i;
}

void frame_pool_init(struct frame_pool *pool, size_t limit_bytes)
{
	*pool = (struct frame_pool){ .limit_bytes = limit_bytes };
}

void frame_pool_trim(struct frame_pool *pool)
{
	for (unsigned i = 0; i < FRAME_N_SIZES; i++) {
		while (pool->kept[i] != NULL) {
			struct wire_frame *frame = pool->kept[i];

			pool->kept[i] = frame->next;
			free(frame);
		}
	}
	pool->kept_bytes = 0;
}

size_t frame_pool_cost(size_t len)
{
	unsigned i = size_for(len);

	return i < FRAME_N_SIZES ? sizes[i] : 0;
}

struct wire_frame *frame_get(struct frame_pool *pool, size_t len)
{
	unsigned i = size_for(len);
	struct wire_frame *frame;

	if (i == FRAME_N_SIZES || pool->limit_bytes - pool->used_bytes < sizes[i])
		return NULL;
	frame = pool->kept[i];
	if (frame != NULL) {
		pool->kept[i] = frame->next;
		pool->kept_bytes -= sizes[i];
	} else {
		/* Kept buffers of other sizes count too: rather free them than go over the limit.
		 */
		if (pool->limit_bytes - pool->used_bytes - pool->kept_bytes < sizes[i])
			frame_pool_trim(pool);
		frame = malloc(sizeof(*frame) + sizes[i]);
		if (frame == NULL)
			return NULL;
	}
	pool->used_bytes += sizes[i];
	frame->next = NULL;
	frame->len = (uint32_t)len;
	frame->size = (uint8_t)i;
	return frame;
}

void frame_put(struct frame_pool *pool, struct wire_frame *frame)
{
	unsigned i = frame->size;

	pool->used_bytes -= sizes[i];
	pool->kept_bytes += sizes[i];
	frame->next = pool->kept[i];
	pool->kept[i] = frame;
}
