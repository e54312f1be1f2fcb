/* The server's files and data connections, driven by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "ftp_server_driver.h"

/* --- data connections --------------------------------------------------------------------- */

static void passive(void **state)
{
	const struct fx_effect *e;
	char want[80];
	struct drv d;

	(void)state;
	begin(&d, USERS);
	logs_in(&d, "ann");
	say(&d, "PASV");
	e = drv_want(&d, FX_LISTEN, "listen");
	assert_true(e->listen.local.port >= 49152);
	snprintf(want, sizeof(want), "227 Entering Passive Mode (10,0,0,1,%u,%u).",
		 e->listen.local.port >> 8, e->listen.local.port & 255);
	hears(&d, want);
	drv_opened(&d, DATA, e->listen.sock, drv_ep(US, 61000), drv_ep("10.0.0.66", 50001));
	drv_expect_decision(&d, "ftp.server.drop-foreign-data");
	assert_int_equal(drv_want(&d, FX_CLOSE, "close")->close.how, CLOSE_RESET);
	says(&d, "EPSV 2", "522 ");
	says(&d, "EPSV 1", "229 Entering Extended Passive Mode (|||");
	e = drv_want(&d, FX_CLOSE, "close"); /* the earlier listener */
	says(&d, "EPSV ALL", "200 ");
	says(&d, "PASV", "503 ");
	says(&d, "PORT 10,0,0,9,200,1", "503 ");
	says(&d, "EPRT |1|10.0.0.9|51201|", "503 ");
	says(&d, "EPSV", "229 ");
	e = drv_want(&d, FX_LISTEN, "listen");
	drv_failed(&d, e, e->listen.sock, EADDRINUSE);
	says(&d, "LIST", "425 ");
	drv_expect_decision(&d, "ftp.data-open-fail");
	drv_done(&d);
}

static void over_ipv6(void **state)
{
	struct drv d;

	(void)state;
	begin(&d, USERS);
	connects(&d, CTRL, "fd00::9");
	say(&d, "USER ann");
	says(&d, "PASS pw", "230 ");
	says(&d, "PASV", "522 ");
	says(&d, "EPSV", "229 ");
	assert_int_equal(drv_want(&d, FX_LISTEN, "listen")->listen.local.addr.family, 6);
	says(&d, "EPRT |2|fd00::9|5000|", "200 ");
	says(&d, "EPRT |2|fd00::8|5000|", "504 ");
	says(&d, "EPRT |3|x|5000|", "522 ");
	drv_done(&d);
}

static void active(void **state)
{
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	begin(&d, USERS);
	logs_in(&d, "ann");
	says(&d, "PORT 10,0,0,9,0", "501 ");
	says(&d, "PORT 10,0,0,66,200,1", "504 ");
	drv_expect_decision(&d, "ftp.cmd.port-foreign");
	says(&d, "PORT 10,0,0,9,3,255", "504 ");
	says(&d, "EPRT |1|10.0.0.9|51201|", "200 ");
	drv_expect_decision(&d, "ftp.cmd.eprt");
	says(&d, "PORT 10,0,0,9,200,1", "200 ");
	say(&d, "NLST");
	file_is(&d, FILE_STAT, A_DIR);
	file_is(&d, FILE_LIST, DONE);
	hears(&d, "150 ");
	e = drv_next_connect(&d);
	drv_expect_decision(&d, "ftp.server.active-mode");
	assert_int_equal(e->connect.local.port, 20);
	assert_int_equal(e->connect.peer.port, 51201);
	drv_opened(&d, e->connect.sock, 0, drv_ep(US, 20), e->connect.peer);
	hears(&d, "226 "); /* an empty directory */
	drv_expect_column(&d, "ftp_transfer", "server 1", "mode", "active");
	drv_expect_column(&d, "ftp_transfer", "server 1", "bytes", "0");
	drv_done(&d);
}

