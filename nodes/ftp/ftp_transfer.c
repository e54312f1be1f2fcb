/* Transfers: RETR, STOR, APPE and listings, and how they end. */
#include "ftp/ftp_server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PIECE_FIRST (64u << 10) /* octets of a file sent at a time, until it is known how fast */
#define PIECE_MAX   (4u << 20)
#define PIECE_NS    (1 * SEC)
#define TEXT_CHUNK  (64u << 10) /* octets of a file read at a time in TYPE A */
#define STORE_CHUNK (256u << 10)
#define OCTETS_MAX  (4u << 20)
#define LOW_MARK    (FX_STREAM_UNSENT_MAX / 4) /* EV_DRAINED comes at each multiple of it */

static const char *rule_of(const struct ftp_session *s)
{
	switch ((int)s->verb) {
	case FTP_RETR:
		return "ftp.cmd.retr";
	case FTP_STOR:
		return "ftp.cmd.stor";
	case FTP_APPE:
		return "ftp.cmd.appe";
	case FTP_MLSD:
		return "ftp.cmd.mlsd-mlst";
	default:
		return "ftp.cmd.list-nlst";
	}
}

static bool is_file(const struct ftp_session *s)
{
	return s->verb == FTP_RETR || s->verb == FTP_STOR || s->verb == FTP_APPE;
}

static bool stores(const struct ftp_session *s)
{
	return s->verb == FTP_STOR || s->verb == FTP_APPE;
}

/* --- the end ------------------------------------------------------------------------------ */

/* "dir/.name.7", in the device's files. False when that is too long. */
static bool part_path(const struct ftp_server *h, const struct ftp_session *s, char *out,
		      size_t size)
{
	const char *name = strrchr(s->path, '/') + 1;
	char part[ASK_PATH_MAX];
	int n = snprintf(part, sizeof(part), "%.*s.%s.%u", (int)(name - s->path), s->path, name,
			 s->data.number);

	return n >= 0 && (size_t)n < sizeof(part) && ftp_real_path(h, part, out, size);
}

/* Nobody waits for the answer. */
static void discard_part(struct ftp_server *h, struct ftp_session *s, struct fx *fx)
{
	struct ask ask = { .kind = ASK_FILE, .file.op = FILE_DELETE };

	if (s->data.part_used && part_path(h, s, ask.file.path, sizeof(ask.file.path)))
		fx_ask(fx, ++h->next_ask, &ask);
	s->data.part_used = false;
}

static void count_end(struct ftp_server *h, struct ftp_session *s, bool well, const char *result,
		      nsec_t now, struct fx *fx)
{
	if (s->data.number == 0)
		return;
	h->n_done += well;
	h->n_failed += !well;
	h->n_bytes += s->data.bytes;
	ftp_transfer_tell(s, result, now, fx);
	s->data.number = 0;
	sbuf_reset(&s->data.octets);
}

void ftp_transfer_drop(struct ftp_server *h, struct ftp_session *s, const char *why, nsec_t now,
		       struct fx *fx)
{
	s->ask_id = 0;
	discard_part(h, s, fx);
	count_end(h, s, false, why, now, fx);
}

void ftp_transfer_lost(struct ftp_server *h, struct ftp_session *s, int code, const char *why,
		       nsec_t now, struct fx *fx)
{
	ftp_data_close(s, CLOSE_RESET, fx);
	ftp_transfer_drop(h, s, why, now, fx);
	ftp_answer(h, s, "ftp.cmd.transfer-lost", code, now, fx, "Transfer failed: %s.", why);
}

static void complete(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	ftp_data_close(s, CLOSE_FLUSH, fx);
	fx_because(fx, s->cause);
	decide_at(fx, "ftp.data-lifetime", s->line_at, V_ADDR("peer", s->peer.addr),
		  V_TEXT("file", s->path), V_INT("bytes", s->data.bytes));
	count_end(h, s, true, "complete", now, fx);
	ftp_answer(h, s, rule_of(s), 226, now, fx, "Transfer complete.");
}

