/* shell_stream.h: between streams (shell_stream.c) and TLS on top of them (shell_tls.c).
 *
 * A stream with TLS has two counts of octets: what its machine reads and writes (sock->rx_offset,
 * tx_offset) and what the wire carries, which decisions are tied by. */
#ifndef LABD_NODES_SHELL_STREAM_H
#define LABD_NODES_SHELL_STREAM_H

#include "shell.h"

#define STREAM_LOW_MARK (FX_STREAM_UNSENT_MAX / 4)

/* shell_stream.c */
struct cause stream_cause(const struct sock *s, uint8_t dir, uint64_t offset);
/* Octets for the machine, whose first is at `wire` of the stream. False when it is gone. */
bool stream_deliver(struct sock *s, const uint8_t *data, size_t len, uint64_t wire);
/* The peer will send nothing more. */
void stream_peer_closed(struct sock *s, bool cut);
/* Sends what the peer takes now. False when the stream ended by it. */
bool stream_flush(struct sock *s);
void stream_events(struct sock *s);
/* The machine knows it no more; what the peer still sends is thrown away. */
void stream_linger(struct sock *s);
/* The machine's open stream with this number, or NULL. */
struct sock *stream_of(struct machine *m, uint32_t number);

/* shell_tls.c; tls may be NULL for the first two */
void tls_free(struct tls *t);
/* Octets of the machine that are not encrypted yet. */
size_t tls_owed(const struct tls *t);
void tls_start(struct machine *m, const struct fx_effect *e);
/* Ciphertext came. */
void tls_input(struct sock *s, const uint8_t *data, size_t len);
/* The peer closed its side of the TCP connection. */
void tls_end(struct sock *s);
bool tls_is_open(const struct tls *t); /* the handshake is done */
/* Takes octets, or a part of a file (fd is owned from here), to be encrypted in order. */
void tls_write(struct sock *s, const void *data, size_t len);
void tls_send_file(struct sock *s, int fd, uint64_t offset, uint64_t len);
/* Encrypts some of that into s->unsent. 0 or negative errno: the stream cannot go on. */
int tls_pump(struct sock *s);
/* Where on the wire the next octet of the machine will be. */
uint64_t tls_tx_offset(const struct sock *s);

/* shell_tls_load.c */
struct tls_lib;
/* NULL with the reason when this host has no OpenSSL. */
const struct tls_lib *tls_lib_open(const char **ret_why);
void certificate_answer(struct machine *m, uint32_t ask_id, const struct tls_identity *id);
struct tls_seeds node_tls_seeds(const struct node *n);

#endif
