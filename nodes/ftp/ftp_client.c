/* The client's sessions: from the host's name to the last goodbye. */
#include "ftp/ftp_client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SOCK  16
#define CONNECT_NS  (30 * SEC)
#define GREETING_NS (120 * SEC)
#define WAIT_NS	    (60 * SEC)

void ftp_client_wait(struct ftp_client *h, struct ftp_connection *c, nsec_t now)
{
	bool greeting = c->current == FTP_UNKNOWN && c->state == CLIENT_CONNECTING;

	c->state = CLIENT_WAITING;
	timer_set(&h->timers, &c->timer, now + (greeting ? GREETING_NS : WAIT_NS));
}

void ftp_client_ask(struct ftp_client *h, struct ftp_connection *c, const struct ask *ask,
		    void (*then)(struct ftp_client *h, struct ftp_connection *c,
				 const struct answer *a, nsec_t now, struct fx *fx),
		    struct fx *fx)
{
	c->ask_id = ++h->next_ask;
	c->then = then;
	fx_ask(fx, c->ask_id, ask);
}

void ftp_client_print(const struct ftp_connection *c, const char *text, size_t len, struct fx *fx)
{
	struct sbuf out = SBUF(FX_STREAM_UNSENT_MAX);

	for (size_t i = 0; c->call && i < len; i++) {
		unsigned char ch = (unsigned char)text[i];

		if (ch == '\n' || ch == '\t' || (ch >= 32 && ch != 127))
			sbuf_put(&out, &text[i], 1);
		else if (ch != '\r')
			sbuf_puts(&out, "?");
	}
	if (out.len > 0)
		fx_print_text(fx, c->call, out.data, out.len);
	sbuf_done(&out);
}

/* --- the end ------------------------------------------------------------------------------ */

static void tell_asker(struct ftp_connection *c, const char *why, struct fx *fx)
{
	struct answer a = { .err = *why ? -EIO : 0 };
	bool octets = !*why && !c->move.sending && !*c->move.local;

	str_copy(a.why, sizeof(a.why), why);
	a.file.size = octets ? c->move.octets.len : c->move.bytes;
	a.file.len = octets ? c->move.octets.len : 0;
	fx_answer_octets(fx, c->asker, &a, octets ? sbuf_text(&c->move.octets) : "", a.file.len);
	c->asker = c->call = 0;
}

void ftp_client_end(struct ftp_client *h, struct ftp_connection *c, const char *why, nsec_t now,
		    struct fx *fx)
{
	char key[32];

	if (c->gone)
		return;
	ftp_move_end(h, c, *why ? why : "the session ended", now, fx);
	if (c->asker) {
		tell_asker(c, why, fx);
	} else if (c->call) {
		if (*why)
			fx_print(fx, c->call, "%% ftp: %s\n", why);
		fx_cmd_done(fx, c->call, *why ? 1 : 0);
	}
	timer_clear(&h->timers, &c->timer);
	if (c->number) {
		snprintf(key, sizeof(key), "client %u", c->number);
		fx_fact_end(fx, &ftp_session_fact, key, *why ? why : "QUIT");
	}
	if (c->sock)
		fx_close(fx, c->sock, CLOSE_FLUSH);
	c->gone = true;
}

static void connection_free(struct ftp_connection *c)
{
	sbuf_done(&c->input);
	sbuf_done(&c->move.octets);
	free(c);
}

static void reap(struct ftp_client *h)
{
	for (struct ftp_connection **p = &h->sessions, *c; (c = *p) != NULL;) {
		if (!c->gone) {
			p = &c->next;
			continue;
		}
		*p = c->next;
		h->n_sessions--;
		timer_clear(&h->timers, &c->timer);
		connection_free(c);
	}
}

/* --- the beginning ------------------------------------------------------------------------ */

static void connect_fails(struct ftp_client *h, struct ftp_connection *c, const char *why,
			  nsec_t now, struct fx *fx)
{
	decide(fx, "ftp.client.connect-fail", V_TEXT("host", c->host), V_TEXT("why", why));
	ftp_client_end(h, c, why, now, fx);
}

