/* The client: whole files from a server or to it, for `copy` (ASK_TRANSFER) and for `tftp`. */
#include "tftp/tftp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct tftp_client {
	struct tftp_host host; /* first; there is nothing else yet */
};

#define SERVER(s)  V_ADDR("server", (s)->peer.addr)
#define FILE(s)	   V_TEXT("file", (s)->name)
#define SIGN_EVERY 10 /* blocks to one ! */

/* --- what the person sees ----------------------------------------------------------------- */

static void progress(struct tftp_host *h, struct tftp_session *s, char sign, struct fx *fx)
{
	(void)h;
	if (!s->call || (sign == '!' && s->block % SIGN_EVERY != 1))
		return;
	s->n_signs++;
	fx_print(fx, s->call, "%c", sign);
}

/* As IOS begins the line of signs; a file that is sent has none. */
static void print_loading(struct tftp_host *h, struct tftp_session *s, struct fx *fx)
{
	const struct iface *i = device_iface_for(h->dev, &s->peer.addr);
	char addr[ADDR_TEXT_LEN];

	if (!s->call || s->sending)
		return;
	if (i)
		fx_print(fx, s->call, "Loading %s from %s (via %s): ", s->name,
			 addr_format(&s->peer.addr, addr), i->name);
	else
		fx_print(fx, s->call, "Loading %s from %s: ", s->name,
			 addr_format(&s->peer.addr, addr));
}

static void print_end(struct tftp_session *s, nsec_t now, struct fx *fx)
{
	nsec_t took = now > s->began_ns ? now - s->began_ns : 1;

	if (s->n_signs > 0 || !s->failed)
		fx_print(fx, s->call, "\n");
	if (!s->failed && !s->sending)
		fx_print(fx, s->call, "[OK - %" PRIu64 " bytes]\n\n", s->bytes);
	if (s->asker)
		return;
	if (s->failed)
		fx_print(fx, s->call, "%% tftp: %s\n", s->why);
	else
		fx_print(fx, s->call,
			 "Transfer successful: %" PRIu64 " bytes in %" PRId64
			 " second(s), %.0f bytes/s\n",
			 s->bytes, (took + SEC / 2) / SEC,
			 (double)s->bytes / ((double)took / (double)SEC));
}

static void ended(struct tftp_host *h, struct tftp_session *s, nsec_t now, struct fx *fx)
{
	struct answer a = { .err = !s->failed			      ? 0
				   : strcmp(s->why, "Timed out") == 0 ? -ETIMEDOUT
								      : -EIO };
	bool octets = !s->failed && !s->sending && !*s->path;

	(void)h;
	if (s->call)
		print_end(s, now, fx);
	if (s->asker) {
		str_copy(a.why, sizeof(a.why), s->why);
		a.file.size = octets ? s->octets.len : s->bytes;
		a.file.len = octets ? s->octets.len : 0;
		fx_answer_octets(fx, s->asker, &a, octets ? sbuf_text(&s->octets) : "",
				 octets ? s->octets.len : 0);
	} else {
		fx_cmd_done(fx, s->call, s->failed ? 1 : 0);
	}
	s->call = s->asker = 0; /* the session may linger */
}

/* --- the request -------------------------------------------------------------------------- */

static bool asks(const struct tftp_terms *t)
{
	return t->has_blksize || t->has_timeout || t->has_tsize;
}

static void send_request(struct tftp_host *h, struct tftp_session *s, nsec_t now, struct fx *fx)
{
	enum tftp_op op = s->sending ? TFTP_WRQ : TFTP_RRQ;
	const struct tftp_terms none = { 0 };
	struct wr w;

	s->state = TFTP_REQUESTED;
	s->peer.port = s->port;
	decide(fx, "tftp.client.send-request", SERVER(s), FILE(s),
	       V_TEXT("kind", s->sending ? "WRITE" : "READ"),
	       V_TEXT("mode", tftp_mode_name(s->mode)),
	       V_TEXT("options", !s->plain && asks(&s->asked) ? "with options" : "no options"));
	tftp_session_packet(s, &w);
	tftp_put_request(&w, op, s->name, s->mode, s->plain ? &none : &s->asked);
	tftp_session_send(h, s, &w, now, fx);
}

