/* dns_server.h: the inside of the machine dns.server, shared by its files.
 *
 *   dns_server.c   the machine: sockets, what is a query and what is not, the database's facts
 *   dns_search.c   SearchDnsRecursively: database, cache, aliases; what is known at once
 *   dns_ns.c       NSSearchRecursively: whom to ask when it is not
 *   dns_jobs.c     searches that wait: the waiting-query-vector, secondary queries, failed queries
 *   dns_reply.c    from a search's result to bytes
 *   dns_stream.c   TCP: framing, pipelining, zone transfers
 *   dns_update.c   dynamic updates; dns_overlay.c keeps them, dns_build.c applies them
 *
 * A request is one client's question. A search runs through database and cache in one go; when it
 * needs another server it becomes a job, its clients wait at the job, and every response runs the
 * job's search again from the start: what has come in meanwhile is in the cache. A job waits for
 * one query, or for one other job (the address of a name server, the target of an alias); servers
 * that are overdue are heard besides.
 *
 * Ownership: the machine owns all; a job its waiters and its query; results point into database,
 * cache and the frames of the search, and hold for the turn. */
#ifndef LABD_DNS_SERVER_H
#define LABD_DNS_SERVER_H

#include "dns/dns.h"
#include "dns/dns_cache.h"
#include "dns/dns_db.h"
#include "dns/dns_query.h"

enum {
	DNS_SOCK_UDP4 = 1,
	DNS_SOCK_UDP6 = 2,
	DNS_SOCK_TCP4 = 3,
	DNS_SOCK_TCP6 = 4,
	DNS_SOCK_QUERIES = 16,
};

#define DNS_JOBS_MAX	 512
#define DNS_WAITERS_MAX	 1024
#define DNS_FAILURES_MAX 1024
#define DNS_CONNS_MAX	 64
/* A turn's list of effects has an end: what is left after so many replies goes on in the next. */
#define DNS_REPLIES_PER_EVENT 200
#define DNS_LINKS_MAX	      16 /* links of a chain of CNAMEs */
#define DNS_LATE_MAX	      4	 /* servers of one search that are overdue */
#define DNS_DEPTH_MAX	      20 /* searches within searches */
#define DNS_FOUND_SETS_MAX    (DNS_LINKS_MAX + DNS_NODE_SETS_MAX)

struct dns_request {
	struct ep client, local;
	uint32_t ifid;
	uint32_t sock; /* UDP socket or connection */
	bool tcp;
	uint64_t offset; /* of the message in the stream */
	uint32_t cause;	 /* the packet that asked, for decisions of later events */
	uint16_t id, flags;
	bool edns;
	uint16_t udp_size; /* the asker's, when edns */
	struct dns_question q;
};

/* --- results --- */

enum dns_outcome {
	DNS_FOUND,
	DNS_PENDING,
	DNS_NO_DATA, /* the name exists, the type does not */
	DNS_NO_NAME, /* the name does not exist */
	DNS_FAILURE, /* servers failed, or limits were reached */
	DNS_REFER,   /* to the servers of a delegation */
	DNS_REFUSE,  /* not ours, and no recursion */
	DNS_CYCLE,   /* cannot be known without knowing it already */
};

struct dns_found_set {
	struct dns_name owner;
	const struct dns_rrset *set;
	uint32_t ttl;
};

/* Not to be cleared as a whole: what counts is said by the numbers in front. */
struct dns_found {
	unsigned n;
	bool aa, local;		   /* of the first name; local: from the database */
	bool soa_ttl;		   /* its zone has an SOA */
	struct dns_job *waits_for; /* DNS_PENDING */
	/* SOA for the authority section of a negative answer */
	const struct dns_name *soa_owner;
	const struct dns_rrset *soa;
	uint32_t soa_ttl_secs;
	/* the servers of a referral */
	const struct dns_node *refer;
	bool refer_root; /* to the root hints */
	struct dns_found_set sets[DNS_FOUND_SETS_MAX];
};

