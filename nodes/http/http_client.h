/* http_client.h: the inside of the browser. Who does what:
 *
 *   http_client.c    the machine: events, timers, kept connections
 *   http_command.c   what people type, and what is shown of the browser's state
 *   http_fetch.c     from an address to a request: cache, name, connection, request
 *   http_response.c  from a response to a page, or to the next request
 *   http_cache.c     the cache; http_page.c text from HTML; http_reader.c octets to responses
 *
 * A fetch is one command under way: perhaps several requests (redirects, credentials). It owns its
 * connection until the response is whole; then the connection is kept for the next fetch, or
 * closed. Fetches are made and freed here, at most FETCHES_MAX at a time. */
#ifndef LABD_NODES_HTTP_CLIENT_H
#define LABD_NODES_HTTP_CLIENT_H

#include "base/heap.h"
#include "http/http_cache.h"
#include "http/http_page.h"
#include "http/http_reader.h"

enum {
	FETCHES_MAX = 8,
	KEPT_MAX = 8,
	REDIRECTS_MAX = 10,
	FORM_MAX = 3 * LINE_MAX_LEN,
};

enum fetch_view {
	VIEW_SOURCE, /* the content as it came */
	VIEW_TEXT,   /* HTML laid out */
	VIEW_HEAD,
	VIEW_ALLOW,
};

enum fetch_state {
	FETCH_NEW,
	FETCH_FILE,	 /* asked for the file to send */
	FETCH_RESOLVING, /* asked for the name's address */
	FETCH_CONNECTING,
	FETCH_TUNNELING, /* the proxy is asked for a way to the server */
	FETCH_SECURING,	 /* TLS is being agreed on */
	FETCH_WAITING,	 /* the request is sent */
	FETCH_READ,	 /* the response is whole */
	N_FETCH_STATES
};

struct fetch {
	enum fetch_state state; /* written by http_fetch_to() alone */
	uint32_t call;
	enum fetch_view view;
	enum http_method method;
	struct http_url url;
	char url_text[HTTP_URL_TEXT_MAX];
	char referrer[HTTP_URL_TEXT_MAX]; /* "" = none */
	struct http_user user;		  /* name "" = none given */
	bool authorized;		  /* the request carries the credentials */
	bool reload;
	bool validating;	 /* the request names what the cache has */
	char form[FORM_MAX];	 /* POST */
	char file[ASK_PATH_MAX]; /* PUT: sent from this file of the device */
	uint64_t content_len;
	unsigned n_redirects;
	uint64_t visited[REDIRECTS_MAX + 1]; /* fingerprints of method and address */
	struct addr addrs[ANSWER_ADDRS_MAX]; /* to try, in order */
	unsigned n_addrs, next_addr;
	struct addr peer;
	uint16_t port;	       /* connected to: the server's or the proxy's */
	bool proxied;	       /* by the proxy of the configuration */
	uint16_t asked_type;   /* 1 A, 28 AAAA */
	uint32_t ask_id, sock; /* 0 = none */
	bool reused, retried;  /* the connection was a kept one; a new one was tried */
	bool noted;	       /* an exchange was told as a fact */
	uint64_t rx_at;	       /* the stream's octets before the response */
	struct http_reader reader;
	struct timer timer;
	nsec_t request_ns;
};

/* A connection that waits for its next request. */
struct kept {
	uint32_t sock; /* 0 = free */
	char host[HTTP_HOST_MAX + 1];
	bool https, proxied; /* one without https through a proxy serves all servers */
	uint16_t port;
	struct addr peer;
	unsigned requests;
	struct timer timer;
};

struct http_client {
	const struct device *dev;
	const struct http_client_conf *conf;
	struct fetch *fetches[FETCHES_MAX];
	struct kept kept[KEPT_MAX];
	struct http_cache cache;
	struct timer_heap timers;
	struct page_links links;      /* of the page shown last */
	char page[HTTP_URL_TEXT_MAX]; /* its address, "" = none yet */
	struct sbuf out;	      /* a request or a page being made */
	uint32_t seq;		      /* numbers of sockets and asks */
};

/* http_client.c */
struct fetch *http_fetch_new(struct http_client *c, uint32_t call);
void http_fetch_to(struct fetch *f, enum fetch_state to);
/* Ends the command and the fetch. */
void http_fetch_done(struct http_client *c, struct fetch *f, int status, struct fx *fx);
uint32_t http_client_number(struct http_client *c);
/* The fetch's connection is kept for the next request. */
void http_client_keep(struct http_client *c, struct fetch *f, nsec_t now, struct fx *fx);
/* A kept connection to the fetch's server becomes the fetch's. */
bool http_client_reuse(struct http_client *c, struct fetch *f, struct fx *fx);

/* http_fetch.c */
/* What a person typed, or a page linked to. */
void http_fetch_start(struct http_client *c, struct fetch *f, const char *address, nsec_t now,
		      struct fx *fx);
/* f->url is what is wanted now. */
void http_fetch_go(struct http_client *c, struct fetch *f, nsec_t now, struct fx *fx);
void http_fetch_connect(struct http_client *c, struct fetch *f, nsec_t now, struct fx *fx);
void http_fetch_send(struct http_client *c, struct fetch *f, nsec_t now, struct fx *fx);
void http_fetch_answer(struct http_client *c, struct fetch *f, const struct answer *a, nsec_t now,
		       struct fx *fx);
/* The connection stands: TLS or the request is next. */
void http_fetch_opened(struct http_client *c, struct fetch *f, const struct ev *ev, struct fx *fx);
/* The proxy's answer to CONNECT. */
void http_fetch_tunnel_bytes(struct http_client *c, struct fetch *f, const void *data, size_t len,
			     nsec_t now, struct fx *fx);
/* The host and port that the connection is for: the proxy's, or the address's. */
const char *http_fetch_host(const struct http_client *c, const struct fetch *f);
uint16_t http_fetch_port(const struct http_client *c, const struct fetch *f);
/* The connection could not be made, or ended. |why|: of a handshake that failed, else NULL. */
void http_fetch_closed(struct http_client *c, struct fetch *f, int err, const char *why, nsec_t now,
		       struct fx *fx);
void http_fetch_timeout(struct http_client *c, struct fetch *f, nsec_t now, struct fx *fx);

/* http_response.c */
void http_response_got(struct http_client *c, struct fetch *f, enum reader_got got, nsec_t now,
		       struct fx *fx);
/* A page of the browser's own, instead of a response: title and reason. */
void http_response_fail(struct http_client *c, struct fetch *f, const char *title, const char *why,
			nsec_t now, struct fx *fx);
void http_response_cached(struct http_client *c, struct fetch *f, struct cache_entry *e,
			  struct fx *fx);

#endif
