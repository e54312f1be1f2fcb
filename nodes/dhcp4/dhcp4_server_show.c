/* The server's commands, printed as IOS prints them. */
#include "dhcp4/dhcp4_server.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/sbuf.h"

const char *dhcp4_time_text(const struct device *dev, nsec_t at, char *out, size_t size)
{
	time_t seconds = (time_t)(device_clock_ns(dev, at) / SEC);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || strftime(out, size, "%b %d %Y %I:%M %p", &tm) == 0)
		str_copy(out, size, "?");
	return out;
}

/* --- sorted lists of records -------------------------------------------------------------- */

struct list {
	const struct dhcp4_lease **items;
	size_t n;
};

static int by_address(const void *a, const void *b)
{
	const struct dhcp4_lease *const *x = a, *const *y = b;

	return (*x)->addr < (*y)->addr ? -1 : (*x)->addr > (*y)->addr;
}

/* Every record in this state, by address; the caller frees items. */
static struct list list_of(const struct dhcp4_server *s, enum dhcp4_lease_state state)
{
	struct list l = { 0 };

	l.items = calloc(s->leases.n_leases + 1, sizeof(l.items[0]));
	if (!l.items)
		abort();
	for (const struct dhcp4_lease *x = dhcp4_lease_next(&s->leases, NULL); x;
	     x = dhcp4_lease_next(&s->leases, x))
		if (x->state == state)
			l.items[l.n++] = x;
	qsort(l.items, l.n, sizeof(l.items[0]), by_address);
	return l;
}

/* --- show ip dhcp binding ----------------------------------------------------------------- */

/* Octets in groups of two: 0102.0000.0000.01. */
static void dotted_hex(const uint8_t *b, size_t len, char *out, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;

	for (size_t i = 0; i < len && n + 4 < size; i++) {
		if (i && i % 2 == 0)
			out[n++] = '.';
		out[n++] = digits[b[i] >> 4];
		out[n++] = digits[b[i] & 15];
	}
	out[n] = '\0';
}

static void print_binding(const struct dhcp4_server *s, const struct dhcp4_lease *x, uint32_t call,
			  struct fx *fx)
{
	const struct addr a = addr4_from_u32(x->addr);
	char addr[ADDR_TEXT_LEN], id[64], end[32] = "Infinite";
	size_t id_len = 0;
	const uint8_t *bytes = dhcp4_lease_id(x, &id_len);

	if (bytes)
		dotted_hex(bytes, id_len, id, sizeof(id));
	else
		dotted_hex(x->mac.b, sizeof(x->mac.b), id, sizeof(id));
	if (x->expires_ns != NEVER)
		dhcp4_time_text(s->dev, x->expires_ns, end, sizeof(end));
	fx_print(fx, call, "%-19s %-23s %-23s %s\n", addr_format(&a, addr), id, end,
		 x->pool && x->pool->manual ? "Manual" : "Automatic");
}

static void roster(const struct dhcp4_server *s, const char *what, size_t n, struct fx *fx)
{
	decide(fx, "dhcp4.address-roster", V_TEXT("what", what), V_INT("rows", n),
	       V_INT("records", s->leases.n_leases));
}

void dhcp4_server_show_binding(void *m, const struct call *call, nsec_t now, struct fx *fx)
{
	struct dhcp4_server *s = m;
	struct list l = list_of(s, L4_BOUND);
	const struct arg *one = &call->args[0];
	size_t n = 0;

	(void)now;
	roster(s, "bindings", l.n, fx);
	fx_print(fx, call->id,
		 "Bindings from all pools not associated with VRF:\n"
		 "IP address          Client-ID/              Lease expiration        Type\n"
		 "                    Hardware address/\n"
		 "                    User name\n");
	for (size_t i = 0; i < l.n; i++) {
		if (one->type == ARG_ADDR && addr4_u32(&one->addr) != l.items[i]->addr)
			continue;
		if (n++ < DHCP4_SHOW_MAX)
			print_binding(s, l.items[i], call->id, fx);
	}
	if (n > DHCP4_SHOW_MAX)
		fx_print(fx, call->id, "... and %zu more\n", n - DHCP4_SHOW_MAX);
	free(l.items);
	fx_cmd_done(fx, call->id, 0);
}

/* --- show ip dhcp pool -------------------------------------------------------------------- */

