/* The log of a device: each rule of syslog.client, by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "machine_driver.h"
#include "syslog/syslog.h"

static void setup(struct drv *d, const char *conf)
{
	drv_init(d, &syslog_proto, KIND_ROUTER, 2);
	drv_addr(d, 1, "10.0.0.1/24");
	drv_addr(d, 2, "10.0.1.1/24");
	drv_conf(d, conf);
	drv_start(d, "syslog.client");
	d->now = 5 * SEC + 123 * MSEC;
}

static void happens(struct drv *d, enum severity severity, const char *text)
{
	struct log_event e = { severity, "LINK", "UPDOWN", text };

	drv_event(d, (struct ev){ .kind = EV_LOG, .log = &e });
}

static const char *sent(struct drv *d)
{
	static char text[SYSLOG_SEND_MAX + 1];
	const struct fx_effect *e = drv_next_send(d);

	str_copy_n(text, sizeof(text), e->send.data, e->send.len);
	assert_int_equal(strlen(text), e->send.len);
	return text;
}

static const char *shown(struct drv *d)
{
	static char text[2048];
	const struct fx_effect *e = drv_want(d, FX_CONSOLE, "console");

	str_copy_n(text, sizeof(text), e->console.text, e->console.len);
	return text;
}

static void without_configuration(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, "");
	happens(&d, SEVERITY_ERROR, "Interface eth0, changed state to up");
	drv_expect_value(&d, "syslog.client.local", "where", "the console and the buffer");
	drv_expect_value(&d, "syslog.client.no-server", "event", "%LINK-3-UPDOWN");
	assert_string_equal(shown(&d), "*Jan  1 08:00:05.123: %LINK-3-UPDOWN: Interface eth0, "
				       "changed state to up\n");
	drv_expect_none(&d, FX_SEND);
	drv_command(&d, "show logging");
	drv_expect_decision(&d, "syslog.client.show");
	drv_expect_output(&d, "Syslog logging: enabled (1 events)\n"
			      "    Console logging: level debugging, 1 messages logged\n"
			      "    Monitor logging: level debugging, 1 messages logged\n"
			      "    Buffer logging: level debugging, 1 messages logged\n"
			      "    Trap logging: level informational, 0 message lines logged\n"
			      "\n"
			      "Log Buffer (4096 bytes):\n"
			      "\n"
			      "*Jan  1 08:00:05.123: %LINK-3-UPDOWN: Interface eth0, changed state "
			      "to up\n");
	assert_int_equal(d.status, 0);
	drv_command(&d, "clear logging");
	drv_expect_value(&d, "syslog.client.clear", "len", "74");
	drv_command(&d, "show logging");
	drv_expect_output(&d, "Log Buffer (4096 bytes):\n\n");
	assert_null(strstr(drv_output(&d), "UPDOWN"));
	drv_done(&d);
}

static void switched_off(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, "no logging on\nlogging host 10.0.0.9\n");
	happens(&d, SEVERITY_ERROR, "x");
	drv_expect_decision(&d, "syslog.client.disabled");
	drv_expect_no_decision(&d, "syslog.client.local");
	drv_expect_none(&d, FX_SEND);
	drv_expect_none(&d, FX_CONSOLE);
	drv_command(&d, "show logging");
	drv_expect_output(&d, "Syslog logging: disabled (1 events)\n");
	drv_conf(&d, "logging on\n");
	happens(&d, SEVERITY_ERROR, "x");
	drv_expect_decision(&d, "syslog.client.send");
	drv_done(&d);
}

static void every_server_gets_it(void **state)
{
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	setup(&d, "logging host 10.0.0.9\nlogging 10.0.0.8\n"
		  "logging host 10.0.0.7 transport udp port 5140\n");
	assert_string_equal(drv_running(&d),
			    "logging host 10.0.0.9\nlogging host 10.0.0.8\n"
			    "logging host 10.0.0.7 transport udp port 5140\n!\nend\n");
	happens(&d, SEVERITY_NOTICE, "text");
	assert_int_equal(drv_next_bind(&d)->bind.local.port, 0);
	drv_expect_value(&d, "syslog.client.format", "pri", "189");
	assert_string_equal(sent(&d), "<189>Jan  1 08:00:05 dut *%LINK-5-UPDOWN: text");
	assert_string_equal(sent(&d), "<189>Jan  1 08:00:05 dut *%LINK-5-UPDOWN: text");
	e = drv_next_send(&d);
	assert_int_equal(e->send.dst.port, 5140);
	assert_false(addr_is_set(&e->send.src.addr));
	assert_int_equal(drv_count(&d, FX_SEND), 3);
	drv_conf(&d, "no logging 10.0.0.9\nno logging host 10.0.0.7 transport udp port 5140\n"
		     "logging facility local3\nlogging source-interface eth1\n");
	happens(&d, SEVERITY_NOTICE, "text");
	drv_expect_none(&d, FX_BIND); /* it has its socket */
	e = drv_next_send(&d);
	assert_memory_equal(e->send.data, "<157>", 5);
	assert_true(addr_equal(&e->send.dst.addr, &(struct addr){ 4, { 10, 0, 0, 8 } }));
	assert_true(addr_equal(&e->send.src.addr, &(struct addr){ 4, { 10, 0, 1, 1 } }));
	assert_int_equal(drv_count(&d, FX_SEND), 1);
	drv_conf(&d, "no logging facility\nno logging source-interface\n");
	happens(&d, SEVERITY_NOTICE, "text");
	e = drv_next_send(&d);
	assert_memory_equal(e->send.data, "<189>", 5);
	assert_false(addr_is_set(&e->send.src.addr));
	drv_done(&d);
}

