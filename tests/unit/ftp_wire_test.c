/* FTP's lines, ports, paths and text; and how the log reads them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "ftp/ftp.h"

static void commands(void **state)
{
	enum ftp_verb v;
	size_t arg;

	(void)state;
	assert_int_equal(ftp_command_parse("retr a b", 8, &v, &arg), 0);
	assert_int_equal(v, FTP_RETR);
	assert_int_equal(arg, 5);
	assert_int_equal(ftp_command_parse("PWD", 3, &v, &arg), 0);
	assert_int_equal(v, FTP_PWD);
	assert_int_equal(arg, 3);
	assert_int_equal(ftp_command_parse("AUTH TLS", 8, &v, &arg), 0);
	assert_int_equal(v, FTP_NOT_OFFERED);
	assert_int_equal(ftp_command_parse("HOST x", 6, &v, &arg), 0);
	assert_int_equal(v, FTP_UNKNOWN);
	assert_int_equal(ftp_command_parse("RETRX", 5, &v, &arg), -EINVAL);
	assert_int_equal(ftp_command_parse("RE x", 4, &v, &arg), -EINVAL);
	assert_int_equal(ftp_command_parse("RETR a\tb", 8, &v, &arg), -EINVAL);
	assert_int_equal(ftp_command_parse("", 0, &v, &arg), -EINVAL);
}

static void replies(void **state)
{
	struct ftp_reply r;

	(void)state;
	assert_int_equal(ftp_reply_parse("220-hi", 6, &r), 0);
	assert_int_equal(r.code, 220);
	assert_true(r.more);
	assert_memory_equal(r.text, "hi", 2);
	assert_int_equal(ftp_reply_parse("226", 3, &r), 0);
	assert_int_equal(r.len, 0);
	assert_int_equal(ftp_reply_parse("22", 2, &r), -EBADMSG);
	assert_int_equal(ftp_reply_parse("620 x", 5, &r), -EBADMSG);
	assert_int_equal(ftp_reply_parse("2200", 4, &r), -EBADMSG);
	assert_int_equal(ftp_reply_parse("hello", 5, &r), -EBADMSG);
}

static void ports(void **state)
{
	static const char *const wrong[] = {
		"",	      "1,2,3,4,5",	"1,2,3,4,5,256", "1,2,3,4,5,6,7",
		"1,2,3,4,5,", "1,2,3,4,5,0006", "a,2,3,4,5,6",	 "1,2,3,4,5,6 "
	};
	static const char *const wrong_eprt[] = { "",
						  "|1|1.2.3.4|5",
						  "|1|::1|5|",
						  "|2|1.2.3.4|5|",
						  "|1|1.2.3.4|x|",
						  "|1|1.2.3.4|65536|",
						  "|1|1.2.3.4|5|x",
						  "||1.2.3.4|5|" };
	struct sbuf out = SBUF(40);
	struct ep ep;

	(void)state;
	assert_int_equal(ftp_port_parse("10,0,0,1,4,1", &ep), 0);
	assert_int_equal(ep.port, 1025);
	assert_int_equal(addr4_u32(&ep.addr), 0x0a000001);
	ftp_port_format(&ep, &out);
	assert_string_equal(out.data, "10,0,0,1,4,1");
	sbuf_done(&out);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(ftp_port_parse(wrong[i], &ep), -EINVAL);
	assert_int_equal(ftp_eprt_parse("!2!fd00::1!5282!", &ep), 0);
	assert_int_equal(ep.port, 5282);
	assert_int_equal(ftp_eprt_parse("|3|x|1|", &ep), -EPROTONOSUPPORT);
	for (size_t i = 0; i < ARRAY_SIZE(wrong_eprt); i++)
		assert_true(ftp_eprt_parse(wrong_eprt[i], &ep) < 0);
	assert_int_equal(ftp_pasv_parse("Entering Passive Mode (10,0,0,1,4,1).", &ep), 0);
	assert_int_equal(ep.port, 1025);
	assert_int_equal(ftp_pasv_parse("Passive 12 mode: 10,0,0,1,4,2", &ep), 0);
	assert_int_equal(ep.port, 1026);
	assert_int_equal(ftp_pasv_parse("10,0,0,1,0,0", &ep), -EINVAL);
	assert_int_equal(ftp_pasv_parse("none", &ep), -EINVAL);
	assert_int_equal(ftp_epsv_parse("Extended (|||1025|)"), 1025);
	assert_int_equal(ftp_epsv_parse("(!!!7!)"), 7);
	assert_int_equal(ftp_epsv_parse("(|||0|)"), -EINVAL);
	assert_int_equal(ftp_epsv_parse("(|||70000|)"), -EINVAL);
	assert_int_equal(ftp_epsv_parse("(||"), -EINVAL);
	assert_int_equal(ftp_epsv_parse("|||5|"), -EINVAL);
}

static void telnet(void **state)
{
	struct ftp_telnet t = { 0 };
	struct sbuf out = SBUF(100), answers = SBUF(6);
	static const uint8_t all[] = { 'a', 255, 255, 255, 253, 1,   255, 251, 2,   255, 253, 3,
				       255, 250, 1,   255, 255, 255, 240, 'b', 255, 244, 'c' };

	(void)state;
	for (size_t i = 0; i < sizeof(all); i++) /* split anywhere */
		ftp_telnet_filter(&t, all + i, 1, &out, &answers);
	assert_int_equal(out.len, 4);
	assert_memory_equal(out.data, "a\377bc", 4);
	assert_int_equal(answers.len, 6); /* no more than there is room for */
	assert_memory_equal(answers.data, "\377\374\001\377\376\002", 6);
	sbuf_done(&out);
	sbuf_done(&answers);
}

