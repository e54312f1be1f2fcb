/* The authoritative half of the server: every rule of a query that database or cache answer. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dns/dns.h"
#include "dns_msgs.h"
#include "machine_driver.h"

#define ZONE                                    \
	"ip dns server\n"                       \
	"ip dns zone a.test\n"                  \
	" soa ns1 admin 7 3600 600 86400 300\n" \
	" record @ NS ns1\n"                    \
	" record @ MX 10 mail\n"                \
	" record ns1 A 10.0.0.1\n"              \
	" record www 60 A 10.0.0.2\n"           \
	" record www 60 A 10.0.0.3\n"           \
	" record mail A 10.0.0.4\n"             \
	" record mail AAAA fd00::4\n"           \
	" record web CNAME www\n"               \
	" record web2 CNAME web\n"              \
	" record gone CNAME nothing\n"          \
	" record hollow CNAME ns1\n"            \
	" record away CNAME www.b.test.\n"      \
	" record l1 CNAME l2\n"                 \
	" record l2 CNAME l1\n"                 \
	" record x.deep A 10.0.0.9\n"           \
	" record *.wild A 10.0.0.8\n"           \
	" record *.alias CNAME www\n"           \
	" record sub NS ns.sub\n"               \
	" record ns.sub A 10.0.9.1\n"           \
	" record txt TXT \"one two\" three\n"   \
	" record _sip._udp SRV 1 2 5060 mail\n"

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

static void ask_flags(struct drv *d, const char *question, uint16_t flags)
{
	uint8_t buf[512];
	size_t len = dm_build(buf, sizeof(buf), 0x1234, flags, question, NULL);

	drv_datagram(d, 1, client, local, 1, buf, len);
}

static void ask(struct drv *d, const char *question)
{
	ask_flags(d, question, DNS_RD);
}

/* The one reply in the window, as text. */
static const char *reply(struct drv *d)
{
	const struct fx_effect *e = drv_next_send(d);

	assert_true(addr_equal(&e->send.dst.addr, &client.addr));
	assert_int_equal(e->send.dst.port, client.port);
	assert_true(addr_equal(&e->send.src.addr, &local.addr));
	assert_int_equal(e->send.src.port, 53);
	assert_int_equal(drv_count(d, FX_SEND), 1);
	return dm_show(e->send.data, e->send.len);
}

struct row {
	const char *question, *reply;
	const char *rules[8];
};

#define SOA "ns a.test 300 SOA ns1.a.test admin.a.test 7 3600 600 86400 300\n"

