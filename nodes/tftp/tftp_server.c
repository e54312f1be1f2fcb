/* The server: port 69, and a session from a port of its own for each request. */
#include "tftp/tftp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SOCK4 = 1, SOCK6 = 2, SOCK_SESSIONS = 16 };

struct tftp_server {
	struct tftp_host host; /* first */
	bool bound, listening;
};

#define CLIENT(s) V_ADDR("client", (s)->peer.addr)
#define FILE(s)	  V_TEXT("file", (s)->name)

static bool is_on(const struct tftp_conf *c)
{
	return c->server || c->n_aliases > 0;
}

/* A device that no line turns into a server binds nothing. */
static void follow_conf(struct tftp_server *s, struct fx *fx)
{
	const struct tftp_conf *c = s->host.conf;
	bool on = is_on(c);

	if (!s->bound && (on || c->server_mentioned)) {
		s->bound = true;
		fx_bind(fx, &(struct fx_bind){ .sock = SOCK4, .local.port = TFTP_PORT });
		fx_bind(fx, &(struct fx_bind){ .sock = SOCK6,
					       .local = { .addr.family = 6, .port = TFTP_PORT } });
	}
	if (on == s->listening)
		return;
	s->listening = on;
	if (on)
		decide(fx, "tftp.server.listen");
	else
		decide(fx, "tftp.server.stop");
}

/* --- requests that are refused at once ---------------------------------------------------- */

static void refuse(const struct ev *ev, uint16_t code, const char *why, const char *file,
		   struct fx *fx)
{
	uint8_t buf[TFTP_HEADER + ANSWER_WHY_MAX];
	struct wr w;

	decide(fx, "tftp.server.bad-request", V_ADDR("client", ev->dgram.src.addr),
	       V_TEXT("file", file), V_INT("code", code), V_TEXT("why", why));
	wr_init(&w, buf, sizeof(buf));
	tftp_put_error(&w, code, why);
	fx_send(fx, &(struct fx_send){ .sock = ev->dgram.sock,
				       .src = ev->dgram.dst,
				       .dst = ev->dgram.src,
				       .data = buf,
				       .len = wr_len(&w) });
}

/* RFC 1350 §1 gives names no form; here they are paths below the root. */
static bool leaves_root(const char *name)
{
	for (const char *p = name; *p; p += strcspn(p, "/\\"), p += strspn(p, "/\\"))
		if (strcspn(p, "/\\") == 2 && p[0] == '.' && p[1] == '.')
			return true;
	return false;
}

static const struct tftp_alias *find_alias(const struct tftp_conf *c, const char *name)
{
	for (unsigned i = 0; i < c->n_aliases; i++)
		if (strcmp(c->aliases[i].name, name) == 0)
			return &c->aliases[i];
	return NULL;
}

/* Where the file is in the device's store; false: it is not offered. */
static bool find_path(const struct tftp_conf *c, const char *name, char *out, size_t size)
{
	const struct tftp_alias *alias;
	struct sbuf path = SBUF(size - 1);
	bool fits;

	name += strspn(name, "/");
	alias = find_alias(c, name);
	if (alias)
		return str_copy(out, size, alias->path);
	if (!c->server)
		return false;
	sbuf_printf(&path, *c->root ? "%s/%s" : "%s%s", c->root, name);
	fits = !path.full && str_copy(out, size, sbuf_text(&path));
	sbuf_done(&path);
	return fits;
}

/* --- the file has been looked at ---------------------------------------------------------- */

static void end_refused(struct tftp_host *h, struct tftp_session *s, uint16_t code, const char *why,
			nsec_t now, struct fx *fx)
{
	tftp_session_error(s, code, why, fx);
	tftp_session_end(h, s, why, now, fx);
}

static unsigned room_of(const struct device *dev, uint32_t ifid, const struct addr *peer)
{
	const struct iface *i = device_iface(dev, ifid);
	unsigned headers = peer->family == 6 ? 40 + 8 + TFTP_HEADER : 20 + 8 + TFTP_HEADER;
	unsigned mtu = i ? i->mtu : 1500;

	return mtu > headers + TFTP_BLKSIZE_MIN ? mtu - headers : TFTP_BLKSIZE_MIN;
}

/* What is granted of what the client asks for; false: nothing. */
static bool grant(struct tftp_host *h, struct tftp_session *s)
{
	unsigned room = room_of(h->dev, s->call, &s->peer.addr);
	struct tftp_terms t = s->asked;

	if (t.has_blksize && t.blksize > room)
		t.blksize = (uint16_t)room;
	if (s->sending) {
		t.has_tsize = t.has_tsize && s->mode == TFTP_OCTET;
		t.tsize = s->size;
	}
	tftp_session_agree(h, s, &t);
	return t.has_blksize || t.has_timeout || t.has_tsize;
}

