/* infer_in.h: the inside of the inference, shared by infer*.c. */
#ifndef LABD_LOG_INFER_IN_H
#define LABD_LOG_INFER_IN_H

#include "base/rule.h"
#include "base/sbuf.h"
#include "labd/log/infer.h"

enum {
	RECENT = 16384,	 /* packets that something may still be said about */
	BUCKETS = 16384, /* of recent and of pending ones */
	OWN_ADDRS_MAX = 64,
	FDB_SIZE = 4096, /* places for addresses that a switch learned; a power of two */
	ARP_MAX = 512,	 /* requests without an answer yet */
};

/* What a switch knows: which of its ports an address is behind. */
struct fdb_entry {
	struct mac mac;
	uint32_t way; /* from the address to the switch; 0 = free (way ids begin at 2) */
	int64_t seen_ns;
};

struct infer_dev {
	const char *name;
	bool bridge, routes;
	struct addr own[OWN_ADDRS_MAX]; /* as it said in ARP */
	unsigned n_own, next_own;
	struct fdb_entry *fdb; /* switches */
};

/* A frame that went into a switch or router and may come out of it. */
struct pending {
	uint64_t seq, prev;
	uint64_t print; /* what in it does not change on the way */
	uint32_t device, way, out_way;
	uint64_t packet, out_packet;
	nsec_t time_ns;
	int64_t at_ns;	 /* when it arrived */
	int64_t look_ns; /* INFER_WAIT_NS after this it is looked at: at_ns, or the last look */
	uint32_t n_out;
	bool bridge, decided, known_port, same_port;
	uint8_t ttl;
	struct mac dst_mac;
	struct addr dst;
};

struct recent {
	uint64_t seq, prev;
	uint64_t key;
	uint64_t packet;
	uint8_t ttl;
};

struct arp_wait {
	uint32_t way; /* of the requests; 0 = free */
	struct addr target;
	uint32_t n;
	uint64_t packet; /* the last one */
	nsec_t time_ns;
	int64_t at_ns;
};

struct infer_rate {
	int64_t window_ns;
	uint32_t in_window, held;
};

struct infer {
	struct infer_env env;
	struct infer_dev *devs; /* by device id */
	uint32_t n_devs;
	const struct log_iface **ifaces; /* by interface id */
	uint32_t n_ifaces;
	struct pending *pending; /* a ring */
	uint64_t first_pending, next_pending;
	uint64_t pending_buckets[BUCKETS];
	struct recent *recent;
	uint64_t next_recent;
	uint64_t recent_buckets[BUCKETS];
	struct arp_wait arp[ARP_MAX];
	struct infer_rate *rates; /* by device id (0: wires) and rule */
	int64_t rates_looked_ns;
	struct sbuf sentence, json;
};

/* What is concluded, about which packet. */
struct conclusion {
	enum infer_rule rule;
	uint32_t device; /* 0: a wire */
	uint64_t packet; /* that caused it */
	uint64_t sent;	 /* that it caused; 0 = none */
	nsec_t time_ns;
	int64_t at_ns;
};

/* infer.c */
void infer_conclude(struct infer *x, const struct conclusion *c, const struct val *values);
#define conclude(x, c, ...) \
	infer_conclude((x), (c), (const struct val[]){ __VA_ARGS__ __VA_OPT__(, ) V_END })
void infer_remember(struct infer *x, uint64_t key, const struct infer_frame *f);
/* The newest packet with that key, or NULL. */
const struct recent *infer_recall(struct infer *x, uint64_t key);
/* Puts one in the ring; when that is full the oldest is settled first. */
struct pending *infer_wait(struct infer *x, const struct infer_frame *f, uint64_t print);
/* The one of this device that the frame is a copy of, or NULL. */
struct pending *infer_find(struct infer *x, uint32_t device, uint64_t print, int64_t at_ns);
const char *infer_port_in(const struct infer *x, uint32_t way);	 /* where it arrives */
const char *infer_port_out(const struct infer *x, uint32_t way); /* where it leaves */
const struct mac *infer_iface_mac(const struct infer *x, uint32_t ifid);
uint64_t infer_hash(uint64_t seed, const void *data, size_t len);

/* infer_bridge.c */
void bridge_in(struct infer *x, const struct infer_frame *f);
void bridge_out(struct infer *x, const struct infer_frame *f);
void bridge_settle(struct infer *x, const struct pending *p);

/* infer_ip.c */
void host_in(struct infer *x, const struct infer_frame *f);
void host_out(struct infer *x, const struct infer_frame *f);
void route_settle(struct infer *x, const struct pending *p);
void arp_settle(struct infer *x, int64_t seen_ns);

#endif
