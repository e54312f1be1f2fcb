/* ntp.h: the clock of a device, and how it is kept right: NTP client and server (RFC 5905).
 *
 * One machine, ntp.host, on every device with an IP stack: it owns the device's clock (set by hand,
 * by servers, or trusted as it is by `ntp master`), polls servers, and answers others from what it
 * knows. Offsets are kept against lab time, not against the device's clock: so a clock that is set
 * or slewed makes no sample wrong.
 *
 * Ownership: the configuration object is the shell's; the machine owns peers and samples. */
#ifndef LABD_NTP_H
#define LABD_NTP_H

#include "ntp/ntp_wire.h"
#include "proto.h"

#define NTP_PEERS_MAX	   8  /* servers configured */
#define NTP_KEYS_MAX	   32 /* authentication keys, and ranges of trusted ones */
#define NTP_MASTER_STRATUM 8
#define NTP_MINPOLL	   6 /* log2 of seconds: 64 s */
#define NTP_MAXPOLL	   10

struct ntp_server_conf {
	struct addr addr;
	uint8_t version, minpoll, maxpoll;
	bool prefer;
	uint32_t key;	      /* 0 = none */
	uint32_t source_ifid; /* 0 = that of `ntp source`, or the kernel's choice */
	uint32_t written;     /* counts how often the line was entered */
};

struct ntp_trust {
	uint32_t first, last;
};

struct ntp_conf {
	bool authenticate;
	uint8_t master; /* stratum; 0 = no ntp master */
	uint32_t source_ifid;
	uint32_t written;
	unsigned n_servers, n_keys, n_trusted;
	struct ntp_server_conf *servers; /* NTP_PEERS_MAX; these are NULL before the first */
	struct ntp_key *keys;		 /* NTP_KEYS_MAX */
	struct ntp_trust *trusted;	 /* NTP_KEYS_MAX */
};

const struct ntp_key *ntp_conf_key(const struct ntp_conf *conf, uint32_t id); /* or NULL */
bool ntp_conf_trusts(const struct ntp_conf *conf, uint32_t id);

extern const struct machine_class ntp_host_class;
extern const struct fact_kind ntp_peer_fact, clock_fact;
extern const struct codec ntp_codec;
extern const struct proto ntp_proto;

#endif
