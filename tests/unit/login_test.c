/* Users, enable secret and lines. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/secret.h"
#include "login/login.h"
#include "machine_driver.h"

#define PEER "10.0.0.9"

static void begin(struct drv *d, const char *conf)
{
	drv_init(d, &login_proto, KIND_ROUTER, 1);
	drv_conf(d, conf);
	drv_start(d, "login.lines");
}

static const struct answer *answered(struct drv *d)
{
	return drv_want(d, FX_ANSWER, "answer")->answer.answer;
}

static int login(struct drv *d, const char *user, const char *password)
{
	struct ask a = { .kind = ASK_LOGIN };

	str_copy(a.login.user, sizeof(a.login.user), user);
	str_copy(a.login.password, sizeof(a.login.password), password);
	str_copy(a.login.service, sizeof(a.login.service), "telnet");
	a.login.peer = drv_a(PEER);
	drv_ask(d, 5, &a);
	return answered(d)->err;
}

static const struct answer *line(struct drv *d, enum line_op op, int n, const char *text)
{
	struct ask a = { .kind = ASK_LINE, .line = { .op = op, .line = n } };

	str_copy(a.line.transport, sizeof(a.line.transport), op == LINE_OPEN ? text : "");
	str_copy(a.line.password, sizeof(a.line.password), text);
	str_copy(a.line.user, sizeof(a.line.user), text);
	a.line.peer = drv_a(PEER);
	drv_ask(d, 6, &a);
	return drv_count(d, FX_ANSWER) ? answered(d) : NULL;
}

/* --- secrets ------------------------------------------------------------------------------ */

static void secrets(void **state)
{
	char hash[SECRET_HASH_LEN], again[SECRET_HASH_LEN], clear[64];

	(void)state;
	assert_int_equal(secret_hash("cisco", 12345, hash), 0);
	assert_true(strncmp(hash, "$1$", 3) == 0 && hash[7] == '$');
	assert_int_equal(secret_hash("cisco", 12345, again), 0);
	assert_string_equal(hash, again);
	assert_true(secret_matches("cisco", hash));
	assert_false(secret_matches("Cisco", hash));
	/* As IOS writes it: the salt is mERr, the password cisco. */
	assert_true(secret_matches("cisco", "$1$mERr$hx5rVt7rPNoS4wqbXKX7m0"));
	assert_int_equal(secret_unhide("0822455D0A16", clear, sizeof(clear)), 0);
	assert_string_equal(clear, "cisco");
	assert_int_equal(secret_hide("cisco", hash, sizeof(hash)), 0);
	assert_int_equal(secret_unhide(hash, clear, sizeof(clear)), 0);
	assert_string_equal(clear, "cisco");
	assert_int_equal(secret_hide("cisco", hash, 12), -EINVAL);
	assert_int_equal(secret_unhide("0822455D0A1", clear, sizeof(clear)), -EINVAL);
	assert_int_equal(secret_unhide("xx22", clear, sizeof(clear)), -EINVAL);
	assert_int_equal(secret_unhide("0822455D0A16", clear, 3), -EINVAL);
}

static void a_secret_is_kept_as_its_hash(void **state)
{
	struct drv d;

	(void)state;
	begin(&d,
	      "enable secret class\nusername ann privilege 15 secret lab\nusername bob password 7 "
	      "0822455D0A16");
	assert_null(strstr(drv_running(&d), "class"));
	assert_non_null(strstr(drv_running(&d), "enable secret 5 $1$"));
	assert_non_null(strstr(drv_running(&d), "username ann privilege 15 secret 5 $1$"));
	assert_int_equal(login(&d, "ann", "lab"), 0);
	assert_int_equal(login(&d, "bob", "cisco"), 0);
	drv_conf(&d, "username ann secret 5 $1$mERr$hx5rVt7rPNoS4wqbXKX7m0");
	assert_int_equal(login(&d, "ann", "cisco"), 0);
	drv_expect_value(&d, "login.user-accepted", "privilege", "1");
	drv_done(&d);
}

static void who_may_log_in(void **state)
{
	struct drv d;

	(void)state;
	begin(&d, "username ann privilege 7 password lab\nusername open");
	assert_int_equal(login(&d, "ann", "lab"), 0);
	drv_expect_value(&d, "login.user-accepted", "privilege", "7");
	assert_int_equal(login(&d, "ann", "lob"), -EACCES);
	drv_expect_value(&d, "login.user-refused", "why", "wrong password");
	assert_string_equal(drv_want(&d, FX_LOG, "log")->log.mnemonic, "LOGIN_FAILED");
	assert_int_equal(login(&d, "eve", ""), -EACCES);
	drv_expect_value(&d, "login.user-refused", "why", "no such user");
	assert_int_equal(login(&d, "open", "whatever"), 0);
	drv_conf(&d, "no username ann");
	assert_int_equal(login(&d, "ann", "lab"), -EACCES);
	drv_done(&d);
}

