#include "labd/lab/load.h"

#include <stdlib.h>
#include <string.h>

#include "labd/lab/groups.h"
#include "labd/lab/mac.h"

static void check_iface(struct load *l, const yaml_node_t *item, const struct lab_end *end)
{
	const struct lab_node *node = &l->lab->nodes[end->node];

	if (!ifname_is_physical(&end->name))
		load_error(l, item, "no cable fits into %s: it exists in software only",
			   end->name.display);
	if (node->ports > 0 && end->name.family == IF_PORT &&
	    (end->name.number[0] == 0 || end->name.number[0] > node->ports))
		load_error(l, item, "'%s' has the ports 1 to %u (ports: %u), not %s", node->name,
			   node->ports, node->ports, end->name.display);
}

static bool read_end(struct load *l, yaml_node_t *item, struct lab_end *ret)
{
	char device[LAB_DEVICE_NAME_MAX + 1];
	const char *text = doc_scalar(item);
	const char *iface, *why;
	int node;

	if (!text || !lab_split_endpoint(text, device, &iface)) {
		load_error(l, item,
			   "an end of a link is DEVICE:INTERFACE, such as pc1:eth0%s%.80s%s",
			   text ? ", not '" : "", text ? text : "", text ? "'" : "");
		return false;
	}
	node = load_device(l, item, device);
	if (node < 0)
		return false;
	if (ifname_parse(iface, &ret->name, &why) < 0) {
		load_error(l, item, "'%s' is no interface: %s", iface, why);
		return false;
	}
	ret->node = (uint32_t)node;
	ret->pos = doc_pos(l->doc, item);
	check_iface(l, item, ret);
	return true;
}

/* One interface holds one cable. */
static void check_unused(struct load *l, const struct lab_end *end)
{
	for (size_t i = 0; i < l->lab->n_links; i++)
		for (int k = 0; k < 2; k++) {
			const struct lab_end *other = &l->lab->links[i].end[k];

			if (lab_same_end(other, end))
				diag_error(l->diag, end->pos,
					   "%s:%s is in use already (line %u): one link an "
					   "interface",
					   l->lab->nodes[end->node].name, end->name.display,
					   other->pos.line);
		}
}

static bool read_ends(struct load *l, const struct entry *e, struct lab_link *link)
{
	bool ok = true;

	if (e->value->type != YAML_SEQUENCE_NODE || doc_size(e->value) != 2) {
		load_error(l, e->key,
			   "'endpoints' must be two, such as [ \"pc1:eth0\", "
			   "\"sw1:1\" ]");
		return false;
	}
	for (size_t i = 0; i < 2; i++)
		ok = read_end(l, doc_item(l->doc, e->value, i), &link->end[i]) && ok;
	if (!ok)
		return false;
	if (link->end[0].node == link->end[1].node) {
		diag_error(l->diag, link->end[1].pos,
			   "both ends are '%s': a link joins two devices",
			   l->lab->nodes[link->end[0].node].name);
		return false;
	}
	for (size_t i = 0; i < 2; i++)
		check_unused(l, &link->end[i]);
	return true;
}

static void read_link_name(struct load *l, const struct entry *e, void *object)
{
	const char *text = load_scalar(l, e, "a word");
	struct lab_link *link = object;
	size_t len = text ? strlen(text) : 0;

	if (!text || !load_check_line(l, e->value, text))
		return;
	if (len == 0 || len > LAB_LINK_NAME_MAX)
		load_error(l, e->value, "a link's name has 1 to %d bytes", LAB_LINK_NAME_MAX);
	link->name = text;
}

static void read_link_mtu(struct load *l, const struct entry *e, void *object)
{
	struct lab_link *link = object;
	uint64_t mtu;

	if (load_uint(l, e, LAB_MTU_MIN, LAB_MTU_MAX, &mtu))
		link->mtu = (uint32_t)mtu;
}

/* The ends are read before the table, and the wire after it: each needs the one before. */
static const struct load_key link_keys[] = {
	{ "endpoints", .required = true },
	{ "name", read_link_name },
	{ "mtu", read_link_mtu },
	{ "wire" },
};

static const char *default_name(struct load *l, const struct lab_link *link)
{
	return arena_printf(l->arena, "%s:%s--%s:%s", l->lab->nodes[link->end[0].node].name,
			    link->end[0].name.display, l->lab->nodes[link->end[1].node].name,
			    link->end[1].name.display);
}

