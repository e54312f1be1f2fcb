/* ftp_wire.h: what goes over FTP's control connection, and how text goes over a data connection.
 *
 * Commands and replies are lines (RFC 959 §5.3, §4.2) on a Telnet connection (RFC 854). Nothing
 * here keeps more state than the structs that it is given. */
#ifndef LABD_FTP_WIRE_H
#define LABD_FTP_WIRE_H

#include "base/sbuf.h"
#include "base/types.h"

#define FTP_PORT      21
#define FTP_DATA_PORT 20
#define FTP_LINE_MAX  1024 /* octets of a command */
#define FTP_REPLY_MAX 4096 /* octets of a reply's line */

enum ftp_verb {
	FTP_UNKNOWN,
	FTP_NOT_OFFERED, /* of RFC 959, 2228, 2389, 2428, 3659 or 4217 */
	FTP_USER,
	FTP_PASS,
	FTP_QUIT,
	FTP_TYPE,
	FTP_MODE,
	FTP_STRU,
	FTP_PASV,
	FTP_EPSV,
	FTP_PORT_CMD,
	FTP_EPRT,
	FTP_RETR,
	FTP_STOR,
	FTP_APPE,
	FTP_REST,
	FTP_LIST,
	FTP_NLST,
	FTP_MLSD,
	FTP_MLST,
	FTP_RNFR,
	FTP_RNTO,
	FTP_DELE,
	FTP_CWD,
	FTP_CDUP,
	FTP_PWD,
	FTP_MKD,
	FTP_RMD,
	FTP_SIZE,
	FTP_MDTM,
	FTP_SYST,
	FTP_NOOP,
	FTP_ALLO,
	FTP_STAT,
	FTP_HELP,
	FTP_FEAT,
	FTP_OPTS,
	FTP_ABOR,
	N_FTP_VERBS,
};

/* A line without its end. 0 with the verb and where its argument begins; -EINVAL: no command of 3
 * or 4 letters, or control octets in it. */
int ftp_command_parse(const char *line, size_t len, enum ftp_verb *ret_verb, size_t *ret_arg);
const char *ftp_verb_name(enum ftp_verb verb); /* of those that are offered */

struct ftp_reply {
	int code;	  /* 100-599 */
	bool more;	  /* a hyphen: lines follow */
	const char *text; /* behind code and space */
	size_t len;
};
/* A line without its end: 0 or -EBADMSG. */
int ftp_reply_parse(const char *line, size_t len, struct ftp_reply *ret);

/* --- ports -------------------------------------------------------------------------------- */

/* "10,0,0,1,4,1": 0 or -EINVAL. */
int ftp_port_parse(const char *text, struct ep *ret);
void ftp_port_format(const struct ep *ep, struct sbuf *out);
/* "|1|10.0.0.1|1025|": 0, -EINVAL, or -EPROTONOSUPPORT for another family. RFC 2428 §2 */
int ftp_eprt_parse(const char *text, struct ep *ret);
/* The six numbers of a 227, wherever they begin (RFC 1123 §4.1.2.6). */
int ftp_pasv_parse(const char *text, struct ep *ret);
/* "(|||1025|)" of a 229: the port, or -EINVAL. */
int ftp_epsv_parse(const char *text);

/* --- Telnet ------------------------------------------------------------------------------- */

struct ftp_telnet {
	enum { TELNET_DATA, TELNET_IAC, TELNET_OPTION, TELNET_SUB, TELNET_SUB_IAC } state;
	uint8_t verb;
};

/* Octets without their Telnet commands to `out`; to `answers` a WONT or DONT for each option asked
 * for or offered, as far as it has room. How many commands there were. */
unsigned ftp_telnet_filter(struct ftp_telnet *t, const uint8_t *data, size_t len, struct sbuf *out,
			   struct sbuf *answers);

/* --- paths -------------------------------------------------------------------------------- */

/* A path of the client against its working directory: "/a/b", "/" for the root. 0, -EACCES when it
 * leads out of the root, -EINVAL for control octets, -ENAMETOOLONG. */
int ftp_path_join(const char *cwd, const char *path, char *out, size_t size);
/* The part behind the last slash; "" when it is no name that may be written to (. and ..). */
const char *ftp_path_base(const char *path);

/* --- TYPE A (RFC 959 §3.1.1.1): LF in the file, CR LF on the wire ------------------------- */

struct ftp_text {
	bool cr; /* the octets before these ended in CR */
};
int ftp_text_to_wire(const void *data, size_t len, struct sbuf *out);
int ftp_text_from_wire(struct ftp_text *t, const void *data, size_t len, struct sbuf *out);
void ftp_text_end(struct ftp_text *t, struct sbuf *out); /* a CR that was the last octet */

/* --- listings ----------------------------------------------------------------------------- */

struct ftp_entry {
	bool is_dir;
	uint64_t size;
	int64_t mtime_s; /* Unix time */
	char name[256];
};

/* The next line of a FILE_LIST answer; false at its end. */
bool ftp_entry_next(const char **p, const char *end, struct ftp_entry *ret);
/* As ls -l, CR LF included; times within half a year of `now_s` with hours. */
void ftp_entry_list(const struct ftp_entry *e, bool writable, int64_t now_s, struct sbuf *out);
/* RFC 3659 §7.2: "type=file;size=3;modify=...;perm=r; name" without line end. */
void ftp_entry_facts(const struct ftp_entry *e, const char *perm, struct sbuf *out);
void ftp_time_format(int64_t unix_s, char out[static 16]); /* YYYYMMDDhhmmss */

#endif
