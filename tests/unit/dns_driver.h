/* dns_driver.h: a DNS machine's queries to other servers, and those servers' answers. Include after
 * cmocka.h. */
#ifndef LABD_TESTS_DNS_DRIVER_H
#define LABD_TESTS_DNS_DRIVER_H

#include "dns/dns.h"
#include "dns_msgs.h"
#include "machine_driver.h"

/* A query that is out: whom and what it asks, and how to answer it. */
struct query {
	uint32_t sock;
	struct ep dst;
	uint16_t id, port; /* port 0: a socket that was bound before */
	char question[300], to[ADDR_TEXT_LEN];
	bool rd;
};

/* What is sent is a query, not a reply to a client. */
static inline bool is_query(const struct fx_effect *e)
{
	return e->send.dst.port == 53;
}

/* The next query of the window. */
static inline struct query sent(struct drv *d)
{
	const struct fx_effect *s, *b = drv_next(d, FX_BIND);
	char name[DNS_TEXT_LEN], type[12];
	struct query q = { 0 };
	const char *why;
	struct dns_msg m;

	do
		s = drv_next_send(d);
	while (!is_query(s));
	q.sock = s->send.sock;
	q.dst = s->send.dst;
	addr_format(&q.dst.addr, q.to);
	assert_int_equal(dns_msg_header(s->send.data, s->send.len, &m), 0);
	assert_int_equal(dns_msg_read(&m, &why), 0);
	assert_int_equal(m.n_question, 1);
	assert_int_equal(m.flags & ~DNS_RD, 0);
	q.id = m.id;
	q.rd = m.flags & DNS_RD;
	q.port = b ? b->bind.local.port : 0;
	assert_true(!b || b->bind.sock == q.sock);
	snprintf(q.question, sizeof(q.question), "%s %s", dns_name_text(&m.q.name, name),
		 dns_type_text(m.q.type, type));
	return q;
}

/* It must be this one. */
static inline struct query expect_query(struct drv *d, const char *to, const char *question)
{
	struct query q = sent(d);

	assert_string_equal(q.to, to);
	assert_string_equal(q.question, question);
	return q;
}

/* Its server answers. */
static inline void respond(struct drv *d, const struct query *q, uint16_t flags,
			   const char *records)
{
	const struct ep local = { .addr = d->ifaces[0].addrs[0].addr, .port = q->port };
	uint8_t buf[4096];
	size_t len = dm_build(buf, sizeof(buf), q->id, DNS_QR | flags, q->question, records);

	drv_datagram(d, q->sock, q->dst, local, 1, buf, len);
}

#endif
