/* http.h: the World Wide Web: a text browser with a cache, an origin server, a proxy.
 *
 *   http.client  PC, server, router: `http get URL` and its relatives; asks dns for names, keeps
 *                connections for a while, stores what it may and validates it (RFC 9111)
 *   http.proxy   server, router: on TCP 8080 while `ip http proxy-server` stands; fetches for
 *                browsers, keeps what it may, tunnels what it cannot read
 *   http.server  server, router: listens on TCP 80 while `ip http server` stands, on TCP 443
 *                while `ip http secure-server` does; files below the
 *                device's file root, protected and writable paths, script pages, application
 *                servers behind it
 *
 * All read one configuration object, filled line by line by http_conf.c and never changed by a
 * machine. Paths in it are decoded, without slashes at either end: "" is the whole site. Limits
 * below bound every table; times are lab time in ns, sizes octets. */
#ifndef LABD_NODES_HTTP_H
#define LABD_NODES_HTTP_H

#include "http/http_wire.h"
#include "proto.h"

enum {
	HTTP_PATH_MAX = 256, /* of a configured path, with its NUL */
	HTTP_USERS_MAX = 64,
	HTTP_PROTECTED_MAX = 32,
	HTTP_WRITABLE_MAX = 32,
	HTTP_SCRIPTS_MAX = 32,
	HTTP_SCRIPT_LINES_MAX = 64,
	HTTP_APPS_MAX = 16,
	HTTP_TYPES_MAX = 32,
	HTTP_TUNNEL_PORTS_MAX = 16,
	HTTP_PROXY_PORT = 8080,
	HTTP_NAMES_MAX = TLS_NAMES_MAX - 1,
	HTTP_CONNECTIONS_MAX = 1024,
	HTTP_BODY_MAX = 1 << 20, /* of a request; also what one file answer carries */
	HTTP_PAGE_MAX = 1 << 20, /* of a response that is kept: browser, gateway */
	HTTP_REALM_MAX = HTTP_PATH_MAX + 1,
};

struct http_user {
	char name[64], password[128];
};

struct http_protected {
	char path[HTTP_PATH_MAX];
	char user[64]; /* the only one who may; "" = every known user */
};

/* A page made by lines with {substitutions}; see http_script.h. */
struct http_script {
	char path[HTTP_PATH_MAX];
	char *lines[HTTP_SCRIPT_LINES_MAX]; /* owned */
	unsigned n_lines;
};

/* Requests below `path` are answered by another server. */
struct http_app {
	char path[HTTP_PATH_MAX];
	struct http_url *url; /* owned */
};

struct http_type {
	char extension[16], type[64];
};

enum http_auth_mode {
	HTTP_AUTH_USERS, /* ip http user */
	HTTP_AUTH_LOGIN, /* whoever answers ASK_LOGIN: local users, enable password, RADIUS, ... */
};

struct http_server_conf {
	bool enabled, secure;
	uint16_t port, secure_port;
	enum tls_cert_kind cert;
	char root[HTTP_PATH_MAX]; /* "" = the file root itself */
	unsigned max_connections;
	nsec_t idle_ns;	       /* between requests, or without a new octet within one */
	nsec_t life_ns;	       /* of one connection; NEVER = unlimited */
	unsigned max_requests; /* of one connection; 0 = unlimited */
	nsec_t gateway_ns;     /* an application server's time to answer */
	struct http_limits limits;
	uint32_t body_limit;
	bool trace;
	bool has_max_age;
	uint32_t max_age_s; /* Cache-Control of files */
	enum http_auth_mode auth;
	/* In one block of pages, most of which stay empty. */
	struct http_user *users;	  /* HTTP_USERS_MAX */
	struct http_protected *protected; /* HTTP_PROTECTED_MAX */
	char (*writable)[HTTP_PATH_MAX];  /* HTTP_WRITABLE_MAX */
	struct http_script **scripts;	  /* HTTP_SCRIPTS_MAX, owned */
	struct http_app *apps;		  /* HTTP_APPS_MAX */
	struct http_type *types;	  /* HTTP_TYPES_MAX */
	char (*names)[ASK_NAME_MAX]; /* HTTP_NAMES_MAX: of the certificate, beside the host name */
	unsigned n_users, n_protected, n_writable, n_scripts, n_apps, n_types, n_names;
};