static void a_data_connection_that_does_not_open(void **state)
{
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	begin(&d, USERS);
	logs_in(&d, "ann");
	says(&d, "RETR f", "425 ");
	say(&d, "PORT 10,0,0,9,200,1");
	say(&d, "RETR f");
	file_is(&d, FILE_STAT, FILE_OF(5));
	e = drv_next_connect(&d);
	drv_closed(&d, e->connect.sock, ECONNREFUSED);
	hears(&d, "425 No data connection: Connection refused");
	say(&d, "PORT 10,0,0,9,200,1");
	say(&d, "RETR f");
	file_is(&d, FILE_STAT, FILE_OF(5));
	e = drv_next_connect(&d);
	drv_failed(&d, e, e->connect.sock, EADDRNOTAVAIL);
	hears(&d, "425 ");
	say(&d, "PASV");
	say(&d, "RETR f");
	file_is(&d, FILE_STAT, FILE_OF(5));
	hears(&d, "150 ");
	drv_timer_until(&d, 30 * SEC);
	hears(&d, "425 ");
	drv_done(&d);
}

/* --- sending ------------------------------------------------------------------------------ */

static void a_file_is_fetched(void **state)
{
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	begin(&d, USERS "ip ftp server path pub\n");
	logs_in(&d, "bob");
	opens_data(&d);
	says(&d, "CWD /", "250 ");
	say(&d, "RETR a/b.bin");
	e = drv_next_ask(&d);
	assert_string_equal(e->ask.ask->file.path, "pub/a/b.bin");
	drv_answer(&d, e->ask.ask_id, &FILE_OF(100000));
	drv_expect_value(&d, "ftp.cmd.retr", "code", "150");
	e = drv_want(&d, FX_SEND_FILE, "file");
	assert_string_equal(e->send_file.path, "pub/a/b.bin");
	assert_int_equal(e->send_file.len, 65536);
	drv_drained(&d, DATA);
	e = drv_want(&d, FX_SEND_FILE, "file");
	assert_int_equal(e->send_file.offset, 65536);
	assert_int_equal(e->send_file.len, 100000 - 65536);
	drv_drained(&d, DATA);
	hears(&d, "226 ");
	assert_int_equal(drv_want(&d, FX_CLOSE, "close")->close.how, CLOSE_FLUSH);
	drv_expect_decision(&d, "ftp.data-lifetime");
	drv_expect_column(&d, "ftp_transfer", "server 1", "bytes", "100000");
	drv_expect_column(&d, "ftp_transfer", "server 1", "result", "complete");
	says(&d, "RETR a/b.bin", "425 "); /* each has its own */
	/* from an offset */
	opens_data(&d);
	says(&d, "REST 7", "350 ");
	say(&d, "RETR a/b.bin");
	file_is(&d, FILE_STAT, FILE_OF(10));
	assert_int_equal(drv_want(&d, FX_SEND_FILE, "file")->send_file.offset, 7);
	drv_drained(&d, DATA);
	hears(&d, "226 ");
	opens_data(&d);
	says(&d, "REST 11", "350 ");
	say(&d, "RETR a/b.bin");
	file_is(&d, FILE_STAT, FILE_OF(10));
	hears(&d, "554 ");
	say(&d, "RETR empty");
	file_is(&d, FILE_STAT, FILE_OF(0));
	hears(&d, "226 ");
	drv_done(&d);
}

static void a_slow_reader_gets_small_pieces(void **state)
{
	struct drv d;

	(void)state;
	begin(&d, USERS);
	logs_in(&d, "ann");
	opens_data(&d);
	say(&d, "RETR f");
	file_is(&d, FILE_STAT, FILE_OF(20u << 20));
	for (int i = 0; i < 7; i++)
		drv_drained(&d, DATA);
	assert_int_equal(drv_want(&d, FX_SEND_FILE, "file")->send_file.len, 4u << 20);
	d.now += 2 * SEC;
	drv_drained(&d, DATA);
	assert_int_equal(drv_want(&d, FX_SEND_FILE, "file")->send_file.len, 65536);
	drv_timer_until(&d, d.now + 59 * SEC);
	drv_expect_none(&d, FX_CLOSE);
	drv_timer_until(&d, d.now + 1 * SEC);
	drv_expect_decision(&d, "ftp.cmd.transfer-lost");
	hears(&d, "426 ");
	drv_expect_column(&d, "ftp_transfer", "server 1", "result", "no octet for 60 seconds");
	drv_done(&d);
}

