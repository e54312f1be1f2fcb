#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dhcp4_driver.h"

#include "dhcp4/dhcp4_leases.h"
#include "dhcp4/dhcp4_server.h"

/* --- free addresses ----------------------------------------------------------------------- */

static void bits_find_the_lowest_free(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 63, 64, 65, 4095, 4096, 4097, 70000 };

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(sizes); k++) {
		uint32_t n = sizes[k];
		struct dhcp4_bits b;

		dhcp4_bits_init(&b, n);
		assert_int_equal(dhcp4_bits_count(&b), 0);
		for (uint32_t i = 0; i < n; i++) {
			if (n < 5000 || i % 1000 == 0)
				assert_int_equal(dhcp4_bits_first_free(&b), i);
			dhcp4_bits_set(&b, i);
		}
		assert_int_equal(dhcp4_bits_first_free(&b), -1);
		assert_int_equal(dhcp4_bits_count(&b), n);
		for (uint32_t i = n; i-- > 0;) {
			dhcp4_bits_clear(&b, i);
			assert_false(dhcp4_bits_test(&b, i));
			assert_int_equal(dhcp4_bits_first_free(&b), i);
			if (i % 7)
				continue;
			dhcp4_bits_set(&b, i);
			assert_int_equal(dhcp4_bits_first_free(&b),
					 i + 1 < n ? (int64_t)i + 1 : -1);
			dhcp4_bits_clear(&b, i);
		}
		dhcp4_bits_done(&b);
	}
}

