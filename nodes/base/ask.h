/* ask.h: what one machine may ask of another machine (or of the shell) of the same device.
 *
 * A machine emits fx_ask(); the shell routes it to the machine class that answers that kind and
 * brings the answer back as EV_ANSWER with the same id, in this turn or a later one. */
#ifndef LABD_BASE_ASK_H
#define LABD_BASE_ASK_H

#include "base/types.h"

enum ask_kind {
	ASK_RESOLVE, /* dns: name -> addresses; address -> name */
	ASK_LOGIN,   /* user and password -> privilege level */
	ASK_FILE, /* shell: the device's own files, below its file root, links never followed out */
	ASK_KERNEL,	 /* shell: a table of the device's kernel */
	ASK_CONF,	 /* shell: the texts of the device's configuration */
	ASK_LINE,	 /* login: a line (vty) for somebody who comes over the network */
	ASK_ACL,	 /* acl: may this address? */
	ASK_TRANSFER,	 /* the machine of a URL's scheme: a whole file from or to a server */
	ASK_CERTIFICATE, /* shell: makes the certificate that FX_STARTTLS will show */
	N_ASK_KINDS
};

#define ASK_NAME_MAX	 256
#define ASK_PATH_MAX	 1024
#define ANSWER_ADDRS_MAX 16
#define ANSWER_MX_MAX	 8
#define ANSWER_WHY_MAX	 128

struct ask_resolve {
	char name[ASK_NAME_MAX]; /* a host name, or an address in text for PTR */
	uint16_t type;		 /* DNS type: 1 A, 28 AAAA, 12 PTR, ... */
};

struct ask_login {
	char user[64];
	char password[128];
	char service[16]; /* "telnet", "http", ... */
	char group[16]; /* whose servers shall say: the class that has it in `logins`; "" = whoever
			 * answers for this device */
	int line;	/* vty line + 1 at which he sits; 0 = at none */
	struct addr peer;
};

enum file_op {
	FILE_STAT,
	FILE_READ,
	FILE_WRITE,  /* the whole content, in place of what was there */
	FILE_APPEND, /* after what is there */
	FILE_DELETE,
	FILE_RENAME, /* takes the place of what has that name */
	FILE_LIST,   /* a line each: "d" or "-", octets, mtime_ns, name */
	FILE_MKDIR,  /* its parent must be there */
	FILE_RMDIR   /* it must be empty */
};
#define FILE_READ_MAX (1u << 20) /* octets an answer may carry */

struct ask_file {
	enum file_op op;
	char path[ASK_PATH_MAX]; /* relative to the device's file root */
	const uint8_t *data;	 /* FILE_WRITE, FILE_APPEND; FILE_RENAME: the new path */
	size_t len;		 /* of data; FILE_READ: octets at most, 0 = as many as fit */
	uint64_t offset;	 /* FILE_READ */
};

enum kernel_table {
	KERNEL_NEIGHBOURS,
	KERNEL_ROUTES,
	KERNEL_MAC_TABLE,
	KERNEL_STP,
	KERNEL_COUNTERS,
	KERNEL_ACL,
	KERNEL_STATISTICS, /* what IP, ICMP, TCP and UDP have counted, each by its name in state and
			    * text ("Udp", "InDatagrams"), its value in n1 */
};

struct ask_kernel {
	enum kernel_table table;
};

enum conf_op {
	CONF_RUNNING, /* the text of the running-config */
	CONF_STARTUP, /* that of the startup-config; -ENOENT */
	CONF_MERGE,   /* reads a text into the running-config; -EINVAL and the text that says which
		       * lines were refused; the others are in force */
	CONF_SAVE     /* a text becomes the startup-config */
};

struct ask_conf {
	enum conf_op op;
	const uint8_t *data; /* CONF_MERGE, CONF_SAVE */
	size_t len;
};

enum line_op {
	LINE_OPEN,  /* a free line of this transport, for this peer */
	LINE_CHECK, /* is this the line's password? 0 or -EACCES */
	LINE_USER,  /* who sits there now */
	LINE_TOUCH, /* somebody typed */
	LINE_CLOSE  /* no answer */
};

struct ask_line {
	enum line_op op;
	int line;	    /* all but LINE_OPEN */
	char transport[16]; /* "telnet" */
	struct addr peer;
	char user[64], password[128];
};

struct ask_acl {
	char list[64];
	struct addr src;
};

#define TRANSFER_DATA_MAX (1u << 20) /* octets that are not in a file of the device */

