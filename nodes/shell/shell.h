/* shell.h: the inside of a node: the only place with sockets and clocks.
 *
 *   sockets, timers, kernel events, commands -> struct ev -> machine -> struct fx -> sockets, ...
 *
 * One process, one thread, one `struct node`. Files, each with one job:
 *   shell.c         the loop, delivery of events, carrying out of effects
 *   shell_sock.c    the table of sockets; binding, closing
 *   shell_dgram.c   datagrams in: UDP, raw UDP frames, ARP, ICMP
 *   shell_send.c    datagrams out, batched
 *   shell_stream.c  TCP; shell_tls.c TLS on top of it; shell_tls_lib.h opens what OpenSSL does
 *   shell_kernel.c  addresses, routes, links, resolvers: effects down, kernel events up
 *   shell_stale.c   what an earlier process left in the kernel, after a restart
 *   shell_table.c   ASK_KERNEL: tables of the kernel, ASK_FILE lives in shell_file.c
 *   shell_journal.c decisions, facts and configuration lines for the log
 *   shell_log.c     what people find in the device's own log
 *   shell_channel.c the way to the log
 *   shell_facts.c   durable facts on disk
 *   shell_conf.c    the running configuration and what keeps it
 *   shell_cli.c     one line in, text and a status out; the shell's own commands
 *   shell_console*.c people at a terminal
 *   shell_terminal.c  people who come over a machine's connection
 *   shell_ctl.c     the supervisor's messages
 *   zygote.c, sandbox.c   how a node is born and what it gives up */
#ifndef LABD_NODES_SHELL_H
#define LABD_NODES_SHELL_H

#include <event2/event.h>
#undef EV_CLOSED /* an event flag of libevent that nothing here uses; ours is proto.h's */
#include <uthash.h>

#include "base/clock.h"
#include "base/cur.h"
#include "base/journal.h"
#include "base/node_msg.h"
#include "base/rng.h"
#include "base/sbuf.h"
#include "conf_set.h"
#include "proto.h"

#define EXIT_RELOAD	  75 /* tells the supervisor to start the node anew */
#define NODE_MACHINES_MAX 32
#define NODE_SOCKS_MAX	  8192	     /* sockets of all machines of one device */
#define NODE_PENDING_MAX  16384	     /* events waiting for their turn */
#define NODE_ASKS_MAX	  1024	     /* asks without an answer yet */
#define NODE_CAUSES	  1024	     /* packets that a later decision may name as its cause */
#define NODE_CALLS_MAX	  64	     /* commands running */
#define NODE_SESSIONS_MAX 32	     /* consoles */
#define OUTPUT_MAX	  (1u << 20) /* octets of output one command may make */

struct node;
struct sock;
struct tls;
struct outbox;
struct nl_h;

struct machine {
	const struct machine_class *cls;
	const struct proto *proto;
	void *state;
	struct node *node;
	nsec_t deadline; /* as of its last event */
	unsigned index;
};

/* What a turn knows about the packet that caused it. */
struct cause {
	struct pkt_key key;
	uint64_t
		shift; /* of a stream with TLS: octets of the wire before it beyond the machine's */
};

/* An event that waits for its turn; owns copies of what it points to. */
struct pending {
	struct pending *next;
	struct machine *machine;
	struct ev ev;
	struct cause cause;
	void *owned; /* freed after delivery */
};

/* Where a command's output goes. Both hooks are called from the loop, never from within a machine.
 */
struct session {
	void (*output)(struct session *s, const char *text, size_t len);
	void (*done)(struct session *s, int status);
	/* The command asks for input: session_typed() is to follow. NULL = there is nobody. */
	void (*input)(struct session *s, enum input_mode mode, const char *prompt);
	unsigned columns, rows; /* of the terminal; 0 = unknown */
	unsigned page;		/* lines of output until a key is waited for; 0 = none is */
	int level;		/* privilege, 0-15 */
	bool configuring;	/* in configuration mode, at `place` */
	struct conf_ctx place;
	bool busy; /* a command is running */
	bool wants_exit;
	bool monitor;	       /* `terminal monitor` */
	const char *from;      /* where its person sits: "console" */
	unsigned prompt_width; /* columns before the line, for the caret below an error */
	void *arg;
};

