/* Syslog messages and frames, and how the log shows them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/sbuf.h"
#include "syslog/syslog.h"

/* A copy of the exact size, so that a sanitizer sees reads past the end. */
static uint8_t *exact(const char *text, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	memcpy(copy, text, len);
	return copy;
}

static void expect_span(struct syslog_span s, const char *want)
{
	if (!want) {
		assert_null(s.text);
		return;
	}
	if (!s.text)
		fail_msg("nothing where %s should be", want);
	assert_int_equal(s.len, strlen(want));
	assert_memory_equal(s.text, want, s.len);
}

static const struct {
	const char *text;
	enum syslog_form form;
	unsigned facility, severity;
	const char *time, *host, *app, *procid, *msgid, *data, *message, *mnemonic;
} message_rows[] = {
	/* RFC 3164 §5.4, examples 1 and 2 */
	{ "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8",
	  SYSLOG_BSD, 4, 2, "Oct 11 22:14:15", "mymachine", "su", NULL, NULL, NULL,
	  "su: 'su root' failed for lonvick on /dev/pts/8", NULL },
	{ "<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!", SYSLOG_BSD, 1, 5, "Feb  5 17:32:18",
	  "10.0.0.99", NULL, NULL, NULL, NULL, "Use the BFG!", NULL },
	{ "<86>Nov 30 09:00:00 pc1 sshd[231]: hello\n", SYSLOG_BSD, 10, 6, "Nov 30 09:00:00", "pc1",
	  "sshd", "231", NULL, NULL, "sshd[231]: hello", NULL },
	{ "<189>Nov 30 09:00:00 r1 *%LINK-3-UPDOWN: Interface eth0, changed state to up",
	  SYSLOG_BSD, 23, 5, "Nov 30 09:00:00", "r1", NULL, NULL, NULL, NULL,
	  "*%LINK-3-UPDOWN: Interface eth0, changed state to up", "LINK-3-UPDOWN" },
	{ "<0>Nov 30 09:00:00 r1 x", SYSLOG_BSD, 0, 0, "Nov 30 09:00:00", "r1", NULL, NULL, NULL,
	  NULL, "x", NULL },
	/* a time as RFC 5424 has it in the older form: rsyslog's forwarding format */
	{ "<30>2026-11-30T09:00:00.123456+01:00 pc1 cron: x", SYSLOG_BSD, 3, 6,
	  "2026-11-30T09:00:00.123456+01:00", "pc1", "cron", NULL, NULL, NULL, "cron: x", NULL },
	/* no time, no host, or no host: a PRI and text */
	{ "<14>hello\0", SYSLOG_BARE, 1, 6, NULL, NULL, NULL, NULL, NULL, NULL, "hello", NULL },
	{ "<13>Nov 30 09:00:00 root: no host", SYSLOG_BARE, 1, 5, NULL, NULL, NULL, NULL, NULL,
	  NULL, "Nov 30 09:00:00 root: no host", NULL },
	{ "<13>Nov 30 09:00:00 root[1] no host", SYSLOG_BARE, 1, 5, NULL, NULL, NULL, NULL, NULL,
	  NULL, "Nov 30 09:00:00 root[1] no host", NULL },
	{ "<189>29: *Mar  1 00:00:01.234: %SYS-5-CONFIG_I: Configured from console", SYSLOG_BARE,
	  23, 5, NULL, NULL, "29", NULL, NULL, NULL,
	  "29: *Mar  1 00:00:01.234: %SYS-5-CONFIG_I: Configured from console", "SYS-5-CONFIG_I" },
	{ "<13>Nov 32 09:00:00 pc1 x", SYSLOG_BARE, 1, 5, NULL, NULL, NULL, NULL, NULL, NULL,
	  "Nov 32 09:00:00 pc1 x", NULL },
	{ "<13>Nob 30 09:00:00 pc1 x", SYSLOG_BARE, 1, 5, NULL, NULL, NULL, NULL, NULL, NULL,
	  "Nob 30 09:00:00 pc1 x", NULL },
	{ "<13>Nov 30 25:00:00 pc1 x", SYSLOG_BARE, 1, 5, NULL, NULL, NULL, NULL, NULL, NULL,
	  "Nov 30 25:00:00 pc1 x", NULL },
	{ "<13>Nov 30 09:00:00", SYSLOG_BARE, 1, 5, NULL, NULL, NULL, NULL, NULL, NULL,
	  "Nov 30 09:00:00", NULL },
	{ "<13>100% sure: %X-9-Y: %: %A-1-B", SYSLOG_BARE, 1, 5, NULL, NULL, NULL, NULL, NULL, NULL,
	  "100% sure: %X-9-Y: %: %A-1-B", NULL },
	/* RFC 5424 §6.5, examples 1, 3 and 4 */
	{ "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - "
	  "\xef\xbb\xbf'su root' failed",
	  SYSLOG_IETF, 4, 2, "2003-10-11T22:14:15.003Z", "mymachine.example.com", "su", NULL,
	  "ID47", NULL, "'su root' failed", NULL },
	{ "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 "
	  "[exampleSDID@32473 iut=\"3\" eventSource=\"Application\"] An event",
	  SYSLOG_IETF, 20, 5, "2003-10-11T22:14:15.003Z", "mymachine.example.com", "evntslog", NULL,
	  "ID47", "[exampleSDID@32473 iut=\"3\" eventSource=\"Application\"]", "An event", NULL },
	{ "<165>1 2003-10-11T22:14:15.003Z h e - ID47 [a@1 x=\"]\\\"]\"][b@1 y=\"\"]", SYSLOG_IETF,
	  20, 5, "2003-10-11T22:14:15.003Z", "h", "e", NULL, "ID47",
	  "[a@1 x=\"]\\\"]\"][b@1 y=\"\"]", "", NULL },
	{ "<165>1 - - - - - - x", SYSLOG_IETF, 20, 5, NULL, NULL, NULL, NULL, NULL, NULL, "x",
	  NULL },
	/* an IOS message that syslog-ng has read and sent on */
	{ "<188>1 2026-11-30T10:47:29+00:00 10.7.0.1 *%SYS-4-X - - - text", SYSLOG_IETF, 23, 4,
	  "2026-11-30T10:47:29+00:00", "10.7.0.1", "*%SYS-4-X", NULL, NULL, NULL, "text",
	  "SYS-4-X" },
	/* headers that are broken */
	{ "<165>1 2003-10-11T22:14:15.003 h e - - - x", SYSLOG_BARE, 20, 5, NULL, NULL, NULL, NULL,
	  NULL, NULL, "1 2003-10-11T22:14:15.003 h e - - - x", NULL },
	{ "<165>1 2003-13-11T22:14:15Z h e - - - x", SYSLOG_BARE, 20, 5, NULL, NULL, NULL, NULL,
	  NULL, NULL, "1 2003-13-11T22:14:15Z h e - - - x", NULL },
	{ "<165>1 2003-10-11T22:14:15.Z h e - - - x", SYSLOG_BARE, 20, 5, NULL, NULL, NULL, NULL,
	  NULL, NULL, "1 2003-10-11T22:14:15.Z h e - - - x", NULL },
	{ "<165>1 - h e - - [a x", SYSLOG_BARE, 20, 5, NULL, NULL, NULL, NULL, NULL, NULL,
	  "1 - h e - - [a x", NULL },
	{ "<165>1 - h e - - [a \"\\", SYSLOG_BARE, 20, 5, NULL, NULL, NULL, NULL, NULL, NULL,
	  "1 - h e - - [a \"\\", NULL },
	{ "<165>1 - h e -", SYSLOG_BARE, 20, 5, NULL, NULL, NULL, NULL, NULL, NULL, "1 - h e -",
	  NULL },
	{ "<165>2 - h e - - - x", SYSLOG_BARE, 20, 5, NULL, NULL, NULL, NULL, NULL, NULL,
	  "2 - h e - - - x", NULL },
};

