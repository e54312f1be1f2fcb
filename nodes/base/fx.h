/* fx.h: effects, what a machine wants done.
 *
 * A machine appends effects while it handles one event and returns; then the shell carries them
 * out in order. Everything handed over is copied into the list's arena, which lives until the turn
 * ends. Nothing here fails: past the limits the list is marked full and the shell reports it.
 *
 * A socket is named by a number that the machine chooses (unique within that machine; accepted
 * connections get theirs from the shell, from SOCK_ACCEPTED up). Whatever can fail comes back as
 * EV_DONE with the effect's id, errno and the kernel's text (only on failure). */
#ifndef LABD_BASE_FX_H
#define LABD_BASE_FX_H

#include "base/types.h"
#include "base/val.h"
#include "base/ask.h"
#include "base/log_event.h"

#define FX_MAX		     4096	/* effects in one turn */
#define FX_ARENA_MAX	     (4u << 20) /* octets in one turn */
#define FX_STREAM_UNSENT_MAX (1u << 20) /* octets a stream may owe its peer */
#define SOCK_ACCEPTED	     0x40000000u

enum fx_kind {
	FX_DECIDE,
	FX_FACT_BEGIN,
	FX_FACT_END,
	FX_BIND,
	FX_SEND,
	FX_LISTEN,
	FX_CONNECT,
	FX_WRITE,
	FX_SEND_FILE,
	FX_STARTTLS,
	FX_PAUSE,
	FX_CLOSE,
	FX_ADDR,
	FX_ROUTE,
	FX_RESOLVER,
	FX_LINK,
	FX_ACL,
	FX_CLOCK,
	FX_ASK,
	FX_ANSWER,
	FX_LOG,
	FX_CONSOLE,
	FX_PRINT,
	FX_INPUT,
	FX_LEVEL,
	FX_TERMINAL,
	FX_CMD_DONE,
};

/* What the person at the terminal is asked for. */
enum input_mode {
	INPUT_LINE,   /* a line, edited as commands are; it is no command */
	INPUT_SECRET, /* a line that is not shown */
	INPUT_KEYS,   /* each key as it is typed, until the command ends or asks otherwise */
};

enum sock_kind {
	SOCK_UDP,     /* the kernel's UDP */
	SOCK_UDP_RAW, /* whole UDP/IPv4 frames on one interface, addresses of no concern to the
		       * kernel: for a host that has no address yet. The port is also held in the
		       * kernel, so that no ICMP unreachable is sent. Checksums are verified by the
		       * shell. */
	SOCK_ARP,     /* ARP packets of one interface (or all, ifid 0): data = 28 octets */
	SOCK_ICMP,    /* ICMPv4 messages, IP header stripped */
};

/* A session of the device's command language, for a person who is at the other end of a protocol.
 * It is a stream of the machine: what is written to it has been typed, what comes from it is for
 * the screen (lines end with CR LF), and it is closed when the session ends. */
struct fx_terminal {
	uint32_t sock; /* of a terminal that is open: its window has changed */
	bool raw;      /* no terminal: whole lines come, nothing is echoed; prompts are sent */
	unsigned columns,
		rows;  /* of the window; longer output waits for a key. 0 rows: it does not */
	int level;     /* privilege, 0-15 */
	char from[48]; /* who and from where, for the log */
};

/* Who hears messages that nobody asked for. */
enum console_kind {
	CONSOLE_LOCAL,	 /* people at the console */
	CONSOLE_MONITOR, /* people who came over the network and said `terminal monitor` */
};

/* What came of asking. */
enum input_how {
	INPUT_TYPED,
	INPUT_NOBODY,	 /* the command runs without a terminal: nobody can be asked */
	INPUT_CANCELLED, /* Ctrl-C, or the terminal is gone */
};

struct fx_bind {
	uint32_t sock;
	enum sock_kind kind;
	struct ep local;   /* address unset = any */
	uint32_t ifid;	   /* 0 = all interfaces */
	bool broadcast;	   /* may send to and receive broadcasts */
	struct addr group; /* multicast group to join on ifid; unset = none */
};

struct fx_send {
	uint32_t sock;
	struct ep src; /* unset = the kernel's choice */
	struct ep dst;
	uint32_t ifid;	    /* 0 = by the routing table; must be set for SOCK_ARP, SOCK_UDP_RAW and
			     * broadcasts */
	struct mac dst_mac; /* used when has_mac: builds the frame by hand (also for SOCK_UDP: a
			     * client that has no address yet cannot answer ARP) */
	bool has_mac;
	uint8_t ttl; /* 0 = default 64 */
	const void *data;
	size_t len;
};

