/* http_proxy.h: the inside of the proxy. Who does what:
 *
 *   http_proxy.c          the machine: listeners, connections of browsers, events, timers
 *   http_proxy_request.c  one request from its first octet to the cache or to the server
 *   http_proxy_origin.c   to the server: name, connection, request; failures
 *   http_proxy_relay.c    the server's answer, and tunnels
 *   http_proxy_reply.c    answers of the proxy's own, and those from the cache
 *   http_proxy_cache.c    the cache: a shared one (RFC 9111)
 *   http_proxy_show.c     what it has done
 *
 * A browser's connection serves one request at a time; pipelined ones wait in its buffer. Each
 * request that the cache cannot answer has a connection to its server of its own. What is passed on
 * goes on as it comes; who sends faster than the other side takes is paused. */
#ifndef LABD_NODES_HTTP_PROXY_H
#define LABD_NODES_HTTP_PROXY_H

#include <uthash.h>

#include "base/heap.h"
#include "base/sbuf.h"
#include "http/http.h"
#include "http/http_cache.h"

enum {
	PROXY_LISTENER = 1, /* socket numbers */
	PROXY_LISTENER6 = 2,
	PROXY_ORIGIN = 0x100, /* connections to servers from here up */
	PROXY_CONNECTIONS_MAX = 256,
	PROXY_ENTRIES_MAX = 1024,
	PROXY_IN_MAX = HTTP_HEAD_MAX + HTTP_BODY_MAX + (64 << 10),
	PROXY_BODY_MAX = 900 << 10, /* of a request: with its head it goes on in one piece */
	PROXY_OWED_MAX = FX_STREAM_UNSENT_MAX / 4, /* then the other side is paused */
};

enum px_state {
	PX_HEAD,       /* between requests, or some of a head is here */
	PX_BODY,       /* reading the request's body */
	PX_RESOLVING,  /* asked for the server's address */
	PX_CONNECTING, /* to the server */
	PX_WAITING,    /* for the head of its answer */
	PX_RELAYING,   /* its body is passed on */
	PX_TUNNEL,     /* CONNECT: octets in both directions */
	PX_CLOSED,     /* to be freed at the end of the turn */
	N_PX_STATES
};

/* One way of passing on: what its reader owes. */
struct way {
	uint64_t owed;	/* octets since the reader was known to have read */
	uint64_t total; /* octets of this tunnel or answer */
	bool paused;	/* the sender is */
};

struct px {
	uint32_t sock; /* the browser's */
	UT_hash_handle hh;
	enum px_state state; /* written by http_px_to() alone */
	struct timer timer;
	struct ep peer;
	char key[ADDR_TEXT_LEN + 16]; /* the fact's key */
	nsec_t active_ns;	      /* last octet of anybody */
	struct sbuf in;
	size_t scan;
	uint64_t in_offset; /* octets of the stream before `in` */
	unsigned n_requests;
	bool peer_closed;
	/* the request */
	uint64_t at; /* octets of the stream before it */
	nsec_t start_ns;
	struct http_head head; /* its octets stand at the start of `in` */
	struct http_body body;
	size_t raw_len, body_len; /* octets of `in`; decoded ones behind the head */
	struct http_url url;
	char url_text[HTTP_URL_TEXT_MAX];
	struct cache_control asked;
	bool cacheable;	 /* a GET or HEAD that the cache may answer */
	bool validating; /* the server is asked about the stored copy */
	/* the server */
	uint32_t up, ask_id; /* 0 = none */
	uint16_t asked_type; /* DNS type 1 or 28 */
	struct addr addrs[ANSWER_ADDRS_MAX];
	unsigned n_addrs, next_addr;
	nsec_t request_ns;
	struct sbuf request, raw; /* for the server; from it, until its head is whole */
	size_t up_scan;
	struct http_head answer; /* its octets stand in `raw` */
	struct http_body up_body;
	bool has_answer, chunked, keep, storing;
	struct sbuf copy; /* of the content, while storing */
	struct way down, upward;
};

/* A stored answer. */
struct proxy_entry {
	struct proxy_entry *next, *prev; /* utlist, the one used last first */
	char *url;
	char *vary;	       /* "name: value" lines of the request that it answered; "" = any */
	char *fields;	       /* header lines to give, without Age and Content-Length */
	char *etag, *modified; /* NULL = none */
	char *data;
	size_t len;
	unsigned status, number; /* number: tells variants of one address apart */
	nsec_t made_ns, fresh_until_ns;
	bool no_cache, must_revalidate;
	uint32_t hits;
};

