/* DNS over TCP: framing, pipelining, idle connections, zone transfers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "dns/dns.h"
#include "dns_msgs.h"
#include "machine_driver.h"

#define CONN (SOCK_ACCEPTED + 1)
#define ZONE                                                                                    \
	"ip dns server\nip dns zone a.test\n soa ns1 admin 7 3600 600 86400 300\n record @ NS " \
	"ns1\n"                                                                                 \
	" record ns1 A 10.0.0.1\n record www A 10.0.0.2\n record sub NS ns.sub\n"               \
	" record ns.sub A 10.0.9.1\n"

static struct ep client, local;

static void start(struct drv *d, const char *conf)
{
	drv_init(d, &dns_proto, KIND_SERVER, 1);
	drv_addr(d, 1, "10.0.0.1/24");
	drv_conf(d, conf);
	drv_start(d, "dns.server");
	assert_int_equal(drv_count(d, FX_BIND), 2);
	assert_int_equal(drv_count(d, FX_LISTEN), 2);
	client = drv_ep("10.0.0.77", 4444);
	local = drv_ep("10.0.0.1", 53);
}

static void connect_from(struct drv *d, uint32_t sock, const char *from)
{
	client = drv_ep(from, 4444);
	drv_opened(d, sock, 3, local, client);
}

/* A query behind its length; the octets there are. */
static size_t framed(uint8_t *buf, size_t size, uint16_t id, const char *question)
{
	size_t len = dm_build(buf + 2, size - 2, id, DNS_RD, question, NULL);

	buf[0] = (uint8_t)(len >> 8);
	buf[1] = (uint8_t)len;
	return len + 2;
}

/* The n-th framed message of all that was written in the window, as text; NULL when there is none.
 */
static const char *written(struct drv *d, unsigned n)
{
	size_t len, at = 0;
	char *all = drv_written(d, CONN, &len);
	const char *text = NULL;

	while (at + 2 <= len) {
		size_t one = (size_t)(uint8_t)all[at] << 8 | (uint8_t)all[at + 1];

		assert_true(at + 2 + one <= len);
		if (n-- == 0) {
			text = dm_show(all + at + 2, one);
			break;
		}
		at += 2 + one;
	}
	free(all);
	return text;
}

#define WWW(id) id " qr aa rd ra NOERROR\nq www.a.test A\nan www.a.test 300 A 10.0.0.2\n"

static void pipelined(void **state)
{
	uint8_t buf[2048];
	size_t len = 0;
	struct drv d;

	(void)state;
	start(&d, ZONE);
	connect_from(&d, CONN, "10.0.0.77");
	drv_expect_decision(&d, "dns.server.tcp");
	for (uint16_t id = 1; id <= 3; id++)
		len += framed(buf + len, sizeof(buf) - len, id, "www.a.test A");
	drv_bytes(&d, CONN, buf, len - 5, 0); /* the third is not whole */
	assert_string_equal(written(&d, 0), WWW("0x0001"));
	assert_string_equal(written(&d, 1), WWW("0x0002"));
	assert_null(written(&d, 2));
	drv_bytes(&d, CONN, buf + len - 5, 5, len - 5);
	assert_string_equal(written(&d, 0), WWW("0x0003"));
	drv_expect_none(&d, FX_SEND);
	/* Octet by octet. */
	len = framed(buf, sizeof(buf), 4, "www.a.test A");
	for (size_t i = 0; i < len; i++)
		drv_bytes(&d, CONN, buf + i, 1, 1000 + i);
	assert_string_equal(written(&d, 0), WWW("0x0004"));
	drv_done(&d);
}

/* Hundreds of queries in one piece: a turn has an end, the answers come all the same. */
static void flood(void **state)
{
	uint8_t *buf = malloc(100000);
	size_t len = 0;
	unsigned n = 0;
	struct drv d;

	(void)state;
	start(&d, ZONE);
	connect_from(&d, CONN, "10.0.0.77");
	for (int i = 0; i < 1000; i++)
		len += framed(buf + len, 100000 - len, (uint16_t)i, "www.a.test A");
	drv_bytes(&d, CONN, buf, len, 0);
	n += drv_count(&d, FX_WRITE);
	drv_closed(&d, CONN, 0); /* the client has said all it has to say */
	drv_expect_none(&d, FX_CLOSE);
	n += drv_count(&d, FX_WRITE);
	drv_timer_until(&d, SEC);
	n += drv_count(&d, FX_WRITE);
	assert_int_equal(n, 1000);
	assert_int_equal(drv_count(&d, FX_CLOSE), 1);
	free(buf);
	drv_done(&d);
}

