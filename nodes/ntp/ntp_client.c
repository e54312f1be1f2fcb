/* Polling: when a server is asked, with what, and what becomes of its answer. */
#include "ntp/ntp_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_SPREAD (100 * MSEC) /* so that not all devices ask at one moment */

struct val ntp_peer_name(const struct ntp_peer *p)
{
	return V_ADDR("server", p->conf.addr);
}

void ntp_peer_distrust(struct ntp_peer *p, const char *why)
{
	p->fault = why;
	p->n_samples = p->next_sample = 0;
	p->authentic = false;
}

/* --- requests ----------------------------------------------------------------------------- */

static struct addr source(const struct ntp_host *h, const struct ntp_peer *p)
{
	uint32_t ifid = p->conf.source_ifid ? p->conf.source_ifid : h->conf->source_ifid;
	const struct iface *f = device_iface(h->dev, ifid);

	return f && p->conf.addr.family == 4 ? iface_addr4(f).addr : (struct addr){ 0 };
}

static void close_request(struct ntp_peer *p, struct fx *fx)
{
	if (p->sock)
		fx_close(fx, p->sock, CLOSE_FLUSH);
	p->sock = 0;
}

/* What is below the clock's precision is drawn, so that nobody can guess the whole. */
static uint64_t transmit_time(struct ntp_host *h, int64_t unix_ns)
{
	return (ntp_from_unix(unix_ns) & ~UINT64_C(0xfff)) | rng_below(&h->rng, 0x1000);
}

/* From a port of its own, which is closed with the answer (RFC 9109). */
static void bind_request(struct ntp_host *h, struct ntp_peer *p, struct fx *fx)
{
	p->sock = h->next_sock++;
	if (h->next_sock >= SOCK_ACCEPTED)
		h->next_sock = NTP_SOCK_FIRST;
	fx_bind(fx, &(struct fx_bind){ .sock = p->sock,
				       .kind = SOCK_UDP,
				       .local.addr.family = p->conf.addr.family });
}

static void send_request(struct ntp_host *h, struct ntp_peer *p, nsec_t now, struct fx *fx)
{
	const struct ntp_key *key = p->conf.key ? ntp_conf_key(h->conf, p->conf.key) : NULL;
	struct ntp_packet x = { .leap = h->leap,
				.version = p->conf.version,
				.mode = NTP_CLIENT,
				.stratum = h->stratum < NTP_STRATUM_MAX ? h->stratum : 0,
				.poll = (int8_t)p->poll,
				.precision = NTP_PRECISION };
	uint8_t octets[NTP_PACKET_MAX];
	size_t len = NTP_HEADER_LEN;

	bind_request(h, p, fx);
	p->sent_ns = now;
	p->sent_unix_ns = ntp_clock_ns(h, now);
	p->transmit = x.transmit = transmit_time(h, p->sent_unix_ns);
	p->was_signed = key != NULL;
	ntp_encode(&x, octets);
	if (key) {
		decide(fx, "ntp.client.sign-request", ntp_peer_name(p), V_INT("key", key->id));
		len = ntp_sign(key, octets, len);
	}
	decide(fx, "ntp.client.send-request", ntp_peer_name(p), V_INT("version", x.version));
	fx_send(fx, &(struct fx_send){ .sock = p->sock,
				       .src.addr = source(h, p),
				       .dst = { p->conf.addr, NTP_PORT },
				       .data = octets,
				       .len = len });
}

/* The next request: the first four after 2 s each, then after longer and longer intervals. */
static void back_off(struct ntp_peer *p, nsec_t now, struct fx *fx)
{
	bool burst = p->n_polls < NTP_BURST;
	nsec_t interval = burst ? NTP_BURST_GAP : SEC << p->poll;
	char reach[8];

	p->next_ns = now + interval;
	snprintf(reach, sizeof(reach), "%03o", p->reach);
	if (p->n_polls > 1)
		decide(fx, "ntp.client.poll-backoff", ntp_peer_name(p), V_TEXT("reach", reach),
		       V_DUR("interval", interval));
	if (!burst && p->poll < p->conf.maxpoll)
		p->poll++;
}

