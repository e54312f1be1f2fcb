/* log_event.h: something that a person would find in the device's log.
 *
 * A machine, or the shell, says that it happened (fx_log()); those who keep or send logs hear of it
 * (EV_LOG). Nobody who says so knows whether anybody listens. */
#ifndef LABD_BASE_LOG_EVENT_H
#define LABD_BASE_LOG_EVENT_H

#include <stdint.h>

/* RFC 5424 §6.2.1; a smaller number is more urgent. */
enum severity {
	SEVERITY_EMERGENCY,
	SEVERITY_ALERT,
	SEVERITY_CRITICAL,
	SEVERITY_ERROR,
	SEVERITY_WARNING,
	SEVERITY_NOTICE,
	SEVERITY_INFORMATIONAL,
	SEVERITY_DEBUG,
	N_SEVERITIES
};

#define LOG_TEXT_MAX 900 /* octets of a text; longer ones are cut */

struct log_event {
	enum severity severity;
	const char *facility; /* the part of the device, as IOS calls it: LINK, SYS */
	const char *mnemonic; /* which event: UPDOWN */
	const char *text;     /* a sentence without its full stop */
};

#endif