/* From here on the stream is TLS. Nothing may be written until EV_OPENED comes with `tls`;
 * EV_CLOSED comes instead when the handshake fails, with the reason in words. Offsets that the
 * machine sees go on counting what it reads and writes; the shell ties decisions by those of the
 * ciphertext. */
struct fx_tls {
	/* A server's: whom it is. A client's: NULL. */
	const struct tls_identity *identity;
	/* A client's: the host name or address that the certificate must be for; "" = not looked
	 * at. A name is sent as SNI (RFC 6066 §3). */
	char name[ASK_NAME_MAX];
};

enum close_how { CLOSE_FLUSH /* after what is owed was sent */, CLOSE_RESET };

struct fx_addr {
	bool add;
	uint32_t ifid;
	struct addr addr;
	uint8_t plen;
};

struct fx_route {
	bool add;
	struct addr net; /* 0.0.0.0/0 = default */
	uint8_t plen;
	struct addr via; /* unset = on link */
	uint32_t ifid;	 /* 0 = found by via */
	uint32_t metric;
};

#define RESOLVER_SERVERS_MAX 4

struct fx_resolver {
	char source[32]; /* who says so: "dhcp4:eth0", "static"; an empty list withdraws it */
	struct addr servers[RESOLVER_SERVERS_MAX];
	unsigned n_servers;
	char domain[ASK_NAME_MAX];
};

struct fx_effect {
	enum fx_kind kind;
	uint32_t id;	   /* never 0, other than in any earlier turn; names it in EV_DONE */
	uint32_t decision; /* the decision that explains it: the turn's n-th (1..), the last one
			    * before it; 0 = none. Of FX_DECIDE its own number. */
	struct fx_effect *next;
	union {
		struct {
			const char *rule;
			const struct val *values;
			uint64_t stream_offset; /* for a cause inside a stream event */
			bool no_cause;		/* not caused by this event's packet */
			uint32_t cause;		/* an earlier event's ev->cause; 0 = this event's */
		} decide;
		struct {
			const struct fact_kind *kind;
			const char *key;
			const struct val *columns; /* NULL for FX_FACT_END */
			const char *why;	   /* how it ended */
		} fact;
		struct fx_bind bind;
		struct fx_send send;
		struct {
			uint32_t sock;
			struct ep local;
			uint8_t tos;
		} listen;
		struct {
			uint32_t sock;
			struct ep local, peer;
			uint32_t ifid;
			uint8_t tos;
		} connect;
		struct {
			uint32_t sock;
			const void *data;
			size_t len;
		} write;
		struct {
			uint32_t sock;
			const char *path;
			uint64_t offset, len;
		} send_file;
		struct {
			uint32_t sock;
			const struct fx_tls *tls;
		} starttls;
		struct {
			uint32_t sock;
			bool on;
		} pause;
		struct {
			uint32_t sock;
			enum close_how how;
		} close;
		struct fx_addr addr;
		struct fx_route route;
		struct fx_resolver resolver;
		struct {
			uint32_t ifid;
			bool up;
		} link;
		struct {
			const struct acl_lists *lists; /* nodes/acl/acl.h; owned by the machine */
		} acl;
		struct device_clock clock;
		struct {
			uint32_t ask_id;
			const struct ask *ask;
		} ask;
		struct {
			uint32_t ask_id;
			const struct answer *answer;
			const void *data; /* what answer->file tells of; NULL = nothing */
			size_t len;
		} answer;
		struct log_event log;
		struct {
			unsigned to; /* BIT(enum console_kind) */
			const char *text;
			size_t len;
		} console;
		struct {
			uint32_t call;
			const char *text;
			size_t len;
		} print;
		struct {
			uint32_t call;
			enum input_mode mode;
			const char *prompt;
		} input;
		struct {
			uint32_t call;
			int level;
		} level;
		struct fx_terminal terminal;
		struct {
			uint32_t call;
			int status; /* 0 = it did what was asked; 1-255 otherwise */
		} cmd_done;
	};
};

struct fx;

struct fx *fx_new(void);
void fx_free(struct fx *fx);
void fx_reset(struct fx *fx); /* empties the list and its arena */
/* Nobody listens: from now on decisions are only numbered, and only durable facts are recorded. */
void fx_mute(struct fx *fx, bool mute);
const struct fx_effect *fx_first(const struct fx *fx);
bool fx_full(const struct fx *fx);
/* Arena memory, zeroed, until fx_reset(); never NULL (aborts at the limit). */
void *fx_alloc(struct fx *fx, size_t size);

/* Records that `rule` was taken with these values (ended by V_END). Effects that follow are
 * explained by it until the next decision. `rule` must be a literal; it is not copied. Returns the
 * decision's number within the turn. Use the macro: decide(fx, RULE_ID, V_...). */
