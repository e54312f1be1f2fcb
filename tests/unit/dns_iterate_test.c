/* The recursive half of the server without a forwarder: from the root down, aliases across servers.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "dns_recurse_driver.h"

/* One server is asked, it answers, and these decisions are taken. */
struct exchange {
	const char *to, *question;
	uint16_t flags;
	const char *records;
	const char *rules[4];
};

/* A question, the exchanges that it leads to (ended by one without |to|), and the reply. */
static void play(struct drv *d, const char *question, const struct exchange *x, const char *answer)
{
	struct query q;

	ask(d, question);
	for (; x->to; x++) {
		q = expect_query(d, x->to, x->question);
		respond(d, &q, x->flags, x->records);
		for (size_t i = 0; i < ARRAY_SIZE(x->rules) && x->rules[i]; i++)
			drv_expect_decision(d, x->rules[i]);
	}
	assert_string_equal(reply(d), answer);
}

/* --- from the root down --- */

/* clang-format off */
static const struct exchange walk[] = {
	{ "10.9.0.1", "www.x.test A", 0, "ns test 3600 NS ns.test\nar ns.test 3600 A 10.9.0.2\n",
	  { "dns.resolver.server.referral", "dns.ns.send-query" } },
	/* No glue: ns.y.test has to be looked for first. */
	{ "10.9.0.2", "www.x.test A", 0, "ns x.test 3600 NS ns.y.test\n",
	  { "dns.ns.resolve-ns-name" } },
	{ "10.9.0.2", "ns.y.test A", DNS_AA, "an ns.y.test 3600 A 10.9.0.3\n", { NULL } },
	/* What another zone holds is not believed; the target is asked for from the top. */
	{ "10.9.0.3", "www.x.test A", DNS_AA,
	  "an www.x.test 60 CNAME www.z.test\nan www.z.test 60 A 6.6.6.6\n",
	  { "dns.resolver.server.drop-out-of-zone" } },
	{ "10.9.0.2", "www.z.test A", DNS_AA, "an www.z.test 60 A 10.5.0.9\n",
	  { "dns.search.cname-found" } },
	{ NULL },
};

/* Glue is not an answer: its zone is asked. */
static const struct exchange glue[] = {
	{ "10.9.0.2", "ns.test A", DNS_AA, "an ns.test 60 A 10.9.0.2\n",
	  { "dns.resolver.server.success-response" } },
	{ NULL },
};
/* clang-format on */

static void iterates(void **state)
{
	struct drv d;

	(void)state;
	start(&d, HINTS);
	play(&d, "www.x.test A", walk,
	     "0x0001 qr rd ra NOERROR\nq www.x.test A\n"
	     "an www.x.test 60 CNAME www.z.test\nan www.z.test 60 A 10.5.0.9\n");
	play(&d, "ns.test A", glue,
	     "0x0001 qr rd ra NOERROR\nq ns.test A\nan ns.test 60 A 10.9.0.2\n");
	drv_done(&d);
}

