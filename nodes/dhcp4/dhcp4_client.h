/* dhcp4_client.h: the inside of the client machine; private to the dhcp4_client*.c files.
 *
 *   dhcp4_client.c       the machine: configuration, links, timers; states and sockets
 *   dhcp4_client_recv.c  replies: checks, OFFER, ACK, NAK, BOOTREPLY
 *   dhcp4_client_send.c  requests: contents, destination, retransmission
 *   dhcp4_client_lease.c what was given: addresses, routes, resolver, facts
 *   dhcp4_autoconf.c     169.254/16 while no server answers (RFC 3927), ARP
 *   dhcp4_client_show.c  the commands
 *
 * One struct dhcp4_client_if an interface. Until it has an address it sends and hears whole frames
 * (SOCK_UDP_RAW, source 0.0.0.0); once bound it uses the kernel's UDP. The state's setter opens and
 * closes the sockets, so a message is always sent after the state it belongs to was entered. */
#ifndef LABD_DHCP4_CLIENT_H
#define LABD_DHCP4_CLIENT_H

#include "base/heap.h"
#include "base/rng.h"
#include "dhcp4/dhcp4.h"
#include "dhcp4/dhcp4_wire.h"

#define C4_ADDRS_MAX	    4	      /* of each list that a client remembers */
#define C4_RETRY_FIRST	    (4 * SEC) /* RFC 2131 §4.1: 4, 8, 16, 32, 64 s, +-1 s */
#define C4_RETRY_LAST	    (64 * SEC)
#define C4_RETRY_JITTER	    (1 * SEC)
#define C4_REQUESTING_TRIES 4 /* 60 s */
#define C4_REBOOTING_TRIES  2 /* 12 s */
#define C4_INFORM_TRIES	    3
#define C4_RENEW_MIN	    (60 * SEC) /* RFC 2131 §4.4.5 */
#define C4_DECLINE_WAIT	    (10 * SEC) /* RFC 2131 §3.1 step 5 */
#define C4_PROBE_WAIT	    (1 * SEC)  /* for an answer to an ARP probe of a leased address */
#define C4_LEASE_DEFAULT    (3600 * SEC)
#define C4_COMMAND_WAIT	    (12 * SEC) /* ipconfig /renew gives up */
#define C4_AUTOCONF_AFTER   2	       /* unanswered DISCOVERs */
#define C4_CALLS_MAX	    8	       /* commands that wait */

enum c4_state {
	C4_OFF,	    /* not configured, or the link is down */
	C4_WAITING, /* INIT, with a wait before the first message */
	C4_SELECTING,
	C4_REQUESTING,
	C4_REBOOTING,
	C4_CHECKING, /* acknowledged; ARP probe under way */
	C4_BOUND,
	C4_RENEWING,
	C4_REBINDING,
	C4_RELEASED, /* by command: idle until /renew */
	C4_BOOTP,    /* BOOTREQUEST sent */
	C4_BOOTP_BOUND,
	N_C4_STATES
};

enum c4_timer_kind { C4_RETRY, C4_LEASE, C4_AUTOCONF, C4_INFORM, C4_COMMAND, N_C4_TIMERS };

struct c4_timer {
	struct timer timer;
	struct dhcp4_client_if *ci;
	enum c4_timer_kind kind;
};

/* What a reply gave. */
struct c4_params {
	struct addr addr, server;
	uint8_t plen;
	struct addr routers[C4_ADDRS_MAX], dns[C4_ADDRS_MAX], netbios[C4_ADDRS_MAX],
		tftp[C4_ADDRS_MAX];
	unsigned n_routers, n_dns, n_netbios, n_tftp;
	char domain[128], tftp_name[128], boot_file[DHCP4_FILE_LEN + 1], wpad[128];
	struct addr next_server;
	nsec_t lease_ns, t1_ns, t2_ns; /* from the request on; NEVER = without end */
};

enum ll_state { LL_OFF, LL_PROBING, LL_ASSIGNED };