static inline void dns_found_init(struct dns_found *found)
{
	found->n = 0;
	found->aa = found->local = found->soa_ttl = false;
	found->waits_for = NULL;
	found->soa_owner = NULL;
	found->soa = NULL;
	found->soa_ttl_secs = 0;
	found->refer = NULL;
	found->refer_root = false;
}

/* One SearchDnsRecursively under way. */
struct dns_frame {
	struct dns_name name;
	const char *text; /* the name for people; the caller's */
	uint16_t type;
	bool rd;	/* may ask others */
	bool glue;	/* address of a name server: glue will do */
	unsigned depth; /* searches around this one */
	unsigned links; /* aliases followed to get here */
	const struct dns_frame *up;
	struct dns_job *job; /* NULL until it must wait */
	/* found out on the way */
	const struct dns_node *closest, *apex, *cut;
	bool exists;
};

/* --- jobs --- */

struct dns_waiter {
	struct dns_waiter *next;
	struct dns_request req;
};

struct dns_job {
	struct dns_link link;
	struct dns_timer timer; /* the end of its clients' patience */
	struct dns_name name;
	uint16_t type;
	bool glue;
	struct dns_waiter *waiters;
	unsigned n_waiters;
	struct dns_query *query; /* waits for this answer */
	/* These are overdue; they are heard still, while other servers are asked. */
	struct dns_query *late[DNS_LATE_MAX];
	unsigned n_late;
	bool again;		 /* no other server is left: the overdue ones once more */
	struct dns_job *child;	 /* or for this job */
	struct dns_job *parents; /* jobs that wait for this one, by next_parent */
	struct dns_job *next_parent;
	struct dns_job *next_ready;
	bool ready, shown;
	unsigned n_queries; /* sent for it and for jobs it waited for */
};

/* One query that one server failed to answer; forgotten after a while. */
struct dns_failure {
	struct dns_link link;
	struct dns_timer timer;
	struct dns_failure *prev, *next; /* oldest first */
	struct dns_name name;
	uint16_t type;
	struct addr server;
};

/* --- streams --- */

/* Where a zone transfer is: the next record to send. */
struct dns_axfr_at {
	size_t node;
	unsigned set;
	size_t pos;
	bool begun; /* the first SOA is out */
};

struct dns_conn {
	struct dns_timer timer;
	uint32_t sock;
	struct ep client, local;
	uint32_t ifid;
	unsigned n_waiting; /* requests of it that have no answer yet */
	bool finished;	    /* the peer has closed its side */
	bool busy;	    /* its input is being worked on */
	bool more;	    /* whole messages are left in the input */
	struct sbuf in;
	uint64_t in_offset; /* of the input's first octet in the stream */
	uint32_t cause;	    /* the packet that brought the last of it */
	/* a zone transfer under way; axfr NULL = none */
	const struct dns_node *axfr;
	struct dns_axfr_at axfr_at, axfr_before; /* now, and before the last message */
	bool axfr_last;				 /* that message was the last */
	bool axfr_full;				 /* waits until the peer has read */
	struct dns_request axfr_req;
};

/* --- the machine --- */

struct dns_published; /* a record that is a fact */
struct dns_change;    /* a record that an update has added or taken away */

struct dns_stats {
	uint64_t udp, tcp, dropped, answers, negative, failures, refused, secondary, truncated;
};

