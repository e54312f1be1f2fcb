/* dhcp4_server.h: the inside of the server machine; private to the dhcp4_server*.c files.
 *
 *   dhcp4_server.c          events in: where a client is, dispatch, timers
 *   dhcp4_server_store.c    records and facts, configuration, restored facts
 *   dhcp4_server_offer.c    DISCOVER: which address, and the echo probe before it is offered
 *   dhcp4_server_request.c  REQUEST, RELEASE, DECLINE, INFORM
 *   dhcp4_server_bootp.c    requests without option 53
 *   dhcp4_server_reply.c    a reply's contents and destination
 *   dhcp4_server_ddns.c     DNS updates for leases
 *   dhcp4_server_file.c     the database agent
 *   dhcp4_server_show.c     the commands
 *
 * A message is handled as one struct dhcp4_request, which lives on the stack. While an address is
 * probed the request's bytes are kept with the lease record and are read again afterwards. */
#ifndef LABD_DHCP4_SERVER_H
#define LABD_DHCP4_SERVER_H

#include "base/rng.h"
#include "dhcp4/dhcp4.h"
#include "dhcp4/dhcp4_leases.h"
#include "dhcp4/dhcp4_wire.h"

#define DHCP4_OFFER_HOLD      (60 * SEC)  /* an offer is kept for the client */
#define DHCP4_CONFLICT_HOLD   (600 * SEC) /* an address in use, when conflicts are not logged */
#define DHCP4_LEASE_DEFAULT   (86400 * SEC)
#define DHCP4_LEASE_SHORTEST  (60 * SEC) /* that a client may ask for */
#define DHCP4_PROBES_MAX      4096	 /* addresses being probed at once */
#define DHCP4_PROBE_BYTES     1472	 /* of a request that waits for its probe */
#define DHCP4_TIMERS_PER_TURN 500
#define DHCP4_SHOW_MAX	      8000 /* rows that one command prints */
#define DHCP4_DDNS_MAX	      32   /* DNS updates without an answer */

enum { SOCK4_SERVER = 1, SOCK4_ICMP = 2, SOCK4_DDNS = 3 };

/* How the address in an offer was found. */
enum dhcp4_found {
	FOUND_MANUAL,
	FOUND_LEASE,	 /* bound or offered to this client */
	FOUND_PREVIOUS,	 /* was this client's */
	FOUND_REQUESTED, /* option 50 */
	FOUND_FREE,
};

/* A DISCOVER whose address is being probed. */
struct dhcp4_probe {
	enum dhcp4_found found;
	unsigned n_sent;
	uint16_t seq;
	uint32_t ifid;
	uint32_t cause; /* the DISCOVER's packet */
	struct addr src, dst;
	bool broadcast;
	size_t len;
	uint8_t data[DHCP4_PROBE_BYTES];
};

struct dhcp4_request {
	const struct dhcp4_msg *m;
	const uint8_t *data; /* the bytes of m */
	size_t len;
	struct addr src, dst;
	bool broadcast; /* sent to all hosts of the link */
	const struct iface *in;
	uint32_t cause; /* its packet, as fx_because() names it */
	nsec_t now;
	struct dhcp4_key key;
	struct mac mac;
	/* dhcp4_server_locate() */
	struct addr local;	   /* our address towards the client */
	uint32_t network, mask;	   /* where the client is, host order */
	struct dhcp4_pool *pool;   /* its network pool, or NULL */
	struct dhcp4_pool *manual; /* its manual binding there, or NULL */
};

/* A reply ready to be sent; `bytes` must outlive the send. */
struct dhcp4_reply {
	struct fx_send send;
	uint8_t bytes[DHCP4_LEN_MAX];
};

struct dhcp4_stats {
	uint64_t received[DHCP4_INFORM + 1]; /* by type; [0] = BOOTREQUEST */
	uint64_t sent[DHCP4_INFORM + 1];     /* [0] = BOOTREPLY */
	uint64_t malformed, expired;
};

struct dhcp4_ddns {
	bool used;
	uint16_t id;
	unsigned n_sent;
	nsec_t next_ns;
	struct addr server, addr;
	bool add;
	uint32_t ttl; /* seconds */
	char name[128], zone[128];
};

struct dhcp4_server {
	const struct device *dev;
	const struct dhcp4_conf *conf;
	struct dhcp4_leases leases;
	struct rng rng;
	bool started, bound, icmp_bound, ddns_bound;
	unsigned n_probes;
	uint16_t probe_id, probe_seq;
	uint32_t notes_told;
	uint32_t pools_seen; /* conf->pools_changed that the leases know */
	struct dhcp4_stats stats;
	uint32_t clear_call;	     /* `clear ip dhcp binding *` under way; 0 = none */
	struct dhcp4_ddns *ddns;     /* DHCP4_DDNS_MAX */
	nsec_t ddns_at, database_at; /* NEVER = nothing to do */
	uint32_t database_ask;	     /* id of the write under way; 0 = none */
	nsec_t database_written;     /* time of the last good write; -1 = never */
	uint32_t database_failures;
	char database_why[ANSWER_WHY_MAX];
};

/* dhcp4_server.c */
/* Fills local, network, mask, pool, manual. False: the client is on no network of ours, which has
 * then been decided (unless fx is NULL). */
bool dhcp4_server_locate(struct dhcp4_server *s, struct dhcp4_request *q, struct fx *fx);
void dhcp4_server_no_pool(const struct dhcp4_request *q, struct fx *fx);

