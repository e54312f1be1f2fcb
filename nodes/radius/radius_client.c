/* The client: a login is a request to one server after the other, until one answers. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/sbuf.h"
#include "radius/radius.h"

enum { SOCK4 = 1, SOCK6 };
enum { PORT_TYPE_VIRTUAL = 5 }; /* RFC 2865 §5.41 */
#define REQUEST_MAX 640

/* What is known of a server that was asked. */
struct peer {
	struct ep ep; /* unset = free */
	bool seen_ma; /* it signs its answers */
	nsec_t dead_until;
	unsigned requests, retransmissions, timeouts, accepts, rejects, challenges, incorrect;
};

struct login {
	bool used;
	uint32_t ask_id, call; /* who waits: a machine or a command */
	struct ask_login q;
	unsigned next; /* place of the server that is asked when this one is silent */
	struct radius_server_conf server;
	struct ep to;
	int tries;
	uint8_t id, authenticator[MD5_LEN];
	nsec_t sent_ns, deadline;
	char key[16]; /* of its fact */
	size_t len;
	uint8_t octets[REQUEST_MAX];
};

struct radius_client {
	const struct radius_conf *conf;
	const struct device *dev;
	struct rng rng;
	unsigned bound; /* BIT(socket) */
	uint8_t next_id;
	unsigned n_logins, n_asked;
	nsec_t deadline;
	struct peer *peers;   /* RADIUS_SERVERS_MAX; these are NULL before the first login */
	struct login *logins; /* RADIUS_LOGINS_MAX */
};

/* --- servers ------------------------------------------------------------------------------ */

static struct peer *peer_of(struct radius_client *c, const struct ep *ep)
{
	struct peer *free_one = NULL;

	for (unsigned i = 0; i < RADIUS_SERVERS_MAX; i++) {
		struct peer *p = &c->peers[i];

		if (p->ep.port == ep->port && addr_equal(&p->ep.addr, &ep->addr))
			return p;
		if (!free_one && !addr_is_set(&p->ep.addr))
			free_one = p;
	}
	if (!free_one)
		free_one = &c->peers[rng_below(&c->rng, RADIUS_SERVERS_MAX)];
	*free_one = (struct peer){ .ep = *ep };
	return free_one;
}

static const char *key_of(const struct radius_client *c, const struct radius_server_conf *s)
{
	return *s->key ? s->key : c->conf->key;
}

static nsec_t timeout_of(const struct radius_client *c, const struct radius_server_conf *s)
{
	return (s->timeout_s >= 0 ? s->timeout_s : c->conf->timeout_s) * SEC;
}

static int tries_of(const struct radius_client *c, const struct radius_server_conf *s)
{
	return 1 + (s->retransmit >= 0 ? s->retransmit : c->conf->retransmit);
}

/* --- the end of a login ------------------------------------------------------------------- */

static void tell(const struct login *l, const char *result, const char *reason, struct fx *fx)
{
	fact_begin(fx, &aaa_request_fact, l->key, V_TEXT("role", "client"),
		   V_TEXT("user", l->q.user), V_ADDR("server", l->to.addr),
		   V_TEXT("service", l->q.service), V_TEXT("result", result),
		   V_TEXT("reason", reason));
}

static void set_deadline(struct radius_client *c)
{
	c->deadline = NEVER;
	for (unsigned i = 0; c->n_logins > 0 && i < RADIUS_LOGINS_MAX; i++)
		if (c->logins[i].used && c->logins[i].deadline < c->deadline)
			c->deadline = c->logins[i].deadline;
}

/* err: 0, -EACCES (a server said no), or that nobody knows. */
static void finish(struct radius_client *c, struct login *l, int err, int level, const char *why,
		   struct fx *fx)
{
	struct answer a = { .err = err };

	if (l->key[0]) {
		tell(l, err == 0 ? "accepted" : err == -EACCES ? "rejected" : "error", why, fx);
		fx_fact_end(fx, &aaa_request_fact, l->key, "answered");
	}
	if (err == 0)
		a.login.privilege = level;
	else
		str_copy(a.why, sizeof(a.why), why);
	if (l->call) {
		fx_print(fx, l->call, "%s\n",
			 err == 0	  ? "User was successfully authenticated."
			 : err == -EACCES ? "User authentication request was rejected by server."
					  : "No authoritative response from any server.");
		fx_cmd_done(fx, l->call, err != 0);
	} else {
		fx_answer(fx, l->ask_id, &a);
	}
	memset(l, 0, sizeof(*l)); /* the password as well */
	c->n_logins--;
}

