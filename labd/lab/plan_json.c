#include "labd/lab/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ifname.h"
#include "base/sbuf.h"
#include "labd/lab/arena.h"
#include "labd/lab/lab.h"

static const char *const payload_names[] = {
	[LOG_PAYLOAD_FULL] = "full",
	[LOG_PAYLOAD_HEADERS] = "headers",
	[LOG_PAYLOAD_BYTES] = "bytes",
};

/* --- writing -------------------------------------------------------------------------------- */

/* Seeds use all 64 bits, which JSON numbers do not hold. */
static json_t *seed_to_json(uint64_t seed)
{
	char text[20];

	(void)snprintf(text, sizeof(text), "%016" PRIx64, seed);
	return json_string(text);
}

static json_t *log_to_json(const struct log_spec *log)
{
	return json_pack("{s:s, s:I, s:I, s:b}", "payload", payload_names[log->payload],
			 "payload_bytes", (json_int_t)log->payload_bytes, "size_bytes",
			 (json_int_t)log->size_bytes, "power_safe", log->power_safe);
}

static json_t *wire_to_json(const struct wire_spec *wire)
{
	return json_pack(
		"{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "delay_ns", (json_int_t)wire->delay_ns,
		"jitter_ns", (json_int_t)wire->jitter_ns, "loss_ppb", (json_int_t)wire->loss_ppb,
		"duplicate_ppb", (json_int_t)wire->duplicate_ppb, "reorder_ppb",
		(json_int_t)wire->reorder_ppb, "corrupt_ppb", (json_int_t)wire->corrupt_ppb,
		"rate_bps", (json_int_t)wire->rate_bps, "limit", (json_int_t)wire->limit);
}