static void begin_at(struct tftp_host *h, struct tftp_session *s, const struct addr *server,
		     nsec_t now, struct fx *fx)
{
	const struct iface *i =
		*h->conf->source ? device_iface_by_name(h->dev, h->conf->source) : NULL;
	struct addr local = { .family = server->family };

	s->peer.addr = *server;
	if (i && server->family == 4 && addr_is_set(&i->addrs[0].addr))
		local = iface_addr4(i).addr;
	tftp_session_bind(h, s, &local, fx);
	if (s->mode == TFTP_NETASCII)
		decide(fx, "tftp.session.netascii", V_ADDR("peer", s->peer.addr), FILE(s));
	tftp_fact(h, s, "running", now, fx);
	send_request(h, s, now, fx);
}

static void no_host(struct tftp_host *h, struct tftp_session *s, const char *why, nsec_t now,
		    struct fx *fx)
{
	decide(fx, "tftp.client.no-host", V_TEXT("host", s->host), V_TEXT("why", why));
	tftp_session_end(h, s, why, now, fx);
}

static void find_host(struct tftp_host *h, struct tftp_session *s, nsec_t now, struct fx *fx)
{
	struct ask ask = { .kind = ASK_RESOLVE, .resolve.type = 1 };
	struct addr a;

	if (addr_parse(s->host, &a) == 0) {
		begin_at(h, s, &a, now, fx);
		return;
	}
	str_copy(ask.resolve.name, sizeof(ask.resolve.name), s->host);
	s->resolving = ++h->next_ask;
	fx_ask(fx, s->resolving, &ask);
}

static void on_resolved(struct tftp_host *h, struct tftp_session *s, const struct ev *ev,
			struct fx *fx)
{
	const struct answer *a = ev->answer.answer;

	s->resolving = 0;
	if (a->err || a->resolve.n_addrs == 0)
		no_host(h, s, a->err ? a->why : "the name has no address", ev->now, fx);
	else
		begin_at(h, s, &a->resolve.addrs[0], ev->now, fx);
}

/* The first octets of what is to be sent. */
static void opened(struct tftp_host *h, struct tftp_session *s, const struct answer *a, nsec_t now,
		   struct fx *fx)
{
	if (a->err) {
		decide(fx, "tftp.client.no-file", FILE(s), V_TEXT("path", s->path),
		       V_TEXT("why", a->why));
		tftp_session_end(h, s, a->why, now, fx);
		return;
	}
	tftp_file_take(s, a);
	s->asked.tsize = s->size;
	find_host(h, s, now, fx);
}

/* --- the first answer --------------------------------------------------------------------- */

static void learn_tid(struct tftp_host *h, struct tftp_session *s, struct fx *fx)
{
	s->has_tid = true;
	decide(fx, "tftp.client.learn-tid", SERVER(s), V_INT("port", s->peer.port));
	print_loading(h, s, fx);
}

/* RFC 2347: may the server grant this? NULL, or why not. */
static const char *wrong_terms(const struct tftp_session *s, const struct tftp_msg *m,
			       struct tftp_terms *ret)
{
	const struct tftp_terms *asked = &s->asked;
	unsigned n_left = tftp_terms_read(m, ret);

	if (s->plain || n_left > 0 || (ret->has_blksize && !asked->has_blksize) ||
	    (ret->has_timeout && !asked->has_timeout) || (ret->has_tsize && !asked->has_tsize))
		return "an option that was not asked for";
	if (ret->has_blksize && ret->blksize > asked->blksize)
		return "a block size above the one asked for";
	if (ret->has_timeout && ret->timeout != asked->timeout)
		return "another timeout than the one asked for";
	return NULL;
}