/* The steps of one question, before and after the first answer. */
static void tells_each_step(void **state)
{
	static const char *const steps[] = { "dns.search.try-ns", "dns.ns.add-waiting",
					     "dns.ns.parent",	  "dns.search.parent",
					     "dns.ns.add-answer", "dns.ns.send-query",
					     "dns.search.ns-sent" };
	struct query q;
	struct drv d;

	(void)state;
	start(&d, HINTS);
	ask(&d, "www.x.test A");
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		drv_expect_decision(&d, steps[i]);
	q = sent(&d);
	assert_false(q.rd);
	respond(&d, &q, 0, "ns test 3600 NS ns.test\nar ns.test 3600 A 10.9.0.2\n");
	drv_expect_fact(&d, FX_FACT_BEGIN, "dns_cache", "server test NS ns.test");
	drv_expect_fact(&d, FX_FACT_BEGIN, "dns_cache", "server ns.test A 10.9.0.2");
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

/* Servers that are of no use are passed over, then SERVFAIL. */
struct failing {
	const char *conf;
	struct exchange exchanges[5];
};

/* clang-format off */
static const struct failing failing[] = {
	{ "ip dns server\nip dns root-hint a.root.test 10.9.0.1\n"
	  "ip dns root-hint b.root.test 10.0.0.1\nip dns root-hint c.root.test 10.9.0.3\n", {
		/* neither answer nor referral */
		{ "10.9.0.1", "www.x.test A", 0, "",
		  { "dns.resolver.server.failed-query", "dns.ns.skip-failed", "dns.ns.skip-self" } },
		{ "10.9.0.3", "www.x.test A", 5, "", { "dns.ns.all-failed" } } } },
	/* An NS whose own address lies behind itself, without glue. */
	{ HINTS, {
		{ "10.9.0.1", "www.x.test A", 0,
		  "ns x.test 3600 NS ns.x.test\nns x.test 3600 NS ns2.gone.test\n",
		  { "dns.ns.resolve-ns-name", "dns.ns.already-waiting" } },
		{ "10.9.0.1", "ns2.gone.test A", 3,
		  "ns . 60 SOA a.root.test r.root.test 1 2 3 4 60\n", { "dns.ns.resolve-fail" } },
		/* The zone above is asked for the address itself, once: it does not have it. */
		{ "10.9.0.1", "ns.x.test A", 0,
		  "ns x.test 3600 NS ns.x.test\nns x.test 3600 NS ns2.gone.test\n",
		  { "dns.resolver.server.failed-query" } } } },
	/* Two zones whose servers are named in each other: ns.x.test is behind x.test, whose
	 * server is ns.y.test, which waits for it. */
	{ HINTS, {
		{ "10.9.0.1", "www.x.test A", 0, "ns x.test 3600 NS ns.y.test\n", { NULL } },
		{ "10.9.0.1", "ns.y.test A", 0, "ns y.test 3600 NS ns.x.test\n",
		  { "dns.ns.already-waiting" } },
		/* The root is asked for it, once: it sends to y.test again. */
		{ "10.9.0.1", "ns.x.test A", 0, "ns x.test 3600 NS ns.y.test\n",
		  { "dns.resolver.server.failed-query" } } } },
};
/* clang-format on */

static void servers_fail(void **state)
{
	struct drv d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(failing); i++) {
		start(&d, failing[i].conf);
		play(&d, "www.x.test A", failing[i].exchanges,
		     "0x0001 qr rd ra SERVFAIL\nq www.x.test A\n");
		drv_done(&d);
	}
}

static void begin_late(struct drv *d, struct query *ret_late)
{
	struct query q;

	start(d, HINTS);
	ask(d, "www.x.test A");
	q = sent(d);
	respond(d, &q, 0,
		"ns x.test 3600 NS ns1.x.test\nns x.test 3600 NS ns2.y.test\n"
		"ar ns1.x.test 3600 A 10.9.0.2\n");
	*ret_late = expect_query(d, "10.9.0.2", "www.x.test A");
	drv_timer(d);
	drv_expect_decision(d, "dns.ns.skip-late");
}

/* While one server is overdue the address of the other is looked for. The first to help ends the
 * search. */
static void late_while_an_address_is_sought(void **state)
{
	struct query late, q;
	struct drv d;

	(void)state;
	begin_late(&d, &late);
	expect_query(&d, "10.9.0.1", "ns2.y.test A");
	respond(&d, &late, DNS_AA, "an www.x.test 60 A 10.5.0.1\n");
	drv_expect_fact(&d, FX_FACT_END, "dns_pending", "server www.x.test A");
	drv_expect_fact(&d, FX_FACT_END, "dns_pending", "server ns2.y.test A");
	assert_string_equal(reply(&d), "0x0001 qr rd ra NOERROR\nq www.x.test A\n"
				       "an www.x.test 60 A 10.5.0.1\n");
	drv_done(&d);
	/* The other way round; and a refusal that comes late changes nothing. */
	begin_late(&d, &late);
	q = expect_query(&d, "10.9.0.1", "ns2.y.test A");
	respond(&d, &late, 5, "");
	drv_expect_decision(&d, "dns.resolver.server.failed-query");
	drv_expect_none(&d, FX_SEND);
	respond(&d, &q, DNS_AA, "an ns2.y.test 60 A 10.9.0.3\n");
	drv_expect_decision(&d, "dns.ns.skip-failed");
	q = expect_query(&d, "10.9.0.3", "www.x.test A");
	respond(&d, &q, DNS_AA, "an www.x.test 60 A 10.5.0.2\n");
	assert_string_equal(reply(&d), "0x0001 qr rd ra NOERROR\nq www.x.test A\n"
				       "an www.x.test 60 A 10.5.0.2\n");
	drv_done(&d);
}

/* An overdue server that turns out not to be there is not asked again. */
static void late_is_gone(void **state)
{
	struct query late;
	struct drv d;

	(void)state;
	begin_late(&d, &late);
	drv_event(&d, (struct ev){ .kind = EV_DONE,
				   .done = { .what = FX_SEND,
					     .sock = late.sock,
					     .err = EHOSTUNREACH,
					     .text = "No route to host" } });
	drv_expect_fact(&d, FX_FACT_BEGIN, "dns_failed", "www.x.test A 10.9.0.2");
	drv_expect_none(&d, FX_SEND);
	drv_timer_until(&d, 8 * SEC);
	assert_non_null(strstr(reply(&d), "SERVFAIL"));
	drv_done(&d);
}

