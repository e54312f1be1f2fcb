/* One transfer, the same for both ends: the flowchart of a packet during a session.
 *
 * Each handler decides, then acts. A packet that is dropped changes nothing, not even the timer:
 * only what was expected does (RFC 1123 §4.2.3.1: a duplicate ACK must never cause a DATA). */
#include "tftp/tftp.h"

#include <stdlib.h>
#include <string.h>

#define PEER(s) V_ADDR("peer", (s)->peer.addr)
#define FILE(s) V_TEXT("file", (s)->name)

/* --- birth and death ---------------------------------------------------------------------- */

struct tftp_session *tftp_session_new(struct tftp_host *h, const char *name, nsec_t now)
{
	struct tftp_session *s = h->n_sessions < TFTP_SESSIONS_MAX ? calloc(1, sizeof(*s)) : NULL;

	if (!s)
		return NULL;
	s->number = ++h->n_begun;
	s->blksize = TFTP_BLKSIZE;
	s->retry_ns = h->conf->retry_ns;
	s->began_ns = now;
	s->octets.max = 4u << 20;
	str_copy(s->name, sizeof(s->name), name);
	s->next = h->sessions;
	h->sessions = s;
	h->n_sessions++;
	return s;
}

void tftp_session_free(struct tftp_host *h, struct tftp_session *s, struct fx *fx)
{
	struct tftp_session **p = &h->sessions;

	while (*p != s)
		p = &(*p)->next;
	*p = s->next;
	h->n_sessions--;
	if (s->sock && fx)
		fx_close(fx, s->sock, CLOSE_FLUSH);
	timer_clear(&h->timers, &s->timer);
	sbuf_done(&s->octets);
	free(s->packet);
	free(s);
}

void tftp_sessions_free(struct tftp_host *h)
{
	while (h->sessions)
		tftp_session_free(h, h->sessions, NULL);
	timers_done(&h->timers);
}

void tftp_session_bind(struct tftp_host *h, struct tftp_session *s, const struct addr *local,
		       struct fx *fx)
{
	s->sock = ++h->next_sock;
	fx_bind(fx, &(struct fx_bind){ .sock = s->sock, .local.addr = *local });
}

void tftp_session_end(struct tftp_host *h, struct tftp_session *s, const char *why, nsec_t now,
		      struct fx *fx)
{
	s->failed = *why;
	str_copy(s->why, sizeof(s->why), why);
	h->n_done += !s->failed;
	h->n_failed += s->failed;
	h->n_bytes += s->bytes;
	if (s->failed)
		tftp_file_discard(h, s, fx);
	tftp_fact(h, s, s->failed ? why : "complete", now, fx);
	h->ended(h, s, now, fx);
	if (s->failed || s->sending) {
		tftp_session_free(h, s, fx);
		return;
	}
	s->state = TFTP_LINGERING;
	sbuf_done(&s->octets);
	s->octets = SBUF(0);
	timer_set(&h->timers, &s->timer, now + h->conf->linger_ns);
}

void tftp_session_agree(struct tftp_host *h, struct tftp_session *s, const struct tftp_terms *terms)
{
	s->agreed = *terms;
	s->blksize = terms->has_blksize ? terms->blksize : TFTP_BLKSIZE;
	s->retry_ns = terms->has_timeout ? terms->timeout * SEC : h->conf->retry_ns;
}

/* --- sending ------------------------------------------------------------------------------ */

void tftp_session_packet(struct tftp_session *s, struct wr *w)
{
	size_t want = TFTP_HEADER + (s->blksize > TFTP_BLKSIZE ? s->blksize : TFTP_BLKSIZE) +
		      ASK_PATH_MAX;

	if (s->packet_size < want) {
		free(s->packet);
		s->packet = malloc(want);
		if (!s->packet)
			abort();
		s->packet_size = want;
	}
	wr_init(w, s->packet, s->packet_size);
}

