/* The recursive half of the server: waiting searches, forwarders, what others' answers are worth,
 * and its limits. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "dns_recurse_driver.h"

/* --- forwarding --- */

static void forwards(void **state)
{
	struct query q;
	struct drv d;

	(void)state;
	start(&d, FORWARD);
	ask(&d, "www.x.test A");
	drv_expect_decision(&d, "dns.search.forwarder");
	drv_expect_decision(&d, "dns.server.pending");
	drv_expect_fact(&d, FX_FACT_BEGIN, "dns_pending", "server www.x.test A");
	expect_no_reply(&d);
	q = expect_query(&d, "10.9.0.1", "www.x.test A");
	assert_true(q.rd);
	/* A second client waits with the first; its id comes back to it. */
	client.port = 5555;
	ask_id(&d, 2, "WWW.x.test A", DNS_RD);
	drv_expect_decision(&d, "dns.search.already-waiting");
	drv_expect_decision(&d, "dns.server.pending");
	drv_expect_none(&d, FX_SEND);
	respond(&d, &q, DNS_RA,
		"an www.x.test 300 CNAME web.x.test\nan web.x.test 60 A 10.5.0.1\n");
	drv_expect_decision(&d, "dns.resolver.server-owned");
	drv_expect_decision(&d, "dns.resolver.server.clear-waiting");
	drv_expect_decision(&d, "dns.resolver.server.cache-answers");
	drv_expect_decision(&d, "dns.resolver.server.continue-search");
	drv_expect_decision(&d, "dns.resolver.server.continue");
	drv_expect_decision(&d, "dns.resolver.server.success-response");
	drv_expect_decision(&d, "dns.server.ttl-default");
	drv_expect_fact(&d, FX_FACT_END, "dns_pending", "server www.x.test A");
	drv_expect_fact(&d, FX_FACT_BEGIN, "dns_cache", "server web.x.test A 10.5.0.1");
	assert_string_equal(reply(&d),
			    "0x0002 qr rd ra NOERROR\nq WWW.x.test A\n"
			    "an WWW.x.test 300 CNAME web.x.test\nan web.x.test 60 A 10.5.0.1\n");
	assert_string_equal(reply(&d),
			    "0x0001 qr rd ra NOERROR\nq www.x.test A\n"
			    "an www.x.test 300 CNAME web.x.test\nan web.x.test 60 A 10.5.0.1\n");
	/* Now from the cache, with what is left of the TTL (catalogue: dns-ttl-cache). */
	drv_timer_until(&d, 25 * SEC);
	ask(&d, "www.x.test A");
	drv_expect_decision(&d, "dns.server.success-reply");
	assert_string_equal(reply(&d),
			    "0x0001 qr rd ra NOERROR\nq www.x.test A\n"
			    "an www.x.test 275 CNAME web.x.test\nan web.x.test 35 A 10.5.0.1\n");
	drv_timer_until(&d, 61 * SEC);
	drv_expect_decision(&d, "dns.cache.expiry");
	ask(&d, "www.x.test A");
	q = expect_query(&d, "10.9.0.1", "web.x.test A");
	respond(&d, &q, DNS_RA, "an web.x.test 60 A 10.5.0.2\n");
	drv_expect_decision(&d, "dns.resolver.server.success-response");
	assert_non_null(strstr(reply(&d), "an web.x.test 60 A 10.5.0.2\n"));
	drv_command(&d, "show ip dns cache");
	drv_expect_output(&d, "web.x.test");
	drv_command(&d, "clear ip dns cache");
	assert_true(drv_count(&d, FX_FACT_END) >= 2);
	drv_done(&d);
}

static void name_servers_are_forwarders(void **state)
{
	struct drv d;

	(void)state;
	/* Its own address among them is no forwarder. */
	start(&d, "ip dns server\nip name-server 10.0.0.1 127.0.0.1 10.9.0.7\n");
	ask(&d, "www.x.test A");
	expect_query(&d, "10.9.0.7", "www.x.test A");
	drv_done(&d);
	start(&d, "ip dns server\n");
	d.dev.n_resolvers = 1;
	d.dev.resolvers[0].n_servers = 1;
	d.dev.resolvers[0].servers[0] = drv_a("10.9.0.8");
	drv_addr_event(&d);
	ask(&d, "www.x.test A");
	expect_query(&d, "10.9.0.8", "www.x.test A");
	drv_done(&d);
}

