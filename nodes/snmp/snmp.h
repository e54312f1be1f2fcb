/* snmp.h: the Simple Network Management Protocol, versions 1 and 2c.
 *
 * snmp.agent answers on UDP 161 from a MIB that is made anew for each request out of the device and
 * its kernel's tables, so that every value is the one of that moment; what a manager may set goes
 * through the device's own configuration lines. It also tells hosts what happens (traps, informs).
 * snmp.manager runs the `snmp` commands and takes others' traps on UDP 162.
 *
 *   snmp_ber, snmp_oid, snmp_wire   octets        snmp_mib*    what there is to ask for
 *   snmp_agent                      requests in   snmp_answer, snmp_set   responses out
 *   snmp_notify                     traps out     snmp_manager, snmp_receive   the other side
 *
 * The configuration object is the shell's. Machines own their queues; nothing is allocated before
 * it is needed. */
#ifndef LABD_SNMP_H
#define LABD_SNMP_H

#include "base/heap.h"
#include "base/sbuf.h"
#include "proto.h"
#include "snmp/snmp_wire.h"

#define SNMP_COMMUNITIES_MAX 16
#define SNMP_HOSTS_MAX	     16
#define SNMP_VIEWS_MAX	     64 /* lines of all views */
#define SNMP_AGENTS_MAX	     32 /* whose version a manager knows */
#define SNMP_PROXIES_MAX     16
#define SNMP_TEXT_MAX	     255 /* of contact and location: DisplayString, RFC 3418 */
#define SNMP_JOBS_MAX	     64	 /* requests and traps that wait for the kernel's tables */
#define SNMP_REPETITIONS_MAX 100

struct snmp_community {
	char name[SNMP_COMMUNITY_MAX + 1];
	char view[32]; /* "" = everything */
	char list[64]; /* access list of managers; "" = anybody */
	bool writes;
};

struct snmp_host {
	struct ep ep;
	int32_t version;
	bool inform;
	char community[SNMP_COMMUNITY_MAX + 1];
};

struct snmp_view_line {
	char name[32];
	struct snmp_oid root;
	bool included;
};

/* Requests with the community are for this agent of version 1. */
struct snmp_proxy {
	char community[SNMP_COMMUNITY_MAX + 1], remote[SNMP_COMMUNITY_MAX + 1];
	struct addr agent;
};

struct snmp_known {
	struct addr agent;
	int32_t version;
};

/* Whose numbers are those of v1's generic traps, and the last sub-identifiers in v2 less one. */
enum snmp_event {
	SNMP_COLD_START,
	SNMP_WARM_START,
	SNMP_LINK_DOWN,
	SNMP_LINK_UP,
	SNMP_AUTH_FAILURE,
	SNMP_N_EVENTS
};

struct snmp_conf {
	char *contact, *location;	    /* NULL = "" */
	struct snmp_community *communities; /* SNMP_COMMUNITIES_MAX; NULL before the first */
	struct snmp_host *hosts;	    /* SNMP_HOSTS_MAX; NULL before the first */
	struct snmp_view_line *views;	    /* SNMP_VIEWS_MAX; NULL before the first */
	unsigned n_communities, n_hosts, n_views;
	unsigned events;	    /* BIT(snmp_event) that are told to hosts */
	struct snmp_proxy *proxies; /* SNMP_PROXIES_MAX; NULL before the first */
	unsigned n_proxies;
	/* the manager */
	bool manager;	  /* takes traps on UDP 162 */
	bool version_set; /* `version` is every agent's that is not in `agents` */
	int32_t version;
	struct snmp_known *agents; /* SNMP_AGENTS_MAX; NULL before the first */
	unsigned n_agents;
	nsec_t timeout_ns; /* for a response */
	unsigned retries;
};

