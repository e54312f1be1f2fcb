/* The recursive half of the server: waiting searches, secondary queries, what others' answers are
 * worth. Addresses: the server 10.0.0.1, its client 10.0.0.77, other servers 10.9.0.x. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "dns/dns.h"
#include "dns_msgs.h"
#include "machine_driver.h"

#define HINTS	"ip dns server\nip dns root-hint a.root.test 10.9.0.1\n"
#define FORWARD "ip dns server\nip dns forwarder 10.9.0.1 10.9.0.2\n"

static struct ep client, local;

static void start(struct drv *d, const char *conf)
{
	drv_init(d, &dns_proto, KIND_SERVER, 1);
	drv_addr(d, 1, "10.0.0.1/24");
	drv_conf(d, conf);
	drv_start(d, "dns.server");
	client = drv_ep("10.0.0.77", 4444);
	local = drv_ep("10.0.0.1", 53);
}

static void ask_id(struct drv *d, uint16_t id, const char *question, uint16_t flags)
{
	uint8_t buf[512];
	size_t len = dm_build(buf, sizeof(buf), id, flags, question, NULL);

	drv_datagram(d, 1, client, local, 1, buf, len);
}

static void ask(struct drv *d, const char *question)
{
	ask_id(d, 1, question, DNS_RD);
}

/* The next effect that sends, whoever it is for. */
static bool is_query(const struct fx_effect *e)
{
	return e->send.dst.port == 53;
}

struct query {
	uint32_t sock;
	struct ep dst;
	uint16_t id, port;
	char question[300], to[ADDR_TEXT_LEN];
	bool rd;
};

/* The secondary query of the window. */
static struct query sent(struct drv *d)
{
	const struct fx_effect *s, *b = drv_next(d, FX_BIND);
	char name[DNS_TEXT_LEN], type[12];
	struct query q = { 0 };
	struct dns_msg m;
	const char *why;

	do
		s = drv_next_send(d);
	while (!is_query(s));
	q.sock = s->send.sock;
	q.dst = s->send.dst;
	addr_format(&q.dst.addr, q.to);
	assert_int_equal(dns_msg_header(s->send.data, s->send.len, &m), 0);
	assert_int_equal(dns_msg_read(&m, &why), 0);
	q.id = m.id;
	q.rd = m.flags & DNS_RD;
	q.port = b ? b->bind.local.port : 0;
	snprintf(q.question, sizeof(q.question), "%s %s", dns_name_text(&m.q.name, name),
		 dns_type_text(m.q.type, type));
	return q;
}

/* It must be this one. */
static struct query expect_query(struct drv *d, const char *to, const char *question)
{
	struct query q = sent(d);

	assert_string_equal(q.to, to);
	assert_string_equal(q.question, question);
	return q;
}

static void respond(struct drv *d, const struct query *q, uint16_t flags, const char *records)
{
	uint8_t buf[4096];
	size_t len = dm_build(buf, sizeof(buf), q->id, DNS_QR | flags, q->question, records);

	drv_datagram(d, q->sock, q->dst, drv_ep("10.0.0.1", q->port), 1, buf, len);
}

/* The next reply to a client in the window. */
static const char *reply(struct drv *d)
{
	const struct fx_effect *e;

	d->last[FX_SEND] = d->last[FX_SEND] && is_query(d->last[FX_SEND]) ? NULL : d->last[FX_SEND];
	do
		e = drv_next_send(d);
	while (is_query(e));
	return dm_show(e->send.data, e->send.len);
}

static void expect_no_reply(struct drv *d)
{
	for (const struct fx_effect *e = drv_after_effect(d, NULL); e; e = drv_after_effect(d, e))
		assert_false(e->kind == FX_SEND && !is_query(e));
}

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

