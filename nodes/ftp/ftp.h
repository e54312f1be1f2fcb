/* ftp.h: the File Transfer Protocol: RFC 959, with RFC 1123 §4.1, RFC 2389 (FEAT), RFC 2428 (EPSV,
 * EPRT) and RFC 3659 (SIZE, MDTM, REST, MLST).
 *
 * A session is one control connection, on which commands and replies go, and a data connection of
 * its own for each file or listing (RFC 959 §2.3). The server (ftp_server.c: connections;
 * ftp_lines.c: their lines; ftp_session.c, ftp_dirs.c: commands; ftp_data.c: data connections;
 * ftp_transfer.c: what goes over them) never holds a file in memory: the shell sends it from where
 * it lies, and what comes is stored piece by piece beside its place, which it takes when it is
 * whole.
 *
 * The client (ftp_client.c: sessions; ftp_client_replies.c: replies and what is sent next;
 * ftp_client_move.c: data; ftp_prompt.c: a person's words) carries files for `copy` and for `ftp`.
 *
 * The configuration object is the shell's. Passwords are in no decision and no fact. */
#ifndef LABD_FTP_H
#define LABD_FTP_H

#include "base/codec.h"
#include "ftp/ftp_wire.h"
#include "proto.h"

#define FTP_USERS_MAX 64
#define FTP_TOS	      0x10 /* RFC 1349's minimize delay, for control connections */
#define FTP_IDLE_NS   (300 * SEC)
#define FTP_QUOTA     (100u << 20) /* octets of a file that may be stored */
#define FTP_OPEN_NS   (30 * SEC)   /* a data connection may take this long to open */
#define FTP_MOVE_NS   (60 * SEC)   /* without an octet, then a transfer is lost */

enum ftp_right {
	FTP_READ = BIT(0),
	FTP_WRITE = BIT(1),
	FTP_DELETE = BIT(2),
	FTP_RENAME = BIT(3),
	FTP_LISTS = BIT(4),
};
#define FTP_RIGHTS_ALL	  (FTP_READ | FTP_WRITE | FTP_DELETE | FTP_RENAME | FTP_LISTS)
#define FTP_RIGHTS_READER (FTP_READ | FTP_LISTS)

struct ftp_user {
	char name[64];
	bool hashed; /* password is "$1$..." */
	char password[128];
	unsigned rights;
};

/* What most devices say nothing about. */
struct ftp_names {
	char root[ASK_NAME_MAX]; /* below the device's files; "" = all of them */
	/* client */
	char username[64], password[128];
	char source[32]; /* interface whose address sessions come from, "" = the routing table's */
};

struct ftp_conf {
	bool server;
	bool server_mentioned; /* a line says so: it is not the default */
	bool anonymous;
	bool active;		 /* the client: `no ip ftp passive` */
	struct ftp_names *names; /* NULL before the first */
	struct ftp_user *users;	 /* FTP_USERS_MAX; NULL before the first */
	unsigned n_users;
	uint64_t quota; /* octets */
	nsec_t idle_ns;
};

/* Never NULL. */
const struct ftp_names *ftp_names(const struct ftp_conf *c);

const char *ftp_rights_format(unsigned rights, char out[static 8]); /* "rwdnl" */
const struct ftp_user *ftp_user_find(const struct ftp_conf *c, const char *name);
bool ftp_user_matches(const struct ftp_user *u, const char *password);

/* ftp_client.c */
void ftp_run(void *machine, const struct call *call, nsec_t now, struct fx *fx);

/* ftp_server.c */
void ftp_run_show_server(void *machine, const struct call *call, nsec_t now, struct fx *fx);

extern const struct machine_class ftp_server_class, ftp_client_class;
extern const struct fact_kind ftp_session_fact, ftp_transfer_fact;
extern const struct codec ftp_codec;
extern const struct proto ftp_proto;

#endif
