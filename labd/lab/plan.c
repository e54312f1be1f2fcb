#include "labd/lab/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "labd/lab/arena.h"
#include "labd/lab/groups.h"
#include "labd/lab/lab.h"
#include "labd/lab/mac.h"

/* What a seed is for; a different word gives unrelated numbers from the same names. */
static const char for_device[] = "device", for_mac[] = "mac", for_wire[] = "wire", for_ca[] = "ca";

static uint64_t seed_for(const struct lab *lab, const char *purpose, const char *name)
{
	return hash_string(hash_string(lab->seed, purpose), name);
}

/* --- devices -------------------------------------------------------------------------------- */

static void plan_config(struct arena *arena, const struct lab_node *node,
			struct plan_device *device)
{
	struct lab_pos first;

	if (!node->config.text)
		return;
	first = lab_text_at(&node->config, 1, 1);
	device->config = arena_strdup(arena, node->config.text);
	device->config_file = arena_strdup(arena, first.source->file);
	device->config_line = first.line;
}

static void plan_exec(struct arena *arena, const struct lab_node *node, struct plan_device *device)
{
	const char **lines = arena_array(arena, node->n_exec, sizeof(*lines));

	for (size_t i = 0; i < node->n_exec; i++)
		lines[i] = arena_strdup(arena, node->exec[i].text);
	device->exec = lines;
	device->n_exec = node->n_exec;
}

static void plan_environment(struct arena *arena, const struct lab_node *node,
			     struct plan_device *device)
{
	struct plan_env *env = arena_array(arena, node->n_env, sizeof(*env));

	for (size_t i = 0; i < node->n_env; i++)
		env[i] = (struct plan_env){ arena_strdup(arena, node->env[i].name),
					    arena_strdup(arena, node->env[i].value) };
	device->env = env;
	device->n_env = node->n_env;
}

static void plan_device(struct plan *plan, const struct lab *lab, uint32_t i,
			struct plan_device *device)
{
	const struct lab_node *node = &lab->nodes[i];

	*device = (struct plan_device){ .id = i + 1, .kind = node->kind, .ports = node->ports };
	device->name = arena_strdup(plan->arena, node->name);
	device->seed = seed_for(lab, for_device, node->name);
	device->stp = plan->stp && node->kind == KIND_SWITCH;
	if (node->files)
		device->files = arena_strdup(plan->arena, node->files);
	plan_config(plan->arena, node, device);
	plan_exec(plan->arena, node, device);
	plan_environment(plan->arena, node, device);
}

static struct plan_device *plan_devices(struct plan *plan, const struct lab *lab)
{
	struct plan_device *devices = arena_array(plan->arena, lab->n_nodes, sizeof(*devices));

	for (uint32_t i = 0; i < lab->n_nodes; i++)
		plan_device(plan, lab, i, &devices[i]);
	plan->devices = devices;
	plan->n_devices = lab->n_nodes;
	return devices;
}

/* --- interfaces ----------------------------------------------------------------------------- */

static uint32_t first_of(uint32_t a, uint32_t b, uint32_t c)
{
	return a ? a : b ? b : c;
}

static uint32_t link_mtu(const struct lab *lab, const struct lab_link *link)
{
	uint32_t a = lab->nodes[link->end[0].node].mtu, b = lab->nodes[link->end[1].node].mtu;

	return first_of(link->mtu, a && b ? (a < b ? a : b) : first_of(a, b, 0), PLAN_MTU_DEFAULT);
}

static struct plan_iface *plan_ifaces(struct plan *plan, const struct lab *lab)
{
	size_t n = 2 * lab->n_links;
	struct plan_iface *ifaces = arena_array(plan->arena, n, sizeof(*ifaces));

	for (uint32_t i = 0; i < n; i++) {
		const struct lab_link *link = &lab->links[i / 2];
		const struct lab_end *end = &link->end[i % 2];

		ifaces[i] = (struct plan_iface){ .id = i + 1, .device = end->node, .link = i / 2 };
		ifaces[i].end = i % 2;
		ifaces[i].mtu = link_mtu(lab, link);
		ifaces[i].name = arena_strdup(plan->arena, end->name.display);
		ifaces[i].kernel = arena_strdup(plan->arena, end->name.kernel);
	}
	plan->ifaces = ifaces;
	plan->n_ifaces = n;
	return ifaces;
}