/* A whole file, from a server or to it. */
struct ask_transfer {
	char scheme[8]; /* "tftp": the class says in `transfers` which it speaks */
	bool put;	/* to the server */
	char host[ASK_NAME_MAX];
	uint16_t port; /* 0 = the scheme's own */
	char user[64], password[64];
	char path[ASK_PATH_MAX]; /* on the server */
	char file[ASK_PATH_MAX]; /* of this device; "" = the octets themselves: `data`, or the
				    answer's */
	const uint8_t *data;	 /* put without a file */
	size_t len;
	uint32_t call; /* the command that is told how it goes on, by fx_print(); 0 = none */
};

#define TLS_NAMES_MAX 8
#define TLS_ADDRS_MAX 16

enum tls_cert_kind {
	TLS_CERT_LAB,	      /* signed by the lab's CA, as it should be */
	TLS_CERT_SELF_SIGNED, /* and three that nobody should trust */
	TLS_CERT_FOREIGN,     /* signed by another CA */
	TLS_CERT_EXPIRED,
};

/* Whom a certificate is for. The same identity gives the same certificate in every run. */
struct tls_identity {
	enum tls_cert_kind kind;
	char names[TLS_NAMES_MAX][ASK_NAME_MAX]; /* host names; the first is the subject */
	unsigned n_names;
	struct addr addrs[TLS_ADDRS_MAX];
	unsigned n_addrs;
};

struct ask {
	enum ask_kind kind;
	union {
		struct ask_resolve resolve;
		struct ask_login login;
		struct ask_file file;
		struct ask_kernel kernel;
		struct ask_conf conf;
		struct ask_transfer transfer;
		struct ask_line line;
		struct ask_acl acl;
		const struct tls_identity *certificate;
	};
};

/* The octets that a question carries along, or NULL: *ret_len of them. */
const uint8_t **ask_octets(struct ask *ask, size_t *ret_len);

/* KERNEL_COUNTERS: of one interface since it was made. */
struct kernel_counters {
	uint64_t rx_frames, tx_frames, rx_bytes, tx_bytes;
	uint64_t rx_errors, tx_errors, rx_dropped, tx_dropped;
	uint64_t rx_multicast;
};

struct kernel_row {
	char ifname[32]; /* as people write it */
	struct addr addr, via;
	uint8_t plen;
	struct mac mac;
	bool is_static, is_local;
	char state[16]; /* reachable, stale, forwarding, blocking, ... */
	int64_t n1, n2; /* metric, age in ns, packets, cost: what the table says */
	char text[96];
	struct kernel_counters counters;
};

#define BANNER_MAX 512

/* How somebody at a line proves who he is. */
enum line_login { LOGIN_NONE, LOGIN_PASSWORD, LOGIN_LOCAL };

/* One mail exchange of a domain; the name "." says that the domain takes no mail (RFC 7505). */
struct answer_mx {
	uint16_t preference;
	char name[ASK_NAME_MAX];
};

struct answer {
	int err;		  /* 0, or negative errno */
	char why[ANSWER_WHY_MAX]; /* the reason in words, when err */
	union {
		struct {
			struct addr addrs[ANSWER_ADDRS_MAX];
			unsigned n_addrs;
			struct answer_mx mx[ANSWER_MX_MAX]; /* type MX: lowest preference first */
			unsigned n_mx;
			char name[ASK_NAME_MAX]; /* canonical name, or the PTR's */
			nsec_t ttl_ns;
			bool from_cache;
		} resolve;
		struct {
			int privilege; /* 0-15 */
		} login;
		/* LINE_OPEN; err -EBUSY: none is free, -EACCES: its access list denies the peer,
		 * -ENOKEY: a password is asked for, but none is set */
		struct {
			int line;
			enum line_login login;
			int privilege;		 /* of who needs no user name */
			nsec_t timeout_ns;	 /* without input; 0 = it stays open */
			char banner[BANNER_MAX]; /* shown first; "" = nothing is */
		} line;
		struct {
			uint64_t size;
			nsec_t mtime_ns;
			bool is_dir;
			const uint8_t *data; /* FILE_READ, FILE_LIST, ASK_CONF, ASK_TRANSFER */
			size_t len;
		} file; /* size: also ASK_TRANSFER, octets carried */
		struct {
			const struct kernel_row *rows;
			size_t n_rows;
		} kernel;
		struct {
			char subject[ASK_NAME_MAX], issuer[64];
			char names[512];      /* names and addresses, as people write them */
			char fingerprint[65]; /* SHA-256, hex */
			int64_t from_s, to_s; /* Unix time */
		} certificate;
	};
};

#endif
