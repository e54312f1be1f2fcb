/* The Telnet server: options, login, session, ends. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "machine_driver.h"
#include "telnet/telnet.h"

#define SOCK   (SOCK_ACCEPTED + 1)
#define CLIENT "10.0.0.9"
#define OFFER  "\377\373\1\377\373\3\377\375\30\377\375\37"
#define AGREED "\377\375\1\377\375\3\377\373\30\377\373\37"
#define KEY    "server 1"
#define TABLE  "telnet_session"

static void begin(struct drv *d)
{
	drv_init(d, &telnet_proto, KIND_ROUTER, 1);
	drv_start(d, "telnet.server");
}

static void sends(struct drv *d, const char *octets, size_t len)
{
	drv_bytes(d, SOCK, octets, len, 0);
}
#define SENDS(d, text) sends((d), (text), sizeof(text) - 1)

/* All octets of the window to the client; valid until the next call. */
static const char *wrote(struct drv *d, size_t *ret_len)
{
	static char text[70000];
	size_t len;
	char *all = drv_written(d, SOCK, &len);

	assert_true(len < sizeof(text));
	memcpy(text, all, len + 1);
	free(all);
	if (ret_len)
		*ret_len = len;
	return text;
}

static const struct fx_effect *asked(struct drv *d, enum ask_kind kind)
{
	const struct fx_effect *e = drv_next_ask(d);

	while (e->ask.ask->kind != kind)
		e = drv_next_ask(d);
	return e;
}

static void connects(struct drv *d, struct answer a)
{
	drv_opened(d, SOCK, 1, drv_ep("10.0.0.1", 23), drv_ep(CLIENT, 4000));
	assert_int_equal(drv_next_ask(d)->ask.ask->line.op, LINE_OPEN);
	drv_answer(d, d->last[FX_ASK]->ask.ask_id, &a);
}

static struct answer line_of(enum line_login login)
{
	return (struct answer){
		.line = { .line = 2, .login = login, .privilege = 1, .timeout_ns = 600 * SEC }
	};
}

/* Up to the session; its socket. */
static uint32_t works(struct drv *d)
{
	connects(d, line_of(LOGIN_NONE));
	SENDS(d, AGREED);
	return drv_want(d, FX_TERMINAL, "terminal")->terminal.sock;
}

/* --- on and off --------------------------------------------------------------------------- */

static void it_runs_by_itself(void **state)
{
	struct drv d;

	(void)state;
	begin(&d);
	drv_expect_decision(&d, "telnet.server.autostart");
	drv_expect_decision(&d, "telnet.server.listen");
	assert_int_equal(drv_count(&d, FX_LISTEN), 2);
	drv_conf(&d, "no ip telnet server");
	drv_expect_decision(&d, "telnet.server.stop");
	assert_int_equal(drv_count(&d, FX_CLOSE), 2);
	drv_conf(&d, "ip telnet server");
	drv_failed(&d, drv_want(&d, FX_LISTEN, "listen"), 1, EADDRINUSE);
	drv_expect_decision(&d, "telnet.server.no-port");
	drv_done(&d);
	drv_init(&d, &telnet_proto, KIND_SERVER, 1);
	drv_start(&d, "telnet.server");
	drv_expect_none(&d, FX_LISTEN);
	drv_done(&d);
}

/* --- a line, or none ---------------------------------------------------------------------- */

static void no_line(void **state)
{
	struct answer busy = { .err = -EBUSY, .why = "all lines are in use" },
		      denied = { .err = -EACCES }, no_key = { .err = -ENOKEY };
	struct drv d;

	(void)state;
	begin(&d);
	connects(&d, busy);
	drv_expect_value(&d, "telnet.server.drop-vty-exhausted", "why", "all lines are in use");
	assert_int_equal(drv_want(&d, FX_CLOSE, "close")->close.how, CLOSE_RESET);
	drv_expect_column(&d, TABLE, KEY, "result", "all lines are in use");
	connects(&d, denied);
	drv_expect_decision(&d, "telnet.server.drop-access-class");
	drv_expect_none(&d, FX_WRITE); /* without a word */
	connects(&d, no_key);
	drv_expect_decision(&d, "telnet.server.vty-login");
	assert_string_equal(wrote(&d, NULL), "\r\n\r\nPassword required, but none set\r\n");
	drv_done(&d);
}

