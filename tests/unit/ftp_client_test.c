/* The client, driven by hand: at its prompt, and asked by copy. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "ftp/ftp_client.h"
#include "machine_driver.h"

#define US  "10.0.0.9"
#define SRV "10.0.0.1"

static uint32_t ctrl, call;
static uint64_t heard;

static void begin(struct drv *d, const char *conf)
{
	drv_init(d, &ftp_proto, KIND_PC, 1);
	drv_addr(d, 1, US "/24");
	drv_conf(d, conf);
	drv_start(d, "ftp.client");
	heard = 0;
}

static void replies(struct drv *d, const char *line)
{
	char text[3000];

	snprintf(text, sizeof(text), "%s\r\n", line);
	drv_bytes(d, ctrl, text, strlen(text), heard);
	heard += strlen(text);
}

/* What the client sends in this window. */
static void sends(struct drv *d, const char *want)
{
	char *all = drv_written(d, ctrl, NULL);

	if (strcmp(all, want) != 0)
		fail_msg("wanted %s, sent %s", want, all);
	free(all);
}

static void asks(struct drv *d, const char *prompt)
{
	assert_string_equal(drv_next_prompt(d), prompt);
}

static void connected(struct drv *d)
{
	const struct fx_effect *e = drv_next_connect(d);

	ctrl = e->connect.sock;
	assert_int_equal(e->connect.tos, 0x10);
	drv_opened(d, ctrl, 0, drv_ep(US, 40000), e->connect.peer);
}

static void at_prompt(struct drv *d, const char *conf)
{
	begin(d, conf);
	call = drv_command(d, "ftp " SRV);
	drv_expect_decision(d, "ftp.client.purpose");
	drv_expect_decision(d, "ftp.client.connect");
	connected(d);
	replies(d, "220 hello");
	asks(d, "Name (" SRV ":anonymous): ");
	drv_typed(d, call, "ann");
	sends(d, "USER ann\r\n");
	replies(d, "331 password");
	asks(d, "Password:");
	drv_typed(d, call, "secret");
	sends(d, "PASS secret\r\n");
	drv_expect_value(d, "ftp.client.next-command", "command", "PASS ***");
	drv_expect_decision(d, "ftp.mask-secrets");
	replies(d, "230 in");
	drv_expect_value(d, "ftp.client.login", "code", "230");
	drv_expect_column(d, "ftp_session", "client 1", "user", "ann");
	asks(d, "ftp> ");
}

/* The data connection to that port; its socket. */
static uint32_t data_opens(struct drv *d, uint16_t port)
{
	const struct fx_effect *e = drv_next_connect(d);
	uint32_t sock = e->connect.sock;

	assert_int_equal(e->connect.peer.port, port);
	assert_true(addr_equal(&e->connect.peer.addr, &(struct addr){ 4, { 10, 0, 0, 1 } }));
	drv_opened(d, sock, 0, drv_ep(US, 40001), e->connect.peer);
	drv_expect_decision(d, "ftp.client.two-connections");
	return sock;
}

static void file_is(struct drv *d, enum file_op op, struct answer a)
{
	const struct fx_effect *e = drv_next_ask(d);

	assert_int_equal(e->ask.ask->file.op, op);
	if (a.err)
		str_copy(a.why, sizeof(a.why), strerror(-a.err));
	drv_answer(d, e->ask.ask_id, &a);
}
#define DONE	 ((struct answer){ 0 })
#define FAILS(e) ((struct answer){ .err = -(e) })

/* --- at the prompt ------------------------------------------------------------------------ */