static void unreachable(struct ntp_host *h, struct ntp_peer *p, nsec_t now, struct fx *fx)
{
	char a[ADDR_TEXT_LEN];

	fx_log(fx, SEVERITY_WARNING, "NTP", "PEERUNREACH", "Peer %s is unreachable",
	       addr_format(&p->conf.addr, a));
	ntp_select(h, now, fx);
}

static void poll_peer(struct ntp_host *h, struct ntp_peer *p, nsec_t now, struct fx *fx)
{
	uint8_t before = p->reach;

	close_request(p, fx);
	p->reach = (uint8_t)(p->reach << 1);
	if (before && !p->reach)
		unreachable(h, p, now, fx);
	p->n_polls++;
	send_request(h, p, now, fx);
	back_off(p, now, fx);
	ntp_peer_tell(h, p, now, fx);
}

void ntp_client_timer(struct ntp_host *h, nsec_t now, struct fx *fx)
{
	for (unsigned i = 0; i < h->n_peers; i++)
		if (h->peers[i].next_ns <= now)
			poll_peer(h, &h->peers[i], now, fx);
}

/* The device has another address than when nobody answered: once more from the beginning. */
void ntp_client_readdress(struct ntp_host *h, nsec_t now)
{
	for (unsigned i = 0; i < h->n_peers; i++) {
		struct ntp_peer *p = &h->peers[i];

		if (p->reach || p->denied || p->n_polls == 0)
			continue;
		p->n_polls = 0;
		p->poll = p->conf.minpoll;
		p->next_ns = now + (nsec_t)rng_below(&h->rng, START_SPREAD);
	}
}

/* --- answers ------------------------------------------------------------------------------ */

/* offset = ((T2 - T1) + (T3 - T4)) / 2, delay = (T4 - T1) - (T3 - T2), with T1 and T4 in lab time.
 */
static struct ntp_sample sample_of(const struct ntp_host *h, const struct ntp_peer *p,
				   const struct ntp_packet *x, nsec_t now)
{
	int64_t t1 = h->dev->epoch_ns + p->sent_ns, t4 = h->dev->epoch_ns + now;
	int64_t t2 = ntp_to_unix(x->receive), t3 = ntp_to_unix(x->transmit);
	int64_t delay = (t4 - t1) - (t3 - t2);

	return (struct ntp_sample){
		.at = now,
		.ahead_ns = (t2 - t1) / 2 + (t3 - t4) / 2,
		.delay_ns = delay > NTP_PRECISION_NS ? delay : NTP_PRECISION_NS,
		.dispersion_ns = 2 * NTP_PRECISION_NS + (t4 - t1) / 1000000 * NTP_WANDER_PPM,
	};
}

static void accept(struct ntp_host *h, struct ntp_peer *p, const struct ntp_packet *x, nsec_t now,
		   struct fx *fx)
{
	struct ntp_sample s = sample_of(h, p, x, now);
	char t1[NTP_DATE_LEN], t2[NTP_DATE_LEN], t3[NTP_DATE_LEN], t4[NTP_DATE_LEN];

	if (h->conf->authenticate)
		decide(fx, "ntp.client.accept-auth", ntp_peer_name(p), V_INT("key", x->key_id),
		       V_INT("stratum", x->stratum));
	else
		decide(fx, "ntp.client.accept-unauth", ntp_peer_name(p),
		       V_INT("stratum", x->stratum));
	decide(fx, "ntp.client.offset-delay", ntp_peer_name(p),
	       V_DUR("offset", s.ahead_ns - device_clock_offset(&h->clock, now)),
	       V_DUR("delay", s.delay_ns), V_TEXT("t1", ntp_stamp(p->sent_unix_ns, t1)),
	       V_TEXT("t2", ntp_stamp(ntp_to_unix(x->receive), t2)),
	       V_TEXT("t3", ntp_stamp(ntp_to_unix(x->transmit), t3)),
	       V_TEXT("t4", ntp_stamp(ntp_clock_ns(h, now), t4)));
	p->fault = NULL;
	p->leap = x->leap;
	p->root_delay_ns = ntp_short_to_ns(x->root_delay);
	p->root_dispersion_ns = ntp_short_to_ns(x->root_dispersion);
	ntp_sample_put(p, &s);
}

