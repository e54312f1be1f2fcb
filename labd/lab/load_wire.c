#include "labd/lab/load.h"

#include <errno.h>
#include <string.h>

#include "labd/lab/units.h"

enum { DIRECTION_MAX = 2 * (LAB_DEVICE_NAME_MAX + IFNAME_DISPLAY_MAX) + 8 };

static const nsec_t delay_max_ns = 600 * SEC;

static void read_delay(struct load *l, const struct entry *e, void *object)
{
	struct wire_spec *wire = object;

	load_duration(l, e, delay_max_ns, &wire->delay_ns);
}

static void read_jitter(struct load *l, const struct entry *e, void *object)
{
	struct wire_spec *wire = object;

	load_duration(l, e, delay_max_ns, &wire->jitter_ns);
}

static void read_percent(struct load *l, const struct entry *e, uint32_t *ret_ppb)
{
	const char *text = load_scalar(l, e, "a share such as 0.5%");

	if (text && parse_percent(text, ret_ppb) < 0)
		load_error(
			l, e->value,
			"'%s' must be a share from 0%% to 100%%, such as 0.5%%, with at most six "
			"decimals, not '%s'",
			e->name, text);
}

static void read_loss(struct load *l, const struct entry *e, void *object)
{
	read_percent(l, e, &((struct wire_spec *)object)->loss_ppb);
}

static void read_duplicate(struct load *l, const struct entry *e, void *object)
{
	read_percent(l, e, &((struct wire_spec *)object)->duplicate_ppb);
}

static void read_reorder(struct load *l, const struct entry *e, void *object)
{
	read_percent(l, e, &((struct wire_spec *)object)->reorder_ppb);
}

static void read_corrupt(struct load *l, const struct entry *e, void *object)
{
	read_percent(l, e, &((struct wire_spec *)object)->corrupt_ppb);
}

static void read_rate(struct load *l, const struct entry *e, void *object)
{
	const char *text = load_scalar(l, e, "a rate such as 10mbit");
	struct wire_spec *wire = object;
	uint64_t bps;

	if (!text)
		return;
	if (parse_rate(text, &bps) < 0 || bps < 1000 || bps > 1000000000000)
		load_error(l, e->value,
			   "'rate' must be a rate from 1kbit to 1000gbit, such as "
			   "10mbit, not '%s'",
			   text);
	else
		wire->rate_bps = bps;
}

static void read_limit(struct load *l, const struct entry *e, void *object)
{
	struct wire_spec *wire = object;
	uint64_t frames;

	if (load_uint(l, e, 1, 1000000, &frames))
		wire->limit = (uint32_t)frames;
}

/* What may differ between the directions. */
static const struct load_key way_keys[] = {
	{ "delay", read_delay },	 { "jitter", read_jitter },   { "loss", read_loss },
	{ "duplicate", read_duplicate }, { "reorder", read_reorder }, { "corrupt", read_corrupt },
	{ "rate", read_rate },		 { "limit", read_limit },
};

/* For errors: everything that may stand in a wire. */
static const struct load_key wire_keys[] = {
	{ "delay" }, { "jitter" }, { "loss" },	  { "duplicate" }, { "reorder" }, { "corrupt" },
	{ "rate" },  { "limit" },  { "carrier" }, { "a-to-b" },	   { "b-to-a" },
};

static const struct load_key *find_way_key(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(way_keys); i++)
		if (strcmp(way_keys[i].name, name) == 0)
			return &way_keys[i];
	return NULL;
}

/* "pc1" or "pc1:eth0" in any spelling: which end of the link, or -1. */
static int which_end(struct load *l, const struct lab_link *link, char *text)
{
	char *colon = strchr(text, ':');
	struct ifname name;
	const char *why;

	if (colon)
		*colon = '\0';
	for (int i = 0; i < 2; i++) {
		const struct lab_end *end = &link->end[i];

		if (strcmp(l->lab->nodes[end->node].name, text) != 0)
			continue;
		if (!colon)
			return i;
		if (ifname_parse(colon + 1, &name, &why) == 0 && ifname_equal(&name, &end->name))
			return i;
	}
	return -1;
}

static char *trim(char *text)
{
	size_t len;

	text += strspn(text, " ");
	len = strlen(text);
	while (len > 0 && text[len - 1] == ' ')
		text[--len] = '\0';
	return text;
}

