/* The lines of `ip dhcp pool NAME`. */
#include "dhcp4/dhcp4_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"
#include "dhcp4/dhcp4_option.h"
#include "dhcp4/dhcp4_wire.h"

#define DAY (86400 * SEC)

enum option_form { OPTION_ASCII, OPTION_HEX, OPTION_IP };

/* --- pools -------------------------------------------------------------------------------- */

static int pool_index(const struct dhcp4_conf *conf, const char *name)
{
	for (unsigned i = 0; i < conf->n_pools; i++)
		if (strcmp(conf->pools[i]->name, name) == 0)
			return (int)i;
	return -1;
}

/* The pool whose mode the line stands in. */
static struct dhcp4_pool_conf *this_pool(struct dhcp4_conf *conf, const struct call *call)
{
	int i = pool_index(conf, call->section);

	if (i < 0)
		call_refuse(call, "there is no DHCP pool %s any more", call->section);
	else
		conf->pools_changed++;
	return i < 0 ? NULL : conf->pools[i];
}

void dhcp4_pool_conf_free(struct dhcp4_pool_conf *pool)
{
	if (pool)
		free(pool->opts);
	free(pool);
}

static int remove_pool(struct dhcp4_conf *conf, const struct call *call, const char *name)
{
	int i = pool_index(conf, name);

	if (i < 0)
		return call_refuse(call, "there is no DHCP pool %s", name);
	dhcp4_note(conf, DHCP4_NOTE_POOL, call, name, "%s", "");
	dhcp4_pool_conf_free(conf->pools[i]);
	conf->n_pools--;
	memmove(&conf->pools[i], &conf->pools[i + 1],
		(conf->n_pools - (unsigned)i) * sizeof(conf->pools[0]));
	conf->pools_changed++;
	return 0;
}

int dhcp4_set_pool(void *arg, const struct call *call)
{
	struct dhcp4_conf *conf = arg;
	const char *name = call->args[0].text;
	struct dhcp4_pool_conf *pool;

	if (call->no)
		return remove_pool(conf, call, name);
	if (pool_index(conf, name) >= 0)
		return 0;
	if (conf->n_pools == DHCP4_POOLS_MAX)
		return call_refuse(call, "more than %d DHCP pools", DHCP4_POOLS_MAX);
	if (strlen(name) >= sizeof(pool->name))
		return call_refuse(call, "the pool's name is longer than %zu characters",
				   sizeof(pool->name) - 1);
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		abort();
	str_copy(pool->name, sizeof(pool->name), name);
	conf->pools[conf->n_pools++] = pool;
	conf->pools_changed++;
	dhcp4_note(conf, DHCP4_NOTE_POOL, call, name, "%s", "");
	return 0;
}

/* --- options of a pool -------------------------------------------------------------------- */

static unsigned opt_place(const struct dhcp4_pool_conf *pool, uint8_t code)
{
	unsigned i = 0;

	while (i < pool->n_opts && pool->opts[i].code < code)
		i++;
	return i;
}

const struct dhcp4_pool_opt *dhcp4_pool_opt(const struct dhcp4_pool_conf *pool, uint8_t code)
{
	unsigned i = opt_place(pool, code);

	return i < pool->n_opts && pool->opts[i].code == code ? &pool->opts[i] : NULL;
}

static void opt_remove(struct dhcp4_pool_conf *pool, uint8_t code)
{
	unsigned i = opt_place(pool, code);

	if (i == pool->n_opts || pool->opts[i].code != code)
		return;
	pool->n_opts--;
	memmove(&pool->opts[i], &pool->opts[i + 1], (pool->n_opts - i) * sizeof(pool->opts[0]));
}

