#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/grammar.h"
#include "base/sbuf.h"

// clang-format off
static const struct cmd rows[] = {
	{ MODE_EXEC, "show version", "Version" },
	{ MODE_EXEC, "show vlan [brief]", "VLANs" },
	{ MODE_EXEC, "show ip route [A.B.C.D]", "Routes" },
	{ MODE_EXEC, "show ip dhcp binding [A.B.C.D]", "Bindings" },
	{ MODE_EXEC, "show interfaces [IFNAME]", "Interfaces" },
	{ MODE_EXEC, "show interfaces status", "Ports" },
	{ MODE_EXEC, "ping HOST [count <1-1000>] [size <36-18024>]", "Echo" },
	{ MODE_EXEC, "copy WORD WORD", "Copies" },
	{ MODE_EXEC, "copy running-config startup-config", "Saves" },
	{ MODE_EXEC, "call LINE", "Calls" },
	{ MODE_EXEC, "reload", "Restarts", KIND_BIT(KIND_ROUTER) },
	{ MODE_CONFIG, "hostname WORD", "Name", .flags = CMD_NO },
	{ MODE_CONFIG, "interface IFNAME", "Interface", .flags = CMD_NO, .enters = MODE_IF },
	{ MODE_CONFIG, "ip dhcp pool WORD", "Pool", .flags = CMD_NO, .enters = "dhcp-config" },
	{ MODE_CONFIG, "ip host WORD IP [IP]", "Host", .flags = CMD_NO | CMD_MULTI | CMD_KEYED },
	{ MODE_CONFIG, "ip route A.B.C.D A.B.C.D A.B.C.D", "Route" },
	{ MODE_CONFIG, "ipv6 address X:X::X:X/M", "Address", .flags = CMD_NO },
	{ MODE_CONFIG, "net A.B.C.D/M", "Network" },
	{ MODE_CONFIG, "neighbor X:X::X:X MAC", "Neighbour" },
	{ MODE_CONFIG, "banner LINE", "Banner", .flags = CMD_NO },
	{ MODE_CONFIG, "snmp community WORD (ro|rw) [view WORD]", "SNMP", .flags = CMD_NO },
	{ MODE_CONFIG, "level (low|medium|mega)", "Level", .flags = CMD_NO },
	{ "dhcp-config", "lease <0-365> [<0-23> [<0-59>]]", "Lease", .flags = CMD_NO },
	{ "dhcp-config", "lease infinite", "For ever", .flags = CMD_NO },
	{ 0 },
};
// clang-format on

static uint32_t find_iface(const struct device *dev, const char *name,
			   char display[static IFNAME_DISPLAY_MAX])
{
	struct ifname n;
	const char *why;

	(void)dev;
	if (ifname_parse(name, &n, &why) < 0 || strcmp(n.kernel, "gi0-1") != 0)
		return 0;
	str_copy(display, IFNAME_DISPLAY_MAX, "GigabitEthernet0/1");
	return 7;
}

static const char *iface_name(const struct device *dev, unsigned i)
{
	static const char *const names[] = { "GigabitEthernet0/0", "GigabitEthernet0/1" };

	(void)dev;
	return i < 2 ? names[i] : NULL;
}

static const struct device *const a_device = (const void *)"never looked into";

static struct grammar *new_grammar(enum device_kind kind)
{
	static const struct grammar_ifaces ifaces = { find_iface, iface_name };
	struct grammar_table tables[] = { { rows, 3 } };

	return grammar_new(tables, 1, kind, &ifaces);
}

