/* What the samples of a peer say together (RFC 5905 §10, simplified: the sample with the smallest
 * delay counts, since the least can have gone wrong on its way). */
#include <math.h>
#include <stdlib.h>

#include "ntp/ntp_host.h"

static int64_t wander(nsec_t age)
{
	return age / 1000000 * NTP_WANDER_PPM;
}

/* Half of a delay is what an offset may be wrong by. When two contradict each other beyond that,
 * the server's clock was set between them. */
static bool contradicts(const struct ntp_sample *a, const struct ntp_sample *b)
{
	return llabs(a->ahead_ns - b->ahead_ns) >
	       (a->delay_ns + b->delay_ns) / 2 + wander(llabs(a->at - b->at)) + NTP_STEP_LIMIT;
}

void ntp_sample_put(struct ntp_peer *p, const struct ntp_sample *s)
{
	const struct ntp_sample *best = ntp_sample_best(p);

	if (best && contradicts(best, s))
		p->n_samples = p->next_sample = 0;
	p->samples[p->next_sample] = *s;
	p->next_sample = (p->next_sample + 1) % NTP_SAMPLES;
	if (p->n_samples < NTP_SAMPLES)
		p->n_samples++;
}

const struct ntp_sample *ntp_sample_best(const struct ntp_peer *p)
{
	const struct ntp_sample *best = NULL;

	for (unsigned i = 0; i < p->n_samples; i++) {
		const struct ntp_sample *s = &p->samples[i];

		if (!best || s->delay_ns < best->delay_ns ||
		    (s->delay_ns == best->delay_ns && s->at > best->at))
			best = s;
	}
	return best;
}

int64_t ntp_peer_jitter(const struct ntp_peer *p)
{
	const struct ntp_sample *best = ntp_sample_best(p);
	double sum = 0;

	for (unsigned i = 0; i < p->n_samples; i++) {
		double d = (double)(p->samples[i].ahead_ns - best->ahead_ns);

		sum += d * d;
	}
	if (p->n_samples < 2)
		return NTP_PRECISION_NS;
	return (int64_t)sqrt(sum / (p->n_samples - 1));
}

int64_t ntp_peer_dispersion(const struct ntp_peer *p, nsec_t now)
{
	const struct ntp_sample *best = ntp_sample_best(p);

	return best ? best->dispersion_ns + wander(now - best->at) : 16 * SEC;
}

int64_t ntp_peer_distance(const struct ntp_peer *p, nsec_t now)
{
	const struct ntp_sample *best = ntp_sample_best(p);

	if (!best)
		return 16 * SEC;
	return (p->root_delay_ns + best->delay_ns) / 2 + p->root_dispersion_ns +
	       ntp_peer_dispersion(p, now) + ntp_peer_jitter(p);
}

int64_t ntp_root_dispersion(const struct ntp_host *h, nsec_t now)
{
	return h->root_dispersion_ns + wander(now - h->updated_ns);
}
