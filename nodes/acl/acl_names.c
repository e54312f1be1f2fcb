/* The words IOS has for protocols, ports and ICMP messages. Where a number has several words, the
 * first is the one that is printed. */
#include "acl/acl_int.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/inet.h"

struct name {
	const char *word;
	uint16_t number;
	int16_t code; /* ICMP: -1 = all */
};

/* clang-format off */
static const struct name protocols[] = {
	{ "ip", 0 }, { "icmp", 1 }, { "igmp", 2 }, { "ipinip", 4 }, { "tcp", 6 }, { "udp", 17 },
	{ "gre", 47 }, { "esp", 50 }, { "ahp", 51 }, { "eigrp", 88 }, { "ospf", 89 }, { "nos", 94 },
	{ "pim", 103 }, { "pcp", 108 }, { "sctp", 132 },
};

static const struct name tcp_ports[] = {
	{ "echo", 7 }, { "discard", 9 }, { "daytime", 13 }, { "chargen", 19 }, { "ftp-data", 20 },
	{ "ftp", 21 }, { "ssh", 22 }, { "telnet", 23 }, { "smtp", 25 }, { "time", 37 }, { "whois", 43 },
	{ "tacacs", 49 }, { "domain", 53 }, { "gopher", 70 }, { "finger", 79 }, { "www", 80 },
	{ "hostname", 101 }, { "pop2", 109 }, { "pop3", 110 }, { "sunrpc", 111 }, { "ident", 113 },
	{ "nntp", 119 }, { "imap", 143 }, { "bgp", 179 }, { "irc", 194 }, { "https", 443 },
	{ "pim-auto-rp", 496 }, { "exec", 512 }, { "login", 513 }, { "cmd", 514 }, { "lpd", 515 },
	{ "talk", 517 }, { "uucp", 540 }, { "klogin", 543 }, { "kshell", 544 }, { "drip", 3949 },
};

static const struct name udp_ports[] = {
	{ "echo", 7 }, { "discard", 9 }, { "time", 37 }, { "nameserver", 42 }, { "tacacs", 49 },
	{ "domain", 53 }, { "bootps", 67 }, { "bootpc", 68 }, { "tftp", 69 }, { "sunrpc", 111 },
	{ "ntp", 123 }, { "netbios-ns", 137 }, { "netbios-dgm", 138 }, { "netbios-ss", 139 },
	{ "snmp", 161 }, { "snmptrap", 162 }, { "xdmcp", 177 }, { "dnsix", 195 }, { "mobile-ip", 434 },
	{ "pim-auto-rp", 496 }, { "isakmp", 500 }, { "biff", 512 }, { "who", 513 }, { "syslog", 514 },
	{ "talk", 517 }, { "rip", 520 }, { "non500-isakmp", 4500 },
};

/* RFC 792, 950, 1122, 1256, 1393, 1475, 1812. */
static const struct name icmp_messages[] = {
	{ "echo-reply", 0, -1 }, { "unreachable", 3, -1 }, { "net-unreachable", 3, 0 },
	{ "host-unreachable", 3, 1 }, { "protocol-unreachable", 3, 2 }, { "port-unreachable", 3, 3 },
	{ "packet-too-big", 3, 4 }, { "source-route-failed", 3, 5 }, { "network-unknown", 3, 6 },
	{ "host-unknown", 3, 7 }, { "host-isolated", 3, 8 }, { "dod-net-prohibited", 3, 9 },
	{ "dod-host-prohibited", 3, 10 }, { "net-tos-unreachable", 3, 11 },
	{ "host-tos-unreachable", 3, 12 }, { "administratively-prohibited", 3, 13 },
	{ "host-precedence-unreachable", 3, 14 }, { "precedence-unreachable", 3, 15 },
	{ "source-quench", 4, -1 }, { "redirect", 5, -1 }, { "net-redirect", 5, 0 },
	{ "host-redirect", 5, 1 }, { "net-tos-redirect", 5, 2 }, { "host-tos-redirect", 5, 3 },
	{ "alternate-address", 6, -1 }, { "echo", 8, -1 }, { "router-advertisement", 9, -1 },
	{ "router-solicitation", 10, -1 }, { "time-exceeded", 11, -1 }, { "ttl-exceeded", 11, 0 },
	{ "reassembly-timeout", 11, 1 }, { "parameter-problem", 12, -1 },
	{ "general-parameter-problem", 12, 0 }, { "option-missing", 12, 1 },
	{ "no-room-for-option", 12, 2 }, { "timestamp-request", 13, -1 }, { "timestamp-reply", 14, -1 },
	{ "information-request", 15, -1 }, { "information-reply", 16, -1 }, { "mask-request", 17, -1 },
	{ "mask-reply", 18, -1 }, { "traceroute", 30, -1 }, { "conversion-error", 31, -1 },
	{ "mobile-redirect", 32, -1 },
};
/* clang-format on */