static void messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(message_rows); i++) {
		size_t len = strlen(message_rows[i].text) + (i == 6); /* one ends with a NUL */
		uint8_t *data = exact(message_rows[i].text, len);
		struct syslog_msg m;
		const char *why;

		if (syslog_decode(data, len, &m, &why) < 0)
			fail_msg("%s: %s", message_rows[i].text, why);
		if (m.form != message_rows[i].form)
			fail_msg("%s: form %d", message_rows[i].text, m.form);
		assert_int_equal(m.facility, message_rows[i].facility);
		assert_int_equal(m.severity, message_rows[i].severity);
		expect_span(m.time, message_rows[i].time);
		expect_span(m.host, message_rows[i].host);
		expect_span(m.app, message_rows[i].app);
		expect_span(m.procid, message_rows[i].procid);
		expect_span(m.msgid, message_rows[i].msgid);
		expect_span(m.data, message_rows[i].data);
		expect_span(m.text, message_rows[i].message);
		expect_span(m.mnemonic, message_rows[i].mnemonic);
		free(data);
	}
}

static void no_messages(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "it does not start with <" },
		{ "hello", "it does not start with <" },
		{ "<", "no number follows <" },
		{ "<>x", "no number follows <" },
		{ "<x>", "no number follows <" },
		{ "<13", "the PRI does not end with >" },
		{ "<13 >x", "the PRI does not end with >" },
		{ "<192>x", "the PRI is above 191" },
		{ "<999>x", "the PRI is above 191" },
		{ "<1000>x", "the PRI has more than three digits" },
		{ "<013>x", "the PRI has a leading zero" },
		{ "<00>x", "the PRI has a leading zero" },
		{ "<13>", "nothing follows the PRI" },
		{ "<13>\r\n", "nothing follows the PRI" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t *data = exact(rows[i].text, strlen(rows[i].text));
		struct syslog_msg m;
		const char *why;

		assert_int_equal(syslog_decode(data, strlen(rows[i].text), &m, &why), -EBADMSG);
		assert_string_equal(why, rows[i].why);
		free(data);
	}
}