static void idle_and_closed(void **state)
{
	uint8_t buf[512];
	struct drv d;
	size_t len;

	(void)state;
	start(&d, ZONE);
	connect_from(&d, CONN, "10.0.0.77");
	assert_int_equal(drv_deadline(&d), 10 * SEC);
	d.now = 6 * SEC;
	len = framed(buf, sizeof(buf), 4, "www.a.test A");
	drv_bytes(&d, CONN, buf, len, 0);
	assert_int_equal(drv_deadline(&d), 16 * SEC);
	drv_timer(&d);
	drv_expect_decision(&d, "dns.server.tcp-idle");
	assert_int_equal(drv_count(&d, FX_CLOSE), 1);
	connect_from(&d, CONN, "10.0.0.77");
	drv_closed(&d, CONN, ECONNRESET);
	drv_expect_none(&d, FX_CLOSE);
	assert_int_equal(drv_deadline(&d), NEVER);
	drv_bytes(&d, CONN, buf, len, 0); /* of a connection that is gone */
	drv_expect_none(&d, FX_WRITE);
	/* Something that is no query gets no answer, and blocks nothing. */
	connect_from(&d, CONN, "10.0.0.77");
	drv_bytes(&d, CONN, "\0\1x", 3, 0);
	drv_expect_decision(&d, "dns.server.drop-invalid");
	drv_closed(&d, CONN, 0);
	assert_int_equal(drv_count(&d, FX_CLOSE), 1);
	drv_done(&d);
}

/* The client has half-closed and waits for an answer that comes from elsewhere. */
static void waits_for_others(void **state)
{
	const struct fx_effect *q, *b;
	uint8_t buf[512];
	struct dns_msg m;
	struct drv d;
	size_t len;

	(void)state;
	start(&d, ZONE "ip dns forwarder 10.9.0.1\n");
	connect_from(&d, CONN, "10.0.0.77");
	len = framed(buf, sizeof(buf), 4, "www.x.test A");
	drv_bytes(&d, CONN, buf, len, 0);
	b = drv_next_bind(&d);
	q = drv_next_send(&d);
	assert_int_equal(dns_msg_header(q->send.data, q->send.len, &m), 0);
	local.port = b->bind.local.port;
	drv_closed(&d, CONN, 0);
	drv_expect_none(&d, FX_CLOSE);
	len = dm_build(buf, sizeof(buf), m.id, DNS_QR, "www.x.test A",
		       "an www.x.test 60 A 10.5.0.1\n");
	drv_datagram(&d, 16 + 256, drv_ep("10.9.0.1", 53), local, 1, buf, len);
	if (drv_count(&d, FX_WRITE) == 0)
		fail_msg("no answer");
	assert_string_equal(written(&d, 0), "0x0004 qr rd ra NOERROR\nq www.x.test A\n"
					    "an www.x.test 60 A 10.5.0.1\n");
	drv_expect_decision(&d, "dns.resolver.server.success-response");
	/* A client that goes away waits no longer. */
	local.port = 53;
	connect_from(&d, CONN, "10.0.0.77");
	len = framed(buf, sizeof(buf), 4, "www.y.test A");
	drv_bytes(&d, CONN, buf, len, 0);
	drv_closed(&d, CONN, ECONNRESET);
	drv_timer_until(&d, 10 * SEC);
	drv_expect_none(&d, FX_WRITE);
	drv_done(&d);
}

static void connections_have_a_limit(void **state)
{
	struct drv d;

	(void)state;
	start(&d, ZONE);
	for (uint32_t i = 0; i < 64; i++) {
		connect_from(&d, SOCK_ACCEPTED + i, "10.0.0.77");
		drv_expect_none(&d, FX_CLOSE);
	}
	connect_from(&d, SOCK_ACCEPTED + 64, "10.0.0.77");
	drv_expect_decision(&d, "dns.server.drop-tcp-limit");
	assert_int_equal(drv_count(&d, FX_CLOSE), 1);
	drv_conf(&d, "no ip dns server\n");
	assert_int_equal(drv_count(&d, FX_CLOSE), 2 + 64);
	drv_done(&d);
}

static void ask_axfr(struct drv *d, const char *question)
{
	uint8_t buf[512];
	size_t len = framed(buf, sizeof(buf), 1, question);

	drv_bytes(d, CONN, buf, len, 0);
}

