#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "dhcp4_driver.h"

#include "base/inet.h"

/* Socket numbers of the first interface that the client uses. */
enum { RAW = 1, UDP = 2, ARP = 3 };

static const struct mac server_mac = { { 2, 0, 0, 0, 9, 9 } };

static void setup_kind(struct drv *d, enum device_kind kind, const char *conf)
{
	drv_init(d, t_proto(), kind, 2);
	drv_conf(d, conf);
	drv_start(d, "dhcp4.client");
}

static void setup(struct drv *d, const char *more)
{
	drv_init(d, t_proto(), KIND_PC, 2);
	drv_conf(d, "interface eth0\n ip address dhcp\n");
	drv_conf(d, more);
	drv_start(d, "dhcp4.client");
}

/* A server's reply to this message of the client. */
static void reply_to(const struct dhcp4_msg *to, struct dhcp4_msg *m, enum dhcp4_type type)
{
	dhcp4_init(m, DHCP4_BOOTREPLY, type);
	m->htype = 1;
	m->hlen = 6;
	m->xid = to->xid;
	memcpy(m->chaddr, to->chaddr, sizeof(m->chaddr));
}

/* As the server 10.0.0.1 grants 10.0.0.100 for an hour. */
static void grant(const struct dhcp4_msg *to, struct dhcp4_msg *m, enum dhcp4_type type)
{
	reply_to(to, m, type);
	m->yiaddr = drv_a("10.0.0.100");
	t_put_addr(m, OPT4_SERVER, "10.0.0.1");
	t_put_addr(m, OPT4_MASK, "255.255.255.0");
	t_put_addr(m, OPT4_ROUTER, "10.0.0.1");
	t_put_addr(m, OPT4_DNS, "10.0.1.10");
	dhcp4_put_text(m, OPT4_DOMAIN, "campus.test");
	dhcp4_put_u32(m, OPT4_LEASE, 3600);
}

static void hear_on(struct drv *d, uint32_t sock, struct mac dst, const struct dhcp4_msg *m)
{
	uint8_t bytes[DHCP4_LEN_MAX];
	int len = dhcp4_encode(m, bytes, sizeof(bytes), NULL);

	assert_true(len > 0);
	drv_frame(d, sock, drv_ep("10.0.0.1", 67), drv_ep("255.255.255.255", 68), 1, server_mac,
		  dst, bytes, (size_t)len);
}

static void hear(struct drv *d, const struct dhcp4_msg *m)
{
	hear_on(d, RAW, d->ifaces[0].mac, m);
}

/* From the DISCOVER in the window to the ACK; the last message the client sent comes back in m. */
static void up_to_ack(struct drv *d, struct dhcp4_msg *m)
{
	struct dhcp4_msg r;

	t_sent(d, m);
	assert_int_equal(m->type, DHCP4_DISCOVER);
	grant(m, &r, DHCP4_OFFER);
	hear(d, &r);
	t_sent(d, m);
	assert_int_equal(m->type, DHCP4_REQUEST);
	grant(m, &r, DHCP4_ACK);
	hear(d, &r);
}

/* A PC that holds 10.0.0.100 from time 1 s on. */
static void bound(struct drv *d)
{
	struct dhcp4_msg m;

	setup(d, "");
	up_to_ack(d, &m);
	drv_timer_until(d, 1 * SEC);
	drv_expect_decision(d, "dhcp4.client.ack-configure");
	drv_addr(d, 1, "10.0.0.100/24");
}

/* --- getting a lease ---------------------------------------------------------------------- */

static void discover_asks_everybody(void **state)
{
	static const uint8_t pc[] = { 1, 3, 6, 15, 51, 58, 59, 44, 252 };
	const struct fx_effect *e;
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup(&d, "");
	e = drv_next_bind(&d);
	assert_int_equal(e->bind.kind, SOCK_UDP_RAW);
	assert_int_equal(e->bind.local.port, 68);
	assert_int_equal(e->bind.ifid, 1);
	e = t_sent(&d, &m);
	assert_string_equal(t_reason(&d, e), "dhcp4.client.send-discover");
	drv_expect_decision(&d, "dhcp4.client.request-parameters");
	drv_expect_no_decision(&d, "dhcp4.client.unicast-unknown");
	drv_expect_no_decision(&d, "dhcp4.client.discover-last-ip");
	t_expect_addr(&e->send.src.addr, "0.0.0.0");
	t_expect_addr(&e->send.dst.addr, "255.255.255.255");
	assert_int_equal(e->send.src.port, 68);
	assert_int_equal(e->send.dst.port, 67);
	assert_true(e->send.has_mac && mac_is_broadcast(&e->send.dst_mac));
	assert_int_equal(m.op, DHCP4_BOOTREQUEST);
	assert_int_equal(m.type, DHCP4_DISCOVER);
	assert_true(m.xid != 0);
	assert_int_equal(m.flags, 0);
	assert_memory_equal(m.chaddr, d.ifaces[0].mac.b, 6);
	assert_memory_equal(dhcp4_get(&m, OPT4_HOSTNAME)->data, "dut", 3);
	assert_int_equal(dhcp4_get(&m, OPT4_PARAMS)->len, sizeof(pc));
	assert_memory_equal(dhcp4_get(&m, OPT4_PARAMS)->data, pc, sizeof(pc));
	assert_memory_equal(dhcp4_get(&m, OPT4_CLIENT_ID)->data, "\x01\x02\x00\x00\x00\x00\x01", 7);
	assert_null(dhcp4_get(&m, OPT4_REQUESTED));
	assert_string_equal(
		drv_value(drv_expect_fact(&d, FX_FACT_BEGIN, "dhcp4_client", "eth0"), "state"),
		"selecting");
	drv_done(&d);
}

static void phones_and_routers_ask_for_boot_files(void **state)
{
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup_kind(&d, KIND_PHONE, "interface eth0\n ip address dhcp\n");
	t_sent(&d, &m);
	assert_true(dhcp4_wants(&m, OPT4_TFTP_ADDRS));
	assert_true(dhcp4_wants(&m, OPT4_TFTP_NAME));
	assert_false(dhcp4_wants(&m, OPT4_NETBIOS));
	drv_done(&d);
}

