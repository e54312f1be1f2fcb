/* The server: which device asks, about whom, and what it is told. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"
#include "radius/radius.h"

enum { SOCK_AUTH = 1, N_SOCKS = 8 }; /* four ports of IPv4, then the same of IPv6 */

static const uint16_t ports[] = { RADIUS_AUTH_PORT, RADIUS_OLD_AUTH_PORT, RADIUS_ACCT_PORT,
				  RADIUS_OLD_ACCT_PORT };

/* An answer that was given: a repeated request gets it again (RFC 5080 §2.2.2). */
struct recent {
	struct ep from;
	uint16_t port; /* to which it was sent */
	uint8_t id, authenticator[MD5_LEN];
	nsec_t at;
	size_t len; /* 0 = free */
	uint8_t *octets;
};

struct radius_server {
	const struct radius_conf *conf;
	const struct device *dev;
	unsigned bound;	  /* BIT(socket) */
	uint64_t seen_ma; /* BIT per client: it signs its requests */
	unsigned n_requests, next_recent;
	struct recent *recent; /* RADIUS_RECENT_MAX; NULL before the first */
};

/* A request that is being answered. */
struct request {
	const struct ev *ev;
	struct radius_packet x;
	const struct radius_client_conf *client;
	char user[64];
};

static void bind_port(struct radius_server *s, unsigned i, struct fx *fx)
{
	if (s->bound & BIT(i))
		return;
	s->bound |= BIT(i);
	fx_bind(fx, &(struct fx_bind){ .sock = SOCK_AUTH + i,
				       .kind = SOCK_UDP,
				       .local = { { .family = i < 4 ? 4 : 6 }, ports[i % 4] } });
}

/* A service that is off holds one socket, so that a request meets a decision. */
static void follow_conf(struct radius_server *s, struct fx *fx)
{
	bind_port(s, 0, fx);
	for (unsigned i = 1; s->conf->service && i < N_SOCKS; i++)
		bind_port(s, i, fx);
	s->seen_ma = 0;
}

static bool is_accounting(const struct ev *ev)
{
	return ev->dgram.dst.port == RADIUS_ACCT_PORT || ev->dgram.dst.port == RADIUS_OLD_ACCT_PORT;
}

static struct val client_of(const struct ev *ev)
{
	return V_ADDR("client", ev->dgram.src.addr);
}

/* --- answers ------------------------------------------------------------------------------ */

static bool is_repeated(const struct recent *r, const struct request *q)
{
	return r->len > 0 && r->id == q->x.id && r->port == q->ev->dgram.dst.port &&
	       q->ev->now - r->at <= RADIUS_RECENT_NS && r->from.port == q->ev->dgram.src.port &&
	       addr_equal(&r->from.addr, &q->ev->dgram.src.addr) &&
	       memcmp(r->authenticator, q->x.authenticator, MD5_LEN) == 0;
}

static void send_octets(const struct ev *ev, const uint8_t *octets, size_t len, struct fx *fx)
{
	fx_send(fx, &(struct fx_send){ .sock = ev->dgram.sock,
				       .src = ev->dgram.dst,
				       .dst = ev->dgram.src,
				       .data = octets,
				       .len = len });
}

static bool answer_again(struct radius_server *s, const struct request *q, struct fx *fx)
{
	for (unsigned i = 0; s->recent && i < RADIUS_RECENT_MAX; i++)
		if (is_repeated(&s->recent[i], q)) {
			decide(fx, "radius.server.duplicate", client_of(q->ev),
			       V_INT("id", q->x.id));
			send_octets(q->ev, s->recent[i].octets, s->recent[i].len, fx);
			return true;
		}
	return false;
}