/* RFC 3418 §2, the snmp group; the order is that of its objects, 0 = unused. */
struct snmp_counts {
	uint32_t n[33];
};
enum {
	SNMP_IN_PKTS = 1,
	SNMP_OUT_PKTS,
	SNMP_IN_BAD_VERSIONS,
	SNMP_IN_BAD_COMMUNITIES,
	SNMP_IN_BAD_USES,
	SNMP_IN_PARSE_ERRORS,
	SNMP_IN_TOTAL_REQ_VARS = 13,
	SNMP_IN_TOTAL_SET_VARS,
	SNMP_IN_GETS,
	SNMP_IN_GETNEXTS,
	SNMP_IN_SETS,
	SNMP_IN_RESPONSES,
	SNMP_IN_TRAPS,
	SNMP_OUT_TOO_BIGS,
	SNMP_OUT_NO_SUCH_NAMES,
	SNMP_OUT_BAD_VALUES,
	SNMP_OUT_GEN_ERRS = 24,
	SNMP_OUT_RESPONSES = 28,
	SNMP_OUT_TRAPS,
	SNMP_ENABLE_AUTHEN_TRAPS,
	SNMP_SILENT_DROPS,
	SNMP_PROXY_DROPS,
};

/* --- snmp_mib.c: the objects -------------------------------------------------------------- */

enum snmp_table {
	SNMP_SCALAR,
	SNMP_INTERFACES,
	SNMP_ADDRESSES,
	SNMP_ROUTES,
	SNMP_NEIGHBOURS,
	SNMP_N_TABLES
};
enum { SNMP_ASKS = 4 };
extern const enum kernel_table snmp_asks[SNMP_ASKS];

#define SNMP_INDEX_MAX 5

/* A row of a table: its index, and which item of its source it is. */
struct snmp_row {
	uint32_t index[SNMP_INDEX_MAX];
	unsigned n_index, item, iface; /* iface: of dev->ifaces */
};

struct snmp_mib {
	const struct device *dev;
	const struct snmp_conf *conf;
	const struct snmp_counts *counts;
	const nsec_t *changed;		      /* of each interface; NULL: none has */
	nsec_t now, since;		      /* since: sysUpTime 0 */
	struct kernel_row *kernel[SNMP_ASKS]; /* owned */
	size_t n_kernel[SNMP_ASKS];
	struct snmp_row *rows[SNMP_N_TABLES]; /* sorted by index; owned */
	unsigned n_rows[SNMP_N_TABLES];
	char text[SNMP_TEXT_MAX + 1]; /* of the last value */
};

struct snmp_object {
	const char *name;
	uint8_t oid[12], n;
	uint8_t type;  /* enum snmp_type */
	uint8_t table; /* enum snmp_table */
	void (*value)(struct snmp_mib *m, const struct snmp_object *o, unsigned item,
		      struct snmp_value *v);
	const char *statistic; /* of the kernel: "InReceives" */
	/* Writable: checks, and appends configuration lines. An enum snmp_error. */
	enum snmp_error (*set)(const struct snmp_mib *m, unsigned item, const struct snmp_value *v,
			       struct sbuf *lines);
};

struct snmp_instance {
	const struct snmp_object *object;
	unsigned row; /* of its table */
};

enum snmp_found { SNMP_FOUND, SNMP_FOUND_NO_OBJECT, SNMP_FOUND_NO_INSTANCE };

extern const struct snmp_object snmp_objects[]; /* in the order of their OIDs */
extern const size_t snmp_n_objects;

/* The kernel's rows have come: sorts the tables. */
void snmp_mib_index(struct snmp_mib *m);
void snmp_mib_done(struct snmp_mib *m);
enum snmp_found snmp_mib_find(const struct snmp_mib *m, const struct snmp_oid *oid,
			      struct snmp_instance *ret);
/* The first instance behind `oid`. False: there is none. */
bool snmp_mib_next(const struct snmp_mib *m, const struct snmp_oid *oid, struct snmp_oid *ret_oid,
		   struct snmp_instance *ret);
/* Strings in it live until the next call. */
void snmp_mib_value(struct snmp_mib *m, const struct snmp_instance *i, struct snmp_value *ret);
void snmp_mib_oid(const struct snmp_mib *m, const struct snmp_instance *i, struct snmp_oid *ret);
/* snmp_mib_value.c */
void snmp_value_system(struct snmp_mib *m, const struct snmp_object *o, unsigned item,
		       struct snmp_value *v);