static void the_configuration_shapes_the_messages(void **state)
{
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup(&d, "interface eth0\n"
		  " ip dhcp client broadcast-flag\n"
		  " ip dhcp client hostname printer\n"
		  " ip dhcp client client-id ascii floor1\n");
	drv_expect_decision(&d, "dhcp4.client.unicast-unknown");
	t_sent(&d, &m);
	assert_int_equal(m.flags, DHCP4_FLAG_BROADCAST);
	assert_memory_equal(dhcp4_get(&m, OPT4_HOSTNAME)->data, "printer", 7);
	assert_memory_equal(dhcp4_get(&m, OPT4_CLIENT_ID)->data, "\0floor1", 7);
	drv_done(&d);
}

static void the_first_message_may_wait(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, "interface eth0\n ip dhcp client start-delay\n");
	drv_expect_none(&d, FX_SEND);
	assert_true(drv_deadline(&d) >= 1 * SEC && drv_deadline(&d) <= 10 * SEC);
	drv_timer(&d);
	drv_expect_decision(&d, "dhcp4.client.send-discover");
	drv_done(&d);
}

static void the_first_offer_is_requested(void **state)
{
	struct dhcp4_msg m, r, discover;
	const struct fx_effect *e;
	uint8_t wanted[16];
	size_t n_wanted;
	struct drv d;

	(void)state;
	setup(&d, "");
	d.now = 2 * SEC;
	t_sent(&d, &discover);
	n_wanted = dhcp4_get(&discover, OPT4_PARAMS)->len;
	memcpy(wanted, dhcp4_get(&discover, OPT4_PARAMS)->data, n_wanted);
	grant(&discover, &r, DHCP4_OFFER);
	hear(&d, &r);
	drv_expect_decision(&d, "dhcp4.client.dispatch-type");
	drv_expect_decision(&d, "dhcp4.client.select-one");
	e = t_sent(&d, &m);
	assert_string_equal(t_reason(&d, e), "dhcp4.client.offer-send-request");
	t_expect_addr(&e->send.dst.addr, "255.255.255.255");
	assert_int_equal(m.type, DHCP4_REQUEST);
	assert_int_equal(m.xid, discover.xid);
	assert_int_equal(m.secs, discover.secs);
	t_expect_opt_addr(&m, OPT4_REQUESTED, "10.0.0.100");
	t_expect_opt_addr(&m, OPT4_SERVER, "10.0.0.1");
	assert_int_equal(addr4_u32(&m.ciaddr), 0);
	assert_int_equal(dhcp4_get(&m, OPT4_PARAMS)->len, n_wanted);
	assert_memory_equal(dhcp4_get(&m, OPT4_PARAMS)->data, wanted, n_wanted);
	/* A slower server's offer. */
	hear(&d, &r);
	drv_expect_decision(&d, "dhcp4.client.drop-late-offer");
	drv_expect_none(&d, FX_SEND);
	drv_done(&d);
}

static void offers_that_cannot_be_taken(void **state)
{
	static const struct {
		const char *yiaddr, *server, *rule;
	} rows[] = {
		{ "10.0.0.100", NULL, "dhcp4.client.drop-offer-no-server-id" },
		{ "0.0.0.0", "10.0.0.1", "dhcp4.client.drop-unusable-address" },
		{ "127.0.0.1", "10.0.0.1", "dhcp4.client.drop-unusable-address" },
		{ "224.0.0.5", "10.0.0.1", "dhcp4.client.drop-unusable-address" },
		{ "255.255.255.255", "10.0.0.1", "dhcp4.client.drop-unusable-address" },
	};
	struct dhcp4_msg m, r;
	struct drv d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		setup(&d, "");
		t_sent(&d, &m);
		reply_to(&m, &r, DHCP4_OFFER);
		r.yiaddr = drv_a(rows[i].yiaddr);
		if (rows[i].server)
			t_put_addr(&r, OPT4_SERVER, rows[i].server);
		hear(&d, &r);
		drv_expect_decision(&d, rows[i].rule);
		drv_expect_none(&d, FX_SEND);
		drv_done(&d);
	}
}

static void an_ack_is_probed_then_configured(void **state)
{
	const struct fx_effect *e;
	struct dhcp4_msg m;
	struct arp arp;
	struct drv d;

	(void)state;
	setup(&d, "");
	d.now = 5 * SEC;
	up_to_ack(&d, &m);
	drv_expect_decision(&d, "dhcp4.client.ack-defaults"); /* T1, T2 are not there */
	drv_expect_decision(&d, "dhcp4.client.ack-probe");
	assert_int_equal(drv_next_bind(&d)->bind.kind, SOCK_ARP);
	e = drv_next_send(&d);
	assert_int_equal(arp_parse(e->send.data, e->send.len, &arp), 0);
	assert_int_equal(addr4_u32(&arp.sender), 0);
	t_expect_addr(&arp.target, "10.0.0.100");
	drv_expect_none(&d, FX_ADDR);
	drv_timer(&d);
	assert_int_equal(d.now, 6 * SEC);
	drv_expect_decision(&d, "dhcp4.client.ack-configure");
	drv_expect_decision(&d, "dhcp4.client.obtain-parameters");
	e = drv_want(&d, FX_ADDR, "address");
	assert_true(e->addr.add);
	t_expect_addr(&e->addr.addr, "10.0.0.100");
	assert_int_equal(e->addr.plen, 24);
	e = drv_want(&d, FX_ROUTE, "route");
	t_expect_addr(&e->route.via, "10.0.0.1");
	e = drv_want(&d, FX_RESOLVER, "resolver");
	assert_string_equal(e->resolver.source, "dhcp4:eth0");
	assert_string_equal(e->resolver.domain, "campus.test");
	t_expect_addr(&e->resolver.servers[0], "10.0.1.10");
	e = drv_expect_fact(&d, FX_FACT_BEGIN, "dhcp4_client_lease", "eth0");
	assert_int_equal(val_find(e->fact.columns, "expires")->i, (5 + 3600) * SEC);
	assert_int_equal(val_find(e->fact.columns, "renews")->i, (5 + 1800) * SEC);
	assert_int_equal(val_find(e->fact.columns, "rebinds")->i, (5 + 3150) * SEC);
	/* The whole frames end, the kernel's UDP takes over; the neighbours are told. */
	assert_int_equal(drv_next_bind(&d)->bind.kind, SOCK_UDP);
	e = drv_next_send(&d);
	assert_int_equal(arp_parse(e->send.data, e->send.len, &arp), 0);
	t_expect_addr(&arp.sender, "10.0.0.100");
	drv_done(&d);
}