static void what_cannot_be_fetched(void **state)
{
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	begin(&d, USERS "ip ftp server user w password pw rights w\n");
	logs_in(&d, "w");
	says(&d, "RETR f", "550 Permission denied");
	drv_expect_decision(&d, "ftp.cmd.retr-missing");
	says(&d, "LIST", "550 Permission denied");
	says(&d, "USER ann", "331 ");
	says(&d, "PASS pw", "230 ");
	opens_data(&d);
	say(&d, "RETR f");
	file_is(&d, FILE_STAT, FAILS(ENOENT));
	hears(&d, "550 /f: No such file");
	say(&d, "RETR f");
	file_is(&d, FILE_STAT, A_DIR);
	hears(&d, "550 /f: not a plain file");
	says(&d, "RETR ../f", "550 ");
	drv_expect_decision(&d, "ftp.server.path-escape");
	say(&d, "RETR f");
	file_is(&d, FILE_STAT, FILE_OF(10));
	e = drv_want(&d, FX_SEND_FILE, "file");
	drv_failed(&d, e, DATA, EIO);
	hears(&d, "451 ");
	opens_data(&d);
	say(&d, "RETR f");
	file_is(&d, FILE_STAT, FILE_OF(10));
	drv_closed(&d, DATA, ECONNRESET);
	hears(&d, "426 ");
	opens_data(&d);
	drv_closed(&d, DATA, ECONNRESET);
	says(&d, "RETR f", "425 ");
	drv_done(&d);
}

static void text_goes_out_with_cr_lf(void **state)
{
	struct answer a = FILE_OF(9);
	char *out;
	struct drv d;

	(void)state;
	begin(&d, USERS);
	logs_in(&d, "ann");
	says(&d, "TYPE A", "200 ");
	opens_data(&d);
	say(&d, "RETR f");
	file_is(&d, FILE_STAT, FILE_OF(9));
	drv_expect_decision(&d, "ftp.representation");
	a.file.data = (const uint8_t *)"one\ntwo\n.";
	a.file.len = 9;
	file_is(&d, FILE_READ, a);
	out = drv_written(&d, DATA, NULL);
	assert_string_equal(out, "one\r\ntwo\r\n.");
	free(out);
	file_is(&d, FILE_READ, DONE);
	hears(&d, "226 ");
	drv_expect_column(&d, "ftp_transfer", "server 1", "type", "A");
	/* so much that the peer has to take some first */
	opens_data(&d);
	say(&d, "RETR f");
	file_is(&d, FILE_STAT, FILE_OF(9));
	for (int i = 0; i < 4; i++) {
		static uint8_t big[65536];

		memset(big, 'x', sizeof(big));
		a.file.data = big;
		a.file.len = sizeof(big);
		file_is(&d, FILE_READ, a);
	}
	drv_expect_none(&d, FX_ASK);
	drv_drained(&d, DATA);
	file_is(&d, FILE_READ, FAILS(EIO));
	hears(&d, "451 ");
	drv_done(&d);
}

/* --- receiving ---------------------------------------------------------------------------- */

static void a_file_is_stored(void **state)
{
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	begin(&d, USERS);
	logs_in(&d, "ann");
	opens_data(&d);
	assert_true(drv_want(&d, FX_PAUSE, "pause")->pause.on);
	say(&d, "STOR a/f");
	file_is(&d, FILE_STAT, FAILS(ENOENT));
	e = drv_next_ask(&d);
	assert_string_equal(e->ask.ask->file.path, "a");
	drv_answer(&d, e->ask.ask_id, &A_DIR);
	drv_expect_value(&d, "ftp.cmd.stor", "code", "150");
	assert_false(drv_want(&d, FX_PAUSE, "pause")->pause.on);
	drv_bytes(&d, DATA, "hello", 5, 0);
	drv_expect_none(&d, FX_ASK);
	drv_closed(&d, DATA, 0);
	e = drv_next_ask(&d);
	assert_int_equal(e->ask.ask->file.op, FILE_WRITE);
	assert_string_equal(e->ask.ask->file.path, "a/.f.1");
	assert_memory_equal(e->ask.ask->file.data, "hello", 5);
	drv_answer(&d, e->ask.ask_id, &DONE);
	e = drv_next_ask(&d);
	assert_int_equal(e->ask.ask->file.op, FILE_RENAME);
	assert_memory_equal(e->ask.ask->file.data, "a/f", 3);
	drv_answer(&d, e->ask.ask_id, &DONE);
	hears(&d, "226 ");
	drv_expect_column(&d, "ftp_transfer", "server 1", "direction", "received");
	drv_done(&d);
}

