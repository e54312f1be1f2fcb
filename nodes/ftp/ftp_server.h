/* ftp_server.h: between the files of the server. */
#ifndef LABD_FTP_SERVER_H
#define LABD_FTP_SERVER_H

#include "base/heap.h"
#include "base/rng.h"
#include "ftp/ftp.h"

#define SESSIONS_MAX	   50
#define SESSIONS_PEER_MAX  16
#define INVALID_MAX	   20		/* lines that are no commands; then the session is closed */
#define INPUT_BUSY_MAX	   8192		/* octets of commands that wait while one is carried out */
#define FTP_INPUT_MAX	   (256u << 10) /* octets; the connection is not read long before */
#define PASSIVE_PORT_FIRST 61000	/* above those that connections of this device begin from */

struct ftp_server;
struct ftp_session;

/* What the session is doing. */
enum ftp_state {
	FTP_READY,   /* it takes the next command */
	FTP_ASKING,  /* a question is open: to login or about a file */
	FTP_PENALTY, /* a second until a login is refused */
	FTP_OPENING, /* a transfer waits for its data connection */
	FTP_MOVING,  /* a transfer goes on */
	FTP_STORING, /* all has come and is on its way to the file */
};

enum ftp_data_mode { FTP_NO_DATA, FTP_PASSIVE, FTP_ACTIVE };

struct ftp_data {
	enum ftp_data_mode mode;
	uint32_t listener, sock; /* 0 = none */
	bool open;		 /* sock is a connection */
	bool passive;		 /* the transfer's was opened by the client */
	struct ep to;		 /* FTP_ACTIVE */
	/* the transfer */
	bool sending;
	uint64_t size, at; /* of the file; octets of it sent or stored so far */
	uint64_t bytes;	   /* on the wire */
	uint64_t piece;	   /* octets of the file sent at a time */
	nsec_t began_ns, piece_ns;
	struct sbuf octets; /* came, and not stored yet */
	struct ftp_text text;
	bool ended;	/* the peer has sent all */
	bool part_used; /* there is a file .NAME.N */
	uint32_t number;
};

struct ftp_session {
	struct ftp_session *next;
	struct timer timer;
	enum ftp_state state;
	bool gone; /* to be freed when the event is over */
	uint32_t sock, number;
	struct ep local, peer;
	uint32_t ask_id; /* the one question that is open; 0 = none */
	void (*then)(struct ftp_server *h, struct ftp_session *s, const struct answer *a,
		     nsec_t now, struct fx *fx);
	/* lines */
	struct ftp_telnet telnet;
	struct sbuf input;
	bool overlong, paused; /* until the line ends; the connection is not read */
	unsigned n_invalid;
	uint64_t n_commands;
	int64_t line_pos; /* where the next line begins in this event's octets; < 0: before them */
	/* the command that is carried out */
	enum ftp_verb verb;
	char arg[FTP_LINE_MAX + 1];
	char path[ASK_PATH_MAX]; /* of the argument: from the user's root */
	uint32_t cause;		 /* the packet that it came in, */
	uint64_t line_at;	 /* and where in it */
	/* who */
	char user[64];
	bool named, logged_in;
	unsigned rights;
	/* what earlier commands have set */
	char cwd[ASK_PATH_MAX];
	bool ascii, epsv_all, has_rename;
	char rename[ASK_PATH_MAX];
	uint64_t rest, from; /* of REST; and where the transfer begins that it was given for */
	struct ftp_data data;
};

struct ftp_server {
	const struct device *dev;
	const struct ftp_conf *conf;
	struct rng rng;
	struct timer_heap timers;
	struct ftp_session *sessions;
	unsigned n_sessions;
	bool listening;
	nsec_t now; /* of the event */
	uint32_t next_sock, next_ask, n_begun, n_transfers;
	uint64_t n_done, n_failed, n_bytes;
};

#define CLIENT(s) V_ADDR("client", (s)->peer.addr)
#define USER(s)	  V_TEXT("user", *(s)->user ? (s)->user : "-")

/* ftp_server.c */
void ftp_enter(struct ftp_server *h, struct ftp_session *s, enum ftp_state state, nsec_t now);
void ftp_ready(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx);
void ftp_session_end(struct ftp_server *h, struct ftp_session *s, const char *why, struct fx *fx);
void ftp_ask(struct ftp_server *h, struct ftp_session *s, const struct ask *ask,
	     void (*then)(struct ftp_server *h, struct ftp_session *s, const struct answer *a,
			  nsec_t now, struct fx *fx),
	     struct fx *fx);