static void probes_can_be_switched_off(void **state)
{
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup(&d, "interface eth0\n ip dhcp client arp-probes 0\n");
	up_to_ack(&d, &m);
	drv_expect_decision(&d, "dhcp4.client.ack-configure");
	drv_done(&d);
	setup(&d, "interface eth0\n ip dhcp client arp-probes 3\n");
	up_to_ack(&d, &m);
	drv_timer_until(&d, 2500 * MSEC);
	drv_expect_no_decision(&d, "dhcp4.client.ack-configure");
	drv_timer_until(&d, 3 * SEC);
	drv_expect_decision(&d, "dhcp4.client.ack-configure");
	drv_done(&d);
}

static void defaults_fill_what_is_missing(void **state)
{
	struct dhcp4_msg m, r;
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	setup(&d, "interface eth0\n ip dhcp client arp-probes 0\n");
	t_sent(&d, &m);
	reply_to(&m, &r, DHCP4_OFFER);
	r.yiaddr = drv_a("172.16.9.9");
	t_put_addr(&r, OPT4_SERVER, "172.16.0.1");
	hear(&d, &r);
	t_sent(&d, &m);
	reply_to(&m, &r, DHCP4_ACK);
	r.yiaddr = drv_a("172.16.9.9");
	dhcp4_put_u32(&r, OPT4_T1, 5000); /* later than T2: not to be believed */
	dhcp4_put_u32(&r, OPT4_T2, 4000);
	hear(&d, &r);
	drv_expect_decision(&d, "dhcp4.client.ack-defaults");
	e = drv_expect_fact(&d, FX_FACT_BEGIN, "dhcp4_client_lease", "eth0");
	assert_string_equal(drv_value(e, "plen"), "16");
	assert_int_equal(val_find(e->fact.columns, "expires")->i, 3600 * SEC);
	assert_int_equal(val_find(e->fact.columns, "renews")->i, 1800 * SEC);
	drv_done(&d);
}

static void an_infinite_lease_is_never_renewed(void **state)
{
	struct dhcp4_msg m, r;
	struct drv d;

	(void)state;
	setup(&d, "interface eth0\n ip dhcp client arp-probes 0\n");
	t_sent(&d, &m);
	grant(&m, &r, DHCP4_OFFER);
	hear(&d, &r);
	t_sent(&d, &m);
	reply_to(&m, &r, DHCP4_ACK);
	r.yiaddr = drv_a("10.0.0.100");
	t_put_addr(&r, OPT4_SERVER, "10.0.0.1");
	t_put_addr(&r, OPT4_MASK, "255.255.255.0");
	dhcp4_put_u32(&r, OPT4_LEASE, DHCP4_INFINITE);
	hear(&d, &r);
	drv_expect_decision(&d, "dhcp4.client.ack-configure");
	assert_true(drv_deadline(&d) == NEVER);
	drv_done(&d);
}

/* --- what is not for us ------------------------------------------------------------------- */

static void foreign_replies_are_dropped(void **state)
{
	static const struct mac other = { { 2, 0, 0, 0, 5, 5 } };
	struct dhcp4_msg m, r;
	struct drv d;

	(void)state;
	setup(&d, "");
	t_sent(&d, &m);
	drv_frame(&d, RAW, drv_ep("10.0.0.1", 67), drv_ep("255.255.255.255", 68), 1, server_mac,
		  mac_broadcast, "x", 1);
	drv_expect_decision(&d, "dhcp4.client.drop-invalid");
	grant(&m, &r, DHCP4_OFFER);
	r.op = DHCP4_BOOTREQUEST;
	hear(&d, &r);
	drv_expect_decision(&d, "dhcp4.client.drop-invalid");
	reply_to(&m, &r, DHCP4_NO_TYPE);
	hear(&d, &r);
	drv_expect_decision(&d, "dhcp4.client.drop-invalid");
	r.cookie = false;
	hear(&d, &r);
	drv_expect_decision(&d, "dhcp4.client.drop-invalid");
	grant(&m, &r, DHCP4_OFFER);
	hear_on(&d, RAW, other, &r);
	drv_expect_decision(&d, "dhcp4.client.drop-bad-mac");
	r.chaddr[5] ^= 1;
	hear(&d, &r);
	drv_expect_decision(&d, "dhcp4.client.drop-bad-mac");
	grant(&m, &r, DHCP4_OFFER);
	r.xid++;
	hear(&d, &r);
	drv_expect_decision(&d, "dhcp4.client.drop-xid-mismatch");
	grant(&m, &r, DHCP4_OFFER);
	dhcp4_put(&r, OPT4_CLIENT_ID, "\x01\x02\x00\x00\x00\x00\x02", 7);
	hear(&d, &r);
	drv_expect_decision(&d, "dhcp4.client.drop-client-id-mismatch");
	grant(&m, &r, DHCP4_ACK);
	hear(&d, &r);
	drv_expect_decision(&d, "dhcp4.client.drop-unexpected-ack");
	grant(&m, &r, DHCP4_NAK);
	hear(&d, &r);
	drv_expect_decision(&d, "dhcp4.client.drop-unexpected-nak");
	for (int type = 1; type < 256; type += 1) {
		if (type == DHCP4_OFFER || type == DHCP4_ACK || type == DHCP4_NAK)
			continue;
		grant(&m, &r, (enum dhcp4_type)type);
		hear(&d, &r);
		drv_expect_decision(&d, "dhcp4.client.drop-other-type");
	}
	/* After all that the right one is still taken, a broadcast one too. */
	grant(&m, &r, DHCP4_OFFER);
	dhcp4_put(&r, OPT4_CLIENT_ID, "\x01\x02\x00\x00\x00\x00\x01", 7);
	hear_on(&d, RAW, mac_broadcast, &r);
	drv_expect_decision(&d, "dhcp4.client.offer-send-request");
	drv_done(&d);
}

/* --- silence ------------------------------------------------------------------------------ */

static void discover_is_repeated_on_the_schedule(void **state)
{
	static const int delays[] = { 4, 8, 16, 32, 64, 64, 64 };
	struct dhcp4_msg m;
	struct drv d;
	uint32_t xid;

	(void)state;
	setup_kind(&d, KIND_ROUTER, "interface eth0\n ip address dhcp\n");
	t_sent(&d, &m);
	xid = m.xid;
	for (size_t i = 0; i < ARRAY_SIZE(delays); i++) {
		nsec_t wait = drv_deadline(&d) - d.now;

		assert_true(wait >= (delays[i] - 1) * SEC && wait <= (delays[i] + 1) * SEC);
		drv_timer(&d);
		drv_expect_decision(&d, "dhcp4.client.retry-schedule");
		drv_expect_no_decision(&d, "dhcp4.client.no-reply-autoconf"); /* a router */
		t_sent(&d, &m);
		assert_int_equal(m.xid, xid);
		assert_int_equal(m.secs, d.now / SEC);
	}
	drv_done(&d);
}

