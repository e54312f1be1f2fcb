/* Whom to follow, and setting the clock by it (RFC 5905 §11.2 and §11.3, simplified). */
#include "base/crypto.h"
#include "base/sbuf.h"
#include "ntp/ntp_host.h"

#include <stdlib.h>
#include <string.h>

#define MIN_DISTANCE (1 * MSEC) /* nobody is known better than this, nor better by less */

/* --- facts -------------------------------------------------------------------------------- */

static const struct fact_column peer_columns[] = {
	{ "server", VT_ADDR, "its address" },
	{ "state", VT_TEXT, "followed, candidate, falseticker, not used, unreachable, init" },
	{ "why", VT_TEXT, "why its time is not used" },
	{ "stratum", VT_INT, "as it said" },
	{ "refid", VT_TEXT, "whom it follows, as it said" },
	{ "offset", VT_DURATION, "how far it is ahead of the device's clock" },
	{ "delay", VT_DURATION, "there and back" },
	{ "dispersion", VT_DURATION, "how wrong the offset may be, besides" },
	{ "jitter", VT_DURATION, "how much offsets differ" },
	{ "reach", VT_INT, "the last 8 exchanges, a bit each: 1 = answered" },
	{ "poll", VT_DURATION, "time between requests" },
	{ "authenticated", VT_INT, "1: its last reply had the right digest of a trusted key" },
	{ NULL, VT_END, NULL },
};

const struct fact_kind ntp_peer_fact = {
	.table = "ntp_peer",
	.help = "What NTP clients know of their servers; the key is the address. Each exchange is "
		"a "
		"version",
	.columns = peer_columns,
};

const char *ntp_peer_state(const struct ntp_host *h, const struct ntp_peer *p)
{
	if (h->source == NTP_FROM_SERVER && p == &h->peers[h->chosen])
		return "followed";
	if (p->fault)
		return "not used";
	if (p->reach == 0)
		return p->n_polls > 8 ? "unreachable" : "init";
	return p->falseticker ? "falseticker" : "candidate";
}

/* Four letters at stratum 0 and 1, else an address. */
static void refid_text(const struct ntp_peer *p, char out[static ADDR_TEXT_LEN])
{
	struct addr a = addr4(p->refid[0], p->refid[1], p->refid[2], p->refid[3]);

	if (p->stratum > 1)
		addr_format(&a, out);
	else
		str_copy_n(out, ADDR_TEXT_LEN, (const char *)p->refid,
			   strnlen((const char *)p->refid, 4));
}

void ntp_peer_tell(const struct ntp_host *h, const struct ntp_peer *p, nsec_t now, struct fx *fx)
{
	const struct ntp_sample *best = ntp_sample_best(p);
	int64_t own = device_clock_offset(&h->clock, now);
	char key[ADDR_TEXT_LEN], refid[ADDR_TEXT_LEN];

	refid_text(p, refid);
	fact_begin(fx, &ntp_peer_fact, addr_format(&p->conf.addr, key),
		   V_ADDR("server", p->conf.addr), V_TEXT("state", ntp_peer_state(h, p)),
		   V_TEXT("why", p->fault), V_INT("stratum", p->stratum), V_TEXT("refid", refid),
		   best ? V_DUR("offset", best->ahead_ns - own) : V_NULL("offset"),
		   best ? V_DUR("delay", best->delay_ns) : V_NULL("delay"),
		   best ? V_DUR("dispersion", ntp_peer_dispersion(p, now)) : V_NULL("dispersion"),
		   best ? V_DUR("jitter", ntp_peer_jitter(p)) : V_NULL("jitter"),
		   V_INT("reach", p->reach), V_DUR("poll", (SEC << p->poll)),
		   V_INT("authenticated", p->authentic));
}

/* --- the choice --------------------------------------------------------------------------- */

static bool is_usable(const struct ntp_peer *p)
{
	return p->reach != 0 && p->n_samples > 0 && !p->fault;
}

static bool disagree(const struct ntp_peer *a, const struct ntp_peer *b, nsec_t now)
{
	int64_t apart = llabs(ntp_sample_best(a)->ahead_ns - ntp_sample_best(b)->ahead_ns);

	return apart > ntp_peer_distance(a, now) + ntp_peer_distance(b, now) + MIN_DISTANCE;
}