static void print_pool(const struct dhcp4_pool *p, uint32_t call, struct fx *fx)
{
	char low[ADDR_TEXT_LEN], high[ADDR_TEXT_LEN], index[ADDR_TEXT_LEN];
	struct addr a = addr4_from_u32(p->manual ? addr4_u32(&p->conf.host) : p->network + 1);
	struct addr b =
		addr4_from_u32(p->manual ? addr4_u32(&p->conf.host) : (p->network | ~p->mask) - 1);
	struct addr next = addr4_from_u32(dhcp4_pool_pick(p));

	fx_print(fx, call,
		 "\nPool %s :\n"
		 " Utilization mark (high/low)    : 100 / 0\n"
		 " Subnet size (first/next)       : 0 / 0\n"
		 " Total addresses                : %" PRIu32 "\n"
		 " Leased addresses               : %" PRIu32 "\n"
		 " Pending event                  : none\n"
		 " 1 subnet is currently in the pool :\n"
		 " Current index        IP address range                    Leased addresses\n"
		 " %-20s %-16s - %-16s %" PRIu32 "\n",
		 p->conf.name, p->n_total, p->n_bound, addr_format(&next, index),
		 addr_format(&a, low), addr_format(&b, high), p->n_bound);
}

void dhcp4_server_show_pool(void *m, const struct call *call, nsec_t now, struct fx *fx)
{
	struct dhcp4_server *s = m;
	const char *name = call->args[0].type == ARG_WORD ? call->args[0].text : NULL;
	size_t n = 0;

	(void)now;
	for (unsigned i = 0; i < s->leases.n_pools; i++)
		n += !name || strcmp(name, s->leases.pools[i]->conf.name) == 0;
	roster(s, "pools", n, fx);
	for (unsigned i = 0; i < s->leases.n_pools; i++)
		if (!name || strcmp(name, s->leases.pools[i]->conf.name) == 0)
			print_pool(s->leases.pools[i], call->id, fx);
	if (name && n == 0)
		fx_print(fx, call->id, "%% Pool %s is not in the database.\n", name);
	fx_cmd_done(fx, call->id, name && n == 0);
}

/* --- conflicts, database, statistics ------------------------------------------------------ */

void dhcp4_server_show_conflict(void *m, const struct call *call, nsec_t now, struct fx *fx)
{
	struct dhcp4_server *s = m;
	struct list l = list_of(s, L4_CONFLICT);

	(void)now;
	fx_print(fx, call->id, "%-18s%-19s%-24s%s\n", "IP address", "Detection method",
		 "Detection time", "VRF");
	for (size_t i = 0; i < l.n && i < DHCP4_SHOW_MAX; i++) {
		const struct dhcp4_lease *x = l.items[i];
		const struct addr a = addr4_from_u32(x->addr);
		char addr[ADDR_TEXT_LEN], at[32];

		if (x->told)
			fx_print(fx, call->id, "%-18s%-19s%s\n", addr_format(&a, addr),
				 strcmp(x->method, "ping") == 0 ? "Ping" : "Gratuitous ARP",
				 dhcp4_time_text(s->dev, x->since_ns, at, sizeof(at)));
	}
	free(l.items);
	fx_cmd_done(fx, call->id, 0);
}

void dhcp4_server_show_database(void *m, const struct call *call, nsec_t now, struct fx *fx)
{
	const struct dhcp4_server *s = m;
	char at[32] = "Never";

	(void)now;
	if (s->conf->database[0] == '\0') {
		fx_cmd_done(fx, call->id, 0);
		return;
	}
	if (s->database_written >= 0)
		dhcp4_time_text(s->dev, s->database_written, at, sizeof(at));
	fx_print(fx, call->id,
		 "URL       :  %s\n"
		 "Written   :  %s\n"
		 "Status    :  %s\n"
		 "Delay     :  %" PRId64 " seconds\n"
		 "Failures  :  %" PRIu32 "\n",
		 s->conf->database, at,
		 s->database_ask      ? "Write in progress."
		 : s->database_why[0] ? s->database_why
		 : s->database_written >= 0
			 ? "Last write succeeded. Agent information is up-to-date."
			 : "Nothing was written yet.",
		 s->conf->database_delay_ns / SEC, s->database_failures);
	fx_cmd_done(fx, call->id, 0);
}

