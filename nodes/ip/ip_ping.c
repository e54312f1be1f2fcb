/* ping and tracert: echo requests, and what comes back (RFC 792).
 *
 * A probe is one command. ping sends a request a second and reports each answer as it comes;
 * tracert sends three requests for each time to live until the destination answers. */
#include "ip/ip.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/inet.h"
#include "base/rng.h"
#include "base/pages.h"
#include "base/sbuf.h"

#define SOCK_PROBES	   1
#define ICMP_ECHO_REPLY	   0
#define ICMP_UNREACHABLE   3
#define ICMP_ECHO	   8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_HDR_LEN	   8
#define DATA_LEN	   32
#define PING_COUNT	   4
#define PING_EVERY	   (1 * SEC)
#define PING_WAIT	   (4 * SEC)
#define TRACE_WAIT	   (2 * SEC)
#define TRACE_HOPS_MAX	   30
#define TRACE_PER_HOP	   3

enum probe_state { PROBE_FREE, PROBE_RESOLVING, PROBE_RUNNING };

struct probe {
	enum probe_state state;
	bool trace;
	bool ios; /* output as a router prints it */
	uint32_t call, ask_id;
	char name[ASK_NAME_MAX];
	struct addr dst;
	uint16_t icmp_id;
	unsigned count, seq, answered; /* seq: requests sent */
	uint8_t hop;
	unsigned in_hop;
	struct addr hop_addr;
	nsec_t sent_ns, deadline_ns;
	uint32_t effect; /* the last request's send */
	bool waiting;
	nsec_t min_ns, max_ns, sum_ns;
};

struct ip_probes {
	struct probe *list; /* IP_PROBES_MAX */
	bool bound;
	uint32_t next_ask;
	struct rng rng;
};

struct ip_probes *ip_probes_new(uint64_t seed)
{
	struct ip_probes *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	rng_seed(&p->rng, seed);
	p->list = pages_new(IP_PROBES_MAX * sizeof(*p->list));
	if (p->list)
		return p;
	free(p);
	return NULL;
}

void ip_probes_free(struct ip_probes *p)
{
	if (p)
		pages_free(p->list, IP_PROBES_MAX * sizeof(*p->list));
	free(p);
}

nsec_t ip_probes_deadline(const struct ip_probes *p)
{
	nsec_t next = NEVER;

	for (unsigned i = 0; i < IP_PROBES_MAX; i++)
		if (p->list[i].state == PROBE_RUNNING && p->list[i].deadline_ns < next)
			next = p->list[i].deadline_ns;
	return next;
}

static unsigned ms(nsec_t t)
{
	return (unsigned)((t + MSEC / 2) / MSEC);
}

/* --- sending ------------------------------------------------------------------------------ */

static void send_request(struct probe *p, nsec_t now, struct fx *fx)
{
	uint8_t b[ICMP_HDR_LEN + DATA_LEN] = { ICMP_ECHO, 0 };
	uint16_t sum;
	struct fx_send x = { .sock = SOCK_PROBES, .data = b, .len = sizeof(b) };

	p->seq++;
	b[4] = (uint8_t)(p->icmp_id >> 8);
	b[5] = (uint8_t)p->icmp_id;
	b[6] = (uint8_t)(p->seq >> 8);
	b[7] = (uint8_t)p->seq;
	for (unsigned i = 0; i < DATA_LEN; i++)
		b[ICMP_HDR_LEN + i] = (uint8_t)('a' + i % 23);
	sum = inet_sum_fold(inet_sum(0, b, sizeof(b)));
	b[2] = (uint8_t)(sum >> 8);
	b[3] = (uint8_t)sum;
	x.dst.addr = p->dst;
	x.ttl = p->trace ? p->hop : 0;
	decide(fx, "ip.ping.send", V_ADDR("addr", p->dst), V_INT("seq", p->seq),
	       V_INT("count", p->trace ? TRACE_HOPS_MAX * TRACE_PER_HOP : p->count),
	       V_INT("ttl", p->trace ? p->hop : 64));
	p->effect = fx_send(fx, &x);
	p->sent_ns = now;
	p->waiting = true;
	p->deadline_ns = now + (p->trace ? TRACE_WAIT : PING_WAIT);
}

