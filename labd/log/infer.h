/* infer.h: decisions that no node tells of, concluded from the frames around a device.
 *
 * Most drops happen in the kernel. A switch's frame that went in is compared with those that came
 * out; a router's likewise, but for the octets that forwarding changes; an ICMP error quotes the
 * packet it is about; a wrong checksum is seen. The rules are infer_rules.def, their rows are
 * marked `inferred`, and where the frames do not tell why, the sentence says so.
 *
 * Frames come in order of time. What has to wait for frames that may follow (did anything leave the
 * switch?) is settled by infer_settle(). Above INFER_PER_WINDOW rows of one rule and device in
 * 100 ms, further ones become one row with a count, as in a node. Everything is bounded. */
#ifndef LABD_LOG_INFER_H
#define LABD_LOG_INFER_H

#include "base/rule.h"
#include "labd/log/log.h"
#include "labd/log/store.h"
#include "labd/log/tie.h"

#define INFER_PENDING	 16384u
#define INFER_PER_WINDOW 100u
#define INFER_WAIT_NS	 (30 * MSEC) /* between a frame into a device and its copy out of it */
/* The same for a router that has to find its next hop's address first, over a slow line or in vain:
 * the kernel asks by ARP three times, a second apart, before it gives up. */
#define INFER_ROUTE_WAIT_NS (3500 * MSEC)

enum infer_rule {
	INFER_WIRE_LOST,
	INFER_WIRE_QUEUE,
	INFER_WIRE_DOWN,
	INFER_WIRE_DUPLICATE,
	INFER_WIRE_REORDER,
	INFER_WIRE_CORRUPT,
	INFER_ETH_OTHER_HOST,
	INFER_BRIDGE_LEARN,
	INFER_BRIDGE_MOVE,
	INFER_BRIDGE_FORWARD,
	INFER_BRIDGE_FLOOD,
	INFER_BRIDGE_CONSUME,
	INFER_BRIDGE_SAME_PORT,
	INFER_BRIDGE_NOT_FORWARDED,
	INFER_ARP_REPLY,
	INFER_ARP_UNANSWERED,
	INFER_ND_REPLY,
	INFER_IP_FORWARD,
	INFER_IP_BAD_SUM,
	INFER_IP_MALFORMED,
	INFER_IP_TTL,
	INFER_IP_NO_ROUTE,
	INFER_IP_HOST_UNREACHABLE,
	INFER_IP_PROHIBITED,
	INFER_IP_TOO_BIG,
	INFER_IP_NO_PROTOCOL,
	INFER_IP_NOT_FORWARDED,
	INFER_ICMP_ECHO_REPLY,
	INFER_ICMP_BAD_SUM,
	INFER_UDP_NO_LISTENER,
	INFER_UDP_BAD_SUM,
	INFER_TCP_NO_LISTENER,
	INFER_TCP_BAD_SUM,
	N_INFER_RULES,
};

struct infer;

struct infer_env {
	const struct log_args *args;
	const struct tie_way *ways; /* by way id */
	uint32_t n_ways;
	unsigned first_rule; /* rule id of the first inferred one */
	struct store *store;
};

struct infer_frame {
	struct tie_frame f;
	nsec_t time_ns;
	uint16_t fate;
};

extern const struct rule infer_rules[N_INFER_RULES];

struct infer *infer_new(const struct infer_env *env);
struct infer *infer_free(struct infer *x);
void infer_frame(struct infer *x, const struct infer_frame *f);
/* A node told of a decision about this packet: nothing is to be inferred for it in that device. */
void infer_decided(struct infer *x, uint32_t device, uint64_t packet);
/* The device holds this address: it said so itself. */
void infer_own_address(struct infer *x, uint32_t device, const struct addr *addr);
/* Everything up to then was shown. */
void infer_settle(struct infer *x, int64_t seen_ns, nsec_t time_ns);

#endif
