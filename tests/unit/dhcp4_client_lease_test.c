/* A lease that is held: renewed, refused, in conflict with others, found again in another life. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "dhcp4_client_driver.h"

#include "base/inet.h"

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
	drv_expect_none(&d, FX_LOG);
	drv_expect_none(&d, FX_ROUTE);
	e = drv_expect_fact(&d, FX_FACT_BEGIN, "dhcp4_client_lease", "eth0");
	assert_int_equal(val_find(e->fact.columns, "expires")->i, 5400 * SEC);
	assert_int_equal(drv_deadline(&d), 3600 * SEC);
	drv_done(&d);
}

/* As |server| grants 10.0.0.100 for an hour more, with |router| if there is one. */
static void renew(struct drv *d, const struct dhcp4_msg *m, const char *server, const char *router)
{
	struct dhcp4_msg r;

	reply_to(m, &r, DHCP4_ACK);
	r.yiaddr = drv_a("10.0.0.100");
	t_put_addr(&r, OPT4_SERVER, server);
	t_put_addr(&r, OPT4_MASK, "255.255.255.0");
	if (router)
		t_put_addr(&r, OPT4_ROUTER, router);
	dhcp4_put_u32(&r, OPT4_LEASE, 3600);
	hear_on(d, UDP, (struct mac){ { 0 } }, &r);
}

static void nak(struct drv *d, uint32_t sock, const struct dhcp4_msg *m, const char *message)
{
	struct dhcp4_msg r;

	reply_to(m, &r, DHCP4_NAK);
	t_put_addr(&r, OPT4_SERVER, "10.0.0.1");
	if (message)
		dhcp4_put_text(&r, OPT4_MESSAGE, message);
	hear_on(d, sock, sock == RAW ? d->ifaces[0].mac : (struct mac){ { 0 } }, &r);
}

static void renewal_takes_a_changed_configuration(void **state)
{
	struct dhcp4_msg m;
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	bound(&d);
	drv_timer(&d);
	t_sent(&d, &m);
	renew(&d, &m, "10.0.0.1", "10.0.0.254");
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
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	bound(&d);
	do
		drv_timer(&d);
	while (!drv_decision(&d, "dhcp4.client.rebind-t2"));
	t_sent(&d, &m);
	renew(&d, &m, "10.0.0.2", NULL);
	drv_expect_value(&d, "dhcp4.client.ack-configure", "server", "10.0.0.2");
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
	nak(&d, UDP, &m, "moved");
	drv_expect_value(&d, "dhcp4.client.nak-restart", "message", "moved");
	assert_false(drv_want(&d, FX_ADDR, "address")->addr.add);
	drv_expect_fact(&d, FX_FACT_END, "dhcp4_client_lease", "eth0");
	drv_expect_decision(&d, "dhcp4.client.send-discover");
	drv_expect_no_decision(&d, "dhcp4.client.discover-last-ip"); /* refused: not asked for */
	/* A second NAK in a row is followed by a pause. */
	t_sent(&d, &m);
	grant(&m, &r, DHCP4_OFFER);
	hear(&d, &r);
	t_sent(&d, &m);
	nak(&d, RAW, &m, NULL);
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
		assert_string_equal(drv_want(&d, FX_LOG, "log")->log.mnemonic, "DUPADDR");
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

/* It held a lease until 3600 s, ended, and starts again now. */
static void second_life(struct drv *d, nsec_t now)
{
	drv_reborn(d);
	restore(d, 3600 * SEC);
	d->now = now;
	drv_event(d, (struct ev){ .kind = EV_START });
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
	second_life(&d, d.now);
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
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	bound(&d);
	second_life(&d, d.now);
	t_sent(&d, &m);
	nak(&d, RAW, &m, NULL);
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
	second_life(&d, d.now);
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
	second_life(&d, 4000 * SEC);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
