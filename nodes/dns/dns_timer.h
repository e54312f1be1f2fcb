/* dns_timer.h: the timed objects of a machine's one heap, and what each of them is. */
#ifndef LABD_DNS_TIMER_H
#define LABD_DNS_TIMER_H

#include "base/heap.h"

enum dns_timer_kind {
	DNS_TIMER_CACHE,  /* struct dns_entry: its TTL ran out */
	DNS_TIMER_QUERY,  /* struct dns_query: no answer yet */
	DNS_TIMER_FAILED, /* struct dns_failure: old enough to be forgotten */
	DNS_TIMER_JOB,	  /* struct dns_job: its clients waited long enough */
	DNS_TIMER_CONN,	  /* struct dns_conn: idle */
};

struct dns_timer {
	struct timer t;
	enum dns_timer_kind kind;
};

/* A turn's list of effects has an end: so many timers, and so many facts ended by them, an event.
 */
#define DNS_TIMERS_PER_EVENT 32
#define DNS_FACTS_PER_EVENT  1024

#define dns_timer_owner(ptr, type) timer_owner(ptr, type, timer)

#endif
