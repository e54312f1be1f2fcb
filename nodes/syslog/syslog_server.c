/* The server: datagrams and, where switched on, connections on port 514. */
#include "syslog/syslog.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { UDP4 = 1, UDP6, TCP4, TCP6 };

/* Effects of one turn are limited; what a stream holds beyond is read in the next. */
#define FRAMES_PER_TURN 600
#define STREAM_MAX	(4u << 20) /* octets that wait to be read */

struct stream {
	uint32_t sock; /* 0 = free */
	struct addr peer;
	struct sbuf waiting;
	uint64_t offset; /* of its first octet in the stream */
	uint32_t cause;	 /* the packet that brought its last octets */
	bool ended;	 /* nothing more will come */
	int err;	 /* how it ended */
};

struct syslog_server {
	const struct syslog_conf *conf;
	const struct device *dev;
	struct syslog_table *table; /* made with the first message */
	unsigned bound;		    /* BIT(socket) */
	bool listening;
	bool more;		/* some stream has frames left over */
	unsigned turn;		/* the stream whose turn it is then */
	struct stream *streams; /* SYSLOG_STREAMS_MAX; made with the first connection */
};

/* --- one message -------------------------------------------------------------------------- */

struct packet {
	const uint8_t *data;
	size_t len;
	struct addr sender;
	uint64_t offset; /* in its stream */
};

static struct val span(const char *name, struct syslog_span s)
{
	return V_TEXTN(name, s.text ? s.text : "", s.len);
}

static void decide_stored(const struct syslog_msg *m, const struct packet *p, struct fx *fx)
{
	struct val sender = V_ADDR("sender", p->sender), message = span("message", m->text);
	struct val facility = V_TEXT("facility", syslog_facility_name(m->facility));
	struct val severity = V_TEXT("severity", syslog_severities[m->severity]);

	if (m->form == SYSLOG_BARE)
		decide_at(fx, "syslog.server.header-missing", p->offset, sender, facility, severity,
			  message);
	else
		decide_at(fx, "syslog.server.store", p->offset, sender, facility, severity,
			  V_TEXT("form", m->form == SYSLOG_IETF ? "RFC 5424" : "RFC 3164"),
			  m->time.text ? span("time", m->time) : V_TEXT("time", "the receipt's"),
			  m->host.text ? span("host", m->host) : V_ADDR("host", p->sender),
			  message);
}

/* A message without its end is a message all the same. */
static void take(struct syslog_server *s, struct packet *p, nsec_t now, struct fx *fx)
{
	bool truncated = p->len > SYSLOG_RECEIVE_MAX;
	struct syslog_msg m;
	const char *why;

	if (truncated) {
		decide_at(fx, "syslog.server.long-message", p->offset, V_ADDR("sender", p->sender),
			  V_INT("len", p->len), V_INT("kept", SYSLOG_RECEIVE_MAX));
		p->len = SYSLOG_RECEIVE_MAX;
	}
	if (syslog_decode(p->data, p->len, &m, &why) < 0) {
		decide_at(fx, "syslog.server.drop-invalid", p->offset, V_ADDR("sender", p->sender),
			  V_INT("len", p->len), V_TEXT("reason", why));
		return;
	}
	decide_stored(&m, p, fx);
	if (!s->table && !(s->table = syslog_table_new()))
		abort();
	syslog_table_put(s->table, &(struct syslog_taken){ now, p->sender, s->dev, &m, truncated },
			 fx);
}

static void on_datagram(struct syslog_server *s, const struct ev *ev, struct fx *fx)
{
	struct packet p = { ev->dgram.data, ev->dgram.len, ev->dgram.src.addr, 0 };

	if (!s->conf->server) {
		decide(fx, "syslog.server.drop-disabled", V_ADDR("sender", p.sender),
		       V_INT("len", p.len));
		return;
	}
	decide(fx, "syslog.server.gate", V_ADDR("sender", p.sender), V_INT("len", p.len));
	take(s, &p, ev->now, fx);
}

/* --- connections -------------------------------------------------------------------------- */

static struct stream *stream_find(const struct syslog_server *s, uint32_t sock)
{
	for (unsigned i = 0; s->streams && i < SYSLOG_STREAMS_MAX; i++)
		if (s->streams[i].sock == sock)
			return &s->streams[i];
	return NULL;
}

static void stream_end(struct stream *st, enum close_how how, struct fx *fx)
{
	fx_close(fx, st->sock, how);
	sbuf_done(&st->waiting);
	*st = (struct stream){ 0 };
}