/* canonical NULL: refused. pattern NULL: whichever. */
static const struct {
	const char *mode, *line, *canonical, *pattern;
} lines[] = {
	{ MODE_EXEC, "show version", "show version", "show version" },
	{ MODE_EXEC, "  SH   ver ", "show version", "show version" },
	{ MODE_EXEC, "sh ip r", "show ip route", NULL },
	{ MODE_EXEC, "show ip route 10.0.0.1", "show ip route 10.0.0.1", NULL },
	{ MODE_EXEC, "sh int", "show interfaces", NULL },
	{ MODE_EXEC, "sh int gi0/1", "show interfaces GigabitEthernet0/1", NULL },
	{ MODE_EXEC, "sh int Gig 0/1", "show interfaces GigabitEthernet0/1", NULL },
	{ MODE_EXEC, "sh int stat", "show interfaces status", "show interfaces status" },
	{ MODE_EXEC, "sh int s0/0", "show interfaces Serial0/0", NULL },
	{ MODE_EXEC, "ping www.lab", "ping www.lab", NULL },
	{ MODE_EXEC, "ping 2001:DB8::1 s 100", "ping 2001:DB8::1 size 100", NULL },
	{ MODE_EXEC, "ping a count 5 size 100", "ping a count 5 size 100", NULL },
	{ MODE_EXEC, "copy run start", "copy running-config startup-config",
	  "copy running-config startup-config" },
	{ MODE_EXEC, "copy run there", "copy run there", "copy WORD WORD" },
	{ MODE_EXEC, "copy \"two words\" x", "copy \"two words\" x", NULL },
	{ MODE_EXEC, "copy \"a \\\"b\\\\\" \"\"", "copy \"a \\\"b\\\\\" \"\"", NULL },
	{ MODE_EXEC, "copy \"open x", "copy \"open x", NULL },
	{ MODE_EXEC, "call me  at \"home\" ", "call me  at \"home\"", NULL },
	{ MODE_EXEC, "call \"me\"", "call \"me\"", NULL },
	{ MODE_CONFIG, "int gi0/1", "interface GigabitEthernet0/1", NULL },
	{ MODE_CONFIG, "interface loopback 5", "interface Loopback5", NULL },
	{ MODE_CONFIG, "ip host www 010.0.0.1", NULL, NULL },
	{ MODE_CONFIG, "ip host www ::1 10.0.0.1", "ip host www ::1 10.0.0.1", NULL },
	{ MODE_CONFIG, "ip dhcp pool ip", "ip dhcp pool ip", NULL },
	{ MODE_CONFIG, "ipv6 address 2001:DB8::1/64", "ipv6 address 2001:db8::1/64", NULL },
	{ MODE_CONFIG, "ipv6 address 2001:db8::1/129", NULL, NULL },
	{ MODE_CONFIG, "net 10.0.0.0/8", "net 10.0.0.0/8", NULL },
	{ MODE_CONFIG, "net 10.0.0.0/33", NULL, NULL },
	{ MODE_CONFIG, "neighbor fe80::1 0200.0000.00AA", "neighbor fe80::1 02:00:00:00:00:aa",
	  NULL },
	{ MODE_CONFIG, "snmp com public ro", "snmp community public ro", NULL },
	{ MODE_CONFIG, "snmp com public r", NULL, NULL },
	{ MODE_CONFIG, "snmp com public rw view all", "snmp community public rw view all", NULL },
	{ MODE_CONFIG, "snmp com public rw view", NULL, NULL },
	{ MODE_CONFIG, "level l", "level low", NULL },
	{ MODE_CONFIG, "level me", NULL, NULL },
	{ MODE_CONFIG, "no hostname", "no hostname", NULL },
	{ MODE_CONFIG, "NO hostname x", "no hostname x", NULL },
	{ MODE_CONFIG, "no ip host www", "no ip host www", NULL },
	{ MODE_CONFIG, "no ip host", "no ip host", NULL },
	{ MODE_CONFIG, "no ip", NULL, NULL },
	{ MODE_CONFIG, "no snmp community public", "no snmp community public", NULL },
	{ MODE_CONFIG, "no ip route 1.1.1.1 1.1.1.1 1.1.1.1", NULL, NULL },
	{ MODE_CONFIG, "no", NULL, NULL },
	{ "dhcp-config", "lease 1", "lease 1", NULL },
	{ "dhcp-config", "lease 1 2 3", "lease 1 2 3", NULL },
	{ "dhcp-config", "lease 1 2 60", NULL, NULL },
	{ "dhcp-config", "lease 366", NULL, NULL },
	{ "dhcp-config", "lease inf", "lease infinite", "lease infinite" },
	{ "dhcp-config", "no lease", "no lease", "lease <0-365> [<0-23> [<0-59>]]" },
	{ "no-such-mode", "lease 1", NULL, NULL },
	{ MODE_EXEC, "", NULL, NULL },
	{ MODE_EXEC, "reload", NULL, NULL },
	{ MODE_EXEC, "no show version", NULL, NULL },
};