/* 2 s each, then each again for 4 s, then SERVFAIL; the failures are remembered for 30 s. */
static void forwarders_fail(void **state)
{
	struct query q;
	struct drv d;

	(void)state;
	start(&d, FORWARD);
	ask(&d, "www.x.test A");
	drv_timer(&d);
	assert_int_equal(d.now, 2 * SEC);
	drv_expect_decision(&d, "dns.resolver.timeout");
	drv_expect_decision(&d, "dns.resolver.server.pending");
	q = expect_query(&d, "10.9.0.2", "www.x.test A");
	respond(&d, &q, DNS_RA | 2, "");
	drv_expect_decision(&d, "dns.resolver.server.failed-query");
	expect_query(&d, "10.9.0.1", "www.x.test A");
	drv_timer(&d);
	assert_int_equal(d.now, 6 * SEC);
	drv_expect_decision(&d, "dns.resolver.server.timeout");
	drv_expect_fact(&d, FX_FACT_BEGIN, "dns_failed", "www.x.test A 10.9.0.1");
	drv_expect_decision(&d, "dns.search.forwarders-failed");
	drv_expect_decision(&d, "dns.resolver.server.error-response");
	assert_string_equal(reply(&d), "0x0001 qr rd ra SERVFAIL\nq www.x.test A\n");
	ask(&d, "www.x.test A");
	drv_expect_decision(&d, "dns.server.failure-reply");
	assert_string_equal(reply(&d), "0x0001 qr rd ra SERVFAIL\nq www.x.test A\n");
	ask(&d, "ftp.x.test A"); /* another query is another matter */
	q = expect_query(&d, "10.9.0.1", "ftp.x.test A");
	respond(&d, &q, DNS_RA, "ns x.test 60 NS ns.x.test\n"); /* a forwarder refers nobody */
	drv_expect_decision(&d, "dns.resolver.server.failed-query");
	expect_query(&d, "10.9.0.2", "ftp.x.test A");
	drv_timer_until(&d, 37 * SEC);
	drv_expect_decision(&d, "dns.resolver.server.failed-expiry");
	drv_expect_fact(&d, FX_FACT_END, "dns_failed", "www.x.test A 10.9.0.1");
	ask(&d, "www.x.test A");
	q = expect_query(&d, "10.9.0.1", "www.x.test A");
	respond(&d, &q, 0, "ns x.test 3600 NS ns.x.test\nar ns.x.test 3600 A 10.9.0.2\n");
	expect_query(&d, "10.9.0.2", "www.x.test A");
	/* What stands above a delegation is not asked for below it. */
	ask(&d, "x.test DS");
	expect_query(&d, "10.9.0.1", "x.test DS");
	drv_done(&d);
}

#define TWO_HINTS                                                                             \
	"ip dns server\nip dns root-hint a.root.test 10.9.0.1\nip dns root-hint b.root.test " \
	"10.9.0.2\n"

/* A server is heard as long as the search lasts, whoever was asked meanwhile. */
struct slow {
	const char *conf;
	nsec_t at;	     /* of the answer */
	unsigned from;	     /* 10.9.0.|from| */
	unsigned n_asked[2]; /* until then: 10.9.0.1, 10.9.0.2 */
	uint16_t flags;
	const char *skipped; /* a decision on the way, or NULL */
};

