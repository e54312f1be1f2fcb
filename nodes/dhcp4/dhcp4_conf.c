/* The language of DHCPv4 on a device: configuration lines, commands, and the protocol's table. */
#include "dhcp4/dhcp4.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"
#include "dhcp4/dhcp4_client.h"
#include "dhcp4/dhcp4_lines.h"
#include "dhcp4/dhcp4_server.h"

#define KINDS_SERVER (BIT(KIND_ROUTER) | BIT(KIND_SERVER))
#define KINDS_CLIENT (KINDS_L3 | BIT(KIND_SWITCH))
#define KINDS_IOS    (BIT(KIND_ROUTER) | BIT(KIND_SWITCH))

#define PING_PACKETS   2
#define PING_TIMEOUT   (500 * MSEC)
#define DATABASE_DELAY (300 * SEC)
#define RELAY_HOPS     16 /* RFC 1542 §4.1.1 */

/* --- helpers of all lines ----------------------------------------------------------------- */

void dhcp4_note(struct dhcp4_conf *conf, enum dhcp4_note_kind kind, const struct call *call,
		const char *pool, const char *fmt, ...)
{
	struct sbuf text = SBUF(sizeof(conf->notes->text) - 1);
	struct dhcp4_note *note;
	va_list ap;

	if (!conf->notes)
		conf->notes = calloc(DHCP4_NOTES_MAX, sizeof(*conf->notes));
	if (!conf->notes)
		abort();
	note = &conf->notes[conf->n_notes++ % DHCP4_NOTES_MAX];
	note->kind = kind;
	note->off = call->no;
	str_copy(note->pool, sizeof(note->pool), pool);
	va_start(ap, fmt);
	sbuf_vprintf(&text, fmt, ap);
	va_end(ap);
	str_copy(note->text, sizeof(note->text), sbuf_text(&text));
	sbuf_done(&text);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int dhcp4_parse_hex(const char *text, uint8_t *out, size_t size)
{
	size_t n_digits = 0;

	for (; *text; text++) {
		int d = hex_digit(*text);

		if (strchr(".:- ", *text))
			continue;
		if (d < 0 || n_digits / 2 == size)
			return -EINVAL;
		if (n_digits % 2 == 0)
			out[n_digits / 2] = (uint8_t)(d << 4);
		else
			out[n_digits / 2] |= (uint8_t)d;
		n_digits++;
	}
	return n_digits % 2 ? -EINVAL : (int)(n_digits / 2);
}

/* --- the configuration object ------------------------------------------------------------- */

static void *conf_new(const struct device *dev)
{
	struct dhcp4_conf *conf = calloc(1, sizeof(*conf));

	(void)dev;
	if (!conf)
		abort();
	conf->service = true;
	conf->authoritative = true;
	conf->conflict_logging = true;
	conf->ping_packets = PING_PACKETS;
	conf->ping_timeout_ns = PING_TIMEOUT;
	conf->database_delay_ns = DATABASE_DELAY;
	conf->relay_hops = RELAY_HOPS;
	return conf;
}

static void conf_free(void *arg)
{
	struct dhcp4_conf *conf = arg;

	if (!conf)
		return;
	for (unsigned i = 0; i < conf->n_pools; i++)
		dhcp4_pool_conf_free(conf->pools[i]);
	free(conf->ifs);
	free(conf->notes);
	free(conf);
}

/* Only what no single line can know: a manual binding that names no client. */
static int conf_check(const void *arg, struct sbuf *reterr)
{
	const struct dhcp4_conf *conf = arg;

	for (unsigned i = 0; i < conf->n_pools; i++) {
		const struct dhcp4_pool_conf *p = conf->pools[i];

		if (!addr_is_set(&p->host) || p->has_mac || p->id_len)
			continue;
		sbuf_printf(reterr, "pool %s: host without hardware-address or client-identifier",
			    p->name);
		return -EINVAL;
	}
	return 0;
}

bool dhcp4_excluded(const struct dhcp4_conf *conf, const struct addr *a)
{
	uint32_t v = addr4_u32(a);

	for (unsigned i = 0; i < conf->n_excluded; i++)
		if (v >= addr4_u32(&conf->excluded[i].low) &&
		    v <= addr4_u32(&conf->excluded[i].high))
			return true;
	return false;
}

/* --- lines of the device ------------------------------------------------------------------ */

static int set_service(void *arg, const struct call *call)
{
	struct dhcp4_conf *conf = arg;

	conf->service = !call->no;
	conf->service_line = true;
	dhcp4_note(conf, DHCP4_NOTE_SERVICE, call, "", "%s", "");
	return 0;
}

static int range_index(const struct dhcp4_conf *conf, const struct dhcp4_range *r)
{
	for (unsigned i = 0; i < conf->n_excluded; i++)
		if (addr_equal(&conf->excluded[i].low, &r->low) &&
		    addr_equal(&conf->excluded[i].high, &r->high))
			return (int)i;
	return -1;
}

static int remove_excluded(struct dhcp4_conf *conf, const struct call *call,
			   const struct dhcp4_range *r)
{
	int i = range_index(conf, r);

	if (i < 0)
		return call_refuse(call, "this range is not excluded");
	conf->n_excluded--;
	memmove(&conf->excluded[i], &conf->excluded[i + 1],
		(conf->n_excluded - (unsigned)i) * sizeof(conf->excluded[0]));
	return 0;
}

static int add_excluded(struct dhcp4_conf *conf, const struct call *call,
			const struct dhcp4_range *r)
{
	if (addr4_u32(&r->low) > addr4_u32(&r->high))
		return call_refuse(call, "%s is above %s", call->args[0].text, call->args[1].text);
	if (range_index(conf, r) >= 0)
		return 0;
	if (conf->n_excluded == DHCP4_EXCLUDED_MAX)
		return call_refuse(call, "more than %d excluded ranges", DHCP4_EXCLUDED_MAX);
	conf->excluded[conf->n_excluded++] = *r;
	return 0;
}

static int set_excluded(void *arg, const struct call *call)
{
	struct dhcp4_conf *conf = arg;
	struct dhcp4_range r = { .low = call->args[0].addr, .high = call->args[0].addr };
	int err;

	if (call->args[0].type == ARG_NONE)
		return call_refuse(call, "which address? no ip dhcp excluded-address LOW [HIGH]");
	if (call->args[1].type != ARG_NONE)
		r.high = call->args[1].addr;
	err = call->no ? remove_excluded(conf, call, &r) : add_excluded(conf, call, &r);
	if (err < 0)
		return err;
	conf->pools_changed++;
	dhcp4_note(conf, DHCP4_NOTE_EXCLUDED, call, "", "%s%s%s", call->args[0].text,
		   call->args[1].type != ARG_NONE ? " - " : "",
		   call->args[1].type != ARG_NONE ? call->args[1].text : "");
	return 0;
}

static int set_authoritative(void *arg, const struct call *call)
{
	struct dhcp4_conf *conf = arg;

	conf->authoritative = !call->no;
	return 0;
}

static int set_conflict_logging(void *arg, const struct call *call)
{
	struct dhcp4_conf *conf = arg;

	conf->conflict_logging = !call->no;
	dhcp4_note(conf, DHCP4_NOTE_CONFLICT_LOGGING, call, "", "%s", "");
	return 0;
}

static int set_ping_packets(void *arg, const struct call *call)
{
	struct dhcp4_conf *conf = arg;

	if (call->no)
		conf->ping_packets = 0; /* as IOS: "no" switches the probe off */
	else
		conf->ping_packets = (unsigned)call->args[0].number;
	return 0;
}

static int set_ping_timeout(void *arg, const struct call *call)
{
	struct dhcp4_conf *conf = arg;

	conf->ping_timeout_ns = call->no ? PING_TIMEOUT : call->args[0].number * MSEC;
	return 0;
}

static int set_database(void *arg, const struct call *call)
{
	struct dhcp4_conf *conf = arg;
	const char *url = call->no ? "" : call->args[0].text;

	if (!call->no && (!strchr(url, ':') || strlen(url) >= sizeof(conf->database)))
		return call_refuse(call, "%s is no URL such as flash:/bindings", url);
	str_copy(conf->database, sizeof(conf->database), url);
	conf->database_delay_ns = DATABASE_DELAY;
	if (!call->no && call->n_args > 1 && call->args[1].type == ARG_NUMBER)
		conf->database_delay_ns = call->args[1].number * SEC;
	if (!call->no && strncmp(url, "flash:", 6) != 0)
		sbuf_puts(call->retwarn, "bindings are kept by the device itself; only a flash: "
					 "URL also gets them as a file");
	dhcp4_note(conf, DHCP4_NOTE_DATABASE, call, "", "%s", url);
	return 0;
}

static int set_relay_info(void *arg, const struct call *call)
{
	struct dhcp4_conf *conf = arg;

	conf->relay_info = !call->no;
	return 0;
}

static int set_relay_policy(void *arg, const struct call *call)
{
	struct dhcp4_conf *conf = arg;

	conf->relay_policy =
		call->no ? DHCP4_INFO_REPLACE : (enum dhcp4_relay_policy)call->args[0].number;
	return 0;
}

static int set_relay_trust(void *arg, const struct call *call)
{
	struct dhcp4_conf *conf = arg;

	conf->relay_trust = !call->no;
	return 0;
}

static int set_relay_hops(void *arg, const struct call *call)
{
	struct dhcp4_conf *conf = arg;

	conf->relay_hops = call->no ? RELAY_HOPS : (unsigned)call->args[0].number;
	return 0;
}

/* --- the tables --------------------------------------------------------------------------- */

#define UP_TO_8 "A.B.C.D [A.B.C.D [A.B.C.D [A.B.C.D [A.B.C.D [A.B.C.D [A.B.C.D [A.B.C.D]]]]]]]"

/* clang-format off */
#define LINE_OF(line_mode, line, line_kinds, line_flags, handler, line_help) \
	{ .mode = (line_mode), .pattern = (line), .help = (line_help), .kinds = (line_kinds), \
	  .flags = (line_flags), .set = (handler) }
#define IF_LINE(line, kinds, flags, handler, help) LINE_OF(MODE_IF, line, kinds, flags, handler, help)
#define TOP_LINE(line, flags, handler, help) \
	LINE_OF(MODE_CONFIG, line, KINDS_SERVER, flags, handler, help)
#define POOL_LINE(line, flags, handler, help) \
	LINE_OF(DHCP4_MODE_POOL, line, KINDS_SERVER, flags, handler, help)
#define COMMAND(line, cmd_kinds, cmd_machine, handler, cmd_help) \
	{ .mode = MODE_EXEC, .pattern = (line), .help = (cmd_help), .kinds = (cmd_kinds), \
	  .machine = (cmd_machine), .run = (handler) }
#define CLIENT "dhcp4.client"
#define SERVER "dhcp4.server"

static const struct cmd cmds[] = {
	{ .mode = MODE_IF, .pattern = "ip address dhcp", .help = "Get the address from a DHCP server",
	  .kinds = KINDS_CLIENT, .flags = CMD_NO, .replaces = "ip address", .set = dhcp4_set_address_dhcp },
	{ .mode = MODE_IF, .pattern = "ip address bootp", .help = "Get the address from a BOOTP server",
	  .kinds = KINDS_CLIENT, .flags = CMD_NO, .replaces = "ip address", .set = dhcp4_set_address_bootp },
	IF_LINE("ip dhcp client broadcast-flag", KINDS_CLIENT, CMD_NO, dhcp4_set_broadcast_flag,
		"Ask servers to answer by broadcast"),
	IF_LINE("ip dhcp client start-delay", KINDS_CLIENT, CMD_NO, dhcp4_set_start_delay,
		"Wait 1 to 10 s before the first DISCOVER"),
	IF_LINE("ip dhcp client autoconfig [<1-16>]", KINDS_CLIENT, CMD_NO, dhcp4_set_autoconfig,
		"Take a 169.254 address after so many unanswered DISCOVERs"),
	IF_LINE("ip dhcp client arp-probes <0-3>", KINDS_CLIENT, CMD_NO, dhcp4_set_arp_probes,
		"ARP probes of an address before it is used"),
	IF_LINE("ip dhcp client hostname WORD", KINDS_CLIENT, CMD_NO, dhcp4_set_client_hostname,
		"Host name to tell the server"),
	IF_LINE("ip dhcp client client-id (ascii|hex) WORD", KINDS_CLIENT, CMD_NO, dhcp4_set_client_id,
		"Client identifier to tell the server"),
	IF_LINE("ip helper-address A.B.C.D", KINDS_SERVER, CMD_NO | CMD_MULTI, dhcp4_set_helper,
		"Relay DHCP requests to this server"),

	TOP_LINE("service dhcp", CMD_NO, set_service, "DHCP server and relay"),
	TOP_LINE("ip dhcp excluded-address A.B.C.D [A.B.C.D]", CMD_NO | CMD_MULTI, set_excluded,
		 "Addresses that are never leased"),
	TOP_LINE("ip dhcp authoritative", CMD_NO, set_authoritative,
		 "Answer requests for wrong addresses with a NAK"),
	TOP_LINE("ip dhcp conflict logging", CMD_NO, set_conflict_logging,
		 "Remember addresses that are in use by others"),
	TOP_LINE("ip dhcp ping packets <0-10>", CMD_NO, set_ping_packets,
		 "Echo requests before an address is offered"),
	TOP_LINE("ip dhcp ping timeout <100-10000>", CMD_NO, set_ping_timeout,
		 "Milliseconds to wait for an echo reply"),
	TOP_LINE("ip dhcp database WORD [write-delay <1-86400>]", CMD_NO, set_database,
		 "URL where the bindings are stored"),
	TOP_LINE("ip dhcp relay information option", CMD_NO, set_relay_info,
		 "Insert option 82 into relayed requests"),
	TOP_LINE("ip dhcp relay information policy (replace|keep|drop)", CMD_NO, set_relay_policy,
		 "What to do with another relay's option 82"),
	TOP_LINE("ip dhcp relay information trust-all", CMD_NO, set_relay_trust,
		 "Accept option 82 without a relay's address"),
	TOP_LINE("ip dhcp relay max-hops <1-16>", CMD_NO, set_relay_hops,
		 "Drop requests that passed more relays"),
	{ .mode = MODE_CONFIG, .pattern = "ip dhcp pool WORD", .help = "Configure a DHCP pool",
	  .kinds = KINDS_SERVER, .flags = CMD_NO | CMD_MULTI | CMD_KEYED, .enters = DHCP4_MODE_POOL,
	  .set = dhcp4_set_pool },

	POOL_LINE("network A.B.C.D [WORD]", CMD_NO, dhcp4_set_network, "Network and mask to lease from"),
	POOL_LINE("default-router " UP_TO_8, CMD_NO, dhcp4_set_routers, "Routers (option 3)"),
	POOL_LINE("dns-server " UP_TO_8, CMD_NO, dhcp4_set_dns, "DNS servers (option 6)"),
	POOL_LINE("domain-name WORD", CMD_NO, dhcp4_set_domain, "Domain of the clients (option 15)"),
	POOL_LINE("netbios-name-server " UP_TO_8, CMD_NO, dhcp4_set_netbios, "WINS servers (option 44)"),
	POOL_LINE("netbios-node-type (b-node|p-node|m-node|h-node)", CMD_NO, dhcp4_set_netbios_type,
		  "NetBIOS node type (option 46)"),
	POOL_LINE("option <0-255> (ascii|hex|ip) LINE", CMD_NO | CMD_MULTI | CMD_KEYED,
		  dhcp4_set_option, "Any other option"),
	{ .mode = DHCP4_MODE_POOL, .pattern = "lease <0-365> [<0-23> [<0-59>]]",
	  .help = "Days, hours and minutes of a lease", .kinds = KINDS_SERVER, .flags = CMD_NO,
	  .replaces = "lease", .set = dhcp4_set_lease },
	{ .mode = DHCP4_MODE_POOL, .pattern = "lease infinite", .help = "Leases without an end",
	  .kinds = KINDS_SERVER, .flags = CMD_NO, .replaces = "lease",
	  .set = dhcp4_set_lease_infinite },
	POOL_LINE("bootfile WORD", CMD_NO, dhcp4_set_bootfile, "Boot file of the clients"),
	POOL_LINE("next-server A.B.C.D", CMD_NO, dhcp4_set_next_server, "Server of the boot file"),
	POOL_LINE("host A.B.C.D [WORD]", CMD_NO, dhcp4_set_host, "Manual binding: address and mask"),
	POOL_LINE("hardware-address MAC [(ethernet|ieee802)]", CMD_NO, dhcp4_set_mac,
		  "Manual binding: the client's MAC address"),
	POOL_LINE("client-identifier WORD", CMD_NO, dhcp4_set_id,
		  "Manual binding: the client's identifier in hexadecimal"),
	POOL_LINE("client-name WORD", CMD_NO, dhcp4_set_client_name,
		  "Manual binding: host name given to the client"),
	POOL_LINE("update dns", CMD_NO, dhcp4_set_update_dns, "Update the clients' DNS names"),

	COMMAND("ipconfig", KINDS_HOST, CLIENT, dhcp4_client_ipconfig, "Show addresses"),
	COMMAND("ipconfig /all", KINDS_HOST, CLIENT, dhcp4_client_ipconfig_all,
		"Show addresses, servers and leases"),
	COMMAND("ipconfig /release [IFNAME]", KINDS_HOST, CLIENT, dhcp4_client_release,
		"Give the lease back"),
	COMMAND("ipconfig /renew [IFNAME]", KINDS_HOST, CLIENT, dhcp4_client_renew,
		"Get or renew a lease"),
	COMMAND("ipconfig /inform [IFNAME]", KINDS_HOST, CLIENT, dhcp4_client_inform,
		"Ask a DHCP server for parameters only"),
	COMMAND("show dhcp lease", KINDS_IOS, CLIENT, dhcp4_client_show_lease,
		"Show the leases of this device's interfaces"),
	COMMAND("release dhcp [IFNAME]", KINDS_IOS, CLIENT, dhcp4_client_release,
		"Give the lease back"),
	COMMAND("renew dhcp [IFNAME]", KINDS_IOS, CLIENT, dhcp4_client_renew,
		"Get or renew a lease"),
	COMMAND("show ip dhcp binding [A.B.C.D]", KINDS_SERVER, SERVER, dhcp4_server_show_binding,
		"Show leases"),
	COMMAND("show ip dhcp pool [WORD]", KINDS_SERVER, SERVER, dhcp4_server_show_pool, "Show pools"),
	COMMAND("show ip dhcp conflict", KINDS_SERVER, SERVER, dhcp4_server_show_conflict,
		"Show addresses in use by others"),
	COMMAND("show ip dhcp database", KINDS_SERVER, SERVER, dhcp4_server_show_database,
		"Show the database agent"),
	COMMAND("show ip dhcp server statistics", KINDS_SERVER, SERVER, dhcp4_server_show_statistics,
		"Show counters"),
	COMMAND("clear ip dhcp binding *", KINDS_SERVER, SERVER, dhcp4_server_clear_binding,
		"End all leases"),
	COMMAND("clear ip dhcp binding A.B.C.D", KINDS_SERVER, SERVER, dhcp4_server_clear_binding,
		"End one lease"),
	COMMAND("clear ip dhcp conflict *", KINDS_SERVER, SERVER, dhcp4_server_clear_conflict,
		"Forget all conflicts"),
	COMMAND("clear ip dhcp conflict A.B.C.D", KINDS_SERVER, SERVER, dhcp4_server_clear_conflict,
		"Forget one conflict"),
	COMMAND("clear ip dhcp server statistics", KINDS_SERVER, SERVER,
		dhcp4_server_clear_statistics, "Set the counters to zero"),
	{ .mode = NULL },
};

#define RULE RULE_ROW
static const struct rule rules[] = {
#include "dhcp4/dhcp4_rules.def"
};
#undef RULE
/* clang-format on */

static const struct machine_class *const machines[] = {
	&dhcp4_client_class,
	&dhcp4_server_class,
	NULL,
};

static const struct fact_kind *const facts[] = {
	&dhcp4_lease_fact,
	&dhcp4_conflict_fact,
	&dhcp4_pool_fact,
	&dhcp4_client_lease_fact,
	&dhcp4_client_fact,
	&dhcp4_autoconf_fact,
	NULL,
};

const struct proto dhcp4_proto = {
	.name = "dhcp4",
	.title = "DHCPv4 and BOOTP",
	.rules = rules,
	.n_rules = ARRAY_SIZE(rules),
	.machines = machines,
	.cmds = cmds,
	.facts = facts,
	.conf_new = conf_new,
	.conf_free = conf_free,
	.conf_check = conf_check,
};
