/* What a reply must pass before its time is used, in order. */
#include "ntp/ntp_host.h"

#include <errno.h>
#include <string.h>

static const char *mismatch(const struct ntp_peer *p, const struct ev *ev,
			    const struct ntp_packet *x)
{
	if (!addr_equal(&ev->dgram.src.addr, &p->conf.addr) || ev->dgram.src.port != NTP_PORT)
		return "it is not from the server that was asked";
	if (x->mode != NTP_SERVER)
		return "its mode is not 4";
	if (x->version != p->conf.version)
		return "its version is not the request's";
	if (x->origin != p->transmit)
		return "its origin timestamp is not the request's transmit timestamp";
	if (x->transmit == 0)
		return "it has no transmit timestamp";
	if (x->auth == NTP_AUTH_NAK && !p->was_signed)
		return "a crypto-NAK, but the request was not signed";
	return NULL;
}

/* It must be signed by the key of this server, and that key be trusted. */
static bool is_authentic(struct ntp_host *h, struct ntp_peer *p, const struct ev *ev,
			 const struct ntp_packet *x, struct fx *fx)
{
	const struct ntp_key *key = ntp_conf_key(h->conf, x->key_id);

	if (x->auth == NTP_AUTH_NONE) {
		decide(fx, "ntp.client.drop-unauth-server", ntp_peer_name(p));
		ntp_peer_distrust(p, "its replies carry no digest");
		return false;
	}
	if (!key || x->key_id != p->conf.key || !ntp_verify(key, ev->dgram.data, x)) {
		decide(fx, "ntp.client.drop-key-mismatch", ntp_peer_name(p),
		       V_INT("key", x->key_id),
		       V_TEXT("what", x->key_id != p->conf.key
					      ? "the key id is not that of this server"
				      : !key ? "there is no key of that id"
					     : "the digest is not right: the secrets differ"));
		ntp_peer_distrust(p, "its key or secret is another one");
		return false;
	}
	if (!ntp_conf_trusts(h->conf, x->key_id)) {
		decide(fx, "ntp.client.drop-untrusted", ntp_peer_name(p), V_INT("key", x->key_id));
		ntp_peer_distrust(p, "its key is not trusted");
		return false;
	}
	return true;
}

static void deny(struct ntp_peer *p, const char *code)
{
	p->denied = true;
	p->next_ns = NEVER;
	ntp_peer_distrust(p, strcmp(code, "DENY") == 0 ? "it denies us service (DENY)"
						       : "it restricts us (RSTR)");
}

/* RFC 5905 §7.4. True when the reply was one. */
static bool is_kiss(struct ntp_peer *p, const struct ntp_packet *x, nsec_t now, struct fx *fx)
{
	static const char *const codes[] = { "DENY", "RSTR", "RATE" };
	uint8_t poll = x->poll > 0 && x->poll <= 17 ? (uint8_t)x->poll : 0;

	for (size_t i = 0; x->stratum == 0 && i < ARRAY_SIZE(codes); i++) {
		if (memcmp(x->refid, codes[i], 4) != 0)
			continue;
		if (i == 2) {
			p->poll = p->poll < NTP_MINPOLL ? NTP_MINPOLL : (uint8_t)(p->poll + 1);
			p->poll = p->poll < poll ? poll : p->poll;
			p->poll = p->poll > 17 ? 17 : p->poll;
			p->n_polls = p->n_polls < NTP_BURST ? NTP_BURST : p->n_polls;
			p->next_ns = now + (SEC << p->poll);
		} else {
			deny(p, codes[i]);
		}
		decide(fx, "ntp.client.kiss-code", ntp_peer_name(p), V_TEXT("code", codes[i]),
		       i == 2 ? V_DUR("what", SEC << p->poll) : V_TEXT("what", "never again"));
		return true;
	}
	return false;
}

static const char *unusable(const struct ntp_packet *x)
{
	int64_t distance = ntp_short_to_ns(x->root_delay) / 2 + ntp_short_to_ns(x->root_dispersion);

	if (x->leap == NTP_LEAP_UNSYNC)
		return "its clock is not synchronized (leap 3)";
	if (x->stratum == 0 || x->stratum >= NTP_STRATUM_MAX)
		return "its stratum says that it follows nobody";
	if (distance > NTP_MAX_DISTANCE)
		return "it is too far from its reference (more than 1.5 s)";
	return NULL;
}

static bool is_loop(const struct ntp_host *h, const struct ntp_packet *x)
{
	struct addr a = addr4(x->refid[0], x->refid[1], x->refid[2], x->refid[3]);

	return x->stratum > 1 && device_has_addr(h->dev, &a);
}

/* Its time must not be used, but it was reached. */
static bool is_useless(const struct ntp_host *h, struct ntp_peer *p, const struct ntp_packet *x,
		       struct fx *fx)
{
	const char *why = unusable(x);

	if (why) {
		decide(fx, "ntp.client.drop-unusable", ntp_peer_name(p), V_TEXT("reason", why),
		       V_INT("stratum", x->stratum));
		ntp_peer_distrust(p, why);
	} else if (is_loop(h, x)) {
		decide(fx, "ntp.client.drop-loop", ntp_peer_name(p));
		ntp_peer_distrust(p, "it follows this device");
		return true;
	}
	return why != NULL;
}

bool ntp_receive_check(struct ntp_host *h, struct ntp_peer *p, const struct ev *ev,
		       struct ntp_packet *ret, struct fx *fx)
{
	const char *why = NULL;

	if (ntp_decode(ev->dgram.data, ev->dgram.len, ret, &why) == 0)
		why = mismatch(p, ev, ret);
	if (why) {
		decide(fx, "ntp.client.drop-invalid", V_ADDR("sender", ev->dgram.src.addr),
		       V_TEXT("reason", why));
		return false;
	}
	p->sock = 0; /* a request is answered once: the caller closes its socket */
	if (ret->auth == NTP_AUTH_NAK) {
		decide(fx, "ntp.client.drop-crypto-nak", ntp_peer_name(p),
		       V_INT("key", p->conf.key));
		ntp_peer_distrust(p, "it does not take our digest (crypto-NAK)");
		return false;
	}
	if (h->conf->authenticate && !is_authentic(h, p, ev, ret, fx))
		return false;
	p->reach |= 1;
	p->heard_ns = ev->now;
	p->authentic = h->conf->authenticate;
	p->stratum = ret->stratum;
	memcpy(p->refid, ret->refid, 4);
	return !is_kiss(p, ret, ev->now, fx) && !is_useless(h, p, ret, fx);
}
