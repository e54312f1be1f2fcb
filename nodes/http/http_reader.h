/* http_reader.h: one response, octets in, head and content out (RFC 9112 §4, §6.3).
 *
 * Used by whoever asks a server: the browser, and the server that hands requests on. Pure; the
 * owner feeds it what the stream brings and asks what it has. It keeps the head and at most
 * `content_max` octets of the content; what is more is counted and let go. */
#ifndef LABD_NODES_HTTP_READER_H
#define LABD_NODES_HTTP_READER_H

#include "base/sbuf.h"
#include "http/http_wire.h"

enum { READER_INTERIM_MAX = 16 };

enum reader_got {
	READER_MORE,	/* octets are missing */
	READER_INTERIM, /* a 1xx head was read: look at it, then feed on (with no octets) */
	READER_DONE,	/* the response is whole; reader->left octets of the next thing follow */
	READER_BAD,	/* malformed: reader->why */
	READER_CUT,	/* the stream ended inside it: reader->why */
};

struct http_reader {
	enum http_method to; /* the method it answers */
	struct sbuf raw;     /* the head, and octets not looked at yet */
	size_t scan;
	bool has_head;
	struct http_head head; /* valid while has_head, or after READER_INTERIM */
	struct http_body body;
	struct sbuf content;
	size_t content_max;
	uint64_t content_len; /* all of it, kept or not */
	unsigned n_interim;
	bool any;    /* an octet has come */
	bool cut;    /* TLS was closed without goodbye: an open end is no end (RFC 9112 §9.8) */
	size_t left; /* octets behind the response */
	const char *why;
};

/* Ready for a response to `to`; keeps the memory of the last one. */
void http_reader_begin(struct http_reader *r, enum http_method to, size_t content_max);
void http_reader_done(struct http_reader *r);
enum reader_got http_reader_feed(struct http_reader *r, const void *data, size_t len);
/* The stream ended. */
enum reader_got http_reader_end(struct http_reader *r);

#endif
