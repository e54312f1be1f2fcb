/* The server of syslog messages: each rule of syslog.server, by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine_driver.h"
#include "syslog/syslog.h"

enum { UDP = 1, TCP = 3, STREAM = SOCK_ACCEPTED + 1 };

static void setup(struct drv *d, const char *conf)
{
	drv_init(d, &syslog_proto, KIND_SERVER, 1);
	drv_addr(d, 1, "10.0.0.9/24");
	drv_conf(d, conf);
	drv_start(d, "syslog.server");
	d->now = 60 * SEC;
}

static void hear_n(struct drv *d, const char *text, size_t len)
{
	drv_datagram(d, UDP, drv_ep("10.0.0.1", 4000), drv_ep("10.0.0.9", 514), 1, text, len);
}

static void hear(struct drv *d, const char *text)
{
	hear_n(d, text, strlen(text));
}

static void opened(struct drv *d, uint32_t sock)
{
	drv_opened(d, sock, TCP, drv_ep("10.0.0.9", 514), drv_ep("10.0.0.1", 4000));
}

static void off_and_on(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, "");
	assert_int_equal(drv_next_bind(&d)->bind.local.port, 514); /* off, but bound */
	assert_int_equal(drv_count(&d, FX_BIND), 1);
	drv_expect_none(&d, FX_LISTEN);
	hear(&d, "<13>x");
	drv_expect_value(&d, "syslog.server.drop-disabled", "sender", "10.0.0.1");
	drv_expect_none(&d, FX_FACT_BEGIN);
	drv_conf(&d, "service syslog\n");
	assert_int_equal(drv_next_bind(&d)->bind.local.addr.family, 6);
	drv_expect_none(&d, FX_LISTEN);
	hear(&d, "<13>x");
	drv_expect_value(&d, "syslog.server.gate", "len", "5");
	drv_expect_decision(&d, "syslog.server.header-missing");
	drv_conf(&d, "service syslog tcp\n");
	drv_expect_none(&d, FX_BIND);
	drv_expect_decision(&d, "syslog.server.listen-tcp");
	assert_int_equal(drv_want(&d, FX_LISTEN, "listen")->listen.local.port, 514);
	opened(&d, STREAM);
	drv_expect_decision(&d, "syslog.server.tcp-open");
	drv_conf(&d, "no service syslog\n");
	drv_expect_decision(&d, "syslog.server.stop-tcp");
	assert_int_equal(drv_count(&d, FX_CLOSE), 3); /* two listeners, one connection */
	hear(&d, "<13>x");
	drv_expect_decision(&d, "syslog.server.drop-disabled");
	drv_failed(&d, &(struct fx_effect){ .kind = FX_BIND, .id = 1 }, UDP, EADDRINUSE);
	drv_expect_value(&d, "syslog.server.no-port", "reason", strerror(EADDRINUSE));
	drv_done(&d);
}