static void lines_that_are_refused(void **state)
{
	static const char *const rows[] = {
		"enable secret 9 x",
		"enable secret 5 clear",
		"username x password 7 zz",
		"line vty 5 4",
		"line vty 0 16",
		"line vty x",
		"line vty 0 4\n transport input carrier-pigeon",
	};
	struct drv d;
	char text[64];

	(void)state;
	begin(&d, "");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		drv_conf_refused(&d, rows[i]);
	for (int i = 0; i < LOGIN_USERS_MAX; i++) {
		snprintf(text, sizeof(text), "username u%d", i);
		drv_conf(&d, text);
	}
	drv_conf_refused(&d, "username more");
	drv_done(&d);
}

/* --- lines -------------------------------------------------------------------------------- */

static void lines_are_given(void **state)
{
	const struct answer *a;
	struct drv d;

	(void)state;
	begin(&d, "line vty 0 1\n password lab\n exec-timeout 0 30\n privilege level 15\n"
		  "line vty 2 3\n login local\n transport input ssh\n"
		  "line vty 4\n no login\n exec-timeout 0 0\n");
	a = line(&d, LINE_OPEN, 0, "telnet");
	assert_int_equal(a->err, 0);
	assert_int_equal(a->line.line, 0);
	assert_int_equal(a->line.login, LOGIN_PASSWORD);
	assert_int_equal(a->line.privilege, 15);
	assert_true(a->line.timeout_ns == 30 * SEC);
	assert_int_equal(line(&d, LINE_OPEN, 0, "telnet")->line.line, 1);
	a = line(&d, LINE_OPEN, 0, "telnet");
	assert_int_equal(a->line.line, 4);
	assert_int_equal(a->line.login, LOGIN_NONE);
	assert_true(a->line.timeout_ns == 0);
	assert_int_equal(line(&d, LINE_OPEN, 0, "telnet")->err, -EBUSY);
	drv_expect_value(&d, "login.line-refused", "why", "all lines are in use");
	assert_int_equal(line(&d, LINE_OPEN, 0, "ssh")->line.login, LOGIN_LOCAL);
	line(&d, LINE_CLOSE, 1, "");
	drv_expect_decision(&d, "login.line-closed");
	assert_int_equal(line(&d, LINE_OPEN, 0, "telnet")->line.line, 1);
	drv_expect_decision(&d, "login.line-opened");
	drv_conf(&d, "line vty 0 4\n transport input none");
	line(&d, LINE_CLOSE, 1, "");
	assert_int_equal(line(&d, LINE_OPEN, 0, "telnet")->err, -EBUSY);
	drv_expect_value(&d, "login.line-refused", "why", "no line takes this transport");
	drv_done(&d);
}

static void a_line_without_password(void **state)
{
	struct drv d;

	(void)state;
	begin(&d, "");
	assert_int_equal(line(&d, LINE_OPEN, 0, "telnet")->err, -ENOKEY);
	drv_conf(&d, "line vty 0 15\n password lab");
	for (int i = 0; i < 16; i++)
		assert_int_equal(line(&d, LINE_OPEN, 0, "telnet")->line.line, i);
	assert_int_equal(line(&d, LINE_OPEN, 0, "telnet")->err, -EBUSY);
	drv_done(&d);
}

static void the_lines_password(void **state)
{
	struct drv d;

	(void)state;
	begin(&d, "line vty 0 4\n password lab");
	line(&d, LINE_OPEN, 0, "telnet");
	assert_int_equal(line(&d, LINE_CHECK, 0, "lob")->err, -EACCES);
	drv_expect_decision(&d, "login.line-password-refused");
	assert_non_null(strstr(drv_want(&d, FX_LOG, "log")->log.text, "[service: telnet]"));
	assert_int_equal(line(&d, LINE_CHECK, 0, "lab")->err, 0);
	drv_done(&d);
}

static void an_access_class(void **state)
{
	struct answer yes = { 0 }, no = { .err = -EACCES };
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	begin(&d, "line vty 0 4\n password lab\n access-class 10 in");
	assert_null(line(&d, LINE_OPEN, 0, "telnet"));
	e = drv_next_ask(&d);
	assert_int_equal(e->ask.ask->kind, ASK_ACL);
	assert_string_equal(e->ask.ask->acl.list, "10");
	drv_answer(&d, e->ask.ask_id, &no);
	assert_int_equal(answered(&d)->err, -EACCES);
	assert_null(line(&d, LINE_OPEN, 0, "telnet"));
	drv_answer(&d, drv_next_ask(&d)->ask.ask_id, &yes);
	assert_int_equal(answered(&d)->line.line, 0);
	drv_conf(&d, "line vty 0 4\n no access-class 10 in");
	assert_int_equal(line(&d, LINE_OPEN, 0, "telnet")->line.line, 1);
	drv_done(&d);
}

