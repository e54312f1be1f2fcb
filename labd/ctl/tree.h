/* tree.h: a folder and all that is in it. Links are never followed. */
#ifndef LABD_CTL_TREE_H
#define LABD_CTL_TREE_H

#include <stdint.h>

/* What its files take on the disk. */
uint64_t tree_bytes(const char *path);
/* Removes it, also what subordinate ids own (a daemon under exec) and what an overlay left without
 * permissions: those need a user namespace, which is made when it has to be. 0 or negative errno.
 */
int tree_remove(const char *path);

#endif
