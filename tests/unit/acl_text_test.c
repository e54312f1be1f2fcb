#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "acl/acl_int.h"

enum { STANDARD, EXTENDED };

static const struct {
	int kind;
	const char *text;
	const char *print; /* behind "permit "; NULL: as it was */
	const char *show;  /* NULL: as printed */
} good[] = {
	/* The example of the DHCP lesson (extended list on a 3560, in on 10.32.73.129). */
	{ EXTENDED, "udp host 0.0.0.0 eq bootpc host 10.32.73.129 eq bootps" },
	{ EXTENDED, "udp 10.32.73.128 0.0.0.63 eq bootpc host 10.32.73.129 eq bootps" },
	{ EXTENDED, "udp any eq bootpc host 255.255.255.255 eq bootps" },
	/* Ports: names of both protocols, numbers, each comparison. */
	{ EXTENDED, "udp any eq 68 any eq 67", "udp any eq bootpc any eq bootps" },
	{ EXTENDED, "tcp any any eq www" },
	{ EXTENDED, "tcp any any eq 80", "tcp any any eq www" },
	{ EXTENDED, "tcp any any eq 8080" },
	{ EXTENDED, "tcp any any eq ssh" },
	{ EXTENDED, "tcp any any eq ftp-data" },
	{ EXTENDED, "tcp any any eq ftp" },
	{ EXTENDED, "tcp any any eq telnet" },
	{ EXTENDED, "tcp any any eq smtp" },
	{ EXTENDED, "tcp any any eq pop3" },
	{ EXTENDED, "tcp any any eq domain" },
	{ EXTENDED, "tcp any any eq tacacs" },
	{ EXTENDED, "udp any any eq domain" },
	{ EXTENDED, "udp any any eq tftp" },
	{ EXTENDED, "udp any any eq snmp" },
	{ EXTENDED, "udp any any eq snmptrap" },
	{ EXTENDED, "udp any any eq ntp" },
	{ EXTENDED, "udp any any eq syslog" },
	{ EXTENDED, "udp any any eq tacacs" },
	{ EXTENDED, "udp any any eq dom", "udp any any eq domain" },
	{ EXTENDED, "udp any any eq DOMAIN", "udp any any eq domain" },
	{ EXTENDED, "tcp any neq telnet any" },
	{ EXTENDED, "tcp any lt 1024 any gt 1023" },
	{ EXTENDED, "tcp any any range 20 21", "tcp any any range ftp-data ftp" },
	{ EXTENDED, "tcp any any range 6000 6063" },
	{ EXTENDED, "tcp any any range 80 80", "tcp any any range www www" },
	{ EXTENDED, "tcp any any eq 0" },
	{ EXTENDED, "tcp any any eq 65535" },
	{ EXTENDED, "sctp any any eq 80" },
	/* Addresses. */
	{ EXTENDED, "ip any any" },
	{ EXTENDED, "ip 10.1.2.3 0.0.0.255 any", "ip 10.1.2.0 0.0.0.255 any" },
	{ EXTENDED, "ip 10.1.2.3 0.0.0.0 any", "ip host 10.1.2.3 any" },
	{ EXTENDED, "ip 10.1.2.3 255.255.255.255 any", "ip any any" },
	{ EXTENDED, "ip 10.0.0.1 0.0.254.0 10.0.0.2 0.255.0.255",
	  "ip 10.0.0.1 0.0.254.0 10.0.0.0 0.255.0.255" },
	{ EXTENDED, "ip h 1.2.3.4 a", "ip host 1.2.3.4 any" },
	/* Protocols. */
	{ EXTENDED, "ospf any any" },
	{ EXTENDED, "gre any any" },
	{ EXTENDED, "89 any any", "ospf any any" },
	{ EXTENDED, "253 any any" },
	{ EXTENDED, "0 any any", "ip any any" },
	{ EXTENDED, "t any any", "tcp any any" },
	{ EXTENDED, "17 any any eq 53", "udp any any eq domain" },
	/* ICMP: by name, by type, by type and code. */
	{ EXTENDED, "icmp any any" },
	{ EXTENDED, "icmp any any echo" },
	{ EXTENDED, "icmp any any echo-reply" },
	{ EXTENDED, "icmp any any 8", "icmp any any echo" },
	{ EXTENDED, "icmp any any 3 13", "icmp any any administratively-prohibited" },
	{ EXTENDED, "icmp any any unreachable" },
	{ EXTENDED, "icmp any any host-unreachable" },
	{ EXTENDED, "icmp any any 8 0" },
	{ EXTENDED, "icmp any any 200" },
	{ EXTENDED, "icmp any any ttl-exceeded log" },
	{ EXTENDED, "icmp any any log" },
	/* Options. */
	{ EXTENDED, "tcp any any established" },
	{ EXTENDED, "tcp any eq www any established log" },
	{ EXTENDED, "tcp any any log established", "tcp any any established log" },
	{ EXTENDED, "ip any any log" },
	{ EXTENDED, "ip any any log-input", "ip any any log" },
	{ EXTENDED, "  udp\tany   any  ", "udp any any" },
	/* Standard lists. */
	{ STANDARD, "any" },
	{ STANDARD, "10.0.0.0 0.0.0.255", NULL, "10.0.0.0, wildcard bits 0.0.0.255" },
	{ STANDARD, "host 10.0.0.1", "10.0.0.1" },
	{ STANDARD, "10.0.0.1" },
	{ STANDARD, "10.0.0.1 log" },
	{ STANDARD, "10.0.0.0 0.0.0.255 log", NULL, "10.0.0.0, wildcard bits 0.0.0.255 log" },
	{ STANDARD, "any log" },
};

