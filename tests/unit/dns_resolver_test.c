/* The client: hosts table, cache, queries and what comes back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "dns_resolver_driver.h"

/* --- without the network --- */

static void addresses_and_hosts(void **state)
{
	struct drv d;

	(void)state;
	start(&d, CONF "ip host r1 10.0.0.254 fd00::1\nip host r2.lab.test 10.0.0.253\n");
	ask(&d, "10.1.2.3", DNS_A);
	drv_expect_decision(&d, "dns.client.get-resolver");
	drv_expect_decision(&d, "dns.client.hosts-table");
	expect_addr(&d, "10.1.2.3");
	ask(&d, "R1", DNS_A);
	drv_expect_decision(&d, "dns.client.hosts-table");
	expect_addr(&d, "10.0.0.254");
	ask(&d, "r1", DNS_AAAA);
	expect_addr(&d, "fd00::1");
	ask(&d, "r2", DNS_A); /* stands there with its domain */
	expect_addr(&d, "10.0.0.253");
	ask(&d, "localhost", DNS_A);
	expect_addr(&d, "127.0.0.1");
	ask(&d, "localhost.", DNS_AAAA);
	expect_addr(&d, "::1");
	ask(&d, "10.0.0.254", DNS_PTR);
	assert_string_equal(answer(&d)->resolve.name, "r1");
	drv_expect_none(&d, FX_SEND);
	drv_conf(&d, "no ip host r1\n");
	ask(&d, "r1.", DNS_A);
	drv_expect_decision(&d, "dns.name.fqdn");
	assert_string_equal(sent(&d).question, "r1 A");
	drv_done(&d);
}

static void no_server(void **state)
{
	struct drv d;

	(void)state;
	start(&d, "ip host r1 10.0.0.254\n");
	ask(&d, "www.a.test", DNS_A);
	drv_expect_decision(&d, "dns.resolver.no-server");
	expect_error(&d, -EDESTADDRREQ, "no DNS server is configured");
	drv_conf(&d, CONF "no ip domain lookup\n");
	take_resolver(&d);
	ask(&d, "www.a.test", DNS_A);
	expect_error(&d, -EDESTADDRREQ, "domain lookup is switched off");
	ask(&d, "r1", DNS_A); /* the hosts table works all the same */
	expect_addr(&d, "10.0.0.254");
	drv_expect_none(&d, FX_SEND);
	drv_done(&d);
}

static void bad_names(void **state)
{
	static const char *const bad[] = {
		"a..b",
		"",
		".a",
		"a123456789b123456789c123456789d123456789e123456789f123456789g123.test",
	};
	char lab[256] = "";
	struct drv d;

	(void)state;
	start(&d, CONF);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ask(&d, bad[i], DNS_A);
		drv_expect_decision(&d, "dns.name.drop-long-label");
		assert_int_equal(answer(&d)->err, -EINVAL);
	}
	for (int i = 0; i < 63; i++)
		strcat(lab, "abc.");
	strcat(lab, "abc"); /* 256 octets in all */
	ask(&d, lab, DNS_A);
	drv_expect_decision(&d, "dns.name.drop-long-label");
	drv_done(&d);
}

/* --- a query and its answer --- */

static void ask_and_answer(void **state)
{
	const struct fx_effect *e;
	struct query q, q2;
	struct drv d;

	(void)state;
	start(&d, CONF);
	ask(&d, "www.a.test", DNS_A);
	drv_expect_decision(&d, "dns.resolver.create-query");
	drv_expect_decision(&d, "dns.resolver.random-id");
	drv_expect_decision(&d, "dns.resolver.type-a");
	drv_expect_decision(&d, "dns.resolver.send-udp");
	drv_expect_fact(&d, FX_FACT_BEGIN, "dns_pending", "client 0 www.a.test");
	q = sent(&d);
	assert_true(q.rd);
	assert_in_range(q.port, 1024, 65535);
	assert_string_equal(q.question, "www.a.test A");
	assert_string_equal(q.to, "10.0.0.1");
	respond(&d, &q, DNS_RD | DNS_RA,
		"an www.a.test 300 CNAME web.a.test\nan web.a.test 60 A 10.0.0.5\n");
	drv_expect_decision(&d, "dns.resolver.receive");
	drv_expect_decision(&d, "dns.resolver.id-match");
	drv_expect_decision(&d, "dns.resolver.client-owned");
	drv_expect_decision(&d, "dns.resolver.client.success");
	drv_expect_fact(&d, FX_FACT_END, "dns_pending", NULL);
	e = drv_expect_fact(&d, FX_FACT_BEGIN, "dns_cache", "client web.a.test A 10.0.0.5");
	assert_string_equal(drv_value(e, "role"), "client");
	assert_int_equal(drv_count(&d, FX_CLOSE), 1);
	expect_addr(&d, "10.0.0.5");
	/* From the cache, along the alias. */
	d.now = 10 * SEC;
	ask(&d, "WWW.a.test", DNS_A);
	drv_expect_decision(&d, "dns.client.cache-hit");
	e = drv_next(&d, FX_ANSWER);
	assert_true(e->answer.answer->resolve.from_cache);
	assert_int_equal(e->answer.answer->resolve.ttl_ns, 50 * SEC);
	assert_string_equal(e->answer.answer->resolve.name, "web.a.test");
	/* Until the TTL runs out. */
	drv_timer_until(&d, 61 * SEC);
	drv_expect_decision(&d, "dns.cache.expiry");
	drv_expect_fact(&d, FX_FACT_END, "dns_cache", "client web.a.test A 10.0.0.5");
	ask(&d, "www.a.test", DNS_A);
	q2 = sent(&d);
	assert_true(q2.id != q.id && q2.port != q.port && q2.sock != q.sock);
	drv_done(&d);
}

