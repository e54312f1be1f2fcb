/*
 * Network sysctls, and the written baseline that makes every namespace start from the same values.
 *
 * A new namespace inherits some settings from the host (congestion control, buffer sizes, IPv4's
 * conf/all and conf/default), so the same lab would behave differently on two machines. The
 * baseline writes them down, each with its reason. What the kernel refuses (a read-only /proc/sys,
 * a congestion control that is not allowed, a missing IPv6) is reported row by row and is no error:
 * the lab runs with what it has, and the report says where it differs.
 *
 * Keys are paths below /proc/sys, "net/ipv4/ip_forward". A path shows the namespace of the thread
 * that opens it. /proc must be mounted.
 */
#ifndef NETNS_SYSCTL_H
#define NETNS_SYSCTL_H

#include <stddef.h>
#include <stdint.h>

struct netns_err;

#define NS_SYSCTL_VALUE_LEN 128

/* |ns_fd| may be NS_CURRENT. A value that is there already is not written again. */
int ns_sysctl_write(int ns_fd, const char *key, const char *value, struct netns_err *err);
/* Without the newline; tabs become spaces. */
int ns_sysctl_read(int ns_fd, const char *key, char *buf, size_t buf_len, struct netns_err *err);

/* Which rows apply; the first always does. */
enum ns_role {
	NS_ROLE_ANY = 1 << 0,
	NS_ROLE_HOST = 1 << 1,	 /* an end system: does not forward */
	NS_ROLE_ROUTER = 1 << 2, /* forwards IP */
	NS_ROLE_BRIDGE = 1 << 3, /* carries a kernel bridge */
	NS_ROLE_IPV6 = 1 << 4,	 /* the lab uses IPv6 here */
	NS_ROLE_NO_IPV6 = 1 << 5,
};

struct ns_sysctl {
	unsigned roles; /* any of these */
	const char *key;
	const char *value; /* "%g" stands for the highest group id that exists here */
	const char *reason;
};

extern const struct ns_sysctl ns_sysctl_baseline[];
extern const size_t ns_n_sysctl_baseline;

/* |code| 0: written or already there; -ENOENT: this kernel has no such setting; else refused. */
typedef void ns_sysctl_report_fn(void *ctx, const struct ns_sysctl *row, int code,
				 const struct netns_err *why);

/*
 * Writes the rows of |roles| (NS_ROLE_ANY is implied) in table order. |report| may be NULL.
 * Returns how many rows were refused, or a negative errno when the namespace cannot be entered.
 */
int ns_sysctl_apply(int ns_fd, unsigned roles, ns_sysctl_report_fn *report, void *ctx,
		    struct netns_err *err);

/*
 * New namespaces of one parent are alike. Who makes many of them looks at one that is as it was
 * made, and then writes in the others only what they do not have by themselves, without reading it
 * first: a third of the work.
 */
struct ns_sysctl_fresh {
	uint64_t has; /* bit i: row i need not be written */
	char top_gid[16];
};

/* Of the current namespace, in which nothing has been written yet. */
uint64_t ns_sysctl_survey(void);
/* |has| of a survey, perhaps another process's; group ids are those of the calling process. */
void ns_sysctl_know(struct ns_sysctl_fresh *ret, uint64_t has);
/* In the current namespace, which is new; otherwise as ns_sysctl_apply(). */
int ns_sysctl_apply_fresh(const struct ns_sysctl_fresh *fresh, unsigned roles,
			  ns_sysctl_report_fn *report, void *ctx);

#endif