static void remember(struct radius_server *s, const struct request *q, const struct radius_out *o)
{
	struct recent *r;

	if (!s->recent)
		s->recent = calloc(RADIUS_RECENT_MAX, sizeof(*s->recent));
	if (!s->recent)
		abort();
	r = &s->recent[s->next_recent++ % RADIUS_RECENT_MAX];
	free(r->octets);
	*r = (struct recent){ .from = q->ev->dgram.src,
			      .port = q->ev->dgram.dst.port,
			      .id = q->x.id,
			      .at = q->ev->now,
			      .len = o->len,
			      .octets = malloc(o->len) };
	if (!r->octets)
		abort();
	memcpy(r->authenticator, q->x.authenticator, MD5_LEN);
	memcpy(r->octets, o->octets, o->len);
}

/* RFC 2865 §5.33: unchanged and in order. Then the packet is whole. */
static void seal(const struct request *q, struct radius_out *o, struct fx *fx)
{
	struct radius_attr a = { 0 };
	unsigned n = 0;

	while (radius_next(&q->x, &a))
		if (a.type == RADIUS_PROXY_STATE) {
			radius_put(o, RADIUS_PROXY_STATE, a.value, a.len);
			n++;
		}
	if (n > 0)
		decide(fx, "radius.server.proxy-state", client_of(q->ev), V_INT("count", n));
	radius_seal_reply(o, q->client->key, q->x.authenticator);
	if (o->ma_at)
		decide(fx, "radius.server.reply-message-authenticator", client_of(q->ev),
		       V_TEXT("code", radius_code_name(o->octets[0])));
}

static void answer(struct radius_server *s, const struct request *q, const struct radius_out *o,
		   struct fx *fx)
{
	remember(s, q, o);
	send_octets(q->ev, o->octets, o->len, fx);
}

static void tell(struct radius_server *s, const struct request *q, const char *result,
		 const char *reason, struct fx *fx)
{
	char key[24];

	snprintf(key, sizeof(key), "server %u", ++s->n_requests);
	fact_begin(fx, &aaa_request_fact, key, V_TEXT("role", "server"), V_TEXT("user", q->user),
		   V_ADDR("server", q->ev->dgram.dst.addr), V_TEXT("service", q->client->name),
		   V_TEXT("result", result), V_TEXT("reason", reason));
	fx_fact_end(fx, &aaa_request_fact, key, "answered");
}

static void accept_user(struct radius_server *s, const struct request *q,
			const struct radius_user *u, struct fx *fx)
{
	struct radius_out o;

	radius_begin(&o, RADIUS_ACCESS_ACCEPT, q->x.id, true);
	radius_put_u32(&o, RADIUS_SERVICE_TYPE,
		       u->privilege == 15 ? RADIUS_ADMINISTRATIVE : RADIUS_NAS_PROMPT);
	radius_put_privilege(&o, u->privilege);
	seal(q, &o, fx);
	decide(fx, "radius.server.accept", client_of(q->ev), V_TEXT("user", q->user),
	       V_INT("privilege", u->privilege));
	tell(s, q, "accepted", "", fx);
	answer(s, q, &o, fx);
}

static void reject_user(struct radius_server *s, const struct request *q, const char *why,
			struct fx *fx)
{
	struct radius_out o;

	radius_begin(&o, RADIUS_ACCESS_REJECT, q->x.id, true);
	seal(q, &o, fx);
	decide(fx, "radius.server.reject", client_of(q->ev), V_TEXT("user", q->user),
	       V_TEXT("reason", why));
	tell(s, q, "rejected", why, fx);
	answer(s, q, &o, fx);
}

/* --- authentication ----------------------------------------------------------------------- */

static const struct radius_user *user_of(const struct radius_conf *c, const char *name)
{
	for (unsigned i = 0; i < c->n_users; i++)
		if (strcmp(c->users[i].name, name) == 0)
			return &c->users[i];
	return NULL;
}