/* RFC 959 §4.1.3. */
void ftp_cmd_abor(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	if (s->state == FTP_OPENING || s->state == FTP_MOVING) {
		ftp_data_close(s, CLOSE_RESET, fx);
		ftp_transfer_drop(h, s, "aborted by the client", now, fx);
		ftp_say(s, "ftp.cmd.abor", 426, fx, "Transfer aborted.");
	}
	s->verb = FTP_ABOR;
	s->arg[0] = '\0';
	ftp_answer(h, s, "ftp.cmd.abor", 226, now, fx, "ABOR successful.");
}

/* --- sending ------------------------------------------------------------------------------ */

static void text_read(struct ftp_server *h, struct ftp_session *s, const struct answer *a,
		      nsec_t now, struct fx *fx);

static void read_text(struct ftp_server *h, struct ftp_session *s, struct fx *fx)
{
	struct ask ask = { .kind = ASK_FILE,
			   .file = { .op = FILE_READ, .len = TEXT_CHUNK, .offset = s->data.at } };

	(void)ftp_real_path(h, s->path, ask.file.path, sizeof(ask.file.path));
	ftp_ask(h, s, &ask, text_read, fx);
}

static void text_read(struct ftp_server *h, struct ftp_session *s, const struct answer *a,
		      nsec_t now, struct fx *fx)
{
	struct ftp_data *d = &s->data;
	uint64_t before = d->bytes;
	struct sbuf text = SBUF(2 * TEXT_CHUNK);

	if (a->err) {
		ftp_transfer_lost(h, s, 451, a->why, now, fx);
		return;
	}
	if (a->file.len == 0) {
		complete(h, s, now, fx);
		return;
	}
	ftp_text_to_wire(a->file.data, a->file.len, &text);
	d->at += a->file.len;
	d->bytes += text.len;
	fx_write(fx, d->sock, text.data, text.len);
	sbuf_done(&text);
	ftp_enter(h, s, FTP_MOVING, now);
	if (before / LOW_MARK == d->bytes / LOW_MARK)
		read_text(h, s, fx);
}

static void send_piece(struct ftp_session *s, nsec_t now, struct fx *fx)
{
	struct ftp_data *d = &s->data;
	uint64_t left = d->size - d->at, len = d->piece < left ? d->piece : left;

	fx_send_file(fx, d->sock, (const char *)s->data.octets.data, d->at, len);
	d->at += len;
	d->bytes += len;
	d->piece_ns = now;
}

static void send_file(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	struct ftp_data *d = &s->data;
	char path[ASK_PATH_MAX];

	if (d->at >= d->size) {
		complete(h, s, now, fx);
		return;
	}
	(void)ftp_real_path(h, s->path, path, sizeof(path));
	d->octets.max = ASK_PATH_MAX;
	sbuf_reset(&d->octets);
	sbuf_puts(&d->octets, path);
	d->piece = PIECE_FIRST;
	send_piece(s, now, fx);
}

/* What the peer takes in a second is the size of a piece, so that a slow line shows its life and a
 * fast one costs few turns. */
void ftp_transfer_drained(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	struct ftp_data *d = &s->data;

	if (s->state != FTP_MOVING || !d->sending || !is_file(s))
		return;
	ftp_enter(h, s, FTP_MOVING, now);
	if (s->ascii) {
		read_text(h, s, fx);
		return;
	}
	if (now - d->piece_ns > PIECE_NS)
		d->piece = PIECE_FIRST;
	else if (d->piece < PIECE_MAX)
		d->piece *= 2;
	if (d->at >= d->size)
		complete(h, s, now, fx);
	else
		send_piece(s, now, fx);
}

/* --- receiving ---------------------------------------------------------------------------- */

static void stored(struct ftp_server *h, struct ftp_session *s, const struct answer *a, nsec_t now,
		   struct fx *fx);

