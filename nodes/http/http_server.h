/* http_server.h: the inside of the origin server. Who does what:
 *
 *   http_server.c    the machine: listener, connections, events, timers
 *   http_listen.c    listeners of HTTP and HTTPS; the certificate
 *   http_request.c   one request from its first octet to the moment it may act: faults, limits,
 *                    method, path, 100-continue, body
 *   http_access.c    who may do what to which path
 *   http_file.c      GET, HEAD, PUT, DELETE and POST of files
 *   http_file_cond.c preconditions, ranges and the store of small files
 *   http_script.c    pages made by configuration lines, and their records
 *   http_gateway.c   requests handed on to an application server
 *   http_reply.c     answers: heads, framing, whether the connection stays
 *
 * A connection serves one request at a time; pipelined ones wait in its buffer, so answers keep
 * their order. The buffer holds the head, then the decoded body, then what came after. An answer
 * may have to wait for another party (a file, a login, an application server): the connection then
 * stands in a waiting state under an ask id, and goes on when the answer comes. */
#ifndef LABD_NODES_HTTP_SERVER_H
#define LABD_NODES_HTTP_SERVER_H

#include <uthash.h>

#include "base/heap.h"
#include "base/rng.h"
#include "base/sbuf.h"
#include "http/http.h"
#include "http/http_reader.h"

enum {
	SERVER_LISTENER = 1,	 /* socket numbers: face * 2 + this, and the next for IPv6 */
	SERVER_UPSTREAM = 0x100, /* socket numbers of gateways from here up */
	INLINE_MAX = 16384, /* files up to this size are kept in memory and sent with their head */
	STORE_SLOTS = 128,
	OUT_MAX = 640 << 10,	      /* one answer that is sent in one piece */
	GATEWAY_PAGE_MAX = 512 << 10, /* content of an application server's answer */
	IN_MAX = HTTP_HEAD_MAX + HTTP_BODY_MAX + (64 << 10),
	REQUESTS_PER_TURN = 32,
	RECENT_MAX = 256,
	RECORDS_MAX = 1024,
	GATEWAYS_MAX = 16,
};

/* HTTP and HTTPS are switched on separately; each listens on a port of its own. */
enum face_id { FACE_PLAIN, FACE_SECURE, N_FACES };

struct face {
	bool listening, listening6, told_off;
	uint16_t port; /* listened on */
};

enum conn_state {
	CONN_HANDSHAKE, /* TLS is being agreed on */
	CONN_IDLE,	/* between requests */
	CONN_HEAD,	/* some of a head is here */
	CONN_LOGIN,	/* asked who the user is */
	CONN_BODY,	/* reading the body, to act on it or (answered) to throw it away */
	CONN_FILE,	/* asked about a file */
	CONN_GATEWAY,	/* an application server works on it */
	CONN_FULL,	/* the peer has to read what it was sent before more is done for it */
	CONN_CLOSED,	/* to be freed at the end of the turn */
	N_CONN_STATES
};

/* What the file that is asked about was asked for. */
enum file_step { STEP_STAT, STEP_READ, STEP_WRITE, STEP_DELETE, STEP_CREATE };

struct request {
	struct http_head head;
	struct http_body body;
	size_t raw_len;	 /* octets of the buffer that are this request's, as far as read */
	size_t body_len; /* decoded octets behind the head */
	uint64_t at;	 /* the stream's octets before it */
	nsec_t start_ns;
	char path[ASK_PATH_MAX];   /* below the document root; of a directory: its index.html */
	bool dir;		   /* the target named a directory */
	char file[ASK_PATH_MAX];   /* its file, below the file root */
	uint16_t query, query_len; /* offset from the head's base; len 0 also when absent */
	char user[64];		   /* who was let in; "" = nobody asked */
	bool expects;		   /* Expect: 100-continue, and no 100 was sent yet */
	bool answered;		   /* the body is read on to be thrown away */
	bool replaces;		   /* PUT: the file existed */
	enum file_step step;
	uint64_t size; /* of the file */
	int64_t mtime_ns;
};

struct gateway;

