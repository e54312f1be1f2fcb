/* Lines, commands, show output and facts. */
#include "tftp/tftp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *conf_new(const struct device *dev)
{
	struct tftp_conf *c = calloc(1, sizeof(*c));

	(void)dev;
	if (c)
		*c = (struct tftp_conf){ .retry_ns = TFTP_RETRY_NS,
					 .linger_ns = TFTP_LINGER_NS,
					 .tries = TFTP_TRIES };
	return c;
}

static void conf_free(void *conf)
{
	if (conf)
		free(((struct tftp_conf *)conf)->aliases);
	free(conf);
}

static int64_t number(const struct call *call, int64_t otherwise)
{
	return call->no || call->n_args == 0 ? otherwise : call->args[0].number;
}

/* --- lines -------------------------------------------------------------------------------- */

static int set_server(void *conf, const struct call *call)
{
	struct tftp_conf *c = conf;

	c->server = !call->no;
	c->server_mentioned = true;
	return 0;
}

static int set_path(void *conf, const struct call *call)
{
	struct tftp_conf *c = conf;

	return call_folder(call, c->root, sizeof(c->root));
}

static int set_overwrite(void *conf, const struct call *call)
{
	((struct tftp_conf *)conf)->no_overwrite = call->no;
	return 0;
}

static int set_retry(void *conf, const struct call *call)
{
	((struct tftp_conf *)conf)->retry_ns = number(call, TFTP_RETRY_NS / SEC) * SEC;
	return 0;
}

static int set_linger(void *conf, const struct call *call)
{
	((struct tftp_conf *)conf)->linger_ns = number(call, TFTP_LINGER_NS / SEC) * SEC;
	return 0;
}

static int set_tries(void *conf, const struct call *call)
{
	((struct tftp_conf *)conf)->tries = (unsigned)number(call, TFTP_TRIES);
	return 0;
}

static int set_blksize(void *conf, const struct call *call)
{
	((struct tftp_conf *)conf)->blksize = (uint16_t)number(call, 0);
	return 0;
}

static int set_timeout(void *conf, const struct call *call)
{
	((struct tftp_conf *)conf)->timeout = (uint8_t)number(call, 0);
	return 0;
}

static int set_tsize(void *conf, const struct call *call)
{
	((struct tftp_conf *)conf)->tsize = !call->no;
	return 0;
}

static int set_source(void *conf, const struct call *call)
{
	struct tftp_conf *c = conf;

	str_copy(c->source, sizeof(c->source), call->no ? "" : call->args[0].text);
	return 0;
}

static struct tftp_alias *alias_of(struct tftp_conf *c, const char *path)
{
	for (unsigned i = 0; i < c->n_aliases; i++)
		if (strcmp(c->aliases[i].path, path) == 0)
			return &c->aliases[i];
	return NULL;
}

static struct tftp_alias *new_alias(struct tftp_conf *c)
{
	if (!c->aliases)
		c->aliases = calloc(TFTP_ALIASES_MAX, sizeof(*c->aliases));
	if (!c->aliases)
		abort();
	return c->n_aliases < TFTP_ALIASES_MAX ? &c->aliases[c->n_aliases++] : NULL;
}

/* tftp-server flash:FILE [alias NAME] */
static int set_offer(void *conf, const struct call *call)
{
	struct tftp_conf *c = conf;
	const char *path = call->args[0].text, *name;
	struct tftp_alias *a;

	if (strncmp(path, "flash:", 6) != 0)
		return call_refuse(call, "a file of flash: is wanted: flash:NAME");
	path += 6;
	path += strspn(path, "/");
	a = alias_of(c, path);
	if (call->no) {
		if (a)
			*a = c->aliases[--c->n_aliases];
		return 0;
	}
	name = call->n_args > 1 && call->args[1].type != ARG_NONE ? call->args[1].text : path;
	if (strlen(path) >= sizeof(a->path) || strlen(name) >= sizeof(a->name))
		return call_refuse(call, "the name is too long");
	a = a ? a : new_alias(c);
	if (!a)
		return call_refuse(call, "at most 16 files can be offered so");
	str_copy(a->path, sizeof(a->path), path);
	str_copy(a->name, sizeof(a->name), name);
	return 0;
}

/* --- show --------------------------------------------------------------------------------- */

void tftp_show(const struct tftp_host *h, uint32_t call, struct fx *fx)
{
	char addr[ADDR_TEXT_LEN];

	fx_print(fx, call, "%" PRIu64 " transfers done, %" PRIu64 " failed, %" PRIu64 " octets\n",
		 h->n_done, h->n_failed, h->n_bytes);
	for (const struct tftp_session *s = h->sessions; s; s = s->next)
		if (s->state != TFTP_LINGERING)
			fx_print(fx, call, "%s %s: %s, block %" PRIu64 ", %u repeated\n",
				 s->sending ? "to" : "from", addr_format(&s->peer.addr, addr),
				 s->name, s->block, s->n_repeats);
}

/* --- facts -------------------------------------------------------------------------------- */