static void on_opened(struct syslog_server *s, const struct ev *ev, struct fx *fx)
{
	struct val sender = V_ADDR("sender", ev->opened.peer.addr);
	struct stream *st;

	if (!s->streams)
		s->streams = calloc(SYSLOG_STREAMS_MAX, sizeof(*s->streams));
	if (!s->streams)
		abort();
	st = stream_find(s, 0);
	if (!st) {
		decide(fx, "syslog.server.drop-tcp-full", sender, V_INT("max", SYSLOG_STREAMS_MAX));
		fx_close(fx, ev->opened.sock, CLOSE_RESET);
		return;
	}
	*st = (struct stream){ .sock = ev->opened.sock,
			       .peer = ev->opened.peer.addr,
			       .waiting = SBUF(STREAM_MAX) };
	decide(fx, "syslog.server.tcp-open", sender);
}

static void bad_frame(struct stream *st, const char *why, struct fx *fx)
{
	decide_at(fx, "syslog.server.drop-tcp-frame", st->offset, V_ADDR("sender", st->peer),
		  V_TEXT("reason", why));
	stream_end(st, CLOSE_FLUSH, fx);
}

static void take_frame(struct syslog_server *s, const struct stream *st,
		       const struct syslog_frame *f, uint64_t offset, nsec_t now, struct fx *fx)
{
	struct packet p = { f->data, f->len, st->peer, offset };

	decide_at(fx, "syslog.server.tcp", offset, V_ADDR("sender", st->peer), V_INT("len", f->len),
		  V_TEXT("how",
			 f->counted ? "its length stood before it" : "it ended with a line feed"));
	take(s, &p, now, fx);
}

/* Whole frames at the front, up to the limit of a turn. True when that limit ended it. */
static bool read_frames(struct syslog_server *s, struct stream *st, nsec_t now, struct fx *fx)
{
	const uint8_t *data = (const uint8_t *)st->waiting.data;
	size_t done = 0;
	struct syslog_frame f;
	const char *why;
	int r = 0;

	for (unsigned i = 0; i < FRAMES_PER_TURN; i++) {
		r = syslog_frame(data + done, st->waiting.len - done, &f, &why);
		if (r <= 0)
			break;
		take_frame(s, st, &f, st->offset + done, now, fx);
		done += f.octets;
	}
	sbuf_consume(&st->waiting, done);
	st->offset += done;
	if (r < 0)
		bad_frame(st, why, fx);
	else if (st->waiting.len == 0)
		sbuf_done(&st->waiting);
	return r > 0;
}

/* True when frames are left over for another turn. */
static bool go_on(struct syslog_server *s, struct stream *st, nsec_t now, struct fx *fx)
{
	if (read_frames(s, st, now, fx))
		return true;
	if (st->sock == 0 || !st->ended)
		return false;
	if (st->waiting.len > 0) {
		bad_frame(st, "the connection ended within it", fx);
		return false;
	}
	decide(fx, "syslog.server.tcp-close", V_ADDR("sender", st->peer),
	       V_TEXT("how", st->err ? strerror(st->err) : "the sender closed it"));
	stream_end(st, CLOSE_FLUSH, fx);
	return false;
}

static void on_bytes(struct syslog_server *s, const struct ev *ev, struct fx *fx)
{
	struct stream *st = stream_find(s, ev->bytes.sock);

	if (!st)
		return;
	st->cause = ev->cause;
	if (sbuf_put(&st->waiting, ev->bytes.data, ev->bytes.len) < 0)
		bad_frame(st, "more came than can wait to be read", fx);
	else
		s->more |= go_on(s, st, ev->now, fx);
}

static void on_closed(struct syslog_server *s, const struct ev *ev, struct fx *fx)
{
	struct stream *st = stream_find(s, ev->closed.sock);

	if (!st)
		return;
	st->ended = true;
	st->err = ev->closed.err;
	s->more |= go_on(s, st, ev->now, fx);
}

/* What was left over in earlier turns: one stream a turn, and each has its turn. */
static void on_timer(struct syslog_server *s, const struct ev *ev, struct fx *fx)
{
	s->more = false;
	for (unsigned i = 0; s->streams && i < SYSLOG_STREAMS_MAX && !s->more; i++) {
		struct stream *st = &s->streams[s->turn++ % SYSLOG_STREAMS_MAX];

		if (st->sock == 0 || (st->waiting.len == 0 && !st->ended))
			continue;
		fx_because(fx, st->cause);
		s->more = go_on(s, st, ev->now, fx);
	}
}

/* --- the service -------------------------------------------------------------------------- */