static void send_oack(struct tftp_host *h, struct tftp_session *s, nsec_t now, struct fx *fx)
{
	const struct tftp_terms *t = &s->agreed;
	struct wr w;

	decide(fx, "tftp.server.oack", CLIENT(s), FILE(s), V_INT("blksize", s->blksize),
	       t->has_timeout ? V_INT("timeout", t->timeout) : V_NULL("timeout"),
	       t->has_tsize ? V_INT("tsize", t->tsize) : V_NULL("tsize"));
	tftp_session_packet(s, &w);
	tftp_put_oack(&w, t);
	tftp_session_send(h, s, &w, now, fx);
}

static void begin_sending(struct tftp_host *h, struct tftp_session *s, const struct answer *a,
			  nsec_t now, struct fx *fx)
{
	if (a->err == -ENOENT) {
		decide(fx, "tftp.server.rrq-missing", CLIENT(s), FILE(s));
		end_refused(h, s, TFTP_NOT_FOUND, tftp_code_name(TFTP_NOT_FOUND), now, fx);
		return;
	}
	if (a->err) {
		decide(fx, "tftp.server.no-access", CLIENT(s), FILE(s), V_TEXT("why", a->why));
		end_refused(h, s, tftp_file_code(a->err), a->why, now, fx);
		return;
	}
	tftp_file_take(s, a);
	s->state = TFTP_RUNNING;
	if (grant(h, s)) {
		send_oack(h, s, now, fx);
		return;
	}
	decide(fx, "tftp.server.rrq-found", CLIENT(s), FILE(s), V_INT("bytes", s->size));
	tftp_session_data(h, s, now, fx);
}

/* TFTP's error for a WRQ; -1 = it may be written. */
static int refusal(const struct tftp_host *h, const struct tftp_session *s, const struct answer *a,
		   const char **ret_why)
{
	int code = -1;

	if (!h->conf->server)
		code = TFTP_ACCESS;
	else if (a->err && a->err != -ENOENT)
		code = tftp_file_code(a->err);
	else if (!a->err && a->file.is_dir)
		code = TFTP_ACCESS;
	else if (!a->err && h->conf->no_overwrite)
		code = TFTP_EXISTS;
	else if (s->asked.has_tsize && s->asked.tsize > TFTP_FILE_MAX)
		code = TFTP_DISK_FULL;
	if (code >= 0)
		*ret_why = tftp_code_name((uint16_t)code);
	return code;
}

static void begin_receiving(struct tftp_host *h, struct tftp_session *s, const struct answer *a,
			    nsec_t now, struct fx *fx)
{
	const char *why;
	int code = refusal(h, s, a, &why);

	if (code >= 0) {
		decide(fx, "tftp.server.wrq-refused", CLIENT(s), FILE(s), V_INT("code", code),
		       V_TEXT("why", why));
		end_refused(h, s, (uint16_t)code, why, now, fx);
		return;
	}
	s->state = TFTP_RUNNING;
	if (grant(h, s)) {
		send_oack(h, s, now, fx);
		return;
	}
	decide(fx, "tftp.server.wrq", CLIENT(s), FILE(s));
	tftp_session_ack(h, s, now, fx);
}

static void opened(struct tftp_host *h, struct tftp_session *s, const struct answer *a, nsec_t now,
		   struct fx *fx)
{
	if (s->sending)
		begin_sending(h, s, a, now, fx);
	else
		begin_receiving(h, s, a, now, fx);
}

/* --- requests ----------------------------------------------------------------------------- */

static void begin(struct tftp_server *server, const struct ev *ev, const struct tftp_msg *m,
		  const char *path, struct fx *fx)
{
	struct tftp_host *h = &server->host;
	struct tftp_session *s = tftp_session_new(h, m->file, ev->now);

	if (!s) {
		decide(fx, "tftp.server.drop-busy", V_ADDR("client", ev->dgram.src.addr),
		       V_TEXT("file", m->file), V_INT("limit", TFTP_SESSIONS_MAX));
		return;
	}
	s->sending = m->op == TFTP_RRQ;
	s->mode = m->mode;
	s->peer = ev->dgram.src;
	s->has_tid = true;
	s->call = ev->dgram.ifid; /* where it came in; no command is behind a server's session */
	str_copy(s->path, sizeof(s->path), path);
	tftp_terms_read(m, &s->asked);
	tftp_session_bind(h, s, &ev->dgram.dst.addr, fx);
	if (s->mode == TFTP_NETASCII)
		decide(fx, "tftp.session.netascii", V_ADDR("peer", s->peer.addr), FILE(s));
	tftp_fact(h, s, "running", ev->now, fx);
	if (s->sending)
		tftp_file_read(h, s, fx);
	else
		tftp_file_stat(h, s, fx);
}

static struct tftp_session *session_of(struct tftp_host *h, const struct ep *client)
{
	struct tftp_session *s = h->sessions;