static void finished(struct ftp_server *h, struct ftp_session *s, const struct answer *a,
		     nsec_t now, struct fx *fx)
{
	if (a->err) {
		ftp_transfer_lost(h, s, 451, a->why, now, fx);
		return;
	}
	s->data.part_used = false;
	complete(h, s, now, fx);
}

/* The next octets to the file; an empty file is written too. */
static void store(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	struct ftp_data *d = &s->data;
	bool append = s->verb == FTP_APPE || s->from > 0 || d->part_used;
	struct ask ask = { .kind = ASK_FILE,
			   .file = { .op = append ? FILE_APPEND : FILE_WRITE,
				     .data = (const uint8_t *)sbuf_text(&d->octets),
				     .len = d->octets.len } };
	bool named = s->verb == FTP_APPE || s->from > 0
			     ? ftp_real_path(h, s->path, ask.file.path, sizeof(ask.file.path))
			     : part_path(h, s, ask.file.path, sizeof(ask.file.path));

	if (!named) {
		ftp_transfer_lost(h, s, 451, "the name is too long", now, fx);
		return;
	}
	d->part_used = s->verb == FTP_STOR && s->from == 0;
	d->at += d->octets.len;
	ftp_ask(h, s, &ask, stored, fx);
	sbuf_reset(&d->octets);
}

/* All has come and is stored: the file takes its place. */
static void finish(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	struct ask ask = { .kind = ASK_FILE, .file.op = FILE_RENAME };
	char to[ASK_PATH_MAX];

	if (!s->data.part_used) { /* it was appended */
		complete(h, s, now, fx);
		return;
	}
	(void)part_path(h, s, ask.file.path, sizeof(ask.file.path));
	(void)ftp_real_path(h, s->path, to, sizeof(to));
	ask.file.data = (const uint8_t *)to;
	ask.file.len = strlen(to);
	ftp_ask(h, s, &ask, finished, fx);
}

static void stored(struct ftp_server *h, struct ftp_session *s, const struct answer *a, nsec_t now,
		   struct fx *fx)
{
	if (a->err)
		ftp_transfer_lost(h, s, a->err == -ENOSPC ? 452 : 451, a->why, now, fx);
	else if (s->data.octets.len >= STORE_CHUNK || (s->data.ended && s->data.octets.len > 0))
		store(h, s, now, fx);
	else if (s->data.ended)
		finish(h, s, now, fx);
}

static void over_quota(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	ftp_data_close(s, CLOSE_RESET, fx);
	ftp_transfer_drop(h, s, "over the quota", now, fx);
	ftp_answer(h, s, "ftp.server.storage-limit", 552, now, fx,
		   "A file may have %llu octets here.", (unsigned long long)h->conf->quota);
}

void ftp_transfer_bytes(struct ftp_server *h, struct ftp_session *s, const struct ev *ev,
			struct fx *fx)
{
	struct ftp_data *d = &s->data;
	int r;

	if (s->state != FTP_MOVING || d->sending)
		return; /* the client has nothing to say there */
	ftp_enter(h, s, FTP_MOVING, ev->now);
	d->bytes += ev->bytes.len;
	if (d->size + d->bytes > h->conf->quota) {
		over_quota(h, s, ev->now, fx);
		return;
	}
	if (s->ascii)
		r = ftp_text_from_wire(&d->text, ev->bytes.data, ev->bytes.len, &d->octets);
	else
		r = sbuf_put(&d->octets, ev->bytes.data, ev->bytes.len);
	if (r < 0)
		ftp_transfer_lost(h, s, 451, "the file is not stored fast enough", ev->now, fx);
	else if (d->octets.len >= STORE_CHUNK && !s->ask_id)
		store(h, s, ev->now, fx);
}

static void received_all(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	struct ftp_data *d = &s->data;

	d->ended = true;
	ftp_text_end(&d->text, &d->octets);
	ftp_enter(h, s, FTP_STORING, now);
	if (!s->ask_id)
		store(h, s, now, fx);
}

void ftp_transfer_closed(struct ftp_server *h, struct ftp_session *s, int err, nsec_t now,
			 struct fx *fx)
{
	struct ftp_data *d = &s->data;