void tftp_session_repeat(struct tftp_session *s, struct fx *fx)
{
	fx_send(fx,
		&(struct fx_send){
			.sock = s->sock, .dst = s->peer, .data = s->packet, .len = s->packet_len });
}

static nsec_t wait_ns(const struct tftp_session *s)
{
	nsec_t wait = s->retry_ns;

	for (unsigned i = 1; i < s->tries && wait < TFTP_RETRY_MAX_NS; i++)
		wait *= 2;
	return wait > TFTP_RETRY_MAX_NS && s->retry_ns < TFTP_RETRY_MAX_NS ? TFTP_RETRY_MAX_NS
									   : wait;
}

void tftp_session_send(struct tftp_host *h, struct tftp_session *s, struct wr *w, nsec_t now,
		       struct fx *fx)
{
	s->packet_len = wr_len(w);
	s->tries = 1;
	tftp_session_repeat(s, fx);
	timer_set(&h->timers, &s->timer, now + wait_ns(s));
}

void tftp_session_ack(struct tftp_host *h, struct tftp_session *s, nsec_t now, struct fx *fx)
{
	struct wr w;

	tftp_session_packet(s, &w);
	tftp_put_block(&w, TFTP_ACK, (uint16_t)s->block);
	tftp_session_send(h, s, &w, now, fx);
}

void tftp_session_data(struct tftp_host *h, struct tftp_session *s, nsec_t now, struct fx *fx)
{
	size_t have = s->octets.len - s->octets_at;
	size_t len = have < s->blksize ? have : s->blksize;
	struct wr w;

	s->block++;
	s->last = len < s->blksize;
	tftp_session_packet(s, &w);
	tftp_put_block(&w, TFTP_DATA, (uint16_t)s->block);
	wr_bytes(&w, sbuf_text(&s->octets) + s->octets_at, len);
	s->octets_at += len;
	s->bytes += len;
	tftp_session_send(h, s, &w, now, fx);
}

static void error_to(uint32_t sock, const struct ep *to, uint16_t code, const char *text,
		     struct fx *fx)
{
	uint8_t buf[TFTP_HEADER + ANSWER_WHY_MAX + 1];
	char cut[ANSWER_WHY_MAX];
	struct wr w;

	str_copy(cut, sizeof(cut), text);
	wr_init(&w, buf, sizeof(buf));
	tftp_put_error(&w, code, cut);
	fx_send(fx, &(struct fx_send){ .sock = sock, .dst = *to, .data = buf, .len = wr_len(&w) });
}

void tftp_session_error(struct tftp_session *s, uint16_t code, const char *text, struct fx *fx)
{
	error_to(s->sock, &s->peer, code, text, fx);
}

/* --- DATA --------------------------------------------------------------------------------- */

/* Octets that could not be stored: the peer is told why. */
static void not_stored(struct tftp_host *h, struct tftp_session *s, int err, const char *why,
		       nsec_t now, struct fx *fx)
{
	decide(fx, "tftp.session.not-stored", PEER(s), FILE(s), V_TEXT("why", why));
	tftp_session_error(s, tftp_file_code(err), why, fx);
	tftp_session_end(h, s, why, now, fx);
}

static void acknowledge(struct tftp_host *h, struct tftp_session *s, nsec_t now, struct fx *fx)
{
	s->block++;
	decide(fx, "tftp.session.data-ack", PEER(s), V_INT("block", s->block & 0xffff));
	tftp_session_ack(h, s, now, fx);
	decide(fx, "tftp.session.data-increment", PEER(s), V_INT("next", (s->block + 1) & 0xffff));
	h->progress(h, s, '!', fx);
	s->state = TFTP_RUNNING;
}

static void last_is_stored(struct tftp_host *h, struct tftp_session *s, nsec_t now, struct fx *fx)
{
	acknowledge(h, s, now, fx);
	decide(fx, "tftp.session.data-last-stop", PEER(s), FILE(s), V_INT("bytes", s->bytes),
	       V_DUR("linger", h->conf->linger_ns));
	tftp_session_end(h, s, "", now, fx);
}

