/* The configuration language: what is taken, what is refused and why, what "no" takes back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "dns/dns.h"
#include "dns/dns_db.h"
#include "machine_driver.h"

static const struct dns_conf *conf_of(const struct drv *d)
{
	return d->conf;
}

static void resolver_lines(void **state)
{
	const struct dns_conf *c;
	char text[DNS_TEXT_LEN];
	struct drv d;

	(void)state;
	drv_init(&d, &dns_proto, KIND_ROUTER, 1);
	c = conf_of(&d);
	assert_true(c->lookup && c->retry == 2 && c->timeout_ns == 3 * SEC);
	drv_conf(&d, "ip name-server 10.0.0.1 10.0.0.2\nip name-server 10.0.0.2 10.0.0.3\n"
		     "ip domain-name a.test\nno ip domain-lookup\nip domain retry 5\nip domain "
		     "timeout 7\n");
	assert_int_equal(c->n_name_servers, 3);
	assert_string_equal(dns_name_text(&c->domain, text), "a.test");
	assert_true(!c->lookup && c->retry == 5 && c->timeout_ns == 7 * SEC);
	drv_conf(&d, "no ip name-server 10.0.0.2\nip domain name b.test\nip domain lookup\nno ip "
		     "domain retry\n"
		     "no ip domain timeout\n");
	assert_int_equal(c->n_name_servers, 2);
	assert_string_equal(dns_name_text(&c->domain, text), "b.test");
	assert_true(c->lookup && c->retry == 2 && c->timeout_ns == 3 * SEC);
	drv_conf(&d, "no ip name-server\nno ip domain name\n");
	assert_true(c->n_name_servers == 0 && !c->has_domain);
	drv_conf(&d, "ip host r1 10.0.0.1 10.0.0.2\nip host r1 10.0.0.3\nip host r2 fd00::2\n");
	assert_int_equal(c->n_hosts, 2);
	assert_int_equal(c->hosts[0]->n_addrs, 1);
	drv_conf(&d, "no ip host r1\n");
	assert_int_equal(c->n_hosts, 1);
	drv_done(&d);
}

static void server_lines(void **state)
{
	const struct dns_conf *c;
	struct drv d;

	(void)state;
	drv_init(&d, &dns_proto, KIND_SERVER, 1);
	c = conf_of(&d);
	drv_conf(&d, "ip dns server\nno ip dns recursion\nip dns default-ttl 60\nip dns "
		     "idle-timeout 20\n"
		     "ip dns failed-timeout 300\nip dns search-limit 9 99\n"
		     "ip dns forwarder 10.0.0.1 10.0.0.2\nip dns root-hint a.root 10.0.0.3\n"
		     "ip dns root-hint a.root 10.0.0.4\n");
	assert_true(c->server && !c->recursion && c->default_ttl == 60 && c->idle_ns == 20 * SEC);
	assert_true(c->failed_ns == 300 * SEC && c->search_ns == 9 * SEC &&
		    c->search_queries == 99);
	assert_true(c->n_forwarders == 2 && c->n_hints == 2);
	drv_conf(&d, "no ip dns forwarder 10.0.0.1\nno ip dns root-hint a.root 10.0.0.3\nip dns "
		     "recursion\n"
		     "no ip dns default-ttl\nno ip dns idle-timeout\nno ip dns failed-timeout\n"
		     "no ip dns search-limit\nno ip dns server\n");
	assert_true(!c->server && c->recursion && c->default_ttl == 86400 &&
		    c->idle_ns == 10 * SEC);
	assert_true(c->failed_ns == 30 * SEC && c->search_ns == 8 * SEC && c->search_queries == 40);
	assert_true(c->n_forwarders == 1 && c->n_hints == 1);
	drv_conf(&d, "no ip dns forwarder\nno ip dns root-hint\n");
	assert_true(c->n_forwarders == 0 && c->n_hints == 0);
	drv_done(&d);
}

static void zone_lines(void **state)
{
	const struct dns_conf *c;
	struct drv d;

	(void)state;
	drv_init(&d, &dns_proto, KIND_SERVER, 1);
	c = conf_of(&d);
	drv_conf(&d,
		 "ip dns zone a.test\n soa ns1 admin.a.test. 5 1 2 3 4\n ttl 77\n record @ NS ns1\n"
		 " record ns1 A 10.0.0.1\n record ns1 60 IN A 10.0.0.1\n record x.y TXT \"a  b\"\n"
		 "ip dns primary b.test soa ns.b.test root.b.test\n");
	assert_int_equal(c->n_zones, 2);
	assert_int_equal(c->n_records, 3); /* the second ns1 line only changed the TTL */
	assert_true(c->zones[0]->has_serial && c->zones[0]->soa.serial == 5 &&
		    c->zones[0]->ttl == 77);
	assert_int_equal(c->zones[1]->soa.minimum, 86400);
	drv_conf(&d,
		 "ip dns zone a.test\n no record ns1 A 10.0.0.1\n no ttl\n no record @ NS other\n");
	assert_int_equal(c->n_records, 2);
	assert_false(c->zones[0]->has_ttl);
	drv_conf(&d, "ip dns zone a.test\n no soa\n no record\n");
	assert_int_equal(c->n_records, 0);
	drv_conf(&d, "no ip dns zone a.test\nno ip dns primary b.test soa ns.b.test root.b.test\n");
	assert_int_equal(c->n_zones, 0);
	drv_conf(&d, "ip dns record a.c A 1.2.3.4\nip dns record b.c CNAME a.c\nno ip dns record "
		     "b.c CNAME a.c\n");
	assert_int_equal(c->n_records, 1);
	drv_conf(&d, "no ip dns record\n");
	assert_int_equal(c->n_records, 0);
	drv_done(&d);
}