static void banners(void **state)
{
	struct drv d;

	(void)state;
	begin(&d, "banner motd #Keep out!#\nbanner login ^CAnn only^C\nline vty 0 4\n no login");
	assert_string_equal(line(&d, LINE_OPEN, 0, "telnet")->line.banner, "Keep out!\nAnn only\n");
	drv_conf(&d, "no banner motd #Keep out!#");
	assert_string_equal(line(&d, LINE_OPEN, 0, "telnet")->line.banner, "Ann only\n");
	drv_conf_refused(&d, "banner motd #no end");
	drv_conf_refused(&d, "banner motd ##");
	assert_non_null(strstr(drv_running(&d), "banner login ^CAnn only^C"));
	drv_done(&d);
}

static void show_users(void **state)
{
	struct drv d;

	(void)state;
	begin(&d, "line vty 0 4\n password lab");
	line(&d, LINE_OPEN, 0, "telnet");
	line(&d, LINE_USER, 0, "ann");
	d.now += 61 * SEC;
	drv_command(&d, "show users");
	drv_expect_output(&d,
			  "   2 vty 0     ann        idle                 00:01:01   10.0.0.9\n");
	line(&d, LINE_TOUCH, 0, "");
	drv_command(&d, "show users");
	drv_expect_output(&d, "00:00:00");
	drv_done(&d);
}

/* --- enable ------------------------------------------------------------------------------- */

/* As a session of privilege 1 types it. */
static uint32_t enable(struct drv *d)
{
	struct call call = {
		.id = ++d->next_call, .section = "", .line = "enable", .level = 1, .dev = &d->dev
	};
	struct fx *fx;

	sbuf_reset(&d->output);
	d->status = -1;
	d->n_running++;
	drv_window(d);
	fx = drv_turn(d);
	login_run_enable(d->machine, &call, d->now, fx);
	drv_after(d, fx);
	return call.id;
}

static void enabling(void **state)
{
	uint32_t call;
	struct drv d;

	(void)state;
	begin(&d, "enable secret class");
	call = enable(&d);
	assert_string_equal(drv_next_prompt(&d), "Password: ");
	drv_typed(&d, call, "wrong");
	assert_string_equal(drv_next_prompt(&d), "Password: ");
	drv_typed(&d, call, "class");
	drv_expect_decision(&d, "login.enable-accepted");
	assert_int_equal(drv_want(&d, FX_LEVEL, "level")->level.level, 15);
	assert_int_equal(d.status, 0);
	call = enable(&d);
	for (int i = 0; i < 3; i++)
		drv_typed(&d, call, "wrong");
	drv_expect_output(&d, "% Bad secrets");
	drv_expect_decision(&d, "login.enable-refused");
	call = enable(&d);
	drv_input_end(&d, call, INPUT_CANCELLED);
	assert_int_equal(d.status, 1);
	drv_conf(&d, "no enable secret class");
	enable(&d);
	drv_expect_output(&d, "% No password set");
	drv_conf(&d, "enable password easy");
	call = enable(&d);
	drv_typed(&d, call, "easy");
	assert_int_equal(d.status, 0);
	drv_command(&d, "disable");
	assert_int_equal(drv_want(&d, FX_LEVEL, "level")->level.level, 1);
	drv_done(&d);
}

/* --- aaa ---------------------------------------------------------------------------------- */

static void log_in_at(struct drv *d, int vty, const char *user, const char *password)
{
	struct ask a = { .kind = ASK_LOGIN, .login = { .service = "telnet", .line = vty + 1 } };

	str_copy(a.login.user, sizeof(a.login.user), user);
	str_copy(a.login.password, sizeof(a.login.password), password);
	a.login.peer = drv_a(PEER);
	drv_ask(d, 5, &a);
}

