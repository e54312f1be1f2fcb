#include "labd/lab/groups.h"

#include <stdlib.h>

struct groups {
	uint32_t *parent; /* a root is its own */
};

struct groups *groups_new(size_t n)
{
	struct groups *g = calloc(1, sizeof(*g));

	if (g)
		g->parent = calloc(n + 1, sizeof(*g->parent));
	if (!g || !g->parent)
		abort();
	for (uint32_t i = 0; i < n; i++)
		g->parent[i] = i;
	return g;
}

struct groups *groups_free(struct groups *g)
{
	if (g)
		free(g->parent);
	free(g);
	return NULL;
}

static uint32_t find_root(struct groups *g, uint32_t i)
{
	while (g->parent[i] != i) {
		g->parent[i] = g->parent[g->parent[i]]; /* halves the way for the next */
		i = g->parent[i];
	}
	return i;
}

bool groups_join(struct groups *g, uint32_t a, uint32_t b)
{
	a = find_root(g, a);
	b = find_root(g, b);
	g->parent[a] = b;
	return a != b;
}
