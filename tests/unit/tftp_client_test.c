/* The client, as `copy` and `tftp` ask it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tftp_driver.h"

static void begin(struct drv *d, const char *conf)
{
	drv_init(d, &tftp_proto, KIND_PC, 1);
	drv_addr(d, 1, US "/24");
	drv_conf(d, conf);
	drv_start(d, "tftp.client");
}

static struct ask transfer(bool put, const char *file, const char *data)
{
	struct ask a = { .kind = ASK_TRANSFER,
			 .transfer = { .scheme = "tftp",
				       .put = put,
				       .host = PEER,
				       .path = "r1.cfg",
				       .data = (const uint8_t *)data,
				       .len = strlen(data) } };

	str_copy(a.transfer.file, sizeof(a.transfer.file), file);
	return a;
}

/* Asks for the transfer; the session's socket. */
static uint32_t start(struct drv *d, bool put, const char *data)
{
	struct ask a = transfer(put, "", data);

	drv_ask(d, 77, &a);
	return tftp_sock(d);
}

static const struct fx_effect *answered(struct drv *d)
{
	const struct fx_effect *e = drv_want(d, FX_ANSWER, "answer");

	assert_int_equal(e->answer.ask_id, 77);
	return e;
}

static void a_file_is_fetched(void **state)
{
	const struct fx_effect *e;
	struct tftp_sent s;
	uint32_t sock;
	struct drv d;

	(void)state;
	begin(&d, "");
	sock = start(&d, false, "");
	drv_expect_value(&d, "tftp.client.send-request", "options", "no options");
	s = tftp_expect(&d, TFTP_RRQ, 0);
	assert_string_equal(s.m.file, "r1.cfg");
	assert_string_equal(s.m.mode_text, "octet");
	assert_int_equal(s.m.n_options, 0);
	assert_int_equal(s.e->send.dst.port, 69);
	tftp_data(&d, sock, 1, 'a', 512);
	drv_expect_value(&d, "tftp.client.learn-tid", "port", "40000");
	s = tftp_expect(&d, TFTP_ACK, 1);
	assert_int_equal(s.e->send.dst.port, PEER_TID);
	tftp_data(&d, sock, 2, 'b', 1);
	tftp_expect(&d, TFTP_ACK, 2);
	e = answered(&d);
	assert_int_equal(e->answer.answer->err, 0);
	assert_int_equal(e->answer.len, 513);
	assert_int_equal(e->answer.answer->file.size, 513);
	assert_int_equal(((const char *)e->answer.data)[512], 'b');
	tftp_data(&d, sock, 2, 'b', 1); /* our ACK was lost */
	tftp_expect(&d, TFTP_ACK, 2);
	drv_timer(&d);
	drv_want(&d, FX_CLOSE, "close");
	drv_done(&d);
}

static void octets_are_sent(void **state)
{
	struct tftp_sent s;
	uint32_t sock;
	struct drv d;

	(void)state;
	begin(&d, "");
	sock = start(&d, true, "hostname R1\n");
	tftp_expect(&d, TFTP_WRQ, 0);
	tftp_ack(&d, sock, 0);
	drv_expect_decision(&d, "tftp.client.learn-tid");
	s = tftp_expect(&d, TFTP_DATA, 1);
	assert_memory_equal(s.m.data, "hostname R1\n", 12);
	tftp_ack(&d, sock, 1);
	assert_int_equal(answered(&d)->answer.answer->file.size, 12);
	drv_want(&d, FX_CLOSE, "close");
	drv_done(&d);
}

static void files_of_the_device(void **state)
{
	struct ask put = transfer(true, "a.bin", ""), get = transfer(false, "b.bin", "");
	const struct fx_effect *e;
	uint32_t sock;
	struct drv d;

	(void)state;
	begin(&d, "");
	drv_ask(&d, 77, &put);
	assert_string_equal(tftp_ask(&d, FILE_READ, &e)->path, "a.bin");
	tftp_answer(&d, e, -ENOENT, NULL, 0, 0);
	drv_expect_decision(&d, "tftp.client.no-file");
	assert_string_equal(answered(&d)->answer.answer->why, "No such file or directory");
	drv_ask(&d, 77, &put);
	tftp_ask(&d, FILE_READ, &e);
	tftp_answer(&d, e, 0, "abc", 3, 3);
	tftp_expect(&d, TFTP_WRQ, 0);
	drv_ask(&d, 77, &get);
	sock = tftp_sock(&d);
	tftp_data(&d, sock, 1, 'x', 3);
	assert_string_equal(tftp_ask(&d, FILE_WRITE, &e)->path, ".b.bin.3");
	tftp_answer(&d, e, 0, NULL, 0, 0);
	tftp_ask(&d, FILE_RENAME, &e);
	tftp_answer(&d, e, 0, NULL, 0, 0);
	assert_int_equal(answered(&d)->answer.answer->file.size, 3);
	drv_done(&d);
}

