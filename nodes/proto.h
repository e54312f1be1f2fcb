/* proto.h: the whole contract between a protocol and the shell.
 *
 * A protocol folder ends in one `const struct proto NAME_proto`; protos.def lists it in one line.
 * Its machines are the sans-I/O cores of its services: one event in, lab time and seed as values,
 * effects out. A machine never calls back, reads a clock, opens a socket or draws a number that its
 * seed did not give. Same events, times and seed: same effects.
 *
 *   event -> machine -> effects -> shell -> the world
 *
 * Hooks say MUST or MAY. What a hook is given lives until it returns, unless said otherwise. */
#ifndef LABD_NODES_PROTO_H
#define LABD_NODES_PROTO_H

#include "base/ask.h"
#include "base/cmd.h"
#include "base/fact.h"
#include "base/fx.h"
#include "base/rule.h"
#include "base/types.h"

#define IFACE_ADDRS_MAX	  16
#define DEVICE_IFACES_MAX 1024

struct iface_addr {
	struct addr addr;
	uint8_t plen;
};

/* One interface of the device, as it is now. */
struct iface {
	uint32_t id;	/* lab-wide interface id, never 0 */
	char name[32];	/* as people write it: GigabitEthernet0/0 */
	char kname[16]; /* the kernel's name: gi0-0 */
	struct mac mac;
	uint32_t mtu;
	bool up; /* administratively up and carrier */
	struct iface_addr addrs[IFACE_ADDRS_MAX];
	unsigned n_addrs;
};

/* The device as its machines see it: a snapshot kept by the shell, read-only below it. */
struct device {
	char name[64];	   /* in the lab file */
	char hostname[64]; /* configured, else the name */
	enum device_kind kind;
	struct iface *ifaces;
	unsigned n_ifaces;
	struct fx_resolver resolvers[8]; /* in order of preference: static first */
	unsigned n_resolvers;
	int64_t epoch_ns;	   /* Unix time of lab time 0, ns */
	struct device_clock clock; /* lab time + epoch + its offset = what the device shows */
};

const struct iface *device_iface(const struct device *dev, uint32_t ifid);
const struct iface *device_iface_by_name(const struct device *dev,
					 const char *name); /* any spelling */
/* The interface whose prefix holds the address, or NULL. */
const struct iface *device_iface_for(const struct device *dev, const struct addr *a);
bool device_has_addr(const struct device *dev, const struct addr *a);
/* What the device's own clock shows at lab time `now`: Unix time, ns. */
int64_t device_clock_ns(const struct device *dev, nsec_t now);
/* How far a clock is ahead of lab time. */
int64_t device_clock_offset(const struct device_clock *c, nsec_t now);
/* As IOS marks a time: "*" nobody has set the clock, "." its source is lost, "". */
const char *device_clock_mark(const struct device *dev);
/* First IPv4 address of an interface; unset when it has none. */
struct iface_addr iface_addr4(const struct iface *i);

enum ev_kind {
	EV_START,    /* the device is up; configuration and restored facts are in place */
	EV_CONF,     /* the configuration object changed */
	EV_DATAGRAM, /* UDP, ARP, ICMP */
	EV_OPENED,   /* a connect succeeded, or a listener accepted; again when a stream is TLS */
	EV_BYTES,    /* stream bytes; all are handed over once, in order */
	EV_DRAINED,  /* a stream owes its peer less than its low mark again */
	EV_CLOSED,   /* a stream ended: err 0 = the peer closed its side */
	EV_TIMER,    /* deadline() has passed */
	EV_LINK,     /* an interface went up or down */
	EV_ADDR,     /* addresses, routes or resolvers of the device changed */
	EV_ASK,	     /* another machine asks; answer with fx_answer(ask_id), now or later */
	EV_ANSWER,   /* the answer to fx_ask() */
	EV_INPUT,    /* what was typed to a command that asked for it by fx_input() */
	EV_LINE,     /* a line ran in a session that fx_terminal() opened */
	EV_DONE,     /* an effect failed */
	EV_LOG,	     /* something for the log happened on this device: to those that hear it */
	EV_RESTORE,  /* one durable fact of an earlier life; comes before EV_START */
	EV_STOP,     /* orderly end or reload: last effects are still carried out */
};

/* What a handshake came to. */
struct ev_tls {
	const char *version, *cipher; /* as TLSv1.3, TLS_AES_256_GCM_SHA384 */
	const char *name; /* of a server: the name that its client asked for (SNI), "" = none;
			   * of a client: the subject of the server's certificate */
};