static void servers_decide(void **state)
{
	struct answer yes = { .login = { .privilege = 7 } }, no = { .err = -EACCES, .why = "no" };
	struct answer nobody = { .err = -EHOSTUNREACH, .why = "no server answered" };
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	begin(&d, "username ann secret lab\naaa new-model\naaa session-id common\n"
		  "aaa authentication login default group radius local\n");
	assert_int_equal(line(&d, LINE_OPEN, 0, "telnet")->line.login, LOGIN_LOCAL);
	log_in_at(&d, 0, "ann", "else");
	drv_expect_value(&d, "login.method-asked", "method", "radius");
	drv_expect_none(&d, FX_ANSWER);
	e = drv_next_ask(&d);
	assert_string_equal(e->ask.ask->login.group, "radius");
	assert_string_equal(e->ask.ask->login.password, "else");
	drv_answer(&d, e->ask.ask_id, &yes);
	assert_int_equal(answered(&d)->login.privilege, 7);
	log_in_at(&d, 0, "ann", "lab"); /* a server that says no is no reason to ask others */
	drv_answer(&d, drv_next_ask(&d)->ask.ask_id, &no);
	assert_int_equal(answered(&d)->err, -EACCES);
	log_in_at(&d, 0, "ann", "lab");
	drv_answer(&d, drv_next_ask(&d)->ask.ask_id, &nobody);
	drv_expect_value(&d, "login.method-failed", "why", "no server answered");
	drv_expect_decision(&d, "login.user-accepted");
	assert_int_equal(answered(&d)->err, 0);
	drv_answer(&d, LOGIN_TRY_ASK, &yes); /* nobody waits for it */
	drv_expect_none(&d, FX_ANSWER);
	assert_int_equal(login(&d, "ann", "lab"), 0); /* not at a line: a web page */
	drv_done(&d);
}

static void other_methods(void **state)
{
	struct drv d;

	(void)state;
	begin(&d, "aaa new-model\nusername ann password lab\nenable secret class\n"
		  "aaa authentication login L line enable\naaa authentication login open none\n"
		  "aaa authentication login stuck line\n"
		  "line vty 0 4\n privilege level 3\n login authentication L\n");
	log_in_at(&d, 0, "x", "class");
	drv_expect_value(&d, "login.method-failed", "why", "it has no password");
	assert_int_equal(answered(&d)->login.privilege, 3);
	log_in_at(&d, 0, "x", "wrong");
	assert_int_equal(answered(&d)->err, -EACCES);
	drv_conf(&d, "line vty 0 4\n password vty\n");
	log_in_at(&d, 0, "x", "vty");
	assert_int_equal(answered(&d)->err, 0);
	drv_conf(&d, "line vty 0 4\n login authentication open\n");
	assert_int_equal(line(&d, LINE_OPEN, 0, "telnet")->line.login, LOGIN_NONE);
	log_in_at(&d, 0, "x", "y");
	assert_int_equal(answered(&d)->err, 0);
	drv_conf(&d, "line vty 0 4\n no password vty\n login authentication stuck\n");
	log_in_at(&d, 0, "x", "y");
	drv_expect_value(&d, "login.user-refused", "why", "no method could say");
	drv_conf(&d, "line vty 0 4\n no login authentication stuck\n"); /* default: local */
	log_in_at(&d, 0, "ann", "lab");
	assert_int_equal(answered(&d)->err, 0);
	drv_done(&d);
}

static void limits_of_aaa(void **state)
{
	char text[64];
	struct drv d;

	(void)state;
	begin(&d, "aaa new-model\n");
	drv_conf_refused(&d, "aaa authentication login default magic");
	drv_conf_refused(&d, "aaa authentication login default group");
	drv_conf_refused(&d, "aaa authentication login default local line enable none local");
	for (int i = 0; i < LOGIN_LISTS_MAX; i++) {
		snprintf(text, sizeof(text), "aaa authentication login l%d local", i);
		drv_conf(&d, text);
	}
	drv_conf_refused(&d, "aaa authentication login more local");
	drv_conf(&d, "no aaa authentication login l0 local\n"
		     "aaa authentication login default group radius");
	for (int i = 0; i < LOGIN_TRIES_MAX; i++) {
		log_in_at(&d, 0, "x", "y");
		drv_expect_none(&d, FX_ANSWER);
	}
	log_in_at(&d, 0, "x", "y");
	drv_expect_value(&d, "login.user-refused", "why", "too many log in at a time");
	drv_done(&d);
}

static void pasted_lines(void **state)
{
	struct drv d;

	(void)state;
	begin(&d, "service password-encryption\nline console 0\n password x\n login\n logging "
		  "synchronous\nline aux 0\nline vty 0 4\n login\n transport output all\n history "
		  "size 10");
	assert_int_equal(line(&d, LINE_OPEN, 0, "telnet")->err,
			 -ENOKEY); /* the console's is another */
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secrets),
		cmocka_unit_test(a_secret_is_kept_as_its_hash),
		cmocka_unit_test(who_may_log_in),
		cmocka_unit_test(lines_that_are_refused),
		cmocka_unit_test(lines_are_given),
		cmocka_unit_test(a_line_without_password),
		cmocka_unit_test(the_lines_password),
		cmocka_unit_test(an_access_class),
		cmocka_unit_test(banners),
		cmocka_unit_test(show_users),
		cmocka_unit_test(enabling),
		cmocka_unit_test(servers_decide),
		cmocka_unit_test(other_methods),
		cmocka_unit_test(limits_of_aaa),
		cmocka_unit_test(pasted_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
