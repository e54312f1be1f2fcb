/* The Telnet client: what the person types and sees, and what goes over the wire. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "machine_driver.h"
#include "telnet/telnet.h"

#define SERVER "10.0.0.1"
#define OFFER  "\377\375\3\377\373\3\377\373\30\377\373\37"
#define BY_KEY "\377\373\1\377\373\3\377\375\3\377\375\30\377\375\37"

static void begin(struct drv *d, enum device_kind kind)
{
	drv_init(d, &telnet_proto, kind, 1);
	drv_start(d, "telnet.client");
}

/* As a person at a terminal types it. */
static uint32_t command(struct drv *d, const char *line)
{
	static struct grammar_match m;
	struct grammar_error e;
	struct call call = { .id = ++d->next_call,
			     .section = "",
			     .line = line,
			     .columns = 80,
			     .rows = 24,
			     .dev = &d->dev };
	struct fx *fx;

	assert_int_equal(grammar_parse(d->grammar, MODE_EXEC, line, &d->dev, &m, &e), 0);
	call.args = m.args;
	call.n_args = m.n_args;
	sbuf_reset(&d->output);
	d->status = -1;
	d->n_running++;
	drv_window(d);
	fx = drv_turn(d);
	m.cmd->run(d->machine, &call, d->now, fx);
	drv_after(d, fx);
	return call.id;
}

static uint32_t sock_of(struct drv *d)
{
	return drv_next_connect(d)->connect.sock;
}

static void opens(struct drv *d, uint32_t sock, uint16_t port)
{
	drv_opened(d, sock, 0, drv_ep("10.0.0.2", 5000), drv_ep(SERVER, port));
}

static void keys(struct drv *d, uint32_t call, const char *text, size_t len)
{
	drv_event(d, (struct ev){ .kind = EV_INPUT,
				  .input = { .call = call, .text = text, .len = len } });
}
#define KEYS(d, call, text) keys((d), (call), (text), sizeof(text) - 1)

static void comes(struct drv *d, uint32_t sock, const char *octets, size_t len)
{
	sbuf_reset(&d->output);
	drv_bytes(d, sock, octets, len, 0);
}
#define COMES(d, sock, text) comes((d), (sock), (text), sizeof(text) - 1)

static void wrote(struct drv *d, uint32_t sock, const char *want, size_t len)
{
	size_t got_len;
	char *got = drv_written(d, sock, &got_len);

	assert_int_equal(got_len, len);
	assert_memory_equal(got, want, len);
	free(got);
}
#define WROTE(d, sock, text) wrote((d), (sock), (text), sizeof(text) - 1)

static void key_by_key(void **state)
{
	struct drv d;
	uint32_t call, sock;

	(void)state;
	begin(&d, KIND_PC);
	call = command(&d, "telnet " SERVER);
	drv_expect_value(&d, "telnet.client.start", "port", "23");
	drv_expect_output(&d, "Trying 10.0.0.1 ...");
	sock = sock_of(&d);
	opens(&d, sock, 23);
	drv_expect_decision(&d, "telnet.nvt");
	drv_expect_decision(&d, "telnet.client.willing");
	drv_expect_output(&d, " Open\n");
	WROTE(&d, sock, OFFER);
	assert_int_equal(drv_want(&d, FX_INPUT, "input")->input.mode, INPUT_KEYS);
	COMES(&d, sock, BY_KEY);
	drv_expect_decision(&d, "telnet.opt.will-do");
	drv_expect_decision(&d, "telnet.opt.q-method");
	drv_expect_value(&d, "telnet.opt.naws", "columns", "80");
	WROTE(&d, sock, "\377\375\1\377\372\37\0\120\0\30\377\360");
	KEYS(&d, call, "l\377");
	drv_expect_value(&d, "telnet.client.key-packet", "keys", "2");
	drv_expect_decision(&d, "telnet.iac-escape");
	WROTE(&d, sock, "l\377\377");
	KEYS(&d, call, "\r");
	drv_expect_decision(&d, "telnet.eol");
	WROTE(&d, sock, "\r\0");
	COMES(&d, sock, "one\r\ntwo\r\0x\377\377");
	drv_expect_decision(&d, "telnet.client.display");
	assert_string_equal(drv_output(&d), "one\ntwo\rx\377");
	drv_closed(&d, sock, 0);
	drv_expect_decision(&d, "telnet.client.closed");
	drv_expect_output(&d, "\n[Connection to 10.0.0.1 closed by foreign host]\n");
	assert_int_equal(d.status, 0);
	drv_expect_column(&d, "telnet_session", "client 1", "result", "closed by the server");
	drv_done(&d);
}

