/* dhcp4_relay.h: the BOOTP relay agent (RFC 1542 §4, RFC 3046): functions without a state.
 *
 * The server machine owns UDP 67 and calls these for what is not its own: requests heard on an
 * interface with helper addresses, and replies that name one of this device's addresses as giaddr.
 * Each call decides and sends through fx. */
#ifndef LABD_DHCP4_RELAY_H
#define LABD_DHCP4_RELAY_H

#include "dhcp4/dhcp4.h"

struct dhcp4_msg;

struct dhcp4_relay {
	const struct dhcp4_conf *conf;
	const struct device *dev;
	const struct iface *in; /* where the message came in */
	uint32_t sock;		/* bound to UDP 67 */
	const struct dhcp4_msg *m;
	const uint8_t *data; /* the bytes of m */
	size_t len;
	struct addr src, dst;
	uint32_t cause; /* its packet, as fx_because() names it */
};

/* Is this request the relay's business? */
bool dhcp4_relay_takes(const struct dhcp4_relay *r);
/* A request that it takes: forwarded, or dropped with a reason. */
void dhcp4_relay_request(const struct dhcp4_relay *r, struct fx *fx);
/* A reply with a giaddr. */
void dhcp4_relay_reply(const struct dhcp4_relay *r, struct fx *fx);
/* Does any interface have helper addresses? */
bool dhcp4_relay_configured(const struct dhcp4_conf *conf);

#endif
