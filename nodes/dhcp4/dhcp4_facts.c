/* The columns of DHCPv4's facts. */
#include "dhcp4/dhcp4.h"

static const struct fact_column lease_columns[] = {
	{ "addr", VT_ADDR, "the leased address; also the key" },
	{ "mac", VT_MAC, "hardware address of the client" },
	{ "client_id", VT_BYTES, "option 61; NULL when the client sent none" },
	{ "hostname", VT_TEXT, "option 12 of the client's last request" },
	{ "state", VT_TEXT, "offered, bound, expired or released" },
	{ "expires", VT_TIME, "end of the lease or of the offer; NULL = never" },
	{ "pool", VT_TEXT, "name of the pool" },
	{ "type", VT_TEXT, "dynamic, automatic, manual or bootp" },
	{ "interface", VT_TEXT, "interface on which the client was heard" },
	{ "server", VT_ADDR, "server identifier that the client was given" },
	{ 0 },
};

const struct fact_kind dhcp4_lease_fact = {
	.table = "dhcp4_lease",
	.help = "Who has, or had, which address of this DHCP server; one row for each version",
	.durable = true,
	.columns = lease_columns,
};

static const struct fact_column conflict_columns[] = {
	{ "addr", VT_ADDR, "the address; also the key" },
	{ "method", VT_TEXT,
	  "ping (it answered an echo request) or decline (a client found it used)" },
	{ "mac", VT_MAC, "client that declined it, or that it was about to be offered to" },
	{ "pool", VT_TEXT, "name of the pool" },
	{ 0 },
};

const struct fact_kind dhcp4_conflict_fact = {
	.table = "dhcp4_conflict",
	.help = "Addresses of a DHCP server's pools that somebody else uses",
	.durable = true,
	.columns = conflict_columns,
};

static const struct fact_column pool_columns[] = {
	{ "pool", VT_TEXT, "name of the pool; also the key" },
	{ "network", VT_ADDR, "network, or the address of a manual binding" },
	{ "plen", VT_INT, "prefix length" },
	{ "total", VT_INT, "addresses that may be leased" },
	{ "lease", VT_DURATION, "length of a lease; NULL = without end" },
	{ "routers", VT_TEXT, "option 3" },
	{ "dns_servers", VT_TEXT, "option 6" },
	{ "domain", VT_TEXT, "option 15" },
	{ 0 },
};

const struct fact_kind dhcp4_pool_fact = {
	.table = "dhcp4_pool",
	.help = "Pools of a DHCP server as configured",
	.columns = pool_columns,
};

static const struct fact_column client_lease_columns[] = {
	{ "interface", VT_TEXT, "interface; also the key" },
	{ "addr", VT_ADDR, "leased address" },
	{ "plen", VT_INT, "prefix length" },
	{ "router", VT_ADDR, "default gateway" },
	{ "dns_servers", VT_TEXT, "option 6" },
	{ "domain", VT_TEXT, "option 15" },
	{ "netbios_servers", VT_TEXT, "option 44" },
	{ "server", VT_ADDR, "DHCP or BOOTP server" },
	{ "expires", VT_TIME, "end of the lease; NULL = never" },
	{ "renews", VT_TIME, "T1; NULL = never" },
	{ "rebinds", VT_TIME, "T2; NULL = never" },
	{ "protocol", VT_TEXT, "dhcp or bootp" },
	{ "boot_file", VT_TEXT, "file field or option 67" },
	{ "tftp_servers", VT_TEXT, "option 150, else option 66, else the next server" },
	{ 0 },
};

const struct fact_kind dhcp4_client_lease_fact = {
	.table = "dhcp4_client_lease",
	.help = "What the interfaces of this device were given by DHCP or BOOTP",
	.durable = true,
	.columns = client_lease_columns,
};

static const struct fact_column client_columns[] = {
	{ "interface", VT_TEXT, "interface; also the key" },
	{ "state", VT_TEXT, "state of the client: init, selecting, requesting, bound, ..." },
	{ "addr", VT_ADDR, "address in question; NULL = none" },
	{ 0 },
};

const struct fact_kind dhcp4_client_fact = {
	.table = "dhcp4_client",
	.help = "States of the DHCP and BOOTP clients",
	.columns = client_columns,
};

static const struct fact_column autoconf_columns[] = {
	{ "interface", VT_TEXT, "interface; also the key" },
	{ "addr", VT_ADDR, "self-assigned address in 169.254.0.0/16" },
	{ 0 },
};

const struct fact_kind dhcp4_autoconf_fact = {
	.table = "dhcp4_autoconf",
	.help = "Addresses that interfaces gave themselves because no DHCP server answered",
	.columns = autoconf_columns,
};