struct call_slot {
	uint32_t id; /* 0 = free */
	struct session *session;
	struct machine *machine; /* that runs it; NULL = the shell */
	bool asking;		 /* it waits for input */
};

struct ask_slot {
	uint32_t token; /* 0 = free */
	struct machine *asker;
	uint32_t ask_id;
	struct cause cause; /* of the event that made the machine ask */
};

/* A kernel interface and its number in the lab. */
struct if_index {
	uint32_t ifid;
	int ifindex;
};

struct node {
	struct device dev;
	struct event_base *base;
	const struct clock_page *clock;
	uint64_t seed, ca_seed;
	bool loaded, started, stopping, reload;
	bool quiet; /* no journal: for measurements without the log */
	int exit_status;
	uint64_t n_turns;
	enum { SYNC_NONE, SYNC_DRAIN, SYNC_TELL } sync; /* NM_SYNC: what it waits for */
	unsigned sync_passes;
	uint64_t sync_mark; /* SYNC_TELL: of the channel */
	uint32_t sync_id;

	int ctl_fd, journal_fd, state_fd;
	int net_fd;   /* what the kernel tells of the network in /proc */
	int files_fd; /* shell_file.c; -1 before the first use */
	int frame_fd; /* AF_PACKET: frames built by hand go out here; -1 before the first */
	int probe_fd; /* UDP: asks the kernel for the source address towards a destination */
	struct event *ctl_ev, *timer_ev;
	nsec_t armed_ns;       /* what timer_ev waits for */
	uint32_t armed_course; /* of the clock, when it was set */

	struct machine machines[NODE_MACHINES_MAX];
	unsigned n_machines;
	struct conf_set *conf;
	bool conf_changed; /* not in the state directory yet */

	struct outbox *outbox; /* shell_send.c; made when a batch is first answered */
	bool gathering;	       /* datagrams wait in it for the end of the batch */

	struct fx *fx;
	bool in_turn;
	nsec_t turn_now; /* when the turn began: all that it does happens then */
	const struct cause *turn_cause;
	uint32_t n_causes;
	struct pending *pending_head, **pending_tail;
	unsigned n_pending;

	struct sock *socks; /* uthash by (machine, number) */
	uint32_t next_accepted;
	unsigned n_socks;
	bool socks_paused;
	uint32_t next_token;
	uint32_t next_call;

	struct nl_h *nl; /* requests */
	struct nl_watch *watch;
	struct event *watch_ev;
	struct addr source_dst, source_src; /* last answer of the source probe */

	struct known_files *known_files; /* shell_file.c */

	struct sbuf refused;	 /* sysctls that the kernel refused, before there is a journal */
	struct journal *journal; /* shell_journal.c */
	struct channel *channel;
	struct facts *facts;
	uint32_t n_decisions; /* of this node so far */
	uint32_t turn_base;   /* number before the turn's first decision */
	struct shell_acl *acl;
	struct stale *stale; /* shell_stale.c: while a node that is started anew begins */
	bool reborn;	     /* it is started anew */
	bool ports_seeded;
	struct rng ports;

	struct if_index *ifmap; /* of dev.n_ifaces */
	/* In one block of pages, most of which stay empty. */
	struct call_slot *calls; /* NODE_CALLS_MAX */
	struct pkt_key *causes; /* NODE_CAUSES, of the last events; event n is at n % NODE_CAUSES */
	struct ask_slot *asks;	/* NODE_ASKS_MAX */
};