static void a_file_is_fetched(void **state)
{
	const struct fx_effect *e;
	uint32_t sock;
	struct drv d;

	(void)state;
	at_prompt(&d, "");
	drv_typed(&d, call, "get pub/a.txt");
	drv_expect_value(&d, "ftp.client.safe-name", "taken", "a.txt");
	drv_expect_decision(&d, "ftp.client.type-image");
	drv_expect_value(&d, "ftp.server.passive-default", "command", "PASV");
	sends(&d, "TYPE I\r\n");
	replies(&d, "200 ok");
	sends(&d, "PASV\r\n");
	replies(&d, "227 Entering Passive Mode (10,0,0,1,200,1).");
	sends(&d, "RETR pub/a.txt\r\n");
	sock = data_opens(&d, 51201);
	replies(&d, "150 here");
	drv_expect_decision(&d, "ftp.client.preliminary-reply");
	drv_bytes(&d, sock, "hello", 5, 0);
	replies(&d, "226 done"); /* before the end of the data */
	drv_expect_none(&d, FX_INPUT);
	drv_closed(&d, sock, 0);
	e = drv_next_ask(&d);
	assert_int_equal(e->ask.ask->file.op, FILE_WRITE);
	assert_string_equal(e->ask.ask->file.path, ".a.txt.1");
	drv_answer(&d, e->ask.ask_id, &DONE);
	e = drv_next_ask(&d);
	assert_int_equal(e->ask.ask->file.op, FILE_RENAME);
	assert_memory_equal(e->ask.ask->file.data, "a.txt", 5);
	drv_answer(&d, e->ask.ask_id, &DONE);
	asks(&d, "ftp> ");
	assert_non_null(strstr(drv_output(&d), "5 bytes received in"));
	drv_expect_column(&d, "ftp_transfer", "client 1", "result", "complete");
	drv_expect_decision(&d, "ftp.data-lifetime");
	/* the second time TYPE is known; the server steers elsewhere, and is not obeyed */
	drv_typed(&d, call, "get x y");
	sends(&d, "PASV\r\n");
	replies(&d, "227 Entering Passive Mode (10,0,0,66,200,2).");
	drv_expect_value(&d, "ftp.client.pasv-address", "told", "10.0.0.66");
	(void)data_opens(&d, 51202);
	replies(&d, "550 no such file");
	asks(&d, "ftp> ");
	assert_non_null(strstr(drv_output(&d), "% ftp: no such file"));
	drv_typed(&d, call, "get ..");
	drv_expect_decision(&d, "ftp.client.safe-name");
	assert_non_null(strstr(drv_output(&d), "a name for the file is wanted"));
	drv_typed(&d, call, "quit");
	sends(&d, "QUIT\r\n");
	replies(&d, "221 bye");
	assert_int_equal(d.status, 0);
	drv_done(&d);
}

static void much_comes(void **state)
{
	static uint8_t big[300000];
	const struct fx_effect *e;
	uint32_t sock;
	struct drv d;

	(void)state;
	at_prompt(&d, "");
	drv_typed(&d, call, "ascii");
	asks(&d, "ftp> ");
	drv_typed(&d, call, "get a b");
	drv_expect_decision(&d, "ftp.representation");
	replies(&d, "200 ok");
	replies(&d, "500 what?"); /* PASV is not known there */
	sends(&d, "EPSV\r\n");
	replies(&d, "229 Extended (|||51203|)");
	sends(&d, "RETR a\r\n");
	sock = data_opens(&d, 51203);
	memset(big, '\r', 1);
	drv_bytes(&d, sock, big, sizeof(big), 0);
	e = drv_next_ask(&d);
	drv_bytes(&d, sock, big, sizeof(big), sizeof(big));
	drv_expect_none(&d, FX_ASK);
	drv_answer(&d, e->ask.ask_id, &DONE);
	file_is(&d, FILE_APPEND, DONE);
	drv_bytes(&d, sock, "x\r\ny", 4, 0);
	drv_closed(&d, sock, 0);
	replies(&d, "426 cut off");
	drv_expect_decision(&d, "ftp.client.incomplete");
	file_is(&d, FILE_DELETE, DONE);
	drv_typed(&d, call, "get a b");
	replies(&d, "500 what?");
	replies(&d, "500 what?"); /* nor EPSV */
	asks(&d, "ftp> ");
	drv_done(&d);
}