static void frames(void **state)
{
	static char long_line[SYSLOG_RECEIVE_MAX + 2];
	const struct {
		const char *text;
		int result;
		const char *message; /* of a frame */
		size_t octets;
		const char *why;
	} rows[] = {
		{ "", 0, NULL, 0, NULL },
		{ "5 <13>x7 <13>abc", 1, "<13>x", 7, NULL },
		{ "5 <13>", 0, NULL, 0, NULL },
		{ "5", 0, NULL, 0, NULL },
		{ "1234", 0, NULL, 0, NULL },
		{ "8192 <13>", 0, NULL, 0, NULL },
		{ "8193 <13>", -EBADMSG, NULL, 0, "the count is above 8192" },
		{ "12345 ", -EBADMSG, NULL, 0, "the count is above 8192" },
		{ "000", -EBADMSG, NULL, 0, "it starts with neither a count nor <" },
		{ "100000", -EBADMSG, NULL, 0, "the count has more than 5 digits" },
		{ "5<13>x", -EBADMSG, NULL, 0, "no blank follows the count" },
		{ "<13>abc\n<14>", 1, "<13>abc", 8, NULL },
		{ "<13>abc", 0, NULL, 0, NULL },
		{ "hello\n", -EBADMSG, NULL, 0, "it starts with neither a count nor <" },
		{ long_line, -EBADMSG, NULL, 0, "no LF after 8192 octets" },
	};

	(void)state;
	memset(long_line, '<', SYSLOG_RECEIVE_MAX + 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t *data = exact(rows[i].text, strlen(rows[i].text));
		struct syslog_frame f;
		const char *why = NULL;
		int r = syslog_frame(data, strlen(rows[i].text), &f, &why);

		if (r != rows[i].result)
			fail_msg("%.20s: %d", rows[i].text, r);
		if (r == 1) {
			assert_int_equal(f.len, strlen(rows[i].message));
			assert_memory_equal(f.data, rows[i].message, f.len);
			assert_int_equal(f.octets, rows[i].octets);
		} else if (r < 0) {
			assert_string_equal(why, rows[i].why);
		}
		free(data);
	}
	/* Python's logging ends messages with NUL. */
	struct syslog_frame f;
	const char *why;

	assert_int_equal(syslog_frame((const uint8_t *)"<14>x\0<14>y", 11, &f, &why), 1);
	assert_int_equal(f.octets, 6);
	assert_false(f.counted);
	long_line[SYSLOG_RECEIVE_MAX] = '\n';
	assert_int_equal(syslog_frame((uint8_t *)long_line, SYSLOG_RECEIVE_MAX + 1, &f, &why), 1);
	assert_int_equal(f.len, SYSLOG_RECEIVE_MAX);
}