void plan_list_ifaces(struct plan *plan, struct plan_device *devices)
{
	uint32_t *lists = arena_array(plan->arena, plan->n_ifaces, sizeof(*lists));
	uint32_t **next = arena_array(plan->arena, plan->n_devices, sizeof(*next));

	for (size_t i = 0; i < plan->n_ifaces; i++)
		devices[plan->ifaces[i].device].n_ifaces++;
	for (size_t i = 0; i < plan->n_devices; i++) {
		devices[i].ifaces = next[i] = lists;
		lists += devices[i].n_ifaces;
	}
	for (uint32_t i = 0; i < plan->n_ifaces; i++)
		*next[plan->ifaces[i].device]++ = i;
}

/* --- MAC addresses -------------------------------------------------------------------------- */

/* Open addressing; at most half full. */
struct mac_set {
	uint64_t *slots; /* 0 = free; no interface has the address 0 */
	size_t n_slots;
};

/* False when it is in there already. */
static bool mac_set_add(struct mac_set *set, uint64_t mac)
{
	size_t i = hash_mix(0, mac) % set->n_slots;

	while (set->slots[i] != 0) {
		if (set->slots[i] == mac)
			return false;
		i = (i + 1) % set->n_slots;
	}
	set->slots[i] = mac;
	return true;
}

/* 02 and 40 bits of the hash; should two interfaces draw the same, the later draws again. */
static struct mac derived_mac(const struct lab *lab, const struct plan *plan,
			      const struct plan_iface *iface, struct mac_set *used)
{
	uint64_t seed = seed_for(lab, for_mac, plan->devices[iface->device].name);
	uint64_t value, hash = hash_string(seed, iface->kernel);

	do {
		value = 0x020000000000 | (hash & 0xffffffffff);
		hash = hash_mix(hash, 0);
	} while (!mac_set_add(used, value));
	return mac_of(value);
}

/* Given addresses first, so that derived ones keep clear of them. The file was checked for given
 * addresses that meet each other. */
static void plan_macs(struct plan *plan, const struct lab *lab, struct plan_iface *ifaces)
{
	struct mac_set used = { .n_slots = 2 * plan->n_ifaces + 1 };

	used.slots = calloc(used.n_slots, sizeof(*used.slots));
	if (!used.slots)
		abort();
	for (size_t i = 0; i < plan->n_devices; i++) {
		const struct plan_device *device = &plan->devices[i];

		for (size_t k = 0; lab->nodes[i].has_mac && k < device->n_ifaces; k++) {
			uint64_t value = mac_number(&lab->nodes[i].mac) + k;

			(void)mac_set_add(&used, value);
			ifaces[device->ifaces[k]].mac = mac_of(value);
		}
	}
	for (size_t i = 0; i < plan->n_ifaces; i++)
		if (!lab->nodes[ifaces[i].device].has_mac)
			ifaces[i].mac = derived_mac(lab, plan, &ifaces[i], &used);
	free(used.slots);
}

/* --- links ---------------------------------------------------------------------------------- */

/* How much passes through a device's interfaces, as a guess from its kind. */
static unsigned int busyness(enum device_kind kind)
{
	switch (kind) {
	case KIND_SWITCH:
	case KIND_HUB:
		return 2;
	case KIND_ROUTER:
	case KIND_SERVER:
		return 1;
	case KIND_PC:
	case KIND_PHONE:
	case KIND_LINUX:
	case N_KINDS:
		break;
	}
	return 0;
}

/* One ring serves all interfaces of a namespace, so it pays to read where many links meet. */
static uint8_t busier_end(const struct lab *lab, const struct lab_link *link)
{
	const struct lab_node *a = &lab->nodes[link->end[0].node];
	const struct lab_node *b = &lab->nodes[link->end[1].node];
	unsigned int busy_a = busyness(a->kind), busy_b = busyness(b->kind);

	if (busy_a != busy_b)
		return busy_b > busy_a;
	return b->n_links > a->n_links;
}