#define GLUE "ns x.test 3600 NS ns.x.test\nar ns.x.test 3600 A 10.9.0.2\n"

/* clang-format off */
static const struct exchange with_glue[] = {
	{ "10.9.0.1", "www.x.test A", 0, GLUE, { NULL } },
	{ "10.9.0.2", "www.x.test A", DNS_AA, "an www.x.test 60 A 10.5.0.1\n", { NULL } },
	{ NULL },
};

/* The zone's own word on its server takes the place of the glue, for a shorter time. */
static const struct exchange own_word[] = {
	{ "10.9.0.2", "ns.x.test A", DNS_AA, "an ns.x.test 10 A 10.9.0.2\n", { NULL } },
	{ NULL },
};

static const struct exchange glue_again[] = {
	{ "10.9.0.1", "ns.x.test A", 0, GLUE, { NULL } },
	{ "10.9.0.2", "ftp.x.test A", DNS_AA, "an ftp.x.test 60 A 10.5.0.2\n", { NULL } },
	{ NULL },
};
/* clang-format on */

/* The delegation is known still when the address of its server is known no more: the zone above has
 * it. */
static void glue_expires(void **state)
{
	struct drv d;

	(void)state;
	start(&d, HINTS);
	play(&d, "www.x.test A", with_glue,
	     "0x0001 qr rd ra NOERROR\nq www.x.test A\nan www.x.test 60 A 10.5.0.1\n");
	play(&d, "ns.x.test A", own_word,
	     "0x0001 qr rd ra NOERROR\nq ns.x.test A\nan ns.x.test 10 A 10.9.0.2\n");
	drv_timer_until(&d, 11 * SEC);
	play(&d, "ftp.x.test A", glue_again,
	     "0x0001 qr rd ra NOERROR\nq ftp.x.test A\nan ftp.x.test 60 A 10.5.0.2\n");
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

struct aliases {
	const char *question;
	struct exchange exchanges[6];
	const char *answer;
};

/* clang-format off */
static const struct aliases aliases[] = {
	{ "ext.a.test A", {
		{ "10.9.0.1", "www.x.test A", DNS_RA, "an www.x.test 60 A 10.5.0.1\n", { NULL } } },
	  "0x0001 qr aa rd ra NOERROR\nq ext.a.test A\n"
	  "an ext.a.test 300 CNAME www.x.test\nan www.x.test 60 A 10.5.0.1\n" },
	/* Two aliases of one name, which some servers send: the second is tried when the first
	 * fails. */
	{ "two.x.test A", {
		{ "10.9.0.1", "two.x.test A", DNS_RA,
		  "an two.x.test 60 CNAME one.y.test\nan two.x.test 60 CNAME two.y.test\n", { NULL } },
		{ "10.9.0.1", "one.y.test A", 2, "", { NULL } },
		{ "10.9.0.2", "one.y.test A", 2, "", { "dns.cname.next" } },
		{ "10.9.0.1", "two.y.test A", 2, "", { NULL } },
		{ "10.9.0.2", "two.y.test A", 2, "", { "dns.cname.no-match" } } },
	  "0x0001 qr rd ra SERVFAIL\nq two.x.test A\n" },
	/* Two searches that are each other's target. */
	{ "p.x.test A", {
		{ "10.9.0.1", "p.x.test A", DNS_RA, "an p.x.test 60 CNAME q.x.test\n", { NULL } },
		{ "10.9.0.1", "q.x.test A", DNS_RA, "an q.x.test 60 CNAME p.x.test\n",
		  { "dns.cname.loop" } } },
	  "0x0001 qr rd ra SERVFAIL\nq p.x.test A\n" },
};
/* clang-format on */

static void aliases_elsewhere(void **state)
{
	struct drv d;

	(void)state;
	start(&d, FORWARD "ip dns zone a.test\n soa ns1 admin 1 2 3 4 300\n record ns1 A 10.0.0.1\n"
			  " record ext CNAME www.x.test.\n");
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
		play(&d, aliases[i].question, aliases[i].exchanges, aliases[i].answer);
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(iterates),
		cmocka_unit_test(tells_each_step),
		cmocka_unit_test(hints_as_referral),
		cmocka_unit_test(servers_fail),
		cmocka_unit_test(late_while_an_address_is_sought),
		cmocka_unit_test(late_is_gone),
		cmocka_unit_test(glue_expires),
		cmocka_unit_test(root_servers_in_the_cache),
		cmocka_unit_test(delegated),
		cmocka_unit_test(aliases_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