static void an_unanswered_request_starts_over(void **state)
{
	struct dhcp4_msg m, r;
	nsec_t start;
	struct drv d;

	(void)state;
	setup(&d, "");
	t_sent(&d, &m);
	grant(&m, &r, DHCP4_OFFER);
	hear(&d, &r);
	start = d.now;
	for (int n = 2; n <= 4; n++) {
		drv_timer(&d);
		assert_string_equal(
			drv_value(drv_expect_decision(&d, "dhcp4.client.request-timeout"), "what"),
			"repeats it");
		t_sent(&d, &m);
		assert_int_equal(m.type, DHCP4_REQUEST);
		assert_int_equal(m.xid, r.xid);
	}
	drv_timer(&d);
	assert_true(d.now - start >= 56 * SEC && d.now - start <= 64 * SEC);
	drv_expect_decision(&d, "dhcp4.client.request-timeout");
	drv_expect_decision(&d, "dhcp4.client.send-discover");
	t_sent(&d, &m);
	assert_true(m.xid != r.xid);
	drv_done(&d);
}

/* --- keeping the lease ---------------------------------------------------------------------- */

static void the_lease_is_renewed_at_t1(void **state)
{
	const struct fx_effect *e;
	struct dhcp4_msg m, r;
	struct drv d;

	(void)state;
	bound(&d);
	assert_int_equal(drv_deadline(&d), 1800 * SEC);
	drv_timer(&d);
	e = t_sent(&d, &m);
	assert_string_equal(t_reason(&d, e), "dhcp4.client.renew-t1");
	assert_int_equal(e->send.sock, UDP);
	assert_false(e->send.has_mac);
	t_expect_addr(&e->send.dst.addr, "10.0.0.1");
	t_expect_addr(&m.ciaddr, "10.0.0.100");
	assert_null(dhcp4_get(&m, OPT4_REQUESTED));
	assert_null(dhcp4_get(&m, OPT4_SERVER));
	grant(&m, &r, DHCP4_ACK);
	hear_on(&d, UDP, (struct mac){ { 0 } }, &r);
	drv_expect_decision(&d, "dhcp4.client.ack-configure");
	drv_expect_none(&d, FX_ADDR); /* nothing changes on the interface */
	drv_expect_none(&d, FX_ROUTE);
	e = drv_expect_fact(&d, FX_FACT_BEGIN, "dhcp4_client_lease", "eth0");
	assert_int_equal(val_find(e->fact.columns, "expires")->i, 5400 * SEC);
	assert_int_equal(drv_deadline(&d), 3600 * SEC);
	drv_done(&d);
}

static void renewal_takes_a_changed_configuration(void **state)
{
	struct dhcp4_msg m, r;
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	bound(&d);
	drv_timer(&d);
	t_sent(&d, &m);
	reply_to(&m, &r, DHCP4_ACK);
	r.yiaddr = drv_a("10.0.0.100");
	t_put_addr(&r, OPT4_SERVER, "10.0.0.1");
	t_put_addr(&r, OPT4_MASK, "255.255.255.0");
	t_put_addr(&r, OPT4_ROUTER, "10.0.0.254");
	dhcp4_put_u32(&r, OPT4_LEASE, 3600);
	hear_on(&d, UDP, (struct mac){ { 0 } }, &r);
	e = drv_want(&d, FX_ROUTE, "old route");
	assert_false(e->route.add);
	t_expect_addr(&e->route.via, "10.0.0.1");
	e = drv_want(&d, FX_ROUTE, "new route");
	assert_true(e->route.add);
	t_expect_addr(&e->route.via, "10.0.0.254");
	drv_expect_none(&d, FX_ADDR);
	drv_done(&d);
}

/* T1 1800, T2 3150, end 3600: 1800, +675, +337, ... at least 60 s apart. */
static void without_answer_it_rebinds_and_expires(void **state)
{
	const struct fx_effect *e;
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	bound(&d);
	drv_timer(&d);
	assert_int_equal(drv_deadline(&d), (1800 + 675) * SEC);
	drv_timer(&d);
	drv_expect_decision(&d, "dhcp4.client.renew-unanswered");
	e = t_sent(&d, &m);
	assert_string_equal(t_reason(&d, e), "dhcp4.client.renew-retransmit");
	t_expect_addr(&e->send.dst.addr, "10.0.0.1");
	drv_timer_until(&d, 3149 * SEC);
	drv_expect_no_decision(&d, "dhcp4.client.renew-unanswered"); /* said once */
	drv_timer_until(&d, 3150 * SEC);
	e = t_sent(&d, &m);
	assert_string_equal(t_reason(&d, e), "dhcp4.client.rebind-t2");
	t_expect_addr(&e->send.dst.addr, "255.255.255.255");
	t_expect_addr(&e->send.src.addr, "10.0.0.100");
	assert_int_equal(e->send.sock, UDP);
	t_expect_addr(&m.ciaddr, "10.0.0.100");
	assert_int_equal(drv_deadline(&d), (3150 + 225) * SEC);
	drv_timer(&d);
	drv_expect_decision(&d, "dhcp4.client.renew-retransmit");
	drv_timer_until(&d, 3599 * SEC);
	drv_expect_none(&d, FX_ADDR);
	drv_timer_until(&d, 3600 * SEC);
	drv_expect_decision(&d, "dhcp4.client.lease-expired");
	assert_false(drv_want(&d, FX_ADDR, "address")->addr.add);
	assert_false(drv_want(&d, FX_ROUTE, "route")->route.add);
	assert_int_equal(drv_want(&d, FX_RESOLVER, "resolver")->resolver.n_servers, 0);
	drv_expect_fact(&d, FX_FACT_END, "dhcp4_client_lease", "eth0");
	drv_expect_decision(&d, "dhcp4.client.send-discover");
	drv_expect_decision(&d, "dhcp4.client.discover-last-ip");
	t_sent(&d, &m);
	t_expect_opt_addr(&m, OPT4_REQUESTED, "10.0.0.100");
	drv_done(&d);
}

