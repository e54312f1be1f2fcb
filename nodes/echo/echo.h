/* echo.h: the echo service, RFC 862: what comes to port 7 by UDP or TCP goes back unchanged.
 *
 * The smallest protocol, and the example that nodes/README.md explains. The configuration object is
 * the shell's; the machine reads it at EV_START and EV_CONF. Errors of sockets come as EV_DONE. */
#ifndef LABD_ECHO_H
#define LABD_ECHO_H

#include "proto.h"

#define ECHO_PORT 7

struct echo_conf {
	bool on; /* `service echo` */
};

extern const struct machine_class echo_server_class;
extern const struct codec echo_codec;
extern const struct proto echo_proto;

#endif
