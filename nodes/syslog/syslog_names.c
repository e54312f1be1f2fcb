/* Names of facilities and severities (RFC 5424 §6.2.1), as people, IOS and Wireshark write them. */
#include "syslog/syslog_wire.h"

const char *const syslog_severities[] = {
	"emergencies", "alerts",	"critical",	 "errors",
	"warnings",    "notifications", "informational", "debugging",
};

/* Facility 13 and 14 as in RFC 5424's table; 15 is a second clock daemon. */
static const struct {
	const char *name, *wireshark;
} facilities[SYSLOG_FACILITIES] = {
	{ "kern", "KERN" },	{ "user", "USER" },	    { "mail", "MAIL" },
	{ "daemon", "DAEMON" }, { "auth", "AUTH" },	    { "syslog", "SYSLOG" },
	{ "lpr", "LPR" },	{ "news", "NEWS" },	    { "uucp", "UUCP" },
	{ "cron", "CRON" },	{ "authpriv", "AUTHPRIV" }, { "ftp", "FTP" },
	{ "ntp", "NTP" },	{ "security", "LOGAUDIT" }, { "console", "LOGALERT" },
	{ "clock", "CRON" },	{ "local0", "LOCAL0" },	    { "local1", "LOCAL1" },
	{ "local2", "LOCAL2" }, { "local3", "LOCAL3" },	    { "local4", "LOCAL4" },
	{ "local5", "LOCAL5" }, { "local6", "LOCAL6" },	    { "local7", "LOCAL7" },
};

static const char *const wireshark_severities[] = { "EMERG",   "ALERT",	 "CRIT", "ERR",
						    "WARNING", "NOTICE", "INFO", "DEBUG" };

const char *syslog_facility_name(unsigned facility)
{
	return facility < SYSLOG_FACILITIES ? facilities[facility].name : "unknown";
}

const char *syslog_facility_short(unsigned facility)
{
	return facility < SYSLOG_FACILITIES ? facilities[facility].wireshark : "UNKNOWN";
}

const char *syslog_severity_short(unsigned severity)
{
	return severity < ARRAY_SIZE(wireshark_severities) ? wireshark_severities[severity]
							   : "UNKNOWN";
}
