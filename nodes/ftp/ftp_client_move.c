/* The client's data connections and what goes over them. */
#include "ftp/ftp_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PORT_FIRST  61000
#define PIECE_FIRST (64u << 10) /* octets of a file sent at a time, until it is known how fast */
#define PIECE_MAX   (4u << 20)
#define PIECE_NS    (1 * SEC)
#define TEXT_CHUNK  (64u << 10)
#define STORE_CHUNK (256u << 10)
#define OCTETS_MAX  (4u << 20)
#define FILE_MAX    (1u << 30) /* octets that are stored of one file */
#define LOW_MARK    (FX_STREAM_UNSENT_MAX / 4)

/* --- how the connection is made ----------------------------------------------------------- */

static void listen_and_tell(struct ftp_client *h, struct ftp_connection *c, struct fx *fx)
{
	struct ftp_move *m = &c->move;
	struct ep local = { .addr = c->local.addr };
	struct sbuf arg = SBUF(ADDR_TEXT_LEN + 16);
	char addr[ADDR_TEXT_LEN];

	m->port = local.port = (uint16_t)(PORT_FIRST + rng_below(&h->rng, 65536 - PORT_FIRST));
	m->listener = h->next_sock++;
	if (local.addr.family == 4)
		ftp_port_format(&local, &arg);
	else
		sbuf_printf(&arg, "|2|%s|%u|", addr_format(&local.addr, addr), local.port);
	decide(fx, "ftp.client.active", SERVER(c), V_INT("port", local.port),
	       V_TEXT("deed", "waits for the server's data connection"));
	if (local.addr.family == 6)
		local.addr = (struct addr){ .family = 6 };
	fx_listen(fx, m->listener, &local);
	ftp_client_step(c, c->local.addr.family == 4 ? FTP_PORT_CMD : FTP_EPRT, sbuf_text(&arg));
	sbuf_done(&arg);
}

void ftp_move_steps(struct ftp_client *h, struct ftp_connection *c, enum ftp_verb verb, nsec_t now,
		    struct fx *fx)
{
	struct ftp_move *m = &c->move;
	bool v6 = c->peer.addr.family == 6;

	m->number = ++h->n_transfers;
	m->bytes = m->at = m->size = 0;
	m->open = m->begun = m->ended = m->stored = m->part_used = false;
	m->text = (struct ftp_text){ 0 };
	m->began_ns = now;
	m->ascii = verb == FTP_LIST || c->ascii;
	c->tried_other = v6;
	if (c->type != (m->ascii ? 'A' : 'I')) {
		if (!m->ascii)
			decide(fx, "ftp.client.type-image", SERVER(c), V_TEXT("file", m->remote));
		ftp_client_step(c, FTP_TYPE, m->ascii ? "A" : "I");
	}
	if (m->ascii && verb != FTP_LIST)
		decide(fx, "ftp.representation", V_TEXT("file", m->remote),
		       V_ADDR("peer", c->peer.addr));
	if (c->active) {
		listen_and_tell(h, c, fx);
	} else {
		decide(fx, "ftp.server.passive-default", SERVER(c),
		       V_TEXT("command", v6 ? "EPSV" : "PASV"));
		ftp_client_step(c, v6 ? FTP_EPSV : FTP_PASV, "");
	}
	ftp_client_step(c, verb, m->remote);
	ftp_client_tell_move(c, "running", now, fx);
}

/* The server does not know PASV, or EPSV: the other one, once, before what is queued. */
static void try_other(struct ftp_connection *c, int code, const char *text, struct fx *fx)
{
	struct ftp_step later = c->steps[0];

	if (c->tried_other || code < 500) {
		ftp_client_fail(c, text);
		return;
	}
	c->tried_other = true;
	decide(fx, "ftp.server.passive-default", SERVER(c), V_TEXT("command", "EPSV"));
	c->n_steps = 0;
	ftp_client_step(c, FTP_EPSV, "");
	ftp_client_step(c, later.verb, later.arg);
}