static void on_oack(struct tftp_host *h, struct tftp_session *s, const struct tftp_msg *m,
		    nsec_t now, struct fx *fx)
{
	struct tftp_terms t;
	const char *why = wrong_terms(s, m, &t);

	if (why) {
		decide(fx, "tftp.client.oack-bad", SERVER(s), V_TEXT("why", why));
		tftp_session_error(s, TFTP_BAD_OPTION, why, fx);
		tftp_session_end(h, s, tftp_code_name(TFTP_BAD_OPTION), now, fx);
		return;
	}
	learn_tid(h, s, fx);
	tftp_session_agree(h, s, &t);
	decide(fx, "tftp.client.oack", SERVER(s), V_INT("blksize", s->blksize),
	       V_TEXT("deed", s->sending ? "sends the first block" : "acknowledges it as block 0"));
	s->state = TFTP_RUNNING;
	if (s->sending)
		tftp_session_data(h, s, now, fx);
	else
		tftp_session_ack(h, s, now, fx);
}

/* The server takes no options: a plain answer, or error 8 (RFC 2347). */
static void options_refused(struct tftp_session *s, const char *deed, struct fx *fx)
{
	if (!s->plain && asks(&s->asked))
		decide(fx, "tftp.client.options-refused", SERVER(s), V_TEXT("deed", deed));
}

static bool first_answer(struct tftp_host *h, struct tftp_session *s, const struct tftp_msg *m,
			 nsec_t now, struct fx *fx)
{
	bool begins = s->sending ? m->op == TFTP_ACK && m->block == 0
				 : m->op == TFTP_DATA && m->block == 1;

	if (m->op == TFTP_OACK) {
		on_oack(h, s, m, now, fx);
		return true;
	}
	if (m->op == TFTP_ERROR && m->code == TFTP_BAD_OPTION && !s->plain && asks(&s->asked)) {
		options_refused(s, "asks again without options", fx);
		s->plain = true;
		send_request(h, s, now, fx);
		return true;
	}
	if (begins) {
		learn_tid(h, s, fx);
		options_refused(s, "goes on with blocks of 512 octets", fx);
		s->state = TFTP_RUNNING;
	} else if (m->op == TFTP_ERROR) {
		s->has_tid = true;
		decide(fx, "tftp.client.learn-tid", SERVER(s), V_INT("port", s->peer.port));
	} else if (m->op <= TFTP_ERROR) {
		s->peer.port = s->port; /* not the answer; the request may be repeated */
	}
	return false;
}

static bool special(struct tftp_host *h, struct tftp_session *s, const struct tftp_msg *m,
		    nsec_t now, struct fx *fx)
{
	if (s->state == TFTP_REQUESTED)
		return first_answer(h, s, m, now, fx);
	/* The ACK of the first OACK was lost. What a WRITE session sent goes again by its timer. */
	if (m->op != TFTP_OACK || s->plain || !asks(&s->asked) || s->block != (s->sending ? 1 : 0))
		return false;
	decide(fx, "tftp.client.oack", SERVER(s), V_INT("blksize", s->blksize),
	       V_TEXT("deed", s->sending ? "it is repeated: the first block is on its way"
					 : "it is repeated: acknowledges it as block 0 again"));
	if (!s->sending)
		tftp_session_repeat(s, fx);
	return true;
}

/* --- who asks ----------------------------------------------------------------------------- */

static void ask_for_options(const struct tftp_conf *c, struct tftp_session *s)
{
	s->asked = (struct tftp_terms){ .has_blksize = c->blksize > 0,
					.blksize = c->blksize,
					.has_timeout = c->timeout > 0,
					.timeout = c->timeout,
					.has_tsize = c->tsize && s->mode == TFTP_OCTET,
					.tsize = s->sending ? s->size : 0 };
	if (c->timeout > 0)
		s->retry_ns = c->timeout * SEC;
}