static void much_is_stored_on_the_way(void **state)
{
	static uint8_t big[300000];
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	begin(&d, USERS);
	logs_in(&d, "ann");
	opens_data(&d);
	say(&d, "STOR f");
	file_is(&d, FILE_STAT, FILE_OF(3));
	drv_bytes(&d, DATA, big, sizeof(big), 0);
	e = drv_next_ask(&d);
	assert_int_equal(e->ask.ask->file.op, FILE_WRITE);
	drv_bytes(&d, DATA, big, sizeof(big), sizeof(big));
	drv_expect_none(&d, FX_ASK); /* one question at a time */
	drv_answer(&d, e->ask.ask_id, &DONE);
	e = drv_next_ask(&d);
	assert_int_equal(e->ask.ask->file.op, FILE_APPEND);
	drv_closed(&d, DATA, 0);
	drv_answer(&d, e->ask.ask_id, &DONE);
	file_is(&d, FILE_RENAME, FAILS(EISDIR));
	hears(&d, "451 ");
	assert_int_equal(drv_next_ask(&d)->ask.ask->file.op, FILE_DELETE);
	/* the device is full */
	opens_data(&d);
	say(&d, "STOR f");
	file_is(&d, FILE_STAT, FILE_OF(3));
	drv_bytes(&d, DATA, big, sizeof(big), 0);
	file_is(&d, FILE_WRITE, FAILS(ENOSPC));
	hears(&d, "452 ");
	drv_done(&d);
}

static void text_comes_in_across_segments(void **state)
{
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	begin(&d, USERS);
	logs_in(&d, "ann");
	says(&d, "TYPE A", "200 ");
	opens_data(&d);
	say(&d, "STOR f");
	file_is(&d, FILE_STAT, FAILS(ENOENT));
	drv_bytes(&d, DATA, "one\r", 4, 0);
	drv_bytes(&d, DATA, "\ntwo\r", 5, 4);
	drv_bytes(&d, DATA, "three\r", 6, 9);
	drv_closed(&d, DATA, 0);
	e = drv_next_ask(&d);
	assert_int_equal(e->ask.ask->file.len, 14);
	assert_memory_equal(e->ask.ask->file.data, "one\ntwo\rthree\r", 14);
	drv_done(&d);
}

static void appending(void **state)
{
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	begin(&d, USERS);
	logs_in(&d, "ann");
	opens_data(&d);
	say(&d, "APPE f");
	file_is(&d, FILE_STAT, FILE_OF(5));
	drv_bytes(&d, DATA, "more", 4, 0);
	drv_closed(&d, DATA, 0);
	e = drv_next_ask(&d);
	assert_int_equal(e->ask.ask->file.op, FILE_APPEND);
	assert_string_equal(e->ask.ask->file.path, "f");
	drv_answer(&d, e->ask.ask_id, &DONE);
	drv_expect_value(&d, "ftp.cmd.appe", "code", "226");
	opens_data(&d);
	says(&d, "REST 9", "350 ");
	say(&d, "STOR f");
	file_is(&d, FILE_STAT, FILE_OF(8));
	hears(&d, "554 ");
	says(&d, "REST 9", "350 ");
	say(&d, "STOR f");
	file_is(&d, FILE_STAT, FILE_OF(9));
	drv_closed(&d, DATA, 0);
	file_is(&d, FILE_APPEND, DONE);
	hears(&d, "226 ");
	drv_done(&d);
}