struct dns_server {
	const struct device *dev;
	const struct dns_conf *conf;
	struct timer_heap timers;
	struct dns_db *db;
	struct dns_cache cache;
	struct dns_asker asker;
	struct dns_table jobs, failures;
	struct dns_failure *first_failure, *last_failure;
	struct dns_job *ready, *last_ready;
	unsigned n_waiters;
	unsigned n_replied; /* to those who waited, in this event */
	unsigned n_facts;   /* of the cache that ended in this event */
	bool by_timer;	    /* this event has no packet of its own */
	struct dns_conn *conns[DNS_CONNS_MAX];
	bool bound, listening;
	uint64_t seed;
	uint32_t n_updates;	   /* dynamic ones that changed something */
	uint32_t changes_at_start; /* of the configuration: serials count from there */
	uint8_t *big;		   /* a message over TCP with its length; made when first needed */
	/* forwarders in use: configured, else name servers; never the device itself */
	struct addr forwarders[DNS_SERVERS_MAX];
	unsigned n_forwarders;
	struct dns_stats stats;
	/* dns_overlay.c: what updates have changed, over the configuration */
	struct dns_table overlay;
	struct dns_change *first_change, *last_change;
	/* dns_facts.c: the database as facts, told in pieces */
	struct dns_table published;
	struct dns_published **published_list;
	size_t n_published, published_size;
	uint32_t publish_round;
	size_t publish_node, publish_pos, publish_sweep;
	unsigned publish_set;
	bool publishing;
};

/* dns_server.c */
/* |req| says whence it came; the rest of it is filled in. */
void dns_server_message(struct dns_server *s, struct dns_request *req, const uint8_t *data,
			size_t len, nsec_t now, struct fx *fx);
bool dns_server_is_self(const struct dns_server *s, const struct addr *a);
/* Configuration or overlay have changed. */
void dns_server_rebuild(struct dns_server *s, struct fx *fx);

/* dns_build.c */
struct dns_db *dns_build(const struct dns_server *s);

/* dns_overlay.c: keeps the changes of updates apart from the configuration, so that a new line of
 * that does not undo them. */
bool dns_overlay_removed(const struct dns_server *s, const struct dns_name *owner, uint16_t type,
			 const uint8_t *data, uint16_t len);
bool dns_overlay_added(const struct dns_server *s, const struct dns_name *owner, uint16_t type,
		       const uint8_t *data, uint16_t len);
/* 0, or -ENOSPC. */
int dns_overlay_change(struct dns_server *s, bool add, const struct dns_name *owner, uint16_t type,
		       uint32_t ttl, const uint8_t *data, uint16_t len);
void dns_overlay_add(const struct dns_server *s, struct dns_db *db);
void dns_overlay_done(struct dns_server *s);

/* dns_update.c: RFC 2136 */
bool dns_update_enabled(const struct dns_server *s);
void dns_update(struct dns_server *s, const struct dns_request *req, const struct dns_msg *m,
		struct fx *fx);
/* May this address do what |t| speaks of? |by_default|: hosts directly connected may. */
bool dns_permits(const struct dns_server *s, const struct dns_transfers *t, bool by_default,
		 const struct addr *who);

/* dns_search.c */
enum dns_outcome dns_search(struct dns_server *s, struct dns_frame *f, nsec_t now, struct fx *fx,
			    struct dns_found *ret);
/* The addresses known of a name server's name: database with glue, then cache with glue. */
unsigned dns_known_addrs(const struct dns_server *s, nsec_t now, const struct dns_name *name,
			 struct addr *out, unsigned max);

/* dns_ns.c */
enum dns_outcome dns_search_elsewhere(struct dns_server *s, struct dns_frame *f, nsec_t now,
				      struct fx *fx, struct dns_found *ret);

/* dns_jobs.c */
struct dns_job *dns_job_find(const struct dns_server *s, const struct dns_name *name,
			     uint16_t type);
/* The frame's job, made when it has none; NULL when there are too many. */
struct dns_job *dns_job_of(struct dns_server *s, struct dns_frame *f, nsec_t now, struct fx *fx);
/* Does |job| wait for one of the searches around |f|, so that |f| may not wait for it? */
bool dns_job_needs(const struct dns_job *job, const struct dns_frame *f);
void dns_job_wait(struct dns_job *parent, struct dns_job *child);
/* False when the search may ask no more. */
bool dns_job_may_ask(const struct dns_server *s, const struct dns_job *job);
bool dns_job_ask(struct dns_server *s, struct dns_job *job, const struct addr *server,
		 const struct dns_name *zone, bool rd, nsec_t now, struct fx *fx);