/* |s| has its name, host, direction and mode. */
static void start(struct tftp_host *h, struct tftp_session *s, nsec_t now, struct fx *fx)
{
	if (s->port == 0)
		s->port = TFTP_PORT;
	ask_for_options(h->conf, s);
	s->state = TFTP_OPENING;
	if (!s->sending && !*s->path)
		s->octets.max = TRANSFER_DATA_MAX;
	if (s->sending && *s->path)
		tftp_file_read(h, s, fx);
	else
		find_host(h, s, now, fx);
}

static void on_ask(struct tftp_client *c, const struct ev *ev, struct fx *fx)
{
	const struct ask_transfer *t = &ev->ask.ask->transfer;
	struct tftp_session *s = tftp_session_new(&c->host, t->path, ev->now);
	struct answer busy = { .err = -EBUSY, .why = "too many transfers at a time" };

	if (!s) {
		decide(fx, "tftp.client.busy", V_INT("limit", TFTP_SESSIONS_MAX));
		fx_answer(fx, ev->ask.ask_id, &busy);
		return;
	}
	s->asker = ev->ask.ask_id;
	s->call = t->call;
	s->sending = t->put;
	s->port = t->port;
	str_copy(s->host, sizeof(s->host), t->host);
	str_copy(s->path, sizeof(s->path), t->file);
	if (t->put && !*t->file) {
		sbuf_put(&s->octets, t->data, t->len);
		s->size = t->len;
		s->whole = true;
	}
	start(&c->host, s, ev->now, fx);
}

void tftp_run(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct tftp_client *c = machine;
	bool put = call->args[1].number == 1;
	const char *from = call_word(call, 2), *to = call_word(call, 3), *mode = call_word(call, 4);
	const char *base = strrchr(from, '/') ? strrchr(from, '/') + 1 : from;
	struct tftp_session *s;

	to = to ? to : base;
	s = tftp_session_new(&c->host, put ? to : from, now);
	if (!s) {
		decide(fx, "tftp.client.busy", V_INT("limit", TFTP_SESSIONS_MAX));
		fx_print(fx, call->id, "%% tftp: too many transfers at a time\n");
		fx_cmd_done(fx, call->id, 1);
		return;
	}
	s->call = call->id;
	s->sending = put;
	s->mode = mode && strcmp(mode, "netascii") == 0 ? TFTP_NETASCII : TFTP_OCTET;
	str_copy(s->host, sizeof(s->host), call->args[0].text);
	str_copy(s->path, sizeof(s->path), put ? from : to);
	start(&c->host, s, now, fx);
}

void tftp_run_show_client(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	(void)now;
	tftp_show(&((const struct tftp_client *)machine)->host, call->id, fx);
	fx_cmd_done(fx, call->id, 0);
}

static void event(void *machine, const struct ev *ev, struct fx *fx)
{
	struct tftp_client *c = machine;
	struct tftp_session *s = c->host.sessions;

	if (ev->kind == EV_ASK) {
		on_ask(c, ev, fx);
		return;
	}
	if (ev->kind == EV_ANSWER) {
		while (s && s->resolving != ev->answer.ask_id)
			s = s->next;
		if (s) {
			on_resolved(&c->host, s, ev, fx);
			return;
		}
	}
	tftp_session_event(&c->host, ev, fx);
}

static void *create(const struct machine_env *env)
{
	struct tftp_client *c = calloc(1, sizeof(*c));

	if (c)
		c->host = (struct tftp_host){ .dev = env->dev,
					      .conf = env->conf,
					      .role = "client",
					      .opened = opened,
					      .special = special,
					      .progress = progress,
					      .ended = ended };
	return c;
}

static void destroy(void *machine)
{
	struct tftp_client *c = machine;

	if (c)
		tftp_sessions_free(&c->host);
	free(c);
}

static nsec_t deadline(const void *machine)
{
	return timers_deadline(&((const struct tftp_client *)machine)->host.timers);
}

const struct machine_class tftp_client_class = {
	.name = "tftp.client",
	.kinds = KINDS_L3,
	.answers = BIT(ASK_TRANSFER),
	.transfers = "tftp",
	.create = create,
	.destroy = destroy,
	.event = event,
	.deadline = deadline,
};
