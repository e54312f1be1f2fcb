/* pages.h: zeroed memory for tables that stay mostly empty. It comes as pages of its own, and a
 * page costs nothing until it is written to; malloc(3) would write to the first of them at once.
 *
 * Ownership: the caller's, who gives it back with the same number of octets. */
#ifndef LABD_BASE_PAGES_H
#define LABD_BASE_PAGES_H

#include <stddef.h>

/* NULL without memory. */
void *pages_new(size_t octets);
/* `pages` may be NULL. */
void pages_free(void *pages, size_t octets);

#endif