static void print_counts(const struct dhcp4_server *s, uint32_t call, struct fx *fx)
{
	static const struct {
		const char *name;
		enum dhcp4_type type;
		bool sent;
	} rows[] = {
		{ "BOOTREQUEST", DHCP4_NO_TYPE, false }, { "DHCPDISCOVER", DHCP4_DISCOVER, false },
		{ "DHCPREQUEST", DHCP4_REQUEST, false }, { "DHCPDECLINE", DHCP4_DECLINE, false },
		{ "DHCPRELEASE", DHCP4_RELEASE, false }, { "DHCPINFORM", DHCP4_INFORM, false },
		{ "BOOTREPLY", DHCP4_NO_TYPE, true },	 { "DHCPOFFER", DHCP4_OFFER, true },
		{ "DHCPACK", DHCP4_ACK, true },		 { "DHCPNAK", DHCP4_NAK, true },
	};

	fx_print(fx, call, "\nMessage              Received\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].sent && !rows[i - 1].sent)
			fx_print(fx, call, "\nMessage              Sent\n");
		fx_print(fx, call, "%-20s %" PRIu64 "\n", rows[i].name,
			 rows[i].sent ? s->stats.sent[rows[i].type]
				      : s->stats.received[rows[i].type]);
	}
}

void dhcp4_server_show_statistics(void *m, const struct call *call, nsec_t now, struct fx *fx)
{
	const struct dhcp4_server *s = m;
	unsigned manual = 0, automatic = 0;

	(void)now;
	for (unsigned i = 0; i < s->leases.n_pools; i++) {
		const struct dhcp4_pool *p = s->leases.pools[i];

		*(p->manual ? &manual : &automatic) += p->n_bound;
	}
	fx_print(fx, call->id,
		 "Memory usage         %zu\n"
		 "Address pools        %u\n"
		 "Database agents      %d\n"
		 "Automatic bindings   %u\n"
		 "Manual bindings      %u\n"
		 "Expired bindings     %" PRIu64 "\n"
		 "Malformed messages   %" PRIu64 "\n"
		 "Secure arp entries   0\n",
		 s->leases.n_leases * sizeof(struct dhcp4_lease), s->leases.n_pools,
		 s->conf->database[0] != '\0', automatic, manual, s->stats.expired,
		 s->stats.malformed);
	print_counts(s, call->id, fx);
	fx_cmd_done(fx, call->id, 0);
}

/* --- clear -------------------------------------------------------------------------------- */

/* The records are ended by their timers, a bounded number a turn: the last turn ends the command.
 */
static void clear_all(struct dhcp4_server *s, const struct call *call, bool conflicts, nsec_t now,
		      struct fx *fx)
{
	size_t n = 0;

	if (s->clear_call) {
		fx_print(fx, call->id, "%% Another clear command is under way.\n");
		fx_cmd_done(fx, call->id, 1);
		return;
	}
	for (struct dhcp4_lease *x = dhcp4_lease_next(&s->leases, NULL); x;
	     x = dhcp4_lease_next(&s->leases, x)) {
		if ((x->state == L4_CONFLICT) != conflicts || x->state == L4_PROBING)
			continue;
		x->cleared = true;
		timer_set(&s->leases.timers, &x->timer, now);
		n++;
	}
	if (n)
		s->clear_call = call->id;
	else
		fx_cmd_done(fx, call->id, 0);
}

/* One address, if its record is in this state. */
static void clear_one(struct dhcp4_server *s, const struct call *call, enum dhcp4_lease_state state,
		      nsec_t now, struct fx *fx)
{
	struct dhcp4_lease *x = dhcp4_lease_at(&s->leases, addr4_u32(&call->args[0].addr));
	bool found = x && x->state == state;

	if (found) {
		dhcp4_server_ddns(s, x, false, now, fx);
		dhcp4_server_end(s, x, "cleared by command", fx);
		dhcp4_server_file_changed(s, now);
	} else {
		fx_print(fx, call->id, "%% No %s of %s.\n",
			 state == L4_BOUND ? "binding" : "conflict", call->args[0].text);
	}
	fx_cmd_done(fx, call->id, !found);
}

void dhcp4_server_clear_binding(void *m, const struct call *call, nsec_t now, struct fx *fx)
{
	if (call->n_args == 0)
		clear_all(m, call, false, now, fx);
	else
		clear_one(m, call, L4_BOUND, now, fx);
}

void dhcp4_server_clear_conflict(void *m, const struct call *call, nsec_t now, struct fx *fx)
{
	if (call->n_args == 0)
		clear_all(m, call, true, now, fx);
	else
		clear_one(m, call, L4_CONFLICT, now, fx);
}

void dhcp4_server_clear_statistics(void *m, const struct call *call, nsec_t now, struct fx *fx)
{
	struct dhcp4_server *s = m;

	(void)now;
	s->stats = (struct dhcp4_stats){ 0 };
	fx_cmd_done(fx, call->id, 0);
}