#define SOA "an a.test 300 SOA ns1.a.test admin.a.test 7 3600 600 86400 300\n"

static void transfer(void **state)
{
	struct drv d;

	(void)state;
	start(&d, ZONE);
	connect_from(&d, CONN, "10.0.0.77");
	ask_axfr(&d, "a.test AXFR");
	drv_expect_decision(&d, "dns.server.axfr");
	assert_string_equal(
		written(&d, 0),
		"0x0001 qr aa rd NOERROR\nq a.test AXFR\n" SOA "an a.test 300 NS ns1.a.test\n"
		"an ns1.a.test 300 A 10.0.0.1\nan www.a.test 300 A 10.0.0.2\n"
		"an sub.a.test 300 NS ns.sub.a.test\nan ns.sub.a.test 300 A 10.0.9.1\n" SOA);
	ask_axfr(&d, "a.test AXFR"); /* one at a time */
	drv_expect_decision(&d, "dns.server.axfr-refused");
	drv_timer_until(&d, SEC);
	drv_expect_none(&d, FX_WRITE);
	ask_axfr(&d, "a.test IXFR"); /* the whole zone is a permitted answer (RFC 1995 §4) */
	drv_expect_decision(&d, "dns.server.axfr");
	drv_done(&d);
}

static const struct {
	const char *policy, *from, *question, *answer;
} permits[] = {
	{ "", "10.0.0.77", "a.test AXFR", "NOERROR" },
	{ "", "10.0.1.77", "a.test AXFR", "REFUSED" }, /* not directly connected */
	{ "", "10.0.0.77", "www.a.test AXFR", "NOTAUTH" },
	{ "", "10.0.0.77", "b.test AXFR", "NOTAUTH" },
	{ " allow-transfer any\n", "10.0.1.77", "a.test AXFR", "NOERROR" },
	{ " allow-transfer none\n", "10.0.0.77", "a.test AXFR", "REFUSED" },
	{ " allow-transfer 10.0.1.77\n", "10.0.1.77", "a.test AXFR", "NOERROR" },
	{ " allow-transfer 10.0.1.77\n", "10.0.0.77", "a.test AXFR", "REFUSED" },
	{ " allow-transfer 10.0.1.77\n allow-transfer connected\n", "10.0.0.77", "a.test AXFR",
	  "NOERROR" },
	{ " allow-transfer 10.1.0.0/16\n", "10.1.3.4", "a.test AXFR", "NOERROR" },
	{ " allow-transfer 10.1.0.0/16\n no allow-transfer 10.1.0.0/16\n", "10.1.3.4",
	  "a.test AXFR", "REFUSED" },
};

static void transfer_is_for_the_permitted(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(permits); i++) {
		struct sbuf conf = SBUF(4096);
		struct drv d;

		sbuf_printf(&conf, "%s%s", ZONE, permits[i].policy);
		start(&d, sbuf_text(&conf));
		connect_from(&d, CONN, permits[i].from);
		ask_axfr(&d, permits[i].question);
		if (!strcmp(permits[i].answer, "NOERROR"))
			drv_expect_decision(&d, "dns.server.axfr");
		else
			drv_expect_decision(&d, "dns.server.axfr-refused");
		assert_string_equal(strstr(written(&d, 0), permits[i].answer) ? permits[i].answer
									      : written(&d, 0),
				    permits[i].answer);
		drv_done(&d);
		sbuf_done(&conf);
	}
}

/* Who has this version, or asks over UDP, is told the version (RFC 1995 §2). */
static void no_news(void **state)
{
	static const struct {
		uint32_t serial;
		bool udp, soa_alone;
	} rows[] = { { 6, false, false },	   { 7, false, true }, { 8, false, true },
		     { 0x80000008, false, false }, { 6, true, true },  { 7, true, true } };
	uint8_t buf[512];
	char authority[100];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct fx_effect *sent;
		struct drv d;
		size_t len;

		start(&d, ZONE);
		snprintf(authority, sizeof(authority), "ns a.test 0 SOA . . %u 0 0 0 0\n",
			 rows[i].serial);
		len = dm_build(buf + 2, sizeof(buf) - 2, 1, 0, "a.test IXFR", authority);
		if (rows[i].udp) {
			drv_datagram(&d, 1, client, local, 1, buf + 2, len);
			sent = drv_next_send(&d);
			assert_string_equal(dm_show(sent->send.data, sent->send.len),
					    "0x0001 qr aa ra NOERROR\nq a.test IXFR\n" SOA);
		} else {
			connect_from(&d, CONN, "10.0.0.77");
			buf[0] = (uint8_t)(len >> 8);
			buf[1] = (uint8_t)len;
			drv_bytes(&d, CONN, buf, len + 2, 0);
		}
		if (rows[i].soa_alone)
			drv_expect_decision(&d, "dns.server.ixfr-soa");
		else
			drv_expect_decision(&d, "dns.server.axfr");
		drv_done(&d);
	}
}

