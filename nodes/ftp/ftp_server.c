/* The server's control connections: who is let in, what happens to them, timers. */
#include "ftp/ftp_server.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LISTENER4  1
#define LISTENER6  2
#define FIRST_SOCK 16
#define FOREVER	   0 /* a state without a timer */

/* --- states ------------------------------------------------------------------- */

void ftp_enter(struct ftp_server *h, struct ftp_session *s, enum ftp_state state, nsec_t now)
{
	const nsec_t wait[] = {
		[FTP_READY] = h->conf->idle_ns, [FTP_ASKING] = FOREVER,	    [FTP_PENALTY] = 1 * SEC,
		[FTP_OPENING] = FTP_OPEN_NS,	[FTP_MOVING] = FTP_MOVE_NS, [FTP_STORING] = FOREVER
	};

	s->state = state;
	if (wait[state] == FOREVER)
		timer_clear(&h->timers, &s->timer);
	else
		timer_set(&h->timers, &s->timer, now + wait[state]);
}

void ftp_ready(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	(void)fx;
	if (!s->gone)
		ftp_enter(h, s, FTP_READY, now);
}

/* --- questions ---------------------------------------------------------------------------- */

void ftp_ask(struct ftp_server *h, struct ftp_session *s, const struct ask *ask,
	     void (*then)(struct ftp_server *h, struct ftp_session *s, const struct answer *a,
			  nsec_t now, struct fx *fx),
	     struct fx *fx)
{
	s->ask_id = ++h->next_ask;
	s->then = then;
	fx_ask(fx, s->ask_id, ask);
}

bool ftp_real_path(const struct ftp_server *h, const char *path, char *out, size_t size)
{
	const char *root = ftp_names(h->conf)->root;
	int n = snprintf(out, size, "%s%s", root, *root || *path != '/' ? path : path + 1);

	return n >= 0 && (size_t)n < size;
}

void ftp_ask_file(struct ftp_server *h, struct ftp_session *s, enum file_op op, const char *path,
		  void (*then)(struct ftp_server *h, struct ftp_session *s, const struct answer *a,
			       nsec_t now, struct fx *fx),
		  struct fx *fx)
{
	struct ask ask = { .kind = ASK_FILE, .file.op = op };

	s->state = FTP_ASKING;
	timer_clear(&h->timers, &s->timer);
	if (!ftp_real_path(h, path, ask.file.path, sizeof(ask.file.path)))
		ask.file.path[0] = '\0'; /* cannot be: s->path was checked with the root */
	ftp_ask(h, s, &ask, then, fx);
}

/* --- sessions ----------------------------------------------------------------------------- */

void ftp_session_end(struct ftp_server *h, struct ftp_session *s, const char *why, struct fx *fx)
{
	char key[32];

	if (s->gone)
		return;
	ftp_data_close(s, s->state == FTP_MOVING ? CLOSE_RESET : CLOSE_FLUSH, fx);
	ftp_transfer_drop(h, s, why, h->now, fx);
	timer_clear(&h->timers, &s->timer);
	snprintf(key, sizeof(key), "server %u", s->number);
	fx_fact_end(fx, &ftp_session_fact, key, why);
	fx_close(fx, s->sock, CLOSE_FLUSH);
	s->gone = true;
}

static void session_free(struct ftp_session *s)
{
	sbuf_done(&s->input);
	sbuf_done(&s->data.octets);
	free(s);
}

static void reap(struct ftp_server *h)
{
	for (struct ftp_session **p = &h->sessions, *s; (s = *p) != NULL;) {
		if (!s->gone) {
			p = &s->next;
			continue;
		}
		*p = s->next;
		h->n_sessions--;
		timer_clear(&h->timers, &s->timer);
		session_free(s);
	}
}

/* RFC 959 §5.4: 421 in place of the greeting. */
static void turn_away(const struct ev *ev, const char *why, struct fx *fx)
{
	static const char text[] = "421 Too many sessions, come back later.\r\n";

	decide(fx, "ftp.server.greet", V_ADDR("client", ev->opened.peer.addr), V_INT("code", 421),
	       V_TEXT("why", why));
	fx_write(fx, ev->opened.sock, text, sizeof(text) - 1);
	fx_close(fx, ev->opened.sock, CLOSE_FLUSH);
}