struct c4_autoconf {
	enum ll_state state;
	struct addr addr; /* candidate, or assigned */
	unsigned n_probes, n_announced, n_conflicts;
	nsec_t defended_ns; /* last defence; -1 = none */
	struct rng rng;	    /* from the MAC address alone: a host prefers the same address always */
	bool seeded;
};

struct c4_inform {
	bool active;
	uint32_t xid;
	unsigned n_sent;
	nsec_t start_ns;
	struct addr addr;
	uint32_t call;
};

struct dhcp4_client_if {
	struct dhcp4_client *client;
	uint32_t ifid;
	unsigned slot;
	enum c4_state state;
	enum dhcp4_if_mode mode; /* as configured when last looked */
	uint32_t mode_line;
	struct c4_timer timers[N_C4_TIMERS];
	uint32_t xid;	   /* of the transaction in progress, or of the last one */
	nsec_t start_ns;   /* of the acquisition: the base of secs */
	uint16_t secs;	   /* of the DISCOVER; a REQUEST repeats it */
	nsec_t request_ns; /* first REQUEST of this transaction: leases count from it */
	unsigned n_sent;
	unsigned n_naks;	/* in a row */
	unsigned n_arp;		/* probes sent in CHECKING */
	bool renew_told;	/* that the server does not answer */
	struct c4_params offer; /* REQUESTING, CHECKING: what is being taken */
	bool leased;		/* `lease` holds */
	bool applied;		/* its address is on the interface */
	struct c4_params lease;
	nsec_t obtained_ns, t1_at, t2_at, expires_at; /* NEVER = without end */
	struct addr last_addr;			      /* remembered for option 50; unset = none */
	struct addr gone_addr;			      /* taken off the interface a moment ago */
	struct mac server_mac; /* next hop of the server, heard with the ACK */
	bool has_server_mac;
	bool raw_open, udp_open, arp_open;
	struct c4_autoconf ll;
	struct c4_inform inform;
	uint32_t renew_call;   /* command that waits for a lease; 0 = none */
	uint32_t renewed_call; /* the last one that did */
	bool renew_failed;     /* how it went */
};

/* A command whose output waits for the routing table. */
struct c4_show {
	uint32_t call; /* 0 = free */
	uint32_t ask_id;
	bool all;
	int status;
};

struct dhcp4_client {
	const struct device *dev;
	const struct dhcp4_conf *conf;
	struct dhcp4_client_if **ifs; /* in order of first use; slot = place */
	unsigned n_ifs;
	struct timer_heap timers;
	struct rng rng;
	struct c4_show shows[C4_CALLS_MAX];
	uint32_t next_ask;
	bool renewing; /* ipconfig /renew is still beginning */
};

enum { SOCK4_RAW = 1, SOCK4_UDP = 2, SOCK4_ARP = 3, SOCKS4_PER_IF = 4 };

/* dhcp4_client.c */
const struct iface *c4_iface(const struct dhcp4_client_if *ci);
struct mac c4_mac(const struct dhcp4_client_if *ci);
const char *c4_ifname(const struct dhcp4_client_if *ci);
const struct dhcp4_if_conf *c4_conf(const struct dhcp4_client_if *ci);
struct dhcp4_client_if *c4_by_ifid(struct dhcp4_client *c, uint32_t ifid);
struct dhcp4_client_if *c4_get(struct dhcp4_client *c, uint32_t ifid); /* makes it if need be */
/* The only writer of ci->state; asserts legal moves, opens and closes sockets, tells the fact. */
void c4_move(struct dhcp4_client_if *ci, enum c4_state to, struct fx *fx);
const char *c4_state_name(enum c4_state state);
void c4_update_sockets(struct dhcp4_client_if *ci, struct fx *fx);
uint32_t c4_sock(const struct dhcp4_client_if *ci, uint32_t which);
void c4_set_timer(struct dhcp4_client_if *ci, enum c4_timer_kind kind, nsec_t at_ns);
void c4_clear_timer(struct dhcp4_client_if *ci, enum c4_timer_kind kind);
bool c4_has_address(const struct dhcp4_client_if *ci); /* bound, one way or the other */
/* Starts anew: with the stored lease, else with a DISCOVER or BOOTREQUEST. */
void c4_begin(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx);
void c4_restart(struct dhcp4_client_if *ci, nsec_t wait_ns, nsec_t now, struct fx *fx);

