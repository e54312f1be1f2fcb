/*
 * NFLOG: packets that a firewall rule reported, with the rule's own words (acl.h).
 *
 * A reader is bound to one group of one namespace; one reader a group (-EPERM). Its socket is
 * non-blocking, for an event loop: when nflog_fd() is readable, call nflog_next() until it returns
 * 0. The kernel gathers reports for up to 10 ms or 16 packets.
 *
 * A packet's bytes point into the reader and are good until the next call. When the kernel had to
 * drop reports, `n_lost` of the next packet counts them; -ENOBUFS alone is no error but that sign.
 */
#ifndef NETNS_NFLOG_H
#define NETNS_NFLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct netns_err;

#define NFLOG_PREFIX_LEN  128	/* with the NUL */
#define NFLOG_PAYLOAD_MAX 65535 /* bytes of one packet */

struct nflog_packet {
	char prefix[NFLOG_PREFIX_LEN];
	int in_index, out_index; /* interfaces; 0: none */
	uint8_t hook;		 /* NF_INET_* */
	uint16_t protocol;	 /* EtherType */
	uint32_t mark;
	uint8_t mac[8]; /* of the sender, as received */
	uint8_t mac_len;
	int64_t time_ns;	/* wall clock of its arrival; 0: the kernel took none */
	uint32_t n_lost;	/* reports lost just before this one */
	const uint8_t *payload; /* from the IP header on */
	size_t payload_len;	/* at most what was asked for; the packet may be longer */
};

struct nflog;

/* |copy_bytes|: of each packet. |ns_fd| may be NS_CURRENT. */
int nflog_open(int ns_fd, uint16_t group, uint32_t copy_bytes, struct nflog **ret_log,
	       struct netns_err *err);
struct nflog *nflog_close(struct nflog *log); /* NULL is fine; returns NULL */
int nflog_fd(const struct nflog *log);

/* 1 and a packet; 0: no more for now; negative errno. */
int nflog_next(struct nflog *log, struct nflog_packet *ret_packet, struct netns_err *err);

#endif