/* A question about s->path (or another path of the user's root). */
void ftp_ask_file(struct ftp_server *h, struct ftp_session *s, enum file_op op, const char *path,
		  void (*then)(struct ftp_server *h, struct ftp_session *s, const struct answer *a,
			       nsec_t now, struct fx *fx),
		  struct fx *fx);
/* That path in the device's files; false when it is too long. */
bool ftp_real_path(const struct ftp_server *h, const char *path, char *out, size_t size);

/* ftp_lines.c */
/* Decides `rule` and sends the reply; the session takes its next command. */
void ftp_answer(struct ftp_server *h, struct ftp_session *s, const char *rule, int code, nsec_t now,
		struct fx *fx, const char *fmt, ...) __attribute__((format(printf, 7, 8)));
/* As ftp_answer(), but a further reply follows (1yz), or came before. */
void ftp_say(struct ftp_session *s, const char *rule, int code, struct fx *fx, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* Only the reply. */
void ftp_reply(struct ftp_session *s, int code, struct fx *fx, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void ftp_control_bytes(struct ftp_server *h, struct ftp_session *s, const struct ev *ev,
		       struct fx *fx);
/* Carries out what waits of the session's lines; at the end of each event about the session. */
void ftp_run_lines(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx);

/* ftp_session.c */
/* Carries out s->verb. */
void ftp_perform(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx);
/* The argument's path into s->path; false: refused, and answered. */
bool ftp_take_path(struct ftp_server *h, struct ftp_session *s, const char *rule, nsec_t now,
		   struct fx *fx);
/* False: refused, and answered. */
bool ftp_may(struct ftp_server *h, struct ftp_session *s, unsigned right, const char *rule,
	     nsec_t now, struct fx *fx);

/* ftp_dirs.c */
void ftp_cmd_dirs(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx);
void ftp_cmd_pwd(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx);
void ftp_cmd_dele(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx);
void ftp_cmd_rnfr(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx);
void ftp_cmd_rnto(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx);
void ftp_cmd_size(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx);
void ftp_cmd_mlst(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx);
/* Is the directory there that s->path would lie in? */
void ftp_ask_parent(struct ftp_server *h, struct ftp_session *s,
		    void (*then)(struct ftp_server *h, struct ftp_session *s,
				 const struct answer *a, nsec_t now, struct fx *fx),
		    nsec_t now, struct fx *fx);
const char *ftp_perm(const struct ftp_session *s, bool is_dir, char out[static 12]);

/* ftp_data.c */
void ftp_cmd_pasv(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx);
void ftp_cmd_port(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx);
/* The reply 150 was sent: opens the data connection, then ftp_transfer_begin(). */
void ftp_data_open(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx);
void ftp_data_failed(struct ftp_server *h, struct ftp_session *s, const char *why, nsec_t now,
		     struct fx *fx);
/* Closes what there is of it; the next transfer needs a new PASV or PORT. */
void ftp_data_close(struct ftp_session *s, enum close_how how, struct fx *fx);
void ftp_data_accepted(struct ftp_server *h, struct ftp_session *s, const struct ev *ev,
		       struct fx *fx);
void ftp_data_connected(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx);

/* ftp_transfer.c */
void ftp_cmd_retr(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx);
void ftp_cmd_stor(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx);
void ftp_cmd_list(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx);
void ftp_cmd_abor(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx);
void ftp_transfer_begin(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx);
void ftp_transfer_bytes(struct ftp_server *h, struct ftp_session *s, const struct ev *ev,
			struct fx *fx);
void ftp_transfer_drained(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx);
/* The data connection ended: err as of EV_CLOSED. */
void ftp_transfer_closed(struct ftp_server *h, struct ftp_session *s, int err, nsec_t now,
			 struct fx *fx);
void ftp_transfer_lost(struct ftp_server *h, struct ftp_session *s, int code, const char *why,
		       nsec_t now, struct fx *fx);
/* It ends without a reply: the session is over, or ABOR says more. */
void ftp_transfer_drop(struct ftp_server *h, struct ftp_session *s, const char *why, nsec_t now,
		       struct fx *fx);

/* ftp_conf.c: facts */
void ftp_session_tell(const struct ftp_session *s, struct fx *fx);
void ftp_transfer_tell(const struct ftp_session *s, const char *result, nsec_t now, struct fx *fx);

#endif