void snmp_value_if_number(struct snmp_mib *m, const struct snmp_object *o, unsigned item,
			  struct snmp_value *v);
void snmp_value_if(struct snmp_mib *m, const struct snmp_object *o, unsigned item,
		   struct snmp_value *v);
void snmp_value_ifx(struct snmp_mib *m, const struct snmp_object *o, unsigned item,
		    struct snmp_value *v);
void snmp_value_address(struct snmp_mib *m, const struct snmp_object *o, unsigned item,
			struct snmp_value *v);
void snmp_value_route(struct snmp_mib *m, const struct snmp_object *o, unsigned item,
		      struct snmp_value *v);
void snmp_value_neighbour(struct snmp_mib *m, const struct snmp_object *o, unsigned item,
			  struct snmp_value *v);
void snmp_value_statistic(struct snmp_mib *m, const struct snmp_object *o, unsigned item,
			  struct snmp_value *v);
void snmp_value_snmp(struct snmp_mib *m, const struct snmp_object *o, unsigned item,
		     struct snmp_value *v);
extern const struct snmp_oid snmp_sys_object_id;
/* snmp_set.c */
enum snmp_error snmp_set_contact(const struct snmp_mib *m, unsigned item,
				 const struct snmp_value *v, struct sbuf *lines);
enum snmp_error snmp_set_name(const struct snmp_mib *m, unsigned item, const struct snmp_value *v,
			      struct sbuf *lines);
enum snmp_error snmp_set_location(const struct snmp_mib *m, unsigned item,
				  const struct snmp_value *v, struct sbuf *lines);
enum snmp_error snmp_set_admin(const struct snmp_mib *m, unsigned item, const struct snmp_value *v,
			       struct sbuf *lines);
enum snmp_error snmp_set_traps(const struct snmp_mib *m, unsigned item, const struct snmp_value *v,
			       struct sbuf *lines);

/* --- snmp_text.c: names and values as people write them ----------------------------------- */

#define SNMP_NAME_MAX (SNMP_OID_TEXT_MAX + 64)
/* sysName.0, or 1.3.6.1.2.1.1.5.0. 0 or -EINVAL. */
int snmp_name_parse(const char *text, struct snmp_oid *ret);
void snmp_name_format(const struct snmp_oid *oid, struct sbuf *out);
const char *snmp_type_name(uint8_t type);
void snmp_value_format(const struct snmp_value *v, struct sbuf *out); /* without its type */
/* "sysName.0 = r1, ..." as much as `out` takes. */
void snmp_binds_format(struct rd binds, bool values, struct sbuf *out);

/* --- the agent ---------------------------------------------------------------------------- */

enum snmp_job_kind { SNMP_JOB_REQUEST, SNMP_JOB_EVENT };

enum snmp_job_stage {
	SNMP_STAGE_QUEUED,
	SNMP_STAGE_LIST,   /* asked whether its manager may ask at all */
	SNMP_STAGE_TABLES, /* asked for the kernel's tables */
	SNMP_STAGE_SET,	   /* asked the configuration to take what is to be set */
};

/* Something that needs the MIB, waiting for the kernel's tables. */
struct snmp_job {
	struct snmp_job *next;
	enum snmp_job_kind kind;
	uint32_t cause;
	bool allowed; /* by its access list */
	enum snmp_job_stage stage;
	unsigned waiting; /* answers that are to come */
	struct ep src, dst;
	uint32_t sock;
	uint8_t *data; /* SNMP_JOB_REQUEST; owned */
	size_t len;
	enum snmp_event event; /* SNMP_JOB_EVENT */
	uint32_t ifid;
	struct snmp_mib mib;
	struct snmp_out *response; /* in the making; owned */
};

struct snmp_inform;
struct snmp_forward;