static void refused(void **state)
{
	static const struct {
		const char *conf, *why;
	} rows[] = {
		{ "ip name-server 10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4\nip name-server 10.0.0.5\n",
		  "at most 4 addresses can be given" },
		{ "ip name-server 224.0.0.1\n", "224.0.0.1 is not the address of a host" },
		{ "ip name-server 0.0.0.0\n", "0.0.0.0 is not the address of a host" },
		{ "ip domain-name a..b\n", "\"a..b\" is not a domain name: a label is empty" },
		{ "ip host a..b 10.0.0.1\n", "is not a domain name" },
		{ "ip dns zone a.test\n record b.test. A 10.0.0.1\n",
		  "b.test. is not in zone a.test" },
		{ "ip dns zone a.test\n record w BOGUS x\n", "\"BOGUS\" is no record type" },
		{ "ip dns zone a.test\n record w A 10.0.0\n",
		  "A record: an IPv4 address is expected" },
		{ "ip dns zone a.test\n record w SOA a b 1 2 3 4 5\n",
		  "a zone's SOA has a line of its own" },
		{ "ip dns zone a.test\n record w AXFR x\n", "is a type of questions" },
		{ "ip dns zone a.test\n soa ns1 admin@a.test\n",
		  "with a period in place of the @" },
		{ "ip dns zone a.test\n allow-transfer nobody\n",
		  "expected any, none, connected, an address" },
		{ "ip dns zone a.test\n allow-transfer 10.0.0.0/33\n",
		  "expected any, none, connected" },
		{ "ip dns record w.a CNAME x\nip dns record w.a CNAME y\n",
		  "a name has one CNAME" },
		{ "ip dns record w.a A 1.2.3.4\nip dns record w.a CNAME y\n", "stands alone" },
		{ "ip dns record w.a CNAME y\nip dns record w.a A 1.2.3.4\n", "stands alone" },
		{ "ip dns record w.a CNAME y\nip dns primary w.a soa ns.a root.a\n",
		  "is an alias" },
		{ "ip dns primary w.a soa ns.a root.a\nip dns record w.a CNAME y\n",
		  "cannot be an alias" },
		{ "ip host x mx 70000 y\n", "" },
		{ "ip dns failed-timeout 301\n", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct drv d;
		const char *why;

		drv_init(&d, &dns_proto, KIND_SERVER, 1);
		why = drv_conf_refused(&d, rows[i].conf);
		if (!strstr(why, rows[i].why))
			fail_msg("%s\ngave: %s", rows[i].conf, why);
		drv_done(&d);
	}
}

/* A PC has no server; its lines are unknown to it. */
static void kinds(void **state)
{
	struct drv d;

	(void)state;
	drv_init(&d, &dns_proto, KIND_PC, 1);
	drv_conf_refused(&d, "ip dns server\n");
	drv_conf(&d, "ip name-server 10.0.0.1\n");
	drv_done(&d);
}

/* --- the database made of it --- */

static const uint8_t data[4] = { 1, 2, 3, 4 };

static struct dns_name name(const char *text)
{
	struct dns_name n;
	const char *why;

	assert_int_equal(dns_name_parse(text, &n, &why), 0);
	return n;
}

static void add(struct dns_db *db, const char *owner, uint16_t type)
{
	struct dns_soa soa = { .mname = name("ns"), .rname = name("r"), .minimum = 9 };
	struct dns_name n = name(owner), target = name("x.y");
	struct dns_rdata d;

	dns_soa_write(&soa, &d);
	assert_int_equal(dns_db_add(db, &n, type, NULL,
				    type == DNS_SOA  ? d.b
				    : type == DNS_NS ? target.b
						     : data,
				    type == DNS_SOA  ? d.len
				    : type == DNS_NS ? target.len
						     : 4),
			 0);
}

static void where_names_are(void **state)
{
	static const struct {
		const char *name, *closest, *apex, *cut;
	} rows[] = {
		{ "a.test", "a.test", "a.test", NULL },
		{ "w.a.test", "w.a.test", "a.test", NULL },
		{ "no.w.a.test", "w.a.test", "a.test", NULL },
		{ "e.a.test", "e.a.test", "a.test", NULL }, /* has descendants only */
		{ "sub.a.test", "sub.a.test", "a.test", "sub.a.test" },
		{ "x.ns.sub.a.test", "ns.sub.a.test", "a.test", "sub.a.test" },
		{ "deep.sub.a.test", "deep.sub.a.test", "a.test",
		  "sub.a.test" },				    /* below a cut counts no cut */
		{ "own.a.test", "own.a.test", "own.a.test", NULL }, /* delegated to ourselves */
		{ "w.own.a.test", "own.a.test", "own.a.test", NULL },
		{ "test", "test", NULL, NULL },
		{ "b.test", "test", NULL, NULL },
		{ "c", ".", NULL, NULL },
	};
	struct dns_db *db = dns_db_new(1);

	(void)state;
	add(db, "a.test", DNS_SOA);
	add(db, "a.test", DNS_NS);
	add(db, "w.a.test", DNS_A);
	add(db, "x.e.a.test", DNS_A);
	add(db, "sub.a.test", DNS_NS);
	add(db, "ns.sub.a.test", DNS_A);
	add(db, "deep.sub.a.test", DNS_NS);
	add(db, "own.a.test", DNS_NS);
	add(db, "own.a.test", DNS_SOA);
	add(db, "*.a.test", DNS_A);
	dns_db_link(db);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct dns_name n = name(rows[i].name), expected;
		const struct dns_node *node = dns_db_closest(db, &n);

		expected = name(rows[i].closest);
		assert_true(dns_name_equal(&node->name, &expected));
		assert_int_equal(node->apex != NULL, rows[i].apex != NULL);
		assert_int_equal(node->cut != NULL, rows[i].cut != NULL);
		if (rows[i].apex) {
			expected = name(rows[i].apex);
			assert_true(dns_name_equal(&node->apex->name, &expected));
		}
		if (rows[i].cut) {
			expected = name(rows[i].cut);
			assert_true(dns_name_equal(&node->cut->name, &expected));
		}
	}
	assert_int_equal(db->n_zones, 2);
	assert_non_null(
		dns_db_wildcard(db, dns_db_find(db, &(struct dns_name[]){ name("a.test") }[0])));
	dns_db_free(db);
	db = dns_db_new(1);
	assert_null(dns_db_closest(db, &dns_root));
	dns_db_free(db);
}