static void lines_and_their_canonical_form(void **state)
{
	struct grammar *g = new_grammar(KIND_PC);
	struct grammar_match m;
	struct grammar_error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		int r = grammar_parse(g, lines[i].mode, lines[i].line, a_device, &m, &e);

		if ((r == 0) != (lines[i].canonical != NULL))
			fail_msg("\"%s\": %d, column %u, expected %s", lines[i].line, r, e.column,
				 e.expected);
		if (r < 0)
			continue;
		assert_string_equal(m.canonical, lines[i].canonical);
		assert_int_equal(m.owner, 3);
		if (lines[i].pattern)
			assert_string_equal(m.cmd->pattern, lines[i].pattern);
		assert_int_equal(grammar_parse(g, lines[i].mode, m.canonical, a_device, &m, &e), 0);
		assert_string_equal(m.canonical, lines[i].canonical);
	}
	grammar_free(g);
}

static void kinds_have_their_own_commands(void **state)
{
	struct grammar *g = new_grammar(KIND_ROUTER);
	struct grammar_match m;
	struct grammar_error e;

	(void)state;
	assert_int_equal(grammar_parse(g, MODE_EXEC, "reload", a_device, &m, &e), 0);
	assert_true(grammar_has_mode(g, "dhcp-config"));
	assert_false(grammar_has_mode(g, "dns-zone"));
	grammar_free(g);
}

static void arguments_are_typed(void **state)
{
	struct grammar *g = new_grammar(KIND_PC);
	struct grammar_match m;
	struct grammar_error e;

	(void)state;
	assert_int_equal(grammar_parse(g, MODE_EXEC, "ping 10.0.0.1 size 40", a_device, &m, &e), 0);
	assert_int_equal(m.n_args, 3);
	assert_int_equal(m.args[0].type, ARG_HOST);
	assert_int_equal(addr4_u32(&m.args[0].addr), 0x0a000001);
	assert_int_equal(m.args[1].type, ARG_NONE);
	assert_string_equal(m.args[1].text, "");
	assert_int_equal(m.args[2].number, 40);
	assert_int_equal(grammar_parse(g, MODE_EXEC, "ping www", a_device, &m, &e), 0);
	assert_false(addr_is_set(&m.args[0].addr));
	assert_string_equal(m.args[0].text, "www");

	assert_int_equal(grammar_parse(g, MODE_CONFIG, "net 10.1.0.0/16", a_device, &m, &e), 0);
	assert_int_equal(m.args[0].type, ARG_PREFIX);
	assert_int_equal(m.args[0].plen, 16);

	assert_int_equal(grammar_parse(g, MODE_CONFIG, "snmp com \"my own\" R", a_device, &m, &e),
			 -ENOTUNIQ);
	assert_int_equal(grammar_parse(g, MODE_CONFIG, "snmp com \"my own\" RW", a_device, &m, &e),
			 0);
	assert_string_equal(m.args[0].text, "my own");
	assert_int_equal(m.args[1].type, ARG_CHOICE);
	assert_int_equal(m.args[1].number, 1);
	assert_string_equal(m.args[1].text, "rw");
	assert_int_equal(m.args[2].type, ARG_NONE);
	assert_string_equal(m.key, "snmp community");

	assert_int_equal(grammar_parse(g, MODE_CONFIG, "int g0/1", a_device, &m, &e), 0);
	assert_int_equal(m.args[0].ifid, 7);
	assert_string_equal(m.args[0].text, "GigabitEthernet0/1");
	assert_int_equal(grammar_parse(g, MODE_CONFIG, "int g0/2", a_device, &m, &e), 0);
	assert_int_equal(m.args[0].ifid, 0);
	assert_int_equal(grammar_parse(g, MODE_CONFIG, "int g0/1", NULL, &m, &e), 0);
	assert_int_equal(m.args[0].ifid, 0);

	assert_int_equal(
		grammar_parse(g, MODE_CONFIG, "neighbor ::1 02:00:00:00:00:01", a_device, &m, &e),
		0);
	assert_int_equal(m.args[1].mac.b[5], 1);
	assert_int_equal(grammar_parse(g, MODE_EXEC, "call  me \"up\"  now ", a_device, &m, &e), 0);
	assert_string_equal(m.args[0].text, "me \"up\"  now");
	assert_int_equal(grammar_parse(g, MODE_EXEC, "call \"me up\"", a_device, &m, &e), 0);
	assert_string_equal(m.args[0].text, "me up");
	assert_int_equal(grammar_parse(g, MODE_CONFIG, "no ip host www", a_device, &m, &e), 0);
	assert_true(m.no);
	assert_int_equal(m.n_args, 3);
	assert_string_equal(m.args[0].text, "www");
	assert_int_equal(m.args[1].type, ARG_NONE);
	grammar_free(g);
}