/* --- whose answer it is ------------------------------------------------------------------- */

static void the_first_answer(void **state)
{
	uint32_t sock;
	struct drv d;

	(void)state;
	begin(&d, "");
	sock = start(&d, false, "");
	tftp_from(&d, sock, drv_ep("10.0.0.66", 69), "\0\3\0\1x", 5);
	drv_expect_decision(&d, "tftp.session.unknown-tid");
	tftp_data(&d, sock, 2, 'x', 5);
	drv_expect_decision(&d, "tftp.session.drop-data-wrong-block");
	tftp_ack(&d, sock, 0);
	drv_expect_decision(&d, "tftp.session.drop-ack-wrong");
	drv_timer(&d); /* none of them was the server: the request goes to port 69 again */
	drv_expect_decision(&d, "tftp.session.retransmit");
	assert_int_equal(tftp_expect(&d, TFTP_RRQ, 0).e->send.dst.port, 69);
	tftp_data(&d, sock, 1, 'x', 5);
	assert_int_equal(answered(&d)->answer.len, 5);
	drv_done(&d);
}

static void an_error_is_told(void **state)
{
	const struct fx_effect *e;
	uint32_t sock;
	struct drv d;

	(void)state;
	begin(&d, "");
	sock = start(&d, false, "");
	tftp_error(&d, sock, TFTP_NOT_FOUND, "");
	drv_expect_decision(&d, "tftp.client.learn-tid");
	drv_expect_value(&d, "tftp.session.error", "text", "File not found");
	e = answered(&d);
	assert_int_equal(e->answer.answer->err, -EIO);
	assert_string_equal(e->answer.answer->why, "File not found");
	sock = start(&d, false, "");
	tftp_from(&d, sock, tftp_ep(PEER_TID), "\0\7\0\0", 4);
	drv_expect_decision(&d, "tftp.session.other-opcode");
	assert_int_equal(tftp_expect(&d, TFTP_ERROR, TFTP_ILLEGAL).e->send.dst.port, PEER_TID);
	drv_done(&d);
}

static void nobody_answers(void **state)
{
	struct drv d;

	(void)state;
	begin(&d, "ip tftp retransmit tries 2");
	start(&d, false, "");
	drv_timer(&d);
	drv_timer(&d);
	assert_int_equal(answered(&d)->answer.answer->err, -ETIMEDOUT);
	assert_string_equal(d.last[FX_ANSWER]->answer.answer->why, "Timed out");
	drv_done(&d);
}

static void too_much_for_memory(void **state)
{
	uint32_t sock;
	struct drv d;

	(void)state;
	begin(&d, "ip tftp blocksize 65464");
	sock = start(&d, false, "");
	TFTP_OACK_OF(&d, sock,
		     "blksize\0"
		     "65464");
	for (unsigned i = 1; i <= TRANSFER_DATA_MAX / 65464; i++)
		tftp_data(&d, sock, i, 'x', 65464);
	tftp_data(&d, sock, TRANSFER_DATA_MAX / 65464 + 1, 'x', 65464);
	drv_expect_decision(&d, "tftp.session.not-stored");
	tftp_expect(&d, TFTP_ERROR, TFTP_DISK_FULL);
	assert_int_equal(answered(&d)->answer.answer->err, -EIO);
	drv_done(&d);
}

/* --- options ------------------------------------------------------------------------------ */

#define OPTIONS "ip tftp blocksize 1468\nip tftp timeout 2\nip tftp tsize"

