/* show logging, as IOS prints it. */
#include "syslog/syslog.h"

#include <inttypes.h>

static void put_level(const char *what, int level, uint64_t n, const char *unit, struct sbuf *out)
{
	if (level < 0)
		sbuf_printf(out, "    %s logging: disabled\n", what);
	else
		sbuf_printf(out, "    %s logging: level %s, %" PRIu64 " %s logged\n", what,
			    syslog_severities[level], n, unit);
}

static void put_targets(const struct syslog_client *c, struct sbuf *out)
{
	const struct syslog_conf *conf = syslog_client_conf(c);
	char a[ADDR_TEXT_LEN];

	for (unsigned i = 0; i < conf->n_hosts; i++) {
		const struct ep *ep = &conf->hosts[i];
		const struct syslog_target *t = syslog_client_target(c, ep);

		sbuf_printf(out,
			    "        Logging to %s (udp port %u), %" PRIu64
			    " message lines logged, %" PRIu64 " failed\n",
			    addr_format(&ep->addr, a), ep->port, t ? t->n_sent : 0,
			    t ? t->n_failed : 0);
	}
}

void syslog_client_show_run(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct syslog_client *c = machine;
	const struct syslog_conf *conf = syslog_client_conf(c);
	const struct syslog_counts *n = syslog_client_counts(c);
	const struct sbuf *buffer = syslog_client_buffer(c);
	struct sbuf out = SBUF(SYSLOG_BUFFER_MAX + 8192);

	(void)now;
	decide(fx, "syslog.client.show", V_INT("count", n->events));
	sbuf_printf(&out, "Syslog logging: %s (%" PRIu64 " events)\n",
		    conf->off ? "disabled" : "enabled", n->events);
	put_level("Console", conf->console, n->console, "messages", &out);
	put_level("Monitor", conf->monitor, n->monitor, "messages", &out);
	put_level("Buffer", conf->buffer, n->buffer, "messages", &out);
	put_level("Trap", conf->trap, n->servers, "message lines", &out);
	put_targets(c, &out);
	sbuf_printf(&out, "\nLog Buffer (%u bytes):\n\n", conf->buffer_size);
	sbuf_put(&out, buffer->data, buffer->len);
	fx_print_text(fx, call->id, sbuf_text(&out), out.len);
	sbuf_done(&out);
	fx_cmd_done(fx, call->id, 0);
}
