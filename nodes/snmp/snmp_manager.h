/* snmp_manager.h: the other side: `snmp get`, `getnext`, `getbulk`, `set` and `walk`, and what
 * others tell on UDP 162.
 *
 * A query is one command. It finds its agent's address and version, and then has one request on its
 * way at a time, until it has what it asked for. */
#ifndef LABD_SNMP_MANAGER_H
#define LABD_SNMP_MANAGER_H

#include "snmp/snmp.h"

#define SNMP_QUERIES_MAX 32
#define SNMP_NAMES_MAX	 4     /* of one command */
#define SNMP_WALK_MAX	 10000 /* lines of a walk */
#define SNMP_REPETITIONS 10    /* of a GetBulk, unless it is said */

enum snmp_op { SNMP_OP_GET, SNMP_OP_GETNEXT, SNMP_OP_GETBULK, SNMP_OP_WALK, SNMP_OP_SET };

struct snmp_query {
	struct snmp_query *next;
	struct timer timer;
	uint32_t call, resolving; /* resolving: the question for the address; 0 = none */
	enum snmp_op op;
	char host[ASK_NAME_MAX], community[SNMP_COMMUNITY_MAX + 1];
	struct ep agent;
	int32_t version;
	bool guessed;	     /* nobody knows the agent's version */
	int32_t once, times; /* GetBulk */
	struct snmp_oid names[SNMP_NAMES_MAX];
	unsigned n_names;
	struct snmp_value value; /* Set; its data are in `text` */
	char text[LINE_MAX_LEN];
	struct snmp_oid root; /* of a walk */
	unsigned n_shown;
	/* what is on its way */
	uint8_t pdu;
	int32_t id;
	unsigned tries;
	size_t len;
	uint8_t octets[SNMP_MESSAGE_MAX];
};

struct snmp_manager {
	const struct device *dev;
	const struct snmp_conf *conf;
	uint64_t seed;
	bool bound, bound_traps;
	uint32_t next_ask, n_requests, n_traps;
	int32_t next_id;
	struct timer_heap timers;
	struct snmp_query *queries;
	unsigned n_queries;
	struct snmp_known *known; /* SNMP_AGENTS_MAX; NULL before the first */
	unsigned n_known;
};

enum { SNMP_SOCK_QUERIES = 1, SNMP_SOCK_QUERIES6, SNMP_SOCK_162, SNMP_SOCK_162_6 };

/* snmp_manager.c */
void snmp_run(void *machine, const struct call *call, nsec_t now, struct fx *fx);
/* Sends the request that the query is at; its timer is set. */
void snmp_query_send(struct snmp_manager *m, struct snmp_query *q, nsec_t now, struct fx *fx);
void snmp_query_end(struct snmp_manager *m, struct snmp_query *q, int status, struct fx *fx);

/* snmp_command.c: a line that was typed to a query. NULL, or why not. */
const char *snmp_command_read(const struct call *call, struct snmp_query *q, struct fx *fx);

/* snmp_result.c: the response to the request on its way. */
void snmp_query_result(struct snmp_manager *m, struct snmp_query *q, const struct snmp_msg *r,
		       nsec_t now, struct fx *fx);

/* snmp_receive.c: UDP 162. */
void snmp_receive(struct snmp_manager *m, const struct ev *ev, struct fx *fx);

/* snmp_proxy.c: false: it is of no agent that this device is a proxy for. */
bool snmp_proxy_trap(struct snmp_manager *m, const struct ev *ev, const struct snmp_msg *t,
		     const struct snmp_oid *name, struct fx *fx);

extern const struct machine_class snmp_manager_class;
extern const struct fact_kind snmp_trap_fact, snmp_mib_value_fact;

#endif