/* The server was asked, is overdue, and others come before it. |job| may be NULL. */
bool dns_job_is_late(const struct dns_job *job, const struct addr *server);
/* The client waits at the job. False when too many do. */
bool dns_job_add_waiter(struct dns_server *s, struct dns_job *job, const struct dns_request *req);
void dns_jobs_drop_conn(struct dns_server *s, uint32_t sock);
void dns_jobs_news(struct dns_server *s, const struct dns_news *n, nsec_t now, struct fx *fx);
void dns_jobs_timer(struct dns_server *s, struct dns_timer *t, nsec_t now, struct fx *fx);
/* Runs what the last event has made ready, until nothing is. */
void dns_jobs_run(struct dns_server *s, nsec_t now, struct fx *fx);
void dns_jobs_done(struct dns_server *s);
/* The fact that it waits, and for whom. */
void dns_job_show(struct dns_job *job, struct fx *fx);
/* A job that was made in vain: it never waited. */
void dns_job_discard(struct dns_server *s, struct dns_job *job, struct fx *fx);

/* dns_failed.c */
bool dns_failed_has(const struct dns_server *s, const struct dns_name *name, uint16_t type,
		    const struct addr *server);
void dns_failed_add(struct dns_server *s, const struct dns_name *name, uint16_t type,
		    const struct addr *server, const char *why, nsec_t now, struct fx *fx);
void dns_failed_expire(struct dns_server *s, struct dns_timer *t, struct fx *fx);
void dns_failed_clear(struct dns_server *s, struct fx *fx);

/* dns_learn.c: what a response teaches the cache, or the failed queries list. */
void dns_learn(struct dns_server *s, const struct dns_query *q, const struct dns_msg *m, nsec_t now,
	       struct fx *fx);

/* dns_reply.c. |resumed|: the search had waited. */
void dns_reply(struct dns_server *s, const struct dns_request *req, enum dns_outcome outcome,
	       const struct dns_found *found, bool resumed, nsec_t now, struct fx *fx);
/* A reply with nothing but a code. */
void dns_reply_code(struct dns_server *s, const struct dns_request *req, unsigned rcode,
		    bool with_question, struct fx *fx);
void dns_send(struct dns_server *s, const struct dns_request *req, const uint8_t *data, size_t len,
	      struct fx *fx);
uint8_t *dns_big_buffer(struct dns_server *s);

/* dns_stream.c */
void dns_stream_opened(struct dns_server *s, const struct ev *ev, struct fx *fx);
void dns_stream_bytes(struct dns_server *s, const struct ev *ev, struct fx *fx);
void dns_stream_drained(struct dns_server *s, const struct ev *ev, struct fx *fx);
/* A write failed: the peer reads too slowly, or is gone. */
void dns_stream_failed(struct dns_server *s, const struct ev *ev, struct fx *fx);
void dns_stream_closed(struct dns_server *s, const struct ev *ev, struct fx *fx);
void dns_stream_timer(struct dns_server *s, struct dns_timer *t, nsec_t now, struct fx *fx);
void dns_stream_answered(struct dns_server *s, uint32_t sock, struct fx *fx);
struct dns_conn *dns_stream_find(const struct dns_server *s, uint32_t sock);
void dns_stream_close_all(struct dns_server *s, struct fx *fx);
void dns_streams_done(struct dns_server *s);
/* AXFR and IXFR: transfers begin here, everybody else is refused. */
void dns_axfr(struct dns_server *s, const struct dns_request *req, const struct dns_msg *m,
	      nsec_t now, struct fx *fx);
void dns_axfr_abort(struct dns_server *s, struct fx *fx);

/* dns_facts.c */
void dns_publish_begin(struct dns_server *s);
/* Tells a piece; more to come while s->publishing. */
void dns_publish(struct dns_server *s, struct fx *fx);
void dns_publish_done(struct dns_server *s);
/* EV_RESTORE of a dns_record: it is a fact already; a dynamic one is a record again. */
void dns_restore(struct dns_server *s, const struct ev *ev);
/* At the start: serials go on from those that an earlier life told; they never go back. */
void dns_restore_serials(struct dns_server *s);

#endif
