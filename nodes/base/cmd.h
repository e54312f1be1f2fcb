/* cmd.h: the one grammar of a device, for configuration lines and commands alike.
 *
 * A row's pattern is words separated by blanks:
 *
 *   ip dhcp pool WORD              words in lower case stand for themselves, also abbreviated
 *   network A.B.C.D A.B.C.D        typed words are in upper case, see enum arg_type
 *   lease <0-365> [<0-23> [<0-59>]]    [...] optional; <a-b> a number in that range
 *   mode (text|binary)             one of several literals; captured as an argument
 *   description LINE               the rest of the line
 *
 * Typed words: WORD (no blanks), LINE, A.B.C.D, A.B.C.D/M, X:X::X:X, X:X::X:X/M, IP (either
 * family), MAC, IFNAME, HOST (name or address), <a-b>. Only typed words and alternatives are
 * captured, in order of the pattern, absent optional ones as ARG_NONE.
 *
 * A configuration row with CMD_NO also has its "no" form (arguments after the literals may be left
 * out). Configuration rows change only the protocol's configuration object: no effects; the same
 * function runs in `labnode --check`. Command rows are events to a machine. */
#ifndef LABD_BASE_CMD_H
#define LABD_BASE_CMD_H

#include "base/types.h"

struct fx;
struct sbuf;
struct device;

/* The modes of configuration; protocols add their own names, as a prompt shows them, e.g.
 * "dhcp-config". */
#define MODE_EXEC   "exec"
#define MODE_CONFIG "config"
#define MODE_IF	    "config-if"

enum arg_type {
	ARG_NONE,
	ARG_WORD,
	ARG_LINE,
	ARG_ADDR,
	ARG_PREFIX,
	ARG_MAC,
	ARG_IFNAME,
	ARG_HOST,
	ARG_NUMBER,
	ARG_CHOICE
};

#define ARGS_MAX     16
#define LINE_MAX_LEN 1024

struct arg {
	enum arg_type type;
	const char *text; /* as typed; a choice in full, an interface by its display name */
	struct addr addr;
	uint8_t plen;
	struct mac mac;
	int64_t number; /* <a-b>; ARG_CHOICE: index of the literal in its group */
	uint32_t ifid;	/* ARG_IFNAME that this device has; 0 = it has no such interface */
};

struct call {
	uint32_t id;	       /* names the command in fx_print() and fx_cmd_done() */
	bool no;	       /* the "no" form */
	const char *section;   /* argument of the mode's entry: interface or pool name; "" at top */
	uint32_t section_ifid; /* in MODE_IF: the interface */
	const struct arg *args; /* ended by n_args; absent optional ones are ARG_NONE */
	unsigned n_args;
	const char *line;	/* the whole line as typed */
	unsigned columns, rows; /* commands: the window of the terminal; 0 = none, or unknown */
	int level;		/* commands: privilege of the session, 0-15 */
	const struct device *dev;
	struct sbuf *reterr;  /* configuration: why the line is refused */
	struct sbuf *retwarn; /* configuration: accepted, but */
	struct sbuf *retline; /* configuration: what the running configuration takes in place of
			       * the line, when that is not its words ("permit" with the number
			       * it was given); of a "no" line: what it takes away */
};

/* The i-th argument, its text, its number; where it is absent NULL, or |otherwise|. */
const struct arg *call_arg(const struct call *call, unsigned i);
const char *call_word(const struct call *call, unsigned i);
int64_t call_number(const struct call *call, unsigned i, int64_t otherwise);
/* The first argument as a folder of the device's files: without the outer slashes; "" for a "no"
 * line. 0, or it is refused. */
int call_folder(const struct call *call, char *out, size_t size);
/* Says why the line is refused, and returns -EINVAL for set(). */
int call_refuse(const struct call *call, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

enum {
	CMD_NO = BIT(0),    /* has a "no" form */
	CMD_MULTI = BIT(1), /* several such lines stand side by side (routes, hosts); else a new one
			     * replaces the old line that has the same literals */
	CMD_SECRET = BIT(2), /* the line is not shown in decisions or logs */
	CMD_KEYED =
		BIT(3), /* with CMD_MULTI: a line whose first argument is equal replaces the old */
	CMD_PRIVILEGED = BIT(4), /* a command that a session below privilege 15 does not have */
};

struct cmd {
	const char *mode;
	const char *pattern;
	const char *help; /* one short sentence, as `?` shows it */
	unsigned kinds;	  /* device kinds that know it (KIND_BIT), 0 = all */
	unsigned flags;
	const char *replaces; /* configuration: literals; accepting this line takes back every other
			       * line of its section that begins with them, whoever owns it ("ip
			       * address") */
	const char *enters;   /* configuration: the mode it enters; NULL = stays */
	const char *machine;  /* command: the machine class that runs it ("dhcp4.client"); NULL =
				 shell */
	/* Configuration: 0, or negative errno with call->reterr. NULL for command rows. */
	int (*set)(void *conf, const struct call *call);
	/* Command: output and fx_cmd_done() through fx. NULL for configuration rows. */
	void (*run)(void *machine, const struct call *call, nsec_t now, struct fx *fx);
};

#endif