void ftp_move_passive(struct ftp_client *h, struct ftp_connection *c, int code, const char *text,
		      struct fx *fx)
{
	struct ftp_move *m = &c->move;
	struct ep to = c->peer, told;
	int port;

	if (code == 227 && ftp_pasv_parse(text, &told) == 0) {
		to.port = told.port;
		if (!addr_equal(&told.addr, &c->peer.addr))
			decide(fx, "ftp.client.pasv-address", SERVER(c), V_ADDR("told", told.addr),
			       V_INT("port", told.port));
	} else if (code == 229 && (port = ftp_epsv_parse(text)) > 0) {
		to.port = (uint16_t)port;
	} else {
		try_other(c, code, text, fx);
		return;
	}
	m->port = to.port;
	m->sock = h->next_sock++;
	fx_connect(fx, m->sock, &to);
}

/* --- sending ------------------------------------------------------------------------------ */

static void sent_all(struct ftp_client *h, struct ftp_connection *c, nsec_t now, struct fx *fx)
{
	struct ftp_move *m = &c->move;

	fx_close(fx, m->sock, CLOSE_FLUSH);
	m->sock = 0;
	m->ended = m->stored = true;
	ftp_client_check(h, c, now, fx);
}

static void text_read(struct ftp_client *h, struct ftp_connection *c, const struct answer *a,
		      nsec_t now, struct fx *fx);

static void read_text(struct ftp_client *h, struct ftp_connection *c, struct fx *fx)
{
	struct ask ask = { .kind = ASK_FILE,
			   .file = { .op = FILE_READ, .len = TEXT_CHUNK, .offset = c->move.at } };

	str_copy(ask.file.path, sizeof(ask.file.path), c->move.local);
	ftp_client_ask(h, c, &ask, text_read, fx);
}

static void text_read(struct ftp_client *h, struct ftp_connection *c, const struct answer *a,
		      nsec_t now, struct fx *fx)
{
	struct ftp_move *m = &c->move;
	uint64_t before = m->bytes;
	struct sbuf text = SBUF(2 * TEXT_CHUNK);

	if (a->err || a->file.len == 0) {
		if (a->err)
			ftp_client_fail(c, a->why);
		sent_all(h, c, now, fx);
		return;
	}
	ftp_text_to_wire(a->file.data, a->file.len, &text);
	m->at += a->file.len;
	m->bytes += text.len;
	fx_write(fx, m->sock, text.data, text.len);
	sbuf_done(&text);
	ftp_client_wait(h, c, now);
	if (before / LOW_MARK == m->bytes / LOW_MARK)
		read_text(h, c, fx);
}

static void send_piece(struct ftp_client *h, struct ftp_connection *c, nsec_t now, struct fx *fx)
{
	struct ftp_move *m = &c->move;
	uint64_t left = m->size - m->at, len = m->piece < left ? m->piece : left;

	if (left == 0) {
		sent_all(h, c, now, fx);
		return;
	}
	fx_send_file(fx, m->sock, m->local, m->at, len);
	m->at += len;
	m->bytes += len;
	m->piece_ns = now;
	ftp_client_wait(h, c, now);
}

static void sizes(struct ftp_client *h, struct ftp_connection *c, const struct answer *a,
		  nsec_t now, struct fx *fx)
{
	c->move.size = a->err ? 0 : a->file.size;
	c->move.piece = PIECE_FIRST;
	if (a->err)
		ftp_client_fail(c, a->why);
	send_piece(h, c, now, fx);
}

static void send_all(struct ftp_client *h, struct ftp_connection *c, nsec_t now, struct fx *fx)
{
	struct ftp_move *m = &c->move;
	struct ask ask = { .kind = ASK_FILE, .file.op = FILE_STAT };

	if (!*m->local) {
		m->bytes = m->octets.len;
		if (m->octets.len > 0)
			fx_write(fx, m->sock, m->octets.data, m->octets.len);
		sent_all(h, c, now, fx);
	} else if (m->ascii) {
		read_text(h, c, fx);
	} else {
		str_copy(ask.file.path, sizeof(ask.file.path), m->local);
		ftp_client_ask(h, c, &ask, sizes, fx);
	}
}

