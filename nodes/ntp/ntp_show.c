/* show ntp status, show ntp associations, as IOS prints them. */
#include "base/sbuf.h"
#include "ntp/ntp_host.h"

#include <stdio.h>
#include <string.h>

static double ms(int64_t ns)
{
	return (double)ns / MSEC;
}

static void put_reference(const struct ntp_host *h, struct sbuf *out)
{
	struct addr a = addr4(h->refid[0], h->refid[1], h->refid[2], h->refid[3]);
	char text[ADDR_TEXT_LEN];

	if (h->source == NTP_FROM_NOBODY)
		sbuf_puts(out, "Clock is unsynchronized, stratum 16, no reference clock\n");
	else
		sbuf_printf(out, "Clock is synchronized, stratum %u, reference is %s\n", h->stratum,
			    addr_format(&a, text));
}

void ntp_show_status_run(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	const struct ntp_host *h = machine;
	const struct ntp_peer *p = h->source == NTP_FROM_SERVER ? &h->peers[h->chosen] : NULL;
	const struct ntp_sample *best = p ? ntp_sample_best(p) : NULL;
	int64_t own = device_clock_offset(&h->clock, now);
	uint64_t reference = h->reference_ns ? ntp_from_unix(h->reference_ns) : 0;
	struct sbuf out = SBUF(4096);
	char date[NTP_DATE_LEN];

	decide(fx, "ntp.show.status");
	put_reference(h, &out);
	sbuf_printf(&out, "precision is 2**%d\n", -NTP_PRECISION);
	sbuf_printf(&out, "reference time is %08X.%08X (%s)\n", (unsigned)(reference >> 32),
		    (unsigned)reference,
		    h->reference_ns ? ntp_date(h->reference_ns, date) : "never");
	sbuf_printf(&out, "clock offset is %.4f msec, root delay is %.4f msec\n",
		    best ? ms(best->ahead_ns - own) : 0.0, ms(h->root_delay_ns));
	sbuf_printf(&out, "root dispersion is %.4f msec, peer dispersion is %.4f msec\n",
		    ms(ntp_root_dispersion(h, now)), p ? ms(ntp_peer_dispersion(p, now)) : 0.0);
	if (h->why)
		sbuf_printf(&out, "follows nobody: %s\n", h->why);
	fx_print_text(fx, call->id, sbuf_text(&out), out.len);
	sbuf_done(&out);
	fx_cmd_done(fx, call->id, 0);
}

static char mark_of(const struct ntp_host *h, const struct ntp_peer *p)
{
	const char *state = ntp_peer_state(h, p);

	return strcmp(state, "followed") == 0	   ? '*'
	       : strcmp(state, "candidate") == 0   ? '+'
	       : strcmp(state, "falseticker") == 0 ? 'x'
						   : ' ';
}

static void put_peer(const struct ntp_host *h, const struct ntp_peer *p, nsec_t now,
		     struct sbuf *out)
{
	const struct ntp_sample *best = ntp_sample_best(p);
	int64_t own = device_clock_offset(&h->clock, now);
	struct addr ref = addr4(p->refid[0], p->refid[1], p->refid[2], p->refid[3]);
	char address[ADDR_TEXT_LEN], reference[ADDR_TEXT_LEN], when[16] = "-";

	addr_format(&ref, reference);
	if (p->stratum <= 1)
		snprintf(reference, sizeof(reference), ".%.4s.",
			 p->refid[0] ? (const char *)p->refid : "INIT");
	if (p->heard_ns)
		snprintf(when, sizeof(when), "%u", (unsigned)((now - p->heard_ns) / SEC));
	sbuf_printf(out, "%c~%-15s %-15s %2u %6s %5u %5o %7.3f %9.4f %7.3f\n", mark_of(h, p),
		    addr_format(&p->conf.addr, address), reference,
		    p->stratum ? p->stratum : NTP_STRATUM_MAX, when, 1u << p->poll, p->reach,
		    best ? ms(best->delay_ns) : 0.0, best ? ms(best->ahead_ns - own) : 0.0,
		    ms(ntp_peer_dispersion(p, now)));
	if (p->fault)
		sbuf_printf(out, "    not used: %s\n", p->fault);
}

void ntp_show_associations_run(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	const struct ntp_host *h = machine;
	struct sbuf out = SBUF(16384);

	decide(fx, "ntp.show.associations", V_INT("count", h->n_peers));
	sbuf_puts(&out,
		  "  address         ref clock       st   when  poll reach   delay    offset    "
		  "disp\n");
	if (h->conf->master)
		sbuf_printf(&out, "%c~%-15s %-15s %2u %6s %5u %5o %7.3f %9.4f %7.3f\n",
			    h->source == NTP_FROM_MASTER ? '*' : ' ', "127.127.1.1", ".LOCL.",
			    h->conf->master - 1u, "-", 16u, 0377u, 0.0, 0.0, 0.0);
	for (unsigned i = 0; i < h->n_peers; i++)
		put_peer(h, &h->peers[i], now, &out);
	sbuf_puts(&out, " * followed, + candidate, x falseticker, ~ configured\n");
	fx_print_text(fx, call->id, sbuf_text(&out), out.len);
	sbuf_done(&out);
	fx_cmd_done(fx, call->id, 0);
}
