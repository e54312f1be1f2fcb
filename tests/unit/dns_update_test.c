/* Dynamic updates, RFC 2136: permission, prerequisites, changes, and that they last. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dns/dns.h"
#include "dns_msgs.h"
#include "machine_driver.h"

#define ZONE                                                                                   \
	"ip dns server\nip dns zone a.test\n soa ns1 admin\n record @ NS ns1\n record ns1 A "  \
	"10.0.0.1\n"                                                                           \
	" record www A 10.0.0.2\n record www A 10.0.0.3\n record al CNAME www\n allow-update " \
	"connected\n"

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

/* One line a record: "pre|upd NAME TTL CLASS TYPE [DATA]". */
static void put(struct dns_out *o, const char *lines)
{
	char line[512];
	char section[4], name[256], class[8], type[16], data[256] = "";
	struct dns_rdata rdata = { 0 };
	struct dns_name n;
	const char *why = "";
	unsigned ttl;
	uint16_t t;

	str_copy_n(line, sizeof(line), lines, strcspn(lines, "\n"));
	if (sscanf(line, "%3s %255s %u %7s %15s %255[^\n]", section, name, &ttl, class, type,
		   data) < 5)
		fail_msg("bad line %s", line);
	n = dm_name(name);
	assert_int_equal(dns_type_parse(type, &t), 0);
	if (*data && dns_rdata_parse(t, data, &dns_root, &rdata, &why))
		fail_msg("%s: %s", line, why);
	assert_true(dns_out_rr(o, section[0] == 'p' ? DNS_ANSWER : DNS_AUTHORITY, &n, t,
			       strcmp(class, "ANY") == 0    ? DNS_CLASS_ANY
			       : strcmp(class, "NONE") == 0 ? DNS_CLASS_NONE
							    : DNS_CLASS_IN,
			       ttl, rdata.b, rdata.len));
}

static const char *reply(struct drv *d)
{
	const struct fx_effect *e = drv_next_send(d);

	return dm_show(e->send.data, e->send.len);
}