static void what_is_stored(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, "service syslog\n");
	hear(&d, "<187>Nov 30 09:00:00 r1 %LINK-3-UPDOWN: Interface eth0, changed state to up");
	drv_expect_value(&d, "syslog.server.store", "form", "RFC 3164");
	drv_expect_value(&d, "syslog.server.store", "host", "r1");
	drv_expect_column(&d, "syslog", "1", "sender", "10.0.0.1");
	drv_expect_column(&d, "syslog", "1", "facility", "local7");
	drv_expect_column(&d, "syslog", "1", "severity", "3");
	drv_expect_column(&d, "syslog", "1", "level", "errors");
	drv_expect_column(&d, "syslog", "1", "time", "Nov 30 09:00:00");
	drv_expect_column(&d, "syslog", "1", "host", "r1");
	drv_expect_column(&d, "syslog", "1", "mnemonic", "LINK-3-UPDOWN");
	drv_expect_column(&d, "syslog", "1", "message",
			  "%LINK-3-UPDOWN: Interface eth0, changed state to up");
	drv_expect_column(&d, "syslog", "1", "octets", "51");
	drv_expect_column(&d, "syslog", "1", "truncated", "0");
	hear(&d,
	     "<165>1 2003-10-11T22:14:15.003Z h.example evntslog 7 ID47 [x@1 a=\"b\"] An event");
	drv_expect_value(&d, "syslog.server.store", "form", "RFC 5424");
	drv_expect_column(&d, "syslog", "2", "app", "evntslog");
	drv_expect_column(&d, "syslog", "2", "procid", "7");
	drv_expect_column(&d, "syslog", "2", "msgid", "ID47");
	drv_expect_column(&d, "syslog", "2", "data", "[x@1 a=\"b\"]");
	drv_expect_column(&d, "syslog", "2", "time", "2003-10-11T22:14:15.003Z");
	hear(&d, "<165>1 - - - - - - nameless");
	drv_expect_value(&d, "syslog.server.store", "host", "10.0.0.1");
	drv_expect_column(&d, "syslog", "3", "host", "10.0.0.1");
	drv_expect_column(&d, "syslog", "3", "time", "Jan  1 08:01:00");
	hear(&d, "<14>bare\ttext\033[2J");
	drv_expect_decision(&d, "syslog.server.header-missing");
	drv_expect_no_decision(&d, "syslog.server.store");
	drv_expect_column(&d, "syslog", "4", "host", "10.0.0.1");
	drv_expect_column(&d, "syslog", "4", "time", "Jan  1 08:01:00");
	drv_expect_column(&d, "syslog", "4", "message", "bare\\x09text\\x1b[2J");
	drv_command(&d, "show syslog");
	drv_expect_value(&d, "syslog.server.show", "max", "1000");
	drv_expect_output(
		&d, "Syslog server: on, TCP off, 4 messages taken\nReceived         Sender  ");
	drv_expect_output(&d, "\nJan  1 08:01:00  10.0.0.1         local7.errors           "
			      "Nov 30 09:00:00  r1            %LINK-3-UPDOWN: Interface eth0, "
			      "changed state to up\n");
	drv_command(&d, "show syslog 1");
	assert_null(strstr(drv_output(&d), "UPDOWN"));
	drv_expect_output(&d, "bare\\x09text\\x1b[2J\n");
	drv_command(&d, "clear syslog");
	drv_expect_decision(&d, "syslog.server.clear");
	assert_int_equal(drv_count(&d, FX_FACT_END), 4);
	drv_expect_output(&d, "4 messages cleared\n");
	hear(&d, "<14>later");
	drv_expect_fact(&d, FX_FACT_BEGIN, "syslog", "5");
	drv_done(&d);
}

static void what_is_not(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, "service syslog\n");
	hear(&d, "hello");
	drv_expect_value(&d, "syslog.server.drop-invalid", "reason", "it does not start with <");
	drv_expect_decision(&d, "syslog.server.gate");
	drv_expect_none(&d, FX_FACT_BEGIN);
	hear(&d, "");
	drv_expect_decision(&d, "syslog.server.drop-invalid");
	drv_command(&d, "show syslog"); /* nothing has come */
	assert_string_equal(drv_output(&d), "Syslog server: on, TCP off, 0 messages taken\n");
	drv_command(&d, "clear syslog");
	drv_expect_output(&d, "0 messages cleared\n");
	drv_done(&d);
}

static void a_long_one(void **state)
{
	static char text[20000];
	struct drv d;

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "<14>Nov 30 09:00:00 pc1 ", 24);
	setup(&d, "service syslog\n");
	hear_n(&d, text, SYSLOG_RECEIVE_MAX);
	drv_expect_no_decision(&d, "syslog.server.long-message");
	drv_expect_column(&d, "syslog", "1", "octets", "8168");
	assert_int_equal(
		strlen(drv_value(drv_expect_fact(&d, FX_FACT_BEGIN, "syslog", "1"), "message")),
		VAL_TEXT_MAX);
	hear_n(&d, text, sizeof(text));
	drv_expect_value(&d, "syslog.server.long-message", "len", "20000");
	drv_expect_column(&d, "syslog", "2", "truncated", "1");
	drv_expect_column(&d, "syslog", "2", "octets", "8168");
	drv_command(&d, "show syslog 1");
	assert_true(strlen(drv_output(&d)) > 8168);
	drv_expect_output(&d, "x [truncated]\n");
	drv_done(&d);
}

