/* The machine: its events, and when it wakes. */
#include "ntp/ntp_host.h"

#include <stdlib.h>

static void follow_conf(struct ntp_host *h, nsec_t now, struct fx *fx)
{
	h->enabled = h->conf->n_servers > 0 || h->conf->master;
	ntp_server_follow(h, fx);
	if (h->enabled || h->n_peers > 0 || h->source != NTP_FROM_NOBODY)
		ntp_client_follow(h, now, fx);
	h->started = true;
}

static void set_deadline(struct ntp_host *h)
{
	h->deadline = NEVER;
	for (unsigned i = 0; i < h->n_peers; i++)
		if (h->peers[i].next_ns < h->deadline)
			h->deadline = h->peers[i].next_ns;
}

static void host_event(void *machine, const struct ev *ev, struct fx *fx)
{
	struct ntp_host *h = machine;

	if (ev->kind == EV_START || ev->kind == EV_CONF)
		follow_conf(h, ev->now, fx);
	else if (ev->kind == EV_TIMER)
		ntp_client_timer(h, ev->now, fx);
	else if (ev->kind == EV_ADDR)
		ntp_client_readdress(h, ev->now);
	else if (ev->kind == EV_DATAGRAM && ev->dgram.sock < NTP_SOCK_FIRST)
		ntp_server_request(h, ev, fx);
	else if (ev->kind == EV_DATAGRAM)
		ntp_client_reply(h, ev, fx);
	else if (ev->kind == EV_DONE && ev->done.sock >= NTP_SOCK_FIRST)
		ntp_client_failed(h, ev, fx);
	else if (ev->kind == EV_DONE && ev->done.what == FX_BIND)
		decide(fx, "ntp.server.no-port", V_TEXT("reason", ev->done.text));
	set_deadline(h);
}

static nsec_t host_deadline(const void *machine)
{
	return ((const struct ntp_host *)machine)->deadline;
}

static void *host_create(const struct machine_env *env)
{
	struct ntp_host *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->conf = env->conf;
	h->dev = env->dev;
	h->clock = env->dev->clock;
	h->next_sock = NTP_SOCK_FIRST;
	h->deadline = NEVER;
	h->leap = NTP_LEAP_UNSYNC;
	h->stratum = NTP_STRATUM_MAX;
	rng_seed(&h->rng, env->seed);
	return h;
}

static void host_destroy(void *machine)
{
	struct ntp_host *h = machine;

	if (h)
		free(h->peers);
	free(h);
}

const struct machine_class ntp_host_class = {
	.name = "ntp.host",
	.kinds = KINDS_L3 | BIT(KIND_SWITCH),
	.create = host_create,
	.destroy = host_destroy,
	.event = host_event,
	.deadline = host_deadline,
};