static int opt_put(const struct call *call, struct dhcp4_pool_conf *pool, uint8_t code,
		   const void *data, size_t len)
{
	unsigned i;

	if (len == 0 || len > UINT8_MAX)
		return call_refuse(call, "an option holds 1 to 255 octets");
	opt_remove(pool, code);
	if (pool->n_opts == DHCP4_POOL_OPTS_MAX)
		return call_refuse(call, "pool %s has %d options already", pool->name,
				   DHCP4_POOL_OPTS_MAX);
	pool->opts = reallocarray(pool->opts, pool->n_opts + 1, sizeof(pool->opts[0]));
	if (!pool->opts)
		abort();
	i = opt_place(pool, code);
	memmove(&pool->opts[i + 1], &pool->opts[i], (pool->n_opts - i) * sizeof(pool->opts[0]));
	pool->n_opts++;
	pool->opts[i] = (struct dhcp4_pool_opt){ .code = code, .len = (uint8_t)len };
	memcpy(pool->opts[i].data, data, len);
	return 0;
}

static int put_text(const struct call *call, struct dhcp4_pool_conf *pool, uint8_t code)
{
	if (!pool)
		return -EINVAL;
	if (!call->no)
		return opt_put(call, pool, code, call->args[0].text, strlen(call->args[0].text));
	opt_remove(pool, code);
	return 0;
}

/* A line that lists addresses; "no" takes the whole option away. */
static int put_addrs(const struct call *call, struct dhcp4_pool_conf *pool, uint8_t code)
{
	uint8_t data[DHCP4_LIST_ADDRS_MAX * 4];
	size_t len = 0;

	if (!pool)
		return -EINVAL;
	if (call->no) {
		opt_remove(pool, code);
		return 0;
	}
	for (unsigned i = 0; i < call->n_args && len < sizeof(data); i++) {
		const struct arg *a = &call->args[i];

		if (a->type != ARG_ADDR)
			break;
		if (addr_is_any(&a->addr) || addr_is_multicast(&a->addr))
			return call_refuse(call, "%s is not the address of a host", a->text);
		memcpy(data + len, a->addr.b, 4);
		len += 4;
	}
	return opt_put(call, pool, code, data, len);
}

/* The addresses of the line as text, for its note. */
static const char *args_text(const struct call *call, char *out, size_t size)
{
	struct sbuf s = SBUF(size - 1);

	for (unsigned i = 0; i < call->n_args && call->args[i].type == ARG_ADDR; i++)
		sbuf_printf(&s, "%s%s", i ? ", " : "", call->args[i].text);
	str_copy(out, size, sbuf_text(&s));
	sbuf_done(&s);
	return out;
}

static void note_args(struct dhcp4_conf *conf, enum dhcp4_note_kind kind, const struct call *call)
{
	char text[128];

	dhcp4_note(conf, kind, call, call->section, "%s", args_text(call, text, sizeof(text)));
}

int dhcp4_set_dns(void *arg, const struct call *call)
{
	int r = put_addrs(call, this_pool(arg, call), OPT4_DNS);

	if (r == 0)
		note_args(arg, DHCP4_NOTE_DNS, call);
	return r;
}

int dhcp4_set_netbios(void *arg, const struct call *call)
{
	return put_addrs(call, this_pool(arg, call), OPT4_NETBIOS);
}

/* RFC 2132 §8.7: one bit a node type. */
int dhcp4_set_netbios_type(void *arg, const struct call *call)
{
	struct dhcp4_pool_conf *pool = this_pool(arg, call);
	uint8_t type;

	if (!pool)
		return -EINVAL;
	if (call->no) {
		opt_remove(pool, OPT4_NETBIOS_TYPE);
		return 0;
	}
	type = (uint8_t)(1u << call->args[0].number);
	return opt_put(call, pool, OPT4_NETBIOS_TYPE, &type, 1);
}

int dhcp4_set_domain(void *arg, const struct call *call)
{
	return put_text(call, this_pool(arg, call), OPT4_DOMAIN);
}

/* --- what does not fit together ----------------------------------------------------------- */

void dhcp4_check_pool(const struct dhcp4_pool_conf *pool, struct sbuf *out)
{
	const struct dhcp4_pool_opt *o = dhcp4_pool_opt(pool, OPT4_ROUTER);

	if (!o || !addr_is_set(&pool->network))
		return;
	for (unsigned i = 0; i + 4 <= o->len; i += 4) {
		struct addr router =
			addr4(o->data[i], o->data[i + 1], o->data[i + 2], o->data[i + 3]);
		char text[ADDR_TEXT_LEN], net[ADDR_TEXT_LEN];

		if (addr_in_prefix(&router, &pool->network, pool->plen))
			continue;
		sbuf_printf(out, "%srouter %s is outside the network %s/%u of pool %s",
			    out->len ? "; " : "", addr_format(&router, text),
			    addr_format(&pool->network, net), pool->plen, pool->name);
	}
}