struct ev {
	enum ev_kind kind;
	nsec_t now; /* lab time; the only clock there is */
	const struct device *dev;
	uint32_t cause; /* names the packet that caused this event, for fx_because(); 0 = none */
	union {
		struct {
			uint32_t sock;
			struct ep src, dst;
			uint32_t ifid;		     /* where it came in */
			struct mac src_mac, dst_mac; /* SOCK_UDP_RAW and SOCK_ARP only */
			uint8_t ttl;		     /* SOCK_UDP_RAW and SOCK_ICMP only */
			const uint8_t *data;
			size_t len;
		} dgram;
		struct {
			uint32_t sock;
			uint32_t listener; /* 0 = own connect */
			struct ep local, peer;
			uint32_t ifid;
			const struct ev_tls
				*tls; /* not NULL: the handshake of fx_starttls() is done */
		} opened;
		struct {
			uint32_t sock;
			const uint8_t *data;
			size_t len;
			uint64_t offset; /* octets of this stream before `data` */
		} bytes;
		struct {
			uint32_t sock;
			int err;  /* 0 = the peer closed; else positive errno: ECONNREFUSED, ... */
			bool cut; /* err 0 of TLS: without a word of goodbye, so perhaps too early
				   */
			/* A handshake that failed, in words: EKEYREJECTED = the certificate is not
			 * to be trusted, EPROTO = everything else. Else NULL. */
			const char *why;
		} closed; /* also EV_DRAINED: sock */
		struct {
			uint32_t ifid;
			bool up;
		} link;
		struct {
			uint32_t ask_id;
			const struct ask *ask;
		} ask;
		struct {
			uint32_t ask_id;
			const struct answer *answer;
		} answer;
		struct {
			uint32_t call;
			const char *text; /* a line without its end, or the keys; NUL-terminated */
			size_t len;
			enum input_how how; /* not INPUT_TYPED: the text is "" */
		} input;
		struct {
			uint32_t sock;
			const char *text; /* as typed, without what must not be told */
			bool masked;	  /* something was left out */
			bool understood;
			int status; /* as of fx_cmd_done() */
		} line;
		struct {
			uint32_t effect;
			enum fx_kind what;
			uint32_t sock;	  /* when the effect names one */
			int err;	  /* positive errno */
			const char *text; /* the kernel's own words, or strerror */
		} done;
		struct {
			const struct fact_kind *kind;
			const char *key;
			const struct val *columns;
			nsec_t since;
		} restore;
		const struct log_event *log;
	};
};

struct machine_env {
	const struct device *dev; /* outlives the machine */
	const void *conf;	  /* the protocol's configuration object; outlives the machine */
	uint64_t seed;		  /* of this machine in this device */
	nsec_t now;
};

/* A role that a device plays: DHCP client, DNS server. One machine per class and device. */
struct machine_class {
	const char *name; /* MUST: "dhcp4.client" */
	unsigned kinds;	  /* MUST: device kinds that have it (KIND_BIT) */
	unsigned answers; /* MAY: BIT(ask_kind) that it answers */
	const char
		*transfers; /* MUST with ASK_TRANSFER: the URL scheme whose servers it speaks to */
	const char *logins; /* MAY with ASK_LOGIN: the group of servers that it asks; NULL = it
			     * answers for the device itself */
	void *(*create)(const struct machine_env *env);			  /* MUST */
	void (*destroy)(void *machine);					  /* MUST; accepts NULL */
	void (*event)(void *machine, const struct ev *ev, struct fx *fx); /* MUST */
	nsec_t (*deadline)(const void *machine); /* MAY; O(1); NEVER = none */
	/* MAY: will it, as it is configured, ask somebody for something as soon as it begins?
	 * Clients that do begin one after the other, so that they come in the same order in every
	 * run. */
	bool (*asks_first)(const void *machine);
	bool hears_log; /* MAY: EV_LOG of all that machines and the shell say by fx_log() */
};

struct proto {
	const char *name;  /* MUST: the folder's name */
	const char *title; /* MUST: for people: "DHCPv4 and BOOTP" */
	const struct rule *rules;
	size_t n_rules;
	const struct machine_class *const *machines; /* MAY; NULL-ended */
	const struct cmd *cmds;		      /* MAY; ended by mode NULL; lines and commands */
	const struct fact_kind *const *facts; /* MAY; NULL-ended */
	void *(*conf_new)(const struct device *dev); /* MUST when cmds has configuration lines */
	void (*conf_free)(void *conf);		     /* MUST with conf_new; accepts NULL */
	/* MAY: a cross-line check after all lines are in; 0 or -EINVAL with the reason. */
	int (*conf_check)(const void *conf, struct sbuf *reterr);
};

/* protos.c: the list made from protos.def; ended by NULL. */
extern const struct proto *const protos[];
const struct proto *proto_find(const char *name);
/* A rule's place in --describe, or -1. */
int rule_number(const char *id);
const struct rule *rule_by_number(unsigned number);
int fact_number(const struct fact_kind *kind);
const struct fact_kind *fact_by_number(unsigned number);

#endif
