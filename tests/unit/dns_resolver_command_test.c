/* nslookup and the show commands; whose resolver it is, and what its seed draws. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dns_resolver_driver.h"

/* --- commands --- */

static void nslookup_a(void **state)
{
	struct query q;
	struct drv d;

	(void)state;
	start(&d, CONF "no ip domain-name\n");
	drv_command(&d, "nslookup web.a.test");
	q = sent(&d);
	respond(&d, &q, DNS_RA,
		"an web.a.test 60 CNAME www.a.test\nan www.a.test 60 A 10.0.0.5\n"
		"an www.a.test 60 A 10.0.0.6\n");
	assert_string_equal(drv_output(&d), "Server:  [10.0.0.1]\nAddress:  10.0.0.1\n\n"
					    "Non-authoritative answer:\nName:    www.a.test\n"
					    "Addresses:  10.0.0.5\n          10.0.0.6\n"
					    "Aliases:  web.a.test\n\n");
	assert_int_equal(d.status, 0);
	/* It asks each time, whatever the cache holds. */
	drv_command(&d, "nslookup www.a.test 10.0.0.9");
	q = sent(&d);
	assert_string_equal(q.to, "10.0.0.9");
	respond(&d, &q, DNS_AA, "an www.a.test 60 A 10.0.0.5\n");
	assert_string_equal(drv_output(&d), "Server:  [10.0.0.9]\nAddress:  10.0.0.9\n\n"
					    "Name:    www.a.test\nAddress:  10.0.0.5\n\n");
	drv_command(&d, "nslookup no.a.test");
	q = sent(&d);
	respond(&d, &q, 3, "");
	drv_expect_output(&d, "*** [10.0.0.1] can't find no.a.test: Non-existent domain\n");
	assert_int_equal(d.status, 1);
	drv_command(&d, "nslookup www.a.test");
	q = sent(&d);
	respond(&d, &q, 0, "");
	drv_expect_output(&d, "*** No address (A) records available for www.a.test\n");
	drv_command(&d, "nslookup www.a.test");
	drv_timer_until(&d, 60 * SEC);
	drv_expect_output(&d, "*** Request to [10.0.0.2] timed-out\n");
	drv_done(&d);
}

static void nslookup_types(void **state)
{
	static const struct {
		const char *command, *question, *records, *out;
	} rows[] = {
		{ "nslookup -type=mx a.test", "a.test MX", "an a.test 60 MX 10 mail.a.test\n",
		  "a.test\tMX preference = 10, mail exchanger = mail.a.test\n" },
		{ "nslookup -q=ns a.test", "a.test NS", "an a.test 60 NS ns1.a.test\n",
		  "a.test\tnameserver = ns1.a.test\n" },
		{ "nslookup -querytype=soa a.test", "a.test SOA",
		  "an a.test 60 SOA ns1.a.test admin.a.test 1 2 3 4 5\n",
		  "a.test\n\tprimary name server = ns1.a.test\n\tresponsible mail addr = "
		  "admin.a.test\n" },
		{ "nslookup -type=txt a.test", "a.test TXT", "an a.test 60 TXT \"hello\"\n",
		  "a.test\ttext =\n\n\t\"hello\"\n" },
		{ "nslookup -type=cname w.a.test", "w.a.test CNAME",
		  "an w.a.test 60 CNAME www.a.test\n", "w.a.test\tcanonical name = www.a.test\n" },
		{ "nslookup -type=srv _s._tcp.a.test", "_s._tcp.a.test SRV",
		  "an _s._tcp.a.test 60 SRV 1 2 80 www.a.test\n", "\t  port           = 80\n" },
		{ "nslookup -type=aaaa w.a.test", "w.a.test AAAA", "an w.a.test 60 AAAA fd00::5\n",
		  "Name:    w.a.test\nAddress:  fd00::5\n" },
		{ "nslookup -type=any w.a.test", "w.a.test ANY", "an w.a.test 60 A 10.0.0.5\n",
		  "w.a.test\tinternet address = 10.0.0.5\n" },
		{ "nslookup -type=hinfo w.a.test", "w.a.test HINFO",
		  "an w.a.test 60 HINFO PC Linux\n", "w.a.test\tHINFO = \"PC\" \"Linux\"\n" },
		{ "nslookup 10.0.0.5", "5.0.0.10.in-addr.arpa PTR",
		  "an 5.0.0.10.in-addr.arpa 60 PTR www.a.test\n",
		  "Name:    www.a.test\nAddress:  10.0.0.5\n" },
		{ "nslookup 10.0.0.6", "6.0.0.10.in-addr.arpa PTR",
		  "an 6.0.0.10.in-addr.arpa 60 CNAME 6.x.test\nan 6.x.test 60 PTR p.a.test\n",
		  "6.x.test\tname = p.a.test\n" },
	};
	struct drv d;

	(void)state;
	start(&d, CONF "no ip domain-name\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct query q;

		drv_command(&d, rows[i].command);
		q = sent(&d);
		assert_string_equal(q.question, rows[i].question);
		respond(&d, &q, DNS_AA, rows[i].records);
		drv_expect_output(&d, rows[i].out);
		assert_int_equal(d.status, 0);
	}
	drv_command(&d, "nslookup set type=mx");
	drv_command(&d, "nslookup a.test");
	assert_string_equal(sent(&d).question, "a.test MX");
	drv_command(&d, "nslookup -type=bogus a.test");
	drv_expect_output(&d, "Usage: nslookup");
	drv_command(&d, "nslookup a b c");
	drv_expect_output(&d, "Usage: nslookup");
	drv_command(&d, "nslookup");
	drv_expect_output(&d, "Default Server:  [10.0.0.1]\nAddress:  10.0.0.1\n");
	drv_done(&d);
}

