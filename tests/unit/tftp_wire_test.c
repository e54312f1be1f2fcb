/* Packets, options and line ends; what the log prints. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/codec.h"
#include "tftp_driver.h"

static int decode(const char *octets, size_t len, struct tftp_msg *m, const char **why)
{
	*why = NULL;
	return tftp_decode((const uint8_t *)octets, len, m, why);
}
#define DECODE(text, m, why) decode((text), sizeof(text) - 1, (m), (why))

static void requests(void **state)
{
	struct tftp_msg m;
	const char *why;

	(void)state;
	assert_int_equal(DECODE("\0\1dir/a.cfg\0OcTeT\0", &m, &why), 0);
	assert_int_equal(m.op, TFTP_RRQ);
	assert_string_equal(m.file, "dir/a.cfg");
	assert_int_equal(m.mode, TFTP_OCTET);
	assert_int_equal(DECODE("\0\2a\0netascii\0", &m, &why), 0);
	assert_int_equal(m.mode, TFTP_NETASCII);
	assert_int_equal(DECODE("\0\2a\0mail\0", &m, &why), 0);
	assert_int_equal(m.mode, TFTP_MAIL);
	assert_int_equal(DECODE("\0\2a\0\0", &m, &why), 0);
	assert_int_equal(m.mode, TFTP_NO_MODE);
}

static void malformed(void **state)
{
	static const struct {
		const char *octets, *why;
		size_t len;
	} rows[] = {
		{ "\0", "shorter than 2 octets", 1 },
		{ "\0\1abc", "the file name has no NUL at its end", 5 },
		{ "\0\1abc\0octet", "the mode has no NUL at its end", 11 },
		{ "\0\1abc\0octet\0blksize", "an option has no NUL at its end", 19 },
		{ "\0\1abc\0octet\0blksize\0", "an option has no NUL at its end", 20 },
		{ "\0\1abc\0octet\0blksize\0"
		  "12",
		  "an option has no NUL at its end", 22 },
		{ "\0\3\0", "shorter than 4 octets", 3 },
		{ "\0\4\0", "shorter than 4 octets", 3 },
		{ "\0\5\0", "shorter than 4 octets", 3 },
		{ "\0\6tsize", "an option has no NUL at its end", 7 },
	};
	struct tftp_msg m;
	const char *why;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(decode(rows[i].octets, rows[i].len, &m, &why), -EBADMSG);
		assert_string_equal(why, rows[i].why);
	}
	/* An error without the NUL of its text, as some peers send it. */
	assert_int_equal(DECODE("\0\5\0\1oops", &m, &why), 0);
	assert_string_equal(m.text, "");
}

static void options(void **state)
{
	struct tftp_terms t;
	struct tftp_msg m;
	const char *why;

	(void)state;
	assert_int_equal(DECODE("\0\6BLKSIZE\0"
				"1468\0timeout\0"
				"255\0tsize\0"
				"12345678901\0",
				&m, &why),
			 0);
	assert_int_equal(tftp_terms_read(&m, &t), 0);
	assert_int_equal(t.blksize, 1468);
	assert_int_equal(t.timeout, 255);
	assert_true(t.tsize == 12345678901ull);
	assert_int_equal(DECODE("\0\6blksize\0"
				"7\0timeout\0"
				"0\0tsize\0-1\0multicast\0\0",
				&m, &why),
			 0);
	assert_int_equal(tftp_terms_read(&m, &t), 4);
	assert_false(t.has_blksize || t.has_timeout || t.has_tsize);
	assert_int_equal(DECODE("\0\6blksize\0"
				"65465\0timeout\0"
				"256\0",
				&m, &why),
			 0);
	assert_int_equal(tftp_terms_read(&m, &t), 2);
}

static void what_is_written_is_read(void **state)
{
	struct tftp_terms t = { .has_blksize = true,
				.blksize = 1024,
				.has_timeout = true,
				.timeout = 3,
				.has_tsize = true,
				.tsize = 77 },
			  back;
	uint8_t buf[600];
	struct tftp_msg m;
	const char *why;
	struct wr w;

	(void)state;
	wr_init(&w, buf, sizeof(buf));
	tftp_put_request(&w, TFTP_WRQ, "x", TFTP_OCTET, &t);
	assert_false(w.err);
	assert_int_equal(tftp_decode(buf, wr_len(&w), &m, &why), 0);
	assert_string_equal(m.file, "x");
	assert_string_equal(m.mode_text, "octet");
	assert_int_equal(tftp_terms_read(&m, &back), 0);
	assert_true(back.has_blksize && back.has_timeout && back.has_tsize);
	assert_int_equal(back.blksize, 1024);
	assert_int_equal(back.timeout, 3);
	assert_int_equal(back.tsize, 77);
	wr_init(&w, buf, sizeof(buf));
	tftp_put_oack(&w, &(struct tftp_terms){ .has_tsize = true, .tsize = 5 });
	assert_memory_equal(buf,
			    "\0\6tsize\0"
			    "5\0",
			    wr_len(&w));
	wr_init(&w, buf, sizeof(buf));
	tftp_put_error(&w, TFTP_EXISTS, "no");
	assert_memory_equal(buf, "\0\5\0\6no\0", wr_len(&w));
}

