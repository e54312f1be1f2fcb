/*
 * TAP interfaces: an interface whose other side is a file descriptor that one reads and writes
 * frames on, Ethernet header first and nothing before it (IFF_NO_PI).
 *
 * The interface lives in the namespace in which /dev/net/tun was opened and as long as its
 * descriptor: closing it removes the interface. The descriptor is the caller's, non-blocking and
 * close-on-exec.
 */
#ifndef NETNS_TAP_H
#define NETNS_TAP_H

#include "netns/link.h"

struct nl_tap {
	int fd;
	int index; /* interface index in its namespace */
	char name[NL_NAME_LEN];
};

/*
 * |ns_fd| may be NS_CURRENT. Errors: -EACCES or -ENOENT for the device file, with what to do;
 * -EBUSY when the name is taken; -EPERM without CAP_NET_ADMIN in the namespace.
 */
int nl_tap_open(int ns_fd, const char *name, struct nl_tap *ret_tap, struct netns_err *err);

#endif
