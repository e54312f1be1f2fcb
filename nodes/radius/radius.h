/* radius.h: logins that a server decides about: RADIUS client and server (RFC 2865, 2866, 3579,
 * 5080, 5997).
 *
 * radius.client is asked by login.lines (ASK_LOGIN of the group "radius") and by `test aaa`: it
 * asks the configured servers one after the other. radius.server knows devices (clients) by address
 * and key, and users. Keys and passwords are in no decision, fact or output.
 *
 * Ownership: the configuration object is the shell's; machines own what is pending. Nothing is
 * allocated before the first request, and no socket of the client opened. */
#ifndef LABD_RADIUS_H
#define LABD_RADIUS_H

#include "proto.h"
#include "radius/radius_wire.h"

#define RADIUS_SERVERS_MAX 8
#define RADIUS_CLIENTS_MAX 64
#define RADIUS_USERS_MAX   64
#define RADIUS_LOGINS_MAX  16 /* pending at a time */
#define RADIUS_RECENT_MAX  32 /* answers that are kept for repeated requests */
#define RADIUS_KEY_MAX	   64
#define RADIUS_TIMEOUT_S   5
#define RADIUS_RETRANSMIT  3
#define RADIUS_RECENT_NS   (30 * SEC)

/* A server that this device asks. */
struct radius_server_conf {
	char name[64];	  /* `radius server NAME`; "" = `radius-server host` */
	struct addr addr; /* unset = not said yet: it is left out */
	uint16_t auth_port, acct_port;
	int timeout_s, retransmit; /* -1 = as radius-server timeout, retransmit say */
	char key[RADIUS_KEY_MAX];  /* "" = that of radius-server key */
};

enum radius_client_type { RADIUS_TYPE_RADIUS, RADIUS_TYPE_PROXY, RADIUS_TYPE_TACACS };

/* A device that may ask this server. */
struct radius_client_conf {
	char name[64];
	struct addr addr;
	char key[RADIUS_KEY_MAX];
	enum radius_client_type type;
	bool require_ma; /* Access-Requests without Message-Authenticator are dropped */
};

struct radius_user {
	char name[64], password[RADIUS_PASSWORD_MAX + 1];
	int privilege;
};

struct radius_conf {
	char key[RADIUS_KEY_MAX];
	int timeout_s, retransmit, deadtime_min;
	bool require_ma;
	uint32_t source_ifid;
	bool service, accounting;
	unsigned n_servers, n_clients, n_users;
	struct radius_server_conf *servers; /* these three are NULL before the first */
	struct radius_client_conf *clients;
	struct radius_user *users;
};

/* radius_client.c */
void radius_run_test(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void radius_run_show(void *machine, const struct call *call, nsec_t now, struct fx *fx);
/* radius_server.c */
void radius_run_show_server(void *machine, const struct call *call, nsec_t now, struct fx *fx);

extern const struct machine_class radius_client_class, radius_server_class;
extern const struct fact_kind aaa_accounting_fact;
extern const struct proto radius_proto;

#endif