static const struct row rows[] = {
	{ "www.a.test A",
	  "0x1234 qr aa rd ra NOERROR\nq www.a.test A\n"
	  "an www.a.test 60 A 10.0.0.2\nan www.a.test 60 A 10.0.0.3\n",
	  { "dns.server.extract-query", "dns.server.search", "dns.search.add-waiting",
	    "dns.search.find-rrs", "dns.search.a-found", "dns.search.remove-waiting",
	    "dns.server.ttl-soa", "dns.server.success-reply" } },
	{ "ns1.a.test A", /* no TTL of its own: the SOA's minimum */
	  "0x1234 qr aa rd ra NOERROR\nq ns1.a.test A\nan ns1.a.test 300 A 10.0.0.1\n",
	  { "dns.server.ttl-soa", "dns.server.aa-ra-bits" } },
	{ "WWW.A.Test A", /* the asker's spelling comes back */
	  "0x1234 qr aa rd ra NOERROR\nq WWW.A.Test A\n"
	  "an WWW.A.Test 60 A 10.0.0.2\nan WWW.A.Test 60 A 10.0.0.3\n",
	  { "dns.name.case" } },
	{ "a.test MX", /* the exchange's addresses go along */
	  "0x1234 qr aa rd ra NOERROR\nq a.test MX\nan a.test 300 MX 10 mail.a.test\n"
	  "ar mail.a.test 300 A 10.0.0.4\nar mail.a.test 300 AAAA fd00::4\n",
	  { "dns.search.a-found" } },
	{ "a.test NS",
	  "0x1234 qr aa rd ra NOERROR\nq a.test NS\nan a.test 300 NS ns1.a.test\n"
	  "ar ns1.a.test 300 A 10.0.0.1\n",
	  { "dns.search.a-found" } },
	{ "a.test SOA",
	  "0x1234 qr aa rd ra NOERROR\nq a.test SOA\n"
	  "an a.test 300 SOA ns1.a.test admin.a.test 7 3600 600 86400 300\n",
	  { "dns.search.a-found" } },
	{ "txt.a.test TXT",
	  "0x1234 qr aa rd ra NOERROR\nq txt.a.test TXT\nan txt.a.test 300 TXT \"one two\" "
	  "\"three\"\n",
	  { "dns.search.a-found" } },
	{ "_sip._udp.a.test SRV",
	  "0x1234 qr aa rd ra NOERROR\nq _sip._udp.a.test SRV\n"
	  "an _sip._udp.a.test 300 SRV 1 2 5060 mail.a.test\n"
	  "ar mail.a.test 300 A 10.0.0.4\nar mail.a.test 300 AAAA fd00::4\n",
	  { "dns.search.a-found" } },
	{ "mail.a.test ANY",
	  "0x1234 qr aa rd ra NOERROR\nq mail.a.test ANY\n"
	  "an mail.a.test 300 A 10.0.0.4\nan mail.a.test 300 AAAA fd00::4\n",
	  { "dns.search.a-found" } },
	/* aliases */
	{ "web2.a.test A",
	  "0x1234 qr aa rd ra NOERROR\nq web2.a.test A\nan web2.a.test 300 CNAME web.a.test\n"
	  "an web.a.test 300 CNAME www.a.test\n"
	  "an www.a.test 60 A 10.0.0.2\nan www.a.test 60 A 10.0.0.3\n",
	  { "dns.search.try-cname", "dns.cname.find", "dns.cname.first", "dns.cname.search",
	    "dns.cname.match-initial", "dns.search.cname-found" } },
	{ "web.a.test CNAME",
	  "0x1234 qr aa rd ra NOERROR\nq web.a.test CNAME\nan web.a.test 300 CNAME www.a.test\n",
	  { "dns.search.a-found" } },
	{ "hollow.a.test AAAA", /* the target has no such record */
	  "0x1234 qr aa rd ra NOERROR\nq hollow.a.test AAAA\nan hollow.a.test 300 CNAME "
	  "ns1.a.test\n" SOA,
	  { "dns.cname.empty", "dns.server.success-reply" } },
	{ "gone.a.test A", /* the target does not exist: RFC 6604 */
	  "0x1234 qr aa rd ra NXDOMAIN\nq gone.a.test A\nan gone.a.test 300 CNAME "
	  "nothing.a.test\n" SOA,
	  { "dns.cname.empty" } },
	{ "l1.a.test A", "0x1234 qr rd ra SERVFAIL\nq l1.a.test A\n", { "dns.cname.loop" } },
	/* negative */
	{ "nothing.a.test A",
	  "0x1234 qr aa rd ra NXDOMAIN\nq nothing.a.test A\n" SOA,
	  { "dns.cname.none", "dns.search.authoritative-negative", "dns.server.failure-reply" } },
	{ "www.a.test AAAA",
	  "0x1234 qr aa rd ra NOERROR\nq www.a.test AAAA\n" SOA,
	  { "dns.search.authoritative-negative", "dns.server.nodata" } },
	{ "deep.a.test A", /* has descendants only: it exists (RFC 4592 §2.2.2) */
	  "0x1234 qr aa rd ra NOERROR\nq deep.a.test A\n" SOA,
	  { "dns.server.nodata" } },
	/* wildcards */
	{ "any.thing.wild.a.test A",
	  "0x1234 qr aa rd ra NOERROR\nq any.thing.wild.a.test A\nan any.thing.wild.a.test 300 A "
	  "10.0.0.8\n",
	  { "dns.server.wildcard" } },
	{ "x.alias.a.test A",
	  "0x1234 qr aa rd ra NOERROR\nq x.alias.a.test A\nan x.alias.a.test 300 CNAME www.a.test\n"
	  "an www.a.test 60 A 10.0.0.2\nan www.a.test 60 A 10.0.0.3\n",
	  { "dns.server.wildcard", "dns.search.cname-found" } },
	{ "x.wild.a.test MX",
	  "0x1234 qr aa rd ra NOERROR\nq x.wild.a.test MX\n" SOA,
	  { "dns.server.wildcard", "dns.server.nodata" } },
	{ "y.deep.a.test A", /* a wildcard of an upper name does not reach past an existing one */
	  "0x1234 qr aa rd ra NXDOMAIN\nq y.deep.a.test A\n" SOA,
	  { "dns.server.failure-reply" } },
};

