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
	ASK_KERNEL, /* shell: a table of the device's kernel */
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
	struct addr peer;
};

enum file_op { FILE_STAT, FILE_READ, FILE_WRITE, FILE_DELETE, FILE_LIST };
#define FILE_READ_MAX (1u << 20) /* octets an answer may carry */

struct ask_file {
	enum file_op op;
	char path[ASK_PATH_MAX]; /* relative to the device's file root */
	const uint8_t *data;	 /* FILE_WRITE */
	size_t len;
	uint64_t offset; /* FILE_READ */
};

enum kernel_table {
	KERNEL_NEIGHBOURS,
	KERNEL_ROUTES,
	KERNEL_MAC_TABLE,
	KERNEL_STP,
	KERNEL_COUNTERS,
	KERNEL_ACL
};

struct ask_kernel {
	enum kernel_table table;
};

struct ask {
	enum ask_kind kind;
	union {
		struct ask_resolve resolve;
		struct ask_login login;
		struct ask_file file;
		struct ask_kernel kernel;
	};
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
};

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
		struct {
			uint64_t size;
			nsec_t mtime_ns;
			bool is_dir;
			const uint8_t *data; /* FILE_READ, FILE_LIST (names, one a line) */
			size_t len;
		} file;
		struct {
			const struct kernel_row *rows;
			size_t n_rows;
		} kernel;
	};
};

#endif
