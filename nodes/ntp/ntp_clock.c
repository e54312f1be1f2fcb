/* The clock of the device: what it shows, who set it. */
#include "ntp/ntp_host.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/sbuf.h"

int64_t ntp_clock_ns(const struct ntp_host *h, nsec_t now)
{
	return h->dev->epoch_ns + now + device_clock_offset(&h->clock, now);
}

const char *ntp_date(int64_t unix_ns, char out[static NTP_DATE_LEN])
{
	time_t seconds = (time_t)(unix_ns / SEC);
	struct tm tm = { 0 };
	char day[24] = "";

	if (gmtime_r(&seconds, &tm))
		(void)!strftime(day, sizeof(day), "%a %b", &tm);
	snprintf(out, NTP_DATE_LEN, "%02u:%02u:%02u.%03u UTC %.7s %u %u",
		 (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100,
		 (unsigned)(unix_ns / MSEC % 1000), day, (unsigned)tm.tm_mday % 100,
		 (unsigned)(tm.tm_year + 1900) % 10000);
	return out;
}

const char *ntp_stamp(int64_t unix_ns, char out[static NTP_DATE_LEN])
{
	time_t seconds = (time_t)(unix_ns / SEC);
	struct tm tm = { 0 };
	char text[32] = "";

	if (gmtime_r(&seconds, &tm))
		(void)!strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(out, NTP_DATE_LEN, "%.24s.%06u", text, (unsigned)(unix_ns / USEC % 1000000));
	return out;
}

void ntp_clock_step(struct ntp_host *h, int64_t error_ns, nsec_t now, struct fx *fx)
{
	h->clock =
		(struct device_clock){ .offset_ns = device_clock_offset(&h->clock, now) + error_ns,
				       .slew_from_ns = now,
				       .trust = CLOCK_SET };
	fx_clock(fx, &h->clock);
}

void ntp_clock_slew(struct ntp_host *h, int64_t error_ns, nsec_t now, struct fx *fx)
{
	h->clock = (struct device_clock){ .offset_ns = device_clock_offset(&h->clock, now),
					  .slew_ns = error_ns,
					  .slew_from_ns = now,
					  .trust = CLOCK_SET };
	fx_clock(fx, &h->clock);
}

void ntp_clock_trust(struct ntp_host *h, enum clock_trust trust, struct fx *fx)
{
	if (h->clock.trust == trust)
		return;
	h->clock.trust = trust;
	fx_clock(fx, &h->clock);
}

/* --- its fact ----------------------------------------------------------------------------- */

static const struct fact_column clock_columns[] = {
	{ "state", VT_TEXT, "synchronized, set by hand, unsynchronized" },
	{ "source", VT_TEXT, "whom it follows: a server's address, its own clock, a person" },
	{ "stratum", VT_INT, "steps from a reference clock; 16 = unsynchronized" },
	{ "ahead", VT_DURATION, "how far it is ahead of lab time" },
	{ "why", VT_TEXT, "why nobody is followed" },
	{ NULL, VT_END, NULL },
};

const struct fact_kind clock_fact = {
	.table = "clock",
	.help = "The clocks of devices that NTP or a person has to do with; the key is clock",
	.columns = clock_columns,
};

void ntp_clock_tell(const struct ntp_host *h, nsec_t now, struct fx *fx)
{
	bool synchronized = h->source != NTP_FROM_NOBODY;
	char source[ADDR_TEXT_LEN] = "";

	if (h->source == NTP_FROM_SERVER)
		addr_format(&h->peers[h->chosen].conf.addr, source);
	else if (h->source == NTP_FROM_MASTER)
		str_copy(source, sizeof(source), "own clock");
	else if (h->by_hand)
		str_copy(source, sizeof(source), "a person");
	fact_begin(fx, &clock_fact, "clock",
		   V_TEXT("state", synchronized ? "synchronized"
				   : h->by_hand ? "set by hand"
						: "unsynchronized"),
		   V_TEXT("source", source[0] ? source : NULL),
		   V_INT("stratum", synchronized ? h->stratum : NTP_STRATUM_MAX),
		   V_DUR("ahead", device_clock_offset(&h->clock, now)),
		   V_TEXT("why", synchronized ? NULL : h->why));
}

/* --- commands ----------------------------------------------------------------------------- */

/* hh:mm:ss; seconds since midnight, or -1. */
static int parse_time(const char *text)
{
	unsigned h, m, s;
	int len = -1;

	if (sscanf(text, "%2u:%2u:%2u%n", &h, &m, &s, &len) != 3 || text[len] != '\0' || h > 23 ||
	    m > 59 || s > 59)
		return -1;
	return (int)(h * 3600 + m * 60 + s);
}

/* The Unix time of a day's beginning, or -1: there is no such day. */
static int64_t day_of(int year, int month, int day)
{
	struct tm tm = { .tm_year = year - 1900, .tm_mon = month, .tm_mday = day };
	time_t seconds = timegm(&tm);

	return tm.tm_mon == month && tm.tm_mday == day ? (int64_t)seconds : -1;
}

static void set_clock(struct ntp_host *h, const struct call *call, int day, int month, nsec_t now,
		      struct fx *fx)
{
	int seconds = parse_time(call->args[0].text);
	int64_t midnight = day_of((int)call->args[3].number, month, day);
	int64_t before = ntp_clock_ns(h, now), after = (midnight + seconds) * SEC;
	char was[NTP_DATE_LEN], is[NTP_DATE_LEN];

	if (seconds < 0 || midnight < 0) {
		fx_print(fx, call->id, "%% %s\n",
			 seconds < 0 ? "The time is written hh:mm:ss"
				     : "That month has no such day");
		fx_cmd_done(fx, call->id, 1);
		return;
	}
	ntp_date(before, was);
	ntp_date(after, is);
	decide(fx, "ntp.clock.set", V_TEXT("before", was), V_TEXT("after", is),
	       V_DUR("by", after - before));
	ntp_clock_step(h, after - before, now, fx);
	h->by_hand = true;
	fx_log(fx, SEVERITY_INFORMATIONAL, "SYS", "CLOCKUPDATE",
	       "System clock has been updated from %s to %s, configured from console by console",
	       was, is);
	ntp_clock_tell(h, now, fx);
	fx_cmd_done(fx, call->id, 0);
}

/* clock set hh:mm:ss DAY MONTH YEAR */
void ntp_clock_set_run(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	set_clock(machine, call, (int)call->args[1].number, (int)call->args[2].number, now, fx);
}

/* clock set hh:mm:ss MONTH DAY YEAR */
void ntp_clock_set2_run(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	set_clock(machine, call, (int)call->args[2].number, (int)call->args[1].number, now, fx);
}

void ntp_clock_show_run(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	const struct ntp_host *h = machine;
	bool detail = call->n_args > 0 && call->args[0].type != ARG_NONE;
	char date[NTP_DATE_LEN];

	decide(fx, "ntp.show.clock");
	fx_print(fx, call->id, "%s%s\n", device_clock_mark(h->dev),
		 ntp_date(ntp_clock_ns(h, now), date));
	if (detail)
		fx_print(fx, call->id, "%s\n",
			 h->source == NTP_FROM_SERVER ? "Time source is NTP"
			 : h->source == NTP_FROM_MASTER
				 ? "Time source is its own clock (ntp master)"
			 : h->by_hand ? "Time source is user configuration"
				      : "No time source");
	fx_cmd_done(fx, call->id, 0);
}
