/* The service has no format of its own: any octets are a message. */
#include "echo/echo.h"

#include "base/codec.h"
#include "base/sbuf.h"

static int info(const struct codec_in *in, struct sbuf *out, const char **ret_why)
{
	(void)ret_why;
	return sbuf_puts(out, in->dst.port == ECHO_PORT ? "Request" : "Response");
}

const struct codec echo_codec = {
	.name = "ECHO",
	.udp_ports = { ECHO_PORT },
	.tcp_ports = { ECHO_PORT },
	.info = info,
};