static void errors_say_where_and_what(void **state)
{
	static const struct {
		const char *mode, *line;
		int r;
		unsigned column;
		const char *sentence;
	} bad[] = {
		{ MODE_EXEC, "sh v", -ENOTUNIQ, 4,
		  "\"v\" is short for several words: expected interfaces, ip, version, vlan" },
		{ MODE_EXEC, "show", -ENODATA, 6,
		  "the line is incomplete: expected interfaces, ip, version, vlan" },
		{ MODE_EXEC, "show intrefaces", -EINVAL, 6,
		  "\"intrefaces\" is not known here: expected interfaces, ip, version, vlan; did "
		  "you "
		  "mean \"interfaces\"?" },
		{ MODE_EXEC, "  show ip route 10.0.0", -EINVAL, 17,
		  "\"10.0.0\" is not known here: expected A.B.C.D, <cr>" },
		{ MODE_EXEC, "show version now", -EINVAL, 14,
		  "\"now\" is not known here: expected <cr>" },
		{ MODE_EXEC, "ping", -ENODATA, 6, "the line is incomplete: expected HOST" },
		{ "dhcp-config", "lease 400", -EINVAL, 7,
		  "\"400\" is not known here: expected <0-365>, infinite" },
		{ MODE_CONFIG, "level m", -ENOTUNIQ, 7,
		  "\"m\" is short for several words: expected low, medium, mega" },
		{ MODE_CONFIG, "no level x y", -EINVAL, 10,
		  "\"x\" is not known here: expected low, medium, mega, <cr>" },
	};
	struct grammar *g = new_grammar(KIND_PC);
	struct grammar_match m;
	struct grammar_error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct sbuf out = SBUF(1000);

		assert_int_equal(grammar_parse(g, bad[i].mode, bad[i].line, a_device, &m, &e),
				 bad[i].r);
		assert_int_equal(e.column, bad[i].column);
		grammar_error_sentence(&e, &out);
		assert_string_equal(sbuf_text(&out), bad[i].sentence);
		sbuf_done(&out);
	}
	grammar_free(g);
}

static void errors_as_ios_prints_them(void **state)
{
	static const struct {
		const char *line, *out;
	} bad[] = {
		{ "sh v", "% Ambiguous command:  \"sh v\"\n" },
		{ "show ip", "% Incomplete command.\n" },
		{ "show xyz", "         ^\n% Invalid input detected at '^' marker.\n" },
		{ "", "" },
	};
	struct grammar *g = new_grammar(KIND_PC);
	struct grammar_match m;
	struct grammar_error e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct sbuf out = SBUF(1000);

		assert_true(grammar_parse(g, MODE_EXEC, bad[i].line, a_device, &m, &e) < 0);
		grammar_error_ios(&e, bad[i].line, 4, &out);
		assert_string_equal(sbuf_text(&out), bad[i].out);
		sbuf_done(&out);
	}
	grammar_free(g);
}

static void long_lines_are_refused(void **state)
{
	struct grammar *g = new_grammar(KIND_PC);
	struct grammar_match m;
	struct grammar_error e;
	char line[LINE_MAX_LEN + 2];

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "call ", 5);
	line[LINE_MAX_LEN + 1] = '\0';
	assert_int_equal(grammar_parse(g, MODE_EXEC, line, a_device, &m, &e), -E2BIG);
	line[LINE_MAX_LEN] = '\0';
	assert_int_equal(grammar_parse(g, MODE_EXEC, line, a_device, &m, &e), 0);
	assert_string_equal(m.canonical, line);
	for (size_t i = 5; i < LINE_MAX_LEN; i++)
		line[i] = i % 2 ? 'x' : ' ';
	assert_int_equal(grammar_parse(g, MODE_EXEC, line, a_device, &m, &e), -E2BIG);
	assert_int_equal(e.status, GRAMMAR_TOO_LONG);
	grammar_free(g);
}

static void note(void *arg, const char *word, const char *help)
{
	sbuf_printf(arg, "%s=%s\n", word, help);
}