/* Stores what has gathered, if it is much or the last; then the block is acknowledged. */
static void keep(struct tftp_host *h, struct tftp_session *s, nsec_t now, struct fx *fx)
{
	if (s->last) {
		tftp_text_end(&s->text, &s->octets);
		decide(fx, "tftp.session.data-last-write", PEER(s), FILE(s),
		       V_INT("bytes", s->bytes));
	}
	if (s->octets.full || s->bytes > TFTP_FILE_MAX) {
		not_stored(h, s, -27, tftp_code_name(TFTP_DISK_FULL), now, fx);
	} else if (*s->path && (s->last || s->octets.len >= TFTP_CHUNK)) {
		s->state = TFTP_STORING;
		timer_clear(&h->timers, &s->timer);
		tftp_file_store(h, s, fx);
	} else if (s->last) {
		last_is_stored(h, s, now, fx);
	} else {
		acknowledge(h, s, now, fx);
	}
}

static void save(struct tftp_host *h, struct tftp_session *s, const struct tftp_msg *m, nsec_t now,
		 struct fx *fx)
{
	decide(fx, "tftp.session.data-save", PEER(s), V_INT("block", m->block),
	       V_INT("len", m->len));
	s->bytes += m->len;
	s->last = m->len < s->blksize;
	if (s->mode == TFTP_NETASCII)
		tftp_text_from_wire(&s->text, m->data, m->len, &s->octets);
	else
		sbuf_put(&s->octets, m->data, m->len);
	keep(h, s, now, fx);
}

/* A block that was acknowledged already: the ACK was lost, or is late. */
static bool is_repeated(const struct tftp_session *s, const struct tftp_msg *m)
{
	return s->block > 0 && m->block == (uint16_t)s->block &&
	       (s->state == TFTP_RUNNING || s->state == TFTP_LINGERING);
}

static void on_data(struct tftp_host *h, struct tftp_session *s, const struct tftp_msg *m,
		    nsec_t now, struct fx *fx)
{
	if (s->sending) {
		decide(fx, "tftp.session.drop-data-wrong-session", PEER(s),
		       V_INT("block", m->block));
	} else if (is_repeated(s, m)) {
		decide(fx, "tftp.session.reack-duplicate-data", PEER(s), V_INT("block", m->block));
		tftp_session_repeat(s, fx);
	} else if (s->state != TFTP_RUNNING || m->block != (uint16_t)(s->block + 1)) {
		decide(fx, "tftp.session.drop-data-wrong-block", PEER(s), V_INT("block", m->block),
		       V_INT("expected", (s->block + 1) & 0xffff));
	} else {
		save(h, s, m, now, fx);
	}
}

/* --- ACK ---------------------------------------------------------------------------------- */

static void send_next(struct tftp_host *h, struct tftp_session *s, nsec_t now, struct fx *fx)
{
	decide(fx, "tftp.session.ack-send-next", PEER(s), V_INT("block", (s->block + 1) & 0xffff));
	tftp_session_data(h, s, now, fx);
}

static void on_ack(struct tftp_host *h, struct tftp_session *s, const struct tftp_msg *m,
		   nsec_t now, struct fx *fx)
{
	if (!s->sending || s->state != TFTP_RUNNING || s->read_for_ack ||
	    m->block != (uint16_t)s->block) {
		decide(fx, "tftp.session.drop-ack-wrong", PEER(s), V_INT("block", m->block),
		       V_TEXT("why", s->sending ? "it is not the block that was sent last"
						: "this side receives the file"));
		return;
	}
	if (s->block > 0)
		h->progress(h, s, '!', fx);
	if (s->last) {
		decide(fx, "tftp.session.ack-last", PEER(s), FILE(s), V_INT("bytes", s->bytes));
		tftp_session_end(h, s, "", now, fx);
		return;
	}
	decide(fx, "tftp.session.ack-increment", PEER(s), V_INT("block", (s->block + 1) & 0xffff));
	if (tftp_file_is_short(s)) {
		s->read_for_ack = true;
		timer_clear(&h->timers, &s->timer);
		tftp_file_read(h, s, fx);
	} else {
		send_next(h, s, now, fx);
	}
}