static const struct slow slow[] = {
	{ "ip dns server\nip dns forwarder 10.9.0.1\n", 2500 * MSEC, 1, { 2, 0 }, DNS_RA, NULL },
	{ "ip dns server\nip dns forwarder 10.9.0.1\n", 5900 * MSEC, 1, { 2, 0 }, DNS_RA, NULL },
	{ FORWARD, 1900 * MSEC, 1, { 1, 0 }, DNS_RA, NULL },
	{ FORWARD, 2500 * MSEC, 1, { 1, 1 }, DNS_RA, NULL },
	{ FORWARD, 2500 * MSEC, 2, { 1, 1 }, DNS_RA, NULL },
	{ FORWARD, 4500 * MSEC, 2, { 2, 1 }, DNS_RA, NULL },
	{ FORWARD, 7500 * MSEC, 1, { 2, 1 }, DNS_RA, NULL },
	{ HINTS, 2500 * MSEC, 1, { 2, 0 }, DNS_AA, NULL },
	{ TWO_HINTS, 2500 * MSEC, 1, { 1, 1 }, DNS_AA, "dns.ns.skip-late" },
	{ TWO_HINTS, 3900 * MSEC, 2, { 1, 1 }, DNS_AA, "dns.ns.skip-late" },
};

static void slow_servers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(slow) / sizeof(slow[0]); i++) {
		const struct slow *t = &slow[i];
		struct query q, asked[2] = { 0 };
		unsigned n[2] = { 0 };
		struct drv d;

		start(&d, t->conf);
		ask(&d, "www.x.test A");
		while (true) {
			for (unsigned s = drv_count(&d, FX_SEND); s > 0; s--) {
				unsigned who;

				q = sent(&d);
				who = q.dst.addr.b[3] - 1u;
				assert_true(who < 2);
				if (n[who]++ == 0)
					asked[who] = q;
				assert_int_equal(q.id, asked[who].id);
			}
			if (drv_deadline(&d) > t->at)
				break;
			drv_timer(&d);
			if (t->skipped && d.now == 2 * SEC)
				drv_expect_decision(&d, t->skipped);
		}
		assert_int_equal(n[0], t->n_asked[0]);
		assert_int_equal(n[1], t->n_asked[1]);
		d.now = t->at;
		respond(&d, &asked[t->from - 1], t->flags, "an www.x.test 60 A 10.5.0.1\n");
		assert_string_equal(reply(&d), "0x0001 qr rd ra NOERROR\nq www.x.test A\n"
					       "an www.x.test 60 A 10.5.0.1\n");
		drv_done(&d);
	}
}

static void negative_answers(void **state)
{
	struct query q;
	struct drv d;

	(void)state;
	start(&d, FORWARD);
	ask(&d, "no.x.test A");
	q = sent(&d);
	respond(&d, &q, DNS_RA | 3, "ns x.test 900 SOA ns.x.test r.x.test 1 2 3 4 60\n");
	drv_expect_decision(&d, "dns.resolver.server.negative-cache");
	drv_expect_decision(&d, "dns.resolver.server.error-response");
	assert_string_equal(reply(&d), "0x0001 qr rd ra NXDOMAIN\nq no.x.test A\n"
				       "ns x.test 60 SOA ns.x.test r.x.test 1 2 3 4 60\n");
	drv_timer_until(&d, 10 * SEC);
	ask(&d, "no.x.test MX"); /* there is no such name at all */
	drv_expect_decision(&d, "dns.search.cached-negative");
	assert_string_equal(reply(&d), "0x0001 qr rd ra NXDOMAIN\nq no.x.test MX\n"
				       "ns x.test 50 SOA ns.x.test r.x.test 1 2 3 4 60\n");
	ask(&d, "www.x.test MX");
	q = sent(&d);
	respond(&d, &q, DNS_RA, "ns x.test 30 SOA ns.x.test r.x.test 1 2 3 4 60\n");
	drv_expect_decision(&d, "dns.server.nodata");
	assert_string_equal(reply(&d), "0x0001 qr rd ra NOERROR\nq www.x.test MX\n"
				       "ns x.test 30 SOA ns.x.test r.x.test 1 2 3 4 60\n");
	ask(&d, "www.x.test MX");
	drv_expect_decision(&d, "dns.search.cached-negative");
	ask(&d, "www.x.test A"); /* other types are not concerned */
	q = sent(&d);
	/* Without an SOA it is passed on, but not kept. */
	respond(&d, &q, DNS_RA | DNS_AA, "");
	assert_string_equal(reply(&d), "0x0001 qr rd ra NOERROR\nq www.x.test A\n");
	d.now += SEC;
	ask(&d, "www.x.test A");
	sent(&d);
	/* An alias whose target does not exist. */
	ask(&d, "al.x.test A");
	q = sent(&d);
	respond(&d, &q, DNS_RA | 3,
		"an al.x.test 60 CNAME nix.x.test\nns x.test 60 SOA ns.x.test r.x.test 1 2 3 4 "
		"60\n");
	assert_string_equal(reply(&d), "0x0001 qr rd ra NXDOMAIN\nq al.x.test A\n"
				       "an al.x.test 60 CNAME nix.x.test\n"
				       "ns x.test 60 SOA ns.x.test r.x.test 1 2 3 4 60\n");
	ask(&d, "al2.x.test A");
	q = sent(&d);
	respond(&d, &q, DNS_RA,
		"an al2.x.test 60 CNAME nod.x.test\nns x.test 60 SOA ns.x.test r.x.test 1 2 3 4 "
		"60\n");
	assert_string_equal(reply(&d), "0x0001 qr rd ra NOERROR\nq al2.x.test A\n"
				       "an al2.x.test 60 CNAME nod.x.test\n"
				       "ns x.test 60 SOA ns.x.test r.x.test 1 2 3 4 60\n");
	drv_done(&d);
}

