/* tftp.h: the Trivial File Transfer Protocol: RFC 1350, with the options of RFC 2347 to 2349.
 *
 * A transfer is a session: two ports (TIDs), one file, one direction, one packet on its way at a
 * time. Both ends run the same session (tftp_session.c): whoever has the file sends DATA and waits
 * for ACK, the other stores and acknowledges. What differs is how it begins: the server
 * (tftp_server.c) waits on port 69 and answers from a port of its own; the client (tftp_client.c)
 * is asked by `copy` or `tftp` and learns the server's port from the first answer. Where octets
 * come from and go to is tftp_file.c's: the device's files piece by piece, or memory.
 *
 * The configuration object is the shell's; machines read it when a transfer begins. */
#ifndef LABD_TFTP_H
#define LABD_TFTP_H

#include "base/heap.h"
#include "proto.h"
#include "tftp/tftp_wire.h"

#define TFTP_SESSIONS_MAX 64	     /* transfers at a time of one role */
#define TFTP_CHUNK	  65536	     /* octets of a file asked for, or stored, at a time */
#define TFTP_FILE_MAX	  (1u << 30) /* octets of a file that may be received */
#define TFTP_RETRY_NS	  (1 * SEC)  /* first wait for an answer; doubles ... */
#define TFTP_RETRY_MAX_NS (8 * SEC)  /* ... up to this */
#define TFTP_TRIES	  6	     /* sendings of one packet */
#define TFTP_LINGER_NS	  (10 * SEC) /* a repeated last block is acknowledged again, RFC 1350 §6 */
#define TFTP_ALIASES_MAX  16

struct tftp_alias {
	char name[ASK_NAME_MAX]; /* as clients ask for it */
	char path[ASK_NAME_MAX]; /* in the device's files */
};

struct tftp_conf {
	bool server;	       /* `ip tftp server` */
	bool server_mentioned; /* also `no ip tftp server`: the port is bound so that drops are seen
				*/
	char root[ASK_NAME_MAX]; /* below the device's files; "" = all of them */
	bool no_overwrite;
	struct tftp_alias
		*aliases; /* `tftp-server flash:`; TFTP_ALIASES_MAX, NULL before the first */
	unsigned n_aliases;
	nsec_t retry_ns, linger_ns; /* both roles */
	unsigned tries;
	/* the client asks for what is set */
	uint16_t blksize; /* 0 = no option */
	uint8_t timeout;  /* seconds; 0 = no option */
	bool tsize;
	char source[32]; /* interface whose address requests come from, "" = the routing table's */
};

enum tftp_state {
	TFTP_OPENING,	/* the file is being looked at */
	TFTP_REQUESTED, /* client: nothing has come from the server yet */
	TFTP_RUNNING,
	TFTP_STORING,	/* received octets are on their way to the file */
	TFTP_LINGERING, /* the file is there; a repeated last block is acknowledged again */
	TFTP_OVER,
};

struct tftp_host;

struct tftp_session {
	struct tftp_session *next;
	struct timer timer;
	enum tftp_state state;
	uint32_t sock, number, ask_id; /* ask_id: the one question that is open; 0 = none */
	bool sending;		       /* a WRITE session: DATA goes from us to the peer */
	bool has_tid, heard;	       /* client: the peer's port is known; something has come */
	bool read_for_ack;	       /* the next block waits for octets of the file */
	struct ep peer;
	enum tftp_mode mode;
	struct tftp_terms asked, agreed;
	uint16_t blksize;
	uint64_t block;	 /* last one sent (sending) or acknowledged; goes on where the wire wraps */
	bool last;	 /* that was the last one */
	uint8_t *packet; /* what was sent last, for repetition */
	size_t packet_len, packet_size;
	nsec_t retry_ns, began_ns;
	unsigned tries;
	/* the file: tftp_file.c */
	char name[ASK_PATH_MAX]; /* as asked for */
	char path[ASK_PATH_MAX]; /* of this device; "" = memory */
	struct sbuf octets;	 /* to be sent, as on the wire; or received, not stored yet */
	size_t octets_at;	 /* sending: those before it have been acknowledged */
	uint64_t size, at;	 /* sending: of the file, read so far; receiving: stored so far */
	bool whole;		 /* sending: all of it has been read */
	struct tftp_text text;
	/* what became of it */
	uint64_t bytes; /* of data on the wire */
	uint32_t n_repeats;
	bool failed;
	char why[ANSWER_WHY_MAX];
	/* client */
	uint32_t call, asker; /* who is told: a command; who asked, 0 = the command did */
	uint32_t resolving;   /* the question for the host's address */
	char host[ASK_NAME_MAX];
	uint16_t port;
	bool plain;	  /* asks without options: the server did not want any */
	unsigned n_signs; /* printed: ! and . */
};

