/* lab.h: a lab file, read and checked.
 *
 *   lab file -> struct doc (YAML) -> struct lab (this) -> struct plan (plan.h) -> kernel
 *
 * lab_load() finds every error it can in one run and creates nothing: a struct lab exists only for
 * a valid file. It owns everything it points to, until lab_free(); all of it is constant after
 * loading. Each thing a person wrote keeps its place (struct lab_pos, struct lab_text), so that
 * whoever finds fault with it later (a device with its configuration, a test with a step) can show
 * the line.
 *
 * Files are read (config-file) and looked at (files), below the lab file's folder only. Nothing
 * here opens a socket, a namespace or a database. Times are int64 nanoseconds. */
#ifndef LABD_LAB_LAB_H
#define LABD_LAB_LAB_H

#include "base/ifname.h"
#include "base/types.h"
#include "labd/lab/diag.h"
#include "labd/lab/spec.h"

enum {
	LAB_NAME_MAX = 32,
	LAB_DEVICE_NAME_MAX = 63, /* a DNS label, a hostname */
	LAB_LINK_NAME_MAX = 64,	  /* as written; the default name may be longer */
	LAB_DEVICES_MAX = 2048,
	LAB_LINKS_MAX = 8192,
	LAB_IFACES_MAX = 256,	      /* of a device */
	LAB_SWITCH_IFACES_MAX = 1023, /* of a switch or hub: the kernel's bridge has no more */
	LAB_STEPS_MAX = 10000,
	LAB_EXPECTS_MAX = 10000,
	LAB_EXEC_MAX = 64,
	LAB_ENV_MAX = 64,
	LAB_COMMAND_MAX = 1000, /* bytes of a device command */
	LAB_EXEC_LINE_MAX = 4096,
	LAB_SQL_MAX = 16 * 1024,
	LAB_CONFIG_MAX = 128 * 1024,		 /* bytes of one device's configuration */
	LAB_CONFIG_FILES_MAX = 64 * 1024 * 1024, /* all config-file texts together */
	LAB_MTU_MIN = 68,			 /* RFC 791 */
	LAB_MTU_MAX = 9216,
};

/* How a text stands in its file: decides where its n-th line and column are there. */
enum lab_text_style {
	LAB_TEXT_FILE,	 /* the text is the file */
	LAB_TEXT_BLOCK,	 /* after `|`: line by line, indented */
	LAB_TEXT_DOUBLE, /* "a\nb" */
	LAB_TEXT_SINGLE, /* 'a' */
	LAB_TEXT_PLAIN,
};

struct lab_text {
	const char *text; /* NULL: not given */
	size_t len;
	struct lab_pos pos; /* where it begins, with its quotes or its `|` */
	enum lab_text_style style;
};

struct lab_env {
	const char *name, *value;
};

struct lab_node {
	const char *name;
	struct lab_pos pos; /* of the name */
	enum device_kind kind;
	struct lab_text config;
	const char *config_file; /* as written; NULL: the configuration stands in the lab file */
	const char *files;	 /* absolute path of a directory, or NULL */
	const struct lab_text *exec;
	size_t n_exec;
	const struct lab_env *env;
	size_t n_env;
	bool has_mac;
	struct mac mac; /* of its first interface; the others count up */
	uint32_t ports; /* how many a switch or hub has; 0 = as many as are used */
	uint32_t mtu;	/* 0 = not given */
	uint32_t n_links;
};

struct lab_end {
	uint32_t node; /* index in lab->nodes */
	struct ifname name;
	struct lab_pos pos;
};

struct lab_link {
	const char *name; /* given, or "pc1:eth0--sw1:1" */
	struct lab_pos pos;
	struct lab_end end[2];
	enum carrier carrier;
	struct wire_spec wire[2]; /* [0]: from end 0 to end 1; zero for a veth */
	uint32_t mtu;		  /* 0 = not given */
};

enum lab_step_kind {
	STEP_COMMAND,	/* `pc1: ping www`: node, text */
	STEP_UNTIL,	/* `until: SELECT ...` `within: 5s`: text, time_ns */
	STEP_WAIT,	/* `wait: 2s`: time_ns of lab time */
	STEP_EXPECT,	/* `expect: SELECT ...`: text */
	STEP_STOP,	/* `stop: pc1`: node */
	STEP_START,	/* `start: pc1`: node */
	STEP_LINK_DOWN, /* `link down: NAME`: link */
	STEP_LINK_UP,	/* `link up: NAME`: link */
};

struct lab_step {
	enum lab_step_kind kind;
	struct lab_pos pos;
	uint32_t node, link; /* indexes */
	struct lab_text text;
	nsec_t time_ns;
	bool fails;	 /* `fails: yes`: the command must be refused or fail */
	const char *why; /* what it shows, for the report; or NULL */
};

struct lab_expect {
	struct lab_text sql;
	const char *why; /* or NULL */
};

struct lab {
	const char *name;
	struct lab_pos name_pos;
	const struct lab_source *source;
	uint64_t seed;
	bool seed_given; /* else it comes from the name: print it */
	bool has_epoch;	 /* else lab time begins at the wall clock */
	int64_t epoch_ns;
	struct log_spec log;

	struct lab_node *nodes;
	size_t n_nodes;
	struct lab_link *links;
	size_t n_links;
	struct lab_step *steps;
	size_t n_steps;
	struct lab_expect *expects;
	size_t n_expects;

	struct arena *arena; /* private: owns all of the above */
	struct doc *doc;     /* private: the texts point into it */
};

/* Reads the lab file at |path|. 0; -EINVAL with the reasons in |diag|; warnings may be there in
 * either case. *ret is untouched on failure. */
int lab_load(const char *path, struct lab **ret, struct diag *diag);

/* The same for a text in memory; |path| names it in errors, and its folder is where config-file and
 * files are looked for. */
int lab_parse(const char *path, const char *text, size_t len, struct lab **ret, struct diag *diag);

struct lab *lab_free(struct lab *lab); /* accepts NULL, returns NULL */

/* The index of a device or link by name, or -ENOENT. A link is also known by either of its ends
 * ("pc1:eth0") and by both ("r1:gi0/0--sw1:1"), in any spelling. */
int lab_find_node(const struct lab *lab, const char *name);
int lab_find_link(const struct lab *lab, const char *name);

/* Splits "pc1:eth0". False when there is no colon, or too much. */
bool lab_split_endpoint(const char *text, char device[static LAB_DEVICE_NAME_MAX + 1],
			const char **ret_iface);
bool lab_same_end(const struct lab_end *a, const struct lab_end *b);

/* The place in the file of a 1-based line and column of a text. */
struct lab_pos lab_text_at(const struct lab_text *text, uint32_t line, uint32_t col);

/* --- configuration, checked by those who know its words (config.c) -------------------------- */

/* What `labnode --check` reads: JSON of each device that has a configuration, with its kind and its
 * interfaces. The caller frees. */
int lab_check_request(const struct lab *lab, char **ret, size_t *ret_len);

/* What `labnode --check` answered: lines of DEVICE:LINE:COLUMN: error|warning: MESSAGE about the
 * devices' texts. Each is reported at its place in the lab file or config-file. The number of
 * errors, or -EBADMSG for a line that is none (those before it are reported). */
int lab_check_report(const struct lab *lab, const char *report, size_t len, struct diag *diag);

#endif