struct proxy_stats {
	uint64_t requests, hits, bytes_saved, bytes_fetched, tunnels;
};

struct http_proxy {
	const struct device *dev;
	const struct http_proxy_conf *conf;
	bool listening, listening6, told_off;
	uint16_t port;
	struct px *conns;
	unsigned n_conns;
	uint32_t seq;
	struct timer_heap timers;
	struct proxy_entry *entries;
	unsigned n_entries, entry_seq;
	size_t bytes;
	struct sbuf out;
	struct proxy_stats stats;
};

/* http_proxy.c */
void http_px_to(struct px *x, enum px_state to);
void http_px_close(struct px *x, struct fx *fx, enum close_how how);
/* Goes on with what the buffer holds; frees the connection when it is closed. */
void http_px_run(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx);
/* The request is answered: the next, or the end. */
void http_px_finish(struct px *x, bool keep, struct fx *fx);
/* Octets for the browser, for the server. */
void http_px_down(struct px *x, const void *data, size_t len, struct fx *fx);
void http_px_up(struct px *x, const void *data, size_t len, struct fx *fx);
uint32_t http_proxy_number(struct http_proxy *p);

/* http_proxy_request.c: true = go on in the same connection */
bool http_px_begin(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx);
bool http_px_body(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx);
/* Via, as a field's value. */
void http_px_via(const struct http_proxy *p, const struct http_head *h, char *out, size_t size);
/* The message's fields that go on, with Via; what was left out, for people. */
void http_px_fields(const struct http_proxy *p, const struct http_head *h, bool request,
		    struct sbuf *out, struct sbuf *removed);

/* http_proxy_origin.c */
void http_px_forward(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx);
void http_px_tunnel(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx);
void http_px_resolved(struct http_proxy *p, struct px *x, const struct answer *a, nsec_t now,
		      struct fx *fx);
void http_px_connected(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx);
/* The connection to the server could not be made, or ended. */
void http_px_up_closed(struct http_proxy *p, struct px *x, int err, nsec_t now, struct fx *fx);
/* There will be no answer: a stale copy, or an error. */
void http_px_failed(struct http_proxy *p, struct px *x, unsigned status, const char *why,
		    nsec_t now, struct fx *fx);
void http_px_drop_up(struct px *x, struct fx *fx);

/* http_proxy_relay.c */
void http_px_up_bytes(struct http_proxy *p, struct px *x, const void *data, size_t len, nsec_t now,
		      struct fx *fx);
/* The server has sent all. */
void http_px_up_end(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx);
void http_px_tunnel_end(struct px *x, const char *why, struct fx *fx);
void http_px_note(struct px *x, unsigned status, uint64_t bytes, nsec_t now, struct fx *fx);

/* http_proxy_reply.c */
void http_px_error(struct http_proxy *p, struct px *x, unsigned status, const char *why, bool close,
		   nsec_t now, struct fx *fx);
/* Decides http.proxy.refuse and answers. */
void http_px_refuse(struct http_proxy *p, struct px *x, unsigned status, const char *why,
		    bool close, nsec_t now, struct fx *fx);
/* The status that the browser gets for the stored answer: 304 when it has that, too. */
unsigned http_px_entry_status(const struct http_proxy *p, const struct px *x,
			      const struct proxy_entry *e, nsec_t now);
void http_px_entry(struct http_proxy *p, struct px *x, struct proxy_entry *e, nsec_t now,
		   struct fx *fx);

/* http_proxy_cache.c */
struct proxy_entry *http_proxy_find(const struct http_proxy *p, const struct px *x);
int64_t http_proxy_age_s(const struct proxy_entry *e, nsec_t now);
/* Why the answer may not be stored; NULL = it may. |len|: of its content, as far as known. */
const char *http_proxy_refusal(const struct http_proxy *p, const struct px *x, uint64_t len,
			       nsec_t now);
struct proxy_entry *http_proxy_store(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx);
/* A 304 says that it is still right. */
void http_proxy_refresh(struct http_proxy *p, struct px *x, struct proxy_entry *e, nsec_t now,
			struct fx *fx);
void http_proxy_hit(struct http_proxy *p, struct proxy_entry *e, struct fx *fx);
/* True when there was something. */
bool http_proxy_forget(struct http_proxy *p, const char *url, const char *why, struct fx *fx);
void http_proxy_clear(struct http_proxy *p, const char *why, struct fx *fx); /* fx may be NULL */

#endif