/* --- asking ------------------------------------------------------------------------------- */

static void open_socket(struct radius_client *c, uint32_t sock, uint8_t family, struct fx *fx)
{
	if (!(c->bound & BIT(sock)))
		fx_bind(fx, &(struct fx_bind){ .sock = sock,
					       .kind = SOCK_UDP,
					       .local = { .addr = { .family = family } } });
	c->bound |= BIT(sock);
}

static struct addr source_of(const struct radius_client *c)
{
	const struct iface *i = device_iface(c->dev, c->conf->source_ifid);

	return i ? iface_addr4(i).addr : (struct addr){ 0 };
}

/* RFC 2865 §5.4: an address of this device; that towards the server if it is on a link. */
static void put_nas_address(const struct radius_client *c, const struct login *l,
			    struct radius_out *o)
{
	const struct iface *i = device_iface_for(c->dev, &l->to.addr);
	struct addr a = source_of(c);

	if (!addr_is_set(&a) && i)
		a = iface_addr4(i).addr;
	for (unsigned n = 0; !addr_is_set(&a) && n < c->dev->n_ifaces; n++)
		a = iface_addr4(&c->dev->ifaces[n]).addr;
	if (addr_is_set(&a))
		radius_put(o, RADIUS_NAS_IP_ADDRESS, a.b, 4);
	else
		radius_put_text(o, RADIUS_NAS_IDENTIFIER, c->dev->hostname);
}

static bool id_is_pending(const struct radius_client *c, uint8_t id)
{
	for (unsigned i = 0; i < RADIUS_LOGINS_MAX; i++)
		if (c->logins[i].used && c->logins[i].len > 0 && c->logins[i].id == id)
			return true;
	return false;
}

static void build(struct radius_client *c, struct login *l)
{
	uint8_t hidden[RADIUS_PASSWORD_MAX];
	const char *secret = key_of(c, &l->server);
	char peer[ADDR_TEXT_LEN];
	struct radius_out o;
	size_t n;

	while (id_is_pending(c, c->next_id))
		c->next_id++;
	l->id = c->next_id++;
	for (unsigned i = 0; i < MD5_LEN; i++)
		l->authenticator[i] = (uint8_t)rng_u32(&c->rng);
	radius_begin(&o, RADIUS_ACCESS_REQUEST, l->id, true);
	radius_put_text(&o, RADIUS_USER_NAME, l->q.user);
	n = radius_hide(secret, l->authenticator, l->q.password, hidden);
	radius_put(&o, RADIUS_USER_PASSWORD, hidden, n);
	put_nas_address(c, l, &o);
	radius_put_u32(&o, RADIUS_NAS_PORT, (uint32_t)l->q.line);
	radius_put_u32(&o, RADIUS_NAS_PORT_TYPE, PORT_TYPE_VIRTUAL);
	radius_put_u32(&o, RADIUS_SERVICE_TYPE, RADIUS_LOGIN);
	if (addr_is_set(&l->q.peer))
		radius_put_text(&o, RADIUS_CALLING_STATION_ID, addr_format(&l->q.peer, peer));
	radius_seal_request(&o, secret, l->authenticator);
	l->len = o.len; /* below REQUEST_MAX: each text has its maximum */
	memcpy(l->octets, o.octets, o.len);
}

static void send_request(struct radius_client *c, struct login *l, nsec_t now, struct fx *fx)
{
	bool v6 = l->to.addr.family == 6;
	struct addr source = v6 ? (struct addr){ 0 } : source_of(c);

	l->tries++;
	l->sent_ns = now;
	l->deadline = now + timeout_of(c, &l->server);
	decide(fx, "radius.client.send-request", V_ADDR("server", l->to.addr),
	       V_TEXT("user", l->q.user), V_INT("id", l->id), V_INT("try", l->tries));
	open_socket(c, v6 ? SOCK6 : SOCK4, v6 ? 6 : 4, fx);
	fx_send(fx, &(struct fx_send){ .sock = v6 ? SOCK6 : SOCK4,
				       .src = { .addr = source },
				       .dst = l->to,
				       .data = l->octets,
				       .len = l->len });
}