	if (err) { /* the shell has forgotten it */
		d->sock = 0;
		d->open = false;
	}
	if (s->state == FTP_OPENING && err)
		ftp_data_failed(h, s, strerror(err), now, fx);
	else if (s->state == FTP_MOVING && err)
		ftp_transfer_lost(h, s, 426, strerror(err), now, fx);
	else if (s->state == FTP_MOVING && !d->sending)
		received_all(h, s, now, fx);
	else if (err)
		ftp_data_close(s, CLOSE_RESET, fx);
}

/* --- listings ----------------------------------------------------------------------------- */

static void listing_text(const struct ftp_server *h, const struct ftp_session *s,
			 const struct answer *a, nsec_t now, struct sbuf *out)
{
	const char *p = (const char *)a->file.data, *end = p + a->file.len;
	int64_t now_s = device_clock_ns(h->dev, now) / SEC;
	struct ftp_entry e;
	char perm[12];

	while (a->file.len > 0 && ftp_entry_next(&p, end, &e)) {
		if (s->verb == FTP_NLST) {
			sbuf_printf(out, "%s\r\n", e.name);
		} else if (s->verb == FTP_LIST) {
			ftp_entry_list(&e, s->rights & FTP_WRITE, now_s, out);
		} else {
			ftp_entry_facts(&e, ftp_perm(s, e.is_dir, perm), out);
			sbuf_puts(out, "\r\n");
		}
	}
}

static void listed(struct ftp_server *h, struct ftp_session *s, const struct answer *a, nsec_t now,
		   struct fx *fx)
{
	/* No files folder yet: it is empty. */
	bool none = a->err == -ENOENT && strcmp(s->path, "/") == 0;

	if (a->err && !none) {
		ftp_answer(h, s, rule_of(s), 550, now, fx, "%s: %s.", s->path, a->why);
		return;
	}
	s->data.octets.max = FX_STREAM_UNSENT_MAX / 2;
	sbuf_reset(&s->data.octets);
	if (!none)
		listing_text(h, s, a, now, &s->data.octets);
	ftp_say(s, rule_of(s), 150, fx, "Here comes the listing.");
	ftp_data_open(h, s, now, fx);
}

/* LIST of a file: that file's line. */
static void looked_at(struct ftp_server *h, struct ftp_session *s, const struct answer *a,
		      nsec_t now, struct fx *fx)
{
	struct answer one = { 0 };
	char line[ASK_PATH_MAX + 64];

	if (a->err || a->file.is_dir) {
		ftp_ask_file(h, s, FILE_LIST, s->path, listed, fx);
		return;
	}
	snprintf(line, sizeof(line), "- %llu %lld %s\n", (unsigned long long)a->file.size,
		 (long long)a->file.mtime_ns, strrchr(s->path, '/') + 1);
	one.file.data = (const uint8_t *)line;
	one.file.len = strlen(line);
	listed(h, s, &one, now, fx);
}

/* "-la dir": what ls would be told; without a meaning here. */
static void drop_options(char *arg)
{
	while (*arg == '-') {
		char *rest = arg + strcspn(arg, " ");

		rest += strspn(rest, " ");
		memmove(arg, rest, strlen(rest) + 1);
	}
}

/* --- what begins one ---------------------------------------------------------------------- */

/* Rights, path and a way for the data. */
static bool may_begin(struct ftp_server *h, struct ftp_session *s, unsigned right, nsec_t now,
		      struct fx *fx)
{
	const char *denied = s->verb == FTP_RETR  ? "ftp.cmd.retr-missing"
			     : right == FTP_WRITE ? "ftp.cmd.stor-denied"
						  : rule_of(s);

	if (!ftp_may(h, s, right, denied, now, fx) || !ftp_take_path(h, s, denied, now, fx))
		return false;
	if (s->data.mode != FTP_NO_DATA)
		return true;
	ftp_answer(h, s, "ftp.data-open-fail", 425, now, fx, "Use PASV, EPSV, PORT or EPRT first.");
	return false;
}