/* A warning, and a note so that it is in the log as well. */
static void warn_routers(struct dhcp4_conf *conf, const struct call *call,
			 const struct dhcp4_pool_conf *pool)
{
	struct sbuf text = SBUF(512);

	dhcp4_check_pool(pool, &text);
	if (text.len) {
		sbuf_puts(call->retwarn, sbuf_text(&text));
		dhcp4_note(conf, DHCP4_NOTE_TYPO, call, pool->name, "accepted: %s",
			   sbuf_text(&text));
	}
	sbuf_done(&text);
}

int dhcp4_set_routers(void *arg, const struct call *call)
{
	struct dhcp4_pool_conf *pool = this_pool(arg, call);
	int r = put_addrs(call, pool, OPT4_ROUTER);

	if (r < 0)
		return r;
	note_args(arg, DHCP4_NOTE_ROUTER, call);
	warn_routers(arg, call, pool);
	return 0;
}

/* Prefix length of the class that an address belongs to (RFC 791 §3.2). */
static uint8_t class_plen(const struct addr *a)
{
	return a->b[0] < 128 ? 8 : a->b[0] < 192 ? 16 : 24;
}

/* "255.255.255.0" or "/24"; an absent word is the mask of the class. Or -EINVAL. */
static int parse_mask(const struct call *call, const struct addr *a, const struct arg *mask)
{
	struct addr m;
	uint64_t plen;
	int r;

	if (mask->type == ARG_NONE)
		return class_plen(a);
	if (mask->text[0] == '/' && str_to_u64(mask->text + 1, 32, &plen) == 0)
		return (int)plen;
	r = addr_parse(mask->text, &m) == 0 && m.family == 4 ? addr4_mask_plen(&m) : -EINVAL;
	if (r < 0)
		call_refuse(call, "%s is no mask; write it as 255.255.255.0 or /24", mask->text);
	return r;
}

static const struct dhcp4_pool_conf *overlapping(const struct dhcp4_conf *conf,
						 const struct dhcp4_pool_conf *self,
						 const struct addr *network, uint8_t plen)
{
	for (unsigned i = 0; i < conf->n_pools; i++) {
		const struct dhcp4_pool_conf *p = conf->pools[i];
		uint8_t shorter = p->plen < plen ? p->plen : plen;

		if (p != self && addr_is_set(&p->network) &&
		    addr_in_prefix(&p->network, network, shorter))
			return p;
	}
	return NULL;
}

/* Refuses a network that cannot be leased from, or that another pool has already. */
static int check_network(struct dhcp4_conf *conf, const struct call *call,
			 const struct dhcp4_pool_conf *pool, const struct addr *network, int plen)
{
	const struct dhcp4_pool_conf *other;

	if (addr_is_set(&pool->host))
		return call_refuse(call,
				   "pool %s is a manual binding (host): a network needs a "
				   "pool of its own",
				   pool->name);
	if (plen < DHCP4_PLEN_MIN || plen > 30)
		return call_refuse(call, "a pool's mask is /%d to /30", DHCP4_PLEN_MIN);
	if (addr_is_any(network) || network->b[0] == 127 || network->b[0] >= 224)
		return call_refuse(call, "%s is no network of hosts", call->args[0].text);
	other = overlapping(conf, pool, network, (uint8_t)plen);
	if (!other)
		return 0;
	dhcp4_note(conf, DHCP4_NOTE_TYPO, call, pool->name,
		   "refused: network %s/%d overlaps pool %s", call->args[0].text, plen,
		   other->name);
	return call_refuse(call, "network %s/%d overlaps the network of pool %s",
			   call->args[0].text, plen, other->name);
}

