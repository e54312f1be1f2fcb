/* The server, driven by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tftp_server_driver.h"

/* --- on and off --------------------------------------------------------------------------- */

static void off_costs_nothing(void **state)
{
	struct drv d;

	(void)state;
	begin(&d, "");
	drv_expect_none(&d, FX_BIND);
	drv_expect_none(&d, FX_DECIDE);
	drv_conf(&d, "ip tftp server");
	assert_int_equal(drv_count(&d, FX_BIND), 2);
	drv_expect_decision(&d, "tftp.server.listen");
	drv_conf(&d, "no ip tftp server");
	drv_expect_decision(&d, "tftp.server.stop");
	drv_expect_none(&d, FX_CLOSE); /* the port stays bound, so that a drop is a decision */
	REQUEST(&d, RRQ);
	drv_expect_decision(&d, "tftp.server.drop-service-disabled");
	drv_expect_none(&d, FX_SEND);
	drv_done(&d);
}

static void a_port_that_is_taken(void **state)
{
	struct drv d;

	(void)state;
	begin(&d, "ip tftp server");
	drv_failed(&d, drv_next_bind(&d), MAIN_SOCK, EADDRINUSE);
	drv_expect_decision(&d, "tftp.server.no-port");
	drv_done(&d);
}

/* --- reading ------------------------------------------------------------------------------ */

static void a_file_is_read(void **state)
{
	struct tftp_sent s;
	uint32_t sock;
	struct drv d;

	(void)state;
	begin(&d, "ip tftp server");
	sock = READING(&d, RRQ, 1024);
	drv_expect_value(&d, "tftp.server.rrq-found", "bytes", "1024");
	s = tftp_expect(&d, TFTP_DATA, 1);
	assert_int_equal(s.e->send.sock, sock);
	assert_int_equal(s.e->send.dst.port, PEER_TID);
	assert_int_equal(s.m.len, 512);
	assert_memory_equal(s.m.data, content, 512);
	tftp_ack(&d, sock, 1);
	drv_expect_decision(&d, "tftp.session.ack-increment");
	drv_expect_decision(&d, "tftp.session.ack-send-next");
	s = tftp_expect(&d, TFTP_DATA, 2);
	assert_memory_equal(s.m.data, content + 512, 512);
	tftp_ack(&d, sock, 2);
	s = tftp_expect(&d, TFTP_DATA, 3); /* a multiple of 512 ends with an empty block */
	assert_int_equal(s.m.len, 0);
	tftp_ack(&d, sock, 3);
	drv_expect_value(&d, "tftp.session.ack-last", "bytes", "1024");
	drv_expect_column(&d, "tftp_transfer", "server 1", "result", "complete");
	drv_expect_column(&d, "tftp_transfer", "server 1", "blocks", "3");
	drv_want(&d, FX_CLOSE, "close");
	assert_true(drv_deadline(&d) == NEVER);
	drv_done(&d);
}

static void a_large_file_is_read_piece_by_piece(void **state)
{
	const struct fx_effect *e;
	const struct ask_file *f;
	struct fx_effect asked;
	uint32_t sock;
	struct drv d;

	(void)state;
	begin(&d, "ip tftp server");
	sock = READING(&d, RRQ, 100000);
	for (unsigned i = 1; i < 128; i++)
		tftp_ack(&d, sock, i);
	assert_memory_equal(tftp_expect(&d, TFTP_DATA, 128).m.data, content + 127 * 512, 512);
	tftp_ack(&d, sock, 128); /* 64 KiB are out */
	f = tftp_ask(&d, FILE_READ, &e);
	assert_int_equal(f->offset, TFTP_CHUNK);
	asked = *e;
	drv_expect_none(&d, FX_SEND);
	assert_true(drv_deadline(&d) == NEVER);
	tftp_ack(&d, sock, 128); /* meanwhile */
	drv_expect_decision(&d, "tftp.session.drop-ack-wrong");
	tftp_answer(&d, &asked, 0, content + TFTP_CHUNK, 100000 - TFTP_CHUNK, 100000);
	assert_memory_equal(tftp_expect(&d, TFTP_DATA, 129).m.data, content + TFTP_CHUNK, 512);
	drv_done(&d);
}

