/* The log's reading of TLS records. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/sbuf.h"
#include "tls/tls_wire.h"

#define R32 "0123456789abcdef0123456789abcdef"
/* Two ciphers, no compression; extensions: the name www.lab.test, and an empty one. */
#define HELLO                                                                             \
	"\x16\x03\x01\x00\x4a\x01\x00\x00\x46\x03\x03" R32 "\x00\x00\x04\x13\x01\x13\x02" \
	"\x01\x00\x00\x19\x00\x17\x00\x00\x00\x00\x00\x11\x00\x0f\x00\x00\x0cwww.lab.test"
#define CCS  "\x14\x03\x03\x00\x01\x01"
#define DATA "\x17\x03\x03\x00\x03xyz"
#define DONE "\x16\x03\x03\x00\x04\x0e\x00\x00\x00"

static const struct {
	const char *bytes;
	size_t len;
	const char *info; /* "" = not the start of a record */
} infos[] = {
#define BYTES(text) text, sizeof(text) - 1
	{ BYTES(HELLO), "Client Hello" },
	{ BYTES(DONE), "Server Hello Done" },
	{ BYTES("\x16\x03\x03\x00\x08\x0e\x00\x00\x00\x0e\x00\x00\x00"),
	  "Server Hello Done, Server Hello Done" },
	{ BYTES(CCS DATA DATA), "Change Cipher Spec, Application Data, Application Data" },
	{ BYTES(CCS DONE), "Change Cipher Spec, Encrypted Handshake Message" },
	{ BYTES("\x16\x03\x03\x00\x05\x0e\x00\x00\x00\x00"), "Encrypted Handshake Message" },
	{ BYTES("\x15\x03\x03\x00\x02\x02\x30"), "Alert (Level: Fatal, Description: Unknown CA)" },
	{ BYTES("\x15\x03\x03\x00\x02\x01\x00"),
	  "Alert (Level: Warning, Description: Close Notify)" },
	{ BYTES("\x15\x03\x03\x00\x02\x03\x30"), "Encrypted Alert" },
	{ BYTES("\x15\x03\x03\x00\x1a" R32), "Encrypted Alert" },
	/* The first record goes on in the next segment. */
	{ BYTES("\x17\x03\x03\x40\x00xyz"), "Application Data" },
	{ BYTES("\x16\x03\x03\x01\x00\x0b\x00\x02\x00xyz"), "Certificate" },
	/* What follows the last whole record is of no record that can be told. */
	{ BYTES(DATA "\x17\x03"), "Application Data" },
	{ BYTES(DATA "nonsense"), "Application Data" },
	{ BYTES("GET / HTTP/1.1\r\n"), "" },
	{ BYTES("\x16\x02\x00\x00\x01\x01"), "" },
	{ BYTES("\x17\x03\x03\xff\xff\x01"), "" },
	{ BYTES("\x17\x03\x03"), "" },
	{ BYTES(""), "" },
};

static void test_info(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(infos) / sizeof(infos[0]); i++) {
		struct codec_in in = { .data = (const uint8_t *)infos[i].bytes,
				       .len = infos[i].len,
				       .tcp = true };
		struct sbuf out = SBUF(400);
		const char *why = NULL;

		assert_int_equal(tls_codec.info(&in, &out, &why), infos[i].info[0] ? 0 : -EAGAIN);
		assert_string_equal(sbuf_text(&out), infos[i].info);
		sbuf_done(&out);
	}
}

static void put(void *arg, const char *field, const char *value, size_t offset, size_t len)
{
	sbuf_printf(arg, "%s=%s@%zu+%zu\n", field, value, offset, len);
}

static void test_fields(void **state)
{
	static const char bytes[] = CCS HELLO;
	struct codec_in in = { .data = (const uint8_t *)HELLO, .len = sizeof(HELLO) - 1 };
	struct sbuf out = SBUF(1000);

	(void)state;
	assert_int_equal(tls_codec.fields(&in, put, &out), 0);
	assert_string_equal(sbuf_text(&out), "Content Type=Handshake (22)@0+1\n"
					     "Version=TLS 1.0@1+2\n"
					     "Length=octets (74)@3+2\n"
					     "Handshake Type=Client Hello (1)@5+1\n"
					     "Server Name=www.lab.test@67+12\n");
	sbuf_reset(&out);
	in.data = (const uint8_t *)bytes; /* behind a change of ciphers all is secret */
	in.len = sizeof(bytes) - 1;
	assert_int_equal(tls_codec.fields(&in, put, &out), 0);
	assert_null(strstr(sbuf_text(&out), "Server Name"));
	in.len = 3;
	assert_int_equal(tls_codec.fields(&in, put, &out), -EAGAIN);
	sbuf_done(&out);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_info),
		cmocka_unit_test(test_fields),
	};

	return cmocka_run_group_tests_name("tls_wire", tests, NULL, NULL);
}