static void answers_from_the_database(void **state)
{
	struct drv d;

	(void)state;
	start(&d, ZONE);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ask(&d, rows[i].question);
		for (size_t k = 0; k < ARRAY_SIZE(rows[i].rules) && rows[i].rules[k]; k++)
			drv_expect_decision(&d, rows[i].rules[k]);
		assert_string_equal(reply(&d), rows[i].reply);
	}
	drv_done(&d);
}

/* Askers that are servers themselves set no RD (RFC 1034 §4.3.1). */
static void without_recursion(void **state)
{
	struct drv d;

	(void)state;
	start(&d, ZONE);
	ask_flags(&d, "www.sub.a.test A", 0);
	drv_expect_decision(&d, "dns.server.rd-clear");
	drv_expect_decision(&d, "dns.server.referral");
	assert_string_equal(reply(&d), "0x1234 qr ra NOERROR\nq www.sub.a.test A\n"
				       "ns sub.a.test 300 NS ns.sub.a.test\n"
				       "ar ns.sub.a.test 300 A 10.0.9.1\n");
	/* Glue is no answer. */
	ask_flags(&d, "ns.sub.a.test A", 0);
	drv_expect_decision(&d, "dns.server.referral");
	assert_string_equal(reply(&d), "0x1234 qr ra NOERROR\nq ns.sub.a.test A\n"
				       "ns sub.a.test 300 NS ns.sub.a.test\n"
				       "ar ns.sub.a.test 300 A 10.0.9.1\n");
	ask_flags(&d, "www.b.test A", 0);
	drv_expect_decision(&d, "dns.server.refused");
	assert_string_equal(reply(&d), "0x1234 qr ra REFUSED\nq www.b.test A\n");
	/* An alias that leads out of our zones stands alone. */
	ask_flags(&d, "away.a.test A", 0);
	drv_expect_decision(&d, "dns.cname.empty");
	assert_string_equal(reply(&d), "0x1234 qr aa ra NOERROR\nq away.a.test A\n"
				       "an away.a.test 300 CNAME www.b.test\n");
	drv_conf(&d, "no ip dns recursion\n");
	ask(&d, "www.b.test A");
	assert_string_equal(reply(&d), "0x1234 qr rd REFUSED\nq www.b.test A\n");
	/* Whoever wishes for recursion is referred as well (RFC 1034 §4.3.2, step 3b). */
	ask(&d, "sub.a.test NS");
	drv_expect_decision(&d, "dns.server.referral");
	assert_string_equal(reply(&d), "0x1234 qr rd NOERROR\nq sub.a.test NS\n"
				       "ns sub.a.test 300 NS ns.sub.a.test\n"
				       "ar ns.sub.a.test 300 A 10.0.9.1\n");
	/* A DS record would stand here and not behind the delegation. */
	ask(&d, "sub.a.test DS");
	drv_expect_decision(&d, "dns.search.authoritative-negative");
	assert_string_equal(reply(&d), "0x1234 qr aa rd NOERROR\nq sub.a.test DS\n" SOA);
	ask(&d, "ns.sub.a.test DS");
	drv_expect_decision(&d, "dns.server.referral");
	drv_done(&d);
}

static void other_classes_are_refused(void **state)
{
	uint8_t buf[512];
	struct drv d;
	size_t len;

	(void)state;
	start(&d, ZONE);
	len = dm_build(buf, sizeof(buf), 1, DNS_RD, "www.a.test A", NULL);
	buf[len - 1] = 3; /* CHAOS */
	drv_datagram(&d, 1, client, local, 1, buf, len);
	drv_expect_decision(&d, "dns.server.refused");
	drv_done(&d);
}