static void paths(void **state)
{
	char out[16];

	(void)state;
	assert_int_equal(ftp_path_join("/", "a", out, sizeof(out)), 0);
	assert_string_equal(out, "/a");
	assert_int_equal(ftp_path_join("/a/b", "../c//./d/", out, sizeof(out)), 0);
	assert_string_equal(out, "/a/c/d");
	assert_int_equal(ftp_path_join("/a/b", "/c", out, sizeof(out)), 0);
	assert_string_equal(out, "/c");
	assert_int_equal(ftp_path_join("/a", "..", out, sizeof(out)), 0);
	assert_string_equal(out, "/");
	assert_int_equal(ftp_path_join("/a", "../..", out, sizeof(out)), -EACCES);
	assert_int_equal(ftp_path_join("/", "/..", out, sizeof(out)), -EACCES);
	assert_int_equal(ftp_path_join("/a", "b\nc", out, sizeof(out)), -EINVAL);
	assert_int_equal(ftp_path_join("/", "0123456789abcdef", out, sizeof(out)), -ENAMETOOLONG);
	assert_string_equal(ftp_path_base("a/b/c"), "c");
	assert_string_equal(ftp_path_base("../.."), "");
	assert_string_equal(ftp_path_base("a/\033[2J"), "");
}

struct seen {
	struct sbuf text;
};

static void note(void *arg, const char *field, const char *value, size_t offset, size_t len)
{
	sbuf_printf(&((struct seen *)arg)->text, "%s=%s@%zu+%zu;", field, value, offset, len);
}

static void for_the_log(void **state)
{
	struct codec_in in = { .dst.port = 21, .tcp = true };
	struct seen seen = { SBUF(1000) };
	struct sbuf out = SBUF(1000);
	const char *why;

	(void)state;
	in.data = (const uint8_t *)"PASS secret\r\nNOOP\r\n";
	in.len = 19;
	assert_int_equal(ftp_codec.info(&in, &out, &why), 0);
	assert_string_equal(out.data, "Request: PASS ***");
	ftp_codec.fields(&in, note, &seen);
	assert_string_equal(seen.text.data, "Request command=PASS@0+4;Request arg=***@5+6;"
					    "Request command=NOOP@13+4;");
	sbuf_reset(&out);
	sbuf_reset(&seen.text);
	in.src.port = 21;
	in.data = (const uint8_t *)"220 hi\r\n";
	in.len = 8;
	assert_int_equal(ftp_codec.info(&in, &out, &why), 0);
	assert_string_equal(out.data, "Response: 220 hi");
	ftp_codec.fields(&in, note, &seen);
	assert_string_equal(seen.text.data, "Response code=220@0+3;Response arg=hi@4+2;");
	in.len = 0;
	assert_int_equal(ftp_codec.info(&in, &out, &why), -EAGAIN);
	sbuf_done(&out);
	sbuf_done(&seen.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands), cmocka_unit_test(replies),
		cmocka_unit_test(ports),    cmocka_unit_test(telnet),
		cmocka_unit_test(paths),    cmocka_unit_test(for_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
