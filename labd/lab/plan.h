/* plan.h: what is to be built, with every number decided.
 *
 * A struct plan is made from a struct lab and the same lab always gives the same plan: ids count
 * from 1 in the file's order; MAC addresses and seeds come from the lab's seed and from names, so
 * that one device more changes no other. Supervisor, wires and log each get the whole plan as JSON
 * (through a memfd) and read the same numbers out of it.
 *
 * Pure. A plan owns everything in it, until plan_free(); constant after it is made. Arrays are
 * indexed from 0; the id of devices[i] is i + 1, and so for interfaces and links. Times are int64
 * nanoseconds. */
#ifndef LABD_LAB_PLAN_H
#define LABD_LAB_PLAN_H

#include "base/types.h"
#include "labd/lab/spec.h"

struct lab;

enum {
	PLAN_JSON_MAX = 256 * 1024 * 1024, /* bytes that plan_from_json() accepts */
	PLAN_MTU_DEFAULT = 1500,
};

struct plan_env {
	const char *name, *value;
};

struct plan_device {
	uint32_t id;
	const char *name;
	enum device_kind kind;
	uint64_t seed;		 /* of all its machines */
	bool stp;		 /* switches: the spanning tree runs */
	uint32_t ports;		 /* switches and hubs: how many it has; 0 = as many as are used */
	const char *config;	 /* NULL: none */
	const char *config_file; /* what to call it in messages: the lab file or the config-file */
	uint32_t config_line;	 /* of that file: where the configuration's first line stands */
	const char *files;	 /* absolute path, or NULL */
	const char *const *exec;
	size_t n_exec;
	const struct plan_env *env;
	size_t n_env;
	const uint32_t *ifaces; /* indexes in plan->ifaces, in the order of the links */
	size_t n_ifaces;
};

struct plan_iface {
	uint32_t id;
	uint32_t device;    /* index */
	uint32_t link;	    /* index */
	uint8_t end;	    /* which end of the link: 0 or 1 */
	const char *name;   /* GigabitEthernet0/0 */
	const char *kernel; /* gi0-0 */
	struct mac mac;
	uint32_t mtu;
};

struct plan_link {
	uint32_t id;
	const char *name;
	uint32_t iface[2]; /* indexes */
	enum carrier carrier;
	uint8_t capture; /* a veth's busier end, where its frames are read: 0 or 1 */
	uint32_t mtu;
	uint64_t seed[2];	  /* of what the wire does, by direction; [0] from end 0 to end 1 */
	struct wire_spec wire[2]; /* the same */
};

struct plan {
	const char *name;
	const char *lab_file;	/* absolute where it could be told */
	uint64_t seed, ca_seed; /* the latter: of the CA that signs its devices' certificates */
	bool has_epoch;
	int64_t epoch_ns;
	struct log_spec log;
	bool stp; /* switches form a loop: each runs the spanning tree */

	const struct plan_device *devices;
	size_t n_devices;
	const struct plan_iface *ifaces;
	size_t n_ifaces;
	const struct plan_link *links;
	size_t n_links;

	struct arena *arena; /* private */
};

/* Cannot fail: the lab is valid. */
struct plan *plan_from_lab(const struct lab *lab);
struct plan *plan_free(struct plan *plan); /* accepts NULL, returns NULL */

/* One line of JSON, which the caller frees. -EILSEQ when a path is no UTF-8. */
int plan_to_json(const struct plan *plan, char **ret, size_t *ret_len);

/* 0, or -EBADMSG with a constant or jansson's sentence in |reterr| (of |size| bytes). All indexes
 * are checked, so a plan that was read can be walked. */
int plan_from_json(const char *json, size_t len, struct plan **ret, char *reterr, size_t size);

/* The device, interface or link of a name, or NULL. */
const struct plan_device *plan_find_device(const struct plan *plan, const char *name);
const struct plan_link *plan_find_link(const struct plan *plan, const char *name);

/* Private to plan*.c: fills ifaces and n_ifaces of each device, in the order of the links. */
void plan_list_ifaces(struct plan *plan, struct plan_device *devices);

#endif