static void a_file_is_sent(void **state)
{
	struct answer text = { .file = { .data = (const uint8_t *)"a\nb", .len = 3 } };
	uint32_t sock;
	char *out;
	struct drv d;

	(void)state;
	at_prompt(&d, "");
	drv_typed(&d, call, "put nothing");
	file_is(&d, FILE_STAT, FAILS(ENOENT));
	asks(&d, "ftp> ");
	drv_typed(&d, call, "put \"a b\" c");
	file_is(&d, FILE_STAT, DONE);
	replies(&d, "200 ok");
	replies(&d, "227 (10,0,0,1,200,1)");
	sends(&d, "STOR c\r\n");
	sock = data_opens(&d, 51201);
	file_is(&d, FILE_STAT, (struct answer){ .file.size = 100000 });
	assert_string_equal(drv_want(&d, FX_SEND_FILE, "file")->send_file.path, "a b");
	drv_drained(&d, sock);
	assert_int_equal(drv_want(&d, FX_SEND_FILE, "file")->send_file.offset, 65536);
	d.now += 2 * SEC;
	drv_drained(&d, sock);
	assert_int_equal(drv_want(&d, FX_CLOSE, "close")->close.how, CLOSE_FLUSH);
	replies(&d, "150 send");
	replies(&d, "226 done");
	assert_non_null(strstr(drv_output(&d), "100000 bytes sent in"));
	drv_typed(&d, call, "ascii");
	drv_typed(&d, call, "put f");
	file_is(&d, FILE_STAT, DONE);
	replies(&d, "200 ok");
	replies(&d, "227 (10,0,0,1,200,1)");
	sock = data_opens(&d, 51201);
	file_is(&d, FILE_READ, text);
	out = drv_written(&d, sock, NULL);
	assert_string_equal(out, "a\r\nb");
	free(out);
	file_is(&d, FILE_READ, DONE);
	replies(&d, "552 full");
	assert_non_null(strstr(drv_output(&d), "% ftp: full"));
	drv_done(&d);
}

static void active(void **state)
{
	const struct fx_effect *e;
	uint32_t listener;
	char want[64];
	struct drv d;

	(void)state;
	at_prompt(&d, "no ip ftp passive\n");
	drv_typed(&d, call, "dir pub");
	sends(&d, "TYPE A\r\n");
	e = drv_want(&d, FX_LISTEN, "listen");
	listener = e->listen.sock;
	drv_expect_decision(&d, "ftp.client.active");
	snprintf(want, sizeof(want), "PORT 10,0,0,9,%u,%u\r\n", e->listen.local.port >> 8,
		 e->listen.local.port & 255);
	replies(&d, "200 ok");
	sends(&d, want);
	replies(&d, "200 ok");
	sends(&d, "LIST pub\r\n");
	drv_opened(&d, SOCK_ACCEPTED, listener, drv_ep(US, 61000), drv_ep("10.0.0.66", 20));
	assert_int_equal(drv_want(&d, FX_CLOSE, "close")->close.how, CLOSE_RESET);
	drv_opened(&d, SOCK_ACCEPTED + 1, listener, drv_ep(US, 61000), drv_ep(SRV, 20));
	drv_bytes(&d, SOCK_ACCEPTED + 1, "-rw a\033[2J\r\n", 11, 0);
	drv_closed(&d, SOCK_ACCEPTED + 1, 0);
	replies(&d, "226 done");
	assert_non_null(strstr(drv_output(&d), "-rw a?[2J\n"));
	asks(&d, "ftp> ");
	drv_typed(&d, call, "passive");
	assert_non_null(strstr(drv_output(&d), "Passive mode on."));
	drv_done(&d);
}