static void check_link_name(struct load *l, const struct lab_link *link)
{
	for (size_t i = 0; i < l->lab->n_links; i++)
		if (strcmp(l->lab->links[i].name, link->name) == 0)
			diag_error(l->diag, link->pos, "the link at line %u is called '%s' as well",
				   l->lab->links[i].pos.line, link->name);
}

static bool read_link(struct load *l, yaml_node_t *item, struct lab_link *link)
{
	struct entry ends = { .name = "endpoints" }, wire = { .name = "wire" };

	*link = (struct lab_link){ .pos = doc_pos(l->doc, item) };
	if (!load_map(l, item, link->pos, "a link", link_keys, ARRAY_SIZE(link_keys), link))
		return false;
	ends.value = doc_find(l->doc, item, ends.name, &ends.key);
	wire.value = doc_find(l->doc, item, wire.name, &wire.key);
	if (!ends.value || !read_ends(l, &ends, link))
		return false;
	link->carrier = CARRIER_VETH;
	if (wire.value)
		load_wire(l, &wire, link);
	if (!link->name)
		link->name = default_name(l, link);
	check_link_name(l, link);
	return true;
}

static uint32_t ifaces_max(enum device_kind kind)
{
	return kind == KIND_SWITCH || kind == KIND_HUB ? LAB_SWITCH_IFACES_MAX : LAB_IFACES_MAX;
}

static void count_links(struct load *l, const struct lab_link *link)
{
	for (int i = 0; i < 2; i++) {
		struct lab_node *node = &l->lab->nodes[link->end[i].node];

		if (++node->n_links == ifaces_max(node->kind) + 1)
			diag_error(l->diag, link->end[i].pos, "more than %u links at '%s'",
				   ifaces_max(node->kind), node->name);
	}
}

/* --- loops of hubs -------------------------------------------------------------------------- */

/* Hubs have no spanning tree: in a loop of them each frame would go round for ever. */
static void check_hub_loops(struct load *l)
{
	struct groups *groups = groups_new(l->lab->n_nodes);

	for (size_t i = 0; i < l->lab->n_links; i++) {
		const struct lab_link *link = &l->lab->links[i];
		uint32_t a = link->end[0].node, b = link->end[1].node;

		if (l->lab->nodes[a].kind == KIND_HUB && l->lab->nodes[b].kind == KIND_HUB &&
		    !groups_join(groups, a, b))
			diag_error(l->diag, link->pos,
				   "this link closes a loop of hubs, where a frame would go round "
				   "for ever; make one of them a switch");
	}
	groups_free(groups);
}

/* --- given addresses ------------------------------------------------------------------------ */

/* A device's addresses count up from its 'mac', one an interface: no two devices may meet. */
static void check_mac(struct load *l, const struct lab_node *node)
{
	uint64_t first = mac_number(&node->mac), end = first + node->n_links;

	if (node->n_links > 0 && (end - 1) >> 40 != first >> 40)
		diag_error(l->diag, node->pos,
			   "'mac' of '%s' leaves no room to count up for %u interfaces", node->name,
			   node->n_links);
	for (const struct lab_node *other = l->lab->nodes; other < node; other++) {
		uint64_t start = mac_number(&other->mac);

		if (other->has_mac && start < end && first < start + other->n_links)
			diag_error(l->diag, node->pos,
				   "'%s' and '%s' (line %u) get the same address: 'mac' counts up "
				   "for each interface",
				   node->name, other->name, other->pos.line);
	}
}

static void check_macs(struct load *l)
{
	for (size_t i = 0; i < l->lab->n_nodes; i++)
		if (l->lab->nodes[i].has_mac)
			check_mac(l, &l->lab->nodes[i]);
}

static void warn_unlinked(struct load *l)
{
	for (size_t i = 0; i < l->lab->n_nodes; i++)
		if (l->lab->nodes[i].n_links == 0)
			diag_warn(l->diag, l->lab->nodes[i].pos, "'%s' has no link",
				  l->lab->nodes[i].name);
}

void load_links(struct load *l, const struct entry *e)
{
	struct lab *lab = l->lab;
	size_t n;

	if (!load_list(l, e, LAB_LINKS_MAX, &n))
		return;
	lab->links = arena_array(l->arena, n, sizeof(*lab->links));
	for (size_t i = 0; i < n; i++) {
		struct lab_link *link = &lab->links[lab->n_links];

		if (!read_link(l, doc_item(l->doc, e->value, i), link))
			continue;
		count_links(l, link);
		lab->n_links++;
	}
	check_hub_loops(l);
	check_macs(l);
	if (lab->n_links == n)
		warn_unlinked(l);
}