static const struct fact_column transfer_columns[] = {
	{ "role", VT_TEXT, "server or client: which side tells it" },
	{ "peer", VT_ADDR, "the other side" },
	{ "file", VT_TEXT, "its name, as asked for" },
	{ "direction", VT_TEXT, "sent or received, by this device" },
	{ "mode", VT_TEXT, "octet or netascii" },
	{ "blksize", VT_INT, "octets of a block, as agreed" },
	{ "blocks", VT_INT, "blocks carried" },
	{ "bytes", VT_INT, "octets of data carried" },
	{ "retransmissions", VT_INT, "packets this side sent again because nothing came" },
	{ "result", VT_TEXT, "running, complete, or why it failed" },
	{ "duration", VT_DURATION, "from the request to the end" },
	{ NULL, VT_END, NULL },
};

const struct fact_kind tftp_transfer_fact = {
	.table = "tftp_transfer",
	.help = "A file that TFTP carried, or tried to; the row with until NULL is its last state, "
		"and "
		"`since` of that is when it ended",
	.columns = transfer_columns,
};

void tftp_fact(const struct tftp_host *h, const struct tftp_session *s, const char *result,
	       nsec_t now, struct fx *fx)
{
	char key[32];

	snprintf(key, sizeof(key), "%s %u", h->role, s->number);
	fact_begin(fx, &tftp_transfer_fact, key, V_TEXT("role", h->role),
		   addr_is_set(&s->peer.addr) ? V_ADDR("peer", s->peer.addr) : V_NULL("peer"),
		   V_TEXT("file", s->name), V_TEXT("direction", s->sending ? "sent" : "received"),
		   V_TEXT("mode", tftp_mode_name(s->mode)), V_INT("blksize", s->blksize),
		   V_INT("blocks", s->block), V_INT("bytes", s->bytes),
		   V_INT("retransmissions", s->n_repeats), V_TEXT("result", result),
		   V_DUR("duration", now - s->began_ns));
}

/* --- tables ------------------------------------------------------------------------------- */

#define SERVERS (KIND_BIT(KIND_SERVER) | KIND_BIT(KIND_ROUTER))

/* clang-format off */
static const struct cmd cmds[] = {
	{ MODE_CONFIG, "ip tftp server", "Serve the device's files by TFTP", SERVERS, CMD_NO, .set = set_server },
	{ MODE_CONFIG, "ip tftp server path WORD", "Folder of the device's files that is served", SERVERS, CMD_NO, .set = set_path },
	{ MODE_CONFIG, "ip tftp server overwrite", "Let clients replace files (the default)", SERVERS, CMD_NO, .set = set_overwrite },
	{ MODE_CONFIG, "tftp-server WORD [alias WORD]", "Offer one file, flash:NAME, for reading", SERVERS, CMD_NO | CMD_MULTI | CMD_KEYED, .set = set_offer },
	{ MODE_CONFIG, "ip tftp retransmit timeout <1-255>", "Seconds before a packet is sent again (1, doubling)", KINDS_L3, CMD_NO, .set = set_retry },
	{ MODE_CONFIG, "ip tftp retransmit tries <1-32>", "Sendings of a packet before the transfer is given up (6)", KINDS_L3, CMD_NO, .set = set_tries },
	{ MODE_CONFIG, "ip tftp linger <1-255>", "Seconds in which a repeated last block is acknowledged again (10)", KINDS_L3, CMD_NO, .set = set_linger },
	{ MODE_CONFIG, "ip tftp blocksize <8-65464>", "Ask servers for blocks of this size (RFC 2348)", KINDS_L3, CMD_NO, .set = set_blksize },
	{ MODE_CONFIG, "ip tftp timeout <1-255>", "Ask servers to retransmit after this many seconds (RFC 2349)", KINDS_L3, CMD_NO, .set = set_timeout },
	{ MODE_CONFIG, "ip tftp tsize", "Tell and ask the size of a file first (RFC 2349)", KINDS_L3, CMD_NO, .set = set_tsize },
	{ MODE_CONFIG, "ip tftp source-interface IFNAME", "Interface whose address requests come from", KINDS_L3, CMD_NO, .set = set_source },
	{ MODE_EXEC, "tftp HOST (get|put) WORD [WORD] [mode (octet|netascii)]", "Fetch a file from a TFTP server, or send one", KINDS_HOST, .machine = "tftp.client", .run = tftp_run },
	{ MODE_EXEC, "show tftp server", "Show whether files are served, and transfers", SERVERS, .machine = "tftp.server", .run = tftp_run_show_server },
	{ MODE_EXEC, "show tftp client", "Show transfers that this device asked for", KINDS_L3, .machine = "tftp.client", .run = tftp_run_show_client },
	{ 0 },
};
/* clang-format on */

#define RULE RULE_ROW
static const struct rule rules[] = {
#include "tftp/tftp_rules.def"
};
#undef RULE

static const struct machine_class *const machines[] = { &tftp_server_class, &tftp_client_class,
							NULL };
static const struct fact_kind *const facts[] = { &tftp_transfer_fact, NULL };

const struct proto tftp_proto = {
	.name = "tftp",
	.title = "TFTP",
	.rules = rules,
	.n_rules = ARRAY_SIZE(rules),
	.machines = machines,
	.cmds = cmds,
	.facts = facts,
	.conf_new = conf_new,
	.conf_free = conf_free,
};