static void begin_at(struct ftp_client *h, struct ftp_connection *c, const struct addr *server,
		     nsec_t now, struct fx *fx)
{
	const struct iface *i = *ftp_names(h->conf)->source
					? device_iface_by_name(h->dev, ftp_names(h->conf)->source)
					: NULL;
	struct ep local = { .addr.family = server->family };

	if (i && server->family == 4)
		local.addr = iface_addr4(i).addr;
	c->peer.addr = *server;
	c->sock = h->next_sock++;
	c->number = ++h->n_begun;
	c->state = CLIENT_CONNECTING;
	decide(fx, "ftp.client.connect", SERVER(c), V_INT("port", c->peer.port));
	decide(fx, "ftp.control-tos", V_TEXT("role", "client"));
	fx_connect_from(fx, c->sock, &local, &c->peer, FTP_TOS);
	timer_set(&h->timers, &c->timer, now + CONNECT_NS);
}

static void resolved(struct ftp_client *h, struct ftp_connection *c, const struct answer *a,
		     nsec_t now, struct fx *fx)
{
	if (a->err || a->resolve.n_addrs == 0)
		connect_fails(h, c, a->err ? a->why : "the name has no address", now, fx);
	else
		begin_at(h, c, &a->resolve.addrs[0], now, fx);
}

static struct ftp_connection *connection_new(struct ftp_client *h, const char *host, uint16_t port,
					     struct fx *fx)
{
	struct ftp_connection *c;

	if (h->n_sessions >= CLIENT_SESSIONS_MAX) {
		decide(fx, "ftp.client.busy", V_INT("limit", CLIENT_SESSIONS_MAX));
		return NULL;
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		abort();
	str_copy(c->host, sizeof(c->host), host);
	c->peer.port = port ? port : FTP_PORT;
	c->active = h->conf->active;
	c->input.max = 2 * FTP_REPLY_MAX;
	c->next = h->sessions;
	h->sessions = c;
	h->n_sessions++;
	return c;
}

static void start(struct ftp_client *h, struct ftp_connection *c, const char *purpose, nsec_t now,
		  struct fx *fx)
{
	struct ask ask = { .kind = ASK_RESOLVE, .resolve.type = 1 };
	struct addr a;

