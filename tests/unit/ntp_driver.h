/* ntp_driver.h: what the tests of ntp.host share: requests taken apart, replies made. */
#ifndef LABD_TESTS_NTP_DRIVER_H
#define LABD_TESTS_NTP_DRIVER_H

#include "machine_driver.h"
#include "ntp/ntp.h"

#define T_SERVER "10.0.0.1"

/* A request that the machine sent. */
struct t_request {
	struct ntp_packet p;
	uint32_t sock;
	struct addr server;
	size_t len;
	uint8_t octets[128];
};

static inline void t_setup(struct drv *d, enum device_kind kind, const char *conf)
{
	drv_init(d, &ntp_proto, kind, 2);
	drv_addr(d, 1, "10.0.0.9/24");
	drv_addr(d, 2, "10.0.9.9/24");
	drv_conf(d, conf);
	d->now = 1 * SEC;
	drv_start(d, "ntp.host");
}

static inline struct t_request t_request_of(const struct fx_effect *e)
{
	struct t_request r = { .sock = e->send.sock,
			       .server = e->send.dst.addr,
			       .len = e->send.len };
	const char *why;

	assert_int_equal(e->send.dst.port, 123);
	assert_true(e->send.len <= sizeof(r.octets));
	memcpy(r.octets, e->send.data, e->send.len);
	assert_int_equal(ntp_decode(r.octets, r.len, &r.p, &why), 0);
	r.p.digest = NULL; /* it would point into this copy */
	return r;
}

static inline bool t_is_signed(const uint8_t *octets, size_t len, const struct ntp_key *key)
{
	struct ntp_packet p;
	const char *why;

	return ntp_decode(octets, len, &p, &why) == 0 && ntp_verify(key, octets, &p);
}

/* The next request of the window. */
static inline struct t_request t_next(struct drv *d)
{
	return t_request_of(drv_next_send(d));
}

/* Lets the next timer come, and takes the request that it sends. */
static inline struct t_request t_poll(struct drv *d)
{
	drv_timer(d);
	return t_next(d);
}

/* A reply to r of a server whose clock is ahead of lab time by `ahead_ns`. */
static inline struct ntp_packet t_reply(const struct drv *d, const struct t_request *r,
					int64_t ahead_ns)
{
	uint64_t now = ntp_from_unix(d->dev.epoch_ns + d->now + ahead_ns);

	return (struct ntp_packet){ .version = r->p.version,
				    .mode = NTP_SERVER,
				    .stratum = 2,
				    .poll = r->p.poll,
				    .precision = -20,
				    .refid = { 192, 0, 2, 1 },
				    .reference = now,
				    .origin = r->p.transmit,
				    .receive = now,
				    .transmit = now };
}

/* Delivers it, signed if there is a key. */
static inline void t_answer(struct drv *d, const struct t_request *r, const struct ntp_packet *p,
			    const struct ntp_key *key)
{
	uint8_t octets[NTP_PACKET_MAX];
	size_t len = NTP_HEADER_LEN;

	ntp_encode(p, octets);
	if (key)
		len = ntp_sign(key, octets, len);
	drv_datagram(d, r->sock, (struct ep){ r->server, 123 }, drv_ep("10.0.0.9", 50000), 1,
		     octets, len);
}

/* One exchange that goes well. */
static inline void t_exchange(struct drv *d, int64_t ahead_ns)
{
	struct t_request r = t_poll(d);
	struct ntp_packet p = t_reply(d, &r, ahead_ns);

	t_answer(d, &r, &p, NULL);
}

static inline int64_t t_ahead(const struct drv *d)
{
	return device_clock_offset(&d->dev.clock, d->now);
}

#endif
