/* The server's replies, and what follows from each: the next command, or the end of the job. */
#include "ftp/ftp_client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- commands ----------------------------------------------------------------------------- */

void ftp_client_step(struct ftp_connection *c, enum ftp_verb verb, const char *arg)
{
	struct ftp_step *s = &c->steps[c->n_steps];

	if (c->n_steps == STEPS_MAX)
		return; /* no job has so many */
	s->verb = verb;
	str_copy_n(s->arg, sizeof(s->arg), arg, strcspn(arg, "\r\n")); /* one line */
	c->n_steps++;
}

static bool moves(enum ftp_verb verb)
{
	return verb == FTP_RETR || verb == FTP_STOR || verb == FTP_LIST;
}

static void send_command(struct ftp_client *h, struct ftp_connection *c, const struct ftp_step *s,
			 nsec_t now, struct fx *fx)
{
	bool secret = s->verb == FTP_PASS;
	struct sbuf line = SBUF(ASK_PATH_MAX + 8);

	c->current = s->verb;
	c->replied = false;
	if (secret)
		decide(fx, "ftp.mask-secrets", V_ADDR("client", c->local.addr),
		       V_TEXT("user", c->user));
	sbuf_printf(&line, "%s%s%s", ftp_verb_name(s->verb), *s->arg ? " " : "",
		    secret && *s->arg ? "***" : s->arg);
	decide(fx, "ftp.client.next-command", SERVER(c), V_TEXT("command", sbuf_text(&line)));
	if (secret) {
		sbuf_reset(&line);
		sbuf_printf(&line, "PASS %s", s->arg);
	}
	sbuf_puts(&line, "\r\n");
	fx_write(fx, c->sock, line.data, line.len);
	sbuf_done(&line);
	ftp_client_wait(h, c, now);
	if (moves(s->verb))
		ftp_move_begin(h, c, now, fx);
}

void ftp_client_next(struct ftp_client *h, struct ftp_connection *c, nsec_t now, struct fx *fx)
{
	struct ftp_step s = c->steps[0];

	if (c->n_steps == 0)
		return;
	c->n_steps--;
	memmove(c->steps, c->steps + 1, c->n_steps * sizeof(c->steps[0]));
	send_command(h, c, &s, now, fx);
}

void ftp_client_fail(struct ftp_connection *c, const char *why)
{
	if (!*c->why)
		str_copy(c->why, sizeof(c->why), *why ? why : "the server refused");
	c->n_steps = 0;
}

/* --- jobs --------------------------------------------------------------------------------- */

/* What a job came to, for the person. */
static void report(const struct ftp_connection *c, nsec_t now, struct fx *fx)
{
	const struct ftp_move *m = &c->move;
	nsec_t took = now > m->began_ns ? now - m->began_ns : 1;

	if (*c->why)
		fx_print(fx, c->call, "%% ftp: %s\n", c->why);
	else if (c->job == JOB_GET || c->job == JOB_PUT)
		fx_print(fx, c->call, "%" PRIu64 " bytes %s in %" PRId64 ".%03" PRId64 " seconds\n",
			 m->bytes, c->job == JOB_GET ? "received" : "sent", took / SEC,
			 took % SEC / MSEC);
}

static void say_goodbye(struct ftp_client *h, struct ftp_connection *c, nsec_t now, struct fx *fx)
{
	struct answer a = { .err = *c->why ? -EIO : 0 };
	bool octets = !*c->why && c->job == JOB_GET && !*c->move.local;

	str_copy(a.why, sizeof(a.why), c->why);
	a.file.size = octets ? c->move.octets.len : c->move.bytes;
	a.file.len = octets ? c->move.octets.len : 0;
	fx_answer_octets(fx, c->asker, &a, octets ? sbuf_text(&c->move.octets) : "", a.file.len);
	c->asker = c->call = 0;
	send_command(h, c, &(struct ftp_step){ .verb = FTP_QUIT }, now, fx);
}

static void job_done(struct ftp_client *h, struct ftp_connection *c, nsec_t now, struct fx *fx)
{
	bool well = !*c->why;

	ftp_move_end(h, c, c->why, now, fx);
	if (c->known && c->call && c->job == JOB_GET && well)
		fx_print(fx, c->call, "!\n[OK - %" PRIu64 " bytes]\n\n", c->move.bytes);
	if (c->known) {
		say_goodbye(h, c, now, fx);
		return;
	}
	report(c, now, fx);
	c->why[0] = '\0';
	ftp_prompt(h, c, now, fx);
}