static void a_file_that_goes_away(void **state)
{
	const struct fx_effect *e;
	uint32_t sock;
	struct drv d;

	(void)state;
	begin(&d, "ip tftp server");
	sock = READING(&d, RRQ, 100000);
	for (unsigned i = 1; i <= 128; i++)
		tftp_ack(&d, sock, i);
	tftp_ask(&d, FILE_READ, &e);
	tftp_answer(&d, e, -ENOENT, NULL, 0, 0);
	drv_expect_decision(&d, "tftp.session.not-read");
	tftp_expect(&d, TFTP_ERROR, TFTP_NOT_FOUND);
	drv_done(&d);
}

static void what_cannot_be_read(void **state)
{
	static const struct {
		int err;
		const char *rule;
		unsigned code;
	} rows[] = {
		{ -ENOENT, "tftp.server.rrq-missing", TFTP_NOT_FOUND },
		{ -EACCES, "tftp.server.no-access", TFTP_ACCESS },
		{ -EISDIR, "tftp.server.no-access", TFTP_ACCESS },
	};
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	begin(&d, "ip tftp server");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		REQUEST(&d, RRQ);
		tftp_ask(&d, FILE_READ, &e);
		tftp_answer(&d, e, rows[i].err, NULL, 0, 0);
		drv_expect_decision(&d, rows[i].rule);
		tftp_expect(&d, TFTP_ERROR, rows[i].code);
		drv_want(&d, FX_CLOSE, "close");
	}
	drv_done(&d);
}

static void netascii_goes_out_with_cr_lf(void **state)
{
	const struct fx_effect *e;
	struct tftp_sent s;
	struct drv d;

	(void)state;
	begin(&d, "ip tftp server");
	REQUEST(&d, "\0\1f\0NETASCII\0tsize\0"
		    "0\0");
	drv_expect_decision(&d, "tftp.session.netascii");
	tftp_ask(&d, FILE_READ, &e);
	tftp_answer(&d, e, 0, "a\nb\r", 4, 4);
	s = tftp_expect(&d, TFTP_DATA, 1); /* its size on the wire is not known: no OACK */
	assert_int_equal(s.m.len, 6);
	assert_memory_equal(s.m.data, "a\r\nb\r\0", 6);
	drv_done(&d);
}

/* --- writing ------------------------------------------------------------------------------ */

static void a_file_is_written(void **state)
{
	const struct ask_file *f;
	const struct fx_effect *e;
	uint32_t sock;
	struct drv d;

	(void)state;
	begin(&d, "ip tftp server");
	sock = WRITING(&d, "\0\2sub/f\0octet\0");
	drv_expect_decision(&d, "tftp.server.wrq");
	tftp_expect(&d, TFTP_ACK, 0);
	tftp_data(&d, sock, 1, 'x', 512);
	drv_expect_value(&d, "tftp.session.data-save", "block", "1");
	drv_expect_decision(&d, "tftp.session.data-ack");
	drv_expect_value(&d, "tftp.session.data-increment", "next", "2");
	tftp_expect(&d, TFTP_ACK, 1);
	drv_expect_none(&d, FX_ASK); /* little is gathered first */
	tftp_data(&d, sock, 2, 'y', 3);
	drv_expect_value(&d, "tftp.session.data-last-write", "bytes", "515");
	drv_expect_none(&d, FX_SEND); /* acknowledged when it is in the file */
	f = tftp_ask(&d, FILE_WRITE, &e);
	assert_string_equal(f->path, "sub/.f.1");
	assert_int_equal(f->len, 515);
	tftp_answer(&d, e, 0, NULL, 0, 0);
	f = tftp_ask(&d, FILE_RENAME, &e);
	assert_memory_equal(f->data, "sub/f", 5);
	tftp_answer(&d, e, 0, NULL, 0, 0);
	tftp_expect(&d, TFTP_ACK, 2);
	drv_expect_decision(&d, "tftp.session.data-last-stop");
	drv_expect_column(&d, "tftp_transfer", "server 1", "result", "complete");
	tftp_data(&d, sock, 2, 'y', 3); /* our last ACK was lost */
	drv_expect_decision(&d, "tftp.session.reack-duplicate-data");
	tftp_expect(&d, TFTP_ACK, 2);
	tftp_error(&d, sock, 0, "late");
	drv_expect_decision(&d, "tftp.session.error");
	drv_expect_none(&d, FX_FACT_BEGIN); /* the file is whole all the same */
	drv_timer_until(&d, d.now + 10 * SEC);
	drv_want(&d, FX_CLOSE, "close");
	assert_true(drv_deadline(&d) == NEVER);
	drv_done(&d);
}

