/* groups.h: what is connected with what (union-find), to tell loops of switches and of hubs. */
#ifndef LABD_LAB_GROUPS_H
#define LABD_LAB_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct groups;

struct groups *groups_new(size_t n);	      /* n things, 0 to n - 1, each alone */
struct groups *groups_free(struct groups *g); /* accepts NULL, returns NULL */

/* Joins the groups of two things. False when they were one already: the join closes a loop. */
bool groups_join(struct groups *g, uint32_t a, uint32_t b);

#endif