/* --- the words ---------------------------------------------------------------------------- */

static void print_start(const struct probe *p, struct fx *fx)
{
	char a[ADDR_TEXT_LEN];

	addr_format(&p->dst, a);
	if (p->trace)
		fx_print(fx, p->call, "Tracing route to %s over a maximum of %d hops:\n\n", a,
			 TRACE_HOPS_MAX);
	else if (p->ios)
		fx_print(fx, p->call,
			 "Type escape sequence to abort.\nSending %u, %d-byte ICMP Echos to %s, "
			 "timeout "
			 "is %d seconds:\n",
			 p->count, DATA_LEN, a, (int)(PING_WAIT / SEC));
	else if (strcmp(p->name, a) == 0)
		fx_print(fx, p->call, "Pinging %s with %d bytes of data:\n\n", a, DATA_LEN);
	else
		fx_print(fx, p->call, "Pinging %s [%s] with %d bytes of data:\n\n", p->name, a,
			 DATA_LEN);
}

static void print_summary(const struct probe *p, struct fx *fx)
{
	unsigned lost = p->seq - p->answered;
	unsigned n = p->answered ? p->answered : 1;
	char a[ADDR_TEXT_LEN];

	if (p->ios) {
		fx_print(fx, p->call, "\nSuccess rate is %u percent (%u/%u)",
			 p->answered * 100 / (p->seq ? p->seq : 1), p->answered, p->seq);
		if (p->answered)
			fx_print(fx, p->call, ", round-trip min/avg/max = %u/%u/%u ms",
				 ms(p->min_ns), ms(p->sum_ns / n), ms(p->max_ns));
		fx_print(fx, p->call, "\n");
		return;
	}
	fx_print(
		fx, p->call,
		"\nPing statistics for %s:\n    Packets: Sent = %u, Received = %u, Lost = %u (%u%% "
		"loss)%s\n",
		addr_format(&p->dst, a), p->seq, p->answered, lost,
		lost * 100 / (p->seq ? p->seq : 1), p->answered ? "," : "");
	if (p->answered)
		fx_print(fx, p->call,
			 "Approximate round trip times in milli-seconds:\n    Minimum = %ums, "
			 "Maximum = "
			 "%ums, Average = %ums\n",
			 ms(p->min_ns), ms(p->max_ns), ms(p->sum_ns / n));
}

static void finish(struct probe *p, int status, struct fx *fx)
{
	fx_cmd_done(fx, p->call, status);
	p->state = PROBE_FREE;
}

/* --- the course of a ping ----------------------------------------------------------------- */

/* The request is settled: the next one, or the end. */
static void ping_next(struct probe *p, nsec_t now)
{
	nsec_t due = p->sent_ns + PING_EVERY;

	p->waiting = false;
	p->deadline_ns = p->seq >= p->count ? now : due > now ? due : now;
}

static void ping_reply(struct probe *p, const struct ev *ev, nsec_t time, struct fx *fx)
{
	char a[ADDR_TEXT_LEN];

	p->answered++;
	p->min_ns = p->answered == 1 || time < p->min_ns ? time : p->min_ns;
	p->max_ns = time > p->max_ns ? time : p->max_ns;
	p->sum_ns += time;
	if (p->ios)
		fx_print(fx, p->call, "!");
	else
		fx_print(fx, p->call, "Reply from %s: bytes=%zu time%s%ums TTL=%u\n",
			 addr_format(&ev->dgram.src.addr, a), ev->dgram.len - ICMP_HDR_LEN,
			 time < MSEC ? "<" : "=", time < MSEC ? 1 : ms(time), ev->dgram.ttl);
	ping_next(p, ev->now);
}