/* shell.c */
nsec_t node_now(const struct node *n);
int64_t wall_now_ns(void);
/* Runs the machine's event now if no turn is under way, else after it. `owned` is freed. */
void deliver(struct machine *m, const struct ev *ev, const struct cause *cause);
void deliver_later(struct machine *m, const struct ev *ev, const struct cause *cause, void *owned);
void deliver_all(struct node *n, const struct ev *ev); /* to every machine */
void deliver_all_later(struct node *n, const struct ev *ev);
/* Runs a command row: as a turn of its machine, or of the shell itself (m NULL). */
void command_turn(struct node *n, struct machine *m, const struct cmd *cmd,
		  const struct call *call);
void fail_effect(struct machine *m, const struct fx_effect *e, uint32_t sock, int err,
		 const char *text);
struct machine *machine_find(struct node *n, const char *class_name);
int node_run(struct node *n); /* the loop, until stopped; the exit status */
int node_create_machines(struct node *n);
const struct if_index *ifmap_by_id(const struct node *n, uint32_t ifid);
const struct if_index *ifmap_by_index(const struct node *n, int ifindex);
struct iface *node_iface(struct node *n, uint32_t ifid);
uint64_t seed_for(uint64_t seed, const char *what);

/* shell_sock.c: one socket or stream of one machine */
#define SOCK_LINGERING UINT32_MAX /* in place of a machine's number: closed on our side */

struct sock_id {
	uint32_t machine, number;
};

struct sock {
	struct sock_id id;
	UT_hash_handle hh;
	struct machine *machine;
	int fd;
	enum { SOCK_IS_DGRAM, SOCK_IS_LISTENER, SOCK_IS_STREAM } what;
	enum sock_kind kind; /* SOCK_IS_DGRAM */
	struct event *ev, *write_ev;
	struct ep local, peer;
	uint32_t ifid;
	int guard_fd; /* SOCK_UDP_RAW: holds the port in the kernel; else -1 */
	/* streams */
	bool connecting, write_blocked, closing, peer_closed, told_full, paused;
	uint64_t rx_offset, tx_offset; /* octets handed to the machine; accepted from it */
	struct evbuffer *unsent;
	struct tls *tls; /* shell_tls.c; NULL = plain */
};

struct sock *sock_new(struct machine *m, uint32_t number, int fd);
struct sock *sock_find(struct machine *m, uint32_t number);
void sock_free(struct sock *s); /* closes; no event */
void socks_free_all(struct node *n);
/* Takes nothing more from the peers, or goes on. */
void socks_pause(struct node *n, bool pause);
/* bind(2); the seed decides the port where none is asked for. 0 or negative errno. */
int sock_bind(struct node *n, int fd, const struct ep *local);

/* shell_dgram.c */
void dgram_bind(struct machine *m, const struct fx_effect *e);

/* shell_send.c */
void dgram_send(struct machine *m, const struct fx_effect *e);
/* From now on datagrams gather; no more: what has gathered leaves. */
void dgram_gather(struct node *n, bool gather);
void dgram_flush(struct node *n);

/* shell_stream.c */
void stream_listen(struct machine *m, const struct fx_effect *e);
void stream_connect(struct machine *m, const struct fx_effect *e);
void stream_write(struct machine *m, const struct fx_effect *e);
void stream_send_file(struct machine *m, const struct fx_effect *e);
void stream_pause(struct machine *m, const struct fx_effect *e);
void stream_close(struct machine *m, const struct fx_effect *e);

/* shell_kernel.c */
struct ns_sysctl_fresh;
/* Sysctls, before the root is left. |fresh|: the namespace is new; NULL: it was in use. */
int kernel_baseline(struct node *n, const struct ns_sysctl_fresh *fresh);
int kernel_init(struct node *n); /* finds the interfaces, brings them up, watches */
int kernel_read_addrs(struct node *n);
struct nl_ip;
struct nl_ip nl_from_addr(const struct addr *a);
struct addr addr_from_nl(const struct nl_ip *ip);
void kernel_addr(struct machine *m, const struct fx_effect *e);
void kernel_route(struct machine *m, const struct fx_effect *e);
void kernel_resolver(struct machine *m, const struct fx_effect *e);
void kernel_link(struct machine *m, const struct fx_effect *e);
void kernel_acl(struct machine *m, const struct fx_effect *e);
void kernel_write_resolv_conf(struct node *n);

