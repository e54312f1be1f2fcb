/* TLS on a stream: records in, octets for the machine out, and back.
 *
 * Records are taken apart here (RFC 8446 §5.1) and given to OpenSSL one at a time, so that the
 * place of every octet on the wire is known: all ciphers spoken keep the order and number of
 * octets, so the i-th of a record's plaintext is the i-th behind its head. What is written makes
 * records of a known size, so even what still waits behind a file has its place. */
#include "shell_stream.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shell_tls_lib.h"

#define RECORD_SLACK 2048 /* octets a record may have beside its plaintext (RFC 5246 §6.2.3) */
#define PUMP_BYTES   (64 << 10) /* of ciphertext made ahead of the peer */
#define TYPE_FIRST   20		/* change_cipher_spec */
#define TYPE_LAST    23		/* application_data */

/* What is to be encrypted: octets, or a part of a file. */
struct item {
	struct item *next;
	int fd; /* -1 = data */
	uint64_t at, left;
	uint8_t data[];
};

struct tls {
	const struct tls_lib *lib;
	struct tls_conn *conn;
	bool done;	  /* the handshake is */
	bool goodbye;	  /* ours was said */
	struct sbuf raw;  /* the start of a record */
	uint64_t rx_wire; /* octets of the stream before `raw` */
	uint64_t tx_wire; /* octets of the stream that were made */
	struct item *first, **last;
	size_t owed;	  /* octets in items */
	uint64_t to_come; /* octets that items will be on the wire */
};

/* --- birth and end ------------------------------------------------------------------------ */

static void item_free(struct item *i)
{
	if (i->fd >= 0)
		close(i->fd);
	free(i);
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	while (t->first) {
		struct item *i = t->first;

		t->first = i->next;
		item_free(i);
	}
	t->lib->free(t->conn);
	sbuf_done(&t->raw);
	free(t);
}

bool tls_is_open(const struct tls *t)
{
	return t->done;
}

size_t tls_owed(const struct tls *t)
{
	return t ? t->owed : 0;
}

/* Ciphertext that OpenSSL has for the peer. */
static void take_output(struct sock *s)
{
	uint8_t buf[4096];
	size_t n;

	while ((n = s->tls->lib->take(s->tls->conn, buf, sizeof(buf))) > 0) {
		evbuffer_add(s->unsent, buf, n);
		s->tls->tx_wire += n;
	}
}

/* False when the stream ended by it. */
static bool send_output(struct sock *s)
{
	take_output(s);
	if (!stream_flush(s))
		return false;
	stream_events(s);
	return true;
}

/* An alert for a peer to whom OpenSSL has none: it does not speak TLS at all. */
static void alert_stranger(struct sock *s)
{
	static const uint8_t unexpected_message[] = { 21, 3, 3, 0, 2, 2, 10 };

	if (s->tls->tx_wire == s->tx_offset && evbuffer_get_length(s->unsent) == 0)
		evbuffer_add(s->unsent, unexpected_message, sizeof(unexpected_message));
}

/* The stream cannot go on: the alert goes out, and the machine hears why. */
static void give_up(struct sock *s, int err, const char *why)
{
	struct machine *m = s->machine;
	struct ev ev = { .kind = EV_CLOSED, .closed = { .sock = s->id.number, .err = err } };
	struct cause c = stream_cause(s, PKT_IN, s->tls ? s->tls->rx_wire : s->rx_offset);
	char *text = strdup(why);

	if (!text)
		abort();
	ev.closed.why = text;
	if (s->tls) {
		take_output(s);
		alert_stranger(s);
		(void)evbuffer_write(s->unsent, s->fd);
	}
	stream_linger(s);
	deliver_later(m, &ev, &c, text);
}

static void give_up_lib(struct sock *s)
{
	struct tls *t = s->tls;

	give_up(s, t->lib->untrusted(t->conn) ? EKEYREJECTED : EPROTO, t->lib->why(t->conn));
}

static struct tls_conn *conn_of(const struct node *n, const struct tls_lib *lib,
				const struct fx_tls *want)
{
	struct tls_seeds seeds = node_tls_seeds(n);

	if (want->identity)
		return lib->server(&seeds, want->identity);
	return lib->client(&seeds, want->name, (n->dev.epoch_ns + node_now(n)) / SEC);
}

void tls_start(struct machine *m, const struct fx_effect *e)
{
	struct sock *s = stream_of(m, e->starttls.sock);
	const char *why = "TLS could not be set up";
	const struct tls_lib *lib;
	struct tls *t;

	if (!s || s->tls || s->connecting) {
		fail_effect(m, e, e->starttls.sock, EINVAL, NULL);
		return;
	}
	lib = tls_lib_open(&why);
	t = lib ? calloc(1, sizeof(*t)) : NULL;
	if (t)
		t->conn = conn_of(m->node, lib, e->starttls.tls);
	if (!t || !t->conn) {
		free(t);
		give_up(s, ENOSYS, why);
		return;
	}
	t->lib = lib;
	t->raw.max = TLS_HEADER + TLS_RECORD_MAX + RECORD_SLACK;
	t->last = &t->first;
	t->rx_wire = s->rx_offset;
	t->tx_wire = s->tx_offset;
	s->tls = t;
	if (t->lib->handshake(t->conn) < 0)
		give_up_lib(s);
	else
		(void)send_output(s);
}

/* --- in ----------------------------------------------------------------------------------- */

/* Octets of the record at the front; 0 = it is not whole. What is no record is given to OpenSSL as
 * it is, which knows why. */