/* Everything at once that is known of a name (RFC 8482). */
static void any(void **state)
{
	struct query q;
	struct drv d;

	(void)state;
	start(&d, FORWARD);
	ask(&d, "www.x.test ANY");
	q = expect_query(&d, "10.9.0.1", "www.x.test ANY");
	respond(&d, &q, DNS_RA,
		"an www.x.test 60 A 10.5.0.1\nan www.x.test 60 A 10.5.0.2\n"
		"an www.x.test 60 MX 5 m.x.test\n");
	assert_string_equal(reply(&d), "0x0001 qr rd ra NOERROR\nq www.x.test ANY\n"
				       "an www.x.test 60 A 10.5.0.1\nan www.x.test 60 A 10.5.0.2\n"
				       "an www.x.test 60 MX 5 m.x.test\n");
	drv_done(&d);
}

/* --- limits --- */

static void gives_up_in_time(void **state)
{
	struct drv d;

	(void)state;
	start(&d, "ip dns server\nip dns forwarder 10.9.0.1 10.9.0.2 10.9.0.3 10.9.0.4\n");
	ask(&d, "www.x.test A");
	drv_timer_until(&d, 8 * SEC);
	drv_expect_decision(&d, "dns.resolver.server.limit");
	drv_expect_decision(&d, "dns.resolver.server.error-response");
	assert_string_equal(reply(&d), "0x0001 qr rd ra SERVFAIL\nq www.x.test A\n");
	drv_done(&d);
}

static void asks_no_more_than_allowed(void **state)
{
	char records[512], name[64] = "test";
	struct query q;
	struct drv d;

	(void)state;
	start(&d, HINTS "ip dns search-limit 5 4\n");
	ask(&d, "a.b.c.d.e.f.g.test A");
	for (int i = 0; i < 4; i++) {
		static const char *const zones[] = { "test", "g.test", "f.g.test", "e.f.g.test" };

		str_copy(name, sizeof(name), zones[i]);
		q = sent(&d);
		snprintf(records, sizeof(records), "ns %s 60 NS ns.%s\nar ns.%s 60 A 10.9.1.%d\n",
			 name, name, name, i + 1);
		respond(&d, &q, 0, records);
	}
	drv_expect_decision(&d, "dns.search.limit");
	assert_string_equal(reply(&d), "0x0001 qr rd ra SERVFAIL\nq a.b.c.d.e.f.g.test A\n");
	drv_done(&d);
}