static void check(const struct acl_line *l, bool extended, const char *want,
		  void (*fn)(const struct acl_line *, bool, struct sbuf *))
{
	struct sbuf out = SBUF(512);

	fn(l, extended, &out);
	assert_string_equal(sbuf_text(&out) + strlen("permit "), want);
	sbuf_done(&out);
}

static void lines_are_read_and_printed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		const char *print = good[i].print ? good[i].print : good[i].text;
		struct acl_line l = { .seq = 7, .action = ACL_PERMIT }, again = l;
		struct sbuf why = SBUF(200);

		if (acl_line_parse(good[i].text, good[i].kind, &l, &why, NULL) < 0)
			fail_msg("%s: %s", good[i].text, sbuf_text(&why));
		assert_int_equal(l.seq, 7);
		check(&l, good[i].kind, print, acl_line_print);
		check(&l, good[i].kind, good[i].show ? good[i].show : print, acl_line_show);
		/* What is printed reads as the same line. */
		assert_int_equal(acl_line_parse(print, good[i].kind, &again, &why, NULL), 0);
		assert_true(acl_line_same(&l, &again));
		sbuf_done(&why);
	}
}

static void refused_lines_say_why(void **state)
{
	static const struct {
		int kind;
		const char *text, *why;
	} rows[] = {
		{ EXTENDED, "",
		  "the line ends where a protocol (ip, icmp, tcp, udp, 0-255, ...) is expected" },
		{ EXTENDED, "tcq any any",
		  "expected a protocol (ip, icmp, tcp, udp, 0-255, ...), not 'tcq'" },
		{ EXTENDED, "256 any any",
		  "expected a protocol (ip, icmp, tcp, udp, 0-255, ...), not '256'" },
		{ EXTENDED, "p any any", "'p' is short for several protocols" },
		{ EXTENDED, "ip any", "the line ends where any, host or an address is expected" },
		{ EXTENDED, "ip 10.0.0.1 any", "expected a wildcard, as 0.0.0.255, not 'any'" },
		{ EXTENDED, "ip 10.0.0.256 0.0.0.0 any",
		  "expected any, host or an address, not '10.0.0.256'" },
		{ EXTENDED, "ip host any any", "expected an address, not 'any'" },
		{ EXTENDED, "ip host", "the line ends where an address is expected" },
		{ EXTENDED, "ip any eq 80 any", "only tcp, udp and sctp have ports" },
		{ EXTENDED, "icmp any any eq 80", "only tcp, udp and sctp have ports" },
		{ EXTENDED, "tcp any any eq",
		  "the line ends where a port (0-65535 or a name) is expected" },
		{ EXTENDED, "tcp any any eq bootps",
		  "expected a port (0-65535 or a name), not 'bootps'" },
		{ EXTENDED, "udp any any eq 65536",
		  "expected a port (0-65535 or a name), not '65536'" },
		{ EXTENDED, "udp any any eq -1", "expected a port (0-65535 or a name), not '-1'" },
		{ EXTENDED, "udp any any eq n", "'n' is short for several ports" },
		{ EXTENDED, "tcp any any range 21 20", "no port is in that range" },
		{ EXTENDED, "tcp any any range 21",
		  "the line ends where a port (0-65535 or a name) is expected" },
		{ EXTENDED, "tcp any any lt 0", "no port is in that range" },
		{ EXTENDED, "tcp any any gt 65535", "no port is in that range" },
		{ EXTENDED, "tcp any any eq 80 443",
		  "expected established, log or the end of the line, not '443'" },
		{ EXTENDED, "udp any any established",
		  "expected log or the end of the line, not 'established'" },
		{ EXTENDED, "icmp any any ech", "'ech' is short for several ICMP messages" },
		{ EXTENDED, "icmp any any 256", "expected log or the end of the line, not '256'" },
		{ EXTENDED, "ip any any fragments",
		  "expected log or the end of the line, not 'fragments'" },
		{ STANDARD, "", "the line ends where any, host or an address is expected" },
		{ STANDARD, "tcp any any", "expected any, host or an address, not 'tcp'" },
		{ STANDARD, "any any", "expected log or the end of the line, not 'any'" },
		{ STANDARD, "10.0.0.0 255", "expected log or the end of the line, not '255'" },
		{ STANDARD, "::1", "expected any, host or an address, not '::1'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct acl_line l = { .seq = 9 };
		struct sbuf why = SBUF(200);

		if (acl_line_parse(rows[i].text, rows[i].kind, &l, &why, NULL) != -EINVAL)
			fail_msg("accepted: %s", rows[i].text);
		assert_string_equal(sbuf_text(&why), rows[i].why);
		assert_int_equal(l.dst.wildcard, 0); /* untouched */
		sbuf_done(&why);
	}
}

static void long_lines_are_refused(void **state)
{
	char many[1024] = "", word[200];
	struct acl_line l = { 0 };
	struct sbuf why = SBUF(200);

	(void)state;
	memset(many, ' ', sizeof(many) - 1);
	for (size_t i = 0; i < sizeof(many) - 1; i += 2)
		many[i] = 'x';
	assert_int_equal(acl_line_parse(many, true, &l, &why, NULL), -EINVAL);
	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	assert_int_equal(acl_line_parse(word, true, &l, &why, NULL), -EINVAL);
	sbuf_done(&why);
}

static void a_mask_for_a_wildcard_is_told(void **state)
{
	static const struct {
		const char *text;
		const char *warning; /* NULL = none */
	} rows[] = {
		{ "ip 10.0.0.0 255.255.255.0 any", "255.255.255.0 is a wildcard: its ones are not "
						   "compared; for the hosts of a network "
						   "write 0.0.0.255" },
		{ "ip any 10.0.0.0 255.0.0.0", "255.0.0.0 is a wildcard: its ones are not "
					       "compared; for the hosts of a network write "
					       "0.255.255.255" },
		{ "ip 10.0.0.0 0.0.0.255 any", NULL },
		{ "ip 10.0.0.0 255.255.255.255 any", NULL },
		{ "ip 10.0.0.0 0.0.0.0 any", NULL },
		{ "ip 10.0.0.0 0.255.0.255 any", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct acl_line l = { 0 };
		struct sbuf why = SBUF(200), warn = SBUF(400);

		assert_int_equal(acl_line_parse(rows[i].text, true, &l, &why, &warn), 0);
		assert_string_equal(sbuf_text(&warn), rows[i].warning ? rows[i].warning : "");
		sbuf_done(&why);
		sbuf_done(&warn);
	}
}

static void every_name_is_a_number_and_back(void **state)
{
	static const uint8_t protocols[] = { 6, 17 };
	int16_t type, code;

	(void)state;
	for (size_t p = 0; p < ARRAY_SIZE(protocols); p++)
		for (uint32_t port = 0; port <= UINT16_MAX; port++) {
			const char *name = acl_port_name(protocols[p], (uint16_t)port);
			uint16_t back = 0;

			if (!name)
				continue;
			assert_int_equal(acl_port_parse(protocols[p], name, &back), 0);
			assert_int_equal(back, port);
		}
	for (int t = 0; t < 256; t++)
		for (int c = -1; c < 256; c++)
			if (acl_icmp_name(t, c)) {
				assert_int_equal(acl_icmp_parse(acl_icmp_name(t, c), &type, &code),
						 0);
				assert_int_equal(type, t);
				assert_int_equal(code, c);
			}
	assert_null(acl_port_name(6, 68));
	assert_null(acl_port_name(132, 80));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_read_and_printed),
		cmocka_unit_test(refused_lines_say_why),
		cmocka_unit_test(long_lines_are_refused),
		cmocka_unit_test(a_mask_for_a_wildcard_is_told),
		cmocka_unit_test(every_name_is_a_number_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