static void by_either_family(void **state)
{
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	setup(&d,
	      "logging host 10.0.0.9\nlogging host 2001:db8::9\nlogging source-interface eth1\n");
	happens(&d, SEVERITY_NOTICE, "text");
	assert_int_equal(drv_next_bind(&d)->bind.local.addr.family, 4);
	e = drv_next_bind(&d);
	assert_int_equal(e->bind.local.addr.family, 6);
	assert_int_equal(drv_next_send(&d)->send.src.addr.family, 4);
	assert_int_equal(drv_next_send(&d)->send.sock, e->bind.sock);
	happens(&d, SEVERITY_NOTICE, "text");
	drv_expect_none(&d, FX_BIND);
	drv_done(&d);
}

static void levels(void **state)
{
	static const struct {
		const char *conf;
		enum severity severity;
		bool sent;
		const char *where;
	} rows[] = {
		{ "", SEVERITY_INFORMATIONAL, true, "the console and the buffer" },
		{ "", SEVERITY_DEBUG, false, "the console and the buffer" },
		{ "logging trap debugging\n", SEVERITY_DEBUG, true, "the console and the buffer" },
		{ "logging trap 3\n", SEVERITY_ERROR, true, "the console and the buffer" },
		{ "logging trap 3\n", SEVERITY_WARNING, false, "the console and the buffer" },
		{ "no logging trap\n", SEVERITY_EMERGENCY, false, "the console and the buffer" },
		{ "logging console warnings\n", SEVERITY_NOTICE, true, "the buffer" },
		{ "no logging buffered\n", SEVERITY_NOTICE, true, "the console" },
		{ "logging buffered errors\n", SEVERITY_NOTICE, true, "the console" },
		{ "no logging console\nlogging buffered 8192 2\n", SEVERITY_ERROR, true,
		  "neither console nor buffer: their levels leave it out" },
		{ "logging trap\n", SEVERITY_DEBUG, false, "the console and the buffer" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct drv d;

		setup(&d, "logging host 10.0.0.9\n");
		drv_conf(&d, rows[i].conf);
		happens(&d, rows[i].severity, "text");
		drv_expect_value(&d, "syslog.client.local", "where", rows[i].where);
		if (rows[i].sent)
			drv_expect_decision(&d, "syslog.client.send");
		else
			drv_expect_decision(&d, "syslog.client.severity-filter");
		assert_int_equal(drv_count(&d, FX_SEND), rows[i].sent);
		drv_done(&d);
	}
}

static void consoles_and_monitors(void **state)
{
	static const struct {
		const char *conf;
		unsigned to;
	} rows[] = {
		{ "", BIT(CONSOLE_LOCAL) | BIT(CONSOLE_MONITOR) },
		{ "no logging console\n", BIT(CONSOLE_MONITOR) },
		{ "logging monitor 4\n", BIT(CONSOLE_LOCAL) },
		{ "no logging console\nno logging monitor\n", 0 },
	};
	struct drv d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		setup(&d, rows[i].conf);
		happens(&d, SEVERITY_NOTICE, "text");
		if (rows[i].to)
			assert_int_equal(drv_want(&d, FX_CONSOLE, "console")->console.to,
					 rows[i].to);
		drv_expect_none(&d, FX_SEND);
		assert_int_equal(drv_count(&d, FX_CONSOLE), rows[i].to != 0);
		drv_done(&d);
	}
}