struct snmp_agent {
	const struct device *dev;
	const struct snmp_conf *conf;
	struct snmp_counts counts;
	nsec_t since;
	bool started, on,
		cold; /* on: agent or traps are configured; cold: coldStart is still to be told */
	bool bound, bound_traps;
	uint32_t next_ask, first_ask;	   /* first_ask: of the job at the head */
	struct snmp_job *jobs, **jobs_end; /* the head's asks are open */
	unsigned n_jobs;
	uint32_t n_requests;
	nsec_t *changed; /* dev->n_ifaces; NULL before the first */
	uint64_t seed;
	int32_t next_id;
	struct timer_heap timers;
	struct snmp_inform *informs;
	unsigned n_informs;
	uint64_t n_informs_failed;
	struct timer_heap forward_timers;
	struct snmp_forward *forwards;
	unsigned n_forwards;
};

enum { SNMP_SOCK_AGENT = 1, SNMP_SOCK_AGENT6, SNMP_SOCK_TRAPS, SNMP_SOCK_TRAPS6 };

/* The job at the head is done with. */
void snmp_job_done(struct snmp_agent *a, struct fx *fx);
struct snmp_job *snmp_job_new(struct snmp_agent *a, enum snmp_job_kind kind); /* NULL: too many */
/* It is the head's turn if nobody is before it. */
void snmp_job_start(struct snmp_agent *a, struct snmp_job *job, struct fx *fx);
const struct snmp_community *snmp_find_community(const struct snmp_conf *conf, const char *name,
						 size_t len);

/* snmp_answer.c: everything has come. */
void snmp_answer(struct snmp_agent *a, struct snmp_job *job, struct fx *fx);
/* The configuration has taken what was set, or not (err). */
void snmp_answer_set(struct snmp_agent *a, struct snmp_job *job, const struct answer *answer,
		     struct fx *fx);
bool snmp_in_view(const struct snmp_conf *conf, const char *view, const struct snmp_oid *oid);
/* snmp_set.c */
struct snmp_verdict {
	enum snmp_error error; /* as v2 has it */
	int32_t index;	       /* of the binding */
};
/* Checks all bindings; *lines is what the configuration is to take. */
struct snmp_verdict snmp_set_check(const struct snmp_job *job, const struct snmp_msg *m,
				   const struct snmp_community *c, struct sbuf *lines);
void snmp_fact(struct fx *fx, const char *role, uint32_t number, const struct ep *peer,
	       const struct snmp_msg *m, const char *binds, int32_t error, int32_t index);

/* snmp_notify.c */
void snmp_event(struct snmp_agent *a, enum snmp_event event, uint32_t ifid, struct fx *fx);
void snmp_notify(struct snmp_agent *a, struct snmp_job *job, nsec_t now, struct fx *fx);
void snmp_informs_event(struct snmp_agent *a, const struct ev *ev,
			struct fx *fx); /* datagrams, timers */
void snmp_informs_free(struct snmp_agent *a);
int32_t snmp_next_id(struct snmp_agent *a);
/* The socket that traps and forwarded requests leave by; responses come back there. */
uint32_t snmp_trap_sock(struct snmp_agent *a, const struct addr *to, struct fx *fx);
extern const char *const snmp_event_names[SNMP_N_EVENTS];

/* snmp_proxy.c */
const struct snmp_proxy *snmp_find_proxy(const struct snmp_conf *conf, const char *name,
					 size_t len);
void snmp_proxy_request(struct snmp_agent *a, const struct ev *ev, const struct snmp_proxy *p,
			const struct snmp_msg *m, struct fx *fx);
/* False: nobody waits for it. */
bool snmp_proxy_response(struct snmp_agent *a, const struct ev *ev, const struct snmp_msg *r,
			 struct fx *fx);
void snmp_proxy_timer(struct snmp_agent *a, nsec_t now, struct fx *fx);
void snmp_proxy_free(struct snmp_agent *a);

void snmp_show_run(void *machine, const struct call *call, nsec_t now, struct fx *fx);

extern const struct machine_class snmp_agent_class;
extern const struct fact_kind snmp_request_fact;
extern const struct codec snmp_codec;
extern const struct proto snmp_proto;

#endif