uint32_t fx_decide(struct fx *fx, const char *rule, const struct val *values);
#define decide(fx, rule, ...) \
	fx_decide((fx), (rule), (const struct val[]){ __VA_ARGS__ __VA_OPT__(, ) V_END })
/* As decide(), of a message at this offset within the stream event being handled. */
uint32_t fx_decide_at(struct fx *fx, const char *rule, uint64_t offset, const struct val *values);
#define decide_at(fx, rule, off, ...) \
	fx_decide_at((fx), (rule), (off), (const struct val[]){ __VA_ARGS__ __VA_OPT__(, ) V_END })

/* The decisions that follow in this turn were caused by an earlier packet (ev->cause of its event):
 * for an answer that had to wait. 0 = by this event's own packet again. */
void fx_because(struct fx *fx, uint32_t cause);

struct fact_kind;
void fx_fact_begin(struct fx *fx, const struct fact_kind *kind, const char *key,
		   const struct val *columns);
#define fact_begin(fx, kind, key, ...) \
	fx_fact_begin((fx), (kind), (key), (const struct val[]){ __VA_ARGS__ __VA_OPT__(, ) V_END })
void fx_fact_end(struct fx *fx, const struct fact_kind *kind, const char *key, const char *why);

uint32_t fx_bind(struct fx *fx, const struct fx_bind *b);
uint32_t fx_send(struct fx *fx, const struct fx_send *s);
uint32_t fx_listen(struct fx *fx, uint32_t sock, const struct ep *local);
uint32_t fx_connect(struct fx *fx, uint32_t sock, const struct ep *peer);
/* The same with a type of service in what is sent; for a listener also by what it accepts. */
uint32_t fx_listen_tos(struct fx *fx, uint32_t sock, const struct ep *local, uint8_t tos);
/* |local|: address unset = by the routing table; port 0 = any. */
uint32_t fx_connect_from(struct fx *fx, uint32_t sock, const struct ep *local,
			 const struct ep *peer, uint8_t tos);
uint32_t fx_write(struct fx *fx, uint32_t sock, const void *data, size_t len);
uint32_t fx_send_file(struct fx *fx, uint32_t sock, const char *path, uint64_t offset,
		      uint64_t len);
uint32_t fx_starttls(struct fx *fx, uint32_t sock, const struct fx_tls *tls);
/* Nothing more is read from the stream until it goes on (not even its end): for who passes on what
 * he reads, and has to wait for who takes it. What was read already still comes. */
uint32_t fx_pause(struct fx *fx, uint32_t sock, bool on);
uint32_t fx_close(struct fx *fx, uint32_t sock, enum close_how how);
uint32_t fx_addr(struct fx *fx, const struct fx_addr *a);
uint32_t fx_route(struct fx *fx, const struct fx_route *r);
uint32_t fx_resolver(struct fx *fx, const struct fx_resolver *r);
uint32_t fx_link(struct fx *fx, uint32_t ifid, bool up);
struct acl_lists;
uint32_t fx_acl(struct fx *fx, const struct acl_lists *lists);
/* From now on the device's clock goes like this. */
void fx_clock(struct fx *fx, const struct device_clock *clock);
uint32_t fx_ask(struct fx *fx, uint32_t ask_id, const struct ask *ask);
/* For what machines answer. */
void fx_answer(struct fx *fx, uint32_t ask_id, const struct answer *answer);
/* Something for the log of the device, whoever keeps it: log_event.h. `facility` and `mnemonic`
 * must be literals. */
void fx_log(struct fx *fx, enum severity severity, const char *facility, const char *mnemonic,
	    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* A message to the people at the device's terminals, whatever they are doing; `to`: BIT()s of
 * enum console_kind. */
void fx_console(struct fx *fx, unsigned to, const char *text, size_t len);
/* As fx_answer(), with octets for answer->file. */
void fx_answer_octets(struct fx *fx, uint32_t ask_id, const struct answer *answer, const void *data,
		      size_t len);
/* Output of the command being run (call = ev->command.call's id). */
void fx_print(struct fx *fx, uint32_t call, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void fx_print_text(struct fx *fx, uint32_t call, const char *text, size_t len);
/* Asks the person who runs the command: EV_INPUT follows, at once when there is nobody
 * to ask. Not of a command of the shell itself. */
void fx_input(struct fx *fx, uint32_t call, enum input_mode mode, const char *prompt);
/* The privilege of the session in which the command runs. */
void fx_level(struct fx *fx, uint32_t call, int level);
uint32_t fx_terminal(struct fx *fx, const struct fx_terminal *t);
/* Every command ends with exactly one of these, in its own turn or a later one. */
void fx_cmd_done(struct fx *fx, uint32_t call, int status);

#endif