/* What the sessions of one machine share. First member of both machines. */
struct tftp_host {
	const struct device *dev;
	const struct tftp_conf *conf;
	const char *role; /* "server", "client" */
	struct timer_heap timers;
	struct tftp_session *sessions;
	unsigned n_sessions;
	uint32_t next_sock, next_ask, n_begun;
	uint64_t n_done, n_failed, n_bytes;
	/* The first octets are there, or the file that is to be written has been looked at. */
	void (*opened)(struct tftp_host *h, struct tftp_session *s, const struct answer *a,
		       nsec_t now, struct fx *fx);
	/* OACK and ERROR before the first block; false: the session treats it as any other. */
	bool (*special)(struct tftp_host *h, struct tftp_session *s, const struct tftp_msg *m,
			nsec_t now, struct fx *fx);
	void (*progress)(struct tftp_host *h, struct tftp_session *s, char sign, struct fx *fx);
	void (*ended)(struct tftp_host *h, struct tftp_session *s, nsec_t now, struct fx *fx);
};

/* tftp_session.c */
struct tftp_session *tftp_session_new(struct tftp_host *h, const char *name, nsec_t now);
void tftp_sessions_free(struct tftp_host *h);
/* Events of sessions: datagrams of their sockets, timers, answers, failures. False: not one's. */
bool tftp_session_event(struct tftp_host *h, const struct ev *ev, struct fx *fx);
/* A port of its own, at this address of ours. */
void tftp_session_bind(struct tftp_host *h, struct tftp_session *s, const struct addr *local,
		       struct fx *fx);
/* Room for the session's next packet: finish with tftp_session_send(). */
void tftp_session_packet(struct tftp_session *s, struct wr *w);
void tftp_session_send(struct tftp_host *h, struct tftp_session *s, struct wr *w, nsec_t now,
		       struct fx *fx);
void tftp_session_repeat(struct tftp_session *s, struct fx *fx);
void tftp_session_ack(struct tftp_host *h, struct tftp_session *s, nsec_t now, struct fx *fx);
/* The next block, whose octets are there. */
void tftp_session_data(struct tftp_host *h, struct tftp_session *s, nsec_t now, struct fx *fx);
void tftp_session_error(struct tftp_session *s, uint16_t code, const char *text, struct fx *fx);
/* The session is over; the decision was taken. |why| "" = well. */
void tftp_session_end(struct tftp_host *h, struct tftp_session *s, const char *why, nsec_t now,
		      struct fx *fx);
void tftp_session_free(struct tftp_host *h, struct tftp_session *s, struct fx *fx);
/* Takes what was agreed into the session. */
void tftp_session_agree(struct tftp_host *h, struct tftp_session *s,
			const struct tftp_terms *terms);

/* tftp_file.c */
void tftp_file_read(struct tftp_host *h, struct tftp_session *s, struct fx *fx);
void tftp_file_stat(struct tftp_host *h, struct tftp_session *s, struct fx *fx);
/* Takes in what a read brought. */
void tftp_file_take(struct tftp_session *s, const struct answer *a);
bool tftp_file_is_short(const struct tftp_session *s); /* of the next block */
void tftp_file_store(struct tftp_host *h, struct tftp_session *s, struct fx *fx);
void tftp_file_finish(struct tftp_host *h, struct tftp_session *s, struct fx *fx); /* its name */
void tftp_file_discard(struct tftp_host *h, struct tftp_session *s, struct fx *fx);
uint16_t tftp_file_code(int err); /* TFTP's error code for a negative errno */

/* tftp_conf.c */
void tftp_fact(const struct tftp_host *h, const struct tftp_session *s, const char *result,
	       nsec_t now, struct fx *fx);
void tftp_show(const struct tftp_host *h, uint32_t call, struct fx *fx);

/* tftp_client.c, tftp_server.c */
void tftp_run(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void tftp_run_show_server(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void tftp_run_show_client(void *machine, const struct call *call, nsec_t now, struct fx *fx);

extern const struct machine_class tftp_server_class, tftp_client_class;
extern const struct fact_kind tftp_transfer_fact;
extern const struct codec tftp_codec;
extern const struct proto tftp_proto;

#endif