/* dhcp4_client_send.c */
nsec_t c4_retry_delay(struct dhcp4_client_if *ci, unsigned n_sent);
uint32_t c4_new_xid(struct dhcp4_client *c);
void c4_discover(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx);
void c4_discover_again(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx);
void c4_request_offer(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx);
void c4_request_again(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx);
void c4_reboot(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx);
void c4_renew(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx);
void c4_rebind(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx);
void c4_renew_again(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx);
void c4_decline(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx);
/* The RELEASE itself; the caller unbinds afterwards. */
void c4_send_release(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx);
void c4_send_inform(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx);
void c4_bootp(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx);
void c4_bootp_again(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx);

/* dhcp4_client_recv.c */
void c4_received(struct dhcp4_client_if *ci, const struct ev *ev, struct fx *fx);
/* The next ARP probe of the acknowledged address, or the lease when all went unanswered. */
void c4_check(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx);

/* dhcp4_client_lease.c */
/* Reads a reply. *ret_defaults: what was missing (text for a decision), or NULL. */
void c4_params_read(const struct dhcp4_msg *m, struct c4_params *ret, const char **ret_defaults);
/* Takes ci->offer: configures the interface, begins the fact, sets the lease's timers. */
void c4_take(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx);
void c4_take_bootp(struct dhcp4_client_if *ci, const struct c4_params *p, nsec_t now,
		   struct fx *fx);
/* The address leaves the interface and the lease ends; the stored copy is gone too. */
void c4_unbind(struct dhcp4_client_if *ci, const char *why, struct fx *fx);
/* The address leaves the interface; the lease is kept for INIT-REBOOT. */
void c4_unconfigure(struct dhcp4_client_if *ci, struct fx *fx);
void c4_set_resolver(struct dhcp4_client_if *ci, const struct c4_params *p, struct fx *fx);
void c4_restore(struct dhcp4_client *c, const struct ev *ev);
/* "a, b, c"; returns out. */
const char *c4_addrs_text(const struct addr *list, unsigned n, char *out, size_t size);

/* dhcp4_autoconf.c */
void ll_start(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx);
void ll_stop(struct dhcp4_client_if *ci, const char *why, struct fx *fx);
void ll_timer(struct dhcp4_client_if *ci, nsec_t now, struct fx *fx);
/* An ARP packet of another host: conflicts of either kind of address. */
void c4_arp(struct dhcp4_client_if *ci, const struct ev *ev, struct fx *fx);
void c4_arp_send(struct dhcp4_client_if *ci, const struct addr *sender, const struct addr *target,
		 struct fx *fx);

/* dhcp4_client_show.c */
void dhcp4_client_ipconfig(void *m, const struct call *call, nsec_t now, struct fx *fx);
void dhcp4_client_ipconfig_all(void *m, const struct call *call, nsec_t now, struct fx *fx);
void dhcp4_client_release(void *m, const struct call *call, nsec_t now, struct fx *fx);
void dhcp4_client_renew(void *m, const struct call *call, nsec_t now, struct fx *fx);
void dhcp4_client_inform(void *m, const struct call *call, nsec_t now, struct fx *fx);
void dhcp4_client_show_lease(void *m, const struct call *call, nsec_t now, struct fx *fx);
/* The waiting commands, when what they wait for has happened or will not. */
void c4_renew_ended(struct dhcp4_client_if *ci, bool good, struct fx *fx);
void c4_renew_finish(struct dhcp4_client *c, uint32_t call, struct fx *fx);
void c4_inform_ended(struct dhcp4_client_if *ci, const struct c4_params *p, struct fx *fx);
void c4_show_answer(struct dhcp4_client *c, const struct ev *ev, struct fx *fx);

#endif
