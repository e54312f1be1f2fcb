/* Traps and informs of others, on UDP 162: stored, and told to the device's log. Nobody is sent an
 * answer to a trap; an inform gets a Response (RFC 3416 §4.2.7). */
#include "snmp/snmp_manager.h"

#include <stdlib.h>
#include <string.h>

#define SENDER(ev) V_ADDR("sender", (ev)->dgram.src.addr)

/* As v2 has it: the second binding, or what RFC 3584 §3.1 makes of v1's head. */
static void trap_oid(const struct snmp_msg *m, struct snmp_oid *ret)
{
	static const struct snmp_oid traps = { 9, { 1, 3, 6, 1, 6, 3, 1, 1, 5 } };
	struct rd binds = m->binds;
	struct snmp_bind b;

	ret->n = 0;
	if (m->pdu != SNMP_TRAP_V1) {
		if (snmp_bind_next(&binds, &b) && snmp_bind_next(&binds, &b) &&
		    b.value.type == SNMP_OID)
			*ret = b.value.oid;
		return;
	}
	*ret = m->generic == 6 ? m->enterprise : traps;
	if (m->generic == 6)
		snmp_oid_add(ret, 0);
	snmp_oid_add(ret, (uint32_t)(m->generic == 6 ? m->specific : m->generic + 1));
}

static uint64_t trap_uptime(const struct snmp_msg *m)
{
	struct rd binds = m->binds;
	struct snmp_bind b;

	if (m->pdu == SNMP_TRAP_V1)
		return m->uptime;
	return snmp_bind_next(&binds, &b) && b.value.type == SNMP_TIMETICKS ? b.value.u : 0;
}

static void respond(const struct ev *ev, const struct snmp_msg *m, struct fx *fx)
{
	struct snmp_out *o = malloc(sizeof(*o));
	struct rd binds = m->binds;
	struct snmp_msg head = *m;
	struct snmp_bind b;
	size_t len;

	if (!o)
		abort();
	head.pdu = SNMP_RESPONSE;
	head.error = head.index = 0;
	snmp_begin(o, &head);
	while (snmp_bind_next(&binds, &b) && snmp_put_bind(o, &b, SNMP_MESSAGE_MAX))
		;
	len = snmp_end(o, SNMP_MESSAGE_MAX);
	decide(fx, "snmp.v2.inform", SENDER(ev), V_INT("id", m->id));
	if (len > 0)
		fx_send(fx, &(struct fx_send){ .sock = ev->dgram.sock,
					       .dst = ev->dgram.src,
					       .data = o->octets,
					       .len = len });
	free(o);
}

static void store(struct snmp_manager *m, const struct ev *ev, const struct snmp_msg *t,
		  const struct snmp_oid *oid, struct fx *fx)
{
	struct sbuf name = SBUF(SNMP_NAME_MAX), binds = SBUF(900), key = SBUF(16);
	const char *how = t->pdu == SNMP_INFORM ? "inform" : "trap";
	char sender[ADDR_TEXT_LEN];
	struct val trap, text;

	if (oid->n > 0)
		snmp_name_format(oid, &name);
	snmp_binds_format(t->binds, true, &binds);
	sbuf_printf(&key, "%u", ++m->n_traps);
	trap = V_TEXT("trap", oid->n > 0 ? sbuf_text(&name) : "no name");
	text = V_TEXT("varbinds", sbuf_text(&binds));
	decide(fx, "snmp.manager.trap", SENDER(ev), V_TEXT("how", how), trap, text,
	       V_TEXT("version", snmp_version_name(t->version)));
	fact_begin(fx, &snmp_trap_fact, sbuf_text(&key), SENDER(ev),
		   addr_is_set(&t->agent) ? V_ADDR("agent", t->agent) : V_NULL("agent"),
		   V_TEXT("version", snmp_version_name(t->version)),
		   V_TEXTN("community", t->community, t->community_len), V_TEXT("how", how), trap,
		   V_DUR("uptime", (nsec_t)trap_uptime(t) * 10 * MSEC), text);
	fx_fact_end(fx, &snmp_trap_fact, sbuf_text(&key), "taken");
	fx_log(fx, SEVERITY_NOTICE, "SNMP", "TRAP", "%s of %s: %s", how,
	       addr_format(&ev->dgram.src.addr, sender), oid->n > 0 ? sbuf_text(&name) : "no name");
	sbuf_done(&name);
	sbuf_done(&binds);
	sbuf_done(&key);
}

void snmp_receive(struct snmp_manager *m, const struct ev *ev, struct fx *fx)
{
	struct val agent = V_ADDR("agent", ev->dgram.src.addr);
	struct snmp_msg t;
	struct snmp_oid name;
	const char *why;

	if (!m->conf->manager && m->conf->n_proxies == 0) {
		decide(fx, "snmp.manager.drop-disabled", SENDER(ev));
	} else if (snmp_decode_header(ev->dgram.data, ev->dgram.len, &t, &why) < 0) {
		decide(fx, "snmp.manager.drop-bad-header", agent, V_TEXT("reason", why));
	} else if (snmp_decode_pdu(&t, &why) < 0) {
		decide(fx, "snmp.manager.drop-bad-pdu", agent, V_TEXT("reason", why));
	} else if (!(t.version == SNMP_V1 ? t.pdu == SNMP_TRAP_V1
					  : t.pdu == SNMP_TRAP || t.pdu == SNMP_INFORM)) {
		decide(fx, "snmp.manager.drop-not-trap", agent, V_TEXT("pdu", snmp_pdu_name(t.pdu)),
		       V_TEXT("version", snmp_version_name(t.version)));
	} else {
		trap_oid(&t, &name);
		if (!snmp_proxy_trap(m, ev, &t, &name, fx) || m->conf->manager)
			store(m, ev, &t, &name, fx);
		if (t.pdu == SNMP_INFORM)
			respond(ev, &t, fx);
	}
}