static void much_is_stored_on_the_way(void **state)
{
	const struct fx_effect *e;
	uint32_t sock;
	struct drv d;

	(void)state;
	begin(&d, "ip tftp server");
	sock = WRITING(&d, WRQ);
	for (unsigned i = 1; i < 128; i++)
		tftp_data(&d, sock, i, 'x', 512);
	tftp_data(&d, sock, 128, 'x', 512);
	assert_int_equal(tftp_ask(&d, FILE_WRITE, &e)->len, TFTP_CHUNK);
	tftp_answer(&d, e, 0, NULL, 0, 0);
	tftp_expect(&d, TFTP_ACK, 128);
	tftp_data(&d, sock, 129, 'z', 0);
	assert_int_equal(tftp_ask(&d, FILE_APPEND, &e)->len, 0);
	tftp_answer(&d, e, -ENOSPC, NULL, 0, 0);
	drv_expect_decision(&d, "tftp.session.not-stored");
	tftp_expect(&d, TFTP_ERROR, TFTP_DISK_FULL);
	assert_string_equal(tftp_ask(&d, FILE_DELETE, &e)->path, ".f.1"); /* what was there of it */
	drv_done(&d);
}

static void netascii_comes_in_across_blocks(void **state)
{
	const struct fx_effect *e;
	const struct ask_file *f;
	uint32_t sock;
	struct drv d;
	char first[512];

	(void)state;
	begin(&d, "ip tftp server");
	sock = WRITING(&d, "\0\2f\0netascii\0");
	memset(first, 'a', sizeof(first));
	first[511] = '\r';
	tftp_block(&d, sock, TFTP_DATA, 1, first, sizeof(first));
	tftp_block(&d, sock, TFTP_DATA, 2, "\nb\r", 3);
	f = tftp_ask(&d, FILE_WRITE, &e);
	assert_int_equal(f->len, 514);
	assert_memory_equal(f->data + 511, "\nb\r", 3);
	drv_done(&d);
}

static void what_may_not_be_written(void **state)
{
	struct answer dir = { .file.is_dir = true };
	const struct fx_effect *e;
	uint32_t sock;
	struct drv d;

	(void)state;
	begin(&d, "ip tftp server\nno ip tftp server overwrite");
	REQUEST(&d, WRQ);
	tftp_ask(&d, FILE_STAT, &e);
	tftp_answer(&d, e, 0, NULL, 0, 5);
	drv_expect_value(&d, "tftp.server.wrq-refused", "code", "6");
	tftp_expect(&d, TFTP_ERROR, TFTP_EXISTS);
	drv_conf(&d, "ip tftp server overwrite");
	REQUEST(&d, WRQ);
	sock = tftp_sock(&d);
	tftp_ask(&d, FILE_STAT, &e);
	tftp_answer(&d, e, 0, NULL, 0, 5);
	tftp_expect(&d, TFTP_ACK, 0);
	tftp_error(&d, sock, 0, "never mind");
	REQUEST(&d, WRQ);
	tftp_ask(&d, FILE_STAT, &e);
	drv_answer(&d, e->ask.ask_id, &dir);
	tftp_expect(&d, TFTP_ERROR, TFTP_ACCESS);
	REQUEST(&d, WRQ);
	tftp_ask(&d, FILE_STAT, &e);
	tftp_answer(&d, e, -EACCES, NULL, 0, 0);
	tftp_expect(&d, TFTP_ERROR, TFTP_ACCESS);
	WRITING(&d, "\0\2f\0octet\0tsize\0"
		    "99999999999\0");
	drv_expect_value(&d, "tftp.server.wrq-refused", "code", "3");
	tftp_expect(&d, TFTP_ERROR, TFTP_DISK_FULL);
	drv_done(&d);
}

/* --- requests that are none --------------------------------------------------------------- */

