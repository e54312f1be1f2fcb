/* Answering others (RFC 5905 §9.2, §14). */
#include "ntp/ntp_host.h"

#include <string.h>

static void bind_family(struct ntp_host *h, uint32_t sock, uint8_t family, struct fx *fx)
{
	if (h->bound & BIT(sock))
		return;
	h->bound |= BIT(sock);
	fx_bind(fx, &(struct fx_bind){ .sock = sock,
				       .kind = SOCK_UDP,
				       .local = { { .family = family }, NTP_PORT } });
}

/* A device that has to do with NTP serves it. The port stays bound when that is over, so that a
 * request meets a decision and not an ICMP error; on a server IPv4's is from the beginning. */
void ntp_server_follow(struct ntp_host *h, struct fx *fx)
{
	if (h->enabled || h->dev->kind == KIND_SERVER)
		bind_family(h, NTP_SOCK4, 4, fx);
	if (h->enabled)
		bind_family(h, NTP_SOCK6, 6, fx);
}

static const char *invalid(const struct ntp_packet *x)
{
	if (x->version == 0 || x->version > NTP_VERSION)
		return "its version is not 1 to 4";
	if (x->mode != NTP_CLIENT)
		return "its mode is not 3";
	if (x->auth == NTP_AUTH_NAK)
		return "a crypto-NAK is no request";
	return NULL;
}

/* Version and poll are the request's; a server that follows nobody says so. */
static struct ntp_packet reply_to(const struct ntp_host *h, const struct ntp_packet *x, nsec_t now)
{
	bool synchronized = h->source != NTP_FROM_NOBODY && h->stratum < NTP_STRATUM_MAX;
	struct ntp_packet r = { .leap = synchronized ? h->leap : NTP_LEAP_UNSYNC,
				.version = x->version,
				.mode = NTP_SERVER,
				.stratum = synchronized ? h->stratum : 0,
				.poll = x->poll,
				.precision = NTP_PRECISION,
				.root_delay = ntp_short_from_ns(h->root_delay_ns),
				.root_dispersion = ntp_short_from_ns(ntp_root_dispersion(h, now)),
				.origin = x->transmit,
				.receive = ntp_from_unix(ntp_clock_ns(h, now)) };

	memcpy(r.refid, synchronized ? h->refid : (const uint8_t *)"INIT", 4);
	r.transmit = r.receive;
	if (h->reference_ns)
		r.reference = ntp_from_unix(h->reference_ns);
	return r;
}

static void send_reply(const struct ntp_host *h, const struct ev *ev, const struct ntp_packet *x,
		       const struct ntp_key *key, struct fx *fx)
{
	struct ntp_packet r = reply_to(h, x, ev->now);
	struct val client = V_ADDR("client", ev->dgram.src.addr);
	uint8_t octets[NTP_PACKET_MAX] = { 0 };
	size_t len = NTP_HEADER_LEN;
	char time[NTP_DATE_LEN];

	ntp_encode(&r, octets);
	if (x->auth == NTP_AUTH_MAC && !key) {
		len += 4; /* a key id of 0 and nothing else: crypto-NAK */
	} else if (key) {
		len = ntp_sign(key, octets, len);
		decide(fx, "ntp.server.sign-reply", client, V_INT("key", key->id));
	}
	if (x->auth == NTP_AUTH_MAC && !key)
		decide(fx, "ntp.server.bad-mac", client, V_INT("key", x->key_id));
	else if (r.stratum == 0)
		decide(fx, "ntp.server.unsynchronized", client);
	else
		decide(fx, "ntp.server.reply", client, V_INT("stratum", r.stratum),
		       V_TEXT("time", ntp_stamp(ntp_clock_ns(h, ev->now), time)));
	fx_send(fx, &(struct fx_send){ .sock = ev->dgram.sock,
				       .src = ev->dgram.dst,
				       .dst = ev->dgram.src,
				       .data = octets,
				       .len = len });
}

void ntp_server_request(struct ntp_host *h, const struct ev *ev, struct fx *fx)
{
	struct val client = V_ADDR("client", ev->dgram.src.addr);
	const struct ntp_key *key = NULL;
	struct ntp_packet x;
	const char *why = NULL;

	if (!h->enabled) {
		decide(fx, "ntp.server.drop-disabled", client);
		return;
	}
	if (ntp_decode(ev->dgram.data, ev->dgram.len, &x, &why) == 0)
		why = invalid(&x);
	if (!why && !device_has_addr(ev->dev, &ev->dgram.dst.addr))
		why = "it was sent to many, who would all answer";
	if (why) {
		decide(fx, "ntp.server.drop-invalid", client, V_TEXT("reason", why));
		return;
	}
	if (x.auth == NTP_AUTH_MAC)
		key = ntp_conf_key(h->conf, x.key_id);
	if (key && !ntp_verify(key, ev->dgram.data, &x))
		key = NULL;
	send_reply(h, ev, &x, key, fx);
}