static void what_may_not_be_stored(void **state)
{
	static uint8_t big[700000];
	char name[1000] = "STOR ";
	struct drv d;

	(void)state;
	begin(&d, USERS "ip ftp server quota 1\nip ftp server path "
			"01234567890123456789012345678901234567890123456789\n");
	logs_in(&d, "bob");
	says(&d, "STOR f", "550 ");
	drv_expect_decision(&d, "ftp.cmd.stor-denied");
	says(&d, "USER ann", "331 ");
	says(&d, "PASS pw", "230 ");
	opens_data(&d);
	memset(name + 5, 'n', 990);
	says(&d, name, "553 ");
	say(&d, "STOR f");
	file_is(&d, FILE_STAT, A_DIR);
	hears(&d, "550 ");
	say(&d, "STOR f");
	file_is(&d, FILE_STAT, FAILS(EACCES));
	hears(&d, "550 ");
	say(&d, "STOR a/f");
	file_is(&d, FILE_STAT, FAILS(ENOENT));
	file_is(&d, FILE_STAT, FAILS(ENOENT));
	hears(&d, "550 /a/f: there is no such directory");
	say(&d, "STOR f");
	file_is(&d, FILE_STAT, FAILS(ENOENT));
	drv_bytes(&d, DATA, big, sizeof(big), 0);
	file_is(&d, FILE_WRITE, DONE);
	drv_bytes(&d, DATA, big, sizeof(big), sizeof(big));
	drv_expect_decision(&d, "ftp.server.storage-limit");
	hears(&d, "552 ");
	assert_int_equal(drv_next_ask(&d)->ask.ask->file.op, FILE_DELETE);
	drv_done(&d);
}

static void aborted(void **state)
{
	char *all;
	struct drv d;

	(void)state;
	begin(&d, USERS);
	logs_in(&d, "ann");
	opens_data(&d);
	say(&d, "RETR f");
	file_is(&d, FILE_STAT, FILE_OF(1000000));
	octets(&d, "\377\364\377\362ABOR\r\nNOOP\r\n", 16);
	all = drv_written(&d, CTRL, NULL);
	assert_non_null(strstr(all, "426 Transfer aborted.\r\n226 ABOR successful.\r\n200 "));
	free(all);
	assert_int_equal(drv_want(&d, FX_CLOSE, "close")->close.how, CLOSE_RESET);
	drv_expect_column(&d, "ftp_transfer", "server 1", "result", "aborted by the client");
	opens_data(&d);
	say(&d, "RETR f");
	file_is(&d, FILE_STAT, FILE_OF(1));
	says(&d, "NOOP", ""); /* waits until the transfer is over */
	drv_drained(&d, DATA);
	hears(&d, "200 ");
	drv_done(&d);
}

static void the_client_goes_away(void **state)
{
	static uint8_t big[300000];
	struct drv d;

	(void)state;
	begin(&d, USERS);
	logs_in(&d, "ann");
	opens_data(&d);
	say(&d, "STOR f");
	file_is(&d, FILE_STAT, FAILS(ENOENT));
	drv_bytes(&d, DATA, big, sizeof(big), 0);
	drv_closed(&d, CTRL, 0);
	assert_int_equal(drv_next_ask(&d)->ask.ask->file.op, FILE_DELETE);
	drv_expect_fact(&d, FX_FACT_END, "ftp_session", "server 1");
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passive),
		cmocka_unit_test(over_ipv6),
		cmocka_unit_test(active),
		cmocka_unit_test(a_data_connection_that_does_not_open),
		cmocka_unit_test(a_file_is_fetched),
		cmocka_unit_test(a_slow_reader_gets_small_pieces),
		cmocka_unit_test(what_cannot_be_fetched),
		cmocka_unit_test(text_goes_out_with_cr_lf),
		cmocka_unit_test(a_file_is_stored),
		cmocka_unit_test(much_is_stored_on_the_way),
		cmocka_unit_test(text_comes_in_across_segments),
		cmocka_unit_test(appending),
		cmocka_unit_test(what_may_not_be_stored),
		cmocka_unit_test(aborted),
		cmocka_unit_test(the_client_goes_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