static void other_types(void **state)
{
	const struct answer *a;
	struct query q;
	struct drv d;

	(void)state;
	start(&d, CONF);
	ask(&d, "a.test", DNS_MX);
	q = sent(&d);
	respond(&d, &q, DNS_RA,
		"an a.test 60 MX 20 b.a.test\nan a.test 60 MX 10 a.a.test\nan a.test 60 MX 30 .\n");
	a = answer(&d);
	assert_int_equal(a->resolve.n_mx, 3);
	assert_string_equal(a->resolve.mx[0].name, "a.a.test");
	assert_string_equal(a->resolve.mx[1].name, "b.a.test");
	assert_string_equal(a->resolve.mx[2].name, ".");
	assert_int_equal(a->resolve.mx[1].preference, 20);
	ask(&d, "10.0.0.5", DNS_PTR);
	drv_expect_decision(&d, "dns.resolver.reverse");
	q = sent(&d);
	assert_string_equal(q.question, "5.0.0.10.in-addr.arpa PTR");
	respond(&d, &q, DNS_RA, "an 5.0.0.10.in-addr.arpa 60 PTR www.a.test\n");
	assert_string_equal(answer(&d)->resolve.name, "www.a.test");
	ask(&d, "fd00::1", DNS_PTR);
	q = sent(&d);
	assert_string_equal(
		q.question,
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa PTR");
	drv_done(&d);
}

/* RFC 1123 §6.1.4.3 */
static void suffixes(void **state)
{
	struct query q;
	struct drv d;

	(void)state;
	start(&d, CONF);
	ask(&d, "www", DNS_A); /* one label: with the domain first */
	drv_expect_decision(&d, "dns.resolver.search-suffix");
	q = sent(&d);
	assert_string_equal(q.question, "www.lab.test A");
	respond(&d, &q, 3, "");
	drv_expect_decision(&d, "dns.resolver.client.no-answers");
	q = sent(&d);
	assert_string_equal(q.question, "www A");
	respond(&d, &q, 3, "");
	expect_error(&d, -ENOENT, "no such name");
	ask(&d, "www.x", DNS_A); /* several: as it is first */
	q = sent(&d);
	assert_string_equal(q.question, "www.x A");
	respond(&d, &q, 0, "");
	q = sent(&d);
	assert_string_equal(q.question, "www.x.lab.test A");
	respond(&d, &q, 3, "");
	expect_error(&d, -ENODATA, "the name has no record of this type");
	drv_conf(&d, "no ip domain-name\n");
	take_resolver(&d);
	ask(&d, "www", DNS_A);
	drv_expect_no_decision(&d, "dns.resolver.search-suffix");
	/* The domain that DHCP has learned will do. */
	str_copy(d.dev.resolvers[0].domain, sizeof(d.dev.resolvers[0].domain), "dhcp.test");
	ask(&d, "www", DNS_A);
	assert_string_equal(sent(&d).question, "www.dhcp.test A");
	drv_done(&d);
}

/* 3 s, two repeats from the same socket, then the next server with a new id. */
static void silence(void **state)
{
	struct query q, again, other;
	struct drv d;

	(void)state;
	start(&d, CONF "no ip domain-name\n");
	ask(&d, "www.a.test", DNS_A);
	q = sent(&d);
	for (int i = 1; i <= 2; i++) {
		assert_int_equal(drv_deadline(&d), i * 3 * SEC);
		drv_timer(&d);
		drv_expect_decision(&d, "dns.resolver.timeout");
		again = sent(&d);
		assert_int_equal(again.sock, q.sock);
		assert_int_equal(again.id, q.id);
	}
	drv_timer(&d);
	other = sent(&d);
	assert_true(other.sock != q.sock && other.id != q.id);
	assert_string_equal(other.to, "10.0.0.2");
	drv_timer_until(&d, 18 * SEC);
	expect_error(&d, -ETIMEDOUT, "no answer in time");
	assert_int_equal(drv_deadline(&d), NEVER);
	drv_conf(&d, "ip domain retry 0\nip domain timeout 1\n");
	ask(&d, "www.a.test", DNS_A);
	drv_timer_until(&d, 20 * SEC);
	assert_int_equal(answer(&d)->err, -ETIMEDOUT);
	drv_done(&d);
}

static void next_server(void **state)
{
	static const uint16_t codes[] = { 1, 2, 4, 5 };
	struct drv d;

	(void)state;
	start(&d, CONF "no ip domain-name\n");
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		struct query q;

		ask(&d, "www.a.test", DNS_A);
		q = sent(&d);
		respond(&d, &q, codes[i], "");
		drv_expect_decision(&d, "dns.resolver.client.next-server");
		q = sent(&d);
		assert_string_equal(q.to, "10.0.0.2");
		respond(&d, &q, codes[i], "");
		assert_int_equal(answer(&d)->err, codes[i] == 5 ? -ECONNREFUSED : -EAGAIN);
	}
	drv_done(&d);
}