static void simple_commands(void **state)
{
	static const char *const pairs[][2] = {
		{ "cd a", "CWD a\r\n" },	{ "pwd", "PWD\r\n" },
		{ "mkdir x", "MKD x\r\n" },	{ "rmdir x", "RMD x\r\n" },
		{ "delete f", "DELE f\r\n" },	{ "del f", "DELE f\r\n" },
		{ "user eve", "USER eve\r\n" },
	};
	struct drv d;

	(void)state;
	at_prompt(&d, "");
	drv_typed(&d, call, "rename a b");
	sends(&d, "RNFR a\r\n");
	replies(&d, "350 go on");
	sends(&d, "RNTO b\r\n");
	replies(&d, "250 ok");
	asks(&d, "ftp> ");
	drv_typed(&d, call, "rename a b");
	replies(&d, "550 no");
	asks(&d, "ftp> ");
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		drv_typed(&d, call, pairs[i][0]);
		if (i == 0)
			drv_expect_decision(&d, "ftp.directories");
		sends(&d, pairs[i][1]);
		replies(&d, "250 ok");
		if (i < 6)
			asks(&d, "ftp> ");
	}
	drv_typed(&d, call, "help");
	assert_non_null(strstr(drv_output(&d), "get      REMOTE [LOCAL]"));
	drv_typed(&d, call, "cd");
	assert_non_null(strstr(drv_output(&d), "usage: cd DIRECTORY"));
	drv_typed(&d, call, "zzz");
	assert_non_null(strstr(drv_output(&d), "?Invalid command"));
	drv_typed(&d, call, "");
	drv_typed(&d, call, "?");
	drv_typed(&d, call, "exit");
	sends(&d, "QUIT\r\n");
	drv_closed(&d, ctrl, 0);
	assert_int_equal(d.status, 0);
	drv_done(&d);
}

static void strange_replies(void **state)
{
	char line[5000];
	struct drv d;

	(void)state;
	at_prompt(&d, "");
	drv_typed(&d, call, "pwd");
	replies(&d, "257-several");
	replies(&d, "lines \033");
	replies(&d, "257-more");
	drv_expect_none(&d, FX_INPUT);
	drv_expect_decision(&d, "ftp.client.display");
	replies(&d, "257 last");
	drv_expect_value(&d, "ftp.client.multiline-reply", "lines", "4");
	drv_expect_value(&d, "ftp.client.inform-app", "meaning", "success");
	assert_non_null(strstr(drv_output(&d), "lines ?\n"));
	asks(&d, "ftp> ");
	drv_typed(&d, call, "pwd");
	replies(&d, "hello?");
	drv_expect_decision(&d, "ftp.client.drop-invalid");
	memset(line, '2', sizeof(line));
	drv_bytes(&d, ctrl, line, sizeof(line), heard);
	drv_expect_decision(&d, "ftp.client.drop-invalid");
	replies(&d, "x");
	replies(&d, "257 ok");
	asks(&d, "ftp> ");
	drv_typed(&d, call, "pwd");
	replies(&d, "211-endless");
	for (int i = 0; i < REPLY_LINES_MAX; i++)
		replies(&d, "on");
	assert_int_equal(d.status, 1);
	drv_done(&d);
}

