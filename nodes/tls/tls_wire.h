/* tls_wire.h: TLS records as far as anybody can read them (RFC 8446 §5.1, RFC 5246 §6.2).
 *
 * TLS itself is the shell's (nodes/shell/shell_tls.c); this folder has the codec for the log: what
 * kind of record it is, and of what is not encrypted its name and the server's name that it asks
 * for. */
#ifndef LABD_NODES_TLS_WIRE_H
#define LABD_NODES_TLS_WIRE_H

#include "base/codec.h"

enum {
	TLS_CHANGE_CIPHER_SPEC = 20,
	TLS_ALERT = 21,
	TLS_HANDSHAKE = 22,
	TLS_APPLICATION_DATA = 23,
	TLS_HEADER_LEN = 5,
	TLS_FRAGMENT_MAX = 16384 + 2048,
};

extern const struct codec tls_codec;

#endif