static void nslookup_server_by_name(void **state)
{
	struct query q;
	struct drv d;

	(void)state;
	start(&d, CONF "no ip domain-name\n");
	drv_command(&d, "nslookup www.a.test ns9.a.test");
	q = sent(&d);
	assert_string_equal(q.question, "ns9.a.test A");
	respond(&d, &q, 0, "an ns9.a.test 60 A 10.0.0.9\n");
	q = expect_query(&d, "10.0.0.9", "www.a.test A");
	respond(&d, &q, DNS_AA, "an www.a.test 60 A 10.0.0.5\n");
	assert_string_equal(drv_output(&d), "Server:  ns9.a.test\nAddress:  10.0.0.9\n\n"
					    "Name:    www.a.test\nAddress:  10.0.0.5\n\n");
	drv_command(&d, "nslookup www.a.test ns8.a.test");
	q = sent(&d);
	respond(&d, &q, 3, "");
	drv_expect_output(&d, "*** Can't find address for server ns8.a.test: no such name\n");
	assert_int_equal(d.status, 1);
	drv_conf(&d, "no ip name-server\n");
	take_resolver(&d);
	drv_command(&d, "nslookup www.a.test");
	drv_expect_output(&d, "*** Default servers are not available");
	drv_done(&d);
}

static void show_and_clear(void **state)
{
	struct query q;
	struct drv d;

	(void)state;
	start(&d, CONF "ip host r1 10.0.0.254 10.0.1.254\n");
	ask(&d, "www.a.test", DNS_A);
	q = sent(&d);
	respond(&d, &q, 0, "an www.a.test 60 A 10.0.0.5\n");
	drv_command(&d, "show hosts");
	drv_expect_output(&d, "Default domain is lab.test\n");
	drv_expect_output(&d, "Name servers are 10.0.0.1, 10.0.0.2\n");
	drv_expect_output(&d,
			  "r1                        None  (perm, OK)  0    IP    10.0.0.254\n");
	drv_expect_output(&d, "www.a.test                None  (temp, OK)  0    IP    10.0.0.5\n");
	drv_command(&d, "ipconfig /displaydns");
	drv_expect_output(&d,
			  "    Record Name . . . . . : www.a.test\n    Record Type . . . . . : 1\n"
			  "    Time To Live  . . . . : 60\n    Data Length . . . . . : 4\n");
	drv_expect_output(&d, "    A (Host) Record . . . : 10.0.0.5\n");
	drv_command(&d, "clear host other.test");
	assert_int_equal(d.status, 1);
	drv_command(&d, "clear host www.a.test");
	assert_int_equal(d.status, 0);
	drv_expect_fact(&d, FX_FACT_END, "dns_cache", "client www.a.test A 10.0.0.5");
	ask(&d, "www.a.test", DNS_A);
	q = sent(&d);
	respond(&d, &q, 0, "an www.a.test 60 A 10.0.0.5\n");
	drv_command(&d, "ipconfig /flushdns");
	drv_expect_output(&d, "Successfully flushed the DNS Resolver Cache.\n");
	drv_expect_fact(&d, FX_FACT_END, "dns_cache", "client www.a.test A 10.0.0.5");
	drv_command(&d, "clear host *");
	assert_int_equal(d.status, 0);
	drv_done(&d);
}

/* ip name-server becomes the device's static resolver, and ceases to be. */
static void static_resolver(void **state)
{
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	drv_init(&d, &dns_proto, KIND_PC, 1);
	drv_start(&d, "dns.resolver");
	drv_expect_none(&d, FX_RESOLVER);
	drv_conf(&d, CONF);
	e = drv_want(&d, FX_RESOLVER, "resolver");
	assert_string_equal(e->resolver.source, "static");
	assert_int_equal(e->resolver.n_servers, 2);
	assert_string_equal(e->resolver.domain, "lab.test");
	drv_conf(&d, "ip host x 10.0.0.1\n");
	drv_expect_none(&d, FX_RESOLVER);
	drv_conf(&d, "no ip name-server 10.0.0.1 10.0.0.2\n");
	e = drv_want(&d, FX_RESOLVER, "resolver");
	assert_int_equal(e->resolver.n_servers, 0);
	drv_done(&d);
}

/* The same seed draws the same ids and ports; another seed does not. */
static void seeds(void **state)
{
	struct query q[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct drv d;

		drv_init(&d, &dns_proto, KIND_PC, 1);
		d.seed = i < 2 ? 1 : 2;
		drv_conf(&d, CONF);
		drv_start(&d, "dns.resolver");
		take_resolver(&d);
		ask(&d, "www.a.test", DNS_A);
		q[i] = sent(&d);
		drv_done(&d);
	}
	assert_true(q[0].id == q[1].id && q[0].port == q[1].port);
	assert_true(q[0].id != q[2].id && q[0].port != q[2].port);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nslookup_a),
		cmocka_unit_test(nslookup_types),
		cmocka_unit_test(nslookup_server_by_name),
		cmocka_unit_test(show_and_clear),
		cmocka_unit_test(static_resolver),
		cmocka_unit_test(seeds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