static void rebinding_is_answered_by_any_server(void **state)
{
	struct dhcp4_msg m, r;
	struct drv d;

	(void)state;
	bound(&d);
	do
		drv_timer(&d);
	while (!drv_decision(&d, "dhcp4.client.rebind-t2"));
	t_sent(&d, &m);
	reply_to(&m, &r, DHCP4_ACK);
	r.yiaddr = drv_a("10.0.0.100");
	t_put_addr(&r, OPT4_SERVER, "10.0.0.2");
	dhcp4_put_u32(&r, OPT4_LEASE, 3600);
	hear_on(&d, UDP, (struct mac){ { 0 } }, &r);
	assert_string_equal(
		drv_value(drv_expect_decision(&d, "dhcp4.client.ack-configure"), "server"),
		"10.0.0.2");
	drv_done(&d);
}

/* A very late timer: the lease is over, nothing in between is done. */
static void a_jump_in_time_ends_the_lease(void **state)
{
	struct drv d;

	(void)state;
	bound(&d);
	d.now = 10000 * SEC;
	drv_event(&d, (struct ev){ .kind = EV_TIMER });
	drv_expect_decision(&d, "dhcp4.client.lease-expired");
	drv_expect_no_decision(&d, "dhcp4.client.renew-t1");
	drv_done(&d);
}

static void a_nak_ends_everything_at_once(void **state)
{
	struct dhcp4_msg m, r;
	struct drv d;

	(void)state;
	bound(&d);
	drv_timer(&d);
	t_sent(&d, &m);
	reply_to(&m, &r, DHCP4_NAK);
	t_put_addr(&r, OPT4_SERVER, "10.0.0.1");
	dhcp4_put_text(&r, OPT4_MESSAGE, "moved");
	hear_on(&d, UDP, (struct mac){ { 0 } }, &r);
	assert_string_equal(
		drv_value(drv_expect_decision(&d, "dhcp4.client.nak-restart"), "message"), "moved");
	assert_false(drv_want(&d, FX_ADDR, "address")->addr.add);
	drv_expect_fact(&d, FX_FACT_END, "dhcp4_client_lease", "eth0");
	drv_expect_decision(&d, "dhcp4.client.send-discover");
	drv_expect_no_decision(&d, "dhcp4.client.discover-last-ip"); /* refused: not asked for */
	/* A second NAK in a row is followed by a pause. */
	t_sent(&d, &m);
	grant(&m, &r, DHCP4_OFFER);
	hear(&d, &r);
	t_sent(&d, &m);
	reply_to(&m, &r, DHCP4_NAK);
	t_put_addr(&r, OPT4_SERVER, "10.0.0.1");
	hear(&d, &r);
	drv_expect_decision(&d, "dhcp4.client.nak-restart");
	drv_expect_none(&d, FX_SEND);
	assert_int_equal(drv_deadline(&d), d.now + 10 * SEC);
	drv_done(&d);
}

/* --- conflicts ---------------------------------------------------------------------------- */

static void arp_from(struct drv *d, uint16_t op, const char *sender, const char *target)
{
	struct arp a = {
		.op = op, .sender_mac = server_mac, .sender = drv_a(sender), .target = drv_a(target)
	};
	uint8_t bytes[ARP_LEN];

	arp_build(&a, bytes);
	drv_frame(d, ARP, (struct ep){ 0 }, (struct ep){ 0 }, 1, server_mac, d->ifaces[0].mac,
		  bytes, sizeof(bytes));
}

static void an_address_in_use_is_declined(void **state)
{
	static const struct {
		uint16_t op;
		const char *sender, *target;
		bool conflict;
	} rows[] = {
		{ ARP_REPLY, "10.0.0.100", "0.0.0.0", true },
		{ ARP_REQUEST, "10.0.0.100", "10.0.0.1", true },
		{ ARP_REQUEST, "0.0.0.0", "10.0.0.100", true }, /* it probes as well */
		{ ARP_REQUEST, "10.0.0.1", "10.0.0.100", false },
		{ ARP_REPLY, "10.0.0.9", "0.0.0.0", false },
	};
	const struct fx_effect *e;
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		setup(&d, "");
		up_to_ack(&d, &m);
		arp_from(&d, rows[i].op, rows[i].sender, rows[i].target);
		if (!rows[i].conflict) {
			assert_null(drv_after_effect(&d, NULL));
			drv_done(&d);
			continue;
		}
		e = t_sent(&d, &m);
		assert_string_equal(t_reason(&d, e), "dhcp4.client.ack-conflict-decline");
		t_expect_addr(&e->send.dst.addr, "255.255.255.255");
		assert_int_equal(m.type, DHCP4_DECLINE);
		t_expect_opt_addr(&m, OPT4_REQUESTED, "10.0.0.100");
		t_expect_opt_addr(&m, OPT4_SERVER, "10.0.0.1");
		assert_int_equal(addr4_u32(&m.ciaddr), 0);
		drv_expect_none(&d, FX_ADDR);
		drv_timer_until(&d, 9900 * MSEC);
		drv_expect_none(&d, FX_SEND);
		drv_timer_until(&d, 10 * SEC);
		drv_expect_decision(&d, "dhcp4.client.send-discover");
		drv_expect_no_decision(&d, "dhcp4.client.discover-last-ip");
		drv_done(&d);
	}
}

/* --- another life ------------------------------------------------------------------------- */

static void restore(struct drv *d, nsec_t expires)
{
	const struct val columns[] = { V_TEXT("interface", "eth0"),
				       V_ADDR("addr", drv_a("10.0.0.100")),
				       V_INT("plen", 24),
				       V_ADDR("router", drv_a("10.0.0.1")),
				       V_ADDR("server", drv_a("10.0.0.1")),
				       V_TIME("expires", expires),
				       V_TIME("renews", expires / 2),
				       V_TIME("rebinds", expires / 8 * 7),
				       V_END };

	drv_restore(d, &dhcp4_client_lease_fact, "eth0", columns, 0);
}