/* 1 s, one repeat, the next forwarder, then SERVFAIL; the failures are remembered for 30 s. */
static void forwarders_fail(void **state)
{
	struct query q;
	struct drv d;

	(void)state;
	start(&d, FORWARD);
	ask(&d, "www.x.test A");
	drv_timer(&d);
	drv_expect_decision(&d, "dns.resolver.timeout");
	expect_query(&d, "10.9.0.1", "www.x.test A");
	drv_timer(&d);
	assert_int_equal(d.now, 2 * SEC);
	drv_expect_decision(&d, "dns.resolver.server.timeout");
	drv_expect_decision(&d, "dns.resolver.server.pending");
	drv_expect_fact(&d, FX_FACT_BEGIN, "dns_failed", "www.x.test A 10.9.0.1");
	q = expect_query(&d, "10.9.0.2", "www.x.test A");
	respond(&d, &q, DNS_RA | 2, "");
	drv_expect_decision(&d, "dns.resolver.server.failed-query");
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
	drv_timer_until(&d, 33 * SEC);
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

/* --- from the root down --- */

static void iterates(void **state)
{
	struct query q;
	struct drv d;

	(void)state;
	start(&d, HINTS);
	ask(&d, "www.x.test A");
	drv_expect_decision(&d, "dns.search.try-ns");
	drv_expect_decision(&d, "dns.ns.add-waiting");
	drv_expect_decision(&d, "dns.ns.parent");
	drv_expect_decision(&d, "dns.search.parent");
	drv_expect_decision(&d, "dns.ns.add-answer");
	drv_expect_decision(&d, "dns.ns.send-query");
	drv_expect_decision(&d, "dns.search.ns-sent");
	q = expect_query(&d, "10.9.0.1", "www.x.test A");
	assert_false(q.rd);
	respond(&d, &q, 0, "ns test 3600 NS ns.test\nar ns.test 3600 A 10.9.0.2\n");
	drv_expect_decision(&d, "dns.resolver.server.referral");
	drv_expect_fact(&d, FX_FACT_BEGIN, "dns_cache", "server test NS ns.test");
	drv_expect_fact(&d, FX_FACT_BEGIN, "dns_cache", "server ns.test A 10.9.0.2");
	q = expect_query(&d, "10.9.0.2", "www.x.test A");
	drv_expect_decision(&d, "dns.ns.resolve-ns-name");
	/* No glue: ns.y.test has to be looked for first. */
	respond(&d, &q, 0, "ns x.test 3600 NS ns.y.test\n");
	q = expect_query(&d, "10.9.0.2", "ns.y.test A");
	respond(&d, &q, DNS_AA, "an ns.y.test 3600 A 10.9.0.3\n");
	q = expect_query(&d, "10.9.0.3", "www.x.test A");
	/* What another zone holds is not believed; the target is asked for from the top. */
	respond(&d, &q, DNS_AA, "an www.x.test 60 CNAME www.z.test\nan www.z.test 60 A 6.6.6.6\n");
	drv_expect_decision(&d, "dns.resolver.server.drop-out-of-zone");
	q = expect_query(&d, "10.9.0.2", "www.z.test A");
	respond(&d, &q, DNS_AA, "an www.z.test 60 A 10.5.0.9\n");
	drv_expect_decision(&d, "dns.search.cname-found");
	assert_string_equal(reply(&d),
			    "0x0001 qr rd ra NOERROR\nq www.x.test A\n"
			    "an www.x.test 60 CNAME www.z.test\nan www.z.test 60 A 10.5.0.9\n");
	/* Glue is not an answer: its zone is asked. */
	ask(&d, "ns.test A");
	q = expect_query(&d, "10.9.0.2", "ns.test A");
	respond(&d, &q, DNS_AA, "an ns.test 60 A 10.9.0.2\n");
	drv_expect_decision(&d, "dns.resolver.server.success-response");
	drv_done(&d);
}

/* Without RD and without zones of our own, the root hints are what we can tell. */
static void hints_as_referral(void **state)
{
	struct drv d;

	(void)state;
	start(&d, HINTS);
	ask_id(&d, 1, "www.x.test A", 0);
	drv_expect_decision(&d, "dns.server.referral");
	assert_string_equal(reply(&d),
			    "0x0001 qr ra NOERROR\nq www.x.test A\n"
			    "ns . 86400 NS a.root.test\nar a.root.test 86400 A 10.9.0.1\n");
	drv_done(&d);
}

/* Several servers: those that fail or do not know are passed over, then SERVFAIL. */
static void servers_fail(void **state)
{
	struct query q;
	struct drv d;

	(void)state;
	start(&d, "ip dns server\nip dns root-hint a.root.test 10.9.0.1\nip dns root-hint "
		  "b.root.test 10.0.0.1\n"
		  "ip dns root-hint c.root.test 10.9.0.3\n");
	ask(&d, "www.x.test A");
	q = expect_query(&d, "10.9.0.1", "www.x.test A");
	respond(&d, &q, 0, ""); /* neither answer nor referral */
	drv_expect_decision(&d, "dns.resolver.server.failed-query");
	drv_expect_decision(&d, "dns.ns.skip-failed");
	drv_expect_decision(&d, "dns.ns.skip-self");
	q = expect_query(&d, "10.9.0.3", "www.x.test A");
	respond(&d, &q, 5, "");
	drv_expect_decision(&d, "dns.ns.all-failed");
	assert_string_equal(reply(&d), "0x0001 qr rd ra SERVFAIL\nq www.x.test A\n");
	drv_done(&d);
}

/* An NS whose own address lies behind itself, without glue, is of no use. */
static void no_glue(void **state)
{
	struct query q;
	struct drv d;

	(void)state;
	start(&d, HINTS);
	ask(&d, "www.x.test A");
	q = sent(&d);
	respond(&d, &q, 0, "ns x.test 3600 NS ns.x.test\nns x.test 3600 NS ns2.gone.test\n");
	drv_expect_decision(&d, "dns.ns.resolve-ns-name");
	drv_expect_decision(&d, "dns.ns.already-waiting");
	q = expect_query(&d, "10.9.0.1", "ns2.gone.test A");
	respond(&d, &q, 3, "ns . 60 SOA a.root.test r.root.test 1 2 3 4 60\n");
	drv_expect_decision(&d, "dns.ns.resolve-fail");
	/* The zone above is asked for the address itself, once: it does not have it. */
	q = expect_query(&d, "10.9.0.1", "ns.x.test A");
	respond(&d, &q, 0, "ns x.test 3600 NS ns.x.test\nns x.test 3600 NS ns2.gone.test\n");
	drv_expect_decision(&d, "dns.resolver.server.failed-query");
	assert_string_equal(reply(&d), "0x0001 qr rd ra SERVFAIL\nq www.x.test A\n");
	drv_done(&d);
}

/* The delegation is known still when the address of its server is known no more: the zone above has
 * it. */
static void glue_expires(void **state)
{
	struct query q;
	struct drv d;

	(void)state;
	start(&d, HINTS);
	ask(&d, "www.x.test A");
	q = sent(&d);
	respond(&d, &q, 0, "ns x.test 3600 NS ns.x.test\nar ns.x.test 3600 A 10.9.0.2\n");
	q = expect_query(&d, "10.9.0.2", "www.x.test A");
	respond(&d, &q, DNS_AA, "an www.x.test 60 A 10.5.0.1\n");
	/* The zone's own word on its server takes the place of the glue, for a shorter time. */
	ask(&d, "ns.x.test A");
	q = expect_query(&d, "10.9.0.2", "ns.x.test A");
	respond(&d, &q, DNS_AA, "an ns.x.test 10 A 10.9.0.2\n");
	drv_timer_until(&d, 11 * SEC);
	ask(&d, "ftp.x.test A");
	drv_expect_decision(&d, "dns.ns.already-waiting");
	q = expect_query(&d, "10.9.0.1", "ns.x.test A");
	respond(&d, &q, 0, "ns x.test 3600 NS ns.x.test\nar ns.x.test 3600 A 10.9.0.2\n");
	q = expect_query(&d, "10.9.0.2", "ftp.x.test A");
	respond(&d, &q, DNS_AA, "an ftp.x.test 60 A 10.5.0.2\n");
	assert_string_equal(reply(&d), "0x0001 qr rd ra NOERROR\nq ftp.x.test A\n"
				       "an ftp.x.test 60 A 10.5.0.2\n");
	drv_done(&d);
}

/* Somebody asks for the root's servers: names without addresses do not take the hints' place. */
static void root_servers_in_the_cache(void **state)
{
	struct query q;
	struct drv d;

	(void)state;
	start(&d, HINTS);
	ask(&d, ". NS");
	q = expect_query(&d, "10.9.0.1", ". NS");
	respond(&d, &q, DNS_AA, "an . 3600 NS a.root.test\nar a.root.test 3600 A 10.9.0.1\n");
	assert_string_equal(reply(&d),
			    "0x0001 qr rd ra NOERROR\nq . NS\nan . 3600 NS a.root.test\n");
	ask(&d, "www.x.test A");
	expect_query(&d, "10.9.0.1", "www.x.test A");
	drv_done(&d);
}

/* Two zones whose servers are named in each other. */
static void circular_servers(void **state)
{
	struct query q;
	struct drv d;

	(void)state;
	start(&d, HINTS);
	ask(&d, "www.x.test A");
	q = sent(&d);
	respond(&d, &q, 0, "ns x.test 3600 NS ns.y.test\n");
	q = expect_query(&d, "10.9.0.1", "ns.y.test A");
	respond(&d, &q, 0, "ns y.test 3600 NS ns.x.test\n");
	/* ns.x.test is behind x.test, whose server is ns.y.test, which waits for it. */
	drv_expect_decision(&d, "dns.ns.already-waiting");
	/* The root is asked for it, once: it sends to y.test again. */
	q = expect_query(&d, "10.9.0.1", "ns.x.test A");
	respond(&d, &q, 0, "ns x.test 3600 NS ns.y.test\n");
	drv_expect_decision(&d, "dns.resolver.server.failed-query");
	assert_string_equal(reply(&d), "0x0001 qr rd ra SERVFAIL\nq www.x.test A\n");
	drv_done(&d);
}

/* A delegation of our own zone: below it we ask, forwarder or not. */
static void delegated(void **state)
{
	struct query q;
	struct drv d;

	(void)state;
	start(&d, FORWARD "ip dns zone a.test\n soa ns1 admin 1 2 3 4 300\n record ns1 A 10.0.0.1\n"
			  " record sub NS ns.sub\n record ns.sub A 10.9.0.9\n");
	ask(&d, "www.sub.a.test A");
	q = expect_query(&d, "10.9.0.9", "www.sub.a.test A");
	respond(&d, &q, DNS_AA, "an www.sub.a.test 60 A 10.5.0.1\n");
	assert_string_equal(reply(&d), "0x0001 qr rd ra NOERROR\nq www.sub.a.test A\n"
				       "an www.sub.a.test 60 A 10.5.0.1\n");
	ask(&d, "www.other.test A");
	expect_query(&d, "10.9.0.1", "www.other.test A");
	drv_done(&d);
}

/* --- aliases across servers --- */

static void aliases_elsewhere(void **state)
{
	struct query q;
	struct drv d;

	(void)state;
	start(&d, FORWARD "ip dns zone a.test\n soa ns1 admin 1 2 3 4 300\n record ns1 A 10.0.0.1\n"
			  " record ext CNAME www.x.test.\n");
	ask(&d, "ext.a.test A");
	q = expect_query(&d, "10.9.0.1", "www.x.test A");
	respond(&d, &q, DNS_RA, "an www.x.test 60 A 10.5.0.1\n");
	assert_string_equal(reply(&d),
			    "0x0001 qr aa rd ra NOERROR\nq ext.a.test A\n"
			    "an ext.a.test 300 CNAME www.x.test\nan www.x.test 60 A 10.5.0.1\n");
	/* Two aliases of one name, which some servers send: the second is tried when the first
	 * fails. */
	ask(&d, "two.x.test A");
	q = sent(&d);
	respond(&d, &q, DNS_RA,
		"an two.x.test 60 CNAME one.y.test\nan two.x.test 60 CNAME two.y.test\n");
	for (int i = 1; i <= 2; i++) {
		q = expect_query(&d, i == 1 ? "10.9.0.1" : "10.9.0.2", "one.y.test A");
		respond(&d, &q, 2, "");
	}
	drv_expect_decision(&d, "dns.cname.next");
	for (int i = 1; i <= 2; i++) {
		q = expect_query(&d, i == 1 ? "10.9.0.1" : "10.9.0.2", "two.y.test A");
		respond(&d, &q, 2, "");
	}
	drv_expect_decision(&d, "dns.cname.no-match");
	assert_string_equal(reply(&d), "0x0001 qr rd ra SERVFAIL\nq two.x.test A\n");
	/* Two searches that are each other's target. */
	ask(&d, "p.x.test A");
	q = sent(&d);
	respond(&d, &q, DNS_RA, "an p.x.test 60 CNAME q.x.test\n");
	q = expect_query(&d, "10.9.0.1", "q.x.test A");
	respond(&d, &q, DNS_RA, "an q.x.test 60 CNAME p.x.test\n");
	drv_expect_decision(&d, "dns.cname.loop");
	assert_string_equal(reply(&d), "0x0001 qr rd ra SERVFAIL\nq p.x.test A\n");
	drv_done(&d);
}

/* --- limits --- */

static void gives_up_in_time(void **state)
{
	struct drv d;

	(void)state;
	start(&d, "ip dns server\nip dns forwarder 10.9.0.1 10.9.0.2 10.9.0.3 10.9.0.4\n");
	ask(&d, "www.x.test A");
	drv_timer_until(&d, 5 * SEC);
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
		cmocka_unit_test(forwards),
		cmocka_unit_test(name_servers_are_forwarders),
		cmocka_unit_test(forwarders_fail),
		cmocka_unit_test(negative_answers),
		cmocka_unit_test(any),
		cmocka_unit_test(iterates),
		cmocka_unit_test(hints_as_referral),
		cmocka_unit_test(servers_fail),
		cmocka_unit_test(no_glue),
		cmocka_unit_test(glue_expires),
		cmocka_unit_test(root_servers_in_the_cache),
		cmocka_unit_test(circular_servers),
		cmocka_unit_test(delegated),
		cmocka_unit_test(aliases_elsewhere),
		cmocka_unit_test(gives_up_in_time),
		cmocka_unit_test(asks_no_more_than_allowed),
		cmocka_unit_test(too_many),
		cmocka_unit_test(truncated_answer),
		cmocka_unit_test(cache_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