/* Its code, as the reply's first line has it. */
static void update(struct drv *d, const char *zone, const char *lines, const char *rcode)
{
	uint8_t buf[2048];
	struct dns_out o;
	char line[64];

	dns_out_begin(&o, buf, sizeof(buf), sizeof(buf), false);
	o.id = 0x77;
	o.flags = DNS_UPDATE << 11;
	dm_question(&o, zone);
	for (const char *p = lines; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		put(&o, p);
	drv_datagram(d, 1, client, local, 1, buf, dns_out_end(&o));
	snprintf(line, sizeof(line), "0x0077 qr op5 ra %s\n", rcode);
	if (strncmp(reply(d), line, strlen(line)) != 0)
		fail_msg("expected %sgot %s", line,
			 dm_show(d->last[FX_SEND]->send.data, d->last[FX_SEND]->send.len));
}

static const char *ask(struct drv *d, const char *question)
{
	uint8_t buf[512];
	size_t len = dm_build(buf, sizeof(buf), 1, 0, question, NULL);

	drv_datagram(d, 1, client, local, 1, buf, len);
	return reply(d);
}

static void expect(struct drv *d, const char *question, const char *part)
{
	const char *got = ask(d, question);

	if (!strstr(got, part))
		fail_msg("%s: no \"%s\" in %s", question, part, got);
}

static void adds_and_removes(void **state)
{
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	start(&d, ZONE);
	/* What a DHCP server sends for a new lease: the name's addresses are replaced. */
	update(&d, "a.test SOA", "upd pc.a.test 0 ANY A\nupd pc.a.test 60 IN A 10.0.0.50\n",
	       "NOERROR");
	drv_expect_decision(&d, "dns.server.update");
	e = drv_expect_fact(&d, FX_FACT_BEGIN, "dns_record", "pc.a.test A 10.0.0.50");
	assert_string_equal(drv_value(e, "source"), "dynamic");
	expect(&d, "pc.a.test A", "an pc.a.test 60 A 10.0.0.50\n");
	expect(&d, "a.test SOA", "admin.a.test 2 ");
	update(&d, "a.test SOA", "upd pc.a.test 0 ANY A\nupd pc.a.test 60 IN A 10.0.0.51\n",
	       "NOERROR");
	expect(&d, "pc.a.test A", "NOERROR\nq pc.a.test A\nan pc.a.test 60 A 10.0.0.51\n");
	update(&d, "a.test SOA", "upd pc.a.test 0 NONE A 10.0.0.51\n", "NOERROR");
	drv_expect_fact(&d, FX_FACT_END, "dns_record", "pc.a.test A 10.0.0.51");
	expect(&d, "pc.a.test A", "NXDOMAIN");
	/* Configured records go as well, and come back. */
	update(&d, "a.test SOA", "upd www.a.test 0 NONE A 10.0.0.2\n", "NOERROR");
	expect(&d, "www.a.test A", "q www.a.test A\nan www.a.test 86400 A 10.0.0.3\n");
	update(&d, "a.test SOA", "upd www.a.test 5 IN A 10.0.0.2\n", "NOERROR");
	expect(&d, "www.a.test A", "10.0.0.2\n");
	update(&d, "a.test SOA", "upd www.a.test 0 ANY ANY\n", "NOERROR");
	expect(&d, "www.a.test A", "NXDOMAIN");
	/* A new line of the configuration undoes nothing. */
	update(&d, "a.test SOA", "upd new.a.test 60 IN TXT hello\n", "NOERROR");
	drv_conf(&d, "ip dns zone a.test\n record other A 10.0.0.9\n");
	expect(&d, "new.a.test TXT", "\"hello\"");
	expect(&d, "www.a.test A", "NXDOMAIN");
	drv_done(&d);
}

/* What holds a zone together stays; an alias stays alone. */
static void what_stays(void **state)
{
	struct drv d;

	(void)state;
	start(&d, ZONE);
	update(&d, "a.test SOA", "upd a.test 0 ANY ANY\nupd a.test 0 NONE NS ns1.a.test\n",
	       "NOERROR");
	expect(&d, "a.test SOA", "an a.test");
	expect(&d, "a.test NS", "an a.test");
	update(&d, "a.test SOA",
	       "upd a.test 60 IN NS ns2.a.test\nupd a.test 0 NONE NS ns1.a.test\n", "NOERROR");
	expect(&d, "a.test NS", "an a.test 60 NS ns2.a.test\n");
	update(&d, "a.test SOA",
	       "upd al.a.test 60 IN A 10.0.0.9\nupd www.a.test 60 IN CNAME ns1.a.test\n",
	       "NOERROR");
	expect(&d, "al.a.test CNAME",
	       "NOERROR\nq al.a.test CNAME\nan al.a.test 86400 CNAME www.a.test\n");
	expect(&d, "www.a.test A", "10.0.0.3");
	update(&d, "a.test SOA", "upd a.test 60 IN SOA x. y. 99 1 1 1 1\n", "NOERROR");
	assert_null(strstr(ask(&d, "a.test SOA"), " 99 "));
	drv_done(&d);
}

static void prerequisites(void **state)
{
	static const struct {
		const char *lines, *rcode;
	} rows[] = {
		{ "pre www.a.test 0 ANY ANY\n", "NOERROR" },
		{ "pre no.a.test 0 ANY ANY\n", "NXDOMAIN" },
		{ "pre www.a.test 0 ANY A\n", "NOERROR" },
		{ "pre www.a.test 0 ANY MX\n", "NXRRSET" },
		{ "pre no.a.test 0 NONE ANY\n", "NOERROR" },
		{ "pre www.a.test 0 NONE ANY\n", "YXDOMAIN" },
		{ "pre www.a.test 0 NONE MX\n", "NOERROR" },
		{ "pre www.a.test 0 NONE A\n", "YXRRSET" },
		{ "pre www.a.test 0 IN A 10.0.0.3\npre www.a.test 0 IN A 10.0.0.2\n", "NOERROR" },
		{ "pre www.a.test 0 IN A 10.0.0.3\n", "NXRRSET" },
		{ "pre www.a.test 0 IN A 10.0.0.3\npre www.a.test 0 IN A 10.0.0.9\n", "NXRRSET" },
		{ "pre www.a.test 5 ANY A\n", "FORMERR" },
		{ "pre www.b.test 0 ANY A\n", "NOTZONE" },
		{ "upd www.b.test 60 IN A 10.0.0.1\n", "NOTZONE" },
		{ "upd www.a.test 60 ANY A\n", "FORMERR" },
		{ "upd www.a.test 60 NONE A 10.0.0.2\n", "FORMERR" },
		{ "upd www.a.test 60 IN AXFR\n", "FORMERR" },
	};
	struct drv d;

	(void)state;
	start(&d, ZONE);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		update(&d, "a.test SOA", rows[i].lines, rows[i].rcode);
		if (strcmp(rows[i].rcode, "NOERROR") != 0)
			drv_expect_decision(&d, "dns.server.update-refused");
	}
	/* All or nothing. */
	update(&d, "a.test SOA", "pre www.a.test 0 NONE A\nupd new.a.test 60 IN A 10.0.0.1\n",
	       "YXRRSET");
	expect(&d, "new.a.test A", "NXDOMAIN");
	drv_done(&d);
}