/* The table's row, or NULL with *ret_err. */
static const struct name *find(const struct name *table, size_t n, const char *word, int *ret_err)
{
	const struct name *hit = NULL;
	size_t len = strlen(word);

	*ret_err = -ENOENT;
	for (size_t i = 0; i < n && len > 0; i++) {
		if (strncasecmp(table[i].word, word, len) != 0)
			continue;
		if (table[i].word[len] == '\0')
			return &table[i];
		if (hit)
			*ret_err = -ENOTUNIQ;
		hit = &table[i];
	}
	return *ret_err == -ENOTUNIQ ? NULL : hit;
}

static int parse(const struct name *table, size_t n, const char *word, uint64_t max, uint64_t *ret)
{
	int err;
	const struct name *row = find(table, n, word, &err);

	if (row) {
		*ret = row->number;
		return 0;
	}
	return str_to_u64(word, max, ret) == 0 ? 0 : err;
}

int acl_protocol_parse(const char *word, uint8_t *ret)
{
	uint64_t number;
	int r = parse(protocols, ARRAY_SIZE(protocols), word, 255, &number);

	if (r == 0)
		*ret = (uint8_t)number;
	return r;
}

const char *acl_protocol_name(uint8_t protocol)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].number == protocol)
			return protocols[i].word;
	return NULL;
}

static const struct name *ports_of(uint8_t protocol, size_t *ret_n)
{
	if (protocol == IPPROTO_NUM_TCP) {
		*ret_n = ARRAY_SIZE(tcp_ports);
		return tcp_ports;
	}
	*ret_n = protocol == IPPROTO_NUM_UDP ? ARRAY_SIZE(udp_ports) : 0;
	return udp_ports;
}

int acl_port_parse(uint8_t protocol, const char *word, uint16_t *ret)
{
	uint64_t number;
	size_t n;
	const struct name *table = ports_of(protocol, &n);
	int r = parse(table, n, word, UINT16_MAX, &number);

	if (r == 0)
		*ret = (uint16_t)number;
	return r;
}

const char *acl_port_name(uint8_t protocol, uint16_t port)
{
	size_t n;
	const struct name *table = ports_of(protocol, &n);

	for (size_t i = 0; i < n; i++)
		if (table[i].number == port)
			return table[i].word;
	return NULL;
}

int acl_icmp_parse(const char *word, int16_t *ret_type, int16_t *ret_code)
{
	uint64_t number;
	int err;
	const struct name *row = find(icmp_messages, ARRAY_SIZE(icmp_messages), word, &err);

	if (row) {
		*ret_type = (int16_t)row->number;
		*ret_code = row->code;
		return 0;
	}
	if (str_to_u64(word, 255, &number) < 0)
		return err;
	*ret_type = (int16_t)number;
	*ret_code = -1;
	return 0;
}

const char *acl_icmp_name(int type, int code)
{
	for (size_t i = 0; i < ARRAY_SIZE(icmp_messages); i++)
		if (icmp_messages[i].number == type && icmp_messages[i].code == code)
			return icmp_messages[i].word;
	return NULL;
}