static void bad_requests(void **state)
{
	static const struct {
		const char *octets;
		size_t len;
		unsigned code;
	} rows[] = {
		{ "\0\1f", 3, TFTP_ILLEGAL },
		{ "\0\1f\0octet", 9, TFTP_ILLEGAL },
		{ "\0\1f\0binary\0", 11, TFTP_ILLEGAL },
		{ "\0\2f\0mail\0", 9, TFTP_ILLEGAL },
		{ "\0\1../f\0octet\0", 13, TFTP_ACCESS },
		{ "\0\1a/..\0octet\0", 13, TFTP_ACCESS },
		{ "\0\1a\\..\\f\0octet\0", 15, TFTP_ACCESS },
		{ "\0\1\0octet\0", 9, TFTP_ACCESS },
	};
	struct drv d;

	(void)state;
	begin(&d, "ip tftp server");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		request(&d, rows[i].octets, rows[i].len);
		drv_expect_decision(&d, "tftp.server.bad-request");
		assert_int_equal(tftp_expect(&d, TFTP_ERROR, rows[i].code).e->send.sock, MAIN_SOCK);
	}
	REQUEST(&d, "\0\3\0\1data");
	drv_expect_value(&d, "tftp.server.drop-other", "opcode", "3");
	REQUEST(&d, "x");
	drv_expect_decision(&d, "tftp.server.drop-other");
	drv_datagram(&d, MAIN_SOCK, tftp_ep(1), drv_ep("10.0.0.255", 69), 1, RRQ, 10);
	drv_expect_decision(&d, "tftp.server.drop-broadcast");
	drv_expect_none(&d, FX_SEND);
	drv_done(&d);
}

static void only_what_is_offered(void **state)
{
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	begin(&d, "tftp-server flash:images/a.bin alias a\ntftp-server flash:b.bin");
	drv_expect_decision(&d, "tftp.server.listen");
	REQUEST(&d, "\0\1a\0octet\0");
	assert_string_equal(tftp_ask(&d, FILE_READ, &e)->path, "images/a.bin");
	tftp_answer(&d, e, -ENOENT, NULL, 0, 0);
	REQUEST(&d, "\0\1/b.bin\0octet\0");
	assert_string_equal(tftp_ask(&d, FILE_READ, &e)->path, "b.bin");
	tftp_answer(&d, e, -ENOENT, NULL, 0, 0);
	REQUEST(&d, "\0\1c.bin\0octet\0");
	tftp_expect(&d, TFTP_ERROR, TFTP_ACCESS);
	REQUEST(&d, "\0\2b.bin\0octet\0");
	tftp_ask(&d, FILE_STAT, &e);
	tftp_answer(&d, e, 0, NULL, 0, 1);
	drv_expect_value(&d, "tftp.server.wrq-refused", "code", "2");
	drv_conf(&d, "no tftp-server flash:images/a.bin alias a\nno tftp-server flash:b.bin");
	drv_expect_decision(&d, "tftp.server.stop");
	drv_conf(&d, "ip tftp server\nip tftp server path /pub/");
	REQUEST(&d, "\0\1c.bin\0octet\0");
	assert_string_equal(tftp_ask(&d, FILE_READ, &e)->path, "pub/c.bin");
	drv_done(&d);
}

static void a_request_is_repeated(void **state)
{
	uint32_t sock;
	struct drv d;

	(void)state;
	begin(&d, "ip tftp server");
	sock = READING(&d, RRQ, 1000);
	REQUEST(&d, RRQ);
	drv_expect_decision(&d, "tftp.server.request-repeated");
	drv_expect_none(&d, FX_BIND);
	assert_int_equal(tftp_expect(&d, TFTP_DATA, 1).e->send.sock, sock);
	tftp_ack(&d, sock, 1);
	REQUEST(&d, RRQ);
	drv_expect_value(&d, "tftp.server.request-repeated", "deed", "it is ignored");
	drv_expect_none(&d, FX_SEND);
	drv_done(&d);
}

static void sessions_are_bounded(void **state)
{
	struct drv d;

	(void)state;
	begin(&d, "ip tftp server");
	for (int i = 0; i < TFTP_SESSIONS_MAX; i++)
		tftp_from(&d, MAIN_SOCK, tftp_ep((uint16_t)(1000 + i)), RRQ, sizeof(RRQ) - 1);
	REQUEST(&d, RRQ);
	drv_expect_decision(&d, "tftp.server.drop-busy");
	drv_expect_none(&d, FX_BIND);
	drv_done(&d);
}

