/* shell_tls_lib.h: what OpenSSL does for a node, behind one table of functions.
 *
 * OpenSSL costs a process 0.8 MB and 3 ms, so only a node that speaks TLS loads it: it is linked to
 * a library of its own, labnode-tls.so (shell_tls_cert.c, shell_tls_conn.c), which shell_tls_load.c
 * opens at first use. Nothing else includes OpenSSL. The library knows no socket: octets in, octets
 * out. It keeps nothing on disk and draws no key: keys follow from seeds, so a device has the same
 * certificate in every run of its lab. */
#ifndef LABD_NODES_SHELL_TLS_LIB_H
#define LABD_NODES_SHELL_TLS_LIB_H

#include <stddef.h>
#include <sys/types.h>

#include "base/ask.h"

#define TLS_WHY_MAX	256
#define TLS_RECORD_MAX	16384 /* octets of plaintext in one record (RFC 8446 §5.1) */
#define TLS_HEADER	5
#define TLS_SYMBOL	"tls_lib"
#define TLS_LIB_VERSION 1

/* Whom a node is and whom it trusts. */
struct tls_seeds {
	uint64_t ca, own; /* of the lab's CA, the same in all its devices; of this device */
};

struct tls_conn;

/* Functions that fail return -1 and leave the reason in tls_why(). */
struct tls_lib {
	int version;
	/* What a person may know of the certificate. */
	int (*certificate)(const struct tls_seeds *seeds, const struct tls_identity *id,
			   struct answer *ret);
	/* The CA's certificate as PEM, with its NUL. */
	int (*ca_pem)(uint64_t ca_seed, char *out, size_t size);
	/* A certificate and its key as PEM, for a program of somebody else's in the device. */
	int (*cert_pem)(const struct tls_seeds *seeds, const struct tls_identity *id, char *out,
			size_t size);

	struct tls_conn *(*server)(const struct tls_seeds *seeds, const struct tls_identity *id);
	/* |name|: "" = anybody; |now_s|: Unix time by the lab's clock. */
	struct tls_conn *(*client)(const struct tls_seeds *seeds, const char *name, int64_t now_s);
	void (*free)(struct tls_conn *c); /* accepts NULL */

	/* Ciphertext from the peer; it may be any part of a record. */
	int (*feed)(struct tls_conn *c, const void *data, size_t len);
	/* Goes on with the handshake: 1 = done, 0 = more octets are needed. */
	int (*handshake)(struct tls_conn *c);
	/* Plaintext of what was fed: > 0 octets, 0 = none (more). */
	ssize_t (*read)(struct tls_conn *c, void *out, size_t size);
	bool (*said_goodbye)(const struct tls_conn *c); /* close_notify has come */
	/* At most TLS_RECORD_MAX octets: they become one record. */
	int (*write)(struct tls_conn *c, const void *data, size_t len);
	void (*goodbye)(struct tls_conn *c);
	/* Ciphertext for the peer; 0 = none. */
	size_t (*take)(struct tls_conn *c, void *out, size_t size);

	/* Once the handshake is done: */
	const char *(*protocol)(const struct tls_conn *c); /* "TLSv1.3" */
	const char *(*cipher)(const struct tls_conn *c);
	const char *(*name)(const struct tls_conn *c); /* as struct ev_tls has it */
	/* Octets of a record before its plaintext, and in all beside it. */
	size_t (*record_head)(const struct tls_conn *c);
	size_t (*record_extra)(const struct tls_conn *c);
	/* Why it failed; and: was it the certificate? */
	const char *(*why)(const struct tls_conn *c);
	bool (*untrusted)(const struct tls_conn *c);
};

#endif
