/* The session that both ends run: what is out of place, repeated, late. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tftp_server_driver.h"

/* --- what must not happen during a session ------------------------------------------------ */

static void out_of_place(void **state)
{
	uint32_t rd, wr;
	struct drv d;

	(void)state;
	begin(&d, "ip tftp server");
	rd = READING(&d, RRQ, 5000);
	tftp_data(&d, rd, 1, 'x', 10);
	drv_expect_decision(&d, "tftp.session.drop-data-wrong-session");
	tftp_ack(&d, rd, 0);
	drv_expect_decision(&d, "tftp.session.drop-ack-wrong");
	drv_expect_none(&d, FX_SEND); /* RFC 1123 §4.2.3.1 */
	tftp_from(&d, rd, tftp_ep(PEER_TID), RRQ, sizeof(RRQ) - 1);
	drv_expect_decision(&d, "tftp.session.drop-request");
	tftp_from(&d, rd, tftp_ep(PEER_TID), "\0\4\0", 3);
	drv_expect_value(&d, "tftp.session.drop-malformed", "why", "shorter than 4 octets");
	tftp_from(&d, rd, tftp_ep(1234), "\0\4\0\1", 4);
	drv_expect_value(&d, "tftp.session.unknown-tid", "port", "1234");
	assert_int_equal(tftp_expect(&d, TFTP_ERROR, TFTP_UNKNOWN_TID).e->send.dst.port, 1234);
	tftp_from(&d, rd, drv_ep("10.0.0.66", PEER_TID), "\0\4\0\1", 4);
	drv_expect_decision(&d, "tftp.session.unknown-tid");
	tftp_ack(&d, rd, 1); /* it all changed nothing */
	tftp_expect(&d, TFTP_DATA, 2);
	tftp_error(&d, rd, 0, "enough");
	drv_expect_value(&d, "tftp.session.error", "text", "enough");
	drv_expect_none(&d, FX_SEND);
	drv_expect_column(&d, "tftp_transfer", "server 1", "result", "enough");
	wr = WRITING(&d, WRQ);
	tftp_data(&d, wr, 2, 'x', 512);
	drv_expect_value(&d, "tftp.session.drop-data-wrong-block", "expected", "1");
	tftp_data(&d, wr, 0, 'x', 512);
	drv_expect_decision(&d, "tftp.session.drop-data-wrong-block");
	tftp_ack(&d, wr, 0);
	drv_expect_decision(&d, "tftp.session.drop-ack-wrong");
	tftp_from(&d, wr, tftp_ep(PEER_TID), "\0\11\0\0", 4);
	drv_expect_value(&d, "tftp.session.other-opcode", "opcode", "9");
	tftp_expect(&d, TFTP_ERROR, TFTP_ILLEGAL);
	drv_done(&d);
}

static void duplicates(void **state)
{
	uint32_t sock;
	struct drv d;

	(void)state;
	begin(&d, "ip tftp server");
	sock = WRITING(&d, WRQ);
	tftp_data(&d, sock, 1, 'x', 512);
	tftp_data(&d, sock, 1, 'x', 512);
	drv_expect_decision(&d, "tftp.session.reack-duplicate-data");
	tftp_expect(&d, TFTP_ACK, 1);
	drv_expect_no_decision(&d, "tftp.session.data-save");
	drv_done(&d);
}

static void block_numbers_wrap(void **state)
{
	const struct fx_effect *e;
	uint32_t sock;
	struct drv d;

	(void)state;
	begin(&d, "ip tftp server");
	sock = READING(&d,
		       "\0\1f\0octet\0blksize\0"
		       "8\0",
		       8 * 65536 + 8);
	tftp_ack(&d, sock, 0);
	for (unsigned i = 1; i < 65536; i++) {
		tftp_ack(&d, sock, i);
		if (drv_count(&d, FX_ASK)) {
			tftp_ask(&d, FILE_READ, &e);
			tftp_answer(&d, e, 0, content, TFTP_CHUNK, 8 * 65536 + 8);
		}
	}
	tftp_expect(&d, TFTP_DATA, 0); /* block 65536 */
	tftp_ack(&d, sock, 0);
	if (drv_count(&d, FX_ASK)) {
		tftp_ask(&d, FILE_READ, &e);
		tftp_answer(&d, e, 0, content, 8, 8 * 65536 + 8);
	}
	tftp_expect(&d, TFTP_DATA, 1);
	drv_done(&d);
}

/* --- time --------------------------------------------------------------------------------- */

static void silence(void **state)
{
	static const nsec_t waits[] = { 1, 2, 4, 8, 8, 8 };
	struct drv d;

	(void)state;
	begin(&d, "ip tftp server");
	READING(&d, RRQ, 1000);
	for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
		assert_true(drv_deadline(&d) == d.now + waits[i] * SEC);
		drv_timer(&d);
		if (i + 1 < ARRAY_SIZE(waits)) {
			drv_expect_decision(&d, "tftp.session.retransmit");
			tftp_expect(&d, TFTP_DATA, 1);
		}
	}
	drv_expect_value(&d, "tftp.session.give-up", "tries", "6");
	drv_expect_column(&d, "tftp_transfer", "server 1", "result", "Timed out");
	drv_expect_column(&d, "tftp_transfer", "server 1", "retransmissions", "5");
	drv_conf(&d, "ip tftp retransmit timeout 2\nip tftp retransmit tries 1\nip tftp linger 3");
	READING(&d, RRQ, 1000);
	assert_true(drv_deadline(&d) == d.now + 2 * SEC);
	drv_timer(&d);
	drv_expect_decision(&d, "tftp.session.give-up");
	drv_done(&d);
}

static void no_port_for_a_transfer(void **state)
{
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	begin(&d, "ip tftp server");
	REQUEST(&d, RRQ);
	e = drv_next_bind(&d);
	drv_failed(&d, e, e->bind.sock, EMFILE);
	drv_expect_decision(&d, "tftp.session.no-port");
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(out_of_place),		  cmocka_unit_test(duplicates),
		cmocka_unit_test(block_numbers_wrap),	  cmocka_unit_test(silence),
		cmocka_unit_test(no_port_for_a_transfer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
