/* arena.h: memory that lives and dies together.
 *
 * Everything a lab or a plan holds comes from its arena and is gone with it; nothing is freed
 * alone. Memory is zeroed and aligned for any type. Allocation cannot fail: a process without
 * memory aborts, and what grows from a file has its limit where it is read. */
#ifndef LABD_LAB_ARENA_H
#define LABD_LAB_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_new(void);
struct arena *arena_free(struct arena *arena); /* accepts NULL, returns NULL */

void *arena_alloc(struct arena *arena, size_t size);
void *arena_array(struct arena *arena, size_t n, size_t size);
char *arena_strndup(struct arena *arena, const char *text, size_t len);
char *arena_strdup(struct arena *arena, const char *text);
char *arena_printf(struct arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