/* Who disagrees with more than half of all by more than both may be wrong. */
static void find_falsetickers(struct ntp_host *h, nsec_t now)
{
	for (unsigned i = 0; i < h->n_peers; i++) {
		unsigned n = 0, against = 0;

		if (!is_usable(&h->peers[i]))
			continue;
		for (unsigned k = 0; k < h->n_peers; k++) {
			if (!is_usable(&h->peers[k]))
				continue;
			n++;
			against += k != i && disagree(&h->peers[i], &h->peers[k], now);
		}
		h->peers[i].falseticker = 2 * against > n;
	}
}

static int64_t half_delay(const struct ntp_peer *p, nsec_t now)
{
	return ntp_sample_best(p)->delay_ns / 2 + ntp_peer_dispersion(p, now);
}

/* What makes p better than the other; NULL = nothing. Who is followed stays so unless another one
 * is better by a millisecond. */
static const char *better(const struct ntp_host *h, const struct ntp_peer *p,
			  const struct ntp_peer *other, nsec_t now)
{
	bool followed = h->source == NTP_FROM_SERVER && other == &h->peers[h->chosen];
	bool follows = h->source == NTP_FROM_SERVER && p == &h->peers[h->chosen];
	int64_t bonus = followed ? MIN_DISTANCE : follows ? -MIN_DISTANCE : 0;

	if (!other)
		return "the only one";
	if (p->conf.prefer != other->conf.prefer)
		return p->conf.prefer ? "preferred" : NULL;
	if (p->stratum != other->stratum)
		return p->stratum < other->stratum ? "the lowest stratum" : NULL;
	return half_delay(p, now) + bonus < half_delay(other, now) ? "the smallest delay" : NULL;
}

static struct ntp_peer *choose(struct ntp_host *h, nsec_t now, const char **ret_because)
{
	struct ntp_peer *best = NULL;

	*ret_because = "the only one";
	for (unsigned i = 0; i < h->n_peers; i++) {
		struct ntp_peer *p = &h->peers[i];
		const char *because;

		if (!is_usable(p) || p->falseticker)
			continue;
		because = better(h, p, best, now);
		if (because) {
			*ret_because = because;
			best = p;
		} else if (best) {
			*ret_because = better(h, best, p, now);
			if (!*ret_because)
				*ret_because = "as good as others, and the first";
		}
	}
	return best;
}

/* --- following ---------------------------------------------------------------------------- */

/* What others are told as reference id: RFC 5905 §7.3. */
static void set_refid(struct ntp_host *h, const struct addr *a)
{
	uint8_t digest[MD5_LEN];

	if (a->family == 6) {
		crypto_md5(a->b, 16, NULL, 0, digest);
		memcpy(h->refid, digest, 4);
	} else {
		memcpy(h->refid, a->b, 4);
	}
}

/* First sample, or more than 128 ms off: at once; else bit by bit. Lab clocks start years off, so
 * that no difference is too large. True when the clock was set at once. */
static bool correct(struct ntp_host *h, const struct ntp_peer *p, const struct ntp_sample *s,
		    nsec_t now, struct fx *fx)
{
	int64_t error = s->ahead_ns - device_clock_offset(&h->clock, now);
	bool step = h->used_ns == 0 || llabs(error) > NTP_STEP_LIMIT;
	char was[NTP_DATE_LEN], is[NTP_DATE_LEN], a[ADDR_TEXT_LEN];

	decide(fx, "ntp.client.step-or-slew", ntp_peer_name(p), V_DUR("offset", error),
	       V_TEXT("how", step ? "set the clock at once" : "slews the clock, 500 ppm"),
	       V_INT("stratum", p->stratum + 1));
	h->used_ns = s->at;
	h->root_dispersion_ns = p->root_dispersion_ns + ntp_peer_dispersion(p, now) +
				ntp_peer_jitter(p) + (step ? 0 : llabs(error));
	h->root_delay_ns = p->root_delay_ns + s->delay_ns;
	h->updated_ns = now;
	if (!step) {
		ntp_clock_slew(h, error, now, fx);
		h->reference_ns = ntp_clock_ns(h, now);
		return false;
	}
	ntp_date(ntp_clock_ns(h, now), was);
	ntp_clock_step(h, error, now, fx);
	h->reference_ns = ntp_clock_ns(h, now);
	for (unsigned i = 0; i < h->n_peers; i++)
		h->peers[i].poll = h->peers[i].conf.minpoll;
	if (llabs(error) > NTP_STEP_LIMIT)
		fx_log(fx, SEVERITY_INFORMATIONAL, "SYS", "CLOCKUPDATE",
		       "System clock has been updated from %s to %s, configured from NTP by %s",
		       was, ntp_date(ntp_clock_ns(h, now), is), addr_format(&p->conf.addr, a));
	return true;
}

