/* The reader, line ends, escaping, and what the log prints. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/codec.h"
#include "base/sbuf.h"
#include "telnet/telnet.h"

/* What the reader makes of octets, cut in two at |cut|: one word an item. */
static void read_all(const char *octets, size_t len, size_t cut, struct sbuf *out)
{
	struct telnet_reader r = { 0 };
	struct telnet_item i;

	for (int half = 0; half < 2; half++) {
		const uint8_t *p = (const uint8_t *)octets + (half ? cut : 0);
		size_t n = half ? len - cut : cut;

		while (telnet_next(&r, &p, &n, &i)) {
			if (i.kind == TELNET_DATA)
				sbuf_put(out, i.data, i.len);
			else if (i.kind == TELNET_CONTROL)
				sbuf_printf(out, "<%s>", telnet_command_name(i.command));
			else if (i.kind == TELNET_OPTION)
				sbuf_printf(out, "<%s %u>", telnet_command_name(i.command),
					    i.option);
			else if (i.kind == TELNET_SUB)
				sbuf_printf(out, "<sub %u %.*s>", i.option, (int)i.len,
					    (const char *)i.data);
			else
				sbuf_printf(out, "<bad: %s>", i.why);
		}
	}
}

static void items(void **state)
{
	static const struct {
		const char *octets, *items;
		size_t len;
	} rows[] = {
		{ "abc", "abc", 3 },
		{ "a\377\377b", "a\377b", 4 },
		{ "\377\373\1x\377\376\42", "<Will 1>x<Don't 34>", 7 },
		{ "\377\366\377\364y", "<Are You There?><Interrupt Process>y", 5 },
		{ "\377\372\30ab\377\360c", "<sub 24 ab>c", 8 },
		{ "\377\372\30a\377\377b\377\360", "<sub 24 a\377b>", 9 },
		{ "\377\20z", "<bad: IAC and an octet that is no command>z", 3 },
		{ "\377\360z", "<bad: the end of a subnegotiation that did not begin>z", 3 },
		{ "\377\372\377\360z", "<bad: a subnegotiation of no option>z", 5 },
		{ "\377\372\30a\377\373z", "<bad: a subnegotiation with a command in it>z", 7 },
		{ "x\377", "x", 2 },
		{ "x\377\372\30abc", "x", 7 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (size_t cut = 0; cut <= rows[i].len; cut++) {
			struct sbuf out = SBUF(1000);

			read_all(rows[i].octets, rows[i].len, cut, &out);
			assert_string_equal(sbuf_text(&out), rows[i].items);
			sbuf_done(&out);
		}
}

static void a_subnegotiation_without_end(void **state)
{
	char octets[3 + 600 + 2 + 1] = "\377\372\30";
	struct sbuf out = SBUF(2000);

	(void)state;
	memset(octets + 3, 'a', 600);
	memcpy(octets + 603, "\377\360z", 3);
	read_all(octets, sizeof(octets), 100, &out);
	assert_string_equal(sbuf_text(&out), "<bad: a subnegotiation of more than 512 octets>z");
	sbuf_done(&out);
}

static void line_ends(void **state)
{
	static const char in[] = "a\r\nb\r\0c\nd\re\r\r\n";
	uint8_t out[sizeof(in)];

	(void)state;
	for (size_t cut = 0; cut < sizeof(in); cut++) {
		struct telnet_eol e = { 0 };
		size_t n = telnet_lines(&e, (const uint8_t *)in, cut, out);

		n += telnet_lines(&e, (const uint8_t *)in + cut, sizeof(in) - 1 - cut, out + n);
		assert_int_equal(n, 11);
		assert_memory_equal(out, "a\nb\nc\nd\ne\n\n", 11);
	}
}

static void escaping(void **state)
{
	uint8_t out[64];
	unsigned escaped;
	bool cr = false;
	size_t n = telnet_escape((const uint8_t *)"a\377\r\nb\rc\r", 8, &cr, out, &escaped);

	(void)state;
	assert_int_equal(escaped, 1);
	assert_int_equal(n, 10);
	assert_memory_equal(out, "a\377\377\r\nb\r\0c\r", 10);
	assert_true(cr);
	n = telnet_escape((const uint8_t *)"x", 1, &cr, out, &escaped);
	assert_memory_equal(out, "\0x", n);
}

static void put_field(void *arg, const char *field, const char *value, size_t offset, size_t len)
{
	sbuf_printf(arg, "%s=%s@%zu+%zu ", field, value, offset, len);
}

static void fields_of(const char *octets, size_t len, const char *want)
{
	struct codec_in in = { .data = (const uint8_t *)octets, .len = len, .tcp = true };
	struct sbuf out = SBUF(2000);
	const char *why;

	assert_int_equal(telnet_codec.fields(&in, put_field, &out), 0);
	assert_string_equal(sbuf_text(&out), want);
	sbuf_reset(&out);
	assert_int_equal(telnet_codec.info(&in, &out, &why), 0);
	assert_string_equal(sbuf_text(&out), "Telnet Data ...");
	sbuf_done(&out);
}

static void the_log(void **state)
{
	(void)state;
	fields_of("\377\373\1\377\366", 5, "Command=Will Echo@0+3 Command=Are You There?@3+2 ");
	fields_of("ab\r\nc\33", 6, "Data=ab\\r\\n@0+4 Data=c\\033@4+2 ");
	fields_of("\377\372\37\0\120\0\30\377\360", 9,
		  "Command=Suboption Negotiate About Window Size@0+9 Width=80@0+9 Height=24@0+9 ");
	fields_of("\377\372\30\0VT100\377\360", 11,
		  "Command=Suboption Terminal Type@0+11 Here's my Terminal Type=VT100@0+11 ");
	fields_of("\377\375\144", 3, "Command=Do <unknown option>@0+3 ");
	fields_of("\377\1", 2, "Malformed=IAC and an octet that is no command@0+2 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items),     cmocka_unit_test(a_subnegotiation_without_end),
		cmocka_unit_test(line_ends), cmocka_unit_test(escaping),
		cmocka_unit_test(the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