static void options_are_asked_for(void **state)
{
	struct tftp_terms t;
	struct tftp_sent s;
	uint32_t sock;
	struct drv d;

	(void)state;
	begin(&d, OPTIONS);
	sock = start(&d, false, "");
	s = tftp_expect(&d, TFTP_RRQ, 0);
	tftp_terms_read(&s.m, &t);
	assert_int_equal(t.blksize, 1468);
	assert_int_equal(t.timeout, 2);
	assert_true(t.has_tsize && t.tsize == 0);
	assert_true(drv_deadline(&d) == d.now + 2 * SEC);
	TFTP_OACK_OF(&d, sock,
		     "blksize\0"
		     "1000\0timeout\0"
		     "2\0tsize\0"
		     "1500");
	drv_expect_value(&d, "tftp.client.oack", "blksize", "1000");
	tftp_expect(&d, TFTP_ACK, 0);
	TFTP_OACK_OF(&d, sock,
		     "blksize\0"
		     "1000"); /* our ACK was lost */
	drv_expect_decision(&d, "tftp.client.oack");
	tftp_expect(&d, TFTP_ACK, 0);
	tftp_data(&d, sock, 1, 'x', 1000);
	tftp_expect(&d, TFTP_ACK, 1);
	TFTP_OACK_OF(&d, sock,
		     "blksize\0"
		     "1000"); /* too late */
	drv_expect_decision(&d, "tftp.session.other-opcode");
	drv_done(&d);
}

static void options_of_a_write(void **state)
{
	struct tftp_terms t;
	struct tftp_sent s;
	uint32_t sock;
	struct drv d;

	(void)state;
	begin(&d, OPTIONS);
	sock = start(&d, true, "hello");
	s = tftp_expect(&d, TFTP_WRQ, 0);
	tftp_terms_read(&s.m, &t);
	assert_int_equal(t.tsize, 5);
	TFTP_OACK_OF(&d, sock,
		     "tsize\0"
		     "5");
	assert_int_equal(tftp_expect(&d, TFTP_DATA, 1).m.len, 5);
	TFTP_OACK_OF(&d, sock,
		     "tsize\0"
		     "5");
	drv_expect_decision(&d, "tftp.client.oack");
	drv_expect_none(&d, FX_SEND);
	tftp_ack(&d, sock, 1);
	assert_int_equal(answered(&d)->answer.answer->err, 0);
	drv_done(&d);
}

