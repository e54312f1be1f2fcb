#include "labd/lab/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CHUNK_BYTES = 16 * 1024,
	ALIGN = _Alignof(max_align_t),
};

struct chunk {
	struct chunk *next;
	size_t used, size;
	_Alignas(max_align_t) unsigned char data[];
};

struct arena {
	struct chunk *chunks; /* the one being filled first */
};

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

struct arena *arena_new(void)
{
	return must(calloc(1, sizeof(struct arena)));
}

struct arena *arena_free(struct arena *arena)
{
	struct chunk *next;

	if (!arena)
		return NULL;
	for (struct chunk *c = arena->chunks; c; c = next) {
		next = c->next;
		free(c);
	}
	free(arena);
	return NULL;
}

static struct chunk *chunk_new(size_t size)
{
	struct chunk *c;

	if (size > SIZE_MAX - sizeof(*c))
		abort();
	c = must(calloc(1, sizeof(*c) + size));
	c->size = size;
	return c;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	struct chunk *c = arena->chunks;
	void *memory;

	if (size > SIZE_MAX / 2)
		abort();
	size = (size + ALIGN - 1) / ALIGN * ALIGN;
	if (size > CHUNK_BYTES / 4) { /* a chunk of its own, behind the one being filled */
		struct chunk *big = chunk_new(size);

		big->used = size;
		big->next = c ? c->next : NULL;
		if (c)
			c->next = big;
		else
			arena->chunks = big;
		return big->data;
	}
	if (!c || c->size - c->used < size) {
		c = chunk_new(CHUNK_BYTES);
		c->next = arena->chunks;
		arena->chunks = c;
	}
	memory = c->data + c->used;
	c->used += size;
	return memory;
}

void *arena_array(struct arena *arena, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total))
		abort();
	return arena_alloc(arena, total);
}

char *arena_strndup(struct arena *arena, const char *text, size_t len)
{
	char *copy = arena_alloc(arena, len + 1);

	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0)
		abort();
	text = arena_alloc(arena, (size_t)len + 1);
	va_start(ap, fmt);
	(void)vsnprintf(text, (size_t)len + 1, fmt, ap);
	va_end(ap);
	return text;
}