static void times(void **state)
{
	char text[SYSLOG_TIME_LEN + 1];

	(void)state;
	syslog_time(1767254400 * SEC, text);
	assert_string_equal(text, "Jan  1 08:00:00");
	syslog_time(1798761599 * SEC + 999 * MSEC, text);
	assert_string_equal(text, "Dec 31 23:59:59");
	syslog_time(0, text);
	assert_string_equal(text, "Jan  1 00:00:00");
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(syslog_facility_name(23), "local7");
	assert_string_equal(syslog_facility_short(13), "LOGAUDIT");
	assert_string_equal(syslog_severity_short(7), "DEBUG");
	assert_string_equal(syslog_facility_name(24), "unknown");
	assert_string_equal(syslog_facility_short(24), "UNKNOWN");
	assert_string_equal(syslog_severity_short(8), "UNKNOWN");
}

static void put_field(void *arg, const char *field, const char *value, size_t offset, size_t len)
{
	sbuf_printf(arg, "%s=%s@%zu+%zu\n", field, value, offset, len);
}

/* The info lines are those of tshark 4.0. */
static void log_lines(void **state)
{
	static const struct {
		const char *text;
		bool tcp;
		uint16_t dst_port;
		int result;
		const char *info;
	} rows[] = {
		{ "<189>Nov 30 09:00:00 r1 %A-5-B: x", false, 514, 0,
		  "LOCAL7.NOTICE: Nov 30 09:00:00 r1 %A-5-B: x" },
		{ "hello", false, 514, -EBADMSG, "" },
		{ "<13>x\n<14>y\n", true, 514, 0, "USER.NOTICE: x" },
		{ "5 <13>x", true, 514, 0, "USER.NOTICE: x" },
		{ "rest of a message", true, 514, -EAGAIN, "" },
		{ "<13>x\n", true, 4000, -EAGAIN, "" },
		{ "100000", true, 514, -EBADMSG, "" },
	};
	struct sbuf out = SBUF(4096);
	struct codec_in in = { .data = (const uint8_t *)"<34>1 - h su 7 ID47 [x@1] hi", .len = 28 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct codec_in row = { .data = (const uint8_t *)rows[i].text,
					.len = strlen(rows[i].text),
					.dst.port = rows[i].dst_port,
					.tcp = rows[i].tcp };
		const char *why = NULL;

		sbuf_reset(&out);
		assert_int_equal(syslog_codec.info(&row, &out, &why), rows[i].result);
		assert_string_equal(sbuf_text(&out), rows[i].info);
		assert_true(rows[i].result != -EBADMSG || why);
		assert_int_equal(syslog_codec.fields(&row, put_field, &out), rows[i].result);
	}
	sbuf_reset(&out);
	assert_int_equal(syslog_codec.fields(&in, put_field, &out), 0);
	assert_string_equal(sbuf_text(&out), "Facility=AUTH (4)@0+4\n"
					     "Level=CRIT (2)@0+4\n"
					     "Syslog hostname=h@8+1\n"
					     "Syslog app name=su@10+2\n"
					     "Syslog process id=7@13+1\n"
					     "Syslog message id=ID47@15+4\n"
					     "Syslog structured data=[x@1]@20+5\n"
					     "Message=hi@26+2\n");
	sbuf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages), cmocka_unit_test(no_messages),
		cmocka_unit_test(frames),   cmocka_unit_test(times),
		cmocka_unit_test(names),    cmocka_unit_test(log_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