static void ping_error(struct probe *p, const struct addr *from, const char *text, const char *mark,
		       nsec_t now, struct fx *fx)
{
	char a[ADDR_TEXT_LEN];

	if (p->ios)
		fx_print(fx, p->call, "%s", mark);
	else
		fx_print(fx, p->call, "Reply from %s: %s\n", addr_format(from, a), text);
	ping_next(p, now);
}

/* --- the course of a trace ---------------------------------------------------------------- */

static void trace_end_hop(struct probe *p, struct fx *fx)
{
	char a[ADDR_TEXT_LEN];

	fx_print(fx, p->call, "   %s\n",
		 addr_is_set(&p->hop_addr) ? addr_format(&p->hop_addr, a) : "Request timed out.");
}

/* One request of this hop is settled; `from` is NULL when nobody answered. */
static void trace_settled(struct probe *p, const struct addr *from, bool arrived, nsec_t time,
			  nsec_t now, struct fx *fx)
{
	p->waiting = false;
	if (p->in_hop == 0)
		fx_print(fx, p->call, "%3u  ", p->hop);
	if (!from)
		fx_print(fx, p->call, "     *   ");
	else if (time < MSEC)
		fx_print(fx, p->call, "   <1 ms ");
	else
		fx_print(fx, p->call, "%5u ms ", ms(time));
	if (from)
		p->hop_addr = *from;
	p->answered |= arrived;
	p->deadline_ns = now;
	if (++p->in_hop < TRACE_PER_HOP)
		return;
	trace_end_hop(p, fx);
	if (p->answered || p->hop == TRACE_HOPS_MAX) {
		fx_print(fx, p->call, "\nTrace complete.\n");
		finish(p, p->answered ? 0 : 1, fx);
		return;
	}
	p->hop++;
	p->in_hop = 0;
	p->hop_addr = (struct addr){ 0 };
}

/* --- what comes back ---------------------------------------------------------------------- */

/* The probe that sent the echo request whose id and number stand at `b`. */
static struct probe *probe_of(struct ip_probes *ps, const uint8_t *b)
{
	uint16_t id = (uint16_t)(b[4] << 8 | b[5]), seq = (uint16_t)(b[6] << 8 | b[7]);

	for (unsigned i = 0; i < IP_PROBES_MAX; i++) {
		struct probe *p = &ps->list[i];

		if (p->state == PROBE_RUNNING && p->icmp_id == id && p->waiting &&
		    (p->seq & 0xffff) == seq)
			return p;
	}
	return NULL;
}

static void on_reply(struct ip_probes *ps, const struct ev *ev, struct fx *fx)
{
	struct probe *p = probe_of(ps, ev->dgram.data);
	nsec_t time;

	if (!p)
		return;
	time = ev->now - p->sent_ns;
	decide(fx, "ip.ping.reply", V_ADDR("addr", ev->dgram.src.addr), V_INT("seq", p->seq),
	       V_DUR("time", time), V_INT("ttl", ev->dgram.ttl));
	if (p->trace)
		trace_settled(p, &ev->dgram.src.addr, true, time, ev->now, fx);
	else
		ping_reply(p, ev, time, fx);
}

static const char *unreachable_text(uint8_t code)
{
	static const char *const texts[] = {
		"Destination net unreachable.",
		"Destination host unreachable.",
		"Destination protocol unreachable.",
		"Destination port unreachable.",
		"Packet needs to be fragmented but DF set.",
	};

	if (code == 9 || code == 10 || code == 13)
		return "Communication administratively prohibited.";
	return code < ARRAY_SIZE(texts) ? texts[code] : "Destination unreachable.";
}

