/* ftp_client.h: between the files of the client.
 *
 * A session is a control connection to one server. What a person or `copy` wants of it is a job,
 * and a job is a few commands, sent one after the other as replies come. */
#ifndef LABD_FTP_CLIENT_H
#define LABD_FTP_CLIENT_H

#include "base/heap.h"
#include "base/rng.h"
#include "ftp/ftp.h"

#define CLIENT_SESSIONS_MAX 16
#define STEPS_MAX	    8
#define REPLY_LINES_MAX	    1000

struct ftp_client;

enum ftp_client_state {
	CLIENT_RESOLVING,
	CLIENT_CONNECTING,
	CLIENT_WAITING,	  /* for a reply, or for data */
	CLIENT_PROMPTING, /* for the person */
};

/* What the answer to a person's line is for. */
enum ftp_question { ASKS_COMMAND, ASKS_USER, ASKS_PASSWORD };

enum ftp_job { JOB_GET, JOB_PUT, JOB_LIST, JOB_SIMPLE };

struct ftp_step {
	enum ftp_verb verb;
	char arg[ASK_PATH_MAX];
};

struct ftp_move {
	uint32_t listener, sock; /* 0 = none */
	bool open, sending, ascii;
	bool begun;  /* octets may flow: RETR, STOR or LIST was sent */
	bool ended;  /* all of it went over the connection */
	bool stored; /* and is in the file, or in memory */
	uint64_t size, at, bytes, piece;
	nsec_t began_ns, piece_ns;
	uint16_t port; /* active: where we wait; passive: where the server does */
	struct sbuf octets;
	struct ftp_text text;
	bool part_used;
	char remote[ASK_PATH_MAX], local[ASK_PATH_MAX]; /* local "": memory, or the screen */
	uint32_t number;				/* of the transfer; 0 = none goes on */
};

struct ftp_connection {
	struct ftp_connection *next;
	struct timer timer;
	enum ftp_client_state state;
	bool gone;
	uint32_t number, sock, ask_id, call, asker;
	void (*then)(struct ftp_client *h, struct ftp_connection *c, const struct answer *a,
		     nsec_t now, struct fx *fx);
	char host[ASK_NAME_MAX];
	struct ep local, peer;
	/* login */
	char user[64], password[128];
	bool logged_in, known; /* known: user and password are, nobody is asked */
	enum ftp_question question;
	/* replies */
	struct sbuf input;
	int multiline; /* code of the reply whose lines come, or 0 */
	unsigned n_lines;
	bool skipping; /* a line that is too long */
	/* commands */
	struct ftp_step steps[STEPS_MAX];
	unsigned n_steps;
	enum ftp_verb current; /* FTP_UNKNOWN: the greeting */
	bool replied;	       /* it has its last reply */
	enum ftp_job job;
	char why[ANSWER_WHY_MAX]; /* the job has failed */
	/* what the person chose */
	bool active, ascii;
	char type;	  /* what the server was told: 0, A or I */
	bool tried_other; /* PASV and EPSV */
	struct ftp_move move;
};

struct ftp_client {
	const struct device *dev;
	const struct ftp_conf *conf;
	struct rng rng;
	struct timer_heap timers;
	struct ftp_connection *sessions;
	unsigned n_sessions;
	uint32_t next_sock, next_ask, n_begun, n_transfers;
	uint64_t n_done, n_failed, n_bytes;
};

#define SERVER(c) V_ADDR("server", (c)->peer.addr)

/* ftp_client.c */
void ftp_client_wait(struct ftp_client *h, struct ftp_connection *c, nsec_t now);
void ftp_client_ask(struct ftp_client *h, struct ftp_connection *c, const struct ask *ask,
		    void (*then)(struct ftp_client *h, struct ftp_connection *c,
				 const struct answer *a, nsec_t now, struct fx *fx),
		    struct fx *fx);
/* The session is over; `why` is told to whom it was for, "" = it did what it should. */
void ftp_client_end(struct ftp_client *h, struct ftp_connection *c, const char *why, nsec_t now,
		    struct fx *fx);
/* To the screen, without control characters. */
void ftp_client_print(const struct ftp_connection *c, const char *text, size_t len, struct fx *fx);

/* ftp_client_replies.c */
void ftp_client_bytes(struct ftp_client *h, struct ftp_connection *c, const struct ev *ev,
		      struct fx *fx);
/* One more command of the job; they are sent by ftp_client_next(). */
void ftp_client_step(struct ftp_connection *c, enum ftp_verb verb, const char *arg);
void ftp_client_next(struct ftp_client *h, struct ftp_connection *c, nsec_t now, struct fx *fx);
/* Is the job done? Then it is told, and the next may come. */
void ftp_client_check(struct ftp_client *h, struct ftp_connection *c, nsec_t now, struct fx *fx);
void ftp_client_fail(struct ftp_connection *c, const char *why);

/* ftp_client_move.c */
/* The commands of a transfer: TYPE, PASV or PORT, then `verb`. */
void ftp_move_steps(struct ftp_client *h, struct ftp_connection *c, enum ftp_verb verb, nsec_t now,
		    struct fx *fx);
void ftp_move_passive(struct ftp_client *h, struct ftp_connection *c, int code, const char *text,
		      struct fx *fx);
void ftp_move_begin(struct ftp_client *h, struct ftp_connection *c, nsec_t now, struct fx *fx);
void ftp_move_opened(struct ftp_client *h, struct ftp_connection *c, const struct ev *ev,
		     struct fx *fx);
void ftp_move_bytes(struct ftp_client *h, struct ftp_connection *c, const struct ev *ev,
		    struct fx *fx);
void ftp_move_drained(struct ftp_client *h, struct ftp_connection *c, nsec_t now, struct fx *fx);
void ftp_move_closed(struct ftp_client *h, struct ftp_connection *c, int err, nsec_t now,
		     struct fx *fx);
/* The file takes its place, then ftp_client_check() finds it stored. */
void ftp_move_finish(struct ftp_client *h, struct ftp_connection *c, nsec_t now, struct fx *fx);
/* It is over. `why` "" = well. */
void ftp_move_end(struct ftp_client *h, struct ftp_connection *c, const char *why, nsec_t now,
		  struct fx *fx);

/* ftp_prompt.c */
void ftp_prompt(struct ftp_client *h, struct ftp_connection *c, nsec_t now, struct fx *fx);
void ftp_prompt_for(struct ftp_client *h, struct ftp_connection *c, enum ftp_question question,
		    nsec_t now, struct fx *fx);
void ftp_prompt_typed(struct ftp_client *h, struct ftp_connection *c, const char *line, nsec_t now,
		      struct fx *fx);
void ftp_job_start(struct ftp_client *h, struct ftp_connection *c, enum ftp_job job,
		   const char *remote, const char *local, nsec_t now, struct fx *fx);

/* ftp_conf.c: facts */
void ftp_client_tell(const struct ftp_connection *c, struct fx *fx);
void ftp_client_tell_move(const struct ftp_connection *c, const char *result, nsec_t now,
			  struct fx *fx);

#endif