	decide(fx, "ftp.client.purpose", V_TEXT("host", c->host), V_TEXT("purpose", purpose));
	if (addr_parse(c->host, &a) == 0) {
		begin_at(h, c, &a, now, fx);
		return;
	}
	str_copy(ask.resolve.name, sizeof(ask.resolve.name), c->host);
	ftp_client_ask(h, c, &ask, resolved, fx);
}

/* copy: what the URL leaves out is `ip ftp username`, or anonymous. */
static void on_ask(struct ftp_client *h, const struct ev *ev, struct fx *fx)
{
	const struct ask_transfer *t = &ev->ask.ask->transfer;
	struct ftp_connection *c = connection_new(h, t->host, t->port, fx);
	struct answer busy = { .err = -EBUSY, .why = "too many sessions at a time" };
	struct ftp_move *m;

	if (!c) {
		fx_answer(fx, ev->ask.ask_id, &busy);
		return;
	}
	m = &c->move;
	c->asker = ev->ask.ask_id;
	c->call = t->call;
	c->known = true;
	c->job = t->put ? JOB_PUT : JOB_GET;
	str_copy(c->user, sizeof(c->user), *t->user ? t->user : ftp_names(h->conf)->username);
	str_copy(c->password, sizeof(c->password),
		 *t->user ? t->password : ftp_names(h->conf)->password);
	if (!*c->user) {
		str_copy(c->user, sizeof(c->user), "anonymous");
		snprintf(c->password, sizeof(c->password), "%s@", h->dev->hostname);
	}
	str_copy(m->remote, sizeof(m->remote), t->path);
	str_copy(m->local, sizeof(m->local), t->file);
	m->sending = t->put;
	m->octets.max = TRANSFER_DATA_MAX;
	if (t->put && !*t->file)
		sbuf_put(&m->octets, t->data, t->len);
	start(h, c, t->put ? "to store a file" : "to fetch a file", ev->now, fx);
}

void ftp_run(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct ftp_client *h = machine;
	uint16_t port = call->n_args > 1 && call->args[1].type == ARG_NUMBER
				? (uint16_t)call->args[1].number
				: 0;
	struct ftp_connection *c = connection_new(h, call->args[0].text, port, fx);

	if (!c) {
		fx_print(fx, call->id, "%% ftp: too many sessions at a time\n");
		fx_cmd_done(fx, call->id, 1);
		return;
	}
	c->call = call->id;
	start(h, c, "for somebody at a terminal", now, fx);
}

/* --- events ------------------------------------------------------------------------------- */

static struct ftp_connection *connection_of(struct ftp_client *h, uint32_t sock)
{
	for (struct ftp_connection *c = h->sessions; c; c = c->next)
		if (sock && (c->sock == sock || c->move.sock == sock || c->move.listener == sock))
			return c;
	return NULL;
}

static void on_opened(struct ftp_client *h, const struct ev *ev, struct fx *fx)
{
	uint32_t listener = ev->opened.listener;
	struct ftp_connection *c = connection_of(h, listener ? listener : ev->opened.sock);

	if (!c) {
		fx_close(fx, ev->opened.sock, CLOSE_RESET);
	} else if (!listener && ev->opened.sock == c->sock) {
		c->local = ev->opened.local;
		if (!c->asker)
			fx_print(fx, c->call, "Connected to %s.\n", c->host);
		ftp_client_tell(c, fx);
		ftp_client_wait(h, c, ev->now);
	} else {
		ftp_move_opened(h, c, ev, fx);
	}
}

static void control_closed(struct ftp_client *h, struct ftp_connection *c, int err, nsec_t now,
			   struct fx *fx)
{
	c->sock = err ? 0 : c->sock;
	if (c->state == CLIENT_CONNECTING) {
		connect_fails(h, c, strerror(err), now, fx);
		return;
	}
	if (c->current == FTP_QUIT) {
		ftp_client_end(h, c, "", now, fx);
		return;
	}
	decide(fx, "ftp.client.control-lost", SERVER(c),
	       V_TEXT("why", err ? strerror(err) : "the server closed the connection"));
	if (c->move.number)
		decide(fx, "ftp.client.incomplete", SERVER(c), V_TEXT("file", c->move.remote),
		       V_TEXT("why", "the control connection is gone"));
	ftp_client_end(h, c, *c->why ? c->why : "the server closed the connection", now, fx);
}

static void on_stream(struct ftp_client *h, const struct ev *ev, struct fx *fx)
{
	struct ftp_connection *c = connection_of(h, ev->bytes.sock);

	if (!c)
		return;
	if (ev->kind == EV_BYTES && ev->bytes.sock == c->sock)
		ftp_client_bytes(h, c, ev, fx);
	else if (ev->kind == EV_BYTES)
		ftp_move_bytes(h, c, ev, fx);
	else if (ev->kind == EV_DRAINED && ev->closed.sock != c->sock)
		ftp_move_drained(h, c, ev->now, fx);
	else if (ev->kind == EV_CLOSED && ev->closed.sock == c->sock)
		control_closed(h, c, ev->closed.err, ev->now, fx);
	else if (ev->kind == EV_CLOSED)
		ftp_move_closed(h, c, ev->closed.err, ev->now, fx);
}

static void on_answer(struct ftp_client *h, const struct ev *ev, struct fx *fx)
{
	struct ftp_connection *c = h->sessions;

	while (c && (c->ask_id != ev->answer.ask_id || c->gone))
		c = c->next;
	if (!c)
		return;
	c->ask_id = 0;
	c->then(h, c, ev->answer.answer, ev->now, fx);
}

/* RFC 959 §4.1.3: whoever still listens should stop. */
static void on_timeout(struct ftp_client *h, struct ftp_connection *c, nsec_t now, struct fx *fx)
{
	if (c->state == CLIENT_CONNECTING) {
		connect_fails(h, c, "no answer in 30 seconds", now, fx);
		return;
	}
	decide(fx, "ftp.client.timeout", SERVER(c),
	       V_TEXT("command",
		      c->current == FTP_UNKNOWN ? "the greeting" : ftp_verb_name(c->current)));
	fx_write(fx, c->sock, "ABOR\r\n", 6);
	ftp_client_end(h, c, "the server does not answer", now, fx);
}

static void on_timer(struct ftp_client *h, nsec_t now, struct fx *fx)
{
	struct timer *t;

	for (int i = 0; i < CLIENT_SESSIONS_MAX && (t = timers_pop(&h->timers, now)) != NULL; i++)
		on_timeout(h, timer_owner(t, struct ftp_connection, timer), now, fx);
}

static void on_input(struct ftp_client *h, const struct ev *ev, struct fx *fx)
{
	struct ftp_connection *c = h->sessions;

	while (c && (c->asker || c->call != ev->input.call || c->gone))
		c = c->next;
	if (!c || c->state != CLIENT_PROMPTING)
		return;
	if (ev->input.how == INPUT_TYPED)
		ftp_prompt_typed(h, c, ev->input.text, ev->now, fx);
	else
		ftp_client_end(h, c,
			       ev->input.how == INPUT_NOBODY
				       ? "nobody is there to be asked (copy ftp://... asks nobody)"
				       : "",
			       ev->now, fx);
}

static void on_done(struct ftp_client *h, const struct ev *ev, struct fx *fx)
{
	struct ftp_connection *c = connection_of(h, ev->done.sock);

	if (!c)
		return;
	if (ev->done.sock == c->sock) {
		c->sock = ev->done.what == FX_CONNECT ? 0 : c->sock;
		connect_fails(h, c, ev->done.text, ev->now, fx);
		return;
	}
	if (ev->done.what == FX_CONNECT)
		c->move.sock = 0;
	if (ev->done.what == FX_LISTEN)
		c->move.listener = 0;
	ftp_move_closed(h, c, ev->done.err ? ev->done.err : EIO, ev->now, fx);
}

static void event(void *machine, const struct ev *ev, struct fx *fx)
{
	struct ftp_client *h = machine;

	switch (ev->kind) {
	case EV_ASK:
		on_ask(h, ev, fx);
		break;
	case EV_OPENED:
		on_opened(h, ev, fx);
		break;
	case EV_BYTES:
	case EV_DRAINED:
	case EV_CLOSED:
		on_stream(h, ev, fx);
		break;
	case EV_ANSWER:
		on_answer(h, ev, fx);
		break;
	case EV_TIMER:
		on_timer(h, ev->now, fx);
		break;
	case EV_INPUT:
		on_input(h, ev, fx);
		break;
	case EV_DONE:
		on_done(h, ev, fx);
		break;
	case EV_STOP:
		for (struct ftp_connection *c = h->sessions; c; c = c->next)
			ftp_client_end(h, c, "the device stops", ev->now, fx);
		break;
	case EV_START:
	case EV_CONF:
	case EV_DATAGRAM:
	case EV_LINK:
	case EV_ADDR:
	case EV_LINE:
	case EV_LOG:
	case EV_RESTORE:
		break;
	}
	reap(h);
}

static void *create(const struct machine_env *env)
{
	struct ftp_client *h = calloc(1, sizeof(*h));

	if (h) {
		h->dev = env->dev;
		h->conf = env->conf;
		h->next_sock = FIRST_SOCK;
		rng_seed(&h->rng, env->seed);
	}
	return h;
}

static void destroy(void *machine)
{
	struct ftp_client *h = machine;

	if (!h)
		return;
	for (struct ftp_connection *c = h->sessions; c; c = c->next)
		c->gone = true;
	reap(h);
	timers_done(&h->timers);
	free(h);
}

static nsec_t deadline(const void *machine)
{
	return timers_deadline(&((const struct ftp_client *)machine)->timers);
}

const struct machine_class ftp_client_class = {
	.name = "ftp.client",
	.kinds = KINDS_L3,
	.answers = BIT(ASK_TRANSFER),
	.transfers = "ftp",
	.create = create,
	.destroy = destroy,
	.event = event,
	.deadline = deadline,
};