static void ranges_are_taken_whole(void **state)
{
	static const struct {
		uint32_t low, high, first, taken;
	} rows[] = {
		{ 0, 0, 1, 1 },	    { 0, 63, 64, 64 },	       { 0, 64, 65, 65 },
		{ 1, 5, 0, 5 },	    { 0, 9999, 10000, 10000 }, { 64, 127, 0, 64 },
		{ 63, 128, 0, 66 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct dhcp4_bits b;

		dhcp4_bits_init(&b, 65536);
		dhcp4_bits_set_range(&b, rows[i].low, rows[i].high);
		assert_int_equal(dhcp4_bits_count(&b), rows[i].taken);
		assert_int_equal(dhcp4_bits_first_free(&b), rows[i].first);
		dhcp4_bits_done(&b);
	}
}

/* --- many leases -------------------------------------------------------------------------- */

static const char *const big_conf = "ip dhcp ping packets 0\n"
				    "ip dhcp pool BIG\n network 10.0.0.0 255.240.0.0\n lease 10\n";

static void setup(struct drv *d)
{
	drv_init(d, t_proto(), KIND_ROUTER, 1);
	drv_addr(d, 1, "10.0.0.1/12");
	drv_conf(d, big_conf);
	drv_start(d, "dhcp4.server");
}

static struct dhcp4_leases *leases(struct drv *d)
{
	struct dhcp4_server *s = d->machine;

	return &s->leases;
}

/* DISCOVER and REQUEST of client n; the client renews when it has a lease. */
static void exchange(struct drv *d, unsigned n)
{
	struct dhcp4_msg m;
	struct addr got;

	t_request(&m, DHCP4_DISCOVER, n);
	t_broadcast(d, &m);
	t_sent(d, &m);
	got = m.yiaddr;
	t_request(&m, DHCP4_REQUEST, n);
	dhcp4_put_addr(&m, OPT4_REQUESTED, &got);
	t_put_addr(&m, OPT4_SERVER, "10.0.0.1");
	t_broadcast(d, &m);
	t_sent(d, &m);
	assert_int_equal(m.type, DHCP4_ACK);
}

/* Records looked at for one exchange, on the average of many with new and known clients. */
static double looks_per_exchange(struct drv *d, unsigned n_leases)
{
	uint64_t before = leases(d)->n_looks;
	unsigned n = 0;

	for (unsigned i = 0; i < 200; i++, n++)
		exchange(d, 1 + i * (n_leases / 200 ? n_leases / 200 : 1) % n_leases);
	for (unsigned i = 0; i < 100; i++, n++)
		exchange(d, 500000 + i);
	return (double)(leases(d)->n_looks - before) / n;
}

/* Of a heap of n timers, an event touches at most so many. */
static unsigned heap_levels(size_t n)
{
	unsigned levels = 0;

	for (; n; n /= 2)
		levels++;
	return levels;
}

/* Clients `from` to `to` are bound, as if they had asked. */
static void fill(struct drv *d, unsigned from, unsigned to)
{
	struct dhcp4_leases *l = leases(d);

	for (unsigned n = from; n <= to; n++) {
		const struct mac mac = t_mac(n);
		struct dhcp4_lease *x;
		struct dhcp4_key key;

		dhcp4_key_make(&key, NULL, 0, &mac);
		x = dhcp4_lease_new(l, 0x0a000000 + n + 1, l->pools[0], &key, &mac);
		assert_non_null(x);
		dhcp4_lease_move(l, x, L4_BOUND, d->now);
		x->server = drv_a("10.0.0.1");
		x->expires_ns = d->now + 10 * 86400 * SEC + n * SEC;
		timer_set(&l->timers, &x->timer, x->expires_ns);
	}
	assert_int_equal(l->n_leases, to);
}

static void an_event_costs_the_same_with_many_leases(void **state)
{
	double few, many;
	uint32_t n_bound;
	struct drv d;

	(void)state;
	setup(&d);
	fill(&d, 1, 100);
	few = looks_per_exchange(&d, 100);
	drv_done(&d);
	setup(&d);
	fill(&d, 1, 100000);
	assert_int_equal(leases(&d)->pools[0]->n_bound, 100000);
	many = looks_per_exchange(&d, 100000);
	assert_true(many <= 2 * few);
	assert_true(heap_levels(leases(&d)->timers.n) <= 17 + 1);
	/* They end together, a bounded number in each turn. */
	n_bound = leases(&d)->pools[0]->n_bound;
	d.now = 20 * 86400 * SEC;
	for (unsigned turn = 1; turn <= 10; turn++) {
		assert_true(drv_deadline(&d) <= d.now);
		drv_event(&d, (struct ev){ .kind = EV_TIMER });
		assert_int_equal(drv_count(&d, FX_FACT_BEGIN), 500);
	}
	assert_int_equal(leases(&d)->pools[0]->n_bound, n_bound - 10 * 500);
	drv_done(&d);
}

static void clearing_all_is_done_in_turns(void **state)
{
	unsigned turns = 0;
	struct drv d;

	(void)state;
	setup(&d);
	fill(&d, 1, 1200);
	drv_command(&d, "clear ip dhcp binding *");
	while (d.status == -1 && turns++ < 10)
		drv_timer(&d);
	assert_int_equal(d.status, 0);
	assert_int_equal(turns, 3);
	assert_int_equal(leases(&d)->n_leases, 0);
	drv_done(&d);
}

/* --- the longest free one comes first -----------------------------------------------------------
 */

static void released_addresses_are_given_again_in_order(void **state)
{
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	drv_init(&d, t_proto(), KIND_ROUTER, 1);
	drv_addr(&d, 1, "10.0.0.1/29");
	drv_conf(&d, "ip dhcp ping packets 0\nip dhcp pool SIX\n network 10.0.0.0 /29\n");
	drv_start(&d, "dhcp4.server");
	for (unsigned n = 1; n <= 5; n++)
		exchange(&d, n); /* .2 to .6 */
	for (unsigned n = 4; n >= 2; n--) {
		t_request(&m, DHCP4_RELEASE, n);
		m.ciaddr = addr4(10, 0, 0, (uint8_t)(n + 1));
		t_put_addr(&m, OPT4_SERVER, "10.0.0.1");
		t_hear(&d, 1, "10.0.0.2", "10.0.0.1", &m);
		drv_expect_decision(&d, "dhcp4.server.release-unbind");
	}
	for (unsigned n = 4; n >= 2; n--) {
		t_request(&m, DHCP4_DISCOVER, 100 + n);
		t_broadcast(&d, &m);
		drv_expect_fact(&d, FX_FACT_END, "dhcp4_lease", NULL);
		t_sent(&d, &m);
		assert_int_equal(m.yiaddr.b[3], n + 1);
	}
	drv_done(&d);
}

/* Two pools, one client: a lease in each network. */
static void a_client_has_one_lease_in_each_network(void **state)
{
	struct dhcp4_msg m;
	struct drv d;

	(void)state;
	drv_init(&d, t_proto(), KIND_ROUTER, 2);
	drv_addr(&d, 1, "10.0.0.1/24");
	drv_addr(&d, 2, "10.0.1.1/24");
	drv_conf(&d, "ip dhcp ping packets 0\nip dhcp pool A\n network 10.0.0.0 /24\n"
		     "ip dhcp pool B\n network 10.0.1.0 /24\n");
	drv_start(&d, "dhcp4.server");
	exchange(&d, 1);
	t_request(&m, DHCP4_DISCOVER, 1);
	t_hear(&d, 2, "0.0.0.0", "255.255.255.255", &m);
	t_sent(&d, &m);
	t_expect_addr(&m.yiaddr, "10.0.1.2");
	t_request(&m, DHCP4_DISCOVER, 1);
	t_broadcast(&d, &m);
	drv_expect_decision(&d, "dhcp4.server.offer-existing-lease");
	t_sent(&d, &m);
	t_expect_addr(&m.yiaddr, "10.0.0.2");
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bits_find_the_lowest_free),
		cmocka_unit_test(ranges_are_taken_whole),
		cmocka_unit_test(an_event_costs_the_same_with_many_leases),
		cmocka_unit_test(clearing_all_is_done_in_turns),
		cmocka_unit_test(released_addresses_are_given_again_in_order),
		cmocka_unit_test(a_client_has_one_lease_in_each_network),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
