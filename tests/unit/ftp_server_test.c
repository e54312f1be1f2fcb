/* The server's sessions and lines, driven by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "ftp_server_driver.h"

static void on_and_off(void **state)
{
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	begin(&d, "");
	drv_expect_decision(&d, "ftp.server.enabled-default");
	drv_expect_decision(&d, "ftp.server.listen-control");
	drv_expect_value(&d, "ftp.control-tos", "role", "server");
	e = drv_want(&d, FX_LISTEN, "listen");
	assert_int_equal(e->listen.local.port, 21);
	assert_int_equal(e->listen.tos, 0x10);
	drv_failed(&d, e, 1, EADDRINUSE);
	drv_expect_decision(&d, "ftp.server.no-port");
	drv_conf(&d, "ip ftp server");
	drv_expect_no_decision(&d, "ftp.server.enabled-default");
	connects(&d, CTRL, PEER);
	drv_expect_fact(&d, FX_FACT_BEGIN, "ftp_session", "server 1");
	drv_conf(&d, "no ip ftp server");
	drv_expect_decision(&d, "ftp.server.service-disabled");
	hears(&d, "421 ");
	assert_int_equal(drv_count(&d, FX_CLOSE), 3);
	drv_conf(&d, "ip ftp server");
	connects(&d, CTRL, PEER);
	drv_stop(&d);
	hears(&d, "421 ");
	drv_done(&d);
}

static void a_router_does_not_serve_unasked(void **state)
{
	struct drv d;

	(void)state;
	drv_init(&d, &ftp_proto, KIND_ROUTER, 1);
	drv_start(&d, "ftp.server");
	drv_expect_none(&d, FX_LISTEN);
	drv_expect_none(&d, FX_DECIDE);
	drv_done(&d);
}

static void sessions_are_bounded(void **state)
{
	struct drv d;
	char peer[20];

	(void)state;
	begin(&d, "");
	for (unsigned i = 0; i < 16; i++)
		connects(&d, CTRL + 1 + i, PEER);
	connects(&d, CTRL, PEER);
	drv_expect_value(&d, "ftp.server.greet", "code", "421");
	hears(&d, "421 ");
	for (unsigned i = 0; i < 34; i++) {
		snprintf(peer, sizeof(peer), "10.0.0.%u", 20 + i);
		connects(&d, CTRL + 20 + i, peer);
	}
	drv_expect_value(&d, "ftp.server.greet", "code", "220");
	connects(&d, CTRL, "10.0.0.200");
	hears(&d, "421 ");
	drv_closed(&d, CTRL + 1, 0);
	drv_expect_fact(&d, FX_FACT_END, "ftp_session", "server 1");
	connects(&d, CTRL, "10.0.0.200");
	hears(&d, "220 ");
	drv_done(&d);
}

static void logins(void **state)
{
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	begin(&d, USERS "ip ftp server anonymous\n");
	connects(&d, CTRL, PEER);
	says(&d, "PASS pw", "503 ");
	says(&d, "USER", "501 ");
	says(&d, "PWD", "530 ");
	drv_expect_decision(&d, "ftp.cmd.not-logged-in");
	says(&d, "USER ann", "331 ");
	says(&d, "PASS pw", "230 User ann");
	drv_expect_column(&d, "ftp_session", "server 1", "rights", "rwdnl");
	drv_expect_decision(&d, "ftp.mask-secrets");
	drv_expect_value(&d, "ftp.server.perform", "command", "PASS ***");
	drv_expect_value(&d, "ftp.cmd.pass", "command", "PASS ***");
	says(&d, "USER Anonymous", "331 ");
	says(&d, "PWD", "530 ");
	says(&d, "USER ftp", "331 ");
	says(&d, "PASS me@here", "230 ");
	drv_expect_column(&d, "ftp_session", "server 1", "rights", "rl");
	/* users of the device */
	says(&d, "USER admin", "331 ");
	say(&d, "PASS secret");
	e = drv_next_ask(&d);
	assert_int_equal(e->ask.ask->kind, ASK_LOGIN);
	assert_string_equal(e->ask.ask->login.user, "admin");
	assert_string_equal(e->ask.ask->login.password, "secret");
	drv_answer(&d, e->ask.ask_id, &(struct answer){ .login.privilege = 15 });
	hears(&d, "230 ");
	drv_expect_column(&d, "ftp_session", "server 1", "rights", "rwdnl");
	says(&d, "USER guest", "331 ");
	say(&d, "PASS x\r\nNOOP"); /* the next command waits */
	e = drv_next_ask(&d);
	drv_answer(&d, e->ask.ask_id, &(struct answer){ .login.privilege = 1 });
	hears(&d, "200 ");
	drv_expect_column(&d, "ftp_session", "server 1", "rights", "rl");
	says(&d, "QUIT", "221 ");
	drv_expect_decision(&d, "ftp.cmd.quit");
	assert_int_equal(drv_want(&d, FX_CLOSE, "close")->close.how, CLOSE_FLUSH);
	drv_done(&d);
}