static void options_that_were_not_asked_for(void **state)
{
	static const struct {
		const char *octets, *conf;
		size_t len;
	} rows[] = {
		{ "blksize\0"
		  "1469\0",
		  OPTIONS, 13 },
		{ "timeout\0"
		  "3\0",
		  OPTIONS, 10 },
		{ "windowsize\0"
		  "4\0",
		  OPTIONS, 13 },
		{ "blksize\0"
		  "x\0",
		  OPTIONS, 10 },
		{ "tsize\0"
		  "4\0",
		  "", 8 },
		{ "blksize\0"
		  "512\0",
		  "ip tftp tsize", 12 },
		{ "timeout\0"
		  "3\0",
		  "ip tftp tsize", 10 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint32_t sock;
		struct drv d;

		begin(&d, rows[i].conf);
		sock = start(&d, false, "");
		tftp_oack(&d, sock, rows[i].octets, rows[i].len);
		drv_expect_decision(&d, "tftp.client.oack-bad");
		tftp_expect(&d, TFTP_ERROR, TFTP_BAD_OPTION);
		assert_int_equal(answered(&d)->answer.answer->err, -EIO);
		drv_done(&d);
	}
}

static void a_server_without_options(void **state)
{
	struct tftp_sent s;
	uint32_t sock;
	struct drv d;

	(void)state;
	begin(&d, OPTIONS);
	sock = start(&d, false, "");
	tftp_data(&d, sock, 1, 'x', 512);
	drv_expect_decision(&d, "tftp.client.options-refused");
	tftp_expect(&d, TFTP_ACK, 1);
	sock = start(&d, true, "hello");
	tftp_error(&d, sock, TFTP_BAD_OPTION, "no options");
	drv_expect_value(&d, "tftp.client.options-refused", "deed", "asks again without options");
	s = tftp_expect(&d, TFTP_WRQ, 0);
	assert_int_equal(s.m.n_options, 0);
	assert_int_equal(s.e->send.dst.port, 69);
	tftp_error(&d, sock, TFTP_BAD_OPTION, "no options");
	drv_expect_decision(&d, "tftp.session.error"); /* once is enough */
	drv_done(&d);
}

/* --- names and commands ------------------------------------------------------------------- */

static void a_name_is_resolved(void **state)
{
	struct answer found = { .resolve = { .n_addrs = 1 } },
		      none = { .err = -ENOENT, .why = "no such name" };
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	begin(&d, "");
	found.resolve.addrs[0] = drv_a(PEER);
	drv_command(&d, "tftp files.test get a.txt");
	e = drv_next_ask(&d);
	assert_string_equal(e->ask.ask->resolve.name, "files.test");
	drv_answer(&d, e->ask.ask_id, &found);
	tftp_expect(&d, TFTP_RRQ, 0);
	drv_command(&d, "tftp files.test get a.txt");
	drv_answer(&d, drv_next_ask(&d)->ask.ask_id, &none);
	drv_expect_decision(&d, "tftp.client.no-host");
	drv_expect_output(&d, "% tftp: no such name");
	assert_int_equal(d.status, 1);
	drv_done(&d);
}

static void the_command(void **state)
{
	const struct fx_effect *e;
	struct tftp_sent s;
	uint32_t sock;
	struct drv d;

	(void)state;
	begin(&d, "");
	drv_command(&d, "tftp " PEER " put dir/a.txt mode netascii");
	assert_string_equal(tftp_ask(&d, FILE_READ, &e)->path, "dir/a.txt");
	tftp_answer(&d, e, 0, "one\n", 4, 4);
	drv_expect_decision(&d, "tftp.session.netascii");
	sock = tftp_sock(&d);
	s = tftp_expect(&d, TFTP_WRQ, 0);
	assert_string_equal(s.m.file, "a.txt");
	assert_string_equal(s.m.mode_text, "netascii");
	tftp_ack(&d, sock, 0);
	assert_memory_equal(tftp_expect(&d, TFTP_DATA, 1).m.data, "one\r\n", 5);
	d.now += SEC;
	tftp_ack(&d, sock, 1);
	drv_expect_output(&d, "!\nTransfer successful: 5 bytes in 1 second(s), 5 bytes/s\n");
	assert_int_equal(d.status, 0);

	drv_command(&d, "tftp " PEER " get dir/b.txt");
	sock = tftp_sock(&d);
	assert_string_equal(tftp_expect(&d, TFTP_RRQ, 0).m.file, "dir/b.txt");
	tftp_data(&d, sock, 1, 'x', 2);
	drv_expect_output(&d, "Loading dir/b.txt from 10.0.0.9 (via eth0): ");
	tftp_ask(&d, FILE_WRITE, &e);
	tftp_answer(&d, e, 0, NULL, 0, 0);
	assert_memory_equal(tftp_ask(&d, FILE_RENAME, &e)->data, "b.txt", 5);
	tftp_answer(&d, e, 0, NULL, 0, 0);
	drv_expect_output(&d, "[OK - 2 bytes]");
	drv_command(&d, "show tftp client");
	drv_expect_output(&d, "2 transfers done, 0 failed, 7 octets");
	drv_done(&d);
}

static void where_requests_come_from(void **state)
{
	struct ask a = transfer(false, "", "");
	struct addr us;
	struct drv d;

	(void)state;
	begin(&d, "ip tftp source-interface eth0");
	drv_ask(&d, 77, &a);
	us = drv_a(US);
	assert_true(addr_equal(&drv_next_bind(&d)->bind.local.addr, &us));
	drv_done(&d);
}

static void transfers_are_bounded(void **state)
{
	struct ask a = transfer(false, "", "");
	struct drv d;

	(void)state;
	begin(&d, "");
	for (int i = 0; i < TFTP_SESSIONS_MAX; i++)
		drv_ask(&d, 1, &a);
	drv_ask(&d, 77, &a);
	drv_expect_decision(&d, "tftp.client.busy");
	assert_int_equal(answered(&d)->answer.answer->err, -EBUSY);
	drv_command(&d, "tftp " PEER " get x");
	assert_int_equal(d.status, 1);
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_fetched),
		cmocka_unit_test(octets_are_sent),
		cmocka_unit_test(files_of_the_device),
		cmocka_unit_test(the_first_answer),
		cmocka_unit_test(an_error_is_told),
		cmocka_unit_test(nobody_answers),
		cmocka_unit_test(too_much_for_memory),
		cmocka_unit_test(options_are_asked_for),
		cmocka_unit_test(options_of_a_write),
		cmocka_unit_test(options_that_were_not_asked_for),
		cmocka_unit_test(a_server_without_options),
		cmocka_unit_test(a_name_is_resolved),
		cmocka_unit_test(the_command),
		cmocka_unit_test(where_requests_come_from),
		cmocka_unit_test(transfers_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