static void a_stored_lease_is_confirmed(void **state)
{
	const struct fx_effect *e;
	struct dhcp4_msg m, r;
	struct drv d;

	(void)state;
	bound(&d);
	drv_stop(&d);
	drv_expect_decision(&d, "dhcp4.client.keep-at-shutdown");
	drv_expect_none(&d, FX_SEND);
	drv_reborn(&d);
	restore(&d, 3600 * SEC);
	drv_event(&d, (struct ev){ .kind = EV_START });
	e = t_sent(&d, &m);
	assert_string_equal(t_reason(&d, e), "dhcp4.client.init-reboot");
	assert_int_equal(m.type, DHCP4_REQUEST);
	t_expect_opt_addr(&m, OPT4_REQUESTED, "10.0.0.100");
	assert_null(dhcp4_get(&m, OPT4_SERVER));
	assert_int_equal(addr4_u32(&m.ciaddr), 0);
	grant(&m, &r, DHCP4_ACK);
	hear(&d, &r);
	drv_timer_until(&d, d.now + 1 * SEC);
	drv_expect_decision(&d, "dhcp4.client.ack-configure");
	drv_done(&d);
}

static void a_stored_lease_is_refused(void **state)
{
	struct dhcp4_msg m, r;
	struct drv d;

	(void)state;
	bound(&d);
	drv_reborn(&d);
	restore(&d, 3600 * SEC);
	drv_event(&d, (struct ev){ .kind = EV_START });
	t_sent(&d, &m);
	reply_to(&m, &r, DHCP4_NAK);
	hear(&d, &r);
	drv_expect_decision(&d, "dhcp4.client.nak-restart");
	/* The address that the earlier life left on the interface goes. */
	assert_false(drv_want(&d, FX_ADDR, "address")->addr.add);
	drv_expect_fact(&d, FX_FACT_END, "dhcp4_client_lease", "eth0");
	drv_expect_decision(&d, "dhcp4.client.send-discover");
	drv_done(&d);
}

static void nobody_confirms_a_stored_lease(void **state)
{
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	bound(&d);
	drv_reborn(&d);
	restore(&d, 3600 * SEC);
	drv_event(&d, (struct ev){ .kind = EV_START });
	drv_timer(&d);
	drv_expect_decision(&d, "dhcp4.client.request-timeout");
	drv_timer(&d);
	assert_true(d.now >= 10 * SEC && d.now <= 15 * SEC);
	drv_expect_decision(&d, "dhcp4.client.send-discover");
	drv_expect_decision(&d, "dhcp4.client.discover-last-ip");
	t_sent(&d, &m);
	assert_int_equal(m.type, DHCP4_DISCOVER);
	drv_done(&d);
}

static void an_expired_stored_lease_is_only_remembered(void **state)
{
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	bound(&d);
	drv_reborn(&d);
	restore(&d, 3600 * SEC);
	d.now = 4000 * SEC;
	drv_event(&d, (struct ev){ .kind = EV_START });
	drv_expect_fact(&d, FX_FACT_END, "dhcp4_client_lease", "eth0");
	t_sent(&d, &m);
	assert_int_equal(m.type, DHCP4_DISCOVER);
	t_expect_opt_addr(&m, OPT4_REQUESTED, "10.0.0.100");
	drv_done(&d);
}

static void a_cable_pulled_and_plugged_in(void **state)
{
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	bound(&d);
	drv_link(&d, 1, false);
	drv_expect_decision(&d, "dhcp4.client.link-down");
	assert_false(drv_want(&d, FX_ADDR, "address")->addr.add);
	drv_expect_none(&d, FX_SEND);
	assert_null(drv_fact(&d, FX_FACT_END, "dhcp4_client_lease", NULL));
	assert_true(drv_deadline(&d) == NEVER);
	drv_link(&d, 1, true);
	drv_expect_decision(&d, "dhcp4.client.init-reboot");
	t_sent(&d, &m);
	t_expect_opt_addr(&m, OPT4_REQUESTED, "10.0.0.100");
	/* The other interface is none of ours. */
	drv_link(&d, 2, false);
	assert_null(drv_after_effect(&d, NULL));
	drv_done(&d);
}

static void the_interface_becomes_static(void **state)
{
	const struct fx_effect *e;
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	bound(&d);
	drv_conf(&d, "interface eth0\n no ip address dhcp\n");
	e = t_sent(&d, &m);
	assert_string_equal(t_reason(&d, e), "dhcp4.client.release");
	assert_int_equal(m.type, DHCP4_RELEASE);
	t_expect_addr(&e->send.dst.addr, "10.0.0.1");
	assert_true(e->send.has_mac && mac_equal(&e->send.dst_mac, &server_mac));
	t_expect_addr(&m.ciaddr, "10.0.0.100");
	t_expect_opt_addr(&m, OPT4_SERVER, "10.0.0.1");
	assert_false(drv_want(&d, FX_ADDR, "address")->addr.add);
	drv_expect_fact(&d, FX_FACT_END, "dhcp4_client_lease", "eth0");
	assert_true(drv_deadline(&d) == NEVER);
	drv_done(&d);
}

static void what_the_kernel_refuses_is_told(void **state)
{
	struct dhcp4_msg m;
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	setup(&d, "interface eth0\n ip dhcp client arp-probes 0\n");
	up_to_ack(&d, &m);
	e = drv_want(&d, FX_ROUTE, "route");
	drv_failed(&d, e, 0, ENETUNREACH);
	drv_expect_decision(&d, "dhcp4.client.refused-by-kernel");
	drv_failed(&d, e, 0, EEXIST);
	assert_null(drv_after_effect(&d, NULL));
	drv_done(&d);
}

/* --- commands ----------------------------------------------------------------------------- */

/* Answers the question for the routing table that a command asked. */
static void routes(struct drv *d)
{
	struct kernel_row row = { .ifname = "eth1", .via = drv_a("192.168.1.1") };
	struct answer a = { .kernel = { .rows = &row, .n_rows = 1 } };
	const struct fx_effect *e = drv_next_ask(d);

	assert_int_equal(e->ask.ask->kernel.table, KERNEL_ROUTES);
	drv_answer(d, e->ask.ask_id, &a);
}