	while (s && !(s->peer.port == client->port && addr_equal(&s->peer.addr, &client->addr) &&
		      s->state != TFTP_LINGERING))
		s = s->next;
	return s;
}

static void repeated(struct tftp_session *s, struct fx *fx)
{
	bool again = !s->heard && s->packet_len > 0;

	decide(fx, "tftp.server.request-repeated", CLIENT(s), FILE(s),
	       V_TEXT("deed", again ? "the first packet is sent again" : "it is ignored"));
	if (again)
		tftp_session_repeat(s, fx);
}

static void on_request(struct tftp_server *s, const struct ev *ev, struct fx *fx)
{
	struct tftp_msg m = { 0 };
	const char *why = "";
	struct tftp_session *known = session_of(&s->host, &ev->dgram.src);
	int err = tftp_decode(ev->dgram.data, ev->dgram.len, &m, &why);
	struct val client = V_ADDR("client", ev->dgram.src.addr);
	char path[ASK_PATH_MAX];

	if (!s->listening)
		decide(fx, "tftp.server.drop-service-disabled", client);
	else if (m.op != TFTP_RRQ && m.op != TFTP_WRQ)
		decide(fx, "tftp.server.drop-other", client, V_INT("opcode", m.op),
		       V_INT("len", ev->dgram.len));
	else if (!device_has_addr(ev->dev, &ev->dgram.dst.addr))
		decide(fx, "tftp.server.drop-broadcast", client, V_ADDR("dst", ev->dgram.dst.addr));
	else if (known)
		repeated(known, fx);
	else if (err < 0)
		refuse(ev, TFTP_ILLEGAL, why, "?", fx);
	else if (m.mode == TFTP_NO_MODE || m.mode == TFTP_MAIL)
		refuse(ev, TFTP_ILLEGAL,
		       m.mode == TFTP_MAIL ? "mode mail is obsolete" : "unknown mode", m.file, fx);
	else if (leaves_root(m.file) || !*m.file)
		refuse(ev, TFTP_ACCESS, "the name leads out of the folder", m.file, fx);
	else if (!find_path(s->host.conf, m.file, path, sizeof(path)))
		refuse(ev, TFTP_ACCESS, "this file is not offered", m.file, fx);
	else
		begin(s, ev, &m, path, fx);
}

static void on_done(const struct ev *ev, struct fx *fx)
{
	if (ev->done.what == FX_BIND)
		decide(fx, "tftp.server.no-port", V_TEXT("why", ev->done.text));
}

static void event(void *machine, const struct ev *ev, struct fx *fx)
{
	struct tftp_server *s = machine;

	if (ev->kind == EV_START || ev->kind == EV_CONF)
		follow_conf(s, fx);
	else if (tftp_session_event(&s->host, ev, fx))
		return;
	else if (ev->kind == EV_DATAGRAM && ev->dgram.sock < SOCK_SESSIONS)
		on_request(s, ev, fx);
	else if (ev->kind == EV_DONE)
		on_done(ev, fx);
}

/* --- the machine -------------------------------------------------------------------------- */

static bool special(struct tftp_host *h, struct tftp_session *s, const struct tftp_msg *m,
		    nsec_t now, struct fx *fx)
{
	(void)h, (void)s, (void)m, (void)now, (void)fx;
	return false;
}

static void progress(struct tftp_host *h, struct tftp_session *s, char sign, struct fx *fx)
{
	(void)h, (void)s, (void)sign, (void)fx;
}

static void ended(struct tftp_host *h, struct tftp_session *s, nsec_t now, struct fx *fx)
{
	(void)h, (void)s, (void)now, (void)fx;
}

void tftp_run_show_server(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	const struct tftp_server *s = machine;

	(void)now;
	fx_print(fx, call->id, "TFTP server: %s\n", s->listening ? "on, port 69" : "off");
	tftp_show(&s->host, call->id, fx);
	fx_cmd_done(fx, call->id, 0);
}

static void *create(const struct machine_env *env)
{
	struct tftp_server *s = calloc(1, sizeof(*s));

	if (s)
		s->host = (struct tftp_host){ .dev = env->dev,
					      .conf = env->conf,
					      .role = "server",
					      .next_sock = SOCK_SESSIONS,
					      .opened = opened,
					      .special = special,
					      .progress = progress,
					      .ended = ended };
	return s;
}

static void destroy(void *machine)
{
	struct tftp_server *s = machine;

	if (s)
		tftp_sessions_free(&s->host);
	free(s);
}

static nsec_t deadline(const void *machine)
{
	return timers_deadline(&((const struct tftp_server *)machine)->host.timers);
}

const struct machine_class tftp_server_class = {
	.name = "tftp.server",
	.kinds = BIT(KIND_SERVER) | BIT(KIND_ROUTER),
	.create = create,
	.destroy = destroy,
	.event = event,
	.deadline = deadline,
};
