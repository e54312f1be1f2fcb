/* The listeners of HTTP and HTTPS, the server's certificate, and the handshakes of its clients. */
#include "http/http_server.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ASK_CERT 0x50000000u /* between the ids of connections and those of gateways */

/* --- faces ------------------------------------------------------------------------------------ */

static uint32_t listener_of(enum face_id id)
{
	return SERVER_LISTENER + 2 * (uint32_t)id;
}

bool http_listen_owns(uint32_t listener)
{
	return listener >= SERVER_LISTENER && listener < SERVER_LISTENER + 2 * N_FACES;
}

bool http_listen_is_secure(uint32_t listener)
{
	return listener >= listener_of(FACE_SECURE);
}

static bool is_wanted(const struct http_server *s, enum face_id id)
{
	return id == FACE_PLAIN ? s->conf->enabled : s->conf->secure;
}

static uint16_t port_of(const struct http_server *s, enum face_id id)
{
	return id == FACE_PLAIN ? s->conf->port : s->conf->secure_port;
}

/* Each family has its listener; a device without IPv6 does without the second. */
static void listen_on(struct http_server *s, enum face_id id, struct fx *fx)
{
	struct face *f = &s->faces[id];
	struct ep any4 = { .addr = addr4(0, 0, 0, 0), .port = port_of(s, id) };
	struct ep any6 = { .addr = { .family = 6 }, .port = any4.port };

	f->port = any4.port;
	f->listening = f->listening6 = true;
	decide(fx, "http.server.listen", V_INT("port", f->port));
	fx_listen(fx, listener_of(id), &any4);
	fx_listen(fx, listener_of(id) + 1, &any6);
}

static void close_face(struct http_server *s, enum face_id id, struct fx *fx)
{
	struct face *f = &s->faces[id];
	struct conn *c, *next;

	HASH_ITER(hh, s->conns, c, next)
	{
		if (c->secure != (id == FACE_SECURE))
			continue;
		http_conn_close(c, fx, CLOSE_FLUSH);
		http_conn_settle(s, c, 0, fx);
	}
	if (f->listening)
		fx_close(fx, listener_of(id), CLOSE_FLUSH);
	if (f->listening6)
		fx_close(fx, listener_of(id) + 1, CLOSE_FLUSH);
	f->listening = f->listening6 = false;
}

void http_listen_close(struct http_server *s, struct fx *fx)
{
	for (enum face_id id = 0; id < N_FACES; id++)
		close_face(s, id, fx);
}

bool http_listen_failed(struct http_server *s, const struct ev *ev, struct fx *fx)
{
	struct face *f;

	if (ev->done.what != FX_LISTEN || !http_listen_owns(ev->done.sock))
		return false;
	f = &s->faces[(ev->done.sock - SERVER_LISTENER) / 2];
	if ((ev->done.sock - SERVER_LISTENER) % 2 == 1) {
		f->listening6 = false;
		return true;
	}
	f->listening = false;
	decide(fx, "http.server.no-listener", V_INT("port", f->port),
	       V_TEXT("reason", ev->done.text));
	return true;
}

/* --- the certificate -------------------------------------------------------------------------- */

/* The device's names and all its addresses. NULL octets everywhere else: identities are compared
 * whole. */
static void make_identity(const struct http_server *s, struct tls_identity *id)
{
	const struct http_server_conf *conf = s->conf;

	memset(id, 0, sizeof(*id));
	id->kind = conf->cert;
	str_copy(id->names[id->n_names++], ASK_NAME_MAX, s->dev->hostname);
	for (unsigned i = 0; i < conf->n_names && id->n_names < TLS_NAMES_MAX; i++)
		str_copy(id->names[id->n_names++], ASK_NAME_MAX, conf->names[i]);
	for (unsigned i = 0; i < s->dev->n_ifaces; i++) {
		const struct iface *f = &s->dev->ifaces[i];

		for (unsigned a = 0; a < f->n_addrs && id->n_addrs < TLS_ADDRS_MAX; a++)
			id->addrs[id->n_addrs++] = f->addrs[a].addr;
	}
}