static void answers_without_address(void **state)
{
	struct query q;
	struct drv d;

	(void)state;
	start(&d, CONF "no ip domain-name\n");
	ask(&d, "www.a.test", DNS_A);
	q = sent(&d);
	respond(&d, &q, 0, "an www.a.test 60 CNAME web.a.test\nan other.a.test 60 A 10.0.0.9\n");
	drv_expect_decision(&d, "dns.resolver.client.no-ip");
	assert_int_equal(answer(&d)->err, -ENODATA);
	drv_done(&d);
}

/* --- what must not be believed --- */

static void forged(void **state)
{
	struct query q, wrong;
	uint8_t buf[512];
	struct drv d;
	size_t len;

	(void)state;
	start(&d, CONF);
	ask(&d, "www.a.test", DNS_A);
	q = sent(&d);
	wrong = q;
	wrong.id ^= 1;
	respond(&d, &wrong, 0, "an www.a.test 60 A 6.6.6.6\n");
	drv_expect_decision(&d, "dns.resolver.drop-id-mismatch");
	wrong = q;
	wrong.dst = drv_ep("10.0.0.66", 53);
	respond(&d, &wrong, 0, "an www.a.test 60 A 6.6.6.6\n");
	drv_expect_decision(&d, "dns.resolver.drop-source-mismatch");
	wrong = q;
	wrong.dst.port = 5353;
	respond(&d, &wrong, 0, "an www.a.test 60 A 6.6.6.6\n");
	drv_expect_decision(&d, "dns.resolver.drop-source-mismatch");
	wrong = q;
	str_copy(wrong.question, sizeof(wrong.question), "www.b.test A");
	respond(&d, &wrong, 0, "an www.b.test 60 A 6.6.6.6\n");
	drv_expect_decision(&d, "dns.resolver.drop-source-mismatch");
	/* Not responses at all. */
	len = dm_build(buf, sizeof(buf), q.id, DNS_RD, q.question, "");
	drv_datagram(&d, q.sock, q.dst, drv_ep("10.0.0.77", q.port), 1, buf, len);
	drv_expect_decision(&d, "dns.resolver.drop-invalid");
	drv_datagram(&d, q.sock, q.dst, drv_ep("10.0.0.77", q.port), 1, buf, 5);
	drv_expect_decision(&d, "dns.resolver.drop-invalid");
	len = dm_build(buf, sizeof(buf), q.id, DNS_QR, q.question, "an www.a.test 60 A 6.6.6.6\n");
	drv_datagram(&d, q.sock, q.dst, drv_ep("10.0.0.77", q.port), 1, buf, len - 1);
	drv_expect_decision(&d, "dns.resolver.drop-invalid");
	drv_expect_none(&d, FX_ANSWER);
	/* The real one still counts, in whatever case. */
	str_copy(q.question, sizeof(q.question), "WWW.a.TEST A");
	respond(&d, &q, 0, "an www.A.test 60 A 10.0.0.5\n");
	drv_expect_decision(&d, "dns.name.case");
	expect_addr(&d, "10.0.0.5");
	/* A late copy meets a closed socket. */
	respond(&d, &q, 0, "an www.a.test 60 A 10.0.0.5\n");
	drv_expect_none(&d, FX_DECIDE);
	drv_done(&d);
}

/* Two queries at once: the id of one does not serve the other's port. */
static void ids_belong_to_ports(void **state)
{
	struct query a, b, mixed;
	struct drv d;

	(void)state;
	start(&d, CONF);
	ask(&d, "a.a.test", DNS_A);
	a = sent(&d);
	ask(&d, "b.a.test", DNS_A);
	b = sent(&d);
	mixed = a;
	mixed.id = b.id;
	respond(&d, &mixed, 0, "an a.a.test 60 A 10.0.0.5\n");
	drv_expect_decision(&d, "dns.resolver.drop-source-mismatch");
	drv_done(&d);
}