void ftp_client_check(struct ftp_client *h, struct ftp_connection *c, nsec_t now, struct fx *fx)
{
	struct ftp_move *m = &c->move;

	if (c->gone || !c->replied || c->n_steps > 0 || c->state != CLIENT_WAITING)
		return;
	if (!*c->why && m->number && !m->ended)
		return; /* the reply came before the data had */
	if (!*c->why && m->number && !m->stored)
		ftp_move_finish(h, c, now, fx);
	else
		job_done(h, c, now, fx);
}

/* --- login -------------------------------------------------------------------------------- */

static void logged_in(struct ftp_client *h, struct ftp_connection *c, nsec_t now, struct fx *fx)
{
	c->logged_in = true;
	memset(c->password, 0, sizeof(c->password));
	ftp_client_tell(c, fx);
	if (c->known)
		ftp_job_start(h, c, c->job, c->move.remote, c->move.local, now, fx);
	else
		ftp_prompt(h, c, now, fx);
}

static void greeted(struct ftp_client *h, struct ftp_connection *c, int code, nsec_t now,
		    struct fx *fx)
{
	if (code != 220) {
		ftp_client_end(h, c, "the server does not let us in", now, fx);
	} else if (c->known) {
		ftp_client_step(c, FTP_USER, c->user);
		ftp_client_next(h, c, now, fx);
	} else {
		ftp_prompt_for(h, c, ASKS_USER, now, fx);
	}
}

static void login_reply(struct ftp_client *h, struct ftp_connection *c, int code, nsec_t now,
			struct fx *fx)
{
	decide(fx, "ftp.client.login", SERVER(c), V_TEXT("user", c->user), V_INT("code", code));
	if (code == 230 || code == 202) {
		logged_in(h, c, now, fx);
	} else if (code == 331 && c->current == FTP_USER && c->known) {
		ftp_client_step(c, FTP_PASS, c->password);
		ftp_client_next(h, c, now, fx);
	} else if (code == 331 && c->current == FTP_USER) {
		ftp_prompt_for(h, c, ASKS_PASSWORD, now, fx);
	} else if (c->known) {
		ftp_client_end(h, c, "Login incorrect", now, fx);
	} else {
		fx_print(fx, c->call, "Login failed.\n");
		ftp_prompt(h, c, now, fx);
	}
}

/* --- replies ------------------------------------------------------------------------------ */

static void transfer_reply(struct ftp_client *h, struct ftp_connection *c, int code,
			   const char *text, nsec_t now, struct fx *fx)
{
	if (code >= 400) {
		if (c->move.bytes > 0)
			decide(fx, "ftp.client.incomplete", SERVER(c),
			       V_TEXT("file", c->move.remote), V_TEXT("why", text));
		ftp_client_fail(c, text);
	}
	ftp_client_check(h, c, now, fx);
}

static void final_reply(struct ftp_client *h, struct ftp_connection *c, int code, const char *text,
			nsec_t now, struct fx *fx)
{
	c->replied = true;
	switch ((int)c->current) {
	case FTP_UNKNOWN:
		greeted(h, c, code, now, fx);
		return;
	case FTP_USER:
	case FTP_PASS:
		login_reply(h, c, code, now, fx);
		return;
	case FTP_QUIT:
		ftp_client_end(h, c, "", now, fx);
		return;
	case FTP_PASV:
	case FTP_EPSV:
		ftp_move_passive(h, c, code, text, fx);
		break;
	case FTP_RETR:
	case FTP_STOR:
	case FTP_LIST:
		transfer_reply(h, c, code, text, now, fx);
		return;
	case FTP_TYPE:
		c->type = code < 300 ? (c->move.ascii ? 'A' : 'I') : 0;
		if (code >= 400)
			ftp_client_fail(c, text);
		break;
	default:
		if (code >= 400 || (code >= 300 && c->current != FTP_RNFR))
			ftp_client_fail(c, text);
	}
	ftp_client_next(h, c, now, fx);
	ftp_client_check(h, c, now, fx);
}

static const char *meaning(int code)
{
	static const char *const words[] = { "more will follow", "success", "it wants more",
					     "failure, for now", "failure" };

	return words[code / 100 - 1];
}

