/* Lines on the server's control connections, and the replies to them. */
#include "ftp/ftp_server.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINES_PER_TURN 64
#define TELNET_ANSWERS 192 /* octets of refused options a turn */

/* --- replies ------------------------------------------------------------------------------ */

static void reply_text(struct ftp_session *s, int code, const char *text, struct fx *fx)
{
	struct sbuf line = SBUF(FTP_REPLY_MAX);

	sbuf_printf(&line, "%d %s\r\n", code, text);
	fx_write(fx, s->sock, line.data, line.len);
	sbuf_done(&line);
}

void ftp_reply(struct ftp_session *s, int code, struct fx *fx, const char *fmt, ...)
{
	char text[FTP_REPLY_MAX - 8];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	reply_text(s, code, text, fx);
}

/* The command as decisions show it. */
static const char *command_text(const struct ftp_session *s, char *out, size_t size)
{
	snprintf(out, size, "%s%s%s", ftp_verb_name(s->verb), *s->arg ? " " : "",
		 s->verb == FTP_PASS && *s->arg ? "***" : s->arg);
	return out;
}

static void decide_reply(const struct ftp_session *s, const char *rule, int code, const char *text,
			 struct fx *fx)
{
	char command[FTP_LINE_MAX + 16];
	const struct val values[] = { CLIENT(s),
				      USER(s),
				      V_TEXT("command", command_text(s, command, sizeof(command))),
				      V_INT("code", code),
				      V_TEXT("text", text),
				      V_END };

	fx_because(fx, s->cause);
	fx_decide_at(fx, rule, s->line_at, values);
}

void ftp_say(struct ftp_session *s, const char *rule, int code, struct fx *fx, const char *fmt, ...)
{
	char text[FTP_REPLY_MAX - 8];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	decide_reply(s, rule, code, text, fx);
	reply_text(s, code, text, fx);
}

void ftp_answer(struct ftp_server *h, struct ftp_session *s, const char *rule, int code, nsec_t now,
		struct fx *fx, const char *fmt, ...)
{
	char text[FTP_REPLY_MAX - 8];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	decide_reply(s, rule, code, text, fx);
	reply_text(s, code, text, fx);
	ftp_ready(h, s, now, fx);
}

/* --- lines -------------------------------------------------------------------------------- */

static void invalid_line(struct ftp_server *h, struct ftp_session *s, const char *why, nsec_t now,
			 struct fx *fx)
{
	bool last = ++s->n_invalid >= INVALID_MAX;

	decide_at(fx, "ftp.server.reject-invalid", s->line_at, CLIENT(s), V_TEXT("why", why),
		  V_INT("count", s->n_invalid), V_INT("code", last ? 421 : 500));
	if (last) {
		ftp_reply(s, 421, fx, "Too many lines that are no commands; goodbye.");
		ftp_session_end(h, s, "too many lines that are no commands", fx);
	} else {
		ftp_reply(s, 500, fx, "Not a command: %s.", why);
		ftp_enter(h, s, s->state, now);
	}
}

static void take_command(struct ftp_server *h, struct ftp_session *s, enum ftp_verb verb,
			 const char *line, size_t len, size_t arg, nsec_t now, struct fx *fx)
{
	char command[FTP_LINE_MAX + 16];

	s->n_commands++;
	if (verb == FTP_UNKNOWN || verb == FTP_NOT_OFFERED) {
		int code = verb == FTP_UNKNOWN ? 500 : 502;

		decide_at(fx, "ftp.server.unsupported", s->line_at, CLIENT(s),
			  V_TEXTN("command", line, strcspn(line, " ")), V_INT("code", code));
		ftp_reply(s, code, fx, code == 500 ? "Unknown command." : "Command not offered.");
		ftp_ready(h, s, now, fx);
		return;
	}
	s->verb = verb;
	str_copy_n(s->arg, sizeof(s->arg), line + arg, len - arg);
	decide_at(fx, "ftp.server.perform", s->line_at, CLIENT(s), USER(s),
		  V_TEXT("command", command_text(s, command, sizeof(command))));
	ftp_perform(h, s, now, fx);
}