static void ports_in_use(void **state)
{
	const struct fx_effect *b;
	struct query q, q2;
	struct drv d;

	(void)state;
	start(&d, CONF "no ip domain-name\n");
	ask(&d, "www.a.test", DNS_A);
	b = drv_next_bind(&d);
	d.last[FX_BIND] = NULL;
	q = sent(&d);
	drv_failed(&d, b, q.sock, EADDRINUSE);
	q2 = sent(&d);
	assert_true(q2.sock != q.sock);
	assert_int_equal(q2.id, q.id);
	respond(&d, &q2, 0, "an www.a.test 60 A 10.0.0.5\n");
	expect_addr(&d, "10.0.0.5");
	/* No route: the next server at once. */
	ask(&d, "www2.a.test", DNS_A);
	b = drv_next_bind(&d);
	d.last[FX_BIND] = NULL;
	q = sent(&d);
	drv_event(&d, (struct ev){ .kind = EV_DONE,
				   .done = { .what = FX_SEND,
					     .sock = q.sock,
					     .err = ENETUNREACH,
					     .text = "Network is unreachable" } });
	drv_expect_decision(&d, "dns.resolver.send-failed");
	q = sent(&d);
	assert_string_equal(q.to, "10.0.0.2");
	drv_done(&d);
}

/* --- TCP --- */

static uint32_t truncated(struct drv *d, const char *name, struct query *q)
{
	const struct fx_effect *c;

	ask(d, name, DNS_A);
	*q = sent(d);
	respond(d, q, DNS_TC, "");
	drv_expect_decision(d, "dns.resolver.truncated");
	c = drv_next_connect(d);
	assert_int_equal(c->connect.peer.port, 53);
	return c->connect.sock;
}

static void over_tcp(void **state)
{
	uint8_t buf[514];
	struct query q;
	struct drv d;
	size_t len;
	char *out;
	uint32_t sock;

	(void)state;
	start(&d, CONF "no ip domain-name\n");
	sock = truncated(&d, "big.a.test", &q);
	drv_opened(&d, sock, 0, drv_ep("10.0.0.77", 999), q.dst);
	out = drv_written(&d, sock, &len);
	assert_int_equal((uint8_t)out[0] << 8 | (uint8_t)out[1], len - 2);
	assert_non_null(strstr(dm_show(out + 2, len - 2), "q big.a.test A\n"));
	free(out);
	len = dm_build(buf + 2, 512, q.id, DNS_QR, q.question, "an big.a.test 60 A 10.0.0.5\n");
	buf[0] = (uint8_t)(len >> 8);
	buf[1] = (uint8_t)len;
	drv_bytes(&d, sock, buf, 1, 0);
	drv_bytes(&d, sock, buf + 1, 20, 1);
	drv_expect_none(&d, FX_ANSWER);
	drv_bytes(&d, sock, buf + 21, len + 2 - 21, 21);
	expect_addr(&d, "10.0.0.5");
	/* Connections that fail, end early or stay silent lead to the next server. */
	sock = truncated(&d, "big2.a.test", &q);
	drv_closed(&d, sock, ECONNREFUSED);
	q = sent(&d);
	assert_string_equal(q.to, "10.0.0.2");
	sock = truncated(&d, "big2.a.test", &q);
	drv_opened(&d, sock, 0, drv_ep("10.0.0.77", 999), q.dst);
	drv_bytes(&d, sock, buf, len + 2, 0); /* another id */
	drv_expect_decision(&d, "dns.resolver.drop-id-mismatch");
	q = sent(&d);
	assert_string_equal(q.to, "10.0.0.2");
	drv_done(&d);
}

static void too_many_lookups(void **state)
{
	struct drv d;

	(void)state;
	start(&d, CONF);
	for (int i = 0; i < 64; i++) {
		ask(&d, "www.a.test", DNS_A);
		drv_expect_none(&d, FX_ANSWER);
	}
	ask(&d, "www.a.test", DNS_A);
	assert_int_equal(answer(&d)->err, -EBUSY);
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_and_hosts),
		cmocka_unit_test(no_server),
		cmocka_unit_test(bad_names),
		cmocka_unit_test(ask_and_answer),
		cmocka_unit_test(other_types),
		cmocka_unit_test(suffixes),
		cmocka_unit_test(silence),
		cmocka_unit_test(next_server),
		cmocka_unit_test(answers_without_address),
		cmocka_unit_test(forged),
		cmocka_unit_test(ids_belong_to_ports),
		cmocka_unit_test(ports_in_use),
		cmocka_unit_test(over_tcp),
		cmocka_unit_test(too_many_lookups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