struct http_client_conf {
	nsec_t timeout_ns;	  /* from a request to its response */
	nsec_t idle_ns;		  /* how long a connection is kept for the next request */
	bool force_close;	  /* one connection per request */
	uint32_t cache_max;	  /* octets of all stored pages; 0 = no cache */
	uint32_t cache_file_max;  /* octets of one stored page */
	struct http_user user;	  /* given when the address names none; name "" = none */
	char proxy[ASK_NAME_MAX]; /* host name or address; "" = none */
	uint16_t proxy_port;
};

/* A program between browsers and servers, which keeps what it has fetched. */
struct http_proxy_conf {
	bool enabled;
	uint16_t port;
	nsec_t timeout_ns;	 /* an origin server's time to answer */
	uint32_t cache_max;	 /* octets of all stored answers; 0 = no cache */
	uint32_t cache_file_max; /* octets of one */
	bool no_stale;		 /* nothing stale is shown when a server cannot be reached */
	uint16_t tunnels[HTTP_TUNNEL_PORTS_MAX]; /* ports that CONNECT may name */
	unsigned n_tunnels;			 /* 0 = 443 alone */
};

struct http_conf {
	struct http_client_conf client;
	struct http_proxy_conf proxy;
	struct http_server_conf server;
};

extern const struct machine_class http_server_class;
extern const struct machine_class http_client_class;
extern const struct machine_class http_proxy_class;
extern const struct proto http_proto;

/* http_conf_tables.c: the lists of an object that has none yet; aborts without memory. */
void http_tables_open(struct http_server_conf *s);
void http_tables_close(struct http_server_conf *s);

/* http_conf_proxy.c */
extern const struct http_proxy_conf http_proxy_default;
int http_set_proxy(void *conf, const struct call *call);
int http_set_proxy_port(void *conf, const struct call *call);
int http_set_proxy_timeout(void *conf, const struct call *call);
int http_set_proxy_cache_pool(void *conf, const struct call *call);
int http_set_proxy_cache_file(void *conf, const struct call *call);
int http_set_proxy_stale(void *conf, const struct call *call);
int http_set_proxy_tunnel(void *conf, const struct call *call);
int http_set_client_proxy(void *conf, const struct call *call);
void http_run_show_proxy(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void http_run_clear_proxy(void *machine, const struct call *call, nsec_t now, struct fx *fx);

/* http_conf_secure.c */
int http_set_secure(void *conf, const struct call *call);
int http_set_secure_port(void *conf, const struct call *call);
int http_set_secure_cert(void *conf, const struct call *call);
bool http_is_host_name(const char *text);
int http_set_secure_name(void *conf, const struct call *call);

/* http_conf.c */
void *http_conf_new(const struct device *dev);
void http_conf_free(void *conf);
/* http_facts.c */
extern const struct fact_kind http_exchange_fact, http_cache_fact, http_record_fact,
	http_certificate_fact, http_proxy_cache_fact;

/* Is `path` this place or below it? "" holds everything. */
bool http_path_below(const char *path, const char *place);

/* Commands, run by their machines. */
void http_run_get(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void http_run_browse(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void http_run_reload(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void http_run_follow(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void http_run_head(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void http_run_options(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void http_run_trace(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void http_run_delete(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void http_run_post(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void http_run_put(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void http_run_show_cache(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void http_run_clear_cache(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void http_run_show_client(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void http_run_show_server(void *machine, const struct call *call, nsec_t now, struct fx *fx);

#endif