static void on_accepted(struct ftp_server *h, const struct ev *ev, struct fx *fx)
{
	struct ftp_session *s;
	unsigned n_peer = 0;

	for (s = h->sessions; s; s = s->next)
		n_peer += addr_equal(&s->peer.addr, &ev->opened.peer.addr);
	if (h->n_sessions >= SESSIONS_MAX || n_peer >= SESSIONS_PEER_MAX) {
		turn_away(ev,
			  n_peer >= SESSIONS_PEER_MAX ? "its address has 16 sessions"
						      : "50 sessions are open",
			  fx);
		return;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		abort();
	s->sock = ev->opened.sock;
	s->number = ++h->n_begun;
	s->local = ev->opened.local;
	s->peer = ev->opened.peer;
	s->input.max = FTP_INPUT_MAX;
	s->cause = ev->cause;
	str_copy(s->cwd, sizeof(s->cwd), "/");
	s->next = h->sessions;
	h->sessions = s;
	h->n_sessions++;
	decide(fx, "ftp.server.greet", CLIENT(s), V_INT("code", 220), V_TEXT("why", "welcome"));
	ftp_reply(s, 220, fx, "%s FTP server ready.", h->dev->hostname);
	ftp_session_tell(s, fx);
	ftp_enter(h, s, FTP_READY, ev->now);
}

/* --- events ------------------------------------------------------------------------------- */

static struct ftp_session *session_of(struct ftp_server *h, uint32_t sock)
{
	for (struct ftp_session *s = h->sessions; s; s = s->next)
		if (s->sock == sock || (s->data.sock && s->data.sock == sock) ||
		    (s->data.listener && s->data.listener == sock))
			return s;
	return NULL;
}

static void on_opened(struct ftp_server *h, const struct ev *ev, struct fx *fx)
{
	uint32_t listener = ev->opened.listener;
	struct ftp_session *s;

	if (listener == LISTENER4 || listener == LISTENER6) {
		on_accepted(h, ev, fx);
		return;
	}
	s = session_of(h, listener ? listener : ev->opened.sock);
	if (!s)
		fx_close(fx, ev->opened.sock, CLOSE_RESET);
	else if (listener)
		ftp_data_accepted(h, s, ev, fx);
	else
		ftp_data_connected(h, s, ev->now, fx);
	if (s)
		ftp_run_lines(h, s, ev->now, fx);
}

static void on_stream(struct ftp_server *h, const struct ev *ev, struct fx *fx)
{
	struct ftp_session *s = session_of(h, ev->bytes.sock);

	if (!s)
		return;
	if (ev->kind == EV_BYTES && ev->bytes.sock == s->sock) {
		ftp_control_bytes(h, s, ev, fx);
		return;
	}
	if (ev->kind == EV_BYTES)
		ftp_transfer_bytes(h, s, ev, fx);
	else if (ev->kind == EV_DRAINED && ev->closed.sock == s->data.sock)
		ftp_transfer_drained(h, s, ev->now, fx);
	else if (ev->kind == EV_CLOSED && ev->closed.sock == s->sock)
		ftp_session_end(h, s, "the client closed the connection", fx);
	else if (ev->kind == EV_CLOSED)
		ftp_transfer_closed(h, s, ev->closed.err, ev->now, fx);
	ftp_run_lines(h, s, ev->now, fx);
}

static void on_answer(struct ftp_server *h, const struct ev *ev, struct fx *fx)
{
	struct ftp_session *s = h->sessions;

	while (s && (s->ask_id != ev->answer.ask_id || s->gone))
		s = s->next;
	if (!s)
		return;
	s->ask_id = 0;
	s->then(h, s, ev->answer.answer, ev->now, fx);
	ftp_run_lines(h, s, ev->now, fx);
}

static void on_timeout(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	switch (s->state) {
	case FTP_READY:
		if (s->input.len > 0 && memchr(s->input.data, '\n', s->input.len))
			return; /* it had many lines */
		decide(fx, "ftp.server.idle", CLIENT(s), USER(s), V_DUR("wait", h->conf->idle_ns));
		ftp_reply(s, 421, fx, "No command for too long; goodbye.");
		ftp_session_end(h, s, "no command came", fx);
		break;
	case FTP_PENALTY:
		ftp_reply(s, 530, fx, "Login incorrect.");
		ftp_session_end(h, s, "login failed", fx);
		break;
	case FTP_OPENING:
		ftp_data_failed(h, s, "it did not open in 30 seconds", now, fx);
		break;
	case FTP_MOVING:
		ftp_transfer_lost(h, s, 426, "no octet for 60 seconds", now, fx);
		break;
	case FTP_ASKING:
	case FTP_STORING:
		break; /* these have no timer */
	}
}

static void on_timer(struct ftp_server *h, nsec_t now, struct fx *fx)
{
	struct timer *t;

	for (int i = 0; i < SESSIONS_MAX && (t = timers_pop(&h->timers, now)) != NULL; i++) {
		struct ftp_session *s = timer_owner(t, struct ftp_session, timer);

		on_timeout(h, s, now, fx);
		ftp_run_lines(h, s, now, fx);
	}
}

static void on_done(struct ftp_server *h, const struct ev *ev, struct fx *fx)
{
	struct ftp_session *s = session_of(h, ev->done.sock);

	if (ev->done.what == FX_LISTEN && ev->done.sock == LISTENER4) {
		decide(fx, "ftp.server.no-port", V_TEXT("why", ev->done.text));
		h->listening = false;
	}
	if (!s || ev->done.sock == s->sock)
		return;
	if (ev->done.what == FX_LISTEN) {
		s->data.listener = 0;
		ftp_data_close(s, CLOSE_RESET, fx);
	} else if (ev->done.what == FX_CONNECT) {
		s->data.sock = 0;
		ftp_data_failed(h, s, ev->done.text, ev->now, fx);
	} else if (s->state == FTP_MOVING) {
		ftp_transfer_lost(h, s, 451, ev->done.text, ev->now, fx);
	}
	ftp_run_lines(h, s, ev->now, fx);
}

static void stop(struct ftp_server *h, const char *why, struct fx *fx)
{
	for (struct ftp_session *s = h->sessions; s; s = s->next) {
		ftp_reply(s, 421, fx, "Service not available: %s.", why);
		ftp_session_end(h, s, why, fx);
	}
	if (h->listening) {
		fx_close(fx, LISTENER4, CLOSE_RESET);
		fx_close(fx, LISTENER6, CLOSE_RESET);
	}
	h->listening = false;
}

static void start_or_stop(struct ftp_server *h, struct fx *fx)
{
	if (h->conf->server == h->listening)
		return;
	if (!h->conf->server) {
		decide(fx, "ftp.server.service-disabled");
		stop(h, "it was turned off", fx);
		return;
	}
	if (!h->conf->server_mentioned)
		decide(fx, "ftp.server.enabled-default");
	decide(fx, "ftp.server.listen-control");
	decide(fx, "ftp.control-tos", V_TEXT("role", "server"));
	h->listening = true;
	fx_listen_tos(fx, LISTENER4, &(struct ep){ { .family = 4 }, FTP_PORT }, FTP_TOS);
	fx_listen_tos(fx, LISTENER6, &(struct ep){ { .family = 6 }, FTP_PORT }, FTP_TOS);
}

static void event(void *machine, const struct ev *ev, struct fx *fx)
{
	struct ftp_server *h = machine;

	h->now = ev->now;
	switch (ev->kind) {
	case EV_START:
	case EV_CONF:
		start_or_stop(h, fx);
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
	case EV_DONE:
		on_done(h, ev, fx);
		break;
	case EV_STOP:
		stop(h, "the device stops", fx);
		break;
	case EV_DATAGRAM:
	case EV_LINK:
	case EV_ADDR:
	case EV_ASK:
	case EV_INPUT:
	case EV_LINE:
	case EV_LOG:
	case EV_RESTORE:
		break;
	}
	reap(h);
}

static void *create(const struct machine_env *env)
{
	struct ftp_server *h = calloc(1, sizeof(*h));

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
	struct ftp_server *h = machine;

	if (!h)
		return;
	for (struct ftp_session *s = h->sessions; s; s = s->next)
		s->gone = true;
	reap(h);
	timers_done(&h->timers);
	free(h);
}

static nsec_t deadline(const void *machine)
{
	return timers_deadline(&((const struct ftp_server *)machine)->timers);
}

const struct machine_class ftp_server_class = {
	.name = "ftp.server",
	.kinds = KIND_BIT(KIND_SERVER) | KIND_BIT(KIND_ROUTER),
	.create = create,
	.destroy = destroy,
	.event = event,
	.deadline = deadline,
};

void ftp_run_show_server(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	const struct ftp_server *h = machine;
	char addr[ADDR_TEXT_LEN];

	(void)now;
	fx_print(fx, call->id, "FTP server is %s\n", h->listening ? "on" : "off");
	fx_print(fx, call->id,
		 "%u sessions, %" PRIu64 " transfers done, %" PRIu64 " failed, %" PRIu64
		 " octets\n",
		 h->n_sessions, h->n_done, h->n_failed, h->n_bytes);
	for (const struct ftp_session *s = h->sessions; s; s = s->next)
		fx_print(fx, call->id, "%s: %s in %s, %" PRIu64 " commands\n",
			 addr_format(&s->peer.addr, addr), s->logged_in ? s->user : "(no login)",
			 s->cwd, s->n_commands);
	fx_cmd_done(fx, call->id, 0);
}
