/* dns_recurse_driver.h: a server, 10.0.0.1, that asks others on behalf of its client 10.0.0.77. The
 * others are 10.9.0.x. */
#ifndef LABD_TESTS_DNS_RECURSE_DRIVER_H
#define LABD_TESTS_DNS_RECURSE_DRIVER_H

#include "dns_driver.h"

#define HINTS	"ip dns server\nip dns root-hint a.root.test 10.9.0.1\n"
#define FORWARD "ip dns server\nip dns forwarder 10.9.0.1 10.9.0.2\n"

static struct ep client, local;

static inline void start(struct drv *d, const char *conf)
{
	drv_init(d, &dns_proto, KIND_SERVER, 1);
	drv_addr(d, 1, "10.0.0.1/24");
	drv_conf(d, conf);
	drv_start(d, "dns.server");
	client = drv_ep("10.0.0.77", 4444);
	local = drv_ep("10.0.0.1", 53);
}

static inline void ask_id(struct drv *d, uint16_t id, const char *question, uint16_t flags)
{
	uint8_t buf[512];
	size_t len = dm_build(buf, sizeof(buf), id, flags, question, NULL);

	drv_datagram(d, 1, client, local, 1, buf, len);
}

static inline void ask(struct drv *d, const char *question)
{
	ask_id(d, 1, question, DNS_RD);
}

/* The next reply to a client in the window. */
static inline const char *reply(struct drv *d)
{
	const struct fx_effect *e;

	d->last[FX_SEND] = d->last[FX_SEND] && is_query(d->last[FX_SEND]) ? NULL : d->last[FX_SEND];
	do
		e = drv_next_send(d);
	while (is_query(e));
	return dm_show(e->send.data, e->send.len);
}

static inline void expect_no_reply(struct drv *d)
{
	for (const struct fx_effect *e = drv_after_effect(d, NULL); e; e = drv_after_effect(d, e))
		assert_false(e->kind == FX_SEND && !is_query(e));
}

#endif
