/* shell_acl.h: the kernel's counters of access lists, for shell_table.c. */
#ifndef LABD_NODES_SHELL_ACL_H
#define LABD_NODES_SHELL_ACL_H

#include "netns/acl.h"
#include "shell.h"

/* None when no list is bound. The array is the caller's to free. 0 or negative errno. */
int shell_acl_counts(struct node *n, struct acl_count **ret_counts, size_t *ret_n,
		     struct netns_err *err);
/* A kernel interface's number in the lab; 0 = it has none. */
uint32_t ifid_by_kname(const struct node *n, const char *kname);

#endif