/* Packet Tracer's way: records without any zone. What is not there does not exist. */
static void stand_alone(void **state)
{
	struct drv d;

	(void)state;
	start(&d, "ip dns server\nip host www.c.test 10.0.0.5\nip dns record web.c.test CNAME "
		  "www.c.test\n"
		  "ip dns record c.test NS ns.c.test\nip dns record ns.c.test A 10.0.0.1\n"
		  "ip host c.test mx 5 www.c.test\nip host _s._tcp.c.test srv 0 1 99 www.c.test\n"
		  "ip host d.test ns ns.c.test\n");
	ask(&d, "web.c.test A");
	drv_expect_decision(&d, "dns.server.ttl-default");
	/* At or below NS records without an SOA: delegated, so not authoritative. */
	assert_string_equal(
		reply(&d),
		"0x1234 qr rd ra NOERROR\nq web.c.test A\n"
		"an web.c.test 86400 CNAME www.c.test\nan www.c.test 86400 A 10.0.0.5\n");
	ask(&d, "no.c.test A");
	drv_expect_decision(&d, "dns.ns.skip-self");
	drv_expect_decision(&d, "dns.server.failure-reply");
	assert_string_equal(reply(&d), "0x1234 qr rd ra NXDOMAIN\nq no.c.test A\n");
	ask(&d, "www.other.test A");
	drv_expect_decision(&d, "dns.search.root-reached");
	assert_string_equal(reply(&d), "0x1234 qr rd ra NXDOMAIN\nq www.other.test A\n");
	ask(&d, "www.c.test MX");
	assert_string_equal(reply(&d), "0x1234 qr rd ra NOERROR\nq www.c.test MX\n");
	ask_flags(&d, "www.other.test A", 0);
	assert_string_equal(reply(&d), "0x1234 qr ra NXDOMAIN\nq www.other.test A\n");
	drv_conf(&d, "ip dns default-ttl 77\nno ip host www.c.test\nip host www.e.test 10.0.0.6\n");
	ask(&d, "www.e.test A");
	assert_string_equal(
		reply(&d),
		"0x1234 qr aa rd ra NOERROR\nq www.e.test A\nan www.e.test 77 A 10.0.0.6\n");
	drv_done(&d);
}

/* A zone of our own, nobody to ask: other names may exist, we cannot know. */
static void a_zone_but_no_servers(void **state)
{
	struct drv d;

	(void)state;
	start(&d, ZONE);
	ask(&d, "www.b.test A");
	drv_expect_decision(&d, "dns.search.try-ns");
	drv_expect_decision(&d, "dns.ns.add-waiting");
	drv_expect_decision(&d, "dns.ns.find-ns");
	drv_expect_decision(&d, "dns.ns.parent");
	drv_expect_decision(&d, "dns.search.parent");
	drv_expect_decision(&d, "dns.search.root-reached");
	assert_string_equal(reply(&d), "0x1234 qr rd ra SERVFAIL\nq www.b.test A\n");
	drv_done(&d);
}

static void send_raw(struct drv *d, const void *data, size_t len)
{
	drv_datagram(d, 1, client, local, 1, data, len);
}

/* Catalogue, dns-formerr: an answer whenever there is a header to answer to. */
static void malformed(void **state)
{
	static const uint8_t cut_name[] = { 0, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 5, 'a', 'b' };
	static const uint8_t loop[] = { 0, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1 };
	static const uint8_t odd_label[] = {
		0, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 1, 0, 1
	};
	static const uint8_t no_question[] = { 0, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	static const uint8_t two[] = { 0, 9, 1, 0, 0, 2, 0, 0, 0, 0, 0,
				       0, 0, 0, 1, 0, 1, 0, 0, 1, 0, 1 };
	static const uint8_t counts[] = { 0, 9, 1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1 };
	static const uint8_t two_opts[] = { 0, 9, 1, 0, 0,  1,	0,  0,	0, 0, 0, 2, 0,
					    0, 1, 0, 1, 0,  0,	41, 16, 0, 0, 0, 0, 0,
					    0, 0, 0, 0, 41, 16, 0,  0,	0, 0, 0, 0, 0 };
	static const uint8_t bad_option[] = { 0, 9, 1, 0,  0,  1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0,
					      1, 0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 4, 0, 3, 0, 9 };
	static const struct {
		const uint8_t *data;
		size_t len;
	} bad[] = { { cut_name, sizeof(cut_name) },
		    { loop, sizeof(loop) },
		    { odd_label, sizeof(odd_label) },
		    { no_question, sizeof(no_question) },
		    { two, sizeof(two) },
		    { counts, sizeof(counts) },
		    { two_opts, sizeof(two_opts) },
		    { bad_option, sizeof(bad_option) } };
	struct drv d;

	(void)state;
	start(&d, ZONE);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		send_raw(&d, bad[i].data, bad[i].len);
		drv_expect_decision(&d, "dns.server.formerr");
		assert_string_equal(reply(&d), "0x0009 qr rd ra FORMERR\n");
	}
	send_raw(&d, "\0\1\1", 3);
	drv_expect_decision(&d, "dns.server.drop-invalid");
	drv_expect_none(&d, FX_SEND);
	send_raw(&d, "\0\1\x80\0\0\1\0\0\0\0\0\0\0\0\1\0\1", 17); /* a response */
	drv_expect_decision(&d, "dns.server.drop-invalid");
	drv_expect_none(&d, FX_SEND);
	send_raw(&d, "\0\1\x29\0\0\1\0\0\0\0\0\0\0\0\1\0\1", 17); /* opcode 5, RD */
	drv_expect_decision(&d, "dns.server.notimp");
	assert_string_equal(reply(&d), "0x0001 qr op5 rd ra NOTIMP\n");
	/* An OPT record is answered with one, in an error too (RFC 6891 §6.1.1). */
	send_raw(&d, "\0\1\x11\0\0\0\0\0\0\0\0\1\0\0\x29\x10\0\0\0\0\0\0\0", 23); /* STATUS */
	drv_expect_decision(&d, "dns.server.notimp");
	assert_string_equal(reply(&d), "0x0001 qr op2 rd ra NOTIMP\nopt 1232\n");
	send_raw(&d, "\0\1\1\0\0\0\0\0\0\0\0\1\0\0\x29\x10\0\0\0\0\0\0\0", 23); /* no question */
	drv_expect_decision(&d, "dns.server.formerr");
	assert_string_equal(reply(&d), "0x0001 qr rd ra FORMERR\nopt 1232\n");
	drv_done(&d);
}