static void transfer_over_udp_is_refused(void **state)
{
	uint8_t buf[512];
	struct drv d;
	size_t len;

	(void)state;
	start(&d, ZONE);
	len = dm_build(buf, sizeof(buf), 1, 0, "a.test AXFR", NULL);
	drv_datagram(&d, 1, client, local, 1, buf, len);
	drv_expect_decision(&d, "dns.server.axfr-refused");
	drv_done(&d);
}

/* A zone of many messages; the peer reads slowly in between. */
static void long_transfer(void **state)
{
	struct sbuf conf = SBUF(1 << 20), all = SBUF(1 << 20);
	const struct fx_effect *w;
	unsigned n_messages = 0, n_soa = 0, n_records = 0;
	struct drv d;

	(void)state;
	sbuf_puts(&conf, "ip dns server\nip dns zone a.test\n soa ns1 admin\n");
	for (int i = 0; i < 5000; i++)
		sbuf_printf(&conf, " record h%d A 10.2.%d.%d\n", i, i / 250, i % 250 + 1);
	start(&d, sbuf_text(&conf));
	drv_timer_until(&d, SEC); /* the facts */
	connect_from(&d, CONN, "10.0.0.77");
	ask_axfr(&d, "a.test AXFR");
	while ((w = drv_next(&d, FX_WRITE)) != NULL) {
		assert_in_range(w->write.len, 1, 16002);
		if (++n_messages == 3) { /* refused: it must come again */
			drv_failed(&d, w, CONN, ENOBUFS);
			drv_expect_none(&d, FX_WRITE);
			assert_true(drv_deadline(&d) >= d.now + 10 * SEC);
			drv_drained(&d, CONN);
			w = drv_next_write(&d);
		}
		sbuf_puts(&all, dm_show((const uint8_t *)w->write.data + 2, w->write.len - 2));
		drv_timer(&d);
	}
	for (const char *p = sbuf_text(&all); (p = strstr(p, "\nan ")) != NULL; p++) {
		n_records++;
		n_soa += strncmp(p + 4, "a.test ", 7) == 0 &&
			 strstr(p, " SOA ") == strchr(p + 4, ' ') + 6;
	}
	assert_int_equal(n_records, 5000 + 1 + 2);
	assert_true(n_messages > 5);
	/* The configuration changes during a transfer: it is broken off. */
	ask_axfr(&d, "a.test AXFR");
	drv_conf(&d, "ip dns zone a.test\n record new A 10.0.0.1\n");
	w = drv_want(&d, FX_CLOSE, "close");
	assert_int_equal(w->close.sock, CONN);
	assert_int_equal(w->close.how, CLOSE_RESET);
	sbuf_done(&conf);
	sbuf_done(&all);
	drv_done(&d);
}

/* A peer that never reads its answers is cut off. */
static void deaf_peer(void **state)
{
	uint8_t buf[512];
	struct drv d;
	size_t len;

	(void)state;
	start(&d, ZONE);
	connect_from(&d, CONN, "10.0.0.77");
	len = framed(buf, sizeof(buf), 4, "www.a.test A");
	drv_bytes(&d, CONN, buf, len, 0);
	drv_failed(&d, drv_next_write(&d), CONN, ENOBUFS);
	drv_expect_decision(&d, "dns.server.drop-tcp-limit");
	assert_int_equal(drv_count(&d, FX_CLOSE), 1);
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pipelined),
		cmocka_unit_test(flood),
		cmocka_unit_test(idle_and_closed),
		cmocka_unit_test(waits_for_others),
		cmocka_unit_test(connections_have_a_limit),
		cmocka_unit_test(transfer),
		cmocka_unit_test(transfer_is_for_the_permitted),
		cmocka_unit_test(no_news),
		cmocka_unit_test(transfer_over_udp_is_refused),
		cmocka_unit_test(long_transfer),
		cmocka_unit_test(deaf_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