static void sets(void **state)
{
	struct dns_rrset s = { .type = DNS_CNAME };
	struct dns_name a = name("a.test"), upper = name("A.TEST"), b = name("b.test");
	struct dns_record r;
	size_t pos = 0;

	(void)state;
	assert_int_equal(dns_rrset_add(&s, a.b, a.len), 0);
	assert_int_equal(dns_rrset_add(&s, upper.b, upper.len), -EEXIST); /* names ignore case */
	assert_int_equal(dns_rrset_add(&s, b.b, b.len), 0);
	dns_rrset_set_ttl(&s, 50);
	dns_rrset_set_ttl(&s, 60);
	assert_int_equal(s.ttl, 50);
	assert_true(dns_rrset_remove(&s, a.b, a.len));
	assert_false(dns_rrset_remove(&s, a.b, a.len));
	assert_true(dns_rrset_next(&s, &pos, &r));
	assert_memory_equal(r.data, b.b, b.len);
	assert_false(dns_rrset_next(&s, &pos, &r));
	dns_rrset_done(&s);
	s.type = DNS_A;
	for (uint32_t i = 0; i < 300; i++)
		assert_int_equal(dns_rrset_add(&s, (uint8_t *)&i, 4), i < 256 ? 0 : -ENOSPC);
	dns_rrset_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resolver_lines), cmocka_unit_test(server_lines),
		cmocka_unit_test(zone_lines),	  cmocka_unit_test(refused),
		cmocka_unit_test(kinds),	  cmocka_unit_test(where_names_are),
		cmocka_unit_test(sets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