static void permission(void **state)
{
	struct drv d;

	(void)state;
	start(&d, ZONE);
	update(&d, "b.test SOA", "", "NOTAUTH");
	update(&d, "a.test A", "", "FORMERR");
	client = drv_ep("10.0.1.77", 4444); /* not directly connected */
	update(&d, "a.test SOA", "upd x.a.test 60 IN A 10.0.0.1\n", "REFUSED");
	drv_conf(&d, "ip dns zone a.test\n allow-update 10.0.1.77\n");
	update(&d, "a.test SOA", "upd x.a.test 60 IN A 10.0.0.1\n", "NOERROR");
	drv_conf(&d, "ip dns zone a.test\n no allow-update\n");
	update(&d, "a.test SOA", "upd x.a.test 60 IN A 10.0.0.1\n", "NOTIMP");
	drv_expect_decision(&d, "dns.server.notimp");
	drv_done(&d);
}

/* The node dies: dynamic records come back, those of the configuration are not told twice. */
static void outlives_a_restart(void **state)
{
	const struct val dynamic[] = {
		V_TEXT("name", "pc.a.test"), V_TEXT("type", "A"),	  V_INT("ttl", 60),
		V_TEXT("data", "10.0.0.50"), V_TEXT("source", "dynamic"), V_END
	};
	const struct val configured[] = { V_INT("ttl", 86400), V_TEXT("source", "configured"),
					  V_END };
	struct drv d;

	(void)state;
	start(&d, ZONE);
	drv_reborn(&d);
	drv_restore(&d, &dns_record_fact, "pc.a.test A 10.0.0.50", dynamic, 0);
	drv_restore(&d, &dns_record_fact, "ns1.a.test A 10.0.0.1", configured, 0);
	drv_restore(&d, &dns_record_fact, "old.a.test A 10.0.0.1", configured, 0);
	drv_event(&d, (struct ev){ .kind = EV_START });
	assert_null(drv_fact(&d, FX_FACT_BEGIN, "dns_record", "pc.a.test A 10.0.0.50"));
	assert_null(drv_fact(&d, FX_FACT_BEGIN, "dns_record", "ns1.a.test A 10.0.0.1"));
	drv_expect_fact(&d, FX_FACT_BEGIN, "dns_record", "www.a.test A 10.0.0.2");
	drv_expect_fact(&d, FX_FACT_END, "dns_record", "old.a.test A 10.0.0.1");
	expect(&d, "pc.a.test A", "an pc.a.test 60 A 10.0.0.50\n");
	expect(&d, "old.a.test A", "NXDOMAIN");
	drv_done(&d);
}

/* A secondary compares serials: they go on where the earlier life stopped (RFC 2136 §3.6). */
static void serials_go_on(void **state)
{
	static const struct {
		const char *told, *serial, *after_update;
	} rows[] = {
		{ "a.test SOA ns1.a.test admin.a.test 9 1 2 3 4", "admin.a.test 9 ",
		  "admin.a.test 10 " },
		{ "a.test SOA ns1.a.test admin.a.test 1 1 2 3 4", "admin.a.test 1 ",
		  "admin.a.test 2 " },
		{ "b.test SOA ns1.b.test admin.b.test 9 1 2 3 4", "admin.a.test 1 ",
		  "admin.a.test 2 " },
		/* The configuration had another numbering then. */
		{ "a.test SOA ns1.a.test admin.a.test 2026010101 1 2 3 4", "admin.a.test 1 ",
		  "admin.a.test 2 " },
	};
	const struct val configured[] = { V_INT("ttl", 86400), V_TEXT("source", "configured"),
					  V_END };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct drv d;

		start(&d, ZONE);
		drv_reborn(&d);
		drv_restore(&d, &dns_record_fact, rows[i].told, configured, 0);
		drv_event(&d, (struct ev){ .kind = EV_START });
		expect(&d, "a.test SOA", rows[i].serial);
		update(&d, "a.test SOA", "upd x.a.test 60 IN A 10.0.0.1\n", "NOERROR");
		expect(&d, "a.test SOA", rows[i].after_update);
		drv_done(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adds_and_removes),   cmocka_unit_test(what_stays),
		cmocka_unit_test(prerequisites),      cmocka_unit_test(permission),
		cmocka_unit_test(outlives_a_restart), cmocka_unit_test(serials_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