int dhcp4_set_network(void *arg, const struct call *call)
{
	struct dhcp4_conf *conf = arg;
	struct dhcp4_pool_conf *pool = this_pool(conf, call);
	struct addr network;
	int plen, r;

	if (!pool)
		return -EINVAL;
	if (call->no) {
		pool->network = (struct addr){ 0 };
		dhcp4_note(conf, DHCP4_NOTE_NETWORK, call, pool->name, "%s", "");
		return 0;
	}
	plen = parse_mask(call, &call->args[0].addr, &call->args[1]);
	if (plen < 0)
		return plen;
	network = addr_mask(&call->args[0].addr, (unsigned)plen);
	r = check_network(conf, call, pool, &network, plen);
	if (r < 0)
		return r;
	pool->network = network;
	pool->plen = (uint8_t)plen;
	dhcp4_note(conf, DHCP4_NOTE_NETWORK, call, pool->name, "%s/%d", call->args[0].text, plen);
	warn_routers(conf, call, pool);
	return 0;
}

/* --- option N ascii|hex|ip ---------------------------------------------------------------- */

/* Options that the protocol itself writes are not given away by hand. */
static bool option_is_ours(int64_t code)
{
	static const uint8_t ours[] = { OPT4_PAD,	 OPT4_MASK, OPT4_REQUESTED, OPT4_LEASE,
					OPT4_OVERLOAD,	 OPT4_TYPE, OPT4_SERVER,    OPT4_PARAMS,
					OPT4_MAX_LEN,	 OPT4_T1,   OPT4_T2,	    OPT4_CLIENT_ID,
					OPT4_RELAY_INFO, OPT4_END };

	return memchr(ours, (int)code, sizeof(ours)) != NULL;
}

/* The word without the quotes around it. Octets written. */
static int parse_ascii(const char *text, uint8_t *out, size_t size)
{
	size_t len = strlen(text);

	if (len >= 2 && text[0] == '"' && text[len - 1] == '"') {
		text++;
		len -= 2;
	}
	if (len > size)
		return -EINVAL;
	memcpy(out, text, len);
	return (int)len;
}

static int parse_addrs(const char *text, uint8_t *out, size_t size)
{
	size_t len = 0;

	for (;;) {
		char word[ADDR_TEXT_LEN];
		struct addr a;
		size_t n;

		text += strspn(text, " ");
		n = strcspn(text, " ");
		if (n == 0)
			return (int)len;
		if (len + 4 > size || !str_copy_n(word, sizeof(word), text, n) ||
		    addr_parse(word, &a) < 0 || a.family != 4)
			return -EINVAL;
		memcpy(out + len, a.b, 4);
		len += 4;
		text += n;
	}
}

static int parse_option(const struct call *call, uint8_t *out, size_t size)
{
	const char *text = call->args[2].text;

	switch ((enum option_form)call->args[1].number) {
	case OPTION_ASCII:
		return parse_ascii(text, out, size);
	case OPTION_HEX:
		return dhcp4_parse_hex(text, out, size);
	case OPTION_IP:
		return parse_addrs(text, out, size);
	}
	return -EINVAL;
}

int dhcp4_set_option(void *arg, const struct call *call)
{
	struct dhcp4_pool_conf *pool = this_pool(arg, call);
	uint8_t code = (uint8_t)call->args[0].number, data[UINT8_MAX];
	const struct dhcp4_option *o = dhcp4_option(code);
	int len;

	if (!pool)
		return -EINVAL;
	if (option_is_ours(call->args[0].number))
		return call_refuse(call, "option %u is written by the server itself", code);
	if (call->no) {
		opt_remove(pool, code);
		return 0;
	}
	len = parse_option(call, data, sizeof(data));
	if (len < 0)
		return call_refuse(call, "%s: not %s of at most 255 octets", call->args[2].text,
				   call->args[1].text);
	if (o && o->strict && !dhcp4_option_len_ok(o, (size_t)len))
		return call_refuse(call, "%s", o->why);
	return opt_put(call, pool, code, data, (size_t)len);
}

/* --- lease, boot file, manual binding ----------------------------------------------------- */