/* An error quotes the IP header and at least eight octets of what caused it (RFC 792). */
static void on_error(struct ip_probes *ps, const struct ev *ev, struct fx *fx)
{
	const uint8_t *b = ev->dgram.data, *quoted = b + ICMP_HDR_LEN;
	size_t left = ev->dgram.len - ICMP_HDR_LEN, ihl;
	struct probe *p;
	const char *text;

	if (left < IP4_HDR_LEN)
		return;
	ihl = (size_t)(quoted[0] & 0x0f) * 4;
	if (ihl < IP4_HDR_LEN || left < ihl + ICMP_HDR_LEN || quoted[9] != IPPROTO_NUM_ICMP ||
	    quoted[ihl] != ICMP_ECHO)
		return;
	p = probe_of(ps, quoted + ihl);
	if (!p)
		return;
	text = b[0] == ICMP_UNREACHABLE ? unreachable_text(b[1]) : "TTL expired in transit.";
	if (b[0] == ICMP_UNREACHABLE)
		decide(fx, "ip.ping.unreachable", V_ADDR("router", ev->dgram.src.addr),
		       V_ADDR("addr", p->dst), V_TEXT("reason", text));
	else
		decide(fx, "ip.ping.ttl-exceeded", V_ADDR("router", ev->dgram.src.addr),
		       V_ADDR("addr", p->dst));
	if (p->trace)
		trace_settled(p, &ev->dgram.src.addr, b[0] == ICMP_UNREACHABLE,
			      ev->now - p->sent_ns, ev->now, fx);
	else
		ping_error(p, &ev->dgram.src.addr, text, b[0] == ICMP_UNREACHABLE ? "U" : "&",
			   ev->now, fx);
}

static void on_datagram(struct ip_probes *ps, const struct ev *ev, struct fx *fx)
{
	if (ev->dgram.len < ICMP_HDR_LEN) {
		decide(fx, "ip.icmp.drop-short", V_INT("len", ev->dgram.len));
		return;
	}
	switch (ev->dgram.data[0]) {
	case ICMP_ECHO_REPLY:
		on_reply(ps, ev, fx);
		break;
	case ICMP_UNREACHABLE:
	case ICMP_TIME_EXCEEDED:
		on_error(ps, ev, fx);
		break;
	}
}

/* --- time --------------------------------------------------------------------------------- */

static void on_timeout(struct probe *p, nsec_t now, struct fx *fx)
{
	decide(fx, "ip.ping.timeout", V_ADDR("addr", p->dst), V_INT("seq", p->seq),
	       V_DUR("time", now - p->sent_ns));
	if (p->trace) {
		trace_settled(p, NULL, false, 0, now, fx);
		return;
	}
	fx_print(fx, p->call, p->ios ? "." : "Request timed out.\n");
	ping_next(p, now);
}

static void probe_due(struct probe *p, nsec_t now, struct fx *fx)
{
	if (p->waiting)
		on_timeout(p, now, fx);
	if (p->state != PROBE_RUNNING || p->deadline_ns > now)
		return;
	if (!p->trace && p->seq >= p->count) {
		print_summary(p, fx);
		finish(p, p->answered ? 0 : 1, fx);
		return;
	}
	send_request(p, now, fx);
}

static void on_timer(struct ip_probes *ps, nsec_t now, struct fx *fx)
{
	for (unsigned i = 0; i < IP_PROBES_MAX; i++)
		if (ps->list[i].state == PROBE_RUNNING && ps->list[i].deadline_ns <= now)
			probe_due(&ps->list[i], now, fx);
}

static void on_send_failed(struct ip_probes *ps, const struct ev *ev, struct fx *fx)
{
	for (unsigned i = 0; i < IP_PROBES_MAX; i++) {
		struct probe *p = &ps->list[i];

		if (p->state != PROBE_RUNNING || !p->waiting || p->effect != ev->done.effect)
			continue;
		decide(fx, "ip.ping.no-route", V_ADDR("addr", p->dst),
		       V_TEXT("reason", ev->done.text));
		if (p->trace)
			trace_settled(p, NULL, false, 0, ev->now, fx);
		else {
			fx_print(fx, p->call, "%s\n", ev->done.text);
			ping_next(p, ev->now);
		}
		return;
	}
}

