#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/codec.h"
#include "echo/echo.h"
#include "machine_driver.h"

enum { STREAM = SOCK_ACCEPTED + 1 };

static void setup(struct drv *d)
{
	drv_init(d, &echo_proto, KIND_SERVER, 1);
	drv_addr(d, 1, "10.0.0.1/24");
	drv_conf(d, "service echo\n");
	drv_start(d, "echo.server");
}

static void listens_when_told(void **state)
{
	struct drv d;

	(void)state;
	drv_init(&d, &echo_proto, KIND_SERVER, 1);
	drv_start(&d, "echo.server");
	drv_expect_none(&d, FX_BIND);
	drv_conf(&d, "service echo\n");
	drv_expect_decision(&d, "echo.server.listen");
	assert_int_equal(drv_next_bind(&d)->bind.local.port, 7);
	assert_int_equal(drv_want(&d, FX_LISTEN, "listen")->listen.local.port, 7);
	drv_conf(&d, "service echo\n");
	drv_expect_none(&d, FX_BIND);
	drv_conf(&d, "no service echo\n");
	drv_expect_decision(&d, "echo.server.stop");
	assert_int_equal(drv_count(&d, FX_CLOSE), 2);
	assert_string_equal(drv_running(&d), "no service echo\n!\nend\n");
	drv_done(&d);
}

static void datagrams(void **state)
{
	static const struct {
		const char *src, *dst;
		uint16_t port;
		const char *rule;
	} rows[] = {
		{ "10.0.0.2", "10.0.0.1", 4000, "echo.server.reply" },
		{ "10.0.0.2", "10.0.0.1", 1024, "echo.server.reply" },
		{ "10.0.0.2", "10.0.0.1", 1023, "echo.server.drop-loop" },
		{ "10.0.0.2", "10.0.0.1", 7, "echo.server.drop-loop" },
		{ "10.0.0.2", "10.0.0.255", 4000, "echo.server.drop-broadcast" },
		{ "10.0.0.2", "255.255.255.255", 4000, "echo.server.drop-broadcast" },
		{ "10.0.0.2", "224.0.0.1", 4000, "echo.server.drop-broadcast" },
	};
	struct drv d;

	(void)state;
	setup(&d);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ep src = drv_ep(rows[i].src, rows[i].port), dst = drv_ep(rows[i].dst, 7);
		const struct fx_effect *e, *why;

		drv_datagram(&d, 1, src, dst, 1, "a\0b", 3);
		why = drv_expect_decision(&d, rows[i].rule);
		e = drv_next(&d, FX_SEND);
		assert_int_equal(e != NULL, i < 2);
		if (!e)
			continue;
		assert_memory_equal(e->send.data, "a\0b", 3);
		assert_int_equal(e->send.len, 3);
		assert_true(addr_equal(&e->send.dst.addr, &src.addr));
		assert_int_equal(e->send.dst.port, src.port);
		assert_true(addr_equal(&e->send.src.addr, &dst.addr));
		assert_int_equal(e->decision, why->decision);
	}
	drv_datagram(&d, 1, drv_ep("10.0.0.2", 4000), drv_ep("10.0.0.1", 7), 1, "", 0);
	assert_int_equal(drv_next_send(&d)->send.len, 0);
	drv_done(&d);
}

static void a_connection(void **state)
{
	struct drv d;
	char *text;

	(void)state;
	setup(&d);
	drv_opened(&d, STREAM, 2, drv_ep("10.0.0.1", 7), drv_ep("10.0.0.2", 4000));
	drv_expect_decision(&d, "echo.server.open");
	drv_bytes(&d, STREAM, "hello", 5, 0);
	drv_expect_decision(&d, "echo.server.stream");
	text = drv_written(&d, STREAM, NULL);
	assert_string_equal(text, "hello");
	free(text);
	drv_closed(&d, STREAM, 0);
	drv_expect_decision(&d, "echo.server.close");
	assert_int_equal(drv_want(&d, FX_CLOSE, "close")->close.how, CLOSE_FLUSH);
	drv_done(&d);
}

static void a_connection_that_breaks(void **state)
{
	const struct fx_effect *write;
	struct drv d;

	(void)state;
	setup(&d);
	drv_bytes(&d, STREAM, "hello", 5, 0);
	write = drv_next_write(&d);
	drv_failed(&d, write, STREAM, ENOBUFS);
	drv_expect_decision(&d, "echo.server.drop-slow");
	assert_int_equal(drv_want(&d, FX_CLOSE, "close")->close.how, CLOSE_RESET);
	drv_closed(&d, STREAM, ECONNRESET);
	drv_expect_none(&d, FX_CLOSE);
	drv_done(&d);
}

static void log_line(void **state)
{
	static const struct {
		uint16_t dst_port;
		const char *info;
	} rows[] = { { 7, "Request" }, { 4000, "Response" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct codec_in in = { .dst.port = rows[i].dst_port };
		struct sbuf out = SBUF(100);
		const char *why;

		assert_int_equal(echo_codec.info(&in, &out, &why), 0);
		assert_string_equal(sbuf_text(&out), rows[i].info);
		sbuf_done(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listens_when_told), cmocka_unit_test(datagrams),
		cmocka_unit_test(a_connection),	     cmocka_unit_test(a_connection_that_breaks),
		cmocka_unit_test(log_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