struct conn {
	uint32_t sock;
	UT_hash_handle hh;
	unsigned slot;	       /* place in server->slots */
	enum conn_state state; /* written by http_conn_to() alone */
	struct timer timer;
	nsec_t opened_ns, active_ns; /* active: last octet in, or answer out */
	nsec_t head_ns;		     /* when the head under way began */
	struct ep peer, local;
	char key[ADDR_TEXT_LEN + 8]; /* address:port of the peer: the fact's key */
	struct sbuf in;
	size_t in_pos;	    /* where the current request starts in it */
	uint64_t in_offset; /* the stream's octets before that place */
	size_t scan;
	unsigned n_requests;
	uint32_t ask_id; /* 0 = nothing asked */
	uint64_t owed;	 /* octets sent since the peer was known to have read */
	bool secure, peer_closed;
	struct gateway *gateway;
	struct request req;
};

/* A small file, kept with its head; found by path, good while time and size are the same. */
struct stored_file {
	char *path, *data, *head;
	uint64_t size;
	int64_t mtime_ns;
	size_t head_len;
};

/* A row that a script page stored; a durable fact. */
struct record {
	char list[32];
	int64_t number;
	char *fields; /* as the form sent them: name=value&... */
};

struct server_stats {
	uint64_t connections, requests, refused, bytes_out;
	uint64_t by_class[6]; /* status / 100 */
};

struct http_server {
	const struct device *dev;
	const struct http_server_conf *conf;
	uint64_t seed;
	struct rng rng;
	struct face faces[N_FACES];
	struct tls_identity *identity; /* for whom a certificate was asked for; NULL = nobody */
	struct conn *conns;
	unsigned n_conns;
	uint32_t ask_seq;
	struct timer_heap timers;
	struct sbuf out; /* the answer being made */
	int64_t date_s;	 /* second of `date`; -1 = none */
	char date[HTTP_DATE_LEN];
	/* In one block of pages, most of which stay empty. */
	struct conn **slots;	    /* HTTP_CONNECTIONS_MAX */
	struct stored_file **store; /* STORE_SLOTS */
	uint64_t *recent; /* RECENT_MAX fingerprints of client and target, for http.stateless */
	struct record *records; /* RECORDS_MAX */
	unsigned n_records;
	int64_t last_record;
	struct gateway *gateways; /* GATEWAYS_MAX, made when first used */
	uint32_t upstream_seq;
	struct server_stats stats;
};

/* http_server.c */
void http_conn_to(struct conn *c, enum conn_state to); /* the only writer of conn->state */
void http_conn_close(struct conn *c, struct fx *fx, enum close_how how);
/* Ends what is over, frees a connection that is closed, else sets its timer. */
void http_conn_settle(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx);
/* Asks under a new id and waits in `state`. */
void http_conn_ask(struct http_server *s, struct conn *c, enum conn_state state,
		   const struct ask *ask, struct fx *fx);
/* The current request and what came after it. */
const char *http_conn_data(const struct conn *c);
size_t http_conn_len(const struct conn *c);
/* Forgets `n` octets at the front of that. */
void http_conn_consume(struct conn *c, size_t n);
/* Goes on with what the buffer holds; frees the connection when it is closed. */
void http_conn_run(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx);
int64_t http_server_unix_ns(const struct http_server *s, nsec_t now);

/* http_listen.c */
/* The configuration or the device's addresses changed. */
void http_listen_apply(struct http_server *s, struct fx *fx);
void http_listen_close(struct http_server *s, struct fx *fx); /* all connections, too */
/* True when the answer was the certificate's. */
bool http_listen_answer(struct http_server *s, uint32_t ask_id, const struct answer *a,
			struct fx *fx);
/* True when it was a listener that failed. */
bool http_listen_failed(struct http_server *s, const struct ev *ev, struct fx *fx);
bool http_listen_owns(uint32_t listener);
bool http_listen_is_secure(uint32_t listener);
/* The connection is new; its peer is to say hello. */
void http_secure_begin(struct http_server *s, struct conn *c, struct fx *fx);
void http_secure_done(struct http_server *s, struct conn *c, const struct ev *ev, struct fx *fx);
/* The handshake came to nothing. */
void http_secure_failed(struct conn *c, const char *why, struct fx *fx);