static void on_reply(struct ftp_client *h, struct ftp_connection *c, const struct ftp_reply *r,
		     nsec_t now, struct fx *fx)
{
	char text[ANSWER_WHY_MAX];

	str_copy_n(text, sizeof(text), r->text, r->len);
	decide(fx, "ftp.client.inform-app", SERVER(c), V_INT("code", r->code),
	       V_TEXT("meaning", meaning(r->code)));
	if (r->code == 421) {
		decide(fx, "ftp.client.control-lost", SERVER(c), V_TEXT("why", text));
		ftp_client_end(h, c, *c->why ? c->why : text, now, fx);
	} else if (r->code < 200) {
		decide(fx, "ftp.client.preliminary-reply", SERVER(c), V_INT("code", r->code));
		ftp_client_wait(h, c, now);
	} else if (c->state == CLIENT_WAITING && !c->replied) {
		final_reply(h, c, r->code, text, now, fx);
	}
}

/* --- lines -------------------------------------------------------------------------------- */

static void show_line(const struct ftp_connection *c, const char *line, size_t len, struct fx *fx)
{
	if (c->known)
		return;
	decide(fx, "ftp.client.display", SERVER(c), V_TEXTN("line", line, len));
	ftp_client_print(c, line, len, fx);
	fx_print(fx, c->call, "\n");
}

/* RFC 959 §4.2: until the same code and a blank. */
static void in_multiline(struct ftp_client *h, struct ftp_connection *c, const char *line,
			 size_t len, nsec_t now, struct fx *fx)
{
	struct ftp_reply r;

	show_line(c, line, len, fx);
	if (ftp_reply_parse(line, len, &r) == 0 && !r.more && r.code == c->multiline) {
		decide(fx, "ftp.client.multiline-reply", SERVER(c), V_INT("code", r.code),
		       V_INT("lines", c->n_lines + 1));
		c->multiline = 0;
		on_reply(h, c, &r, now, fx);
	} else if (++c->n_lines > REPLY_LINES_MAX) {
		ftp_client_end(h, c, "a reply of the server does not end", now, fx);
	}
}

static void drop_line(struct ftp_connection *c, const char *why, struct fx *fx)
{
	decide(fx, "ftp.client.drop-invalid", SERVER(c), V_TEXT("why", why));
}

static void on_line(struct ftp_client *h, struct ftp_connection *c, const char *line, size_t len,
		    nsec_t now, struct fx *fx)
{
	struct ftp_reply r;

	if (c->multiline) {
		in_multiline(h, c, line, len, now, fx);
	} else if (len > FTP_REPLY_MAX) {
		drop_line(c, "the line is longer than 4096 octets", fx);
	} else if (ftp_reply_parse(line, len, &r) < 0) {
		drop_line(c, "a line without a code", fx);
	} else if (r.more) {
		show_line(c, line, len, fx);
		c->multiline = r.code;
		c->n_lines = 1;
	} else {
		show_line(c, line, len, fx);
		on_reply(h, c, &r, now, fx);
	}
}

/* Takes lines out of what has come. */
static void read_lines(struct ftp_client *h, struct ftp_connection *c, nsec_t now, struct fx *fx)
{
	const char *lf;

	while (!c->gone && c->input.len > 0 &&
	       (lf = memchr(c->input.data, '\n', c->input.len)) != NULL) {
		char line[2 * FTP_REPLY_MAX + 1];
		size_t len = (size_t)(lf - c->input.data), end = len + 1;

		if (len > 0 && c->input.data[len - 1] == '\r')
			len--;
		str_copy_n(line, sizeof(line), c->input.data, len);
		sbuf_consume(&c->input, end);
		if (!c->skipping)
			on_line(h, c, line, len, now, fx);
		c->skipping = false;
	}
	if (c->gone || c->input.len <= FTP_REPLY_MAX)
		return;
	if (!c->skipping)
		drop_line(c, "the line is longer than 4096 octets", fx);
	c->skipping = true;
	sbuf_reset(&c->input);
}

void ftp_client_bytes(struct ftp_client *h, struct ftp_connection *c, const struct ev *ev,
		      struct fx *fx)
{
	const uint8_t *p = ev->bytes.data, *end = p + ev->bytes.len;

	while (p < end && !c->gone) {
		size_t n = (size_t)(end - p) < FTP_REPLY_MAX ? (size_t)(end - p) : FTP_REPLY_MAX;

		sbuf_put(&c->input, p, n);
		p += n;
		read_lines(h, c, ev->now, fx);
	}
}