static void bind_family(struct syslog_server *s, uint32_t sock, uint8_t family, struct fx *fx)
{
	if (s->bound & BIT(sock))
		return;
	s->bound |= BIT(sock);
	fx_bind(fx, &(struct fx_bind){ .sock = sock,
				       .kind = SOCK_UDP,
				       .local = { { .family = family }, SYSLOG_PORT } });
}

/* IPv4 is bound while the service is off, too, so that a message meets a decision and not an ICMP
 * error. TCP does not listen then. */
static void bind_udp(struct syslog_server *s, struct fx *fx)
{
	bind_family(s, UDP4, 4, fx);
	if (s->conf->server)
		bind_family(s, UDP6, 6, fx);
}

static void listen_tcp(struct syslog_server *s, struct fx *fx)
{
	bool want = s->conf->server && s->conf->tcp;

	if (want == s->listening)
		return;
	s->listening = want;
	if (want) {
		decide(fx, "syslog.server.listen-tcp");
		fx_listen(fx, TCP4, &(struct ep){ { .family = 4 }, SYSLOG_PORT });
		fx_listen(fx, TCP6, &(struct ep){ { .family = 6 }, SYSLOG_PORT });
		return;
	}
	decide(fx, "syslog.server.stop-tcp");
	fx_close(fx, TCP4, CLOSE_FLUSH);
	fx_close(fx, TCP6, CLOSE_FLUSH);
	for (unsigned i = 0; s->streams && i < SYSLOG_STREAMS_MAX; i++)
		if (s->streams[i].sock)
			stream_end(&s->streams[i], CLOSE_FLUSH, fx);
}

static void server_event(void *machine, const struct ev *ev, struct fx *fx)
{
	struct syslog_server *s = machine;

	if (ev->kind == EV_START || ev->kind == EV_CONF) {
		bind_udp(s, fx);
		listen_tcp(s, fx);
	} else if (ev->kind == EV_DATAGRAM) {
		on_datagram(s, ev, fx);
	} else if (ev->kind == EV_OPENED) {
		on_opened(s, ev, fx);
	} else if (ev->kind == EV_BYTES) {
		on_bytes(s, ev, fx);
	} else if (ev->kind == EV_TIMER) {
		on_timer(s, ev, fx);
	} else if (ev->kind == EV_CLOSED) {
		on_closed(s, ev, fx);
	} else if (ev->kind == EV_DONE &&
		   (ev->done.what == FX_BIND || ev->done.what == FX_LISTEN)) {
		decide(fx, "syslog.server.no-port", V_TEXT("reason", ev->done.text));
	}
}

static nsec_t server_deadline(const void *machine)
{
	return ((const struct syslog_server *)machine)->more ? 0 : NEVER;
}

/* --- commands ----------------------------------------------------------------------------- */

void syslog_server_show_run(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct syslog_server *s = machine;
	bool given = call->n_args > 0 && call->args[0].type == ARG_NUMBER;
	unsigned last = given ? (unsigned)call->args[0].number : SYSLOG_TABLE_MAX;

	(void)now;
	decide(fx, "syslog.server.show", V_INT("max", last));
	fx_print(fx, call->id, "Syslog server: %s, TCP %s, %" PRIu64 " messages taken\n",
		 s->conf->server ? "on" : "off", s->listening ? "on" : "off",
		 syslog_table_taken(s->table));
	if (s->table)
		syslog_table_show(s->table, s->dev, last, call->id, fx);
	fx_cmd_done(fx, call->id, 0);
}

void syslog_server_clear_run(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct syslog_server *s = machine;
	unsigned n;

	(void)now;
	decide(fx, "syslog.server.clear");
	n = s->table ? syslog_table_clear(s->table, fx) : 0;
	fx_print(fx, call->id, "%u messages cleared\n", n);
	fx_cmd_done(fx, call->id, 0);
}

/* --- the machine -------------------------------------------------------------------------- */

static void *server_create(const struct machine_env *env)
{
	struct syslog_server *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->conf = env->conf;
	s->dev = env->dev;
	return s;
}

static void server_destroy(void *machine)
{
	struct syslog_server *s = machine;

	if (!s)
		return;
	for (unsigned i = 0; s->streams && i < SYSLOG_STREAMS_MAX; i++)
		sbuf_done(&s->streams[i].waiting);
	free(s->streams);
	syslog_table_free(s->table);
	free(s);
}

const struct machine_class syslog_server_class = {
	.name = "syslog.server",
	.kinds = BIT(KIND_SERVER),
	.create = server_create,
	.destroy = server_destroy,
	.event = server_event,
	.deadline = server_deadline,
};
