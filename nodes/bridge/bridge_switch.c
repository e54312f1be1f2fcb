/* show mac address-table, show spanning-tree. */
#include "bridge/bridge.h"

#include <stdlib.h>
#include <string.h>

#define TABLE_SHIFT 24 /* command ids stay below; the table's number stands above */

static const struct rule rules[] = {
#define RULE RULE_ROW
#include "bridge/bridge_rules.def"
#undef RULE
};

struct bridge_switch {
	char unused;
};

static void *switch_create(const struct machine_env *env)
{
	(void)env;
	return calloc(1, sizeof(struct bridge_switch));
}

static void ask_table(const struct call *call, enum kernel_table table, struct fx *fx)
{
	struct ask ask = { .kind = ASK_KERNEL, .kernel = { .table = table } };

	fx_ask(fx, (uint32_t)table << TABLE_SHIFT | call->id, &ask);
}

static void show_macs(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	(void)machine, (void)now;
	ask_table(call, KERNEL_MAC_TABLE, fx);
}

static void show_stp(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	(void)machine, (void)now;
	ask_table(call, KERNEL_STP, fx);
}

static void print_macs(uint32_t call, const struct answer *a, struct fx *fx)
{
	char m[MAC_TEXT_LEN];

	decide(fx, "bridge.show.mac-table", V_INT("count", a->kernel.n_rows));
	fx_print(fx, call,
		 "          Mac Address Table\n-------------------------------------------\n\n"
		 "Mac Address          Type        Ports\n"
		 "-----------------    --------    -----\n");
	for (size_t i = 0; i < a->kernel.n_rows; i++) {
		const struct kernel_row *r = &a->kernel.rows[i];

		if (!r->is_local)
			fx_print(fx, call, "%-20s %-11s %s\n", mac_format(&r->mac, m),
				 r->is_static ? "STATIC" : "DYNAMIC", r->ifname);
	}
}

static void print_stp(uint32_t call, const struct answer *a, struct fx *fx)
{
	decide(fx, "bridge.show.spanning-tree", V_INT("count", a->kernel.n_rows));
	for (size_t i = 0; i < a->kernel.n_rows; i++) {
		const struct kernel_row *r = &a->kernel.rows[i];

		if (r->text[0])
			fx_print(fx, call,
				 "%s\n\nInterface                Sts         Cost\n"
				 "------------------------ ----------- ---------\n",
				 r->text);
		else
			fx_print(fx, call, "%-24s %-11s %lld\n", r->ifname, r->state,
				 (long long)r->n1);
	}
}

static void switch_event(void *machine, const struct ev *ev, struct fx *fx)
{
	const struct answer *a = ev->answer.answer;
	uint32_t call;

	(void)machine;
	if (ev->kind != EV_ANSWER)
		return;
	call = ev->answer.ask_id & ((1u << TABLE_SHIFT) - 1);
	if (a->err)
		fx_print(fx, call, "%% The kernel's table cannot be read: %s\n", a->why);
	else if (ev->answer.ask_id >> TABLE_SHIFT == KERNEL_MAC_TABLE)
		print_macs(call, a, fx);
	else
		print_stp(call, a, fx);
	fx_cmd_done(fx, call, a->err ? 1 : 0);
}

const struct machine_class bridge_switch_class = {
	.name = "bridge.switch",
	.kinds = BIT(KIND_SWITCH) | BIT(KIND_HUB),
	.create = switch_create,
	.destroy = free,
	.event = switch_event,
};

/* clang-format off */
static const struct cmd cmds[] = {
	{ .mode = MODE_EXEC, .pattern = "show mac address-table", .help = "Show which address is behind which port",
	  .kinds = BIT(KIND_SWITCH) | BIT(KIND_HUB), .machine = "bridge.switch", .run = show_macs },
	{ .mode = MODE_EXEC, .pattern = "show mac-address-table", .help = "Show which address is behind which port",
	  .kinds = BIT(KIND_SWITCH) | BIT(KIND_HUB), .machine = "bridge.switch", .run = show_macs },
	{ .mode = MODE_EXEC, .pattern = "show spanning-tree", .help = "Show the spanning tree's root and ports",
	  .kinds = BIT(KIND_SWITCH), .machine = "bridge.switch", .run = show_stp },
	{ .mode = NULL },
};
/* clang-format on */

static const struct machine_class *const machines[] = { &bridge_switch_class, NULL };

const struct proto bridge_proto = {
	.name = "bridge",
	.title = "Switches and hubs",
	.rules = rules,
	.n_rules = ARRAY_SIZE(rules),
	.machines = machines,
	.cmds = cmds,
};
