/*
 * Errors of this library.
 *
 * A function that can fail takes a `struct netns_err *` as its last argument; NULL means that the
 * caller does not want the sentence. It returns 0 or a negative errno and, when it failed, leaves
 * the same number and one sentence in the struct: "object: what failed: errno's text: the kernel's
 * own words", for example
 *
 *   route 10.2.0.0/16 via 10.9.9.9: add: Network is unreachable: Nexthop has invalid gateway
 *
 * The kernel's own words are netlink's extended acknowledgement. The struct is the caller's, lives
 * on its stack, needs no release, and is left alone by a call that succeeds.
 */
#ifndef NETNS_ERR_H
#define NETNS_ERR_H

#include <stddef.h>

#define NETNS_ERR_LEN 320

struct netns_err {
	int code;		  /* negative errno */
	char text[NETNS_ERR_LEN]; /* without a newline; cut when longer */
};

/* Writes the sentence and returns |code|, so that `return netns_fail(err, -EINVAL, ...)` reads
 * well. */
int netns_fail(struct netns_err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same with ": " and the text of |code| behind the sentence. */
int netns_fail_errno(struct netns_err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The text of a negative errno; a constant, safe in any thread. */
const char *netns_errno_text(int code);

#endif