/* Asks for a certificate when there is none for who the device is now. */
static void want_certificate(struct http_server *s, struct fx *fx)
{
	struct tls_identity id;
	struct ask ask = { .kind = ASK_CERTIFICATE, .certificate = &id };

	make_identity(s, &id);
	if (s->identity && memcmp(s->identity, &id, sizeof(id)) == 0)
		return;
	if (!s->identity)
		s->identity = malloc(sizeof(id));
	if (!s->identity)
		abort();
	memcpy(s->identity, &id, sizeof(id));
	fx_ask(fx, ASK_CERT, &ask);
}

static const char *day(int64_t unix_s, char *out, size_t size)
{
	time_t t = (time_t)unix_s;
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(out, size, "%Y-%m-%d", &tm);
	return out;
}

static void tell_certificate(const struct answer *a, struct fx *fx)
{
	char from[16], to[16];

	decide(fx, "http.https.certificate", V_TEXT("names", a->certificate.names),
	       V_TEXT("issuer", a->certificate.issuer),
	       V_TEXT("until", day(a->certificate.to_s, to, sizeof(to))),
	       V_TEXT("fingerprint", a->certificate.fingerprint));
	fact_begin(fx, &http_certificate_fact, "https", V_TEXT("subject", a->certificate.subject),
		   V_TEXT("issuer", a->certificate.issuer), V_TEXT("names", a->certificate.names),
		   V_TEXT("valid_from", day(a->certificate.from_s, from, sizeof(from))),
		   V_TEXT("valid_to", to), V_TEXT("fingerprint", a->certificate.fingerprint));
}

bool http_listen_answer(struct http_server *s, uint32_t ask_id, const struct answer *a,
			struct fx *fx)
{
	if (ask_id != ASK_CERT)
		return false;
	if (a->err) {
		decide(fx, "http.https.no-certificate", V_TEXT("reason", a->why));
		free(s->identity); /* asked for again when something changes */
		s->identity = NULL;
		return true;
	}
	tell_certificate(a, fx);
	if (s->conf->secure && !s->faces[FACE_SECURE].listening)
		listen_on(s, FACE_SECURE, fx);
	return true;
}

/* --- what is wanted now ----------------------------------------------------------------------- */

static void apply_face(struct http_server *s, enum face_id id, struct fx *fx)
{
	struct face *f = &s->faces[id];
	bool want = is_wanted(s, id);
	uint16_t port = f->port;

	if (f->listening && (!want || port != port_of(s, id))) {
		close_face(s, id, fx);
		f->told_off = false;
		if (want)
			decide(fx, "http.server.moved", V_INT("from", port),
			       V_INT("port", port_of(s, id)));
	}
	/* HTTPS listens when its first certificate is there. */
	if (want && !f->listening && (id == FACE_PLAIN || s->identity))
		listen_on(s, id, fx);
	if (!want && !f->told_off)
		decide(fx, "http.server.service-disabled", V_INT("port", port_of(s, id)));
	f->told_off = !want;
}

void http_listen_apply(struct http_server *s, struct fx *fx)
{
	apply_face(s, FACE_PLAIN, fx);
	if (s->identity)
		apply_face(s, FACE_SECURE, fx);
	if (s->conf->secure)
		want_certificate(s, fx);
}

/* --- handshakes ------------------------------------------------------------------------------- */

void http_secure_begin(struct http_server *s, struct conn *c, struct fx *fx)
{
	fx_starttls(fx, c->sock, &(struct fx_tls){ .identity = s->identity });
}

void http_secure_done(struct http_server *s, struct conn *c, const struct ev *ev, struct fx *fx)
{
	const struct ev_tls *tls = ev->opened.tls;

	if (c->state != CONN_HANDSHAKE)
		return;
	decide(fx, "http.https.same", V_ADDR("peer", c->peer.addr), V_TEXT("version", tls->version),
	       V_TEXT("cipher", tls->cipher), V_TEXT("name", tls->name[0] ? tls->name : "none"));
	http_conn_to(c, CONN_IDLE);
	c->active_ns = ev->now;
	http_conn_settle(s, c, ev->now, fx);
}

void http_secure_failed(struct conn *c, const char *why, struct fx *fx)
{
	decide(fx, "http.https.drop-bad-handshake", V_ADDR("client", c->peer.addr),
	       V_INT("port", c->local.port), V_TEXT("reason", why));
}