void ntp_client_reply(struct ntp_host *h, const struct ev *ev, struct fx *fx)
{
	struct ntp_peer *p = NULL;
	struct ntp_packet x;

	for (unsigned i = 0; i < h->n_peers && !p; i++)
		if (h->peers[i].sock == ev->dgram.sock)
			p = &h->peers[i];
	if (!p)
		return; /* closed a moment ago */
	if (ntp_receive_check(h, p, ev, &x, fx))
		accept(h, p, &x, ev->now, fx);
	else if (p->sock)
		return; /* the answer may yet come */
	fx_close(fx, ev->dgram.sock, CLOSE_FLUSH);
	p->sock = 0;
	ntp_select(h, ev->now, fx);
	ntp_peer_tell(h, p, ev->now, fx);
}

/* Told by the kernel; the request counts as unanswered. */
void ntp_client_failed(struct ntp_host *h, const struct ev *ev, struct fx *fx)
{
	for (unsigned i = 0; i < h->n_peers; i++) {
		struct ntp_peer *p = &h->peers[i];

		if (p->sock == 0 || p->sock != ev->done.sock)
			continue;
		decide(fx, "ntp.client.send-failed", ntp_peer_name(p),
		       V_TEXT("reason", ev->done.text));
	}
}

/* --- the configuration -------------------------------------------------------------------- */

static struct ntp_peer *peer_find(struct ntp_host *h, const struct addr *a)
{
	for (unsigned i = 0; i < h->n_peers; i++)
		if (addr_equal(&h->peers[i].conf.addr, a))
			return &h->peers[i];
	return NULL;
}

static bool is_configured(const struct ntp_conf *conf, const struct addr *a)
{
	for (unsigned i = 0; i < conf->n_servers; i++)
		if (addr_equal(&conf->servers[i].addr, a))
			return true;
	return false;
}

static void remove_peer(struct ntp_host *h, unsigned i, struct fx *fx)
{
	struct ntp_peer *p = &h->peers[i];
	char key[ADDR_TEXT_LEN];

	close_request(p, fx);
	fx_fact_end(fx, &ntp_peer_fact, addr_format(&p->conf.addr, key),
		    "it is configured no more");
	h->n_peers--;
	memmove(p, p + 1, (h->n_peers - i) * sizeof(*p));
	if (h->source != NTP_FROM_SERVER)
		return;
	if (h->chosen > i)
		h->chosen--;
	else if (h->chosen == i)
		h->chosen = NTP_PEERS_MAX; /* none of those that are left */
}

static void begin_peer(struct ntp_host *h, struct ntp_peer *p, const struct ntp_server_conf *conf,
		       nsec_t now)
{
	*p = (struct ntp_peer){ .conf = *conf,
				.poll = conf->minpoll,
				.next_ns = now + (nsec_t)rng_below(&h->rng, START_SPREAD) };
}

/* A line that was entered again begins anew, also with a server that had denied service. */
static void follow_server_line(struct ntp_host *h, const struct ntp_server_conf *conf, nsec_t now,
			       struct fx *fx)
{
	struct ntp_peer *p = peer_find(h, &conf->addr);

	if (p && p->conf.written == conf->written)
		return;
	if (p) {
		close_request(p, fx);
		begin_peer(h, p, conf, now);
		return;
	}
	if (!h->peers)
		h->peers = calloc(NTP_PEERS_MAX, sizeof(*h->peers));
	if (!h->peers)
		abort();
	begin_peer(h, &h->peers[h->n_peers++], conf, now);
}

void ntp_client_follow(struct ntp_host *h, nsec_t now, struct fx *fx)
{
	unsigned before = h->n_peers;

	for (unsigned i = h->n_peers; i-- > 0;)
		if (!is_configured(h->conf, &h->peers[i].conf.addr))
			remove_peer(h, i, fx);
	for (unsigned i = 0; i < h->conf->n_servers; i++)
		follow_server_line(h, &h->conf->servers[i], now, fx);
	if (h->n_peers == 0 && (before > 0 || (h->enabled && !h->started)))
		decide(fx, "ntp.client.no-server");
	ntp_select(h, now, fx);
}
