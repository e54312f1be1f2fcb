/* shell_addr.h: between struct ep and the kernel's socket addresses. */
#ifndef LABD_NODES_SHELL_ADDR_H
#define LABD_NODES_SHELL_ADDR_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/types.h"

/* An unset address becomes 0.0.0.0. The length to give to the kernel. */
socklen_t ep_to_sockaddr(const struct ep *ep, struct sockaddr_storage *ret);
struct ep ep_from_sockaddr(const struct sockaddr_storage *ss);

#endif