static void line_by_line(void **state)
{
	struct drv d;
	uint32_t call, sock;

	(void)state;
	begin(&d, KIND_PC);
	call = command(&d, "telnet " SERVER " 25");
	sock = sock_of(&d);
	opens(&d, sock, 25);
	drv_expect_value(&d, "telnet.client.other-port", "port", "25");
	drv_expect_value(&d, "telnet.used-by-others", "service", "SMTP");
	drv_expect_none(&d, FX_WRITE);
	sbuf_reset(&d.output);
	KEYS(&d, call, "HELOO\177 xy\25HELO x");
	drv_expect_none(&d, FX_WRITE);
	KEYS(&d, call, "\r");
	WROTE(&d, sock, "HELO x\r\n");
	assert_non_null(strstr(drv_output(&d), "HELOO\b \b xy"));
	COMES(&d, sock, "\377\373\1"); /* an option all the same */
	drv_expect_decision(&d, "telnet.opt.will-do");
	drv_done(&d);
	begin(&d, KIND_PC);
	call = drv_command(&d, "telnet " SERVER " 7777"); /* without a terminal */
	sock = sock_of(&d);
	opens(&d, sock, 7777);
	drv_expect_no_decision(&d, "telnet.used-by-others");
	sbuf_reset(&d.output);
	KEYS(&d, call, "abc\n");
	WROTE(&d, sock, "abc\r\n");
	assert_string_equal(drv_output(&d), "");
	drv_done(&d);
}

static void no_connection(void **state)
{
	static const struct {
		int err;
		const char *text;
	} rows[] = { { ECONNREFUSED, "% Connection refused by remote host" },
		     { ETIMEDOUT, "% Connection timed out; remote host not responding" },
		     { EHOSTUNREACH, "% Destination unreachable" } };
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	begin(&d, KIND_PC);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		command(&d, "telnet " SERVER);
		drv_closed(&d, sock_of(&d), rows[i].err);
		drv_expect_decision(&d, "telnet.client.connect-fail");
		drv_expect_output(&d, rows[i].text);
		assert_int_equal(d.status, 1);
	}
	command(&d, "telnet " SERVER);
	assert_true(drv_deadline(&d) == d.now + 30 * SEC);
	drv_timer(&d);
	drv_expect_output(&d, "% Connection timed out");
	command(&d, "telnet " SERVER);
	e = drv_next_connect(&d);
	drv_failed(&d, e, e->connect.sock, ENETUNREACH);
	drv_expect_output(&d, "% Destination unreachable");
	drv_done(&d);
}

static void a_name(void **state)
{
	struct answer found = { .resolve.n_addrs = 1 }, none = { .err = -ENOENT };
	struct drv d;

	(void)state;
	begin(&d, KIND_PC);
	found.resolve.addrs[0] = drv_a(SERVER);
	command(&d, "telnet r1.lab.test 23");
	drv_answer(&d, drv_next_ask(&d)->ask.ask_id, &found);
	drv_next_connect(&d);
	command(&d, "telnet r2.lab.test");
	drv_answer(&d, drv_next_ask(&d)->ask.ask_id, &none);
	drv_expect_output(&d, "% Unknown host or address");
	drv_done(&d);
}

static void malformed(void **state)
{
	struct drv d;
	uint32_t sock;

	(void)state;
	begin(&d, KIND_PC);
	command(&d, "telnet " SERVER);
	sock = sock_of(&d);
	opens(&d, sock, 23);
	COMES(&d, sock, "a\377\2b");
	drv_expect_decision(&d, "telnet.client.drop-invalid");
	assert_string_equal(drv_output(&d), "ab");
	COMES(&d, sock, "\377\372\30\1\377\360");
	drv_expect_value(&d, "telnet.client.drop-invalid", "why",
			 "a subnegotiation that was not agreed on");
	COMES(&d, sock, "\377\371\377\361"); /* GA, NOP */
	drv_expect_none(&d, FX_DECIDE);
	drv_done(&d);
}