void ftp_move_drained(struct ftp_client *h, struct ftp_connection *c, nsec_t now, struct fx *fx)
{
	struct ftp_move *m = &c->move;

	if (!m->sending || m->ended || !m->begun)
		return;
	if (m->ascii) {
		read_text(h, c, fx);
		return;
	}
	if (now - m->piece_ns > PIECE_NS)
		m->piece = PIECE_FIRST;
	else if (m->piece < PIECE_MAX)
		m->piece *= 2;
	send_piece(h, c, now, fx);
}

/* --- receiving ---------------------------------------------------------------------------- */

static bool part_path(const struct ftp_move *m, char *out, size_t size)
{
	const char *slash = strrchr(m->local, '/'), *name = slash ? slash + 1 : m->local;
	int n = snprintf(out, size, "%.*s.%s.%u", (int)(name - m->local), m->local, name,
			 m->number);

	return n >= 0 && (size_t)n < size;
}

static void stored(struct ftp_client *h, struct ftp_connection *c, const struct answer *a,
		   nsec_t now, struct fx *fx);

static void store(struct ftp_client *h, struct ftp_connection *c, nsec_t now, struct fx *fx)
{
	struct ftp_move *m = &c->move;
	struct ask ask = { .kind = ASK_FILE,
			   .file = { .op = m->part_used ? FILE_APPEND : FILE_WRITE,
				     .data = (const uint8_t *)sbuf_text(&m->octets),
				     .len = m->octets.len } };

	if (!part_path(m, ask.file.path, sizeof(ask.file.path))) {
		ftp_client_fail(c, "the name is too long");
		ftp_client_check(h, c, now, fx);
		return;
	}
	m->part_used = true;
	ftp_client_ask(h, c, &ask, stored, fx);
	sbuf_reset(&m->octets);
}

static void stored(struct ftp_client *h, struct ftp_connection *c, const struct answer *a,
		   nsec_t now, struct fx *fx)
{
	if (a->err)
		ftp_client_fail(c, a->why);
	else if (c->move.octets.len >= STORE_CHUNK)
		store(h, c, now, fx);
	ftp_client_check(h, c, now, fx);
}

static void renamed(struct ftp_client *h, struct ftp_connection *c, const struct answer *a,
		    nsec_t now, struct fx *fx)
{
	if (a->err)
		ftp_client_fail(c, a->why);
	else
		c->move.part_used = false;
	c->move.stored = true;
	ftp_client_check(h, c, now, fx);
}

/* All has come and the server says that it was all. */
void ftp_move_finish(struct ftp_client *h, struct ftp_connection *c, nsec_t now, struct fx *fx)
{
	struct ftp_move *m = &c->move;
	struct ask ask = { .kind = ASK_FILE, .file.op = FILE_RENAME };

	if (c->ask_id)
		return; /* it is being stored */
	if (!*m->local) {
		m->stored = true;
		ftp_client_check(h, c, now, fx);
	} else if (m->octets.len > 0 || !m->part_used) {
		store(h, c, now, fx);
	} else {
		(void)part_path(m, ask.file.path, sizeof(ask.file.path));
		ask.file.data = (const uint8_t *)m->local;
		ask.file.len = strlen(m->local);
		ftp_client_ask(h, c, &ask, renamed, fx);
	}
}

static int take(struct ftp_connection *c, const struct ev *ev, struct fx *fx)
{
	struct ftp_move *m = &c->move;

	if (c->job == JOB_LIST) {
		ftp_client_print(c, (const char *)ev->bytes.data, ev->bytes.len, fx);
		return 0;
	}
	if (m->ascii)
		return ftp_text_from_wire(&m->text, ev->bytes.data, ev->bytes.len, &m->octets);
	return sbuf_put(&m->octets, ev->bytes.data, ev->bytes.len);
}

void ftp_move_bytes(struct ftp_client *h, struct ftp_connection *c, const struct ev *ev,
		    struct fx *fx)
{
	struct ftp_move *m = &c->move;