/* --- the others --------------------------------------------------------------------------- */

static void on_error(struct tftp_host *h, struct tftp_session *s, const struct tftp_msg *m,
		     nsec_t now, struct fx *fx)
{
	char why[ANSWER_WHY_MAX];

	str_copy(why, sizeof(why), *m->text ? m->text : tftp_code_name(m->code));
	decide(fx, "tftp.session.error", PEER(s), FILE(s), V_INT("code", m->code),
	       V_TEXT("text", why));
	if (s->state == TFTP_LINGERING)
		return; /* the file is whole; nobody waits for this any more */
	tftp_session_end(h, s, *why ? why : "the other side ended it", now, fx);
}

static void on_other(struct tftp_host *h, struct tftp_session *s, const struct tftp_msg *m,
		     nsec_t now, struct fx *fx)
{
	decide(fx, "tftp.session.other-opcode", PEER(s), FILE(s), V_INT("opcode", m->op));
	tftp_session_error(s, TFTP_ILLEGAL, tftp_code_name(TFTP_ILLEGAL), fx);
	if (s->state != TFTP_LINGERING)
		tftp_session_end(h, s, "Illegal TFTP Operation", now, fx);
}

static void on_message(struct tftp_host *h, struct tftp_session *s, const struct tftp_msg *m,
		       nsec_t now, struct fx *fx)
{
	s->heard = true;
	switch (m->op) {
	case TFTP_RRQ:
	case TFTP_WRQ:
		decide(fx, "tftp.session.drop-request", PEER(s),
		       V_TEXT("kind", m->op == TFTP_RRQ ? "READ" : "WRITE"));
		break;
	case TFTP_DATA:
		on_data(h, s, m, now, fx);
		break;
	case TFTP_ACK:
		on_ack(h, s, m, now, fx);
		break;
	case TFTP_ERROR:
		on_error(h, s, m, now, fx);
		break;
	default:
		on_other(h, s, m, now, fx);
		break;
	}
}

static void unknown_tid(struct tftp_session *s, const struct ev *ev, struct fx *fx)
{
	decide(fx, "tftp.session.unknown-tid", V_ADDR("sender", ev->dgram.src.addr),
	       V_INT("port", ev->dgram.src.port), PEER(s), V_INT("tid", s->peer.port));
	error_to(s->sock, &ev->dgram.src, TFTP_UNKNOWN_TID, tftp_code_name(TFTP_UNKNOWN_TID), fx);
}

/* RFC 1350 §4: is it from the port that this session is with? */
static bool is_from_peer(const struct tftp_session *s, const struct ev *ev)
{
	return addr_equal(&ev->dgram.src.addr, &s->peer.addr) &&
	       (!s->has_tid || ev->dgram.src.port == s->peer.port);
}

static void on_datagram(struct tftp_host *h, struct tftp_session *s, const struct ev *ev,
			struct fx *fx)
{
	const char *why = "a block of more octets than was agreed";
	struct tftp_msg m = { 0 };

	if (!is_from_peer(s, ev)) {
		unknown_tid(s, ev, fx);
		return;
	}
	if (tftp_decode(ev->dgram.data, ev->dgram.len, &m, &why) < 0 ||
	    (m.op == TFTP_DATA && m.len > s->blksize)) {
		decide(fx, "tftp.session.drop-malformed", PEER(s), V_INT("len", ev->dgram.len),
		       V_TEXT("why", why));
		return;
	}
	if (!s->has_tid)
		s->peer.port = ev->dgram.src.port; /* the client's special() tells of it */
	if (!h->special(h, s, &m, ev->now, fx))
		on_message(h, s, &m, ev->now, fx);
}

/* --- files, timers, failures -------------------------------------------------------------- */

