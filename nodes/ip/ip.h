/* ip.h: interfaces, addresses, static routes, and the commands that ask the network a question.
 *
 * One machine, ip.host, on every device with an IP stack. It compares what the configuration wants
 * with what it has set before and sends the difference to the kernel, so that a changed line
 * changes nothing else. The kernel forwards, answers ARP and echo; those decisions are inferred by
 * the log. ping and tracert build their ICMP messages here (RFC 792).
 *
 * Ownership: the configuration object belongs to the shell; the machine owns its probes. */
#ifndef LABD_NODES_IP_H
#define LABD_NODES_IP_H

#include "proto.h"

#define IP_ADDRS_MAX  8	  /* of one interface, by configuration */
#define IP_ROUTES_MAX 512 /* static routes */
#define IP_PROBES_MAX 16  /* pings and traces at once */

struct ip_if_conf {
	uint32_t ifid;			       /* 0 = unused */
	struct iface_addr addrs[IP_ADDRS_MAX]; /* the first is the primary */
	unsigned n_addrs;
	bool shutdown;
};

struct ip_route {
	struct addr net;
	uint8_t plen;
	struct addr via; /* unset: on link, out of ifid */
	uint32_t ifid;
	uint32_t metric; /* administrative distance */
};

struct ip_conf {
	unsigned n_ifs, n_routes;
	unsigned max_ifs;
	struct ip_if_conf *ifs;	 /* of the device's interfaces, those that have lines */
	struct ip_route *routes; /* IP_ROUTES_MAX */
};

struct ip_host;

/* ip_facts.c: which addresses the device holds, by configuration, DHCP or hand, as facts. */
#define IP_FACTS_MAX 256
struct ip_facts {
	unsigned n_held, room;
	struct ip_held {
		uint32_t ifid;
		struct iface_addr addr;
	} * held;
};
extern const struct fact_kind ip_address_fact;
/* Begins and ends facts until they say what the device's snapshot says. */
void ip_facts_update(struct ip_facts *f, const struct device *dev, struct fx *fx);
void ip_facts_done(struct ip_facts *f);

/* ip_host.c */
extern const struct machine_class ip_host_class;

/* ip_ping.c: called by ip_host.c for the events that concern probes. */
struct ip_probes *ip_probes_new(uint64_t seed);
void ip_probes_free(struct ip_probes *p);
void ip_probes_event(struct ip_probes *p, const struct ev *ev, struct fx *fx);
nsec_t ip_probes_deadline(const struct ip_probes *p);
void ip_ping_run(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void ip_trace_run(void *machine, const struct call *call, nsec_t now, struct fx *fx);
struct ip_probes *ip_host_probes(struct ip_host *host);

/* ip_show.c */
void ip_show_event(const struct ev *ev, struct fx *fx);
void ip_show_arp(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void ip_show_route(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void ip_show_brief(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void ip_show_interfaces(void *machine, const struct call *call, nsec_t now, struct fx *fx);

extern const struct proto ip_proto;

#endif