static void ipconfig(void **state)
{
	struct drv d;

	(void)state;
	bound(&d);
	drv_addr(&d, 2, "192.168.1.7/24");
	drv_command(&d, "ipconfig");
	routes(&d);
	assert_string_equal(drv_output(&d), "\nWindows IP Configuration\n"
					    "\nEthernet adapter eth0:\n\n"
					    "   Connection-specific DNS Suffix  . : campus.test\n"
					    "   IPv4 Address. . . . . . . . . . . : 10.0.0.100\n"
					    "   Subnet Mask . . . . . . . . . . . : 255.255.255.0\n"
					    "   Default Gateway . . . . . . . . . : 10.0.0.1\n"
					    "\nEthernet adapter eth1:\n\n"
					    "   Connection-specific DNS Suffix  . : \n"
					    "   IPv4 Address. . . . . . . . . . . : 192.168.1.7\n"
					    "   Subnet Mask . . . . . . . . . . . : 255.255.255.0\n"
					    "   Default Gateway . . . . . . . . . : 192.168.1.1\n");
	assert_int_equal(d.status, 0);
	d.ifaces[1].up = false;
	drv_command(&d, "ipconfig /all");
	routes(&d);
	drv_expect_output(&d, "   Host Name . . . . . . . . . . . . : dut\n");
	drv_expect_output(&d, "   Physical Address. . . . . . . . . : 02-00-00-00-00-01\n"
			      "   DHCP Enabled. . . . . . . . . . . : Yes\n");
	drv_expect_output(&d, "   IPv4 Address. . . . . . . . . . . : 10.0.0.100(Preferred)\n");
	drv_expect_output(&d, "   Lease Expires . . . . . . . . . . : Thursday, January 1, 2026 "
			      "9:00:00 AM\n");
	drv_expect_output(&d, "   DHCP Server . . . . . . . . . . . : 10.0.0.1\n"
			      "   DNS Servers . . . . . . . . . . . : 10.0.1.10\n");
	drv_expect_output(&d, "   Media State . . . . . . . . . . . : Media disconnected\n");
	drv_done(&d);
}

static void ipconfig_waits_in_bounds(void **state)
{
	struct drv d;

	(void)state;
	bound(&d);
	for (int i = 0; i < 8; i++)
		drv_command(&d, "ipconfig");
	assert_int_equal(d.status, -1);
	drv_command(&d, "ipconfig");
	assert_int_equal(d.status, 1);
	drv_done(&d);
}

static void release_and_renew(void **state)
{
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	bound(&d);
	drv_command(&d, "ipconfig /release");
	drv_expect_decision(&d, "dhcp4.client.release");
	t_sent(&d, &m);
	assert_int_equal(m.type, DHCP4_RELEASE);
	routes(&d);
	assert_null(strstr(drv_output(&d), "10.0.0.100"));
	assert_int_equal(d.status, 0);
	drv_addr_clear(&d, 1);
	assert_true(drv_deadline(&d) == NEVER);

	drv_command(&d, "ipconfig /renew eth0");
	drv_expect_decision(&d, "dhcp4.client.send-discover");
	assert_int_equal(d.status, -1);
	up_to_ack(&d, &m);
	assert_int_equal(d.status, -1);
	drv_timer_until(&d, d.now + 1 * SEC);
	routes(&d);
	drv_expect_output(&d, "10.0.0.100");
	assert_int_equal(d.status, 0);
	drv_done(&d);
}

static void renew_with_a_lease_renews(void **state)
{
	struct dhcp4_msg m, r;
	struct drv d;

	(void)state;
	bound(&d);
	drv_command(&d, "ipconfig /renew");
	drv_expect_decision(&d, "dhcp4.client.renew-t1");
	t_sent(&d, &m);
	grant(&m, &r, DHCP4_ACK);
	hear_on(&d, UDP, (struct mac){ { 0 } }, &r);
	routes(&d);
	assert_int_equal(d.status, 0);
	drv_done(&d);
}

static void renew_without_a_server_fails(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, "");
	drv_command(&d, "ipconfig /renew");
	drv_timer_until(&d, 20 * SEC);
	routes(&d);
	drv_expect_output(&d, "An error occurred while renewing interface eth0 : unable to contact "
			      "your DHCP server. Request has timed out.\n");
	assert_int_equal(d.status, 1);
	drv_command(&d, "ipconfig /renew eth1");
	assert_int_equal(d.status, 1);
	drv_link(&d, 1, false);
	drv_command(&d, "ipconfig /renew");
	routes(&d);
	drv_expect_output(&d, "the media is disconnected.");
	assert_int_equal(d.status, 1);
	drv_done(&d);
}

/* Two interfaces, two people: each command ends once. */
static void renew_twice(void **state)
{
	struct drv d;

	(void)state;
	drv_init(&d, t_proto(), KIND_PC, 2);
	drv_conf(&d, "interface eth0\n ip address dhcp\ninterface eth1\n ip address dhcp\n");
	drv_start(&d, "dhcp4.client");
	drv_command(&d, "ipconfig /renew");
	drv_command(&d, "ipconfig /renew eth1");
	assert_int_equal(d.n_running, 2);
	assert_int_equal(drv_count(&d, FX_ASK), 0); /* eth0 still tries for the first one */
	drv_timer_until(&d, 20 * SEC);
	assert_int_equal(drv_count(&d, FX_ASK), 2);
	for (uint32_t id = 1; id <= 2; id++)
		drv_answer(&d, id, &(struct answer){ .err = -1 });
	assert_int_equal(d.n_running, 0);
	assert_int_equal(d.status, 1);
	drv_done(&d);
}

static void inform_asks_for_parameters(void **state)
{
	const struct fx_effect *e;
	struct dhcp4_msg m, r;
	struct drv d;

	(void)state;
	drv_init(&d, t_proto(), KIND_PC, 1);
	drv_addr(&d, 1, "10.0.0.50/24");
	drv_start(&d, "dhcp4.client");
	drv_command(&d, "ipconfig /inform");
	assert_int_equal(drv_next_bind(&d)->bind.kind, SOCK_UDP);
	e = t_sent(&d, &m);
	assert_string_equal(t_reason(&d, e), "dhcp4.client.inform");
	assert_int_equal(m.type, DHCP4_INFORM);
	t_expect_addr(&m.ciaddr, "10.0.0.50");
	t_expect_addr(&e->send.src.addr, "10.0.0.50");
	drv_command(&d, "ipconfig /inform");
	assert_int_equal(d.status, 1);
	reply_to(&m, &r, DHCP4_ACK);
	t_put_addr(&r, OPT4_SERVER, "10.0.0.1");
	t_put_addr(&r, OPT4_DNS, "10.0.1.10");
	dhcp4_put_text(&r, OPT4_WPAD, "http://wpad.test/proxy.pac");
	hear_on(&d, UDP, (struct mac){ { 0 } }, &r);
	drv_expect_decision(&d, "dhcp4.client.inform-ack");
	drv_expect_none(&d, FX_ADDR);
	assert_int_equal(drv_want(&d, FX_RESOLVER, "resolver")->resolver.n_servers, 1);
	drv_expect_output(&d, "http://wpad.test/proxy.pac");
	assert_int_equal(d.status, 0);
	assert_int_equal(drv_count(&d, FX_CLOSE), 1);
	/* Nobody answers. */
	drv_command(&d, "ipconfig /inform eth0");
	drv_timer_until(&d, 60 * SEC);
	assert_int_equal(t_count_sent(&d), 2);
	assert_int_equal(d.status, 1);
	drv_done(&d);
}