/* By the names of sender and receiver: neither a link's name nor its place in the file counts. */
static uint64_t direction_seed(const struct lab *lab, const struct plan *plan, uint32_t from,
			       uint32_t to)
{
	const struct plan_iface *a = &plan->ifaces[from], *b = &plan->ifaces[to];
	uint64_t seed = seed_for(lab, for_wire, plan->devices[a->device].name);

	seed = hash_string(seed, a->kernel);
	seed = hash_string(seed, plan->devices[b->device].name);
	return hash_string(seed, b->kernel);
}

static void plan_links(struct plan *plan, const struct lab *lab)
{
	struct plan_link *links = arena_array(plan->arena, lab->n_links, sizeof(*links));

	for (uint32_t i = 0; i < lab->n_links; i++) {
		const struct lab_link *link = &lab->links[i];

		links[i] = (struct plan_link){ .id = i + 1, .carrier = link->carrier };
		links[i].name = arena_strdup(plan->arena, link->name);
		links[i].mtu = link_mtu(lab, link);
		links[i].capture = busier_end(lab, link);
		for (uint32_t way = 0; way < 2; way++) {
			links[i].iface[way] = 2 * i + way;
			links[i].wire[way] = link->wire[way];
			links[i].seed[way] =
				direction_seed(lab, plan, 2 * i + way, 2 * i + 1 - way);
		}
	}
	plan->links = links;
	plan->n_links = lab->n_links;
}

/* --- the whole ------------------------------------------------------------------------------ */

static bool is_bridging(const struct lab *lab, uint32_t node)
{
	return lab->nodes[node].kind == KIND_SWITCH || lab->nodes[node].kind == KIND_HUB;
}

/* Does a frame that is flooded come back? Hubs alone cannot form a loop in a valid lab. */
static bool has_loop(const struct lab *lab)
{
	struct groups *groups = groups_new(lab->n_nodes);
	bool loop = false;

	for (size_t i = 0; i < lab->n_links && !loop; i++) {
		uint32_t a = lab->links[i].end[0].node, b = lab->links[i].end[1].node;

		loop = is_bridging(lab, a) && is_bridging(lab, b) && !groups_join(groups, a, b);
	}
	groups_free(groups);
	return loop;
}

static char *absolute_path(struct arena *arena, const char *path)
{
	char *resolved = realpath(path, NULL);
	char *copy = arena_strdup(arena, resolved ? resolved : path);

	free(resolved);
	return copy;
}

struct plan *plan_from_lab(const struct lab *lab)
{
	struct arena *arena = arena_new();
	struct plan *plan = arena_alloc(arena, sizeof(*plan));
	struct plan_device *devices;
	struct plan_iface *ifaces;

	*plan = (struct plan){ .arena = arena, .seed = lab->seed, .log = lab->log };
	plan->ca_seed = seed_for(lab, for_ca, "");
	plan->name = arena_strdup(arena, lab->name);
	plan->lab_file = absolute_path(arena, lab->source->file);
	plan->has_epoch = lab->has_epoch;
	plan->epoch_ns = lab->epoch_ns;
	plan->stp = has_loop(lab);
	devices = plan_devices(plan, lab);
	ifaces = plan_ifaces(plan, lab);
	plan_list_ifaces(plan, devices);
	plan_macs(plan, lab, ifaces);
	plan_links(plan, lab);
	return plan;
}

struct plan *plan_free(struct plan *plan)
{
	if (plan)
		arena_free(plan->arena);
	return NULL;
}

const struct plan_device *plan_find_device(const struct plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->n_devices; i++)
		if (strcmp(plan->devices[i].name, name) == 0)
			return &plan->devices[i];
	return NULL;
}

const struct plan_link *plan_find_link(const struct plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->n_links; i++)
		if (strcmp(plan->links[i].name, name) == 0)
			return &plan->links[i];
	return NULL;
}