static void sessions_that_end(void **state)
{
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	at_prompt(&d, "");
	replies(&d, "421 too late");
	drv_expect_decision(&d, "ftp.client.control-lost");
	assert_int_equal(d.status, 1);
	drv_done(&d);
	at_prompt(&d, "");
	drv_closed(&d, ctrl, 0);
	drv_expect_decision(&d, "ftp.client.control-lost");
	assert_int_equal(d.status, 1);
	drv_done(&d);
	/* in the middle of a file */
	at_prompt(&d, "");
	drv_typed(&d, call, "get f");
	replies(&d, "200 ok");
	replies(&d, "227 (10,0,0,1,200,1)");
	(void)data_opens(&d, 51201);
	drv_closed(&d, ctrl, ECONNRESET);
	drv_expect_decision(&d, "ftp.client.incomplete");
	drv_expect_column(&d, "ftp_transfer", "client 1", "result",
			  "the server closed the connection");
	drv_done(&d);
	/* no answer */
	at_prompt(&d, "");
	drv_typed(&d, call, "pwd");
	drv_timer_until(&d, d.now + 60 * SEC);
	drv_expect_decision(&d, "ftp.client.timeout");
	sends(&d, "ABOR\r\n");
	drv_done(&d);
	begin(&d, "");
	drv_command(&d, "ftp " SRV " 2121");
	e = drv_next_connect(&d);
	assert_int_equal(e->connect.peer.port, 2121);
	drv_closed(&d, e->connect.sock, ECONNREFUSED);
	drv_expect_decision(&d, "ftp.client.connect-fail");
	assert_non_null(strstr(drv_output(&d), "% ftp: Connection refused"));
	drv_command(&d, "ftp " SRV);
	drv_timer_until(&d, d.now + 30 * SEC);
	drv_expect_value(&d, "ftp.client.connect-fail", "why", "no answer in 30 seconds");
	drv_command(&d, "ftp no.such");
	e = drv_next_ask(&d);
	drv_answer(&d, e->ask.ask_id, &(struct answer){ .err = -ENOENT, .why = "no such name" });
	drv_expect_decision(&d, "ftp.client.connect-fail");
	drv_command(&d, "ftp " SRV);
	connected(&d);
	replies(&d, "120 wait");
	replies(&d, "530 no");
	assert_int_equal(d.status, 1);
	/* a step of a lab */
	call = drv_command(&d, "ftp " SRV);
	connected(&d);
	replies(&d, "220 hi");
	drv_input_end(&d, call, INPUT_NOBODY);
	assert_int_equal(d.status, 1);
	for (int i = 0; i < CLIENT_SESSIONS_MAX; i++)
		drv_command(&d, "ftp " SRV);
	drv_command(&d, "ftp " SRV);
	drv_expect_decision(&d, "ftp.client.busy");
	drv_stop(&d);
	drv_done(&d);
}

static void data_connections_that_fail(void **state)
{
	const struct fx_effect *e;
	uint32_t sock;
	struct drv d;

	(void)state;
	at_prompt(&d, "ip ftp username ann\nip ftp password 7 02050D480809\nno ip ftp username\n");
	drv_typed(&d, call, "get f");
	replies(&d, "200 ok");
	replies(&d, "227 (10,0,0,1,200,1)");
	e = drv_next_connect(&d);
	drv_failed(&d, e, e->connect.sock, ENETUNREACH);
	drv_expect_none(&d, FX_INPUT); /* the server's word is still to come */
	replies(&d, "425 no data connection");
	asks(&d, "ftp> ");
	drv_typed(&d, call, "get f");
	replies(&d, "227 (10,0,0,1,200,1)");
	sock = data_opens(&d, 51201);
	drv_closed(&d, sock, ECONNRESET);
	replies(&d, "426 lost");
	assert_non_null(strstr(drv_output(&d), "% ftp: Connection reset"));
	drv_typed(&d, call, "get f");
	replies(&d, "227 (10,0,0,1,200,1)");
	sock = data_opens(&d, 51201);
	drv_closed(&d, sock, 0);
	replies(&d, "226 done");
	file_is(&d, FILE_WRITE, FAILS(ENOSPC));
	assert_non_null(strstr(drv_output(&d), "% ftp: No space left"));
	drv_done(&d);
}

/* --- asked by copy ------------------------------------------------------------------------ */

static struct ask transfer(bool put, const char *file)
{
	struct ask a = { .kind = ASK_TRANSFER,
			 .transfer = { .scheme = "ftp", .put = put, .host = SRV, .path = "d/f" } };

	str_copy(a.transfer.file, sizeof(a.transfer.file), file);
	if (put && !*file) {
		a.transfer.data = (const uint8_t *)"hostname R1\n";
		a.transfer.len = 12;
	}
	return a;
}