static void show_dhcp_lease(void **state)
{
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	setup_kind(&d, KIND_ROUTER,
		   "interface eth0\n ip address dhcp\n ip dhcp client arp-probes 0\n");
	up_to_ack(&d, &m);
	drv_command(&d, "show dhcp lease");
	drv_expect_output(&d, "Temp IP addr: 10.0.0.100  for peer on Interface: eth0\n"
			      "Temp  sub net mask: 255.255.255.0\n"
			      "   DHCP Lease server: 10.0.0.1, state: 5 Bound\n");
	drv_expect_output(&d, "   Lease: 3600 secs,  Renewal: 1800 secs,  Rebind: 3150 secs\n"
			      "Temp default-gateway addr: 10.0.0.1\n"
			      "   Next timer fires after: 00:30:00\n");
	drv_command(&d, "release dhcp eth0");
	drv_expect_decision(&d, "dhcp4.client.release");
	drv_done(&d);
}

/* --- BOOTP -------------------------------------------------------------------------------- */

static void bootp(void **state)
{
	const struct fx_effect *e;
	struct dhcp4_msg m, r;
	struct drv d;

	(void)state;
	setup_kind(&d, KIND_PC, "interface eth0\n ip address bootp\n");
	e = t_sent(&d, &m);
	assert_string_equal(t_reason(&d, e), "bootp.client.request");
	assert_int_equal(m.type, DHCP4_NO_TYPE);
	assert_int_equal(e->send.len, 300);
	drv_timer(&d);
	assert_true(d.now >= 3 * SEC && d.now <= 5 * SEC);
	drv_expect_decision(&d, "bootp.client.retransmit");
	t_sent(&d, &m);
	assert_int_equal(m.secs, d.now / SEC);
	reply_to(&m, &r, DHCP4_NO_TYPE);
	r.yiaddr = drv_a("10.0.0.7");
	r.siaddr = drv_a("10.0.0.1");
	t_put_addr(&r, OPT4_MASK, "255.255.255.0");
	t_put_addr(&r, OPT4_ROUTER, "10.0.0.1");
	str_copy(r.file, sizeof(r.file), "/boot/kernel");
	r.xid ^= 1;
	hear(&d, &r);
	drv_expect_decision(&d, "bootp.client.drop-mismatch");
	r.xid ^= 1;
	r.chaddr[0] ^= 2;
	hear(&d, &r);
	drv_expect_decision(&d, "bootp.client.drop-mismatch");
	r.chaddr[0] ^= 2;
	hear(&d, &r);
	drv_expect_decision(&d, "bootp.client.configure");
	e = drv_expect_decision(&d, "bootp.client.boot-file");
	assert_string_equal(drv_value(e, "file"), "/boot/kernel");
	assert_string_equal(drv_value(e, "server"), "10.0.0.1");
	t_expect_addr(&drv_want(&d, FX_ADDR, "address")->addr.addr, "10.0.0.7");
	e = drv_expect_fact(&d, FX_FACT_BEGIN, "dhcp4_client_lease", "eth0");
	assert_string_equal(drv_value(e, "protocol"), "bootp");
	assert_int_equal(val_find(e->fact.columns, "expires")->type, VT_NULL);
	assert_true(drv_deadline(&d) == NEVER);
	/* Renewing starts over; there is nothing to release. */
	drv_command(&d, "ipconfig /renew");
	drv_expect_decision(&d, "bootp.client.request");
	drv_command(&d, "ipconfig /release");
	drv_expect_no_decision(&d, "dhcp4.client.release");
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(discover_asks_everybody),
		cmocka_unit_test(phones_and_routers_ask_for_boot_files),
		cmocka_unit_test(the_configuration_shapes_the_messages),
		cmocka_unit_test(the_first_message_may_wait),
		cmocka_unit_test(the_first_offer_is_requested),
		cmocka_unit_test(offers_that_cannot_be_taken),
		cmocka_unit_test(an_ack_is_probed_then_configured),
		cmocka_unit_test(probes_can_be_switched_off),
		cmocka_unit_test(defaults_fill_what_is_missing),
		cmocka_unit_test(an_infinite_lease_is_never_renewed),
		cmocka_unit_test(foreign_replies_are_dropped),
		cmocka_unit_test(discover_is_repeated_on_the_schedule),
		cmocka_unit_test(an_unanswered_request_starts_over),
		cmocka_unit_test(the_lease_is_renewed_at_t1),
		cmocka_unit_test(renewal_takes_a_changed_configuration),
		cmocka_unit_test(without_answer_it_rebinds_and_expires),
		cmocka_unit_test(rebinding_is_answered_by_any_server),
		cmocka_unit_test(a_jump_in_time_ends_the_lease),
		cmocka_unit_test(a_nak_ends_everything_at_once),
		cmocka_unit_test(an_address_in_use_is_declined),
		cmocka_unit_test(a_stored_lease_is_confirmed),
		cmocka_unit_test(a_stored_lease_is_refused),
		cmocka_unit_test(nobody_confirms_a_stored_lease),
		cmocka_unit_test(an_expired_stored_lease_is_only_remembered),
		cmocka_unit_test(a_cable_pulled_and_plugged_in),
		cmocka_unit_test(the_interface_becomes_static),
		cmocka_unit_test(what_the_kernel_refuses_is_told),
		cmocka_unit_test(ipconfig),
		cmocka_unit_test(ipconfig_waits_in_bounds),
		cmocka_unit_test(release_and_renew),
		cmocka_unit_test(renew_with_a_lease_renews),
		cmocka_unit_test(renew_without_a_server_fails),
		cmocka_unit_test(renew_twice),
		cmocka_unit_test(inform_asks_for_parameters),
		cmocka_unit_test(show_dhcp_lease),
		cmocka_unit_test(bootp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