/* --- options ------------------------------------------------------------------------------ */

static void options_are_granted(void **state)
{
	struct tftp_terms t;
	struct tftp_sent s;
	uint32_t sock;
	struct drv d;

	(void)state;
	begin(&d, "ip tftp server");
	sock = READING(&d,
		       "\0\1f\0octet\0blksize\0"
		       "9000\0tsize\0"
		       "0\0timeout\0"
		       "3\0windowsize\0"
		       "4\0",
		       2000);
	drv_expect_value(&d, "tftp.server.oack", "blksize", "1468");
	s = tftp_expect(&d, TFTP_OACK, 0);
	assert_int_equal(s.m.n_options, 3); /* the unknown one is left out */
	assert_int_equal(tftp_terms_read(&s.m, &t), 0);
	assert_int_equal(t.blksize, 1468); /* one frame: MTU 1500 - 32 */
	assert_int_equal(t.tsize, 2000);
	assert_int_equal(t.timeout, 3);
	assert_true(drv_deadline(&d) == d.now + 3 * SEC);
	tftp_ack(&d, sock, 0);
	assert_int_equal(tftp_expect(&d, TFTP_DATA, 1).m.len, 1468);
	tftp_ack(&d, sock, 1);
	assert_int_equal(tftp_expect(&d, TFTP_DATA, 2).m.len, 532);
	drv_done(&d);
}

static void options_of_a_write(void **state)
{
	uint32_t sock;
	struct drv d;

	(void)state;
	begin(&d, "ip tftp server");
	sock = WRITING(&d, "\0\2f\0octet\0tsize\0"
			   "700\0blksize\0"
			   "600\0");
	assert_string_equal(tftp_expect(&d, TFTP_OACK, 0).m.options[0].value, "700");
	tftp_data(&d, sock, 1, 'x', 601);
	drv_expect_decision(&d, "tftp.session.drop-malformed");
	tftp_data(&d, sock, 1, 'x', 600);
	tftp_expect(&d, TFTP_ACK, 1);
	drv_done(&d);
}

/* --- lines and show ---------------------------------------------------------------------- */

static void show(void **state)
{
	struct drv d;

	(void)state;
	begin(&d, "ip tftp server");
	READING(&d, RRQ, 1000);
	drv_command(&d, "show tftp server");
	drv_expect_output(&d, "TFTP server: on, port 69\n");
	drv_expect_output(&d, "to 10.0.0.9: f, block 1, 0 repeated\n");
	drv_done(&d);
}

static void lines_that_are_refused(void **state)
{
	struct drv d;
	char line[64];

	(void)state;
	begin(&d, "");
	drv_conf_refused(&d, "tftp-server a.bin");
	for (int i = 0; i < TFTP_ALIASES_MAX; i++) {
		snprintf(line, sizeof(line), "tftp-server flash:f%d", i);
		drv_conf(&d, line);
	}
	drv_conf_refused(&d, "tftp-server flash:more");
	drv_conf(&d, "no tftp-server flash:f3\ntftp-server flash:more");
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(off_costs_nothing),
		cmocka_unit_test(a_port_that_is_taken),
		cmocka_unit_test(a_file_is_read),
		cmocka_unit_test(a_large_file_is_read_piece_by_piece),
		cmocka_unit_test(a_file_that_goes_away),
		cmocka_unit_test(what_cannot_be_read),
		cmocka_unit_test(netascii_goes_out_with_cr_lf),
		cmocka_unit_test(a_file_is_written),
		cmocka_unit_test(much_is_stored_on_the_way),
		cmocka_unit_test(netascii_comes_in_across_blocks),
		cmocka_unit_test(what_may_not_be_written),
		cmocka_unit_test(bad_requests),
		cmocka_unit_test(only_what_is_offered),
		cmocka_unit_test(a_request_is_repeated),
		cmocka_unit_test(sessions_are_bounded),
		cmocka_unit_test(options_are_granted),
		cmocka_unit_test(options_of_a_write),
		cmocka_unit_test(show),
		cmocka_unit_test(lines_that_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