static void connections_are_bounded(void **state)
{
	struct drv d;

	(void)state;
	begin(&d);
	for (unsigned i = 0; i < TELNET_CONNS_MAX; i++)
		drv_opened(&d, SOCK + i, 1, drv_ep("10.0.0.1", 23), drv_ep(CLIENT, 4000));
	drv_opened(&d, SOCK + 99, 1, drv_ep("10.0.0.1", 23), drv_ep(CLIENT, 4000));
	drv_expect_decision(&d, "telnet.server.drop-vty-exhausted");
	drv_done(&d);
}

/* --- login -------------------------------------------------------------------------------- */

static void the_lines_password(void **state)
{
	const struct fx_effect *e;
	struct answer no = { .err = -EACCES }, yes = { 0 };
	struct drv d;

	(void)state;
	begin(&d);
	connects(&d, line_of(LOGIN_PASSWORD));
	drv_expect_decision(&d, "telnet.nvt");
	drv_expect_decision(&d, "telnet.server.offer");
	assert_string_equal(wrote(&d, NULL),
			    OFFER "\r\nUser Access Verification\r\n\r\nPassword: ");
	SENDS(&d, AGREED "wr");
	SENDS(&d, "ong\177g\r\0");
	drv_expect_decision(&d, "telnet.eol");
	assert_string_equal(wrote(&d, NULL), "\r\n"); /* no echo of a password */
	e = asked(&d, ASK_LINE);
	assert_int_equal(e->ask.ask->line.op, LINE_CHECK);
	assert_int_equal(e->ask.ask->line.line, 2);
	assert_string_equal(e->ask.ask->line.password, "wrong");
	drv_answer(&d, e->ask.ask_id, &no);
	assert_string_equal(wrote(&d, NULL), "Password: ");
	SENDS(&d, "xx\25cisco\r\n");
	e = asked(&d, ASK_LINE);
	assert_string_equal(e->ask.ask->line.password, "cisco");
	drv_answer(&d, e->ask.ask_id, &yes);
	drv_expect_decision(&d, "telnet.server.session");
	e = drv_want(&d, FX_TERMINAL, "terminal");
	assert_false(e->terminal.raw);
	assert_int_equal(e->terminal.level, 1);
	assert_int_equal(e->terminal.columns, 80);
	assert_int_equal(e->terminal.rows, 24);
	assert_string_equal(e->terminal.from, "vty2 (10.0.0.9)");
	drv_done(&d);
}

static void a_user(void **state)
{
	const struct fx_effect *e;
	struct answer yes = { .login.privilege = 15 }, with_banner;
	struct drv d;

	(void)state;
	begin(&d);
	with_banner = line_of(LOGIN_LOCAL);
	str_copy(with_banner.line.banner, sizeof(with_banner.line.banner), "Keep out!\n");
	connects(&d, with_banner);
	assert_non_null(strstr(wrote(&d, NULL), "Keep out!\r\n\r\nUser Access Verification"));
	SENDS(&d, AGREED "\r\n");
	assert_non_null(strstr(wrote(&d, NULL), "\r\nUsername: "));
	SENDS(&d, "anx\bn");
	assert_string_equal(wrote(&d, NULL), "anx\b \bn");
	SENDS(&d, "\r\n");
	assert_string_equal(wrote(&d, NULL), "\r\nPassword: ");
	SENDS(&d, "lab\r\n");
	e = asked(&d, ASK_LOGIN);
	assert_string_equal(e->ask.ask->login.user, "ann");
	assert_string_equal(e->ask.ask->login.password, "lab");
	assert_string_equal(e->ask.ask->login.service, "telnet");
	drv_answer(&d, e->ask.ask_id, &yes);
	e = drv_want(&d, FX_TERMINAL, "terminal");
	assert_int_equal(e->terminal.level, 15);
	assert_string_equal(e->terminal.from, "ann on vty2 (10.0.0.9)");
	drv_expect_column(&d, TABLE, KEY, "user", "ann");
	drv_done(&d);
}

static void three_wrong_tries(void **state)
{
	struct answer no = { .err = -EACCES };
	struct drv d;

	(void)state;
	begin(&d);
	for (int local = 0; local < 2; local++) {
		connects(&d, line_of(local ? LOGIN_LOCAL : LOGIN_PASSWORD));
		for (int i = 0; i < 3; i++) {
			if (local)
				SENDS(&d, "ann\n");
			SENDS(&d, "x\n");
			drv_answer(&d, drv_next_ask(&d)->ask.ask_id, &no);
		}
		drv_expect_value(&d, "telnet.server.login-failed", "tries", "3");
		assert_non_null(
			strstr(wrote(&d, NULL), local ? "% Login invalid" : "% Bad passwords"));
		drv_want(&d, FX_CLOSE, "close");
	}
	drv_done(&d);
}