/* shell_stale.c: found before the configuration is read, swept when the services have started. */
struct nl_ifaddr;
struct nl_route;
void stale_find(struct node *n);
void stale_keep_addr(struct node *n, const struct nl_ifaddr *addr);
void stale_keep_route(struct node *n, const struct nl_route *route);
void stale_keep_link(struct node *n, uint32_t ifid, bool up);
void stale_keep_named(struct node *n, const struct val *columns);
void stale_sweep(struct node *n);

/* shell_kernel.c, too. */
/* The source address the kernel would use; unset when there is no route. */
struct addr kernel_source_for(struct node *n, const struct addr *dst);

/* shell_table.c, shell_file.c: asks that the shell answers itself. The answer is queued. */
void table_answer(struct machine *m, uint32_t ask_id, const struct ask_kernel *ask);
void file_answer(struct machine *m, uint32_t ask_id, const struct ask_file *ask);
void queue_answer(struct machine *m, uint32_t ask_id, const struct answer *a,
		  const struct cause *cause, const void *data, size_t len);
/* The key of the packet with this number, or NULL when it is too long ago. */
const struct pkt_key *cause_key(const struct node *n, uint32_t number);
/* Opens below the device's file root: own files first, then the lab's. Negative errno. */
int file_open(struct node *n, const char *path, int flags);

/* shell_journal.c */
void journal_init(struct node *n);
void journal_effect(struct machine *m, const struct fx_effect *e, const struct cause *cause);
/* Is the packet that effect e sends to be told? */
bool journal_wants_sent(const struct node *n, const struct fx_effect *e);
/* The packet that effect e sent. */
void journal_sent(struct node *n, const struct fx_effect *e, const struct pkt_key *key);
void journal_config(struct node *n, const char *section, const char *line);
void journal_refused(struct node *n, const char *object, const char *why);
void journal_ready(struct node *n);
/* A decision of the shell itself. */
void journal_decide(struct node *n, const char *rule, const struct pkt_key *key,
		    const struct val *values);
void journal_flush(struct node *n); /* once per turn of the loop */
nsec_t journal_deadline(const struct node *n);
void journal_turn_begins(struct node *n);