static void on_line(struct ftp_server *h, struct ftp_session *s, const char *line, size_t len,
		    nsec_t now, struct fx *fx)
{
	bool transfer = s->state == FTP_OPENING || s->state == FTP_MOVING;
	enum ftp_verb verb;
	size_t arg;

	if (len > FTP_LINE_MAX)
		invalid_line(h, s, "the line is longer than 1024 octets", now, fx);
	else if (ftp_command_parse(line, len, &verb, &arg) < 0)
		invalid_line(h, s, "no word of 3 or 4 letters, or control characters", now, fx);
	else if (transfer)
		ftp_cmd_abor(h, s, now, fx);
	else
		take_command(h, s, verb, line, len, arg, now, fx);
}

/* RFC 959 §4.1.3: the one command that is looked at while a transfer goes on. */
static bool is_abort(const char *line, size_t len)
{
	enum ftp_verb verb;
	size_t arg;

	return ftp_command_parse(line, len, &verb, &arg) == 0 && verb == FTP_ABOR;
}

static bool may_run(const struct ftp_session *s, const char *line, size_t len)
{
	switch (s->state) {
	case FTP_READY:
		return true;
	case FTP_OPENING:
	case FTP_MOVING:
		return is_abort(line, len);
	case FTP_ASKING:
	case FTP_PENALTY:
	case FTP_STORING:
		break;
	}
	return false;
}

/* A line is copied: what it does may make the buffer grow. False: there is none to run now. */
static bool run_line(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	const char *lf = s->input.len ? memchr(s->input.data, '\n', s->input.len) : NULL;
	size_t len = lf ? (size_t)(lf - s->input.data) : 0, end = len + 1;
	char line[FTP_LINE_MAX + 1];

	if (!lf && s->input.len > FTP_LINE_MAX + 1 && s->state == FTP_READY) {
		s->overlong = true;
		s->line_pos += (int64_t)s->input.len;
		sbuf_reset(&s->input);
	}
	if (lf && len > 0 && s->input.data[len - 1] == '\r')
		len--;
	if (!lf || !may_run(s, s->input.data, len))
		return false;
	s->line_at = s->line_pos > 0 ? (uint64_t)s->line_pos : 0;
	s->line_pos += (int64_t)end;
	str_copy_n(line, sizeof(line), s->input.data, len);
	if (memchr(s->input.data, '\0', len))
		line[0] = '\0', len = 0; /* cannot be a command */
	if (s->overlong)
		len = FTP_LINE_MAX + 1;
	s->overlong = false;
	sbuf_consume(&s->input, end);
	on_line(h, s, line, len, now, fx);
	return true;
}

/* What waits of the session's lines. One that sends many gets the next turn for the rest. */
void ftp_run_lines(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	bool full = false;
	int n = 0;

	while (!s->gone && n < LINES_PER_TURN && run_line(h, s, now, fx))
		n++;
	if (s->gone)
		return;
	if (n == LINES_PER_TURN && s->state == FTP_READY)
		timer_set(&h->timers, &s->timer, now + NSEC); /* not in this turn */
	full = s->input.len > INPUT_BUSY_MAX;
	if (full != s->paused)
		fx_pause(fx, s->sock, full);
	s->paused = full;
}

void ftp_control_bytes(struct ftp_server *h, struct ftp_session *s, const struct ev *ev,
		       struct fx *fx)
{
	struct sbuf answers = SBUF(TELNET_ANSWERS);
	unsigned n;

	if (s->state == FTP_READY || s->state == FTP_MOVING || s->state == FTP_OPENING)
		s->cause = ev->cause;
	s->line_pos = -(int64_t)s->input.len;
	n = ftp_telnet_filter(&s->telnet, ev->bytes.data, ev->bytes.len, &s->input, &answers);
	if (n > 0)
		decide(fx, "ftp.server.telnet-bytes", CLIENT(s), V_INT("count", n),
		       V_INT("refused", answers.len / 3));
	if (answers.len > 0)
		fx_write(fx, s->sock, answers.data, answers.len);
	sbuf_done(&answers);
	ftp_run_lines(h, s, ev->now, fx);
}