static void nobody_logs_in(void **state)
{
	struct drv d;

	(void)state;
	begin(&d);
	connects(&d, line_of(LOGIN_LOCAL));
	assert_true(drv_deadline(&d) == d.now + 30 * SEC);
	drv_timer(&d);
	drv_expect_decision(&d, "telnet.server.login-late");
	assert_non_null(strstr(wrote(&d, NULL), "Username:  timeout expired!"));
	assert_int_equal(asked(&d, ASK_LINE)->ask.ask->line.op, LINE_CLOSE);
	drv_done(&d);
}

/* --- the session -------------------------------------------------------------------------- */

static void keys_and_lines(void **state)
{
	struct drv d;
	uint32_t term;
	char *keys;

	(void)state;
	begin(&d);
	term = works(&d);
	SENDS(&d, "sh");
	keys = drv_written(&d, term, NULL);
	assert_string_equal(keys, "sh");
	free(keys);
	drv_bytes(&d, term, "sh", 2, 0);
	drv_expect_value(&d, "telnet.server.echo", "keys", "2");
	assert_string_equal(wrote(&d, NULL), "sh");
	SENDS(&d, "ow users\r\0");
	assert_int_equal(asked(&d, ASK_LINE)->ask.ask->line.op, LINE_TOUCH);
	drv_event(&d, (struct ev){
			      .kind = EV_LINE,
			      .line = { .sock = term, .text = "show users", .understood = true } });
	drv_bytes(&d, term, "\r\ntext\r\nR1> ", 12, 0);
	drv_expect_value(&d, "telnet.server.result", "line", "show users");
	SENDS(&d, "foo\r\n");
	drv_event(&d, (struct ev){ .kind = EV_LINE,
				   .line = { .sock = term, .text = "foo", .status = 2 } });
	drv_bytes(&d, term, "%", 1, 0);
	drv_expect_value(&d, "telnet.server.error", "line", "foo");
	drv_event(&d, (struct ev){ .kind = EV_LINE,
				   .line = { .sock = term,
					     .text = "enable secret ***",
					     .masked = true,
					     .understood = true } });
	drv_expect_value(&d, "telnet.mask-secrets", "line", "enable secret ***");
	drv_closed(&d, term, 0);
	drv_expect_decision(&d, "telnet.server.exit");
	drv_expect_column(&d, TABLE, KEY, "typed", "show users; foo; enable secret ***");
	drv_expect_column(&d, TABLE, KEY, "lines", "3");
	drv_expect_column(&d, TABLE, KEY, "result", "exit");
	drv_done(&d);
}

static void a_client_without_options(void **state)
{
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	begin(&d);
	connects(&d, line_of(LOGIN_NONE));
	drv_expect_none(&d, FX_TERMINAL);
	drv_timer(&d); /* half a second for options */
	e = drv_want(&d, FX_TERMINAL, "terminal");
	assert_true(e->terminal.raw);
	assert_int_equal(e->terminal.rows, 0);
	SENDS(&d, "x");
	drv_bytes(&d, e->terminal.sock, "x", 1, 0);
	drv_expect_no_decision(&d, "telnet.server.echo");
	drv_done(&d);
}

static void iac_in_data(void **state)
{
	struct drv d;
	uint32_t term;
	size_t len;
	char *keys;

	(void)state;
	begin(&d);
	term = works(&d);
	SENDS(&d, "a\377\377b");
	drv_expect_decision(&d, "telnet.iac-escape");
	keys = drv_written(&d, term, NULL);
	assert_string_equal(keys, "a\377b");
	free(keys);
	drv_bytes(&d, term, "\377\rx", 3, 0);
	drv_expect_decision(&d, "telnet.iac-escape");
	assert_memory_equal(wrote(&d, &len), "\377\377\r\0x", 5);
	assert_int_equal(len, 5);
	drv_done(&d);
}