int dhcp4_set_lease(void *arg, const struct call *call)
{
	struct dhcp4_pool_conf *pool = this_pool(arg, call);
	static const nsec_t units[] = { DAY, 3600 * SEC, 60 * SEC };
	nsec_t lease = 0;

	if (!pool)
		return -EINVAL;
	for (unsigned i = 0; !call->no && i < call->n_args && i < ARRAY_SIZE(units); i++)
		if (call->args[i].type == ARG_NUMBER)
			lease += call->args[i].number * units[i];
	if (!call->no && lease == 0)
		return call_refuse(call, "a lease of no time; the shortest is 0 0 1");
	pool->has_lease = !call->no;
	pool->lease_ns = lease;
	return 0;
}

int dhcp4_set_lease_infinite(void *arg, const struct call *call)
{
	struct dhcp4_pool_conf *pool = this_pool(arg, call);

	if (!pool)
		return -EINVAL;
	pool->has_lease = !call->no;
	pool->lease_ns = NEVER;
	return 0;
}

static int put_word(const struct call *call, struct dhcp4_pool_conf *pool, char *field, size_t size)
{
	if (!pool)
		return -EINVAL;
	if (call->no)
		field[0] = '\0';
	else if (strlen(call->args[0].text) >= size)
		return call_refuse(call, "longer than %zu characters", size - 1);
	else
		str_copy(field, size, call->args[0].text);
	return 0;
}

int dhcp4_set_bootfile(void *arg, const struct call *call)
{
	struct dhcp4_pool_conf *pool = this_pool(arg, call);

	return put_word(call, pool, pool ? pool->bootfile : NULL, sizeof(pool->bootfile));
}

int dhcp4_set_client_name(void *arg, const struct call *call)
{
	struct dhcp4_pool_conf *pool = this_pool(arg, call);

	return put_word(call, pool, pool ? pool->client_name : NULL, sizeof(pool->client_name));
}

int dhcp4_set_next_server(void *arg, const struct call *call)
{
	struct dhcp4_pool_conf *pool = this_pool(arg, call);

	if (!pool)
		return -EINVAL;
	pool->next_server = call->no ? (struct addr){ 0 } : call->args[0].addr;
	return 0;
}

int dhcp4_set_host(void *arg, const struct call *call)
{
	struct dhcp4_pool_conf *pool = this_pool(arg, call);
	int plen = 0;

	if (!pool)
		return -EINVAL;
	if (call->no) {
		pool->host = (struct addr){ 0 };
		return 0;
	}
	if (addr_is_set(&pool->network))
		return call_refuse(call,
				   "pool %s has a network: a manual binding needs a pool of "
				   "its own",
				   pool->name);
	if (call->args[1].type != ARG_NONE)
		plen = parse_mask(call, &call->args[0].addr, &call->args[1]);
	if (plen < 0)
		return plen;
	pool->host = call->args[0].addr;
	pool->host_plen = (uint8_t)plen;
	return 0;
}

int dhcp4_set_mac(void *arg, const struct call *call)
{
	struct dhcp4_pool_conf *pool = this_pool(arg, call);

	if (!pool)
		return -EINVAL;
	pool->has_mac = !call->no;
	if (!call->no)
		pool->mac = call->args[0].mac;
	return 0;
}

int dhcp4_set_id(void *arg, const struct call *call)
{
	struct dhcp4_pool_conf *pool = this_pool(arg, call);
	uint8_t id[sizeof(pool->id)];
	int len = 0;

	if (!pool)
		return -EINVAL;
	if (!call->no)
		len = dhcp4_parse_hex(call->args[0].text, id, sizeof(id));
	if (len < 0 || (!call->no && len == 0))
		return call_refuse(call,
				   "%s is no hexadecimal identifier such as "
				   "0102.0000.0000.01",
				   call->args[0].text);
	pool->id_len = (uint8_t)len;
	memcpy(pool->id, id, (size_t)len);
	return 0;
}

int dhcp4_set_update_dns(void *arg, const struct call *call)
{
	struct dhcp4_pool_conf *pool = this_pool(arg, call);

	if (!pool)
		return -EINVAL;
	pool->update_dns = !call->no;
	return 0;
}
