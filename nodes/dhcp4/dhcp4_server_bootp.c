/* Requests without option 53: BOOTP clients, served from the manual bindings (RFC 951, RFC 1534).
 */
#include "dhcp4/dhcp4_server.h"

void dhcp4_server_bootp(struct dhcp4_server *s, struct dhcp4_request *q, struct fx *fx)
{
	struct dhcp4_reply reply;
	struct dhcp4_lease *x;
	bool known;

	decide(fx, "dhcp4.server.bootp-compat", V_MAC("client", q->mac),
	       V_INT("vendor_options", q->m->n_opts));
	if (!dhcp4_server_locate(s, q, fx))
		return;
	decide(fx, "bootp.server.lookup", V_MAC("client", q->mac),
	       V_ADDR("network", addr4_from_u32(q->network)),
	       V_TEXT("found", q->manual ? "found" : "not found"));
	if (!q->manual) {
		decide(fx, "bootp.server.drop-unknown-mac", V_MAC("client", q->mac),
		       V_ADDR("network", addr4_from_u32(q->network)));
		return;
	}
	x = dhcp4_server_manual_record(s, q, fx);
	if (!x)
		return;
	x->bootp = true;
	x->server = q->local;
	dhcp4_server_bootreply(s, q, x, &reply, fx);
	known = x->state == L4_BOUND;
	if (!known)
		dhcp4_server_bind(s, q, x, NEVER, fx);
	decide(fx, "bootp.server.reply", V_MAC("client", q->mac),
	       V_ADDR("addr", q->manual->conf.host), V_ADDR("server", q->local),
	       V_TEXT("file", q->manual->conf.bootfile), V_TEXT("pool", q->manual->conf.name));
	fx_send(fx, &reply.send);
	if (!known)
		dhcp4_server_ddns(s, x, true, q->now, fx);
}