static void help_lists_what_may_come(void **state)
{
	static const struct {
		const char *mode, *partial, *out;
	} cases[] = {
		{ MODE_EXEC, "",
		  "call=Calls\ncopy=WORD, running-config\nping=Echo\n"
		  "show=interfaces, ip, version, vlan\n" },
		{ MODE_EXEC, "c", "call=Calls\ncopy=WORD, running-config\n" },
		{ MODE_EXEC, "sh", "show=interfaces, ip, version, vlan\n" },
		{ MODE_EXEC, "sh v", "version=Version\nvlan=VLANs\n" },
		{ MODE_EXEC, "sh vlan ", "brief=VLANs\n<cr>=\n" },
		{ MODE_EXEC, "sh ip ", "dhcp=Bindings\nroute=Routes\n" },
		{ MODE_EXEC, "ping x ", "count=Echo\nsize=Echo\n<cr>=\n" },
		{ MODE_EXEC, "ping x size ", "<36-18024>=Echo\n" },
		{ MODE_CONFIG, "snmp com x ", "ro=SNMP\nrw=SNMP\n" },
		{ MODE_CONFIG, "n",
		  "neighbor=Neighbour\nnet=Network\nno=Negate a line or set its default\n" },
		{ MODE_CONFIG, "no", "no=Negate a line or set its default\n" },
		{ MODE_CONFIG, "no ip ", "dhcp=Pool\nhost=Host\n" },
		{ "dhcp-config", "lease 1 ", "<0-23>=Lease\n<cr>=\n" },
	};
	struct grammar *g = new_grammar(KIND_PC);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sbuf out = SBUF(4000);

		assert_true(grammar_help(g, cases[i].mode, cases[i].partial, a_device, note, &out) >
			    0);
		assert_string_equal(sbuf_text(&out), cases[i].out);
		sbuf_done(&out);
	}
	assert_int_equal(grammar_help(g, MODE_EXEC, "xyz ", a_device, note, NULL), -EINVAL);
	assert_int_equal(grammar_help(g, MODE_EXEC, "sh v ", a_device, note, NULL), -ENOTUNIQ);
	grammar_free(g);
}

static void tab_completes(void **state)
{
	static const struct {
		const char *mode, *partial, *out;
	} cases[] = {
		{ MODE_EXEC, "sh", "show=interfaces, ip, version, vlan\n" },
		{ MODE_EXEC, "sh ip rou", "route=Routes\n" },
		{ MODE_EXEC, "sh int gig", "GigabitEthernet0/0=\nGigabitEthernet0/1=\n" },
		{ MODE_EXEC, "sh int GigabitEthernet0/1", "GigabitEthernet0/1=\n" },
		{ MODE_EXEC, "sh ip route ", "" },
		{ MODE_EXEC, "xyz ", "" },
		{ MODE_CONFIG, "no", "no=\n" },
		{ MODE_CONFIG, "no ho", "hostname=Name\n" },
	};
	struct grammar *g = new_grammar(KIND_PC);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sbuf out = SBUF(4000);

		grammar_complete(g, cases[i].mode, cases[i].partial, a_device, note, &out);
		assert_string_equal(sbuf_text(&out), cases[i].out);
		sbuf_done(&out);
	}
	grammar_free(g);
}

static void patterns(void **state)
{
	static const struct {
		const char *pattern;
		bool good;
	} cases[] = {
		{ "a b c", true },
		{ "lease <0-365> [<0-23> [<0-59>]]", true },
		{ "a [b [c] d]", true },
		{ "a [name WORD] [LINE]", true },
		{ "a (b|c)", true },
		{ "", false },
		{ "[a]", false },
		{ "a [b", false },
		{ "a b]", false },
		{ "a word LINE b", false },
		{ "a <1>", false },
		{ "a <5-1>", false },
		{ "a <x-y>", false },
		{ "a (b|c", false },
		{ "a WORDS", false },
		{ "Show", false },
		{ "x WORD WORD WORD WORD WORD WORD WORD WORD WORD WORD WORD WORD WORD WORD WORD "
		  "WORD",
		  true },
		{ "x WORD WORD WORD WORD WORD WORD WORD WORD WORD WORD WORD WORD WORD WORD WORD "
		  "WORD "
		  "WORD",
		  false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *why = NULL;

		assert_int_equal(pattern_check(cases[i].pattern, &why),
				 cases[i].good ? 0 : -EINVAL);
		if (!cases[i].good)
			assert_non_null(why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_and_their_canonical_form),
		cmocka_unit_test(kinds_have_their_own_commands),
		cmocka_unit_test(arguments_are_typed),
		cmocka_unit_test(errors_say_where_and_what),
		cmocka_unit_test(errors_as_ios_prints_them),
		cmocka_unit_test(long_lines_are_refused),
		cmocka_unit_test(help_lists_what_may_come),
		cmocka_unit_test(tab_completes),
		cmocka_unit_test(patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