/* More names at once than there is room for queries: the last ones are told so. */
static void too_many(void **state)
{
	char question[64];
	struct drv d;

	(void)state;
	start(&d, FORWARD);
	for (int i = 0; i < 256; i++) {
		snprintf(question, sizeof(question), "h%d.x.test A", i);
		ask(&d, question);
		drv_expect_decision(&d, "dns.server.pending");
	}
	ask(&d, "last.x.test A");
	drv_expect_decision(&d, "dns.search.too-many");
	assert_string_equal(reply(&d), "0x0001 qr rd ra SERVFAIL\nq last.x.test A\n");
	ask(&d, "h0.x.test A"); /* the same again: it waits already */
	for (int i = 0; i < 200; i++) {
		client.port++;
		ask(&d, "h0.x.test A");
		if (i < 127)
			drv_expect_decision(&d, "dns.server.pending");
		else
			drv_expect_decision(&d, "dns.search.too-many");
	}
	drv_timer_until(&d, 60 * SEC);
	ask(&d, "again.x.test A");
	drv_expect_decision(&d, "dns.server.pending");
	drv_done(&d);
}

/* Answers too long for UDP come over TCP (the query's side of it is tested with the resolver). */
static void truncated_answer(void **state)
{
	uint8_t buf[514];
	const struct fx_effect *c;
	struct query q;
	struct drv d;
	size_t len;

	(void)state;
	start(&d, FORWARD);
	ask(&d, "www.x.test A");
	q = sent(&d);
	respond(&d, &q, DNS_RA | DNS_TC, "");
	drv_expect_decision(&d, "dns.resolver.truncated");
	c = drv_next_connect(&d);
	drv_opened(&d, c->connect.sock, 0, drv_ep("10.0.0.1", 999), q.dst);
	len = dm_build(buf + 2, 512, q.id, DNS_QR | DNS_RA, q.question,
		       "an www.x.test 60 A 10.5.0.1\n");
	buf[0] = (uint8_t)(len >> 8);
	buf[1] = (uint8_t)len;
	drv_bytes(&d, c->connect.sock, buf, len + 2, 0);
	drv_expect_decision(&d, "dns.resolver.server.success-response");
	assert_non_null(strstr(reply(&d), "an www.x.test 60 A 10.5.0.1\n"));
	drv_done(&d);
}

/* The cache keeps what is better founded, and has an end. */
static void cache_limits(void **state)
{
	char question[64], records[128];
	unsigned ended = 0;
	struct query q;
	struct drv d;

	(void)state;
	start(&d, FORWARD);
	for (int i = 0; i < 4200; i++) {
		snprintf(question, sizeof(question), "h%d.x.test A", i);
		snprintf(records, sizeof(records), "an h%d.x.test 600 A 10.5.0.1\n", i);
		ask(&d, question);
		q = sent(&d);
		respond(&d, &q, DNS_RA, records);
		ended += drv_fact(&d, FX_FACT_END, "dns_cache", NULL) != NULL;
	}
	assert_int_equal(ended, 4200 - 4096);
	/* Cleared at once for those who ask, told in pieces. */
	drv_command(&d, "clear ip dns cache");
	ended = drv_count(&d, FX_FACT_END);
	ask(&d, "h4199.x.test A");
	drv_expect_decision(&d, "dns.search.forwarder");
	drv_command(&d, "show ip dns cache");
	assert_string_equal(drv_output(&d), "");
	drv_timer_until(&d, d.now);
	ended += drv_count(&d, FX_FACT_END);
	assert_int_equal(ended, 4096);
	drv_expect_no_decision(&d, "dns.cache.expiry");
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forwards),	    cmocka_unit_test(name_servers_are_forwarders),
		cmocka_unit_test(forwarders_fail),  cmocka_unit_test(slow_servers),
		cmocka_unit_test(negative_answers), cmocka_unit_test(any),
		cmocka_unit_test(gives_up_in_time), cmocka_unit_test(asks_no_more_than_allowed),
		cmocka_unit_test(too_many),	    cmocka_unit_test(truncated_answer),
		cmocka_unit_test(cache_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