static void follow_server(struct ntp_host *h, struct ntp_peer *p, const char *because, nsec_t now,
			  struct fx *fx)
{
	const struct ntp_sample *best = ntp_sample_best(p);
	unsigned index = (unsigned)(p - h->peers);
	bool changed = h->source != NTP_FROM_SERVER || h->chosen != index;
	bool stepped = false;
	char a[ADDR_TEXT_LEN];

	h->source = NTP_FROM_SERVER;
	h->chosen = index;
	h->by_hand = false;
	h->why = NULL;
	h->leap = p->leap;
	h->stratum = p->stratum + 1;
	set_refid(h, &p->conf.addr);
	if (changed) {
		decide(fx, "ntp.client.select-server", ntp_peer_name(p), V_TEXT("because", because),
		       V_INT("stratum", p->stratum), V_INT("servers", h->n_peers));
		fx_log(fx, SEVERITY_NOTICE, "NTP", "PEERSYNC", "NTP synced to peer %s",
		       addr_format(&p->conf.addr, a));
	}
	if (changed || best->at > h->used_ns)
		stepped = correct(h, p, best, now, fx);
	ntp_clock_trust(h, CLOCK_SET, fx);
	if (changed || stepped)
		ntp_clock_tell(h, now, fx);
}

static void follow_own(struct ntp_host *h, nsec_t now, struct fx *fx)
{
	bool changed = h->source != NTP_FROM_MASTER || h->stratum != h->conf->master;

	h->source = NTP_FROM_MASTER;
	h->why = NULL;
	h->leap = NTP_LEAP_NONE;
	h->stratum = h->conf->master;
	memcpy(h->refid, "\x7f\x7f\x01\x01", 4);
	h->root_delay_ns = h->root_dispersion_ns = 0;
	h->updated_ns = now;
	h->reference_ns = ntp_clock_ns(h, now);
	if (!changed)
		return;
	decide(fx, "ntp.server.master", V_INT("stratum", h->stratum));
	ntp_clock_trust(h, CLOCK_SET, fx);
	ntp_clock_tell(h, now, fx);
}

static const char *why_nobody(const struct ntp_host *h)
{
	const char *why = h->n_peers == 0 ? "no server is configured" : "no server has answered";

	for (unsigned i = 0; i < h->n_peers; i++) {
		if (h->peers[i].fault)
			return h->peers[i].fault;
		if (h->peers[i].n_samples > 0)
			why = "no server answers any more";
	}
	return why;
}

static void follow_nobody(struct ntp_host *h, nsec_t now, struct fx *fx)
{
	const char *why = why_nobody(h), *before = h->why;
	bool lost = h->source != NTP_FROM_NOBODY;

	h->source = NTP_FROM_NOBODY;
	h->leap = NTP_LEAP_UNSYNC;
	h->stratum = NTP_STRATUM_MAX;
	h->why = why;
	if (lost) {
		h->root_dispersion_ns = ntp_root_dispersion(h, now);
		h->updated_ns = now;
		decide(fx, "ntp.client.lost-sync", V_TEXT("why", why),
		       V_DUR("dispersion", h->root_dispersion_ns));
		fx_log(fx, SEVERITY_WARNING, "NTP", "UNSYNC", "NTP sync is lost");
		ntp_clock_trust(h, CLOCK_LOST, fx);
	}
	if (lost || (h->enabled && (!before || strcmp(before, why) != 0)))
		ntp_clock_tell(h, now, fx);
}

void ntp_select(struct ntp_host *h, nsec_t now, struct fx *fx)
{
	const char *because;
	struct ntp_peer *best;

	find_falsetickers(h, now);
	best = choose(h, now, &because);
	if (best && h->conf->master && best->stratum + 1 > h->conf->master)
		best = NULL; /* the own clock is nearer to its reference */
	if (best)
		follow_server(h, best, because, now, fx);
	else if (h->conf->master)
		follow_own(h, now, fx);
	else
		follow_nobody(h, now, fx);
}