/* dhcp4_server_store.c */
void dhcp4_server_configure(struct dhcp4_server *s, nsec_t now, struct fx *fx);
void dhcp4_server_restore(struct dhcp4_server *s, const struct ev *ev);
/* Begins the fact of a lease as it is now. */
void dhcp4_server_tell(struct dhcp4_server *s, const struct dhcp4_lease *x, struct fx *fx);
/* Ends the fact and the record. */
void dhcp4_server_end(struct dhcp4_server *s, struct dhcp4_lease *x, const char *why,
		      struct fx *fx);
/* Somebody else uses the address: no client gets it any more. */
void dhcp4_server_conflict(struct dhcp4_server *s, struct dhcp4_lease *x, const char *method,
			   nsec_t now, struct fx *fx);
/* An address that is never given to a second client, as a decision. */
void dhcp4_server_taken(const struct dhcp4_request *q, const struct dhcp4_lease *x, struct fx *fx);
/* The record of q->manual, made when there is none; NULL, decided, when another client has it. */
struct dhcp4_lease *dhcp4_server_manual_record(struct dhcp4_server *s, struct dhcp4_request *q,
					       struct fx *fx);
const char *dhcp4_server_lease_type(const struct dhcp4_lease *x);

/* dhcp4_server_offer.c */
void dhcp4_server_discover(struct dhcp4_server *s, struct dhcp4_request *q, struct fx *fx);
void dhcp4_server_probe_timeout(struct dhcp4_server *s, struct dhcp4_lease *x, nsec_t now,
				struct fx *fx);
void dhcp4_server_icmp(struct dhcp4_server *s, const struct ev *ev, struct fx *fx);
/* Closes the ICMP socket when nothing is probed any more. */
void dhcp4_server_probe_end(struct dhcp4_server *s, struct dhcp4_lease *x, struct fx *fx);

/* dhcp4_server_request.c */
void dhcp4_server_request(struct dhcp4_server *s, struct dhcp4_request *q, struct fx *fx);
void dhcp4_server_release(struct dhcp4_server *s, struct dhcp4_request *q, struct fx *fx);
void dhcp4_server_decline(struct dhcp4_server *s, struct dhcp4_request *q, struct fx *fx);
void dhcp4_server_inform(struct dhcp4_server *s, struct dhcp4_request *q, struct fx *fx);
void dhcp4_server_bind(struct dhcp4_server *s, struct dhcp4_request *q, struct dhcp4_lease *x,
		       nsec_t lease_ns, struct fx *fx);

/* dhcp4_server_bootp.c */
void dhcp4_server_bootp(struct dhcp4_server *s, struct dhcp4_request *q, struct fx *fx);

/* dhcp4_server_reply.c */
/* Length of the lease that this client gets from the pool. */
nsec_t dhcp4_server_lease_ns(const struct dhcp4_request *q, const struct dhcp4_pool *pool);
/* Builds OFFER or ACK (x = the lease; lease_ns) or, without x, the ACK to an INFORM or a BOOTREPLY
 * (yiaddr for the latter). The decisions about contents and destination are taken here; the caller
 * takes its own one and then sends. */
void dhcp4_server_reply(struct dhcp4_server *s, const struct dhcp4_request *q, enum dhcp4_type type,
			const struct dhcp4_lease *x, nsec_t lease_ns, struct dhcp4_reply *ret,
			struct fx *fx);
void dhcp4_server_bootreply(struct dhcp4_server *s, const struct dhcp4_request *q,
			    const struct dhcp4_lease *x, struct dhcp4_reply *ret, struct fx *fx);
void dhcp4_server_nak(struct dhcp4_server *s, const struct dhcp4_request *q, const char *why,
		      struct dhcp4_reply *ret, struct fx *fx);

/* dhcp4_server_ddns.c */
void dhcp4_server_ddns(struct dhcp4_server *s, const struct dhcp4_lease *x, bool add, nsec_t now,
		       struct fx *fx);
void dhcp4_server_ddns_timer(struct dhcp4_server *s, nsec_t now, struct fx *fx);
void dhcp4_server_ddns_answer(struct dhcp4_server *s, const struct ev *ev, struct fx *fx);

/* dhcp4_server_file.c */
void dhcp4_server_file_changed(struct dhcp4_server *s, nsec_t now);
void dhcp4_server_file_timer(struct dhcp4_server *s, nsec_t now, struct fx *fx);
void dhcp4_server_file_answer(struct dhcp4_server *s, const struct ev *ev);

/* dhcp4_server_show.c: commands */
void dhcp4_server_show_binding(void *m, const struct call *call, nsec_t now, struct fx *fx);
void dhcp4_server_show_pool(void *m, const struct call *call, nsec_t now, struct fx *fx);
void dhcp4_server_show_conflict(void *m, const struct call *call, nsec_t now, struct fx *fx);
void dhcp4_server_show_database(void *m, const struct call *call, nsec_t now, struct fx *fx);
void dhcp4_server_show_statistics(void *m, const struct call *call, nsec_t now, struct fx *fx);
void dhcp4_server_clear_binding(void *m, const struct call *call, nsec_t now, struct fx *fx);
void dhcp4_server_clear_conflict(void *m, const struct call *call, nsec_t now, struct fx *fx);
void dhcp4_server_clear_statistics(void *m, const struct call *call, nsec_t now, struct fx *fx);
/* "Jan 01 2026 08:00 AM", as IOS prints the clock. */
const char *dhcp4_time_text(const struct device *dev, nsec_t at, char *out, size_t size);

#endif
