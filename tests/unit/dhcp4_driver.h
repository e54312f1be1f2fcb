/* dhcp4_driver.h: DHCP messages for the tests that drive machines with machine_driver.h. */
#ifndef LABD_TESTS_DHCP4_DRIVER_H
#define LABD_TESTS_DHCP4_DRIVER_H

#include "dhcp4/dhcp4.h"
#include "dhcp4/dhcp4_wire.h"
#include "machine_driver.h"

enum { T_SERVER_SOCK = 1, T_ICMP_SOCK = 2, T_DDNS_SOCK = 3 };

static inline int t_enter_interface(void *conf, const struct call *call)
{
	(void)conf;
	(void)call;
	return 0;
}

/* dhcp4_proto with the line that enters an interface, which belongs to another protocol. */
static inline const struct proto *t_proto(void)
{
	static struct proto proto;
	static struct cmd cmds[128] = {
		{ .mode = MODE_CONFIG,
		  .pattern = "interface IFNAME",
		  .help = "Enter an interface",
		  .enters = MODE_IF,
		  .set = t_enter_interface },
	};
	size_t n = 0;

	while (dhcp4_proto.cmds[n].mode)
		n++;
	assert_true(n + 2 <= ARRAY_SIZE(cmds));
	memcpy(&cmds[1], dhcp4_proto.cmds, (n + 1) * sizeof(cmds[0]));
	proto = dhcp4_proto;
	proto.cmds = cmds;
	return &proto;
}

/* The n-th client's hardware address. */
static inline struct mac t_mac(unsigned n)
{
	return (struct mac){ { 2, 0, 0, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n } };
}

/* A message of client n, transaction id n. */
static inline void t_request(struct dhcp4_msg *m, enum dhcp4_type type, unsigned n)
{
	const struct mac mac = t_mac(n);

	dhcp4_init(m, DHCP4_BOOTREQUEST, type);
	m->htype = 1;
	m->hlen = 6;
	m->xid = n;
	memcpy(m->chaddr, mac.b, sizeof(mac.b));
}

static inline void t_put_addr(struct dhcp4_msg *m, uint8_t code, const char *addr)
{
	const struct addr a = drv_a(addr);

	dhcp4_put_addr(m, code, &a);
}

/* Hands a client's message to the server machine, as heard on interface ifid. */
static inline void t_hear(struct drv *d, uint32_t ifid, const char *src, const char *dst,
			  const struct dhcp4_msg *m)
{
	uint8_t bytes[DHCP4_LEN_MAX];
	int len = dhcp4_encode(m, bytes, sizeof(bytes), NULL);

	assert_true(len > 0);
	drv_datagram(d, T_SERVER_SOCK, drv_ep(src, m->op == DHCP4_BOOTREPLY ? 67 : 68),
		     drv_ep(dst, 67), ifid, bytes, (size_t)len);
}

static inline void t_broadcast(struct drv *d, const struct dhcp4_msg *m)
{
	t_hear(d, 1, "0.0.0.0", "255.255.255.255", m);
}

/* The next datagram of the window that goes to a DHCP port, decoded. */
static inline const struct fx_effect *t_sent(struct drv *d, struct dhcp4_msg *ret)
{
	const char *why = "";

	for (;;) {
		const struct fx_effect *e = drv_next_send(d);

		if (e->send.dst.port != DHCP4_CLIENT_PORT && e->send.dst.port != DHCP4_SERVER_PORT)
			continue;
		if (dhcp4_decode(e->send.data, e->send.len, ret, &why) < 0)
			fail_msg("the machine sent a malformed message: %s", why);
		assert_true(e->send.len >= DHCP4_LEN_MIN);
		return e;
	}
}

static inline unsigned t_count_sent(const struct drv *d)
{
	unsigned n = 0;

	for (const struct fx_effect *e = drv_after_effect(d, NULL); e; e = drv_after_effect(d, e))
		n += e->kind == FX_SEND && (e->send.dst.port == DHCP4_CLIENT_PORT ||
					    e->send.dst.port == DHCP4_SERVER_PORT);
	return n;
}

static inline void t_expect_addr(const struct addr *a, const char *text)
{
	char got[ADDR_TEXT_LEN];

	assert_string_equal(addr_format(a, got), text);
}

static inline void t_expect_opt_addr(const struct dhcp4_msg *m, uint8_t code, const char *text)
{
	struct addr a;

	if (!dhcp4_get_addr(m, code, &a))
		fail_msg("option %u is not there", code);
	t_expect_addr(&a, text);
}

static inline void t_expect_opt_u32(const struct dhcp4_msg *m, uint8_t code, uint32_t want)
{
	uint32_t v;

	if (!dhcp4_get_u32(m, code, &v))
		fail_msg("option %u is not there", code);
	assert_int_equal(v, want);
}

/* The decision that explains an effect, by its rule. */
static inline const char *t_reason(const struct drv *d, const struct fx_effect *effect)
{
	for (unsigned i = 0; i < d->n_turns; i++) {
		const char *rules[FX_MAX] = { "" };
		unsigned n = 0;

		for (const struct fx_effect *e = fx_first(d->turns[i]); e; e = e->next) {
			if (e->kind == FX_DECIDE)
				rules[++n] = e->decide.rule;
			if (e == effect)
				return effect->decision <= n ? rules[effect->decision] : "";
		}
	}
	return "";
}

#endif