static void the_table_is_bounded(void **state)
{
	static char text[SYSLOG_RECEIVE_MAX];
	struct drv d;

	(void)state;
	setup(&d, "service syslog\n");
	for (int i = 1; i <= SYSLOG_TABLE_MAX; i++)
		hear(&d, "<14>x");
	drv_expect_none(&d, FX_FACT_END);
	hear(&d, "<14>x");
	drv_expect_fact(&d, FX_FACT_END, "syslog", "1");
	drv_expect_fact(&d, FX_FACT_BEGIN, "syslog", "1001");
	memset(text, '\033', sizeof(text)); /* each becomes four octets */
	memcpy(text, "<14>", 4);
	for (int i = 0; i < 15; i++)
		hear_n(&d, text, sizeof(text));
	assert_int_equal(drv_count(&d, FX_FACT_BEGIN), 1);
	hear_n(&d, text, sizeof(text));
	assert_true(drv_count(&d, FX_FACT_END) > 0);
	drv_command(&d, "show syslog");
	assert_true(strlen(drv_output(&d)) < (1 << 20));
	drv_done(&d);
}

static void streams(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, "service syslog\nservice syslog tcp\n");
	opened(&d, STREAM);
	drv_bytes(&d, STREAM, "<13>one\n<14>two\n<15>th", 22, 0);
	drv_expect_value(&d, "syslog.server.tcp", "how", "it ended with a line feed");
	drv_expect_column(&d, "syslog", "2", "message", "two");
	assert_int_equal(drv_count(&d, FX_FACT_BEGIN), 2);
	assert_int_equal(drv_expect_decision(&d, "syslog.server.tcp")->decide.stream_offset, 0);
	drv_bytes(&d, STREAM, "ree\n", 4, 22);
	drv_expect_column(&d, "syslog", "3", "message", "three");
	assert_int_equal(drv_expect_decision(&d, "syslog.server.tcp")->decide.stream_offset, 16);
	drv_bytes(&d, STREAM, "7 <13>abc5 <14", 14, 26);
	drv_expect_value(&d, "syslog.server.tcp", "how", "its length stood before it");
	drv_expect_column(&d, "syslog", "4", "message", "abc");
	drv_bytes(&d, STREAM, ">x3 abc", 7, 40); /* no syslog message, but a whole frame */
	drv_expect_column(&d, "syslog", "5", "message", "x");
	drv_expect_decision(&d, "syslog.server.drop-invalid");
	drv_expect_none(&d, FX_CLOSE);
	drv_closed(&d, STREAM, 0);
	drv_expect_value(&d, "syslog.server.tcp-close", "how", "the sender closed it");
	assert_int_equal(drv_want(&d, FX_CLOSE, "close")->close.how, CLOSE_FLUSH);
	drv_bytes(&d, STREAM, "<13>late\n", 9, 47); /* of a connection that is forgotten */
	drv_expect_none(&d, FX_FACT_BEGIN);
	drv_closed(&d, STREAM, 0);
	drv_expect_none(&d, FX_CLOSE);
	drv_done(&d);
}