/* http_request.c */
/* Reads the next head. False when there is none (more octets, or closed). */
bool http_request_begin(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx);
/* Every check is passed: the body is wanted. */
void http_request_proceed(struct http_server *s, struct conn *c, struct fx *fx);
/* Reads on in the body; acts when it is whole. False when octets are missing. */
bool http_request_body(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx);
struct http_str http_request_query(const struct request *r);
struct http_str http_request_content(const struct conn *c);
/* Values of decisions: {method}, {path} as the request line has them. */
struct val http_v_method(const struct request *r);
struct val http_v_target(const struct request *r);

/* http_access.c */
const struct http_script *http_access_script(const struct http_server *s, const char *path);
const struct http_app *http_access_app(const struct http_server *s, const char *path);
bool http_access_writable(const struct http_server *s, const char *path);
bool http_access_allows(const struct http_server *s, const struct request *r, enum http_method m);
/* The methods that this resource allows, as an Allow field's value. */
void http_access_allow(const struct http_server *s, const struct request *r, char *out,
		       size_t size);
/* Credentials. True = it passes, false = it was answered or waits for the login service. */
bool http_access_check(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx);
void http_access_login_answer(struct http_server *s, struct conn *c, const struct answer *a,
			      nsec_t now, struct fx *fx);

/* http_reply.c */
struct reply {
	unsigned status;
	const char *type;   /* NULL = no content */
	const char *fields; /* more header lines with their CRLF; NULL = none */
	size_t fields_len;  /* 0 = strlen */
	const char *data;
	uint64_t len;	  /* of the content, wherever it comes from */
	const char *file; /* sent from this file instead of `data` */
	uint64_t offset;  /* within it */
	bool unknown_len; /* made while it is sent: chunked, or until the connection closes */
	bool no_length;	  /* 204, 304 */
	bool foreign;	  /* `fields` are all there is: no Date, Server and Content-Type of ours */
};
void http_reply_send(struct http_server *s, struct conn *c, const struct reply *r, nsec_t now,
		     struct fx *fx);
/* A short page that says the status and why. `close`: the connection cannot go on. */
void http_reply_error(struct http_server *s, struct conn *c, unsigned status, const char *why,
		      bool close, const char *fields, nsec_t now, struct fx *fx);
void http_reply_continue(struct http_server *s, struct conn *c, struct fx *fx);

/* http_file.c */
void http_file_get(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx);
void http_file_put(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx);
void http_file_post(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx);
void http_file_answer(struct http_server *s, struct conn *c, const struct answer *a, nsec_t now,
		      struct fx *fx);

/* http_file_cond.c */
/* By the name's ending; application/octet-stream for an unknown one. */
const char *http_file_type(const struct http_server_conf *conf, const char *path);
/* What of it the request wants: 200, 206, 304, 412 or 416 (RFC 9110 §13.2.2, §14.2). Of 206 the
 * first octet and the length. */
unsigned http_file_condition(const struct http_server *s, const struct request *r, nsec_t now,
			     uint64_t *ret_first, uint64_t *ret_len);
/* Content-Type, Last-Modified, ETag, Accept-Ranges and Cache-Control of the file. */
void http_file_fields(const struct http_server *s, const struct request *r, nsec_t now,
		      struct sbuf *out);
const struct stored_file *http_store_find(const struct http_server *s, const struct request *r);
const struct stored_file *http_store_put(struct http_server *s, const struct request *r,
					 const void *data, nsec_t now); /* r->size octets */
void http_store_forget(struct http_server *s, const char *path);
void http_store_clear(struct http_server *s);

/* http_script.c */
void http_script_run(struct http_server *s, struct conn *c, const struct http_script *script,
		     nsec_t now, struct fx *fx);
void http_script_restore(struct http_server *s, const char *key, const struct val *columns);
void http_records_free(struct http_server *s);

/* http_gateway.c */
void http_gateway_begin(struct http_server *s, struct conn *c, const struct http_app *app,
			nsec_t now, struct fx *fx);
void http_gateway_abort(struct http_server *s, struct conn *c,
			struct fx *fx); /* its client is gone */
void http_gateway_event(struct http_server *s, const struct ev *ev, struct fx *fx);
void http_gateway_timer(struct http_server *s, struct timer *t, nsec_t now, struct fx *fx);
bool http_gateway_owns(const struct http_server *s, const struct timer *t);
void http_gateways_free(struct http_server *s);

/* http_server_show.c has the show commands. */

#endif
