/* telnet.h: remote login over TCP: RFC 854 and 855, options by RFC 1143.
 *
 * Both ends begin as Network Virtual Terminals; what both have and want is agreed upon by options
 * (telnet_nvt.h). The server (telnet_server.c) gets a line from the login machine, asks who is
 * there, and then stands between the connection and a session of the device's command language
 * (fx_terminal). The client (telnet_client.c) stands between a connection and the person who typed
 * `telnet`; it also talks to any server of a text protocol. Passwords are in no decision, no fact
 * and no log. */
#ifndef LABD_TELNET_H
#define LABD_TELNET_H

#include "base/heap.h"
#include "proto.h"
#include "telnet/telnet_nvt.h"

#define TELNET_CONNS_MAX    32 /* of the server, those that get no line included */
#define TELNET_SESSIONS_MAX 16 /* of the client */
#define TELNET_LINE_MAX	    254
#define TELNET_LOGIN_NS	    (30 * SEC)	 /* for a name, and for a password */
#define TELNET_AGREE_NS	    (500 * MSEC) /* without a login: how long options are waited for */
#define TELNET_CONNECT_NS   (30 * SEC)
#define TELNET_QUIET_NS	    (1 * SEC)  /* nobody types: how long the server may be silent */
#define TELNET_ALONE_NS	    (30 * SEC) /* ... and how long it may speak */
#define TELNET_LOGIN_TRIES  3

struct telnet_conf {
	bool server;
};

/* --- the server --- */

enum telnet_state {
	TELNET_WAITS_LINE, /* the login machine is asked for a line */
	TELNET_USER,
	TELNET_PASSWORD,
	TELNET_CHECKS, /* the login machine is asked about a password */
	TELNET_AGREES, /* no login; options are being agreed upon */
	TELNET_SHELL,
};

struct telnet_conn {
	struct telnet_conn *next;
	struct timer timer;
	struct telnet_nvt nvt;
	enum telnet_state state;
	uint32_t number, term; /* term: socket of its session, 0 = none */
	uint32_t ask_id;       /* the question whose answer is waited for; 0 = none */
	struct ep peer;
	int line; /* -1 = none yet */
	enum line_login login;
	int level;
	nsec_t timeout_ns;
	unsigned tries;
	char user[64], text[128]; /* text: what was typed of a name or password */
	unsigned text_len;
	uint16_t columns, rows;
	char terminal[41];
	unsigned n_typed; /* octets since the last line end */
	/* what the next output of the session is about */
	uint32_t key_cause, line_cause;
	unsigned n_keys;
	bool line_done, line_understood;
	char last_line[TELNET_LINE_MAX + 8];
	unsigned n_lines;
	struct sbuf typed; /* lines, as they may be told */
};

struct telnet_server {
	const struct device *dev;
	const struct telnet_conf *conf;
	bool listening;
	struct timer_heap timers;
	struct telnet_conn *conns;
	unsigned n_conns;
	uint32_t n_begun, next_ask;
};

/* telnet_server.c */
void telnet_server_say(struct telnet_conn *c, const char *text, struct fx *fx);
void telnet_server_end(struct telnet_server *s, struct telnet_conn *c, const char *why,
		       enum close_how how, struct fx *fx);
void telnet_server_fact(const struct telnet_conn *c, const char *result, struct fx *fx);
uint32_t telnet_server_ask_line(struct telnet_server *s, struct telnet_conn *c, enum line_op op,
				const char *password, struct fx *fx);

void telnet_run_clear(void *machine, const struct call *call, nsec_t now, struct fx *fx);

/* telnet_vty.c: its session */
void telnet_server_shell(struct telnet_server *s, struct telnet_conn *c, nsec_t now, struct fx *fx);
struct fx_terminal telnet_vty_terminal(const struct telnet_conn *c);
void telnet_vty_keys(struct telnet_server *s, struct telnet_conn *c, const uint8_t *data,
		     size_t len, const struct ev *ev, struct fx *fx);
void telnet_vty_shows(struct telnet_conn *c, const struct ev *ev, struct fx *fx);
void telnet_vty_ran(struct telnet_conn *c, const struct ev *ev, struct fx *fx);

/* telnet_login.c: who is there */
void telnet_login_begin(struct telnet_server *s, struct telnet_conn *c, nsec_t now, struct fx *fx);
void telnet_login_typed(struct telnet_server *s, struct telnet_conn *c, const uint8_t *data,
			size_t len, nsec_t now, struct fx *fx);
void telnet_login_answer(struct telnet_server *s, struct telnet_conn *c, const struct answer *a,
			 nsec_t now, struct fx *fx);
void telnet_login_late(struct telnet_server *s, struct telnet_conn *c, struct fx *fx);

/* telnet_client.c */
void telnet_run(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void telnet_run_sessions(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void telnet_run_resume(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void telnet_run_disconnect(void *machine, const struct call *call, nsec_t now, struct fx *fx);

extern const struct machine_class telnet_server_class, telnet_client_class;
extern const struct fact_kind telnet_session_fact;
extern const struct codec telnet_codec;
extern const struct proto telnet_proto;

#endif