static void framing_lost(void **state)
{
	static const struct {
		const char *text;
		bool at_end;
		const char *reason;
	} rows[] = {
		{ "hello\n", false, "it starts with neither a count nor <" },
		{ "<13>x\n\n<14>y\n", false, "it starts with neither a count nor <" },
		{ "123456 x", false, "the count has more than 5 digits" },
		{ "9000 x", false, "the count is above 8192" },
		{ "5:<13>x", false, "no blank follows the count" },
		{ "<13>no end", true, "the connection ended within it" },
		{ "20 <13>short", true, "the connection ended within it" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct drv d;

		setup(&d, "service syslog\nservice syslog tcp\n");
		opened(&d, STREAM);
		drv_bytes(&d, STREAM, rows[i].text, strlen(rows[i].text), 0);
		if (rows[i].at_end) {
			drv_expect_no_decision(&d, "syslog.server.drop-tcp-frame");
			drv_closed(&d, STREAM, ECONNRESET);
		}
		drv_expect_value(&d, "syslog.server.drop-tcp-frame", "reason", rows[i].reason);
		drv_want(&d, FX_CLOSE, "close");
		drv_done(&d);
	}
}

static void many_connections(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, "service syslog\nservice syslog tcp\n");
	for (uint32_t i = 0; i < SYSLOG_STREAMS_MAX; i++)
		opened(&d, STREAM + i);
	drv_expect_decision(&d, "syslog.server.tcp-open");
	opened(&d, STREAM + SYSLOG_STREAMS_MAX);
	drv_expect_decision(&d, "syslog.server.drop-tcp-full");
	assert_int_equal(drv_want(&d, FX_CLOSE, "close")->close.how, CLOSE_RESET);
	drv_closed(&d, STREAM, ECONNRESET);
	drv_expect_value(&d, "syslog.server.tcp-close", "how", strerror(ECONNRESET));
	opened(&d, STREAM + SYSLOG_STREAMS_MAX + 1);
	drv_expect_decision(&d, "syslog.server.tcp-open");
	drv_done(&d);
}

/* More messages in one piece than one turn may take: the rest follows, in order, from both. */
static void a_flood(void **state)
{
	struct sbuf text = SBUF(1u << 20);
	unsigned n = 0;
	struct drv d;

	(void)state;
	setup(&d, "service syslog\nservice syslog tcp\n");
	opened(&d, STREAM);
	opened(&d, STREAM + 1);
	for (int i = 0; i < 2000; i++)
		sbuf_printf(&text, "<13>message %d\n", i);
	drv_bytes(&d, STREAM, text.data, text.len, 0);
	n += drv_count(&d, FX_FACT_BEGIN);
	drv_bytes(&d, STREAM + 1, text.data, text.len, 0);
	n += drv_count(&d, FX_FACT_BEGIN);
	drv_closed(&d, STREAM, 0);
	n += drv_count(&d, FX_FACT_BEGIN);
	drv_expect_no_decision(&d, "syslog.server.tcp-close");
	assert_int_equal(n, 1800);
	for (int i = 0; i < 20 && drv_deadline(&d) != NEVER; i++) {
		drv_timer(&d);
		n += drv_count(&d, FX_FACT_BEGIN);
	}
	assert_int_equal(n, 4000);
	drv_expect_fact(&d, FX_FACT_BEGIN, "syslog", "4000");
	assert_int_equal(drv_deadline(&d), NEVER);
	sbuf_done(&text);
	drv_done(&d);
}

/* What cannot be read as fast as it comes does not grow for ever. */
static void too_much_waits(void **state)
{
	size_t len = 1u << 20;
	char *text = malloc(len);
	struct drv d;

	(void)state;
	for (size_t i = 0; i < len; i += 8)
		memcpy(text + i, "<13>abc\n", 8);
	setup(&d, "service syslog\nservice syslog tcp\n");
	opened(&d, STREAM);
	for (uint64_t i = 0; i < 4; i++)
		drv_bytes(&d, STREAM, text, len, i * len);
	drv_expect_no_decision(&d, "syslog.server.drop-tcp-frame");
	drv_bytes(&d, STREAM, text, len, 4 * len);
	drv_expect_value(&d, "syslog.server.drop-tcp-frame", "reason",
			 "more came than can wait to be read");
	free(text);
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(off_and_on),
		cmocka_unit_test(what_is_stored),
		cmocka_unit_test(what_is_not),
		cmocka_unit_test(a_long_one),
		cmocka_unit_test(the_table_is_bounded),
		cmocka_unit_test(streams),
		cmocka_unit_test(framing_lost),
		cmocka_unit_test(many_connections),
		cmocka_unit_test(a_flood),
		cmocka_unit_test(too_much_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