/* --- netascii ----------------------------------------------------------------------------- */

static void line_ends(void **state)
{
	static const char file[] = "one\ntwo\rthree\r\n\n";
	struct sbuf wire = SBUF(1000);

	(void)state;
	tftp_text_to_wire((const uint8_t *)file, sizeof(file) - 1, &wire);
	assert_int_equal(wire.len, 21);
	assert_memory_equal(wire.data, "one\r\ntwo\r\0three\r\0\r\n\r\n", 21);
	/* Cut anywhere, it comes back whole. */
	for (size_t cut = 0; cut <= wire.len; cut++) {
		struct sbuf back = SBUF(1000);
		struct tftp_text t = { 0 };
		const uint8_t *p = (const uint8_t *)wire.data;

		tftp_text_from_wire(&t, p, cut, &back);
		tftp_text_from_wire(&t, p + cut, wire.len - cut, &back);
		tftp_text_end(&t, &back);
		assert_string_equal(sbuf_text(&back), file);
		sbuf_done(&back);
	}
	sbuf_done(&wire);
}

static void a_lone_cr_stays(void **state)
{
	struct sbuf out = SBUF(100);
	struct tftp_text t = { 0 };

	(void)state;
	tftp_text_from_wire(&t, (const uint8_t *)"a\rb\r\r\nc\r", 8, &out);
	tftp_text_end(&t, &out);
	assert_string_equal(sbuf_text(&out), "a\rb\r\nc\r");
	sbuf_done(&out);
}

/* --- what the log prints ------------------------------------------------------------------ */

static void info_lines(void **state)
{
	static const struct {
		const char *octets, *info;
		size_t len;
		int err;
	} rows[] = {
		{ "\0\1f\0octet\0tsize\0"
		  "0\0blksize\0"
		  "1468\0",
		  "Read Request, File: f, Transfer type: octet, tsize=0, blksize=1468", 31, 0 },
		{ "\0\2f\0netascii\0", "Write Request, File: f, Transfer type: netascii", 13, 0 },
		{ "\0\3\0\7abc", "Data Packet, Block: 7 (last)", 7, 0 },
		{ "\0\4\0\7", "Acknowledgement, Block: 7", 4, 0 },
		{ "\0\5\0\1gone\0", "Error Code, Code: File not found, Message: gone", 9, 0 },
		{ "\0\6tsize\0"
		  "9\0",
		  "Option Acknowledgement, tsize=9", 10, 0 },
		{ "\0\11", "Unknown (0x0009)", 2, 0 },
		{ "\0\1f", "Read Request", 3, -EBADMSG },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct codec_in in = { .data = (const uint8_t *)rows[i].octets,
				       .len = rows[i].len };
		struct sbuf out = SBUF(500);
		const char *why = NULL;

		assert_int_equal(tftp_codec.info(&in, &out, &why), rows[i].err);
		assert_string_equal(sbuf_text(&out), rows[i].info);
		sbuf_done(&out);
	}
}

static void put_field(void *arg, const char *field, const char *value, size_t offset, size_t len)
{
	sbuf_printf(arg, "%s=%s@%zu+%zu ", field, value, offset, len);
}

static void fields(void **state)
{
	struct codec_in in = { .data = (const uint8_t *)"\0\1f\0octet\0tsize\0"
							"0\0",
			       .len = 18 };
	struct sbuf out = SBUF(500);

	(void)state;
	assert_int_equal(tftp_codec.fields(&in, put_field, &out), 0);
	assert_string_equal(sbuf_text(&out),
			    "Opcode=Read Request (1)@0+2 Source File=f@2+2 "
			    "Type=octet@4+6 Option name=tsize@10+6 Option value=0@16+2 ");
	sbuf_reset(&out);
	in.data = (const uint8_t *)"\0\3\0\2abc";
	in.len = 7;
	assert_int_equal(tftp_codec.fields(&in, put_field, &out), 0);
	assert_string_equal(sbuf_text(&out),
			    "Opcode=Data Packet (3)@0+2 Block=2@2+2 Data=3 bytes@4+3 ");
	sbuf_reset(&out);
	in.data = (const uint8_t *)"\0\5\0\1no\0";
	in.len = 7;
	assert_int_equal(tftp_codec.fields(&in, put_field, &out), 0);
	assert_string_equal(sbuf_text(&out), "Opcode=Error Code (5)@0+2 Error code=File not found "
					     "(1)@2+2 Error message=no@4+3 ");
	sbuf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests),   cmocka_unit_test(malformed),
		cmocka_unit_test(options),    cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(line_ends),  cmocka_unit_test(a_lone_cr_stays),
		cmocka_unit_test(info_lines), cmocka_unit_test(fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