/* The next server that has address and key and is not dead; false: there is none. */
static bool next_server(struct radius_client *c, struct login *l, nsec_t now, struct fx *fx)
{
	for (; l->next < c->conf->n_servers; l->next++) {
		const struct radius_server_conf *s = &c->conf->servers[l->next];
		struct ep ep = { s->addr, s->auth_port };

		if (!addr_is_set(&s->addr) || !*key_of(c, s) || peer_of(c, &ep)->dead_until > now)
			continue;
		l->server = *s;
		l->to = ep;
		l->next++;
		l->tries = 0;
		l->len = 0;
		build(c, l);
		peer_of(c, &ep)->requests++;
		tell(l, "pending", "", fx);
		send_request(c, l, now, fx);
		return true;
	}
	return false;
}

static void nobody(struct radius_client *c, struct login *l, const char *what, struct fx *fx)
{
	decide(fx, "radius.client.error", V_TEXT("user", l->q.user), V_TEXT("what", what));
	finish(c, l, -EHOSTUNREACH, 0, what, fx);
}

static struct login *new_login(struct radius_client *c)
{
	if (!c->logins) {
		c->logins = calloc(RADIUS_LOGINS_MAX, sizeof(*c->logins));
		c->peers = calloc(RADIUS_SERVERS_MAX, sizeof(*c->peers));
		if (!c->logins || !c->peers)
			abort();
	}
	for (unsigned i = 0; i < RADIUS_LOGINS_MAX; i++)
		if (!c->logins[i].used)
			return &c->logins[i];
	return NULL;
}

static void begin(struct radius_client *c, const struct ask_login *q, uint32_t ask_id,
		  uint32_t call, nsec_t now, struct fx *fx)
{
	struct login spare = { 0 }, *l = new_login(c);
	bool full = !l;

	l = l ? l : &spare;
	*l = (struct login){ .used = true, .ask_id = ask_id, .call = call, .q = *q };
	c->n_logins++;
	if (full) {
		decide(fx, "radius.client.not-sent", V_TEXT("user", q->user),
		       V_TEXT("reason", "16 others are being asked about"));
		finish(c, l, -EBUSY, 0, "too many logins at a time", fx);
		return;
	}
	snprintf(l->key, sizeof(l->key), "client %u", ++c->n_asked);
	if (!next_server(c, l, now, fx)) {
		l->key[0] = '\0';
		nobody(c, l, "no server with address and key is configured, or all are dead", fx);
	}
}

/* --- what comes back ---------------------------------------------------------------------- */

static struct login *login_of(struct radius_client *c, const struct radius_packet *p,
			      const struct ep *from)
{
	for (unsigned i = 0; c->n_logins > 0 && i < RADIUS_LOGINS_MAX; i++) {
		struct login *l = &c->logins[i];

		if (l->used && l->id == p->id && l->to.port == from->port &&
		    addr_equal(&l->to.addr, &from->addr))
			return l;
	}
	return NULL;
}

static void drop_invalid(const struct ev *ev, const char *why, struct fx *fx)
{
	decide(fx, "radius.client.drop-invalid", V_ADDR("sender", ev->dgram.src.addr),
	       V_TEXT("reason", why));
}

/* An answer without Message-Authenticator can be forged by who sees the request (CVE-2024-3596). */
static const char *must_be_signed(const struct radius_client *c, const struct peer *p,
				  const struct radius_packet *x)
{
	return c->conf->require_ma			 ? "this device requires one"
	       : p->seen_ma				 ? "this server has sent one before"
	       : radius_count(x, RADIUS_EAP_MESSAGE) > 0 ? "it carries EAP"
							 : NULL;
}

static void accepted(struct radius_client *c, struct login *l, const struct radius_packet *x,
		     struct peer *p, struct fx *fx)
{
	uint32_t service = radius_number(x, RADIUS_SERVICE_TYPE, RADIUS_LOGIN);
	int level = radius_privilege(x);
	bool has = service == RADIUS_LOGIN || service == RADIUS_NAS_PROMPT ||
		   service == RADIUS_ADMINISTRATIVE;
	char what[64];