static size_t record_len(const struct sbuf *raw)
{
	const uint8_t *p = (const uint8_t *)raw->data;
	size_t len;

	if (raw->len > 0 && (p[0] < TYPE_FIRST || p[0] > TYPE_LAST))
		return raw->len < TLS_HEADER ? 0 : raw->len;
	if (raw->len < TLS_HEADER)
		return 0;
	len = TLS_HEADER + (size_t)(p[3] << 8 | p[4]);
	if (len > TLS_HEADER + TLS_RECORD_MAX + RECORD_SLACK)
		return raw->len;
	return raw->len < len ? 0 : len;
}

static bool tell_open(struct sock *s)
{
	struct machine *m = s->machine;
	struct tls *t = s->tls;
	struct ev_tls tls = { .version = t->lib->protocol(t->conn),
			      .cipher = t->lib->cipher(t->conn),
			      .name = t->lib->name(t->conn) };
	struct ev ev = { .kind = EV_OPENED,
			 .opened = { .sock = s->id.number,
				     .local = s->local,
				     .peer = s->peer,
				     .ifid = s->ifid,
				     .tls = &tls } };
	struct cause c = stream_cause(s, PKT_IN, t->rx_wire);
	uint32_t number = s->id.number;

	deliver(m, &ev, &c);
	return sock_find(m, number) == s;
}

/* False when the stream is gone. */
static bool go_on_handshake(struct sock *s)
{
	struct tls *t = s->tls;
	int r = t->lib->handshake(t->conn);

	if (r < 0) {
		give_up_lib(s);
		return false;
	}
	t->done = r == 1;
	return send_output(s) && (!t->done || tell_open(s));
}

static bool read_plain(struct sock *s)
{
	static uint8_t plain[TLS_RECORD_MAX];
	struct tls *t = s->tls;
	uint64_t wire = t->rx_wire + t->lib->record_head(t->conn);
	ssize_t n;

	while ((n = t->lib->read(t->conn, plain, sizeof(plain))) > 0) {
		if (!stream_deliver(s, plain, (size_t)n, wire))
			return false;
		wire += (uint64_t)n;
	}
	if (n < 0) {
		give_up_lib(s);
		return false;
	}
	if (!send_output(s)) /* an answer to a change of keys */
		return false;
	if (!t->lib->said_goodbye(t->conn))
		return true;
	stream_peer_closed(s, false);
	return false;
}

void tls_input(struct sock *s, const uint8_t *data, size_t len)
{
	while (len > 0) {
		struct tls *t = s->tls;
		size_t room = t->raw.max - t->raw.len, piece = len < room ? len : room, n;

		sbuf_put(&t->raw, data, piece);
		data += piece;
		len -= piece;
		while ((n = record_len(&t->raw)) > 0) {
			if (t->lib->feed(t->conn, t->raw.data, n) < 0)
				return;
			if (!(t->done ? read_plain(s) : go_on_handshake(s)))
				return;
			t->rx_wire += n;
			sbuf_consume(&t->raw, n);
		}
	}
}

void tls_end(struct sock *s)
{
	if (s->tls->done)
		stream_peer_closed(s, true);
	else
		give_up(s, EPROTO, "the peer closed the connection before the handshake was done");
}

/* --- out ---------------------------------------------------------------------------------- */

static struct item *item_new(struct sock *s, uint64_t len, size_t data_len)
{
	struct tls *t = s->tls;
	struct item *i = malloc(sizeof(*i) + data_len);
	uint64_t records = (len + TLS_RECORD_MAX - 1) / TLS_RECORD_MAX;

	if (!i)
		abort();
	*i = (struct item){ .fd = -1, .left = len };
	*t->last = i;
	t->last = &i->next;
	t->owed += len;
	t->to_come += len + records * t->lib->record_extra(t->conn);
	return i;
}

void tls_write(struct sock *s, const void *data, size_t len)
{
	if (len > 0)
		memcpy(item_new(s, len, len)->data, data, len);
}

void tls_send_file(struct sock *s, int fd, uint64_t offset, uint64_t len)
{
	struct item *i;

	if (len == 0) {
		close(fd);
		return;
	}
	i = item_new(s, len, 0);
	i->fd = fd;
	i->at = offset;
}

static int encrypt_some(struct sock *s, struct item *i)
{
	static uint8_t chunk[TLS_RECORD_MAX];
	struct tls *t = s->tls;
	size_t n = i->left < TLS_RECORD_MAX ? (size_t)i->left : TLS_RECORD_MAX;
	const uint8_t *data = i->data + i->at;

	if (i->fd >= 0) {
		if (pread(i->fd, chunk, n, (off_t)i->at) != (ssize_t)n)
			return -EIO; /* it became shorter: the length was told already */
		data = chunk;
	}
	if (t->lib->write(t->conn, data, n) < 0)
		return -EPROTO;
	i->at += n;
	i->left -= n;
	t->owed -= n;
	t->to_come -= n + t->lib->record_extra(t->conn);
	take_output(s);
	return 0;
}

int tls_pump(struct sock *s)
{
	struct tls *t = s->tls;
	int r = 0;

	while (r == 0 && t->first && evbuffer_get_length(s->unsent) < PUMP_BYTES) {
		struct item *i = t->first;

		r = encrypt_some(s, i);
		if (i->left > 0)
			continue;
		t->first = i->next;
		if (!t->first)
			t->last = &t->first;
		item_free(i);
	}
	if (r == 0 && !t->first && s->closing && !t->goodbye) {
		t->goodbye = true;
		t->lib->goodbye(t->conn);
		take_output(s);
	}
	return r;
}

uint64_t tls_tx_offset(const struct sock *s)
{
	const struct tls *t = s->tls;

	return t->tx_wire + t->to_come + t->lib->record_head(t->conn);
}
