/* dhcp4.h: DHCPv4 and BOOTP: client, server, relay (RFC 951, 1542, 2131, 2132, 3046, 3927, 5227).
 *
 * Two machines:
 *   dhcp4.client  one state machine for each interface that has `ip address dhcp|bootp`, with
 *                 RFC 3927 autoconfiguration beside it; UDP 68, ARP
 *   dhcp4.server  pools, leases, conflicts; UDP 67, ICMP echo for probes. It owns the port of the
 *                 relay as well: a datagram that came in on an interface with helper addresses, and
 *                 every reply that names one of this device's addresses as giaddr, goes through the
 *                 pure functions of dhcp4_relay.c. One socket, one order of decisions.
 *
 * The server's socket exists once a pool, a helper address or a `service dhcp` line is configured
 * (also `no service dhcp`: then each request is a drop with a reason). A device that was never told
 * about DHCP leaves the port to others.
 *
 * struct dhcp4_conf is made and changed by the lines of dhcp4_conf.c alone; the machines read it in
 * EV_START and EV_CONF. What the lines did is kept in its notes, so that a machine can tell each
 * change as a decision; a line's handler itself has no effects.
 *
 * Durable facts: dhcp4_lease and dhcp4_conflict (server), dhcp4_client_lease (client). They come
 * back as EV_RESTORE, so a restarted server knows its leases and a restarted client starts in
 * INIT-REBOOT. Ownership: the shell owns the configuration, a machine everything it allocates.
 * Times are lab time in ns; a lease of NEVER has no end (0xffffffff seconds on the wire). */
#ifndef LABD_DHCP4_H
#define LABD_DHCP4_H

#include "proto.h"

#define DHCP4_POOLS_MAX	     128
#define DHCP4_EXCLUDED_MAX   128    /* excluded ranges */
#define DHCP4_HELPERS_MAX    8	    /* helper addresses of one interface */
#define DHCP4_POOL_OPTS_MAX  24	    /* options of one pool */
#define DHCP4_LIST_ADDRS_MAX 8	    /* addresses in one option of a pool */
#define DHCP4_NOTES_MAX	     512    /* configuration changes that can wait to be told */
#define DHCP4_PLEN_MIN	     8	    /* of a pool's network */
#define DHCP4_LEASES_MAX     262144 /* lease records of one server */

/* An option that a pool gives to its clients. */
struct dhcp4_pool_opt {
	uint8_t code;
	uint8_t len;
	uint8_t data[255];
};

/* `ip dhcp pool NAME`: a network to lease from, or one manual binding (`host`). */
struct dhcp4_pool_conf {
	char name[64];
	struct addr network; /* unset: none yet, or a manual binding */
	uint8_t plen;
	struct addr host;  /* manual binding: the address; unset: none */
	uint8_t host_plen; /* 0 = that of the network pool around it, else of the class */
	bool has_mac;
	struct mac mac; /* hardware-address */
	uint8_t id[64]; /* client-identifier */
	uint8_t id_len; /* 0 = none */
	char client_name[64];
	nsec_t lease_ns;
	bool has_lease;		 /* else one day */
	char bootfile[128];	 /* in the file field */
	struct addr next_server; /* siaddr; unset = 0.0.0.0 (BOOTP: the server itself) */
	bool update_dns;
	struct dhcp4_pool_opt *opts; /* in order of code */
	unsigned n_opts;
};

enum dhcp4_if_mode { DHCP4_IF_OTHER, DHCP4_IF_DHCP, DHCP4_IF_BOOTP };

struct dhcp4_if_conf {
	uint32_t ifid;
	enum dhcp4_if_mode mode;
	uint32_t mode_line; /* counts the lines that set the mode: a line typed again starts anew */
	bool broadcast_flag;
	bool start_delay;  /* wait 1-10 s before the first DISCOVER */
	int autoconfig;	   /* unanswered DISCOVERs before autoconfiguration; 0 never, -1 default */
	int arp_probes;	   /* of an acknowledged address; -1 default */
	char hostname[64]; /* option 12; "" = the device's */
	uint8_t client_id[64]; /* option 61; length 0 = 1 and the MAC address */
	uint8_t client_id_len;
	struct addr helpers[DHCP4_HELPERS_MAX];
	unsigned n_helpers;
};

struct dhcp4_range {
	struct addr low, high;
};

enum dhcp4_relay_policy { DHCP4_INFO_REPLACE, DHCP4_INFO_KEEP, DHCP4_INFO_DROP };

/* What a configuration line did, until the server machine tells it. */
enum dhcp4_note_kind {
	DHCP4_NOTE_POOL,
	DHCP4_NOTE_NETWORK,
	DHCP4_NOTE_DNS,
	DHCP4_NOTE_ROUTER,
	DHCP4_NOTE_EXCLUDED,
	DHCP4_NOTE_SERVICE,
	DHCP4_NOTE_DATABASE,
	DHCP4_NOTE_CONFLICT_LOGGING,
	DHCP4_NOTE_TYPO,
};

struct dhcp4_note {
	enum dhcp4_note_kind kind;
	bool off; /* the "no" form */
	char pool[64];
	char text[160];
};

struct dhcp4_conf {
	struct dhcp4_pool_conf *pools[DHCP4_POOLS_MAX]; /* in the order they were made */
	unsigned n_pools;
	struct dhcp4_range excluded[DHCP4_EXCLUDED_MAX];
	unsigned n_excluded;
	struct dhcp4_if_conf *ifs;
	unsigned n_ifs;
	bool service;	   /* service dhcp */
	bool service_line; /* said, either way */
	bool authoritative;
	bool conflict_logging;
	unsigned ping_packets;
	nsec_t ping_timeout_ns;
	char database[128]; /* URL; "" = none */
	nsec_t database_delay_ns;
	bool relay_info;
	enum dhcp4_relay_policy relay_policy;
	bool relay_trust;
	unsigned relay_hops;
	uint32_t pools_changed;	  /* counts changes of pools and exclusions */
	struct dhcp4_note *notes; /* a ring of DHCP4_NOTES_MAX, made with the first note */
	uint32_t n_notes;	  /* ever */
};

/* The interface's part, or NULL when no line has named it. */
const struct dhcp4_if_conf *dhcp4_if_conf(const struct dhcp4_conf *conf, uint32_t ifid);
bool dhcp4_excluded(const struct dhcp4_conf *conf, const struct addr *a);
const struct dhcp4_pool_opt *dhcp4_pool_opt(const struct dhcp4_pool_conf *pool, uint8_t code);

struct dhcp4_client;
struct dhcp4_server;

extern const struct machine_class dhcp4_client_class;
extern const struct machine_class dhcp4_server_class;

/* dhcp4_facts.c */
extern const struct fact_kind dhcp4_lease_fact;
extern const struct fact_kind dhcp4_conflict_fact;
extern const struct fact_kind dhcp4_pool_fact;
extern const struct fact_kind dhcp4_client_lease_fact;
extern const struct fact_kind dhcp4_client_fact;
extern const struct fact_kind dhcp4_autoconf_fact;

extern const struct proto dhcp4_proto;

#endif