	if (level < 0)
		level = service == RADIUS_ADMINISTRATIVE ? 15 : 1;
	snprintf(what, sizeof(what), has ? "privilege %d" : "this device has no such service",
		 level);
	decide(fx, "radius.client.accept-service", V_ADDR("server", l->to.addr),
	       V_TEXT("user", l->q.user), V_INT("service", service), V_TEXT("what", what));
	if (!has) {
		p->rejects++;
		finish(c, l, -EACCES, 0, "accepted for a service that this device lacks", fx);
		return;
	}
	p->accepts++;
	decide(fx, "radius.client.accept", V_ADDR("server", l->to.addr), V_TEXT("user", l->q.user));
	finish(c, l, 0, level, "Access-Accept", fx);
}

static void result(struct radius_client *c, struct login *l, const struct radius_packet *x,
		   struct peer *p, struct fx *fx)
{
	struct val server = V_ADDR("server", l->to.addr), user = V_TEXT("user", l->q.user);

	decide(fx, "radius.client.extract-result", server, V_INT("id", x->id),
	       V_TEXT("code", radius_code_name(x->code)));
	if (x->code == RADIUS_ACCESS_ACCEPT) {
		accepted(c, l, x, p, fx);
	} else if (x->code == RADIUS_ACCESS_REJECT) {
		p->rejects++;
		decide(fx, "radius.client.reject", server, user);
		finish(c, l, -EACCES, 0, "Access-Reject", fx);
	} else {
		/* RFC 2865 §4.4: who cannot ask the user again takes it for a Reject. */
		p->challenges++;
		decide(fx, "radius.client.error", user,
		       V_TEXT("what", "a challenge, which this device cannot pass on: a reject"));
		finish(c, l, -EACCES, 0, "Access-Challenge", fx);
	}
}

static void on_datagram(struct radius_client *c, const struct ev *ev, struct fx *fx)
{
	struct radius_packet x;
	enum radius_ma ma;
	struct login *l;
	struct peer *p;
	const char *why;

	if (radius_decode(ev->dgram.data, ev->dgram.len, &x, &why) < 0) {
		drop_invalid(ev, why, fx);
		return;
	}
	if (x.code != RADIUS_ACCESS_ACCEPT && x.code != RADIUS_ACCESS_REJECT &&
	    x.code != RADIUS_ACCESS_CHALLENGE) {
		drop_invalid(ev, "its code is not 2, 3 or 11", fx);
		return;
	}
	l = login_of(c, &x, &ev->dgram.src);
	if (!l) {
		decide(fx, "radius.client.drop-not-pending", V_ADDR("sender", ev->dgram.src.addr),
		       V_INT("id", x.id), V_TEXT("code", radius_code_name(x.code)));
		return;
	}
	p = peer_of(c, &l->to);
	ma = radius_check_ma(&x, key_of(c, &l->server), l->authenticator);
	why = !radius_check_authenticator(&x, key_of(c, &l->server), l->authenticator)
		      ? "its Response Authenticator is wrong: forged, or another key"
	      : ma == RADIUS_MA_WRONG ? "its Message-Authenticator is wrong"
				      : NULL;
	if (why) {
		p->incorrect++;
		drop_invalid(ev, why, fx);
		return;
	}
	why = ma == RADIUS_MA_NONE ? must_be_signed(c, p, &x) : NULL;
	if (why) {
		p->incorrect++;
		decide(fx, "radius.client.drop-no-message-authenticator",
		       V_ADDR("server", l->to.addr), V_TEXT("code", radius_code_name(x.code)),
		       V_TEXT("why", why));
		return;
	}
	p->seen_ma |= ma == RADIUS_MA_RIGHT;
	result(c, l, &x, p, fx);
}

static void timed_out(struct radius_client *c, struct login *l, nsec_t now, struct fx *fx)
{
	bool again = l->tries < tries_of(c, &l->server);
	struct peer *p = peer_of(c, &l->to);

	p->timeouts++;
	decide(fx, "radius.client.timeout", V_ADDR("server", l->to.addr), V_INT("id", l->id),
	       V_DUR("waited", now - l->sent_ns),
	       V_TEXT("next", again ? "the same packet once more" : "the next server, if any"));
	if (again) {
		p->retransmissions++;
		send_request(c, l, now, fx);
		return;
	}
	if (c->conf->deadtime_min > 0)
		p->dead_until = now + c->conf->deadtime_min * 60 * SEC;
	if (!next_server(c, l, now, fx))
		nobody(c, l, "no server answered", fx);
}

