/* dns_query.h: asking one server one question: the half of a resolver that client and server share.
 *
 * Each query draws a fresh id and binds a fresh UDP socket on a port it draws as well (RFC 5452
 * §9), both from the machine's seed. Repeats go out from the same socket with the same id. A
 * truncated answer is asked for again over TCP. What comes in is told to nobody until it passes
 * every test; the owner of the struct dns_asker feeds it events and timers and learns what became
 * of which query:
 *
 *   DNS_HEARD_NOTHING   dropped, repeated, or not for a query: nothing for the owner to do
 *   DNS_HEARD_ANSWER    a response; the owner reads it and calls dns_query_end()
 *   DNS_HEARD_SILENCE   no response after the last repeat, or none possible; the same
 *   DNS_HEARD_LATE      none yet, of a |patient| query: it goes on listening without a timer, until
 *                       the owner calls dns_query_repeat() or dns_query_end()
 *
 * The asker owns its queries (at most |max|), their sockets and timers. Sockets are numbered from
 * |sock_base| up, below SOCK_ACCEPTED. */
#ifndef LABD_DNS_QUERY_H
#define LABD_DNS_QUERY_H

#include "base/rng.h"
#include "base/sbuf.h"
#include "dns/dns_timer.h"
#include "dns/dns_wire.h"
#include "proto.h"

#define DNS_QUERIES_MAX 256

enum dns_query_state { DNS_Q_FREE, DNS_Q_UDP, DNS_Q_CONNECTING, DNS_Q_TCP };

struct dns_query {
	struct dns_timer timer;
	enum dns_query_state state;
	uint16_t id, port;
	uint32_t sock; /* of the transport in use */
	unsigned tries_left, rebinds_left;
	nsec_t timeout_ns;
	struct addr server;
	struct dns_name name, zone;
	uint16_t type;
	bool rd, patient;
	void *owner;
	struct sbuf in; /* TCP */
};

struct dns_ask {
	struct dns_name name;
	uint16_t type;
	struct addr server;
	struct dns_name zone; /* that the server is asked as the authority of; the root otherwise */
	bool rd;
	bool patient; /* the owner repeats it, when it thinks fit */
	unsigned repeats;
	nsec_t timeout_ns;
	void *owner;
};

struct dns_asker {
	struct rng rng;
	struct timer_heap *timers;
	uint32_t sock_base, generation;
	unsigned max, n_busy;
	struct dns_query *queries[DNS_QUERIES_MAX]; /* made when first needed, then kept */
};

enum dns_heard { DNS_HEARD_NOTHING, DNS_HEARD_ANSWER, DNS_HEARD_SILENCE, DNS_HEARD_LATE };

struct dns_news {
	enum dns_heard heard;
	struct dns_query *query;
	struct dns_msg msg; /* DNS_HEARD_ANSWER: points into the event or the query */
	const char *why;    /* DNS_HEARD_SILENCE: for people */
};

void dns_asker_init(struct dns_asker *a, uint64_t seed, struct timer_heap *timers,
		    uint32_t sock_base, unsigned max);
void dns_asker_done(struct dns_asker *a);
/* Decides, binds and sends. NULL when |max| queries are under way. */
struct dns_query *dns_ask(struct dns_asker *a, struct fx *fx, nsec_t now,
			  const struct dns_ask *ask);
/* The same question from the same socket: an answer to either is one. */
void dns_query_repeat(struct dns_asker *a, struct fx *fx, nsec_t now, struct dns_query *q,
		      nsec_t timeout_ns);
void dns_query_end(struct dns_asker *a, struct fx *fx, struct dns_query *q);
/* EV_DATAGRAM, EV_OPENED, EV_BYTES, EV_CLOSED, EV_DONE of the asker's sockets. */
void dns_asker_event(struct dns_asker *a, const struct ev *ev, struct fx *fx, struct dns_news *ret);
/* A timer of kind DNS_TIMER_QUERY. */
void dns_asker_timer(struct dns_asker *a, struct dns_timer *timer, nsec_t now, struct fx *fx,
		     struct dns_news *ret);

#endif