static void the_configuration_keeps_names(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, "logging trap 7\nlogging console 0\nlogging buffered 5000 4\n");
	assert_string_equal(drv_running(&d), "logging trap debugging\nlogging console emergencies\n"
					     "logging buffered 5000 warnings\n!\nend\n");
	drv_conf(&d, "logging buffered 9000\nlogging userinfo\n");
	drv_command(&d, "show logging");
	drv_expect_output(&d, "Buffer logging: level debugging, 0");
	drv_expect_output(&d, "Log Buffer (9000 bytes)");
	drv_conf(&d, "logging buffered 2000000000\nno logging console\nno logging trap\n");
	drv_command(&d, "show logging");
	drv_expect_output(&d, "Log Buffer (1048576 bytes)");
	drv_expect_output(&d, "    Console logging: disabled\n");
	drv_expect_output(&d, "    Trap logging: disabled\n");
	assert_non_null(strstr(drv_conf_refused(&d, "logging host 0.0.0.0\n"), "1:"));
	assert_non_null(strstr(drv_conf_refused(&d, "logging host 224.0.0.1\n"),
			       "not the address of a host"));
	assert_non_null(strstr(drv_conf_refused(&d, "logging source-interface eth7\n"),
			       "no such interface"));
	assert_non_null(strstr(drv_conf_refused(&d, "logging facility local9\n"), "expected"));
	drv_done(&d);
}

static void sixteen_servers(void **state)
{
	char line[64];
	struct drv d;

	(void)state;
	setup(&d, "");
	for (int i = 1; i <= 16; i++) {
		snprintf(line, sizeof(line), "logging host 10.0.0.%d\n", i);
		drv_conf(&d, line);
	}
	assert_non_null(strstr(drv_conf_refused(&d, "logging host 10.0.0.17\n"), "16 servers"));
	happens(&d, SEVERITY_NOTICE, "text");
	assert_int_equal(drv_count(&d, FX_SEND), 16);
	/* One goes, one comes: its counts start anew. */
	drv_conf(&d, "no logging host 10.0.0.3\nlogging host 10.0.0.17\n");
	happens(&d, SEVERITY_NOTICE, "text");
	assert_int_equal(drv_count(&d, FX_SEND), 16);
	drv_command(&d, "show logging");
	drv_expect_output(&d,
			  "Logging to 10.0.0.2 (udp port 514), 2 message lines logged, 0 failed");
	drv_expect_output(&d,
			  "Logging to 10.0.0.17 (udp port 514), 1 message lines logged, 0 failed");
	drv_done(&d);
}

static void stamps(void **state)
{
	static const struct {
		const char *conf;
		nsec_t now;
		const char *text;
	} rows[] = {
		{ "", 5 * SEC, "*Jan  1 08:00:05.000: %LINK-5-UPDOWN: text\n" },
		{ "no service timestamps log\n", 5 * SEC, "%LINK-5-UPDOWN: text\n" },
		{ "service timestamps log datetime\n", 5 * SEC,
		  "*Jan  1 08:00:05: %LINK-5-UPDOWN: text\n" },
		{ "service timestamps log datetime msec localtime show-timezone year\n", 5 * SEC,
		  "*Jan  1 2026 08:00:05.000 UTC: %LINK-5-UPDOWN: text\n" },
		{ "service timestamps log uptime\n", 5 * SEC, "00:00:05: %LINK-5-UPDOWN: text\n" },
		{ "service timestamps log uptime\n", 93600 * SEC, "1d02h: %LINK-5-UPDOWN: text\n" },
		{ "service timestamps log uptime\n", 2246400 * SEC,
		  "3w5d: %LINK-5-UPDOWN: text\n" },
		{ "service sequence-numbers\nno service timestamps log\n", 5 * SEC,
		  "000001: %LINK-5-UPDOWN: text\n" },
		{ "service timestamps debug datetime msec\n", 5 * SEC,
		  "*Jan  1 08:00:05.000: %LINK-5-UPDOWN: text\n" },
	};
	struct drv d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		setup(&d, rows[i].conf);
		d.now = rows[i].now;
		happens(&d, SEVERITY_NOTICE, "text");
		assert_string_equal(shown(&d), rows[i].text);
		drv_done(&d);
	}
	setup(&d, "");
	assert_non_null(strstr(drv_conf_refused(&d, "service timestamps log uptime msec\n"),
			       "no such parts"));
	drv_done(&d);
}

static void how_far_its_time_is_to_be_trusted(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, "logging host 10.0.0.9\n");
	d.dev.clock = (struct device_clock){ .offset_ns = 3600 * SEC, .trust = CLOCK_SET };
	happens(&d, SEVERITY_NOTICE, "text");
	assert_string_equal(sent(&d), "<189>Jan  1 09:00:05 dut %LINK-5-UPDOWN: text");
	assert_string_equal(shown(&d), "Jan  1 09:00:05.123: %LINK-5-UPDOWN: text\n");
	d.dev.clock.trust = CLOCK_LOST;
	happens(&d, SEVERITY_NOTICE, "text");
	assert_string_equal(sent(&d), "<189>Jan  1 09:00:05 dut .%LINK-5-UPDOWN: text");
	assert_string_equal(shown(&d), ".Jan  1 09:00:05.123: %LINK-5-UPDOWN: text\n");
	drv_done(&d);
}