static void terminal_types(void **state)
{
	struct drv d;
	uint32_t sock;

	(void)state;
	begin(&d, KIND_PC);
	command(&d, "telnet " SERVER);
	sock = sock_of(&d);
	opens(&d, sock, 23);
	COMES(&d, sock, "\377\375\30\377\372\30\1\377\360");
	drv_expect_value(&d, "telnet.opt.terminal-type", "type", "VT100");
	WROTE(&d, sock, "\377\372\30\0VT100\377\360");
	COMES(&d, sock, "\377\372\30\1\377\360");
	WROTE(&d, sock, "\377\372\30\0XTERM\377\360");
	COMES(&d, sock, "\377\372\30\1\377\360"); /* the last one again: there are no more */
	WROTE(&d, sock, "\377\372\30\0XTERM\377\360");
	drv_done(&d);
}

static void the_escape_sequence(void **state)
{
	struct drv d;
	uint32_t call, sock;

	(void)state;
	begin(&d, KIND_ROUTER);
	call = command(&d, "telnet " SERVER);
	sock = sock_of(&d);
	opens(&d, sock, 23);
	COMES(&d, sock, BY_KEY);
	KEYS(&d, call, "a\36x");
	drv_expect_decision(&d, "telnet.client.escape");
	WROTE(&d, sock, "a");
	assert_int_equal(d.status, 0);
	COMES(&d, sock, "meanwhile\r\n");
	assert_string_equal(drv_output(&d), "");
	command(&d, "show sessions");
	drv_expect_output(&d, "   1 10.0.0.1             10.0.0.1           23  suspended");
	call = command(&d, "resume 1");
	drv_expect_output(&d, "meanwhile\n");
	KEYS(&d, call, "\36y"); /* not the sequence */
	drv_expect_no_decision(&d, "telnet.client.escape");
	KEYS(&d, call, "\36x");
	command(&d, "disconnect 7");
	drv_expect_output(&d, "% No current connections");
	command(&d, "disconnect");
	drv_expect_decision(&d, "telnet.client.disconnect");
	drv_want(&d, FX_CLOSE, "close");
	command(&d, "show sessions");
	drv_expect_output(&d, "% No connections open");
	drv_done(&d);
	begin(&d, KIND_PC);
	call = command(&d, "telnet " SERVER);
	sock = sock_of(&d);
	opens(&d, sock, 23);
	KEYS(&d, call, "\35");
	drv_expect_decision(&d, "telnet.client.escape");
	drv_closed(&d, sock, 0);
	drv_expect_decision(&d, "telnet.client.closed");
	command(&d, "resume");
	assert_int_equal(d.status, 1);
	drv_done(&d);
}

static void nobody_types(void **state)
{
	struct drv d;
	uint32_t call, sock;

	(void)state;
	begin(&d, KIND_PC);
	call = drv_command(&d, "telnet " SERVER);
	sock = sock_of(&d);
	opens(&d, sock, 23);
	drv_input_end(&d, call, INPUT_NOBODY);
	d.now += 900 * MSEC;
	COMES(&d, sock, "Password: ");
	assert_string_equal(drv_output(&d), "Password: ");
	assert_true(drv_deadline(&d) == d.now + SEC);
	drv_timer(&d);
	drv_expect_decision(&d, "telnet.client.left");
	drv_want(&d, FX_CLOSE, "close");
	assert_int_equal(d.status, 0);
	call = drv_command(&d, "telnet " SERVER " 19");
	sock = sock_of(&d);
	opens(&d, sock, 19);
	drv_input_end(&d, call, INPUT_CANCELLED);
	for (int i = 0; i < 59; i++) { /* it never stops to speak */
		d.now += 500 * MSEC;
		COMES(&d, sock, "abc");
	}
	assert_true(drv_deadline(&d) == d.now + 500 * MSEC);
	drv_timer(&d);
	drv_expect_decision(&d, "telnet.client.left");
	drv_done(&d);
}

static void connections_are_bounded(void **state)
{
	struct drv d;

	(void)state;
	begin(&d, KIND_PC);
	for (int i = 0; i < TELNET_SESSIONS_MAX; i++)
		command(&d, "telnet " SERVER);
	command(&d, "telnet " SERVER);
	drv_expect_output(&d, "% Too many");
	assert_int_equal(d.status, 1);
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_by_key),
		cmocka_unit_test(line_by_line),
		cmocka_unit_test(no_connection),
		cmocka_unit_test(a_name),
		cmocka_unit_test(malformed),
		cmocka_unit_test(terminal_types),
		cmocka_unit_test(the_escape_sequence),
		cmocka_unit_test(nobody_types),
		cmocka_unit_test(connections_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
