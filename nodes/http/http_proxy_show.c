/* What the proxy has done, and what it keeps. */
#include "http/http_proxy.h"

#include <inttypes.h>
#include <stdio.h>

static void show_benefits(const struct http_proxy *p, uint32_t call, struct fx *fx)
{
	const struct proxy_stats *st = &p->stats;
	uint64_t rate = st->requests ? st->hits * 100 / st->requests : 0;

	decide(fx, "http.proxy.benefits", V_INT("hits", st->hits), V_INT("requests", st->requests),
	       V_INT("rate", rate), V_INT("bytes", st->bytes_saved));
	fx_print(fx, call,
		 "Requests: %" PRIu64 ", answered from the cache: %" PRIu64 " (%" PRIu64 " %%)\n",
		 st->requests, st->hits, rate);
	fx_print(fx, call, "Octets fetched: %" PRIu64 ", saved: %" PRIu64 "\n", st->bytes_fetched,
		 st->bytes_saved);
	fx_print(fx, call, "Tunnels opened: %" PRIu64 "\n", st->tunnels);
}

static void show_entries(const struct http_proxy *p, uint32_t call, nsec_t now, struct fx *fx)
{
	char fresh[32];

	fx_print(fx, call, "Cache: %u answers, %zu of %u octets\n", p->n_entries, p->bytes,
		 p->conf->cache_max);
	if (p->entries)
		fx_print(fx, call, "%-40s %6s %8s %5s %6s  %s\n", "Address", "Status", "Octets",
			 "Hits", "Age", "Fresh for");
	for (const struct proxy_entry *e = p->entries; e; e = e->next) {
		if (now < e->fresh_until_ns && !e->no_cache)
			snprintf(fresh, sizeof(fresh), "%" PRId64 " s",
				 (e->fresh_until_ns - now) / SEC);
		else
			snprintf(fresh, sizeof(fresh), "stale");
		fx_print(fx, call, "%-40s %6u %8zu %5u %6" PRId64 "  %s\n", e->url, e->status,
			 e->len, e->hits, http_proxy_age_s(e, now), fresh);
	}
}

void http_run_show_proxy(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	const struct http_proxy *p = machine;

	fx_print(fx, call->id, "HTTP proxy: %s, port %u\n", p->listening ? "Enabled" : "Disabled",
		 p->conf->port);
	show_benefits(p, call->id, fx);
	show_entries(p, call->id, now, fx);
	fx_cmd_done(fx, call->id, 0);
}

void http_run_clear_proxy(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	(void)now;
	http_proxy_clear(machine, "cleared by command", fx);
	fx_cmd_done(fx, call->id, 0);
}