static void on_timer(struct radius_client *c, nsec_t now, struct fx *fx)
{
	for (unsigned i = 0; c->n_logins > 0 && i < RADIUS_LOGINS_MAX; i++)
		if (c->logins[i].used && c->logins[i].deadline <= now)
			timed_out(c, &c->logins[i], now, fx);
}

/* --- commands ----------------------------------------------------------------------------- */

/* test aaa group radius USER PASSWORD [legacy|new-code] */
void radius_run_test(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct radius_client *c = machine;
	struct ask_login q = { .service = "test" };

	if (!str_copy(q.user, sizeof(q.user), call->args[0].text) ||
	    !str_copy(q.password, sizeof(q.password), call->args[1].text)) {
		decide(fx, "radius.client.not-sent", V_TEXT("user", q.user),
		       V_TEXT("reason", "the name is above 63 octets, or the password above 127"));
		fx_print(fx, call->id, "%% the name or the password is too long\n");
		fx_cmd_done(fx, call->id, 1);
		return;
	}
	fx_print(fx, call->id,
		 "Attempting authentication test to server-group radius using radius\n");
	begin(c, &q, 0, call->id, now, fx);
	set_deadline(c);
}

void radius_run_show(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	static const struct peer untouched;
	struct radius_client *c = machine;
	char addr[ADDR_TEXT_LEN];

	decide(fx, "radius.show.servers", V_INT("count", c->conf->n_servers));
	for (unsigned i = 0; i < c->conf->n_servers; i++) {
		const struct radius_server_conf *s = &c->conf->servers[i];
		const struct peer *p =
			c->peers ? peer_of(c, &(struct ep){ s->addr, s->auth_port }) : &untouched;

		fx_print(
			fx, call->id,
			"RADIUS: id %u, priority %u, host %s, auth-port %u, acct-port %u\n"
			"     State: current %s\n"
			"     Authen: request %u, timeouts %u, retransmission %u\n"
			"             Response: accept %u, reject %u, challenge %u, incorrect %u\n",
			i + 1, i + 1,
			addr_is_set(&s->addr) ? addr_format(&s->addr, addr) : "(no address)",
			s->auth_port, s->acct_port, p->dead_until > now ? "DEAD" : "UP",
			p->requests, p->timeouts, p->retransmissions, p->accepts, p->rejects,
			p->challenges, p->incorrect);
	}
	fx_cmd_done(fx, call->id, 0);
}

/* --- the machine -------------------------------------------------------------------------- */

static void client_event(void *machine, const struct ev *ev, struct fx *fx)
{
	struct radius_client *c = machine;

	if (ev->kind == EV_ASK)
		begin(c, &ev->ask.ask->login, ev->ask.ask_id, 0, ev->now, fx);
	else if (ev->kind == EV_DATAGRAM)
		on_datagram(c, ev, fx);
	else if (ev->kind == EV_TIMER)
		on_timer(c, ev->now, fx);
	set_deadline(c);
}

static nsec_t client_deadline(const void *machine)
{
	return ((const struct radius_client *)machine)->deadline;
}

static void *client_create(const struct machine_env *env)
{
	struct radius_client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->conf = env->conf;
	c->dev = env->dev;
	c->deadline = NEVER;
	rng_seed(&c->rng, env->seed);
	c->next_id = (uint8_t)rng_u32(&c->rng);
	return c;
}

static void client_destroy(void *machine)
{
	struct radius_client *c = machine;

	if (c) {
		free(c->logins);
		free(c->peers);
	}
	free(c);
}

const struct machine_class radius_client_class = {
	.name = "radius.client",
	.kinds = KIND_BIT(KIND_ROUTER) | KIND_BIT(KIND_SERVER),
	.answers = BIT(ASK_LOGIN),
	.logins = "radius",
	.create = client_create,
	.destroy = client_destroy,
	.event = client_event,
	.deadline = client_deadline,
};