/* A wrong key garbles the password, which is all that shows it where nothing is signed. */
static const char *wrong_password(const char *password, bool is_signed)
{
	for (const char *p = password; !is_signed && *p; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
			return "bad-key-suspected: the password is garbled";
	return "wrong password";
}

static void check_password(struct radius_server *s, const struct request *q, bool is_signed,
			   struct fx *fx)
{
	const struct radius_user *u = user_of(s->conf, q->user);
	char password[RADIUS_PASSWORD_MAX + 1];
	const char *why = NULL;
	struct radius_attr a;

	radius_find(&q->x, RADIUS_USER_PASSWORD, &a);
	if (radius_unhide(q->client->key, q->x.authenticator, &a, password) < 0)
		why = "the password's length is no multiple of 16 up to 128";
	else if (!u)
		why = "no such user";
	else if (strcmp(u->password, password) != 0)
		why = wrong_password(password, is_signed);
	memset(password, 0, sizeof(password));
	decide(fx, "radius.server.authenticate", V_TEXT("user", q->user),
	       V_INT("users", s->conf->n_users),
	       V_TEXT("result", why ? why : "the password is right"));
	if (why)
		reject_user(s, q, why, fx);
	else
		accept_user(s, q, u, fx);
}

static void check_chap(struct radius_server *s, const struct request *q, struct fx *fx)
{
	const struct radius_user *u = user_of(s->conf, q->user);
	const char *why = !u					    ? "no such user"
			  : radius_chap_matches(&q->x, u->password) ? NULL
								    : "wrong password";

	decide(fx, "radius.server.chap", V_TEXT("user", q->user),
	       V_TEXT("result", why ? why : "it is right"));
	if (why)
		reject_user(s, q, why, fx);
	else
		accept_user(s, q, u, fx);
}

static void authenticate(struct radius_server *s, struct request *q, bool is_signed, struct fx *fx)
{
	unsigned n_pap = radius_count(&q->x, RADIUS_USER_PASSWORD);
	unsigned n_chap = radius_count(&q->x, RADIUS_CHAP_PASSWORD);
	const char *why = NULL;

	if (!radius_text(&q->x, RADIUS_USER_NAME, q->user, sizeof(q->user)))
		why = "it names no user, or one with a name above 63 octets";
	else if (n_pap + n_chap != 1)
		why = n_pap + n_chap > 1 ? "it has several passwords"
					 : "it has no password of a kind that is known here";
	if (why) {
		decide(fx, "radius.server.no-credentials", client_of(q->ev), V_TEXT("reason", why));
		reject_user(s, q, why, fx);
		return;
	}
	decide(fx, "radius.server.extract-credentials", client_of(q->ev), V_TEXT("user", q->user),
	       V_TEXT("method", n_pap ? "a hidden password" : "a CHAP answer"));
	if (n_pap)
		check_password(s, q, is_signed, fx);
	else
		check_chap(s, q, fx);
}

/* --- accounting and status ---------------------------------------------------------------- */

static void drop_accounting(const struct ev *ev, const char *why, struct fx *fx)
{
	decide(fx, "radius.server.drop-accounting", client_of(ev), V_TEXT("reason", why));
}

static const char *status_name(uint32_t status)
{
	return status == 1   ? "start"
	       : status == 2 ? "stop"
	       : status == 3 ? "interim"
			     : "another status";
}

static void account(struct radius_server *s, struct request *q, struct fx *fx)
{
	static const uint8_t zero[MD5_LEN];
	uint32_t status = radius_number(&q->x, RADIUS_ACCT_STATUS_TYPE, 0);
	char session[64], key[128], addr[ADDR_TEXT_LEN];
	struct radius_out o;

	if (!s->conf->accounting) {
		drop_accounting(q->ev, "accounting is not switched on", fx);
		return;
	}
	if (!radius_check_authenticator(&q->x, q->client->key, zero)) {
		drop_accounting(q->ev, "its Request Authenticator is wrong: another key", fx);
		return;
	}
	if (status == 0) {
		drop_accounting(q->ev, "it has no Acct-Status-Type", fx);
		return;
	}
	if (answer_again(s, q, fx))
		return;
	radius_text(&q->x, RADIUS_USER_NAME, q->user, sizeof(q->user));
	radius_text(&q->x, RADIUS_ACCT_SESSION_ID, session, sizeof(session));
	radius_begin(&o, RADIUS_ACCOUNTING_RESPONSE, q->x.id, false);
	seal(q, &o, fx);
	decide(fx, "radius.server.accounting", client_of(q->ev), V_TEXT("user", q->user),
	       V_TEXT("session", session), V_TEXT("status", status_name(status)));
	snprintf(key, sizeof(key), "%s %s", addr_format(&q->ev->dgram.src.addr, addr), session);
	fact_begin(fx, &aaa_accounting_fact, key, client_of(q->ev), V_TEXT("user", q->user),
		   V_TEXT("session", session), V_TEXT("status", status_name(status)),
		   V_INT("seconds", radius_number(&q->x, RADIUS_ACCT_SESSION_TIME, 0)));
	if (status == 2)
		fx_fact_end(fx, &aaa_accounting_fact, key, "stopped");
	answer(s, q, &o, fx);
}

static void status(struct radius_server *s, struct request *q, struct fx *fx)
{
	struct radius_out o;

	radius_begin(&o, is_accounting(q->ev) ? RADIUS_ACCOUNTING_RESPONSE : RADIUS_ACCESS_ACCEPT,
		     q->x.id, !is_accounting(q->ev));
	seal(q, &o, fx);
	decide(fx, "radius.server.status", client_of(q->ev));
	answer(s, q, &o, fx);
}

/* --- requests ----------------------------------------------------------------------------- */

static const struct radius_client_conf *find_client(const struct radius_conf *c,
						    const struct addr *a)
{
	for (unsigned i = 0; i < c->n_clients; i++)
		if (addr_equal(&c->clients[i].addr, a))
			return &c->clients[i];
	return NULL;
}

static void drop_mismatch(const struct ev *ev, const char *why, struct fx *fx)
{
	decide(fx, "radius.server.drop-client-mismatch", client_of(ev), V_TEXT("reason", why));
}

/* Is this Access-Request signed as it has to be? False: it was dropped. */
static bool is_signed_enough(struct radius_server *s, const struct request *q, enum radius_ma ma,
			     struct fx *fx)
{
	uint64_t bit = (uint64_t)1 << (q->client - s->conf->clients);
	const char *why = radius_count(&q->x, RADIUS_EAP_MESSAGE) > 0 ? "it carries EAP"
			  : q->client->require_ma		      ? "this client must send one"
			  : s->seen_ma & bit ? "this client has sent one before"
					     : NULL;

	if (ma == RADIUS_MA_RIGHT) {
		s->seen_ma |= bit;
		return true;
	}
	if (why) {
		decide(fx, "radius.server.drop-no-message-authenticator", client_of(q->ev),
		       V_TEXT("why", why));
		return false;
	}
	if (q->client->type != RADIUS_TYPE_PROXY && radius_count(&q->x, RADIUS_PROXY_STATE) > 0) {
		decide(fx, "radius.server.drop-proxy-state", client_of(q->ev));
		return false;
	}
	return true;
}

static void access(struct radius_server *s, struct request *q, struct fx *fx)
{
	enum radius_ma ma = radius_check_ma(&q->x, q->client->key, q->x.authenticator);

	if (ma == RADIUS_MA_WRONG) {
		drop_mismatch(q->ev, "its Message-Authenticator proves another key", fx);
		return;
	}
	if (q->x.code == RADIUS_STATUS_SERVER) {
		if (ma == RADIUS_MA_NONE)
			decide(fx, "radius.server.drop-invalid", client_of(q->ev),
			       V_TEXT("reason", "Status-Server without a Message-Authenticator"));
		else if (!answer_again(s, q, fx))
			status(s, q, fx);
		return;
	}
	if (is_signed_enough(s, q, ma, fx) && !answer_again(s, q, fx))
		authenticate(s, q, ma == RADIUS_MA_RIGHT, fx);
}

/* Decodes, and looks at what must hold of any request. False: it was dropped. */
static bool is_proper(struct radius_server *s, struct request *q, struct fx *fx)
{
	unsigned wanted = is_accounting(q->ev) ? RADIUS_ACCOUNTING_REQUEST : RADIUS_ACCESS_REQUEST;
	struct val client = client_of(q->ev), code;
	const char *why;

	if (!s->conf->service) {
		decide(fx, "radius.server.drop-disabled", client);
		return false;
	}
	if (radius_decode(q->ev->dgram.data, q->ev->dgram.len, &q->x, &why) < 0) {
		decide(fx, "radius.server.drop-invalid", client, V_TEXT("reason", why));
		return false;
	}
	code = V_TEXT("code", radius_code_name(q->x.code));
	if (q->x.code != wanted && q->x.code != RADIUS_STATUS_SERVER) {
		decide(fx, "radius.server.drop-other-code", client, code,
		       V_INT("port", q->ev->dgram.dst.port));
		return false;
	}
	decide(fx, "radius.server.continue", client, code, V_INT("id", q->x.id));
	return true;
}

static void on_datagram(struct radius_server *s, const struct ev *ev, struct fx *fx)
{
	struct request q = { .ev = ev };

	if (!is_proper(s, &q, fx))
		return;
	decide(fx, "radius.server.verify-client", client_of(ev));
	q.client = find_client(s->conf, &ev->dgram.src.addr);
	if (!q.client && q.x.code == RADIUS_ACCOUNTING_REQUEST)
		drop_accounting(ev, "nobody with this address is a client", fx);
	else if (!q.client)
		drop_mismatch(ev, "nobody with this address is a client", fx);
	else if (q.client->type == RADIUS_TYPE_TACACS)
		drop_mismatch(ev, "it is a client of TACACS+", fx);
	else if (q.x.code == RADIUS_ACCOUNTING_REQUEST)
		account(s, &q, fx);
	else
		access(s, &q, fx);
}

/* --- the machine -------------------------------------------------------------------------- */

void radius_run_show_server(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	static const char *const types[] = { "radius", "proxy", "tacacs" };
	struct radius_server *s = machine;
	char addr[ADDR_TEXT_LEN];

	(void)now;
	decide(fx, "radius.show.clients", V_INT("count", s->conf->n_clients));
	fx_print(fx, call->id, "RADIUS is %s, accounting is %s; %u users\n",
		 s->conf->service ? "on" : "off", s->conf->accounting ? "on" : "off",
		 s->conf->n_users);
	for (unsigned i = 0; i < s->conf->n_clients; i++)
		fx_print(fx, call->id, "%-20s %-39s %s\n", s->conf->clients[i].name,
			 addr_format(&s->conf->clients[i].addr, addr),
			 types[s->conf->clients[i].type]);
	fx_cmd_done(fx, call->id, 0);
}

static void server_event(void *machine, const struct ev *ev, struct fx *fx)
{
	struct radius_server *s = machine;

	if (ev->kind == EV_START || ev->kind == EV_CONF)
		follow_conf(s, fx);
	else if (ev->kind == EV_DATAGRAM)
		on_datagram(s, ev, fx);
	else if (ev->kind == EV_DONE && ev->done.what == FX_BIND)
		decide(fx, "radius.server.no-port",
		       V_INT("port", ports[(ev->done.sock - SOCK_AUTH) % 4]),
		       V_TEXT("reason", ev->done.text));
}

static void *server_create(const struct machine_env *env)
{
	struct radius_server *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->conf = env->conf;
	s->dev = env->dev;
	return s;
}

static void server_destroy(void *machine)
{
	struct radius_server *s = machine;

	for (unsigned i = 0; s && s->recent && i < RADIUS_RECENT_MAX; i++)
		free(s->recent[i].octets);
	if (s)
		free(s->recent);
	free(s);
}

const struct machine_class radius_server_class = {
	.name = "radius.server",
	.kinds = KIND_BIT(KIND_SERVER),
	.create = server_create,
	.destroy = server_destroy,
	.event = server_event,
};