/* shell_log.c: to the machines that hear the device's log. */
void log_effect(struct node *n, const struct fx_effect *e, const struct cause *cause);
void shell_log(struct node *n, enum severity severity, const char *facility, const char *mnemonic,
	       const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* An interface changed; |admin|: it is to be up. */
void shell_log_link(struct node *n, const struct iface *f, bool admin);

/* shell_channel.c */
void channel_init(struct node *n);
void channel_done(struct node *n);
void channel_put(struct node *n, const struct journal_record *rec);
void channel_flush(struct node *n); /* what the log takes now; the rest follows by itself */
void channel_drain(struct node *n); /* all of it, waiting for the log */
bool channel_is_behind(const struct node *n);
/* A place behind everything put so far; has the log been given all before it? */
uint64_t channel_mark(const struct node *n);
bool channel_has_passed(const struct node *n, uint64_t mark);

/* shell_facts.c */
void facts_init(struct node *n);
void facts_done(struct node *n);
void facts_keep(struct node *n, const struct journal_record *rec);
void facts_flush(struct node *n);  /* to be done before a peer is told */
int facts_restore(struct node *n); /* EV_RESTORE of what the state directory holds */

/* shell_conf.c */
int conf_init(struct node *n);
/* The whole text at start, or the running-config that was saved, where one is and is preferred; 0,
 * or -EINVAL with reterr. */
int conf_load(struct node *n, const char *text, bool prefer_saved, struct sbuf *reterr);
/* ASK_CONF; not within a machine's turn alone: machines hear of changes after it. */
void conf_answer(struct machine *m, uint32_t ask_id, const struct ask_conf *ask);
/* One line of a session in a configuration mode. */
int conf_line(struct node *n, struct session *s, const char *line, struct sbuf *reterr,
	      struct sbuf *retwarn);
void conf_show(struct node *n, struct sbuf *out);
int conf_save_startup(struct node *n);
/* A file of the state directory, replaced in one step. */
int state_write(struct node *n, const char *name, const char *text, size_t len);
/* The same file, written over: for one that is bound over another. */
int state_rewrite(struct node *n, const char *name, const char *text, size_t len);
char *conf_saved(struct node *n,
		 const char *name); /* text of a state file, or NULL; caller frees */
void conf_keep(struct node *n); /* writes the running-config to the state directory if it changed */

/* shell_cli.c */
void session_init(struct session *s);
/* Runs one line; done() is called exactly once, perhaps later. */
void session_line(struct node *n, struct session *s, const char *line);
void session_gone(struct node *n, struct session *s);
/* What was typed to the running command that asked for it; keys may follow one another. */
void session_typed(struct node *n, struct session *s, const char *text, size_t len,
		   enum input_how how);
const char *session_mode(const struct session *s);
void session_prompt(const struct node *n, const struct session *s, struct sbuf *out);
void cli_effect(struct machine *m, const struct fx_effect *e); /* FX_PRINT to FX_CMD_DONE */
extern const struct proto shell_proto;
const char *shell_conf_hostname(const void *conf);

/* What may be told of a line: words that are secrets as ***, and nothing behind a word that is not
 * understood. True: something was left out. */
bool session_mask(struct node *n, const struct session *s, const char *line, struct sbuf *out);

/* shell_terminal.c: sessions for people at the far end of a machine's connection */
void terminal_open(struct machine *m, const struct fx_effect *e);

/* shell_console.c */
void console_open(struct node *n, int fd, bool terminal, unsigned columns, unsigned rows);
/* A message to everybody at a terminal; what is being typed is shown again after it. */
void console_tell(unsigned to, const char *text, size_t len);

/* shell_console_tty.c */
extern int console_tty_fd;  /* an idle terminal for libedit to ask about; -1 = none */
void console_prepare(void); /* in the zygote: terminal and terminal description */

/* shell_ctl.c */
int ctl_init(struct node *n);
void ctl_answer_sync(struct node *n); /* when what it waits for has happened */
void ctl_send(struct node *n, enum node_msg_type type, uint32_t id, int32_t status, int64_t value,
	      const char *text, size_t len);

/* sandbox.c */
/* A root that holds three libraries and nothing else of the host's tree. 0 or negative errno. */
int sandbox_root(void);
/* In the zygote, in a mount namespace of its own from here on: what sandbox_root() will show. */
void sandbox_prepare_root(void);
/* Makes the filter of system calls, once for all nodes. */
int sandbox_prepare(void);
/* Keeps CAP_NET_ADMIN and CAP_NET_RAW of the own user namespace, then seccomp. */
int sandbox_drop(void);

/* zygote.c, describe.c: the faces of the program */
/* |fresh|: see ns_sysctl_survey(). |kinds|: whose languages are read before any device is born. */
int zygote_main(int supervisor_fd, bool sandbox, uint64_t fresh, unsigned kinds);
int describe_main(void);
int check_main(void);

/* shell_tls_load.c */
#define TLS_LIB_FILES 3
extern const char *const tls_lib_files[TLS_LIB_FILES];
int tls_lib_path(unsigned i, char *out, size_t size); /* on the host; 0 or negative errno */
int cert_main(uint64_t ca_seed, uint64_t seed, const char *name, int ca_fd);

/* zygote_memory.c */
void heap_for_birth(void);
void heap_fill_holes(void); /* in the zygote, at last */
void heap_for_work(void);   /* when a node has begun */
void note_text(void);	    /* in the zygote, once */
void fault_in(void);	    /* in a child, first of all */

#endif