static void too_long_a_line(void **state)
{
	char line[300];
	struct drv d;
	uint32_t term;
	size_t len;
	char *keys;

	(void)state;
	begin(&d);
	term = works(&d);
	memset(line, 'x', sizeof(line));
	sends(&d, line, 254);
	drv_expect_no_decision(&d, "telnet.server.drop-overlong");
	sends(&d, line, 10);
	drv_expect_value(&d, "telnet.server.drop-overlong", "count", "10");
	assert_string_equal(wrote(&d, NULL), "\a");
	SENDS(&d, "\177yz\r");
	drv_expect_value(&d, "telnet.server.drop-overlong", "count", "1");
	keys = drv_written(&d, term, &len);
	assert_string_equal(keys, "\177y\n");
	free(keys);
	SENDS(&d, "z");
	drv_expect_no_decision(&d, "telnet.server.drop-overlong");
	drv_done(&d);
}

static void functions(void **state)
{
	static const struct {
		const char *octets, *deed, *key;
	} rows[] = {
		{ "\377\364", "as Ctrl-C", "\3" },	   { "\377\363", "as Ctrl-C", "\3" },
		{ "\377\367", "edited the line", "\177" }, { "\377\370", "edited the line", "\25" },
		{ "\377\361", "nothing to do", "" },	   { "\377\362", "nothing to do", "" },
		{ "\377\365", "nothing to do", "" },	   { "\377\371", "nothing to do", "" },
	};
	struct drv d;
	uint32_t term;

	(void)state;
	begin(&d);
	term = works(&d);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *keys;

		sends(&d, rows[i].octets, 2);
		drv_expect_value(&d, "telnet.functions", "deed", rows[i].deed);
		keys = drv_written(&d, term, NULL);
		assert_string_equal(keys, rows[i].key);
		free(keys);
	}
	SENDS(&d, "\377\366");
	assert_string_equal(wrote(&d, NULL), "\r\n[Yes]\r\n");
	drv_done(&d);
	begin(&d);
	connects(&d, line_of(LOGIN_PASSWORD));
	SENDS(&d, "wrong\377\364cisco\n");
	assert_string_equal(asked(&d, ASK_LINE)->ask.ask->line.password, "cisco");
	drv_done(&d);
}

static void window_and_terminal(void **state)
{
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	begin(&d);
	connects(&d, line_of(LOGIN_PASSWORD));
	SENDS(&d, "\377\372\37\0\120\0\30\377\360");
	drv_expect_value(&d, "telnet.server.drop-invalid", "why",
			 "a subnegotiation of an option that was not agreed on");
	SENDS(&d, "\377\373\30\377\373\37");
	drv_expect_decision(&d, "telnet.negotiate-terminal");
	assert_memory_equal(wrote(&d, NULL), "\377\372\30\1\377\360", 6);
	SENDS(&d, "\377\372\30\0XTERM\377\360\377\372\37\0\144\0\50\377\360");
	drv_expect_value(&d, "telnet.opt.naws", "columns", "100");
	SENDS(&d, "\377\372\37\0\120\377\360");
	drv_expect_value(&d, "telnet.server.drop-invalid", "why",
			 "a subnegotiation of the wrong length");
	SENDS(&d, "\377\5");
	drv_expect_decision(&d, "telnet.server.drop-invalid");
	SENDS(&d, "x\n");
	drv_answer(&d, asked(&d, ASK_LINE)->ask.ask_id, &(struct answer){ 0 });
	e = drv_want(&d, FX_TERMINAL, "terminal");
	assert_int_equal(e->terminal.columns, 100);
	assert_true(e->terminal.raw);
	drv_expect_column(&d, TABLE, KEY, "terminal", "XTERM");
	drv_expect_column(&d, TABLE, KEY, "window", "100x40");
	SENDS(&d, "\377\372\37\0\120\0\31\377\360"); /* it changes */
	e = drv_want(&d, FX_TERMINAL, "terminal");
	assert_int_equal(e->terminal.columns, 80);
	drv_done(&d);
}

/* --- options ------------------------------------------------------------------------------ */