static json_t *strings_to_json(const char *const *strings, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		if (json_array_append_new(list, json_string(strings[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

/* Pairs in a list, to keep their order. */
static json_t *env_to_json(const struct plan_env *env, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		if (json_array_append_new(list, json_pack("[s, s]", env[i].name, env[i].value)) <
		    0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static json_t *device_to_json(const struct plan_device *d)
{
	return json_pack("{s:s, s:s, s:o, s:b, s:I, s:s?, s:s?, s:I, s:s?, s:o, s:o}", "name",
			 d->name, "kind", device_kind_name(d->kind), "seed", seed_to_json(d->seed),
			 "stp", d->stp, "ports", (json_int_t)d->ports, "config", d->config,
			 "config_file", d->config_file, "config_line", (json_int_t)d->config_line,
			 "files", d->files, "exec", strings_to_json(d->exec, d->n_exec), "env",
			 env_to_json(d->env, d->n_env));
}

static json_t *iface_to_json(const struct plan_iface *i)
{
	char mac[MAC_TEXT_LEN];

	return json_pack("{s:I, s:s, s:s, s:s, s:I}", "device", (json_int_t)i->device, "name",
			 i->name, "kernel", i->kernel, "mac", mac_format(&i->mac, mac), "mtu",
			 (json_int_t)i->mtu);
}

static json_t *link_to_json(const struct plan_link *l)
{
	return json_pack("{s:s, s:s, s:I, s:I, s:[o, o], s:[o, o]}", "name", l->name, "carrier",
			 carrier_name(l->carrier), "capture", (json_int_t)l->capture, "mtu",
			 (json_int_t)l->mtu, "seed", seed_to_json(l->seed[0]),
			 seed_to_json(l->seed[1]), "wire", wire_to_json(&l->wire[0]),
			 wire_to_json(&l->wire[1]));
}

/* NULL when one of them is NULL: a text that is no UTF-8. */
static int append_all(json_t *top, const char *key, const struct plan *plan, size_t n,
		      json_t *(*one)(const struct plan *plan, size_t i))
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		if (json_array_append_new(list, one(plan, i)) < 0) {
			json_decref(list);
			return -EILSEQ;
		}
	return json_object_set_new(top, key, list) < 0 ? -EILSEQ : 0;
}

static json_t *nth_device(const struct plan *plan, size_t i)
{
	return device_to_json(&plan->devices[i]);
}

static json_t *nth_iface(const struct plan *plan, size_t i)
{
	return iface_to_json(&plan->ifaces[i]);
}

static json_t *nth_link(const struct plan *plan, size_t i)
{
	return link_to_json(&plan->links[i]);
}

static json_t *top_to_json(const struct plan *plan)
{
	return json_pack("{s:s, s:s, s:o, s:o, s:b, s:I, s:b, s:o}", "name", plan->name, "lab_file",
			 plan->lab_file, "seed", seed_to_json(plan->seed), "ca_seed",
			 seed_to_json(plan->ca_seed), "has_epoch", plan->has_epoch, "epoch_ns",
			 (json_int_t)plan->epoch_ns, "stp", plan->stp, "log",
			 log_to_json(&plan->log));
}

int plan_to_json(const struct plan *plan, char **ret, size_t *ret_len)
{
	json_t *top = top_to_json(plan);
	char *text = NULL;

	if (!top || append_all(top, "devices", plan, plan->n_devices, nth_device) < 0 ||
	    append_all(top, "ifaces", plan, plan->n_ifaces, nth_iface) < 0 ||
	    append_all(top, "links", plan, plan->n_links, nth_link) < 0) {
		json_decref(top);
		return -EILSEQ;
	}
	text = json_dumps(top, JSON_COMPACT);
	json_decref(top);
	if (!text)
		return -ENOMEM;
	*ret = text;
	*ret_len = strlen(text);
	return 0;
}

/* --- reading -------------------------------------------------------------------------------- */

/* Reads on after a mistake with zeros and empty texts; the first mistake is remembered. */
struct reader {
	struct arena *arena;
	const char *why;
};

static void wrong(struct reader *r, const char *why)
{
	if (!r->why)
		r->why = why;
}

static const char *get_string(struct reader *r, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_string(value)) {
		wrong(r, key);
		return "";
	}
	return arena_strdup(r->arena, json_string_value(value));
}

static const char *get_optional(struct reader *r, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return !value || json_is_null(value) ? NULL : get_string(r, object, key);
}

static int64_t get_number(struct reader *r, const json_t *object, const char *key, int64_t max)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    json_integer_value(value) > max) {
		wrong(r, key);
		return 0;
	}
	return json_integer_value(value);
}

static bool get_bool(struct reader *r, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_boolean(value))
		wrong(r, key);
	return json_is_true(value);
}

static uint64_t get_seed(struct reader *r, const json_t *value)
{
	const char *text = json_string_value(value);
	uint64_t seed = 0;

	if (!text || strlen(text) != 16 || text[strspn(text, "0123456789abcdef")]) {
		wrong(r, "seed");
		return 0;
	}
	for (; *text; text++)
		seed = seed << 4 | (uint64_t)(*text <= '9' ? *text - '0' : *text - 'a' + 10);
	return seed;
}

/* The list under |key|, of at most |max|; NULL (a list without items to jansson) when it is none.
 */
static const json_t *get_list(struct reader *r, const json_t *object, const char *key, size_t max)
{
	const json_t *list = json_object_get(object, key);

	if (json_is_array(list) && json_array_size(list) <= max)
		return list;
	wrong(r, key);
	return NULL;
}

static void read_log(struct reader *r, const json_t *object, struct log_spec *ret)
{
	const char *payload = get_string(r, object, "payload");
	size_t i = 0;

	while (i < ARRAY_SIZE(payload_names) && strcmp(payload, payload_names[i]) != 0)
		i++;
	if (i == ARRAY_SIZE(payload_names))
		wrong(r, "payload");
	else
		ret->payload = (enum log_payload)i;
	ret->payload_bytes = (uint32_t)get_number(r, object, "payload_bytes", UINT16_MAX);
	ret->size_bytes = (uint64_t)get_number(r, object, "size_bytes", INT64_MAX);
	ret->power_safe = get_bool(r, object, "power_safe");
}

static struct wire_spec read_wire(struct reader *r, const json_t *object)
{
	return (struct wire_spec){
		.delay_ns = get_number(r, object, "delay_ns", INT64_MAX),
		.jitter_ns = get_number(r, object, "jitter_ns", INT64_MAX),
		.loss_ppb = (uint32_t)get_number(r, object, "loss_ppb", PPB_ONE),
		.duplicate_ppb = (uint32_t)get_number(r, object, "duplicate_ppb", PPB_ONE),
		.reorder_ppb = (uint32_t)get_number(r, object, "reorder_ppb", PPB_ONE),
		.corrupt_ppb = (uint32_t)get_number(r, object, "corrupt_ppb", PPB_ONE),
		.rate_bps = (uint64_t)get_number(r, object, "rate_bps", INT64_MAX),
		.limit = (uint32_t)get_number(r, object, "limit", UINT32_MAX),
	};
}

static void read_exec(struct reader *r, const json_t *object, struct plan_device *d)
{
	const json_t *list = get_list(r, object, "exec", LAB_EXEC_MAX);
	size_t n = json_array_size(list);
	const char **lines = arena_array(r->arena, n, sizeof(*lines));

	for (size_t i = 0; i < n; i++) {
		const char *line = json_string_value(json_array_get(list, i));

		if (!line)
			wrong(r, "exec");
		lines[i] = arena_strdup(r->arena, line ? line : "");
	}
	d->exec = lines;
	d->n_exec = n;
}

static void read_env(struct reader *r, const json_t *object, struct plan_device *d)
{
	const json_t *list = get_list(r, object, "env", LAB_ENV_MAX);
	size_t n = json_array_size(list);
	struct plan_env *env = arena_array(r->arena, n, sizeof(*env));

	for (size_t i = 0; i < n; i++) {
		const json_t *pair = json_array_get(list, i);
		const char *name = json_string_value(json_array_get(pair, 0));
		const char *value = json_string_value(json_array_get(pair, 1));

		if (!name || !value)
			wrong(r, "env");
		env[i].name = arena_strdup(r->arena, name ? name : "");
		env[i].value = arena_strdup(r->arena, value ? value : "");
	}
	d->env = env;
	d->n_env = n;
}

static void read_device(struct reader *r, const json_t *object, struct plan_device *d)
{
	d->name = get_string(r, object, "name");
	if (device_kind_parse(get_string(r, object, "kind"), &d->kind) < 0)
		wrong(r, "kind");
	if (strlen(d->name) == 0 || strlen(d->name) > LAB_DEVICE_NAME_MAX || strchr(d->name, '/'))
		wrong(r, "name of a device");
	d->seed = get_seed(r, json_object_get(object, "seed"));
	d->stp = get_bool(r, object, "stp");
	d->ports = (uint32_t)get_number(r, object, "ports", LAB_SWITCH_IFACES_MAX);
	d->config = get_optional(r, object, "config");
	d->config_file = get_optional(r, object, "config_file");
	d->config_line = (uint32_t)get_number(r, object, "config_line", UINT32_MAX);
	d->files = get_optional(r, object, "files");
	read_exec(r, object, d);
	read_env(r, object, d);
}

static void read_devices(struct reader *r, const json_t *top, struct plan *plan,
			 struct plan_device **ret)
{
	const json_t *list = get_list(r, top, "devices", LAB_DEVICES_MAX);
	size_t n = json_array_size(list);
	struct plan_device *devices = arena_array(r->arena, n, sizeof(*devices));

	for (uint32_t i = 0; i < n; i++) {
		devices[i].id = i + 1;
		read_device(r, json_array_get(list, i), &devices[i]);
	}
	plan->devices = *ret = devices;
	plan->n_devices = n;
}

static void read_iface(struct reader *r, const json_t *object, const struct plan *plan,
		       struct plan_iface *iface)
{
	struct ifname name;
	const char *why;

	iface->device = (uint32_t)get_number(r, object, "device", (int64_t)plan->n_devices - 1);
	iface->name = get_string(r, object, "name");
	iface->kernel = get_string(r, object, "kernel");
	if (ifname_parse(iface->kernel, &name, &why) < 0 || strcmp(name.kernel, iface->kernel) != 0)
		wrong(r, "kernel");
	if (mac_parse(get_string(r, object, "mac"), &iface->mac) < 0)
		wrong(r, "mac");
	iface->mtu = (uint32_t)get_number(r, object, "mtu", UINT16_MAX);
}

/* Interfaces 2i and 2i + 1 are the ends of link i. */
static void read_ifaces(struct reader *r, const json_t *top, struct plan *plan)
{
	const json_t *list = get_list(r, top, "ifaces", 2 * LAB_LINKS_MAX);
	size_t n = json_array_size(list);
	struct plan_iface *ifaces = arena_array(r->arena, n, sizeof(*ifaces));

	for (uint32_t i = 0; i < n; i++) {
		ifaces[i] = (struct plan_iface){ .id = i + 1, .link = i / 2, .end = i % 2 };
		read_iface(r, json_array_get(list, i), plan, &ifaces[i]);
	}
	plan->ifaces = ifaces;
	plan->n_ifaces = n;
}

static void read_link(struct reader *r, const json_t *object, uint32_t i, struct plan_link *link)
{
	const json_t *seed = get_list(r, object, "seed", 2);
	const json_t *wire = get_list(r, object, "wire", 2);

	link->id = i + 1;
	link->name = get_string(r, object, "name");
	if (carrier_parse(get_string(r, object, "carrier"), &link->carrier) < 0)
		wrong(r, "carrier");
	link->capture = (uint8_t)get_number(r, object, "capture", 1);
	link->mtu = (uint32_t)get_number(r, object, "mtu", UINT16_MAX);
	for (uint32_t way = 0; way < 2; way++) {
		link->iface[way] = 2 * i + way;
		link->seed[way] = get_seed(r, json_array_get(seed, way));
		link->wire[way] = read_wire(r, json_array_get(wire, way));
	}
}

static void read_links(struct reader *r, const json_t *top, struct plan *plan)
{
	const json_t *list = get_list(r, top, "links", LAB_LINKS_MAX);
	size_t n = json_array_size(list);
	struct plan_link *links = arena_array(r->arena, n, sizeof(*links));

	if (plan->n_ifaces != 2 * n)
		wrong(r, "ifaces");
	for (uint32_t i = 0; i < n; i++)
		read_link(r, json_array_get(list, i), i, &links[i]);
	plan->links = links;
	plan->n_links = n;
}

static void read_plan(struct reader *r, const json_t *top, struct plan *plan)
{
	struct plan_device *devices;

	plan->name = get_string(r, top, "name");
	plan->lab_file = get_string(r, top, "lab_file");
	plan->seed = get_seed(r, json_object_get(top, "seed"));
	plan->ca_seed = get_seed(r, json_object_get(top, "ca_seed"));
	plan->has_epoch = get_bool(r, top, "has_epoch");
	plan->epoch_ns = get_number(r, top, "epoch_ns", INT64_MAX);
	plan->stp = get_bool(r, top, "stp");
	read_log(r, json_object_get(top, "log"), &plan->log);
	read_devices(r, top, plan, &devices);
	if (plan->n_devices == 0) {
		wrong(r, "devices");
		return;
	}
	read_ifaces(r, top, plan);
	read_links(r, top, plan);
	plan_list_ifaces(plan, devices) /* they follow from the interfaces */;
}

int plan_from_json(const char *json, size_t len, struct plan **ret, char *reterr, size_t size)
{
	struct reader r = { 0 };
	json_error_t error = { .text = "too long" };
	json_t *top =
		len <= PLAN_JSON_MAX ? json_loadb(json, len, JSON_REJECT_DUPLICATES, &error) : NULL;
	struct plan *plan;

	if (!top) {
		(void)snprintf(reterr, size, "the plan is no JSON: %s", error.text);
		return -EBADMSG;
	}
	r.arena = arena_new();
	plan = arena_alloc(r.arena, sizeof(*plan));
	plan->arena = r.arena;
	read_plan(&r, top, plan);
	json_decref(top);
	if (r.why) {
		(void)snprintf(reterr, size, "the plan has no valid '%s'", r.why);
		plan_free(plan);
		return -EBADMSG;
	}
	*ret = plan;
	return 0;
}