/* --- beginning ---------------------------------------------------------------------------- */

static void begin(struct ip_probes *ps, struct probe *p, nsec_t now, struct fx *fx)
{
	struct fx_bind b = { .sock = SOCK_PROBES, .kind = SOCK_ICMP };

	if (!ps->bound)
		fx_bind(fx, &b);
	ps->bound = true;
	p->state = PROBE_RUNNING;
	p->icmp_id = (uint16_t)rng_u32(&ps->rng);
	p->hop = 1;
	print_start(p, fx);
	send_request(p, now, fx);
}

static void on_answer(struct ip_probes *ps, const struct ev *ev, struct fx *fx)
{
	const struct answer *a = ev->answer.answer;

	for (unsigned i = 0; i < IP_PROBES_MAX; i++) {
		struct probe *p = &ps->list[i];

		if (p->state != PROBE_RESOLVING || p->ask_id != ev->answer.ask_id)
			continue;
		if (a->err == 0 && a->resolve.n_addrs > 0) {
			p->dst = a->resolve.addrs[0];
			begin(ps, p, ev->now, fx);
			return;
		}
		decide(fx, "ip.ping.unresolved", V_TEXT("name", p->name), V_TEXT("reason", a->why));
		fx_print(fx, p->call,
			 "Ping request could not find host %s. Please check the name and try "
			 "again.\n",
			 p->name);
		finish(p, 1, fx);
		return;
	}
}

static void start(struct ip_probes *ps, const struct call *call, bool trace, nsec_t now,
		  struct fx *fx)
{
	struct probe *p = NULL;
	struct ask ask = { .kind = ASK_RESOLVE, .resolve = { .type = 1 } };
	const struct arg *host = NULL;

	for (unsigned i = 0; i < IP_PROBES_MAX && !p; i++)
		if (ps->list[i].state == PROBE_FREE)
			p = &ps->list[i];
	if (!p) {
		fx_print(fx, call->id, "%% Too many pings run on this device already\n");
		fx_cmd_done(fx, call->id, 1);
		return;
	}
	*p = (struct probe){ .trace = trace,
			     .ios = call->dev->kind == KIND_ROUTER ||
				    call->dev->kind == KIND_SWITCH,
			     .call = call->id,
			     .count = call->dev->kind == KIND_ROUTER ? 5 : PING_COUNT };
	for (unsigned i = 0; i < call->n_args; i++) {
		if (call->args[i].type == ARG_HOST)
			host = &call->args[i];
		else if (call->args[i].type == ARG_NUMBER)
			p->count = (unsigned)call->args[i].number;
	}
	str_copy(p->name, sizeof(p->name), host ? host->text : "");
	if (host && host->addr.family == 4) {
		p->dst = host->addr;
		begin(ps, p, now, fx);
		return;
	}
	/* Numbers of asks and of shown tables (ip_show.c: the command's own) never meet. */
	p->ask_id = 0x80000000u | ++ps->next_ask;
	p->state = PROBE_RESOLVING;
	str_copy(ask.resolve.name, sizeof(ask.resolve.name), p->name);
	fx_ask(fx, p->ask_id, &ask);
}

void ip_ping_run(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	start(ip_host_probes(machine), call, false, now, fx);
}

void ip_trace_run(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	start(ip_host_probes(machine), call, true, now, fx);
}

void ip_probes_event(struct ip_probes *ps, const struct ev *ev, struct fx *fx)
{
	if (ev->kind == EV_DATAGRAM)
		on_datagram(ps, ev, fx);
	else if (ev->kind == EV_TIMER)
		on_timer(ps, ev->now, fx);
	else if (ev->kind == EV_ANSWER)
		on_answer(ps, ev, fx);
	else if (ev->kind == EV_DONE)
		on_send_failed(ps, ev, fx);
}