/* "pc1->sw1", "a-to-b": 0 from end 0 to end 1, 1 the other way, -ENOENT for any other word,
 * -EINVAL for an arrow between others. */
static int parse_direction(struct load *l, const struct lab_link *link, const char *name)
{
	const char *arrow = strstr(name, "->");
	char text[DIRECTION_MAX];
	int from, to;

	if (strcmp(name, "a-to-b") == 0 || strcmp(name, "b-to-a") == 0)
		return name[0] == 'b';
	if (!arrow)
		return -ENOENT;
	if (strlen(name) >= sizeof(text))
		return -EINVAL;
	memcpy(text, name, strlen(name) + 1);
	text[arrow - name] = '\0';
	from = which_end(l, link, trim(text));
	to = which_end(l, link, trim(text + (arrow - name) + 2));
	return from >= 0 && to == 1 - from ? from : -EINVAL;
}

static void read_carrier(struct load *l, const struct entry *e, struct lab_link *link)
{
	const char *text = load_scalar(l, e, "tap, ring or auto");

	if (!text)
		return;
	if (carrier_parse(text, &link->carrier) < 0 || link->carrier == CARRIER_VETH)
		load_error(l, e->value,
			   "'carrier' must be tap, ring or auto, not '%s' (a link "
			   "without 'wire' is carried by the kernel)",
			   text);
}

/* The keys for both directions; then those for one, whatever the order in the file. */
static void read_both_ways(struct load *l, const struct entry *e, struct lab_link *link)
{
	const struct load_key *key = find_way_key(e->name);

	if (strcmp(e->name, "carrier") == 0) {
		read_carrier(l, e, link);
	} else if (key) {
		key->read(l, e, &link->wire[0]);
		key->read(l, e, &link->wire[1]);
	} else if (parse_direction(l, link, e->name) == -EINVAL) {
		load_error(l, e->key,
			   "'%s' is no direction of this link: it has \"%s->%s\" and "
			   "\"%s->%s\"",
			   e->name, l->lab->nodes[link->end[0].node].name,
			   l->lab->nodes[link->end[1].node].name,
			   l->lab->nodes[link->end[1].node].name,
			   l->lab->nodes[link->end[0].node].name);
	} else if (parse_direction(l, link, e->name) == -ENOENT) {
		load_unknown_key(l, e->key, wire_keys, ARRAY_SIZE(wire_keys));
	}
}

static void check_wire(struct load *l, const struct entry *e, const struct wire_spec *wire)
{
	if (wire->jitter_ns > wire->delay_ns)
		load_error(l, e->key,
			   "the jitter is larger than the delay, and no frame can arrive "
			   "before it was sent");
	if (wire->reorder_ppb > 0 && wire->delay_ns == 0)
		load_error(l, e->key,
			   "'reorder' needs a 'delay': a frame overtakes others by "
			   "being sent without it");
}

static struct entry entry_at(struct load *l, yaml_node_t *map, size_t i)
{
	struct entry e = { doc_key(l->doc, map, i), doc_value(l->doc, map, i) };

	e.name = doc_scalar(e.key);
	return e;
}

void load_wire(struct load *l, const struct entry *e, struct lab_link *link)
{
	uint32_t before = l->diag->n_errors;
	size_t n = doc_size(e->value);
	int seen = 0;

	link->carrier = CARRIER_AUTO;
	if (e->value->type != YAML_MAPPING_NODE) {
		load_error(l, e->key,
			   "'wire' must be a map such as { delay: 20ms }, or { } for a "
			   "perfect wire, not %s",
			   doc_type(e->value));
		return;
	}
	if (n > ARRAY_SIZE(wire_keys)) {
		load_error(l, e->key, "%zu keys are more than a wire has", n);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct entry inner = entry_at(l, e->value, i);

		read_both_ways(l, &inner, link);
	}
	for (size_t i = 0; i < n; i++) {
		struct entry inner = entry_at(l, e->value, i);
		int way = parse_direction(l, link, inner.name);

		if (way < 0)
			continue;
		if (seen & 1 << way)
			load_error(l, inner.key, "'%s': this direction is given twice", inner.name);
		seen |= 1 << way;
		load_map(l, inner.value, doc_pos(l->doc, inner.key), "a direction", way_keys,
			 ARRAY_SIZE(way_keys), &link->wire[way]);
	}
	for (int way = 0; way < 2 && l->diag->n_errors == before; way++)
		check_wire(l, e, &link->wire[way]);
}