static void switched_off(void **state)
{
	struct drv d;

	(void)state;
	start(&d, "ip host www.a.test 10.0.0.1\n");
	ask(&d, "www.a.test A");
	drv_expect_decision(&d, "dns.server.drop-disabled");
	drv_expect_none(&d, FX_SEND);
	drv_conf(&d, "ip dns server\n");
	assert_int_equal(drv_count(&d, FX_LISTEN), 2);
	ask(&d, "www.a.test A");
	drv_expect_decision(&d, "dns.server.success-reply");
	drv_conf(&d, "no ip dns server\n");
	assert_int_equal(drv_count(&d, FX_CLOSE), 2);
	drv_expect_fact(&d, FX_FACT_END, "dns_record", "www.a.test A 10.0.0.1");
	ask(&d, "www.a.test A");
	drv_expect_decision(&d, "dns.server.drop-disabled");
	drv_done(&d);
}

static void edns(void **state)
{
	uint8_t buf[512];
	struct drv d;
	size_t len;

	(void)state;
	start(&d, ZONE);
	len = dm_edns_query(buf, sizeof(buf), 5, DNS_RD, "ns1.a.test A", 4096, 0);
	send_raw(&d, buf, len);
	drv_expect_decision(&d, "dns.server.edns");
	assert_string_equal(reply(&d), "0x0005 qr aa rd ra NOERROR\nq ns1.a.test A\n"
				       "an ns1.a.test 300 A 10.0.0.1\nopt 1232\n");
	len = dm_edns_query(buf, sizeof(buf), 5, DNS_RD, "ns1.a.test A", 4096, 1);
	send_raw(&d, buf, len);
	assert_string_equal(reply(&d), "0x0005 qr rd ra BADVERS\nq ns1.a.test A\nopt 1232\n");
	drv_done(&d);
}

/* 30 addresses: 30 * 16 + 12 + 16 = 508 octets fit without EDNS, one more does not. */
static void truncation(void **state)
{
	uint8_t buf[512];
	struct drv d;
	size_t len;
	const struct fx_effect *e;

	(void)state;
	start(&d, "ip dns server\n");
	for (int i = 1; i <= 31; i++) {
		char line[80];

		(void)snprintf(line, sizeof(line), "ip dns record big.test A 10.1.0.%d\n", i);
		drv_conf(&d, line);
		ask(&d, "big.test A");
		e = drv_next_send(&d);
		assert_in_range(e->send.len, 1, 512);
		if (i <= 30)
			drv_expect_no_decision(&d, "dns.server.truncate");
		else
			drv_expect_decision(&d, "dns.server.truncate");
	}
	assert_non_null(
		strstr(dm_show(e->send.data, e->send.len), "0x1234 qr aa tc rd ra NOERROR\n"));
	/* The asker can take more, but not beyond 1232. */
	len = dm_edns_query(buf, sizeof(buf), 5, DNS_RD, "big.test A", 1000, 0);
	send_raw(&d, buf, len);
	drv_expect_no_decision(&d, "dns.server.truncate");
	for (int i = 32; i <= 100; i++) {
		char line[80];

		(void)snprintf(line, sizeof(line), "ip dns record big.test A 10.1.0.%d\n", i);
		drv_conf(&d, line);
	}
	len = dm_edns_query(buf, sizeof(buf), 5, DNS_RD, "big.test A", 65000, 0);
	send_raw(&d, buf, len);
	drv_expect_decision(&d, "dns.server.truncate");
	e = drv_next_send(&d);
	assert_in_range(e->send.len, 1200, 1232);
	drv_done(&d);
}