static void a_login_that_fails(void **state)
{
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	begin(&d, USERS);
	connects(&d, CTRL, PEER);
	say(&d, "USER ann");
	say(&d, "PASS wrong");
	drv_expect_decision(&d, "ftp.server.auth-fail");
	drv_expect_log(&d, "%FTP-4-LOGINFAILED: Login failed [user: ann] [Source: 10.0.0.9]");
	drv_expect_none(&d, FX_WRITE);
	say(&d, "NOOP"); /* does not make it shorter */
	drv_expect_none(&d, FX_WRITE);
	drv_timer_until(&d, 1 * SEC);
	hears(&d, "530 ");
	drv_expect_fact(&d, FX_FACT_END, "ftp_session", "server 1");
	connects(&d, CTRL + 1, PEER);
	drv_bytes(&d, CTRL + 1, "USER nobody\r\nPASS x\r\n", 21, 0);
	e = drv_next_ask(&d);
	drv_answer(&d, e->ask.ask_id, &(struct answer){ .err = -EACCES });
	drv_expect_decision(&d, "ftp.server.auth-fail");
	drv_done(&d);
}

static void lines_that_are_no_commands(void **state)
{
	char line[1200];
	struct drv d;

	(void)state;
	begin(&d, USERS);
	connects(&d, CTRL, PEER);
	says(&d, "XYZ", "500 ");
	drv_expect_value(&d, "ftp.server.unsupported", "code", "500");
	says(&d, "auth TLS", "502 ");
	says(&d, "NO", "500 ");
	drv_expect_decision(&d, "ftp.server.reject-invalid");
	says(&d, "NOOPS", "500 ");
	says(&d, "USER a\001", "500 ");
	says(&d, "", "500 ");
	octets(&d, "NOOP\0\r\n", 7);
	hears(&d, "500 ");
	memset(line, 'A', sizeof(line));
	line[1025] = '\0';
	memcpy(line, "USER ", 5);
	says(&d, line, "500 ");
	octets(&d, line, 1025);
	drv_expect_none(&d, FX_WRITE);
	octets(&d, line, 100); /* the end has not come, and it is too long already */
	octets(&d, "\r\nNOOP\n", 7);
	hears(&d, "200 "); /* a bare LF will do */
	for (int i = 0; i < 12; i++)
		says(&d, "?", "500 ");
	says(&d, "?", "421 ");
	drv_expect_value(&d, "ftp.server.reject-invalid", "count", "20");
	drv_expect_fact(&d, FX_FACT_END, "ftp_session", NULL);
	drv_done(&d);
}

static void telnet_octets(void **state)
{
	static const char t[] =
		"\377\375\001\377\373\003\377\374\005\377\372\030\1\2\377\360NO\377\361OP\r\n";
	char *all;
	struct drv d;

	(void)state;
	begin(&d, USERS);
	connects(&d, CTRL, PEER);
	octets(&d, t, sizeof(t) - 1);
	drv_expect_value(&d, "ftp.server.telnet-bytes", "refused", "2");
	all = drv_written(&d, CTRL, NULL);
	assert_memory_equal(all, "\377\374\001\377\376\003200 ", 10);
	free(all);
	octets(&d, "\377\364\377", 3); /* interrupt process, and half of data mark */
	octets(&d, "\362NOOP\r\n", 7);
	hears(&d, "200 ");
	drv_done(&d);
}

static void many_lines_at_once(void **state)
{
	struct sbuf many = SBUF(65536);
	unsigned n = 0, before;
	struct drv d;

	(void)state;
	begin(&d, USERS);
	connects(&d, CTRL, PEER);
	for (int i = 0; i < 5000; i++)
		sbuf_puts(&many, "NOOP\r\n");
	octets(&d, many.data, many.len);
	assert_true(drv_want(&d, FX_PAUSE, "pause")->pause.on);
	do {
		before = n;
		n += drv_count(&d, FX_WRITE);
		drv_timer(&d);
	} while (n != before && n < 5000 && d.now < SEC);
	assert_int_equal(n, 5000);
	sbuf_done(&many);
	drv_done(&d);
}