static void hostile_texts(void **state)
{
	char text[LOG_TEXT_MAX + 200];
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	setup(&d, "logging host 10.0.0.9\n");
	happens(&d, SEVERITY_NOTICE, "a\n<0>b\033[2J\x7f");
	assert_string_equal(sent(&d), "<189>Jan  1 08:00:05 dut *%LINK-5-UPDOWN: a <0>b [2J ");
	assert_string_equal(shown(&d), "*Jan  1 08:00:05.123: %LINK-5-UPDOWN: a <0>b [2J \n");
	memset(text, 'x', sizeof(text));
	for (size_t i = 900; i + 1 < sizeof(text); i += 2) /* e acute, cut nowhere in the middle */
		memcpy(text + i, "\xc3\xa9", 2);
	text[sizeof(text) - 1] = '\0';
	happens(&d, SEVERITY_NOTICE, text);
	e = drv_next_send(&d);
	assert_true(e->send.len <= SYSLOG_SEND_MAX && e->send.len > SYSLOG_SEND_MAX - 3);
	assert_int_equal(((const uint8_t *)e->send.data)[e->send.len - 1], 0xa9);
	drv_done(&d);
}

static void the_buffer_keeps_whole_lines(void **state)
{
	const char *first;
	char text[64];
	struct drv d;

	(void)state;
	setup(&d, "no service timestamps log\n");
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "event %d", i);
		happens(&d, SEVERITY_NOTICE, text);
	}
	drv_command(&d, "show logging");
	first = strstr(drv_output(&d), "bytes):\n\n") + 9;
	assert_true(strlen(first) <= 4096 && strlen(first) > 4096 - 30);
	assert_memory_equal(first, "%LINK-5-UPDOWN: event ", 22);
	drv_expect_output(&d, "event 999\n");
	assert_null(strstr(drv_output(&d), "event 1\n"));
	drv_conf(&d, "logging buffered 4096\nlogging buffered 5000\n");
	happens(&d, SEVERITY_NOTICE, "one more");
	drv_command(&d, "show logging");
	drv_expect_output(&d, "one more\n");
	drv_done(&d);
}

static void a_failed_send_is_counted(void **state)
{
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	setup(&d, "logging host 10.0.0.9\nlogging host 10.0.0.8\n");
	happens(&d, SEVERITY_NOTICE, "text");
	e = drv_next_send(&d);
	drv_failed(&d, e, 1, ENETUNREACH);
	drv_expect_value(&d, "syslog.client.send-failed", "server", "10.0.0.9");
	drv_expect_value(&d, "syslog.client.send-failed", "count", "1");
	drv_expect_none(&d, FX_LOG); /* that would be sent, and fail, for ever */
	drv_command(&d, "show logging");
	drv_expect_output(&d,
			  "Logging to 10.0.0.9 (udp port 514), 1 message lines logged, 1 failed");
	drv_expect_output(&d,
			  "Logging to 10.0.0.8 (udp port 514), 1 message lines logged, 0 failed");
	happens(&d, SEVERITY_NOTICE, "text");
	drv_failed(&d, &(struct fx_effect){ .kind = FX_BIND, .id = 77 }, 1, EMFILE);
	happens(&d, SEVERITY_NOTICE, "text"); /* it tries again */
	drv_next_bind(&d);
	drv_done(&d);
}

static void by_hand(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, "");
	drv_command(&d, "send log 3 all is lost");
	drv_expect_log(&d, "%SYS-3-USERLOG_ERR: Message from tty0(user id: ): all is lost");
	drv_command(&d, "send log nothing much");
	drv_expect_log(&d, "%SYS-7-USERLOG_DEBUG: Message from tty0(user id: ): nothing much");
	assert_int_equal(d.status, 0);
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_configuration),
		cmocka_unit_test(switched_off),
		cmocka_unit_test(every_server_gets_it),
		cmocka_unit_test(by_either_family),
		cmocka_unit_test(levels),
		cmocka_unit_test(consoles_and_monitors),
		cmocka_unit_test(the_configuration_keeps_names),
		cmocka_unit_test(sixteen_servers),
		cmocka_unit_test(stamps),
		cmocka_unit_test(how_far_its_time_is_to_be_trusted),
		cmocka_unit_test(hostile_texts),
		cmocka_unit_test(the_buffer_keeps_whole_lines),
		cmocka_unit_test(a_failed_send_is_counted),
		cmocka_unit_test(by_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