static void on_read(struct tftp_host *h, struct tftp_session *s, const struct answer *a, nsec_t now,
		    struct fx *fx)
{
	s->read_for_ack = false;
	if (a->err) {
		decide(fx, "tftp.session.not-read", PEER(s), FILE(s), V_TEXT("why", a->why));
		tftp_session_error(s, tftp_file_code(a->err), a->why, fx);
		tftp_session_end(h, s, a->why, now, fx);
		return;
	}
	tftp_file_take(s, a);
	send_next(h, s, now, fx);
}

static void on_stored(struct tftp_host *h, struct tftp_session *s, const struct answer *a,
		      nsec_t now, struct fx *fx)
{
	bool renamed = s->whole;

	if (a->err) {
		not_stored(h, s, a->err, a->why, now, fx);
	} else if (!s->last) {
		acknowledge(h, s, now, fx);
	} else if (!renamed) {
		s->whole = true;
		tftp_file_finish(h, s, fx);
	} else {
		last_is_stored(h, s, now, fx);
	}
}

static void on_answer(struct tftp_host *h, struct tftp_session *s, const struct ev *ev,
		      struct fx *fx)
{
	const struct answer *a = ev->answer.answer;

	s->ask_id = 0;
	if (s->state == TFTP_OPENING)
		h->opened(h, s, a, ev->now, fx);
	else if (s->state == TFTP_STORING)
		on_stored(h, s, a, ev->now, fx);
	else if (s->read_for_ack)
		on_read(h, s, a, ev->now, fx);
}

static void on_timer(struct tftp_host *h, struct tftp_session *s, nsec_t now, struct fx *fx)
{
	if (s->state == TFTP_LINGERING) {
		tftp_session_free(h, s, fx);
		return;
	}
	if (s->tries >= h->conf->tries) {
		decide(fx, "tftp.session.give-up", PEER(s), FILE(s), V_INT("tries", s->tries));
		tftp_session_end(h, s, "Timed out", now, fx);
		return;
	}
	s->tries++;
	s->n_repeats++;
	decide(fx, "tftp.session.retransmit", PEER(s), FILE(s), V_INT("try", s->tries),
	       V_INT("tries", h->conf->tries), V_DUR("wait", wait_ns(s)));
	h->progress(h, s, '.', fx);
	tftp_session_repeat(s, fx);
	timer_set(&h->timers, &s->timer, now + wait_ns(s));
}

/* The kernel would not: no route, no port. A later try may go better, and ends it if not. */
static void on_done(struct tftp_host *h, struct tftp_session *s, const struct ev *ev, struct fx *fx)
{
	if (ev->done.what != FX_BIND)
		return;
	decide(fx, "tftp.session.no-port", FILE(s), V_TEXT("why", ev->done.text));
	tftp_session_end(h, s, ev->done.text, ev->now, fx);
}

static void on_timers(struct tftp_host *h, nsec_t now, struct fx *fx)
{
	struct timer *t;

	while ((t = timers_pop(&h->timers, now)) != NULL)
		on_timer(h, timer_owner(t, struct tftp_session, timer), now, fx);
}

bool tftp_session_event(struct tftp_host *h, const struct ev *ev, struct fx *fx)
{
	uint32_t sock = ev->kind == EV_DATAGRAM ? ev->dgram.sock
			: ev->kind == EV_DONE	? ev->done.sock
						: 0;
	struct tftp_session *s = h->sessions;

	if (ev->kind == EV_TIMER) {
		on_timers(h, ev->now, fx);
		return true;
	}
	if (ev->kind == EV_ANSWER)
		while (s && s->ask_id != ev->answer.ask_id)
			s = s->next;
	else
		while (s && (sock == 0 || s->sock != sock))
			s = s->next;
	if (!s)
		return false;
	if (ev->kind == EV_DATAGRAM)
		on_datagram(h, s, ev, fx);
	else if (ev->kind == EV_ANSWER)
		on_answer(h, s, ev, fx);
	else if (ev->kind == EV_DONE)
		on_done(h, s, ev, fx);
	return true;
}