static void nobody_says_anything(void **state)
{
	struct drv d;

	(void)state;
	begin(&d, "ip ftp server timeout 10\n");
	connects(&d, CTRL, PEER);
	drv_timer_until(&d, 9 * SEC);
	says(&d, "NOOP", "200 ");
	drv_timer_until(&d, 18 * SEC);
	drv_expect_none(&d, FX_CLOSE);
	drv_timer_until(&d, 19 * SEC);
	drv_expect_decision(&d, "ftp.server.idle");
	hears(&d, "421 ");
	drv_done(&d);
}

static void simple_commands(void **state)
{
	struct drv d;

	(void)state;
	begin(&d, USERS);
	connects(&d, CTRL, PEER);
	says(&d, "SYST", "215 UNIX Type: L8");
	says(&d, "FEAT", "211 End");
	says(&d, "OPTS UTF8 ON", "200 ");
	says(&d, "OPTS MLST type;", "200 ");
	says(&d, "OPTS X", "501 ");
	says(&d, "OPTS", "501 ");
	says(&d, "HELP", "214 Commands: USER PASS");
	drv_expect_value(&d, "ftp.cmd.minimum-set", "count", "36");
	says(&d, "USER ann", "331 ");
	says(&d, "PASS pw", "230 ");
	says(&d, "TYPE A", "200 Type set to A");
	says(&d, "TYPE A N", "200 Type set to A");
	says(&d, "REST 5", "504 ");
	says(&d, "type l 8", "200 Type set to I");
	says(&d, "TYPE E", "504 ");
	says(&d, "TYPE", "501 ");
	says(&d, "MODE S", "200 ");
	says(&d, "MODE B", "504 ");
	says(&d, "STRU F", "200 ");
	says(&d, "STRU R", "504 ");
	says(&d, "ALLO 5", "202 ");
	says(&d, "STAT", "211 Connected to 10.0.0.1, logged in as ann");
	says(&d, "STAT x", "504 ");
	says(&d, "REST x", "501 ");
	says(&d, "REST 5", "350 ");
	says(&d, "ABOR", "226 ");
	drv_expect_decision(&d, "ftp.cmd.abor");
	drv_done(&d);
}

static void show(void **state)
{
	struct drv d;

	(void)state;
	begin(&d, USERS);
	logs_in(&d, "ann");
	drv_command(&d, "show ip ftp server");
	assert_non_null(strstr(drv_output(&d), "FTP server is on"));
	assert_non_null(strstr(drv_output(&d), "10.0.0.9: ann in /, 2 commands"));
	drv_done(&d);
}

static void lines_of_configuration(void **state)
{
	char line[100];
	struct drv d;

	(void)state;
	begin(&d, "ip ftp server path /pub/\nip ftp server quota 1\n"
		  "ip ftp server user carl secret hidden rights rw\n");
	assert_non_null(strstr(drv_running(&d), "ip ftp server user carl secret 5 $1$"));
	assert_null(strstr(drv_running(&d), "hidden"));
	drv_conf(&d, "ip ftp server user dora password 7 02050D480809\n");
	drv_conf(&d, "ip ftp server user eve secret 5 $1$abcd$0123456789012345678901\n");
	drv_conf_refused(&d, "ip ftp server user x secret 5 nohash");
	drv_conf_refused(&d, "ip ftp server user x password 7 zz");
	drv_conf_refused(&d, "ip ftp server user x password 9 zz");
	drv_conf_refused(&d, "ip ftp server user x password pw rights rx");
	drv_conf(&d, "no ip ftp server user dora\nno ip ftp server anonymous\n"
		     "no ip ftp server quota\nno ip ftp server timeout\nno ip ftp server path\n");
	for (int i = 0; i < FTP_USERS_MAX - 2; i++) {
		snprintf(line, sizeof(line), "ip ftp server user u%d password pw", i);
		drv_conf(&d, line);
	}
	drv_conf_refused(&d, "ip ftp server user more password pw");
	connects(&d, CTRL, PEER);
	say(&d, "USER carl");
	says(&d, "PASS hidden", "230 ");
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_and_off),
		cmocka_unit_test(a_router_does_not_serve_unasked),
		cmocka_unit_test(sessions_are_bounded),
		cmocka_unit_test(logins),
		cmocka_unit_test(a_login_that_fails),
		cmocka_unit_test(lines_that_are_no_commands),
		cmocka_unit_test(telnet_octets),
		cmocka_unit_test(many_lines_at_once),
		cmocka_unit_test(nobody_says_anything),
		cmocka_unit_test(simple_commands),
		cmocka_unit_test(show),
		cmocka_unit_test(lines_of_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