static void copies(void **state)
{
	struct ask get = transfer(false, ""), put = transfer(true, "");
	const struct fx_effect *e;
	uint32_t sock;
	char *out;
	struct drv d;

	(void)state;
	begin(&d, "ip ftp username admin\nip ftp password 0 pw\nip ftp source-interface eth0\n");
	drv_ask(&d, 5, &get);
	e = drv_next_connect(&d);
	assert_string_equal(addr_format(&e->connect.local.addr, (char[ADDR_TEXT_LEN]){ 0 }), US);
	ctrl = e->connect.sock;
	drv_opened(&d, ctrl, 0, drv_ep(US, 40000), e->connect.peer);
	replies(&d, "220 hi");
	drv_expect_no_decision(&d, "ftp.client.display");
	sends(&d, "USER admin\r\n");
	replies(&d, "331 password");
	sends(&d, "PASS pw\r\n");
	replies(&d, "230 in");
	sends(&d, "TYPE I\r\n");
	replies(&d, "200 ok");
	replies(&d, "227 (10,0,0,1,200,1)");
	sends(&d, "RETR d/f\r\n");
	sock = data_opens(&d, 51201);
	replies(&d, "150 here");
	drv_bytes(&d, sock, "some text", 9, 0);
	drv_closed(&d, sock, 0);
	replies(&d, "226 done");
	sends(&d, "QUIT\r\n");
	e = drv_want(&d, FX_ANSWER, "answer");
	assert_int_equal(e->answer.answer->err, 0);
	assert_int_equal(e->answer.answer->file.len, 9);
	assert_memory_equal(e->answer.data, "some text", 9);
	replies(&d, "221 bye");
	drv_expect_fact(&d, FX_FACT_END, "ftp_session", "client 1");
	/* to the server; the URL says who */
	str_copy(put.transfer.user, sizeof(put.transfer.user), "ann");
	drv_ask(&d, 6, &put);
	connected(&d);
	replies(&d, "220 hi");
	sends(&d, "USER ann\r\n");
	replies(&d, "230 in, without a password");
	replies(&d, "200 ok");
	replies(&d, "227 (10,0,0,1,200,1)");
	sock = data_opens(&d, 51201);
	out = drv_written(&d, sock, NULL);
	assert_string_equal(out, "hostname R1\n");
	free(out);
	replies(&d, "226 done");
	assert_int_equal(drv_want(&d, FX_ANSWER, "answer")->answer.answer->file.size, 12);
	drv_done(&d);
}

static void copies_that_fail(void **state)
{
	struct ask get = transfer(false, "here");
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	begin(&d, "");
	drv_ask(&d, 5, &get);
	connected(&d);
	replies(&d, "220 hi");
	sends(&d, "USER anonymous\r\n");
	replies(&d, "331 mail address");
	sends(&d, "PASS dut@\r\n");
	replies(&d, "530 no");
	e = drv_want(&d, FX_ANSWER, "answer");
	assert_string_equal(e->answer.answer->why, "Login incorrect");
	drv_ask(&d, 6, &get);
	connected(&d);
	replies(&d, "220 hi");
	replies(&d, "230 in");
	replies(&d, "200 ok");
	replies(&d, "227 (10,0,0,1,200,1)");
	replies(&d, "550 no such file");
	e = drv_want(&d, FX_ANSWER, "answer");
	assert_string_equal(e->answer.answer->why, "no such file");
	sends(&d, "QUIT\r\n");
	for (int i = 0; i < CLIENT_SESSIONS_MAX; i++)
		drv_ask(&d, 10, &get);
	drv_expect_decision(&d, "ftp.client.busy");
	assert_int_equal(drv_want(&d, FX_ANSWER, "answer")->answer.answer->err, -EBUSY);
	drv_conf_refused(&d, "ip ftp password 5 x");
	drv_conf_refused(&d, "ip ftp password 7 x");
	drv_conf(&d, "no ip ftp password\nno ip ftp source-interface\n");
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_fetched),
		cmocka_unit_test(much_comes),
		cmocka_unit_test(a_file_is_sent),
		cmocka_unit_test(active),
		cmocka_unit_test(simple_commands),
		cmocka_unit_test(strange_replies),
		cmocka_unit_test(sessions_that_end),
		cmocka_unit_test(data_connections_that_fail),
		cmocka_unit_test(copies),
		cmocka_unit_test(copies_that_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