static void options(void **state)
{
	static const struct {
		const char *octets, *rule, *answer;
	} rows[] = {
		{ "\377\375\1", "telnet.opt.no-loop", "" },		/* DO ECHO: it is on */
		{ "\377\376\1", "telnet.opt.dont-wont", "\377\374\1" }, /* DONT ECHO */
		{ "\377\376\1", "telnet.opt.no-loop", "" },
		{ "\377\375\1", "telnet.opt.do-will", "\377\373\1" },
		{ "\377\375\42", "telnet.opt.do-wont", "\377\374\42" }, /* LINEMODE */
		{ "\377\373\42", "telnet.opt.will-dont", "\377\376\42" },
		{ "\377\374\42", "telnet.opt.no-loop", "" },
		{ "\377\374\37", "telnet.opt.wont-dont", "\377\376\37" }, /* WONT NAWS */
		{ "\377\373\37", "telnet.opt.will-do", "\377\375\37" },
		{ "\377\373\1", "telnet.opt.will-dont", "\377\376\1" }, /* the client's echo */
	};
	struct drv d;

	(void)state;
	begin(&d);
	works(&d);
	drv_expect_decision(&d, "telnet.opt.q-method");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		sends(&d, rows[i].octets, 3);
		drv_expect_decision(&d, rows[i].rule);
		assert_string_equal(wrote(&d, NULL), rows[i].answer);
	}
	drv_done(&d);
}

static void a_refused_offer(void **state)
{
	struct drv d;

	(void)state;
	begin(&d);
	connects(&d, line_of(LOGIN_PASSWORD));
	SENDS(&d, "\377\376\1\377\374\30");
	drv_expect_decision(&d, "telnet.opt.q-method");
	drv_expect_none(&d, FX_WRITE); /* answers are not answered */
	drv_done(&d);
}

static void a_storm(void **state)
{
	struct drv d;

	(void)state;
	begin(&d);
	works(&d);
	for (int i = 0; i < TELNET_STORM - 4; i++)
		SENDS(&d, "\377\375\42");
	SENDS(&d, "\377\375\42");
	drv_expect_decision(&d, "telnet.opt.drop-storm");
	drv_expect_none(&d, FX_WRITE);
	SENDS(&d, "\377\375\42");
	drv_expect_none(&d, FX_DECIDE); /* said once */
	d.now += 11 * SEC;
	SENDS(&d, "\377\375\42");
	drv_expect_decision(&d, "telnet.opt.do-wont");
	drv_done(&d);
}

/* --- ends --------------------------------------------------------------------------------- */

static void ends(void **state)
{
	struct drv d;
	uint32_t term;

	(void)state;
	begin(&d);
	works(&d);
	d.now += 590 * SEC;
	SENDS(&d, "x");
	assert_true(drv_deadline(&d) == d.now + 600 * SEC);
	drv_timer(&d);
	drv_expect_decision(&d, "telnet.server.exec-timeout");
	assert_int_equal(drv_count(&d, FX_CLOSE), 2);
	drv_expect_column(&d, TABLE, KEY, "result", "exec-timeout");
	works(&d);
	drv_closed(&d, SOCK, 0);
	drv_expect_value(&d, "telnet.server.client-left", "how", "closed by the client");
	term = works(&d);
	drv_closed(&d, SOCK, ECONNRESET);
	drv_expect_value(&d, "telnet.server.client-left", "how", "the connection broke");
	drv_closed(&d, term, 0); /* nobody is there any more */
	drv_expect_none(&d, FX_DECIDE);
	works(&d);
	drv_command(&d, "clear line vty 2");
	drv_expect_decision(&d, "telnet.server.cleared");
	assert_int_equal(drv_count(&d, FX_CLOSE), 2);
	drv_command(&d, "clear line vty 2");
	drv_expect_output(&d, "% No Telnet session is at this line");
	assert_int_equal(d.status, 1);
	works(&d);
	SENDS(&d, "\377\366");
	drv_failed(&d, drv_next_write(&d), SOCK, ENOBUFS);
	drv_expect_decision(&d, "telnet.server.failed");
	assert_true(drv_deadline(&d) == NEVER);
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_runs_by_itself),
		cmocka_unit_test(no_line),
		cmocka_unit_test(connections_are_bounded),
		cmocka_unit_test(the_lines_password),
		cmocka_unit_test(a_user),
		cmocka_unit_test(three_wrong_tries),
		cmocka_unit_test(nobody_logs_in),
		cmocka_unit_test(keys_and_lines),
		cmocka_unit_test(a_client_without_options),
		cmocka_unit_test(iac_in_data),
		cmocka_unit_test(too_long_a_line),
		cmocka_unit_test(functions),
		cmocka_unit_test(window_and_terminal),
		cmocka_unit_test(options),
		cmocka_unit_test(a_refused_offer),
		cmocka_unit_test(a_storm),
		cmocka_unit_test(ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
