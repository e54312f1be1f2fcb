/* show commands: tables of the device's kernel, worded as the real ones.
 *
 * The shell answers ASK_KERNEL; the ask's id is the command's, plus which table it is for. */
#include "ip/ip.h"

#include <stdio.h>
#include <string.h>

#define TABLE_SHIFT 24 /* command ids stay below 1 << 24; the table's number stands above */

static void ask_table(const struct call *call, enum kernel_table table, struct fx *fx)
{
	struct ask ask = { .kind = ASK_KERNEL, .kernel = { .table = table } };

	fx_ask(fx, (uint32_t)table << TABLE_SHIFT | call->id, &ask);
}

void ip_show_arp(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	(void)machine, (void)now;
	ask_table(call, KERNEL_NEIGHBOURS, fx);
}

void ip_show_route(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	(void)machine, (void)now;
	ask_table(call, KERNEL_ROUTES, fx);
}

void ip_show_interfaces(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	(void)machine, (void)now;
	ask_table(call, KERNEL_COUNTERS, fx);
}

void ip_show_brief(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	(void)machine, (void)now;
	fx_print(fx, call->id, "%-24s %-16s %-4s %s\n", "Interface", "IP-Address", "Mask",
		 "Status");
	for (unsigned i = 0; i < call->dev->n_ifaces; i++) {
		const struct iface *f = &call->dev->ifaces[i];
		struct iface_addr a = iface_addr4(f);
		char text[ADDR_TEXT_LEN], mask[8] = "";

		if (addr_is_set(&a.addr))
			snprintf(mask, sizeof(mask), "/%u", a.plen);
		fx_print(fx, call->id, "%-24s %-16s %-4s %s\n", f->name,
			 addr_is_set(&a.addr) ? addr_format(&a.addr, text) : "unassigned", mask,
			 f->up ? "up" : "down");
	}
	fx_cmd_done(fx, call->id, 0);
}

static void print_neighbour(uint32_t call, const struct kernel_row *r, struct fx *fx)
{
	char a[ADDR_TEXT_LEN], m[MAC_TEXT_LEN];

	if (r->addr.family != 4)
		return;
	fx_print(fx, call, "  %-20s  %-20s  %-12s %s\n", addr_format(&r->addr, a),
		 strcmp(r->state, "failed") == 0 ? "(no answer)" : mac_format(&r->mac, m),
		 r->is_static ? "static" : "dynamic", r->ifname);
}

static void print_route(uint32_t call, const struct kernel_row *r, struct fx *fx)
{
	char net[ADDR_TEXT_LEN], via[ADDR_TEXT_LEN];
	char code = r->is_local ? 'C' : 'S';

	if (r->addr.family != 4)
		return;
	if (addr_is_any(&r->via))
		fx_print(fx, call, "%c    %s/%u is directly connected, %s\n", code,
			 addr_format(&r->addr, net), r->plen, r->ifname);
	else
		fx_print(fx, call, "%c%c   %s/%u [%lld] via %s, %s\n", code,
			 r->plen == 0 ? '*' : ' ', addr_format(&r->addr, net), r->plen,
			 (long long)r->n1, addr_format(&r->via, via), r->ifname);
}

static void print_counters(uint32_t call, const struct kernel_row *r, struct fx *fx)
{
	fx_print(fx, call, "%s is %s\n  %lld packets input, %lld packets output\n  %s\n", r->ifname,
		 r->state, (long long)r->n1, (long long)r->n2, r->text);
}

static void print_head(uint32_t call, enum kernel_table table, struct fx *fx)
{
	if (table == KERNEL_NEIGHBOURS)
		fx_print(fx, call, "  %-20s  %-20s  %-12s %s\n", "Internet Address",
			 "Physical Address", "Type", "Interface");
	else if (table == KERNEL_ROUTES)
		fx_print(fx, call, "Codes: C - connected, S - static, * - default\n\n");
}

void ip_show_event(const struct ev *ev, struct fx *fx)
{
	const struct answer *a = ev->answer.answer;
	uint32_t call = ev->answer.ask_id & ((1u << TABLE_SHIFT) - 1);
	enum kernel_table table = ev->answer.ask_id >> TABLE_SHIFT;

	if (ev->answer.ask_id & 0x80000000u) /* a name that ip_ping.c asked for */
		return;
	if (a->err) {
		fx_print(fx, call, "%% The kernel's table cannot be read: %s\n", a->why);
		fx_cmd_done(fx, call, 1);
		return;
	}
	print_head(call, table, fx);
	for (size_t i = 0; i < a->kernel.n_rows; i++) {
		if (table == KERNEL_NEIGHBOURS)
			print_neighbour(call, &a->kernel.rows[i], fx);
		else if (table == KERNEL_ROUTES)
			print_route(call, &a->kernel.rows[i], fx);
		else
			print_counters(call, &a->kernel.rows[i], fx);
	}
	fx_cmd_done(fx, call, 0);
}
