/* ntp_host.h: the inside of the machine ntp.host; private to nodes/ntp. */
#ifndef LABD_NTP_HOST_H
#define LABD_NTP_HOST_H

#include "base/rng.h"
#include "ntp/ntp.h"

#define NTP_SAMPLES	 8
#define NTP_BURST	 4 /* requests at the beginning, */
#define NTP_BURST_GAP	 (2 * SEC)
#define NTP_STEP_LIMIT	 (128 * MSEC)
#define NTP_MAX_DISTANCE (1500 * MSEC)
#define NTP_PRECISION	 (-20) /* log2 s: the clock is read to a microsecond */
#define NTP_PRECISION_NS (1 * USEC)
#define NTP_WANDER_PPM	 15 /* what a clock may go wrong by itself (RFC 5905 §11.3, PHI) */

enum { NTP_SOCK4 = 1, NTP_SOCK6, NTP_SOCK_FIRST = 16 };

/* What one exchange says: how far the server is ahead of lab time, and how well that is known. */
struct ntp_sample {
	nsec_t at; /* when the reply came */
	int64_t ahead_ns, delay_ns, dispersion_ns;
};

struct ntp_peer {
	struct ntp_server_conf conf;
	nsec_t next_ns; /* when it is polled again */
	uint8_t poll;	/* log2 of the interval after the burst */
	unsigned n_polls;
	uint8_t reach;	   /* a bit an exchange, the last one lowest: 1 = answered */
	bool denied;	   /* by a kiss code: nothing more is sent */
	const char *fault; /* why its time is not used; NULL = it may be */

	uint32_t sock; /* of the request that waits for its reply; 0 = none */
	uint64_t transmit;
	nsec_t sent_ns;
	int64_t sent_unix_ns; /* as the device's clock had it */
	bool was_signed;

	struct ntp_sample samples[NTP_SAMPLES]; /* a ring */
	unsigned n_samples, next_sample;
	nsec_t heard_ns;
	bool authentic;
	uint8_t leap, stratum, refid[4]; /* as its last reply said */
	int64_t root_delay_ns, root_dispersion_ns;
	bool falseticker;
};

enum ntp_source { NTP_FROM_NOBODY, NTP_FROM_MASTER, NTP_FROM_SERVER };

struct ntp_host {
	const struct ntp_conf *conf;
	const struct device *dev;
	struct rng rng;
	struct device_clock clock; /* the device's, as of this turn */
	bool by_hand;		   /* `clock set` was the last to set it */
	bool enabled, started;
	unsigned bound; /* BIT(socket) of the server's */
	uint32_t next_sock;
	nsec_t deadline;
	struct ntp_peer *peers; /* NTP_PEERS_MAX; NULL before the first */
	unsigned n_peers;

	enum ntp_source source;
	unsigned chosen; /* NTP_FROM_SERVER: index of the peer */
	nsec_t used_ns;	 /* when the sample came that was used last */
	uint8_t leap, stratum, refid[4];
	int64_t root_delay_ns, root_dispersion_ns; /* as of updated_ns */
	nsec_t updated_ns;
	int64_t reference_ns; /* Unix time: when the clock was last set or corrected */
	const char *why;      /* why nobody is followed */
};

/* ntp_clock.c: the device's clock. */
int64_t ntp_clock_ns(const struct ntp_host *h, nsec_t now); /* Unix time */
/* Brings it `error_ns` forward: at once, or bit by bit. */
void ntp_clock_step(struct ntp_host *h, int64_t error_ns, nsec_t now, struct fx *fx);
void ntp_clock_slew(struct ntp_host *h, int64_t error_ns, nsec_t now, struct fx *fx);
void ntp_clock_trust(struct ntp_host *h, enum clock_trust trust, struct fx *fx);
void ntp_clock_tell(const struct ntp_host *h, nsec_t now, struct fx *fx); /* the fact */
/* "08:00:05.123 UTC Thu Jan 1 2026" */
#define NTP_DATE_LEN 48
const char *ntp_date(int64_t unix_ns, char out[static NTP_DATE_LEN]);
/* "2026-01-01 08:00:05.123456" */
const char *ntp_stamp(int64_t unix_ns, char out[static NTP_DATE_LEN]);
void ntp_clock_set_run(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void ntp_clock_set2_run(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void ntp_clock_show_run(void *machine, const struct call *call, nsec_t now, struct fx *fx);

/* ntp_sample.c: what the samples of a peer say together. */
void ntp_sample_put(struct ntp_peer *p, const struct ntp_sample *s);
const struct ntp_sample *ntp_sample_best(const struct ntp_peer *p); /* NULL = there is none */
int64_t ntp_peer_jitter(const struct ntp_peer *p);
int64_t ntp_peer_dispersion(const struct ntp_peer *p, nsec_t now);
/* How wrong the peer's time may be, over the whole way to the reference. */
int64_t ntp_peer_distance(const struct ntp_peer *p, nsec_t now);
/* What is left of the root dispersion's age included. */
int64_t ntp_root_dispersion(const struct ntp_host *h, nsec_t now);

/* ntp_select.c: whom to follow. */
/* Looks at all peers, follows the best, sets the clock by it. */
void ntp_select(struct ntp_host *h, nsec_t now, struct fx *fx);
const char *ntp_peer_state(const struct ntp_host *h, const struct ntp_peer *p);
void ntp_peer_tell(const struct ntp_host *h, const struct ntp_peer *p, nsec_t now, struct fx *fx);

/* ntp_client.c */
void ntp_client_follow(struct ntp_host *h, nsec_t now, struct fx *fx); /* the configuration */
void ntp_client_timer(struct ntp_host *h, nsec_t now, struct fx *fx);
void ntp_client_readdress(struct ntp_host *h, nsec_t now);
void ntp_client_reply(struct ntp_host *h, const struct ev *ev, struct fx *fx);
void ntp_client_failed(struct ntp_host *h, const struct ev *ev, struct fx *fx);
/* Nothing of this peer is used any more. */
void ntp_peer_distrust(struct ntp_peer *p, const char *why);
struct val ntp_peer_name(const struct ntp_peer *p); /* named "server" */

/* ntp_receive.c: what a reply must pass. False when it was dropped; the rule is decided. */
bool ntp_receive_check(struct ntp_host *h, struct ntp_peer *p, const struct ev *ev,
		       struct ntp_packet *ret, struct fx *fx);

/* ntp_server.c */
void ntp_server_follow(struct ntp_host *h, struct fx *fx);
void ntp_server_request(struct ntp_host *h, const struct ev *ev, struct fx *fx);

/* ntp_show.c */
void ntp_show_status_run(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void ntp_show_associations_run(void *machine, const struct call *call, nsec_t now, struct fx *fx);

#endif