void ftp_cmd_list(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	drop_options(s->arg);
	if (may_begin(h, s, FTP_LISTS, now, fx))
		ftp_ask_file(h, s, FILE_STAT, s->path, looked_at, fx);
}

static void retr_found(struct ftp_server *h, struct ftp_session *s, const struct answer *a,
		       nsec_t now, struct fx *fx)
{
	if (a->err || a->file.is_dir) {
		ftp_answer(h, s, "ftp.cmd.retr-missing", 550, now, fx, "%s: %s.", s->path,
			   a->err ? a->why : "not a plain file");
		return;
	}
	if (s->from > a->file.size) {
		ftp_answer(h, s, "ftp.cmd.rest", 554, now, fx, "The file ends before that.");
		return;
	}
	s->data.size = a->file.size;
	s->data.at = s->from;
	ftp_say(s, "ftp.cmd.retr", 150, fx, "Opening data connection for %s (%llu bytes).", s->path,
		(unsigned long long)(a->file.size - s->from));
	ftp_data_open(h, s, now, fx);
}

void ftp_cmd_retr(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	if (may_begin(h, s, FTP_READ, now, fx))
		ftp_ask_file(h, s, FILE_STAT, s->path, retr_found, fx);
}

static void stor_parent(struct ftp_server *h, struct ftp_session *s, const struct answer *a,
			nsec_t now, struct fx *fx)
{
	if (a->err || !a->file.is_dir) {
		ftp_answer(h, s, "ftp.cmd.stor-denied", 550, now, fx,
			   "%s: there is no such directory.", s->path);
		return;
	}
	ftp_say(s, rule_of(s), 150, fx, "Send %s.", s->path);
	ftp_data_open(h, s, now, fx);
}

static void stor_found(struct ftp_server *h, struct ftp_session *s, const struct answer *a,
		       nsec_t now, struct fx *fx)
{
	uint64_t size = a->err ? 0 : a->file.size;

	if ((!a->err && a->file.is_dir) || (a->err && a->err != -ENOENT)) {
		ftp_answer(h, s, "ftp.cmd.stor-denied", 550, now, fx, "%s: %s.", s->path,
			   a->err ? a->why : "it is a directory");
	} else if (s->from > 0 && s->from != size) {
		ftp_answer(h, s, "ftp.cmd.rest", 554, now, fx, "The file ends elsewhere.");
	} else {
		s->data.size = s->verb == FTP_APPE || s->from > 0 ? size : 0;
		ftp_ask_parent(h, s, stor_parent, now, fx);
	}
}

void ftp_cmd_stor(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	if (may_begin(h, s, FTP_WRITE, now, fx))
		ftp_ask_file(h, s, FILE_STAT, s->path, stor_found, fx);
}

/* The data connection is open. */
void ftp_transfer_begin(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	struct ftp_data *d = &s->data;

	d->number = ++h->n_transfers;
	d->sending = !stores(s);
	d->passive = d->mode == FTP_PASSIVE;
	d->bytes = 0;
	d->began_ns = now;
	d->ended = d->part_used = false;
	d->text = (struct ftp_text){ 0 };
	ftp_enter(h, s, FTP_MOVING, now);
	ftp_transfer_tell(s, "running", now, fx);
	if (is_file(s) && s->ascii)
		decide(fx, "ftp.representation", V_TEXT("file", s->path),
		       V_ADDR("peer", s->peer.addr));
	if (stores(s)) {
		d->octets.max = OCTETS_MAX;
		sbuf_reset(&d->octets);
		d->at = 0;
		fx_pause(fx, d->sock, false);
	} else if (!is_file(s)) {
		d->bytes = d->octets.len;
		if (d->octets.len > 0)
			fx_write(fx, d->sock, d->octets.data, d->octets.len);
		complete(h, s, now, fx);
	} else if (s->ascii) {
		read_text(h, s, fx);
	} else {
		send_file(h, s, now, fx);
	}
}
