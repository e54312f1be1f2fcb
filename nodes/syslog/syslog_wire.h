/* syslog_wire.h: syslog messages, read and written; frames of syslog over TCP.
 *
 * Pure: octets in, views into them out. What senders of the BSD form leave out or write in their
 * own way is no fault: only the PRI decides whether it is a message (RFC 3164 §4.3). */
#ifndef LABD_SYSLOG_WIRE_H
#define LABD_SYSLOG_WIRE_H

#include "base/types.h"

#define SYSLOG_PORT	   514
#define SYSLOG_SEND_MAX	   1024 /* octets of a message that we send: RFC 3164 §4.1 */
#define SYSLOG_RECEIVE_MAX 8192 /* octets of a message that we keep */
#define SYSLOG_TIME_LEN	   15	/* of "Mmm dd hh:mm:ss" */

enum { SYSLOG_LOCAL7 = 23, SYSLOG_FACILITIES = 24 };

/* Part of somebody else's octets; not NUL-terminated. */
struct syslog_span {
	const char *text; /* NULL = there is none */
	size_t len;
};

enum syslog_form {
	SYSLOG_BARE, /* a PRI and text */
	SYSLOG_BSD,  /* RFC 3164 */
	SYSLOG_IETF, /* RFC 5424 */
};

struct syslog_msg {
	enum syslog_form form;
	uint8_t facility, severity;
	struct syslog_span time, host; /* as the sender wrote them; none: bare, or "-" */
	struct syslog_span app, procid, msgid;
	struct syslog_span data;     /* structured data, RFC 5424 §6.3 */
	struct syslog_span text;     /* all that follows; in the BSD form with its tag */
	struct syslog_span mnemonic; /* of an IOS text: LINK-3-UPDOWN */
};

/* 0, or -EBADMSG with *ret_why (static text). */
int syslog_decode(const uint8_t *data, size_t len, struct syslog_msg *ret, const char **ret_why);

/* Writes "Mmm dd hh:mm:ss", day padded with a blank, of a Unix time in ns. */
void syslog_time(int64_t unix_ns, char out[static SYSLOG_TIME_LEN + 1]);

/* The first message of a stream (RFC 6587 §3.4). */
struct syslog_frame {
	const uint8_t *data;
	size_t len;    /* of the message */
	size_t octets; /* of the frame */
	bool counted;  /* octet counting; else it ended with LF or NUL */
};

/* 1 = *ret is filled; 0 = the frame's end has not come; -EBADMSG with *ret_why. */
int syslog_frame(const uint8_t *data, size_t len, struct syslog_frame *ret, const char **ret_why);

/* syslog_names.c */
extern const char *const syslog_severities[];	     /* as IOS configures them: emergencies, ... */
const char *syslog_facility_name(unsigned facility); /* kern, ..., local7 */
/* As Wireshark's info column has them: LOCAL7, NOTICE. */
const char *syslog_facility_short(unsigned facility);
const char *syslog_severity_short(unsigned severity);

#endif