/* Records are facts: they begin, change and end with their lines. */
static void records_are_facts(void **state)
{
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	start(&d, ZONE);
	e = drv_expect_fact(&d, FX_FACT_BEGIN, "dns_record", "www.a.test A 10.0.0.2");
	assert_string_equal(drv_value(e, "zone"), "a.test");
	assert_string_equal(drv_value(e, "ttl"), "60");
	drv_expect_fact(&d, FX_FACT_BEGIN, "dns_record", "a.test NS ns1.a.test");
	drv_conf(&d, "ip dns zone a.test\n no record www 60 A 10.0.0.3\n record new A 10.0.0.50\n");
	assert_int_equal(drv_count(&d, FX_FACT_END), 1);
	drv_expect_fact(&d, FX_FACT_END, "dns_record", "www.a.test A 10.0.0.3");
	assert_int_equal(drv_count(&d, FX_FACT_BEGIN), 1);
	drv_expect_fact(&d, FX_FACT_BEGIN, "dns_record", "new.a.test A 10.0.0.50");
	ask(&d, "new.a.test A");
	assert_non_null(strstr(reply(&d), "10.0.0.50"));
	drv_done(&d);
}

/* More records than one turn may tell. */
static void many_records(void **state)
{
	struct sbuf conf = SBUF(1 << 20);
	unsigned n = 0;
	struct drv d;

	(void)state;
	sbuf_puts(&conf, "ip dns server\nip dns zone big.test\n soa ns1 admin\n");
	for (int i = 0; i < 2000; i++)
		sbuf_printf(&conf, " record h%d A 10.2.%d.%d\n", i, i / 250, i % 250 + 1);
	start(&d, sbuf_text(&conf));
	n += drv_count(&d, FX_FACT_BEGIN);
	drv_timer_until(&d, SEC);
	n += drv_count(&d, FX_FACT_BEGIN);
	assert_int_equal(n, 2002); /* SOA and the NS that was left out */
	ask(&d, "h1999.big.test A");
	assert_non_null(strstr(reply(&d), "10.2.7.250"));
	drv_conf(&d, "no ip dns zone big.test\n");
	n = drv_count(&d, FX_FACT_END);
	drv_timer_until(&d, 2 * SEC);
	n += drv_count(&d, FX_FACT_END);
	assert_int_equal(n, 2002);
	sbuf_done(&conf);
	drv_done(&d);
}

/* A zone's serial follows its changes; a given one stays. */
static void serials(void **state)
{
	struct drv d;

	(void)state;
	start(&d,
	      "ip dns server\nip dns primary p.test soa ns.p.test root.p.test 100 200 300 400\n");
	ask(&d, "p.test SOA");
	assert_string_equal(reply(&d),
			    "0x1234 qr aa rd ra NOERROR\nq p.test SOA\n"
			    "an p.test 400 SOA ns.p.test root.p.test 1 100 200 300 400\n");
	ask(&d, "p.test NS");
	assert_string_equal(
		reply(&d), "0x1234 qr aa rd ra NOERROR\nq p.test NS\nan p.test 400 NS ns.p.test\n");
	drv_conf(&d, "ip host w.p.test 10.0.0.8\n");
	ask(&d, "p.test SOA");
	assert_non_null(strstr(reply(&d), "root.p.test 2 100"));
	drv_command(&d, "show ip dns primary");
	drv_expect_output(&d, "Primary for zone p.test:");
	drv_expect_output(&d, "Minimum (seconds):    400");
	drv_command(&d, "show ip dns records");
	drv_expect_output(&d, "w.p.test");
	drv_command(&d, "show ip dns statistics");
	drv_expect_output(&d, "DNS requests received = 3");
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_from_the_database),
		cmocka_unit_test(without_recursion),
		cmocka_unit_test(other_classes_are_refused),
		cmocka_unit_test(stand_alone),
		cmocka_unit_test(a_zone_but_no_servers),
		cmocka_unit_test(malformed),
		cmocka_unit_test(switched_off),
		cmocka_unit_test(edns),
		cmocka_unit_test(truncation),
		cmocka_unit_test(records_are_facts),
		cmocka_unit_test(many_records),
		cmocka_unit_test(serials),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