	if (m->sending || !m->number)
		return;
	ftp_client_wait(h, c, ev->now);
	m->bytes += ev->bytes.len;
	if (take(c, ev, fx) < 0 || m->bytes > FILE_MAX) {
		ftp_client_end(h, c, "the file is too large", ev->now, fx);
		return;
	}
	if (*m->local && m->octets.len >= STORE_CHUNK && !c->ask_id)
		store(h, c, ev->now, fx);
}

/* --- connections -------------------------------------------------------------------------- */

/* The command was sent. */
void ftp_move_begin(struct ftp_client *h, struct ftp_connection *c, nsec_t now, struct fx *fx)
{
	struct ftp_move *m = &c->move;

	m->begun = true;
	if (!m->sending) {
		m->octets.max = *m->local ? OCTETS_MAX : TRANSFER_DATA_MAX;
		sbuf_reset(&m->octets);
	}
	if (m->open && m->sending)
		send_all(h, c, now, fx);
}

void ftp_move_opened(struct ftp_client *h, struct ftp_connection *c, const struct ev *ev,
		     struct fx *fx)
{
	struct ftp_move *m = &c->move;

	if (ev->opened.listener) {
		if (!addr_equal(&ev->opened.peer.addr, &c->peer.addr)) {
			decide(fx, "ftp.client.active", V_ADDR("server", ev->opened.peer.addr),
			       V_INT("port", m->port),
			       V_TEXT("deed", "closes it: it is not the server's"));
			fx_close(fx, ev->opened.sock, CLOSE_RESET);
			return;
		}
		fx_close(fx, m->listener, CLOSE_RESET);
		m->listener = 0;
		m->sock = ev->opened.sock;
	}
	m->open = true;
	decide(fx, "ftp.client.two-connections", SERVER(c), V_INT("port", ev->opened.peer.port),
	       V_TEXT("file", *m->remote ? m->remote : "a listing"));
	if (m->begun && m->sending)
		send_all(h, c, ev->now, fx);
}

/* The server's last word on the transfer is still to come; if it does not, the timer ends it. */
void ftp_move_closed(struct ftp_client *h, struct ftp_connection *c, int err, nsec_t now,
		     struct fx *fx)
{
	struct ftp_move *m = &c->move;

	if (err) {
		m->sock = 0;
		ftp_client_fail(c, strerror(err));
	} else if (m->sending) {
		return; /* what it has to say comes on the control connection */
	}
	ftp_text_end(&m->text, &m->octets);
	m->ended = true;
	if (err && !m->begun) /* nothing was asked for yet: no reply will come */
		c->replied = true;
	ftp_client_check(h, c, now, fx);
}

static void discard_part(struct ftp_client *h, const struct ftp_move *m, struct fx *fx)
{
	struct ask ask = { .kind = ASK_FILE, .file.op = FILE_DELETE };

	if (m->part_used && part_path(m, ask.file.path, sizeof(ask.file.path)))
		fx_ask(fx, ++h->next_ask, &ask);
}

void ftp_move_end(struct ftp_client *h, struct ftp_connection *c, const char *why, nsec_t now,
		  struct fx *fx)
{
	struct ftp_move *m = &c->move;

	if (m->listener)
		fx_close(fx, m->listener, CLOSE_RESET);
	if (m->sock)
		fx_close(fx, m->sock, *why ? CLOSE_RESET : CLOSE_FLUSH);
	m->listener = m->sock = 0;
	if (!m->number)
		return;
	if (!*why)
		decide(fx, "ftp.data-lifetime", V_ADDR("peer", c->peer.addr),
		       V_TEXT("file", *m->remote ? m->remote : "a listing"),
		       V_INT("bytes", m->bytes));
	h->n_done += !*why;
	h->n_failed += *why != '\0';
	h->n_bytes += m->bytes;
	c->ask_id = 0;
	discard_part(h, m, fx);
	ftp_client_tell_move(c, *why ? why : "complete", now, fx);
	m->part_used = false;
	m->number = 0;
}
