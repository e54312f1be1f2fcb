/* Entries with "log": the words IOS has for its log, at the first packet of a conversation and then
 * every five minutes with the number of packets since.
 *
 * A bounded table of conversations; when it is full, the one that was silent longest makes room. */
#include "acl/acl_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/inet.h"
#include "base/pages.h"

#define LOG_FLOWS_MAX	256
#define LOG_INTERVAL_NS (300 * SEC)

struct flow {
	char list[ACL_LIST_NAME_LEN]; /* "" = free */
	uint32_t seq;
	bool permit;
	struct acl_packet packet; /* its first one */
	nsec_t last_ns, tell_at_ns;
	uint32_t n_new; /* packets since it was last told of */
};

struct acl_log {
	nsec_t next_ns;	    /* no flow is to be told of before */
	struct flow *flows; /* LOG_FLOWS_MAX */
};

struct acl_log *acl_log_new(void)
{
	struct acl_log *log = calloc(1, sizeof(*log));

	if (!log)
		return NULL;
	log->next_ns = NEVER;
	log->flows = pages_new(LOG_FLOWS_MAX * sizeof(*log->flows));
	if (!log->flows) {
		free(log);
		return NULL;
	}
	return log;
}

void acl_log_free(struct acl_log *log)
{
	if (log)
		pages_free(log->flows, LOG_FLOWS_MAX * sizeof(*log->flows));
	free(log);
}

nsec_t acl_log_deadline(const struct acl_log *log)
{
	return log->next_ns;
}

static bool is_same(const struct flow *f, const struct acl_report *r, const struct acl_packet *p)
{
	return f->seq == r->seq && strcmp(f->list, r->list) == 0 && f->packet.src == p->src &&
	       f->packet.dst == p->dst && f->packet.protocol == p->protocol &&
	       f->packet.src_port == p->src_port && f->packet.dst_port == p->dst_port &&
	       f->packet.icmp_type == p->icmp_type;
}

/* That conversation's place, or a free one, or the place of the longest silent one. */
static struct flow *place_for(struct acl_log *log, const struct acl_report *r,
			      const struct acl_packet *p)
{
	struct flow *oldest = &log->flows[0];

	for (size_t i = 0; i < LOG_FLOWS_MAX; i++) {
		struct flow *f = &log->flows[i];

		if (f->list[0] && is_same(f, r, p))
			return f;
		if (oldest->list[0] && (!f->list[0] || f->last_ns < oldest->last_ns))
			oldest = f;
	}
	oldest->list[0] = '\0';
	return oldest;
}

/* The mnemonic tells what the line holds: ports, ICMP type, or addresses alone. */
static const char *mnemonic_of(const struct flow *f)
{
	return f->packet.has_ports			? "IPACCESSLOGP"
	       : f->packet.protocol == IPPROTO_NUM_ICMP ? "IPACCESSLOGDP"
							: "IPACCESSLOGRP";
}

static void tell(const char *rule, const struct flow *f, uint32_t count, struct fx *fx)
{
	struct sbuf text = SBUF(512), message = SBUF(600);

	sbuf_printf(&text, "list %s %s ", f->list, f->permit ? "permitted" : "denied");
	acl_packet_print(&f->packet, &text);
	sbuf_printf(&text, ", %u packet%s", count, count == 1 ? "" : "s");
	sbuf_printf(&message, "%%SEC-6-%s: %s", mnemonic_of(f), sbuf_text(&text));
	decide(fx, rule, V_TEXT("message", sbuf_text(&message)), V_TEXT("list", f->list),
	       V_INT("entry", f->seq), V_INT("count", count));
	fx_log(fx, SEVERITY_INFORMATIONAL, "SEC", mnemonic_of(f), "%s", sbuf_text(&text));
	sbuf_done(&message);
	sbuf_done(&text);
}

static void begin(struct acl_log *log, struct flow *f, const struct acl_report *r,
		  const struct acl_packet *p, nsec_t now, struct fx *fx)
{
	*f = (struct flow){ .seq = r->seq,
			    .permit = r->permit,
			    .packet = *p,
			    .tell_at_ns = now + LOG_INTERVAL_NS };
	str_copy(f->list, sizeof(f->list), r->list);
	tell("acl.log.first", f, 1, fx);
	if (f->tell_at_ns < log->next_ns)
		log->next_ns = f->tell_at_ns;
}

void acl_log_packet(struct acl_log *log, const struct acl_report *r, const struct acl_packet *p,
		    nsec_t now, struct fx *fx)
{
	struct flow *f = place_for(log, r, p);

	if (!f->list[0])
		begin(log, f, r, p, now, fx);
	else
		f->n_new++;
	f->last_ns = now;
}

static void tell_again(struct flow *f, nsec_t now, struct fx *fx)
{
	tell("acl.log.again", f, f->n_new, fx);
	f->n_new = 0;
	f->tell_at_ns = now + LOG_INTERVAL_NS;
}

/* A conversation that was silent for a whole interval is over. */
void acl_log_timer(struct acl_log *log, nsec_t now, struct fx *fx)
{
	if (now < log->next_ns)
		return;
	log->next_ns = NEVER;
	for (size_t i = 0; i < LOG_FLOWS_MAX; i++) {
		struct flow *f = &log->flows[i];

		if (!f->list[0])
			continue;
		if (f->tell_at_ns <= now && f->n_new > 0)
			tell_again(f, now, fx);
		else if (f->tell_at_ns <= now)
			f->list[0] = '\0';
		if (f->list[0] && f->tell_at_ns < log->next_ns)
			log->next_ns = f->tell_at_ns;
	}
}
